//! Comparisons and condition flags. Flags are three words: an operation and its operands.

use crate::asm::{Cc, RAX, RCX, RDX, RSI, put, word};
use crate::emit::Emitter;
use crate::encode::{Alu, Operand};
use crate::futures::Future;
use crate::vector::X0;
use brolga_core::{CcKind, CcOp, Cond, Width};
use brolga_interp::{Code as Op, FlatOp};
use brolga_ir::IntCc;

/// The second operand of a comparison.
#[derive(Clone, Copy)]
pub(crate) enum Second {
    Word(u8),
    Constant(u64),
}

/// What three flag words hold for sure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) first: u8,
    operation: u64,
    /// The second operand, if it is a constant.
    constant: Option<u64>,
}

/// Whether the flags of an operation depend on its first operand alone.
fn one_operand(operation: u16) -> bool {
    matches!(CcOp::from_word(operation.into()).kind, CcKind::Logic | CcKind::Packed)
}

/// The host's condition behind `cmp a, b`. The host's carry is a borrow, Arm's is not.
fn after_sub(cond: Cond) -> Cc {
    match cond {
        Cond::Eq => Cc::E,
        Cond::Ne => Cc::Ne,
        Cond::Cs => Cc::Ae,
        Cond::Cc => Cc::B,
        Cond::Mi => Cc::S,
        Cond::Pl => Cc::Ns,
        Cond::Vs => Cc::O,
        Cond::Vc => Cc::No,
        Cond::Hi => Cc::A,
        Cond::Ls => Cc::Be,
        Cond::Ge => Cc::Ge,
        Cond::Lt => Cc::L,
        Cond::Gt => Cc::G,
        Cond::Le => Cc::Le,
    }
}

/// The host's condition behind `test a, a`, which clears carry and overflow as Arm's logic does: what needs the
/// carry never holds, so the host's borrow, clear too, stands for it.
fn after_test(cond: Cond) -> Cc {
    match cond {
        Cond::Cs | Cond::Hi => Cc::B,
        Cond::Cc | Cond::Ls => Cc::Ae,
        other => after_sub(other),
    }
}

/// The host's condition behind `add a, b`, whose carry is Arm's.
fn after_add(cond: Cond) -> Option<Cc> {
    Some(match cond {
        Cond::Cs => Cc::B,
        Cond::Cc => Cc::Ae,
        Cond::Hi | Cond::Ls => return None,
        other => after_sub(other),
    })
}

fn condition(bits: u16) -> Cond {
    Cond::ALL[bits as usize % Cond::ALL.len()]
}

impl Emitter<'_> {
    /// Host flags of `a - b`.
    pub(crate) fn compare(&mut self, width: Width, a: u8, b: Second) {
        let again = self.future.again;
        let a = if again[0] { self.source(a, true, RAX).into() } else { self.at(a) };
        match (a, b) {
            (a, Second::Constant(c)) => self.compare_constant(width, a, c),
            (Operand::Register(a), Second::Word(b)) => {
                let b = self.at(b);
                self.asm.alu(width, Alu::Cmp, a, b);
            }
            (a, Second::Word(b)) => {
                let b = self.source(b, again[1], RCX);
                self.asm.alu_to(width, Alu::Cmp, a, b);
            }
        }
    }

    fn compare_constant(&mut self, width: Width, a: Operand, constant: u64) {
        let value = match width {
            Width::W64 => constant as i64,
            Width::W32 => i64::from(constant as i32),
            Width::W16 => i64::from(constant as i16),
            Width::W8 => i64::from(constant as i8),
        };
        match i32::try_from(value) {
            Ok(0) => self.asm.compare_with_0(width, a),
            Ok(short) => self.asm.alu_constant(width, Alu::Cmp, a, short),
            Err(_) => {
                self.asm.constant(RCX, constant);
                self.asm.alu_to(width, Alu::Cmp, a, RCX);
            }
        }
    }

    /// Host flags of `rax - b`, both shifted to the top of a word.
    fn compare_shifted(&mut self, shift: u8, b: Second) {
        match b {
            Second::Word(b) => self.load(RCX, b),
            Second::Constant(c) => self.asm.constant(RCX, c),
        }
        put!(self.asm, shlq_mi(RAX, shift));
        put!(self.asm, shlq_mi(RCX, shift));
        put!(self.asm, cmpq_rm(RAX, RCX));
    }

    pub(crate) fn compare_to_truth(&mut self, op: &FlatOp) {
        let second = if op.code == Op::IcmpR { Second::Word(op.b) } else { Second::Constant(op.imm) };
        match op.aux >> 8 & 63 {
            0 => self.compare(Width::W64, op.a, second),
            32 => self.compare(Width::W32, op.a, second),
            48 => self.compare(Width::W16, op.a, second),
            56 => self.compare(Width::W8, op.a, second),
            shift => {
                self.first(op.a);
                self.compare_shifted(shift as u8, second);
            }
        }
        let cc = match IntCc::from_sub(op.aux as u8) {
            IntCc::Eq => Cc::E,
            IntCc::Ne => Cc::Ne,
            IntCc::Ult => Cc::B,
            IntCc::Ule => Cc::Be,
            IntCc::Ugt => Cc::A,
            IntCc::Uge => Cc::Ae,
            IntCc::Slt => Cc::L,
            IntCc::Sle => Cc::Le,
            IntCc::Sgt => Cc::G,
            IntCc::Sge => Cc::Ge,
        };
        self.truth(op, cc);
    }

    /// The op's result is whether `cc` holds, of the host's flags.
    pub(crate) fn truth(&mut self, op: &FlatOp, cc: Cc) {
        if self.future.truth_next {
            self.changed(op.dst, 1);
            self.decided = Some(cc);
            return;
        }
        let goal = self.goal();
        self.asm.set_if(cc, goal);
        self.finish(op.dst, goal);
    }

    /// Writes three flag words.
    pub(crate) fn set_flags(&mut self, op: &FlatOp) {
        let dst = op.dst;
        match op.code {
            Op::SetCcR | Op::SetCcI => return self.set_operation(op),
            Op::SelectCc => {
                put!(self.asm, cmpq_mi_sxb(word(op.b), 0));
                for k in 0..3 {
                    self.load(RAX, op.c + k);
                    put!(self.asm, cmovneq_rm(RAX, word(op.a + k)));
                    put!(self.asm, movq_mr(word(dst + k), RAX));
                }
            }
            _ => {
                self.load(RDX, op.a);
                self.load(RSI, op.b);
                self.asm.constant(RAX, u64::from(op.imm as u32));
                self.asm.constant(RCX, op.imm >> 32);
                put!(self.asm, cmpq_mi_sxb(word(op.c), 0));
                put!(self.asm, cmovneq_rm(RAX, RCX));
                put!(self.asm, movq_mr(word(dst), RAX));
                put!(self.asm, movq_mr(word(dst + 1), RDX));
                put!(self.asm, movq_mr(word(dst + 2), RSI));
            }
        }
        self.changed(dst, 3);
    }

    /// Writes an operation and its operands. What reads them in this block finds them in the operands' registers.
    fn set_operation(&mut self, op: &FlatOp) {
        let Future { again, result, unread, .. } = self.future;
        if unread {
            return;
        }
        let a = self.source(op.a, again[0] || result, RAX);
        let second = match op.code {
            Op::SetCcR => Second::Word(self.source(op.b, again[1] || result, RCX)),
            _ => Second::Constant(op.imm),
        };
        let known = self.known.filter(|known| known.first == op.dst);
        self.changed(op.dst, 3);
        if known.is_none_or(|known| known.operation != u64::from(op.aux)) {
            put!(self.asm, movq_mi_sxl(word(op.dst), i32::from(op.aux)));
        }
        self.keep_operand(op.dst + 1, a);
        match second {
            Second::Word(b) => self.keep_operand(op.dst + 2, b),
            Second::Constant(_) if one_operand(op.aux) => {}
            Second::Constant(value) => self.asm.store_constant(word(op.dst + 2), value, RCX),
        }
        let constant = if op.code == Op::SetCcI { Some(op.imm) } else { None };
        self.known = Some(Known { first: op.dst, operation: u64::from(op.aux), constant });
    }

    fn keep_operand(&mut self, w: u8, register: u8) {
        self.asm.keep(w, register);
        if self.future.result {
            self.copies.share(register, w, false);
        }
    }

    /// Makes the host's flags say whether `cond` holds on the flag words at `w`; the condition to ask for.
    fn test_flags(&mut self, cond: Cond, w: u8) -> Cc {
        let known = self.known.filter(|known| known.first == w);
        let second = known.and_then(|known| known.constant).map_or(Second::Word(w + 2), Second::Constant);
        match known.map(|known| CcOp::from_word(known.operation)) {
            Some(CcOp { kind: CcKind::Sub, width, flip: false }) => {
                self.compare(width, w + 1, second);
                after_sub(cond)
            }
            Some(CcOp { kind: CcKind::Logic, width, flip: false }) => {
                self.compare(width, w + 1, Second::Constant(0));
                after_test(cond)
            }
            Some(CcOp { kind: CcKind::Add, width, flip }) if flip || after_add(cond).is_some() => {
                self.load(RAX, w + 1);
                let b = self.at(w + 2);
                self.asm.alu(width, Alu::Add, RAX, b);
                // With C flipped it is the inverse of the host's carry, as behind a subtraction.
                after_add(cond).filter(|_| !flip).unwrap_or(after_sub(cond))
            }
            Some(CcOp { kind: CcKind::Packed, flip: false, .. }) => self.test_packed(cond, w + 1),
            // The host's flags are then the guest's, carry and all. It raised what it raises when the comparison was made.
            Some(CcOp { kind: CcKind::Floats, width, flip: false }) => {
                if width == Width::W64 {
                    put!(self.asm, movsd_a_m(X0, word(w + 1)));
                    put!(self.asm, ucomisd_a(X0, word(w + 2)));
                } else {
                    put!(self.asm, movss_a_m(X0, word(w + 1)));
                    put!(self.asm, ucomiss_a(X0, word(w + 2)));
                }
                after_sub(cond)
            }
            _ => {
                put!(self.asm, movl_oi(RSI, cond as u32));
                put!(self.asm, movl_oi(RDX, u32::from(w)));
                self.call(self.plan.holds);
                put!(self.asm, testl_mr(RAX, RAX));
                Cc::Ne
            }
        }
    }

    /// The same of N Z C V in bits 31 to 28 of word `w`.
    fn test_packed(&mut self, cond: Cond, w: u8) -> Cc {
        const N: u32 = 1 << 31;
        const Z: u32 = 1 << 30;
        const C: u32 = 1 << 29;
        const V: u32 = 1 << 28;
        self.load(RAX, w);
        let (bits, holds) = match cond {
            Cond::Eq => (Z, Cc::Ne),
            Cond::Ne => (Z, Cc::E),
            Cond::Cs => (C, Cc::Ne),
            Cond::Cc => (C, Cc::E),
            Cond::Mi => (N, Cc::Ne),
            Cond::Pl => (N, Cc::E),
            Cond::Vs => (V, Cc::Ne),
            Cond::Vc => (V, Cc::E),
            Cond::Hi | Cond::Ls => {
                put!(self.asm, andl_mi(RAX, C | Z));
                put!(self.asm, cmpl_mi(RAX, C));
                return if cond == Cond::Hi { Cc::E } else { Cc::Ne };
            }
            Cond::Ge | Cond::Lt | Cond::Gt | Cond::Le => {
                // N other than V, in the place of Z.
                put!(self.asm, movl_rm(RCX, RAX));
                put!(self.asm, shll_mi(RCX, 3u8));
                put!(self.asm, xorl_rm(RCX, RAX));
                put!(self.asm, shrl_mi(RCX, 1u8));
                if matches!(cond, Cond::Gt | Cond::Le) {
                    put!(self.asm, orl_rm(RCX, RAX));
                }
                put!(self.asm, testl_mi(RCX, Z));
                return if matches!(cond, Cond::Ge | Cond::Gt) { Cc::E } else { Cc::Ne };
            }
        };
        put!(self.asm, testl_mi(RAX, bits));
        holds
    }

    pub(crate) fn cond_to_truth(&mut self, op: &FlatOp) {
        let cond = condition(op.aux);
        let cc = match op.code {
            Op::Cond => self.test_flags(cond, op.a),
            code => {
                let (width, second) = match code {
                    Op::CondSub64R => (Width::W64, Second::Word(op.b)),
                    Op::CondSub64I => (Width::W64, Second::Constant(op.imm)),
                    Op::CondSub32R => (Width::W32, Second::Word(op.b)),
                    _ => (Width::W32, Second::Constant(op.imm)),
                };
                self.compare(width, op.a, second);
                after_sub(cond)
            }
        };
        self.truth(op, cc);
    }

    /// Jumps within the block. Every way back polls, and counts for the next entry: a long repetition is one entry.
    pub(crate) fn branch(&mut self, index: usize, op: &FlatOp) {
        let [then, other] = match op.code {
            Op::Jump | Op::JumpBack => [op.imm as usize; 2],
            _ => [op.imm as u32 as usize, (op.imm >> 32) as usize],
        };
        if let Some(back) = [then, other].into_iter().filter(|&to| to <= index).min() {
            self.poll(self.flat.pc_of(back));
            self.count();
        }
        if !matches!(op.code, Op::Jump | Op::JumpBack) {
            let cc = self.branch_condition(op);
            let then_leaves = self.is_plain_goto(then);
            if then == index + 1 && !then_leaves {
                let label = self.target(other);
                self.asm.jump_if(cc.opposite(), label);
                return;
            }
            let label = self.target(then);
            self.asm.jump_if(cc, label);
            if then_leaves && then == index + 1 && other == index + 2 && !self.is_plain_goto(other) {
                self.open = false; // nothing is between here and there
                return;
            }
        }
        if other != index + 1 {
            let label = self.target(other);
            self.asm.jump(label);
            self.open = false;
        }
    }

    fn branch_condition(&mut self, op: &FlatOp) -> Cc {
        if let Some(cc) = self.decided.take() {
            return cc;
        }
        match op.code {
            Op::Brif => {
                let truth = self.at(op.a);
                self.asm.compare_with_0(Width::W64, truth);
                Cc::Ne
            }
            Op::BrifCc => self.test_flags(condition(op.aux), op.b),
            _ => {
                let second = match op.aux & 16 {
                    0 => Second::Word(op.b),
                    _ => Second::Constant(self.flat.consts[op.aux as usize >> 5]),
                };
                let width = if op.c == 0 { Width::W32 } else { Width::W64 };
                self.compare(width, op.a, second);
                after_sub(condition(op.aux & 15))
            }
        }
    }
}
