//! Where a dynamic guest program finds its interpreter and libraries.

use std::path::{Path, PathBuf};

use crate::elf;
use crate::guest::Guest;
use crate::in_root;
use crate::sysroot::store;
use crate::trouble::{NOT_FOUND, Trouble};

/// The prefix for a program whose PT_INTERP is `interpreter`; `None` means the host's own root, which also serves
/// static programs. `asked` is what `-L` or `--sysroot` named.
pub fn choose(guest: &Guest, interpreter: Option<&str>, asked: Option<PathBuf>) -> Result<Option<PathBuf>, Trouble> {
    let Some(interpreter) = interpreter else { return Ok(asked) };
    let holds = |root: &Path| in_root::resolve(root, Path::new(interpreter)).is_some_and(|file| is_for(guest, &file));
    if let Some(asked) = asked {
        return if holds(&asked) || holds(Path::new("/")) {
            Ok(Some(asked))
        } else {
            Err(nowhere(interpreter, &[asked]))
        };
    }
    if holds(Path::new("/")) {
        return Ok(None);
    }
    let mut tried = usual_places(guest);
    tried.extend(only_sysroot(guest));
    match tried.iter().find(|root| holds(root)) {
        Some(root) => Ok(Some(root.clone())),
        None => Err(nowhere(interpreter, &tried)),
    }
}

/// Where distributions put a guest's libraries: the cross C library, then the emulator's own folders.
fn usual_places(guest: &Guest) -> Vec<PathBuf> {
    vec![
        format!("/usr/{}", guest.triplet).into(),
        format!("/etc/qemu-binfmt/{}", guest.name).into(),
        format!("/usr/gnemul/qemu-{}", guest.name).into(),
    ]
}

/// The sysroot of this architecture, when there is exactly one: with two, choosing would be guessing.
fn only_sysroot(guest: &Guest) -> Option<PathBuf> {
    let store = store::Store::locate().ok()?;
    let mut fitting = store.list().ok()?.into_iter().filter(|sysroot| sysroot.arch == guest.debian);
    let only = fitting.next()?;
    fitting.next().is_none().then(|| store.tree(&only.name))
}

fn is_for(guest: &Guest, file: &Path) -> bool {
    std::fs::File::open(file)
        .ok()
        .and_then(|file| elf::read(&file).ok())
        .is_some_and(|elf| elf.machine == guest.machine && elf.wide == guest.wide)
}

fn nowhere(interpreter: &str, tried: &[PathBuf]) -> Trouble {
    let tried: Vec<_> = tried.iter().map(|root| root.display().to_string()).collect();
    Trouble::new(
        NOT_FOUND,
        format!(
            "the program needs {interpreter}, which is neither on this system nor under {}; \
             name a tree that has it with '-L PATH', or make one with 'brolga sysroot create NAME'",
            tried.join(", ")
        ),
    )
}
