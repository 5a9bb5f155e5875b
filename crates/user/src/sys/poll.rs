//! Calls that wait under a signal mask of their own. select(2), poll(2), io_pgetevents(2).

use super::epoll::sigmask;
use super::signal::with_mask;
use crate::errno::SysResult;
use crate::signal::SYNCHRONOUS;
use crate::thread::Thread;

/// `ppoll`
pub fn ppoll(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let mask = sigmask(t, a[3], a[4])?;
    let host = mask.map_or(0, |m| m & !SYNCHRONOUS);
    let mask_at = if mask.is_some() { &raw const host as u64 } else { 0 };
    let args = [t.mem.host(a[0]), a[1], t.mem.host(a[2]), mask_at, 8, 0];
    with_mask(t, mask, |t| t.blocking(libc::SYS_ppoll, &args))
}

/// `pselect6`; the sixth argument points at {mask, size}.
pub fn pselect6(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let [at, size] = if a[5] == 0 { [0, 8] } else { t.mem.words::<2>(a[5])? };
    let mask = sigmask(t, at, size)?;
    let host = mask.map_or(0, |m| m & !SYNCHRONOUS);
    let pair = [if mask.is_some() { &raw const host as u64 } else { 0 }, 8];
    let p = |i: usize| t.mem.host(a[i]);
    let args = [a[0], p(1), p(2), p(3), p(4), pair.as_ptr() as u64];
    with_mask(t, mask, |t| t.blocking(libc::SYS_pselect6, &args))
}
