//! Conversion between formats.

use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{Format, default_nan, infinity, max_finite, zero};
use crate::nan::{note_denormals, quieted};
use crate::round::round_with;
use crate::unpack::{Class, unpack_for_convert};

/// Converts from `S` to `D`. Arm ARM, "FPConvert" and "FPConvertBF".
///
/// The flush switches of half precision are ignored on both sides. A destination without special
/// values ([`crate::F16Alt`]) takes NaNs as zeros and infinities as its largest number, both invalid.
/// FCVTXN is this with [`Rounding::Odd`].
pub fn convert<S: Format, D: Format>(env: &mut FpEnv, a: S::Bits, rounding: Rounding) -> D::Bits {
    let a = unpack_for_convert::<S>(env, a);
    match a.class {
        Class::Zero => zero::<D>(a.sign()),
        Class::Finite => {
            note_denormals(env, &[a]);
            let flush = !D::HALF && env.flush_outputs;
            round_with::<D>(env, a.number, rounding, flush)
        }
        Class::Infinite if D::SPECIALS => infinity::<D>(a.sign()),
        Class::Infinite => {
            env.raise(Flags::INVALID);
            max_finite::<D>(a.sign())
        }
        Class::QuietNan | Class::SignallingNan => {
            if a.class == Class::SignallingNan || !D::SPECIALS {
                env.raise(Flags::INVALID);
            }
            match (D::SPECIALS, env.default_nan) {
                (false, _) => zero::<D>(a.sign()),
                (true, true) => default_nan::<D>(env),
                (true, false) => quieted::<D>(&a),
            }
        }
    }
}
