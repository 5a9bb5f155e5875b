//! AES-NI, SHA extensions, PCLMULQDQ and the CRC32 instruction. Intel SDM vol. 2, "AESENCLAST",
//! "SHA256RNDS2", "PCLMULQDQ", "CRC32" and their neighbours.
#![allow(unsafe_code, reason = "host instructions, behind the test for their feature")]

use crate::exec::simd_lanes::{Lane, Word};
use crate::sem::crypto::{AesOp, CryptoOp};
use brolga_core::Env;
use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

/// Register `n`. As bytes it is read and written whole: a host cannot forward two stores to one load.
#[inline(always)]
fn get(env: &Env, n: u64) -> __m128i {
    // SAFETY: both are 16 bytes of which any are a value.
    unsafe { std::mem::transmute(u8::get(env, n)) }
}

#[inline(always)]
fn put(env: &mut Env, n: u64, v: __m128i) {
    // SAFETY: as above.
    u8::put(env, n, unsafe { std::mem::transmute::<__m128i, [u8; 16]>(v) });
}

#[inline(always)]
pub fn aes(env: &mut Env, w: Word<false>, op: AesOp) -> bool {
    let able = has!("aes");
    if able {
        // SAFETY: the host has the feature that the function needs.
        unsafe { aes_ni(env, w, op) };
    }
    able
}

/// AESE and AESD add the round key first and x86 adds one last, so that x86's is zero.
#[target_feature(enable = "aes")]
fn aes_ni(env: &mut Env, w: Word<false>, op: AesOp) {
    let (zero, n) = (_mm_setzero_si128(), get(env, w.rn()));
    let r = match op {
        AesOp::Aese => _mm_aesenclast_si128(_mm_xor_si128(get(env, w.rd()), n), zero),
        AesOp::Aesd => _mm_aesdeclast_si128(_mm_xor_si128(get(env, w.rd()), n), zero),
        // The inverse of all that a round does but the columns, then a round.
        AesOp::Aesmc => _mm_aesenc_si128(_mm_aesdeclast_si128(n, zero), zero),
        AesOp::Aesimc => _mm_aesimc_si128(n),
    };
    put(env, w.rd(), r);
}

#[inline(always)]
pub fn sha(env: &mut Env, w: Word<false>, op: CryptoOp) -> bool {
    use CryptoOp::*;
    let known = matches!(op, Sha1c | Sha1p | Sha1m | Sha256h | Sha256h2 | Sha256su0 | Sha256su1);
    let able = known && has!("sha") && has!("sse4.1") && has!("ssse3");
    if able {
        // SAFETY: the host has the features that the function needs.
        unsafe { sha_ni(env, w, op) };
    }
    able
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha_ni(env: &mut Env, w: Word<false>, op: CryptoOp) {
    let (d, n, m) = (get(env, w.rd()), get(env, w.rn()), get(env, w.rm()));
    let r = match op {
        CryptoOp::Sha1c => sha1::<0>(d, n, m, 0x5a82_7999),
        CryptoOp::Sha1p => sha1::<1>(d, n, m, 0x6ed9_eba1),
        CryptoOp::Sha1m => sha1::<2>(d, n, m, 0x8f1b_bcdc),
        CryptoOp::Sha256h => sha256(d, n, m).0,
        CryptoOp::Sha256h2 => sha256(n, d, m).1,
        CryptoOp::Sha256su0 => _mm_sha256msg1_epu32(d, n),
        _ => _mm_sha256msg2_epu32(_mm_add_epi32(d, _mm_alignr_epi8::<4>(m, n)), m),
    };
    put(env, w.rd(), r);
}

/// Four rounds on a..d in `d`, e in `n` and words in `m` that hold the round constant already, which x86
/// adds itself. x86 counts words from the top.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1<const F: i32>(d: __m128i, n: __m128i, m: __m128i, constant: u32) -> __m128i {
    let words = _mm_sub_epi32(m, _mm_set1_epi32(constant.cast_signed()));
    let first = _mm_shuffle_epi32::<0b00_01_10_11>(words);
    let e = _mm_slli_si128::<12>(n);
    let state = _mm_shuffle_epi32::<0b00_01_10_11>(d);
    _mm_shuffle_epi32::<0b00_01_10_11>(_mm_sha1rnds4_epu32::<F>(state, _mm_add_epi32(first, e)))
}

/// Four rounds on a..d, e..h and words with the round constants: x86 does two at a time on f e b a and h g d c.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256(abcd: __m128i, efgh: __m128i, words: __m128i) -> (__m128i, __m128i) {
    let (abcd, efgh) = (_mm_shuffle_epi32::<0b10_11_00_01>(abcd), _mm_shuffle_epi32::<0b10_11_00_01>(efgh));
    let abef = _mm_unpacklo_epi64(efgh, abcd);
    let cdgh = _mm_unpackhi_epi64(efgh, abcd);
    let two = _mm_sha256rnds2_epu32(cdgh, abef, words);
    let four = _mm_sha256rnds2_epu32(abef, two, _mm_unpackhi_epi64(words, words));
    // `two` is now what c d g h are.
    let (abcd, efgh) = (_mm_unpackhi_epi64(four, two), _mm_unpacklo_epi64(four, two));
    (_mm_shuffle_epi32::<0b10_11_00_01>(abcd), _mm_shuffle_epi32::<0b10_11_00_01>(efgh))
}

#[inline(always)]
pub fn carryless(env: &mut Env, w: Word<false>) -> bool {
    let able = has!("pclmulqdq");
    if able {
        // SAFETY: the host has the feature that the function needs.
        unsafe { multiply(env, w) };
    }
    able
}

#[target_feature(enable = "pclmulqdq")]
fn multiply(env: &mut Env, w: Word<false>) {
    let (n, m) = (get(env, w.rn()), get(env, w.rm()));
    let r = if w.q() { _mm_clmulepi64_si128::<0x11>(n, m) } else { _mm_clmulepi64_si128::<0>(n, m) };
    put(env, w.rd(), r);
}

#[inline(always)]
pub fn crc32c(acc: u32, value: u64, bytes: u32) -> Option<u32> {
    // SAFETY: the host has the feature that the function needs.
    has!("sse4.2").then(|| unsafe { crc(acc, value, bytes) })
}

#[target_feature(enable = "sse4.2")]
fn crc(acc: u32, value: u64, bytes: u32) -> u32 {
    match bytes {
        1 => _mm_crc32_u8(acc, value as u8),
        2 => _mm_crc32_u16(acc, value as u16),
        4 => _mm_crc32_u32(acc, value as u32),
        _ => _mm_crc32_u64(acc as u64, value) as u32,
    }
}
