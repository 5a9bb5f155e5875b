//! Conversions and roundings of floating point: the host's conversions raise what ours do only inside a range. See
//! `float.rs`.

use super::Lower;
use super::float::host_ty;
use crate::stand_in::{By, Function};
use brolga_baseline::{HostFn, Map};
use brolga_ir::{Block, FpOp, Inst, Ty};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};

impl Lower<'_, '_> {
    /// Rounding in the format, by an instruction whose immediate says how.
    pub(super) fn float_round(&mut self, block: &Block, inst: &Inst, imm: u8, taken: bool) -> ir::Value {
        let host = host_ty(inst);
        let a = self.operand(block, inst.a, host);
        let opcode = [0x0a, 0x0b, 0x08, 0x09]
            [usize::from(host.ty.is_vector()) * 2 + usize::from(host.ty.lane_type() == types::F64)];
        let form = HostFn { map: Map::Immediate, opcode, prefix: true, wide: false };
        let r = self.by_stand_in(Function { form, imm, by: By::Round }, &[a]);
        let r = self.float_result(r, host, true);
        if self.like_host() {
            return self.anchored(r, taken);
        }
        let detour = self.detour();
        let bad = self.doubtful(r, host.ty, false);
        self.meet(detour, bad, r, block, inst)
    }

    fn rounded(&mut self, a: ir::Value, op: FpOp) -> ir::Value {
        match op {
            FpOp::RintP | FpOp::ToSintP | FpOp::ToUintP | FpOp::ToIntP => self.fb.ins().ceil(a),
            FpOp::RintM | FpOp::ToSintM | FpOp::ToUintM | FpOp::ToIntM => self.fb.ins().floor(a),
            FpOp::RintZ => self.fb.ins().trunc(a),
            _ => self.fb.ins().nearest(a),
        }
    }

    pub(super) fn float_convert(&mut self, block: &Block, inst: &Inst, op: FpOp, taken: bool) -> ir::Value {
        if inst.ty == Ty::V128 {
            return self.vector_convert(block, inst, op);
        }
        let a = self.data(inst.a);
        let ty = super::clif_ty(inst.ty);
        match op {
            FpOp::Resize => {
                let r = if ty == types::F64 { self.fb.ins().fpromote(ty, a) } else { self.fb.ins().fdemote(ty, a) };
                if self.like_host() {
                    return self.anchored(r, taken);
                }
                let detour = self.detour();
                let bad = self.doubtful(r, ty, ty == types::F32);
                self.meet(detour, bad, r, block, inst)
            }
            FpOp::FromSint | FpOp::FromUint => {
                let signed = op == FpOp::FromSint;
                let r = if signed { self.fb.ins().fcvt_from_sint(ty, a) } else { self.fb.ins().fcvt_from_uint(ty, a) };
                self.anchored(r, taken)
            }
            FpOp::ToIntN | FpOp::ToIntP | FpOp::ToIntM | FpOp::ToIntZ => self.to_int_or_lowest(block, inst, op, a, ty),
            FpOp::ToSintZ => {
                // Out of range it raises invalid alone, as ours does.
                let r = self.fb.ins().fcvt_to_sint_sat(ty, a);
                self.sink(r);
                r
            }
            _ => self.to_int_in_range(block, inst, op, a, ty),
        }
    }

    /// To an integer; what does not fit gives the lowest one. The host's form saturates: its result stands where the
    /// operand's bits say that it is inside the range. (Its comparisons of floats would note denormal operands.)
    fn to_int_or_lowest(&mut self, block: &Block, inst: &Inst, op: FpOp, a: ir::Value, ty: ir::Type) -> ir::Value {
        if op == FpOp::ToIntZ {
            let r = self.fb.ins().fcvt_to_sint_sat(ty, a);
            self.sink(r);
            let beyond = self.reaches(a, ty.bits() - 1);
            let lowest = self.fb.ins().iconst(ty, if ty == types::I64 { i64::MIN } else { 1 << 31 });
            return self.fb.ins().select(beyond, lowest, r);
        }
        // Rounding first would raise inexact for what does not fit.
        let detour = self.detour();
        let beyond = self.reaches(a, ty.bits() - 2);
        self.leave_by(&detour, beyond);
        let whole = self.rounded(a, op);
        let r = self.fb.ins().fcvt_to_sint_sat(ty, whole);
        self.sink(r);
        self.meet_always(detour, r, block, inst)
    }

    /// 1 if scalar `a` is 2 to the power of `bits` or beyond, either sign, or a NaN.
    fn reaches(&mut self, a: ir::Value, bits: u32) -> ir::Value {
        let float = self.fb.func.dfg.value_type(a);
        let (magnitude, bound) = if float == types::F64 {
            (i64::MAX as u64, 2f64.powi(bits as i32).to_bits())
        } else {
            (u64::from(u32::MAX >> 1), 2f32.powi(bits as i32).to_bits().into())
        };
        let v = self.resize(a, float.as_int(), false);
        let magnitude = self.fb.ins().iconst(float.as_int(), magnitude as i64);
        let v = self.fb.ins().band(v, magnitude);
        let bound = self.fb.ins().iconst(float.as_int(), bound as i64);
        self.fb.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, v, bound)
    }

    /// The same of four singles.
    fn to_ints_or_lowest(&mut self, block: &Block, inst: &Inst, op: FpOp, a: ir::Value) -> ir::Value {
        let host = host_ty(inst);
        if op == FpOp::ToIntZ {
            let r = self.fb.ins().x86_cvtt2dq(types::I32X4, a);
            self.sink(r);
            return self.float_result(r, host, true);
        }
        let detour = self.detour();
        let each = |value: u32| u128::MAX / u128::from(u32::MAX) * u128::from(value);
        let (magnitude, bound) =
            (self.vector_const(each(u32::MAX >> 1)), self.vector_const(each(2f32.powi(30).to_bits())));
        let [v, magnitude, bound] = [a, magnitude, bound].map(|v| self.as_ty(types::I32X4, v));
        let v = self.fb.ins().band(v, magnitude);
        let beyond = self.fb.ins().icmp(IntCC::SignedGreaterThan, v, bound);
        let beyond = self.fb.ins().vhigh_bits(types::I32, beyond);
        self.leave_by(&detour, beyond);
        let whole = self.rounded(a, op);
        let r = self.fb.ins().x86_cvtt2dq(types::I32X4, whole);
        self.sink(r);
        let r = self.float_result(r, host, true);
        self.meet_always(detour, r, block, inst)
    }

    /// Conversions that are right where the operand is well inside the range of the integer.
    fn to_int_in_range(&mut self, block: &Block, inst: &Inst, op: FpOp, a: ir::Value, ty: ir::Type) -> ir::Value {
        let unsigned = matches!(op, FpOp::ToUintN | FpOp::ToUintP | FpOp::ToUintM | FpOp::ToUintZ);
        let detour = self.detour();
        let float = self.fb.func.dfg.value_type(a);
        let size = if unsigned {
            let zero = self.float_const(float, 0.0);
            let below = self.fb.ins().fcmp(FloatCC::UnorderedOrLessThan, a, zero);
            self.leave_by(&detour, below);
            a
        } else {
            self.fb.ins().fabs(a)
        };
        // A power of two that no rounding carries beyond the type.
        let bits = if op == FpOp::ToUintZ { ty.bits() } else { ty.bits() - 2 };
        let bound = self.float_const(float, 2f64.powi(bits.min(63) as i32));
        let beyond = self.fb.ins().fcmp(FloatCC::UnorderedOrGreaterThanOrEqual, size, bound);
        self.leave_by(&detour, beyond);
        let whole = if op == FpOp::ToUintZ { a } else { self.rounded(a, op) };
        let r = self.fb.ins().fcvt_to_sint_sat(types::I64, whole);
        let r = self.resize(r, ty, false);
        self.sink(r);
        self.meet_always(detour, r, block, inst)
    }

    fn float_const(&mut self, ty: ir::Type, value: f64) -> ir::Value {
        if ty == types::F32 { self.fb.ins().f32const(value as f32) } else { self.fb.ins().f64const(value) }
    }

    fn vector_convert(&mut self, block: &Block, inst: &Inst, op: FpOp) -> ir::Value {
        let host = host_ty(inst);
        let a = self.operand(block, inst.a, host);
        if host.ty == types::F64X2 {
            let r = self.each_double(op, a);
            self.sink(r);
            return self.float_result(r, host, true);
        }
        if matches!(op, FpOp::ToIntN | FpOp::ToIntP | FpOp::ToIntM | FpOp::ToIntZ) {
            return self.to_ints_or_lowest(block, inst, op, a);
        }
        if op == FpOp::ToSintZ {
            let r = self.fb.ins().x86_cvtt2dq(types::I32X4, a);
            // What it gives for NaNs and out of range.
            let smallest = self.vector_const(u128::MAX / u128::from(u32::MAX) << 31);
            let smallest = self.as_ty(types::I32X4, smallest);
            let bad = self.fb.ins().icmp(IntCC::Equal, r, smallest);
            let bad = self.fb.ins().vhigh_bits(types::I32, bad);
            let r = self.float_result(r, host, true);
            let detour = self.detour();
            return self.meet(detour, bad, r, block, inst);
        }
        let a = self.as_ty(types::I32X4, a);
        let r = match op {
            FpOp::FromSint => self.fb.ins().fcvt_from_sint(types::F32X4, a),
            _ => self.fb.ins().fcvt_from_uint(types::F32X4, a),
        };
        self.sink(r);
        self.float_result(r, host, true)
    }

    /// Conversions of two lanes of 64 bits, one after the other.
    fn each_double(&mut self, op: FpOp, a: ir::Value) -> ir::Value {
        let (from, to) = if op == FpOp::ToSintZ { (types::F64X2, types::I64X2) } else { (types::I64X2, types::F64X2) };
        let a = self.as_ty(from, a);
        let [low, high] = [0, 1].map(|lane| {
            let v = self.fb.ins().extractlane(a, lane);
            match op {
                FpOp::ToSintZ => self.fb.ins().fcvt_to_sint_sat(types::I64, v),
                FpOp::FromSint => self.fb.ins().fcvt_from_sint(types::F64, v),
                _ => self.fb.ins().fcvt_from_uint(types::F64, v),
            }
        });
        let r = self.fb.ins().scalar_to_vector(to, low);
        self.fb.ins().insertlane(r, high, 1)
    }
}
