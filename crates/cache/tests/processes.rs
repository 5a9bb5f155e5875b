//! Stores of several processes, and what the kernel may refuse them. The test starts itself as those processes.
#![allow(unsafe_code, reason = "forks, and sets the limit of file sizes")]

use brolga_cache::{Folder, Region, Store};
use std::path::Path;
use std::process::Command;

const ROLE: &str = "BROLGA_CACHE_TEST";

fn open(path: &Path) -> Store {
    Store::open(Folder::open(path, 64 << 20).unwrap(), b"key", |file| file)
}

fn region(n: u64, len: usize) -> Region {
    let pc = n * 16;
    Region {
        entries: vec![pc],
        mode: 0,
        form: 0,
        ranges: vec![(pc, pc + 8)],
        guest: pc.to_le_bytes().into(),
        code: vec![n as u8; len],
        partial: false,
    }
}

/// How many of `numbers` are there; what is there must be right.
fn count(store: &Store, numbers: impl Iterator<Item = u64>, len: usize) -> usize {
    let mut read = |(start, _): (u64, u64), out: &mut Vec<u8>| {
        out.extend(start.to_le_bytes());
        true
    };
    let found = numbers.filter_map(|n| Some((n, store.find(n * 16, 0, 0, &mut read)?)));
    found.inspect(|(n, found)| assert_eq!(found.code, vec![*n as u8; len], "region {n}")).count()
}

/// Runs the test called `name` of this binary again, as `role`.
fn again(name: &str, role: &str) -> std::process::Child {
    let own = std::env::current_exe().unwrap();
    Command::new(own).args(["--exact", name, "--nocapture"]).env(ROLE, role).spawn().unwrap()
}

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

#[test]
fn eight_processes_write_one_file() {
    const EACH: u64 = 120;
    if let Some(role) = role() {
        let (number, path) = role.split_once(' ').unwrap();
        let (number, store) = (number.parse::<u64>().unwrap(), open(Path::new(path)));
        for n in 0..EACH {
            // Half of them are everybody's.
            let n = if n % 2 == 0 { n } else { number * 1000 + n };
            store.add(region(n, 300));
            if n % 7 == 0 {
                store.flush();
                count(&store, 0..EACH, 300);
            }
        }
        store.flush();
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    // A file that is there: to make one at the same time loses all but one.
    let store = open(temp.path());
    store.add(region(5000, 300));
    store.flush();
    let name = "eight_processes_write_one_file";
    let mut all: Vec<_> = (1..=8).map(|i| again(name, &format!("{i} {}", temp.path().display()))).collect();
    assert!(all.iter_mut().all(|child| child.wait().unwrap().success()));
    let store = open(temp.path());
    assert_eq!(count(&store, (0..EACH).step_by(2), 300), EACH as usize / 2);
    for number in 1..=8 {
        let own = (1..EACH).step_by(2).map(|n| number * 1000 + n);
        assert_eq!(count(&store, own, 300), EACH as usize / 2, "of process {number}");
    }
    assert_eq!(store.figures().known as u64, 1 + EACH / 2 + 8 * (EACH / 2), "nothing is there twice");
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn processes_killed_while_they_write_leave_a_good_file() {
    if let Some(role) = role() {
        let store = open(Path::new(&role));
        for n in 0.. {
            store.add(region(n, 5000));
            store.flush();
        }
    }
    let temp = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let name = "processes_killed_while_they_write_leave_a_good_file";
        let mut child = again(name, temp.path().to_str().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        count(&open(temp.path()), 0..10_000, 5000);
    }
    let store = open(temp.path());
    store.add(region(1 << 20, 100));
    store.flush();
    assert_eq!(count(&open(temp.path()), 1 << 20..(1 << 20) + 1, 100), 1);
}

#[test]
fn file_size_limit_and_full_device_lose_nothing_but_what_is_new() {
    let Some(role) = role() else {
        let temp = tempfile::tempdir().unwrap();
        let name = "file_size_limit_and_full_device_lose_nothing_but_what_is_new";
        assert!(again(name, temp.path().to_str().unwrap()).wait().unwrap().success());
        return;
    };
    let path = Path::new(&role);
    let store = open(path);
    store.add(region(1, 1000));
    store.flush();
    let set = |bytes| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: reads the structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    };
    set(4000);
    // Would end the process by SIGXFSZ if it tried.
    store.add(region(2, 1000));
    store.add(region(3, 5000));
    store.flush();
    set(libc::RLIM_INFINITY);
    let store = open(path);
    assert_eq!(count(&store, 1..4, 1000), 1);
    store.add(region(2, 1000));
    store.flush();
    assert_eq!(count(&open(path), 1..3, 1000), 2);
}

#[test]
fn child_of_a_fork_writes_what_is_its_own_only() {
    let Some(role) = role() else {
        let temp = tempfile::tempdir().unwrap();
        let name = "child_of_a_fork_writes_what_is_its_own_only";
        assert!(again(name, temp.path().to_str().unwrap()).wait().unwrap().success());
        let store = open(temp.path());
        assert_eq!((count(&store, 1..4, 100), store.figures().known), (3, 3));
        return;
    };
    let store = open(Path::new(&role));
    store.add(region(1, 100));
    store.flush();
    store.add(region(2, 100));
    let mut child = 0;
    // SAFETY: the child goes on in this function and leaves by `_exit`.
    store.around_fork(&mut || child = unsafe { libc::fork() });
    if child == 0 {
        store.forked();
        store.add(region(3, 100));
        store.flush();
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    store.flush();
    // SAFETY: waits for the child; no status is wanted.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
}
