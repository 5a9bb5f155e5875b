//! ptrace(2) between processes that share their memory, as LeakSanitizer makes them: a child cloned with
//! CLONE_VM attaches to the threads of its parent, reads their registers and lets them go.
//!
//! # How
//! The tracee stops by itself, between instructions, where it holds no lock that the tracer could need:
//! the tracer sets [`Traced::wanted`] and sends a SIGTRAP with a value of ours, which only makes the
//! processor stop.
//!
//! # Limits
//! Tracing a process with memory of its own is not offered: its guest registers live in another emulator.

use crate::errno::{Errno, SysResult};
use crate::host;
use crate::process::lock;
use crate::sys::fail;
use crate::thread::Thread;
use brolga_core::near::near;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// `si_value` of the signal that asks a thread to look at [`Traced::wanted`].
pub const COOKIE: u64 = 0x6272_6f6c_6761_7074;

/// What a tracer and its tracee share.
#[derive(Debug)]
pub struct Traced {
    /// The tracee's process and thread.
    pid: AtomicI32,
    tid: AtomicI32,
    /// The tracer's thread, or 0.
    wanted: AtomicI32,
    /// See the constants below.
    state: AtomicU32,
    /// General and floating-point registers, as of the stop.
    registers: Mutex<(Vec<u64>, Vec<u8>)>,
}

const RUNNING: u32 = 0;
const STOPPED: u32 = 1;
const GONE: u32 = 2;

/// Threads of the processes over one memory.
#[derive(Debug, Default)]
pub struct Threads(Mutex<Vec<Arc<Traced>>>);

impl Threads {
    /// Adds the calling thread.
    pub fn add(&self, tid: i32) -> Arc<Traced> {
        let traced = Traced {
            pid: AtomicI32::new(std::process::id() as i32),
            tid: AtomicI32::new(tid),
            wanted: AtomicI32::new(0),
            state: AtomicU32::new(RUNNING),
            registers: Mutex::default(),
        };
        let traced = near(|| Arc::new(traced));
        near(|| lock(&self.0).push(traced.clone()));
        traced
    }

    /// Removes a thread that ends.
    pub fn remove(&self, tid: i32) {
        let mut list = lock(&self.0);
        if let Some(at) = list.iter().position(|t| t.tid() == tid) {
            let t = list.swap_remove(at);
            drop(list);
            t.state.store(GONE, Ordering::Release);
            wake(&t.state);
        }
    }

    /// After a fork: forgets every thread, for they are another process's now, but `own`.
    pub fn keep_only(&self, own: &Arc<Traced>) {
        lock(&self.0).retain(|t| Arc::ptr_eq(t, own));
    }

    fn get(&self, tid: i32) -> Option<Arc<Traced>> {
        lock(&self.0).iter().find(|t| t.tid() == tid).cloned()
    }

    /// Whether a process is one of those over this memory.
    pub fn holds(&self, pid: i32) -> bool {
        lock(&self.0).iter().any(|t| t.pid() == pid)
    }

    /// Whether `tid` is not one of ours although its process is: a helper of the emulator.
    pub fn hides(&self, pid: i32, tid: i32) -> bool {
        let list = lock(&self.0);
        list.iter().any(|t| t.pid() == pid) && tid != pid && !list.iter().any(|t| t.tid() == tid && t.pid() == pid)
    }

    /// Runs `action` while nobody else looks at the list.
    pub fn locked<R>(&self, action: impl FnOnce() -> R) -> R {
        let _held = lock(&self.0);
        action()
    }
}

impl Traced {
    fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    fn tid(&self) -> i32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// After a fork: it is the first thread of process `tid`, which nobody traces.
    pub fn renumber(&self, tid: i32) {
        self.wanted.store(0, Ordering::Relaxed);
        self.pid.store(tid, Ordering::Relaxed);
        self.tid.store(tid, Ordering::Relaxed);
    }

    /// Whether a tracer waits for the thread to stop.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) != 0
    }
}

fn wake(word: &AtomicU32) {
    const FUTEX_WAKE: u64 = 1;
    let _ = host::call(libc::SYS_futex, &[std::ptr::from_ref(word) as u64, FUTEX_WAKE, i32::MAX as u64, 0, 0, 0]);
}

/// Stops the calling thread until its tracer lets it go.
pub fn stop(t: &Thread) {
    let me = &t.traced;
    let env = t.cpu.env();
    *lock(&me.registers) = ((t.abi.core_regs)(env), (t.abi.core_fpregs)(env));
    me.state.store(STOPPED, Ordering::Release);
    wake(&me.state);
    while me.is_wanted() {
        let args = [me.state.as_ptr() as u64, 0, STOPPED.into(), 0, 0, 0]; // FUTEX_WAIT
        let _ = host::call(libc::SYS_futex, &args);
    }
    me.state.store(RUNNING, Ordering::Release);
}

const PEEKTEXT: i32 = 1;
const PEEKDATA: i32 = 2;
const POKETEXT: i32 = 4;
const POKEDATA: i32 = 5;
const CONT: i32 = 7;
const KILL: i32 = 8;
const GETREGS: i32 = 12;
const GETFPREGS: i32 = 14;
const ATTACH: i32 = 16;
const DETACH: i32 = 17;
const GETREGSET: i32 = 0x4204;

/// `ptrace`
pub fn ptrace(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (request, tid) = (a[0] as i32, a[1] as i32);
    let Some(other) = t.process.mm.threads.get(tid) else {
        tracing::debug!(request, tid, "ptrace of a process with its own memory");
        return fail(libc::ENOSYS);
    };
    if request == ATTACH {
        return attach(t, tid, &other);
    }
    if other.wanted.load(Ordering::Acquire) != t.tid || other.state.load(Ordering::Acquire) != STOPPED {
        return fail(libc::ESRCH);
    }
    match request {
        PEEKTEXT | PEEKDATA => {
            let word = t.mem.u64(a[2]).map_err(|_| Errno(libc::EIO))?;
            t.mem.write_words(a[3], &[word])?;
            Ok(0)
        }
        POKETEXT | POKEDATA => {
            t.mem.write_words(a[2], &[a[3]]).map_err(|_| Errno(libc::EIO))?;
            t.cpu.invalidate(a[2], 8);
            Ok(0)
        }
        CONT | DETACH => {
            other.wanted.store(0, Ordering::Release);
            // The tracee sleeps on its state; it wakes because the word differs from what it waits for.
            other.state.store(RUNNING, Ordering::Release);
            wake(&other.state);
            Ok(0)
        }
        KILL => host::call(libc::SYS_tgkill, &[other.pid() as u64, tid as u64, libc::SIGKILL as u64]),
        GETREGSET => regset(t, &other, a[2], a[3]),
        GETREGS | GETFPREGS if t.abi.ptrace_getregs => {
            let kind = if request == GETREGS { NT_PRSTATUS } else { NT_FPREGSET };
            t.mem.write(a[3], &registers(&other, kind)?)?;
            Ok(0)
        }
        _ => fail(libc::EIO),
    }
}

const NT_PRSTATUS: u64 = 1;
const NT_FPREGSET: u64 = 2;

/// Registers of a stopped thread.
fn registers(other: &Traced, kind: u64) -> Result<Vec<u8>, Errno> {
    let registers = lock(&other.registers);
    match kind {
        NT_PRSTATUS => Ok(registers.0.iter().flat_map(|w| w.to_le_bytes()).collect()),
        NT_FPREGSET => Ok(registers.1.clone()),
        _ => fail(libc::EINVAL),
    }
}

fn attach(t: &Thread, tid: i32, other: &Traced) -> SysResult {
    let free = other.pid() != std::process::id() as i32
        && other.wanted.compare_exchange(0, t.tid, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if !free {
        return fail(libc::EPERM);
    }
    let mut info = [0u64; 16];
    info[0] = libc::SIGTRAP as u64;
    info[1] = u64::from(-1i32 as u32); // SI_QUEUE
    info[3] = COOKIE;
    let args = [other.pid() as u64, tid as u64, libc::SIGTRAP as u64, info.as_ptr() as u64];
    host::call(libc::SYS_rt_tgsigqueueinfo, &args).inspect_err(|_| other.wanted.store(0, Ordering::Release))
}

/// PTRACE_GETREGSET: `iov` is {address, length}; the length is set to what was written.
fn regset(t: &Thread, other: &Traced, kind: u64, iov: u64) -> SysResult {
    let bytes = registers(other, kind)?;
    let [at, room] = t.mem.words::<2>(iov)?;
    let n = bytes.len().min(room as usize);
    t.mem.write(at, &bytes[..n])?;
    t.mem.write_words(iov + 8, &[n as u64])?;
    Ok(0)
}

/// `wait4` for a thread that the caller attached to; `None` if it is not one.
pub fn wait(t: &Thread, tid: i32, status: u64, options: u64) -> Option<SysResult> {
    let other = t.process.mm.threads.get(tid)?;
    if other.wanted.load(Ordering::Acquire) != t.tid {
        return None;
    }
    Some(loop {
        match other.state.load(Ordering::Acquire) {
            STOPPED => {
                let word = (libc::SIGSTOP << 8 | 0x7f).to_le_bytes();
                break match if status == 0 { Ok(()) } else { t.mem.write(status, &word) } {
                    Ok(()) => Ok(tid as u64),
                    Err(e) => Err(e),
                };
            }
            GONE => break fail(libc::ECHILD),
            _ if options & libc::WNOHANG as u64 != 0 => break Ok(0),
            _ => {
                let args = [other.state.as_ptr() as u64, 0, RUNNING.into(), 0, 0, 0]; // FUTEX_WAIT
                match t.blocking(libc::SYS_futex, &args) {
                    Err(e) if e.0 != libc::EAGAIN => break Err(e),
                    _ => {}
                }
            }
        }
    })
}
