//! Scalar floating point on operand values: bits in, bits out, zero-extended.
//!
//! The hot operations have a row of the helper table for each format; the others share one with the
//! operation in the third argument.

use super::fp_env::with;
use super::fp_lane::{self, FpMiscOp, FpThreeOp, Lane};
use super::fp_vector;
use brolga_core::{Env, Nzcv};
use brolga_softfloat::{FpEnv, Relation, Word};

#[inline(always)]
fn bits<F: Lane>(value: u64) -> F::Bits {
    F::Bits::narrow(value.into())
}

#[inline(always)]
fn two<F: Lane>(env: &mut Env, a: u64, b: u64, op: impl Fn(&mut FpEnv, F::Bits, F::Bits) -> F::Bits) -> u64 {
    with(env, |fp| op(fp, bits::<F>(a), bits::<F>(b))).widen() as u64
}

/// FADD
pub extern "C" fn add<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, F::add)
}

/// FSUB
pub extern "C" fn sub<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, F::sub)
}

/// FMUL
pub extern "C" fn mul<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, F::mul)
}

/// FNMUL
pub extern "C" fn neg_mul<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::neg_mul::<F>)
}

/// FDIV
pub extern "C" fn div<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, F::div)
}

/// FMAX
pub extern "C" fn max<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::max::<F>)
}

/// FMIN
pub extern "C" fn min<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::min::<F>)
}

/// FMAXNM
pub extern "C" fn max_num<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::max_num::<F>)
}

/// FMINNM
pub extern "C" fn min_num<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::min_num::<F>)
}

/// FABD
pub extern "C" fn abs_diff<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::abs_diff::<F>)
}

/// Any [`FpThreeOp`] of two scalars, `op` among them. Those of pairs take the pair as `a` and `b`.
pub extern "C" fn any_two<F: Lane>(env: &mut Env, a: u64, b: u64, op: u64) -> u64 {
    with(env, |fp| fp_vector::three::<F>(fp, FpThreeOp::from_arg(op), 1, 0, a.into(), b.into())) as u64
}

/// a * b + c
pub extern "C" fn mul_add<F: Lane>(env: &mut Env, a: u64, b: u64, c: u64) -> u64 {
    with(env, |fp| F::mul_add(fp, bits::<F>(a), bits::<F>(b), bits::<F>(c))).widen() as u64
}

/// FSQRT
pub extern "C" fn sqrt<F: Lane>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, |fp| F::sqrt(fp, bits::<F>(a))).widen() as u64
}

/// FRINT*: the [`FpMiscOp`] is `op`.
pub extern "C" fn round<F: Lane>(env: &mut Env, a: u64, op: u64, _: u64) -> u64 {
    with(env, |fp| fp_lane::round::<F>(fp, FpMiscOp::from_arg(op), bits::<F>(a))).widen() as u64
}

/// Any [`FpMiscOp`] of a scalar, `op` among them.
pub extern "C" fn any_one<F: Lane>(env: &mut Env, a: u64, op: u64, _: u64) -> u64 {
    with(env, |fp| fp_vector::misc::<F>(fp, FpMiscOp::from_arg(op), 1, a.into())) as u64
}

/// FCMP, and FCMPE if `signalling`: N Z C V in bits 31..28. Arm ARM, "FPCompare".
pub extern "C" fn compare<F: Lane>(env: &mut Env, a: u64, b: u64, signalling: u64) -> u64 {
    let relation = with(env, |fp| F::compare(fp, bits::<F>(a), bits::<F>(b), signalling != 0));
    flags(relation).bits()
}

#[inline(always)]
fn flags(relation: Relation) -> Nzcv {
    let (n, z, c, v) = match relation {
        Relation::Less => (true, false, false, false),
        Relation::Equal => (false, true, true, false),
        Relation::Greater => (false, false, true, false),
        Relation::Unordered => (false, false, true, true),
    };
    Nzcv { n, z, c, v }
}
