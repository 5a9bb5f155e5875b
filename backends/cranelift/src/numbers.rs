//! Numbers of slots and counts: given out and back.
//!
//! Both are indices of the same tables ([`crate::slots::Places`]). Each takes whole blocks of numbers, so that those of one
//! kind are in few pages, and few lines of the host's cache.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Numbers that are taken at once: entries of 32 bits in a page.
const BLOCK: u32 = 1024;

/// Numbers that nobody has taken.
#[derive(Debug)]
pub(crate) struct Supply {
    next: AtomicU32,
    end: u32,
}

impl Supply {
    /// Those below `end`, in whole blocks.
    pub(crate) fn new(end: u32) -> Arc<Supply> {
        Arc::new(Supply { next: AtomicU32::new(0), end })
    }

    fn take(&self) -> Option<Range<u32>> {
        let fits = |next: u32| (self.end - next >= BLOCK).then_some(next + BLOCK);
        let start = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(start..start + BLOCK)
    }
}

/// Numbers of one kind, each used by one at a time.
#[derive(Debug)]
pub(crate) struct Numbers {
    supply: Arc<Supply>,
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    /// Numbers never used.
    fresh: Range<u32>,
    /// Numbers given back.
    back: Vec<u32>,
}

impl Numbers {
    pub(crate) fn new(supply: Arc<Supply>) -> Numbers {
        Numbers { supply, free: Mutex::default() }
    }

    /// `count` numbers, unless they have run out.
    pub(crate) fn allocate(&self, count: usize) -> Option<Vec<u32>> {
        let mut free = self.free.lock().unwrap_or_else(|e| e.into_inner());
        let mut got = Vec::with_capacity(count);
        let kept = free.back.len().saturating_sub(count);
        got.extend(free.back.drain(kept..));
        while got.len() < count {
            if free.fresh.is_empty() {
                match self.supply.take() {
                    Some(block) => free.fresh = block,
                    None => {
                        free.back.append(&mut got);
                        return None;
                    }
                }
            }
            let missing = count - got.len();
            got.extend(free.fresh.by_ref().take(missing));
        }
        Some(got)
    }

    /// Gives a number back that nobody names any more.
    pub(crate) fn free(&self, number: u32) {
        self.free.lock().unwrap_or_else(|e| e.into_inner()).back.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_by_one_at_a_time_and_run_out() {
        let supply = Supply::new(3 * BLOCK + 5);
        let [a, b] = [Numbers::new(Arc::clone(&supply)), Numbers::new(supply)];
        assert_eq!(a.allocate(3), Some(vec![0, 1, 2]));
        assert_eq!(b.allocate(2), Some(vec![BLOCK, BLOCK + 1]));
        let more = a.allocate(BLOCK as usize).unwrap();
        assert_eq!(more, Vec::from_iter((3..BLOCK).chain(2 * BLOCK..2 * BLOCK + 3)));
        assert_eq!(a.allocate(BLOCK as usize), None);
        assert_eq!(b.allocate(BLOCK as usize - 1), None);
        a.free(1);
        b.free(BLOCK);
        assert_eq!(a.allocate(1), Some(vec![1]));
        assert_eq!(a.allocate(0), Some(vec![]));
        // What could not be given out is there still.
        let rest: std::collections::BTreeSet<_> = b.allocate(BLOCK as usize - 1).unwrap().into_iter().collect();
        assert_eq!(rest, (BLOCK..2 * BLOCK).filter(|&n| n != BLOCK + 1).collect());
        assert_eq!(b.allocate(1), None);
    }
}
