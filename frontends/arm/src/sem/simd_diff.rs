//! "Advanced SIMD three different": sources and result differ in width.

use super::simd_lanes::{Part, shape, wider};
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{IntCc, Shape};

operations! {
    /// "Advanced SIMD three different".
    DiffOp: Saddl Uaddl Saddw Uaddw Ssubl Usubl Ssubw Usubw Addhn Raddhn Subhn Rsubhn
        Sabal Uabal Sabdl Uabdl Smlal Umlal Smlsl Umlsl Smull Umull Pmull
        Sqdmlal Sqdmlsl Sqdmull
}

impl DiffOp {
    /// How sources are extended.
    fn extension(self) -> Op {
        use DiffOp::*;
        match self {
            Uaddl | Uaddw | Usubl | Usubw | Uabal | Uabdl | Umlal | Umlsl | Umull => Op::Vzext,
            _ => Op::Vsext,
        }
    }
}

/// "Advanced SIMD three different".
pub fn three_diff(cx: &mut Cx, i: ThreeDiff, op: DiffOp) -> Flow {
    use DiffOp::*;
    let s = shape(i.size);
    match op {
        Pmull => cx.vector_call(exec::PMULL8, 0, &[i.rn, i.rm], &[i.rd]),
        Addhn | Raddhn | Subhn | Rsubhn => {
            let v = high_halves(cx, op, s, i.rn, i.rm);
            cx.set_half(i.q, i.rd, v);
        }
        Saddw | Uaddw | Ssubw | Usubw => {
            let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
            let m = cx.b.vwiden(op.extension(), s, m, i.q);
            let v = cx.b.vbinary(if matches!(op, Saddw | Uaddw) { Op::Vadd } else { Op::Vsub }, wider(s), n, m);
            cx.set_vreg(i.rd, v);
        }
        Sabal | Uabal | Sabdl | Uabdl => differences(cx, i, op),
        _ => {
            let m = cx.vreg(i.rm);
            long(cx, op, s, i.q, Part::Full, [i.rd, i.rn], m);
        }
    }
    Flow::Next
}

/// "Advanced SIMD scalar three different".
pub fn three_diff_scalar(cx: &mut Cx, i: ThreeDiffScalar, op: DiffOp) -> Flow {
    let m = cx.vreg(i.rm);
    long(cx, op, shape(i.size), false, Part::Scalar, [i.rd, i.rn], m);
    Flow::Next
}

/// Sums, differences and products in lanes twice as wide, of the lower or upper lanes of Vn and `m`.
pub fn long(cx: &mut Cx, op: DiffOp, s: Shape, upper: bool, part: Part, [rd, rn]: [u32; 2], m: Value) {
    use DiffOp::*;
    let (w, extend) = (wider(s), op.extension());
    let n = cx.vreg(rn);
    let n = if part == Part::Scalar { cx.part(part, s, n) } else { n };
    let (n, m) = (cx.b.vwiden(extend, s, n, upper), cx.b.vwiden(extend, s, m, upper));
    let v = match op {
        Saddl | Uaddl => cx.b.vbinary(Op::Vadd, w, n, m),
        Ssubl | Usubl => cx.b.vbinary(Op::Vsub, w, n, m),
        _ => cx.b.vbinary(Op::Vmul, w, n, m),
    };
    let v = match op {
        Smlal | Umlal => {
            let d = cx.vreg(rd);
            cx.b.vbinary(Op::Vadd, w, d, v)
        }
        Smlsl | Umlsl => {
            let d = cx.vreg(rd);
            cx.b.vbinary(Op::Vsub, w, d, v)
        }
        Sqdmull | Sqdmlal | Sqdmlsl => doubled(cx, op, w, part, rd, v),
        _ => v,
    };
    cx.set_vreg(rd, v);
}

/// Products doubled, and added to or subtracted from Vd, both saturating. Of a doubled product only the
/// square of the lowest number overflows, and it alone gives the lowest number.
fn doubled(cx: &mut Cx, op: DiffOp, w: Shape, part: Part, rd: u32, product: Value) -> Value {
    let twice = cx.b.vbinary(Op::Vadd, w, product, product);
    let lowest = cx.lanes_const(w, 1 << (w.lane_bits() - 1));
    let overflow = cx.b.vicmp(IntCc::Eq, w, twice, lowest);
    let v = cx.b.xor(Ty::V128, twice, overflow);
    if op == DiffOp::Sqdmull {
        cx.saturated(overflow);
        return v;
    }
    let (saturating, wrapping) =
        if op == DiffOp::Sqdmlal { (Op::VsaddSat, Op::Vadd) } else { (Op::VssubSat, Op::Vsub) };
    let d = cx.vreg(rd);
    let d = cx.part(part, w, d);
    let (r, wrapped) = (cx.b.vbinary(saturating, w, d, v), cx.b.vbinary(wrapping, w, d, v));
    let differing = cx.b.xor(Ty::V128, r, wrapped);
    let any = cx.b.or(Ty::V128, differing, overflow);
    cx.saturated(any);
    r
}

/// SABDL and its kin: the difference fits in an unsigned lane of the sources' width.
fn differences(cx: &mut Cx, i: ThreeDiff, op: DiffOp) {
    let s = shape(i.size);
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let d = super::simd_three::difference(cx, op.extension() == Op::Vsext, s, n, m);
    let v = cx.b.vwiden(Op::Vzext, s, d, i.q);
    let v = if matches!(op, DiffOp::Sabal | DiffOp::Uabal) {
        let d = cx.vreg(i.rd);
        cx.b.vbinary(Op::Vadd, wider(s), d, v)
    } else {
        v
    };
    cx.set_vreg(i.rd, v);
}

/// ADDHN and its kin: the upper halves of sums or differences, perhaps rounded.
fn high_halves(cx: &mut Cx, op: DiffOp, s: Shape, rn: u32, rm: u32) -> Value {
    use DiffOp::*;
    let w = wider(s);
    let (n, m) = (cx.vreg(rn), cx.vreg(rm));
    let v = cx.b.vbinary(if matches!(op, Addhn | Raddhn) { Op::Vadd } else { Op::Vsub }, w, n, m);
    let v = if matches!(op, Raddhn | Rsubhn) {
        let half = cx.lanes_const(w, 1 << (s.lane_bits() - 1));
        cx.b.vbinary(Op::Vadd, w, v, half)
    } else {
        v
    };
    cx.cut(w, v, s.lane_bits() / 8)
}
