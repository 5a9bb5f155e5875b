//! Common subexpressions: of equal pure ops on equal operands in a local block, the first stays.

use super::rewrite::Rewriter;
use crate::block::{Block, Inst, Value};
use crate::ops::{Effect, Op, Ty};
use brolga_core::RegTable;
use std::collections::HashMap;

/// Everything that decides a pure op's result. A 128-bit constant or selector stands for itself.
type Key = (Op, Ty, u8, u16, [Value; 3], u128);

/// The pass.
pub(super) fn run(block: &Block, _: &RegTable) -> Block {
    let mut out = Rewriter::new(block);
    let mut seen: HashMap<Key, Value> = HashMap::new();
    for i in 0..block.insts.len() {
        let inst = out.inst(i);
        if inst.op == Op::Label {
            seen.clear();
        }
        if inst.op.info().effect != Effect::Pure {
            out.emit(i, inst);
            continue;
        }
        let key = key(block, &inst);
        match seen.get(&key) {
            Some(v) => out.alias(i, *v),
            None => {
                seen.insert(key, out.emit(i, inst));
            }
        }
    }
    out.new
}

fn key(block: &Block, inst: &Inst) -> Key {
    let imm = match inst.op {
        Op::Vconst | Op::Vshuffle => block.consts[inst.imm as usize],
        _ => inst.imm as u128,
    };
    let mut operands = [inst.a, inst.b, inst.c];
    if commutes(inst.op) && inst.a > inst.b {
        operands.swap(0, 1);
    }
    (inst.op, inst.ty, inst.sub, inst.aux, operands, imm)
}

/// Whether the first two operands may be exchanged.
fn commutes(op: Op) -> bool {
    use Op::*;
    matches!(op, Iadd | Imul | Umulh | Smulh | And | Or | Xor | Smin | Smax | Umin | Umax | FlagsAdd)
        || matches!(op, Vadd | Vmul | Vsmin | Vsmax | Vumin | Vumax | VsaddSat | VuaddSat | VavgRound)
        || matches!(op, VmulHigh | VmulHighRound | VmulPairs)
}
