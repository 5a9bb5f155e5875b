//! Dead code: values nobody uses, and local blocks nobody reaches. A local block with an
//! instruction mark stays even then, for marks survive every pass.

use super::rewrite::retain;
use crate::block::Block;
use crate::ops::{Effect, Op};
use brolga_core::RegTable;

/// The pass.
pub(super) fn run(block: &Block, _: &RegTable) -> Block {
    let mut keep = reachable(block);
    let mut used = vec![false; block.insts.len()];
    for (i, inst) in block.insts.iter().enumerate().rev() {
        let removable = matches!(inst.op.info().effect, Effect::Pure | Effect::ReadReg);
        keep[i] &= used[i] || !removable;
        if keep[i] {
            block.each_use(inst, |v| used[v.index()] = true);
        }
    }
    retain(block, &keep)
}

/// For each instruction, whether its local block can run or holds a mark.
fn reachable(block: &Block) -> Vec<bool> {
    let starts: Vec<usize> = (0..block.insts.len()).filter(|i| *i == 0 || block.insts[*i].op == Op::Label).collect();
    let end = |k: usize| starts.get(k + 1).copied().unwrap_or(block.insts.len());
    let mut bound = vec![usize::MAX; block.labels as usize + 1];
    let mut work = Vec::new();
    for (k, start) in starts.iter().enumerate() {
        let first = &block.insts[*start];
        if first.op == Op::Label {
            bound[first.aux as usize] = k;
        }
        if k == 0 || block.insts[*start..end(k)].iter().any(|i| i.op == Op::InsnStart) {
            work.push(k);
        }
    }
    let mut reached = vec![false; starts.len()];
    let mut keep = vec![false; block.insts.len()];
    while let Some(k) = work.pop() {
        if std::mem::replace(&mut reached[k], true) {
            continue;
        }
        keep[starts[k]..end(k)].fill(true);
        let last = &block.insts[end(k) - 1];
        let count = match last.op {
            Op::Jump => 1,
            Op::Brif => 2,
            _ => 0,
        };
        let targets = block.targets.iter().skip(last.imm as usize).take(count);
        work.extend(targets.map(|t| bound[t.label.0 as usize]));
    }
    keep
}
