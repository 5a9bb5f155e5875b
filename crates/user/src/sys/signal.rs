//! Signal calls. sigaction(2), sigprocmask(2), sigaltstack(2), sigsuspend(2), sigreturn(2).

use super::fail;
use crate::errno::SysResult;
use crate::host;
use crate::signal::{
    AltStack, NSIG, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, SYNCHRONOUS, SigAction, UNBLOCKABLE, bit, deliver,
    set_host_mask,
};
use crate::thread::Thread;

/// The kernel's `sigset_t`, in bytes.
const SIGSET: u64 = 8;

/// `rt_sigaction`
pub fn rt_sigaction(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let signal = a[0] as i32;
    if a[3] != SIGSET || !(1..=NSIG).contains(&signal) || (a[1] != 0 && bit(signal) & UNBLOCKABLE != 0) {
        return fail(libc::EINVAL);
    }
    // SA_UNSUPPORTED is cleared so that programs can tell which flags the kernel knows.
    const SA_UNSUPPORTED: u64 = 0x400;
    let old = if a[1] == 0 {
        t.process.action(signal)
    } else {
        let mut new = SigAction::from_words(t.mem.words(a[1])?);
        new.flags &= !SA_UNSUPPORTED;
        if new.handles() && matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
            // Before any fault can reach the handler, which may look at every register.
            t.cpu.require_precise();
        }
        t.process.set_action(signal, new)
    };
    if a[2] != 0 {
        t.mem.write_words(a[2], &old.words())?;
    }
    Ok(0)
}

/// `rt_sigprocmask`
pub fn rt_sigprocmask(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[3] != SIGSET {
        return fail(libc::EINVAL);
    }
    let old = t.mask;
    if a[1] != 0 {
        let set = t.mem.u64(a[1])? & !UNBLOCKABLE;
        t.mask = match a[0] as i32 {
            libc::SIG_BLOCK => old | set,
            libc::SIG_UNBLOCK => old & !set,
            libc::SIG_SETMASK => set,
            _ => return fail(libc::EINVAL),
        };
        change_mask(t);
    }
    if a[2] != 0 {
        t.mem.write_words(a[2], &[old])?;
    }
    Ok(0)
}

/// Makes the host's mask the guest's; wakes the delivery of held signals that are free now.
fn change_mask(t: &Thread) {
    set_host_mask(t.mask);
    let held = t.held.iter().map(|i| i32::from_le_bytes([i[0], i[1], i[2], i[3]]));
    if held.into_iter().any(|s| t.mask & bit(s) == 0) {
        t.inbox.wake();
    }
}

/// `rt_sigpending`
pub fn rt_sigpending(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[1] > SIGSET {
        return fail(libc::EINVAL);
    }
    let mut set = 0u64;
    host::call(libc::SYS_rt_sigpending, &[&raw mut set as u64, SIGSET])?;
    for i in &t.held {
        set |= bit(i32::from_le_bytes([i[0], i[1], i[2], i[3]]));
    }
    t.mem.write(a[0], &set.to_le_bytes()[..a[1] as usize])?;
    Ok(0)
}

/// `rt_sigsuspend`
pub fn rt_sigsuspend(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[1] != SIGSET {
        return fail(libc::EINVAL);
    }
    let mask = t.mem.u64(a[0])? & !UNBLOCKABLE;
    with_mask(t, Some(mask), |t| {
        let host = mask & !SYNCHRONOUS;
        t.blocking(libc::SYS_rt_sigsuspend, &[&raw const host as u64, SIGSET, 0, 0, 0, 0])
    })
}

/// Runs a call that the host makes under `mask`. If a signal ends it, the handler's frame is to hold the
/// old mask, and the handler runs on top of the new one.
pub fn with_mask(t: &mut Thread, mask: Option<u64>, call: impl FnOnce(&mut Thread) -> SysResult) -> SysResult {
    let Some(mask) = mask else { return call(t) };
    let old = t.mask;
    t.mask = mask;
    if t.held.iter().any(|i| mask & bit(i32::from_le_bytes([i[0], i[1], i[2], i[3]])) == 0) {
        t.inbox.wake();
    }
    let r = call(t);
    if t.inbox.pending.load(std::sync::atomic::Ordering::Acquire) != 0 {
        t.saved_mask = Some(old);
    } else {
        t.mask = old;
    }
    r
}

/// `rt_sigtimedwait`
pub fn rt_sigtimedwait(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let set = t.mem.u64(a[0])?;
    let held = t.held.iter().position(|i| set & bit(i32::from_le_bytes([i[0], i[1], i[2], i[3]])) != 0);
    if let Some(at) = held {
        let info = t.held.remove(at);
        if a[1] != 0 {
            t.mem.write(a[1], &info)?;
        }
        return Ok(u64::from(info[0]));
    }
    t.blocking(libc::SYS_rt_sigtimedwait, &[t.mem.host(a[0]), t.mem.host(a[1]), t.mem.host(a[2]), a[3], 0, 0])
}

/// `kill`
pub fn kill(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.blocking(libc::SYS_kill, &[a[0], a[1], 0, 0, 0, 0])
}

/// `sigaltstack`
pub fn sigaltstack(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let sp = (t.abi.sp)(t.cpu.env());
    let old = t.altstack;
    if a[0] != 0 {
        let new = AltStack::from_bytes(&t.mem.bytes(a[0])?);
        if old.holds(sp) {
            return fail(libc::EPERM);
        }
        set_altstack(t, new)?;
    }
    if a[1] != 0 {
        let shown = AltStack { flags: old.state(sp), ..old };
        t.mem.write(a[1], &shown.to_bytes())?;
    }
    Ok(0)
}

fn set_altstack(t: &mut Thread, new: AltStack) -> SysResult {
    match new.flags & !SS_AUTODISARM {
        SS_DISABLE => t.altstack = AltStack { flags: new.flags, ..AltStack::NONE },
        0 | SS_ONSTACK if new.size < t.abi.min_sigstack => return fail(libc::ENOMEM),
        0 | SS_ONSTACK => t.altstack = AltStack { flags: new.flags & SS_AUTODISARM, ..new },
        _ => return fail(libc::EINVAL),
    }
    Ok(0)
}

/// `rt_sigreturn`
pub fn rt_sigreturn(t: &mut Thread, _: &[u64; 6]) -> SysResult {
    t.registers_replaced = true;
    match (t.abi.pop_frame)(t.cpu.env_mut(), t.mem) {
        Ok(u) => {
            t.mask = u.mask & !UNBLOCKABLE;
            // As the kernel: a bad stack in the frame is ignored.
            let sp = (t.abi.sp)(t.cpu.env());
            if !t.altstack.holds(sp) {
                let _ = set_altstack(t, u.altstack);
            }
            change_mask(t);
        }
        Err(_) => {
            let sp = (t.abi.sp)(t.cpu.env());
            crate::log::complaint(t, true, &format!("no signal frame at {sp:#x}"));
            deliver::raised(t, libc::SIGSEGV, 0x80, sp, 0); // SI_KERNEL
        }
    }
    Ok(0)
}
