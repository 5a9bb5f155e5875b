//! Arm's reciprocal and reciprocal-square-root estimates, eight fraction bits each.

use crate::env::{Flags, FpEnv};
use crate::format::{Format, exp_field, infinity, sign_bit, signed, zero};
use crate::nan::{invalid, propagate};
use crate::round::overflow;
use crate::unpack::{LEAD, Number, unpack};

/// Fraction bits of an estimate.
const ESTIMATE_BITS: u32 = 8;

/// Estimates 2^17 / a (both in units of 1/512) for a in 256..512. Arm ARM, "RecipEstimate".
fn recip_table(a: u32) -> u32 {
    let b = (1 << 19) / (a * 2 + 1);
    b.div_ceil(2)
}

/// Estimates 1 / sqrt(a) for a in 128..512, a in units of 1/512, the result in units of 1/256.
/// Arm ARM, "RecipSqrtEstimate".
///
/// The manual searches the largest b with a * b^2 < 2^28; that is the root of (2^28 - 1) / a.
fn recip_sqrt_table(a: u32) -> u32 {
    let a = if a < 256 { a * 2 + 1 } else { (a | 1) * 2 };
    let b = (((1 << 28) - 1) / a).isqrt();
    b.div_ceil(2)
}

/// The fraction's top eight bits under a leading one: the operand scaled to 256..512.
fn scaled(x: Number) -> u32 {
    (x.sig >> (LEAD - ESTIMATE_BITS)) as u32
}

/// Estimate of 1 / a (FRECPE). Arm ARM, "FPRecipEstimate".
pub fn recip_estimate<F: Format>(env: &mut FpEnv, a: F::Bits) -> F::Bits {
    let a = unpack::<F>(env, a);
    if let Some(nan) = propagate::<F>(env, &[a]) {
        return nan;
    }
    if a.is_infinite() {
        return zero::<F>(a.sign());
    }
    if a.is_zero() {
        env.raise(Flags::DIV_BY_ZERO);
        return infinity::<F>(a.sign());
    }
    if a.number.exp < F::EMIN - 2 {
        let rounding = env.rounding;
        return overflow::<F>(env, a.sign(), rounding);
    }
    if a.number.exp >= F::BIAS - 1 && env.flushes_output::<F>() {
        env.raise(Flags::UNDERFLOW);
        return zero::<F>(a.sign());
    }
    let fraction = estimate_fraction::<F>(recip_table(scaled(a.number)));
    // 1 / (m * 2^exp) with m in 1..2 lies in the binade of -exp - 1.
    match F::BIAS - 1 - a.number.exp {
        field @ 1.. => signed::<F>(a.sign(), (field as u128) << F::FRAC_BITS | fraction),
        // Subnormal by one or two places: the hidden bit and the fraction move down, truncated.
        field => signed::<F>(a.sign(), (1 << F::FRAC_BITS | fraction) >> (1 - field)),
    }
}

/// An estimate's bits below its leading one, as the top of a fraction field.
fn estimate_fraction<F: Format>(estimate: u32) -> u128 {
    let low = u128::from(estimate & 0xff);
    if F::FRAC_BITS >= ESTIMATE_BITS {
        low << (F::FRAC_BITS - ESTIMATE_BITS)
    } else {
        low >> (ESTIMATE_BITS - F::FRAC_BITS)
    }
}

/// Estimate of 1 / sqrt(a) (FRSQRTE). Arm ARM, "FPRSqrtEstimate".
pub fn recip_sqrt_estimate<F: Format>(env: &mut FpEnv, a: F::Bits) -> F::Bits {
    let a = unpack::<F>(env, a);
    if let Some(nan) = propagate::<F>(env, &[a]) {
        return nan;
    }
    if a.is_zero() {
        env.raise(Flags::DIV_BY_ZERO);
        return infinity::<F>(a.sign());
    }
    if a.sign() {
        return invalid::<F>(env);
    }
    if a.is_infinite() {
        return zero::<F>(false);
    }
    // An even power of two is taken out, which leaves 0.5..1 for odd exponents, 0.25..0.5 for even ones.
    let odd = a.number.exp & 1 != 0;
    let estimate = recip_sqrt_table(scaled(a.number) >> (!odd) as u32);
    let field = (3 * F::BIAS - 1 - (a.number.exp + F::BIAS)) / 2;
    signed::<F>(false, (field as u128) << F::FRAC_BITS | estimate_fraction::<F>(estimate))
}

/// Reciprocal of the power of two in a, roughly: the exponent inverted, the fraction cleared (FRECPX).
/// Arm ARM, "FPRecpX".
pub fn recip_exponent<F: Format>(env: &mut FpEnv, a: F::Bits) -> F::Bits {
    let operand = unpack::<F>(env, a);
    if let Some(nan) = propagate::<F>(env, &[operand]) {
        return nan;
    }
    let field = match exp_field::<F>(a) {
        0 => F::EXP_FIELD_MAX - 1,
        field => field ^ F::EXP_FIELD_MAX,
    };
    signed::<F>(sign_bit::<F>(a), u128::from(field) << F::FRAC_BITS)
}

/// Estimate of the reciprocal of a fixed-point number in 0.5..1 (URECPE); smaller ones saturate.
/// Arm ARM, "UnsignedRecipEstimate".
pub fn unsigned_recip_estimate(a: u32) -> u32 {
    if a >> 31 == 0 { u32::MAX } else { recip_table(a >> 23) << 23 }
}

/// Estimate of the reciprocal square root of a fixed-point number in 0.25..1 (URSQRTE); smaller ones
/// saturate. Arm ARM, "UnsignedRSqrtEstimate".
pub fn unsigned_recip_sqrt_estimate(a: u32) -> u32 {
    if a >> 30 == 0 { u32::MAX } else { recip_sqrt_table(a >> 23) << 23 }
}
