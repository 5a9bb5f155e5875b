//! Ops of instructions that were lowered, for others of their pattern.
//!
//! *Requirement.* Most of what a short program runs, it runs once or twice; to lower an instruction takes a hundred times as long
//! as to run it. Most instructions are like others but for registers, distances and targets.
//! *How.* When an instruction of a pattern is lowered by itself, its ops are kept, each with what in it is the instruction's own:
//! words of registers by their place in the pattern, constants as distances from those that the pattern names. What may be told
//! wrongly is not kept.

use crate::draft::Body;
use crate::flat::{Code, FlatOp};
use brolga_core::RegTable;
use brolga_ir::{Constant, Flow, Pattern};

/// Templates at most: those of a large program's instructions several times over.
const LIMIT: usize = 1 << 15;

/// What an op's constant is added to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Base {
    Nothing,
    /// The address behind the instruction.
    Next,
    /// [`Pattern::value`].
    Value,
    /// Number of its first op.
    Start,
    /// The same in both halves.
    Starts,
}

/// One op.
#[derive(Clone, Copy, Debug)]
struct TemplateOp {
    op: FlatOp,
    /// For result and operands the place of the word in the pattern's, in bits, or [`OWN`] where it is the op's own. The op has 0 in
    /// the others.
    places: [u8; 4],
    base: Base,
}

/// Behind the last place of a pattern.
const OWN: u8 = 32;

/// Ops of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    start: u32,
    len: u16,
    flow: Flow,
    flags: FlagUse,
}

/// What ops do with the flags' words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FlagUse {
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
    /// Address of the register table of the guest, and the first word of its flags.
    guest: usize,
    pub(crate) cc: u8,
    known: Vec<(u128, Template)>,
    /// One more than the place of a key in `known`, where the key hashes to or in the first place behind that was free; 0 is free. A
    /// power of two of places, half of which are taken at most.
    index: Vec<u32>,
    ops: Vec<TemplateOp>,
}

/// Where to look for a key first.
#[inline(always)]
fn hash(key: u128) -> usize {
    let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize
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
    pub(crate) fn find(&self, key: u128) -> Option<Template> {
        let mut at = hash(key);
        loop {
            let place = *self.index.get(at & self.index.len().wrapping_sub(1))?;
            let (known, template) = self.known.get(place.wrapping_sub(1) as usize)?;
            if *known == key {
                return Some(*template);
            }
            at += 1;
        }
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

    /// Adds the ops of an instruction, the first of which has number `start`.
    pub(crate) fn learn(&mut self, ops: &[FlatOp], start: usize, pc: u64, pattern: &Pattern, flow: Flow) {
        if self.known.len() >= LIMIT || self.find(pattern.key).is_some() {
            return;
        }
        let first = self.ops.len();
        let mut accessed = false;
        for op in ops {
            accessed |= accesses(op.code) && op.imm == pattern.value;
            match generalised(op, start, pc, pattern, accessed) {
                Some(op) => self.ops.push(op),
                None => return self.ops.truncate(first),
            }
        }
        // A constant that is in none of them has become something else.
        if pattern.constant != Constant::None && self.ops[first..].iter().all(|op| op.base != Base::Value) {
            return self.ops.truncate(first);
        }
        let flags = FlagUse::of(ops, self.cc);
        self.insert(pattern.key, Template { start: first as u32, len: ops.len() as u16, flow, flags });
    }

    /// Adds the ops of the instruction at `pc` to `body`, where it has begun.
    #[inline]
    pub(crate) fn apply(&self, template: Template, pc: u64, pattern: &Pattern, body: &mut Body) -> Flow {
        body.use_flags(template.flags);
        let start = body.ops.len() as u64;
        let bases = [0, pattern.next(pc), pattern.value, start, start | start << 32, 0, 0, 0];
        let words = u64::from(u32::from_le_bytes(pattern.words));
        let from = template.start as usize;
        let ops = &self.ops[from..from + usize::from(template.len)];
        let first = body.ops.len();
        for t in ops {
            let word = |own: u8, k: usize| own | (words >> (t.places[k] & 63)) as u8;
            let FlatOp { dst, a, b, c, imm, .. } = t.op;
            let (dst, a, b, c) = (word(dst, 0), word(a, 1), word(b, 2), word(c, 3));
            let imm = imm.wrapping_add(bases[t.base as usize % bases.len()]);
            body.ops.push(FlatOp { dst, a, b, c, imm, ..t.op });
        }
        body.begun_at(first);
        template.flow
    }
}

/// An op of the instruction at `pc`, whose first one has number `start`; `None` if it is not for others. What is at the distance
/// that is the constant was `accessed` by then.
fn generalised(op: &FlatOp, start: usize, pc: u64, pattern: &Pattern, accessed: bool) -> Option<TemplateOp> {
    let fields = [op.dst, op.a, op.b, op.c];
    let words = words(op.code)?;
    let place = |k: usize| {
        let own = !words[k] || fields[k] == Pattern::NO_WORD;
        let found = pattern.words.iter().position(|&word| word == fields[k]);
        if own { OWN } else { found.map_or(OWN, |place| 8 * place as u8) }
    };
    let places = [place(0), place(1), place(2), place(3)];
    let own = |k: usize| if places[k] == OWN { fields[k] } else { 0 };
    let base = base(op, pc, pattern, accessed)?;
    let subtrahend = match base {
        Base::Nothing => 0,
        Base::Next => pattern.next(pc),
        Base::Value => pattern.value,
        Base::Start => start as u64,
        Base::Starts => start as u64 | (start as u64) << 32,
    };
    let imm = op.imm.wrapping_sub(subtrahend);
    let op = FlatOp { advance: 0, dst: own(0), a: own(1), b: own(2), c: own(3), imm, ..*op };
    Some(TemplateOp { op, places, base })
}

/// What an op's constant depends on; `None` if that cannot be told.
fn base(op: &FlatOp, pc: u64, pattern: &Pattern, accessed: bool) -> Option<Base> {
    let (is_value, is_next) = (op.imm == pattern.value, op.imm == pattern.next(pc));
    match (op.code, pattern.constant) {
        (Code::Jump | Code::JumpBack, _) => Some(Base::Start),
        (Code::Brif | Code::BrifCc, _) => Some(Base::Starts),
        (Code::Goto | Code::Const, Constant::Address) if is_value => Some(Base::Value),
        (Code::Goto, _) | (Code::Const, Constant::Address) => is_next.then_some(Base::Next),
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
        Const => [true, false, false, false],
        Mov | Mov128 | Not128 | Unary | Sext | Extract | Sextract | Unpack | Cond | IcmpI | SetCcI | CondSub64I
        | CondSub32I | Add64I | Add32I | Sub64I | Sub32I | And64I | Or64I | Or32I | Xor64I | Xor32I | Shl64I
        | Shl32I | Lshr64I | Lshr32I | Ashr64I | Ashr32I | Rotr64I | Rotr32I | Load8 | Load16 | Load32 | Load64
        | LoadAny | Load128 => [true, true, false, false],
        Add64R | Add32R | Sub64R | Sub32R | Mul64 | Mul32 | And64R | Or64R | Xor64R | Bic64 | And32R | Or32R
        | Xor32R | Bic32 | Shl64R | Shl32R | Lshr64R | Lshr32R | Ashr64R | Ashr32R | Rotr64R | Rotr32R | AddShl64
        | And128 | Or128 | Xor128 | Bic128 | Binary | Deposit | IcmpR | SetCcR | CondSub64R | CondSub32R => {
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
