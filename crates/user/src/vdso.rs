//! The shared object that the kernel maps into every program, made of an architecture's functions.
//!
//! Manuals: vdso(7); System V ABI, "Dynamic Linking"; Linux Standard Base, "Symbol Versioning".

/// One function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name; it has `__vdso_` before it as well.
    pub name: &'static str,
    /// Its code in pieces, which does not depend on where it lies.
    pub code: &'static [&'static [u8]],
}

/// Name of the object and the version of its symbols.
const SONAME: &str = "linux-vdso.so.1";
const VERSION: &str = "LINUX_2.6";

const EHDR: usize = 64;
const PHDR: usize = 56;
/// A loaded segment, and the dynamic one.
const SEGMENTS: usize = 2;
const WEAK: u8 = 2;
const GLOBAL: u8 = 1;
const FUNCTION: u8 = 2;

/// Bytes in little-endian order.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn half(&mut self, v: u16) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    fn word(&mut self, v: u32) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    fn wide(&mut self, v: u64) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    /// Goes on at a multiple of 16; where that is.
    fn align(&mut self) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(16), 0);
        self.0.len() as u64
    }
}

/// Names, each ended by a zero; the first is empty.
#[derive(Default)]
struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        if self.0.is_empty() {
            self.0.push(0);
        }
        let at = self.0.len() as u32;
        self.0.extend(name.bytes());
        self.0.push(0);
        at
    }
}

/// System V ABI, "Hash Table".
fn hash(name: &str) -> u32 {
    name.bytes().fold(0, |h: u32, c| {
        let h = (h << 4).wrapping_add(c.into());
        let high = h & 0xf000_0000;
        (h ^ high >> 24) & !high
    })
}

/// A symbol: name, binding, address, length.
struct Symbol {
    name: String,
    binding: u8,
    at: u64,
    len: u64,
}

/// The object for a machine (e_machine); its segment is to lie at the start of a page, readable and executable.
pub fn image(machine: u16, functions: &[Function]) -> Vec<u8> {
    let mut out = Bytes(vec![0; EHDR + SEGMENTS * PHDR]);
    let symbols = code(&mut out, functions);
    let mut names = Names::default();
    let (soname, version) = (names.add(SONAME), names.add(VERSION));

    let symtab = out.align();
    out.0.extend([0; 24]);
    for s in &symbols {
        out.word(names.add(&s.name));
        // Of some section: there is no table of them.
        out.0.extend([s.binding << 4 | FUNCTION, 0]);
        out.half(1).wide(s.at).wide(s.len);
    }
    let hashes = out.align();
    // One bucket, whose chain has them all.
    out.word(1).word(symbols.len() as u32 + 1).word(u32::from(!symbols.is_empty())).word(0);
    for n in 1..=symbols.len() as u32 {
        out.word(if n == symbols.len() as u32 { 0 } else { n + 1 });
    }
    let versions = out.align();
    out.half(0);
    symbols.iter().for_each(|_| _ = out.half(2));
    let definitions = out.align();
    for (index, (name, text)) in [(soname, SONAME), (version, VERSION)].into_iter().enumerate() {
        let (base, next) = if index == 0 { (1, 28) } else { (0, 0) };
        out.half(1).half(base).half(index as u16 + 1).half(1).word(hash(text)).word(20).word(next);
        out.word(name).word(0);
    }
    let strings = out.align();
    out.0.extend(&names.0);
    let dynamic = out.align();
    let entries: [(u64, u64); 10] = [
        (14, soname.into()),
        (4, hashes),
        (5, strings),
        (6, symtab),
        (10, names.0.len() as u64),
        (11, 24),
        (0x6fff_fff0, versions),
        (0x6fff_fffc, definitions),
        (0x6fff_fffd, 2),
        (0, 0),
    ];
    entries.iter().for_each(|&(tag, value)| _ = out.wide(tag).wide(value));
    let mut bytes = out.0;
    let headers = headers(machine, bytes.len() as u64, dynamic);
    bytes[..headers.len()].copy_from_slice(&headers);
    bytes
}

/// Adds the code; its symbols.
fn code(out: &mut Bytes, functions: &[Function]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for f in functions {
        let at = out.align();
        f.code.iter().for_each(|piece| out.0.extend(*piece));
        let len = out.0.len() as u64 - at;
        symbols.push(Symbol { name: format!("__vdso_{}", f.name), binding: GLOBAL, at, len });
        symbols.push(Symbol { name: f.name.into(), binding: WEAK, at, len });
    }
    symbols
}

/// The file header and those of the segments.
fn headers(machine: u16, len: u64, dynamic: u64) -> Vec<u8> {
    const READ: u32 = 4;
    const EXECUTE: u32 = 1;
    let mut out = Bytes(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec());
    out.half(3).half(machine).word(1).wide(0).wide(EHDR as u64).wide(0);
    out.word(0).half(EHDR as u16).half(PHDR as u16).half(SEGMENTS as u16).half(64).half(0).half(0);
    let mut segment = |kind: u32, flags: u32, from: u64, to: u64, align: u64| {
        let len = to - from;
        out.word(kind).word(flags).wide(from).wide(from).wide(from).wide(len).wide(len).wide(align);
    };
    segment(1, READ | EXECUTE, 0, len, 4096);
    segment(2, READ, dynamic, len, 8);
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::x86_64::X86_64;

    fn get(b: &[u8], at: u64, bytes: usize) -> u64 {
        b[at as usize..at as usize + bytes].iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))
    }

    /// As a dynamic linker looks a function up: by the dynamic segment, the hash table and its version.
    fn find(b: &[u8], wanted: &str) -> Option<u64> {
        let dynamic = get(b, 64 + 56 + 8, 8);
        let entry =
            |tag: u64| (0..).map(|n| dynamic + 16 * n).find(|&at| get(b, at, 8) == tag).map(|at| get(b, at + 8, 8));
        let [hashes, strings, symbols, versions] = [4, 5, 6, 0x6fff_fff0].map(|tag| entry(tag).unwrap());
        let text = |at: u64| b[(strings + at) as usize..].split(|&c| c == 0).next().unwrap();
        let mut n = get(b, hashes + 8, 4);
        while n != 0 {
            let symbol = symbols + 24 * n;
            if text(get(b, symbol, 4)) == wanted.as_bytes() {
                let version = entry(0x6fff_fffc).unwrap() + 28;
                assert_eq!(get(b, versions + 2 * n, 2), get(b, version + 4, 2));
                assert_eq!((text(get(b, version + 20, 4)), get(b, version + 8, 4)), (&b"LINUX_2.6"[..], 0x3ae_75f6));
                return Some(get(b, symbol + 8, 8));
            }
            n = get(b, hashes + 12 + 4 * n, 4);
        }
        None
    }

    #[test]
    fn functions_are_found_by_name_and_version() {
        let image = image(62, X86_64.vdso);
        assert!(image.len() <= 4096, "{}", image.len());
        for f in X86_64.vdso {
            let at = find(&image, f.name).unwrap() as usize;
            assert_eq!(find(&image, &format!("__vdso_{}", f.name)), Some(at as u64));
            let code = f.code.concat();
            assert_eq!(image[at..at + code.len()], code);
        }
        assert_eq!(find(&image, "none"), None);
    }

    #[test]
    fn other_programs_read_it_as_a_shared_object() {
        let path = std::env::temp_dir().join(format!("brolga-vdso-{}", std::process::id()));
        std::fs::write(&path, image(62, X86_64.vdso)).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let read = crate::elf::Image::read(&file, 62, "x86_64").unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(read.relocatable && read.segments.len() == 1, "{read:?}");
    }
}
