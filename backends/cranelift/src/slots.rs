//! Link slots: where static exits go. A slot is one host code address in data memory, so linking and
//! unlinking is one store, and code is never patched. A slot may also be a counter.
#![allow(unsafe_code, reason = "memory as an array of atomics, read by generated code")]

use crate::arena::Beside;
use crate::host;
use memmap2::MmapMut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
    pcs: MmapMut,
    len: usize,
    free: Mutex<Free>,
}

#[derive(Debug)]
struct Free {
    /// First slot never used.
    next: Slot,
    /// Slots given back.
    back: Vec<Slot>,
}

fn words(map: &MmapMut, len: usize) -> &[AtomicU64] {
    // SAFETY: the mapping is page-aligned, at least `len` words long, zero-filled at first, and only
    // ever accessed as atomics.
    unsafe { std::slice::from_raw_parts(map.as_ptr().cast(), len) }
}

fn hosts(beside: &Beside, len: usize) -> &[AtomicU64] {
    // SAFETY: as in `words`; nobody else has this memory.
    unsafe { std::slice::from_raw_parts(beside.start().cast(), len) }
}

impl LinkSlots {
    /// As many slots as there is room for in `beside`; memory is taken as they are used.
    pub(crate) fn new(beside: Beside) -> std::io::Result<LinkSlots> {
        let len = beside.len() / 8;
        let slots = LinkSlots {
            hosts: beside,
            pcs: MmapMut::map_anon(len * 8)?,
            len,
            free: Mutex::new(Free { next: HOT + 1, back: Vec::new() }),
        };
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

    /// A fresh, unlinked slot that leads to guest address `pc`.
    pub(crate) fn allocate(&self, pc: u64) -> Option<Slot> {
        let slot = {
            let mut free = self.free.lock().unwrap_or_else(|e| e.into_inner());
            match free.back.pop() {
                Some(slot) => slot,
                None if (free.next as usize) < self.len => {
                    free.next += 1;
                    free.next - 1
                }
                None => return None,
            }
        };
        words(&self.pcs, self.len)[slot as usize].store(pc, Ordering::Relaxed);
        self.unlink(slot);
        Some(slot)
    }

    /// Gives a slot back that no code and no return stack names any more.
    pub(crate) fn free(&self, slot: Slot) {
        self.free.lock().unwrap_or_else(|e| e.into_inner()).back.push(slot);
    }

    /// Guest address that the slot leads to.
    pub(crate) fn pc(&self, slot: Slot) -> u64 {
        words(&self.pcs, self.len)[slot as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn link(&self, slot: Slot, host: u64) {
        hosts(&self.hosts, self.len)[slot as usize].store(host, Ordering::Release);
    }

    /// Makes the slot a counter, which generated code counts down.
    pub(crate) fn set_count(&self, slot: Slot, count: u32) {
        hosts(&self.hosts, self.len)[slot as usize].store(count.into(), Ordering::Relaxed);
    }

    pub(crate) fn unlink(&self, slot: Slot) {
        self.link(slot, host::unlinked_address());
    }
}
