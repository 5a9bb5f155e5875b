//! The folder of all files: found, checked, kept below a size.
#![allow(unsafe_code, reason = "system calls relative to a folder, which the standard library does not have")]

use std::ffi::{CString, OsString};
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How names of files end; whatever else lies in the folder is not ours.
const SUFFIX: &str = ".regions";
/// Files that are kept at most, whatever their size.
const MAX_FILES: usize = 4096;

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    dir: File,
    path: PathBuf,
    /// Bytes of all files at most.
    pub(crate) limit: u64,
}

/// What a folder holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

fn own_uid() -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::geteuid() }
}

fn foreign(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{what} belongs to somebody else, or others can write it"))
}

/// Whether nobody but this user can have written what `data` describes.
fn is_own(data: &Metadata) -> bool {
    data.uid() == own_uid() && data.mode() & 0o022 == 0
}

/// Makes the descriptor of `old` one of `new`.
pub(crate) fn put_over(old: &File, new: &File) -> io::Result<()> {
    // SAFETY: both are open; the number of `old` stays in use.
    match unsafe { libc::dup3(new.as_raw_fd(), old.as_raw_fd(), libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

impl Folder {
    /// Where the folder is unless something else is asked for: `brolga` in the user's cache folder (XDG Base Directory
    /// Specification, "Environment variables").
    pub fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        // Relative paths are to be ignored.
        let set = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
        Some(base.join("brolga"))
    }

    /// Opens the folder, making it if need be. `limit` is the size in bytes that its files are kept below.
    pub fn open(path: &Path, limit: u64) -> io::Result<Folder> {
        match Folder::existing(path, limit) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                Folder::existing(path, limit)
            }
            other => other,
        }
    }

    /// [`Folder::open`] where it is an error that there is none.
    pub fn existing(path: &Path, limit: u64) -> io::Result<Folder> {
        let dir = File::open(path)?;
        let data = dir.metadata()?;
        if !data.is_dir() || !is_own(&data) {
            return Err(foreign("the folder"));
        }
        Ok(Folder { dir, path: path.into(), limit })
    }

    /// Lets `hide` give the descriptor another number.
    pub(crate) fn hidden(self, hide: crate::Hide) -> Folder {
        Folder { dir: hide(self.dir), ..self }
    }

    /// Opens a file of the folder, for reading alone if that is all that is allowed; tells whether it can be written.
    pub(crate) fn file(&self, name: &str) -> io::Result<(File, bool)> {
        let common = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        let (file, writable) = match self.open_at(name, common | libc::O_RDWR) {
            Err(e) if e.raw_os_error() == Some(libc::EROFS) || e.kind() == io::ErrorKind::PermissionDenied => {
                (self.open_at(name, common | libc::O_RDONLY)?, false)
            }
            other => (other?, true),
        };
        let data = file.metadata()?;
        if !data.is_file() || data.nlink() != 1 || !is_own(&data) {
            return Err(foreign("the file"));
        }
        Ok((file, writable))
    }

    /// Makes a file that is called `name` once [`Folder::publish`] says so.
    pub(crate) fn create(&self, temporary: &str) -> io::Result<File> {
        self.open_at(temporary, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC)
    }

    fn open_at(&self, name: &str, flags: i32) -> io::Result<File> {
        let name = CString::new(name)?;
        // SAFETY: the name ends with NUL.
        let fd = unsafe { libc::openat(self.dir.as_raw_fd(), name.as_ptr(), flags, 0o600) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just opened, for nobody else.
        Ok(unsafe { File::from_raw_fd(fd) })
    }

    /// Gives a file its final name, in place of what had it.
    pub(crate) fn publish(&self, temporary: &str, name: &str) -> io::Result<()> {
        let (from, to, dir) = (CString::new(temporary)?, CString::new(name)?, self.dir.as_raw_fd());
        // SAFETY: both names end with NUL.
        match unsafe { libc::renameat(dir, from.as_ptr(), dir, to.as_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Removes a file; that it is not there is as good.
    pub(crate) fn remove(&self, name: &str) {
        if let Ok(name) = CString::new(name) {
            // SAFETY: the name ends with NUL.
            unsafe { libc::unlinkat(self.dir.as_raw_fd(), name.as_ptr(), 0) };
        }
    }

    /// Name of the file for `key`.
    pub(crate) fn name(key: crate::Hash) -> String {
        format!("{key:032x}{SUFFIX}")
    }

    /// Our files: name, bytes, time of last use. Empty if the path leads elsewhere by now.
    fn list(&self) -> Vec<(String, u64, SystemTime)> {
        let place = |data: io::Result<Metadata>| data.map(|data| (data.dev(), data.ino())).ok();
        let here = place(self.dir.metadata());
        if here.is_none() || here != place(std::fs::metadata(&self.path)) {
            return Vec::new();
        }
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let ours = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| name.contains(SUFFIX))?;
            let data = entry.metadata().ok().filter(Metadata::is_file)?;
            Some((name, data.len(), data.modified().ok()?))
        });
        ours.collect()
    }

    /// Counts.
    pub fn summary(&self) -> Summary {
        let list = self.list();
        Summary { files: list.len(), bytes: list.iter().map(|f| f.1).sum() }
    }

    /// Removes all files; programs that have them open go on with what they have.
    pub fn clear(&self) -> Summary {
        let before = self.summary();
        self.list().iter().for_each(|file| self.remove(&file.0));
        before
    }

    /// Removes what was used longest ago until the rest is below the limit; `spare` stays.
    pub(crate) fn trim(&self, spare: &str) {
        let mut list = self.list();
        let mut bytes: u64 = list.iter().map(|f| f.1).sum();
        let mut files = list.len();
        if bytes <= self.limit && files <= MAX_FILES {
            return;
        }
        list.sort_by_key(|file| file.2);
        for (name, len, _) in list.iter().filter(|file| file.0 != spare) {
            // A tenth below, so that the next file does not bring us here again.
            if bytes <= self.limit / 10 * 9 && files <= MAX_FILES / 10 * 9 {
                break;
            }
            self.remove(name);
            (bytes, files) = (bytes - len, files - 1);
        }
    }
}
