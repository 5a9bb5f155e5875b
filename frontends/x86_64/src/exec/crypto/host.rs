//! The host's own instructions for these operations.
#![allow(unsafe_code, reason = "host instructions, behind the test for their feature")]

use super::Op;

/// `op` by the host's instruction; `None` if it has none.
#[cfg(not(target_arch = "x86_64"))]
pub fn run(_: Op, _: u128, _: u128, _: u128, _: u8) -> Option<u128> {
    None
}

/// `op` by the host's instruction; `None` if it has none.
#[cfg(target_arch = "x86_64")]
pub fn run(op: Op, a: u128, b: u128, c: u128, imm: u8) -> Option<u128> {
    use std::arch::is_x86_feature_detected as has;
    match op {
        Op::AesEncrypt | Op::AesEncryptLast | Op::AesDecrypt | Op::AesDecryptLast | Op::AesMixInverse => {
            // SAFETY: the host has the feature.
            has!("aes").then(|| unsafe { x86_64::aes(op, a, b) })
        }
        Op::AesKey => None,
        // SAFETY: the host has the feature.
        Op::Product => {
            has!("pclmulqdq").then(|| unsafe { x86_64::product(a >> (64 * (imm & 1)), b >> (64 * (imm >> 4 & 1))) })
        }
        Op::FieldProduct | Op::Affine | Op::AffineInverse => {
            // SAFETY: the host has the feature.
            has!("gfni").then(|| unsafe { x86_64::field(op, a, b, imm) })
        }
        // SAFETY: the host has the feature.
        _ => has!("sha").then(|| unsafe { x86_64::sha(op, a, b, c, imm) }),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Op;
    use std::arch::x86_64::*;

    #[inline(always)]
    fn vector(v: u128) -> __m128i {
        // SAFETY: both are 128 bits without meaning of their own.
        unsafe { std::mem::transmute(v) }
    }

    #[inline(always)]
    fn bits(v: __m128i) -> u128 {
        // SAFETY: as above.
        unsafe { std::mem::transmute(v) }
    }

    #[target_feature(enable = "aes")]
    pub fn aes(op: Op, a: u128, b: u128) -> u128 {
        let (a, b) = (vector(a), vector(b));
        bits(match op {
            Op::AesEncrypt => _mm_aesenc_si128(a, b),
            Op::AesEncryptLast => _mm_aesenclast_si128(a, b),
            Op::AesDecrypt => _mm_aesdec_si128(a, b),
            Op::AesDecryptLast => _mm_aesdeclast_si128(a, b),
            _ => _mm_aesimc_si128(b),
        })
    }

    #[target_feature(enable = "pclmulqdq")]
    pub fn product(a: u128, b: u128) -> u128 {
        bits(_mm_clmulepi64_si128::<0>(vector(a), vector(b)))
    }

    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    pub fn sha(op: Op, a: u128, b: u128, c: u128, imm: u8) -> u128 {
        let (a, b) = (vector(a), vector(b));
        bits(match (op, imm & 3) {
            (Op::Sha1Rounds, 0) => _mm_sha1rnds4_epu32::<0>(a, b),
            (Op::Sha1Rounds, 1) => _mm_sha1rnds4_epu32::<1>(a, b),
            (Op::Sha1Rounds, 2) => _mm_sha1rnds4_epu32::<2>(a, b),
            (Op::Sha1Rounds, _) => _mm_sha1rnds4_epu32::<3>(a, b),
            (Op::Sha1NextE, _) => _mm_sha1nexte_epu32(a, b),
            (Op::Sha1Message1, _) => _mm_sha1msg1_epu32(a, b),
            (Op::Sha1Message2, _) => _mm_sha1msg2_epu32(a, b),
            (Op::Sha256Rounds, _) => _mm_sha256rnds2_epu32(a, b, vector(c)),
            (Op::Sha256Message1, _) => _mm_sha256msg1_epu32(a, b),
            _ => _mm_sha256msg2_epu32(a, b),
        })
    }

    #[target_feature(enable = "gfni")]
    pub fn field(op: Op, a: u128, b: u128, imm: u8) -> u128 {
        let (a, b) = (vector(a), vector(b));
        let constant = u128::from_le_bytes([imm; 16]);
        match op {
            Op::FieldProduct => bits(_mm_gf2p8mul_epi8(a, b)),
            Op::Affine => bits(_mm_gf2p8affine_epi64_epi8::<0>(a, b)) ^ constant,
            _ => bits(_mm_gf2p8affineinv_epi64_epi8::<0>(a, b)) ^ constant,
        }
    }
}
