//! IR to flat form in one scan, a block or a piece of one: `get`, `set` and constants fold into operands, flags stay symbolic,
//! compare-and-branch fuses, and pure ops nobody uses are not emitted.

use crate::class::Class;
use crate::draft::Body;
use crate::flat::{Code, FlatOp, NONE};
use crate::slots::Slots;
use crate::uses::{ARGUMENTS, SKIPPED, Uses};
use brolga_core::{MemOp, Order, RegTable, Size};
use brolga_ir::{Block, Inst, Op, Ty, Unfit, Value};

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loc {
    /// Not defined or not needed.
    None,
    /// First word.
    Word(u8),
    /// An I32 in the low half of a word whose high half is anything.
    Low(u8),
    /// A constant not yet in a word.
    Const(u64),
    /// Flags known by the instruction that makes them.
    Symbolic,
}

/// Words that are told apart where it matters whether one is still read. To clear more takes longer than to be wrong.
const WORD_CLASSES: usize = 64;

/// That of the word `k` behind `first`.
fn word_class(first: u8, k: u8) -> usize {
    usize::from(first.wrapping_add(k)) % WORD_CLASSES
}

pub(crate) struct Lower<'a> {
    pub(crate) block: &'a Block,
    pub(crate) regs: &'a RegTable,
    pub(crate) out: &'a mut Body,
    pub(crate) loc: &'a mut [Loc],
    /// See [`Uses`].
    last: &'a [u32],
    pub(crate) slots: Slots,
    /// Flat op that defines a temporary's value.
    def: &'a mut [u32],
    /// Flat index of each label, and jumps waiting for it.
    labels: &'a mut [u32],
    /// First flat op of the current local block: nothing before it may be rewritten.
    pub(crate) fence: usize,
    /// Index of the current instruction.
    pub(crate) at: u32,
    /// For each word of the register file, and those so many further on, the last instruction that needs a value that is
    /// read straight from there.
    read_until: [u32; WORD_CLASSES],
    /// Values that are read straight from the flag words; dead ones are dropped when met.
    pub(crate) flag_reads: &'a mut Vec<Value>,
}

/// Vectors that every piece of a block needs and none keeps: short programs are lowered more often than they allocate.
#[derive(Default)]
pub(crate) struct Memory {
    loc: Vec<Loc>,
    uses: Uses,
    def: Vec<u32>,
    labels: Vec<u32>,
    flag_reads: Vec<Value>,
}

/// Makes `v` `n` times `value`.
fn filled<T: Clone>(v: &mut Vec<T>, n: usize, value: T) -> &mut [T] {
    v.clear();
    v.resize(n, value);
    v
}

/// Lowers a verified piece of a block; its ops go behind those in `out`.
pub(crate) fn lower(block: &Block, regs: &RegTable, memory: &mut Memory, out: &mut Body) -> Result<(), Unfit> {
    let n = block.insts.len();
    let Memory { loc, uses, def, labels, flag_reads } = memory;
    flag_reads.clear();
    let start = out.ops.len();
    let parameters = uses.find(block, regs);
    let mut l = Lower {
        block,
        regs,
        out,
        loc: filled(loc, n, Loc::None),
        last: &uses.last,
        slots: Slots::new(regs.scratch),
        def: filled(def, n, u32::MAX),
        labels: filled(labels, block.labels as usize + 1, u32::MAX),
        fence: start,
        at: 0,
        read_until: [0; WORD_CLASSES],
        flag_reads,
    };
    if parameters {
        l.place_params()?;
    }
    for (i, ((inst, &last), &dying)) in block.insts.iter().zip(&uses.last).zip(&uses.dying).enumerate() {
        if last == SKIPPED {
            continue; // and nothing lives on for it
        }
        let v = Value(i as u32);
        if !Class::of(inst.op).is(Class::OPERANDS) {
            l.leaf(v, inst)?;
            continue;
        }
        l.at = v.0;
        l.inst(v, inst)?;
        if dying != 0 {
            l.free_dying(inst, dying);
        }
    }
    if block.labels != 0 {
        l.patch_targets(start);
    }
    Ok(())
}

impl Lower<'_> {
    /// Parameters get words of their own for the whole block, since jumps write them from anywhere.
    fn place_params(&mut self) -> Result<(), Unfit> {
        for (i, inst) in self.block.insts.iter().enumerate() {
            if inst.op == Op::Param {
                let w = if inst.ty == Ty::V128 { self.slots.pair() } else { self.slots.single() };
                self.loc[i] = Loc::Word(w.ok_or(Unfit::TooManyValues)?);
            }
        }
        Ok(())
    }

    fn dead(&self, v: Value) -> bool {
        self.last[v.index()] == 0
    }

    pub(crate) fn live_after(&self, v: usize) -> bool {
        self.last[v] > self.at
    }

    /// Frees what the current instruction was the last to use: those `dying` of its operands that no flags are made of.
    #[inline(always)]
    fn free_dying(&mut self, inst: &Inst, dying: u8) {
        for (k, v) in [inst.a, inst.b, inst.c].into_iter().enumerate() {
            if dying >> k & 1 != 0 {
                self.free_if_dead(v);
            }
        }
        if dying & ARGUMENTS != 0 {
            let block = self.block;
            block.each_argument(inst, |v| self.free_if_dead(v));
        }
    }

    /// Frees `v`'s temporary when the current instruction was its last use, and through symbolic
    /// flags that of their operands.
    #[inline(always)]
    fn free_if_dead(&mut self, v: Value) {
        if self.last[v.index()] <= self.at {
            let loc = self.loc[v.index()];
            // Not as one choice, which would be a jump that nobody can predict.
            let held = matches!(loc, Loc::Word(w) | Loc::Low(w) if w >= self.regs.scratch);
            if held | (loc == Loc::Symbolic) {
                self.free(v);
            }
        }
    }

    /// Frees what is no constant, and not a guest register's word.
    fn free(&mut self, v: Value) {
        match self.loc[v.index()] {
            Loc::Word(w) | Loc::Low(w) if self.block.def(v).op != Op::Param => {
                self.slots.free(w, self.width(v));
                self.loc[v.index()] = Loc::None;
            }
            Loc::Symbolic => {
                self.loc[v.index()] = Loc::None;
                let block = self.block;
                block.each_use(block.def(v), |o| self.free_if_dead(o));
            }
            _ => {}
        }
    }

    /// `v`, of `words` words, is read straight from those of a guest register from now on.
    #[inline(always)]
    fn alias_register(&mut self, v: Value, loc: Loc, words: u8) {
        self.loc[v.index()] = loc;
        let until = self.last[v.index()];
        if let Loc::Word(first) | Loc::Low(first) = loc {
            for k in 0..words {
                let known = &mut self.read_until[word_class(first, k)];
                *known = until.max(*known);
            }
        }
    }

    /// Words that a value occupies.
    #[inline(always)]
    fn width(&self, v: Value) -> u8 {
        let inst = self.block.def(v);
        let class = Class::of(inst.op);
        match inst.ty {
            Ty::V128 if class.is(Class::TYPED) => 2,
            Ty::Flags => 3,
            _ if class.is(Class::FLAGS) => 3,
            _ => 1,
        }
    }

    #[inline(always)]
    pub(crate) fn emit(&mut self, op: FlatOp) -> usize {
        self.out.push(op);
        self.out.ops.len() - 1
    }

    pub(crate) fn temp(&mut self, v: Value) -> Result<u8, Unfit> {
        let w = match self.width(v) {
            2 => self.slots.pair(),
            3 => self.slots.triple(),
            _ => self.slots.single(),
        }
        .ok_or(Unfit::TooManyValues)?;
        self.loc[v.index()] = Loc::Word(w);
        self.def[v.index()] = self.out.ops.len() as u32;
        Ok(w)
    }

    /// The constant behind `v`, if it is one.
    pub(crate) fn constant(&self, v: Value) -> Option<u64> {
        match self.loc[v.index()] {
            Loc::Const(c) => Some(c),
            _ => None,
        }
    }

    /// The word of `v`; a constant is loaded into a temporary first.
    #[inline(always)]
    pub(crate) fn word(&mut self, v: Value) -> Result<u8, Unfit> {
        match self.loc[v.index()] {
            Loc::Word(w) => Ok(w),
            _ => self.word_made(v),
        }
    }

    #[inline(never)]
    fn word_made(&mut self, v: Value) -> Result<u8, Unfit> {
        match self.loc[v.index()] {
            Loc::Low(a) => {
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, a, imm: 0xffff_ffff, ..FlatOp::new(Code::And64I) });
                self.slots.free(a, 1);
                Ok(dst)
            }
            Loc::Const(c) => {
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, imm: c, ..FlatOp::new(Code::Const) });
                Ok(dst)
            }
            _ => Err(Unfit::Unsupported(self.block.def(v).op, self.block.ty(v))),
        }
    }

    /// The word of `v` for an op that looks at its low half only (I32), or as `word`.
    #[inline(always)]
    pub(crate) fn low_word(&mut self, v: Value) -> Result<u8, Unfit> {
        match self.loc[v.index()] {
            Loc::Low(w) => Ok(w),
            _ => self.word(v),
        }
    }

    /// `v` is the low half of I64 `a`, which stays where it is if it is a guest register or dies here.
    pub(crate) fn narrow(&mut self, v: Value, a: Value) -> Result<(), Unfit> {
        let w = self.word(a)?;
        if w < self.regs.scratch {
            self.alias_register(v, Loc::Low(w), 1);
        } else if self.takes_over(a) {
            self.loc[v.index()] = Loc::Low(w);
            self.loc[a.index()] = Loc::None;
        } else {
            let dst = self.temp(v)?;
            self.emit(FlatOp { dst, a: w, imm: 0xffff_ffff, ..FlatOp::new(Code::And64I) });
        }
        Ok(())
    }

    /// An instruction without operands, as most are. None of them makes an op.
    #[inline(always)]
    fn leaf(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        match inst.op {
            Op::Iconst => self.loc[v.index()] = Loc::Const(inst.imm),
            Op::Get => self.alias_register(v, Loc::Word(inst.aux as u8), if inst.ty == Ty::V128 { 2 } else { 1 }),
            Op::InsnStart => self.out.begin(inst.imm.wrapping_sub(self.block.pc))?,
            Op::Label => {
                self.labels[inst.aux as usize] = self.out.ops.len() as u32;
                self.fence = self.out.ops.len();
            }
            _ => {} // parameters have their words already
        }
        Ok(())
    }

    #[inline(always)]
    fn inst(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        match inst.op {
            Op::Vconst => self.vconst(v, inst)?,
            Op::Set => self.set(inst)?,
            Op::GetFlags => {
                self.loc[v.index()] = Loc::Symbolic;
                self.flag_reads.push(v);
            }
            Op::FlagsAdd | Op::FlagsSub | Op::FlagsLogic | Op::FlagsPack | Op::FlagsAdc | Op::FlagsSbc => {
                self.loc[v.index()] = Loc::Symbolic;
            }
            Op::FlagsSelect | Op::FlagsFlipC => self.loc[v.index()] = Loc::Symbolic,
            Op::SetFlags => self.set_flags(inst.a)?,
            Op::FlagsUnpack => {
                let a = self.flag_words(inst.a)?;
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, a, ..FlatOp::new(Code::Unpack) });
            }
            Op::Cond => self.cond(v, inst)?,
            Op::Jump => self.jump(inst)?,
            Op::Brif => self.brif(inst)?,
            Op::Goto => {
                self.emit(FlatOp { imm: inst.imm, aux: inst.sub as u16, ..FlatOp::new(Code::Goto) });
            }
            Op::GotoInd => {
                let a = self.word(inst.a)?;
                self.emit(FlatOp { a, aux: inst.sub as u16, ..FlatOp::new(Code::GotoInd) });
            }
            Op::Raise => {
                let a = self.word(inst.a)?;
                self.emit(FlatOp { a, imm: inst.imm, aux: inst.sub as u16, ..FlatOp::new(Code::Raise) });
            }
            Op::Load | Op::Store | Op::Rmw | Op::Cas | Op::MemCopy => self.memory(v, inst)?,
            Op::Fence | Op::FenceLoad | Op::FenceStore => {
                let code = if inst.op == Op::Fence { Code::Fence } else { Code::LightFence };
                self.emit(FlatOp::new(code));
            }
            Op::Prefetch => {}
            Op::Call => self.call(v, inst)?,
            Op::Fp1 | Op::Fp2 | Op::Fp3 | Op::FpConvert | Op::FpCompare => self.fp(v, inst)?,
            op if op.is_vector() => self.vector(v, inst)?,
            _ => self.scalar(v, inst)?,
        }
        Ok(())
    }

    fn vconst(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let value = self.block.consts[inst.imm as usize];
        let dst = self.temp(v)?;
        let imm = self.wide(value);
        self.emit(FlatOp { dst, imm, ..FlatOp::new(Code::Const128) });
        Ok(())
    }

    fn wide(&mut self, value: u128) -> u64 {
        self.out.wide.push(value);
        self.out.wide.len() as u64 - 1
    }

    /// Moves live values out of register word(s) about to be written.
    #[inline(always)]
    pub(crate) fn save_aliases(&mut self, word: u8, words: u8, except: Value) -> Result<(), Unfit> {
        if (0..words).all(|k| self.read_until[word_class(word, k)] <= self.at) {
            return Ok(());
        }
        self.save_live_aliases(word, words, except)
    }

    #[inline(never)]
    fn save_live_aliases(&mut self, word: u8, words: u8, except: Value) -> Result<(), Unfit> {
        for v in (0..self.at).map(Value).filter(|&v| v != except) {
            let (Loc::Word(w) | Loc::Low(w)) = self.loc[v.index()] else { continue };
            if w >= self.regs.scratch || !self.live_after(v.index()) {
                continue;
            }
            if w + self.width(v) <= word || w >= word + words {
                continue;
            }
            let low = matches!(self.loc[v.index()], Loc::Low(_));
            let dst = self.temp(v)?;
            let code = if self.width(v) == 2 { Code::Mov128 } else { Code::Mov };
            self.emit(FlatOp { dst, a: w, ..FlatOp::new(code) });
            self.def[v.index()] = u32::MAX;
            if low {
                self.loc[v.index()] = Loc::Low(dst);
            }
        }
        Ok(())
    }

    fn set(&mut self, inst: &Inst) -> Result<(), Unfit> {
        let reg = inst.aux as u8;
        let words = self.width(inst.a);
        let wide = words == 2;
        if self.loc[inst.a.index()] == Loc::Word(reg) {
            return Ok(());
        }
        self.save_aliases(reg, words, inst.a)?;
        if let Loc::Const(c) = self.loc[inst.a.index()] {
            self.emit(FlatOp { dst: reg, imm: c, ..FlatOp::new(Code::Const) });
            return Ok(());
        }
        if self.retarget(inst.a, reg, words) {
            return Ok(());
        }
        let a = self.word(inst.a)?;
        let code = if wide { Code::Mov128 } else { Code::Mov };
        self.emit(FlatOp { dst: reg, a, ..FlatOp::new(code) });
        Ok(())
    }

    /// Whether `v` is a temporary whose last use is the current instruction.
    pub(crate) fn takes_over(&self, v: Value) -> bool {
        let temp = matches!(self.loc[v.index()], Loc::Word(w) if w >= self.regs.scratch);
        temp && !self.live_after(v.index()) && self.block.def(v).op != Op::Param
    }

    /// `to` is the same word as `from`, which dies: whatever may rewrite the defining op follows `to`.
    pub(crate) fn move_definition(&mut self, from: Value, to: Value) {
        self.def[to.index()] = self.def[from.index()];
    }

    /// Folds `a + (x << k)` when the shift is the op just emitted and dies here.
    pub(crate) fn fuse_add_shift(&mut self, v: Value, a: u8, shifted: Value) -> Result<bool, Unfit> {
        let def = self.def[shifted.index()];
        if !self.takes_over(shifted) || def == u32::MAX || def as usize + 1 != self.out.ops.len() {
            return Ok(false);
        }
        let op = self.out.ops[def as usize];
        if op.code != Code::Shl64I || (def as usize) < self.fence || op.dst == a {
            return Ok(false);
        }
        self.out.pop()?;
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, b: op.a, aux: op.imm as u16, ..FlatOp::new(Code::AddShl64) });
        Ok(true)
    }

    /// Lets the op that made `v` write `reg` itself, if nothing since would notice.
    fn retarget(&mut self, v: Value, reg: u8, words: u8) -> bool {
        let Loc::Word(temp) = self.loc[v.index()] else { return false };
        let def = self.def[v.index()];
        if def == u32::MAX || (def as usize) < self.fence || temp < self.regs.scratch {
            return false;
        }
        let def = def as usize;
        let inside = |w: u8| w != NONE && w >= reg && w < reg + words;
        for op in &self.out.ops[def + 1..] {
            let observes = matches!(op.code, Code::Call | Code::FpLanes | Code::SetCcCarry)
                || is_faultable(op.code)
                || [op.dst, op.a, op.b, op.c].into_iter().any(inside);
            if observes {
                return false;
            }
        }
        self.out.ops[def].dst = reg;
        for op in &mut self.out.ops[def + 1..] {
            for field in [&mut op.a, &mut op.b, &mut op.c] {
                if *field == temp {
                    *field = reg;
                }
            }
        }
        self.slots.free(temp, words);
        self.alias_register(v, Loc::Word(reg), words);
        true
    }

    /// Moves branch arguments into the target's parameters, as if all at once.
    fn pass_args(&mut self, target: usize) -> Result<(), Unfit> {
        let target = &self.block.targets[target];
        let params: Vec<u8> = self.params_of(target.label.0);
        let mut staged = Vec::new();
        for (k, &arg) in target.args.iter().enumerate() {
            let wide = self.block.ty(arg) == Ty::V128;
            let code = if wide { Code::Mov128 } else { Code::Mov };
            let mut src = self.word(arg)?;
            if src == params[k] {
                continue;
            }
            if params[..k].contains(&src) {
                // An earlier move overwrote it: it was staged below.
                src = staged.iter().find(|&&(from, _)| from == src).map_or(src, |&(_, to)| to);
            }
            if target.args[k + 1..].iter().any(|&later| self.loc[later.index()] == Loc::Word(params[k])) {
                let keep = if wide { self.slots.pair() } else { self.slots.single() }.ok_or(Unfit::TooManyValues)?;
                self.emit(FlatOp { dst: keep, a: params[k], ..FlatOp::new(code) });
                staged.push((params[k], keep));
            }
            self.emit(FlatOp { dst: params[k], a: src, ..FlatOp::new(code) });
        }
        Ok(())
    }

    fn params_of(&self, label: u16) -> Vec<u8> {
        let start = self.block.insts.iter().position(|i| i.op == Op::Label && i.aux == label);
        let Some(start) = start else { return Vec::new() };
        (start + 1..self.block.insts.len())
            .take_while(|&i| self.block.insts[i].op == Op::Param)
            .filter_map(|i| match self.loc[i] {
                Loc::Word(w) => Some(w),
                _ => None,
            })
            .collect()
    }

    fn jump(&mut self, inst: &Inst) -> Result<(), Unfit> {
        self.pass_args(inst.imm as usize)?;
        let label = self.block.targets[inst.imm as usize].label.0;
        let back = self.labels[label as usize] != u32::MAX;
        let code = if back { Code::JumpBack } else { Code::Jump };
        self.emit(FlatOp { imm: label as u64, ..FlatOp::new(code) });
        Ok(())
    }

    fn brif(&mut self, inst: &Inst) -> Result<(), Unfit> {
        let (then, other) = (inst.imm as usize, inst.imm as usize + 1);
        let plain = self.block.targets[then].args.is_empty() && self.block.targets[other].args.is_empty();
        let a = self.word(inst.a)?;
        let labels = |l: &Self| l.block.targets[then].label.0 as u64 | (l.block.targets[other].label.0 as u64) << 32;
        if plain {
            let imm = labels(self);
            if !self.fuse_branch(inst.a, imm) {
                self.emit(FlatOp { a, imm, ..FlatOp::new(Code::Brif) });
            }
            return Ok(());
        }
        // Constants must be in words on both ways.
        for target in [then, other] {
            for &arg in &self.block.targets[target].args {
                self.word(arg)?;
            }
        }
        // Trampolines: the branch goes to code that passes the arguments, then jumps.
        let at = self.emit(FlatOp { a, ..FlatOp::new(Code::Brif) });
        let mut starts = [0u64; 2];
        for (k, target) in [then, other].into_iter().enumerate() {
            starts[k] = self.out.ops.len() as u64;
            self.pass_args(target)?;
            let label = self.block.targets[target].label.0;
            let back = self.labels[label as usize] != u32::MAX;
            let code = if back { Code::JumpBack } else { Code::Jump };
            self.emit(FlatOp { imm: label as u64, ..FlatOp::new(code) });
        }
        self.out.ops[at].imm = starts[0] | starts[1] << 32;
        self.out.ops[at].aux = 1; // already flat indices
        Ok(())
    }

    /// Fuses the op that made the truth value into the branch if the branch is all that uses it.
    fn fuse_branch(&mut self, c: Value, imm: u64) -> bool {
        let def = self.def[c.index()];
        if self.last[c.index()] != self.at || def == u32::MAX || def as usize + 1 != self.out.ops.len() {
            return false;
        }
        let op = self.out.ops[def as usize];
        let fused = match op.code {
            Code::CondSub64R => FlatOp { a: op.a, b: op.b, c: 1, aux: op.aux, imm, ..FlatOp::new(Code::BrifSub) },
            Code::CondSub32R => FlatOp { a: op.a, b: op.b, c: 0, aux: op.aux, imm, ..FlatOp::new(Code::BrifSub) },
            Code::CondSub64I | Code::CondSub32I => {
                let k = self.out.consts.len() as u16;
                if k >= 2048 {
                    return false;
                }
                self.out.consts.push(op.imm);
                let wide = (op.code == Code::CondSub64I) as u8;
                FlatOp { a: op.a, c: wide, aux: op.aux | 16 | k << 5, imm, ..FlatOp::new(Code::BrifSub) }
            }
            Code::Cond => FlatOp { b: op.a, aux: op.aux, imm, ..FlatOp::new(Code::BrifCc) },
            _ => return false,
        };
        self.out.ops[def as usize] = FlatOp { advance: op.advance, ..fused };
        true
    }

    /// Frees the temporary of a value that nobody uses, made for its effect.
    pub(crate) fn drop_unused(&mut self, v: Value) {
        if let (true, Loc::Word(w)) = (self.dead(v), self.loc[v.index()]) {
            self.slots.free(w, self.width(v));
        }
    }

    /// Says which flat op makes `v`: one that may be rewritten, or none.
    pub(crate) fn fix_definition(&mut self, v: Value, at: Option<usize>) {
        self.def[v.index()] = at.map_or(u32::MAX, |at| at as u32);
    }

    /// Turns labels in jumps from flat op `start` on into flat indices.
    fn patch_targets(&mut self, start: usize) {
        for op in &mut self.out.ops[start..] {
            match op.code {
                Code::Jump | Code::JumpBack => op.imm = self.labels[op.imm as usize] as u64,
                Code::Brif if op.aux == 1 => {}
                Code::Brif | Code::BrifSub | Code::BrifCc => {
                    let (t, o) = (op.imm as u32, (op.imm >> 32) as u32);
                    op.imm = self.labels[t as usize] as u64 | (self.labels[o as usize] as u64) << 32;
                }
                _ => {}
            }
        }
    }

    fn memory(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let op = inst.memop();
        match inst.op {
            Op::Load => {
                let a = self.word(inst.a)?;
                let dst = self.temp(v)?;
                let code = load_code(op);
                let c = if code == Code::LoadAny { inst.ty.bits() as u8 } else { NONE };
                self.emit(FlatOp { dst, a, c, aux: inst.aux, imm: inst.imm, ..FlatOp::new(code) });
                if self.dead(v) {
                    self.slots.free(dst, self.width(v));
                }
            }
            Op::Store => {
                // A store writes no more than the value's own bytes.
                let (a, b) = (self.word(inst.a)?, self.low_word(inst.b)?);
                self.emit(FlatOp { a, b, aux: inst.aux, imm: inst.imm, ..FlatOp::new(store_code(op)) });
            }
            Op::Rmw => {
                let (a, b) = (self.word(inst.a)?, self.word(inst.b)?);
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, a, b, c: inst.sub, aux: inst.aux, ..FlatOp::new(Code::Rmw) });
                // The field `c` is no word here: the result must not be renamed into it.
                self.def[v.index()] = u32::MAX;
                if self.dead(v) {
                    self.slots.free(dst, 1);
                }
            }
            _ => {
                let (a, b, c) = (self.word(inst.a)?, self.word(inst.b)?, self.word(inst.c)?);
                let dst = self.temp(v)?;
                let code = match (inst.op, inst.ty) {
                    (Op::MemCopy, _) => Code::MemCopy,
                    (_, Ty::V128) => Code::Cas128,
                    _ => Code::Cas,
                };
                self.emit(FlatOp { dst, a, b, c, aux: inst.aux, ..FlatOp::new(code) });
                if self.dead(v) {
                    self.slots.free(dst, self.width(v));
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let site = &self.block.calls[inst.imm as usize];
        for word in site.writes.iter() {
            self.save_aliases(word, 1, Value::NONE)?;
            let cc = self.regs.cc.0;
            if word == cc {
                self.save_flags()?;
            }
        }
        let mut args = [NONE; 3];
        for (k, &arg) in site.args.iter().enumerate() {
            args[k] = self.word(arg)?;
        }
        let dst = if inst.ty == Ty::Void { NONE } else { self.temp(v)? };
        let [a, b, c] = args;
        self.emit(FlatOp { dst, a, b, c, aux: site.helper.0, ..FlatOp::new(Code::Call) });
        if inst.ty != Ty::Void && self.dead(v) {
            self.slots.free(dst, 1);
        }
        Ok(())
    }

    fn vector(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let mut words = [NONE; 3];
        for (word, operand) in words.iter_mut().zip([inst.a, inst.b, inst.c]) {
            if operand != Value::NONE {
                *word = self.word(operand)?;
            }
        }
        let dst = self.temp(v)?;
        let [a, b, c] = words;
        let (code, imm) = match inst.op {
            Op::Vshuffle => (Code::Shuffle, self.wide(self.block.consts[inst.imm as usize])),
            Op::Bitselect => (Code::Bitselect, 0),
            Op::Vicmp | Op::Vfold => (Code::Vector, inst.aux as u64),
            _ => (Code::Vector, inst.imm),
        };
        let aux = inst.op as u16 | (inst.sub as u16) << 8;
        self.emit(FlatOp { dst, a, b, c, aux, imm, ..FlatOp::new(code) });
        Ok(())
    }
}

fn is_faultable(code: Code) -> bool {
    matches!(
        code,
        Code::Load8
            | Code::Load16
            | Code::Load32
            | Code::Load64
            | Code::LoadAny
            | Code::Load128
            | Code::Store8
            | Code::Store16
            | Code::Store32
            | Code::Store64
            | Code::StoreAny
            | Code::Store128
            | Code::Rmw
            | Code::Cas
            | Code::Cas128
            | Code::MemCopy
    )
}

/// Loads on x86-64 hosts need nothing for acquire order; the accessor decides, the code only says
/// whether the short form (plain, unsigned, any alignment) applies.
fn load_code(op: MemOp) -> Code {
    let simple = op == MemOp::plain(op.size).order(op.order) && op.order == Order::Plain;
    match (op.size, simple) {
        (Size::B16, _) => Code::Load128,
        (Size::B1, true) => Code::Load8,
        (Size::B2, true) => Code::Load16,
        (Size::B4, true) => Code::Load32,
        (Size::B8, true) => Code::Load64,
        _ => Code::LoadAny,
    }
}

fn store_code(op: MemOp) -> Code {
    let simple = op == MemOp::plain(op.size);
    match (op.size, simple) {
        (Size::B16, _) => Code::Store128,
        (Size::B1, true) => Code::Store8,
        (Size::B2, true) => Code::Store16,
        (Size::B4, true) => Code::Store32,
        (Size::B8, true) => Code::Store64,
        _ => Code::StoreAny,
    }
}
