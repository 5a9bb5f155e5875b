//! Conversions and roundings of floating point: the host's forms raise what ours do only inside a range, or once
//! inexact is raised anyway. See `float.rs`.

use super::Lower;
use super::float::host_ty;
use crate::lower::row_offset;
use brolga_ir::{Block, FpOp, Inst, Ty};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};

impl Lower<'_, '_> {
    /// Rounding in the format. The host's forms raise inexact, which ours do not: they are taken once it is raised.
    pub(super) fn float_round(&mut self, block: &Block, inst: &Inst, op: FpOp) -> ir::Value {
        let host = host_ty(inst);
        let detour = self.detour();
        if op != FpOp::RintX {
            let exact = self.inexact_is_clear();
            self.leave_by(&detour, exact);
        }
        let a = self.operand(block, inst.a, host);
        let r = self.rounded(a, op);
        let r = self.float_result(r, host, true);
        let bad = self.doubtful(r, host.ty, false);
        self.meet(detour, bad, r, block, inst)
    }

    fn rounded(&mut self, a: ir::Value, op: FpOp) -> ir::Value {
        match op {
            FpOp::RintP | FpOp::ToSintP | FpOp::ToUintP => self.fb.ins().ceil(a),
            FpOp::RintM | FpOp::ToSintM | FpOp::ToUintM => self.fb.ins().floor(a),
            FpOp::RintZ => self.fb.ins().trunc(a),
            _ => self.fb.ins().nearest(a),
        }
    }

    /// 1 as long as the guest's row in memory does not have inexact.
    fn inexact_is_clear(&mut self) -> ir::Value {
        let Some(rows) = &self.u.regs.fp else { return self.fb.ins().iconst(types::I8, 1) };
        let status = self.load_env(types::I64, row_offset(rows.status.0));
        let flag = self.fb.ins().band_imm_u(status, 1 << rows.flags[4]);
        self.fb.ins().icmp_imm_s(IntCC::Equal, flag, 0)
    }

    pub(super) fn float_convert(&mut self, block: &Block, inst: &Inst, op: FpOp) -> ir::Value {
        if inst.ty == Ty::V128 {
            return self.vector_convert(block, inst, op);
        }
        let a = self.data(inst.a);
        let ty = super::clif_ty(inst.ty);
        match op {
            FpOp::Resize => {
                let r = if ty == types::F64 { self.fb.ins().fpromote(ty, a) } else { self.fb.ins().fdemote(ty, a) };
                let detour = self.detour();
                let bad = self.doubtful(r, ty, ty == types::F32);
                self.meet(detour, bad, r, block, inst)
            }
            FpOp::FromSint | FpOp::FromUint => {
                let signed = op == FpOp::FromSint;
                let r = if signed { self.fb.ins().fcvt_from_sint(ty, a) } else { self.fb.ins().fcvt_from_uint(ty, a) };
                self.sink(r);
                r
            }
            FpOp::ToSintZ => {
                // Out of range it raises invalid alone, as ours does.
                let r = self.fb.ins().fcvt_to_sint_sat(ty, a);
                self.sink(r);
                r
            }
            _ => self.to_int_in_range(block, inst, op, a, ty),
        }
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
