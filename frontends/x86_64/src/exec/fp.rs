//! SSE arithmetic on values: bits in, bits out, zero-extended, by MXCSR's rules. SDM vol. 1, "SSE and SSE2 floating-point
//! operations".

use crate::state::{MXCSR, MXCSR_FLAGS};
use brolga_core::Env;
use brolga_softfloat::fast::{self, HostFormat};
use brolga_softfloat::{F16, F32, F64, Flags, Format, FpEnv, IntType, Relation, Rounding, Word, to_int_checked};

/// The rounding of MXCSR.RC.
fn rounding(control: u64) -> Rounding {
    match control >> 13 & 3 {
        0 => Rounding::NearestEven,
        1 => Rounding::Down,
        2 => Rounding::Up,
        _ => Rounding::Zero,
    }
}

/// The rules of an MXCSR. FTZ counts only where underflow is masked.
fn rules(control: u64) -> FpEnv {
    let (daz, ftz) = (control >> 6 & 1 != 0, control >> 15 != 0 && control >> 7 & UNDERFLOW != 0);
    FpEnv { rounding: rounding(control), flush_inputs: daz, flush_outputs: ftz, ..FpEnv::x86_sse() }
}

/// MXCSR's flags IE DE ZE OE UE PE as the library's, and back: every place but that of DE is shifted by one.
fn to_library(flags: u64) -> Flags {
    Flags::from_bits((flags & 1 | flags >> 1 & 0x1e | (flags & 2) << 6) as u8)
}

fn from_library(flags: Flags) -> u64 {
    let f = u64::from(flags.bits());
    f & 1 | (f & 0x1e) << 1 | f >> 6 & 2
}

/// Runs `f` under the guest's MXCSR and adds the flags that it raised.
#[inline(always)]
fn with<R>(env: &mut Env, f: impl FnOnce(&mut FpEnv) -> R) -> R {
    let mut fp = rules(env.get(MXCSR));
    let result = f(&mut fp);
    let mut raised = from_library(fp.flags);
    if fp.flush_inputs {
        // Under DAZ a denormal operand raises nothing; SDM vol. 1, "Denormals-Are-Zeros".
        raised &= !2;
    }
    note(env, raised);
    result
}

/// Adds flags to MXCSR's, or to those of the instruction where not all exceptions are masked.
fn note(env: &mut Env, raised: u64) {
    let shift = if masks(env) == ALL { 0 } else { CURRENT };
    env.set(MXCSR_FLAGS, env.get(MXCSR_FLAGS) | raised << shift);
}

/// All exceptions, and those that an operation raises before it computes: invalid, denormal operand, division by zero.
const ALL: u64 = 0x3f;
const EARLY: u64 = 7;
const DENORMAL: u64 = 1 << 1;
const OVERFLOW: u64 = 1 << 3;
const UNDERFLOW: u64 = 1 << 4;
const INEXACT: u64 = 1 << 5;
/// Place of what the current step of the instruction has raised, nearly always its only one; and of those before.
const CURRENT: u32 = 8;
const DONE: u32 = 16;

/// Which exceptions are masked, in the places of their flags.
fn masks(env: &Env) -> u64 {
    env.get(MXCSR) >> 7 & ALL
}

/// Behind an instruction, where not all exceptions are masked: MXCSR gets its flags; 1 if it raised one that is not masked.
pub extern "C" fn end(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    next_step(env, 0, 0, 0);
    let row = env.get(MXCSR_FLAGS);
    let raised = row >> DONE & ALL;
    env.set(MXCSR_FLAGS, row & ALL | raised);
    (raised & ALL & !masks(env) != 0) as u64
}

/// Between steps of an instruction, and behind the last: what the step raised is done. What comes before computing and is not
/// masked keeps the rest of the step from happening.
pub extern "C" fn next_step(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    let row = env.get(MXCSR_FLAGS);
    let mut raised = row >> CURRENT & ALL;
    if raised & !masks(env) & EARLY != 0 {
        raised &= EARLY;
    }
    env.set(MXCSR_FLAGS, row & !(ALL << CURRENT) | raised << DONE);
    0
}

/// The result of `f`, whose flags are added as by [`with`]. A tiny one is an underflow that is not masked, even if it is exact.
/// Where an underflow or an overflow is not masked, the result is inexact if it would be with exponents without bounds, as
/// `unbounded` computes it with other exponents.
fn rounded<F: Format>(env: &mut Env, f: impl FnOnce(&mut FpEnv) -> F::Bits, unbounded: impl FnOnce(&mut FpEnv)) -> u64 {
    let open = !masks(env) & (UNDERFLOW | OVERFLOW);
    if open == 0 {
        return with(env, f).widen() as u64;
    }
    let mut fp = rules(env.get(MXCSR));
    let v = f(&mut fp).widen() as u64;
    let mut raised = from_library(fp.flags);
    if open & UNDERFLOW != 0 && v & F::INFINITY as u64 == 0 && v & !(F::SIGN_BIT as u64) != 0 {
        raised |= UNDERFLOW;
    }
    if raised & open != 0 {
        let mut again = rules(env.get(MXCSR));
        unbounded(&mut again);
        raised = raised & !INEXACT | from_library(again.flags) & INEXACT;
    }
    note(env, if fp.flush_inputs { raised & !DENORMAL } else { raised });
    v
}

/// A number's exponent, and the number with `exponent` in its place; numbers that are not finite and zeros as they are.
fn with_exponent<F: Format>(v: u64, exponent: i32) -> (i32, u64) {
    let (infinity, sign) = (F::INFINITY as u64, v & F::SIGN_BIT as u64);
    let (digits, bias) = (infinity.trailing_zeros(), (infinity >> infinity.trailing_zeros() >> 1) as i32);
    let magnitude = v & !(F::SIGN_BIT as u64);
    if magnitude == 0 || magnitude >= infinity {
        return (0, v);
    }
    let short = (digits + 1).saturating_sub(64 - magnitude.leading_zeros());
    let (own, fraction) = if magnitude >> digits == 0 {
        (1 - bias - short as i32, magnitude << short)
    } else {
        ((magnitude >> digits) as i32 - bias, magnitude)
    };
    (own, sign | fraction & ((1 << digits) - 1) | ((exponent + bias) as u64) << digits)
}

/// A number with another exponent than its own.
#[derive(Clone, Copy)]
struct Number {
    v: u64,
    exponent: i32,
}

impl Number {
    fn bits<F: Format>(self) -> F::Bits {
        // Far below the other one it only counts that there is something.
        let far = -3 * (F::INFINITY as u64).trailing_zeros() as i32;
        bits::<F>(with_exponent::<F>(self.v, self.exponent.max(far)).1)
    }
}

/// A number's exponent; far below all others for zero.
fn exponent<F: Format>(v: u64) -> i32 {
    if v & !(F::SIGN_BIT as u64) == 0 { -(1 << 20) } else { with_exponent::<F>(v, 0).0 }
}

/// The larger exponent becomes 0, the other keeps its distance.
fn near(numbers: [Number; 2]) -> [Number; 2] {
    let most = numbers[0].exponent.max(numbers[1].exponent);
    numbers.map(|n| Number { exponent: n.exponent - most, ..n })
}

/// Two numbers at their distance, around exponent 0.
fn nearby<F: Format>(values: [u64; 2]) -> [F::Bits; 2] {
    near(values.map(|v| Number { v, exponent: exponent::<F>(v) })).map(Number::bits::<F>)
}

/// The number with exponent 0, for operations whose rounding does not depend on exponents.
fn scaled<F: Format>(v: u64) -> F::Bits {
    bits::<F>(with_exponent::<F>(v, 0).1)
}

fn bits<F: Format>(value: u64) -> F::Bits {
    F::Bits::narrow(value.into())
}

macro_rules! two {
    ($($(#[doc = $doc:literal])* $name:ident $again:expr;)*) => {$(
        $(#[doc = $doc])*
        pub extern "C" fn $name<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
            let f = |fp: &mut FpEnv| fast::$name::<F>(fp, bits::<F>(a), bits::<F>(b));
            let again: fn(&mut FpEnv, u64, u64) = $again;
            rounded::<F>(env, f, |fp| again(fp, a, b))
        }
    )*};
}

two! {
    /// ADDSS and its like.
    add |fp, a, b| { let [a, b] = nearby::<F>([a, b]); fast::add::<F>(fp, a, b); };
    /// SUBSS and its like.
    sub |fp, a, b| { let [a, b] = nearby::<F>([a, b]); fast::sub::<F>(fp, a, b); };
    /// MULSS and its like.
    mul |fp, a, b| { fast::mul::<F>(fp, scaled::<F>(a), scaled::<F>(b)); };
    /// DIVSS and its like.
    div |fp, a, b| { fast::div::<F>(fp, scaled::<F>(a), scaled::<F>(b)); };
}

/// A sum within an instruction, unless one of its earlier steps raised what is not masked: then nothing.
pub extern "C" fn sum<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    let raised = env.get(MXCSR_FLAGS) >> DONE & ALL;
    if raised & !masks(env) != 0 { 0 } else { add::<F>(env, a, b, 0) }
}

/// SQRTSS and its like.
pub extern "C" fn sqrt<F: HostFormat>(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, |fp| fast::sqrt::<F>(fp, bits::<F>(a))).widen() as u64
}

fn relation<F: HostFormat>(env: &mut Env, a: u64, b: u64, signalling: bool) -> Relation {
    with(env, |fp| fast::compare::<F>(fp, bits::<F>(a), bits::<F>(b), signalling))
}

fn ones(c: bool) -> u64 {
    if c { u64::MAX } else { 0 }
}

/// Ones where equal; quiet.
pub extern "C" fn equal<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    ones(relation::<F>(env, a, b, false) == Relation::Equal)
}

/// Ones where greater or equal; any NaN is invalid.
pub extern "C" fn greater_equal<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    ones(matches!(relation::<F>(env, a, b, true), Relation::Equal | Relation::Greater))
}

/// Ones where greater; any NaN is invalid.
pub extern "C" fn greater<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    ones(relation::<F>(env, a, b, true) == Relation::Greater)
}

/// The operand that MINSS or MAXSS gives: `a` if it is `wanted`, else `b`, a zero of its sign for a denormal under DAZ.
fn chosen<F: HostFormat>(env: &mut Env, a: u64, b: u64, wanted: Relation) -> u64 {
    let v = if relation::<F>(env, a, b, true) == wanted { a } else { b };
    let (exponent, sign) = (F::INFINITY as u64, F::SIGN_BIT as u64);
    if env.get(MXCSR) >> 6 & 1 != 0 && v & exponent == 0 { v & sign } else { v }
}

/// MINSS and its like.
pub extern "C" fn smaller<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    chosen::<F>(env, a, b, Relation::Less)
}

/// MAXSS and its like.
pub extern "C" fn larger<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    chosen::<F>(env, a, b, Relation::Greater)
}

/// The relation as the IR has it in bits 31..28: less is N, equal Z and C, greater C, unordered C and V.
fn relation_bits(r: Relation) -> u64 {
    match r {
        Relation::Less => 8 << 28,
        Relation::Equal => 6 << 28,
        Relation::Greater => 2 << 28,
        Relation::Unordered => 3 << 28,
    }
}

/// UCOMISS, UCOMISD.
pub extern "C" fn compare<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    relation_bits(relation::<F>(env, a, b, false))
}

/// COMISS, COMISD: any NaN is invalid.
pub extern "C" fn compare_signalling<F: HostFormat>(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    relation_bits(relation::<F>(env, a, b, true))
}

/// To a signed integer: bit 0 of `how` for 64 bits, bit 1 to truncate. What does not fit gives the lowest number.
pub extern "C" fn to_int<F: HostFormat>(env: &mut Env, a: u64, how: u64, _: u64) -> u64 {
    let wide = how & 1 != 0;
    let to = if wide { IntType::I64 } else { IntType::I32 };
    with(env, |fp| {
        let rounding = if how & 2 != 0 { Rounding::Zero } else { fp.rounding };
        // A denormal operand is no exception of a conversion to integers.
        let noted = fp.flags;
        let result = to_int_checked::<F>(fp, bits::<F>(a), to, 0, rounding);
        let raised = from_library(fp.flags) & !2 | from_library(noted) & 2;
        fp.flags = to_library(raised);
        result.unwrap_or(if wide { 1 << 63 } else { 1 << 31 })
    })
}

/// From a signed integer of 64 bits, of 32 if `narrow` is not 0.
pub extern "C" fn from_int<F: HostFormat>(env: &mut Env, a: u64, narrow: u64, _: u64) -> u64 {
    let a = if narrow != 0 { i64::from(a as i32) as u64 } else { a };
    with(env, |fp| fast::from_int::<F>(fp, a, IntType::I64, fp.rounding)).widen() as u64
}

/// CVTSS2SD.
pub extern "C" fn to_double(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, |fp| fast::f32_to_f64(fp, a as u32))
}

/// CVTSD2SS.
pub extern "C" fn to_single(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    let convert = |fp: &mut FpEnv, a: u64| fast::f64_to_f32(fp, a, fp.rounding);
    rounded::<F32>(env, |fp| convert(fp, a) as u32, |fp| _ = convert(fp, scaled::<F64>(a)))
}

/// To an integer in the format. `how`: bits 1..0 a rounding as in MXCSR, bit 2 for MXCSR's own, bit 3 never inexact.
pub extern "C" fn round<F: HostFormat>(env: &mut Env, a: u64, how: u64, _: u64) -> u64 {
    with(env, |fp| {
        let rounding = if how & 4 != 0 { fp.rounding } else { rounding(how << 13) };
        let noted = fp.flags;
        let r = fast::round_to_int::<F>(fp, bits::<F>(a), rounding, how & 8 == 0);
        fp.flags = to_library(from_library(fp.flags) & !2 | from_library(noted) & 2);
        r.widen() as u64
    })
}

/// a * b + c, where `NEGATED` says whose signs are turned first: 1 the first one's, 2 the last one's. NaNs keep theirs.
pub extern "C" fn mul_add<F: HostFormat, const NEGATED: u32>(env: &mut Env, a: u64, b: u64, c: u64) -> u64 {
    let nan = |v: u64| v & !(F::SIGN_BIT as u64) > F::INFINITY as u64;
    let turned = |v: u64, bit: u32| if NEGATED & bit != 0 && !nan(v) { v ^ F::SIGN_BIT as u64 } else { v };
    let (a, c) = (turned(a, 1), turned(c, 2));
    rounded::<F>(
        env,
        |fp| fast::mul_add::<F>(fp, bits::<F>(a), bits::<F>(b), bits::<F>(c)),
        |fp| {
            // The product's exponent as that of one of its factors.
            let (ea, eb) = (exponent::<F>(a), exponent::<F>(b));
            let (product, addend) = (Number { v: b, exponent: ea + eb }, Number { v: c, exponent: exponent::<F>(c) });
            let [b, c] = near([product, addend]).map(Number::bits::<F>);
            fast::mul_add::<F>(fp, scaled::<F>(a), b, c);
        },
    )
}

/// VCVTPH2PS: denormals are numbers whatever MXCSR says, and raise nothing.
pub extern "C" fn half_to_single(env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    with(env, |fp| {
        let noted = fp.flags;
        fp.flush_outputs = false;
        let r = brolga_softfloat::convert::<F16, F32>(fp, a as u16, Rounding::NearestEven);
        fp.flags = to_library(from_library(fp.flags) & !2 | from_library(noted) & 2);
        r
    })
    .into()
}

/// VCVTPS2PH. `how`: bits 1..0 a rounding as in MXCSR, bit 2 for MXCSR's own. Tiny results are never flushed.
pub extern "C" fn single_to_half(env: &mut Env, a: u64, how: u64, _: u64) -> u64 {
    let convert = |fp: &mut FpEnv, a: u32| {
        let rounding = if how & 4 != 0 { fp.rounding } else { rounding(how << 13) };
        fp.flush_outputs = false;
        brolga_softfloat::convert::<F32, F16>(fp, a, rounding)
    };
    rounded::<F16>(env, |fp| convert(fp, a as u32), |fp| _ = convert(fp, scaled::<F32>(a)))
}

/// The rules of estimates: denormals are zeros, nothing is raised.
fn estimate() -> FpEnv {
    FpEnv { flush_inputs: true, flush_outputs: true, ..FpEnv::x86_sse() }
}

/// RCPSS: the reciprocal. Processors give 12 bits of it; these are all.
pub extern "C" fn reciprocal(_env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    fast::div::<F32>(&mut estimate(), 1f32.to_bits(), a as u32).into()
}

/// RSQRTSS: the reciprocal of the root, likewise.
pub extern "C" fn reciprocal_root(_env: &mut Env, a: u64, _: u64, _: u64) -> u64 {
    let fp = &mut estimate();
    let wide = fast::f32_to_f64(fp, a as u32);
    let root = fast::sqrt::<F64>(fp, wide);
    let r = fast::div::<F64>(fp, 1f64.to_bits(), root);
    fast::f64_to_f32(fp, r, Rounding::NearestEven).into()
}
