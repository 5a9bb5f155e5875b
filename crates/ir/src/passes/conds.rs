//! Flag predicates as comparisons: a predicate on the flags of a subtraction compares its
//! operands, one on the flags of a result compares it with zero, one on selected flags selects.
//! The flags themselves are then often dead.

use super::rewrite::Rewriter;
use crate::block::{Block, Inst, Value};
use crate::ops::{IntCc, Op, Ty};
use brolga_core::{Cond, RegTable};

/// How many nested selections of flags are followed.
const DEPTH: u32 = 3;

/// The pass.
pub(super) fn run(block: &Block, _: &RegTable) -> Block {
    let mut out = Rewriter::new(block);
    for i in 0..block.insts.len() {
        let inst = out.inst(i);
        let cond = Cond::ALL.get(inst.sub as usize).copied().filter(|_| inst.op == Op::Cond);
        match cond {
            Some(cond) if expressible(&out.new, cond, inst.a, DEPTH) => {
                let v = express(&mut out, cond, inst.a);
                out.alias(i, v);
            }
            _ => {
                out.emit(i, inst);
            }
        }
    }
    out.new
}

/// Whether the predicate on `flags` can be said without flags.
fn expressible(block: &Block, cond: Cond, flags: Value, depth: u32) -> bool {
    let def = block.def(flags);
    match def.op {
        Op::FlagsSub => difference(cond).is_some(),
        Op::FlagsLogic => true,
        Op::FlagsPack => block.as_const(def.a).is_some(),
        Op::FlagsFlipC if depth > 0 && !needs_carry(cond) => expressible(block, cond, def.a, depth - 1),
        Op::FlagsSelect if depth > 0 => {
            expressible(block, cond, def.b, depth - 1) && expressible(block, cond, def.c, depth - 1)
        }
        _ => false,
    }
}

/// Writes the predicate on `flags`, which is expressible, and returns its truth value.
fn express(out: &mut Rewriter, cond: Cond, flags: Value) -> Value {
    let def = *out.new.def(flags);
    match (def.op, difference(cond), sign(cond)) {
        (Op::FlagsSub, Some(cc), _) => compare(out, def.ty, cc, def.a, def.b),
        (Op::FlagsLogic, _, Test::Compare(cc)) => {
            let zero = out.push(Inst::new(Op::Iconst, def.ty));
            compare(out, def.ty, cc, def.a, zero)
        }
        (Op::FlagsLogic, _, Test::Always(truth)) => constant(out, truth),
        (Op::FlagsFlipC, ..) => express(out, cond, def.a),
        (Op::FlagsSelect, ..) => {
            let b = express(out, cond, def.b);
            let c = express(out, cond, def.c);
            out.push(Inst { a: def.a, b, c, ..Inst::new(Op::Select, Ty::I8) })
        }
        _ => {
            let bits = out.new.as_const(def.a).unwrap_or(0);
            constant(out, cond.holds(brolga_core::Nzcv::from_bits(bits)))
        }
    }
}

fn compare(out: &mut Rewriter, ty: Ty, cc: IntCc, a: Value, b: Value) -> Value {
    out.push(Inst { a, b, sub: cc as u8, ..Inst::new(Op::Icmp, ty) })
}

fn constant(out: &mut Rewriter, truth: bool) -> Value {
    out.push(Inst { imm: truth as u64, ..Inst::new(Op::Iconst, Ty::I8) })
}

/// The comparison of `a` and `b` that the predicate on the flags of `a - b` is.
pub fn difference(cond: Cond) -> Option<IntCc> {
    match cond {
        Cond::Eq => Some(IntCc::Eq),
        Cond::Ne => Some(IntCc::Ne),
        Cond::Cs => Some(IntCc::Uge),
        Cond::Cc => Some(IntCc::Ult),
        Cond::Hi => Some(IntCc::Ugt),
        Cond::Ls => Some(IntCc::Ule),
        Cond::Ge => Some(IntCc::Sge),
        Cond::Lt => Some(IntCc::Slt),
        Cond::Gt => Some(IntCc::Sgt),
        Cond::Le => Some(IntCc::Sle),
        Cond::Mi | Cond::Pl | Cond::Vs | Cond::Vc => None,
    }
}

fn needs_carry(cond: Cond) -> bool {
    matches!(cond, Cond::Cs | Cond::Cc | Cond::Hi | Cond::Ls)
}

/// What a predicate on N and Z of a value, with C and V clear, is.
enum Test {
    /// A comparison with zero.
    Compare(IntCc),
    /// Always this.
    Always(bool),
}

fn sign(cond: Cond) -> Test {
    match cond {
        Cond::Eq => Test::Compare(IntCc::Eq),
        Cond::Ne => Test::Compare(IntCc::Ne),
        Cond::Mi | Cond::Lt => Test::Compare(IntCc::Slt),
        Cond::Pl | Cond::Ge => Test::Compare(IntCc::Sge),
        Cond::Gt => Test::Compare(IntCc::Sgt),
        Cond::Le => Test::Compare(IntCc::Sle),
        Cond::Cs | Cond::Vs | Cond::Hi => Test::Always(false),
        Cond::Cc | Cond::Vc | Cond::Ls => Test::Always(true),
    }
}
