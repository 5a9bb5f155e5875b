//! Identity, limits, and the end of threads and processes.

use super::fail;
use crate::core_file;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::limits;
use crate::thread::Thread;
use std::sync::atomic::Ordering;

/// `exit`
pub fn exit(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.ended = Some(a[0] as i32 & 0xff);
    t.registers_replaced = true;
    Ok(0)
}

/// `exit_group`
pub fn exit_group(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    crate::strace::exited(t, a[0] as i32);
    t.process.before_exit();
    host::call(libc::SYS_exit_group, &[a[0]])
}

/// What the kernel does for a thread that ends: robust futexes, then the word of CLONE_CHILD_CLEARTID.
///
/// The host thread lives on for a moment, so both are done here while the guest's memory is still its own.
pub fn thread_end(t: &mut Thread) {
    crate::signal::block_all();
    if t.robust_list != 0 {
        let _ = host::call(libc::SYS_set_robust_list, &[0, 24]);
        crate::robust::release_all(t.mem, t.robust_list, t.tid as u32);
    }
    // Whoever waits for the word must not find the thread any more.
    t.process.seccomp.remove(&t.seccomp);
    t.process.mm.threads.remove(t.tid);
    if t.clear_child_tid != 0 && t.mem.write(t.clear_child_tid, &[0; 4]).is_ok() {
        const FUTEX_WAKE: u64 = 1;
        let _ = host::call(libc::SYS_futex, &[t.mem.host(t.clear_child_tid), FUTEX_WAKE, 1, 0, 0, 0]);
    }
    crate::signal::inbox::Inbox::detach();
}

/// The first thread called `exit`: the process ends if it was the last, else goes on without it.
pub fn leave_first_thread(t: &Thread, status: i32) -> i32 {
    if t.process.threads.fetch_sub(1, Ordering::AcqRel) > 1 {
        let _ = host::call(libc::SYS_exit, &[status as u64]);
    }
    t.process.before_exit();
    status
}

/// `set_tid_address`
pub fn set_tid_address(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.clear_child_tid = a[0];
    Ok(t.tid as u64)
}

/// `struct robust_list_head`
const ROBUST_HEAD: u64 = 24;

/// `set_robust_list`: registered with the kernel too, for threads that are killed. With a base other than 0 the
/// kernel could not follow the list.
pub fn set_robust_list(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[1] != ROBUST_HEAD {
        return fail(libc::EINVAL);
    }
    if t.mem.base == 0 {
        host::call(libc::SYS_set_robust_list, &[a[0], a[1]])?;
    }
    t.robust_list = a[0];
    Ok(0)
}

/// `get_robust_list`
pub fn get_robust_list(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[0] as i32 != 0 && a[0] as i32 != t.tid {
        return host::call(libc::SYS_get_robust_list, &[a[0], t.mem.host(a[1]), t.mem.host(a[2])]);
    }
    t.mem.write_words(a[2], &[ROBUST_HEAD])?;
    t.mem.write_words(a[1], &[t.robust_list])?;
    Ok(0)
}

/// `restart_syscall`: nothing of ours is restarted this way.
pub fn restart_syscall(_: &mut Thread, _: &[u64; 6]) -> SysResult {
    fail(libc::EINTR)
}

/// `personality`: the execution domain must stay Linux's own; flags are the host's business.
pub fn personality(_: &mut Thread, a: &[u64; 6]) -> SysResult {
    const QUERY: u32 = u32::MAX;
    const PER_LINUX32: u32 = 8;
    let persona = a[0] as u32;
    if persona != QUERY && persona & 0xff == PER_LINUX32 {
        return fail(libc::EINVAL);
    }
    host::call(libc::SYS_personality, &[persona.into()])
}

/// `ptrace`
pub fn ptrace(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    crate::attach::ptrace(t, a)
}

/// `wait4`
pub fn wait4(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    match crate::attach::wait(t, a[0] as i32, a[1], a[2]) {
        Some(r) => r,
        None => t.blocking(libc::SYS_wait4, &[a[0], t.mem.host(a[1]), a[2], t.mem.host(a[3]), 0, 0]),
    }
}

/// `uname`: six fields of 65 bytes; machine is the guest's.
pub fn uname(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const FIELD: usize = 65;
    let mut names = [0u8; 6 * FIELD];
    host::call(libc::SYS_uname, &[names.as_mut_ptr() as u64])?;
    let mut set = |index: usize, text: &str| {
        let field = &mut names[index * FIELD..(index + 1) * FIELD];
        field.fill(0);
        let n = text.len().min(FIELD - 1);
        field[..n].copy_from_slice(&text.as_bytes()[..n]);
    };
    if let Some(release) = &t.process.config.uname {
        set(2, release);
    }
    set(4, t.abi.name);
    t.mem.write(a[0], &names)?;
    Ok(0)
}

const RLIMIT_CORE: u64 = 4;

/// `getrlimit`
pub fn getrlimit(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    prlimit64(t, &[0, a[0], 0, a[1], 0, 0])
}

/// `setrlimit`
pub fn setrlimit(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    prlimit64(t, &[0, a[0], a[1], 0, 0, 0])
}

/// `prlimit64`. Limits that would hit the emulator instead of the guest are kept by us.
pub fn prlimit64(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let own = a[0] == 0 || a[0] as i32 == std::process::id() as i32;
    let resource = a[1] & 0xffff_ffff;
    if !own || !matches!(resource, limits::DATA | limits::SPACE | RLIMIT_CORE) {
        return host::call(libc::SYS_prlimit64, &[a[0], a[1], t.mem.host(a[2]), t.mem.host(a[3])]);
    }
    let new = if a[2] == 0 { None } else { Some(t.mem.words::<2>(a[2])?) };
    let old = if resource == RLIMIT_CORE { core_limit(t, new)? } else { limits::exchange(t, resource, new)? };
    if a[3] != 0 {
        t.mem.write_words(a[3], &old)?;
    }
    Ok(0)
}

/// Sets RLIMIT_CORE to `new` where given; returns what it was.
fn core_limit(t: &Thread, new: Option<[u64; 2]>) -> Result<[u64; 2], Errno> {
    let old = core_file::limit();
    if let Some(new) = new {
        limits::may_set(old, new)?;
        core_file::set_limit(new);
        if new[0] != 0 {
            // The file shows every register at the fault.
            t.cpu.require_precise();
        }
        t.process.install_actions();
    }
    Ok(old)
}
