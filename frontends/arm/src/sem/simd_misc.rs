//! Integer Advanced SIMD of one register: "two-register miscellaneous", "across lanes", "scalar pairwise".

use super::simd_lanes::{Part, narrower, shape, wider};
use super::simd_three::doubleword_sum;
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{FoldOp, IntCc, Shape};

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

/// "Advanced SIMD two-register miscellaneous".
pub fn two_misc(cx: &mut Cx, i: TwoMisc, op: MiscOp) -> Flow {
    misc(cx, op, i.size, Part::of(i.q), i.rd, i.rn)
}

/// "Advanced SIMD scalar two-register miscellaneous".
pub fn two_misc_scalar(cx: &mut Cx, i: TwoMiscScalar, op: MiscOp) -> Flow {
    misc(cx, op, i.size, Part::Scalar, i.rd, i.rn)
}

fn misc(cx: &mut Cx, op: MiscOp, size: u32, part: Part, rd: u32, rn: u32) -> Flow {
    use MiscOp::*;
    let (s, q) = (shape(size), part == Part::Full);
    match op {
        Clz | Cls => cx.vector_call(exec::TWO_MISC, op as u64, &[rn], &[rd]),
        Suqadd | Usqadd => cx.fp_call(exec::TWO_MISC, op as u64, &[rd, rn], &[rd]),
        Xtn | Sqxtn | Uqxtn | Sqxtun => {
            let n = cx.vreg(rn);
            let n = if part == Part::Scalar { cx.part(part, wider(s), n) } else { n };
            let how = match op {
                Xtn => Narrow::Cut,
                Sqxtn => Narrow::Signed,
                Uqxtn => Narrow::Unsigned,
                _ => Narrow::SignedToUnsigned,
            };
            let v = narrowed(cx, how, wider(s), n);
            cx.set_half(q, rd, v);
        }
        Shll => {
            let n = cx.vreg(rn);
            let v = cx.b.vwiden(Op::Vzext, s, n, q);
            let v = cx.b.vshift(Op::Vshl, wider(s), v, s.lane_bits());
            cx.set_vreg(rd, v);
        }
        Sqabs | Sqneg => {
            let n = cx.vreg(rn);
            let n = cx.part(part, s, n);
            let v = saturating(cx, op, s, n);
            cx.set_vreg(rd, v);
        }
        _ => {
            let v = lanewise(cx, op, size, rd, rn);
            cx.set_vector(q, rd, v);
        }
    }
    Flow::Next
}

/// SQABS, SQNEG: the lowest number stays itself but for saturation, which complements it.
fn saturating(cx: &mut Cx, op: MiscOp, s: Shape, n: Value) -> Value {
    let v = if op == MiscOp::Sqabs {
        cx.b.vunary(Op::Vabs, s, n)
    } else {
        let zero = cx.b.vconst(0);
        cx.b.vbinary(Op::Vsub, s, zero, n)
    };
    let lowest = cx.lanes_const(s, 1 << (s.lane_bits() - 1));
    let overflow = cx.b.vicmp(IntCc::Eq, s, n, lowest);
    cx.saturated(overflow);
    cx.b.xor(Ty::V128, v, overflow)
}

/// How a lane becomes half as wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Narrow {
    /// Its lower half.
    Cut,
    /// A signed number, saturated.
    Signed,
    /// An unsigned number, saturated.
    Unsigned,
    /// A signed number, saturated to unsigned.
    SignedToUnsigned,
}

/// Lanes of `s` made half as wide, zeros above them; sets QC where one saturates.
pub fn narrowed(cx: &mut Cx, how: Narrow, s: Shape, n: Value) -> Value {
    let (narrow, back) = match how {
        Narrow::Cut => return cx.cut(s, n, 0),
        Narrow::Unsigned => {
            let highest = cx.lanes_const(s, u64::MAX >> (64 - s.lane_bits() / 2));
            let v = cx.b.vbinary(Op::Vumin, s, n, highest);
            cx.saturated_if_not(v, n);
            return cx.cut(s, v, 0);
        }
        Narrow::Signed => (Op::Vsnarrow, Op::Vsext),
        Narrow::SignedToUnsigned => (Op::Vunarrow, Op::Vzext),
    };
    let zero = cx.b.vconst(0);
    let v = cx.b.vbinary(narrow, s, n, zero);
    let back = cx.b.vwiden(back, narrower(s), v, false);
    cx.saturated_if_not(back, n);
    v
}

/// The result of full registers.
fn lanewise(cx: &mut Cx, op: MiscOp, size: u32, rd: u32, rn: u32) -> Value {
    use MiscOp::*;
    let s = shape(size);
    match op {
        Rev64 => reversed(cx, rn, size, 3),
        Rev32 => reversed(cx, rn, size, 2),
        Rev16 => reversed(cx, rn, size, 1),
        Saddlp | Uaddlp => {
            let n = cx.vreg(rn);
            pair_sums(cx, n, size, op == Saddlp)
        }
        Sadalp | Uadalp => {
            let (n, d) = (cx.vreg(rn), cx.vreg(rd));
            let sums = pair_sums(cx, n, size, op == Sadalp);
            cx.b.vbinary(Op::Vadd, wider(s), d, sums)
        }
        Not => {
            let n = cx.vreg(rn);
            cx.b.not(Ty::V128, n)
        }
        Abs => {
            let n = cx.vreg(rn);
            cx.b.vunary(Op::Vabs, s, n)
        }
        Neg => {
            let (zero, n) = (cx.b.vconst(0), cx.vreg(rn));
            cx.b.vbinary(Op::Vsub, s, zero, n)
        }
        Cnt => {
            let n = cx.vreg(rn);
            cx.b.vunary(Op::Vpopcnt, Shape::I8x16, n)
        }
        Rbit => bits_reversed(cx, rn),
        Cmgt0 => compare_zero(cx, IntCc::Sgt, s, rn),
        Cmge0 => compare_zero(cx, IntCc::Sge, s, rn),
        Cmeq0 => compare_zero(cx, IntCc::Eq, s, rn),
        Cmle0 => compare_zero(cx, IntCc::Sle, s, rn),
        _ => compare_zero(cx, IntCc::Slt, s, rn),
    }
}

fn compare_zero(cx: &mut Cx, cc: IntCc, s: Shape, rn: u32) -> Value {
    let (n, zero) = (cx.vreg(rn), cx.b.vconst(0));
    cx.b.vicmp(cc, s, n, zero)
}

/// Lanes of `size` in reverse order in each container of `1 << container` bytes.
fn reversed(cx: &mut Cx, rn: u32, size: u32, container: u32) -> Value {
    let n = cx.vreg(rn);
    let last = (1 << (container - size)) - 1;
    cx.pick_lanes(shape(size), n, n, |lane| lane ^ last)
}

/// The bits of each byte in reverse order: each half by a table, and the halves change places.
fn bits_reversed(cx: &mut Cx, rn: u32) -> Value {
    let table = |shift: u32| u128::from_le_bytes(std::array::from_fn(|k| (k as u8).reverse_bits() >> shift));
    let n = cx.vreg(rn);
    let low = cx.lanes_const(Shape::I8x16, 15);
    let low = cx.b.and(Ty::V128, n, low);
    let high = cx.b.vshift(Op::Vlshr, Shape::I8x16, n, 4);
    let (to_high, to_low) = (cx.b.vconst(table(0)), cx.b.vconst(table(4)));
    let low = cx.b.vbinary(Op::Vswizzle, Shape::I8x16, to_high, low);
    let high = cx.b.vbinary(Op::Vswizzle, Shape::I8x16, to_low, high);
    cx.b.or(Ty::V128, low, high)
}

/// Sums of adjacent lanes, in lanes twice as wide.
fn pair_sums(cx: &mut Cx, n: Value, size: u32, signed: bool) -> Value {
    let (s, half) = (shape(size + 1), 8 << size);
    let shift = if signed { Op::Vashr } else { Op::Vlshr };
    let odd = cx.b.vshift(shift, s, n, half);
    let even = if signed {
        let even = cx.b.vshift(Op::Vshl, s, n, half);
        cx.b.vshift(shift, s, even, half)
    } else {
        let low = cx.lanes_const(s, (1 << half) - 1);
        cx.b.and(Ty::V128, n, low)
    };
    cx.b.vbinary(Op::Vadd, s, even, odd)
}

/// "Advanced SIMD across lanes".
pub fn across(cx: &mut Cx, i: Across, op: AcrossOp) -> Flow {
    let (s, n) = (shape(i.size), cx.vreg(i.rn));
    let fold = match op {
        AcrossOp::Smaxv => FoldOp::Smax,
        AcrossOp::Sminv => FoldOp::Smin,
        AcrossOp::Umaxv => FoldOp::Umax,
        AcrossOp::Uminv => FoldOp::Umin,
        _ => FoldOp::Add,
    };
    // What is not to count adds zero, or is there twice.
    let n = match fold {
        _ if i.q => n,
        FoldOp::Add => cx.low_half(n),
        _ => cx.low_halves(n, n),
    };
    let v = match op {
        AcrossOp::Saddlv | AcrossOp::Uaddlv => {
            let sums = pair_sums(cx, n, i.size, op == AcrossOp::Saddlv);
            cx.b.vfold(fold, wider(s), sums)
        }
        _ => cx.b.vfold(fold, s, n),
    };
    cx.set_vreg(i.rd, v);
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
