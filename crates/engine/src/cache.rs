//! The block cache of one address space.
//!
//! *Requirement.* Lookups by many processors; after an invalidation returns, no processor enters a
//! block made from the old bytes.
//! *How.* A map under a read-write lock, an index from guest pages to keys, and a generation that
//! every invalidation raises. A block that gets host code parts from it: the map holds what is
//! interpreted. Processors keep their own caches of the map; a block that leaves it is marked dead.
//! A translation in progress is announced before its first byte is read, so that an invalidation of
//! bytes that no block holds yet is noted too; notes tell it later whether its bytes are still good.
//! *Limits.* A processor that is inside a block finishes that block.

use crate::stale::Stale;
use crate::tb::{TbKey, TranslationBlock};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, RwLock};

pub(crate) const PAGE_SHIFT: u32 = 12;

/// Blocks that are set aside; then all of them are forgotten.
const ASIDE: usize = 16384;

/// Invalidations that are remembered.
const NOTES: usize = 256;

#[derive(Debug)]
struct Maps<C> {
    blocks: FxHashMap<TbKey, Arc<TranslationBlock<C>>>,
    pages: FxHashMap<u64, Page>,
    /// Blocks that were invalidated, whose bytes may be the same ([`crate::aside`]).
    aside: FxHashMap<TbKey, Arc<TranslationBlock<C>>>,
    notes: Notes,
}

impl<C> Maps<C> {
    /// Adds a block, unless there is one for the key; returns the one there is then.
    fn add(&mut self, tb: Arc<TranslationBlock<C>>) -> Arc<TranslationBlock<C>> {
        match self.blocks.entry(tb.key) {
            Entry::Occupied(first) => Arc::clone(first.get()),
            Entry::Vacant(place) => {
                for page in tb.pages() {
                    self.pages.entry(page).or_default().keys.push(tb.key);
                }
                Arc::clone(place.insert(tb))
            }
        }
    }
}

/// What there is of a guest page.
#[derive(Debug, Default)]
struct Page {
    keys: Vec<TbKey>,
    /// Whether there was a block that only host code is left of.
    parted: bool,
}

/// The latest invalidations: the generation that each began, and its range.
#[derive(Debug, Default)]
struct Notes(VecDeque<(u64, u64, u64)>);

impl Notes {
    fn add(&mut self, generation: u64, start: u64, end: u64) {
        if self.0.len() == NOTES {
            self.0.pop_front();
        }
        self.0.push_back((generation, start, end));
    }

    /// Whether bytes of `ranges` may have changed after `since`.
    fn changed(&self, since: u64, ranges: &[(u64, u64)]) -> bool {
        let forgotten = self.0.len() == NOTES && self.0[0].0 > since + 1;
        let later = self.0.iter().rev().take_while(|n| n.0 > since);
        forgotten || { later }.any(|&(_, start, end)| ranges.iter().any(|r| r.0 < end && r.1 > start))
    }
}

/// Blocks by key.
#[derive(Debug)]
pub(crate) struct Cache<C> {
    maps: RwLock<Maps<C>>,
    generation: AtomicU64,
    /// Which predictions changed in the latest generations; locked where the generation is raised.
    stale: Mutex<Stale>,
    /// Translations in progress.
    reading: AtomicUsize,
}

/// A translation in progress, from before its first byte is read until its block is in the map.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    count: &'a AtomicUsize,
    generation: u64,
}

impl Reading<'_> {
    /// The generation that it began in.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

impl<C> Default for Cache<C> {
    fn default() -> Self {
        let (blocks, pages, aside) = Default::default();
        let maps = Maps { blocks, pages, aside, notes: Notes::default() };
        Cache {
            maps: RwLock::new(maps),
            generation: AtomicU64::new(0),
            stale: Mutex::default(),
            reading: AtomicUsize::new(0),
        }
    }
}

impl<C> Cache<C> {
    /// The generation of the map's contents.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes every processor look its predictions for `addresses` up again; returns the new generation.
    pub(crate) fn raise_generation(&self, addresses: impl IntoIterator<Item = u64>) -> u64 {
        let addresses = addresses.into_iter().collect();
        let mut stale = self.stale.lock().expect("no panic under the lock");
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        stale.add(generation, addresses);
        generation
    }

    /// Calls `forget` for every address whose predictions of generation `seen` may be wrong; returns the generation that is
    /// reached then, and whether these were all: else everything is to be forgotten.
    pub(crate) fn catch_up(&self, seen: u64, forget: &mut dyn FnMut(u64)) -> (u64, bool) {
        let stale = self.stale.lock().expect("no panic under the lock");
        let known = stale.since(seen).map(|addresses| addresses.for_each(forget)).is_some();
        (self.generation(), known)
    }

    /// Announces a translation.
    pub(crate) fn reading(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Ordering::SeqCst);
        Reading { count: &self.reading, generation: self.generation() }
    }

    /// Whether bytes of `ranges` may have changed after generation `since`.
    pub(crate) fn changed(&self, since: u64, ranges: &[(u64, u64)]) -> bool {
        self.generation() != since && self.maps.read().expect("no panic under the lock").notes.changed(since, ranges)
    }

    pub(crate) fn find(&self, key: TbKey) -> Option<Arc<TranslationBlock<C>>> {
        self.maps.read().expect("no panic under the lock").blocks.get(&key).cloned()
    }

    /// Adds a block, unless another processor was faster: there is one for each key, so that all of them see the code
    /// it gets. If its bytes changed since they were read, it is returned for one run but not kept.
    pub(crate) fn insert(&self, tb: Arc<TranslationBlock<C>>, read: Reading<'_>) -> Arc<TranslationBlock<C>> {
        let mut maps = self.maps.write().expect("no panic under the lock");
        // It is raised under this lock.
        let same = self.generation() == read.generation;
        if same || !maps.notes.changed(read.generation, &[(tb.key.pc, tb.end)]) {
            return maps.add(tb);
        }
        tb.dead.store(true, Ordering::Release);
        tb
    }

    /// The block that is set aside for `key`.
    pub(crate) fn aside(&self, key: TbKey) -> Option<Arc<TranslationBlock<C>>> {
        self.maps.read().expect("no panic under the lock").aside.get(&key).cloned()
    }

    /// Forgets what is set aside for `key`.
    pub(crate) fn give_up(&self, key: TbKey) {
        self.maps.write().expect("no panic under the lock").aside.remove(&key);
    }

    /// Adds a block again that is set aside, whose bytes were just read and are the same, unless they have changed since.
    pub(crate) fn put_back(&self, key: TbKey, read: Reading<'_>) -> Option<Arc<TranslationBlock<C>>> {
        let mut maps = self.maps.write().expect("no panic under the lock");
        if let Some(first) = maps.blocks.get(&key) {
            return Some(Arc::clone(first));
        }
        let tb = maps.aside.get(&key)?;
        if maps.notes.changed(read.generation, &[(tb.key.pc, tb.end)]) {
            return None;
        }
        let tb = maps.aside.remove(&key)?;
        // Its host code may have gone without a word to it.
        [&tb.host, &tb.own_host].iter().for_each(|entry| entry.store(0, Ordering::Release));
        tb.dead.store(false, Ordering::Release);
        Some(maps.add(tb))
    }

    /// Lets blocks go that have host code: nothing but that is ever run of them. A change of their bytes is noted as before.
    pub(crate) fn part(&self, blocks: &[Arc<TranslationBlock<C>>]) {
        let mut maps = self.maps.write().expect("no panic under the lock");
        let Maps { blocks: map, pages, .. } = &mut *maps;
        for tb in blocks {
            if map.remove(&tb.key).is_none() {
                continue;
            }
            tb.dead.store(true, Ordering::Release);
            for page in tb.pages() {
                let Some(Page { keys, parted }) = pages.get_mut(&page) else { continue };
                *parted = true;
                if let Some(index) = keys.iter().rposition(|key| *key == tb.key) {
                    keys.swap_remove(index);
                }
            }
        }
    }

    /// Runs `action` while nobody else looks at the map.
    pub(crate) fn locked(&self, action: &mut dyn FnMut()) {
        let _held = (self.maps.write(), self.stale.lock());
        action();
    }

    /// Drops every block that overlaps `start..start + len`; those whose bytes are known are set `aside` if that is wanted.
    pub(crate) fn invalidate(&self, start: u64, len: u64, aside: bool) {
        let end = start.saturating_add(len);
        let (first, last) = (start >> PAGE_SHIFT, end.saturating_sub(1).max(start) >> PAGE_SHIFT);
        // The change of bytes comes before the look at who reads them.
        fence(Ordering::SeqCst);
        if self.reading.load(Ordering::SeqCst) == 0 && !self.has_code(first, last) {
            return;
        }
        let mut maps = self.maps.write().expect("no panic under the lock");
        // Raised before any block goes, under the lock that insertions take.
        // Blocks that go are marked, and no prediction leads to them but through host code, which went before.
        let generation = self.raise_generation([]);
        let Maps { blocks, pages, notes, aside: kept } = &mut *maps;
        notes.add(generation, start, end);
        let mut drop_page = |page: &mut Page| {
            page.keys.retain(|key| {
                let hit = blocks.get(key).is_none_or(|tb| key.pc < end && tb.end > start);
                if hit && let Some(tb) = blocks.remove(key) {
                    tb.dead.store(true, Ordering::Release);
                    if aside {
                        if kept.len() == ASIDE {
                            kept.clear();
                        }
                        kept.insert(*key, tb);
                    }
                }
                !hit
            });
        };
        let whole = |page: u64| start <= page << PAGE_SHIFT && (page + 1) << PAGE_SHIFT <= end;
        let mut stays = |number: u64, page: &mut Page| {
            drop_page(page);
            !page.keys.is_empty() || page.parted && !whole(number)
        };
        if last - first < pages.len() as u64 {
            for number in first..=last {
                if pages.get_mut(&number).is_some_and(|page| !stays(number, page)) {
                    pages.remove(&number);
                }
            }
        } else {
            pages.retain(|&number, page| !(first..=last).contains(&number) || stays(number, page));
        }
    }

    /// Whether there is a block on the guest pages with these numbers.
    pub(crate) fn has_code(&self, first: u64, last: u64) -> bool {
        let maps = self.maps.read().expect("no panic under the lock");
        if last - first < maps.pages.len() as u64 {
            (first..=last).any(|p| maps.pages.contains_key(&p))
        } else {
            maps.pages.keys().any(|p| (first..=last).contains(p))
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.maps.read().unwrap().blocks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tb(pc: u64, end: u64) -> Arc<TranslationBlock<()>> {
        Arc::new(TranslationBlock::new(TbKey { pc, mode: 0 }, end, 1, ()))
    }

    #[test]
    fn invalidate_drops_overlapping_blocks_only() {
        let c = Cache::default();
        for (pc, end) in [(0x1000, 0x1010), (0x1010, 0x1020), (0x2000, 0x2004)] {
            c.insert(tb(pc, end), c.reading());
        }
        c.invalidate(0x100c, 4, false);
        assert_eq!(c.len(), 2);
        assert!(c.find(TbKey { pc: 0x1000, mode: 0 }).is_none());
        c.invalidate(0, u64::MAX, false);
        assert_eq!(c.len(), 0);
    }

    #[test]
    fn there_is_one_block_for_a_key() {
        let c = Cache::default();
        let first = c.insert(tb(0x1000, 0x1004), c.reading());
        assert!(Arc::ptr_eq(&first, &c.insert(tb(0x1000, 0x1004), c.reading())));
        c.invalidate(0x1000, 4, false);
        assert!(!Arc::ptr_eq(&first, &c.insert(tb(0x1000, 0x1004), c.reading())));
    }

    #[test]
    fn block_whose_bytes_changed_while_it_was_made_is_not_kept() {
        let c = Cache::default();
        // Nothing is in the map yet: the translation alone makes the change worth a note.
        let read = c.reading();
        c.invalidate(0x1000, 4, false);
        c.insert(tb(0x1000, 0x1004), read);
        assert_eq!(c.len(), 0);
        let read = c.reading();
        c.invalidate(0x2000, 4, false);
        c.insert(tb(0x1000, 0x1004), read);
        assert_eq!(c.len(), 1, "other bytes do not matter");
    }

    #[test]
    fn changes_of_parted_blocks_are_noted() {
        let c = Cache::default();
        let block = c.insert(tb(0x1000, 0x1004), c.reading());
        let since = c.generation();
        c.part(&[Arc::clone(&block), Arc::clone(&block)]);
        assert!(block.is_dead() && c.len() == 0);
        c.invalidate(0x1000, 4, false);
        assert!(c.changed(since, &[(0x1000, 0x1004)]));
        // Nothing is left of the page when all of it is new.
        c.invalidate(0x1000, 0x1000, false);
        assert!(!c.has_code(1, 1));
    }

    #[test]
    fn notes_beyond_memory_count_as_a_change() {
        let c = Cache::<()>::default();
        let since = c.generation();
        let _read = c.reading();
        for _ in 0..NOTES {
            c.invalidate(0x1000, 4, false);
        }
        assert!(!c.changed(since, &[(0x2000, 0x2004)]));
        c.invalidate(0x1000, 4, false);
        assert!(c.changed(since, &[(0x2000, 0x2004)]));
        assert!(!c.changed(since + 1, &[(0x2000, 0x2004)]));
    }

    #[test]
    fn blocks_set_aside_come_back_once_unless_their_bytes_changed_meanwhile() {
        let c = Cache::default();
        let key = TbKey { pc: 0x1000, mode: 0 };
        let first = c.insert(tb(0x1000, 0x1004), c.reading());
        first.host.store(7, Ordering::Relaxed);
        c.invalidate(0x1000, 4, true);
        assert!(c.find(key).is_none() && first.is_dead());
        let read = c.reading();
        c.invalidate(0x1000, 4, true);
        assert!(c.put_back(key, read).is_none() && first.is_dead());
        let back = c.put_back(key, c.reading()).unwrap();
        assert!(Arc::ptr_eq(&back, &first) && !back.is_dead() && back.entry() == 0);
        assert!(c.aside(key).is_none() && c.has_code(1, 1) && Arc::ptr_eq(&c.find(key).unwrap(), &first));
        c.invalidate(0x1000, 4, true);
        c.give_up(key);
        assert!(c.put_back(key, c.reading()).is_none());
    }

    #[test]
    fn invalidation_without_code_keeps_the_generation() {
        let c = Cache::default();
        c.insert(tb(0x1000, 0x1004), c.reading());
        c.invalidate(0x5000, 0x1000, false);
        assert_eq!((c.generation(), c.len()), (0, 1));
    }
}
