//! Vector ops, on arrays of lanes: of plain lane loops over these the compiler makes vector code, which it
//! does not of shifted 128-bit integers. Lane 0 is the first on a little-endian host, the only kind supported.

use brolga_ir::{FoldOp, IntCc, Op, Shape};
use std::array::from_fn;

/// A lane type, `N` of which fill a vector.
trait Lane<const N: usize>: Copy {
    fn split(v: u128) -> [Self; N];
    fn join(lanes: [Self; N]) -> u128;
}

macro_rules! lanes {
    ($($t:ty: $n:literal;)*) => {$(
        impl Lane<$n> for $t {
            #[inline(always)]
            fn split(v: u128) -> [Self; $n] {
                zerocopy::transmute!(v)
            }
            #[inline(always)]
            fn join(lanes: [Self; $n]) -> u128 {
                zerocopy::transmute!(lanes)
            }
        }
    )*};
}

lanes! { u8: 16; i8: 16; u16: 8; i16: 8; u32: 4; i32: 4; u64: 2; i64: 2; }

/// Runs an expression with `$t` the signed or unsigned lane type of a shape, and `$n` the type half as wide
/// or `$w` the type twice as wide.
macro_rules! of {
    (signed $shape:expr, $t:ident => $body:expr) => { of!(@4 $shape, $t, i8 i16 i32 i64, $body) };
    (unsigned $shape:expr, $t:ident => $body:expr) => { of!(@4 $shape, $t, u8 u16 u32 u64, $body) };
    (@4 $shape:expr, $t:ident, $b:ident $h:ident $s:ident $d:ident, $body:expr) => {
        match $shape {
            Shape::I8x16 => { type $t = $b; $body }
            Shape::I16x8 => { type $t = $h; $body }
            Shape::I32x4 => { type $t = $s; $body }
            Shape::I64x2 => { type $t = $d; $body }
        }
    };
    (wide $shape:expr, $t:ident $w:ident: $b:ident $h:ident $s:ident $d:ident => $body:expr) => {
        match $shape {
            Shape::I8x16 => { type $t = $b; type $w = $h; $body }
            Shape::I16x8 => { type $t = $h; type $w = $s; $body }
            _ => { type $t = $s; type $w = $d; $body }
        }
    };
}

#[inline(always)]
fn map<T: Lane<N>, const N: usize>(a: u128, f: impl Fn(T) -> T) -> u128 {
    T::join(T::split(a).map(f))
}

#[inline(always)]
fn zip<T: Lane<N>, const N: usize>(a: u128, b: u128, f: impl Fn(T, T) -> T) -> u128 {
    let (x, y) = (T::split(a), T::split(b));
    T::join(from_fn(|i| f(x[i], y[i])))
}

/// Any op whose result is a vector, but shuffles and bit selection. Scalar operands come in the low bits.
#[inline(always)]
pub(crate) fn eval(op: Op, s: Shape, a: u128, b: u128, imm: u64) -> u128 {
    let n = imm as u32;
    match op {
        Op::Vsplat => of!(unsigned s, T => T::join([a as T; _])),
        Op::Vscalar => a as u64 as u128,
        Op::Insert => insert(s, a, b, imm),
        Op::Vadd => of!(unsigned s, T => zip(a, b, T::wrapping_add)),
        Op::Vsub => of!(unsigned s, T => zip(a, b, T::wrapping_sub)),
        Op::Vmul => of!(unsigned s, T => zip(a, b, T::wrapping_mul)),
        Op::Vicmp => compare(IntCc::from_sub(imm as u8), s, a, b),
        // Amounts are below the width.
        Op::Vshl => of!(unsigned s, T => map(a, |x: T| x.wrapping_shl(n))),
        Op::Vlshr => of!(unsigned s, T => map(a, |x: T| x.wrapping_shr(n))),
        Op::Vashr => of!(signed s, T => map(a, |x: T| x.wrapping_shr(n))),
        Op::Vabs => of!(signed s, T => map(a, T::wrapping_abs)),
        Op::Vpopcnt => map(a, ones),
        Op::Vsmin => of!(signed s, T => zip(a, b, |x: T, y| x.min(y))),
        Op::Vsmax => of!(signed s, T => zip(a, b, |x: T, y| x.max(y))),
        Op::Vumin => of!(unsigned s, T => zip(a, b, |x: T, y| x.min(y))),
        Op::Vumax => of!(unsigned s, T => zip(a, b, |x: T, y| x.max(y))),
        Op::VsaddSat => of!(signed s, T => zip(a, b, T::saturating_add)),
        Op::VuaddSat => of!(unsigned s, T => zip(a, b, T::saturating_add)),
        Op::VssubSat => of!(signed s, T => zip(a, b, T::saturating_sub)),
        Op::VusubSat => of!(unsigned s, T => zip(a, b, T::saturating_sub)),
        Op::VavgRound => of!(unsigned s, T => zip(a, b, |x: T, y| (x | y) - ((x ^ y) >> 1))),
        Op::Vfold => fold(FoldOp::from_aux(imm as u16), s, a),
        _ => rarer(op, s, a, b, imm),
    }
}

/// A lane, zero-extended.
#[inline(always)]
pub(crate) fn lane(s: Shape, a: u128, lane: u64) -> u64 {
    let lane = lane as usize;
    of!(unsigned s, T => T::split(a)[lane % T::split(a).len()] as u64)
}

#[inline(always)]
fn insert(s: Shape, a: u128, x: u128, lane: u64) -> u128 {
    of!(unsigned s, T => {
        let mut lanes = T::split(a);
        let n = lanes.len();
        lanes[lane as usize % n] = x as T;
        T::join(lanes)
    })
}

/// Bytes of `a` (0 to 15) and `b` (16 to 31) by selectors; others give 0.
#[inline(always)]
pub(crate) fn shuffle(a: u128, b: u128, selectors: u128) -> u128 {
    let mut table = [0; 32];
    table[..16].copy_from_slice(&a.to_le_bytes());
    table[16..].copy_from_slice(&b.to_le_bytes());
    map(selectors, |k: u8| if k < 32 { table[k as usize & 31] } else { 0 })
}

/// Ones of a byte, by sums in place.
#[inline(always)]
fn ones(x: u8) -> u8 {
    let x = x - (x >> 1 & 0x55);
    let x = (x & 0x33) + (x >> 2 & 0x33);
    (x + (x >> 4)) & 0x0f
}

#[inline(always)]
fn compare(cc: IntCc, s: Shape, a: u128, b: u128) -> u128 {
    match cc {
        IntCc::Eq => of!(unsigned s, T => zip(a, b, |x: T, y| ((x == y) as T).wrapping_neg())),
        IntCc::Ne => of!(unsigned s, T => zip(a, b, |x: T, y| ((x != y) as T).wrapping_neg())),
        IntCc::Ult => of!(unsigned s, T => zip(a, b, |x: T, y| ((x < y) as T).wrapping_neg())),
        IntCc::Ule => of!(unsigned s, T => zip(a, b, |x: T, y| ((x <= y) as T).wrapping_neg())),
        IntCc::Ugt => of!(unsigned s, T => zip(a, b, |x: T, y| ((x > y) as T).wrapping_neg())),
        IntCc::Uge => of!(unsigned s, T => zip(a, b, |x: T, y| ((x >= y) as T).wrapping_neg())),
        IntCc::Slt => of!(signed s, T => zip(a, b, |x: T, y| ((x < y) as T).wrapping_neg())),
        IntCc::Sle => of!(signed s, T => zip(a, b, |x: T, y| ((x <= y) as T).wrapping_neg())),
        IntCc::Sgt => of!(signed s, T => zip(a, b, |x: T, y| ((x > y) as T).wrapping_neg())),
        IntCc::Sge => of!(signed s, T => zip(a, b, |x: T, y| ((x >= y) as T).wrapping_neg())),
    }
}

#[inline(always)]
fn fold(f: FoldOp, s: Shape, a: u128) -> u128 {
    match f {
        FoldOp::Add => of!(unsigned s, T => T::split(a).into_iter().fold(0, T::wrapping_add) as u128),
        FoldOp::Smin => of!(signed s, T => T::split(a).into_iter().fold(T::MAX, T::min).cast_unsigned() as u128),
        FoldOp::Smax => of!(signed s, T => T::split(a).into_iter().fold(T::MIN, T::max).cast_unsigned() as u128),
        FoldOp::Umin => of!(unsigned s, T => T::split(a).into_iter().fold(T::MAX, T::min) as u128),
        FoldOp::Umax => of!(unsigned s, T => T::split(a).into_iter().fold(0, T::max) as u128),
    }
}

/// The rest.
#[inline(always)]
fn rarer(op: Op, s: Shape, a: u128, b: u128, imm: u64) -> u128 {
    let upper = imm != 0;
    match op {
        Op::VmulHigh if s == Shape::I16x8 => zip(a, b, |x: i16, y: i16| high_product(x as i64 * y as i64, 16) as i16),
        Op::VmulHigh => zip(a, b, |x: i32, y: i32| high_product(x as i64 * y as i64, 32) as i32),
        Op::VmulHighRound if s == Shape::I16x8 => {
            zip(a, b, |x: i16, y: i16| high_product(x as i64 * y as i64 + (1 << 14), 16) as i16)
        }
        Op::VmulHighRound => zip(a, b, |x: i32, y: i32| high_product(x as i64 * y as i64 + (1 << 30), 32) as i32),
        Op::Vsext => of!(wide s, T W: i8 i16 i32 i64 => widen::<T, W, _, _>(a, upper, |x| x as W)),
        Op::Vzext => of!(wide s, T W: u8 u16 u32 u64 => widen::<T, W, _, _>(a, upper, |x| x as W)),
        Op::Vsnarrow => match s {
            Shape::I16x8 => narrow(a, b, |x: i16| x.clamp(i8::MIN as i16, i8::MAX as i16) as i8),
            Shape::I32x4 => narrow(a, b, |x: i32| x.clamp(i16::MIN as i32, i16::MAX as i32) as i16),
            _ => narrow(a, b, |x: i64| x.clamp(i32::MIN as i64, i32::MAX as i64) as i32),
        },
        Op::Vunarrow => match s {
            Shape::I16x8 => narrow(a, b, |x: i16| x.clamp(0, u8::MAX as i16) as u8),
            Shape::I32x4 => narrow(a, b, |x: i32| x.clamp(0, u16::MAX as i32) as u16),
            _ => narrow(a, b, |x: i64| x.clamp(0, u32::MAX as i64) as u32),
        },
        Op::VmulPairs => {
            let (x, y): ([i16; 8], [i16; 8]) = (Lane::split(a), Lane::split(b));
            let product = |i: usize| x[i] as i32 * y[i] as i32;
            i32::join(from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1))))
        }
        Op::Vswizzle => {
            let bytes = u8::split(a);
            map(b, |k: u8| if k < 16 { bytes[k as usize & 15] } else { 0 })
        }
        // Amounts of the width or more are the width, as numbers of the type.
        Op::VshlBy => of!(unsigned s, T => { let n = amount(s, b); map(a, |x: T| x.checked_shl(n).unwrap_or(0)) }),
        Op::VlshrBy => of!(unsigned s, T => { let n = amount(s, b); map(a, |x: T| x.checked_shr(n).unwrap_or(0)) }),
        Op::VashrBy => {
            let n = amount(s, b).min(s.lane_bits() - 1);
            of!(signed s, T => map(a, |x: T| x >> n))
        }
        Op::Vbits => of!(signed s, T => {
            T::split(a).iter().enumerate().fold(0, |r, (i, &x)| r | u128::from(x < 0) << i)
        }),
        other => unreachable!("{other:?} is not a vector op"),
    }
}

/// The amount in the low half of `b`, at most the width.
#[inline(always)]
fn amount(s: Shape, b: u128) -> u32 {
    (b as u64).min(s.lane_bits().into()) as u32
}

/// The high half of twice a product, saturated, of lanes of `bits` bits.
#[inline(always)]
fn high_product(product: i64, bits: u32) -> i64 {
    (product >> (bits - 1)).min((1 << (bits - 1)) - 1)
}

#[inline(always)]
fn widen<T: Lane<N>, W: Lane<H>, const N: usize, const H: usize>(a: u128, upper: bool, f: impl Fn(T) -> W) -> u128 {
    let lanes = T::split(if upper { a >> 64 } else { a });
    W::join(from_fn(|i| f(lanes[i])))
}

#[inline(always)]
fn narrow<W: Lane<H>, T: Lane<N>, const H: usize, const N: usize>(a: u128, b: u128, f: impl Fn(W) -> T) -> u128 {
    let (x, y) = (W::split(a), W::split(b));
    T::join(from_fn(|i| f(if i < H { x[i] } else { y[i - H] })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga_ir::Form;
    use brolga_ir::eval::{eval_insert, eval_lane, eval_splat, eval_vector, eval_vector_compare};
    use brolga_ir::ops::ALL_OPS;

    /// Vectors of boundary values and of noise.
    fn samples() -> Vec<u128> {
        let bytes = [0u8, 1, 0x7f, 0x80, 0xff, 0xfe, 0x81];
        let mut all: Vec<u128> = bytes.iter().map(|b| u128::from_le_bytes([*b; 16])).collect();
        for s in Shape::ALL {
            let top = 1u64 << (s.lane_bits() - 1);
            all.extend([top, top - 1, 1, s.lane_bits() as u64].map(|x| eval_splat(s, x)));
        }
        let mut seed = 0x9e37_79b9_7f4a_7c15_u128;
        for _ in 0..20 {
            seed = seed.wrapping_mul(0x2545_f491_4f6c_dd1d_9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
            all.extend([seed ^ seed >> 64, (seed ^ seed >> 57) & 0x1f07_0f03_1f07_0f03_1f07_0f03_1f07_0f03]);
        }
        all
    }

    fn check_all(what: &str, fast: impl Fn(u128, u128) -> u128, plain: impl Fn(u128, u128) -> u128) {
        let all = samples();
        for &a in &all {
            for &b in &all {
                assert_eq!(fast(a, b), plain(a, b), "{what} {a:#x} {b:#x}");
            }
        }
    }

    /// The shapes that the verifier lets `op` have.
    fn shapes(op: Op) -> Vec<Shape> {
        let allowed = |s: &Shape| match op {
            Op::Vpopcnt | Op::Vswizzle => *s == Shape::I8x16,
            Op::VmulPairs => *s == Shape::I16x8,
            Op::VmulHigh | Op::VmulHighRound => matches!(s, Shape::I16x8 | Shape::I32x4),
            Op::Vsext | Op::Vzext => *s != Shape::I64x2,
            Op::Vsnarrow | Op::Vunarrow => *s != Shape::I8x16,
            _ => true,
        };
        Shape::ALL.into_iter().filter(allowed).collect()
    }

    #[test]
    fn every_op_is_as_the_plain_form() {
        let mut seen = 0;
        for &op in ALL_OPS {
            let form = op.info().form;
            if !matches!(form, Form::VUnary | Form::VBinary | Form::VImm | Form::VFold) || op == Op::Vsplat {
                continue;
            }
            for s in shapes(op) {
                let immediates = match form {
                    Form::VImm if matches!(op, Op::Vsext | Op::Vzext) => 0..2,
                    Form::VImm => 0..s.lane_bits() as u64,
                    Form::VFold => 0..5,
                    _ => 0..1,
                };
                for imm in immediates {
                    let fold = FoldOp::from_aux(imm as u16);
                    let plain = |a, b| eval_vector(op, s, fold, [a, b, 0], imm as u128).unwrap();
                    check_all(&format!("{op:?} {s:?} {imm}"), |a, b| eval(op, s, a, b, imm), plain);
                    seen += 1;
                }
            }
        }
        assert!(seen > 400, "{seen} forms");
    }

    #[test]
    fn comparisons_lanes_and_shuffles_are_as_the_plain_form() {
        for s in Shape::ALL {
            for cc in IntCc::ALL {
                let fast = |a, b| eval(Op::Vicmp, s, a, b, cc as u64);
                check_all(cc.name(), fast, |a, b| eval_vector_compare(cc, s, a, b));
            }
            for k in 0..s.lanes() {
                check_all("lane", |a, _| lane(s, a, k as u64) as u128, |a, _| eval_lane(s, a, k) as u128);
                let plain = |a, b: u128| eval_insert(s, a, b as u64, k);
                check_all("insert", |a, b| eval(Op::Insert, s, a, b, k as u64), plain);
            }
            check_all("splat", |a, _| eval(Op::Vsplat, s, a, 0, 0), |a, _| eval_splat(s, a as u64));
        }
        let plain = |a, b| {
            eval_vector(Op::Vshuffle, Shape::I8x16, FoldOp::Add, [a, !a, 0], b & 0x9f * (u128::MAX / 255)).unwrap()
        };
        check_all("shuffle", |a, b| shuffle(a, !a, b & 0x9f * (u128::MAX / 255)), plain);
    }
}
