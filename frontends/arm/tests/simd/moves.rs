//! Reference for the sections that move lanes or make constants.

use crate::lanes::*;
use crate::machine::State;

/// Expected state after one instruction of the sections `simd_perm` and `simd_imm`.
pub fn expected(section: &str, mnemonic: &str, word: u32, s: &State) -> State {
    let f = Fields(word);
    let mut r = s.clone();
    let total = if f.q() { 128 } else { 64 };
    let imm5 = f.bits(16, 5);
    let size = (imm5 | 8).trailing_zeros() as usize;
    let (bits, index) = (8usize << size, imm5 >> (size + 1));
    let general = if f.rn() == 31 { 0 } else { s.x[f.rn().min(30)] };
    match mnemonic {
        _ if section == "simd_imm" => r.v[f.rd()] = immediate(mnemonic, f, s.v[f.rd()]) & mask(total),
        "SMOV" | "UMOV" => {
            let x = lane(s.v[f.rn()], index, bits);
            let x = if mnemonic == "SMOV" { signed(x, bits) } else { x };
            if f.rd() != 31 {
                r.x[f.rd()] = (x as u128 & mask(if f.q() { 64 } else { 32 })) as u64;
            }
        }
        "DUP" => {
            // "DUP (general)" has bit 11 set.
            let x = if f.bits(11, 1) != 0 { general as i128 } else { lane(s.v[f.rn()], index, bits) };
            r.v[f.rd()] = pack(vec![x; if f.scalar() { 1 } else { total / bits }], bits);
        }
        "INS" => {
            // "INS (element)" has bit 29 set.
            let x = if f.bits(29, 1) != 0 { lane(s.v[f.rn()], f.bits(11, 4) >> size, bits) } else { general as i128 };
            let lanes = (0..128 / bits).map(|e| if e == index { x } else { lane(s.v[f.rd()], e, bits) });
            r.v[f.rd()] = pack(lanes, bits);
        }
        "EXT" => {
            let bytes = |n: usize| (0..total / 8).map(move |e| lane(s.v[n], e, 8));
            r.v[f.rd()] = pack(bytes(f.rn()).chain(bytes(f.rm())).skip(f.bits(11, 4)).take(total / 8), 8);
        }
        "TBL" | "TBX" => {
            let table: Vec<i128> = (0..=f.bits(13, 2))
                .flat_map(|k| (0..16).map(move |e| (k, e)))
                .map(|(k, e)| lane(s.v[(f.rn() + k) % 32], e, 8))
                .collect();
            let found = |e| {
                let default = if mnemonic == "TBX" { lane(s.v[f.rd()], e, 8) } else { 0 };
                table.get(lane(s.v[f.rm()], e, 8) as usize).copied().unwrap_or(default)
            };
            r.v[f.rd()] = pack((0..total / 8).map(found), 8);
        }
        _ => {
            let (bits, second) = (8 << f.size(), f.bits(14, 1));
            let count = total / bits;
            let n = |e| lane(s.v[f.rn()], e, bits);
            let m = |e| lane(s.v[f.rm()], e, bits);
            let at = |e: usize| match &mnemonic[..3] {
                "ZIP" => [n(second * count / 2 + e / 2), m(second * count / 2 + e / 2)][e % 2],
                "TRN" => [n(e / 2 * 2 + second), m(e / 2 * 2 + second)][e % 2],
                _ if e < count / 2 => n(2 * e + second),
                _ => m(2 * e - count + second),
            };
            r.v[f.rd()] = pack((0..count).map(at), bits);
        }
    }
    r
}

/// Arm ARM, shared pseudocode "AdvSIMDExpandImm", case by case.
fn immediate(mnemonic: &str, f: Fields, d: u128) -> u128 {
    let (imm8, cmode, op) = ((f.bits(16, 3) << 5 | f.bits(5, 5)) as i128, f.bits(12, 4), f.bits(29, 1));
    let bit = |i: u32| imm8 >> i & 1;
    let fraction = imm8 & 0x3f;
    let (x, bits) = match (mnemonic, cmode >> 1) {
        // Sign, NOT(b), copies of b, then cdefgh.
        ("FMOV", _) if f.bits(11, 1) != 0 => {
            (bit(7) << 15 | (1 - bit(6)) << 14 | (bit(6) * 3) << 12 | fraction << 6, 16)
        }
        ("FMOV", _) if op == 0 => (bit(7) << 31 | (1 - bit(6)) << 30 | (bit(6) * 0x1f) << 25 | fraction << 19, 32),
        ("FMOV", _) => (bit(7) << 63 | (1 - bit(6)) << 62 | (bit(6) * 0xff) << 54 | fraction << 48, 64),
        (_, 0) => (imm8, 32),
        (_, 1) => (imm8 << 8, 32),
        (_, 2) => (imm8 << 16, 32),
        (_, 3) => (imm8 << 24, 32),
        (_, 4) => (imm8, 16),
        (_, 5) => (imm8 << 8, 16),
        (_, 6) if cmode & 1 == 0 => (imm8 << 8 | 0xff, 32),
        (_, 6) => (imm8 << 16 | 0xffff, 32),
        _ if op == 0 => (imm8, 8),
        _ => (pack((0..8).map(|i| -bit(i)), 8) as i128, 64),
    };
    let v = pack(vec![x; 128 / bits], bits);
    match mnemonic {
        "MVNI" => !v,
        "ORR" => d | v,
        "BIC" => d & !v,
        _ => v,
    }
}
