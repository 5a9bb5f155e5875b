//! Compiled code between runs of a guest program, as a user meets it.
#![cfg(target_arch = "x86_64")]

mod elf;

use elf::program;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BROLGA: &str = env!("CARGO_BIN_EXE_brolga");

/// A folder with a guest program, and the user's cache folder.
struct Home(tempfile::TempDir);

/// mov x1, #1000; sub x1, x1, #1; cbnz x1, .-4; mov x0, #status; mov x8, #94; svc #0
fn counting(status: u32) -> Vec<u8> {
    program(&[0xd280_7d01, 0xd100_0421, 0xb5ff_ffe1, 0xd280_0000 | status << 5, 0xd280_0bc8, 0xd400_0001])
}

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        home.install(&counting(7));
        home
    }

    fn install(&self, bytes: &[u8]) {
        elf::install(&self.0.path().join("p"), bytes);
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("cache/brolga")
    }

    fn file(&self) -> Option<PathBuf> {
        fs::read_dir(self.cache()).ok()?.map(|entry| entry.unwrap().path()).next()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BROLGA);
        command.args(args).current_dir(self.0.path()).env_clear().env("XDG_CACHE_HOME", self.0.path().join("cache"));
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program; regions compiled and loaded.
    fn run(&self, more: &[&str]) -> (u32, u32) {
        counts(&self.command(&[&["run", "--stats", "-x", "region-threshold=40,no-worker"], more, &["./p"]].concat()), 7)
    }
}

/// Runs `command`, which is to end with `status`; the numbers of regions that its statistics name.
fn counts(command: &Command, status: i32) -> (u32, u32) {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args()).current_dir(command.get_current_dir().unwrap()).env_clear();
    again.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let out = again.output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(status), "{text}");
    let line =
        text.lines().find(|line| line.starts_with("regions: ")).unwrap_or_else(|| panic!("no regions in\n{text}"));
    let number = |before: &str| -> u32 {
        let head = &line[..line.find(before).unwrap_or_else(|| panic!("no{before} in {line}"))];
        head.rsplit([' ', ',']).next().unwrap().parse().unwrap()
    };
    (number(" of "), number(" loaded"))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn second_run_compiles_nothing() {
    let home = Home::new();
    assert_eq!(home.run(&[]), (1, 0));
    assert_eq!(home.run(&[]), (0, 1));
    assert_eq!(home.run(&[]), (0, 1));
}

#[test]
fn cache_is_off_when_told_so() {
    let home = Home::new();
    let off = |setup: fn(&mut Command) -> &mut Command, options: &[&str]| {
        let args = [&["run", "--stats", "-x", "region-threshold=40"], options, &["./p"]].concat();
        let mut command = home.command(&args);
        setup(&mut command);
        counts(&command, 7);
        home.file().is_none()
    };
    assert!(off(|c| c, &["--no-cache"]));
    assert!(off(|c| c, &["--cache", "0"]));
    assert!(off(|c| c.env("BROLGA_CACHE", "0"), &[]));
    assert!(off(|c| c.env_remove("XDG_CACHE_HOME"), &[]));
    assert!(off(|c| c, &["-x", "region-threshold=0"]));
    assert!(off(|c| c, &["-x", "aslr"]));
    assert!(!off(|c| c, &["-x", "no-worker"]));
}

#[test]
fn other_program_at_the_same_place_gets_its_own_code() {
    let home = Home::new();
    home.run(&[]);
    let first = home.file().unwrap();
    home.install(&counting(9));
    let command = home.command(&["run", "--stats", "-x", "region-threshold=40,no-worker", "./p"]);
    assert_eq!(counts(&command, 9), (1, 0));
    let kept: Vec<_> = fs::read_dir(home.cache()).unwrap().map(|e| e.unwrap().path()).collect();
    let second = kept.iter().find(|path| **path != first).unwrap();
    fs::copy(&first, second).unwrap();
    assert_eq!(counts(&command, 9), (1, 0), "the key is in the file too");
    assert_eq!(counts(&command, 9), (0, 1));
}

#[test]
fn options_that_change_code_use_other_code() {
    let home = Home::new();
    home.run(&[]);
    for option in [
        &["-x", "no-passes"][..],
        &["-x", "no-host-fp"],
        &["-x", "precise"],
        &["-cpu", "cortex-a53"],
        &["-B", "0x10000000"],
    ] {
        assert_eq!(home.run(option), (1, 0), "{option:?}");
        assert_eq!(home.run(option), (0, 1), "{option:?}");
    }
    assert_eq!(home.run(&[]), (0, 1));
}

#[test]
fn damaged_files_are_ignored_and_replaced() {
    let home = Home::new();
    home.run(&[]);
    let file = home.file().unwrap();
    let whole = fs::read(&file).unwrap();
    // Every length is tried in the store's own tests; here, that the guest runs on.
    for len in (0..whole.len()).step_by(whole.len() / 20) {
        fs::write(&file, &whole[..len]).unwrap();
        assert_eq!(home.run(&[]), (1, 0), "cut to {len}");
        assert_eq!(home.run(&[]), (0, 1), "after a cut to {len}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 20) {
        let mut bad = whole.clone();
        bad[at] ^= 0x10;
        fs::write(&file, &bad).unwrap();
        home.run(&[]);
        assert_eq!(home.run(&[]), (0, 1), "after a flip at {at}");
    }
}

#[test]
fn files_that_others_can_write_are_not_used() {
    let home = Home::new();
    home.run(&[]);
    mode(&home.file().unwrap(), 0o666);
    assert_eq!(home.run(&[]).1, 0);
    fs::remove_dir_all(home.cache()).unwrap();
    home.run(&[]);
    mode(&home.cache(), 0o777);
    assert_eq!(home.run(&[]), (1, 0));
}

#[test]
fn folder_that_cannot_be_made_does_not_stop_the_guest() {
    let home = Home::new();
    fs::write(home.0.path().join("cache"), "a file").unwrap();
    assert_eq!(home.run(&[]), (1, 0));
    assert_eq!(home.run(&["--cache", "/proc/nowhere"]), (1, 0));
}

#[test]
fn eight_processes_at_once_end_as_one_would() {
    let home = Home::new();
    // Each compiles where it runs: on a busy machine this short program ends before another thread has begun to.
    let args = ["run", "-x", "region-threshold=40,no-worker", "./p"];
    for _ in 0..5 {
        let mut all: Vec<_> = (0..8).map(|_| home.command(&args).spawn().unwrap()).collect();
        assert!(all.iter_mut().all(|child| child.wait().unwrap().code() == Some(7)));
    }
    assert_eq!(home.run(&[]), (0, 1));
    assert_eq!(fs::read_dir(home.cache()).unwrap().count(), 1);
}

#[test]
fn tool_tells_and_clears() {
    let home = Home::new();
    let text = |out: Output| String::from_utf8(out.stdout).unwrap();
    let info = text(home.output(&["cache", "info"]));
    assert_eq!(info, format!("{}\n0 files, 0.0 MiB\n", home.cache().display()));
    home.run(&[]);
    assert!(text(home.output(&["cache", "info"])).ends_with("\n1 files, 0.0 MiB\n"));
    assert!(text(home.output(&["cache", "clear"])).ends_with("\nremoved 1 files, 0.0 MiB\n"));
    assert!(home.file().is_none());
    assert_eq!(home.run(&[]), (1, 0));
}
