//! Conversion to and from integers and fixed-point numbers.

use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{F64, Format, zero};
use crate::round::{round_with, rounds_away, shift_right_sticky};
use crate::unpack::{LEAD, Number, Operand, unpack};

/// An integer type of a guest register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntType {
    /// Width in bits, 1 to 64.
    pub bits: u32,
    /// Two's complement, else unsigned.
    pub signed: bool,
}

impl IntType {
    /// Signed, 16 bits.
    pub const I16: IntType = IntType { bits: 16, signed: true };
    /// Unsigned, 16 bits.
    pub const U16: IntType = IntType { bits: 16, signed: false };
    /// Signed, 32 bits.
    pub const I32: IntType = IntType { bits: 32, signed: true };
    /// Unsigned, 32 bits.
    pub const U32: IntType = IntType { bits: 32, signed: false };
    /// Signed, 64 bits.
    pub const I64: IntType = IntType { bits: 64, signed: true };
    /// Unsigned, 64 bits.
    pub const U64: IntType = IntType { bits: 64, signed: false };

    /// Largest magnitude on the negative or the non-negative side.
    fn limit(self, negative: bool) -> u128 {
        match (self.signed, negative) {
            (true, true) => 1 << (self.bits - 1),
            (true, false) => (1 << (self.bits - 1)) - 1,
            (false, true) => 0,
            (false, false) => (1 << self.bits) - 1,
        }
    }

    /// Encodes a magnitude with its sign, zero-extended to 64 bits.
    fn encode(self, negative: bool, magnitude: u128) -> u64 {
        let value = if negative { magnitude.wrapping_neg() } else { magnitude };
        (value & ((1 << self.bits) - 1)) as u64
    }
}

/// An integer near a number: the magnitude, and whether the two differ.
pub(crate) struct Rounded {
    pub magnitude: u128,
    pub inexact: bool,
}

/// Rounds x * 2^`fbits` to an integer; `None` if its magnitude is 2^64 or more before rounding.
#[inline]
pub(crate) fn to_integer(x: Number, fbits: u32, rounding: Rounding) -> Option<Rounded> {
    let exp = x.exp + fbits as i32;
    if exp >= 64 {
        return None;
    }
    // Two bits stay below the point: the half, and everything under it.
    let quarters = shift_right_sticky(x.sig, (LEAD as i32 - 2 - exp) as u32);
    let (whole, rest) = (quarters >> 2, quarters & 3);
    let away = rounds_away(rounding, x.sign, whole & 1 != 0, rest, 2);
    Some(Rounded { magnitude: whole + away as u128, inexact: rest != 0 })
}

/// Converts a * 2^`fbits` to an integer, saturating; NaNs become zero. The result is zero-extended.
/// Arm ARM, "FPToFixed". Out of range and NaN raise invalid alone.
pub fn to_int<F: Format>(env: &mut FpEnv, a: F::Bits, to: IntType, fbits: u32, rounding: Rounding) -> u64 {
    match to_int_checked::<F>(env, a, to, fbits, rounding) {
        Ok(value) | Err(value) => value,
    }
}

/// [`to_int`] for guests that do not saturate: `Err` holds the saturated value where the operation is
/// invalid.
pub fn to_int_checked<F: Format>(
    env: &mut FpEnv,
    a: F::Bits,
    to: IntType,
    fbits: u32,
    rounding: Rounding,
) -> Result<u64, u64> {
    let a = unpack::<F>(env, a);
    let result = to_int_operand(env, a, to, fbits, rounding);
    if result.is_err() {
        env.raise(Flags::INVALID);
    }
    result
}

fn to_int_operand(env: &mut FpEnv, a: Operand, to: IntType, fbits: u32, rounding: Rounding) -> Result<u64, u64> {
    if a.is_zero() {
        return Ok(0);
    }
    if a.is_nan() {
        return Err(0);
    }
    let limit = to.limit(a.sign());
    let saturated = Err(to.encode(a.sign(), limit));
    if a.is_infinite() {
        return saturated;
    }
    match to_integer(a.number, fbits, rounding) {
        Some(r) if r.magnitude <= limit => {
            if r.inexact {
                env.raise(Flags::INEXACT);
            }
            Ok(to.encode(a.sign(), r.magnitude))
        }
        _ => saturated,
    }
}

/// Converts a double to 32 bits the way JavaScript does: towards zero, modulo 2^32. The second value
/// tells whether the result equals the operand (it does not for minus zero). Arm ARM, "FPToFixedJS".
pub fn to_i32_javascript(env: &mut FpEnv, a: u64) -> (u32, bool) {
    let x = unpack::<F64>(env, a);
    if x.is_zero() {
        return (0, a == 0); // minus zero and flushed denormals are not exact
    }
    if x.is_nan() || x.is_infinite() {
        env.raise(Flags::INVALID);
        return (0, false);
    }
    let (magnitude, inexact) = truncated_mod_2_64(x.number);
    let value = if x.sign() { magnitude.wrapping_neg() } else { magnitude };
    let limit = IntType::I32.limit(x.sign());
    if x.number.exp >= 64 || u128::from(magnitude) > limit {
        env.raise(Flags::INVALID);
        return (value as u32, false);
    }
    if inexact {
        env.raise(Flags::INEXACT);
    }
    (value as u32, !inexact)
}

/// The whole part of a double's magnitude modulo 2^64, and whether there is a fraction.
fn truncated_mod_2_64(x: Number) -> (u64, bool) {
    match x.exp {
        ..0 => (0, true),
        0..64 => {
            let below = LEAD - x.exp as u32;
            ((x.sig >> below) as u64, x.sig.trailing_zeros() < below)
        }
        // The significand's 53 bits start at bit 52: from an exponent of 64 + 52 on none is left.
        64..116 => (((x.sig >> (LEAD - 63)) as u64) << (x.exp - 63), false),
        _ => (0, false),
    }
}

/// Converts the integer in the low bits of `value`, divided by 2^`fbits`. Arm ARM, "FixedToFP".
pub fn from_int<F: Format>(env: &mut FpEnv, value: u64, from: IntType, fbits: u32, rounding: Rounding) -> F::Bits {
    let unused = 64 - from.bits;
    let negative = from.signed && (value << unused) >> 63 != 0;
    let value = if negative { ((value << unused) as i64 >> unused).unsigned_abs() } else { value << unused >> unused };
    if value == 0 {
        return zero::<F>(false);
    }
    let shift = value.leading_zeros();
    let sig = u128::from(value << shift) << (LEAD - 63);
    let number = Number { sign: negative, exp: 63 - shift as i32 - fbits as i32, sig };
    let flush = env.flushes_output::<F>();
    round_with::<F>(env, number, rounding, flush)
}
