//! Guest memory as system calls reach it: typed reads and writes over the recovering accessors.

use crate::errno::Errno;
use brolga_softmmu::direct;

/// Where guest memory lies in the host's address space.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuestMem {
    /// Added to a guest address.
    pub base: u64,
}

/// Longest path, with its NUL (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

impl GuestMem {
    /// Host address of a guest address; null stays null, as system calls treat it apart.
    #[inline(always)]
    pub fn host(self, addr: u64) -> u64 {
        if addr == 0 { 0 } else { addr.wrapping_add(self.base) }
    }

    /// Fills `buf`.
    pub fn read(self, addr: u64, buf: &mut [u8]) -> Result<(), Errno> {
        Ok(direct::copy_in(buf, addr.wrapping_add(self.base))?)
    }

    /// Writes `bytes`.
    pub fn write(self, addr: u64, bytes: &[u8]) -> Result<(), Errno> {
        Ok(direct::copy_out(addr.wrapping_add(self.base), bytes)?)
    }

    /// Reads `N` bytes.
    pub fn bytes<const N: usize>(self, addr: u64) -> Result<[u8; N], Errno> {
        let mut buf = [0; N];
        self.read(addr, &mut buf)?;
        Ok(buf)
    }

    /// Reads a little-endian word of 4 bytes.
    pub fn u32(self, addr: u64) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.bytes(addr)?))
    }

    /// Reads a little-endian word of 8 bytes.
    pub fn u64(self, addr: u64) -> Result<u64, Errno> {
        Ok(u64::from_le_bytes(self.bytes(addr)?))
    }

    /// Reads `N` words of 8 bytes.
    pub fn words<const N: usize>(self, addr: u64) -> Result<[u64; N], Errno> {
        let mut out = [0; N];
        for (i, w) in out.iter_mut().enumerate() {
            *w = self.u64(addr.wrapping_add(8 * i as u64))?;
        }
        Ok(out)
    }

    /// Writes words of 8 bytes.
    pub fn write_words(self, addr: u64, words: &[u64]) -> Result<(), Errno> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        self.write(addr, &bytes)
    }

    /// Fills with zero.
    pub fn zero(self, addr: u64, len: u64) -> Result<(), Errno> {
        Ok(direct::zero_out(addr.wrapping_add(self.base), len as usize)?)
    }

    /// Reads a NUL-terminated string of fewer than `max` bytes; `ENAMETOOLONG` if there is no NUL.
    pub fn cstr(self, addr: u64, max: usize) -> Result<Vec<u8>, Errno> {
        direct::read_cstr(addr.wrapping_add(self.base), max)?.ok_or(Errno(libc::ENAMETOOLONG))
    }

    /// Reads a path.
    pub fn path(self, addr: u64) -> Result<Vec<u8>, Errno> {
        self.cstr(addr, PATH_MAX)
    }

    /// Reads a NULL-terminated array of strings, as `execve` takes; `max` bytes in all, else `E2BIG`.
    pub fn string_array(self, mut addr: u64, max: usize) -> Result<Vec<Vec<u8>>, Errno> {
        let mut out = Vec::new();
        let mut left = max;
        if addr == 0 {
            return Ok(out);
        }
        loop {
            let p = self.u64(addr)?;
            if p == 0 {
                return Ok(out);
            }
            let s = self
                .cstr(p, left.max(1))
                .map_err(|e| if e.0 == libc::ENAMETOOLONG { Errno(libc::E2BIG) } else { e })?;
            left = left.saturating_sub(s.len() + 9);
            if left == 0 {
                return Err(Errno(libc::E2BIG));
            }
            out.push(s);
            addr = addr.wrapping_add(8);
        }
    }
}
