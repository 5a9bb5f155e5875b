//! The contracts of front ends and back ends.

use crate::block::{Block, HelperId};
use crate::build::Builder;
use crate::ops::RaiseKind;
use brolga_core::{Env, Exit, Fault, RegTable};
use std::any::Any;
use std::ops::Range;

/// What follows a guest instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The next instruction in memory, in the same block.
    Next,
    /// The instruction ended the block: its last local block has an end op.
    EndTb,
}

/// Code that translated code calls for what the IR cannot say. Touches nothing but the register
/// file, and of that only what the call site declares; neither faults nor exits.
pub type HelperFn = extern "C" fn(&mut Env, u64, u64, u64) -> u64;

/// One row of a guest's helper table.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Name in IR text and statistics.
    pub name: &'static str,
    /// Code.
    pub func: HelperFn,
}

/// State of a block's translation while a front end works on it.
#[derive(Debug)]
pub struct DisasContext {
    /// The block so far.
    pub b: Builder,
    /// Address of the current instruction.
    pub pc: u64,
    /// The current instruction's bytes, as far as they could be read; A64 uses the first four.
    pub bytes: [u8; 16],
    /// How many of `bytes` are valid.
    pub available: usize,
    /// Mode bits of the block ([`Frontend::mode`]).
    pub mode: u32,
}

/// What an instruction has in common with others, and what is its own.
///
/// Instructions of one key have the same IR, in any mode, but for what the other fields tell: with the words of one in the place of
/// the words of another, and so with the constant, one becomes the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// What is common. Bit 32 is 0, but in [`Pattern::exact`].
    pub key: u128,
    /// The constant.
    pub value: u64,
    /// What the constant is; common, too.
    pub constant: Constant,
    /// Length in bytes.
    pub len: u8,
    /// Words of the register file that stand for registers of this instruction, each a register of its own, no flag's, or
    /// [`Pattern::NO_WORD`]. Which of them are the same is common.
    pub words: [u8; 4],
}

/// What the constant of a [`Pattern`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constant {
    /// There is none: 0.
    None,
    /// An address that depends on that of the instruction. If it is the one behind the instruction, it is so for the whole key. The IR
    /// has no other constant that is made of it, but the address behind the instruction, and none that happens to be one of the two.
    Address,
    /// An operand, or the distance of an access from a register. Not 0, and no mask of a byte, of two or of four, which code has of
    /// its own.
    Operand,
}

impl Constant {
    /// Whether a value can be [`Constant::Operand`].
    pub fn is_operand(value: u64) -> bool {
        !matches!(value, 0 | 0xff | 0xffff | 0xffff_ffff)
    }
}

impl Pattern {
    /// No register.
    pub const NO_WORD: u8 = u8::MAX;

    /// Which of some words are the same, and which are none: a bit for each pair and each word, the others 0. For keys.
    #[inline(always)]
    pub fn alike(words: [u8; 4]) -> u32 {
        let words = u32::from_le_bytes(words);
        let pairs = zero_bytes(words ^ words.rotate_right(8)) | zero_bytes(words ^ words.rotate_right(16)) >> 1;
        pairs | zero_bytes(!words) >> 2
    }

    /// That of an instruction that begins `bytes` and has this length, 15 at most, as what is like it alone. For instructions whose IR
    /// depends on nothing but their address, if it does on that; and where the mode is 0.
    pub fn exact(bytes: [u8; 16], len: u8) -> Pattern {
        let own = u128::from_le_bytes(bytes) & ((1 << (8 * len)) - 1);
        let key = own & 0xffff_ffff | 1 << 32 | u128::from(len) << 33 | own >> 32 << 40;
        Pattern { key, value: 0, constant: Constant::None, len, words: [Pattern::NO_WORD; 4] }
    }

    /// The address behind the instruction at `pc`.
    pub fn next(&self, pc: u64) -> u64 {
        pc.wrapping_add(u64::from(self.len))
    }
}

/// The top bit of each byte that is 0.
#[inline(always)]
const fn zero_bytes(v: u32) -> u32 {
    const LOW: u32 = 0x7f7f_7f7f;
    !((v & LOW) + LOW | v | LOW)
}

/// A guest architecture: bytes in, IR out, nothing else.
pub trait Frontend: Send + Sync {
    /// Name, as in `qemu-NAME`.
    fn name(&self) -> &'static str;
    /// Register table.
    fn regs(&self) -> &'static RegTable;
    /// Helper table; [`HelperId`] indexes it.
    fn helpers(&self) -> &'static [Helper];
    /// Mode bits that translation of code at the current state depends on.
    fn mode(&self, env: &Env) -> u32;
    /// The pattern of the instruction in `cx`, for instructions that are worth it: what is known of one is used for others. What
    /// tells it must be much faster than [`Frontend::translate_insn`].
    fn pattern(&self, cx: &DisasContext) -> Option<Pattern> {
        let _ = cx;
        None
    }
    /// Translates the instruction in `cx`: emits `insn_start` and its semantics, and tells what
    /// follows. An instruction the guest does not have becomes a `raise.undefined`.
    fn translate_insn(&self, cx: &mut DisasContext) -> Flow;
    /// Alignment in bytes that the program counter must have; a power of two.
    fn code_align(&self) -> u64;
    /// Length in bytes of the instruction at the start of `bytes`; `None` if more bytes are needed.
    fn insn_len(&self, bytes: &[u8]) -> Option<usize>;
    /// Name of the instruction, for logs and coverage.
    fn mnemonic(&self, bytes: &[u8]) -> Option<&'static str>;
    /// Whether the processor stops behind every instruction in such a mode. Blocks have one instruction then.
    fn single_steps(&self, mode: u32) -> bool {
        let _ = mode;
        false
    }
    /// What a data access that failed is to the guest, where that follows from the instruction at the program counter,
    /// whose bytes `read` reads, as many as there are.
    fn fault(&self, env: &Env, fault: Fault, read: &dyn Fn(&mut [u8]) -> usize) -> Exit {
        let _ = (env, read);
        Exit::Fault(fault)
    }
}

/// A guest's helper table, `HELPERS`, and a constant for the number of each row: `ID "name" function;`.
#[macro_export]
macro_rules! helper_table {
    ($($id:ident $name:literal $func:path;)*) => {
        /// The helper table.
        pub static HELPERS: &[$crate::Helper] = &[$($crate::Helper { name: $name, func: $func },)*];

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the rows")]
        enum Number { $($id,)* }

        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: $crate::HelperId = $crate::HelperId(Number::$id as u16);
        )*
    };
}

/// Looks a helper up by name.
pub fn helper_by_name(table: &[Helper], name: &str) -> Option<HelperId> {
    table.iter().position(|h| h.name == name).map(|i| HelperId(i as u16))
}

/// Why a tier left a block. `pc` is current in the register file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The block ended in a jump; continue at the guest's program counter.
    Jump,
    /// The block ended in a [`RaiseKind`] with its operand.
    Raise(RaiseKind, u64),
    /// A memory access failed; every register is as before the access's instruction.
    Fault(Fault),
    /// An exit was requested inside the block's own loop.
    Polled,
}

/// A block that a tier cannot hold, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Too many values live at once: translate fewer instructions.
    TooManyValues,
    /// The tier has no code for this op and type.
    Unsupported(crate::Op, crate::Ty),
}

/// A block that is being put together for tier 0.
pub trait Draft {
    /// Adds the instructions of a verified piece of a block. All but the last may lack the end that a block has.
    fn add(&mut self, piece: &Block, regs: &RegTable) -> Result<(), Unfit>;
    /// The piece that was added last is the instruction at `pc` alone, which has this pattern.
    fn learn(&mut self, pc: u64, pattern: &Pattern, flow: Flow) {
        let _ = (pc, pattern, flow);
    }
    /// Whether an instruction of this pattern is known.
    fn knows(&mut self, pattern: &Pattern) -> bool {
        let _ = pattern;
        false
    }
    /// Adds the instruction at `pc`, if it is like one that was learnt.
    fn repeat(&mut self, pc: u64, pattern: &Pattern) -> Option<Flow> {
        let _ = (pc, pattern);
        None
    }
}

/// Puts tier 0's code of a block together, instruction by instruction.
pub struct Composer<'a, D> {
    frontend: &'a dyn Frontend,
    draft: D,
    /// Why the tier could not hold some.
    unfit: Option<Unfit>,
}

impl<'a, D: Draft> Composer<'a, D> {
    /// Goes on from `draft`.
    pub fn new(frontend: &'a dyn Frontend, draft: D) -> Self {
        Composer { frontend, draft, unfit: None }
    }

    /// The instruction in `dc`: as one that is like it, or by way of the IR. There, others that are like none may wait for it.
    pub fn step(&mut self, dc: &mut DisasContext) -> Flow {
        let Some(pattern) = self.frontend.pattern(dc) else { return self.step_exact(dc) };
        if let Some(flow) = self.repeat(dc, &pattern) {
            return flow;
        }
        let flow = self.frontend.translate_insn(dc);
        self.add(&mut dc.b);
        if self.unfit.is_none() {
            self.draft.learn(dc.pc, &pattern, flow);
        }
        flow
    }

    /// An instruction without a pattern: one that is known for itself, or by way of the IR. None begins another, so if its length is
    /// not known, all are tried.
    #[cold]
    fn step_exact(&mut self, dc: &mut DisasContext) -> Flow {
        let unit = self.frontend.code_align() as usize;
        let lens = if dc.mode == 0 { dc.available.min(15) } else { 0 };
        let mut patterns = (unit..=lens).step_by(unit).map(|len| Pattern::exact(dc.bytes, len as u8));
        let known = patterns.find(|pattern| self.draft.knows(pattern));
        let repeated = known.and_then(|pattern| self.repeat(dc, &pattern));
        repeated.unwrap_or_else(|| self.frontend.translate_insn(dc))
    }

    /// The instruction in `dc` as one that is like it, if that is known.
    #[inline]
    fn repeat(&mut self, dc: &mut DisasContext, pattern: &Pattern) -> Option<Flow> {
        self.add(&mut dc.b);
        let flow = self.draft.repeat(dc.pc, pattern)?;
        dc.b.block.guest_insns += 1;
        dc.b.block.end = pattern.next(dc.pc);
        Some(flow)
    }

    /// Adds the instructions that wait.
    fn add(&mut self, b: &mut Builder) {
        if b.block.insts.is_empty() {
            return;
        }
        if self.unfit.is_none() {
            self.unfit = self.draft.add(&b.block, self.frontend.regs()).err();
        }
        b.go_on();
    }

    /// Adds the instructions that still wait, which end the block.
    pub fn finish(mut self, last: &Block) -> Result<D, Unfit> {
        match self.unfit {
            Some(unfit) => return Err(unfit),
            None if last.insts.is_empty() => {}
            None => self.draft.add(last, self.frontend.regs())?,
        }
        Ok(self.draft)
    }
}

/// Tier 0: runs a block at once, without generating host code. The oracle of every other tier.
pub trait Interpreter: Send + Sync {
    /// A block in the form that runs.
    type Code: Send + Sync + 'static;
    /// A block that is being put together.
    type Draft: Draft;
    /// Begins the block at `pc`.
    fn begin(&self, pc: u64, regs: &RegTable) -> Self::Draft;
    /// The block, whose last instruction has ended it.
    fn finish(&self, draft: Self::Draft) -> Self::Code;
    /// Whether a block ends in an indirect jump, call or return.
    fn varies(&self, code: &Self::Code) -> bool;
    /// Runs a prepared block to its end, and behind a jump the block that `next` tells, if it tells one. The program counter is
    /// current when it is asked.
    fn run_on<'a>(
        &self,
        code: &'a Self::Code,
        env: &mut Env,
        next: impl FnMut(&Env) -> Option<&'a Self::Code>,
    ) -> Leave;
    /// Runs a prepared block to its end.
    fn run(&self, code: &Self::Code, env: &mut Env) -> Leave {
        self.run_on(code, env, |_| None)
    }
    /// Reads guest code. Returns the number of bytes that could be read, at least 1.
    fn fetch(&self, pc: u64, buf: &mut [u8]) -> Result<usize, Fault>;
}

/// A unit of the region tier: guest blocks joined by their gotos.
#[derive(Clone, Debug)]
pub struct Region {
    /// Blocks, all of one mode; `blocks[0]` is where heat was found. A [`crate::Op::Goto`] to another member's `pc`
    /// is an internal edge.
    pub blocks: Vec<Block>,
    /// Members that may be entered from outside, as indices; the first is 0.
    pub entries: Vec<usize>,
    /// Members that end in an indirect jump, call or return, as indices, with addresses they were seen to go to.
    pub likely: Vec<(usize, u64)>,
    /// Entries from outside after which the region is left with [`HostExit::Busy`]; 0 for never.
    pub patience: u32,
    /// Whether state must be exact at a synchronous fault ("precise" form).
    pub precise: bool,
}

/// A region's code, ready to run.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// The back end's number for it.
    pub unit: u64,
    /// Host entries by the guest address of the member.
    pub entries: Vec<(u64, u64)>,
    /// Static exits: link slot and guest address.
    pub exits: Vec<(u32, u64)>,
    /// Host code in bytes.
    pub bytes: usize,
    /// Of blocks: what [`RegionBackend::set_count`] calls the count of each entry.
    pub counts: Vec<u32>,
}

/// A region on its way to host code, as text for people.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The back end's own intermediate form.
    pub middle: String,
    /// Host code.
    pub host: String,
}

/// Why region code returned to the run loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostExit {
    /// Continue at the guest's program counter; the link slot that led here, if one did.
    Goto(Option<u32>),
    /// As [`Leave::Raise`].
    Raise(RaiseKind, u64),
    /// An exit was requested.
    Polled,
    /// The block at the program counter was entered as often as [`RegionBackend::set_count`] was told, for this count.
    Hot(u32),
    /// The block at the program counter, an entry, was entered as often as its region has patience for. Says so again
    /// much later.
    Busy,
    /// An access failed. State is as of an earlier instruction, where the program counter is; running on from
    /// there in tier 0 repeats loads only and meets the fault with exact state.
    Fault,
    /// An access of a region that is not precise failed: of the guest's state, the program counter alone is exact.
    Crash(Fault),
}

/// Compiles regions to host code. Methods but `compile`, `enter` and `outdated` are called one at a time.
pub trait RegionBackend: Send + Sync {
    /// Code not yet in executable memory.
    type Compiled: Clone + Send;
    /// Code of one block that is to be joined with that of others.
    type Block: Clone + Send;
    /// Compiles; the error says why the region has to stay in tier 0.
    fn compile(&self, region: &Region) -> Result<Self::Compiled, String>;
    /// Compiles one block at once and without effort, in the precise form. `prepared` is tier 0's code of it, an
    /// [`Interpreter::Code`] that the back end may know or refuse; `range` is where the guest has it.
    fn compile_block(&self, prepared: &dyn Any, range: Range<u64>) -> Result<Self::Block, String>;
    /// Guest addresses that a block leads to.
    fn leads_to(block: &Self::Block) -> &[u64];
    /// Blocks, sorted by guest address and none twice, as one piece of code; `None` if they do not go together. Their
    /// entries are counted.
    fn join(&self, blocks: &[Self::Block]) -> Option<Self::Compiled>;
    /// Lets the block whose count it is be hot after `left` more entries: each further one leads to other code
    /// ([`RegionBackend::lead`]), or leaves with [`HostExit::Hot`].
    fn set_count(&self, count: u32, left: u32);
    /// Entries left to the block whose count it is.
    fn count(&self, count: u32) -> u32;
    /// Has the block whose count it is lead to a host entry once it is hot; to the run loop if that is 0.
    fn lead(&self, count: u32, host: u64);
    /// Bytes of host code, for statistics.
    fn host_bytes(code: &Self::Compiled) -> usize {
        let _ = code;
        0
    }
    /// What the region becomes on its way, as text for people.
    fn listing(&self, region: &Region) -> Result<Listing, String>;
    /// Makes code executable; gives it back if there is no room left.
    fn install(&self, code: Self::Compiled) -> Result<Installed, Self::Compiled>;
    /// Points the tables in `env` at the back end's; its jump cache is the caller's.
    fn prepare(&self, env: &mut Env);
    /// Runs from a host entry.
    fn enter(&self, host: u64, env: &mut Env) -> HostExit;
    /// Lets a static exit continue at a host entry.
    fn link(&self, slot: u32, host: u64);
    /// Lets it return to the run loop again.
    fn unlink(&self, slot: u32);
    /// Forgets a region that neither the engine's tables nor linked exits lead to any more. Processors may still be inside,
    /// or about to return to it.
    fn remove(&self, unit: u64);
    /// Frees a removed region: all processors have left generated code and forgotten what they predicted since.
    fn release(&self, unit: u64);
    /// Whether running code has shown that what was compiled so far should be compiled anew; says so once.
    fn outdated(&self) -> bool;
    /// Called in the child of a fork before anything else is.
    fn forked(&self);
    /// Called in a process that may have forked: the child runs the code in place.
    fn has_child(&self);
    /// The form of code that it makes now, as a number that means the same in later runs. Code of another form is not
    /// to be put in place.
    fn form(&self, precise: bool) -> u32 {
        u32::from(precise)
    }
    /// The form of `code`, and the code as bytes that mean the same to every process on such a host; `None` if it cannot
    /// be kept.
    fn export(&self, code: &Self::Compiled) -> Option<(u32, Vec<u8>)> {
        let _ = code;
        None
    }
    /// What [`RegionBackend::export`] made bytes of; `None` if it cannot be that.
    fn import(&self, bytes: Vec<u8>) -> Option<Self::Compiled> {
        let _ = bytes;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn words_are_alike_where_the_same_are_equal_and_the_same_are_none() {
        const NONE: u8 = Pattern::NO_WORD;
        let distinct = [[1, 2, 3, 4], [0, 128, 127, 254], [4, 3, 2, 1]];
        assert!(distinct.iter().all(|&words| Pattern::alike(words) == 0));
        let mut seen = std::collections::HashSet::new();
        // All ways in which four words can be the same or none.
        let some = |n: usize| [10, 20, 30, 40, NONE][n];
        let ways = (0..5usize.pow(4)).map(|n| [n % 5, n / 5 % 5, n / 25 % 5, n / 125].map(some));
        let canonical =
            |words: [u8; 4]| words.map(|w| if w == NONE { 9 } else { words.iter().position(|&x| x == w).unwrap() });
        for words in ways {
            let other = words.map(|w| if w == NONE { w } else { w ^ 0x81 });
            assert_eq!(Pattern::alike(words), Pattern::alike(other));
            seen.insert((canonical(words), Pattern::alike(words)));
        }
        let kinds: std::collections::HashSet<_> = seen.iter().map(|(kind, _)| kind).collect();
        let codes: std::collections::HashSet<_> = seen.iter().map(|(_, code)| code).collect();
        assert_eq!((kinds.len(), codes.len()), (seen.len(), seen.len()));
    }
}
