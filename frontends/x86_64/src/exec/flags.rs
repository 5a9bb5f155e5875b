//! Flags that are read or changed one by one. The border form's words are read and written whole.

use crate::state::{self, AF, CF, OF, PF, SF, ZF};
use brolga_core::{CcKind, CcOp, Env, Width};

/// The status flags, in their EFLAGS places.
pub(super) fn status(env: &Env) -> u64 {
    state::status(env.get(state::CC), env.get(state::CC_A), env.get(state::CC_B))
}

/// Sets the status flags.
pub(super) fn set_status(env: &mut Env, status: u64) {
    env.set(state::CC, CcOp::new(CcKind::Packed, Width::W64).word());
    env.set(state::CC_A, state::packed(status));
    env.set(state::CC_B, 0);
}

/// Changes the flags in `mask`.
pub(super) fn merge(env: &mut Env, mask: u64, flags: u64) {
    let old = status(env);
    set_status(env, old & !mask | flags & mask);
}

/// PF as 0 or 1.
pub extern "C" fn parity(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    (status(env) & PF != 0) as u64
}

/// The status flags as [`state::packed`] has them.
pub extern "C" fn packed(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    state::packed(status(env))
}

/// EFLAGS.
pub extern "C" fn eflags(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    state::eflags(env)
}

/// SAHF.
pub extern "C" fn set_low(env: &mut Env, ah: u64, _: u64, _: u64) -> u64 {
    merge(env, CF | PF | AF | ZF | SF, ah);
    0
}

/// POPF of 64 bits if `wide`, else of 16, which leave what is above.
pub extern "C" fn popf(env: &mut Env, value: u64, wide: u64, _: u64) -> u64 {
    let keep = if wide != 0 { 0 } else { state::eflags(env) & !0xffff };
    state::set_eflags(env, value | keep);
    0
}

/// OF becomes `value` if `define` is not 0.
pub extern "C" fn set_of_if(env: &mut Env, value: u64, define: u64, _: u64) -> u64 {
    if define != 0 {
        merge(env, OF, if value != 0 { OF } else { 0 });
    }
    0
}

/// ZF becomes the opposite of `value`.
pub extern "C" fn set_not_zf(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    merge(env, ZF, if value == 0 { ZF } else { 0 });
    0
}
