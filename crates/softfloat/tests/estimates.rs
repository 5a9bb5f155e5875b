//! Arm's estimates: values worked by hand from the manual's algorithm, and its accuracy everywhere.

use brolga_softfloat as sf;
use brolga_softfloat::{F16, F32, F64, Flags, FpEnv};

fn recip(a: u32) -> (u32, Flags) {
    let mut env = FpEnv::arm();
    (sf::recip_estimate::<F32>(&mut env, a), env.flags)
}

fn recip_sqrt(a: u32) -> (u32, Flags) {
    let mut env = FpEnv::arm();
    (sf::recip_sqrt_estimate::<F32>(&mut env, a), env.flags)
}

#[test]
fn recip_estimate_by_hand() {
    // 1.0: a = 256 * 2 + 1 = 513; 2^19 / 513 = 1022; (1022 + 1) / 2 = 511.
    assert_eq!(recip(0x3f80_0000), (0x3f7f_8000, Flags::NONE));
    assert_eq!(recip(0xc000_0000), (0xbeff_8000, Flags::NONE));
    // 1.5: a = 384 * 2 + 1 = 769; 2^19 / 769 = 681; 341 = 0x155.
    assert_eq!(recip(0x3fc0_0000), (0x3f2a_8000, Flags::NONE));
    assert_eq!(recip(0), (0x7f80_0000, Flags::DIV_BY_ZERO));
    assert_eq!(recip(0xff80_0000), (0x8000_0000, Flags::NONE));
    // 2^126: the result 2^-127 * (511 / 256) is subnormal and truncated.
    assert_eq!(recip(0x7e80_0000), (0x007f_c000, Flags::NONE));
    assert_eq!(recip(0x7f00_0000), (0x003f_e000, Flags::NONE));
    // Below 2^-128 the reciprocal overflows; at 2^-128 it does not.
    assert_eq!(recip(0x001f_ffff), (0x7f80_0000, Flags::OVERFLOW | Flags::INEXACT));
    assert_eq!(recip(0x0020_0000), (0x7f7f_8000, Flags::NONE));
}

#[test]
fn recip_estimate_overflow_and_flush_go_by_fpcr() {
    let mut down = FpEnv::from_fpcr(2 << 22);
    assert_eq!(sf::recip_estimate::<F32>(&mut down, 1), 0x7f7f_ffff);
    let mut flush = FpEnv::from_fpcr(1 << 24);
    assert_eq!(sf::recip_estimate::<F32>(&mut flush, 0xfe80_0000), 0x8000_0000);
    assert_eq!(flush.flags, Flags::UNDERFLOW);
    let mut flush = FpEnv::from_fpcr(1 << 24);
    assert_eq!(sf::recip_estimate::<F32>(&mut flush, 1), 0x7f80_0000);
    assert_eq!(flush.flags, Flags::DIV_BY_ZERO | Flags::INPUT_DENORMAL);
}

#[test]
fn recip_sqrt_estimate_by_hand() {
    // 1.0, an even power: a = 128 * 2 + 1 = 257; the largest b with 257 b^2 < 2^28 is 1022; 511.
    assert_eq!(recip_sqrt(0x3f80_0000), (0x3f7f_8000, Flags::NONE));
    assert_eq!(recip_sqrt(0x4080_0000), (0x3eff_8000, Flags::NONE));
    // 2.0: a = (256 / 2 * 2 + 1) * 2 = 514; b = 722; 361 = 0x169.
    assert_eq!(recip_sqrt(0x4000_0000), (0x3f34_8000, Flags::NONE));
    assert_eq!(recip_sqrt(0x8000_0000), (0xff80_0000, Flags::DIV_BY_ZERO));
    assert_eq!(recip_sqrt(0xbf80_0000), (0x7fc0_0000, Flags::INVALID));
    assert_eq!(recip_sqrt(0x7f80_0000), (0, Flags::NONE));
    // The smallest subnormal, 2^-149 = 2 * 2^-150: 361 / 256 / 2 * 2^75.
    assert_eq!(recip_sqrt(1), (0x64b4_8000, Flags::NONE));
}

#[test]
fn estimates_are_within_one_part_in_256() {
    for step in 0..1024u64 {
        // Every table entry, in two adjacent binades.
        let bits = (1022 << 52) + (step << 43);
        let x = f64::from_bits(bits);
        let recip = f64::from_bits(sf::recip_estimate::<F64>(&mut FpEnv::arm(), bits));
        assert!((recip * x - 1.0).abs() < 1.0 / 256.0, "1 / {x}: {recip}");
        let root = f64::from_bits(sf::recip_sqrt_estimate::<F64>(&mut FpEnv::arm(), bits));
        assert!((root * x.sqrt() - 1.0).abs() < 1.0 / 256.0, "1 / sqrt {x}: {root}");
    }
}

#[test]
fn estimates_agree_between_formats() {
    let near = sf::Rounding::NearestEven;
    for half in 0x0400..0x7c00u16 {
        let wide = sf::convert::<F16, F64>(&mut FpEnv::arm(), half, near);
        let root = sf::recip_sqrt_estimate::<F16>(&mut FpEnv::arm(), half);
        let wide_root = sf::recip_sqrt_estimate::<F64>(&mut FpEnv::arm(), wide);
        assert_eq!(sf::convert::<F16, F64>(&mut FpEnv::arm(), root, near), wide_root, "{half:x}");
        let recip = sf::recip_estimate::<F16>(&mut FpEnv::arm(), half);
        let wide_recip = sf::recip_estimate::<F64>(&mut FpEnv::arm(), wide);
        let narrowed = sf::convert::<F64, F16>(&mut FpEnv::arm(), wide_recip, sf::Rounding::Zero);
        assert_eq!(recip, narrowed, "{half:x}");
    }
}

#[test]
fn fixed_point_estimates() {
    assert_eq!(sf::unsigned_recip_estimate(0x7fff_ffff), 0xffff_ffff);
    assert_eq!(sf::unsigned_recip_estimate(0x8000_0000), 0xff80_0000);
    assert_eq!(sf::unsigned_recip_estimate(0xffff_ffff), 0x8000_0000);
    assert_eq!(sf::unsigned_recip_sqrt_estimate(0x3fff_ffff), 0xffff_ffff);
    assert_eq!(sf::unsigned_recip_sqrt_estimate(0x4000_0000), 0xff80_0000);
    assert_eq!(sf::unsigned_recip_sqrt_estimate(0x8000_0000), 361 << 23);
    assert_eq!(sf::unsigned_recip_sqrt_estimate(0xffff_ffff), 0x8000_0000);
}

#[test]
fn recip_exponent_inverts_the_exponent() {
    let recpx = |a| sf::recip_exponent::<F32>(&mut FpEnv::arm(), a);
    assert_eq!(recpx(0x3fc0_0000), 0x4000_0000);
    assert_eq!(recpx(0x8000_0001), 0xff00_0000);
    assert_eq!(recpx(0), 0x7f00_0000);
    assert_eq!(recpx(0xff80_0000), 0x8000_0000);
    assert_eq!(recpx(0x7f80_0001), 0x7fc0_0001);
}
