//! Rounding an exact number into a format. Arm ARM, "FPRoundBase".

use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{Format, Word, infinity, max_finite, signed, zero};
use crate::unpack::{LEAD, Number};

/// Shifts right; bits that fall out set the lowest bit.
#[inline]
pub(crate) fn shift_right_sticky(sig: u128, count: u32) -> u128 {
    if count > LEAD {
        return (sig != 0) as u128;
    }
    let kept = sig >> count;
    kept | (kept << count != sig) as u128
}

/// Whether the magnitude grows by one unit, given the discarded part `rest` and half a unit.
#[inline]
pub(crate) fn rounds_away(rounding: Rounding, sign: bool, odd: bool, rest: u128, half: u128) -> bool {
    match rounding {
        Rounding::NearestEven => rest > half || (rest == half && odd),
        Rounding::NearestAway => rest >= half,
        Rounding::Up => rest != 0 && !sign,
        Rounding::Down => rest != 0 && sign,
        Rounding::Zero => false,
        Rounding::Odd => rest != 0 && !odd,
    }
}

/// Rounds to the format with the environment's rounding and flush rule.
#[inline]
pub(crate) fn round<F: Format>(env: &mut FpEnv, x: Number) -> F::Bits {
    let (rounding, flush) = (env.rounding, env.flushes_output::<F>());
    round_with::<F>(env, x, rounding, flush)
}

/// Rounds to the format; `flush` replaces tiny results by zero.
#[inline]
pub(crate) fn round_with<F: Format>(env: &mut FpEnv, x: Number, rounding: Rounding, flush: bool) -> F::Bits {
    let drop = LEAD - F::FRAC_BITS;
    let below_normal = x.exp < F::EMIN;
    let tiny = below_normal && (env.tininess_before_rounding || !rounds_to_normal::<F>(x, rounding));
    if tiny && flush {
        let inexact = if env.tininess_before_rounding { Flags::NONE } else { Flags::INEXACT };
        env.raise(Flags::UNDERFLOW | inexact);
        return zero::<F>(x.sign);
    }

    // With the hidden bit in `kept`, a carry out of the fraction moves into the exponent by itself.
    let (base, sig) = if below_normal {
        (0, shift_right_sticky(x.sig, (F::EMIN - x.exp) as u32))
    } else {
        (((x.exp - F::EMIN) as u128) << F::FRAC_BITS, x.sig)
    };
    let rest = sig & ((1 << drop) - 1);
    let kept = sig >> drop;
    let away = rounds_away(rounding, x.sign, kept & 1 != 0, rest, 1 << (drop - 1));
    let magnitude = base + kept + away as u128;

    if magnitude > max_finite::<F>(false).widen() {
        return overflow::<F>(env, x.sign, rounding);
    }
    if rest != 0 {
        env.raise(Flags::INEXACT);
        if tiny {
            env.raise(Flags::UNDERFLOW);
        }
    }
    signed::<F>(x.sign, magnitude)
}

/// Whether a number below the smallest normal reaches it when rounded with unbounded exponent.
fn rounds_to_normal<F: Format>(x: Number, rounding: Rounding) -> bool {
    let drop = LEAD - F::FRAC_BITS;
    let kept = x.sig >> drop;
    x.exp == F::EMIN - 1
        && kept == (2 << F::FRAC_BITS) - 1
        && rounds_away(rounding, x.sign, true, x.sig & ((1 << drop) - 1), 1 << (drop - 1))
}

/// The result too large for the format: infinity or the largest number, as the rounding says.
pub(crate) fn overflow<F: Format>(env: &mut FpEnv, sign: bool, rounding: Rounding) -> F::Bits {
    if !F::SPECIALS {
        env.raise(Flags::INVALID);
        return max_finite::<F>(sign);
    }
    env.raise(Flags::OVERFLOW | Flags::INEXACT);
    let to_infinity = match rounding {
        Rounding::NearestEven | Rounding::NearestAway => true,
        Rounding::Up => !sign,
        Rounding::Down => sign,
        Rounding::Zero | Rounding::Odd => false,
    };
    if to_infinity { infinity::<F>(sign) } else { max_finite::<F>(sign) }
}
