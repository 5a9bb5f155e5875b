//! Byte copies between host buffers and guest memory, for system calls and translators.

use super::host;
use brolga_core::{Access, Fault};

/// Reads guest memory at host address `addr` into `buf`.
pub fn copy_in(buf: &mut [u8], addr: u64) -> Result<(), Fault> {
    host::copy(buf.as_mut_ptr() as u64, addr, buf.len()).map_err(|(f, done)| {
        let at = addr.wrapping_add(done as u64);
        f.at(at, 0, (buf.len() - done) as u64, Access::Read)
    })
}

/// Copies between host addresses, up to what cannot be accessed; returns the number of bytes.
pub(super) fn copy_some(dst: u64, src: u64, len: usize) -> usize {
    match host::copy(dst, src, len) {
        Ok(()) => len,
        Err((_, done)) => done,
    }
}

/// Reads as many bytes as are accessible; returns their number.
pub fn copy_in_some(buf: &mut [u8], addr: u64) -> usize {
    copy_some(buf.as_mut_ptr() as u64, addr, buf.len())
}

/// Writes `bytes` to guest memory at host address `addr`. A fault leaves the bytes before it written.
pub fn copy_out(addr: u64, bytes: &[u8]) -> Result<(), Fault> {
    host::copy(addr, bytes.as_ptr() as u64, bytes.len()).map_err(|(f, done)| {
        let at = addr.wrapping_add(done as u64);
        f.at(at, 0, (bytes.len() - done) as u64, Access::Write)
    })
}

/// Fills guest memory with zero.
pub fn zero_out(addr: u64, len: usize) -> Result<(), Fault> {
    host::zero(addr, len).map_err(|f| f.at(addr, 0, len as u64, Access::Write))
}

/// Reads a NUL-terminated string of at most `max` bytes, without its NUL.
///
/// Returns `Ok(None)` if there is no NUL within `max` bytes.
pub fn read_cstr(addr: u64, max: usize) -> Result<Option<Vec<u8>>, Fault> {
    let mut out = Vec::new();
    while out.len() < max {
        let at = addr.wrapping_add(out.len() as u64);
        // Never read past the page that holds the next byte: the NUL may be its last byte.
        let room = (4096 - (at & 4095) as usize).min(max - out.len()).min(256);
        let mut chunk = [0u8; 256];
        copy_in(&mut chunk[..room], at)?;
        if let Some(end) = chunk[..room].iter().position(|&b| b == 0) {
            out.extend_from_slice(&chunk[..end]);
            return Ok(Some(out));
        }
        out.extend_from_slice(&chunk[..room]);
    }
    Ok(None)
}
