//! Processor time.

use crate::host;
use std::time::Duration;

/// A clock of the kernel's; 0 if it cannot be read.
fn clock(id: libc::clockid_t) -> Duration {
    let mut now = [0u64; 2];
    match host::call(libc::SYS_clock_gettime, &[id as u64, now.as_mut_ptr() as u64]) {
        Ok(_) => Duration::new(now[0], now[1] as u32),
        Err(_) => Duration::ZERO,
    }
}

/// Processor time, user and system, of this process and of the calling thread. clock_gettime(2), "CLOCK_PROCESS_CPUTIME_ID".
pub fn processor_times() -> (Duration, Duration) {
    (clock(libc::CLOCK_PROCESS_CPUTIME_ID), clock(libc::CLOCK_THREAD_CPUTIME_ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_of_both() {
        let before = processor_times();
        let mut sum = 0u64;
        while processor_times().1 < before.1 + Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(processor_times().0 >= before.0 + Duration::from_millis(2));
    }
}
