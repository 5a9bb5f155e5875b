//! A lock on a file, and the limit on its size.
//!
//! A lock of `fcntl` belongs to the process: one of `flock` would be shared with every child of a fork.
#![allow(unsafe_code, reason = "two system calls that the standard library does not have")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// How often a taken lock is tried, a millisecond apart: writers hold it for less than that.
const TRIES: u32 = 50;

/// Holds the lock of a file until dropped.
#[derive(Debug)]
pub(crate) struct Lock<'a>(&'a File);

fn set(file: &File, kind: i32) -> bool {
    // SAFETY: all of its fields may be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    // SAFETY: reads the structure.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) == 0 }
}

impl<'a> Lock<'a> {
    /// Takes the lock, or gives up after a while: nothing here is worth waiting for a process that was stopped.
    pub(crate) fn take(file: &'a File) -> Option<Lock<'a>> {
        for _ in 0..TRIES {
            if set(file, libc::F_WRLCK) {
                return Some(Lock(file));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        set(self.0, libc::F_UNLCK);
    }
}

/// Longest file that this process may write: beyond it the kernel would send SIGXFSZ.
pub(crate) fn longest_file() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills the structure.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => 0,
    }
}
