//! Numbers of accesses, by which host faults find them.
//!
//! *Requirement.* Every host instruction that may fault leads to its access. Cranelift carries a trap code along with a load
//! into whatever instruction it becomes a part of, but has only some 250 of them.
//! *How.* Accesses are numbered in pages of as many. The code of a page carries the page's mark as its source location; that of
//! the first page carries none. A load is merged only with what is behind it in its block, so pages begin with nodes.

use super::{Access, Lower};
use crate::compile::Refused;
use crate::stand_in;
use cranelift_codegen::ir::{MemFlagsData, SourceLoc, TrapCode};
use cranelift_codegen::{Final, MachSrcLoc};

/// Accesses of a page: as many as there are user trap codes.
const PAGE: usize = 250;
/// Pages of a region, beside the first one.
const PAGES: u32 = 19;

/// The mark of a page behind the first one, between those of tail calls and stand-ins. No two may be neighbours: see
/// [`stand_in::FIRST`].
const fn page_mark(page: u32) -> u32 {
    4 + 3 * page
}

const _: () = assert!(page_mark(PAGES) <= stand_in::FIRST);

/// Accesses of a region by number.
#[derive(Default)]
pub(crate) struct Accesses {
    all: Vec<Access>,
    /// Of each page but the first one, how many accesses and stand-ins come before it.
    pages: Vec<(usize, usize)>,
}

impl Accesses {
    /// What marks the current page.
    fn mark(&self) -> SourceLoc {
        self.pages.len().checked_sub(1).map_or(SourceLoc::default(), |page| SourceLoc::new(page_mark(page as u32)))
    }

    fn in_page(&self) -> usize {
        self.all.len() - self.pages.last().map_or(0, |page| page.0)
    }

    /// Turns the page before `count` more accesses that might not be all in it. There are `stand_ins` until here.
    fn turn(&mut self, count: usize, stand_ins: usize) {
        if self.in_page() + count > PAGE && self.pages.len() < PAGES as usize {
            self.pages.push((self.all.len(), stand_ins));
        }
    }

    /// A trap code for one more.
    fn add(&mut self, access: Access) -> Option<TrapCode> {
        let code = u8::try_from(self.in_page() + 1).ok().filter(|&code| usize::from(code) <= PAGE)?;
        self.all.push(access);
        TrapCode::user(code)
    }

    /// The page of code with this mark, if it is not the first one.
    fn page(&self, mark: SourceLoc) -> Option<&(usize, usize)> {
        let own = self.pages.iter().zip(0..).find(|&(_, number)| page_mark(number) == mark.bits());
        // A stand-in has another mark, made in its page.
        own.map(|(page, _)| page).or_else(|| {
            let index = stand_in::index(mark)?;
            self.pages.iter().rfind(|page| page.1 <= index)
        })
    }

    /// The access with a trap code at `offset` in code with `marks`, which are sorted.
    pub(crate) fn find(&self, code: TrapCode, offset: u32, marks: &[MachSrcLoc<Final>]) -> Option<Access> {
        let next = marks.partition_point(|mark| mark.start <= offset);
        let mark = next.checked_sub(1).map(|index| &marks[index]).filter(|mark| offset < mark.end);
        let first = mark.and_then(|mark| self.page(mark.loc)).map_or(0, |page| page.0);
        self.all.get(first + usize::from(code.as_raw().get()) - 1).copied()
    }
}

impl Lower<'_, '_> {
    /// Before a node with `count` accesses.
    pub(super) fn turn_page(&mut self, count: usize) {
        self.out.accesses.turn(count, self.out.stand_ins.len());
        self.end_mark();
    }

    /// Code has the mark of its page from here on.
    pub(super) fn end_mark(&mut self) {
        self.fb.set_srcloc(self.out.accesses.mark());
    }

    /// Flags with the number of one more access.
    pub(super) fn numbered(&mut self) -> Result<MemFlagsData, Refused> {
        let resume = self.sync.filter(|_| self.u.region.precise).unwrap_or(self.pc);
        let code = self.out.accesses.add(Access { resume, pc: self.pc }).ok_or(Refused::TooManyAccesses)?;
        Ok(self.guest_flags.with_trap_code(Some(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(pc: usize) -> Access {
        Access { resume: pc as u64, pc: pc as u64 }
    }

    #[test]
    fn accesses_are_found_by_code_and_mark() {
        let mut all = Accesses::default();
        // Three nodes of 200 accesses, with a stand-in each.
        let mut places = Vec::new();
        for node in 0..3 {
            all.turn(200, node);
            for k in 0..200 {
                let code = all.add(access(200 * node + k)).unwrap();
                places.push((code, all.mark()));
            }
        }
        assert_eq!(places[0].1, SourceLoc::default());
        for (n, &(code, loc)) in places.iter().enumerate() {
            let marks = |loc| [MachSrcLoc::<Final> { start: 8, end: 16, loc }];
            assert_eq!(all.find(code, 12, &marks(loc)), Some(access(n)));
            assert_eq!(all.find(code, 12, &marks(stand_in::mark(n / 200))), Some(access(n)), "a stand-in of its node");
            assert_eq!(all.find(code, 16, &marks(loc)), Some(access(n % 200)), "what has no mark is of the first page");
        }
    }

    #[test]
    fn numbers_run_out() {
        let mut all = Accesses::default();
        for _ in 0..=PAGES {
            all.turn(PAGE, 0);
            assert!((0..PAGE).all(|_| all.add(access(0)).is_some()));
        }
        all.turn(1, 0);
        assert_eq!(all.add(access(0)), None);
    }
}
