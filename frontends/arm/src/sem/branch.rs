//! Branches. Arm ARM, "Branches, Exception Generating and System instructions".
//!
//! Branch targets marked by BTI are not checked: Linux checks them only in pages mapped with
//! PROT_BTI, which user mode does not grant.

use super::{Cx, Flow, dp_reg, sf_ty, sign_extend};
use crate::a64::*;
use crate::state;
use brolga_ir::{IntCc, JumpKind, Ty, Value};

fn link(cx: &mut Cx) {
    let next = cx.next_pc();
    let next = cx.iconst(Ty::I64, next);
    cx.b.set(state::x(30), next);
}

/// B, BL.
pub fn b_imm(cx: &mut Cx, i: BImm) -> Flow {
    let target = cx.pc.wrapping_add((sign_extend(i.imm26, 26) << 2) as u64);
    if i.op {
        link(cx);
        return cx.goto(JumpKind::Call, target);
    }
    cx.goto(JumpKind::Jump, target)
}

/// B.cond, BC.cond.
pub fn b_cond(cx: &mut Cx, i: BCond) -> Flow {
    let target = cx.pc.wrapping_add((sign_extend(i.imm19, 19) << 2) as u64);
    if i.cond >= 14 {
        return cx.goto(JumpKind::Jump, target);
    }
    let c = cx.cond(i.cond);
    cx.goto_if(c, target)
}

/// CBZ, CBNZ.
pub fn cbz(cx: &mut Cx, i: Cbz) -> Flow {
    let ty = sf_ty(i.sf);
    let target = cx.pc.wrapping_add((sign_extend(i.imm19, 19) << 2) as u64);
    let v = cx.reg(ty, i.rt);
    let zero = cx.iconst(ty, 0);
    let c = cx.b.icmp(ty, if i.op { IntCc::Ne } else { IntCc::Eq }, v, zero);
    cx.goto_if(c, target)
}

/// TBZ, TBNZ.
pub fn tbz(cx: &mut Cx, i: Tbz) -> Flow {
    let target = cx.pc.wrapping_add((sign_extend(i.imm14, 14) << 2) as u64);
    let v = cx.reg(Ty::I64, i.rt);
    let bit = cx.b.extract(Ty::I64, v, (i.b5 as u32) << 5 | i.b40, 1);
    let zero = cx.iconst(Ty::I64, 0);
    let c = cx.b.icmp(Ty::I64, if i.op { IntCc::Ne } else { IntCc::Eq }, bit, zero);
    cx.goto_if(c, target)
}

/// Branches to an address in a register, whose top byte is ignored. Arm ARM, shared pseudocode "AArch64.BranchAddr".
fn jump(cx: &mut Cx, kind: JumpKind, target: Value) -> Flow {
    let target = cx.b.sextract(Ty::I64, target, 0, 56);
    if kind == JumpKind::Call {
        link(cx);
    }
    cx.b.goto_ind(kind, target);
    Flow::EndTb
}

/// BR.
pub fn br(cx: &mut Cx, i: Br) -> Flow {
    let target = cx.reg(Ty::I64, i.rn);
    jump(cx, JumpKind::Jump, target)
}

/// BLR.
pub fn blr(cx: &mut Cx, i: Blr) -> Flow {
    let target = cx.reg(Ty::I64, i.rn);
    jump(cx, JumpKind::Call, target)
}

/// RET.
pub fn ret(cx: &mut Cx, i: Ret) -> Flow {
    let target = cx.reg(Ty::I64, i.rn);
    jump(cx, JumpKind::Ret, target)
}

/// BRAA, BRAAZ, BRAB, BRABZ, BLRAA, BLRAAZ, BLRAB, BLRABZ.
pub fn bra(cx: &mut Cx, i: Bra) -> Flow {
    let pointer = cx.reg(Ty::I64, i.rn);
    let modifier = if i.z { cx.reg_sp(Ty::I64, i.rm) } else { cx.iconst(Ty::I64, 0) };
    let target = dp_reg::pac_or_auth(cx, pointer, modifier, true, i.m as u32);
    jump(cx, if i.l { JumpKind::Call } else { JumpKind::Jump }, target)
}

/// RETAA, RETAB.
pub fn reta(cx: &mut Cx, i: Reta) -> Flow {
    let pointer = cx.reg(Ty::I64, 30);
    let modifier = cx.reg_sp(Ty::I64, 31);
    let target = dp_reg::pac_or_auth(cx, pointer, modifier, true, i.m as u32);
    jump(cx, JumpKind::Ret, target)
}

/// ERET: undefined at EL0.
pub fn eret(cx: &mut Cx, _: Eret) -> Flow {
    cx.undefined()
}

/// ERETAA, ERETAB: undefined at EL0.
pub fn ereta(cx: &mut Cx, _: Ereta) -> Flow {
    cx.undefined()
}
