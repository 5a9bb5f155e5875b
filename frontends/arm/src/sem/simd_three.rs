//! Integer Advanced SIMD of three registers: "three same", "three-register extension", "three different".

use super::simd_lanes::shape;
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{IntCc, Shape};

operations! {
    /// "Advanced SIMD three same" and the integer saturating part of its extensions.
    ThreeOp: Shadd Uhadd Srhadd Urhadd Shsub Uhsub Sqadd Uqadd Sqsub Uqsub
        Cmgt Cmge Cmhi Cmhs Cmeq Cmtst
        Sshl Ushl Srshl Urshl Sqshl Uqshl Sqrshl Uqrshl
        Smax Umax Smin Umin Sabd Uabd Saba Uaba
        Add Sub Mul Mla Mls Pmul
        Smaxp Umaxp Sminp Uminp Addp
        Sqdmulh Sqrdmulh Sqrdmlah Sqrdmlsh
}

operations! {
    /// Bitwise "Advanced SIMD three same".
    LogicOp: And Bic Orr Orn Eor Bsl Bit Bif
}

operations! {
    /// DotOp products and matrix multiplications of bytes.
    DotOp: Sdot Udot Usdot Sudot Smmla Ummla Usmmla
}

operations! {
    /// "Advanced SIMD three different".
    DiffOp: Saddl Uaddl Saddw Uaddw Ssubl Usubl Ssubw Usubw Addhn Raddhn Subhn Rsubhn
        Sabal Uabal Sabdl Uabdl Smlal Umlal Smlsl Umlsl Smull Umull Pmull
        Sqdmlal Sqdmlsl Sqdmull
}

impl ThreeOp {
    fn saturates(self) -> bool {
        use ThreeOp::*;
        matches!(
            self,
            Sqadd | Uqadd | Sqsub | Uqsub | Sqshl | Uqshl | Sqrshl | Uqrshl | Sqdmulh | Sqrdmulh | Sqrdmlah | Sqrdmlsh
        )
    }

    fn accumulates(self) -> bool {
        matches!(self, ThreeOp::Sqrdmlah | ThreeOp::Sqrdmlsh)
    }
}

impl DiffOp {
    fn saturates(self) -> bool {
        matches!(self, DiffOp::Sqdmlal | DiffOp::Sqdmlsl | DiffOp::Sqdmull)
    }

    /// Whether the destination is read: accumulated to, or kept in its lower half.
    fn reads_destination(self, upper: bool) -> bool {
        use DiffOp::*;
        match self {
            Sabal | Uabal | Smlal | Umlal | Smlsl | Umlsl | Sqdmlal | Sqdmlsl => true,
            Addhn | Raddhn | Subhn | Rsubhn => upper,
            _ => false,
        }
    }
}

/// "Advanced SIMD three same".
pub fn three_same(cx: &mut Cx, i: ThreeSame, op: ThreeOp) -> Flow {
    same(cx, op, i.size, i.q, [i.rd, i.rn, i.rm])
}

/// "Advanced SIMD scalar three same".
pub fn three_same_scalar(cx: &mut Cx, i: ThreeSameScalar, op: ThreeOp) -> Flow {
    same(cx, op, i.size, false, [i.rd, i.rn, i.rm])
}

fn same(cx: &mut Cx, op: ThreeOp, size: u32, q: bool, [rd, rn, rm]: [u32; 3]) -> Flow {
    match lanewise(cx, op, shape(size), [rd, rn, rm]) {
        Some(v) => cx.set_vector(q, rd, v),
        None => three_call(cx, exec::THREE_SAME, op, [rd, rn, rm]),
    }
    Flow::Next
}

/// The helper call of an operation on vectors or by element.
pub fn three_call(cx: &mut Cx, helper: HelperId, op: ThreeOp, [rd, rn, rm]: [u32; 3]) {
    let reads: &[u32] = if op.accumulates() { &[rd, rn, rm] } else { &[rn, rm] };
    if op.saturates() {
        cx.fp_call(helper, op as u64, reads, &[rd]);
    } else {
        cx.vector_call(helper, op as u64, reads, &[rd]);
    }
}

/// The result in IR, of full registers, if a few ops can say it.
fn lanewise(cx: &mut Cx, op: ThreeOp, s: Shape, [rd, rn, rm]: [u32; 3]) -> Option<Value> {
    if !in_ir(op, s) {
        return None;
    }
    let (n, m) = (cx.vreg(rn), cx.vreg(rm));
    Some(match op {
        ThreeOp::Add => cx.b.vbinary(Op::Vadd, s, n, m),
        ThreeOp::Sub => cx.b.vbinary(Op::Vsub, s, n, m),
        ThreeOp::Mul | ThreeOp::Mla | ThreeOp::Mls => product(cx, op, s, rd, n, m),
        ThreeOp::Cmgt => cx.b.vicmp(IntCc::Sgt, s, n, m),
        ThreeOp::Cmge => cx.b.vicmp(IntCc::Sge, s, n, m),
        ThreeOp::Cmhi => cx.b.vicmp(IntCc::Ugt, s, n, m),
        ThreeOp::Cmhs => cx.b.vicmp(IntCc::Uge, s, n, m),
        ThreeOp::Cmeq => cx.b.vicmp(IntCc::Eq, s, n, m),
        ThreeOp::Cmtst => {
            let (both, zero) = (cx.b.and(Ty::V128, n, m), cx.b.vconst(0));
            cx.b.vicmp(IntCc::Ne, s, both, zero)
        }
        ThreeOp::Smax => choose(cx, IntCc::Sgt, s, n, m),
        ThreeOp::Umax => choose(cx, IntCc::Ugt, s, n, m),
        ThreeOp::Smin => choose(cx, IntCc::Slt, s, n, m),
        ThreeOp::Umin => choose(cx, IntCc::Ult, s, n, m),
        ThreeOp::Sabd => difference(cx, IntCc::Slt, s, n, m),
        ThreeOp::Uabd => difference(cx, IntCc::Ult, s, n, m),
        ThreeOp::Saba | ThreeOp::Uaba => {
            let less = if op == ThreeOp::Saba { IntCc::Slt } else { IntCc::Ult };
            let (d, sum) = (difference(cx, less, s, n, m), cx.vreg(rd));
            cx.b.vbinary(Op::Vadd, s, sum, d)
        }
        ThreeOp::Shadd => halved_sum(cx, Op::Vashr, s, n, m),
        ThreeOp::Uhadd => halved_sum(cx, Op::Vlshr, s, n, m),
        ThreeOp::Srhadd => rounded_half(cx, Op::Vashr, s, n, m),
        ThreeOp::Urhadd => rounded_half(cx, Op::Vlshr, s, n, m),
        _ => doubleword_pairs(cx, n, m),
    })
}

fn in_ir(op: ThreeOp, s: Shape) -> bool {
    use ThreeOp::*;
    match op {
        Addp => s == Shape::I64x2,
        Shsub | Uhsub | Sshl | Ushl | Srshl | Urshl | Pmul | Smaxp | Umaxp | Sminp | Uminp => false,
        _ => !op.saturates(),
    }
}

/// MUL, and MLA and MLS onto register `rd`.
pub fn product(cx: &mut Cx, op: ThreeOp, s: Shape, rd: u32, n: Value, m: Value) -> Value {
    let p = cx.b.vbinary(Op::Vmul, s, n, m);
    match op {
        ThreeOp::Mul => p,
        ThreeOp::Mla => {
            let d = cx.vreg(rd);
            cx.b.vbinary(Op::Vadd, s, d, p)
        }
        _ => {
            let d = cx.vreg(rd);
            cx.b.vbinary(Op::Vsub, s, d, p)
        }
    }
}

/// Lanes of `n` where the comparison with `m` holds, else of `m`.
fn choose(cx: &mut Cx, cc: IntCc, s: Shape, n: Value, m: Value) -> Value {
    let mask = cx.b.vicmp(cc, s, n, m);
    cx.bit_select(mask, n, m)
}

/// |n - m|: the difference, negated where n is less.
fn difference(cx: &mut Cx, less: IntCc, s: Shape, n: Value, m: Value) -> Value {
    let mask = cx.b.vicmp(less, s, n, m);
    let d = cx.b.vbinary(Op::Vsub, s, n, m);
    let d = cx.b.xor(Ty::V128, d, mask);
    cx.b.vbinary(Op::Vsub, s, d, mask)
}

/// (n + m) >> 1 without the bit that the sum needs more.
fn halved_sum(cx: &mut Cx, shift: Op, s: Shape, n: Value, m: Value) -> Value {
    let (both, one) = (cx.b.and(Ty::V128, n, m), cx.b.xor(Ty::V128, n, m));
    let half = cx.b.vshift(shift, s, one, 1);
    cx.b.vbinary(Op::Vadd, s, both, half)
}

/// (n + m + 1) >> 1
fn rounded_half(cx: &mut Cx, shift: Op, s: Shape, n: Value, m: Value) -> Value {
    let (any, one) = (cx.b.or(Ty::V128, n, m), cx.b.xor(Ty::V128, n, m));
    let half = cx.b.vshift(shift, s, one, 1);
    cx.b.vbinary(Op::Vsub, s, any, half)
}

/// ADDP of doublewords.
fn doubleword_pairs(cx: &mut Cx, n: Value, m: Value) -> Value {
    let (low, high) = (doubleword_sum(cx, n), doubleword_sum(cx, m));
    cx.doublewords(low, high)
}

/// The sum of a vector's two doublewords.
pub fn doubleword_sum(cx: &mut Cx, v: Value) -> Value {
    let low = cx.b.lane(Ty::I64, Shape::I64x2, v, 0);
    let high = cx.b.lane(Ty::I64, Shape::I64x2, v, 1);
    cx.b.iadd(Ty::I64, low, high)
}

/// Bitwise "Advanced SIMD three same".
pub fn bitwise(cx: &mut Cx, i: Bitwise, op: LogicOp) -> Flow {
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let v = match op {
        LogicOp::And => cx.b.and(Ty::V128, n, m),
        LogicOp::Bic => cx.b.bic(Ty::V128, n, m),
        // The alias MOV.
        LogicOp::Orr if i.rn == i.rm => n,
        LogicOp::Orr => cx.b.or(Ty::V128, n, m),
        LogicOp::Orn => {
            let m = cx.b.not(Ty::V128, m);
            cx.b.or(Ty::V128, n, m)
        }
        LogicOp::Eor => cx.b.xor(Ty::V128, n, m),
        LogicOp::Bsl | LogicOp::Bit | LogicOp::Bif => {
            let d = cx.vreg(i.rd);
            match op {
                LogicOp::Bsl => cx.bit_select(d, n, m),
                LogicOp::Bit => cx.bit_select(m, n, d),
                _ => cx.bit_select(m, d, n),
            }
        }
    };
    cx.set_vector(i.q, i.rd, v);
    Flow::Next
}

/// SDOT, UDOT, USDOT (vector).
pub fn dot(cx: &mut Cx, i: Dot, op: DotOp) -> Flow {
    cx.vector_call(exec::DOT, op as u64, &[i.rd, i.rn, i.rm], &[i.rd]);
    Flow::Next
}

/// SMMLA, UMMLA, USMMLA.
pub fn matrix(cx: &mut Cx, i: Matrix, op: DotOp) -> Flow {
    cx.vector_call(exec::MATRIX, op as u64, &[i.rd, i.rn, i.rm], &[i.rd]);
    Flow::Next
}

/// "Advanced SIMD three different".
pub fn three_diff(cx: &mut Cx, i: ThreeDiff, op: DiffOp) -> Flow {
    diff_call(cx, exec::THREE_DIFF, op, i.q, [i.rd, i.rn, i.rm]);
    Flow::Next
}

/// "Advanced SIMD scalar three different".
pub fn three_diff_scalar(cx: &mut Cx, i: ThreeDiffScalar, op: DiffOp) -> Flow {
    diff_call(cx, exec::THREE_DIFF, op, false, [i.rd, i.rn, i.rm]);
    Flow::Next
}

/// The helper call of an operation on vectors or by element.
pub fn diff_call(cx: &mut Cx, helper: HelperId, op: DiffOp, upper: bool, [rd, rn, rm]: [u32; 3]) {
    let reads: &[u32] = if op.reads_destination(upper) { &[rd, rn, rm] } else { &[rn, rm] };
    if op.saturates() {
        cx.fp_call(helper, op as u64, reads, &[rd]);
    } else {
        cx.vector_call(helper, op as u64, reads, &[rd]);
    }
}

/// PMULL, PMULL2 of doublewords.
pub fn pmull64_v(cx: &mut Cx, i: Pmull64V) -> Flow {
    cx.vector_call(exec::PMULL64, 0, &[i.rn, i.rm], &[i.rd]);
    Flow::Next
}
