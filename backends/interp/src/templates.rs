//! Ops of instructions that were lowered, for others of their pattern.
//!
//! *Requirement.* Most of what a short program runs, it runs once or twice; to lower an instruction takes a hundred times as long
//! as to run it. Most instructions are like others but for registers, distances and targets.
//! *How.* When an instruction of a pattern is lowered by itself, its ops are kept, each with what in it is the instruction's own:
//! words of registers by their place in the pattern, constants as distances from those that the pattern names. What may be told
//! wrongly is not kept.

use crate::draft::Body;
use crate::flat::{Code, FlatOp};
use crate::usual::{Learnt, Usual};
use brolga_core::RegTable;
use brolga_ir::{Constant, Flow, Pattern};
use std::ops::Range;

/// Templates at most: those of a large program's instructions several times over.
const LIMIT: usize = 1 << 15;

/// What an op's constant is added to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// Nothing: it is the op's own.
    Nothing,
    /// The address behind the instruction.
    Next,
    /// [`Pattern::value`].
    Value,
    /// Number of its first op.
    Start,
    /// The same in both halves.
    Starts,
    /// Number of its first vector.
    Wide,
}

/// What in an op is the instruction's own.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// For result and operands the place of the word in the pattern's, or 4 where it is the op's own. The op has 0 in the others.
    pub places: [u8; 4],
    /// What its constant is added to.
    pub base: Base,
}

/// Behind the last place of a pattern.
const OWN: u8 = 4;

/// Ops of a pattern.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Number of the first.
    pub start: u32,
    /// How many.
    pub len: u16,
    /// Number of the first of its vectors.
    pub wide: u32,
    /// How many.
    pub wides: u8,
    /// What follows the instruction.
    pub flow: Flow,
    /// What they do with the flags.
    pub flags: FlagUse,
}

/// The code of an instruction that was lowered, and where it begins in its block's.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) ops: &'a [FlatOp],
    pub(crate) wide: &'a [u128],
    pub(crate) start: usize,
    pub(crate) wide_start: usize,
}

/// What ops do with the flags' words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagUse {
    /// Nothing, and nobody can see them meanwhile.
    None,
    /// They are written, at this op, and not seen before or behind it.
    Write(u16),
    /// They are written before they may be seen.
    WriteAndShow,
    /// They may be seen before they are written.
    Show,
}

impl FlagUse {
    /// That of `ops`, where the flags begin with word `cc`.
    pub(crate) fn of(ops: &[FlatOp], cc: u8) -> FlagUse {
        let mut known = FlagUse::None;
        for (at, op) in ops.iter().enumerate() {
            let writes = matches!(op.code, Code::SetCcR | Code::SetCcI) && op.dst == cc;
            let touches = [op.dst, op.a, op.b, op.c].iter().any(|word| word.wrapping_sub(cc) < 3);
            known = match (known, writes) {
                (FlagUse::None | FlagUse::Write(_), true) => FlagUse::Write(at as u16),
                (known, false) if !touches && !shows(op.code) => known,
                (FlagUse::Write(_) | FlagUse::WriteAndShow, _) => FlagUse::WriteAndShow,
                _ => return FlagUse::Show,
            };
        }
        known
    }
}

/// Codes of ops during which, or behind which, the register file may be seen.
fn shows(code: Code) -> bool {
    use Code::*;
    let branches = matches!(code, Jump | JumpBack | Brif | BrifSub | BrifCc | Goto | GotoInd | Raise);
    branches || accesses(code) || matches!(code, Rmw | Cas | Cas128 | MemCopy | Call | FpLanes)
}

/// What was learnt.
#[derive(Default)]
pub(crate) struct Templates {
    /// What was learnt when the program was built.
    pub(crate) usual: &'static Usual,
    /// Address of the register table of the guest, and the first word of its flags.
    guest: usize,
    pub(crate) cc: u8,
    known: Vec<(u128, Template)>,
    /// As [`Usual::index`].
    index: Vec<u32>,
    /// Ops of all templates, and what in each is not theirs.
    ops: Vec<FlatOp>,
    owns: Vec<Own>,
    wide: Vec<u128>,
}

/// Where to look for a key first.
#[inline(always)]
fn hash(key: u128) -> usize {
    let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize
}

/// The template for `key` among those `known`.
#[inline(always)]
pub(crate) fn find(known: &[(u128, Template)], index: &[u32], key: u128) -> Option<Template> {
    let mut at = hash(key);
    loop {
        let place = *index.get(at & index.len().wrapping_sub(1))?;
        let (own, template) = known.get(place.wrapping_sub(1) as usize)?;
        if *own == key {
            return Some(*template);
        }
        at += 1;
    }
}

impl Templates {
    /// Forgets what is another guest's. A process has one processor of a guest.
    pub(crate) fn belong_to(&mut self, regs: &RegTable) {
        let guest = std::ptr::from_ref(regs).addr();
        self.cc = regs.cc.0;
        if std::mem::replace(&mut self.guest, guest) != guest {
            *self = Templates { guest, cc: self.cc, ..Templates::default() };
        }
    }

    #[inline(always)]
    pub(crate) fn find(&mut self, key: u128) -> Option<Template> {
        find(&self.known, &self.index, key).or_else(|| self.take_usual(key))
    }

    /// Has what the usual ones tell of `key` with those that were learnt, where it is near what else is in use.
    #[cold]
    fn take_usual(&mut self, key: u128) -> Option<Template> {
        let usual = self.usual.find(key)?;
        let template = Template { start: self.ops.len() as u32, wide: self.wide.len() as u32, ..usual };
        self.ops.extend_from_slice(&self.usual.ops[usual.range()]);
        self.owns.extend_from_slice(&self.usual.owns[usual.range()]);
        self.wide.extend_from_slice(&self.usual.wide[usual.wide_range()]);
        self.insert(key, template);
        Some(template)
    }

    /// All that was learnt.
    pub(crate) fn learnt(&self) -> Learnt<'_> {
        Learnt { known: &self.known, index: &self.index, ops: &self.ops, owns: &self.owns, wide: &self.wide }
    }

    fn insert(&mut self, key: u128, template: Template) {
        self.known.push((key, template));
        if 2 * self.known.len() > self.index.len() {
            self.index = vec![0; (2 * self.index.len()).max(2048)];
            (0..self.known.len()).for_each(|place| self.enter(place));
        } else {
            self.enter(self.known.len() - 1);
        }
    }

    /// Enters what is at `place` in the index.
    fn enter(&mut self, place: usize) {
        let (mask, mut at) = (self.index.len() - 1, hash(self.known[place].0));
        while self.index[at & mask] != 0 {
            at += 1;
        }
        self.index[at & mask] = place as u32 + 1;
    }

    /// Adds what an instruction became.
    pub(crate) fn learn(&mut self, piece: Piece<'_>, pc: u64, pattern: &Pattern, flow: Flow) {
        if self.known.len() >= LIMIT || self.find(pattern.key).is_some() {
            return;
        }
        let first = self.ops.len();
        let mut accessed = false;
        for op in piece.ops {
            accessed |= accesses(op.code) && op.imm == pattern.value;
            let Some((op, own)) = generalised(op, piece, pc, pattern, accessed) else { return self.forget(first) };
            self.ops.push(op);
            self.owns.push(own);
        }
        // A constant that is in none of them has become something else.
        if pattern.constant != Constant::None && self.owns[first..].iter().all(|own| own.base != Base::Value) {
            return self.forget(first);
        }
        self.complete(piece, first, pattern, flow);
    }

    /// The same with the [`Pattern::exact`] of an instruction, from what it became at two addresses.
    pub(crate) fn learn_exact(&mut self, pieces: [(u64, Piece<'_>); 2], pattern: &Pattern, flow: Flow) {
        let [(pc, piece), (other_pc, other)] = pieces;
        if self.find(pattern.key).is_some() || piece.wide != other.wide || piece.ops.len() != other.ops.len() {
            return;
        }
        let first = self.ops.len();
        for (&op, &other) in piece.ops.iter().zip(other.ops) {
            let behind = op.imm.wrapping_sub(pattern.next(pc)) == other.imm.wrapping_sub(pattern.next(other_pc));
            let base = match table_base(op.code) {
                _ if op != (FlatOp { imm: op.imm, ..other }) => return self.forget(first),
                base if op.imm == other.imm => base.unwrap_or(Base::Nothing),
                None if behind => Base::Next,
                _ => return self.forget(first),
            };
            let imm = op.imm.wrapping_sub(piece.subtrahend(base, pc, pattern));
            self.ops.push(FlatOp { advance: 0, imm, ..op });
            self.owns.push(Own { places: [OWN; 4], base });
        }
        self.complete(piece, first, pattern, flow);
    }

    /// Makes the ops from `first` on, the last ones, a template.
    fn complete(&mut self, piece: Piece<'_>, first: usize, pattern: &Pattern, flow: Flow) {
        let flags = FlagUse::of(piece.ops, self.cc);
        let (start, len) = (first as u32, piece.ops.len() as u16);
        let (wide, wides) = (self.wide.len() as u32, piece.wide.len() as u8);
        self.wide.extend_from_slice(piece.wide);
        self.insert(pattern.key, Template { start, len, wide, wides, flow, flags });
    }

    /// Drops the last ops.
    fn forget(&mut self, first: usize) {
        self.ops.truncate(first);
        self.owns.truncate(first);
    }

    /// Adds the ops of the instruction at `pc` to `body`, where it has begun.
    #[inline]
    pub(crate) fn apply(&self, template: Template, pc: u64, pattern: &Pattern, body: &mut Body) -> Flow {
        body.use_flags(template.flags);
        let first = body.ops.len();
        let start = first as u64;
        let wide = body.wide.len() as u64;
        let bases = [0, pattern.next(pc), pattern.value, start, start | start << 32, wide, 0, 0];
        let [d, a, b, c] = pattern.words;
        let words = [d, a, b, c, 0, 0, 0, 0];
        if template.wides != 0 {
            body.wide.extend_from_slice(&self.wide[template.wide_range()]);
        }
        body.ops.extend_from_slice(&self.ops[template.range()]);
        for (op, own) in body.ops[first..].iter_mut().zip(&self.owns[template.range()]) {
            let word = |k: usize| words[usize::from(own.places[k]) % words.len()];
            op.dst |= word(0);
            op.a |= word(1);
            op.b |= word(2);
            op.c |= word(3);
            op.imm = op.imm.wrapping_add(bases[own.base as usize % bases.len()]);
        }
        body.begun_at(first);
        template.flow
    }
}

impl Template {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.len)
    }

    pub(crate) fn wide_range(&self) -> Range<usize> {
        self.wide as usize..self.wide as usize + usize::from(self.wides)
    }
}

impl Piece<'_> {
    /// What an op's constant is added to, of the instruction at `pc`.
    fn subtrahend(&self, base: Base, pc: u64, pattern: &Pattern) -> u64 {
        let start = self.start as u64;
        match base {
            Base::Nothing => 0,
            Base::Next => pattern.next(pc),
            Base::Value => pattern.value,
            Base::Start => start,
            Base::Starts => start | start << 32,
            Base::Wide => self.wide_start as u64,
        }
    }
}

/// What the constants of some codes depend on, which are places in the block's tables.
fn table_base(code: Code) -> Option<Base> {
    match code {
        Code::Jump | Code::JumpBack => Some(Base::Start),
        Code::Brif | Code::BrifCc | Code::BrifSub => Some(Base::Starts),
        Code::Const128 | Code::Shuffle => Some(Base::Wide),
        _ => None,
    }
}

/// An op of the instruction at `pc`; `None` if it is not for others. What is at the distance that is the constant was `accessed` by
/// then.
fn generalised(op: &FlatOp, piece: Piece<'_>, pc: u64, pattern: &Pattern, accessed: bool) -> Option<(FlatOp, Own)> {
    let fields = [op.dst, op.a, op.b, op.c];
    let words = words(op.code)?;
    let place = |k: usize| {
        let own = !words[k] || fields[k] == Pattern::NO_WORD;
        let found = pattern.words.iter().position(|&word| word == fields[k]);
        if own { OWN } else { found.map_or(OWN, |place| place as u8) }
    };
    let places = [place(0), place(1), place(2), place(3)];
    let own = |k: usize| if places[k] == OWN { fields[k] } else { 0 };
    let base = base(op, pc, pattern, accessed)?;
    let imm = op.imm.wrapping_sub(piece.subtrahend(base, pc, pattern));
    let op = FlatOp { advance: 0, dst: own(0), a: own(1), b: own(2), c: own(3), imm, ..*op };
    Some((op, Own { places, base }))
}

/// What an op's constant depends on; `None` if that cannot be told.
fn base(op: &FlatOp, pc: u64, pattern: &Pattern, accessed: bool) -> Option<Base> {
    let (is_value, is_next) = (op.imm == pattern.value, op.imm == pattern.next(pc));
    if let Some(base) = table_base(op.code) {
        return Some(base);
    }
    match (op.code, pattern.constant) {
        (Code::Goto | Code::Const, Constant::Address) if is_value => Some(Base::Value),
        (Code::Goto, _) => is_next.then_some(Base::Next),
        (Code::Const, Constant::Address) => Some(if is_next { Base::Next } else { Base::Nothing }),
        (code, Constant::Operand) if accesses(code) => {
            // Of a pair the second is behind the first.
            let own = accessed && op.imm.wrapping_sub(pattern.value) <= 16;
            Some(if own { Base::Value } else { Base::Nothing })
        }
        // In another code it could be the operand, or the op's own.
        (code, Constant::Operand) if is_value => has_operand(code).then_some(Base::Value),
        (_, Constant::Address) if is_value || is_next => None,
        _ => Some(Base::Nothing),
    }
}

/// Codes whose constant is the distance of an access from an address.
fn accesses(code: Code) -> bool {
    use Code::*;
    let loads = matches!(code, Load8 | Load16 | Load32 | Load64 | LoadAny | Load128);
    loads || matches!(code, Store8 | Store16 | Store32 | Store64 | StoreAny | Store128)
}

/// Codes whose constant, if it is an instruction's operand, is so by its meaning.
fn has_operand(code: Code) -> bool {
    use Code::*;
    let logic = matches!(code, And64I | Or64I | Or32I | Xor64I | Xor32I);
    logic || matches!(code, Const | Add64I | Add32I | Sub64I | Sub32I | SetCcI | IcmpI)
}

/// Which of result and operands are words, for codes that are kept.
fn words(code: Code) -> Option<[bool; 4]> {
    use Code::*;
    Some(match code {
        Fence | LightFence | Jump | JumpBack | Goto => [false; 4],
        Const | Const128 => [true, false, false, false],
        Mov | Mov128 | Not128 | Unary | Sext | Extract | Sextract | Unpack | Cond | IcmpI | SetCcI | CondSub64I
        | CondSub32I | Add64I | Add32I | Sub64I | Sub32I | And64I | Or64I | Or32I | Xor64I | Xor32I | Shl64I
        | Shl32I | Lshr64I | Lshr32I | Ashr64I | Ashr32I | Rotr64I | Rotr32I | Load8 | Load16 | Load32 | Load64
        | LoadAny | Load128 => [true, true, false, false],
        Add64R | Add32R | Sub64R | Sub32R | Mul64 | Mul32 | And64R | Or64R | Xor64R | Bic64 | And32R | Or32R
        | Xor32R | Bic32 | Shl64R | Shl32R | Lshr64R | Lshr32R | Ashr64R | Ashr32R | Rotr64R | Rotr32R | AddShl64
        | And128 | Or128 | Xor128 | Bic128 | Binary | Deposit | IcmpR | SetCcR | CondSub64R | CondSub32R | Shuffle => {
            [true, true, true, false]
        }
        Select | Select128 | SelectCc | SetCcCarry | Cas | Cas128 | Vector => [true; 4],
        Rmw => [true, true, true, false],
        Store8 | Store16 | Store32 | Store64 | StoreAny | Store128 => [false, true, true, false],
        Brif | GotoInd => [false, true, false, false],
        BrifCc => [false, false, true, false],
        _ => return None,
    })
}
