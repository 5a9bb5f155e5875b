//! SSE's scalar operations, which leave the rest of a vector register as it is, in one instruction.
//!
//! *Requirement.* `addsd xmm0, xmm1` costs what it costs on the host.
//! *How.* Cranelift's scalars know nothing of the lanes above them: putting one back into its vector is an instruction, and
//! clearing what is above one that was loaded are two. So the operation is written for all lanes, on the vectors that the
//! operands are the low lanes of, as a stand-in for the scalar one: that takes the upper lanes of its first operand.
//! *Limits.* Within a node: what comes from another one is a vector.

use super::Lower;
use crate::stand_in::StandIn;
use brolga_ir::{Block, FpOp, Inst, Op, Shape, Ty, Value};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use std::ops::Range;

/// What is made of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Plan {
    /// What its op says.
    #[default]
    Plain,
    /// A load whose vector is wanted, too.
    Whole,
    /// A load that only an operation on vectors takes, which may read memory itself.
    Operand,
    /// An operation on vectors.
    Vectors,
}

/// A vector that has a scalar in its low lane.
#[derive(Clone, Copy)]
pub(super) struct Low {
    vector: ir::Value,
    upper: Upper,
}

/// What is above the low lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upper {
    Zero,
    /// What is there in another vector.
    Of(ir::Value),
}

/// The vector type with such lanes.
fn vector_ty(ty: Ty) -> Option<ir::Type> {
    match ty {
        Ty::F32 => Some(types::F32X4),
        Ty::F64 => Some(types::F64X2),
        _ => None,
    }
}

fn is_lowest(inst: &Inst) -> bool {
    let lanes = Shape::from_sub(inst.sub).lane_bits();
    inst.imm == 0 && (lanes == 32 || lanes == 64)
}

/// Whether the host has the operation on the low lane alone, with an encoding like that on all.
fn has_low_form(inst: &Inst) -> bool {
    let op = FpOp::from_sub(inst.sub);
    inst.op == Op::Fp2 && matches!(op, FpOp::Add | FpOp::Sub | FpOp::Mul | FpOp::Div)
}

impl Lower<'_, '_> {
    /// Decides what is made of the instructions of a node.
    pub(super) fn plan_low_lanes(&mut self, block: &Block, insts: Range<usize>) {
        self.lows.clear();
        self.plans.clear();
        self.plans.resize(block.insts.len(), Plan::Plain);
        if !self.u.features.vex || !self.like_host() || !self.u.float.arithmetic {
            return;
        }
        for inst in block.insts[insts.clone()].iter().filter(|inst| inst.op == Op::Vscalar) {
            let def = block.def(inst.a);
            if insts.contains(&inst.a.index()) && def.op == Op::Load && vector_ty(def.ty).is_some() {
                self.plans[inst.a.index()] = Plan::Whole;
            }
        }
        let mut uses = vec![0u8; block.insts.len()];
        for inst in &block.insts {
            block.each_use(inst, |v| uses[v.index()] = uses[v.index()].saturating_add(1));
        }
        for i in insts.clone() {
            let inst = &block.insts[i];
            if vector_ty(inst.ty).is_none() || !has_low_form(inst) || !self.has_vector(block, &insts, inst.a) {
                continue;
            }
            let b = inst.b.index();
            if self.has_vector(block, &insts, inst.b) {
                self.plans[i] = Plan::Vectors;
            } else if insts.contains(&b) && block.insts[b].op == Op::Load && uses[b] == 1 {
                self.plans[b] = Plan::Operand;
                self.plans[i] = Plan::Vectors;
            }
        }
    }

    /// Whether scalar `v` will be known as the low lane of a vector.
    fn has_vector(&self, block: &Block, insts: &Range<usize>, v: Value) -> bool {
        let def = block.def(v);
        let lane = def.op == Op::Lane && is_lowest(def) && def.ty.is_float();
        insts.contains(&v.index()) && (lane || matches!(self.plans[v.index()], Plan::Whole | Plan::Vectors))
    }

    /// A load of 4 or 8 bytes, the rest zero, as a vector that is an operand of nothing: the host reads 16 bytes there.
    pub(super) fn load_low(&mut self, ty: ir::Type, flags: MemFlagsData, addr: ir::Value, offset: i32) -> ir::Value {
        let v = self.load_operand(ty, flags, addr, offset);
        self.fb.ins().bitcast(types::I8X16, MemFlagsData::new().with_endianness(ir::Endianness::Little), v)
    }

    /// The same, to be the second operand of an operation on vectors.
    fn load_operand(&mut self, ty: ir::Type, flags: MemFlagsData, addr: ir::Value, offset: i32) -> ir::Value {
        self.begin_stand_in();
        let v = self.fb.ins().load(ty, flags, addr, offset);
        self.end_stand_in(StandIn::LowLane);
        v
    }

    /// A load of a float as planned; `None` for a plain one.
    pub(super) fn load_planned(
        &mut self,
        plan: Plan,
        ty: Ty,
        flags: MemFlagsData,
        addr: ir::Value,
        offset: i32,
    ) -> Option<ir::Value> {
        let lanes = vector_ty(ty)?;
        match plan {
            Plan::Operand => Some(self.load_operand(lanes, flags, addr, offset)),
            Plan::Whole => {
                let vector = self.load_low(lanes, flags, addr, offset);
                Some(self.low_of(vector, lanes, Upper::Zero))
            }
            Plan::Plain | Plan::Vectors => None,
        }
    }

    /// The low lane of `vector`, known as such.
    fn low_of(&mut self, vector: ir::Value, lanes: ir::Type, upper: Upper) -> ir::Value {
        let v = self.as_ty(lanes, vector);
        let low = self.fb.ins().extractlane(v, 0);
        self.lows.insert(low, Low { vector, upper });
        low
    }

    /// Notes that `low` was taken from `vector` by `inst`.
    pub(super) fn note_lane(&mut self, inst: &Inst, vector: ir::Value, low: ir::Value) {
        if is_lowest(inst) && inst.ty.is_float() {
            self.lows.insert(low, Low { vector, upper: Upper::Of(vector) });
        }
    }

    /// `base` with `low` in its low lane, or zeros with it, if there is such a vector.
    pub(super) fn vector_with(&self, low: ir::Value, base: Option<ir::Value>) -> Option<ir::Value> {
        let upper = base.map_or(Upper::Zero, Upper::Of);
        self.lows.get(&low).filter(|low| low.upper == upper).map(|low| low.vector)
    }

    /// An operation that is planned to be one on vectors.
    pub(super) fn low_arith(&mut self, inst: &Inst, taken: bool) -> ir::Value {
        let lanes = vector_ty(inst.ty).expect("planned for floats");
        let (a, b) = (self.data(inst.a), self.data(inst.b));
        let first = self.lows[&a];
        let second = self.lows.get(&b).map_or(b, |low| low.vector);
        let (a, b) = (self.as_ty(lanes, first.vector), self.as_ty(lanes, second));
        self.begin_stand_in();
        let r = match FpOp::from_sub(inst.sub) {
            FpOp::Add => self.fb.ins().fadd(a, b),
            FpOp::Sub => self.fb.ins().fsub(a, b),
            FpOp::Mul => self.fb.ins().fmul(a, b),
            _ => self.fb.ins().fdiv(a, b),
        };
        self.end_stand_in(StandIn::LowLane);
        let vector = self.as_ty(types::I8X16, r);
        let low = self.low_of(vector, lanes, first.upper);
        self.anchored(low, taken)
    }
}
