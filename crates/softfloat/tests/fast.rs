//! The host-arithmetic layer equals the exact path in result and flags, whatever the environment.

mod common;

use brolga_softfloat::fast::{self, HostFormat};
use brolga_softfloat::{self as sf, F32, F64, Flags, FpEnv, IntType, Rounding, Word};
use common::{Random, boundary, rounds};
use std::fmt::Arguments;

const ALL_ROUNDINGS: [Rounding; 6] =
    [Rounding::NearestEven, Rounding::Up, Rounding::Down, Rounding::Zero, Rounding::NearestAway, Rounding::Odd];

/// Environments that differ in every switch, each with inexact clear and set.
fn environments() -> Vec<FpEnv> {
    let mut all = Vec::new();
    for base in [FpEnv::arm(), FpEnv::x86_sse(), FpEnv::from_fpcr(1 << 24), FpEnv::from_fpcr(3 << 24)] {
        for flags in [Flags::NONE, Flags::INEXACT] {
            all.push(FpEnv { flags, ..base });
        }
    }
    let flushing = FpEnv { flush_inputs: true, flush_outputs: true, ..FpEnv::x86_sse() };
    all.push(flushing);
    all.extend(ALL_ROUNDINGS[1..].iter().map(|&rounding| FpEnv { rounding, ..FpEnv::arm() }));
    all
}

fn same<R: PartialEq + std::fmt::Debug>(
    what: Arguments<'_>,
    env: &FpEnv,
    fast: impl Fn(&mut FpEnv) -> R,
    exact: impl Fn(&mut FpEnv) -> R,
) {
    let (mut fast_env, mut exact_env) = (*env, *env);
    let (got, expected) = (fast(&mut fast_env), exact(&mut exact_env));
    let equal = got == expected && fast_env == exact_env;
    assert!(equal, "{what}: fast {got:x?} {:?}, exact {expected:x?} {:?} in {env:?}", fast_env.flags, exact_env.flags);
}

fn operations<F: HostFormat>(env: &FpEnv, a: F::Bits, b: F::Bits, c: F::Bits) {
    same(format_args!("{a:x?} + {b:x?}"), env, |e| fast::add::<F>(e, a, b), |e| sf::add::<F>(e, a, b));
    same(format_args!("{a:x?} - {b:x?}"), env, |e| fast::sub::<F>(e, a, b), |e| sf::sub::<F>(e, a, b));
    same(format_args!("{a:x?} * {b:x?}"), env, |e| fast::mul::<F>(e, a, b), |e| sf::mul::<F>(e, a, b));
    same(format_args!("{a:x?} / {b:x?}"), env, |e| fast::div::<F>(e, a, b), |e| sf::div::<F>(e, a, b));
    same(format_args!("root {a:x?}"), env, |e| fast::sqrt::<F>(e, a), |e| sf::sqrt::<F>(e, a));
    same(
        format_args!("{a:x?} * {b:x?} + {c:x?}"),
        env,
        |e| fast::mul_add::<F>(e, a, b, c),
        |e| sf::mul_add::<F>(e, a, b, c),
    );
    for signalling in [false, true] {
        let fast = |e: &mut FpEnv| fast::compare::<F>(e, a, b, signalling);
        same(format_args!("{a:x?} <=> {b:x?}"), env, fast, |e| sf::compare::<F>(e, a, b, signalling));
    }
}

/// Operands whose results are often exact: few significant bits, exponents close together.
fn short<F: HostFormat>(random: &mut Random) -> F::Bits {
    let field = F::BIAS as u128 - 3 + u128::from(random.below(7));
    let keep = random.below(u64::from(F::FRAC_BITS) / 2 + 3) as u32;
    let fraction = u128::from(random.next()) & F::FRAC_MASK & !(F::FRAC_MASK >> keep);
    F::Bits::narrow(field << F::FRAC_BITS | fraction | if random.below(2) == 0 { 0 } else { F::SIGN_BIT })
}

fn fast_equals_exact<F: HostFormat>() {
    let environments = environments();
    let edges = boundary::<F>();
    for (i, &a) in edges.iter().enumerate() {
        for (j, &b) in edges.iter().enumerate() {
            let env = &environments[(i + j) % environments.len()];
            operations::<F>(env, a, b, edges[(i * 5 + j * 3) % edges.len()]);
            operations::<F>(&FpEnv::arm(), a, b, edges[(i * 3 + j * 5) % edges.len()]);
        }
    }
    let mut random = Random(0x5eed_0011);
    for i in 0..rounds(60_000, 1_000_000) {
        let env = &environments[i % environments.len()];
        let (a, b, c) = (random.operand::<F>(), random.operand::<F>(), random.operand::<F>());
        operations::<F>(env, a, b, c);
        let (a, b, c) = (short::<F>(&mut random), short::<F>(&mut random), short::<F>(&mut random));
        operations::<F>(&environments[i % 8], a, b, c);
        let square = sf::mul::<F>(&mut FpEnv::arm(), a, a);
        operations::<F>(&FpEnv::arm(), square, a, b);
    }
}

#[test]
fn f32_fast_equals_exact() {
    fast_equals_exact::<F32>();
}

#[test]
fn f64_fast_equals_exact() {
    fast_equals_exact::<F64>();
}

const INT_TYPES: [IntType; 6] = [IntType::I16, IntType::U16, IntType::I32, IntType::U32, IntType::I64, IntType::U64];

fn integers<F: HostFormat>() {
    let environments = environments();
    let mut random = Random(0x5eed_0012);
    let mut operands = boundary::<F>();
    for _ in 0..rounds(20_000, 500_000) {
        operands.push(random.operand::<F>());
        operands.push(short::<F>(&mut random));
    }
    for (i, &a) in operands.iter().enumerate() {
        let env = &environments[i % environments.len()];
        for rounding in ALL_ROUNDINGS {
            let to = INT_TYPES[random.below(6) as usize];
            let fbits = [0, random.below(65) as u32][i % 2];
            let fast = |e: &mut FpEnv| fast::to_int::<F>(e, a, to, fbits, rounding);
            same(format_args!("{a:x?} to {to:?} fbits {fbits} {rounding:?}"), env, fast, |e| {
                sf::to_int::<F>(e, a, to, fbits, rounding)
            });
            let exact = i % 3 == 0;
            let fast = |e: &mut FpEnv| fast::round_to_int::<F>(e, a, rounding, exact);
            same(format_args!("{a:x?} to integer {rounding:?}"), env, fast, |e| {
                sf::round_to_int::<F>(e, a, rounding, exact)
            });
            let value = random.next() >> random.below(64) << random.below(20);
            let fast = |e: &mut FpEnv| fast::from_int::<F>(e, value, to, rounding);
            same(format_args!("{value:#x} from {to:?} {rounding:?}"), env, fast, |e| {
                sf::from_int::<F>(e, value, to, 0, rounding)
            });
        }
    }
}

#[test]
fn integer_conversions_fast_equals_exact() {
    integers::<F32>();
    integers::<F64>();
}

#[test]
fn format_conversions_fast_equals_exact() {
    let environments = environments();
    let mut random = Random(0x5eed_0013);
    let mut doubles = boundary::<F64>();
    let mut singles = boundary::<F32>();
    for _ in 0..rounds(30_000, 500_000) {
        singles.push(random.operand::<F32>());
        let wide = sf::convert::<F32, F64>(&mut FpEnv::arm(), random.operand::<F32>(), Rounding::NearestEven);
        doubles.extend([random.operand::<F64>(), short::<F64>(&mut random), wide, wide + random.below(3)]);
    }
    for (i, &a) in doubles.iter().enumerate() {
        let env = &environments[i % environments.len()];
        for rounding in ALL_ROUNDINGS {
            let exact = |e: &mut FpEnv| sf::convert::<F64, F32>(e, a, rounding);
            same(format_args!("{a:x} to single {rounding:?}"), env, |e| fast::f64_to_f32(e, a, rounding), exact);
        }
    }
    for (i, &a) in singles.iter().enumerate() {
        let env = &environments[i % environments.len()];
        let exact = |e: &mut FpEnv| sf::convert::<F32, F64>(e, a, Rounding::NearestEven);
        same(format_args!("{a:x} to double"), env, |e| fast::f32_to_f64(e, a), exact);
    }
}
