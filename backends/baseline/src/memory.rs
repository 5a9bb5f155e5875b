//! Guest memory: an address plus the base is a host address, and the host's MMU checks it.

use crate::asm::{Cc, R8, RAX, RBX, RCX, RDX, at, field, put, word};
use crate::code::Way;
use crate::emit::Emitter;
use brolga_core::{Align, Env, MemOp, Order, RmwOp, Size};
use brolga_interp::{Code as Op, FlatOp};
use std::mem::offset_of;

/// One host instruction by the size of an access: `sized!(self, size, movb_mr, movw_mr, movl_mr, movq_mr(at, RCX))`.
macro_rules! sized {
    ($self:expr, $size:expr, $b:ident, $w:ident, $l:ident, $q:ident($($arg:expr),*)) => {
        match $size {
            Size::B1 => put!($self.asm, $b($($arg),*)),
            Size::B2 => put!($self.asm, $w($($arg),*)),
            Size::B4 => put!($self.asm, $l($($arg),*)),
            Size::B8 | Size::B16 => put!($self.asm, $q($($arg),*)),
        }
    };
}

impl Emitter<'_> {
    /// The host address of an access as a register and a displacement; its alignment has been checked.
    fn address(&mut self, op: &FlatOp, rule: MemOp) -> (u8, i32) {
        let disp = (op.imm as i64).wrapping_add(self.plan.guest_base as i64);
        let place = match i32::try_from(disp) {
            Ok(short) if !self.plan.remove_tags => (self.base(op), short),
            _ => {
                self.first(op.a);
                if self.plan.remove_tags {
                    self.add(op.imm as i64);
                    put!(self.asm, shlq_mi(RAX, 8u8));
                    put!(self.asm, shrq_mi(RAX, 8u8));
                    self.add(self.plan.guest_base as i64);
                } else {
                    self.add(disp);
                }
                (RAX, 0)
            }
        };
        if rule.align != Align::None && rule.size != Size::B1 && !self.aligned_move(rule) {
            self.check_alignment(rule, place);
        }
        place
    }

    /// Whether the access is of the host's aligned form, which faults by itself.
    fn aligned_move(&self, rule: MemOp) -> bool {
        let whole = rule.size == Size::B16 && rule.order == Order::Plain;
        self.plan.like_sse && whole && rule.align == Align::Natural
    }

    /// A register that holds the first operand as it is.
    fn base(&mut self, op: &FlatOp) -> u8 {
        if let Some(place) = self.place(op.a, self.future.a) {
            return place;
        }
        // What is to be stored was often just computed, into RAX.
        let reg = if self.held == Some(op.b) { RCX } else { RAX };
        self.load(reg, op.a);
        reg
    }

    /// RAX plus a constant.
    fn add(&mut self, value: i64) {
        match i32::try_from(value) {
            Ok(0) => {}
            Ok(short) => put!(self.asm, addq_mi_sxl(RAX, short)),
            Err(_) => {
                self.asm.constant(RCX, value as u64);
                put!(self.asm, addq_rm(RAX, RCX));
            }
        }
    }

    /// Leaves to tier 0, which reports the fault, where the alignment rule is broken.
    fn check_alignment(&mut self, rule: MemOp, (base, disp): (u8, i32)) {
        let bytes = rule.size.bytes() as i8;
        put!(self.asm, leaq_rm(RDX, at(base, disp)));
        let broken = if rule.align == Align::Double {
            put!(self.asm, andl_mi_sxb(RDX, 2 * bytes - 1));
            Cc::Ne
        } else if rule.align == Align::Natural || rule.size == Size::B16 {
            put!(self.asm, andl_mi_sxb(RDX, bytes - 1));
            Cc::Ne
        } else {
            put!(self.asm, andl_mi_sxb(RDX, 15));
            put!(self.asm, cmpl_mi_sxb(RDX, 16 - bytes));
            Cc::A
        };
        self.resume_if(broken);
    }

    fn resume_if(&mut self, cc: Cc) {
        let out = self.asm.out(Way::Leave { pc: self.pc, status: self.plan.status.resume });
        self.asm.jump_if(cc, out);
    }

    /// The next host instruction may fault.
    fn access(&mut self) {
        self.accesses.push((self.asm.here(), self.pc));
    }

    pub(crate) fn load_memory(&mut self, op: &FlatOp) -> Result<(), &'static str> {
        let rule = match op.code {
            Op::Load8 => MemOp::plain(Size::B1),
            Op::Load16 => MemOp::plain(Size::B2),
            Op::Load32 => MemOp::plain(Size::B4),
            Op::Load64 => MemOp::plain(Size::B8),
            _ => MemOp::from_bits(op.aux),
        };
        if op.code == Op::LoadAny && op.c > 64 {
            return Err("a scalar load into a vector");
        }
        let (base, disp) = self.address(op, rule);
        self.access();
        if op.code == Op::Load128 {
            if self.aligned_move(rule) {
                put!(self.asm, movaps_a(0u8, at(base, disp)));
            } else {
                put!(self.asm, movups_a(0u8, at(base, disp)));
            }
            put!(self.asm, movups_b(word(op.dst), 0u8));
            self.changed(op.dst, 2);
            return Ok(());
        }
        let from = at(base, disp);
        match (rule.signed, op.c) {
            (true, 64) => sized!(self, rule.size, movsbq_rm, movswq_rm, movslq_rm, movq_rm(RAX, from)),
            (true, bits) => {
                sized!(self, rule.size, movsbl_rm, movswl_rm, movl_rm, movq_rm(RAX, from));
                match bits {
                    8 => put!(self.asm, movzbl_rm(RAX, RAX)),
                    16 => put!(self.asm, movzwl_rm(RAX, RAX)),
                    _ => {}
                }
            }
            (false, _) => sized!(self, rule.size, movzbl_rm, movzwl_rm, movl_rm, movq_rm(RAX, from)),
        }
        self.done(op.dst);
        Ok(())
    }

    pub(crate) fn store_memory(&mut self, op: &FlatOp) {
        let rule = match op.code {
            Op::Store8 => MemOp::plain(Size::B1),
            Op::Store16 => MemOp::plain(Size::B2),
            Op::Store32 => MemOp::plain(Size::B4),
            Op::Store64 => MemOp::plain(Size::B8),
            Op::Store128 if op.aux == 0 => MemOp::plain(Size::B16),
            _ => MemOp::from_bits(op.aux),
        };
        let (base, disp) = self.address(op, rule);
        let to = at(base, disp);
        if op.code == Op::Store128 {
            put!(self.asm, movups_a(0u8, word(op.b)));
            self.access();
            if self.aligned_move(rule) {
                put!(self.asm, movaps_b(to, 0u8));
            } else {
                put!(self.asm, movups_b(to, 0u8));
            }
        } else {
            let exchanged = rule.order == Order::SeqCst && rule.align != Align::None;
            let value = self.stored(op.b, base, exchanged);
            self.access();
            if exchanged {
                // An exchange is a store and a full barrier, and cheaper than both.
                sized!(self, rule.size, xchgb_rm, xchgw_rm, xchgl_rm, xchgq_rm(value, to));
                return;
            }
            sized!(self, rule.size, movb_mr, movw_mr, movl_mr, movq_mr(to, value));
            self.keep_first();
        }
        if rule.order == Order::SeqCst {
            self.full_fence();
        }
    }

    /// A register that holds the word to be stored; not one that is to keep it if the access `changes` it.
    fn stored(&mut self, w: u8, base: u8, changes: bool) -> u8 {
        if base == RAX {
            // It is an address now.
            self.held = None;
        }
        self.copies.spare(base);
        let place = if changes { None } else { self.place(w, self.future.b) };
        place.unwrap_or_else(|| {
            self.load(RDX, w);
            RDX
        })
    }

    /// Any locked instruction is a full barrier, several times as fast as the host's fence.
    pub(crate) fn full_fence(&mut self) {
        put!(self.asm, lock_orl_mi_sxb(field(offset_of!(Env, exit_slot)), 0));
    }

    /// RAX becomes the zero-extended value of an access.
    fn narrow(&mut self, size: Size) {
        sized!(self, size, movzbl_rm, movzwl_rm, movl_rm, movq_rm(RAX, RAX));
    }

    pub(crate) fn rmw(&mut self, op: &FlatOp) {
        let rule = MemOp::from_bits(op.aux);
        let (base, disp) = self.address(op, rule);
        let size = rule.size;
        put!(self.asm, leaq_rm(R8, at(base, disp)));
        let place = at(R8, 0);
        let kind = RmwOp::ALL[op.c as usize % RmwOp::ALL.len()];
        match kind {
            RmwOp::Swap | RmwOp::Add => {
                self.load(RAX, op.b);
                self.access();
                if kind == RmwOp::Swap {
                    sized!(self, size, xchgb_rm, xchgw_rm, xchgl_rm, xchgq_rm(RAX, place));
                } else {
                    sized!(self, size, lock_xaddb_mr, lock_xaddw_mr, lock_xaddl_mr, lock_xaddq_mr(place, RAX));
                }
            }
            RmwOp::And | RmwOp::Or | RmwOp::Xor => {
                let again = self.asm.label();
                self.access();
                sized!(self, size, movzbl_rm, movzwl_rm, movl_rm, movq_rm(RAX, place));
                self.asm.bind(again);
                put!(self.asm, movq_rm(RDX, RAX));
                match kind {
                    RmwOp::And => put!(self.asm, andq_rm(RDX, word(op.b))),
                    RmwOp::Or => put!(self.asm, orq_rm(RDX, word(op.b))),
                    _ => put!(self.asm, xorq_rm(RDX, word(op.b))),
                }
                self.access();
                self.locked_exchange(size, RDX);
                self.asm.jump_if(Cc::Ne, again);
            }
            RmwOp::Smax | RmwOp::Smin | RmwOp::Umax | RmwOp::Umin => {
                // Rare: tier 0 does it.
                put!(self.asm, testl_mr(R8, R8));
                self.resume_if(Cc::E);
                self.resume_if(Cc::Ne);
            }
        }
        self.narrow(size);
        self.done(op.dst);
    }

    /// `new` into [R8] if that equals RAX; RAX becomes what was there.
    fn locked_exchange(&mut self, size: Size, new: u8) {
        let place = at(R8, 0);
        sized!(self, size, lock_cmpxchgb_mr, lock_cmpxchgw_mr, lock_cmpxchgl_mr, lock_cmpxchgq_mr(place, new, RAX));
    }

    pub(crate) fn compare_exchange(&mut self, op: &FlatOp) {
        let rule = MemOp::from_bits(op.aux);
        let (base, disp) = self.address(op, rule);
        put!(self.asm, leaq_rm(R8, at(base, disp)));
        self.load(RAX, op.b);
        self.load(RCX, op.c);
        self.access();
        self.locked_exchange(rule.size, RCX);
        self.narrow(rule.size);
        self.done(op.dst);
    }

    pub(crate) fn compare_exchange128(&mut self, op: &FlatOp) {
        // The host's instruction wants its operand aligned; so does the guest's.
        let rule = MemOp { align: Align::Natural, size: Size::B16, ..MemOp::from_bits(op.aux) };
        let (base, disp) = self.address(op, rule);
        put!(self.asm, leaq_rm(R8, at(base, disp)));
        self.load(RAX, op.b);
        self.load(RDX, op.b + 1);
        self.load(RBX, op.c);
        self.load(RCX, op.c + 1);
        self.access();
        put!(self.asm, lock_cmpxchg16b_m(RAX, RDX, RBX, RCX, at(R8, 0)));
        put!(self.asm, movq_mr(word(op.dst), RAX));
        put!(self.asm, movq_mr(word(op.dst + 1), RDX));
        self.changed(op.dst, 2);
    }
}
