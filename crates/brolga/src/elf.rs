//! As much of an ELF file as choosing a guest takes: identification, machine, interpreter, and whether the file is all
//! there. Tool Interface Standard ELF (gABI), "ELF Header" and "Program Header".

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::guest::Guest;

/// What the headers of a program say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// ELFCLASS64.
    pub wide: bool,
    /// ELFDATA2LSB.
    pub little_endian: bool,
    /// The path in PT_INTERP of a dynamic program, for the machines in the guest table.
    pub interpreter: Option<String>,
}

/// Why a file is not an ELF program.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// Other magic bytes.
    #[error("not an ELF program")]
    NotElf,
    /// The file ends before something its headers speak of.
    #[error("truncated: the file ends before its {0}")]
    Truncated(&'static str),
    /// A core dump, an object file.
    #[error("not a program: {0}")]
    NotProgram(&'static str),
    /// A header field has a value no linker writes.
    #[error("damaged ELF header: {0}")]
    Damaged(&'static str),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

const PT_LOAD: u64 = 1;
const PT_INTERP: u64 = 3;
/// PATH_MAX of Linux: no interpreter's path is longer.
const PATH_MAX: u64 = 4096;

/// Field offsets of the two classes: program header offset, entry size and count, and in an entry p_offset and p_filesz.
struct Class {
    header: usize,
    phoff: usize,
    phentsize: usize,
    phnum: usize,
    entry: u64,
    p_offset: usize,
    p_filesz: usize,
    word: usize,
}
const CLASS32: Class =
    Class { header: 52, phoff: 28, phentsize: 42, phnum: 44, entry: 32, p_offset: 4, p_filesz: 16, word: 4 };
const CLASS64: Class =
    Class { header: 64, phoff: 32, phentsize: 54, phnum: 56, entry: 56, p_offset: 8, p_filesz: 32, word: 8 };

/// Reads the headers of `file`. Of a file for a machine that is no guest only the identification is read: whatever else is
/// wrong with it, that is what there is to say.
pub fn read(file: &File) -> Result<Elf, ElfError> {
    let mut ident = [0; 20];
    let found = read_some(file, &mut ident)?;
    if found < 4 || ident[..4] != *b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    if found < ident.len() {
        return Err(ElfError::Truncated("ELF header"));
    }
    let class = match ident[4] {
        1 => CLASS32,
        2 => CLASS64,
        _ => return Err(ElfError::Damaged("class")),
    };
    let little_endian = match ident[5] {
        1 => true,
        2 => false,
        _ => return Err(ElfError::Damaged("byte order")),
    };
    let field = |bytes: &[u8], at: usize, width: usize| field(bytes, at, width, little_endian);
    match field(&ident, 16, 2) {
        1 => return Err(ElfError::NotProgram("an object file, which has yet to be linked")),
        2 | 3 => {}
        4 => return Err(ElfError::NotProgram("a core dump")),
        _ => return Err(ElfError::Damaged("type")),
    }
    let mut elf = Elf { machine: field(&ident, 18, 2) as u16, wide: class.word == 8, little_endian, interpreter: None };
    if Guest::by_elf(elf.machine, elf.wide, elf.little_endian).is_none() {
        return Ok(elf);
    }
    let mut header = [0; 64];
    if read_some(file, &mut header[..class.header])? < class.header {
        return Err(ElfError::Truncated("ELF header"));
    }
    let (table, count) = (field(&header, class.phoff, class.word), field(&header, class.phnum, 2));
    if field(&header, class.phentsize, 2) != class.entry {
        return Err(ElfError::Damaged("size of a program header"));
    }
    let mut entries = vec![0; (count * class.entry) as usize];
    if file.read_exact_at(&mut entries, table).is_err() {
        return Err(ElfError::Truncated("program headers"));
    }
    let length = file.metadata()?.len();
    for entry in entries.chunks_exact(class.entry as usize) {
        let kind = field(entry, 0, 4);
        let (offset, size) = (field(entry, class.p_offset, class.word), field(entry, class.p_filesz, class.word));
        let there = offset.checked_add(size).is_some_and(|end| end <= length);
        if kind == PT_LOAD && !there {
            return Err(ElfError::Truncated("segments"));
        }
        if kind == PT_INTERP {
            if !(2..=PATH_MAX).contains(&size) {
                return Err(ElfError::Damaged("interpreter path"));
            }
            let mut path = vec![0; size as usize];
            file.read_exact_at(&mut path, offset).map_err(|_| ElfError::Truncated("interpreter path"))?;
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            let path = std::str::from_utf8(path).map_err(|_| ElfError::Damaged("interpreter path"))?;
            elf.interpreter = Some(path.to_owned());
        }
    }
    Ok(elf)
}

/// Fills as much of `buffer` from the file's start as the file has.
pub fn read_some(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The unsigned field of `width` bytes at `at`; the caller has checked the length.
fn field(bytes: &[u8], at: usize, width: usize, little_endian: bool) -> u64 {
    let bytes = &bytes[at..at + width];
    let shift_in = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if little_endian { bytes.iter().rev().fold(0, shift_in) } else { bytes.iter().fold(0, shift_in) }
}
