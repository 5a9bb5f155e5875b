//! AES rounds. FIPS 197; Arm ARM, "AESE", "AESD", "AESMC", "AESIMC".

use super::field::inverses;
use super::host;
use crate::exec::simd_lanes::{Lane, Word, vectors};
use crate::sem::crypto::AesOp;
use brolga_core::Env;

/// FIPS 197, "SUBBYTES()".
static SUB: [u8; 256] = {
    let inverse = inverses(0x11b);
    let mut table = [0; 256];
    let mut x = 0;
    while x < 256 {
        let i = inverse[x];
        table[x] = i ^ i.rotate_left(1) ^ i.rotate_left(2) ^ i.rotate_left(3) ^ i.rotate_left(4) ^ 0x63;
        x += 1;
    }
    table
};

/// FIPS 197, "INVSUBBYTES()".
static INVERSE_SUB: [u8; 256] = {
    let mut table = [0; 256];
    let mut x = 0;
    while x < 256 {
        table[SUB[x] as usize] = x as u8;
        x += 1;
    }
    table
};

/// One AES instruction.
pub extern "C" fn aes(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let (w, op) = (vectors(word), AesOp::of(op));
    if !host::aes(env, w, op) {
        software(env, w, op);
    }
    0
}

/// The same by tables.
pub(super) fn software(env: &mut Env, w: Word<false>, op: AesOp) {
    match op {
        // Row r, which is byte r of each column, moves r columns.
        AesOp::Aese => substitute(env, w, &SUB, |i| i + 4 * (i % 4)),
        AesOp::Aesd => substitute(env, w, &INVERSE_SUB, |i| i + 16 - 4 * (i % 4)),
        AesOp::Aesmc => columns(env, w, mix),
        AesOp::Aesimc => columns(env, w, |c| {
            let t = times_x(times_x(c ^ c.rotate_right(16)));
            mix(c ^ t)
        }),
    }
}

/// Adds the round key, then moves and substitutes bytes: byte i comes from `source(i)` modulo 16.
#[inline(always)]
fn substitute(env: &mut Env, w: Word<false>, table: &[u8; 256], source: impl Fn(usize) -> usize) {
    let (d, n) = (u8::get(env, w.rd()), u8::get(env, w.rn()));
    let r = std::array::from_fn(|i| {
        let k = source(i) % 16;
        table[(d[k] ^ n[k]) as usize]
    });
    u8::put(env, w.rd(), r);
}

#[inline(always)]
fn columns(env: &mut Env, w: Word<false>, f: impl Fn(u32) -> u32) {
    let r = u32::get(env, w.rn()).map(f);
    u32::put(env, w.rd(), r);
}

/// Four bytes, each times x in the field.
#[inline(always)]
fn times_x(c: u32) -> u32 {
    let carry = c >> 7 & 0x0101_0101;
    (c & 0x7f7f_7f7f) << 1 ^ carry ^ carry << 1 ^ carry << 3 ^ carry << 4
}

/// FIPS 197, "MIXCOLUMNS()", of one column: 2 a + 3 b + c + d with each byte's three successors.
#[inline(always)]
fn mix(c: u32) -> u32 {
    let next = c.rotate_right(8);
    times_x(c ^ next) ^ next ^ c.rotate_right(16) ^ c.rotate_right(24)
}
