//! Regions: what is installed, what leads where, and how a region grows.
//!
//! *Requirement.* Hot guest code runs as one host function a loop or function body; nothing leads to code
//! made from bytes that changed.
//! *How.* A hot block's neighbours that have run are lifted with it and compiled together. Exits whose target
//! has host code are linked by one store; invalidation unlinks everything that leads to a dropped region and
//! raises the cache's generation, at which every processor forgets its predictions.
//! *Limits.* A processor inside a dropped region leaves it at its next exit, as Arm's ISB demands no more.

use crate::cache::Cache;
use crate::config::Config;
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::lift;
use brolga_ir::{Block, Effect, Frontend, Interpreter, JumpKind, Op, Passes, Region, RegionBackend, optimise};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// Guest instructions of a region at most.
const MAX_INSNS: u32 = 300;
/// Memory accesses of a region at most: back ends number them in eight bits.
const MAX_ACCESSES: usize = 240;

#[derive(Debug)]
struct Unit {
    mode: u32,
    ranges: Vec<(u64, u64)>,
    entries: Vec<u64>,
    exits: Vec<u32>,
}

#[derive(Debug, Default)]
struct State {
    units: FxHashMap<u64, Unit>,
    /// Linked slots by what they lead to.
    incoming: FxHashMap<TbKey, Vec<u32>>,
}

/// The regions of one address space.
#[derive(Debug)]
pub(crate) struct Regions<R> {
    pub(crate) backend: R,
    state: Mutex<State>,
}

impl<R: RegionBackend> Regions<R> {
    pub(crate) fn new(backend: R) -> Self {
        Regions { backend, state: Mutex::default() }
    }

    /// Compiles the region around a block that has become hot.
    pub(crate) fn compile<T: Interpreter>(
        &self,
        frontend: &dyn Frontend,
        tier0: &T,
        config: &Config,
        cache: &Cache<T::Code>,
        hot: &TranslationBlock<T::Code>,
    ) {
        let generation = cache.generation();
        let Some(region) = grow(frontend, tier0, config, cache, hot) else { return };
        let Ok(code) = self.backend.compile(&region) else { return };
        let mut state = self.state.lock().expect("no panic under the lock");
        if cache.generation() != generation {
            hot.heat.store(0, Ordering::Relaxed); // bytes changed meanwhile: try again later
            return;
        }
        let Some(installed) = self.backend.install(code) else { return };
        let mode = hot.key.mode;
        let unit = Unit {
            mode,
            ranges: region.blocks.iter().map(|b| (b.pc, b.end)).collect(),
            entries: installed.entries.iter().map(|e| e.0).collect(),
            exits: installed.exits.iter().map(|e| e.0).collect(),
        };
        state.units.insert(installed.unit, unit);
        for &(pc, host) in &installed.entries {
            if let Some(tb) = cache.find(TbKey { pc, mode }) {
                tb.host.store(host, Ordering::Release);
            }
        }
    }

    /// Links a static exit to the block it was just seen to lead to.
    pub(crate) fn link<C>(&self, slot: u32, target: &TranslationBlock<C>) {
        let mut state = self.state.lock().expect("no panic under the lock");
        let host = target.host.load(Ordering::Acquire);
        if host != 0 {
            self.backend.link(slot, host);
            state.incoming.entry(target.key).or_default().push(slot);
        }
    }

    /// Drops regions that hold bytes of `start..end`; tells whether there were any. Call before blocks of the range
    /// are dropped.
    pub(crate) fn invalidate<C>(&self, cache: &Cache<C>, start: u64, end: u64) -> bool {
        let mut state = self.state.lock().expect("no panic under the lock");
        let State { units, incoming } = &mut *state;
        let hit: Vec<u64> = units
            .iter()
            .filter(|(_, u)| u.ranges.iter().any(|&(s, e)| s < end && e > start))
            .map(|(&id, _)| id)
            .collect();
        if hit.is_empty() {
            return false;
        }
        let mut own_exits: FxHashSet<u32> = FxHashSet::default();
        for id in hit {
            let Some(unit) = units.remove(&id) else { continue };
            own_exits.extend(&unit.exits);
            for pc in unit.entries {
                let key = TbKey { pc, mode: unit.mode };
                for slot in incoming.remove(&key).into_iter().flatten() {
                    self.backend.unlink(slot);
                }
                if let Some(tb) = cache.find(key) {
                    tb.host.store(0, Ordering::Release);
                    tb.heat.store(0, Ordering::Relaxed);
                }
            }
            self.backend.remove(id);
        }
        for slots in incoming.values_mut() {
            slots.retain(|s| !own_exits.contains(s));
        }
        cache.raise_generation();
        true
    }

    /// Runs `action` with the lock held.
    pub(crate) fn locked(&self, action: &mut dyn FnMut()) {
        let _state = self.state.lock().expect("no panic under the lock");
        action();
    }
}

/// The region around `hot`: neighbours that have run and have no host code of their own, nearest first.
fn grow<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    config: &Config,
    cache: &Cache<T::Code>,
    hot: &TranslationBlock<T::Code>,
) -> Option<Region> {
    let mode = hot.key.mode;
    let (mut blocks, mut entries) = (Vec::<Block>::new(), Vec::new());
    let mut queue = VecDeque::from([(hot.key.pc, true)]);
    let mut seen = FxHashMap::default();
    let (mut insns, mut accesses) = (0, 0);
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
        let block = lift(frontend, tier0, key, config.max_insns, &Default::default()).ok()?;
        let count = block.insts.iter().filter(|i| is_access(i.op.info().effect)).count();
        if !blocks.is_empty() && (insns + block.guest_insns > MAX_INSNS || accesses + count > MAX_ACCESSES) {
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
    (!blocks.is_empty()).then_some(Region { blocks, entries, precise: true })
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
