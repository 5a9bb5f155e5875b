//! Semantics: one function a class of instructions, and the table that names it for each mnemonic.
//!
//! Order in a function: read sources, compute, make the accesses that may fault, then write registers and flags, so that a
//! fault finds the state as before the instruction. What processors write even then is in a local block before the accesses.

use crate::cpu::Cpu;
use crate::frontend::mode;
use brolga_core::RegSet;
use brolga_ir::{Builder, HelperId, JumpKind, RaiseKind, Ty, Value};
use iced_x86::Instruction;

pub mod arith;
pub mod atomic;
pub mod avx;
pub mod avx_float;
pub mod avx_memory;
pub mod bits;
pub mod branch;
pub mod crypto;
pub mod descriptors;
pub mod flags;
pub mod fma;
pub mod fp;
pub mod mmx_convert;
pub mod modes;
pub mod muldiv;
pub mod operand;
pub mod segment;
pub mod shift;
pub mod shuffle;
pub mod stack;
pub mod string;
pub mod system;
mod table;
mod table_avx;
mod table_sse;
mod table_sse4;
mod table_vex;
mod table_x87;
pub mod unmasked;
pub mod vec;
pub mod vec4;
pub mod vex;
pub mod x87;
pub mod xsave;

pub use brolga_ir::Flow;
pub use modes::translate;

/// Exception numbers that go out as `GuestException`. SDM vol. 1, "Exceptions and Interrupts".
/// Division error, at the instruction.
pub const DE: u64 = 0;
/// Debug exception, behind the instruction.
pub const DB: u64 = 1;
/// General protection, at the instruction.
pub const GP: u64 = 13;
/// Stack fault: an address of the stack segment that is none, at the instruction.
pub const SS: u64 = 12;
/// Floating-point exception of x87, at the next instruction that waits for it.
pub const MF: u64 = 16;
/// Alignment check, at the instruction.
pub const AC: u64 = 17;
/// Floating-point exception of SSE, at the instruction.
pub const XM: u64 = 19;
/// Place of an exception's error code beside its number.
pub const ERROR_CODE: u32 = 16;
/// Added to the number of a software interrupt; the address is behind the instruction.
pub const INT: u64 = 0x100;

/// Translation of one instruction: the builder, and the words for operands and flags in the other files.
pub struct Cx<'a> {
    /// Builder.
    pub b: &'a mut Builder,
    /// Address of the instruction.
    pub pc: u64,
    /// Mode bits of the block.
    pub mode: u32,
    /// The instruction.
    pub i: &'a Instruction,
    /// Its first four bytes.
    pub word: u32,
    /// The processor.
    pub cpu: Cpu,
    /// While it is done by halves of the vector registers, the half.
    pub half: Option<vex::Half>,
}

impl Cx<'_> {
    /// Address behind the instruction.
    pub fn next_pc(&self) -> u64 {
        self.pc.wrapping_add(self.i.len() as u64)
    }

    /// Whether exceptions are not masked here: then helpers compute.
    pub fn by_helpers(&self) -> bool {
        self.mode & mode::UNMASKED != 0
    }

    /// Whether denormal operands count as zeros here.
    pub fn denormals_are_zeros(&self) -> bool {
        self.mode & mode::DAZ != 0
    }

    /// MXCSR's rounding mode here: to nearest, down, up, towards zero.
    pub fn rounding(&self) -> usize {
        (self.mode >> 1 & 3) as usize
    }

    /// Calls a helper that touches no register, for its result.
    pub fn pure_call(&mut self, helper: HelperId, args: &[Value]) -> Value {
        self.b.call(helper, args, RegSet::EMPTY, RegSet::EMPTY)
    }

    /// Leaves with an undefined-instruction exception.
    pub fn undefined(&mut self) -> Flow {
        let word = self.b.iconst(Ty::I64, self.word as u64);
        self.b.raise(RaiseKind::Undefined, self.pc, word);
        Flow::EndTb
    }

    /// Leaves with another exception, at the instruction.
    pub fn exception(&mut self, number: u64) -> Flow {
        let number = self.b.iconst(Ty::I64, number);
        self.b.raise(RaiseKind::GuestException, self.pc, number);
        Flow::EndTb
    }

    /// Leaves with an exception if `c` is not 0; otherwise goes on in a new local block, where `values` are the ones
    /// returned.
    pub fn raise_if(&mut self, c: Value, number: u64, values: &[Value]) -> Vec<Value> {
        let (bad, good) = (self.b.new_label(), self.b.new_label());
        self.b.brif(c, (bad, &[]), (good, values));
        self.b.bind(bad);
        self.exception(number);
        self.b.bind(good);
        values.iter().map(|&v| self.b.param(self.b.block.ty(v))).collect()
    }

    /// Ends the block behind the instruction in the run loop: the mode may have changed.
    pub fn resync(&mut self) -> Flow {
        let (zero, next) = (self.b.iconst(Ty::I64, 0), self.next_pc());
        self.b.raise(RaiseKind::Resync, next, zero);
        Flow::EndTb
    }

    /// Ends the block with a jump to `pc`.
    pub fn goto(&mut self, kind: JumpKind, pc: u64) -> Flow {
        self.b.goto(kind, pc);
        Flow::EndTb
    }

    /// Ends the block with a branch to `target` if `c` is not 0, else to the next instruction.
    pub fn goto_if(&mut self, c: Value, target: u64) -> Flow {
        let next = self.next_pc();
        self.b.goto_if(c, target, next);
        Flow::EndTb
    }
}
