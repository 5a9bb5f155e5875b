//! Guest signals.
//!
//! # Requirement
//! The guest sees its signals as under Linux: all 64 numbers, masks, queues, frames, restarts. No wake-up
//! is lost, nothing is delivered twice, job control works.
//!
//! # How
//! The host kernel stays the owner of pending signals. While guest code runs, the host mask is the
//! guest's, and a signal that the guest ignores or leaves at its default has that disposition on the
//! host too: stopping, continuing, ending and discarding are the kernel's. For a signal that the guest
//! handles, our handler ([`inbox`]) records one siginfo, blocks all others and asks the processor to
//! stop; [`deliver`] builds the guest's frame at the next stop and sets the host mask to the guest's.
//! Faults of guest code come as `Exit::Fault`, never through the handler. SEGV, BUS, ILL, FPE and TRAP
//! are never blocked on the host; the guest's mask of them is kept here.
//!
//! # Limits
//! A blocked SEGV, BUS, ILL, FPE or TRAP sent by `kill` is not shown by `signalfd` or `sigtimedwait`.

pub mod deliver;
pub mod inbox;

use crate::core_file;
use crate::host;
use std::sync::atomic::{AtomicBool, Ordering};

/// `SA_SIGINFO`
pub const SA_SIGINFO: u64 = 4;
/// `SA_NOCLDSTOP | SA_NOCLDWAIT`
pub const SA_NOCLD: u64 = 3;
/// `SA_RESTORER`
pub const SA_RESTORER: u64 = 0x0400_0000;
/// `SA_ONSTACK`
pub const SA_ONSTACK: u64 = 0x0800_0000;
/// `SA_RESTART`
pub const SA_RESTART: u64 = 0x1000_0000;
/// `SA_NODEFER`
pub const SA_NODEFER: u64 = 0x4000_0000;
/// `SA_RESETHAND`
pub const SA_RESETHAND: u64 = 0x8000_0000;
/// `SIG_DFL`
pub const SIG_DFL: u64 = 0;
/// `SIG_IGN`
pub const SIG_IGN: u64 = 1;
/// Highest signal number.
pub const NSIG: i32 = 64;

/// Bit of a signal in a mask.
pub const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// SIGKILL and SIGSTOP, which nothing blocks.
pub const UNBLOCKABLE: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP);
/// Signals that host instructions raise: never blocked on the host.
pub const SYNCHRONOUS: u64 =
    bit(libc::SIGSEGV) | bit(libc::SIGBUS) | bit(libc::SIGILL) | bit(libc::SIGFPE) | bit(libc::SIGTRAP);

/// What a guest does on a signal: the kernel's `struct sigaction`, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigAction {
    /// Address, [`SIG_DFL`] or [`SIG_IGN`].
    pub handler: u64,
    /// `SA_*`
    pub flags: u64,
    /// Return trampoline, if [`SA_RESTORER`].
    pub restorer: u64,
    /// Signals blocked while the handler runs.
    pub mask: u64,
}

impl SigAction {
    /// From the four words in guest memory.
    pub fn from_words(w: [u64; 4]) -> SigAction {
        SigAction { handler: w[0], flags: w[1], restorer: w[2], mask: w[3] & !UNBLOCKABLE }
    }

    /// To the four words in guest memory.
    pub fn words(&self) -> [u64; 4] {
        [self.handler, self.flags, self.restorer, self.mask]
    }

    /// Whether a guest function handles the signal.
    pub fn handles(&self) -> bool {
        self.handler > SIG_IGN
    }
}

/// `stack_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AltStack {
    /// Lowest address.
    pub sp: u64,
    /// `SS_*`
    pub flags: u32,
    /// Bytes.
    pub size: u64,
}

/// `SS_ONSTACK`
pub const SS_ONSTACK: u32 = 1;
/// `SS_DISABLE`
pub const SS_DISABLE: u32 = 2;
/// `SS_AUTODISARM`
pub const SS_AUTODISARM: u32 = 1 << 31;

impl AltStack {
    /// No alternate stack.
    pub const NONE: AltStack = AltStack { sp: 0, flags: SS_DISABLE, size: 0 };

    /// As in guest memory.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut b = [0; 24];
        b[..8].copy_from_slice(&self.sp.to_le_bytes());
        b[8..12].copy_from_slice(&self.flags.to_le_bytes());
        b[16..].copy_from_slice(&self.size.to_le_bytes());
        b
    }

    /// From guest memory.
    pub fn from_bytes(b: &[u8; 24]) -> AltStack {
        let word = |at: usize| u64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"));
        AltStack { sp: word(0), flags: word(8) as u32, size: word(16) }
    }

    /// Whether `sp` is on the stack. With autodisarm it never is: the kernel forgets the stack instead.
    pub fn holds(&self, sp: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && sp > self.sp && sp - self.sp <= self.size
    }

    /// Flags as `sigaltstack` tells them.
    pub fn state(&self, sp: u64) -> u32 {
        let state = if self.size == 0 {
            SS_DISABLE
        } else if self.holds(sp) {
            SS_ONSTACK
        } else {
            0
        };
        state | self.flags & SS_AUTODISARM
    }
}

/// Sets the host's mask for a guest's.
pub fn set_host_mask(guest: u64) {
    let host = guest & !(SYNCHRONOUS | UNBLOCKABLE);
    let _ = host::call(libc::SYS_rt_sigprocmask, &[libc::SIG_SETMASK as u64, &raw const host as u64, 0, 8]);
}

/// Blocks everything that may be blocked; returns the host's mask before.
pub fn block_all() -> u64 {
    let all = !(SYNCHRONOUS | UNBLOCKABLE);
    let mut old = 0u64;
    let _ = host::call(
        libc::SYS_rt_sigprocmask,
        &[libc::SIG_SETMASK as u64, &raw const all as u64, &raw mut old as u64, 8],
    );
    old
}

/// Installs the host's side of a guest action.
pub fn set_host_action(signal: i32, action: &SigAction) {
    if bit(signal) & UNBLOCKABLE != 0 {
        return;
    }
    // The default action of some is a core file, which is ours to write if the guest wants one.
    let dumps = action.handler == SIG_DFL && core_file::makes_core(signal) && core_file::limit()[0] != 0;
    let ours = action.handles() || dumps || bit(signal) & SYNCHRONOUS != 0;
    let handler = if ours { inbox::entry() } else { action.handler };
    // Signals that the kernel raises in place must be able to arrive while another handler runs.
    let flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART | action.flags & SA_NOCLD;
    let words = [handler, flags, inbox::restorer(), !SYNCHRONOUS];
    let _ = host::call(libc::SYS_rt_sigaction, &[signal as u64, words.as_ptr() as u64, 0, 8]);
}

/// Puts the guest's action for signal 33 back. The host's libc takes that signal for `setuid` when it
/// makes its first thread; nothing of ours calls that.
pub fn reclaim(process: &crate::process::Process) {
    const SIGSETXID: i32 = 33;
    set_host_action(SIGSETXID, &process.action(SIGSETXID));
}

/// The host's present action for `signal`.
pub fn host_action(signal: i32) -> SigAction {
    let mut words = [0u64; 4];
    let _ = host::call(libc::SYS_rt_sigaction, &[signal as u64, 0, words.as_mut_ptr() as u64, 8]);
    SigAction { handler: words[0], flags: words[1], restorer: words[2], mask: words[3] }
}

/// Whether this process, or one that it is a child of, ever had a thread that the guest does not know of.
pub static HELPED: AtomicBool = AtomicBool::new(false);

/// Starts a thread that the guest does not know of and that takes none of its signals; tells whether it could. Not
/// from a child that shares its parent's memory: the thread would end with the child.
pub fn spawn_hidden(body: Box<dyn FnOnce() + Send>) -> bool {
    const SIGSETXID: i32 = 33;
    HELPED.store(true, Ordering::Relaxed);
    let mask = block_all();
    let action = host_action(SIGSETXID);
    let spawned = std::thread::Builder::new().name("translator".into()).spawn(body);
    // See `reclaim`.
    let words = [action.handler, action.flags, action.restorer, action.mask];
    let _ = host::call(libc::SYS_rt_sigaction, &[SIGSETXID as u64, words.as_ptr() as u64, 0, 8]);
    set_exact_host_mask(mask);
    spawned.is_ok()
}

/// Leaves `signal` ignored on the host, for the program that is about to be executed.
pub fn ignore_on_host(signal: i32) {
    let words = [SIG_IGN, 0, 0, 0];
    let _ = host::call(libc::SYS_rt_sigaction, &[signal as u64, words.as_ptr() as u64, 0, 8]);
}

/// Sets the host's mask to exactly `mask`.
pub fn set_exact_host_mask(mask: u64) {
    let _ = host::call(libc::SYS_rt_sigprocmask, &[libc::SIG_SETMASK as u64, &raw const mask as u64, 0, 8]);
}

/// Name as in `signal(7)`.
pub fn name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    match signal {
        1..=31 => format!("SIG{}", NAMES[signal as usize - 1]),
        32..=64 => format!("SIGRT_{}", signal - 32),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn altstack_bytes_round_trip_and_bounds() {
        let s = AltStack { sp: 0x1000, flags: 0, size: 0x2000 };
        assert_eq!(AltStack::from_bytes(&s.to_bytes()), s);
        assert!(!s.holds(0x1000) && s.holds(0x1001) && s.holds(0x3000) && !s.holds(0x3001));
        assert_eq!((s.state(0x2000), s.state(0)), (SS_ONSTACK, 0));
        assert_eq!(AltStack::NONE.state(5), SS_DISABLE);
        let auto = AltStack { flags: SS_AUTODISARM, ..s };
        assert_eq!(auto.state(0x2000), SS_AUTODISARM);
    }
}
