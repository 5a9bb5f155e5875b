//! Submission entries that arm64 defines otherwise than the host. Linux include/uapi/linux/io_uring.h,
//! `struct io_uring_sqe`.

use crate::errno::Errno;
use crate::own_fds;
use crate::path;
use crate::sys::epoll;
use crate::thread::Thread;
use std::ffi::CString;

/// Offsets in an entry.
const FD: u64 = 4;
const ADDR2: u64 = 8;
const ADDR: u64 = 16;
const LEN: u64 = 24;
const OP_FLAGS: u64 = 28;
const ADDR3: u64 = 48;

/// Offset of the path, and whether the call follows a link that the path itself names; opens and `statx` decide by
/// their flags.
type PathAt = (u64, bool);

/// How an entry's flags at [`OP_FLAGS`] become the host's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    Same,
    Open,
}

struct Row {
    opcode: u8,
    flags: Flags,
    paths: &'static [PathAt],
}

const fn row(opcode: u8, flags: Flags, paths: &'static [PathAt]) -> Row {
    Row { opcode, flags, paths }
}

const OPENAT: u8 = 18;
const CLOSE: u8 = 19;
const STATX: u8 = 21;
const OPENAT2: u8 = 28;
const EPOLL_CTL: u8 = 29;
const PIPE: u8 = 62;
/// Its events would be written in the host's layout when they come.
const EPOLL_WAIT: u8 = 59;
/// An opcode that no kernel has: EINVAL.
const NONE: u8 = 255;

const ROWS: &[Row] = &[
    row(OPENAT, Flags::Open, &[(ADDR, true)]),
    row(STATX, Flags::Same, &[(ADDR, true)]),
    row(OPENAT2, Flags::Same, &[(ADDR, true)]),
    row(35, Flags::Same, &[(ADDR, false), (ADDR2, false)]), // RENAMEAT
    row(36, Flags::Same, &[(ADDR, false)]),                 // UNLINKAT
    row(37, Flags::Same, &[(ADDR, false)]),                 // MKDIRAT
    row(38, Flags::Same, &[(ADDR2, false)]),                // SYMLINKAT
    row(39, Flags::Same, &[(ADDR, false), (ADDR2, false)]), // LINKAT
    row(42, Flags::Same, &[(ADDR3, true)]),                 // SETXATTR
    row(44, Flags::Same, &[(ADDR3, true)]),                 // GETXATTR
    row(PIPE, Flags::Open, &[]),
];

/// A changed entry, with what it points at.
#[derive(Debug)]
pub struct Rewritten {
    /// Address of the word, what the guest wrote, what we wrote; 8 bytes each.
    words: Vec<(u64, u64, u64)>,
    _texts: Vec<CString>,
    _blocks: Vec<Vec<u8>>,
}

impl Rewritten {
    /// Puts the guest's words back, where they are still ours: it may have filled the entry anew.
    pub fn undo(&self, t: &Thread) {
        for &(at, old, new) in self.words.iter().rev() {
            if t.mem.u64(at) == Ok(new) {
                let _ = t.mem.write_words(at, &[old]);
            }
        }
    }

    fn put(&mut self, t: &Thread, at: u64, new: u64) -> Result<(), Errno> {
        let old = t.mem.u64(at)?;
        t.mem.write_words(at, &[new])?;
        self.words.push((at, old, new));
        Ok(())
    }

    /// Replaces the 32-bit flags behind the length.
    fn put_flags(&mut self, t: &Thread, entry: u64, flags: u32) -> Result<(), Errno> {
        let len = t.mem.u32(entry + LEN)?;
        self.put(t, entry + LEN, u64::from(flags) << 32 | u64::from(len))
    }

    fn refuse(&mut self, t: &Thread, entry: u64) -> Result<(), Errno> {
        let head = t.mem.u64(entry)?;
        self.put(t, entry, head | u64::from(NONE))
    }
}

/// Makes the entry at `at` one for the host; `None` if it is one already. Memory that cannot be read is the kernel's
/// to report.
pub fn rewrite(t: &Thread, at: u64) -> Option<Rewritten> {
    let mut r = Rewritten { words: Vec::new(), _texts: Vec::new(), _blocks: Vec::new() };
    let _ = change(t, at, &mut r);
    (!r.words.is_empty()).then_some(r)
}

fn change(t: &Thread, at: u64, r: &mut Rewritten) -> Result<(), Errno> {
    let [opcode] = t.mem.bytes::<1>(at)?;
    match opcode {
        CLOSE if own_fds::check(t.mem.u32(at + FD)?.into()).is_err() => return r.refuse(t, at),
        EPOLL_WAIT => return r.refuse(t, at),
        EPOLL_CTL => return epoll_event(t, at, r),
        OPENAT2 => open_how(t, at, r)?,
        _ => {}
    }
    let Some(row) = ROWS.iter().find(|row| row.opcode == opcode) else { return Ok(()) };
    let flags = t.mem.u32(at + OP_FLAGS)?;
    let follows = match opcode {
        OPENAT => flags & t.abi.open_to_guest(libc::O_NOFOLLOW as u64) as u32 == 0,
        STATX => flags & libc::AT_SYMLINK_NOFOLLOW as u32 == 0,
        _ => true,
    };
    if row.flags == Flags::Open {
        let new = t.abi.open_to_host(flags.into()) as u32;
        if new != flags {
            r.put_flags(t, at, new)?;
        }
    }
    for &(offset, link) in row.paths {
        let name = t.mem.path(t.mem.u64(at + offset)?)?;
        if let Some(new) = path::translate(t, &name, link && follows) {
            r.put(t, at + offset, new.as_ptr() as u64)?;
            r._texts.push(new);
        }
    }
    Ok(())
}

/// OPENAT2: `struct open_how` of flags, mode, resolve.
fn open_how(t: &Thread, at: u64, r: &mut Rewritten) -> Result<(), Errno> {
    let (how, len) = (t.mem.u64(at + ADDR2)?, t.mem.u32(at + LEN)? as usize);
    if !(24..=4096).contains(&len) {
        return Ok(());
    }
    let mut copy = vec![0; len];
    t.mem.read(how, &mut copy)?;
    let flags = u64::from_le_bytes(copy[..8].try_into().expect("eight bytes"));
    copy[..8].copy_from_slice(&t.abi.open_to_host(flags).to_le_bytes());
    r.put(t, at + ADDR2, copy.as_ptr() as u64)?;
    r._blocks.push(copy);
    Ok(())
}

/// EPOLL_CTL: an event for all operations but EPOLL_CTL_DEL.
fn epoll_event(t: &Thread, at: u64, r: &mut Rewritten) -> Result<(), Errno> {
    if t.mem.u32(at + LEN)? as i32 == libc::EPOLL_CTL_DEL {
        return Ok(());
    }
    let event = epoll::event_for_host(t, t.mem.u64(at + ADDR)?)?;
    r.put(t, at + ADDR, event.as_ptr() as u64)?;
    r._blocks.push(event);
    Ok(())
}

/// Takes what is refused here out of the answer of IORING_REGISTER_PROBE: 16 bytes, then `count` times operation,
/// reserved, flags (2), reserved (4).
pub fn correct_probe(t: &Thread, probe: u64, count: u64) -> Result<(), Errno> {
    for i in 0..count.min(256) {
        let at = probe + 16 + 8 * i;
        if t.mem.bytes::<1>(at)? == [EPOLL_WAIT] {
            t.mem.write(at + 2, &[0, 0])?;
        }
    }
    Ok(())
}
