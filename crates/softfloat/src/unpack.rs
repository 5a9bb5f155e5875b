//! Operands taken apart: class, sign, exponent and a left-aligned significand.

use crate::env::{DenormalFlag, Flags, FpEnv};
use crate::format::{Format, exp_field, fraction, sign_bit};

/// Bit of the leading one in a normalised significand. One bit above it is free for carries.
pub(crate) const LEAD: u32 = 126;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Zero,
    Finite,
    Infinite,
    QuietNan,
    SignallingNan,
}

/// A finite non-zero number: (-1)^sign * sig * 2^(exp - LEAD), leading one of `sig` at `LEAD`.
///
/// Where a value has more bits than fit, the lowest bit of `sig` is sticky: it is set if any of
/// the bits below it would be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub sign: bool,
    pub exp: i32,
    pub sig: u128,
}

/// An operand. `number` holds the value of a finite one; of a NaN its sign and, in `sig`, its
/// fraction with the quiet bit at `LEAD - 1`, so that payloads move between formats unchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub class: Class,
    pub denormal: bool,
    pub number: Number,
}

impl Operand {
    pub fn is_nan(&self) -> bool {
        matches!(self.class, Class::QuietNan | Class::SignallingNan)
    }
    pub fn is_zero(&self) -> bool {
        self.class == Class::Zero
    }
    pub fn is_infinite(&self) -> bool {
        self.class == Class::Infinite
    }
    pub fn sign(&self) -> bool {
        self.number.sign
    }
    pub fn negated(mut self) -> Operand {
        self.number.sign = !self.number.sign;
        self
    }
}

/// Takes an operand apart, flushing denormals as `env` says. Arm ARM, "FPUnpack".
#[inline]
pub(crate) fn unpack<F: Format>(env: &mut FpEnv, bits: F::Bits) -> Operand {
    let flush = env.flushes_input::<F>();
    unpack_with::<F>(env, bits, flush)
}

/// Takes the operand of a conversion between formats apart: half precision is never flushed.
/// Arm ARM, "FPUnpackCV".
pub(crate) fn unpack_for_convert<F: Format>(env: &mut FpEnv, bits: F::Bits) -> Operand {
    let flush = !F::HALF && env.flush_inputs;
    unpack_with::<F>(env, bits, flush)
}

#[inline]
fn unpack_with<F: Format>(env: &mut FpEnv, bits: F::Bits, flush: bool) -> Operand {
    let (sign, field, frac) = (sign_bit::<F>(bits), exp_field::<F>(bits), fraction::<F>(bits));
    let aligned = frac << (LEAD - F::FRAC_BITS);
    let operand = |class, denormal, exp, sig| Operand { class, denormal, number: Number { sign, exp, sig } };

    if field == 0 {
        if frac == 0 {
            return operand(Class::Zero, false, 0, 0);
        }
        if flush {
            if !F::HALF && env.denormal_flag == DenormalFlag::WhenFlushed {
                env.raise(Flags::INPUT_DENORMAL);
            }
            return operand(Class::Zero, false, 0, 0);
        }
        let shift = aligned.leading_zeros() - 1;
        return operand(Class::Finite, true, F::EMIN - shift as i32, aligned << shift);
    }
    if F::SPECIALS && field == F::EXP_FIELD_MAX {
        let class = match (frac == 0, frac & F::QUIET_BIT == 0) {
            (true, _) => Class::Infinite,
            (false, true) => Class::SignallingNan,
            (false, false) => Class::QuietNan,
        };
        return operand(class, false, 0, aligned);
    }
    operand(Class::Finite, false, field as i32 - F::BIAS, aligned | 1 << LEAD)
}
