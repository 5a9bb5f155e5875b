//! The floating-point environment around a helper: FPCR in, cumulative flags out.

use crate::state::{FPCR, FPSR};
use brolga_core::Env;
use brolga_softfloat::{Flags, FpEnv};

/// FPSR. A helper, since back ends may hold flags back until one declares that it looks at them.
pub extern "C" fn read_status(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    env.get(FPSR)
}

/// Writes FPSR.
pub extern "C" fn write_status(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    env.set(FPSR, value);
    0
}

/// Runs `f` under the guest's FPCR and adds the flags it raised to FPSR.
///
/// `f` is compiled twice: for FPCR = 0, which nearly all programs keep, every rule is a constant.
#[inline(always)]
pub fn with<R>(env: &mut Env, f: impl Fn(&mut FpEnv) -> R) -> R {
    if env.get(FPCR) == 0 { under(env, FpEnv::arm(), f) } else { with_control(env, f) }
}

/// The same where `f` is too big to have twice.
#[inline(never)]
pub fn with_control<R>(env: &mut Env, f: impl FnOnce(&mut FpEnv) -> R) -> R {
    let control = env.get(FPCR);
    let rules = if control == 0 { FpEnv::arm() } else { FpEnv::from_fpcr(control) };
    under(env, rules, f)
}

/// FPSR's flags come in as well: where inexact is already set, the fast layer need not find it out again.
#[inline(always)]
fn under<R>(env: &mut Env, rules: FpEnv, f: impl FnOnce(&mut FpEnv) -> R) -> R {
    let status = env.get(FPSR);
    let mut fp = FpEnv { flags: Flags::from_bits(status as u8), ..rules };
    let result = f(&mut fp);
    env.set(FPSR, status | u64::from(fp.flags.bits()));
    result
}
