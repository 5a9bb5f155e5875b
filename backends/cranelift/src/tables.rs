//! Tables of atomics beside the code, read and written by generated code and signal handlers.
//!
//! *Requirement.* The tables have room for all code there may be, and most programs use a page of each. At a fork the
//! kernel makes a page table for every 2 MiB that have a page in use.
//! *How.* Two tables share a border in the middle of such a range: one grows up from there, the other one down.
#![allow(unsafe_code, reason = "memory as arrays of atomics")]

use memmap2::MmapMut;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

/// What a page table of the host maps, in bytes.
const RANGE: usize = 2 << 20;

/// Atomics of which zeros are one.
pub(crate) trait Zeroed {}

impl Zeroed for AtomicU32 {}
impl Zeroed for AtomicU64 {}
impl<T> Zeroed for AtomicPtr<T> {}

/// A table; zeros at first. Memory is taken as it is used.
#[derive(Debug)]
pub(crate) struct Table<A> {
    space: Arc<MmapMut>,
    /// Offset of what the entries are counted from.
    border: usize,
    down: bool,
    len: usize,
    entries: PhantomData<A>,
}

/// Bytes that [`pair`] needs for tables of so many.
pub(crate) const fn room(down: usize, up: usize) -> usize {
    down + up + RANGE
}

/// Two tables with `len` entries each in the bytes of `space` from offset `from` on, which nobody else uses.
pub(crate) fn pair<A: Zeroed, B: Zeroed>(space: &Arc<MmapMut>, from: usize, len: usize) -> (Table<A>, Table<B>) {
    let first = space.as_ptr() as usize + from + len * size_of::<A>();
    let border = from + len * size_of::<A>() + (RANGE / 2).wrapping_sub(first) % RANGE;
    assert!(border + len * size_of::<B>() <= space.len());
    (Table::new(space, border, true, len), Table::new(space, border, false, len))
}

impl<A: Zeroed> Table<A> {
    fn new(space: &Arc<MmapMut>, border: usize, down: bool, len: usize) -> Table<A> {
        Table { space: Arc::clone(space), border, down, len, entries: PhantomData }
    }

    /// Address of entry `index`, which may be one that there is none of.
    pub(crate) fn address(&self, index: usize) -> u64 {
        let border = self.space.as_ptr() as u64 + self.border as u64;
        let size = size_of::<A>() as u64;
        if self.down { border - (index as u64 + 1) * size } else { border + index as u64 * size }
    }

    /// Entry `index`.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &A {
        assert!(index < self.len);
        // SAFETY: inside the mapping, which lives as long as the table, aligned as its size is, zeros at first, and ever
        // accessed as atomics only: nobody else has these bytes.
        unsafe { &*(self.address(index) as *const A) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn first_entries_are_in_one_range_and_all_are_apart() {
        const LEN: usize = 1 << 19;
        for from in [0, 4096, RANGE / 2, RANGE, 3 * RANGE - 4096] {
            let space = Arc::new(MmapMut::map_anon(from + room(4 * LEN, 8 * LEN)).unwrap());
            let (a, b) = pair::<AtomicU32, AtomicU64>(&space, from, LEN);
            let range = |at: u64| at as usize / RANGE;
            assert_eq!(range(a.address(1 << 17)), range(b.address(1 << 16)));
            assert!(a.address(LEN - 1) >= space.as_ptr() as u64 + from as u64);
            for index in [0, 1, LEN - 1] {
                a.at(index).store(index as u32 + 1, Ordering::Relaxed);
                b.at(index).store(index as u64 + 9, Ordering::Relaxed);
            }
            assert_eq!([0, 1, LEN - 1].map(|i| a.at(i).load(Ordering::Relaxed)), [1, 2, LEN as u32]);
            assert_eq!([0, 1, LEN - 1].map(|i| b.at(i).load(Ordering::Relaxed)), [9, 10, LEN as u64 + 8]);
        }
    }
}
