//! Paths as a guest inside a tree sees them: absolute links start at the tree's top, and `..` does not leave it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows in one path (MAXSYMLINKS, path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The host path of guest path `path` under `root`, every link followed inside `root`; `None` when nothing is there.
pub fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut todo: VecDeque<OsString> = words(path).collect();
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(word) = todo.pop_front() {
        if word == ".." {
            inside.pop();
            continue;
        }
        let host = root.join(&inside).join(&word);
        let metadata = host.symlink_metadata().ok()?;
        if !metadata.is_symlink() {
            inside.push(word);
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return None;
        }
        let target = host.read_link().ok()?;
        if target.is_absolute() {
            inside.clear();
        }
        words(&target).rev().for_each(|word| todo.push_front(word));
    }
    Some(root.join(inside))
}

fn words(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn absolute_links_stay_inside_and_loops_end() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        std::fs::create_dir_all(root.join("usr/bin")).unwrap();
        std::fs::create_dir_all(root.join("etc/alternatives")).unwrap();
        std::fs::write(root.join("usr/bin/mawk"), "").unwrap();
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("/etc/alternatives/awk", root.join("usr/bin/awk")).unwrap();
        symlink("/usr/bin/mawk", root.join("etc/alternatives/awk")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mawk = Some(root.join("usr/bin/mawk"));
        assert_eq!(resolve(root, Path::new("/bin/awk")), mawk);
        assert_eq!(resolve(root, Path::new("/../../bin/../bin/./mawk")), mawk);
        assert_eq!(resolve(root, Path::new("/loop")), None);
        assert_eq!(resolve(root, Path::new("/bin/none")), None);
        assert_eq!(resolve(root, Path::new("/")), Some(root.join("")));
    }
}
