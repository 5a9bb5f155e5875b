//! SHA-512. FIPS 180-4; the pages of the Arm ARM are called as the instructions.

use crate::exec::simd_lanes::{Lane, Word, vectors};
use crate::sem::crypto::CryptoOp;
use brolga_core::Env;

/// One instruction of SHA-512.
pub extern "C" fn sha(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let (w, op) = (vectors(word), CryptoOp::of(op));
    match op {
        CryptoOp::Sha512h => doublewords(env, w, |d, n, m| {
            let sum = |x: u64| x.rotate_right(14) ^ x.rotate_right(18) ^ x.rotate_right(41);
            let high = choose64(m[1], n[0], n[1]).wrapping_add(sum(m[1])).wrapping_add(d[1]);
            let e = high.wrapping_add(m[0]);
            [choose64(e, m[1], n[0]).wrapping_add(sum(e)).wrapping_add(d[0]), high]
        }),
        CryptoOp::Sha512h2 => doublewords(env, w, |d, n, m| {
            let sum = |x: u64| x.rotate_right(28) ^ x.rotate_right(34) ^ x.rotate_right(39);
            let most = |a: u64, b: u64, c: u64| a & (b ^ c) ^ b & c;
            let high = most(n[0], m[1], m[0]).wrapping_add(sum(m[0])).wrapping_add(d[1]);
            [most(high, m[0], m[1]).wrapping_add(sum(high)).wrapping_add(d[0]), high]
        }),
        CryptoOp::Sha512su0 => doublewords(env, w, |d, n, _| {
            let sigma = |x: u64| x.rotate_right(1) ^ x.rotate_right(8) ^ x >> 7;
            [d[0].wrapping_add(sigma(d[1])), d[1].wrapping_add(sigma(n[0]))]
        }),
        CryptoOp::Sha512su1 => doublewords(env, w, |d, n, m| {
            let sigma = |x: u64| x.rotate_right(19) ^ x.rotate_right(61) ^ x >> 6;
            std::array::from_fn(|i| d[i].wrapping_add(sigma(n[i])).wrapping_add(m[i]))
        }),
        // The rest is written in IR or is another standard's.
        _ => {}
    }
    0
}

/// Vd = f(Vd, Vn, Vm) of words.
#[inline(always)]
pub fn words(env: &mut Env, w: Word<false>, f: impl Fn([u32; 4], [u32; 4], [u32; 4]) -> [u32; 4]) {
    let r = f(u32::get(env, w.rd()), u32::get(env, w.rn()), u32::get(env, w.rm()));
    u32::put(env, w.rd(), r);
}

/// Vd = f(Vd, Vn, Vm) of doublewords.
#[inline(always)]
fn doublewords(env: &mut Env, w: Word<false>, f: impl Fn([u64; 2], [u64; 2], [u64; 2]) -> [u64; 2]) {
    let r = f(u64::get(env, w.rd()), u64::get(env, w.rn()), u64::get(env, w.rm()));
    u64::put(env, w.rd(), r);
}

/// FIPS 180-4, Ch of 64-bit words.
#[inline(always)]
fn choose64(x: u64, y: u64, z: u64) -> u64 {
    x & (y ^ z) ^ z
}
