//! The table of addresses that generated code calls through: ours first, then the guest's.

use brolga_core::{Env, Nzcv};
use brolga_ir::Helper;

/// Index of the evaluator of flags in border form.
pub(crate) const NZCV: usize = 0;

/// Index of the caller of helpers that the floating-point flags concern.
pub(crate) const FP_CALL: usize = 1;

/// Index of the guest's helper 0.
pub(crate) const FIRST_GUEST_HELPER: usize = 2;

/// N Z C V in bits 31..28 of flags in border form.
extern "C" fn nzcv(_: &mut Env, op: u64, a: u64, b: u64) -> u64 {
    Nzcv::eval(op, a, b).bits()
}

/// The table for `Env::helpers`; it must live as long as code that was compiled for it runs.
pub fn helper_table(guest: &[Helper]) -> Box<[u64]> {
    let ours = [nzcv as *const () as u64, crate::fp::call as *const () as u64];
    ours.into_iter().chain(guest.iter().map(|h| h.func as *const () as u64)).collect()
}
