//! The map of guest areas: which guest addresses are in use and what the guest believes of them.
//!
//! It decides every guest address, so that the host never does, and remembers the guest's protection,
//! which the host's mapping does not show (guest code is data to the host).

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What is mapped, unless it is private and anonymous.
    pub object: Option<Object>,
}

impl Area {
    /// Memory that belongs to nobody else.
    pub const fn private(prot: Prot, kind: AreaKind) -> Area {
        Area { prot, kind, shared: false, object: None }
    }
}

/// A mapped object: the same bytes may be at several guest addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object {
    /// What tells it from others: device and inode of a file, or a number of ours.
    pub id: (u64, u64),
    /// Guest address less offset in the object, modulo 2^64; the same all over an area.
    pub bias: u64,
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
    /// Pages that the host keeps from writes though the guest may write there: see `watch.rs`. What changes the map of a
    /// page makes the host's protection the guest's again.
    closed: BTreeSet<u64>,
    /// The area that was last asked for, unless any was changed since: code is read area by area.
    recent: Cell<Option<(u64, u64, Area)>>,
}

impl AreaMap {
    /// The area at `addr`.
    pub fn at(&self, addr: u64) -> Option<(Range<u64>, Area)> {
        if let Some((start, end, area)) = self.recent.get()
            && (start..end).contains(&addr)
        {
            return Some((start..end, area));
        }
        let (&start, &(end, area)) = self.map.range(..=addr).next_back()?;
        if addr >= end {
            return None;
        }
        self.recent.set(Some((start, end, area)));
        Some((start..end, area))
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

    /// Where else the bytes of `range`, which lies in one area, are mapped to be executed.
    pub fn aliases(&self, range: Range<u64>) -> Vec<Range<u64>> {
        self.views(range, EXEC)
    }

    /// Where else they are mapped with `prot`.
    pub fn views(&self, range: Range<u64>, prot: Prot) -> Vec<Range<u64>> {
        let Some((own, Area { object: Some(object), .. })) = self.at(range.start) else { return Vec::new() };
        let offsets = range.start.wrapping_sub(object.bias)..range.end.min(own.end).wrapping_sub(object.bias);
        let same = self
            .iter()
            .filter_map(|(r, a)| Some((r, a.object.filter(|o| o.id == object.id && a.prot & prot == prot)?)));
        same.map(|(r, o)| {
            let (start, end) = (offsets.start.wrapping_add(o.bias), offsets.end.wrapping_add(o.bias));
            start.max(r.start)..end.min(r.end)
        })
        .filter(|r| r.start < r.end && r.start != range.start)
        .collect()
    }

    /// Whether any area that overlaps `range` has all of `prot`.
    pub fn any(&self, range: Range<u64>, prot: Prot) -> bool {
        self.within(range).any(|(_, a)| a.prot & prot == prot)
    }

    /// Notes that the host keeps the page at `page` from writes; false if it was known.
    pub fn close(&mut self, page: u64) -> bool {
        self.closed.insert(page)
    }

    /// Notes that the page may be written.
    pub fn open(&mut self, page: u64) {
        self.closed.remove(&page);
    }

    /// Pages in `range` that are closed.
    pub fn closed(&self, range: Range<u64>) -> Vec<u64> {
        self.closed.range(range).copied().collect()
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
                self.take(r.start);
                end = r.end;
            }
        }
        self.put(start..end, area);
    }

    /// Forgets whatever is in the range.
    pub fn remove(&mut self, range: Range<u64>) {
        for page in self.closed(range.clone()) {
            self.open(page);
        }
        self.split(range.start);
        self.split(range.end);
        let gone: Vec<u64> = self.map.range(range).map(|(&s, _)| s).collect();
        for s in gone {
            self.take(s);
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

    fn put(&mut self, range: Range<u64>, area: Area) {
        self.recent.set(None);
        self.map.insert(range.start, (range.end, area));
    }

    fn take(&mut self, start: u64) {
        self.recent.set(None);
        self.map.remove(&start);
    }

    /// Makes `addr` a border between areas.
    fn split(&mut self, addr: u64) {
        if let Some((r, a)) = self.at(addr)
            && r.start < addr
        {
            self.put(r.start..addr, a);
            self.put(addr..r.end, a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: Area = Area::private(READ | WRITE, AreaKind::Plain);
    const RX: Area = Area::private(READ | EXEC, AreaKind::Plain);

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
    fn what_changes_a_page_opens_it() {
        let mut m = AreaMap::default();
        m.insert(0x1000..0x6000, RW);
        for page in [0x1000, 0x2000, 0x3000, 0x5000] {
            assert!(m.close(page) && !m.close(page));
        }
        m.protect(0x2000..0x3000, READ);
        m.insert(0x3000..0x4000, RX);
        assert_eq!(m.closed(0..u64::MAX), [0x1000, 0x5000]);
        m.remove(0x4000..0x6000);
        m.open(0x1000);
        assert_eq!(m.closed(0..u64::MAX), []);
    }

    #[test]
    fn aliases_are_the_executable_views_of_the_same_bytes() {
        let view = |prot, id, start: u64, offset| {
            let object = Some(Object { id: (1, id), bias: start.wrapping_sub(offset) });
            (start..start + 0x4000, Area { prot, kind: AreaKind::Plain, shared: true, object })
        };
        let mut m = AreaMap::default();
        let views = [
            view(READ | WRITE, 7, 0x1_0000, 0x1000),
            view(READ | EXEC, 7, 0x2_0000, 0),
            view(READ | EXEC, 8, 0x3_0000, 0x1000),
            view(READ, 7, 0x4_0000, 0x1000),
            view(READ | EXEC, 7, 0x5_0000, 0x1_0000_0000),
        ];
        views.into_iter().for_each(|(r, a)| m.insert(r, a));
        assert_eq!(m.aliases(0x1_0040..0x1_0080), [0x2_1040..0x2_1080]);
        assert_eq!(m.aliases(0x1_3000..0x1_3040), [], "beyond the view's end");
        assert_eq!(m.aliases(0x2_0040..0x2_0080), [], "itself");
        m.insert(0x6_0000..0x7_0000, RX);
        assert_eq!(m.aliases(0x6_0000..0x6_0040), []);
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
