//! What the Advanced SIMD sections share.

use super::Cx;
use brolga_ir::{Op, Shape, Ty, Value};

/// Lane shape of a `size` field.
pub fn shape(size: u32) -> Shape {
    Shape::ALL[size as usize & 3]
}

impl Cx<'_> {
    /// The lower doubleword, the rest zero.
    pub fn low_half(&mut self, v: Value) -> Value {
        let low = self.b.lane(Ty::I64, Shape::I64x2, v, 0);
        self.b.vscalar(low)
    }

    /// Writes Vd: all of the value if `q`, else its lower doubleword and zeros.
    pub fn set_vector(&mut self, q: bool, rd: u32, v: Value) {
        let v = if q { v } else { self.low_half(v) };
        self.set_vreg(rd, v);
    }

    /// A vector of two doublewords.
    pub fn doublewords(&mut self, low: Value, high: Value) -> Value {
        let v = self.b.vscalar(low);
        self.b.insert(Shape::I64x2, v, high, 1)
    }

    /// Lanewise shift by 0 to the lane's width; at the width the result is all copies of what is shifted in.
    pub fn lane_shift(&mut self, op: Op, shape: Shape, v: Value, amount: u32) -> Value {
        match (op, amount) {
            (_, 0) => v,
            (Op::Vashr, n) => self.b.vshift(op, shape, v, n.min(shape.lane_bits() - 1)),
            (_, n) if n >= shape.lane_bits() => self.b.vconst(0),
            (_, n) => self.b.vshift(op, shape, v, n),
        }
    }

    /// Bits of `a` where `mask` is 1, of `b` elsewhere.
    pub fn bit_select(&mut self, mask: Value, a: Value, b: Value) -> Value {
        let difference = self.b.xor(Ty::V128, a, b);
        let chosen = self.b.and(Ty::V128, difference, mask);
        self.b.xor(Ty::V128, chosen, b)
    }
}
