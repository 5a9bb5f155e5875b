//! Integer "Advanced SIMD x indexed element": as the vector instructions, with one lane of Vm in all lanes.

use super::simd_diff::long;
use super::simd_lanes::{Part, shape};
use super::simd_three::{dot_product, high_product, product, three_call};
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
    by_element(cx, op, i.size, i.q, Part::of(i.q), [i.rd, i.rn, rm], lane)
}

/// "Advanced SIMD scalar x indexed element".
pub fn elem_scalar(cx: &mut Cx, i: ElemScalar, op: ElemOp) -> Flow {
    let (rm, lane) = element(i.size, i.h, i.l, i.m, i.rm);
    by_element(cx, op, i.size, false, Part::Scalar, [i.rd, i.rn, rm], lane)
}

fn by_element(cx: &mut Cx, op: ElemOp, size: u32, upper: bool, part: Part, regs: [u32; 3], lane: u32) -> Flow {
    let ([rd, rn, rm], s) = (regs, shape(size));
    let kin = op.kin();
    if let Kin::Same(op @ (ThreeOp::Sqrdmlah | ThreeOp::Sqrdmlsh)) = kin {
        three_call(cx, exec::THREE_ELEM, op, regs);
        return Flow::Next;
    }
    let m = cx.vreg(rm);
    let m = cx.dup_lane(s, m, lane);
    match kin {
        Kin::Same(op @ (ThreeOp::Sqdmulh | ThreeOp::Sqrdmulh)) => {
            let n = cx.vreg(rn);
            let v = high_product(cx, op, s, part, n, m);
            cx.set_vreg(rd, v);
        }
        Kin::Same(op) => {
            let n = cx.vreg(rn);
            let v = product(cx, op, s, rd, n, m);
            cx.set_vector(part == Part::Full, rd, v);
        }
        Kin::Long(op) => {
            let part = if part == Part::Scalar { part } else { Part::Full };
            long(cx, op, s, upper, part, [rd, rn], m);
        }
    }
    Flow::Next
}

/// SDOT, UDOT, SUDOT, USDOT (by element).
pub fn dot_elem(cx: &mut Cx, i: DotElem, op: DotOp) -> Flow {
    let m = cx.vreg((i.m as u32) << 4 | i.rm);
    let m = cx.dup_lane(brolga_ir::Shape::I32x4, m, (i.h as u32) << 1 | i.l as u32);
    dot_product(cx, op, i.q, i.rd, i.rn, m)
}
