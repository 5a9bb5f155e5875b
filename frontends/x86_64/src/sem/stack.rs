//! The stack.

use super::operand::{Place, plain};
use super::{Cx, Flow};
use crate::state;
use brolga_core::RmwOp;
use brolga_ir::{JumpKind, Ty, Value};
use iced_x86::{Code, Register};

/// Type of what a push or pop moves: 64 bits, 16 with an operand-size prefix.
pub fn push_ty(cx: &Cx) -> Ty {
    if cx.i.stack_pointer_increment().abs() == 2 { Ty::I16 } else { Ty::I64 }
}

impl Cx<'_> {
    /// Stores `v` below the stack and moves RSP there.
    pub fn push(&mut self, v: Value) {
        let ty = self.b.block.ty(v);
        let bytes = ty.bits() as i64 / 8;
        let top = self.b.get(state::RSP);
        self.b.store(plain(ty), top, -bytes, v);
        let top = self.plus(top, -bytes);
        self.b.set(state::RSP, top);
    }

    /// The value on top of the stack, and RSP behind it, which the caller sets.
    pub fn pop(&mut self, ty: Ty) -> (Value, Value) {
        let top = self.b.get(state::RSP);
        let v = self.b.load(ty, plain(ty), top, 0);
        (v, self.plus(top, ty.bits() as i64 / 8))
    }
}

/// PUSH of a register, memory or a sign-extended immediate.
pub fn push(cx: &mut Cx) -> Flow {
    let ty = push_ty(cx);
    let v = match cx.i.op0_register() {
        r if r.is_segment_register() => {
            let v = cx.selector(r);
            cx.narrow(ty, v)
        }
        _ => cx.src_as(0, ty),
    };
    cx.push(v);
    Flow::Next
}

/// POP. A memory destination's address is computed with the new RSP.
pub fn pop(cx: &mut Cx) -> Flow {
    if cx.i.op0_register().is_segment_register() {
        return super::segment::pop(cx);
    }
    let ty = push_ty(cx);
    let (v, top) = cx.pop(ty);
    match cx.place(0) {
        Place::Reg(r) => {
            cx.b.set(state::RSP, top);
            cx.set_reg(r, v);
        }
        Place::Mem(addr, offset) => {
            let own = cx.i.memory_base() == Register::RSP;
            let moved = if own { ty.bits() as i64 / 8 } else { 0 };
            cx.b.store(plain(ty), addr, offset + moved, v);
            cx.b.set(state::RSP, top);
        }
    }
    Flow::Next
}

/// LEAVE.
pub fn leave(cx: &mut Cx) -> Flow {
    let frame = cx.b.get(state::RBP);
    let (ty, r) = if cx.i.code() == Code::Leavew { (Ty::I16, Register::BP) } else { (Ty::I64, Register::RBP) };
    let v = cx.b.load(ty, plain(ty), frame, 0);
    let top = cx.plus(frame, ty.bits() as i64 / 8);
    cx.b.set(state::RSP, top);
    cx.set_reg(r, v);
    Flow::Next
}

/// ENTER: the old frame pointer, copies of the enclosing frames' and room for locals. With an operand-size prefix all of them
/// have 16 bits. The links are read while others are written, which may be the same places.
pub fn enter(cx: &mut Cx) -> Flow {
    let (ty, r) = match cx.i.code() {
        Code::Enterw_imm16_imm8 => (Ty::I16, Register::BP),
        _ => (Ty::I64, Register::RBP),
    };
    let (room, depth) = (cx.i.immediate(0) as i64, cx.i.immediate(1) as i64 & 31);
    let (top, frame) = (cx.b.get(state::RSP), cx.b.get(state::RBP));
    let (word, bytes) = (plain(ty), i64::from(ty.bits() / 8));
    let old = cx.narrow(ty, frame);
    cx.b.store(word, top, -bytes, old);
    let own = cx.plus(top, -bytes);
    for level in 1..depth {
        let enclosing = cx.b.load(ty, word, frame, -bytes * level);
        cx.b.store(word, own, -bytes * level, enclosing);
    }
    let link = cx.narrow(ty, own);
    if depth > 0 {
        cx.b.store(word, own, -bytes * depth, link);
    }
    let top = cx.plus(own, -bytes * depth - room);
    // The new top must be writable.
    let zero = cx.iconst(Ty::I64, 0);
    cx.b.rmw(RmwOp::Or, word, top, zero);
    cx.set_reg(r, link);
    cx.b.set(state::RSP, top);
    if depth < 2 {
        return Flow::Next;
    }
    cx.b.block.once = true;
    let next = cx.next_pc();
    cx.goto(JumpKind::Jump, next)
}
