//! Shuffles of bytes by constants: moves of lanes where one instruction has them (SSE2), else choices of bytes (SSSE3).

use crate::asm::{RAX, put, word};
use crate::emit::Emitter;
use crate::vector::{X0, X1};
use brolga_interp::FlatOp;

const X2: u8 = 2;
/// Selector of a zero byte.
const ZERO: u8 = 0x80;

/// What interleaves lanes of `bytes` bytes of the lower or upper halves of both operands.
fn interleaved(selectors: [u8; 16]) -> Option<(usize, bool)> {
    [1, 2, 4, 8].into_iter().flat_map(|bytes| [(bytes, false), (bytes, true)]).find(|&(bytes, upper)| {
        let first = if upper { 8 } else { 0 };
        let lane = |i: usize| first + i / (2 * bytes) * bytes + i % bytes + 16 * (i / bytes % 2);
        (0..16).all(|i| usize::from(selectors[i]) == lane(i))
    })
}

/// The immediate that chooses four lanes of 32 bits: of both operands two each, or of the first alone.
fn lanes32(selectors: [u8; 16]) -> Option<([u8; 4], u8)> {
    let words = selectors.as_chunks::<4>().0;
    let whole = words.iter().all(|w| w[0] % 4 == 0 && (1..4).all(|k| w[usize::from(k)] == w[0] + k));
    let lanes: [u8; 4] = std::array::from_fn(|k| words[k][0] / 4);
    let imm = lanes.iter().rev().fold(0, |imm, lane| imm << 2 | lane & 3);
    (whole && selectors.iter().all(|&s| s < 32)).then_some((lanes, imm))
}

impl Emitter<'_> {
    /// False if the op has no form here.
    pub(crate) fn shuffle(&mut self, op: &FlatOp) -> bool {
        let given = self.flat.wide[op.imm as usize].to_le_bytes();
        let selectors = if op.a == op.b { given.map(|s| if s < 32 { s & 15 } else { s }) } else { given };
        let (a, b) = (word(op.a), word(op.b));
        if let Some((bytes, upper)) = interleaved(given) {
            put!(self.asm, movups_a(X0, a));
            match (bytes, upper) {
                (1, false) => put!(self.asm, punpcklbw_a(X0, b)),
                (1, true) => put!(self.asm, punpckhbw_a(X0, b)),
                (2, false) => put!(self.asm, punpcklwd_a(X0, b)),
                (2, true) => put!(self.asm, punpckhwd_a(X0, b)),
                (4, false) => put!(self.asm, punpckldq_a(X0, b)),
                (4, true) => put!(self.asm, punpckhdq_a(X0, b)),
                (_, false) => put!(self.asm, punpcklqdq_a(X0, b)),
                (_, true) => put!(self.asm, punpckhqdq_a(X0, b)),
            }
        } else if let Some((lanes, imm)) = lanes32(selectors)
            && !self.mixed(lanes)
        {
            match lanes.map(|lane| lane < 4) {
                [true, true, true, true] => put!(self.asm, pshufd_a(X0, a, imm)),
                [false, false, false, false] => put!(self.asm, pshufd_a(X0, b, imm)),
                [first, ..] => {
                    put!(self.asm, movups_a(X0, if first { a } else { b }));
                    put!(self.asm, shufps_a(X0, if first { b } else { a }, imm));
                }
            }
        } else if self.plan.functions.sse41 {
            self.choose(op, selectors);
        } else {
            return false;
        }
        put!(self.asm, movups_b(word(op.dst), X0));
        self.changed(op.dst, 2);
        true
    }

    /// Whether a half of the result has lanes of both operands.
    fn mixed(&self, lanes: [u8; 4]) -> bool {
        let [a, b, c, d] = lanes.map(|lane| lane < 4);
        a != b || c != d
    }

    /// Any bytes: those of each operand apart, then both.
    fn choose(&mut self, op: &FlatOp, selectors: [u8; 16]) {
        let of = |second: bool| selectors.map(|s| if s < 32 && (s >= 16) == second { s & 15 } else { ZERO });
        let used = |choice: [u8; 16]| choice.iter().any(|&s| s != ZERO);
        put!(self.asm, pxor_a(X0, X0));
        for (w, choice) in [(op.a, of(false)), (op.b, of(true))] {
            if !used(choice) {
                continue;
            }
            let bits = u128::from_le_bytes(choice);
            self.asm.constant(RAX, bits as u64);
            put!(self.asm, movq_a(X1, RAX));
            self.asm.constant(RAX, (bits >> 64) as u64);
            put!(self.asm, movq_a(X2, RAX));
            put!(self.asm, punpcklqdq_a(X1, X2));
            put!(self.asm, movups_a(X2, word(w)));
            put!(self.asm, pshufb_a(X2, X1));
            put!(self.asm, por_a(X0, X2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_known() {
        let low_bytes = std::array::from_fn(|i| (i / 2 + i % 2 * 16) as u8);
        assert_eq!(interleaved(low_bytes), Some((1, false)));
        let high_halves = std::array::from_fn(|i| if i < 8 { i as u8 + 8 } else { i as u8 + 16 });
        assert_eq!(interleaved(high_halves), Some((8, true)));
        assert_eq!(interleaved(std::array::from_fn(|i| i as u8)), None);
        assert_eq!(lanes32(std::array::from_fn(|i| i as u8 ^ 4)), Some(([1, 0, 3, 2], 0xb1)));
        assert_eq!(lanes32(std::array::from_fn(|i| i as u8 + 1)), None);
        assert_eq!(lanes32([ZERO; 16]), None);
    }
}
