//! The binary as a user meets it: messages and exit statuses before any guest runs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BROLGA: &str = env!("CARGO_BIN_EXE_brolga");

/// A folder with the links of `brolga links` and a few files that cannot run.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        let out = bench.brolga(&["links", bench.path("ln").to_str().unwrap()]);
        assert!(out.status.success(), "{out:?}");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, program: impl AsRef<Path>, args: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("QEMU_") || name.starts_with("BROLGA_")) {
            command.env_remove(name);
        }
        command.env("BROLGA_SYSROOT_DIR", self.path("store"));
        command
    }

    fn brolga(&self, args: &[&str]) -> Output {
        self.command(BROLGA, args).output().unwrap()
    }

    fn emulator(&self, args: &[&str]) -> Output {
        self.command(self.path("ln/qemu-aarch64"), args).output().unwrap()
    }

    fn executable(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn stderr(out: &Output) -> String {
    String::from_utf8(out.stderr.clone()).unwrap()
}

fn stdout(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap()
}

/// A little-endian ELF64 header with one PT_LOAD of `size` bytes at 0 and, if asked, an interpreter path behind it.
fn elf(machine: u16, size: u64, interpreter: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 2 * 56];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16..18].copy_from_slice(&2u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&(1 + u16::from(interpreter.is_some())).to_le_bytes());
    bytes[64..68].copy_from_slice(&1u32.to_le_bytes());
    bytes[96..104].copy_from_slice(&size.to_le_bytes());
    if let Some(path) = interpreter {
        let at = bytes.len() as u64;
        bytes[120..124].copy_from_slice(&3u32.to_le_bytes());
        bytes[128..136].copy_from_slice(&at.to_le_bytes());
        bytes[152..160].copy_from_slice(&(path.len() as u64 + 1).to_le_bytes());
        bytes.extend(path.bytes().chain([0]));
    }
    bytes
}

#[test]
fn programs_that_cannot_run_end_as_a_shell_would_say() {
    let bench = Bench::new();
    bench.executable("riscv", &elf(243, 100, None));
    bench.executable("big", &[b"\x7fELF\x01\x02\x01".as_slice(), &[0; 10], &[2, 0, 8], &[0; 100]].concat());
    bench.executable("text", b"hello\n");
    bench.executable("empty", b"");
    bench.executable("short", &elf(183, 4096, None));
    bench.executable("shorter", &elf(183, 100, None)[..40]);
    bench.executable("script", b"#!./riscv -x\n");
    bench.executable("dynamic", &elf(183, 100, Some("/lib/ld-nowhere.so.1")));
    fs::write(bench.path("plain"), elf(183, 100, None)).unwrap();
    for (program, status, words) in [
        ("./none", 127, "brolga: ./none: not found"),
        ("./riscv/none", 127, "brolga: ./riscv/none: not found"),
        (".", 126, "brolga: .: is a directory"),
        ("./plain", 126, "brolga: ./plain: is not executable"),
        ("./riscv", 126, "brolga: ./riscv: is a program for RISC-V"),
        ("./big", 126, "brolga: ./big: is a program for big-endian MIPS"),
        ("./text", 126, "brolga: ./text: not an ELF program"),
        ("./empty", 126, "brolga: ./empty: not an ELF program"),
        ("./short", 126, "brolga: ./short: truncated: the file ends before its segments"),
        ("./shorter", 126, "brolga: ./shorter: truncated: the file ends before its ELF header"),
        ("./script", 126, "brolga: interpreter of a script: ./riscv: is a program for RISC-V"),
        ("./dynamic", 127, "brolga: ./dynamic: the program needs /lib/ld-nowhere.so.1"),
    ] {
        for out in [bench.brolga(&["run", program]), bench.emulator(&[program])] {
            assert!(stderr(&out).starts_with(words), "{program}: {}", stderr(&out));
            assert_eq!(out.status.code(), Some(status), "{program}");
            assert_eq!(stdout(&out), "");
        }
    }
}

#[test]
fn wrong_command_lines_end_with_status_1() {
    let bench = Bench::new();
    for (args, words) in [
        (&["-strase", "x"][..], "brolga: unknown option '-strase'; did you mean '-strace'?\n"),
        (&[], "brolga: no program given ('-h' prints the options)\n"),
        (&["-L"], "brolga: option '-L' needs a value\n"),
        (&["-s", "many", "x"], "brolga: option '-s': 'many' is not a size (a number, or one with K, M, G or T)\n"),
    ] {
        let out = bench.emulator(args);
        assert_eq!((stderr(&out).as_str(), out.status.code()), (words, Some(1)), "{args:?}");
        let run: Vec<_> = [&["run"], args].concat();
        assert_eq!(stderr(&bench.brolga(&run)), words);
    }
    for args in [
        &["frob"][..],
        &["sysroot", "path", "none"],
        &["sysroot", "create", "../x"],
        &["binfmt", "print", "--flags", "Z"],
    ] {
        let out = bench.brolga(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert!(stderr(&out).starts_with("brolga: "), "{args:?}: {}", stderr(&out));
    }
}

#[test]
fn lists_and_version_go_to_standard_output() {
    let bench = Bench::new();
    for (args, status, words) in [
        (&["-h"][..], 0, "-L, --prefix PATH"),
        (&["-version"], 0, "brolga-aarch64 version "),
        (&["-d", "help"], 1, "\nstrace  "),
        (&["-cpu", "help"], 1, "\n  cortex-a53  "),
    ] {
        let out = bench.emulator(args);
        assert!(stdout(&out).contains(words), "{args:?}: {}", stdout(&out));
        assert_eq!(out.status.code(), Some(status), "{args:?}");
    }
}

#[test]
fn a_sysroot_is_searched_by_name_and_its_links_stay_inside() {
    let bench = Bench::new();
    let root = bench.path("store/deb/root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/usr/bin/real", root.join("usr/bin/tool")).unwrap();
    bench.executable("store/deb/root/usr/bin/real", &elf(243, 100, None));
    fs::write(bench.path("store/deb/sysroot.json"), r#"{"suite": "s", "arch": "arm64", "packages": ["p"]}"#).unwrap();
    let out = bench.brolga(&["sysroot", "list"]);
    assert_eq!(stdout(&out), "deb\ts\tarm64\tp\n");
    let real = root.join("usr/bin/real");
    for name in ["tool", "/bin/tool"] {
        let out = bench.brolga(&["run", "--sysroot", "deb", name]);
        assert!(stderr(&out).contains(&format!("{}: is a program for RISC-V", real.display())), "{}", stderr(&out));
        assert_eq!(out.status.code(), Some(126));
    }
    let out = bench.brolga(&["run", "--sysroot", "deb", "absent"]);
    assert!(stderr(&out).contains("absent: not found, neither in the sysroot"), "{}", stderr(&out));
    assert_eq!(out.status.code(), Some(127));
    let out = bench.brolga(&["run", "--sysroot", "other", "tool"]);
    assert_eq!(stderr(&out), "brolga: no sysroot 'other'; there are: deb\n");
    assert!(bench.brolga(&["sysroot", "remove", "deb"]).status.success());
    assert!(!bench.path("store/deb").exists() && !bench.path("store/deb.partial").exists());
}

#[test]
fn missing_tools_are_all_named() {
    let bench = Bench::new();
    let out = bench.command(BROLGA, &["sysroot", "create", "x"]).env("PATH", bench.path("ln")).output().unwrap();
    let text = stderr(&out);
    assert!(text.contains("apt-get (package apt)") && text.contains("dpkg-deb (package dpkg)"), "{text}");
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let bench = Bench::new();
    let script = format!("{BROLGA} run -h | true; {BROLGA} sysroot frob 2>&1 | true; echo ${{PIPESTATUS[0]}}");
    let out = bench.command("bash", &["-c", &script]).output().unwrap();
    assert_eq!(stdout(&out), "1\n", "{}", stderr(&out));
}

/// A program of A64 instructions at 0x10000.
fn program(code: &[u32]) -> Vec<u8> {
    const AT: u64 = 0x1_0000;
    let start = 64 + 2 * 56;
    let mut bytes = elf(183, start + 4 * code.len() as u64, None);
    bytes[24..32].copy_from_slice(&(AT + start).to_le_bytes());
    bytes[68..72].copy_from_slice(&5u32.to_le_bytes()); // read, execute
    bytes[80..88].copy_from_slice(&AT.to_le_bytes());
    let size = bytes[96..104].to_vec();
    bytes[104..112].copy_from_slice(&size);
    bytes.extend(code.iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

#[test]
fn log_items_show_every_stage_of_translation() {
    let bench = Bench::new();
    // mov x1, #1000; sub x1, x1, #1; cbnz x1, .-4; mov x0, #7; mov x8, #94; svc #0
    let code = [0xd280_7d01, 0xd100_0421, 0xb5ff_ffe1, 0xd280_00e0, 0xd280_0bc8, 0xd400_0001];
    bench.executable("loop", &program(&code));
    let switches = ["-x", "region-threshold=10,no-worker", "-perfmap", "-jitdump"];
    let log = ["-d", "in_asm,op,op_opt,out_asm", "-D", "log"];
    let child = bench.command(bench.path("ln/qemu-aarch64"), &[&switches[..], &log, &["./loop"]].concat()).spawn();
    let mut child = child.unwrap();
    let map = PathBuf::from(format!("/tmp/perf-{}.map", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    let text = fs::read_to_string(bench.path("log")).unwrap();
    for word in ["d2807d01", "OP:", "OP after the passes, region at 0x100b4:"] {
        assert!(text.contains(word), "no {word} in\n{text}");
    }
    if cfg!(target_arch = "x86_64") {
        assert!(text.contains("OUT: region at 0x100b4"), "{text}");
        let names = fs::read_to_string(&map).unwrap();
        fs::remove_file(&map).unwrap();
        assert!(names.ends_with("guest:0x100b4\n"), "{names}");
        let dump = fs::read(bench.path(&format!("jit-{}.dump", child.id()))).unwrap();
        assert_eq!(dump[..4], 0x4a69_5444u32.to_ne_bytes());
        assert!(dump.windows(14).any(|part| part == b"guest:0x100b4\0"));
    }
}
