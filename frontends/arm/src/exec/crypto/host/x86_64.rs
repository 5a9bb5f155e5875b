//! The CRC32 instruction. Intel SDM vol. 2, "CRC32".
#![allow(unsafe_code, reason = "host instructions, behind the test for their feature")]

use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

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
