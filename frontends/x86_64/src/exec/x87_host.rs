//! x87 arithmetic by the host's x87: the only arithmetic with its rounding, its precisions and its transcendental
//! functions. Hosts that have none do not announce x87, and the front end takes its instructions for undefined.
#![allow(unsafe_code, reason = "runs single x87 instructions of the host on operands in memory")]

#[cfg(target_arch = "x86_64")]
use std::arch::asm;

/// An 80-bit float in the low bits.
pub type F80 = u128;

/// Whether this host has x87.
pub const PRESENT: bool = cfg!(target_arch = "x86_64");
/// The bits of a value.
pub const MASK: F80 = (1 << 80) - 1;
/// The NaN of an invalid operation.
pub const INDEFINITE: F80 = 0xffff << 64 | 3 << 62;
/// Invalid operation, in the status word.
pub const INVALID: u64 = 1;
/// Stack fault, in the status word.
pub const STACK: u64 = 1 << 6;

/// Kinds of memory operands.
pub mod kind {
    /// 32-bit float.
    pub const F32: u64 = 0;
    /// 64-bit float.
    pub const F64: u64 = 1;
    /// 80-bit float.
    pub const F80: u64 = 2;
    /// 16-bit integer.
    pub const I16: u64 = 3;
    /// 32-bit integer.
    pub const I32: u64 = 4;
    /// 64-bit integer.
    pub const I64: u64 = 5;
    /// 18 decimal digits.
    pub const BCD: u64 = 6;
    /// Added to an integer's: towards zero (FISTTP).
    pub const TRUNCATE: u64 = 8;
}

/// Arithmetic operations of two operands.
pub mod op {
    /// a + b
    pub const ADD: u64 = 0;
    /// a * b
    pub const MUL: u64 = 1;
    /// a - b
    pub const SUB: u64 = 2;
    /// b - a
    pub const SUBR: u64 = 3;
    /// a / b
    pub const DIV: u64 = 4;
    /// b / a
    pub const DIVR: u64 = 5;
}

/// Functions of ST(0), or of ST(0) and ST(1).
pub mod f {
    /// Changes the sign.
    pub const CHS: u64 = 0;
    /// Clears the sign.
    pub const ABS: u64 = 1;
    /// Square root.
    pub const SQRT: u64 = 2;
    /// To an integer.
    pub const RNDINT: u64 = 3;
    /// 2^x - 1
    pub const F2XM1: u64 = 4;
    /// Sine.
    pub const SIN: u64 = 5;
    /// Cosine.
    pub const COS: u64 = 6;
    /// x * 2^y
    pub const SCALE: u64 = 7;
    /// Remainder, truncating.
    pub const PREM: u64 = 8;
    /// Remainder, to nearest.
    pub const PREM1: u64 = 9;
    /// y * log2 x
    pub const YL2X: u64 = 10;
    /// y * log2 (x + 1)
    pub const YL2XP1: u64 = 11;
    /// Arc tangent of y / x.
    pub const PATAN: u64 = 12;
    /// Tangent, then 1.
    pub const PTAN: u64 = 13;
    /// Sine, then cosine.
    pub const SINCOS: u64 = 14;
    /// Exponent, then significand.
    pub const XTRACT: u64 = 15;
    /// Comparison with 0.
    pub const TST: u64 = 16;
}

/// What a function does to the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The result replaces ST(0).
    Replace,
    /// The result replaces ST(1), and ST(0) goes.
    Pop,
    /// The second result replaces ST(0), the first one is pushed.
    Push,
    /// Condition codes only.
    Nothing,
}

/// What function `op` does to the stack.
pub fn effect(op: u64) -> Effect {
    match op {
        f::YL2X | f::YL2XP1 | f::PATAN => Effect::Pop,
        f::PTAN | f::SINCOS | f::XTRACT => Effect::Push,
        f::TST => Effect::Nothing,
        _ => Effect::Replace,
    }
}

/// Whether function `op` reads ST(1).
pub fn uses_two(op: u64) -> bool {
    (f::SCALE..=f::PATAN).contains(&op)
}

/// Whether function `op` sets C0, C2 and C3.
pub fn sets_codes(op: u64) -> bool {
    matches!(op, f::SIN | f::COS | f::PREM | f::PREM1 | f::PTAN | f::SINCOS | f::TST)
}

/// What a function gave.
pub struct Done {
    /// On top of the stack.
    pub first: F80,
    /// Below it.
    pub second: F80,
    /// Status word.
    pub status: u64,
}

/// Overflow and underflow: where they are not masked, results have other exponents, and nothing is stored.
const RANGE: u64 = 0x18;

/// Exceptions masked: they are the guest's affair. Those of the range change results, so they are as the guest has them.
fn masked(control: u64) -> u16 {
    control as u16 | 0x27
}

/// Runs one instruction with `$b` below `$a` on an otherwise empty stack; gives the two values on top and the status.
macro_rules! run {
    ($control:expr, $a:expr, $b:expr, $insn:literal) => {{
        let control: u64 = $control;
        if control & RANGE == RANGE {
            run!(control, $a, $b, $insn, "")
        } else {
            // Lest one that is not masked stops the stores behind.
            run!(control, $a, $b, $insn, "fnclex")
        }
    }};
    ($control:expr, $a:expr, $b:expr, $insn:literal, $clear:literal) => {{
        let (control, a, b) = (masked($control), $a as F80, $b as F80);
        let (mut first, mut second, mut status): (F80, F80, u16) = (0, 0, 0);
        // SAFETY: reads and writes the operands named, 10 bytes each; the x87 stack is empty before, as the calling
        // convention has it, and behind.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!(
                "fninit",
                "fldcw word ptr [{control}]",
                "fld tbyte ptr [{b}]",
                "fld tbyte ptr [{a}]",
                $insn,
                "fnstsw word ptr [{status}]",
                $clear,
                "fstp tbyte ptr [{first}]",
                "fstp tbyte ptr [{second}]",
                "fninit",
                control = in(reg) &raw const control,
                a = in(reg) &raw const a,
                b = in(reg) &raw const b,
                status = in(reg) &raw mut status,
                first = in(reg) &raw mut first,
                second = in(reg) &raw mut second,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
        }
        Done { first, second, status: u64::from(status) }
    }};
}

/// ST(0) `op` operand.
pub fn arith(op: u64, a: F80, b: F80, control: u64) -> (F80, u64) {
    let done = match op {
        op::ADD => run!(control, a, b, "fadd st, st(1)"),
        op::MUL => run!(control, a, b, "fmul st, st(1)"),
        op::SUB => run!(control, a, b, "fsub st, st(1)"),
        op::SUBR => run!(control, a, b, "fsubr st, st(1)"),
        op::DIV => run!(control, a, b, "fdiv st, st(1)"),
        _ => run!(control, a, b, "fdivr st, st(1)"),
    };
    (done.first, done.status)
}

/// A function of `a` in ST(0), and of `b` in ST(1).
pub fn function(op: u64, a: F80, b: F80, control: u64) -> Done {
    match op {
        f::CHS => run!(control, a, b, "fchs"),
        f::ABS => run!(control, a, b, "fabs"),
        f::SQRT => run!(control, a, b, "fsqrt"),
        f::RNDINT => run!(control, a, b, "frndint"),
        f::F2XM1 => run!(control, a, b, "f2xm1"),
        f::SIN => run!(control, a, b, "fsin"),
        f::COS => run!(control, a, b, "fcos"),
        f::SCALE => run!(control, a, b, "fscale"),
        f::PREM => run!(control, a, b, "fprem"),
        f::PREM1 => run!(control, a, b, "fprem1"),
        f::YL2X => run!(control, a, b, "fyl2x"),
        f::YL2XP1 => run!(control, a, b, "fyl2xp1"),
        f::PATAN => run!(control, a, b, "fpatan"),
        f::PTAN => run!(control, a, b, "fptan"),
        f::SINCOS => run!(control, a, b, "fsincos"),
        f::XTRACT => run!(control, a, b, "fxtract"),
        _ => run!(control, a, b, "ftst"),
    }
}

/// Status word of a comparison.
pub fn compare(a: F80, b: F80, quiet: bool) -> u64 {
    let done = if quiet { run!(0x37f, a, b, "fucom st(1)") } else { run!(0x37f, a, b, "fcom st(1)") };
    done.status
}

/// Status word of FXAM.
pub fn examine(a: F80) -> u64 {
    run!(0x37f, a, 0, "fxam").status
}

/// Constant `n` in the order of the encoding: 1, log2 10, log2 e, pi, log10 2, ln 2, 0.
pub fn constant(n: u64, control: u64) -> F80 {
    match n {
        0 => run!(control, 0, 0, "fld1").first,
        1 => run!(control, 0, 0, "fldl2t").first,
        2 => run!(control, 0, 0, "fldl2e").first,
        3 => run!(control, 0, 0, "fldpi").first,
        4 => run!(control, 0, 0, "fldlg2").first,
        5 => run!(control, 0, 0, "fldln2").first,
        _ => 0,
    }
}

/// Loads with `$load` from the bytes of a memory operand.
macro_rules! load {
    ($bytes:expr, $load:literal) => {{
        let bytes: [u8; 16] = $bytes;
        let (mut r, mut status): (F80, u16) = (0, 0);
        // SAFETY: reads at most 10 of the 16 bytes, writes 10 of `r` and the status; the x87 stack is empty before and
        // behind.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!(
                "fninit",
                $load,
                "fnstsw word ptr [{status}]",
                "fstp tbyte ptr [{r}]",
                "fninit",
                bytes = in(reg) bytes.as_ptr(),
                status = in(reg) &raw mut status,
                r = in(reg) &raw mut r,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
        }
        (r, u64::from(status))
    }};
}

/// A memory operand of a kind as a register's value, and the status word.
pub fn load(from: u64, low: u64, high: u64) -> (F80, u64) {
    let bytes = (low as u128 | (high as u128) << 64).to_le_bytes();
    match from {
        kind::F32 => load!(bytes, "fld dword ptr [{bytes}]"),
        kind::F64 => load!(bytes, "fld qword ptr [{bytes}]"),
        kind::I16 => load!(bytes, "fild word ptr [{bytes}]"),
        kind::I32 => load!(bytes, "fild dword ptr [{bytes}]"),
        kind::I64 => load!(bytes, "fild qword ptr [{bytes}]"),
        kind::BCD => load!(bytes, "fbld tbyte ptr [{bytes}]"),
        _ => (u128::from_le_bytes(bytes) & MASK, 0),
    }
}

/// Stores `$a` with `$store` into bytes.
macro_rules! store {
    ($control:expr, $a:expr, $store:literal) => {{
        let (control, a) = (masked($control), $a as F80);
        let (mut r, mut status): (F80, u16) = (0, 0);
        // SAFETY: reads the operand, writes at most 10 bytes of `r` and the status; the x87 stack is empty before and
        // behind.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!(
                "fninit",
                "fldcw word ptr [{control}]",
                "fld tbyte ptr [{a}]",
                $store,
                "fnstsw word ptr [{status}]",
                "fninit",
                control = in(reg) &raw const control,
                a = in(reg) &raw const a,
                status = in(reg) &raw mut status,
                r = in(reg) &raw mut r,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
        }
        (r, u64::from(status))
    }};
}

/// A register's value as a memory operand of a kind, and the status word.
pub fn store(to: u64, a: F80, control: u64) -> (F80, u64) {
    const I16T: u64 = kind::I16 | kind::TRUNCATE;
    const I32T: u64 = kind::I32 | kind::TRUNCATE;
    const I64T: u64 = kind::I64 | kind::TRUNCATE;
    match to {
        kind::F32 => store!(control, a, "fstp dword ptr [{r}]"),
        kind::F64 => store!(control, a, "fstp qword ptr [{r}]"),
        kind::I16 => store!(control, a, "fistp word ptr [{r}]"),
        kind::I32 => store!(control, a, "fistp dword ptr [{r}]"),
        kind::I64 => store!(control, a, "fistp qword ptr [{r}]"),
        kind::BCD => store!(control, a, "fbstp tbyte ptr [{r}]"),
        I16T => store!(control, a, "fisttp word ptr [{r}]"),
        I32T => store!(control, a, "fisttp dword ptr [{r}]"),
        I64T => store!(control, a, "fisttp qword ptr [{r}]"),
        _ => (a, 0),
    }
}
