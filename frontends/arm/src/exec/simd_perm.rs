//! Advanced SIMD permutations and table lookup.

use super::simd_lanes::{Lane, Word, by_size, vectors};
use crate::sem::simd_perm::{PermuteOp, TableOp};
use brolga_core::Env;

/// ZIP1, ZIP2, UZP1, UZP2 of bytes to words.
pub extern "C" fn permute(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    by_size!(unsigned w.size(), T W => permute_lanes::<T, W, _, _, _>(env, w, PermuteOp::of(op)));
    0
}

/// Lanes of a type and of one twice as wide, which names the halves' lane count.
#[inline(never)]
fn permute_lanes<T, W, const N: usize, const H: usize, const Q: usize>(env: &mut Env, w: Word<false>, op: PermuteOp)
where
    T: Lane<N, H>,
    W: Lane<H, Q>,
{
    let (x, y) = (T::get(env, w.rn()), T::get(env, w.rm()));
    if w.q() {
        let r = match op {
            PermuteOp::Zip1 => std::array::from_fn(|i| [x, y][i % 2][i / 2]),
            PermuteOp::Zip2 => std::array::from_fn(|i| [x, y][i % 2][H + i / 2]),
            PermuteOp::Uzp1 => std::array::from_fn(|i| if i < H { x[2 * i] } else { y[2 * i - N] }),
            _ => std::array::from_fn(|i| if i < H { x[2 * i + 1] } else { y[2 * i + 1 - N] }),
        };
        T::put(env, w.rd(), r);
    } else {
        let r = match op {
            PermuteOp::Zip1 => std::array::from_fn(|i| [x, y][i % 2][i / 2]),
            PermuteOp::Zip2 => std::array::from_fn(|i| [x, y][i % 2][Q + i / 2]),
            PermuteOp::Uzp1 => std::array::from_fn(|i| if i < Q { x[2 * i] } else { y[2 * i - H] }),
            _ => std::array::from_fn(|i| if i < Q { x[2 * i + 1] } else { y[2 * i + 1 - H] }),
        };
        T::put_half(env, w.rd(), false, r);
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
