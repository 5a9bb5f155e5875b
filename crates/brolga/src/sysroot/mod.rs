//! Guest file trees made without root from the distribution's own packages: `brolga sysroot`.
//!
//! apt-get resolves, verifies and downloads ([`apt`]), dpkg-deb and tar unpack ([`unpack`]), [`finish`] stands in for
//! the maintainer scripts, [`store`] says where all of it is.

pub mod apt;
pub mod finish;
pub mod progress;
pub mod sources;
pub mod store;
pub mod unpack;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};

use crate::guest::{GUESTS, Guest};
use crate::host;
use crate::trouble::say;
use apt::{Apt, Plan};
use progress::{Progress, megabytes};
use store::{Store, Sysroot, check_name};

/// What `brolga sysroot create` was told.
#[derive(Debug, Default)]
pub struct Create {
    /// The new sysroot.
    pub name: String,
    /// Release; the host's own without.
    pub suite: Option<String>,
    /// Architecture by any of its names; the first guest's without.
    pub arch: Option<String>,
    /// Packages beside the essential ones.
    pub packages: Vec<String>,
    /// Leave out essential packages nobody depends on.
    pub bare: bool,
    /// Archive instead of the host's.
    pub mirror: Option<String>,
    /// Key file for `mirror`.
    pub keyring: Option<String>,
}

/// apt's pattern for the packages every system must have (apt-patterns(7)).
const ESSENTIAL: &str = "?essential";

/// Makes a sysroot. It appears under its name only when it is whole; an interrupted one is taken up again.
pub fn create(store: &Store, wish: &Create) -> anyhow::Result<()> {
    check_name(&wish.name)?;
    need_tools()?;
    let guest = match &wish.arch {
        None => &GUESTS[0],
        Some(name) => {
            Guest::by_name(name).with_context(|| format!("no guest '{name}'; there is: {}", Guest::names()))?
        }
    };
    let host_suite = sources::host_suite();
    let suite = wish.suite.clone().or_else(|| host_suite.clone());
    let suite = suite.context("this system does not say its release: name one with '--suite'")?;
    let sources = match &wish.mirror {
        Some(uri) => vec![sources::mirror(uri, &suite, wish.keyring.as_deref())],
        None => sources::from_host(Path::new("/etc/apt"), &suite, guest.debian, host_suite.as_deref())?,
    };

    let _lock = store.lock(&wish.name)?;
    if store.folder(&wish.name).exists() {
        bail!("sysroot '{0}' exists: 'brolga sysroot add {0} PACKAGE' adds to it, 'remove {0}' removes it", wish.name);
    }
    let folder = store.partial(&wish.name);
    if folder.exists() {
        say(format_args!("going on with the unfinished sysroot '{}'", wish.name));
        remove_tree(&folder.join("root"))?;
    }
    let root = folder.join("root");
    unpack::new_tree(&root)?;
    fs::create_dir_all(folder.join("apt"))?;
    fs::write(folder.join("apt/archive.sources"), sources::deb822(&sources))?;
    let mut wanted = vec![if wish.bare { "base-files" } else { ESSENTIAL }.to_owned()];
    wanted.extend(wish.packages.iter().cloned());
    let mut sysroot = Sysroot {
        name: wish.name.clone(),
        suite,
        arch: guest.debian.to_owned(),
        packages: wish.packages.clone(),
        pending: Vec::new(),
    };
    install(store, &sysroot, &folder, &wanted)?;
    sysroot.packages.sort();
    sysroot.packages.dedup();
    sysroot.write(&folder)?;
    fs::rename(&folder, store.folder(&wish.name)).context("the finished sysroot cannot be given its name")?;
    say(format_args!("sysroot '{0}' is ready: brolga run --sysroot {0} PROGRAM", wish.name));
    Ok(())
}

/// Adds packages to a sysroot. Interrupted, it is finished by the next `add`, whatever that names.
pub fn add(store: &Store, name: &str, packages: &[String]) -> anyhow::Result<()> {
    check_name(name)?;
    need_tools()?;
    let _lock = store.lock(name)?;
    let folder = store.folder(name);
    if !folder.is_dir() {
        bail!("no sysroot '{name}'; 'brolga sysroot list' lists them");
    }
    let mut sysroot = Sysroot::read(&folder, name)?;
    let mut wanted = std::mem::take(&mut sysroot.pending);
    wanted.extend(packages.iter().cloned());
    sysroot.pending = wanted.clone();
    sysroot.write(&folder)?;
    let done = install(store, &sysroot, &folder, &wanted);
    if done.is_err() && unpack_not_begun(&done) {
        // Nothing was touched: a package that does not exist must not haunt every later `add`.
        sysroot.pending.clear();
        sysroot.write(&folder)?;
    }
    done?;
    sysroot.packages.append(&mut sysroot.pending);
    sysroot.packages.sort();
    sysroot.packages.dedup();
    sysroot.write(&folder)
}

/// An error from before the first file was unpacked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Untouched(String);

fn unpack_not_begun(done: &anyhow::Result<()>) -> bool {
    done.as_ref().is_err_and(|error| error.downcast_ref::<Untouched>().is_some())
}

/// Resolves, downloads, unpacks and finishes `wanted` in the sysroot at `folder`.
fn install(store: &Store, sysroot: &Sysroot, folder: &Path, wanted: &[String]) -> anyhow::Result<()> {
    let root = folder.join("root");
    let plan = fetch(store, sysroot, folder, wanted).map_err(|error| Untouched(format!("{error:#}")))?;
    let total = plan.archives.len();
    let mut progress = Progress::new("unpacked", total);
    for (at, archive) in plan.archives.iter().enumerate() {
        unpack::unpack(&archive.file, &root).map_err(|error| explain_full_disk(error, &root))?;
        progress.at(at + 1, "");
    }
    finish::finish(&root)
}

/// Everything up to and including the download.
fn fetch(store: &Store, sysroot: &Sysroot, folder: &Path, wanted: &[String]) -> anyhow::Result<Plan> {
    if let Some(bad) = wanted.iter().find(|name| name.starts_with('-') || name.contains(char::is_whitespace)) {
        bail!("'{bad}' is not a package's name");
    }
    let root = folder.join("root");
    let cache = store.cache(&sysroot.arch, &sysroot.suite);
    let _lock = store.lock("cache")?;
    let state = folder.join("apt");
    let sources =
        fs::read_to_string(state.join("archive.sources")).context("the sysroot has lost its list of archives")?;
    let apt = Apt::set_up(&state, &cache, &unpack::status_file(&root), &sources, &sysroot.arch)?;
    say(format_args!("reading the package lists of {} for {}", sysroot.suite, sysroot.arch));
    apt.update(&sysroot.arch)?;
    let plan = apt.plan(wanted)?;
    if plan.archives.is_empty() {
        say(format_args!("nothing to install: all is there"));
        return Ok(plan);
    }
    check_space(&plan, &root)?;
    apt.download(wanted, &plan)?;
    Ok(plan)
}

/// Refuses to begin what cannot end. The download may share the file system, so it is counted too.
fn check_space(plan: &Plan, root: &Path) -> anyhow::Result<()> {
    let missing: u64 = plan.archives.iter().filter(|archive| !archive.file.exists()).map(|archive| archive.size).sum();
    let need = missing + plan.unpacked.unwrap_or(0);
    let free = host::free_bytes(root).context("cannot tell the free space")?;
    if need > free {
        bail!(
            "{} needed, {} free at {}: free some space or set BROLGA_SYSROOT_DIR to another disk",
            megabytes(need),
            megabytes(free),
            root.display()
        );
    }
    Ok(())
}

fn explain_full_disk(error: anyhow::Error, root: &Path) -> anyhow::Error {
    if format!("{error:#}").contains("No space left on device") {
        return error.context(format!("the disk of {} is full; make room and repeat the command", root.display()));
    }
    error
}

/// Removes a sysroot, finished or not, and the package cache when it was the last of its kind.
pub fn remove(store: &Store, name: &str) -> anyhow::Result<()> {
    check_name(name)?;
    let _lock = store.lock(name)?;
    let (folder, partial) = (store.folder(name), store.partial(name));
    if !folder.exists() && !partial.exists() {
        bail!("no sysroot '{name}'; 'brolga sysroot list' lists them");
    }
    let sysroot = Sysroot::read(&folder, name).ok();
    if folder.exists() {
        // Renamed first: a half-removed tree must not look like a sysroot.
        if partial.exists() {
            remove_tree(&partial)?;
        }
        fs::rename(&folder, &partial).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    remove_tree(&partial)?;
    if let Some(gone) = sysroot
        && !store.list()?.iter().any(|left| left.arch == gone.arch && left.suite == gone.suite)
    {
        let _lock = store.lock("cache")?;
        remove_tree(&store.cache(&gone.arch, &gone.suite))?;
    }
    Ok(())
}

/// Removes a tree, write-protected folders included.
fn remove_tree(tree: &Path) -> anyhow::Result<()> {
    if !tree.exists() {
        return Ok(());
    }
    if fs::remove_dir_all(tree).is_err() {
        make_writable(tree);
        fs::remove_dir_all(tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    Ok(())
}

/// Best effort: the removal that follows reports what stays.
fn make_writable(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

/// Names every missing tool at once, with the package it is in.
fn need_tools() -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |tool: &str| std::env::split_paths(&path).any(|folder| host::may_execute(&folder.join(tool)));
    let missing: Vec<_> = [("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("tar", "tar")]
        .into_iter()
        .filter(|(tool, _)| !there(tool))
        .map(|(tool, package)| format!("{tool} (package {package})"))
        .collect();
    if !missing.is_empty() {
        bail!(
            "making a sysroot takes {}, not found here; a root file system unpacked by other means works with '-L PATH'",
            missing.join(" and ")
        );
    }
    Ok(())
}
