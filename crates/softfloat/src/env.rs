//! The run-time rules of one guest floating-point environment, and its sticky flags.

use crate::format::Format;
use std::ops::{BitOr, BitOrAssign};

/// How an inexact result is chosen between its two neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rounding {
    /// To nearest, ties to the even significand.
    #[default]
    NearestEven,
    /// Towards plus infinity.
    Up,
    /// Towards minus infinity.
    Down,
    /// Towards zero.
    Zero,
    /// To nearest, ties away from zero.
    NearestAway,
    /// Truncate, then set the lowest bit if anything was lost: safe against double rounding.
    Odd,
}

/// Which NaN an operation with NaN operands returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NanRule {
    /// First signalling NaN, else first quiet NaN; the addend of a fused operation comes first;
    /// (infinity * 0) + quiet NaN is invalid. Arm ARM, "FPProcessNaNs" and "FPMulAdd".
    Arm,
    /// First NaN of either kind; the addend of a fused operation comes last.
    /// Intel SDM vol. 1, "Rules for handling NaNs".
    X86Sse,
}

/// When a denormal operand raises [`Flags::INPUT_DENORMAL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DenormalFlag {
    /// When it is replaced by zero (Arm; half precision never raises it).
    WhenFlushed,
    /// When it is used as it is and no operand is a NaN (x86).
    WhenUsed,
}

/// A set of exception flags. The bits lie where the cumulative flags of Arm's FPSR do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// Invalid operation.
    pub const INVALID: Flags = Flags(1);
    /// Finite, non-zero number divided by zero.
    pub const DIV_BY_ZERO: Flags = Flags(1 << 1);
    /// Rounded result too large for the format.
    pub const OVERFLOW: Flags = Flags(1 << 2);
    /// Tiny result that lost bits or was flushed.
    pub const UNDERFLOW: Flags = Flags(1 << 3);
    /// Result differs from the exact one.
    pub const INEXACT: Flags = Flags(1 << 4);
    /// Denormal operand (see [`DenormalFlag`]).
    pub const INPUT_DENORMAL: Flags = Flags(1 << 7);

    /// The raw set: bit 0 invalid, 1 division by zero, 2 overflow, 3 underflow, 4 inexact,
    /// 7 input denormal.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of the known flags in `bits`.
    pub const fn from_bits(bits: u8) -> Flags {
        Flags(bits & 0x9f)
    }

    /// Whether every flag of `other` is set.
    #[inline(always)]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    #[inline(always)]
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

/// Everything an operation needs to know beside its operands, and the flags it raises.
///
/// Flags are sticky: operations only ever set them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FpEnv {
    /// Rounding of operations that take no rounding of their own.
    pub rounding: Rounding,
    /// Denormal operands wider than half precision (and bfloat16) count as zeros of their sign.
    pub flush_inputs: bool,
    /// The same for half precision, conversions excepted.
    pub flush_inputs_f16: bool,
    /// Tiny results wider than half precision (and bfloat16) become zeros of their sign.
    pub flush_outputs: bool,
    /// The same for half precision, conversions excepted.
    pub flush_outputs_f16: bool,
    /// Every NaN result is the default NaN.
    pub default_nan: bool,
    /// Sign bit of the default NaN (Arm: clear, x86: set).
    pub default_nan_negative: bool,
    /// Tininess is judged before rounding (Arm), else after it (x86). Where it is judged before,
    /// a flushed result raises underflow alone; else underflow and inexact.
    pub tininess_before_rounding: bool,
    /// Choice among NaN operands.
    pub nan_rule: NanRule,
    /// Meaning of the input-denormal flag.
    pub denormal_flag: DenormalFlag,
    /// Half precision in conversions is Arm's alternative format ([`crate::F16Alt`]). Operations do not look at
    /// this; it is here so that the caller of a conversion can choose the format.
    pub alternative_half: bool,
    /// Flags raised so far.
    pub flags: Flags,
}

impl FpEnv {
    /// Arm's rules with an all-zero FPCR.
    pub const fn arm() -> FpEnv {
        FpEnv {
            rounding: Rounding::NearestEven,
            flush_inputs: false,
            flush_inputs_f16: false,
            flush_outputs: false,
            flush_outputs_f16: false,
            default_nan: false,
            default_nan_negative: false,
            tininess_before_rounding: true,
            nan_rule: NanRule::Arm,
            denormal_flag: DenormalFlag::WhenFlushed,
            alternative_half: false,
            flags: Flags::NONE,
        }
    }

    /// Arm's rules with the AHP, DN, FZ, RMode and FZ16 fields of `fpcr`; no flag raised.
    /// Arm ARM, "FPCR, Floating-point Control Register".
    pub const fn from_fpcr(fpcr: u64) -> FpEnv {
        let (fz, fz16) = (fpcr >> 24 & 1 != 0, fpcr >> 19 & 1 != 0);
        let rounding = match fpcr >> 22 & 3 {
            0 => Rounding::NearestEven,
            1 => Rounding::Up,
            2 => Rounding::Down,
            _ => Rounding::Zero,
        };
        FpEnv {
            rounding,
            flush_inputs: fz,
            flush_outputs: fz,
            flush_inputs_f16: fz16,
            flush_outputs_f16: fz16,
            default_nan: fpcr >> 25 & 1 != 0,
            alternative_half: fpcr >> 26 & 1 != 0,
            ..FpEnv::arm()
        }
    }

    /// SSE's rules with MXCSR's reset value (all exceptions masked, nothing flushed).
    pub const fn x86_sse() -> FpEnv {
        FpEnv {
            default_nan_negative: true,
            tininess_before_rounding: false,
            nan_rule: NanRule::X86Sse,
            denormal_flag: DenormalFlag::WhenUsed,
            ..FpEnv::arm()
        }
    }

    /// Sets flags.
    #[inline(always)]
    pub fn raise(&mut self, flags: Flags) {
        self.flags |= flags;
    }

    pub(crate) fn flushes_input<F: Format>(&self) -> bool {
        if F::HALF { self.flush_inputs_f16 } else { self.flush_inputs }
    }

    pub(crate) fn flushes_output<F: Format>(&self) -> bool {
        if F::HALF { self.flush_outputs_f16 } else { self.flush_outputs }
    }

    /// Sign of a zero that is the sum of opposite numbers.
    pub(crate) fn cancelled_zero_sign(&self) -> bool {
        self.rounding == Rounding::Down
    }
}
