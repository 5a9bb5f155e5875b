//! Integer addition, subtraction, logic and moves.

use super::atomic;
use super::flags::{PACKED_CF, PACKED_OF};
use super::operand::int;
use super::{Cx, Flow};
use brolga_core::{Cond, RmwOp};
use brolga_ir::{IntCc, Op, Ty, Value};
use iced_x86::{Mnemonic, Register};

/// A two-operand operation on integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alu {
    /// a + b
    Add,
    /// a + b + CF
    Adc,
    /// a - b
    Sub,
    /// a - b - CF
    Sbb,
    /// a & b
    And,
    /// a | b
    Or,
    /// a ^ b
    Xor,
}

impl Alu {
    /// The atomic operation that stores the result; none where CF takes part. Subtraction adds the negative.
    pub fn atomic(self) -> Option<RmwOp> {
        Some(match self {
            Alu::Add | Alu::Sub => RmwOp::Add,
            Alu::And => RmwOp::And,
            Alu::Or => RmwOp::Or,
            Alu::Xor => RmwOp::Xor,
            Alu::Adc | Alu::Sbb => return None,
        })
    }
}

/// What an operation gives.
pub struct Computed {
    /// The result.
    pub result: Value,
    /// The flags.
    pub flags: Value,
}

/// Result and flags; writes nothing.
pub fn compute(cx: &mut Cx, alu: Alu, ty: Ty, a: Value, b: Value) -> Computed {
    let one = cx.iconst(Ty::I8, 1);
    match alu {
        Alu::Add => {
            let f = cx.b.flags_add(ty, a, b);
            Computed { result: cx.b.iadd(ty, a, b), flags: cx.b.flags_flip_c(f, one) }
        }
        Alu::Sub => Computed { result: cx.b.isub(ty, a, b), flags: cx.b.flags_sub(ty, a, b) },
        Alu::Adc => {
            let cf = cx.cf();
            let carry = cx.zext(ty, cf);
            let sum = cx.b.iadd(ty, a, b);
            let f = cx.b.flags_adc(ty, a, b, cf);
            Computed { result: cx.b.iadd(ty, sum, carry), flags: cx.b.flags_flip_c(f, one) }
        }
        Alu::Sbb => {
            let old = cx.b.get_flags();
            let clear = cx.b.cond(Cond::Cs, old);
            let borrow = cx.b.xor(Ty::I8, clear, one);
            let borrow = cx.zext(ty, borrow);
            let difference = cx.b.isub(ty, a, b);
            let flags = cx.b.flags_sbc(ty, a, b, clear);
            Computed { result: cx.b.isub(ty, difference, borrow), flags }
        }
        Alu::And | Alu::Or | Alu::Xor => {
            let result = match alu {
                Alu::And => cx.b.and(ty, a, b),
                Alu::Or => cx.b.or(ty, a, b),
                _ => cx.b.xor(ty, a, b),
            };
            let zero = cx.iconst(ty, 0);
            Computed { result, flags: cx.b.flags_sub(ty, result, zero) }
        }
    }
}

/// ADD, ADC, SUB, SBB, AND, OR, XOR. SDM vol. 2, the pages of these names.
pub fn alu(cx: &mut Cx, alu: Alu) -> Flow {
    let ty = cx.ty(0);
    if cx.i.has_lock_prefix() {
        return atomic::alu(cx, alu, ty);
    }
    let zeroes = matches!(alu, Alu::Xor | Alu::Sub);
    if zeroes && cx.i.op0_register() != Register::None && cx.i.op0_register() == cx.i.op1_register() {
        let zero = cx.iconst(ty, 0);
        cx.flags_result(ty, zero);
        cx.set_op(0, zero);
        return Flow::Next;
    }
    let place = cx.place(0);
    let b = cx.src_as(1, ty);
    let a = cx.load(place, ty);
    let c = compute(cx, alu, ty, a, b);
    cx.store(place, c.result);
    cx.b.set_flags(c.flags);
    Flow::Next
}

/// CMP.
pub fn cmp(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (a, b) = (cx.src(0), cx.src_as(1, ty));
    cx.flags_sub(ty, a, b);
    Flow::Next
}

/// TEST.
pub fn test(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let a = cx.src(0);
    let same = cx.i.op0_register() != Register::None && cx.i.op0_register() == cx.i.op1_register();
    let r = if same {
        a
    } else {
        let b = cx.src_as(1, ty);
        cx.b.and(ty, a, b)
    };
    cx.flags_result(ty, r);
    Flow::Next
}

/// Flags of `a + 1` or `a - 1` with CF as it was; `r` is the result.
pub fn keep_carry(cx: &mut Cx, ty: Ty, a: Value, inc: bool) -> Value {
    let one = cx.iconst(ty, 1);
    let old = cx.b.get_flags();
    let kept = cx.b.cond(Cond::Cs, old);
    // The C that the operation gives by itself.
    let edge = cx.iconst(ty, if inc { u64::MAX } else { 0 });
    let (own, f) = if inc {
        (cx.b.icmp(ty, IntCc::Eq, a, edge), cx.b.flags_add(ty, a, one))
    } else {
        (cx.b.icmp(ty, IntCc::Ne, a, edge), cx.b.flags_sub(ty, a, one))
    };
    let differs = cx.b.xor(Ty::I8, own, kept);
    cx.b.flags_flip_c(f, differs)
}

/// INC, DEC.
pub fn inc_dec(cx: &mut Cx) -> Flow {
    let (ty, inc) = (cx.ty(0), cx.i.mnemonic() == Mnemonic::Inc);
    let one = cx.iconst(ty, 1);
    let place = cx.place(0);
    let a = if cx.i.has_lock_prefix() {
        atomic::add(cx, place, ty, if inc { 1 } else { u64::MAX })
    } else {
        let a = cx.load(place, ty);
        let r = if inc { cx.b.iadd(ty, a, one) } else { cx.b.isub(ty, a, one) };
        cx.store(place, r);
        a
    };
    let f = keep_carry(cx, ty, a, inc);
    cx.b.set_flags(f);
    Flow::Next
}

/// NEG: flags of `0 - a`.
pub fn neg(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let place = cx.place(0);
    let a = if cx.i.has_lock_prefix() {
        atomic::update(cx, place, ty, |cx, old| cx.b.neg(ty, old))
    } else {
        let a = cx.load(place, ty);
        let r = cx.b.neg(ty, a);
        cx.store(place, r);
        a
    };
    let zero = cx.iconst(ty, 0);
    cx.flags_sub(ty, zero, a);
    Flow::Next
}

/// NOT: no flags.
pub fn not(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let place = cx.place(0);
    if cx.i.has_lock_prefix() {
        let ones = cx.iconst(Ty::I64, u64::MAX);
        atomic::rmw(cx, RmwOp::Xor, place, ty, ones);
        return Flow::Next;
    }
    let a = cx.load(place, ty);
    let r = cx.b.not(ty, a);
    cx.store(place, r);
    Flow::Next
}

/// MOV between general-purpose registers, memory and immediates; MOVABS; MOVNTI.
pub fn mov(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    cx.set_op(0, v);
    Flow::Next
}

/// MOVZX.
pub fn movzx(cx: &mut Cx) -> Flow {
    let (to, v) = (cx.ty(0), cx.src(1));
    let v = cx.zext(to, v);
    cx.set_op(0, v);
    Flow::Next
}

/// MOVSX, MOVSXD.
pub fn movsx(cx: &mut Cx) -> Flow {
    let (to, v) = (cx.ty(0), cx.src(1));
    let v = cx.sext(to, v);
    cx.set_op(0, v);
    Flow::Next
}

/// LEA.
pub fn lea(cx: &mut Cx) -> Flow {
    let v = cx.lea();
    let v = cx.narrow(int(cx.i.op0_register().size()), v);
    cx.set_op(0, v);
    Flow::Next
}

/// CBW, CWDE, CDQE: the accumulator sign-extended to twice its width.
pub fn cdqe(cx: &mut Cx) -> Flow {
    let (from, to) = match cx.i.mnemonic() {
        Mnemonic::Cbw => (Register::AL, Register::AX),
        Mnemonic::Cwde => (Register::AX, Register::EAX),
        _ => (Register::EAX, Register::RAX),
    };
    let v = cx.reg(from);
    let v = cx.sext(int(to.size()), v);
    cx.set_reg(to, v);
    Flow::Next
}

/// CWD, CDQ, CQO: the accumulator's sign to the D register.
pub fn cqo(cx: &mut Cx) -> Flow {
    let (from, to) = match cx.i.mnemonic() {
        Mnemonic::Cwd => (Register::AX, Register::DX),
        Mnemonic::Cdq => (Register::EAX, Register::EDX),
        _ => (Register::RAX, Register::RDX),
    };
    let ty = int(from.size());
    let (v, top) = (cx.reg(from), cx.iconst(ty, ty.bits() as u64 - 1));
    let v = cx.b.ashr(ty, v, top);
    cx.set_reg(to, v);
    Flow::Next
}

/// BSWAP; of 16 bits it is undefined, and gives zero as processors do.
pub fn bswap(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src(0);
    let v = if ty == Ty::I16 { cx.iconst(ty, 0) } else { cx.b.bswap(ty, v) };
    cx.set_op(0, v);
    Flow::Next
}

/// MOVBE.
pub fn movbe(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let v = cx.src_as(1, ty);
    let v = cx.b.bswap(ty, v);
    cx.set_op(0, v);
    Flow::Next
}

/// XLATB: AL from a table of bytes at RBX.
pub fn xlat(cx: &mut Cx) -> Flow {
    let (table, index) = (cx.b.get(crate::state::RBX), cx.reg(Register::AL));
    let index = cx.widen(index);
    let mut addr = cx.b.iadd(Ty::I64, table, index);
    if cx.i.memory_base() == Register::EBX {
        addr = cx.b.extract(Ty::I64, addr, 0, 32);
    }
    if let Some(base) = cx.segment() {
        addr = cx.b.iadd(Ty::I64, base, addr);
    }
    let v = cx.b.load(Ty::I8, super::operand::plain(Ty::I8), addr, 0);
    cx.set_reg(Register::AL, v);
    Flow::Next
}

/// ADCX, ADOX: addition with carry in and out by CF or OF alone.
pub fn adx(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let (a, b) = (cx.src(0), cx.src_as(1, ty));
    let carry_flag = cx.i.mnemonic() == Mnemonic::Adcx;
    // Chains of both kinds go on side by side: neither is to be made of symbolic flags again and again.
    let bits = cx.packed_flags();
    let (rest, mut carries) = carries(cx, bits);
    let carry = &mut carries[carry_flag as usize];
    let wide = cx.zext(ty, *carry);
    let partial = cx.b.iadd(ty, a, b);
    let sum = cx.b.iadd(ty, partial, wide);
    let first = cx.b.icmp(ty, IntCc::Ult, partial, a);
    let second = cx.b.icmp(ty, IntCc::Ult, sum, partial);
    let out = cx.b.or(Ty::I8, first, second);
    *carry = cx.widen(out);
    let one = cx.iconst(Ty::I64, 1);
    let inverted = cx.b.xor(Ty::I64, carries[1], one);
    let bits = cx.b.deposit(Ty::I64, rest, inverted, PACKED_CF, 1);
    let bits = cx.b.deposit(Ty::I64, bits, carries[0], PACKED_OF, 1);
    cx.set_packed(bits);
    cx.set_op(0, sum);
    Flow::Next
}

/// Packed flags without OF and CF, and these two as I64: as ADCX and ADOX put them there, or taken out.
fn carries(cx: &mut Cx, bits: Value) -> (Value, [Value; 2]) {
    let block = &cx.b.block;
    let put = |v: Value, place: u32| Some(block.def(v)).filter(|i| i.op == Op::Deposit && i.bit_range() == (place, 1));
    if let Some(outer) = put(bits, PACKED_OF)
        && let Some(inner) = put(outer.a, PACKED_CF)
        && let inverted = block.def(inner.b)
        && inverted.op == Op::Xor
        && block.as_const(inverted.b) == Some(1)
    {
        return (inner.a, [outer.b, inverted.a]);
    }
    let (overflow, carry) = (cx.b.extract(Ty::I64, bits, PACKED_OF, 1), cx.b.extract(Ty::I64, bits, PACKED_CF, 1));
    let one = cx.iconst(Ty::I64, 1);
    let carry = cx.b.xor(Ty::I64, carry, one);
    (bits, [overflow, carry])
}
