//! Lowering of scalar arithmetic: register and immediate forms, widths.

use crate::flat::{Code, FlatOp, NONE};
use crate::lower::{Loc, Lower};
use brolga_ir::{Inst, Op, Ty, Unfit, Value};

/// Flat codes of a binary op: 64 bits register and immediate, 32 bits register and immediate.
/// `None` in a place means that the form does not exist.
fn binary_codes(op: Op) -> Option<[Option<Code>; 4]> {
    use Code::*;
    Some(match op {
        Op::Iadd => [Some(Add64R), Some(Add64I), Some(Add32R), Some(Add32I)],
        Op::Isub => [Some(Sub64R), Some(Sub64I), Some(Sub32R), Some(Sub32I)],
        Op::Imul => [Some(Mul64), None, Some(Mul32), None],
        Op::And => [Some(And64R), Some(And64I), Some(And32R), Some(And64I)],
        Op::Or => [Some(Or64R), Some(Or64I), Some(Or32R), Some(Or32I)],
        Op::Xor => [Some(Xor64R), Some(Xor64I), Some(Xor32R), Some(Xor32I)],
        Op::Bic => [Some(Bic64), None, Some(Bic32), None],
        Op::Shl => [Some(Shl64R), Some(Shl64I), Some(Shl32R), Some(Shl32I)],
        Op::Lshr => [Some(Lshr64R), Some(Lshr64I), Some(Lshr32R), Some(Lshr32I)],
        Op::Ashr => [Some(Ashr64R), Some(Ashr64I), Some(Ashr32R), Some(Ashr32I)],
        Op::Rotr => [Some(Rotr64R), Some(Rotr64I), Some(Rotr32R), Some(Rotr32I)],
        _ => return None,
    })
}

fn vector_logic(op: Op) -> Option<Code> {
    Some(match op {
        Op::And => Code::And128,
        Op::Or => Code::Or128,
        Op::Xor => Code::Xor128,
        Op::Bic => Code::Bic128,
        Op::Not => Code::Not128,
        _ => return None,
    })
}

fn mask(ty: Ty) -> u64 {
    if ty.bits() >= 64 { u64::MAX } else { (1 << ty.bits()) - 1 }
}

impl Lower<'_> {
    pub(crate) fn scalar(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        if inst.ty == Ty::V128 {
            return self.vector_scalar(v, inst);
        }
        match inst.op {
            Op::Zext => self.zext(v, inst),
            Op::Bitcast => self.alias(v, inst.a),
            Op::Sext => {
                let a = self.low_word(inst.a)?;
                let aux = 64 - self.block.ty(inst.a).bits() as u16;
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, a, aux, imm: mask(inst.ty), ..FlatOp::new(Code::Sext) });
                Ok(())
            }
            Op::Extract | Op::Sextract => self.extract(v, inst),
            Op::Deposit => {
                let (lsb, width) = inst.bit_range();
                let (a, b) = (self.word(inst.a)?, self.low_word(inst.b)?);
                let dst = self.temp(v)?;
                let imm = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
                self.emit(FlatOp { dst, a, b, aux: lsb as u16, imm, ..FlatOp::new(Code::Deposit) });
                Ok(())
            }
            Op::Icmp => self.icmp(v, inst),
            Op::Select => {
                let (a, b, c) = (self.word(inst.a)?, self.word(inst.b)?, self.word(inst.c)?);
                let dst = self.temp(v)?;
                self.emit(FlatOp { dst, a, b, c, ..FlatOp::new(Code::Select) });
                Ok(())
            }
            _ if inst.b == Value::NONE => {
                let a = self.word(inst.a)?;
                let dst = self.temp(v)?;
                let imm = inst.ty.bits() as u64;
                self.emit(FlatOp { dst, a, aux: inst.op as u16, imm, ..FlatOp::new(Code::Unary) });
                Ok(())
            }
            _ => self.binary(v, inst),
        }
    }

    fn vector_scalar(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        if inst.op == Op::Select {
            let (a, b, c) = (self.word(inst.a)?, self.word(inst.b)?, self.word(inst.c)?);
            let dst = self.temp(v)?;
            self.emit(FlatOp { dst, a, b, c, ..FlatOp::new(Code::Select128) });
            return Ok(());
        }
        let code = vector_logic(inst.op).ok_or(Unfit::Unsupported(inst.op, inst.ty))?;
        let a = self.word(inst.a)?;
        let b = if inst.b == Value::NONE { NONE } else { self.word(inst.b)? };
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, b, ..FlatOp::new(code) });
        Ok(())
    }

    /// `v` has the same bits as `a`. A dying temporary passes its word on; else the word is copied, since a
    /// word has one owner.
    fn alias(&mut self, v: Value, a: Value) -> Result<(), Unfit> {
        if let Loc::Const(c) = self.loc[a.index()] {
            self.loc[v.index()] = Loc::Const(c & mask(self.block.ty(v)));
            return Ok(());
        }
        let a = self.word(a)?;
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, ..FlatOp::new(Code::Mov) });
        Ok(())
    }

    fn zext(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let from = self.block.ty(inst.a);
        if from.bits() <= inst.ty.bits() {
            return self.zext_widen(v, inst);
        }
        if let Loc::Const(c) = self.loc[inst.a.index()] {
            self.loc[v.index()] = Loc::Const(c & mask(inst.ty));
            return Ok(());
        }
        if inst.ty == Ty::I32 {
            return self.narrow(v, inst.a);
        }
        let a = self.low_word(inst.a)?;
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, imm: mask(inst.ty), ..FlatOp::new(Code::And64I) });
        Ok(())
    }

    /// Words are zero-extended already: a temporary that dies here is simply renamed.
    fn zext_widen(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        if let Loc::Word(w) = self.loc[inst.a.index()]
            && self.takes_over(inst.a)
        {
            self.loc[v.index()] = Loc::Word(w);
            self.move_definition(inst.a, v);
            self.loc[inst.a.index()] = Loc::None;
            return Ok(());
        }
        self.alias(v, inst.a)
    }

    fn extract(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let (lsb, width) = inst.bit_range();
        let a = self.low_word(inst.a)?;
        let dst = self.temp(v)?;
        let field = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
        if inst.op == Op::Extract {
            self.emit(FlatOp { dst, a, aux: lsb as u16, imm: field, ..FlatOp::new(Code::Extract) });
        } else {
            let (left, right) = (64 - lsb - width, 64 - width);
            let aux = (left | right << 8) as u16;
            self.emit(FlatOp { dst, a, aux, imm: mask(inst.ty), ..FlatOp::new(Code::Sextract) });
        }
        Ok(())
    }

    pub(crate) fn icmp(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let a = self.low_word(inst.a)?;
        let aux = inst.sub as u16 | (64 - inst.ty.bits() as u16) << 8;
        if let Some(imm) = self.constant(inst.b) {
            let dst = self.temp(v)?;
            self.emit(FlatOp { dst, a, imm, aux, ..FlatOp::new(Code::IcmpI) });
        } else {
            let b = self.low_word(inst.b)?;
            let dst = self.temp(v)?;
            self.emit(FlatOp { dst, a, b, aux, ..FlatOp::new(Code::IcmpR) });
        }
        Ok(())
    }

    fn binary(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let wide = match inst.ty {
            Ty::I64 => 0,
            Ty::I32 => 2,
            // Narrow types: logic needs no mask, the rest takes the general form.
            _ if matches!(inst.op, Op::And | Op::Or | Op::Xor | Op::Bic) => 2,
            _ => return self.binary_general(v, inst),
        };
        let Some(codes) = binary_codes(inst.op) else { return self.binary_general(v, inst) };
        let (mut x, mut y) = (inst.a, inst.b);
        let commutes = matches!(inst.op, Op::Iadd | Op::And | Op::Or | Op::Xor);
        if commutes && self.constant(x).is_some() {
            std::mem::swap(&mut x, &mut y);
        }
        let a = self.low_word(x)?;
        if let (Some(imm), Some(code)) = (self.constant(y), codes[wide + 1]) {
            let imm = match inst.op {
                Op::Shl | Op::Lshr | Op::Ashr | Op::Rotr => imm & (inst.ty.bits() as u64 - 1),
                _ => imm,
            };
            let dst = self.temp(v)?;
            self.emit(FlatOp { dst, a, imm, ..FlatOp::new(code) });
            return Ok(());
        }
        let b = self.low_word(y)?;
        let code = codes[wide].ok_or(Unfit::Unsupported(inst.op, inst.ty))?;
        if code == Code::Add64R && self.fuse_add_shift(v, a, y)? {
            return Ok(());
        }
        let dst = self.temp(v)?;
        self.emit(FlatOp { dst, a, b, ..FlatOp::new(code) });
        Ok(())
    }

    fn binary_general(&mut self, v: Value, inst: &Inst) -> Result<(), Unfit> {
        let (a, b) = (self.word(inst.a)?, self.word(inst.b)?);
        let dst = self.temp(v)?;
        let imm = inst.ty.bits() as u64;
        self.emit(FlatOp { dst, a, b, aux: inst.op as u16, imm, ..FlatOp::new(Code::Binary) });
        Ok(())
    }
}
