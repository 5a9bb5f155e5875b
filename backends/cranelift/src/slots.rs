//! Link slots: where static exits go. A slot is one host code address in data memory, so linking and
//! unlinking is one store, and code is never patched. A slot may also be a counter.

use crate::host;
use crate::numbers::{Numbers, Supply};
use crate::tables::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Index of a slot. Slot 0 is never linked and belongs to no address; no more does [`HOT`].
pub type Slot = u32;

/// Leads to where blocks of tier 1 go that are hot.
pub(crate) const HOT: Slot = 1;

/// What there is of each slot and each count ([`crate::counts`]), by number.
#[derive(Debug)]
pub(crate) struct Places {
    /// Host addresses that it leads to; read by generated code, within reach of which they are.
    pub hosts: Table<AtomicU64>,
    /// Guest addresses that it stands for.
    pub pcs: Table<AtomicU64>,
}

/// All slots of one code arena.
#[derive(Debug)]
pub(crate) struct LinkSlots {
    places: Arc<Places>,
    numbers: Numbers,
}

impl LinkSlots {
    /// Slots with the first numbers of `supply`, and more as they are needed.
    pub(crate) fn new(places: Arc<Places>, supply: Arc<Supply>) -> LinkSlots {
        let slots = LinkSlots { places, numbers: Numbers::new(supply) };
        let first = slots.numbers.allocate(HOT as usize + 1);
        debug_assert_eq!(first, Some(vec![0, HOT]));
        slots.unlink(0);
        slots.link(HOT, host::hot_address());
        slots
    }

    /// Address of slot 0, for `Env::link_slots`.
    pub(crate) fn address(&self) -> u64 {
        self.word(0)
    }

    /// Address of the slot's word.
    pub(crate) fn word(&self, slot: Slot) -> u64 {
        self.places.hosts.address(slot as usize)
    }

    /// The slot whose word is at an address.
    pub(crate) fn at(&self, word: u64) -> Slot {
        (word.wrapping_sub(self.address()) / 8) as Slot
    }

    /// Fresh, unlinked slots that lead to guest addresses `pcs`, then `more`, unless they have run out.
    pub(crate) fn allocate(&self, pcs: &[u64], more: &[u64]) -> Option<Vec<Slot>> {
        let got = self.numbers.allocate(pcs.len() + more.len())?;
        for (&slot, &pc) in got.iter().zip(pcs.iter().chain(more)) {
            self.places.pcs.at(slot as usize).store(pc, Ordering::Relaxed);
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
        self.places.pcs.at(slot as usize).load(Ordering::Relaxed)
    }

    pub(crate) fn link(&self, slot: Slot, host: u64) {
        self.places.hosts.at(slot as usize).store(host, Ordering::Release);
    }

    /// Makes the slot a counter, which generated code counts down.
    pub(crate) fn set_count(&self, slot: Slot, count: u32) {
        self.places.hosts.at(slot as usize).store(count.into(), Ordering::Relaxed);
    }

    pub(crate) fn unlink(&self, slot: Slot) {
        self.link(slot, host::unlinked_address());
    }
}
