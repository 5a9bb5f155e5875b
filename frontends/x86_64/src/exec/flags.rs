//! Flags that are read or changed one by one. The border form's words are read and written whole.

use crate::state::{self, AF, CF, OF, PF, SF, STATUS, ZF};
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

/// OF becomes `value`.
pub extern "C" fn set_of(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    merge(env, OF, if value != 0 { OF } else { 0 });
    0
}

/// The same if `define` is not 0.
pub extern "C" fn set_of_if(env: &mut Env, value: u64, define: u64, _: u64) -> u64 {
    if define != 0 { set_of(env, value, 0, 0) } else { 0 }
}

/// ZF becomes the opposite of `value`.
pub extern "C" fn set_not_zf(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    merge(env, ZF, if value == 0 { ZF } else { 0 });
    0
}

/// Flags behind ROL or ROR to `r` by `count`; `how` is the width, and bit 8 for the left. SDM vol. 2, "RCL/RCR/ROL/ROR".
pub extern "C" fn rotate(env: &mut Env, r: u64, count: u64, how: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let (top, left) = ((how & 0xff) - 1, how & 0x100 != 0);
    let bit = |at: u64| r >> at & 1;
    let cf = if left { bit(0) } else { bit(top) };
    let of = if left { bit(top) ^ cf } else { bit(top) ^ bit(top - 1) };
    let mask = if count == 1 { CF | OF } else { CF };
    merge(env, mask & STATUS, (if cf != 0 { CF } else { 0 }) | if of != 0 { OF } else { 0 });
    0
}
