//! Link slots: where static exits go. A slot is one host code address in data memory, so linking and
//! unlinking is one store, and code is never patched. A slot may also be a counter.

use crate::arena::Beside;
use crate::host;
use crate::numbers::{Numbers, Words, doublewords};
use std::sync::atomic::Ordering;

/// Index of a slot. Slot 0 is never linked and belongs to no address; no more does [`HOT`].
pub type Slot = u32;

/// Leads to where blocks of tier 1 go that are hot.
pub(crate) const HOT: Slot = 1;

/// All slots of one code arena.
#[derive(Debug)]
pub(crate) struct LinkSlots {
    /// Host addresses; read by generated code, within reach of which they are.
    hosts: Beside,
    /// Guest addresses that the slots stand for.
    pcs: Words,
    numbers: Numbers,
}

impl LinkSlots {
    /// As many slots as there is room for in `beside`; memory is taken as they are used.
    pub(crate) fn new(beside: Beside) -> std::io::Result<LinkSlots> {
        let len = beside.len() / 8;
        let slots = LinkSlots { hosts: beside, pcs: Words::new(len)?, numbers: Numbers::new(HOT + 1, len) };
        slots.unlink(0);
        slots.link(HOT, host::hot_address());
        Ok(slots)
    }

    /// Address of slot 0, for `Env::link_slots`.
    pub(crate) fn address(&self) -> u64 {
        self.hosts.start() as u64
    }

    /// Address of the slot's word.
    pub(crate) fn word(&self, slot: Slot) -> u64 {
        self.address() + 8 * u64::from(slot)
    }

    /// The slot whose word is at an address.
    pub(crate) fn at(&self, word: u64) -> Slot {
        (word.wrapping_sub(self.address()) / 8) as Slot
    }

    /// Fresh, unlinked slots that lead to guest addresses `pcs`, then `more`, unless they have run out.
    pub(crate) fn allocate(&self, pcs: &[u64], more: &[u64]) -> Option<Vec<Slot>> {
        let got = self.numbers.allocate(pcs.len() + more.len())?;
        for (&slot, &pc) in got.iter().zip(pcs.iter().chain(more)) {
            self.pcs[slot as usize].store(pc, Ordering::Relaxed);
            self.unlink(slot);
        }
        Some(got)
    }

    /// Gives a slot back that no code and no return stack names any more.
    pub(crate) fn free(&self, slot: Slot) {
        self.numbers.free(slot);
    }

    /// Guest address that the slot leads to.
    pub(crate) fn pc(&self, slot: Slot) -> u64 {
        self.pcs[slot as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn link(&self, slot: Slot, host: u64) {
        doublewords(&self.hosts)[slot as usize].store(host, Ordering::Release);
    }

    /// Makes the slot a counter, which generated code counts down.
    pub(crate) fn set_count(&self, slot: Slot, count: u32) {
        doublewords(&self.hosts)[slot as usize].store(count.into(), Ordering::Relaxed);
    }

    pub(crate) fn unlink(&self, slot: Slot) {
        self.link(slot, host::unlinked_address());
    }
}
