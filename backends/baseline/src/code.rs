//! Code of one block before it has a place, and what it must know of the place.

use crate::host_fns::HostFns;

/// Exit status words of the back end that runs the code.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// The program counter is in the register file.
    pub goto: u32,
    /// `Env::exit_slot` is the raise kind, `Env::exit_arg` its operand.
    pub raise: u32,
    /// A poll saw the exit request.
    pub polled: u32,
    /// Tier 0 must run the instruction at the program counter.
    pub resume: u32,
}

/// What a block must know of the place it will have.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Guest address of the block.
    pub pc: u64,
    /// Guest address behind it, where its call returns to.
    pub end: u64,
    /// Added to a guest address to make a host address; a multiple of 16.
    pub guest_base: u64,
    /// Whether accesses clear the top byte of addresses.
    pub remove_tags: bool,
    /// Which instructions the host has beside those that all have.
    pub functions: HostFns,
    /// Whether the guest's floating point is the host's, and may be computed by it.
    pub like_sse: bool,
    /// Whether the host may compute floating point where results say that its rules made no difference.
    pub host_fp: bool,
    /// Exit status words.
    pub status: Status,
    /// Number in the helper table of `extern "C" fn(env, [u64; 4] of a packed op as four arguments)`.
    pub op: u32,
    /// Number of `extern "C" fn(env, condition, first flag word, 0) -> truth`.
    pub holds: u32,
    /// Number of the caller of guest helpers: three arguments and the helper's address.
    pub call: u32,
    /// Number of `extern "C" fn(env, to, from, length) -> bytes copied`.
    pub copy: u32,
    /// Number of guest helper 0.
    pub first_guest: u32,
}

/// A way out of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To the guest address with this index in [`Code::exits`].
    Exit(u32),
    /// To the run loop, at a guest address.
    Leave {
        /// The program counter.
        pc: u64,
        /// Why.
        status: u32,
    },
    /// To the guest address in RAX, by the jump cache.
    Lookup,
    /// To the run loop, at the guest address in RAX.
    Miss,
    /// Where the block leads that has used its count up.
    Hot,
}

/// A jump out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// Offset behind its displacement of four bytes.
    pub end: u32,
    /// Where it leads.
    pub to: Way,
}

/// What four bytes of a block are to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// The distance of the block's count from one byte behind them.
    Count,
    /// The distance from behind them of the slot for the guest address with this index in [`Code::exits`].
    Slot(u32),
}

/// Four bytes that depend on the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotUse {
    /// Offset in the code.
    pub at: u32,
    /// What to put there.
    pub what: Use,
}

/// Host code of a block; control enters at its first byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// Guest address.
    pub pc: u64,
    /// Instructions.
    pub bytes: Vec<u8>,
    /// Where control may enter that needs no poll.
    pub entered: u32,
    /// Jumps out.
    pub jumps: Vec<Jump>,
    /// What the last instruction runs on into.
    pub tail: Option<Way>,
    /// Guest addresses that static exits and predicted returns lead to, each once.
    pub exits: Vec<u64>,
    /// What depends on the place.
    pub uses: Vec<SlotUse>,
    /// Offset of each host instruction that may fault, and its guest instruction's address; ascending.
    pub accesses: Vec<(u32, u64)>,
}
