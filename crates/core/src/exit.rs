//! Why a guest access failed and why a vCPU stopped.

use crate::memory::Access;

/// What was wrong with an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// No mapping at the address.
    Unmapped,
    /// Mapped without the permission.
    Permission,
    /// Mapped, but the backing object has no page there (past the end of a file).
    Bus,
    /// The alignment rule was broken.
    Alignment,
}

/// A guest memory access that could not be performed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// First byte that could not be accessed, as the guest computed it.
    pub addr: u64,
    /// Kind of access.
    pub access: Access,
    /// What was wrong.
    pub kind: FaultKind,
}

/// Why a vCPU stopped running. The guest's `pc` is current: at the instruction for faults,
/// undefined instructions and breakpoints, behind it for system calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// A system call instruction with its immediate.
    Syscall(u32),
    /// A memory access failed.
    Fault(Fault),
    /// An instruction that the guest's CPU does not have; the bytes as one little-endian word.
    Undefined(u32),
    /// A breakpoint instruction with its immediate.
    Breakpoint(u32),
    /// A branch-target or pointer-authentication check failed, or another guest exception that has
    /// no memory address; the value is guest-specific.
    GuestException(u32),
    /// Somebody asked the vCPU to stop.
    Interrupted,
    /// Single step finished.
    Step,
}
