//! Jumps, calls and returns.

use super::operand::plain;
use super::{Cx, Flow, segment};
use crate::state;
use brolga_ir::{IntCc, JumpKind, Ty};
use iced_x86::{Code, ConditionCode, Mnemonic, OpKind, Register};

/// JMP, direct and through a register or memory.
pub fn jmp(cx: &mut Cx) -> Flow {
    match cx.i.op0_kind() {
        OpKind::Register | OpKind::Memory => {
            if cx.i.is_jmp_far_indirect() {
                return segment::jmp(cx);
            }
            let target = cx.src(0);
            cx.b.goto_ind(JumpKind::Jump, target);
            Flow::EndTb
        }
        OpKind::NearBranch64 => cx.goto(JumpKind::Jump, cx.i.near_branch64()),
        // Far and 16-bit forms.
        _ => cx.undefined(),
    }
}

/// Jcc.
pub fn jcc(cx: &mut Cx, code: ConditionCode) -> Flow {
    let c = cx.condition(code);
    cx.goto_if(c, cx.i.near_branch64())
}

/// JCXZ, JECXZ, JRCXZ.
pub fn jrcxz(cx: &mut Cx) -> Flow {
    let (ty, r) = counter(cx);
    let n = cx.reg(r);
    let zero = cx.iconst(ty, 0);
    let c = cx.b.icmp(ty, IntCc::Eq, n, zero);
    cx.goto_if(c, cx.i.near_branch64())
}

/// The count register that the address size selects.
fn counter(cx: &Cx) -> (Ty, Register) {
    match cx.i.mnemonic() {
        Mnemonic::Jecxz => (Ty::I32, Register::ECX),
        _ if matches!(cx.i.code(), Code::Loop_rel8_64_ECX | Code::Loope_rel8_64_ECX | Code::Loopne_rel8_64_ECX) => {
            (Ty::I32, Register::ECX)
        }
        _ => (Ty::I64, Register::RCX),
    }
}

/// LOOP, LOOPE, LOOPNE.
pub fn loop_(cx: &mut Cx) -> Flow {
    let (ty, r) = counter(cx);
    let n = cx.reg(r);
    let one = cx.iconst(ty, 1);
    let zero = cx.iconst(ty, 0);
    let n = cx.b.isub(ty, n, one);
    let mut c = cx.b.icmp(ty, IntCc::Ne, n, zero);
    let also = match cx.i.mnemonic() {
        Mnemonic::Loope => Some(ConditionCode::e),
        Mnemonic::Loopne => Some(ConditionCode::ne),
        _ => None,
    };
    if let Some(code) = also {
        let z = cx.condition(code);
        c = cx.b.and(Ty::I8, c, z);
    }
    cx.set_reg(r, n);
    cx.goto_if(c, cx.i.near_branch64())
}

/// CALL.
pub fn call(cx: &mut Cx) -> Flow {
    let next = cx.next_pc();
    match cx.i.op0_kind() {
        OpKind::Register | OpKind::Memory => {
            if cx.i.is_call_far_indirect() {
                return segment::call(cx);
            }
            let target = cx.src(0);
            let back = cx.iconst(Ty::I64, next);
            cx.push(back);
            cx.b.goto_ind(JumpKind::Call, target);
            Flow::EndTb
        }
        OpKind::NearBranch64 => {
            let back = cx.iconst(Ty::I64, next);
            cx.push(back);
            cx.goto(JumpKind::Call, cx.i.near_branch64())
        }
        _ => cx.undefined(),
    }
}

/// RET, with the bytes to release.
pub fn ret(cx: &mut Cx) -> Flow {
    if matches!(cx.i.code(), Code::Retnw | Code::Retnw_imm16) {
        return cx.undefined();
    }
    let release = if cx.i.op_count() == 1 { cx.i.immediate(0) } else { 0 };
    let top = cx.b.get(state::RSP);
    let target = cx.b.load(Ty::I64, plain(Ty::I64), top, 0);
    let top = cx.plus(top, 8 + release as i64);
    cx.b.set(state::RSP, top);
    cx.b.goto_ind(JumpKind::Ret, target);
    Flow::EndTb
}
