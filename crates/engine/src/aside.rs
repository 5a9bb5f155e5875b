//! Code whose guest's bytes were written to, set aside until it is asked for again.
//!
//! *Requirement.* A guest that compiles for itself writes beside code that runs: new code behind it, a call's target, a
//! counter in front of it. The whole page is invalid then, though most of its code did not change.
//! *How.* What an invalidation retires keeps its host code if the bytes that it was made from are known, as hashes. When a
//! processor has no code for an address, what was set aside for it is looked at: the bytes are read, watched from then
//! on, and if they are the same, all is put back as if it had just been compiled; else it is released.
//! Blocks of tier 0 are treated in the same way.
//! *Limits.* Where code memory is full, what is set aside goes first.

use crate::cache::PAGE_SHIFT;
use crate::engine::Engine;
use crate::packs::sum;
use crate::regions::{Regions, Unit};
use crate::tb::{TbKey, TranslationBlock};
use brolga_ir::{Interpreter, RegionBackend};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Tells whether every write to code in a range of guest addresses is noticed at once from when it is read.
pub type Watched = fn(Range<u64>) -> bool;

const PAGE: u64 = 1 << PAGE_SHIFT;

/// Guest code of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub start: u64,
    pub end: u64,
    /// Hash of its bytes.
    pub sum: u64,
}

impl Part {
    /// Of blocks at `ranges`, whose bytes are `guest`, one after the other; none if there are other bytes than that.
    pub(crate) fn all(ranges: &[(u64, u64)], mut guest: &[u8]) -> Vec<Part> {
        let mut parts = Vec::with_capacity(ranges.len());
        for &(start, end) in ranges {
            let Some((own, rest)) = guest.split_at_checked(end.wrapping_sub(start) as usize) else { return Vec::new() };
            parts.push(Part { start, end, sum: sum(own) });
            guest = rest;
        }
        if guest.is_empty() { parts } else { Vec::new() }
    }
}

/// What is set aside.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// By number, which grows with age.
    units: BTreeMap<u64, Unit>,
    by_key: FxHashMap<TbKey, Vec<u64>>,
    /// Of host code.
    bytes: usize,
}

impl Aside {
    pub(crate) fn add(&mut self, unit: Unit) {
        let id = unit.installed.unit;
        self.bytes += unit.installed.bytes;
        unit.keys().for_each(|key| self.by_key.entry(key).or_default().push(id));
        self.units.insert(id, unit);
    }

    pub(crate) fn take(&mut self, id: u64) -> Option<Unit> {
        let unit = self.units.remove(&id)?;
        self.bytes -= unit.installed.bytes;
        for key in unit.keys() {
            if let Some(ids) = self.by_key.get_mut(&key) {
                ids.retain(|&other| other != id);
                if ids.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        Some(unit)
    }

    pub(crate) fn take_oldest(&mut self) -> Option<Unit> {
        let id = *self.units.first_key_value()?.0;
        self.take(id)
    }

    /// Numbers of those that can be entered at `key`, the oldest first, and their guest code.
    pub(crate) fn of(&self, key: TbKey) -> Vec<(u64, Vec<Part>)> {
        let mut ids = self.by_key.get(&key).cloned().unwrap_or_default();
        ids.sort_unstable();
        ids.into_iter().map(|id| (id, self.units[&id].origin.parts.clone())).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Bytes of host code.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Engine<T, R> {
    /// Puts code for `key` back that was set aside and is still that of the guest's bytes; tells whether there was some.
    pub(crate) fn take_back(&self, regions: &Regions<R>, key: TbKey) -> bool {
        let Some(watched) = self.config.aside else { return false };
        let found = regions.aside(key);
        // Code that is about to write to itself goes on block by block.
        let watched = |part: &Part| watched(part.start..part.end);
        if found.is_empty() || !found.iter().flat_map(|(_, parts)| parts).all(watched) {
            return false;
        }
        let read = self.cache.reading();
        let mut page = (0, Vec::new());
        let mut same = |part: &Part| self.is_same(part, &mut page);
        let judged: Vec<_> = found.iter().map(|(id, parts)| (*id, parts.iter().all(&mut same))).collect();
        let fresh = |ranges: &[(u64, u64)]| !self.cache.changed(read.generation(), ranges);
        let back = regions.put_back(&self.cache, &judged, &fresh, &|generation| self.processors.past(generation));
        drop(read);
        self.config.stats.as_deref().inspect(|stats| stats.put_back(back));
        back != 0
    }

    /// The block of tier 0 that was set aside for `key`, if the guest's bytes are still those that it was made from.
    pub(crate) fn untouched(&self, key: TbKey) -> Option<Arc<TranslationBlock<T::Code>>> {
        let watched = self.config.aside?;
        let tb = self.cache.aside(key)?;
        if !watched(key.pc..tb.end) {
            return None;
        }
        let read = self.cache.reading();
        let mut bytes = Vec::new();
        if !self.read_guest(key.pc, tb.end, &mut bytes) || sum(&bytes) != tb.sum {
            self.cache.give_up(key);
            return None;
        }
        let back = self.cache.put_back(key, read)?;
        self.config.stats.as_deref().inspect(|stats| stats.untouched());
        Some(back)
    }

    /// Whether the guest has the bytes of `part`. The page that was read last is in `page`, with its address.
    fn is_same(&self, part: &Part, page: &mut (u64, Vec<u8>)) -> bool {
        let start = part.start & !(PAGE - 1);
        if part.end > start + PAGE {
            let mut bytes = Vec::new();
            return self.read_guest(part.start, part.end, &mut bytes) && sum(&bytes) == part.sum;
        }
        if page.1.is_empty() || page.0 != start {
            page.0 = start;
            page.1.clear();
            if !self.read_guest(start, start + PAGE, &mut page.1) {
                page.1.clear();
                return false;
            }
        }
        page.1.get((part.start - start) as usize..(part.end - start) as usize).is_some_and(|own| sum(own) == part.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::{Origin, Tier};
    use brolga_ir::Installed;

    fn unit(id: u64, entries: &[u64]) -> Unit {
        let parts = Part::all(&[(entries[0], entries[0] + 2)], &[id as u8, 1]);
        let origin = Origin { mode: 0, ranges: Vec::new(), precise: true, lasting: false, parts };
        let entries = entries.iter().map(|&pc| (pc, 9)).collect();
        Unit { origin, tier: Tier::Block, installed: Installed { unit: id, entries, bytes: 10, ..Default::default() } }
    }

    fn ids(aside: &Aside, pc: u64) -> Vec<u64> {
        aside.of(TbKey { pc, mode: 0 }).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn units_are_found_by_each_entry_and_go_from_all() {
        let mut aside = Aside::default();
        [unit(3, &[0x10, 0x20]), unit(1, &[0x20]), unit(2, &[0x30])].into_iter().for_each(|unit| aside.add(unit));
        assert_eq!((ids(&aside, 0x10), ids(&aside, 0x20), aside.bytes()), (vec![3], vec![1, 3], 30));
        assert_eq!(aside.take(3).map(|unit| unit.installed.unit), Some(3));
        assert!(aside.take(3).is_none() && ids(&aside, 0x10).is_empty());
        assert_eq!((ids(&aside, 0x20), aside.bytes()), (vec![1], 20));
        let gone: Vec<_> = std::iter::from_fn(|| aside.take_oldest()).map(|unit| unit.installed.unit).collect();
        assert_eq!((gone, aside.bytes(), aside.by_key.len()), (vec![1, 2], 0, 0));
    }

    #[test]
    fn parts_are_of_their_own_bytes() {
        let parts = Part::all(&[(0x10, 0x12), (0x40, 0x43)], b"abcde");
        assert_eq!(parts[0], Part { start: 0x10, end: 0x12, sum: sum(b"ab") });
        assert_eq!(parts[1], Part { start: 0x40, end: 0x43, sum: sum(b"cde") });
        assert!(Part::all(&[(0x10, 0x12)], b"abc").is_empty() && Part::all(&[(0x10, 0x12)], b"a").is_empty());
    }
}
