//! The operations of the crate root for single and double precision, through the host's arithmetic
//! where that is provably the same, else through the exact path.
//!
//! # Requirement
//! Result and flags equal those of the exact function of the same name, for every environment. The
//! host runs with Rust's floating-point environment: to nearest even, nothing flushed.
//!
//! # How
//! The host result r is correctly rounded to nearest even. It is taken only if
//! - the environment rounds to nearest even;
//! - no operand is denormal, so no input is flushed and none raises the input-denormal flag;
//! - r is finite, so no operand was a NaN or (where it could hide) an infinity, nothing was invalid,
//!   divided by zero or overflowed;
//! - r is not tiny. For sums r must be normal: a sum below twice the smallest normal number is exact,
//!   so nothing can have been rounded up to it. For the others |r| must be at least twice that number,
//!   whence the exact value is at least that number, before rounding as after it. A zero is taken
//!   where it is exact.
//!
//! What is left is inexact, which is sticky. When it is already set, nothing needs to be done. When
//! it is not, exactness is decided by
//! - *sums*: Knuth's TwoSum gives the rounding error exactly when nothing overflows, which the two top
//!   binades are kept out for;
//! - *products*: the product of two p-bit significands is representable if and only if its trailing
//!   zeros, the sum of those of the factors, make up for its length beyond p bits;
//! - *quotients and roots*: r is exact if and only if r * b (r * r) is representable and equals the
//!   dividend (radicand).
//!
//! # Limits
//! [`mul_add`] relies on the platform's `fma`, correctly rounded on every Linux C library: one
//! instruction where the processor has it.

use crate::compare::Relation;
use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{F32, F64, Format, Word};
use crate::integer::IntType;
use crate::round::rounds_away;
use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Sub};

/// A format the host computes in.
pub trait HostFormat: Format {
    /// The host's type.
    type Host: Copy
        + Debug
        + PartialOrd
        + Add<Output = Self::Host>
        + Sub<Output = Self::Host>
        + Mul<Output = Self::Host>
        + Div<Output = Self::Host>;

    /// Reads an encoding.
    fn host(bits: Self::Bits) -> Self::Host;
    /// Gives the encoding.
    fn bits(x: Self::Host) -> Self::Bits;
    /// Square root, rounded to nearest even.
    fn root(x: Self::Host) -> Self::Host;
    /// x * y + z, rounded once to nearest even.
    fn fused(x: Self::Host, y: Self::Host, z: Self::Host) -> Self::Host;
    /// A signed integer, rounded to nearest even.
    fn from_i64(value: i64) -> Self::Host;
    /// An unsigned integer, rounded to nearest even.
    fn from_u64(value: u64) -> Self::Host;
}

impl HostFormat for F32 {
    type Host = f32;
    #[inline(always)]
    fn host(bits: u32) -> f32 {
        f32::from_bits(bits)
    }
    #[inline(always)]
    fn bits(x: f32) -> u32 {
        x.to_bits()
    }
    #[inline(always)]
    fn root(x: f32) -> f32 {
        x.sqrt()
    }
    #[inline(always)]
    fn fused(x: f32, y: f32, z: f32) -> f32 {
        x.mul_add(y, z)
    }
    #[inline(always)]
    fn from_i64(value: i64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn from_u64(value: u64) -> f32 {
        value as f32
    }
}

impl HostFormat for F64 {
    type Host = f64;
    #[inline(always)]
    fn host(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
    #[inline(always)]
    fn bits(x: f64) -> u64 {
        x.to_bits()
    }
    #[inline(always)]
    fn root(x: f64) -> f64 {
        x.sqrt()
    }
    #[inline(always)]
    fn fused(x: f64, y: f64, z: f64) -> f64 {
        x.mul_add(y, z)
    }
    #[inline(always)]
    fn from_i64(value: i64) -> f64 {
        value as f64
    }
    #[inline(always)]
    fn from_u64(value: u64) -> f64 {
        value as f64
    }
}

/// The encoding in 64 bits.
#[inline(always)]
fn raw<F: HostFormat>(bits: F::Bits) -> u64 {
    bits.widen() as u64
}

#[inline(always)]
fn from_raw<F: HostFormat>(raw: u64) -> F::Bits {
    F::Bits::narrow(raw.into())
}

#[inline(always)]
fn field<F: HostFormat>(raw: u64) -> i32 {
    (raw >> F::FRAC_BITS) as i32 & F::EXP_FIELD_MAX as i32
}

#[inline(always)]
fn is_zero<F: HostFormat>(raw: u64) -> bool {
    raw & (F::SIGN_BIT as u64 - 1) == 0
}

#[inline(always)]
fn is_denormal<F: HostFormat>(raw: u64) -> bool {
    field::<F>(raw) == 0 && !is_zero::<F>(raw)
}

/// Finite, and at least the smallest number with exponent field `from`.
#[inline(always)]
fn is_safe<F: HostFormat>(raw: u64, from: i32) -> bool {
    let field = field::<F>(raw);
    field >= from && field < F::EXP_FIELD_MAX as i32
}

#[inline(always)]
fn rounds_as_host(env: &FpEnv) -> bool {
    env.rounding == Rounding::NearestEven
}

/// Trailing zeros of the significand of a normal number.
#[inline(always)]
fn trailing_zeros<F: HostFormat>(raw: u64) -> u32 {
    (raw | 1 << F::FRAC_BITS).trailing_zeros()
}

/// Whether the product of two normal numbers is `product`, given that rounding it gives `product`.
///
/// The exact significand has 2p - 1 bits (p = fraction bits + 1), or 2p when the exponent shows a
/// carry. A carry made by the rounding itself asks for one zero more than needed, of a product that
/// has too few anyway.
#[inline(always)]
fn product_is_exact<F: HostFormat>(a: u64, b: u64, product: u64) -> bool {
    let carry = field::<F>(product) + F::BIAS - field::<F>(a) - field::<F>(b);
    (trailing_zeros::<F>(a) + trailing_zeros::<F>(b)) as i32 >= F::FRAC_BITS as i32 + carry
}

/// Whether x + y is `sum`, given that rounding it gives `sum` and neither is in the top binades.
#[inline(always)]
fn sum_is_exact<F: HostFormat>(x: F::Host, y: F::Host, sum: F::Host) -> bool {
    let y_part = sum - x;
    let x_part = sum - y_part;
    x - x_part == y_part - y
}

/// a + b. See [`crate::add`].
#[inline]
pub fn add<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    match host_sum::<F>(env, a, b) {
        Some(sum) => sum,
        None => crate::add::<F>(env, a, b),
    }
}

/// a - b. See [`crate::sub`].
#[inline]
pub fn sub<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    match host_sum::<F>(env, a, crate::neg::<F>(b)) {
        Some(difference) => difference,
        None => crate::sub::<F>(env, a, b),
    }
}

#[inline(always)]
fn host_sum<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> Option<F::Bits> {
    let (x, y) = (F::host(a), F::host(b));
    let (a, b) = (raw::<F>(a), raw::<F>(b));
    let sum = x + y;
    let r = raw::<F>(F::bits(sum));
    if !rounds_as_host(env) || is_denormal::<F>(a) || is_denormal::<F>(b) {
        return None;
    }
    if !is_safe::<F>(r, 1) && !is_zero::<F>(r) {
        return None;
    }
    if !env.flags.contains(Flags::INEXACT) {
        let top = F::EXP_FIELD_MAX as i32 - 2;
        if field::<F>(a).max(field::<F>(b)) >= top {
            return None;
        }
        if !sum_is_exact::<F>(x, y, sum) {
            env.raise(Flags::INEXACT);
        }
    }
    Some(F::bits(sum))
}

/// a * b. See [`crate::mul`].
#[inline]
pub fn mul<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let product = F::bits(F::host(a) * F::host(b));
    let (ra, rb, r) = (raw::<F>(a), raw::<F>(b), raw::<F>(product));
    if rounds_as_host(env) && !is_denormal::<F>(ra) && !is_denormal::<F>(rb) {
        if is_safe::<F>(r, 2) {
            if !env.flags.contains(Flags::INEXACT) && !product_is_exact::<F>(ra, rb, r) {
                env.raise(Flags::INEXACT);
            }
            return product;
        }
        // A zero factor: the other one is finite, or the product would be a NaN.
        if is_zero::<F>(r) && (is_zero::<F>(ra) || is_zero::<F>(rb)) {
            return product;
        }
    }
    crate::mul::<F>(env, a, b)
}

/// a / b. See [`crate::div`].
#[inline]
pub fn div<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    let (x, y) = (F::host(a), F::host(b));
    let quotient = x / y;
    let (ra, rb, r) = (raw::<F>(a), raw::<F>(b), raw::<F>(F::bits(quotient)));
    if rounds_as_host(env) && !is_denormal::<F>(ra) && !is_denormal::<F>(rb) {
        if is_safe::<F>(r, 2) {
            let exact = || quotient * y == x && product_is_exact::<F>(r, rb, ra);
            if !env.flags.contains(Flags::INEXACT) && !exact() {
                env.raise(Flags::INEXACT);
            }
            return F::bits(quotient);
        }
        // Zero divided by something that is not zero, or the quotient would be a NaN.
        if is_zero::<F>(r) && is_zero::<F>(ra) {
            return F::bits(quotient);
        }
    }
    crate::div::<F>(env, a, b)
}

/// Square root. See [`crate::sqrt`].
#[inline]
pub fn sqrt<F: HostFormat>(env: &mut FpEnv, a: F::Bits) -> F::Bits {
    let x = F::host(a);
    let root = F::root(x);
    let (ra, r) = (raw::<F>(a), raw::<F>(F::bits(root)));
    // The root of a positive normal number is far from both ends of the range.
    if rounds_as_host(env) && is_safe::<F>(ra, 1) && is_safe::<F>(r, 1) {
        let exact = || root * root == x && product_is_exact::<F>(r, r, ra);
        if !env.flags.contains(Flags::INEXACT) && !exact() {
            env.raise(Flags::INEXACT);
        }
        return F::bits(root);
    }
    crate::sqrt::<F>(env, a)
}

/// a * b + c with one rounding. See [`crate::mul_add`].
#[inline]
pub fn mul_add<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits, c: F::Bits) -> F::Bits {
    let (ra, rb, rc) = (raw::<F>(a), raw::<F>(b), raw::<F>(c));
    let denormal = is_denormal::<F>(ra) || is_denormal::<F>(rb) || is_denormal::<F>(rc);
    if rounds_as_host(env) && !denormal {
        let (x, y, z) = (F::host(a), F::host(b), F::host(c));
        let result = F::fused(x, y, z);
        let r = raw::<F>(F::bits(result));
        let settled = || env.flags.contains(Flags::INEXACT) || fused_is_exact::<F>((ra, rb), x * y, z, result);
        if is_safe::<F>(r, 2) && settled() {
            return F::bits(result);
        }
    }
    crate::mul_add::<F>(env, a, b, c)
}

/// Whether a * b + z is `result`, given that rounding it gives `result`, and that neither a, b, z nor
/// `result` is denormal or infinite. `false` also where this is not easily seen.
#[inline(always)]
fn fused_is_exact<F: HostFormat>(factors: (u64, u64), product: F::Host, z: F::Host, result: F::Host) -> bool {
    let (a, b) = factors;
    let (p, c) = (raw::<F>(F::bits(product)), raw::<F>(F::bits(z)));
    let top = F::EXP_FIELD_MAX as i32 - 2;
    let exact_product =
        if is_zero::<F>(a) || is_zero::<F>(b) { true } else { is_safe::<F>(p, 2) && product_is_exact::<F>(a, b, p) };
    exact_product && field::<F>(p).max(field::<F>(c)) < top && sum_is_exact::<F>(product, z, result)
}

/// Compares. See [`crate::compare`].
#[inline]
pub fn compare<F: HostFormat>(env: &mut FpEnv, a: F::Bits, b: F::Bits, signalling: bool) -> Relation {
    if !is_denormal::<F>(raw::<F>(a)) && !is_denormal::<F>(raw::<F>(b)) {
        match F::host(a).partial_cmp(&F::host(b)) {
            Some(Ordering::Less) => return Relation::Less,
            Some(Ordering::Equal) => return Relation::Equal,
            Some(Ordering::Greater) => return Relation::Greater,
            None => {}
        }
    }
    crate::compare::<F>(env, a, b, signalling)
}

/// Double to single precision. See [`crate::convert`].
#[inline]
pub fn f64_to_f32(env: &mut FpEnv, a: u64, rounding: Rounding) -> u32 {
    let x = f64::from_bits(a);
    let narrow = x as f32;
    let r = u64::from(narrow.to_bits());
    if is_zero::<F64>(a) {
        return narrow.to_bits();
    }
    if is_safe::<F32>(r, 2) {
        // A normal single comes from a normal double. Exact results suit every rounding.
        let exact = f64::from(narrow) == x;
        if exact {
            return narrow.to_bits();
        }
        if rounding == Rounding::NearestEven {
            env.raise(Flags::INEXACT);
            return narrow.to_bits();
        }
    }
    crate::convert::<F64, F32>(env, a, rounding)
}

/// Single to double precision, always exact. See [`crate::convert`].
#[inline]
pub fn f32_to_f64(env: &mut FpEnv, a: u32) -> u64 {
    let r = u64::from(a);
    if is_safe::<F32>(r, 1) || is_zero::<F32>(r) {
        return f64::from(f32::from_bits(a)).to_bits();
    }
    crate::convert::<F32, F64>(env, a, Rounding::NearestEven)
}

/// Rounds to an integer. See [`crate::round_to_int`].
#[inline]
pub fn round_to_int<F: HostFormat>(env: &mut FpEnv, a: F::Bits, rounding: Rounding, exact: bool) -> F::Bits {
    let r = raw::<F>(a);
    let exp = field::<F>(r) - F::BIAS;
    if exp < 0 || exp >= F::FRAC_BITS as i32 {
        return crate::round_to_int::<F>(env, a, rounding, exact);
    }
    // One unit of the whole part, and what lies below it; a carry moves into the exponent by itself.
    let unit = 1 << (F::FRAC_BITS as i32 - exp);
    let rest = r & (unit - 1);
    if rest == 0 {
        return a;
    }
    if exact {
        env.raise(Flags::INEXACT);
    }
    // In the lowest binade the bit above the fraction belongs to the exponent; the whole part is one.
    let odd = exp == 0 || r & unit != 0;
    let away = rounds_away(rounding, r & F::SIGN_BIT as u64 != 0, odd, rest.into(), (unit / 2).into());
    from_raw::<F>(r - rest + if away { unit } else { 0 })
}

/// Converts a * 2^`fbits` to an integer. See [`crate::to_int`].
#[inline]
pub fn to_int<F: HostFormat>(env: &mut FpEnv, a: F::Bits, to: IntType, fbits: u32, rounding: Rounding) -> u64 {
    match whole_inside::<F>(env, raw::<F>(a), to, fbits, rounding) {
        Some(value) => value,
        None => crate::to_int::<F>(env, a, to, fbits, rounding),
    }
}

/// The conversion of a number of at least one and less than half the type's range.
#[inline(always)]
fn whole_inside<F: HostFormat>(env: &mut FpEnv, r: u64, to: IntType, fbits: u32, rounding: Rounding) -> Option<u64> {
    let negative = r & F::SIGN_BIT as u64 != 0;
    let exp = field::<F>(r) - F::BIAS + fbits as i32;
    let inside = exp >= 0 && exp < to.bits as i32 - 2 && field::<F>(r) != 0 && (to.signed || !negative);
    if !inside {
        return is_zero::<F>(r).then_some(0);
    }
    let sig = r & F::FRAC_MASK as u64 | 1 << F::FRAC_BITS;
    let below = F::FRAC_BITS as i32 - exp;
    let magnitude = if below <= 0 {
        sig << -below
    } else {
        let (whole, rest) = (sig >> below, sig & ((1 << below) - 1));
        if rest != 0 {
            env.raise(Flags::INEXACT);
        }
        let away = rounds_away(rounding, negative, whole & 1 != 0, rest.into(), 1 << (below - 1));
        whole + u64::from(away)
    };
    let value = if negative { magnitude.wrapping_neg() } else { magnitude };
    Some(value & (u64::MAX >> (64 - to.bits)))
}

/// Converts an integer. See [`crate::from_int`].
#[inline]
pub fn from_int<F: HostFormat>(env: &mut FpEnv, value: u64, from: IntType, rounding: Rounding) -> F::Bits {
    let unused = 64 - from.bits;
    let extended = if from.signed { ((value << unused) as i64 >> unused) as u64 } else { value << unused >> unused };
    let magnitude = if from.signed { (extended as i64).unsigned_abs() } else { extended };
    let significant = 64 - magnitude.leading_zeros() as i32 - magnitude.trailing_zeros() as i32;
    let exact = significant <= F::FRAC_BITS as i32 + 1;
    if !exact {
        if rounding != Rounding::NearestEven {
            return crate::from_int::<F>(env, value, from, 0, rounding);
        }
        env.raise(Flags::INEXACT);
    }
    F::bits(if from.signed { F::from_i64(extended as i64) } else { F::from_u64(extended) })
}
