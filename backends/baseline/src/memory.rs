//! Guest memory: an address plus the base is a host address, and the host's MMU checks it.

use crate::asm::{Cc, R8, RAX, RBX, RCX, RDX, at, field, indexed, put, word};
use crate::code::Way;
use crate::emit::Emitter;
use brolga_core::{Align, Env, MemOp, Order, RmwOp, Size};
use brolga_interp::{Code as Op, FlatOp};
use cranelift_assembler_x64::{Amode, Scale};
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

/// Where an access goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) base: u8,
    pub(crate) index: Option<(u8, Scale)>,
    pub(crate) disp: i32,
}

impl Place {
    fn operand(self) -> Amode<u8> {
        match self.index {
            Some((index, scale)) => indexed(self.base, index, scale, self.disp),
            None => at(self.base, self.disp),
        }
    }
}

/// A temporary that is the address of the next op's access, and not made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded {
    pub(crate) word: u8,
    pub(crate) place: Place,
}

impl Emitter<'_> {
    /// The host address of an access; its alignment has been checked.
    fn address(&mut self, op: &FlatOp, rule: MemOp) -> Place {
        let disp = (op.imm as i64).wrapping_add(self.plan.guest_base as i64);
        let place = match (self.folded.take(), i32::try_from(disp)) {
            (Some(Folded { word, place }), Ok(short)) => {
                debug_assert_eq!(word, op.a, "the op behind uses it");
                Place { disp: short + place.disp, ..place }
            }
            (None, Ok(short)) if !self.plan.remove_tags => Place { base: self.base(op), index: None, disp: short },
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
                Place { base: RAX, index: None, disp: 0 }
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
        self.source(op.a, self.future.again[0], RAX)
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
    fn check_alignment(&mut self, rule: MemOp, place: Place) {
        let bytes = rule.size.bytes() as i8;
        put!(self.asm, leaq_rm(RDX, place.operand()));
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
        let place = self.address(op, rule);
        if op.code == Op::Load128 {
            self.access();
            if self.aligned_move(rule) {
                put!(self.asm, movaps_a(0u8, place.operand()));
            } else {
                put!(self.asm, movups_a(0u8, place.operand()));
            }
            put!(self.asm, movups_b(word(op.dst), 0u8));
            self.changed(op.dst, 2);
            return Ok(());
        }
        let from = place.operand();
        // What is loaded may take the place of what it was loaded by.
        let goal = if place.index.is_none() { self.goal_over(op, 0) } else { self.goal() };
        self.access();
        match (rule.signed, op.c) {
            (true, 64) => sized!(self, rule.size, movsbq_rm, movswq_rm, movslq_rm, movq_rm(goal, from)),
            (true, bits) => {
                sized!(self, rule.size, movsbl_rm, movswl_rm, movl_rm, movq_rm(goal, from));
                match bits {
                    8 => put!(self.asm, movzbl_rm(goal, goal)),
                    16 => put!(self.asm, movzwl_rm(goal, goal)),
                    _ => {}
                }
            }
            (false, _) => sized!(self, rule.size, movzbl_rm, movzwl_rm, movl_rm, movq_rm(goal, from)),
        }
        self.finish(op.dst, goal);
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
        let place = self.address(op, rule);
        let to = place.operand();
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
            let constant = self.stored_constant(op.b);
            if let Some(value) = constant.filter(|_| !exchanged)
                && (rule.size != Size::B8 || i32::try_from(value as i64).is_ok())
            {
                self.access();
                match rule.size {
                    Size::B1 => put!(self.asm, movb_mi(to, value as u8)),
                    Size::B2 => put!(self.asm, movw_mi(to, value as u16)),
                    Size::B4 => put!(self.asm, movl_mi(to, value as u32)),
                    _ => put!(self.asm, movq_mi_sxl(to, value as i32)),
                }
            } else {
                let value = self.stored(op.b, constant, exchanged);
                self.access();
                if exchanged {
                    // An exchange is a store and a full barrier, and cheaper than both.
                    sized!(self, rule.size, xchgb_rm, xchgw_rm, xchgl_rm, xchgq_rm(value, to));
                    return;
                }
                sized!(self, rule.size, movb_mr, movw_mr, movl_mr, movq_mr(to, value));
            }
        }
        if rule.order == Order::SeqCst {
            self.full_fence();
        }
    }

    /// The constant that word `w` is, if it is in no place.
    fn stored_constant(&mut self, w: u8) -> Option<u64> {
        let at = self.constants.iter().position(|constant| constant.0 == w)?;
        Some(self.constants.swap_remove(at).1)
    }

    /// A register that holds the word to be stored; not one that is to keep it if the access `changes` it.
    fn stored(&mut self, w: u8, constant: Option<u64>, changes: bool) -> u8 {
        match constant {
            Some(value) if !changes => {
                if self.long.replace(value) != Some(value) {
                    self.asm.constant(R8, value);
                }
                R8
            }
            Some(value) => {
                self.asm.constant(RDX, value);
                RDX
            }
            None if changes => {
                self.load(RDX, w);
                RDX
            }
            None => self.source(w, self.future.again[1], RDX),
        }
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
        let place = self.address(op, rule);
        let size = rule.size;
        self.place_in_r8(place);
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

    fn place_in_r8(&mut self, place: Place) {
        put!(self.asm, leaq_rm(R8, place.operand()));
        self.long = None;
    }

    /// `new` into [R8] if that equals RAX; RAX becomes what was there.
    fn locked_exchange(&mut self, size: Size, new: u8) {
        let place = at(R8, 0);
        sized!(self, size, lock_cmpxchgb_mr, lock_cmpxchgw_mr, lock_cmpxchgl_mr, lock_cmpxchgq_mr(place, new, RAX));
    }

    pub(crate) fn compare_exchange(&mut self, op: &FlatOp) {
        let rule = MemOp::from_bits(op.aux);
        let place = self.address(op, rule);
        self.place_in_r8(place);
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
        let place = self.address(op, rule);
        self.place_in_r8(place);
        self.load(RAX, op.b);
        self.load(RDX, op.b + 1);
        // A holder: memory has all words now.
        self.copies.forget();
        self.load(RBX, op.c);
        self.load(RCX, op.c + 1);
        self.access();
        put!(self.asm, lock_cmpxchg16b_m(RAX, RDX, RBX, RCX, at(R8, 0)));
        put!(self.asm, movq_mr(word(op.dst), RAX));
        put!(self.asm, movq_mr(word(op.dst + 1), RDX));
        self.changed(op.dst, 2);
    }
}
