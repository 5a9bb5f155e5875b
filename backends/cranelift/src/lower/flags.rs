//! Condition flags: (operation, operands) until somebody asks.

use super::{Lower, Val};
use brolga_core::{CcKind, CcOp, Cond, Width};
use brolga_ir::{Block, Inst, Op, Value, eval::flags_width};
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};

/// A flags value.
#[derive(Clone, Copy)]
pub(super) enum FlagVal {
    /// A known operation; operands have its width (I64 for packed flags).
    Op { op: CcOp, a: ir::Value, b: ir::Value },
    /// `a + b + c`, or `a - b - (1 - c)` if `sub`.
    Carry { sub: bool, width: Width, a: ir::Value, b: ir::Value, c: ir::Value },
    /// The border form, and its flags in bits 31..28 once somebody has asked. Guests may keep more in the words.
    Words { op: ir::Value, a: ir::Value, b: ir::Value, packed: Option<ir::Value> },
    /// A comparison of floats, which has been made already.
    Float { a: ir::Value, b: ir::Value },
    /// The same with the flags of [`CcKind::Floats`].
    Floats { a: ir::Value, b: ir::Value },
    /// Another value, C flipped if `c` is 1.
    Flip { c: ir::Value, of: Value },
    /// One of two.
    Select { c: ir::Value, x: Value, y: Value },
}

/// What a node knows of the flags at hand.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// They are in the variables.
    Nothing,
    /// They are in the variables, and this operation made them.
    Kind(CcOp),
    /// This value.
    Value(FlagVal),
}

/// One of the four flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    N,
    Z,
    C,
    V,
}

fn ty(width: Width) -> ir::Type {
    match width {
        Width::W8 => types::I8,
        Width::W16 => types::I16,
        Width::W32 => types::I32,
        Width::W64 => types::I64,
    }
}

/// The comparison that the predicate is behind `a - b`, where there is one.
fn compare(cond: Cond) -> Option<IntCC> {
    Some(match cond {
        Cond::Eq => IntCC::Equal,
        Cond::Ne => IntCC::NotEqual,
        Cond::Cs => IntCC::UnsignedGreaterThanOrEqual,
        Cond::Cc => IntCC::UnsignedLessThan,
        Cond::Hi => IntCC::UnsignedGreaterThan,
        Cond::Ls => IntCC::UnsignedLessThanOrEqual,
        Cond::Ge => IntCC::SignedGreaterThanOrEqual,
        Cond::Lt => IntCC::SignedLessThan,
        Cond::Gt => IntCC::SignedGreaterThan,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::Mi | Cond::Pl | Cond::Vs | Cond::Vc => return None,
    })
}

/// The comparison with 0 that the predicate is on a result's flags with V clear; `None` where the carry or V decides.
fn compare_logic(cond: Cond) -> Option<IntCC> {
    Some(match cond {
        Cond::Eq => IntCC::Equal,
        Cond::Ne => IntCC::NotEqual,
        Cond::Mi | Cond::Lt => IntCC::SignedLessThan,
        Cond::Pl | Cond::Ge => IntCC::SignedGreaterThanOrEqual,
        Cond::Gt => IntCC::SignedGreaterThan,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::Cs | Cond::Cc | Cond::Hi | Cond::Ls | Cond::Vs | Cond::Vc => return None,
    })
}

/// The comparison of floats that the predicate is: less is N, equal Z and C, greater C, unordered C and V.
fn compare_floats(cond: Cond) -> FloatCC {
    match cond {
        Cond::Eq => FloatCC::Equal,
        Cond::Ne => FloatCC::NotEqual,
        Cond::Cs | Cond::Pl => FloatCC::UnorderedOrGreaterThanOrEqual,
        Cond::Cc | Cond::Mi => FloatCC::LessThan,
        Cond::Vs => FloatCC::Unordered,
        Cond::Vc => FloatCC::Ordered,
        Cond::Hi => FloatCC::UnorderedOrGreaterThan,
        Cond::Ls => FloatCC::LessThanOrEqual,
        Cond::Ge => FloatCC::GreaterThanOrEqual,
        Cond::Lt => FloatCC::UnorderedOrLessThan,
        Cond::Gt => FloatCC::GreaterThan,
        Cond::Le => FloatCC::UnorderedOrLessThanOrEqual,
    }
}

/// The same of [`CcKind::Floats`]: less is nothing, equal Z and C, greater C, unordered Z. `None` where N and V, which are
/// clear, decide.
fn compare_as_floats(cond: Cond) -> Result<FloatCC, bool> {
    Ok(match cond {
        Cond::Eq | Cond::Le => FloatCC::UnorderedOrEqual,
        Cond::Ne | Cond::Gt => FloatCC::OrderedNotEqual,
        Cond::Cs => FloatCC::GreaterThanOrEqual,
        Cond::Cc => FloatCC::UnorderedOrLessThan,
        Cond::Hi => FloatCC::GreaterThan,
        Cond::Ls => FloatCC::UnorderedOrLessThanOrEqual,
        Cond::Mi | Cond::Vs | Cond::Lt => return Err(false),
        Cond::Pl | Cond::Vc | Cond::Ge => return Err(true),
    })
}

impl Lower<'_, '_> {
    /// The value that a flags op makes.
    pub(super) fn flags_of(&mut self, block: &Block, inst: &Inst) -> FlagVal {
        let width = flags_width(inst.ty);
        let known = |kind| CcOp::new(kind, width);
        match inst.op {
            Op::FlagsAdd => FlagVal::Op { op: known(CcKind::Add), a: self.data(inst.a), b: self.data(inst.b) },
            Op::FlagsSub => FlagVal::Op { op: known(CcKind::Sub), a: self.data(inst.a), b: self.data(inst.b) },
            Op::FlagsLogic | Op::FlagsPack => {
                let kind = if inst.op == Op::FlagsLogic { CcKind::Logic } else { CcKind::Packed };
                let a = self.data(inst.a);
                FlagVal::Op { op: known(kind), a, b: a }
            }
            Op::FlagsSelect => FlagVal::Select { c: self.data(inst.a), x: inst.b, y: inst.c },
            Op::FlagsFlipC => match (self.flag_val(inst.a), block.as_const(inst.b)) {
                (FlagVal::Op { op, a, b }, Some(c)) => {
                    FlagVal::Op { op: CcOp { flip: op.flip ^ (c != 0), ..op }, a, b }
                }
                _ => FlagVal::Flip { c: self.data(inst.b), of: inst.a },
            },
            _ => FlagVal::Carry {
                sub: inst.op == Op::FlagsSbc,
                width,
                a: self.data(inst.a),
                b: self.data(inst.b),
                c: self.data(inst.c),
            },
        }
    }

    /// `get_flags` and `set_flags`.
    pub(super) fn flag_access(&mut self, i: usize, inst: &Inst) {
        if inst.op == Op::GetFlags {
            let f = self.current_flags();
            self.values[i] = Val::Flags(f);
            return;
        }
        let f = self.flag_val(inst.a);
        let cc = self.u.regs.cc.0;
        let (op, a, b) = self.words(f);
        for (k, v) in [op, a, b].into_iter().enumerate() {
            self.write_row(cc + k as u8, v);
            self.dirty.insert(cc + k as u8);
        }
        self.flags = Known::Value(f);
    }

    fn current_flags(&mut self) -> FlagVal {
        let cc = self.u.regs.cc.0;
        let f = match self.flags {
            Known::Value(f) => return f,
            Known::Nothing => {
                let (op, a, b) = (self.read_row(cc), self.read_row(cc + 1), self.read_row(cc + 2));
                FlagVal::Words { op, a, b, packed: None }
            }
            Known::Kind(op) => {
                let (mut a, mut b) = (self.read_row(cc + 1), self.read_row(cc + 2));
                if op.width != Width::W64 {
                    a = self.fb.ins().ireduce(ty(op.width), a);
                    b = self.fb.ins().ireduce(ty(op.width), b);
                }
                if op.kind == CcKind::Floats {
                    let float = if op.width == Width::W64 { types::F64 } else { types::F32 };
                    [a, b] = [a, b].map(|v| self.resize(v, float, false));
                    FlagVal::Floats { a, b }
                } else {
                    FlagVal::Op { op, a, b }
                }
            }
        };
        self.flags = Known::Value(f);
        f
    }

    /// The border form of a value.
    fn words(&mut self, f: FlagVal) -> (ir::Value, ir::Value, ir::Value) {
        match f {
            FlagVal::Words { op, a, b, .. } => (op, a, b),
            FlagVal::Op { op, a, b } => {
                let word = self.const64(op.word());
                (word, self.flag_word(a), self.flag_word(b))
            }
            FlagVal::Float { a, b } => {
                let f = self.as_subtraction(a, b);
                self.words(f)
            }
            FlagVal::Floats { a, b } => {
                let width = if self.fb.func.dfg.value_type(a) == types::F64 { Width::W64 } else { Width::W32 };
                let word = self.const64(CcOp::new(CcKind::Floats, width).word());
                let [a, b] = [a, b].map(|v| self.resize(v, types::I64, false));
                (word, a, b)
            }
            FlagVal::Carry { sub, width, a, b, c } => {
                let (with, without) =
                    if sub { (CcKind::Sub, CcKind::SubBorrow) } else { (CcKind::AddCarry, CcKind::Add) };
                let with = self.const64(CcOp::new(with, width).word());
                let without = self.const64(CcOp::new(without, width).word());
                let op = self.fb.ins().select(c, with, without);
                (op, self.flag_word(a), self.flag_word(b))
            }
            FlagVal::Flip { c, of } => {
                let of = self.flag_val(of);
                let (op, a, b) = self.words(of);
                let flip = self.fb.ins().uextend(types::I64, c);
                let flip = self.fb.ins().ishl_imm_u(flip, i64::from(CcOp::FLIP.trailing_zeros()));
                (self.fb.ins().bxor(op, flip), a, b)
            }
            FlagVal::Select { c, x, y } => {
                let (x, y) = (self.flag_val(x), self.flag_val(y));
                let (x, y) = (self.words(x), self.words(y));
                let op = self.fb.ins().select(c, x.0, y.0);
                let a = self.fb.ins().select(c, x.1, y.1);
                (op, a, self.fb.ins().select(c, x.2, y.2))
            }
        }
    }

    /// The flags of a comparison of floats in the form that has words.
    fn as_subtraction(&mut self, a: ir::Value, b: ir::Value) -> FlagVal {
        let ccs = [FloatCC::GreaterThan, FloatCC::UnorderedOrLessThan, FloatCC::Unordered];
        let [greater, less, unordered] = ccs.map(|cc| {
            let v = self.fb.ins().fcmp(cc, a, b);
            self.fb.ins().uextend(types::I32, v)
        });
        self.relation(greater, less, unordered)
    }

    /// A word whose low bits are `v`: what is above them does not count, so the word that `v` was cut from will do.
    fn flag_word(&mut self, v: ir::Value) -> ir::Value {
        let dfg = &self.fb.func.dfg;
        if let Some(inst) = dfg.value_def(v).inst()
            && let ir::InstructionData::Unary { opcode: ir::Opcode::Ireduce, arg } = dfg.insts[inst]
            && dfg.value_type(arg) == types::I64
        {
            return arg;
        }
        self.resize(v, types::I64, false)
    }

    /// 1 if flags value `v` satisfies the predicate.
    pub(super) fn cond(&mut self, cond: Cond, v: Value) -> ir::Value {
        let f = self.evaluated(v);
        self.holds(cond, f)
    }

    /// The value, with the border form evaluated once.
    fn evaluated(&mut self, v: Value) -> FlagVal {
        let f = self.flag_val(v);
        let FlagVal::Words { op, a, b, packed } = f else { return f };
        let packed = packed.unwrap_or_else(|| {
            let packed = self.call_table(crate::helpers::NZCV, [op, a, b]);
            self.values[v.index()] = Val::Flags(FlagVal::Words { op, a, b, packed: Some(packed) });
            packed
        });
        FlagVal::Op { op: CcOp::new(CcKind::Packed, Width::W64), a: packed, b: packed }
    }

    fn holds(&mut self, cond: Cond, f: FlagVal) -> ir::Value {
        match (f, compare(cond)) {
            (FlagVal::Op { op: CcOp { kind: CcKind::Sub, flip: false, .. }, a, b }, Some(cc)) => {
                return self.fb.ins().icmp(cc, a, b);
            }
            (FlagVal::Op { op: CcOp { kind: CcKind::Logic, .. }, a, .. }, _) => {
                if let Some(cc) = compare_logic(cond) {
                    return self.fb.ins().icmp_imm_s(cc, a, 0);
                }
            }
            (FlagVal::Op { op: CcOp { kind: CcKind::Sub, .. }, a, b }, _) if self.constant(b) == Some(0) => {
                // No difference overflows: what is left are the signs of a result.
                if let Some(cc) = compare_logic(cond) {
                    return self.fb.ins().icmp_imm_s(cc, a, 0);
                }
            }
            (FlagVal::Float { a, b }, _) => return self.fb.ins().fcmp(compare_floats(cond), a, b),
            (FlagVal::Floats { a, b }, _) => {
                return match compare_as_floats(cond) {
                    Ok(cc) => self.fb.ins().fcmp(cc, a, b),
                    Err(holds) => self.fb.ins().iconst(types::I8, i64::from(holds)),
                };
            }
            (FlagVal::Flip { c, of }, _) => return self.holds_flipped(cond, c, of),
            (FlagVal::Select { c, x, y }, _) => {
                let (x, y) = (self.cond(cond, x), self.cond(cond, y));
                return self.fb.ins().select(c, x, y);
            }
            _ => {}
        }
        let positive = Cond::ALL[cond as usize & !1];
        let holds = match positive {
            Cond::Eq => self.flag(Flag::Z, f),
            Cond::Cs => self.flag(Flag::C, f),
            Cond::Mi => self.flag(Flag::N, f),
            Cond::Vs => self.flag(Flag::V, f),
            Cond::Hi => {
                let (c, z) = (self.flag(Flag::C, f), self.flag(Flag::Z, f));
                self.fb.ins().icmp(IntCC::UnsignedGreaterThan, c, z)
            }
            _ => {
                let (n, v) = (self.flag(Flag::N, f), self.flag(Flag::V, f));
                let ge = self.fb.ins().icmp(IntCC::Equal, n, v);
                if positive == Cond::Ge {
                    ge
                } else {
                    let z = self.flag(Flag::Z, f);
                    self.fb.ins().icmp(IntCC::UnsignedGreaterThan, ge, z)
                }
            }
        };
        if positive == cond { holds } else { self.opposite(holds) }
    }

    /// The opposite of a truth value.
    fn opposite(&mut self, truth: ir::Value) -> ir::Value {
        let dfg = &self.fb.func.dfg;
        match dfg.value_def(truth).inst().map(|inst| dfg.insts[inst]) {
            Some(ir::InstructionData::IntCompare { cond, args: [a, b], .. }) => {
                self.fb.ins().icmp(cond.complement(), a, b)
            }
            _ => self.fb.ins().bxor_imm_u(truth, 1),
        }
    }

    /// Whether the predicate holds on `of` with C flipped if `c` is 1.
    fn holds_flipped(&mut self, cond: Cond, c: ir::Value, of: Value) -> ir::Value {
        match cond {
            Cond::Cs | Cond::Cc => {
                let holds = self.cond(cond, of);
                self.fb.ins().bxor(holds, c)
            }
            Cond::Hi | Cond::Ls => {
                let (carry, z) = (self.cond(Cond::Cs, of), self.cond(Cond::Eq, of));
                let carry = self.fb.ins().bxor(carry, c);
                let cc = if cond == Cond::Hi { IntCC::UnsignedGreaterThan } else { IntCC::UnsignedLessThanOrEqual };
                self.fb.ins().icmp(cc, carry, z)
            }
            _ => self.cond(cond, of),
        }
    }

    /// N Z C V in bits 31..28.
    pub(super) fn unpack(&mut self, v: Value) -> ir::Value {
        let mut f = self.evaluated(v);
        if let FlagVal::Float { a, b } = f {
            f = self.as_subtraction(a, b);
        }
        if let FlagVal::Flip { c, of } = f {
            let (bits, c) = (self.unpack(of), self.fb.ins().uextend(types::I64, c));
            let c = self.fb.ins().ishl_imm_u(c, 29);
            return self.fb.ins().bxor(bits, c);
        }
        if let FlagVal::Op { op: CcOp { kind: CcKind::Packed, flip: false, .. }, a, .. } = f {
            return self.fb.ins().band_imm_u(a, 0xf000_0000);
        }
        if let FlagVal::Select { c, x, y } = f {
            let (x, y) = (self.unpack(x), self.unpack(y));
            return self.fb.ins().select(c, x, y);
        }
        let mut bits = None;
        for (flag, at) in [(Flag::N, 31), (Flag::Z, 30), (Flag::C, 29), (Flag::V, 28)] {
            let bit = self.flag(flag, f);
            let bit = self.fb.ins().uextend(types::I64, bit);
            let bit = self.fb.ins().ishl_imm_u(bit, at);
            bits = Some(match bits {
                None => bit,
                Some(bits) => self.fb.ins().bor(bits, bit),
            });
        }
        bits.unwrap_or_else(|| self.const64(0))
    }

    /// One flag of an operation, 0 or 1.
    fn flag(&mut self, flag: Flag, f: FlagVal) -> ir::Value {
        match f {
            FlagVal::Carry { sub, width, a, b, c } => {
                let b = if sub { self.fb.ins().bnot(b) } else { b };
                let c = if width == Width::W8 { c } else { self.fb.ins().uextend(ty(width), c) };
                let partial = self.fb.ins().iadd(a, b);
                let sum = self.fb.ins().iadd(partial, c);
                if flag == Flag::C {
                    let first = self.fb.ins().icmp(IntCC::UnsignedLessThan, partial, a);
                    let second = self.fb.ins().icmp(IntCC::UnsignedLessThan, sum, partial);
                    return self.fb.ins().bor(first, second);
                }
                self.sum_flag(flag, width, a, b, sum, IntCC::UnsignedLessThan)
            }
            FlagVal::Op { op, a, b } => {
                let bit = self.op_flag(flag, op, a, b);
                if op.flip && flag == Flag::C { self.fb.ins().bxor_imm_u(bit, 1) } else { bit }
            }
            FlagVal::Floats { .. } => match flag {
                Flag::Z => self.holds(Cond::Eq, f),
                Flag::C => self.holds(Cond::Cs, f),
                Flag::N | Flag::V => self.fb.ins().iconst(types::I8, 0),
            },
            FlagVal::Words { .. } | FlagVal::Float { .. } | FlagVal::Flip { .. } | FlagVal::Select { .. } => {
                unreachable!("evaluated and split by the callers")
            }
        }
    }

    fn op_flag(&mut self, flag: Flag, op: CcOp, a: ir::Value, b: ir::Value) -> ir::Value {
        match op.kind {
            CcKind::Packed => {
                let at = match flag {
                    Flag::N => 31,
                    Flag::Z => 30,
                    Flag::C => 29,
                    Flag::V => 28,
                };
                let bit = self.fb.ins().ushr_imm_u(a, at);
                let bit = self.fb.ins().ireduce(types::I8, bit);
                self.fb.ins().band_imm_u(bit, 1)
            }
            CcKind::Logic => match flag {
                Flag::N => self.fb.ins().icmp_imm_s(IntCC::SignedLessThan, a, 0),
                Flag::Z => self.fb.ins().icmp_imm_s(IntCC::Equal, a, 0),
                Flag::C | Flag::V => self.fb.ins().iconst(types::I8, 0),
            },
            CcKind::Floats => {
                let float = if op.width == Width::W64 { types::F64 } else { types::F32 };
                let [a, b] = [a, b].map(|v| self.resize(v, float, false));
                self.flag(flag, FlagVal::Floats { a, b })
            }
            CcKind::Sub if flag == Flag::C => self.fb.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, a, b),
            CcKind::Sub if flag == Flag::Z => self.fb.ins().icmp(IntCC::Equal, a, b),
            CcKind::Add => {
                let sum = self.fb.ins().iadd(a, b);
                self.sum_flag(flag, op.width, a, b, sum, IntCC::UnsignedLessThan)
            }
            CcKind::AddCarry => {
                let sum = self.fb.ins().iadd(a, b);
                let sum = self.fb.ins().iadd_imm_s(sum, 1);
                self.sum_flag(flag, op.width, a, b, sum, IntCC::UnsignedLessThanOrEqual)
            }
            CcKind::Sub => {
                let sum = self.fb.ins().isub(a, b);
                let not = self.fb.ins().bnot(b);
                self.sum_flag(flag, op.width, a, not, sum, IntCC::UnsignedLessThanOrEqual)
            }
            CcKind::SubBorrow => {
                let not = self.fb.ins().bnot(b);
                let sum = self.fb.ins().iadd(a, not);
                self.sum_flag(flag, op.width, a, not, sum, IntCC::UnsignedLessThan)
            }
        }
    }

    /// A flag of `sum`, which is `a + b` and perhaps 1; `carried` is how a sum that carried compares with `a`.
    fn sum_flag(
        &mut self,
        flag: Flag,
        width: Width,
        a: ir::Value,
        b: ir::Value,
        sum: ir::Value,
        carried: IntCC,
    ) -> ir::Value {
        match flag {
            Flag::N => self.fb.ins().icmp_imm_s(IntCC::SignedLessThan, sum, 0),
            Flag::Z => self.fb.ins().icmp_imm_s(IntCC::Equal, sum, 0),
            Flag::C => self.fb.ins().icmp(carried, sum, a),
            Flag::V => {
                let x = self.fb.ins().bxor(a, sum);
                let y = self.fb.ins().bxor(b, sum);
                let both = self.fb.ins().band(x, y);
                let zero = self.fb.ins().iconst(ty(width), 0);
                self.fb.ins().icmp(IntCC::SignedLessThan, both, zero)
            }
        }
    }
}
