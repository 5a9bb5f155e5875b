//! The x86 rules against the processor itself: every rounding, FTZ, DAZ, NaN choice and flag.
//!
//! This is also the one oracle here for roundings of the square root and for overflow flags.
#![cfg(target_arch = "x86_64")]
// Setting MXCSR around one instruction cannot be written in safe Rust.
#![allow(unsafe_code)]

mod common;

use brolga_softfloat as sf;
use brolga_softfloat::{F32, F64, Flags, Format, FpEnv, IntType, Relation, Rounding};
use common::{Random, boundary, rounds};
use std::arch::asm;

/// MXCSR with all exceptions masked and no flag raised.
const MASKED: u32 = 0x1f80;
const FTZ: u32 = 1 << 15;
const DAZ: u32 = 1 << 6;

/// The same environment twice: in our terms and as MXCSR control bits.
fn environments() -> Vec<(FpEnv, u32)> {
    let mut all = Vec::new();
    let roundings = [(Rounding::NearestEven, 0), (Rounding::Down, 1), (Rounding::Up, 2), (Rounding::Zero, 3)];
    for (rounding, field) in roundings {
        for (flush_outputs, ftz) in [(false, 0), (true, FTZ)] {
            for (flush_inputs, daz) in [(false, 0), (true, DAZ)] {
                let env = FpEnv { rounding, flush_inputs, flush_outputs, ..FpEnv::x86_sse() };
                all.push((env, MASKED | field << 13 | ftz | daz));
            }
        }
    }
    all
}

/// Flags of MXCSR in our terms.
fn flags(mxcsr: u32) -> Flags {
    let rows = [
        (0, Flags::INVALID),
        (1, Flags::INPUT_DENORMAL),
        (2, Flags::DIV_BY_ZERO),
        (3, Flags::OVERFLOW),
        (4, Flags::UNDERFLOW),
        (5, Flags::INEXACT),
    ];
    rows.iter().filter(|(bit, _)| mxcsr >> bit & 1 != 0).fold(Flags::NONE, |all, &(_, flag)| all | flag)
}

/// Defines a function that runs instructions on `{x}`, `{y}`, `{z}` (loaded from `a`, `b`, `c`) under a
/// given MXCSR and returns `{result}` and the flags.
macro_rules! instruction {
    ($name:ident, $($line:literal),+) => {
        fn $name(control: u32, a: u64, b: u64, c: u64) -> (u64, Flags) {
            let mut mxcsr = control;
            let mut saved = 0u32;
            let result: u64;
            // SAFETY: the instructions touch registers and balance the stack, all exceptions are
            // masked, and MXCSR is put back before the block ends.
            unsafe {
                asm!(
                    "stmxcsr [{saved}]", "ldmxcsr [{mxcsr}]",
                    "movq {x}, {a}", "movq {y}, {b}", "movq {z}, {c}",
                    $($line),+,
                    "stmxcsr [{mxcsr}]", "ldmxcsr [{saved}]",
                    saved = in(reg) &mut saved, mxcsr = in(reg) &mut mxcsr,
                    a = in(reg) a, b = in(reg) b, c = in(reg) c,
                    x = out(xmm_reg) _, y = out(xmm_reg) _, z = out(xmm_reg) _,
                    result = out(reg) result,
                );
            }
            (result, flags(mxcsr))
        }
    };
}

instruction!(addsd, "addsd {x}, {y}", "movq {result}, {x}");
instruction!(subsd, "subsd {x}, {y}", "movq {result}, {x}");
instruction!(mulsd, "mulsd {x}, {y}", "movq {result}, {x}");
instruction!(divsd, "divsd {x}, {y}", "movq {result}, {x}");
instruction!(sqrtsd, "sqrtsd {x}, {x}", "movq {result}, {x}");
instruction!(addss, "addss {x}, {y}", "movq {result}, {x}");
instruction!(subss, "subss {x}, {y}", "movq {result}, {x}");
instruction!(mulss, "mulss {x}, {y}", "movq {result}, {x}");
instruction!(divss, "divss {x}, {y}", "movq {result}, {x}");
instruction!(sqrtss, "sqrtss {x}, {x}", "movq {result}, {x}");
instruction!(fmadd_sd, "vfmadd213sd {x}, {y}, {z}", "movq {result}, {x}");
instruction!(fmadd_ss, "vfmadd213ss {x}, {y}, {z}", "movq {result}, {x}");
instruction!(cvtsd2ss, "cvtsd2ss {x}, {x}", "movq {result}, {x}");
instruction!(cvtss2sd, "cvtss2sd {x}, {x}", "movq {result}, {x}");
instruction!(cvtsd2si, "cvtsd2si {result}, {x}");
instruction!(cvttss2si, "cvttss2si {result}, {x}");
instruction!(cvtsi2sd, "cvtsi2sd {x}, {a}", "movq {result}, {x}");
instruction!(cvtsi2ss, "cvtsi2ss {x}, {a}", "movq {result}, {x}");
instruction!(comisd, "comisd {x}, {y}", "pushfq", "pop {result}");
instruction!(ucomiss, "ucomiss {x}, {y}", "pushfq", "pop {result}");

type Instruction = fn(u32, u64, u64, u64) -> (u64, Flags);

/// Runs an instruction and its model in every environment and compares `mask`ed result and flags.
fn check(
    name: &str,
    operands: [u64; 3],
    mask: u64,
    host: Instruction,
    ours: impl Fn(&mut FpEnv, u64, u64, u64) -> u64,
) {
    let [a, b, c] = operands;
    for (start, control) in environments() {
        let mut env = start;
        let got = ours(&mut env, a, b, c);
        let (expected, flags) = host(control, a, b, c);
        assert!(
            got & mask == expected & mask && env.flags == flags,
            "{name} {operands:x?} {start:?}: got {got:x} {:?}, expected {expected:x} {flags:?}",
            env.flags
        );
    }
}

const SINGLE: u64 = u32::MAX as u64;

fn doubles(x: [u64; 3]) {
    check("addsd", x, u64::MAX, addsd, |e, a, b, _| sf::add::<F64>(e, a, b));
    check("subsd", x, u64::MAX, subsd, |e, a, b, _| sf::sub::<F64>(e, a, b));
    check("mulsd", x, u64::MAX, mulsd, |e, a, b, _| sf::mul::<F64>(e, a, b));
    check("divsd", x, u64::MAX, divsd, |e, a, b, _| sf::div::<F64>(e, a, b));
    check("sqrtsd", x, u64::MAX, sqrtsd, |e, a, _, _| sf::sqrt::<F64>(e, a));
    check("cvtsd2ss", x, SINGLE, cvtsd2ss, |e, a, _, _| {
        let rounding = e.rounding;
        sf::convert::<F64, F32>(e, a, rounding).into()
    });
    check("cvtsd2si", x, u64::MAX, cvtsd2si, |e, a, _, _| {
        let rounding = e.rounding;
        sf::to_int_checked::<F64>(e, a, IntType::I64, 0, rounding).unwrap_or(1 << 63)
    });
    check("comisd", x, EFLAGS, comisd, |e, a, b, _| eflags(sf::compare::<F64>(e, a, b, true)));
    if is_x86_feature_detected!("fma") {
        // x = y * x + z: the first factor is the second operand.
        check("vfmadd213sd", x, u64::MAX, fmadd_sd, |e, a, b, c| sf::mul_add::<F64>(e, b, a, c));
    }
}

fn singles(x: [u32; 3]) {
    let x = x.map(u64::from);
    check("addss", x, SINGLE, addss, |e, a, b, _| sf::add::<F32>(e, a as u32, b as u32).into());
    check("subss", x, SINGLE, subss, |e, a, b, _| sf::sub::<F32>(e, a as u32, b as u32).into());
    check("mulss", x, SINGLE, mulss, |e, a, b, _| sf::mul::<F32>(e, a as u32, b as u32).into());
    check("divss", x, SINGLE, divss, |e, a, b, _| sf::div::<F32>(e, a as u32, b as u32).into());
    check("sqrtss", x, SINGLE, sqrtss, |e, a, _, _| sf::sqrt::<F32>(e, a as u32).into());
    check("cvtss2sd", x, u64::MAX, cvtss2sd, |e, a, _, _| sf::convert::<F32, F64>(e, a as u32, Rounding::NearestEven));
    check("cvttss2si", x, u64::MAX, cvttss2si, |e, a, _, _| {
        sf::to_int_checked::<F32>(e, a as u32, IntType::I64, 0, Rounding::Zero).unwrap_or(1 << 63)
    });
    let quiet = |e: &mut FpEnv, a, b, _| eflags(sf::compare::<F32>(e, a as u32, b as u32, false));
    check("ucomiss", x, EFLAGS, ucomiss, quiet);
    if is_x86_feature_detected!("fma") {
        check("vfmadd213ss", x, SINGLE, fmadd_ss, |e, a, b, c| {
            sf::mul_add::<F32>(e, b as u32, a as u32, c as u32).into()
        });
    }
}

/// ZF, PF and CF.
const EFLAGS: u64 = 1 << 6 | 1 << 2 | 1;

fn eflags(relation: Relation) -> u64 {
    match relation {
        Relation::Greater => 0,
        Relation::Less => 1,
        Relation::Equal => 1 << 6,
        Relation::Unordered => EFLAGS,
    }
}

fn edges<F: Format>(mut run: impl FnMut([F::Bits; 3])) {
    let edges = boundary::<F>();
    for (i, &a) in edges.iter().enumerate() {
        for (j, &b) in edges.iter().enumerate() {
            run([a, b, edges[(i * 5 + j * 3) % edges.len()]]);
        }
    }
    let mut random = Random(0x5eed_0021);
    for _ in 0..rounds(5_000, 100_000) {
        run([random.operand::<F>(), random.operand::<F>(), random.operand::<F>()]);
    }
}

#[test]
fn f64_x86_rules_match_host() {
    edges::<F64>(doubles);
}

#[test]
fn f32_x86_rules_match_host() {
    edges::<F32>(singles);
}

#[test]
fn from_int_x86_rules_match_host() {
    let mut random = Random(0x5eed_0022);
    for _ in 0..rounds(5_000, 100_000) {
        let x = [random.next() >> random.below(64) << random.below(20), 0, 0];
        check("cvtsi2sd", x, u64::MAX, cvtsi2sd, |e, a, _, _| {
            let rounding = e.rounding;
            sf::from_int::<F64>(e, a, IntType::I64, 0, rounding)
        });
        check("cvtsi2ss", x, SINGLE, cvtsi2ss, |e, a, _, _| {
            let rounding = e.rounding;
            sf::from_int::<F32>(e, a, IntType::I64, 0, rounding).into()
        });
    }
}

/// Infinities of both signs meet in a fused sum: that it is invalid comes before the denormal factor. SDM vol. 1, "SIMD
/// Floating-Point Exception Priority".
#[test]
fn an_invalid_sum_notes_no_denormal() {
    const INFINITY: u64 = 0x7ff << 52;
    const MINUS: u64 = 1 << 63;
    let mut env = FpEnv::x86_sse();
    sf::mul_add::<F64>(&mut env, 1, INFINITY, INFINITY | MINUS);
    assert_eq!(env.flags, Flags::INVALID);
    let mut env = FpEnv::x86_sse();
    assert_eq!(sf::mul_add::<F64>(&mut env, 1, INFINITY, INFINITY), INFINITY);
    assert_eq!(env.flags, Flags::INPUT_DENORMAL);
}
