//! Floating point inline against the helpers that define it: results, flags, and what MRS sees of them.

mod common;

use brolga_arm::a64::Row;
use brolga_arm::state;
use brolga_core::Env;
use brolga_cranelift::Options;
use brolga_ir::{Block, Builder, DisasContext, Flow, Frontend, JumpKind, Passes, optimise};
use common::program::rows;
use common::*;

const MRS_X9_FPSR: u32 = 0xd53b_4429;
const MRS_X10_FPSR: u32 = 0xd53b_442a;
const MSR_FPSR_XZR: u32 = 0xd51b_443f;

/// FPCR: the default, default NaNs, the other rounding modes, flushing to zero.
const MODES: [u64; 6] = [0, 1 << 25, 1 << 22, 2 << 22, 3 << 22, 1 << 24];

/// The words as blocks from 0x1000 on, each as long as the front end makes it.
fn blocks(words: &[u32], fpcr: u64) -> Vec<Block> {
    let mut env = Env::default();
    env.set(state::FPCR, fpcr);
    let mode = brolga_arm::A64.mode(&env);
    let (mut out, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let pc = 0x1000 + 4 * at as u64;
        let mut dc = DisasContext { b: Builder::new(pc, mode), pc, bytes: [0; 16], available: 4, mode };
        let mut flow = Flow::Next;
        while flow == Flow::Next && at < words.len() {
            dc.bytes[..4].copy_from_slice(&words[at].to_le_bytes());
            flow = brolga_arm::A64.translate_insn(&mut dc);
            dc.pc += 4;
            at += 1;
        }
        if flow == Flow::Next {
            dc.b.goto(JumpKind::Jump, dc.pc);
        }
        out.push(optimise(&dc.b.block, &Passes::ALL, &state::REGS));
    }
    out
}

/// A number of 32 or 64 bits whose class is any, often near a border.
fn number(random: &mut Random, bits: u32) -> u64 {
    let (fraction, bias) = if bits == 64 { (52, 1023) } else { (23, 127) };
    let top = 2 * bias + 1;
    let field = match random.below(16) {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => top,
        5 => top - 1,
        6..13 => bias + random.below(16) - 8,
        13 => bias + random.below(140).min(bias),
        _ => random.below(top),
    };
    let ones = (1u64 << fraction) - 1;
    let low = match random.below(8) {
        0 | 1 => 0,
        2 => ones,
        3 => 1,
        4 => 1 << random.below(fraction),
        5 => (random.below(16)) << (fraction - 4),
        _ => random.next() & ones,
    };
    random.below(2) << (bits - 1) | field << fraction | low
}

/// Pairs whose product, quotient or conversion lies next to the smallest normal number.
fn border(random: &mut Random, bits: u32) -> [u64; 2] {
    let pick = |random: &mut Random, list: &[u64]| list[random.below(list.len() as u64) as usize];
    if bits == 64 {
        let (one, small) = (1f64.to_bits(), f64::MIN_POSITIVE.to_bits());
        let near = pick(random, &[one - 2, one - 1, one, one + 1, one + 2]);
        // The second group is next to the smallest normal single.
        let single = f64::from(f32::MIN_POSITIVE).to_bits();
        let tiny = pick(random, &[small - 2, small - 1, small, small + 1, single - 1, single - 0x0fff_ffff, single]);
        return [near, tiny];
    }
    let (one, small) = (1f32.to_bits().into(), f32::MIN_POSITIVE.to_bits().into());
    let near = pick(random, &[one - 2, one - 1, one, one + 1, one + 2]);
    [near, pick(random, &[small - 2, small - 1, small, small + 1])]
}

fn state(random: &mut Random, fpcr: u64) -> Env {
    let mut env = random_env(random);
    env.set(state::FPCR, fpcr);
    env.set(state::PC, 0x1000);
    env.set(state::FPSR, if random.below(3) == 0 { 16 } else { 0 });
    let bits = if random.below(2) == 0 { 32 } else { 64 };
    let borders = random.below(4) == 0;
    for n in 0..32 {
        let mut v = 0;
        for at in (0..128).step_by(bits as usize) {
            let pair = border(random, bits);
            let lane = if borders { pair[n as usize & 1] } else { number(random, bits) };
            v |= u128::from(lane) << at;
        }
        env.set128(state::v(n), v);
    }
    for n in 0..20 {
        if random.below(2) == 0 {
            env.set(state::x(n), random.operand());
        }
    }
    env
}

/// Runs `words` both ways on `states` states.
fn check(rig: &Rig, what: &str, words: &[u32], fpcr: u64, states: u32) {
    let blocks = blocks(words, fpcr);
    let code = rig.install(&region(blocks.clone(), true)).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut random = Random(words[0] as u64 ^ fpcr);
    for _ in 0..states {
        let env = state(&mut random, fpcr);
        let mut want = copy(&env);
        let leave = interpret(&blocks, &mut want, 100);
        let mut cpu = Cpu::new(rig, &env);
        let got = rig.tier.enter(code.entries[0].1, &mut cpu.env);
        assert!(same_leave(got, leave), "{what}: {got:?} and {leave:?}");
        if let Some(d) = difference(&cpu.env, &want) {
            let word = words[0];
            let v = |n: u32| format!("v{n}={:032x}", env.get128(state::v(n)));
            let shown = [v(word & 31), v(word >> 5 & 31), v(word >> 16 & 31), v(word >> 10 & 31)].join(" ");
            panic!("{what} {words:08x?} fpcr={fpcr:#x} fpsr={:#x}: {d}\n{shown}", env.get(state::FPSR));
        }
    }
    rig.tier.remove(&code);
    rig.tier.release(code);
}

fn random_word(row: Row, random: &mut Random) -> u32 {
    brolga_arm::a64::random_word(row, &mut || random.next() >> 32)
}

fn every_row(options: Options, words: u32, states: u32) {
    let rig = Rig::new(options);
    let mut random = Random(11);
    let all = rows(&["fp", "simd_fp"]);
    assert!(all.len() > 250, "{} rows", all.len());
    for row in all {
        for fpcr in MODES {
            for _ in 0..words {
                let word = random_word(row, &mut random);
                let other = random_word(row, &mut random);
                // Flags of the first, then of the second alone.
                let seen = [word, MRS_X9_FPSR, MSR_FPSR_XZR, other, MRS_X10_FPSR, word];
                check(&rig, &format!("{row:?}"), &seen, fpcr, states);
            }
        }
    }
}

#[test]
fn every_row_in_every_mode() {
    every_row(Options::default(), 2, 60);
}

#[test]
fn every_row_without_the_hosts_arithmetic() {
    every_row(Options { no_host_fp: true, ..Options::default() }, 1, 5);
}

/// What a sequence leaves in FPSR, and where it is inline.
#[test]
fn common_operations_are_inline() {
    let rig = Rig::new(Options::default());
    for (word, host) in [
        (0x1e62_2820, "addsd"),                         // fadd d0, d1, d2
        (0x1e22_0820, "mulss"),                         // fmul s0, s1, s2
        (0x4e62_d420, "addpd"),                         // fadd v0.2d, v1.2d, v2.2d
        (0x6e22_dc20, "mulps"),                         // fmul v0.4s, v1.4s, v2.4s
        (0x1e62_2030, "ucomisd"),                       // fcmpe d1, d2
        (0x9e78_0020, "cvt_float64_to_sint64_sat_seq"), // fcvtzs x0, d1
        (0x9e62_0020, "cvtsi2sd"),                      // scvtf d0, x1
    ] {
        let listing = rig.tier.listing(&region(blocks(&[word], 0), true)).unwrap();
        assert!(listing.host.contains(host), "{word:08x} has no {host}:\n{}", listing.host);
    }
}

/// Many operations in one region, whose flags stay with the host until a block reads them.
#[test]
fn flags_are_those_of_the_sequence() {
    let rig = Rig::new(Options::default());
    let mut random = Random(5);
    let all = rows(&["fp", "simd_fp"]);
    for round in 0..120 {
        let fpcr = MODES[round % 5];
        let mut words: Vec<u32> =
            (0..12).map(|_| random_word(all[random.below(all.len() as u64) as usize], &mut random)).collect();
        for at in [4, 8] {
            words[at] = [MRS_X9_FPSR, MSR_FPSR_XZR][random.below(2) as usize];
        }
        check(&rig, "sequence", &words, fpcr, 30);
    }
}
