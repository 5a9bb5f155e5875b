//! Host arithmetic for the common case: FPCR is 0 and inexact is raised already.
//!
//! Then nothing is flushed, the host rounds as the guest does, and a result that is clearly normal can
//! raise inexact at most. Everything else (NaNs, infinities, tiny results, most zeros) gives `None` and is
//! left to softfloat. "Clearly" means at least twice the smallest normal number, so that the exact value
//! is not tiny before rounding; a sum that is tiny is exact, so for sums normal is enough.

use super::fp_lane::{Lane, width};
use crate::state::{FPCR, FPSR};
use brolga_core::Env;
use brolga_softfloat::fast::HostFormat;
use brolga_softfloat::{Flags, Word};
use std::cmp::Ordering;

/// An operation of the host. The third operand counts for `Fused` only, a * b + c.
#[allow(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostOp {
    Add,
    Sub,
    Mul,
    Div,
    Fused,
}

/// Order of two numbers, `None` for a NaN. Right as soon as FPCR is 0: no operand is flushed.
#[inline(always)]
pub fn order<F: HostFormat>(a: F::Bits, b: F::Bits) -> Option<Ordering> {
    F::host(a).partial_cmp(&F::host(b))
}

/// Whether the case is the common one.
#[inline(always)]
pub fn is_settled(env: &Env) -> bool {
    env.get(FPCR) == 0 && env.get(FPSR) & u64::from(Flags::INEXACT.bits()) != 0
}

#[inline(always)]
fn is_zero<F: HostFormat>(bits: F::Bits) -> bool {
    bits.widen() as u64 & (F::SIGN_BIT as u64 - 1) == 0
}

/// Whether the number is finite and its exponent field at least `from`.
#[inline(always)]
fn is_safe<F: HostFormat>(bits: F::Bits, from: u32) -> bool {
    let field = (bits.widen() as u64 >> F::FRAC_BITS) as u32 & F::EXP_FIELD_MAX;
    field.wrapping_sub(from) < F::EXP_FIELD_MAX - from
}

/// The result and whether it may be taken.
#[inline(always)]
pub fn apply<F: HostFormat>(op: HostOp, a: F::Bits, b: F::Bits, c: F::Bits) -> (F::Bits, bool) {
    let (x, y) = (F::host(a), F::host(b));
    let r = F::bits(match op {
        HostOp::Add => x + y,
        HostOp::Sub => x - y,
        HostOp::Mul => x * y,
        HostOp::Div => x / y,
        HostOp::Fused => F::fused(x, y, F::host(c)),
    });
    // Zeros are exact when they come of zeros; the zero of a sum always is.
    let exact_zero = is_zero::<F>(r)
        && match op {
            HostOp::Add | HostOp::Sub => true,
            HostOp::Mul => is_zero::<F>(a) | is_zero::<F>(b),
            HostOp::Div => is_zero::<F>(a),
            HostOp::Fused => is_zero::<F>(c) & (is_zero::<F>(a) | is_zero::<F>(b)),
        };
    let from = if matches!(op, HostOp::Add | HostOp::Sub) { 1 } else { 2 };
    (r, is_safe::<F>(r, from) | exact_zero)
}

/// `op` on `count` lanes if all results may be taken.
///
/// All lanes are computed so that the loop becomes vector code; those from `count` on do not matter.
#[inline(always)]
pub fn vector<F: Lane>(op: HostOp, count: usize, a: u128, b: u128, c: u128) -> Option<u128> {
    let (a, b, c) = (F::split(a), F::split(b), F::split(c));
    let (a, b, c) = (a.as_ref(), b.as_ref(), c.as_ref());
    let mut r = F::split(0);
    let mut all = true;
    for (i, lane) in r.as_mut().iter_mut().enumerate() {
        let (value, taken) = F::host(op, a[i], b[i], c[i])?;
        *lane = value;
        all &= taken | (i >= count);
    }
    let used = count as u32 * width::<F>();
    all.then(|| F::join(&r) & (u128::MAX >> (128 - used)))
}
