//! What lowering knows of the whole block: who uses values last, and which flags nobody sees.

use crate::class::Class;
use brolga_core::RegTable;
use brolga_ir::{Block, Inst, Op, Value};

/// In the place of the last use: an instruction that is not to be lowered. It makes a value that nobody needs, or writes what is
/// written again before anybody may look at it.
pub(crate) const SKIPPED: u32 = u32::MAX;

/// In [`Uses::dying`]: values that are handed to a call or another local block end there.
pub(crate) const ARGUMENTS: u8 = 8;

/// Who needs values.
#[derive(Default)]
pub(crate) struct Uses {
    /// For each value the last instruction that needs it: 0 if none does, or [`SKIPPED`]. Flags are symbolic: what a flags op reads
    /// is needed as long as the flags are. One more is there for operands that an instruction does not have.
    pub(crate) last: Vec<u32>,
    /// For each instruction a bit for each operand that no later one has, or [`ARGUMENTS`]. Flags that are made of it may outlive it.
    pub(crate) dying: Vec<u8>,
}

impl Uses {
    /// Those of `block`, in the memory of others. There are few branches in it: nothing is harder to predict than what instructions
    /// follow each other.
    pub(crate) fn of(block: &Block, regs: &RegTable, old: Uses) -> Uses {
        let n = block.insts.len();
        let Uses { mut last, mut dying } = old;
        (last.clear(), dying.clear());
        last.resize(n, 0);
        last.push(1);
        dying.resize(n, 0);
        // Guests write flags far more often than they look at them.
        let mut flags_overwritten = false;
        for (i, inst) in block.insts.iter().enumerate().rev() {
            let class = Class::of(inst.op);
            if class.is(Class::PURE) && last[i] == 0 || class.is(Class::HINT) {
                last[i] = SKIPPED; // its operands are not needed for it
                continue;
            }
            if inst.op == Op::SetFlags {
                if std::mem::replace(&mut flags_overwritten, true) {
                    last[i] = SKIPPED;
                    continue;
                }
            } else if class.is(Class::LOOKS) && sees_flags(block, regs, inst) {
                flags_overwritten = false;
            }
            let until = if class.is(Class::FLAGS) { last[i].max(i as u32) } else { i as u32 };
            let mut needs = |v: Value| {
                let at = v.index().min(n);
                let before = last[at];
                last[at] = before.max(until);
                u8::from(before == 0) & u8::from(until == i as u32)
            };
            let mut ends = needs(inst.a) | needs(inst.b) << 1 | needs(inst.c) << 2;
            if class.is(Class::ARGUMENTS) {
                block.each_argument(inst, |v| ends |= needs(v) * ARGUMENTS);
            }
            dying[i] = ends;
        }
        Uses { last, dying }
    }
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
