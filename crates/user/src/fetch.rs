//! Instruction fetch by the guest's protection, which the host's mappings do not show.

use crate::areas::{EXEC, WRITE};
use crate::mm::{Mm, PAGE};
use crate::watch;
use brolga_core::{Access, Fault, FaultKind};
use brolga_softmmu::direct;
use std::sync::{Arc, OnceLock};

/// The address space of this process's guest. A process runs one guest at a time: `execve` starts afresh.
static SPACE: OnceLock<Arc<Mm>> = OnceLock::new();

/// Makes `mm` the space that [`fetch`] reads.
pub(crate) fn set_space(mm: &Arc<Mm>) {
    let _ = SPACE.set(Arc::clone(mm));
}

/// Where else the bytes of `range` are executable: views of the same object. Code that was changed through one view
/// has changed in all.
pub fn aliases(range: std::ops::Range<u64>) -> Vec<std::ops::Range<u64>> {
    SPACE.get().map(|mm| mm.lock().areas.aliases(range)).unwrap_or_default()
}

/// Whether the code in these ranges of guest addresses is private mappings of files, as the files have it or as the
/// guest's loader left it: not what the guest writes while it runs.
pub fn is_file(ranges: &[(u64, u64)]) -> bool {
    let Some(mm) = SPACE.get() else { return false };
    let state = mm.lock();
    let fixed = |&(start, end): &(u64, u64)| {
        state.areas.at(start).is_some_and(|(range, area)| {
            let code = area.prot & (EXEC | WRITE) == EXEC && !area.shared;
            code && end <= range.end && area.object.is_some()
        })
    };
    !ranges.is_empty() && ranges.iter().all(fixed)
}

/// Whether every write to code in a range of guest addresses is noticed at once from when it is read: false for a moment
/// where an instruction writes to its own page.
pub fn will_watch(range: std::ops::Range<u64>) -> bool {
    SPACE.get().is_some_and(|mm| mm.will_watch(range))
}

/// Reads guest code at `pc` into `buf`; returns how many bytes are mapped and executable.
pub fn fetch(pc: u64, buf: &mut [u8]) -> Result<usize, Fault> {
    let fault = |kind| Fault { addr: pc, access: Access::Fetch, kind };
    let mm = SPACE.get().ok_or(fault(FaultKind::Unmapped))?;
    let room = {
        let mut state = mm.lock();
        let (first, area) = state.areas.at(pc).ok_or(fault(FaultKind::Unmapped))?;
        if area.prot & EXEC == 0 {
            return Err(fault(FaultKind::Permission));
        }
        let wanted = pc.saturating_add(buf.len() as u64);
        let mut end = first.end;
        while end < wanted {
            match state.areas.at(end) {
                Some((next, area)) if area.prot & EXEC != 0 => end = next.end,
                _ => break,
            }
        }
        // Most code is of one area that nobody can write.
        let fixed = end == first.end && !watch::may_change(&area) && wanted.next_multiple_of(PAGE) <= end;
        if !fixed {
            mm.watch(&mut state, pc..end.min(wanted));
        }
        (end.min(wanted) - pc) as usize
    };
    match direct::copy_in_some(&mut buf[..room], pc.wrapping_add(mm.base)) {
        // Mapped, but the file has no page there.
        0 => Err(fault(FaultKind::Bus)),
        n => Ok(n),
    }
}
