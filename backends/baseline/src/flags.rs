//! Comparisons and condition flags. Flags are three words: an operation and its operands.

use crate::asm::{Cc, RAX, RCX, RDX, RSI, put, word};
use crate::emit::Emitter;
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
        self.first(a);
        match (width, b) {
            (Width::W8, b) => self.compare_shifted(56, b),
            (Width::W16, b) => self.compare_shifted(48, b),
            (Width::W64, Second::Word(b)) => put!(self.asm, cmpq_rm(RAX, self.operand(b))),
            (Width::W32, Second::Word(b)) => put!(self.asm, cmpl_rm(RAX, self.operand(b))),
            // Shorter than a comparison, with the same flags.
            (Width::W64, Second::Constant(0)) => put!(self.asm, testq_mr(RAX, RAX)),
            (Width::W32, Second::Constant(0)) => put!(self.asm, testl_mr(RAX, RAX)),
            (Width::W32, Second::Constant(c)) => put!(self.asm, cmpl_mi(RAX, c as u32)),
            (Width::W64, Second::Constant(c)) => match i32::try_from(c as i64) {
                Ok(short) => put!(self.asm, cmpq_mi(RAX, short)),
                Err(_) => {
                    self.asm.constant(RCX, c);
                    put!(self.asm, cmpq_rm(RAX, RCX));
                }
            },
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
        if self.future.branch_next {
            self.decided = Some(cc);
            return;
        }
        self.asm.set_if(cc, RAX);
        self.done(op.dst);
    }

    /// Writes three flag words.
    pub(crate) fn set_flags(&mut self, op: &FlatOp) {
        let dst = op.dst;
        match op.code {
            Op::SetCcR => {
                self.first(op.a);
                let b = self.copies.find(op.b).unwrap_or_else(|| {
                    self.load(RCX, op.b);
                    RCX
                });
                put!(self.asm, movq_mr(word(dst + 1), RAX));
                put!(self.asm, movq_mr(word(dst + 2), b));
                self.set_kind(op);
            }
            Op::SetCcI => {
                self.first(op.a);
                put!(self.asm, movq_mr(word(dst + 1), RAX));
                self.asm.store_constant(word(dst + 2), op.imm, RCX);
                self.set_kind(op);
            }
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
        if matches!(op.code, Op::SetCcR | Op::SetCcI) {
            self.kind = Some((dst, u64::from(op.aux)));
            self.cached = Some(dst + 1);
        }
    }

    /// Writes the first flag word, unless that is what it is.
    fn set_kind(&mut self, op: &FlatOp) {
        if self.kind != Some((op.dst, u64::from(op.aux))) {
            put!(self.asm, movq_mi_sxl(word(op.dst), i32::from(op.aux)));
        }
    }

    /// Makes the host's flags say whether `cond` holds on the flag words at `w`; the condition to ask for.
    fn test_flags(&mut self, cond: Cond, w: u8) -> Cc {
        let known = self.kind.filter(|k| k.0 == w).map(|k| CcOp::from_word(k.1));
        match known {
            Some(CcOp { kind: CcKind::Sub, width, flip: false }) => {
                self.compare(width, w + 1, Second::Word(w + 2));
                after_sub(cond)
            }
            Some(CcOp { kind: CcKind::Logic, width, flip: false }) => {
                self.load(RAX, w + 1);
                match width {
                    Width::W64 => put!(self.asm, testq_mr(RAX, RAX)),
                    Width::W32 => put!(self.asm, testl_mr(RAX, RAX)),
                    Width::W16 => put!(self.asm, testw_mr(RAX, RAX)),
                    Width::W8 => put!(self.asm, testb_mr(RAX, RAX)),
                }
                after_test(cond)
            }
            Some(CcOp { kind: CcKind::Add, width, flip }) if flip || after_add(cond).is_some() => {
                self.load(RAX, w + 1);
                match width {
                    Width::W64 => put!(self.asm, addq_rm(RAX, word(w + 2))),
                    Width::W32 => put!(self.asm, addl_rm(RAX, word(w + 2))),
                    Width::W16 => put!(self.asm, addw_rm(RAX, word(w + 2))),
                    Width::W8 => put!(self.asm, addb_rm(RAX, word(w + 2))),
                }
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
        self.asm.set_if(cc, RAX);
        self.done(op.dst);
    }

    /// Jumps within the block. Every way back polls.
    pub(crate) fn branch(&mut self, index: usize, op: &FlatOp) {
        let [then, other] = match op.code {
            Op::Jump | Op::JumpBack => [op.imm as usize; 2],
            _ => [op.imm as u32 as usize, (op.imm >> 32) as usize],
        };
        if let Some(back) = [then, other].into_iter().filter(|&to| to <= index).min() {
            self.poll(self.flat.pc_of(back));
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
                match self.place(op.a, false) {
                    Some(reg) => put!(self.asm, testq_mr(reg, reg)),
                    None => put!(self.asm, cmpq_mi_sxb(word(op.a), 0)),
                }
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
