//! Constant folding: what is computed from constants is a constant, branches on constants are
//! jumps, and a few results are constant whatever the operand (`x ^ x`).

use super::rewrite::Rewriter;
use crate::block::{Block, Inst, Value};
use crate::eval;
use crate::ops::{Effect, FoldOp, IntCc, Op, Shape, Ty};
use crate::vecfn::{VecFn, eval_vec_fn};
use brolga_core::{Cond, Nzcv, RegTable};

/// A value known at translation time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Scalar(u64),
    Wide(u128),
    Flags(Nzcv),
}

impl Known {
    fn scalar(self) -> Option<u64> {
        if let Known::Scalar(a) = self { Some(a) } else { None }
    }

    fn wide(self) -> Option<u128> {
        if let Known::Wide(a) = self { Some(a) } else { None }
    }
}

/// The pass.
pub(super) fn run(block: &Block, _: &RegTable) -> Block {
    let mut out = Rewriter::new(block);
    let mut known = vec![None; block.insts.len()];
    for i in 0..block.insts.len() {
        let old = &block.insts[i];
        let of = |v: Value| known.get(v.index()).copied().flatten();
        let operand = of(old.a);
        if let Some(v) = choice(old, operand) {
            known[i] = known[v.index()];
            out.alias(i, out.renamed(v));
            continue;
        }
        let value = match old.op.info().effect {
            Effect::Pure => evaluate(block, old, of).or_else(|| constant_anyway(old)),
            _ => None,
        };
        known[i] = value;
        match value {
            Some(Known::Scalar(imm)) => {
                let ty = block.ty(Value(i as u32));
                out.emit(i, Inst { imm, ..Inst::new(Op::Iconst, ty) });
            }
            Some(Known::Wide(value)) => {
                out.emit_wide(i, value);
            }
            Some(Known::Flags(_)) | None => {
                out.emit(i, decided(&out, i, operand));
            }
        }
    }
    out.new
}

/// The operand that a selection with a known condition yields.
fn choice(inst: &Inst, condition: Option<Known>) -> Option<Value> {
    match (inst.op, condition?.scalar()?) {
        (Op::Select | Op::FlagsSelect, 0) => Some(inst.c),
        (Op::Select | Op::FlagsSelect, _) => Some(inst.b),
        _ => None,
    }
}

/// Instruction `i`, with a branch or jump whose operand is known decided.
fn decided(out: &Rewriter, i: usize, operand: Option<Known>) -> Inst {
    let inst = out.inst(i);
    match (inst.op, operand.and_then(Known::scalar)) {
        (Op::Brif, Some(a)) => Inst { imm: inst.imm + (a == 0) as u64, ..Inst::new(Op::Jump, Ty::Void) },
        (Op::GotoInd, Some(imm)) => Inst { imm, sub: inst.sub, ..Inst::new(Op::Goto, Ty::Void) },
        _ => inst,
    }
}

/// What `inst` computes, if every operand it needs is known.
fn evaluate(block: &Block, inst: &Inst, of: impl Fn(Value) -> Option<Known>) -> Option<Known> {
    match inst.op {
        Op::Iconst => return Some(Known::Scalar(inst.imm)),
        Op::Vconst => return Some(Known::Wide(block.consts[inst.imm as usize])),
        _ => {}
    }
    let a = of(inst.a)?;
    match a {
        Known::Scalar(a) => from_scalar(block, inst, a, of),
        Known::Wide(a) => from_wide(block, inst, a, of),
        Known::Flags(f) => from_flags(inst, f, of),
    }
}

fn from_scalar(block: &Block, inst: &Inst, a: u64, of: impl Fn(Value) -> Option<Known>) -> Option<Known> {
    let scalar = |v: Value| of(v).and_then(Known::scalar);
    let shape = Shape::from_sub(inst.sub);
    let (lsb, width) = inst.bit_range();
    let value = match inst.op {
        Op::Vsplat => return Some(Known::Wide(eval::eval_splat(shape, a))),
        Op::Vscalar => return Some(Known::Wide(a as u128)),
        Op::FlagsLogic | Op::FlagsPack => return eval::eval_flags(inst.op, inst.ty, a, 0, 0).map(Known::Flags),
        Op::FlagsAdd | Op::FlagsSub => {
            return eval::eval_flags(inst.op, inst.ty, a, scalar(inst.b)?, 0).map(Known::Flags);
        }
        Op::FlagsAdc | Op::FlagsSbc => {
            return eval::eval_flags(inst.op, inst.ty, a, scalar(inst.b)?, scalar(inst.c)?).map(Known::Flags);
        }
        Op::Icmp => eval::eval_compare(IntCc::from_sub(inst.sub), inst.ty, a, scalar(inst.b)?) as u64,
        Op::Extract | Op::Sextract => eval::eval_extract(inst.op, inst.ty, a, lsb, width)?,
        Op::Deposit => eval::eval_deposit(a, scalar(inst.b)?, lsb, width),
        _ if inst.ty.bits() > 64 => return None,
        _ if inst.b == Value::NONE => eval::eval_unary(inst.op, inst.ty, block.ty(inst.a), a)?,
        _ if inst.ty.is_int() => eval::eval_binary(inst.op, inst.ty, a, scalar(inst.b)?)?,
        _ => return None,
    };
    Some(Known::Scalar(value))
}

fn from_wide(block: &Block, inst: &Inst, a: u128, of: impl Fn(Value) -> Option<Known>) -> Option<Known> {
    let shape = Shape::from_sub(inst.sub);
    let wide = |v: Value| of(v).and_then(Known::wide);
    let value = match inst.op {
        Op::Lane => return Some(Known::Scalar(eval::eval_lane(shape, a, inst.imm as u32))),
        Op::Insert => eval::eval_insert(shape, a, of(inst.b).and_then(Known::scalar)?, inst.imm as u32),
        Op::Not => !a,
        Op::And | Op::Or | Op::Xor | Op::Bic => eval::eval_bitwise(inst.op, a, wide(inst.b)?)?,
        Op::Vicmp => eval::eval_vector_compare(IntCc::from_sub(inst.aux as u8), shape, a, wide(inst.b)?),
        Op::Vany => return Some(Known::Scalar((a != 0) as u64)),
        _ => {
            let b = if inst.b == Value::NONE { 0 } else { wide(inst.b)? };
            let c = if inst.c == Value::NONE { 0 } else { wide(inst.c)? };
            if matches!(inst.op, Op::Vfn1 | Op::Vfn2 | Op::Vfn3) {
                let f = VecFn::from_sub(inst.sub);
                return Some(Known::Wide(eval_vec_fn(f, [a, b, c], inst.imm as u8)));
            }
            let imm = if inst.op == Op::Vshuffle { block.consts[inst.imm as usize] } else { inst.imm as u128 };
            eval::eval_vector(inst.op, shape, FoldOp::from_aux(inst.aux), [a, b, c], imm)?
        }
    };
    Some(Known::Wide(value))
}

fn from_flags(inst: &Inst, f: Nzcv, of: impl Fn(Value) -> Option<Known>) -> Option<Known> {
    match inst.op {
        Op::FlagsFlipC => Some(Known::Flags(Nzcv { c: f.c ^ (of(inst.b)?.scalar()? != 0), ..f })),
        Op::Cond => Some(Known::Scalar(Cond::ALL.get(inst.sub as usize)?.holds(f) as u64)),
        Op::FlagsUnpack => Some(Known::Scalar(f.bits())),
        _ => None,
    }
}

/// Results that no operand can change.
fn constant_anyway(inst: &Inst) -> Option<Known> {
    let zero = if inst.ty == Ty::V128 { Known::Wide(0) } else { Known::Scalar(0) };
    match inst.op {
        Op::Xor | Op::Isub | Op::Bic if inst.a == inst.b => Some(zero),
        Op::Icmp if inst.a == inst.b => {
            Some(Known::Scalar(eval::eval_compare(IntCc::from_sub(inst.sub), inst.ty, 0, 0) as u64))
        }
        _ => None,
    }
}
