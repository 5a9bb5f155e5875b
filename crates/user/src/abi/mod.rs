//! What differs between guests: one [`Abi`] value each. Everything outside this folder is the same for all.

pub mod aarch64;
pub mod x86_64;

use crate::errno::{Errno, SysResult};
use crate::guest::GuestMem;
use crate::mm::Layout;
use crate::signal::{AltStack, SigAction};
use crate::table::Row;
use crate::thread::Thread;
use crate::vdso::Function;
use brolga_core::{Env, Exit};

/// Longest `struct stat` of any guest, in bytes.
pub const STAT_MAX: usize = 144;

/// A processor as a program sees it outside the processor itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CpuId {
    /// AT_HWCAP and AT_HWCAP2.
    pub hwcap: [u64; 2],
    /// Its identification register: for arm64, MIDR_EL1; for x86_64, EAX of CPUID leaf 1.
    pub id: u32,
    /// Names of its features, for `/proc/cpuinfo`.
    pub features: Vec<&'static str>,
    /// Its vendor and its own name, where it tells them: for x86_64, the strings of CPUID.
    pub vendor: String,
    /// See `vendor`.
    pub model: String,
}

/// One guest architecture: constants and functions over the register file.
#[derive(Debug)]
pub struct Abi {
    /// Name, as in `uname -m` and AT_PLATFORM.
    pub name: &'static str,
    /// e_machine of its programs.
    pub machine: u16,
    /// AUDIT_ARCH word that seccomp filters see.
    pub audit_arch: u32,
    /// Address space for a first stack of the given size, of at most `reserved` bytes where that is given.
    pub layout: fn(stack: u64, reserved: Option<u64>) -> Layout,
    /// AT_MINSIGSTKSZ, and the least size `sigaltstack` takes.
    pub min_sigstack: u64,
    /// Bytes below the stack pointer that a signal frame leaves alone.
    pub red_zone: u64,
    /// Code that makes the sigreturn call; empty where every handler brings its own.
    pub trampoline: &'static [u8],
    /// Functions of the shared object that the kernel maps (vdso(7)); none where there is no such object.
    pub vdso: &'static [Function],
    /// Rows of the system-call table by number.
    pub table: &'static [Option<Row>],
    /// Open flags whose bits differ: (guest, host).
    pub open_flags: &'static [(u64, u64)],
    /// Whether `epoll_event` has no padding.
    pub epoll_packed: bool,
    /// Number and arguments of the system call that the guest makes.
    pub call: fn(&Env) -> (u64, [u64; 6]),
    /// Stores a call's result.
    pub set_result: fn(&mut Env, u64),
    /// Puts the PC back on the system-call instruction.
    pub rewind: fn(&mut Env),
    /// The program counter.
    pub pc: fn(&Env) -> u64,
    /// Sets the program counter.
    pub set_pc: fn(&mut Env, u64),
    /// The stack pointer.
    pub sp: fn(&Env) -> u64,
    /// Registers of a fresh program.
    pub start: fn(&mut Env, entry: u64, sp: u64),
    /// Registers of a cloned thread: result 0, and its own stack and thread pointer where given.
    pub start_clone: fn(&mut Env, sp: Option<u64>, tls: Option<u64>),
    /// Order of `clone`'s arguments after flags, stack, parent tid: true for (tls, child tid).
    pub clone_tls_first: bool,
    /// Lays out `struct stat`; returns its length.
    pub stat: fn(&libc::stat, &mut [u8; STAT_MAX]) -> usize,
    /// Builds a signal frame and enters the handler.
    pub push_frame: fn(&mut Env, GuestMem, &Frame<'_>) -> Result<(), Errno>,
    /// Undoes a signal frame; the stack pointer is where `push_frame` left it.
    pub pop_frame: fn(&mut Env, GuestMem) -> Result<Unframed, Errno>,
    /// The signal for what an instruction did; `None` for exits that raise none.
    pub raised: fn(&Env, Exit) -> Option<Raised>,
    /// Does what the kernel does where a program calls an address without memory; tells whether that was one.
    pub called: fn(&mut Thread, u64) -> bool,
    /// Whether ptrace(2) has PTRACE_GETREGS and PTRACE_GETFPREGS beside PTRACE_GETREGSET.
    pub ptrace_getregs: bool,
    /// Protection bits of `mmap` and `mprotect` beside read, write and execute. They change nothing for the host.
    pub more_prot: u64,
    /// Whether a processor executes what was just written without being told.
    pub coherent_code: bool,
    /// Flag of `mmap` that asks for an address below 2 GiB; 0 where there is none.
    pub mmap_low: u64,
    /// Options of `prctl` that are the architecture's.
    pub prctl: fn(&mut Thread, &[u64; 6]) -> Option<SysResult>,
    /// Text of `/proc/cpuinfo` for the number of processors and the processor's description.
    pub cpuinfo: fn(usize, &CpuId) -> String,
    /// General registers in the order of `NT_PRSTATUS`.
    pub core_regs: fn(&Env) -> Vec<u64>,
    /// Floating-point registers as `NT_FPREGSET` holds them.
    pub core_fpregs: fn(&Env) -> Vec<u8>,
}

/// A signal that an instruction raises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raised {
    /// Signal number.
    pub signal: i32,
    /// `si_code`
    pub code: i32,
    /// `si_addr`
    pub addr: u64,
    /// What the processor says about it, as [`Abi::push_frame`] stores it.
    pub syndrome: u64,
}

/// What a signal frame holds beside the registers.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Signal number.
    pub signal: i32,
    /// `siginfo_t`, one layout for all 64-bit guests.
    pub info: &'a [u8; 128],
    /// What to run.
    pub action: &'a SigAction,
    /// Mask to restore.
    pub mask: u64,
    /// The alternate stack's settings.
    pub altstack: AltStack,
    /// Address and syndrome of the fault that caused it.
    pub fault: Option<(u64, u64)>,
    /// Where the frame ends: below the interrupted stack pointer and its red zone, or the alternate stack's top.
    pub top: u64,
    /// Address of [`Abi::trampoline`].
    pub trampoline: u64,
}

/// What a popped frame restores outside the register file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unframed {
    /// Signal mask.
    pub mask: u64,
    /// Alternate stack.
    pub altstack: AltStack,
}

impl Abi {
    /// Guest open flags as the host's.
    pub fn open_to_host(&self, flags: u64) -> u64 {
        translate(flags, self.open_flags.iter().copied())
    }

    /// Host open flags as the guest's.
    pub fn open_to_guest(&self, flags: u64) -> u64 {
        translate(flags, self.open_flags.iter().map(|&(g, h)| (h, g)))
    }
}

fn translate(flags: u64, pairs: impl Iterator<Item = (u64, u64)> + Clone) -> u64 {
    let keep = !pairs.clone().fold(0, |m, (from, _)| m | from);
    pairs.fold(flags & keep, |out, (from, to)| if flags & from != 0 { out | to } else { out })
}
