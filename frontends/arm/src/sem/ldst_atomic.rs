//! Exclusives, ordered accesses and LSE atomics.
//!
//! A store-exclusive is a compare-and-exchange with the value that the load-exclusive read: it can
//! succeed where memory changed and changed back (ABA), which the architecture's monitor would refuse.

use super::ldst::{Addr, Mode, open_monitor, size};
use super::{Cx, Flow};
use crate::a64::*;
use crate::state;
use brolga_core::{Align, MemOp, Order, RmwOp};
use brolga_ir::{IntCc, Ty, Value};

/// An atomic or exclusive access: with FEAT_LSE2 it need not be aligned while it stays inside 16 aligned bytes. Arm ARM,
/// shared pseudocode "AArch64.UnalignedAccessFaults".
fn atomic(log2: u32) -> MemOp {
    MemOp::plain(size(log2)).order(Order::SeqCst).align(Align::Within16)
}

fn address(cx: &mut Cx, rn: u32) -> Value {
    cx.reg_sp(Ty::I64, rn)
}

/// LDXR, LDAXR and the narrow forms.
pub fn ldxr(cx: &mut Cx, i: Ldxr) -> Flow {
    let addr = address(cx, i.rn);
    let v = cx.b.load(Ty::I64, atomic(i.size), addr, 0);
    let bytes = cx.iconst(Ty::I64, 1 << i.size);
    cx.b.set(state::EXCL_ADDR, addr);
    cx.b.set(state::EXCL_SIZE, bytes);
    cx.b.set(state::EXCL_LO, v);
    cx.set_reg(i.rt, v);
    Flow::Next
}

/// Runs `attempt` if the monitor holds `addr` and `bytes`; it returns 0 for success, else 1. Ends the block.
fn conditional_store(
    cx: &mut Cx,
    rs: u32,
    addr: Value,
    bytes: u64,
    attempt: impl FnOnce(&mut Cx, Value) -> Value,
) -> Flow {
    let watched = cx.b.get(state::EXCL_ADDR);
    let same = cx.b.icmp(Ty::I64, IntCc::Eq, watched, addr);
    let width = cx.b.get(state::EXCL_SIZE);
    let want = cx.iconst(Ty::I64, bytes);
    let fits = cx.b.icmp(Ty::I64, IntCc::Eq, width, want);
    let ok = cx.b.and(Ty::I8, same, fits);
    let (go, lost) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(ok, (go, &[addr]), (lost, &[]));
    cx.b.bind(go);
    let addr = cx.b.param(Ty::I64);
    let status = attempt(cx, addr);
    open_monitor(cx);
    cx.set_reg(rs, status);
    let next = cx.next_pc();
    cx.b.goto(brolga_ir::JumpKind::Jump, next);
    cx.b.bind(lost);
    open_monitor(cx);
    let one = cx.iconst(Ty::I64, 1);
    cx.set_reg(rs, one);
    cx.goto(brolga_ir::JumpKind::Jump, next)
}

/// STXR, STLXR and the narrow forms.
pub fn stxr(cx: &mut Cx, i: Stxr) -> Flow {
    let addr = address(cx, i.rn);
    conditional_store(cx, i.rs, addr, 1 << i.size, |cx, addr| {
        let expected = cx.b.get(state::EXCL_LO);
        let new = cx.reg(Ty::I64, i.rt);
        let old = cx.b.cas(Ty::I64, atomic(i.size), addr, expected, new);
        let failed = cx.b.icmp(Ty::I64, IntCc::Ne, old, expected);
        cx.b.zext(Ty::I64, failed)
    })
}

/// Two registers as one access of twice the width, low register first.
fn join(cx: &mut Cx, sz: bool, lo: Value, hi: Value) -> Value {
    if sz {
        let v = cx.b.vscalar(lo);
        cx.b.insert(brolga_ir::Shape::I64x2, v, hi, 1)
    } else {
        cx.b.deposit(Ty::I64, lo, hi, 32, 32)
    }
}

/// Inverse of `join`.
fn split(cx: &mut Cx, sz: bool, v: Value) -> (Value, Value) {
    if sz {
        let lo = cx.b.lane(Ty::I64, brolga_ir::Shape::I64x2, v, 0);
        (lo, cx.b.lane(Ty::I64, brolga_ir::Shape::I64x2, v, 1))
    } else {
        let lo = cx.b.extract(Ty::I64, v, 0, 32);
        (lo, cx.b.extract(Ty::I64, v, 32, 32))
    }
}

/// LDXP, LDAXP.
pub fn ldxp(cx: &mut Cx, i: Ldxp) -> Flow {
    let addr = address(cx, i.rn);
    let ty = if i.sz { Ty::V128 } else { Ty::I64 };
    let v = cx.b.load(ty, atomic(3 + i.sz as u32), addr, 0);
    let (lo, hi) = split(cx, i.sz, v);
    let bytes = cx.iconst(Ty::I64, 8 << i.sz as u32);
    cx.b.set(state::EXCL_ADDR, addr);
    cx.b.set(state::EXCL_SIZE, bytes);
    cx.b.set(state::EXCL_LO, lo);
    cx.b.set(state::EXCL_HI, hi);
    cx.set_reg(i.rt, lo);
    cx.set_reg(i.rt2, hi);
    Flow::Next
}

/// STXP, STLXP.
pub fn stxp(cx: &mut Cx, i: Stxp) -> Flow {
    let addr = address(cx, i.rn);
    conditional_store(cx, i.rs, addr, 8 << i.sz as u32, |cx, addr| {
        let (elo, ehi) = (cx.b.get(state::EXCL_LO), cx.b.get(state::EXCL_HI));
        let (nlo, nhi) = (cx.reg(Ty::I64, i.rt), cx.reg(Ty::I64, i.rt2));
        let expected = join(cx, i.sz, elo, ehi);
        let new = join(cx, i.sz, nlo, nhi);
        let ty = if i.sz { Ty::V128 } else { Ty::I64 };
        let old = cx.b.cas(ty, atomic(3 + i.sz as u32), addr, expected, new);
        let (olo, ohi) = split(cx, i.sz, old);
        let lo = cx.b.xor(Ty::I64, olo, elo);
        let hi = cx.b.xor(Ty::I64, ohi, ehi);
        let differ = cx.b.or(Ty::I64, lo, hi);
        let zero = cx.iconst(Ty::I64, 0);
        let failed = cx.b.icmp(Ty::I64, IntCc::Ne, differ, zero);
        cx.b.zext(Ty::I64, failed)
    })
}

fn ordered_load(cx: &mut Cx, log2: u32, rn: u32, rt: u32, order: Order) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, rn, 0);
    let v = addr.load(cx, Ty::I64, MemOp::plain(size(log2)).order(order).align(Align::Within16), 0);
    cx.set_reg(rt, v);
    Flow::Next
}

fn ordered_store(cx: &mut Cx, log2: u32, rn: u32, rt: u32) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, rn, 0);
    let v = cx.reg(Ty::I64, rt);
    addr.store(cx, MemOp::plain(size(log2)).order(Order::SeqCst).align(Align::Within16), 0, v);
    Flow::Next
}

/// STLLR and the narrow forms.
pub fn stllr(cx: &mut Cx, i: Stllr) -> Flow {
    ordered_store(cx, i.size, i.rn, i.rt)
}

/// STLR and the narrow forms.
pub fn stlr(cx: &mut Cx, i: Stlr) -> Flow {
    ordered_store(cx, i.size, i.rn, i.rt)
}

/// LDLAR and the narrow forms.
pub fn ldlar(cx: &mut Cx, i: Ldlar) -> Flow {
    ordered_load(cx, i.size, i.rn, i.rt, Order::SeqCst)
}

/// LDAR and the narrow forms.
pub fn ldar(cx: &mut Cx, i: Ldar) -> Flow {
    ordered_load(cx, i.size, i.rn, i.rt, Order::SeqCst)
}

/// LDAPR and the narrow forms.
pub fn ldapr(cx: &mut Cx, i: Ldapr) -> Flow {
    ordered_load(cx, i.size, i.rn, i.rt, Order::Acquire)
}

/// CAS and its forms.
pub fn cas(cx: &mut Cx, i: Cas) -> Flow {
    let addr = address(cx, i.rn);
    let (expected, new) = (cx.reg(Ty::I64, i.rs), cx.reg(Ty::I64, i.rt));
    let old = cx.b.cas(Ty::I64, atomic(i.size), addr, expected, new);
    cx.set_reg(i.rs, old);
    Flow::Next
}

/// CASP and its forms: register pairs.
pub fn casp(cx: &mut Cx, i: Casp) -> Flow {
    let addr = address(cx, i.rn);
    let (elo, ehi) = (cx.reg(Ty::I64, i.rs), cx.reg(Ty::I64, i.rs + 1));
    let (nlo, nhi) = (cx.reg(Ty::I64, i.rt), cx.reg(Ty::I64, i.rt + 1));
    let expected = join(cx, i.sz, elo, ehi);
    let new = join(cx, i.sz, nlo, nhi);
    let ty = if i.sz { Ty::V128 } else { Ty::I64 };
    let old = cx.b.cas(ty, atomic(3 + i.sz as u32), addr, expected, new);
    let (lo, hi) = split(cx, i.sz, old);
    cx.set_reg(i.rs, lo);
    cx.set_reg(i.rs + 1, hi);
    Flow::Next
}

/// LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX, LDUMIN and their forms.
pub fn ldop(cx: &mut Cx, i: Ldop) -> Flow {
    let rmw = [RmwOp::Add, RmwOp::And, RmwOp::Xor, RmwOp::Or, RmwOp::Smax, RmwOp::Smin, RmwOp::Umax, RmwOp::Umin]
        [i.opc as usize & 7];
    let addr = address(cx, i.rn);
    let mut v = cx.reg(Ty::I64, i.rs);
    if i.opc == 1 {
        v = cx.b.not(Ty::I64, v); // LDCLR clears the operand's bits
    }
    let old = cx.b.rmw(rmw, atomic(i.size), addr, v);
    cx.set_reg(i.rt, old);
    Flow::Next
}

/// SWP and its forms.
pub fn swp(cx: &mut Cx, i: Swp) -> Flow {
    let addr = address(cx, i.rn);
    let v = cx.reg(Ty::I64, i.rs);
    let old = cx.b.rmw(RmwOp::Swap, atomic(i.size), addr, v);
    cx.set_reg(i.rt, old);
    Flow::Next
}
