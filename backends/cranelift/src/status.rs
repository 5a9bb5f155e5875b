//! What generated code returns: why it left.

/// The program counter is in the register file.
pub(crate) const GOTO: u64 = 0;
/// `Env::exit_slot` is the address of the unlinked slot, which knows the program counter.
pub(crate) const GOTO_SLOT: u64 = 1;
/// `Env::exit_slot` is the raise kind, `Env::exit_arg` its operand.
pub(crate) const RAISE: u64 = 2;
/// A poll saw the exit request.
pub(crate) const POLLED: u64 = 3;
/// State is complete; tier 0 must run the instruction at the program counter.
pub(crate) const RESUME: u64 = 4;
/// A host fault; the program counter says where tier 0 resumes.
pub(crate) const FAULT: u64 = 5;
/// A block of tier 1 has been entered as often as its count said; `Env::exit_slot` is the number of the count, which knows
/// the program counter.
pub(crate) const HOT: u64 = 6;
/// The region's patience is at its end; `Env::exit_slot` is the address of the slot that counted.
pub(crate) const BUSY: u64 = 7;
