//! Threads that lend stack and thread-local storage to children that share memory.
//!
//! # Requirement
//! `vfork` and `posix_spawn` must see the child's stores, and the child needs a host stack and thread-local
//! storage that nobody else uses.
//!
//! # How
//! A donor makes the child with CLONE_VM and CLONE_VFORK and so sleeps in the kernel while the child runs on
//! its stack, below the frame of the stub. When the child has executed a program or ended, the donor frees
//! what it lent and waits for the next child. Donors do not end: the kernel takes the thread that made a
//! process for its parent, and would send that process's parent-death signal.
//!
//! # Limits
//! The child's Rust values that are alive at `execve` are not dropped (a few hundred bytes a child).
#![allow(unsafe_code, reason = "creates processes")]

use super::clone::Seed;
use super::process::thread_end;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::process::lock;
use crate::run::main_loop;
use crate::signal;
use crate::signal::inbox::{HandlerStack, Inbox};
use crate::thread::Thread;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// One child to make.
struct Job {
    seed: Seed,
    /// `struct clone_args`.
    args: [u64; 8],
    /// Told the child's number as soon as it runs, or the error.
    made: SyncSender<SysResult>,
    /// Told when the child no longer shares the memory.
    gone: SyncSender<()>,
}

/// Donors that wait for a child.
static IDLE: Mutex<Vec<SyncSender<Job>>> = Mutex::new(Vec::new());

/// Runs `action`, a fork, while no other thread looks at the list of donors; the child has none.
pub fn around_fork(action: impl FnOnce() -> SysResult) -> SysResult {
    let mut idle = lock(&IDLE);
    let result = action();
    if result == Ok(0) {
        // Their threads were not copied; the channels' memory is lost with them.
        std::mem::forget(std::mem::take(&mut *idle));
    }
    result
}

/// Makes a child from `seed`; returns its number, with `wait` only when it has let go of the memory.
/// All signals are blocked.
pub fn lend(seed: Seed, args: [u64; 8], wait: bool) -> SysResult {
    let (made, told) = sync_channel(2);
    let (gone, left) = sync_channel(1);
    let job = Job { seed, args, made, gone };
    let donor = lock(&IDLE).pop().map_or_else(start, Ok)?;
    donor.send(job).map_err(|_| Errno(libc::EAGAIN))?;
    let result = told.recv().unwrap_or(Err(Errno(libc::EAGAIN)));
    if wait && result.is_ok() {
        let _ = left.recv();
    }
    result
}

/// Starts a donor.
fn start() -> Result<SyncSender<Job>, Errno> {
    let (send, jobs) = sync_channel(1);
    let own = send.clone();
    let spawned = std::thread::Builder::new().name("donor".into()).spawn(move || serve(&own, &jobs));
    spawned.map(|_| send).map_err(|_| Errno(libc::EAGAIN))
}

fn serve(own: &SyncSender<Job>, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let Job { seed, args, made, gone } = job;
        let mut lent = Lent { seed: Some(seed), thread: None, stack: None, made: Some(made.clone()) };
        // SAFETY: the child uses this stack only below the stub's frame, and this thread's local storage
        // only while this thread sleeps.
        let pid = unsafe { brolga_vm_clone(args.as_ptr(), size_of_val(&args) as u64, child, (&raw mut lent).cast()) };
        Inbox::detach();
        drop(lent);
        // Ready for the next child before anybody can ask for one.
        lock(&IDLE).push(own.clone());
        if pid < 0 {
            let _ = made.send(Errno::check(pid));
        }
        let _ = gone.send(());
    }
}

std::arch::global_asm!(
    // brolga_vm_clone(args, size, function, argument) -> raw result
    //
    // The child runs function(argument) on the same stack, below this frame, while the caller sleeps in
    // the kernel (CLONE_VFORK); the function does not return.
    ".globl brolga_vm_clone",
    ".type brolga_vm_clone,@function",
    "brolga_vm_clone:",
    "push rbx",
    "push r12",
    "sub rsp, 8",
    "mov rbx, rdx",
    "mov r12, rcx",
    "mov eax, 435",
    "syscall",
    "test rax, rax",
    "jnz 2f",
    "mov rdi, r12",
    "call rbx",
    "ud2",
    "2:",
    "add rsp, 8",
    "pop r12",
    "pop rbx",
    "ret",
);

unsafe extern "C" {
    fn brolga_vm_clone(
        args: *const u64,
        size: u64,
        function: extern "C" fn(*mut libc::c_void) -> !,
        argument: *mut libc::c_void,
    ) -> i64;
}

/// What the donor lends to the child; freed when the child has gone.
struct Lent {
    seed: Option<Seed>,
    thread: Option<Thread>,
    stack: Option<HandlerStack>,
    made: Option<SyncSender<SysResult>>,
}

extern "C" fn child(lent: *mut libc::c_void) -> ! {
    // SAFETY: the donor sleeps until this process is gone, and nobody else knows the pointer.
    let lent = unsafe { &mut *lent.cast::<Lent>() };
    lent.stack = Some(HandlerStack::install());
    let thread = lent.seed.take().map(Seed::grow);
    if let (Some(made), Some(t)) = (lent.made.take(), &thread) {
        let _ = made.send(Ok(t.tid as u64));
    }
    let t = lent.thread.insert(thread.expect("the seed is given once"));
    t.inbox.attach();
    signal::set_host_mask(t.mask);
    let status = main_loop(t);
    thread_end(t);
    loop {
        let _ = host::call(libc::SYS_exit, &[status as u64]);
    }
}
