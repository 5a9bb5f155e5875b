//! NaN operands: which one is returned, and what it looks like.

use crate::env::{DenormalFlag, Flags, FpEnv, NanRule};
use crate::format::{Format, default_nan, signed};
use crate::unpack::{Class, LEAD, Operand};

/// Result of an operation with a NaN among its operands, given in order of precedence.
/// Arm ARM, "FPProcessNaNs", "FPProcessNaNs3"; Intel SDM vol. 1, "Rules for handling NaNs".
#[inline]
pub(crate) fn propagate<F: Format>(env: &mut FpEnv, operands: &[Operand]) -> Option<F::Bits> {
    operands.iter().any(Operand::is_nan).then(|| choose::<F>(env, operands))
}

/// Raises the flag of denormal operands where their use raises it. To be called once the operation is
/// neither invalid nor a division by zero, which take precedence.
/// Intel SDM vol. 1, "SIMD Floating-Point Exception Priority".
#[inline]
pub(crate) fn note_denormals(env: &mut FpEnv, operands: &[Operand]) {
    if env.denormal_flag == DenormalFlag::WhenUsed && operands.iter().any(|o| o.denormal) {
        env.raise(Flags::INPUT_DENORMAL);
    }
}

#[cold]
fn choose<F: Format>(env: &mut FpEnv, operands: &[Operand]) -> F::Bits {
    let signalling = operands.iter().find(|o| o.class == Class::SignallingNan);
    if signalling.is_some() {
        env.raise(Flags::INVALID);
    }
    let first = operands.iter().find(|o| o.is_nan());
    let chosen = match env.nan_rule {
        NanRule::Arm => signalling.or(first),
        NanRule::X86Sse => first,
    };
    match chosen {
        Some(nan) if !env.default_nan => quieted::<F>(nan),
        _ => default_nan::<F>(env),
    }
}

/// The NaN in format `F`, made quiet. Arm ARM, "FPProcessNaN" and "FPConvertNaN".
pub(crate) fn quieted<F: Format>(nan: &Operand) -> F::Bits {
    let payload = nan.number.sig >> (LEAD - F::FRAC_BITS);
    signed::<F>(nan.sign(), F::INFINITY | F::QUIET_BIT | payload)
}

/// Result of an invalid operation on operands that are not NaNs.
#[cold]
pub(crate) fn invalid<F: Format>(env: &mut FpEnv) -> F::Bits {
    env.raise(Flags::INVALID);
    default_nan::<F>(env)
}
