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

/// Requests whose structure holds one pointer: size of the structure in words and index of the pointer.
const INNER: [(u32, usize, usize); 2] = [
    (0x8912, 2, 1), // SIOCGIFCONF: struct ifconf
    (0x8946, 5, 2), // SIOCETHTOOL: struct ifreq
];

/// A request of [`INNER`], for a base other than 0.
fn inner(t: &Thread, a: &[u64; 6], words: usize, pointer: usize) -> SysResult {
    let mut copy = [0u64; 5];
    for (i, w) in copy[..words].iter_mut().enumerate() {
        *w = t.mem.u64(a[2].wrapping_add(8 * i as u64))?;
    }
    let own = copy[pointer];
    copy[pointer] = t.mem.host(own);
    let r = t.blocking(libc::SYS_ioctl, &[a[0], a[1], copy.as_mut_ptr() as u64, 0, 0, 0])?;
    copy[pointer] = own;
    t.mem.write_words(a[2], &copy[..words])?;
    Ok(r)
}

/// `ioctl`
pub fn ioctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let request = a[1] as u32;
    if t.mem.base != 0
        && let Some(&(_, words, pointer)) = INNER.iter().find(|(r, ..)| *r == request)
    {
        return inner(t, a, words, pointer);
    }
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
