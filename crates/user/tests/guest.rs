//! Guest programs from `tests/guest`, built by a cross compiler and run on tier 0. Each checks itself.
//!
//! This test is its own emulator: a guest's `execve` re-enters it.

#[path = "../examples/run.rs"]
#[allow(dead_code, reason = "its `main` is the emulator")]
mod emulator;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Program, its exit status, what it prints.
const PROGRAMS: &[(&str, i32, &str)] =
    &[("signals", 0, "signals: ok\n"), ("processes", 21, "processes: ok\n"), ("files", 0, "files: ok\n")];

const COMPILER: &str = "aarch64-linux-gnu-gcc";
const FLAGS: &[&str] = &[
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    "-mgeneral-regs-only",
    "-mno-outline-atomics",
    "-O1",
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
    if Command::new(COMPILER).arg("--version").output().is_err() {
        println!("guest programs: skipped, {COMPILER} is not installed");
        return ExitCode::SUCCESS;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut failed = 0;
    for (name, status, output) in PROGRAMS {
        let program = dir.path().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guest/{name}.c"));
        let built = Command::new(COMPILER).args(FLAGS).arg(source).arg("-o").arg(&program).status();
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
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
