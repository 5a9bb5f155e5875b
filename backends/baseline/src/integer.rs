//! Integer ops of 32 and 64 bits: arithmetic, shifts, bit fields.

use crate::asm::{Cc, RAX, RCX, RDX, at, indexed, put};
use crate::emit::Emitter;
use crate::encode::{Alu, Operand, Shift, opcode};
use crate::memory::{Folded, Place};
use brolga_core::Width::{self, W16, W32, W64};
use brolga_interp::{Code as Op, FlatOp};
use brolga_ir::Op as IrOp;
use brolga_ir::ops::ALL_OPS;
use cranelift_assembler_x64::Scale;

/// Arithmetic of ops with one host instruction for it, and its width.
fn arithmetic(code: Op) -> Option<(Width, Alu)> {
    Some(match code {
        Op::Add64R | Op::Add64I => (W64, Alu::Add),
        Op::Sub64R | Op::Sub64I => (W64, Alu::Sub),
        Op::And64R | Op::And64I => (W64, Alu::And),
        Op::Or64R | Op::Or64I => (W64, Alu::Or),
        Op::Xor64R | Op::Xor64I => (W64, Alu::Xor),
        Op::Add32R | Op::Add32I => (W32, Alu::Add),
        Op::Sub32R | Op::Sub32I => (W32, Alu::Sub),
        Op::And32R => (W32, Alu::And),
        Op::Or32R | Op::Or32I => (W32, Alu::Or),
        Op::Xor32R | Op::Xor32I => (W32, Alu::Xor),
        _ => return None,
    })
}

/// Width and kind of a shift.
fn shift(code: Op) -> (Width, Shift) {
    match code {
        Op::Shl64R | Op::Shl64I => (W64, Shift::Shl),
        Op::Shl32R | Op::Shl32I => (W32, Shift::Shl),
        Op::Lshr64R | Op::Lshr64I => (W64, Shift::Shr),
        Op::Lshr32R | Op::Lshr32I => (W32, Shift::Shr),
        Op::Ashr64R | Op::Ashr64I => (W64, Shift::Sar),
        Op::Ashr32R | Op::Ashr32I => (W32, Shift::Sar),
        Op::Rotr64R | Op::Rotr64I => (W64, Shift::Ror),
        _ => (W32, Shift::Ror),
    }
}

/// What multiplies an index by a power of two.
fn scale(shift: u16) -> Option<Scale> {
    [Scale::One, Scale::Two, Scale::Four, Scale::Eight].get(usize::from(shift)).copied()
}

impl Emitter<'_> {
    /// A word becomes another. Both may be in the same register.
    pub(crate) fn mov(&mut self, op: &FlatOp) {
        if let Some(register) = self.in_place(op, 0) {
            return self.finish(op.dst, register);
        }
        let again = self.future.again[0];
        if again || self.copies.find(op.a).is_some() {
            let register = self.source(op.a, again, RAX);
            return self.finish_shared(op.dst, register);
        }
        let goal = self.goal();
        self.load(goal, op.a);
        self.finish(op.dst, goal);
    }

    /// Arithmetic on two words.
    pub(crate) fn words(&mut self, op: &FlatOp) {
        let (width, alu) = arithmetic(op.code).expect("the caller chose it");
        if alu == Alu::Add && width == W64 && self.sum(op, 0) {
            return;
        }
        if self.in_memory(op) {
            let from = self.source(op.b, self.future.again[1], RCX);
            self.asm.alu_to(width, alu, Operand::Word(op.dst), from);
            return self.changed(op.dst, 1);
        }
        let swapped = alu != Alu::Sub && self.in_place(op, 0).is_none() && self.in_place(op, 1).is_some();
        let (first, second) = if swapped { (1, op.a) } else { (0, op.b) };
        let register = self.start(op, first);
        let second = self.at(second);
        self.asm.alu(width, alu, register, second);
        self.finish(op.dst, register);
    }

    /// Whether an op of 64 bits changes a word where it is: nobody reads it here again, and it is in no register.
    fn in_memory(&mut self, op: &FlatOp) -> bool {
        let wide = matches!(arithmetic(op.code), Some((W64, _)));
        wide && op.dst == op.a && op.b != op.a && !self.future.result && self.copies.find(op.a).is_none()
    }

    /// Arithmetic on a word and a constant.
    pub(crate) fn constants(&mut self, op: &FlatOp) {
        let (width, alu) = arithmetic(op.code).expect("the caller chose it");
        let value = if width == W32 { i64::from(op.imm as i32) } else { op.imm as i64 };
        if alu == Alu::And {
            return self.masked(op, op.imm);
        }
        let Ok(short) = i32::try_from(value) else { return self.long_constant(op, alu) };
        if value == 0 && width == W64 {
            return self.mov(op);
        }
        if matches!(alu, Alu::Add | Alu::Sub) && short != i32::MIN {
            let distance = if alu == Alu::Add { short } else { -short };
            if width == W64 && self.fold_distance(op, distance) || self.moved(op, width, distance) {
                return;
            }
        }
        if self.in_memory(op) {
            self.asm.alu_constant(width, alu, Operand::Word(op.dst), short);
            return self.changed(op.dst, 1);
        }
        let register = self.start(op, 0);
        self.asm.alu_constant(width, alu, register.into(), short);
        self.finish(op.dst, register);
    }

    fn long_constant(&mut self, op: &FlatOp, alu: Alu) {
        let register = self.start(op, 0);
        self.asm.constant(RCX, op.imm);
        self.asm.alu(W64, alu, register, RCX.into());
        self.finish(op.dst, register);
    }

    /// A word in a register that stays, and a distance: one instruction.
    fn moved(&mut self, op: &FlatOp, width: Width, distance: i32) -> bool {
        if self.in_place(op, 0).is_some() || self.copies.find(op.a).is_none() && !self.future.again[0] {
            return false;
        }
        let from = self.source(op.a, true, RAX);
        let goal = self.goal();
        if width == W64 {
            put!(self.asm, leaq_rm(goal, at(from, distance)));
        } else {
            put!(self.asm, leal_rm(goal, at(from, distance)));
        }
        self.finish(op.dst, goal);
        true
    }

    /// `a + (b << aux)`.
    pub(crate) fn add_shifted(&mut self, op: &FlatOp) {
        if self.sum(op, op.aux) {
            return;
        }
        self.load(RCX, op.b);
        self.asm.shift(W64, Shift::Shl, RCX, Some(op.aux as u8 & 63));
        let register = self.start(op, 0);
        self.asm.alu(W64, Alu::Add, register, RCX.into());
        self.finish(op.dst, register);
    }

    /// A sum as an address, which the next op may use without its being made; false if an addition is as good.
    fn sum(&mut self, op: &FlatOp, shift: u16) -> bool {
        let Some(scale) = scale(shift) else { return false };
        let folds = self.folds(0);
        let mut held = |w, again: bool| again || self.copies.find(w).is_some();
        let again = self.future.again;
        let stay = held(op.a, again[0]) && held(op.b, again[1]);
        let better = folds || shift != 0 || stay && self.in_place(op, 0).is_none() && self.in_place(op, 1).is_none();
        if !better {
            return false;
        }
        let (base, index) = (self.source(op.a, again[0], RAX), self.source(op.b, again[1], RCX));
        if folds {
            self.folded = Some(Folded { word: op.dst, place: Place { base, index: Some((index, scale)), disp: 0 } });
            self.changed(op.dst, 1);
            return true;
        }
        let goal = self.goal_over(op, 0);
        put!(self.asm, leaq_rm(goal, indexed(base, index, scale, 0)));
        self.finish(op.dst, goal);
        true
    }

    fn fold_distance(&mut self, op: &FlatOp, distance: i32) -> bool {
        if !self.folds(i64::from(distance)) {
            return false;
        }
        let base = self.source(op.a, self.future.again[0], RAX);
        self.folded = Some(Folded { word: op.dst, place: Place { base, index: None, disp: distance } });
        self.changed(op.dst, 1);
        true
    }

    /// Products.
    pub(crate) fn product(&mut self, op: &FlatOp) {
        let width = if op.code == Op::Mul64 { W64 } else { W32 };
        let register = self.start(op, 0);
        let second = self.at(op.b);
        self.asm.instruction(width, opcode::IMUL, register, second);
        self.finish(op.dst, register);
    }

    /// A word without the bits of another.
    pub(crate) fn without(&mut self, op: &FlatOp) {
        self.load(RCX, op.b);
        put!(self.asm, notq_m(RCX));
        let register = self.start(op, 0);
        self.asm.alu(if op.code == Op::Bic64 { W64 } else { W32 }, Alu::And, register, RCX.into());
        self.finish(op.dst, register);
    }

    pub(crate) fn constant(&mut self, op: &FlatOp) {
        if self.future.stored {
            self.changed(op.dst, 1);
            self.constants.push((op.dst, op.imm));
        } else if !self.future.result {
            self.changed(op.dst, 1);
            self.asm.store_constant(crate::asm::word(op.dst), op.imm, RAX);
        } else {
            let goal = self.goal();
            if op.imm == 0 {
                self.asm.alu(W32, Alu::Xor, goal, goal.into());
            } else {
                self.asm.constant(goal, op.imm);
            }
            self.finish(op.dst, goal);
        }
    }

    /// Shifts by a word.
    pub(crate) fn shift_by_word(&mut self, op: &FlatOp) {
        let (width, shift) = shift(op.code);
        self.load(RCX, op.b);
        let register = self.start(op, 0);
        self.asm.shift(width, shift, register, None);
        // A shift by nothing leaves the high half as it was.
        self.low_half_if(width == W32, register);
        self.finish(op.dst, register);
    }

    /// Shifts by a constant.
    pub(crate) fn shift_by_constant(&mut self, op: &FlatOp) {
        let (width, shift) = shift(op.code);
        let amount = op.imm as u8 & if width == W64 { 63 } else { 31 };
        let register = self.start(op, 0);
        if amount == 0 {
            self.low_half_if(width == W32, register);
        } else {
            self.asm.shift(width, shift, register, Some(amount));
        }
        self.finish(op.dst, register);
    }

    fn low_half_if(&mut self, narrow: bool, register: u8) {
        if narrow {
            self.asm.fetch(W32, register, register.into());
        }
    }

    /// The bits of a word that `mask` has.
    fn masked(&mut self, op: &FlatOp, mask: u64) {
        let (width, code) = match mask {
            u64::MAX => return self.mov(op),
            0xffff_ffff => (W32, opcode::LOAD),
            0xffff => (W32, opcode::MOVZX16),
            0xff => (W32, opcode::MOVZX8),
            _ => {
                let register = self.start(op, 0);
                self.mask(register, mask);
                return self.finish(op.dst, register);
            }
        };
        self.extended(op, width, code);
    }

    /// A result that is one instruction of an operand that may be in memory.
    fn extended(&mut self, op: &FlatOp, width: Width, code: u16) {
        let from = match self.future.again[0] {
            true => self.source(op.a, true, RAX).into(),
            false => self.at(op.a),
        };
        let goal = self.goal_over(op, 0);
        self.asm.instruction(width, code, goal, from);
        self.finish(op.dst, goal);
    }

    /// `register` keeps the bits of `mask`.
    fn mask(&mut self, register: u8, mask: u64) {
        let own = Operand::Register(register);
        match mask {
            u64::MAX => {}
            0xffff_ffff => self.asm.fetch(W32, register, own),
            0xff => self.asm.instruction(W32, opcode::MOVZX8, register, own),
            0xffff => self.asm.instruction(W32, opcode::MOVZX16, register, own),
            _ => match (u32::try_from(mask), i32::try_from(mask as i64)) {
                (Ok(low), _) => self.asm.alu_constant(W32, Alu::And, own, low as i32),
                (_, Ok(short)) => self.asm.alu_constant(W64, Alu::And, own, short),
                _ => {
                    self.asm.constant(RCX, mask);
                    self.asm.alu(W64, Alu::And, register, RCX.into());
                }
            },
        }
    }

    /// Bit fields.
    pub(crate) fn bits(&mut self, op: &FlatOp) {
        let amount = op.aux as u8 & 63;
        let down = (op.aux >> 8) as u8 & 63;
        match (op.code, amount) {
            (Op::Sext, 32) if op.imm == u64::MAX => return self.extended(op, W64, opcode::MOVSXD),
            (Op::Sext, 48) if op.imm == u64::MAX => return self.extended(op, W64, opcode::MOVSX16),
            (Op::Sext, 56) if op.imm == u64::MAX => return self.extended(op, W64, opcode::MOVSX8),
            (Op::Sext, 48) if op.imm == 0xffff_ffff => return self.extended(op, W32, opcode::MOVSX16),
            (Op::Sext, 56) if op.imm == 0xffff_ffff => return self.extended(op, W32, opcode::MOVSX8),
            (Op::Sextract, 32) if (down, op.imm) == (32, u64::MAX) => return self.extended(op, W64, opcode::MOVSXD),
            (Op::Extract, _) if op.imm == 1 && self.future.truth_next => return self.test_bit(op, amount),
            (Op::Extract, 0) => return self.masked(op, op.imm),
            (Op::Deposit, _) => return self.deposit(op, amount),
            _ => {}
        }
        let register = self.start(op, 0);
        let steps = match op.code {
            Op::Sext => [(Shift::Shl, amount), (Shift::Sar, amount)],
            Op::Extract => [(Shift::Shl, 0), (Shift::Shr, amount)],
            _ => [(Shift::Shl, amount), (Shift::Sar, down)],
        };
        for (shift, amount) in steps.into_iter().filter(|step| step.1 != 0) {
            self.asm.shift(W64, shift, register, Some(amount));
        }
        if op.code != Op::Extract || op.imm != u64::MAX >> amount {
            self.mask(register, op.imm);
        }
        self.finish(op.dst, register);
    }

    /// A bit that decides what is behind it.
    fn test_bit(&mut self, op: &FlatOp, bit: u8) {
        let from = self.at(op.a);
        self.asm.instruction(W64, opcode::BT, 4, from);
        self.asm.bytes.push(bit);
        self.truth(op, Cc::B);
    }

    fn deposit(&mut self, op: &FlatOp, amount: u8) {
        // The host's narrow moves leave the rest of a register as it is.
        let narrow = match (amount, op.imm) {
            (0, 0xff) => Some(Width::W8),
            (0, 0xffff) => Some(W16),
            _ => None,
        };
        if let Some(width) = narrow {
            let register = self.start(op, 0);
            let from = self.at(op.b);
            self.asm.fetch(width, register, from);
            return self.finish(op.dst, register);
        }
        self.load(RDX, op.b);
        let register = self.start(op, 0);
        self.mask(RDX, op.imm);
        self.asm.shift(W64, Shift::Shl, RDX, Some(amount));
        self.mask(register, !(op.imm << amount));
        self.asm.alu(W64, Alu::Or, register, RDX.into());
        self.finish(op.dst, register);
    }

    pub(crate) fn select(&mut self, op: &FlatOp) {
        let decided = self.decided.take();
        let register = self.start(op, 2);
        let cc = decided.unwrap_or_else(|| {
            let truth = self.at(op.a);
            self.asm.compare_with_0(W64, truth);
            Cc::Ne
        });
        let other = self.at(op.b);
        self.asm.instruction(W64, opcode::CMOV | cc as u16, register, other);
        self.finish(op.dst, register);
    }

    /// Divisions and high halves of products; false for what has no short form.
    pub(crate) fn binary(&mut self, op: &FlatOp) -> bool {
        let wide = op.imm == 64;
        match ALL_OPS[op.aux as usize & 0xff] {
            _ if !wide && op.imm != 32 => return self.narrow_binary(op),
            IrOp::Udiv => self.divide(op, |e| {
                put!(e.asm, xorl_rm(RDX, RDX));
                // Operands are zero-extended: the wide form is right for both widths.
                put!(e.asm, divq_m(RAX, RDX, RCX, NEVER));
            }),
            IrOp::Sdiv if wide => self.divide(op, |e| {
                let (ordinary, done) = (e.asm.label(), e.asm.label());
                put!(e.asm, cmpq_mi_sxb(RCX, -1));
                e.asm.jump_if(Cc::Ne, ordinary);
                put!(e.asm, negq_m(RAX));
                e.asm.jump(done);
                e.asm.bind(ordinary);
                put!(e.asm, cqto_zo(RDX, RAX));
                put!(e.asm, idivq_m(RAX, RDX, RCX, NEVER));
                e.asm.bind(done);
            }),
            IrOp::Sdiv => self.divide(op, |e| {
                put!(e.asm, movslq_rm(RAX, RAX));
                put!(e.asm, movslq_rm(RCX, RCX));
                put!(e.asm, cqto_zo(RDX, RAX));
                put!(e.asm, idivq_m(RAX, RDX, RCX, NEVER));
                put!(e.asm, movl_rm(RAX, RAX));
            }),
            IrOp::Umulh if wide => {
                self.first(op.a);
                put!(self.asm, mulq_m(RAX, RDX, self.operand(op.b)));
                put!(self.asm, movq_rm(RAX, RDX));
            }
            IrOp::Smulh if wide => {
                self.first(op.a);
                put!(self.asm, imulq_m(RAX, RDX, self.operand(op.b)));
                put!(self.asm, movq_rm(RAX, RDX));
            }
            _ => return false,
        }
        self.done(op.dst);
        true
    }

    /// RAX divided by RCX as `quotient` does; by 0 it is 0.
    fn divide(&mut self, op: &FlatOp, quotient: impl FnOnce(&mut Self)) {
        let (zero, done) = (self.asm.label(), self.asm.label());
        self.first(op.a);
        self.load(RCX, op.b);
        put!(self.asm, testq_mr(RCX, RCX));
        self.asm.jump_if(Cc::E, zero);
        quotient(self);
        self.asm.jump(done);
        self.asm.bind(zero);
        put!(self.asm, xorl_rm(RAX, RAX));
        self.asm.bind(done);
    }

    pub(crate) fn unary(&mut self, op: &FlatOp) -> bool {
        let wide = op.imm == 64;
        if !wide && op.imm != 32 {
            return self.narrow_unary(op);
        }
        let ir = ALL_OPS[op.aux as usize & 0xff];
        if !matches!(ir, IrOp::Not | IrOp::Neg | IrOp::Bswap) && !(ir == IrOp::Clz && self.plan.functions.lzcnt) {
            return self.narrow_unary(op);
        }
        self.first(op.a);
        match (ir, wide) {
            (IrOp::Not, true) => put!(self.asm, notq_m(RAX)),
            (IrOp::Not, false) => put!(self.asm, notl_m(RAX)),
            (IrOp::Neg, true) => put!(self.asm, negq_m(RAX)),
            (IrOp::Neg, false) => put!(self.asm, negl_m(RAX)),
            (IrOp::Bswap, true) => put!(self.asm, bswapq_o(RAX)),
            (IrOp::Bswap, false) => put!(self.asm, bswapl_o(RAX)),
            (_, true) => put!(self.asm, lzcntq_rm(RAX, RAX)),
            (_, false) => put!(self.asm, lzcntl_rm(RAX, RAX)),
        }
        self.done(op.dst);
        true
    }
}

/// Divisions are guarded: their trap code is never looked at.
const NEVER: cranelift_assembler_x64::TrapCode = cranelift_assembler_x64::TrapCode(std::num::NonZeroU8::MIN);
