//! Integer Advanced SIMD of one source: "two-register miscellaneous" and "across lanes".

use super::simd_lanes::{Lane, Word, by_size, map1, narrow, saturate1, saturate3, vectors};
use crate::sem::simd_misc::{AcrossOp, MiscOp};
use brolga_core::Env;

/// One [`MiscOp`] operation that the IR cannot say in a few ops.
pub extern "C" fn two_misc(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match MiscOp::of(op) {
        MiscOp::Clz => by_size!(unsigned s, T => map1(env, w, |x: T| x.leading_zeros() as T)),
        MiscOp::Cls => by_size!(signed s, T => map1(env, w, |x: T| ((x ^ x >> 1).leading_zeros() - 1) as T)),
        MiscOp::Cnt => map1(env, w, ones),
        MiscOp::Rbit => map1(env, w, u8::reverse_bits),
        MiscOp::Sqabs => by_size!(signed s, T => saturate1(env, w, |x: T| (x.saturating_abs(), x == T::MIN))),
        MiscOp::Sqneg => by_size!(signed s, T => saturate1(env, w, |x: T| (x.saturating_neg(), x == T::MIN))),
        MiscOp::Suqadd => by_size!(mixed s, S U => saturate3(env, w, |d: S, x: U, _| {
            let (wrapped, over) = d.overflowing_add_unsigned(x);
            (if over { S::MAX } else { wrapped }, over)
        })),
        MiscOp::Usqadd => by_size!(mixed s, S U => saturate3(env, w, |d: U, x: S, _| {
            let (wrapped, over) = d.overflowing_add_signed(x);
            (if !over { wrapped } else if x < 0 { 0 } else { U::MAX }, over)
        })),
        MiscOp::Xtn => by_size!(unsigned s, T W => narrow(env, w, |x: W| (x as T, false))),
        MiscOp::Sqxtn => by_size!(signed s, T W => narrow(env, w, |x: W| {
            (x.clamp(T::MIN as W, T::MAX as W) as T, x as T as W != x)
        })),
        MiscOp::Uqxtn => by_size!(unsigned s, T W => narrow(env, w, |x: W| (x.min(T::MAX as W) as T, x > T::MAX as W))),
        MiscOp::Sqxtun => match s {
            0 => narrow(env, w, |x: i16| (x.clamp(0, u8::MAX as i16) as u8, x as u8 as i16 != x)),
            1 => narrow(env, w, |x: i32| (x.clamp(0, u16::MAX as i32) as u16, x as u16 as i32 != x)),
            _ => narrow(env, w, |x: i64| (x.clamp(0, u32::MAX as i64) as u32, x as u32 as i64 != x)),
        },
        MiscOp::Shll => by_size!(unsigned s, T W => widen(env, w, |x: T| (x as W) << T::BITS)),
        // The rest is written in IR.
        _ => {}
    }
    0
}

/// Ones of a byte, by sums in place.
#[inline(always)]
fn ones(x: u8) -> u8 {
    let x = x - (x >> 1 & 0x55);
    let x = (x & 0x33) + (x >> 2 & 0x33);
    (x + (x >> 4)) & 0x0f
}

/// Vd = f(half of Vn), in lanes twice as wide.
#[inline(never)]
pub fn widen<T, W, const N: usize, const H: usize, const Q: usize>(env: &mut Env, w: Word<false>, f: impl Fn(T) -> W)
where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let r = T::half(env, w.rn(), w.upper()).map(f);
    W::put(env, w.rd(), r);
}

/// An [`AcrossOp`] reduction.
pub extern "C" fn across(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match AcrossOp::of(op) {
        AcrossOp::Addv => by_size!(unsigned s, T => fold(env, w, |x: T, y: T| x.wrapping_add(y))),
        AcrossOp::Smaxv => by_size!(signed s, T => fold(env, w, |x: T, y: T| x.max(y))),
        AcrossOp::Sminv => by_size!(signed s, T => fold(env, w, |x: T, y: T| x.min(y))),
        AcrossOp::Umaxv => by_size!(unsigned s, T => fold(env, w, |x: T, y: T| x.max(y))),
        AcrossOp::Uminv => by_size!(unsigned s, T => fold(env, w, |x: T, y: T| x.min(y))),
        AcrossOp::Saddlv => by_size!(signed s, T W => sum(env, w, |x: T| x as W)),
        AcrossOp::Uaddlv => by_size!(unsigned s, T W => sum(env, w, |x: T| x as W)),
    }
    0
}

/// Vd = a lane, the rest zero.
#[inline(always)]
fn put_first<T: Lane<N, H>, const N: usize, const H: usize>(env: &mut Env, w: Word<false>, lane: T) {
    let mut lanes = [T::default(); N];
    lanes[0] = lane;
    T::put(env, w.rd(), lanes);
}

/// Vd = all lanes combined, halves first: f is commutative and associative.
#[inline(never)]
fn fold<T: Lane<N, H>, const N: usize, const H: usize>(env: &mut Env, w: Word<false>, f: impl Fn(T, T) -> T) {
    let x = T::half(env, w.rn(), false);
    let all = if w.q() {
        let y = T::half(env, w.rn(), true);
        std::array::from_fn(|i| f(x[i], y[i]))
    } else {
        x
    };
    let mut lanes = all.into_iter();
    let first = lanes.next().unwrap_or_default();
    put_first(env, w, lanes.fold(first, f));
}

/// Vd = the sum of all lanes, in a lane twice as wide.
#[inline(never)]
fn sum<T, W, const N: usize, const H: usize, const Q: usize>(env: &mut Env, w: Word<false>, extend: impl Fn(T) -> W)
where
    T: Lane<N, H>,
    W: Lane<H, Q> + std::iter::Sum,
{
    let low = T::half(env, w.rn(), false).map(&extend);
    let high = if w.q() { T::half(env, w.rn(), true).map(&extend) } else { [W::default(); H] };
    put_first::<W, _, _>(env, w, low.into_iter().chain(high).sum());
}
