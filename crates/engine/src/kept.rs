//! Regions that an earlier run compiled.
//!
//! *Requirement.* Code from a file runs only where the guest's bytes are those that it was made from, and is dropped by
//! invalidations as if it had been compiled here.
//! *How.* The bytes are read and compared while a translation is announced, so that a change of them since is noted even
//! if no block holds them; then the code is put in place as any other. What was compiled is kept with the bytes that
//! were translated, not with those that are there later.
//! *Limits.* Code that is no file's is neither kept nor looked up.

use crate::engine::Engine;
use crate::grow::Extent;
use crate::regions::{Origin, Regions};
use crate::tb::{TbKey, TranslationBlock};
use brolga_ir::{Interpreter, Region, RegionBackend};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Regions that wait in memory before they are written.
const FLUSH_AT: usize = 64;

/// What tells kept regions of one address apart: the back end's form, and how far they go.
fn form(own: u32, extent: Extent) -> u32 {
    own | u32::from(extent == Extent::Large) << 31
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Engine<T, R> {
    /// Whether an earlier run has kept a region around `key`, as far as can be told without reading it.
    pub(crate) fn may_load(&self, key: TbKey, extent: Extent) -> bool {
        let (Some(regions), Some(store)) = (&self.regions, &self.config.store) else { return false };
        store.may_have(key.pc, key.mode, form(regions.backend.form(regions.precise()), extent))
    }

    /// Puts the region around `key` in place that an earlier run kept; tells whether there was one. Call without a lock.
    pub(crate) fn load(&self, key: TbKey, extent: Extent) -> bool {
        let (Some(regions), Some(store)) = (&self.regions, &self.config.store) else { return false };
        let precise = regions.precise();
        let form = form(regions.backend.form(precise), extent);
        if !store.may_have(key.pc, key.mode, form) {
            return false;
        }
        let start = Instant::now();
        let read = self.cache.reading();
        let since = self.cache.generation();
        let mut guest = |(start, end): (u64, u64), out: &mut Vec<u8>| self.read_guest(start, end, out);
        let Some(found) = store.find(key.pc, key.mode, form, &mut guest) else { return false };
        if !(self.config.is_file)(&found.ranges) {
            return false;
        }
        let bytes = found.code.len();
        let Some(code) = regions.backend.import(found.code) else { return false };
        let origin = Origin { mode: key.mode, ranges: found.ranges, precise, lasting: true, parts: Vec::new() };
        let past = |generation| self.processors.past(generation);
        // Nothing makes room for it: what is in place is in use.
        let fresh = || !self.cache.changed(since, &origin.ranges);
        let placed = regions.install(&self.cache, &origin, extent.tier(), code, &fresh, &past).is_ok();
        drop(read);
        self.eager.store(true, Ordering::Relaxed);
        if let Some(stats) = self.config.stats.as_ref().filter(|_| placed) {
            stats.loaded(bytes, start.elapsed());
        }
        // It may be good for the address under which it was found only.
        placed && regions.has_region(key)
    }

    /// The same for the largest region that there is, unless it is in place.
    pub(crate) fn load_best(&self, regions: &Regions<R>, key: TbKey) -> bool {
        self.config.store.as_ref().is_some_and(|store| store.knows(key.pc))
            && !regions.has_large(key)
            && (self.load(key, Extent::Large) || (!regions.has_region(key) && self.load(key, Extent::Own)))
    }

    pub(crate) fn read_guest(&self, start: u64, end: u64, out: &mut Vec<u8>) -> bool {
        let from = out.len();
        out.resize(from + end.saturating_sub(start).min(1 << 20) as usize, 0);
        let mut at = from;
        while at < out.len() {
            match self.tier0.fetch(start + (at - from) as u64, &mut out[at..]) {
                Ok(n) if n > 0 => at += n,
                _ => return false,
            }
        }
        true
    }

    /// What is to be kept of a region that was just compiled, if it may be.
    pub(crate) fn to_keep(
        &self,
        regions: &Regions<R>,
        extent: Extent,
        region: &Region,
        origin: &Origin,
        guest: Vec<u8>,
        code: &R::Compiled,
    ) -> Option<brolga_cache::Region> {
        self.config.store.as_ref().filter(|_| origin.lasting)?;
        let (own, code) = regions.backend.export(code)?;
        let form = form(own, extent);
        Some(brolga_cache::Region {
            entries: region.entries.iter().map(|&e| region.blocks[e].pc).collect(),
            mode: origin.mode,
            form,
            ranges: origin.ranges.clone(),
            guest,
            code,
            partial: false,
        })
    }

    pub(crate) fn keep(&self, region: Option<brolga_cache::Region>) {
        if let (Some(store), Some(region)) = (&self.config.store, region)
            && store.add(region) >= FLUSH_AT
        {
            self.keep_blocks();
            store.flush();
        }
    }

    /// Tells a block that is new here of code that was put in place before it.
    pub(crate) fn adopt(&self, tb: &TranslationBlock<T::Code>) {
        if let Some(regions) = &self.regions {
            regions.adopt(tb);
        }
    }
}
