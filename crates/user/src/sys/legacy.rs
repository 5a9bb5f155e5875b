//! Calls that newer architectures lack because others do the same: alarm(2), time(2), utime(2), futimesat(2). Those that
//! are nothing but a newer call with other arguments are rows of the table.

use super::fail;
use super::fs::host_path;
use crate::errno::SysResult;
use crate::host;
use crate::thread::Thread;

/// `alarm`: the real interval timer; what was left is rounded to seconds, but is never 0.
pub fn alarm(_: &mut Thread, a: &[u64; 6]) -> SysResult {
    // {interval, value} as two `struct timeval`.
    let new = [0, 0, a[0] & 0xffff_ffff, 0];
    let mut old = [0u64; 4];
    host::call(libc::SYS_setitimer, &[libc::ITIMER_REAL as u64, new.as_ptr() as u64, old.as_mut_ptr() as u64])?;
    let [_, _, sec, usec] = old;
    Ok(sec + u64::from(usec >= 500_000 || (sec == 0 && usec != 0)))
}

/// `time`
pub fn time(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let mut now = [0u64; 2];
    host::call(libc::SYS_clock_gettime, &[libc::CLOCK_REALTIME_COARSE as u64, now.as_mut_ptr() as u64])?;
    if a[0] != 0 {
        t.mem.write_words(a[0], &[now[0]])?;
    }
    Ok(now[0])
}

/// `utime`: `struct utimbuf` has two seconds.
pub fn utime(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let times = match a[1] {
        0 => None,
        at => Some(t.mem.words::<2>(at)?).map(|[access, change]| [access, 0, change, 0]),
    };
    set_times(t, libc::AT_FDCWD as u64, a[0], times)
}

/// `utimes`
pub fn utimes(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    futimesat(t, &[libc::AT_FDCWD as u64, a[0], a[1], 0, 0, 0])
}

/// `futimesat`: two `struct timeval`.
pub fn futimesat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const MICROS: u64 = 1_000_000;
    let times = match a[2] {
        0 => None,
        at => {
            let [access, micros, change, more] = t.mem.words::<4>(at)?;
            if micros >= MICROS || more >= MICROS {
                return fail(libc::EINVAL);
            }
            Some([access, micros * 1000, change, more * 1000])
        }
    };
    set_times(t, a[0], a[1], times)
}

/// `utimensat` with two `struct timespec`; without them, now. A null path means the descriptor itself.
fn set_times(t: &Thread, dir: u64, path: u64, times: Option<[u64; 4]>) -> SysResult {
    let name = if path == 0 { None } else { Some(host_path(t, path, true)?) };
    let name_at = name.as_ref().map_or(0, |n| n.as_ptr() as u64);
    let times_at = times.as_ref().map_or(0, |w| w.as_ptr() as u64);
    t.blocking(libc::SYS_utimensat, &[dir, name_at, times_at, 0, 0, 0])
}
