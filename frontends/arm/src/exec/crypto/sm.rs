//! SM3 and SM4. GB/T 32905 and GB/T 32907; the pages of the Arm ARM are called as the instructions.

use super::field::inverses;
use super::sha::words;
use crate::exec::simd_lanes::{Lane, vectors};
use crate::sem::crypto::CryptoOp;
use brolga_core::Env;

/// The SM4 box: an affine map before and after the inverse.
static SUB: [u8; 256] = {
    let inverse = inverses(0x1f5);
    let mut table = [0; 256];
    let mut x = 0;
    while x < 256 {
        table[x] = affine(inverse[affine(x as u8) as usize]);
        x += 1;
    }
    table
};

/// Bit i is the parity of the bits that a mask, rotated by i, selects.
const fn affine(x: u8) -> u8 {
    let mut r = 0;
    let mut i = 0;
    while i < 8 {
        r |= ((x & 0xa7u8.rotate_left(i)).count_ones() as u8 & 1) << i;
        i += 1;
    }
    r ^ 0xd3
}

/// One SM3 or SM4 instruction.
pub extern "C" fn sm(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let w = vectors(word);
    let parity = |x: u32, y: u32, z: u32| x ^ y ^ z;
    match CryptoOp::of(op) {
        CryptoOp::Sm3partw1 => words(env, w, |d, n, m| {
            let x: [u32; 4] = std::array::from_fn(|i| d[i] ^ n[i] ^ if i < 3 { m[i + 1].rotate_left(15) } else { 0 });
            let r = x.map(permute1);
            [r[0], r[1], r[2], permute1(x[3] ^ r[0].rotate_left(15))]
        }),
        CryptoOp::Sm3partw2 => words(env, w, |d, n, m| {
            let t: [u32; 4] = std::array::from_fn(|i| n[i] ^ m[i].rotate_left(7));
            [d[0] ^ t[0], d[1] ^ t[1], d[2] ^ t[2], d[3] ^ t[3] ^ permute1(t[0].rotate_left(15))]
        }),
        CryptoOp::Sm3ss1 => {
            let a = u32::get(env, word >> 10);
            words(env, w, |_, n, m| {
                [0, 0, 0, n[3].rotate_left(12).wrapping_add(m[3]).wrapping_add(a[3]).rotate_left(7)]
            });
        }
        CryptoOp::Sm3tt1a => words(env, w, |d, n, m| sm3_tt1(d, n, m[lane(word)], parity)),
        CryptoOp::Sm3tt1b => words(env, w, |d, n, m| sm3_tt1(d, n, m[lane(word)], |x, y, z| x & (y | z) | y & z)),
        CryptoOp::Sm3tt2a => words(env, w, |d, n, m| sm3_tt2(d, n, m[lane(word)], parity)),
        CryptoOp::Sm3tt2b => words(env, w, |d, n, m| sm3_tt2(d, n, m[lane(word)], |x, y, z| x & (y ^ z) ^ z)),
        CryptoOp::Sm4e => words(env, w, |d, n, _| {
            sm4_rounds(d, n, |x| x ^ x.rotate_left(2) ^ x.rotate_left(10) ^ x.rotate_left(18) ^ x.rotate_left(24))
        }),
        CryptoOp::Sm4ekey => {
            words(env, w, |_, n, m| sm4_rounds(n, m, |x| x ^ x.rotate_left(13) ^ x.rotate_left(23)));
        }
        // The rest is written in IR or is another standard's.
        _ => {}
    }
    0
}

/// The `imm2` field.
#[inline(always)]
fn lane(word: u64) -> usize {
    (word >> 12 & 3) as usize
}

/// GB/T 32905, P1.
#[inline(always)]
fn permute1(x: u32) -> u32 {
    x ^ x.rotate_left(15) ^ x.rotate_left(23)
}

/// The a..d half of an SM3 round; the newest word is the highest.
#[inline(always)]
fn sm3_tt1(d: [u32; 4], n: [u32; 4], w: u32, f: impl Fn(u32, u32, u32) -> u32) -> [u32; 4] {
    let ss2 = n[3] ^ d[3].rotate_left(12);
    let t = f(d[3], d[2], d[1]).wrapping_add(d[0]).wrapping_add(ss2).wrapping_add(w);
    [d[1], d[2].rotate_left(9), d[3], t]
}

/// The e..h half of an SM3 round.
#[inline(always)]
fn sm3_tt2(d: [u32; 4], n: [u32; 4], w: u32, f: impl Fn(u32, u32, u32) -> u32) -> [u32; 4] {
    let t = f(d[3], d[2], d[1]).wrapping_add(d[0]).wrapping_add(n[3]).wrapping_add(w);
    [d[1], d[2].rotate_left(19), d[3], t ^ t.rotate_left(9) ^ t.rotate_left(17)]
}

/// Four rounds of SM4 or of its key schedule, told apart by the linear map.
#[inline(always)]
fn sm4_rounds(mut x: [u32; 4], keys: [u32; 4], linear: impl Fn(u32) -> u32) -> [u32; 4] {
    for key in keys {
        let bytes = (x[1] ^ x[2] ^ x[3] ^ key).to_le_bytes().map(|b| SUB[b as usize]);
        x = [x[1], x[2], x[3], x[0] ^ linear(u32::from_le_bytes(bytes))];
    }
    x
}
