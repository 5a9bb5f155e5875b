//! x86-64: System V outside, the convention of `bare.rs` inside, whose first arguments are in the same registers.

use crate::status;
use brolga_core::{Env, FpRounding, HostFp, JUMP_CACHE, JumpEntry};
use std::arch::{asm, naked_asm};
use std::mem::offset_of;

/// Whether code can be generated here.
pub(crate) const SUPPORTED: bool = true;

/// Whether the only reordering that others can see is a load that overtakes a store. Intel SDM volume 3, "Memory
/// Ordering".
pub(crate) const TOTAL_STORE_ORDER: bool = true;

/// MXCSR as Rust code expects it: nothing raised, all exceptions masked, rounding to nearest.
/// Intel SDM vol. 1, "MXCSR Control and Status Register".
pub(crate) const DEFAULT_CONTROL: u32 = 0x1f80;

/// Bits of MXCSR: invalid, division by zero, overflow, underflow, inexact.
pub(crate) const FLAG_BITS: [u32; 5] = [0, 2, 3, 4, 5];

/// Bit of MXCSR for a denormal operand.
pub(crate) const DENORMAL_BIT: u32 = 1;

/// All of them as a mask.
pub(crate) const RAISED: u32 = 0x3f;

/// MXCSR with a rounding mode.
pub(crate) fn control(rounding: FpRounding) -> u32 {
    let mode = match rounding {
        FpRounding::Nearest => 0,
        FpRounding::Down => 1,
        FpRounding::Up => 2,
        FpRounding::Zero => 3,
    };
    DEFAULT_CONTROL | mode << 13
}

/// MXCSR.
pub(crate) fn read_status() -> u32 {
    let mut value = 0u32;
    // SAFETY: stores four bytes.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
    value
}

/// Writes MXCSR, one of the values of [`control`], after which nothing is raised, or what [`read_status`] read.
pub(crate) fn set_control(value: u32) {
    // SAFETY: loads four bytes; the caller sees to it that Rust code runs with the default only.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags)) };
}

/// Bytes of stack that regions have for themselves, all of them the same: a multiple of 16. Those of real programs need less than
/// 512. What is below is another page, which each fork copies.
pub(crate) const FRAME: usize = 2 << 10;

const _: () = assert!(status::GOTO == 0, "`enter` compares with zero");

/// Runs generated code at `host`; returns its status word, that of a jump only if [`JumpEntry::second`] has nothing either. `Env::fp` has the control word before, the
/// status word behind.
///
/// # Safety
/// `env` is valid for the whole run, with its tables set up, and `host` is an entry of installed code.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn enter(env: *mut Env, host: u64) -> u64 {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "sub rsp, 24",
        "mov [rdi + {stack}], rsp",
        "mov [rsp], rdi",
        "ldmxcsr [rdi + {control}]",
        "add rdi, {bias}",
        "mov [rsp + 8], rdi",
        "3:",
        "call 2f",
        // A jump to an address that is not in its first place.
        "test rax, rax",
        "jne 4f",
        "mov rdx, [rsp]",
        "mov rcx, [rdx + {pc}]",
        "mov rcx, [rdx + rcx]",
        "mov rsi, rcx",
        "shr rsi, 12",
        "xor rsi, rcx",
        "shl rsi, 2",
        "and esi, {entries}",
        "add rsi, [rdx + {cache}]",
        "cmp rcx, [rsi + {guest}]",
        "jne 4f",
        "mov rsi, [rsi + {host}]",
        "mov rdi, [rsp + 8]",
        "jmp 3b",
        "4:",
        "mov rdi, [rsp]",
        "jmp {leave}",
        // The frame of all regions.
        "2:",
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, {frame}",
        "jmp rsi",
        frame = const FRAME,
        stack = const offset_of!(Env, host_stack),
        control = const CONTROL,
        bias = const Env::BIAS,
        pc = const offset_of!(Env, pc_offset),
        cache = const offset_of!(Env, jump_cache),
        entries = const (JUMP_CACHE - 1) * size_of::<JumpEntry>(),
        guest = const offset_of!(JumpEntry, guest),
        host = const offset_of!(JumpEntry, host),
        leave = sym leave,
    )
}

/// Displacement of an offset in `Env` in generated code.
const fn biased(offset: usize) -> i32 {
    offset as i32 - Env::BIAS
}

const CONTROL: usize = offset_of!(Env, fp) + offset_of!(HostFp, control);
const STATUS: usize = offset_of!(Env, fp) + offset_of!(HostFp, raised);
const OPERANDS: usize = offset_of!(Env, fp) + offset_of!(HostFp, operands);

/// The end of [`enter`]: its frame is at rsp, `Env` in rdi, the result in rax.
#[unsafe(naked)]
unsafe extern "sysv64" fn leave() {
    naked_asm!(
        "stmxcsr [rdi + {status}]",
        "mov dword ptr [rsp], {default}",
        "ldmxcsr [rsp]",
        "add rsp, 24",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        status = const STATUS,
        default = const DEFAULT_CONTROL,
    )
}

/// Called by generated code, with every register preserved: `Env` plus its bias in rdi, a request in rsi, operands in xmm0
/// and up. The result is in `Env::fp`.
#[unsafe(naked)]
unsafe extern "sysv64" fn exact() {
    naked_asm!(
        "push rax", "push rcx", "push rdx", "push rsi", "push rdi", "push r8", "push r9", "push r10", "push r11",
        "sub rsp, 256",
        "movaps [rsp], xmm0", "movaps [rsp + 16], xmm1", "movaps [rsp + 32], xmm2", "movaps [rsp + 48], xmm3",
        "movaps [rsp + 64], xmm4", "movaps [rsp + 80], xmm5", "movaps [rsp + 96], xmm6", "movaps [rsp + 112], xmm7",
        "movaps [rsp + 128], xmm8", "movaps [rsp + 144], xmm9", "movaps [rsp + 160], xmm10",
        "movaps [rsp + 176], xmm11", "movaps [rsp + 192], xmm12", "movaps [rsp + 208], xmm13",
        "movaps [rsp + 224], xmm14", "movaps [rsp + 240], xmm15",
        "movaps [rdi + {operands}], xmm0",
        "movaps [rdi + {operands} + 16], xmm1",
        "movaps [rdi + {operands} + 32], xmm2",
        "add rdi, -{bias}",
        "call {run}",
        "movaps xmm0, [rsp]", "movaps xmm1, [rsp + 16]", "movaps xmm2, [rsp + 32]", "movaps xmm3, [rsp + 48]",
        "movaps xmm4, [rsp + 64]", "movaps xmm5, [rsp + 80]", "movaps xmm6, [rsp + 96]", "movaps xmm7, [rsp + 112]",
        "movaps xmm8, [rsp + 128]", "movaps xmm9, [rsp + 144]", "movaps xmm10, [rsp + 160]",
        "movaps xmm11, [rsp + 176]", "movaps xmm12, [rsp + 192]", "movaps xmm13, [rsp + 208]",
        "movaps xmm14, [rsp + 224]", "movaps xmm15, [rsp + 240]",
        "add rsp, 256",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rax",
        "ret",
        operands = const biased(OPERANDS),
        bias = const Env::BIAS,
        run = sym crate::fp::exact,
    )
}

/// Address of the code for `HostFp::exact`.
pub(crate) fn exact_address() -> u64 {
    exact as *const () as u64
}

/// Where the signal handler sends a thread whose generated code faulted, `Env` in rdi.
#[unsafe(naked)]
unsafe extern "sysv64" fn fault_exit() {
    naked_asm!(
        "mov rsp, [rdi + {stack}]",
        "cld",
        "mov eax, {fault}",
        "jmp {leave}",
        stack = const offset_of!(Env, host_stack),
        fault = const status::FAULT,
        leave = sym leave,
    )
}

/// What an unlinked slot leads to: notes its address, which comes as the second argument.
#[unsafe(naked)]
unsafe extern "sysv64" fn unlinked() {
    naked_asm!(
        "mov [rdi + {slot}], rsi",
        "mov eax, {goto}",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        slot = const biased(offset_of!(Env, exit_slot)),
        goto = const status::GOTO_SLOT,
    )
}

/// Address of the code behind unlinked slots.
pub(crate) fn unlinked_address() -> u64 {
    unlinked as *const () as u64
}

/// Where blocks of tier 1 go that are hot, with the number of their count as second argument: to the code that was made
/// for them, or to the run loop.
#[unsafe(naked)]
unsafe extern "sysv64" fn hot() {
    naked_asm!(
        "mov rax, [rdi + {hosts}]",
        "mov rax, [rax + rsi * 8]",
        "test rax, rax",
        "je 2f",
        "jmp rax",
        "2:",
        "mov [rdi + {slot}], rsi",
        "mov eax, {hot}",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        hosts = const biased(offset_of!(Env, hot_hosts)),
        slot = const biased(offset_of!(Env, exit_slot)),
        hot = const status::HOT,
    )
}

/// Address of the code for hot blocks.
pub(crate) fn hot_address() -> u64 {
    hot as *const () as u64
}

/// Bytes of an entry thunk.
pub(crate) const THUNK: usize = 10;

/// Code that passes `index` as second argument and jumps to what is `back` bytes before its own end.
pub(crate) fn thunk(index: u32, back: u32) -> [u8; THUNK] {
    let mut code = [0; THUNK];
    code[0] = 0xbe; // mov esi, imm32
    code[1..5].copy_from_slice(&index.to_le_bytes());
    code[5] = 0xe9; // jmp rel32, from the end of the thunk
    code[6..10].copy_from_slice(&(-i64::from(back) as i32).to_le_bytes());
    code
}

/// Host program counter of a signal context.
pub(crate) fn context_pc(uc: &libc::ucontext_t) -> u64 {
    uc.uc_mcontext.gregs[libc::REG_RIP as usize] as u64
}

/// Whether the faulting access was a write, as the page-fault error code says.
pub(crate) fn context_is_write(uc: &libc::ucontext_t) -> bool {
    uc.uc_mcontext.gregs[libc::REG_ERR as usize] & 2 != 0
}

/// Makes the interrupted thread leave generated code with [`status::FAULT`].
pub(crate) fn redirect(uc: &mut libc::ucontext_t, env: *mut Env) {
    let regs = &mut uc.uc_mcontext.gregs;
    regs[libc::REG_RDI as usize] = env as i64;
    regs[libc::REG_RIP as usize] = fault_exit as *const () as i64;
}
