//! Ways out of a block: linked, by the return stack, by the jump cache, and back to the run loop.

use crate::asm::{Asm, Cc, R8, RAX, RCX, RDI, RDX, RSI, at, displacement, field, indexed, near, put, word};
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
            JumpKind::Ret => return self.pop_return(),
            JumpKind::Jump => {}
        }
        let miss = self.asm.out(Way::Miss);
        self.asm.find_jump();
        self.asm.jump_if(Cc::Ne, miss);
        self.asm.jump_found();
        self.open = false;
    }

    /// Remembers where the block's call will return to. RAX stays.
    fn push_return(&mut self) {
        put!(self.asm, movq_rm(RCX, field(offset_of!(Env, return_top))));
        let guest = entry(offset_of!(ReturnEntry, guest));
        if self.long == Some(self.plan.end) {
            // The guest keeps it on its stack.
            put!(self.asm, movq_mr(guest, R8));
        } else {
            self.asm.store_constant(guest, self.plan.end, RDX);
        }
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
        // Where the guess is wrong is rarely run, and shared.
        let other = self.asm.out(Way::Lookup);
        put!(self.asm, movq_rm(RCX, field(offset_of!(Env, return_top))));
        put!(self.asm, subl_mi_sxb(RCX, ENTRY));
        self.set_top();
        put!(self.asm, cmpq_mr(entry(offset_of!(ReturnEntry, guest)), RAX));
        self.asm.jump_if(Cc::Ne, other);
        put!(self.asm, movq_rm(RSI, entry(offset_of!(ReturnEntry, slot))));
        put!(self.asm, jmpq_m(at(RSI, 0)));
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

impl Asm {
    /// Looks the address in RAX up in the jump cache; the host's flags say whether it is there.
    pub(crate) fn find_jump(&mut self) {
        put!(self, movl_rm(RCX, RAX));
        // Entries are 16 bytes for 4-byte units of address.
        put!(self, shll_mi(RCX, 2u8));
        put!(self, andl_mi(RCX, ((JUMP_CACHE - 1) * size_of::<JumpEntry>()) as u32));
        put!(self, addq_rm(RCX, field(offset_of!(Env, jump_cache))));
        put!(self, cmpq_mr(at(RCX, offset_of!(JumpEntry, guest) as i32), RAX));
    }

    /// Goes where the jump cache says.
    pub(crate) fn jump_found(&mut self) {
        put!(self, jmpq_m(at(RCX, offset_of!(JumpEntry, host) as i32)));
    }
}
