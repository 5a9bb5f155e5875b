//! Maps a program and its interpreter, and builds the first stack.
//!
//! Manuals: System V ABI, "Program Loading"; Linux fs/binfmt_elf.c for the layout of the first stack and
//! the auxiliary vector.

use crate::abi::Abi;
use crate::areas::{AreaKind, EXEC, READ, WRITE};
use crate::elf::{ElfError, Image};
use crate::errno::Errno;
use crate::guest::GuestMem;
use crate::mm::{Mm, PAGE};
use crate::vdso;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Why a program could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Opening failed.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Host's error.
        source: std::io::Error,
    },
    /// The file is not a guest program.
    #[error("{path}: {source}")]
    Elf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ElfError,
    },
    /// The program's interpreter could not be opened.
    #[error("{program}: needs the interpreter {interpreter}, which was not found{hint}: {source}")]
    Interpreter {
        /// The program.
        program: PathBuf,
        /// Its interpreter as named in the file.
        interpreter: PathBuf,
        /// Where it was looked for.
        hint: String,
        /// Host's error.
        source: std::io::Error,
    },
    /// Mapping failed.
    #[error("{path}: cannot be mapped at {addr:#x}: {source}")]
    Map {
        /// The file.
        path: PathBuf,
        /// Guest address.
        addr: u64,
        /// Host's error.
        source: Errno,
    },
    /// Arguments and environment do not fit the stack.
    #[error("arguments and environment do not fit the stack")]
    TooBig,
}

/// What a file is loaded as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Program,
    Interpreter,
}

/// A file that was opened to be loaded.
#[derive(Debug)]
pub struct Program {
    /// Host path.
    pub path: PathBuf,
    /// Open for reading.
    pub file: File,
    /// Its headers.
    pub image: Image,
}

impl Program {
    /// Opens `path` and reads its headers.
    pub fn open(path: &Path, abi: &Abi) -> Result<Program, LoadError> {
        let file = File::open(path).map_err(|source| LoadError::Open { path: path.into(), source })?;
        Program::from_file(path, file, abi)
    }

    /// Reads the headers of an open file.
    pub fn from_file(path: &Path, file: File, abi: &Abi) -> Result<Program, LoadError> {
        let elf = |source| LoadError::Elf { path: path.into(), source };
        if !file.metadata().is_ok_and(|m| m.is_file()) {
            return Err(elf(ElfError::NotElf));
        }
        let image = Image::read(&file, abi.machine, abi.name).map_err(elf)?;
        Ok(Program { path: path.into(), file, image })
    }

    /// Maps the segments; returns the load bias.
    fn map(&self, mm: &Mm, mem: GuestMem, role: Role) -> Result<u64, LoadError> {
        let span = self.image.span();
        let failed = |addr: u64| move |source| LoadError::Map { path: self.path.clone(), addr, source };
        let bias = if self.image.relocatable { self.place(mm, role)? - span.start } else { 0 };
        for s in &self.image.segments {
            let addr = s.addr + bias;
            let page = addr & !(PAGE - 1);
            let flags = (libc::MAP_PRIVATE | libc::MAP_FIXED) as u64;
            let file_end = if s.file_size > 0 { (addr + s.file_size).next_multiple_of(PAGE) } else { page };
            if s.file_size > 0 {
                let (len, off) = (addr - page + s.file_size, s.offset & !(PAGE - 1));
                mm.mmap(page, len, s.prot.into(), flags, self.file.as_raw_fd().into(), off).map_err(failed(page))?;
                if s.prot & WRITE != 0 && s.mem_size > s.file_size {
                    let from = addr + s.file_size;
                    mem.zero(from, file_end - from).map_err(failed(from))?;
                }
            }
            let end = (addr + s.mem_size).next_multiple_of(PAGE);
            if end > file_end {
                let flags = flags | libc::MAP_ANONYMOUS as u64;
                mm.mmap(file_end, end - file_end, s.prot.into(), flags, -1, 0).map_err(failed(file_end))?;
            }
        }
        Ok(bias)
    }

    /// An address for a relocatable file: programs have their own place, interpreters go where `mmap` would.
    fn place(&self, mm: &Mm, role: Role) -> Result<u64, LoadError> {
        let span = self.image.span();
        let len = span.end - span.start;
        let state = mm.lock();
        if role == Role::Program {
            return Ok(mm.layout.pie);
        }
        let room = mm.layout.bottom..mm.layout.mmap_top;
        let no_room = LoadError::Map { path: self.path.clone(), addr: 0, source: Errno(libc::ENOMEM) };
        state.areas.find_free(len, room, 0x1_0000).ok_or(no_room)
    }
}

/// What the first thread starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// First instruction.
    pub entry: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Address of the signal trampoline.
    pub trampoline: u64,
}

/// Strings and numbers for the first stack.
#[derive(Debug)]
pub struct Arguments<'a> {
    /// argv
    pub args: &'a [Vec<u8>],
    /// Environment.
    pub env: &'a [Vec<u8>],
    /// Path as given to `execve`.
    pub exec_name: &'a [u8],
    /// AT_HWCAP, AT_HWCAP2.
    pub hwcap: [u64; 2],
    /// 16 bytes for AT_RANDOM.
    pub random: [u8; 16],
    /// Bytes of the stack.
    pub stack_size: u64,
}

/// Loads `program`, with `interpreter` if it names one, into the empty space `mm`.
pub fn load(
    mm: &Mm,
    abi: &Abi,
    program: &Program,
    interpreter: Option<&Program>,
    a: &Arguments<'_>,
) -> Result<Start, LoadError> {
    let mem = GuestMem { base: mm.base };
    let bias = program.map(mm, mem, Role::Program)?;
    let span = program.image.span();
    mm.set_heap(span.end + bias);
    {
        let mut state = mm.lock();
        let code = program.image.segments.iter().filter(|s| s.prot & EXEC != 0);
        let start = code.clone().map(|s| s.addr + bias).min().unwrap_or(0);
        state.code = start..code.map(|s| s.addr + s.mem_size + bias).max().unwrap_or(0);
    }
    let entry = program.image.entry.wrapping_add(bias);
    let trampoline = map_page(mm, mem, program, mm.layout.top - 2 * PAGE, abi.trampoline)?;
    let object = if abi.vdso.is_empty() { Vec::new() } else { vdso::image(abi.machine, abi.vdso) };
    let object = map_page(mm, mem, program, mm.layout.top - 3 * PAGE, &object)?;
    let interp_bias = interpreter.map(|i| i.map(mm, mem, Role::Interpreter)).transpose()?;
    let sp = first_stack(mm, abi, mem, program, bias, interp_bias.unwrap_or(0), entry, object, a)?;
    let start = match (interpreter, interp_bias) {
        (Some(i), Some(b)) => i.image.entry.wrapping_add(b),
        _ => entry,
    };
    Ok(Start { entry: start, sp, trampoline })
}

/// Bytes above the stack: a page for each of these, where a fork copies no page table for them alone, and a free one around.
const ABOVE: u64 = 4 * PAGE;

/// A page with the signal trampoline or the shared object of the kernel at `at`; 0 where the architecture has none.
fn map_page(mm: &Mm, mem: GuestMem, program: &Program, at: u64, bytes: &[u8]) -> Result<u64, LoadError> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let failed = |source| LoadError::Map { path: program.path.clone(), addr: at, source };
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
    mm.mmap(at, PAGE, (READ | WRITE).into(), flags, -1, 0).map_err(failed)?;
    mem.write(at, bytes).map_err(failed)?;
    mm.mprotect(at, PAGE, (READ | EXEC).into()).map_err(failed)?;
    mm.set_kind(at..at + PAGE, AreaKind::Vdso);
    Ok(at)
}

/// Builds the stack from its top down: strings, then random bytes, auxiliary vector, environment, arguments.
#[allow(clippy::too_many_arguments, reason = "one caller")]
fn first_stack(
    mm: &Mm,
    abi: &Abi,
    mem: GuestMem,
    program: &Program,
    bias: u64,
    interp_base: u64,
    entry: u64,
    object: u64,
    a: &Arguments<'_>,
) -> Result<u64, LoadError> {
    let size = a.stack_size.next_multiple_of(PAGE).clamp(32 * PAGE, mm.layout.top / 2);
    let top = mm.layout.top - ABOVE;
    let bottom = top - size;
    let prot = READ | WRITE | if program.image.exec_stack { EXEC } else { 0 };
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE) as u64;
    mm.mmap(bottom, size, prot.into(), flags, -1, 0).map_err(|source| LoadError::Map {
        path: program.path.clone(),
        addr: bottom,
        source,
    })?;
    mm.set_kind(bottom..top, AreaKind::Stack);

    let mut stack = Stack { bytes: Vec::new(), top: top - 8 };
    let exec_name = stack.string(a.exec_name);
    let env: Vec<u64> = a.env.iter().rev().map(|s| stack.string(s)).collect();
    let args: Vec<u64> = a.args.iter().rev().map(|s| stack.string(s)).collect();
    let platform = stack.string(abi.name.as_bytes());
    let random = stack.push(&a.random);

    let image = &program.image;
    let id = |nr| crate::host::call(nr, &[]).unwrap_or(0);
    let secure =
        u64::from(id(libc::SYS_getuid) != id(libc::SYS_geteuid) || id(libc::SYS_getgid) != id(libc::SYS_getegid));
    let shared = (object != 0).then_some((33, object));
    let auxv: [(u64, u64); 20] = [
        (51, abi.min_sigstack),
        (16, a.hwcap[0]),
        (6, PAGE),
        (17, 100), // CLKTCK
        (3, image.phdr.wrapping_add(bias)),
        (4, 56), // PHENT
        (5, image.phnum.into()),
        (7, interp_base),
        (8, 0), // FLAGS
        (9, entry),
        (11, id(libc::SYS_getuid)),
        (12, id(libc::SYS_geteuid)),
        (13, id(libc::SYS_getgid)),
        (14, id(libc::SYS_getegid)),
        (23, secure),
        (25, random),
        (26, a.hwcap[1]),
        (31, exec_name),
        (15, platform),
        (0, 0),
    ];
    let auxv: Vec<(u64, u64)> = shared.into_iter().chain(auxv).collect();
    let mut words = vec![a.args.len() as u64];
    words.extend(args.iter().rev());
    words.push(0);
    words.extend(env.iter().rev());
    words.push(0);
    words.extend(auxv.iter().flat_map(|&(k, v)| [k, v]));
    let sp = (stack.at() - 8 * words.len() as u64) & !15;
    // As Linux: a quarter of the stack at least stays free.
    if top - sp > size / 4 * 3 {
        return Err(LoadError::TooBig);
    }
    let failed = |source| LoadError::Map { path: program.path.clone(), addr: bottom, source };
    mem.write(stack.at(), &stack.taken()).map_err(failed)?;
    mem.write_words(sp, &words).map_err(failed)?;
    let mut state = mm.lock();
    state.stack_start = sp;
    let last = |v: &[u64], strings: &[Vec<u8>]| v.first().zip(strings.last()).map(|(a, s)| a + s.len() as u64 + 1);
    let first = |v: &[u64]| v.last().copied().unwrap_or(0);
    state.args = first(&args)..last(&args, a.args).unwrap_or(0);
    state.env = first(&env)..last(&env, a.env).unwrap_or(0);
    state.auxv = auxv.iter().flat_map(|&(k, v)| [k, v]).collect();
    Ok(sp)
}

/// Bytes that grow downwards from `top`.
struct Stack {
    bytes: Vec<u8>,
    top: u64,
}

impl Stack {
    fn at(&self) -> u64 {
        self.top - self.bytes.len() as u64
    }

    /// Bytes are kept in reverse order, so that pushing appends.
    fn push(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.extend(bytes.iter().rev());
        self.at()
    }

    fn string(&mut self, s: &[u8]) -> u64 {
        self.push(&[0]);
        self.push(s)
    }

    fn taken(&self) -> Vec<u8> {
        self.bytes.iter().rev().copied().collect()
    }
}
