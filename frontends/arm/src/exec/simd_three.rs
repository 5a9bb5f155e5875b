//! Integer Advanced SIMD of two sources, also by element: "three same", "three-register extension",
//! "three different" and "x indexed element".

use super::simd_lanes::{Lane, Word, all, by_size, map2, saturate2, saturate3, saturated, vectors};
use crate::sem::simd_three::{DiffOp, DotOp, ThreeOp};
use brolga_core::Env;

/// One [`ThreeOp`] operation that the IR cannot say in a few ops.
pub extern "C" fn three_same(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match ThreeOp::of(op) {
        ThreeOp::Shsub => {
            by_size!(signed s, T => map2(env, w, |x: T, y: T| (x >> 1).wrapping_sub(y >> 1).wrapping_sub(!x & y & 1)))
        }
        ThreeOp::Uhsub => {
            by_size!(unsigned s, T => map2(env, w, |x: T, y: T| (x >> 1).wrapping_sub(y >> 1).wrapping_sub(!x & y & 1)))
        }
        ThreeOp::Sqadd => {
            by_size!(signed s, T => saturate2(env, w, |x: T, y: T| saturating!(x, saturating_add, wrapping_add, y)))
        }
        ThreeOp::Uqadd => {
            by_size!(unsigned s, T => saturate2(env, w, |x: T, y: T| saturating!(x, saturating_add, wrapping_add, y)))
        }
        ThreeOp::Sqsub => {
            by_size!(signed s, T => saturate2(env, w, |x: T, y: T| saturating!(x, saturating_sub, wrapping_sub, y)))
        }
        ThreeOp::Uqsub => {
            by_size!(unsigned s, T => saturate2(env, w, |x: T, y: T| saturating!(x, saturating_sub, wrapping_sub, y)))
        }
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
        ThreeOp::Smaxp => by_size!(signed s, T => pairs(env, w, |x: T, y: T| x.max(y))),
        ThreeOp::Umaxp => by_size!(unsigned s, T => pairs(env, w, |x: T, y: T| x.max(y))),
        ThreeOp::Sminp => by_size!(signed s, T => pairs(env, w, |x: T, y: T| x.min(y))),
        ThreeOp::Uminp => by_size!(unsigned s, T => pairs(env, w, |x: T, y: T| x.min(y))),
        ThreeOp::Addp => by_size!(unsigned s, T => pairs(env, w, |x: T, y: T| x.wrapping_add(y))),
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
        ThreeOp::Sqdmulh => by_size!(signed s, T W => saturate2(env, w, |x: T, y: T| high_half!(T W, x as W * y as W))),
        ThreeOp::Sqrdmulh => by_size!(signed s, T W => saturate2(env, w, |x: T, y: T| {
            high_half!(T W, x as W * y as W + (1 << (T::BITS - 2)))
        })),
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

/// A saturated result, and whether it is not the wrapped one.
macro_rules! saturating {
    ($x:expr, $saturating:ident, $wrapping:ident, $y:expr) => {{
        let (x, y) = ($x, $y);
        (x.$saturating(y), x.$saturating(y) != x.$wrapping(y))
    }};
}
use saturating;

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
pub(super) use left_saturate;

/// Adjacent lanes of Vn, then of Vm, combined.
#[inline(never)]
fn pairs<T: Lane<N, H>, const N: usize, const H: usize>(env: &mut Env, w: Word<false>, f: impl Fn(T, T) -> T) {
    let (x, y) = (T::get(env, w.rn()), T::get(env, w.rm()));
    let half = |v: [T; N]| -> [T; H] { std::array::from_fn(|i| f(v[2 * i], v[2 * i + 1])) };
    let (x, y) = (half(x), half(y));
    if w.q() {
        T::put(env, w.rd(), std::array::from_fn(|i| if i < H { x[i] } else { y[i - H] }));
    } else {
        let r = std::array::from_fn(|i| if i < H / 2 { x[i] } else { y[i - H / 2] });
        T::put_half(env, w.rd(), false, r);
    }
}

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

/// One [`DiffOp`] operation.
pub extern "C" fn three_diff(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match DiffOp::of(op) {
        DiffOp::Saddl => by_size!(signed s, T W => long(env, w, |x: T, y: T| x as W + y as W)),
        DiffOp::Uaddl => by_size!(unsigned s, T W => long(env, w, |x: T, y: T| x as W + y as W)),
        DiffOp::Ssubl => by_size!(signed s, T W => long(env, w, |x: T, y: T| x as W - y as W)),
        DiffOp::Usubl => by_size!(unsigned s, T W => long(env, w, |x: T, y: T| (x as W).wrapping_sub(y as W))),
        DiffOp::Sabdl => by_size!(signed s, T W => long(env, w, |x: T, y: T| (x as W - y as W).abs())),
        DiffOp::Uabdl => by_size!(unsigned s, T W => long(env, w, |x: T, y: T| x.max(y) as W - x.min(y) as W)),
        DiffOp::Pmull => long(env, w, carryless),
        DiffOp::Saddw => by_size!(signed s, T W => wide(env, w, |x: W, y: T| x.wrapping_add(y as W))),
        DiffOp::Uaddw => by_size!(unsigned s, T W => wide(env, w, |x: W, y: T| x.wrapping_add(y as W))),
        DiffOp::Ssubw => by_size!(signed s, T W => wide(env, w, |x: W, y: T| x.wrapping_sub(y as W))),
        DiffOp::Usubw => by_size!(unsigned s, T W => wide(env, w, |x: W, y: T| x.wrapping_sub(y as W))),
        DiffOp::Sabal => {
            by_size!(signed s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_add((x as W - y as W).abs())))
        }
        DiffOp::Uabal => {
            by_size!(unsigned s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_add(x.max(y) as W - x.min(y) as W)))
        }
        DiffOp::Addhn => by_size!(unsigned s, T W => high(env, w, |x: W, y: W| (x.wrapping_add(y) >> T::BITS) as T)),
        DiffOp::Subhn => by_size!(unsigned s, T W => high(env, w, |x: W, y: W| (x.wrapping_sub(y) >> T::BITS) as T)),
        DiffOp::Raddhn => by_size!(unsigned s, T W => high(env, w, |x: W, y: W| {
            (x.wrapping_add(y).wrapping_add(1 << (T::BITS - 1)) >> T::BITS) as T
        })),
        DiffOp::Rsubhn => by_size!(unsigned s, T W => high(env, w, |x: W, y: W| {
            (x.wrapping_sub(y).wrapping_add(1 << (T::BITS - 1)) >> T::BITS) as T
        })),
        op => long_products(env, w, op),
    }
    0
}

/// SMULL and its kin by element.
pub extern "C" fn diff_elem(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    long_products(env, Word::<true>(word), DiffOp::of(op));
    0
}

#[inline(always)]
fn long_products<const E: bool>(env: &mut Env, w: Word<E>, op: DiffOp) {
    let s = w.size();
    match op {
        DiffOp::Smull => by_size!(signed s, T W => long(env, w, |x: T, y: T| x as W * y as W)),
        DiffOp::Umull => by_size!(unsigned s, T W => long(env, w, |x: T, y: T| x as W * y as W)),
        DiffOp::Smlal => {
            by_size!(signed s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_add(x as W * y as W)))
        }
        DiffOp::Umlal => {
            by_size!(unsigned s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_add(x as W * y as W)))
        }
        DiffOp::Smlsl => {
            by_size!(signed s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_sub(x as W * y as W)))
        }
        DiffOp::Umlsl => {
            by_size!(unsigned s, T W => long_accumulate(env, w, |d: W, x: T, y: T| d.wrapping_sub(x as W * y as W)))
        }
        DiffOp::Sqdmull => by_size!(signed s, T W => long_saturate(env, w, |_: W, x: T, y: T| twice!(x as W * y as W))),
        DiffOp::Sqdmlal => by_size!(signed s, T W => long_saturate(env, w, |d: W, x: T, y: T| {
            let (p, s) = twice!(x as W * y as W);
            let (r, t) = saturating!(d, saturating_add, wrapping_add, p);
            (r, s | t)
        })),
        DiffOp::Sqdmlsl => by_size!(signed s, T W => long_saturate(env, w, |d: W, x: T, y: T| {
            let (p, s) = twice!(x as W * y as W);
            let (r, t) = saturating!(d, saturating_sub, wrapping_sub, p);
            (r, s | t)
        })),
        // Not products.
        _ => {}
    }
}

/// A product doubled, and whether that saturated.
macro_rules! twice {
    ($product:expr) => {{
        let p = $product;
        saturating!(p, saturating_add, wrapping_add, p)
    }};
}
use twice;

/// Vd = f(half of Vn, half of Vm), in lanes twice as wide.
#[inline(never)]
fn long<T, W, const N: usize, const H: usize, const Q: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(T, T) -> W,
) where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (T::half(env, w.rn(), w.upper()), w.second_half(env));
    W::put(env, w.rd(), std::array::from_fn(|i| f(x[i], y[i])));
}

/// Vd = f(Vn, half of Vm).
#[inline(never)]
fn wide<T, W, const N: usize, const H: usize, const Q: usize>(env: &mut Env, w: Word<false>, f: impl Fn(W, T) -> W)
where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (W::get(env, w.rn()), T::half(env, w.rm(), w.upper()));
    W::put(env, w.rd(), std::array::from_fn(|i| f(x[i], y[i])));
}

/// Vd = f(Vd, half of Vn, half of Vm).
#[inline(never)]
fn long_accumulate<T, W, const N: usize, const H: usize, const Q: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(W, T, T) -> W,
) where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (T::half(env, w.rn(), w.upper()), w.second_half(env));
    let d = W::get(env, w.rd());
    W::put(env, w.rd(), std::array::from_fn(|i| f(d[i], x[i], y[i])));
}

/// As `long_accumulate`, saturating, also scalar.
#[inline(never)]
fn long_saturate<T, W, const N: usize, const H: usize, const Q: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(W, T, T) -> (W, bool),
) where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (T::half(env, w.rn(), w.upper()), w.second_half(env));
    let d = W::get(env, w.rd());
    let (r, any) = if w.scalar() {
        let (r, s) = f(d[0], x[0], y[0]);
        let mut lanes = [W::default(); H];
        lanes[0] = r;
        (lanes, s)
    } else {
        all(d, x, y, f)
    };
    W::put(env, w.rd(), r);
    saturated(env, any);
}

/// Half of Vd = f(Vn, Vm), from lanes twice as wide.
#[inline(never)]
fn high<T, W, const N: usize, const H: usize, const Q: usize>(env: &mut Env, w: Word<false>, f: impl Fn(W, W) -> T)
where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (W::get(env, w.rn()), W::get(env, w.rm()));
    T::put_half(env, w.rd(), w.upper(), std::array::from_fn(|i| f(x[i], y[i])));
}

/// PMULL, PMULL2 of doublewords.
pub extern "C" fn pmull64(env: &mut Env, word: u64, _: u64, _: u64) -> u64 {
    let w = vectors(word);
    let ([x], [y]) = (u64::half(env, w.rn(), w.q()), u64::half(env, w.rm(), w.q()));
    let r = carryless64(x, y);
    u64::put(env, w.rd(), [r as u64, (r >> 64) as u64]);
    0
}

/// Product of polynomials over {0, 1}, by integer products of every fifth bit: at most 13 bits meet
/// in one place of a product, so that carries end in the gap and the lowest bit of a place is its parity.
pub fn carryless64(x: u64, y: u64) -> u128 {
    const FIFTHS: u128 = 0x2108_4210_8421_0842_1084_2108_4210_8421;
    let part = |v: u64, i: usize| v & (FIFTHS << i) as u64;
    let xs: [u64; 5] = std::array::from_fn(|i| part(x, i));
    let ys: [u64; 5] = std::array::from_fn(|i| part(y, i));
    (0..5).fold(0, |r, k| {
        let sum = (0..5).fold(0, |s, i| s ^ (xs[i] as u128 * ys[(k + 5 - i) % 5] as u128));
        r | sum & (FIFTHS << k)
    })
}

/// A [`DotOp`] product: each word of Vd gains the products of four bytes.
pub extern "C" fn dot<const E: bool>(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = Word::<E>(word);
    let (x, y) = (u8::get(env, w.rn()), w.second_quads(env));
    match DotOp::of(op) {
        DotOp::Sdot => quads(env, w, |i| x[i] as i8 as i32 * y[i] as i8 as i32),
        DotOp::Udot => quads(env, w, |i| x[i] as i32 * y[i] as i32),
        DotOp::Usdot => quads(env, w, |i| x[i] as i32 * y[i] as i8 as i32),
        DotOp::Sudot => quads(env, w, |i| x[i] as i8 as i32 * y[i] as i32),
        // Matrices: see `matrix`.
        _ => {}
    }
    0
}

#[inline(never)]
fn quads<const E: bool>(env: &mut Env, w: Word<E>, product: impl Fn(usize) -> i32) {
    let d = i32::get(env, w.rd());
    let r = std::array::from_fn(|i| d[i].wrapping_add((4 * i..4 * i + 4).map(&product).sum()));
    i32::put(env, w.rd(), r);
    if !w.q() {
        i32::put_half(env, w.rd(), true, [0; 2]);
    }
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
