//! Ways out of a block: linked, by the return stack, by the jump cache, and back to the run loop.

use crate::asm::{Cc, RAX, RCX, RDI, RDX, RSI, at, displacement, field, indexed, near, put, word};
use crate::code::Way;
use crate::emit::Emitter;
use brolga_core::{Env, JUMP_CACHE, JumpEntry, RETURN_STACK, ReturnEntry};
use brolga_interp::FlatOp;
use brolga_ir::JumpKind;
use cranelift_assembler_x64::{Amode, Scale};
use std::mem::offset_of;

/// Bytes of the return stack, less one entry.
const RETURN_MASK: u32 = ((RETURN_STACK - 1) * size_of::<ReturnEntry>()) as u32;
const ENTRY: i8 = size_of::<ReturnEntry>() as i8;

/// A field of the return stack's entry at byte offset RCX.
fn entry(offset: usize) -> Amode<u8> {
    indexed(RDI, RCX, Scale::One, displacement(offset_of!(Env, return_stack) + offset))
}

impl Emitter<'_> {
    pub(crate) fn goto(&mut self, op: &FlatOp) {
        if JumpKind::from_sub(op.aux as u8) == JumpKind::Call {
            self.push_return();
        }
        let way = self.way_to(op.imm);
        let out = self.asm.out(way);
        self.asm.jump(out);
        self.open = false;
    }

    pub(crate) fn goto_indirect(&mut self, op: &FlatOp) {
        self.first(op.a);
        match JumpKind::from_sub(op.aux as u8) {
            JumpKind::Call => self.push_return(),
            JumpKind::Ret => self.pop_return(),
            JumpKind::Jump => {}
        }
        self.probe();
    }

    /// Remembers where the block's call will return to. RAX stays.
    fn push_return(&mut self) {
        put!(self.asm, movq_rm(RCX, field(offset_of!(Env, return_top))));
        self.asm.store_constant(entry(offset_of!(ReturnEntry, guest)), self.plan.end, RDX);
        put!(self.asm, leaq_rm(RDX, near()));
        self.uses_slot(self.plan.end);
        put!(self.asm, movq_mr(entry(offset_of!(ReturnEntry, slot)), RDX));
        put!(self.asm, addl_mi_sxb(RCX, ENTRY));
        self.set_top();
    }

    fn set_top(&mut self) {
        put!(self.asm, andl_mi(RCX, RETURN_MASK));
        put!(self.asm, movq_mr(field(offset_of!(Env, return_top)), RCX));
    }

    /// Goes where the newest pushed entry says if it is for the address in RAX.
    fn pop_return(&mut self) {
        let other = self.asm.label();
        put!(self.asm, movq_rm(RCX, field(offset_of!(Env, return_top))));
        put!(self.asm, subl_mi_sxb(RCX, ENTRY));
        self.set_top();
        put!(self.asm, cmpq_mr(entry(offset_of!(ReturnEntry, guest)), RAX));
        self.asm.jump_if(Cc::Ne, other);
        put!(self.asm, movq_rm(RSI, entry(offset_of!(ReturnEntry, slot))));
        put!(self.asm, jmpq_m(at(RSI, 0)));
        self.asm.bind(other);
    }

    /// Looks the address in RAX up in the jump cache; leaves to the run loop if it is not there.
    fn probe(&mut self) {
        let miss = self.asm.out(Way::Miss);
        put!(self.asm, movl_rm(RCX, RAX));
        // Entries are 16 bytes for 4-byte units of address.
        put!(self.asm, shll_mi(RCX, 2u8));
        put!(self.asm, andl_mi(RCX, ((JUMP_CACHE - 1) * size_of::<JumpEntry>()) as u32));
        put!(self.asm, addq_rm(RCX, field(offset_of!(Env, jump_cache))));
        put!(self.asm, cmpq_mr(at(RCX, offset_of!(JumpEntry, guest) as i32), RAX));
        self.asm.jump_if(Cc::Ne, miss);
        put!(self.asm, jmpq_m(at(RCX, offset_of!(JumpEntry, host) as i32)));
        self.open = false;
    }

    pub(crate) fn raise(&mut self, op: &FlatOp) {
        self.first(op.a);
        put!(self.asm, movq_mr(field(offset_of!(Env, exit_arg)), RAX));
        put!(self.asm, movq_mi_sxl(field(offset_of!(Env, exit_slot)), i32::from(op.aux)));
        self.asm.store_constant(word(self.flat.pc), op.imm, RAX);
        self.leave(self.plan.status.raise);
    }
}
