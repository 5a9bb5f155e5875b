//! Functions of vectors: the host's instruction by a stand-in, or the definition.

use super::Lower;
use crate::stand_in::{By, Function, StandIn, mark};
use brolga_baseline::{Map, host_fn};
use brolga_ir::{Inst, Value, VecFn};
use cranelift_codegen::ir::{self, InstBuilder, types};

impl Lower<'_, '_> {
    pub(super) fn vec_fn(&mut self, inst: &Inst) -> ir::Value {
        let (f, imm) = (VecFn::from_sub(inst.sub), inst.imm as u8);
        let operands: Vec<ir::Value> = inst.operands().map(|v| self.vector_data(v)).collect();
        match (f, &operands[..]) {
            (VecFn::PickBytes, &[a, b]) if self.u.features.pshufb => self.fb.ins().x86_pshufb(a, b),
            (VecFn::MultiplyAddBytes, &[a, b]) if self.u.features.pshufb => self.fb.ins().x86_pmaddubsw(b, a),
            _ => match self.stand_in(f) {
                Some(by) => self.by_stand_in(Function { form: host_fn(f), imm, by }, &operands),
                None => self.ask(crate::fp::function_word(f, imm), &operands, types::I8X16),
            },
        }
    }

    fn vector_data(&mut self, v: Value) -> ir::Value {
        let v = self.data(v);
        self.as_ty(types::I8X16, v)
    }

    /// What can stand for the host's instruction, if there is one.
    fn stand_in(&self, f: VecFn) -> Option<By> {
        let (features, form) = (&self.u.features, host_fn(f));
        if !features.functions.has(f) || !features.pshufb {
            return None;
        }
        Some(match (form.map, f.operands()) {
            _ if !form.prefix && !features.fused => return None,
            (_, operands) if !form.prefix => By::Fused { third: operands == 3 },
            (Map::Short, _) => By::Average,
            (Map::Long, 1) => By::Magnitude,
            (Map::Long, _) => By::Pairs,
            (Map::Immediate, 1) if !self.u.float.round => return None,
            (Map::Immediate, 1) => By::Round,
            (Map::Immediate, _) => By::Align,
        })
    }

    pub(super) fn by_stand_in(&mut self, function: Function, operands: &[ir::Value]) -> ir::Value {
        let (a, last) = (operands[0], operands[operands.len() - 1]);
        let float = |l: &mut Self, v| l.as_ty(types::F32X4, v);
        self.begin_stand_in();
        let r = match function.by {
            By::Pairs => self.fb.ins().x86_pmaddubsw(last, a),
            By::Magnitude => self.fb.ins().iabs(a),
            // No other rule of Cranelift's fits five bytes.
            By::Align => self.clif_shuffle(last, a, std::array::from_fn(|i| i as u8 + 5)),
            By::Round => {
                let a = if self.fb.func.dfg.value_type(a) == types::I8X16 { float(self, a) } else { a };
                self.fb.ins().floor(a)
            }
            By::Average => self.fb.ins().avg_round(a, last),
            By::Fused { .. } => {
                let [a, b, c] = [a, operands[1], last].map(|v| float(self, v));
                self.fb.ins().fma(a, b, c)
            }
        };
        self.end_stand_in(StandIn::Function(function));
        r
    }

    /// What is made from here on is marked as a stand-in.
    pub(super) fn begin_stand_in(&mut self) {
        self.fb.set_srcloc(mark(self.out.stand_ins.len()));
    }

    /// What has been made since is to be `stand_in`.
    pub(super) fn end_stand_in(&mut self, stand_in: StandIn) {
        self.end_mark();
        self.out.stand_ins.push(stand_in);
    }
}
