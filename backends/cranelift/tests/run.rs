//! Polls, links and returns while other threads interfere.
#![allow(unsafe_code, reason = "asks a running processor to stop, as another thread would")]

mod common;

use brolga_arm::state;
use brolga_core::{Env, JumpEntry, Reg};
use brolga_cranelift::{HostExit, Options};
use common::program::{BASE, Program};
use common::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// An `Env` whose exit word another thread may set.
struct Remote(*const Env);

// SAFETY: the other thread touches the atomic exit word only, and is joined before `Env` goes.
unsafe impl Send for Remote {}

impl Remote {
    fn ask(&self) {
        // SAFETY: as above.
        unsafe { (*self.0).request_exit() }
    }
}

/// Runs `program`, cut into regions at `cuts`, linked; asks it to stop after a while. So with entries in either place of the
/// jump cache.
fn stops(words: &[u32], cuts: &[u64]) {
    [JumpEntry::index, JumpEntry::second].into_iter().for_each(|place| stops_with(words, cuts, place));
}

fn stops_with(words: &[u32], cuts: &[u64], place: fn(u64) -> usize) {
    let rig = Rig::new(Options::default());
    let mut program = Program::new(words.to_vec());
    let mut codes = Vec::new();
    for &pc in cuts {
        let blocks = if cuts.len() == 1 { program.reachable(pc, 20) } else { program.reachable(pc, 1) };
        codes.push(rig.install(&region(blocks, true)).unwrap());
    }
    let entries: Vec<_> = codes.iter().flat_map(|c| c.entries.clone()).collect();
    for (slot, pc) in codes.iter().flat_map(|c| c.exits.clone()) {
        if let Some(&(_, host)) = entries.iter().find(|e| e.0 == pc) {
            rig.tier.link(slot, host);
        }
    }
    let mut cpu = Cpu::new(&rig, &Env::default());
    for &(pc, host) in &entries {
        assert_ne!(JumpEntry::index(pc), JumpEntry::second(pc));
        cpu.cache[place(pc)] = JumpEntry { guest: pc, host };
    }
    // On a busy machine a request may come before the code has begun: it is asked once more then.
    let ran = (0..100).any(|_| {
        let remote = Remote(&*cpu.env);
        std::thread::scope(|s| {
            s.spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                remote.ask();
            });
            let exit = rig.tier.enter(entries[0].1, &mut cpu.env);
            assert_eq!(exit, HostExit::Polled);
        });
        let pc = cpu.env.get(state::PC);
        assert!(entries.iter().any(|e| e.0 == pc) || cuts.len() == 1, "stopped at {pc:#x}");
        assert!(cpu.env.take_exit_request(), "the request is there until it is taken");
        cpu.env.get(Reg(0)) > 100
    });
    assert!(ran, "it stops at once");
}

#[test]
fn loop_of_one_block_stops() {
    stops(&[0x9100_0400, 0x17ff_ffff], &[BASE]); // add x0, x0, #1; b .-4
}

#[test]
fn loop_of_two_blocks_stops() {
    // add x0, x0, #1; cbz x1, +8; nop; b .-12
    stops(&[0x9100_0400, 0xb400_0041, 0xd503_201f, 0x17ff_fffd], &[BASE]);
}

#[test]
fn loop_through_links_stops() {
    // add x0, x0, #1; b +4; add x1, x1, #1; b .-12
    stops(&[0x9100_0400, 0x1400_0001, 0x9100_0421, 0x17ff_fffd], &[BASE, BASE + 8]);
}

#[test]
fn loop_through_indirect_jumps_stops() {
    // add x0, x0, #1; adr x2, .-4; br x2
    stops(&[0x9100_0400, 0x10ff_ffe2, 0xd61f_0040], &[BASE]);
    // add x0, x0, #1; adr x2, +8; br x2; add x1, x1, #1; adr x2, .-16; br x2
    stops(&[0x9100_0400, 0x1000_0042, 0xd61f_0040, 0x9100_0421, 0x10ff_ff82, 0xd61f_0040], &[BASE, BASE + 12]);
}

#[test]
fn loop_through_calls_and_returns_stops() {
    // bl +8; b .-4; add x0, x0, #1; ret
    let words = [0x9400_0002, 0x17ff_ffff, 0x9100_0400, 0xd65f_03c0];
    stops(&words, &[BASE]);
    stops(&words, &[BASE, BASE + 4, BASE + 8]);
}

/// Two regions that jump to each other while another thread links and unlinks them.
#[test]
fn links_change_under_a_running_thread() {
    let rig = Rig::new(Options::default());
    // sub x0, x0, #1; cbz x0, end; add x1, x1, x0; b B;  B: eor x1, x1, x0, lsl #1; b A;  end
    let words = [0xd100_0400, 0xb400_00a0, 0x8b00_0021, 0x1400_0001, 0xca00_0421, 0x17ff_fffb];
    let mut program = Program::new(words.to_vec());
    let a = rig.install(&region(program.reachable(BASE, 2), true)).unwrap();
    let b = rig.install(&region(program.reachable(BASE + 16, 1), true)).unwrap();
    let entries = [a.entries[0], b.entries[0]];
    let links: Vec<_> = [&a, &b]
        .iter()
        .flat_map(|c| c.exits.iter())
        .filter_map(|&(slot, pc)| entries.iter().find(|e| e.0 == pc).map(|e| (slot, e.1)))
        .collect();
    assert_eq!(links.len(), 2);
    let mut env = Env::default();
    env.set(state::PC, BASE);
    env.set(Reg(0), 20_000_000);
    let mut cpu = Cpu::new(&rig, &env);
    let done = AtomicBool::new(false);
    let mut returned = 0;
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut random = Random(1);
            while !done.load(Ordering::Relaxed) {
                let (slot, host) = links[random.below(2) as usize];
                if random.below(2) == 0 {
                    rig.tier.unlink(slot);
                } else {
                    rig.tier.link(slot, host);
                }
            }
        });
        while let Some(&(_, host)) = entries.iter().find(|e| e.0 == cpu.env.get(state::PC)) {
            let exit = rig.tier.enter(host, &mut cpu.env);
            assert!(matches!(exit, HostExit::Goto { slot: Some(_) }), "{exit:?}");
            returned += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(returned > 1, "some jump found its slot unlinked");
    assert_eq!(cpu.env.get(state::PC), program.end());
    let mut want = 0u64;
    for x in (1..20_000_000u64).rev() {
        want = want.wrapping_add(x) ^ x << 1;
    }
    assert_eq!(cpu.env.get(Reg(1)), want);
}

#[test]
fn removed_code_is_left_and_its_memory_used_again() {
    let rig = Rig::new(Options::default());
    let mut program = Program::new(vec![0x9100_0400, 0x1400_0001, 0x9100_0400]); // add; b +4; add
    let first = rig.install(&region(program.reachable(BASE, 1), true)).unwrap();
    let second = rig.install(&region(program.reachable(BASE + 8, 1), true)).unwrap();
    let (slot, _) = first.exits[0];
    let target = second.entries[0].1;
    rig.tier.link(slot, target);
    let mut cpu = Cpu::new(&rig, &Env::default());
    rig.tier.enter(first.entries[0].1, &mut cpu.env);
    assert_eq!((cpu.env.get(Reg(0)), cpu.env.get(state::PC)), (2, program.end()));
    rig.tier.unlink(slot);
    rig.tier.remove(&second);
    let exit = rig.tier.enter(first.entries[0].1, &mut cpu.env);
    assert_eq!((exit, cpu.env.get(Reg(0))), (HostExit::Goto { slot: Some(slot) }, 3));
    assert_eq!(cpu.env.get(state::PC), BASE + 8);
    let used = rig.tier.used();
    rig.tier.release(second);
    assert!(rig.tier.used() < used);
    let again = rig.install(&region(program.reachable(BASE + 8, 1), true)).unwrap();
    assert_eq!(again.entries[0].1, target);
}

#[test]
fn deep_recursion_returns_through_the_stack() {
    // f: cbz x0, out; stp x30, x0, [sp, #-16]!; sub x0, x0, #1; bl f; ldp x30, x2, [sp], #16;
    // add x1, x1, x2; ret; out: ret
    let words =
        [0xb400_00e0, 0xa9bf_03fe, 0xd100_0400, 0x97ff_fffd, 0xa8c1_0bfe, 0x8b02_0021, 0xd65f_03c0, 0xd65f_03c0];
    let rig = Rig::new(Options::default());
    let mut program = Program::new(words.to_vec());
    let mut stack = vec![0u64; 4096];
    for whole in [true, false] {
        let mut entries = std::collections::HashMap::new();
        for pc in [BASE, BASE + 4, BASE + 16, BASE + 28] {
            if whole && pc != BASE {
                continue;
            }
            let mut r = region(program.reachable(pc, if whole { 20 } else { 1 }), true);
            if whole {
                r.entries = (0..r.blocks.len()).collect();
            }
            entries.extend(rig.install(&r).unwrap().entries);
        }
        let mut env = Env::default();
        env.set(state::PC, BASE);
        env.set(Reg(0), 1000);
        env.set(Reg(30), program.end());
        env.set(state::SP, stack.as_mut_ptr_range().end as u64);
        let mut cpu = Cpu::new(&rig, &env);
        for round in 0..3 {
            let mut counts = program::Counts { link: true, ..Default::default() };
            cpu.env.file = env.file;
            let stop = program.run(&rig, &mut cpu, &entries, &mut counts);
            assert_eq!(stop, program::Stop::End);
            assert_eq!(cpu.env.get(Reg(1)), 500_500);
            if round == 2 {
                assert!(counts.entered < 10, "linked code stays inside: {counts:?}");
            }
        }
    }
}

/// Runs `words` once with x0 = a tagged pointer to `data`, in a region of the given form; returns the processor.
fn with_tag(rig: &Rig, words: &[u32], data: &mut [u64], precise: bool) -> (Cpu, HostExit, u64) {
    let mut program = Program::new(words.to_vec());
    let code = rig.install(&region(program.reachable(BASE, 1), precise)).unwrap();
    let mut env = Env::default();
    env.set(state::PC, BASE);
    let pointer = data.as_mut_ptr() as u64 | 0x5a << 56;
    env.set(Reg(0), pointer);
    env.set(Reg(9), 1);
    let mut cpu = Cpu::new(rig, &env);
    let exit = rig.tier.enter(code.entries[0].1, &mut cpu.env);
    (cpu, exit, pointer)
}

#[test]
fn tagged_addresses_work_where_state_is_not_exact() {
    let rig = Rig::new(Options { tagged: true, ..Options::default() });
    // ldr x1, [x0]; str x1, [x0, #8]; str x0, [x0, #16]; ldr x2, [x0, x9, lsl #3]; strb w0, [x0, #24]; swp x1, x3,
    // [x0]; ldr x0, [x0]
    let words = [0xf940_0001, 0xf900_0401, 0xf900_0800, 0xf869_7802, 0x3900_6000, 0xf821_8003, 0xf940_0000];
    // The first time by signals, then by code that knows.
    for round in 0..2 {
        let mut data = [7u64, 0, 0, 0];
        let (cpu, exit, pointer) = with_tag(&rig, &words, &mut data, false);
        assert!(matches!(exit, HostExit::Goto { .. }), "{exit:?}");
        assert_eq!(data, [7, 7, pointer, pointer & 0xff], "round {round}");
        let regs = [0, 1, 2, 3].map(|n| cpu.env.get(Reg(n)));
        assert_eq!(regs, [7, 7, 7, 7], "round {round}");
        assert_eq!(rig.tier.outdated(), round == 0);
        assert_eq!(cpu.env.exit_request.load(Ordering::Relaxed) != 0, round == 0);
        assert!(!rig.tier.outdated());
    }
}

#[test]
fn tagged_address_in_a_precise_region_is_left_to_tier_0_once() {
    let rig = Rig::new(Options { tagged: true, ..Options::default() });
    let words = [0xf940_0001]; // ldr x1, [x0]
    let mut data = [7u64];
    let (cpu, exit, _) = with_tag(&rig, &words, &mut data, true);
    assert!(matches!(exit, HostExit::Fault(f) if f.precise), "{exit:?}");
    assert_eq!(cpu.env.get(state::PC), BASE);
    assert!(rig.tier.outdated());
    let (cpu, exit, _) = with_tag(&rig, &words, &mut data, true);
    assert!(matches!(exit, HostExit::Goto { .. }), "{exit:?}");
    assert_eq!(cpu.env.get(Reg(1)), 7);
}

#[test]
fn real_fault_behind_a_tag_is_a_fault() {
    let rig = Rig::new(Options { tagged: true, ..Options::default() });
    let mut program = Program::new(vec![0xf940_0001]); // ldr x1, [x0]
    for _ in 0..2 {
        let code = rig.install(&region(program.reachable(BASE, 1), false)).unwrap();
        let mut env = Env::default();
        env.set(Reg(0), 0x5a00_0000_0000_1000);
        let mut cpu = Cpu::new(&rig, &env);
        let exit = rig.tier.enter(code.entries[0].1, &mut cpu.env);
        assert!(matches!(exit, HostExit::Fault(f) if f.pc == BASE && f.addr == 0x1000), "{exit:?}");
        assert_eq!(cpu.env.get(Reg(0)), 0x5a00_0000_0000_1000);
    }
}

#[test]
fn every_one_of_many_accesses_is_found_at_a_fault() {
    const PAIRS: usize = 400;
    let rig = Rig::new(Options::default());
    // ldr x1, [x0], #8; ldr x2, [x1]; and every 20 pairs a branch to the next block.
    let block = [[0xf840_8401, 0xf940_0022].repeat(20), vec![0x1400_0001]].concat();
    let mut program = Program::new(block.repeat(PAIRS / 20));
    let code = rig.install(&region(program.reachable(BASE, PAIRS), false)).unwrap();
    let cell = 7u64;
    for hole in 0..PAIRS {
        let mut pointers = [&raw const cell as u64; PAIRS];
        pointers[hole] = 0x10;
        let mut env = Env::default();
        env.set(Reg(0), pointers.as_ptr() as u64);
        let mut cpu = Cpu::new(&rig, &env);
        let exit = rig.tier.enter(code.entries[0].1, &mut cpu.env);
        let pc = BASE + 4 * (2 * hole + 1 + hole / 20) as u64;
        assert!(matches!(exit, HostExit::Fault(f) if f.pc == pc && f.addr == 0x10), "{hole}: {exit:?}, not at {pc:#x}");
    }
}

/// Where a register is moved on, accesses by what it held before do not keep that in another one.
#[test]
fn accesses_go_by_the_value_that_stays() {
    let rig = Rig::new(Options::default());
    let host = |words: &[u32]| {
        let mut blocks = Program::new(words.to_vec()).reachable(BASE, 1);
        blocks.iter_mut().for_each(|block| *block = brolga_ir::optimise(block, &brolga_ir::Passes::ALL, &state::REGS));
        rig.tier.listing(&region(blocks, false)).unwrap().host
    };
    // add x1, x1, #16; stur x2, [x1, #-16]; ldur x3, [x1, #-8]; b back
    let moved = host(&[0x9100_4021, 0xf81f_0022, 0xf85f_8023, 0x17ff_fffd]);
    assert!(["-0x10(%", "-8(%"].iter().all(|at| moved.contains(at)), "{moved}");
    // add x1, x1, #16; stur x2, [x1, #-16]; add x1, x1, #16; b back: the value in between is not computed.
    let twice = host(&[0x9100_4021, 0xf81f_0022, 0x9100_4021, 0x17ff_fffd]);
    assert!(!twice.contains("-0x10(%"), "{twice}");
}
