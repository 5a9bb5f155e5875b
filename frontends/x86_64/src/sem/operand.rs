//! Operands: registers and their parts, effective addresses, immediates.

use super::Cx;
use crate::state;
use brolga_core::{MemOp, Reg, Size};
use brolga_ir::{Ty, Value};
use iced_x86::{OpKind, Register};

/// An operand that is read, changed and written back: where it is, with its address computed once.
#[derive(Clone, Copy)]
pub enum Place {
    /// A general-purpose register or part of one.
    Reg(Register),
    /// Memory at a value and an offset.
    Mem(Value, i64),
}

/// The integer type of so many bytes.
pub fn int(bytes: usize) -> Ty {
    match bytes {
        1 => Ty::I8,
        2 => Ty::I16,
        4 => Ty::I32,
        _ => Ty::I64,
    }
}

/// A plain access of an integer or vector of type `ty`.
pub fn plain(ty: Ty) -> MemOp {
    MemOp::plain(match ty.bits() {
        8 => Size::B1,
        16 => Size::B2,
        32 => Size::B4,
        128 => Size::B16,
        _ => Size::B8,
    })
}

/// Whether a byte register is bits 15..8 of its full register.
fn is_high(r: Register) -> bool {
    matches!(r, Register::AH | Register::BH | Register::CH | Register::DH)
}

/// The row of a general-purpose register.
pub fn row(r: Register) -> Reg {
    state::gpr(r.full_register().number() as u32)
}

impl Cx<'_> {
    /// Type of integer operand `n`: its register's, its memory's, or for an immediate that of the first operand.
    pub fn ty(&self, n: u32) -> Ty {
        match self.i.op_kind(n) {
            OpKind::Register => int(self.i.op_register(n).size()),
            OpKind::Memory => int(self.i.memory_size().size()),
            _ if n > 0 => self.ty(0),
            _ => Ty::I64,
        }
    }

    /// A part of a general-purpose register, at its own type.
    pub fn reg(&mut self, r: Register) -> Value {
        let full = self.b.get(row(r));
        if is_high(r) {
            let v = self.b.extract(Ty::I64, full, 8, 8);
            return self.b.zext(Ty::I8, v);
        }
        self.narrow(int(r.size()), full)
    }

    /// Writes a part of a general-purpose register: 32 bits clear the upper half, 8 and 16 bits leave the rest.
    pub fn set_reg(&mut self, r: Register, v: Value) {
        match r.size() {
            8 => self.b.set(row(r), v),
            4 => {
                let v = self.widen(v);
                self.b.set(row(r), v);
            }
            bytes => {
                let (lsb, width) = (if is_high(r) { 8 } else { 0 }, bytes as u32 * 8);
                let old = self.b.get(row(r));
                let v = self.widen(v);
                let v = self.b.deposit(Ty::I64, old, v, lsb, width);
                self.b.set(row(r), v);
            }
        }
    }

    /// The low part of an I64.
    pub fn narrow(&mut self, ty: Ty, v: Value) -> Value {
        if ty == Ty::I64 { v } else { self.b.zext(ty, v) }
    }

    /// An I64 from a narrower integer, zero-extended.
    pub fn widen(&mut self, v: Value) -> Value {
        self.zext(Ty::I64, v)
    }

    /// Zero-extended to `ty`.
    pub fn zext(&mut self, ty: Ty, v: Value) -> Value {
        if self.b.block.ty(v) == ty { v } else { self.b.zext(ty, v) }
    }

    /// Sign-extended to `ty`.
    pub fn sext(&mut self, ty: Ty, v: Value) -> Value {
        if self.b.block.ty(v) == ty { v } else { self.b.sext(ty, v) }
    }

    /// Base of the segment that the memory operand overrides to, if it has one.
    pub fn segment(&mut self) -> Option<Value> {
        match self.i.memory_segment() {
            Register::FS => Some(self.b.get(state::FS_BASE)),
            Register::GS => Some(self.b.get(state::GS_BASE)),
            _ => None,
        }
    }

    /// The memory operand's address without its segment, as a value and an offset. SDM vol. 1, "Specifying an Offset".
    fn offset(&mut self) -> (Value, i64) {
        self.offset_and(None)
    }

    /// The same with `more` bytes added before the address is cut to its size.
    fn offset_and(&mut self, more: Option<Value>) -> (Value, i64) {
        let (base, index) = (self.i.memory_base(), self.i.memory_index());
        let displacement = self.i.memory_displacement64();
        if matches!(base, Register::RIP | Register::EIP) {
            let sum = self.iconst(Ty::I64, displacement);
            let Some(more) = more else { return (sum, 0) };
            let sum = self.b.iadd(Ty::I64, sum, more);
            return (if base == Register::EIP { self.b.extract(Ty::I64, sum, 0, 32) } else { sum }, 0);
        }
        let narrow = base.size() == 4 || index.size() == 4;
        let mut sum = (base != Register::None).then(|| self.b.get(row(base)));
        if index != Register::None {
            let mut x = self.b.get(row(index));
            let shift = self.i.memory_index_scale().trailing_zeros();
            if shift > 0 {
                let amount = self.iconst(Ty::I64, shift as u64);
                x = self.b.shl(Ty::I64, x, amount);
            }
            sum = Some(sum.map_or(x, |base| self.b.iadd(Ty::I64, base, x)));
        }
        let sum = match (sum, more) {
            (Some(sum), Some(more)) => Some(self.b.iadd(Ty::I64, sum, more)),
            (sum, more) => sum.or(more),
        };
        let narrow = narrow || self.i.memory_displ_size() == 4;
        let Some(sum) = sum else { return (self.iconst(Ty::I64, displacement), 0) };
        if !narrow {
            return (sum, displacement as i64);
        }
        let d = self.iconst(Ty::I64, displacement);
        let sum = self.b.iadd(Ty::I64, sum, d);
        (self.b.extract(Ty::I64, sum, 0, 32), 0)
    }

    /// Linear address of the memory operand, as a value and an offset.
    pub fn address(&mut self) -> (Value, i64) {
        let (value, offset) = self.offset();
        match self.segment() {
            Some(base) => (self.b.iadd(Ty::I64, base, value), offset),
            None => (value, offset),
        }
    }

    /// Linear address with `more` bytes added to the offset.
    pub fn address_and(&mut self, more: Value) -> (Value, i64) {
        let (value, offset) = self.offset_and(Some(more));
        match self.segment() {
            Some(base) => (self.b.iadd(Ty::I64, base, value), offset),
            None => (value, offset),
        }
    }

    /// Linear address as one value.
    pub fn flat_address(&mut self) -> Value {
        let (value, offset) = self.address();
        self.plus(value, offset)
    }

    /// A value and a constant.
    pub fn plus(&mut self, value: Value, offset: i64) -> Value {
        if offset == 0 {
            return value;
        }
        let offset = self.iconst(Ty::I64, offset as u64);
        self.b.iadd(Ty::I64, value, offset)
    }

    /// What LEA gives: the offset, without the segment.
    pub fn lea(&mut self) -> Value {
        let (value, offset) = self.offset();
        self.plus(value, offset)
    }

    /// Operand `n`'s place.
    pub fn place(&mut self, n: u32) -> Place {
        if self.i.op_kind(n) == OpKind::Register {
            return Place::Reg(self.i.op_register(n));
        }
        let (value, offset) = self.address();
        Place::Mem(value, offset)
    }

    /// The value at a place.
    pub fn load(&mut self, place: Place, ty: Ty) -> Value {
        match place {
            Place::Reg(r) => {
                let v = self.reg(r);
                self.zext(ty, v)
            }
            Place::Mem(addr, offset) => self.b.load(ty, plain(ty), addr, offset),
        }
    }

    /// Writes a place.
    pub fn store(&mut self, place: Place, v: Value) {
        match place {
            Place::Reg(r) => self.set_reg(r, v),
            Place::Mem(addr, offset) => {
                let ty = self.b.block.ty(v);
                self.b.store(plain(ty), addr, offset, v);
            }
        }
    }

    /// Integer operand `n` at its own type; an immediate at that of the first operand.
    pub fn src(&mut self, n: u32) -> Value {
        let ty = self.ty(n);
        self.src_as(n, ty)
    }

    /// Integer operand `n` at type `ty`, which is the operand's own or an immediate's to be.
    pub fn src_as(&mut self, n: u32, ty: Ty) -> Value {
        match self.i.op_kind(n) {
            OpKind::Register | OpKind::Memory => {
                let place = self.place(n);
                self.load(place, ty)
            }
            _ => {
                let imm = self.i.immediate(n);
                self.iconst(ty, imm)
            }
        }
    }

    /// Writes operand `n`, which is not read.
    pub fn set_op(&mut self, n: u32, v: Value) {
        let place = self.place(n);
        self.store(place, v);
    }

    /// A constant.
    pub fn iconst(&mut self, ty: Ty, imm: u64) -> Value {
        self.b.iconst(ty, imm)
    }
}
