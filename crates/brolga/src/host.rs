//! The few host calls the standard library has no word for.
#![allow(unsafe_code, reason = "auxiliary vector, statvfs and inherited descriptors are only reachable through libc")]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `AT_FLAGS_PRESERVE_ARGV0` of `linux/binfmts.h`: binfmt_misc flag P is in force, `argv[2]` is the program's own `argv[0]`.
const AT_FLAGS_PRESERVE_ARGV0: u64 = 1;

/// One entry of the auxiliary vector, `None` when the kernel passed none of that type (getauxval(3)).
fn auxiliary(kind: libc::c_ulong) -> Option<u64> {
    // SAFETY: `__errno_location` returns this thread's errno, always valid to write.
    unsafe { *libc::__errno_location() = 0 };
    // SAFETY: getauxval reads the process's own auxiliary vector and takes any type number.
    let value = unsafe { libc::getauxval(kind) };
    if value == 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT) {
        return None;
    }
    Some(value)
}

/// Whether the kernel's binfmt_misc started this process with flag P (kernel 5.12 and later tell so).
pub fn started_by_binfmt_p() -> bool {
    auxiliary(libc::AT_FLAGS).is_some_and(|flags| flags & AT_FLAGS_PRESERVE_ARGV0 != 0)
}

/// The descriptor binfmt_misc flag O or C opened the program on.
pub fn exec_fd() -> Option<RawFd> {
    auxiliary(libc::AT_EXECFD).and_then(|fd| RawFd::try_from(fd).ok())
}

/// Takes over the descriptor that [`exec_fd`] told of. The guest must not find it, so nothing else may hold it.
pub fn take_over(fd: RawFd) -> File {
    // SAFETY: the kernel opened it for the interpreter, which is this process, and this is its one user.
    unsafe { File::from_raw_fd(fd) }
}

/// Whether this process may execute `path` (faccessat(2) with effective ids).
pub fn may_execute(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: `path` is a live NUL-terminated string.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), libc::X_OK, libc::AT_EACCESS) == 0 }
}

/// Bytes an unprivileged process may still write on the file system of `path` (statvfs(3)).
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all-zero bytes are a valid `statvfs`, a struct of integers.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is NUL-terminated and `stat` is writable for the call.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut stat) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The effective user and group id.
pub fn ids() -> (u32, u32) {
    // SAFETY: geteuid and getegid take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}
