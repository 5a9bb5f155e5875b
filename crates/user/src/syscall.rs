//! Performs one guest system call by its row.

use crate::errno::{Errno, SysResult};
use crate::run::is_restart;
use crate::strace;
use crate::table::{self, How, Kind, Row, Word};
use crate::thread::Thread;
use crate::vectors::Iovecs;
use std::ffi::CString;

/// Performs the call that the processor stopped at and stores its result.
pub fn dispatch(t: &mut Thread) {
    let (nr, args) = (t.abi.call)(t.cpu.env());
    t.after_call = (t.abi.pc)(t.cpu.env());
    let row = table::row(t.abi.table, nr);
    let before = t.process.config.strace.is_some().then(|| strace::enter(t, nr, row, &args));
    let result = match crate::seccomp::check(t, nr, &args) {
        Some(verdict) => verdict,
        None => t.past_watches(|t| perform(t, nr, row, &args), |result| *result == Err(Errno(libc::EFAULT))),
    };
    if let Some(before) = before {
        strace::leave(t, before, row, &args, result);
    }
    finish(t, result);
}

fn perform(t: &mut Thread, nr: u64, row: Option<&'static Row>, args: &[u64; 6]) -> SysResult {
    let Some(row) = row else {
        crate::log::complaint(t, true, &format!("no such system call: {nr}"));
        return Err(Errno(libc::ENOSYS));
    };
    // No call reaches the emulator's own descriptors by number.
    for (arg, &value) in row.args.iter().zip(args) {
        if matches!(arg.kind, Kind::Fd | Kind::Atfd) {
            crate::own_fds::check(value)?;
        }
    }
    match row.how {
        How::Pass(host) => pass(t, host, row, args),
        How::Call(f) => f(t, args),
        How::As(other, words) => {
            let mut all = [0; 6];
            for (to, from) in all.iter_mut().zip(words) {
                *to = match *from {
                    Word::Arg(index) => args[usize::from(index)],
                    Word::Is(value) => value,
                };
            }
            perform(t, other, table::row(t.abi.table, other), &all)
        }
        How::Missing => {
            crate::log::complaint(t, false, &format!("system call {} is not offered", row.name));
            Err(Errno(libc::ENOSYS))
        }
    }
}

/// Stores the result, or puts the PC back for a call that is to be made again.
fn finish(t: &mut Thread, result: SysResult) {
    if std::mem::take(&mut t.registers_replaced) {
        return;
    }
    let word = match result {
        Ok(w) => w,
        Err(e) if is_restart(e) => {
            (t.abi.rewind)(t.cpu.env_mut());
            t.restart = Some(e);
            return;
        }
        Err(e) => -i64::from(e.0) as u64,
    };
    (t.abi.set_result)(t.cpu.env_mut(), word);
}

/// The host's call with the guest's arguments; paths are translated, other pointers are the kernel's to check.
pub fn pass(t: &mut Thread, host: i64, row: &Row, args: &[u64; 6]) -> SysResult {
    let follow = follows(row, args);
    let mut words = *args;
    let mut paths: [Option<CString>; 2] = [None, None];
    let mut used = 0;
    let mut vectors = Vec::new();
    for (word, arg) in words.iter_mut().zip(row.args) {
        if matches!(arg.kind, Kind::Path) && *word != 0 {
            let Ok(path) = t.mem.path(*word) else { continue };
            if let Some(new) = crate::path::translate(t, &path, follow) {
                *word = new.as_ptr() as u64;
                paths[used] = Some(new);
                used += 1;
                continue;
            }
        }
        match arg.kind {
            Kind::Iov(n) | Kind::Oiov(n) | Kind::Riov(n) => {
                let iov = Iovecs::new(t.mem, *word, args[n as usize])?;
                *word = iov.at();
                vectors.push(iov);
            }
            kind if kind.is_pointer() => *word = t.mem.host(*word),
            _ => {}
        }
    }
    t.blocking(host, &words)
}

/// Whether the call follows a symbolic link that its path names.
fn follows(row: &Row, args: &[u64; 6]) -> bool {
    const OWN_LINK: &[&str] = &[
        "unlinkat",
        "symlinkat",
        "renameat",
        "renameat2",
        "mkdirat",
        "mknodat",
        "readlinkat",
        "lgetxattr",
        "lsetxattr",
        "llistxattr",
        "lremovexattr",
    ];
    if row.name == "linkat" {
        return args[4] & libc::AT_SYMLINK_FOLLOW as u64 != 0;
    }
    let flag = |(arg, v): (&table::Arg, &u64)| {
        matches!(arg.kind, Kind::Flags(set) if std::ptr::eq(set, &table::flags::AT))
            && v & libc::AT_SYMLINK_NOFOLLOW as u64 != 0
    };
    !OWN_LINK.contains(&row.name) && !row.args.iter().zip(args).any(flag)
}
