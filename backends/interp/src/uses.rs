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
    /// is needed as long as the flags are.
    pub(crate) last: Vec<u32>,
    /// For each instruction a bit for each operand that no later one has, or [`ARGUMENTS`]. Flags that are made of it may outlive it.
    pub(crate) dying: Vec<u8>,
}

impl Uses {
    /// Those of `block`, in the memory of others; tells whether its local blocks have parameters. There are few branches in it:
    /// nothing is harder to predict than what instructions follow each other.
    pub(crate) fn find(&mut self, block: &Block, regs: &RegTable) -> bool {
        let insts = block.insts.as_slice();
        let n = insts.len();
        self.last.clear();
        self.last.resize(n, 0);
        self.dying.clear();
        self.dying.resize(n, 0);
        let (last, dying) = (self.last.as_mut_slice(), self.dying.as_mut_slice());
        let mut parameters = false;
        // Guests write flags far more often than they look at them.
        let mut flags_overwritten = false;
        for (at, inst) in insts.iter().enumerate().rev() {
            let class = Class::of(inst.op);
            let own = last[at];
            if !class.is(Class::OPERANDS) {
                if class.is(Class::PURE) && own == 0 {
                    last[at] = SKIPPED;
                }
                if inst.op == Op::Get && is_flag(regs, inst.aux as u8) {
                    flags_overwritten = false;
                }
                parameters |= inst.op == Op::Param;
                continue;
            }
            if class.is(Class::PURE | Class::HINT) && (own == 0 || class.is(Class::HINT)) {
                last[at] = SKIPPED; // its operands are not needed for it
                continue;
            }
            if inst.op == Op::SetFlags && std::mem::replace(&mut flags_overwritten, true) {
                last[at] = SKIPPED;
                continue;
            }
            flags_overwritten &= !class.is(Class::LOOKS);
            let here = at as u32;
            let until = if class.is(Class::FLAGS) { own.max(here) } else { here };
            let mut ends = needs(last, inst.a, until) | needs(last, inst.b, until) << 1;
            debug_assert!(class.is(Class::THREE) || inst.c == Value::NONE, "{inst:?}");
            if class.is(Class::THREE) {
                ends |= needs(last, inst.c, until) << 2;
            }
            if class.is(Class::ARGUMENTS) {
                ends |= arguments(block, inst, last, until);
                flags_overwritten &= !call_sees_flags(block, regs, inst);
            }
            dying[at] = if until == here { ends } else { 0 };
        }
        parameters
    }
}

/// Notes that `v` is needed by an instruction before or at `until`; tells whether no later one was known to need it.
#[inline(always)]
fn needs(last: &mut [u32], v: Value, until: u32) -> u8 {
    let Some(at) = last.get_mut(v.index()) else { return 0 };
    let before = *at;
    *at = before.max(until);
    u8::from(before == 0)
}

#[inline(never)]
fn arguments(block: &Block, inst: &Inst, last: &mut [u32], until: u32) -> u8 {
    let mut ends = 0;
    block.each_argument(inst, |v| ends |= needs(last, v, until) * ARGUMENTS);
    ends
}

/// Whether a word is one of the flags'.
#[inline(always)]
fn is_flag(regs: &RegTable, word: u8) -> bool {
    word.wrapping_sub(regs.cc.0) < 3
}

#[inline(never)]
fn call_sees_flags(block: &Block, regs: &RegTable, inst: &Inst) -> bool {
    inst.op == Op::Call && block.calls[inst.imm as usize].reads.iter().any(|word| is_flag(regs, word))
}
