//! Rounding to an integer that stays in the format.

use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{Format, power_of_two, zero};
use crate::integer::to_integer;
use crate::nan::propagate;
use crate::round::round_with;
use crate::unpack::{LEAD, Number, unpack};

/// Rounds to an integer. `exact` raises inexact when that changed the value (FRINTX).
/// Arm ARM, "FPRoundInt".
pub fn round_to_int<F: Format>(env: &mut FpEnv, a: F::Bits, rounding: Rounding, exact: bool) -> F::Bits {
    let operand = unpack::<F>(env, a);
    if let Some(nan) = propagate::<F>(env, &[operand]) {
        return nan;
    }
    if operand.is_zero() {
        return zero::<F>(operand.sign());
    }
    if operand.is_infinite() || operand.number.exp >= F::FRAC_BITS as i32 {
        return a;
    }
    let (magnitude, inexact) = to_integer(operand.number, 0, rounding).map_or((0, false), |r| (r.magnitude, r.inexact));
    if inexact && exact {
        env.raise(Flags::INEXACT);
    }
    encode::<F>(env, operand.sign(), magnitude)
}

/// Rounds to an integer that fits a signed integer of `bits` (32 or 64); what does not fit, NaNs and
/// infinities become the most negative one, and are invalid. Inexact is raised.
/// Arm ARM, "FPRoundIntN".
pub fn round_to_int_sized<F: Format>(env: &mut FpEnv, a: F::Bits, rounding: Rounding, bits: u32) -> F::Bits {
    let operand = unpack::<F>(env, a);
    if operand.is_zero() {
        return zero::<F>(operand.sign());
    }
    let limit = (1 << (bits - 1)) - u128::from(!operand.sign());
    let finite = !operand.is_nan() && !operand.is_infinite();
    match to_integer(operand.number, 0, rounding) {
        Some(r) if finite && r.magnitude <= limit => {
            if r.inexact {
                env.raise(Flags::INEXACT);
            }
            encode::<F>(env, operand.sign(), r.magnitude)
        }
        _ => {
            env.raise(Flags::INVALID);
            power_of_two::<F>(true, bits as i32 - 1)
        }
    }
}

/// Encodes an integer below 2^64 that the format holds exactly.
fn encode<F: Format>(env: &mut FpEnv, sign: bool, magnitude: u128) -> F::Bits {
    if magnitude == 0 {
        return zero::<F>(sign);
    }
    let shift = magnitude.leading_zeros() - 1;
    let number = Number { sign, exp: (LEAD - shift) as i32, sig: magnitude << shift };
    round_with::<F>(env, number, Rounding::Zero, false)
}
