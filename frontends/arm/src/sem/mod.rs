//! Semantics: one function a class of instructions, one module a section of `a64.decode`.
//!
//! Order in a function: read sources, compute, make the accesses that may fault, then write registers
//! and flags, so that a fault finds the state as before the instruction.

use crate::cpu::Cpu;
use crate::state;
use brolga_core::{Cond, Reg, RegSet};
use brolga_ir::{Builder, DisasContext, HelperId, JumpKind, Op, RaiseKind, Ty, Value};

pub mod branch;
pub mod crypto;
pub mod dp_imm;
pub mod dp_reg;
pub mod fp;
mod fp_fixed;
mod fp_ops;
pub mod ldst;
pub mod ldst_atomic;
pub mod mops;
pub mod simd_diff;
pub mod simd_elem;
pub mod simd_fp;
pub mod simd_imm;
pub mod simd_lanes;
pub mod simd_ldst;
pub mod simd_misc;
pub mod simd_perm;
pub mod simd_shift;
pub mod simd_three;
pub mod sysreg;
pub mod system;

pub use brolga_ir::Flow;

include!(concat!(env!("OUT_DIR"), "/a64_translate.rs"));
use crate::a64::*;

/// Translation of one instruction: the builder, and the A64 words for registers.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Builder.
    pub b: &'a mut Builder,
    /// Address of the instruction.
    pub pc: u64,
    /// Mode bits of the block.
    pub mode: u32,
    /// The instruction.
    pub word: u32,
    /// The processor that identification registers describe.
    pub cpu: Cpu,
}

/// I64 if `sf`, else I32.
pub fn sf_ty(sf: bool) -> Ty {
    if sf { Ty::I64 } else { Ty::I32 }
}

impl<'a> Cx<'a> {
    /// A context for the instruction at hand, on the default processor.
    pub fn new(dc: &'a mut DisasContext, word: u32) -> Cx<'a> {
        Cx { pc: dc.pc, mode: dc.mode, b: &mut dc.b, word, cpu: Cpu::default() }
    }

    /// Address behind the instruction.
    pub fn next_pc(&self) -> u64 {
        self.pc.wrapping_add(4)
    }

    /// A constant.
    pub fn iconst(&mut self, ty: Ty, imm: u64) -> Value {
        self.b.iconst(ty, imm)
    }

    /// Register `n` at the width of `ty` (I32 or I64); 31 reads as zero.
    pub fn reg(&mut self, ty: Ty, n: u32) -> Value {
        if n == 31 {
            return self.b.iconst(ty, 0);
        }
        let v = self.b.get(state::x(n));
        self.narrow(ty, v)
    }

    /// Register `n`; 31 is the stack pointer.
    pub fn reg_sp(&mut self, ty: Ty, n: u32) -> Value {
        let v = self.b.get(if n == 31 { state::SP } else { state::x(n) });
        self.narrow(ty, v)
    }

    /// The low part of an I64.
    pub fn narrow(&mut self, ty: Ty, v: Value) -> Value {
        if ty == Ty::I64 { v } else { self.b.zext(ty, v) }
    }

    /// An I64 from a narrower integer, zero-extended.
    pub fn widen(&mut self, v: Value) -> Value {
        if self.b.block.ty(v) == Ty::I64 { v } else { self.b.zext(Ty::I64, v) }
    }

    /// Writes register `n`, zero-extending; 31 discards.
    pub fn set_reg(&mut self, n: u32, v: Value) {
        if n != 31 {
            let v = self.widen(v);
            self.b.set(state::x(n), v);
        }
    }

    /// Writes register `n`, zero-extending; 31 is the stack pointer.
    pub fn set_reg_sp(&mut self, n: u32, v: Value) {
        let v = self.widen(v);
        self.b.set(if n == 31 { state::SP } else { state::x(n) }, v);
    }

    /// SIMD&FP register `n`.
    pub fn vreg(&mut self, n: u32) -> Value {
        self.b.get_v(state::v(n))
    }

    /// Writes SIMD&FP register `n`, all 128 bits.
    pub fn set_vreg(&mut self, n: u32, v: Value) {
        self.b.set(state::v(n), v);
    }

    /// The truth value of a four-bit condition; the "always" codes give 1.
    pub fn cond(&mut self, bits: u32) -> Value {
        match Cond::from_bits(bits) {
            Some(c) => {
                let f = self.b.get_flags();
                self.b.cond(c, f)
            }
            None => self.b.iconst(Ty::I8, 1),
        }
    }

    /// Calls a helper that touches no register, for its result.
    pub fn pure_call(&mut self, helper: HelperId, args: &[Value]) -> Value {
        self.b.call(helper, args, RegSet::EMPTY, RegSet::EMPTY)
    }

    /// Calls a helper on V registers: it reads `reads` and the floating-point control word, and
    /// writes `write`. Its first argument is the instruction word, its second `op`.
    pub fn vector_call(&mut self, helper: HelperId, op: u64, reads: &[u32], writes: &[u32]) {
        let set = |regs: &[u32]| regs.iter().fold(RegSet::EMPTY, |s, &n| s.with128(state::v(n)));
        let word = self.b.iconst(Ty::I64, self.word as u64);
        let op = self.b.iconst(Ty::I64, op);
        self.b.call_void(helper, &[word, op], set(reads), set(writes));
    }

    /// As `vector_call`, for helpers that round or raise flags: they also read FPCR and change FPSR.
    pub fn fp_call(&mut self, helper: HelperId, op: u64, reads: &[u32], writes: &[u32]) {
        let set = |regs: &[u32]| regs.iter().fold(RegSet::EMPTY, |s, &n| s.with128(state::v(n)));
        let word = self.b.iconst(Ty::I64, self.word as u64);
        let op = self.b.iconst(Ty::I64, op);
        let reads = set(reads).with(state::FPCR).with(state::FPSR);
        self.b.call_void(helper, &[word, op], reads, set(writes).with(state::FPSR));
    }

    /// Leaves with an undefined-instruction exception.
    pub fn undefined(&mut self) -> Flow {
        let word = self.b.iconst(Ty::I64, self.word as u64);
        self.b.raise(RaiseKind::Undefined, self.pc, word);
        Flow::EndTb
    }

    /// Ends the block at `pc` in the run loop: the mode may have changed.
    pub fn resync(&mut self) -> Flow {
        let zero = self.b.iconst(Ty::I64, 0);
        let pc = self.next_pc();
        self.b.raise(RaiseKind::Resync, pc, zero);
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

    /// Reads a one-word register by its row.
    pub fn get(&mut self, reg: Reg) -> Value {
        self.b.get(reg)
    }

    /// A value shifted by a constant, as "Data-processing (register)" shifts an operand:
    /// 0 LSL, 1 LSR, 2 ASR, 3 ROR.
    pub fn shift(&mut self, ty: Ty, v: Value, kind: u32, amount: u32) -> Value {
        if amount == 0 {
            return v;
        }
        let amount = self.b.iconst(ty, amount as u64);
        self.shift_by(ty, v, kind, amount)
    }

    /// As `shift`, by a value.
    pub fn shift_by(&mut self, ty: Ty, v: Value, kind: u32, amount: Value) -> Value {
        match kind {
            0 => self.b.shl(ty, v, amount),
            1 => self.b.lshr(ty, v, amount),
            2 => self.b.ashr(ty, v, amount),
            _ => self.b.rotr(ty, v, amount),
        }
    }

    /// Register `n` extended as "ExtendReg" does: 0..3 UXTB..UXTX, 4..7 SXTB..SXTX, then shifted left.
    pub fn extend(&mut self, ty: Ty, n: u32, option: u32, shift: u32) -> Value {
        let full = self.reg(Ty::I64, n);
        let narrow = match option & 3 {
            0 => Some(Ty::I8),
            1 => Some(Ty::I16),
            2 => Some(Ty::I32),
            _ => None,
        };
        let wide = match narrow {
            None => full,
            Some(t) => {
                let part = self.b.zext(t, full);
                if option & 4 != 0 { self.b.sext(Ty::I64, part) } else { self.b.zext(Ty::I64, part) }
            }
        };
        let v = self.narrow(ty, wide);
        self.shift(ty, v, 0, shift)
    }

    /// An op of two operands by value.
    pub fn binary(&mut self, op: Op, ty: Ty, a: Value, b: Value) -> Value {
        self.b.push(brolga_ir::Inst { a, b, ..brolga_ir::Inst::new(op, ty) })
    }
}

/// Sign-extends the low `bits` of `value`.
pub fn sign_extend(value: u32, bits: u32) -> i64 {
    ((value as u64) << (64 - bits)) as i64 >> (64 - bits)
}
