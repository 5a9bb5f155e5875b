//! Unpacks packages into a tree and keeps the tree's dpkg database, so that a later `add` fetches only what is missing
//! and `dpkg -l` inside the guest tells the truth.
//!
//! Maintainer scripts are not run; [`super::finish`] does the few things of theirs that programs notice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Folders that have been links into `usr` since the usr merge (Debian 12, Ubuntu 23.04): packages still ship files
/// under both names, so the links must be there before the first package.
const MERGED: &[&str] = &["bin", "sbin", "lib"];

/// Makes an empty tree with its links and package database.
pub fn new_tree(root: &Path) -> anyhow::Result<()> {
    for name in MERGED {
        let folder = root.join("usr").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let link = root.join(name);
        if link.symlink_metadata().is_err() {
            symlink(format!("usr/{name}"), &link).with_context(|| format!("cannot make {}", link.display()))?;
        }
    }
    let info = database(root).join("info");
    fs::create_dir_all(&info).with_context(|| format!("cannot make {}", info.display()))?;
    // Version 1 of the folder: files of packages that several architectures may share carry theirs in the name.
    fs::write(info.join("format"), "1\n").with_context(|| format!("cannot write into {}", info.display()))?;
    let status = status_file(root);
    if !status.exists() {
        fs::write(&status, "").with_context(|| format!("cannot write {}", status.display()))?;
    }
    Ok(())
}

fn database(root: &Path) -> PathBuf {
    root.join("var/lib/dpkg")
}

/// The tree's dpkg status file.
pub fn status_file(root: &Path) -> PathBuf {
    database(root).join("status")
}

/// Unpacks one `.deb` and enters it into the database; only then does the package count as installed.
pub fn unpack(archive: &Path, root: &Path) -> anyhow::Result<()> {
    let control = database(root).join("tmp.ci");
    remove_if_there(&control)?;
    run(Command::new("dpkg-deb").arg("--control").arg(archive).arg(&control), archive)?;
    let stanza = fs::read_to_string(control.join("control")).context("a package without a control file")?;
    let files = extract(archive, root)?;
    let info = database(root).join("info");
    let stem = info_name(&stanza)?;
    for entry in fs::read_dir(&control)? {
        let entry = entry?;
        if entry.file_name() != "control" {
            fs::rename(entry.path(), info.join(format!("{stem}.{}", entry.file_name().to_string_lossy())))?;
        }
    }
    fs::write(info.join(format!("{stem}.list")), files)?;
    remove_if_there(&control)?;
    record(root, &stanza)
}

/// Unpacks the files and returns dpkg's list of them. tar keeps the links of [`MERGED`], which dpkg-deb itself would
/// replace by folders.
fn extract(archive: &Path, root: &Path) -> anyhow::Result<String> {
    let mut deb = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start dpkg-deb")?;
    let pipe = deb.stdout.take().context("dpkg-deb's output is a pipe")?;
    let tar = Command::new("tar")
        .args(["--extract", "--verbose", "--keep-directory-symlink", "--no-same-owner", "--same-permissions"])
        .args(["--no-overwrite-dir", "--delay-directory-restore", "--file=-", "--directory"])
        .arg(root)
        .env("LC_ALL", "C")
        .stdin(pipe)
        .output()
        .context("cannot start tar")?;
    let deb = deb.wait_with_output()?;
    if !tar.status.success() {
        bail!("{}: tar: {}", archive.display(), last_line(&tar.stderr));
    }
    if !deb.status.success() {
        bail!("{}: dpkg-deb: {}", archive.display(), last_line(&deb.stderr));
    }
    let listed = String::from_utf8_lossy(&tar.stdout).into_owned();
    Ok(listed.lines().map(|line| line.trim_start_matches('.').trim_end_matches('/')).fold(
        String::new(),
        |mut all, path| {
            all.push_str(if path.is_empty() { "/." } else { path });
            all.push('\n');
            all
        },
    ))
}

/// The stem of a package's files in the database: with the architecture when several may be installed at once.
fn info_name(stanza: &str) -> anyhow::Result<String> {
    let package = field(stanza, "Package").context("a package without a name")?;
    if package.contains('/') {
        bail!("a package named '{package}'");
    }
    match (field(stanza, "Multi-Arch"), field(stanza, "Architecture")) {
        (Some("same"), Some(arch)) => Ok(format!("{package}:{arch}")),
        _ => Ok(package.to_owned()),
    }
}

/// Replaces or appends the package's paragraph in the status file, whole or not at all.
fn record(root: &Path, stanza: &str) -> anyhow::Result<()> {
    let path = status_file(root);
    let name = field(stanza, "Package").context("a package without a name")?;
    let old = fs::read_to_string(&path)?;
    let mut new: String = old
        .split_inclusive("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty() && field(paragraph, "Package") != Some(name))
        .collect();
    for (at, line) in stanza.trim_end().lines().enumerate() {
        new.push_str(line);
        new.push('\n');
        if at == 0 {
            new.push_str("Status: install ok installed\n");
        }
    }
    new.push('\n');
    let temporary = path.with_extension("new");
    fs::write(&temporary, new)?;
    fs::rename(&temporary, &path)?;
    Ok(())
}

/// A one-line field of a control paragraph.
pub fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn remove_if_there(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn run(command: &mut Command, about: &Path) -> anyhow::Result<()> {
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().context("cannot start dpkg-deb")?;
    match output.status.success() {
        true => Ok(()),
        false => bail!("{}: {}", about.display(), last_line(&output.stderr)),
    }
}

/// The most telling line of an error output: the last that is not tar's farewell.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty() && !line.contains("Exiting with failure status"));
    line.unwrap_or("failed without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_recorded_once_and_upgrades_replace_it() {
        let dir = tempfile::tempdir().unwrap();
        new_tree(dir.path()).unwrap();
        let status = || fs::read_to_string(status_file(dir.path())).unwrap();
        record(dir.path(), "Package: a\nVersion: 1\n").unwrap();
        record(dir.path(), "Package: ab\nVersion: 1\nDescription: x\n .\n y\n").unwrap();
        record(dir.path(), "Package: a\nVersion: 2\n").unwrap();
        let installed = "Status: install ok installed\n";
        assert_eq!(
            status(),
            format!(
                "Package: ab\n{installed}Version: 1\nDescription: x\n .\n y\n\nPackage: a\n{installed}Version: 2\n\n"
            )
        );
    }

    #[test]
    fn same_packages_of_several_architectures_keep_apart() {
        assert_eq!(info_name("Package: libc6\nArchitecture: arm64\nMulti-Arch: same\n").unwrap(), "libc6:arm64");
        assert_eq!(info_name("Package: bash\nArchitecture: arm64\nMulti-Arch: foreign\n").unwrap(), "bash");
        assert!(info_name("Package: ../x\n").is_err());
    }
}
