//! Data processing, immediate. Arm ARM, "Data Processing -- Immediate".

use super::{Cx, Flow, sf_ty};
use crate::a64::*;
use brolga_ir::{Op, Ty};

/// ADR, ADRP.
pub fn adr(cx: &mut Cx, i: Adr) -> Flow {
    let imm = super::sign_extend(i.immhi << 2 | i.immlo, 21);
    let target = if i.op { (cx.pc & !0xfff).wrapping_add((imm << 12) as u64) } else { cx.pc.wrapping_add(imm as u64) };
    let v = cx.iconst(Ty::I64, target);
    cx.set_reg(i.rd, v);
    Flow::Next
}

/// ADD, ADDS, SUB, SUBS (immediate).
pub fn addsub_imm(cx: &mut Cx, i: AddsubImm) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg_sp(ty, i.rn);
    let b = cx.iconst(ty, if i.sh { (i.imm12 as u64) << 12 } else { i.imm12 as u64 });
    let r = if i.op { cx.b.isub(ty, a, b) } else { cx.b.iadd(ty, a, b) };
    if i.s {
        let f = if i.op { cx.b.flags_sub(ty, a, b) } else { cx.b.flags_add(ty, a, b) };
        cx.b.set_flags(f);
        cx.set_reg(i.rd, r);
    } else {
        cx.set_reg_sp(i.rd, r);
    }
    Flow::Next
}

/// SMAX, UMAX, SMIN, UMIN (immediate).
pub fn minmax_imm(cx: &mut Cx, i: MinmaxImm) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let imm = if i.opc & 1 != 0 { i.imm8 as u64 } else { super::sign_extend(i.imm8, 8) as u64 };
    let b = cx.iconst(ty, imm);
    let r = cx.binary(minmax_op(i.opc), ty, a, b);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// SMAX, UMAX, SMIN, UMIN by `opc`.
pub fn minmax_op(opc: u32) -> Op {
    [Op::Smax, Op::Umax, Op::Smin, Op::Umin][opc as usize & 3]
}

/// The mask that a logical immediate encodes. Arm ARM, shared pseudocode "DecodeBitMasks".
pub fn bitmask(n: bool, immr: u32, imms: u32) -> u64 {
    let len = 31 - ((n as u32) << 6 | (!imms & 0x3f)).leading_zeros();
    let size = 1u32 << len;
    let (s, r) = (imms & (size - 1), immr & (size - 1));
    let ones = if s == 63 { u64::MAX } else { (1u64 << (s + 1)) - 1 };
    let element = if r == 0 {
        ones
    } else {
        let m = if size == 64 { u64::MAX } else { (1u64 << size) - 1 };
        (ones >> r | ones << (size - r)) & m
    };
    (0..64 / size).fold(0, |acc, k| acc | element << (k * size))
}

/// AND, ORR, EOR, ANDS (immediate).
pub fn logical_imm(cx: &mut Cx, i: LogicalImm) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let b = cx.iconst(ty, bitmask(i.n, i.immr, i.imms));
    let r = match i.opc {
        0 | 3 => cx.b.and(ty, a, b),
        1 => cx.b.or(ty, a, b),
        _ => cx.b.xor(ty, a, b),
    };
    if i.opc == 3 {
        let f = cx.b.flags_logic(ty, r);
        cx.b.set_flags(f);
        cx.set_reg(i.rd, r);
    } else {
        cx.set_reg_sp(i.rd, r);
    }
    Flow::Next
}

/// MOVN, MOVZ, MOVK.
pub fn movewide(cx: &mut Cx, i: Movewide) -> Flow {
    let ty = sf_ty(i.sf);
    let shift = i.hw * 16;
    let imm = (i.imm16 as u64) << shift;
    let v = match i.opc {
        0 => cx.iconst(ty, !imm),
        2 => cx.iconst(ty, imm),
        _ => {
            let old = cx.reg(ty, i.rd);
            let part = cx.iconst(ty, i.imm16 as u64);
            cx.b.deposit(ty, old, part, shift, 16)
        }
    };
    cx.set_reg(i.rd, v);
    Flow::Next
}

/// SBFM, BFM, UBFM.
pub fn bitfield(cx: &mut Cx, i: Bitfield) -> Flow {
    let ty = sf_ty(i.sf);
    let src = cx.reg(ty, i.rn);
    let r = if i.imms >= i.immr {
        let width = i.imms - i.immr + 1;
        extract_field(cx, ty, &i, src, width)
    } else {
        insert_field(cx, ty, &i, src)
    };
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// The field goes down to bit 0: SBFX, UBFX, BFXIL and the right shifts.
fn extract_field(cx: &mut Cx, ty: Ty, i: &Bitfield, src: brolga_ir::Value, width: u32) -> brolga_ir::Value {
    match i.opc {
        0 => cx.b.sextract(ty, src, i.immr, width),
        1 => {
            let field = cx.b.extract(ty, src, i.immr, width);
            let old = cx.reg(ty, i.rd);
            cx.b.deposit(ty, old, field, 0, width)
        }
        _ => cx.b.extract(ty, src, i.immr, width),
    }
}

/// The low bits go up: SBFIZ, UBFIZ, BFI and LSL.
fn insert_field(cx: &mut Cx, ty: Ty, i: &Bitfield, src: brolga_ir::Value) -> brolga_ir::Value {
    let (width, lsb) = (i.imms + 1, ty.bits() - i.immr);
    let amount = cx.iconst(ty, lsb as u64);
    match i.opc {
        0 => {
            let field = cx.b.sextract(ty, src, 0, width);
            cx.b.shl(ty, field, amount)
        }
        1 => {
            let old = cx.reg(ty, i.rd);
            cx.b.deposit(ty, old, src, lsb, width)
        }
        _ if lsb + width == ty.bits() => cx.b.shl(ty, src, amount),
        _ => {
            let field = cx.b.extract(ty, src, 0, width);
            cx.b.shl(ty, field, amount)
        }
    }
}

/// EXTR.
pub fn extr(cx: &mut Cx, i: Extr) -> Flow {
    let ty = sf_ty(i.sf);
    let lo = cx.reg(ty, i.rm);
    let r = if i.rn == i.rm {
        cx.shift(ty, lo, 3, i.imms)
    } else if i.imms == 0 {
        lo
    } else {
        let hi = cx.reg(ty, i.rn);
        let low = cx.shift(ty, lo, 1, i.imms);
        let high = cx.shift(ty, hi, 0, ty.bits() - i.imms);
        cx.b.or(ty, low, high)
    };
    cx.set_reg(i.rd, r);
    Flow::Next
}

#[cfg(test)]
mod tests {
    use super::bitmask;

    #[test]
    fn bitmask_known_values() {
        assert_eq!(bitmask(true, 0, 0), 1);
        assert_eq!(bitmask(true, 1, 0), 1 << 63);
        assert_eq!(bitmask(true, 0, 62), u64::MAX >> 1);
        assert_eq!(bitmask(false, 0, 0b111100), 0x5555_5555_5555_5555);
        assert_eq!(bitmask(false, 4, 0b100111), 0xf00f_f00f_f00f_f00f);
    }
}
