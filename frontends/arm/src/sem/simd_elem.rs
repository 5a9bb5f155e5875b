//! Integer "Advanced SIMD x indexed element": as the vector instructions, with one lane of Vm in all lanes.

use super::simd_lanes::shape;
use super::simd_three::{diff_call, product, three_call};
use super::*;
use crate::exec::{self, simd_lanes::operations};

pub use super::simd_three::{DiffOp, DotOp, ThreeOp};

operations! {
    /// "Advanced SIMD vector x indexed element".
    ElemOp: Mla Mls Mul Smlal Umlal Smlsl Umlsl Smull Umull Sqdmlal Sqdmlsl Sqdmull
        Sqdmulh Sqrdmulh Sqrdmlah Sqrdmlsh
}

/// The vector instruction of the same name.
enum Kin {
    Same(ThreeOp),
    Long(DiffOp),
}

impl ElemOp {
    fn kin(self) -> Kin {
        match self {
            ElemOp::Mla => Kin::Same(ThreeOp::Mla),
            ElemOp::Mls => Kin::Same(ThreeOp::Mls),
            ElemOp::Mul => Kin::Same(ThreeOp::Mul),
            ElemOp::Sqdmulh => Kin::Same(ThreeOp::Sqdmulh),
            ElemOp::Sqrdmulh => Kin::Same(ThreeOp::Sqrdmulh),
            ElemOp::Sqrdmlah => Kin::Same(ThreeOp::Sqrdmlah),
            ElemOp::Sqrdmlsh => Kin::Same(ThreeOp::Sqrdmlsh),
            ElemOp::Smlal => Kin::Long(DiffOp::Smlal),
            ElemOp::Umlal => Kin::Long(DiffOp::Umlal),
            ElemOp::Smlsl => Kin::Long(DiffOp::Smlsl),
            ElemOp::Umlsl => Kin::Long(DiffOp::Umlsl),
            ElemOp::Smull => Kin::Long(DiffOp::Smull),
            ElemOp::Umull => Kin::Long(DiffOp::Umull),
            ElemOp::Sqdmlal => Kin::Long(DiffOp::Sqdmlal),
            ElemOp::Sqdmlsl => Kin::Long(DiffOp::Sqdmlsl),
            ElemOp::Sqdmull => Kin::Long(DiffOp::Sqdmull),
        }
    }
}

/// Register and lane of the element, of halfwords (`size` 1) or words.
fn element(size: u32, h: bool, l: bool, m: bool, rm: u32) -> (u32, u32) {
    let (h, l, m) = (h as u32, l as u32, m as u32);
    if size == 1 { (rm, h << 2 | l << 1 | m) } else { (m << 4 | rm, h << 1 | l) }
}

/// "Advanced SIMD vector x indexed element".
pub fn elem(cx: &mut Cx, i: Elem, op: ElemOp) -> Flow {
    let (rm, lane) = element(i.size, i.h, i.l, i.m, i.rm);
    match op.kin() {
        Kin::Same(op @ (ThreeOp::Mla | ThreeOp::Mls | ThreeOp::Mul)) => {
            let (s, n, m) = (shape(i.size), cx.vreg(i.rn), cx.vreg(rm));
            let x = cx.b.lane(Ty::I64, s, m, lane);
            let m = cx.b.vsplat(s, x);
            let v = product(cx, op, s, i.rd, n, m);
            cx.set_vector(i.q, i.rd, v);
        }
        Kin::Same(op) => three_call(cx, exec::THREE_ELEM, op, [i.rd, i.rn, rm]),
        Kin::Long(op) => diff_call(cx, exec::DIFF_ELEM, op, i.q, [i.rd, i.rn, rm]),
    }
    Flow::Next
}

/// "Advanced SIMD scalar x indexed element".
pub fn elem_scalar(cx: &mut Cx, i: ElemScalar, op: ElemOp) -> Flow {
    let (rm, _) = element(i.size, i.h, i.l, i.m, i.rm);
    match op.kin() {
        Kin::Same(op) => three_call(cx, exec::THREE_ELEM, op, [i.rd, i.rn, rm]),
        Kin::Long(op) => diff_call(cx, exec::DIFF_ELEM, op, false, [i.rd, i.rn, rm]),
    }
    Flow::Next
}

/// SDOT, UDOT, SUDOT, USDOT (by element).
pub fn dot_elem(cx: &mut Cx, i: DotElem, op: DotOp) -> Flow {
    cx.vector_call(exec::DOT_ELEM, op as u64, &[i.rd, i.rn, (i.m as u32) << 4 | i.rm], &[i.rd]);
    Flow::Next
}
