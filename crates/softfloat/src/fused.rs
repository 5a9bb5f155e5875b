//! Fused multiply-add and the operations built on a product that is not rounded.

use crate::arith::{mul_operands, product, round_sum, sum};
use crate::env::{FpEnv, NanRule};
use crate::format::{Format, infinity, neg, power_of_two, zero};
use crate::nan::{invalid, note_denormals, propagate};
use crate::round::round;
use crate::unpack::{Class, LEAD, Number, Operand, unpack};

/// a * b + c with one rounding. Arm ARM, "FPMulAdd".
pub fn mul_add<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits, c: F::Bits) -> F::Bits {
    mul_add_widening::<F, F>(env, a, b, c)
}

/// a * b + c with one rounding, where the factors have a narrower format `P` than addend and
/// result (FMLAL: half precision into single). Arm ARM, "FPMulAddH".
pub fn mul_add_widening<P: Format, F: Format>(env: &mut FpEnv, a: P::Bits, b: P::Bits, c: F::Bits) -> F::Bits {
    let c = unpack::<F>(env, c);
    let (a, b) = (unpack::<P>(env, a), unpack::<P>(env, b));
    let zero_by_infinity = is_zero_by_infinity(&a, &b);
    let nan = match env.nan_rule {
        NanRule::Arm if zero_by_infinity && c.class == Class::QuietNan => Some(invalid::<F>(env)),
        NanRule::Arm => propagate::<F>(env, &[c, a, b]),
        NanRule::X86Sse => propagate::<F>(env, &[a, b, c]),
    };
    match nan {
        Some(nan) => nan,
        None if zero_by_infinity => invalid::<F>(env),
        None => mul_add_operands::<F>(env, a, b, c),
    }
}

fn is_zero_by_infinity(a: &Operand, b: &Operand) -> bool {
    (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite())
}

/// a * b + c where none is a NaN and the factors are not zero and infinity.
#[inline]
fn mul_add_operands<F: Format>(env: &mut FpEnv, a: Operand, b: Operand, c: Operand) -> F::Bits {
    let sign = a.sign() != b.sign();
    let product_infinite = a.is_infinite() || b.is_infinite();
    if product_infinite && c.is_infinite() && sign != c.sign() {
        return invalid::<F>(env);
    }
    note_denormals(env, &[a, b, c]);
    if product_infinite || c.is_infinite() {
        return infinity::<F>(if product_infinite { sign } else { c.sign() });
    }
    let product_zero = a.is_zero() || b.is_zero();
    match (product_zero, c.is_zero()) {
        (true, true) if sign == c.sign() => zero::<F>(sign),
        (true, true) => zero::<F>(env.cancelled_zero_sign()),
        (true, false) => round::<F>(env, c.number),
        (false, true) => round::<F>(env, product(a.number, b.number)),
        (false, false) => round_sum::<F>(env, sum(product(a.number, b.number), c.number)),
    }
}

/// a * b, except that zero times infinity is 2 with the sign of the product. Arm ARM, "FPMulX".
pub fn mul_extended<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    if let Some(nan) = propagate::<F>(env, &[a, b]) {
        return nan;
    }
    if is_zero_by_infinity(&a, &b) {
        return power_of_two::<F>(a.sign() != b.sign(), 1);
    }
    mul_operands::<F>(env, a, b)
}

/// Newton-Raphson step of a reciprocal, 2 - a * b fused. Arm ARM, "FPRecipStepFused".
pub fn recip_step<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let two = Number { sign: false, exp: 1, sig: 1 << LEAD };
    newton_step::<F>(env, a, b, two, 0)
}

/// Newton-Raphson step of a reciprocal square root, (3 - a * b) / 2 fused.
/// Arm ARM, "FPRSqrtStepFused".
pub fn recip_sqrt_step<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let three = Number { sign: false, exp: 1, sig: 3 << (LEAD - 1) };
    newton_step::<F>(env, a, b, three, 1)
}

/// (`base` - a * b) / 2^`halvings` with one rounding; zero times infinity counts as zero.
fn newton_step<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits, base: Number, halvings: i32) -> F::Bits {
    // The manual negates the first operand before it looks for NaNs, so a NaN changes sign too.
    let (a, b) = (unpack::<F>(env, neg::<F>(a)), unpack::<F>(env, b));
    if let Some(nan) = propagate::<F>(env, &[a, b]) {
        return nan;
    }
    let halved = |x: Number| Number { exp: x.exp - halvings, ..x };
    if is_zero_by_infinity(&a, &b) {
        return round::<F>(env, halved(base));
    }
    if a.is_infinite() || b.is_infinite() {
        return infinity::<F>(a.sign() != b.sign());
    }
    if a.is_zero() || b.is_zero() {
        return round::<F>(env, halved(base));
    }
    let exact = sum(product(a.number, b.number), base);
    round_sum::<F>(env, exact.map(halved))
}
