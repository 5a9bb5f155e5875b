//! Advanced SIMD moves of lanes: "permute", "extract", "table lookup", "copy".

use super::simd_lanes::shape;
use super::*;
use crate::exec::simd_lanes::operations;
use brolga_ir::{IntCc, Shape};

operations! {
    /// "Advanced SIMD permute".
    PermuteOp: Uzp1 Uzp2 Trn1 Trn2 Zip1 Zip2
}

operations! {
    /// "Advanced SIMD table lookup": what an index out of range gives, zero or the destination's byte.
    TableOp: Tbl Tbx
}

/// "Advanced SIMD permute".
pub fn permute(cx: &mut Cx, i: Permute, op: PermuteOp) -> Flow {
    use PermuteOp::*;
    let (n, m, s) = (cx.vreg(i.rn), cx.vreg(i.rm), shape(i.size));
    let (all, count) = (s.lanes(), if i.q { s.lanes() } else { s.lanes() / 2 });
    let second = matches!(op, Uzp2 | Trn2 | Zip2) as u32;
    // Lanes alternate between Vn and Vm.
    let alternate = |k: u32, lane: u32| if k >= count { u32::MAX } else { lane + k % 2 * all };
    let v = match op {
        Uzp1 | Uzp2 => cx.every_other(s, i.q, n, m, second),
        Trn1 | Trn2 => cx.pick_lanes(s, n, m, |k| alternate(k, k / 2 * 2 + second)),
        Zip1 | Zip2 => cx.pick_lanes(s, n, m, |k| alternate(k, k / 2 + second * count / 2)),
    };
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// EXT: the bytes of Vn and then Vm from `imm4` on.
pub fn ext_v(cx: &mut Cx, i: ExtV) -> Flow {
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let count = if i.q { 16 } else { 8 };
    let v = cx.pick_lanes(Shape::I8x16, n, m, |k| match k + i.imm4 {
        _ if k >= count => u32::MAX,
        at if at < count => at,
        at => at - count + 16,
    });
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// TBL, TBX: a table of one to four registers from Vn on.
pub fn table_lookup(cx: &mut Cx, i: TableLookup, op: TableOp) -> Flow {
    const BYTES: Shape = Shape::I8x16;
    let index = cx.vreg(i.rm);
    let mut found = None;
    for k in 0..=i.len {
        let table = cx.vreg((i.rn + k) % 32);
        // An index below the register's first wraps to one out of range.
        let at = if k == 0 {
            index
        } else {
            let first = cx.lanes_const(BYTES, 16 * k as u64);
            cx.b.vbinary(Op::Vsub, BYTES, index, first)
        };
        let v = cx.b.vbinary(Op::Vswizzle, BYTES, table, at);
        found = Some(found.map_or(v, |all| cx.b.or(Ty::V128, all, v)));
    }
    let mut v = found.unwrap_or(index);
    if op == TableOp::Tbx {
        let (d, size) = (cx.vreg(i.rd), cx.lanes_const(BYTES, 16 * (i.len as u64 + 1)));
        let inside = cx.b.vicmp(IntCc::Ult, BYTES, index, size);
        v = cx.b.bitselect(inside, v, d);
    }
    cx.set_vector(i.q, i.rd, v);
    Flow::Next
}

/// Lane size and number that `imm5` encodes.
fn lane_of(imm5: u32) -> (Shape, u32) {
    let size = imm5.trailing_zeros();
    (shape(size), imm5 >> (size + 1))
}

/// DUP (element), vector.
pub fn dup_elem_v(cx: &mut Cx, i: DupElemV) -> Flow {
    let (s, lane) = lane_of(i.imm5);
    let n = cx.vreg(i.rn);
    let count = if i.q { s.lanes() } else { s.lanes() / 2 };
    let v = cx.pick_lanes(s, n, n, |k| if k < count { lane } else { u32::MAX });
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// DUP (element), scalar.
pub fn dup_elem_s(cx: &mut Cx, i: DupElemS) -> Flow {
    let (s, lane) = lane_of(i.imm5);
    let n = cx.vreg(i.rn);
    let x = cx.b.lane(Ty::I64, s, n, lane);
    let v = cx.b.vscalar(x);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// DUP (general).
pub fn dup_gen_v(cx: &mut Cx, i: DupGenV) -> Flow {
    let (s, _) = lane_of(i.imm5);
    let x = cx.reg(Ty::I64, i.rn);
    let v = cx.b.vsplat(s, x);
    cx.set_vector(i.q, i.rd, v);
    Flow::Next
}

/// SMOV.
pub fn smov(cx: &mut Cx, i: Smov) -> Flow {
    let (s, lane) = lane_of(i.imm5);
    let n = cx.vreg(i.rn);
    let x = cx.b.lane(Ty::I64, s, n, lane);
    let x = cx.b.sextract(Ty::I64, x, 0, s.lane_bits());
    let x = if i.q { x } else { cx.b.zext(Ty::I32, x) };
    cx.set_reg(i.rd, x);
    Flow::Next
}

/// UMOV.
pub fn umov(cx: &mut Cx, i: Umov) -> Flow {
    let (s, lane) = lane_of(i.imm5);
    let n = cx.vreg(i.rn);
    let x = cx.b.lane(Ty::I64, s, n, lane);
    cx.set_reg(i.rd, x);
    Flow::Next
}

/// INS (general).
pub fn ins_gen(cx: &mut Cx, i: InsGen) -> Flow {
    let (s, lane) = lane_of(i.imm5);
    let (d, x) = (cx.vreg(i.rd), cx.reg(Ty::I64, i.rn));
    let v = cx.b.insert(s, d, x, lane);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// INS (element).
pub fn ins_elem(cx: &mut Cx, i: InsElem) -> Flow {
    let (s, to) = lane_of(i.imm5);
    let from = i.imm4 >> i.imm5.trailing_zeros();
    let (d, n) = (cx.vreg(i.rd), cx.vreg(i.rn));
    let x = cx.b.lane(Ty::I64, s, n, from);
    let v = cx.b.insert(s, d, x, to);
    cx.set_vreg(i.rd, v);
    Flow::Next
}
