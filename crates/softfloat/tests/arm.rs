//! Arm's rules case by case: NaNs, flushing, tininess, default NaN, conversions, integers.

use brolga_softfloat as sf;
use brolga_softfloat::{Bf16, F16, F16Alt, F32, F64, Flags, FpEnv, IntType, Relation, Rounding};

const AHP: u64 = 1 << 26;
const DN: u64 = 1 << 25;
const FZ: u64 = 1 << 24;
const FZ16: u64 = 1 << 19;
const UP: u64 = 1 << 22;
const DOWN: u64 = 2 << 22;
const TOWARDS_ZERO: u64 = 3 << 22;

const NONE: Flags = Flags::NONE;
const IOC: Flags = Flags::INVALID;
const DZC: Flags = Flags::DIV_BY_ZERO;
const OFC: Flags = Flags::OVERFLOW;
const UFC: Flags = Flags::UNDERFLOW;
const IXC: Flags = Flags::INEXACT;
const IDC: Flags = Flags::INPUT_DENORMAL;

const ONE: u32 = 0x3f80_0000;
const TWO: u32 = 0x4000_0000;
const INF: u32 = 0x7f80_0000;
const DEFAULT_NAN: u32 = 0x7fc0_0000;
const QNAN: u32 = 0x7fc0_0011;
const QNAN2: u32 = 0xffc0_0022;
const SNAN: u32 = 0xff80_0033;
const SNAN_QUIET: u32 = 0xffc0_0033;
const SNAN2: u32 = 0x7f80_0044;
const SNAN2_QUIET: u32 = 0x7fc0_0044;
const MIN_NORMAL: u32 = 0x0080_0000;
const MAX: u32 = 0x7f7f_ffff;
const MINUS: u32 = 0x8000_0000;

/// Runs `op` with `fpcr` and compares result and cumulative flags.
#[track_caller]
fn expect<R: PartialEq + std::fmt::Debug>(fpcr: u64, op: impl Fn(&mut FpEnv) -> R, result: R, flags: Flags) {
    let mut env = FpEnv::from_fpcr(fpcr);
    let got = op(&mut env);
    assert!(
        got == result && env.flags == flags,
        "got {got:x?} {:?}, expected {result:x?} {flags:?}, FPCR {fpcr:#x}",
        env.flags
    );
}

type Binary = fn(&mut FpEnv, u32, u32) -> u32;

#[track_caller]
fn binary(op: Binary, fpcr: u64, a: u32, b: u32, result: u32, flags: Flags) {
    expect(fpcr, |e| op(e, a, b), result, flags);
}

#[test]
fn two_nans_signalling_first_then_first() {
    let add: Binary = sf::add::<F32>;
    binary(add, 0, QNAN, QNAN2, QNAN, NONE);
    binary(add, 0, QNAN2, QNAN, QNAN2, NONE);
    binary(add, 0, QNAN, SNAN, SNAN_QUIET, IOC);
    binary(add, 0, SNAN2, SNAN, SNAN2_QUIET, IOC);
    binary(add, 0, ONE, QNAN2, QNAN2, NONE);
    binary(add, DN, ONE, QNAN2, DEFAULT_NAN, NONE);
    binary(add, DN, SNAN, ONE, DEFAULT_NAN, IOC);
    // Subtraction does not negate the NaN it returns; the Newton step negates its first operand.
    binary(sf::sub::<F32>, 0, ONE, QNAN, QNAN, NONE);
    binary(sf::recip_step::<F32>, 0, QNAN, ONE, QNAN ^ MINUS, NONE);
    binary(sf::recip_sqrt_step::<F32>, 0, ONE, QNAN, QNAN, NONE);
}

#[test]
fn three_nans_addend_first() {
    let fma = |a, b, c| move |e: &mut FpEnv| sf::mul_add::<F32>(e, a, b, c);
    expect(0, fma(QNAN, ONE, QNAN2), QNAN2, NONE);
    expect(0, fma(QNAN, QNAN2, ONE), QNAN, NONE);
    expect(0, fma(QNAN, SNAN, QNAN2), SNAN_QUIET, IOC);
    expect(0, fma(SNAN, ONE, SNAN2), SNAN2_QUIET, IOC);
    expect(0, fma(INF, 0, QNAN), DEFAULT_NAN, IOC);
    expect(0, fma(0, INF, SNAN), SNAN_QUIET, IOC);
    expect(0, fma(INF, 0, ONE), DEFAULT_NAN, IOC);
    expect(0, fma(INF, ONE, INF | MINUS), DEFAULT_NAN, IOC);
    expect(0, fma(INF, MINUS | ONE, INF | MINUS), INF | MINUS, NONE);
}

#[test]
fn invalid_operations_give_the_positive_default_nan() {
    binary(sf::add::<F32>, 0, INF, INF | MINUS, DEFAULT_NAN, IOC);
    binary(sf::sub::<F32>, 0, INF, INF, DEFAULT_NAN, IOC);
    binary(sf::mul::<F32>, 0, INF, MINUS, DEFAULT_NAN, IOC);
    binary(sf::div::<F32>, 0, 0, MINUS, DEFAULT_NAN, IOC);
    binary(sf::div::<F32>, 0, INF, INF, DEFAULT_NAN, IOC);
    binary(sf::div::<F32>, 0, ONE, MINUS, INF | MINUS, DZC);
    binary(sf::div::<F32>, 0, INF, 0, INF, NONE);
    expect(0, |e| sf::sqrt::<F32>(e, ONE | MINUS), DEFAULT_NAN, IOC);
    expect(0, |e| sf::sqrt::<F32>(e, MINUS), MINUS, NONE);
}

#[test]
fn cancelled_zero_is_negative_only_when_rounding_down() {
    for (fpcr, zero) in [(0, 0), (UP, 0), (TOWARDS_ZERO, 0), (DOWN, MINUS)] {
        binary(sf::sub::<F32>, fpcr, ONE, ONE, zero, NONE);
        binary(sf::add::<F32>, fpcr, 0, MINUS, zero, NONE);
        binary(sf::add::<F32>, fpcr, MINUS, MINUS, MINUS, NONE);
        expect(fpcr, |e| sf::mul_add::<F32>(e, ONE, ONE, ONE | MINUS), zero, NONE);
        // 2 - 2 * 1
        binary(sf::recip_step::<F32>, fpcr, TWO, ONE, zero, NONE);
    }
}

#[test]
fn overflow_goes_by_rounding() {
    let cases = [(0, INF), (UP, INF), (DOWN, MAX), (TOWARDS_ZERO, MAX)];
    for (fpcr, result) in cases {
        binary(sf::add::<F32>, fpcr, MAX, MAX, result, OFC | IXC);
    }
    binary(sf::add::<F32>, UP, MAX | MINUS, MAX | MINUS, MAX | MINUS, OFC | IXC);
    binary(sf::add::<F32>, DOWN, MAX | MINUS, MAX | MINUS, INF | MINUS, OFC | IXC);
    // Above the largest number, but not above it when rounded: inexact alone.
    binary(sf::add::<F32>, DOWN, MAX, 1, MAX, IXC);
}

#[test]
fn tininess_is_judged_before_rounding() {
    // Just under the smallest normal number and rounded up to it.
    let (a, b) = (0x3f7f_ffff, 0x0080_0000);
    binary(sf::mul::<F32>, 0, a, b, MIN_NORMAL, UFC | IXC);
    let mut after = FpEnv { tininess_before_rounding: false, ..FpEnv::arm() };
    // With unbounded exponent (1 - 2^-24) * 2^-126 needs no rounding, so it is tiny either way.
    assert_eq!((sf::mul::<F32>(&mut after, a, b), after.flags), (MIN_NORMAL, UFC | IXC));
    // (1 + 2^-23) * (1 - 2^-23) * 2^-126 is rounded to 2^-126 already at full precision.
    let (a, b) = (0x3f80_0001, 0x007f_ffff);
    binary(sf::mul::<F32>, 0, a, b, MIN_NORMAL, UFC | IXC);
    after.flags = NONE;
    assert_eq!((sf::mul::<F32>(&mut after, a, b), after.flags), (MIN_NORMAL, IXC));
    // Exact subnormal results raise nothing.
    binary(sf::mul::<F32>, 0, MIN_NORMAL, 0x3f00_0000, MIN_NORMAL / 2, NONE);
}

#[test]
fn fz_flushes_inputs_and_outputs_of_singles_and_doubles() {
    binary(sf::add::<F32>, FZ, 1, ONE, ONE, IDC);
    binary(sf::add::<F32>, FZ, MINUS | 1, MINUS, MINUS, IDC);
    binary(sf::mul::<F32>, FZ, 1, INF, DEFAULT_NAN, IDC | IOC);
    binary(sf::div::<F32>, FZ, ONE, 1, INF, IDC | DZC);
    binary(sf::add::<F32>, FZ, 1, QNAN, QNAN, IDC);
    // Output: underflow without inexact, decided before rounding.
    binary(sf::mul::<F32>, FZ, MIN_NORMAL, 0x3f00_0000, 0, UFC);
    binary(sf::mul::<F32>, FZ, MIN_NORMAL | MINUS, 0x3f7f_ffff, MINUS, UFC);
    binary(sf::sub::<F32>, FZ, MIN_NORMAL + 1, MIN_NORMAL, 0, UFC);
    expect(FZ, |e| sf::add::<F64>(e, 1, 2), 0, IDC);
    expect(FZ, |e| sf::to_int::<F32>(e, 1, IntType::I32, 0, Rounding::Up), 0, IDC);
    expect(FZ, |e| sf::round_to_int::<F32>(e, 1, Rounding::Up, true), 0, IDC);
    expect(FZ, |e| sf::compare::<F32>(e, 1, 0, false), Relation::Equal, IDC);
    // Half precision is not concerned.
    expect(FZ, |e| sf::add::<F16>(e, 1, 1), 2, NONE);
}

#[test]
fn fz16_flushes_halves_without_the_input_flag() {
    expect(FZ16, |e| sf::add::<F16>(e, 1, 1), 0, NONE);
    expect(FZ16, |e| sf::mul::<F16>(e, 0x0400, 0x3800), 0, UFC);
    binary(sf::add::<F32>, FZ16, 1, 1, 2, NONE);
    // Conversions between formats ignore FZ16 on both sides and heed FZ on the wider side.
    expect(FZ16, |e| sf::convert::<F16, F32>(e, 1, Rounding::NearestEven), 0x3380_0000, NONE);
    expect(FZ16, |e| sf::convert::<F32, F16>(e, 0x3380_0000, Rounding::NearestEven), 1, NONE);
    expect(FZ, |e| sf::convert::<F64, F32>(e, 0x36a0_0000_0000_0000, Rounding::NearestEven), 0, UFC);
    expect(FZ, |e| sf::convert::<F32, F64>(e, MINUS | 1, Rounding::NearestEven), 1 << 63, IDC);
    expect(FZ, |e| sf::convert::<F32, Bf16>(e, 1, Rounding::NearestEven), 0, IDC);
}

#[test]
fn max_and_min_order_zeros_and_propagate_nans() {
    binary(sf::max::<F32>, 0, MINUS, 0, 0, NONE);
    binary(sf::max::<F32>, 0, 0, MINUS, 0, NONE);
    binary(sf::min::<F32>, 0, 0, MINUS, MINUS, NONE);
    binary(sf::max::<F32>, 0, MINUS | ONE, MINUS, MINUS, NONE);
    binary(sf::max::<F32>, 0, ONE, QNAN, QNAN, NONE);
    binary(sf::min::<F32>, 0, SNAN, QNAN, SNAN_QUIET, IOC);
    binary(sf::max::<F32>, 0, INF | MINUS, MINUS | MAX, MINUS | MAX, NONE);
    binary(sf::max::<F32>, FZ, 1, 2, 0, IDC);
}

#[test]
fn max_num_and_min_num_prefer_numbers_to_quiet_nans() {
    for op in [sf::max_num::<F32> as Binary, sf::min_num::<F32>] {
        binary(op, 0, ONE, QNAN, ONE, NONE);
        binary(op, 0, QNAN, ONE, ONE, NONE);
        binary(op, DN, QNAN, ONE, ONE, NONE);
        binary(op, 0, QNAN, QNAN2, QNAN, NONE);
        binary(op, 0, ONE, SNAN, SNAN_QUIET, IOC);
        binary(op, 0, QNAN, SNAN, SNAN_QUIET, IOC);
        binary(op, 0, INF, QNAN, INF, NONE);
        binary(op, 0, QNAN, INF | MINUS, INF | MINUS, NONE);
    }
    binary(sf::max_num::<F32>, 0, QNAN, MINUS, MINUS, NONE);
    binary(sf::min_num::<F32>, 0, QNAN, 0, 0, NONE);
}

#[test]
fn extended_multiply_and_newton_steps_at_zero_times_infinity() {
    let (three_halves, minus_two) = (0x3fc0_0000, TWO | MINUS);
    binary(sf::mul_extended::<F32>, 0, 0, INF, TWO, NONE);
    binary(sf::mul_extended::<F32>, 0, MINUS, INF, minus_two, NONE);
    binary(sf::mul_extended::<F32>, 0, MINUS, INF | MINUS, TWO, NONE);
    binary(sf::mul_extended::<F32>, 0, TWO, ONE, TWO, NONE);
    binary(sf::recip_step::<F32>, 0, INF, MINUS, TWO, NONE);
    binary(sf::recip_sqrt_step::<F32>, 0, 0, INF, three_halves, NONE);
    binary(sf::recip_step::<F32>, 0, INF, ONE, INF | MINUS, NONE);
    binary(sf::recip_step::<F32>, 0, ONE, ONE, ONE, NONE);
    binary(sf::recip_sqrt_step::<F32>, 0, ONE, ONE, ONE, NONE);
    // 2 - (1 + 2^-23)^2 = 1 - 2^-22 - 2^-46, fused: rounded once, to nearest.
    binary(sf::recip_step::<F32>, 0, ONE + 1, ONE + 1, 0x3f7f_fffc, IXC);
    binary(sf::recip_step::<F32>, DOWN, ONE + 1, ONE + 1, 0x3f7f_fffb, IXC);
}

#[test]
fn comparison_flags() {
    let compare = |a, b, signalling| move |e: &mut FpEnv| sf::compare::<F32>(e, a, b, signalling);
    expect(0, compare(0, MINUS, true), Relation::Equal, NONE);
    expect(0, compare(QNAN, ONE, false), Relation::Unordered, NONE);
    expect(0, compare(QNAN, ONE, true), Relation::Unordered, IOC);
    expect(0, compare(ONE, SNAN, false), Relation::Unordered, IOC);
    expect(0, compare(INF | MINUS, MAX | MINUS, false), Relation::Less, NONE);
    expect(0, compare(MINUS | 2, MINUS | 1, false), Relation::Less, NONE);
}

#[test]
fn conversion_keeps_the_top_of_a_payload() {
    let near = Rounding::NearestEven;
    let (wide, narrow) = (0xfff8_0000_2000_0001, 0xffc0_0001);
    expect(0, |e| sf::convert::<F64, F32>(e, wide, near), narrow, NONE);
    expect(0, |e| sf::convert::<F32, F64>(e, SNAN, near), 0xfff8_0006_6000_0000, IOC);
    expect(DN, |e| sf::convert::<F32, F64>(e, QNAN2, near), 0x7ff8_0000_0000_0000, NONE);
    expect(0, |e| sf::convert::<F32, F16>(e, 0x7fc0_2000, near), 0x7e01, NONE);
    expect(0, |e| sf::convert::<F32, Bf16>(e, SNAN, near), 0xffc0, IOC);
}

#[test]
fn alternative_half_has_no_special_values() {
    let near = Rounding::NearestEven;
    let to_alt = |a: u32| move |e: &mut FpEnv| sf::convert::<F32, F16Alt>(e, a, near);
    expect(AHP, to_alt(QNAN2), 0x8000, IOC);
    expect(AHP, to_alt(INF | MINUS), 0xffff, IOC);
    expect(AHP, to_alt(0x47ff_e000), 0x7fff, NONE); // 131008, the largest
    expect(AHP, to_alt(0x4800_0000), 0x7fff, IOC); // 131072 overflows, and is not inexact
    expect(AHP, |e| sf::convert::<F16Alt, F32>(e, 0x7c00, near), 0x4780_0000, NONE);
    assert!(FpEnv::from_fpcr(AHP).alternative_half);
}

#[test]
fn round_to_odd_never_rounds_up_and_marks_inexact() {
    let odd = |a: u64| move |e: &mut FpEnv| sf::convert::<F64, F32>(e, a, Rounding::Odd);
    expect(0, odd(0x3ff0_0000_0000_0001), 0x3f80_0001, IXC);
    expect(0, odd(0x3ff0_0000_3fff_ffff), 0x3f80_0001, IXC);
    expect(0, odd(0x3ff0_0000_2000_0000), 0x3f80_0001, NONE);
    expect(0, odd(0x7fef_ffff_ffff_ffff), MAX, OFC | IXC);
    expect(0, odd(1), 1, UFC | IXC);
}

#[test]
fn to_integer_saturates_and_gives_zero_for_nan() {
    let to = |a: u32, to: IntType, r| move |e: &mut FpEnv| sf::to_int::<F32>(e, a, to, 0, r);
    expect(0, to(QNAN, IntType::I32, Rounding::Zero), 0, IOC);
    expect(0, to(INF, IntType::I32, Rounding::Zero), 0x7fff_ffff, IOC);
    expect(0, to(INF | MINUS, IntType::I64, Rounding::Zero), 1 << 63, IOC);
    expect(0, to(0xcf00_0000, IntType::I32, Rounding::Zero), 0x8000_0000, NONE); // -2^31
    expect(0, to(0xbf00_0000, IntType::U32, Rounding::Zero), 0, IXC); // -0.5
    expect(0, to(0xbf80_0000, IntType::U32, Rounding::Zero), 0, IOC); // -1
    expect(0, to(0xbf00_0001, IntType::U32, Rounding::NearestEven), 0, IOC);
    expect(0, to(0x3fc0_0000, IntType::I32, Rounding::NearestEven), 2, IXC); // 1.5
    expect(0, to(0x4020_0000, IntType::I32, Rounding::NearestEven), 2, IXC); // 2.5
    expect(0, to(0x4020_0000, IntType::I32, Rounding::NearestAway), 3, IXC);
    expect(0, to(1, IntType::U64, Rounding::Up), 1, IXC);
    expect(0, |e| sf::to_int::<F16>(e, 0x7bff, IntType::I16, 0, Rounding::Zero), 0x7fff, IOC);
    expect(0, |e| sf::to_int::<F16>(e, 0x7bff, IntType::U16, 0, Rounding::Zero), 65504, NONE);
    // 1.75 with two fraction bits is 7.
    expect(0, |e| sf::to_int::<F32>(e, 0x3fe0_0000, IntType::U32, 2, Rounding::Zero), 7, NONE);
    expect(0, |e| sf::from_int::<F32>(e, 7, IntType::U32, 2, Rounding::Zero), 0x3fe0_0000, NONE);
    let tiny = |e: &mut FpEnv| sf::from_int::<F16>(e, 1 << 39, IntType::U64, 64, Rounding::NearestEven);
    expect(0, tiny, 0, UFC | IXC); // 2^-25, a tie
    expect(FZ16, tiny, 0, UFC);
    let checked = |e: &mut FpEnv| sf::to_int_checked::<F32>(e, QNAN, IntType::I32, 0, Rounding::Zero);
    expect(0, checked, Err(0), IOC);
}

#[test]
fn javascript_conversion_wraps_and_reports_exactness() {
    let js = |x: f64| move |e: &mut FpEnv| sf::to_i32_javascript(e, x.to_bits());
    expect(0, js(-3.0), (-3i32 as u32, true), NONE);
    expect(0, js(0.0), (0, true), NONE);
    expect(0, js(-0.0), (0, false), NONE);
    expect(0, js(-1.5), (-1i32 as u32, false), IXC);
    expect(0, js(4_294_967_301.0), (5, false), IOC);
    expect(0, js(-4_294_967_301.0), (-5i32 as u32, false), IOC);
    expect(0, js(4_294_967_301.5), (5, false), IOC);
    expect(0, js(2_147_483_648.0), (1 << 31, false), IOC);
    expect(0, js(-2_147_483_648.0), (1 << 31, true), NONE);
    // 3 * 2^62: bits 62 and 63 only; (2^52 + 1) * 2^31: the low word keeps bit 31; 2^84 has none.
    expect(0, js(3.0 * 2f64.powi(62)), (0, false), IOC);
    expect(0, js((2f64.powi(52) + 1.0) * 2f64.powi(31)), (1 << 31, false), IOC);
    expect(0, js(2f64.powi(84)), (0, false), IOC);
    expect(0, js(f64::INFINITY), (0, false), IOC);
    expect(0, |e| sf::to_i32_javascript(e, 1), (0, false), IXC);
    expect(FZ, |e| sf::to_i32_javascript(e, 1), (0, false), IDC);
}

#[test]
fn rounding_to_integer() {
    let round = |a: u32, r, exact| move |e: &mut FpEnv| sf::round_to_int::<F32>(e, a, r, exact);
    expect(0, round(0x3f00_0000, Rounding::NearestEven, true), 0, IXC);
    expect(0, round(0x3f00_0000, Rounding::NearestAway, false), ONE, NONE);
    expect(0, round(0xbf00_0000, Rounding::NearestEven, false), MINUS, NONE);
    expect(0, round(0xbfc0_0000, Rounding::NearestEven, false), 0xc000_0000, NONE);
    expect(0, round(1, Rounding::Up, true), ONE, IXC);
    expect(0, round(SNAN, Rounding::Up, true), SNAN_QUIET, IOC);
    expect(0, round(INF, Rounding::Up, true), INF, NONE);
    expect(0, round(0x4b00_0001, Rounding::Up, true), 0x4b00_0001, NONE);
    let sized = |a: u32, bits| move |e: &mut FpEnv| sf::round_to_int_sized::<F32>(e, a, Rounding::Zero, bits);
    expect(0, sized(0x3fc0_0000, 32), ONE, IXC);
    expect(0, sized(0x4f00_0000, 32), 0xcf00_0000, IOC); // 2^31
    expect(0, sized(0xcf00_0000, 32), 0xcf00_0000, NONE); // -2^31
    expect(0, sized(0x4f00_0000, 64), 0x4f00_0000, NONE);
    expect(0, sized(QNAN, 64), 0xdf00_0000, IOC);
    expect(0, sized(0xbf00_0000, 64), MINUS, IXC);
}

#[test]
fn widening_multiply_add_rounds_once_and_widens_nans() {
    let fmlal = |a, b, c| move |e: &mut FpEnv| sf::mul_add_widening::<F16, F32>(e, a, b, c);
    expect(0, fmlal(0x3c00, 0x4000, ONE), 0x4040_0000, NONE); // 1 * 2 + 1
    expect(0, fmlal(0x0001, 0x0001, 0), 0x2780_0000, NONE); // 2^-48, normal in single precision
    expect(FZ16, fmlal(0x0001, 0x3c00, ONE), ONE, NONE);
    expect(0, fmlal(0xfe01, 0x3c00, ONE), 0xffc0_2000, NONE);
    expect(0, fmlal(0x7d01, 0x3c00, QNAN), 0x7fe0_2000, IOC);
    expect(0, fmlal(0x7c00, 0x0000, QNAN), DEFAULT_NAN, IOC);
}
