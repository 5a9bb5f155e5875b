#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arith;
mod compare;
mod convert;
mod env;
mod format;
mod fused;
mod integer;
mod nan;
mod round;
mod unpack;

pub use arith::{add, div, mul, sqrt, sub};
pub use compare::{Relation, compare};
pub use convert::convert;
pub use env::{DenormalFlag, Flags, FpEnv, NanRule, Rounding};
pub use format::{Bf16, F16, F16Alt, F32, F64, Format, Word};
pub use format::{abs, infinity, is_nan, is_signalling_nan, max_finite, neg, zero};
pub use fused::{mul_add, mul_add_widening};
pub use integer::{IntType, from_int, to_int, to_int_checked};
