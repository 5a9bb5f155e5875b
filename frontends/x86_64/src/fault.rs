//! Which exception a data access that failed is, where that follows from the instruction: the stack's own fault, and the
//! alignment check. SDM vol. 3, "Stack Fault Exception (#SS)", "Alignment Check Exception (#AC)".

use crate::frontend::{decode, mode, translate_at};
use crate::sem::{self, modes::wanted_alignment};
use crate::state::RIP;
use brolga_core::{Access, Env, Exit, Fault, FaultKind};
use iced_x86::{Instruction, InstructionInfoFactory, OpAccess, Register, UsedMemory};

/// The exit for `fault` of the instruction whose bytes `read` gives.
pub fn exit(env: &Env, fault: Fault, read: &dyn Fn(&mut [u8]) -> usize) -> Exit {
    let checked = fault.kind == FaultKind::Alignment && mode::of(env) & mode::ALIGN != 0;
    if fault.access == Access::Fetch || canonical(fault.addr) && !checked {
        return Exit::Fault(fault);
    }
    let (mut bytes, pc) = ([0; 16], env.get(RIP));
    let available = read(&mut bytes);
    let Some(insn) = decode(&bytes[..available], pc) else { return Exit::Fault(fault) };
    let last = fault.addr.wrapping_add(insn.memory_size().size().max(1) as u64 - 1);
    let far = !canonical(fault.addr) || !canonical(last);
    // What wants its operand aligned looks at that first.
    let plain = translate_at(bytes, available, pc, mode::of(env) & !mode::ALIGN);
    let strict = !fault.addr.is_multiple_of(wanted_alignment(&plain.insts));
    Exit::GuestException(match (strict, far) {
        (false, true) if of_stack(&insn, fault.access) => sem::SS,
        (false, false) => sem::AC,
        _ => sem::GP,
    } as u32)
}

/// Whether bits 63 to 47 are equal.
fn canonical(addr: u64) -> bool {
    ((addr << 16) as i64 >> 16) as u64 == addr
}

/// Whether such an access of the instruction is by the stack segment: overrides to other segments than FS and GS do not
/// count in 64-bit code.
fn of_stack(insn: &Instruction, access: Access) -> bool {
    let matching = |how: OpAccess| match access {
        Access::Write => !matches!(how, OpAccess::Read | OpAccess::CondRead),
        _ => !matches!(how, OpAccess::Write | OpAccess::CondWrite),
    };
    let by_stack = |m: &&UsedMemory| {
        let base = m.base().full_register();
        matches!(base, Register::RSP | Register::RBP) && !matches!(m.segment(), Register::FS | Register::GS)
    };
    let mut factory = InstructionInfoFactory::new();
    let all = factory.info(insn).used_memory();
    // A store may have looked at its operand first.
    let only = all.len() == 1;
    all.iter().filter(by_stack).any(|m| only || matching(m.access()))
}
