//! Advanced SIMD moves of lanes: "permute", "extract", "table lookup", "copy".

use super::simd_lanes::shape;
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::Shape;

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
    let second = matches!(op, PermuteOp::Uzp2 | PermuteOp::Trn2 | PermuteOp::Zip2);
    if i.size == 3 {
        // Of two lanes a register all three permutations are one.
        let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
        let low = cx.b.lane(Ty::I64, Shape::I64x2, n, second as u32);
        let high = cx.b.lane(Ty::I64, Shape::I64x2, m, second as u32);
        let v = cx.doublewords(low, high);
        cx.set_vreg(i.rd, v);
    } else if matches!(op, PermuteOp::Trn1 | PermuteOp::Trn2) {
        let v = transposed(cx, i, second);
        cx.set_vector(i.q, i.rd, v);
    } else {
        cx.vector_call(exec::PERMUTE, op as u64, &[i.rn, i.rm], &[i.rd]);
    }
    Flow::Next
}

/// TRN1, TRN2: even or odd lanes of Vn in the even lanes of the result, of Vm in the odd.
fn transposed(cx: &mut Cx, i: Permute, odd: bool) -> Value {
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let (s, half) = (shape(i.size + 1), 8 << i.size);
    let (even, odd) = if odd {
        let high = cx.b.vshift(Op::Vlshr, s, m, half);
        (cx.b.vshift(Op::Vlshr, s, n, half), cx.b.vshift(Op::Vshl, s, high, half))
    } else {
        let low = cx.b.vshift(Op::Vshl, s, n, half);
        (cx.b.vshift(Op::Vlshr, s, low, half), cx.b.vshift(Op::Vshl, s, m, half))
    };
    cx.b.or(Ty::V128, even, odd)
}

/// EXT: the bytes of Vn and then Vm from `imm4` on.
pub fn ext_v(cx: &mut Cx, i: ExtV) -> Flow {
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let doublewords: &[(Value, u32)] = if i.q { &[(n, 0), (n, 1), (m, 0), (m, 1)] } else { &[(n, 0), (m, 0)] };
    let (first, shift) = ((i.imm4 / 8) as usize, i.imm4 % 8 * 8);
    let mut part = |k: usize| {
        let (v, lane) = doublewords[first + k];
        let low = cx.b.lane(Ty::I64, Shape::I64x2, v, lane);
        match doublewords.get(first + k + 1) {
            Some(&(v, lane)) if shift != 0 => {
                let high = cx.b.lane(Ty::I64, Shape::I64x2, v, lane);
                funnel(cx, low, high, shift)
            }
            _ => low,
        }
    };
    let low = part(0);
    let high = if i.q { Some(part(1)) } else { None };
    let v = match high {
        Some(high) => cx.doublewords(low, high),
        None => cx.b.vscalar(low),
    };
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// The doubleword `shift` bits into `high:low`; 0 < `shift` < 64.
fn funnel(cx: &mut Cx, low: Value, high: Value, shift: u32) -> Value {
    let low = cx.shift(Ty::I64, low, 1, shift);
    let high = cx.shift(Ty::I64, high, 0, 64 - shift);
    cx.b.or(Ty::I64, low, high)
}

/// TBL, TBX: a table of one to four registers from Vn on.
pub fn table_lookup(cx: &mut Cx, i: TableLookup, op: TableOp) -> Flow {
    let mut reads = vec![i.rm];
    reads.extend((0..=i.len).map(|k| (i.rn + k) % 32));
    if op == TableOp::Tbx {
        reads.push(i.rd);
    }
    cx.vector_call(exec::TABLE, op as u64, &reads, &[i.rd]);
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
    let x = cx.b.lane(Ty::I64, s, n, lane);
    let v = cx.b.vsplat(s, x);
    cx.set_vector(i.q, i.rd, v);
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
