//! Every rounding and flag against rustc_apfloat, an independent implementation.
//!
//! apfloat judges tininess after rounding to the subnormal grid, so underflow is derived here: the
//! exact value is tiny if rounding it towards zero gives less than the smallest normal number. Nor
//! does it report an overflow that ends in the largest finite number, so there the overflow flag is
//! left to the tests against the host processor.

mod common;

use brolga_softfloat as sf;
use brolga_softfloat::{Bf16, F16, F32, F64, Flags, Format, FpEnv, IntType, Rounding, Word, is_nan};
use common::{IEEE_ROUNDINGS, Random, boundary, rounds};
use rustc_apfloat::ieee::{BFloat, Double, Half, Single};
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd};

fn apfloat_round(rounding: Rounding) -> Round {
    match rounding {
        Rounding::NearestEven => Round::NearestTiesToEven,
        Rounding::Up => Round::TowardPositive,
        Rounding::Down => Round::TowardNegative,
        Rounding::Zero => Round::TowardZero,
        Rounding::NearestAway => Round::NearestTiesToAway,
        Rounding::Odd => unreachable!("apfloat has no round to odd"),
    }
}

fn env(rounding: Rounding) -> FpEnv {
    FpEnv { rounding, ..FpEnv::arm() }
}

/// Flags Arm raises for `status`, given the result of the same operation rounded towards zero.
fn arm_flags<F: Format>(status: Status, towards_zero: u128) -> Flags {
    let mut flags = Flags::NONE;
    let pairs = [
        (Status::INVALID_OP, Flags::INVALID),
        (Status::DIV_BY_ZERO, Flags::DIV_BY_ZERO),
        (Status::OVERFLOW, Flags::OVERFLOW),
        (Status::INEXACT, Flags::INEXACT),
    ];
    for (from, to) in pairs {
        if status.contains(from) {
            flags |= to;
        }
    }
    let magnitude = towards_zero & (F::SIGN_BIT - 1);
    if flags.contains(Flags::INEXACT) && magnitude >> F::FRAC_BITS == 0 {
        flags |= Flags::UNDERFLOW;
    }
    flags
}

/// Drops the overflow flag of a result that is the largest finite number.
fn comparable<F: Format>(result: F::Bits, flags: Flags) -> Flags {
    let saturated = sf::abs::<F>(result) == sf::max_finite::<F>(false);
    if saturated { Flags::from_bits(flags.bits() & !Flags::OVERFLOW.bits()) } else { flags }
}

/// Compares result and flags of one operation under every rounding.
fn check<F: Format, A: Float>(
    what: &str,
    ours: impl Fn(&mut FpEnv) -> F::Bits,
    theirs: impl Fn(Round) -> StatusAnd<A>,
) {
    let towards_zero = theirs(Round::TowardZero).value.to_bits();
    for rounding in IEEE_ROUNDINGS {
        let mut env = env(rounding);
        let got = ours(&mut env);
        let StatusAnd { status, value } = theirs(apfloat_round(rounding));
        let expected = F::Bits::narrow(value.to_bits());
        let flags = arm_flags::<F>(status, towards_zero);
        let same = got == expected || (is_nan::<F>(got) && is_nan::<F>(expected));
        assert!(
            same && comparable::<F>(got, env.flags) == flags,
            "{what} {rounding:?}: got {got:x?} {:?}, expected {expected:x?} {flags:?}",
            env.flags
        );
    }
}

fn binary<F: Format, A: Float>(a: F::Bits, b: F::Bits) {
    let (x, y) = (A::from_bits(a.widen()), A::from_bits(b.widen()));
    if sf::is_signalling_nan::<F>(a) || sf::is_signalling_nan::<F>(b) {
        return; // apfloat's signalling rules differ by operation; Arm's are tested by hand
    }
    check::<F, A>(&format!("{a:x?} + {b:x?}"), |e| sf::add::<F>(e, a, b), |r| x.add_r(y, r));
    check::<F, A>(&format!("{a:x?} - {b:x?}"), |e| sf::sub::<F>(e, a, b), |r| x.sub_r(y, r));
    check::<F, A>(&format!("{a:x?} * {b:x?}"), |e| sf::mul::<F>(e, a, b), |r| x.mul_r(y, r));
    check::<F, A>(&format!("{a:x?} / {b:x?}"), |e| sf::div::<F>(e, a, b), |r| x.div_r(y, r));
    let order = sf::compare::<F>(&mut FpEnv::arm(), a, b, false);
    let expected = x.partial_cmp(&y).map_or(sf::Relation::Unordered, sf::Relation::from);
    assert_eq!(order, expected, "{a:x?} <=> {b:x?}");
}

fn fused<F: Format, A: Float>(a: F::Bits, b: F::Bits, c: F::Bits) {
    if [a, b, c].iter().any(|&x| is_nan::<F>(x)) {
        return;
    }
    let (x, y, z) = (A::from_bits(a.widen()), A::from_bits(b.widen()), A::from_bits(c.widen()));
    let what = format!("{a:x?} * {b:x?} + {c:x?}");
    check::<F, A>(&what, |e| sf::mul_add::<F>(e, a, b, c), |r| x.mul_add_r(y, z, r));
}

fn arithmetic<F: Format, A: Float>() {
    let edges = boundary::<F>();
    for &a in &edges {
        for &b in &edges {
            binary::<F, A>(a, b);
        }
    }
    let mut random = Random(0x5eed_0001);
    for _ in 0..rounds(20_000, 400_000) {
        binary::<F, A>(random.operand::<F>(), random.operand::<F>());
        fused::<F, A>(random.operand::<F>(), random.operand::<F>(), random.operand::<F>());
    }
    // A product and an addend that nearly cancel.
    for _ in 0..rounds(10_000, 200_000) {
        let (a, b) = (random.operand::<F>(), random.operand::<F>());
        let near = sf::mul::<F>(&mut FpEnv::arm(), a, b).widen() ^ F::SIGN_BIT;
        let c = F::Bits::narrow(near.wrapping_add(u128::from(random.below(5))).wrapping_sub(2));
        fused::<F, A>(a, b, c);
    }
    for i in 0..edges.len() {
        for j in 0..edges.len() {
            let k = (i * 7 + j * 3) % edges.len();
            fused::<F, A>(edges[i], edges[j], edges[k]);
            fused::<F, A>(edges[i], edges[k], edges[j]);
        }
    }
}

#[test]
fn f16_arithmetic_matches_apfloat() {
    arithmetic::<F16, Half>();
}

#[test]
fn bf16_arithmetic_matches_apfloat() {
    arithmetic::<Bf16, BFloat>();
}

#[test]
fn f32_arithmetic_matches_apfloat() {
    arithmetic::<F32, Single>();
}

#[test]
fn f64_arithmetic_matches_apfloat() {
    arithmetic::<F64, Double>();
}

fn conversion<S: Format, D: Format, A, B>()
where
    A: Float + FloatConvert<B>,
    B: Float,
{
    let mut operands = boundary::<S>();
    let mut random = Random(0x5eed_0002);
    operands.extend((0..rounds(20_000, 400_000)).map(|_| random.operand::<S>()));
    for a in operands {
        if is_nan::<S>(a) {
            continue;
        }
        let x = A::from_bits(a.widen());
        let towards_zero = x.convert_r(Round::TowardZero, &mut false).value.to_bits();
        for rounding in IEEE_ROUNDINGS {
            let mut env = FpEnv::arm();
            let got = sf::convert::<S, D>(&mut env, a, rounding);
            let StatusAnd { status, value } = x.convert_r(apfloat_round(rounding), &mut false);
            let expected = (D::Bits::narrow(value.to_bits()), arm_flags::<D>(status, towards_zero));
            assert_eq!((got, comparable::<D>(got, env.flags)), expected, "convert {a:x?} {rounding:?}");
        }
        let mut env = FpEnv::arm();
        let odd = sf::convert::<S, D>(&mut env, a, Rounding::Odd).widen();
        let inexact = env.flags.contains(Flags::INEXACT) && !env.flags.contains(Flags::OVERFLOW);
        assert_eq!(odd, towards_zero | u128::from(inexact), "convert {a:x?} to odd");
    }
}

#[test]
fn conversions_match_apfloat() {
    conversion::<F16, F32, Half, Single>();
    conversion::<F16, F64, Half, Double>();
    conversion::<F32, F16, Single, Half>();
    conversion::<F32, Bf16, Single, BFloat>();
    conversion::<F32, F64, Single, Double>();
    conversion::<F64, F16, Double, Half>();
    conversion::<F64, F32, Double, Single>();
    conversion::<Bf16, F32, BFloat, Single>();
}

const INT_TYPES: [IntType; 6] = [IntType::I16, IntType::U16, IntType::I32, IntType::U32, IntType::I64, IntType::U64];

/// Multiplies by 2^`fbits`, exactly: apfloat's formats here are wide enough by way of doubles.
fn to_integers<F: Format, A: Float + FloatConvert<Double>>() {
    let mut operands = boundary::<F>();
    let mut random = Random(0x5eed_0003);
    operands.extend((0..rounds(10_000, 200_000)).map(|_| random.operand::<F>()));
    for a in operands {
        let x = A::from_bits(a.widen());
        let fbits = random.below(65) as u32;
        let wide: Double = x.convert(&mut false).value;
        for (scale, y) in [(0, wide), (fbits, wide.scalbn(fbits as i32))] {
            if scale != 0 && !(y.is_zero() || (y.is_normal() && y.get_exact_inverse().is_some()) || y.is_normal()) {
                continue; // scaling a subnormal double would need more care than it is worth
            }
            for to in INT_TYPES {
                for rounding in IEEE_ROUNDINGS {
                    one_to_integer::<F>(a, y, to, scale, rounding);
                }
            }
        }
    }
}

fn one_to_integer<F: Format>(a: F::Bits, scaled: Double, to: IntType, fbits: u32, rounding: Rounding) {
    let mut env = FpEnv::arm();
    let got = sf::to_int::<F>(&mut env, a, to, fbits, rounding);
    let round = apfloat_round(rounding);
    let (status, value) = if to.signed {
        let r = scaled.to_i128_r(to.bits as usize, round, &mut false);
        (r.status, r.value as u64)
    } else {
        let r = scaled.to_u128_r(to.bits as usize, round, &mut false);
        (r.status, r.value as u64)
    };
    let expected = if scaled.is_nan() { 0 } else { value & (u64::MAX >> (64 - to.bits)) };
    let mut flags = Flags::NONE;
    if status.contains(Status::INVALID_OP) {
        flags |= Flags::INVALID;
    } else if status.contains(Status::INEXACT) {
        flags |= Flags::INEXACT;
    }
    assert_eq!((got, env.flags), (expected, flags), "{a:x?} to {to:?} fbits {fbits} {rounding:?}");
}

#[test]
fn to_integers_match_apfloat() {
    to_integers::<F16, Half>();
    to_integers::<F32, Single>();
    to_integers::<F64, Double>();
}

fn from_integers<F: Format, A: Float>() {
    let mut values = vec![0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, (1 << 53) + 1, 65504, 65519, 65520];
    let mut random = Random(0x5eed_0004);
    values.extend((0..rounds(10_000, 200_000)).map(|_| random.next() >> random.below(64)));
    for value in values {
        for from in INT_TYPES {
            let low = value & (u64::MAX >> (64 - from.bits));
            let signed = (low << (64 - from.bits)) as i64 >> (64 - from.bits);
            let exact = if from.signed { i128::from(signed) } else { i128::from(low) };
            let what = format!("{value:#x} from {from:?}");
            let ours = |e: &mut FpEnv| {
                let rounding = e.rounding;
                sf::from_int::<F>(e, value, from, 0, rounding)
            };
            check::<F, A>(&what, ours, |r| A::from_i128_r(exact, r));
        }
    }
}

#[test]
fn from_integers_match_apfloat() {
    from_integers::<F16, Half>();
    from_integers::<F32, Single>();
    from_integers::<F64, Double>();
}
