//! x86-64: System V outside, Cranelift's `tail` convention inside, whose first arguments are in the
//! same registers.

use crate::status;
use brolga_core::Env;
use std::arch::naked_asm;
use std::mem::offset_of;

/// Whether code can be generated here.
pub(crate) const SUPPORTED: bool = true;

/// Whether the only reordering that others can see is a load that overtakes a store. Intel SDM volume 3, "Memory
/// Ordering".
pub(crate) const TOTAL_STORE_ORDER: bool = true;

/// Runs generated code at `host`; returns its status word.
///
/// # Safety
/// `env` is valid for the whole run, with its tables set up, and `host` is an entry of installed code.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn enter(env: *mut Env, host: u64) -> u64 {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "sub rsp, 8",
        "mov [rdi + {stack}], rsp",
        "call rsi",
        "add rsp, 8",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        stack = const offset_of!(Env, host_stack),
    )
}

/// Where the signal handler sends a thread whose generated code faulted, `Env` in rdi.
#[unsafe(naked)]
unsafe extern "sysv64" fn fault_exit() {
    naked_asm!(
        "mov rsp, [rdi + {stack}]",
        "cld",
        "mov eax, {fault}",
        "add rsp, 8",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        stack = const offset_of!(Env, host_stack),
        fault = const status::FAULT,
    )
}

/// What an unlinked slot leads to: notes the slot, which comes as the second argument.
#[unsafe(naked)]
unsafe extern "sysv64" fn unlinked() {
    naked_asm!(
        "mov [rdi + {slot}], rsi",
        "mov eax, {goto}",
        "ret",
        slot = const offset_of!(Env, exit_slot),
        goto = const status::GOTO_SLOT,
    )
}

/// Address of the code behind unlinked slots.
pub(crate) fn unlinked_address() -> u64 {
    unlinked as *const () as u64
}

/// Bytes of an entry thunk.
pub(crate) const THUNK: usize = 10;

/// Code that passes `index` as second argument and jumps `back` bytes back from its own start.
pub(crate) fn thunk(index: u32, back: u32) -> [u8; THUNK] {
    let mut code = [0; THUNK];
    code[0] = 0xbe; // mov esi, imm32
    code[1..5].copy_from_slice(&index.to_le_bytes());
    code[5] = 0xe9; // jmp rel32, from the end of the thunk
    let distance = -(i64::from(back) + THUNK as i64) as i32;
    code[6..10].copy_from_slice(&distance.to_le_bytes());
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
