//! Scalar floating point on operand values: bits in, bits out, zero-extended.
//!
//! The hot operations have a row of the helper table for each format; the others share one with the
//! operation in the third argument.

use super::fp_env::{with, with_control};
use super::fp_host::{HostOp, is_settled};
use super::fp_lane::{self, FpMiscOp, FpThreeOp, Lane};
use super::fp_vector;
use crate::state::FPCR;
use brolga_core::Env;
use brolga_softfloat::{FpEnv, Relation, Word};

#[inline(always)]
fn bits<F: Lane>(value: u64) -> F::Bits {
    F::Bits::narrow(value.into())
}

#[inline(always)]
fn two<F: Lane>(env: &mut Env, a: u64, b: u64, op: impl Fn(&mut FpEnv, F::Bits, F::Bits) -> F::Bits) -> u64 {
    with(env, move |fp| op(fp, bits::<F>(a), bits::<F>(b))).widen() as u64
}

/// The host's result where it may be taken.
#[inline(always)]
fn host<F: Lane>(env: &Env, op: HostOp, a: u64, b: u64, c: u64) -> Option<u64> {
    if !is_settled(env) {
        return None;
    }
    let (r, taken) = F::host(op, bits::<F>(a), bits::<F>(b), bits::<F>(c))?;
    taken.then_some(r.widen() as u64)
}

/// FADD
pub extern "C" fn add<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    match host::<F>(env, HostOp::Add, a, b, 0) {
        Some(r) => r,
        None => two::<F>(env, a, b, F::add),
    }
}

/// FSUB
pub extern "C" fn sub<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    match host::<F>(env, HostOp::Sub, a, b, 0) {
        Some(r) => r,
        None => two::<F>(env, a, b, F::sub),
    }
}

/// FMUL
pub extern "C" fn mul<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    match host::<F>(env, HostOp::Mul, a, b, 0) {
        Some(r) => r,
        None => two::<F>(env, a, b, F::mul),
    }
}

/// FNMUL
pub extern "C" fn neg_mul<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    two::<F>(env, a, b, fp_lane::neg_mul::<F>)
}

/// FDIV
pub extern "C" fn div<F: Lane>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    match host::<F>(env, HostOp::Div, a, b, 0) {
        Some(r) => r,
        None => two::<F>(env, a, b, F::div),
    }
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
    with_control(env, move |fp| fp_vector::three::<F>(fp, FpThreeOp::from_arg(op), 1, 0, a.into(), b.into())) as u64
}

/// a * b + c
pub extern "C" fn mul_add<F: Lane>(env: &mut Env, a: u64, b: u64, c: u64) -> u64 {
    match host::<F>(env, HostOp::Fused, a, b, c) {
        Some(r) => r,
        None => with(env, move |fp| F::mul_add(fp, bits::<F>(a), bits::<F>(b), bits::<F>(c))).widen() as u64,
    }
}

/// FSQRT
pub extern "C" fn sqrt<F: Lane>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, move |fp| F::sqrt(fp, bits::<F>(a))).widen() as u64
}

/// FRINT*: the [`FpMiscOp`] is `op`.
pub extern "C" fn round<F: Lane>(env: &mut Env, a: u64, op: u64, _: u64) -> u64 {
    with_control(env, move |fp| fp_lane::round::<F>(fp, FpMiscOp::from_arg(op), bits::<F>(a))).widen() as u64
}

/// Any [`FpMiscOp`] of a scalar, `op` among them.
pub extern "C" fn any_one<F: Lane>(env: &mut Env, a: u64, op: u64, _: u64) -> u64 {
    with_control(env, move |fp| fp_vector::misc::<F>(fp, FpMiscOp::from_arg(op), 1, a.into())) as u64
}

/// FCMP, and FCMPE if `signalling`: N Z C V in bits 31..28. Arm ARM, "FPCompare".
pub extern "C" fn compare<F: Lane>(env: &mut Env, a: u64, b: u64, signalling: u64) -> u64 {
    let (a, b) = (bits::<F>(a), bits::<F>(b));
    if env.get(FPCR) == 0
        && let Some(order) = F::host_order(a, b)
    {
        return flags(order.into());
    }
    flags(with_control(env, move |fp| F::compare(fp, a, b, signalling != 0)))
}

/// N Z C V of a comparison, in bits 31..28.
#[inline(always)]
fn flags(relation: Relation) -> u64 {
    match relation {
        Relation::Less => 0x8000_0000,
        Relation::Equal => 0x6000_0000,
        Relation::Greater => 0x2000_0000,
        Relation::Unordered => 0x3000_0000,
    }
}
