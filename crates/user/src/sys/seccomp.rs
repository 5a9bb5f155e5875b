//! seccomp(2)'s operations.

use super::fail;
use crate::errno::SysResult;
use crate::seccomp;
use crate::thread::Thread;

/// `seccomp`
pub fn seccomp(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    match (a[0], a[1]) {
        (0, 0) if a[2] == 0 => seccomp::set_strict(t),
        (1, flags) => seccomp::set_filter(t, flags, a[2]),
        (2, 0) => {
            if seccomp::action_available(t.mem.u32(a[2])?) {
                Ok(0)
            } else {
                fail(libc::EOPNOTSUPP)
            }
        }
        _ => fail(libc::EINVAL),
    }
}
