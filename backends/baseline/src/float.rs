//! Floating-point ops by the host's instructions, for guests whose rules are SSE's (`Plan::like_sse`): results and what
//! they raise are the helper's. The host's control word has the guest's rounding mode while generated code runs.

use crate::asm::{RAX, put, word};
use crate::emit::Emitter;
use crate::vector::{X0, X1};
use brolga_interp::{FlatOp, FpHint};
use brolga_ir::{FpLanes, FpOp, Ty};
use cranelift_assembler_x64::Amode;

/// Predicates of CMPSS and its like. SDM vol. 2, "CMPSS".
const EQUAL: u8 = 0;
const LESS: u8 = 1;
const LESS_EQUAL: u8 = 2;

/// Two operands: `put` the form of the precision.
macro_rules! either {
    ($self:ident, $double:expr, $d:ident, $s:ident ($($arg:expr),*)) => {
        if $double { put!($self.asm, $d($($arg),*)) } else { put!($self.asm, $s($($arg),*)) }
    };
}

pub(crate) use either;

impl Emitter<'_> {
    /// A helper call that is a scalar operation; false if it has no form here.
    pub(crate) fn scalar_float(&mut self, op: &FlatOp) -> bool {
        match FpHint::from_imm(op.imm) {
            Some(hint) if !self.plan.like_sse => self.plan.host_fp && self.checked_float(op, hint),
            Some(FpHint::Relation { .. }) => false,
            Some(FpHint::Compare { double, signalling }) => {
                self.load_scalar(double, op.a);
                // Less-than takes any NaN for invalid.
                match (double, signalling) {
                    (true, false) => put!(self.asm, ucomisd_a(X0, word(op.b))),
                    (false, false) => put!(self.asm, ucomiss_a(X0, word(op.b))),
                    (true, true) => put!(self.asm, cmpsd_a(X0, word(op.b), LESS)),
                    (false, true) => put!(self.asm, cmpss_a(X0, word(op.b), LESS)),
                }
                true
            }
            Some(FpHint::Scalar { op: what, from, to }) => {
                if what.converts() {
                    self.convert(op, what, from, to)
                } else {
                    self.arithmetic(op, what, to == Ty::F64)
                }
            }
            None => false,
        }
    }

    /// XMM0 becomes word `w`.
    pub(crate) fn load_scalar(&mut self, double: bool, w: u8) {
        either!(self, double, movsd_a_m, movss_a_m(X0, word(w)));
    }

    /// XMM0 becomes word `dst`, zero above a single.
    fn store_scalar(&mut self, double: bool, dst: u8) {
        either!(self, double, movq_b, movd_b(RAX, X0));
        self.done(dst);
    }

    fn arithmetic(&mut self, op: &FlatOp, what: FpOp, double: bool) -> bool {
        let has = self.computed(op, what, double);
        if has {
            self.store_scalar(double, op.dst);
        }
        has
    }

    /// The host's result in XMM0; false, and nothing put, if it has no instruction for it.
    pub(crate) fn computed(&mut self, op: &FlatOp, what: FpOp, double: bool) -> bool {
        // A comparison the other way round.
        let (a, b) = if matches!(what, FpOp::Gt | FpOp::Ge) { (op.b, op.a) } else { (op.a, op.b) };
        if self.fused(what) {
            // The first factor is the one whose NaN comes first; it is the second operand of this form.
            self.load_scalar(double, b);
            either!(self, double, movsd_a_m, movss_a_m(X1, word(a)));
            self.fused_product(what, double, word(op.c));
            return true;
        }
        if let Some(imm) = self.rounding(what) {
            either!(self, double, roundsd_rmi, roundss_rmi(X0, word(a), imm));
            return true;
        }
        let place = self.asm.bytes.len();
        self.load_scalar(double, a);
        match what {
            FpOp::Add => either!(self, double, addsd_a, addss_a(X0, word(b))),
            FpOp::Sub => either!(self, double, subsd_a, subss_a(X0, word(b))),
            FpOp::Mul => either!(self, double, mulsd_a, mulss_a(X0, word(b))),
            FpOp::Div => either!(self, double, divsd_a, divss_a(X0, word(b))),
            FpOp::Lesser => either!(self, double, minsd_a, minss_a(X0, word(b))),
            FpOp::Greater => either!(self, double, maxsd_a, maxss_a(X0, word(b))),
            FpOp::Sqrt => either!(self, double, sqrtsd_a, sqrtss_a(X0, X0)),
            FpOp::Eq => either!(self, double, cmpsd_a, cmpss_a(X0, word(b), EQUAL)),
            FpOp::Gt => either!(self, double, cmpsd_a, cmpss_a(X0, word(b), LESS)),
            FpOp::Ge => either!(self, double, cmpsd_a, cmpss_a(X0, word(b), LESS_EQUAL)),
            _ => {
                self.asm.bytes.truncate(place);
                return false;
            }
        }
        true
    }

    /// XMM0 becomes its product with XMM1 and `c`.
    fn fused_product(&mut self, what: FpOp, double: bool, c: Amode<u8>) {
        match what {
            FpOp::MulAdd => either!(self, double, vfmadd213sd_a, vfmadd213ss_a(X0, X1, c)),
            FpOp::MulSub => either!(self, double, vfmsub213sd_a, vfmsub213ss_a(X0, X1, c)),
            FpOp::NegMulAdd => either!(self, double, vfnmadd213sd_a, vfnmadd213ss_a(X0, X1, c)),
            _ => either!(self, double, vfnmsub213sd_a, vfnmsub213ss_a(X0, X1, c)),
        }
    }

    /// Whether the host has it as one instruction of three operands.
    pub(crate) fn fused(&self, what: FpOp) -> bool {
        what.operands() == 3 && self.plan.functions.fused
    }

    /// The immediate of the host's rounding to integers that is `what`.
    fn rounding(&self, what: FpOp) -> Option<u8> {
        what.round_immediate().filter(|_| self.plan.functions.sse41)
    }

    fn convert(&mut self, op: &FlatOp, what: FpOp, from: Ty, to: Ty) -> bool {
        match what {
            FpOp::Resize => self.resized(op, to == Ty::F64),
            FpOp::FromSint => self.from_integer(op, from, to == Ty::F64),
            // The rounding that a block was translated for is that of the host's control word.
            FpOp::ToIntN | FpOp::ToIntP | FpOp::ToIntM | FpOp::ToIntZ => {
                self.to_integer(op, what == FpOp::ToIntZ, from == Ty::F64, to == Ty::I64);
                self.done(op.dst);
                return true;
            }
            _ => return false,
        }
        self.store_scalar(to == Ty::F64, op.dst);
        true
    }

    /// XMM0 becomes the number in the other precision.
    pub(crate) fn resized(&mut self, op: &FlatOp, double: bool) {
        self.load_scalar(!double, op.a);
        either!(self, double, cvtss2sd_a, cvtsd2ss_a(X0, X0));
    }

    /// XMM0 becomes the number that a signed integer of type `from` is.
    pub(crate) fn from_integer(&mut self, op: &FlatOp, from: Ty, double: bool) {
        put!(self.asm, xorps_a(X0, X0));
        let a = word(op.a);
        match (from == Ty::I64, double) {
            (true, true) => put!(self.asm, cvtsi2sdq_a(X0, a)),
            (true, false) => put!(self.asm, cvtsi2ssq_a(X0, a)),
            (false, true) => put!(self.asm, cvtsi2sdl_a(X0, a)),
            (false, false) => put!(self.asm, cvtsi2ssl_a(X0, a)),
        }
    }

    /// RAX becomes a signed integer, of 64 bits if `wide`, truncated or as the host's control word says.
    pub(crate) fn to_integer(&mut self, op: &FlatOp, truncated: bool, double: bool, wide: bool) {
        self.load_scalar(double, op.a);
        match (truncated, double, wide) {
            (true, true, true) => put!(self.asm, cvttsd2si_aq(RAX, X0)),
            (true, true, false) => put!(self.asm, cvttsd2si_a(RAX, X0)),
            (true, false, true) => put!(self.asm, cvttss2si_aq(RAX, X0)),
            (true, false, false) => put!(self.asm, cvttss2si_a(RAX, X0)),
            (false, true, true) => put!(self.asm, cvtsd2si_aq(RAX, X0)),
            (false, true, false) => put!(self.asm, cvtsd2si_a(RAX, X0)),
            (false, false, true) => put!(self.asm, cvtss2si_aq(RAX, X0)),
            (false, false, false) => put!(self.asm, cvtss2si_a(RAX, X0)),
        }
    }

    /// An operation on lanes; false if it has no form here.
    pub(crate) fn lanes_float(&mut self, op: &FlatOp) -> bool {
        let (what, lanes) = FpHint::lanes(op.imm);
        if !self.plan.like_sse || !matches!(lanes, FpLanes::S4 | FpLanes::D2) {
            return false;
        }
        let double = lanes == FpLanes::D2;
        let (a, b) = if matches!(what, FpOp::Gt | FpOp::Ge) { (op.b, op.a) } else { (op.a, op.b) };
        let place = self.asm.bytes.len();
        if self.fused(what) {
            self.lanes_fused(op, what, double);
            return true;
        }
        put!(self.asm, movups_a(X0, word(a)));
        match what {
            _ if let Some(imm) = self.rounding(what) => either!(self, double, roundpd_rmi, roundps_rmi(X0, X0, imm)),
            FpOp::Add => either!(self, double, addpd_a, addps_a(X0, word(b))),
            FpOp::Sub => either!(self, double, subpd_a, subps_a(X0, word(b))),
            FpOp::Mul => either!(self, double, mulpd_a, mulps_a(X0, word(b))),
            FpOp::Div => either!(self, double, divpd_a, divps_a(X0, word(b))),
            FpOp::Lesser => either!(self, double, minpd_a, minps_a(X0, word(b))),
            FpOp::Greater => either!(self, double, maxpd_a, maxps_a(X0, word(b))),
            FpOp::Sqrt => either!(self, double, sqrtpd_a, sqrtps_a(X0, X0)),
            FpOp::Eq => either!(self, double, cmppd_a, cmpps_a(X0, word(b), EQUAL)),
            FpOp::Gt => either!(self, double, cmppd_a, cmpps_a(X0, word(b), LESS)),
            FpOp::Ge => either!(self, double, cmppd_a, cmpps_a(X0, word(b), LESS_EQUAL)),
            FpOp::FromSint if !double => put!(self.asm, cvtdq2ps_a(X0, X0)),
            FpOp::ToIntZ if !double => put!(self.asm, cvttps2dq_a(X0, X0)),
            _ => {
                self.asm.bytes.truncate(place);
                return false;
            }
        }
        self.store_lanes(op.dst);
        true
    }

    /// A fused operation, its factors the other way round as in `arithmetic`.
    fn lanes_fused(&mut self, op: &FlatOp, what: FpOp, double: bool) {
        put!(self.asm, movups_a(X0, word(op.b)));
        put!(self.asm, movups_a(X1, word(op.a)));
        let c = word(op.c);
        match what {
            FpOp::MulAdd => either!(self, double, vfmadd213pd_a, vfmadd213ps_a(X0, X1, c)),
            FpOp::MulSub => either!(self, double, vfmsub213pd_a, vfmsub213ps_a(X0, X1, c)),
            FpOp::NegMulAdd => either!(self, double, vfnmadd213pd_a, vfnmadd213ps_a(X0, X1, c)),
            _ => either!(self, double, vfnmsub213pd_a, vfnmsub213ps_a(X0, X1, c)),
        }
        self.store_lanes(op.dst);
    }

    /// XMM0 becomes words `dst` and on.
    fn store_lanes(&mut self, dst: u8) {
        put!(self.asm, movups_b(word(dst), X0));
        self.changed(dst, 2);
    }
}
