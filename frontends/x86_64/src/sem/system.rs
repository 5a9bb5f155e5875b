//! System calls, traps, identification, time, and what user code may not do.

use super::{Cx, Flow, GP};
use crate::{exec, state};
use brolga_core::RegSet;
use brolga_ir::{Op, RaiseKind, Ty};
use iced_x86::{Code, Mnemonic};

/// SYSCALL: RCX and R11 take the return address and EFLAGS; the address of the exit is behind the instruction.
pub fn syscall(cx: &mut Cx) -> Flow {
    let next = cx.next_pc();
    let f = cx.eflags();
    let back = cx.iconst(Ty::I64, next);
    cx.b.set(state::RCX, back);
    cx.b.set(state::gpr(11), f);
    let zero = cx.iconst(Ty::I64, 0);
    cx.b.raise(RaiseKind::Syscall, next, zero);
    Flow::EndTb
}

/// INT3, a trap: the address is behind it.
pub fn int3(cx: &mut Cx) -> Flow {
    let (next, three) = (cx.next_pc(), cx.iconst(Ty::I64, 3));
    cx.b.raise(RaiseKind::Breakpoint, next, three);
    Flow::EndTb
}

/// INT n: 0x80 is the other system call, which goes out behind the instruction; all others user code may not use.
pub fn int(cx: &mut Cx) -> Flow {
    match cx.i.immediate(0) as u8 {
        3 => int3(cx),
        0x80 => {
            let (next, code) = (cx.next_pc(), cx.iconst(Ty::I64, super::INT | 0x80));
            cx.b.raise(RaiseKind::GuestException, next, code);
            Flow::EndTb
        }
        _ => cx.exception(GP),
    }
}

/// INT1: the debug exception, a trap.
pub fn int1(cx: &mut Cx) -> Flow {
    let (next, code) = (cx.next_pc(), cx.iconst(Ty::I64, super::DB));
    cx.b.raise(RaiseKind::GuestException, next, code);
    Flow::EndTb
}

/// Whether a MOV is from or to a control or debug register.
pub fn is_of_the_processor(code: Code) -> bool {
    matches!(code, Code::Mov_r64_cr | Code::Mov_cr_r64 | Code::Mov_r64_dr | Code::Mov_dr_r64)
}

/// HLT, CLI, STI, IN, OUT and their like: not for user code.
pub fn privileged(cx: &mut Cx) -> Flow {
    cx.exception(GP)
}

/// CPUID.
pub fn cpuid(cx: &mut Cx) -> Flow {
    let words = [state::RAX, state::RBX, state::RCX, state::RDX];
    let set = words.into_iter().fold(RegSet::EMPTY, |set, reg| set.with(reg));
    let args = [cx.cpu.features, cx.cpu.model.into()].map(|word| cx.iconst(Ty::I64, word));
    cx.b.call_void(exec::CPUID, &args, set, set);
    Flow::Next
}

/// RDTSC, RDTSCP: nanoseconds; the processor's number is always 0.
pub fn rdtsc(cx: &mut Cx) -> Flow {
    let t = cx.pure_call(exec::COUNTER, &[]);
    let (low, shift) = (cx.b.extract(Ty::I64, t, 0, 32), cx.iconst(Ty::I64, 32));
    let high = cx.b.lshr(Ty::I64, t, shift);
    cx.b.set(state::RAX, low);
    cx.b.set(state::RDX, high);
    if cx.i.mnemonic() == Mnemonic::Rdtscp {
        let zero = cx.iconst(Ty::I64, 0);
        cx.b.set(state::RCX, zero);
    }
    Flow::Next
}

/// RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE.
pub fn segment_base(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let reg = match cx.i.mnemonic() {
        Mnemonic::Rdfsbase | Mnemonic::Wrfsbase => state::FS_BASE,
        _ => state::GS_BASE,
    };
    if matches!(cx.i.mnemonic(), Mnemonic::Rdfsbase | Mnemonic::Rdgsbase) {
        let v = cx.b.get(reg);
        let v = cx.narrow(ty, v);
        cx.set_op(0, v);
    } else {
        let v = cx.src(0);
        let v = cx.widen(v);
        let near = cx.b.sextract(Ty::I64, v, 0, 48);
        let far = cx.b.icmp(Ty::I64, brolga_ir::IntCc::Ne, near, v);
        let v = cx.raise_if(far, GP, &[v])[0];
        cx.b.set(reg, v);
        let next = cx.next_pc();
        return cx.goto(brolga_ir::JumpKind::Jump, next);
    }
    Flow::Next
}

/// LFENCE, SFENCE, MFENCE.
pub fn fence(cx: &mut Cx) -> Flow {
    cx.b.fence(match cx.i.mnemonic() {
        Mnemonic::Lfence => Op::FenceLoad,
        Mnemonic::Sfence => Op::FenceStore,
        _ => Op::Fence,
    });
    Flow::Next
}

/// RDRAND, RDSEED: always succeed.
pub fn random(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.pure_call(exec::RANDOM, &[]);
    let v = cx.narrow(ty, v);
    cx.set_op(0, v);
    let carry = cx.iconst(Ty::I64, state::packed(state::CF));
    cx.set_packed(carry);
    Flow::Next
}

/// RDPID: processor 0.
pub fn rdpid(cx: &mut Cx) -> Flow {
    let zero = cx.iconst(Ty::I64, 0);
    cx.set_reg(cx.i.op0_register(), zero);
    Flow::Next
}

/// LDMXCSR: the mode may change, so the block ends. Reserved bits fault.
pub fn ldmxcsr(cx: &mut Cx) -> Flow {
    let v = cx.src_as(0, Ty::I32);
    let v = cx.widen(v);
    let (high, zero) = (cx.b.extract(Ty::I64, v, 16, 16), cx.iconst(Ty::I64, 0));
    let reserved = cx.b.icmp(Ty::I64, brolga_ir::IntCc::Ne, high, zero);
    let v = cx.raise_if(reserved, GP, &[v])[0];
    cx.b.call_void(exec::SET_MXCSR, &[v], mxcsr_words(), mxcsr_words());
    cx.resync()
}

/// STMXCSR.
pub fn stmxcsr(cx: &mut Cx) -> Flow {
    let v = cx.b.call(exec::GET_MXCSR, &[], mxcsr_words(), RegSet::EMPTY);
    let v = cx.narrow(Ty::I32, v);
    cx.set_op(0, v);
    Flow::Next
}

/// The words that MXCSR is made of.
pub fn mxcsr_words() -> RegSet {
    RegSet::EMPTY.with(state::MXCSR).with(state::MXCSR_FLAGS)
}
