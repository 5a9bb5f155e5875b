//! Loads and stores of general registers. Arm ARM, "Loads and Stores".

use super::{Cx, Flow, dp_reg, sign_extend};
use crate::a64::*;
use crate::state;
use brolga_core::{Align, MemOp, Order, Size};
use brolga_ir::{PrefetchKind, Ty, Value};

/// How an immediate offset is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// To the address only.
    Offset,
    /// To the base register after the access.
    Post,
    /// To the base register and the address.
    Pre,
    /// As `Offset`; at EL0 an unprivileged access is an ordinary one.
    Unpriv,
}

/// Size of a `size` field.
pub fn size(field: u32) -> Size {
    Size::from_log2(field).unwrap_or(Size::B16)
}

/// Where an access goes: base value and constant offset, and the value to write back.
pub struct Addr {
    base: Value,
    offset: i64,
    back: Option<(u32, Value)>,
}

impl Addr {
    /// Base register `rn` (31 is SP) with an immediate.
    pub fn new(cx: &mut Cx, mode: Mode, rn: u32, imm: i64) -> Addr {
        let base = cx.reg_sp(Ty::I64, rn);
        let back = matches!(mode, Mode::Post | Mode::Pre).then(|| {
            let imm = cx.iconst(Ty::I64, imm as u64);
            (rn, cx.b.iadd(Ty::I64, base, imm))
        });
        let offset = if mode == Mode::Post { 0 } else { imm };
        Addr { base, offset, back }
    }

    /// A computed address without write-back.
    pub fn at(base: Value) -> Addr {
        Addr { base, offset: 0, back: None }
    }

    /// Reads.
    pub fn load(&self, cx: &mut Cx, ty: Ty, op: MemOp, plus: i64) -> Value {
        cx.b.load(ty, op, self.base, self.offset + plus)
    }

    /// Writes.
    pub fn store(&self, cx: &mut Cx, op: MemOp, plus: i64, v: Value) {
        cx.b.store(op, self.base, self.offset + plus, v);
    }

    /// Writes the base register back, after the accesses.
    pub fn finish(&self, cx: &mut Cx) {
        if let Some((rn, v)) = self.back {
            cx.set_reg_sp(rn, v);
        }
    }
}

/// The access of `size` and `opc`: 0 store, 1 load, 2 load signed to 64 bits, 3 to 32.
fn transfer(cx: &mut Cx, sz: u32, opc: u32, rt: u32, addr: &Addr, order: Order, align: Align) -> Flow {
    let op = MemOp::plain(size(sz)).order(order).align(align);
    if opc == 0 {
        let v = cx.reg(Ty::I64, rt);
        addr.store(cx, op, 0, v);
        addr.finish(cx);
    } else {
        let ty = if opc == 3 { Ty::I32 } else { Ty::I64 };
        let v = addr.load(cx, ty, op.sign(opc > 1), 0);
        addr.finish(cx);
        cx.set_reg(rt, v);
    }
    Flow::Next
}

fn plain(cx: &mut Cx, sz: u32, opc: u32, rt: u32, addr: &Addr) -> Flow {
    transfer(cx, sz, opc, rt, addr, Order::Plain, Align::None)
}

/// LDR, STR and the narrow forms (unsigned immediate).
pub fn ldst_uimm(cx: &mut Cx, i: LdstUimm) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, (i.imm12 as i64) << i.size);
    plain(cx, i.size, i.opc, i.rt, &addr)
}

/// LDR, STR, LDUR, STUR, LDTR, STTR and the narrow forms (9-bit immediate).
pub fn ldst_imm9(cx: &mut Cx, i: LdstImm9, mode: Mode) -> Flow {
    let addr = Addr::new(cx, mode, i.rn, sign_extend(i.imm9, 9));
    plain(cx, i.size, i.opc, i.rt, &addr)
}

/// Address of a register-offset form.
pub fn reg_offset(cx: &mut Cx, rn: u32, rm: u32, option: u32, shift: u32) -> Addr {
    let base = cx.reg_sp(Ty::I64, rn);
    let offset = cx.extend(Ty::I64, rm, option, shift);
    Addr::at(cx.b.iadd(Ty::I64, base, offset))
}

/// LDR, STR and the narrow forms (register).
pub fn ldst_reg(cx: &mut Cx, i: LdstReg) -> Flow {
    let addr = reg_offset(cx, i.rn, i.rm, i.option, if i.s { i.size } else { 0 });
    plain(cx, i.size, i.opc, i.rt, &addr)
}

/// Announces an access, as `prfop` says: bits 4 and 3 are PLD, PLI or PST, bits 2 and 1 the level of cache, bit 0 is STRM.
fn announce(cx: &mut Cx, prfop: u32, addr: &Addr) -> Flow {
    let kind = match (prfop >> 3, prfop >> 1 & 3) {
        (0, _) if prfop & 1 != 0 => PrefetchKind::Once,
        (0, 0) => PrefetchKind::L1,
        (0, 1) => PrefetchKind::L2,
        (0, _) => PrefetchKind::L3,
        (2, _) => PrefetchKind::Write,
        _ => return Flow::Next,
    };
    cx.b.prefetch(kind, addr.base, addr.offset);
    Flow::Next
}

/// PRFM (immediate).
pub fn prfm_uimm(cx: &mut Cx, i: PrfmUimm) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, (i.imm12 as i64) << 3);
    announce(cx, i.rt, &addr)
}

/// PRFUM.
pub fn prfum(cx: &mut Cx, i: Prfum) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, sign_extend(i.imm9, 9));
    announce(cx, i.rt, &addr)
}

/// PRFM (register).
pub fn prfm_reg(cx: &mut Cx, i: PrfmReg) -> Flow {
    let addr = reg_offset(cx, i.rn, i.rm, i.option, if i.s { 3 } else { 0 });
    announce(cx, i.rt, &addr)
}

/// PRFM (literal).
pub fn prfm_lit(cx: &mut Cx, i: PrfmLit) -> Flow {
    let base = cx.iconst(Ty::I64, cx.pc.wrapping_add((sign_extend(i.imm19, 19) << 2) as u64));
    announce(cx, i.rt, &Addr::at(base))
}

/// RPRFM announces a range: a hint, not taken.
pub fn rprfm(_: &mut Cx, _: Rprfm) -> Flow {
    Flow::Next
}

/// LDRAA, LDRAB.
pub fn ldra(cx: &mut Cx, i: Ldra) -> Flow {
    let pointer = cx.reg_sp(Ty::I64, i.rn);
    let zero = cx.iconst(Ty::I64, 0);
    let base = dp_reg::pac_or_auth(cx, pointer, zero, true, 2 | i.m as u32);
    let offset = sign_extend((i.s as u32) << 9 | i.imm9, 10) << 3;
    let v = cx.b.load(Ty::I64, MemOp::plain(Size::B8), base, offset);
    if i.w {
        let imm = cx.iconst(Ty::I64, offset as u64);
        let back = cx.b.iadd(Ty::I64, base, imm);
        cx.set_reg_sp(i.rn, back);
    }
    cx.set_reg(i.rt, v);
    Flow::Next
}

/// LDR, LDRSW (literal).
pub fn ldr_lit(cx: &mut Cx, i: LdrLit) -> Flow {
    let base = cx.iconst(Ty::I64, cx.pc.wrapping_add((sign_extend(i.imm19, 19) << 2) as u64));
    let op = MemOp::plain(if i.opc == 1 { Size::B8 } else { Size::B4 }).sign(i.opc == 2);
    let v = cx.b.load(Ty::I64, op, base, 0);
    cx.set_reg(i.rt, v);
    Flow::Next
}

/// LDP, STP, LDPSW, LDNP, STNP.
pub fn ldst_pair(cx: &mut Cx, i: LdstPair, mode: Mode) -> Flow {
    let log2 = if i.opc == 2 { 3 } else { 2 };
    let bytes = 1i64 << log2;
    let addr = Addr::new(cx, mode, i.rn, sign_extend(i.imm7, 7) << log2);
    let op = MemOp::plain(size(log2));
    if i.l {
        let op = op.sign(i.opc == 1);
        let a = addr.load(cx, Ty::I64, op, 0);
        let b = addr.load(cx, Ty::I64, op, bytes);
        addr.finish(cx);
        cx.set_reg(i.rt, a);
        cx.set_reg(i.rt2, b);
    } else {
        let (a, b) = (cx.reg(Ty::I64, i.rt), cx.reg(Ty::I64, i.rt2));
        addr.store(cx, op, 0, a);
        addr.store(cx, op, bytes, b);
        addr.finish(cx);
    }
    Flow::Next
}

/// LDAPUR, STLUR and the narrow forms. Arm ARM, "LDAPR/STLR (unscaled immediate)".
pub fn ldapur_stlur(cx: &mut Cx, i: LdapurStlur) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, sign_extend(i.imm9, 9));
    let order = if i.opc == 0 { Order::SeqCst } else { Order::Acquire };
    transfer(cx, i.size, i.opc, i.rt, &addr, order, Align::Within16)
}

/// STLR (pre-index).
pub fn stlr_pre(cx: &mut Cx, i: StlrPre) -> Flow {
    let log2 = 2 + i.sz as u32;
    let addr = Addr::new(cx, Mode::Pre, i.rn, -(1 << log2));
    transfer(cx, log2, 0, i.rt, &addr, Order::SeqCst, Align::Within16)
}

/// LDAPR (post-index).
pub fn ldapr_post(cx: &mut Cx, i: LdaprPost) -> Flow {
    let log2 = 2 + i.sz as u32;
    let addr = Addr::new(cx, Mode::Post, i.rn, 1 << log2);
    transfer(cx, log2, 1, i.rt, &addr, Order::Acquire, Align::Within16)
}

/// STILP: the pair's first access may be the one at the higher address; both are released.
pub fn stilp(cx: &mut Cx, i: Stilp) -> Flow {
    let log2 = 2 + i.sz as u32;
    let bytes = 1i64 << log2;
    let mode = if i.o { Mode::Offset } else { Mode::Pre };
    let addr = Addr::new(cx, mode, i.rn, if i.o { 0 } else { -2 * bytes });
    let op = MemOp::plain(size(log2)).order(Order::SeqCst);
    let (a, b) = (cx.reg(Ty::I64, i.rt), cx.reg(Ty::I64, i.rt2));
    addr.store(cx, op, 0, a);
    addr.store(cx, op, bytes, b);
    addr.finish(cx);
    Flow::Next
}

/// LDIAPP.
pub fn ldiapp(cx: &mut Cx, i: Ldiapp) -> Flow {
    let log2 = 2 + i.sz as u32;
    let bytes = 1i64 << log2;
    let mode = if i.o { Mode::Offset } else { Mode::Post };
    let addr = Addr::new(cx, mode, i.rn, if i.o { 0 } else { 2 * bytes });
    let op = MemOp::plain(size(log2)).order(Order::Acquire);
    let a = addr.load(cx, Ty::I64, op, 0);
    let b = addr.load(cx, Ty::I64, op, bytes);
    addr.finish(cx);
    cx.set_reg(i.rt, a);
    cx.set_reg(i.rt2, b);
    Flow::Next
}

/// Clears the exclusive monitor's words: used by what loses exclusivity.
pub fn open_monitor(cx: &mut Cx) {
    let open = cx.iconst(Ty::I64, u64::MAX);
    cx.b.set(state::EXCL_ADDR, open);
}
