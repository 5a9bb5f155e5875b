//! Overwritten register writes, and the backward scan that finds them for flags as well.

use super::rewrite::retain;
use crate::block::{Block, Inst};
use crate::ops::{Effect, Op, Ty};
use brolga_core::{FILE_WORDS, RegTable};

/// The pass.
pub(super) fn run(block: &Block, regs: &RegTable) -> Block {
    drop_overwritten(block, regs, Op::Set)
}

/// Drops every `what` (`set` or `set_flags`) whose words are all written again in the local block
/// before anything may observe them.
pub(super) fn drop_overwritten(block: &Block, regs: &RegTable, what: Op) -> Block {
    let mut keep = vec![true; block.insts.len()];
    // Words that will be written before they are observed.
    let mut overwritten = [false; FILE_WORDS];
    for (i, inst) in block.insts.iter().enumerate().rev() {
        if let Some((first, count)) = written(block, regs, inst) {
            let words = &mut overwritten[first..first + count];
            if inst.op == what && words.iter().all(|w| *w) {
                keep[i] = false;
            }
            words.fill(true);
            continue;
        }
        match inst.op {
            Op::Get => {
                let count = if inst.ty == Ty::V128 { 2 } else { 1 };
                overwritten[inst.aux as usize..][..count].fill(false);
            }
            Op::GetFlags => overwritten[regs.cc.0 as usize..][..3].fill(false),
            Op::Call => {
                // What a helper may write, it may also leave.
                block.calls[inst.imm as usize].reads.iter().for_each(|w| overwritten[w as usize] = false);
            }
            _ if inst.op.info().effect == Effect::Sticky => {
                let rows = regs.fp.iter().flat_map(|fp| [fp.control, fp.status]);
                rows.for_each(|row| overwritten[row.0 as usize] = false);
            }
            _ if observes_all(inst) => overwritten.fill(false),
            _ => {}
        }
    }
    retain(block, &keep)
}

/// First word and number of words that `inst` certainly writes.
fn written(block: &Block, regs: &RegTable, inst: &Inst) -> Option<(usize, usize)> {
    match inst.op {
        Op::Set if block.ty(inst.a) == Ty::V128 => Some((inst.aux as usize, 2)),
        Op::Set => Some((inst.aux as usize, 1)),
        Op::SetFlags => Some((regs.cc.0 as usize, 3)),
        _ => None,
    }
}

/// Whether the whole register file may be looked at here: by a fault handler or by other code.
fn observes_all(inst: &Inst) -> bool {
    matches!(inst.op.info().effect, Effect::ReadMem | Effect::WriteMem | Effect::End)
}
