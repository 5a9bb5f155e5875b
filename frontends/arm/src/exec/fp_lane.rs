//! Formats as lanes of a V register, and the operations named by the decode table on one lane.

use super::fp_host::{self, HostOp};
use brolga_softfloat::{self as exact, fast};
use brolga_softfloat::{F16, F32, F64, Format, FpEnv, IntType, Relation, Rounding, Word};
use std::cmp::Ordering;

macro_rules! operations {
    ($(#[$doc:meta])* $name:ident: $($op:ident)*) => {
        $(#[$doc])*
        #[allow(missing_docs, reason = "the manual's mnemonics")]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name { $($op,)* }

        impl $name {
            const ALL: &[$name] = &[$($name::$op,)*];

            /// From the number that a call site passed to a helper.
            #[inline(always)]
            pub fn from_arg(arg: u64) -> $name {
                Self::ALL[arg as usize % Self::ALL.len()]
            }
        }
    };
}
pub(crate) use operations;

operations! {
    /// Operations of two operands, some of which accumulate or work on pairs.
    FpThreeOp: Fadd Fsub Fmul Fnmul Fdiv Fmulx Fmax Fmin Fmaxnm Fminnm Fabd Frecps Frsqrts Fmla Fmls
        Fcmeq Fcmge Fcmgt Facge Facgt Faddp Fmaxp Fminp Fmaxnmp Fminnmp
}

impl FpThreeOp {
    /// Whether it works on pairs of neighbours.
    pub fn is_pairwise(self) -> bool {
        use FpThreeOp::*;
        matches!(self, Faddp | Fmaxp | Fminp | Fmaxnmp | Fminnmp)
    }
}

operations! {
    /// Operations of one operand. Comparisons end in 0: they are with zero.
    FpMiscOp: Fmov Fabs Fneg Fsqrt Frintn Frintp Frintm Frintz Frinta Frintx Frinti Frint32z Frint32x Frint64z Frint64x
        Fcvtns Fcvtnu Fcvtps Fcvtpu Fcvtms Fcvtmu Fcvtzs Fcvtzu Fcvtas Fcvtau Scvtf Ucvtf
        Fcmeq0 Fcmge0 Fcmgt0 Fcmle0 Fcmlt0 Frecpe Frsqrte Frecpx
}

impl FpMiscOp {
    /// How a rounding instruction rounds; `None` is FPCR's way.
    pub fn rounding(self) -> Option<Rounding> {
        use FpMiscOp::*;
        match self {
            Frintn | Fcvtns | Fcvtnu => Some(Rounding::NearestEven),
            Frintp | Fcvtps | Fcvtpu => Some(Rounding::Up),
            Frintm | Fcvtms | Fcvtmu => Some(Rounding::Down),
            Frinta | Fcvtas | Fcvtau => Some(Rounding::NearestAway),
            Frintz | Frint32z | Frint64z | Fcvtzs | Fcvtzu => Some(Rounding::Zero),
            _ => None,
        }
    }

    /// Whether the integer of a conversion is signed.
    pub fn signed(self) -> bool {
        use FpMiscOp::*;
        matches!(self, Fcvtns | Fcvtps | Fcvtms | Fcvtzs | Fcvtas | Scvtf)
    }
}

/// Bits of a lane.
pub const fn width<F: Format>() -> u32 {
    F::EXP_BITS + F::FRAC_BITS + 1
}

/// A format that lanes have; the arithmetic is the host's where softfloat has such a layer.
pub trait Lane: Format {
    /// The lanes of a register.
    type Lanes: AsRef<[Self::Bits]> + AsMut<[Self::Bits]>;

    /// Lanes from bit 0 up.
    fn split(v: u128) -> Self::Lanes;
    /// The register of the lanes.
    fn join(lanes: &Self::Lanes) -> u128;
    /// `op` by the host's arithmetic, and whether that may be taken ([`fp_host`]); `None` if the host has none.
    #[inline(always)]
    fn host(_op: HostOp, _a: Self::Bits, _b: Self::Bits, _c: Self::Bits) -> Option<(Self::Bits, bool)> {
        None
    }
    /// Order by the host's comparison ([`fp_host::order`]); `None` also if the host has none.
    #[inline(always)]
    fn host_order(_a: Self::Bits, _b: Self::Bits) -> Option<Ordering> {
        None
    }
    /// a + b
    fn add(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a - b
    fn sub(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a * b
    fn mul(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a / b
    fn div(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a * b + c
    fn mul_add(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Self::Bits;
    /// Square root.
    fn sqrt(fp: &mut FpEnv, a: Self::Bits) -> Self::Bits;
    /// Comparison.
    fn compare(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits, signalling: bool) -> Relation;
    /// Rounding to an integer in the format.
    fn round_to_int(fp: &mut FpEnv, a: Self::Bits, rounding: Rounding, inexact: bool) -> Self::Bits;
    /// Conversion of a * 2^`fbits` to an integer.
    fn to_int(fp: &mut FpEnv, a: Self::Bits, to: IntType, fbits: u32, rounding: Rounding) -> u64;
    /// Conversion of an integer divided by 2^`fbits`, by FPCR's rounding.
    fn from_int(fp: &mut FpEnv, value: u64, from: IntType, fbits: u32) -> Self::Bits;
}

macro_rules! arithmetic {
    ($layer:ident) => {
        #[inline(always)]
        fn add(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits {
            $layer::add::<Self>(fp, a, b)
        }
        #[inline(always)]
        fn sub(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits {
            $layer::sub::<Self>(fp, a, b)
        }
        #[inline(always)]
        fn mul(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits {
            $layer::mul::<Self>(fp, a, b)
        }
        #[inline(always)]
        fn div(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits) -> Self::Bits {
            $layer::div::<Self>(fp, a, b)
        }
        #[inline(always)]
        fn mul_add(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Self::Bits {
            $layer::mul_add::<Self>(fp, a, b, c)
        }
        #[inline(always)]
        fn sqrt(fp: &mut FpEnv, a: Self::Bits) -> Self::Bits {
            $layer::sqrt::<Self>(fp, a)
        }
        #[inline(always)]
        fn compare(fp: &mut FpEnv, a: Self::Bits, b: Self::Bits, signalling: bool) -> Relation {
            $layer::compare::<Self>(fp, a, b, signalling)
        }
        #[inline(always)]
        fn round_to_int(fp: &mut FpEnv, a: Self::Bits, rounding: Rounding, inexact: bool) -> Self::Bits {
            $layer::round_to_int::<Self>(fp, a, rounding, inexact)
        }
        #[inline(always)]
        fn to_int(fp: &mut FpEnv, a: Self::Bits, to: IntType, fbits: u32, rounding: Rounding) -> u64 {
            $layer::to_int::<Self>(fp, a, to, fbits, rounding)
        }
    };
}

impl Lane for F16 {
    type Lanes = [u16; 8];
    #[inline(always)]
    fn split(v: u128) -> [u16; 8] {
        std::array::from_fn(|i| (v >> (16 * i)) as u16)
    }
    #[inline(always)]
    fn join(lanes: &[u16; 8]) -> u128 {
        lanes.iter().rev().fold(0, |r, &x| r << 16 | u128::from(x))
    }
    arithmetic!(exact);
    fn from_int(fp: &mut FpEnv, value: u64, from: IntType, fbits: u32) -> u16 {
        let rounding = fp.rounding;
        exact::from_int::<F16>(fp, value, from, fbits, rounding)
    }
}

impl Lane for F32 {
    type Lanes = [u32; 4];
    #[inline(always)]
    fn split(v: u128) -> [u32; 4] {
        std::array::from_fn(|i| (v >> (32 * i)) as u32)
    }
    #[inline(always)]
    fn join(lanes: &[u32; 4]) -> u128 {
        lanes.iter().rev().fold(0, |r, &x| r << 32 | u128::from(x))
    }
    #[inline(always)]
    fn host(op: HostOp, a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Option<(Self::Bits, bool)> {
        Some(fp_host::apply::<Self>(op, a, b, c))
    }
    #[inline(always)]
    fn host_order(a: Self::Bits, b: Self::Bits) -> Option<Ordering> {
        fp_host::order::<Self>(a, b)
    }
    arithmetic!(fast);
    #[inline(always)]
    fn from_int(fp: &mut FpEnv, value: u64, from: IntType, fbits: u32) -> u32 {
        let rounding = fp.rounding;
        match fbits {
            0 => fast::from_int::<F32>(fp, value, from, rounding),
            _ => exact::from_int::<F32>(fp, value, from, fbits, rounding),
        }
    }
}

impl Lane for F64 {
    type Lanes = [u64; 2];
    #[inline(always)]
    fn split(v: u128) -> [u64; 2] {
        [v as u64, (v >> 64) as u64]
    }
    #[inline(always)]
    fn join(lanes: &[u64; 2]) -> u128 {
        u128::from(lanes[0]) | u128::from(lanes[1]) << 64
    }
    #[inline(always)]
    fn host(op: HostOp, a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Option<(Self::Bits, bool)> {
        Some(fp_host::apply::<Self>(op, a, b, c))
    }
    #[inline(always)]
    fn host_order(a: Self::Bits, b: Self::Bits) -> Option<Ordering> {
        fp_host::order::<Self>(a, b)
    }
    arithmetic!(fast);
    #[inline(always)]
    fn from_int(fp: &mut FpEnv, value: u64, from: IntType, fbits: u32) -> u64 {
        let rounding = fp.rounding;
        match fbits {
            0 => fast::from_int::<F64>(fp, value, from, rounding),
            _ => exact::from_int::<F64>(fp, value, from, fbits, rounding),
        }
    }
}

/// Neither a NaN nor denormal: nothing to flush, to quiet or to flag.
#[inline(always)]
fn is_plain<F: Lane>(bits: F::Bits) -> bool {
    let magnitude = exact::abs::<F>(bits).widen();
    magnitude == 0 || (magnitude > F::FRAC_MASK && magnitude <= F::INFINITY)
}

/// An integer that orders like the number, -0 below +0, as "FPMax" and "FPMin" order them.
#[inline(always)]
fn order_key<F: Lane>(bits: F::Bits) -> i64 {
    let high = (bits.widen() as u64) << (64 - width::<F>());
    (high ^ ((high as i64 >> 63) as u64 >> 1)) as i64
}

type Exact<F> = fn(&mut FpEnv, <F as Format>::Bits, <F as Format>::Bits) -> <F as Format>::Bits;

#[inline(always)]
fn extreme<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits, larger: bool, exactly: Exact<F>) -> F::Bits {
    if is_plain::<F>(a) && is_plain::<F>(b) {
        return if (order_key::<F>(a) > order_key::<F>(b)) == larger { a } else { b };
    }
    exactly(fp, a, b)
}

/// Arm ARM, "FPMax".
#[inline(always)]
pub fn max<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    extreme::<F>(fp, a, b, true, exact::max::<F>)
}

/// Arm ARM, "FPMin".
#[inline(always)]
pub fn min<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    extreme::<F>(fp, a, b, false, exact::min::<F>)
}

/// Arm ARM, "FPMaxNum".
#[inline(always)]
pub fn max_num<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    extreme::<F>(fp, a, b, true, exact::max_num::<F>)
}

/// Arm ARM, "FPMinNum".
#[inline(always)]
pub fn min_num<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    extreme::<F>(fp, a, b, false, exact::min_num::<F>)
}

/// FNMUL: the product negated after rounding, NaNs too. Arm ARM, "FNMUL (scalar)".
#[inline(always)]
pub fn neg_mul<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    exact::neg::<F>(F::mul(fp, a, b))
}

/// FABD. Arm ARM, "FABD".
#[inline(always)]
pub fn abs_diff<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    exact::abs::<F>(F::sub(fp, a, b))
}

/// A lane of ones or zeros.
#[inline(always)]
fn mask<F: Lane>(holds: bool) -> F::Bits {
    F::Bits::narrow(if holds { u128::MAX } else { 0 })
}

/// Arm ARM, "FPCompareEQ".
#[inline(always)]
pub fn equal<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    mask::<F>(F::compare(fp, a, b, false) == Relation::Equal)
}

/// Arm ARM, "FPCompareGE".
#[inline(always)]
pub fn greater_equal<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    mask::<F>(matches!(F::compare(fp, a, b, true), Relation::Greater | Relation::Equal))
}

/// Arm ARM, "FPCompareGT".
#[inline(always)]
pub fn greater<F: Lane>(fp: &mut FpEnv, a: F::Bits, b: F::Bits) -> F::Bits {
    mask::<F>(F::compare(fp, a, b, true) == Relation::Greater)
}

/// FRINT*: `inexact` raises the flag when the value changed.
#[inline(always)]
pub fn round<F: Lane>(fp: &mut FpEnv, op: FpMiscOp, a: F::Bits) -> F::Bits {
    let rounding = op.rounding().unwrap_or(fp.rounding);
    match op {
        FpMiscOp::Frint32z | FpMiscOp::Frint32x => exact::round_to_int_sized::<F>(fp, a, rounding, 32),
        FpMiscOp::Frint64z | FpMiscOp::Frint64x => exact::round_to_int_sized::<F>(fp, a, rounding, 64),
        _ => F::round_to_int(fp, a, rounding, op == FpMiscOp::Frintx),
    }
}
