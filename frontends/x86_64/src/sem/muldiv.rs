//! Multiplication and division.

use super::{Cx, DE, Flow};
use crate::{exec, state};
use brolga_core::RegSet;
use brolga_ir::{IntCc, JumpKind, Ty, Value};
use iced_x86::Register;

/// Low and high register of a product or dividend of operands of type `ty`; bytes use AX alone.
fn halves(ty: Ty) -> (Register, Register) {
    match ty {
        Ty::I16 => (Register::AX, Register::DX),
        Ty::I32 => (Register::EAX, Register::EDX),
        _ => (Register::RAX, Register::RDX),
    }
}

/// An operand extended to 64 bits.
fn extended(cx: &mut Cx, v: Value, signed: bool) -> Value {
    if signed { cx.sext(Ty::I64, v) } else { cx.widen(v) }
}

/// Low and high half of a product, each of type `ty`, and whether the high half says more than the low one.
fn product(cx: &mut Cx, ty: Ty, a: Value, b: Value, signed: bool) -> (Value, Value, Value) {
    if ty == Ty::I64 {
        let low = cx.b.imul(ty, a, b);
        let high = if signed { cx.b.smulh(ty, a, b) } else { cx.b.umulh(ty, a, b) };
        let plain = if signed {
            let top = cx.iconst(ty, 63);
            cx.b.ashr(ty, low, top)
        } else {
            cx.iconst(ty, 0)
        };
        let more = cx.b.icmp(ty, IntCc::Ne, high, plain);
        return (low, high, more);
    }
    let (a, b) = (extended(cx, a, signed), extended(cx, b, signed));
    let p = cx.b.imul(Ty::I64, a, b);
    let low = cx.b.zext(ty, p);
    let high = cx.b.extract(Ty::I64, p, ty.bits(), ty.bits());
    let high = cx.b.zext(ty, high);
    let again = extended(cx, low, signed);
    let more = cx.b.icmp(Ty::I64, IntCc::Ne, p, again);
    (low, high, more)
}

/// MUL, and IMUL with one operand.
pub fn mul(cx: &mut Cx, signed: bool) -> Flow {
    let ty = cx.ty(0);
    let b = cx.src(0);
    let a = cx.reg(if ty == Ty::I8 { Register::AL } else { halves(ty).0 });
    let (low, high, more) = product(cx, ty, a, b, signed);
    if ty == Ty::I8 {
        let (low, high) = (cx.zext(Ty::I16, low), cx.zext(Ty::I16, high));
        let v = cx.b.deposit(Ty::I16, low, high, 8, 8);
        cx.set_reg(Register::AX, v);
    } else {
        let (lo, hi) = halves(ty);
        cx.set_reg(lo, low);
        cx.set_reg(hi, high);
    }
    cx.flags_overflow(more);
    Flow::Next
}

/// IMUL with one, two or three operands.
pub fn imul(cx: &mut Cx) -> Flow {
    if cx.i.op_count() == 1 {
        return mul(cx, true);
    }
    let ty = cx.ty(0);
    let n = cx.i.op_count() - 2;
    let (a, b) = (cx.src_as(n, ty), cx.src_as(n + 1, ty));
    let (low, _, more) = product(cx, ty, a, b, true);
    cx.set_op(0, low);
    cx.flags_overflow(more);
    Flow::Next
}

/// MULX: no flags; the high half is written last.
pub fn mulx(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let b = cx.src_as(2, ty);
    let a = cx.reg(halves(ty).1);
    let (low, high, _) = product(cx, ty, a, b, false);
    cx.set_op(1, low);
    cx.set_op(0, high);
    Flow::Next
}

/// DIV, IDIV. Flags are undefined and stay.
pub fn div(cx: &mut Cx, signed: bool) -> Flow {
    let ty = cx.ty(0);
    if ty == Ty::I64 { div64(cx, signed) } else { div_narrow(cx, ty, signed) }
}

/// The dividend of twice `ty`'s width in 64 bits.
fn dividend(cx: &mut Cx, ty: Ty, signed: bool) -> Value {
    if ty == Ty::I8 {
        let ax = cx.reg(Register::AX);
        return extended(cx, ax, signed);
    }
    let (lo, hi) = halves(ty);
    let (lo, hi) = (cx.reg(lo), cx.reg(hi));
    let (lo, hi) = (cx.widen(lo), cx.widen(hi));
    let v = cx.b.deposit(Ty::I64, lo, hi, ty.bits(), ty.bits());
    if signed && ty == Ty::I16 { cx.b.sextract(Ty::I64, v, 0, 32) } else { v }
}

fn div_narrow(cx: &mut Cx, ty: Ty, signed: bool) -> Flow {
    let d = cx.src(0);
    let d = extended(cx, d, signed);
    let n = dividend(cx, ty, signed);
    let q = if signed { cx.b.sdiv(Ty::I64, n, d) } else { cx.b.udiv(Ty::I64, n, d) };
    let back = cx.b.imul(Ty::I64, q, d);
    let r = cx.b.isub(Ty::I64, n, back);
    let zero = cx.iconst(Ty::I64, 0);
    let none = cx.b.icmp(Ty::I64, IntCc::Eq, d, zero);
    let low = cx.b.zext(ty, q);
    let again = extended(cx, low, signed);
    let large = cx.b.icmp(Ty::I64, IntCc::Ne, q, again);
    let bad = cx.b.or(Ty::I8, none, large);
    let values = cx.raise_if(bad, DE, &[q, r]);
    let (q, r) = (cx.b.zext(ty, values[0]), cx.b.zext(ty, values[1]));
    if ty == Ty::I8 {
        let (q, r) = (cx.zext(Ty::I16, q), cx.zext(Ty::I16, r));
        let v = cx.b.deposit(Ty::I16, q, r, 8, 8);
        cx.set_reg(Register::AX, v);
    } else {
        let (lo, hi) = halves(ty);
        cx.set_reg(lo, q);
        cx.set_reg(hi, r);
    }
    let next = cx.next_pc();
    cx.goto(JumpKind::Jump, next)
}

/// 128 by 64 bits: the host's division where the upper half of the dividend says nothing, else a helper.
fn div64(cx: &mut Cx, signed: bool) -> Flow {
    let ty = Ty::I64;
    let d = cx.src(0);
    let (lo, hi) = (cx.b.get(state::RAX), cx.b.get(state::RDX));
    let (zero, top) = (cx.iconst(ty, 0), cx.iconst(ty, 63));
    let plain = if signed { cx.b.ashr(ty, lo, top) } else { zero };
    let short = cx.b.icmp(ty, IntCc::Eq, hi, plain);
    // Divisors 0 and -1 are the helper's too: they may fault.
    let (one, limit) = (cx.iconst(ty, 1), cx.iconst(ty, signed as u64));
    let next = cx.b.iadd(ty, d, one);
    let usual = if signed { cx.b.icmp(ty, IntCc::Ugt, next, limit) } else { cx.b.icmp(ty, IntCc::Ne, d, zero) };
    let fast = cx.b.and(Ty::I8, short, usual);
    let (quick, slow) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(fast, (quick, &[d]), (slow, &[d]));
    cx.b.bind(quick);
    let d = cx.b.param(ty);
    let n = cx.b.get(state::RAX);
    let q = if signed { cx.b.sdiv(ty, n, d) } else { cx.b.udiv(ty, n, d) };
    let back = cx.b.imul(ty, q, d);
    let r = cx.b.isub(ty, n, back);
    cx.b.set(state::RAX, q);
    cx.b.set(state::RDX, r);
    let next = cx.next_pc();
    cx.b.goto(JumpKind::Jump, next);
    cx.b.bind(slow);
    let d = cx.b.param(ty);
    let kind = cx.iconst(ty, signed as u64);
    let pair = RegSet::EMPTY.with(state::RAX).with(state::RDX);
    let bad = cx.b.call(exec::DIVIDE, &[d, kind], pair, pair);
    let zero = cx.iconst(ty, 0);
    let bad = cx.b.icmp(ty, IntCc::Ne, bad, zero);
    cx.raise_if(bad, DE, &[]);
    cx.goto(JumpKind::Jump, next)
}
