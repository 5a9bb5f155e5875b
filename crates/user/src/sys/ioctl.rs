//! ioctl(2): numbers and structures are those of asm-generic on both sides, so requests pass. What is
//! known here is which take a number and not an address, and which are refused.

use crate::errno::SysResult;
use crate::thread::Thread;

/// Requests whose argument is a number: terminal control, descriptors, and the like.
const NUMBERS: [u32; 14] = [
    0x5409,      // TCSBRK
    0x540a,      // TCXONC
    0x540b,      // TCFLSH
    0x540c,      // TIOCEXCL
    0x540d,      // TIOCNXCL
    0x540e,      // TIOCSCTTY
    0x5422,      // TIOCNOTTY
    0x5425,      // TCSBRKP
    0x5441,      // TIOCGPTPEER
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x4004_9409, // FICLONE
    0x4c00,      // LOOP_SET_FD
    0x4c01,      // LOOP_CLR_FD
];

/// Whether the argument of `request` is an address.
fn takes_address(request: u32) -> bool {
    const NONE: u32 = 0;
    let (direction, kind) = (request >> 30, request >> 8 & 0xff);
    // Terminals and sockets predate the encoding; elsewhere "no direction" means no structure.
    !NUMBERS.contains(&request) && (direction != NONE || matches!(kind, 0x54 | 0x89))
}

/// `ioctl`
pub fn ioctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let request = a[1] as u32;
    let arg = if takes_address(request) { t.mem.host(a[2]) } else { a[2] };
    let r = t.blocking(libc::SYS_ioctl, &[a[0], a[1], arg, 0, 0, 0]);
    if r.is_err() {
        tracing::debug!(request = format_args!("{request:#x}"), error = ?r, "ioctl");
    }
    r
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_address_by_encoding_and_list() {
        assert!(takes_address(0x5401) && takes_address(0x8912) && takes_address(0x802c_542a));
        assert!(!takes_address(0x540e) && !takes_address(0x4004_9409) && !takes_address(0xae00));
    }
}
