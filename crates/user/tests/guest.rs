//! Guest programs from `tests/guest`, built by a cross compiler and run on tier 0. Each checks itself.
//!
//! This test is its own emulator: a guest's `execve` re-enters it.

#[path = "../examples/run.rs"]
#[allow(dead_code, reason = "its `main` is the emulator")]
mod emulator;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Programs of one guest: compiler, its flags, and of each program its name, exit status and what it prints.
struct Programs {
    compiler: &'static str,
    flags: &'static [&'static str],
    all: &'static [(&'static str, i32, &'static str)],
}

const COMMON: &[&str] =
    &["-static", "-nostdlib", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-mgeneral-regs-only", "-O1"];

const GUESTS: [Programs; 2] = [
    Programs {
        compiler: "aarch64-linux-gnu-gcc",
        flags: &["-mno-outline-atomics"],
        all: &[("signals", 0, "signals: ok\n"), ("processes", 21, "processes: ok\n"), ("files", 0, "files: ok\n")],
    },
    Programs { compiler: "x86_64-linux-gnu-gcc", flags: &[], all: &[("x86_64", 7, "x86_64: ok\n")] },
];

fn main() -> ExitCode {
    let mut args = std::env::args();
    let own = args.next();
    match args.next().as_deref() {
        Some("--reexec" | "--guest") => emulator::main(),
        _ => return run_all(&PathBuf::from(own.expect("argv[0]"))),
    }
    ExitCode::SUCCESS
}

fn run_all(own: &Path) -> ExitCode {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let failed: usize = GUESTS.iter().map(|guest| run_guest(own, dir.path(), guest)).sum();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds and runs one guest's programs; returns how many failed.
fn run_guest(own: &Path, dir: &Path, guest: &Programs) -> usize {
    if Command::new(guest.compiler).arg("--version").output().is_err() {
        println!("guest programs: skipped, {} is not installed", guest.compiler);
        return 0;
    }
    let mut failed = 0;
    for (name, status, output) in guest.all {
        let program = dir.join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guest/{name}.c"));
        let mut compiler = Command::new(guest.compiler);
        let built = compiler.args(COMMON).args(guest.flags).arg(source).arg("-o").arg(&program).status();
        assert!(built.is_ok_and(|s| s.success()), "{name} does not compile");
        let run = Command::new(own).arg("--guest").arg(&program).output().expect("the emulator starts");
        let (code, text) = (run.status.code(), String::from_utf8_lossy(&run.stdout));
        let ok = code == Some(*status) && text == *output;
        println!("guest program {name}: {}", if ok { "ok" } else { "FAILED" });
        if !ok {
            println!("  status {:?}, wanted {status}; output {text:?}", run.status);
            failed += 1;
        }
    }
    failed
}
