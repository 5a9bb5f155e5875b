//! io_uring(7).
//!
//! Submission entries hold the guest's open flags and epoll events, which the kernel would read by the
//! host's definitions. Until they are rewritten at submission, rings are not offered, as on a kernel
//! with `io_uring_disabled`; programs fall back.

use super::fail;
use crate::errno::SysResult;
use crate::thread::Thread;

/// `io_uring_setup`
pub fn io_uring_setup(_: &mut Thread, _: &[u64; 6]) -> SysResult {
    tracing::debug!("io_uring is not offered");
    fail(libc::EPERM)
}

/// `io_uring_enter`
pub fn io_uring_enter(_: &mut Thread, _: &[u64; 6]) -> SysResult {
    fail(libc::EBADF)
}
