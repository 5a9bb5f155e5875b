//! One guest thread: a processor and what the kernel would know of it.

use crate::abi::Abi;
use crate::errno::Errno;
use crate::guest::GuestMem;
use crate::host;
use crate::mm::Stale;
use crate::process::Process;
use crate::signal::AltStack;
use crate::signal::inbox::Inbox;
use brolga_core::Vcpu;
use std::sync::Arc;

/// A guest thread. It lives and dies on one host thread.
pub struct Thread {
    /// The process.
    pub process: Arc<Process>,
    /// The architecture.
    pub abi: &'static Abi,
    /// Where guest memory is.
    pub mem: GuestMem,
    /// Signals that arrived. Declared before the processor: it points at the processor's `Env`.
    pub inbox: Box<Inbox>,
    /// The processor.
    pub cpu: Box<dyn Vcpu>,
    /// How a tracer stops it.
    pub(crate) traced: Arc<crate::attach::Traced>,
    /// Thread number, the host's.
    pub tid: i32,
    /// The guest's signal mask.
    pub mask: u64,
    /// Mask to return to when the signal that ends a `sigsuspend`-like call has been delivered.
    pub saved_mask: Option<u64>,
    /// Synchronous signals that were sent while the guest blocked them.
    pub held: Vec<[u8; 128]>,
    /// The alternate stack.
    pub altstack: AltStack,
    /// Word to clear and wake when the thread ends (`CLONE_CHILD_CLEARTID`).
    pub clear_child_tid: u64,
    /// Head of the robust futex list.
    pub robust_list: u64,
    /// Why the last call will be made again.
    pub restart: Option<Errno>,
    /// PC behind the last call.
    pub after_call: u64,
    /// A call replaced all registers: its result is not to be stored.
    pub registers_replaced: bool,
    /// Set when the thread is to end, with its status.
    pub ended: Option<i32>,
    /// seccomp state.
    pub seccomp: Arc<crate::seccomp::Own>,
    /// Setting of `prctl(PR_SET_TAGGED_ADDR_CTRL)`.
    pub tagged_addresses: u64,
}

impl Thread {
    /// A thread on the calling host thread, restricted as `seccomp` says.
    pub fn new(process: Arc<Process>, cpu: Box<dyn Vcpu>, seccomp: Arc<crate::seccomp::Own>) -> Thread {
        let inbox = Inbox::new(cpu.env());
        let tid = host::call(libc::SYS_gettid, &[]).unwrap_or(0) as i32;
        seccomp.set_tid(tid);
        Thread {
            abi: process.abi,
            mem: GuestMem { base: process.mm.base },
            inbox,
            cpu,
            traced: process.mm.threads.add(tid),
            tid,
            mask: 0,
            saved_mask: None,
            held: Vec::new(),
            altstack: AltStack::NONE,
            clear_child_tid: 0,
            robust_list: 0,
            restart: None,
            after_call: 0,
            registers_replaced: false,
            ended: None,
            seccomp,
            tagged_addresses: 0,
            process,
        }
    }

    /// Makes a call on the host that may block: gives way to signals.
    pub fn blocking(&self, nr: i64, args: &[u64; 6]) -> crate::errno::SysResult {
        Errno::check(host::blocking(nr, args, &self.inbox.pending))
    }

    /// Makes `attempt`, in which the kernel or we write to the guest's memory, and makes it again as long as code that is watched
    /// there may have been in the way; other threads may have it watched again at once.
    pub fn past_watches<T>(&mut self, mut attempt: impl FnMut(&mut Thread) -> T, failed: impl Fn(&T) -> bool) -> T {
        /// A wrong address fails all the same, however often code elsewhere is watched again.
        const MOST: u32 = 1000;
        let mut opened = self.process.mm.opened();
        let mut result = attempt(self);
        for _ in 0..MOST {
            // What was in the way may have been opened by another thread since.
            if !failed(&result) || !self.unwatch_all() && self.process.mm.opened() == opened {
                break;
            }
            opened = self.process.mm.opened();
            result = attempt(self);
        }
        result
    }

    /// Lets the kernel, and us, write where code is watched; tells whether that may have been in the way.
    fn unwatch_all(&self) -> bool {
        self.abi.coherent_code && self.process.mm.unwatch_all(&|stale| self.invalidate(Some(stale)))
    }

    /// Tells the translator of changed code.
    pub fn invalidate(&self, stale: Stale) {
        if let Some(r) = stale {
            self.cpu.invalidate(r.start, r.end - r.start);
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.process.mm.threads.remove(self.tid);
    }
}
