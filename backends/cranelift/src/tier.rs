//! The tier as the engine sees it: [`RegionBackend`] over [`Cranelift`].

use crate::baseline::Piece;
use crate::compile::{Compiled, Options};
use crate::cranelift::{Cranelift, HostExit, Installed, NewError};
use crate::fault::HostFault;
use crate::helpers::helper_table;
use crate::jit_dump::JitDump;
use crate::perf_map::PerfMap;
use crate::portable;
use brolga_core::{Access, Env, Fault, FaultKind, RegTable};
use brolga_ir::{Helper, Region, RegionBackend};
use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

/// The page is there, its protection forbids the access. sigaction(2).
const SEGV_ACCERR: i32 = 2;

/// Cranelift with the guest's helper table and a number for each installed region.
#[derive(Debug)]
pub struct RegionTier {
    cranelift: Cranelift,
    helpers: Box<[u64]>,
    units: Mutex<HashMap<u64, Installed>>,
    next: AtomicU64,
    perf_map: Option<PerfMap>,
    jit_dump: Option<JitDump>,
    /// Code memory is shared with the parent of a fork until something is installed.
    shared: AtomicBool,
}

impl RegionTier {
    /// A tier for a guest, with `arena_bytes` of code memory.
    pub fn new(
        arena_bytes: usize,
        regs: &'static RegTable,
        helpers: &[Helper],
        options: Options,
    ) -> Result<RegionTier, NewError> {
        Ok(RegionTier {
            cranelift: Cranelift::new(arena_bytes, regs, options)?,
            helpers: helper_table(helpers),
            units: Mutex::default(),
            next: AtomicU64::new(1),
            perf_map: options.perf_map.then(PerfMap::default),
            jit_dump: options.jit_dump.then(JitDump::default),
            shared: AtomicBool::new(false),
        })
    }

    fn units(&self) -> MutexGuard<'_, HashMap<u64, Installed>> {
        self.units.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Tells profilers what the code is: each part of it by the guest address of the entry that it begins with.
    fn name(&self, installed: &Installed) {
        if self.perf_map.is_none() && self.jit_dump.is_none() {
            return;
        }
        let mut entries: Vec<_> = installed.entries.iter().map(|&(pc, host)| (host, pc)).collect();
        entries.sort_unstable();
        let whole = installed.range();
        // What is before the first entry belongs to it.
        entries[0].0 = whole.start;
        for (i, &(host, pc)) in entries.iter().enumerate() {
            let end = entries.get(i + 1).map_or(whole.end, |next| next.0);
            let name = format!("guest:{pc:#x}");
            if let Some(map) = &self.perf_map {
                map.add(host..end, &name);
            }
            if let Some(dump) = &self.jit_dump {
                let code = self.cranelift.code(installed);
                dump.add(host, &name, &code[(host - whole.start) as usize..(end - whole.start) as usize]);
            }
        }
    }

    /// A fault as the guest sees it.
    fn guest_fault(&self, fault: HostFault) -> Fault {
        let kind = match (fault.signal, fault.code) {
            (libc::SIGBUS, _) => FaultKind::Bus,
            (_, SEGV_ACCERR) => FaultKind::Permission,
            _ => FaultKind::Unmapped,
        };
        let access = if fault.write { Access::Write } else { Access::Read };
        Fault { addr: fault.addr.wrapping_sub(self.cranelift.guest_base()), access, kind }
    }
}

impl RegionBackend for RegionTier {
    type Compiled = Compiled;
    type Block = Piece;

    fn compile(&self, region: &Region) -> Result<Compiled, String> {
        self.cranelift.compile(region).map_err(|refused| refused.to_string())
    }

    fn host_bytes(code: &Compiled) -> usize {
        code.host_bytes()
    }

    fn compile_block(&self, prepared: &dyn Any, range: Range<u64>) -> Result<Piece, String> {
        if self.shared.load(Ordering::Relaxed) {
            // Children of a fork seldom live long enough for memory of their own.
            return Err("code memory is the parent's".into());
        }
        let flat = prepared.downcast_ref().ok_or("tier 0 has a form of its own")?;
        self.cranelift.compile_block(flat, range)
    }

    fn leads_to(block: &Piece) -> &[u64] {
        block.exits()
    }

    fn join(&self, blocks: &[Piece]) -> Option<Compiled> {
        self.cranelift.join(blocks)
    }

    fn set_count(&self, count: u32, left: u32) {
        self.cranelift.set_count(count, left);
    }

    fn count(&self, count: u32) -> u32 {
        self.cranelift.count(count)
    }

    fn lead(&self, count: u32, host: u64) {
        self.cranelift.lead(count, host);
    }

    fn listing(&self, region: &Region) -> Result<brolga_ir::Listing, String> {
        self.cranelift.listing(region).map_err(|refused| refused.to_string())
    }

    fn form(&self, precise: bool) -> u32 {
        self.cranelift.form(precise)
    }

    fn export(&self, code: &Compiled) -> Option<(u32, Vec<u8>)> {
        Some(portable::export(code))
    }

    fn import(&self, bytes: Vec<u8>) -> Option<Compiled> {
        portable::import(bytes)
    }

    fn install(&self, code: Compiled) -> Result<brolga_ir::Installed, Compiled> {
        if self.shared.swap(false, Ordering::Relaxed) && self.cranelift.after_fork().is_err() {
            // No memory of our own: what is there still runs, nothing new can be added.
            self.shared.store(true, Ordering::Relaxed);
            return Err(code);
        }
        let mut installed = self.cranelift.install(code).map_err(|full| full.0)?;
        self.name(&installed);
        let unit = self.next.fetch_add(1, Ordering::Relaxed);
        let told = brolga_ir::Installed {
            unit,
            // The engine keeps them.
            entries: std::mem::take(&mut installed.entries),
            exits: std::mem::take(&mut installed.exits),
            bytes: installed.host_bytes(),
            counts: installed.counts().to_vec(),
        };
        self.units().insert(unit, installed);
        Ok(told)
    }

    fn prepare(&self, env: &mut Env) {
        self.cranelift.point(env, &self.helpers);
    }

    #[inline]
    fn enter(&self, host: u64, env: &mut Env) -> brolga_ir::HostExit {
        match self.cranelift.enter(host, env) {
            HostExit::Goto { slot } => brolga_ir::HostExit::Goto(slot),
            HostExit::Raise(kind, arg) => brolga_ir::HostExit::Raise(kind, arg),
            HostExit::Polled => brolga_ir::HostExit::Polled,
            HostExit::Hot { count } => brolga_ir::HostExit::Hot(count),
            HostExit::Busy => brolga_ir::HostExit::Busy,
            HostExit::Fault(fault) if !fault.precise => brolga_ir::HostExit::Crash(self.guest_fault(fault)),
            HostExit::Resume | HostExit::Fault(_) => brolga_ir::HostExit::Fault,
        }
    }

    fn link(&self, slot: u32, host: u64) {
        self.cranelift.link(slot, host);
    }

    fn unlink(&self, slot: u32) {
        self.cranelift.unlink(slot);
    }

    fn remove(&self, unit: u64) {
        // The code and its slots stay taken: a processor may still be inside.
        if let Some(installed) = self.units().get(&unit) {
            self.cranelift.remove(installed);
        }
    }

    fn release(&self, unit: u64) {
        let installed = self.units().remove(&unit);
        if let Some(installed) = installed {
            self.cranelift.release(installed);
        }
    }

    fn outdated(&self) -> bool {
        self.cranelift.outdated()
    }

    #[inline]
    fn forked(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    fn has_child(&self) {
        self.cranelift.has_forked();
    }
}
