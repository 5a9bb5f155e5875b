//! Runs A64 words through the front end and tier 0.

use brolga_arm::{A64, state};
use brolga_core::{Env, Fault, GuestMemory, MemOp, RmwOp};
use brolga_ir::{Builder, DisasContext, Flow, Frontend, JumpKind};

/// A guest memory in which nothing is mapped: these instructions touch none.
struct Nothing;

impl GuestMemory for Nothing {
    fn load(&self, addr: u64, _: MemOp) -> Result<u64, Fault> {
        unreachable!("load from {addr:#x}")
    }
    fn store(&self, addr: u64, _: u64, _: MemOp) -> Result<(), Fault> {
        unreachable!("store to {addr:#x}")
    }
    fn load128(&self, addr: u64, _: MemOp) -> Result<u128, Fault> {
        unreachable!("load from {addr:#x}")
    }
    fn store128(&self, addr: u64, _: u128, _: MemOp) -> Result<(), Fault> {
        unreachable!("store to {addr:#x}")
    }
    fn rmw(&self, _: RmwOp, addr: u64, _: u64, _: MemOp) -> Result<u64, Fault> {
        unreachable!("access to {addr:#x}")
    }
    fn compare_exchange(&self, addr: u64, _: u64, _: u64, _: MemOp) -> Result<u64, Fault> {
        unreachable!("access to {addr:#x}")
    }
    fn compare_exchange128(&self, addr: u64, _: u128, _: u128, _: MemOp) -> Result<u128, Fault> {
        unreachable!("access to {addr:#x}")
    }
}

/// Registers that SIMD data processing reads or writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub x: [u64; 31],
    pub v: [u128; 32],
    pub qc: bool,
}

/// The state after `words`.
pub fn run(words: &[u32], before: &State) -> State {
    let mut dc = DisasContext { b: Builder::new(0x1000, 0), pc: 0x1000, bytes: [0; 16], available: 4, mode: 0 };
    for word in words {
        dc.bytes[..4].copy_from_slice(&word.to_le_bytes());
        assert_eq!(A64.translate_insn(&mut dc), Flow::Next, "{word:#010x} ends the block");
        dc.pc += 4;
    }
    dc.b.goto(JumpKind::Jump, dc.pc);
    let code = brolga_interp::lower(&dc.b.block, A64.regs()).expect("a block of few values");

    let mut env = Env::default();
    for (n, &x) in (0..).zip(&before.x) {
        env.set(state::x(n), x);
    }
    for (n, &v) in (0..).zip(&before.v) {
        env.set128(state::v(n), v);
    }
    env.set(state::FPSR, (before.qc as u64) << 27);
    brolga_interp::run(&code, &mut env, &Nothing, A64.helpers());
    State {
        x: std::array::from_fn(|n| env.get(state::x(n as u32))),
        v: std::array::from_fn(|n| env.get128(state::v(n as u32))),
        qc: env.get(state::FPSR) >> 27 & 1 != 0,
    }
}
