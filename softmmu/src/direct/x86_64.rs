//! Accessors for x86-64 hosts.
//!
//! Each is one instruction that may fault, with a row in the section `brolga_ex`. The signal handler
//! finds the row by host PC, sets R8 (fault), R9 (address) and R10 (cause), and continues behind the
//! access; the accessor then returns the fault.

use super::HostFault;
use std::arch::asm;
use std::arch::x86_64::__m128i;

/// One exception-table row: both fields are relative to their own address.
#[repr(C)]
struct Row {
    access: i32,
    resume: i32,
}

unsafe extern "C" {
    #[link_name = "__start_brolga_ex"]
    static EX_START: Row;
    #[link_name = "__stop_brolga_ex"]
    static EX_STOP: Row;
}

/// Host address behind the accessor instruction at `pc`, if `pc` is one.
fn resume_for(pc: usize) -> Option<usize> {
    let start = &raw const EX_START;
    let stop = &raw const EX_STOP;
    let rows = (stop as usize - start as usize) / size_of::<Row>();
    for i in 0..rows {
        // SAFETY: the linker places the rows between the two symbols; they are never written.
        let row = unsafe { start.add(i) };
        // SAFETY: as above.
        let (access, resume) = unsafe { ((*row).access, (*row).resume) };
        if (row as usize).wrapping_add_signed(access as isize) == pc {
            let at = row as usize + 4;
            return Some(at.wrapping_add_signed(resume as isize));
        }
    }
    None
}

/// Called first by the handler of SIGSEGV and SIGBUS. Returns true if the fault came from an accessor;
/// the context then continues behind the access and the accessor reports the fault.
///
/// Async-signal-safe.
pub fn recover(signal: i32, info: &libc::siginfo_t, context: &mut libc::ucontext_t) -> bool {
    let regs = &mut context.uc_mcontext.gregs;
    let Some(resume) = resume_for(regs[libc::REG_RIP as usize] as usize) else {
        return false;
    };
    // SAFETY: for SIGSEGV and SIGBUS the kernel fills si_addr.
    let addr = unsafe { info.si_addr() } as i64;
    regs[libc::REG_RIP as usize] = resume as i64;
    regs[libc::REG_R8 as usize] = 1;
    regs[libc::REG_R9 as usize] = addr;
    regs[libc::REG_R10 as usize] = (signal as i64) << 32 | (info.si_code as u32 as i64);
    true
}

/// Emits an accessor: the instruction text, then its operands; expands to `Result<(), HostFault>`.
macro_rules! access {
    ($insn:literal $(, $($operands:tt)*)?) => {{
        let (fault, addr, cause): (u64, u64, u64);
        // SAFETY: the instruction touches guest memory, which Rust knows nothing of; a fault is turned
        // into a result by the exception table. All registers it changes are listed.
        unsafe {
            asm!(
                "2:", $insn, "3:",
                ".pushsection brolga_ex, \"aR\"",
                ".balign 4",
                ".long 2b - .",
                ".long 3b - .",
                ".popsection",
                $($($operands)*,)?
                inlateout("r8") 0u64 => fault,
                out("r9") addr,
                out("r10") cause,
                options(nostack)
            );
        }
        if fault == 0 { Ok(()) } else { Err(HostFault { addr, cause }) }
    }};
}

macro_rules! loads {
    ($($name:ident $insn:literal;)*) => {$(
        #[inline(always)]
        pub(super) fn $name(addr: u64) -> Result<u64, HostFault> {
            let value: u64;
            access!($insn, a = in(reg) addr, v = out(reg) value)?;
            Ok(value)
        }
    )*};
}

loads! {
    load1 "movzx {v:e}, byte ptr [{a}]";
    load2 "movzx {v:e}, word ptr [{a}]";
    load4 "mov {v:e}, dword ptr [{a}]";
    load8 "mov {v}, qword ptr [{a}]";
}

macro_rules! stores {
    ($($name:ident $insn:literal $class:ident $ty:ty;)*) => {$(
        #[inline(always)]
        pub(super) fn $name(addr: u64, value: u64) -> Result<(), HostFault> {
            access!($insn, a = in(reg) addr, v = in($class) value as $ty)
        }
    )*};
}

stores! {
    store1 "mov byte ptr [{a}], {v}" reg_byte u8;
    store2 "mov word ptr [{a}], {v:x}" reg u16;
    store4 "mov dword ptr [{a}], {v:e}" reg u32;
    store8 "mov qword ptr [{a}], {v}" reg u64;
}

#[inline(always)]
pub(super) fn load16(addr: u64) -> Result<u128, HostFault> {
    let value: __m128i;
    access!("movups {v}, xmmword ptr [{a}]", a = in(reg) addr, v = out(xmm_reg) value)?;
    // SAFETY: both are 16 plain bytes.
    Ok(unsafe { std::mem::transmute::<__m128i, u128>(value) })
}

#[inline(always)]
pub(super) fn store16(addr: u64, value: u128) -> Result<(), HostFault> {
    // SAFETY: both are 16 plain bytes.
    let value = unsafe { std::mem::transmute::<u128, __m128i>(value) };
    access!("movups xmmword ptr [{a}], {v}", a = in(reg) addr, v = in(xmm_reg) value)
}

macro_rules! exchanges {
    ($($swap:ident $swap_insn:literal $add:ident $add_insn:literal $cas:ident $cas_insn:literal $class:ident $ty:ty;)*) => {$(
        #[inline(always)]
        pub(super) fn $swap(addr: u64, value: u64) -> Result<u64, HostFault> {
            let mut v = value as $ty;
            access!($swap_insn, a = in(reg) addr, v = inout($class) v)?;
            Ok(v as u64)
        }
        #[inline(always)]
        pub(super) fn $add(addr: u64, value: u64) -> Result<u64, HostFault> {
            let mut v = value as $ty;
            access!($add_insn, a = in(reg) addr, v = inout($class) v)?;
            Ok(v as u64)
        }
        #[inline(always)]
        pub(super) fn $cas(addr: u64, expected: u64, new: u64) -> Result<u64, HostFault> {
            let mut old = expected & <$ty>::MAX as u64;
            access!($cas_insn, a = in(reg) addr, v = in($class) new as $ty, inout("rax") old)?;
            Ok(old & <$ty>::MAX as u64)
        }
    )*};
}

exchanges! {
    swap1 "xchg byte ptr [{a}], {v}" add1 "lock xadd byte ptr [{a}], {v}" cas1 "lock cmpxchg byte ptr [{a}], {v}" reg_byte u8;
    swap2 "xchg word ptr [{a}], {v:x}" add2 "lock xadd word ptr [{a}], {v:x}" cas2 "lock cmpxchg word ptr [{a}], {v:x}" reg u16;
    swap4 "xchg dword ptr [{a}], {v:e}" add4 "lock xadd dword ptr [{a}], {v:e}" cas4 "lock cmpxchg dword ptr [{a}], {v:e}" reg u32;
    swap8 "xchg qword ptr [{a}], {v}" add8 "lock xadd qword ptr [{a}], {v}" cas8 "lock cmpxchg qword ptr [{a}], {v}" reg u64;
}

/// `addr` must be 16-byte aligned, or the host raises a general-protection fault, reported as unmapped.
#[inline(always)]
pub(super) fn cas16(addr: u64, expected: u128, new: u128) -> Result<u128, HostFault> {
    let (mut lo, mut hi) = (expected as u64, (expected >> 64) as u64);
    let (fault, host, cause): (u64, u64, u64);
    // SAFETY: as in `access!`; RBX, which the compiler reserves, is exchanged around the access, and
    // the resume address lies before the exchange back.
    unsafe {
        asm!(
            "xchg rbx, {b}",
            "2:", "lock cmpxchg16b xmmword ptr [rdi]", "3:",
            "xchg rbx, {b}",
            ".pushsection brolga_ex, \"aR\"",
            ".balign 4",
            ".long 2b - .",
            ".long 3b - .",
            ".popsection",
            b = inout(reg) new as u64 => _,
            in("rdi") addr,
            in("rcx") (new >> 64) as u64,
            inout("rax") lo,
            inout("rdx") hi,
            inlateout("r8") 0u64 => fault,
            out("r9") host,
            out("r10") cause,
            options(nostack)
        );
    }
    if fault != 0 {
        return Err(HostFault { addr: host, cause });
    }
    Ok(lo as u128 | (hi as u128) << 64)
}

/// Copies `len` bytes; on a fault tells how many were copied.
pub(super) fn copy(dst: u64, src: u64, len: usize) -> Result<(), (HostFault, usize)> {
    let mut left = len;
    let result = access!("rep movsb", inout("rdi") dst => _, inout("rsi") src => _, inout("rcx") left);
    result.map_err(|fault| (fault, len - left))
}

/// Fills `len` bytes with zero.
pub(super) fn zero(dst: u64, len: usize) -> Result<(), HostFault> {
    access!("rep stosb", inout("rdi") dst => _, inout("rcx") len => _, in("al") 0u8)
}
