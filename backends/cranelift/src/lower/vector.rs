//! Vector ops: the lane shape is a free bitcast.

use super::{Lower, clif_ty};
use crate::lower::int::compare;
use brolga_ir::{Block, Inst, IntCc, Op, Shape, Ty, Value};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

pub(super) fn shape_ty(shape: Shape) -> ir::Type {
    match shape {
        Shape::I8x16 => types::I8X16,
        Shape::I16x8 => types::I16X8,
        Shape::I32x4 => types::I32X4,
        Shape::I64x2 => types::I64X2,
    }
}

/// The float of a lane's width; the lane's own type where there is none.
fn float_lane(lane: ir::Type) -> ir::Type {
    match lane {
        types::I32 => types::F32,
        types::I64 => types::F64,
        lane => lane,
    }
}

/// The same for a vector.
fn float_shape(ty: ir::Type) -> ir::Type {
    match ty {
        types::I32X4 => types::F32X4,
        types::I64X2 => types::F64X2,
        ty => ty,
    }
}

impl Lower<'_, '_> {
    /// The 128 bits of `v` as another type.
    pub(super) fn as_ty(&mut self, ty: ir::Type, v: ir::Value) -> ir::Value {
        if self.fb.func.dfg.value_type(v) == ty {
            return v;
        }
        self.fb.ins().bitcast(ty, MemFlagsData::new().with_endianness(ir::Endianness::Little), v)
    }

    pub(super) fn vector(&mut self, block: &Block, inst: &Inst) -> ir::Value {
        let shape = Shape::from_sub(inst.sub);
        let ty = shape_ty(shape);
        let lane = ty.lane_type();
        let a = self.data(inst.a);
        let at = inst.imm as u8;
        let r = match inst.op {
            Op::Vsplat => {
                if self.fb.func.dfg.value_type(a) == float_lane(lane) {
                    self.fb.ins().splat(float_shape(ty), a)
                } else {
                    let v = self.resize(a, lane, false);
                    self.fb.ins().splat(ty, v)
                }
            }
            Op::Vscalar => self.zero_extended(a),
            Op::Lane => {
                let to = clif_ty(inst.ty);
                let v = self.as_ty(if to.is_float() { float_shape(ty) } else { ty }, a);
                let v = self.fb.ins().extractlane(v, at);
                return self.resize(v, to, false);
            }
            Op::Insert => {
                let v = self.data(inst.b);
                if self.fb.func.dfg.value_type(v) == float_lane(lane) {
                    let a = self.as_ty(float_shape(ty), a);
                    self.fb.ins().insertlane(a, v, at)
                } else {
                    let v = self.resize(v, lane, false);
                    let a = self.as_ty(ty, a);
                    self.fb.ins().insertlane(a, v, at)
                }
            }
            Op::Vshl | Op::Vlshr | Op::Vashr => {
                let a = self.as_ty(ty, a);
                let amount = self.fb.ins().iconst(types::I32, inst.imm as i64);
                match inst.op {
                    Op::Vshl => self.fb.ins().ishl(a, amount),
                    Op::Vlshr => self.fb.ins().ushr(a, amount),
                    _ => self.fb.ins().sshr(a, amount),
                }
            }
            _ => self.lanewise(block, inst, ty, a),
        };
        self.as_ty(types::I8X16, r)
    }

    fn lanewise(&mut self, _: &Block, inst: &Inst, ty: ir::Type, a: ir::Value) -> ir::Value {
        debug_assert!(inst.b != Value::NONE && inst.ty == Ty::V128);
        let b = self.data(inst.b);
        let (a, b) = (self.as_ty(ty, a), self.as_ty(ty, b));
        match inst.op {
            Op::Vadd => self.fb.ins().iadd(a, b),
            Op::Vsub => self.fb.ins().isub(a, b),
            Op::Vmul if ty == types::I8X16 => self.multiply_bytes(a, b),
            Op::Vmul => self.fb.ins().imul(a, b),
            Op::Vicmp => self.fb.ins().icmp(compare(IntCc::from_sub(inst.aux as u8)), a, b),
            op => unreachable!("{op:?} is no lanewise op"),
        }
    }

    /// No host has a product of bytes: multiply them as halfwords, even and odd apart.
    fn multiply_bytes(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let (a, b) = (self.as_ty(types::I16X8, a), self.as_ty(types::I16X8, b));
        let even = self.fb.ins().imul(a, b);
        let eight = self.fb.ins().iconst(types::I32, 8);
        let even = self.fb.ins().ishl(even, eight);
        let even = self.fb.ins().ushr(even, eight);
        let (a, b) = (self.fb.ins().ushr(a, eight), self.fb.ins().ushr(b, eight));
        let odd = self.fb.ins().imul(a, b);
        let odd = self.fb.ins().ishl(odd, eight);
        self.fb.ins().bor(even, odd)
    }

    /// A scalar in the low bits, zeros above.
    pub(super) fn zero_extended(&mut self, v: ir::Value) -> ir::Value {
        match self.fb.func.dfg.value_type(v) {
            types::F32 => return self.fb.ins().scalar_to_vector(types::F32X4, v),
            types::F64 => return self.fb.ins().scalar_to_vector(types::F64X2, v),
            _ => {}
        }
        let v = self.resize(v, types::I64, false);
        self.fb.ins().scalar_to_vector(types::I64X2, v)
    }
}
