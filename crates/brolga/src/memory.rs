//! The allocator: the C library's, but for what [`brolga_core::near`] is told of and the small blocks of [`crate::heap`].
#![allow(unsafe_code, reason = "an allocator")]

use crate::heap;
use brolga_core::near;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes for the first thread and what its process shares; later threads have no fork to care for.
const SIZE: usize = 8192;

/// What other threads read is in no line of the host's cache with what this one writes.
const LINE: usize = 64;

/// Pages that are given out from the start, and never taken back.
#[repr(align(4096))]
struct Pages(UnsafeCell<[u8; SIZE]>);

// SAFETY: each byte is given out once.
unsafe impl Sync for Pages {}

static PAGES: Pages = Pages(UnsafeCell::new([0; SIZE]));

/// Bytes of them that were given out.
static USED: AtomicUsize = AtomicUsize::new(0);

impl Pages {
    /// Zeros, if there is room.
    #[cold]
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let start = |used: usize| used.next_multiple_of(layout.align().max(LINE));
        let end = |used: usize| start(used).checked_add(layout.size()).filter(|&end| end <= SIZE);
        let used = USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
        Some(self.0.get().cast::<u8>().wrapping_add(start(used)))
    }

    #[inline]
    fn hold(&self, at: *mut u8) -> bool {
        (at as usize).wrapping_sub(self.0.get() as usize) < SIZE
    }
}

/// See the module.
#[derive(Debug)]
pub struct Allocator;

/// A block of ours, and whether it is zero.
#[inline]
fn take(layout: Layout) -> Option<(*mut u8, bool)> {
    if near::is_wanted()
        && let Some(at) = PAGES.take(layout)
    {
        return Some((at, true));
    }
    if layout.align() <= heap::ALIGN { heap::take(layout.size()) } else { None }
}

// SAFETY: what comes from `PAGES` is of the layout asked for, nobody else's, and never given out again; what comes from
// `heap` is nobody else's until it is given back; the rest is the system's. Who has a block is told by its address.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some((at, _)) => at,
            // SAFETY: as the caller says.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some((at, true)) => at,
            Some((at, false)) => {
                // SAFETY: the block has so many bytes.
                unsafe { at.write_bytes(0, layout.size()) };
                at
            }
            // SAFETY: as the caller says.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if heap::holds(at) {
            heap::give(at, layout.size());
        } else if !PAGES.hold(at) {
            // SAFETY: the caller has it from `alloc`, and that from the system.
            unsafe { System.dealloc(at, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if heap::holds(at) {
            if heap::resize(at, layout.size(), size) {
                return at;
            }
        } else if !PAGES.hold(at) {
            // SAFETY: as in `dealloc`.
            return unsafe { System.realloc(at, layout, size) };
        }
        // SAFETY: the caller says that `size` is good with this alignment.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are valid for so many bytes, and apart; the old one is the caller's to give up.
            unsafe {
                std::ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga_core::near::near;

    #[test]
    fn near_values_are_side_by_side_and_grow_and_go_like_others() {
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        // SAFETY: every block is used in its size and given back with its layout.
        unsafe {
            let a = near(|| Allocator.alloc(layout(5, 1)));
            let b = near(|| Allocator.alloc_zeroed(layout(64, 8)));
            assert!(PAGES.hold(a) && PAGES.hold(b));
            assert_eq!((a as usize % LINE, b as usize - a as usize), (0, LINE));
            a.copy_from(b"hello".as_ptr(), 5);
            assert_eq!(std::slice::from_raw_parts(b, 64), [0; 64]);
            let longer = Allocator.realloc(a, layout(5, 1), 500);
            assert!(!PAGES.hold(longer));
            assert_eq!(std::slice::from_raw_parts(longer, 5), b"hello");
            Allocator.dealloc(longer, layout(500, 1));
            Allocator.dealloc(b, layout(64, 8));
            let large = near(|| Allocator.alloc(layout(SIZE, 1)));
            assert!(!PAGES.hold(large));
            Allocator.dealloc(large, layout(SIZE, 1));
        }
    }
}
