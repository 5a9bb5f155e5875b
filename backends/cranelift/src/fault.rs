//! Host faults in generated code: from the host's program counter to the guest's.
#![allow(unsafe_code, reason = "runs in a signal handler, on the state of the interrupted thread")]

use crate::arena::Arena;
use crate::host;
use crate::lower::Access;
use brolga_core::Env;
use std::cell::Cell;

/// The accesses of one piece of code.
#[derive(Debug)]
pub(crate) struct FaultTable {
    /// Address of the code.
    pub start: u64,
    /// Offsets of the instructions that may fault, ascending.
    pub traps: Box<[(u32, Access)]>,
    /// Whether memory holds the state that `Access::resume` speaks of.
    pub precise: bool,
}

impl FaultTable {
    #[cfg(test)]
    pub(crate) fn empty(start: u64) -> Box<FaultTable> {
        Box::new(FaultTable { start, traps: Box::default(), precise: true })
    }
}

/// A host fault at a guest access.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostFault {
    /// Whether the register file is exact: the guest's program counter is then where tier 0 resumes
    /// and meets the fault itself. Else only `pc` and what follows is known.
    pub precise: bool,
    /// Guest instruction that made the access.
    pub pc: u64,
    /// Host address that the kernel reported; 0 for a non-canonical address.
    pub addr: u64,
    /// Signal number.
    pub signal: i32,
    /// `si_code`
    pub code: i32,
    /// Whether it was a write.
    pub write: bool,
}

/// What a thread in generated code leaves for its signal handler.
pub(crate) struct Active {
    pub arena: *const Arena,
    pub env: *mut Env,
    /// Word of the program counter.
    pub pc: usize,
    pub fault: Cell<HostFault>,
}

thread_local! {
    static ACTIVE: Cell<*const Active> = const { Cell::new(std::ptr::null()) };
}

/// Runs `f` with `active` as this thread's.
pub(crate) fn with_active<T>(active: &Active, f: impl FnOnce() -> T) -> T {
    let outer = ACTIVE.replace(active);
    let result = f();
    ACTIVE.set(outer);
    result
}

/// To be called from the process's handler for SIGSEGV and SIGBUS: if the signal comes from an access
/// of generated code, makes the thread leave it ([`crate::HostExit::Fault`]) and returns true.
/// Async-signal-safe.
pub fn on_fault(signal: i32, info: &libc::siginfo_t, uc: &mut libc::ucontext_t) -> bool {
    // SAFETY: the pointer is null or to a value on this thread's stack below the generated code.
    let Some(active) = (unsafe { ACTIVE.get().as_ref() }) else { return false };
    let pc = host::context_pc(uc);
    // SAFETY: `Cranelift::enter` keeps the arena borrowed while it is active.
    let Some(table) = (unsafe { (*active.arena).fault_table(pc) }) else { return false };
    let offset = (pc - table.start) as u32;
    let Ok(i) = table.traps.binary_search_by_key(&offset, |t| t.0) else { return false };
    let access = table.traps[i].1;
    let resume = if table.precise { access.resume } else { access.pc };
    // SAFETY: the kernel fills in the address for these signals.
    let addr = unsafe { info.si_addr() } as u64;
    active.fault.set(HostFault {
        precise: table.precise,
        pc: access.pc,
        addr,
        signal,
        code: info.si_code,
        write: host::context_is_write(uc),
    });
    // SAFETY: `Env` outlives the run, and the thread that owns it is the one stopped here.
    unsafe { (&raw mut (*active.env).file[active.pc]).write(resume) };
    host::redirect(uc, active.env);
    true
}
