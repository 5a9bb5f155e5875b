//! Functions of whole vectors that some hosts have an instruction for and no few other ops say: rounds of ciphers and
//! hashes, products of polynomials, sums over bytes. [`crate::Op::Vfn1`] and its neighbours name one each; what it gives
//! is here.

mod aes;
mod bytes;
mod field;
mod sha;
#[cfg(test)]
mod tests;

macro_rules! functions {
    ($($(#[doc = $doc:literal])* $id:ident $name:literal $operands:literal;)*) => {
        /// A function of vectors, in `Inst::sub`; the immediate in `Inst::imm` is a byte.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum VecFn { $($(#[doc = $doc])* $id,)* }

        impl VecFn {
            /// All, in order of their encoding.
            pub const ALL: &[VecFn] = &[$(VecFn::$id,)*];

            /// Name in IR text.
            pub const fn name(self) -> &'static str {
                [$($name,)*][self as usize]
            }

            /// Number of operands.
            pub const fn operands(self) -> usize {
                [$($operands,)*][self as usize]
            }
        }
    };
}

functions! {
    /// One round of AES encryption with the second operand as round key. FIPS 197; SDM vol. 2, "AESENC".
    AesEncrypt "aes_encrypt" 2;
    /// The last round, which does not mix columns.
    AesEncryptLast "aes_encrypt_last" 2;
    /// One round of decryption by the equivalent inverse cipher.
    AesDecrypt "aes_decrypt" 2;
    /// The last one.
    AesDecryptLast "aes_decrypt_last" 2;
    /// InvMixColumns.
    AesMixInverse "aes_mix_inverse" 1;
    /// What a round key is made of, with the round constant as immediate. SDM vol. 2, "AESKEYGENASSIST".
    AesKey "aes_key" 1;
    /// The carry-less product of one half of each operand: bit 0 and bit 4 of the immediate choose.
    Product "product" 2;
    /// Four rounds of SHA-1; the immediate says which twenty they are of. SDM vol. 2, "SHA1RNDS4".
    Sha1Rounds "sha1_rounds" 2;
    /// E of the next four rounds, added to the message.
    Sha1NextE "sha1_next_e" 2;
    /// First step of SHA-1's message schedule.
    Sha1Message1 "sha1_message1" 2;
    /// Last step of it.
    Sha1Message2 "sha1_message2" 2;
    /// Two rounds of SHA-256 with the message in the third operand. SDM vol. 2, "SHA256RNDS2".
    Sha256Rounds "sha256_rounds" 3;
    /// First step of SHA-256's message schedule.
    Sha256Message1 "sha256_message1" 2;
    /// Last step of it.
    Sha256Message2 "sha256_message2" 2;
    /// Products of bytes in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
    FieldProduct "field_product" 2;
    /// Bytes times the bit matrix in their half of the second operand, plus the immediate.
    Affine "affine" 2;
    /// The same of their inverses.
    AffineInverse "affine_inverse" 2;
    /// In each half, the sum of differences of its bytes.
    SumDifferences "sum_differences" 2;
    /// Eight sums of differences of four bytes each, whose places the immediate chooses. SDM vol. 2, "MPSADBW".
    PlacedDifferences "placed_differences" 2;
    /// Unsigned bytes times signed ones, adjacent pairs added and saturated to 16 bits. SDM vol. 2, "PMADDUBSW".
    MultiplyAddBytes "multiply_add_bytes" 2;
    /// Bytes of the first operand by the low four bits of those of the second, 0 where the top bit is set.
    PickBytes "pick_bytes" 2;
    /// The least of eight unsigned lanes, and its place in the lane above it. SDM vol. 2, "PHMINPOSUW".
    MinPosition "min_position" 1;
}

impl VecFn {
    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> VecFn {
        Self::ALL[sub as usize % Self::ALL.len()]
    }

    /// The op with as many operands.
    pub const fn op(self) -> crate::Op {
        [crate::Op::Vfn1, crate::Op::Vfn2, crate::Op::Vfn3][self.operands() - 1]
    }
}

/// `f` of its operands; those that it does not have do not count.
pub fn eval_vec_fn(f: VecFn, [a, b, c]: [u128; 3], imm: u8) -> u128 {
    match f {
        VecFn::AesEncrypt => aes::encrypt(a, b, false),
        VecFn::AesEncryptLast => aes::encrypt(a, b, true),
        VecFn::AesDecrypt => aes::decrypt(a, b, false),
        VecFn::AesDecryptLast => aes::decrypt(a, b, true),
        VecFn::AesMixInverse => aes::mix_inverse(a),
        VecFn::AesKey => aes::key(a, imm),
        VecFn::Product => field::product((a >> (64 * (imm & 1))) as u64, (b >> (64 * (imm >> 4 & 1))) as u64),
        VecFn::Sha1Rounds => sha::sha1_rounds(a, b, imm),
        VecFn::Sha1NextE => sha::sha1_next_e(a, b),
        VecFn::Sha1Message1 => sha::sha1_message1(a, b),
        VecFn::Sha1Message2 => sha::sha1_message2(a, b),
        VecFn::Sha256Rounds => sha::sha256_rounds(a, b, c),
        VecFn::Sha256Message1 => sha::sha256_message1(a, b),
        VecFn::Sha256Message2 => sha::sha256_message2(a, b),
        VecFn::FieldProduct => field::bytes(a, |k, x| field::multiply(x, (b >> (8 * k)) as u8)),
        VecFn::Affine => field::affine(a, b, imm),
        VecFn::AffineInverse => field::affine(field::bytes(a, |_, x| field::inverse(x)), b, imm),
        VecFn::SumDifferences => bytes::sum_differences(a, b),
        VecFn::PlacedDifferences => bytes::placed_differences(a, b, imm),
        VecFn::MultiplyAddBytes => bytes::multiply_add(a, b),
        VecFn::PickBytes => bytes::pick(a, b),
        VecFn::MinPosition => bytes::min_position(a),
    }
}
