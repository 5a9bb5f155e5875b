//! The run loop.

use crate::cache::Cache;
use crate::config::Config;
use crate::kick::Kicks;
use crate::regions::Regions;
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::translate;
use brolga_core::{Access, Env, Exit, Fault, FaultKind, JumpEntry, Vcpu};
use brolga_ir::{Frontend, HostExit, Interpreter, Leave, RaiseKind, RegionBackend};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What all processors of one address space share.
pub struct Engine<T: Interpreter, R: RegionBackend> {
    frontend: Box<dyn Frontend>,
    tier0: T,
    regions: Option<Regions<R>>,
    config: Config,
    cache: Cache<T::Code>,
    kicks: Kicks,
}

impl<T: Interpreter, R: RegionBackend> Engine<T, R> {
    /// An engine over a guest architecture, tier 0 and, where the host has one, a region tier.
    pub fn new(frontend: Box<dyn Frontend>, tier0: T, regions: Option<R>, config: Config) -> Arc<Self> {
        let wanted = config.region_threshold != 0 && !config.log.exec && !config.log.cpu;
        let regions = regions.filter(|_| wanted).map(Regions::new);
        Arc::new(Engine { frontend, tier0, regions, config, cache: Cache::default(), kicks: Kicks::default() })
    }
}

/// Entries of a processor's own cache; a power of two.
const JUMP_SLOTS: usize = 4096;

struct JumpSlot<C> {
    key: TbKey,
    generation: u64,
    tb: Arc<TranslationBlock<C>>,
}

/// One processor.
pub struct EngineVcpu<T: Interpreter, R: RegionBackend> {
    engine: Arc<Engine<T, R>>,
    env: Box<Env>,
    jump_cache: Vec<Option<JumpSlot<T::Code>>>,
    /// What generated code probes; `env.jump_cache` is its address.
    host_cache: Box<[JumpEntry]>,
    /// Generation that `host_cache` and the return stack belong to.
    generation: u64,
    /// A static exit that region code just took and that is not linked yet.
    unlinked: Option<u32>,
    /// The next block runs in tier 0: a fault was met in region code and is to be met again, exactly.
    exact: bool,
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> EngineVcpu<T, R> {
    /// A processor with all registers zero.
    pub fn new(engine: Arc<Engine<T, R>>) -> Self {
        let jump_cache = (0..JUMP_SLOTS).map(|_| None).collect();
        let host_cache = if engine.regions.is_some() { JumpEntry::vacant_cache() } else { Box::default() };
        let mut env = Box::<Env>::default();
        env.jump_cache = host_cache.as_ptr() as u64;
        if let Some(regions) = &engine.regions {
            regions.backend.prepare(&mut env);
        }
        let generation = engine.cache.generation();
        engine.kicks.add(&env);
        EngineVcpu { engine, env, jump_cache, host_cache, generation, unlinked: None, exact: false }
    }

    /// Drops what generated code may follow to blocks by itself: code or mode has changed.
    fn forget_predictions(&mut self) {
        for (i, e) in self.host_cache.iter_mut().enumerate() {
            *e = JumpEntry::vacant(i);
        }
        self.env.return_stack = [Default::default(); brolga_core::RETURN_STACK];
        self.unlinked = None;
    }

    /// Recomputes the mode, which everything predicted depends on.
    fn update_mode(&mut self) {
        let mode = self.engine.frontend.mode(&self.env);
        if mode != self.env.mode {
            self.env.mode = mode;
            self.forget_predictions();
        }
    }

    /// Runs the block in `slot` in the best tier it has.
    fn run_block(&mut self, index: usize) -> Step {
        let Some(slot) = &self.jump_cache[index] else { return Step::Continue };
        let tb = &slot.tb;
        let Some(regions) = self.engine.regions.as_ref().filter(|_| !self.exact) else {
            self.exact = false;
            return self.engine.tier0.run(&tb.code, &mut self.env).into();
        };
        let mut host = tb.host.load(Ordering::Acquire);
        if host == 0 {
            let heat = tb.heat.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if heat == self.engine.config.region_threshold {
                let e = &self.engine;
                regions.compile(&*e.frontend, &e.tier0, &e.config, &e.cache, tb);
                host = tb.host.load(Ordering::Acquire);
            }
        }
        if host == 0 {
            self.unlinked = None;
            return self.engine.tier0.run(&tb.code, &mut self.env).into();
        }
        if let Some(link) = self.unlinked.take()
            && self.engine.config.link
        {
            regions.link(link, tb);
        }
        self.host_cache[JumpEntry::index(tb.key.pc)] = JumpEntry { guest: tb.key.pc, host };
        match regions.backend.enter(host, &mut self.env) {
            HostExit::Goto(exit) => self.unlinked = exit,
            HostExit::Raise(kind, arg) => return Step::Raise(kind, arg),
            HostExit::Polled => {}
            HostExit::Fault => self.exact = true,
        }
        Step::Continue
    }

    /// Makes sure that the slot for `key` holds its block; returns the slot's index.
    fn slot(&mut self, key: TbKey) -> Result<usize, Fault> {
        let generation = self.engine.cache.generation();
        let index = (key.pc >> 2) as usize & (JUMP_SLOTS - 1);
        if let Some(slot) = &self.jump_cache[index]
            && slot.key == key
            && slot.generation == generation
        {
            return Ok(index);
        }
        let engine = &self.engine;
        let tb = match engine.cache.find(key) {
            Some(tb) => tb,
            None => {
                let tb = translate(&*engine.frontend, &engine.tier0, &engine.config, key)?;
                engine.cache.insert(tb, generation)
            }
        };
        self.jump_cache[index] = Some(JumpSlot { key, generation, tb });
        Ok(index)
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

    fn raised(&mut self, kind: RaiseKind, arg: u64) -> Option<Exit> {
        let pc = self.env.get(self.engine.frontend.regs().pc);
        match kind {
            RaiseKind::Syscall => Some(Exit::Syscall(arg as u32)),
            RaiseKind::Undefined => {
                let log = &self.engine.config.log;
                if log.unimp {
                    let name = self.engine.frontend.mnemonic(&(arg as u32).to_le_bytes());
                    log.write(&format!("undefined instruction {arg:#010x} ({}) at {pc:#x}\n", name.unwrap_or("?")));
                }
                Some(Exit::Undefined(arg as u32))
            }
            RaiseKind::Breakpoint => Some(Exit::Breakpoint(arg as u32)),
            RaiseKind::GuestException => Some(Exit::GuestException(arg as u32)),
            RaiseKind::FetchFault => {
                Some(Exit::Fault(Fault { addr: arg, access: Access::Fetch, kind: FaultKind::Unmapped }))
            }
            RaiseKind::Resync => None,
            RaiseKind::Invalidate => {
                const LINE: u64 = 64;
                self.invalidate(arg & !(LINE - 1), LINE);
                None
            }
        }
    }
}

impl<T: Interpreter, R: RegionBackend> Drop for EngineVcpu<T, R> {
    fn drop(&mut self) {
        self.engine.kicks.remove(&self.env);
    }
}

/// What a block's run means for the loop.
enum Step {
    Continue,
    Raise(RaiseKind, u64),
    Fault(Fault),
}

impl From<Leave> for Step {
    #[inline(always)]
    fn from(leave: Leave) -> Step {
        match leave {
            Leave::Jump | Leave::Polled => Step::Continue,
            Leave::Raise(kind, arg) => Step::Raise(kind, arg),
            Leave::Fault(fault) => Step::Fault(fault),
        }
    }
}

impl<T: Interpreter + 'static, R: RegionBackend + 'static> Vcpu for EngineVcpu<T, R> {
    fn run(&mut self) -> Exit {
        let pc_reg = self.engine.frontend.regs().pc;
        let log = &self.engine.config.log;
        let logging = log.exec || log.cpu;
        // The owner may have moved the program counter: what was to be linked leads elsewhere now.
        self.unlinked = None;
        self.update_mode();
        loop {
            if self.env.exit_request.load(Ordering::Relaxed) != 0 && self.env.take_exit_request() {
                return Exit::Interrupted;
            }
            let generation = self.engine.cache.generation();
            if generation != self.generation {
                self.generation = generation;
                self.forget_predictions();
            }
            let key = TbKey { pc: self.env.get(pc_reg), mode: self.env.mode };
            let index = match self.slot(key) {
                Ok(index) => index,
                Err(fault) => return Exit::Fault(fault),
            };
            if logging {
                self.log_entry(key);
            }
            match self.run_block(index) {
                Step::Continue => {}
                Step::Fault(fault) => return Exit::Fault(fault),
                Step::Raise(kind, arg) => {
                    if let Some(exit) = self.raised(kind, arg) {
                        return exit;
                    }
                    self.update_mode();
                }
            }
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
        other.env.guest_base = self.env.guest_base;
        Box::new(other)
    }

    fn invalidate(&self, start: u64, len: u64) {
        let engine = &self.engine;
        if let Some(regions) = &engine.regions {
            if regions.invalidate(&engine.cache, start, start.saturating_add(len)) {
                engine.kicks.all();
            }
        }
        engine.cache.invalidate(start, len);
    }

    fn quiesce(&self, action: &mut dyn FnMut()) {
        let engine = &self.engine;
        let log = engine.config.log.sink.as_ref().map(std::sync::Mutex::lock);
        let _kicks = engine.kicks.hold();
        let process = std::process::id();
        match &engine.regions {
            None => engine.cache.locked(action),
            Some(regions) => regions.locked(&mut || {
                engine.cache.locked(action);
                if std::process::id() != process {
                    regions.backend.forked();
                }
            }),
        }
        drop(log);
    }
}
