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

/// A few truths about an op, in one byte: `emit` asks for them at every op.
#[derive(Clone, Copy)]
struct Class(u8);

impl Class {
    /// Looks for copies of its operands, which are single words.
    const FIRST: u8 = 1;
    const SHORT_STORE: u8 = 2;
    const SHORT_LOAD: u8 = 4;
    /// Reads words of its operands in memory, or may: all but those that look for copies.
    const MEMORY: u8 = 8;
    /// On words, without effect but its result, if it has one.
    const SCALAR: u8 = 16;
    /// May lead to another than the next.
    const BRANCH: u8 = 32;
    /// The guest's registers may be looked at in memory when it begins, or behind it: it may fault, leave, or call.
    const OBSERVES: u8 = 64;
    /// Writes three words, flags.
    const THREE: u8 = 128;

    /// Any other is of [`Class::MEMORY`] alone.
    const ROWS: [(&[Op], u8); 12] = {
        use Op::*;
        const SCALAR: &[Op] = &[
            Mov, Add64R, Add64I, Add32R, Add32I, Sub64R, Sub64I, Sub32R, Sub32I, Mul64, Mul32, And64R, And64I, Or64R,
            Or64I, Xor64R, Xor64I, Bic64, And32R, Or32R, Or32I, Xor32R, Xor32I, Bic32, Shl64R, Shl64I, Shl32R, Shl32I,
            Lshr64R, Lshr64I, Lshr32R, Lshr32I, Ashr64R, Ashr64I, Ashr32R, Ashr32I, Rotr64R, Rotr64I, Rotr32R, Rotr32I,
            AddShl64, Sext, Extract, Sextract, IcmpR, IcmpI, CondSub64R, CondSub64I, CondSub32R, CondSub32I,
        ];
        [
            (SCALAR, Class::FIRST | Class::SCALAR),
            (&[Load8, Load16, Load32, Load64, Load128], Class::FIRST | Class::SHORT_LOAD | Class::OBSERVES),
            (&[Store8, Store16, Store32, Store64], Class::FIRST | Class::SHORT_STORE | Class::OBSERVES),
            (&[Brif, BrifSub], Class::FIRST | Class::BRANCH | Class::OBSERVES),
            (&[GotoInd], Class::FIRST | Class::OBSERVES),
            (&[SetCcR, SetCcI], Class::FIRST | Class::THREE),
            (&[Const, Deposit, Select], Class::SCALAR),
            (&[Binary, Unary, Fence, LightFence], 0),
            (&[LoadAny, StoreAny, Goto, Raise], Class::OBSERVES),
            (&[Jump, JumpBack, BrifCc], Class::MEMORY | Class::BRANCH | Class::OBSERVES),
            (&[Store128, Rmw, Cas, Cas128, MemCopy, Call, FpLanes], Class::MEMORY | Class::OBSERVES),
            (&[SetCcCarry, SelectCc], Class::MEMORY | Class::THREE),
        ]
    };

    const ALL: [Class; 256] = {
        let mut all = [Class(Class::MEMORY); 256];
        let mut row = 0;
        while row < Class::ROWS.len() {
            let (codes, class) = Class::ROWS[row];
            let mut i = 0;
            while i < codes.len() {
                all[codes[i] as usize] = Class(class);
                i += 1;
            }
            row += 1;
        }
        all
    };

    #[inline(always)]
    fn of(op: &FlatOp) -> Class {
        let class = Self::ALL[op.code as usize];
        // The only vector op that takes a word.
        if op.code == Op::Vector && ALL_OPS[usize::from(op.aux & 0xff)] == IrOp::Vscalar {
            return Class(class.0 & !Self::MEMORY | Self::FIRST);
        }
        class
    }

    #[inline(always)]
    fn is(self, what: u8) -> bool {
        self.0 & what != 0
    }
}

/// Ops that read words of their operands in memory, or may.
#[inline(always)]
pub(crate) fn reads_memory(op: &FlatOp) -> bool {
    Class::of(op).is(Class::MEMORY)
}

/// Ops on words that have no effect but their result.
#[inline(always)]
pub(crate) fn is_scalar(op: &FlatOp) -> bool {
    op.dst != NONE && Class::of(op).is(Class::SCALAR)
}

/// Whether an op may lead to another than the next.
#[inline(always)]
pub(crate) fn branches(op: &FlatOp) -> bool {
    Class::of(op).is(Class::BRANCH)
}

/// A set of words.
#[derive(Clone, Copy, Default)]
struct Words([u64; 4]);

impl Words {
    const ALL: Words = Words([u64::MAX; 4]);

    fn or(self, other: Words) -> Words {
        Words(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    #[inline(always)]
    fn has(&self, w: u8) -> bool {
        self.0[usize::from(w >> 6)] >> (w & 63) & 1 != 0
    }

    #[inline(always)]
    fn add(&mut self, w: u8) {
        self.0[usize::from(w >> 6)] |= 1 << (w & 63);
    }

    #[inline(always)]
    fn remove(&mut self, w: u8) {
        self.0[usize::from(w >> 6)] &= !(1 << (w & 63));
    }
}

/// The words behind `first` of `count`, as far as there are so many.
#[inline(always)]
fn behind(first: u8, count: u8) -> impl Iterator<Item = u8> {
    (1..count).filter_map(move |k| first.checked_add(k))
}

/// The pass.
struct Backwards<'a> {
    ops: &'a [FlatOp],
    loops: bool,
    scratch: u8,
    /// Words that are read before they are written or something leads here.
    read: Words,
    /// Words that may be read before they are written.
    live: Words,
    /// The same where something leads to.
    at: Vec<(usize, Words)>,
    /// Words that are written again before anybody sees them in memory.
    rewritten: Words,
    /// How often a word is read before it is written, 2 for more, in bits 0 and 1; and above by which op first.
    reads: [u32; 256],
}

impl Backwards<'_> {
    #[inline(always)]
    fn private(&self, w: u8) -> bool {
        w >= self.scratch && w != NONE
    }

    /// Makes what is live that behind op `i`, which is needed where control goes from there.
    fn go_behind(&mut self, i: usize, op: &FlatOp) {
        // What leads back may read anything.
        let at = |to: usize| {
            let known = self.at.iter().find(|(index, _)| *index == to).filter(|_| to > i);
            known.map_or(Words::ALL, |(_, words)| *words)
        };
        self.live = match op.code {
            Op::Jump | Op::JumpBack => at(op.imm as usize),
            Op::Brif | Op::BrifSub | Op::BrifCc => at(op.imm as u32 as usize).or(at((op.imm >> 32) as usize)),
            _ => Words::default(),
        };
    }

    /// Whether what the op writes is written again before anybody sees it in memory.
    #[inline(always)]
    fn unseen(&mut self, class: Class, op: &FlatOp) -> bool {
        let words = if class.is(Class::THREE) { 3 } else { 1 };
        let unseen = self.rewritten.has(op.dst) && behind(op.dst, words).all(|w| self.rewritten.has(w));
        if class.is(Class::OBSERVES) {
            self.rewritten = Words::default();
            return unseen;
        }
        self.rewritten.add(op.dst);
        behind(op.dst, words).for_each(|w| self.rewritten.add(w));
        if !class.is(Class::FIRST) {
            for first in [op.a, op.b, op.c] {
                self.rewritten.remove(first);
                behind(first, 3).for_each(|w| self.rewritten.remove(w));
            }
        }
        unseen
    }

    /// What becomes of the temporary that `op`, number `i`, makes and that op `reader` alone reads.
    fn only_reader(&self, i: usize, dst: u8, future: &mut Future) {
        let reader = self.reads[usize::from(dst)] as usize >> 2;
        let by = &self.ops[reader];
        if [by.a, by.b, by.c].into_iter().filter(|&operand| operand == dst).count() != 1 {
            return;
        }
        let class = Class::of(by);
        future.stored = class.is(Class::SHORT_STORE) && by.b == dst;
        if reader == i + 1 && by.a == dst {
            future.truth_next = matches!(by.code, Op::Brif | Op::Select);
            future.address_next = class.is(Class::SHORT_STORE | Class::SHORT_LOAD);
        }
    }

    #[inline(always)]
    fn step(&mut self, i: usize, op: &FlatOp) -> Future {
        let (class, dst) = (Class::of(op), op.dst);
        let mut future = Future { result: self.read.has(dst), ..Future::default() };
        let private = self.private(dst);
        if private && !self.loops && future.result && self.reads[usize::from(dst)] & 3 == 1 {
            self.only_reader(i, dst, &mut future);
        }
        self.reads[usize::from(dst)] = 0;
        self.read.remove(dst);
        if class.is(Class::THREE) {
            future.result |= behind(dst, 3).any(|w| self.read.has(w));
            behind(dst, 3).for_each(|w| self.read.remove(w));
        }
        if class.is(Class::BRANCH) || matches!(op.code, Op::Goto | Op::GotoInd | Op::Raise) {
            self.go_behind(i, op);
        }
        let unseen = self.unseen(class, op);
        future.unread = if private { !self.live.has(dst) } else { dst < self.scratch && unseen && !future.result };
        future.alone = future.result && (dst >= self.scratch || unseen);
        let operands = [op.a, op.b, op.c];
        for (k, w) in operands.into_iter().enumerate().filter(|&(_, w)| w != NONE) {
            future.again[k] = self.read.has(w);
            future.dead[k] = w >= self.scratch && !self.live.has(w);
        }
        self.live.remove(dst);
        for first in operands.into_iter().filter(|&w| w != NONE) {
            self.read.add(first);
            self.needs(i, first);
            if !class.is(Class::FIRST) {
                behind(first, 3).for_each(|w| self.needs(i, w));
            }
        }
        future
    }

    /// Op `i` may read word `w`.
    #[inline(always)]
    fn needs(&mut self, i: usize, w: u8) {
        self.live.add(w);
        let reads = &mut self.reads[usize::from(w)];
        *reads = 2.min((*reads & 3) + 1) | (i as u32) << 2;
    }
}

/// For each op what becomes of its operands. `starts` tells where something may lead to from elsewhere; words from
/// `scratch` on are temporaries. In a `loops` block words may be read before they are written.
pub(crate) fn futures(ops: &[FlatOp], starts: impl Fn(usize) -> bool, loops: bool, scratch: u8) -> Vec<Future> {
    let mut futures = vec![Future::default(); ops.len()];
    let (read, live, rewritten) = Default::default();
    let mut pass = Backwards { ops, loops, scratch, read, live, at: Vec::new(), rewritten, reads: [0; 256] };
    for (i, (op, future)) in ops.iter().zip(&mut futures).enumerate().rev() {
        *future = pass.step(i, op);
        if starts(i) {
            (pass.rewritten, pass.read) = Default::default();
            pass.at.push((i, pass.live));
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
