//! Floating-point ops: the helper that defines them, called for each lane.

use crate::exec::{read128, write128};
use crate::flat::{Code, FlatOp, NONE};
use crate::lower::Lower;
use brolga_core::{CcKind, CcOp, Env, Width};
use brolga_ir::{FpLanes, FpOp, FpRelation, HelperFn, Inst, Op, Ty, Unfit, Value};

/// What a floating-point op computes, beside the helper that defines it: in the immediate of [`Code::Call`], which has none
/// of its own, and above what [`Code::FpLanes`] has there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FpHint {
    /// An operation on scalars.
    Scalar {
        /// Which.
        op: FpOp,
        /// Type of the operands.
        from: Ty,
        /// Type of the result.
        to: Ty,
    },
    /// A comparison that is made for what it raises.
    Compare {
        /// Of 64 bits, else of 32.
        double: bool,
        /// Any NaN is invalid.
        signalling: bool,
    },
    /// A comparison that gives N Z C V.
    Relation {
        /// Of 64 bits, else of 32.
        double: bool,
    },
}

impl FpHint {
    fn of(inst: &Inst, from: Ty) -> u64 {
        if inst.op != Op::FpCompare {
            return 1 | u64::from(inst.sub) << 8 | (from as u64) << 16 | (inst.ty as u64) << 24;
        }
        match FpRelation::from_sub(inst.sub) {
            FpRelation::Bits => 3 | (from as u64) << 16,
            FpRelation::Again => 0,
            relation => 2 | u64::from(relation == FpRelation::FloatsSignalling) << 8 | (from as u64) << 16,
        }
    }

    /// From the immediate of a [`Code::Call`]; `None` if that is no such op.
    pub fn from_imm(imm: u64) -> Option<FpHint> {
        let [kind, sub, from, to, ..] = imm.to_le_bytes();
        let ty = |at: u8| Ty::ALL[usize::from(at) % Ty::ALL.len()];
        match kind {
            1 => Some(FpHint::Scalar { op: FpOp::from_sub(sub), from: ty(from), to: ty(to) }),
            2 => Some(FpHint::Compare { double: ty(from) == Ty::F64, signalling: sub != 0 }),
            3 => Some(FpHint::Relation { double: ty(from) == Ty::F64 }),
            _ => None,
        }
    }

    /// Operation and lanes of a [`Code::FpLanes`].
    pub fn lanes(imm: u64) -> (FpOp, FpLanes) {
        (FpOp::from_sub((imm >> 40) as u8), FpLanes::from_aux((imm >> 32) as u16))
    }
}

impl Lower<'_> {
    pub(crate) fn fp(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let mut words = [NONE; 3];
        for (word, operand) in words.iter_mut().zip(inst.operands()) {
            *word = self.word(operand)?;
        }
        let (call, count) = (inst.fp_call(), inst.operands().count());
        if inst.ty == Ty::V128 {
            let ([a, b, c], dst) = (words, self.temp(v)?);
            let imm = u64::from(call.extra) | u64::from(inst.aux) << 32 | u64::from(inst.sub) << 40;
            self.emit(FlatOp { dst, a, b, c, aux: call.helper.0, imm, ..FlatOp::new(Code::FpLanes) });
        } else if inst.op == Op::FpCompare {
            let dst = self.temp(v)?;
            self.emit_fp_call(dst + 1, words, count, inst)?;
            self.fix_definition(v, None);
            if FpRelation::from_sub(inst.sub).is_floats() {
                let width = if inst.ty == Ty::F32 { Width::W32 } else { Width::W64 };
                let aux = CcOp::new(CcKind::Floats, width).word() as u16;
                self.emit(FlatOp { dst, a: words[0], b: words[1], aux, ..FlatOp::new(Code::SetCcR) });
            } else {
                let packed = CcOp::new(CcKind::Packed, Width::W64).word() as u16;
                self.emit(FlatOp { dst, a: dst + 1, aux: packed, ..FlatOp::new(Code::SetCcI) });
            }
        } else {
            let dst = self.temp(v)?;
            let at = self.emit_fp_call(dst, words, count, inst)?;
            self.fix_definition(v, Some(at));
        }
        self.drop_unused(v);
        Ok(())
    }

    /// One call, with the extra argument behind the operands; returns its flat index.
    fn emit_fp_call(&mut self, dst: u8, mut words: [u8; 3], count: usize, inst: &Inst) -> Result<usize, Unfit> {
        let call = inst.fp_call();
        let extra = if call.extra == 0 { None } else { Some(self.slots.single().ok_or(Unfit::TooManyValues)?) };
        if let Some(word) = extra {
            self.emit(FlatOp { dst: word, imm: call.extra.into(), ..FlatOp::new(Code::Const) });
            words[count] = word;
        }
        let [a, b, c] = words;
        let imm = FpHint::of(inst, self.block.ty(inst.a));
        let at = self.emit(FlatOp { dst, a, b, c, aux: call.helper.0, imm, ..FlatOp::new(Code::Call) });
        if let Some(word) = extra {
            self.slots.free(word, 1);
        }
        Ok(at)
    }
}

/// Runs a [`Code::FpLanes`] of a helper.
pub(crate) fn lanes(env: &mut Env, op: &FlatOp, func: HelperFn) {
    let shape = FpLanes::from_aux((op.imm >> 32) as u16);
    let (bits, extra) = (shape.bits(), u64::from(op.imm as u32));
    let mask = u128::from(u64::MAX >> (64 - bits));
    let operands = [op.a, op.b, op.c].map(|word| (word != NONE).then(|| read128(env, word)));
    let mut result = 0;
    for at in (0..shape.count()).map(|lane| lane * bits) {
        let mut args = [0; 3];
        let mut count = 0;
        for v in operands.into_iter().flatten() {
            args[count] = (v >> at & mask) as u64;
            count += 1;
        }
        if let Some(next) = args.get_mut(count) {
            *next = extra;
        }
        let lane = func(env, args[0], args[1], args[2]);
        result |= (u128::from(lane) & mask) << at;
    }
    write128(env, op.dst, result);
}
