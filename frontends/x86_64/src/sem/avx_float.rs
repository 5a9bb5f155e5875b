//! AVX's comparisons of floating-point numbers, and F16C.

use super::avx::both;
use super::fp::{EQUAL, GREATER, GREATER_EQUAL, Prec};
use super::vec::shape;
use super::vex::{by_halves, is_wide};
use super::{Cx, Flow, operand::plain, unmasked, vec4};
use crate::exec;
use brolga_ir::{Shape, Ty, Value};
use iced_x86::OpKind;

/// VCMPPS and its like, by the predicate in the immediate. SDM vol. 2, "CMPPD", "Comparison Predicate for CMPPD".
pub fn compare(cx: &mut Cx, p: Prec, vector: bool) -> Flow {
    let predicate = cx.i.immediate(3) as u32 & 31;
    by_halves(cx, |cx| {
        if vector {
            let (b, a) = (cx.vsrc(2), cx.vsrc(1));
            let mask = relation(cx, p, predicate, a, b);
            cx.set_v(mask);
            return Flow::Next;
        }
        let [b, a] = [2, 1].map(|n| {
            let v = cx.scalar(n, p.ty());
            cx.b.vscalar(v)
        });
        let mask = relation(cx, p, predicate, a, b);
        let (lane, old) = (cx.b.lane(p.ty(), shape(p.ty()), mask, 0), cx.vsrc(1));
        let r = cx.b.insert(shape(p.ty()), old, lane, 0);
        cx.set_v(r);
        Flow::Next
    })
}

/// VDPPS of 256 bits: processors do each step for both halves at once, so that an exception that is not masked in one of
/// them keeps the other from its next step.
pub fn dot_product(cx: &mut Cx) -> Flow {
    let [b, a] = [2, 1].map(|n| both(cx, n));
    let r = vec4::dot_products(cx, Prec::Single, cx.i.immediate(3), &[[a[0], b[0]], [a[1], b[1]]]);
    cx.set_halves(cx.i.op0_register(), r[0], Some(r[1]));
    Flow::Next
}

/// Ones in the lanes where the predicate holds. The predicates of 16 and above are those below with quiet and signalling
/// exchanged; those of 4 to 7 and of 8 to 15 are made of the first four with a NaN on the other side.
fn relation(cx: &mut Cx, p: Prec, predicate: u32, a: Value, b: Value) -> Value {
    let signalling = matches!(predicate & 3, 1 | 2) != (predicate >= 16);
    let negated = |cx: &mut Cx, v: Value| cx.b.not(Ty::V128, v);
    match predicate & 15 {
        0 => equal(cx, p, a, b, signalling),
        1 => ordered(cx, p, b, a, false, signalling),
        2 => ordered(cx, p, b, a, true, signalling),
        3 => unordered(cx, p, a, b, signalling),
        4 => {
            let v = equal(cx, p, a, b, signalling);
            negated(cx, v)
        }
        5 => {
            let v = ordered(cx, p, b, a, false, signalling);
            negated(cx, v)
        }
        6 => {
            let v = ordered(cx, p, b, a, true, signalling);
            negated(cx, v)
        }
        7 => {
            let v = unordered(cx, p, a, b, signalling);
            negated(cx, v)
        }
        8 => either(cx, p, a, b, signalling),
        9 => {
            let v = ordered(cx, p, a, b, true, signalling);
            negated(cx, v)
        }
        10 => {
            let v = ordered(cx, p, a, b, false, signalling);
            negated(cx, v)
        }
        12 => {
            let v = either(cx, p, a, b, signalling);
            negated(cx, v)
        }
        13 => ordered(cx, p, a, b, true, signalling),
        14 => ordered(cx, p, a, b, false, signalling),
        constant => {
            // Made for its flags.
            equal(cx, p, a, b, signalling);
            cx.b.vconst(if constant == 15 { u128::MAX } else { 0 })
        }
    }
}

/// Where both are equal; what raises invalid for quiet NaNs too is the other comparison, made for its flags.
fn equal(cx: &mut Cx, p: Prec, a: Value, b: Value, signalling: bool) -> Value {
    if signalling {
        cx.fp_vector(GREATER, p, &[a, b]);
    }
    cx.fp_vector(EQUAL, p, &[a, b])
}

/// Where one of them is a NaN.
fn nans(cx: &mut Cx, p: Prec, a: Value, b: Value) -> Value {
    let [a, b] = [a, b].map(|v| cx.nans(p, v));
    cx.b.or(Ty::V128, a, b)
}

fn unordered(cx: &mut Cx, p: Prec, a: Value, b: Value, signalling: bool) -> Value {
    cx.fp_vector(if signalling { GREATER } else { EQUAL }, p, &[a, b]);
    nans(cx, p, a, b)
}

/// Where they are equal or one is a NaN.
fn either(cx: &mut Cx, p: Prec, a: Value, b: Value, signalling: bool) -> Value {
    let (v, nans) = (equal(cx, p, a, b, signalling), nans(cx, p, a, b));
    cx.b.or(Ty::V128, v, nans)
}

/// Where `a` is greater, or equal if `or_equal`. The quiet one compares zeros in place of NaNs and of what they meet, and takes
/// its flags from the comparison for equality.
fn ordered(cx: &mut Cx, p: Prec, a: Value, b: Value, or_equal: bool, signalling: bool) -> Value {
    let f = if or_equal { GREATER_EQUAL } else { GREATER };
    if signalling {
        return cx.fp_vector(f, p, &[a, b]);
    }
    cx.fp_vector(EQUAL, p, &[a, b]);
    let nans = nans(cx, p, a, b);
    let numbers = [a, b].map(|v| cx.b.bic(Ty::V128, v, nans));
    let v = cx.fp_vector(f, p, &numbers);
    cx.b.bic(Ty::V128, v, nans)
}

/// VCVTPH2PS: four or eight half-precision numbers.
pub fn from_half(cx: &mut Cx) -> Flow {
    if !is_wide(cx.i) && cx.i.op1_kind() != OpKind::Register {
        let v = cx.low_half(1);
        let r = widened(cx, v);
        cx.set_halves(cx.i.op0_register(), r, None);
        return Flow::Next;
    }
    by_halves(cx, |cx| {
        let v = cx.vsrc(1);
        let r = widened(cx, v);
        cx.set_v(r);
        Flow::Next
    })
}

fn widened(cx: &mut Cx, v: Value) -> Value {
    let mut r = cx.b.vconst(0);
    for k in 0..4 {
        let x = cx.b.lane(Ty::I64, Shape::I16x8, v, k);
        let x = cx.fp_call(exec::HALF_TO_SINGLE, &[x]);
        r = cx.b.insert(Shape::I32x4, r, x, k);
    }
    r
}

/// VCVTPS2PH: to a register, zeros above, or to memory, which is known to be writable before a flag is raised. The immediate
/// is the rounding, or that MXCSR has it.
pub fn to_half(cx: &mut Cx) -> Flow {
    let wide = is_wide(cx.i);
    if cx.i.op0_kind() == OpKind::Register {
        let r = halves(cx, wide);
        cx.set_halves(cx.i.op0_register(), r, None);
        return Flow::Next;
    }
    let addr = cx.flat_address();
    let addr = cx.writable(addr, if wide { 16 } else { 8 });
    cx.touch(addr);
    let r = halves(cx, wide);
    let kept = unmasked::before_store(cx, &[addr, r]);
    let store = cx.b.new_label();
    cx.b.jump(store, &kept);
    cx.b.bind(store);
    let (addr, r) = (cx.b.param(Ty::I64), cx.b.param(Ty::V128));
    if wide {
        cx.b.store(plain(Ty::V128), addr, 0, r);
    } else {
        let r = cx.b.lane(Ty::I64, Shape::I64x2, r, 0);
        cx.b.store(plain(Ty::I64), addr, 0, r);
    }
    Flow::Next
}

/// Operand 1 at half precision.
fn halves(cx: &mut Cx, wide: bool) -> Value {
    let how = cx.iconst(Ty::I64, cx.i.immediate(2) & 7);
    let mut r = cx.b.vconst(0);
    for k in 0..if wide { 8 } else { 4 } {
        let v = cx.half_of(cx.i.op1_register(), k >= 4);
        let x = cx.b.lane(Ty::I64, Shape::I32x4, v, k % 4);
        let x = cx.fp_call(exec::SINGLE_TO_HALF, &[x, how]);
        r = cx.b.insert(Shape::I16x8, r, x, k);
    }
    r
}
