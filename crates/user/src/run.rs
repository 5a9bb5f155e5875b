//! A whole run: load, then the loop over what stops the processor.

use crate::config::Config;
use crate::errno::Errno;
use crate::host;
use crate::loader::{self, Arguments, LoadError, Program};
use crate::mm::Mm;
use crate::own_fds;
use crate::path::Paths;
use crate::process::Process;
use crate::signal::{self, deliver, inbox};
use crate::syscall;
use crate::thread::Thread;
use brolga_core::near::near;
use brolga_core::{Access, Exit, FaultKind, Vcpu};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs `config.program` to its end and returns its exit status. Does not return if the guest ends
/// by a signal. A program that cannot be loaded is reported on standard error; the status is then 127
/// if it was not found and 126 otherwise, as a shell's.
pub fn run(config: Config, make_vcpu: &dyn Fn() -> Box<dyn Vcpu>) -> i32 {
    // A re-entered emulator was given room by the one before.
    let soft = config.open_files.unwrap_or_else(|| own_fds::make_room().0);
    let started = start(config, make_vcpu);
    own_fds::set_soft_limit(soft);
    match started {
        Ok(mut t) => {
            let status = main_loop(&mut t);
            crate::sys::process::thread_end(&mut t);
            crate::sys::process::leave_first_thread(&t, status)
        }
        Err(e) => {
            eprintln!("brolga: {e}");
            let missing = matches!(&e, LoadError::Open { source, .. } | LoadError::Interpreter { source, .. }
                if source.kind() == std::io::ErrorKind::NotFound);
            if missing { 127 } else { 126 }
        }
    }
}

/// Loads the program and makes its first thread.
fn start(config: Config, make_vcpu: &dyn Fn() -> Box<dyn Vcpu>) -> Result<Thread, LoadError> {
    let abi = config.guest.abi();
    let paths = Arc::new(Paths::new(config.prefix.clone()));
    let layout = (abi.layout)(config.stack_size, config.reserved);
    let layout =
        if config.aslr { layout.moved(random(None).iter().fold(0, |n, &b| n << 8 | u64::from(b))) } else { layout };
    let mut mm = Mm::new(layout, config.guest_base);
    mm.coherent_code = abi.coherent_code;
    let mm = near(|| Arc::new(mm));
    crate::fetch::set_space(&mm);
    let program = match config.program_fd {
        Some(fd) => Program::from_file(&config.program, own_fds::inherited(fd), abi)?,
        None => Program::open(&config.program, abi)?,
    };
    let interpreter = open_interpreter(&program, &paths, &config)?;
    let bytes = |s: &std::ffi::OsStr| s.as_bytes().to_vec();
    let argv0 = config.argv0.clone().unwrap_or_else(|| config.program.clone().into_os_string());
    let args: Vec<Vec<u8>> = std::iter::once(&argv0).chain(&config.args).map(|s| bytes(s)).collect();
    let env: Vec<Vec<u8>> = config.env.iter().map(|s| bytes(s)).collect();
    let arguments = Arguments {
        args: &args,
        env: &env,
        exec_name: config.executed().as_bytes(),
        hwcap: config.cpu.hwcap,
        random: random(config.seed),
        stack_size: config.stack_size,
    };
    let begin = loader::load(&mm, abi, &program, interpreter.as_ref(), &arguments)?;
    let exe = paths.guest_view(absolute(&config.program));
    own_fds::emulator();
    crate::core_file::take_limit();
    show_guest(&mm, &config);
    // Before dispositions are read.
    crate::startup::restore_pipe();
    let process = Arc::new(Process::new(Arc::new(config), mm, paths, exe));
    process.set_trampoline(begin.trampoline);

    std::mem::forget(inbox::HandlerStack::install());
    let seccomp = process.seccomp.add(None);
    seccomp.set(process.config.seccomp.clone());
    let mut t = Thread::new(process, make_vcpu(), seccomp);
    let env = t.cpu.env_mut();
    (t.abi.start)(env, begin.entry, begin.sp);
    crate::log::start(&t);
    t.inbox.attach();
    t.mask = signal::block_all();
    t.process.install_actions();
    let (fluid, _) = t.process.mm.mixed(0..t.process.mm.layout.top);
    if fluid || crate::core_file::limit()[0] != 0 {
        t.cpu.require_precise();
    }
    signal::set_host_mask(t.mask);
    Ok(t)
}

fn open_interpreter(program: &Program, paths: &Paths, config: &Config) -> Result<Option<Program>, LoadError> {
    let Some(name) = &program.image.interpreter else { return Ok(None) };
    let name = Path::new(std::ffi::OsStr::from_bytes(name));
    let path = paths.resolve(name.as_os_str().as_bytes(), true);
    let path: PathBuf = path.map_or_else(|| name.to_path_buf(), |p| PathBuf::from(std::ffi::OsStr::from_bytes(&p)));
    match Program::open(&path, config.guest.abi()) {
        Err(LoadError::Open { source, .. }) => {
            let hint = match &config.prefix {
                Some(p) => format!(" under {} or at its own path", p.display()),
                None => " (no prefix is set with -L)".to_string(),
            };
            Err(LoadError::Interpreter { program: program.path.clone(), interpreter: name.into(), hint, source })
        }
        other => other.map(Some),
    }
}

/// Tells the host's kernel where the guest's arguments are and what it is called, for `ps` and the like.
/// Kernels built without checkpoint support refuse the first; nothing depends on it.
fn show_guest(mm: &Mm, config: &Config) {
    const PR_SET_MM: u64 = 35;
    const PR_SET_MM_MAP: u64 = 14;
    const PR_SET_NAME: u64 = 15;
    let name = Path::new(config.executed()).file_name().unwrap_or_default();
    if let Ok(name) = std::ffi::CString::new(name.as_bytes()) {
        let _ = host::call(libc::SYS_prctl, &[PR_SET_NAME, name.as_ptr() as u64, 0, 0, 0]);
    }
    let state = mm.lock();
    // The kernel wants to be told the host's heap anew. Where it began is in proc_pid_stat(5), which is slow to make. That it
    // began later means that it will not shrink below that; and if it began where it ends now, that what is added to
    // it is another mapping, which each fork copies.
    let Ok(heap) = host::call(libc::SYS_brk, &[0]) else { return };
    let heap_start = crate::startup::heap_start(heap).unwrap_or(heap);
    let at = |a: u64| a + mm.base;
    let code = at(state.code.start)..at(state.code.end);
    let map: [u64; 13] = [
        code.start,
        code.end,
        code.end,
        code.end,
        heap_start,
        heap,
        at(state.stack_start),
        at(state.args.start),
        at(state.args.end),
        at(state.env.start),
        at(state.env.end),
        0,                 // auxiliary vector: kept
        0xffff_ffff << 32, // its size 0, no new executable
    ];
    let r = host::call(libc::SYS_prctl, &[PR_SET_MM, PR_SET_MM_MAP, map.as_ptr() as u64, size_of_val(&map) as u64, 0]);
    tracing::debug!(result = ?r, "arguments shown to the host");
}

fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn random(seed: Option<u64>) -> [u8; 16] {
    let mut out = [0; 16];
    match seed {
        Some(seed) => {
            // splitmix64: distinct, reproducible bytes.
            let mut s = seed;
            for half in out.chunks_exact_mut(8) {
                s = s.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (s ^ s >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                half.copy_from_slice(&(z ^ z >> 31).to_le_bytes());
            }
        }
        None => {
            let _ = host::call(libc::SYS_getrandom, &[out.as_mut_ptr() as u64, 16, 0]);
        }
    }
    out
}

/// Runs a thread until it ends; returns its status.
pub fn main_loop(t: &mut Thread) -> i32 {
    loop {
        if t.inbox.pending.load(std::sync::atomic::Ordering::Acquire) != 0 {
            deliver::pending(t);
        }
        let exit = t.cpu.run();
        handle(t, exit);
        if let Some(status) = t.ended {
            return status;
        }
    }
}

/// Acts on one exit of the processor.
fn handle(t: &mut Thread, exit: Exit) {
    let pc = (t.abi.pc)(t.cpu.env());
    let stale = t.process.mm.end_grace(pc);
    t.invalidate(stale);
    match exit {
        Exit::Syscall(_) => return syscall::dispatch(t),
        Exit::Interrupted => {
            t.cpu.env().take_exit_request();
        }
        Exit::Fault(f) if f.access == Access::Fetch && (t.abi.called)(t, f.addr) => return,
        Exit::Fault(f) if f.kind == FaultKind::Permission && f.access == Access::Write => {
            if t.process.mm.unwatch(f.addr, pc, &|stale| t.invalidate(Some(stale))) {
                return;
            }
        }
        _ => {}
    }
    let Some(r) = (t.abi.raised)(t.cpu.env(), exit) else { return };
    if matches!(exit, Exit::Fault(f) if f.kind == FaultKind::Unmapped)
        && t.process.mm.grow(r.addr, t.process.config.stack_size)
    {
        return;
    }
    tracing::debug!(?exit, pc = format_args!("{pc:#x}"), "the guest's instruction raises a signal");
    deliver::raised(t, r.signal, r.code, r.addr, r.syndrome);
}

/// The result of a call that is to be made again.
pub fn is_restart(e: Errno) -> bool {
    e == Errno::RESTARTSYS || e == Errno::RESTARTNOINTR
}
