//! Operands that sit on the edges of a format, and a fixed-seed generator of random ones.
#![allow(dead_code)]

use brolga_softfloat::{Format, Rounding, Word};

/// The four roundings of IEEE 754-2008 hardware and the two others.
pub const IEEE_ROUNDINGS: [Rounding; 5] =
    [Rounding::NearestEven, Rounding::Up, Rounding::Down, Rounding::Zero, Rounding::NearestAway];

/// xorshift64*; any fixed seed does.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 32) % bound
    }

    /// An encoding: uniform bits, or an exponent near one, or a fraction of few bits.
    pub fn operand<F: Format>(&mut self) -> F::Bits {
        let raw = u128::from(self.next());
        let width = F::EXP_BITS + F::FRAC_BITS + 1;
        let mut bits = raw >> (64 - width);
        match self.below(4) {
            0 => {}
            1 => {
                let near = F::BIAS as u128 - 4 + u128::from(self.below(9));
                bits = (bits & (F::FRAC_MASK | F::SIGN_BIT)) | near << F::FRAC_BITS;
            }
            2 => bits &= !(F::FRAC_MASK >> self.below(6)),
            _ => {
                let edge = self.below(u64::from(F::FRAC_BITS) + 3) as u128;
                let field = if self.below(2) == 0 { edge } else { F::EXP_FIELD_MAX as u128 - edge.min(20) };
                bits = (bits & (F::FRAC_MASK | F::SIGN_BIT)) | (field & F::EXP_FIELD_MAX as u128) << F::FRAC_BITS;
            }
        }
        F::Bits::narrow(bits)
    }
}

/// Zeros, subnormals, powers of two and their neighbours, halfway cases, infinities and NaNs of both
/// kinds with payloads, each in both signs.
pub fn boundary<F: Format>() -> Vec<F::Bits> {
    let min_normal = 1 << F::FRAC_BITS;
    let one = (F::BIAS as u128) << F::FRAC_BITS;
    let top = F::EXP_FIELD_MAX as u128 - 1;
    let integer_ulp = ((F::BIAS as u32 + F::FRAC_BITS) as u128).min(top) << F::FRAC_BITS;
    let mut magnitudes = vec![
        0,
        1,
        2,
        3,
        min_normal >> 1,
        min_normal - 1,
        min_normal,
        min_normal + 1,
        min_normal * 2 - 1,
        min_normal * 2,
        one - 1,
        one,
        one + 1,
        one - min_normal,
        one + min_normal / 2,
        one + min_normal,
        integer_ulp - min_normal - 1,
        integer_ulp - 1,
        integer_ulp,
        integer_ulp + 1,
        (top << F::FRAC_BITS) - 1,
        top << F::FRAC_BITS,
        F::INFINITY - 1,
        F::INFINITY,
        F::INFINITY + 1,
        F::INFINITY + 5,
        F::INFINITY + F::QUIET_BIT,
        F::INFINITY + F::QUIET_BIT + 9,
        F::INFINITY + F::FRAC_MASK,
    ];
    // One, plus and minus half a unit of its last place, seen from the other side of an addition.
    let half_ulp = F::BIAS - F::FRAC_BITS as i32 - 1;
    if half_ulp > 0 {
        let half = (half_ulp as u128) << F::FRAC_BITS;
        magnitudes.extend([half - 1, half, half + 1, half - min_normal, half + min_normal]);
    }
    // Around the largest integers of 16, 32 and 64 bits.
    for exp in [15, 16, 31, 32, 63, 64] {
        let field = (F::BIAS + exp) as u128;
        if field < F::EXP_FIELD_MAX as u128 {
            magnitudes.extend([(field << F::FRAC_BITS) - 1, field << F::FRAC_BITS, (field << F::FRAC_BITS) + 1]);
        }
    }
    magnitudes.iter().flat_map(|&m| [m, m | F::SIGN_BIT]).map(F::Bits::narrow).collect()
}

/// Random operations a test runs in a debug or a release build.
pub fn rounds(debug: usize, release: usize) -> usize {
    if cfg!(debug_assertions) { debug } else { release }
}
