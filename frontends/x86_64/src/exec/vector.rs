//! Vector helpers on XMM registers.

use brolga_core::{Env, Reg};

/// PHMINPOSUW: the least of eight unsigned lanes of 16 bits, and above it the lowest lane that has it.
pub extern "C" fn min_position(_env: &mut Env, low: u64, high: u64, _: u64) -> u64 {
    let v = low as u128 | (high as u128) << 64;
    let lane = |k: u64| (v >> (16 * k)) as u16;
    let (least, at) = (0..8).map(|k| (lane(k), k)).min().unwrap_or_default();
    u64::from(least) | at << 16
}

/// MPSADBW: the vector at word `which & 255` of the register file against the second operand, the immediate in bits 15..8.
/// Eight sums of differences of four bytes of the second operand and of as many neighbouring places of the first.
pub extern "C" fn mpsadbw(env: &mut Env, which: u64, low: u64, high: u64) -> u64 {
    let (reg, imm) = (Reg(which as u8), which >> 8);
    let a = env.get128(reg).to_le_bytes();
    let b = (low as u128 | (high as u128) << 64).to_le_bytes();
    let (from, to) = ((imm >> 2 & 1) as usize * 4, (imm & 3) as usize * 4);
    let sum = |k: usize| (0..4).map(|j| u128::from(a[from + k + j].abs_diff(b[to + j]))).sum::<u128>();
    let r = (0..8).fold(0, |r, k| r | sum(k) << (16 * k));
    env.set128(reg, r);
    0
}
