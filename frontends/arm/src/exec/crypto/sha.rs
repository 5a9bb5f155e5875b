//! SHA-1, SHA-256 and SHA-512. FIPS 180-4; the pages of the Arm ARM are called as the instructions.

use super::host;
use crate::exec::simd_lanes::{Lane, Word, vectors};
use crate::sem::crypto::CryptoOp;
use brolga_core::Env;

/// One SHA instruction.
pub extern "C" fn sha(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let (w, op) = (vectors(word), CryptoOp::of(op));
    if !host::sha(env, w, op) {
        software(env, w, op);
    }
    0
}

/// The same by arithmetic.
pub(super) fn software(env: &mut Env, w: Word<false>, op: CryptoOp) {
    match op {
        CryptoOp::Sha1c => words(env, w, |d, n, m| sha1_rounds(d, n[0], m, choose)),
        CryptoOp::Sha1p => words(env, w, |d, n, m| sha1_rounds(d, n[0], m, |b, c, d| b ^ c ^ d)),
        CryptoOp::Sha1m => words(env, w, |d, n, m| sha1_rounds(d, n[0], m, majority)),
        CryptoOp::Sha1su1 => words(env, w, |d, n, _| {
            let t = [d[0] ^ n[1], d[1] ^ n[2], d[2] ^ n[3], d[3]].map(|x| x.rotate_left(1));
            [t[0], t[1], t[2], t[3] ^ t[0].rotate_left(1)]
        }),
        CryptoOp::Sha256h => words(env, w, |d, n, m| sha256_rounds(d, n, m).0),
        CryptoOp::Sha256h2 => words(env, w, |d, n, m| sha256_rounds(n, d, m).1),
        CryptoOp::Sha256su0 => words(env, w, |d, n, _| {
            let next = [d[1], d[2], d[3], n[0]];
            std::array::from_fn(|i| {
                let x = next[i];
                d[i].wrapping_add(x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3)
            })
        }),
        CryptoOp::Sha256su1 => words(env, w, |d, n, m| {
            let sigma = |x: u32| x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10;
            let t = [n[1], n[2], n[3], m[0]];
            let sum = |i: usize, x: u32| sigma(x).wrapping_add(d[i]).wrapping_add(t[i]);
            let (r0, r1) = (sum(0, m[2]), sum(1, m[3]));
            [r0, r1, sum(2, r0), sum(3, r1)]
        }),
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

/// FIPS 180-4, Ch.
#[inline(always)]
fn choose(x: u32, y: u32, z: u32) -> u32 {
    x & (y ^ z) ^ z
}

/// FIPS 180-4, Ch of 64-bit words.
#[inline(always)]
fn choose64(x: u64, y: u64, z: u64) -> u64 {
    x & (y ^ z) ^ z
}

/// FIPS 180-4, Maj.
#[inline(always)]
fn majority(x: u32, y: u32, z: u32) -> u32 {
    x & (y ^ z) ^ y & z
}

/// Four rounds of SHA-1 on a..d, e and the words with the round constant added.
#[inline(always)]
fn sha1_rounds(
    [mut a, mut b, mut c, mut d]: [u32; 4],
    mut e: u32,
    w: [u32; 4],
    f: impl Fn(u32, u32, u32) -> u32,
) -> [u32; 4] {
    for w in w {
        let t = a.rotate_left(5).wrapping_add(f(b, c, d)).wrapping_add(e).wrapping_add(w);
        (a, b, c, d, e) = (t, a, b.rotate_left(30), c, d);
    }
    [a, b, c, d]
}

/// Four rounds of SHA-256 on a..d, e..h and the words with the round constants added.
#[inline(always)]
fn sha256_rounds(
    [mut a, mut b, mut c, mut d]: [u32; 4],
    [mut e, mut f, mut g, mut h]: [u32; 4],
    w: [u32; 4],
) -> ([u32; 4], [u32; 4]) {
    for w in w {
        let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t = h.wrapping_add(sum1).wrapping_add(choose(e, f, g)).wrapping_add(w);
        let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let new_a = t.wrapping_add(sum0).wrapping_add(majority(a, b, c));
        (a, b, c, d, e, f, g, h) = (new_a, a, b, c, d.wrapping_add(t), e, f, g);
    }
    ([a, b, c, d], [e, f, g, h])
}
