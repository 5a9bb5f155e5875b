//! arm64 Linux.

use super::{Abi, CpuId, Raised, STAT_MAX};
use crate::errno::{Errno, SysResult};
use crate::mm::Layout;
use crate::signal::deliver;
use crate::table::{Arg, How, Kind, Ret, Row, Struct, flags};
use crate::thread::Thread;
use brolga_core::{Access, Env, Exit, Fault, FaultKind};
use brolga_softmmu::direct::untagged;

#[path = "aarch64_frame.rs"]
mod frame;

/// Words of the register file, as the A64 front end assigns them.
pub mod regs {
    /// Register x`n`; 31 is the stack pointer.
    pub const fn x(n: usize) -> usize {
        match n {
            16..=18 => n + 17,
            _ => n,
        }
    }
    /// x0.
    pub const X0: usize = x(0);
    /// The link register.
    pub const X30: usize = 30;
    /// Stack pointer.
    pub const SP: usize = 31;
    /// Program counter.
    pub const PC: usize = 32;
    /// Flags' border form: operation, first operand, second operand.
    pub const CC: usize = 16;
    /// FPCR
    pub const FPCR: usize = 36;
    /// FPSR
    pub const FPSR: usize = 37;
    /// TPIDR_EL0
    pub const TPIDR: usize = 38;
    /// Address of the exclusive monitor; all ones when it is open.
    pub const MONITOR: usize = 40;
    /// PSTATE.BTYPE
    pub const BTYPE: usize = 44;
    /// PSTATE.DIT, bit 24
    pub const DIT: usize = 45;
    /// PSTATE.SSBS, bit 12
    pub const SSBS: usize = 46;
    /// Low word of v0; the others follow, two words each.
    pub const V0: usize = 48;
}

include!(concat!(env!("OUT_DIR"), "/aarch64.rs"));

/// arm64 Linux with 4 KiB pages and 42-bit addresses (CONFIG_ARM64_VA_BITS_42).
pub static AARCH64: Abi = Abi {
    name: "aarch64",
    machine: 183,
    audit_arch: 0xc000_00b7,
    layout,
    min_sigstack: 5120,
    red_zone: 0,
    // mov x8, #139 ; svc #0 (unwinders know a signal frame by these words)
    trampoline: &[0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4],
    vdso: &[],
    table: &TABLE,
    open_flags: &OPEN_FLAGS,
    epoll_packed: false,
    call: |env| {
        let mut args = [0; 6];
        args.copy_from_slice(&env.file[..6]);
        (env.file[8] & 0xffff_ffff, args)
    },
    set_result: |env, r| env.file[regs::X0] = r,
    rewind: |env| env.file[regs::PC] = env.file[regs::PC].wrapping_sub(4),
    pc: |env| env.file[regs::PC],
    set_pc: |env, pc| env.file[regs::PC] = pc,
    sp: |env| env.file[regs::SP],
    start,
    start_clone,
    clone_tls_first: true,
    stat,
    push_frame: frame::push,
    pop_frame: frame::pop,
    raised,
    called: |_, _| false,
    ptrace_getregs: false,
    more_prot: PROT_BTI,
    coherent_code: false,
    mmap_low: 0,
    prctl,
    cpuinfo,
    core_regs: |env| {
        let mut words: Vec<u64> = (0..32).map(regs::x).chain([regs::PC]).map(|word| env.file[word]).collect();
        words.push(frame::pstate(env));
        words
    },
    core_fpregs,
};

/// Bytes of address space, and the fewest that hold a program with its stack.
const SPACE: u64 = 1 << 42;
const LEAST_SPACE: u64 = 256 << 20;

/// O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE: arch/arm64/include/uapi/asm/fcntl.h.
static OPEN_FLAGS: [(u64, u64); 4] = [
    (0o40000, libc::O_DIRECTORY as u64),
    (0o100000, libc::O_NOFOLLOW as u64),
    (0o200000, libc::O_DIRECT as u64),
    // glibc defines O_LARGEFILE as 0 for 64-bit hosts; the kernel's bit is this one on x86.
    (0o400000, if cfg!(target_arch = "x86_64") { 0o100000 } else { 0o400000 }),
];

fn layout(stack: u64, reserved: Option<u64>) -> Layout {
    let top = reserved.map_or(SPACE, |r| r.next_multiple_of(1 << 16).clamp(LEAST_SPACE, SPACE));
    let gap = stack.clamp(128 << 20, top / 6 * 5) + (1 << 20);
    Layout { top, bottom: 0x1_0000, mmap_top: (top - gap) & !0xffff, pie: (top / 3 * 2) & !0x1f_ffff }
}

fn start(env: &mut Env, entry: u64, sp: u64) {
    env.file[..=regs::SSBS].fill(0);
    env.file[regs::V0..regs::V0 + 64].fill(0);
    env.file[regs::PC] = entry;
    env.file[regs::SP] = sp;
    env.file[regs::MONITOR] = u64::MAX;
}

fn start_clone(env: &mut Env, sp: Option<u64>, tls: Option<u64>) {
    env.file[regs::X0] = 0;
    if let Some(sp) = sp {
        env.file[regs::SP] = sp;
    }
    if let Some(tls) = tls {
        env.file[regs::TPIDR] = tls;
    }
    env.file[regs::MONITOR] = u64::MAX;
}

/// `struct stat` of include/uapi/asm-generic/stat.h, 128 bytes.
fn stat(s: &libc::stat, out: &mut [u8; STAT_MAX]) -> usize {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&s.st_dev.to_le_bytes());
    put(&s.st_ino.to_le_bytes());
    put(&s.st_mode.to_le_bytes());
    put(&(s.st_nlink as u32).to_le_bytes());
    put(&s.st_uid.to_le_bytes());
    put(&s.st_gid.to_le_bytes());
    put(&s.st_rdev.to_le_bytes());
    put(&[0; 8]);
    put(&s.st_size.to_le_bytes());
    put(&(s.st_blksize as u32).to_le_bytes());
    put(&[0; 4]);
    put(&s.st_blocks.to_le_bytes());
    for (sec, nsec) in [(s.st_atime, s.st_atime_nsec), (s.st_mtime, s.st_mtime_nsec), (s.st_ctime, s.st_ctime_nsec)] {
        put(&sec.to_le_bytes());
        put(&nsec.to_le_bytes());
    }
    put(&[0; 8]);
    at
}

/// The branch-target bit.
const PROT_BTI: u64 = 0x10;

/// prctl(2): the tagged-address switch. x86's time-stamp switch is refused as any unknown option.
fn prctl(t: &mut Thread, a: &[u64; 6]) -> Option<SysResult> {
    const SET_TAGGED_ADDR_CTRL: i32 = 55;
    const GET_TAGGED_ADDR_CTRL: i32 = 56;
    match a[0] as i32 {
        SET_TAGGED_ADDR_CTRL if a[1] & !1 == 0 && a[2..5] == [0; 3] => {
            t.tagged_addresses = a[1];
            Some(Ok(0))
        }
        GET_TAGGED_ADDR_CTRL if a[1..5] == [0; 4] => Some(Ok(t.tagged_addresses)),
        _ => None,
    }
}

/// Linux arch/arm64/kernel/traps.c, debug-monitors.c and mm/fault.c.
fn raised(env: &Env, exit: Exit) -> Option<Raised> {
    let pc = env.file[regs::PC];
    let (signal, code, addr, syndrome) = match exit {
        Exit::Fault(fault) => {
            let (signal, code) = deliver::classify(&fault);
            (signal, code, untagged(fault.addr), syndrome(&fault))
        }
        Exit::Undefined(_) => (libc::SIGILL, 1, pc, 0),      // ILL_ILLOPC
        Exit::Breakpoint(_) => (libc::SIGTRAP, 1, pc, 0),    // TRAP_BRKPT
        Exit::GuestException(_) => (libc::SIGILL, 2, pc, 0), // ILL_ILLOPN
        Exit::Syscall(_) | Exit::Interrupted | Exit::Step => return None,
    };
    Some(Raised { signal, code, addr, syndrome })
}

/// ESR_EL1 of an abort from EL0. Arm ARM, "ESR_EL1, Exception Syndrome Register (EL1)".
fn syndrome(fault: &Fault) -> u64 {
    let class = if fault.access == Access::Fetch { 0x20 } else { 0x24 };
    let status = match fault.kind {
        FaultKind::Unmapped => 0x07,
        FaultKind::Permission => 0x0f,
        FaultKind::Bus => 0x10,
        FaultKind::Alignment => 0x21,
    };
    class << 26 | 1 << 25 | u64::from(fault.access == Access::Write) << 6 | status
}

/// `struct user_fpsimd_state`: v0 to v31, fpsr, fpcr, padding; 528 bytes.
fn core_fpregs(env: &Env) -> Vec<u8> {
    let mut b: Vec<u8> = env.file[regs::V0..regs::V0 + 64].iter().flat_map(|w| w.to_le_bytes()).collect();
    b.extend((env.file[regs::FPSR] as u32).to_le_bytes());
    b.extend((env.file[regs::FPCR] as u32).to_le_bytes());
    b.extend([0; 8]);
    b
}

/// As arch/arm64/kernel/cpuinfo.c prints it; the fields of MIDR_EL1 by its manual page.
fn cpuinfo(cpus: usize, cpu: &CpuId) -> String {
    use std::fmt::Write as _;
    let (features, id) = (cpu.features.join(" "), cpu.id);
    let mut out = String::new();
    for n in 0..cpus {
        let _ = write!(
            out,
            "processor\t: {n}\nBogoMIPS\t: 100.00\nFeatures\t: {features}\nCPU implementer\t: {:#04x}\n\
             CPU architecture: 8\nCPU variant\t: {:#x}\nCPU part\t: {:#05x}\nCPU revision\t: {}\n\n",
            id >> 24,
            id >> 20 & 0xf,
            id >> 4 & 0xfff,
            id & 0xf,
        );
    }
    out
}

/// Reports an unusable frame.
const BAD_FRAME: Errno = Errno(libc::EFAULT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_holds_stack_and_sanitizer_ranges() {
        let l = layout(8 << 20, None);
        assert_eq!(l.pie, 0x2aa_aaa0_0000);
        // ThreadSanitizer's 42-bit layout wants mappings above this address.
        let small = layout(8 << 20, Some(1 << 30));
        assert_eq!(small.top, 1 << 30);
        assert!(small.bottom < small.pie && small.pie < small.mmap_top && small.mmap_top < small.top);
        assert!(l.mmap_top > 0x3f0_0000_0000 && l.mmap_top < l.top - (128 << 20));
    }

    #[test]
    fn table_every_number_has_a_row() {
        // include/uapi/asm-generic/unistd.h: gaps are reserved for architectures and 32-bit time calls.
        for nr in (0..=243).chain(260..=294).chain(424..=466) {
            assert!(TABLE[nr].is_some(), "call {nr} has no row");
        }
        assert_eq!(TABLE.iter().flatten().count(), 244 + 35 + 43);
        let name = |nr: usize| TABLE[nr].as_ref().map(|r| r.name);
        assert_eq!((name(139), name(220), name(222)), (Some("rt_sigreturn"), Some("clone"), Some("mmap")));
    }

    #[test]
    fn open_flags_translate_both_ways() {
        let guest = 0o40000 | 0o100000 | 0o2000000 | 0o101;
        let host = AARCH64.open_to_host(guest);
        assert_eq!(
            host,
            (libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_CREAT | libc::O_WRONLY) as u64
        );
        assert_eq!(AARCH64.open_to_guest(host), guest);
    }

    #[test]
    fn stat_layout_is_128_bytes() {
        let mut out = [0xff; STAT_MAX];
        let s = crate::sys::fs::host_fstat(0).unwrap();
        assert_eq!(stat(&s, &mut out), 128);
        assert_eq!(u64::from_le_bytes(out[8..16].try_into().unwrap()), s.st_ino);
        assert_eq!(u32::from_le_bytes(out[16..20].try_into().unwrap()), s.st_mode);
        assert_eq!(i64::from_le_bytes(out[48..56].try_into().unwrap()), s.st_size);
        assert_eq!(i64::from_le_bytes(out[88..96].try_into().unwrap()), s.st_mtime);
    }
}
