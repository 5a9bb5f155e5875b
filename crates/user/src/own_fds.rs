//! Descriptors of the emulator itself: out of the guest's reach and sight.
//!
//! They lie at or above the usual soft limit of open files where the hard limit allows, so that few guests ever miss such a
//! number. Closing them or putting a file over them fails with EBADF.

use crate::errno::{Errno, SysResult};
use crate::host;
use std::sync::atomic::{AtomicI32, Ordering};

/// Most descriptors that are kept.
const MAX: usize = 16;

static OWN: [AtomicI32; MAX] = [const { AtomicI32::new(-1) }; MAX];

/// No number of `OWN` is below: every call with a descriptor asks.
static LOWEST: AtomicI32 = AtomicI32::new(i32::MAX);

const RLIMIT_NOFILE: u64 = 7;

/// First number that is tried, also where the guest could get there: every fork copies the kernel's table up to the highest
/// descriptor, which for 4096 takes a twentieth of a fork's time.
const FIRST: u64 = 1024;

fn limit() -> [u64; 2] {
    let mut limit = [0u64; 2];
    let _ = host::call(libc::SYS_prlimit64, &[0, RLIMIT_NOFILE, 0, limit.as_mut_ptr() as u64]);
    limit
}

/// Sets the soft limit of open files.
pub fn set_soft_limit(soft: u64) {
    let new = [soft, limit()[1]];
    let _ = host::call(libc::SYS_prlimit64, &[0, RLIMIT_NOFILE, new.as_ptr() as u64, 0]);
}

/// Makes room for the emulator's own files above the guest's soft limit, if the hard limit allows. Returns
/// the guest's limit and the first number with room. Descriptors above the soft limit stay valid when it
/// is set back.
pub fn make_room() -> (u64, u64) {
    let [soft, hard] = limit();
    let raised = soft.max((2 * FIRST).min(hard));
    set_soft_limit(raised);
    (soft, FIRST.min(raised.saturating_sub(MAX as u64)))
}

/// Runs `action` with that room; it gets the first number.
pub fn with_room<R>(action: impl FnOnce(u64) -> R) -> R {
    let (soft, from) = make_room();
    let result = action(from);
    set_soft_limit(soft);
    result
}

/// Moves `fd` out of the guest's reach; returns its new number, or `fd` itself if that fails.
pub fn keep(fd: i32) -> i32 {
    let moved = with_room(|from| host::call(libc::SYS_fcntl, &[fd as u64, libc::F_DUPFD_CLOEXEC as u64, from]));
    let kept = match moved {
        Ok(moved) => {
            let _ = host::call(libc::SYS_close, &[fd as u64]);
            moved as i32
        }
        Err(_) => fd,
    };
    for slot in &OWN {
        if slot.compare_exchange(-1, kept, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            LOWEST.fetch_min(kept, Ordering::AcqRel);
            break;
        }
    }
    kept
}

/// A file that the emulator before this one left open for it.
#[allow(unsafe_code, reason = "takes over a descriptor by number")]
pub fn inherited(fd: i32) -> std::fs::File {
    use std::os::fd::FromRawFd as _;
    // SAFETY: the number came from our own `execve`, which opened it for this one use.
    unsafe { std::fs::File::from_raw_fd(fd) }
}

/// Whether `fd` is the emulator's.
pub fn is_own(fd: i32) -> bool {
    fd >= LOWEST.load(Ordering::Relaxed) && OWN.iter().any(|s| s.load(Ordering::Acquire) == fd)
}

/// EBADF for a descriptor that the guest must not have.
pub fn check(fd: u64) -> Result<(), Errno> {
    if is_own(fd as i32) { Err(Errno(libc::EBADF)) } else { Ok(()) }
}

/// `close_range` around the emulator's descriptors.
pub fn close_range(first: u32, last: u32, flags: u64) -> SysResult {
    if first > last {
        return Err(Errno(libc::EINVAL));
    }
    let mut own: Vec<u32> =
        OWN.iter().map(|s| s.load(Ordering::Acquire)).filter(|&f| f >= 0).map(|f| f as u32).collect();
    own.sort_unstable();
    let mut from = first;
    for fd in own {
        if (from..=last).contains(&fd) {
            if fd > from {
                host::call(libc::SYS_close_range, &[from.into(), u64::from(fd) - 1, flags])?;
            }
            from = fd + 1;
        }
    }
    if from > last { Ok(0) } else { host::call(libc::SYS_close_range, &[from.into(), last.into(), flags]) }
}

/// The emulator's own file, opened once; -1 if that fails.
pub fn emulator() -> i32 {
    static FD: AtomicI32 = AtomicI32::new(-2);
    match FD.load(Ordering::Acquire) {
        -2 => {
            let flags = (libc::O_PATH | libc::O_CLOEXEC) as u64;
            let at = libc::AT_FDCWD as u64;
            let fd = host::call(libc::SYS_openat, &[at, c"/proc/self/exe".as_ptr() as u64, flags, 0]);
            let fd = fd.map_or(-1, |fd| keep(fd as i32));
            FD.store(fd, Ordering::Release);
            fd
        }
        fd => fd,
    }
}

/// Leaves entries whose name is a number that `hides` out of a listing: `buf` holds `struct linux_dirent64`
/// records.
pub fn hide(buf: &mut Vec<u8>, hides: &dyn Fn(i32) -> bool) {
    let mut out = Vec::with_capacity(buf.len());
    let mut rest = &buf[..];
    while rest.len() >= 19 {
        let len = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
        if len < 19 || len > rest.len() {
            break;
        }
        let (entry, next) = rest.split_at(len);
        let name = entry[19..].split(|&b| b == 0).next().unwrap_or(&[]);
        let number = std::str::from_utf8(name).ok().and_then(|n| n.parse().ok());
        if !number.is_some_and(hides) {
            out.extend_from_slice(entry);
        }
        rest = next;
    }
    *buf = out;
}

/// Turns records of `struct linux_dirent64` into those of `struct linux_dirent`: the name stands one byte earlier, the
/// type in the record's last byte. getdents(2).
pub fn types_last(buf: &mut [u8]) {
    let mut rest = buf;
    while rest.len() >= 19 {
        let len = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
        if len < 20 || len > rest.len() {
            break;
        }
        let (entry, next) = rest.split_at_mut(len);
        entry[18..].rotate_left(1);
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd as _;

    #[test]
    fn types_last_moves_names_and_types() {
        let mut records = vec![0u8; 24];
        records[16] = 24;
        records[18] = 4;
        records[19..22].copy_from_slice(b"etc");
        let mut two = [records.clone(), records].concat();
        types_last(&mut two);
        for at in [0, 24] {
            assert_eq!((&two[at + 16..at + 22], two[at + 23]), (&b"\x18\0etc\0"[..], 4));
        }
    }

    #[test]
    fn keep_moves_up_and_protects() {
        let fd = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        let kept = keep(fd);
        assert!(kept > fd && is_own(kept) && check(kept as u64) == Err(Errno(libc::EBADF)));
        close_range(kept as u32, kept as u32, 0).unwrap();
        assert!(host::call(libc::SYS_fcntl, &[kept as u64, 1]).is_ok());
        let entry = |name: &str| {
            let mut e = vec![0u8; 24 + name.len().next_multiple_of(8)];
            e[16] = e.len() as u8;
            e[19..19 + name.len()].copy_from_slice(name.as_bytes());
            e
        };
        let mut list = [entry("0"), entry(&kept.to_string()), entry("..")].concat();
        hide(&mut list, &is_own);
        assert_eq!(list, [entry("0"), entry("..")].concat());
    }
}
