//! Shifts and rotates.
//!
//! OF is defined for single-bit shifts only; for others it is clear behind shifts and unchanged behind rotates. AF is clear.

use super::flags::{PACKED_CF, PACKED_OF};
use super::{Cx, Flow};
use crate::exec;
use brolga_core::RegSet;
use brolga_ir::{IntCc, Ty, Value};
use iced_x86::{Mnemonic, OpKind, Register};

/// Direction of a shift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    /// To the left.
    Left,
    /// To the right, zeros coming in.
    Right,
    /// To the right, copies of the sign coming in.
    Arithmetic,
}

/// The count of a shift: masked to 5 bits, 6 for 64-bit operands.
enum Count {
    Constant(u32),
    /// As a value of the operand's type.
    Variable(Value),
}

fn count_mask(ty: Ty) -> u32 {
    if ty == Ty::I64 { 63 } else { 31 }
}

/// The count in operand `n`, at type `ty`.
fn count(cx: &mut Cx, n: u32, ty: Ty) -> Count {
    let mask = count_mask(ty);
    if cx.i.op_kind(n) != OpKind::Register {
        return Count::Constant(cx.i.immediate(n) as u32 & mask);
    }
    let cl = cx.reg(Register::CL);
    let cl = cx.zext(ty, cl);
    let mask = cx.iconst(ty, mask as u64);
    Count::Variable(cx.b.and(ty, cl, mask))
}

/// The type that a narrow operand is shifted in, so that counts above its width need no thought.
fn working(ty: Ty) -> Ty {
    if ty == Ty::I64 { ty } else { Ty::I32 }
}

fn shifted(cx: &mut Cx, shift: Shift, ty: Ty, v: Value, n: Value) -> Value {
    match shift {
        Shift::Left => cx.b.shl(ty, v, n),
        Shift::Right => cx.b.lshr(ty, v, n),
        Shift::Arithmetic => cx.b.ashr(ty, v, n),
    }
}

/// SHL, SHR, SAR.
pub fn shift(cx: &mut Cx, shift: Shift) -> Flow {
    let ty = cx.ty(0);
    let wide = working(ty);
    let n = count(cx, 1, wide);
    let place = cx.place(0);
    let v = cx.load(place, ty);
    let v = if shift == Shift::Arithmetic { cx.sext(wide, v) } else { cx.zext(wide, v) };
    match n {
        Count::Constant(0) => {
            let v = cx.zext(ty, v);
            cx.store(place, v);
        }
        Count::Constant(n) => {
            let amount = cx.iconst(wide, n as u64);
            let r = shifted(cx, shift, wide, v, amount);
            let r = cx.zext(ty, r);
            cx.store(place, r);
            let f = constant_flags(cx, shift, ty, v, r, n);
            cx.b.set_flags(f);
        }
        Count::Variable(n) => {
            let r = shifted(cx, shift, wide, v, n);
            let r = cx.zext(ty, r);
            cx.store(place, r);
            variable_flags(cx, shift, ty, v, r, n);
        }
    }
    Flow::Next
}

/// Flags behind a shift of `v`, extended to the working type, by constant `n` to `r`.
fn constant_flags(cx: &mut Cx, shift: Shift, ty: Ty, v: Value, r: Value, n: u32) -> Value {
    let (wide, bits) = (working(ty), ty.bits());
    if n == 1 && shift == Shift::Left {
        // The carries and the overflow of a sum with itself.
        let (v, one) = (cx.zext(ty, v), cx.iconst(Ty::I8, 1));
        let f = cx.b.flags_add(ty, v, v);
        return cx.b.flags_flip_c(f, one);
    }
    let at = match shift {
        Shift::Left if n > bits => None,
        Shift::Left => Some(bits - n),
        Shift::Right if n > bits => None,
        _ => Some((n - 1).min(wide.bits() - 1)),
    };
    let cf = match at {
        Some(at) => {
            let bit = cx.b.extract(wide, v, at, 1);
            cx.b.zext(Ty::I8, bit)
        }
        None => cx.iconst(Ty::I8, 0),
    };
    if n == 1 && shift == Shift::Right {
        return halved_flags(cx, ty, v, r, cf);
    }
    cx.flags_carry(ty, r, cf)
}

/// Flags of `r = v >> 1` with carry `cf`, where OF is the sign of `v`: with m that sign bit alone, `(r ^ m) + m` is r
/// again, overflows if m is not 0, and carries then.
fn halved_flags(cx: &mut Cx, ty: Ty, v: Value, r: Value, cf: Value) -> Value {
    let v = cx.zext(ty, v);
    let top = cx.iconst(ty, 1 << (ty.bits() - 1));
    let m = cx.b.and(ty, v, top);
    let x = cx.b.xor(ty, r, m);
    let f = cx.b.flags_add(ty, x, m);
    let zero = cx.iconst(ty, 0);
    let clear = cx.b.icmp(ty, IntCc::Eq, m, zero);
    let flip = cx.b.xor(Ty::I8, clear, cf);
    cx.b.flags_flip_c(f, flip)
}

/// Flags behind a shift by a value: unchanged if it is 0.
fn variable_flags(cx: &mut Cx, shift: Shift, ty: Ty, v: Value, r: Value, n: Value) {
    let (wide, bits) = (working(ty), ty.bits());
    let one = cx.iconst(wide, 1);
    let zero = cx.iconst(wide, 0);
    let last = cx.b.isub(wide, n, one);
    let out = shifted(cx, shift, wide, v, last);
    let cf = cx.b.extract(wide, out, if shift == Shift::Left { bits - 1 } else { 0 }, 1);
    let cf = cx.b.zext(Ty::I8, cf);
    let is_one = cx.b.icmp(wide, IntCc::Eq, n, one);
    let many = cx.flags_carry(ty, r, cf);
    let f = match shift {
        Shift::Arithmetic => many,
        Shift::Right => {
            let single = halved_flags(cx, ty, v, r, cf);
            cx.b.flags_select(is_one, single, many)
        }
        Shift::Left => {
            let (v, set) = (cx.zext(ty, v), cx.iconst(Ty::I8, 1));
            let f = cx.b.flags_add(ty, v, v);
            let single = cx.b.flags_flip_c(f, set);
            cx.b.flags_select(is_one, single, many)
        }
    };
    let moved = cx.b.icmp(wide, IntCc::Ne, n, zero);
    let old = cx.b.get_flags();
    let f = cx.b.flags_select(moved, f, old);
    cx.b.set_flags(f);
}

/// SHLX, SHRX, SARX, RORX: no flags.
pub fn bmi_shift(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    let n = cx.src_as(2, ty);
    let r = match cx.i.mnemonic() {
        Mnemonic::Shlx => cx.b.shl(ty, v, n),
        Mnemonic::Shrx => cx.b.lshr(ty, v, n),
        Mnemonic::Sarx => cx.b.ashr(ty, v, n),
        _ => cx.b.rotr(ty, v, n),
    };
    cx.set_op(0, r);
    Flow::Next
}

/// SHLD, SHRD. Of 16-bit operands counts above 16 are undefined; they shift in the first operand again.
pub fn double(cx: &mut Cx, left: bool) -> Flow {
    let ty = cx.ty(0);
    let place = cx.place(0);
    let (fill, v) = (cx.src(1), cx.load(place, ty));
    let (n, known) = match count(cx, 2, ty) {
        Count::Constant(0) => {
            cx.store(place, v);
            return Flow::Next;
        }
        Count::Constant(n) => (cx.iconst(ty, n as u64), Some(n)),
        Count::Variable(n) => (n, None),
    };
    let bits = ty.bits();
    let (r, cf) =
        if ty == Ty::I16 { narrow_double(cx, left, v, fill, n) } else { wide_double(cx, left, ty, v, fill, n) };
    // A count of 0 changes nothing.
    let zero = cx.iconst(ty, 0);
    let moved = cx.b.icmp(ty, IntCc::Ne, n, zero);
    let r = cx.b.select(ty, moved, r, v);
    cx.store(place, r);
    let many = cx.flags_carry(ty, r, cf);
    if known.is_some_and(|n| n != 1) {
        cx.b.set_flags(many);
        return Flow::Next;
    }
    // OF of a single bit is a change of sign.
    let one = cx.iconst(ty, 1);
    let single = cx.b.icmp(ty, IntCc::Eq, n, one);
    let changed = cx.b.xor(ty, r, v);
    let changed = cx.b.extract(ty, changed, bits - 1, 1);
    let changed = cx.b.zext(Ty::I8, changed);
    let overflow = cx.b.and(Ty::I8, changed, single);
    let old = cx.b.get_flags();
    let f = cx.b.flags_select(moved, many, old);
    cx.b.set_flags(f);
    let overflow = cx.widen(overflow);
    let define = cx.widen(single);
    cx.flags_call(exec::SET_OF_IF, &[overflow, define]);
    Flow::Next
}

/// Result and carry of a double shift of 32 or 64 bits, count not 0.
fn wide_double(cx: &mut Cx, left: bool, ty: Ty, v: Value, fill: Value, n: Value) -> (Value, Value) {
    let bits = cx.iconst(ty, ty.bits() as u64);
    let back = cx.b.isub(ty, bits, n);
    let (x, y) = if left {
        (cx.b.shl(ty, v, n), cx.b.lshr(ty, fill, back))
    } else {
        (cx.b.lshr(ty, v, n), cx.b.shl(ty, fill, back))
    };
    let r = cx.b.or(ty, x, y);
    let at = if left {
        back
    } else {
        let one = cx.iconst(ty, 1);
        cx.b.isub(ty, n, one)
    };
    let cf = cx.b.lshr(ty, v, at);
    let cf = cx.b.extract(ty, cf, 0, 1);
    (r, cx.b.zext(Ty::I8, cf))
}

/// The same of 16 bits, as a rotate of 32: the two operands side by side, and the first one again.
fn narrow_double(cx: &mut Cx, left: bool, v: Value, fill: Value, n: Value) -> (Value, Value) {
    let (v, fill, n) = (cx.widen(v), cx.widen(fill), cx.widen(n));
    let wide = cx.b.deposit(Ty::I64, v, fill, 16, 16);
    let wide = cx.b.deposit(Ty::I64, wide, v, 32, 16);
    let one = cx.iconst(Ty::I64, 1);
    let last = cx.b.isub(Ty::I64, n, one);
    let (r, cf) = if left {
        // From the top: v, fill, v.
        let r = cx.b.shl(Ty::I64, wide, n);
        let out = cx.b.shl(Ty::I64, wide, last);
        (cx.b.extract(Ty::I64, r, 32, 16), cx.b.extract(Ty::I64, out, 47, 1))
    } else {
        let r = cx.b.lshr(Ty::I64, wide, n);
        let out = cx.b.lshr(Ty::I64, wide, last);
        (r, cx.b.extract(Ty::I64, out, 0, 1))
    };
    (cx.b.zext(Ty::I16, r), cx.b.zext(Ty::I8, cf))
}

/// ROL, ROR.
pub fn rotate(cx: &mut Cx, left: bool) -> Flow {
    let ty = cx.ty(0);
    let n = count(cx, 1, ty);
    let place = cx.place(0);
    let v = cx.load(place, ty);
    let amount = match n {
        Count::Constant(n) => cx.iconst(ty, n as u64),
        Count::Variable(n) => n,
    };
    let by = if left { cx.b.neg(ty, amount) } else { amount };
    let r = cx.b.rotr(ty, v, by);
    cx.store(place, r);
    match n {
        Count::Constant(0) => {}
        Count::Constant(n) if n > 1 => {
            let bit = cx.b.extract(ty, r, if left { 0 } else { ty.bits() - 1 }, 1);
            let cf = cx.b.zext(Ty::I8, bit);
            cx.set_cf(cf);
        }
        n => rotate_flags(cx, left, ty, r, n),
    }
    Flow::Next
}

/// Flags behind a rotation by 1 or by CL: by 0 none change, by more than 1 CF alone.
fn rotate_flags(cx: &mut Cx, left: bool, ty: Ty, r: Value, n: Count) {
    let bits = cx.packed_flags();
    let mut bit = |at: u32| {
        let v = cx.b.extract(ty, r, at, 1);
        cx.widen(v)
    };
    let (low, top, next) = (bit(0), bit(ty.bits() - 1), bit(ty.bits() - 2));
    let (carry, other) = if left { (low, low) } else { (top, next) };
    let (overflow, one) = (cx.b.xor(Ty::I64, top, other), cx.iconst(Ty::I64, 1));
    let carry = cx.b.xor(Ty::I64, carry, one);
    let many = cx.b.deposit(Ty::I64, bits, carry, PACKED_CF, 1);
    let single = cx.b.deposit(Ty::I64, many, overflow, PACKED_OF, 1);
    let Count::Variable(n) = n else { return cx.set_packed(single) };
    let [is_one, is_zero] = [1, 0].map(|k| {
        let k = cx.iconst(ty, k);
        cx.b.icmp(ty, IntCc::Eq, n, k)
    });
    let moved = cx.b.select(Ty::I64, is_one, single, many);
    let r = cx.b.select(Ty::I64, is_zero, bits, moved);
    cx.set_packed(r);
}

/// Width, and bit 8 for the left, as helpers take them.
fn how(ty: Ty, left: bool) -> u64 {
    ty.bits() as u64 | (left as u64) << 8
}

/// RCL, RCR: rotates through CF.
pub fn rotate_carry(cx: &mut Cx, left: bool) -> Flow {
    let ty = cx.ty(0);
    let n = count(cx, 1, ty);
    let place = cx.place(0);
    let v = cx.load(place, ty);
    let n = match n {
        Count::Constant(n) => cx.iconst(ty, n as u64),
        Count::Variable(n) => n,
    };
    let (v, n, how) = (cx.widen(v), cx.widen(n), cx.iconst(Ty::I64, how(ty, left)));
    let r = cx.b.call(exec::ROTATE_CARRY, &[v, n, how], super::flags::flag_words(), RegSet::EMPTY);
    let result = cx.narrow(ty, r);
    cx.store(place, result);
    cx.flags_call(exec::ROTATE_CARRY_FLAGS, &[v, n, how]);
    Flow::Next
}
