//! The helpers against softfloat's exact functions under many environments, and by hand.

use super::fp_convert::{self, Conversion};
use super::fp_lane::{FpMiscOp, FpThreeOp, Lane, width};
use super::fp_vector::{self, Element, Estimate, FpAcrossOp};
use super::fp_wide::{self, FmlalOp, Narrow};
use super::{fp_scalar, set_v, v};
use crate::state::{FPCR, FPSR};
use brolga_core::Env;
use brolga_ir::HelperFn;
use brolga_softfloat::{self as exact, F16, F32, F64, Flags, FpEnv, IntType, Relation, Rounding, Word};

const DN: u64 = 1 << 25;
const FZ: u64 = 1 << 24;
const AHP: u64 = 1 << 26;
const FZ16: u64 = 1 << 19;
const QUIET: u64 = 0x7ff8_0000_0000_0001;
const SIGNALLING: u64 = 0x7ff0_0000_0000_0002;
const DEFAULT: u64 = 0x7ff8_0000_0000_0000;
const INVALID: u64 = 1;
const INEXACT: u64 = 16;
const INPUT_DENORMAL: u64 = 128;

/// Control words: the default, each mode, and all of them.
fn controls() -> impl Iterator<Item = u64> {
    [0, DN, FZ, FZ16, 1 << 22, 2 << 22, 3 << 22, AHP, DN | FZ | FZ16 | 2 << 22].into_iter()
}

/// A fixed sequence of well-mixed words (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Bits of a number: every class is frequent, and so are neighbours in magnitude.
    fn number<F: Lane>(&mut self) -> F::Bits {
        let r = self.next();
        let field = match r % 16 {
            0..3 => 0,
            3 | 4 => F::EXP_FIELD_MAX,
            5 => 1,
            6 => F::EXP_FIELD_MAX - 1,
            7..14 => (F::BIAS + (r >> 8) as i32 % 12 - 6) as u32,
            _ => (r >> 8) as u32 & F::EXP_FIELD_MAX,
        };
        let fraction = match r >> 40 & 7 {
            0..2 => 0,
            2..4 => u128::from(r >> 44 & 15) << (F::FRAC_BITS - 4),
            _ => u128::from(self.next()) & F::FRAC_MASK,
        };
        let sign = if r >> 50 & 1 != 0 { F::SIGN_BIT } else { 0 };
        F::Bits::narrow(sign | u128::from(field) << F::FRAC_BITS | fraction)
    }

    fn register<F: Lane>(&mut self) -> u128 {
        (0..128 / width::<F>()).fold(0, |r, i| r | self.number::<F>().widen() << (i * width::<F>()))
    }
}

fn guest(control: u64, status: u64) -> Env {
    let mut env = Env::default();
    env.set(FPCR, control);
    env.set(FPSR, status);
    env
}

fn rules(control: u64, status: u64) -> FpEnv {
    FpEnv { flags: Flags::from_bits(status as u8), ..FpEnv::from_fpcr(control) }
}

/// Runs a helper; the result and FPSR.
fn call(helper: HelperFn, control: u64, args: [u64; 3]) -> (u64, u64) {
    let mut env = guest(control, 0);
    let r = helper(&mut env, args[0], args[1], args[2]);
    (r, env.get(FPSR))
}

/// Compares a helper of scalars with `wanted`, for random operands in every environment.
fn scalar_agrees<F: Lane>(name: &str, helper: HelperFn, wanted: impl Fn(&mut FpEnv, [F::Bits; 3]) -> u64) {
    let mut random = Random(7);
    for control in controls() {
        for status in [0, INEXACT, 1 << 27] {
            for _ in 0..400 {
                let operands = [random.number::<F>(), random.number::<F>(), random.number::<F>()];
                let [a, b, c] = operands.map(|x| x.widen() as u64);
                let (mut env, mut fp) = (guest(control, status), rules(control, status));
                let (ours, right) = (helper(&mut env, a, b, c), wanted(&mut fp, operands));
                assert_eq!(ours, right, "{name} {a:x} {b:x} {c:x} under {control:x}");
                let flags = status | u64::from(fp.flags.bits());
                assert_eq!(env.get(FPSR), flags, "flags of {name} {a:x} {b:x} {c:x} under {control:x}");
            }
        }
    }
}

/// The exact function of an operation on single lanes.
fn exact_two<F: Lane>(op: FpThreeOp, fp: &mut FpEnv, [a, b, c]: [F::Bits; 3]) -> F::Bits {
    use FpThreeOp::*;
    let mask = |holds: bool| F::Bits::narrow(if holds { u128::MAX } else { 0 });
    let at_least = |r: Relation| matches!(r, Relation::Greater | Relation::Equal);
    let (magnitude_a, magnitude_b) = (exact::abs::<F>(a), exact::abs::<F>(b));
    match op {
        Fadd | Faddp => exact::add::<F>(fp, a, b),
        Fsub => exact::sub::<F>(fp, a, b),
        Fmul => exact::mul::<F>(fp, a, b),
        Fnmul => exact::neg::<F>(exact::mul::<F>(fp, a, b)),
        Fdiv => exact::div::<F>(fp, a, b),
        Fmulx => exact::mul_extended::<F>(fp, a, b),
        Fmax | Fmaxp => exact::max::<F>(fp, a, b),
        Fmin | Fminp => exact::min::<F>(fp, a, b),
        Fmaxnm | Fmaxnmp => exact::max_num::<F>(fp, a, b),
        Fminnm | Fminnmp => exact::min_num::<F>(fp, a, b),
        Fabd => exact::abs::<F>(exact::sub::<F>(fp, a, b)),
        Frecps => exact::recip_step::<F>(fp, a, b),
        Frsqrts => exact::recip_sqrt_step::<F>(fp, a, b),
        Fmla => exact::mul_add::<F>(fp, a, b, c),
        Fmls => exact::mul_add::<F>(fp, exact::neg::<F>(a), b, c),
        Fcmeq => mask(exact::compare::<F>(fp, a, b, false) == Relation::Equal),
        Fcmge => mask(at_least(exact::compare::<F>(fp, a, b, true))),
        Fcmgt => mask(exact::compare::<F>(fp, a, b, true) == Relation::Greater),
        Facge => mask(at_least(exact::compare::<F>(fp, magnitude_a, magnitude_b, true))),
        Facgt => mask(exact::compare::<F>(fp, magnitude_a, magnitude_b, true) == Relation::Greater),
    }
}

fn is_pairwise(op: FpThreeOp) -> bool {
    use FpThreeOp::*;
    matches!(op, Faddp | Fmaxp | Fminp | Fmaxnmp | Fminnmp)
}

fn every_three() -> impl Iterator<Item = FpThreeOp> {
    (0..=FpThreeOp::Fminnmp as u64).map(FpThreeOp::from_arg)
}

/// Helpers of two operands with their operations.
fn own_rows<F: Lane>() -> [(FpThreeOp, HelperFn); 10] {
    use FpThreeOp::*;
    [
        (Fadd, fp_scalar::add::<F>),
        (Fsub, fp_scalar::sub::<F>),
        (Fmul, fp_scalar::mul::<F>),
        (Fnmul, fp_scalar::neg_mul::<F>),
        (Fdiv, fp_scalar::div::<F>),
        (Fmax, fp_scalar::max::<F>),
        (Fmin, fp_scalar::min::<F>),
        (Fmaxnm, fp_scalar::max_num::<F>),
        (Fminnm, fp_scalar::min_num::<F>),
        (Fabd, fp_scalar::abs_diff::<F>),
    ]
}

fn scalars_agree<F: Lane>() {
    for (op, helper) in own_rows::<F>() {
        scalar_agrees::<F>(&format!("{op:?}"), helper, |fp, x| exact_two::<F>(op, fp, x).widen() as u64);
    }
    scalar_agrees::<F>("FMADD", fp_scalar::mul_add::<F>, |fp, [a, b, c]| {
        exact::mul_add::<F>(fp, a, b, c).widen() as u64
    });
    scalar_agrees::<F>("FSQRT", fp_scalar::sqrt::<F>, |fp, [a, ..]| exact::sqrt::<F>(fp, a).widen() as u64);
    let flags = |relation| match relation {
        Relation::Less => 8 << 28,
        Relation::Equal => 6 << 28,
        Relation::Greater => 2 << 28,
        Relation::Unordered => 3 << 28,
    };
    // The third operand decides whether the comparison signals.
    scalar_agrees::<F>("FCMP", fp_scalar::compare::<F>, |fp, [a, b, c]| {
        flags(exact::compare::<F>(fp, a, b, c.widen() != 0))
    });
}

#[test]
fn scalar_helpers_agree_with_the_exact_functions() {
    scalars_agree::<F16>();
    scalars_agree::<F32>();
    scalars_agree::<F64>();
}

/// Rd = V0, Rn = V1, Rm = V2.
fn word(q: bool) -> u64 {
    (q as u64) << 30 | 2 << 16 | 1 << 5
}

fn vectors_agree<F: Lane>(q: bool) {
    let mut random = Random(11);
    let count = (if q { 128 } else { 64 }) / width::<F>() as usize;
    for op in every_three() {
        for control in controls() {
            for round in 0..60 {
                let status = if round & 1 != 0 { INEXACT } else { 0 };
                let (mut env, mut fp) = (guest(control, status), rules(control, status));
                let [d, n, m] = [0, 1, 2].map(|reg| {
                    let value = random.register::<F>();
                    set_v(&mut env, reg, value);
                    F::split(value)
                });
                let (d, n, m) = (d.as_ref(), n.as_ref(), m.as_ref());
                fp_vector::three_same::<F>(&mut env, word(q), op as u64, 0);
                let right = (0..count).fold(0, |r, i| {
                    let operands = if is_pairwise(op) {
                        let side = if i < count / 2 { n } else { m };
                        let i = i % (count / 2) * 2;
                        [side[i], side[i + 1], d[0]]
                    } else {
                        [n[i], m[i], d[i]]
                    };
                    r | exact_two::<F>(op, &mut fp, operands).widen() << (i as u32 * width::<F>())
                });
                assert_eq!(v(&env, 0), right, "{op:?} under {control:x}");
                assert_eq!(env.get(FPSR), status | u64::from(fp.flags.bits()), "flags of {op:?} under {control:x}");
            }
        }
    }
}

#[test]
fn vector_helpers_agree_with_the_exact_functions() {
    vectors_agree::<F16>(false);
    vectors_agree::<F16>(true);
    vectors_agree::<F32>(false);
    vectors_agree::<F32>(true);
    vectors_agree::<F64>(true);
}

/// The exact function of an operation on one lane.
fn exact_one<F: Lane>(op: FpMiscOp, fp: &mut FpEnv, a: F::Bits) -> F::Bits {
    use FpMiscOp::*;
    let mask = |holds: bool| F::Bits::narrow(if holds { u128::MAX } else { 0 });
    let zero = exact::zero::<F>(false);
    let int = IntType { bits: width::<F>(), signed: op.signed() };
    let current = fp.rounding;
    let mut against_zero = |signalling| exact::compare::<F>(fp, a, zero, signalling);
    match op {
        Fmov => a,
        Fabs => exact::abs::<F>(a),
        Fneg => exact::neg::<F>(a),
        Fsqrt => exact::sqrt::<F>(fp, a),
        Frintx => exact::round_to_int::<F>(fp, a, current, true),
        Frinti => exact::round_to_int::<F>(fp, a, current, false),
        Frint32z => exact::round_to_int_sized::<F>(fp, a, Rounding::Zero, 32),
        Frint64z => exact::round_to_int_sized::<F>(fp, a, Rounding::Zero, 64),
        Frint32x => exact::round_to_int_sized::<F>(fp, a, current, 32),
        Frint64x => exact::round_to_int_sized::<F>(fp, a, current, 64),
        Frintn | Frintp | Frintm | Frintz | Frinta => exact::round_to_int::<F>(fp, a, op.rounding().unwrap(), false),
        Scvtf | Ucvtf => exact::from_int::<F>(fp, a.widen() as u64, int, 0, current),
        Fcmeq0 => mask(against_zero(false) == Relation::Equal),
        Fcmge0 => mask(matches!(against_zero(true), Relation::Greater | Relation::Equal)),
        Fcmgt0 => mask(against_zero(true) == Relation::Greater),
        Fcmle0 => mask(matches!(against_zero(true), Relation::Less | Relation::Equal)),
        Fcmlt0 => mask(against_zero(true) == Relation::Less),
        Frecpe => exact::recip_estimate::<F>(fp, a),
        Frsqrte => exact::recip_sqrt_estimate::<F>(fp, a),
        Frecpx => exact::recip_exponent::<F>(fp, a),
        _ => F::Bits::narrow(exact::to_int::<F>(fp, a, int, 0, op.rounding().unwrap()).into()),
    }
}

fn ones_agree<F: Lane>() {
    for op in (0..=FpMiscOp::Frecpx as u64).map(FpMiscOp::from_arg) {
        let mut random = Random(13);
        for control in controls() {
            for _ in 0..100 {
                let (mut env, mut fp) = (guest(control, 0), rules(control, 0));
                let value = random.register::<F>();
                set_v(&mut env, 1, value);
                fp_vector::two_misc::<F>(&mut env, word(true), op as u64, 0);
                let lanes = F::split(value);
                let right = lanes.as_ref().iter().rev().fold(0, |r: u128, &a| {
                    r.checked_shl(width::<F>()).unwrap_or(0) | exact_one::<F>(op, &mut fp, a).widen()
                });
                assert_eq!(v(&env, 0), right, "{op:?} of {value:x} under {control:x}");
                assert_eq!(env.get(FPSR), u64::from(fp.flags.bits()), "flags of {op:?} of {value:x}");
            }
        }
    }
}

#[test]
fn operations_of_one_operand_agree_with_the_exact_functions() {
    ones_agree::<F16>();
    ones_agree::<F32>();
    ones_agree::<F64>();
}

#[test]
fn nans_propagate_in_arm_order() {
    let add = |control, a, b| call(fp_scalar::add::<F64>, control, [a, b, 0]);
    let other = QUIET + 5;
    assert_eq!(add(0, QUIET, other), (QUIET, 0));
    assert_eq!(add(0, other, QUIET), (other, 0));
    // A signalling NaN comes first, made quiet.
    assert_eq!(add(0, QUIET, SIGNALLING), (SIGNALLING | 1 << 51, INVALID));
    assert_eq!(add(DN, QUIET, other), (DEFAULT, 0));
    assert_eq!(add(DN, QUIET, SIGNALLING), (DEFAULT, INVALID));
    // The addend is first in a fused operation; infinity times zero beats its quiet NaN.
    let one = 1f64.to_bits();
    assert_eq!(call(fp_scalar::mul_add::<F64>, 0, [QUIET, one, other]), (other, 0));
    let infinity = f64::INFINITY.to_bits();
    assert_eq!(call(fp_scalar::mul_add::<F64>, 0, [infinity, 0, other]), (DEFAULT, INVALID));
}

#[test]
fn denormals_are_flushed_on_request() {
    let tiny = 1u64;
    let add = |control| call(fp_scalar::add::<F64>, control, [tiny, tiny, 0]);
    assert_eq!(add(0), (2, 0));
    assert_eq!(add(FZ), (0, INPUT_DENORMAL));
    assert_eq!(add(FZ16), (2, 0));
    // Half precision has its own switch and raises no input-denormal flag.
    assert_eq!(call(fp_scalar::add::<F16>, FZ, [1, 1, 0]), (2, 0));
    assert_eq!(call(fp_scalar::add::<F16>, FZ16, [1, 1, 0]), (0, 0));
    // A flushed result raises underflow alone, though inexact was never computed.
    let small = f64::MIN_POSITIVE.to_bits();
    assert_eq!(call(fp_scalar::mul::<F64>, FZ, [small, 0.5f64.to_bits(), 0]), (0, 8));
}

#[test]
fn maxnm_prefers_numbers_to_quiet_nans() {
    let one = 1f64.to_bits();
    assert_eq!(call(fp_scalar::max_num::<F64>, 0, [QUIET, one, 0]), (one, 0));
    assert_eq!(call(fp_scalar::max_num::<F64>, 0, [one, SIGNALLING, 0]), (SIGNALLING | 1 << 51, INVALID));
    assert_eq!(call(fp_scalar::max::<F64>, 0, [one, QUIET, 0]), (QUIET, 0));
    let minus_zero = 1 << 63;
    assert_eq!(call(fp_scalar::max::<F64>, 0, [minus_zero, 0, 0]), (0, 0));
    assert_eq!(call(fp_scalar::min_num::<F64>, 0, [0, minus_zero, 0]), (minus_zero, 0));
}

#[test]
fn comparison_flags() {
    let one = 1f64.to_bits();
    let compare = |a, b, signalling| call(fp_scalar::compare::<F64>, 0, [a, b, signalling]);
    assert_eq!(compare(0, one, 0), (0x8000_0000, 0));
    assert_eq!(compare(0, 1 << 63, 1), (0x6000_0000, 0));
    assert_eq!(compare(one, 0, 0), (0x2000_0000, 0));
    assert_eq!(compare(one, QUIET, 0), (0x3000_0000, 0));
    assert_eq!(compare(one, QUIET, 1), (0x3000_0000, INVALID));
    assert_eq!(compare(SIGNALLING, one, 0), (0x3000_0000, INVALID));
}

#[test]
fn conversions_to_integers_saturate() {
    let to = |op, bits, x: f64| {
        call(fp_convert::to_int::<F64>, 0, [x.to_bits(), Conversion { op, bits, fbits: 0 }.to_arg(), 0])
    };
    assert_eq!(to(FpMiscOp::Fcvtzs, 32, 1e10), (0x7fff_ffff, INVALID));
    assert_eq!(to(FpMiscOp::Fcvtzs, 32, -1e10), (0x8000_0000, INVALID));
    assert_eq!(to(FpMiscOp::Fcvtzs, 64, f64::INFINITY), (i64::MAX as u64, INVALID));
    assert_eq!(to(FpMiscOp::Fcvtzu, 64, -1.0), (0, INVALID));
    assert_eq!(to(FpMiscOp::Fcvtzu, 32, -0.5), (0, INEXACT));
    assert_eq!(to(FpMiscOp::Fcvtzs, 64, f64::NAN), (0, INVALID));
    assert_eq!(to(FpMiscOp::Fcvtns, 32, 2.5), (2, INEXACT));
    assert_eq!(to(FpMiscOp::Fcvtas, 32, 2.5), (3, INEXACT));
    assert_eq!(to(FpMiscOp::Fcvtms, 32, -2.5), (-3i32 as u32 as u64, INEXACT));
    assert_eq!(to(FpMiscOp::Fcvtpu, 32, 2.25), (3, INEXACT));
    let signed = |x: f64| call(fp_convert::to_signed::<F64, 32>, 0, [x.to_bits(), 0, 0]);
    assert_eq!(signed(-2.0), (-2i32 as u32 as u64, 0));
    assert_eq!(signed(3e9), (0x7fff_ffff, INVALID));
    // Fixed point: 1.5 with 16 fraction bits, and back.
    let how = |op| Conversion { op, bits: 32, fbits: 16 }.to_arg();
    let fixed = call(fp_convert::to_int::<F64>, 0, [1.5f64.to_bits(), how(FpMiscOp::Fcvtzs), 0]);
    assert_eq!(fixed, (0x18000, 0));
    let back = call(fp_convert::from_int::<F64>, 0, [0x18000, how(FpMiscOp::Ucvtf), 0]);
    assert_eq!(back, (1.5f64.to_bits(), 0));
}

#[test]
fn integers_round_by_the_control_word() {
    let from = |control, x: i64| call(fp_convert::from_i64::<F32>, control, [x as u64, 0, 0]);
    let odd = (1 << 24) + 1;
    assert_eq!(from(0, odd), (u64::from(16_777_216f32.to_bits()), INEXACT));
    assert_eq!(from(1 << 22, odd), (u64::from(16_777_218f32.to_bits()), INEXACT));
    assert_eq!(from(2 << 22, -odd), (u64::from((-16_777_218f32).to_bits()), INEXACT));
    let largest = call(fp_convert::from_u64::<F64>, 0, [u64::MAX, 0, 0]);
    assert_eq!(largest, (18_446_744_073_709_551_616f64.to_bits(), INEXACT));
}

#[test]
fn javascript_conversion_wraps_and_tells_exactness() {
    let convert = |x: f64| call(fp_convert::javascript, 0, [x.to_bits(), 0, 0]);
    const SAME: u64 = 1 << 32;
    assert_eq!(convert(-1.0), (SAME | 0xffff_ffff, 0));
    assert_eq!(convert(1.5), (1, INEXACT));
    assert_eq!(convert(4_294_967_297.0), (1, INVALID));
    assert_eq!(convert(-0.0), (0, 0));
    assert_eq!(convert(f64::NAN), (0, INVALID));
    assert_eq!(convert(2f64.powi(84)), (0, INVALID));
}

#[test]
fn rounding_to_integers_raises_inexact_for_frintx_only() {
    let round = |op: FpMiscOp, x: f64| call(fp_scalar::round::<F64>, 0, [x.to_bits(), op as u64, 0]);
    assert_eq!(round(FpMiscOp::Frintx, 2.5), (2f64.to_bits(), INEXACT));
    assert_eq!(round(FpMiscOp::Frinti, 2.5), (2f64.to_bits(), 0));
    assert_eq!(round(FpMiscOp::Frintx, 3.0), (3f64.to_bits(), 0));
    assert_eq!(round(FpMiscOp::Frinta, -2.5), ((-3f64).to_bits(), 0));
    assert_eq!(round(FpMiscOp::Frintp, -0.25), (1 << 63, 0));
    assert_eq!(round(FpMiscOp::Frint32z, 3e9), ((-2_147_483_648f64).to_bits(), INVALID));
}

#[test]
fn half_precision_follows_the_alternative_format() {
    let widen = |control, a| call(fp_convert::widen_half::<F32>, control, [a, 0, 0]);
    assert_eq!(widen(0, 0x7c00), (u64::from(f32::INFINITY.to_bits()), 0));
    assert_eq!(widen(AHP, 0x7c00), (u64::from(65536f32.to_bits()), 0));
    let narrow = |control, x: f32| call(fp_convert::narrow_to_half::<F32>, control, [x.to_bits().into(), 0, 0]);
    assert_eq!(narrow(AHP, f32::INFINITY), (0x7fff, INVALID));
    assert_eq!(narrow(0, 1e6), (0x7c00, 4 | INEXACT));
    assert_eq!(call(fp_convert::single_to_bfloat, 0, [0x3f80_8000, 0, 0]), (0x3f80, INEXACT));
    let odd = call(fp_convert::double_to_single_odd, 0, [(1.0f64 + f64::EPSILON).to_bits(), 0, 0]);
    assert_eq!(odd, (0x3f80_0001, INEXACT));
}

/// Lanes of four singles.
fn singles(x: [f32; 4]) -> u128 {
    F32::join(&x.map(f32::to_bits))
}

#[test]
fn narrowing_keeps_the_lower_half_only_with_q() {
    let mut env = guest(0, 0);
    set_v(&mut env, 0, u128::MAX);
    set_v(&mut env, 1, singles([1.0, 2.0, -1.0, 0.5]));
    fp_wide::narrow(&mut env, word(false), Narrow::SingleToHalf as u64, 0);
    assert_eq!(v(&env, 0), 0x3800_bc00_4000_3c00);
    set_v(&mut env, 0, u128::MAX);
    fp_wide::narrow(&mut env, word(true), Narrow::SingleToBfloat as u64, 0);
    assert_eq!(v(&env, 0), 0x3f00_bf80_4000_3f80_ffff_ffff_ffff_ffff);
    // And back from the upper half.
    set_v(&mut env, 1, 0x3800_bc00_4000_3c00 << 64);
    fp_wide::long(&mut env, word(true), 0, 0);
    assert_eq!(v(&env, 0), singles([1.0, 2.0, -1.0, 0.5]));
}

#[test]
fn elements_index_their_register() {
    let mut env = guest(0, 0);
    set_v(&mut env, 1, singles([1.0, 2.0, 3.0, 4.0]));
    set_v(&mut env, 9, singles([0.0, 0.0, 0.0, 10.0]));
    let element = Element { reg: 9, index: 3 }.to_arg();
    fp_vector::three_same::<F32>(&mut env, word(true), FpThreeOp::Fmul as u64, element);
    assert_eq!(v(&env, 0), singles([10.0, 20.0, 30.0, 40.0]));
    fp_vector::three_same::<F32>(&mut env, word(false), FpThreeOp::Fmls as u64, element);
    assert_eq!(v(&env, 0), singles([0.0, 0.0, 0.0, 0.0]));
}

#[test]
fn reductions_take_the_lower_half_first() {
    let (first, second) = (0x7fc0_0001, 0x7fc0_0002);
    let mut env = guest(0, 0);
    set_v(&mut env, 1, F32::join(&[1, second, first, 4]));
    fp_vector::across::<F32>(&mut env, word(true), FpAcrossOp::Fmaxv as u64, 0);
    assert_eq!(v(&env, 0), u128::from(second));
    set_v(&mut env, 1, singles([3.0, -7.0, f32::NAN, 5.0]));
    fp_vector::across::<F32>(&mut env, word(true), FpAcrossOp::Fminnmv as u64, 0);
    assert_eq!(v(&env, 0), u128::from((-7f32).to_bits()));
}

#[test]
fn complex_products_and_sums() {
    let mut env = guest(0, 0);
    // (1 + 2i) * (3 + 4i) = -5 + 10i by rotations of 0 and 90 degrees.
    set_v(&mut env, 1, singles([1.0, 2.0, 1.0, 2.0]));
    set_v(&mut env, 2, singles([3.0, 4.0, 3.0, 4.0]));
    fp_wide::complex_mul_add::<F32>(&mut env, word(true), 0, 0);
    fp_wide::complex_mul_add::<F32>(&mut env, word(true), 1, 0);
    assert_eq!(v(&env, 0), singles([-5.0, 10.0, -5.0, 10.0]));
    // With the conjugate of the first: 0 and 270 degrees give 11 - 2i.
    set_v(&mut env, 0, 0);
    fp_wide::complex_mul_add::<F32>(&mut env, word(false), 0, Element { reg: 2, index: 1 }.to_arg());
    fp_wide::complex_mul_add::<F32>(&mut env, word(false), 3, Element { reg: 2, index: 1 }.to_arg());
    assert_eq!(v(&env, 0), singles([11.0, -2.0, 0.0, 0.0]));
    fp_wide::complex_add::<F32>(&mut env, word(true), 0, 0);
    assert_eq!(v(&env, 0), singles([-3.0, 5.0, -3.0, 5.0]));
}

#[test]
fn multiply_long_takes_one_part_of_half_precision() {
    let mut env = guest(0, 0);
    // Halves 1, 2, 3, 4 below 5, 6, 7, 8.
    set_v(&mut env, 1, 0x4800_4700_4600_4500_4400_4200_4000_3c00);
    set_v(&mut env, 2, 0x4000_4000_4000_4000_3c00_3c00_3c00_3c00);
    fp_wide::mul_add_long(&mut env, word(true), FmlalOp::Fmlal2 as u64, 0);
    assert_eq!(v(&env, 0), singles([10.0, 12.0, 14.0, 16.0]));
    fp_wide::mul_add_long(&mut env, word(false), FmlalOp::Fmlsl2 as u64, 0);
    assert_eq!(v(&env, 0), singles([7.0, 8.0, 0.0, 0.0]));
}

#[test]
fn bfloat16_dot_and_long_products() {
    let mut env = guest(0, 0);
    // bfloat16 1, 2 in each pair.
    set_v(&mut env, 1, 0x4000_3f80_4000_3f80_4000_3f80_4000_3f80);
    set_v(&mut env, 2, 0x4040_4040_4040_4040_4040_4040_4040_4040);
    fp_wide::bf16_dot(&mut env, word(true), 0, 0);
    assert_eq!(v(&env, 0), singles([9.0; 4]));
    fp_wide::bf16_mul_add_long(&mut env, word(true), 0, 0);
    assert_eq!(v(&env, 0), singles([15.0; 4]));
    set_v(&mut env, 0, 0);
    fp_wide::bf16_matrix(&mut env, word(true), 0, 0);
    assert_eq!(v(&env, 0), singles([18.0; 4]));
    assert_eq!(env.get(FPSR), 0);
}

#[test]
fn integer_estimates_zero_the_upper_half() {
    let mut env = guest(0, 0);
    set_v(&mut env, 1, u128::MAX << 64 | 0x8000_0000_0000_0001);
    fp_vector::int_estimate(&mut env, word(false), Estimate::Recip as u64, 0);
    assert_eq!(v(&env, 0), 0xff80_0000_ffff_ffff);
}
