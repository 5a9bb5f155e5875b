//! Which host path a guest path means.
//!
//! With a prefix, an absolute path that exists under it is looked up there. `/proc/<self>/exe` means the
//! guest's program, not the emulator.

use crate::host;
use crate::thread::Thread;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Path translation of one process.
#[derive(Debug, Default)]
pub struct Paths {
    prefix: Option<Vec<u8>>,
}

impl Paths {
    /// With the given prefix directory; `/` is none.
    pub fn new(prefix: Option<PathBuf>) -> Paths {
        let prefix = prefix.map(|p| p.as_os_str().as_bytes().to_vec()).map(|mut p| {
            while p.last() == Some(&b'/') {
                p.pop();
            }
            p
        });
        Paths { prefix: prefix.filter(|p| !p.is_empty()) }
    }

    /// The path under the prefix, if `path` is absolute and exists there.
    pub fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let prefix = self.prefix.as_ref()?;
        if path.first() != Some(&b'/') || path.starts_with(prefix) {
            return None;
        }
        let mut full = prefix.clone();
        full.extend_from_slice(path);
        exists(&full).then_some(full)
    }
}

/// Whether a file of this name exists; a symbolic link does even if its target does not.
fn exists(path: &[u8]) -> bool {
    let Ok(c) = CString::new(path) else { return false };
    let at = libc::AT_FDCWD as u64;
    // The host's call with flags is newer than the peer kernels we meet; fall back to following links.
    let nofollow = libc::AT_SYMLINK_NOFOLLOW as u64;
    match host::call(libc::SYS_faccessat2, &[at, c.as_ptr() as u64, libc::F_OK as u64, nofollow]) {
        Err(e) if e.0 == libc::ENOSYS => {
            host::call(libc::SYS_faccessat, &[at, c.as_ptr() as u64, libc::F_OK as u64]).is_ok()
        }
        r => r.is_ok(),
    }
}

/// The part of `path` below this process's own `/proc` directory, such as `exe` or `task/12/stat`.
pub fn own_proc(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/proc/")?;
    let slash = rest.iter().position(|&b| b == b'/')?;
    let (who, below) = (&rest[..slash], &rest[slash + 1..]);
    let own = || std::str::from_utf8(who).ok()?.parse::<u32>().ok();
    (who == b"self" || who == b"thread-self" || own() == Some(std::process::id())).then_some(below)
}

/// The host path for a guest path, if it is another one.
pub fn translate(t: &Thread, path: &[u8]) -> Option<CString> {
    if own_proc(path) == Some(b"exe") {
        return CString::new(t.process.exe.as_os_str().as_bytes()).ok();
    }
    CString::new(t.process.paths.resolve(path)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_only_what_exists_under_the_prefix() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("lib")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("lib/dangling")).unwrap();
        let mut with_slash = dir.path().as_os_str().to_os_string();
        with_slash.push("/");
        let p = Paths::new(Some(with_slash.into()));
        let under = |s: &str| Some([dir.path().as_os_str().as_bytes(), s.as_bytes()].concat());
        assert_eq!(p.resolve(b"/lib"), under("/lib"));
        assert_eq!(p.resolve(b"/lib/dangling"), under("/lib/dangling"));
        assert_eq!(p.resolve(b"/lib/absent"), None);
        assert_eq!(p.resolve(b"lib"), None);
        assert_eq!(p.resolve(&under("/lib").unwrap()), None);
        assert_eq!(Paths::new(Some("/".into())).resolve(b"/lib"), None);
    }

    #[test]
    fn own_proc_knows_self_and_pid() {
        assert_eq!(own_proc(b"/proc/self/exe"), Some(&b"exe"[..]));
        assert_eq!(own_proc(format!("/proc/{}/task/1/stat", std::process::id()).as_bytes()), Some(&b"task/1/stat"[..]));
        assert_eq!(own_proc(b"/proc/1/exe"), None);
        assert_eq!(own_proc(b"/proc/cpuinfo"), None);
    }
}
