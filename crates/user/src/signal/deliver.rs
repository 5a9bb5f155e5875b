//! Turns recorded signals and guest faults into guest frames or default actions.

use super::{
    AltStack, NSIG, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SIG_DFL, SIG_IGN, SYNCHRONOUS, SigAction,
};
use super::{SS_AUTODISARM, SS_DISABLE, UNBLOCKABLE, bit, set_host_action, set_host_mask};
use crate::abi::Frame;
use crate::core_file;
use crate::errno::Errno;
use crate::host;
use crate::thread::Thread;
use brolga_core::{Fault, FaultKind};
use std::sync::atomic::Ordering;

/// A siginfo for a fault of guest code.
pub fn fault_info(signal: i32, code: i32, addr: u64) -> [u8; 128] {
    let mut info = [0; 128];
    info[..4].copy_from_slice(&signal.to_le_bytes());
    info[8..12].copy_from_slice(&code.to_le_bytes());
    info[16..24].copy_from_slice(&addr.to_le_bytes());
    info
}

/// Signal and code of a memory fault.
pub fn classify(fault: &Fault) -> (i32, i32) {
    match fault.kind {
        FaultKind::Unmapped => (libc::SIGSEGV, 1),   // SEGV_MAPERR
        FaultKind::Permission => (libc::SIGSEGV, 2), // SEGV_ACCERR
        FaultKind::Bus => (libc::SIGBUS, 2),         // BUS_ADRERR
        FaultKind::Alignment => (libc::SIGBUS, 1),   // BUS_ADRALN
    }
}

/// Delivers everything that was recorded. Returns with the host mask equal to the guest's.
pub fn pending(t: &mut Thread) {
    while t.inbox.pending.swap(0, Ordering::Acquire) != 0 {
        t.cpu.env().take_exit_request();
        if t.traced.is_wanted() {
            crate::attach::stop(t);
        }
        while let Some(info) = t.inbox.take() {
            asynchronous(t, &info);
        }
        if let Some(saved) = t.saved_mask.take() {
            t.mask = saved;
        }
        release_held(t);
        set_host_mask(t.mask);
    }
    t.restart = None;
}

/// Delivers those synchronous signals that were blocked when they arrived and no longer are.
fn release_held(t: &mut Thread) {
    while let Some(at) = t.held.iter().position(|i| t.mask & bit(signal_of(i)) == 0) {
        let info = t.held.remove(at);
        asynchronous(t, &info);
    }
}

fn signal_of(info: &[u8; 128]) -> i32 {
    i32::from_le_bytes([info[0], info[1], info[2], info[3]])
}

fn asynchronous(t: &mut Thread, info: &[u8; 128]) {
    let signal = signal_of(info);
    if !(1..=NSIG).contains(&signal) {
        return;
    }
    if bit(signal) & SYNCHRONOUS & t.mask != 0 {
        t.held.push(*info);
        return;
    }
    let action = t.process.action(signal);
    crate::strace::signal(t, info);
    crate::log::signal(t, info, None);
    match action.handler {
        SIG_IGN => {}
        SIG_DFL => default_action(t, signal, info),
        _ => enter(t, signal, info, &action, None),
    }
}

/// Delivers a signal that guest code raised by what it just did; it cannot be ignored or blocked.
pub fn raised(t: &mut Thread, signal: i32, code: i32, addr: u64, syndrome: u64) {
    forced(t, signal, &fault_info(signal, code, addr), Some((addr, syndrome)));
}

/// As [`raised`], with the whole siginfo.
pub fn forced(t: &mut Thread, signal: i32, info: &[u8; 128], fault: Option<(u64, u64)>) {
    let action = t.process.action(signal);
    crate::strace::signal(t, info);
    crate::log::signal(t, info, fault.map(|(addr, _)| addr));
    if !action.handles() || t.mask & bit(signal) != 0 {
        end_by(t, signal, Some(info));
    }
    enter(t, signal, info, &action, fault);
    set_host_mask(t.mask);
}

/// Enters a guest handler.
fn enter(t: &mut Thread, signal: i32, info: &[u8; 128], action: &SigAction, fault: Option<(u64, u64)>) {
    if let Some(r) = t.restart.take()
        && r == Errno::RESTARTSYS
        && action.flags & SA_RESTART == 0
    {
        // The PC was put back to make the call again; this handler wants it interrupted instead.
        let env = t.cpu.env_mut();
        (t.abi.set_pc)(env, t.after_call);
        (t.abi.set_result)(env, -i64::from(libc::EINTR) as u64);
    }
    if action.flags & SA_RESETHAND != 0 {
        t.process.set_action(signal, SigAction { handler: SIG_DFL, ..*action });
    }
    let sp = (t.abi.sp)(t.cpu.env()).wrapping_sub(t.abi.red_zone);
    let stack = t.altstack;
    let usable = stack.size != 0 && stack.flags & SS_DISABLE == 0;
    let switch = action.flags & SA_ONSTACK != 0 && usable && !stack.holds(sp);
    let top = if switch { stack.sp.wrapping_add(stack.size) } else { sp };
    let mask = t.saved_mask.take().unwrap_or(t.mask);
    let shown = AltStack { flags: stack.state(sp), ..stack };
    let frame = Frame { signal, info, action, mask, altstack: shown, fault, top, trampoline: t.process.trampoline() };
    let push = |t: &mut Thread| (t.abi.push_frame)(t.cpu.env_mut(), t.mem, &frame);
    let pushed = t.past_watches(push, |pushed| pushed.is_err());
    if pushed.is_err() {
        if signal == libc::SIGSEGV {
            t.process.set_action(signal, SigAction::default());
        }
        raised(t, libc::SIGSEGV, 0x80, 0, 0); // SI_KERNEL
        return;
    }
    if stack.flags & SS_AUTODISARM != 0 && switch {
        t.altstack = AltStack::NONE;
    }
    t.mask |= action.mask & !UNBLOCKABLE;
    if action.flags & SA_NODEFER == 0 {
        t.mask |= bit(signal);
    }
}

/// The action of a signal that the guest does not handle but that reached us: its disposition changed
/// after it was recorded, or it is one whose host handler is always ours.
fn default_action(t: &mut Thread, signal: i32, info: &[u8; 128]) {
    match signal {
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => {}
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {
            set_host_action(signal, &SigAction::default());
            let pid = host::call(libc::SYS_getpid, &[]).unwrap_or(0);
            let _ = host::call(libc::SYS_kill, &[pid, signal as u64]);
        }
        _ => end_by(t, signal, Some(info)),
    }
}

/// Ends the guest by `signal`, as its parent will see.
pub fn end_by(t: &mut Thread, signal: i32, info: Option<&[u8; 128]>) -> ! {
    tracing::debug!(signal, pc = format_args!("{:#x}", (t.abi.pc)(t.cpu.env())), "guest ends by a signal");
    crate::strace::ended_by(t, signal);
    if core_file::makes_core(signal) {
        core_file::write(t, signal, info);
    }
    t.process.before_exit();
    die(signal)
}

/// Dies of `signal` with its default action. Async-signal-safe.
pub fn die(signal: i32) -> ! {
    let default = [SIG_DFL, 0, 0, 0];
    let _ = host::call(libc::SYS_rt_sigaction, &[signal as u64, default.as_ptr() as u64, 0, 8]);
    let mask = bit(signal);
    let _ = host::call(libc::SYS_rt_sigprocmask, &[libc::SIG_UNBLOCK as u64, &raw const mask as u64, 0, 8]);
    let pid = host::call(libc::SYS_getpid, &[]).unwrap_or(0);
    let tid = host::call(libc::SYS_gettid, &[]).unwrap_or(0);
    loop {
        let _ = host::call(libc::SYS_tgkill, &[pid, tid, signal as u64]);
        // Only reached if something keeps the signal from ending us (a container's init ignores its own).
        let _ = host::call(libc::SYS_exit_group, &[128 + signal as u64]);
    }
}
