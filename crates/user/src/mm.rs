//! The guest's address space: host mappings kept in step with the map of areas.
//!
//! # Requirement
//! Every guest address is chosen here, below [`Layout::top`]; the emulator's own memory lies above and
//! can never be replaced by the guest. Code is invalidated whenever executable bytes may have changed.
//!
//! # How
//! Fresh mappings are made with `MAP_FIXED_NOREPLACE`, replacements with `MAP_FIXED` inside the guest's
//! range only. The guest's PROT_EXEC is not passed to the host: translated code never lies in guest memory.
//!
//! Where the guest's processor sees changed code by itself, what may change it is watched: see `watch.rs`.

use crate::areas::{self, Area, AreaKind, AreaMap, Object, Prot};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::watch::Watched;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of a page, for guest and host alike.
pub const PAGE: u64 = 4096;

/// Where mappings with MAP_32BIT go. arch/x86/kernel/sys_x86_64.c
const LOW: Range<u64> = 0x4000_0000..0x8000_0000;

/// Where things lie in the guest's address space.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// First address that is not the guest's (`TASK_SIZE`).
    pub top: u64,
    /// Lowest address that `mmap` gives.
    pub bottom: u64,
    /// `mmap` without an address goes down from here.
    pub mmap_top: u64,
    /// Where position-independent programs are loaded.
    pub pie: u64,
}

impl Layout {
    /// The same with programs and mappings at other places, within a sixteenth of the space, as `random` says.
    pub fn moved(self, random: u64) -> Layout {
        const STEP: u64 = 0x1_0000;
        let steps = self.top / 16 / STEP;
        let by = |part: u64| part % steps * STEP;
        Layout { pie: self.pie + by(random & 0xffff_ffff), mmap_top: self.mmap_top - by(random >> 32), ..self }
    }
}

/// The address space that all threads of a guest process share.
#[derive(Debug)]
pub struct Mm {
    /// Layout of this guest.
    pub layout: Layout,
    /// Added to a guest address to reach host memory.
    pub base: u64,
    /// Whether code in writable pages is watched.
    pub coherent_code: bool,
    /// What is watched.
    pub(crate) watched: Mutex<Watched>,
    /// How many watched pages were opened.
    pub(crate) opened: AtomicU64,
    /// Whether code was read while its changes were not watched.
    pub(crate) grace_used: AtomicBool,
    /// Threads of the processes that share it.
    pub threads: crate::attach::Threads,
    state: Mutex<State>,
}

/// What changes.
#[derive(Clone, Debug)]
pub struct State {
    /// Areas in use.
    pub areas: AreaMap,
    /// Start and current end of the `brk` heap.
    pub heap: Range<u64>,
    /// The program's code.
    pub code: Range<u64>,
    /// Stack pointer at the start.
    pub stack_start: u64,
    /// Strings of the arguments, with their NULs.
    pub args: Range<u64>,
    /// Strings of the environment, with their NULs.
    pub env: Range<u64>,
    /// The auxiliary vector.
    pub auxv: Vec<u64>,
}

impl State {
    fn new() -> State {
        State {
            areas: AreaMap::default(),
            heap: 0..0,
            code: 0..0,
            stack_start: 0,
            args: 0..0,
            env: 0..0,
            auxv: Vec::new(),
        }
    }
}

/// Range of executable bytes that changed: to be invalidated in the translator.
pub type Stale = Option<Range<u64>>;

const fn errno<T>(e: i32) -> Result<T, Errno> {
    Err(Errno(e))
}

/// In place of a device: System V segments, and shared anonymous memory.
const SEGMENTS: u64 = u64::MAX;
const ANONYMOUS: u64 = u64::MAX - 1;

/// What tells the object that is to be mapped from others; `None` for private anonymous memory.
fn object_of(fd: i64, flags: u64) -> Option<(u64, u64)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    if flags & libc::MAP_ANONYMOUS as u64 == 0 {
        return crate::sys::fs::host_fstat(fd as u64).ok().map(|s| (s.st_dev, s.st_ino));
    }
    (flags & libc::MAP_SHARED as u64 != 0).then(|| (ANONYMOUS, NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Host protection for a guest's: code is data to the host.
pub fn host_prot(prot: u64) -> u64 {
    let exec = libc::PROT_EXEC as u64;
    let plain = prot & (libc::PROT_READ | libc::PROT_WRITE) as u64;
    if prot & exec != 0 { plain | libc::PROT_READ as u64 } else { plain }
}

impl Mm {
    /// An empty address space.
    pub fn new(layout: Layout, base: u64) -> Mm {
        Mm {
            layout,
            base,
            coherent_code: false,
            watched: Mutex::default(),
            opened: AtomicU64::new(0),
            grace_used: AtomicBool::new(false),
            threads: crate::attach::Threads::default(),
            state: Mutex::new(State::new()),
        }
    }

    /// Locks the map; never held while guest code runs.
    pub fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Holds the locks of this structure, but for that of its threads, while `f` runs, which may fork.
    pub(crate) fn locked<R>(&self, f: impl FnOnce() -> R) -> R {
        let _held = (self.lock(), crate::process::lock(&self.watched));
        f()
    }

    /// The page-rounded range, if it lies in the guest's space.
    fn range(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let len = len.checked_next_multiple_of(PAGE)?;
        let end = addr.checked_add(len)?;
        (end <= self.layout.top).then_some(addr..end)
    }

    /// `mmap` with guest flags. Returns the address and what became stale.
    pub fn mmap(&self, addr: u64, len: u64, prot: u64, flags: u64, fd: i64, off: u64) -> Result<(u64, Stale), Errno> {
        let fixed = flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) as u64 != 0;
        if len == 0 || !off.is_multiple_of(PAGE) || (fixed && !addr.is_multiple_of(PAGE)) {
            return errno(libc::EINVAL);
        }
        let len = len.checked_next_multiple_of(PAGE).ok_or(Errno(libc::ENOMEM))?;
        let mut state = self.lock();
        let align = if flags & libc::MAP_HUGETLB as u64 != 0 { 2 << 20 } else { PAGE };
        let range = if fixed {
            self.range(addr, len).ok_or(Errno(libc::ENOMEM))?
        } else {
            match flags & libc::MAP_32BIT as u64 {
                0 => self.place(&state, addr, len, align)?,
                _ => self.place_low(&state, addr, len, align)?,
            }
        };
        if flags & libc::MAP_FIXED_NOREPLACE as u64 != 0 && !state.areas.is_free(range.clone()) {
            return errno(libc::EEXIST);
        }
        let replaces = !state.areas.is_free(range.clone());
        let how = if replaces { libc::MAP_FIXED } else { libc::MAP_FIXED_NOREPLACE } as u64;
        let passed =
            flags & !(libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE | libc::MAP_GROWSDOWN | libc::MAP_32BIT) as u64;
        let args = [range.start + self.base, len, host_prot(prot), passed | how, fd as u64, off];
        let got = host::call(libc::SYS_mmap, &args)?;
        if got != args[0] {
            // Kernels before 4.17 take MAP_FIXED_NOREPLACE for a hint.
            let _ = host::call(libc::SYS_munmap, &[got, len]);
            return errno(libc::ENOMEM);
        }
        let stale = state.areas.any(range.clone(), areas::EXEC).then(|| range.clone());
        let shared = flags & libc::MAP_SHARED as u64 != 0;
        let grows = flags & libc::MAP_GROWSDOWN as u64 != 0 && fd < 0;
        let kind = if grows { AreaKind::Growing } else { AreaKind::Plain };
        let object = object_of(fd, flags).map(|id| Object { id, bias: range.start.wrapping_sub(off) });
        let area = Area { prot: (prot & 7) as Prot, kind, shared, object };
        state.areas.insert(range.clone(), area);
        Ok((range.start, stale))
    }

    /// An address for `len` bytes: the hint if it is free, else the highest free place.
    fn place(&self, state: &State, hint: u64, len: u64, align: u64) -> Result<Range<u64>, Errno> {
        let hint = hint & !(align - 1);
        if hint >= self.layout.bottom
            && let Some(r) = self.range(hint, len)
            && state.areas.is_free(r.clone())
        {
            return Ok(r);
        }
        let room = self.layout.bottom..self.layout.mmap_top;
        let upper = self.layout.mmap_top..self.layout.top;
        let at = state.areas.find_free(len, room, align).or_else(|| state.areas.find_free(len, upper, align));
        at.map(|a| a..a + len).ok_or(Errno(libc::ENOMEM))
    }

    /// The same within [`LOW`].
    fn place_low(&self, state: &State, hint: u64, len: u64, align: u64) -> Result<Range<u64>, Errno> {
        if hint != 0
            && let Ok(r) = self.place(state, hint, len, align)
            && r.end <= LOW.end
        {
            return Ok(r);
        }
        let low = LOW.start..LOW.end.min(self.layout.top);
        state.areas.find_free(len, low, align).map(|a| a..a + len).ok_or(Errno(libc::ENOMEM))
    }

    /// Extends a growing area down to `addr`, which lies in no area; false if there is none above, if the
    /// guard gap below would be lost, or if it grew by more than `limit` bytes at once.
    pub fn grow(&self, addr: u64, limit: u64) -> bool {
        /// `stack_guard_gap`: 256 pages.
        const GUARD: u64 = 256 * PAGE;
        let page = addr & !(PAGE - 1);
        let mut state = self.lock();
        let above = state.areas.within(page..self.layout.top.min(page.saturating_add(limit))).next();
        let Some((range, area)) = above else { return false };
        let clear = range.start > page && state.areas.is_free(page.saturating_sub(GUARD)..range.start);
        if area.kind != AreaKind::Growing || !clear || page < self.layout.bottom {
            return false;
        }
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
        let args = [page + self.base, range.start - page, host_prot(area.prot.into()), flags, u64::MAX, 0];
        if host::call(libc::SYS_mmap, &args) != Ok(args[0]) {
            return false;
        }
        state.areas.insert(page..range.start, area);
        true
    }

    /// `munmap`.
    pub fn munmap(&self, addr: u64, len: u64) -> Result<Stale, Errno> {
        if !addr.is_multiple_of(PAGE) || len == 0 {
            return errno(libc::EINVAL);
        }
        let range = self.range(addr, len).or_else(|| self.outside(addr, len)).ok_or(Errno(libc::EINVAL))?;
        let mut state = self.lock();
        // Only what is mapped: unmapping must never reach memory that is not the guest's.
        let parts: Vec<_> = state.areas.within(range.clone()).map(|(r, _)| r).collect();
        let stale = state.areas.any(range.clone(), areas::EXEC).then(|| range.clone());
        for r in parts {
            host::call(libc::SYS_munmap, &[r.start + self.base, r.end - r.start])?;
            state.areas.remove(r);
        }
        Ok(stale)
    }

    /// `mprotect`, with the bits of PROT_GROWSDOWN and the like already refused.
    pub fn mprotect(&self, addr: u64, len: u64, prot: u64) -> Result<Stale, Errno> {
        if !addr.is_multiple_of(PAGE) {
            return errno(libc::EINVAL);
        }
        if len == 0 {
            return Ok(None);
        }
        let range = self.range(addr, len).ok_or(Errno(libc::ENOMEM))?;
        let mut state = self.lock();
        // Linux changes what lies before the first gap, then fails.
        let mut end = range.start;
        for (r, _) in state.areas.within(range.clone()) {
            if r.start != end {
                break;
            }
            end = r.end;
        }
        let done = range.start..end;
        let stale = state.areas.any(done.clone(), areas::EXEC).then(|| done.clone());
        if !done.is_empty() {
            host::call(libc::SYS_mprotect, &[done.start + self.base, end - done.start, host_prot(prot)])?;
            state.areas.protect(done, (prot & 7) as Prot);
        }
        if end < range.end { errno(libc::ENOMEM) } else { Ok(stale) }
    }

    /// `mremap`. Returns the new address and what became stale.
    pub fn mremap(&self, old: u64, old_len: u64, new_len: u64, flags: u64, want: u64) -> Result<(u64, Stale), Errno> {
        let (may_move, fixed, keep) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        if !old.is_multiple_of(PAGE) || new_len == 0 || flags & !7 != 0 || (fixed && !may_move) || (keep && !may_move) {
            return errno(libc::EINVAL);
        }
        let from = self.range(old, old_len).ok_or(Errno(libc::EFAULT))?;
        let new_len = new_len.checked_next_multiple_of(PAGE).ok_or(Errno(libc::EINVAL))?;
        let mut state = self.lock();
        let first = old..from.end.max(old.saturating_add(PAGE));
        self.as_mapped(&mut state, first, |state| self.remap(state, from, new_len, (may_move, fixed, keep), want))
    }

    /// The same, of what is page-aligned.
    fn remap(
        &self,
        state: &mut State,
        from: Range<u64>,
        new_len: u64,
        (may_move, fixed, keep): (bool, bool, bool),
        want: u64,
    ) -> Result<(u64, Stale), Errno> {
        let old = from.start;
        let Some((_, area)) = state.areas.at(old) else { return errno(libc::EFAULT) };
        if !state.areas.covers(from.clone()) {
            return errno(libc::EFAULT);
        }
        let old_len = from.end - from.start;
        let in_place = !fixed
            && !keep
            && (new_len <= old_len || {
                let grown = self.range(old, new_len);
                old_len > 0 && grown.is_some_and(|g| state.areas.is_free(from.end..g.end))
            });
        let to = if in_place {
            old..old + new_len
        } else if fixed {
            let to = self.range(want, new_len).filter(|_| want.is_multiple_of(PAGE)).ok_or(Errno(libc::EINVAL))?;
            if to.start < from.end && from.start < to.end {
                return errno(libc::EINVAL);
            }
            to
        } else if may_move {
            self.place(state, 0, new_len, PAGE)?
        } else {
            return errno(libc::ENOMEM);
        };
        let host_flags = if in_place { 0 } else { 3 | u64::from(keep) << 2 };
        let args = [old + self.base, old_len, new_len, host_flags, to.start + self.base];
        let got = match host::call(libc::SYS_mremap, &args) {
            // The host may hold the range above in one mapping that it cannot extend in place: move it.
            Err(Errno(libc::ENOMEM)) if in_place && may_move && new_len > old_len => {
                let to = self.place(state, 0, new_len, PAGE)?;
                let args = [old + self.base, old_len, new_len, 3, to.start + self.base];
                host::call(libc::SYS_mremap, &args)?
            }
            other => other?,
        } - self.base;
        let to = got..got + new_len;
        let exec = area.prot & areas::EXEC != 0;
        let stale =
            (exec || state.areas.any(to.clone(), areas::EXEC)).then(|| from.start.min(to.start)..from.end.max(to.end));
        let from_start = from.start;
        if !keep {
            state.areas.remove(from);
        }
        let bias = to.start.wrapping_sub(from_start);
        let object = area.object.map(|o| Object { bias: o.bias.wrapping_add(bias), ..o });
        state.areas.insert(to, Area { object, ..area });
        Ok((got, stale))
    }

    /// `brk`: the new end of the heap, or the old one if the request cannot be met.
    pub fn brk(&self, want: u64) -> u64 {
        let mut state = self.lock();
        let heap = state.heap.clone();
        if want < heap.start || want > self.layout.top {
            return heap.end;
        }
        let (old_top, new_top) = (heap.end.next_multiple_of(PAGE), want.next_multiple_of(PAGE));
        if new_top > old_top {
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
            let prot = (libc::PROT_READ | libc::PROT_WRITE) as u64;
            let args = [old_top + self.base, new_top - old_top, prot, flags, u64::MAX, 0];
            if !state.areas.is_free(old_top..new_top) || host::call(libc::SYS_mmap, &args) != Ok(args[0]) {
                return heap.end;
            }
            let area = Area::private(areas::READ | areas::WRITE, AreaKind::Heap);
            state.areas.insert(old_top..new_top, area);
        } else if new_top < old_top {
            let _ = host::call(libc::SYS_munmap, &[new_top + self.base, old_top - new_top]);
            state.areas.remove(new_top..old_top);
        }
        state.heap.end = want;
        want
    }

    /// Sets where the heap begins.
    pub fn set_heap(&self, start: u64) {
        self.lock().heap = start..start;
    }

    /// Marks what lies at `range` as an area of `kind`.
    pub fn set_kind(&self, range: Range<u64>, kind: AreaKind) {
        let mut state = self.lock();
        let parts: Vec<_> = state.areas.within(range).collect();
        for (r, a) in parts {
            state.areas.insert(r, Area { kind, ..a });
        }
    }

    /// `mmap` of a file that lets nobody choose the address: where the host puts it, above the guest's space. Only at
    /// base 0 can the guest reach it.
    pub fn map_where_host_likes(&self, len: u64, prot: u64, flags: u64, fd: i32, off: u64) -> SysResult {
        if flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) as u64 != 0 || self.base != 0 {
            return errno(libc::EINVAL);
        }
        let len = len.checked_next_multiple_of(PAGE).ok_or(Errno(libc::ENOMEM))?;
        let mut state = self.lock();
        let at = host::call(libc::SYS_mmap, &[0, len, host_prot(prot), flags, fd as u64, off])?;
        let area = Area { prot: (prot & 7) as Prot, kind: AreaKind::Plain, shared: true, object: None };
        state.areas.insert(at..at + len, area);
        Ok(at)
    }

    /// The range, if it lies outside the guest's space in an area of [`Mm::map_where_host_likes`].
    fn outside(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let end = addr.checked_add(len.checked_next_multiple_of(PAGE)?)?;
        (addr >= self.layout.top && self.lock().areas.covers(addr..end)).then_some(addr..end)
    }

    /// Moves a mapping that the kernel made at host address `from` into the guest's space; returns its guest address.
    pub fn take_over(&self, from: u64, len: u64) -> Result<u64, Errno> {
        let mut state = self.lock();
        let range = self.place(&state, 0, len, PAGE)?;
        let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u64;
        host::call(libc::SYS_mremap, &[from, len, len, flags, range.start + self.base])?;
        let area = Area { shared: true, ..Area::private(areas::READ | areas::WRITE, AreaKind::Plain) };
        state.areas.insert(range.clone(), area);
        Ok(range.start)
    }

    /// `shmat`: attaches a segment of `len` bytes.
    pub fn shmat(&self, id: u64, addr: u64, flags: u64, len: u64) -> Result<(u64, Stale), Errno> {
        const SHM_RDONLY: u64 = 0o10000;
        const SHM_RND: u64 = 0o20000;
        const SHM_REMAP: u64 = 0o40000;
        const SHM_EXEC: u64 = 0o100000;
        let mut state = self.lock();
        let range = if addr == 0 {
            self.place(&state, 0, len, PAGE)?
        } else {
            let at = if flags & SHM_RND != 0 { addr & !(PAGE - 1) } else { addr };
            let range = self.range(at, len).filter(|_| at.is_multiple_of(PAGE)).ok_or(Errno(libc::EINVAL))?;
            if flags & SHM_REMAP == 0 && !state.areas.is_free(range.clone()) {
                return errno(libc::EINVAL);
            }
            range
        };
        host::call(libc::SYS_shmat, &[id, range.start + self.base, flags & !(SHM_EXEC | SHM_RND)])?;
        let stale = state.areas.any(range.clone(), areas::EXEC).then(|| range.clone());
        let write = if flags & SHM_RDONLY == 0 { areas::WRITE } else { 0 };
        let exec = if flags & SHM_EXEC != 0 { areas::EXEC } else { 0 };
        let object = Some(Object { id: (SEGMENTS, id), bias: range.start });
        let area = Area { prot: areas::READ | write | exec, kind: AreaKind::Shm, shared: true, object };
        state.areas.insert(range.clone(), area);
        Ok((range.start, stale))
    }

    /// `shmdt`.
    pub fn shmdt(&self, addr: u64) -> SysResult {
        let mut state = self.lock();
        let Some((range, area)) = state.areas.at(addr) else { return errno(libc::EINVAL) };
        if area.kind != AreaKind::Shm || range.start != addr {
            return errno(libc::EINVAL);
        }
        let r = host::call(libc::SYS_shmdt, &[addr + self.base])?;
        state.areas.remove(range);
        Ok(r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: u64 = 3;
    const ANON: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
    const FIXED: u64 = libc::MAP_FIXED as u64;

    /// A space of 1 MiB at an address that nothing else uses; one for each test.
    fn space(slot: u64) -> Mm {
        let bottom = 0x10_0000_0000 + slot * 0x100_0000;
        let layout = Layout { top: bottom + 0x10_0000, bottom, mmap_top: bottom + 0x8_0000, pie: bottom };
        Mm::new(layout, 0)
    }

    fn anon(mm: &Mm, addr: u64, len: u64, prot: u64, flags: u64) -> Result<(u64, Stale), Errno> {
        mm.mmap(addr, len, prot, ANON | flags, -1, 0)
    }

    #[test]
    fn moved_layout_stays_inside_and_apart() {
        for top in [256 << 20, 1 << 42] {
            let usual = Layout { top, bottom: 0x1_0000, mmap_top: top / 6 * 5, pie: top / 3 * 2 };
            let all: Vec<_> = (0..50u64).map(|n| usual.moved(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
            assert!(
                all.iter().all(|l| l.pie >= usual.pie && l.pie + top / 32 < l.mmap_top && l.mmap_top <= usual.mmap_top)
            );
            let places: std::collections::HashSet<_> = all.iter().map(|l| (l.pie, l.mmap_top)).collect();
            assert!(places.len() > 45);
        }
    }

    #[test]
    fn mmap_32bit_stays_low() {
        let low = libc::MAP_32BIT as u64;
        let layout = Layout { top: 1 << 40, bottom: 0x1_0000, mmap_top: 1 << 39, pie: 1 << 38 };
        let mm = Mm::new(layout, 0);
        let (at, _) = anon(&mm, 0, PAGE, RW, low).unwrap();
        assert!(LOW.contains(&at));
        assert_eq!(anon(&mm, LOW.start, PAGE, RW, low).unwrap().0, LOW.start);
        assert!(LOW.contains(&anon(&mm, 1 << 37, PAGE, RW, low).unwrap().0));
        assert_eq!(anon(&mm, 0, LOW.end, RW, low), Err(Errno(libc::ENOMEM)));
        mm.munmap(0x4000_0000, 0x4000_0000).unwrap();
    }

    #[test]
    fn mmap_goes_down_and_takes_free_hints() {
        let mm = space(0);
        let top = mm.layout.mmap_top;
        assert_eq!(anon(&mm, 0, 1, RW, 0).unwrap().0, top - PAGE);
        assert_eq!(anon(&mm, 0, 2 * PAGE, RW, 0).unwrap().0, top - 3 * PAGE);
        assert_eq!(anon(&mm, top - PAGE, PAGE, RW, 0).unwrap().0, top - 4 * PAGE);
        assert_eq!(anon(&mm, mm.layout.bottom + 5, PAGE, RW, 0).unwrap().0, mm.layout.bottom);
    }

    #[test]
    fn mmap_errors_as_linux() {
        let mm = space(1);
        assert_eq!(anon(&mm, 0, 0, RW, 0).unwrap_err().0, libc::EINVAL);
        assert_eq!(anon(&mm, mm.layout.top, PAGE, RW, FIXED).unwrap_err().0, libc::ENOMEM);
        assert_eq!(anon(&mm, mm.layout.bottom + 1, PAGE, RW, FIXED).unwrap_err().0, libc::EINVAL);
        assert_eq!(anon(&mm, 0, 1 << 40, RW, 0).unwrap_err().0, libc::ENOMEM);
        let at = anon(&mm, 0, PAGE, RW, 0).unwrap().0;
        let noreplace = libc::MAP_FIXED_NOREPLACE as u64;
        assert_eq!(anon(&mm, at, PAGE, RW, noreplace).unwrap_err().0, libc::EEXIST);
    }

    #[test]
    fn executable_changes_are_stale() {
        let mm = space(2);
        let (at, stale) = anon(&mm, 0, 4 * PAGE, 5, 0).unwrap();
        assert_eq!(stale, None);
        assert_eq!(mm.mprotect(at + PAGE, PAGE, RW).unwrap(), Some(at + PAGE..at + 2 * PAGE));
        assert_eq!(mm.mprotect(at + PAGE, PAGE, RW).unwrap(), None);
        assert_eq!(anon(&mm, at, PAGE, RW, FIXED).unwrap().1, Some(at..at + PAGE));
        assert_eq!(mm.munmap(at, 4 * PAGE).unwrap(), Some(at..at + 4 * PAGE));
        assert_eq!(mm.munmap(at, 4 * PAGE).unwrap(), None);
    }

    #[test]
    fn mprotect_hole_changes_front_then_fails() {
        let mm = space(3);
        let at = anon(&mm, 0, 3 * PAGE, RW, 0).unwrap().0;
        mm.munmap(at + PAGE, PAGE).unwrap();
        assert_eq!(mm.mprotect(at, 3 * PAGE, 1).unwrap_err().0, libc::ENOMEM);
        assert_eq!(mm.lock().areas.at(at).unwrap().1.prot, 1);
        assert_eq!(mm.lock().areas.at(at + 2 * PAGE).unwrap().1.prot, 3);
    }

    #[test]
    fn mremap_grows_in_place_or_moves_with_content() {
        let mm = space(4);
        let a = anon(&mm, 0, PAGE, RW, 0).unwrap().0;
        let b = anon(&mm, 0, PAGE, RW, 0).unwrap().0;
        brolga_softmmu::direct::copy_out(b, b"crane").unwrap();
        assert_eq!(mm.mremap(b, PAGE, 2 * PAGE, 0, 0).unwrap_err().0, libc::ENOMEM);
        let c = mm.mremap(b, PAGE, 2 * PAGE, 1, 0).unwrap().0;
        assert_ne!(c, b);
        let mut buf = [0; 5];
        brolga_softmmu::direct::copy_in(&mut buf, c).unwrap();
        assert_eq!(&buf, b"crane");
        assert!(mm.lock().areas.is_free(b..b + PAGE));
        assert_eq!(mm.mremap(c, 2 * PAGE, PAGE, 0, 0).unwrap().0, c);
        assert_eq!(mm.mremap(c, PAGE, 2 * PAGE, 0, 0).unwrap().0, c);
        assert_eq!(mm.mremap(a + PAGE, PAGE, PAGE, 0, 0).unwrap_err().0, libc::EFAULT);
    }

    #[test]
    fn brk_grows_shrinks_and_refuses() {
        let mm = space(5);
        let start = mm.layout.bottom + 0x1000;
        mm.set_heap(start);
        assert_eq!(mm.brk(0), start);
        assert_eq!(mm.brk(start + 10), start + 10);
        assert_eq!(mm.brk(start + 3 * PAGE), start + 3 * PAGE);
        assert!(mm.lock().areas.covers(start..start + 3 * PAGE));
        assert_eq!(mm.brk(start + PAGE), start + PAGE);
        anon(&mm, start + 2 * PAGE, PAGE, RW, FIXED).unwrap();
        assert_eq!(mm.brk(start + 4 * PAGE), start + PAGE);
    }
}
