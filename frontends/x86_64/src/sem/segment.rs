//! Segment registers and far transfers, as far as 64-bit user code of Linux has use for them: the null selector and those of
//! user code and data. All others are general protection with the selector as its error code. SDM vol. 2, "MOV", "POP",
//! "LDS/LES/LFS/LGS/LSS", "JMP", "CALL", "RET", "IRET"; selectors as in Linux's arch/x86/include/asm/segment.h.
//!
//! There is no way into 32-bit code: its selector, 0x23, is refused in CS.

use super::operand::plain;
use super::{Cx, ERROR_CODE, Flow, GP};
use crate::{exec, state};
use brolga_ir::{IntCc, JumpKind, RaiseKind, Ty, Value};
use iced_x86::{Code, OpKind, Register};

/// CS of 64-bit user code.
const CODE: u64 = 0x33;
/// SS of user code.
const STACK: u64 = 0x2b;
/// What data segments may be, by selector / 4: null, 32-bit code, data, 64-bit code, the processor's number.
const DATA: u64 = 1 | 1 << (0x20 >> 2) | 1 << (0x28 >> 2) | 1 << (0x30 >> 2) | 1 << (0x78 >> 2);
/// The level of privilege that a selector asks for.
const LEVEL: u64 = 3;

/// Place of a segment register in its row; none of CS and SS.
fn place(r: Register) -> Option<u32> {
    match r {
        Register::DS => Some(0),
        Register::ES => Some(16),
        Register::FS => Some(32),
        Register::GS => Some(48),
        _ => None,
    }
}

impl Cx<'_> {
    /// The selector in a segment register, as an I64.
    pub fn selector(&mut self, r: Register) -> Value {
        match place(r) {
            Some(at) => {
                let all = self.b.get(state::SEGMENTS);
                self.b.extract(Ty::I64, all, at, 16)
            }
            None => self.iconst(Ty::I64, if r == Register::CS { CODE } else { STACK }),
        }
    }

    /// Goes on only if `bad` is 0; else general protection by `selector`. The selector and `values`, which are needed
    /// further on.
    fn refuse(&mut self, bad: Value, selector: Value, values: &[Value]) -> (Value, Vec<Value>) {
        let (no, yes) = (self.b.new_label(), self.b.new_label());
        let all: Vec<Value> = std::iter::once(selector).chain(values.iter().copied()).collect();
        self.b.brif(bad, (no, &[selector]), (yes, &all));
        self.b.bind(no);
        let code = self.b.param(Ty::I64);
        self.refused(code);
        self.b.bind(yes);
        let selector = self.b.param(Ty::I64);
        (selector, values.iter().map(|&v| self.b.param(self.b.block.ty(v))).collect())
    }

    /// Leaves with general protection by `selector`.
    fn refused(&mut self, selector: Value) {
        let (level, at) = (self.iconst(Ty::I64, LEVEL), self.iconst(Ty::I64, ERROR_CODE.into()));
        let code = self.b.bic(Ty::I64, selector, level);
        let code = self.b.shl(Ty::I64, code, at);
        let number = self.iconst(Ty::I64, GP);
        let word = self.b.or(Ty::I64, code, number);
        self.b.raise(RaiseKind::GuestException, self.pc, word);
    }

    /// Goes on only if the selector is `wanted`, whose level does not count if `any_level`.
    fn demand(&mut self, selector: Value, wanted: u64, any_level: bool, values: &[Value]) -> Vec<Value> {
        let level = self.iconst(Ty::I64, LEVEL);
        let seen = if any_level { self.b.or(Ty::I64, selector, level) } else { selector };
        let wanted = self.iconst(Ty::I64, wanted);
        let bad = self.b.icmp(Ty::I64, IntCc::Ne, seen, wanted);
        self.refuse(bad, selector, values).1
    }

    /// Checks a selector for `r`; it and `values`, which are needed further on.
    fn check_selector(&mut self, r: Register, selector: Value, values: &[Value]) -> (Value, Vec<Value>) {
        if r == Register::SS {
            let all: Vec<Value> = std::iter::once(selector).chain(values.iter().copied()).collect();
            let all = self.demand(selector, STACK, false, &all);
            return (all[0], all[1..].to_vec());
        }
        let (index, high) = (self.b.extract(Ty::I64, selector, 2, 6), self.b.extract(Ty::I64, selector, 8, 8));
        let (known, zero) = (self.iconst(Ty::I64, DATA), self.iconst(Ty::I64, 0));
        let known = self.b.lshr(Ty::I64, known, index);
        let known = self.b.extract(Ty::I64, known, 0, 1);
        let unknown = self.b.icmp(Ty::I64, IntCc::Eq, known, zero);
        let far = self.b.icmp(Ty::I64, IntCc::Ne, high, zero);
        let bad = self.b.or(Ty::I8, unknown, far);
        self.refuse(bad, selector, values)
    }

    /// Writes a segment register: that of a checked selector, whose base is 0.
    fn set_selector(&mut self, r: Register, selector: Value) {
        let Some(at) = place(r) else { return };
        let old = self.b.get(state::SEGMENTS);
        let new = self.b.deposit(Ty::I64, old, selector, at, 16);
        self.b.set(state::SEGMENTS, new);
        let zero = self.iconst(Ty::I64, 0);
        match r {
            Register::FS => self.b.set(state::FS_BASE, zero),
            Register::GS => self.b.set(state::GS_BASE, zero),
            _ => {}
        }
    }
}

/// MOV to and from segment registers; `None` if it is no such MOV.
pub fn mov(cx: &mut Cx) -> Option<Flow> {
    let (to, from) = (cx.i.op0_register(), cx.i.op1_register());
    if from.is_segment_register() {
        let v = cx.selector(from);
        // Memory and 16-bit registers take 16 bits, others are cleared above.
        let ty = if cx.i.op0_kind() == OpKind::Memory { Ty::I16 } else { cx.ty(0) };
        let v = cx.narrow(ty, v);
        cx.set_op(0, v);
        return Some(Flow::Next);
    }
    if !to.is_segment_register() {
        return None;
    }
    if to == Register::CS {
        return Some(cx.undefined());
    }
    let v = if cx.i.op1_kind() == OpKind::Register {
        let v = cx.b.get(super::operand::row(from));
        cx.b.extract(Ty::I64, v, 0, 16)
    } else {
        let (addr, offset) = cx.address();
        let v = cx.b.load(Ty::I16, plain(Ty::I16), addr, offset);
        cx.widen(v)
    };
    let (v, _) = cx.check_selector(to, v, &[]);
    cx.set_selector(to, v);
    Some(Flow::Next)
}

/// POP FS, POP GS.
pub fn pop(cx: &mut Cx) -> Flow {
    let (v, top) = cx.pop(super::stack::push_ty(cx));
    let v = cx.b.zext(Ty::I16, v);
    let v = cx.widen(v);
    let r = cx.i.op0_register();
    let (v, top) = cx.check_selector(r, v, &[top]);
    cx.set_selector(r, v);
    cx.b.set(state::RSP, top[0]);
    Flow::Next
}

/// A far pointer in memory, an offset of type `ty` with a selector behind it: the selector, the offset.
fn far_pointer(cx: &mut Cx, ty: Ty) -> (Value, Value) {
    let (addr, offset) = cx.address();
    let to = cx.b.load(ty, plain(ty), addr, offset);
    let selector = cx.b.load(Ty::I16, plain(Ty::I16), addr, offset + i64::from(ty.bits() / 8));
    (cx.widen(selector), cx.widen(to))
}

/// LFS, LGS, LSS.
pub fn load_far(cx: &mut Cx, r: Register) -> Flow {
    let to = cx.i.op0_register();
    let ty = super::operand::int(to.size());
    let (selector, offset) = far_pointer(cx, ty);
    let (selector, offset) = cx.check_selector(r, selector, &[offset]);
    cx.set_selector(r, selector);
    let offset = cx.narrow(ty, offset[0]);
    cx.set_reg(to, offset);
    Flow::Next
}

/// Width of the offset of a far transfer through memory.
fn far_ty(code: Code) -> Ty {
    match code {
        Code::Jmp_m1616 | Code::Call_m1616 => Ty::I16,
        Code::Jmp_m1632 | Code::Call_m1632 => Ty::I32,
        _ => Ty::I64,
    }
}

/// JMP through a far pointer.
pub fn jmp(cx: &mut Cx) -> Flow {
    let (selector, to) = far_pointer(cx, far_ty(cx.i.code()));
    let to = cx.demand(selector, CODE, true, &[to])[0];
    cx.b.goto_ind(JumpKind::Jump, to);
    Flow::EndTb
}

/// CALL through a far pointer: CS, then the return address, as wide as the offset.
pub fn call(cx: &mut Cx) -> Flow {
    let ty = far_ty(cx.i.code());
    let (selector, to) = far_pointer(cx, ty);
    let to = cx.demand(selector, CODE, true, &[to])[0];
    let bytes = i64::from(ty.bits() / 8);
    let (top, next) = (cx.b.get(state::RSP), cx.next_pc());
    let (cs, back) = (cx.iconst(Ty::I64, CODE), cx.iconst(Ty::I64, next));
    let (cs, back) = (cx.narrow(ty, cs), cx.narrow(ty, back));
    cx.b.store(plain(ty), top, -bytes, cs);
    cx.b.store(plain(ty), top, -2 * bytes, back);
    let top = cx.plus(top, -2 * bytes);
    cx.b.set(state::RSP, top);
    cx.b.goto_ind(JumpKind::Jump, to);
    Flow::EndTb
}

/// Words of a type from the top of the stack, widened: those of `order`, read in that order, given in theirs.
fn words(cx: &mut Cx, ty: Ty, order: &[i64]) -> Vec<Value> {
    let top = cx.b.get(state::RSP);
    let mut words: Vec<(i64, Value)> =
        order.iter().map(|&n| (n, cx.b.load(ty, plain(ty), top, n * i64::from(ty.bits() / 8)))).collect();
    words.sort_by_key(|&(n, _)| n);
    words.into_iter().map(|(_, v)| cx.widen(v)).collect()
}

/// RETF, with the bytes to release.
pub fn ret(cx: &mut Cx) -> Flow {
    let ty = match cx.i.code() {
        Code::Retfw | Code::Retfw_imm16 => Ty::I16,
        Code::Retfd | Code::Retfd_imm16 => Ty::I32,
        _ => Ty::I64,
    };
    let release = if cx.i.op_count() == 1 { cx.i.immediate(0) as i64 } else { 0 };
    let from = words(cx, ty, &[1, 0]);
    let selector = cx.b.extract(Ty::I64, from[1], 0, 16);
    let bytes = i64::from(ty.bits() / 8);
    let to = return_to(cx, selector, from[0], |cx| {
        let top = cx.b.get(state::RSP);
        cx.b.load(ty, plain(ty), top, 3 * bytes + release);
    });
    let top = cx.b.get(state::RSP);
    let top = cx.plus(top, 2 * bytes + release);
    cx.b.set(state::RSP, top);
    cx.b.goto_ind(JumpKind::Jump, to);
    Flow::EndTb
}

/// Goes on only if the selector is that of user code; `to`, which is needed further on. Another one is refused, if it asks
/// for another level behind `look`: AMD's processors read the stack's selector of an outer level first.
fn return_to(cx: &mut Cx, selector: Value, to: Value, look: impl FnOnce(&mut Cx)) -> Value {
    let code = cx.iconst(Ty::I64, CODE);
    let bad = cx.b.icmp(Ty::I64, IntCc::Ne, selector, code);
    let (other, own) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(bad, (other, &[selector]), (own, &[to]));
    cx.b.bind(other);
    let selector = cx.b.param(Ty::I64);
    let (asked, level) = (cx.b.extract(Ty::I64, selector, 0, 2), cx.iconst(Ty::I64, LEVEL));
    let other_level = cx.b.icmp(Ty::I64, IntCc::Ne, asked, level);
    let (looked, refused) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(other_level, (looked, &[selector]), (refused, &[selector]));
    cx.b.bind(looked);
    let same = cx.b.param(Ty::I64);
    look(cx);
    cx.b.jump(refused, &[same]);
    cx.b.bind(refused);
    let selector = cx.b.param(Ty::I64);
    cx.refused(selector);
    cx.b.bind(own);
    cx.b.param(Ty::I64)
}

/// IRET within user code: the address, CS, EFLAGS, RSP and SS. TF stays as it is. A change of AC is one of the mode: it is made
/// first, and the instruction begins again.
pub fn iret(cx: &mut Cx) -> Flow {
    let ty = match cx.i.code() {
        Code::Iretw => Ty::I16,
        Code::Iretd => Ty::I32,
        _ => Ty::I64,
    };
    let nested = cx.b.get(state::EFLAGS_OTHER);
    let nested = cx.b.extract(Ty::I64, nested, 14, 1);
    let nested = cx.narrow(Ty::I8, nested);
    cx.raise_if(nested, GP, &[]);
    let from = words(cx, ty, &[2, 1, 0, 4, 3]);
    let [cs, ss] = [from[1], from[4]].map(|v| cx.b.extract(Ty::I64, v, 0, 16));
    let kept = cx.demand(cs, CODE, false, &[from[0], from[2], from[3], ss]);
    let kept = cx.demand(kept[3], STACK, false, &kept[..3]);
    let [to, flags, top] = [kept[0], kept[1], kept[2]];
    let (kept, wanted) = if ty == Ty::I16 { (state::MODES, 0) } else { (state::TF, state::AC) };
    let old = cx.b.get(state::EFLAGS_OTHER);
    let (kept, wanted) = (cx.iconst(Ty::I64, kept), cx.iconst(Ty::I64, wanted));
    let differs = cx.b.xor(Ty::I64, old, flags);
    let change = cx.b.and(Ty::I64, differs, wanted);
    let zero = cx.iconst(Ty::I64, 0);
    let changes = cx.b.icmp(Ty::I64, IntCc::Ne, change, zero);
    let (again, on) = (cx.b.new_label(), cx.b.new_label());
    let old = cx.b.and(Ty::I64, old, kept);
    let flags = cx.b.bic(Ty::I64, flags, kept);
    let flags = cx.b.or(Ty::I64, flags, old);
    cx.b.brif(changes, (again, &[change]), (on, &[to, flags, top]));
    cx.b.bind(again);
    let change = cx.b.param(Ty::I64);
    let old = cx.b.get(state::EFLAGS_OTHER);
    let new = cx.b.xor(Ty::I64, old, change);
    cx.b.set(state::EFLAGS_OTHER, new);
    let zero = cx.iconst(Ty::I64, 0);
    cx.b.raise(RaiseKind::Resync, cx.pc, zero);
    cx.b.bind(on);
    let [to, flags, top] = [(); 3].map(|()| cx.b.param(Ty::I64));
    let wide = cx.iconst(Ty::I64, (ty != Ty::I16) as u64);
    let (read, written) = (super::flags::eflags_words(), super::flags::eflags_words());
    cx.b.call_void(exec::POPF, &[flags, wide], read, written);
    cx.b.set(state::RSP, top);
    cx.b.goto_ind(JumpKind::Jump, to);
    Flow::EndTb
}
