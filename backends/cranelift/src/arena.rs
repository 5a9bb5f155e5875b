//! Code memory: one memory file mapped twice, writable here and executable there, so that no address
//! is ever both.
#![allow(unsafe_code, reason = "maps and writes executable memory")]

use crate::fault::FaultTable;
use crate::slots::Places;
use crate::tables::{self, Table};
use memmap2::{MmapMut, MmapOptions};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Unit of allocation in bytes.
const GRANULE: usize = 64;

/// Tables beside the code. A displacement reaches `left` and the hosts of `places` from anywhere in it.
#[derive(Debug)]
pub(crate) struct Beside {
    pub left: Table<AtomicU32>,
    pub places: Places,
}

/// The two mappings and what is free.
#[derive(Debug)]
pub(crate) struct Arena {
    write: MmapMut,
    /// The view that is executed, and behind it the tables.
    space: Arc<MmapMut>,
    /// For each granule the fault table of the code in it, or null. Read by signal handlers.
    owners: Table<AtomicPtr<FaultTable>>,
    free: Mutex<Free>,
    /// Whether a child of a fork may run what is in place: its mappings show the same memory. Changes with `free` held.
    lent: AtomicBool,
}

#[derive(Debug, Default)]
struct Free {
    /// First granule never used.
    next: usize,
    /// Bytes that have memory in both views.
    backed: usize,
    /// Runs given back: first granule and length, sorted, never adjacent.
    runs: Vec<(usize, usize)>,
    /// Runs given back since the memory was lent: their bytes must stay.
    kept: Vec<(usize, usize)>,
}

fn memory_file(bytes: usize) -> io::Result<File> {
    // SAFETY: the name is a C string; the result is checked.
    let fd = unsafe { libc::memfd_create(c"brolga-code".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open and nobody else owns it.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(bytes as u64)?;
    Ok(file)
}

/// Maps the file's `len` bytes at an address where `len` bytes of our own mappings are.
fn map_at(at: *const u8, len: usize, protection: i32, file: &File) -> io::Result<()> {
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: replaces exactly our own mapping. Bytes of running code are not changed (`release` says when they may be).
    let got = unsafe { libc::mmap(at.cast_mut().cast(), len, protection, flags, file.as_raw_fd(), 0) };
    if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl Arena {
    /// An arena of `bytes`, rounded up to a page, and tables of so many `numbers`.
    pub(crate) fn new(bytes: usize, numbers: usize) -> io::Result<(Arena, Beside)> {
        let bytes = bytes.max(GRANULE).next_multiple_of(4096);
        let granules = bytes / GRANULE;
        let file = memory_file(bytes)?;
        // SAFETY: nobody else has the file, so its length stays.
        let write = unsafe { MmapOptions::new().len(bytes).map_mut(&file)? };
        // Within reach, then not.
        let near = bytes + tables::room(4 * numbers, 8 * numbers);
        let far = tables::room(8 * numbers.max(granules), 8 * numbers.max(granules));
        let space = Arc::new(MmapMut::map_anon(near + far)?);
        map_at(space.as_ptr(), bytes, libc::PROT_READ | libc::PROT_EXEC, &file)?;
        let (left, hosts) = tables::pair(&space, bytes, numbers);
        let (owners, pcs) = tables::pair(&space, near, numbers.max(granules));
        let (free, lent) = (Mutex::default(), AtomicBool::new(false));
        Ok((Arena { write, space, owners, free, lent }, Beside { left, places: Places { hosts, pcs } }))
    }

    /// The executable view.
    fn execute(&self) -> *const u8 {
        self.space.as_ptr()
    }

    fn owners(&self, granules: Range<usize>) -> impl Iterator<Item = &AtomicPtr<FaultTable>> {
        granules.map(|granule| self.owners.at(granule))
    }

    /// Copies `code` in, once `fit` has made it fit its address, and makes `table` known to the fault handler. Returns the
    /// address, or nothing if there is no room.
    pub(crate) fn publish(
        &self,
        code: &mut [u8],
        fit: impl FnOnce(u64, &mut [u8]),
        table: impl FnOnce(u64) -> Box<FaultTable>,
    ) -> Option<u64> {
        let granules = code.len().div_ceil(GRANULE);
        let first = self.allocate(granules)?;
        let offset = first * GRANULE;
        let base = self.execute() as u64 + offset as u64;
        fit(base, code);
        // SAFETY: the range is inside the mapping and was allocated to this call alone; the shared
        // writable view is only ever written through this pointer.
        unsafe {
            let to = self.write.as_ptr().add(offset).cast_mut();
            std::ptr::copy_nonoverlapping(code.as_ptr(), to, code.len());
        }
        let table = Box::into_raw(table(base));
        for owner in self.owners(first..first + granules) {
            owner.store(table, Ordering::Release);
        }
        Some(base)
    }

    /// Frees code that no thread can be in.
    pub(crate) fn release(&self, base: u64, len: usize) {
        let first = (base - self.execute() as u64) as usize / GRANULE;
        let granules = len.div_ceil(GRANULE);
        let mut table = std::ptr::null_mut();
        for owner in self.owners(first..first + granules) {
            table = owner.swap(std::ptr::null_mut(), Ordering::AcqRel);
        }
        if !table.is_null() {
            // SAFETY: `publish` made it from a box, and every pointer to it is gone.
            drop(unsafe { Box::from_raw(table) });
        }
        let mut free = self.free();
        if self.lent.load(Ordering::Relaxed) { free.kept.push((first, granules)) } else { free.give(first, granules) }
    }

    fn allocate(&self, granules: usize) -> Option<usize> {
        let total = self.write.len() / GRANULE;
        let mut free = self.free();
        let found = free.take(granules, total);
        self.back(&mut free);
        if found.is_some() || free.kept.is_empty() || self.own_copy(&mut free).is_err() {
            return found;
        }
        free.take(granules, total)
    }

    /// Has the kernel give memory to what will be used next, in steps that grow: it does so for less than in faults of
    /// each page in each view. Where it does not know of this, there are faults.
    fn back(&self, free: &mut Free) {
        const LEAST: usize = 8 << 12;
        const MOST: usize = 64 << 12;
        const MADV_POPULATE_READ: i32 = 22;
        const MADV_POPULATE_WRITE: i32 = 23;
        let used = free.next * GRANULE;
        if used <= free.backed {
            return;
        }
        let end = (used + (used / 2).clamp(LEAST, MOST)).next_multiple_of(4096).min(self.write.len());
        let (start, len) = (free.backed, end - free.backed);
        for (view, advice) in [(self.write.as_ptr(), MADV_POPULATE_WRITE), (self.execute(), MADV_POPULATE_READ)] {
            // SAFETY: maps pages of our own mapping; nothing in them changes.
            unsafe { libc::madvise(view.add(start).cast_mut().cast(), len, advice) };
        }
        free.backed = end;
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Fault table of the code at host address `pc`. Async-signal-safe.
    pub(crate) fn fault_table(&self, pc: u64) -> Option<&FaultTable> {
        let offset = pc.wrapping_sub(self.execute() as u64);
        if offset >= self.write.len() as u64 {
            return None;
        }
        let table = self.owners.at(offset as usize / GRANULE).load(Ordering::Acquire);
        // SAFETY: tables live until `release`, which is called when no thread is in their code.
        unsafe { table.as_ref() }
    }

    /// Readable bytes from host address `pc`, which is in the arena, to its end.
    pub(crate) fn bytes_from(&self, pc: u64) -> usize {
        self.write.len() - (pc - self.execute() as u64) as usize
    }

    /// Code in place.
    pub(crate) fn code(&self, at: Range<u64>) -> &[u8] {
        let start = (at.start - self.execute() as u64) as usize;
        &self.write[start..start + (at.end - at.start) as usize]
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        let free = self.free();
        (free.next - free.runs.iter().map(|r| r.1).sum::<usize>()) * GRANULE
    }

    /// In a process that forked: its child runs the code in place, until it has code memory of its own.
    pub(crate) fn lend(&self) {
        // A process that forks often has none of its memory touched for that.
        if !self.lent.load(Ordering::Relaxed) {
            let _free = self.free();
            self.lent.store(true, Ordering::Relaxed);
        }
    }

    /// In a forked child: gives it code memory of its own at the same addresses.
    pub(crate) fn unshare(&self) -> io::Result<()> {
        self.own_copy(&mut self.free())
    }

    /// Puts other memory in the place of that which other processes may have, too; threads may be in its code. Nothing is
    /// published at the same time.
    fn own_copy(&self, free: &mut Free) -> io::Result<()> {
        let used = free.next * GRANULE;
        let file = memory_file(self.write.len())?;
        std::os::unix::fs::FileExt::write_all_at(&file, &self.write[..used], 0)?;
        let len = self.write.len();
        map_at(self.write.as_ptr(), len, libc::PROT_READ | libc::PROT_WRITE, &file)?;
        map_at(self.execute(), len, libc::PROT_READ | libc::PROT_EXEC, &file)?;
        self.lent.store(false, Ordering::Relaxed);
        for (first, granules) in std::mem::take(&mut free.kept) {
            free.give(first, granules);
        }
        Ok(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let mut last = std::ptr::null_mut();
        let used = self.free().next;
        for owner in self.owners(0..used) {
            let table = owner.swap(std::ptr::null_mut(), Ordering::AcqRel);
            if !table.is_null() && table != last {
                // SAFETY: as in `release`; a unit's granules are consecutive and hold one pointer.
                drop(unsafe { Box::from_raw(table) });
            }
            last = table;
        }
    }
}

impl Free {
    fn take(&mut self, granules: usize, total: usize) -> Option<usize> {
        if let Some(i) = self.runs.iter().position(|r| r.1 >= granules) {
            let (first, len) = self.runs[i];
            if len == granules {
                self.runs.remove(i);
            } else {
                self.runs[i] = (first + granules, len - granules);
            }
            return Some(first);
        }
        if total - self.next < granules {
            return None;
        }
        self.next += granules;
        Some(self.next - granules)
    }

    fn give(&mut self, first: usize, granules: usize) {
        let i = self.runs.partition_point(|r| r.0 < first);
        self.runs.insert(i, (first, granules));
        // Join with the neighbours.
        if i + 1 < self.runs.len() && first + granules == self.runs[i + 1].0 {
            self.runs[i].1 += self.runs.remove(i + 1).1;
        }
        if i > 0 && self.runs[i - 1].0 + self.runs[i - 1].1 == first {
            self.runs[i - 1].1 += self.runs.remove(i).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_and_are_reused() {
        let mut free = Free::default();
        let spots: Vec<_> = (0..4).map(|_| free.take(2, 8).unwrap()).collect();
        assert_eq!(spots, [0, 2, 4, 6]);
        assert_eq!(free.take(1, 8), None);
        free.give(0, 2);
        free.give(4, 2);
        assert_eq!(free.take(3, 8), None);
        free.give(2, 2);
        assert_eq!(free.runs, [(0, 6)]);
        assert_eq!(free.take(5, 8), Some(0));
        assert_eq!(free.runs, [(5, 1)]);
    }

    #[test]
    fn what_children_may_run_is_not_overwritten() {
        let (arena, _) = Arena::new(4096, 0).unwrap();
        let put = |code: &mut [u8]| arena.publish(code, |_, _| (), FaultTable::empty);
        let last = (4096 / GRANULE - 1) as u8;
        let bases: Vec<u64> = (0..last).map(|n| put(&mut [n]).unwrap()).collect();
        // What was free before may be used.
        arena.release(bases[3], 1);
        // A child has the same memory in a mapping of its own.
        let child = arena.write.as_ptr();
        // SAFETY: duplicates a shared mapping of these bytes: see mremap(2), an old size of 0.
        let child = unsafe { libc::mremap(child.cast_mut().cast(), 0, 4096, libc::MREMAP_MAYMOVE) }.cast::<u8>();
        // SAFETY: the mapping is a page long.
        let seen = |base: u64| unsafe { child.add((base - bases[0]) as usize).read_volatile() };
        arena.lend();
        arena.release(bases[5], 1);
        assert_eq!(put(&mut [100]), Some(bases[3]));
        let end = put(&mut [101]).unwrap();
        assert_eq!((end, seen(bases[5])), (bases[0] + 4096 - GRANULE as u64, 5));
        // There is no other room: memory of its own, in which nothing is kept for others.
        assert_eq!(put(&mut [102]), Some(bases[5]));
        assert_eq!(seen(bases[5]), 5);
        assert_eq!([bases[4], bases[5], end].map(|at| arena.code(at..at + 1)[0]), [4, 102, 101]);
        // SAFETY: the same address and length.
        unsafe { libc::munmap(child.cast(), 4096) };
    }

    #[test]
    fn unshared_copy_keeps_the_code() {
        let (arena, _) = Arena::new(1 << 16, 0).unwrap();
        let put =
            |code: &mut [u8]| arena.publish(code, |base, code| code[0] = base as u8 + 1, FaultTable::empty).unwrap();
        // SAFETY: `at` is the address of code in place.
        let byte = |at: u64| unsafe { *(at as *const u8) };
        let base = put(&mut [0, 2, 3, 4]);
        arena.unshare().unwrap();
        assert_eq!([0, 1, 2, 3].map(|i| byte(base + i)), [base as u8 + 1, 2, 3, 4]);
        let next = put(&mut [9]);
        assert_eq!(byte(next), next as u8 + 1);
        arena.release(base, 4);
        assert!(arena.fault_table(base).is_none() && arena.fault_table(next).is_some());
    }
}
