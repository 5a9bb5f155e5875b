//! Vector floating point across formats and lanes: widening and narrowing, half-precision
//! multiply-long, bfloat16, complex numbers.

use super::fp_convert::{from_half, to_half};
use super::fp_env::with_control as with;
use super::fp_lane::{Lane, operations, width};
use super::fp_vector::{lanes, operand_m, q, rd, rn};
use super::{set_v, v};
use brolga_core::Env;
use brolga_softfloat::{Bf16, F16, F32, F64, FpEnv, Rounding, Word};
use brolga_softfloat::{bf16_dot_add, bf16_matrix_multiply_add, convert, fast, mul_add_widening, neg};

operations! {
    /// Conversions to lanes of half the width.
    Narrow: SingleToHalf DoubleToSingle DoubleToSingleOdd SingleToBfloat
}

operations! {
    /// Half precision multiplied and added to single.
    FmlalOp: Fmlal Fmlsl Fmlal2 Fmlsl2
}

/// FCVTN, FCVTXN, BFCVTN; with Q into the upper half, keeping the lower.
pub extern "C" fn narrow(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let n = v(env, rn(word));
    let (singles, doubles) = (F32::split(n), F64::split(n));
    let half = with(env, |fp| match Narrow::from_arg(op) {
        Narrow::SingleToHalf => narrow_to::<16, _>(&singles, |a| to_half::<F32>(fp, a).into()),
        Narrow::SingleToBfloat => narrow_to::<16, _>(&singles, |a| convert::<F32, Bf16>(fp, a, fp.rounding).into()),
        Narrow::DoubleToSingle => narrow_to::<32, _>(&doubles, |a| fast::f64_to_f32(fp, a, fp.rounding).into()),
        Narrow::DoubleToSingleOdd => narrow_to::<32, _>(&doubles, |a| convert::<F64, F32>(fp, a, Rounding::Odd).into()),
    });
    let low = v(env, rd(word)) as u64;
    let r = if q(word) { u128::from(low) | u128::from(half) << 64 } else { half.into() };
    set_v(env, rd(word), r);
    0
}

/// Converts lanes to `BITS` bits each.
fn narrow_to<const BITS: u32, T: Copy>(lanes: &[T], mut f: impl FnMut(T) -> u64) -> u64 {
    lanes.iter().rev().fold(0, |r, &a| r << BITS | f(a))
}

/// FCVTL: the lower half of Vn, or the upper with Q. `op` is 1 for single to double, 0 for half to single.
pub extern "C" fn long(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let n = v(env, rn(word));
    let half = if q(word) { (n >> 64) as u64 } else { n as u64 };
    let r = with(env, |fp| {
        if op == 0 {
            (0..4).fold(0, |r, i| r | u128::from(from_half::<F32>(fp, (half >> (16 * i)) as u16)) << (32 * i))
        } else {
            let [low, high] = [half as u32, (half >> 32) as u32].map(|a| fast::f32_to_f64(fp, a));
            u128::from(low) | u128::from(high) << 64
        }
    });
    set_v(env, rd(word), r);
    0
}

/// FMLAL, FMLAL2, FMLSL, FMLSL2: lanes of the operands' lower or upper part. Arm ARM, "FMLAL, FMLAL2 (vector)".
pub extern "C" fn mul_add_long(env: &mut Env, word: u64, op: u64, element: u64) -> u64 {
    let op = FmlalOp::from_arg(op);
    let (upper, subtract) =
        (matches!(op, FmlalOp::Fmlal2 | FmlalOp::Fmlsl2), matches!(op, FmlalOp::Fmlsl | FmlalOp::Fmlsl2));
    let count = lanes::<F32>(word);
    let first = if upper { count } else { 0 };
    let n = F16::split(v(env, rn(word)));
    let m = F16::split(operand_m(env, word, element, 16));
    let d = F32::split(v(env, rd(word)));
    let r = with(env, |fp| {
        (0..count).fold(0, |r, i| {
            let a = if subtract { neg::<F16>(n[first + i]) } else { n[first + i] };
            r | u128::from(mul_add_widening::<F16, F32>(fp, a, m[first + i], d[i])) << (32 * i)
        })
    });
    set_v(env, rd(word), r);
    0
}

fn bf16_pair(lanes: [u16; 8], i: usize) -> [u16; 2] {
    [lanes[2 * i], lanes[2 * i + 1]]
}

/// BFDOT: FPCR and FPSR take no part.
pub extern "C" fn bf16_dot(env: &mut Env, word: u64, _: u64, element: u64) -> u64 {
    let n = F16::split(v(env, rn(word)));
    let m = F16::split(operand_m(env, word, element, 32));
    let d = F32::split(v(env, rd(word)));
    let r = (0..lanes::<F32>(word))
        .fold(0, |r, i| r | u128::from(bf16_dot_add(d[i], bf16_pair(n, i), bf16_pair(m, i))) << (32 * i));
    set_v(env, rd(word), r);
    0
}

/// BFMMLA: FPCR and FPSR take no part.
pub extern "C" fn bf16_matrix(env: &mut Env, word: u64, _: u64, _: u64) -> u64 {
    let n = F16::split(v(env, rn(word)));
    let m = F16::split(operand_m(env, word, 0, 128));
    let sums = bf16_matrix_multiply_add(F32::split(v(env, rd(word))), n, m);
    set_v(env, rd(word), sums.into_iter().rev().fold(0, |r, sum| r << 32 | u128::from(sum)));
    0
}

/// BFMLALB, and BFMLALT with Q: even or odd lanes, fused, by single precision's rules.
/// Arm ARM, "BFMLALB, BFMLALT (vector)".
pub extern "C" fn bf16_mul_add_long(env: &mut Env, word: u64, _: u64, element: u64) -> u64 {
    let n = F16::split(v(env, rn(word)));
    let m = F16::split(operand_m(env, word, element, 16));
    let d = F32::split(v(env, rd(word)));
    let odd = q(word) as usize;
    let single = |a: u16| u32::from(a) << 16;
    let r = with(env, |fp| {
        (0..4).fold(0, |r, i| {
            let sum = fast::mul_add::<F32>(fp, single(n[2 * i + odd]), single(m[2 * i + odd]), d[i]);
            r | u128::from(sum) << (32 * i)
        })
    });
    set_v(env, rd(word), r);
    0
}

fn neg_if<F: Lane>(negative: bool, a: F::Bits) -> F::Bits {
    if negative { neg::<F>(a) } else { a }
}

/// FCMLA: `rotation` counts quarter turns. Arm ARM, "FCMLA".
pub extern "C" fn complex_mul_add<F: Lane>(env: &mut Env, word: u64, rotation: u64, element: u64) -> u64 {
    let n = F::split(v(env, rn(word)));
    let m = F::split(operand_m(env, word, element, 2 * width::<F>()));
    let d = F::split(v(env, rd(word)));
    let (n, m, d) = (n.as_ref(), m.as_ref(), d.as_ref());
    // Odd rotations multiply the imaginary part of Vn, and cross the parts of Vm.
    let odd = rotation as usize & 1;
    let (negate_real, negate_imaginary) = (matches!(rotation, 1 | 2), rotation >= 2);
    let r = with(env, |fp| {
        per_complex::<F>(fp, lanes::<F>(word), |fp, i| {
            let factor = n[i + odd];
            let real = neg_if::<F>(negate_real, m[i + odd]);
            let imaginary = neg_if::<F>(negate_imaginary, m[i + 1 - odd]);
            (F::mul_add(fp, factor, real, d[i]), F::mul_add(fp, factor, imaginary, d[i + 1]))
        })
    });
    set_v(env, rd(word), r);
    0
}

/// FCADD: `rotation` is 0 for a quarter turn of Vm, 1 for three. Arm ARM, "FCADD".
pub extern "C" fn complex_add<F: Lane>(env: &mut Env, word: u64, rotation: u64, _: u64) -> u64 {
    let n = F::split(v(env, rn(word)));
    let m = F::split(operand_m(env, word, 0, 128));
    let (n, m) = (n.as_ref(), m.as_ref());
    let r = with(env, |fp| {
        per_complex::<F>(fp, lanes::<F>(word), |fp, i| {
            let real = F::add(fp, n[i], neg_if::<F>(rotation == 0, m[i + 1]));
            (real, F::add(fp, n[i + 1], neg_if::<F>(rotation != 0, m[i])))
        })
    });
    set_v(env, rd(word), r);
    0
}

/// Results of pairs of lanes, real part below the imaginary; `f` takes the index of the real part.
#[inline(always)]
fn per_complex<F: Lane>(fp: &mut FpEnv, count: usize, f: impl Fn(&mut FpEnv, usize) -> (F::Bits, F::Bits)) -> u128 {
    (0..count).step_by(2).fold(0, |r, i| {
        let (real, imaginary) = f(fp, i);
        let pair = real.widen() | imaginary.widen() << width::<F>();
        r | pair << (i as u32 * width::<F>())
    })
}
