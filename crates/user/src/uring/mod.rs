//! io_uring(7).
//!
//! # Requirement
//! A program's rings are the host's own. What arm64 defines otherwise than the host (open flags, epoll events, paths
//! under the prefix) must be the host's when the kernel reads a submission entry.
//!
//! # How
//! The kernel chooses where rings lie; they stay there, above the guest's space, which at base 0 the guest reaches. At
//! `io_uring_enter` the entries about to be submitted are looked at, and those of a kind that differs are rewritten in
//! place for as long as the kernel takes them; it copies what they point at before the call returns ([`entry`]).
//!
//! # Limits
//! Offered at base 0 only. No thread of the kernel reads entries by itself (IORING_SETUP_SQPOLL: EPERM, as on a kernel
//! that keeps it to the privileged), since nobody would rewrite them. Rings in the program's own memory and registered
//! ring descriptors are refused as by an older kernel. `/proc` views are not seen by opens through a ring.

mod entry;

use crate::errno::{Errno, SysResult};
use crate::host;
use crate::process::lock;
use crate::signal::SYNCHRONOUS;
use crate::sys::epoll::sigmask;
use crate::sys::fail;
use crate::sys::signal::with_mask;
use crate::thread::Thread;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Calls from 424 on have one number on every architecture.
const SYS_SETUP: i64 = 425;
const SYS_ENTER: i64 = 426;
const SYS_REGISTER: i64 = 427;

const SETUP_SQPOLL: u32 = 1 << 1;
const SETUP_SQE128: u32 = 1 << 10;
const SETUP_NO_MMAP: u32 = 1 << 14;
const SETUP_NO_SQARRAY: u32 = 1 << 16;
/// Offsets of `mmap` that name a ring's parts.
const OFF_SQES: u64 = 0x1000_0000;
const OFF_CQ_RING: u64 = 0x800_0000;

/// `struct io_uring_params` in 4-byte words.
const PARAMS: usize = 30;
const P_FLAGS: usize = 2;
const P_FEATURES: usize = 5;
/// `struct io_sqring_offsets`: head, tail, ring_mask, ring_entries, flags, dropped, array.
const P_SQ: usize = 10;
const FEAT_REG_REG_RING: u32 = 1 << 13;

/// What is known of a ring.
#[derive(Debug, Default)]
struct Ring {
    flags: u32,
    /// Offsets of head, tail, mask and index array.
    head: u64,
    tail: u64,
    mask: u64,
    array: u64,
    /// Where the program mapped the submission ring and its entries.
    mapped: Mutex<[u64; 2]>,
    /// Held from looking at entries to their submission, where some are rewritten.
    turn: Mutex<()>,
}

/// Rings by descriptor.
static RINGS: Mutex<Option<FxHashMap<i32, Arc<Ring>>>> = Mutex::new(None);
/// Whether there ever was one.
static ANY: AtomicBool = AtomicBool::new(false);

fn ring(fd: u64) -> Option<Arc<Ring>> {
    if !ANY.load(Ordering::Acquire) {
        return None;
    }
    lock(&RINGS).as_ref()?.get(&(fd as i32)).cloned()
}

/// Runs `action`, a fork, while nobody else looks at the list of rings.
pub fn around_fork(action: impl FnOnce() -> SysResult) -> SysResult {
    let _held = lock(&RINGS);
    action()
}

/// Notes that a descriptor was closed.
pub fn closed(fd: u64) {
    if ANY.load(Ordering::Acquire)
        && let Some(rings) = lock(&RINGS).as_mut()
    {
        rings.remove(&(fd as i32));
    }
}

/// Notes that `new` is a copy of descriptor `old`.
pub fn duplicated(old: u64, new: u64) {
    let Some(ring) = ring(old) else { return closed(new) };
    if let Some(rings) = lock(&RINGS).as_mut() {
        rings.insert(new as i32, ring);
    }
}

/// `mmap` of a ring's part; `None` if `fd` is no ring.
pub fn map(t: &Thread, fd: i32, len: u64, prot: u64, flags: u64, offset: u64) -> Option<SysResult> {
    let ring = ring(fd as u64)?;
    let at = match t.process.mm.map_where_host_likes(len, prot, flags, fd, offset) {
        Ok(at) => at,
        Err(e) => return Some(Err(e)),
    };
    let mut mapped = lock(&ring.mapped);
    match offset {
        OFF_SQES => mapped[1] = at,
        OFF_CQ_RING => {}
        _ => mapped[0] = at,
    }
    Some(Ok(at))
}

/// `io_uring_setup`
pub fn io_uring_setup(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let mut bytes = [0u8; 4 * PARAMS];
    t.mem.read(a[1], &mut bytes)?;
    let word = |bytes: &[u8; 4 * PARAMS], i: usize| {
        u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
    };
    let flags = word(&bytes, P_FLAGS);
    if t.mem.base != 0 || flags & SETUP_SQPOLL != 0 {
        return fail(libc::EPERM);
    }
    if flags & SETUP_NO_MMAP != 0 {
        return fail(libc::EINVAL);
    }
    let fd = host::call(SYS_SETUP, &[a[0], bytes.as_mut_ptr() as u64])?;
    let features = word(&bytes, P_FEATURES) & !FEAT_REG_REG_RING;
    bytes[4 * P_FEATURES..4 * P_FEATURES + 4].copy_from_slice(&features.to_le_bytes());
    let offset = |i: usize| u64::from(word(&bytes, P_SQ + i));
    let ring = Ring {
        flags,
        head: offset(0),
        tail: offset(1),
        mask: offset(2),
        array: offset(6),
        mapped: Mutex::default(),
        turn: Mutex::default(),
    };
    ANY.store(true, Ordering::Release);
    lock(&RINGS).get_or_insert_default().insert(fd as i32, Arc::new(ring));
    t.mem.write(a[1], &bytes).inspect_err(|_| {
        let _ = host::call(libc::SYS_close, &[fd]);
        closed(fd);
    })?;
    Ok(fd)
}

impl Ring {
    /// Guest addresses of the at most `count` entries that are to be submitted next.
    fn next(&self, t: &Thread, count: u64) -> Result<Vec<u64>, Errno> {
        let [sq, sqes] = *lock(&self.mapped);
        if sq == 0 || sqes == 0 {
            return Ok(Vec::new());
        }
        let mask = t.mem.u32(sq + self.mask)?;
        let (head, tail) = (t.mem.u32(sq + self.head)?, t.mem.u32(sq + self.tail)?);
        let count = u64::from(tail.wrapping_sub(head).min(mask.wrapping_add(1))).min(count);
        let size = if self.flags & SETUP_SQE128 != 0 { 128 } else { 64 };
        let mut out = Vec::new();
        for i in 0..count as u32 {
            let slot = u64::from(head.wrapping_add(i) & mask);
            let index = if self.flags & SETUP_NO_SQARRAY != 0 {
                slot
            } else {
                u64::from(t.mem.u32(sq + self.array + 4 * slot)?)
            };
            if index <= mask.into() {
                out.push(sqes + size * index);
            }
        }
        Ok(out)
    }
}

/// `io_uring_enter`
pub fn io_uring_enter(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const REGISTERED_RING: u64 = 16;
    const GETEVENTS: u64 = 1;
    if a[3] & REGISTERED_RING != 0 {
        return fail(libc::EINVAL);
    }
    let mut submit = a[1] & 0xffff_ffff;
    let mut done = 0;
    if submit != 0
        && let Some(ring) = ring(a[0])
    {
        let turn = lock(&ring.turn);
        let entries = ring.next(t, submit)?;
        let rewritten = entries.iter().filter_map(|&at| entry::rewrite(t, at)).collect::<Vec<_>>();
        if !rewritten.is_empty() {
            // The kernel takes entries without waiting; what they point at is ours only until then.
            let result = host::call(SYS_ENTER, &[a[0], submit, 0, 0, 0, 0]);
            rewritten.iter().for_each(|r| r.undo(t));
            done = result?;
            if done != submit || a[3] & GETEVENTS == 0 {
                return Ok(done);
            }
            submit = 0;
        }
        drop(turn);
    }
    let result = wait(t, [a[0], submit, a[2], a[3], a[4], a[5]]);
    if done != 0 { Ok(done) } else { result }
}

/// The call under the mask that it names.
fn wait(t: &mut Thread, mut args: [u64; 6]) -> SysResult {
    const EXT_ARG: u64 = 8;
    if args[3] & EXT_ARG == 0 {
        // A mask is looked at only with its size; the kernel takes any size without one.
        let mask = if args[4] == 0 { None } else { sigmask(t, args[4], args[5])? };
        let host = mask.map_or(0, |m| m & !SYNCHRONOUS);
        args[4] = if mask.is_some() { &raw const host as u64 } else { 0 };
        return with_mask(t, mask, |t| t.blocking(SYS_ENTER, &args));
    }
    /// `struct io_uring_getevents_arg`: mask, its size with the least time to wait, time.
    const ARG: u64 = 24;
    if args[5] != ARG {
        return t.blocking(SYS_ENTER, &args);
    }
    let mut arg = t.mem.words::<3>(args[4])?;
    let mask = sigmask(t, arg[0], arg[1] & 0xffff_ffff)?;
    let host = mask.map_or(0, |m| m & !SYNCHRONOUS);
    arg[0] = if mask.is_some() { &raw const host as u64 } else { 0 };
    args[4] = arg.as_ptr() as u64;
    with_mask(t, mask, |t| t.blocking(SYS_ENTER, &args))
}

/// `io_uring_register`
pub fn io_uring_register(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const PROBE: u64 = 8;
    const RING_FDS: u64 = 20;
    const USE_REGISTERED_RING: u64 = 1 << 31;
    let opcode = a[1] & 0xffff_ffff;
    if t.mem.base != 0 || opcode == RING_FDS || opcode & USE_REGISTERED_RING != 0 {
        return fail(libc::EINVAL);
    }
    let r = t.blocking(SYS_REGISTER, &[a[0], a[1], a[2], a[3], 0, 0])?;
    if opcode == PROBE {
        entry::correct_probe(t, a[2], a[3])?;
    }
    Ok(r)
}
