#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod env;
mod exit;
mod flags;
mod memory;
pub mod near;
mod regs;
mod vcpu;

pub use env::{Env, FILE_WORDS, HostFp, JUMP_CACHE, JumpEntry, RETURN_STACK, ReturnEntry};
pub use exit::{Exit, Fault, FaultKind};
pub use flags::{CcKind, CcOp, Cond, Nzcv, Width};
pub use memory::{Access, Align, GuestMemory, MemOp, Order, RmwOp, Size};
pub use regs::{FpRounding, FpRows, Reg, RegInfo, RegSet, RegTable, RegWidth};
pub use vcpu::Vcpu;

/// A guest virtual address. The newtype keeps guest and host addresses apart in signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GuestVa(pub u64);

impl std::fmt::Debug for GuestVa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl std::fmt::Display for GuestVa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
