//! Copying a block instruction by instruction, with values renamed on the way.

use crate::block::{Block, Inst, Target, Value};
use crate::ops::{Op, Ty};

/// A block that is being written from an old one, in order.
pub(super) struct Rewriter<'a> {
    old: &'a Block,
    pub(super) new: Block,
    /// New value of each old one.
    map: Vec<Value>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(old: &'a Block) -> Rewriter<'a> {
        let new = Block {
            insts: Vec::with_capacity(old.insts.len()),
            targets: Vec::with_capacity(old.targets.len()),
            calls: Vec::with_capacity(old.calls.len()),
            consts: Vec::with_capacity(old.consts.len()),
            ..*old
        };
        Rewriter { old, new, map: vec![Value::NONE; old.insts.len()] }
    }

    /// Instruction `i` of the old block with its direct operands renamed; side tables stay the old ones.
    pub(super) fn inst(&self, i: usize) -> Inst {
        let inst = self.old.insts[i];
        Inst { a: self.renamed(inst.a), b: self.renamed(inst.b), c: self.renamed(inst.c), ..inst }
    }

    pub(super) fn renamed(&self, v: Value) -> Value {
        if v == Value::NONE { v } else { self.map[v.index()] }
    }

    /// Writes `inst` for old instruction `i`. Its operands are new values, its side table index an
    /// old one.
    pub(super) fn emit(&mut self, i: usize, mut inst: Inst) -> Value {
        match inst.op {
            Op::Jump => inst.imm = self.targets(inst.imm, 1),
            Op::Brif => inst.imm = self.targets(inst.imm, 2),
            Op::Call => {
                let mut site = self.old.calls[inst.imm as usize].clone();
                site.args.iter_mut().for_each(|v| *v = self.map[v.index()]);
                inst.imm = self.new.calls.len() as u64;
                self.new.calls.push(site);
            }
            Op::Vconst | Op::Vshuffle => inst.imm = self.wide(self.old.consts[inst.imm as usize]),
            _ => {}
        }
        self.map[i] = self.push(inst);
        self.map[i]
    }

    /// Writes an instruction that stands for no old one; it may not use a side table.
    pub(super) fn push(&mut self, inst: Inst) -> Value {
        self.new.insts.push(inst);
        Value(self.new.insts.len() as u32 - 1)
    }

    /// Writes a 128-bit constant for old instruction `i`.
    pub(super) fn emit_wide(&mut self, i: usize, value: u128) -> Value {
        let imm = self.wide(value);
        self.map[i] = self.push(Inst { imm, ..Inst::new(Op::Vconst, Ty::V128) });
        self.map[i]
    }

    /// Copies old instruction `i`.
    pub(super) fn keep(&mut self, i: usize) -> Value {
        self.emit(i, self.inst(i))
    }

    /// Lets new value `v` stand for old instruction `i`, which is not written.
    pub(super) fn alias(&mut self, i: usize, v: Value) {
        self.map[i] = v;
    }

    fn wide(&mut self, value: u128) -> u64 {
        self.new.consts.push(value);
        self.new.consts.len() as u64 - 1
    }

    fn targets(&mut self, first: u64, count: usize) -> u64 {
        let index = self.new.targets.len() as u64;
        for target in &self.old.targets[first as usize..][..count] {
            let args = target.args.iter().map(|v| self.map[v.index()]).collect();
            self.new.targets.push(Target { label: target.label, args });
        }
        index
    }
}

/// The block with only the instructions that `keep` holds for.
pub(super) fn retain(block: &Block, keep: &[bool]) -> Block {
    let mut out = Rewriter::new(block);
    for i in (0..block.insts.len()).filter(|i| keep[*i]) {
        out.keep(i);
    }
    out.new
}
