//! epoll(7): x86-64 packs `struct epoll_event` into 12 bytes, other architectures pad it to 16.

use super::fail;
use super::signal::with_mask;
use crate::errno::{Errno, SysResult};
use crate::signal::{SYNCHRONOUS, UNBLOCKABLE};
use crate::thread::Thread;

/// Whether the host packs the structure.
const HOST_PACKED: bool = cfg!(target_arch = "x86_64");

const fn event_size(packed: bool) -> usize {
    if packed { 12 } else { 16 }
}

/// Offset of the 8 data bytes.
const fn data_at(packed: bool) -> usize {
    if packed { 4 } else { 8 }
}

fn convert(from: &[u8], from_packed: bool, to_packed: bool) -> Vec<u8> {
    let mut out = vec![0; event_size(to_packed)];
    out[..4].copy_from_slice(&from[..4]);
    let (f, d) = (data_at(from_packed), data_at(to_packed));
    out[d..d + 8].copy_from_slice(&from[f..f + 8]);
    out
}

/// The event at guest address `addr` as the host lays it out.
pub fn event_for_host(t: &Thread, addr: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; event_size(t.abi.epoll_packed)];
    t.mem.read(addr, &mut bytes)?;
    Ok(convert(&bytes, t.abi.epoll_packed, HOST_PACKED))
}

/// `epoll_create`: the size is only checked.
pub fn epoll_create(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    if a[0] as i32 <= 0 {
        return fail(libc::EINVAL);
    }
    t.blocking(libc::SYS_epoll_create1, &[0; 6])
}

/// `epoll_ctl`
pub fn epoll_ctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let takes = a[3] != 0 && a[1] as i32 != libc::EPOLL_CTL_DEL;
    let event = if takes { event_for_host(t, a[3])? } else { Vec::new() };
    let at = if event.is_empty() { 0 } else { event.as_ptr() as u64 };
    t.blocking(libc::SYS_epoll_ctl, &[a[0], a[1], a[2], at, 0, 0])
}

/// `epoll_pwait`
pub fn epoll_pwait(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    wait(t, libc::SYS_epoll_pwait, a, a[3])
}

/// `epoll_pwait2`
pub fn epoll_pwait2(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    wait(t, libc::SYS_epoll_pwait2, a, t.mem.host(a[3]))
}

fn wait(t: &mut Thread, nr: i64, a: &[u64; 6], timeout: u64) -> SysResult {
    let max = a[2] as i32;
    if max <= 0 || max as usize > i32::MAX as usize / 16 {
        return fail(libc::EINVAL);
    }
    let mask = sigmask(t, a[4], a[5])?;
    let host_mask = mask.map_or(0, |m| m & !SYNCHRONOUS);
    let mask_at = if mask.is_some() { &raw const host_mask as u64 } else { 0 };
    // A program may name a far larger number than it has room for; the kernel reports at most these.
    let mut events = vec![0u8; event_size(HOST_PACKED) * (max as usize).min(4096)];
    let count = (max as u64).min(4096);
    let n = with_mask(t, mask, |t| t.blocking(nr, &[a[0], events.as_mut_ptr() as u64, count, timeout, mask_at, 8]))?;
    let guest = t.abi.epoll_packed;
    let out: Vec<u8> = events
        .chunks_exact(event_size(HOST_PACKED))
        .take(n as usize)
        .flat_map(|e| convert(e, HOST_PACKED, guest))
        .collect();
    t.mem.write(a[1], &out)?;
    Ok(n)
}

/// The mask at guest address `addr`, or none if it is null.
pub fn sigmask(t: &Thread, addr: u64, size: u64) -> Result<Option<u64>, Errno> {
    if addr == 0 {
        return Ok(None);
    }
    if size != 8 {
        return fail(libc::EINVAL);
    }
    Ok(Some(t.mem.u64(addr)? & !UNBLOCKABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convert_pads_and_packs() {
        let packed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let padded = convert(&packed, true, false);
        assert_eq!(padded, [1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(convert(&padded, false, true), packed);
    }
}
