//! Small blocks of the first thread.
//!
//! *Requirement.* Translation allocates and frees some blocks of memory for each block of the guest: a tenth of a first run went to a
//! general allocator, and as much to page faults.
//! *How.* Blocks of a few sizes, each with a list of free ones; what is new comes from one range in order. One thread
//! allocates, so there are no locks: others put what they free on a list that it takes over. The kernel is asked for
//! memory in steps, for less than faults cost. The range is part of the program's data, in the same mapping and page
//! tables: a fork copies nothing for it alone.
//! *Limits.* A block stays of its size for good. What is large, or beyond the range, is the C library's business. Handlers of
//! signals do not allocate, here as with any allocator: they may have interrupted one.
#![allow(unsafe_code, reason = "an allocator")]

use std::cell::{Cell, UnsafeCell};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes of the range. Not more: a limit of data or address space counts them.
const SIZE: usize = 32 << 20;
/// Largest block.
pub const LARGEST: usize = 32 << 10;
/// Alignment of all blocks.
pub const ALIGN: usize = 16;
/// Sizes of blocks.
const CLASSES: usize = class(LARGEST) + 1;

/// Bytes that the kernel is asked for at once: a quarter of what is in use, within these.
const STEP: (usize, usize) = (64 << 10, 256 << 10);

/// Number of the least size that holds `size` bytes: multiples of 16 up to 128, then four sizes for each doubling.
const fn class(size: usize) -> usize {
    if size <= 128 {
        return size.saturating_sub(1) / 16;
    }
    let doubling = (size - 1).ilog2() as usize;
    8 + (doubling - 7) * 4 + ((size - 1) >> (doubling - 2) & 3)
}

/// Bytes of blocks of a class.
const fn bytes(class: usize) -> usize {
    if class < 8 {
        return (class + 1) * 16;
    }
    let (doubling, quarter) = ((class - 8) / 4 + 7, (class - 8) % 4);
    (5 + quarter) << (doubling - 2)
}

/// A block that is free.
struct Free {
    next: *mut Free,
    class: usize,
}

/// What one thread has.
struct State {
    free: [*mut Free; CLASSES],
    /// Bytes of the range that were given out.
    used: usize,
    /// Most there ever were: behind them all is zero.
    touched: usize,
    /// Bytes that the kernel was asked for.
    backed: usize,
}

#[repr(align(4096))]
struct Range(UnsafeCell<[u8; SIZE]>);

/// The heap.
struct Heap {
    state: UnsafeCell<State>,
    /// What other threads freed.
    foreign: AtomicPtr<Free>,
}

// SAFETY: `State` and the range are used by one thread, and by others only through `foreign`.
unsafe impl Sync for Heap {}
// SAFETY: the same.
unsafe impl Sync for Range {}

static RANGE: Range = Range(UnsafeCell::new([0; SIZE]));
static HEAP: Heap = Heap {
    state: UnsafeCell::new(State { free: [null_mut(); CLASSES], used: 0, touched: 0, backed: 0 }),
    foreign: AtomicPtr::new(null_mut()),
};

thread_local! {
    static OWNER: Cell<bool> = const { Cell::new(false) };
}

/// Lets this thread, the first one, have the heap.
pub fn own() {
    OWNER.set(true);
}

fn start() -> *mut u8 {
    RANGE.0.get().cast()
}

/// Whether a block is from here.
#[inline]
pub fn holds(at: *mut u8) -> bool {
    (at as usize).wrapping_sub(start() as usize) < SIZE
}

/// This thread's heap, if it has one.
#[inline]
fn mine() -> Option<&'static mut State> {
    // SAFETY: one thread in a process is the owner, and a child of it has a copy. No function of this module holds the
    // reference while it calls another one that takes it.
    OWNER.get().then(|| unsafe { &mut *HEAP.state.get() })
}

/// A block of at least `size` bytes, and whether all of it is zero; `None` if the C library is to be asked.
#[inline]
pub fn take(size: usize) -> Option<(*mut u8, bool)> {
    if size > LARGEST {
        return None;
    }
    let (heap, class) = (mine()?, class(size));
    let free = heap.free[class];
    if free.is_null() {
        return heap.fresh(class);
    }
    // SAFETY: a free block, which its list alone knows.
    heap.free[class] = unsafe { (*free).next };
    Some((free.cast(), false))
}

/// Takes back a block that [`holds`] and that `size` bytes were asked for.
#[inline]
pub fn give(at: *mut u8, size: usize) {
    let (free, class) = (at.cast::<Free>(), class(size));
    let Some(heap) = mine() else { return give_foreign(free, class) };
    // SAFETY: the block is nobody's any more and has room for this: 16 bytes.
    unsafe { free.write(Free { next: heap.free[class], class }) };
    heap.free[class] = free;
}

#[cold]
fn give_foreign(free: *mut Free, class: usize) {
    let mut next = HEAP.foreign.load(Ordering::Relaxed);
    loop {
        // SAFETY: as in `give`.
        unsafe { free.write(Free { next, class }) };
        match HEAP.foreign.compare_exchange_weak(next, free, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => next = now,
        }
    }
}

/// Makes a block that [`holds`], of `old` bytes, one of `new` bytes where it is; tells whether it could.
#[inline]
pub fn resize(at: *mut u8, old: usize, new: usize) -> bool {
    let (from, to) = (class(old), if new > LARGEST { CLASSES } else { class(new) });
    from == to || to < CLASSES && mine().is_some_and(|heap| heap.resize_last(at, bytes(from), bytes(to)))
}

/// Has the kernel give memory to a part of the range. Where it does not know of this, there are faults.
fn back(from: usize, to: usize) {
    const MADV_POPULATE_WRITE: i32 = 23;
    // SAFETY: maps pages of our own range; nothing in them changes.
    unsafe { libc::madvise(start().wrapping_add(from).cast(), to - from, MADV_POPULATE_WRITE) };
}

impl State {
    #[cold]
    fn fresh(&mut self, class: usize) -> Option<(*mut u8, bool)> {
        self.take_foreign();
        let free = self.free[class];
        if !free.is_null() {
            // SAFETY: as in `take`.
            self.free[class] = unsafe { (*free).next };
            return Some((free.cast(), false));
        }
        let at = self.used;
        if SIZE - at < bytes(class) {
            return None;
        }
        let zero = at >= self.touched;
        self.advance(at + bytes(class));
        Some((start().wrapping_add(at), zero))
    }

    /// Gives out bytes up to offset `used`, or takes some back.
    fn advance(&mut self, used: usize) {
        self.used = used;
        self.touched = self.touched.max(used);
        if used > self.backed {
            let end = (used + (used / 4).clamp(STEP.0, STEP.1)).next_multiple_of(4096).min(SIZE);
            back(self.backed, end);
            self.backed = end;
        }
    }

    /// Takes what other threads freed.
    fn take_foreign(&mut self) {
        if HEAP.foreign.load(Ordering::Relaxed).is_null() {
            return;
        }
        let mut next = HEAP.foreign.swap(null_mut(), Ordering::Acquire);
        while !next.is_null() {
            // SAFETY: free blocks that this list alone knows.
            let free = unsafe { &mut *next };
            let after = std::mem::replace(&mut free.next, self.free[free.class]);
            self.free[free.class] = next;
            next = after;
        }
    }

    fn resize_last(&mut self, at: *mut u8, old: usize, new: usize) -> bool {
        let offset = at as usize - start() as usize;
        let last = offset + old == self.used && SIZE - offset >= new;
        if last {
            self.advance(offset + new);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_least_class_that_holds_it() {
        for size in 1..=LARGEST {
            let class = class(size);
            assert!(bytes(class) >= size && bytes(class).is_multiple_of(ALIGN), "{size}");
            assert!(class == 0 || bytes(class - 1) < size, "{size}");
        }
        assert_eq!((class(0), bytes(CLASSES - 1)), (0, LARGEST));
    }

    /// One thread at a time can be the owner.
    #[test]
    fn blocks_come_from_one_thread_grow_in_place_and_come_back_from_any() {
        assert!(take(16).is_none(), "this thread has none yet");
        own();
        let (a, zero) = take(100).unwrap();
        assert!(holds(a) && zero);
        // SAFETY: blocks of these sizes are ours until they are given back.
        unsafe { a.write_bytes(1, 100) };
        assert!(resize(a, 100, 112) && resize(a, 112, 5000) && resize(a, 5000, 40));
        let (b, zero) = take(200).unwrap();
        assert!(b == a.wrapping_add(48) && !zero, "where the longer one was");
        assert!(!resize(a, 40, 100) && resize(a, 40, 33) && !resize(b, 200, LARGEST + 1));
        assert!(take(LARGEST + 1).is_none());
        give(a, 40);
        assert_eq!(take(48), Some((a, false)));
        // Another thread has none, but may give back.
        let address = b as usize;
        std::thread::spawn(move || {
            assert!(take(8).is_none());
            give(address as *mut u8, 200);
        })
        .join()
        .unwrap();
        let again: Vec<_> = (0..2).map(|_| take(220).unwrap().0).collect();
        assert!(again.contains(&b));
        // The end of the range.
        let mut all = Vec::new();
        while let Some((at, _)) = take(LARGEST) {
            all.push(at as usize);
        }
        assert!(all.len() > SIZE / LARGEST - 10);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= LARGEST));
        OWNER.set(false);
    }
}
