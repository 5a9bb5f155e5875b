//! Files: where layouts or flag bits differ, or where a path is one of ours.

use super::fail;
use crate::abi::STAT_MAX;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::own_fds;
use crate::path;
use crate::proc;
use crate::thread::Thread;
use crate::uring;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;

/// The host path for the path at guest address `addr`.
pub fn host_path(t: &Thread, addr: u64, follow: bool) -> Result<CString, Errno> {
    let path = t.mem.path(addr)?;
    Ok(match path::translate(t, &path, follow) {
        Some(p) => p,
        None => CString::new(path).map_err(|_| Errno(libc::EINVAL))?,
    })
}

/// `openat`
pub fn openat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let path = t.mem.path(a[1])?;
    open(t, a[0], &path, t.abi.open_to_host(a[2] & 0xffff_ffff), a[3])
}

/// Opens with host flags; `/proc` files that would show the emulator are made by [`proc`].
fn open(t: &mut Thread, dir: u64, path: &[u8], flags: u64, mode: u64) -> SysResult {
    if let Some(view) = proc::view(t, path) {
        return proc::open(view?, flags);
    }
    let name = match path::translate(t, path, follows(flags)) {
        Some(p) => p,
        None => CString::new(path).map_err(|_| Errno(libc::EINVAL))?,
    };
    let fd = t.blocking(libc::SYS_openat, &[dir, name.as_ptr() as u64, flags, mode, 0, 0])?;
    super::io::opened(t, path, fd);
    Ok(fd)
}

/// Whether an open with host `flags` follows a link that the path names.
fn follows(flags: u64) -> bool {
    let exclusive = (libc::O_CREAT | libc::O_EXCL) as u64;
    flags & libc::O_NOFOLLOW as u64 == 0 && flags & exclusive != exclusive
}

/// `openat2`; RESOLVE flags take the path literally.
pub fn openat2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SIZE: u64 = 24;
    if a[3] < SIZE {
        return fail(libc::EINVAL);
    }
    let [flags, mode, resolve] = t.mem.words::<3>(a[2])?;
    let mut extra = vec![0; (a[3] - SIZE).min(4096) as usize];
    t.mem.read(a[2] + SIZE, &mut extra)?;
    if extra.iter().any(|&b| b != 0) {
        return fail(libc::E2BIG);
    }
    let how = [t.abi.open_to_host(flags), mode, resolve];
    let raw = t.mem.path(a[1])?;
    if resolve == 0
        && let Some(view) = proc::view(t, &raw)
    {
        return proc::open(view?, how[0]);
    }
    let name = if resolve == 0 {
        host_path(t, a[1], follows(how[0]))?
    } else {
        CString::new(raw).map_err(|_| Errno(libc::EINVAL))?
    };
    let fd = t.blocking(libc::SYS_openat2, &[a[0], name.as_ptr() as u64, how.as_ptr() as u64, SIZE, 0, 0])?;
    super::io::opened(t, name.as_bytes(), fd);
    Ok(fd)
}

/// `open_by_handle_at`
pub fn open_by_handle_at(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.blocking(libc::SYS_open_by_handle_at, &[a[0], t.mem.host(a[1]), t.abi.open_to_host(a[2]), 0, 0, 0])
}

/// `mq_open`
pub fn mq_open(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let args = [t.mem.host(a[0]), t.abi.open_to_host(a[1]), a[2], t.mem.host(a[3]), 0, 0];
    t.blocking(libc::SYS_mq_open, &args)
}

/// `pipe2`
pub fn pipe2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.blocking(libc::SYS_pipe2, &[t.mem.host(a[0]), t.abi.open_to_host(a[1]), 0, 0, 0, 0])
}

/// `signalfd4`; the set is the kernel's business but for the signals that we keep ourselves.
pub fn signalfd4(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    t.blocking(libc::SYS_signalfd4, &[a[0], t.mem.host(a[1]), a[2], a[3], 0, 0])
}

/// `close`
pub fn close(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    uring::closed(a[0]);
    t.blocking(libc::SYS_close, &[a[0], 0, 0, 0, 0, 0])
}

/// `close_range`
pub fn close_range(_: &mut Thread, a: &[u64; 6]) -> SysResult {
    own_fds::close_range(a[0] as u32, a[1] as u32, a[2])
}

/// `dup3`
pub fn dup3(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let fd = t.blocking(libc::SYS_dup3, &[a[0], a[1], t.abi.open_to_host(a[2]), 0, 0, 0])?;
    uring::duplicated(a[0], fd);
    Ok(fd)
}

/// `dup2`: onto itself it only checks that the descriptor is open.
pub fn dup2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[0] as i32 != a[1] as i32 {
        return dup3(t, &[a[0], a[1], 0, 0, 0, 0]);
    }
    t.blocking(libc::SYS_fcntl, &[a[0], libc::F_GETFD as u64, 0, 0, 0, 0])?;
    Ok(a[1] & 0xffff_ffff)
}

/// `dup`
pub fn dup(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let fd = t.blocking(libc::SYS_dup, &[a[0], 0, 0, 0, 0, 0])?;
    uring::duplicated(a[0], fd);
    Ok(fd)
}

/// `fcntl`: file status flags differ, `struct flock` does not.
pub fn fcntl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let cmd = a[1] as i32;
    let pointer = matches!(cmd, 5..=7 | 15..=17 | 36..=38 | 1035..=1038);
    let arg = match cmd {
        libc::F_SETFL => t.abi.open_to_host(a[2]),
        _ if pointer => t.mem.host(a[2]),
        _ => a[2],
    };
    let r = t.blocking(libc::SYS_fcntl, &[a[0], a[1], arg, 0, 0, 0])?;
    if matches!(cmd, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) {
        uring::duplicated(a[0], r);
    }
    Ok(if cmd == libc::F_GETFL { t.abi.open_to_guest(r) } else { r })
}

/// `getdents64`; listings of the guest's descriptors and threads leave ours out.
pub fn getdents64(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let n = t.blocking(libc::SYS_getdents64, &[a[0], t.mem.host(a[1]), a[2], 0, 0, 0])?;
    let Some(hides) = listing(t, a[0]).filter(|_| n != 0) else { return Ok(n) };
    let mut list = vec![0; n as usize];
    t.mem.read(a[1], &mut list)?;
    own_fds::hide(&mut list, &*hides);
    t.mem.write(a[1], &list)?;
    drop(hides);
    if list.is_empty() { getdents64(t, a) } else { Ok(list.len() as u64) }
}

/// `getdents`: as `getdents64`, but the type of an entry stands in the last byte of its record instead of before its
/// name. Records are no longer than those of `getdents64`.
pub fn getdents(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let n = getdents64(t, a)?;
    let mut list = vec![0; n as usize];
    t.mem.read(a[1], &mut list)?;
    own_fds::types_last(&mut list);
    t.mem.write(a[1], &list)?;
    Ok(n)
}

/// For a `/proc` directory of descriptors or threads: which numbers to leave out.
fn listing(t: &Thread, fd: u64) -> Option<Box<dyn Fn(i32) -> bool>> {
    let target = std::fs::read_link(format!("/proc/self/fd/{}", fd as i32)).ok()?;
    let path = target.as_os_str().as_bytes();
    if matches!(path::own_proc(path), Some(b"fd" | b"fdinfo")) {
        return Some(Box::new(own_fds::is_own));
    }
    let pid = path.strip_prefix(b"/proc/")?.strip_suffix(b"/task")?;
    let pid: i32 = std::str::from_utf8(pid).ok()?.parse().ok()?;
    let mm = t.process.mm.clone();
    Some(Box::new(move |tid| mm.threads.hides(pid, tid)))
}

/// `readlinkat`
pub fn readlinkat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let path = t.mem.path(a[1])?;
    if path::own_proc(&path) == Some(b"exe") {
        if (a[3] as i32) <= 0 {
            return fail(libc::EINVAL);
        }
        let exe = t.process.exe.as_os_str().as_bytes();
        let n = exe.len().min(a[3] as i32 as usize);
        t.mem.write(a[2], &exe[..n])?;
        return Ok(n as u64);
    }
    let name = host_path(t, a[1], false)?;
    t.blocking(libc::SYS_readlinkat, &[a[0], name.as_ptr() as u64, t.mem.host(a[2]), a[3], 0, 0])
}

/// The host's `fstat`.
#[allow(unsafe_code, reason = "the kernel fills the structure")]
pub fn host_fstat(fd: u64) -> Result<libc::stat, Errno> {
    let mut s = MaybeUninit::<libc::stat>::zeroed();
    host::call(libc::SYS_fstat, &[fd, s.as_mut_ptr() as u64])?;
    // SAFETY: zeroed, then filled; any bytes are a valid stat.
    Ok(unsafe { s.assume_init() })
}

fn put_stat(t: &Thread, addr: u64, s: &libc::stat) -> SysResult {
    let mut bytes = [0; STAT_MAX];
    let n = (t.abi.stat)(s, &mut bytes);
    t.mem.write(addr, &bytes[..n])?;
    Ok(0)
}

/// `fstat`
pub fn fstat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let s = host_fstat(a[0])?;
    put_stat(t, a[1], &s)
}

/// `newfstatat`
#[allow(unsafe_code, reason = "the kernel fills the structure")]
pub fn newfstatat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    // A null path with AT_EMPTY_PATH means the descriptor itself since Linux 6.11.
    if a[1] == 0 && a[3] & libc::AT_EMPTY_PATH as u64 != 0 {
        return fstat(t, &[a[0], a[2], 0, 0, 0, 0]);
    }
    let name = host_path(t, a[1], a[3] & libc::AT_SYMLINK_NOFOLLOW as u64 == 0)?;
    let mut s = MaybeUninit::<libc::stat>::zeroed();
    t.blocking(libc::SYS_newfstatat, &[a[0], name.as_ptr() as u64, s.as_mut_ptr() as u64, a[3], 0, 0])?;
    // SAFETY: zeroed, then filled; any bytes are a valid stat.
    let s = unsafe { s.assume_init() };
    put_stat(t, a[2], &s)
}
