#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arith;
mod bf16;
mod compare;
mod convert;
mod env;
mod estimate;
mod format;
mod fused;
mod integer;
mod minmax;
mod nan;
mod round;
mod round_int;
mod unpack;

pub mod fast;

pub use arith::{add, div, mul, sqrt, sub};
pub use bf16::{bf16_dot_add, bf16_matrix_multiply_add};
pub use compare::{Relation, compare};
pub use convert::convert;
pub use env::{DenormalFlag, Flags, FpEnv, NanRule, Rounding};
pub use estimate::{recip_estimate, recip_exponent, recip_sqrt_estimate};
pub use estimate::{unsigned_recip_estimate, unsigned_recip_sqrt_estimate};
pub use format::{Bf16, F16, F16Alt, F32, F64, Format, Word};
pub use format::{abs, default_nan, infinity, is_nan, is_signalling_nan, max_finite, neg, zero};
pub use fused::{mul_add, mul_add_widening, mul_extended, recip_sqrt_step, recip_step};
pub use integer::{IntType, from_int, to_i32_javascript, to_int, to_int_checked};
pub use minmax::{max, max_num, min, min_num};
pub use round_int::{round_to_int, round_to_int_sized};
