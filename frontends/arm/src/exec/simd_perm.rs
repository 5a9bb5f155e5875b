//! Advanced SIMD permutations and table lookup.

use super::simd_lanes::{Lane, Word, by_size, vectors};
use crate::sem::simd_perm::{PermuteOp, TableOp};
use brolga_core::Env;

/// ZIP1, ZIP2, UZP1, UZP2 of bytes to words.
pub extern "C" fn permute(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    match PermuteOp::of(op) {
        PermuteOp::Zip1 => by_size!(unsigned w.size(), T => interleave::<T, _, _, false>(env, w)),
        PermuteOp::Zip2 => by_size!(unsigned w.size(), T => interleave::<T, _, _, true>(env, w)),
        PermuteOp::Uzp1 => by_size!(unsigned w.size(), T => deinterleave::<T, _, _, false>(env, w)),
        PermuteOp::Uzp2 => by_size!(unsigned w.size(), T => deinterleave::<T, _, _, true>(env, w)),
        // TRN1 and TRN2 are written in IR.
        _ => {}
    }
    0
}

/// The lower or upper halves of Vn and Vm, their lanes alternating.
#[inline(never)]
fn interleave<T: Lane<N, H>, const N: usize, const H: usize, const UPPER: bool>(env: &mut Env, w: Word<false>) {
    let (x, y) = (T::get(env, w.rn()), T::get(env, w.rm()));
    let alternate = |i: usize, first: usize| if i.is_multiple_of(2) { x[first + i / 2] } else { y[first + i / 2] };
    if w.q() {
        let first = if UPPER { N / 2 } else { 0 };
        T::put(env, w.rd(), std::array::from_fn(|i| alternate(i, first)));
    } else {
        let first = if UPPER { H / 2 } else { 0 };
        T::put_half(env, w.rd(), false, std::array::from_fn(|i| alternate(i, first)));
    }
}

/// The even or odd lanes of Vn, then those of Vm.
#[inline(never)]
fn deinterleave<T: Lane<N, H>, const N: usize, const H: usize, const ODD: bool>(env: &mut Env, w: Word<false>) {
    let (x, y) = (T::get(env, w.rn()), T::get(env, w.rm()));
    let every_other =
        |i: usize, half: usize| if i < half { x[2 * i + ODD as usize] } else { y[2 * (i - half) + ODD as usize] };
    if w.q() {
        T::put(env, w.rd(), std::array::from_fn(|i| every_other(i, N / 2)));
    } else {
        T::put_half(env, w.rd(), false, std::array::from_fn(|i| every_other(i, H / 2)));
    }
}

/// TBL, TBX.
pub extern "C" fn table(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let registers = (word >> 13 & 3) + 1;
    let mut bytes = [0; 64];
    for (k, row) in (0..registers).zip(bytes.as_chunks_mut::<16>().0) {
        *row = u8::get(env, w.rn() + k);
    }
    let index = u8::get(env, w.rm());
    let default = if TableOp::of(op) == TableOp::Tbx { u8::get(env, w.rd()) } else { [0; 16] };
    let size = 16 * registers as u8;
    let found = |i: usize| if index[i] < size { bytes[index[i] as usize % 64] } else { default[i] };
    if w.q() {
        u8::put(env, w.rd(), std::array::from_fn(found));
    } else {
        u8::put_half(env, w.rd(), false, std::array::from_fn(found));
    }
    0
}
