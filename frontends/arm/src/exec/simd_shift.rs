//! Advanced SIMD shifts by an immediate that saturate, narrow or widen.

use super::simd_lanes::{by_size, narrow, saturate1, vectors};
use super::simd_misc::widen;
use super::simd_three::left_saturate;
use crate::sem::simd_shift::ShiftOp;
use brolga_core::Env;

/// `immh:immb`, and the lane size that its highest bit gives: the narrow size where sizes differ.
#[inline(always)]
fn decode(word: u64) -> (u32, u32) {
    let imm = (word >> 16 & 127) as u32;
    (imm, (imm | 8).ilog2() - 3)
}

/// SQSHL, SQSHLU, UQSHL (immediate).
pub extern "C" fn shift_saturate_imm(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let (imm, s) = decode(word);
    let n = imm - (8 << s);
    match ShiftOp::of(op) {
        ShiftOp::Sqshl => by_size!(signed s, T => saturate1(env, w, |x: T| left_saturate!(T, x, n))),
        ShiftOp::Uqshl => by_size!(unsigned s, T => saturate1(env, w, |x: T| left_saturate!(T, x, n))),
        // SQSHLU: negative numbers saturate to 0.
        _ => by_size!(mixed s, S U => saturate1(env, w, |x: U| {
            if (x as S) < 0 { (0, true) } else { left_saturate!(U, x, n) }
        })),
    }
    0
}

/// x shifted right by n, 0 < n < the width, rounded.
macro_rules! rounded {
    ($x:expr, $n:expr) => {
        ($x >> $n) + ($x >> ($n - 1) & 1)
    };
}

/// A number in the range of a narrower type, and whether it was outside.
macro_rules! clamped {
    ($t:ident $w:ident, $x:expr) => {{
        let x: $w = $x;
        (x.clamp($t::MIN as $w, $t::MAX as $w) as $t, x as $t as $w != x)
    }};
}

/// SHRN, RSHRN and their saturating kin.
pub extern "C" fn shift_narrow(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let (imm, s) = decode(word);
    let n = (16 << s) - imm;
    match ShiftOp::of(op) {
        ShiftOp::Shrn => by_size!(unsigned s, T W => narrow(env, w, |x: W| ((x >> n) as T, false))),
        ShiftOp::Rshrn => by_size!(unsigned s, T W => narrow(env, w, |x: W| (rounded!(x, n) as T, false))),
        ShiftOp::Sqshrn => by_size!(signed s, T W => narrow(env, w, |x: W| clamped!(T W, x >> n))),
        ShiftOp::Sqrshrn => by_size!(signed s, T W => narrow(env, w, |x: W| clamped!(T W, rounded!(x, n)))),
        ShiftOp::Uqshrn => by_size!(unsigned s, T W => narrow(env, w, |x: W| clamped!(T W, x >> n))),
        ShiftOp::Uqrshrn => by_size!(unsigned s, T W => narrow(env, w, |x: W| clamped!(T W, rounded!(x, n)))),
        ShiftOp::Sqshrun => match s {
            0 => narrow(env, w, |x: i16| clamped!(u8 i16, x >> n)),
            1 => narrow(env, w, |x: i32| clamped!(u16 i32, x >> n)),
            _ => narrow(env, w, |x: i64| clamped!(u32 i64, x >> n)),
        },
        _ => match s {
            0 => narrow(env, w, |x: i16| clamped!(u8 i16, rounded!(x, n))),
            1 => narrow(env, w, |x: i32| clamped!(u16 i32, rounded!(x, n))),
            _ => narrow(env, w, |x: i64| clamped!(u32 i64, rounded!(x, n))),
        },
    }
    0
}

/// SSHLL, USHLL.
pub extern "C" fn shift_long(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let (imm, s) = decode(word);
    let n = imm - (8 << s);
    if ShiftOp::of(op) == ShiftOp::Sshll {
        by_size!(signed s, T W => widen(env, w, |x: T| (x as W) << n));
    } else {
        by_size!(unsigned s, T W => widen(env, w, |x: T| (x as W) << n));
    }
    0
}
