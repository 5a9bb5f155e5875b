//! What becomes of an op's operands and result: one pass backwards over the flat form.

use brolga_interp::{Code as Op, FlatOp, NONE};
use brolga_ir::Op as IrOp;
use brolga_ir::ops::ALL_OPS;

/// What becomes of an op's operands and result.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Future {
    /// The result is read again, before anything leads here from elsewhere. A guess: nothing depends on it.
    pub result: bool,
    /// The same of `a`, `b` and `c`.
    pub again: [bool; 3],
    /// Nothing reads the result, and nobody sees it in memory. For sure.
    pub unread: bool,
    /// The result is read again, but nobody sees it in memory before it is written again. For sure.
    pub alone: bool,
    /// Which of `a`, `b` and `c` are temporaries that nothing reads later. For sure.
    pub dead: [bool; 3],
    /// The result is a temporary that nothing reads but the next op, a branch or selection, as what decides. For sure.
    pub truth_next: bool,
    /// The same of a load or store, as its address.
    pub address_next: bool,
    /// The result is a temporary that nothing reads but a store, as what is stored. For sure.
    pub stored: bool,
}

/// Ops that look for copies of their operands, which are single words.
fn takes_first(op: &FlatOp) -> bool {
    use Op::*;
    if op.code == Vector {
        return ALL_OPS[usize::from(op.aux & 0xff)] == IrOp::Vscalar;
    }
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

fn is_short_store(op: &FlatOp) -> bool {
    matches!(op.code, Op::Store8 | Op::Store16 | Op::Store32 | Op::Store64)
}

fn is_short_load(op: &FlatOp) -> bool {
    matches!(op.code, Op::Load8 | Op::Load16 | Op::Load32 | Op::Load64 | Op::Load128)
}

/// Ops that read words of their operands in memory, or may: all but those that look for copies.
pub(crate) fn reads_memory(op: &FlatOp) -> bool {
    use Op::*;
    let by_copies = matches!(
        op.code,
        Const | Deposit | Select | Binary | Unary | LoadAny | StoreAny | Fence | LightFence | Goto | Raise
    );
    !takes_first(op) && !by_copies
}

/// Ops on words that have no effect but their result.
pub(crate) fn is_scalar(op: &FlatOp) -> bool {
    use Op::*;
    let others = matches!(op.code, Const | Deposit | Select);
    let effects = matches!(op.code, SetCcR | SetCcI | Load8 | Load16 | Load32 | Load64 | Load128 | GotoInd | Vector);
    let leaves = branches(op) || is_short_store(op) || effects;
    op.dst != NONE && (takes_first(op) && !leaves || others)
}

/// Whether an op may lead to another than the next.
pub(crate) fn branches(op: &FlatOp) -> bool {
    matches!(op.code, Op::Jump | Op::JumpBack | Op::Brif | Op::BrifSub | Op::BrifCc)
}

/// Whether the guest's registers may be looked at in memory when the op begins, or behind it: it may fault, leave, or call.
fn observes(op: &FlatOp) -> bool {
    use Op::*;
    let loads = matches!(op.code, Load8 | Load16 | Load32 | Load64 | LoadAny | Load128);
    let stores =
        matches!(op.code, Store8 | Store16 | Store32 | Store64 | StoreAny | Store128 | Rmw | Cas | Cas128 | MemCopy);
    loads || stores || branches(op) || matches!(op.code, Goto | GotoInd | Raise | Call | FpLanes)
}

/// Calls `f` with one word or three, from `first` on, as far as there are so many.
#[inline(always)]
fn each_of(first: u8, words: u8, mut f: impl FnMut(u8)) {
    f(first);
    if words > 1 {
        (1..words).filter_map(|k| first.checked_add(k)).for_each(f);
    }
}

/// Whether what the op writes is written again before anybody sees it in memory. `rewritten` are the words of which that
/// is so behind the op, and then those before it.
fn unseen(rewritten: &mut Words, op: &FlatOp) -> bool {
    let mut unseen = true;
    each_of(op.dst, written(op), |w| unseen &= rewritten.has(w));
    if observes(op) {
        *rewritten = Words::default();
        return unseen;
    }
    each_of(op.dst, written(op), |w| rewritten.add(w));
    if !takes_first(op) {
        [op.a, op.b, op.c].into_iter().for_each(|first| each_of(first, words(op), |w| rewritten.remove(w)));
    }
    unseen
}

/// How many words an op writes at least.
fn written(op: &FlatOp) -> u8 {
    if matches!(op.code, Op::SetCcR | Op::SetCcI | Op::SetCcCarry | Op::SelectCc) { 3 } else { 1 }
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

    /// Removes a word; tells whether it was there.
    fn take(&mut self, w: u8) -> bool {
        let had = self.has(w);
        self.remove(w);
        had
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

    /// Makes `words` those behind op `i`, which are needed where control goes from there.
    fn go_behind(&mut self, i: usize, op: &FlatOp) {
        match op.code {
            Op::Goto | Op::GotoInd | Op::Raise => self.words = Words::default(),
            Op::Jump | Op::JumpBack => self.words = self.at(i, op.imm as usize),
            Op::Brif | Op::BrifSub | Op::BrifCc => {
                self.words = self.at(i, op.imm as u32 as usize).or(self.at(i, (op.imm >> 32) as usize));
            }
            _ => {}
        }
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
    // Of each word, whether it is read before it is written or something leads here; of temporaries how often, and by which op
    // first.
    let mut read = Words::default();
    let (mut counts, mut readers) = ([0u8; 256], [0u32; 256]);
    let mut rewritten = Words::default();
    let mut live = Live { words: Words::default(), at: Vec::new() };
    let private = |w: u8| w >= scratch && w != NONE;
    for (i, op) in ops.iter().enumerate().rev() {
        let (dst, future) = (op.dst, &mut futures[i]);
        let (operands, first_read) = ([op.a, op.b, op.c], read.has(dst));
        each_of(dst, written(op), |w| future.result |= read.take(w));
        if private(dst) {
            let reader = readers[usize::from(dst)] as usize;
            if !loops && counts[usize::from(dst)] == 1 && first_read {
                let by = &ops[reader];
                let only = |w: u8| [by.a, by.b, by.c].into_iter().filter(|&operand| operand == w).count() == 1;
                future.stored = is_short_store(by) && by.b == dst && only(dst);
                if reader == i + 1 && by.a == dst && only(dst) {
                    future.truth_next = matches!(by.code, Op::Brif | Op::Select);
                    future.address_next = is_short_store(by) || is_short_load(by);
                }
            }
            counts[usize::from(dst)] = 0;
        }
        live.go_behind(i, op);
        let unseen = unseen(&mut rewritten, op);
        future.unread = private(dst) && !live.words.has(dst) || dst < scratch && unseen && !future.result;
        future.alone = future.result && (dst >= scratch || unseen);
        future.dead = operands.map(|w| private(w) && !live.words.has(w));
        live.words.remove(dst);
        future.again = operands.map(|w| w != NONE && read.has(w));
        for first in operands.into_iter().filter(|&w| w != NONE) {
            read.add(first);
            each_of(first, words(op), |w| {
                live.words.add(w);
                if private(w) {
                    counts[usize::from(w)] = counts[usize::from(w)].saturating_add(1);
                    readers[usize::from(w)] = i as u32;
                }
            });
        }
        if starts(i) {
            rewritten = Words::default();
            read = Words::default();
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
    fn what_only_the_next_access_or_branch_reads_is_not_made() {
        let ops = [op(Op::Add64R, T, 1, 2), op(Op::Load64, 3, T, NONE), op(Op::Mov, 4, 3, NONE)];
        assert_eq!(of(&ops).iter().map(|f| f.address_next).collect::<Vec<_>>(), [true, false, false]);
        // Read twice, read later, read as another operand, or led to from elsewhere.
        let twice = [ops[0], op(Op::Store64, NONE, T, T)];
        let later = [ops[0], op(Op::Load64, 3, T, NONE), op(Op::Mov, 4, T, NONE)];
        let second = [ops[0], op(Op::Store64, NONE, 3, T)];
        for ops in [&twice[..], &later, &second] {
            assert!(!of(ops)[0].address_next, "{ops:?}");
        }
        assert!(!futures(&ops, |i| i == 1, false, 100)[0].address_next);
        assert!(!futures(&ops, |_| false, true, 100)[0].address_next);
        // What is written between is another value.
        let again = [ops[0], ops[1], op(Op::Const, T, NONE, NONE), op(Op::Mov, 4, T, NONE)];
        assert!(of(&again)[0].address_next);
        let branch = [op(Op::IcmpR, T, 1, 2), op(Op::Brif, NONE, T, NONE)];
        assert!(of(&branch)[0].truth_next);
        let select = [branch[0], FlatOp { c: 6, ..op(Op::Select, 4, T, 5) }];
        assert!(of(&select)[0].truth_next);
        assert!(!of(&[branch[0], FlatOp { c: T, ..op(Op::Select, 4, T, 5) }])[0].truth_next);
    }

    #[test]
    fn a_word_is_unseen_until_it_may_be_looked_at() {
        let (first, second) = (op(Op::Add64R, 1, 2, 3), op(Op::Sub64R, 1, 2, 3));
        let of_first = |between: &[FlatOp]| {
            let future = of(&[&[first], between, &[second]].concat())[0];
            (future.unread, future.alone)
        };
        assert_eq!(of_first(&[]), (true, false));
        assert_eq!(of_first(&[op(Op::Mov, 4, 1, NONE)]), (false, true), "read in its register");
        for code in [Op::Load64, Op::Store8, Op::Call, Op::Goto] {
            assert_eq!(of_first(&[op(code, 4, 5, NONE)]), (false, false), "{code:?}");
        }
        assert_eq!(of_first(&[op(Op::Cond, 4, 0, NONE)]), (false, false), "the second of three words that are read");
        assert!(!futures(&[first, second], |i| i == 1, false, 100)[0].unread);
        // Flags are three words.
        let flags = op(Op::SetCcR, 10, 2, 3);
        assert!(!of(&[flags, op(Op::Mov, 4, 11, NONE), flags])[0].unread, "the second of them is read");
        assert!(of(&[flags, flags])[0].unread && !of(&[flags, op(Op::Mov, 10, 2, NONE)])[0].unread);
        assert!(of(&[op(Op::Mov, 12, 2, NONE), flags])[0].unread);
    }

    #[test]
    fn what_only_a_store_reads_is_told() {
        let stored = |ops: &[FlatOp]| of(ops)[0].stored;
        let (made, between) = (op(Op::Const, T, NONE, NONE), op(Op::Load64, 3, 4, NONE));
        assert!(stored(&[made, between, op(Op::Store64, NONE, 3, T)]));
        assert!(!stored(&[made, op(Op::Store64, NONE, T, T)]));
        assert!(!stored(&[made, op(Op::Store64, NONE, 3, T), op(Op::Mov, 4, T, NONE)]));
        assert!(!stored(&[FlatOp { dst: 5, ..made }, op(Op::Store64, NONE, 3, 5)]), "a guest register");
    }

    #[test]
    fn reads_of_a_word_count_until_it_is_written() {
        let ops = [op(Op::Add64R, 1, 2, 3), op(Op::Mov, 2, 1, NONE), op(Op::Mov, 4, 2, NONE)];
        let futures = of(&ops);
        assert!(futures[0].result && futures[0].again == [false; 3]);
        assert!(futures[1].result && !futures[2].result);
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
