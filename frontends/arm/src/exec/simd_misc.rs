//! Integer Advanced SIMD of one source: "two-register miscellaneous".

use super::simd_lanes::{by_size, map1, saturate3, vectors};
use crate::sem::simd_misc::MiscOp;
use brolga_core::Env;

/// One [`MiscOp`] operation that the IR cannot say in a few ops.
pub extern "C" fn two_misc(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let s = w.size();
    match MiscOp::of(op) {
        MiscOp::Clz => by_size!(unsigned s, T => map1(env, w, |x: T| x.leading_zeros() as T)),
        MiscOp::Cls => by_size!(signed s, T => map1(env, w, |x: T| ((x ^ x >> 1).leading_zeros() - 1) as T)),
        MiscOp::Suqadd => by_size!(mixed s, S U => saturate3(env, w, |d: S, x: U, _| {
            let (wrapped, over) = d.overflowing_add_unsigned(x);
            (if over { S::MAX } else { wrapped }, over)
        })),
        MiscOp::Usqadd => by_size!(mixed s, S U => saturate3(env, w, |d: U, x: S, _| {
            let (wrapped, over) = d.overflowing_add_signed(x);
            (if !over { wrapped } else if x < 0 { 0 } else { U::MAX }, over)
        })),
        // The rest is written in IR.
        _ => {}
    }
    0
}
