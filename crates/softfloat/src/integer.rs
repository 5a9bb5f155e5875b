//! Conversion to and from integers and fixed-point numbers.

use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{Format, zero};
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
