//! What must be seen before Rust's runtime changes it, and set before anything is allocated.
#![allow(unsafe_code, reason = "runs before main")]

use crate::signal::SigAction;
use std::sync::atomic::{AtomicU64, Ordering};

/// SIGPIPE's disposition when the process began; the runtime sets it to "ignored".
static PIPE: AtomicU64 = AtomicU64::new(0);

/// See [`heap_start`].
static HEAP: AtomicU64 = AtomicU64::new(0);

extern "C" fn remember() {
    tune_allocator();
    find_heap();
    PIPE.store(crate::signal::host_action(libc::SIGPIPE).handler, Ordering::Relaxed);
}

/// Lets the C library's heap grow in larger steps than its 128 KiB and keep what it has: translation takes memory all
/// the time and gives little back.
fn tune_allocator() {
    #[cfg(target_env = "gnu")]
    for (parameter, bytes) in
        [(libc::M_TOP_PAD, 1 << 20), (libc::M_TRIM_THRESHOLD, 64 << 20), (libc::M_MMAP_THRESHOLD, 4 << 20)]
    {
        // SAFETY: sets a number; no other thread runs yet.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}

/// Notes where the heap is.
fn find_heap() {
    // SAFETY: asks for a block and gives it back.
    unsafe {
        let block = libc::malloc(1);
        HEAP.store(block as u64 & !4095, Ordering::Relaxed);
        libc::free(block);
    }
}

// SAFETY: a function pointer of the type that the C runtime calls from this section; it only makes a
// system call and sets numbers of the allocator.
#[used]
#[unsafe(link_section = ".init_array")]
static REMEMBER: extern "C" fn() = remember;

/// An address on the heap's first pages, if `end` is the end of that heap.
pub fn heap_start(end: u64) -> Option<u64> {
    let start = HEAP.load(Ordering::Relaxed);
    (start != 0 && start <= end && end - start < 1 << 30).then_some(start)
}

/// Undoes what the runtime did.
pub fn restore_pipe() {
    let action = SigAction { handler: PIPE.load(Ordering::Relaxed), ..SigAction::default() };
    crate::signal::set_host_action(libc::SIGPIPE, &action);
}

/// The environment as the kernel gave it, entries without `=` included.
pub fn environment() -> Vec<std::ffi::OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut out = Vec::new();
    // SAFETY: the C library's vector ends with a null pointer and nothing changes it here.
    unsafe {
        let mut p = environ;
        while !p.is_null() && !(*p).is_null() {
            out.push(std::ffi::OsString::from_vec(std::ffi::CStr::from_ptr(*p).to_bytes().to_vec()));
            p = p.add(1);
        }
    }
    out
}
