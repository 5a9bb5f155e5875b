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

/// Accesses by the offset of their host instruction, ascending. There are hundreds of thousands.
#[derive(Debug)]
pub(crate) enum Traps {
    /// All resume at their own instruction, which is so far from an address.
    Near(u64, Box<[(u32, i32)]>),
    /// Any.
    Far(Box<[(u32, Access)]>),
}

impl Traps {
    pub(crate) fn of(traps: &[(u32, Access)]) -> Traps {
        let base = traps.first().map_or(0, |first| first.1.pc);
        let distance = |access: &Access| i32::try_from(access.pc.wrapping_sub(base) as i64);
        let near = |(_, access): &(u32, Access)| access.resume == access.pc && distance(access).is_ok();
        if !traps.iter().all(near) {
            return Traps::Far(traps.into());
        }
        Traps::Near(base, traps.iter().map(|(at, access)| (*at, distance(access).unwrap_or(0))).collect())
    }

    /// The access of the instruction at `offset`. Async-signal-safe.
    fn find(&self, offset: u32) -> Option<Access> {
        match self {
            Traps::Near(base, all) => {
                let index = all.binary_search_by_key(&offset, |trap| trap.0).ok()?;
                let pc = base.wrapping_add(all[index].1 as u64);
                Some(Access { resume: pc, pc })
            }
            Traps::Far(all) => Some(all[all.binary_search_by_key(&offset, |trap| trap.0).ok()?].1),
        }
    }
}

/// The accesses of one piece of code.
#[derive(Debug)]
pub(crate) struct FaultTable {
    /// Address of the code.
    pub start: u64,
    /// The instructions that may fault.
    pub traps: Traps,
    /// Whether memory holds the state that `Access::resume` speaks of.
    pub precise: bool,
    /// Whether addresses may have tags that the code does not remove.
    pub tags_stay: bool,
}

impl FaultTable {
    #[cfg(test)]
    pub(crate) fn empty(start: u64) -> Box<FaultTable> {
        Box::new(FaultTable { start, traps: Traps::of(&[]), precise: true, tags_stay: false })
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
    let Some(access) = table.traps.find(offset) else { return false };
    if table.tags_stay && stepped.is_none() && is_untranslatable(signal, info) {
        // SAFETY: as for the arena.
        let learnt = unsafe { &*active.learnt };
        learnt.tags.store(true, Ordering::Relaxed);
        learnt.news.store(true, Ordering::Release);
        if !table.precise && complete(active, uc, arena.bytes_from(pc)) {
            return true;
        }
    }
    leave(active, table, access, (signal, info), uc);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_accesses_are_found() {
        let own = |at, pc| (at, Access { resume: pc, pc });
        for (far, last) in [(false, own(9, 0x1f00)), (true, own(9, 1 << 40)), (true, (9, Access { resume: 1, pc: 2 }))]
        {
            let all = [own(3, 0x2000), own(5, 0x2004), last];
            let traps = Traps::of(&all);
            assert_eq!(matches!(traps, Traps::Far(_)), far);
            assert_eq!([3, 4, 5, 9].map(|at| traps.find(at)), [Some(all[0].1), None, Some(all[1].1), Some(last.1)]);
        }
        assert_eq!(Traps::of(&[]).find(0), None);
    }
}
