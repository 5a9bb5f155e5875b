//! Redundant register reads: a register whose value is known in the local block, because it was
//! read or written there, is not read again. A write of the value that is known to be there goes.

use super::rewrite::Rewriter;
use crate::block::{Block, Value};
use crate::ops::{Effect, Op, Ty};
use brolga_core::{FILE_WORDS, RegTable};

/// Values that registers are known to hold, by first word; new numbering.
struct Known {
    words: [Value; FILE_WORDS],
    flags: Value,
    /// First of the three words that the flags are in.
    cc: usize,
}

impl Known {
    fn forget_all(&mut self) {
        self.words.fill(Value::NONE);
        self.flags = Value::NONE;
    }

    /// Word `w` is about to change; rows that reach into it are no longer known.
    fn forget(&mut self, w: usize) {
        self.words[w] = Value::NONE;
        if (self.cc..self.cc + 3).contains(&w) {
            self.flags = Value::NONE;
        }
    }

    /// The row at `w`, two words long if `wide`, now holds `v`.
    fn write(&mut self, w: usize, wide: bool, v: Value) {
        self.forget(w);
        if wide {
            self.forget(w | 1);
        }
        self.words[w] = v;
    }
}

/// The pass.
pub(super) fn run(block: &Block, regs: &RegTable) -> Block {
    let mut out = Rewriter::new(block);
    let mut known = Known { words: [Value::NONE; FILE_WORDS], flags: Value::NONE, cc: regs.cc.0 as usize };
    for i in 0..block.insts.len() {
        let inst = out.inst(i);
        let w = inst.aux as usize;
        match inst.op {
            Op::Label => known.forget_all(),
            Op::Get if known.words[w] != Value::NONE => {
                out.alias(i, known.words[w]);
                continue;
            }
            Op::Get => {
                known.words[w] = out.keep(i);
                continue;
            }
            Op::Set if known.words[w] == inst.a => continue,
            Op::Set => known.write(w, out.new.ty(inst.a) == Ty::V128, inst.a),
            Op::GetFlags if known.flags != Value::NONE => {
                out.alias(i, known.flags);
                continue;
            }
            Op::GetFlags => {
                known.flags = out.keep(i);
                continue;
            }
            Op::SetFlags if known.flags == inst.a => continue,
            Op::SetFlags => {
                (known.cc..known.cc + 3).for_each(|w| known.forget(w));
                known.flags = inst.a;
            }
            Op::Call => {
                for w in block.calls[inst.imm as usize].writes.iter() {
                    known.forget(w as usize);
                    // The second word of a wide row: the row is known by its first.
                    if w % 2 == 1 && wide_row(regs, w - 1) {
                        known.forget(w as usize - 1);
                    }
                }
            }
            _ if inst.op.info().effect == Effect::Sticky => {
                regs.fp.iter().for_each(|fp| known.forget(fp.status.0 as usize));
            }
            _ => {}
        }
        out.emit(i, inst);
    }
    out.new
}

fn wide_row(regs: &RegTable, word: u8) -> bool {
    regs.info(brolga_core::Reg(word)).is_some_and(|row| row.width == brolga_core::RegWidth::W128)
}
