//! What this process is, as far as translations that are kept between runs depend on it.
#![allow(unsafe_code, reason = "reads the auxiliary vector and this binary's own headers")]

use std::fs::File;
use std::os::fd::{FromRawFd as _, IntoRawFd as _};

/// The linker's identification of this very binary: two builds that differ have different ones. System V ABI, "Note
/// Section"; the GNU linker's `--build-id`.
pub fn build_id() -> Option<&'static [u8]> {
    // SAFETY: the kernel's table of this binary's program headers, mapped for as long as the process lives.
    let headers = unsafe {
        let (at, count) = (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_PHNUM));
        if at == 0 {
            return None;
        }
        std::slice::from_raw_parts(at as *const libc::Elf64_Phdr, count as usize)
    };
    let own = headers.iter().find(|h| h.p_type == libc::PT_PHDR)?;
    let bias = (headers.as_ptr() as u64).wrapping_sub(own.p_vaddr);
    headers.iter().filter(|h| h.p_type == libc::PT_NOTE).find_map(|h| {
        // SAFETY: a note segment is mapped as its header says.
        let notes =
            unsafe { std::slice::from_raw_parts(bias.wrapping_add(h.p_vaddr) as *const u8, h.p_memsz as usize) };
        gnu_build_id(notes)
    })
}

/// The note of type NT_GNU_BUILD_ID among `notes`.
fn gnu_build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: usize = 3;
    loop {
        let word = |k: usize| Some(u32::from_le_bytes(notes.get(4 * k..4 * k + 4)?.try_into().ok()?) as usize);
        let (name, len, kind) = (word(0)?, word(1)?, word(2)?);
        let start = 12 + name.next_multiple_of(4);
        if kind == NT_GNU_BUILD_ID && notes.get(12..16)? == b"GNU\0" {
            return notes.get(start..start + len);
        }
        notes = notes.get(start + len.next_multiple_of(4)..)?;
    }
}

/// Whether this process has more rights than who started it: AT_SECURE of getauxval(3).
pub fn is_secure() -> bool {
    // SAFETY: reads a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Moves a file of the emulator's own out of the guest's reach and sight.
pub fn hide(file: File) -> File {
    let kept = crate::own_fds::keep(file.into_raw_fd());
    // SAFETY: the number is that of the file that was just given up.
    unsafe { File::from_raw_fd(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_binary_has_an_identification() {
        assert!(build_id().is_some_and(|id| id.len() >= 8), "the linker gives none");
    }

    #[test]
    fn identification_is_found_among_other_notes() {
        let note = |name: &[u8], kind: u32, data: &[u8]| {
            let mut out = [name.len() as u32, data.len() as u32, kind].map(u32::to_le_bytes).concat();
            for part in [name, data] {
                out.extend(part);
                out.resize(out.len().next_multiple_of(4), 0);
            }
            out
        };
        let notes = [note(b"GNU\0", 1, &[0; 16]), note(b"other\0", 3, &[1]), note(b"GNU\0", 3, &[7, 8, 9])].concat();
        assert_eq!(gnu_build_id(&notes), Some(&[7, 8, 9][..]));
        assert_eq!(gnu_build_id(&notes[..notes.len() - 4]), None);
        assert_eq!(gnu_build_id(&[]), None);
    }
}
