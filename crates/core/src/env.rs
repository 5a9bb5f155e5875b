//! The guest register file and the words generated code shares with the engine.

use crate::regs::Reg;
use std::sync::atomic::{AtomicU32, Ordering};

/// Words of the register file. A power of two that an eight-bit index covers exactly, so that
/// tier 0 addresses registers and temporaries without a bounds check.
pub const FILE_WORDS: usize = 256;

/// Entries of the return stack; a power of two.
pub const RETURN_STACK: usize = 64;

/// One entry of a prediction table: a guest address and the host code that continues there.
///
/// `host == 0` means empty. Only the owning vCPU writes entries while it runs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct JumpEntry {
    /// Guest address that the entry answers for.
    pub guest: u64,
    /// Host code address, or 0.
    pub host: u64,
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
    /// Non-zero asks the vCPU to leave translated code at the next poll.
    pub exit_request: AtomicU32,
    /// Translation mode bits of the current state (`TbKey.flags`), kept by the engine.
    pub mode: u32,
    /// Address of the helper address table, indexed by helper number.
    pub helpers: u64,
    /// Address of the jump cache: a power-of-two array of [`JumpEntry`].
    pub jump_cache: u64,
    /// Next free slot of `return_stack`, as a byte offset; wraps.
    pub return_top: u64,
    /// Predicted returns: guest return address and its host code.
    pub return_stack: [JumpEntry; RETURN_STACK],
    /// Set by generated code when it leaves: which exit was taken (meaning is the back end's).
    pub exit_slot: u64,
    /// Second word of an exit's description (a fault's access number, a trap's immediate).
    pub exit_arg: u64,
    /// Value that a user-mode address has added to it to reach host memory.
    pub guest_base: u64,
}

impl Default for Env {
    fn default() -> Self {
        Env {
            file: [0; FILE_WORDS],
            exit_request: AtomicU32::new(0),
            mode: 0,
            helpers: 0,
            jump_cache: 0,
            return_top: 0,
            return_stack: [JumpEntry::default(); RETURN_STACK],
            exit_slot: 0,
            exit_arg: 0,
            guest_base: 0,
        }
    }
}

impl Env {
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
        self.exit_request.store(1, Ordering::Release);
    }

    /// Takes the request back and tells whether there was one.
    pub fn take_exit_request(&self) -> bool {
        self.exit_request.swap(0, Ordering::Acquire) != 0
    }
}
