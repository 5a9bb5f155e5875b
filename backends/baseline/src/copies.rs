//! Which words of the register file host registers hold, too, and which will be read again.
//!
//! Every write of a guest register goes to memory at once, so a copy is never the only place of a value, may be forgotten
//! at any time, and state is complete at every access. A temporary that only the very next op reads need not go there.

use brolga_interp::{Code as Op, FlatOp, NONE};
use cranelift_assembler_x64::gpr::enc;

/// Registers that hold copies: what no op uses for itself.
const HOLDERS: [u8; 7] = [enc::R9, enc::R10, enc::R11, enc::R12, enc::R13, enc::R14, enc::R15];

/// Copies at one point of the code.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    words: [Option<u8>; HOLDERS.len()],
    /// The holder to be used next.
    next: usize,
}

impl Copies {
    /// The register that holds word `w`.
    pub(crate) fn find(&self, w: u8) -> Option<u8> {
        self.words.iter().position(|held| *held == Some(w)).map(|i| HOLDERS[i])
    }

    /// A register that will hold word `w`.
    pub(crate) fn take(&mut self, w: u8) -> u8 {
        let i = self.next;
        self.next = (i + 1) % HOLDERS.len();
        self.words[i] = Some(w);
        HOLDERS[i]
    }

    /// Lets `register` hold what it does when the next word is taken.
    pub(crate) fn spare(&mut self, register: u8) {
        if HOLDERS[self.next] == register {
            self.next = (self.next + 1) % HOLDERS.len();
        }
    }

    /// Words were written in memory.
    pub(crate) fn changed(&mut self, w: u8, count: u8) {
        for held in &mut self.words {
            if held.is_some_and(|h| h.wrapping_sub(w) < count) {
                *held = None;
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        self.words = Default::default();
    }
}

/// What becomes of an op's operands and result.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Future {
    /// The result is read again, before anything leads here from elsewhere. A guess: nothing depends on it.
    pub result: bool,
    /// The same of `a` and `b`.
    pub a: bool,
    pub b: bool,
    /// The result is a temporary that nothing reads but the next op, as its first operand. For sure.
    pub next_only: bool,
    /// That op is a branch.
    pub branch_next: bool,
}

/// Ops that read `a` through [`crate::emit::Emitter::first`] alone, or as the base of an address.
fn takes_first(op: &FlatOp) -> bool {
    use Op::*;
    matches!(
        op.code,
        Mov | Add64R
            | Add64I
            | Add32R
            | Add32I
            | Sub64R
            | Sub64I
            | Sub32R
            | Sub32I
            | Mul64
            | Mul32
            | And64R
            | And64I
            | Or64R
            | Or64I
            | Xor64R
            | Xor64I
            | Bic64
            | And32R
            | Or32R
            | Or32I
            | Xor32R
            | Xor32I
            | Bic32
            | Shl64R
            | Shl64I
            | Shl32R
            | Shl32I
            | Lshr64R
            | Lshr64I
            | Lshr32R
            | Lshr32I
            | Ashr64R
            | Ashr64I
            | Ashr32R
            | Ashr32I
            | Rotr64R
            | Rotr64I
            | Rotr32R
            | Rotr32I
            | AddShl64
            | Sext
            | Extract
            | Sextract
            | IcmpR
            | IcmpI
            | SetCcR
            | SetCcI
            | CondSub64R
            | CondSub64I
            | CondSub32R
            | CondSub32I
            | Load8
            | Load16
            | Load32
            | Load64
            | Load128
            | Store8
            | Store16
            | Store32
            | Store64
            | Brif
            | BrifSub
            | GotoInd
    )
}

/// Words that an operand may be, from its first one on.
fn words(op: &FlatOp) -> u8 {
    if takes_first(op) { 1 } else { 3 }
}

/// For each op what becomes of its operands. `starts` tells where something may lead to from elsewhere; words from
/// `scratch` on are temporaries. In a `loops` block words may be read before they are written.
pub(crate) fn futures(ops: &[FlatOp], starts: impl Fn(usize) -> bool, loops: bool, scratch: u8) -> Vec<Future> {
    let mut futures = vec![Future::default(); ops.len()];
    // Of each word, whether it is read before it is written or something leads here; how often, and by which op first.
    let mut read = [false; 256];
    let mut readers = [(0u8, 0usize); 256];
    for (i, op) in ops.iter().enumerate().rev() {
        let (dst, future) = (usize::from(op.dst), &mut futures[i]);
        let next = ops.get(i + 1).filter(|_| !starts(i + 1));
        future.result = read[dst];
        future.next_only = op.dst >= scratch
            && op.dst != NONE
            && !loops
            && readers[dst] == (1, i + 1)
            && next.is_some_and(|next| takes_first(next) && next.a == op.dst && next.b != op.dst && next.c != op.dst);
        future.branch_next = future.next_only && next.is_some_and(|next| next.code == Op::Brif);
        (read[dst], readers[dst]) = (false, (0, 0));
        (future.a, future.b) = (read[usize::from(op.a)], read[usize::from(op.b)]);
        for w in [op.a, op.b, op.c] {
            read[usize::from(w)] = true;
            for w in w..=w.saturating_add(words(op) - 1) {
                let (count, _) = readers[usize::from(w)];
                readers[usize::from(w)] = (count.saturating_add(1), i);
            }
        }
        if starts(i) {
            read = [false; 256];
        }
    }
    futures
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u8 = 200;

    fn op(code: Op, dst: u8, a: u8, b: u8) -> FlatOp {
        FlatOp { dst, a, b, ..FlatOp::new(code) }
    }

    fn of(ops: &[FlatOp]) -> Vec<Future> {
        futures(ops, |_| false, false, 100)
    }

    #[test]
    fn temporary_of_the_next_op_alone_stays_out_of_memory() {
        let ops = [op(Op::Add64R, T, 1, 2), op(Op::Load64, 3, T, NONE), op(Op::Mov, 4, 3, NONE)];
        assert_eq!(of(&ops).iter().map(|f| f.next_only).collect::<Vec<_>>(), [true, false, false]);
        // Read twice, read later, read as another operand, or led to from elsewhere.
        let twice = [ops[0], op(Op::Add64R, 3, T, T)];
        let later = [ops[0], op(Op::Load64, 3, T, NONE), op(Op::Mov, 4, T, NONE)];
        let second = [ops[0], op(Op::Add64R, 3, 4, T)];
        for ops in [&twice[..], &later, &second] {
            assert!(!of(ops)[0].next_only, "{ops:?}");
        }
        assert!(!futures(&ops, |i| i == 1, false, 100)[0].next_only);
        assert!(!futures(&ops, |_| false, true, 100)[0].next_only);
        // What is written between is another value.
        let again = [ops[0], ops[1], op(Op::Const, T, NONE, NONE), op(Op::Mov, 4, T, NONE)];
        assert!(of(&again)[0].next_only);
    }

    #[test]
    fn reads_of_a_word_count_until_it_is_written() {
        let ops = [op(Op::Add64R, 1, 2, 3), op(Op::Mov, 2, 1, NONE), op(Op::Mov, 4, 2, NONE)];
        let futures = of(&ops);
        assert!(futures[0].result && !futures[0].a && !futures[0].b);
        assert!(futures[1].result && !futures[2].result);
    }

    #[test]
    fn copies_are_found_until_their_word_changes() {
        let mut copies = Copies::default();
        let first = copies.take(5);
        assert_eq!((copies.find(5), copies.find(6)), (Some(first), None));
        copies.changed(4, 2);
        assert_eq!(copies.find(5), None);
        for w in 10..18 {
            copies.take(w);
        }
        assert_eq!(copies.find(10), None, "its register holds another");
        assert!(copies.find(17).is_some());
        copies.changed(255, 2);
        let kept = copies.find(17).unwrap();
        for w in 20..26 {
            copies.take(w);
        }
        copies.spare(kept);
        copies.take(30);
        assert_eq!(copies.find(17), Some(kept));
    }
}
