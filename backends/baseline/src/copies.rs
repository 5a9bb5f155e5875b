//! Which words of the register file host registers hold, too, and which will be read again.
//!
//! Every write of a guest register goes to memory at once, so its copy is never the only place of the value, and state is
//! complete at every access. A temporary that is read again soon is in its copy alone: it goes to memory when the register is
//! wanted for another, and before what leads elsewhere or reads words in memory. Nobody misses it at a fault, behind which
//! tier 0 begins the instruction anew.

use brolga_interp::{Code as Op, FlatOp, NONE};
use cranelift_assembler_x64::gpr::enc;

/// Registers that hold copies: what no op uses for itself.
const HOLDERS: [u8; 7] = [enc::R9, enc::R10, enc::R11, enc::R12, enc::R13, enc::R14, enc::R15];

/// What a holder has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Copy {
    word: u8,
    /// Whether memory does not have it.
    alone: bool,
}

/// Copies at one point of the code.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    held: [Option<Copy>; HOLDERS.len()],
    /// The holder to be used next if none is free.
    next: usize,
}

impl Copies {
    fn place(&self, w: u8) -> Option<usize> {
        self.held.iter().position(|copy| copy.is_some_and(|copy| copy.word == w))
    }

    /// The register that holds word `w`.
    pub(crate) fn find(&self, w: u8) -> Option<u8> {
        self.place(w).map(|i| HOLDERS[i])
    }

    /// A register that will hold word `w`, `alone` or as memory does; the word that it alone held until now goes to memory first.
    pub(crate) fn take(&mut self, w: u8, alone: bool) -> (u8, Option<u8>) {
        let n = HOLDERS.len();
        let free = (0..n).map(|k| (self.next + k) % n).find(|&i| self.held[i].is_none());
        let i = free.unwrap_or(self.next);
        self.next = (i + 1) % n;
        let old = self.held[i].replace(Copy { word: w, alone });
        (HOLDERS[i], old.filter(|old| old.alone).map(|old| old.word))
    }

    /// Lets `register` hold what it does when the next word is taken.
    pub(crate) fn spare(&mut self, register: u8) {
        if HOLDERS[self.next] == register {
            self.next = (self.next + 1) % HOLDERS.len();
        }
    }

    /// Words were written in memory, or are read no more.
    pub(crate) fn changed(&mut self, w: u8, count: u8) {
        for held in &mut self.held {
            if held.is_some_and(|copy| copy.word.wrapping_sub(w) < count) {
                *held = None;
            }
        }
    }

    /// What is to go to memory, which has all words then: registers and the words they alone hold.
    pub(crate) fn settle(&mut self) -> impl Iterator<Item = (u8, u8)> {
        let copies = HOLDERS.iter().zip(&mut self.held);
        copies.filter_map(|(&register, held)| {
            let copy = held.as_mut().filter(|copy| copy.alone)?;
            copy.alone = false;
            Some((register, copy.word))
        })
    }

    pub(crate) fn forget(&mut self) {
        self.held = Default::default();
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
    /// The result is a temporary that nothing reads. For sure.
    pub unread: bool,
    /// Which of `a`, `b` and `c` are temporaries that nothing reads later. For sure.
    pub dead: [bool; 3],
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

/// Ops that read words of their operands in memory, or may: all but those that look for copies.
pub(crate) fn reads_memory(op: &FlatOp) -> bool {
    use Op::*;
    let by_copies = [Const, Deposit, Select, Binary, Unary, LoadAny, StoreAny, Fence, LightFence, Goto, Raise];
    !takes_first(op) && !by_copies.contains(&op.code)
}

/// Whether an op may lead to another than the next.
pub(crate) fn branches(op: &FlatOp) -> bool {
    matches!(op.code, Op::Jump | Op::JumpBack | Op::Brif | Op::BrifSub | Op::BrifCc)
}

/// A set of words.
#[derive(Clone, Copy, Default)]
struct Words([u64; 4]);

impl Words {
    const ALL: Words = Words([u64::MAX; 4]);

    fn has(&self, w: u8) -> bool {
        self.0[usize::from(w >> 6)] >> (w & 63) & 1 != 0
    }

    fn add(&mut self, w: u8) {
        self.0[usize::from(w >> 6)] |= 1 << (w & 63);
    }

    fn remove(&mut self, w: u8) {
        self.0[usize::from(w >> 6)] &= !(1 << (w & 63));
    }

    fn or(self, other: Words) -> Words {
        Words(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }
}

/// Words that may be read before they are written, going backwards.
struct Live {
    words: Words,
    /// The same where something leads to.
    at: Vec<(usize, Words)>,
}

impl Live {
    /// Those at op `to`, seen from op `from`. What leads back may read anything.
    fn at(&self, from: usize, to: usize) -> Words {
        let known = self.at.iter().find(|(index, _)| *index == to).filter(|_| to > from);
        known.map_or(Words::ALL, |(_, words)| *words)
    }

    /// Those behind op `i`, which are needed where control goes from there.
    fn behind(&mut self, i: usize, op: &FlatOp) -> Words {
        self.words = match op.code {
            Op::Goto | Op::GotoInd | Op::Raise => Words::default(),
            Op::Jump | Op::JumpBack => self.at(i, op.imm as usize),
            Op::Brif | Op::BrifSub | Op::BrifCc => {
                self.at(i, op.imm as u32 as usize).or(self.at(i, (op.imm >> 32) as usize))
            }
            _ => self.words,
        };
        self.words
    }
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
    let mut live = Live { words: Words::default(), at: Vec::new() };
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
        let behind = live.behind(i, op);
        let private = |w: u8| w >= scratch && w != NONE;
        future.unread = private(op.dst) && !behind.has(op.dst);
        future.dead = [op.a, op.b, op.c].map(|w| private(w) && !behind.has(w));
        live.words.remove(op.dst);
        (read[dst], readers[dst]) = (false, (0, 0));
        (future.a, future.b) = (read[usize::from(op.a)], read[usize::from(op.b)]);
        for w in [op.a, op.b, op.c] {
            read[usize::from(w)] = true;
            for w in w..=w.saturating_add(words(op) - 1) {
                let (count, _) = readers[usize::from(w)];
                readers[usize::from(w)] = (count.saturating_add(1), i);
                live.words.add(w);
            }
        }
        if starts(i) {
            read = [false; 256];
            live.at.push((i, live.words));
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
        let first = copies.take(5, false).0;
        assert_eq!((copies.find(5), copies.find(6)), (Some(first), None));
        copies.changed(4, 2);
        assert_eq!(copies.find(5), None);
        for w in 10..18 {
            copies.take(w, false);
        }
        assert_eq!(copies.find(10), None, "its register holds another");
        assert!(copies.find(17).is_some());
        copies.changed(255, 2);
        let kept = copies.find(17).unwrap();
        for w in 20..26 {
            copies.take(w, false);
        }
        copies.spare(kept);
        copies.take(30, false);
        assert_eq!(copies.find(17), Some(kept));
    }

    #[test]
    fn what_a_register_alone_holds_goes_to_memory_before_it_is_another() {
        let mut copies = Copies::default();
        let first = copies.take(200, true).0;
        assert!((1..HOLDERS.len() as u8).all(|w| copies.take(w, false).1.is_none()));
        assert_eq!(copies.take(20, false), (first, Some(200)));
        let (register, none) = copies.take(201, true);
        assert_eq!(none, None, "memory has what was there");
        assert_eq!(copies.settle().collect::<Vec<_>>(), [(register, 201)]);
        assert_eq!((copies.settle().count(), copies.find(201)), (0, Some(register)));
        copies.changed(201, 1);
        assert_eq!(copies.take(202, true), (register, None), "a free one goes first");
    }

    #[test]
    fn temporaries_die_with_their_last_read() {
        let ops =
            [op(Op::Add64R, T, 1, 2), op(Op::Mov, 3, T, NONE), op(Op::Mov, 4, T, NONE), op(Op::Const, T, NONE, NONE)];
        let all = of(&ops);
        assert_eq!(all.iter().map(|f| f.dead[0]).collect::<Vec<_>>(), [false, false, true, false]);
        assert!(all[3].unread && !all[0].unread);
        // What a branch leads to may read it, in either place; what leads back may read anything.
        let goto = op(Op::Goto, NONE, NONE, NONE);
        let to = |then: u64, other: u64| FlatOp { imm: then | other << 32, ..op(Op::Brif, NONE, 5, NONE) };
        let reader = op(Op::Mov, 4, T, NONE);
        let ops = [op(Op::Const, T, NONE, NONE), reader, to(3, 4), goto, reader, goto];
        let starts = |i: usize| i == 3 || i == 4;
        let all = futures(&ops, starts, false, 100);
        assert!(!all[1].dead[0] && all[4].dead[0], "{all:?}");
        let ops = [ops[0], reader, to(3, 5), goto, reader, goto];
        assert!(futures(&ops, |i| i == 3 || i == 5, false, 100)[1].dead[0], "nobody gets to the other");
        let ops = [ops[0], reader, to(1, 3), goto];
        assert!(!futures(&ops, |i| i == 1 || i == 3, true, 100)[1].dead[0]);
    }
}
