//! Checksums by the host's own instruction, where it has it; `None` means that it has not.

#[cfg(target_arch = "x86_64")]
mod x86_64;

/// CRC-32C of the low `bytes` (1, 2, 4 or 8) bytes of `value`.
#[inline(always)]
pub fn crc32c(acc: u32, value: u64, bytes: u32) -> Option<u32> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::crc32c(acc, value, bytes);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}
