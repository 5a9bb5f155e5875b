//! What maintainer scripts would have done and programs would miss: alternatives, accounts, a few copied files. Also
//! what makes a tree fit for a path prefix: links stay inside it, and empty mount points do not hide the host's.
//!
//! `etc/resolv.conf`, `/dev`, `/proc`, `/sys`, `/tmp` and home folders are left out on purpose: a path the tree does not
//! have is the host's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{host, in_root};

/// Brings `root` into its final shape; safe to repeat.
pub fn finish(root: &Path) -> anyhow::Result<()> {
    alternatives(root)?;
    accounts(root)?;
    copies(root)?;
    for folder in HOST_FOLDERS {
        // Only an empty folder goes; anything a package put there stays.
        let _ = fs::remove_dir(root.join(folder));
    }
    links_inside(root, Path::new(""))
}

/// Folders the guest shares with the host.
const HOST_FOLDERS: &[&str] =
    &["dev", "proc", "sys", "run", "tmp", "var/tmp", "home", "root", "mnt", "media", "srv", "opt", "boot"];

/// Links into these stay as they are: they mean the host's.
const HOST_LINKS: &[&str] = &["/dev", "/proc", "/sys", "/run", "/tmp"];

/// One `--install` or `--slave` of a postinst.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    link: String,
    name: String,
    target: String,
    priority: i64,
}

/// Makes the links `update-alternatives` would make, the highest priority winning. A choice already in the tree that
/// leads somewhere is replaced too: the postinst files of all packages are read each time.
fn alternatives(root: &Path) -> anyhow::Result<()> {
    let mut best: Vec<Alternative> = Vec::new();
    let mut scripts: Vec<_> = fs::read_dir(root.join("var/lib/dpkg/info"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "postinst"))
        .collect();
    scripts.sort();
    for script in scripts {
        // Some postinsts are binaries; those register nothing we could read.
        let text = String::from_utf8_lossy(&fs::read(&script)?).into_owned();
        for found in alternatives_in(&text) {
            if in_root::resolve(root, Path::new(&found.target)).is_none() {
                continue;
            }
            match best.iter_mut().find(|known| known.name == found.name) {
                Some(known) if known.priority >= found.priority => {}
                Some(known) => *known = found,
                None => best.push(found),
            }
        }
    }
    for choice in best {
        relink(root, &format!("/etc/alternatives/{}", choice.name), &choice.target)?;
        relink(root, &choice.link, &format!("/etc/alternatives/{}", choice.name))?;
    }
    Ok(())
}

/// Reads the `update-alternatives --install` calls of a shell script. Calls with variables in them are passed over:
/// their values are only known to a shell.
fn alternatives_in(script: &str) -> Vec<Alternative> {
    let joined = script.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines().filter(|line| line.contains("update-alternatives") && line.contains("--install")) {
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])).collect();
        let mut priority = 0;
        for (at, word) in words.iter().enumerate() {
            let (count, is_install) = match *word {
                "--install" => (4, true),
                "--slave" => (3, false),
                _ => continue,
            };
            let Some(values) = words.get(at + 1..at + 1 + count) else { continue };
            if is_install {
                priority = values[3].parse().unwrap_or(0);
            }
            let plain = values.iter().all(|value| !value.contains(['$', '`']));
            let sound = values[0].starts_with('/') && values[2].starts_with('/') && !values[1].contains('/');
            if plain && sound {
                let [link, name, target] = [values[0], values[1], values[2]].map(str::to_owned);
                found.push(Alternative { link, name, target, priority });
            }
        }
    }
    found
}

/// Makes guest path `link` a link to guest path `target`; a real file there stays.
fn relink(root: &Path, link: &str, target: &str) -> anyhow::Result<()> {
    let (folder, name) = link.rsplit_once('/').unwrap_or(("", link));
    let unresolved = root.join(folder.trim_start_matches('/'));
    if in_root::resolve(root, Path::new(folder)).is_none() {
        fs::create_dir_all(&unresolved).with_context(|| format!("cannot make {}", unresolved.display()))?;
    }
    let Some(folder) = in_root::resolve(root, Path::new(folder)) else { return Ok(()) };
    let host = folder.join(name);
    match host.symlink_metadata() {
        Ok(metadata) if !metadata.is_symlink() => return Ok(()),
        Ok(_) => fs::remove_file(&host)?,
        Err(_) => {}
    }
    symlink(target, &host).with_context(|| format!("cannot make {}", host.display()))
}

/// `/etc/passwd` and `/etc/group` from base-passwd's masters, and the caller, whose numbers the guest runs under.
fn accounts(root: &Path) -> anyhow::Result<()> {
    let (user, group) = host::ids();
    for (name, id) in [("passwd", user), ("group", group)] {
        let file = root.join("etc").join(name);
        let master = root.join(format!("usr/share/base-passwd/{name}.master"));
        if file.exists() || !master.is_file() {
            continue;
        }
        let mut text = fs::read_to_string(&master)?;
        let has = |text: &str, id: u32| text.lines().any(|line| line.split(':').nth(2) == Some(&id.to_string()));
        if !has(&text, id) {
            let host = fs::read_to_string(format!("/etc/{name}")).unwrap_or_default();
            let own = host.lines().find(|line| line.split(':').nth(2) == Some(&id.to_string()));
            text.extend(own.map(|line| format!("{line}\n")));
        }
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Files a postinst copies into place when they are missing: from, to.
const COPIES: &[(&str, &str)] = &[
    ("usr/share/base-files/nsswitch.conf", "etc/nsswitch.conf"),
    ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
    ("usr/share/base-files/profile", "etc/profile"),
];

fn copies(root: &Path) -> anyhow::Result<()> {
    for (from, to) in COPIES {
        let (from, to) = (root.join(from), root.join(to));
        if from.is_file() && !to.exists() {
            fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(())
}

/// Turns absolute links relative, so that they lead to the same file whether the tree is a prefix or the root.
fn links_inside(root: &Path, inside: &Path) -> anyhow::Result<()> {
    let folder = root.join(inside);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            links_inside(root, &inside.join(entry.file_name()))?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?;
            let Some(relative) = relative(inside, &target) else { continue };
            fs::remove_file(entry.path())?;
            symlink(relative, entry.path())?;
        }
    }
    Ok(())
}

/// `target` as seen from folder `inside`; `None` for links to leave alone. `inside` holds no links, being walked to.
fn relative(inside: &Path, target: &Path) -> Option<PathBuf> {
    if !target.is_absolute() || HOST_LINKS.iter().any(|host| target.starts_with(host)) {
        return None;
    }
    let up: PathBuf = inside.components().map(|_| "..").collect();
    Some(up.join(target.strip_prefix("/").ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTINST: &str = "#!/bin/sh\nif true; then\n\tupdate-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n\
        \x20 --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz \\\n\
        \x20 --slave /usr/bin/nawk nawk /usr/bin/mawk\nfi\n\
        for x in a b; do update-alternatives --install /usr/bin/$x $x /usr/bin/x.$x 1; done\n";

    #[test]
    fn calls_without_variables_are_read() {
        let found = alternatives_in(POSTINST);
        let names: Vec<_> = found.iter().map(|a| (a.name.as_str(), a.target.as_str(), a.priority)).collect();
        let man = ("awk.1.gz", "/usr/share/man/man1/mawk.1.gz", 5);
        assert_eq!(names, [("awk", "/usr/bin/mawk", 5), man, ("nawk", "/usr/bin/mawk", 5)]);
    }

    #[test]
    fn finished_tree_has_its_alternatives_and_no_link_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        super::super::unpack::new_tree(root).unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("proc")).unwrap();
        fs::create_dir_all(root.join("home/someone")).unwrap();
        fs::write(root.join("usr/bin/mawk"), "m").unwrap();
        fs::write(root.join("usr/bin/gawk"), "g").unwrap();
        fs::write(root.join("var/lib/dpkg/info/mawk.postinst"), POSTINST).unwrap();
        let gawk = "update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10\n";
        fs::write(root.join("var/lib/dpkg/info/gawk.postinst"), gawk).unwrap();
        symlink("/run", root.join("var/run")).unwrap();
        for _ in 0..2 {
            finish(root).unwrap();
            assert_eq!(fs::read_to_string(root.join("usr/bin/awk")).unwrap(), "g");
            assert_eq!(fs::read_to_string(root.join("bin/nawk")).unwrap(), "m");
            assert_eq!(fs::read_link(root.join("usr/bin/awk")).unwrap(), Path::new("../../etc/alternatives/awk"));
            assert_eq!(fs::read_link(root.join("var/run")).unwrap(), Path::new("/run"));
            assert!(!root.join("proc").exists() && root.join("home/someone").exists());
            assert!(root.join("usr/share/man/man1").symlink_metadata().is_err());
        }
    }
}
