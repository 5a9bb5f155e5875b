//! Checksums by the host and in software.

use brolga_core::Env;

/// Numbers from a linear congruential generator (Knuth's constants).
fn random(seed: &mut u64) -> u128 {
    let mut half = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed ^ *seed >> 29) as u128
    };
    half() << 64 | half()
}

/// A checksum bit by bit.
fn crc(poly: u32, acc: u32, value: u64, bytes: u32) -> u32 {
    let fold = |r: u32| if r & 1 != 0 { r >> 1 ^ poly } else { r >> 1 };
    let byte = |r: u32, k: u32| (0..8).fold(r ^ (value >> (8 * k)) as u8 as u32, |r, _| fold(r));
    (0..bytes).fold(acc, byte)
}

#[test]
fn checksums_are_as_bit_by_bit() {
    let mut seed = 2;
    for _ in 0..2000 {
        let x = random(&mut seed);
        let (acc, value) = (x as u32, (x >> 64) as u64);
        for bytes in [1, 2, 4, 8] {
            for (poly, how) in [(0xedb8_8320, 0), (0x82f6_3b78, 0x100)] {
                let got = crate::exec::int::crc32(&mut Env::default(), acc as u64, value, how | bytes as u64);
                assert_eq!(got, crc(poly, acc, value, bytes) as u64, "{poly:#x} {acc:#x} {value:#x} {bytes}");
            }
            let want = crc(0x82f6_3b78, acc, value, bytes);
            let software = crate::exec::int::crc32c_software(acc, value, bytes);
            assert_eq!(software, want, "{acc:#x} {value:#x} {bytes}");
        }
    }
}
