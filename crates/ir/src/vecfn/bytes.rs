//! Sums and choices of bytes.

/// PSADBW. SDM vol. 2.
pub fn sum_differences(a: u128, b: u128) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let half = |first: usize| (first..first + 8).map(|k| u128::from(a[k].abs_diff(b[k]))).sum::<u128>();
    half(0) | half(8) << 64
}

/// MPSADBW: bit 2 of the immediate is where in the first operand the places begin, bits 1..0 which four bytes of the second
/// one they are compared with.
pub fn placed_differences(a: u128, b: u128, imm: u8) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let (from, to) = (usize::from(imm >> 2 & 1) * 4, usize::from(imm & 3) * 4);
    let sum = |k: usize| (0..4).map(|j| u128::from(a[from + k + j].abs_diff(b[to + j]))).sum::<u128>();
    (0..8).fold(0, |r, k| r | sum(k) << (16 * k))
}

/// PMADDUBSW.
pub fn multiply_add(a: u128, b: u128) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let product = |k: usize| i32::from(a[k]) * i32::from(b[k].cast_signed());
    let sum = |k: usize| (product(2 * k) + product(2 * k + 1)).clamp(i16::MIN.into(), i16::MAX.into());
    (0..8).fold(0, |r, k| r | u128::from(sum(k) as u16) << (16 * k))
}

/// PSHUFB.
pub fn pick(a: u128, indices: u128) -> u128 {
    let a = a.to_le_bytes();
    let byte = |i: u8| if i & 0x80 != 0 { 0 } else { a[usize::from(i & 15)] };
    u128::from_le_bytes(indices.to_le_bytes().map(byte))
}

/// PHMINPOSUW: of equal lanes the lowest.
pub fn min_position(a: u128) -> u128 {
    let lane = |k: u128| (a >> (16 * k)) as u16;
    let (least, at) = (0..8).map(|k| (lane(k), k)).min().unwrap_or_default();
    u128::from(least) | at << 16
}
