//! Vector ops: the lane shape is a free bitcast.

use super::{Lower, clif_ty};
use brolga_ir::{Block, FoldOp, Inst, Op, Shape};
use cranelift_codegen::ir::{self, InstBuilder, InstructionData, MemFlagsData, Opcode, types};

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
    /// The 128 bits of `v` as another type. Looks through a bitcast, so that Cranelift's rules that
    /// match an op on the result of another see both.
    pub(super) fn as_ty(&mut self, ty: ir::Type, v: ir::Value) -> ir::Value {
        if self.fb.func.dfg.value_type(v) == ty {
            return v;
        }
        let raw = self.unbitcast(v);
        if self.fb.func.dfg.value_type(raw) == ty {
            return raw;
        }
        self.fb.ins().bitcast(ty, MemFlagsData::new().with_endianness(ir::Endianness::Little), raw)
    }

    /// What `v` is a bitcast of, or `v`. A load under a bitcast is to stay a load.
    pub(super) fn unbitcast(&self, v: ir::Value) -> ir::Value {
        let dfg = &self.fb.func.dfg;
        let made_by = |v| dfg.value_def(v).inst().map(|i| &dfg.insts[i]);
        match made_by(v) {
            Some(InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. }) => match made_by(*arg) {
                Some(InstructionData::Load { opcode: Opcode::Load, .. }) => v,
                _ => *arg,
            },
            _ => v,
        }
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
            Op::Vscalar => match self.vector_with(a, None) {
                Some(v) => v,
                None => self.scalar(block, inst, a),
            },
            Op::Vbits => {
                let v = self.top_bits(ty, a);
                self.zero_extended(v)
            }
            Op::Lane if inst.imm == 0 && shape != Shape::I8x16 && block.def(inst.a).op == Op::Vbits => {
                let def = block.def(inst.a);
                let v = self.data(def.a);
                let v = self.top_bits(shape_ty(Shape::from_sub(def.sub)), v);
                return self.resize(v, clif_ty(inst.ty), false);
            }
            Op::Lane => {
                let to = clif_ty(inst.ty);
                // As a float it is in its place: one move, where to extract it is two operations.
                let lowest = ty == types::I64X2 && at == 0;
                let v = self.as_ty(if to.is_float() || lowest { float_shape(ty) } else { ty }, a);
                let v = self.fb.ins().extractlane(v, at);
                let v = if lowest && !to.is_float() {
                    self.fb.ins().bitcast(types::I64, MemFlagsData::new(), v)
                } else {
                    v
                };
                self.note_lane(inst, a, v);
                return self.resize(v, to, false);
            }
            Op::Vany => {
                let v = self.unbitcast(a);
                return self.fb.ins().vany_true(v);
            }
            Op::Insert => {
                let v = self.data(inst.b);
                if let Some(v) = self.vector_with(v, Some(a)).filter(|_| at == 0) {
                    v
                } else if self.fb.func.dfg.value_type(v) == float_lane(lane) {
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
            Op::Vabs => {
                let a = self.as_ty(ty, a);
                self.fb.ins().iabs(a)
            }
            Op::Vpopcnt => self.fb.ins().popcnt(a),
            Op::Vsext | Op::Vzext => {
                let a = self.as_ty(ty, a);
                self.widen_half(inst.op == Op::Vsext, inst.imm != 0, a)
            }
            Op::Vfn1 | Op::Vfn2 | Op::Vfn3 => self.vec_fn(inst),
            Op::Vfold => self.fold(FoldOp::from_aux(inst.aux), shape, a),
            Op::Bitselect => self.bitselect(a, inst),
            Op::Vswizzle => {
                let indices = self.data(inst.b);
                self.swizzle(a, indices)
            }
            Op::Vshuffle => {
                let b = self.data(inst.b);
                self.shuffle(a, b, block.consts[inst.imm as usize].to_le_bytes())
            }
            _ => {
                let b = self.data(inst.b);
                self.lanewise(inst, a, b)
            }
        };
        self.as_ty(types::I8X16, r)
    }

    /// The top bits of lanes of type `ty`, as I64: the host's instruction clears what is above.
    fn top_bits(&mut self, ty: ir::Type, v: ir::Value) -> ir::Value {
        let v = self.as_ty(ty, v);
        self.fb.ins().vhigh_bits(types::I64, v)
    }

    /// A 128-bit constant.
    pub(super) fn wide_const(&mut self, value: u128) -> ir::Value {
        let handle = self.fb.func.dfg.constants.insert(value.to_le_bytes()[..].into());
        self.fb.ins().vconst(types::I8X16, handle)
    }

    /// A constant with all lanes equal.
    pub(super) fn lanes_const(&mut self, ty: ir::Type, lane: u64) -> ir::Value {
        let shape = Shape::from_sub(ty.lane_bits().trailing_zeros() as u8 - 3);
        let v = self.wide_const(brolga_ir::eval::eval_splat(shape, lane));
        self.as_ty(ty, v)
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

    /// `vscalar`; of a lane of a vector without a detour through a general register.
    fn scalar(&mut self, block: &Block, inst: &Inst, a: ir::Value) -> ir::Value {
        let def = block.def(inst.a);
        if def.op != Op::Lane || (def.imm != 0 && !self.u.features.pshufb) {
            return self.zero_extended(a);
        }
        let bytes = Shape::from_sub(def.sub).lane_bits() / 8;
        let v = self.data(def.a);
        let first = def.imm as u32 * bytes;
        let selectors = std::array::from_fn(|i| if (i as u32) < bytes { first as u8 + i as u8 } else { 0x80 });
        self.shuffle(v, v, selectors)
    }

    fn bitselect(&mut self, mask: ir::Value, inst: &Inst) -> ir::Value {
        let (a, b) = (self.data(inst.b), self.data(inst.c));
        // A comparison's mask in its own type: Cranelift blends by it.
        let mask = self.unbitcast(mask);
        let ty = self.fb.func.dfg.value_type(mask);
        let (a, b) = (self.as_ty(ty, a), self.as_ty(ty, b));
        self.fb.ins().bitselect(mask, a, b)
    }

    /// The lower or upper half of the lanes in lanes twice as wide.
    pub(super) fn widen_half(&mut self, signed: bool, upper: bool, a: ir::Value) -> ir::Value {
        match (signed, upper) {
            (true, false) => self.fb.ins().swiden_low(a),
            (true, true) => self.fb.ins().swiden_high(a),
            (false, false) => self.fb.ins().uwiden_low(a),
            (false, true) => self.fb.ins().uwiden_high(a),
        }
    }

    /// Halves onto each other until one lane is left.
    fn fold(&mut self, f: FoldOp, shape: Shape, a: ir::Value) -> ir::Value {
        let step = Inst { sub: shape as u8, ..Inst::new(f.lanewise(), brolga_ir::Ty::V128) };
        let mut v = a;
        let mut width = 64;
        while width >= shape.lane_bits() {
            let moved = self.moved_down(v, width / 8);
            let r = self.lanewise(&step, v, moved);
            v = self.as_ty(types::I8X16, r);
            width /= 2;
        }
        let bytes = shape.lane_bits() as usize / 8;
        self.shuffle(v, v, std::array::from_fn(|i| if i < bytes { i as u8 } else { 0x80 }))
    }

    /// Byte `bytes` (a power of two) in the place of byte 0, and those behind it.
    fn moved_down(&mut self, v: ir::Value, bytes: u32) -> ir::Value {
        if bytes == 1 {
            let v = self.as_ty(types::I16X8, v);
            let eight = self.fb.ins().iconst(types::I32, 8);
            let v = self.fb.ins().ushr(v, eight);
            return self.as_ty(types::I8X16, v);
        }
        // Units change places with their neighbours in the lowest doubleword, or the doublewords do.
        let selectors = std::array::from_fn(|i| if bytes == 2 && i > 7 { i as u8 } else { i as u8 ^ bytes as u8 });
        self.clif_shuffle(v, v, selectors)
    }
}
