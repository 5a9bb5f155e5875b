//! What pure vector ops compute: plain and exact, one lane at a time. Constant folding uses it, and it is
//! what the tiers' fast forms are tested against.

use crate::eval::{eval_binary, eval_insert, eval_lane, lane_ty, lanewise, mask, signed};
use crate::ops::{FoldOp, Op, Shape};

/// An op with vector operands and a vector result, `vicmp`, `insert` and bitwise binary ops excepted.
/// `imm` is the immediate, or the selectors of `vshuffle`; `fold` counts for `vfold` only.
pub fn eval_vector(op: Op, shape: Shape, fold: FoldOp, [a, b, c]: [u128; 3], imm: u128) -> Option<u128> {
    let bits = shape.lane_bits();
    Some(match op {
        Op::Vshl | Op::Vlshr | Op::Vashr => lanewise(shape, a, 0, |x, _| shifted(op, shape, x, imm as u64)),
        Op::VshlBy | Op::VlshrBy | Op::VashrBy => lanewise(shape, a, 0, |x, _| shifted_by(op, bits, x, b as u64)),
        Op::Vbits => (0..shape.lanes()).fold(0, |r, i| r | u128::from(eval_lane(shape, a, i) >> (bits - 1)) << i),
        Op::Vabs => lanewise(shape, a, 0, |x, _| signed(x, bits).unsigned_abs()),
        Op::Vpopcnt => lanewise(shape, a, 0, |x, _| x.count_ones() as u64),
        Op::Vsext | Op::Vzext => widened(op, shape, a, imm as u32),
        Op::Vsnarrow | Op::Vunarrow => narrowed(op, shape, a, b),
        Op::VmulPairs => mul_pairs(a, b),
        Op::Vswizzle => bytes(b, |k| a.to_le_bytes().get(k as usize).copied()),
        Op::Vshuffle => bytes(imm, |k| if k < 16 { byte(a, k) } else { byte(b, k.wrapping_sub(16)) }),
        Op::Vfold => {
            let one = |r, i| pair(fold.lanewise(), bits, r, eval_lane(shape, a, i));
            (1..shape.lanes()).fold(eval_lane(shape, a, 0), |r, i| one(r, i).unwrap_or(0) & mask(bits)) as u128
        }
        Op::Bitselect => a & b | !a & c,
        _ => {
            pair(op, bits, 0, 0)?;
            lanewise(shape, a, b, |x, y| pair(op, bits, x, y).unwrap_or(0))
        }
    })
}

/// A lanewise op of two lanes of `bits` bits; what is above the width does not count.
fn pair(op: Op, bits: u32, x: u64, y: u64) -> Option<u64> {
    let (sx, sy) = (signed(x, bits) as i128, signed(y, bits) as i128);
    let (ux, uy) = (x as i128, y as i128);
    let top = 1i128 << (bits - 1);
    let signed_range = |v: i128| v.clamp(-top, top - 1);
    let unsigned_range = |v: i128| v.clamp(0, 2 * top - 1);
    Some(match op {
        Op::Vadd => ux + uy,
        Op::Vsub => ux - uy,
        Op::Vmul => x.wrapping_mul(y) as i128,
        Op::Vsmin => sx.min(sy),
        Op::Vsmax => sx.max(sy),
        Op::Vumin => ux.min(uy),
        Op::Vumax => ux.max(uy),
        Op::VsaddSat => signed_range(sx + sy),
        Op::VuaddSat => unsigned_range(ux + uy),
        Op::VssubSat => signed_range(sx - sy),
        Op::VusubSat => unsigned_range(ux - uy),
        Op::VavgRound => (ux + uy + 1) >> 1,
        Op::VmulHigh => signed_range((sx * sy) >> (bits - 1)),
        Op::VmulHighRound => signed_range((sx * sy + top / 2) >> (bits - 1)),
        _ => return None,
    } as u64)
}

/// A lane shifted by an amount below the width.
fn shifted(op: Op, shape: Shape, x: u64, amount: u64) -> u64 {
    let scalar = match op {
        Op::Vshl => Op::Shl,
        Op::Vlshr => Op::Lshr,
        _ => Op::Ashr,
    };
    eval_binary(scalar, lane_ty(shape), x, amount).unwrap_or(0)
}

/// A lane shifted by any amount.
fn shifted_by(op: Op, bits: u32, x: u64, amount: u64) -> u64 {
    let amount = amount.min(bits.into()) as u32;
    match op {
        Op::VshlBy => ((x as u128) << amount) as u64,
        Op::VlshrBy => (x as u128 >> amount) as u64,
        _ => (i128::from(signed(x, bits)) >> amount) as u64,
    }
}

/// The shape with lanes twice as wide.
fn wider(shape: Shape) -> Shape {
    Shape::from_sub(shape as u8 + 1)
}

fn widened(op: Op, shape: Shape, a: u128, half: u32) -> u128 {
    let first = half * shape.lanes() / 2;
    (0..shape.lanes() / 2).fold(0, |r, i| {
        let x = eval_lane(shape, a, first + i);
        let x = if op == Op::Vsext { signed(x, shape.lane_bits()) as u64 } else { x };
        eval_insert(wider(shape), r, x, i)
    })
}

fn narrowed(op: Op, shape: Shape, a: u128, b: u128) -> u128 {
    let (to, n) = (Shape::from_sub(shape as u8 - 1), shape.lanes());
    let top = 1i64 << (to.lane_bits() - 1);
    let range = if op == Op::Vsnarrow { (-top, top - 1) } else { (0, 2 * top - 1) };
    (0..2 * n).fold(0, |r, i| {
        let x = signed(eval_lane(shape, if i < n { a } else { b }, i % n), shape.lane_bits());
        eval_insert(to, r, x.clamp(range.0, range.1) as u64, i)
    })
}

fn mul_pairs(a: u128, b: u128) -> u128 {
    let product = |i: u32| {
        let x = |v| signed(eval_lane(Shape::I16x8, v, i), 16);
        x(a) * x(b)
    };
    (0..4).fold(0, |r, i| eval_insert(Shape::I32x4, r, (product(2 * i) + product(2 * i + 1)) as u64, i))
}

fn byte(a: u128, k: u8) -> Option<u8> {
    a.to_le_bytes().get(k as usize).copied()
}

/// A byte for each byte of `selectors`; 0 where there is none.
fn bytes(selectors: u128, of: impl Fn(u8) -> Option<u8>) -> u128 {
    u128::from_le_bytes(selectors.to_le_bytes().map(|k| of(k).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(op: Op, shape: Shape, a: u128, b: u128) -> u128 {
        eval_vector(op, shape, FoldOp::Add, [a, b, 0], 0).unwrap()
    }

    #[test]
    fn saturation_is_at_the_lanes_own_limits() {
        let a = 0x7f80_ff01;
        assert_eq!(eval(Op::VsaddSat, Shape::I8x16, a, 0x01ff_0101), 0x7f80_0002);
        assert_eq!(eval(Op::VuaddSat, Shape::I8x16, a, 0x01ff_0101), 0x80ff_ff02);
        assert_eq!(eval(Op::VssubSat, Shape::I16x8, 0x8000, 1), 0x8000);
        assert_eq!(eval(Op::VusubSat, Shape::I64x2, 1, 2), 0);
        assert_eq!(eval(Op::VmulHigh, Shape::I16x8, 0x8000, 0x8000), 0x7fff);
        assert_eq!(eval(Op::VmulHighRound, Shape::I32x4, 0x8000_0000, 0x8000_0000), 0x7fff_ffff);
        assert_eq!(eval(Op::Vsnarrow, Shape::I16x8, 0x0080_ff7f, 0xffff) & 0xffff_ffff, 0x7f80);
        assert_eq!(eval(Op::Vunarrow, Shape::I16x8, 0x0100_ffff, 0), 0xff00);
    }

    #[test]
    fn selectors_and_indices() {
        let (a, b) = (0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100, 0xa5a4_a3a2_a1a0);
        let shuffled = eval_vector(Op::Vshuffle, Shape::I8x16, FoldOp::Add, [a, b, 0], 0x80_1580_100f);
        assert_eq!(shuffled, Some(0xa500_a00f));
        assert_eq!(eval(Op::Vswizzle, Shape::I8x16, b, 0xff10_0503) & 0xffff_ffff, 0xa5a3);
    }

    #[test]
    fn folds_wrap_and_zero_the_rest() {
        let fold = |f, a| eval_vector(Op::Vfold, Shape::I8x16, f, [a, 0, 0], 0);
        assert_eq!(fold(FoldOp::Add, u128::MAX), Some(0xf0));
        assert_eq!(fold(FoldOp::Smin, 0x80 << 64), Some(0x80));
        assert_eq!(fold(FoldOp::Umin, u128::MAX >> 8), Some(0));
        assert_eq!(fold(FoldOp::Umax, 7 << 120), Some(7));
    }
}
