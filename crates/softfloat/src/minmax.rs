//! Minimum and maximum.

use crate::compare::order;
use crate::env::FpEnv;
use crate::format::{Format, infinity, zero};
use crate::nan::propagate;
use crate::round::round;
use crate::unpack::{Class, Operand, unpack};
use std::cmp::Ordering;

/// The larger operand; +0 is larger than -0, NaNs propagate. Arm ARM, "FPMax".
pub fn max<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    select::<F>(env, a, b, Ordering::Greater)
}

/// The smaller operand; -0 is smaller than +0, NaNs propagate. Arm ARM, "FPMin".
pub fn min<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    select::<F>(env, a, b, Ordering::Less)
}

/// Like [`max`], but a number beats a quiet NaN. Arm ARM, "FPMaxNum".
pub fn max_num<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    select_num::<F>(env, a, b, Ordering::Greater)
}

/// Like [`min`], but a number beats a quiet NaN. Arm ARM, "FPMinNum".
pub fn min_num<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    select_num::<F>(env, a, b, Ordering::Less)
}

/// A lone quiet NaN becomes the infinity that loses; a signalling one still propagates.
fn select_num<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits, wanted: Ordering) -> F::Bits {
    let (mut a, mut b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    let loser = infinity::<F>(wanted == Ordering::Greater);
    match (a.class == Class::QuietNan, b.class == Class::QuietNan) {
        (true, false) => a = unpack::<F>(env, loser),
        (false, true) => b = unpack::<F>(env, loser),
        _ => {}
    }
    select::<F>(env, a, b, wanted)
}

fn select<F: Format>(env: &mut FpEnv, a: Operand, b: Operand, wanted: Ordering) -> F::Bits {
    if let Some(nan) = propagate::<F>(env, &[a, b]) {
        return nan;
    }
    let chosen = if order(&a, &b) == wanted { a } else { b };
    match chosen.class {
        // Zeros compare equal, so the choice between them is made by sign.
        Class::Zero if wanted == Ordering::Greater => zero::<F>(a.sign() && b.sign()),
        Class::Zero => zero::<F>(a.sign() || b.sign()),
        Class::Infinite => infinity::<F>(chosen.sign()),
        _ => round::<F>(env, chosen.number),
    }
}
