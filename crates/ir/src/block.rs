//! The unit of translation: a guest block as a linear list of instructions.

use crate::ops::{Op, Ty};
use brolga_core::{MemOp, RegSet};

/// A value: the index of the instruction that defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Value(pub u32);

impl Value {
    /// No operand.
    pub const NONE: Value = Value(u32::MAX);

    /// Index into `Block::insts`.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A local block's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(pub u16);

/// One instruction. What the fields mean is in the op's row ([`crate::ops`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inst {
    /// Operation.
    pub op: Op,
    /// Type that the row's typing rule speaks of.
    pub ty: Ty,
    /// Comparison, predicate, shape, jump or raise kind, read-modify-write operation.
    pub sub: u8,
    /// Register, memory operation, label, length.
    pub aux: u16,
    /// First operand.
    pub a: Value,
    /// Second operand.
    pub b: Value,
    /// Third operand.
    pub c: Value,
    /// Constant, address, offset or index of a side table.
    pub imm: u64,
}

impl Inst {
    /// An instruction without operands.
    pub fn new(op: Op, ty: Ty) -> Inst {
        Inst { op, ty, sub: 0, aux: 0, a: Value::NONE, b: Value::NONE, c: Value::NONE, imm: 0 }
    }

    /// Its memory operation.
    #[inline(always)]
    pub fn memop(&self) -> MemOp {
        MemOp::from_bits(self.aux)
    }

    /// Direct operands, in order.
    pub fn operands(&self) -> impl Iterator<Item = Value> + use<> {
        [self.a, self.b, self.c].into_iter().filter(|v| *v != Value::NONE)
    }

    /// Whether it ends a local block.
    pub fn is_end(&self) -> bool {
        self.op.info().effect == crate::ops::Effect::End
    }

    /// Bit range of extract and deposit: lsb and width.
    pub fn bit_range(&self) -> (u32, u32) {
        (self.imm as u32 & 0xff, (self.imm >> 8) as u32 & 0xff)
    }
}

/// Where a local branch goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Local block.
    pub label: Label,
    /// Values of its parameters.
    pub args: Vec<Value>,
}

/// Number of a helper in the guest's helper table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HelperId(pub u16);

/// One helper call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallSite {
    /// Which helper.
    pub helper: HelperId,
    /// Up to three I64 arguments.
    pub args: Vec<Value>,
    /// Register words that it may read.
    pub reads: RegSet,
    /// Register words that it may write.
    pub writes: RegSet,
}

/// A translated guest block: straight guest code from `pc`, with local control flow.
///
/// Single entry. `insts` is a sequence of local blocks; each but the first starts with
/// [`Op::Label`] and its [`Op::Param`]s, and each ends with an op of effect `End`. Values cross
/// local blocks by parameters only.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Guest address of the first instruction.
    pub pc: u64,
    /// Guest address behind the last instruction.
    pub end: u64,
    /// Mode bits that the translation depends on.
    pub mode: u32,
    /// Instructions.
    pub insts: Vec<Inst>,
    /// Local branch targets.
    pub targets: Vec<Target>,
    /// Helper calls.
    pub calls: Vec<CallSite>,
    /// 128-bit constants.
    pub consts: Vec<u128>,
    /// Number of labels in use (labels are `1..=labels`).
    pub labels: u16,
    /// Number of guest instructions.
    pub guest_insns: u32,
    /// An instruction of it stores before its last load, so that beginning it again, as after a fault in host code, might be
    /// another instruction: the block runs in tier 0 alone.
    pub once: bool,
}

impl Block {
    /// The instruction that defines `v`.
    #[inline(always)]
    pub fn def(&self, v: Value) -> &Inst {
        &self.insts[v.index()]
    }

    /// Type of a value.
    pub fn ty(&self, v: Value) -> Ty {
        use crate::ops::Typing;
        let inst = self.def(v);
        match inst.op.info().typing {
            Typing::None => Ty::Void,
            Typing::Same | Typing::Result => inst.ty,
            Typing::Truth => Ty::I8,
            Typing::Flags => Ty::Flags,
        }
    }

    /// The constant that defines `v`, if it is one.
    pub fn as_const(&self, v: Value) -> Option<u64> {
        let inst = self.def(v);
        (inst.op == Op::Iconst).then_some(inst.imm)
    }

    /// Calls `f` with every value that `inst` uses, branch and call arguments included.
    #[inline(always)]
    pub fn each_use(&self, inst: &Inst, mut f: impl FnMut(Value)) {
        inst.operands().for_each(&mut f);
        self.each_argument(inst, f);
    }

    /// Calls `f` with every value that `inst` hands to a call or another local block.
    #[inline(always)]
    pub fn each_argument(&self, inst: &Inst, mut f: impl FnMut(Value)) {
        let at = inst.imm as usize;
        match inst.op {
            Op::Call => self.calls[at].args.iter().for_each(|&v| f(v)),
            Op::Jump => self.targets[at].args.iter().for_each(|&v| f(v)),
            Op::Brif => self.targets[at..at + 2].iter().flat_map(|t| &t.args).for_each(|&v| f(v)),
            _ => {}
        }
    }
}
