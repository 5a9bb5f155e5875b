//! execve(2): guest programs re-enter the emulator, host programs run natively, scripts are resolved here.

use super::fail;
use crate::config::Config;
use crate::core_file;
use crate::elf;
use crate::errno::{Errno, SysResult};
use crate::own_fds;
use crate::path;
use crate::reexec;
use crate::signal::{self, SYNCHRONOUS, UNBLOCKABLE};
use crate::thread::Thread;
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::FileExt as _;

/// Longest argument vector with environment, in bytes (a quarter of an 8 MiB stack).
const ARG_MAX: usize = 2 << 20;
/// Scripts whose interpreter is a script, and so on.
const SCRIPT_DEPTH: usize = 5;
/// Bytes of a file that the kernel looks at (BINPRM_BUF_SIZE).
const HEAD: usize = 256;

/// `execve`
pub fn execve(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let path = t.mem.path(a[0])?;
    let env = t.mem.string_array(a[2], ARG_MAX)?;
    let args = arguments(t, a[1])?;
    exec(t, path, args, env)
}

/// `execveat`
pub fn execveat(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let path = t.mem.path(a[1])?;
    let env = t.mem.string_array(a[3], ARG_MAX)?;
    let args = arguments(t, a[2])?;
    let dir = a[0] as i32;
    let empty = path.is_empty();
    if empty && a[4] & libc::AT_EMPTY_PATH as u64 == 0 {
        return fail(libc::ENOENT);
    }
    let path = if path.first() == Some(&b'/') || (dir == libc::AT_FDCWD && !empty) {
        path
    } else if empty {
        descriptor_path(dir)
    } else {
        [format!("/proc/self/fd/{dir}/").as_bytes(), &path].concat()
    };
    if a[4] & libc::AT_SYMLINK_NOFOLLOW as u64 != 0
        && std::fs::symlink_metadata(os(&path)).is_ok_and(|m| m.is_symlink())
    {
        return fail(libc::ELOOP);
    }
    exec(t, path, args, env)
}

/// A path of the file behind a descriptor. Its own name where it still has one: the descriptor may be one that
/// closes on the way to the next emulator.
fn descriptor_path(fd: i32) -> Vec<u8> {
    use std::os::unix::fs::MetadataExt as _;
    let link = format!("/proc/self/fd/{fd}");
    let id = |path: &std::path::Path| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    match std::fs::read_link(&link) {
        Ok(name) if id(&name).is_some_and(|n| Some(n) == id(link.as_ref())) => name.into_os_string().into_vec(),
        _ => link.into_bytes(),
    }
}

/// Linux gives a program at least one argument.
fn arguments(t: &Thread, addr: u64) -> Result<Vec<Vec<u8>>, Errno> {
    let args = t.mem.string_array(addr, ARG_MAX)?;
    Ok(if args.is_empty() { vec![Vec::new()] } else { args })
}

fn os(path: &[u8]) -> &std::path::Path {
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

fn c(bytes: Vec<u8>) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno(libc::EINVAL))
}

/// What the first bytes of a file ask for.
#[derive(PartialEq, Eq, Debug)]
enum Form {
    Guest,
    Script {
        interpreter: Vec<u8>,
        argument: Option<Vec<u8>>,
    },
    /// A program of the host, or something only the host's kernel may know.
    Host,
}

fn form(head: &[u8], machine: u16) -> Result<Form, Errno> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let end = line.iter().position(|&b| b == b'\n' || b == 0);
        let line = &line[..end.unwrap_or(line.len())];
        let line = line.trim_ascii();
        let split = line.iter().position(|b| matches!(b, b' ' | b'\t'));
        let (interpreter, rest) = line.split_at(split.unwrap_or(line.len()));
        // An interpreter cut off by the end of what is looked at must not be run.
        if interpreter.is_empty() || (end.is_none() && split.is_none() && head.len() >= HEAD) {
            return fail(libc::ENOEXEC);
        }
        let rest = rest.trim_ascii();
        let argument = (!rest.is_empty()).then(|| rest.to_vec());
        return Ok(Form::Script { interpreter: interpreter.to_vec(), argument });
    }
    Ok(if elf::machine(head) == Some(machine) { Form::Guest } else { Form::Host })
}

fn exec(t: &mut Thread, guest_path: Vec<u8>, mut args: Vec<Vec<u8>>, env: Vec<Vec<u8>>) -> SysResult {
    let called = guest_path.clone();
    let mut name = guest_path;
    for _ in 0..=SCRIPT_DEPTH {
        let host_path = path::translate(t, &name, true).map_or_else(|| name.clone(), CString::into_bytes);
        let head = own_fds::with_room(|_| read_head(&host_path))?;
        match form(&head, t.abi.machine)? {
            Form::Script { interpreter, argument } => {
                args[0] = name;
                args.splice(0..0, std::iter::once(interpreter.clone()).chain(argument));
                name = interpreter;
            }
            Form::Guest => return reenter(t, host_path, called, args, env),
            Form::Host => {
                t.process.limits().lend();
                let result = replace(t, At::path(&c(host_path)?), args, env);
                crate::limits::take_back();
                return result;
            }
        }
    }
    fail(libc::ELOOP)
}

/// First bytes of a file that may be executed.
fn read_head(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let name = c(path.to_vec())?;
    let at = libc::AT_FDCWD as u64;
    let meta = std::fs::metadata(os(path)).map_err(|e| Errno::of(&e))?;
    if !meta.is_file() {
        return fail(libc::EACCES);
    }
    crate::host::call(libc::SYS_faccessat, &[at, name.as_ptr() as u64, libc::X_OK as u64])?;
    // A program that may be run but not read is the host's to judge.
    let Ok(file) = File::open(os(path)) else { return Ok(Vec::new()) };
    let mut head = vec![0; HEAD];
    let n = file.read_at(&mut head, 0).map_err(|e| Errno::of(&e))?;
    head.truncate(n);
    Ok(head)
}

/// Runs a guest program, `called` by the guest, in a fresh emulator.
fn reenter(t: &mut Thread, path: Vec<u8>, called: Vec<u8>, args: Vec<Vec<u8>>, env: Vec<Vec<u8>>) -> SysResult {
    // The kernel would fail before the old program is gone; so must we.
    let file = own_fds::with_room(|_| check_loadable(t, &path))?;
    let (soft, from) = own_fds::make_room();
    // A magic link means this process's descriptor, which may close at exec: hand the open file over.
    let magic = path.starts_with(b"/proc/");
    let dup = |f: &File| crate::host::call(libc::SYS_fcntl, &[f.as_raw_fd() as u64, libc::F_DUPFD as u64, from]);
    let kept = if magic { dup(&file).ok() } else { None };
    let path = match std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
        Ok(name) if magic => name.into_os_string().into_vec(),
        _ => path,
    };
    drop(file);
    let config = Config {
        exec_name: Some(OsString::from_vec(called)),
        open_files: Some(soft),
        program_fd: kept.map(|f| f as i32),
        limits: Some(t.process.limits()),
        seccomp: t.seccomp.get(),
        ..(*t.process.config).clone()
    };
    let words = reexec::encode(&config, OsString::from_vec(path), args);
    let at = match own_fds::emulator() {
        fd if fd < 0 => At::path(c"/proc/self/exe"),
        fd => At { dir: fd as u64, path: c"", flags: libc::AT_EMPTY_PATH as u64 },
    };
    let result = replace(t, at, words, env);
    if let Some(fd) = kept {
        let _ = crate::host::call(libc::SYS_close, &[fd]);
    }
    own_fds::set_soft_limit(soft);
    result
}

/// Whether the file and its interpreter are guest programs that can be opened.
fn check_loadable(t: &Thread, path: &[u8]) -> Result<File, Errno> {
    let file = File::open(os(path)).map_err(|e| Errno::of(&e))?;
    let abi = t.abi;
    let image = elf::Image::read(&file, abi.machine, abi.name).map_err(|e| {
        tracing::debug!(path = %os(path).display(), error = %e, "execve");
        Errno(libc::ENOEXEC)
    })?;
    if let Some(interpreter) = image.interpreter {
        let host_path = path::translate(t, &interpreter, true).map_or(interpreter, CString::into_bytes);
        File::open(os(&host_path)).map_err(|e| Errno::of(&e))?;
    }
    Ok(file)
}

/// A file of the host to execute.
struct At<'a> {
    dir: u64,
    path: &'a CStr,
    flags: u64,
}

impl<'a> At<'a> {
    fn path(path: &'a CStr) -> At<'a> {
        At { dir: libc::AT_FDCWD as u64, path, flags: 0 }
    }
}

/// Executes a file of the host.
fn replace(t: &mut Thread, at: At<'_>, args: Vec<Vec<u8>>, env: Vec<Vec<u8>>) -> SysResult {
    let pointers =
        |list: &[CString]| -> Vec<u64> { list.iter().map(|s| s.as_ptr() as u64).chain(std::iter::once(0)).collect() };
    let args: Vec<CString> = args.into_iter().map(c).collect::<Result<_, _>>()?;
    let env: Vec<CString> = env.into_iter().map(c).collect::<Result<_, _>>()?;
    let (argv, envp) = (pointers(&args), pointers(&env));
    t.process.before_exit();
    // What our handlers hide from the host must survive: ignored and blocked synchronous signals.
    let ignored: Vec<i32> = (1..=signal::NSIG)
        .filter(|&s| signal::bit(s) & SYNCHRONOUS != 0 && t.process.action(s).handler == signal::SIG_IGN)
        .collect();
    for &s in &ignored {
        signal::ignore_on_host(s);
    }
    core_file::lend_limit(true);
    signal::set_exact_host_mask(t.mask & !UNBLOCKABLE);
    let path = at.path.as_ptr() as u64;
    let words = [at.dir, path, argv.as_ptr() as u64, envp.as_ptr() as u64, at.flags, 0];
    let r = t.blocking(libc::SYS_execveat, &words);
    core_file::lend_limit(false);
    for &s in &ignored {
        signal::set_host_action(s, &t.process.action(s));
    }
    signal::set_host_mask(t.mask);
    r
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(head: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), Errno> {
        match form(head, 183)? {
            Form::Script { interpreter, argument } => Ok((interpreter, argument)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn form_scripts() {
        assert_eq!(script(b"#!/bin/sh\nx").unwrap(), (b"/bin/sh".to_vec(), None));
        assert_eq!(script(b"#! /usr/bin/env  a b \n").unwrap(), (b"/usr/bin/env".to_vec(), Some(b"a b".to_vec())));
        assert_eq!(script(b"#!/bin/sh").unwrap().0, b"/bin/sh");
        assert_eq!(script(b"#!\n"), fail(libc::ENOEXEC));
        let mut long = b"#!".to_vec();
        long.resize(HEAD, b'a');
        assert_eq!(script(&long), fail(libc::ENOEXEC));
    }

    #[test]
    fn form_programs() {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[18] = 183;
        assert_eq!(form(&head, 183), Ok(Form::Guest));
        head[18] = 62;
        assert_eq!(form(&head, 183), Ok(Form::Host));
        assert_eq!(form(b"", 183), Ok(Form::Host));
    }
}
