//! Names and bytes of generated code for `perf inject --jit`. Linux tools/perf/Documentation/jitdump-specification.txt:
//! a header and a record a symbol in `jit-PID.dump`, in the folder where the process was when it compiled first.
#![allow(unsafe_code, reason = "maps the file, and asks the kernel for time and thread")]

use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;

/// "JiTD" as this host writes a word.
const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER: u32 = 40;
/// Code was made.
const CODE_LOAD: u32 = 0;
/// Bytes of such a record before the name.
const LOAD: usize = 56;
/// ELF number of the host's architecture.
const MACHINE: u32 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// The file of this process, once something was compiled.
#[derive(Debug, Default)]
pub(crate) struct JitDump(Mutex<Option<Open>>);

#[derive(Debug)]
struct Open {
    pid: u32,
    file: File,
    /// perf finds the file by this mapping.
    _mark: Mmap,
    /// Number of the next record.
    next: u64,
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
fn now() -> u64 {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time to where the pointer leads.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut at) };
    at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
}

fn open(pid: u32) -> std::io::Result<Open> {
    let mut file =
        File::options().read(true).write(true).create(true).truncate(true).open(format!("jit-{pid}.dump"))?;
    let mut header = Vec::new();
    for word in [MAGIC, VERSION, HEADER, MACHINE, 0, pid] {
        header.extend(word.to_ne_bytes());
    }
    header.extend([now(), 0].iter().flat_map(|word| word.to_ne_bytes()));
    file.write_all(&header)?;
    // SAFETY: nobody reads the mapping.
    let mark = unsafe { MmapOptions::new().len(HEADER as usize).map_exec(&file)? };
    Ok(Open { pid, file, _mark: mark, next: 0 })
}

/// The record of code at `host`.
fn record(index: u64, pid: u32, host: u64, name: &str, code: &[u8]) -> Vec<u8> {
    let size = LOAD + name.len() + 1 + code.len();
    // SAFETY: no memory is involved.
    let thread = unsafe { libc::gettid() } as u32;
    let mut bytes = Vec::with_capacity(size);
    bytes.extend([CODE_LOAD, size as u32].iter().flat_map(|word| word.to_ne_bytes()));
    bytes.extend(now().to_ne_bytes());
    bytes.extend([pid, thread].iter().flat_map(|word| word.to_ne_bytes()));
    bytes.extend([host, host, code.len() as u64, index].iter().flat_map(|word| word.to_ne_bytes()));
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(code);
    bytes
}

impl JitDump {
    /// Notes `code`, which is at `host`, under a name. A profile without it is not worth ending the guest for.
    pub(crate) fn add(&self, host: u64, name: &str, code: &[u8]) {
        let mut dump = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let pid = std::process::id();
        if dump.as_ref().is_none_or(|of| of.pid != pid) {
            *dump = open(pid).ok();
        }
        if let Some(dump) = &mut *dump {
            // In one call: a process that is killed leaves whole records.
            let _ = dump.file.write_all(&record(dump.next, pid, host, name, code));
            dump.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_the_documented_one() {
        let bytes = record(3, 7, 0x1000, "guest:0x400", &[0x90, 0xc3]);
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let wide = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((word(0), word(4) as usize, word(16)), (CODE_LOAD, bytes.len(), 7));
        assert_eq!([24, 32, 40, 48].map(wide), [0x1000, 0x1000, 2, 3]);
        assert_eq!(&bytes[LOAD..], b"guest:0x400\0\x90\xc3");
    }
}
