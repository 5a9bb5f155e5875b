//! How much time translators may take beside the guest.
//!
//! *Requirement.* Most programs are short: what compiling their hot code costs must not exceed what it saves. Long ones are
//! to have all of it.
//! *How.* The threads that compile regions together use at most a share of the processor time that the guest has used.
//! As they do the hottest job first, a program gets what pays most at once and the rest as it goes on, and none
//! needs more than that share on top.
//! *Limits.* What a job takes is not known before; a thread rests behind it.

use crate::config::Config;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Processor time of the process, and of the thread that asks.
pub type Times = fn() -> (Duration, Duration);

/// What translators have before the guest has done anything.
const GRACE: Duration = Duration::from_millis(40);
/// No rest is longer: the guest may have several threads.
const LONGEST: Duration = Duration::from_millis(50);

/// The share and what was used of it.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Percent of the guest's time; 0 for no limit.
    share: u32,
    times: Times,
    /// Nanoseconds.
    used: AtomicU64,
}

impl Pace {
    pub(crate) fn new(config: &Config) -> Pace {
        Pace { share: config.share, times: config.times, used: AtomicU64::new(0) }
    }

    /// Runs `job` and counts the time of the thread.
    pub(crate) fn counted(&self, job: impl FnOnce()) {
        if self.share == 0 {
            return job();
        }
        let before = (self.times)().1;
        job();
        let taken = (self.times)().1.saturating_sub(before);
        self.used.fetch_add(taken.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How long to rest before the next job, if at all.
    pub(crate) fn rest(&self) -> Option<Duration> {
        if self.share == 0 {
            return None;
        }
        let used = Duration::from_nanos(self.used.load(Ordering::Relaxed));
        let guest = (self.times)().0.saturating_sub(used);
        let ahead = used.checked_sub(GRACE + guest * self.share / 100).filter(|ahead| !ahead.is_zero())?;
        Some((ahead * 100 / self.share).min(LONGEST))
    }

    /// In a child of a fork, whose times begin at 0.
    pub(crate) fn forked(&self) {
        self.used.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static NOW: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    /// Milliseconds of the process and of the thread.
    fn times() -> (Duration, Duration) {
        let (process, thread) = NOW.get();
        (Duration::from_millis(process), Duration::from_millis(thread))
    }

    #[test]
    fn translators_rest_when_they_used_their_share() {
        let pace = Pace::new(&Config { share: 25, times, ..Config::default() });
        assert_eq!(pace.rest(), None);
        // The guest ran for 40 ms, the translator for what it has in any case, a quarter of that, and 5 more.
        NOW.set((95, 0));
        pace.counted(|| NOW.set((95, 55)));
        assert_eq!(pace.rest(), Some(Duration::from_millis(20)));
        NOW.set((115, 55));
        assert_eq!(pace.rest(), None);
        NOW.set((115, 1000));
        pace.counted(|| NOW.set((115, 2000)));
        assert_eq!(pace.rest(), Some(LONGEST));
        pace.forked();
        assert_eq!(pace.rest(), None);
    }

    #[test]
    fn without_a_share_nothing_is_asked() {
        let pace = Pace::new(&Config { share: 0, times: || unreachable!(), ..Config::default() });
        pace.counted(|| ());
        assert_eq!(pace.rest(), None);
    }
}
