//! Comparison.

use crate::env::{Flags, FpEnv};
use crate::format::Format;
use crate::nan::{note_denormals, propagate};
use crate::unpack::{Class, Operand, unpack};
use std::cmp::Ordering;

/// How two numbers stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// a < b
    Less,
    /// a = b, zeros of either sign included
    Equal,
    /// a > b
    Greater,
    /// one of them is a NaN
    Unordered,
}

impl From<Ordering> for Relation {
    #[inline(always)]
    fn from(order: Ordering) -> Relation {
        match order {
            Ordering::Less => Relation::Less,
            Ordering::Equal => Relation::Equal,
            Ordering::Greater => Relation::Greater,
        }
    }
}

/// Compares. Signalling NaNs are invalid; quiet ones are too if `signalling`.
/// Arm ARM, "FPCompare" (and "FPCompareEQ": quiet; "FPCompareGE", "FPCompareGT": signalling).
pub fn compare<F: Format>(env: &mut FpEnv, a: F::Bits, b: F::Bits, signalling: bool) -> Relation {
    let (a, b) = (unpack::<F>(env, a), unpack::<F>(env, b));
    if propagate::<F>(env, &[a, b]).is_some() {
        if signalling {
            env.raise(Flags::INVALID);
        }
        return Relation::Unordered;
    }
    note_denormals(env, &[a, b]);
    order(&a, &b).into()
}

/// Order of two operands that are not NaNs.
pub(crate) fn order(a: &Operand, b: &Operand) -> Ordering {
    signed_key(a).cmp(&signed_key(b))
}

/// A key that orders like the value: class, exponent and significand, all negated for negatives.
fn signed_key(x: &Operand) -> (i8, i32, i128) {
    let magnitude = match x.class {
        Class::Zero => return (0, 0, 0),
        Class::Infinite => return (if x.sign() { -2 } else { 2 }, 0, 0),
        _ => x.number,
    };
    let sig = magnitude.sig as i128;
    if x.sign() { (-1, -magnitude.exp, -sig) } else { (1, magnitude.exp, sig) }
}
