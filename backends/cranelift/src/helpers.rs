//! The table of addresses that generated code calls through: ours first, then the guest's.
#![allow(unsafe_code, reason = "reads the table back in a function of the table")]

use crate::fp;
use brolga_core::{Cond, Env, GuestMemory, Nzcv};
use brolga_ir::{Helper, HelperFn};
use brolga_softmmu::direct::DirectMemory;

/// Index of the evaluator of flags in border form.
pub(crate) const NZCV: usize = 0;

/// Index of the caller of helpers that the floating-point flags concern.
pub(crate) const FP_CALL: usize = 1;

/// Index of what runs one op of the interpreter.
pub(crate) const OP: usize = 2;

/// Index of the evaluator of predicates on flag words.
pub(crate) const HOLDS: usize = 3;

/// Index of what copies guest memory.
pub(crate) const COPY: usize = 4;

/// Index of the guest's helper 0.
pub(crate) const FIRST_GUEST_HELPER: usize = 5;

/// N Z C V in bits 31..28 of flags in border form.
extern "C" fn nzcv(_: &mut Env, op: u64, a: u64, b: u64) -> u64 {
    Nzcv::eval(op, a, b).bits()
}

/// A packed op of the interpreter on the register file.
extern "C" fn op(env: &mut Env, a: u64, b: u64, c: u64, d: u64) {
    let (words, table) = ([a, b, c, d], env.helpers);
    let helper = |helper| {
        // SAFETY: `helpers` is the table of `helper_table`, whose guest entries are of this type; the verifier has
        // checked the number.
        unsafe { *(table as *const HelperFn).add(FIRST_GUEST_HELPER + usize::from(helper)) }
    };
    if brolga_interp::calls_helper(words) {
        fp::outside(env, |env| brolga_interp::apply(words, env, helper));
    } else {
        brolga_interp::apply(words, env, helper);
    }
}

/// Whether a predicate holds on the flag words from `first` on.
extern "C" fn holds(env: &mut Env, cond: u64, first: u64, _: u64) -> u64 {
    let word = |k: u64| env.file[(first + k) as usize % env.file.len()];
    let cond = Cond::from_bits(cond as u32);
    cond.is_some_and(|cond| cond.holds_border(word(0), word(1), word(2))).into()
}

/// Bytes copied in guest memory. Nothing can be accessed by an address with a tag here: plain accesses go on with it.
extern "C" fn copy(env: &mut Env, to: u64, from: u64, len: u64) -> u64 {
    DirectMemory { base: env.guest_base, tagged: false }.copy(to, from, len)
}

/// The table for `Env::helpers`; it must live as long as code that was compiled for it runs.
pub fn helper_table(guest: &[Helper]) -> Box<[u64]> {
    let ours = [nzcv as *const (), fp::call as *const (), op as *const (), holds as *const (), copy as *const ()];
    let ours = ours.map(|f| f as u64);
    ours.into_iter().chain(guest.iter().map(|h| h.func as *const () as u64)).collect()
}
