//! RLIMIT_DATA and RLIMIT_AS: kept for the guest, never set on the host, where they would count the emulator's memory
//! too. getrlimit(2); what counts follows Linux mm/mmap.c, `may_expand_vm`.

use crate::areas::{Area, AreaKind, WRITE};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mm::{PAGE, State};
use crate::process::lock;
use crate::thread::Thread;
use std::ops::Range;

/// `RLIMIT_DATA`
pub const DATA: u64 = 2;
/// `RLIMIT_AS`
pub const SPACE: u64 = 9;
/// `RLIM_INFINITY`
const INFINITY: u64 = u64::MAX;

/// Soft and hard limits in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Private writable memory.
    pub data: [u64; 2],
    /// All memory.
    pub space: [u64; 2],
}

impl Limits {
    /// The limits that this process inherited. The host's soft limits are raised as far as they go: the emulator needs
    /// room that the guest is not told of.
    pub fn take() -> Limits {
        let take = |resource: u64| {
            let mut limit = [INFINITY; 2];
            let _ = host::call(libc::SYS_prlimit64, &[0, resource, 0, limit.as_mut_ptr() as u64]);
            set_host(resource, limit[1]);
            limit
        };
        Limits { data: take(DATA), space: take(SPACE) }
    }

    /// Gives the soft limits to the host, for a program of the host's that is about to be executed.
    pub fn lend(&self) {
        set_host(DATA, self.data[0]);
        set_host(SPACE, self.space[0]);
    }

    /// The pair of `resource`, [`DATA`] or [`SPACE`].
    pub fn of(&mut self, resource: u64) -> &mut [u64; 2] {
        if resource == SPACE { &mut self.space } else { &mut self.data }
    }

    fn are_none(&self) -> bool {
        self.data[0] == INFINITY && self.space[0] == INFINITY
    }

    /// Whether `more` bytes with the given guest protection may be added to `state`.
    fn allow(&self, state: &State, area: Area, more: u64) -> bool {
        let sum = |counts: &dyn Fn(&Area) -> bool| -> u64 {
            state.areas.iter().filter(|(_, a)| counts(a)).map(|(r, a)| charged(&r, &a)).sum()
        };
        sum(&|_| true).saturating_add(more) <= self.space[0]
            && (!is_data(&area) || sum(&is_data).saturating_add(more) <= self.data[0])
    }
}

/// Takes the limits of the host back after a failed `execve`.
pub fn take_back() {
    let _ = Limits::take();
}

fn set_host(resource: u64, soft: u64) {
    let mut limit = [INFINITY; 2];
    let _ = host::call(libc::SYS_prlimit64, &[0, resource, 0, limit.as_mut_ptr() as u64]);
    limit[0] = soft.min(limit[1]);
    let _ = host::call(libc::SYS_prlimit64, &[0, resource, limit.as_ptr() as u64, 0]);
}

/// Private writable memory other than a stack.
fn is_data(a: &Area) -> bool {
    a.prot & WRITE != 0 && !a.shared && !matches!(a.kind, AreaKind::Stack | AreaKind::Growing)
}

/// What an area counts. The first stack is mapped whole; Linux begins with 33 pages.
fn charged(range: &Range<u64>, area: &Area) -> u64 {
    const FIRST_STACK: u64 = 33 * 4096;
    let len = range.end - range.start;
    if area.kind == AreaKind::Stack { len.min(FIRST_STACK) } else { len }
}

/// ENOMEM if `len` bytes may not be mapped as `area`. What lies at `at`, where that is fixed, is replaced.
pub fn check_map(t: &Thread, at: Option<u64>, len: u64, area: Area) -> Result<(), Errno> {
    let limits = t.process.limits();
    if limits.are_none() {
        return Ok(());
    }
    let state = t.process.mm.lock();
    let place = at.map_or(0..0, |at| at..at.saturating_add(len));
    let replaced: u64 = state.areas.within(place).map(|(r, _)| r.end - r.start).sum();
    refuse_unless(limits.allow(&state, area, len.saturating_sub(replaced)))
}

/// ENOMEM if `more` bytes like those at `addr` may not be added.
pub fn check_more(t: &Thread, addr: u64, more: u64) -> Result<(), Errno> {
    let limits = t.process.limits();
    if limits.are_none() {
        return Ok(());
    }
    let state = t.process.mm.lock();
    let area = state.areas.at(addr).map(|(_, a)| a);
    refuse_unless(area.is_none_or(|a| limits.allow(&state, a, more)))
}

/// ENOMEM if making `range` private and writable would add too much data.
pub fn check_protect(t: &Thread, range: Range<u64>, prot: u8) -> Result<(), Errno> {
    let limits = t.process.limits();
    if limits.data[0] == INFINITY || prot & WRITE == 0 {
        return Ok(());
    }
    let state = t.process.mm.lock();
    let fresh = state.areas.within(range).filter(|(_, a)| !is_data(a) && is_data(&Area { prot, ..*a }));
    let more: u64 = fresh.map(|(r, _)| r.end - r.start).sum();
    let data = state.areas.iter().filter(|(_, a)| is_data(a)).map(|(r, _)| r.end - r.start).sum::<u64>();
    refuse_unless(more == 0 || data + more <= limits.data[0])
}

/// ENOMEM if the heap may not end at `want`.
pub fn check_heap(t: &Thread, want: u64) -> Result<(), Errno> {
    let limits = t.process.limits();
    if limits.are_none() {
        return Ok(());
    }
    let heap = t.process.mm.lock().heap.clone();
    if want <= heap.end {
        return Ok(());
    }
    let end = want.checked_next_multiple_of(PAGE).ok_or(Errno(libc::ENOMEM))?;
    let area = Area::private(crate::areas::READ | WRITE, AreaKind::Heap);
    refuse_unless(want - heap.start <= limits.data[0])?;
    check_map(t, None, end - heap.end.next_multiple_of(PAGE), area)
}

fn refuse_unless(good: bool) -> Result<(), Errno> {
    if good { Ok(()) } else { Err(Errno(libc::ENOMEM)) }
}

/// `prlimit64` of the caller's own limits kept here: sets `new` where given; returns what was.
pub fn exchange(t: &Thread, resource: u64, new: Option<[u64; 2]>) -> Result<[u64; 2], Errno> {
    let mut limits = lock(&t.process.limits);
    let place = limits.of(resource);
    let old = *place;
    if let Some(new) = new {
        may_set(old, new)?;
        *place = new;
    }
    Ok(old)
}

/// The rules for a new pair: soft below hard, and a higher hard limit for the privileged only.
pub fn may_set(old: [u64; 2], new: [u64; 2]) -> SysResult {
    const CAP_SYS_RESOURCE: u32 = 24;
    if new[0] > new[1] {
        return Err(Errno(libc::EINVAL));
    }
    if new[1] > old[1] && !host::has_capability(CAP_SYS_RESOURCE) {
        return Err(Errno(libc::EPERM));
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::{Layout, Mm};

    #[test]
    fn data_is_private_and_writable() {
        let layout = Layout { top: 1 << 42, bottom: 0, mmap_top: 1 << 40, pie: 0 };
        let mut state = Mm::new(layout, 0).lock().clone();
        let area = |prot, shared| Area { prot, kind: AreaKind::Plain, shared, object: None };
        state.areas.insert(0x1000..0x3000, area(3, false));
        state.areas.insert(0x3000..0x9000, area(1, false));
        state.areas.insert(0x9000..0xa000, area(3, true));
        let limits = Limits { data: [0x4000; 2], space: [0xb000; 2] };
        assert!(limits.allow(&state, area(3, false), 0x2000));
        assert!(!limits.allow(&state, area(3, false), 0x3000));
        assert!(limits.allow(&state, area(3, true), 0x2000));
        assert!(!limits.allow(&state, area(1, false), 0x3000));
        assert!(!limits.allow(&state, area(1, false), u64::MAX));
    }
}
