//! Scalar floating point. Arm ARM, "Data Processing -- Scalar Floating-Point and Advanced SIMD".
//!
//! Moves and sign changes are IR, and so is most of what rounds or compares (`fp_ops`); the rest calls a helper
//! with the operands' bits, which reads FPCR and adds to FPSR.

use super::fp_ops::Sign;
use super::{Cx, Flow, sf_ty};
use crate::a64::*;
use crate::exec::fp_convert::Conversion;
use crate::{exec, state};
use brolga_core::{Cond, RegSet};
use brolga_ir::{FpCall, FpLanes, FpOp, HelperId, Shape, Ty, Value};

// The constants of the decode table.
pub use crate::exec::fp_lane::{FpMiscOp as OneOp, FpMiscOp as ToInt, FpMiscOp as FromInt, FpThreeOp as TwoOp};

/// The multiply-adds.
#[allow(missing_docs, reason = "the manual's mnemonics")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreeOp {
    Fmadd,
    Fmsub,
    Fnmadd,
    Fnmsub,
}

/// A format of operands; the number picks a helper among those of the three formats.
#[allow(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    Half,
    Single,
    Double,
}

impl Precision {
    /// From field ftype.
    pub fn of_type(ftype: u32) -> Precision {
        match ftype {
            0 => Precision::Single,
            1 => Precision::Double,
            _ => Precision::Half,
        }
    }

    /// From field sz.
    pub fn of_sz(sz: bool) -> Precision {
        if sz { Precision::Double } else { Precision::Single }
    }

    /// Lanes of a register.
    pub fn shape(self) -> Shape {
        [Shape::I16x8, Shape::I32x4, Shape::I64x2][self as usize]
    }

    /// Width in bits.
    pub fn bits(self) -> u32 {
        self.shape().lane_bits()
    }

    /// The helper for this format of those for half, single, double.
    pub fn pick(self, helpers: [HelperId; 3]) -> HelperId {
        helpers[self as usize]
    }

    fn sign_bit(self) -> u64 {
        1 << (self.bits() - 1)
    }
}

impl Cx<'_> {
    /// The scalar in register `n`, zero-extended to I64.
    pub fn scalar(&mut self, p: Precision, n: u32) -> Value {
        self.element(p, n, 0)
    }

    /// Lane `index` of register `n`, zero-extended to I64.
    pub fn element(&mut self, p: Precision, n: u32, index: u32) -> Value {
        let v = self.vreg(n);
        self.b.lane(Ty::I64, p.shape(), v, index)
    }

    /// Lane `index` of register `n` as `ty`.
    pub fn element_as(&mut self, ty: Ty, p: Precision, n: u32, index: u32) -> Value {
        let v = self.vreg(n);
        self.b.lane(ty, p.shape(), v, index)
    }

    /// Writes a scalar, a float or its zero-extended bits; the rest of the register becomes zero.
    pub fn set_scalar(&mut self, n: u32, bits: Value) {
        let v = self.b.vscalar(bits);
        self.set_vreg(n, v);
    }

    /// Calls a helper on values that rounds by FPCR and raises flags of FPSR.
    pub fn fp_value(&mut self, helper: HelperId, args: &[Value]) -> Value {
        let (reads, writes) = (RegSet::EMPTY.with(state::FPCR).with(state::FPSR), RegSet::EMPTY.with(state::FPSR));
        self.b.call(helper, args, reads, writes)
    }

    /// The scalar with its sign flipped, NaNs too: "FPNeg".
    pub fn negated(&mut self, p: Precision, a: Value) -> Value {
        let sign = self.iconst(Ty::I64, p.sign_bit());
        self.b.xor(Ty::I64, a, sign)
    }

    /// The scalar with its sign cleared, NaNs too: "FPAbs".
    pub fn absolute(&mut self, p: Precision, a: Value) -> Value {
        let sign = self.iconst(Ty::I64, p.sign_bit());
        self.b.bic(Ty::I64, a, sign)
    }
}

/// The register that `op` makes of the scalar in register `n`.
fn one(cx: &mut Cx, p: Precision, op: OneOp, n: u32) -> Value {
    let sign = match op {
        OneOp::Fabs => Sign::Clear,
        OneOp::Fneg => Sign::Flip,
        _ => Sign::Keep,
    };
    if p != Precision::Half && matches!(op, OneOp::Fmov | OneOp::Fabs | OneOp::Fneg) {
        let r = cx.float(p, (n, 0), sign);
        return cx.b.vscalar(r);
    }
    if let Some((op, call)) = cx.one_op(p, op) {
        let a = cx.float(p, (n, 0), Sign::Keep);
        let r = cx.b.fp(op, p.ty(), FpLanes::One, &[a], call);
        return cx.b.vscalar(r);
    }
    let a = cx.scalar(p, n);
    let r = match op {
        OneOp::Fmov => a,
        OneOp::Fabs => cx.absolute(p, a),
        OneOp::Fneg => cx.negated(p, a),
        OneOp::Fsqrt => cx.fp_value(p.pick([exec::FSQRT_H, exec::FSQRT_S, exec::FSQRT_D]), &[a]),
        _ => {
            let op = cx.iconst(Ty::I64, op as u64);
            cx.fp_value(p.pick([exec::FRINT_H, exec::FRINT_S, exec::FRINT_D]), &[a, op])
        }
    };
    cx.b.vscalar(r)
}

/// FMOV (register), FABS, FNEG, FSQRT, FRINT*.
pub fn fp_one(cx: &mut Cx, i: FpOne, op: OneOp) -> Flow {
    let v = one(cx, Precision::of_type(i.ftype), op, i.rn);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// Lane `at` in the other one of single and double precision, as a float of the format `to`.
pub fn resized(cx: &mut Cx, to: Precision, at: (u32, u32)) -> Option<Value> {
    let (from, helper) = match to {
        Precision::Single => (Precision::Double, exec::FCVT_S_D),
        _ => (Precision::Single, exec::FCVT_D_S),
    };
    if !cx.has_fp(to) {
        return None;
    }
    let a = cx.float(from, at, Sign::Keep);
    Some(cx.b.fp_convert(FpOp::Resize, to.ty(), a, FpCall { helper, extra: 0 }))
}

/// FCVT.
pub fn fcvt(cx: &mut Cx, i: Fcvt) -> Flow {
    use Precision::{Double, Half, Single};
    let (from, to) = (Precision::of_type(i.ftype), Precision::of_type(i.opc));
    let helper = match (from, to) {
        (Half, Single) => exec::FCVT_S_H,
        (Half, _) => exec::FCVT_D_H,
        (Single, Half) => exec::FCVT_H_S,
        (Single, _) => exec::FCVT_D_S,
        (Double, Half) => exec::FCVT_H_D,
        (Double, _) => exec::FCVT_S_D,
    };
    let inline = if from == Half || from == to { None } else { resized(cx, to, (i.rn, 0)) };
    let r = match inline {
        Some(r) => r,
        None => {
            let a = cx.scalar(from, i.rn);
            cx.fp_value(helper, &[a])
        }
    };
    cx.set_scalar(i.rd, r);
    Flow::Next
}

/// BFCVT.
pub fn bfcvt(cx: &mut Cx, i: Bfcvt) -> Flow {
    let a = cx.scalar(Precision::Single, i.rn);
    let r = cx.fp_value(exec::BFCVT, &[a]);
    cx.set_scalar(i.rd, r);
    Flow::Next
}

/// The helpers of an operation that has its own.
fn own_helpers(op: TwoOp) -> Option<[HelperId; 3]> {
    Some(match op {
        TwoOp::Fadd | TwoOp::Faddp => [exec::FADD_H, exec::FADD_S, exec::FADD_D],
        TwoOp::Fsub => [exec::FSUB_H, exec::FSUB_S, exec::FSUB_D],
        TwoOp::Fmul => [exec::FMUL_H, exec::FMUL_S, exec::FMUL_D],
        TwoOp::Fnmul => [exec::FNMUL_H, exec::FNMUL_S, exec::FNMUL_D],
        TwoOp::Fdiv => [exec::FDIV_H, exec::FDIV_S, exec::FDIV_D],
        TwoOp::Fmax | TwoOp::Fmaxp => [exec::FMAX_H, exec::FMAX_S, exec::FMAX_D],
        TwoOp::Fmin | TwoOp::Fminp => [exec::FMIN_H, exec::FMIN_S, exec::FMIN_D],
        TwoOp::Fmaxnm | TwoOp::Fmaxnmp => [exec::FMAXNM_H, exec::FMAXNM_S, exec::FMAXNM_D],
        TwoOp::Fminnm | TwoOp::Fminnmp => [exec::FMINNM_H, exec::FMINNM_S, exec::FMINNM_D],
        TwoOp::Fabd => [exec::FABD_H, exec::FABD_S, exec::FABD_D],
        _ => return None,
    })
}

/// The register that `op` makes of two lanes, each given by register and number.
pub fn two(cx: &mut Cx, p: Precision, op: TwoOp, a: (u32, u32), b: (u32, u32)) -> Value {
    if let Some(two) = cx.two_op(p, op) {
        let (a, b) = (cx.float(p, a, two.operands), cx.float(p, b, two.operands));
        let r = cx.b.fp(two.op, p.ty(), FpLanes::One, &[a, b], two.call);
        return cx.float_register(p, r, two.result);
    }
    let (a, b) = (cx.element(p, a.0, a.1), cx.element(p, b.0, b.1));
    let r = match own_helpers(op) {
        Some(helpers) => cx.fp_value(p.pick(helpers), &[a, b]),
        None => {
            let op = cx.iconst(Ty::I64, op as u64);
            cx.fp_value(p.pick([exec::FP_TWO_H, exec::FP_TWO_S, exec::FP_TWO_D]), &[a, b, op])
        }
    };
    cx.b.vscalar(r)
}

/// FADD, FSUB, FMUL, FNMUL, FDIV, FMAX, FMIN, FMAXNM, FMINNM.
pub fn fp_two(cx: &mut Cx, i: FpTwo, op: TwoOp) -> Flow {
    let v = two(cx, Precision::of_type(i.ftype), op, (i.rn, 0), (i.rm, 0));
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// The register with n * m + a of lanes, rounded once. Signs of `n` and `a` are flipped before, so NaNs show it.
pub fn mul_add(cx: &mut Cx, p: Precision, lanes: [(u32, u32); 3], flip: [bool; 2]) -> Value {
    let signs = [flip[0], false, flip[1]].map(|flip| if flip { Sign::Flip } else { Sign::Keep });
    if let Some(call) = cx.mul_add_op(p) {
        let operands = [0, 1, 2].map(|k| cx.float(p, lanes[k], signs[k]));
        let r = cx.b.fp(FpOp::MulAdd, p.ty(), FpLanes::One, &operands, call);
        return cx.b.vscalar(r);
    }
    let operands = [0, 1, 2].map(|k| {
        let v = cx.element(p, lanes[k].0, lanes[k].1);
        if signs[k] == Sign::Flip { cx.negated(p, v) } else { v }
    });
    let r = cx.fp_value(p.pick([exec::FMADD_H, exec::FMADD_S, exec::FMADD_D]), &operands);
    cx.b.vscalar(r)
}

/// FMADD, FMSUB, FNMADD, FNMSUB.
pub fn fp_three(cx: &mut Cx, i: FpThree, op: ThreeOp) -> Flow {
    let flip = [matches!(op, ThreeOp::Fmsub | ThreeOp::Fnmadd), matches!(op, ThreeOp::Fnmadd | ThreeOp::Fnmsub)];
    let lanes = [(i.rn, 0), (i.rm, 0), (i.ra, 0)];
    let v = mul_add(cx, Precision::of_type(i.ftype), lanes, flip);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// Flags of a comparison of two scalars, of the type that [`comparand`] gives.
fn compare(cx: &mut Cx, p: Precision, a: Value, b: Value, signalling: bool) -> Value {
    let helper = p.pick([exec::FCMP_H, exec::FCMP_S, exec::FCMP_D]);
    if cx.has_fp(p) {
        return cx.b.fp_compare(p.ty(), brolga_ir::FpRelation::Bits, a, b, FpCall { helper, extra: signalling.into() });
    }
    let signalling = cx.iconst(Ty::I64, signalling as u64);
    let bits = cx.fp_value(helper, &[a, b, signalling]);
    cx.b.flags_pack(bits)
}

/// Type of what is compared.
fn comparand(cx: &Cx, p: Precision) -> Ty {
    if cx.has_fp(p) { p.ty() } else { Ty::I64 }
}

/// FCMP, FCMPE.
pub fn fcmp(cx: &mut Cx, i: Fcmp) -> Flow {
    let p = Precision::of_type(i.ftype);
    let ty = comparand(cx, p);
    let a = cx.element_as(ty, p, i.rn, 0);
    let b = if i.z { cx.iconst(ty, 0) } else { cx.element_as(ty, p, i.rm, 0) };
    let f = compare(cx, p, a, b, i.e);
    cx.b.set_flags(f);
    Flow::Next
}

/// FCCMP, FCCMPE. Where the condition fails, zeros are compared, which raises nothing.
pub fn fccmp(cx: &mut Cx, i: Fccmp) -> Flow {
    let p = Precision::of_type(i.ftype);
    let ty = comparand(cx, p);
    let (a, b) = (cx.element_as(ty, p, i.rn, 0), cx.element_as(ty, p, i.rm, 0));
    let f = if Cond::from_bits(i.cond).is_none() {
        compare(cx, p, a, b, i.e)
    } else {
        let c = cx.cond(i.cond);
        let zero = cx.iconst(ty, 0);
        let a = cx.b.select(ty, c, a, zero);
        let b = cx.b.select(ty, c, b, zero);
        let compared = compare(cx, p, a, b, i.e);
        let bits = cx.iconst(Ty::I64, (i.nzcv as u64) << 28);
        let other = cx.b.flags_pack(bits);
        cx.b.flags_select(c, compared, other)
    };
    cx.b.set_flags(f);
    Flow::Next
}

/// FCSEL.
pub fn fcsel(cx: &mut Cx, i: Fcsel) -> Flow {
    let p = Precision::of_type(i.ftype);
    let (a, b) = (cx.scalar(p, i.rn), cx.scalar(p, i.rm));
    let c = cx.cond(i.cond);
    let r = cx.b.select(Ty::I64, c, a, b);
    cx.set_scalar(i.rd, r);
    Flow::Next
}

/// Arm ARM, "VFPExpandImm".
pub fn expand_imm(p: Precision, imm8: u32) -> u64 {
    let exp_bits = [5, 8, 11][p as usize];
    let frac_bits = p.bits() - 1 - exp_bits;
    let (sign, b6, low) = (imm8 as u64 >> 7 & 1, imm8 as u64 >> 6 & 1, imm8 as u64 & 0x3f);
    // Exponent: NOT(b6), b6 repeated, then two bits, which with the fraction's four are `low`.
    let repeated = if b6 != 0 { (1 << (exp_bits - 3)) - 1 } else { 0 };
    let exp_top = (b6 ^ 1) << (exp_bits - 3) | repeated;
    sign << (p.bits() - 1) | exp_top << (frac_bits + 2) | low << (frac_bits - 4)
}

/// FMOV (scalar, immediate).
pub fn fmov_imm(cx: &mut Cx, i: FmovImm) -> Flow {
    let v = cx.b.vconst(expand_imm(Precision::of_type(i.ftype), i.imm8).into());
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// A conversion to a general register of 64 (`sf`) or 32 bits.
fn convert_to_int(cx: &mut Cx, sf: bool, p: Precision, op: ToInt, fbits: u32, rn: u32, rd: u32) -> Flow {
    let r = to_int(cx, p, Conversion { op, bits: sf_ty(sf).bits(), fbits }, rn);
    cx.set_reg(rd, r);
    Flow::Next
}

/// The integer near the scalar in register `n`: of its own width, or zero-extended.
pub fn to_int(cx: &mut Cx, p: Precision, how: Conversion, n: u32) -> Value {
    if let Some((op, call)) = cx.convert_op(p, how) {
        let a = cx.float(p, (n, 0), Sign::Keep);
        return cx.b.fp_convert(op, sf_ty(how.bits == 64), a, call);
    }
    if how.fbits != 0
        && let Some(r) = cx.fixed_to_int(p, how, n)
    {
        return r;
    }
    let a = cx.scalar(p, n);
    if how.op == ToInt::Fcvtzs && how.fbits == 0 && p != Precision::Half && how.bits >= 32 {
        let helper = match (how.bits, p) {
            (32, Precision::Single) => exec::FCVTZS_W_S,
            (32, _) => exec::FCVTZS_W_D,
            (_, Precision::Single) => exec::FCVTZS_X_S,
            _ => exec::FCVTZS_X_D,
        };
        return cx.fp_value(helper, &[a]);
    }
    let how = cx.iconst(Ty::I64, how.to_arg());
    cx.fp_value(p.pick([exec::FP_TO_INT_H, exec::FP_TO_INT_S, exec::FP_TO_INT_D]), &[a, how])
}

/// The scalar near the integer in the low bits of the I64 `value`: a float, or its bits as I64.
pub fn from_int(cx: &mut Cx, p: Precision, how: Conversion, value: Value) -> Value {
    if how.fbits != 0 && cx.has_fp(p) {
        let r = from_int(cx, p, Conversion { fbits: 0, ..how }, value);
        if let Some(r) = cx.scaled_down(p, r, how.fbits) {
            return r;
        }
    }
    if how.fbits != 0 {
        let how = cx.iconst(Ty::I64, how.to_arg());
        return cx.fp_value(p.pick([exec::INT_TO_FP_H, exec::INT_TO_FP_S, exec::INT_TO_FP_D]), &[value, how]);
    }
    // A narrower integer is an integer of 64 bits once extended; an unsigned one is not negative then.
    if how.bits == 64 && !how.op.signed() {
        if cx.has_fp(p) {
            let helper = p.pick([exec::UCVTF_H, exec::UCVTF_S, exec::UCVTF_D]);
            return cx.b.fp_convert(FpOp::FromUint, p.ty(), value, FpCall { helper, extra: 0 });
        }
        return cx.fp_value(p.pick([exec::UCVTF_H, exec::UCVTF_S, exec::UCVTF_D]), &[value]);
    }
    let value = match (how.bits, how.op.signed()) {
        (64, _) => value,
        (bits, true) => cx.b.sextract(Ty::I64, value, 0, bits),
        (bits, false) => cx.b.extract(Ty::I64, value, 0, bits),
    };
    if cx.has_fp(p) {
        let helper = p.pick([exec::SCVTF_H, exec::SCVTF_S, exec::SCVTF_D]);
        return cx.b.fp_convert(FpOp::FromSint, p.ty(), value, FpCall { helper, extra: 0 });
    }
    cx.fp_value(p.pick([exec::SCVTF_H, exec::SCVTF_S, exec::SCVTF_D]), &[value])
}

/// FCVT{N,P,M,Z,A}{S,U} (scalar, integer).
pub fn fp_to_int(cx: &mut Cx, i: FpToInt, op: ToInt) -> Flow {
    convert_to_int(cx, i.sf, Precision::of_type(i.ftype), op, 0, i.rn, i.rd)
}

/// FCVTZS, FCVTZU (scalar, fixed-point).
pub fn fp_to_fixed(cx: &mut Cx, i: FpToFixed, op: ToInt) -> Flow {
    convert_to_int(cx, i.sf, Precision::of_type(i.ftype), op, 64 - i.scale, i.rn, i.rd)
}

/// A conversion from a general register of 64 (`sf`) or 32 bits.
fn convert_from_int(cx: &mut Cx, sf: bool, p: Precision, op: FromInt, fbits: u32, rn: u32, rd: u32) -> Flow {
    let value = cx.reg(Ty::I64, rn);
    let r = from_int(cx, p, Conversion { op, bits: sf_ty(sf).bits(), fbits }, value);
    cx.set_scalar(rd, r);
    Flow::Next
}

/// SCVTF, UCVTF (scalar, integer).
pub fn int_to_fp(cx: &mut Cx, i: IntToFp, op: FromInt) -> Flow {
    convert_from_int(cx, i.sf, Precision::of_type(i.ftype), op, 0, i.rn, i.rd)
}

/// SCVTF, UCVTF (scalar, fixed-point).
pub fn fixed_to_fp(cx: &mut Cx, i: FixedToFp, op: FromInt) -> Flow {
    convert_from_int(cx, i.sf, Precision::of_type(i.ftype), op, 64 - i.scale, i.rn, i.rd)
}

/// FMOV (general).
pub fn fmov_g(cx: &mut Cx, i: FmovG) -> Flow {
    let p = Precision::of_type(i.ftype);
    if i.op {
        let value = cx.reg(Ty::I64, i.rn);
        let bits = if p == Precision::Double { value } else { cx.b.extract(Ty::I64, value, 0, p.bits()) };
        cx.set_scalar(i.rd, bits);
    } else {
        let bits = cx.scalar(p, i.rn);
        cx.set_reg(i.rd, bits);
    }
    Flow::Next
}

/// FMOV (general), upper half of a register.
pub fn fmov_top(cx: &mut Cx, i: FmovTop) -> Flow {
    if i.op {
        let value = cx.reg(Ty::I64, i.rn);
        let v = cx.vreg(i.rd);
        let v = cx.b.insert(Shape::I64x2, v, value, 1);
        cx.set_vreg(i.rd, v);
    } else {
        let bits = cx.element(Precision::Double, i.rn, 1);
        cx.set_reg(i.rd, bits);
    }
    Flow::Next
}

/// FJCVTZS.
pub fn fjcvtzs(cx: &mut Cx, i: Fjcvtzs) -> Flow {
    let a = cx.scalar(Precision::Double, i.rn);
    let both = cx.fp_value(exec::FJCVTZS, &[a]);
    let same = cx.b.extract(Ty::I64, both, 32, 1);
    let z = cx.shift(Ty::I64, same, 0, 30);
    let f = cx.b.flags_pack(z);
    let value = cx.b.extract(Ty::I64, both, 0, 32);
    cx.b.set_flags(f);
    cx.set_reg(i.rd, value);
    Flow::Next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediates_expand() {
        for (imm8, value) in [(0x70, 1.0f64), (0x00, 2.0), (0x80, -2.0), (0x3f, 31.0), (0x40, 0.125), (0xf8, -1.5)] {
            assert_eq!(expand_imm(Precision::Double, imm8), value.to_bits());
            assert_eq!(expand_imm(Precision::Single, imm8), u64::from((value as f32).to_bits()));
        }
        assert_eq!(expand_imm(Precision::Half, 0x70), 0x3c00);
        assert_eq!(expand_imm(Precision::Half, 0xc0), 0xb000);
    }
}
