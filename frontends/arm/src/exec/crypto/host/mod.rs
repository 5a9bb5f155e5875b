//! Cryptographic instructions by the host's own, where it has them. `None` means that it has not, or has none
//! for the operation: then the software form, which is also what tests compare these with, does the work.

use crate::sem::crypto::{AesOp, CryptoOp};

#[cfg(target_arch = "x86_64")]
mod x86_64;

/// One AES instruction on Vd and Vn.
#[inline(always)]
pub fn aes(op: AesOp, d: u128, n: u128) -> Option<u128> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::aes(op, d, n);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}

/// One SHA-1 or SHA-256 instruction on Vd, Vn and Vm.
#[inline(always)]
pub fn sha(op: CryptoOp, d: u128, n: u128, m: u128) -> Option<u128> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::sha(op, d, n, m);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}

/// Product of polynomials over {0, 1}.
#[inline(always)]
pub fn carryless(x: u64, y: u64) -> Option<u128> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::carryless(x, y);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}

/// CRC-32C of the low `bytes` (1, 2, 4 or 8) bytes of `value`.
#[inline(always)]
pub fn crc32c(acc: u32, value: u64, bytes: u32) -> Option<u32> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::crc32c(acc, value, bytes);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}
