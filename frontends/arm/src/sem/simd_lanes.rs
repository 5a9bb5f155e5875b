//! What the Advanced SIMD sections share.

use super::Cx;
use crate::exec::simd_lanes::QC;
use crate::state;
use brolga_ir::{Op, Shape, Ty, Value};

/// Lane shape of a `size` field.
pub fn shape(size: u32) -> Shape {
    Shape::ALL[size as usize & 3]
}

/// The shape with lanes twice as wide.
pub fn wider(s: Shape) -> Shape {
    shape(s as u32 + 1)
}

/// The shape with lanes half as wide.
pub fn narrower(s: Shape) -> Shape {
    shape((s as u32).saturating_sub(1))
}

/// Which lanes of a register an instruction is about; the others become zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Lane 0.
    Scalar,
    /// The lower doubleword.
    Half,
    /// All.
    Full,
}

impl Part {
    /// Of an instruction's Q bit.
    pub fn of(q: bool) -> Part {
        if q { Part::Full } else { Part::Half }
    }
}

impl Cx<'_> {
    /// The lower doubleword, the rest zero.
    pub fn low_half(&mut self, v: Value) -> Value {
        self.part(Part::Half, Shape::I64x2, v)
    }

    /// The lanes that count, the rest zero.
    pub fn part(&mut self, part: Part, s: Shape, v: Value) -> Value {
        let bits = match part {
            Part::Full => return v,
            Part::Half => 64,
            Part::Scalar => s.lane_bits(),
        };
        let mask = self.b.vconst(u128::MAX >> (128 - bits));
        self.b.and(Ty::V128, v, mask)
    }

    /// Writes Vd: all of the value if `q`, else its lower doubleword and zeros.
    pub fn set_vector(&mut self, q: bool, rd: u32, v: Value) {
        let v = if q { v } else { self.low_half(v) };
        self.set_vreg(rd, v);
    }

    /// Writes one half of Vd, of which `v` holds the value in its lower half and zeros above.
    pub fn set_half(&mut self, upper: bool, rd: u32, v: Value) {
        let v = if upper {
            let d = self.vreg(rd);
            self.low_halves(d, v)
        } else {
            v
        };
        self.set_vreg(rd, v);
    }

    /// A vector of two doublewords.
    pub fn doublewords(&mut self, low: Value, high: Value) -> Value {
        let v = self.b.vscalar(low);
        self.b.insert(Shape::I64x2, v, high, 1)
    }

    /// The lower doublewords of two vectors.
    pub fn low_halves(&mut self, a: Value, b: Value) -> Value {
        self.b.vshuffle(a, b, std::array::from_fn(|i| if i < 8 { i as u8 } else { i as u8 + 8 }))
    }

    /// A constant with all lanes equal.
    pub fn lanes_const(&mut self, s: Shape, lane: u64) -> Value {
        self.b.vconst(brolga_ir::eval::eval_splat(s, lane))
    }

    /// Lanes chosen from two vectors: `from(i)` counts the lanes of `a` and then those of `b`; past them is zero.
    pub fn pick_lanes(&mut self, s: Shape, a: Value, b: Value, from: impl Fn(u32) -> u32) -> Value {
        let bytes = s.lane_bits() / 8;
        let selector = |i: usize| {
            let lane = from(i as u32 / bytes);
            if lane < 2 * s.lanes() { lane * bytes + i as u32 % bytes } else { 0x80 }
        };
        self.b.vshuffle(a, b, std::array::from_fn(|i| selector(i) as u8))
    }

    /// One lane in all lanes.
    pub fn dup_lane(&mut self, s: Shape, v: Value, lane: u32) -> Value {
        self.pick_lanes(s, v, v, |_| lane)
    }

    /// The even and the odd lanes of `a` and then of `b`; of their lower halves if not `q`.
    pub fn deal(&mut self, s: Shape, q: bool, a: Value, b: Value) -> (Value, Value) {
        (self.every_other(s, q, a, b, 0), self.every_other(s, q, a, b, 1))
    }

    /// Every second lane of `a` and then of `b` from `first` on; of their lower halves if not `q`.
    pub fn every_other(&mut self, s: Shape, q: bool, a: Value, b: Value, first: u32) -> Value {
        let (all, n) = (s.lanes(), if q { s.lanes() } else { s.lanes() / 2 });
        self.pick_lanes(s, a, b, |i| match 2 * i + first {
            _ if i >= n => u32::MAX,
            k if k < n => k,
            k => all + k - n,
        })
    }

    /// Lanes of `s` cut to half their width, `skip` bytes above their lowest; zeros above.
    pub fn cut(&mut self, s: Shape, v: Value, skip: u32) -> Value {
        let (wide, narrow) = (s.lane_bits() / 8, s.lane_bits() / 16);
        let selector = |i: u32| if i < 8 { i / narrow * wide + i % narrow + skip } else { 0x80 };
        self.b.vshuffle(v, v, std::array::from_fn(|i| selector(i as u32) as u8))
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

    /// Sets QC if any bit of `lanes` is 1.
    pub fn saturated(&mut self, lanes: Value) {
        let any = self.b.vany(lanes);
        let any = self.b.zext(Ty::I64, any);
        let any = self.shift(Ty::I64, any, 0, QC.trailing_zeros());
        let fpsr = self.get(state::FPSR);
        let fpsr = self.b.or(Ty::I64, fpsr, any);
        self.b.set(state::FPSR, fpsr);
    }

    /// Sets QC where two vectors differ.
    pub fn saturated_if_not(&mut self, a: Value, b: Value) {
        let differing = self.b.xor(Ty::V128, a, b);
        self.saturated(differing);
    }
}
