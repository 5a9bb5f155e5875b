//! Code that changes without a call, for guests whose processors see that by themselves.
//!
//! # Requirement
//! No translation of old bytes runs behind a write to them, whichever mapping of them it goes through.
//!
//! # How
//! Before code of a page is read, every writable view of the page becomes read-only on the host: the page itself if it is
//! writable and executable, and other shared mappings of the same object. The first write faults, gives that page of that
//! view its write access back, and drops what was translated from any executable view of it. A view that becomes writable
//! later drops it at once.
//!
//! # Limits
//! Writes of other processes to shared memory, and to a mapped file by its descriptor, are not seen.

use crate::areas::{Area, EXEC, READ, WRITE};
use crate::host;
use crate::mm::{Mm, PAGE, State, host_prot};
use crate::process::lock;
use crate::signal::inbox;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// What is watched, and what is not for a moment.
#[derive(Debug, Default)]
pub struct Watched {
    /// Pages of writable views that are read-only on the host.
    views: BTreeSet<u64>,
    grace: Grace,
}

/// How code that writes to its own page goes on: the page is left writable while that instruction is read again, and what
/// was translated then is dropped when its block has run. What it changes within its own block is seen when the block is
/// entered next.
#[derive(Debug, Default)]
struct Grace {
    page: u64,
    /// Reads of code there that do not watch it.
    left: u32,
    /// The instruction, and what it was granted last: more each time that was not enough.
    pc: u64,
    granted: u32,
}

impl Grace {
    /// Lets the instruction at `pc` write to its own code in `page`.
    fn grant(&mut self, page: u64, pc: u64) {
        const MOST: u32 = 16;
        self.granted = if self.pc == pc { (2 * self.granted).min(MOST) } else { 1 };
        (self.page, self.pc, self.left) = (page, pc, self.granted);
    }
}

/// Whether an area's code may change without a call.
pub fn is_fluid(area: &Area) -> bool {
    area.prot & (WRITE | EXEC) == WRITE | EXEC
}

/// Whether the area may be one of several views of the same bytes.
fn is_view(area: &Area) -> bool {
    area.shared && area.object.is_some()
}

impl Mm {
    fn protect(&self, range: &Range<u64>, prot: u8) -> bool {
        let args = [range.start + self.base, range.end - range.start, host_prot(prot.into())];
        host::call(libc::SYS_mprotect, &args).is_ok()
    }

    /// Makes writes to the pages of `range` fault, through any view. To be called before code there is read, by whom has
    /// the lock.
    pub fn watch(&self, state: &State, range: Range<u64>) {
        let pages = range.start & !(PAGE - 1)..range.end.next_multiple_of(PAGE);
        if !self.coherent_code {
            return;
        }
        let mut watched = lock(&self.watched);
        if watched.grace.left > 0 && pages.contains(&watched.grace.page) {
            watched.grace.left -= 1;
            self.grace_used.store(true, Ordering::Relaxed);
            inbox::leave_soon();
            return;
        }
        for (part, area) in state.areas.within(pages) {
            if is_fluid(&area) {
                self.protect(&part, area.prot & READ);
            }
            let views = if is_view(&area) { state.areas.views(part, WRITE) } else { Vec::new() };
            for view in views {
                let prot = state.areas.at(view.start).map_or(0, |(_, area)| area.prot);
                let fresh = view.clone().step_by(PAGE as usize).filter(|page| watched.views.insert(*page)).count();
                if fresh > 0 {
                    self.protect(&view, prot & READ);
                }
            }
        }
    }

    /// Whether code in `range` that is read now is watched: no instruction is about to write to its own page there.
    pub(crate) fn will_watch(&self, range: Range<u64>) -> bool {
        if !self.coherent_code {
            return false;
        }
        let grace = &lock(&self.watched).grace;
        let in_use = grace.left > 0 || self.grace_used.load(Ordering::Relaxed);
        !in_use || range.end <= grace.page || grace.page + PAGE <= range.start
    }

    /// Gives the page at `addr` back its write access, for the instruction at `pc`; what became stale, or `None` if that was
    /// not why it faulted.
    pub fn unwatch(&self, addr: u64, pc: u64) -> Option<Vec<Range<u64>>> {
        const LONGEST: u64 = 15;
        let page = addr & !(PAGE - 1);
        let state = self.lock();
        let (_, area) = state.areas.at(addr).filter(|(_, area)| self.coherent_code && area.prot & WRITE != 0)?;
        let mut watched = lock(&self.watched);
        let seen = watched.views.remove(&page);
        if !seen && !is_fluid(&area) {
            return None;
        }
        let stale = stale(&state, page..page + PAGE, &area);
        let own = pc & !(PAGE - 1)..=pc + LONGEST;
        if let Some(at) = stale.iter().find(|r| own.contains(&r.start)) {
            watched.grace.grant(at.start, pc);
        }
        self.protect(&(page..page + PAGE), area.prot).then_some(stale)
    }

    /// What was read while its changes were not watched, to be dropped now that a thread is at `pc`; nothing as long as the
    /// instruction that writes has not run.
    pub fn end_grace(&self, pc: u64) -> Option<Range<u64>> {
        if !self.grace_used.load(Ordering::Relaxed) {
            return None;
        }
        let grace = &lock(&self.watched).grace;
        if grace.pc == pc {
            return None;
        }
        self.grace_used.store(false, Ordering::Relaxed);
        Some(grace.page..grace.page + PAGE)
    }

    /// The same for all pages: what the kernel could not write to is tried again. What became stale.
    pub fn unwatch_all(&self) -> Vec<Range<u64>> {
        let state = self.lock();
        let views = std::mem::take(&mut lock(&self.watched).views);
        let views = views.into_iter().map(|page| page..page + PAGE);
        let fluid = state.areas.iter().filter(|(_, area)| self.coherent_code && is_fluid(area)).map(|(r, _)| r);
        let mut all = Vec::new();
        for range in fluid.chain(views) {
            let Some((_, area)) = state.areas.at(range.start).filter(|(_, area)| area.prot & WRITE != 0) else {
                continue;
            };
            if self.protect(&range, area.prot) {
                all.extend(stale(&state, range, &area));
            }
        }
        all
    }

    /// Whether pages of `range` may be watched: the host then has several mappings where the guest has one.
    pub fn may_be_watched(&self, range: Range<u64>) -> bool {
        self.coherent_code
            && self
                .lock()
                .areas
                .within(range)
                .any(|(_, area)| is_fluid(&area) || is_view(&area) && area.prot & WRITE != 0)
    }

    /// What to do behind a call that mapped `range` or changed its protection: whether code there may change without a
    /// call from now on, and what may have changed already.
    pub fn mixed(&self, range: Range<u64>) -> (bool, Vec<Range<u64>>) {
        let (mut fluid, mut all) = (false, Vec::new());
        if !self.coherent_code {
            return (fluid, all);
        }
        let state = self.lock();
        for (part, area) in state.areas.within(range) {
            fluid |= is_fluid(&area);
            if is_view(&area) && area.prot & WRITE != 0 {
                all.extend(state.areas.views(part.clone(), EXEC));
            }
            fluid |= is_view(&area) && area.prot & EXEC != 0 && !state.areas.views(part, WRITE).is_empty();
        }
        (fluid || !all.is_empty(), all)
    }
}

/// Where the bytes of `range` of `area` are executable.
fn stale(state: &State, range: Range<u64>, area: &Area) -> Vec<Range<u64>> {
    let mut all = if is_view(area) { state.areas.views(range.clone(), EXEC) } else { Vec::new() };
    if is_fluid(area) {
        all.push(range);
    }
    all
}
