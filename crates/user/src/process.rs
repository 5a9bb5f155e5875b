//! What all threads of a guest process share.

use crate::abi::Abi;
use crate::config::Config;
use crate::limits::Limits;
use crate::mm::Mm;
use crate::path::Paths;
use crate::seccomp;
use crate::signal::{self, NSIG, SigAction};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks, ignoring that a thread panicked while it held the lock.
pub fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guest process. A `vfork` child shares everything but the signal actions.
#[derive(Debug)]
pub struct Process {
    /// How it was started.
    pub config: Arc<Config>,
    /// Its architecture.
    pub abi: &'static Abi,
    /// Its address space.
    pub mm: Arc<Mm>,
    /// Path translation.
    pub paths: Arc<Paths>,
    /// Absolute path of the program as the guest sees it: without the prefix.
    pub exe: PathBuf,
    /// Living threads.
    pub threads: AtomicUsize,
    /// Limits that the host does not hold.
    pub limits: Mutex<Limits>,
    /// seccomp states of its threads.
    pub seccomp: seccomp::Threads,
    actions: Mutex<[SigAction; NSIG as usize]>,
    trampoline: AtomicU64,
}

impl Process {
    /// A process with one thread and the host's present signal dispositions.
    pub fn new(config: Arc<Config>, mm: Arc<Mm>, paths: Arc<Paths>, exe: PathBuf) -> Process {
        let actions = std::array::from_fn(|i| {
            let host = signal::host_action(i as i32 + 1);
            // Across execve only "ignored" survives.
            SigAction {
                handler: if host.handler == signal::SIG_IGN { signal::SIG_IGN } else { 0 },
                ..SigAction::default()
            }
        });
        let abi = config.guest.abi();
        let (actions, trampoline) = (Mutex::new(actions), AtomicU64::new(0));
        let limits = Mutex::new(config.limits.unwrap_or_else(Limits::take));
        let (threads, seccomp) = (AtomicUsize::new(1), seccomp::Threads::default());
        Process { config, abi, mm, paths, exe, threads, limits, seccomp, actions, trampoline }
    }

    /// A copy with signal actions of its own over the same memory.
    pub fn split(&self) -> Process {
        Process {
            config: self.config.clone(),
            abi: self.abi,
            mm: self.mm.clone(),
            paths: self.paths.clone(),
            exe: self.exe.clone(),
            threads: AtomicUsize::new(1),
            limits: Mutex::new(self.limits()),
            seccomp: seccomp::Threads::default(),
            actions: Mutex::new(*lock(&self.actions)),
            trampoline: AtomicU64::new(self.trampoline()),
        }
    }

    /// Limits that the host does not hold.
    pub fn limits(&self) -> Limits {
        *lock(&self.limits)
    }

    /// What the guest does on `signal`, 1..=64.
    pub fn action(&self, signal: i32) -> SigAction {
        lock(&self.actions)[signal as usize - 1]
    }

    /// Changes what the guest does on `signal`; returns what it did.
    pub fn set_action(&self, signal: i32, action: SigAction) -> SigAction {
        let mut actions = lock(&self.actions);
        let old = std::mem::replace(&mut actions[signal as usize - 1], action);
        signal::set_host_action(signal, &action);
        old
    }

    /// Changes what the guest does on `signal` without the host's side.
    pub fn replace_action(&self, signal: i32, action: SigAction) {
        lock(&self.actions)[signal as usize - 1] = action;
    }

    /// Installs the host side of the actions that are ours even if the guest has none of its own: at the
    /// start, and when the limit of core files changes.
    pub fn install_actions(&self) {
        let actions = lock(&self.actions);
        for (i, a) in actions.iter().enumerate() {
            let signal = i as i32 + 1;
            if signal::bit(signal) & signal::SYNCHRONOUS != 0 || crate::core_file::makes_core(signal) {
                signal::set_host_action(signal, a);
            }
        }
    }

    /// Holds the locks of this structure and of the core limit while `f` runs (a fork must not happen while another thread holds
    /// one).
    pub fn locked<R>(&self, f: impl FnOnce() -> R) -> R {
        let _held = (lock(&self.actions), lock(&self.limits));
        crate::core_file::locked(|| self.seccomp.locked(f))
    }

    /// Address of the signal trampoline.
    pub fn trampoline(&self) -> u64 {
        self.trampoline.load(Ordering::Relaxed)
    }

    /// Sets the address of the signal trampoline.
    pub fn set_trampoline(&self, at: u64) {
        self.trampoline.store(at, Ordering::Relaxed);
    }

    /// Runs what the binary wants to do before the process image goes.
    pub fn before_exit(&self) {
        if let Some(f) = self.config.on_exit {
            f();
        }
    }
}
