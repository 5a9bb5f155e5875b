//! MXCSR.

use crate::state;
use brolga_core::Env;

/// STMXCSR.
pub extern "C" fn get_mxcsr(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    state::mxcsr(env)
}

/// LDMXCSR.
pub extern "C" fn set_mxcsr(env: &mut Env, value: u64, _: u64, _: u64) -> u64 {
    state::set_mxcsr(env, value);
    0
}
