//! Instructions of a register and a register or word of the file, by opcode.
//!
//! The encoder's library has a function for each operation, width and kind of operand. Here a table
//! names an opcode and a width for an op, and one function does for all of them. A test compares its bytes with the library's.
//!
//! Encodings: Intel SDM volume 2, "Instruction Format".

use crate::asm::{Asm, RDI, displacement};
use crate::one::One;
use brolga_core::Width;

/// An operand that may be in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operand {
    Register(u8),
    /// A word of the register file.
    Word(u8),
}

impl From<u8> for Operand {
    fn from(register: u8) -> Operand {
        Operand::Register(register)
    }
}

/// Arithmetic in the numbers of the opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts in the numbers that stand in the place of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shift {
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// Opcodes; those above 0xff have two bytes.
pub(crate) mod opcode {
    pub(crate) const LOAD: u16 = 0x8b;
    pub(crate) const STORE: u16 = 0x89;
    pub(crate) const TEST: u16 = 0x85;
    pub(crate) const IMUL: u16 = 0x0faf;
    pub(crate) const MOVZX8: u16 = 0x0fb6;
    pub(crate) const MOVZX16: u16 = 0x0fb7;
    pub(crate) const MOVSX8: u16 = 0x0fbe;
    pub(crate) const MOVSX16: u16 = 0x0fbf;
    pub(crate) const MOVSXD: u16 = 0x63;
    /// With the number of a condition.
    pub(crate) const CMOV: u16 = 0x0f40;
    /// With 4 in the place of a register, and a byte behind it.
    pub(crate) const BT: u16 = 0x0fba;
}

impl Asm {
    /// An instruction by its opcode (that of 32 bits where it depends on the width); `reg` is a register or extends the opcode.
    pub(crate) fn instruction(&mut self, width: Width, opcode: u16, reg: u8, rm: Operand) {
        let base = match rm {
            Operand::Register(register) => register,
            Operand::Word(_) => RDI,
        };
        let rex = 0x40 | u8::from(width == Width::W64) << 3 | reg >> 3 << 2 | base >> 3;
        // Without the prefix the byte registers 4 to 7 are others. Extensions of opcodes get one that they do not need.
        let bytes = width == Width::W8 || matches!(opcode, opcode::MOVZX8 | opcode::MOVSX8);
        let high = |register: u8| (4..8).contains(&register);
        let prefix = rex != 0x40 || bytes && (high(reg) || rm == Operand::Register(base) && high(base));
        let mut one = One::default();
        one.put_if(width == Width::W16, 0x66);
        one.put_if(prefix, rex);
        one.put_if(opcode > 0xff, (opcode >> 8) as u8);
        one.put([opcode as u8 & if width == Width::W8 { 0xfe } else { 0xff }]);
        let modrm = (reg & 7) << 3 | base & 7;
        match rm {
            Operand::Register(_) => one.put([0xc0 | modrm]),
            Operand::Word(w) => {
                let disp = displacement(8 * usize::from(w));
                match i8::try_from(disp) {
                    Ok(0) => one.put([modrm]),
                    Ok(short) => one.put([0x40 | modrm, short as u8]),
                    Err(_) => {
                        one.put([0x80 | modrm]);
                        one.put(disp.to_le_bytes());
                    }
                }
            }
        }
        one.end(&mut self.bytes);
    }

    /// `reg` becomes what it and `rm` make, or is compared with it.
    pub(crate) fn alu(&mut self, width: Width, alu: Alu, reg: u8, rm: Operand) {
        self.instruction(width, (alu as u16) << 3 | 3, reg, rm);
    }

    /// The same with `rm` first.
    pub(crate) fn alu_to(&mut self, width: Width, alu: Alu, rm: Operand, reg: u8) {
        self.instruction(width, (alu as u16) << 3 | 1, reg, rm);
    }

    /// The same of `rm` and a constant, of which the low bits count that the width has.
    pub(crate) fn alu_constant(&mut self, width: Width, alu: Alu, rm: Operand, value: i32) {
        let value = match width {
            Width::W8 => i32::from(value as i8),
            Width::W16 => i32::from(value as i16),
            _ => value,
        };
        let short = i8::try_from(value);
        self.instruction(
            width,
            if short.is_ok() { 0x83 } else { 0x81 } & if width == Width::W8 { 0x81 } else { 0xff },
            alu as u8,
            rm,
        );
        match (short, width) {
            (Ok(byte), _) => self.bytes.push(byte as u8),
            (_, Width::W16) => self.bytes.extend((value as i16).to_le_bytes()),
            _ => self.bytes.extend(value.to_le_bytes()),
        }
    }

    /// Compares `rm` with 0.
    pub(crate) fn compare_with_0(&mut self, width: Width, rm: Operand) {
        match rm {
            // Shorter, with the same flags.
            Operand::Register(reg) => self.instruction(width, opcode::TEST, reg, rm),
            Operand::Word(_) => self.alu_constant(width, Alu::Cmp, rm, 0),
        }
    }

    /// `reg` shifted by a constant, or by CL.
    pub(crate) fn shift(&mut self, width: Width, shift: Shift, reg: u8, amount: Option<u8>) {
        match amount {
            Some(amount) => {
                self.instruction(width, 0xc1, shift as u8, Operand::Register(reg));
                self.bytes.push(amount);
            }
            None => self.instruction(width, 0xd3, shift as u8, Operand::Register(reg)),
        }
    }

    /// `reg` becomes `rm`, its low half zero-extended if the width is less than that.
    pub(crate) fn fetch(&mut self, width: Width, reg: u8, rm: Operand) {
        self.instruction(width, opcode::LOAD, reg, rm);
    }

    /// A word of the file becomes `reg`.
    pub(crate) fn keep(&mut self, w: u8, reg: u8) {
        self.instruction(Width::W64, opcode::STORE, reg, Operand::Word(w));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::{R8, RAX, RBX, RCX, RSI, put, word};

    fn code(f: impl FnOnce(&mut Asm)) -> Vec<u8> {
        let mut a = Asm::default();
        f(&mut a);
        a.finish().0
    }

    #[test]
    fn encodings_are_those_of_the_library() {
        for (x, y) in [(RAX, RCX), (RBX, R8), (R8 + 5, RBX), (R8 + 7, R8 + 4)] {
            let (r, m) = (Operand::Register(y), Operand::Word(40));
            let same = |own: &dyn Fn(&mut Asm), theirs: &dyn Fn(&mut Asm)| assert_eq!(code(own), code(theirs));
            same(&|a| a.alu(Width::W64, Alu::Xor, x, r), &|a| put!(a, xorq_rm(x, y)));
            same(&|a| a.alu(Width::W32, Alu::And, x, m), &|a| put!(a, andl_rm(x, word(40))));
            same(&|a| a.alu(Width::W8, Alu::Cmp, x, r), &|a| put!(a, cmpb_rm(x, y)));
            same(&|a| a.alu(Width::W16, Alu::Cmp, x, m), &|a| put!(a, cmpw_rm(x, word(40))));
            same(&|a| a.alu_to(Width::W64, Alu::Sub, m, x), &|a| put!(a, subq_mr(word(40), x)));
            same(&|a| a.alu_constant(Width::W64, Alu::Add, r, -8), &|a| put!(a, addq_mi_sxb(y, -8)));
            same(&|a| a.alu_constant(Width::W32, Alu::Or, r, 300), &|a| put!(a, orl_mi(y, 300u32)));
            same(&|a| a.alu_constant(Width::W16, Alu::Cmp, m, 300), &|a| put!(a, cmpw_mi(word(40), 300u16)));
            same(&|a| a.alu_constant(Width::W8, Alu::Cmp, r, 0x1fe), &|a| put!(a, cmpb_mi(y, 0xfeu8)));
            same(&|a| a.shift(Width::W64, Shift::Sar, x, Some(9)), &|a| put!(a, sarq_mi(x, 9u8)));
            same(&|a| a.shift(Width::W32, Shift::Ror, x, None), &|a| put!(a, rorl_mc(x, RCX)));
            same(&|a| a.fetch(Width::W32, x, r), &|a| put!(a, movl_rm(x, y)));
            same(&|a| a.keep(40, x), &|a| put!(a, movq_mr(word(40), x)));
            same(&|a| a.instruction(Width::W32, opcode::MOVZX8, x, r), &|a| put!(a, movzbl_rm(x, y)));
            same(&|a| a.instruction(Width::W64, opcode::CMOV | 5, x, r), &|a| put!(a, cmovneq_rm(x, y)));
            same(&|a| a.instruction(Width::W64, opcode::IMUL, x, m), &|a| put!(a, imulq_rm(x, word(40))));
        }
        // Words near the start of the file have a displacement of a byte, one has none.
        let length = |w| code(|a| a.keep(w, RAX)).len();
        assert_eq!((length(0), length(16), length(40)), (4, 3, 7));
        assert_eq!(
            code(|a| a.instruction(Width::W32, opcode::MOVZX8, RAX, Operand::Register(RSI))),
            [0x40, 0x0f, 0xb6, 0xc6]
        );
    }
}
