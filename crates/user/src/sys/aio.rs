//! io_setup(2) and its family.
//!
//! A context's number is the address of its ring of events, which libaio reads. The ring is moved to where the guest's
//! `mmap` would have put it, so that the guest can. Events tell the address of their control block: with a base other
//! than 0 the ring's mark is removed, and programs ask by system call, whose results are changed here.

use super::epoll::sigmask;
use super::signal::with_mask;
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mm::PAGE;
use crate::signal::SYNCHRONOUS;
use crate::thread::Thread;
use crate::vectors::Iovecs;

/// `struct aio_ring`: id, number of events, head, tail, magic, ...; and the size of one event.
const RING_COUNT: u64 = 4;
const RING_MAGIC: u64 = 16;
const RING_HEADER: u64 = 32;
const EVENT: u64 = 32;
/// `struct iocb`
const IOCB_OPCODE: u64 = 16;
const IOCB_BUFFER: u64 = 24;
const PREADV: u8 = 7;
const PWRITEV: u8 = 8;

/// `io_setup`
pub fn io_setup(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let mut context = t.mem.u64(a[1])?;
    host::call(libc::SYS_io_setup, &[a[0], &raw mut context as u64])?;
    let moved = adopt(t, context).and_then(|at| t.mem.write_words(a[1], &[at]).map_err(|e| (e, at + t.mem.base)));
    match moved {
        Ok(()) => Ok(0),
        Err((e, context)) => {
            let _ = host::call(libc::SYS_io_destroy, &[context]);
            Err(e)
        }
    }
}

/// Moves the ring into the guest's space; on failure tells where it is.
fn adopt(t: &Thread, ring: u64) -> Result<u64, (Errno, u64)> {
    let failed = |e| (e, ring);
    let whole = crate::guest::GuestMem::default();
    let count = whole.u32(ring + RING_COUNT).map_err(failed)?;
    if t.mem.base != 0 {
        let none = 0u32.to_le_bytes();
        brolga_softmmu::direct::copy_out(ring + RING_MAGIC, &none).map_err(|_| failed(Errno(libc::EFAULT)))?;
    }
    let len = (RING_HEADER + EVENT * u64::from(count)).next_multiple_of(PAGE);
    t.process.mm.take_over(ring, len).map_err(failed)
}

/// `io_destroy`; the kernel unmaps the ring.
pub fn io_destroy(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let mm = &t.process.mm;
    let area = mm.lock().areas.at(a[0]).filter(|(r, _)| r.start == a[0]);
    let r = t.blocking(libc::SYS_io_destroy, &[t.mem.host(a[0]), 0, 0, 0, 0, 0])?;
    if let Some((range, _)) = area {
        mm.lock().areas.remove(range);
    }
    Ok(r)
}

/// `io_submit`
pub fn io_submit(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let context = t.mem.host(a[0]);
    if t.mem.base == 0 {
        return t.blocking(libc::SYS_io_submit, &[context, a[1], a[2], 0, 0, 0]);
    }
    if a[1] as i64 <= 0 {
        return host::call(libc::SYS_io_submit, &[context, a[1], 0]);
    }
    // One at a time: an event tells the address of the block it was submitted by, so the guest's own block is
    // changed for as long as the kernel reads it.
    for i in 0..a[1] {
        let submitted = t.mem.u64(a[2].wrapping_add(8 * i)).and_then(|block| submit(t, context, block));
        if let Err(e) = submitted {
            return if i == 0 { Err(e) } else { Ok(i) };
        }
    }
    Ok(a[1])
}

fn submit(t: &Thread, context: u64, block: u64) -> SysResult {
    let [opcode] = t.mem.bytes::<1>(block.wrapping_add(IOCB_OPCODE))?;
    let at = block.wrapping_add(IOCB_BUFFER);
    let [buffer, count] = t.mem.words::<2>(at)?;
    let vector = matches!(opcode, PREADV | PWRITEV).then(|| Iovecs::new(t.mem, buffer, count)).transpose()?;
    t.mem.write_words(at, &[vector.as_ref().map_or(t.mem.host(buffer), Iovecs::at)])?;
    let list = [t.mem.host(block)];
    let r = t.blocking(libc::SYS_io_submit, &[context, 1, list.as_ptr() as u64, 0, 0, 0]);
    t.mem.write_words(at, &[buffer])?;
    r
}

/// `io_cancel`
pub fn io_cancel(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let p = |i: usize| t.mem.host(a[i]);
    let r = t.blocking(libc::SYS_io_cancel, &[p(0), p(1), p(2), 0, 0, 0])?;
    tell_blocks(t, a[2], 1)?;
    Ok(r)
}

/// `io_getevents`
pub fn io_getevents(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let args = [t.mem.host(a[0]), a[1], a[2], t.mem.host(a[3]), t.mem.host(a[4]), 0];
    let n = t.blocking(libc::SYS_io_getevents, &args)?;
    tell_blocks(t, a[3], n)?;
    Ok(n)
}

/// `io_pgetevents`; the sixth argument points at {mask, size}.
pub fn io_pgetevents(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SYS_IO_PGETEVENTS: i64 = 333; // x86-64
    let [at, size] = if a[5] == 0 { [0, 8] } else { t.mem.words::<2>(a[5])? };
    let mask = sigmask(t, at, size)?;
    let host = mask.map_or(0, |m| m & !SYNCHRONOUS);
    let pair = [if mask.is_some() { &raw const host as u64 } else { 0 }, 8];
    let args = [t.mem.host(a[0]), a[1], a[2], t.mem.host(a[3]), t.mem.host(a[4]), pair.as_ptr() as u64];
    let n = with_mask(t, mask, |t| t.blocking(SYS_IO_PGETEVENTS, &args))?;
    tell_blocks(t, a[3], n)?;
    Ok(n)
}

/// Makes the addresses of control blocks in `count` events the guest's.
fn tell_blocks(t: &Thread, events: u64, count: u64) -> Result<(), Errno> {
    const BLOCK: u64 = 8;
    if t.mem.base == 0 {
        return Ok(());
    }
    for i in 0..count {
        let at = events.wrapping_add(EVENT * i + BLOCK);
        let block = t.mem.u64(at)?;
        t.mem.write_words(at, &[block.wrapping_sub(t.mem.base)])?;
    }
    Ok(())
}
