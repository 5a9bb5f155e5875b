//! The host's instructions for functions of vectors: which there are, and how they are encoded. SDM vol. 2.

use brolga_ir::VecFn;

/// Which groups of instructions a host has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HostFns {
    aes: bool,
    product: bool,
    sha: bool,
    field: bool,
    /// SSE4.1, which rounds floats to integers, too.
    pub sse41: bool,
    /// Fused multiply-add.
    pub fused: bool,
    /// POPCNT
    pub popcnt: bool,
    /// LZCNT
    pub lzcnt: bool,
}

impl HostFns {
    /// Those of this host.
    pub fn detect() -> HostFns {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            HostFns {
                aes: has!("aes"),
                product: has!("pclmulqdq"),
                sha: has!("sha"),
                field: has!("gfni"),
                sse41: has!("sse4.1"),
                fused: has!("fma"),
                popcnt: has!("popcnt"),
                lzcnt: has!("lzcnt"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        HostFns::default()
    }

    /// Whether the host has an instruction for `f`.
    pub fn has(self, f: VecFn) -> bool {
        match f {
            VecFn::AesEncrypt | VecFn::AesEncryptLast | VecFn::AesDecrypt | VecFn::AesDecryptLast => self.aes,
            VecFn::AesMixInverse | VecFn::AesKey => self.aes,
            VecFn::Product => self.product,
            VecFn::Sha1Rounds | VecFn::Sha1NextE | VecFn::Sha1Message1 | VecFn::Sha1Message2 => self.sha,
            VecFn::Sha256Rounds | VecFn::Sha256Message1 | VecFn::Sha256Message2 => self.sha,
            VecFn::FieldProduct | VecFn::Affine | VecFn::AffineInverse => self.field,
            VecFn::SumDifferences | VecFn::PlacedDifferences | VecFn::MultiplyAddBytes => self.sse41,
            VecFn::PickBytes | VecFn::MinPosition => self.sse41,
        }
    }
}

/// What begins an opcode, behind prefixes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Map {
    /// 0F
    Short,
    /// 0F 38
    Long,
    /// 0F 3A; an immediate byte comes last.
    Immediate,
}

impl Map {
    /// Its bytes.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Map::Short => &[0x0f],
            Map::Long => &[0x0f, 0x38],
            Map::Immediate => &[0x0f, 0x3a],
        }
    }
}

/// An instruction of two vector operands, the first of which is the result too, or of one operand and a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFn {
    /// Map.
    pub map: Map,
    /// Opcode.
    pub opcode: u8,
    /// Whether the form without VEX has prefix 66. Those that do not have it have no form with VEX.
    pub prefix: bool,
    /// W of the form with VEX.
    pub wide: bool,
}

/// The host's instruction for `f`. That of three operands has the third in XMM0.
pub fn host_fn(f: VecFn) -> HostFn {
    let form = |map, opcode| HostFn { map, opcode, prefix: true, wide: false };
    let sha = |map, opcode| HostFn { prefix: false, ..form(map, opcode) };
    let field = |opcode| HostFn { wide: true, ..form(Map::Immediate, opcode) };
    match f {
        VecFn::AesEncrypt => form(Map::Long, 0xdc),
        VecFn::AesEncryptLast => form(Map::Long, 0xdd),
        VecFn::AesDecrypt => form(Map::Long, 0xde),
        VecFn::AesDecryptLast => form(Map::Long, 0xdf),
        VecFn::AesMixInverse => form(Map::Long, 0xdb),
        VecFn::AesKey => form(Map::Immediate, 0xdf),
        VecFn::Product => form(Map::Immediate, 0x44),
        VecFn::Sha1Rounds => sha(Map::Immediate, 0xcc),
        VecFn::Sha1NextE => sha(Map::Long, 0xc8),
        VecFn::Sha1Message1 => sha(Map::Long, 0xc9),
        VecFn::Sha1Message2 => sha(Map::Long, 0xca),
        VecFn::Sha256Rounds => sha(Map::Long, 0xcb),
        VecFn::Sha256Message1 => sha(Map::Long, 0xcc),
        VecFn::Sha256Message2 => sha(Map::Long, 0xcd),
        VecFn::FieldProduct => form(Map::Long, 0xcf),
        VecFn::Affine => field(0xce),
        VecFn::AffineInverse => field(0xcf),
        VecFn::SumDifferences => form(Map::Short, 0xf6),
        VecFn::PlacedDifferences => form(Map::Immediate, 0x42),
        VecFn::MultiplyAddBytes => form(Map::Long, 0x04),
        VecFn::PickBytes => form(Map::Long, 0x00),
        VecFn::MinPosition => form(Map::Long, 0x41),
    }
}
