//! Integer Advanced SIMD of two sources, also by element: "three same", "three-register extension",
//! "three different" and "x indexed element".

use super::simd_lanes::{Lane, Word, by_size, map2, saturate2, saturate3, vectors};
use crate::sem::simd_three::{DotOp, ThreeOp};
use brolga_core::Env;

/// One [`ThreeOp`] operation that the IR cannot say in a few ops.
pub extern "C" fn three_same(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match ThreeOp::of(op) {
        ThreeOp::Sshl => by_size!(signed s, T => map2(env, w, |x: T, y: T| shift_left!(T, x, y, false))),
        ThreeOp::Ushl => by_size!(unsigned s, T => map2(env, w, |x: T, y: T| shift_left!(T, x, y, false))),
        ThreeOp::Srshl => by_size!(signed s, T => map2(env, w, |x: T, y: T| shift_left!(T, x, y, true))),
        ThreeOp::Urshl => by_size!(unsigned s, T => map2(env, w, |x: T, y: T| shift_left!(T, x, y, true))),
        ThreeOp::Sqshl => {
            by_size!(signed s, T => saturate2(env, w, |x: T, y: T| shift_saturate!(T, x, y, false)))
        }
        ThreeOp::Uqshl => {
            by_size!(unsigned s, T => saturate2(env, w, |x: T, y: T| shift_saturate!(T, x, y, false)))
        }
        ThreeOp::Sqrshl => {
            by_size!(signed s, T => saturate2(env, w, |x: T, y: T| shift_saturate!(T, x, y, true)))
        }
        ThreeOp::Uqrshl => {
            by_size!(unsigned s, T => saturate2(env, w, |x: T, y: T| shift_saturate!(T, x, y, true)))
        }
        ThreeOp::Pmul => map2(env, w, |x: u8, y: u8| carryless(x, y) as u8),
        op => high_products(env, w, op),
    }
    0
}

/// SQDMULH and its kin by element.
pub extern "C" fn three_elem(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    high_products(env, Word::<true>(word), ThreeOp::of(op));
    0
}

#[inline(always)]
fn high_products<const E: bool>(env: &mut Env, w: Word<E>, op: ThreeOp) {
    let s = w.size();
    match op {
        ThreeOp::Sqrdmlah => by_size!(signed s, T W => saturate3(env, w, |d: T, x: T, y: T| {
            high_half!(T W, ((d as W) << (T::BITS - 1)) + x as W * y as W + (1 << (T::BITS - 2)))
        })),
        ThreeOp::Sqrdmlsh => by_size!(signed s, T W => saturate3(env, w, |d: T, x: T, y: T| {
            high_half!(T W, ((d as W) << (T::BITS - 1)) - x as W * y as W + (1 << (T::BITS - 2)))
        })),
        // The rest is written in IR.
        _ => {}
    }
}

/// x shifted left by a signed amount, right if it is negative. Arm ARM, "SSHL" and its neighbours.
macro_rules! shift_left {
    ($t:ident, $x:expr, $n:expr, $round:expr) => {{
        // The amount is the low byte.
        let (x, n) = ($x, $n as i8 as i32);
        if n >= $t::BITS as i32 {
            0
        } else if n >= 0 {
            x << n
        } else {
            shift_right!($t, x, -n as u32, $round)
        }
    }};
}
use shift_left;

/// x shifted right by 1..=128.
macro_rules! shift_right {
    ($t:ident, $x:expr, $n:expr, $round:expr) => {{
        let (x, n) = ($x, $n);
        // Beyond the width only copies of the sign are left, and rounding cancels these.
        let bit = if $round && n <= $t::BITS { x >> (n - 1) & 1 } else { 0 };
        let beyond = if $round && n > $t::BITS { 0 } else { x >> ($t::BITS - 1) >> 1 };
        (if n < $t::BITS { x >> n } else { beyond }).wrapping_add(bit)
    }};
}
use shift_right;

/// As `shift_left`, with the saturated result and whether it saturated.
macro_rules! shift_saturate {
    ($t:ident, $x:expr, $n:expr, $round:expr) => {{
        // The amount is the low byte.
        let (x, n) = ($x, $n as i8 as i32);
        if n < 0 { (shift_right!($t, x, -n as u32, $round), false) } else { left_saturate!($t, x, n as u32) }
    }};
}
use shift_saturate;

/// x shifted left by any amount, saturated, and whether it saturated.
macro_rules! left_saturate {
    ($t:ident, $x:expr, $n:expr) => {{
        let (x, n): ($t, u32) = ($x, $n);
        if x == 0 || (n < $t::BITS && x << n >> n == x) {
            (x << (n % $t::BITS), false)
        } else {
            // Signed: the most positive or most negative; unsigned: all ones.
            (if x > 0 { $t::MAX } else { $t::MIN }, true)
        }
    }};
}
use left_saturate;

/// Product of polynomials over {0, 1}.
#[inline(always)]
fn carryless(x: u8, y: u8) -> u16 {
    (0..8).fold(0, |r, i| r ^ ((x as u16) << i) & (y as u16 >> i & 1).wrapping_neg())
}

/// The high half of twice a number, saturated: the number halved before and after is the same and fits.
macro_rules! high_half {
    ($t:ident $w:ident, $x:expr) => {{
        let r: $w = ($x) >> ($t::BITS - 1);
        (r.clamp($t::MIN as $w, $t::MAX as $w) as $t, r != r as $t as $w)
    }};
}
use high_half;

/// PMULL, PMULL2 of bytes.
pub extern "C" fn pmull8(env: &mut Env, word: u64, _: u64, _: u64) -> u64 {
    let w = vectors(word);
    let (x, y) = (u8::half(env, w.rn(), w.q()), u8::half(env, w.rm(), w.q()));
    u16::put(env, w.rd(), std::array::from_fn(|i| carryless(x[i], y[i])));
    0
}

/// SMMLA, UMMLA, USMMLA: the 2x2 words of Vd gain the product of the 2x8 bytes of Vn and the 8x2 of Vm.
pub extern "C" fn matrix(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let (x, y) = (u8::get(env, w.rn()), u8::get(env, w.rm()));
    match DotOp::of(op) {
        DotOp::Smmla => products(env, w, |i, k| x[i] as i8 as i32 * y[k] as i8 as i32),
        DotOp::Ummla => products(env, w, |i, k| x[i] as i32 * y[k] as i32),
        _ => products(env, w, |i, k| x[i] as i32 * y[k] as i8 as i32),
    }
    0
}

#[inline(always)]
fn products(env: &mut Env, w: Word<false>, product: impl Fn(usize, usize) -> i32) {
    let d = i32::get(env, w.rd());
    let r = std::array::from_fn(|c| {
        let (row, column) = (c / 2 * 8, c % 2 * 8);
        d[c].wrapping_add((0..8).map(|k| product(row + k, column + k)).sum())
    });
    i32::put(env, w.rd(), r);
}
