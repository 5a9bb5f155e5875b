//! Blocks of tier 1 that an earlier run emitted, a page at a time.
//!
//! *Requirement.* That of kept regions ([`crate::kept`]), for code of which there is so much that nothing can be done for
//! each block by itself.
//! *How.* What a run emits is noted with a hash of the bytes that the block was translated from. In the end the new
//! blocks of each page are joined to a pack. A run that has no code for an address puts all packs of its page in place,
//! once. No block is translated for what is in them before tier 0 needs it.
//! *Limits.* A block that reaches into the next page is not kept.

use crate::cache::{PAGE_SHIFT, Reading};
use crate::engine::Engine;
use crate::regions::{Origin, Tier};
use crate::tb::{TbKey, TranslationBlock};
use brolga_cache::{Found, short_hash};
use brolga_ir::{Interpreter, RegionBackend};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

const PAGE: u64 = 1 << PAGE_SHIFT;

/// Blocks that wait in memory before they are written: nearly three megabytes.
const FLUSH_AT: usize = 2048;

/// Tells packs from regions among the forms of code.
const PACK: u32 = 1 << 30;

/// Hash of the bytes that a block was translated from.
pub(crate) fn sum(guest: &[u8]) -> u64 {
    short_hash(guest)
}

/// A block that this run emitted.
#[derive(Debug)]
struct New<C> {
    key: TbKey,
    end: u64,
    sum: u64,
    code: C,
}

/// A page that was looked up in a mode.
#[derive(Debug)]
struct Seen {
    mode: u32,
    /// Blocks that are kept already.
    kept: Vec<(u64, u64)>,
}

#[derive(Debug)]
struct State<C> {
    new: Vec<New<C>>,
    seen: FxHashMap<u64, Vec<Seen>>,
}

/// What is to be kept, and what was looked up.
#[derive(Debug)]
pub(crate) struct Packs<C>(Mutex<State<C>>);

impl<C> Default for Packs<C> {
    fn default() -> Self {
        Packs(Mutex::new(State { new: Vec::new(), seen: FxHashMap::default() }))
    }
}

impl<C> Packs<C> {
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.0.lock().expect("no panic under the lock")
    }

    /// Lets pages be looked up again: other bytes are there.
    pub(crate) fn forget(&self, start: u64, end: u64) {
        let (first, last) = (start >> PAGE_SHIFT, end.saturating_sub(1).max(start) >> PAGE_SHIFT);
        let mut state = self.state();
        if last - first < state.seen.len() as u64 {
            (first..=last).for_each(|page| _ = state.seen.remove(&page));
        } else {
            state.seen.retain(|page, _| !(first..=last).contains(page));
        }
    }

    /// Notes that the page of `key` is looked up; false if it was before.
    fn look(&self, key: TbKey) -> bool {
        let mut state = self.state();
        let modes = state.seen.entry(key.pc >> PAGE_SHIFT).or_default();
        let first = modes.iter().all(|seen| seen.mode != key.mode);
        if first {
            modes.push(Seen { mode: key.mode, kept: Vec::new() });
        }
        first
    }

    /// Notes that these blocks of the page of `key` are kept.
    fn add_kept(&self, key: TbKey, blocks: Vec<(u64, u64)>) {
        if let Some(seen) = self.state().seen.get_mut(&(key.pc >> PAGE_SHIFT)).and_then(|modes| of_mode(modes, key)) {
            seen.kept.extend(blocks);
        }
    }

    /// Runs `action` with the lock held.
    pub(crate) fn locked(&self, action: &mut dyn FnMut()) {
        let _state = self.state();
        action();
    }

    /// In the child of a fork: what was new is the parent's to keep. It is not freed, for that would write to most pages
    /// of the heap, of which the child had to make copies.
    pub(crate) fn clear(&self) {
        std::mem::forget(std::mem::take(&mut self.state().new));
    }
}

fn of_mode(modes: &mut [Seen], key: TbKey) -> Option<&mut Seen> {
    modes.iter_mut().find(|seen| seen.mode == key.mode)
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Engine<T, R> {
    /// What may be kept of a block that is emitted.
    pub(crate) fn note(&self, block: &TranslationBlock<T::Code>, code: R::Block) {
        let (key, end) = (block.key, block.end);
        if key.pc >> PAGE_SHIFT != (end - 1) >> PAGE_SHIFT {
            return;
        }
        let waiting = {
            let mut state = self.packs.state();
            let seen = state.seen.get_mut(&(key.pc >> PAGE_SHIFT)).and_then(|modes| of_mode(modes, key));
            if seen.is_some_and(|seen| seen.kept.iter().any(|block| block.0 == key.pc)) {
                return; // its code had to go, and came again
            }
            state.new.push(New { key, end, sum: block.sum, code });
            state.new.len()
        };
        if waiting >= FLUSH_AT {
            self.keep_blocks();
            self.config.store.iter().for_each(|store| store.flush());
        }
    }

    /// Hands what is new to the store.
    pub fn keep_blocks(&self) {
        let (Some(regions), Some(store)) = (&self.regions, &self.config.store) else { return };
        let new = std::mem::take(&mut self.packs.state().new);
        if new.is_empty() {
            return;
        }
        let mut pages = BTreeMap::<_, Vec<_>>::new();
        for block in new {
            pages.entry((block.key.pc >> PAGE_SHIFT, block.key.mode)).or_default().push(block);
        }
        for ((page, mode), blocks) in pages {
            // What is in the pack is in place.
            self.packs.look(TbKey { pc: page << PAGE_SHIFT, mode });
            if let Some(pack) = self.pack(&regions.backend, page << PAGE_SHIFT, blocks) {
                store.add(pack);
            }
        }
    }

    /// The blocks that were made from what is at `page` now, if it may be kept.
    fn pack(&self, backend: &R, page: u64, mut blocks: Vec<New<R::Block>>) -> Option<brolga_cache::Region> {
        if !(self.config.is_file)(&[(page, page + PAGE)]) {
            return None;
        }
        let mut bytes = Vec::new();
        self.read_guest(page, page + PAGE, &mut bytes).then_some(())?;
        let of = |block: &New<_>| &bytes[(block.key.pc - page) as usize..(block.end - page) as usize];
        blocks.retain(|block| sum(of(block)) == block.sum);
        blocks.sort_by_key(|block| block.key.pc);
        // One that was emitted again counts once.
        blocks.dedup_by_key(|block| block.key.pc);
        let guest = blocks.iter().map(of).collect::<Vec<_>>().concat();
        let ranges = blocks.iter().map(|block| (block.key.pc, block.end)).collect();
        let mode = blocks.first()?.key.mode;
        let (own, code) = {
            let codes: Vec<_> = blocks.into_iter().map(|block| block.code).collect();
            backend.export(&backend.join(&codes)?)?
        };
        Some(brolga_cache::Region { entries: vec![page], mode, form: own | PACK, ranges, guest, code, partial: true })
    }

    /// Puts everything in place that earlier runs emitted for the page of `key`; tells whether there was something.
    /// Call without a lock.
    pub(crate) fn load_page(&self, key: TbKey) -> bool {
        let (Some(regions), Some(store)) = (&self.regions, &self.config.store) else { return false };
        let page = key.pc & !(PAGE - 1);
        let form = regions.backend.form(true) | PACK;
        if !self.is_eager()
            || !store.may_have(page, key.mode, form)
            || !self.packs.look(key)
            || !(self.config.is_file)(&[(page, page + PAGE)])
        {
            return false;
        }
        let start = Instant::now();
        let read = self.cache.reading();
        let mut bytes = Vec::new();
        if !self.read_guest(page, page + PAGE, &mut bytes) {
            return false;
        }
        let mut found = store.find_all(page, key.mode, form, &mut |(start, end), out| {
            let range = start.wrapping_sub(page) as usize..end.wrapping_sub(page) as usize;
            bytes.get(range).map(|part| out.extend(part)).is_some()
        });
        let size = found.iter().map(|pack| pack.code.len()).sum();
        let mut placed = false;
        for pack in &mut found {
            placed |= self.place_pack(&read, key.mode, pack);
        }
        drop(read);
        if let Some(stats) = &self.config.stats {
            stats.unpacked(found.iter().map(|pack| pack.ranges.len()).sum(), size, start.elapsed());
        }
        for pack in found {
            pack.ranges.iter().for_each(|&(pc, _)| _ = self.load_best(regions, TbKey { pc, ..key }));
            self.packs.add_kept(key, pack.ranges);
        }
        placed
    }

    /// Takes the code of `pack`.
    fn place_pack(&self, read: &Reading<'_>, mode: u32, pack: &mut Found) -> bool {
        let Some(regions) = &self.regions else { return false };
        let key = |pc| TbKey { pc, mode };
        // Several processes may have kept the same.
        if pack.ranges.iter().all(|&(pc, _)| regions.entry(key(pc)).is_some()) {
            return false;
        }
        let Some(code) = regions.backend.import(std::mem::take(&mut pack.code)) else { return false };
        let page = pack.ranges[0].0 & !(PAGE - 1);
        let origin =
            Origin { mode, ranges: vec![(page, page + PAGE)], precise: true, lasting: true, parts: Vec::new() };
        let fresh = || !self.cache.changed(read.generation(), &origin.ranges);
        let past = |generation| self.processors.past(generation);
        // Nothing makes room for it: what is in place is in use.
        regions.install(&self.cache, &origin, Tier::Block, code, &fresh, &past).is_ok()
    }
}
