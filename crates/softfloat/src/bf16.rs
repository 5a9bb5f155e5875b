//! bfloat16 dot products into single precision, as FEAT_BF16 without FEAT_EBF16 has them.
//!
//! Arm ARM, "BFDotAdd", "BFMulH", "BFAdd", "BFRound": each step rounds to odd, denormals count as
//! zeros on the way in and out, overflow gives infinity, NaNs give the default NaN, and neither FPCR
//! nor FPSR takes part.

use crate::arith::{add, mul};
use crate::env::{Flags, FpEnv, Rounding};
use crate::format::{F32, infinity, sign_bit};

/// The environment of every step.
const STEP: FpEnv =
    FpEnv { rounding: Rounding::Odd, flush_inputs: true, flush_outputs: true, default_nan: true, ..FpEnv::arm() };

/// Runs one step; where rounding to odd would stop at the largest number, gives infinity.
fn step(op: fn(&mut FpEnv, u32, u32) -> u32, a: u32, b: u32) -> u32 {
    let mut env = STEP;
    let result = op(&mut env, a, b);
    if env.flags.contains(Flags::OVERFLOW) { infinity::<F32>(sign_bit::<F32>(result)) } else { result }
}

/// Product of two bfloat16 numbers.
fn product(a: u16, b: u16) -> u32 {
    step(mul::<F32>, u32::from(a) << 16, u32::from(b) << 16)
}

/// `addend` + (a\[0\] * b\[0\] + a\[1\] * b\[1\]): one lane of BFDOT.
pub fn bf16_dot_add(addend: u32, a: [u16; 2], b: [u16; 2]) -> u32 {
    let pair = step(add::<F32>, product(a[0], b[0]), product(a[1], b[1]));
    step(add::<F32>, addend, pair)
}

/// BFMMLA on one 128-bit segment: the 2x4 matrix `a` times the transpose of the 2x4 matrix `b`, added
/// to the 2x2 matrix `addend`, all row by row. Arm ARM, "BFMatMulAdd".
pub fn bf16_matrix_multiply_add(addend: [u32; 4], a: [u16; 8], b: [u16; 8]) -> [u32; 4] {
    let mut sums = addend;
    for (i, sum) in sums.iter_mut().enumerate() {
        let (row, column) = (i / 2 * 4, i % 2 * 4);
        for k in [0, 2] {
            let pair_of = |m: &[u16; 8], at: usize| [m[at], m[at + 1]];
            *sum = bf16_dot_add(*sum, pair_of(&a, row + k), pair_of(&b, column + k));
        }
    }
    sums
}
