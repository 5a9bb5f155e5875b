//! Reading and writing where the file may be the guest's own memory, `/proc/self/mem`: its offsets are guest
//! addresses, and what is written there may be code.

use crate::errno::SysResult;
use crate::host;
use crate::path;
use crate::thread::Thread;
use crate::vectors::Iovecs;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether any such file was ever opened; until then no descriptor needs a look.
static OPENED: AtomicBool = AtomicBool::new(false);

/// Notes that the guest opened `path` as `fd`.
pub fn opened(t: &Thread, path: &[u8], fd: u64) {
    let Some(name) = path::own_proc(path) else { return };
    if name == b"mem" || (name.starts_with(b"task/") && name.ends_with(b"/mem")) {
        OPENED.store(true, Ordering::Release);
        if t.mem.base != 0 {
            let _ = host::call(libc::SYS_lseek, &[fd, t.mem.base, libc::SEEK_SET as u64]);
        }
    }
}

/// Whether `fd` is this process's memory.
fn is_memory(fd: u64) -> bool {
    OPENED.load(Ordering::Acquire)
        && std::fs::read_link(format!("/proc/self/fd/{}", fd as i32))
            .is_ok_and(|l| path::own_proc(l.as_os_str().as_bytes()) == Some(b"mem"))
}

/// Where a transfer begins.
#[derive(Clone, Copy)]
enum Place {
    /// The file's own position.
    Current,
    /// An offset, the argument of this index.
    Given(usize),
}

/// Makes host call `nr` with `args`, which write to `args[0]`; invalidates translations of what changed.
fn write_as(t: &Thread, nr: i64, mut args: [u64; 6], place: Place) -> SysResult {
    if !is_memory(args[0]) {
        return t.blocking(nr, &args);
    }
    // pwritev2 takes -1 for the file's position.
    let given = match place {
        Place::Given(i) if args[i] as i64 != -1 => Some(i),
        _ => None,
    };
    let start = match given {
        Some(i) => {
            args[i] = args[i].wrapping_add(t.mem.base);
            args[i]
        }
        None => host::call(libc::SYS_lseek, &[args[0], 0, libc::SEEK_CUR as u64])?,
    };
    let n = t.blocking(nr, &args)?;
    t.cpu.invalidate(start.wrapping_sub(t.mem.base), n);
    Ok(n)
}

/// The same for reading: nothing changes but the offset.
fn read_as(t: &Thread, nr: i64, mut args: [u64; 6], offset: usize) -> SysResult {
    if t.mem.base != 0 && args[offset] as i64 != -1 && is_memory(args[0]) {
        args[offset] = args[offset].wrapping_add(t.mem.base);
    }
    t.blocking(nr, &args)
}

/// `lseek`
pub fn lseek(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let base = if t.mem.base != 0 && is_memory(a[0]) { t.mem.base } else { 0 };
    let offset = if a[2] as i32 == libc::SEEK_SET { a[1].wrapping_add(base) } else { a[1] };
    Ok(t.blocking(libc::SYS_lseek, &[a[0], offset, a[2], 0, 0, 0])?.wrapping_sub(base))
}

/// `pread64`
pub fn pread64(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    read_as(t, libc::SYS_pread64, [a[0], t.mem.host(a[1]), a[2], a[3], 0, 0], 3)
}

/// `preadv`
pub fn preadv(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let iov = Iovecs::new(t.mem, a[1], a[2])?;
    read_as(t, libc::SYS_preadv, [a[0], iov.at(), a[2], a[3], a[4], 0], 3)
}

/// `preadv2`
pub fn preadv2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let iov = Iovecs::new(t.mem, a[1], a[2])?;
    read_as(t, libc::SYS_preadv2, [a[0], iov.at(), a[2], a[3], a[4], a[5]], 3)
}

/// `write`
pub fn write(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    write_as(t, libc::SYS_write, [a[0], t.mem.host(a[1]), a[2], 0, 0, 0], Place::Current)
}

/// `pwrite64`
pub fn pwrite64(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    write_as(t, libc::SYS_pwrite64, [a[0], t.mem.host(a[1]), a[2], a[3], 0, 0], Place::Given(3))
}

/// `writev`
pub fn writev(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let iov = Iovecs::new(t.mem, a[1], a[2])?;
    write_as(t, libc::SYS_writev, [a[0], iov.at(), a[2], 0, 0, 0], Place::Current)
}

/// `pwritev`
pub fn pwritev(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let iov = Iovecs::new(t.mem, a[1], a[2])?;
    write_as(t, libc::SYS_pwritev, [a[0], iov.at(), a[2], a[3], a[4], 0], Place::Given(3))
}

/// `pwritev2`
pub fn pwritev2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let iov = Iovecs::new(t.mem, a[1], a[2])?;
    write_as(t, libc::SYS_pwritev2, [a[0], iov.at(), a[2], a[3], a[4], a[5]], Place::Given(3))
}

/// `process_vm_readv`
pub fn process_vm_readv(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (local, remote) = (Iovecs::new(t.mem, a[1], a[2])?, Iovecs::new(t.mem, a[3], a[4])?);
    t.blocking(libc::SYS_process_vm_readv, &[a[0], local.at(), a[2], remote.at(), a[4], a[5]])
}

/// `process_vm_writev`; a program that writes to itself may write code.
pub fn process_vm_writev(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (local, remote) = (Iovecs::new(t.mem, a[1], a[2])?, Iovecs::new(t.mem, a[3], a[4])?);
    let n = t.blocking(libc::SYS_process_vm_writev, &[a[0], local.at(), a[2], remote.at(), a[4], a[5]])?;
    let pid = a[0] as i32;
    if pid == std::process::id() as i32 || t.process.mm.threads.holds(pid) {
        for i in 0..a[4] {
            let [at, len] = t.mem.words::<2>(a[3].wrapping_add(16 * i))?;
            t.cpu.invalidate(at, len);
        }
    }
    Ok(n)
}
