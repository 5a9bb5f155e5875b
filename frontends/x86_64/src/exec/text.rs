//! PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. SDM vol. 2, "Immediate Byte Operand Control" of "PCMPxSTRx".

use super::flags;
use crate::state::{self, CF, OF, SF, ZF, xmm};
use brolga_core::Env;

/// Bits of `which` above the register's number and, in bits 15..8, the immediate.
pub mod which {
    /// Lengths are in RAX and RDX.
    pub const EXPLICIT: u64 = 1 << 16;
    /// The result is a mask.
    pub const MASK: u64 = 1 << 17;
    /// Lengths have 64 bits.
    pub const WIDE: u64 = 1 << 18;
}

/// A text operand.
struct Text {
    /// Characters, extended.
    chars: [i32; 16],
    /// How many of them count.
    len: usize,
}

fn text(v: u128, imm: u64, length: Option<i64>) -> Text {
    let count = count(imm);
    let (words, signed) = (imm & 1 != 0, imm & 2 != 0);
    let chars = std::array::from_fn(|k| match (words, signed) {
        _ if k >= count => 0,
        (true, true) => i32::from((v >> (16 * k)) as i16),
        (true, false) => i32::from((v >> (16 * k)) as u16),
        (false, true) => i32::from((v >> (8 * k)) as i8),
        (false, false) => i32::from((v >> (8 * k)) as u8),
    });
    let implicit = || chars[..count].iter().position(|&c| c == 0).unwrap_or(count);
    Text { chars, len: length.map_or_else(implicit, |n| n.unsigned_abs().min(count as u64) as usize) }
}

/// Characters of an operand.
fn count(imm: u64) -> usize {
    if imm & 1 != 0 { 8 } else { 16 }
}

/// What the aggregation says of each character of `b`.
fn aggregate(imm: u64, a: &Text, b: &Text) -> u32 {
    let n = count(imm);
    let holds = |j: usize| match imm >> 2 & 3 {
        0 => j < b.len && a.chars[..a.len].contains(&b.chars[j]),
        1 => {
            j < b.len
                && a.chars[..a.len / 2 * 2].chunks(2).any(|range| range[0] <= b.chars[j] && b.chars[j] <= range[1])
        }
        2 => match (j < a.len, j < b.len) {
            (true, true) => a.chars[j] == b.chars[j],
            (one, other) => one == other,
        },
        _ => (0..a.len.min(n - j)).all(|i| j + i < b.len && a.chars[i] == b.chars[j + i]),
    };
    (0..n).filter(|&j| holds(j)).fold(0, |bits, j| bits | 1 << j)
}

/// One of the four; the second operand is `low` and `high`. Writes RCX or XMM0, and the flags.
pub extern "C" fn compare(env: &mut Env, which: u64, low: u64, high: u64) -> u64 {
    let imm = which >> 8 & 0xff;
    let length = |reg| {
        let v = env.get(reg);
        (which & which::EXPLICIT != 0).then_some(if which & which::WIDE != 0 { v as i64 } else { i64::from(v as i32) })
    };
    let a = text(env.get128(xmm(which as u32 & 15)), imm, length(state::RAX));
    let b = text(low as u128 | (high as u128) << 64, imm, length(state::RDX));
    let n = count(imm);
    let all = (1u32 << n) - 1;
    let valid = (1u32 << b.len) - 1;
    let first = aggregate(imm, &a, &b);
    let bits = match imm >> 4 & 3 {
        1 => !first & all,
        3 => first ^ valid,
        _ => first,
    };
    let upper = imm & 0x40 != 0;
    if which & which::MASK != 0 {
        let width = 128 / n;
        let lane = if upper { u128::MAX >> (128 - width) } else { 1 };
        let at = |k: usize| if upper { k * width } else { k };
        let chosen = (0..n).filter(|k| bits >> k & 1 != 0);
        env.set128(xmm(0), chosen.fold(0, |mask, k| mask | lane << at(k)));
    } else {
        let index = if upper { 31u32.wrapping_sub(bits.leading_zeros()) } else { bits.trailing_zeros() };
        env.set(state::RCX, if bits == 0 { n as u64 } else { index.into() });
    }
    let flag = |c: bool, flag: u64| if c { flag } else { 0 };
    let all_flags = flag(bits != 0, CF) | flag(b.len < n, ZF) | flag(a.len < n, SF) | flag(bits & 1 != 0, OF);
    flags::set_status(env, all_flags);
    0
}
