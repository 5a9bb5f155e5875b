//! Nanoseconds an operation, waiting for the one before or for its operand from memory, on the fast
//! and on the exact path:
//! `cargo run --release -p brolga-softfloat --example speed`.

use brolga_softfloat::{self as sf, F32, F64, Flags, FpEnv, IntType, Rounding, fast};
use std::hint::black_box;
use std::time::Instant;

fn time(name: &str, mut op: impl FnMut(&mut FpEnv, u64) -> u64) {
    for flags in [Flags::NONE, Flags::INEXACT] {
        const COUNT: u32 = 5_000_000;
        let mut env = FpEnv { flags, ..FpEnv::arm() };
        let mut x = 1.5f64.to_bits();
        let start = Instant::now();
        for _ in 0..COUNT {
            env.flags = flags;
            x = black_box(op(black_box(&mut env), x));
        }
        let each = start.elapsed().as_secs_f64() * 1e9 / f64::from(COUNT);
        let state = if flags == Flags::NONE { "inexact clear" } else { "inexact set" };
        println!("{name:<28} {state:<14} {each:6.2} ns");
    }
}

fn main() {
    let b = black_box(1.000_000_1f64.to_bits());
    let c = black_box(1e-3f64.to_bits());
    let near = Rounding::NearestEven;
    time("fast add", |e, x| fast::add::<F64>(e, x, c));
    time("fast mul", |e, x| fast::mul::<F64>(e, x, b));
    time("fast div", |e, x| fast::div::<F64>(e, x, b));
    time("fast sqrt", fast::sqrt::<F64>);
    time("fast mul_add", |e, x| fast::mul_add::<F64>(e, x, b, c));
    let (b32, c32) = (black_box(1.000_1f32.to_bits()), black_box(1e-3f32.to_bits()));
    time("fast f32 add", |e, _| fast::add::<F32>(e, black_box(b32), c32).into());
    time("fast f32 mul_add", |e, _| fast::mul_add::<F32>(e, black_box(b32), b32, c32).into());
    time("fast compare", |e, x| fast::compare::<F64>(e, x, c, false) as u64 + x);
    time("fast to_int", |e, _| fast::to_int::<F64>(e, black_box(b), IntType::I64, 0, Rounding::Zero));
    time("fast from_int", |e, _| fast::from_int::<F64>(e, black_box(b), IntType::I64, near));
    time("fast f64_to_f32", |e, _| fast::f64_to_f32(e, black_box(b), near).into());
    time("fast round_to_int", |e, _| fast::round_to_int::<F64>(e, black_box(b), Rounding::Down, false));
    time("exact add", |e, x| sf::add::<F64>(e, x, c));
    time("exact mul", |e, x| sf::mul::<F64>(e, x, b));
    time("exact div", |e, x| sf::div::<F64>(e, x, b));
    time("exact sqrt", sf::sqrt::<F64>);
    time("exact mul_add", |e, x| sf::mul_add::<F64>(e, x, b, c));
    time("exact compare", |e, x| sf::compare::<F64>(e, x, c, false) as u64 + x);
    time("exact max", |e, x| sf::max::<F64>(e, x, c));
    time("exact to_int", |e, _| sf::to_int::<F64>(e, black_box(b), IntType::I64, 0, Rounding::Zero));
    time("exact from_int", |e, _| sf::from_int::<F64>(e, black_box(b), IntType::I64, 0, near));
    time("exact f64_to_f32", |e, _| sf::convert::<F64, F32>(e, black_box(b), near).into());
}
