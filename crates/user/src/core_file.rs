//! Core files of the guest. System V ABI, "ELF Header"; Linux fs/binfmt_elf.c for the notes.
//!
//! The host's own limit is zero while a guest runs, so that the kernel never dumps the emulator; the
//! guest's limit is kept here and given back at `execve`.

use crate::areas::{AreaKind, EXEC, READ, WRITE};
use crate::host;
use crate::thread::Thread;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;

/// RLIMIT_CORE as the guest set it: soft and hard.
static LIMIT: Mutex<[u64; 2]> = Mutex::new([0; 2]);

const RLIMIT_CORE: u64 = 4;

/// The guest's limit.
pub fn limit() -> [u64; 2] {
    *crate::process::lock(&LIMIT)
}

/// Changes the guest's limit.
pub fn set_limit(limit: [u64; 2]) {
    *crate::process::lock(&LIMIT) = limit;
}

/// Runs `f` while nobody else has the limit.
pub fn locked<R>(f: impl FnOnce() -> R) -> R {
    let _held = crate::process::lock(&LIMIT);
    f()
}

/// Takes the limit over from the host.
pub fn take_limit() {
    let mut limit = [0u64; 2];
    if host::call(libc::SYS_prlimit64, &[0, RLIMIT_CORE, 0, limit.as_mut_ptr() as u64]).is_ok() {
        set_limit(limit);
        set_host(0, limit[1]);
    }
}

/// Gives the limit to the host, for a program that is about to be executed; false takes it back.
pub fn lend_limit(lend: bool) {
    let [soft, hard] = limit();
    set_host(if lend { soft } else { 0 }, hard);
}

fn set_host(soft: u64, hard: u64) {
    let limit = [soft, hard];
    let _ = host::call(libc::SYS_prlimit64, &[0, RLIMIT_CORE, limit.as_ptr() as u64, 0]);
}

/// Signals whose default action makes a core file.
pub fn makes_core(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGQUIT
            | libc::SIGILL
            | libc::SIGTRAP
            | libc::SIGABRT
            | libc::SIGBUS
            | libc::SIGFPE
            | libc::SIGSEGV
            | libc::SIGXCPU
            | libc::SIGXFSZ
            | libc::SIGSYS
    )
}

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const NT_PRSTATUS: u32 = 1;
const NT_FPREGSET: u32 = 2;
const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_FILE: u32 = 0x4649_4c45;
const NT_SIGINFO: u32 = 0x5349_4749;
const EHDR: u64 = 64;
const PHDR: u64 = 56;

/// Writes a core file of the calling thread if the limit allows. Failure is only logged: the guest is ending.
pub fn write(t: &Thread, signal: i32, info: Option<&[u8; 128]>) {
    let [soft, _] = limit();
    if soft == 0 {
        return;
    }
    let pid = std::process::id();
    let with_pid = std::fs::read("/proc/sys/kernel/core_uses_pid").is_ok_and(|b| b.first() == Some(&b'1'));
    let name = if with_pid { format!("core.{pid}") } else { "core".to_string() };
    let image = image(t, signal, info, soft);
    // As the kernel: never through a link, never into somebody else's file.
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&name);
    match opened.and_then(|mut f| f.write_all(&image)) {
        Ok(()) => tracing::info!(name, bytes = image.len(), "core file written"),
        Err(e) => tracing::warn!(name, error = %e, "core file"),
    }
}

/// The whole file, at most `limit` bytes.
fn image(t: &Thread, signal: i32, info: Option<&[u8; 128]>, limit: u64) -> Vec<u8> {
    let state = t.process.mm.lock().clone();
    let areas: Vec<_> = state.areas.iter().collect();
    let mut notes = Vec::new();
    note(&mut notes, NT_PRSTATUS, &prstatus(t, signal));
    note(&mut notes, NT_PRPSINFO, &prpsinfo(t));
    if let Some(info) = info {
        note(&mut notes, NT_SIGINFO, info);
    }
    let auxv: Vec<u8> = state.auxv.iter().flat_map(|w| w.to_le_bytes()).collect();
    note(&mut notes, NT_AUXV, &auxv);
    note(&mut notes, NT_FPREGSET, &(t.abi.core_fpregs)(t.cpu.env()));
    note(&mut notes, NT_FILE, &files(t));

    let headers = EHDR + PHDR * (areas.len() as u64 + 1);
    let mut at = (headers + notes.len() as u64).next_multiple_of(4096);
    let mut out = elf_header(t.abi.machine, areas.len() as u16 + 1);
    program_header(&mut out, PT_NOTE, 0, 0..0, headers, notes.len() as u64);
    let mut placed = Vec::new();
    for (range, area) in &areas {
        // Code and read-only files can be found in the files; so says the kernel's default filter, too.
        let whole = range.end - range.start;
        let wanted = area.prot & WRITE != 0 || area.kind == AreaKind::Vdso;
        // The first page of an ELF file holds its build id.
        let begins = t.mem.u32(range.start).is_ok_and(|w| w == u32::from_le_bytes(*b"\x7fELF"));
        let size = if wanted { whole } else { u64::from(begins) * 4096 };
        let size = if at.saturating_add(size) <= limit { size } else { 0 };
        let flags = u32::from(area.prot & EXEC != 0) | u32::from(area.prot & WRITE) | u32::from(area.prot & READ) << 2;
        program_header(&mut out, PT_LOAD, flags, range.clone(), at, size);
        if size > 0 {
            placed.push((range.start..range.start + size, at));
            at += size;
        }
    }
    out.extend(notes);
    for (range, offset) in placed {
        out.resize(offset as usize, 0);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        // What cannot be read (a file that shrank) stays zero.
        let _ = t.mem.read(range.start, &mut bytes);
        out.extend(bytes);
    }
    out.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    out
}

fn elf_header(machine: u16, headers: u16) -> Vec<u8> {
    let mut h = b"\x7fELF\x02\x01\x01".to_vec();
    h.resize(16, 0);
    h.extend(4u16.to_le_bytes()); // ET_CORE
    h.extend(machine.to_le_bytes());
    h.extend(1u32.to_le_bytes());
    h.extend(0u64.to_le_bytes());
    h.extend(EHDR.to_le_bytes());
    h.extend(0u64.to_le_bytes());
    h.extend(0u32.to_le_bytes());
    for half in [EHDR as u16, PHDR as u16, headers, 0, 0, 0] {
        h.extend(half.to_le_bytes());
    }
    h
}

fn program_header(out: &mut Vec<u8>, kind: u32, flags: u32, range: Range<u64>, offset: u64, file_size: u64) {
    out.extend(kind.to_le_bytes());
    out.extend(flags.to_le_bytes());
    for word in [offset, range.start, 0, file_size, range.end - range.start, if kind == PT_NOTE { 4 } else { 4096 }] {
        out.extend(word.to_le_bytes());
    }
}

fn note(out: &mut Vec<u8>, kind: u32, content: &[u8]) {
    out.extend(5u32.to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(b"CORE\0\0\0\0");
    out.extend(content);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// `struct elf_prstatus`: siginfo head, signal, masks, ids, times, registers, fp valid.
fn prstatus(t: &Thread, signal: i32) -> Vec<u8> {
    let mut b = vec![0; 112];
    b[..4].copy_from_slice(&signal.to_le_bytes());
    b[12..14].copy_from_slice(&(signal as u16).to_le_bytes());
    b[24..32].copy_from_slice(&t.mask.to_le_bytes());
    let id = |nr, args: &[u64]| (host::call(nr, args).unwrap_or(0) as u32).to_le_bytes();
    b[32..36].copy_from_slice(&t.tid.to_le_bytes());
    b[36..40].copy_from_slice(&id(libc::SYS_getppid, &[]));
    b[40..44].copy_from_slice(&id(libc::SYS_getpgid, &[0]));
    b[44..48].copy_from_slice(&id(libc::SYS_getsid, &[0]));
    b.extend((t.abi.core_regs)(t.cpu.env()).iter().flat_map(|w| w.to_le_bytes()));
    b.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    b
}

/// `struct elf_prpsinfo`, 136 bytes.
fn prpsinfo(t: &Thread) -> Vec<u8> {
    let mut b = vec![0; 136];
    b[1] = b'R';
    b[24..28].copy_from_slice(&std::process::id().to_le_bytes());
    let mut text = |at: usize, room: usize, bytes: &[u8]| {
        let n = bytes.len().min(room - 1);
        b[at..at + n].copy_from_slice(&bytes[..n]);
    };
    text(40, 16, t.process.exe.file_name().unwrap_or_default().as_bytes());
    let range = t.process.mm.lock().args.clone();
    let mut args = vec![0; (range.end - range.start).min(80) as usize];
    let _ = t.mem.read(range.start, &mut args);
    for c in &mut args {
        if *c == 0 {
            *c = b' ';
        }
    }
    text(56, 80, args.trim_ascii_end());
    b
}

/// Mapped files: count, page size, {start, end, page offset}, names.
fn files(t: &Thread) -> Vec<u8> {
    let maps = crate::proc::view(t, b"/proc/self/maps").and_then(Result::ok).unwrap_or_default();
    let maps = String::from_utf8_lossy(&maps).into_owned();
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for line in maps.lines() {
        let Some(at) = line.find(" /") else { continue };
        let mut words = line.split_whitespace();
        let hex = |w: &str| u64::from_str_radix(w, 16).unwrap_or(0);
        let Some((start, end)) = words.next().and_then(|r| r.split_once('-')) else { continue };
        let offset = words.nth(1).map_or(0, hex);
        rows.push([hex(start), hex(end), offset / 4096]);
        names.extend(&line.as_bytes()[at + 1..]);
        names.push(0);
    }
    let words = [rows.len() as u64, 4096].into_iter().chain(rows.into_iter().flatten());
    let mut out: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    out.extend(names);
    out
}
