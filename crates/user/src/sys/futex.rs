//! futex(2) and its successors: which arguments are addresses depends on the operation.

use crate::errno::SysResult;
use crate::sys::fail;
use crate::thread::Thread;
use crate::vectors;

/// Operations whose fourth argument is a time; for the others it is a count.
const TIMED: [u64; 5] = [
    0,  // FUTEX_WAIT
    6,  // FUTEX_LOCK_PI
    9,  // FUTEX_WAIT_BITSET
    11, // FUTEX_WAIT_REQUEUE_PI
    13, // FUTEX_LOCK_PI2
];
/// Without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
const OPERATION: u64 = 0x7f;

/// `futex`
pub fn futex(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let time = if TIMED.contains(&(a[1] & OPERATION)) { t.mem.host(a[3]) } else { a[3] };
    t.blocking(libc::SYS_futex, &[t.mem.host(a[0]), a[1], a[2], time, t.mem.host(a[4]), a[5]])
}

/// Words of `struct futex_waitv`: value, address, flags.
const WAITV: usize = 3;
/// FUTEX_WAITV_MAX
const MAX: u64 = 128;

/// `futex_waitv`
pub fn futex_waitv(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SYS_FUTEX_WAITV: i64 = 449;
    let count = a[1] & 0xffff_ffff;
    if count == 0 || count > MAX || a[0] == 0 {
        return fail(libc::EINVAL);
    }
    let list = vectors::array::<WAITV>(t.mem, a[0], count, &[1])?;
    t.blocking(SYS_FUTEX_WAITV, &[list.as_ptr() as u64, count, a[2], t.mem.host(a[3]), a[4], 0])
}

/// `futex_requeue`: from and to.
pub fn futex_requeue(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SYS_FUTEX_REQUEUE: i64 = 456;
    if a[0] == 0 {
        return fail(libc::EINVAL);
    }
    let list = vectors::array::<WAITV>(t.mem, a[0], 2, &[1])?;
    t.blocking(SYS_FUTEX_REQUEUE, &[list.as_ptr() as u64, a[1], a[2], a[3], 0, 0])
}
