//! The map of guest areas: which guest addresses are in use and what the guest believes of them.
//!
//! It decides every guest address, so that the host never does, and remembers the guest's protection,
//! which the host's mapping does not show (guest code is data to the host).

use std::collections::BTreeMap;
use std::ops::Range;

/// Guest protection bits, as in `mmap`.
pub type Prot = u8;
/// Readable.
pub const READ: Prot = 1;
/// Writable.
pub const WRITE: Prot = 2;
/// Executable.
pub const EXEC: Prot = 4;

/// What is mapped in a range of guest addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// Guest protection.
    pub prot: Prot,
    /// Purpose, for `/proc/self/maps`.
    pub kind: AreaKind,
    /// Shared with other mappings of the same object.
    pub shared: bool,
}

/// What an area is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AreaKind {
    /// An `mmap` or an ELF segment.
    Plain,
    /// An `mmap` with MAP_GROWSDOWN.
    Growing,
    /// Grown by `brk`.
    Heap,
    /// The first thread's stack.
    Stack,
    /// The signal trampoline, the guest's vDSO.
    Vdso,
    /// A System V segment; the whole of it, so that `shmdt` finds its length.
    Shm,
}

/// Areas by start address; neighbours that are equal are one area, except System V segments.
#[derive(Clone, Debug, Default)]
pub struct AreaMap {
    map: BTreeMap<u64, (u64, Area)>,
}

impl AreaMap {
    /// The area at `addr`.
    pub fn at(&self, addr: u64) -> Option<(Range<u64>, Area)> {
        let (&start, &(end, area)) = self.map.range(..=addr).next_back()?;
        (addr < end).then_some((start..end, area))
    }

    /// Areas that overlap `range`, clipped to it, in order.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Area)> + '_ {
        let first = self.at(range.start).map_or(range.start, |(r, _)| r.start);
        self.map
            .range(first..range.end.max(first))
            .map(move |(&s, &(e, a))| (s.max(range.start)..e.min(range.end), a))
            .filter(|(r, _)| r.start < r.end)
    }

    /// All areas in order.
    pub fn iter(&self) -> impl Iterator<Item = (Range<u64>, Area)> + '_ {
        self.map.iter().map(|(&s, &(e, a))| (s..e, a))
    }

    /// Whether no area overlaps `range`.
    pub fn is_free(&self, range: Range<u64>) -> bool {
        self.within(range).next().is_none()
    }

    /// Whether areas cover `range` without a gap.
    pub fn covers(&self, range: Range<u64>) -> bool {
        let mut at = range.start;
        for (r, _) in self.within(range.clone()) {
            if r.start != at {
                return false;
            }
            at = r.end;
        }
        at >= range.end
    }

    /// Whether any area that overlaps `range` has all of `prot`.
    pub fn any(&self, range: Range<u64>, prot: Prot) -> bool {
        self.within(range).any(|(_, a)| a.prot & prot == prot)
    }

    /// Records `area`, replacing whatever was in the range.
    pub fn insert(&mut self, range: Range<u64>, area: Area) {
        self.remove(range.clone());
        let (mut start, mut end) = (range.start, range.end);
        if area.kind != AreaKind::Shm {
            if let Some((r, a)) = start.checked_sub(1).and_then(|b| self.at(b))
                && a == area
            {
                start = r.start;
            }
            if let Some((r, a)) = self.at(end)
                && a == area
            {
                self.map.remove(&r.start);
                end = r.end;
            }
        }
        self.map.insert(start, (end, area));
    }

    /// Forgets whatever is in the range.
    pub fn remove(&mut self, range: Range<u64>) {
        self.split(range.start);
        self.split(range.end);
        let gone: Vec<u64> = self.map.range(range).map(|(&s, _)| s).collect();
        for s in gone {
            self.map.remove(&s);
        }
    }

    /// Changes the protection of what is mapped in the range.
    pub fn protect(&mut self, range: Range<u64>, prot: Prot) {
        let parts: Vec<_> = self.within(range).collect();
        for (r, a) in parts {
            self.insert(r, Area { prot, ..a });
        }
    }

    /// Highest free range of `len` bytes inside `room`, its start a multiple of `align`.
    pub fn find_free(&self, len: u64, room: Range<u64>, align: u64) -> Option<u64> {
        let mut top = room.end;
        let fits = |bottom: u64, top: u64| {
            let at = top.checked_sub(len)? & !(align - 1);
            (at >= bottom).then_some(at)
        };
        for (&start, &(end, _)) in self.map.range(..room.end).rev() {
            if end <= room.start {
                break;
            }
            if let Some(at) = fits(end.max(room.start), top) {
                return Some(at);
            }
            top = top.min(start);
        }
        fits(room.start, top)
    }

    /// Makes `addr` a border between areas.
    fn split(&mut self, addr: u64) {
        if let Some((r, a)) = self.at(addr)
            && r.start < addr
        {
            self.map.insert(r.start, (addr, a));
            self.map.insert(addr, (r.end, a));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: Area = Area { prot: READ | WRITE, kind: AreaKind::Plain, shared: false };
    const RX: Area = Area { prot: READ | EXEC, kind: AreaKind::Plain, shared: false };

    #[test]
    fn insert_equal_neighbours_merge() {
        let mut m = AreaMap::default();
        m.insert(0x1000..0x2000, RW);
        m.insert(0x3000..0x4000, RW);
        m.insert(0x2000..0x3000, RW);
        assert_eq!(m.iter().collect::<Vec<_>>(), [(0x1000..0x4000, RW)]);
    }

    #[test]
    fn remove_middle_splits() {
        let mut m = AreaMap::default();
        m.insert(0x1000..0x5000, RW);
        m.remove(0x2000..0x3000);
        assert_eq!(m.iter().map(|x| x.0).collect::<Vec<_>>(), [0x1000..0x2000, 0x3000..0x5000]);
        assert!(m.is_free(0x2000..0x3000) && !m.is_free(0x2000..0x3001));
        assert!(!m.covers(0x1000..0x5000) && m.covers(0x3000..0x5000));
    }

    #[test]
    fn protect_part_changes_only_it() {
        let mut m = AreaMap::default();
        m.insert(0x1000..0x4000, RX);
        m.protect(0x2000..0x3000, READ | WRITE);
        assert_eq!(m.iter().collect::<Vec<_>>(), [(0x1000..0x2000, RX), (0x2000..0x3000, RW), (0x3000..0x4000, RX)]);
        m.protect(0x2000..0x3000, READ | EXEC);
        assert_eq!(m.iter().count(), 1);
    }

    #[test]
    fn find_free_takes_highest_gap() {
        let mut m = AreaMap::default();
        m.insert(0x8000..0x9000, RW);
        m.insert(0x4000..0x5000, RW);
        assert_eq!(m.find_free(0x1000, 0x1000..0x9000, 0x1000), Some(0x7000));
        assert_eq!(m.find_free(0x3000, 0x1000..0x9000, 0x1000), Some(0x5000));
        assert_eq!(m.find_free(0x4000, 0x0..0x9000, 0x1000), Some(0x0));
        assert_eq!(m.find_free(0x4000, 0x1000..0x9000, 0x1000), None);
        assert_eq!(m.find_free(0x1000, 0x1000..0x9000, 0x2000), Some(0x6000));
        assert_eq!(m.find_free(0x1000, 0x1000..0xa000, 0x1000), Some(0x9000));
    }
}
