//! Integer helpers: 128-bit division, rotates through the carry, bit gather and scatter, CRC.

use super::flags;
use crate::state::{self, CF, OF};
use brolga_core::Env;

/// DIV (`signed` 0) or IDIV of RDX:RAX by `divisor`; returns 1 and changes nothing if the quotient does not fit.
pub extern "C" fn divide(env: &mut Env, divisor: u64, signed: u64, _: u64) -> u64 {
    let n = env.get(state::RAX) as u128 | (env.get(state::RDX) as u128) << 64;
    let result = if signed != 0 {
        let (n, d) = (n as i128, divisor as i64 as i128);
        let whole = n.checked_div(d).and_then(|q| i64::try_from(q).ok());
        whole.map(|q| (q as u64, (n.wrapping_sub(q as i128 * d)) as u64))
    } else {
        let d = divisor as u128;
        let whole = n.checked_div(d).and_then(|q| u64::try_from(q).ok());
        whole.map(|q| (q, (n - q as u128 * d) as u64))
    };
    let Some((q, r)) = result else { return 1 };
    env.set(state::RAX, q);
    env.set(state::RDX, r);
    0
}

/// Value, width, count and direction of a rotate through the carry: the carry is the bit above the value.
fn through_carry(env: &Env, value: u64, count: u64, how: u64) -> (u128, u32, u32) {
    let width = (how & 0xff) as u32;
    let carry = (flags::status(env) & CF != 0) as u128;
    let bits = width + 1;
    let by = count as u32 % bits;
    let left = if how & 0x100 != 0 { by } else { (bits - by) % bits };
    let v = value as u128 | carry << width;
    let mask = (1u128 << bits) - 1;
    let r = if left == 0 { v } else { (v << left | v >> (bits - left)) & mask };
    (r, width, by)
}

/// RCL, RCR: the rotated value.
pub extern "C" fn rotate_carry(env: &mut Env, value: u64, count: u64, how: u64) -> u64 {
    let (r, width, _) = through_carry(env, value, count, how);
    r as u64 & if width == 64 { u64::MAX } else { (1 << width) - 1 }
}

/// RCL, RCR: the flags. SDM vol. 2, "RCL/RCR/ROL/ROR".
pub extern "C" fn rotate_carry_flags(env: &mut Env, value: u64, count: u64, how: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let (r, width, _) = through_carry(env, value, count, how);
    let bit = |at: u32| r >> at & 1 != 0;
    let cf = bit(width);
    let of = if how & 0x100 != 0 { bit(width - 1) ^ cf } else { bit(width - 1) ^ bit(width - 2) };
    let mask = if count == 1 { CF | OF } else { CF };
    flags::merge(env, mask, (if cf { CF } else { 0 }) | if of { OF } else { 0 });
    0
}

/// PDEP: the low bits of `value` to the places that `mask` has.
pub extern "C" fn pdep(_env: &mut Env, mut value: u64, mut mask: u64, _: u64) -> u64 {
    let mut r = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value & 1 != 0 {
            r |= lowest;
        }
        value >>= 1;
        mask ^= lowest;
    }
    r
}

/// PEXT: the bits of `value` in the places that `mask` has, side by side.
pub extern "C" fn pext(_env: &mut Env, value: u64, mut mask: u64, _: u64) -> u64 {
    let (mut r, mut at) = (0, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value & lowest != 0 {
            r |= 1 << at;
        }
        at += 1;
        mask ^= lowest;
    }
    r
}

/// One bit of a remainder by Castagnoli's polynomial, bit-reflected.
const fn crc_step(crc: u32) -> u32 {
    crc >> 1 ^ if crc & 1 != 0 { 0x82f6_3b78 } else { 0 }
}

/// For each byte its remainder with so many bytes of zeros behind it as the first index says.
static REMAINDERS: [[u32; 256]; 8] = remainders();

const fn remainders() -> [[u32; 256]; 8] {
    let mut out = [[0; 256]; 8];
    let mut n = 0;
    while n < 8 * 256 {
        let (zeros, byte) = (n / 256, n % 256);
        let mut crc = if zeros == 0 { byte as u32 } else { out[zeros - 1][byte] };
        let mut bits = 0;
        while bits < 8 {
            crc = crc_step(crc);
            bits += 1;
        }
        out[zeros][byte] = crc;
        n += 1;
    }
    out
}

/// CRC32 of the low `bytes` bytes of `value`, at most eight, Castagnoli's polynomial bit-reflected.
pub extern "C" fn crc32c(_env: &mut Env, acc: u64, value: u64, bytes: u64) -> u64 {
    let acc = acc & 0xffff_ffff;
    let rest = acc.checked_shr(8 * bytes as u32).unwrap_or(0) as u32;
    let tables = REMAINDERS[..bytes.min(8) as usize].iter().rev();
    let parts = tables.zip((acc ^ value).to_le_bytes()).map(|(table, byte)| table[usize::from(byte)]);
    u64::from(parts.fold(rest, |crc, part| crc ^ part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SDM vol. 2, "CRC32": a bit at a time.
    fn by_bits(acc: u32, value: u64, bytes: u64) -> u64 {
        let take_byte = |crc: u32, k: u64| (0..8).fold(crc ^ (value >> (8 * k)) as u32 & 0xff, |crc, _| crc_step(crc));
        u64::from((0..bytes).fold(acc, take_byte))
    }

    #[test]
    fn remainders_by_bytes_are_those_by_bits() {
        let (mut env, mut state) = (Env::default(), 0x9e37_79b9_7f4a_7c15u64);
        for _ in 0..1000 {
            let [acc, value] = [0; 2].map(|_: u64| {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                state ^ state >> 29
            });
            for bytes in [1, 2, 4, 8] {
                // What is above the operands does not count.
                assert_eq!(
                    crc32c(&mut env, acc, value, bytes),
                    by_bits(acc as u32, value, bytes),
                    "{acc:x} {value:x} {bytes}"
                );
            }
        }
        // The check value of CRC-32C: of "123456789".
        let eight = crc32c(&mut env, 0xffff_ffff, u64::from_le_bytes(*b"12345678"), 8);
        assert_eq!(crc32c(&mut env, eight, u64::from(b'9'), 1) ^ 0xffff_ffff, 0xe306_9283);
    }
}
