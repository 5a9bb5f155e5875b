//! Where sysroots live and what is written down about each.
//!
//! ```text
//! DIR/NAME/root           the guest's file tree
//! DIR/NAME/sysroot.json   suite, architecture, packages
//! DIR/NAME/apt/           apt's private configuration and state
//! DIR/NAME.partial/       the same while it is being made: a NAME is always whole
//! DIR/.cache/ARCH-SUITE/  package lists and archives, shared
//! ```
//! DIR is `$BROLGA_SYSROOT_DIR`, else `$XDG_DATA_HOME/brolga/sysroots`, else `~/.local/share/brolga/sysroots`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::trouble::{NOT_FOUND, Trouble, say};

/// The folder of all sysroots.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// What is written down about one sysroot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysroot {
    /// Its name.
    pub name: String,
    /// The release it was made from.
    pub suite: String,
    /// Its package architecture.
    pub arch: String,
    /// The packages asked for by name.
    pub packages: Vec<String>,
    /// Packages of an `add` that was interrupted.
    pub pending: Vec<String>,
}

/// Holds a sysroot or the package cache for one process until dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock goes with the descriptor")] File);

impl Store {
    /// The store the environment names.
    pub fn locate() -> Result<Self, Trouble> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let dir = set("BROLGA_SYSROOT_DIR")
            .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("brolga/sysroots")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/brolga/sysroots")))
            .ok_or_else(|| {
                Trouble::usage("no place for sysroots: BROLGA_SYSROOT_DIR, XDG_DATA_HOME and HOME are unset")
            })?;
        Ok(Self { dir })
    }

    /// A store in `dir`.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder of sysroot `name`.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder of `name` while it is being made.
    pub fn partial(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.partial"))
    }

    /// The guest tree of `name`.
    pub fn tree(&self, name: &str) -> PathBuf {
        self.folder(name).join("root")
    }

    /// The package cache of a suite.
    pub fn cache(&self, arch: &str, suite: &str) -> PathBuf {
        self.dir.join(".cache").join(format!("{arch}-{suite}"))
    }

    /// The tree `--sysroot` means: a name in this store, or any folder when it holds a slash.
    pub fn find(&self, said: &OsStr) -> Result<PathBuf, Trouble> {
        if said.as_bytes().contains(&b'/') {
            let folder = PathBuf::from(said);
            let inner = folder.join("root");
            let tree = if folder.join("sysroot.json").is_file() { inner } else { folder };
            return match tree.is_dir() {
                true => Ok(tree),
                false => Err(Trouble::new(NOT_FOUND, format!("{}: no such folder", tree.display()))),
            };
        }
        let name = said.to_string_lossy();
        match check_name(&name) {
            Ok(()) if self.tree(&name).is_dir() => Ok(self.tree(&name)),
            _ if self.partial(&name).is_dir() => Err(Trouble::new(
                NOT_FOUND,
                format!("sysroot '{name}' is not finished: repeat 'brolga sysroot create {name}'"),
            )),
            _ => Err(Trouble::new(NOT_FOUND, format!("no sysroot '{name}'{}", self.known()))),
        }
    }

    fn known(&self) -> String {
        let names: Vec<_> = self.list().unwrap_or_default().into_iter().map(|sysroot| sysroot.name).collect();
        match names.is_empty() {
            true => "; 'brolga sysroot create' makes one".to_owned(),
            false => format!("; there are: {}", names.join(", ")),
        }
    }

    /// Every finished sysroot, by name.
    pub fn list(&self) -> io::Result<Vec<Sysroot>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if check_name(&name).is_ok() {
                found.extend(Sysroot::read(&self.folder(&name), &name).ok());
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Takes the lock called `what`, saying so when it has to wait.
    pub fn lock(&self, what: &str) -> anyhow::Result<Lock> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let path = self.dir.join(format!(".{what}.lock"));
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                say(format_args!("brolga: waiting for another 'brolga sysroot' at work on {what}"));
                file.lock()?;
            }
            Err(fs::TryLockError::Error(error)) => bail!("cannot lock {}: {error}", path.display()),
        }
        Ok(Lock(file))
    }
}

/// Names are file names with no surprise in them: letters, digits, `_`, `-`, `.`, no leading dot or dash.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if name.is_empty() || !plain || name.starts_with(['.', '-']) || name.ends_with(".partial") {
        bail!("'{name}' cannot name a sysroot: use letters, digits, '_', '-' and '.'");
    }
    Ok(())
}

impl Sysroot {
    /// Reads the description in `folder`.
    pub fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join("sysroot.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        let words = |key: &str| {
            let list = value[key].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let word =
            |key: &str| value[key].as_str().map(str::to_owned).with_context(|| format!("{}: no {key}", path.display()));
        Ok(Self {
            name: name.to_owned(),
            suite: word("suite")?,
            arch: word("arch")?,
            packages: words("packages"),
            pending: words("pending"),
        })
    }

    /// Writes the description into `folder`, replacing the old one whole.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let value = json!({
            "format": 1,
            "suite": self.suite,
            "arch": self.arch,
            "packages": self.packages,
            "pending": self.pending,
        });
        let (path, new) = (folder.join("sysroot.json"), folder.join("sysroot.json.new"));
        fs::write(&new, format!("{value:#}\n")).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_survive_writing_and_are_listed_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path());
        assert_eq!(store.list().unwrap(), []);
        let mut made = Vec::new();
        for name in ["b", "a"] {
            fs::create_dir_all(store.tree(name)).unwrap();
            let sysroot = Sysroot {
                name: name.into(),
                suite: "bookworm".into(),
                arch: "arm64".into(),
                packages: vec!["bash".into()],
                pending: vec![],
            };
            sysroot.write(&store.folder(name)).unwrap();
            made.insert(0, sysroot);
        }
        fs::create_dir_all(store.partial("c")).unwrap();
        assert_eq!(store.list().unwrap(), made);
        assert_eq!(store.find(OsStr::new("a")), Ok(store.tree("a")));
        assert_eq!(store.find(store.folder("a").as_os_str()), Ok(store.tree("a")));
        assert!(store.find(OsStr::new("c")).unwrap_err().message.contains("not finished"));
        assert!(store.find(OsStr::new("d")).unwrap_err().message.contains("there are: a, b"));
        for bad in ["", ".x", "-x", "a b", "..", "x.partial"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
