//! Integer Advanced SIMD of three registers: "three same", "three-register extension".

use super::simd_lanes::{Part, shape};
use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{IntCc, Shape, VecFn};

pub use super::simd_diff::{DiffOp, three_diff, three_diff_scalar};

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

/// "Advanced SIMD three same".
pub fn three_same(cx: &mut Cx, i: ThreeSame, op: ThreeOp) -> Flow {
    same(cx, op, i.size, Part::of(i.q), [i.rd, i.rn, i.rm])
}

/// "Advanced SIMD scalar three same".
pub fn three_same_scalar(cx: &mut Cx, i: ThreeSameScalar, op: ThreeOp) -> Flow {
    same(cx, op, i.size, Part::Scalar, [i.rd, i.rn, i.rm])
}

fn same(cx: &mut Cx, op: ThreeOp, size: u32, part: Part, regs: [u32; 3]) -> Flow {
    use ThreeOp::*;
    let [rd, rn, rm] = regs;
    let s = shape(size);
    let q = part == Part::Full;
    match op {
        Sqadd | Uqadd | Sqsub | Uqsub => {
            let (n, m) = (cx.vreg(rn), cx.vreg(rm));
            let (n, m) = (cx.part(part, s, n), cx.part(part, s, m));
            let v = saturating(cx, op, s, n, m);
            cx.set_vreg(rd, v);
        }
        Sqdmulh | Sqrdmulh => {
            let (n, m) = (cx.vreg(rn), cx.vreg(rm));
            let v = high_product(cx, op, s, part, n, m);
            cx.set_vreg(rd, v);
        }
        Smaxp | Umaxp | Sminp | Uminp | Addp if q && s == Shape::I8x16 => {
            let v = pairs_of_bytes(cx, pairwise(op), rn, rm);
            cx.set_vreg(rd, v);
        }
        Smaxp | Umaxp | Sminp | Uminp | Addp => {
            let (n, m) = (cx.vreg(rn), cx.vreg(rm));
            let (even, odd) = cx.deal(s, q, n, m);
            let v = cx.b.vbinary(pairwise(op), s, even, odd);
            cx.set_vreg(rd, v);
        }
        _ => match lanewise(cx, op, s, regs) {
            Some(v) => cx.set_vector(q, rd, v),
            None => three_call(cx, exec::THREE_SAME, op, regs),
        },
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

/// A saturated sum or difference. Lanes that do not count are zero and stay so.
fn saturating(cx: &mut Cx, op: ThreeOp, s: Shape, n: Value, m: Value) -> Value {
    let (saturated, wrapped) = match op {
        ThreeOp::Sqadd => (Op::VsaddSat, Op::Vadd),
        ThreeOp::Uqadd => (Op::VuaddSat, Op::Vadd),
        ThreeOp::Sqsub => (Op::VssubSat, Op::Vsub),
        _ => (Op::VusubSat, Op::Vsub),
    };
    let (v, wrapped) = (cx.b.vbinary(saturated, s, n, m), cx.b.vbinary(wrapped, s, n, m));
    cx.saturated_if_not(v, wrapped);
    v
}

/// SQDMULH, SQRDMULH: only the square of the lowest number saturates.
pub fn high_product(cx: &mut Cx, op: ThreeOp, s: Shape, part: Part, n: Value, m: Value) -> Value {
    let n = cx.part(part, s, n);
    let high = if op == ThreeOp::Sqdmulh { Op::VmulHigh } else { Op::VmulHighRound };
    let v = cx.b.vbinary(high, s, n, m);
    let lowest = cx.lanes_const(s, 1 << (s.lane_bits() - 1));
    let (n, m) = (cx.b.vicmp(IntCc::Eq, s, n, lowest), cx.b.vicmp(IntCc::Eq, s, m, lowest));
    let both = cx.b.and(Ty::V128, n, m);
    cx.saturated(both);
    v
}

/// What `op` makes of each pair of bytes. A host that moves bytes slowly has them where they are: each byte with the one below it,
/// then those of odd numbers.
fn pairs_of_bytes(cx: &mut Cx, op: Op, rn: u32, rm: u32) -> Value {
    let mut with_lower = |register: u32| {
        let v = cx.vreg(register);
        let lower = cx.b.vshift(Op::Vshl, Shape::I16x8, v, 8);
        cx.b.vbinary(op, Shape::I8x16, v, lower)
    };
    let n = with_lower(rn);
    let m = if rm == rn { n } else { with_lower(rm) };
    cx.every_other(Shape::I8x16, true, n, m, 1)
}

fn pairwise(op: ThreeOp) -> Op {
    match op {
        ThreeOp::Smaxp => Op::Vsmax,
        ThreeOp::Umaxp => Op::Vumax,
        ThreeOp::Sminp => Op::Vsmin,
        ThreeOp::Uminp => Op::Vumin,
        _ => Op::Vadd,
    }
}

/// The result in IR, of full registers, if a few ops can say it.
fn lanewise(cx: &mut Cx, op: ThreeOp, s: Shape, [rd, rn, rm]: [u32; 3]) -> Option<Value> {
    use ThreeOp::*;
    if op.saturates() || matches!(op, Sshl | Ushl | Srshl | Urshl | Pmul) {
        return None;
    }
    let (n, m) = (cx.vreg(rn), cx.vreg(rm));
    Some(match op {
        Add => cx.b.vbinary(Op::Vadd, s, n, m),
        Sub => cx.b.vbinary(Op::Vsub, s, n, m),
        Mul | Mla | Mls => product(cx, op, s, rd, n, m),
        Cmgt => cx.b.vicmp(IntCc::Sgt, s, n, m),
        Cmge => cx.b.vicmp(IntCc::Sge, s, n, m),
        Cmhi => cx.b.vicmp(IntCc::Ugt, s, n, m),
        Cmhs => cx.b.vicmp(IntCc::Uge, s, n, m),
        Cmeq => cx.b.vicmp(IntCc::Eq, s, n, m),
        Cmtst => {
            let (both, zero) = (cx.b.and(Ty::V128, n, m), cx.b.vconst(0));
            cx.b.vicmp(IntCc::Ne, s, both, zero)
        }
        Smax => cx.b.vbinary(Op::Vsmax, s, n, m),
        Umax => cx.b.vbinary(Op::Vumax, s, n, m),
        Smin => cx.b.vbinary(Op::Vsmin, s, n, m),
        Umin => cx.b.vbinary(Op::Vumin, s, n, m),
        Sabd | Uabd => difference(cx, op == Sabd, s, n, m),
        Saba | Uaba => {
            let (d, sum) = (difference(cx, op == Saba, s, n, m), cx.vreg(rd));
            cx.b.vbinary(Op::Vadd, s, sum, d)
        }
        _ => halved(cx, op, s, n, m),
    })
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

/// |n - m|: the greater less the smaller.
pub fn difference(cx: &mut Cx, signed: bool, s: Shape, n: Value, m: Value) -> Value {
    let (max, min) = if signed { (Op::Vsmax, Op::Vsmin) } else { (Op::Vumax, Op::Vumin) };
    let (greater, smaller) = (cx.b.vbinary(max, s, n, m), cx.b.vbinary(min, s, n, m));
    cx.b.vbinary(Op::Vsub, s, greater, smaller)
}

/// SHADD and its kin, by the unsigned average rounded up: an average rounded down is the complement of the
/// complements' average, half of a difference is the minuend less the average, and signed numbers become
/// unsigned with their sign bit turned round.
fn halved(cx: &mut Cx, op: ThreeOp, s: Shape, n: Value, m: Value) -> Value {
    use ThreeOp::*;
    let top = 1u64 << (s.lane_bits() - 1);
    let flip = match op {
        Urhadd | Uhsub => 0,
        Srhadd | Shsub => top,
        Uhadd => u64::MAX,
        _ => top - 1,
    };
    let flips = cx.lanes_const(s, flip);
    let mut flipped = |v| if flip == 0 { v } else { cx.b.xor(Ty::V128, v, flips) };
    let (n, m) = (flipped(n), flipped(m));
    let average = cx.b.vbinary(Op::VavgRound, s, n, m);
    match op {
        Shsub | Uhsub => cx.b.vbinary(Op::Vsub, s, n, average),
        Urhadd => average,
        _ => cx.b.xor(Ty::V128, average, flips),
    }
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
                LogicOp::Bsl => cx.b.bitselect(d, n, m),
                LogicOp::Bit => cx.b.bitselect(m, n, d),
                _ => cx.b.bitselect(m, d, n),
            }
        }
    };
    cx.set_vector(i.q, i.rd, v);
    Flow::Next
}

/// SDOT, UDOT, USDOT (vector).
pub fn dot(cx: &mut Cx, i: Dot, op: DotOp) -> Flow {
    let m = cx.vreg(i.rm);
    dot_product(cx, op, i.q, i.rd, i.rn, m)
}

/// Each word of Vd gains the products of four bytes: as halfwords, in pairs, then sums of two pairs.
pub fn dot_product(cx: &mut Cx, op: DotOp, q: bool, rd: u32, rn: u32, m: Value) -> Flow {
    let extend = |signed| if signed { Op::Vsext } else { Op::Vzext };
    let of_n = extend(matches!(op, DotOp::Sdot | DotOp::Sudot));
    let of_m = extend(matches!(op, DotOp::Sdot | DotOp::Usdot));
    let (n, d) = (cx.vreg(rn), cx.vreg(rd));
    let mut pairs = |upper| {
        let (n, m) = (cx.b.vwiden(of_n, Shape::I8x16, n, upper), cx.b.vwiden(of_m, Shape::I8x16, m, upper));
        cx.b.vbinary(Op::VmulPairs, Shape::I16x8, n, m)
    };
    let low = pairs(false);
    let high = if q { pairs(true) } else { low };
    let (even, odd) = cx.deal(Shape::I32x4, true, low, high);
    let sums = cx.b.vbinary(Op::Vadd, Shape::I32x4, even, odd);
    let v = cx.b.vbinary(Op::Vadd, Shape::I32x4, d, sums);
    cx.set_vector(q, rd, v);
    Flow::Next
}

/// SMMLA, UMMLA, USMMLA.
pub fn matrix(cx: &mut Cx, i: Matrix, op: DotOp) -> Flow {
    cx.vector_call(exec::MATRIX, op as u64, &[i.rd, i.rn, i.rm], &[i.rd]);
    Flow::Next
}

/// PMULL, PMULL2 of doublewords.
pub fn pmull64_v(cx: &mut Cx, i: Pmull64V) -> Flow {
    let upper = if i.q { 0x11 } else { 0 };
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let v = cx.b.vec_fn(VecFn::Product, &[n, m], upper);
    cx.set_vreg(i.rd, v);
    Flow::Next
}
