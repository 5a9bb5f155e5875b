//! Calls that wait under a signal mask of their own. select(2), poll(2), io_pgetevents(2).

use super::epoll::sigmask;
use super::fail;
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

/// `poll`: as `ppoll` without a mask; the timeout counts milliseconds, a negative one never ends.
pub fn poll(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let ms = a[2] as i32;
    let time = [i64::from(ms) / 1000, i64::from(ms) % 1000 * 1_000_000];
    let time_at = if ms < 0 { 0 } else { time.as_ptr() as u64 };
    t.blocking(libc::SYS_ppoll, &[t.mem.host(a[0]), a[1], time_at, 0, 8, 0])
}

/// `select`: as `pselect6` without a mask; the time is a `struct timeval`, which gets what was left of it.
pub fn select(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const MICROS: i64 = 1_000_000;
    let mut time = [0i64; 2];
    if a[4] != 0 {
        let [sec, usec] = t.mem.words::<2>(a[4])?.map(|w| w as i64);
        if sec < 0 || usec < 0 {
            return fail(libc::EINVAL);
        }
        time = [sec.saturating_add(usec / MICROS), usec % MICROS * 1000];
    }
    let p = |i: usize| t.mem.host(a[i]);
    let time_at = if a[4] == 0 { 0 } else { time.as_mut_ptr() as u64 };
    let result = t.blocking(libc::SYS_pselect6, &[a[0], p(1), p(2), p(3), time_at, 0]);
    if a[4] != 0 {
        t.mem.write_words(a[4], &[time[0] as u64, (time[1] / 1000) as u64])?;
    }
    result
}
