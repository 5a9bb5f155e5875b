//! Which predictions of processors went wrong when.
//!
//! *Requirement.* A processor that sees a new generation of the code follows no prediction of an older one that leads to code
//! that is gone. *How.* Each generation comes with the guest addresses whose entries changed; a processor catches up by
//! forgetting these alone. Where code changes often, in programs that compile and patch their own, all the others would
//! have to be found again each time. *Limits.* The latest are kept; who is further behind forgets everything.

use std::collections::VecDeque;

/// Generations, and addresses in all of them, that are kept.
const GENERATIONS: usize = 64;
const ADDRESSES: usize = 4096;

/// The latest generations.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    /// Number of the last one.
    last: u64,
    /// Addresses that lost an entry in `last` and those before it, the latest at the back.
    changes: VecDeque<Box<[u64]>>,
    /// How many addresses these are.
    addresses: usize,
}

impl Stale {
    /// Notes generation `number`, in which the entries of `addresses` changed. Numbers come without a gap.
    pub(crate) fn add(&mut self, number: u64, addresses: Box<[u64]>) {
        self.last = number;
        self.addresses += addresses.len();
        self.changes.push_back(addresses);
        while self.changes.len() > GENERATIONS || self.addresses > ADDRESSES {
            self.addresses -= self.changes.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// The addresses whose entries changed behind generation `seen`; `None` if that is too long ago.
    pub(crate) fn since(&self, seen: u64) -> Option<impl Iterator<Item = u64>> {
        let missed = usize::try_from(self.last.saturating_sub(seen)).ok()?;
        let known = self.changes.len().checked_sub(missed)?;
        Some(self.changes.iter().skip(known).flat_map(|addresses| addresses.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(stale: &Stale, seen: u64) -> Option<Vec<u64>> {
        stale.since(seen).map(Iterator::collect)
    }

    #[test]
    fn what_changed_behind_a_generation() {
        let mut stale = Stale::default();
        assert_eq!(since(&stale, 0), Some(vec![]));
        stale.add(1, [10, 11].into());
        stale.add(2, [].into());
        stale.add(3, [12].into());
        assert_eq!(since(&stale, 0), Some(vec![10, 11, 12]));
        assert_eq!(since(&stale, 1), Some(vec![12]));
        assert_eq!(since(&stale, 3), Some(vec![]));
    }

    #[test]
    fn what_is_long_ago_is_not_known() {
        let mut stale = Stale::default();
        (1..=GENERATIONS as u64 + 1).for_each(|number| stale.add(number, [number].into()));
        assert_eq!(since(&stale, 0), None);
        assert_eq!(since(&stale, 1).map(|all| all.len()), Some(GENERATIONS));
        stale.add(GENERATIONS as u64 + 2, vec![7; ADDRESSES].into());
        assert_eq!(since(&stale, GENERATIONS as u64), None);
        assert_eq!(since(&stale, GENERATIONS as u64 + 1).map(|all| all.len()), Some(ADDRESSES));
        stale.add(GENERATIONS as u64 + 3, vec![7; ADDRESSES + 1].into());
        assert_eq!(since(&stale, GENERATIONS as u64 + 2), None, "more than are kept at all");
        assert_eq!(since(&stale, GENERATIONS as u64 + 3), Some(vec![]));
    }
}
