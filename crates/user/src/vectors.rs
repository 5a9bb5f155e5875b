//! Structures that hold pointers, copied with host addresses for guests whose base is not 0.
//!
//! With base 0 a guest address is a host address and nothing here does anything but hand the guest's own
//! structures to the kernel.

use crate::errno::{Errno, SysResult};
use crate::guest::GuestMem;
use crate::thread::Thread;

/// Most entries of an I/O vector (UIO_MAXIOV).
const MAX: u64 = 1024;

/// An I/O vector for the host.
#[derive(Debug)]
pub struct Iovecs {
    at: u64,
    _copy: Vec<[u64; 2]>,
}

impl Iovecs {
    /// The vector of `count` entries at guest address `addr`. More entries than the kernel takes are left to it to
    /// refuse.
    pub fn new(mem: GuestMem, addr: u64, count: u64) -> Result<Iovecs, Errno> {
        if mem.base == 0 || addr == 0 || count > MAX {
            return Ok(Iovecs { at: mem.host(addr), _copy: Vec::new() });
        }
        let mut copy = Vec::with_capacity(count as usize);
        for i in 0..count {
            let [base, len] = mem.words::<2>(addr.wrapping_add(16 * i))?;
            copy.push([mem.host(base), len]);
        }
        Ok(Iovecs { at: copy.as_ptr() as u64, _copy: copy })
    }

    /// Host address of the vector.
    pub fn at(&self) -> u64 {
        self.at
    }
}

/// Words of `struct msghdr`: name, its length, vector, its count, control data, its length, flags.
const MSGHDR: usize = 7;

/// `struct msghdr` with its vector.
#[derive(Debug)]
struct Message {
    words: [u64; MSGHDR],
    _iov: Iovecs,
}

impl Message {
    fn new(mem: GuestMem, addr: u64) -> Result<Message, Errno> {
        let mut words = mem.words::<MSGHDR>(addr)?;
        let iov = Iovecs::new(mem, words[2], words[3])?;
        words[0] = mem.host(words[0]);
        words[2] = iov.at();
        words[4] = mem.host(words[4]);
        Ok(Message { words, _iov: iov })
    }

    /// What receiving changed: lengths and flags.
    fn give_back(words: &[u64], mem: GuestMem, addr: u64) -> Result<(), Errno> {
        mem.write(addr + 8, &(words[1] as u32).to_le_bytes())?;
        mem.write(addr + 40, &words[5].to_le_bytes())?;
        mem.write(addr + 48, &(words[6] as u32).to_le_bytes())
    }
}

/// `sendmsg` and `recvmsg`, as host call `nr`.
pub fn message(t: &Thread, nr: i64, a: &[u64; 6]) -> SysResult {
    if t.mem.base == 0 {
        return t.blocking(nr, &[a[0], a[1], a[2], 0, 0, 0]);
    }
    let m = Message::new(t.mem, a[1])?;
    let r = t.blocking(nr, &[a[0], m.words.as_ptr() as u64, a[2], 0, 0, 0])?;
    if nr == libc::SYS_recvmsg {
        Message::give_back(&m.words, t.mem, a[1])?;
    }
    Ok(r)
}

/// `sendmmsg` and `recvmmsg`, as host call `nr`. `struct mmsghdr` is a `msghdr` and the bytes sent or received.
pub fn messages(t: &Thread, nr: i64, a: &[u64; 6]) -> SysResult {
    const MMSGHDR: usize = MSGHDR + 1;
    if t.mem.base == 0 {
        return t.blocking(nr, &[a[0], a[1], a[2], a[3], a[4], 0]);
    }
    let count = (a[2] & 0xffff_ffff).min(MAX);
    let at = |i: u64| a[1].wrapping_add(i * 8 * MMSGHDR as u64);
    let list = (0..count).map(|i| Message::new(t.mem, at(i))).collect::<Result<Vec<_>, _>>()?;
    let mut words: Vec<u64> = list.iter().flat_map(|m| m.words.into_iter().chain([0])).collect();
    let timeout = if nr == libc::SYS_recvmmsg { t.mem.host(a[4]) } else { 0 };
    let done = t.blocking(nr, &[a[0], words.as_mut_ptr() as u64, count, a[3], timeout, 0])?;
    for (i, w) in (0..done).zip(words.chunks_exact(MMSGHDR)) {
        if nr == libc::SYS_recvmmsg {
            Message::give_back(w, t.mem, at(i))?;
        }
        t.mem.write(at(i) + 8 * MSGHDR as u64, &(w[MSGHDR] as u32).to_le_bytes())?;
    }
    Ok(done)
}

/// Copies an array of `count` entries of `N` words and makes the words of `pointers` host addresses.
pub fn array<const N: usize>(mem: GuestMem, addr: u64, count: u64, pointers: &[usize]) -> Result<Vec<[u64; N]>, Errno> {
    let mut out = Vec::new();
    for i in 0..count {
        let mut entry = mem.words::<N>(addr.wrapping_add(i * 8 * N as u64))?;
        for &p in pointers {
            entry[p] = mem.host(entry[p]);
        }
        out.push(entry);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_carry_host_addresses() {
        let memory: Box<[u64; 4]> = Box::new([0x1000, 5, 0, 7]);
        let at = memory.as_ptr() as u64;
        let mem = GuestMem { base: 0x1_0000 };
        let iov = Iovecs::new(mem, at - mem.base, 2).unwrap();
        assert_eq!(iov._copy, [[0x1_1000, 5], [0, 7]]);
        assert_eq!(Iovecs::new(GuestMem::default(), at, 2).unwrap().at(), at);
        assert_eq!(array::<2>(mem, at - mem.base, 1, &[1]).unwrap(), [[0x1000, 0x1_0005]]);
    }
}
