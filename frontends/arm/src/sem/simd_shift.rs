//! "Advanced SIMD shift by immediate", integer.

use super::simd_lanes::shape;
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::Shape;

operations! {
    /// "Advanced SIMD shift by immediate".
    ShiftOp: Sshr Ushr Ssra Usra Srshr Urshr Srsra Ursra Shl Sri Sli Sqshl Sqshlu Uqshl
        Shrn Rshrn Sqshrn Sqrshrn Sqshrun Sqrshrun Uqshrn Uqrshrn
        Sshll Ushll
}

/// Lane size that `immh` encodes, and `immh:immb` less the lane's width.
fn decode(immh: u32, immb: u32) -> (u32, u32) {
    let size = immh.max(1).ilog2();
    (size, (immh << 3 | immb) - (8 << size))
}

/// "Advanced SIMD shift by immediate" between equal lanes.
pub fn shift_imm(cx: &mut Cx, i: ShiftImm, op: ShiftOp) -> Flow {
    shift(cx, op, decode(i.immh, i.immb), i.q, i.rd, i.rn)
}

/// "Advanced SIMD scalar shift by immediate".
pub fn shift_imm_scalar(cx: &mut Cx, i: ShiftImmScalar, op: ShiftOp) -> Flow {
    shift(cx, op, decode(i.immh, i.immb), false, i.rd, i.rn)
}

fn shift(cx: &mut Cx, op: ShiftOp, (size, left): (u32, u32), q: bool, rd: u32, rn: u32) -> Flow {
    let (s, n) = (shape(size), cx.vreg(rn));
    let right = s.lane_bits() - left;
    let v = match op {
        ShiftOp::Shl => cx.lane_shift(Op::Vshl, s, n, left),
        ShiftOp::Sshr => cx.lane_shift(Op::Vashr, s, n, right),
        ShiftOp::Ushr => cx.lane_shift(Op::Vlshr, s, n, right),
        ShiftOp::Srshr => rounded(cx, Op::Vashr, s, n, right),
        ShiftOp::Urshr => rounded(cx, Op::Vlshr, s, n, right),
        ShiftOp::Ssra | ShiftOp::Usra => {
            let op = if op == ShiftOp::Ssra { Op::Vashr } else { Op::Vlshr };
            let (v, d) = (cx.lane_shift(op, s, n, right), cx.vreg(rd));
            cx.b.vbinary(Op::Vadd, s, d, v)
        }
        ShiftOp::Srsra | ShiftOp::Ursra => {
            let op = if op == ShiftOp::Srsra { Op::Vashr } else { Op::Vlshr };
            let (v, d) = (rounded(cx, op, s, n, right), cx.vreg(rd));
            cx.b.vbinary(Op::Vadd, s, d, v)
        }
        ShiftOp::Sri | ShiftOp::Sli => {
            let (op, amount) = if op == ShiftOp::Sri { (Op::Vlshr, right) } else { (Op::Vshl, left) };
            inserted(cx, op, s, rd, n, amount)
        }
        _ => {
            cx.fp_call(exec::SHIFT_SATURATE, op as u64, &[rn], &[rd]);
            return Flow::Next;
        }
    };
    cx.set_vector(q, rd, v);
    Flow::Next
}

/// Shifted right by 1 to the lane's width, plus the last bit shifted out.
fn rounded(cx: &mut Cx, op: Op, s: Shape, n: Value, amount: u32) -> Value {
    let whole = cx.lane_shift(op, s, n, amount);
    let last = cx.lane_shift(Op::Vshl, s, n, s.lane_bits() - amount);
    let last = cx.lane_shift(Op::Vlshr, s, last, s.lane_bits() - 1);
    cx.b.vbinary(Op::Vadd, s, whole, last)
}

/// Shifted into register `rd`, which keeps the bits that the shift makes zero.
fn inserted(cx: &mut Cx, op: Op, s: Shape, rd: u32, n: Value, amount: u32) -> Value {
    let (v, d) = (cx.lane_shift(op, s, n, amount), cx.vreg(rd));
    let bits = s.lane_bits();
    let ones = u64::MAX >> (64 - bits);
    let lane = if amount >= bits {
        0
    } else if op == Op::Vshl {
        ones << amount & ones
    } else {
        ones >> amount
    };
    let mask = (0..128 / bits).fold(0, |m, k| m | (lane as u128) << (k * bits));
    let mask = cx.b.vconst(mask);
    let kept = cx.b.bic(Ty::V128, d, mask);
    cx.b.or(Ty::V128, kept, v)
}

/// "Advanced SIMD shift by immediate" to lanes half as wide.
pub fn shift_narrow(cx: &mut Cx, i: ShiftNarrow, op: ShiftOp) -> Flow {
    narrow(cx, op, i.q, i.rd, i.rn)
}

/// The same on a scalar.
pub fn shift_narrow_scalar(cx: &mut Cx, i: ShiftNarrowScalar, op: ShiftOp) -> Flow {
    narrow(cx, op, false, i.rd, i.rn)
}

fn narrow(cx: &mut Cx, op: ShiftOp, upper: bool, rd: u32, rn: u32) -> Flow {
    let reads: &[u32] = if upper { &[rd, rn] } else { &[rn] };
    if matches!(op, ShiftOp::Shrn | ShiftOp::Rshrn) {
        cx.vector_call(exec::SHIFT_NARROW, op as u64, reads, &[rd]);
    } else {
        cx.fp_call(exec::SHIFT_NARROW, op as u64, reads, &[rd]);
    }
    Flow::Next
}

/// SSHLL, USHLL: to lanes twice as wide.
pub fn shift_long(cx: &mut Cx, i: ShiftLong, op: ShiftOp) -> Flow {
    cx.vector_call(exec::SHIFT_LONG, op as u64, &[i.rn], &[i.rd]);
    Flow::Next
}
