//! Exception generation, hints, barriers and system registers, as EL0 sees them.

use super::{Cx, Flow, dp_reg, sysreg};
use crate::a64::*;
use crate::{exec, state};
use brolga_core::{MemOp, Size};
use brolga_ir::{Op, RaiseKind, Ty};

/// SVC.
pub fn svc(cx: &mut Cx, i: Svc) -> Flow {
    let imm = cx.iconst(Ty::I64, i.imm16 as u64);
    let next = cx.next_pc();
    cx.b.raise(RaiseKind::Syscall, next, imm);
    Flow::EndTb
}

/// HVC: undefined at EL0.
pub fn hvc(cx: &mut Cx, _: Hvc) -> Flow {
    cx.undefined()
}

/// SMC: undefined at EL0.
pub fn smc(cx: &mut Cx, _: Smc) -> Flow {
    cx.undefined()
}

/// BRK.
pub fn brk(cx: &mut Cx, i: Brk) -> Flow {
    let imm = cx.iconst(Ty::I64, i.imm16 as u64);
    let pc = cx.pc;
    cx.b.raise(RaiseKind::Breakpoint, pc, imm);
    Flow::EndTb
}

/// HLT: undefined while halting debug is off.
pub fn hlt(cx: &mut Cx, _: Hlt) -> Flow {
    cx.undefined()
}

/// DCPS1, DCPS2, DCPS3: undefined outside debug state.
pub fn dcps(cx: &mut Cx, _: Dcps) -> Flow {
    cx.undefined()
}

/// An instruction that may do nothing at EL0.
macro_rules! nops {
    ($($name:ident $args:ident;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`: does nothing here.")]
        pub fn $name(_: &mut Cx, _: $args) -> Flow {
            Flow::Next
        }
    )*};
}

nops! {
    wfet Wfet;
    wfit Wfit;
    nop Nop;
    yield_hint YieldHint;
    wfe Wfe;
    wfi Wfi;
    sev Sev;
    sevl Sevl;
    esb Esb;
    bti Bti;
    hint Hint;
    sb Sb;
}

/// CHKFEAT: every feature asked for in X16 is absent, so its bits stay set.
pub fn chkfeat(_: &mut Cx, _: Chkfeat) -> Flow {
    Flow::Next
}

/// XPACLRI.
pub fn xpaclri(cx: &mut Cx, _: Xpaclri) -> Flow {
    let pointer = cx.reg(Ty::I64, 30);
    let r = dp_reg::strip(cx, pointer);
    cx.set_reg(30, r);
    Flow::Next
}

/// PACIA1716, PACIB1716, AUTIA1716, AUTIB1716.
pub fn pac1716(cx: &mut Cx, i: Pac1716) -> Flow {
    let (pointer, modifier) = (cx.reg(Ty::I64, 17), cx.reg(Ty::I64, 16));
    let r = dp_reg::pac_or_auth(cx, pointer, modifier, i.a, i.b as u32);
    cx.set_reg(17, r);
    Flow::Next
}

/// PACIAZ, PACIASP, AUTIASP and the like: the code of X30 with zero or SP.
pub fn pacsp(cx: &mut Cx, i: Pacsp) -> Flow {
    let pointer = cx.reg(Ty::I64, 30);
    let modifier = if i.z { cx.reg_sp(Ty::I64, 31) } else { cx.iconst(Ty::I64, 0) };
    let r = dp_reg::pac_or_auth(cx, pointer, modifier, i.a, i.b as u32);
    cx.set_reg(30, r);
    Flow::Next
}

/// CLREX.
pub fn clrex(cx: &mut Cx, _: Clrex) -> Flow {
    let open = cx.iconst(Ty::I64, u64::MAX);
    cx.b.set(state::EXCL_ADDR, open);
    Flow::Next
}

/// DSB. In user mode there is nothing to complete that others could not see by order alone.
pub fn dsb(cx: &mut Cx, i: Dsb) -> Flow {
    barrier(cx, i.crm)
}

/// DMB.
pub fn dmb(cx: &mut Cx, i: Dmb) -> Flow {
    barrier(cx, i.crm)
}

/// The access types of a barrier are bits 1..0 of CRm.
fn barrier(cx: &mut Cx, crm: u32) -> Flow {
    cx.b.fence(match crm & 3 {
        1 => Op::FenceLoad,
        2 => Op::FenceStore,
        _ => Op::Fence,
    });
    Flow::Next
}

/// DSB (nXS).
pub fn dsb_nxs(cx: &mut Cx, _: DsbNxs) -> Flow {
    cx.b.fence(Op::Fence);
    Flow::Next
}

/// ISB: what follows is fetched again, so the block ends.
pub fn isb(cx: &mut Cx, _: Isb) -> Flow {
    cx.resync()
}

fn convert_flags(cx: &mut Cx, helper: brolga_ir::HelperId) -> Flow {
    let f = cx.b.get_flags();
    let old = cx.b.flags_unpack(f);
    let new = cx.pure_call(helper, &[old]);
    let f = cx.b.flags_pack(new);
    cx.b.set_flags(f);
    Flow::Next
}

/// CFINV.
pub fn cfinv(cx: &mut Cx, _: Cfinv) -> Flow {
    let f = cx.b.get_flags();
    let old = cx.b.flags_unpack(f);
    let c = cx.iconst(Ty::I64, 1 << 29);
    let new = cx.b.xor(Ty::I64, old, c);
    let f = cx.b.flags_pack(new);
    cx.b.set_flags(f);
    Flow::Next
}

/// XAFLAG.
pub fn xaflag(cx: &mut Cx, _: Xaflag) -> Flow {
    convert_flags(cx, exec::XAFLAG)
}

/// AXFLAG.
pub fn axflag(cx: &mut Cx, _: Axflag) -> Flow {
    convert_flags(cx, exec::AXFLAG)
}

/// MSR (immediate): EL0 may write SSBS and DIT, which change timing only.
pub fn msr_imm(cx: &mut Cx, i: MsrImm) -> Flow {
    let (reg, mask) = match (i.op1, i.op2) {
        (3, 1) => (state::SSBS, sysreg::SSBS_MASK),
        (3, 2) => (state::DIT, sysreg::DIT_MASK),
        _ => return cx.undefined(),
    };
    let bit = cx.iconst(Ty::I64, if i.crm & 1 != 0 { mask } else { 0 });
    cx.b.set(reg, bit);
    Flow::Next
}

/// SYS: cache maintenance.
pub fn sys(cx: &mut Cx, i: Sys) -> Flow {
    match (i.op1, i.crn, i.crm, i.op2) {
        (3, 7, 5, 1) => ic_ivau(cx, i.rt),
        (3, 7, 4, 1) => dc_zva(cx, i.rt),
        // DC CVAC, CVAU, CIVAC, CVAP, CVADP: host caches are coherent; the address must be readable.
        (3, 7, 10 | 11 | 12 | 13 | 14, 1) => probe(cx, i.rt),
        _ => cx.undefined(),
    }
}

/// SYSL: nothing at EL0.
pub fn sysl(cx: &mut Cx, _: Sysl) -> Flow {
    cx.undefined()
}

fn probe(cx: &mut Cx, rt: u32) -> Flow {
    let addr = cx.reg(Ty::I64, rt);
    cx.b.load(Ty::I64, MemOp::plain(Size::B1), addr, 0);
    Flow::Next
}

/// IC IVAU: translations of the line go; the run loop does it, as the block itself may be among them.
fn ic_ivau(cx: &mut Cx, rt: u32) -> Flow {
    let addr = cx.reg(Ty::I64, rt);
    let next = cx.next_pc();
    cx.b.raise(RaiseKind::Invalidate, next, addr);
    Flow::EndTb
}

/// DC ZVA: zeroes a block of 64 bytes (DCZID_EL0 says so).
fn dc_zva(cx: &mut Cx, rt: u32) -> Flow {
    let addr = cx.reg(Ty::I64, rt);
    let mask = cx.iconst(Ty::I64, !63);
    let base = cx.b.and(Ty::I64, addr, mask);
    let zero = cx.b.vconst(0);
    for k in 0..4 {
        cx.b.store(MemOp::plain(Size::B16), base, k * 16, zero);
    }
    Flow::Next
}

/// MSR (register).
pub fn msr(cx: &mut Cx, i: Msr) -> Flow {
    sysreg::write(cx, [i.op0, i.op1, i.crn, i.crm, i.op2], i.rt)
}

/// MRS.
pub fn mrs(cx: &mut Cx, i: Mrs) -> Flow {
    sysreg::read(cx, [i.op0, i.op1, i.crn, i.crm, i.op2], i.rt)
}
