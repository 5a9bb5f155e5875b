//! What a user-mode run is told.

use crate::abi::{self, Abi, CpuId};
use crate::limits::Limits;
use crate::log::LogOptions;
use crate::seccomp;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Guest architectures of user mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guest {
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit x86.
    X86_64,
}

impl Guest {
    /// Constants and functions of the architecture.
    pub fn abi(self) -> &'static Abi {
        match self {
            Guest::Aarch64 => &abi::aarch64::AARCH64,
            Guest::X86_64 => &abi::x86_64::X86_64,
        }
    }

    /// The guest called `name`, as in `uname -m`.
    pub fn by_name(name: &str) -> Option<Guest> {
        [Guest::Aarch64, Guest::X86_64].into_iter().find(|g| g.abi().name == name)
    }
}

/// Everything a run depends on beside the processor.
#[derive(Clone, Debug)]
pub struct Config {
    /// Guest architecture.
    pub guest: Guest,
    /// The program as given; searched neither in `PATH` nor, on the command line, under the prefix.
    pub program: PathBuf,
    /// The program, already open on a descriptor that is ours to close.
    pub program_fd: Option<i32>,
    /// argv[0] if it differs from `program`.
    pub argv0: Option<OsString>,
    /// What was executed as the guest says it, if it is not `program`: a path under the prefix, a script. It becomes
    /// AT_EXECFN, its last part the process's name.
    pub exec_name: Option<OsString>,
    /// argv[1] and later.
    pub args: Vec<OsString>,
    /// Environment as `NAME=value`.
    pub env: Vec<OsString>,
    /// Directory looked up first for absolute paths (`-L`).
    pub prefix: Option<PathBuf>,
    /// Bytes of the first stack (`-s`).
    pub stack_size: u64,
    /// System calls are logged if present (`-strace`).
    pub strace: Option<StraceOptions>,
    /// What else is logged, and where everything goes.
    pub log: LogOptions,
    /// Bytes of address space (`-R`), if fewer than the architecture's.
    pub reserved: Option<u64>,
    /// Kernel release that `uname` tells (`-r`).
    pub uname: Option<String>,
    /// Value added to guest addresses (`-B`).
    pub guest_base: u64,
    /// The processor.
    pub cpu: CpuId,
    /// Seed of AT_RANDOM's bytes (`-seed`); otherwise they come from the host.
    pub seed: Option<u64>,
    /// Whether each run puts position-independent programs and mappings at other addresses.
    pub aslr: bool,
    /// The guest's soft limit of open files, if the host's was raised to start the emulator.
    pub open_files: Option<u64>,
    /// Memory limits, if an emulator before this one kept them; otherwise the host's.
    pub limits: Option<Limits>,
    /// seccomp filters that the program before this one installed.
    pub seccomp: seccomp::State,
    /// Words of the caller's own that programs started by the guest are to get back, in [`crate::reexec`].
    pub carried: Vec<OsString>,
    /// Called before the process ends or executes another program, from whichever thread does.
    pub on_exit: Option<fn()>,
}

impl Config {
    /// What was executed, as the guest says it.
    pub fn executed(&self) -> &OsStr {
        self.exec_name.as_deref().unwrap_or(self.program.as_os_str())
    }

    /// A run of `program` with the given guest arguments, this process's environment and defaults.
    pub fn new(guest: Guest, program: PathBuf, args: Vec<OsString>) -> Config {
        Config {
            guest,
            program,
            program_fd: None,
            argv0: None,
            exec_name: None,
            args,
            env: crate::startup::environment(),
            prefix: None,
            stack_size: 8 << 20,
            strace: None,
            log: LogOptions::default(),
            reserved: None,
            uname: None,
            guest_base: 0,
            cpu: CpuId::default(),
            seed: None,
            aslr: false,
            open_files: None,
            limits: None,
            seccomp: seccomp::State::default(),
            carried: Vec::new(),
            on_exit: None,
        }
    }
}

/// What `-strace` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StraceOptions {
    /// Only calls with these names; all if empty. A leading `!` in the first name inverts the list.
    pub filter: Vec<String>,
    /// Longest string printed whole, in bytes; 0 stands for 32.
    pub string_limit: usize,
}
