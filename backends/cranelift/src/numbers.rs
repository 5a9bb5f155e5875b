//! What slots and counts have in common: numbers given out and back, and tables of atomics by number.
#![allow(unsafe_code, reason = "memory as arrays of atomics, read and written by generated code")]

use crate::arena::Beside;
use memmap2::MmapMut;
use std::io;
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Numbers from a range, each used by one at a time.
#[derive(Debug)]
pub(crate) struct Numbers {
    end: usize,
    free: Mutex<Free>,
}

#[derive(Debug)]
struct Free {
    /// First number never used.
    next: u32,
    /// Numbers given back.
    back: Vec<u32>,
}

impl Numbers {
    pub(crate) fn new(first: u32, end: usize) -> Numbers {
        Numbers { end, free: Mutex::new(Free { next: first, back: Vec::new() }) }
    }

    /// `count` numbers, unless they have run out.
    pub(crate) fn allocate(&self, count: usize) -> Option<Vec<u32>> {
        let mut free = self.free.lock().unwrap_or_else(|e| e.into_inner());
        let fresh = count.saturating_sub(free.back.len());
        if free.next as usize + fresh > self.end {
            return None;
        }
        let kept = free.back.len() - (count - fresh);
        let mut got = Vec::with_capacity(count);
        got.extend(free.back.drain(kept..));
        got.extend(free.next..free.next + fresh as u32);
        free.next += fresh as u32;
        Some(got)
    }

    /// Gives a number back that nobody names any more.
    pub(crate) fn free(&self, number: u32) {
        self.free.lock().unwrap_or_else(|e| e.into_inner()).back.push(number);
    }
}

/// A table of our own; zeros at first. Memory is taken as it is used.
#[derive(Debug)]
pub(crate) struct Words(MmapMut);

impl Words {
    pub(crate) fn new(len: usize) -> io::Result<Words> {
        Ok(Words(MmapMut::map_anon(len * 8)?))
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: page-aligned, of this length, zeros at first, and ever accessed as atomics only. Nobody else has it.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() / 8) }
    }
}

/// All of `beside`, as doublewords.
pub(crate) fn doublewords(beside: &Beside) -> &[AtomicU64] {
    // SAFETY: as in `Words::deref`; its one owner sees it as doublewords only.
    unsafe { std::slice::from_raw_parts(beside.start().cast(), beside.len() / 8) }
}

/// All of `beside`, as words.
pub(crate) fn words(beside: &Beside) -> &[AtomicU32] {
    // SAFETY: as in `Words::deref`; its one owner sees it as words only.
    unsafe { std::slice::from_raw_parts(beside.start().cast(), beside.len() / 4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_by_one_at_a_time_and_run_out() {
        let numbers = Numbers::new(2, 6);
        assert_eq!(numbers.allocate(3), Some(vec![2, 3, 4]));
        assert_eq!(numbers.allocate(2), None);
        numbers.free(3);
        assert_eq!(numbers.allocate(2), Some(vec![3, 5]));
        assert_eq!(numbers.allocate(1), None);
        assert_eq!(numbers.allocate(0), Some(vec![]));
    }
}
