//! Scalar conversions: between formats, to and from integers and fixed-point numbers.

use super::fp_env::{with, with_control};
use super::fp_lane::{FpMiscOp, Lane};
use brolga_core::Env;
use brolga_softfloat::{Bf16, F16, F16Alt, F32, F64, Format, FpEnv, IntType, Rounding, Word};
use brolga_softfloat::{convert, fast, to_i32_javascript};

/// A conversion between floating point and an integer of a general register, as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conversion {
    /// One of FCVT*S, FCVT*U, SCVTF, UCVTF.
    pub op: FpMiscOp,
    /// Width of the integer, 32 or 64.
    pub bits: u32,
    /// Fraction bits of the integer, 0 to 64.
    pub fbits: u32,
}

impl Conversion {
    /// One argument word: operation in bits 7..0, width in 15..8, fraction bits in 23..16.
    pub fn to_arg(self) -> u64 {
        self.op as u64 | u64::from(self.bits) << 8 | u64::from(self.fbits) << 16
    }

    #[inline(always)]
    fn from_arg(arg: u64) -> Conversion {
        let byte = |n: u32| (arg >> (8 * n)) as u32 & 0xff;
        Conversion { op: FpMiscOp::from_arg(arg & 0xff), bits: byte(1), fbits: byte(2) }
    }

    #[inline(always)]
    fn int(self) -> IntType {
        IntType { bits: self.bits, signed: self.op.signed() }
    }
}

/// To an integer; `how` is a [`Conversion`].
pub extern "C" fn to_int<F: Lane>(env: &mut Env, a: u64, how: u64, _: u64) -> u64 {
    let how = Conversion::from_arg(how);
    let rounding = how.op.rounding().unwrap_or(Rounding::Zero);
    with_control(env, move |fp| F::to_int(fp, F::Bits::narrow(a.into()), how.int(), how.fbits, rounding))
}

/// FCVTZS of a general register of `BITS` bits.
pub extern "C" fn to_signed<F: Lane, const BITS: u32>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    let int = IntType { bits: BITS, signed: true };
    with(env, move |fp| F::to_int(fp, F::Bits::narrow(a.into()), int, 0, Rounding::Zero))
}

/// From an integer; `how` is a [`Conversion`].
pub extern "C" fn from_int<F: Lane>(env: &mut Env, value: u64, how: u64, _: u64) -> u64 {
    let how = Conversion::from_arg(how);
    with_control(env, move |fp| F::from_int(fp, value, how.int(), how.fbits)).widen() as u64
}

/// SCVTF of 64 bits.
pub extern "C" fn from_i64<F: Lane>(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    with(env, move |fp| F::from_int(fp, value, IntType::I64, 0)).widen() as u64
}

/// UCVTF of 64 bits.
pub extern "C" fn from_u64<F: Lane>(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    with(env, move |fp| F::from_int(fp, value, IntType::U64, 0)).widen() as u64
}

/// From half precision, in the format FPCR.AHP says.
pub fn from_half<D: Format>(fp: &mut FpEnv, a: u16) -> D::Bits {
    let rounding = fp.rounding;
    if fp.alternative_half { convert::<F16Alt, D>(fp, a, rounding) } else { convert::<F16, D>(fp, a, rounding) }
}

/// To half precision, in the format FPCR.AHP says.
pub fn to_half<S: Format>(fp: &mut FpEnv, a: S::Bits) -> u16 {
    let rounding = fp.rounding;
    if fp.alternative_half { convert::<S, F16Alt>(fp, a, rounding) } else { convert::<S, F16>(fp, a, rounding) }
}

/// FCVT, half to single or double.
pub extern "C" fn widen_half<D: Format>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with_control(env, move |fp| from_half::<D>(fp, a as u16)).widen() as u64
}

/// FCVT, single or double to half.
pub extern "C" fn narrow_to_half<S: Format>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with_control(env, move |fp| to_half::<S>(fp, S::Bits::narrow(a.into()))).into()
}

/// FCVT, single to double.
pub extern "C" fn single_to_double(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, move |fp| fast::f32_to_f64(fp, a as u32))
}

/// FCVT, double to single.
pub extern "C" fn double_to_single(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, move |fp| fast::f64_to_f32(fp, a, fp.rounding)).into()
}

/// FCVTXN: double to single, rounded to odd.
pub extern "C" fn double_to_single_odd(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with_control(env, move |fp| convert::<F64, F32>(fp, a, Rounding::Odd)).into()
}

/// BFCVT: single to bfloat16.
pub extern "C" fn single_to_bfloat(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with_control(env, move |fp| convert::<F32, Bf16>(fp, a as u32, fp.rounding)).into()
}

/// FJCVTZS: the integer in bits 31..0, and in bit 32 whether it equals the operand (flag Z).
/// Arm ARM, "FJCVTZS".
pub extern "C" fn javascript(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    let (value, same) = with_control(env, move |fp| to_i32_javascript(fp, a));
    u64::from(value) | u64::from(same) << 32
}
