//! Helpers by which guests read what the guest's state does not determine.

use brolga_core::Env;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Units of [`counter`] in a second.
pub const COUNTER_HZ: u64 = 1_000_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the first use.
pub extern "C" fn counter(_env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    START.elapsed().as_nanos() as u64
}

/// A random number, from the host's entropy.
pub extern "C" fn random(_env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let mut h = KEYS.build_hasher();
    h.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    h.finish()
}
