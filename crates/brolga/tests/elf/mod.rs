//! Guest programs of a few instructions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A program of A64 instructions at 0x10000.
pub fn program(code: &[u32]) -> Vec<u8> {
    const AT: u64 = 0x1_0000;
    const START: u64 = 64 + 56;
    let mut bytes = vec![0; START as usize];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 183, 0, 1]);
    put(24, &(AT + START).to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 1]);
    put(64, &[1, 0, 0, 0, 5]); // PT_LOAD, read and execute
    put(80, &AT.to_le_bytes());
    let size = START + 4 * code.len() as u64;
    put(96, &size.to_le_bytes());
    put(104, &size.to_le_bytes());
    put(112, &0x1000u64.to_le_bytes());
    bytes.extend(code.iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

/// Writes `program` to `path`, to be executed.
pub fn install(path: &Path, program: &[u8]) {
    fs::write(path, program).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a program of A64 instructions, which is to end with status 7, with nothing kept; what `--stats` tells of it.
#[allow(dead_code, reason = "not every test that has these programs asks for it")]
pub fn told(code: &[u32], switches: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    install(&home.path().join("p"), &program(code));
    let args = ["run", "--no-cache", "--stats", "-x", switches, "./p"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_brolga"));
    let out = command.args(args).current_dir(home.path()).env_clear().output().unwrap();
    assert_eq!(out.status.code(), Some(7));
    String::from_utf8(out.stderr).unwrap()
}
