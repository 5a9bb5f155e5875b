//! Which host path a guest path means.
//!
//! With a prefix, an absolute path that exists under it is looked up there, symbolic links included: a
//! link to `/usr/bin/x` inside the prefix means the prefix's `/usr/bin/x`. `/proc`, `/sys` and `/dev` are
//! the host's. `/proc/<self>/exe` means the guest's program, not the emulator.

use crate::errno::Errno;
use crate::host;
use crate::own_fds;
use crate::thread::Thread;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Path translation of one process.
#[derive(Debug, Default)]
pub struct Paths {
    prefix: Option<Prefix>,
}

#[derive(Debug)]
struct Prefix {
    /// Without a trailing slash.
    path: Vec<u8>,
    /// The directory, opened.
    dir: i32,
}

/// openat2(2)
const RESOLVE_NO_SYMLINKS: u64 = 0x04;
const RESOLVE_IN_ROOT: u64 = 0x10;

impl Paths {
    /// With the given prefix directory; `/` is none.
    pub fn new(prefix: Option<PathBuf>) -> Paths {
        let path = prefix.and_then(|p| std::fs::canonicalize(p).ok()).map(|p| p.as_os_str().as_bytes().to_vec());
        let prefix = path.filter(|p| p != b"/").and_then(|path| {
            let name = CString::new(path.clone()).ok()?;
            let flags = (libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) as u64;
            let dir = host::call(libc::SYS_openat, &[libc::AT_FDCWD as u64, name.as_ptr() as u64, flags, 0]).ok()?;
            Some(Prefix { path, dir: own_fds::keep(dir as i32) })
        });
        Paths { prefix }
    }

    /// The guest's name of an absolute host path: that below the prefix, where it lies there.
    pub fn guest_view(&self, host: PathBuf) -> PathBuf {
        let below = self.prefix.as_ref().and_then(|p| host.as_os_str().as_bytes().strip_prefix(&p.path[..]));
        match below {
            Some(below) if below.starts_with(b"/") => PathBuf::from(std::ffi::OsStr::from_bytes(below)),
            _ => host,
        }
    }

    /// The path under the prefix, if `path` is absolute and exists there. `follow` tells whether the call
    /// follows a link that the path itself names.
    pub fn resolve(&self, path: &[u8], follow: bool) -> Option<Vec<u8>> {
        let prefix = self.prefix.as_ref()?;
        if path.first() != Some(&b'/') || path.starts_with(&prefix.path) || is_hosts(path) {
            return None;
        }
        let start = path.iter().position(|&b| b != b'/').unwrap_or(path.len());
        let below = if start == path.len() { &b"."[..] } else { &path[start..] };
        prefix.find(path, &CString::new(below).ok()?, follow)
    }
}

impl Prefix {
    fn find(&self, path: &[u8], below: &CString, follow: bool) -> Option<Vec<u8>> {
        let plain = || Some([&self.path[..], path].concat());
        let dots = path.split(|&b| b == b'/').any(|c| c == b"..");
        if !dots {
            match self.open(below, follow, RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT) {
                Ok(fd) => {
                    let _ = host::call(libc::SYS_close, &[fd]);
                    return plain();
                }
                Err(Errno(libc::ELOOP)) => {}
                // Kernels before 5.6: links that leave the prefix are taken literally.
                Err(Errno(libc::ENOSYS | libc::EPERM)) => return exists(&plain()?).then(plain).flatten(),
                Err(_) => return None,
            }
        }
        match self.open(below, follow, RESOLVE_IN_ROOT) {
            Ok(fd) => {
                let target = std::fs::read_link(format!("/proc/self/fd/{fd}"));
                let _ = host::call(libc::SYS_close, &[fd]);
                target.map_or_else(|_| plain(), |t| Some(t.into_os_string().into_encoded_bytes()))
            }
            // A link to what the prefix does not hold: what the host holds, if anything.
            Err(Errno(libc::ENOENT)) if follow => self.dangling(below),
            Err(_) => None,
        }
    }

    /// For a path that ends in links leading out of the prefix: the last link's target.
    fn dangling(&self, below: &CString) -> Option<Vec<u8>> {
        let fd = self.open(below, false, RESOLVE_IN_ROOT).ok()?;
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).and_then(std::fs::read_link);
        let _ = host::call(libc::SYS_close, &[fd]);
        target.ok().filter(|t| t.is_absolute()).map(|t| t.into_os_string().into_encoded_bytes())
    }

    fn open(&self, below: &CString, follow: bool, resolve: u64) -> Result<u64, Errno> {
        let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
        let how = [(libc::O_PATH | libc::O_CLOEXEC | nofollow) as u64, 0, resolve];
        host::call(libc::SYS_openat2, &[self.dir as u64, below.as_ptr() as u64, how.as_ptr() as u64, 24])
    }
}

/// Whether `path` lies in a tree that only the host's kernel fills.
fn is_hosts(path: &[u8]) -> bool {
    [&b"/proc"[..], b"/sys", b"/dev"]
        .iter()
        .any(|p| path.strip_prefix(*p).is_some_and(|r| r.is_empty() || r[0] == b'/'))
}

/// Whether a file of this name exists; a symbolic link does even if its target does not.
fn exists(path: &[u8]) -> bool {
    std::fs::symlink_metadata(std::ffi::OsStr::from_bytes(path)).is_ok()
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
pub fn translate(t: &Thread, path: &[u8], follow: bool) -> Option<CString> {
    if own_proc(path) == Some(b"exe") && follow {
        let exe = t.process.exe.as_os_str().as_bytes();
        return CString::new(t.process.paths.resolve(exe, true).unwrap_or_else(|| exe.to_vec())).ok();
    }
    CString::new(t.process.paths.resolve(path, follow)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_stays_in_the_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("lib/sub")).unwrap();
        std::fs::create_dir(root.join("proc")).unwrap();
        std::fs::write(root.join("lib/file"), "").unwrap();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        link("/lib/file", "lib/absolute");
        link("/lib", "lib64");
        link("/dev/null", "lib/device");
        link("/nowhere/at/all", "lib/dangling");
        let mut with_slash = dir.path().as_os_str().to_os_string();
        with_slash.push("/");
        let p = Paths::new(Some(with_slash.into()));
        let under = |s: &str| Some([root.as_os_str().as_bytes(), s.as_bytes()].concat());
        assert_eq!(p.resolve(b"/lib", true), under("/lib"));
        assert_eq!(p.resolve(b"//lib/sub/../file", true), under("/lib/file"));
        assert_eq!(p.resolve(b"/lib64/absolute", true), under("/lib/file"));
        assert_eq!(p.resolve(b"/lib64/absolute", false), under("/lib/absolute"));
        assert_eq!(p.resolve(b"/lib/device", true), Some(b"/dev/null".to_vec()));
        assert_eq!(p.resolve(b"/lib/dangling", false), under("/lib/dangling"));
        assert_eq!(p.resolve(b"/lib/dangling", true), Some(b"/nowhere/at/all".to_vec()));
        assert_eq!(p.resolve(b"/lib/absent", true), None);
        assert_eq!(p.resolve(b"/proc", true), None);
        assert_eq!(p.resolve(b"lib", true), None);
        assert_eq!(p.guest_view(root.join("lib/file")), PathBuf::from("/lib/file"));
        assert_eq!(p.guest_view("/lib/file".into()), PathBuf::from("/lib/file"));
        assert_eq!(p.resolve(&under("/lib").unwrap(), true), None);
        assert_eq!(Paths::new(Some("/".into())).resolve(b"/lib", true), None);
    }

    #[test]
    fn own_proc_knows_self_and_pid() {
        assert_eq!(own_proc(b"/proc/self/exe"), Some(&b"exe"[..]));
        assert_eq!(own_proc(format!("/proc/{}/task/1/stat", std::process::id()).as_bytes()), Some(&b"task/1/stat"[..]));
        assert_eq!(own_proc(b"/proc/1/exe"), None);
        assert_eq!(own_proc(b"/proc/cpuinfo"), None);
    }
}
