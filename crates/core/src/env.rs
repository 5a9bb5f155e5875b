//! The guest register file and the words generated code shares with the engine.

use crate::regs::Reg;
use std::sync::atomic::{AtomicU32, Ordering};

/// Words of the register file. A power of two that an eight-bit index covers exactly, so that
/// tier 0 addresses registers and temporaries without a bounds check.
pub const FILE_WORDS: usize = 256;

/// Entries of the return stack; a power of two.
pub const RETURN_STACK: usize = 64;

/// Entries of a jump cache; a power of two. Generated code has it built in.
pub const JUMP_CACHE: usize = 4096;

/// One entry of a jump cache: a guest address and the host code that continues there.
///
/// Only the owning vCPU writes entries while it runs. Generated code compares `guest` alone, so an
/// entry that holds nothing must have an address that belongs at another index:
/// [`JumpEntry::vacant`], never zeros.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct JumpEntry {
    /// Guest address that the entry answers for.
    pub guest: u64,
    /// Host code address.
    pub host: u64,
}

impl JumpEntry {
    /// Where the entry for guest address `pc` is, as far as generated code looks itself.
    #[inline(always)]
    pub const fn index(pc: u64) -> usize {
        (pc >> 2) as usize & (JUMP_CACHE - 1)
    }

    /// Where it is if another address has pushed it out.
    #[inline(always)]
    pub const fn second(pc: u64) -> usize {
        Self::index(pc ^ pc >> 12)
    }

    /// The entry for `pc`, if there is one.
    #[inline]
    pub fn find(cache: &[JumpEntry], pc: u64) -> Option<&JumpEntry> {
        [Self::index(pc), Self::second(pc)].into_iter().filter_map(|i| cache.get(i)).find(|entry| entry.guest == pc)
    }

    /// Enters `host` for `pc`. What was in its place goes to its other place, so that two addresses with one index do not
    /// push each other out for ever.
    #[inline]
    pub fn put(cache: &mut [JumpEntry], pc: u64, host: u64) {
        let first = &mut cache[Self::index(pc)];
        if (first.guest, first.host) == (pc, host) {
            return; // after a fork, to write to it is to copy a page
        }
        let old = std::mem::replace(first, JumpEntry { guest: pc, host });
        if old.guest != pc && old.host != 0 && Self::second(old.guest) != Self::index(pc) {
            cache[Self::second(old.guest)] = old;
        }
    }

    /// Drops what is known of `pc`.
    pub fn forget(cache: &mut [JumpEntry], pc: u64) {
        for index in [Self::index(pc), Self::second(pc)] {
            if let Some(entry) = cache.get_mut(index).filter(|entry| entry.guest == pc) {
                *entry = Self::vacant(index);
            }
        }
    }

    /// What stands at `index` while nothing is known there.
    pub const fn vacant(index: usize) -> JumpEntry {
        JumpEntry { guest: (index as u64 ^ 1) << 2, host: 0 }
    }

    /// A jump cache that knows nothing.
    pub fn vacant_cache() -> Box<[JumpEntry]> {
        (0..JUMP_CACHE).map(JumpEntry::vacant).collect()
    }
}

/// One predicted return: the guest's return address and the link slot that leads to its code.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ReturnEntry {
    /// Guest return address.
    pub guest: u64,
    /// Address of the link slot, which holds that of the code.
    pub slot: u64,
}

/// One vCPU's state as every tier sees it.
///
/// `repr(C)`: generated code addresses fields by `offset_of!`. The register file comes first so
/// that its displacements are small. Its words are assigned by the guest's [`crate::RegTable`];
/// those from `RegTable::scratch` on are tier 0's temporaries and mean nothing between blocks.
#[repr(C, align(64))]
pub struct Env {
    /// Guest registers, then scratch.
    pub file: [u64; FILE_WORDS],
    /// 0, or [`Env::ASKED`] to make the vCPU leave translated code at the next poll.
    pub exit_request: AtomicU32,
    /// Translation mode bits of the current state (`TbKey.flags`), kept by the engine.
    pub mode: u32,
    /// Address of the helper address table, indexed by helper number.
    pub helpers: u64,
    /// Address of the jump cache: [`JUMP_CACHE`] entries.
    pub jump_cache: u64,
    /// Address of the first link slot, which leads back to the run loop for good.
    pub link_slots: u64,
    /// Address of the host code that hot blocks lead to, by the number of their count.
    pub hot_hosts: u64,
    /// Host stack pointer of the code that entered generated code.
    pub host_stack: u64,
    /// Offset of the guest's program counter in `file`, in bytes.
    pub pc_offset: u64,
    /// Next free entry of `return_stack`, as a byte offset; wraps.
    pub return_top: u64,
    /// Predicted returns.
    pub return_stack: [ReturnEntry; RETURN_STACK],
    /// Set by generated code when it leaves: which exit was taken (meaning is the back end's).
    pub exit_slot: u64,
    /// Second word of an exit's description (a fault's access number, a trap's immediate).
    pub exit_arg: u64,
    /// What code that generated code calls adds to a user-mode address to reach host memory.
    pub guest_base: u64,
    /// Floating point of generated code.
    pub fp: HostFp,
}

/// What generated code that computes with the host's floating point shares with its back end, which alone
/// knows the meaning. Nothing here lasts beyond a run of generated code.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HostFp {
    /// Operands of an operation that is left to the guest's helper.
    pub operands: [u128; 3],
    /// Its result.
    pub result: u128,
    /// Written with results that nobody may need, so that they are computed: their flags count.
    pub sink: u128,
    /// Address of the code that does such an operation.
    pub exact: u64,
    /// Host control word while generated code runs.
    pub control: u32,
    /// Host status word when generated code was left.
    pub raised: u32,
    /// Where the guest keeps flags: its word of the file, then the bit number of each, a byte each.
    pub rows: u64,
}

impl Default for Env {
    fn default() -> Self {
        Env {
            file: [0; FILE_WORDS],
            exit_request: AtomicU32::new(0),
            mode: 0,
            helpers: 0,
            jump_cache: 0,
            link_slots: 0,
            hot_hosts: 0,
            host_stack: 0,
            pc_offset: 0,
            return_top: 0,
            return_stack: [ReturnEntry::default(); RETURN_STACK],
            exit_slot: 0,
            exit_arg: 0,
            guest_base: 0,
            fp: HostFp::default(),
        }
    }
}

impl Env {
    /// Generated code holds the address of `Env` plus this: displacements of one byte reach the first 32 words of the file.
    pub const BIAS: i32 = 128;

    /// The exit word of who is asked to stop: above the low half of the address of any `Env`, with [`Env::BIAS`] or without,
    /// so that generated code may compare it with the one that it holds.
    pub const ASKED: u32 = u32::MAX;

    /// Forgets all predicted returns: what is left of them leads back to the run loop.
    pub fn forget_returns(&mut self) {
        self.return_stack.fill(ReturnEntry { guest: 0, slot: self.link_slots });
    }

    /// Reads a 64-bit register.
    #[inline(always)]
    pub fn get(&self, reg: Reg) -> u64 {
        self.file[reg.0 as usize]
    }

    /// Writes a 64-bit register.
    #[inline(always)]
    pub fn set(&mut self, reg: Reg, value: u64) {
        self.file[reg.0 as usize] = value;
    }

    /// Reads a 128-bit row.
    #[inline(always)]
    pub fn get128(&self, reg: Reg) -> u128 {
        let i = reg.0 as usize;
        self.file[i] as u128 | (self.file[i | 1] as u128) << 64
    }

    /// Writes a 128-bit row. `reg` is even, as the register table guarantees.
    #[inline(always)]
    pub fn set128(&mut self, reg: Reg, value: u128) {
        let i = reg.0 as usize;
        self.file[i] = value as u64;
        self.file[i | 1] = (value >> 64) as u64;
    }

    /// Asks the vCPU to stop at its next poll; may be called by any thread and in a signal handler.
    pub fn request_exit(&self) {
        self.exit_request.store(Env::ASKED, Ordering::Release);
    }

    /// Takes the request back and tells whether there was one.
    pub fn take_exit_request(&self) -> bool {
        self.exit_request.swap(0, Ordering::Acquire) != 0
    }
}

// The low half of the address that generated code holds is never [`Env::ASKED`], which is odd.
const _: () = assert!(align_of::<Env>() > 1 && Env::BIAS % 2 == 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_addresses_of_one_index_are_both_found() {
        let mut cache = JumpEntry::vacant_cache();
        let (a, b) = (0x10_0040, 0x10_4040);
        assert_eq!(JumpEntry::index(a), JumpEntry::index(b));
        for (pc, host) in [(a, 1), (b, 2)] {
            assert!(JumpEntry::find(&cache, pc).is_none());
            JumpEntry::put(&mut cache, pc, host);
        }
        let host = |cache: &[JumpEntry], pc| JumpEntry::find(cache, pc).map(|entry| entry.host);
        assert_eq!([a, b].map(|pc| host(&cache, pc)), [Some(1), Some(2)]);
        JumpEntry::put(&mut cache, b, 3);
        assert_eq!([a, b].map(|pc| host(&cache, pc)), [Some(1), Some(3)]);
        JumpEntry::forget(&mut cache, a);
        assert_eq!([a, b].map(|pc| host(&cache, pc)), [None, Some(3)]);
        JumpEntry::forget(&mut cache, b);
        assert_eq!([a, b].map(|pc| host(&cache, pc)), [None, None]);
        JumpEntry::forget(&mut [], a);
    }

    #[test]
    fn vacant_entries_are_nobodys() {
        let cache = JumpEntry::vacant_cache();
        assert!((0..1 << 20).all(|pc| JumpEntry::find(&cache, pc).is_none()));
    }
}
