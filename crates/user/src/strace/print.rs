//! Text of single arguments and results.

use super::is_output;
use crate::errno::SysResult;
use crate::run::is_restart;
use crate::signal;
use crate::table::{FlagSet, Kind, Ret, Struct};
use crate::thread::Thread;
use std::fmt::Write as _;

/// Text of an argument at the call; `None` if it is known only later.
pub fn input(t: &Thread, kind: Kind, v: u64, args: &[u64; 6]) -> Option<String> {
    (!is_output(kind)).then(|| scalar(kind, v).unwrap_or_else(|| memory(t, kind, v, args)))
}

/// Text of an output argument after the call.
pub fn output(t: &Thread, kind: Kind, v: u64, args: &[u64; 6], result: SysResult) -> String {
    let Ok(count) = result else { return address(v) };
    match kind {
        Kind::Out(len) => bytes(t, v, args[len as usize].min(count.max(u64::from(count == 0)))),
        Kind::Oiov(len) => iovec(t, v, args[len as usize], count),
        Kind::OutStruct(s) => structure(t, s, v, result).unwrap_or_else(|| address(v)),
        _ => address(v),
    }
}

/// Kinds that need no memory.
fn scalar(kind: Kind, v: u64) -> Option<String> {
    Some(match kind {
        Kind::Int | Kind::Fd | Kind::Pid => (v as i32).to_string(),
        Kind::Uid => (v as u32 as i32).to_string(),
        Kind::Uint => (v as u32).to_string(),
        Kind::Long | Kind::Off => (v as i64).to_string(),
        Kind::Size => v.to_string(),
        Kind::Hex => format!("{v:#x}"),
        Kind::Oct => format!("{:#o}", v as u32),
        Kind::Atfd if v as i32 == libc::AT_FDCWD => "AT_FDCWD".to_string(),
        Kind::Atfd => (v as i32).to_string(),
        Kind::Sig => signal::name(v as i32),
        Kind::Flags(set) => flags(set, v),
        Kind::Ptr => address(v),
        _ => return None,
    })
}

fn memory(t: &Thread, kind: Kind, v: u64, args: &[u64; 6]) -> String {
    match kind {
        Kind::Path | Kind::Str => match t.mem.cstr(v, 4096) {
            Ok(s) if v != 0 => quoted(&s, usize::MAX),
            _ => address(v),
        },
        Kind::In(len) => bytes(t, v, args[len as usize]),
        Kind::Iov(len) => iovec(t, v, args[len as usize], u64::MAX),
        Kind::Riov(len) => ranges(t, v, args[len as usize]),
        Kind::Strv => match t.mem.string_array(v, 1 << 20) {
            Ok(list) => {
                let parts: Vec<String> = list.iter().map(|s| quoted(s, usize::MAX)).collect();
                format!("[{}]", parts.join(", "))
            }
            Err(_) => address(v),
        },
        Kind::Sockaddr(len) => sockaddr(t, v, args[len as usize]),
        Kind::InStruct(s) => structure(t, s, v, Ok(0)).unwrap_or_else(|| address(v)),
        _ => address(v),
    }
}

/// Text of a result.
pub fn result(ret: Ret, result: SysResult) -> String {
    match result {
        Err(e) if is_restart(e) => format!("? {}", e.name()),
        Err(e) => format!(
            "-1 {} ({})",
            e.name(),
            std::io::Error::from_raw_os_error(e.0).to_string().split(" (os").next().unwrap_or("")
        ),
        Ok(v) => match ret {
            Ret::Int | Ret::Fd | Ret::Pid => (v as i64).to_string(),
            Ret::Uint | Ret::Size => v.to_string(),
            Ret::Hex | Ret::Never => format!("{v:#x}"),
        },
    }
}

fn address(v: u64) -> String {
    if v == 0 { "NULL".to_string() } else { format!("{v:#x}") }
}

/// Names of `v`'s bits, or of `v`.
pub fn flags(set: &FlagSet, v: u64) -> String {
    let v = if v >> 32 == 0xffff_ffff { v & 0xffff_ffff } else { v };
    if let Some((_, name)) = set.names.iter().find(|(n, _)| *n == v && (v == 0 || !set.bits)) {
        return (*name).to_string();
    }
    if !set.bits {
        return format!("{v:#x}");
    }
    let mut rest = v;
    let mut out = String::new();
    for (bits, name) in set.names {
        if *bits != 0 && rest & bits == *bits {
            rest &= !bits;
            let _ = write!(out, "{}{name}", if out.is_empty() { "" } else { "|" });
        }
    }
    // An access mode of zero has a name only among open flags.
    if set.names.first().is_some_and(|(_, n)| *n == "O_WRONLY") && v & 3 == 0 {
        out.insert_str(0, if out.is_empty() { "O_RDONLY" } else { "O_RDONLY|" });
    }
    if rest != 0 || out.is_empty() {
        let _ = write!(out, "{}{rest:#x}", if out.is_empty() { "" } else { "|" });
    }
    out
}

/// A string in C notation, cut behind `limit` bytes.
pub fn quoted(s: &[u8], limit: usize) -> String {
    let mut out = String::from("\"");
    for &b in s.iter().take(limit) {
        match b {
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(b.into()),
            _ => {
                let _ = write!(out, "\\{b:o}");
            }
        }
    }
    out.push('"');
    if s.len() > limit {
        out.push_str("...");
    }
    out
}

fn limit(t: &Thread) -> usize {
    match t.process.config.strace.as_ref().map_or(0, |o| o.string_limit) {
        0 => 32,
        n => n,
    }
}

fn bytes(t: &Thread, addr: u64, len: u64) -> String {
    let limit = limit(t);
    let mut buf = vec![0; (len as usize).min(limit + 1)];
    if addr == 0 || t.mem.read(addr, &mut buf).is_err() {
        return address(addr);
    }
    quoted(&buf, limit)
}

fn iovec(t: &Thread, addr: u64, count: u64, mut left: u64) -> String {
    let mut parts = Vec::new();
    for i in 0..count.min(16) {
        let Ok([base, len]) = t.mem.words::<2>(addr.wrapping_add(16 * i)) else { return address(addr) };
        parts.push(format!("{{{}, {len}}}", bytes(t, base, len.min(left))));
        left = left.saturating_sub(len);
    }
    if count > 16 {
        parts.push("...".to_string());
    }
    format!("[{}]", parts.join(", "))
}

/// A vector as addresses and lengths: the bytes may be another process's.
fn ranges(t: &Thread, addr: u64, count: u64) -> String {
    let part = |i| t.mem.words::<2>(addr.wrapping_add(16 * i)).map(|[at, len]| format!("{{{at:#x}, {len}}}"));
    match (0..count.min(16)).map(part).collect::<Result<Vec<_>, _>>() {
        Ok(parts) => format!("[{}]", parts.join(", ")),
        Err(_) => address(addr),
    }
}

fn sockaddr(t: &Thread, addr: u64, len: u64) -> String {
    let mut b = vec![0; (len as usize).min(128)];
    if addr == 0 || b.len() < 2 || t.mem.read(addr, &mut b).is_err() {
        return address(addr);
    }
    let port = || u16::from_be_bytes([b[2], b[3]]);
    match u16::from_le_bytes([b[0], b[1]]) {
        1 => {
            let name: Vec<u8> =
                b[2..].iter().enumerate().take_while(|&(i, &c)| c != 0 || i == 0).map(|x| *x.1).collect();
            format!("{{AF_UNIX, {}}}", quoted(&name, usize::MAX))
        }
        2 if b.len() >= 8 => format!("{{AF_INET, {}.{}.{}.{}:{}}}", b[4], b[5], b[6], b[7], port()),
        10 if b.len() >= 24 => {
            let ip: [u8; 16] = b[8..24].try_into().expect("16 bytes");
            format!("{{AF_INET6, [{}]:{}}}", std::net::Ipv6Addr::from(ip), port())
        }
        family => format!("{{family {family}}}"),
    }
}

/// Text of a structure; `None` if it is not printed in full.
fn structure(t: &Thread, s: Struct, addr: u64, result: SysResult) -> Option<String> {
    if addr == 0 {
        return None;
    }
    let m = t.mem;
    let time = |at: u64| -> Option<String> {
        let [sec, part] = m.words::<2>(at).ok()?;
        Some(format!("{{{}, {}}}", sec as i64, part as i64))
    };
    Some(match s {
        Struct::Int => format!("[{}]", m.u32(addr).ok()? as i32),
        Struct::Fdpair => format!("[{}, {}]", m.u32(addr).ok()?, m.u32(addr + 4).ok()?),
        Struct::Timespec | Struct::Timeval => time(addr)?,
        Struct::Timespec2 | Struct::Itimerspec | Struct::Itimerval => {
            format!("{{{}, {}}}", time(addr)?, time(addr + 16)?)
        }
        Struct::Rlimit => {
            let [soft, hard] = m.words::<2>(addr).ok()?;
            let n = |v: u64| if v == u64::MAX { "RLIM_INFINITY".to_string() } else { v.to_string() };
            format!("{{{}, {}}}", n(soft), n(hard))
        }
        Struct::Sigset => sigset(m.u64(addr).ok()?),
        Struct::Sigaction => {
            let [handler, flags, _, mask] = m.words::<4>(addr).ok()?;
            let handler = match handler {
                signal::SIG_DFL => "SIG_DFL".to_string(),
                signal::SIG_IGN => "SIG_IGN".to_string(),
                h => format!("{h:#x}"),
            };
            format!("{{{handler}, flags={flags:#x}, mask={}}}", sigset(mask))
        }
        Struct::Stack => {
            let [sp, flags, size] = m.words::<3>(addr).ok()?;
            format!("{{{sp:#x}, flags={:#x}, size={size}}}", flags as u32)
        }
        Struct::Siginfo => {
            let (n, code) = (m.u32(addr).ok()? as i32, m.u32(addr + 8).ok()? as i32);
            format!("{{{}, si_code={code}}}", signal::name(n))
        }
        Struct::EpollEvent => {
            let at = if t.abi.epoll_packed { 4 } else { 8 };
            format!("{{events={:#x}, data={:#x}}}", m.u32(addr).ok()?, m.u64(addr + at).ok()?)
        }
        Struct::Wstatus if result == Ok(0) => return None,
        Struct::Wstatus => wait_status(m.u32(addr).ok()?),
        Struct::Stat => {
            let b = m.bytes::<128>(addr).ok()?;
            let mode = u32::from_le_bytes(b[16..20].try_into().ok()?);
            let size = u64::from_le_bytes(b[48..56].try_into().ok()?);
            if t.abi.epoll_packed {
                return None;
            }
            format!("{{mode={mode:#o}, size={size}}}")
        }
        Struct::Utsname => {
            let machine = m.cstr(addr + 4 * 65, 65).ok()?;
            format!("{{machine={}}}", quoted(&machine, 65))
        }
        Struct::Sigevent => format!("{{signo={}, notify={}}}", m.u32(addr + 8).ok()?, m.u32(addr + 12).ok()?),
        Struct::Msghdr => {
            let w = m.words::<4>(addr).ok()?;
            let limit = result.ok().filter(|&n| n > 0).unwrap_or(u64::MAX);
            format!("{{iov={}}}", iovec(t, w[2], w[3], limit))
        }
        Struct::Statfs | Struct::Statx => return None,
    })
}

fn sigset(mask: u64) -> String {
    let list = |m: u64| (1..=64).filter(|&s| m & signal::bit(s) != 0).map(signal::name).collect::<Vec<_>>().join(" ");
    if mask.count_ones() > 32 { format!("~[{}]", list(!mask)) } else { format!("[{}]", list(mask)) }
}

/// As the macros of wait(2) take it apart.
fn wait_status(s: u32) -> String {
    match (s & 0x7f, s >> 8 & 0xff) {
        (0, code) => format!("[exited {code}]"),
        (0x7f, sig) if s == 0xffff => format!("[continued {sig}]"),
        (0x7f, sig) => format!("[stopped by {}]", signal::name(sig as i32)),
        (sig, _) => format!("[killed by {}]", signal::name(sig as i32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use crate::table::flags as sets;

    #[test]
    fn flags_bits_and_enums() {
        assert_eq!(flags(&sets::OPEN, 0o2000000), "O_RDONLY|O_CLOEXEC");
        assert_eq!(flags(&sets::OPEN, 0), "O_RDONLY");
        assert_eq!(flags(&sets::OPEN, 0o101), "O_WRONLY|O_CREAT");
        assert_eq!(flags(&sets::MMAP, 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(flags(&sets::PROT, 3), "PROT_READ|PROT_WRITE");
        assert_eq!(flags(&sets::PROT, 0), "PROT_NONE");
        assert_eq!(flags(&sets::PROT, 0x41), "PROT_READ|0x40");
        assert_eq!(flags(&sets::WHENCE, 2), "SEEK_END");
        assert_eq!(flags(&sets::WHENCE, 99), "0x63");
        assert_eq!(flags(&sets::CLOCK, 0), "CLOCK_REALTIME");
    }

    #[test]
    fn quoted_escapes_and_cuts() {
        assert_eq!(quoted(b"a\n\"\x01", 99), r#""a\n\"\1""#);
        assert_eq!(quoted(b"abcdef", 3), "\"abc\"...");
    }

    #[test]
    fn result_names_errors() {
        assert_eq!(result(Ret::Fd, Err(Errno(2))), "-1 ENOENT (No such file or directory)");
        assert_eq!(result(Ret::Int, Err(Errno::RESTARTSYS)), "? ERESTARTSYS");
        assert_eq!(result(Ret::Hex, Ok(0x1000)), "0x1000");
    }

    #[test]
    fn wait_status_forms() {
        assert_eq!(wait_status(3 << 8), "[exited 3]");
        assert_eq!(wait_status(11), "[killed by SIGSEGV]");
        assert_eq!(wait_status(19 << 8 | 0x7f), "[stopped by SIGSTOP]");
    }
}
