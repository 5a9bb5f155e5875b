//! A block while it is put together: of pieces in IR, and of instructions that are like others.

use crate::flat::{Flat, FlatOp};
use crate::lower::{self, Memory};
use crate::templates::{FlagUse, Piece, Templates};
use crate::usual::Usual;
use brolga_core::RegTable;
use brolga_ir::{Block, Flow, Pattern, Unfit};
use std::cell::Cell;

/// What there is of a block; as [`Flat`].
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) ops: Vec<FlatOp>,
    pub(crate) consts: Vec<u64>,
    pub(crate) wide: Vec<u128>,
    /// How far the guest instruction at hand is from the block's address, and from that of the last op.
    reached: u64,
    advance: u8,
    /// The op that wrote the flags last, if nobody could have seen them since, and nothing leads to a later op.
    unseen_flags: Option<usize>,
}

impl Body {
    fn clear(&mut self) {
        (self.ops.clear(), self.consts.clear(), self.wide.clear());
        (self.reached, self.advance, self.unseen_flags) = (0, 0, None);
    }

    /// The next ops will use the flags so: what they write again before anybody sees it need not be written. Most guests write flags
    /// far more often than they look at them.
    #[inline]
    pub(crate) fn use_flags(&mut self, next: FlagUse) {
        if next == FlagUse::None {
            return;
        }
        if let (Some(at), FlagUse::Write(_) | FlagUse::WriteAndShow) = (self.unseen_flags, next) {
            self.take_out(at);
        }
        self.unseen_flags = match next {
            FlagUse::Write(at) => Some(self.ops.len() + usize::from(at)),
            _ => None,
        };
    }

    /// Takes an op out that nothing leads behind.
    fn take_out(&mut self, at: usize) {
        let own = self.ops[at].advance;
        let next = match self.ops.get_mut(at + 1) {
            Some(op) => &mut op.advance,
            None => &mut self.advance,
        };
        if let Some(both) = next.checked_add(own) {
            *next = both;
            self.ops.remove(at);
        }
    }

    /// The guest instruction at this distance from the block's address begins.
    #[inline(always)]
    pub(crate) fn begin(&mut self, distance: u64) -> Result<(), Unfit> {
        let advance = u64::from(self.advance).wrapping_add(distance.wrapping_sub(self.reached));
        // A shorter block has fewer instructions without an op in a row.
        self.advance = u8::try_from(advance).map_err(|_| Unfit::TooManyValues)?;
        self.reached = distance;
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, op: FlatOp) {
        self.ops.push(FlatOp { advance: std::mem::take(&mut self.advance), ..op });
    }

    /// Ops from `first` on, if there are, are those of the guest instruction at hand, and have no advance yet.
    #[inline(always)]
    pub(crate) fn begun_at(&mut self, first: usize) {
        if let Some(op) = self.ops.get_mut(first) {
            op.advance = std::mem::take(&mut self.advance);
        }
    }

    /// Takes the last op back.
    pub(crate) fn pop(&mut self) -> Result<(), Unfit> {
        let taken = self.ops.pop().map_or(0, |op| op.advance);
        self.advance = self.advance.checked_add(taken).ok_or(Unfit::TooManyValues)?;
        Ok(())
    }
}

/// See [`brolga_ir::Interpreter::Draft`].
#[derive(Default)]
pub struct Draft {
    body: Body,
    memory: Memory,
    templates: Templates,
    /// First op, constant and vector of the piece that was added last.
    last: [usize; 3],
    pc: u64,
    pc_word: u8,
    scratch: u8,
    once: bool,
}

thread_local! {
    /// The thread's last draft: its memory, and what it learnt.
    static SPARE: Cell<Option<Box<Draft>>> = const { Cell::new(None) };
}

/// Calls `f` with what this thread's drafts have learnt.
pub(crate) fn with_learnt<R>(f: impl FnOnce(&mut Templates) -> R) -> R {
    let mut draft = SPARE.take().unwrap_or_default();
    let result = f(&mut draft.templates);
    SPARE.set(Some(draft));
    result
}

/// A copy of what is mostly empty.
fn boxed<T: Copy>(items: &[T]) -> Box<[T]> {
    if items.is_empty() { Box::default() } else { items.into() }
}

impl Draft {
    /// Begins the block at `pc`.
    pub fn begin(pc: u64, regs: &RegTable) -> Box<Draft> {
        let mut draft = SPARE.take().unwrap_or_default();
        draft.body.clear();
        draft.templates.belong_to(regs);
        (draft.pc, draft.pc_word, draft.scratch, draft.once) = (pc, regs.pc.0, regs.scratch, false);
        draft
    }

    /// What is known beforehand.
    pub(crate) fn know(&mut self, usual: &'static Usual) {
        self.templates.usual = usual;
    }

    /// The block.
    pub fn finish(self: Box<Self>) -> Flat {
        let body = &self.body;
        let flat = Flat {
            ops: body.ops.as_slice().into(),
            consts: boxed(&body.consts),
            wide: boxed(&body.wide),
            base: self.pc,
            pc: self.pc_word,
            scratch: self.scratch,
            once: self.once,
        };
        SPARE.set(Some(self));
        flat
    }
}

impl brolga_ir::Draft for Box<Draft> {
    fn add(&mut self, piece: &Block, regs: &RegTable) -> Result<(), Unfit> {
        self.last = [self.body.ops.len(), self.body.consts.len(), self.body.wide.len()];
        self.once |= piece.once;
        self.body.unseen_flags = None;
        lower::lower(piece, regs, &mut self.memory, &mut self.body)
    }

    fn learn(&mut self, pc: u64, pattern: &Pattern, flow: Flow) {
        let [ops, consts, wide] = self.last;
        if self.body.consts.len() == consts && !self.once {
            let Body { ops: all, wide: vectors, .. } = &self.body;
            let piece = Piece { ops: &all[ops..], wide: &vectors[wide..], start: ops, wide_start: wide };
            self.templates.learn(piece, pc, pattern, flow);
        }
        if let FlagUse::Write(at) = FlagUse::of(&self.body.ops[ops..], self.templates.cc) {
            self.body.unseen_flags = Some(ops + usize::from(at));
        }
    }

    fn knows(&mut self, pattern: &Pattern) -> bool {
        self.templates.find(pattern.key).is_some()
    }

    #[inline]
    fn repeat(&mut self, pc: u64, pattern: &Pattern) -> Option<Flow> {
        let template = self.templates.find(pattern.key)?;
        self.body.begin(pc.wrapping_sub(self.pc)).ok()?;
        Some(self.templates.apply(template, pc, pattern, &mut self.body))
    }
}
