//! Link slots: where static exits go. A slot is one host code address in data memory, so linking and
//! unlinking is one store. Of its code only the displacements of jumps are changed that may go there directly, and they
//! need not be: who leaves by the slot gets there as well. A slot may also be a counter.

use crate::host;
use crate::numbers::{Numbers, Supply};
use crate::tables::{Table, Zeroed};
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
    /// The rest.
    pub known: Table<Known>,
}

/// What generated code does not read of a slot or count.
#[derive(Debug)]
pub(crate) struct Known {
    /// Guest address that it stands for.
    pub pc: AtomicU64,
    /// Of a slot: where the jumps are that may be led past it, as [`JumpsAt`] says; 0: nowhere.
    jumps: AtomicU64,
}

impl Zeroed for Known {}

/// The first of the jumps to an exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct JumpsAt {
    /// Number of the arena's granule that the code begins in.
    pub granule: u32,
    /// Index in the code's list.
    pub first: u32,
}

impl JumpsAt {
    fn word(self) -> u64 {
        (u64::from(self.granule) + 1) << 32 | u64::from(self.first)
    }

    fn of(word: u64) -> Option<JumpsAt> {
        Some(JumpsAt { granule: ((word >> 32) as u32).checked_sub(1)?, first: word as u32 })
    }
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
            let known = self.places.known.at(slot as usize);
            known.pc.store(pc, Ordering::Relaxed);
            known.jumps.store(0, Ordering::Relaxed);
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
        self.places.known.at(slot as usize).pc.load(Ordering::Relaxed)
    }

    /// The jumps that may be led past the slot.
    pub(crate) fn jumps(&self, slot: Slot) -> Option<JumpsAt> {
        JumpsAt::of(self.places.known.at(slot as usize).jumps.load(Ordering::Relaxed))
    }

    pub(crate) fn set_jumps(&self, slot: Slot, jumps: JumpsAt) {
        self.places.known.at(slot as usize).jumps.store(jumps.word(), Ordering::Relaxed);
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
