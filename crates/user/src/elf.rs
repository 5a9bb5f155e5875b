//! Reads the headers of a program. System V ABI, "ELF Header" and "Program Header"; only 64-bit
//! little-endian files pass.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Why a file cannot be run as a guest program.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ElfError {
    /// No ELF magic.
    #[error("not an ELF file")]
    NotElf,
    /// 32-bit or big-endian.
    #[error("not a 64-bit little-endian ELF file")]
    Format,
    /// Another machine's program.
    #[error("program is for {found}, this is an emulator of {wanted}")]
    Machine {
        /// Architecture of the file.
        found: String,
        /// Architecture of the guest.
        wanted: &'static str,
    },
    /// Neither ET_EXEC nor ET_DYN.
    #[error("ELF type {0} is not executable")]
    Type(u16),
    /// A header points outside the file.
    #[error("file is truncated: {0}")]
    Truncated(&'static str),
    /// A header contradicts itself.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(String),
}

/// One PT_LOAD row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Address of the first byte, before the load bias.
    pub addr: u64,
    /// Bytes in memory.
    pub mem_size: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// `areas` protection bits.
    pub prot: u8,
}

/// What the loader needs of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// ET_DYN: may be loaded anywhere.
    pub relocatable: bool,
    /// Entry point, before the load bias.
    pub entry: u64,
    /// Address of the program headers in memory, before the load bias; 0 if not mapped.
    pub phdr: u64,
    /// Number of program headers.
    pub phnum: u16,
    /// PT_LOAD rows in ascending order.
    pub segments: Vec<Segment>,
    /// PT_INTERP path.
    pub interpreter: Option<Vec<u8>>,
    /// PT_GNU_STACK asks for an executable stack.
    pub exec_stack: bool,
}

const PAGE: u64 = 4096;
const EHDR_SIZE: usize = 64;
const PHDR_SIZE: usize = 56;

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"))
}

/// Architecture names for messages; e_machine values of the System V ABI.
pub fn machine_name(machine: u16) -> String {
    let name = match machine {
        2 => "sparc",
        3 => "i386",
        8 => "mips",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        other => return format!("machine {other}"),
    };
    name.to_string()
}

/// e_machine of a 64-bit little-endian ELF file that begins with `header`, else `None`.
pub fn machine(header: &[u8]) -> Option<u16> {
    (header.len() >= 20 && header[..6] == *b"\x7fELF\x02\x01").then(|| u16_at(header, 18))
}

impl Image {
    /// Reads `file`, a program for machine number `wanted` called `wanted_name`.
    pub fn read(file: &File, wanted: u16, wanted_name: &'static str) -> Result<Image, ElfError> {
        let size = file.metadata().map_err(|e| ElfError::Io(e.to_string()))?.len();
        let read = |offset: u64, len: usize, what: &'static str| {
            let mut buf = vec![0; len];
            if offset.checked_add(len as u64).is_none_or(|end| end > size) {
                return Err(ElfError::Truncated(what));
            }
            file.read_exact_at(&mut buf, offset).map_err(|e| ElfError::Io(e.to_string()))?;
            Ok(buf)
        };
        Image::parse(&read, wanted, wanted_name)
    }

    /// As [`Image::read`], from any source of bytes: `read(offset, length, what)`.
    fn parse(
        read: &dyn Fn(u64, usize, &'static str) -> Result<Vec<u8>, ElfError>,
        wanted: u16,
        wanted_name: &'static str,
    ) -> Result<Image, ElfError> {
        let magic = read(0, 4, "ELF header").map_err(|_| ElfError::NotElf)?;
        if magic != b"\x7fELF" {
            return Err(ElfError::NotElf);
        }
        let h = read(0, EHDR_SIZE, "ELF header")?;
        if h[4] != 2 || h[5] != 1 {
            return Err(ElfError::Format);
        }
        let found = u16_at(&h, 18);
        if found != wanted {
            return Err(ElfError::Machine { found: machine_name(found), wanted: wanted_name });
        }
        let kind = u16_at(&h, 16);
        if kind != 2 && kind != 3 {
            return Err(ElfError::Type(kind));
        }
        let (phoff, phnum) = (u64_at(&h, 32), u16_at(&h, 56));
        if phnum == 0 || u16_at(&h, 54) as usize != PHDR_SIZE {
            return Err(ElfError::Malformed("no program headers"));
        }
        let table = read(phoff, phnum as usize * PHDR_SIZE, "program headers")?;
        let mut image = Image {
            relocatable: kind == 3,
            entry: u64_at(&h, 24),
            phdr: 0,
            phnum,
            segments: Vec::new(),
            interpreter: None,
            exec_stack: false,
        };
        for p in table.chunks_exact(PHDR_SIZE) {
            image.header(p, read)?;
        }
        image.finish(phoff)
    }

    fn header(
        &mut self,
        p: &[u8],
        read: &dyn Fn(u64, usize, &'static str) -> Result<Vec<u8>, ElfError>,
    ) -> Result<(), ElfError> {
        const PT_LOAD: u32 = 1;
        const PT_INTERP: u32 = 3;
        const PT_GNU_STACK: u32 = 0x6474_e551;
        let flags = u32_at(p, 4);
        let (offset, addr, file_size, mem_size) = (u64_at(p, 8), u64_at(p, 16), u64_at(p, 32), u64_at(p, 40));
        match u32_at(p, 0) {
            PT_LOAD if mem_size > 0 => {
                if file_size > mem_size {
                    return Err(ElfError::Malformed("segment is larger in the file than in memory"));
                }
                if offset % PAGE != addr % PAGE {
                    return Err(ElfError::Malformed("segment's offset and address differ within a page"));
                }
                if addr.checked_add(mem_size).is_none_or(|e| e > 1 << 56) {
                    return Err(ElfError::Malformed("segment lies outside the address space"));
                }
                if file_size > 0 {
                    read(offset + file_size - 1, 1, "a segment ends behind the file")?;
                }
                // PF_X, PF_W, PF_R are bits 0, 1, 2; PROT_READ, PROT_WRITE, PROT_EXEC the other way round.
                let prot = (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2;
                self.segments.push(Segment { addr, mem_size, offset, file_size, prot: prot as u8 });
            }
            PT_INTERP => {
                if !(2..=4096).contains(&file_size) {
                    return Err(ElfError::Malformed("length of the interpreter's path"));
                }
                let mut path = read(offset, file_size as usize, "path of the interpreter")?;
                if path.pop() != Some(0) {
                    return Err(ElfError::Malformed("path of the interpreter has no end"));
                }
                self.interpreter = Some(path);
            }
            PT_GNU_STACK => self.exec_stack = flags & 1 != 0,
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self, phoff: u64) -> Result<Image, ElfError> {
        if self.segments.is_empty() {
            return Err(ElfError::Malformed("nothing to load"));
        }
        self.segments.sort_by_key(|s| s.addr);
        let holder = self.segments.iter().find(|s| (s.offset..s.offset + s.file_size).contains(&phoff));
        self.phdr = holder.map_or(0, |s| phoff - s.offset + s.addr);
        Ok(self)
    }

    /// Page-rounded addresses from the first to the last segment, before the load bias.
    pub fn span(&self) -> std::ops::Range<u64> {
        let first = self.segments.first().map_or(0, |s| s.addr & !(PAGE - 1));
        let last = self.segments.iter().map(|s| s.addr + s.mem_size).max().unwrap_or(0);
        first..last.next_multiple_of(PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A64: u16 = 183;

    /// A file with one segment of 16 bytes at 0x400000 and an interpreter.
    fn file() -> Vec<u8> {
        let mut f = vec![0u8; 0x200];
        f[..6].copy_from_slice(b"\x7fELF\x02\x01");
        f[16] = 2;
        f[18] = A64 as u8;
        f[24..32].copy_from_slice(&0x40_0100u64.to_le_bytes());
        f[32] = 64;
        f[54] = 56;
        f[56] = 2;
        let mut phdr = |i: usize, kind: u32, flags: u32, words: [u64; 5]| {
            let at = 64 + i * 56;
            f[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            f[at + 4..at + 8].copy_from_slice(&flags.to_le_bytes());
            for (j, w) in words.iter().enumerate() {
                f[at + 8 + 8 * j..at + 16 + 8 * j].copy_from_slice(&w.to_le_bytes());
            }
        };
        phdr(0, 1, 5, [0, 0x40_0000, 0x40_0000, 0x200, 0x1200]);
        phdr(1, 3, 4, [0x180, 0x40_0180, 0x40_0180, 4, 4]);
        f[0x180..0x184].copy_from_slice(b"/ld\0");
        f
    }

    fn parse(f: &[u8]) -> Result<Image, ElfError> {
        let read = |o: u64, n: usize, what| {
            let end = o.checked_add(n as u64).ok_or(ElfError::Truncated(what))?;
            f.get(o as usize..end as usize).map(<[u8]>::to_vec).ok_or(ElfError::Truncated(what))
        };
        Image::parse(&read, A64, "aarch64")
    }

    #[test]
    fn parse_executable() {
        let image = parse(&file()).unwrap();
        assert!(!image.relocatable);
        assert_eq!((image.entry, image.phdr, image.phnum), (0x40_0100, 0x40_0040, 2));
        assert_eq!(image.interpreter.as_deref(), Some(&b"/ld"[..]));
        assert_eq!(image.segments[0].prot, 5);
        assert_eq!(image.span(), 0x40_0000..0x40_2000);
    }

    #[test]
    fn parse_bad_files_are_told_apart() {
        assert_eq!(parse(b"#!/bin/sh\n"), Err(ElfError::NotElf));
        assert_eq!(parse(b""), Err(ElfError::NotElf));
        assert_eq!(parse(&file()[..100]), Err(ElfError::Truncated("program headers")));
        assert_eq!(parse(&file()[..0x1f0]), Err(ElfError::Truncated("a segment ends behind the file")));
        let mut f = file();
        f[18] = 62;
        assert_eq!(parse(&f), Err(ElfError::Machine { found: "x86_64".into(), wanted: "aarch64" }));
        let mut f = file();
        f[4] = 1;
        assert_eq!(parse(&f), Err(ElfError::Format));
        let mut f = file();
        f[16] = 1;
        assert_eq!(parse(&f), Err(ElfError::Type(1)));
        let mut f = file();
        f[64 + 16] = 8;
        assert!(matches!(parse(&f), Err(ElfError::Malformed(_))));
    }

    #[test]
    fn parse_any_flipped_byte_never_panics() {
        for at in 0..0x200 {
            for v in [0, 1, 0x7f, 0xff] {
                let mut f = file();
                f[at] = v;
                let _ = parse(&f).map(|i| i.span());
            }
        }
    }
}
