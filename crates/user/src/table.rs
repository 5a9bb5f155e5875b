//! Rows of the system-call tables, compiled from `abi/*.tbl`. Dispatch and `-strace` read the same row.

use crate::errno::SysResult;
use crate::thread::Thread;

/// One system call.
#[derive(Debug)]
pub struct Row {
    /// Name, as in the manual.
    pub name: &'static str,
    /// How it is performed.
    pub how: How,
    /// What the result means.
    pub ret: Ret,
    /// Arguments in order.
    pub args: &'static [Arg],
}

/// How a call is performed.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// The host's call of this number.
    Pass(i64),
    /// A function of ours.
    Call(fn(&mut Thread, &[u64; 6]) -> SysResult),
    /// The call of this number of the same table, which contains this one, with these words (then zeros).
    As(u64, &'static [Word]),
    /// Not offered: ENOSYS.
    Missing,
}

/// An argument for the call that contains another.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// The argument of this index.
    Arg(u8),
    /// This.
    Is(u64),
}

/// What a result means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// Signed number.
    Int,
    /// Unsigned number.
    Uint,
    /// Address or bits.
    Hex,
    /// Number of bytes.
    Size,
    /// Descriptor.
    Fd,
    /// Process or thread.
    Pid,
    /// Does not return.
    Never,
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Name, as in the manual.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// What an argument is. Lengths are given as the index of another argument.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the documentation; abi/aarch64.tbl explains them")]
pub enum Kind {
    Int,
    Uint,
    Long,
    Hex,
    Oct,
    Size,
    Off,
    Fd,
    Atfd,
    Pid,
    Uid,
    Sig,
    Path,
    Str,
    Ptr,
    Strv,
    In(u8),
    Out(u8),
    Iov(u8),
    Oiov(u8),
    Riov(u8),
    Sockaddr(u8),
    Flags(&'static FlagSet),
    InStruct(Struct),
    OutStruct(Struct),
}

impl Kind {
    /// Whether the argument is an address that the kernel reads or writes.
    pub fn is_pointer(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Path | Str
                | Ptr
                | Strv
                | In(_)
                | Out(_)
                | Iov(_)
                | Oiov(_)
                | Riov(_)
                | Sockaddr(_)
                | InStruct(_)
                | OutStruct(_)
        )
    }
}

/// Structures that `-strace` can print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named as in the manual")]
pub enum Struct {
    EpollEvent,
    Fdpair,
    Int,
    Itimerspec,
    Itimerval,
    Msghdr,
    Rlimit,
    Sigaction,
    Sigevent,
    Siginfo,
    Sigset,
    Stack,
    Stat,
    Statfs,
    Statx,
    Timespec,
    Timespec2,
    Timeval,
    Utsname,
    Wstatus,
}

/// Names of constants.
#[derive(Debug)]
pub struct FlagSet {
    /// Values are or-ed together.
    pub bits: bool,
    /// Value and name; for bits, wider sets come before what they contain.
    pub names: &'static [(u64, &'static str)],
}

/// The sets of `abi/flags.tbl`.
pub mod flags {
    #![allow(missing_docs, reason = "generated from a table")]
    use super::FlagSet;
    include!(concat!(env!("OUT_DIR"), "/flags.rs"));
}

/// The row of call `nr`, if the architecture has one.
pub fn row(table: &'static [Option<Row>], nr: u64) -> Option<&'static Row> {
    table.get(usize::try_from(nr).ok()?)?.as_ref()
}
