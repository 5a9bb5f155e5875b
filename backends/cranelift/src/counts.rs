//! What is left of the entries of tier 1's blocks before they are hot, and where they lead then.
//!
//! Every entry of a block writes its count: counts of blocks that run together are in few lines of the host's cache.

use crate::arena::Beside;
use crate::numbers::{Numbers, Words, words};
use std::sync::atomic::{AtomicU32, Ordering};

/// Index of a count.
pub(crate) type Count = u32;

/// All counts of one code arena.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Entries left; negative from when the block is hot. Within reach of generated code.
    left: Beside,
    /// Where a hot block leads; 0 for the run loop.
    hosts: Words,
    /// Guest addresses of the blocks.
    pcs: Words,
    numbers: Numbers,
}

impl Counts {
    /// As many counts as there is room for in `beside`.
    pub(crate) fn new(beside: Beside) -> std::io::Result<Counts> {
        let len = beside.len() / 4;
        Ok(Counts { left: beside, hosts: Words::new(len)?, pcs: Words::new(len)?, numbers: Numbers::new(0, len) })
    }

    fn left(&self) -> &[AtomicU32] {
        words(&self.left)
    }

    /// Address of the table of where hot blocks lead, for `Env::hot_hosts`.
    pub(crate) fn hosts_address(&self) -> u64 {
        self.hosts.as_ptr() as u64
    }

    /// Address of the count's word.
    pub(crate) fn word(&self, count: Count) -> u64 {
        self.left.start() as u64 + 4 * u64::from(count)
    }

    /// Counts for blocks at these addresses, unless they have run out.
    pub(crate) fn allocate(&self, addresses: &[u64]) -> Option<Vec<Count>> {
        let got = self.numbers.allocate(addresses.len())?;
        for (&count, &pc) in got.iter().zip(addresses) {
            self.pcs[count as usize].store(pc, Ordering::Relaxed);
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
        self.pcs[count as usize].load(Ordering::Relaxed)
    }

    /// Has the block lead to `host` once it is hot, or to the run loop again if that is 0.
    pub(crate) fn lead(&self, count: Count, host: u64) {
        self.hosts[count as usize].store(host, Ordering::Release);
    }

    /// Makes the block hot after `left` more entries.
    pub(crate) fn set(&self, count: Count, left: u32) {
        self.left()[count as usize].store(left.min(i32::MAX as u32), Ordering::Relaxed);
    }

    /// What is left.
    pub(crate) fn get(&self, count: Count) -> u32 {
        (self.left()[count as usize].load(Ordering::Relaxed) as i32).max(0) as u32
    }
}
