//! Regions in place: what leads where, and how they go.
//!
//! *Requirement.* Nothing leads to code made from bytes that changed; host code is freed when nobody is in it.
//! *How.* Exits whose target has host code are linked by one store. Retiring a region unlinks everything that leads
//! to it and raises the cache's generation, at which every processor forgets its predictions; its memory is released
//! when all processors have passed that generation.
//! A hot block of tier 1 leads to its region as long as its count is the one in `own`.
//! What an invalidation retires may be set aside instead of released ([`crate::aside`]); put back, it is as if just installed.
//! *Limits.* A processor inside a dropped region leaves it at its next exit, as Arm's ISB demands no more. It may
//! link that exit once more, so exits leave the lists of what they were linked to when the region is released: a slot
//! in a list is never one that leads elsewhere by now.

use crate::aside::{Aside, Part};
use crate::cache::{Cache, PAGE_SHIFT};
use crate::config::{Config, IsFile};
use crate::incoming::Incoming;
use crate::page_map::PageMap;
use crate::stats::Stats;
use crate::tb::{TbKey, TranslationBlock};
use brolga_ir::{Installed, Region, RegionBackend};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Entries of a block in tier 1 after which it may ask for a region again.
const LONG: u32 = 1 << 20;

/// What code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tier {
    /// Tier 1: blocks that are nothing to each other.
    Block,
    /// Tier 2.
    Region,
    /// Tier 2, in the place of a smaller region.
    Large,
}

/// A region in place, or blocks of tier 1, which are treated as a region of their own.
#[derive(Debug)]
pub(crate) struct Unit {
    pub origin: Origin,
    pub tier: Tier,
    pub installed: Installed,
}

/// Code of its own that a block has in tier 1.
#[derive(Clone, Copy, Debug)]
struct Own {
    host: u64,
    count: u32,
    /// What the count began with.
    from: u32,
}

/// An entry of tier 2.
#[derive(Clone, Copy, Debug)]
struct Entry {
    host: u64,
    large: bool,
}

/// A region that nothing leads to any more.
#[derive(Debug)]
struct Retired {
    /// To be passed by all processors before it can be released.
    generation: u64,
    id: u64,
    mode: u32,
    exits: Vec<(u32, u64)>,
}

impl Unit {
    /// Keys of its entries.
    pub(crate) fn keys(&self) -> impl Iterator<Item = TbKey> {
        let mode = self.origin.mode;
        self.installed.entries.iter().map(move |&(pc, _)| TbKey { pc, mode })
    }

    fn pages(&self) -> impl Iterator<Item = u64> {
        self.origin.ranges.iter().flat_map(|&(s, e)| s >> PAGE_SHIFT..=e.saturating_sub(1).max(s) >> PAGE_SHIFT)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Regions by number; numbers grow with age.
    units: BTreeMap<u64, Unit>,
    /// Regions by the guest pages they hold bytes of.
    pages: FxHashMap<u64, Vec<u64>>,
    /// Newest entry of tier 2 of each block that has one; a large region's is kept before a smaller one's.
    hosts: FxHashMap<TbKey, Entry>,
    /// Blocks of tier 1.
    own: PageMap<Own>,
    /// Blocks that a large region in place has inside, since a region of their own was last found hot.
    inside: FxHashSet<TbKey>,
    /// Linked slots by what they lead to.
    incoming: Incoming,
    /// Regions to be released, by generation.
    retired: Vec<Retired>,
    /// Regions that nothing leads to, and that may be put back.
    aside: Aside,
}

/// Ways out of code that a child of a fork takes before it notes where they lead.
const SHY: u32 = 256;

/// What a region was made of.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub mode: u32,
    pub ranges: Vec<(u64, u64)>,
    pub precise: bool,
    /// Whether it is code of files, which later runs have too.
    pub lasting: bool,
    /// The same bytes as `ranges`, block by block, where they are to be recognised; else none.
    pub parts: Vec<Part>,
}

impl Origin {
    /// Of a region of blocks that have the bytes `guest`, one after the other; these are noted if it may be set `aside`.
    pub(crate) fn of(region: &Region, guest: &[u8], aside: bool, is_file: IsFile) -> Origin {
        let ranges: Vec<_> = region.blocks.iter().map(|b| (b.pc, b.end)).collect();
        let parts = if aside { Part::all(&ranges, guest) } else { Vec::new() };
        Origin { mode: region.blocks[0].mode, precise: region.precise, lasting: is_file(&ranges), ranges, parts }
    }
}

/// Why code was not put in place.
pub(crate) enum Refusal<C> {
    /// Its bytes changed, or it is of a form that is not wanted any more.
    Stale,
    /// There is no room.
    Full(C),
}

/// The regions of one address space.
#[derive(Debug)]
pub(crate) struct Regions<R> {
    pub(crate) backend: R,
    /// Whether state must be exact at faults.
    precise: AtomicBool,
    /// Whether static exits are linked.
    link: bool,
    /// Entries of a block of tier 1 before it asks for a region: of code that is kept between runs, and of other code.
    counts: (u32, u32),
    /// See [`Regions::is_shy`].
    shy: AtomicU32,
    stats: Option<Arc<Stats>>,
    state: Mutex<State>,
}

impl<R: RegionBackend> Regions<R> {
    pub(crate) fn new(backend: R, config: &Config) -> Self {
        let (precise, stats) = (AtomicBool::new(config.precise), config.stats.clone());
        let (link, counts) = (config.link, config.tier1_entries());
        Regions { backend, precise, link, counts, shy: AtomicU32::new(0), stats, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }

    /// The form that regions are to have.
    pub(crate) fn precise(&self) -> bool {
        self.precise.load(Ordering::Acquire)
    }

    /// Puts code in place unless the bytes that it was made from have changed: it is not `fresh`.
    pub(crate) fn install<C>(
        &self,
        cache: &Cache<C>,
        origin: &Origin,
        tier: Tier,
        code: R::Compiled,
        fresh: &dyn Fn() -> bool,
        past: &dyn Fn(u64) -> bool,
    ) -> Result<(), Refusal<R::Compiled>> {
        let mut state = self.state();
        if !fresh() || (self.precise() && !origin.precise) {
            return Err(Refusal::Stale);
        }
        self.release(&mut state, past);
        let installed = self.backend.install(code).map_err(Refusal::Full)?;
        let from = self.count_of(origin);
        installed.counts.iter().for_each(|&count| self.backend.set_count(count, from));
        self.enter(&mut state, cache, Unit { origin: origin.clone(), tier, installed });
        Ok(())
    }

    fn count_of(&self, origin: &Origin) -> u32 {
        if origin.lasting { self.counts.0 } else { self.counts.1 }
    }

    /// Leads to code in place.
    fn enter<C>(&self, state: &mut State, cache: &Cache<C>, unit: Unit) {
        let Unit { origin, tier, installed } = &unit;
        let (mode, tier) = (origin.mode, *tier);
        state.enter_hosts(&unit);
        if tier == Tier::Block {
            self.enter_blocks(state, cache, mode, self.count_of(origin), installed);
            return state.add(unit);
        }
        for &(pc, host) in &installed.entries {
            let key = TbKey { pc, mode };
            if state.hosts.get(&key).is_none_or(|entry| entry.host != host) {
                continue;
            }
            state.incoming.of(key).for_each(|slot| self.backend.link(slot, host));
            // Who still gets to the block's own code goes on there, by the next entry at the latest.
            if let Some(own) = state.own.get(key) {
                self.backend.lead(own.count, host);
                self.backend.set_count(own.count, 0);
            }
            if let Some(tb) = cache.find(key) {
                tb.host.store(host, Ordering::Release);
            }
        }
        if tier == Tier::Large {
            for &(pc, _) in &origin.ranges {
                state.inside.insert(TbKey { pc, mode });
            }
        }
        state.add(unit);
    }

    /// Has blocks of tier 1 entered, which are sorted by address, and their exits linked to what is there.
    fn enter_blocks<C>(&self, state: &mut State, cache: &Cache<C>, mode: u32, from: u32, installed: &Installed) {
        let page = |entry: Option<&(u64, u64)>| entry.map_or(0, |entry| entry.0 >> PAGE_SHIFT);
        let translated = cache.has_code(page(installed.entries.first()), page(installed.entries.last()));
        for (&(pc, host), &count) in installed.entries.iter().zip(&installed.counts) {
            let key = TbKey { pc, mode };
            if let Some(other) = state.own.insert(key, Own { host, count, from }) {
                // Several processors may emit a block at once. Nobody would tell that copy when its region goes.
                self.backend.lead(other.count, 0);
            }
            if translated && let Some(tb) = cache.find(key) {
                tb.own_host.store(host, Ordering::Release);
            }
            // Its region goes first.
            let region = state.hosts.get(&key).map(|entry| entry.host);
            self.backend.lead(count, region.unwrap_or(0));
            if region.is_some() {
                self.backend.set_count(count, 0);
            } else if self.backend.count(count) == 0 {
                // Put back; its region is gone.
                self.backend.set_count(count, from);
            }
        }
        for &(slot, pc) in installed.exits.iter().filter(|_| self.link) {
            let key = TbKey { pc, mode };
            if let Some(host) = state.entry(key) {
                self.backend.link(slot, host);
                state.incoming.add(key, slot);
            }
        }
    }

    /// Tells a block of the code that was put in place before it was translated.
    pub(crate) fn adopt<C>(&self, tb: &TranslationBlock<C>) {
        let state = self.state();
        if let Some(entry) = state.hosts.get(&tb.key) {
            tb.host.store(entry.host, Ordering::Release);
        }
        if let Some(own) = state.own.get(tb.key) {
            tb.own_host.store(own.host, Ordering::Release);
        }
    }

    /// Entry of the best host code of a block.
    pub(crate) fn entry(&self, key: TbKey) -> Option<u64> {
        self.state().entry(key)
    }

    /// The same, or whether anything is set aside.
    pub(crate) fn entry_or_aside(&self, key: TbKey) -> Result<u64, bool> {
        let state = self.state();
        state.entry(key).ok_or_else(|| !state.aside.is_empty())
    }

    /// Whether a block has a region.
    pub(crate) fn has_region(&self, key: TbKey) -> bool {
        self.state().hosts.contains_key(&key)
    }

    /// Whether the block's region is a large one.
    pub(crate) fn has_large(&self, key: TbKey) -> bool {
        self.state().hosts.get(&key).is_some_and(|entry| entry.large)
    }

    /// Whether the block is part of a region.
    pub(crate) fn is_member(&self, key: TbKey) -> bool {
        let state = self.state();
        let begins = |unit: &Unit| unit.origin.ranges.iter().any(|range| range.0 == key.pc);
        let Some(on_page) = state.pages.get(&(key.pc >> PAGE_SHIFT)) else { return false };
        let units = on_page.iter().map(|id| &state.units[id]);
        units.filter(|unit| unit.tier != Tier::Block && unit.origin.mode == key.mode).any(begins)
    }

    /// Whether a large region that has the block inside was put in place since this was last asked.
    pub(crate) fn take_inside(&self, key: TbKey) -> bool {
        self.state().inside.remove(&key)
    }

    /// Lets the block of tier 1 run on that has used `count` up, for a region is asked for or there is one. Where several
    /// processors emitted a block at once, the count is not always that of the code that is known. What the count began with.
    pub(crate) fn rearm(&self, count: u32, key: TbKey) -> u32 {
        let state = self.state();
        let own = state.own.get(key);
        let leads = state.hosts.contains_key(&key) && own.is_some_and(|own| own.count == count);
        if !leads {
            self.backend.set_count(count, LONG);
        }
        own.map_or(0, |own| own.from)
    }

    /// How often a block was entered in tier 1 since [`Regions::rearm`].
    pub(crate) fn entered_again(&self, key: TbKey) -> u32 {
        let own = self.state().own.get(key);
        own.map_or(0, |own| LONG.saturating_sub(self.backend.count(own.count)))
    }

    /// How often a block was entered in tier 1 before it asked for a region.
    pub(crate) fn entered(&self, key: TbKey) -> u32 {
        let own = self.state().own.get(key);
        own.map_or(0, |own| own.from.saturating_sub(self.backend.count(own.count)))
    }

    /// In the child of a fork.
    pub(crate) fn forked(&self) {
        self.backend.forked();
        self.shy.store(SHY, Ordering::Relaxed);
    }

    /// Whether this process is a child that has just begun: what it noted for later would cost it the copies of some
    /// pages, and most children end soon. Counts one exit.
    #[inline]
    pub(crate) fn is_shy(&self) -> bool {
        let left = self.shy.load(Ordering::Relaxed);
        if left != 0 {
            self.shy.store(left - 1, Ordering::Relaxed);
        }
        left != 0
    }

    /// Links a static exit to the block it was just seen to lead to.
    pub(crate) fn link(&self, slot: u32, key: TbKey) {
        let mut state = self.state();
        if let Some(host) = state.entry(key).filter(|_| self.link) {
            self.backend.link(slot, host);
            state.incoming.add(key, slot);
        }
    }

    /// Retires regions that hold bytes of `start..end`; tells whether there were any. Those whose bytes are known are set
    /// aside. Call before blocks of the range are dropped.
    pub(crate) fn invalidate<C>(&self, cache: &Cache<C>, start: u64, end: u64) -> bool {
        let mut state = self.state();
        let hit = state.holding(start, end);
        let gone = self.retire(&mut state, cache, &hit);
        for unit in gone {
            if unit.origin.parts.is_empty() {
                self.give_up(&mut state, cache, unit);
            } else {
                state.aside.add(unit);
            }
        }
        !hit.is_empty()
    }

    /// Code that is set aside for `key`, with the bytes that it was made from.
    pub(crate) fn aside(&self, key: TbKey) -> Vec<(u64, Vec<Part>)> {
        self.state().aside.of(key)
    }

    /// Puts those back of what was set aside whose bytes are the `same`, and gives up the others, if what was read to know
    /// that is still `fresh`. How many were put back.
    pub(crate) fn put_back<C>(
        &self,
        cache: &Cache<C>,
        judged: &[(u64, bool)],
        fresh: &dyn Fn(&[(u64, u64)]) -> bool,
        past: &dyn Fn(u64) -> bool,
    ) -> usize {
        let mut state = self.state();
        self.release(&mut state, past);
        let mut count = 0;
        for &(id, same) in judged {
            // Another processor may have been faster.
            let Some(unit) = state.aside.take(id) else { continue };
            if !same || (self.precise() && !unit.origin.precise) {
                self.give_up(&mut state, cache, unit);
            } else if fresh(&unit.origin.ranges) {
                self.enter(&mut state, cache, unit);
                count += 1;
            } else {
                state.aside.add(unit);
            }
        }
        count
    }

    /// Lets a unit go that nothing leads to any more.
    fn give_up<C>(&self, state: &mut State, cache: &Cache<C>, unit: Unit) {
        let Unit { origin: Origin { mode, .. }, installed: Installed { unit: id, exits, .. }, .. } = unit;
        self.backend.remove(id);
        // The generation in which it was retired, or a later one.
        state.retired.push(Retired { generation: cache.generation(), id, mode, exits });
    }

    /// From its return, regions that are put in place are precise; those that are there are retired. Returns the
    /// generation that processors must have passed to be in no relaxed one; `None` if nothing changed.
    pub(crate) fn require_precise<C>(&self, cache: &Cache<C>) -> Option<u64> {
        let mut state = self.state();
        if self.precise.swap(true, Ordering::AcqRel) {
            return None;
        }
        let relaxed: Vec<u64> = state.units.iter().filter(|u| !u.1.origin.precise).map(|u| *u.0).collect();
        self.drop_all(&mut state, cache, &relaxed);
        Some(cache.generation())
    }

    /// Retires every region.
    pub(crate) fn retire_all<C>(&self, cache: &Cache<C>) {
        let mut state = self.state();
        while let Some(unit) = state.aside.take_oldest() {
            self.give_up(&mut state, cache, unit);
        }
        let all: Vec<u64> = state.units.keys().copied().collect();
        self.drop_all(&mut state, cache, &all);
    }

    /// Retires an eighth of the code, what is set aside before the oldest; returns the generation to pass before it can be
    /// released, or `None` if there is no code.
    pub(crate) fn retire_oldest<C>(&self, cache: &Cache<C>) -> Option<u64> {
        let mut state = self.state();
        let total = state.aside.bytes() + state.units.values().map(|u| u.installed.bytes).sum::<usize>();
        let mut left = total / 8 + 1;
        while left != 0
            && let Some(unit) = state.aside.take_oldest()
        {
            left = left.saturating_sub(unit.installed.bytes);
            self.give_up(&mut state, cache, unit);
        }
        let mut hit = Vec::new();
        for (&id, unit) in &state.units {
            if left == 0 {
                break;
            }
            hit.push(id);
            left = left.saturating_sub(unit.installed.bytes);
        }
        self.drop_all(&mut state, cache, &hit);
        state.retired.last().map(|r| r.generation)
    }

    /// Retires units for good.
    fn drop_all<C>(&self, state: &mut State, cache: &Cache<C>, hit: &[u64]) {
        for unit in self.retire(state, cache, hit) {
            self.give_up(state, cache, unit);
        }
    }

    /// Has nothing lead to these units from the new generation on.
    fn retire<C>(&self, state: &mut State, cache: &Cache<C>, hit: &[u64]) -> Vec<Unit> {
        let (mut gone, mut stale) = (Vec::new(), Vec::new());
        for unit in state.take(hit) {
            let Unit { origin: Origin { mode, ranges, .. }, tier, installed } = &unit;
            let mode = *mode;
            if *tier == Tier::Large {
                let members = ranges.iter().map(|&(pc, _)| TbKey { pc, mode });
                members.for_each(|key| _ = state.inside.remove(&key));
            }
            stale.extend(installed.entries.iter().map(|entry| entry.0));
            for &(pc, host) in &installed.entries {
                let key = TbKey { pc, mode };
                if state.hosts.get(&key).is_some_and(|entry| entry.host == host) {
                    state.hosts.remove(&key);
                    if let Some(own) = state.own.get(key) {
                        self.backend.lead(own.count, 0);
                    }
                }
                state.incoming.take(key).into_iter().for_each(|slot| self.backend.unlink(slot));
                if let Some(own) = state.own.get(key).filter(|own| own.host == host) {
                    state.own.remove(key);
                    self.backend.lead(own.count, 0);
                }
                let Some(tb) = cache.find(key) else { continue };
                for place in [&tb.host, &tb.own_host] {
                    if place.compare_exchange(host, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                        tb.heat.store(0, Ordering::Relaxed);
                    }
                }
            }
            gone.push(unit);
        }
        if !gone.is_empty() {
            if let Some(stats) = &self.stats {
                stats.dropped(gone.len());
            }
            cache.raise_generation(stale);
        }
        gone
    }

    /// Frees what processors have passed.
    fn release(&self, state: &mut State, past: &dyn Fn(u64) -> bool) {
        // The list is sorted by generation.
        let done = state.retired.partition_point(|r| past(r.generation));
        for Retired { id, mode, exits, .. } in state.retired.drain(..done) {
            for (slot, pc) in exits {
                state.incoming.forget(TbKey { pc, mode }, slot);
            }
            self.backend.release(id);
        }
    }

    /// Runs `action` with the lock held.
    pub(crate) fn locked(&self, action: &mut dyn FnMut()) {
        let _state = self.state();
        action();
    }
}

impl State {
    fn entry(&self, key: TbKey) -> Option<u64> {
        self.hosts.get(&key).map(|entry| entry.host).or_else(|| self.own.get(key).map(|own| own.host))
    }

    /// Enters the host addresses of tier 2.
    fn enter_hosts(&mut self, unit: &Unit) {
        let large = unit.tier == Tier::Large;
        for &(pc, host) in unit.installed.entries.iter().filter(|_| unit.tier != Tier::Block) {
            let key = TbKey { pc, mode: unit.origin.mode };
            if large || self.hosts.get(&key).is_none_or(|entry| !entry.large) {
                self.hosts.insert(key, Entry { host, large });
            }
        }
    }

    fn add(&mut self, unit: Unit) {
        let id = unit.installed.unit;
        for page in unit.pages() {
            let on_page = self.pages.entry(page).or_default();
            if on_page.last() != Some(&id) {
                on_page.push(id);
            }
        }
        self.units.insert(id, unit);
    }

    /// Takes those with these numbers, which are sorted.
    fn take(&mut self, ids: &[u64]) -> Vec<Unit> {
        let units: Vec<_> = ids.iter().filter_map(|id| self.units.remove(id)).collect();
        // Each page once: many units may be on it.
        let mut pages: Vec<_> = units.iter().flat_map(Unit::pages).collect();
        pages.sort_unstable();
        pages.dedup();
        for page in pages {
            if let Some(on_page) = self.pages.get_mut(&page) {
                on_page.retain(|id| ids.binary_search(id).is_err());
                if on_page.is_empty() {
                    self.pages.remove(&page);
                }
            }
        }
        units
    }

    /// Regions with bytes of `start..end`.
    fn holding(&self, start: u64, end: u64) -> Vec<u64> {
        let pages = start >> PAGE_SHIFT..=end.saturating_sub(1).max(start) >> PAGE_SHIFT;
        let mut hit: Vec<u64> = if pages.end() - pages.start() < self.pages.len() as u64 {
            pages.filter_map(|p| self.pages.get(&p)).flatten().copied().collect()
        } else {
            self.pages.iter().filter(|(p, _)| pages.contains(p)).flat_map(|(_, units)| units).copied().collect()
        };
        hit.sort_unstable();
        hit.dedup();
        hit.retain(|id| self.units[id].origin.ranges.iter().any(|&(s, e)| s < end && e > start));
        hit
    }
}
