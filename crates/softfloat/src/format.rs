//! Binary interchange formats: widths, derived constants and operations on raw encodings.

use crate::env::FpEnv;
use std::fmt::Debug;

/// Raw storage of a format.
pub trait Word: Copy + Eq + Ord + Debug {
    /// Zero-extends.
    fn widen(self) -> u128;
    /// Keeps the low bits.
    fn narrow(wide: u128) -> Self;
}

impl Word for u16 {
    #[inline(always)]
    fn widen(self) -> u128 {
        self.into()
    }
    #[inline(always)]
    fn narrow(wide: u128) -> Self {
        wide as u16
    }
}

impl Word for u32 {
    #[inline(always)]
    fn widen(self) -> u128 {
        self.into()
    }
    #[inline(always)]
    fn narrow(wide: u128) -> Self {
        wide as u32
    }
}

impl Word for u64 {
    #[inline(always)]
    fn widen(self) -> u128 {
        self.into()
    }
    #[inline(always)]
    fn narrow(wide: u128) -> Self {
        wide as u64
    }
}

/// A binary format with a hidden integer bit: sign, exponent, fraction from the top down.
///
/// The arithmetic handles significands of up to 61 bits; wider formats need wider products and
/// quotients in `arith.rs` (the rest works in 127 bits already).
pub trait Format: Copy + Debug + 'static {
    /// Raw encoding.
    type Bits: Word;
    /// Width of the exponent field.
    const EXP_BITS: u32;
    /// Width of the fraction field.
    const FRAC_BITS: u32;
    /// Whether the half-precision flush switches govern the format.
    const HALF: bool = false;
    /// Whether the largest exponent encodes infinities and NaNs.
    const SPECIALS: bool = true;

    /// Exponent bias.
    const BIAS: i32 = (1 << (Self::EXP_BITS - 1)) - 1;
    /// Exponent of the smallest normal number.
    const EMIN: i32 = 1 - Self::BIAS;
    /// Largest value of the exponent field.
    const EXP_FIELD_MAX: u32 = (1 << Self::EXP_BITS) - 1;
    /// Mask of the fraction field.
    const FRAC_MASK: u128 = (1 << Self::FRAC_BITS) - 1;
    /// The sign bit.
    const SIGN_BIT: u128 = 1 << (Self::EXP_BITS + Self::FRAC_BITS);
    /// Top bit of the fraction: set in quiet NaNs.
    const QUIET_BIT: u128 = 1 << (Self::FRAC_BITS - 1);
    /// Encoding of plus infinity.
    const INFINITY: u128 = (Self::EXP_FIELD_MAX as u128) << Self::FRAC_BITS;
}

/// IEEE half precision.
#[derive(Clone, Copy, Debug)]
pub struct F16;
/// Arm's alternative half precision: no infinities, no NaNs, one binade more.
/// Arm ARM, "Half-precision floating-point formats".
#[derive(Clone, Copy, Debug)]
pub struct F16Alt;
/// bfloat16: the upper half of a single.
#[derive(Clone, Copy, Debug)]
pub struct Bf16;
/// IEEE single precision.
#[derive(Clone, Copy, Debug)]
pub struct F32;
/// IEEE double precision.
#[derive(Clone, Copy, Debug)]
pub struct F64;

impl Format for F16 {
    type Bits = u16;
    const EXP_BITS: u32 = 5;
    const FRAC_BITS: u32 = 10;
    const HALF: bool = true;
}

impl Format for F16Alt {
    type Bits = u16;
    const EXP_BITS: u32 = 5;
    const FRAC_BITS: u32 = 10;
    const HALF: bool = true;
    const SPECIALS: bool = false;
}

impl Format for Bf16 {
    type Bits = u16;
    const EXP_BITS: u32 = 8;
    const FRAC_BITS: u32 = 7;
}

impl Format for F32 {
    type Bits = u32;
    const EXP_BITS: u32 = 8;
    const FRAC_BITS: u32 = 23;
}

impl Format for F64 {
    type Bits = u64;
    const EXP_BITS: u32 = 11;
    const FRAC_BITS: u32 = 52;
}

/// Puts a sign above a magnitude.
#[inline(always)]
pub(crate) fn signed<F: Format>(sign: bool, magnitude: u128) -> F::Bits {
    F::Bits::narrow(magnitude | if sign { F::SIGN_BIT } else { 0 })
}

/// Value of the exponent field.
#[inline(always)]
pub(crate) fn exp_field<F: Format>(bits: F::Bits) -> u32 {
    (bits.widen() >> F::FRAC_BITS) as u32 & F::EXP_FIELD_MAX
}

/// Value of the fraction field.
#[inline(always)]
pub(crate) fn fraction<F: Format>(bits: F::Bits) -> u128 {
    bits.widen() & F::FRAC_MASK
}

/// Whether the sign bit is set.
#[inline(always)]
pub(crate) fn sign_bit<F: Format>(bits: F::Bits) -> bool {
    bits.widen() & F::SIGN_BIT != 0
}

/// A zero.
pub fn zero<F: Format>(sign: bool) -> F::Bits {
    signed::<F>(sign, 0)
}

/// An infinity.
pub fn infinity<F: Format>(sign: bool) -> F::Bits {
    signed::<F>(sign, F::INFINITY)
}

/// The finite number of largest magnitude.
pub fn max_finite<F: Format>(sign: bool) -> F::Bits {
    signed::<F>(sign, if F::SPECIALS { F::INFINITY - 1 } else { F::SIGN_BIT - 1 })
}

/// The number 2^`exp`, which must be normal in the format.
pub(crate) fn power_of_two<F: Format>(sign: bool, exp: i32) -> F::Bits {
    signed::<F>(sign, ((exp + F::BIAS) as u128) << F::FRAC_BITS)
}

/// The NaN that invalid operations return: Arm ARM, "FPDefaultNaN".
pub fn default_nan<F: Format>(env: &FpEnv) -> F::Bits {
    signed::<F>(env.default_nan_negative, F::INFINITY | F::QUIET_BIT)
}

/// Whether the encoding is a NaN of either kind.
#[inline(always)]
pub fn is_nan<F: Format>(bits: F::Bits) -> bool {
    F::SPECIALS && bits.widen() & (F::SIGN_BIT - 1) > F::INFINITY
}

/// Whether the encoding is a signalling NaN.
pub fn is_signalling_nan<F: Format>(bits: F::Bits) -> bool {
    is_nan::<F>(bits) && bits.widen() & F::QUIET_BIT == 0
}

/// Flips the sign bit, of NaNs too. Arm ARM, "FPNeg".
pub fn neg<F: Format>(bits: F::Bits) -> F::Bits {
    F::Bits::narrow(bits.widen() ^ F::SIGN_BIT)
}

/// Clears the sign bit, of NaNs too. Arm ARM, "FPAbs".
pub fn abs<F: Format>(bits: F::Bits) -> F::Bits {
    F::Bits::narrow(bits.widen() & !F::SIGN_BIT)
}
