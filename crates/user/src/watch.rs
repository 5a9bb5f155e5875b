//! Code that changes without a call, for guests whose processors see that by themselves.
//!
//! # Requirement
//! No translation of old bytes runs behind a write to them, whichever mapping of them it goes through.
//!
//! # How
//! Before code of a page is read, every writable view of the page is closed: read-only on the host. That is the page itself if
//! it is writable and executable, and other shared mappings of the same object. The first write faults; what was translated
//! from any executable view of that page is dropped, and then the page is opened. A reader of code in between finds it
//! closed, reads old bytes, and would not be seen by that drop: it cancels the opening, which begins again. A view that
//! becomes writable later drops what there is at once.
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

/// Who is about to write, and what is not watched for a moment.
#[derive(Debug, Default)]
pub struct Watched {
    /// Pages that are about to be opened, each with the number of the attempt. A reader of code cancels those of its views.
    opening: BTreeSet<(u64, u64)>,
    /// Number of the last attempt.
    attempts: u64,
    grace: Grace,
}

impl Watched {
    /// Announces that `pages` are to be opened; the attempt's number.
    fn announce(&mut self, pages: &[u64]) -> u64 {
        self.attempts += 1;
        self.opening.extend(pages.iter().map(|&page| (page, self.attempts)));
        self.attempts
    }

    /// Ends the attempt on a page; whether nobody cancelled it.
    fn is_on(&mut self, page: u64, attempt: u64) -> bool {
        self.opening.remove(&(page, attempt))
    }

    fn cancel(&mut self, pages: Range<u64>) {
        let (first, end) = ((pages.start, 0), (pages.end, 0));
        let gone: Vec<_> = self.opening.range(first..end).copied().collect();
        gone.into_iter().for_each(|one| _ = self.opening.remove(&one));
    }
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

/// Whether the bytes of an area's code may change while it is as it is: [`Mm::watch`] is for others, too.
pub(crate) fn may_change(area: &Area) -> bool {
    is_fluid(area) || is_view(area)
}

impl Mm {
    fn protect(&self, range: &Range<u64>, prot: u8) -> bool {
        let args = [range.start + self.base, range.end - range.start, host_prot(prot.into())];
        host::call(libc::SYS_mprotect, &args).is_ok()
    }

    /// Makes writes to the pages of `range` fault, through any view. To be called before code there is read, by whom has
    /// the lock.
    pub fn watch(&self, state: &mut State, range: Range<u64>) {
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
        let mut writable = Vec::new();
        for (part, area) in state.areas.within(pages) {
            if is_fluid(&area) {
                writable.push(part.clone());
            }
            if is_view(&area) {
                writable.extend(state.areas.views(part, WRITE));
            }
        }
        for view in writable {
            watched.cancel(view.clone());
            self.close(state, view);
        }
    }

    /// Keeps the pages of `range`, which lies in one area, from writes.
    fn close(&self, state: &mut State, range: Range<u64>) {
        let fresh = range.clone().step_by(PAGE as usize).filter(|page| state.areas.close(*page)).count();
        if fresh > 0 {
            let prot = state.areas.at(range.start).map_or(0, |(_, area)| area.prot);
            self.protect(&range, prot & READ);
        }
    }

    /// Lets the page be written again, if the guest may; false if the host refuses.
    fn open(&self, state: &mut State, page: u64) -> bool {
        state.areas.open(page);
        let prot = state.areas.at(page).map_or(0, |(_, area)| area.prot);
        let done = prot & WRITE == 0 || self.protect(&(page..page + PAGE), prot);
        // Behind that: who sees the number finds the page open.
        self.opened.fetch_add(1, Ordering::AcqRel);
        done
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

    /// Lets the instruction at `pc` write at `addr`, where it faulted, once `drop` has dropped what becomes stale; false if that
    /// is not why it faulted.
    pub fn unwatch(&self, addr: u64, pc: u64, drop: &dyn Fn(Range<u64>)) -> bool {
        const LONGEST: u64 = 15;
        let page = addr & !(PAGE - 1);
        let own = pc & !(PAGE - 1)..=pc + LONGEST;
        let mut first = true;
        loop {
            let (attempt, stale) = {
                let state = self.lock();
                // Another thread may have opened it meanwhile.
                let Some((_, area)) =
                    state.areas.at(addr).filter(|(_, area)| self.coherent_code && area.prot & WRITE != 0)
                else {
                    return false;
                };
                let mut watched = lock(&self.watched);
                let stale = stale(&state, page..page + PAGE, &area);
                if let Some(at) = stale.iter().find(|r| own.contains(&r.start)).filter(|_| first) {
                    watched.grace.grant(at.start, pc);
                }
                (watched.announce(&[page]), stale)
            };
            first = false;
            if let [open] = self.open_announced(&[page], attempt, stale, drop)[..] {
                return open;
            }
        }
    }

    /// Drops what gets stale, then opens those of the pages whose announcement nobody has cancelled meanwhile. For each of these
    /// whether the host let it.
    fn open_announced(
        &self,
        pages: &[u64],
        attempt: u64,
        stale: Vec<Range<u64>>,
        drop: &dyn Fn(Range<u64>),
    ) -> Vec<bool> {
        stale.into_iter().for_each(drop);
        let mut state = self.lock();
        let is_on = |page: &&u64| lock(&self.watched).is_on(**page, attempt);
        pages.iter().filter(is_on).map(|&page| self.open(&mut state, page)).collect()
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

    /// The same for all pages: what the kernel could not write to is tried again. Whether there were any.
    pub fn unwatch_all(&self, drop: &dyn Fn(Range<u64>)) -> bool {
        let (pages, attempt, stale) = {
            let state = self.lock();
            let pages = state.areas.closed(0..u64::MAX);
            let own = |page: u64| state.areas.at(page).map(|(_, area)| stale(&state, page..page + PAGE, &area));
            let stale: Vec<_> = pages.iter().filter_map(|&page| own(page)).flatten().collect();
            let attempt = lock(&self.watched).announce(&pages);
            (pages, attempt, stale)
        };
        self.open_announced(&pages, attempt, stale, drop);
        !pages.is_empty()
    }

    /// A number that grows with every page that is opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// Does `work`, for which the host's mapping of `range` must be one where the guest's is one.
    pub(crate) fn as_mapped<T>(&self, state: &mut State, range: Range<u64>, work: impl FnOnce(&mut State) -> T) -> T {
        let closed = state.areas.closed(range);
        for &page in &closed {
            self.open(state, page);
        }
        let result = work(state);
        for page in closed {
            if state.areas.any(page..page + PAGE, WRITE) {
                self.close(state, page..page + PAGE);
            }
        }
        result
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
