//! seccomp(2), interpreted: the guest's filters see the guest's numbers and architecture, so they are
//! never installed on the host.
//!
//! Filters are classic BPF over `struct seccomp_data` (64 bytes): number, architecture, instruction
//! pointer, six arguments. Linux Documentation/userspace-api/seccomp_filter.

use crate::errno::SysResult;
use crate::host;
use crate::process::lock;
use crate::signal::deliver;
use crate::sys::fail;
use crate::thread::Thread;
use brolga_core::near::near;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// One BPF instruction, `struct sock_filter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// A filter and those installed before it.
#[derive(Debug)]
struct Filter {
    program: Vec<Insn>,
    before: Option<Arc<Filter>>,
}

/// What a thread is restricted to; children and programs that it executes inherit it.
#[derive(Clone, Debug, Default)]
pub struct State {
    strict: bool,
    filters: Option<Arc<Filter>>,
}

impl State {
    /// As `prctl(PR_GET_SECCOMP)` tells it.
    pub fn mode(&self) -> u64 {
        if self.filters.is_some() { 2 } else { u64::from(self.strict) }
    }

    /// Whether nothing is restricted.
    fn is_open(&self) -> bool {
        !self.strict && self.filters.is_none()
    }

    /// The filters as text, the oldest first: two hexadecimal digits a byte.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut filter = self.filters.as_deref();
        while let Some(f) = filter {
            words.push(f.program.iter().map(Insn::hex).collect());
            filter = f.before.as_deref();
        }
        words.reverse();
        words
    }

    /// Adds a filter from its text; false if it is none.
    pub fn add_word(&mut self, word: &str) -> bool {
        let bytes: Option<Vec<u8>> =
            (0..word.len()).step_by(2).map(|i| u8::from_str_radix(word.get(i..i + 2)?, 16).ok()).collect();
        let program: Vec<Insn> = bytes.unwrap_or_default().chunks_exact(8).map(insn).collect();
        let good = valid(&program);
        if good {
            self.add(program);
        }
        good
    }

    fn add(&mut self, program: Vec<Insn>) {
        self.filters = Some(Arc::new(Filter { program, before: self.filters.take() }));
    }

    /// Whether this thread may take over the filters of one whose chain is `other`: it has a part of them.
    fn may_follow(&self, other: Option<&Arc<Filter>>) -> bool {
        let Some(own) = &self.filters else { return !self.strict };
        let mut filter = other;
        while let Some(f) = filter {
            if Arc::ptr_eq(own, f) {
                return true;
            }
            filter = f.before.as_ref();
        }
        false
    }
}

impl Insn {
    fn hex(&self) -> String {
        let [a, b] = self.code.to_le_bytes();
        let [c, d, e, f] = self.k.to_le_bytes();
        [a, b, self.jt, self.jf, c, d, e, f].iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The state of one thread, which other threads of its process may replace.
#[derive(Debug, Default)]
pub struct Own {
    restricted: AtomicBool,
    tid: AtomicI32,
    state: Mutex<State>,
}

impl Own {
    /// The present state.
    pub fn get(&self) -> State {
        lock(&self.state).clone()
    }

    /// Replaces the state.
    pub fn set(&self, state: State) {
        self.restricted.store(!state.is_open(), Ordering::Release);
        *lock(&self.state) = state;
    }

    /// Says whose state it is, for errors.
    pub fn set_tid(&self, tid: i32) {
        self.tid.store(tid, Ordering::Relaxed);
    }
}

/// The states of a process's threads.
#[derive(Debug, Default)]
pub struct Threads(Mutex<Vec<Weak<Own>>>);

impl Threads {
    /// The state of a thread that `parent` makes, or of the first.
    pub fn add(&self, parent: Option<&Own>) -> Arc<Own> {
        let mut list = lock(&self.0);
        let own = near(|| Arc::new(Own::default()));
        if let Some(parent) = parent {
            own.set(parent.get());
        }
        list.retain(|w| w.strong_count() > 0);
        near(|| list.push(Arc::downgrade(&own)));
        own
    }

    /// A thread ends.
    pub fn remove(&self, own: &Arc<Own>) {
        lock(&self.0).retain(|w| !std::ptr::eq(w.as_ptr(), Arc::as_ptr(own)));
    }

    /// After a fork: nobody but `own` is left.
    pub fn keep_only(&self, own: &Arc<Own>) {
        // In place: allocation would touch more pages, of which the child has to make copies.
        lock(&self.0).retain(|w| std::ptr::eq(w.as_ptr(), Arc::as_ptr(own)));
    }

    /// Runs `action`, a fork, while nobody else looks at the list.
    pub fn locked<R>(&self, action: impl FnOnce() -> R) -> R {
        let _held = lock(&self.0);
        action()
    }

    /// Gives `own`'s filters and one more to every thread. An error is the number of a thread that has other filters.
    fn synchronise(&self, own: &Arc<Own>, program: Vec<Insn>) -> Result<(), i32> {
        let list = lock(&self.0);
        let mut state = own.get();
        let all: Vec<Arc<Own>> = list.iter().filter_map(Weak::upgrade).collect();
        if let Some(other) = all.iter().find(|o| !o.get().may_follow(state.filters.as_ref())) {
            return Err(other.tid.load(Ordering::Relaxed));
        }
        state.add(program);
        for o in all {
            o.set(state.clone());
        }
        Ok(())
    }
}

const RET_KILL_PROCESS: u32 = 0x8000_0000;
const RET_KILL_THREAD: u32 = 0;
const RET_TRAP: u32 = 0x0003_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_USER_NOTIF: u32 = 0x7fc0_0000;
const RET_TRACE: u32 = 0x7ff0_0000;
const RET_LOG: u32 = 0x7ffc_0000;
const RET_ALLOW: u32 = 0x7fff_0000;
const ACTION: u32 = 0xffff_0000;
/// Most instructions of one filter (BPF_MAXINSNS).
const MAX_INSNS: usize = 4096;

/// The verdict on a call: `None` lets it be made.
pub fn check(t: &mut Thread, nr: u64, args: &[u64; 6]) -> Option<SysResult> {
    if !t.seccomp.restricted.load(Ordering::Acquire) {
        return None;
    }
    let state = t.seccomp.get();
    if state.strict {
        let name = crate::table::row(t.abi.table, nr).map_or("", |r| r.name);
        if !matches!(name, "read" | "write" | "exit" | "rt_sigreturn") {
            deliver::end_by(t, libc::SIGKILL, None);
        }
        return None;
    }
    let mut data = [0u8; 64];
    data[..4].copy_from_slice(&(nr as u32).to_le_bytes());
    data[4..8].copy_from_slice(&t.abi.audit_arch.to_le_bytes());
    data[8..16].copy_from_slice(&(t.abi.pc)(t.cpu.env()).to_le_bytes());
    for (i, a) in args.iter().enumerate() {
        data[16 + 8 * i..24 + 8 * i].copy_from_slice(&a.to_le_bytes());
    }
    act(t, nr, verdict(state.filters.as_deref(), &data))
}

/// The most severe answer of all filters; of equal ones, the youngest filter's.
fn verdict(mut filter: Option<&Filter>, data: &[u8; 64]) -> u32 {
    let mut worst = RET_ALLOW;
    while let Some(f) = filter {
        let r = run(&f.program, data);
        // Severity orders as signed numbers: KILL_PROCESS has the sign bit.
        if ((r & ACTION) as i32) < ((worst & ACTION) as i32) {
            worst = r;
        }
        filter = f.before.as_deref();
    }
    worst
}

fn act(t: &mut Thread, nr: u64, verdict: u32) -> Option<SysResult> {
    let data = verdict & !ACTION;
    match verdict & ACTION {
        RET_ALLOW => None,
        RET_LOG => {
            tracing::info!(nr, "seccomp filter logs a call");
            None
        }
        RET_ERRNO if data == 0 => Some(Ok(0)),
        RET_ERRNO => fail_some(data.min(4095) as i32),
        RET_TRAP => {
            trap(t, nr, data);
            Some(Ok(0))
        }
        // Without a tracer or a listener the kernel answers so.
        RET_TRACE | RET_USER_NOTIF => fail_some(libc::ENOSYS),
        RET_KILL_THREAD if t.process.threads.load(Ordering::Acquire) > 1 => {
            t.ended = Some(libc::SIGSYS);
            t.registers_replaced = true;
            Some(Ok(0))
        }
        _ => deliver::end_by(t, libc::SIGSYS, None),
    }
}

fn fail_some(errno: i32) -> Option<SysResult> {
    Some(fail(errno))
}

/// SIGSYS with the call's number; the result register keeps its value, as the kernel rolls back.
fn trap(t: &mut Thread, nr: u64, data: u32) {
    let mut info = [0u8; 128];
    info[..4].copy_from_slice(&libc::SIGSYS.to_le_bytes());
    info[4..8].copy_from_slice(&data.to_le_bytes());
    info[8..12].copy_from_slice(&1i32.to_le_bytes()); // SYS_SECCOMP
    info[16..24].copy_from_slice(&(t.abi.pc)(t.cpu.env()).to_le_bytes());
    info[24..28].copy_from_slice(&(nr as u32).to_le_bytes());
    info[28..32].copy_from_slice(&t.abi.audit_arch.to_le_bytes());
    t.registers_replaced = true;
    deliver::forced(t, libc::SIGSYS, &info, None);
}

/// Runs one checked program.
fn run(program: &[Insn], data: &[u8; 64]) -> u32 {
    let word = |k: u32| u32::from_le_bytes(data[k as usize..k as usize + 4].try_into().expect("checked offset"));
    let (mut a, mut x, mut m) = (0u32, 0u32, [0u32; 16]);
    let mut pc = 0;
    while let Some(i) = program.get(pc) {
        pc += 1;
        let source = if i.code & 8 != 0 { x } else { i.k };
        match i.code & 7 {
            0 => a = if i.code & 0xe0 == 0x80 { 64 } else { load(i, &word, &m) },
            1 => x = if i.code & 0xe0 == 0x80 { 64 } else { load(i, &word, &m) },
            2 => m[i.k as usize & 15] = a,
            3 => m[i.k as usize & 15] = x,
            4 => match alu(i.code & 0xf0, a, source) {
                Some(r) => a = r,
                None => return RET_KILL_THREAD,
            },
            5 => pc += jump(i, a, source),
            6 => return if i.code & 0x18 == 0x10 { a } else { i.k },
            _ if i.code & 0xf8 == 0 => x = a,
            _ => a = x,
        }
    }
    RET_KILL_THREAD
}

fn load(i: &Insn, word: &dyn Fn(u32) -> u32, m: &[u32; 16]) -> u32 {
    match i.code & 0xe0 {
        0x20 => word(i.k),
        0x60 => m[i.k as usize & 15],
        _ => i.k,
    }
}

fn alu(op: u16, a: u32, b: u32) -> Option<u32> {
    Some(match op {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        0x30 => a.checked_div(b)?,
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a.checked_shl(b).unwrap_or(0),
        0x70 => a.checked_shr(b).unwrap_or(0),
        0x80 => a.wrapping_neg(),
        _ => a ^ b,
    })
}

fn jump(i: &Insn, a: u32, b: u32) -> usize {
    let taken = match i.code & 0xf0 {
        0x00 => return i.k as usize,
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        _ => a & b != 0,
    };
    usize::from(if taken { i.jt } else { i.jf })
}

/// The kernel's checks: known instructions, aligned loads inside the data, forward jumps inside the
/// program, a return at the end.
fn valid(program: &[Insn]) -> bool {
    let ok = program.iter().enumerate().all(|(at, i)| {
        let inside = |offset: u64| at as u64 + 1 + offset < program.len() as u64;
        match i.code {
            0x20 => i.k < 64 && i.k % 4 == 0,                              // ld [k]
            0x00 | 0x01 | 0x80 | 0x81 | 0x06 | 0x16 | 0x07 | 0x87 => true, // immediate, length, return, moves
            0x60 | 0x61 | 0x02 | 0x03 => i.k < 16,                         // scratch memory
            0x34 => i.k != 0,                                              // divide by a constant
            0x64 | 0x74 => i.k < 32,                                       // shift by a constant
            0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x3c | 0x44 | 0x4c | 0x54 | 0x5c | 0x6c | 0x7c | 0x84 | 0xa4
            | 0xac => true,
            0x05 => inside(i.k.into()),
            0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => inside(i.jt.into()) && inside(i.jf.into()),
            _ => false,
        }
    });
    ok && program.last().is_some_and(|i| matches!(i.code, 0x06 | 0x16))
}

/// `prctl(PR_SET_SECCOMP, mode, program)`
pub fn prctl(t: &mut Thread, mode: u64, program: u64) -> SysResult {
    match mode {
        1 => set_strict(t),
        2 => set_filter(t, 0, program),
        _ => fail(libc::EINVAL),
    }
}

/// SECCOMP_SET_MODE_STRICT
pub fn set_strict(t: &mut Thread) -> SysResult {
    let mut state = t.seccomp.get();
    if state.filters.is_some() {
        return fail(libc::EINVAL);
    }
    state.strict = true;
    t.seccomp.set(state);
    Ok(0)
}

/// SECCOMP_SET_MODE_FILTER; `at` is the address of `struct sock_fprog`.
pub fn set_filter(t: &mut Thread, flags: u64, at: u64) -> SysResult {
    const TSYNC: u64 = 1;
    const TSYNC_ESRCH: u64 = 16;
    // TSYNC, LOG, SPEC_ALLOW, TSYNC_ESRCH. Kernels before 5.0 know no listeners and refuse them so.
    const KNOWN: u64 = 0x17;
    if t.seccomp.get().strict || flags & !KNOWN != 0 {
        return fail(libc::EINVAL);
    }
    let (len, pointer) = (u16::from_le_bytes(t.mem.bytes(at)?), t.mem.u64(at.wrapping_add(8))?);
    if len == 0 || usize::from(len) > MAX_INSNS {
        return fail(libc::EINVAL);
    }
    if !may_filter() {
        return fail(libc::EACCES);
    }
    let mut bytes = vec![0; usize::from(len) * 8];
    t.mem.read(pointer, &mut bytes)?;
    let program: Vec<Insn> = bytes.chunks_exact(8).map(insn).collect();
    if !valid(&program) {
        return fail(libc::EINVAL);
    }
    if flags & TSYNC == 0 {
        let mut state = t.seccomp.get();
        state.add(program);
        t.seccomp.set(state);
        return Ok(0);
    }
    match t.process.seccomp.synchronise(&t.seccomp, program) {
        Ok(()) => Ok(0),
        Err(_) if flags & TSYNC_ESRCH != 0 => fail(libc::ESRCH),
        Err(tid) => Ok(tid as u64),
    }
}

fn insn(b: &[u8]) -> Insn {
    Insn { code: u16::from_le_bytes([b[0], b[1]]), jt: b[2], jf: b[3], k: u32::from_le_bytes([b[4], b[5], b[6], b[7]]) }
}

/// no_new_privs or the capability.
fn may_filter() -> bool {
    const PR_GET_NO_NEW_PRIVS: u64 = 39;
    const CAP_SYS_ADMIN: u32 = 21;
    if host::call(libc::SYS_prctl, &[PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0]) == Ok(1) {
        return true;
    }
    host::has_capability(CAP_SYS_ADMIN)
}

/// SECCOMP_GET_ACTION_AVAIL
pub fn action_available(action: u32) -> bool {
    [RET_KILL_PROCESS, RET_KILL_THREAD, RET_TRAP, RET_ERRNO, RET_TRACE, RET_LOG, RET_ALLOW].contains(&action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn i(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
        Insn { code, jt, jf, k }
    }

    fn data(nr: u32) -> [u8; 64] {
        let mut d = [0; 64];
        d[..4].copy_from_slice(&nr.to_le_bytes());
        d
    }

    #[test]
    fn run_denies_one_call() {
        let p = [i(0x20, 0, 0, 0), i(0x15, 0, 1, 63), i(0x06, 0, 0, RET_ERRNO | 1), i(0x06, 0, 0, RET_ALLOW)];
        assert!(valid(&p));
        assert_eq!(run(&p, &data(63)), RET_ERRNO | 1);
        assert_eq!(run(&p, &data(64)), RET_ALLOW);
    }

    #[test]
    fn valid_refuses_what_the_kernel_refuses() {
        assert!(!valid(&[]));
        assert!(!valid(&[i(0x20, 0, 0, 64), i(6, 0, 0, 0)]));
        assert!(!valid(&[i(0x20, 0, 0, 2), i(6, 0, 0, 0)]));
        assert!(!valid(&[i(0x05, 0, 0, 1), i(6, 0, 0, 0)]));
        assert!(!valid(&[i(0x28, 0, 0, 0), i(6, 0, 0, 0)]));
        assert!(!valid(&[i(0x20, 0, 0, 0)]));
        assert!(!valid(&[i(0x34, 0, 0, 0), i(6, 0, 0, 0)]));
    }

    #[test]
    fn verdict_takes_the_most_severe() {
        let ret = |k| vec![i(6, 0, 0, k)];
        let chain = |a, b| Filter { program: ret(a), before: Some(Arc::new(Filter { program: ret(b), before: None })) };
        assert_eq!(verdict(Some(&chain(RET_ERRNO | 2, RET_ALLOW)), &data(0)), RET_ERRNO | 2);
        assert_eq!(verdict(Some(&chain(RET_ERRNO | 2, RET_ERRNO | 3)), &data(0)), RET_ERRNO | 2);
        assert_eq!(verdict(Some(&chain(RET_KILL_THREAD, RET_KILL_PROCESS)), &data(0)), RET_KILL_PROCESS);
        assert_eq!(verdict(None, &data(0)), RET_ALLOW);
    }

    #[test]
    fn run_arithmetic_and_memory() {
        let store_six = [i(0x00, 0, 0, 6), i(0x02, 0, 0, 3)];
        let times_seven = [i(0x00, 0, 0, 7), i(0x07, 0, 0, 0), i(0x60, 0, 0, 3), i(0x2c, 0, 0, 0), i(0x16, 0, 0, 0)];
        assert_eq!(run(&[&store_six[..], &times_seven].concat(), &data(0)), 42);
        assert_eq!(run(&[i(0x00, 0, 0, 1), i(0x3c, 0, 0, 0), i(0x16, 0, 0, 0)], &data(0)), RET_KILL_THREAD);
    }

    #[test]
    fn words_give_filters_back() {
        let mut state = State::default();
        state.add(vec![i(6, 0, 0, RET_ERRNO | 2)]);
        state.add(vec![i(0x20, 0, 0, 4), i(0x15, 0, 1, 0xc000_00b7), i(6, 0, 0, RET_ALLOW), i(6, 0, 0, 0)]);
        let mut again = State::default();
        assert!(state.words().iter().all(|w| again.add_word(w)));
        assert_eq!(again.words(), state.words());
        assert_eq!(verdict(again.filters.as_deref(), &data(0)), RET_KILL_THREAD);
        assert!(!again.add_word("0600000") && !again.add_word("zz") && !again.add_word(""));
    }

    #[test]
    fn synchronise_needs_a_common_past() {
        let threads = Threads::default();
        let first = threads.add(None);
        let second = threads.add(Some(&first));
        assert_eq!(threads.synchronise(&first, vec![i(6, 0, 0, RET_ALLOW)]), Ok(()));
        assert_eq!((first.get().mode(), second.get().mode()), (2, 2));
        let mut apart = second.get();
        apart.add(vec![i(6, 0, 0, RET_ALLOW)]);
        second.set(apart);
        second.set_tid(77);
        assert_eq!(threads.synchronise(&first, vec![i(6, 0, 0, RET_ALLOW)]), Err(77));
        threads.remove(&second);
        assert_eq!(threads.synchronise(&first, vec![i(6, 0, 0, RET_ALLOW)]), Ok(()));
    }
}
