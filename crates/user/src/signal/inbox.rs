//! The host's signal handler: it records and asks the processor to stop, nothing else.
#![allow(unsafe_code, reason = "a signal handler works on raw contexts")]

use super::{SYNCHRONOUS, bit};
use crate::host;
use brolga_core::Env;
use brolga_core::near::near;
use std::arch::global_asm;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Signals that may wait at once: one ordinary one, as all others are blocked behind it, and the
/// synchronous ones sent by `kill`.
const SLOTS: usize = 8;

/// What the handler and its thread share.
#[derive(Debug)]
pub struct Inbox {
    /// Non-zero when a slot is full; also the word that blocking calls test.
    pub pending: AtomicU32,
    full: [AtomicBool; SLOTS],
    infos: UnsafeCell<[[u8; 128]; SLOTS]>,
    /// The processor's shared words, alive as long as the thread.
    env: Cell<*const Env>,
}

thread_local! {
    static CURRENT: Cell<*const Inbox> = const { Cell::new(std::ptr::null()) };
}

/// Asked about host faults outside the accessors; see [`set_fault_hook`].
static HOOK: AtomicHook = AtomicHook(std::sync::atomic::AtomicUsize::new(0));

struct AtomicHook(std::sync::atomic::AtomicUsize);

/// Looks at a host fault and may change the context to continue elsewhere; true if it did.
pub type FaultHook = fn(signal: i32, info: &libc::siginfo_t, context: &mut libc::ucontext_t) -> bool;

/// Registers the function that knows faults of translated code. It runs in a signal handler.
pub fn set_fault_hook(hook: FaultHook) {
    HOOK.0.store(hook as usize, Ordering::Release);
}

fn fault_hook() -> Option<FaultHook> {
    let word = HOOK.0.load(Ordering::Acquire);
    // SAFETY: the word is null or a `FaultHook` stored above; both have one word.
    unsafe { std::mem::transmute::<usize, Option<FaultHook>>(word) }
}

impl Inbox {
    /// An empty inbox for the processor with `env`.
    pub fn new(env: &Env) -> Box<Inbox> {
        let inbox = Inbox {
            pending: AtomicU32::new(0),
            full: [const { AtomicBool::new(false) }; SLOTS],
            infos: UnsafeCell::new([[0; 128]; SLOTS]),
            env: Cell::new(env),
        };
        near(|| Box::new(inbox))
    }

    /// Makes this thread's signals arrive here.
    pub fn attach(&self) {
        CURRENT.with(|c| c.set(self));
    }

    /// Makes this thread one without a guest.
    pub fn detach() {
        CURRENT.with(|c| c.set(std::ptr::null()));
    }

    /// Takes one recorded siginfo. Call with all ordinary signals blocked, or after `pending` was seen.
    pub fn take(&self) -> Option<[u8; 128]> {
        let slot = self.full.iter().position(|f| f.load(Ordering::Acquire))?;
        // SAFETY: a full slot is not written by the handler, and only its own thread takes from it.
        let info = unsafe { (*self.infos.get())[slot] };
        self.full[slot].store(false, Ordering::Release);
        Some(info)
    }

    /// Async-signal-safe.
    fn put(&self, info: &[u8; 128]) {
        if let Some(slot) = self.full.iter().position(|f| !f.load(Ordering::Acquire)) {
            // SAFETY: an empty slot is not read; this handler is the only writer on its thread.
            unsafe { (*self.infos.get())[slot] = *info };
            self.full[slot].store(true, Ordering::Release);
        }
        self.wake();
    }

    /// Makes the processor and blocking calls stop.
    pub fn wake(&self) {
        self.pending.store(1, Ordering::Release);
        // SAFETY: the environment's address is stable and it outlives the inbox (see `Thread`).
        unsafe { (*self.env.get()).request_exit() };
    }
}

/// Lets this thread leave guest code behind its current block.
pub fn leave_soon() {
    // SAFETY: null, or the inbox of this thread, which detaches it before it ends.
    if let Some(inbox) = unsafe { CURRENT.get().as_ref() } {
        // SAFETY: the environment's address is stable and it outlives the inbox (see `Thread`).
        unsafe { (*inbox.env.get()).request_exit() };
    }
}

global_asm!(
    ".globl brolga_sigreturn",
    ".type brolga_sigreturn,@function",
    "nop", // unwinders look up the byte before a return address
    "brolga_sigreturn:",
    "mov eax, 15",
    "syscall",
);

unsafe extern "C" {
    fn brolga_sigreturn();
}

/// Address of the host's handler.
pub fn entry() -> u64 {
    on_signal as *const () as u64
}

/// Address of the host's return trampoline.
pub fn restorer() -> u64 {
    brolga_sigreturn as *const () as u64
}

extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers to the handler's own frame.
    let (info, context) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    let raised = bit(signal) & SYNCHRONOUS != 0 && info.si_code > 0;
    if raised {
        let known =
            matches!(signal, libc::SIGSEGV | libc::SIGBUS) && brolga_softmmu::direct::recover(signal, info, context);
        if !known && !fault_hook().is_some_and(|hook| hook(signal, info, context)) {
            internal_error(signal, info, context);
        }
        return;
    }
    let block = |context: &mut libc::ucontext_t| {
        // The kernel's mask is the first word of the libc type.
        let mask = (&raw mut context.uc_sigmask).cast::<u64>();
        // SAFETY: uc_sigmask holds at least the kernel's 64 bits.
        unsafe { *mask = !SYNCHRONOUS };
    };
    let inbox = CURRENT.with(Cell::get);
    if inbox.is_null() {
        // A thread without a guest: never take signals again, and let another thread have this one.
        block(context);
        let pid = host::call(libc::SYS_getpid, &[]).unwrap_or(0);
        let _ = host::call(libc::SYS_rt_sigqueueinfo, &[pid, signal as u64, info as *const _ as u64]);
        return;
    }
    // SAFETY: siginfo_t is 128 bytes.
    let bytes = unsafe { &*std::ptr::from_ref(info).cast::<[u8; 128]>() };
    // SAFETY: the inbox lives until its thread detaches.
    let inbox = unsafe { &*inbox };
    if signal == libc::SIGTRAP && bytes[24..32] == crate::attach::COOKIE.to_le_bytes() {
        inbox.wake();
    } else {
        inbox.put(bytes);
        if bit(signal) & SYNCHRONOUS == 0 {
            block(context);
        }
    }
    let regs = &mut context.uc_mcontext.gregs;
    let (rip, rcx) = (regs[libc::REG_RIP as usize] as u64, regs[libc::REG_RCX as usize] as u64);
    if let Some(to) = host::interrupted_at(rip, rcx) {
        regs[libc::REG_RIP as usize] = to as i64;
    }
}

/// A fault in the emulator itself: say so and die of the signal.
fn internal_error(signal: i32, info: &libc::siginfo_t, context: &libc::ucontext_t) {
    use std::io::Write as _;
    let mut text = [0u8; 256];
    let mut cursor = std::io::Cursor::new(&mut text[..]);
    // SAFETY: for these signals the kernel fills si_addr.
    let addr = unsafe { info.si_addr() };
    let rip = context.uc_mcontext.gregs[libc::REG_RIP as usize];
    let base = entry();
    let _ = writeln!(
        cursor,
        "brolga: internal error: host signal {signal} (code {}) at host pc {rip:#x} (handler at {base:#x}), address {addr:p}",
        info.si_code
    );
    let len = cursor.position();
    let _ = host::call(libc::SYS_write, &[2, text.as_ptr() as u64, len]);
    super::deliver::die(signal);
}

/// An alternate stack for our handlers, for the calling thread.
#[derive(Debug)]
pub struct HandlerStack {
    at: u64,
    size: u64,
}

impl HandlerStack {
    /// Maps and installs the stack.
    pub fn install() -> HandlerStack {
        // AVX-512 and AMX state make the kernel's frame large: leave four times of what fits today.
        let size = 128 << 10;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u64;
        let at = host::call(libc::SYS_mmap, &[0, size, 3, flags, u64::MAX, 0]).unwrap_or(0);
        let stack = super::AltStack { sp: at, flags: 0, size }.to_bytes();
        let _ = host::call(libc::SYS_sigaltstack, &[stack.as_ptr() as u64, 0]);
        HandlerStack { at, size }
    }
}

impl Drop for HandlerStack {
    fn drop(&mut self) {
        let none = super::AltStack::NONE.to_bytes();
        let _ = host::call(libc::SYS_sigaltstack, &[none.as_ptr() as u64, 0]);
        let _ = host::call(libc::SYS_munmap, &[self.at, self.size]);
    }
}
