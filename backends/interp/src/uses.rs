//! What lowering knows of the whole block: who uses values last, and which flags nobody sees.

use crate::class::Class;
use brolga_core::RegTable;
use brolga_ir::{Block, Inst, Op};

/// In the place of the last use: an instruction that writes what is written again before anybody may look at it.
pub(crate) const OVERWRITTEN: u32 = u32::MAX;

/// For each value the last instruction that needs it. Flags are symbolic: what a flags op reads is
/// needed as long as the flags are. `last` is a zero for each.
pub(crate) fn last_uses(block: &Block, regs: &RegTable, mut last: Vec<u32>) -> Vec<u32> {
    // Guests write flags far more often than they look at them.
    let mut flags_overwritten = false;
    for (i, inst) in block.insts.iter().enumerate().rev() {
        let class = Class::of(inst.op);
        if class.is(Class::PURE) && last[i] == 0 || class.is(Class::HINT) {
            continue; // dead, or a hint not taken: its operands are not needed for it
        }
        if inst.op == Op::SetFlags {
            if std::mem::replace(&mut flags_overwritten, true) {
                last[i] = OVERWRITTEN;
                continue;
            }
        } else if class.is(Class::LOOKS) && sees_flags(block, regs, inst) {
            flags_overwritten = false;
        }
        let until = if class.is(Class::FLAGS) { last[i].max(i as u32) } else { i as u32 };
        block.each_use(inst, |v| last[v.index()] = last[v.index()].max(until));
    }
    last
}

/// Whether an instruction that may look at the file, or have a fault handler or other code do so, sees the flags.
fn sees_flags(block: &Block, regs: &RegTable, inst: &Inst) -> bool {
    let flags = regs.cc.0..regs.cc.0 + 3;
    match inst.op {
        Op::GetFlags => true,
        Op::Get => flags.contains(&(inst.aux as u8)),
        Op::Call => {
            let reads = block.calls[inst.imm as usize].reads;
            reads.iter().any(|w| flags.contains(&w))
        }
        _ => true,
    }
}
