//! Ops without a flat code of their own, by op and width; what they compute is the IR's to say.

use brolga_ir::eval::{eval_binary, eval_unary};
use brolga_ir::{IntCc, Ty, ops::ALL_OPS};

/// The integer type of a width in bits.
#[inline(always)]
fn int(bits: u32) -> Ty {
    match bits {
        8 => Ty::I8,
        16 => Ty::I16,
        32 => Ty::I32,
        _ => Ty::I64,
    }
}

/// A binary op on zero-extended operands of `bits`; the result is zero-extended.
pub(crate) fn binary(op: u8, bits: u32, a: u64, b: u64) -> u64 {
    let op = ALL_OPS[op as usize];
    eval_binary(op, int(bits), a, b).unwrap_or_else(|| unreachable!("{op:?} is not a binary op of the general form"))
}

/// A unary op on a zero-extended operand of `bits`.
pub(crate) fn unary(op: u8, bits: u32, a: u64) -> u64 {
    let (op, ty) = (ALL_OPS[op as usize], int(bits));
    eval_unary(op, ty, ty, a).unwrap_or_else(|| unreachable!("{op:?} is not a unary op of the general form"))
}

/// `aux`: comparison in the low byte, bits to shift out in the high byte; what is above the width
/// does not count.
#[inline(always)]
pub(crate) fn compare(aux: u16, a: u64, b: u64) -> bool {
    let s = aux >> 8 & 63;
    let (a, b) = (a << s, b << s);
    let (sa, sb) = (a as i64, b as i64);
    match IntCc::from_sub(aux as u8) {
        IntCc::Eq => a == b,
        IntCc::Ne => a != b,
        IntCc::Ult => a < b,
        IntCc::Ule => a <= b,
        IntCc::Ugt => a > b,
        IntCc::Uge => a >= b,
        IntCc::Slt => sa < sb,
        IntCc::Sle => sa <= sb,
        IntCc::Sgt => sa > sb,
        IntCc::Sge => sa >= sb,
    }
}
