//! System calls of the host, without libc's wrappers: results are raw, nothing is retried.
//!
//! # Requirement
//! No wake-up may be lost: a signal that arrives between the check for pending signals and a blocking
//! call must interrupt that call.
//!
//! # How
//! Calls made for the guest go through one assembly stub: test the pending word, then `syscall`. The
//! signal handler looks at the interrupted PC ([`interrupted_at`]). Inside the window the call has not
//! begun, or the kernel rewound it to be restarted (the kernel saves the return address in RCX at
//! entry, which tells the two apart): the handler moves the PC to a label that returns a restart code.
//!
//! # Limits
//! x86-64 hosts only so far.
#![allow(unsafe_code, reason = "system calls")]

use crate::errno::{Errno, SysResult};
use std::arch::{asm, global_asm};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Makes a host call, never interrupted by the window test.
pub fn raw(nr: i64, args: [u64; 6]) -> i64 {
    let result;
    // SAFETY: the kernel validates pointers; calls that change the address space are made by `mem`,
    // which keeps them inside the guest's range.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// As [`raw`], with missing arguments zero and the result split.
pub fn call(nr: i64, args: &[u64]) -> SysResult {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    Errno::check(raw(nr, all))
}

/// `count` zeros that are shared with children of later forks, for good; nothing if there is no memory.
pub fn shared_words(count: usize) -> Option<&'static [AtomicU64]> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, where the kernel has room.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), count * 8, protection, flags, -1, 0) };
    // SAFETY: page-aligned, zeros, of this length, never unmapped, and accessed as atomics only.
    (at != libc::MAP_FAILED).then(|| unsafe { std::slice::from_raw_parts(at.cast(), count) })
}

/// Whether the calling thread has capability number `capability` (capabilities(7)), at most 31.
pub fn has_capability(capability: u32) -> bool {
    // capget, version 3: {version, pid} and two times {effective, permitted, inheritable}.
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    let asked = call(libc::SYS_capget, &[header.as_ptr() as u64, data.as_mut_ptr() as u64]);
    asked.is_ok() && data[0] >> capability & 1 != 0
}

global_asm!(
    // A section of its own, which the linker may put elsewhere (tools/link-cc).
    ".pushsection .text.brolga_window_call, \"ax\", @progbits",
    ".globl brolga_window_call",
    ".type brolga_window_call,@function",
    "brolga_window_call:",
    "mov rax, rdi",
    "mov r11, rdx",
    "mov rdi, [rsi]",
    "mov rdx, [rsi + 16]",
    "mov r10, [rsi + 24]",
    "mov r8, [rsi + 32]",
    "mov r9, [rsi + 40]",
    "mov rsi, [rsi + 8]",
    "xor ecx, ecx",
    ".globl brolga_window_start",
    "brolga_window_start:",
    "cmp dword ptr [r11], 0",
    "jne brolga_window_abort",
    ".globl brolga_window_syscall",
    "brolga_window_syscall:",
    "syscall",
    ".globl brolga_window_end",
    "brolga_window_end:",
    "ret",
    ".globl brolga_window_abort",
    "brolga_window_abort:",
    "mov rax, -513",
    "ret",
    ".globl brolga_window_restart",
    "brolga_window_restart:",
    "mov rax, -512",
    "ret",
    ".size brolga_window_call, . - brolga_window_call",
    ".popsection",
);

unsafe extern "C" {
    fn brolga_window_call(nr: i64, args: *const u64, pending: *const AtomicU32) -> i64;
    fn brolga_window_start();
    fn brolga_window_syscall();
    fn brolga_window_end();
    fn brolga_window_abort();
    fn brolga_window_restart();
}

/// Makes a host call that gives way to a pending signal; may return a restart code.
pub fn blocking(nr: i64, args: &[u64; 6], pending: &AtomicU32) -> i64 {
    // SAFETY: the stub reads six words and the pending word, then makes the call as `raw` does.
    unsafe { brolga_window_call(nr, args.as_ptr(), pending) }
}

/// For the signal handler: where to continue if `pc` lies in the window, given the interrupted RCX.
pub fn interrupted_at(pc: u64, rcx: u64) -> Option<u64> {
    let at = |f: unsafe extern "C" fn()| f as *const () as u64;
    if pc == at(brolga_window_syscall) && rcx == at(brolga_window_end) {
        return Some(at(brolga_window_restart));
    }
    (at(brolga_window_start)..=at(brolga_window_syscall)).contains(&pc).then(|| at(brolga_window_abort))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_pending_word_stops_the_call() {
        let args = [0; 6];
        let idle = AtomicU32::new(0);
        assert_eq!(blocking(libc::SYS_getpid, &args, &idle), std::process::id() as i64);
        assert_eq!(blocking(libc::SYS_getpid, &args, &AtomicU32::new(1)), -513);
    }

    #[test]
    fn call_error_is_split() {
        assert_eq!(call(libc::SYS_close, &[u64::MAX]), Err(Errno(libc::EBADF)));
    }
}
