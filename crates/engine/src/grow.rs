//! What a region is made of.

use crate::cache::Cache;
use crate::config::Config;
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::lift;
use brolga_ir::{Block, Effect, Frontend, Interpreter, JumpKind, Op, Passes, Region, optimise};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Guest instructions of a region at most.
const MAX_INSNS: u32 = 300;
/// Memory accesses of a region at most: back ends number them in eight bits.
const MAX_ACCESSES: usize = 240;

/// A region, and the guest's bytes that it was made from, block after block.
pub(crate) struct Grown {
    pub region: Region,
    pub guest: Vec<u8>,
}

/// The region around `hot`: neighbours that have run and have no host code of their own, nearest first.
pub(crate) fn grow<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    config: &Config,
    cache: &Cache<T::Code>,
    hot: &TranslationBlock<T::Code>,
    precise: bool,
) -> Option<Grown> {
    let mode = hot.key.mode;
    let (mut blocks, mut entries) = (Vec::<Block>::new(), Vec::new());
    let mut queue = VecDeque::from([(hot.key.pc, true)]);
    let mut seen = FxHashMap::default();
    let (mut insns, mut accesses) = (0, 0);
    let mut guest = Vec::new();
    while let Some((pc, entry)) = queue.pop_front() {
        if let Some(&index) = seen.get(&pc) {
            if entry && !entries.contains(&index) {
                entries.push(index);
            }
            continue;
        }
        let key = TbKey { pc, mode };
        let ran = cache.find(key).is_some_and(|tb| tb.host.load(Ordering::Relaxed) == 0);
        if !ran {
            continue;
        }
        let before = guest.len();
        let block = lift(frontend, tier0, key, config.max_insns, &Default::default(), Some(&mut guest)).ok()?;
        let count = block.insts.iter().filter(|i| is_access(i.op.info().effect)).count();
        if !blocks.is_empty() && (insns + block.guest_insns > MAX_INSNS || accesses + count > MAX_ACCESSES) {
            guest.truncate(before);
            continue;
        }
        insns += block.guest_insns;
        accesses += count;
        successors(&block, &mut queue);
        seen.insert(pc, blocks.len());
        if entry {
            entries.push(blocks.len());
        }
        blocks.push(if config.passes { optimise(&block, &Passes::ALL, frontend.regs()) } else { block });
    }
    (!blocks.is_empty()).then_some(Grown { region: Region { blocks, entries, precise }, guest })
}

fn is_access(effect: Effect) -> bool {
    matches!(effect, Effect::ReadMem | Effect::WriteMem)
}

/// Where control goes from `block`: jumps stay in the region, and what follows a call comes back into it.
fn successors(block: &Block, queue: &mut VecDeque<(u64, bool)>) {
    for inst in &block.insts {
        match (inst.op, JumpKind::from_sub(inst.sub)) {
            (Op::Goto, JumpKind::Jump) => queue.push_back((inst.imm, false)),
            (Op::Goto | Op::GotoInd, JumpKind::Call) => queue.push_back((block.end, true)),
            _ => {}
        }
    }
}
