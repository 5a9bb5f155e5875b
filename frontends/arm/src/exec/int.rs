//! Integer helpers: CRC32, pointer authentication, flag format conversion.

use brolga_core::{Env, Nzcv};

/// Bit-reflected polynomials. Arm ARM, "CRC32B, CRC32H, CRC32W, CRC32X" and the CRC32C page.
const POLY: u32 = 0xedb8_8320;
const POLY_C: u32 = 0x82f6_3b78;

/// For each byte the remainder of it, and of it followed by one to seven zero bytes.
type Tables = [[u32; 256]; 8];

const fn tables(poly: u32) -> Tables {
    let mut t = [[0; 256]; 8];
    let mut i = 0;
    while i < 256 {
        let mut r = i as u32;
        let mut k = 0;
        while k < 8 {
            r = if r & 1 != 0 { r >> 1 ^ poly } else { r >> 1 };
            k += 1;
        }
        t[0][i] = r;
        i += 1;
    }
    let mut k = 1;
    while k < 8 {
        i = 0;
        while i < 256 {
            let r: u32 = t[k - 1][i];
            t[k][i] = r >> 8 ^ t[0][(r & 0xff) as usize];
            i += 1;
        }
        k += 1;
    }
    t
}

static TABLES: Tables = tables(POLY);
static TABLES_C: Tables = tables(POLY_C);

/// `acc`, `value`, and in `how` the number of bytes, with bit 8 set for the Castagnoli polynomial.
pub extern "C" fn crc32(_env: &mut Env, acc: u64, value: u64, how: u64) -> u64 {
    let (acc, bytes) = (acc as u32, how as u32 & 0xff);
    if how & 0x100 == 0 {
        return crc_of_any(&TABLES, acc, value, bytes) as u64;
    }
    super::crypto::host::crc32c(acc, value, bytes).unwrap_or_else(|| crc32c_software(acc, value, bytes)) as u64
}

/// CRC-32C of the low `bytes` bytes of `value` by tables.
pub(super) fn crc32c_software(acc: u32, value: u64, bytes: u32) -> u32 {
    crc_of_any(&TABLES_C, acc, value, bytes)
}

fn crc_of_any(tables: &Tables, acc: u32, value: u64, bytes: u32) -> u32 {
    match bytes {
        1 => crc_of::<1>(tables, acc, value),
        2 => crc_of::<2>(tables, acc, value),
        4 => crc_of::<4>(tables, acc, value),
        _ => crc_of::<8>(tables, acc, value),
    }
}

/// All bytes at once: each with as many zero bytes behind it as bytes follow it.
#[inline(always)]
fn crc_of<const N: usize>(tables: &Tables, acc: u32, value: u64) -> u32 {
    let rest = if N < 4 { acc >> (8 * N % 32) } else { 0 };
    let x = (value ^ acc as u64).to_le_bytes();
    (0..N).fold(rest, |crc, i| crc ^ tables[N - 1 - i][x[i] as usize])
}

/// Mixes pointer, modifier and key: the implementation-defined algorithm (FEAT_PACIMP), chosen to be cheap.
/// It is a check against accidents, not a cipher: a guest cannot keep a key from its own emulator.
fn mac(pointer: u64, modifier: u64, key: u64) -> u64 {
    let seed = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(key * 2 + 1);
    let mut h = pointer ^ seed;
    h = (h ^ h >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    h ^= modifier.rotate_left(17) ^ seed.rotate_left(29);
    h = (h ^ h >> 29).wrapping_mul(0xd6e8_feb8_6659_fd93);
    h ^ h >> 32
}

/// Bits of a pointer that carry the code. Linux has 48-bit addresses and ignores the top byte of those with bit 55
/// clear, of instruction addresses too (TCR_EL1.TBI0 set, TBID0 and TBI1 clear).
const fn pac_mask(pointer: u64) -> u64 {
    if pointer >> 55 & 1 != 0 { 0xff7f_0000_0000_0000 } else { 0x007f_0000_0000_0000 }
}

/// The pointer with its code bits replaced by copies of bit 55. Arm ARM, shared pseudocode "Strip".
pub fn strip(pointer: u64) -> u64 {
    if pointer >> 55 & 1 != 0 { pointer | pac_mask(pointer) } else { pointer & !pac_mask(pointer) }
}

/// The number `key` selects the key: 0 IA, 1 IB, 2 DA, 3 DB.
fn code(pointer: u64, modifier: u64, key: u64) -> u64 {
    mac(strip(pointer), modifier, key) & pac_mask(pointer)
}

/// Arm ARM, shared pseudocode "AddPAC" with FEAT_PAuth2: the code is exclusive-ored with the extension.
pub extern "C" fn pac_add(_env: &mut Env, pointer: u64, modifier: u64, key: u64) -> u64 {
    pointer ^ code(pointer, modifier, key)
}

/// Arm ARM, shared pseudocode "Auth" with FEAT_PAuth2: a wrong code leaves a pointer that is not canonical.
pub extern "C" fn pac_auth(env: &mut Env, pointer: u64, modifier: u64, key: u64) -> u64 {
    pac_add(env, pointer, modifier, key)
}

/// Arm ARM, "PACGA": a 32-bit code in the high half.
pub extern "C" fn pac_generic(_env: &mut Env, value: u64, modifier: u64, _: u64) -> u64 {
    mac(value, modifier, 4) & 0xffff_ffff_0000_0000
}

/// Arm ARM, "AXFLAG": flags in bits 31..28.
pub extern "C" fn axflag(_env: &mut Env, flags: u64, _: u64, _: u64) -> u64 {
    let f = Nzcv::from_bits(flags);
    Nzcv { n: false, z: f.z || f.v, c: f.c && !f.v, v: false }.bits()
}

/// Arm ARM, "XAFLAG": flags in bits 31..28.
pub extern "C" fn xaflag(_env: &mut Env, flags: u64, _: u64, _: u64) -> u64 {
    let f = Nzcv::from_bits(flags);
    Nzcv { n: !f.c && !f.z, z: f.z && f.c, c: f.c || f.z, v: !f.c && f.z }.bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_known_answers() {
        let env = &mut Env::default();
        let crc = |how| !b"123456789".iter().fold(!0u32, |c, &b| crc32(env, c as u64, b as u64, how) as u32);
        let mut crc = crc;
        assert_eq!(crc(1), 0xcbf4_3926);
        assert_eq!(crc(0x101), 0xe306_9283);
    }

    #[test]
    fn authentication_accepts_its_code_only() {
        let env = &mut Env::default();
        for pointer in [0x7fff_1234_5678u64, 0xffff_8000_0000_1000, 0x5a00_7fff_1234_5678] {
            for key in 0..4 {
                let signed = pac_add(env, pointer, 0x1234, key);
                assert_eq!(pac_auth(env, signed, 0x1234, key), pointer);
                assert_ne!(pac_auth(env, signed, 0x1235, key), pointer);
                assert_ne!(pac_auth(env, pointer, 0x1234, key), pointer);
                assert_eq!(strip(signed), pointer);
            }
        }
    }

    #[test]
    fn external_flags_round_trip_ordered_results() {
        let env = &mut Env::default();
        for bits in [0x8000_0000u64, 0x6000_0000, 0x2000_0000] {
            let external = axflag(env, bits, 0, 0);
            let back = xaflag(env, external, 0, 0);
            assert_eq!(back, bits, "{bits:#x}");
        }
    }
}
