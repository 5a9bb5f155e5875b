//! "Advanced SIMD modified immediate".

use super::*;

/// What is done with the immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named as the instructions")]
pub enum ImmOp {
    Movi,
    Mvni,
    Orr,
    Bic,
    Fmov,
    FmovHalf,
}

/// MOVI, MVNI, ORR, BIC, FMOV (vector, immediate).
pub fn modified_imm(cx: &mut Cx, i: ModifiedImm, kind: ImmOp) -> Flow {
    let imm8 = (i.abc << 5 | i.defgh) as u64;
    let imm = match kind {
        ImmOp::Fmov if i.op => double(imm8),
        ImmOp::Fmov => repeat(single(imm8), 32),
        ImmOp::FmovHalf => repeat(half(imm8), 16),
        _ => expand(i.op, i.cmode, imm8),
    };
    let live = if i.q { (imm as u128) << 64 | imm as u128 } else { imm as u128 };
    let v = match kind {
        ImmOp::Mvni => cx.b.vconst(if i.q { !live } else { !imm as u128 }),
        ImmOp::Orr | ImmOp::Bic => {
            let (d, imm) = (cx.vreg(i.rd), cx.b.vconst(live));
            let v = if kind == ImmOp::Orr { cx.b.or(Ty::V128, d, imm) } else { cx.b.bic(Ty::V128, d, imm) };
            cx.set_vector(i.q, i.rd, v);
            return Flow::Next;
        }
        _ => cx.b.vconst(live),
    };
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// A pattern of `bits` bits in all of a doubleword.
fn repeat(pattern: u64, bits: u32) -> u64 {
    pattern * (u64::MAX / (u64::MAX >> (64 - bits)))
}

/// Arm ARM, shared pseudocode "AdvSIMDExpandImm", for the integer values of `cmode`.
fn expand(op: bool, cmode: u32, imm8: u64) -> u64 {
    match cmode >> 1 {
        n @ 0..=3 => repeat(imm8 << (8 * n), 32),
        n @ 4..=5 => repeat(imm8 << (8 * (n - 4)), 16),
        // Ones are shifted in.
        6 if cmode & 1 == 0 => repeat(imm8 << 8 | 0xff, 32),
        6 => repeat(imm8 << 16 | 0xffff, 32),
        _ if !op => repeat(imm8, 8),
        // Each bit becomes a byte.
        _ => (0..8).fold(0, |r, k| r | ((imm8 >> k & 1) * 0xff) << (8 * k)),
    }
}

/// Arm ARM, shared pseudocode "VFPExpandImm", to binary16.
fn half(imm8: u64) -> u64 {
    (imm8 & 0x80) << 8 | if imm8 & 0x40 != 0 { 0x3000 } else { 0x4000 } | (imm8 & 0x3f) << 6
}

/// "VFPExpandImm" to binary32.
fn single(imm8: u64) -> u64 {
    (imm8 & 0x80) << 24 | if imm8 & 0x40 != 0 { 0x3e00_0000 } else { 0x4000_0000 } | (imm8 & 0x3f) << 19
}

/// "VFPExpandImm" to binary64.
fn double(imm8: u64) -> u64 {
    let exponent = if imm8 & 0x40 != 0 { 0x3fc0_0000_0000_0000 } else { 0x4000_0000_0000_0000 };
    (imm8 & 0x80) << 56 | exponent | (imm8 & 0x3f) << 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_the_numbers_they_name() {
        for (imm8, value) in [(0x70, 1.0), (0x00, 2.0), (0x80, -2.0), (0x3f, 31.0), (0x40, 0.125), (0xff, -1.9375)] {
            assert_eq!(f64::from_bits(double(imm8)), value);
            assert_eq!(f32::from_bits(single(imm8) as u32) as f64, value);
        }
        assert_eq!([half(0x70), half(0x00), half(0xf8)], [0x3c00, 0x4000, 0xbe00]);
    }

    #[test]
    fn patterns_of_each_cmode() {
        let e = |op, cmode| expand(op, cmode, 0xa5);
        assert_eq!(e(false, 0), 0x0000_00a5_0000_00a5);
        assert_eq!(e(false, 6), 0xa500_0000_a500_0000);
        assert_eq!(e(false, 8), 0x00a5_00a5_00a5_00a5);
        assert_eq!(e(false, 10), 0xa500_a500_a500_a500);
        assert_eq!(e(false, 12), 0x0000_a5ff_0000_a5ff);
        assert_eq!(e(false, 13), 0x00a5_ffff_00a5_ffff);
        assert_eq!(e(false, 14), 0xa5a5_a5a5_a5a5_a5a5);
        assert_eq!(e(true, 14), 0xff00_ff00_00ff_00ff);
    }
}
