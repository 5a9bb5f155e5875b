//! What is left of the entries of tier 1's blocks before they are hot, and where they lead then.
//!
//! Every entry of a block writes its count: counts of blocks that run together are in few lines of the host's cache.

use crate::numbers::{Numbers, Supply};
use crate::slots::Places;
use crate::tables::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Index of a count. No slot has the same one.
pub(crate) type Count = u32;

/// All counts of one code arena.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Entries left; negative from when the block is hot. Within reach of generated code.
    left: Table<AtomicU32>,
    /// Where a hot block leads, 0 for the run loop; and the guest addresses of the blocks.
    places: Arc<Places>,
    numbers: Numbers,
}

impl Counts {
    /// Counts with numbers of `supply`.
    pub(crate) fn new(left: Table<AtomicU32>, places: Arc<Places>, supply: Arc<Supply>) -> Counts {
        Counts { left, places, numbers: Numbers::new(supply) }
    }

    /// Address of the table of where hot blocks lead, for `Env::hot_hosts`.
    pub(crate) fn hosts_address(&self) -> u64 {
        self.places.hosts.address(0)
    }

    /// Address of the count's word.
    pub(crate) fn word(&self, count: Count) -> u64 {
        self.left.address(count as usize)
    }

    /// Counts for blocks at these addresses, unless they have run out.
    pub(crate) fn allocate(&self, addresses: &[u64]) -> Option<Vec<Count>> {
        let got = self.numbers.allocate(addresses.len())?;
        for (&count, &pc) in got.iter().zip(addresses) {
            self.places.pcs.at(count as usize).store(pc, Ordering::Relaxed);
            self.lead(count, 0);
        }
        Some(got)
    }

    /// Gives a count back that no code names any more.
    pub(crate) fn free(&self, count: Count) {
        self.numbers.free(count);
    }

    /// Guest address of the block.
    pub(crate) fn pc(&self, count: Count) -> u64 {
        self.places.pcs.at(count as usize).load(Ordering::Relaxed)
    }

    /// Has the block lead to `host` once it is hot, or to the run loop again if that is 0.
    pub(crate) fn lead(&self, count: Count, host: u64) {
        self.places.hosts.at(count as usize).store(host, Ordering::Release);
    }

    /// Makes the block hot after `left` more entries.
    pub(crate) fn set(&self, count: Count, left: u32) {
        self.left.at(count as usize).store(left.min(i32::MAX as u32), Ordering::Relaxed);
    }

    /// What is left.
    pub(crate) fn get(&self, count: Count) -> u32 {
        (self.left.at(count as usize).load(Ordering::Relaxed) as i32).max(0) as u32
    }
}
