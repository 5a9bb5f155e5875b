//! Asks processors to come back to their run loop.
//!
//! *Requirement.* After code changed, every processor must soon stop running what was made from the old bytes,
//! also one that loops inside a region or follows its own predictions.
//! *How.* Each processor's exit word is registered for as long as the processor lives; a kick sets all of them.
//! *Limits.* A processor that is outside translated code takes the request at its next entry, for nothing.
#![allow(
    unsafe_code,
    reason = "another thread's exit word lies in its owner's register file, which generated code shares"
)]

use brolga_core::Env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

struct Word(*const AtomicU32);

// SAFETY: the pointer is followed only while it is registered, to an atomic.
unsafe impl Send for Word {}

/// Exit words of the processors of one address space.
#[derive(Default)]
pub(crate) struct Kicks(Mutex<Vec<Word>>);

impl Kicks {
    /// Registers `env`, whose address stays until [`Kicks::remove`].
    pub(crate) fn add(&self, env: &Env) {
        self.0.lock().expect("no panic under the lock").push(Word(&raw const env.exit_request));
    }

    /// Forgets `env`; must be called before it goes.
    pub(crate) fn remove(&self, env: &Env) {
        let word = &raw const env.exit_request;
        self.0.lock().expect("no panic under the lock").retain(|w| w.0 != word);
    }

    /// Keeps the list from changing while the guard lives.
    pub(crate) fn hold(&self) -> impl Sized {
        self.0.lock()
    }

    /// Asks every registered processor to leave translated code.
    pub(crate) fn all(&self) {
        for word in self.0.lock().expect("no panic under the lock").iter() {
            // SAFETY: registered words are alive: removal waits for the lock.
            unsafe { &*word.0 }.store(1, Ordering::Release);
        }
    }
}
