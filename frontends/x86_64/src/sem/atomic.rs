//! Atomic updates: LOCK forms, XCHG with memory, CMPXCHG and its double-width forms, XADD.

use super::arith::{self, Alu};
use super::operand::{Place, plain};
use super::{Cx, Flow};
use crate::state;
use brolga_core::{MemOp, Order, RmwOp};
use brolga_ir::{IntCc, JumpKind, Shape, Ty, Value};
use iced_x86::Register;

/// A locked access: whole, in one order with all others, at any address.
fn locked(ty: Ty) -> MemOp {
    plain(ty).order(Order::SeqCst)
}

/// Address of a memory place.
fn address(cx: &mut Cx, place: Place) -> Value {
    match place {
        Place::Mem(addr, offset) => cx.plus(addr, offset),
        // LOCK with a register destination does not decode.
        Place::Reg(_) => cx.iconst(Ty::I64, 0),
    }
}

/// One atomic operation with an I64 operand; the old value at `ty`.
pub fn rmw(cx: &mut Cx, op: RmwOp, place: Place, ty: Ty, operand: Value) -> Value {
    let addr = address(cx, place);
    let old = cx.b.rmw(op, locked(ty), addr, operand);
    cx.narrow(ty, old)
}

/// Adds a constant; the old value at `ty`.
pub fn add(cx: &mut Cx, place: Place, ty: Ty, amount: u64) -> Value {
    let amount = cx.iconst(Ty::I64, amount);
    rmw(cx, RmwOp::Add, place, ty, amount)
}

/// Replaces the value by what `f` makes of it, in a loop of compare-and-exchange; the old value. What follows is in a local
/// block of its own.
pub fn update(cx: &mut Cx, place: Place, ty: Ty, f: impl FnOnce(&mut Cx, Value) -> Value) -> Value {
    let addr = address(cx, place);
    let first = cx.b.load(ty, plain(ty), addr, 0);
    let first = cx.widen(first);
    let (again, done) = (cx.b.new_label(), cx.b.new_label());
    cx.b.jump(again, &[addr, first]);
    cx.b.bind(again);
    let (addr, seen) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let old = cx.narrow(ty, seen);
    let new = f(cx, old);
    let new = cx.widen(new);
    let found = cx.b.cas(Ty::I64, locked(ty), addr, seen, new);
    let same = cx.b.icmp(Ty::I64, IntCc::Eq, found, seen);
    cx.b.brif(same, (done, &[found]), (again, &[addr, found]));
    cx.b.bind(done);
    let old = cx.b.param(Ty::I64);
    cx.narrow(ty, old)
}

/// LOCK ADD and its like.
pub fn alu(cx: &mut Cx, alu: Alu, ty: Ty) -> Flow {
    let place = cx.place(0);
    let Some(op) = alu.atomic() else { return with_carry(cx, alu, ty, place) };
    let b = cx.src_as(1, ty);
    let mut operand = cx.widen(b);
    if alu == Alu::Sub {
        operand = cx.b.neg(Ty::I64, operand);
    }
    let a = rmw(cx, op, place, ty, operand);
    let c = arith::compute(cx, alu, ty, a, b);
    cx.b.set_flags(c.flags);
    Flow::Next
}

/// LOCK ADC, LOCK SBB. Operands that are registers are read again in each local block.
fn with_carry(cx: &mut Cx, alu: Alu, ty: Ty, place: Place) -> Flow {
    let a = update(cx, place, ty, |cx, old| {
        let b = cx.src_as(1, ty);
        arith::compute(cx, alu, ty, old, b).result
    });
    let b = cx.src_as(1, ty);
    let c = arith::compute(cx, alu, ty, a, b);
    cx.b.set_flags(c.flags);
    Flow::Next
}

/// XCHG: with memory always atomic.
pub fn xchg(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    // The memory operand may be either one.
    let (memory, other) = if cx.i.op1_kind() == iced_x86::OpKind::Memory { (1, 0) } else { (0, 1) };
    let b = cx.src(other);
    let old = match cx.place(memory) {
        Place::Reg(r) => {
            let a = cx.reg(r);
            cx.set_reg(r, b);
            a
        }
        place => {
            let b = cx.widen(b);
            rmw(cx, RmwOp::Swap, place, ty, b)
        }
    };
    cx.set_op(other, old);
    Flow::Next
}

/// XADD.
pub fn xadd(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let b = cx.src(1);
    let place = cx.place(0);
    let a = if cx.i.has_lock_prefix() {
        let operand = cx.widen(b);
        rmw(cx, RmwOp::Add, place, ty, operand)
    } else {
        let a = cx.load(place, ty);
        if let Place::Mem(..) = place {
            let sum = cx.b.iadd(ty, a, b);
            cx.store(place, sum);
        }
        a
    };
    cx.set_op(1, a);
    if let Place::Reg(r) = place {
        let sum = cx.b.iadd(ty, a, b);
        cx.set_reg(r, sum);
    }
    cx.flags_add(ty, a, b);
    Flow::Next
}

/// The accumulator of a width.
fn accumulator(ty: Ty) -> Register {
    match ty {
        Ty::I8 => Register::AL,
        Ty::I16 => Register::AX,
        Ty::I32 => Register::EAX,
        _ => Register::RAX,
    }
}

impl Cx<'_> {
    /// Writes part of a register if `c` is 1.
    fn set_reg_if(&mut self, c: Value, r: Register, v: Value) {
        let row = super::operand::row(r);
        let kept = self.b.get(row);
        self.set_reg(r, v);
        let written = self.b.get(row);
        let v = self.b.select(Ty::I64, c, written, kept);
        self.b.set(row, v);
    }
}

/// CMPXCHG. Without LOCK it is atomic too: memory is written only where it was equal, which user code cannot tell from the
/// manual's write of the old value, except on a page that it may not write.
pub fn cmpxchg(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let acc = accumulator(ty);
    let (expected, new) = (cx.reg(acc), cx.src(1));
    let place = cx.place(0);
    let old = match place {
        Place::Reg(r) => cx.reg(r),
        place => {
            let addr = address(cx, place);
            let (e, n) = (cx.widen(expected), cx.widen(new));
            let old = cx.b.cas(Ty::I64, locked(ty), addr, e, n);
            cx.narrow(ty, old)
        }
    };
    let same = cx.b.icmp(ty, IntCc::Eq, old, expected);
    // One of the two registers is written and the other one is not, its upper half included.
    if let Place::Reg(r) = place {
        cx.set_reg_if(same, r, new);
    }
    let one = cx.iconst(Ty::I8, 1);
    let differs = cx.b.xor(Ty::I8, same, one);
    cx.set_reg_if(differs, acc, old);
    cx.flags_sub(ty, expected, old);
    Flow::Next
}

/// The pair of registers `high:low` as the operand of CMPXCHG8B (`wide` false) or CMPXCHG16B.
fn pair(cx: &mut Cx, wide: bool, low: brolga_core::Reg, high: brolga_core::Reg) -> Value {
    let (low, high) = (cx.b.get(low), cx.b.get(high));
    if wide {
        let v = cx.b.vscalar(low);
        cx.b.insert(Shape::I64x2, v, high, 1)
    } else {
        cx.b.deposit(Ty::I64, low, high, 32, 32)
    }
}

/// CMPXCHG8B, CMPXCHG16B: ZF alone changes. The wide form faults (#GP) unless aligned.
pub fn cmpxchg_pair(cx: &mut Cx, wide: bool) -> Flow {
    let addr = cx.flat_address();
    if wide {
        let low = cx.b.extract(Ty::I64, addr, 0, 4);
        let zero = cx.iconst(Ty::I64, 0);
        let odd = cx.b.icmp(Ty::I64, IntCc::Ne, low, zero);
        let rest = cx.raise_if(odd, super::GP, &[addr]);
        return exchange_pair(cx, true, rest[0]);
    }
    exchange_pair(cx, false, addr)
}

fn exchange_pair(cx: &mut Cx, wide: bool, addr: Value) -> Flow {
    let expected = pair(cx, wide, state::RAX, state::RDX);
    let new = pair(cx, wide, state::RBX, state::RCX);
    let ty = if wide { Ty::V128 } else { Ty::I64 };
    let old = cx.b.cas(ty, locked(ty), addr, expected, new);
    let (low, high, differs) = if wide {
        let (low, high) = (cx.b.lane(Ty::I64, Shape::I64x2, old, 0), cx.b.lane(Ty::I64, Shape::I64x2, old, 1));
        let bits = cx.b.xor(Ty::V128, old, expected);
        (low, high, cx.b.vany(bits))
    } else {
        let (low, high) = (cx.b.extract(Ty::I64, old, 0, 32), cx.b.extract(Ty::I64, old, 32, 32));
        (low, high, cx.b.icmp(Ty::I64, IntCc::Ne, old, expected))
    };
    let clear = cx.b.zext(Ty::I64, differs);
    for (reg, v) in [(state::RAX, low), (state::RDX, high)] {
        let kept = cx.b.get(reg);
        let v = cx.b.select(Ty::I64, differs, v, kept);
        cx.b.set(reg, v);
    }
    cx.flags_call(crate::exec::SET_NOT_ZF, &[clear]);
    let next = cx.next_pc();
    cx.goto(JumpKind::Jump, next)
}
