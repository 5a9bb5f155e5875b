//! What all processors of one address space share, and how a hot block becomes a region.

use crate::aside::Part;
use crate::cache::Cache;
use crate::config::Config;
use crate::family::Family;
use crate::grow::{Extent, Grower, Grown};
use crate::packs::Packs;
use crate::processors::{Processor, Processors};
use crate::regions::{Origin, Refusal, Regions, Tier};
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::translate;
use crate::worker::Worker;
use brolga_core::Fault;
use brolga_core::near::near;
use brolga_ir::{Frontend, Interpreter, Region, RegionBackend};
use rustc_hash::FxHashSet;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long code waits for room: as long as a processor may take to its next poll, and scheduling.
const ROOM_LIMIT: Duration = Duration::from_millis(50);
/// How long a change of form waits for processors. None that lives takes that long.
const FORM_LIMIT: Duration = Duration::from_secs(5);

/// Blocks at most that get code of tier 1 at once.
const GROUP: usize = 32;
/// They ran at least once in so many runs of the one that was hot.
const LESS: u32 = 4;
/// What the first blocks' threshold is multiplied by.
pub(crate) const SLOWLY: u32 = 4;

type Hot<C> = Arc<TranslationBlock<C>>;
/// What to compile the region around, and how large that may be.
type Job<T, R> = (Weak<Engine<T, R>>, Hot<<T as Interpreter>::Code>, Extent);

/// How often the block of a job was entered since its region was asked for.
fn job_heat<T: Interpreter + 'static, R: RegionBackend + 'static>((engine, hot, _): &Job<T, R>) -> u64 {
    let waiting =
        |engine: Arc<Engine<T, R>>| engine.regions.as_ref().map_or(0, |regions| regions.entered_again(hot.key));
    engine.upgrade().map_or(0, waiting).into()
}

/// The guest's bytes of blocks that are sorted by address, in as few ranges as possible.
fn joined<C>(tbs: &[Hot<C>]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for tb in tbs {
        match ranges.last_mut() {
            Some(last) if last.1 >= tb.key.pc => last.1 = last.1.max(tb.end),
            _ => ranges.push((tb.key.pc, tb.end)),
        }
    }
    ranges
}

/// Front end, tiers and translations.
pub struct Engine<T: Interpreter, R: RegionBackend> {
    pub(crate) frontend: Box<dyn Frontend>,
    pub(crate) tier0: T,
    pub(crate) regions: Option<Regions<R>>,
    pub(crate) config: Config,
    pub(crate) cache: Cache<T::Code>,
    pub(crate) processors: Processors,
    pub(crate) packs: Packs<R::Block>,
    /// See [`Engine::is_eager`].
    pub(crate) eager: AtomicBool,
    pub(crate) family: Family,
    /// Blocks that got code of their own.
    emitted: AtomicUsize,
    worker: Option<Worker<Job<T, R>>>,
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Engine<T, R> {
    /// An engine over a guest architecture, tier 0 and, where the host has one, a region tier.
    pub fn new(frontend: Box<dyn Frontend>, tier0: T, regions: Option<R>, config: Config) -> Arc<Self> {
        let wanted = config.region_threshold != 0 && !config.log.exec && !config.log.cpu;
        let regions = regions.filter(|_| wanted).map(|backend| Regions::new(backend, &config));
        let worker = Worker::new(&config, job_heat);
        let (cache, processors) = (Cache::default(), Processors::default());
        let eager = AtomicBool::new(config.store.is_some());
        let (packs, family) = (Packs::default(), Family::default());
        let emitted = AtomicUsize::new(0);
        let engine =
            Engine { frontend, tier0, regions, config, cache, processors, packs, eager, family, emitted, worker };
        near(|| Arc::new(engine))
    }

    /// Has the region around `hot` compiled, by the worker or at once; `own` is the caller's processor.
    pub(crate) fn heat(self: &Arc<Self>, hot: &Hot<T::Code>, extent: Extent, own: &Processor) {
        let work = |(engine, hot, extent): Job<T, R>| {
            if let Some(engine) = engine.upgrade() {
                engine.compile(&hot, extent);
            }
        };
        let job = (Arc::downgrade(self), Arc::clone(hot), extent);
        let left = match &self.worker {
            Some(worker) => worker.push(job, work),
            None => Err(job),
        };
        if left.is_err() {
            self.apart(own, || self.compile(hot, extent));
        }
    }

    /// Runs `action` as a processor that holds no code, since it may wait for others to leave theirs. The run loop looks
    /// at the generation again.
    fn apart<V>(&self, own: &Processor, action: impl FnOnce() -> V) -> V {
        own.leave();
        let result = action();
        own.enter(self.cache.generation());
        result
    }

    /// Gives a block that runs repeatedly code of tier 1 at once, and those that it leads to; `own` is the caller's
    /// processor. Returns the addresses of blocks that tier 0 is to forget.
    pub(crate) fn warm(&self, block: &Hot<T::Code>, own: &Processor) -> Vec<u64> {
        self.apart(own, || self.compile_blocks(block))
    }

    fn compile_blocks(&self, hot: &Hot<T::Code>) -> Vec<u64> {
        let Some(regions) = &self.regions else { return Vec::new() };
        let start = Instant::now();
        let parted = self.emit(regions, hot, self.group(&regions.backend, hot), start);
        parted.iter().map(|tb| tb.key.pc).collect()
    }

    /// Puts code of `hot` and others, sorted by guest address, in place as one piece; work on it began at `start`. Returns
    /// those that tier 0 has no more.
    fn emit(
        &self,
        regions: &Regions<R>,
        hot: &Hot<T::Code>,
        group: Vec<(Hot<T::Code>, R::Block)>,
        start: Instant,
    ) -> Vec<Hot<T::Code>> {
        let (tbs, blocks): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let Some(code) = regions.backend.join(&blocks) else { return Vec::new() };
        if let Some(stats) = &self.config.stats {
            let insns = tbs.iter().map(|tb| tb.guest_insns).sum();
            stats.emitted(tbs.len(), insns, R::host_bytes(&code), start.elapsed());
        }
        let part = |tb: &Hot<_>| Part { start: tb.key.pc, end: tb.end, sum: tb.sum };
        let parts = if self.config.aside.is_some() { tbs.iter().map(part).collect() } else { Vec::new() };
        let ranges = joined(&tbs);
        let origin =
            Origin { mode: hot.key.mode, precise: true, lasting: (self.config.is_file)(&ranges), ranges, parts };
        let fresh = || tbs.iter().all(|tb| !tb.is_dead());
        if !self.place(regions, &origin, Tier::Block, code, &fresh, hot) {
            return Vec::new();
        }
        self.emitted.fetch_add(tbs.len(), Ordering::Relaxed);
        if self.config.store.is_some() {
            tbs.iter().zip(blocks).for_each(|(tb, block)| self.note(tb, block));
        }
        // Where it goes next is still counted of the others.
        let parted: Vec<_> = tbs.into_iter().filter(|tb| tb.targets.is_none()).collect();
        self.cache.part(&parted);
        parted
    }

    /// Whether blocks still get code of their own only after [`SLOWLY`] times as many entries.
    pub(crate) fn starts_slowly(&self) -> bool {
        self.emitted.load(Ordering::Relaxed) < self.config.slow_start
    }

    /// Code of `hot`, and of what it leads to that has none and runs about as often; sorted by guest address.
    fn group(&self, backend: &R, hot: &Hot<T::Code>) -> Vec<(Hot<T::Code>, R::Block)> {
        let slowly = if self.starts_slowly() { SLOWLY } else { 1 };
        let enough = (self.config.block_threshold.saturating_mul(slowly) / LESS).max(1);
        let mut seen = FxHashSet::from_iter([hot.key.pc]);
        let mut queue = VecDeque::from([Arc::clone(hot)]);
        let mut group = Vec::new();
        while let Some(tb) = queue.pop_front() {
            let Ok(block) = backend.compile_block(&tb.code, tb.key.pc..tb.end) else { continue };
            for &pc in R::leads_to(&block) {
                if seen.len() < GROUP
                    && let Some(next) = self.cache.find(TbKey { pc, ..hot.key })
                    && next.entry() == 0
                    && next.heat.load(Ordering::Relaxed) >= enough
                    && seen.insert(pc)
                {
                    queue.push_back(next);
                }
            }
            group.push((tb, block));
        }
        group.sort_by_key(|(tb, _)| tb.key.pc);
        group
    }

    /// The block for `key`, translated if it is new.
    pub(crate) fn block(&self, key: TbKey) -> Result<Arc<TranslationBlock<T::Code>>, Fault> {
        let (tb, new) = self.interpreted(key)?;
        if new {
            self.adopt(&tb);
        }
        Ok(tb)
    }

    /// The same for a block that was just seen to have no host code; and whether it is new.
    pub(crate) fn interpreted(&self, key: TbKey) -> Result<(Arc<TranslationBlock<T::Code>>, bool), Fault> {
        if let Some(tb) = self.cache.find(key) {
            return Ok((tb, false));
        }
        if let Some(tb) = self.untouched(key) {
            return Ok((tb, true));
        }
        let read = self.cache.reading();
        let start = self.config.stats.as_ref().map(|_| Instant::now());
        let tb = Arc::new(translate(&*self.frontend, &self.tier0, &self.config, key)?);
        if let (Some(stats), Some(start)) = (&self.config.stats, start) {
            stats.translated(tb.guest_insns, start.elapsed());
        }
        let tb = self.cache.insert(tb, read);
        self.family.translated(key);
        Ok((tb, true))
    }

    /// Translates what children of earlier forks had to, for those to come; what many of them ran gets code of tier 1.
    fn serve_children(&self) {
        let (Some(regions), Some(words)) = (&self.regions, self.config.shared_words) else { return };
        let errands = self.family.before_fork(words, self.config.block_threshold);
        for key in errands.translate {
            if regions.entry(key).is_none() && !(self.load_page(key) && regions.entry(key).is_some()) {
                // Where the parent has other code, or none, nothing is lost.
                let _ = self.block(key);
            }
        }
        let mut tbs: Vec<_> = errands.emit.into_iter().filter_map(|key| self.cache.find(key)).collect();
        tbs.retain(|tb| tb.entry() == 0);
        tbs.sort_by_key(|tb| (tb.key.mode, tb.key.pc));
        tbs.dedup_by_key(|tb| tb.key);
        for group in tbs.chunk_by(|a, b| a.key.mode == b.key.mode).flat_map(|mode| mode.chunks(GROUP)) {
            let start = Instant::now();
            let code = |tb: &Hot<T::Code>| {
                Some((Arc::clone(tb), regions.backend.compile_block(&tb.code, tb.key.pc..tb.end).ok()?))
            };
            self.emit(regions, &group[0], group.iter().filter_map(code).collect(), start);
        }
    }

    /// The block for `key` if it ever ran: code of an earlier run does so without one.
    fn known(&self, regions: &Regions<R>, key: TbKey) -> Option<Arc<TranslationBlock<T::Code>>> {
        self.cache.find(key).or_else(|| regions.entry(key).and_then(|_| self.block(key).ok()))
    }

    /// Guest blocks to a region in place.
    fn compile(&self, hot: &TranslationBlock<T::Code>, extent: Extent) {
        let Some(regions) = &self.regions else { return };
        if self.load(hot.key, extent) {
            return;
        }
        let (since, start) = (self.cache.generation(), Instant::now());
        let stats = self.config.stats.as_deref();
        let (frontend, tier0, config) = (&*self.frontend, &self.tier0, &self.config);
        // What is in a region, perhaps of an earlier run, was hot once.
        let hot_before = |key| if regions.is_member(key) { self.config.region_threshold } else { 0 };
        let entered = |key| regions.entered(key).max(hot_before(key));
        let block = |key| self.known(regions, key);
        let grower = Grower { frontend, tier0, config, block: &block, entered: &entered };
        let Some(Grown { region, guest }) = grower.grow(hot, extent, regions.precise()) else { return };
        self.log_region(regions, &region);
        let code = match regions.backend.compile(&region) {
            Ok(code) => code,
            Err(why) => {
                stats.inspect(|stats| stats.refused(&why));
                return;
            }
        };
        let insns = region.blocks.iter().map(|b| b.guest_insns).sum();
        stats.inspect(|stats| stats.compiled(insns, R::host_bytes(&code), start.elapsed()));
        let origin = Origin::of(&region, &guest, self.config.aside.is_some(), self.config.is_file);
        let kept = self.to_keep(regions, extent, &region, &origin, guest, &code);
        let fresh = || !self.cache.changed(since, &origin.ranges);
        if self.place(regions, &origin, extent.tier(), code, &fresh, hot) {
            self.keep(kept);
        }
    }

    /// Puts code in place, where there must be room for it, unless it is not `fresh` any more; `hot` is the block that
    /// asked for it. Tells whether it is there.
    fn place(
        &self,
        regions: &Regions<R>,
        origin: &Origin,
        tier: Tier,
        mut code: R::Compiled,
        fresh: &dyn Fn() -> bool,
        hot: &TranslationBlock<T::Code>,
    ) -> bool {
        let past = |generation| self.processors.past(generation);
        loop {
            match regions.install(&self.cache, origin, tier, code, fresh, &past) {
                Ok(()) if tier == Tier::Large => {
                    // Who predicts the smaller one is to hear of it.
                    self.cache.raise_generation(origin.ranges.iter().map(|range| range.0));
                    self.processors.kick();
                    return true;
                }
                Ok(()) => return true,
                Err(Refusal::Stale) => {
                    hot.heat.store(0, Ordering::Relaxed); // try again when it is hot again
                    return false;
                }
                Err(Refusal::Full(back)) => code = back,
            }
            if !self.make_room(regions) {
                return false;
            }
        }
    }

    fn log_region(&self, regions: &Regions<R>, region: &Region) {
        let log = &self.config.log;
        if !(log.op_opt || log.out_asm) || !log.wants(region.blocks[0].pc) {
            return;
        }
        if log.op_opt {
            let (regs, helpers) = (self.frontend.regs(), self.frontend.helpers());
            let blocks: String = region.blocks.iter().map(|b| brolga_ir::print(b, regs, helpers) + "\n").collect();
            log.write(&format!("OP after the passes, region at {:#x}:\n{blocks}", region.blocks[0].pc));
        }
        if log.out_asm {
            let text = regions.backend.listing(region).map_or_else(|why| why, |listing| listing.host);
            log.write(&format!("OUT: region at {:#x}\n{text}\n", region.blocks[0].pc));
        }
    }

    /// Lets the oldest regions go; false if that cannot help.
    fn make_room(&self, regions: &Regions<R>) -> bool {
        let generation = regions.retire_oldest(&self.cache);
        generation.is_some_and(|generation| self.processors.wait_past(generation, ROOM_LIMIT))
    }

    /// Whether kept regions are put in place as soon as their blocks are seen to run.
    #[inline]
    pub(crate) fn is_eager(&self) -> bool {
        self.eager.load(Ordering::Relaxed)
    }

    pub(crate) fn require_precise(&self) {
        let Some(regions) = &self.regions else { return };
        if let Some(generation) = regions.require_precise(&self.cache)
            && !self.processors.wait_past(generation, FORM_LIMIT)
        {
            self.config.log.write("brolga: a processor did not leave its code in time\n");
        }
    }

    pub(crate) fn invalidate(&self, start: u64, len: u64) {
        let retire = || {
            if let Some(regions) = &self.regions
                && regions.invalidate(&self.cache, start, start.saturating_add(len))
            {
                self.processors.kick();
            }
        };
        retire();
        if self.config.store.is_some() {
            self.packs.forget(start, start.saturating_add(len));
        }
        self.cache.invalidate(start, len, self.config.aside.is_some());
        // What was put in place between the two was made from the old bytes.
        retire();
    }

    /// Runs `action`, which may fork and tells in the child its process number, while every lock is free but those held
    /// here. A child goes on with `own` alone.
    pub(crate) fn around_fork(&self, own: &Arc<Processor>, action: &mut dyn FnMut() -> Option<u32>) {
        self.serve_children();
        let alone = self.processors.were_ever_one();
        let mut fork = || if alone { self.fork_alone(action) } else { self.fork_locked(own, action) };
        let child = match &self.worker {
            Some(worker) => worker.paused(alone, &mut fork),
            None => fork(),
        };
        if child.is_some() {
            self.forked();
        }
    }

    /// Nobody is there who could hold a lock: to take them would cost the child a copy of each page that one is in.
    fn fork_alone(&self, action: &mut dyn FnMut() -> Option<u32>) -> Option<u32> {
        let child = action();
        if child.is_none()
            && let Some(regions) = &self.regions
        {
            regions.backend.has_child();
        }
        child
    }

    fn fork_locked(&self, own: &Arc<Processor>, action: &mut dyn FnMut() -> Option<u32>) -> Option<u32> {
        let child = Cell::new(None);
        let mut locked = || {
            let _log = self.config.log.sink.as_ref().map(std::sync::Mutex::lock);
            let _reasons = self.config.stats.as_ref().map(|stats| stats.reasons());
            let mut list = || child.set(self.processors.around_fork(own, action));
            match &self.regions {
                None => self.cache.locked(&mut list),
                Some(regions) => regions.locked(&mut || {
                    self.cache.locked(&mut list);
                    // Before anything else may be put in place.
                    if child.get().is_none() {
                        regions.backend.has_child();
                    }
                }),
            }
        };
        let mut packed = || self.packs.locked(&mut || self.family.locked(&mut locked));
        match &self.config.store {
            Some(store) => store.around_fork(&mut packed),
            None => packed(),
        }
        child.get()
    }

    /// In the child of a fork, whose only thread this is.
    fn forked(&self) {
        if let Some(store) = &self.config.store {
            store.forked();
        }
        if let Some(regions) = &self.regions {
            regions.forked();
        }
        if let Some(stats) = &self.config.stats {
            stats.clear();
        }
        self.packs.clear();
        self.family.forked();
        // To put anything in place, a child has to copy all code there is: it waits until something is hot.
        self.eager.store(false, Ordering::Relaxed);
    }
}
