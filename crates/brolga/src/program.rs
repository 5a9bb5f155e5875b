//! Finds the guest program, decides its guest, follows `#!` lines. All refusals carry the status a shell would give.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::elf::{self, Elf, ElfError};
use crate::guest::{Guest, machine_words};
use crate::host;
use crate::in_root;
use crate::trouble::{CANNOT_RUN, NOT_FOUND, Trouble};

/// A program that can run.
#[derive(Debug)]
pub struct Program {
    /// Where the host finds it.
    pub host: PathBuf,
    /// Where the guest believes it is.
    pub guest_path: PathBuf,
    /// The program, open for reading. With binfmt_misc flags O and C this is the kernel's own descriptor, which may be
    /// readable where the path is not.
    pub file: File,
    /// Its headers.
    pub elf: Elf,
    /// Its guest.
    pub guest: &'static Guest,
    /// What a `#!` line puts in front of the arguments: interpreter, its argument, script. Empty for an ELF program.
    pub script_words: Vec<OsString>,
}

impl Program {
    /// What is executed as the guest says it, AT_EXECFN: for a script, the outermost one.
    pub fn executed(&self) -> OsString {
        self.script_words.last().cloned().unwrap_or_else(|| self.guest_path.clone().into())
    }
}

/// Where and how to look.
#[derive(Debug, Default)]
pub struct Search<'a> {
    /// The guest asked for by name; any guest without.
    pub guest: Option<&'static Guest>,
    /// The tree of `-L` or `--sysroot`.
    pub root: Option<&'a Path>,
    /// The tree is a sysroot: it goes before the host, and names without a slash are searched in its PATH folders.
    pub sysroot: bool,
    /// The `PATH` variable.
    pub path: Option<&'a OsStr>,
    /// The program already open, from binfmt_misc.
    pub open: Option<File>,
}

/// Folders of a sysroot searched after those of PATH.
const SYSROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How deep `#!` lines may nest (Linux, execve(2)).
const MAX_SCRIPTS: usize = 5;
/// How much of a `#!` line counts (Linux, execve(2)).
const SCRIPT_LINE: usize = 255;

/// Finds `name` and makes sure it can run.
pub fn find(name: &OsStr, mut search: Search<'_>) -> Result<Program, Trouble> {
    if let Some(file) = search.open.take() {
        let path = PathBuf::from(name);
        return match load(&file, &search).map_err(|trouble| about(name, trouble))? {
            Content::Elf(elf, guest) => {
                Ok(Program { host: path.clone(), guest_path: path, file, elf, guest, script_words: Vec::new() })
            }
            Content::Script(..) => Err(Trouble::new(CANNOT_RUN, format!("{}: is a script", path.display()))),
        };
    }
    let mut name = name.to_owned();
    let mut script_words: Vec<OsString> = Vec::new();
    for _ in 0..MAX_SCRIPTS {
        let (path, file, content) = first_that_runs(&name, &search).map_err(|trouble| match script_words.first() {
            Some(_) => Trouble { message: format!("interpreter of a script: {trouble}"), ..trouble },
            None => trouble,
        })?;
        match content {
            Content::Elf(elf, guest) => {
                return Ok(Program { host: path.host, guest_path: path.guest, file, elf, guest, script_words });
            }
            Content::Script(interpreter, argument) => {
                // The outermost script's words come last: an interpreter may be a script itself.
                let mut words = vec![interpreter.clone()];
                words.extend(argument);
                words.push(path.guest.into());
                script_words.splice(..script_words.len().min(1), words);
                name = interpreter;
            }
        }
    }
    Err(Trouble::new(CANNOT_RUN, format!("{}: scripts nested too deep", name.to_string_lossy())))
}

/// One place a program may be.
struct Place {
    host: PathBuf,
    guest: PathBuf,
}

/// What a file turned out to be.
enum Content {
    Elf(Elf, &'static Guest),
    Script(OsString, Option<OsString>),
}

/// Tries the places of `name` in order; when none runs, the first that exists explains why.
fn first_that_runs(name: &OsStr, search: &Search<'_>) -> Result<(Place, File, Content), Trouble> {
    let mut first_trouble = None;
    for place in places(name, search) {
        match open(&place.host).and_then(|file| Ok((load(&file, search)?, file))) {
            Ok((content, file)) => return Ok((place, file, content)),
            Err(trouble) if trouble.status == NOT_FOUND => {}
            Err(trouble) => {
                first_trouble.get_or_insert(about(place.host.as_os_str(), trouble));
            }
        }
    }
    Err(first_trouble.unwrap_or_else(|| missing(name, search)))
}

fn missing(name: &OsStr, search: &Search<'_>) -> Trouble {
    let name = name.to_string_lossy();
    let place = match search.root {
        Some(root) if search.sysroot => format!(", neither in the sysroot {} nor on this system", root.display()),
        _ => String::new(),
    };
    Trouble::new(NOT_FOUND, format!("{name}: not found{place}"))
}

fn places(name: &OsStr, search: &Search<'_>) -> Vec<Place> {
    let path = Path::new(name);
    let host = Place { host: path.to_owned(), guest: path.to_owned() };
    let Some(root) = search.root else { return vec![host] };
    let inside = |guest: PathBuf| Some(Place { host: in_root::resolve(root, &guest)?, guest });
    if !name.as_bytes().contains(&b'/') && search.sysroot {
        let folders = std::env::split_paths(search.path.unwrap_or_default()).collect::<Vec<_>>();
        let folders = folders.into_iter().chain(std::env::split_paths(SYSROOT_PATH));
        let mut found: Vec<_> = folders.filter(|f| f.is_absolute()).filter_map(|f| inside(f.join(path))).collect();
        found.push(host);
        return found;
    }
    let inside = if path.is_absolute() { inside(path.to_owned()) } else { None };
    match inside {
        Some(inside) if search.sysroot => vec![inside, host],
        Some(inside) => vec![host, inside],
        None => vec![host],
    }
}

fn open(path: &Path) -> Result<File, Trouble> {
    let cannot = |why: &str| Trouble::new(CANNOT_RUN, why);
    let metadata = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::new(NOT_FOUND, "not found"),
        _ => cannot(&error.to_string()),
    })?;
    if metadata.is_dir() {
        return Err(cannot("is a directory"));
    }
    if !metadata.is_file() {
        return Err(cannot("is not a regular file"));
    }
    if !host::may_execute(path) {
        return Err(cannot("is not executable (chmod +x makes it so)"));
    }
    File::open(path).map_err(|error| cannot(&format!("cannot be read: {error}")))
}

/// Decides what `file` is and whether a guest of this build runs it.
fn load(file: &File, search: &Search<'_>) -> Result<Content, Trouble> {
    if let Some(script) = script(file)? {
        return Ok(script);
    }
    let elf = elf::read(file).map_err(|error| Trouble::new(CANNOT_RUN, error.to_string()))?;
    let found = Guest::by_elf(elf.machine, elf.wide, elf.little_endian);
    let words = machine_words(elf.machine, elf.wide, elf.little_endian);
    match (found, search.guest) {
        (Some(guest), Some(asked)) if guest.name != asked.name => {
            Err(Trouble::new(CANNOT_RUN, format!("is a program for {words}, not for {}", asked.name)))
        }
        (Some(guest), _) => Ok(Content::Elf(elf, guest)),
        (None, Some(asked)) => {
            Err(Trouble::new(CANNOT_RUN, format!("is a program for {words}, not for {}", asked.name)))
        }
        (None, None) => {
            Err(Trouble::new(CANNOT_RUN, format!("is a program for {words}; Brolga runs: {}", Guest::names())))
        }
    }
}

/// Reads a `#!` line: the interpreter and at most one argument, spaces inside it kept (execve(2)).
fn script(file: &File) -> Result<Option<Content>, Trouble> {
    let mut line = [0; SCRIPT_LINE];
    let found = elf::read_some(file, &mut line).map_err(|e| Trouble::new(CANNOT_RUN, ElfError::Io(e).to_string()))?;
    let Some(line) = line[..found].strip_prefix(b"#!") else { return Ok(None) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let mut words = line.splitn(2, |byte| *byte == b' ' || *byte == b'\t');
    let word = |bytes: &[u8]| OsString::from_vec(bytes.trim_ascii().to_vec());
    let interpreter = words.next().map(word).filter(|word| !word.is_empty());
    let interpreter = interpreter.ok_or_else(|| Trouble::new(CANNOT_RUN, "is a script that names no interpreter"))?;
    Ok(Some(Content::Script(interpreter, words.next().map(word).filter(|word| !word.is_empty()))))
}

fn about(path: &OsStr, trouble: Trouble) -> Trouble {
    Trouble { message: format!("{}: {trouble}", path.to_string_lossy()), ..trouble }
}
