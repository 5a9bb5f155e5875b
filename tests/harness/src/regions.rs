//! The tiers that generate code as engines: a block by itself, run over real memory.
//!
//! Guest addresses up to 4 GiB are host addresses in a reservation without access, where a test's pages are mapped for
//! the time of its run. What would reach beyond it is refused. An access that fails, or breaks an alignment rule,
//! ends the code where tier 0 goes on, as in the engine of the product.
#![allow(unsafe_code, reason = "maps memory at guest addresses, which generated code accesses, and handles its faults")]

use crate::engine::{Engine, Outcome};
use crate::guest::Guest;
use crate::memory::{Memory, PAGE};
use crate::state::GuestState;
use crate::tier0::{lift, outcome, prepared};
use brolga_core::{Env, Exit, Fault, FaultKind, GuestMemory, JumpEntry, MemOp, RmwOp};
use brolga_cranelift::{Compiled, Cranelift, HostExit, Options, Refused, helper_table, on_fault};
use brolga_ir::{Block, Leave, Op, Passes, Region, print};
use brolga_softmmu::direct::{DirectMemory, recover, untagged};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Bytes of guest addresses that are backed.
const SPACE: u64 = 4 << 30;
/// Where they are, if it is free.
const LOW: usize = 256 << 20;
/// No access is longer.
const LONGEST: u64 = 16;
/// Bytes of code memory; code goes when its run is over.
const ARENA: usize = 4 << 20;
/// Entries of a block of tier 1 that it counts.
const LONG: u32 = 1000;

/// Guest memory of the process; one test runs in it at a time.
struct Space {
    base: u64,
    used: Mutex<()>,
}

/// The reservation, made once, with the handler of faults in it.
fn space() -> &'static Space {
    static SPACE_OF_PROCESS: OnceLock<Space> = OnceLock::new();
    SPACE_OF_PROCESS.get_or_init(|| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // A page beyond it belongs to the accesses that cross its end.
        let len = (SPACE + PAGE) as usize;
        // A displacement can hold a low place, as it can the usual base of 0: accesses take the form that most have.
        // SAFETY: only a free place is taken.
        let low = unsafe {
            let flags = flags | libc::MAP_FIXED_NOREPLACE;
            libc::mmap(LOW as *mut libc::c_void, len, libc::PROT_NONE, flags, -1, 0)
        };
        // SAFETY: the kernel chooses a free place.
        let other = || unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        let at = if low == libc::MAP_FAILED { other() } else { low };
        assert!(at != libc::MAP_FAILED, "no address space: {}", std::io::Error::last_os_error());
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            // SAFETY: a zeroed action is valid, and the handler has the three-argument form.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
            }
        }
        Space { base: at as u64, used: Mutex::default() }
    })
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers to a handler installed with SA_SIGINFO.
    let (info, context) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    if on_fault(signal, info, context) || recover(signal, info, context) {
        return;
    }
    // SAFETY: the instruction runs again and its fault ends the process.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// A test's pages in the reservation, gone when dropped.
struct Mapped {
    base: u64,
    pages: Vec<u64>,
    _turn: MutexGuard<'static, ()>,
}

impl Mapped {
    /// Maps the pages; all are below [`SPACE`].
    fn new(pages: &[(u64, Vec<u8>)]) -> Mapped {
        let space = space();
        let turn = space.used.lock().unwrap_or_else(|e| e.into_inner());
        let mapped = Mapped { base: space.base, pages: pages.iter().map(|p| p.0).collect(), _turn: turn };
        for (page, bytes) in pages {
            assert!(*page < SPACE && bytes.len() as u64 == PAGE);
            mapped.protect(*page, libc::PROT_READ | libc::PROT_WRITE);
            // SAFETY: the page was just made writable, and it is ours while we hold the turn.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), mapped.host(*page), PAGE as usize) };
        }
        mapped
    }

    fn host(&self, page: u64) -> *mut u8 {
        (self.base + page) as *mut u8
    }

    fn protect(&self, page: u64, access: i32) {
        // SAFETY: the page lies in the reservation, where nothing of Rust's is.
        let result = unsafe { libc::mprotect(self.host(page).cast(), PAGE as usize, access) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Copies what the pages hold to `memory`.
    fn read_back(&self, memory: &mut Memory) {
        for page in &self.pages {
            // SAFETY: the page is mapped, and no code runs in it now.
            let bytes = unsafe { std::slice::from_raw_parts(self.host(*page), PAGE as usize) };
            memory.set_page(*page, bytes);
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.pages.iter().for_each(|page| self.protect(*page, libc::PROT_NONE));
    }
}

/// A memory that notes whether an access leaves the reservation.
struct Watched<'a> {
    memory: &'a Memory,
    outside: Cell<bool>,
}

impl Watched<'_> {
    fn note(&self, addr: u64) -> u64 {
        let inside = untagged(addr) <= SPACE - LONGEST;
        self.outside.set(self.outside.get() || !inside);
        addr
    }
}

impl GuestMemory for Watched<'_> {
    fn load(&self, addr: u64, op: MemOp) -> Result<u64, Fault> {
        self.memory.load(self.note(addr), op)
    }

    fn store(&self, addr: u64, value: u64, op: MemOp) -> Result<(), Fault> {
        self.memory.store(self.note(addr), value, op)
    }

    fn load128(&self, addr: u64, op: MemOp) -> Result<u128, Fault> {
        self.memory.load128(self.note(addr), op)
    }

    fn store128(&self, addr: u64, value: u128, op: MemOp) -> Result<(), Fault> {
        self.memory.store128(self.note(addr), value, op)
    }

    fn rmw(&self, rmw: RmwOp, addr: u64, value: u64, op: MemOp) -> Result<u64, Fault> {
        self.memory.rmw(rmw, self.note(addr), value, op)
    }

    fn compare_exchange(&self, addr: u64, expected: u64, new: u64, op: MemOp) -> Result<u64, Fault> {
        self.memory.compare_exchange(self.note(addr), expected, new, op)
    }

    fn compare_exchange128(&self, addr: u64, expected: u128, new: u128, op: MemOp) -> Result<u128, Fault> {
        self.memory.compare_exchange128(self.note(addr), expected, new, op)
    }
}

/// How a block becomes host code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A region of its own.
    Region,
    /// The same, without the host's floating point.
    NoHostFp,
    /// Tier 1.
    Block,
}

/// The tiers that generate code, with passes.
pub struct Regions {
    name: String,
    form: Form,
    guest: &'static Guest,
    passes: Passes,
    tier: Cranelift,
    helpers: Box<[u64]>,
    /// Vacant: a region by itself has nowhere to go.
    jump_cache: Box<[JumpEntry]>,
}

impl Regions {
    /// A tier for blocks that went through `passes`; none if the host has no region tier.
    pub fn new(name: &str, guest: &'static Guest, passes: Passes, form: Form) -> Option<Regions> {
        let no_host_fp = form == Form::NoHostFp;
        let options = Options { guest_base: space().base, no_host_fp, ..Options::default() };
        Some(Regions {
            name: name.into(),
            form,
            guest,
            passes,
            tier: Cranelift::new(ARENA, guest.frontend.regs(), options).ok()?,
            helpers: helper_table(guest.frontend.helpers()),
            jump_cache: JumpEntry::vacant_cache(),
        })
    }

    /// Why the block cannot run here in this state, if it cannot.
    fn unfit(&self, block: &Block, state: &GuestState) -> Option<String> {
        if block.insts.iter().any(|i| i.op == Op::Goto && i.imm == block.pc) {
            return Some("a block that loops to itself does not end".into());
        }
        if state.memory.pages().iter().any(|(page, _)| *page >= SPACE) {
            return Some("memory lies beyond the reservation".into());
        }
        let Ok(flat) = brolga_interp::lower(block, self.guest.frontend.regs()) else {
            return Some("tier 0, which tells the addresses, does not hold the block".into());
        };
        let state = state.clone();
        let watched = Watched { memory: &state.memory, outside: Cell::new(false) };
        brolga_interp::run(&flat, &mut state.env(self.guest), &watched, self.guest.frontend.helpers());
        watched.outside.get().then(|| "an address lies beyond the reservation".into())
    }

    /// Runs the block; `rest` gives the block at an address within it.
    fn run(&mut self, block: &Block, state: &mut GuestState, rest: &dyn Fn(u64) -> Option<Block>) -> Outcome {
        let block = prepared(self.guest, block, &self.passes);
        if let Some(why) = self.unfit(&block, state) {
            return Outcome::Refused(why);
        }
        let code = match self.compile(block) {
            Ok(code) => code,
            Err(why) => return Outcome::Refused(why),
        };
        let code = self.tier.install(code).unwrap_or_else(|_| panic!("code memory is full, but holds one region"));
        let mut env: Box<Env> = state.env(self.guest);
        self.tier.attach(&mut env, &self.helpers, &mut self.jump_cache);
        let mapped = Mapped::new(&state.memory.pages());
        let outcome = match self.tier.enter(code.entries[0].1, &mut env) {
            HostExit::Goto { .. } => Outcome::Done,
            HostExit::Raise(kind, arg) => outcome(Leave::Raise(kind, arg)),
            HostExit::Polled => outcome(Leave::Polled),
            HostExit::Hot { .. } => panic!("one entry is not {LONG}"),
            HostExit::Busy => unreachable!("the region does not count"),
            HostExit::Resume | HostExit::Fault(_) => self.interpret(&mut env, rest),
        };
        mapped.read_back(&mut state.memory);
        drop(mapped);
        self.tier.remove(&code);
        self.tier.release(code);
        state.take_env(self.guest, &env);
        outcome
    }

    fn compile(&self, block: Block) -> Result<Compiled, String> {
        if self.form == Form::Block {
            let flat =
                brolga_interp::lower(&block, self.guest.frontend.regs()).map_err(|unfit| format!("{unfit:?}"))?;
            let piece = self.tier.compile_block(&flat, block.pc..block.end)?;
            return Ok(self.tier.join(&[piece]).expect("one goes with itself"));
        }
        let region = Region { blocks: vec![block], entries: vec![0], likely: vec![], patience: 0, precise: true };
        self.tier.compile(&region).map_err(|refused| match refused {
            // Its message went to standard error.
            Refused::Panicked => panic!("the region tier fails on\n{}", self.text(&region.blocks[0])),
            refused => refused.to_string(),
        })
    }

    fn text(&self, block: &Block) -> String {
        print(block, self.guest.frontend.regs(), self.guest.frontend.helpers())
    }

    /// Goes on in tier 0 over the same memory.
    fn interpret(&self, env: &mut Env, rest: &dyn Fn(u64) -> Option<Block>) -> Outcome {
        let (regs, helpers) = (self.guest.frontend.regs(), self.guest.frontend.helpers());
        let Some(block) = rest(env.get(regs.pc)) else {
            return Outcome::Refused("tier 0 would go on within the block".into());
        };
        let Ok(flat) = brolga_interp::lower(&block, regs) else {
            return Outcome::Refused("tier 0 does not hold the rest of the block".into());
        };
        let memory = DirectMemory { base: space().base, tagged: self.guest.tagged };
        match outcome(brolga_interp::run(&flat, env, &memory, helpers)) {
            // What is not mapped is reserved without access here.
            Outcome::Exit(Exit::Fault(Fault { addr, access, kind: FaultKind::Permission })) => {
                Outcome::Exit(Exit::Fault(Fault { addr, access, kind: FaultKind::Unmapped }))
            }
            other => other,
        }
    }
}

impl Engine for Regions {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_code(&mut self, code: &[u8], at: u64, state: &mut GuestState) -> Outcome {
        let (guest, mode) = (self.guest, state.env(self.guest).mode);
        let rest = |pc: u64| {
            let rest = code.get(pc.wrapping_sub(at) as usize..).filter(|rest| !rest.is_empty())?;
            Some(lift(guest, rest, pc, mode))
        };
        self.run(&lift(guest, code, at, mode), state, &rest)
    }

    fn run_block(&mut self, block: &Block, state: &mut GuestState) -> Outcome {
        self.run(block, state, &|pc| (pc == block.pc).then(|| block.clone()))
    }
}
