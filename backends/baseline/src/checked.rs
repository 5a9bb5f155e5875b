//! Scalar floating-point ops by the host's instructions for guests with other rules than SSE's.
//!
//! Both follow IEEE 754, which leaves open which NaN a result is, and whether tininess is seen before or after rounding: the
//! two ways differ where a result has been rounded to the smallest normal number. Such results are left to the helper, which
//! raises all that the host has raised by then. `lower/float.rs` of the region tier has the same rules.

use crate::asm::{Cc, Label, RAX, RCX, RDX, put, word};
use crate::emit::Emitter;
use crate::float::either;
use crate::vector::X0;
use brolga_interp::{FlatOp, FpHint};
use brolga_ir::{FpOp, Ty};

/// The smallest normal numbers without their sign, one bit up.
const SMALLEST_F32: u32 = 0x0080_0000 << 1;
const SMALLEST_F64: u64 = 0x0010_0000_0000_0000 << 1;

/// N Z C V of the outcomes of a comparison that is not unordered.
const LESS: u32 = 0x8000_0000;
const EQUAL: u32 = 0x6000_0000;
const GREATER: u32 = 0x2000_0000;

/// What of a result sends it to the helper.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    Nan,
    /// A NaN or the smallest normal number.
    Tiny,
    /// What the host makes of numbers that do not fit.
    Lowest,
}

impl Emitter<'_> {
    /// A helper call that is a scalar operation; false if it has no form here.
    pub(crate) fn checked_float(&mut self, op: &FlatOp, hint: FpHint) -> bool {
        match hint {
            FpHint::Relation { double } => self.checked_relation(op, double),
            FpHint::Scalar { op: what, from, to } => {
                let Some(doubt) = self.doubt(what, from, to) else { return false };
                self.host_result(op, what, from, to);
                self.finish_checked(op, doubt, to);
            }
            FpHint::Compare { .. } => return false,
        }
        true
    }

    /// When the helper is asked after all; `None` if the host has no instruction.
    fn doubt(&self, what: FpOp, from: Ty, to: Ty) -> Option<Doubt> {
        let scalar = |ty| matches!(ty, Ty::F32 | Ty::F64);
        Some(match what {
            FpOp::Add | FpOp::Sub | FpOp::Sqrt if scalar(to) => Doubt::Nan,
            FpOp::Mul | FpOp::Div if scalar(to) => Doubt::Tiny,
            FpOp::MulAdd | FpOp::MulSub | FpOp::NegMulAdd | FpOp::NegMulSub if scalar(to) && self.fused(what) => {
                Doubt::Tiny
            }
            FpOp::Resize if from == Ty::F32 && to == Ty::F64 => Doubt::Nan,
            FpOp::Resize if from == Ty::F64 && to == Ty::F32 => Doubt::Tiny,
            FpOp::FromSint if scalar(to) && matches!(from, Ty::I32 | Ty::I64) => Doubt::None,
            FpOp::ToSintZ if scalar(from) && matches!(to, Ty::I32 | Ty::I64) => Doubt::Lowest,
            _ => return None,
        })
    }

    /// The host's result in RAX, that of a number in XMM0, too.
    fn host_result(&mut self, op: &FlatOp, what: FpOp, from: Ty, to: Ty) {
        let double = to == Ty::F64;
        match what {
            FpOp::ToSintZ => return self.to_integer(op, true, from == Ty::F64, to == Ty::I64),
            FpOp::FromSint => self.from_integer(op, from, double),
            FpOp::Resize => self.resized(op, double),
            _ => {
                let has = self.computed(op, what, double);
                debug_assert!(has, "{what:?} is among those that may be in doubt");
            }
        }
        either!(self, double, movq_b, movd_b(RAX, X0));
    }

    /// Has the helper called if the result, of type `ty`, is in doubt.
    fn finish_checked(&mut self, op: &FlatOp, doubt: Doubt, ty: Ty) {
        if doubt != Doubt::None {
            let (helper, done) = (self.asm.label(), self.asm.label());
            match doubt {
                Doubt::Tiny => self.jump_if_smallest(ty == Ty::F64, helper),
                Doubt::Lowest => {
                    // Only of the lowest number one less is an overflow.
                    if ty == Ty::I64 {
                        put!(self.asm, cmpq_mi_sxb(RAX, 1));
                    } else {
                        put!(self.asm, cmpl_mi_sxb(RAX, 1));
                    }
                    self.asm.jump_if(Cc::No, done);
                }
                _ => {}
            }
            if doubt != Doubt::Lowest {
                either!(self, ty == Ty::F64, ucomisd_a, ucomiss_a(X0, X0));
                self.asm.jump_if(Cc::Np, done);
            }
            self.asm.bind(helper);
            self.ask_helper(op);
            self.asm.bind(done);
        }
        self.done(op.dst);
    }

    fn jump_if_smallest(&mut self, double: bool, to: Label) {
        if double {
            put!(self.asm, movq_rm(RCX, RAX));
            put!(self.asm, addq_rm(RCX, RCX));
            self.asm.constant(RDX, SMALLEST_F64);
            put!(self.asm, cmpq_rm(RCX, RDX));
        } else {
            put!(self.asm, movl_rm(RCX, RAX));
            put!(self.asm, addl_rm(RCX, RCX));
            put!(self.asm, cmpl_mi(RCX, SMALLEST_F32));
        }
        self.asm.jump_if(Cc::E, to);
    }

    /// N Z C V of a comparison; a NaN may raise something, and is left to the helper.
    fn checked_relation(&mut self, op: &FlatOp, double: bool) {
        let (helper, done) = (self.asm.label(), self.asm.label());
        self.load_scalar(double, op.a);
        either!(self, double, ucomisd_a, ucomiss_a(X0, word(op.b)));
        self.asm.jump_if(Cc::P, helper);
        for (cc, value) in [(Cc::A, GREATER), (Cc::E, EQUAL)] {
            put!(self.asm, movl_oi(RAX, value));
            self.asm.jump_if(cc, done);
        }
        put!(self.asm, movl_oi(RAX, LESS));
        self.asm.jump(done);
        self.asm.bind(helper);
        self.ask_helper(op);
        self.asm.bind(done);
        self.done(op.dst);
    }
}
