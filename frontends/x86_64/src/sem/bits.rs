//! Bit tests, scans, counts and the bit manipulation extensions.

use super::operand::{Place, int, plain};
use super::{Cx, Flow, atomic};
use crate::exec;
use brolga_core::RmwOp;
use brolga_ir::{IntCc, PrefetchKind, Ty, Value};
use iced_x86::{Mnemonic, OpKind};

/// What a bit test does to the bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// BT
    Nothing,
    /// BTS
    Set,
    /// BTR
    Reset,
    /// BTC
    Complement,
}

/// BT, BTS, BTR, BTC. A register bit offset may reach beyond a memory operand.
pub fn bit_test(cx: &mut Cx, change: Change) -> Flow {
    let ty = cx.ty(0);
    let bits = ty.bits() as u64;
    let far = cx.i.op1_kind() == OpKind::Register;
    let offset = cx.src_as(1, ty);
    let place = if far && cx.i.op0_kind() == OpKind::Memory {
        // Whole operands towards the bit, which may lie before the address.
        let wide = cx.sext(Ty::I64, offset);
        let shift = cx.iconst(Ty::I64, bits.trailing_zeros() as u64);
        let units = cx.b.ashr(Ty::I64, wide, shift);
        let scale = cx.iconst(Ty::I64, (bits / 8).trailing_zeros() as u64);
        let bytes = cx.b.shl(Ty::I64, units, scale);
        let (addr, at) = cx.address_and(bytes);
        Place::Mem(addr, at)
    } else {
        cx.place(0)
    };
    let mask = cx.iconst(ty, bits - 1);
    let offset = cx.b.and(ty, offset, mask);
    let one = cx.iconst(ty, 1);
    let bit = cx.b.shl(ty, one, offset);
    let v = match change {
        Change::Nothing => cx.load(place, ty),
        _ if cx.i.has_lock_prefix() => locked(cx, change, place, ty, bit),
        _ => {
            let v = cx.load(place, ty);
            let r = match change {
                Change::Set => cx.b.or(ty, v, bit),
                Change::Reset => cx.b.bic(ty, v, bit),
                _ => cx.b.xor(ty, v, bit),
            };
            cx.store(place, r);
            v
        }
    };
    let down = cx.b.lshr(ty, v, offset);
    let cf = cx.b.extract(ty, down, 0, 1);
    let cf = cx.b.zext(Ty::I8, cf);
    cx.set_cf(cf);
    Flow::Next
}

fn locked(cx: &mut Cx, change: Change, place: Place, ty: Ty, bit: Value) -> Value {
    let bit = cx.widen(bit);
    match change {
        Change::Set => atomic::rmw(cx, RmwOp::Or, place, ty, bit),
        Change::Reset => {
            let rest = cx.b.not(Ty::I64, bit);
            atomic::rmw(cx, RmwOp::And, place, ty, rest)
        }
        _ => atomic::rmw(cx, RmwOp::Xor, place, ty, bit),
    }
}

/// BSF, BSR: of zero the destination stays, as processors do; ZF tells.
pub fn scan(cx: &mut Cx, reverse: bool) -> Flow {
    let ty = cx.ty(0);
    let (v, old) = (cx.src_as(1, ty), cx.src(0));
    let n = if reverse {
        let n = cx.b.clz(ty, v);
        let top = cx.iconst(ty, ty.bits() as u64 - 1);
        cx.b.isub(ty, top, n)
    } else {
        cx.b.ctz(ty, v)
    };
    let zero = cx.iconst(ty, 0);
    let any = cx.b.icmp(ty, IntCc::Ne, v, zero);
    let r = cx.b.select(ty, any, n, old);
    // A 32-bit destination keeps its upper half then, too.
    if ty == Ty::I32 {
        let row = super::operand::row(cx.i.op0_register());
        let (kept, r) = (cx.b.get(row), cx.widen(r));
        let r = cx.b.select(Ty::I64, any, r, kept);
        cx.b.set(row, r);
    } else {
        cx.set_op(0, r);
    }
    cx.flags_result(ty, v);
    Flow::Next
}

/// LZCNT, TZCNT: CF for a zero source, ZF for a zero result.
pub fn count_zeros(cx: &mut Cx, leading: bool) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    let r = if leading { cx.b.clz(ty, v) } else { cx.b.ctz(ty, v) };
    let zero = cx.iconst(ty, 0);
    let none = cx.b.icmp(ty, IntCc::Eq, v, zero);
    cx.set_op(0, r);
    let f = cx.flags_carry(ty, r, none);
    cx.b.set_flags(f);
    Flow::Next
}

/// POPCNT: ZF, all others clear.
pub fn popcnt(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    let r = cx.b.popcnt(ty, v);
    cx.set_op(0, r);
    let zero = cx.iconst(ty, 0);
    let none = cx.b.icmp(ty, IntCc::Eq, v, zero);
    let z = cx.widen(none);
    let at = cx.iconst(Ty::I64, 30);
    let z = cx.b.shl(Ty::I64, z, at);
    let no_carry = cx.iconst(Ty::I64, 1 << 29);
    let bits = cx.b.or(Ty::I64, z, no_carry);
    cx.set_packed(bits);
    Flow::Next
}

/// ANDN: SF and ZF of the result.
pub fn andn(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (a, b) = (cx.src(1), cx.src_as(2, ty));
    let r = cx.b.bic(ty, b, a);
    cx.set_op(0, r);
    cx.flags_result(ty, r);
    Flow::Next
}

/// BLSI, BLSR, BLSMSK: the lowest bit that is set.
pub fn lowest_bit(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    let (zero, one) = (cx.iconst(ty, 0), cx.iconst(ty, 1));
    let below = cx.b.isub(ty, v, one);
    let r = match cx.i.mnemonic() {
        Mnemonic::Blsi => {
            let n = cx.b.neg(ty, v);
            cx.b.and(ty, v, n)
        }
        Mnemonic::Blsr => cx.b.and(ty, v, below),
        _ => cx.b.xor(ty, v, below),
    };
    let cc = if cx.i.mnemonic() == Mnemonic::Blsi { IntCc::Ne } else { IntCc::Eq };
    let cf = cx.b.icmp(ty, cc, v, zero);
    cx.set_op(0, r);
    let f = cx.flags_carry(ty, r, cf);
    cx.b.set_flags(f);
    Flow::Next
}

/// Bits of a value below `n`, which may be the width or more.
fn low_bits(cx: &mut Cx, ty: Ty, v: Value, n: Value) -> Value {
    let width = cx.iconst(ty, ty.bits() as u64);
    let (one, zero) = (cx.iconst(ty, 1), cx.iconst(ty, 0));
    let within = cx.b.icmp(ty, IntCc::Ult, n, width);
    let bit = cx.b.shl(ty, one, n);
    let bit = cx.b.select(ty, within, bit, zero);
    let mask = cx.b.isub(ty, bit, one);
    cx.b.and(ty, v, mask)
}

/// BZHI: CF if the index is the width or more.
pub fn bzhi(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (v, n) = (cx.src_as(1, ty), cx.src_as(2, ty));
    let n = cx.b.extract(ty, n, 0, 8);
    let r = low_bits(cx, ty, v, n);
    let top = cx.iconst(ty, ty.bits() as u64 - 1);
    let cf = cx.b.icmp(ty, IntCc::Ugt, n, top);
    cx.set_op(0, r);
    let f = cx.flags_carry(ty, r, cf);
    cx.b.set_flags(f);
    Flow::Next
}

/// BEXTR: start and length in one register.
pub fn bextr(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (v, control) = (cx.src_as(1, ty), cx.src_as(2, ty));
    let (start, len) = (cx.b.extract(ty, control, 0, 8), cx.b.extract(ty, control, 8, 8));
    let width = cx.iconst(ty, ty.bits() as u64);
    let zero = cx.iconst(ty, 0);
    let within = cx.b.icmp(ty, IntCc::Ult, start, width);
    let moved = cx.b.lshr(ty, v, start);
    let moved = cx.b.select(ty, within, moved, zero);
    let r = low_bits(cx, ty, moved, len);
    cx.set_op(0, r);
    cx.flags_result(ty, r);
    Flow::Next
}

/// PDEP, PEXT.
pub fn deposit_extract(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (v, mask) = (cx.src(1), cx.src_as(2, ty));
    let (v, mask) = (cx.widen(v), cx.widen(mask));
    let helper = if cx.i.mnemonic() == Mnemonic::Pdep { exec::PDEP } else { exec::PEXT };
    let r = cx.pure_call(helper, &[v, mask]);
    let r = cx.narrow(ty, r);
    cx.set_op(0, r);
    Flow::Next
}

/// CRC32: the Castagnoli polynomial.
pub fn crc32(cx: &mut Cx) -> Flow {
    let from = cx.ty(1);
    let (acc, v) = (cx.src(0), cx.src(1));
    let (acc, v) = (cx.widen(acc), cx.widen(v));
    let bytes = cx.iconst(Ty::I64, from.bits() as u64 / 8);
    let r = cx.pure_call(exec::CRC32C, &[acc, v, bytes]);
    let r = cx.narrow(int(cx.i.op0_register().size()), r);
    cx.set_op(0, r);
    Flow::Next
}

/// Does nothing that a program could tell.
pub fn hint(_: &mut Cx) -> Flow {
    Flow::Next
}

/// PREFETCHlevel, PREFETCHW.
pub fn prefetch(cx: &mut Cx, kind: PrefetchKind) -> Flow {
    let (addr, offset) = cx.address();
    cx.b.prefetch(kind, addr, offset);
    Flow::Next
}

/// CLFLUSH, CLFLUSHOPT, CLWB: the address must be readable.
pub fn flush_line(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    cx.b.load(Ty::I8, plain(Ty::I8), addr, offset);
    Flow::Next
}
