//! Addition, subtraction, multiplication, division and square root.

use crate::env::{Flags, FpEnv};
use crate::format::{Format, infinity, zero};
use crate::nan::{invalid, note_denormals, propagate};
use crate::round::{round, shift_right_sticky};
use crate::unpack::{LEAD, Number, Operand, unpack};

/// a + b. Arm ARM, "FPAdd".
pub fn add<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    match propagate::<F>(env, &[a, b]) {
        Some(nan) => nan,
        None => add_operands::<F>(env, a, b),
    }
}

/// a - b. Arm ARM, "FPSub".
pub fn sub<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    match propagate::<F>(env, &[a, b]) {
        Some(nan) => nan,
        None => add_operands::<F>(env, a, b.negated()),
    }
}

fn add_operands<F: Format>(env: &mut FpEnv, a: Operand, b: Operand) -> F::Bits {
    note_denormals(env, &[a, b]);
    if a.is_infinite() || b.is_infinite() {
        if a.is_infinite() && b.is_infinite() && a.sign() != b.sign() {
            return invalid::<F>(env);
        }
        return infinity::<F>(if a.is_infinite() { a.sign() } else { b.sign() });
    }
    match (a.is_zero(), b.is_zero()) {
        (true, true) if a.sign() == b.sign() => zero::<F>(a.sign()),
        (true, true) => zero::<F>(env.cancelled_zero_sign()),
        (true, false) => round::<F>(env, b.number),
        (false, true) => round::<F>(env, a.number),
        (false, false) => round_sum::<F>(env, sum(a.number, b.number)),
    }
}

/// Rounds a sum; `None` is an exact cancellation.
pub(crate) fn round_sum<F: Format>(env: &mut FpEnv, sum: Option<Number>) -> F::Bits {
    match sum {
        Some(x) => round::<F>(env, x),
        None => zero::<F>(env.cancelled_zero_sign()),
    }
}

/// a + b, sticky in its lowest bit, or `None` if it is zero.
///
/// Terms of at most 106 significant bits (a product of doubles) lose nothing unless the exponents
/// are more than 20 apart, and then at most one leading bit cancels: the rounding position stays
/// far above the sticky bit.
#[inline]
pub(crate) fn sum(a: Number, b: Number) -> Option<Number> {
    let (high, low) = if a.exp >= b.exp { (a, b) } else { (b, a) };
    let low_sig = shift_right_sticky(low.sig, (high.exp - low.exp) as u32);
    if high.sign == low.sign {
        return Some(normalised_down(Number { sig: high.sig + low_sig, ..high }));
    }
    // The lower term is larger only if the exponents are equal, and then nothing was shifted out.
    let (sign, sig) =
        if high.sig >= low_sig { (high.sign, high.sig - low_sig) } else { (low.sign, low_sig - high.sig) };
    if sig == 0 {
        return None;
    }
    let shift = sig.leading_zeros() - 1;
    Some(Number { sign, exp: high.exp - shift as i32, sig: sig << shift })
}

/// Brings a leading one at `LEAD + 1` down to `LEAD`.
#[inline]
fn normalised_down(x: Number) -> Number {
    let carry = (x.sig >> (LEAD + 1)) as u32;
    Number { exp: x.exp + carry as i32, sig: x.sig >> carry | x.sig & carry as u128, ..x }
}

/// The upper 64 bits of a significand: all of it, for the formats there are.
#[inline]
fn top(x: Number) -> u64 {
    (x.sig >> (LEAD - 63)) as u64
}

/// a * b without loss, for significands of up to 63 bits.
#[inline]
pub(crate) fn product(a: Number, b: Number) -> Number {
    let sig = u128::from(top(a)) * u128::from(top(b));
    normalised_down(Number { sign: a.sign != b.sign, exp: a.exp + b.exp, sig })
}

/// a * b. Arm ARM, "FPMul".
pub fn mul<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    if let Some(nan) = propagate::<F>(env, &[a, b]) {
        return nan;
    }
    if (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite()) {
        return invalid::<F>(env);
    }
    mul_operands::<F>(env, a, b)
}

/// a * b where neither is a NaN and they are not zero and infinity.
pub(crate) fn mul_operands<F: Format>(env: &mut FpEnv, a: Operand, b: Operand) -> F::Bits {
    note_denormals(env, &[a, b]);
    let sign = a.sign() != b.sign();
    if a.is_infinite() || b.is_infinite() {
        return infinity::<F>(sign);
    }
    if a.is_zero() || b.is_zero() {
        return zero::<F>(sign);
    }
    round::<F>(env, product(a.number, b.number))
}

/// a / b. Arm ARM, "FPDiv".
pub fn div<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    if let Some(nan) = propagate::<F>(env, &[a, b]) {
        return nan;
    }
    if (a.is_infinite() && b.is_infinite()) || (a.is_zero() && b.is_zero()) {
        return invalid::<F>(env);
    }
    let sign = a.sign() != b.sign();
    if b.is_zero() && !a.is_infinite() {
        env.raise(Flags::DIV_BY_ZERO);
        return infinity::<F>(sign);
    }
    note_denormals(env, &[a, b]);
    if a.is_infinite() {
        return infinity::<F>(sign);
    }
    if a.is_zero() || b.is_infinite() {
        return zero::<F>(sign);
    }
    round::<F>(env, quotient(a.number, b.number))
}

/// a / b to 64 bits and a sticky bit.
#[inline]
fn quotient(a: Number, b: Number) -> Number {
    let (n, d) = (top(a), top(b));
    let less = n < d;
    let dividend = u128::from(n) << (63 + less as u32);
    let divisor = u128::from(d);
    let q = dividend / divisor;
    let sticky = (q * divisor != dividend) as u128;
    Number { sign: a.sign != b.sign, exp: a.exp - b.exp - less as i32, sig: q << (LEAD - 63) | sticky }
}

/// Square root. Arm ARM, "FPSqrt".
pub fn sqrt<F: Format>(env: &mut FpEnv, a: F::Bits) -> F::Bits {
    let a = unpack::<F>(env, a);
    if let Some(nan) = propagate::<F>(env, &[a]) {
        return nan;
    }
    if a.is_zero() {
        return zero::<F>(a.sign());
    }
    if a.sign() {
        return invalid::<F>(env);
    }
    if a.is_infinite() {
        return infinity::<F>(false);
    }
    note_denormals(env, &[a]);
    round::<F>(env, root(a.number))
}

/// The root to 64 bits and a sticky bit. An odd exponent lends a factor of two to the radicand,
/// which then fills all 128 bits or all but one, so the integer root has its top bit set.
fn root(a: Number) -> Number {
    let radicand = a.sig << (a.exp & 1);
    let r = radicand.isqrt();
    let sticky = (r * r != radicand) as u128;
    Number { sign: false, exp: a.exp >> 1, sig: r << (LEAD - 63) | sticky }
}
