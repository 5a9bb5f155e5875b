//! x86_64 Linux.

use super::{Abi, CpuId, Raised, STAT_MAX};
use crate::errno::{Errno, SysResult};
use crate::mm::Layout;
use crate::signal::deliver;
use crate::table::{Arg, How, Kind, Ret, Row, Struct, Word, flags};
use crate::thread::Thread;
use brolga_core::{Access, Env, Exit, Fault, FaultKind};

#[path = "x86_64_frame.rs"]
mod frame;
#[path = "x86_64_regs.rs"]
pub mod regs;
#[path = "x86_64_vdso.rs"]
pub mod vdso;

include!(concat!(env!("OUT_DIR"), "/x86_64.rs"));

/// x86_64 Linux with 46-bit addresses: what lies above is the emulator's.
pub static X86_64: Abi = Abi {
    name: "x86_64",
    machine: 62,
    audit_arch: 0xc000_003e,
    layout,
    // MINSIGSTKSZ of the headers; the frame is about 1400 bytes.
    min_sigstack: 2048,
    red_zone: 128,
    trampoline: &[],
    vdso: &vdso::FUNCTIONS,
    table: &TABLE,
    open_flags: &OPEN_FLAGS,
    epoll_packed: true,
    call: |env| {
        let f = &env.file;
        let args = [regs::RDI, regs::RSI, regs::RDX, regs::R10, regs::R8, regs::R9].map(|r| f[r]);
        (f[regs::RAX] & 0xffff_ffff, args)
    },
    set_result: |env, r| env.file[regs::RAX] = r,
    // RAX still holds the number.
    rewind: |env| env.file[regs::RIP] = env.file[regs::RIP].wrapping_sub(SYSCALL_BYTES),
    pc: |env| env.file[regs::RIP],
    set_pc: |env, pc| env.file[regs::RIP] = pc,
    sp: |env| env.file[regs::RSP],
    start: |env, entry, sp| {
        regs::reset(env);
        env.file[regs::RIP] = entry;
        env.file[regs::RSP] = sp;
    },
    start_clone,
    clone_tls_first: false,
    stat,
    push_frame: frame::push,
    pop_frame: frame::pop,
    raised,
    called: vsyscall,
    ptrace_getregs: true,
    more_prot: 0,
    coherent_code: true,
    mmap_low: libc::MAP_32BIT as u64,
    prctl,
    cpuinfo,
    core_regs,
    core_fpregs: |env| frame::fxsave(env).to_vec(),
};

/// Bytes of address space, and the fewest that hold a program with its stack.
const SPACE: u64 = 1 << 46;
const LEAST_SPACE: u64 = 256 << 20;

/// Bytes of SYSCALL.
const SYSCALL_BYTES: u64 = 2;

/// Selectors of 64-bit user code and its data: arch/x86/include/asm/segment.h.
const USER_CS: u16 = 0x33;
const USER_DS: u16 = 0x2b;

/// x86 takes the generic bits; only other hosts differ.
static OPEN_FLAGS: [(u64, u64); 4] = [
    (0o200000, libc::O_DIRECTORY as u64),
    (0o400000, libc::O_NOFOLLOW as u64),
    (0o40000, libc::O_DIRECT as u64),
    // glibc defines O_LARGEFILE as 0 for 64-bit hosts; the kernel's bit is this one on x86.
    (0o100000, if cfg!(target_arch = "x86_64") { 0o100000 } else { 0o400000 }),
];

fn layout(stack: u64, reserved: Option<u64>) -> Layout {
    let top = reserved.map_or(SPACE, |r| r.next_multiple_of(1 << 16).clamp(LEAST_SPACE, SPACE));
    let gap = stack.clamp(128 << 20, top / 6 * 5) + (1 << 20);
    Layout { top, bottom: 0x1_0000, mmap_top: (top - gap) & !0xffff, pie: (top / 3 * 2) & !0x1f_ffff }
}

fn start_clone(env: &mut Env, sp: Option<u64>, tls: Option<u64>) {
    env.file[regs::RAX] = 0;
    if let Some(sp) = sp {
        env.file[regs::RSP] = sp;
    }
    if let Some(tls) = tls {
        env.file[regs::FS_BASE] = tls;
        env.file[regs::SEGMENTS] &= !regs::FS_SELECTOR;
    }
}

/// `struct stat` of arch/x86/include/uapi/asm/stat.h, 144 bytes.
fn stat(s: &libc::stat, out: &mut [u8; STAT_MAX]) -> usize {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&s.st_dev.to_le_bytes());
    put(&s.st_ino.to_le_bytes());
    put(&(s.st_nlink as u64).to_le_bytes());
    put(&s.st_mode.to_le_bytes());
    put(&s.st_uid.to_le_bytes());
    put(&s.st_gid.to_le_bytes());
    put(&[0; 4]);
    put(&s.st_rdev.to_le_bytes());
    put(&s.st_size.to_le_bytes());
    put(&(s.st_blksize as u64).to_le_bytes());
    put(&s.st_blocks.to_le_bytes());
    for (sec, nsec) in [(s.st_atime, s.st_atime_nsec), (s.st_mtime, s.st_mtime_nsec), (s.st_ctime, s.st_ctime_nsec)] {
        put(&sec.to_le_bytes());
        put(&nsec.to_le_bytes());
    }
    put(&[0; 24]);
    at
}

/// `arch_prctl`: the bases of FS and GS, and whether CPUID faults (it never does).
pub fn arch_prctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SET_GS: u64 = 0x1001;
    const SET_FS: u64 = 0x1002;
    const GET_FS: u64 = 0x1003;
    const GET_GS: u64 = 0x1004;
    const GET_CPUID: u64 = 0x1011;
    const SET_CPUID: u64 = 0x1012;
    const GET_XCOMP_SUPP: u64 = 0x1021;
    const GET_XCOMP_PERM: u64 = 0x1022;
    let base = |code| if matches!(code, SET_GS | GET_GS) { regs::GS_BASE } else { regs::FS_BASE };
    match a[0] & 0xffff_ffff {
        SET_FS | SET_GS if a[1] >= t.process.mm.layout.top => Err(Errno(libc::EPERM)),
        code @ (SET_FS | SET_GS) => {
            let file = &mut t.cpu.env_mut().file;
            file[base(code)] = a[1];
            // The segment register becomes null.
            file[regs::SEGMENTS] &= !(if code == SET_FS { regs::FS_SELECTOR } else { regs::GS_SELECTOR });
            Ok(0)
        }
        code @ (GET_FS | GET_GS) => {
            let value = t.cpu.env().file[base(code)];
            t.mem.write_words(a[1], &[value])?;
            Ok(0)
        }
        GET_CPUID => Ok(1),
        SET_CPUID => Err(Errno(libc::ENODEV)),
        GET_XCOMP_SUPP | GET_XCOMP_PERM => {
            t.mem.write_words(a[1], &[frame::XFEATURES])?;
            Ok(0)
        }
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// The vsyscall page, whose three functions the kernel emulates: arch/x86/entry/vsyscall/vsyscall_64.c.
fn vsyscall(t: &mut Thread, addr: u64) -> bool {
    const PAGE: u64 = 0xffff_ffff_ff60_0000;
    const GETTIMEOFDAY: u64 = 96;
    const TIME: u64 = 201;
    const GETCPU: u64 = 309;
    let number = match addr.wrapping_sub(PAGE) {
        0 => GETTIMEOFDAY,
        0x400 => TIME,
        0x800 => GETCPU,
        _ => return false,
    };
    let sp = t.cpu.env().file[regs::RSP];
    let Ok(back) = t.mem.u64(sp) else { return false };
    let file = &mut t.cpu.env_mut().file;
    (file[regs::RAX], file[regs::RIP], file[regs::RSP]) = (number, back, sp.wrapping_add(8));
    crate::syscall::dispatch(t);
    true
}

/// prctl(2): the time-stamp counter can always be read.
fn prctl(t: &mut Thread, a: &[u64; 6]) -> Option<SysResult> {
    const GET_TSC: i32 = 25;
    const SET_TSC: i32 = 26;
    const TSC_ENABLE: i32 = 1;
    match a[0] as i32 {
        GET_TSC => Some(t.mem.write(a[1], &TSC_ENABLE.to_le_bytes()).map(|()| 0)),
        SET_TSC if a[1] as i32 == TSC_ENABLE => Some(Ok(0)),
        SET_TSC => Some(Err(Errno(libc::EINVAL))),
        _ => None,
    }
}

/// Vectors of exceptions. SDM vol. 3, "Protected-Mode Exceptions and Interrupts".
mod vector {
    pub const DIVIDE: u32 = 0;
    pub const DEBUG: u32 = 1;
    pub const BREAKPOINT: u32 = 3;
    pub const UNDEFINED: u32 = 6;
    pub const STACK: u32 = 12;
    pub const PROTECTION: u32 = 13;
    pub const PAGE: u32 = 14;
    pub const X87: u32 = 16;
    pub const ALIGNMENT: u32 = 17;
    pub const SIMD: u32 = 19;
}

/// `si_code` of signals that the kernel itself decided on; they have no address.
const SI_KERNEL: i32 = 0x80;

/// Trap number and error code, as the frame stores them.
const fn syndrome(vector: u32, error: u32) -> u64 {
    (vector as u64) << 32 | error as u64
}

/// Linux arch/x86/kernel/traps.c and mm/fault.c. Exceptions come with their vector and, in the upper
/// half, their error code. RIP is behind a breakpoint.
fn raised(env: &Env, exit: Exit) -> Option<Raised> {
    let vector = match exit {
        Exit::Fault(fault) => return Some(memory_fault(&fault)),
        Exit::Undefined(_) => vector::UNDEFINED,
        Exit::Breakpoint(_) => vector::BREAKPOINT,
        Exit::GuestException(vector) => vector & 0xffff,
        Exit::Step => vector::DEBUG,
        Exit::Syscall(_) | Exit::Interrupted => return None,
    };
    let error = if let Exit::GuestException(word) = exit { word >> 16 } else { 0 };
    let pc = env.file[regs::RIP];
    let (signal, code, addr) = match vector {
        vector::DIVIDE => (libc::SIGFPE, 1, pc),                       // FPE_INTDIV
        vector::DEBUG if exit == Exit::Step => (libc::SIGTRAP, 2, pc), // TRAP_TRACE
        vector::DEBUG => (libc::SIGTRAP, 1, pc),                       // TRAP_BRKPT
        vector::BREAKPOINT => (libc::SIGTRAP, SI_KERNEL, 0),
        vector::UNDEFINED => (libc::SIGILL, 2, pc), // ILL_ILLOPN
        vector::STACK => (libc::SIGBUS, SI_KERNEL, 0),
        vector::ALIGNMENT => (libc::SIGBUS, 1, 0), // BUS_ADRALN
        vector::X87 => {
            let masked = env.file[regs::FPU_CONTROL];
            (libc::SIGFPE, arithmetic(env.file[regs::FPU_STATUS] & !masked), pc)
        }
        vector::SIMD => {
            let mxcsr = regs::mxcsr(env);
            (libc::SIGFPE, arithmetic(mxcsr & !(mxcsr >> 7)), pc)
        }
        // General protection, and what user code cannot cause.
        _ => (libc::SIGSEGV, SI_KERNEL, 0),
    };
    Some(Raised { signal, code, addr, syndrome: syndrome(vector, error) })
}

/// `si_code` of SIGFPE for the unmasked exception flags of x87 or SSE. `fpu__exception_code`
fn arithmetic(raised: u64) -> i32 {
    const CODES: [(u64, i32); 5] = [
        (0x01, 7), // FPE_FLTINV
        (0x04, 3), // FPE_FLTDIV
        (0x08, 4), // FPE_FLTOVF
        (0x12, 5), // FPE_FLTUND: denormal operand or underflow
        (0x20, 6), // FPE_FLTRES
    ];
    CODES.iter().find(|(bits, _)| raised & bits != 0).map_or(0, |&(_, code)| code)
}

/// Whether bits 63 to 47 are equal.
const fn canonical(addr: u64) -> bool {
    ((addr << 16) as i64 >> 16) as u64 == addr
}

/// A page fault, or what general protection stands for: addresses of more than 48 bits, and 16-byte operands that are
/// not aligned.
fn memory_fault(fault: &Fault) -> Raised {
    if fault.kind == FaultKind::Alignment || !canonical(fault.addr) {
        return Raised { signal: libc::SIGSEGV, code: SI_KERNEL, addr: 0, syndrome: syndrome(vector::PROTECTION, 0) };
    }
    const PRESENT: u32 = 1;
    const WRITE: u32 = 2;
    const USER: u32 = 4;
    const FETCH: u32 = 16;
    let (signal, code) = deliver::classify(fault);
    let half = fault.addr >> 63 != 0;
    // The kernel says of its own half that something is there.
    let present = if fault.kind == FaultKind::Permission || half { PRESENT } else { 0 };
    let access = match fault.access {
        Access::Read => 0,
        Access::Write => WRITE,
        Access::Fetch => FETCH,
    };
    Raised { signal, code, addr: fault.addr, syndrome: syndrome(vector::PAGE, present | access | USER) }
}

/// `struct user_regs_struct`.
fn core_regs(env: &Env) -> Vec<u64> {
    let f = &env.file;
    let general = [
        regs::R15,
        regs::R14,
        regs::R13,
        regs::R12,
        regs::RBP,
        regs::RBX,
        regs::R11,
        regs::R10,
        regs::R9,
        regs::R8,
        regs::RAX,
        regs::RCX,
        regs::RDX,
        regs::RSI,
        regs::RDI,
    ];
    let mut words: Vec<u64> = general.iter().map(|&r| f[r]).collect();
    let no_call = u64::MAX; // orig_rax outside a system call
    words.extend([no_call, f[regs::RIP], USER_CS.into(), regs::eflags(env), f[regs::RSP], USER_DS.into()]);
    words.extend([f[regs::FS_BASE], f[regs::GS_BASE]]);
    words.extend([0, 16, 32, 48].map(|at| f[regs::SEGMENTS] >> at & 0xffff));
    words
}

/// As arch/x86/kernel/cpu/proc.c prints it; the fields of leaf 1's EAX by "CPUID—CPU Identification" (SDM vol. 2).
fn cpuinfo(cpus: usize, cpu: &CpuId) -> String {
    use std::fmt::Write as _;
    let (features, id) = (cpu.features.join(" "), cpu.id);
    let base = id >> 8 & 0xf;
    let family = if base == 0xf { base + (id >> 20 & 0xff) } else { base };
    let model = id >> 4 & 0xf | if base == 6 || base == 0xf { (id >> 16 & 0xf) << 4 } else { 0 };
    let (vendor, name) = (&cpu.vendor, &cpu.model);
    let mut out = String::new();
    for n in 0..cpus {
        let _ = write!(
            out,
            "processor\t: {n}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\n\
             stepping\t: {}\nphysical id\t: 0\nsiblings\t: {cpus}\ncore id\t\t: {n}\ncpu cores\t: {cpus}\n\
             apicid\t\t: {n}\ninitial apicid\t: {n}\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\n\
             flags\t\t: {features}\nbogomips\t: 2000.00\nclflush size\t: 64\ncache_alignment\t: 64\n\
             address sizes\t: 46 bits physical, 48 bits virtual\n\n",
            id & 0xf,
        );
    }
    out
}

/// Reports an unusable frame.
const BAD_FRAME: Errno = Errno(libc::EFAULT);

#[cfg(test)]
#[path = "x86_64_tests.rs"]
mod tests;
