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
use brolga_ir::{Flow, Pattern};
use rustc_hash::FxHashMap;

/// Templates at most: those of a large program's instructions several times over.
const LIMIT: usize = 1 << 15;

/// What an op's constant is added to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Base {
    Nothing,
    /// The address behind the instruction.
    Next,
    /// [`Pattern::address`].
    Address,
    /// [`Pattern::operand`].
    Operand,
    /// Number of its first op.
    Start,
    /// The same in both halves.
    Starts,
}

/// One op.
#[derive(Clone, Copy, Debug)]
struct TemplateOp {
    op: FlatOp,
    /// For result and operands the place of the word in the pattern, or [`OWN`] where it is the op's own. The op has 0 in the others.
    places: [u8; 4],
    base: Base,
}

/// Behind the last place of a pattern.
const OWN: u8 = 4;

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
    index: FxHashMap<u128, Template>,
    ops: Vec<TemplateOp>,
}

impl Templates {
    /// Forgets what is another guest's.
    pub(crate) fn belong_to(&mut self, regs: &RegTable) {
        let guest = std::ptr::from_ref(regs).addr();
        self.cc = regs.cc.0;
        if std::mem::replace(&mut self.guest, guest) != guest {
            self.index.clear();
            self.ops.clear();
        }
    }

    #[inline]
    pub(crate) fn find(&self, pattern: &Pattern) -> Option<Template> {
        self.index.get(&pattern.key).copied()
    }

    /// Adds the ops of an instruction, the first of which has number `start`.
    pub(crate) fn learn(&mut self, ops: &[FlatOp], start: usize, pc: u64, pattern: &Pattern, flow: Flow) {
        if self.index.len() >= LIMIT {
            return;
        }
        let first = self.ops.len();
        for op in ops {
            match generalised(op, start, pc, pattern) {
                Some(op) => self.ops.push(op),
                None => return self.ops.truncate(first),
            }
        }
        // An operand that is in none of them has become something else.
        if pattern.operand.is_some() && self.ops[first..].iter().all(|op| op.base != Base::Operand) {
            return self.ops.truncate(first);
        }
        let flags = FlagUse::of(ops, self.cc);
        let template = Template { start: first as u32, len: ops.len() as u16, flow, flags };
        self.index.insert(pattern.key, template);
    }

    /// Adds the ops of the instruction at `pc` to `body`, where it has begun.
    #[inline]
    pub(crate) fn apply(&self, template: Template, pc: u64, pattern: &Pattern, body: &mut Body) -> Flow {
        body.use_flags(template.flags);
        let start = body.ops.len() as u64;
        let (address, operand) = (pattern.address.unwrap_or(0), pattern.operand.unwrap_or(0));
        let bases = [0, next(pc, pattern), address, operand, start, start | start << 32, 0, 0];
        let [w0, w1, w2, w3] = pattern.words;
        let words = [w0, w1, w2, w3, 0, 0, 0, 0];
        let from = template.start as usize;
        let ops = &self.ops[from..from + usize::from(template.len)];
        body.extend(ops.iter().map(|t| {
            let word = |own: u8, k: usize| own | words[usize::from(t.places[k]) % words.len()];
            let FlatOp { dst, a, b, c, imm, .. } = t.op;
            let (dst, a, b, c) = (word(dst, 0), word(a, 1), word(b, 2), word(c, 3));
            let imm = imm.wrapping_add(bases[t.base as usize % bases.len()]);
            FlatOp { dst, a, b, c, imm, ..t.op }
        }));
        template.flow
    }
}

/// The address behind an instruction.
fn next(pc: u64, pattern: &Pattern) -> u64 {
    pc.wrapping_add(u64::from(pattern.len))
}

/// An op of the instruction at `pc`, whose first one has number `start`; `None` if it is not for others.
fn generalised(op: &FlatOp, start: usize, pc: u64, pattern: &Pattern) -> Option<TemplateOp> {
    let fields = [op.dst, op.a, op.b, op.c];
    let words = words(op.code)?;
    let place = |k: usize| {
        let own = !words[k] || fields[k] == Pattern::NO_WORD;
        let found = pattern.words.iter().position(|&word| word == fields[k]);
        if own { OWN } else { found.map_or(OWN, |place| place as u8) }
    };
    let places = [place(0), place(1), place(2), place(3)];
    let own = |k: usize| if places[k] == OWN { fields[k] } else { 0 };
    let base = base(op, pc, pattern)?;
    let subtrahend = match base {
        Base::Nothing => 0,
        Base::Next => next(pc, pattern),
        Base::Address => pattern.address?,
        Base::Operand => pattern.operand?,
        Base::Start => start as u64,
        Base::Starts => start as u64 | (start as u64) << 32,
    };
    let imm = op.imm.wrapping_sub(subtrahend);
    let op = FlatOp { advance: 0, dst: own(0), a: own(1), b: own(2), c: own(3), imm, ..*op };
    Some(TemplateOp { op, places, base })
}

/// What an op's constant depends on; `None` if that cannot be told.
fn base(op: &FlatOp, pc: u64, pattern: &Pattern) -> Option<Base> {
    let next = next(pc, pattern);
    let known = |base| Some(base);
    match (op.code, pattern.address, pattern.operand) {
        (Code::Jump | Code::JumpBack, ..) => known(Base::Start),
        (Code::Brif, ..) => known(Base::Starts),
        (Code::BrifCc, ..) => known(Base::Starts),
        (Code::Goto | Code::Const, Some(address), _) if address == op.imm => known(Base::Address),
        (Code::Goto, ..) if op.imm == next => known(Base::Next),
        (Code::Const, Some(_), _) if op.imm == next => known(Base::Next),
        (Code::Goto, ..) | (Code::Const, Some(_), _) => None,
        (_, _, Some(operand)) if has_constant(op.code) => {
            let behind = op.imm.wrapping_sub(operand);
            let own = if accesses(op.code) { behind <= 16 } else { behind == 0 };
            known(if own { Base::Operand } else { Base::Nothing })
        }
        // It could be the operand, or the op's own.
        (_, _, Some(operand)) if op.imm == operand => None,
        _ => known(Base::Nothing),
    }
}

/// Codes whose constant is the distance of an access from an address.
fn accesses(code: Code) -> bool {
    use Code::*;
    let loads = matches!(code, Load8 | Load16 | Load32 | Load64 | LoadAny | Load128);
    loads || matches!(code, Store8 | Store16 | Store32 | Store64 | StoreAny | Store128)
}

/// Codes whose constant may be an instruction's operand.
fn has_constant(code: Code) -> bool {
    use Code::*;
    let sums = matches!(code, Const | Add64I | Add32I | Sub64I | Sub32I | SetCcI | IcmpI);
    sums || accesses(code)
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
