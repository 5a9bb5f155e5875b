//! Hosts without a trampoline: nothing can be compiled, so nothing here is reached.

use brolga_core::{Env, FpRounding};

/// Whether code can be generated here.
pub(crate) const SUPPORTED: bool = false;

/// Unknown.
pub(crate) const TOTAL_STORE_ORDER: bool = false;

/// # Safety
/// None: there is no code to run.
pub(crate) unsafe fn enter(_: *mut Env, _: u64) -> u64 {
    unreachable!("no code is generated for this host")
}

/// A control word that nothing uses.
pub(crate) const DEFAULT_CONTROL: u32 = 0;

/// No flags.
pub(crate) const FLAG_BITS: [u32; 5] = [0; 5];

/// No flag.
pub(crate) const DENORMAL_BIT: u32 = 0;

/// No flags.
pub(crate) const RAISED: u32 = 0;

/// A control word that nothing uses.
pub(crate) fn control(_: FpRounding) -> u32 {
    0
}

/// No flags.
pub(crate) fn read_status() -> u32 {
    0
}

/// Does nothing.
pub(crate) fn set_control(_: u32) {}

/// No code.
pub(crate) fn exact_address() -> u64 {
    0
}

/// Address of the code behind unlinked slots.
pub(crate) fn unlinked_address() -> u64 {
    0
}

/// Address of the code for hot blocks.
pub(crate) fn hot_address() -> u64 {
    0
}

/// A function without its frame: there is none.
pub(crate) struct Bare {
    pub entries: Vec<u32>,
}

impl Bare {
    pub(crate) fn at(&self, old: u32) -> u32 {
        old
    }
}

/// There is no convention to keep.
pub(crate) fn strip(_: &mut Vec<u8>, _: usize, _: &[std::ops::Range<u32>], _: &[u32]) -> Option<Bare> {
    None
}

/// Host program counter of a signal context.
pub(crate) fn context_pc(_: &libc::ucontext_t) -> u64 {
    0
}

/// Whether the faulting access was a write.
pub(crate) fn context_is_write(_: &libc::ucontext_t) -> bool {
    false
}

/// Makes the interrupted thread leave generated code.
pub(crate) fn redirect(_: &mut libc::ucontext_t, _: *mut Env) {}

/// What became of an access with a tagged address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tagged {
    /// Never made here.
    #[allow(dead_code, reason = "a variant of hosts that generate code")]
    Stepping(Step),
    /// Never made here.
    #[allow(dead_code, reason = "a variant of hosts that generate code")]
    Done,
    /// Nothing can be done.
    No,
}

/// An instruction that runs alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step;

/// Handles a stopped instruction.
pub(crate) fn begin(_: &mut libc::ucontext_t, _: usize) -> Tagged {
    Tagged::No
}

/// Puts things back behind it.
pub(crate) fn end(_: Step, _: &mut libc::ucontext_t) {}
