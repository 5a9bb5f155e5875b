//! Conversions of fixed-point numbers as IR operations: a power of two makes an integer of one, or one of an integer.
//! Arm ARM, "FPToFixed", "FixedToFP".

use super::fp::{self, Precision};
use super::{Cx, sf_ty};
use crate::exec::fp_convert::Conversion;
use crate::exec::fp_lane::FpThreeOp;
use brolga_ir::{FpLanes, FpOp, IntCc, Ty, Value};

/// Bits of 2 to the power of 900: no integer is as large, and products below are finite.
const LARGE: u64 = (1023 + 900) << 52;

/// Bits of a power of two.
fn power(p: Precision, exponent: i32) -> u64 {
    match p {
        Precision::Single => 2f32.powi(exponent).to_bits().into(),
        _ => 2f64.powi(exponent).to_bits(),
    }
}

impl Cx<'_> {
    /// A float with the bits in the I64 `bits`.
    fn float_of(&mut self, p: Precision, bits: Value) -> Value {
        let v = self.b.vscalar(bits);
        self.b.lane(p.ty(), p.shape(), v, 0)
    }

    fn product(&mut self, p: Precision, a: Value, b: Value) -> Option<Value> {
        let two = self.two_op(p, FpThreeOp::Fmul)?;
        Some(self.b.fp(FpOp::Mul, p.ty(), FpLanes::One, &[a, b], two.call))
    }

    /// The integer of `how.bits` bits near the scalar in register `n` times 2 to the power of `how.fbits`, zero-extended;
    /// `None` where the IR has no operations for it.
    ///
    /// The product is exact, for it is of double precision. Where it might be infinite, which raises flags, the operand is
    /// out of the range of all integers by itself.
    pub fn fixed_to_int(&mut self, p: Precision, how: Conversion, n: u32) -> Option<Value> {
        if p == Precision::Half {
            return None;
        }
        let (op, call) = self.convert_op(Precision::Double, Conversion { fbits: 0, ..how })?;
        let scale = self.b.iconst(Ty::I64, power(Precision::Double, how.fbits as i32));
        let (a, scale) = if p == Precision::Single {
            (fp::resized(self, Precision::Double, (n, 0))?, scale)
        } else {
            let bits = self.scalar(p, n);
            let magnitude = self.absolute(p, bits);
            let large = self.b.iconst(Ty::I64, LARGE);
            let large = self.b.icmp(Ty::I64, IntCc::Uge, magnitude, large);
            let one = self.b.iconst(Ty::I64, power(p, 0));
            (self.float_of(p, bits), self.b.select(Ty::I64, large, one, scale))
        };
        let scale = self.float_of(Precision::Double, scale);
        let a = self.product(Precision::Double, a, scale)?;
        Some(self.b.fp_convert(op, sf_ty(how.bits == 64), a, call))
    }

    /// A float, converted from an integer, times 2 to the power of minus `fbits`. No result is so small that it would not
    /// be exact.
    pub fn scaled_down(&mut self, p: Precision, a: Value, fbits: u32) -> Option<Value> {
        let scale = self.b.iconst(Ty::I64, power(p, -(fbits as i32)));
        let scale = self.float_of(p, scale);
        self.product(p, a, scale)
    }
}
