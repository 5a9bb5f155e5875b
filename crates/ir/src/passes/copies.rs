//! Copy propagation: an op that only moves bits is replaced by the value they come from, or
//! reads them from further back.

use super::rewrite::Rewriter;
use crate::block::{Block, Inst, Value};
use crate::eval::mask;
use crate::ops::{Op, Shape, Ty};
use brolga_core::RegTable;

/// The pass.
pub(super) fn run(block: &Block, _: &RegTable) -> Block {
    let mut out = Rewriter::new(block);
    for i in 0..block.insts.len() {
        let mut inst = out.inst(i);
        // Each step looks further back, so this ends.
        loop {
            match origin(&out.new, &inst) {
                Origin::Same(v) => {
                    out.alias(i, v);
                    break;
                }
                Origin::Shorter(shorter) => inst = shorter,
                Origin::Moved(v, by) => {
                    let b = out.push(Inst { imm: by, ..Inst::new(Op::Iconst, inst.ty) });
                    inst = Inst { a: v, b, ..Inst::new(Op::Iadd, inst.ty) };
                }
                Origin::Itself => {
                    out.emit(i, inst);
                    break;
                }
            }
        }
    }
    out.new
}

/// Where a result comes from.
enum Origin {
    /// It equals a value.
    Same(Value),
    /// It equals the result of another op on earlier values.
    Shorter(Inst),
    /// It is an earlier value plus a constant, which is not 0.
    Moved(Value, u64),
    /// Nothing simpler.
    Itself,
}

use Origin::{Itself, Moved, Same, Shorter};

/// `inst` has operands of `block`, which is being written.
fn origin(block: &Block, inst: &Inst) -> Origin {
    match inst.op {
        Op::Zext | Op::Sext | Op::Bitcast if block.ty(inst.a) == inst.ty => Same(inst.a),
        Op::Zext => zext(block, inst),
        Op::Extract | Op::Sextract => extract(block, inst),
        Op::Deposit => deposit(block, inst),
        Op::Lane => lane(block, inst),
        Op::Insert => insert(block, inst),
        Op::Select | Op::FlagsSelect if inst.b == inst.c => Same(inst.b),
        Op::Not | Op::Neg | Op::Bswap | Op::Bitrev if block.def(inst.a).op == inst.op => Same(block.def(inst.a).a),
        Op::And | Op::Or | Op::Smin | Op::Smax | Op::Umin | Op::Umax if inst.a == inst.b => Same(inst.a),
        Op::Load | Op::Store | Op::Prefetch => displaced(block, inst),
        Op::Vsext | Op::Vzext if inst.imm == 0 => widened(block, inst),
        Op::Bitcast if block.def(inst.a).op == Op::Bitcast => Shorter(Inst { a: block.def(inst.a).a, ..*inst }),
        _ => neutral(block, inst),
    }
}

/// Operations with an operand that changes nothing.
fn neutral(block: &Block, inst: &Inst) -> Origin {
    if inst.b == Value::NONE || inst.c != Value::NONE || !inst.ty.is_int() {
        return Itself;
    }
    let (a, b) = (block.as_const(inst.a), block.as_const(inst.b));
    let ones = Some(mask(inst.ty.bits()));
    match inst.op {
        Op::Iadd | Op::Or | Op::Xor if a == Some(0) => Same(inst.b),
        Op::Iadd | Op::Or | Op::Xor | Op::Isub | Op::Bic if b == Some(0) => Same(inst.a),
        Op::Shl | Op::Lshr | Op::Ashr | Op::Rotr if b.is_some_and(|b| b % inst.ty.bits() as u64 == 0) => Same(inst.a),
        Op::And if a == ones => Same(inst.b),
        Op::And if b == ones => Same(inst.a),
        Op::Imul if a == Some(1) => Same(inst.b),
        Op::Imul | Op::Udiv | Op::Sdiv if b == Some(1) => Same(inst.a),
        Op::Iadd | Op::Isub => moved(block, inst),
        _ => Itself,
    }
}

/// For a sum with a constant or a difference, the other operand and the constant.
fn plus_constant(block: &Block, inst: &Inst) -> Option<(Value, u64)> {
    let of = |v| block.as_const(v);
    match inst.op {
        Op::Iadd => of(inst.b).map(|c| (inst.a, c)).or_else(|| of(inst.a).map(|c| (inst.b, c))),
        Op::Isub => of(inst.b).map(|c| (inst.a, c.wrapping_neg())),
        _ => None,
    }
}

/// A sum of a sum with constants.
fn moved(block: &Block, inst: &Inst) -> Origin {
    let Some((v, outer)) = plus_constant(block, inst) else { return Itself };
    match plus_constant(block, block.def(v)) {
        Some((v, inner)) => match outer.wrapping_add(inner) & mask(inst.ty.bits()) {
            0 => Same(v),
            by => Moved(v, by),
        },
        None => Itself,
    }
}

/// An access at a sum with a constant, as far as displacements reach.
fn displaced(block: &Block, inst: &Inst) -> Origin {
    match plus_constant(block, block.def(inst.a)) {
        Some((a, by)) if i32::try_from(inst.imm.wrapping_add(by) as i64).is_ok() => {
            Shorter(Inst { a, imm: inst.imm.wrapping_add(by), ..*inst })
        }
        _ => Itself,
    }
}

/// Lower lanes widened that were the upper ones of another value.
fn widened(block: &Block, inst: &Inst) -> Origin {
    let from = block.def(inst.a);
    if from.op != Op::Vshuffle {
        return Itself;
    }
    let selectors = block.consts[from.imm as usize] as u64;
    let upper = |first: u8| u64::from_le_bytes(std::array::from_fn(|k| first + k as u8));
    match selectors {
        s if s == upper(8) => Shorter(Inst { a: from.a, imm: 1, ..*inst }),
        s if s == upper(24) => Shorter(Inst { a: from.b, imm: 1, ..*inst }),
        _ => Itself,
    }
}

/// A zero-extension or truncation: its operand's low bits, from as far back as they are unchanged.
fn zext(block: &Block, inst: &Inst) -> Origin {
    let from = block.def(inst.a);
    let bits = inst.ty.bits();
    let reread = |a| Shorter(Inst { a, ..*inst });
    match from.op {
        // What the inner op cut off, the outer one does not ask for.
        Op::Zext if bits <= from.ty.bits() || block.ty(from.a).bits() <= from.ty.bits() => reread(from.a),
        Op::Sext if bits <= block.ty(from.a).bits() => reread(from.a),
        Op::Extract | Op::Sextract if from.bit_range().0 == 0 && bits <= from.bit_range().1 => reread(from.a),
        Op::Deposit if bits <= from.bit_range().0 => reread(from.a),
        Op::Deposit if from.bit_range().0 == 0 && bits <= from.bit_range().1 => reread(from.b),
        _ => Itself,
    }
}

/// A bit range of a value that is itself made of bit ranges.
fn extract(block: &Block, inst: &Inst) -> Origin {
    let (lsb, width) = inst.bit_range();
    if lsb == 0 && width == inst.ty.bits() {
        return Same(inst.a);
    }
    let from = block.def(inst.a);
    let (l, w) = from.bit_range();
    let reread = |a, lsb: u32| Shorter(Inst { a, imm: (lsb | width << 8) as u64, ..*inst });
    match from.op {
        Op::Extract | Op::Sextract if lsb + width <= w => reread(from.a, l + lsb),
        Op::Deposit if lsb >= l && lsb + width <= l + w => reread(from.b, lsb - l),
        Op::Deposit if lsb + width <= l || lsb >= l + w => reread(from.a, lsb),
        _ if inst.op == Op::Extract && lsb == 0 && significant(block, from) <= width => Same(inst.a),
        _ => Itself,
    }
}

/// Bits from the first of which on a result is 0.
fn significant(block: &Block, inst: &Inst) -> u32 {
    match inst.op {
        Op::Zext => block.ty(inst.a).bits().min(inst.ty.bits()),
        Op::Load if !inst.memop().signed => 8 * inst.memop().size.bytes() as u32,
        Op::Extract => inst.bit_range().1,
        Op::Cond | Op::Icmp => 1,
        _ => inst.ty.bits(),
    }
}

/// A deposit that covers what it is laid over, or lays over what is already there.
fn deposit(block: &Block, inst: &Inst) -> Origin {
    let (lsb, width) = inst.bit_range();
    if lsb == 0 && width == inst.ty.bits() {
        return Same(inst.b);
    }
    if lsb == 0 && block.as_const(inst.a) == Some(0) {
        return Shorter(Inst { a: inst.b, b: Value::NONE, op: Op::Extract, ..*inst });
    }
    let under = block.def(inst.a);
    let (l, w) = under.bit_range();
    if under.op == Op::Deposit && lsb <= l && l + w <= lsb + width {
        return Shorter(Inst { a: under.a, ..*inst });
    }
    let field = block.def(inst.b);
    match field.op {
        Op::Extract | Op::Sextract if field.bit_range() == (lsb, width) && field.a == inst.a => Same(inst.a),
        // Only its low bits are asked for.
        Op::Extract | Op::Sextract if field.bit_range().0 == 0 && width <= field.bit_range().1 => {
            Shorter(Inst { b: field.a, ..*inst })
        }
        _ => Itself,
    }
}

/// A lane that covers another one.
fn insert(block: &Block, inst: &Inst) -> Origin {
    let under = block.def(inst.a);
    let bits = Shape::from_sub(inst.sub).lane_bits();
    match under.op {
        Op::Insert if under.sub == inst.sub && under.imm == inst.imm => Shorter(Inst { a: under.a, ..*inst }),
        Op::Vscalar if inst.imm == 0 && block.ty(under.a).bits() == bits && block.ty(inst.b).bits() == bits => {
            Shorter(Inst { a: inst.b, ..Inst::new(Op::Vscalar, inst.ty) })
        }
        _ => Itself,
    }
}

/// A lane that was put there by a known op.
fn lane(block: &Block, inst: &Inst) -> Origin {
    let from = block.def(inst.a);
    let bits = Shape::from_sub(inst.sub).lane_bits();
    let scalar = match from.op {
        Op::Vscalar if inst.imm == 0 => from.a,
        Op::Insert if from.sub == inst.sub && from.imm == inst.imm => from.b,
        Op::Insert if from.sub == inst.sub => return Shorter(Inst { a: from.a, ..*inst }),
        Op::Vsplat if from.sub == inst.sub => from.a,
        _ => return Itself,
    };
    match block.ty(scalar) {
        ty if ty.bits() != bits => Itself,
        ty if ty == inst.ty => Same(scalar),
        ty => match (ty.is_int(), inst.ty.is_int()) {
            (true, true) => Shorter(Inst { a: scalar, ..Inst::new(Op::Zext, inst.ty) }),
            _ if inst.ty.bits() == bits && inst.ty != Ty::V128 => {
                Shorter(Inst { a: scalar, ..Inst::new(Op::Bitcast, inst.ty) })
            }
            _ => Itself,
        },
    }
}
