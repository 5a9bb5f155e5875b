//! What pure integer ops compute, in one place: constant folding and tier 0 share it, and so the
//! meaning of an op is stated once.
//!
//! Scalars are zero-extended to 64 bits, in and out. A function returns `None` for an op that is
//! not of its kind, never for particular operands.

pub use crate::eval_vector::eval_vector;
use crate::ops::{IntCc, Op, Shape, Ty};
use brolga_core::{CcKind, CcOp, Nzcv, Width};

/// The low `bits` bits set; all for 64 and above.
#[inline(always)]
pub const fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The low `bits` bits (1 to 64) as a signed number.
#[inline(always)]
pub const fn signed(a: u64, bits: u32) -> i64 {
    ((a << (64 - bits)) as i64) >> (64 - bits)
}

/// An op with one integer operand of type `from` and a result of type `ty`.
#[inline(always)]
pub const fn eval_unary(op: Op, ty: Ty, from: Ty, a: u64) -> Option<u64> {
    let bits = ty.bits();
    let spare = 64 - bits;
    let r = match op {
        Op::Not => !a,
        Op::Neg => a.wrapping_neg(),
        Op::Clz => (a.leading_zeros() - spare) as u64,
        Op::Ctz => {
            let n = a.trailing_zeros();
            if n < bits { n as u64 } else { bits as u64 }
        }
        Op::Cls => {
            let wide = signed(a, bits);
            // Bits equal to the sign become leading zeros, and so does the sign itself.
            ((wide ^ (wide >> 63)).leading_zeros() - spare - 1) as u64
        }
        Op::Popcnt => a.count_ones() as u64,
        Op::Bswap => a.swap_bytes() >> spare,
        Op::Bitrev => a.reverse_bits() >> spare,
        Op::Zext | Op::Bitcast => a,
        Op::Sext => signed(a, from.bits()) as u64,
        _ => return None,
    };
    Some(r & mask(bits))
}

/// An op with two operands and a result of integer type `ty`.
#[inline(always)]
pub const fn eval_binary(op: Op, ty: Ty, a: u64, b: u64) -> Option<u64> {
    let bits = ty.bits();
    let (sa, sb) = (signed(a, bits), signed(b, bits));
    let amount = (b % bits as u64) as u32;
    let r = match op {
        Op::Iadd => a.wrapping_add(b),
        Op::Isub => a.wrapping_sub(b),
        Op::Imul => a.wrapping_mul(b),
        Op::Umulh => ((a as u128 * b as u128) >> bits) as u64,
        Op::Smulh => ((sa as i128 * sb as i128) >> bits) as u64,
        Op::Udiv if b == 0 => 0,
        Op::Udiv => a / b,
        Op::Sdiv if b == 0 => 0,
        Op::Sdiv => sa.wrapping_div(sb) as u64,
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Bic => a & !b,
        Op::Shl => a << amount,
        Op::Lshr => a >> amount,
        Op::Ashr => (sa >> amount) as u64,
        Op::Rotr if amount == 0 => a,
        Op::Rotr => a >> amount | a << (bits - amount),
        Op::Smin => (if sa < sb { sa } else { sb }) as u64,
        Op::Smax => (if sa > sb { sa } else { sb }) as u64,
        Op::Umin => {
            if a < b {
                a
            } else {
                b
            }
        }
        Op::Umax => {
            if a > b {
                a
            } else {
                b
            }
        }
        _ => return None,
    };
    Some(r & mask(bits))
}

/// Whether the comparison of two values of integer type `ty` holds.
#[inline(always)]
pub const fn eval_compare(cc: IntCc, ty: Ty, a: u64, b: u64) -> bool {
    let (sa, sb) = (signed(a, ty.bits()), signed(b, ty.bits()));
    match cc {
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

/// `extract` and `sextract`: bits `lsb..lsb + width` of a value of type `ty`.
#[inline(always)]
pub const fn eval_extract(op: Op, ty: Ty, a: u64, lsb: u32, width: u32) -> Option<u64> {
    match op {
        Op::Extract => Some(a >> lsb & mask(width)),
        Op::Sextract => Some(signed(a >> lsb, width) as u64 & mask(ty.bits())),
        _ => None,
    }
}

/// `deposit`: `a` with bits `lsb..lsb + width` replaced by the low bits of `b`.
#[inline(always)]
pub const fn eval_deposit(a: u64, b: u64, lsb: u32, width: u32) -> u64 {
    let field = mask(width) << lsb;
    a & !field | b << lsb & field
}

/// A flag-making op on operands of integer type `ty`; `c` is the carry of those that take one.
#[inline(always)]
pub const fn eval_flags(op: Op, ty: Ty, a: u64, b: u64, c: u64) -> Option<Nzcv> {
    let kind = match op {
        Op::FlagsAdd => CcKind::Add,
        Op::FlagsAdc if c != 0 => CcKind::AddCarry,
        Op::FlagsAdc => CcKind::Add,
        Op::FlagsSub => CcKind::Sub,
        Op::FlagsSbc if c != 0 => CcKind::Sub,
        Op::FlagsSbc => CcKind::SubBorrow,
        Op::FlagsLogic => CcKind::Logic,
        Op::FlagsPack => CcKind::Packed,
        _ => return None,
    };
    Some(Nzcv::eval(CcOp::new(kind, flags_width(ty)).word(), a, b))
}

/// Operand width of a flag-making op on operands of integer type `ty`.
#[inline(always)]
pub const fn flags_width(ty: Ty) -> Width {
    match ty {
        Ty::I8 => Width::W8,
        Ty::I16 => Width::W16,
        Ty::I64 => Width::W64,
        _ => Width::W32,
    }
}

/// A bitwise op on 128 bits; `b` does not count for `not`.
#[inline(always)]
pub const fn eval_bitwise(op: Op, a: u128, b: u128) -> Option<u128> {
    match op {
        Op::And => Some(a & b),
        Op::Or => Some(a | b),
        Op::Xor => Some(a ^ b),
        Op::Bic => Some(a & !b),
        Op::Not => Some(!a),
        _ => None,
    }
}

/// `lane`: lane `lane` of `a`, zero-extended.
#[inline(always)]
pub const fn eval_lane(shape: Shape, a: u128, lane: u32) -> u64 {
    (a >> (lane * shape.lane_bits())) as u64 & mask(shape.lane_bits())
}

/// `insert`: `a` with lane `lane` replaced by the low bits of `b`.
#[inline(always)]
pub const fn eval_insert(shape: Shape, a: u128, b: u64, lane: u32) -> u128 {
    let (field, at) = (mask(shape.lane_bits()) as u128, lane * shape.lane_bits());
    a & !(field << at) | (b as u128 & field) << at
}

/// `vsplat`: every lane the low bits of `a`.
pub fn eval_splat(shape: Shape, a: u64) -> u128 {
    lanewise(shape, 0, 0, |_, _| a)
}

/// `vicmp`: all bits of a lane set where the comparison holds.
pub fn eval_vector_compare(cc: IntCc, shape: Shape, a: u128, b: u128) -> u128 {
    let ty = lane_ty(shape);
    lanewise(shape, a, b, |x, y| if eval_compare(cc, ty, x, y) { u64::MAX } else { 0 })
}

/// The integer type of a lane.
pub const fn lane_ty(shape: Shape) -> Ty {
    match shape {
        Shape::I8x16 => Ty::I8,
        Shape::I16x8 => Ty::I16,
        Shape::I32x4 => Ty::I32,
        Shape::I64x2 => Ty::I64,
    }
}

/// `f` of the lanes of two vectors.
#[inline(always)]
pub(crate) fn lanewise(shape: Shape, a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    (0..shape.lanes()).fold(0, |r, i| eval_insert(shape, r, f(eval_lane(shape, a, i), eval_lane(shape, b, i)), i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::FoldOp;

    const INTS: [Ty; 4] = [Ty::I8, Ty::I16, Ty::I32, Ty::I64];

    #[test]
    fn division_corner_cases() {
        for ty in INTS {
            let min = 1 << (ty.bits() - 1);
            let minus_one = mask(ty.bits());
            assert_eq!(eval_binary(Op::Sdiv, ty, min, minus_one), Some(min));
            assert_eq!(eval_binary(Op::Sdiv, ty, min, 0), Some(0));
            assert_eq!(eval_binary(Op::Udiv, ty, min, 0), Some(0));
            assert_eq!(eval_binary(Op::Sdiv, ty, minus_one - 6, 2), Some(minus_one - 2));
        }
    }

    #[test]
    fn counts_of_zero_and_of_the_sign_bit() {
        for ty in INTS {
            let (bits, top) = (ty.bits() as u64, 1 << (ty.bits() - 1));
            let unary = |op, a| eval_unary(op, ty, ty, a).unwrap();
            assert_eq!((unary(Op::Clz, 0), unary(Op::Clz, top), unary(Op::Clz, 1)), (bits, 0, bits - 1));
            assert_eq!((unary(Op::Ctz, 0), unary(Op::Ctz, top)), (bits, bits - 1));
            assert_eq!(
                (unary(Op::Cls, 0), unary(Op::Cls, top), unary(Op::Cls, mask(ty.bits()))),
                (bits - 1, 0, bits - 1)
            );
            assert_eq!((unary(Op::Bitrev, 1), unary(Op::Bswap, 1)), (top, 1 << (bits - 8)));
        }
    }

    #[test]
    fn shift_amounts_count_modulo_the_width() {
        assert_eq!(eval_binary(Op::Shl, Ty::I32, 1, 33), Some(2));
        assert_eq!(eval_binary(Op::Ashr, Ty::I8, 0x80, 9), Some(0xc0));
        assert_eq!(eval_binary(Op::Rotr, Ty::I16, 0x1234, 4), Some(0x4123));
        assert_eq!(eval_binary(Op::Rotr, Ty::I64, 0x1234, 64), Some(0x1234));
    }

    #[test]
    fn fields() {
        assert_eq!(eval_extract(Op::Extract, Ty::I32, 0xabcd, 4, 8), Some(0xbc));
        assert_eq!(eval_extract(Op::Sextract, Ty::I32, 0xabcd, 4, 8), Some(0xffff_ffbc));
        assert_eq!(eval_extract(Op::Extract, Ty::I64, u64::MAX, 0, 64), Some(u64::MAX));
        assert_eq!(eval_deposit(0xffff_ffff, 0x12, 8, 8), 0xffff_12ff);
        assert_eq!(eval_deposit(1, 2, 0, 64), 2);
    }

    #[test]
    fn borrow_is_the_inverse_of_carry() {
        let c = |op, a, b, c| eval_flags(op, Ty::I32, a, b, c).unwrap().c;
        assert!(c(Op::FlagsSub, 5, 5, 0) && !c(Op::FlagsSub, 5, 6, 0));
        assert!(c(Op::FlagsSbc, 5, 5, 1) && !c(Op::FlagsSbc, 5, 5, 0));
        assert!(c(Op::FlagsAdc, 0xffff_ffff, 0, 1) && !c(Op::FlagsAdc, 0xffff_ffff, 0, 0));
    }

    #[test]
    fn vectors_do_not_carry_between_lanes() {
        let a = 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
        let one = eval_splat(Shape::I8x16, 1);
        assert_eq!(one, 0x0101_0101_0101_0101_0101_0101_0101_0101);
        let vector = |op, shape, imm| eval_vector(op, shape, FoldOp::Add, [a, one, 0], imm);
        assert_eq!(vector(Op::Vadd, Shape::I8x16, 0), Some(0x0100_0100_0100_0100_0100_0100_0100_0100));
        let sgt = eval_vector_compare(IntCc::Sgt, Shape::I16x8, a, 0xffff);
        assert_eq!(sgt, u128::MAX);
        let shifted = eval_vector(Op::Vashr, Shape::I64x2, FoldOp::Add, [1 << 127, 0, 0], 63);
        assert_eq!(shifted, Some((u64::MAX as u128) << 64));
    }
}
