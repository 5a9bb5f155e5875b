//! Completes one access whose address carries a tag, in place.
//!
//! *Requirement.* A guest whose architecture ignores the top byte of addresses may use a tagged pointer in a region that
//! was compiled without masking and whose state is not exact at faults: the access must happen, and the tag must stay.
//! *How.* The host cannot translate such an address (it is not canonical) and raises SIGSEGV. The register that holds
//! the tag is found in the instruction, its top byte is cleared, and the instruction runs alone with the trap flag;
//! SIGTRAP then puts the register back, unless the instruction has loaded it. A plain store of the tagged register
//! itself is made by the kernel instead.
//! *Limits.* One access at a time, at the price of two signals: the region is to be compiled anew with masking. An
//! atomic operation whose operand is the register that addresses it is not completed.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use libc::{
    REG_EFL, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP, REG_RBX, REG_RCX,
    REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
};

/// The address without its top byte.
const UNTAGGED: u64 = u64::MAX >> 8;
/// TF. Intel SDM volume 1, "EFLAGS Register".
const TRAP_FLAG: i64 = 1 << 8;
/// Longest instruction in bytes.
const LONGEST: usize = 15;

/// What became of an access with a tagged address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tagged {
    /// The instruction runs alone next; [`end`] is to be called at the SIGTRAP behind it, or at its fault.
    Stepping(Step),
    /// The access is made.
    Done,
    /// There is no tag, or nothing can be done.
    No,
}

/// An instruction that runs alone: index and value of the register to put back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step(Option<(usize, i64)>);

/// Index into `gregs` of a general register of any width.
fn context_index(register: Register) -> Option<usize> {
    const INDICES: [i32; 16] = [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
        REG_R12, REG_R13, REG_R14, REG_R15,
    ];
    let number = (register.full_register() as usize).checked_sub(Register::RAX as usize)?;
    INDICES.get(number).map(|&i| i as usize)
}

/// Whether the host can translate the address at all.
fn canonical(address: i64) -> bool {
    address << 16 >> 16 == address
}

/// Handles the instruction at which `uc` stopped; at most `available` bytes of code follow its address.
pub(crate) fn begin(uc: &mut libc::ucontext_t, available: usize) -> Tagged {
    let regs = &mut uc.uc_mcontext.gregs;
    let pc = regs[REG_RIP as usize] as u64;
    // SAFETY: the caller says that so many bytes of code memory, which is readable, are there.
    let bytes = unsafe { std::slice::from_raw_parts(pc as *const u8, available.min(LONGEST)) };
    let instruction = Decoder::with_ip(64, bytes, pc, DecoderOptions::NONE).decode();
    let tagged = [instruction.memory_base(), instruction.memory_index()].into_iter().find_map(|register| {
        let index = context_index(register)?;
        (!canonical(regs[index])).then_some((register.full_register(), index))
    });
    let Some((register, index)) = tagged else { return Tagged::No };
    let untagged = (regs[index] as u64 & UNTAGGED) as i64;
    let is = |operand| {
        instruction.op_kind(operand) == OpKind::Register && instruction.op_register(operand).full_register() == register
    };
    let operands = instruction.op_count();
    if !canonical(untagged) {
        return Tagged::No;
    }
    if operands > 1 && is(1) {
        let value = regs[index];
        regs[index] = untagged;
        let done = instruction.mnemonic() == Mnemonic::Mov && store(&instruction, regs, value);
        regs[index] = value;
        if done {
            regs[REG_RIP as usize] = instruction.next_ip() as i64;
            return Tagged::Done;
        }
        return Tagged::No;
    }
    let loaded = operands > 0 && is(0);
    let step = Step((!loaded).then_some((index, regs[index])));
    regs[index] = untagged;
    regs[REG_EFL as usize] |= TRAP_FLAG;
    Tagged::Stepping(step)
}

/// Puts things back behind the instruction, or at its fault.
pub(crate) fn end(step: Step, uc: &mut libc::ucontext_t) {
    let regs = &mut uc.uc_mcontext.gregs;
    regs[REG_EFL as usize] &= !TRAP_FLAG;
    if let Some((index, value)) = step.0 {
        regs[index] = value;
    }
}

/// Writes `value` where the instruction's memory operand points with `regs`; false if that is impossible.
fn store(instruction: &Instruction, regs: &[i64; 23], value: i64) -> bool {
    let address = instruction.virtual_address(0, 0, |register, _, _| {
        // Flat segments; generated code uses no other.
        if register.is_segment_register() { Some(0) } else { context_index(register).map(|i| regs[i] as u64) }
    });
    let Some(address) = address else { return false };
    let len = instruction.memory_size().size();
    let local = libc::iovec { iov_base: (&raw const value).cast_mut().cast(), iov_len: len };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: len };
    // SAFETY: the kernel checks the remote range; the local one is `value`, of at least `len` bytes.
    unsafe { libc::process_vm_writev(libc::getpid(), &local, 1, &remote, 1, 0) == len as isize }
}
