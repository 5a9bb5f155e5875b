//! Ops without a flat code of their own, evaluated by op and width.

use brolga_ir::{IntCc, Op, ops::ALL_OPS};

fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The value as signed, from `bits` wide.
fn signed(v: u64, bits: u32) -> i64 {
    let s = 64 - bits;
    ((v << s) as i64) >> s
}

/// A binary op on zero-extended operands of `bits`; the result is zero-extended.
pub(crate) fn binary(op: u8, bits: u32, a: u64, b: u64) -> u64 {
    let (sa, sb) = (signed(a, bits), signed(b, bits));
    let amount = (b % bits as u64) as u32;
    let r = match ALL_OPS[op as usize] {
        Op::Iadd => a.wrapping_add(b),
        Op::Isub => a.wrapping_sub(b),
        Op::Imul => a.wrapping_mul(b),
        Op::Umulh => ((a as u128 * b as u128) >> bits) as u64,
        Op::Smulh => ((sa as i128 * sb as i128) >> bits) as u64,
        Op::Udiv => a.checked_div(b).unwrap_or(0),
        Op::Sdiv => {
            if sb == 0 {
                0
            } else {
                sa.wrapping_div(sb) as u64
            }
        }
        Op::Shl => a << amount,
        Op::Lshr => a >> amount,
        Op::Ashr => (sa >> amount) as u64,
        Op::Rotr if amount == 0 => a,
        Op::Rotr => a >> amount | a << (bits - amount),
        Op::Bic => a & !b,
        Op::Smin => {
            if sa < sb {
                a
            } else {
                b
            }
        }
        Op::Smax => {
            if sa > sb {
                a
            } else {
                b
            }
        }
        Op::Umin => a.min(b),
        Op::Umax => a.max(b),
        other => unreachable!("{other:?} is not a binary op of the general form"),
    };
    r & mask(bits)
}

/// A unary op on a zero-extended operand of `bits`.
pub(crate) fn unary(op: u8, bits: u32, a: u64) -> u64 {
    let spare = 64 - bits;
    let r = match ALL_OPS[op as usize] {
        Op::Not => !a,
        Op::Neg => a.wrapping_neg(),
        Op::Clz => (a.leading_zeros() - spare) as u64,
        Op::Ctz => a.trailing_zeros().min(bits) as u64,
        Op::Cls => {
            let s = (a << spare) as i64;
            // Bits equal to the sign, without the zeros shifted in at the bottom.
            let run = if s < 0 { (!s).leading_zeros() } else { s.leading_zeros() };
            (run.min(bits) - 1) as u64
        }
        Op::Popcnt => a.count_ones() as u64,
        Op::Bswap => a.swap_bytes() >> spare,
        Op::Bitrev => a.reverse_bits() >> spare,
        other => unreachable!("{other:?} is not a unary op of the general form"),
    };
    r & mask(bits)
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
