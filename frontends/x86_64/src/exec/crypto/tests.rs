//! Software and the host's instructions agree; where the host lacks one, the software's known answers stand alone.

use super::*;

#[test]
fn software_is_the_hosts() {
    // A multiplicative generator modulo 2^64.
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut word = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        u128::from(seed >> 32) << 96 | u128::from(seed) << 32 | u128::from(seed >> 17 & 0xffff_ffff)
    };
    for _ in 0..500 {
        let (a, b, c, imm) = (word(), word(), word(), word() as u8);
        for op in Op::ALL {
            if let Some(host) = host::run(op, a, b, c, imm) {
                assert_eq!(software(op, a, b, c, imm), host, "{op:?} {a:#x} {b:#x} {c:#x} {imm:#x}");
            }
        }
    }
}

#[test]
fn key_assist_is_the_first_step_of_the_standards_example() {
    // FIPS 197, appendix A.1: w3 is 09cf4f3c, and temp after substitution and the constant is 8b84eb01.
    let v = u128::from(0x3c4f_cf09u32) << 96;
    assert_eq!((software(Op::AesKey, 0, v, 0, 1) >> 96) as u32, 0x01eb_848b);
}

#[test]
fn numbers_are_positions() {
    for (n, op) in Op::ALL.into_iter().enumerate() {
        assert_eq!(op as usize, n);
    }
}
