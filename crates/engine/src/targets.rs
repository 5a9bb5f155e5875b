//! Where an indirect jump or call goes most of the time.
//!
//! *How.* Misra and Gries, "Finding repeated elements": a few counted candidates; whatever is none of them takes one
//! from each. Counts of several processors may get lost, which makes a guess worse, never wrong.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Candidates kept.
const CANDIDATES: usize = 14;
/// Part of all that a candidate must have to be worth a comparison.
const SHARE: u32 = 64;

#[derive(Debug, Default)]
struct Candidate {
    pc: AtomicU64,
    count: AtomicU32,
}

/// The targets of one block's end.
#[derive(Debug, Default)]
pub struct Targets([Candidate; CANDIDATES]);

impl Targets {
    /// Counts one jump to `pc`.
    pub fn note(&self, pc: u64) {
        let mut vacant = None;
        for candidate in &self.0 {
            let count = candidate.count.load(Relaxed);
            if count == 0 {
                vacant = Some(candidate);
            } else if candidate.pc.load(Relaxed) == pc {
                return candidate.count.store(count.saturating_add(1), Relaxed);
            }
        }
        if let Some(candidate) = vacant {
            candidate.pc.store(pc, Relaxed);
            candidate.count.store(1, Relaxed);
            return;
        }
        for candidate in &self.0 {
            candidate.count.store(candidate.count.load(Relaxed).saturating_sub(1), Relaxed);
        }
    }

    /// The most frequent targets, the first one first.
    pub fn likely(&self) -> Vec<u64> {
        let mut all: Vec<_> = self.0.iter().map(|c| (c.count.load(Relaxed), c.pc.load(Relaxed))).collect();
        let sum = all.iter().fold(0u32, |sum, c| sum.saturating_add(c.0));
        all.retain(|c| c.0 > sum / SHARE);
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.into_iter().map(|c| c.1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_targets_are_found_among_many() {
        let targets = Targets::default();
        for i in 0..1000 {
            targets.note(if i % 2 == 0 {
                0x100
            } else if i % 4 == 1 {
                0x200
            } else {
                0x1000 + i
            });
        }
        assert_eq!(targets.likely()[..2], [0x100, 0x200]);
        assert!(Targets::default().likely().is_empty());
    }
}
