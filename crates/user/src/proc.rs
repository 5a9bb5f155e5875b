//! `/proc` files that would show the emulator instead of the guest.

use crate::areas::{AreaKind, EXEC, READ, WRITE};
use crate::errno::{Errno, SysResult};
use crate::host;
use crate::mm::State;
use crate::path::own_proc;
use crate::signal::{NSIG, bit};
use crate::thread::Thread;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// Content of the file at `path`, if it is one of ours.
pub fn view(t: &Thread, path: &[u8]) -> Option<Result<Vec<u8>, Errno>> {
    if path == b"/proc/cpuinfo" {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return Some(Ok((t.abi.cpuinfo)(cpus, &t.process.config.cpu).into_bytes()));
    }
    let mut name = own_proc(path)?;
    // Every thread shows the same of these files; `stat`, `status` and `comm` of a thread are the host's.
    if let Some(rest) = name.strip_prefix(b"task/") {
        let slash = rest.iter().position(|&b| b == b'/')?;
        name = &rest[slash + 1..];
        if name == b"stat" || name == b"status" {
            return None;
        }
    }
    Some(match name {
        b"maps" => maps(t),
        b"smaps" => smaps(t),
        b"auxv" => {
            let state = t.process.mm.lock();
            Ok(state.auxv.iter().flat_map(|w| w.to_le_bytes()).collect())
        }
        b"cmdline" => {
            let range = t.process.mm.lock().args.clone();
            region(t, range)
        }
        b"environ" => {
            let range = t.process.mm.lock().env.clone();
            region(t, range)
        }
        b"stat" => stat(t),
        b"status" => status(t),
        b"limits" => limits(t),
        _ => return None,
    })
}

/// A descriptor from which `content` can be read.
pub fn open(content: Vec<u8>, flags: u64) -> SysResult {
    if flags & libc::O_ACCMODE as u64 != libc::O_RDONLY as u64 {
        return Err(Errno(libc::EACCES));
    }
    let cloexec = if flags & libc::O_CLOEXEC as u64 != 0 { libc::MFD_CLOEXEC as u64 } else { 0 };
    let fd = host::call(libc::SYS_memfd_create, &[c"proc".as_ptr() as u64, cloexec])?;
    let mut at = 0;
    while at < content.len() {
        let n = host::call(
            libc::SYS_pwrite64,
            &[fd, content[at..].as_ptr() as u64, (content.len() - at) as u64, at as u64],
        )?;
        at += n as usize;
    }
    Ok(fd)
}

fn region(t: &Thread, range: std::ops::Range<u64>) -> Result<Vec<u8>, Errno> {
    let mut out = vec![0; range.end.saturating_sub(range.start) as usize];
    t.mem.read(range.start, &mut out)?;
    Ok(out)
}

fn read_own(name: &str) -> Result<String, Errno> {
    let bytes = std::fs::read(format!("/proc/self/{name}")).map_err(|e| Errno::of(&e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line of the host's maps: range and what follows the protection.
struct Line<'a> {
    start: u64,
    end: u64,
    shared: bool,
    offset: u64,
    /// Device, inode and name, as printed.
    device: &'a str,
    inode: &'a str,
    name: &'a str,
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (prot, rest) = rest.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    let (device, rest) = rest.split_once(' ')?;
    let (inode, name) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(Line {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        shared: prot.ends_with('s'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        device,
        inode,
        name: name.trim_start(),
    })
}

/// The guest's lines of one host line: protection and purpose come from the areas.
fn lines(state: &State, base: u64, l: &Line<'_>) -> String {
    let mut out = String::new();
    let (from, to) = (l.start.wrapping_sub(base), l.end.wrapping_sub(base));
    for (r, area) in state.areas.within(from..to) {
        let bit = |b: u8, c: char| if area.prot & b != 0 { c } else { '-' };
        let name = match area.kind {
            AreaKind::Heap => "[heap]",
            AreaKind::Stack => "[stack]",
            AreaKind::Vdso => "[vdso]",
            _ => l.name,
        };
        let offset = if l.inode == "0" { 0 } else { l.offset + (r.start - from) };
        let mut text = format!(
            "{:08x}-{:08x} {}{}{}{} {offset:08x} {} {}",
            r.start,
            r.end,
            bit(READ, 'r'),
            bit(WRITE, 'w'),
            bit(EXEC, 'x'),
            if l.shared { 's' } else { 'p' },
            l.device,
            l.inode
        );
        if !name.is_empty() {
            // The kernel pads to column 73.
            let _ = write!(text, "{:1$}", "", 72usize.saturating_sub(text.len()) + 1);
            text.push_str(name);
        }
        out.push_str(&text);
        out.push('\n');
    }
    out
}

fn in_guest(t: &Thread, l: &Line<'_>) -> bool {
    l.start >= t.mem.base && l.end <= t.process.mm.layout.top + t.mem.base
}

fn maps(t: &Thread) -> Result<Vec<u8>, Errno> {
    let text = read_own("maps")?;
    let state = t.process.mm.lock();
    let guest = text.lines().filter_map(parse).filter(|l| in_guest(t, l));
    Ok(guest.map(|l| lines(&state, t.mem.base, &l)).collect::<String>().into_bytes())
}

/// The host's smaps with the emulator's mappings left out and the guest's protections put in. A host
/// mapping of several areas keeps its figures under the first of its lines.
fn smaps(t: &Thread) -> Result<Vec<u8>, Errno> {
    let text = read_own("smaps")?;
    let state = t.process.mm.lock();
    let mut out = String::new();
    let mut show = false;
    for line in text.lines() {
        let header = line.split_once('-').is_some_and(|(a, _)| u64::from_str_radix(a, 16).is_ok());
        match parse(line).filter(|_| header) {
            Some(l) => {
                show = in_guest(t, &l);
                if show {
                    out.push_str(lines(&state, t.mem.base, &l).split_inclusive('\n').next().unwrap_or(""));
                }
            }
            None if show => {
                out.push_str(line);
                out.push('\n');
            }
            None => {}
        }
    }
    Ok(out.into_bytes())
}

/// The host's line with the addresses that describe the guest's image.
fn stat(t: &Thread) -> Result<Vec<u8>, Errno> {
    let text = read_own("stat")?;
    let Some((head, tail)) = text.rsplit_once(") ") else { return Ok(text.into_bytes()) };
    let mut fields: Vec<String> = tail.split_whitespace().map(str::to_string).collect();
    let state = t.process.mm.lock();
    // proc_pid_stat(5) counts from 1 and `tail` begins with field 3.
    let mut set = |field: usize, value: u64| {
        if let Some(f) = fields.get_mut(field - 3) {
            *f = value.to_string();
        }
    };
    set(20, t.process.threads.load(std::sync::atomic::Ordering::Relaxed) as u64);
    set(23, state.areas.iter().map(|(r, _)| r.end - r.start).sum());
    set(26, state.code.start);
    set(27, state.code.end);
    set(28, state.stack_start);
    set(29, 0);
    set(30, 0);
    set(47, state.heap.start);
    set(48, state.args.start);
    set(49, state.args.end);
    set(50, state.env.start);
    set(51, state.env.end);
    let pid = head.split(' ').next().unwrap_or("0");
    let name = t.process.exe.file_name().map_or_else(Vec::new, |n| n.as_bytes().to_vec());
    let name = &name[..name.len().min(15)];
    let mut out = format!("{pid} (").into_bytes();
    out.extend_from_slice(name);
    out.extend_from_slice(format!(") {}\n", fields.join(" ")).as_bytes());
    Ok(out)
}

/// The host's lines, with the guest's number of threads and without the signals that only we handle.
fn status(t: &Thread) -> Result<Vec<u8>, Errno> {
    let text = read_own("status")?;
    let threads = t.process.threads.load(std::sync::atomic::Ordering::Relaxed);
    let unhandled = (1..=NSIG).filter(|&s| !t.process.action(s).handles()).fold(0, |m, s| m | bit(s));
    let lines = text.lines().map(|line| match line.split_once(":\t") {
        Some(("Threads", _)) => format!("Threads:\t{threads}\n"),
        Some(("SigCgt", mask)) => {
            let mask = u64::from_str_radix(mask.trim(), 16).unwrap_or(0) & !unhandled;
            format!("SigCgt:\t{mask:016x}\n")
        }
        Some(("SigBlk", _)) => format!("SigBlk:\t{:016x}\n", t.mask),
        _ => format!("{line}\n"),
    });
    Ok(lines.collect::<String>().into_bytes())
}

/// The host's lines, those of limits kept by us replaced.
fn limits(t: &Thread) -> Result<Vec<u8>, Errno> {
    let own = t.process.limits();
    let kept = [
        ("Max data size", own.data),
        ("Max core file size", crate::core_file::limit()),
        ("Max address space", own.space),
    ];
    let number = |n: u64| if n == u64::MAX { "unlimited".to_string() } else { n.to_string() };
    let text = read_own("limits")?;
    let lines = text.lines().map(|line| match kept.iter().find(|(name, _)| line.starts_with(name)) {
        Some((name, [soft, hard])) => {
            format!("{name:<25} {:<20} {:<20} {:<10}\n", number(*soft), number(*hard), "bytes")
        }
        None => format!("{line}\n"),
    });
    Ok(lines.collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::areas::Area;

    #[test]
    fn lines_split_at_areas_with_guest_protection() {
        let text = "00010000-00013000 r--p 00001000 08:01 77                                 /bin/x y";
        let l = parse(text).unwrap();
        assert_eq!((l.start, l.end, l.offset, l.name), (0x10000, 0x13000, 0x1000, "/bin/x y"));
        let mut state = crate::mm::Mm::new(crate::mm::Layout { top: 1 << 42, bottom: 0, mmap_top: 1 << 40, pie: 0 }, 0)
            .lock()
            .clone();
        let area = |prot| Area::private(prot, AreaKind::Plain);
        state.areas.insert(0x10000..0x12000, area(READ | EXEC));
        state.areas.insert(0x12000..0x13000, area(READ));
        let got = lines(&state, 0, &l);
        let want = "00010000-00012000 r-xp 00001000 08:01 77                                 /bin/x y\n\
                    00012000-00013000 r--p 00003000 08:01 77                                 /bin/x y\n";
        assert_eq!(got, want);
    }

    #[test]
    fn parse_anonymous_line() {
        let l = parse("7f0-800 rw-p 00000000 00:00 0 ").unwrap();
        assert_eq!((l.name, l.inode, l.shared), ("", "0", false));
    }
}
