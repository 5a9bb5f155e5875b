//! The floating-point environment around a helper: FPCR in, cumulative flags out.

use crate::state::{FPCR, FPSR};
use brolga_core::Env;
use brolga_softfloat::{Flags, FpEnv};

/// Runs `f` under the guest's FPCR and adds the flags it raised to FPSR.
///
/// FPSR's flags come in as well: where inexact is already set, the fast layer need not find it out again.
#[inline(always)]
pub fn with<R>(env: &mut Env, f: impl FnOnce(&mut FpEnv) -> R) -> R {
    let (control, status) = (env.get(FPCR), env.get(FPSR));
    let rules = if control == 0 { FpEnv::arm() } else { FpEnv::from_fpcr(control) };
    let mut fp = FpEnv { flags: Flags::from_bits(status as u8), ..rules };
    let result = f(&mut fp);
    env.set(FPSR, status | u64::from(fp.flags.bits()));
    result
}
