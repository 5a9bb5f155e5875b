//! What the standard library's own `main` does before ours, without what costs a guest: a stack for signal handlers, which each fork
//! would copy the mappings of, and a look at the process's memory map for it. Guests get handlers and stacks of their own.
#![allow(unsafe_code, reason = "calls into the C library")]

use std::panic::catch_unwind;

/// Status of a process that panicked, as the standard library gives it.
const PANICKED: i32 = 101;

/// The process from the C library's `main` on. Returns its exit status.
pub fn main() -> i32 {
    crate::heap::own();
    open_standard_files();
    // SAFETY: sets a disposition; guests get back what it was (`brolga_user::startup`).
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    catch_unwind(|| crate::entry::run(std::env::args_os().collect())).map_or(PANICKED, i32::from)
}

/// Opens the null device as whatever standard file is closed: no file of ours is to get its number.
fn open_standard_files() {
    let mut files = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: three entries are there; the call waits for nothing.
    if unsafe { libc::poll(files.as_mut_ptr(), 3, 0) } == 0 {
        return;
    }
    for file in files {
        if file.revents & libc::POLLNVAL != 0 {
            // SAFETY: the name is a C string. The lowest number that is free is the one that is closed.
            unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR, 0) };
        }
    }
}
