//! The run loop.

use crate::cache::Cache;
use crate::config::Config;
use crate::tb::{TbKey, TranslationBlock};
use crate::translate::translate;
use brolga_core::{Access, Env, Exit, Fault, FaultKind, Vcpu};
use brolga_ir::{Frontend, Interpreter, Leave, RaiseKind};
use std::sync::Arc;

/// What all processors of one address space share.
pub struct Engine<T: Interpreter> {
    frontend: Box<dyn Frontend>,
    tier0: T,
    config: Config,
    cache: Cache<T::Code>,
}

impl<T: Interpreter> Engine<T> {
    /// An engine over a guest architecture and tier 0.
    pub fn new(frontend: Box<dyn Frontend>, tier0: T, config: Config) -> Arc<Engine<T>> {
        Arc::new(Engine { frontend, tier0, config, cache: Cache::default() })
    }
}

/// Entries of a processor's own cache; a power of two.
const JUMP_CACHE: usize = 4096;

struct JumpSlot<C> {
    key: TbKey,
    generation: u64,
    tb: Arc<TranslationBlock<C>>,
}

/// One processor.
pub struct EngineVcpu<T: Interpreter> {
    engine: Arc<Engine<T>>,
    env: Box<Env>,
    jump_cache: Vec<Option<JumpSlot<T::Code>>>,
}

impl<T: Interpreter + 'static> EngineVcpu<T> {
    /// A processor with all registers zero.
    pub fn new(engine: Arc<Engine<T>>) -> EngineVcpu<T> {
        let jump_cache = (0..JUMP_CACHE).map(|_| None).collect();
        EngineVcpu { engine, env: Box::default(), jump_cache }
    }

    /// Makes sure that the slot for `key` holds its block; returns the slot's index.
    fn slot(&mut self, key: TbKey) -> Result<usize, Fault> {
        let generation = self.engine.cache.generation();
        let index = (key.pc >> 2) as usize & (JUMP_CACHE - 1);
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

impl<T: Interpreter + 'static> Vcpu for EngineVcpu<T> {
    fn run(&mut self) -> Exit {
        let pc_reg = self.engine.frontend.regs().pc;
        let log = &self.engine.config.log;
        let logging = log.exec || log.cpu;
        self.env.mode = self.engine.frontend.mode(&self.env);
        loop {
            if self.env.exit_request.load(std::sync::atomic::Ordering::Relaxed) != 0 && self.env.take_exit_request() {
                return Exit::Interrupted;
            }
            let key = TbKey { pc: self.env.get(pc_reg), mode: self.env.mode };
            let index = match self.slot(key) {
                Ok(index) => index,
                Err(fault) => return Exit::Fault(fault),
            };
            if logging {
                self.log_entry(key);
            }
            let Some(slot) = &self.jump_cache[index] else { continue };
            match self.engine.tier0.run(&slot.tb.code, &mut self.env) {
                Leave::Jump | Leave::Polled => {}
                Leave::Fault(fault) => return Exit::Fault(fault),
                Leave::Raise(kind, arg) => {
                    if let Some(exit) = self.raised(kind, arg) {
                        return exit;
                    }
                    self.env.mode = self.engine.frontend.mode(&self.env);
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
        other.env.guest_base = self.env.guest_base;
        Box::new(other)
    }

    fn invalidate(&self, start: u64, len: u64) {
        self.engine.cache.invalidate(start, len);
    }

    fn quiesce(&self, action: &mut dyn FnMut()) {
        let log = self.engine.config.log.sink.as_ref().map(std::sync::Mutex::lock);
        self.engine.cache.locked(action);
        drop(log);
    }
}
