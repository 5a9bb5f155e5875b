//! Cryptographic instructions by the host's own, where it has them. `false` or `None` means that it has not, or has
//! none for the operation, and that nothing was written: then the software form, which is also what tests compare
//! these with, does the work.

use crate::exec::simd_lanes::Word;
use crate::sem::crypto::{AesOp, CryptoOp};
use brolga_core::Env;

#[cfg(target_arch = "x86_64")]
mod x86_64;

/// One AES instruction.
#[inline(always)]
pub fn aes(env: &mut Env, w: Word<false>, op: AesOp) -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86_64::aes(env, w, op);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// One SHA-1 or SHA-256 instruction.
#[inline(always)]
pub fn sha(env: &mut Env, w: Word<false>, op: CryptoOp) -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86_64::sha(env, w, op);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// PMULL or PMULL2 of doublewords.
#[inline(always)]
pub fn carryless(env: &mut Env, w: Word<false>) -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86_64::carryless(env, w);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// CRC-32C of the low `bytes` (1, 2, 4 or 8) bytes of `value`.
#[inline(always)]
pub fn crc32c(acc: u32, value: u64, bytes: u32) -> Option<u32> {
    #[cfg(target_arch = "x86_64")]
    return x86_64::crc32c(acc, value, bytes);
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}
