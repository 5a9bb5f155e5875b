//! Integer Advanced SIMD of one register: "two-register miscellaneous", "across lanes", "scalar pairwise".

use super::simd_lanes::shape;
use super::simd_three::doubleword_sum;
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{IntCc, Shape};

operations! {
    /// "Advanced SIMD two-register miscellaneous".
    MiscOp: Rev64 Rev32 Rev16 Saddlp Uaddlp Sadalp Uadalp Suqadd Usqadd Cls Clz Cnt Not Rbit
        Sqabs Sqneg Abs Neg Cmgt0 Cmge0 Cmeq0 Cmle0 Cmlt0
        Xtn Sqxtn Uqxtn Sqxtun Shll
}

operations! {
    /// "Advanced SIMD across lanes".
    AcrossOp: Saddlv Uaddlv Smaxv Umaxv Sminv Uminv Addv
}

impl MiscOp {
    fn saturates(self) -> bool {
        use MiscOp::*;
        matches!(self, Suqadd | Usqadd | Sqabs | Sqneg | Sqxtn | Uqxtn | Sqxtun)
    }

    /// Whether the destination is read: accumulated to, or kept in its lower half.
    fn reads_destination(self, upper: bool) -> bool {
        use MiscOp::*;
        match self {
            Suqadd | Usqadd => true,
            Xtn | Sqxtn | Uqxtn | Sqxtun => upper,
            _ => false,
        }
    }
}

/// "Advanced SIMD two-register miscellaneous".
pub fn two_misc(cx: &mut Cx, i: TwoMisc, op: MiscOp) -> Flow {
    misc(cx, op, i.size, i.q, i.rd, i.rn)
}

/// "Advanced SIMD scalar two-register miscellaneous".
pub fn two_misc_scalar(cx: &mut Cx, i: TwoMiscScalar, op: MiscOp) -> Flow {
    misc(cx, op, i.size, false, i.rd, i.rn)
}

fn misc(cx: &mut Cx, op: MiscOp, size: u32, q: bool, rd: u32, rn: u32) -> Flow {
    match lanewise(cx, op, size, rd, rn) {
        Some(v) => cx.set_vector(q, rd, v),
        None => {
            let reads: &[u32] = if op.reads_destination(q) { &[rd, rn] } else { &[rn] };
            if op.saturates() {
                cx.fp_call(exec::TWO_MISC, op as u64, reads, &[rd]);
            } else {
                cx.vector_call(exec::TWO_MISC, op as u64, reads, &[rd]);
            }
        }
    }
    Flow::Next
}

/// The result in IR, of full registers, if a few ops can say it.
fn lanewise(cx: &mut Cx, op: MiscOp, size: u32, rd: u32, rn: u32) -> Option<Value> {
    use MiscOp::*;
    let s = shape(size);
    Some(match op {
        Rev64 => reversed(cx, rn, size, 3),
        Rev32 => reversed(cx, rn, size, 2),
        Rev16 => reversed(cx, rn, size, 1),
        Saddlp => pair_sums(cx, rn, size, Op::Vashr),
        Uaddlp => pair_sums(cx, rn, size, Op::Vlshr),
        Sadalp | Uadalp => {
            let shift = if op == Sadalp { Op::Vashr } else { Op::Vlshr };
            let (sums, d) = (pair_sums(cx, rn, size, shift), cx.vreg(rd));
            cx.b.vbinary(Op::Vadd, shape(size + 1), d, sums)
        }
        Not => {
            let n = cx.vreg(rn);
            cx.b.not(Ty::V128, n)
        }
        Abs => {
            let n = cx.vreg(rn);
            let sign = cx.b.vshift(Op::Vashr, s, n, s.lane_bits() - 1);
            let flipped = cx.b.xor(Ty::V128, n, sign);
            cx.b.vbinary(Op::Vsub, s, flipped, sign)
        }
        Neg => {
            let (zero, n) = (cx.b.vconst(0), cx.vreg(rn));
            cx.b.vbinary(Op::Vsub, s, zero, n)
        }
        Cmgt0 => compare_zero(cx, IntCc::Sgt, s, rn),
        Cmge0 => compare_zero(cx, IntCc::Sge, s, rn),
        Cmeq0 => compare_zero(cx, IntCc::Eq, s, rn),
        Cmle0 => compare_zero(cx, IntCc::Sle, s, rn),
        Cmlt0 => compare_zero(cx, IntCc::Slt, s, rn),
        _ => return None,
    })
}

fn compare_zero(cx: &mut Cx, cc: IntCc, s: Shape, rn: u32) -> Value {
    let (n, zero) = (cx.vreg(rn), cx.b.vconst(0));
    cx.b.vicmp(cc, s, n, zero)
}

/// Lanes of `size` in reverse order in each container: halves change places at every level.
fn reversed(cx: &mut Cx, rn: u32, size: u32, container: u32) -> Value {
    let mut v = cx.vreg(rn);
    for level in size + 1..=container {
        let (s, half) = (shape(level), 4 << level);
        let (up, down) = (cx.b.vshift(Op::Vshl, s, v, half), cx.b.vshift(Op::Vlshr, s, v, half));
        v = cx.b.or(Ty::V128, up, down);
    }
    v
}

/// Sums of adjacent lanes, in lanes twice as wide; `shift` extends.
fn pair_sums(cx: &mut Cx, rn: u32, size: u32, shift: Op) -> Value {
    let (n, s, half) = (cx.vreg(rn), shape(size + 1), 8 << size);
    let odd = cx.b.vshift(shift, s, n, half);
    let even = cx.b.vshift(Op::Vshl, s, n, half);
    let even = cx.b.vshift(shift, s, even, half);
    cx.b.vbinary(Op::Vadd, s, even, odd)
}

/// "Advanced SIMD across lanes".
pub fn across(cx: &mut Cx, i: Across, op: AcrossOp) -> Flow {
    cx.vector_call(exec::ACROSS, op as u64, &[i.rn], &[i.rd]);
    Flow::Next
}

/// ADDP (scalar).
pub fn addp_s(cx: &mut Cx, i: AddpS) -> Flow {
    let n = cx.vreg(i.rn);
    let sum = doubleword_sum(cx, n);
    let v = cx.b.vscalar(sum);
    cx.set_vreg(i.rd, v);
    Flow::Next
}
