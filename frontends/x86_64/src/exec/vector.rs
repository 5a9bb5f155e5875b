//! Vector helpers on XMM registers.

use crate::state::xmm;
use brolga_core::Env;

/// Shifts all lanes of XMM register `n` by `count`. `how`: bits of a lane, bit 8 to the left, bit 9 arithmetic.
/// SDM vol. 2, "PSLLW/PSLLD/PSLLQ" and neighbours: a count of the width or more shifts everything out.
pub extern "C" fn shift(env: &mut Env, n: u64, count: u64, how: u64) -> u64 {
    let reg = xmm(n as u32 & 15);
    let v = env.get128(reg);
    env.set128(reg, shifted(v, count, how));
    0
}

/// The same of an MMX register's value.
pub extern "C" fn mmx_shift(_env: &mut Env, v: u64, count: u64, how: u64) -> u64 {
    shifted(v.into(), count, how) as u64
}

fn shifted(v: u128, count: u64, how: u64) -> u128 {
    let bits = how as u32 & 0xff;
    let (left, arithmetic) = (how & 0x100 != 0, how & 0x200 != 0);
    let mask = (1u128 << bits) - 1;
    let count = count.min(u64::from(bits)) as u32;
    let lane = |x: u128| {
        if arithmetic {
            let wide = ((x << (128 - bits)) as i128) >> (128 - bits);
            (wide >> count) as u128 & mask
        } else if left {
            x << count & mask
        } else {
            x >> count
        }
    };
    (0..128 / bits).fold(0, |r, k| r | lane(v >> (k * bits) & mask) << (k * bits))
}
