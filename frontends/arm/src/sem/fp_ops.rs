//! Floating point as IR operations: which of them an instruction is, and the helper that defines it.
//!
//! Single and double precision have them, unless FPCR.FZ is set; the rest calls helpers.

use super::Cx;
use super::fp::Precision;
use crate::exec;
use crate::exec::fp_convert::Conversion;
use crate::exec::fp_lane::{FpMiscOp, FpThreeOp};
use brolga_ir::{FpCall, FpLanes, FpOp, HelperId, Ty, Value};

/// FPCR.FZ in the mode bits of a block.
const MODE_FZ: u32 = 1 << 5;
/// Lowest bit of FPCR.RMode.
const MODE_ROUNDING: u32 = 3;

/// What happens to a sign on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Nothing.
    Keep,
    /// "FPNeg"
    Flip,
    /// "FPAbs"
    Clear,
}

/// An operation of two operands, with what is done to signs around it.
#[derive(Clone, Copy, Debug)]
pub struct Two {
    /// The operation.
    pub op: FpOp,
    /// Its helper.
    pub call: FpCall,
    /// Signs of the operands.
    pub operands: Sign,
    /// Sign of the result.
    pub result: Sign,
}

fn plain(helper: HelperId) -> FpCall {
    FpCall { helper, extra: 0 }
}

impl Precision {
    /// Type of a scalar.
    pub fn ty(self) -> Ty {
        [Ty::F16, Ty::F32, Ty::F64][self as usize]
    }

    /// Lanes of a vector operation.
    pub fn lanes(self, q: bool) -> FpLanes {
        match (self, q) {
            (Precision::Double, _) => FpLanes::D2,
            (_, true) => FpLanes::S4,
            (_, false) => FpLanes::S2,
        }
    }

    /// The sign bits of all lanes.
    pub fn signs(self) -> u128 {
        (u128::MAX / (u128::MAX >> (128 - self.bits()))) << (self.bits() - 1)
    }
}

impl Cx<'_> {
    /// Whether the IR has operations for the format in this mode.
    pub fn has_fp(&self, p: Precision) -> bool {
        p != Precision::Half && self.mode & MODE_FZ == 0
    }

    /// FPCR.RMode of the block.
    fn rounding(&self) -> u32 {
        self.mode >> MODE_ROUNDING & 3
    }

    /// The vector with the signs of its lanes changed.
    pub fn with_signs(&mut self, p: Precision, v: Value, sign: Sign) -> Value {
        if sign == Sign::Keep {
            return v;
        }
        let signs = self.b.vconst(p.signs());
        if sign == Sign::Flip { self.b.xor(Ty::V128, v, signs) } else { self.b.bic(Ty::V128, v, signs) }
    }

    /// A lane of register `n` as a float, its sign changed.
    pub fn float(&mut self, p: Precision, (n, lane): (u32, u32), sign: Sign) -> Value {
        let v = self.vreg(n);
        let v = self.with_signs(p, v, sign);
        self.b.lane(p.ty(), p.shape(), v, lane)
    }

    /// The register whose lowest lane is the float `r`, its sign changed; the rest is zero.
    pub fn float_register(&mut self, p: Precision, r: Value, sign: Sign) -> Value {
        let v = self.b.vscalar(r);
        if sign == Sign::Keep {
            return v;
        }
        let mask = self.b.vconst(1 << (p.bits() - 1));
        if sign == Sign::Flip { self.b.xor(Ty::V128, v, mask) } else { self.b.bic(Ty::V128, v, mask) }
    }

    /// An operation of two operands that the IR has.
    pub fn two_op(&self, p: Precision, op: FpThreeOp) -> Option<Two> {
        use FpThreeOp as T;
        if !self.has_fp(p) {
            return None;
        }
        let own = |op, helpers| Two { op, call: plain(p.pick(helpers)), operands: Sign::Keep, result: Sign::Keep };
        let compare = |op, number: T, operands| {
            let helper = p.pick([exec::FP_TWO_H, exec::FP_TWO_S, exec::FP_TWO_D]);
            Two { op, call: FpCall { helper, extra: number as u32 }, operands, result: Sign::Keep }
        };
        Some(match op {
            T::Fadd | T::Faddp => own(FpOp::Add, [exec::FADD_H, exec::FADD_S, exec::FADD_D]),
            T::Fsub => own(FpOp::Sub, [exec::FSUB_H, exec::FSUB_S, exec::FSUB_D]),
            T::Fabd => Two { result: Sign::Clear, ..own(FpOp::Sub, [exec::FSUB_H, exec::FSUB_S, exec::FSUB_D]) },
            T::Fmul => own(FpOp::Mul, [exec::FMUL_H, exec::FMUL_S, exec::FMUL_D]),
            T::Fnmul => Two { result: Sign::Flip, ..own(FpOp::Mul, [exec::FMUL_H, exec::FMUL_S, exec::FMUL_D]) },
            T::Fdiv => own(FpOp::Div, [exec::FDIV_H, exec::FDIV_S, exec::FDIV_D]),
            T::Fmax | T::Fmaxp => own(FpOp::Max, [exec::FMAX_H, exec::FMAX_S, exec::FMAX_D]),
            T::Fmin | T::Fminp => own(FpOp::Min, [exec::FMIN_H, exec::FMIN_S, exec::FMIN_D]),
            T::Fmaxnm | T::Fmaxnmp => own(FpOp::MaxNum, [exec::FMAXNM_H, exec::FMAXNM_S, exec::FMAXNM_D]),
            T::Fminnm | T::Fminnmp => own(FpOp::MinNum, [exec::FMINNM_H, exec::FMINNM_S, exec::FMINNM_D]),
            T::Fcmeq => compare(FpOp::Eq, T::Fcmeq, Sign::Keep),
            T::Fcmge => compare(FpOp::Ge, T::Fcmge, Sign::Keep),
            T::Fcmgt => compare(FpOp::Gt, T::Fcmgt, Sign::Keep),
            T::Facge => compare(FpOp::Ge, T::Fcmge, Sign::Clear),
            T::Facgt => compare(FpOp::Gt, T::Fcmgt, Sign::Clear),
            T::Fmulx | T::Frecps | T::Frsqrts | T::Fmla | T::Fmls => return None,
        })
    }

    /// The multiply-add of a format, if the IR has it.
    pub fn mul_add_op(&self, p: Precision) -> Option<FpCall> {
        self.has_fp(p).then(|| plain(p.pick([exec::FMADD_H, exec::FMADD_S, exec::FMADD_D])))
    }

    /// A square root or rounding that the IR has.
    pub fn one_op(&self, p: Precision, op: FpMiscOp) -> Option<(FpOp, FpCall)> {
        if !self.has_fp(p) {
            return None;
        }
        let by_mode = [FpOp::RintN, FpOp::RintP, FpOp::RintM, FpOp::RintZ][self.rounding() as usize];
        let rint = match op {
            FpMiscOp::Fsqrt => return Some((FpOp::Sqrt, plain(p.pick([exec::FSQRT_H, exec::FSQRT_S, exec::FSQRT_D])))),
            FpMiscOp::Frintn => FpOp::RintN,
            FpMiscOp::Frintp => FpOp::RintP,
            FpMiscOp::Frintm => FpOp::RintM,
            FpMiscOp::Frintz => FpOp::RintZ,
            FpMiscOp::Frinta => FpOp::RintA,
            FpMiscOp::Frinti => by_mode,
            FpMiscOp::Frintx if self.rounding() == 0 => FpOp::RintX,
            _ => return None,
        };
        let helper = p.pick([exec::FRINT_H, exec::FRINT_S, exec::FRINT_D]);
        Some((rint, FpCall { helper, extra: op as u32 }))
    }

    /// A conversion from or to an integer that the IR has.
    pub fn convert_op(&self, p: Precision, how: Conversion) -> Option<(FpOp, FpCall)> {
        use FpMiscOp as M;
        if !self.has_fp(p) || how.fbits != 0 {
            return None;
        }
        let op = match how.op {
            M::Fcvtns => FpOp::ToSintN,
            M::Fcvtps => FpOp::ToSintP,
            M::Fcvtms => FpOp::ToSintM,
            M::Fcvtzs => FpOp::ToSintZ,
            M::Fcvtnu => FpOp::ToUintN,
            M::Fcvtpu => FpOp::ToUintP,
            M::Fcvtmu => FpOp::ToUintM,
            M::Fcvtzu => FpOp::ToUintZ,
            M::Scvtf => FpOp::FromSint,
            M::Ucvtf => FpOp::FromUint,
            _ => return None,
        };
        let helpers = if matches!(op, FpOp::FromSint | FpOp::FromUint) {
            [exec::INT_TO_FP_H, exec::INT_TO_FP_S, exec::INT_TO_FP_D]
        } else {
            [exec::FP_TO_INT_H, exec::FP_TO_INT_S, exec::FP_TO_INT_D]
        };
        Some((op, FpCall { helper: p.pick(helpers), extra: how.to_arg() as u32 }))
    }

    /// A comparison with zero that the IR has: the operation, and whether zero is its first operand.
    pub fn zero_op(&self, p: Precision, op: FpMiscOp) -> Option<(Two, bool)> {
        let (op, swapped) = match op {
            FpMiscOp::Fcmeq0 => (FpThreeOp::Fcmeq, false),
            FpMiscOp::Fcmge0 => (FpThreeOp::Fcmge, false),
            FpMiscOp::Fcmgt0 => (FpThreeOp::Fcmgt, false),
            FpMiscOp::Fcmle0 => (FpThreeOp::Fcmge, true),
            FpMiscOp::Fcmlt0 => (FpThreeOp::Fcmgt, true),
            _ => return None,
        };
        Some((self.two_op(p, op)?, swapped))
    }
}
