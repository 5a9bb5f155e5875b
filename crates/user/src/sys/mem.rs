//! Address-space calls. mmap(2), mremap(2), mprotect(2), brk(2), shmop(2), pkeys(7).

use super::fail;
use crate::areas::{Area, AreaKind, EXEC, READ, WRITE};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::limits;
use crate::log;
use crate::mm::PAGE;
use crate::thread::Thread;

/// Read, write and execute.
const PROT_KNOWN: u64 = 7;
/// Code that may change without a call.
const FLUID: u64 = (WRITE | EXEC) as u64;
const PROT_GROWSDOWN: u64 = 0x0100_0000;
const PROT_GROWSUP: u64 = 0x0200_0000;

/// `mmap`
pub fn mmap(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let fixed = a[3] & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) as u64 != 0;
    let shared = a[3] & libc::MAP_SHARED as u64 != 0;
    let kind = if a[3] & libc::MAP_GROWSDOWN as u64 != 0 { AreaKind::Growing } else { AreaKind::Plain };
    let len = a[1].checked_next_multiple_of(PAGE).ok_or(Errno(libc::ENOMEM))?;
    limits::check_map(t, fixed.then_some(a[0]), len, Area { prot: (a[2] & 7) as u8, kind, shared, object: None })?;
    if a[3] & libc::MAP_ANONYMOUS as u64 == 0
        && let Some(result) = crate::uring::map(t, a[4] as i32, a[1], a[2], a[3], a[5])
    {
        return result;
    }
    let flags = if t.abi.mmap_low == 0 { a[3] & !(libc::MAP_32BIT as u64) } else { a[3] };
    let (at, stale) = t.process.mm.mmap(a[0], a[1], a[2] & !t.abi.more_prot, flags, a[4] as i32 as i64, a[5])?;
    t.invalidate(stale);
    mixed(t, at..at + len);
    log::mapping(t, "map", at, len, Some(a[2]));
    Ok(at)
}

/// Behind a call that made code changeable without a call, if it did: writes to it will fault and go on.
fn mixed(t: &Thread, range: std::ops::Range<u64>) {
    let (fluid, stale) = t.process.mm.mixed(range);
    if fluid {
        t.cpu.require_precise();
    }
    stale.into_iter().for_each(|range| t.invalidate(Some(range)));
}

/// `munmap`
pub fn munmap(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let stale = t.process.mm.munmap(a[0], a[1])?;
    t.invalidate(stale);
    log::mapping(t, "unmap", a[0], a[1], None);
    Ok(0)
}

/// `mprotect`
pub fn mprotect(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (mut addr, mut len, prot) = (a[0], a[1], a[2]);
    if prot & !(PROT_KNOWN | t.abi.more_prot | PROT_GROWSDOWN | PROT_GROWSUP) != 0 || prot & PROT_GROWSUP != 0 {
        return fail(libc::EINVAL);
    }
    if prot & PROT_GROWSDOWN != 0 {
        // The stack is mapped whole: "down to the start of the mapping" is its bottom.
        let state = t.process.mm.lock();
        let (r, _) = state.areas.at(addr).ok_or(Errno(libc::ENOMEM))?;
        len += addr - r.start;
        addr = r.start;
    }
    limits::check_protect(t, addr..addr.saturating_add(len), (prot & 7) as u8)?;
    if t.abi.coherent_code && prot & FLUID == FLUID {
        // Before: another thread may be there at once.
        t.cpu.require_precise();
    }
    let stale = t.process.mm.mprotect(addr, len, prot & 7)?;
    t.invalidate(stale);
    mixed(t, addr..addr.saturating_add(len));
    log::mapping(t, "protect", addr, len, Some(prot));
    Ok(0)
}

/// `mremap`
pub fn mremap(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const DONTUNMAP: u64 = 4;
    let kept = if a[3] & DONTUNMAP != 0 { 0 } else { a[1] };
    if a[2] > kept {
        limits::check_more(t, a[0], a[2] - kept)?;
    }
    let (at, stale) = t.process.mm.mremap(a[0], a[1], a[2], a[3], a[4])?;
    t.invalidate(stale);
    mixed(t, at..at.saturating_add(a[2]));
    Ok(at)
}

/// `brk`
pub fn brk(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    // A refusal is the old end.
    let want = if limits::check_heap(t, a[0]).is_ok() { a[0] } else { 0 };
    Ok(t.process.mm.brk(want))
}

/// `madvise`; advice that drops executable bytes drops their translations too.
pub fn madvise(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (addr, len) = (a[0], a[1]);
    let end = addr.checked_add(len).filter(|&e| e <= t.process.mm.layout.top);
    let Some(end) = end else { return fail(libc::EINVAL) };
    let r = t.blocking(libc::SYS_madvise, &[t.mem.host(addr), len, a[2], 0, 0, 0])?;
    let drops = matches!(a[2] as i32, libc::MADV_DONTNEED | libc::MADV_FREE | libc::MADV_REMOVE | 24);
    if drops && t.process.mm.lock().areas.any(addr..end, EXEC) {
        t.invalidate(Some(addr..end));
    }
    Ok(r)
}

/// `mlockall`: the emulator's own memory would be locked too and the limit is soon reached, so only
/// the guest's present mappings are.
pub fn mlockall(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[0] == 0 || a[0] & !7 != 0 || a[0] == 4 {
        return fail(libc::EINVAL);
    }
    let ranges: Vec<_> = t.process.mm.lock().areas.iter().filter(|(_, a)| a.prot != 0).map(|(r, _)| r).collect();
    for r in ranges {
        host::call(libc::SYS_mlock2, &[r.start + t.mem.base, r.end - r.start, u64::from(a[0] & 4 != 0)])?;
    }
    Ok(0)
}

/// `pkey_mprotect`: without protection keys only key -1 is allowed.
pub fn pkey_mprotect(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[3] as i32 != -1 {
        return fail(libc::EINVAL);
    }
    mprotect(t, a)
}

/// `pkey_alloc`: the processor has no protection keys.
pub fn pkey_alloc(_: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[0] != 0 || a[1] & !3 != 0 {
        return fail(libc::EINVAL);
    }
    fail(libc::ENOSPC)
}

/// `pkey_free`
pub fn pkey_free(_: &mut Thread, _: &[u64; 6]) -> SysResult {
    fail(libc::EINVAL)
}

/// `shmat`
pub fn shmat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const IPC_STAT: u64 = 2;
    // shm_segsz lies behind `struct ipc64_perm` (48 bytes) in `struct shmid64_ds` (112 bytes).
    let mut ds = [0u64; 14];
    host::call(libc::SYS_shmctl, &[a[0], IPC_STAT, ds.as_mut_ptr() as u64])?;
    let len = ds[6].checked_next_multiple_of(PAGE).ok_or(Errno(libc::ENOMEM))?;
    limits::check_map(t, None, len, Area { prot: READ | WRITE, kind: AreaKind::Shm, shared: true, object: None })?;
    let (at, stale) = t.process.mm.shmat(a[0], a[1], a[2], len)?;
    t.invalidate(stale);
    mixed(t, at..at + len);
    Ok(at)
}

/// `shmdt`
pub fn shmdt(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let area = t.process.mm.lock().areas.at(a[0]);
    let r = t.process.mm.shmdt(a[0])?;
    if let Some((range, area)) = area
        && area.prot & EXEC != 0
    {
        t.invalidate(Some(range));
    }
    Ok(r)
}

/// `move_pages`: an array of addresses. With base 0 the guest's own, however long.
pub fn move_pages(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    /// As many as a program can name and we copy.
    const MAX: u64 = 1 << 20;
    let p = |i: usize| t.mem.host(a[i]);
    if t.mem.base == 0 || a[2] == 0 {
        return t.blocking(libc::SYS_move_pages, &[a[0], a[1], p(2), p(3), p(4), a[5]]);
    }
    if a[1] > MAX {
        return fail(libc::E2BIG);
    }
    let pages = crate::vectors::array::<1>(t.mem, a[2], a[1], &[0])?;
    t.blocking(libc::SYS_move_pages, &[a[0], a[1], pages.as_ptr() as u64, p(3), p(4), a[5]])
}
