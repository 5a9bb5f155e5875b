//! A store under everything that may happen to its file.

use brolga_cache::{Folder, Region, Store};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const KEY: &[u8] = b"build 1, host 2";

fn open(path: &Path) -> Store {
    open_limited(path, KEY, 64 << 20)
}

fn open_limited(path: &Path, key: &[u8], limit: u64) -> Store {
    Store::open(Folder::open(path, limit).unwrap(), key, |file| file)
}

/// Region number `n`: two entries, bytes and code that nobody else has.
fn region(n: u64) -> Region {
    let pc = 0x40_0000 + n * 0x100;
    Region {
        entries: vec![pc, pc + 16],
        mode: 3,
        form: 1,
        ranges: vec![(pc, pc + 12), (pc + 16, pc + 20)],
        guest: guest(pc, 12).into_iter().chain(guest(pc + 16, 4)).collect(),
        code: (0..200 + n).map(|i| (i * n) as u8).collect(),
        partial: false,
    }
}

/// Guest bytes at an address.
fn guest(at: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| ((at + i) * 7 >> 3) as u8).collect()
}

fn find(store: &Store, pc: u64) -> Option<Vec<u8>> {
    let mut read = |(start, end): (u64, u64), out: &mut Vec<u8>| {
        out.extend(guest(start, (end - start) as usize));
        true
    };
    store.find(pc, 3, 1, &mut read).map(|found| {
        assert_eq!(found.ranges, region((pc - 0x40_0000) / 0x100).ranges);
        found.code
    })
}

fn has(store: &Store, n: u64) -> bool {
    let r = region(n);
    let got: Vec<_> = r.entries.iter().map(|&pc| find(store, pc)).collect();
    got.iter().flatten().for_each(|code| assert_eq!(*code, r.code, "region {n}: wrong code"));
    got.iter().all(Option::is_some)
}

fn keep(path: &Path, numbers: impl IntoIterator<Item = u64>) {
    let store = open(path);
    for n in numbers {
        store.add(region(n));
    }
    store.flush();
}

fn file(path: &Path) -> PathBuf {
    let mut all: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("some/where");
    (temp, path)
}

#[test]
fn what_was_kept_is_found_by_the_next_process() {
    let (_temp, path) = folder();
    keep(&path, 0..5);
    keep(&path, 5..9);
    let store = open(&path);
    assert!((0..9).all(|n| has(&store, n)) && !has(&store, 9));
    assert_eq!(store.figures().found, 18);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(file(&path)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn age_counts_runs_that_added_something() {
    let (_temp, path) = folder();
    assert_eq!(open(&path).age(), 0);
    let store = open(&path);
    for n in 0..3 {
        store.add(region(n));
        store.flush();
    }
    assert_eq!((store.age(), open(&path).age()), (0, 1), "several batches of one run count once");
    keep(&path, [7]);
    keep(&path, [7]);
    assert_eq!(open(&path).age(), 2);
}

#[test]
fn nothing_is_written_when_nothing_is_kept() {
    let (_temp, path) = folder();
    open(&path).flush();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn other_bytes_modes_forms_and_keys_find_nothing() {
    let (_temp, path) = folder();
    keep(&path, [1]);
    let (store, pc) = (open(&path), region(1).entries[0]);
    let mut same = |(s, e): (u64, u64), out: &mut Vec<u8>| {
        out.extend(guest(s, (e - s) as usize));
        true
    };
    assert!(store.may_have(pc, 3, 1) && store.find(pc, 3, 1, &mut same).is_some());
    assert!(!store.may_have(pc, 2, 1) && store.find(pc, 2, 1, &mut same).is_none());
    assert!(!store.may_have(pc, 3, 0) && store.find(pc, 3, 0, &mut same).is_none());
    assert!(store.find(pc + 4, 3, 1, &mut same).is_none());
    let mut changed = |(s, e): (u64, u64), out: &mut Vec<u8>| {
        out.extend(guest(s ^ 4, (e - s) as usize));
        true
    };
    assert!(store.find(pc, 3, 1, &mut changed).is_none());
    assert!(store.find(pc, 3, 1, &mut |_, _| false).is_none());
    assert!(!has(&open_limited(&path, b"build 2, host 2", 64 << 20), 1));
}

#[test]
fn two_versions_of_the_same_address_are_both_found() {
    let (_temp, path) = folder();
    let mut other = region(2);
    other.guest.iter_mut().for_each(|b| *b ^= 0xff);
    other.code = vec![9; 50];
    keep(&path, [2]);
    let store = open(&path);
    store.add(other.clone());
    store.flush();
    let store = open(&path);
    assert!(has(&store, 2));
    let mut theirs = |(s, e): (u64, u64), out: &mut Vec<u8>| {
        out.extend(guest(s, (e - s) as usize).iter().map(|b| b ^ 0xff));
        true
    };
    assert_eq!(store.find(other.entries[0], 3, 1, &mut theirs).unwrap().code, other.code);
}

#[test]
fn file_cut_at_any_length_gives_right_code_or_none_and_is_made_whole() {
    let (_temp, path) = folder();
    keep(&path, [1]);
    keep(&path, [2]);
    let name = file(&path);
    let whole = fs::read(&name).unwrap();
    for len in 0..whole.len() {
        fs::write(&name, &whole[..len]).unwrap();
        let store = open(&path);
        assert!(!has(&store, 2), "{len}");
        has(&store, 1);
        keep(&path, [1, 2, 3]);
        assert!((1..4).all(|n| has(&open(&path), n)), "not made whole after {len}");
    }
}

#[test]
fn any_bit_flipped_gives_right_code_or_none_and_is_replaced() {
    let (_temp, path) = folder();
    keep(&path, [1, 2]);
    let name = file(&path);
    let whole = fs::read(&name).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&name, &bad).unwrap();
        let store = open(&path);
        (has(&store, 1), has(&store, 2));
        keep(&path, [1, 2]);
        let store = open(&path);
        assert!(has(&store, 1) && has(&store, 2), "not replaced after a flip at {at}");
    }
}

#[test]
fn file_cut_or_filled_while_in_use_is_harmless() {
    let (_temp, path) = folder();
    keep(&path, 0..3);
    let store = open(&path);
    let name = file(&path);
    fs::OpenOptions::new().write(true).open(&name).unwrap().set_len(100).unwrap();
    assert!(!has(&store, 2));
    store.add(region(7));
    store.flush();
    assert!(has(&open(&path), 7));
    fs::write(&name, vec![0xa5; 10_000]).unwrap();
    assert!(!has(&store, 7) && !has(&open(&path), 7));
}

#[test]
fn file_of_another_owner_or_that_others_can_write_is_not_used() {
    let (_temp, path) = folder();
    keep(&path, [1]);
    let name = file(&path);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for bad in [0o602, 0o620, 0o666] {
        mode(&name, bad);
        assert!(!has(&open(&path), 1), "{bad:o}");
    }
    mode(&name, 0o600);
    assert!(has(&open(&path), 1));
    for bad in [0o702, 0o770, 0o777] {
        mode(&path, bad);
        assert!(Folder::open(&path, 1 << 20).is_err(), "{bad:o}");
    }
    mode(&path, 0o700);
    fs::hard_link(&name, path.join("again")).unwrap();
    assert!(!has(&open(&path), 1), "another name of the file may be anybody's");
    fs::remove_file(path.join("again")).unwrap();
    fs::rename(&name, path.join("away")).unwrap();
    std::os::unix::fs::symlink(path.join("away"), &name).unwrap();
    assert!(!has(&open(&path), 1), "links are not followed");
    if std::os::unix::fs::chown(path.join("away"), Some(12345), None).is_ok() {
        fs::remove_file(&name).unwrap();
        fs::rename(path.join("away"), &name).unwrap();
        assert!(!has(&open(&path), 1), "it is somebody else's");
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(Folder::open(&path, 1 << 20).is_err(), "the folder is somebody else's");
    }
}

#[test]
fn folder_that_cannot_be_made_or_is_a_file_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "x").unwrap();
    assert!(Folder::open(&temp.path().join("file"), 1).is_err());
    assert!(Folder::existing(&temp.path().join("none"), 1).is_err() && !temp.path().join("none").exists());
    assert!(Folder::open(&temp.path().join("file/below"), 1).is_err());
    assert!(Folder::open(Path::new("/proc/none"), 1).is_err());
}

#[test]
fn file_removed_meanwhile_is_begun_again_and_one_put_there_is_joined() {
    let (_temp, path) = folder();
    keep(&path, [1]);
    let (first, second) = (open(&path), open(&path));
    fs::remove_file(file(&path)).unwrap();
    first.add(region(2));
    first.flush();
    assert!(has(&open(&path), 2));
    second.add(region(3));
    second.flush();
    let store = open(&path);
    assert!(has(&store, 2) && has(&store, 3));
}

#[test]
fn long_file_is_written_anew_with_what_was_used() {
    let (_temp, path) = folder();
    let limit = 64 << 10; // files up to 16 KiB
    let store = open_limited(&path, KEY, limit);
    for n in 0..60 {
        store.add(region(n));
        store.flush();
        assert!(file(&path).metadata().unwrap().len() <= limit / 4);
    }
    assert!(has(&open_limited(&path, KEY, limit), 59));
    let used = open_limited(&path, KEY, limit);
    assert!(has(&used, 59));
    for n in 100..140 {
        used.add(region(n));
        used.flush();
    }
    assert!(has(&open_limited(&path, KEY, limit), 59), "what was used stays");
}

#[test]
fn files_used_longest_ago_go_first() {
    let (_temp, path) = folder();
    let limit = 128 << 10;
    let size = |path: &Path| -> u64 { fs::read_dir(path).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum() };
    for key in 0..40u8 {
        let store = open_limited(&path, &[key], limit);
        (0..20).for_each(|n| _ = store.add(region(n)));
        store.flush();
        let mut seconds = std::time::SystemTime::now();
        seconds -= std::time::Duration::from_secs(1000 - u64::from(key));
        for file in fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()) {
            if fs::metadata(&file).unwrap().modified().unwrap() > seconds {
                fs::File::open(&file).unwrap().set_modified(seconds).unwrap();
            }
        }
        assert!(size(&path) <= limit, "after {key}");
        assert!(has(&open_limited(&path, &[key], limit), 19), "the newest stays");
    }
    assert!(!has(&open_limited(&path, &[0], limit), 19) && has(&open_limited(&path, &[38], limit), 19));
    let folder = Folder::open(&path, limit).unwrap();
    assert_eq!(folder.summary(), folder.clear());
    assert_eq!((folder.summary().files, size(&path)), (0, 0));
}
