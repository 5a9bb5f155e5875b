//! Integer ops of 8 and 16 bits, and counts of bits at every width. Words hold their values zero-extended.

use crate::asm::{RAX, RCX, put};
use crate::emit::Emitter;
use brolga_interp::FlatOp;
use brolga_ir::Op;
use brolga_ir::ops::ALL_OPS;

impl Emitter<'_> {
    /// A binary op of 8 or 16 bits; false if it has no form here.
    pub(crate) fn narrow_binary(&mut self, op: &FlatOp) -> bool {
        let ir = ALL_OPS[op.aux as usize & 0xff];
        let byte = op.imm == 8;
        match ir {
            Op::Iadd | Op::Isub | Op::Imul => {
                self.first(op.a);
                match ir {
                    Op::Iadd => put!(self.asm, addl_rm(RAX, self.operand(op.b))),
                    Op::Isub => put!(self.asm, subl_rm(RAX, self.operand(op.b))),
                    _ => put!(self.asm, imull_rm(RAX, self.operand(op.b))),
                }
            }
            Op::Shl | Op::Lshr | Op::Ashr | Op::Rotr => {
                self.first(op.a);
                self.load(RCX, op.b);
                put!(self.asm, andl_mi(RCX, op.imm as u32 - 1));
                match (ir, byte) {
                    (Op::Shl, _) => put!(self.asm, shll_mc(RAX, RCX)),
                    (Op::Lshr, _) => put!(self.asm, shrl_mc(RAX, RCX)),
                    (Op::Ashr, true) => put!(self.asm, movsbl_rm(RAX, RAX)),
                    (Op::Ashr, false) => put!(self.asm, movswl_rm(RAX, RAX)),
                    (_, true) => put!(self.asm, rorb_mc(RAX, RCX)),
                    (_, false) => put!(self.asm, rorw_mc(RAX, RCX)),
                }
                if ir == Op::Ashr {
                    put!(self.asm, sarl_mc(RAX, RCX));
                }
            }
            _ => return false,
        }
        self.extend_narrow(byte);
        self.done(op.dst);
        true
    }

    /// A unary op of 8 or 16 bits, or a count of bits; false if it has no form here.
    pub(crate) fn narrow_unary(&mut self, op: &FlatOp) -> bool {
        let (bits, byte) = (op.imm as u32, op.imm == 8);
        match ALL_OPS[op.aux as usize & 0xff] {
            Op::Not | Op::Neg if bits >= 32 => return false,
            Op::Not => {
                self.first(op.a);
                put!(self.asm, notl_m(RAX));
                self.extend_narrow(byte);
            }
            Op::Neg => {
                self.first(op.a);
                put!(self.asm, negl_m(RAX));
                self.extend_narrow(byte);
            }
            Op::Bswap if bits == 16 => {
                self.first(op.a);
                put!(self.asm, bswapl_o(RAX));
                put!(self.asm, shrl_mi(RAX, 16));
            }
            Op::Popcnt if self.plan.functions.popcnt => {
                self.first(op.a);
                put!(self.asm, popcntq_rm(RAX, RAX));
            }
            Op::Ctz => {
                // What is found in 0 is the width: as a bit above the value, or moved there.
                self.load(RCX, op.a);
                if bits < 64 {
                    self.asm.constant(RAX, 1 << bits);
                    put!(self.asm, orq_rm(RAX, RCX));
                    put!(self.asm, bsfq_rm(RAX, RAX));
                } else {
                    self.asm.constant(RAX, 64);
                    put!(self.asm, bsfq_rm(RCX, RCX));
                    put!(self.asm, cmovneq_rm(RAX, RCX));
                }
            }
            _ => return false,
        }
        self.done(op.dst);
        true
    }

    /// Clears what is above a narrow value in RAX.
    fn extend_narrow(&mut self, byte: bool) {
        if byte {
            put!(self.asm, movzbl_rm(RAX, RAX));
        } else {
            put!(self.asm, movzwl_rm(RAX, RAX));
        }
    }
}
