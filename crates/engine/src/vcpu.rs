//! The run loop.

use crate::engine::{Engine, SLOWLY};
use crate::grow::Extent;
use crate::processors::Processor;
use crate::tb::{Marks, TbKey, TranslationBlock};
use brolga_core::near::near;
use brolga_core::{Access, Env, Exit, Fault, JumpEntry, Vcpu};
use brolga_ir::{HostExit, Interpreter, Leave, RaiseKind, RegionBackend};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Entries of a processor's own cache at first and at most; powers of two. Short programs need few, and every page
/// of the table costs them a fault.
const JUMP_SLOTS: (usize, usize) = (256, 65536);

/// The block that was last found for an address; the address is here too, since the block is far away.
struct JumpSlot<C> {
    pc: u64,
    tb: Arc<TranslationBlock<C>>,
}

fn vacant_slots<C>(count: usize) -> Vec<Option<JumpSlot<C>>> {
    (0..count).map(|_| None).collect()
}

/// Where the block for `pc` would be in `cache`.
#[inline(always)]
fn slot_of<S>(cache: &[S], pc: u64) -> usize {
    (pc >> 2) as usize & (cache.len() - 1)
}

/// One processor.
pub struct EngineVcpu<T: Interpreter, R: RegionBackend> {
    engine: Arc<Engine<T, R>>,
    env: Box<Env>,
    /// What others know of this one.
    shared: Arc<Processor>,
    jump_cache: Vec<Option<JumpSlot<T::Code>>>,
    /// Blocks that pushed another out of `jump_cache` since it was made.
    conflicts: usize,
    /// What generated code probes; `env.jump_cache` is its address. Empty until there is generated code to enter.
    host_cache: Box<[JumpEntry]>,
    /// Generation that `host_cache` and the return stack belong to.
    generation: u64,
    /// A static exit that region code just took and that is not linked yet.
    unlinked: Option<u32>,
    /// The next block runs in tier 0: a fault was met in region code and is to be met again, exactly.
    exact: bool,
    /// The processor stops behind every instruction: blocks have one, and run in tier 0.
    stepping: bool,
    /// The count that was used up by the block at the program counter, in tier 1.
    hot: Option<u32>,
    /// What gets hot once indirect jumps have been watched for a while.
    watch: Option<Watch>,
    marks: Marks,
}

/// A block that is to become a region, and blocks that are left to run in tier 0 before.
#[derive(Clone, Copy)]
struct Watch {
    key: TbKey,
    extent: Extent,
    left: u32,
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> EngineVcpu<T, R> {
    /// A processor with all registers zero.
    pub fn new(engine: Arc<Engine<T, R>>) -> Self {
        let env = near(Box::<Env>::default);
        let generation = engine.cache.generation();
        let shared = engine.processors.add(&env);
        let config = &engine.config;
        let enough = config.block_threshold;
        let slowly = enough.saturating_mul(SLOWLY);
        let marks = Marks::new([config.load_threshold, enough, slowly, config.region_threshold]);
        EngineVcpu {
            engine,
            env,
            shared,
            jump_cache: vacant_slots(JUMP_SLOTS.0),
            conflicts: 0,
            host_cache: Box::default(),
            generation,
            unlinked: None,
            exact: false,
            stepping: false,
            hot: None,
            watch: None,
            marks,
        }
    }

    /// Drops what generated code may follow to blocks by itself: code or mode has changed.
    fn forget_predictions(&mut self) {
        for (i, e) in self.host_cache.iter_mut().enumerate() {
            *e = JumpEntry::vacant(i);
        }
        self.forget_links();
    }

    /// Drops what names slots, which are used for other exits once their own are gone.
    fn forget_links(&mut self) {
        self.env.forget_returns();
        self.unlinked = None;
    }

    /// Drops those that changed behind the processor's generation.
    fn catch_up(&mut self) {
        let cache = &mut self.host_cache;
        let (generation, known) = self.engine.cache.catch_up(self.generation, &mut |pc| JumpEntry::forget(cache, pc));
        if known {
            self.forget_links();
        } else {
            self.forget_predictions();
        }
        self.generation = generation;
        self.shared.at(generation);
    }

    /// Recomputes the mode, which everything predicted depends on.
    fn update_mode(&mut self) {
        let mode = self.engine.frontend.mode(&self.env);
        if mode != self.env.mode {
            self.env.mode = mode;
            self.stepping = self.engine.frontend.single_steps(mode);
            self.forget_predictions();
        }
    }

    /// Runs the block in `slot` in the best tier it has.
    fn run_block(&mut self, index: usize) -> Step {
        let Some(slot) = &self.jump_cache[index] else { return Step::Continue };
        let tb = &slot.tb;
        let stats = self.engine.config.stats.as_deref();
        let Some(regions) = self.engine.regions.as_ref().filter(|_| !self.exact) else {
            self.exact = false;
            stats.inspect(|stats| stats.interpreted(tb.guest_insns));
            return self.engine.tier0.run(&tb.code, &mut self.env).into();
        };
        let hot = self.hot.take();
        let entered = hot.map(|count| regions.rearm(count, tb.key));
        if let Some(entered) = entered
            && tb.host.load(Ordering::Acquire) == 0
        {
            tb.heat.store(self.engine.config.region_threshold.max(entered), Ordering::Relaxed);
            let key = tb.key;
            self.watch_for(key, Extent::Own);
            return Step::Continue;
        }
        let host = tb.entry();
        if host != 0 && self.watch.is_some() {
            return self.watched(index);
        }
        if host == 0 {
            let Some(heat) = tb.count(&self.marks) else { return self.interpret(index) };
            tb.heat.store(heat, Ordering::Relaxed);
            if heat == self.engine.config.region_threshold {
                self.engine.heat(tb, Extent::Own, &self.shared);
                // Whatever was predicted may be gone meanwhile.
                return Step::Continue;
            }
            if heat == self.engine.config.load_threshold
                && self.engine.is_eager()
                && self.engine.load_best(regions, tb.key)
            {
                return Step::Continue;
            }
            let enough = self.engine.config.block_threshold;
            if heat == enough && !self.engine.starts_slowly() || heat == enough.saturating_mul(SLOWLY) {
                let parted = self.engine.warm(tb, &self.shared);
                self.let_go(&parted);
                return Step::Continue;
            }
            return self.interpret(index);
        }
        let key = tb.key;
        self.enter(host, key)
    }

    /// Lets go of blocks that tier 0 has forgotten: nobody else has them.
    fn let_go(&mut self, addresses: &[u64]) {
        for &pc in addresses {
            let index = self.index(pc);
            if self.jump_cache[index].as_ref().is_some_and(|slot| slot.pc == pc && slot.tb.is_dead()) {
                self.jump_cache[index] = None;
            }
        }
    }

    /// Runs the block in `slot` in tier 0, and those that come behind it as long as that is all there is to do. Notes
    /// where they go.
    fn interpret(&mut self, index: usize) -> Step {
        let Some(JumpSlot { tb, .. }) = &self.jump_cache[index] else { return Step::Continue };
        self.unlinked = None;
        let watches = self.wants_block();
        let (engine, pc_reg) = (&*self.engine, self.engine.frontend.regs().pc);
        let (jump_cache, marks, generation) = (&self.jump_cache[..], &self.marks, self.generation);
        let stats = engine.config.stats.as_deref();
        stats.inspect(|stats| stats.interpreted(tb.guest_insns));
        let (mut tb, code) = (&**tb, &tb.code);
        let next = move |env: &Env| {
            let pc = env.get(pc_reg);
            tb.targets.as_ref().inspect(|targets| targets.note(pc));
            let asked = env.exit_request.load(Ordering::Relaxed) != 0 || engine.cache.generation() != generation;
            let next = jump_cache[slot_of(jump_cache, pc)].as_ref().filter(|slot| slot.pc == pc)?;
            // What reaches a mark is the run loop's to count.
            let cold = next.tb.is_cold(TbKey { pc, mode: env.mode }) && !asked && !watches;
            if !cold || next.tb.count(marks).is_some() {
                return None;
            }
            tb = &next.tb;
            stats.inspect(|stats| stats.interpreted(tb.guest_insns));
            Some(&tb.code)
        };
        engine.tier0.run_on(code, &mut self.env, next).into()
    }

    /// Has a region made around the block for `key`, which runs in generated code, after a look at where indirect
    /// jumps lead. One at a time: a block that gets hot while another is watched has no need for more. None if an earlier
    /// run has kept such a region.
    fn watch_for(&mut self, key: TbKey, extent: Extent) {
        let left = if self.engine.may_load(key, extent) { 0 } else { self.engine.config.watch };
        let before = self.watch.replace(Watch { key, extent, left });
        if left == 0 || before.is_some() {
            self.watch = None;
            for watch in before.into_iter().chain([Watch { key, extent, left }]) {
                self.heat(watch);
            }
        }
    }

    fn heat(&self, watch: Watch) {
        if let Ok(tb) = self.engine.block(watch.key) {
            self.engine.heat(&tb, watch.extent, &self.shared);
        }
    }

    /// Runs the block in `slot` in tier 0 though it has host code.
    fn watched(&mut self, index: usize) -> Step {
        match &mut self.watch {
            Some(watch) if watch.left > 0 => watch.left -= 1,
            _ => {
                let watch = self.watch.take();
                watch.inspect(|&watch| self.heat(watch));
                // Whatever was predicted may be gone meanwhile.
                return Step::Continue;
            }
        }
        self.interpret(index)
    }

    /// Whether the next block is wanted itself, and not only host code of it, which nobody has looked for then.
    fn wants_block(&self) -> bool {
        self.exact || self.hot.is_some() || self.watch.is_some()
    }

    /// Entry of the host code for `key` that can be run without a look at its block: it ran lately, or in an earlier run.
    #[inline]
    fn ready(&mut self, key: TbKey) -> Option<u64> {
        if self.wants_block() {
            return None;
        }
        match JumpEntry::find(&self.host_cache, key.pc) {
            Some(entry) => Some(entry.host),
            _ => match &self.jump_cache[self.index(key.pc)] {
                Some(slot) if slot.pc == key.pc && !slot.tb.is_dead() => None,
                _ => self.kept(key),
            },
        }
    }

    /// Entry of host code for `key` that is in place, was set aside, or that an earlier run kept. To look its block up
    /// would write to it: after a fork each page of blocks costs a copy.
    #[cold]
    fn kept(&self, key: TbKey) -> Option<u64> {
        let regions = self.engine.regions.as_ref()?;
        let found = match regions.entry_or_aside(key) {
            Ok(host) => return Some(host),
            Err(aside) => aside && self.engine.take_back(regions, key) || self.engine.load_page(key),
        };
        if found { regions.entry(key) } else { None }
    }

    /// Runs host code for `key`.
    fn enter(&mut self, host: u64, key: TbKey) -> Step {
        let Some(regions) = &self.engine.regions else { return Step::Continue };
        let link = self.unlinked.take();
        let shy = regions.is_shy();
        if let Some(link) = link.filter(|_| !shy) {
            regions.link(link, key);
        }
        if self.host_cache.is_empty() {
            self.host_cache = JumpEntry::vacant_cache();
            self.env.jump_cache = self.host_cache.as_ptr() as u64;
            regions.backend.prepare(&mut self.env);
        }
        if !shy {
            JumpEntry::put(&mut self.host_cache, key.pc, host);
        }
        let exit = regions.backend.enter(host, &mut self.env);
        self.engine.config.stats.as_deref().inspect(|stats| stats.left(&exit));
        match exit {
            HostExit::Goto(exit) => self.unlinked = exit,
            HostExit::Raise(kind, arg) => return Step::Raise(kind, arg),
            HostExit::Polled => {}
            HostExit::Hot(count) => self.hot = Some(count),
            HostExit::Busy => self.enlarge(),
            HostExit::Fault => {
                self.exact = true;
                self.renew_if_outdated();
            }
            HostExit::Crash(fault) => return Step::Fault(fault),
        }
        Step::Continue
    }

    /// Has a larger region made around the program counter, whose own is entered often; unless a large one that was
    /// made meanwhile may have put an end to that.
    fn enlarge(&mut self) {
        let key = TbKey { pc: self.env.get(self.engine.frontend.regs().pc), mode: self.env.mode };
        if self.engine.regions.as_ref().is_none_or(|regions| regions.take_inside(key)) {
            return;
        }
        let Ok(tb) = self.engine.block(key) else { return };
        if !tb.grown.swap(true, Ordering::Relaxed) {
            self.watch_for(key, Extent::Large);
        }
    }

    /// Has regions made anew if running them has taught the back end something.
    fn renew_if_outdated(&self) {
        if let Some(regions) = &self.engine.regions
            && regions.backend.outdated()
        {
            regions.retire_all(&self.engine.cache);
            self.engine.processors.kick();
        }
    }

    /// Where to go on for `key`.
    #[inline]
    fn place(&mut self, key: TbKey) -> Result<Place, Fault> {
        let index = self.index(key.pc);
        let found = self.jump_cache[index].as_ref().filter(|slot| slot.pc == key.pc && slot.tb.key.mode == key.mode);
        let found = found.filter(|slot| !slot.tb.is_dead()).map(|slot| slot.tb.entry());
        // Most of what is interpreted has no host code that could be looked for.
        if found == Some(0) {
            return Ok(Place::Slot(index));
        }
        match self.ready(key) {
            Some(host) => Ok(Place::Host(host)),
            None if found.is_some() => Ok(Place::Slot(index)),
            None => self.fill(key).map(Place::Slot),
        }
    }

    #[inline(always)]
    fn index(&self, pc: u64) -> usize {
        slot_of(&self.jump_cache, pc)
    }

    /// Puts the block for `key` into its slot, translating it if it is new.
    #[cold]
    fn fill(&mut self, key: TbKey) -> Result<usize, Fault> {
        let tb = if self.wants_block() { self.engine.block(key)? } else { self.engine.interpreted(key)?.0 };
        self.engine.family.interprets(key);
        if self.jump_cache[self.index(key.pc)].as_ref().is_some_and(|old| old.pc != key.pc) {
            self.conflicts += 1;
            if self.conflicts > self.jump_cache.len() / 2 && self.jump_cache.len() < JUMP_SLOTS.1 {
                self.widen();
            }
        }
        let index = self.index(key.pc);
        self.jump_cache[index] = Some(JumpSlot { pc: key.pc, tb });
        Ok(index)
    }

    fn widen(&mut self) {
        let wide = vacant_slots(self.jump_cache.len() * 4);
        for slot in std::mem::replace(&mut self.jump_cache, wide).into_iter().flatten() {
            let index = self.index(slot.pc);
            self.jump_cache[index] = Some(slot);
        }
        self.conflicts = 0;
    }

    fn log_entry(&self, key: TbKey) {
        let log = &self.engine.config.log;
        if !log.wants(key.pc) {
            return;
        }
        if log.exec {
            log.write(&format!("Trace: [{:#x}/{:#x}]\n", key.pc, key.mode));
        }
        if log.cpu {
            log.write(&self.registers());
        }
    }

    /// The register table's rows with their values, four a line.
    fn registers(&self) -> String {
        let mut text = String::new();
        for (i, row) in self.engine.frontend.regs().regs.iter().enumerate() {
            let value = match row.width {
                brolga_core::RegWidth::W64 => format!("{:016x}", self.env.get(row.reg)),
                brolga_core::RegWidth::W128 => format!("{:032x}", self.env.get128(row.reg)),
            };
            text += &format!("{:>6}={value}{}", row.name, if i % 4 == 3 { "\n" } else { " " });
        }
        text + "\n"
    }

    /// `word` is how the instruction begins; its name may be further on.
    #[cold]
    fn log_undefined(&self, word: u64, pc: u64) {
        let mut bytes = [0; 16];
        let read = self.engine.tier0.fetch(pc, &mut bytes).unwrap_or(0);
        let name = self.engine.frontend.mnemonic(&bytes[..read]).unwrap_or("?");
        self.engine.config.log.write(&format!("undefined instruction {word:#010x} ({name}) at {pc:#x}\n"));
    }

    fn raised(&mut self, kind: RaiseKind, arg: u64) -> Option<Exit> {
        let pc = self.env.get(self.engine.frontend.regs().pc);
        match kind {
            RaiseKind::Syscall => Some(Exit::Syscall(arg as u32)),
            RaiseKind::Undefined => {
                if self.engine.config.log.unimp {
                    self.log_undefined(arg, pc);
                }
                Some(Exit::Undefined(arg as u32))
            }
            RaiseKind::Breakpoint => Some(Exit::Breakpoint(arg as u32)),
            RaiseKind::GuestException => Some(Exit::GuestException(arg as u32)),
            RaiseKind::Resync => None,
            RaiseKind::Invalidate => {
                const LINE: u64 = 64;
                let start = arg & !(LINE - 1);
                self.engine.invalidate(start, LINE);
                for other in (self.engine.config.aliases)(start..start + LINE) {
                    self.engine.invalidate(other.start, other.end - other.start);
                }
                None
            }
        }
    }
}

impl<T: Interpreter, R: RegionBackend> Drop for EngineVcpu<T, R> {
    fn drop(&mut self) {
        self.engine.processors.remove(&self.shared);
    }
}

/// What is run next.
enum Place {
    /// Host code, at its entry.
    Host(u64),
    /// The block of this slot.
    Slot(usize),
}

/// What a block's run means for the loop.
enum Step {
    Continue,
    /// An exit was requested in the middle of a block.
    Polled,
    Raise(RaiseKind, u64),
    Fault(Fault),
}

impl From<Leave> for Step {
    #[inline(always)]
    fn from(leave: Leave) -> Step {
        match leave {
            Leave::Jump => Step::Continue,
            Leave::Polled => Step::Polled,
            Leave::Raise(kind, arg) => Step::Raise(kind, arg),
            Leave::Fault(fault) => Step::Fault(fault),
        }
    }
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> EngineVcpu<T, R> {
    fn run_loop(&mut self) -> Exit {
        let pc_reg = self.engine.frontend.regs().pc;
        let log = &self.engine.config.log;
        let logging = log.exec || log.cpu;
        loop {
            if self.env.exit_request.load(Ordering::Relaxed) != 0 && self.env.take_exit_request() {
                self.renew_if_outdated();
                return Exit::Interrupted;
            }
            if self.engine.cache.generation() != self.generation {
                self.catch_up();
            }
            let key = TbKey { pc: self.env.get(pc_reg), mode: self.env.mode };
            let stepping = self.stepping;
            self.exact |= stepping;
            let step = match self.place(key) {
                Ok(Place::Host(host)) => self.enter(host, key),
                Ok(Place::Slot(index)) => {
                    if logging {
                        self.log_entry(key);
                    }
                    self.run_block(index)
                }
                Err(fault) => return Exit::Fault(fault),
            };
            match step {
                Step::Continue if stepping => return Exit::Step,
                Step::Continue | Step::Polled => {}
                Step::Fault(fault) => return Exit::Fault(fault),
                Step::Raise(kind, arg) => {
                    if let Some(exit) = self.raised(kind, arg) {
                        return exit;
                    }
                    self.update_mode();
                    if stepping {
                        return Exit::Step;
                    }
                }
            }
        }
    }

    /// What a data access that failed is to the guest.
    #[cold]
    fn explain(&self, fault: Fault) -> Exit {
        let pc = self.env.get(self.engine.frontend.regs().pc);
        self.engine.frontend.fault(&self.env, fault, &|bytes| self.engine.tier0.fetch(pc, bytes).unwrap_or(0))
    }
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Vcpu for EngineVcpu<T, R> {
    fn run(&mut self) -> Exit {
        // The owner may have moved the program counter: what was to be linked leads elsewhere now.
        (self.unlinked, self.hot) = (None, None);
        self.update_mode();
        self.shared.enter(self.generation);
        let exit = self.run_loop();
        self.shared.leave();
        match exit {
            Exit::Fault(fault) if fault.access != Access::Fetch => self.explain(fault),
            exit => exit,
        }
    }

    fn env(&self) -> &Env {
        &self.env
    }

    fn env_mut(&mut self) -> &mut Env {
        &mut self.env
    }

    fn sibling(&self) -> Box<dyn Vcpu> {
        let mut other = EngineVcpu::new(Arc::clone(&self.engine));
        other.env.file = self.env.file;
        other.env.mode = self.env.mode;
        other.stepping = self.stepping;
        Box::new(other)
    }

    fn invalidate(&self, start: u64, len: u64) {
        self.engine.invalidate(start, len);
    }

    fn require_precise(&self) {
        self.engine.require_precise();
    }

    fn quiesce(&self, action: &mut dyn FnMut() -> Option<u32>) {
        self.engine.around_fork(&self.shared, action);
    }
}
