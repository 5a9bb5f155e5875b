//! The processors of one address space, as others see them.
//!
//! *Requirement.* After code changed, every processor must soon stop running what was made from the old bytes, also
//! one that loops inside a region; and host code may be freed only when no processor can still be in it.
//! *How.* Each processor's exit word is registered for as long as the processor lives; a kick sets all of them. Each
//! also tells which generation of the code it last started from: at the top of its run loop it follows no prediction
//! of an earlier one. Code retired in generation g is unreachable when every processor tells g or later.
//! *Limits.* A processor that is outside translated code takes the request at its next entry, for nothing.
#![allow(
    unsafe_code,
    reason = "another thread's exit word lies in its owner's register file, which generated code shares"
)]

use brolga_core::Env;
use brolga_core::near::near;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What a processor tells that is not in translated code and has no prediction it would follow unseen.
const OUTSIDE: u64 = u64::MAX;

/// One processor.
#[derive(Debug)]
pub(crate) struct Processor {
    exit: *const AtomicU32,
    generation: AtomicU64,
}

// SAFETY: the pointer is followed only while it is registered, to an atomic.
unsafe impl Send for Processor {}
// SAFETY: the same.
unsafe impl Sync for Processor {}

impl Processor {
    /// Tells that what follows starts from `generation`.
    #[inline]
    pub(crate) fn at(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
    }

    /// Enters translated code. The caller must look at the generation once more after this.
    pub(crate) fn enter(&self, generation: u64) {
        self.at(generation);
        // Either whoever retires code sees this processor, or this processor sees the new generation.
        fence(Ordering::SeqCst);
    }

    /// Leaves translated code.
    pub(crate) fn leave(&self) {
        self.at(OUTSIDE);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Processors {
    list: Mutex<Vec<Arc<Processor>>>,
    /// Whether there was ever more than one at a time.
    several: AtomicBool,
}

impl Processors {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Processor>>> {
        self.list.lock().expect("no panic under the lock")
    }

    /// Registers the processor with `env`, whose address stays until [`Processors::remove`].
    pub(crate) fn add(&self, env: &Env) -> Arc<Processor> {
        let new = Processor { exit: &raw const env.exit_request, generation: AtomicU64::new(OUTSIDE) };
        let new = near(|| Arc::new(new));
        let mut list = self.list();
        if !list.is_empty() {
            self.several.store(true, Ordering::Relaxed);
        }
        near(|| list.push(Arc::clone(&new)));
        new
    }

    /// Forgets a processor; must be called before its `Env` goes.
    pub(crate) fn remove(&self, gone: &Arc<Processor>) {
        self.list().retain(|p| !Arc::ptr_eq(p, gone));
    }

    /// Asks every processor to leave translated code.
    pub(crate) fn kick(&self) {
        for p in self.list().iter() {
            // SAFETY: registered words are alive: removal waits for the lock.
            unsafe { &*p.exit }.store(Env::ASKED, Ordering::Release);
        }
    }

    /// Whether no processor can be in, or go to, code that was retired in `generation` or before.
    pub(crate) fn past(&self, generation: u64) -> bool {
        fence(Ordering::SeqCst);
        self.list().iter().all(|p| p.generation.load(Ordering::Acquire) >= generation)
    }

    /// Kicks and waits until [`Processors::past`]; false if that takes longer than `limit`.
    pub(crate) fn wait_past(&self, generation: u64, limit: Duration) -> bool {
        let start = Instant::now();
        let mut pause = Duration::from_micros(5);
        while !self.past(generation) {
            if start.elapsed() > limit {
                return false;
            }
            self.kick();
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
        true
    }

    /// Whether there never was more than one at a time. One that is gone may have a thread that is not yet.
    pub(crate) fn were_ever_one(&self) -> bool {
        !self.several.load(Ordering::Relaxed)
    }

    /// Runs `action`, which may fork and tells in the child its number, while the list does not change. A child
    /// has no processor but `own`.
    pub(crate) fn around_fork(&self, own: &Arc<Processor>, action: &mut dyn FnMut() -> Option<u32>) -> Option<u32> {
        let mut list = self.list();
        let child = action();
        if child.is_some() {
            list.retain(|p| Arc::ptr_eq(p, own));
            self.several.store(false, Ordering::Relaxed);
        }
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_code_is_past_when_nobody_started_before_it() {
        let (all, a, b) = (Processors::default(), Env::default(), Env::default());
        let (a, b) = (all.add(&a), all.add(&b));
        assert!(all.past(5), "both are outside");
        a.enter(4);
        b.enter(5);
        assert!(all.past(4) && !all.past(5));
        assert!(!all.wait_past(5, Duration::from_millis(2)));
        a.at(6);
        assert!(all.past(5) && !all.past(6));
        b.leave();
        assert!(all.past(6));
    }

    #[test]
    fn fork_with_company_knows_it_and_its_child_is_alone() {
        let (all, a, b) = (Processors::default(), Env::default(), Env::default());
        let first = all.add(&a);
        assert!(all.were_ever_one());
        let second = all.add(&b);
        all.remove(&second);
        assert!(!all.were_ever_one(), "its thread may hold a lock still");
        assert_eq!(all.around_fork(&first, &mut || None), None);
        assert!(!all.were_ever_one(), "the parent");
        assert_eq!(all.around_fork(&first, &mut || Some(7)), Some(7));
        assert!(all.were_ever_one() && all.list().len() == 1);
    }
}
