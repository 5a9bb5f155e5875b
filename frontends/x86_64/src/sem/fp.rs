//! SSE floating point: arithmetic, comparisons, conversions.
//!
//! Additions and their like are the IR's operations with their helpers, which back ends compute with the host's
//! arithmetic; where exceptions are not masked, and where x86 has rules of its own, they are helper calls.

use super::system::mxcsr_words;
use super::vec::shape;
use super::{Cx, Flow};
use crate::{exec, state};
use brolga_core::{Cond, RegSet};
use brolga_ir::{FpCall, FpLanes, FpOp, FpRelation, HelperId, IntCc, Shape, Ty, Value};
use iced_x86::OpKind;

/// A precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prec {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

impl Prec {
    /// Type of a scalar.
    pub fn ty(self) -> Ty {
        [Ty::F32, Ty::F64][self as usize]
    }

    /// The integer of its width.
    pub fn int(self) -> Ty {
        [Ty::I32, Ty::I64][self as usize]
    }

    fn lanes(self) -> FpLanes {
        [FpLanes::S4, FpLanes::D2][self as usize]
    }

    fn pick(self, helpers: [HelperId; 2]) -> HelperId {
        helpers[self as usize]
    }
}

/// An operation and its helpers.
#[derive(Clone, Copy)]
pub struct Fp {
    op: FpOp,
    helpers: [HelperId; 2],
}

/// ADDPS and its like.
pub const ADD: Fp = Fp { op: FpOp::Add, helpers: [exec::ADD_S, exec::ADD_D] };
/// A later step of an instruction with several: not done if an earlier one raised what is not masked.
pub const SUM: Fp = Fp { op: FpOp::Add, helpers: [exec::SUM_S, exec::SUM_D] };
/// SUBPS and its like.
pub const SUB: Fp = Fp { op: FpOp::Sub, helpers: [exec::SUB_S, exec::SUB_D] };
/// MULPS and its like.
pub const MUL: Fp = Fp { op: FpOp::Mul, helpers: [exec::MUL_S, exec::MUL_D] };
/// DIVPS and its like.
pub const DIV: Fp = Fp { op: FpOp::Div, helpers: [exec::DIV_S, exec::DIV_D] };
/// SQRTPS and its like.
pub const SQRT: Fp = Fp { op: FpOp::Sqrt, helpers: [exec::SQRT_S, exec::SQRT_D] };
/// Ones where equal, lane by lane.
pub(super) const EQUAL: Fp = Fp { op: FpOp::Eq, helpers: [exec::EQUAL_S, exec::EQUAL_D] };
/// Ones where greater; NaNs are invalid, lane by lane.
pub(super) const GREATER: Fp = Fp { op: FpOp::Gt, helpers: [exec::GREATER_S, exec::GREATER_D] };
/// Ones where greater or equal; NaNs are invalid, lane by lane.
pub(super) const GREATER_EQUAL: Fp = Fp { op: FpOp::Ge, helpers: [exec::GREATER_EQUAL_S, exec::GREATER_EQUAL_D] };
const SMALLER: Fp = Fp { op: FpOp::Lesser, helpers: [exec::SMALLER_S, exec::SMALLER_D] };
const LARGER: Fp = Fp { op: FpOp::Greater, helpers: [exec::LARGER_S, exec::LARGER_D] };

impl Cx<'_> {
    /// Calls a floating-point helper on bits, which reads MXCSR and adds to its flags.
    pub(super) fn fp_call(&mut self, helper: HelperId, args: &[Value]) -> Value {
        self.b.call(helper, args, mxcsr_words(), RegSet::EMPTY.with(state::MXCSR_FLAGS))
    }

    /// The bits of a scalar as an I64.
    fn bits(&mut self, p: Prec, v: Value) -> Value {
        let v = self.b.bitcast(p.int(), v);
        self.widen(v)
    }

    /// A scalar of the low bits of an I64.
    fn float(&mut self, p: Prec, v: Value) -> Value {
        let v = self.narrow(p.int(), v);
        self.b.bitcast(p.ty(), v)
    }

    /// An operation on scalars.
    pub(super) fn fp_scalar(&mut self, f: Fp, p: Prec, operands: &[Value]) -> Value {
        self.fp_scalar_by(f.op, p, operands, p.pick(f.helpers))
    }

    /// An operation on scalars, by its helper.
    pub(super) fn fp_scalar_by(&mut self, op: FpOp, p: Prec, operands: &[Value], helper: HelperId) -> Value {
        if !self.by_helpers() {
            return self.b.fp(op, p.ty(), FpLanes::One, operands, FpCall { helper, extra: 0 });
        }
        let args: Vec<Value> = operands.iter().map(|&v| self.bits(p, v)).collect();
        let r = self.fp_call(helper, &args);
        self.float(p, r)
    }

    fn times_one(&mut self, p: Prec, v: Value) -> Value {
        let one = match p {
            Prec::Single => self.iconst(Ty::F32, 1f32.to_bits().into()),
            Prec::Double => self.iconst(Ty::F64, 1f64.to_bits()),
        };
        self.fp_scalar(MUL, p, &[v, one])
    }

    /// An operation on all lanes.
    pub(super) fn fp_vector(&mut self, f: Fp, p: Prec, operands: &[Value]) -> Value {
        self.fp_by(f.op, p, operands, p.pick(f.helpers))
    }

    /// An operation on all lanes, by its helper.
    pub(super) fn fp_by(&mut self, op: FpOp, p: Prec, operands: &[Value], helper: HelperId) -> Value {
        if !self.by_helpers() {
            return self.b.fp(op, Ty::V128, p.lanes(), operands, FpCall { helper, extra: 0 });
        }
        self.each_lane(p.int(), operands, |cx, lanes| cx.fp_call(helper, lanes))
    }

    /// The results of `f` on the I64s of each lane.
    pub(super) fn each_lane(
        &mut self,
        lane: Ty,
        operands: &[Value],
        f: impl Fn(&mut Self, &[Value]) -> Value,
    ) -> Value {
        let shape = shape(lane);
        let mut r = self.b.vconst(0);
        for k in 0..shape.lanes() {
            let args: Vec<Value> = operands.iter().map(|&v| self.b.lane(Ty::I64, shape, v, k)).collect();
            let x = f(self, &args);
            r = self.b.insert(shape, r, x, k);
        }
        r
    }

    /// Ones in the lanes that are NaNs; raises nothing.
    pub(super) fn nans(&mut self, p: Prec, v: Value) -> Value {
        let lane = |bits: u64| match p {
            Prec::Single => u128::MAX / u128::from(u32::MAX) * u128::from(bits as u32),
            Prec::Double => u128::MAX / u128::from(u64::MAX) * u128::from(bits),
        };
        let (magnitude, infinity) = match p {
            Prec::Single => (lane(0x7fff_ffff), lane(0x7f80_0000)),
            Prec::Double => (lane(i64::MAX as u64), lane(0x7ff0 << 48)),
        };
        let (magnitude, infinity) = (self.b.vconst(magnitude), self.b.vconst(infinity));
        let v = self.b.and(Ty::V128, v, magnitude);
        self.b.vicmp(IntCc::Sgt, shape(p.ty()), v, infinity)
    }

    /// Writes the lowest lane of operand 0's register.
    pub(super) fn set_lowest(&mut self, p: Prec, v: Value) {
        let old = self.xmm(self.i.op0_register());
        let r = self.b.insert(shape(p.ty()), old, v, 0);
        self.set_v(r);
    }
}

/// ADDPS, ADDPD and their like.
pub fn packed(cx: &mut Cx, f: Fp, p: Prec) -> Flow {
    let b = cx.vsrc(1);
    let r = if f.op.operands() == 1 {
        cx.fp_vector(f, p, &[b])
    } else {
        let a = cx.vsrc(0);
        cx.fp_vector(f, p, &[a, b])
    };
    cx.set_v(r);
    Flow::Next
}

/// ADDSS, ADDSD and their like.
pub fn scalar(cx: &mut Cx, f: Fp, p: Prec) -> Flow {
    let b = cx.scalar(1, p.ty());
    let r = if f.op.operands() == 1 {
        cx.fp_scalar(f, p, &[b])
    } else {
        let a = cx.scalar(0, p.ty());
        cx.fp_scalar(f, p, &[a, b])
    };
    cx.set_lowest(p, r);
    Flow::Next
}

/// MINPS, MAXPS and their like: the second operand unless the first is less (greater), so also for NaNs and for two zeros.
pub fn extreme(cx: &mut Cx, p: Prec, least: bool, vector: bool) -> Flow {
    packed_or_scalar(cx, if least { SMALLER } else { LARGER }, p, vector)
}

fn packed_or_scalar(cx: &mut Cx, f: Fp, p: Prec, vector: bool) -> Flow {
    if vector { packed(cx, f, p) } else { scalar(cx, f, p) }
}

/// CMPPS and its like, by the predicate in the immediate. SDM vol. 2, "CMPPD".
pub fn compare(cx: &mut Cx, p: Prec, vector: bool) -> Flow {
    let predicate = cx.i.immediate(2) & 7;
    let (b, a) = if vector { (cx.vsrc(1), cx.vsrc(0)) } else { (cx.scalar(1, p.ty()), cx.scalar(0, p.ty())) };
    let one = |cx: &mut Cx, f: Fp, x: Value, y: Value| {
        if vector {
            cx.fp_vector(f, p, &[x, y])
        } else {
            let v = cx.fp_scalar(f, p, &[x, y]);
            cx.b.vscalar(v)
        }
    };
    let mask = match predicate & 3 {
        0 => one(cx, EQUAL, a, b),
        1 => one(cx, GREATER, b, a),
        2 => one(cx, GREATER_EQUAL, b, a),
        _ => {
            // The comparison is made for its flags.
            one(cx, EQUAL, a, b);
            let nans = [a, b].map(|v| {
                let v = if vector { v } else { cx.b.vscalar(v) };
                cx.nans(p, v)
            });
            cx.b.or(Ty::V128, nans[0], nans[1])
        }
    };
    let r = if predicate & 4 != 0 { cx.b.not(Ty::V128, mask) } else { mask };
    if vector {
        cx.set_v(r);
    } else {
        let r = cx.b.lane(p.ty(), shape(p.ty()), r, 0);
        cx.set_lowest(p, r);
    }
    Flow::Next
}

/// UCOMISS, UCOMISD, COMISS, COMISD: unordered sets ZF, PF and CF, less CF, equal ZF; the others are clear.
pub fn compare_flags(cx: &mut Cx, p: Prec, signalling: bool) -> Flow {
    let (b, a) = (cx.scalar(1, p.ty()), cx.scalar(0, p.ty()));
    let quiet = p.pick([exec::COMPARE_S, exec::COMPARE_D]);
    let helper = if signalling { p.pick([exec::COMPARE_SIGNALLING_S, exec::COMPARE_SIGNALLING_D]) } else { quiet };
    if cx.by_helpers() {
        let (a, b) = (cx.bits(p, a), cx.bits(p, b));
        let bits = cx.fp_call(helper, &[a, b]);
        let f = cx.b.flags_pack(bits);
        let bits = cx.packed_relation(f);
        cx.set_packed(bits);
        return Flow::Next;
    }
    // Flags of floats are computed from their bits where they are asked for, when MXCSR means nothing any more. Times 1,
    // denormals are zeros under DAZ, and nothing is raised that the comparison does not raise.
    let [a, b] = [a, b].map(|v| if cx.denormals_are_zeros() { cx.times_one(p, v) } else { v });
    let relation = if signalling { FpRelation::FloatsSignalling } else { FpRelation::Floats };
    let f = cx.b.fp_compare(p.ty(), relation, a, b, FpCall { helper, extra: 0 });
    cx.b.set_flags(f);
    Flow::Next
}

/// CVTSI2SS, CVTSI2SD.
pub fn from_int(cx: &mut Cx, p: Prec) -> Flow {
    let v = if cx.i.op1_kind() == OpKind::Register {
        cx.reg(cx.i.op1_register())
    } else {
        let ty = cx.ty(1);
        cx.src_as(1, ty)
    };
    let v = cx.sext(Ty::I64, v);
    let r = cx.convert_int(p, v);
    cx.set_lowest(p, r);
    Flow::Next
}

impl Cx<'_> {
    /// Packed flags of a relation as the IR has it: less is N, equal Z, unordered V, and at most one of them holds.
    fn packed_relation(&mut self, f: Value) -> Value {
        let mut bits = self.iconst(Ty::I64, state::packed(0));
        for (cond, flags) in
            [(Cond::Vs, state::ZF | state::PF | state::CF), (Cond::Eq, state::ZF), (Cond::Mi, state::CF)]
        {
            let holds = self.b.cond(cond, f);
            let holds = self.widen(holds);
            let change = self.iconst(Ty::I64, state::packed(0) ^ state::packed(flags));
            let change = self.b.imul(Ty::I64, holds, change);
            bits = self.b.xor(Ty::I64, bits, change);
        }
        bits
    }

    /// A scalar from a signed I64.
    pub(super) fn convert_int(&mut self, p: Prec, v: Value) -> Value {
        let helper = p.pick([exec::FROM_INT_S, exec::FROM_INT_D]);
        if self.by_helpers() {
            let r = self.fp_call(helper, &[v]);
            return self.float(p, r);
        }
        self.b.fp_convert(FpOp::FromSint, p.ty(), v, FpCall { helper, extra: 0 })
    }

    /// A scalar of precision `p` at the other one.
    fn resize(&mut self, p: Prec, v: Value) -> Value {
        let (to, helper) = match p {
            Prec::Single => (Prec::Double, exec::TO_DOUBLE),
            Prec::Double => (Prec::Single, exec::TO_SINGLE),
        };
        if !self.by_helpers() {
            return self.b.fp_convert(FpOp::Resize, to.ty(), v, FpCall { helper, extra: 0 });
        }
        let v = self.bits(p, v);
        let r = self.fp_call(helper, &[v]);
        self.float(to, r)
    }

    /// A scalar as a signed integer of type `ty`; the lowest one if it does not fit.
    pub(super) fn to_int(&mut self, p: Prec, v: Value, ty: Ty, truncate: bool) -> Value {
        let (helper, extra) = self.to_int_call(p, ty, truncate);
        if !self.by_helpers() {
            return self.b.fp_convert(self.to_int_op(truncate), ty, v, FpCall { helper, extra });
        }
        let (bits, how) = (self.bits(p, v), self.iconst(Ty::I64, extra.into()));
        let r = self.fp_call(helper, &[bits, how]);
        self.narrow(ty, r)
    }

    /// The helper of a conversion to an integer and its argument.
    fn to_int_call(&self, p: Prec, ty: Ty, truncate: bool) -> (HelperId, u32) {
        (p.pick([exec::TO_INT_S, exec::TO_INT_D]), (ty == Ty::I64) as u32 | (truncate as u32) << 1)
    }

    /// The conversion that the rounding mode, which is part of the block's mode, makes of one to an integer.
    fn to_int_op(&self, truncate: bool) -> FpOp {
        if truncate { FpOp::ToIntZ } else { [FpOp::ToIntN, FpOp::ToIntM, FpOp::ToIntP, FpOp::ToIntZ][self.rounding()] }
    }
}

/// CVTSS2SI, CVTTSS2SI, CVTSD2SI, CVTTSD2SI.
pub fn to_int(cx: &mut Cx, p: Prec, truncate: bool) -> Flow {
    let v = cx.scalar(1, p.ty());
    let to = cx.i.op0_register();
    let r = cx.to_int(p, v, if to.size() == 8 { Ty::I64 } else { Ty::I32 }, truncate);
    cx.set_reg(to, r);
    Flow::Next
}

/// CVTSS2SD, CVTSD2SS; `p` is the source's.
pub fn resize(cx: &mut Cx, p: Prec) -> Flow {
    let v = cx.scalar(1, p.ty());
    let r = cx.resize(p, v);
    cx.set_lowest(if p == Prec::Single { Prec::Double } else { Prec::Single }, r);
    Flow::Next
}

/// CVTPS2PD, CVTPD2PS: two lanes; the rest of a vector of singles is zero.
pub fn resize_packed(cx: &mut Cx, p: Prec) -> Flow {
    let v = if p == Prec::Single { cx.low_half(1) } else { cx.vsrc(1) };
    let to = if p == Prec::Single { Prec::Double } else { Prec::Single };
    let mut r = cx.b.vconst(0);
    for k in 0..2 {
        let x = cx.b.lane(p.ty(), shape(p.ty()), v, k);
        let x = cx.resize(p, x);
        r = cx.b.insert(shape(to.ty()), r, x, k);
    }
    cx.set_v(r);
    Flow::Next
}

impl Cx<'_> {
    /// `old` with its low `count` lanes replaced by what the signed integers of 32 bits in `v` convert to.
    pub fn lanes_from_int(&mut self, p: Prec, v: Value, old: Value, count: u32) -> Value {
        (0..count).fold(old, |r, k| {
            let x = self.b.lane(Ty::I32, Shape::I32x4, v, k);
            let x = self.b.sext(Ty::I64, x);
            let x = self.convert_int(p, x);
            self.b.insert(shape(p.ty()), r, x, k)
        })
    }

    /// The low `count` lanes of `v` as signed integers of 32 bits, zeros behind them.
    pub fn lanes_to_int(&mut self, p: Prec, v: Value, count: u32, truncate: bool) -> Value {
        let zero = self.b.vconst(0);
        (0..count).fold(zero, |r, k| {
            let x = self.b.lane(p.ty(), shape(p.ty()), v, k);
            let x = self.to_int(p, x, Ty::I32, truncate);
            self.b.insert(Shape::I32x4, r, x, k)
        })
    }
}

/// CVTDQ2PS, CVTDQ2PD.
pub fn from_int_packed(cx: &mut Cx, p: Prec) -> Flow {
    let v = if p == Prec::Double { cx.low_half(1) } else { cx.vsrc(1) };
    if p == Prec::Single && !cx.by_helpers() {
        let call = FpCall { helper: exec::FROM_INT_S, extra: 1 };
        let r = cx.b.fp(FpOp::FromSint, Ty::V128, FpLanes::S4, &[v], call);
        cx.set_v(r);
        return Flow::Next;
    }
    let zero = cx.b.vconst(0);
    let r = cx.lanes_from_int(p, v, zero, shape(p.ty()).lanes());
    cx.set_v(r);
    Flow::Next
}

/// CVTPS2DQ, CVTTPS2DQ, CVTPD2DQ, CVTTPD2DQ: the upper half of what two doubles give is zero.
pub fn to_int_packed(cx: &mut Cx, p: Prec, truncate: bool) -> Flow {
    let v = cx.vsrc(1);
    if p == Prec::Single && !cx.by_helpers() {
        let (helper, extra) = cx.to_int_call(p, Ty::I32, truncate);
        let r = cx.b.fp(cx.to_int_op(truncate), Ty::V128, FpLanes::S4, &[v], FpCall { helper, extra });
        cx.set_v(r);
        return Flow::Next;
    }
    let r = cx.lanes_to_int(p, v, shape(p.ty()).lanes(), truncate);
    cx.set_v(r);
    Flow::Next
}

/// RCPPS, RSQRTPS and their scalar forms. They read no MXCSR and raise nothing, but their helpers compute on the host: what
/// declares MXCSR's flags is called apart from those that generated code has raised there, and with rounding as usual.
pub fn estimate(cx: &mut Cx, helper: HelperId, vector: bool) -> Flow {
    let call = |cx: &mut Cx, lane: &[Value]| cx.b.call(helper, lane, mxcsr_words(), RegSet::EMPTY);
    if vector {
        let v = cx.vsrc(1);
        let r = cx.each_lane(Ty::I32, &[v], call);
        cx.set_v(r);
        return Flow::Next;
    }
    let v = cx.scalar(1, Ty::F32);
    let v = cx.bits(Prec::Single, v);
    let r = call(cx, &[v]);
    let r = cx.float(Prec::Single, r);
    cx.set_lowest(Prec::Single, r);
    Flow::Next
}
