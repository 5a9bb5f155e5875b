//! What a region is made of.
//!
//! *Requirement.* Hot paths stay inside a region: every way out stores registers, every way in loads them.
//! *How.* Two extents. A block that gets hot in tier 0 gets a region of its own function: what can be reached from it
//! without a call, is hot too and has no host code yet. Where such a region is entered often, a large one takes its
//! place: blocks may have host code already, and the hot bodies of functions that are called come in, nearest first, if
//! they are small and fit. Indirect jumps and calls lead to where they were seen to go most of the time.

use crate::config::Config;
use crate::regions::Tier;
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::lift;
use brolga_ir::{Block, Effect, Frontend, Inst, Interpreter, JumpKind, Op, Passes, Region, optimise};
use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Guest instructions of a region at most.
const MAX_INSNS: u32 = 300;
/// Guest instructions of a large region at most.
const MAX_LARGE: u32 = 1600;
/// Guest instructions of a called function at most.
const MAX_CALLEE: u32 = 400;
/// Memory accesses of a region at most: back ends have to have a number for each.
const MAX_ACCESSES: usize = 1200;
/// A block belongs to a region if it ran at least once in so many runs of the hot one.
const RARE: u32 = 8;

/// How far a region goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// Over blocks of the hot block's function that have no host code.
    Own,
    /// Over all hot blocks, through calls.
    Large,
}

/// Looks a block up.
type FindBlock<'a, C> = dyn Fn(TbKey) -> Option<Arc<TranslationBlock<C>>> + 'a;

/// What the search looks things up in.
pub(crate) struct Grower<'a, T: Interpreter> {
    pub frontend: &'a dyn Frontend,
    pub tier0: &'a T,
    pub config: &'a Config,
    /// Finds a block that has run.
    pub block: &'a FindBlock<'a, T::Code>,
    /// How often a block was entered in tier 1.
    pub entered: &'a dyn Fn(TbKey) -> u32,
}

/// Where and how a region is grown.
struct Site<'a, C> {
    hot: &'a TranslationBlock<C>,
    extent: Extent,
}

/// A block that is to be in a region.
struct Member {
    block: Block,
    /// The guest's bytes of it.
    guest: Vec<u8>,
    /// Where its end leads beside the block's own gotos.
    likely: Vec<u64>,
    /// Whether it has no host code to be entered by.
    new: bool,
}

/// Blocks joined without calls.
#[derive(Default)]
struct Body {
    members: Vec<Member>,
    insns: u32,
    accesses: usize,
    /// Functions called, in order.
    calls: Vec<u64>,
    /// Whether something hot is missing.
    cut: bool,
}

impl Body {
    fn fits(&self, other: &Body) -> bool {
        self.insns + other.insns <= MAX_LARGE && self.accesses + other.accesses <= MAX_ACCESSES
    }

    fn add(&mut self, other: Body) {
        self.insns += other.insns;
        self.accesses += other.accesses;
        self.members.extend(other.members);
    }
}

fn accesses(block: &Block) -> usize {
    block.insts.iter().filter(|i| matches!(i.op.info().effect, Effect::ReadMem | Effect::WriteMem)).count()
}

/// The direct and indirect ways out of a block, with what kind of jump they are.
fn ends(block: &Block) -> impl Iterator<Item = (&Inst, JumpKind)> {
    let ends = block.insts.iter().filter(|i| matches!(i.op, Op::Goto | Op::GotoInd));
    ends.map(|i| (i, JumpKind::from_sub(i.sub)))
}

impl Extent {
    /// What code of this extent is.
    pub(crate) fn tier(self) -> Tier {
        if self == Extent::Large { Tier::Large } else { Tier::Region }
    }
}

/// A region, and the guest's bytes that it was made from, block after block.
pub(crate) struct Grown {
    pub region: Region,
    pub guest: Vec<u8>,
}

impl<T: Interpreter> Grower<'_, T> {
    /// The region around `hot`.
    pub(crate) fn grow(&self, hot: &TranslationBlock<T::Code>, extent: Extent, precise: bool) -> Option<Grown> {
        let site = Site { hot, extent };
        let mut seen = FxHashSet::default();
        let limit = if extent == Extent::Large { MAX_LARGE } else { MAX_INSNS };
        let mut region = self.body(&site, hot.key, &mut seen, limit)?;
        let own = region.members.len();
        if extent == Extent::Large {
            self.add_callees(&site, &mut region, seen);
        }
        Some(self.region(region.members, own, &site, precise))
    }

    fn add_callees(&self, site: &Site<'_, T::Code>, region: &mut Body, mut seen: FxHashSet<u64>) {
        let mut calls = VecDeque::from(std::mem::take(&mut region.calls));
        while let Some(pc) = calls.pop_front() {
            let mut inside = seen.clone();
            let key = TbKey { pc, mode: site.hot.key.mode };
            let Some(callee) = self.body(site, key, &mut inside, MAX_CALLEE) else { continue };
            if !callee.cut && region.fits(&callee) {
                calls.extend(&callee.calls);
                region.add(callee);
                seen = inside;
            }
        }
    }

    /// A block that may be a member.
    fn find(&self, site: &Site<'_, T::Code>, key: TbKey) -> Option<Arc<TranslationBlock<T::Code>>> {
        let tb = (self.block)(key)?;
        if site.extent == Extent::Own && tb.host.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let enough = self.heat(site.hot).min(self.config.most_entries()) / RARE;
        (self.heat(&tb) >= enough.max(1)).then_some(tb)
    }

    /// How often a block ran without a region of its own.
    fn heat(&self, tb: &TranslationBlock<T::Code>) -> u32 {
        tb.heat.load(Ordering::Relaxed).saturating_add((self.entered)(tb.key))
    }

    /// Hot blocks from `start` on, without those of `seen`, which it adds to.
    fn body(&self, site: &Site<'_, T::Code>, start: TbKey, seen: &mut FxHashSet<u64>, limit: u32) -> Option<Body> {
        let mut body = Body::default();
        let mut queue = VecDeque::from([start.pc]);
        while let Some(pc) = queue.pop_front() {
            if seen.contains(&pc) {
                continue;
            }
            let Some(tb) = self.find(site, TbKey { pc, ..start }) else { continue };
            let (log, mut guest) = (Default::default(), Vec::new());
            let max = self.config.max_insns;
            let block = lift(self.frontend, self.tier0, tb.key, max, &log, Some(&mut guest)).ok()?;
            if block.once {
                continue;
            }
            let count = accesses(&block);
            let first = body.members.is_empty();
            if !first && (body.insns + block.guest_insns > limit || body.accesses + count > MAX_ACCESSES) {
                body.cut = true;
                continue;
            }
            seen.insert(pc);
            body.insns += block.guest_insns;
            body.accesses += count;
            let likely = tb.targets.as_ref().map(|t| t.likely()).unwrap_or_default();
            for (end, kind) in ends(&block) {
                let targets = if end.op == Op::Goto { std::slice::from_ref(&end.imm) } else { &likely };
                match kind {
                    JumpKind::Jump => queue.extend(targets),
                    JumpKind::Call => {
                        queue.push_back(block.end);
                        body.calls.extend(targets);
                    }
                    JumpKind::Ret => {}
                }
            }
            let new = tb.host.load(Ordering::Relaxed) == 0;
            body.members.push(Member { block, guest, likely, new });
        }
        (!body.members.is_empty()).then_some(body)
    }

    /// The first `own` members are of the hot block's own function, `members[0]` is the hot block.
    fn region(&self, members: Vec<Member>, own: usize, site: &Site<'_, T::Code>, precise: bool) -> Grown {
        let index = |pc: u64| members.iter().position(|m| m.block.pc == pc);
        let mut entries = vec![0];
        for member in &members[..own] {
            for (end, kind) in ends(&member.block).filter(|(_, kind)| *kind == JumpKind::Call) {
                // A function inside returns inside.
                let inside = end.op == Op::Goto && kind == JumpKind::Call && index(end.imm).is_some();
                if let Some(back) = index(member.block.end)
                    && !inside
                    && members[back].new
                    && !entries.contains(&back)
                {
                    entries.push(back);
                }
            }
        }
        let likely = members.iter().enumerate().flat_map(|(i, m)| m.likely.iter().map(move |&pc| (i, pc))).collect();
        let guest = members.iter().flat_map(|m| m.guest.iter().copied()).collect();
        let optimised = |m: Member| {
            if self.config.passes { optimise(&m.block, &Passes::ALL, self.frontend.regs()) } else { m.block }
        };
        let patience = if site.extent == Extent::Large { 0 } else { self.config.patience };
        let blocks = members.into_iter().map(optimised).collect();
        Grown { region: Region { blocks, entries, likely, patience, precise }, guest }
    }
}
