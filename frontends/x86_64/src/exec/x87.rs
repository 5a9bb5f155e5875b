//! The x87 stack: registers by their distance from the top, tags, control and status. SDM vol. 1, "x87 FPU Execution
//! Environment".

use super::x87_host::{self as host, F80, INVALID, STACK};
use crate::state::{self, FPU_CONTROL, FPU_CONTROL_START, FPU_STATUS, FPU_TAGS, fpr};
use brolga_core::{Env, RegSet};

/// What the status word keeps of an operation: the exceptions, and C0 to C3 of those that set them.
const EXCEPTIONS: u64 = 0x7f;
const DENORMAL: u64 = 2;
const C1: u64 = 1 << 9;
const C2: u64 = 1 << 10;
/// C0, C2 and C3.
const CODES: u64 = 1 << 8 | 1 << 10 | 1 << 14;
/// Summary of unmasked exceptions, and busy, which is the same.
const SUMMARY: u64 = 1 << 7 | 1 << 15;

/// The words of the register file that x87 instructions use.
pub fn words() -> RegSet {
    let set = RegSet::EMPTY.with(FPU_CONTROL).with(FPU_STATUS).with(FPU_TAGS);
    (0..8).fold(set, |set, n| set.with128(fpr(n)))
}

fn top(env: &Env) -> u32 {
    (env.get(FPU_STATUS) >> 11) as u32 & 7
}

fn set_top(env: &mut Env, top: u32) {
    let status = env.get(FPU_STATUS) & !(7 << 11);
    env.set(FPU_STATUS, status | u64::from(top & 7) << 11);
}

/// Physical number of ST(`i`).
fn physical(env: &Env, i: u64) -> u32 {
    (top(env) + i as u32) & 7
}

fn is_used(env: &Env, i: u64) -> bool {
    env.get(FPU_TAGS) >> physical(env, i) & 1 != 0
}

/// ST(`i`), whether it is in use or not.
fn st(env: &Env, i: u64) -> F80 {
    env.get128(fpr(physical(env, i)))
}

fn set_st(env: &mut Env, i: u64, v: F80) {
    let n = physical(env, i);
    env.set128(fpr(n), v & host::MASK);
    env.set(FPU_TAGS, env.get(FPU_TAGS) | 1 << n);
}

/// Adds an operation's status, whose C1 counts, and with `codes` its other condition codes.
fn merge(env: &mut Env, status: u64, codes: bool) {
    let replaced = C1 | if codes { CODES } else { 0 };
    let new = env.get(FPU_STATUS) & !replaced | status & (EXCEPTIONS | replaced);
    let unmasked = new & !env.get(FPU_CONTROL) & 0x3f != 0;
    env.set(FPU_STATUS, if unmasked { new | SUMMARY } else { new & !SUMMARY });
}

/// Exceptions that come before an operation: invalid, denormal operand, division by zero. Not masked, they stop it: it
/// changes nothing but the status. SDM vol. 1, "x87 FPU Floating-Point Exception Conditions".
const EARLY: u64 = 7;
/// What a helper gives whose operation was stopped.
const STOPPED: u64 = 1;

/// [`merge`] of what an operation raised; whether that stops it. Condition codes are set all the same, as AMD's processors do.
fn stops(env: &mut Env, status: u64, codes: bool) -> bool {
    let stop = status & EARLY & !env.get(FPU_CONTROL) != 0;
    let kept = EARLY | STACK | CODES | if status & STACK != 0 { C1 } else { 0 };
    merge(env, if stop { status & kept } else { status }, codes);
    stop
}

/// Whether one of the registers is empty: a stack underflow, whose result is the indefinite NaN whatever the operation.
fn underflows(env: &Env, registers: &[u64]) -> bool {
    registers.iter().any(|&i| !is_used(env, i))
}

/// What an underflow raises.
const UNDERFLOW: u64 = INVALID | STACK;

/// ST(`i`), where an empty register reads as the indefinite NaN.
fn read(env: &Env, i: u64) -> F80 {
    if underflows(env, &[i]) { host::INDEFINITE } else { st(env, i) }
}

/// Pushes `v`, whose making raised `status`; tells whether that was stopped.
fn push(env: &mut Env, v: F80, status: u64) -> bool {
    let overflow = is_used(env, 7);
    if stops(env, if overflow { INVALID | STACK | C1 } else { status }, false) {
        return true;
    }
    set_top(env, top(env) + 7);
    set_st(env, 0, if overflow { host::INDEFINITE } else { v });
    false
}

fn pop_one(env: &mut Env) {
    let n = physical(env, 0);
    env.set(FPU_TAGS, env.get(FPU_TAGS) & !(1 << n));
    set_top(env, top(env) + 1);
}

/// Marks ST(0) empty and moves the top, `count` times, unless the operation was stopped.
pub extern "C" fn pop(env: &mut Env, count: u64, stopped: u64, _: u64) -> u64 {
    (0..if stopped == STOPPED { 0 } else { count }).for_each(|_| pop_one(env));
    0
}

fn is_nan(v: F80) -> bool {
    v >> 64 & 0x7fff == 0x7fff && v as u64 != 1 << 63
}

/// What loading an operand and then computing with it raise: a denormal operand is not told beside an invalid operation or
/// a division by zero, nor where the result is a NaN.
fn both(loaded: u64, computed: u64, nan: bool) -> u64 {
    const ZERO_DIVIDE: u64 = 4;
    let hidden = if nan || (loaded | computed) & (INVALID | ZERO_DIVIDE) != 0 { DENORMAL } else { 0 };
    computed | loaded & EXCEPTIONS & !hidden
}

/// Pushes a memory operand of kind `from`.
pub extern "C" fn load(env: &mut Env, from: u64, bits: u64, high: u64) -> u64 {
    let (v, status) = host::load(from, bits, high);
    // A denormal operand does not stop a load. C1 tells an overflow of the stack.
    let stopped = push(env, v, status & !(DENORMAL | C1));
    if !stopped && status & DENORMAL != 0 && st(env, 0) == v {
        merge(env, DENORMAL, false);
    }
    stopped.into()
}

/// Pushes ST(`i`).
pub extern "C" fn load_register(env: &mut Env, i: u64, _: u64, _: u64) -> u64 {
    let (v, empty) = (read(env, i), !is_used(env, i));
    let stopped = empty && stops(env, UNDERFLOW, false) || push(env, v, 0);
    if empty {
        env.set(FPU_STATUS, env.get(FPU_STATUS) & !C1);
    }
    stopped.into()
}

/// Pushes constant `n`: 1, log2 10, log2 e, pi, log10 2, ln 2, 0.
pub extern "C" fn load_constant(env: &mut Env, n: u64, _: u64, _: u64) -> u64 {
    let v = host::constant(n, env.get(FPU_CONTROL));
    push(env, v, 0).into()
}

/// ST(0) as a memory operand of kind `to`; the upper 16 bits of an 80-bit one are asked for by `high`. Changes nothing.
pub extern "C" fn stored(env: &mut Env, to: u64, high: u64, _: u64) -> u64 {
    let v = if is_used(env, 0) { st(env, 0) } else { host::INDEFINITE };
    let (bits, _) = host::store(to, v, env.get(FPU_CONTROL));
    if high != 0 { (bits >> 64) as u64 } else { bits as u64 }
}

/// What storing ST(0) as kind `to` raises, into the status unless `ask` is not 0. What it gives: whether it is not stored.
pub extern "C" fn store(env: &mut Env, to: u64, ask: u64, _: u64) -> u64 {
    const LATE: u64 = 0x18;
    let kept = env.get(FPU_STATUS);
    let status = if underflows(env, &[0]) { UNDERFLOW } else { host::store(to, st(env, 0), env.get(FPU_CONTROL)).1 };
    let late = status & LATE & !env.get(FPU_CONTROL) != 0;
    let stopped = stops(env, status, false) || late;
    if ask != 0 {
        env.set(FPU_STATUS, kept);
    }
    stopped.into()
}

/// ST(`i`) becomes ST(0). That is an underflow if ST(0) is empty, unless `unchecked` is not 0: then ST(`i`) stays.
pub extern "C" fn store_register(env: &mut Env, i: u64, unchecked: u64, _: u64) -> u64 {
    let (v, empty) = (read(env, 0), !is_used(env, 0));
    if empty && unchecked != 0 {
        merge(env, 0, false);
        return 0;
    }
    if stops(env, if empty { UNDERFLOW } else { 0 }, false) {
        return STOPPED;
    }
    set_st(env, i, v);
    0
}

/// ST(`dst`) = ST(`dst`) `op` ST(`src`); `which` is op, dst and src in bits 7..0, 11..8 and 15..12.
pub extern "C" fn arith(env: &mut Env, which: u64, _: u64, _: u64) -> u64 {
    let (dst, src) = (which >> 8 & 7, which >> 12 & 7);
    let (r, status) = if underflows(env, &[dst, src]) {
        (host::INDEFINITE, UNDERFLOW)
    } else {
        host::arith(which & 0xff, st(env, dst), st(env, src), env.get(FPU_CONTROL))
    };
    if stops(env, status, false) {
        return STOPPED;
    }
    set_st(env, dst, r);
    0
}

/// ST(0) = ST(0) `op` a memory operand of kind `which >> 8`.
pub extern "C" fn arith_memory(env: &mut Env, which: u64, bits: u64, _: u64) -> u64 {
    let (r, status) = if underflows(env, &[0]) {
        (host::INDEFINITE, UNDERFLOW)
    } else {
        let (quiet, loaded) = host::load(which >> 8, bits, 0);
        // The operation is to see a signalling NaN: of that and a quiet one the quiet one is the result.
        let b = if loaded & INVALID != 0 { quiet & !(1 << 62) } else { quiet };
        let (r, status) = host::arith(which & 0xff, st(env, 0), b, env.get(FPU_CONTROL));
        (r, both(loaded, status, is_nan(r)))
    };
    if stops(env, status, false) {
        return STOPPED;
    }
    set_st(env, 0, r);
    0
}

/// Status of a comparison of ST(0) with ST(`i`).
fn compared(env: &Env, i: u64, quiet: bool) -> u64 {
    if underflows(env, &[0, i]) { CODES | UNDERFLOW } else { host::compare(st(env, 0), st(env, i), quiet) }
}

/// Compares ST(0) with ST(`i`) into C0, C2 and C3; any NaN is invalid unless `quiet`.
pub extern "C" fn compare(env: &mut Env, i: u64, quiet: u64, _: u64) -> u64 {
    let status = compared(env, i, quiet != 0);
    stops(env, status, true).into()
}

/// The same into flags: as `state::packed`, and in bit 0 [`STOPPED`]. C1 and the other codes stay.
pub extern "C" fn compare_flags(env: &mut Env, i: u64, quiet: u64, _: u64) -> u64 {
    let status = compared(env, i, quiet != 0);
    let stopped: u64 = stops(env, status & EXCEPTIONS, false).into();
    let flag = |code: u64, flag: u64| if status & code != 0 { flag } else { 0 };
    state::packed(flag(1 << 8, state::CF) | flag(1 << 10, state::PF) | flag(1 << 14, state::ZF)) | stopped
}

/// Compares ST(0) with a memory operand of kind `from`.
pub extern "C" fn compare_memory(env: &mut Env, from: u64, bits: u64, _: u64) -> u64 {
    let status = if underflows(env, &[0]) {
        CODES | UNDERFLOW
    } else {
        let (b, loaded) = host::load(from, bits, 0);
        let status = host::compare(st(env, 0), b, false);
        both(loaded, status, status & CODES == CODES) | status & CODES
    };
    stops(env, status, true).into()
}

/// An operation on ST(0) alone, or on ST(0) and ST(1): what it does to the stack is `host::Effect`.
pub extern "C" fn function(env: &mut Env, op: u64, _: u64, _: u64) -> u64 {
    let uses_two = host::uses_two(op);
    if host::effect(op) == host::Effect::Push && is_used(env, 0) && is_used(env, 7) {
        // No room for the second result: both are indefinite, and nothing else is raised.
        if stops(env, INVALID | STACK | C1, false) {
            return STOPPED;
        }
        set_st(env, 0, host::INDEFINITE);
        return push(env, host::INDEFINITE, 0).into();
    }
    let empty = underflows(env, if uses_two { &[0, 1] } else { &[0] });
    let done = if empty {
        let codes = if op == host::f::TST { CODES } else { 0 };
        host::Done { first: host::INDEFINITE, second: host::INDEFINITE, status: codes | UNDERFLOW }
    } else {
        host::function(op, st(env, 0), if uses_two { st(env, 1) } else { 0 }, env.get(FPU_CONTROL))
    };
    // A remainder that is a NaN, or is not computed, is taken for complete, and the quotient's bits stay.
    let remainder = matches!(op, host::f::PREM | host::f::PREM1);
    let stopped = done.status & EARLY & !env.get(FPU_CONTROL) != 0;
    let nothing = remainder && (stopped || is_nan(done.first));
    stops(env, done.status, host::sets_codes(op) && !nothing);
    if nothing {
        env.set(FPU_STATUS, env.get(FPU_STATUS) & !C2);
    }
    if stopped {
        return STOPPED;
    }
    match host::effect(op) {
        host::Effect::Replace => set_st(env, 0, done.first),
        host::Effect::Pop => {
            set_st(env, 1, done.first);
            pop_one(env);
        }
        // Out of range: the operand stays.
        host::Effect::Push if host::sets_codes(op) && done.status & 1 << 10 != 0 => {}
        host::Effect::Push => {
            set_st(env, 0, done.second);
            let raised = env.get(FPU_STATUS) & C1;
            push(env, done.first, 0);
            let kept = if empty { env.get(FPU_STATUS) & !C1 } else { env.get(FPU_STATUS) };
            env.set(FPU_STATUS, kept | raised);
        }
        host::Effect::Nothing => {}
    }
    0
}

/// FXAM looks at an empty register, too.
pub extern "C" fn examine(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    let v = st(env, 0);
    let sign = if v >> 79 & 1 != 0 { C1 } else { 0 };
    let codes = if is_used(env, 0) { host::examine(v) & CODES } else { 1 << 8 | 1 << 14 };
    merge(env, codes | sign, true);
    0
}

/// FXCH.
pub extern "C" fn exchange(env: &mut Env, i: u64, _: u64, _: u64) -> u64 {
    let (a, b, empty) = (read(env, 0), read(env, i), underflows(env, &[0, i]));
    if stops(env, if empty { UNDERFLOW } else { 0 }, false) {
        return STOPPED;
    }
    set_st(env, 0, b);
    set_st(env, i, a);
    0
}

/// FCMOVcc: ST(0) becomes ST(`i`) if `c` is not 0.
pub extern "C" fn move_if(env: &mut Env, i: u64, c: u64, _: u64) -> u64 {
    // An empty register counts whatever the condition.
    let empty = underflows(env, &[0, i]);
    if empty && stops(env, UNDERFLOW, false) {
        return STOPPED;
    }
    if empty || c != 0 {
        let v = if empty { host::INDEFINITE } else { st(env, i) };
        set_st(env, 0, v);
    }
    0
}

/// FFREE.
pub extern "C" fn free(env: &mut Env, i: u64, _: u64, _: u64) -> u64 {
    let n = physical(env, i);
    env.set(FPU_TAGS, env.get(FPU_TAGS) & !(1 << n));
    0
}

/// FINCSTP, FDECSTP: the top moves by `by`.
pub extern "C" fn rotate(env: &mut Env, by: u64, _: u64, _: u64) -> u64 {
    set_top(env, top(env) + by as u32);
    env.set(FPU_STATUS, env.get(FPU_STATUS) & !C1);
    0
}

/// FNINIT.
pub extern "C" fn init(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    env.set(FPU_CONTROL, FPU_CONTROL_START);
    env.set(FPU_STATUS, 0);
    env.set(FPU_TAGS, 0);
    0
}

/// FNCLEX.
pub extern "C" fn clear(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    env.set(FPU_STATUS, env.get(FPU_STATUS) & !(EXCEPTIONS | SUMMARY));
    0
}

/// FLDCW. Reserved bits are as processors have them: bit 6 set, bits above 12 clear.
pub extern "C" fn set_control(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    env.set(FPU_CONTROL, value & 0x1f3f | 0x40);
    merge(env, env.get(FPU_STATUS) & C1, false);
    0
}

/// The first 8 bytes of an FXSAVE area: control, status, tags.
pub extern "C" fn save_header(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    env.get(FPU_CONTROL) & 0xffff | (env.get(FPU_STATUS) & 0xffff) << 16 | (env.get(FPU_TAGS) & 0xff) << 32
}

/// Takes the first 8 bytes of an FXSAVE area.
pub extern "C" fn restore_header(env: &mut Env, header: u64, _: u64, _: u64) -> u64 {
    env.set(FPU_CONTROL, header & 0x1f3f | 0x40);
    env.set(FPU_STATUS, header >> 16 & 0xffff);
    merge(env, header >> 16 & C1, false);
    env.set(FPU_TAGS, header >> 32 & 0xff);
    0
}

/// Half `half` of ST(`i`).
pub extern "C" fn save_register(env: &mut Env, i: u64, half: u64, _: u64) -> u64 {
    (st(env, i) >> (64 * (half & 1))) as u64
}

/// ST(`i`) without its tag.
pub extern "C" fn restore_register(env: &mut Env, i: u64, low: u64, high: u64) -> u64 {
    let n = physical(env, i);
    env.set128(fpr(n), low as u128 | u128::from(high as u16) << 64);
    0
}

/// Word `n` of the 28-byte environment: control, status, full tags, and zeros for the addresses.
pub extern "C" fn environment(env: &mut Env, n: u64, _: u64, _: u64) -> u64 {
    match n {
        0 => env.get(FPU_CONTROL) | 0xffff_0000,
        1 => env.get(FPU_STATUS) | 0xffff_0000,
        2 => full_tags(env) | 0xffff_0000,
        6 => 0xffff_0000,
        _ => 0,
    }
}

/// Two bits a register: valid, zero, special, empty. SDM vol. 1, "x87 FPU Tag Word".
fn full_tags(env: &Env) -> u64 {
    (0..8).fold(0, |tags, n| {
        let v = env.get128(fpr(n));
        let (exponent, fraction) = (v >> 64 & 0x7fff, v as u64);
        let tag = if env.get(FPU_TAGS) >> n & 1 == 0 {
            3
        } else if exponent == 0 && fraction == 0 {
            1
        } else if exponent == 0 || exponent == 0x7fff || fraction >> 63 == 0 {
            2
        } else {
            0
        };
        tags | tag << (2 * n)
    })
}

/// FLDENV: control, status and full tags.
pub extern "C" fn restore_environment(env: &mut Env, control: u64, status: u64, tags: u64) -> u64 {
    env.set(FPU_STATUS, status & 0xffff);
    env.set(FPU_TAGS, (0..8).filter(|n| tags >> (2 * n) & 3 != 3).fold(0, |set, n| set | 1 << n));
    set_control(env, control, 0, 0);
    env.set(FPU_STATUS, env.get(FPU_STATUS) & !C1 | status & C1);
    0
}
