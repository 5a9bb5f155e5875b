//! The tier as the engine sees it.
#![allow(unsafe_code, reason = "runs generated code")]

use crate::arena::Arena;
use crate::baseline::{self, Emitter, Piece};
use crate::compile::{Compiled, Compiler, Features, Options, Refused, Reloc, SlotForm, host_isa};
use crate::counts::{Count, Counts};
use crate::fault::{Active, FaultTable, HostFault, Learnt, Traps, with_active};
use crate::fp;
use crate::host;
use crate::numbers::Supply;
use crate::portable;
use crate::slots::{HOT, LinkSlots, Slot};
use crate::status;
use crate::words::RowMap;
use brolga_core::{Env, RegTable};
use brolga_interp::Flat;
use brolga_ir::{Listing, RaiseKind, Region};
use cranelift_codegen::isa::OwnedTargetIsa;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

/// Entries until a region that was found hot says so again.
const PATIENCE_AGAIN: u32 = 1 << 18;

/// Why the tier cannot start.
#[derive(Debug)]
pub enum NewError {
    /// Cranelift or this crate does not know the host.
    Host(String),
    /// No memory for code.
    Memory(std::io::Error),
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewError::Host(why) => write!(f, "no code can be generated for this host: {why}"),
            NewError::Memory(e) => write!(f, "no memory for generated code: {e}"),
        }
    }
}

impl std::error::Error for NewError {}

/// The arena has no room for the code; the code comes back to be discarded or tried again.
#[derive(Debug)]
pub struct ArenaFull(pub Compiled);

/// Code in place.
#[derive(Debug)]
pub struct Installed {
    base: u64,
    len: usize,
    /// Guest address and host address of each entry, the first one first.
    pub entries: Vec<(u64, u64)>,
    /// Static exits and predicted returns: link slot and the guest address it leads to.
    pub exits: Vec<(Slot, u64)>,
    names: Names,
}

/// What code names of the tables beside it.
#[derive(Debug)]
struct Names {
    /// Of exits, then of what counts down the patience of entries.
    slots: Vec<Slot>,
    /// How many are of exits.
    exits: usize,
    /// Of the entries of tier 1's blocks.
    counts: Vec<Count>,
}

impl Installed {
    /// Host addresses of the code.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.base..self.base + self.len as u64
    }

    /// Bytes of host code.
    pub fn host_bytes(&self) -> usize {
        self.len
    }

    /// Numbers of the counts of its entries, for [`Cranelift::set_count`]; none of regions.
    pub fn counts(&self) -> &[u32] {
        &self.names.counts
    }
}

/// Why generated code was left. The guest's program counter is current in the register file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostExit {
    /// Continue at the program counter. With a slot: once code for it exists, [`Cranelift::link`] it.
    Goto {
        /// The unlinked static exit, if it was one.
        slot: Option<Slot>,
    },
    /// An `Op::Raise` with its operand.
    Raise(RaiseKind, u64),
    /// An exit was requested.
    Polled,
    /// The entry at the program counter was used as often as its region has patience for.
    Busy,
    /// Tier 0 must run the instruction at the program counter: it breaks an alignment rule.
    Resume,
    /// The block at the program counter has been entered as often as [`Cranelift::set_count`] was told.
    Hot {
        /// Number of its count.
        count: u32,
    },
    /// A host fault at a guest access.
    Fault(HostFault),
}

/// Compiles regions, holds their code, runs it. Shared by all threads of a guest process.
pub struct Cranelift {
    /// The host as Cranelift describes it, once something is compiled: short programs never ask.
    host: OnceLock<(OwnedTargetIsa, Features)>,
    options: Options,
    regs: &'static RegTable,
    rows: RowMap,
    /// Host control words by the guest's rounding mode.
    controls: [u32; 4],
    arena: Arena,
    slots: LinkSlots,
    counts: Counts,
    learnt: Learnt,
}

impl fmt::Debug for Cranelift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cranelift").field("options", &self.options).field("used", &self.arena.used()).finish()
    }
}

impl Cranelift {
    /// A tier for guests with `regs`, with `arena_bytes` of code memory.
    pub fn new(arena_bytes: usize, regs: &'static RegTable, options: Options) -> Result<Cranelift, NewError> {
        if !host::SUPPORTED {
            return Err(NewError::Host("there is no trampoline for it".into()));
        }
        // A way out for 64 bytes of code, and a block for 128: there are fewer.
        let numbers = (arena_bytes / 128 * 3).next_multiple_of(1024).max(4096);
        let (arena, beside) = Arena::new(arena_bytes, numbers).map_err(NewError::Memory)?;
        let (places, supply) = (Arc::new(beside.places), Supply::new(numbers as u32));
        let slots = LinkSlots::new(Arc::clone(&places), Arc::clone(&supply));
        let counts = Counts::new(beside.left, places, supply);
        Ok(Cranelift {
            host: OnceLock::new(),
            options,
            regs,
            rows: RowMap::new(regs),
            controls: fp::controls(regs.fp.as_ref()),
            arena,
            slots,
            counts,
            learnt: Learnt::default(),
        })
    }

    /// Compiles a verified region. Any thread; working memory is the thread's own.
    pub fn compile(&self, region: &Region) -> Result<Compiled, Refused> {
        self.compiler()?.compile(region)
    }

    /// Compiles one block at once, for code that does not pay a region yet.
    pub fn compile_block(&self, flat: &Flat, range: Range<u64>) -> Result<Piece, String> {
        let (options, remove_tags) = (&self.options, self.removes_tags());
        let like_sse = self.regs.fp.as_ref().is_some_and(|fp| fp.like_sse);
        baseline::compile(&Emitter { options, remove_tags, like_sse, has_fp: self.regs.fp.is_some() }, flat, range)
    }

    /// Blocks, sorted by guest address, as one piece of code; `None` if they do not go together. Each leaves by
    /// [`HostExit::Hot`] once it has been entered as often as [`Cranelift::set_count`] said.
    pub fn join(&self, pieces: &[Piece]) -> Option<Compiled> {
        baseline::join(pieces)
    }

    /// Lets the block with this count be hot after `left` more entries.
    pub fn set_count(&self, count: u32, left: u32) {
        self.counts.set(count, left);
    }

    /// Entries left to the block with this count.
    pub fn count(&self, count: u32) -> u32 {
        self.counts.get(count)
    }

    /// Has the block with this count lead to `host`, an entry of code in place, when it is hot; to the run loop if that is 0.
    pub fn lead(&self, count: u32, host: u64) {
        self.counts.lead(count, host);
    }

    /// What a region becomes on its way, for people.
    pub fn listing(&self, region: &Region) -> Result<Listing, Refused> {
        Ok(self.compiler()?.listing(region)?.1)
    }

    fn compiler(&self) -> Result<Compiler<'_>, Refused> {
        let remove_tags = self.removes_tags();
        if self.host.get().is_none() {
            let isa = host_isa(&self.options).map_err(Refused::Cranelift)?;
            let features = Features::of(&isa, &self.options);
            // Another thread may have been faster, with the same.
            let _ = self.host.set((isa, features));
        }
        let (isa, features) = self.host.get().expect("just set");
        Ok(Compiler {
            isa,
            features: *features,
            options: &self.options,
            regs: self.regs,
            rows: &self.rows,
            remove_tags,
        })
    }

    /// Puts code in place. Nothing leads to it until the engine links slots or enters it.
    pub fn install(&self, mut compiled: Compiled) -> Result<Installed, ArenaFull> {
        let Some(names) = self.names(&compiled) else { return Err(ArenaFull(compiled)) };
        let relocs = &compiled.relocs;
        let fit = |base: u64, code: &mut [u8]| relocs.iter().for_each(|reloc| self.fit(reloc, &names, base, code));
        let table = |start| {
            let tags_stay = self.options.tagged && !compiled.removes_tags;
            Box::new(FaultTable { start, traps: Traps::of(&compiled.traps), precise: compiled.precise, tags_stay })
        };
        let Some(base) = self.arena.publish(&mut compiled.code, fit, table) else {
            self.free_names(&names);
            return Err(ArenaFull(compiled));
        };
        let entries = compiled.entries.iter().map(|&(pc, at)| (pc, base + u64::from(at))).collect();
        let patience = |&slot: &Slot| self.slots.set_count(slot, compiled.patience);
        names.slots[compiled.exits.len()..].iter().for_each(patience);
        let exits = names.slots.iter().copied().zip(compiled.exits).collect();
        Ok(Installed { base, len: compiled.code.len(), entries, exits, names })
    }

    /// Slots and counts for code, unless they have run out.
    fn names(&self, compiled: &Compiled) -> Option<Names> {
        let slots = self.slots.allocate(&compiled.exits, &compiled.counters)?;
        let mut names = Names { slots, exits: compiled.exits.len(), counts: Vec::new() };
        if compiled.counted {
            let blocks: Vec<_> = compiled.entries.iter().map(|entry| entry.0).collect();
            let Some(counts) = self.counts.allocate(&blocks) else {
                self.free_names(&names);
                return None;
            };
            counts.iter().for_each(|&count| self.counts.set(count, u32::MAX));
            names.counts = counts;
        }
        Some(names)
    }

    fn free_names(&self, names: &Names) {
        names.slots.iter().for_each(|&slot| self.slots.free(slot));
        names.counts.iter().for_each(|&count| self.counts.free(count));
    }

    /// Fills in what `code`, which is to be at `base`, names.
    fn fit(&self, reloc: &Reloc, names: &Names, base: u64, code: &mut [u8]) {
        let (at, index) = (reloc.at as usize, reloc.index as usize);
        // Slots and counts are beside the code: 32 bits hold the distance.
        let distance = |to: u64, behind: u64| to.wrapping_sub(base + at as u64 + 4 + behind) as u32;
        let value = match reloc.form {
            SlotForm::Slot => distance(self.slots.word(names.slots[index]), 0),
            SlotForm::Count => distance(self.counts.word(names.counts[index]), 1),
            SlotForm::CountNumber => names.counts[index],
            SlotForm::Hot => distance(self.slots.word(HOT), 0),
        };
        code[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Sets up the fields of `env` that generated code reads. `jump_cache` has
    /// [`brolga_core::JUMP_CACHE`] entries, `helpers` is from [`crate::helper_table`]; both outlive `env`.
    pub fn attach(&self, env: &mut Env, helpers: &[u64], jump_cache: &mut [brolga_core::JumpEntry]) {
        assert_eq!(jump_cache.len(), brolga_core::JUMP_CACHE);
        env.jump_cache = jump_cache.as_mut_ptr() as u64;
        self.point(env, helpers);
    }

    /// [`Cranelift::attach`] without the jump cache.
    pub fn point(&self, env: &mut Env, helpers: &[u64]) {
        env.helpers = helpers.as_ptr() as u64;
        env.guest_base = self.options.guest_base;
        env.link_slots = self.slots.address();
        env.forget_returns();
        env.pc_offset = self.regs.pc.0 as u64 * 8;
        env.hot_hosts = self.counts.hosts_address();
        env.fp.exact = host::exact_address();
        env.fp.rows = self.regs.fp.as_ref().map_or(0, fp::packed_rows);
    }

    /// Forgets every prediction of one processor: to be called when code was removed, and when the
    /// mode changed, since predictions know addresses only.
    pub fn forget(env: &mut Env, jump_cache: &mut [brolga_core::JumpEntry]) {
        for (i, entry) in jump_cache.iter_mut().enumerate() {
            *entry = brolga_core::JumpEntry::vacant(i);
        }
        env.forget_returns();
    }

    /// Runs from a host entry until generated code is left.
    ///
    /// `env` was attached; `host` is an entry of code in place.
    #[inline]
    pub fn enter(&self, host: u64, env: &mut Env) -> HostExit {
        let control = |fp| fp::control(fp, &self.controls, env.get(fp.control));
        env.fp.control = self.regs.fp.as_ref().map_or(self.controls[0], control);
        let env: *mut Env = env;
        let pc = self.regs.pc.0 as usize;
        let (arena, learnt) = (&raw const self.arena, &raw const self.learnt);
        let active = Active { arena, learnt, env, pc, fault: Cell::default(), step: Cell::default() };
        // SAFETY: `host` is an entry of installed code, which keeps to the register file, the tables
        // of `env` and guest memory; `env` is ours alone for the time.
        let status = with_active(&active, || unsafe { host::enter(env, host) });
        // SAFETY: generated code has been left; the pointer is the argument's.
        let env = unsafe { &mut *env };
        if self.regs.fp.is_some() {
            fp::merge(env, env.fp.raised);
        }
        match status {
            status::GOTO => HostExit::Goto { slot: None },
            status::GOTO_SLOT => self.unlinked(env),
            status::RAISE => HostExit::Raise(RaiseKind::from_sub(env.exit_slot as u8), env.exit_arg),
            status::POLLED => HostExit::Polled,
            status::RESUME => HostExit::Resume,
            status::HOT => {
                let count = env.exit_slot as Count;
                env.set(self.regs.pc, self.counts.pc(count));
                HostExit::Hot { count }
            }
            status::BUSY => {
                self.slots.set_count(self.slots.at(env.exit_slot), PATIENCE_AGAIN);
                HostExit::Busy
            }
            _ => HostExit::Fault(active.fault.get()),
        }
    }

    fn unlinked(&self, env: &mut Env) -> HostExit {
        let slot = self.slots.at(env.exit_slot);
        if slot == 0 {
            // A return that matched an entry which no call had pushed: the entry is the address.
            let entry = env.return_top as usize / size_of::<brolga_core::ReturnEntry>();
            env.set(self.regs.pc, env.return_stack[entry % brolga_core::RETURN_STACK].guest);
            return HostExit::Goto { slot: None };
        }
        env.set(self.regs.pc, self.slots.pc(slot));
        HostExit::Goto { slot: Some(slot) }
    }

    /// The bytes of code in place.
    pub(crate) fn code(&self, installed: &Installed) -> &[u8] {
        self.arena.code(installed.range())
    }

    /// Makes `slot` lead to `host`, an entry of code that has not been removed. The caller notes it, to unlink it.
    pub fn link(&self, slot: Slot, host: u64) {
        self.slots.link(slot, host);
    }

    /// Makes `slot` lead back to the run loop.
    pub fn unlink(&self, slot: Slot) {
        self.slots.unlink(slot);
    }

    /// Begins to remove code that no slot leads to any more; entries in jump caches are the engine's to clear. Threads
    /// may still be inside.
    pub fn remove(&self, installed: &Installed) {
        // Returns that the code predicted must not go where its slots led.
        installed.names.slots[..installed.names.exits].iter().for_each(|&slot| self.slots.unlink(slot));
    }

    /// Frees removed code and its slots. Only when every thread has left generated code since
    /// `remove`, and has forgotten jump cache and return stack.
    pub fn release(&self, installed: Installed) {
        self.free_names(&installed.names);
        self.arena.release(installed.base, installed.len);
    }

    /// Whether what was compiled so far should be compiled anew, since running it has shown something; says so once.
    pub fn outdated(&self) -> bool {
        self.learnt.news.load(Ordering::Acquire) && self.learnt.news.swap(false, Ordering::AcqRel)
    }

    /// The form of what is compiled now.
    pub(crate) fn form(&self, precise: bool) -> u32 {
        portable::form(precise, self.removes_tags())
    }

    fn removes_tags(&self) -> bool {
        self.options.tagged && self.learnt.tags.load(Ordering::Relaxed)
    }

    /// What is added to a guest address.
    pub(crate) fn guest_base(&self) -> u64 {
        self.options.guest_base
    }

    /// Bytes of code memory in use.
    pub fn used(&self) -> usize {
        self.arena.used()
    }

    /// To be called in a forked child before it installs anything: code memory is shared with the
    /// parent until then.
    pub fn after_fork(&self) -> std::io::Result<()> {
        self.arena.unshare()
    }

    /// To be called in a process that forked: what is in place stays as it is for the child.
    pub fn has_forked(&self) {
        self.arena.lend();
    }
}
