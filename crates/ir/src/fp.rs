//! Floating-point operations: what they are called, and how an instruction names its helper.
//!
//! An instruction of these ops *means* what its helper makes of the operands' bits, lane by lane, with
//! the flags that it adds to the guest's status row. The operation in `Inst::sub` says which IEEE 754
//! operation that is, so that a back end may compute it with the host's arithmetic where the two agree,
//! results and flags. It may run twice.

use crate::block::{HelperId, Inst};

/// What a floating-point instruction computes, by the current rounding mode unless its name says another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FpOp {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// The smaller; -0 is below +0, a NaN wins.
    Min,
    /// The larger.
    Max,
    /// The smaller; a number wins over a quiet NaN.
    MinNum,
    /// The larger, likewise.
    MaxNum,
    /// a if a < b, else b, so also for a NaN, which is invalid, and for two zeros.
    Lesser,
    /// a if a > b, else b, likewise.
    Greater,
    /// Ones where a = b, else zeros. Quiet.
    Eq,
    /// Ones where a >= b. Signalling: any NaN is invalid.
    Ge,
    /// Ones where a > b. Signalling.
    Gt,
    /// Square root.
    Sqrt,
    /// To an integer in the format, to nearest even, never inexact.
    RintN,
    /// The same, up.
    RintP,
    /// The same, down.
    RintM,
    /// The same, towards zero.
    RintZ,
    /// The same, to nearest, ties away from zero.
    RintA,
    /// To an integer in the format, to nearest even; inexact where the value changes.
    RintX,
    /// The same, up.
    RintXP,
    /// The same, down.
    RintXM,
    /// The same, towards zero.
    RintXZ,
    /// a * b + c, rounded once.
    MulAdd,
    /// a * b - c. Here and in the two below, a NaN operand that is the result keeps its sign.
    MulSub,
    /// -(a * b) + c
    NegMulAdd,
    /// -(a * b) - c
    NegMulSub,
    /// To the other format.
    Resize,
    /// From a signed integer, of 64 bits or of the lane's width.
    FromSint,
    /// From an unsigned integer.
    FromUint,
    /// To a signed integer of the result's width, to nearest even; out of range is invalid and saturates, a NaN gives 0.
    ToSintN,
    /// The same, up.
    ToSintP,
    /// The same, down.
    ToSintM,
    /// The same, towards zero.
    ToSintZ,
    /// To an unsigned integer, to nearest even.
    ToUintN,
    /// The same, up.
    ToUintP,
    /// The same, down.
    ToUintM,
    /// The same, towards zero.
    ToUintZ,
    /// To a signed integer of the result's or the lane's width, to nearest even; what does not fit, and a NaN, is invalid
    /// and gives the lowest integer.
    ToIntN,
    /// The same, up.
    ToIntP,
    /// The same, down.
    ToIntM,
    /// The same, towards zero.
    ToIntZ,
}

impl FpOp {
    /// All operations, in order of their encoding.
    pub const ALL: [FpOp; 42] = [
        FpOp::Add,
        FpOp::Sub,
        FpOp::Mul,
        FpOp::Div,
        FpOp::Min,
        FpOp::Max,
        FpOp::MinNum,
        FpOp::MaxNum,
        FpOp::Lesser,
        FpOp::Greater,
        FpOp::Eq,
        FpOp::Ge,
        FpOp::Gt,
        FpOp::Sqrt,
        FpOp::RintN,
        FpOp::RintP,
        FpOp::RintM,
        FpOp::RintZ,
        FpOp::RintA,
        FpOp::RintX,
        FpOp::RintXP,
        FpOp::RintXM,
        FpOp::RintXZ,
        FpOp::MulAdd,
        FpOp::MulSub,
        FpOp::NegMulAdd,
        FpOp::NegMulSub,
        FpOp::Resize,
        FpOp::FromSint,
        FpOp::FromUint,
        FpOp::ToSintN,
        FpOp::ToSintP,
        FpOp::ToSintM,
        FpOp::ToSintZ,
        FpOp::ToUintN,
        FpOp::ToUintP,
        FpOp::ToUintM,
        FpOp::ToUintZ,
        FpOp::ToIntN,
        FpOp::ToIntP,
        FpOp::ToIntM,
        FpOp::ToIntZ,
    ];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 42] = [
            "add",
            "sub",
            "mul",
            "div",
            "min",
            "max",
            "minnum",
            "maxnum",
            "lesser",
            "greater",
            "eq",
            "ge",
            "gt",
            "sqrt",
            "rint_n",
            "rint_p",
            "rint_m",
            "rint_z",
            "rint_a",
            "rint_x",
            "rint_xp",
            "rint_xm",
            "rint_xz",
            "muladd",
            "mulsub",
            "negmuladd",
            "negmulsub",
            "resize",
            "from_s",
            "from_u",
            "to_s_n",
            "to_s_p",
            "to_s_m",
            "to_s_z",
            "to_u_n",
            "to_u_p",
            "to_u_m",
            "to_u_z",
            "to_i_n",
            "to_i_p",
            "to_i_m",
            "to_i_z",
        ];
        NAMES[self as usize]
    }

    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> FpOp {
        Self::ALL[sub as usize % Self::ALL.len()]
    }

    /// Number of operands.
    pub const fn operands(self) -> usize {
        match self as u8 {
            sub if sub <= FpOp::Gt as u8 => 2,
            sub if sub >= FpOp::MulAdd as u8 && sub <= FpOp::NegMulSub as u8 => 3,
            _ => 1,
        }
    }

    /// What makes the operation of SSE's rounding to integers: bits 1..0 the mode, bit 3 for never inexact; `None` if it is
    /// none of them. SDM vol. 2, "ROUNDPD".
    pub const fn round_immediate(self) -> Option<u8> {
        Some(match self {
            FpOp::RintX => 0,
            FpOp::RintXM => 1,
            FpOp::RintXP => 2,
            FpOp::RintXZ => 3,
            FpOp::RintN => 8,
            FpOp::RintM => 9,
            FpOp::RintP => 10,
            FpOp::RintZ => 11,
            _ => return None,
        })
    }

    /// Whether operand and result have different formats: conversions, which scalars make with [`crate::Op::FpConvert`].
    pub const fn converts(self) -> bool {
        self as u8 >= FpOp::Resize as u8
    }
}

/// What the flags of an [`crate::Op::FpCompare`] are, in `Inst::sub`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FpRelation {
    /// Bits 31..28 of what the helper returns: less is N, equal Z and C, greater C, unordered C and V.
    Bits,
    /// Those of [`brolga_core::CcKind::Floats`]; the helper is called for what it raises. Quiet.
    Floats,
    /// The same, signalling: any NaN is invalid.
    FloatsSignalling,
    /// As `Bits`, of operands that were compared already: nothing is raised any more.
    Again,
}

impl FpRelation {
    /// All, in order of their encoding.
    pub const ALL: [FpRelation; 4] =
        [FpRelation::Bits, FpRelation::Floats, FpRelation::FloatsSignalling, FpRelation::Again];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["bits", "floats", "floats_sig", "again"][self as usize]
    }

    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> FpRelation {
        Self::ALL[sub as usize & 3]
    }

    /// Whether the flags are of the kind `Floats`.
    pub const fn is_floats(self) -> bool {
        matches!(self, FpRelation::Floats | FpRelation::FloatsSignalling)
    }
}

/// Lanes of a floating-point instruction, in `Inst::aux`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FpLanes {
    /// A scalar.
    One,
    /// Four of 32 bits.
    S4,
    /// Two of 64 bits.
    D2,
    /// Two of 32 bits; the rest of the operands does not count, that of the result is zero.
    S2,
}

impl FpLanes {
    /// All, in order of their encoding.
    pub const ALL: [FpLanes; 4] = [FpLanes::One, FpLanes::S4, FpLanes::D2, FpLanes::S2];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["1", "4s", "2d", "2s"][self as usize]
    }

    /// From `Inst::aux`.
    pub fn from_aux(aux: u16) -> FpLanes {
        Self::ALL[aux as usize & 3]
    }

    /// Number of lanes.
    pub const fn count(self) -> u32 {
        [1, 4, 2, 2][self as usize]
    }

    /// Bits of a lane; 0 for a scalar, whose type says it.
    pub const fn bits(self) -> u32 {
        [0, 32, 64, 32][self as usize]
    }
}

/// The guest helper that an instruction stands for, in `Inst::imm`. It gets the bits of the operands
/// zero-extended, then `extra`, and returns those of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FpCall {
    /// Which helper.
    pub helper: HelperId,
    /// Its argument behind the operands.
    pub extra: u32,
}

impl FpCall {
    /// As `Inst::imm`.
    pub fn to_imm(self) -> u64 {
        u64::from(self.helper.0) | u64::from(self.extra) << 16
    }
}

impl Inst {
    /// The helper of a floating-point instruction.
    #[inline(always)]
    pub fn fp_call(&self) -> FpCall {
        FpCall { helper: HelperId(self.imm as u16), extra: (self.imm >> 16) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_positions() {
        for (i, op) in FpOp::ALL.into_iter().enumerate() {
            assert_eq!(op as usize, i);
        }
        for (i, relation) in FpRelation::ALL.into_iter().enumerate() {
            assert_eq!(relation as usize, i);
        }
        for (i, lanes) in FpLanes::ALL.into_iter().enumerate() {
            assert_eq!(lanes as usize, i);
        }
    }

    #[test]
    fn operand_counts() {
        let count = |n| FpOp::ALL.into_iter().filter(|op| op.operands() == n).count();
        assert_eq!((count(1), count(2), count(3)), (25, 13, 4));
    }
}
