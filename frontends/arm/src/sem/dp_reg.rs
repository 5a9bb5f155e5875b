//! Data processing, register. Arm ARM, "Data Processing -- Register".

use super::{Cx, Flow, dp_imm, sf_ty};
use crate::a64::*;
use crate::exec;
use brolga_core::Cond;
use brolga_ir::{IntCc, Ty, Value};

/// AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS (shifted register).
pub fn logical_shift(cx: &mut Cx, i: LogicalShift) -> Flow {
    let ty = sf_ty(i.sf);
    let m = cx.reg(ty, i.rm);
    let b = cx.shift(ty, m, i.shift, i.imm6);
    if i.rn == 31 && i.opc == 1 && !i.n {
        cx.set_reg(i.rd, b); // MOV (register)
        return Flow::Next;
    }
    let a = cx.reg(ty, i.rn);
    let r = match (i.opc, i.n) {
        (0 | 3, false) => cx.b.and(ty, a, b),
        (0 | 3, true) => cx.b.bic(ty, a, b),
        (op, n) => {
            let b = if n { cx.b.not(ty, b) } else { b };
            if op == 1 { cx.b.or(ty, a, b) } else { cx.b.xor(ty, a, b) }
        }
    };
    if i.opc == 3 {
        let f = cx.b.flags_logic(ty, r);
        cx.b.set_flags(f);
    }
    cx.set_reg(i.rd, r);
    Flow::Next
}

fn addsub(cx: &mut Cx, ty: Ty, op: bool, s: bool, rd: u32, a: Value, b: Value, sp: bool) -> Flow {
    let r = if op { cx.b.isub(ty, a, b) } else { cx.b.iadd(ty, a, b) };
    if s {
        let f = if op { cx.b.flags_sub(ty, a, b) } else { cx.b.flags_add(ty, a, b) };
        cx.b.set_flags(f);
    }
    if sp && !s {
        cx.set_reg_sp(rd, r)
    } else {
        cx.set_reg(rd, r)
    }
    Flow::Next
}

/// ADD, ADDS, SUB, SUBS (shifted register).
pub fn addsub_shift(cx: &mut Cx, i: AddsubShift) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let m = cx.reg(ty, i.rm);
    let b = cx.shift(ty, m, i.shift, i.imm6);
    addsub(cx, ty, i.op, i.s, i.rd, a, b, false)
}

/// ADD, ADDS, SUB, SUBS (extended register).
pub fn addsub_ext(cx: &mut Cx, i: AddsubExt) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg_sp(ty, i.rn);
    let b = cx.extend(ty, i.rm, i.option, i.imm3);
    addsub(cx, ty, i.op, i.s, i.rd, a, b, true)
}

/// ADC, ADCS, SBC, SBCS.
pub fn addsub_carry(cx: &mut Cx, i: AddsubCarry) -> Flow {
    let ty = sf_ty(i.sf);
    let (a, b) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    let c = {
        let f = cx.b.get_flags();
        cx.b.cond(Cond::Cs, f)
    };
    let carry = cx.b.zext(ty, c);
    let r = if i.op {
        // a - b - (1 - c) = a + !b + c
        let nb = cx.b.not(ty, b);
        let t = cx.b.iadd(ty, a, nb);
        cx.b.iadd(ty, t, carry)
    } else {
        let t = cx.b.iadd(ty, a, b);
        cx.b.iadd(ty, t, carry)
    };
    if i.s {
        let f = if i.op { cx.b.flags_sbc(ty, a, b, c) } else { cx.b.flags_adc(ty, a, b, c) };
        cx.b.set_flags(f);
    }
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// The flags word with the bits of `mask` taken from `new`; both hold N Z C V in bits 31..28.
fn merge_flags(cx: &mut Cx, new: Value, mask: u64) {
    let f = cx.b.get_flags();
    let old = cx.b.flags_unpack(f);
    let m = cx.iconst(Ty::I64, mask);
    let keep = cx.b.bic(Ty::I64, old, m);
    let take = cx.b.and(Ty::I64, new, m);
    let both = cx.b.or(Ty::I64, keep, take);
    let f = cx.b.flags_pack(both);
    cx.b.set_flags(f);
}

/// RMIF: bits of a rotated register into flags.
pub fn rmif(cx: &mut Cx, i: Rmif) -> Flow {
    let v = cx.reg(Ty::I64, i.rn);
    let rotated = cx.shift(Ty::I64, v, 3, i.imm6);
    let new = cx.shift(Ty::I64, rotated, 0, 28);
    merge_flags(cx, new, (i.mask as u64) << 28);
    Flow::Next
}

/// SETF8, SETF16: N, Z and V of a narrow value; C is kept.
pub fn setf(cx: &mut Cx, i: Setf) -> Flow {
    let top = if i.sz { 15 } else { 7 };
    let v = cx.reg(Ty::I64, i.rn);
    let n = cx.b.extract(Ty::I64, v, top, 1);
    let above = cx.b.extract(Ty::I64, v, top + 1, 1);
    let low = cx.b.extract(Ty::I64, v, 0, top + 1);
    let zero = cx.iconst(Ty::I64, 0);
    let z = cx.b.icmp(Ty::I64, IntCc::Eq, low, zero);
    let z = cx.b.zext(Ty::I64, z);
    let o = cx.b.xor(Ty::I64, n, above);
    let n = cx.shift(Ty::I64, n, 0, 31);
    let z = cx.shift(Ty::I64, z, 0, 30);
    let o = cx.shift(Ty::I64, o, 0, 28);
    let nz = cx.b.or(Ty::I64, n, z);
    let new = cx.b.or(Ty::I64, nz, o);
    merge_flags(cx, new, 0xd000_0000);
    Flow::Next
}

fn ccmp(cx: &mut Cx, ty: Ty, op: bool, a: Value, b: Value, cond: u32, nzcv: u32) -> Flow {
    let compared = if op { cx.b.flags_sub(ty, a, b) } else { cx.b.flags_add(ty, a, b) };
    let f = if Cond::from_bits(cond).is_none() {
        compared
    } else {
        let c = cx.cond(cond);
        let bits = cx.iconst(Ty::I64, (nzcv as u64) << 28);
        let other = cx.b.flags_pack(bits);
        cx.b.flags_select(c, compared, other)
    };
    cx.b.set_flags(f);
    Flow::Next
}

/// CCMN, CCMP (register).
pub fn ccmp_reg(cx: &mut Cx, i: CcmpReg) -> Flow {
    let ty = sf_ty(i.sf);
    let (a, b) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    ccmp(cx, ty, i.op, a, b, i.cond, i.nzcv)
}

/// CCMN, CCMP (immediate).
pub fn ccmp_imm(cx: &mut Cx, i: CcmpImm) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let b = cx.iconst(ty, i.imm5 as u64);
    ccmp(cx, ty, i.op, a, b, i.cond, i.nzcv)
}

/// CSEL, CSINC, CSINV, CSNEG.
pub fn csel(cx: &mut Cx, i: Csel) -> Flow {
    let ty = sf_ty(i.sf);
    let c = cx.cond(i.cond);
    if i.rn == 31 && i.rm == 31 && !i.op && i.o2 {
        // CSET: the condition is inverted in the encoding.
        let one = cx.iconst(Ty::I8, 1);
        let c = cx.b.xor(Ty::I8, c, one);
        cx.set_reg(i.rd, c);
        return Flow::Next;
    }
    let a = cx.reg(ty, i.rn);
    let m = cx.reg(ty, i.rm);
    let b = match (i.op, i.o2) {
        (false, false) => m,
        (false, true) => {
            let one = cx.iconst(ty, 1);
            cx.b.iadd(ty, m, one)
        }
        (true, false) => cx.b.not(ty, m),
        (true, true) => cx.b.neg(ty, m),
    };
    let r = cx.b.select(ty, c, a, b);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// UDIV, SDIV.
pub fn div(cx: &mut Cx, i: Div) -> Flow {
    let ty = sf_ty(i.sf);
    let (a, b) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    let r = if i.o1 { cx.b.sdiv(ty, a, b) } else { cx.b.udiv(ty, a, b) };
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// LSLV, LSRV, ASRV, RORV.
pub fn shiftv(cx: &mut Cx, i: Shiftv) -> Flow {
    let ty = sf_ty(i.sf);
    let (a, b) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    let r = cx.shift_by(ty, a, i.op2, b);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// CRC32B..CRC32X, CRC32CB..CRC32CX.
pub fn crc32(cx: &mut Cx, i: Crc32) -> Flow {
    let acc = cx.reg(Ty::I64, i.rn);
    let value = cx.reg(Ty::I64, i.rm);
    let how = cx.iconst(Ty::I64, 1 << i.sz | (i.c as u64) << 8);
    let r = cx.pure_call(exec::CRC32, &[acc, value, how]);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// SMAX, UMAX, SMIN, UMIN (register).
pub fn minmax_reg(cx: &mut Cx, i: MinmaxReg) -> Flow {
    let ty = sf_ty(i.sf);
    let (a, b) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    let r = cx.binary(dp_imm::minmax_op(i.opc), ty, a, b);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// PACGA.
pub fn pacga(cx: &mut Cx, i: Pacga) -> Flow {
    let a = cx.reg(Ty::I64, i.rn);
    let b = cx.reg_sp(Ty::I64, i.rm);
    let zero = cx.iconst(Ty::I64, 0);
    let r = cx.pure_call(exec::PAC_GENERIC, &[a, b, zero]);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// RBIT.
pub fn rbit(cx: &mut Cx, i: Rbit) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let r = cx.b.bitrev(ty, a);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// REV16, REV32, REV.
pub fn rev(cx: &mut Cx, i: Rev) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let r = match (i.opc, i.sf) {
        (1, _) => {
            let mask = cx.iconst(ty, 0x00ff_00ff_00ff_00ff);
            let up = cx.b.and(ty, a, mask);
            let up = cx.shift(ty, up, 0, 8);
            let down = cx.shift(ty, a, 1, 8);
            let down = cx.b.and(ty, down, mask);
            cx.b.or(ty, up, down)
        }
        (2, true) => {
            let all = cx.b.bswap(ty, a);
            cx.shift(ty, all, 3, 32)
        }
        _ => cx.b.bswap(ty, a),
    };
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// CLZ, CLS.
pub fn clz(cx: &mut Cx, i: Clz) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let r = if i.op { cx.b.cls(ty, a) } else { cx.b.clz(ty, a) };
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// CTZ.
pub fn ctz(cx: &mut Cx, i: Ctz) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let r = cx.b.ctz(ty, a);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// CNT (general register).
pub fn cnt(cx: &mut Cx, i: Cnt) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let r = cx.b.popcnt(ty, a);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// ABS (general register).
pub fn abs(cx: &mut Cx, i: Abs) -> Flow {
    let ty = sf_ty(i.sf);
    let a = cx.reg(ty, i.rn);
    let n = cx.b.neg(ty, a);
    let zero = cx.iconst(ty, 0);
    let negative = cx.b.icmp(ty, IntCc::Slt, a, zero);
    let r = cx.b.select(ty, negative, n, a);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// Key number of the helpers from the manual's order IA, IB, DA, DB in the low two bits.
fn authenticate(cx: &mut Cx, rd: u32, modifier: Value, op: u32) -> Flow {
    let pointer = cx.reg(Ty::I64, rd);
    let r = pac_or_auth(cx, pointer, modifier, op & 4 != 0, op & 3);
    cx.set_reg(rd, r);
    Flow::Next
}

/// Adds (`auth` false) or checks a pointer authentication code.
pub fn pac_or_auth(cx: &mut Cx, pointer: Value, modifier: Value, auth: bool, key: u32) -> Value {
    let key = cx.iconst(Ty::I64, key as u64);
    let helper = if auth { exec::PAC_AUTH } else { exec::PAC_ADD };
    cx.pure_call(helper, &[pointer, modifier, key])
}

/// PACIA..AUTDB.
pub fn pacaut(cx: &mut Cx, i: Pacaut) -> Flow {
    let modifier = cx.reg_sp(Ty::I64, i.rn);
    authenticate(cx, i.rd, modifier, i.op)
}

/// PACIZA..AUTDZB.
pub fn pacautz(cx: &mut Cx, i: Pacautz) -> Flow {
    let zero = cx.iconst(Ty::I64, 0);
    authenticate(cx, i.rd, zero, i.op)
}

/// Removes a pointer's code: bits 54..48 become copies of bit 55; if that is set, the top byte too.
pub fn strip(cx: &mut Cx, pointer: Value) -> Value {
    let s = cx.b.sextract(Ty::I64, pointer, 55, 1);
    let r = cx.b.deposit(Ty::I64, pointer, s, 48, 7);
    let top = cx.shift(Ty::I64, s, 0, 56);
    cx.b.or(Ty::I64, r, top)
}

/// XPACI, XPACD.
pub fn xpac(cx: &mut Cx, i: Xpac) -> Flow {
    let pointer = cx.reg(Ty::I64, i.rd);
    let r = strip(cx, pointer);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// MADD, MSUB.
pub fn madd(cx: &mut Cx, i: Madd) -> Flow {
    let ty = sf_ty(i.sf);
    let (n, m) = (cx.reg(ty, i.rn), cx.reg(ty, i.rm));
    let p = cx.b.imul(ty, n, m);
    let r = accumulate(cx, ty, i.ra, i.o0, p);
    cx.set_reg(i.rd, r);
    Flow::Next
}

fn accumulate(cx: &mut Cx, ty: Ty, ra: u32, subtract: bool, p: Value) -> Value {
    if ra == 31 && !subtract {
        return p;
    }
    let a = cx.reg(ty, ra);
    if subtract { cx.b.isub(ty, a, p) } else { cx.b.iadd(ty, a, p) }
}

/// SMADDL, SMSUBL, UMADDL, UMSUBL.
pub fn maddl(cx: &mut Cx, i: Maddl) -> Flow {
    let (n, m) = (cx.reg(Ty::I32, i.rn), cx.reg(Ty::I32, i.rm));
    let (n, m) = if i.u {
        (cx.b.zext(Ty::I64, n), cx.b.zext(Ty::I64, m))
    } else {
        (cx.b.sext(Ty::I64, n), cx.b.sext(Ty::I64, m))
    };
    let p = cx.b.imul(Ty::I64, n, m);
    let r = accumulate(cx, Ty::I64, i.ra, i.o0, p);
    cx.set_reg(i.rd, r);
    Flow::Next
}

/// SMULH, UMULH.
pub fn mulh(cx: &mut Cx, i: Mulh) -> Flow {
    let (n, m) = (cx.reg(Ty::I64, i.rn), cx.reg(Ty::I64, i.rm));
    let r = if i.u { cx.b.umulh(Ty::I64, n, m) } else { cx.b.smulh(Ty::I64, n, m) };
    cx.set_reg(i.rd, r);
    Flow::Next
}
