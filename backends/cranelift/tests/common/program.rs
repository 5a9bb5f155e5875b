//! Random A64 programs, and two ways to run them: block by block in the interpreter, or with regions.

use super::*;
use brolga_arm::A64;
use brolga_arm::a64::{ALL, Row, random_word};
use brolga_core::Fault;
use brolga_ir::{Builder, DisasContext, Flow, Frontend, JumpKind, Op};
use std::collections::HashMap;

/// Where the code is, as far as the guest can tell.
pub const BASE: u64 = 0x10000;

/// Registers that programs read but random instructions do not write: a small offset, a code address,
/// the middle of the data, the number of branches left.
pub const OFFSET: u8 = 25;
pub const TARGET: u8 = 26;
pub const DATA: u8 = 27;
pub const LEFT: u8 = 28;

/// Written by calls only, so that every return leads to where a count comes next.
const LINK: Reg = Reg(30);

pub struct Program {
    pub words: Vec<u32>,
    lifted: HashMap<u64, (Block, Flat)>,
}

/// Why a program stopped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Stop {
    End,
    Fault(Fault),
    Raise(brolga_ir::RaiseKind, u64),
}

impl Program {
    pub fn new(words: Vec<u32>) -> Program {
        Program { words, lifted: HashMap::new() }
    }

    pub fn end(&self) -> u64 {
        BASE + 4 * self.words.len() as u64
    }

    fn word(&self, pc: u64) -> Option<u32> {
        pc.is_multiple_of(4).then(|| self.words.get((pc.wrapping_sub(BASE) / 4) as usize).copied()).flatten()
    }

    /// The block at `pc`; `None` outside the program.
    pub fn block(&mut self, pc: u64) -> Option<&(Block, Flat)> {
        self.word(pc)?;
        if !self.lifted.contains_key(&pc) {
            let mut limit = 32;
            let lifted = loop {
                let block = self.lift(pc, limit);
                match brolga_interp::lower(&block, &state::REGS) {
                    Ok(flat) => break (block, flat),
                    Err(_) => limit /= 2,
                }
            };
            brolga_ir::verify(&lifted.0, &state::REGS, HELPERS).unwrap();
            self.lifted.insert(pc, lifted);
        }
        self.lifted.get(&pc)
    }

    fn lift(&self, pc: u64, limit: u32) -> Block {
        let mut dc = DisasContext { b: Builder::new(pc, 0), pc, bytes: [0; 16], available: 4, mode: 0 };
        loop {
            let Some(word) = self.word(dc.pc).filter(|_| dc.b.block.guest_insns < limit) else {
                dc.b.goto(JumpKind::Jump, dc.pc);
                return dc.b.block;
            };
            if translate(&mut dc, word) == Flow::EndTb {
                return dc.b.block;
            }
        }
    }

    /// Blocks reachable from `from` by direct jumps, at most `limit`.
    pub fn reachable(&mut self, from: u64, limit: usize) -> Vec<Block> {
        let mut out: Vec<Block> = Vec::new();
        let mut todo = vec![from];
        while let Some(pc) = todo.pop() {
            if out.len() == limit || out.iter().any(|b| b.pc == pc) {
                continue;
            }
            let Some((block, _)) = self.block(pc) else { continue };
            let block = block.clone();
            for inst in &block.insts {
                if inst.op == Op::Goto {
                    todo.push(inst.imm);
                    if JumpKind::from_sub(inst.sub) == JumpKind::Call {
                        todo.push(block.end);
                    }
                }
            }
            out.push(block);
        }
        out
    }

    /// One block in the interpreter; `Some` if the program stops there.
    pub fn step(&mut self, env: &mut Env) -> Option<Stop> {
        let Some((_, flat)) = self.block(env.get(state::PC)) else { return Some(Stop::End) };
        match brolga_interp::run(flat, env, &MEM, HELPERS) {
            Leave::Jump | Leave::Polled => None,
            Leave::Fault(f) => Some(Stop::Fault(f)),
            Leave::Raise(kind, arg) => Some(Stop::Raise(kind, arg)),
        }
    }

    pub fn interpret(&mut self, env: &mut Env) -> Stop {
        loop {
            if let Some(stop) = self.step(env) {
                return stop;
            }
        }
    }

    /// Runs with `entries` (guest to host address) where the program counter is at one. Counts runs of
    /// generated code.
    pub fn run(&mut self, rig: &Rig, cpu: &mut Cpu, entries: &HashMap<u64, u64>, counts: &mut Counts) -> Stop {
        loop {
            let Some(&host) = entries.get(&cpu.env.get(state::PC)) else {
                if let Some(stop) = self.step(&mut cpu.env) {
                    return stop;
                }
                continue;
            };
            counts.entered += 1;
            match rig.tier.enter(host, &mut cpu.env) {
                HostExit::Raise(kind, arg) => return Stop::Raise(kind, arg),
                HostExit::Goto { slot: Some(slot) } => {
                    counts.unlinked += 1;
                    if let Some(&host) = entries.get(&cpu.env.get(state::PC)).filter(|_| counts.link) {
                        rig.tier.link(slot, host);
                    }
                }
                HostExit::Goto { slot: None } => {
                    let pc = cpu.env.get(state::PC);
                    if let Some(&host) = entries.get(&pc).filter(|_| counts.link) {
                        cpu.cache[JumpEntry::index(pc)] = JumpEntry { guest: pc, host };
                    }
                }
                HostExit::Polled => counts.polled += 1,
                HostExit::Busy => counts.hot += 1,
                HostExit::Hot { .. } => panic!("there is no tier 1"),
                exit @ (HostExit::Resume | HostExit::Fault(_)) => {
                    if let HostExit::Fault(f) = exit {
                        counts.faults += 1;
                        counts.replayed += u64::from(f.pc != cpu.env.get(state::PC));
                        assert!(f.precise);
                    }
                    if let Some(stop) = self.step(&mut cpu.env) {
                        return stop;
                    }
                }
            }
        }
    }
}

/// What a run did, and whether it links.
#[derive(Default, Debug)]
pub struct Counts {
    pub hot: u64,
    pub link: bool,
    pub entered: u64,
    pub unlinked: u64,
    pub polled: u64,
    pub faults: u64,
    /// Faults whose instruction was not the one resumed at.
    pub replayed: u64,
}

fn translate(dc: &mut DisasContext, word: u32) -> Flow {
    dc.bytes[..4].copy_from_slice(&word.to_le_bytes());
    let flow = A64.translate_insn(dc);
    dc.pc += 4;
    flow
}

/// Whether random code may contain the word: it goes on to the next, and leaves the kept registers alone.
fn suitable(word: u32) -> bool {
    let mut dc = DisasContext { b: Builder::new(BASE, 0), pc: BASE, bytes: [0; 16], available: 4, mode: 0 };
    if translate(&mut dc, word) != Flow::Next {
        return false;
    }
    let kept = [OFFSET, TARGET, DATA, LEFT, LINK.0];
    let block = &dc.b.block;
    let writes = |w: u8| block.calls.iter().any(|c| c.writes.contains(w));
    !block.insts.iter().any(|i| i.op == Op::Set && kept.contains(&(i.aux as u8))) && !kept.into_iter().any(writes)
}

/// Rows of the sections, without those that address by the program counter.
pub fn rows(sections: &[&str]) -> Vec<Row> {
    let wanted = |r: &&Row| {
        let info = r.info();
        info.implemented
            && sections.contains(&info.section)
            && !info.name.contains("lit")
            && !info.name.starts_with("adr")
    };
    ALL.iter().filter(wanted).copied().collect()
}

pub const COMPUTING: &[&str] = &[
    "dp_imm",
    "dp_reg",
    "fp",
    "simd_three",
    "simd_elem",
    "simd_misc",
    "simd_shift",
    "simd_perm",
    "simd_imm",
    "simd_fp",
    "crypto",
];
pub const INTEGER: &[&str] = &["dp_imm", "dp_reg"];
pub const MEMORY: &[&str] = &["ldst", "ldst_atomic", "simd_ldst"];

/// A random instruction of the rows; accesses are aimed at the data.
pub fn random_insn(rows: &[Row], random: &mut Random) -> u32 {
    loop {
        let row = rows[random.below(rows.len() as u64) as usize];
        let mut word = random_word(row, &mut || random.next());
        let info = row.info();
        if info.section.contains("ldst") {
            word = word & !(31 << 5) | u32::from(DATA) << 5;
            if info.fields.iter().any(|f| f.name == "rm") {
                word = word & !(31 << 16) | u32::from(OFFSET) << 16;
            }
        }
        if suitable(word) {
            return word;
        }
    }
}

/// `blocks` stretches of `1..=longest` random instructions joined by random branches; every cycle counts down.
pub fn random_program(rows: &[Row], blocks: u64, longest: u64, random: &mut Random) -> Program {
    let sizes: Vec<u64> = (0..blocks).map(|_| 1 + random.below(longest)).collect();
    // Three words behind each stretch: count down, leave at zero, branch; one more for an address.
    let starts: Vec<u64> = sizes.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n + 4))).collect();
    let total = sizes.iter().sum::<u64>() + 4 * blocks;
    let mut words = Vec::new();
    for &size in &sizes {
        words.extend((0..size).map(|_| random_insn(rows, random)));
        words.push(0xd100_0400 | u32::from(LEFT) << 5 | u32::from(LEFT)); // sub left, left, #1
        let to = |from: usize, at: u64| (at as i64 - from as i64) as u32;
        words.push(0xb7f8_0000 | (to(words.len(), total) & 0x3fff) << 5 | u32::from(LEFT)); // tbnz left, #63, end
        let target = starts[random.below(blocks) as usize];
        let branch = random.below(10);
        if branch >= 8 {
            // adr target; br or ret or blr
            let at = to(words.len(), target);
            words.push(0x1000_0000 | (at & 0x7ffff) << 5 | u32::from(TARGET));
            let kind = [0xd61f_0000, 0xd65f_0000, 0xd63f_0000][random.below(3) as usize];
            words.push(kind | u32::from(TARGET) << 5);
            continue;
        }
        let at = to(words.len(), target);
        let reg = random.below(25) as u32;
        words.push(match branch {
            0..=2 => 0x5400_0000 | (at & 0x7ffff) << 5 | random.below(14) as u32,
            3 => 0xb400_0000 | (random.next() as u32 & 1) << 24 | (at & 0x7ffff) << 5 | reg,
            4 => 0x3600_0000 | (random.next() as u32 & 0x81f8_0000 & 0x80f8_0000) | (at & 0x3fff) << 5 | reg,
            5 => 0x9400_0000 | at & 0x3ff_ffff,
            6 => 0xd65f_03c0, // ret
            _ => 0x1400_0000 | at & 0x3ff_ffff,
        });
        words.push(0xd503_201f); // nop
    }
    Program::new(words)
}

/// A state to start a program in; `data` is the middle of its memory.
pub fn start(random: &mut Random, data: u64, branches: u64) -> Env {
    let mut env = random_env(random);
    env.set(state::PC, BASE);
    env.set(LINK, BASE);
    env.set(Reg(OFFSET), random.below(64));
    env.set(Reg(TARGET), BASE);
    env.set(Reg(DATA), data);
    env.set(Reg(LEFT), branches);
    env
}
