//! New threads and processes. clone(2), clone3(2), vfork(2).
//!
//! Three shapes. *Threads* (`CLONE_THREAD`) run on host threads of the standard library, which share all
//! that guest threads share. *Children with their own memory* are forks. *Children that share memory*
//! (`CLONE_VM` without `CLONE_THREAD`, as `vfork` and `posix_spawn` use) truly share it: a donor thread
//! lends its stack and thread-local storage to the child and sleeps in the kernel until the child
//! executes another program or ends ([`super::donor`]).
#![allow(unsafe_code, reason = "creates processes")]

use super::donor;
use super::fail;
use super::process::thread_end;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::process::Process;
use crate::run::main_loop;
use crate::signal::inbox::HandlerStack;
use crate::signal::{self, AltStack};
use crate::thread::Thread;
use crate::uring;
use brolga_core::Vcpu;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

const VM: u64 = 0x100;
const SIGHAND: u64 = 0x800;
const PIDFD: u64 = 0x1000;
const VFORK: u64 = 0x4000;
const THREAD: u64 = 0x1_0000;
const SETTLS: u64 = 0x8_0000;
const PARENT_SETTID: u64 = 0x10_0000;
const CHILD_CLEARTID: u64 = 0x20_0000;
const CHILD_SETTID: u64 = 0x100_0000;
const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const FS: u64 = 0x200;
const FILES: u64 = 0x400;
const NEWNS: u64 = 0x2_0000;
const NEWUSER: u64 = 0x1000_0000;

/// Whether there ever was a guest thread beside this process's first, or a process that shares its memory.
static ACCOMPANIED: AtomicBool = AtomicBool::new(false);

/// What `clone` and `clone3` ask for. Addresses are the guest's.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    sp: Option<u64>,
    tls: u64,
}

/// `clone`
pub fn clone(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let (tls, child_tid) = if t.abi.clone_tls_first { (a[3], a[4]) } else { (a[4], a[3]) };
    let flags = a[0] & 0xffff_ff00;
    if flags & PIDFD != 0 && flags & PARENT_SETTID != 0 {
        return fail(libc::EINVAL);
    }
    let sp = (a[1] != 0).then_some(a[1]);
    create(t, Request { flags, pidfd: a[2], child_tid, parent_tid: a[2], exit_signal: a[0] & 0xff, sp, tls })
}

/// `clone3`; `struct clone_args` of 64, 80 or 88 bytes.
pub fn clone3(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const FIRST: u64 = 64;
    const KNOWN: usize = 11;
    let size = a[1];
    if size > 4096 {
        return fail(libc::E2BIG);
    }
    if size < FIRST {
        return fail(libc::EINVAL);
    }
    let mut bytes = vec![0; (size as usize).max(8 * KNOWN)];
    t.mem.read(a[0], &mut bytes[..size as usize])?;
    if bytes[8 * KNOWN..].iter().any(|&b| b != 0) {
        return fail(libc::E2BIG);
    }
    let w = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"));
    let (flags, exit_signal, stack, stack_size) = (w(0), w(4), w(5), w(6));
    if exit_signal > 64 || flags & 0xff != 0 || (stack == 0) != (stack_size == 0) {
        return fail(libc::EINVAL);
    }
    if w(9) != 0 || flags & 0x2_0000_0000 != 0 {
        // set_tid and CLONE_INTO_CGROUP
        return fail(libc::EINVAL);
    }
    let sp = (stack != 0).then(|| stack.wrapping_add(stack_size));
    create(t, Request { flags, pidfd: w(1), child_tid: w(2), parent_tid: w(3), exit_signal, sp, tls: w(7) })
}

/// The kernel's rules for combinations, then the shape.
fn create(t: &mut Thread, r: Request) -> SysResult {
    let has = |f: u64| r.flags & f == f;
    let bad = (has(SIGHAND) && !has(VM))
        || (has(THREAD) && !has(SIGHAND))
        || (has(NEWNS) && has(FS))
        || (has(NEWUSER) && has(FS))
        || (has(CLEAR_SIGHAND) && has(SIGHAND));
    if bad {
        return fail(libc::EINVAL);
    }
    if !has(VM) {
        return fork(t, r);
    }
    ACCOMPANIED.store(true, Ordering::Relaxed);
    if has(THREAD) { thread(t, r) } else { sharing(t, r) }
}

/// Registers of the child.
fn child_cpu(t: &Thread, r: &Request) -> Box<dyn Vcpu> {
    let mut cpu = t.cpu.sibling();
    let env = cpu.env_mut();
    (t.abi.start_clone)(env, r.sp, (r.flags & SETTLS != 0).then_some(r.tls));
    cpu
}

/// What a new thread takes over.
pub(super) struct Seed {
    process: Arc<Process>,
    cpu: Box<dyn Vcpu>,
    mask: u64,
    altstack: AltStack,
    seccomp: Arc<crate::seccomp::Own>,
    tagged_addresses: u64,
    clear_child_tid: u64,
}

impl Seed {
    fn new(t: &Thread, r: &Request, process: Arc<Process>, mask: u64, altstack: AltStack) -> Seed {
        let clear = if r.flags & CHILD_CLEARTID != 0 { r.child_tid } else { 0 };
        // A child of a fork does not tell before it has company.
        t.seccomp.set_tid(t.tid);
        Seed {
            seccomp: process.seccomp.add(Some(&t.seccomp)),
            process,
            cpu: child_cpu(t, r),
            mask,
            altstack,
            tagged_addresses: t.tagged_addresses,
            clear_child_tid: clear,
        }
    }

    /// The thread, on the calling host thread.
    pub(super) fn grow(self) -> Thread {
        let mut t = Thread::new(self.process, self.cpu, self.seccomp);
        t.mask = self.mask;
        t.altstack = self.altstack;
        t.tagged_addresses = self.tagged_addresses;
        t.clear_child_tid = self.clear_child_tid;
        t
    }
}

#[inline(never)] // nor does a fork make its frame, in pages of the stack that each child would copy
fn thread(t: &mut Thread, r: Request) -> SysResult {
    if r.flags & PIDFD != 0 {
        return fail(libc::EINVAL);
    }
    // The new thread starts with everything blocked, until it can take signals.
    signal::block_all();
    let seed = Seed::new(t, &r, t.process.clone(), t.mask, AltStack::NONE);
    let mem = t.mem;
    let (tell, told) = sync_channel::<i32>(1);
    let body = move || {
        let stack = HandlerStack::install();
        let mut t = seed.grow();
        // Threads of Linux need not share descriptors or the working directory; ours would.
        let apart = (FS | FILES) & !r.flags;
        if apart != 0 {
            let _ = host::call(libc::SYS_unshare, &[apart]);
        }
        if r.flags & CHILD_SETTID != 0 {
            let _ = mem.write(r.child_tid, &t.tid.to_le_bytes());
        }
        if r.flags & PARENT_SETTID != 0 {
            let _ = mem.write(r.parent_tid, &t.tid.to_le_bytes());
        }
        t.inbox.attach();
        if tell.send(t.tid).is_err() {
            return;
        }
        signal::set_host_mask(t.mask);
        let status = main_loop(&mut t);
        thread_end(&mut t);
        if t.process.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The others left by `exit` before: this is the end of the process.
            t.process.before_exit();
            let _ = host::call(libc::SYS_exit, &[status as u64]);
        }
        drop(t);
        drop(stack);
    };
    t.process.threads.fetch_add(1, Ordering::AcqRel);
    let spawned = std::thread::Builder::new().name(format!("guest of {}", t.tid)).spawn(body);
    signal::reclaim(&t.process);
    let tid = spawned.ok().and_then(|_| told.recv().ok());
    if tid.is_none() {
        t.process.threads.fetch_sub(1, Ordering::AcqRel);
    }
    signal::set_host_mask(t.mask);
    tid.map(|tid| tid as u64).ok_or(Errno(libc::EAGAIN))
}

/// A child with memory of its own.
fn fork(t: &mut Thread, r: Request) -> SysResult {
    signal::block_all();
    let ours = VM | SETTLS | CHILD_CLEARTID | VFORK | CLEAR_SIGHAND;
    let passed = r.flags & !ours;
    let plain = passed & !(PARENT_SETTID | CHILD_SETTID) == 0 && r.exit_signal == libc::SIGCHLD as u64;
    let alone = !ACCOMPANIED.load(Ordering::Relaxed);
    let mut pid = fail(libc::EAGAIN);
    let mut own = t.tid;
    t.cpu.quiesce(&mut || {
        let fork = || if plain { libc_fork(t, &r, alone) } else { raw_fork(t, &r, passed) };
        pid = if alone { fork() } else { locked(t, fork) };
        if pid != Ok(0) {
            return None;
        }
        own = host::call(libc::SYS_gettid, &[]).unwrap_or(0) as i32;
        Some(own as u32)
    });
    match pid {
        Ok(0) => become_child(t, &r, own, alone),
        Ok(pid) if r.flags & VFORK != 0 => wait_for_exec(t, pid as i32),
        _ => {}
    }
    signal::set_host_mask(t.mask);
    pid
}

/// Runs `fork` while nobody else holds locks. Where nobody is who could, taking them would cost the child, which gives
/// them back, a copy of each page that one is in.
fn locked(t: &Thread, fork: impl FnOnce() -> SysResult) -> SysResult {
    let (mm, process) = (&t.process.mm, &t.process);
    let fork = || donor::around_fork(|| uring::around_fork(|| mm.threads.locked(fork)));
    let pid = mm.locked(|| process.locked(fork));
    if pid == Ok(0) {
        ACCOMPANIED.store(false, Ordering::Relaxed);
    }
    pid
}

/// libc's fork brings its own locks (those of the allocator among them) into a sane state in the child. Where there never
/// was another thread it need not.
fn libc_fork(t: &Thread, r: &Request, alone: bool) -> SysResult {
    let bare = alone && !signal::HELPED.load(Ordering::Relaxed);
    // SAFETY: the child goes on with this thread only; the locks that matter are free, held or repaired.
    let pid = unsafe { if bare { bare_fork() } else { libc::fork() } };
    if pid < 0 {
        return Err(Errno::of(&std::io::Error::last_os_error()));
    }
    let tid = host::call(libc::SYS_gettid, &[])? as i32;
    if pid == 0 && r.flags & CHILD_SETTID != 0 {
        let _ = t.mem.write(r.child_tid, &tid.to_le_bytes());
    }
    if r.flags & PARENT_SETTID != 0 {
        let seen = if pid == 0 { tid } else { pid };
        let _ = t.mem.write(r.parent_tid, &seen.to_le_bytes());
    }
    Ok(pid as u64)
}

// _Fork(3) of C libraries that have it, or fork: libc's fork writes to four more pages, of which each child makes copies.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text.brolga_bare_fork, \"ax\", @progbits",
    ".weak _Fork",
    ".globl brolga_bare_fork",
    ".type brolga_bare_fork,@function",
    "brolga_bare_fork:",
    "mov rax, [rip + _Fork@GOTPCREL]",
    "test rax, rax",
    "jz 2f",
    "jmp rax",
    "2:",
    "jmp {fork}",
    ".size brolga_bare_fork, . - brolga_bare_fork",
    ".popsection",
    fork = sym libc::fork,
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    #[link_name = "brolga_bare_fork"]
    fn bare_fork() -> libc::pid_t;
}

#[cfg(not(target_arch = "x86_64"))]
use libc::fork as bare_fork;

/// Flags that libc cannot say: namespaces, shared descriptors, another exit signal, a pidfd.
fn raw_fork(t: &Thread, r: &Request, passed: u64) -> SysResult {
    let args = [passed, t.mem.host(r.pidfd), t.mem.host(r.child_tid), t.mem.host(r.parent_tid), r.exit_signal, 0, 0, 0];
    host::call(libc::SYS_clone3, &[args.as_ptr() as u64, size_of_val(&args) as u64])
}

/// Makes this thread the only one of a new process. If it was `alone` before, nothing is written that is right already.
fn become_child(t: &mut Thread, r: &Request, tid: i32, alone: bool) {
    t.tid = tid;
    if !alone {
        t.process.threads.store(1, Ordering::Release);
        t.process.seccomp.keep_only(&t.seccomp);
        t.process.mm.threads.keep_only(&t.traced);
    }
    t.traced.renumber(tid);
    // Signals that were recorded are the parent's.
    while t.inbox.take().is_some() {}
    t.inbox.pending.store(0, Ordering::Release);
    t.cpu.env().take_exit_request();
    t.held.clear();
    t.robust_list = 0;
    t.clear_child_tid = if r.flags & CHILD_CLEARTID != 0 { r.child_tid } else { 0 };
    if r.flags & CLEAR_SIGHAND != 0 {
        clear_handlers(&t.process);
    }
    (t.abi.start_clone)(t.cpu.env_mut(), r.sp, (r.flags & SETTLS != 0).then_some(r.tls));
}

fn clear_handlers(process: &Process) {
    for s in 1..=signal::NSIG {
        if process.action(s).handles() {
            process.set_action(s, signal::SigAction::default());
        }
    }
}

/// The parent of CLONE_VFORK without CLONE_VM sleeps until the child ends or executes a program.
fn wait_for_exec(_: &Thread, pid: i32) {
    // The child's descriptors close at exec: a pidfd poll would only tell of the end.
    let (start, own) = (format!("/proc/{pid}/exe"), std::fs::read_link("/proc/self/exe").ok());
    while std::fs::read_link(&start).ok() == own {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// A child process over the same memory.
#[inline(never)] // as `thread`
fn sharing(t: &mut Thread, r: Request) -> SysResult {
    let process = if r.flags & SIGHAND != 0 { t.process.clone() } else { Arc::new(t.process.split()) };
    // The kernel keeps the alternate stack for vfork only.
    let altstack = if r.flags & VFORK != 0 { t.altstack } else { AltStack::NONE };
    signal::block_all();
    let seed = Seed::new(t, &r, process, t.mask, altstack);
    let ours = SETTLS | CHILD_CLEARTID | CLEAR_SIGHAND;
    let (pidfd, child_tid, parent_tid) = (t.mem.host(r.pidfd), t.mem.host(r.child_tid), t.mem.host(r.parent_tid));
    let args = [r.flags & !ours | VM | VFORK, pidfd, child_tid, parent_tid, r.exit_signal, 0, 0, 0];
    if r.flags & CLEAR_SIGHAND != 0 {
        clear_actions(&seed.process);
    }
    let result = donor::lend(seed, args, r.flags & VFORK != 0);
    signal::reclaim(&t.process);
    signal::set_host_mask(t.mask);
    result
}

/// Handlers become defaults in an action table that the host does not hold yet.
fn clear_actions(process: &Process) {
    for s in 1..=signal::NSIG {
        if process.action(s).handles() {
            process.replace_action(s, signal::SigAction::default());
        }
    }
}
