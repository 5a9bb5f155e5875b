//! "Advanced SIMD shift by immediate", integer.

use super::simd_lanes::{Part, shape, wider};
use super::simd_misc::{Narrow, narrowed};
use super::*;
use crate::exec::simd_lanes::operations;
use brolga_ir::{IntCc, Shape};

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
    shift(cx, op, decode(i.immh, i.immb), Part::of(i.q), i.rd, i.rn)
}

/// "Advanced SIMD scalar shift by immediate".
pub fn shift_imm_scalar(cx: &mut Cx, i: ShiftImmScalar, op: ShiftOp) -> Flow {
    shift(cx, op, decode(i.immh, i.immb), Part::Scalar, i.rd, i.rn)
}

fn shift(cx: &mut Cx, op: ShiftOp, (size, left): (u32, u32), part: Part, rd: u32, rn: u32) -> Flow {
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
            let n = cx.part(part, s, n);
            let v = left_saturated(cx, op, s, n, left);
            cx.set_vreg(rd, v);
            return Flow::Next;
        }
    };
    cx.set_vector(part == Part::Full, rd, v);
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

/// SQSHL, SQSHLU, UQSHL (immediate): what shifting back does not restore has saturated.
fn left_saturated(cx: &mut Cx, op: ShiftOp, s: Shape, n: Value, amount: u32) -> Value {
    let bits = s.lane_bits();
    let back = if op == ShiftOp::Sqshl { Op::Vashr } else { Op::Vlshr };
    // Negative numbers saturate to 0 where the result is unsigned.
    let source = if op == ShiftOp::Sqshlu {
        let sign = cx.b.vshift(Op::Vashr, s, n, bits - 1);
        cx.b.bic(Ty::V128, n, sign)
    } else {
        n
    };
    let v = cx.lane_shift(Op::Vshl, s, source, amount);
    let restored = cx.lane_shift(back, s, v, amount);
    cx.saturated_if_not(restored, n);
    let over = cx.b.vicmp(IntCc::Ne, s, restored, source);
    if op == ShiftOp::Sqshl {
        let sign = cx.b.vshift(Op::Vashr, s, n, bits - 1);
        let highest = cx.lanes_const(s, u64::MAX >> (65 - bits));
        let limit = cx.b.xor(Ty::V128, sign, highest);
        cx.b.bitselect(over, limit, v)
    } else {
        cx.b.or(Ty::V128, v, over)
    }
}

/// "Advanced SIMD shift by immediate" to lanes half as wide.
pub fn shift_narrow(cx: &mut Cx, i: ShiftNarrow, op: ShiftOp) -> Flow {
    let n = cx.vreg(i.rn);
    narrow(cx, op, decode(i.immh, i.immb), i.q, i.rd, n)
}

/// The same on a scalar.
pub fn shift_narrow_scalar(cx: &mut Cx, i: ShiftNarrowScalar, op: ShiftOp) -> Flow {
    let (size, left) = decode(i.immh, i.immb);
    let n = cx.vreg(i.rn);
    let n = cx.part(Part::Scalar, shape(size + 1), n);
    narrow(cx, op, (size, left), false, i.rd, n)
}

fn narrow(cx: &mut Cx, op: ShiftOp, (size, left): (u32, u32), upper: bool, rd: u32, n: Value) -> Flow {
    use ShiftOp::*;
    let s = shape(size + 1);
    let amount = (8 << size) - left;
    let v = match op {
        // Whole bytes are chosen, not shifted.
        Shrn if amount % 8 == 0 && amount <= 8 << size => cx.cut(s, n, amount / 8),
        Shrn => {
            let v = cx.b.vshift(Op::Vlshr, s, n, amount);
            cx.cut(s, v, 0)
        }
        // The carry out of the lane is above what is kept.
        Rshrn => {
            let half = cx.lanes_const(s, 1 << (amount - 1));
            let v = cx.b.vbinary(Op::Vadd, s, n, half);
            let v = cx.b.vshift(Op::Vlshr, s, v, amount);
            cx.cut(s, v, 0)
        }
        _ => {
            let (shift, how) = match op {
                Sqshrn | Sqrshrn => (Op::Vashr, Narrow::Signed),
                Uqshrn | Uqrshrn => (Op::Vlshr, Narrow::Unsigned),
                _ => (Op::Vashr, Narrow::SignedToUnsigned),
            };
            let v = if matches!(op, Sqrshrn | Uqrshrn | Sqrshrun) {
                rounded(cx, shift, s, n, amount)
            } else {
                cx.b.vshift(shift, s, n, amount)
            };
            narrowed(cx, how, s, v)
        }
    };
    cx.set_half(upper, rd, v);
    Flow::Next
}

/// SSHLL, USHLL: to lanes twice as wide.
pub fn shift_long(cx: &mut Cx, i: ShiftLong, op: ShiftOp) -> Flow {
    let (size, left) = decode(i.immh, i.immb);
    let extend = if op == ShiftOp::Sshll { Op::Vsext } else { Op::Vzext };
    let n = cx.vreg(i.rn);
    let v = cx.b.vwiden(extend, shape(size), n, i.q);
    let v = cx.lane_shift(Op::Vshl, wider(shape(size)), v, left);
    cx.set_vreg(i.rd, v);
    Flow::Next
}
