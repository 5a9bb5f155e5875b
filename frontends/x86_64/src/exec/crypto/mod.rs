//! AES, carry-less products, SHA and arithmetic in GF(2^8): by the host's instructions where it has them, else in software.
//!
//! A helper works in place: the vector at word `which & 255` of the register file is the first operand and becomes the result,
//! the second comes as two words, the immediate is in bits 15..8 of `which`.

mod aes;
mod field;
mod host;
mod sha;
#[cfg(test)]
mod tests;

use crate::state::xmm;
use brolga_core::{Env, Reg};

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// AESENC
    AesEncrypt,
    /// AESENCLAST
    AesEncryptLast,
    /// AESDEC
    AesDecrypt,
    /// AESDECLAST
    AesDecryptLast,
    /// AESIMC
    AesMixInverse,
    /// AESKEYGENASSIST
    AesKey,
    /// PCLMULQDQ
    Product,
    /// SHA1RNDS4
    Sha1Rounds,
    /// SHA1NEXTE
    Sha1NextE,
    /// SHA1MSG1
    Sha1Message1,
    /// SHA1MSG2
    Sha1Message2,
    /// SHA256RNDS2
    Sha256Rounds,
    /// SHA256MSG1
    Sha256Message1,
    /// SHA256MSG2
    Sha256Message2,
    /// GF2P8MULB
    FieldProduct,
    /// GF2P8AFFINEQB
    Affine,
    /// GF2P8AFFINEINVQB
    AffineInverse,
}

impl Op {
    /// All, in order of their numbers.
    pub const ALL: [Op; 17] = [
        Op::AesEncrypt,
        Op::AesEncryptLast,
        Op::AesDecrypt,
        Op::AesDecryptLast,
        Op::AesMixInverse,
        Op::AesKey,
        Op::Product,
        Op::Sha1Rounds,
        Op::Sha1NextE,
        Op::Sha1Message1,
        Op::Sha1Message2,
        Op::Sha256Rounds,
        Op::Sha256Message1,
        Op::Sha256Message2,
        Op::FieldProduct,
        Op::Affine,
        Op::AffineInverse,
    ];
}

/// `op` of `a` and `b` in software; `c` is XMM0, which one of them has as a third operand.
fn software(op: Op, a: u128, b: u128, c: u128, imm: u8) -> u128 {
    match op {
        Op::AesEncrypt => aes::encrypt(a, b, false),
        Op::AesEncryptLast => aes::encrypt(a, b, true),
        Op::AesDecrypt => aes::decrypt(a, b, false),
        Op::AesDecryptLast => aes::decrypt(a, b, true),
        Op::AesMixInverse => aes::mix_inverse(b),
        Op::AesKey => aes::key(b, imm),
        Op::Product => field::product((a >> (64 * (imm & 1))) as u64, (b >> (64 * (imm >> 4 & 1))) as u64),
        Op::Sha1Rounds => sha::sha1_rounds(a, b, imm),
        Op::Sha1NextE => sha::sha1_next_e(a, b),
        Op::Sha1Message1 => sha::sha1_message1(a, b),
        Op::Sha1Message2 => sha::sha1_message2(a, b),
        Op::Sha256Rounds => sha::sha256_rounds(a, b, c),
        Op::Sha256Message1 => sha::sha256_message1(a, b),
        Op::Sha256Message2 => sha::sha256_message2(a, b),
        Op::FieldProduct => field::bytes(a, |k, x| field::multiply(x, (b >> (8 * k)) as u8)),
        Op::Affine => field::affine(a, b, imm),
        Op::AffineInverse => field::affine(field::bytes(a, |_, x| field::inverse(x)), b, imm),
    }
}

/// The helper of operation `OP`, by its number.
pub extern "C" fn in_place<const OP: usize>(env: &mut Env, which: u64, low: u64, high: u64) -> u64 {
    let (reg, imm, op) = (Reg(which as u8), (which >> 8) as u8, Op::ALL[OP]);
    let (a, b, c) = (env.get128(reg), u128::from(low) | u128::from(high) << 64, env.get128(xmm(0)));
    let r = host::run(op, a, b, c, imm).unwrap_or_else(|| software(op, a, b, c, imm));
    env.set128(reg, r);
    0
}
