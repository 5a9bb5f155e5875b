//! Memory copy and set (FEAT_MOPS).
//!
//! The prologue does nothing but choose the direction, the main instruction moves all bytes in a loop that a
//! fault or an interrupt can leave with the registers current, and the epilogue finds nothing left: one of
//! the divisions of work that the architecture allows. Arm ARM, "CPYFP, CPYFM, CPYFE" and neighbours (option A
//! and B are both permitted; registers here always hold the plain remaining count, option B).

use super::{Cx, Flow};
use crate::a64::*;
use brolga_core::{MemOp, Size};
use brolga_ir::{IntCc, JumpKind, Ty, Value};

/// Which of the three instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// First.
    Prologue,
    /// Second.
    Main,
    /// Third.
    Epilogue,
}

const B1: MemOp = MemOp::plain(Size::B1);
const B8: MemOp = MemOp::plain(Size::B8);

/// What a step of a loop moves.
struct Registers {
    rd: u32,
    /// Source register, or the value's register for SET.
    rs: u32,
    rn: u32,
}

/// Counts above this saturate. Arm ARM, "CPYP, CPYM, CPYE".
const MAX_EITHER_WAY: u64 = 0x007f_ffff_ffff_ffff;
/// The same where the direction is known. Arm ARM, "CPYFP, CPYFM, CPYFE", "SETP, SETM, SETE".
const MAX_FORWARD: u64 = 0x7fff_ffff_ffff_ffff;
/// Bits of an address that say where it is: the top byte is a tag.
const ADDRESS: u64 = 0x00ff_ffff_ffff_ffff;

fn constrained(r: &Registers, copy: bool) -> bool {
    r.rd == 31 || r.rn == 31 || r.rd == r.rn || r.rd == r.rs || r.rs == r.rn || (copy && r.rs == 31)
}

/// Flags that say "option B, forward" (C set) or backward (C and N set).
fn set_direction(cx: &mut Cx, backward: Value) {
    let n = cx.b.zext(Ty::I64, backward);
    let n = cx.shift(Ty::I64, n, 0, 31);
    let c = cx.iconst(Ty::I64, 1 << 29);
    let bits = cx.b.or(Ty::I64, n, c);
    let f = cx.b.flags_pack(bits);
    cx.b.set_flags(f);
}

fn prologue(cx: &mut Cx, r: &Registers, overlap_matters: bool) -> Flow {
    let count = cx.reg(Ty::I64, r.rn);
    let max = cx.iconst(Ty::I64, if overlap_matters { MAX_EITHER_WAY } else { MAX_FORWARD });
    let count = cx.b.umin(Ty::I64, count, max);
    let backward = if overlap_matters {
        let (d, s) = (cx.reg(Ty::I64, r.rd), cx.reg(Ty::I64, r.rs));
        // Backward if the destination begins inside the source, behind its first byte.
        let distance = cx.b.isub(Ty::I64, d, s);
        let address = cx.iconst(Ty::I64, ADDRESS);
        let distance = cx.b.and(Ty::I64, distance, address);
        let inside = cx.b.icmp(Ty::I64, IntCc::Ult, distance, count);
        let zero = cx.iconst(Ty::I64, 0);
        let apart = cx.b.icmp(Ty::I64, IntCc::Ne, distance, zero);
        cx.b.and(Ty::I8, inside, apart)
    } else {
        cx.iconst(Ty::I8, 0)
    };
    if overlap_matters {
        // Backward copies count down from the ends.
        let (d, s) = (cx.reg(Ty::I64, r.rd), cx.reg(Ty::I64, r.rs));
        let (de, se) = (cx.b.iadd(Ty::I64, d, count), cx.b.iadd(Ty::I64, s, count));
        let d = cx.b.select(Ty::I64, backward, de, d);
        let s = cx.b.select(Ty::I64, backward, se, s);
        cx.set_reg(r.rd, d);
        cx.set_reg(r.rs, s);
    }
    set_direction(cx, backward);
    cx.set_reg(r.rn, count);
    Flow::Next
}

/// A loop over the registers: `step` moves one unit and says by how many bytes it advanced.
/// `wide` is tried while at least eight bytes are left.
fn main_loop(cx: &mut Cx, r: &Registers, step: impl Fn(&mut Cx, &Registers, bool)) -> Flow {
    let next = cx.next_pc();
    let (head, wide, test, narrow, done) =
        (cx.b.new_label(), cx.b.new_label(), cx.b.new_label(), cx.b.new_label(), cx.b.new_label());
    cx.b.jump(head, &[]);
    cx.b.bind(head);
    let count = cx.reg(Ty::I64, r.rn);
    let eight = cx.iconst(Ty::I64, 8);
    let enough = cx.b.icmp(Ty::I64, IntCc::Uge, count, eight);
    cx.b.brif(enough, (wide, &[]), (test, &[]));
    cx.b.bind(wide);
    step(cx, r, true);
    cx.b.jump(head, &[]);
    cx.b.bind(test);
    let count = cx.reg(Ty::I64, r.rn);
    let zero = cx.iconst(Ty::I64, 0);
    let left = cx.b.icmp(Ty::I64, IntCc::Ne, count, zero);
    cx.b.brif(left, (narrow, &[]), (done, &[]));
    cx.b.bind(narrow);
    step(cx, r, false);
    cx.b.jump(head, &[]);
    cx.b.bind(done);
    cx.goto(JumpKind::Jump, next)
}

/// One unit forward: load, store, then the registers.
fn copy_forward(cx: &mut Cx, r: &Registers, wide: bool) {
    let op = if wide { B8 } else { B1 };
    let (d, s) = (cx.reg(Ty::I64, r.rd), cx.reg(Ty::I64, r.rs));
    let v = cx.b.load(Ty::I64, op, s, 0);
    cx.b.store(op, d, 0, v);
    advance(cx, r, wide, true, false);
}

/// One unit backward: addresses are the ends.
fn copy_backward(cx: &mut Cx, r: &Registers, wide: bool) {
    let op = if wide { B8 } else { B1 };
    let bytes = if wide { 8 } else { 1 };
    let (d, s) = (cx.reg(Ty::I64, r.rd), cx.reg(Ty::I64, r.rs));
    let v = cx.b.load(Ty::I64, op, s, -bytes);
    cx.b.store(op, d, -bytes, v);
    advance(cx, r, wide, true, true);
}

fn advance(cx: &mut Cx, r: &Registers, wide: bool, source: bool, backward: bool) {
    let bytes = cx.iconst(Ty::I64, if wide { 8 } else { 1 });
    for reg in [Some(r.rd), source.then_some(r.rs)].into_iter().flatten() {
        let v = cx.reg(Ty::I64, reg);
        let v = if backward { cx.b.isub(Ty::I64, v, bytes) } else { cx.b.iadd(Ty::I64, v, bytes) };
        cx.set_reg(reg, v);
    }
    let count = cx.reg(Ty::I64, r.rn);
    let count = cx.b.isub(Ty::I64, count, bytes);
    cx.set_reg(r.rn, count);
}

/// CPYFP, CPYFM, CPYFE: forward only.
pub fn cpyf(cx: &mut Cx, i: Cpyf, stage: Stage) -> Flow {
    let r = Registers { rd: i.rd, rs: i.rs, rn: i.rn };
    if constrained(&r, true) {
        return cx.undefined();
    }
    match stage {
        Stage::Prologue => prologue(cx, &r, false),
        Stage::Main => main_loop(cx, &r, copy_forward),
        Stage::Epilogue => Flow::Next,
    }
}

/// CPYP, CPYM, CPYE: the direction is in the flags.
pub fn cpy(cx: &mut Cx, i: Cpy, stage: Stage) -> Flow {
    let r = Registers { rd: i.rd, rs: i.rs, rn: i.rn };
    if constrained(&r, true) {
        return cx.undefined();
    }
    match stage {
        Stage::Prologue => prologue(cx, &r, true),
        Stage::Main => {
            let f = cx.b.get_flags();
            let backward = cx.b.cond(brolga_core::Cond::Mi, f);
            let (back, forth) = (cx.b.new_label(), cx.b.new_label());
            cx.b.brif(backward, (back, &[]), (forth, &[]));
            cx.b.bind(back);
            main_loop(cx, &r, copy_backward);
            cx.b.bind(forth);
            main_loop(cx, &r, copy_forward)
        }
        Stage::Epilogue => Flow::Next,
    }
}

/// SETP, SETM, SETE: `rs` holds the byte.
pub fn set(cx: &mut Cx, i: Set, stage: Stage) -> Flow {
    let r = Registers { rd: i.rd, rs: i.rs, rn: i.rn };
    if constrained(&r, false) {
        return cx.undefined();
    }
    match stage {
        Stage::Prologue => prologue(cx, &r, false),
        Stage::Main => main_loop(cx, &r, |cx, r, wide| {
            let d = cx.reg(Ty::I64, r.rd);
            let v = cx.reg(Ty::I64, r.rs);
            if wide {
                let byte = cx.b.extract(Ty::I64, v, 0, 8);
                let ones = cx.iconst(Ty::I64, 0x0101_0101_0101_0101);
                let v = cx.b.imul(Ty::I64, byte, ones);
                cx.b.store(B8, d, 0, v);
            } else {
                cx.b.store(B1, d, 0, v);
            }
            advance(cx, r, wide, false, false);
        }),
        Stage::Epilogue => Flow::Next,
    }
}
