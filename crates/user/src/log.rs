//! The `-d` items that user mode knows, and where every log line goes.

use crate::host;
use crate::mm::State;
use crate::own_fds;
use crate::signal;
use crate::thread::Thread;
use std::cell::Cell;
use std::fmt::Write as _;
use std::os::fd::IntoRawFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where log lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFile {
    /// File to append to, `%d` standing for the process's number; standard error without.
    pub path: Option<PathBuf>,
    /// One file a thread, `%d` standing for the thread's number (`-d tid`).
    pub per_thread: bool,
}

/// What is logged beside system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// `int`: faults and signals as they are delivered.
    pub int: bool,
    /// `page`: the address space of a program that begins.
    pub page: bool,
    /// `mmu`: mappings made, changed and removed.
    pub mmu: bool,
    /// `cpu_reset`: registers of a program that begins.
    pub cpu_reset: bool,
    /// `unimp`: system calls that are not offered.
    pub unimp: bool,
    /// `guest_errors`: calls that no kernel has, frames that no signal made.
    pub guest_errors: bool,
    /// `invalid_mem`: memory accesses that fail.
    pub invalid_mem: bool,
    /// Where it all goes, system calls too.
    pub file: LogFile,
}

thread_local! {
    /// This thread's own file, or -1.
    static OWN: Cell<i32> = const { Cell::new(-1) };
}

impl LogFile {
    /// Writes `text`. A log that cannot be written is not worth ending the guest for.
    pub fn write(&self, text: &str) {
        let _ = host::call(libc::SYS_write, &[self.descriptor() as u64, text.as_ptr() as u64, text.len() as u64]);
    }

    fn descriptor(&self) -> i32 {
        static SHARED: AtomicI32 = AtomicI32::new(-1);
        let known = if self.per_thread { OWN.get() } else { SHARED.load(Ordering::Acquire) };
        if known >= 0 {
            return known;
        }
        let Some(path) = &self.path else { return 2 };
        let number =
            if self.per_thread { host::call(libc::SYS_gettid, &[]).unwrap_or(0) } else { std::process::id().into() };
        let name = path.to_string_lossy().replace("%d", &number.to_string());
        let fd = match std::fs::OpenOptions::new().append(true).create(true).open(&name) {
            Ok(file) => own_fds::keep(file.into_raw_fd()),
            Err(e) => {
                eprintln!("brolga: log file {name}: {e}");
                2
            }
        };
        if self.per_thread {
            OWN.set(fd)
        } else {
            SHARED.store(fd, Ordering::Release)
        }
        fd
    }
}

/// A signal that is about to be delivered; `fault` is the address of an access that failed.
pub fn signal(t: &Thread, info: &[u8; 128], fault: Option<u64>) {
    let log = &t.process.config.log;
    if !log.int && !(log.invalid_mem && fault.is_some()) {
        return;
    }
    let word = |at: usize| i32::from_le_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let pc = (t.abi.pc)(t.cpu.env());
    let name = signal::name(word(0));
    if log.int {
        log.file.write(&format!("Taking signal {} [{name}] code {} at {pc:#x}\n", word(0), word(8)));
    }
    if let Some(addr) = fault.filter(|_| log.invalid_mem && matches!(word(0), libc::SIGSEGV | libc::SIGBUS)) {
        log.file.write(&format!("Invalid access to {addr:#x} at {pc:#x} [{name}]\n"));
    }
}

/// A mapping that was made, changed or removed.
pub fn mapping(t: &Thread, what: &str, addr: u64, len: u64, prot: Option<u64>) {
    let log = &t.process.config.log;
    if log.mmu {
        let prot = prot.map_or_else(String::new, |p| format!(" {}", protection(p as u8)));
        log.file.write(&format!("{what} {addr:#x}-{:#x}{prot}\n", addr.wrapping_add(len)));
    }
}

/// Text for `unimp` or, where `guest` is at fault, `guest_errors`.
pub fn complaint(t: &Thread, guest: bool, text: &str) {
    let log = &t.process.config.log;
    if if guest { log.guest_errors } else { log.unimp } {
        log.file.write(&format!("{text} at {:#x}\n", (t.abi.pc)(t.cpu.env())));
    }
}

/// The program that is about to begin.
pub fn start(t: &Thread) {
    let log = &t.process.config.log;
    if log.page {
        let entry = (t.abi.pc)(t.cpu.env());
        log.file.write(&layout(&t.process.mm.lock(), t.mem.base, entry));
    }
    if log.cpu_reset {
        let words = (t.abi.core_regs)(t.cpu.env());
        let text: String = words
            .iter()
            .enumerate()
            .map(|(i, w)| format!("r{i:<2}={w:016x}{}", if i % 4 == 3 { '\n' } else { ' ' }))
            .collect();
        log.file.write(&format!("CPU Reset\n{}\n", text.trim_end()));
    }
}

fn protection(prot: u8) -> String {
    use crate::areas::{EXEC, READ, WRITE};
    [(READ, 'r'), (WRITE, 'w'), (EXEC, 'x')].iter().map(|&(b, c)| if prot & b != 0 { c } else { '-' }).collect()
}

fn layout(state: &State, base: u64, entry: u64) -> String {
    let mut out = format!("guest_base  {base:#x}\nstart            end              size             prot\n");
    for (r, area) in state.areas.iter() {
        let _ = writeln!(out, "{:016x}-{:016x} {:016x} {}", r.start, r.end, r.end - r.start, protection(area.prot));
    }
    for (name, at) in [
        ("start_brk", state.heap.start),
        ("start_code", state.code.start),
        ("end_code", state.code.end),
        ("start_stack", state.stack_start),
        ("argv_start", state.args.start),
        ("env_start", state.env.start),
        ("entry", entry),
    ] {
        let _ = writeln!(out, "{name:<11} {at:#018x}");
    }
    out
}
