//! Known answers. That they are what a processor gives, `tests/native` and the back ends' tests show.

use super::*;

fn two(f: VecFn, a: u128, b: u128) -> u128 {
    eval_vec_fn(f, [a, b, 0], 0)
}

#[test]
fn key_assist_is_the_first_step_of_the_standards_example() {
    // FIPS 197, appendix A.1: w3 is 09cf4f3c, and temp after substitution and the constant is 8b84eb01.
    let v = u128::from(0x3c4f_cf09u32) << 96;
    assert_eq!((eval_vec_fn(VecFn::AesKey, [v, 0, 0], 1) >> 96) as u32, 0x01eb_848b);
}

#[test]
fn encryption_is_the_standards_example() {
    // FIPS 197, appendix B: the first round of 3243f6a8885a308d313198a2e0370734 under 2b7e151628aed2a6abf7158809cf4f3c.
    let bytes = |text: u128| text.swap_bytes();
    let start = bytes(0x3243f6a8_885a308d_313198a2_e0370734) ^ bytes(0x2b7e1516_28aed2a6_abf71588_09cf4f3c);
    let key = bytes(0xa0fafe17_88542cb1_23a33939_2a6c7605);
    let second = bytes(0xa49c7ff2_689f352b_6b5bea43_026a5049);
    assert_eq!(two(VecFn::AesEncrypt, start, key), second);
    let plain = two(VecFn::AesEncryptLast, start, 0);
    assert_eq!(two(VecFn::AesDecryptLast, plain, 0), start);
}

#[test]
fn sums_saturate_and_choose() {
    let all = u128::from_le_bytes([0xff; 16]);
    assert_eq!(two(VecFn::SumDifferences, all, 0), 0x7f8 | 0x7f8 << 64);
    let (most, least) = (u128::from_le_bytes([0x7f; 16]), u128::from_le_bytes([0x80; 16]));
    assert_eq!(two(VecFn::MultiplyAddBytes, all, most) as u16, 0x7fff);
    assert_eq!(two(VecFn::MultiplyAddBytes, all, least) as u16, 0x8000);
    assert_eq!(two(VecFn::PickBytes, 0x0302_0100, 0x80_13) as u16, 3);
    assert_eq!(eval_vec_fn(VecFn::MinPosition, [0x5_0003_0004_0003_0007, 0, 0], 0), 0 | 5 << 16);
    assert_eq!(eval_vec_fn(VecFn::PlacedDifferences, [0x0908_0706_0504_0302_0100, 0, 0], 4) as u16, 4 + 5 + 6 + 7);
}

#[test]
fn numbers_are_positions_and_names_differ() {
    for (n, f) in VecFn::ALL.iter().enumerate() {
        assert_eq!((*f as usize, VecFn::from_sub(n as u8)), (n, *f));
        assert_eq!(VecFn::ALL.iter().filter(|other| other.name() == f.name()).count(), 1);
    }
}
