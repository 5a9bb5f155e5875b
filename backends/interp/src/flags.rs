//! Lowering of flags, which stay symbolic until somebody looks.

use crate::flat::{Code, FlatOp};
use crate::lower::{Loc, Lower};
use brolga_core::{CcKind, CcOp, Cond};
use brolga_ir::{Inst, Op, Ty, Unfit, Value, difference, eval::flags_width};

impl Lower<'_> {
    /// Flags read from the file that are still needed must be copied before the file's change.
    pub(crate) fn save_flags(&mut self) -> Result<(), Unfit> {
        while let Some(v) = self.flag_reads.pop() {
            if self.loc[v.index()] == Loc::Symbolic && self.live_after(v.index()) {
                let cc = self.regs.cc.0;
                let dst = self.temp(v)?;
                for k in 0..3 {
                    self.emit(FlatOp { dst: dst + k, a: cc + k, ..FlatOp::new(Code::Mov) });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn set_flags(&mut self, f: Value) -> Result<(), Unfit> {
        let cc = self.regs.cc.0;
        if self.block.def(f).op == Op::GetFlags && self.loc[f.index()] == Loc::Symbolic {
            return Ok(());
        }
        self.save_flags()?;
        self.save_aliases(cc, 3, Value::NONE)?;
        match self.loc[f.index()] {
            Loc::Word(w) => {
                for k in 0..3 {
                    self.emit(FlatOp { dst: cc + k, a: w + k, ..FlatOp::new(Code::Mov) });
                }
                Ok(())
            }
            _ => self.flags_into(cc, f),
        }
    }

    /// Emits the flags of `f` into the triple at `dst`.
    fn flags_into(&mut self, dst: u8, f: Value) -> Result<(), Unfit> {
        let inst = *self.block.def(f);
        let width = flags_width(inst.ty);
        let word = |kind| CcOp::new(kind, width).word() as u16;
        match inst.op {
            Op::FlagsAdd | Op::FlagsSub => {
                let kind = if inst.op == Op::FlagsAdd { CcKind::Add } else { CcKind::Sub };
                let a = self.low_word(inst.a)?;
                if let Some(imm) = self.constant(inst.b) {
                    self.emit(FlatOp { dst, a, imm, aux: word(kind), ..FlatOp::new(Code::SetCcI) });
                } else {
                    let b = self.low_word(inst.b)?;
                    self.emit(FlatOp { dst, a, b, aux: word(kind), ..FlatOp::new(Code::SetCcR) });
                }
            }
            Op::FlagsLogic | Op::FlagsPack => {
                let kind = if inst.op == Op::FlagsLogic { CcKind::Logic } else { CcKind::Packed };
                let a = self.low_word(inst.a)?;
                self.emit(FlatOp { dst, a, aux: word(kind), ..FlatOp::new(Code::SetCcI) });
            }
            Op::FlagsAdc | Op::FlagsSbc => {
                let (with, without) = if inst.op == Op::FlagsAdc {
                    (CcKind::AddCarry, CcKind::Add)
                } else {
                    (CcKind::Sub, CcKind::SubBorrow)
                };
                let (a, b, c) = (self.low_word(inst.a)?, self.low_word(inst.b)?, self.word(inst.c)?);
                let imm = word(without) as u64 | (word(with) as u64) << 32;
                self.emit(FlatOp { dst, a, b, c, imm, ..FlatOp::new(Code::SetCcCarry) });
            }
            Op::FlagsSelect => {
                let (b, a, c) = (self.word(inst.a)?, self.flag_words(inst.b)?, self.flag_words(inst.c)?);
                self.emit(FlatOp { dst, a, b, c, ..FlatOp::new(Code::SelectCc) });
            }
            Op::FlagsFlipC => {
                match self.loc[inst.a.index()] {
                    Loc::Word(w) => self.copy_flags(dst, w),
                    _ if self.block.def(inst.a).op == Op::GetFlags => self.copy_flags(dst, self.regs.cc.0),
                    _ => self.flags_into(dst, inst.a)?,
                }
                self.flip_carry(dst, inst.b)?;
            }
            op => return Err(Unfit::Unsupported(op, Ty::Flags)),
        }
        Ok(())
    }

    fn copy_flags(&mut self, dst: u8, from: u8) {
        for k in (0..3).filter(|_| dst != from) {
            self.emit(FlatOp { dst: dst + k, a: from + k, ..FlatOp::new(Code::Mov) });
        }
    }

    /// Flips C of the triple at `dst`, which the last op may have made, if `c` is 1.
    fn flip_carry(&mut self, dst: u8, c: Value) -> Result<(), Unfit> {
        match self.constant(c) {
            Some(0) => return Ok(()),
            Some(_) => {}
            None => {
                let (a, b) = (self.word(c)?, self.slots.single().ok_or(Unfit::TooManyValues)?);
                self.emit(FlatOp { dst: b, a, imm: CcOp::FLIP.trailing_zeros().into(), ..FlatOp::new(Code::Shl64I) });
                self.emit(FlatOp { dst, a: dst, b, ..FlatOp::new(Code::Xor64R) });
                self.slots.free(b, 1);
                return Ok(());
            }
        }
        // One that something leads behind is not the last for all.
        match self.out.ops[self.fence..].last_mut().filter(|op| op.dst == dst) {
            Some(op @ FlatOp { code: Code::SetCcR | Code::SetCcI, .. }) => op.aux ^= CcOp::FLIP as u16,
            Some(op @ FlatOp { code: Code::SetCcCarry, .. }) => op.imm ^= CcOp::FLIP | CcOp::FLIP << 32,
            _ => {
                self.emit(FlatOp { dst, a: dst, imm: CcOp::FLIP, ..FlatOp::new(Code::Xor64I) });
            }
        }
        Ok(())
    }

    /// First word of the triple that holds `f`; makes one if it is symbolic.
    pub(crate) fn flag_words(&mut self, f: Value) -> Result<u8, Unfit> {
        match self.loc[f.index()] {
            Loc::Word(w) => Ok(w),
            _ if self.block.def(f).op == Op::GetFlags => Ok(self.regs.cc.0),
            _ => {
                let dst = self.slots.triple().ok_or(Unfit::TooManyValues)?;
                self.flags_into(dst, f)?;
                self.loc[f.index()] = Loc::Word(dst);
                Ok(dst)
            }
        }
    }

    pub(crate) fn cond(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let f = *self.block.def(inst.a);
        let aux = inst.sub as u16;
        let symbolic = f.op == Op::FlagsSub && self.loc[inst.a.index()] == Loc::Symbolic;
        if symbolic && matches!(f.ty, Ty::I8 | Ty::I16) {
            if let Some(cc) = Cond::ALL.get(inst.sub as usize).and_then(|&cond| difference(cond)) {
                return self.icmp(v, &Inst { a: f.a, b: f.b, sub: cc as u8, ..Inst::new(Op::Icmp, f.ty) });
            }
        } else if symbolic {
            let a = self.low_word(f.a)?;
            let wide = f.ty == Ty::I64;
            if let Some(imm) = self.constant(f.b) {
                let dst = self.temp(v)?;
                let code = if wide { Code::CondSub64I } else { Code::CondSub32I };
                self.emit(FlatOp { dst, a, imm, aux, ..FlatOp::new(code) });
            } else {
                let b = self.low_word(f.b)?;
                let dst = self.temp(v)?;
                let code = if wide { Code::CondSub64R } else { Code::CondSub32R };
                self.emit(FlatOp { dst, a, b, aux, ..FlatOp::new(code) });
            }
            return Ok(());
        }
        let a = self.flag_words(inst.a)?;
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, aux, ..FlatOp::new(Code::Cond) });
        Ok(())
    }
}
