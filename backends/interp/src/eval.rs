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
    let order = usize::from(a == b) | usize::from(a < b) << 1 | usize::from((a as i64) < b as i64) << 2;
    HOLDS[usize::from(aux & 15)] >> order & 1 != 0
}

/// For each comparison a bit for each order of two numbers: 1 for equal ones, 2 if the first is less, 4 if it is so with signs.
static HOLDS: [u8; 16] = {
    let mut holds = [0; 16];
    let mut at = 0;
    while at < 8 * IntCc::ALL.len() {
        let (cc, order) = (at / 8, at % 8);
        let (equal, less, less_signed) = (order & 1 != 0, order & 2 != 0, order & 4 != 0);
        let held = match IntCc::ALL[cc] {
            IntCc::Eq => equal,
            IntCc::Ne => !equal,
            IntCc::Ult => less,
            IntCc::Ule => less || equal,
            IntCc::Ugt => !less && !equal,
            IntCc::Uge => !less,
            IntCc::Slt => less_signed,
            IntCc::Sle => less_signed || equal,
            IntCc::Sgt => !less_signed && !equal,
            IntCc::Sge => !less_signed,
        };
        holds[cc] |= (held as u8) << order;
        at += 1;
    }
    holds
};
