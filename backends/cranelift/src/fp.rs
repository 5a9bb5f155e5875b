//! Guest floating point on the host's: the flags' way to the guest's row, and the way from generated code
//! to the helpers that define an operation.
//!
//! While generated code runs, the host's status word collects flags. It is emptied into the guest's row when
//! generated code is left and before a helper that declares the row, so nothing outside ever sees a row
//! that lacks flags.
#![allow(unsafe_code, reason = "called by generated code, with its pointers")]

use crate::host;
use brolga_core::{Env, FpRows};
use brolga_ir::{HelperFn, HelperId, VecFn, eval_vec_fn};

/// Invalid, division by zero, overflow, underflow, inexact in [`HostFp::rows`](brolga_core::HostFp::rows), then a byte for
/// denormal operands with its top bit set if the guest has a flag for them.
pub(crate) fn packed_rows(rows: &FpRows) -> u64 {
    let denormal = rows.denormal.map_or(0, |bit| bit | 0x80);
    let flags = rows.flags.iter().rev().fold(u64::from(denormal), |word, &bit| word << 8 | u64::from(bit));
    flags << 8 | u64::from(rows.status.0)
}

/// The host control word for each value of the guest's rounding mode.
pub(crate) fn controls(rows: Option<&FpRows>) -> [u32; 4] {
    rows.map_or([host::DEFAULT_CONTROL; 4], |rows| rows.rounding.map(host::control))
}

/// The host control word for the guest's, whose rounding modes are `controls`.
#[inline]
pub(crate) fn control(rows: &FpRows, controls: &[u32; 4], word: u64) -> u32 {
    controls[(word >> rows.rounding_lsb & 3) as usize] | word as u32 & rows.flush
}

/// Adds raised flags, a host status word, to the guest's row.
#[inline]
pub(crate) fn merge(env: &mut Env, raised: u32) {
    if raised & host::RAISED == 0 {
        return;
    }
    let rows = env.fp.rows;
    let mut status = 0;
    for (k, bit) in host::FLAG_BITS.into_iter().enumerate() {
        if raised >> bit & 1 != 0 {
            status |= 1 << (rows >> (8 + 8 * k) & 63);
        }
    }
    let denormal = rows >> 48;
    if denormal & 0x80 != 0 && raised >> host::DENORMAL_BIT & 1 != 0 {
        status |= 1 << (denormal & 63);
    }
    env.file[rows as u8 as usize] |= status;
}

/// Runs `f`, which may be any Rust code, in the middle of generated code.
pub(crate) fn outside<T>(env: &mut Env, f: impl FnOnce(&mut Env) -> T) -> T {
    let raised = host::read_status();
    merge(env, raised);
    host::set_control(host::DEFAULT_CONTROL);
    let result = f(env);
    host::set_control(env.fp.control);
    result
}

/// Runs `f`, which may be any Rust code but has nothing to do with registers, in the middle of generated code. What is raised
/// stays with the host: code around does not expect the row to change, and may hold what it was before.
fn apart<T>(f: impl FnOnce() -> T) -> T {
    let status = host::read_status();
    host::set_control(host::DEFAULT_CONTROL);
    let result = f();
    host::set_control(status);
    result
}

/// Calls `helper`, which reads or writes the guest's status row.
pub(crate) extern "C" fn call(env: &mut Env, a: u64, b: u64, c: u64, helper: HelperFn) -> u64 {
    outside(env, |env| helper(env, a, b, c))
}

/// An operation that is left to its helper, as one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    /// Which helper.
    pub helper: HelperId,
    /// Argument behind the operands.
    pub extra: u32,
    pub lanes: u32,
    pub operands: u32,
    /// Bits of an operand's lane.
    pub from: u32,
    /// Bits of a result's lane.
    pub to: u32,
}

impl Request {
    pub(crate) fn word(self) -> u64 {
        let rest = self.lanes | self.operands << 3 | u32::from(self.from == 64) << 5 | u32::from(self.to == 64) << 6;
        u64::from(self.helper.0) | u64::from(self.extra) << 16 | u64::from(rest) << 48
    }

    fn from_word(word: u64) -> Request {
        let rest = (word >> 48) as u32;
        let bits = |at: u32| 32 << (rest >> at & 1);
        Request {
            helper: HelperId(word as u16),
            extra: (word >> 16) as u32,
            lanes: rest & 7,
            operands: rest >> 3 & 3,
            from: bits(5),
            to: bits(6),
        }
    }
}

/// Bit of a word that asks for a function of vectors: its number and the immediate are in the low bytes.
const FUNCTION: u64 = 1 << 63;

/// The word that asks for a function of vectors.
pub(crate) fn function_word(f: VecFn, imm: u8) -> u64 {
    FUNCTION | u64::from(imm) << 8 | f as u64
}

/// The operation of a [`Request`], or a function of vectors, on `env.fp.operands`.
pub(crate) extern "C" fn exact(env: &mut Env, word: u64) {
    if word & FUNCTION != 0 {
        let (f, imm) = (VecFn::from_sub(word as u8), (word >> 8) as u8);
        env.fp.result = apart(|| eval_vec_fn(f, env.fp.operands, imm));
        return;
    }
    let request = Request::from_word(word);
    outside(env, |env| {
        let index = crate::helpers::FIRST_GUEST_HELPER + request.helper.0 as usize;
        // SAFETY: `helpers` is the table of `helper_table`, whose guest entries are of this type; the verifier
        // has checked the number.
        let helper: HelperFn = unsafe { *(env.helpers as *const HelperFn).add(index) };
        env.fp.result = lanes(env, request, helper);
    });
}

fn lanes(env: &mut Env, request: Request, helper: HelperFn) -> u128 {
    let operands = env.fp.operands;
    let part = |v: u128, at: u32, bits: u32| v >> at & u128::from(u64::MAX >> (64 - bits));
    (0..request.lanes).fold(0, |result, lane| {
        let mut args = [u64::from(request.extra); 3];
        for (arg, v) in args.iter_mut().zip(operands).take(request.operands as usize) {
            *arg = part(v, lane * request.from, request.from) as u64;
        }
        let value = helper(env, args[0], args[1], args[2]);
        result | part(value.into(), 0, request.to) << (lane * request.to)
    })
}

/// What of floating point the host does inline.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct HostFloat {
    /// Arithmetic at all.
    pub arithmetic: bool,
    /// Fused multiply-add.
    pub fused: bool,
    /// Rounding to integers.
    pub round: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga_core::FpRounding;

    #[test]
    fn requests_round_trip() {
        let request = Request { helper: HelperId(777), extra: 0xdead_beef, lanes: 4, operands: 3, from: 32, to: 64 };
        assert_eq!(Request::from_word(request.word()), request);
        let other = Request { lanes: 1, operands: 1, from: 64, to: 32, ..request };
        assert_eq!(Request::from_word(other.word()), other);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn functions_of_vectors_leave_what_is_raised_with_the_host() {
        let mut env = Env::default();
        let inexact = host::DEFAULT_CONTROL | 1 << 5;
        host::set_control(inexact);
        exact(&mut env, function_word(VecFn::Sha256Message1, 0));
        let status = host::read_status();
        host::set_control(host::DEFAULT_CONTROL);
        assert_eq!(status, inexact);
        assert!(env.file.iter().all(|&word| word == 0), "the row of flags did not change");
    }

    #[test]
    fn flags_find_their_bits() {
        let rows = FpRows {
            control: brolga_core::Reg(1),
            rounding_lsb: 0,
            rounding: [FpRounding::Nearest; 4],
            status: brolga_core::Reg(9),
            flags: [8, 1, 20, 63, 4],
            denormal: None,
            like_sse: false,
            flush: 0,
        };
        let mut env = Env::default();
        env.fp.rows = packed_rows(&rows);
        env.file[9] = 1;
        merge(&mut env, 0x3f & !2);
        assert_eq!(env.file[9], 1 | 1 << 8 | 1 << 1 | 1 << 20 | 1 << 63 | 1 << 4);
        env.fp.rows = packed_rows(&FpRows { denormal: Some(7), ..rows });
        env.file[9] = 0;
        merge(&mut env, 2);
        assert_eq!(env.file[9], 1 << 7);
    }
}
