//! Host faults in generated code: from the host's program counter to the guest's.
#![allow(unsafe_code, reason = "runs in a signal handler, on the state of the interrupted thread")]

use crate::arena::Arena;
use crate::host::{self, Step, Tagged};
use crate::lower::Access;
use brolga_core::Env;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// What running code has shown of the guest, for code that is compiled later.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    /// It uses addresses with a tag in the top byte, which its architecture ignores.
    pub tags: AtomicBool,
    /// There is code that does not know yet.
    pub news: AtomicBool,
}

/// The accesses of one piece of code.
#[derive(Debug)]
pub(crate) struct FaultTable {
    /// Address of the code.
    pub start: u64,
    /// Offsets of the instructions that may fault, ascending.
    pub traps: Box<[(u32, Access)]>,
    /// Whether memory holds the state that `Access::resume` speaks of.
    pub precise: bool,
    /// Whether addresses may have tags that the code does not remove.
    pub tags_stay: bool,
}

impl FaultTable {
    #[cfg(test)]
    pub(crate) fn empty(start: u64) -> Box<FaultTable> {
        Box::new(FaultTable { start, traps: Box::default(), precise: true, tags_stay: false })
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
    pub learnt: *const Learnt,
    pub env: *mut Env,
    /// Word of the program counter.
    pub pc: usize,
    pub fault: Cell<HostFault>,
    /// An instruction that runs alone.
    pub step: Cell<Option<Step>>,
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

/// To be called from the process's handler for SIGSEGV, SIGBUS and SIGTRAP: if the signal comes from an access
/// of generated code, makes the thread leave it ([`crate::HostExit::Fault`]) or completes the access, and
/// returns true. Runs between two instructions of generated code, where this thread holds no lock.
pub fn on_fault(signal: i32, info: &libc::siginfo_t, uc: &mut libc::ucontext_t) -> bool {
    // SAFETY: the pointer is null or to a value on this thread's stack below the generated code.
    let Some(active) = (unsafe { ACTIVE.get().as_ref() }) else { return false };
    let stepped = active.step.take();
    if let Some(step) = stepped {
        host::end(step, uc);
        if signal == libc::SIGTRAP {
            return true;
        }
    }
    let pc = host::context_pc(uc);
    // SAFETY: `Cranelift::enter` keeps the arena borrowed while it is active.
    let arena = unsafe { &*active.arena };
    let Some(table) = arena.fault_table(pc) else { return false };
    let offset = (pc - table.start) as u32;
    let Ok(i) = table.traps.binary_search_by_key(&offset, |t| t.0) else { return false };
    if table.tags_stay && stepped.is_none() && is_untranslatable(signal, info) {
        // SAFETY: as for the arena.
        let learnt = unsafe { &*active.learnt };
        learnt.tags.store(true, Ordering::Relaxed);
        learnt.news.store(true, Ordering::Release);
        if !table.precise && complete(active, uc, arena.bytes_from(pc)) {
            return true;
        }
    }
    leave(active, table, table.traps[i].1, (signal, info), uc);
    true
}

/// Whether the host could not even look the address up: it is not canonical, and the kernel gives none.
fn is_untranslatable(signal: i32, info: &libc::siginfo_t) -> bool {
    const SI_KERNEL: i32 = 0x80;
    signal == libc::SIGSEGV && info.si_code == SI_KERNEL
}

/// Lets the access happen without its tag, if that is what stopped it, and the thread leave generated code soon.
fn complete(active: &Active, uc: &mut libc::ucontext_t, available: usize) -> bool {
    match host::begin(uc, available) {
        Tagged::No => return false,
        Tagged::Done => {}
        Tagged::Stepping(step) => active.step.set(Some(step)),
    }
    // SAFETY: `Env` outlives the run; the word is an atomic that any thread may set.
    unsafe { (*active.env).request_exit() };
    true
}

fn leave(
    active: &Active,
    table: &FaultTable,
    access: Access,
    (signal, info): (i32, &libc::siginfo_t),
    uc: &mut libc::ucontext_t,
) {
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
}
