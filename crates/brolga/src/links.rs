//! `brolga links DIR`: the names under which Brolga takes the emulator's command line.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::guest::GUESTS;

/// Every name, for every guest.
pub fn names() -> impl Iterator<Item = String> {
    let forms = ["brolga-", "qemu-"].into_iter().flat_map(|brand| ["", "-static"].map(|tail| (brand, tail)));
    forms.flat_map(|(brand, tail)| GUESTS.iter().map(move |guest| format!("{brand}{}{tail}", guest.name)))
}

/// Links every name in `dir` to `binary`; what was made comes back. Links that are right stay. Anything else under one
/// of the names is an error before the first link is made, unless `force` replaces it.
pub fn make(dir: &Path, binary: &Path, force: bool) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut missing = Vec::new();
    for path in names().map(|name| dir.join(name)) {
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path),
            Err(error) => bail!("{}: {error}", path.display()),
            Ok(found) if found.is_symlink() && fs::read_link(&path)? == binary => {}
            Ok(found) if found.is_dir() => bail!("{} is a directory", path.display()),
            Ok(_) if force => missing.push(path),
            Ok(_) => bail!("{} exists and is not Brolga's; '--force' replaces it", path.display()),
        }
    }
    for path in &missing {
        // Made aside and renamed over, so that the name works at every moment.
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let _ = fs::remove_file(&new);
        symlink(binary, &new).with_context(|| format!("cannot make a link in {}", dir.display()))?;
        fs::rename(&new, path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_replaced_only_by_force() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, binary) = (dir.path().join("bin"), Path::new("/opt/brolga"));
        let made = make(&bin, binary, false).unwrap();
        assert_eq!(made.len(), names().count());
        assert!(made.contains(&bin.join("qemu-aarch64-static")));
        assert_eq!(make(&bin, binary, false).unwrap(), Vec::<PathBuf>::new());
        fs::remove_file(bin.join("qemu-aarch64")).unwrap();
        fs::remove_file(bin.join("brolga-aarch64")).unwrap();
        fs::write(bin.join("qemu-aarch64"), "other").unwrap();
        assert!(make(&bin, binary, false).unwrap_err().to_string().contains("--force"));
        assert!(!bin.join("brolga-aarch64").exists());
        assert_eq!(make(&bin, binary, true).unwrap().len(), 2);
        assert_eq!(fs::read_link(bin.join("qemu-aarch64")).unwrap(), binary);
    }
}
