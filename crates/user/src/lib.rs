#![doc = include_str!("../README.md")]
// Host calls, signal handlers and process creation are `unsafe` in `host`, `signal::inbox`, `startup`,
// `sys::clone` and two functions of `sys::fs`, each of which opts in and says why.

pub mod abi;
pub mod areas;
mod attach;
mod config;
mod core_file;
pub mod elf;
pub mod errno;
mod fetch;
mod guest;
pub mod host;
mod identity;
mod limits;
pub mod loader;
mod log;
pub mod mm;
mod own_fds;
mod path;
mod proc;
mod process;
pub mod reexec;
mod robust;
mod run;
pub mod seccomp;
pub mod signal;
mod startup;
mod strace;
pub mod sys;
mod syscall;
pub mod table;
pub mod thread;
mod times;
pub mod uring;
mod vdso;
mod vectors;
mod watch;

pub use abi::CpuId;
pub use config::{Config, Guest, StraceOptions};
pub use fetch::{aliases, fetch, is_file, will_watch};
pub use guest::GuestMem;
pub use host::shared_words;
pub use identity::{build_id, hide, is_secure};
pub use limits::Limits;
pub use log::{LogFile, LogOptions};
pub use path::Paths;
pub use process::Process;
pub use run::run;
pub use signal::inbox::{FaultHook, set_fault_hook};
pub use signal::spawn_hidden;
pub use times::processor_times;
