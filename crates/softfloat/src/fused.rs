//! Fused multiply-add and the operations built on a product that is not rounded.

use crate::arith::{product, round_sum, sum};
use crate::env::{FpEnv, NanRule};
use crate::format::{Format, infinity, zero};
use crate::nan::{invalid, propagate};
use crate::round::round;
use crate::unpack::{Class, Operand, unpack};

/// a * b + c with one rounding. Arm ARM, "FPMulAdd".
pub fn mul_add<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits, c: F::Bits) -> F::Bits {
    mul_add_widening::<F, F>(env, a, b, c)
}

/// a * b + c with one rounding, where the factors have a narrower format `P` than addend and
/// result (FMLAL: half precision into single). Arm ARM, "FPMulAddH".
pub fn mul_add_widening<P: Format, F: Format>(env: &mut FpEnv, a: P::Bits, b: P::Bits, c: F::Bits) -> F::Bits {
    let c = unpack::<F>(env, c);
    let (a, b) = (unpack::<P>(env, a), unpack::<P>(env, b));
    let zero_by_infinity = (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite());
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

/// a * b + c where none is a NaN and the factors are not zero and infinity.
#[inline]
fn mul_add_operands<F: Format>(env: &mut FpEnv, a: Operand, b: Operand, c: Operand) -> F::Bits {
    let sign = a.sign() != b.sign();
    let product_infinite = a.is_infinite() || b.is_infinite();
    if product_infinite || c.is_infinite() {
        if product_infinite && c.is_infinite() && sign != c.sign() {
            return invalid::<F>(env);
        }
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
