//! System calls that are more than the host's call of the same name, by subject. Each function has the
//! form that `table::How::Call` names and is mentioned in `abi/*.tbl`.

pub mod aio;
pub mod clone;
mod donor;
pub mod epoll;
pub mod exec;
pub mod fs;
pub mod futex;
pub mod io;
pub mod ioctl;
pub mod ipc;
pub mod keys;
pub mod legacy;
pub mod mem;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod seccomp;
pub mod signal;
pub mod socket;

use crate::errno::Errno;

/// An error by its number.
pub(crate) const fn fail<T>(errno: i32) -> Result<T, Errno> {
    Err(Errno(errno))
}
