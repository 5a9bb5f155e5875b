//! Patterns: which instructions are alike but for registers and constants.
//!
//! The rows here are of what compilers write most, in its usual encodings; anything else has no pattern. Beside what the decoder
//! tells of them, rows promise that the semantics have no constant that could be taken for the operand, and no register that
//! could be taken for one of the instruction's. SDM vol. 2, "Instruction Format", "Opcode Map".

mod rows;

use crate::frontend::mode;
use crate::state;
use brolga_ir::{Constant, DisasContext, Pattern};
use rows::*;

/// An instruction as far as it was read.
struct Reading {
    /// Bytes that are left, and how many were read.
    rest: u128,
    len: u8,
    /// Of the opcode; what is known of the instruction by now is taken away.
    row: u32,
    opcode: u8,
    rex: u8,
    /// What is common: bits 0 to 10 are the opcode, its map and prefix.
    common: u64,
    /// A constant that is common.
    literal: i64,
    words: [u8; 4],
    operand: Option<u64>,
    /// What is added to the address behind the instruction.
    distance: Option<i64>,
}

/// Places in [`Reading::common`].
const WIDE: u32 = 11;
const REG: u32 = 12;
const DIRECT: u32 = 16;
const RM: u32 = 17;
const RIP: u32 = 21;
const SCALE: u32 = 22;
const SEGMENT: u32 = 24;
const HIGH_REG: u32 = 26;
const HIGH_RM: u32 = 27;
const SETTLED: u32 = 28;
const KIND: u32 = 30;

/// ModRM.reg of CALL in its group.
const CALL: u64 = 2;

/// The word of a general register.
fn word(number: u8) -> u8 {
    state::gpr(u32::from(number)).0
}

impl Reading {
    /// Reads prefixes and opcode; `None` if no row is of them.
    #[inline(always)]
    fn new(bytes: [u8; 16]) -> Option<Reading> {
        let rest = u128::from_le_bytes(bytes);
        let mut r = Reading {
            rest,
            len: 0,
            row: 0,
            opcode: 0,
            rex: 0,
            common: 0,
            literal: 0,
            words: [Pattern::NO_WORD; 4],
            operand: None,
            distance: None,
        };
        let mut byte = r.byte();
        let (prefix, segment) = match byte {
            0x66 => (1, 0),
            0xf3 => (2, 0),
            0xf2 => (3, 0),
            0x64 => (0, 1),
            0x65 => (0, 2u32),
            _ => (0, 0),
        };
        if (prefix, segment) != (0, 0) {
            byte = r.byte();
        }
        if byte & 0xf0 == 0x40 {
            (r.rex, byte) = (byte, r.byte());
        }
        let two_bytes = byte == 0x0f;
        if two_bytes {
            byte = r.byte();
        }
        (r.opcode, r.row) = (byte, if two_bytes { &TWO_BYTES } else { &ONE_BYTE }[usize::from(byte)]);
        // Behind REX, NOP is XCHG.
        let other = byte == 0x90 && !two_bytes && r.rex != 0;
        if r.row >> (PREFIXES + prefix) & 1 == 0 || segment != 0 && !r.has(MODRM) || other {
            return None;
        }
        let fixed = if r.has(IN_OPCODE) { byte & 0xf8 } else { byte };
        r.common = u64::from(fixed) | u64::from(two_bytes) << 8 | u64::from(prefix) << 9;
        r.common |= u64::from(r.is_wide()) << WIDE | u64::from(segment) << SEGMENT;
        Some(r)
    }

    fn has(&self, what: u32) -> bool {
        self.row & what != 0
    }

    fn is_wide(&self) -> bool {
        self.rex & 8 != 0
    }

    #[inline(always)]
    fn byte(&mut self) -> u8 {
        let byte = self.rest as u8;
        (self.rest, self.len) = (self.rest >> 8, self.len + 1);
        byte
    }

    fn four(&mut self) -> i64 {
        let value = self.rest as i32;
        (self.rest, self.len) = (self.rest >> 32, self.len + 4);
        value.into()
    }

    fn eight(&mut self) -> i64 {
        let value = self.rest as i64;
        (self.rest, self.len) = (self.rest >> 64, self.len + 8);
        value
    }

    /// Register `number` of a ModRM field. The number is common if it is of a vector; that it is the high byte of a register is.
    fn register(&mut self, number: u8, word_at: usize, at: u32, vector: u32, byte: u32, high: u32) {
        if self.has(vector) {
            self.common |= u64::from(number) << at;
        } else if self.has(byte) && self.rex == 0 && number >= 4 {
            self.common |= 1 << high;
            self.words[word_at] = word(number - 4);
        } else {
            self.words[word_at] = word(number);
        }
    }

    fn modrm(&mut self) -> Option<()> {
        let modrm = self.byte();
        let (place, reg, rm) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        if self.has(GROUP) {
            if of_group(self.opcode) >> reg & 1 == 0 {
                return None;
            }
            self.common |= u64::from(reg) << REG;
            // NOT and NEG have no immediate, as TEST beside them has.
            if matches!(self.opcode, 0xf6 | 0xf7) && self.has(NEGATES) && reg != 0 {
                self.row &= !(IMM8 | IMM32 | OPERAND);
            }
        } else {
            self.register(reg | (self.rex & 4) << 1, 0, REG, XMM_REG, BYTE_REG, HIGH_REG);
        }
        match (place, rm) {
            (3, _) => {
                self.common |= 1 << DIRECT;
                self.register(rm | (self.rex & 1) << 3, 1, RM, XMM_RM, BYTE_RM, HIGH_RM);
                (!self.has(NO_REGISTER)).then_some(())
            }
            (0, 5) => {
                self.common |= 1 << RIP;
                self.distance = Some(self.four());
                (!self.has(NO_RIP)).then_some(())
            }
            _ => {
                self.memory(place, rm);
                // Of a constant alone others are made before anything is added.
                let alone = self.words[1..] == [Pattern::NO_WORD; 3] && self.common >> SEGMENT & 3 == 0;
                (!self.has(NO_BASE) && !alone).then_some(())
            }
        }
    }

    /// Base, index and displacement.
    fn memory(&mut self, place: u8, rm: u8) {
        let (mut base, mut based) = (rm, true);
        if rm == 4 {
            let sib = self.byte();
            let index = sib >> 3 & 7 | (self.rex & 2) << 2;
            if index != 4 {
                self.words[2] = word(index);
                self.common |= u64::from(sib >> 6) << SCALE;
            }
            base = sib & 7;
            based = place != 0 || base != 5;
        }
        if based {
            self.words[1] = word(base | (self.rex & 1) << 3);
        }
        let displacement = match place {
            0 if based => 0,
            1 => (self.byte() as i8).into(),
            _ => self.four(),
        };
        self.operand = Some(displacement as u64);
    }

    /// The immediate: an operand, or common where there is another one.
    fn immediate(&mut self) -> Option<()> {
        let imm = match self.row & (IMM8 | IMM32 | IMM) {
            IMM8 => (self.byte() as i8).into(),
            IMM if self.is_wide() => self.eight(),
            _ => self.four(),
        };
        let cut = match self.common >> 9 & 3 {
            _ if self.has(BYTE_RM) => imm as u64 & 0xff,
            _ if self.is_wide() => imm as u64,
            0 => imm as u64 & 0xffff_ffff,
            _ => imm as u64 & 0xffff,
        };
        if self.has(OPERAND) && self.operand.is_none() && self.distance.is_none() {
            self.operand = Some(cut);
            return Some(());
        }
        self.literal = imm;
        // Which of the two an op has could not be told.
        let same = |operand: u64| operand != 0 && (operand == cut || operand == imm as u64);
        (!self.operand.is_some_and(same)).then_some(())
    }

    fn read(&mut self) -> Option<()> {
        if self.has(IN_OPCODE) {
            self.words[1] = word(self.opcode & 7 | (self.rex & 1) << 3);
        }
        if self.has(MODRM) {
            self.modrm()?;
        }
        if self.has(IMM8 | IMM32 | IMM) {
            self.immediate()?;
        }
        if self.has(REL8) {
            self.distance = Some((self.byte() as i8).into());
        } else if self.has(REL32) {
            self.distance = Some(self.four());
        }
        let implied = |word: u8| self.words.contains(&word);
        if self.has(STACK) && implied(state::RSP.0) || self.has(COUNT) && implied(state::RCX.0) {
            return None;
        }
        // By chance: it could not be told from the address behind the instruction.
        if self.distance == Some(0) {
            return None;
        }
        if self.has(UNUSED) {
            (self.words, self.operand) = ([Pattern::NO_WORD; 4], None);
        }
        // A call returns there.
        if self.has(LINK) && self.common >> REG & 7 == CALL && self.distance.is_none() {
            self.distance = Some(0);
        }
        self.settle_operand()
    }

    /// Makes common what could not be told from other constants, if nothing else is in its place.
    fn settle_operand(&mut self) -> Option<()> {
        let Some(operand) = self.operand.filter(|&operand| !Constant::is_operand(operand)) else { return Some(()) };
        self.operand = None;
        if operand == 0 {
            return Some(()); // which the kind of the constant tells
        }
        self.common |= 1 << SETTLED;
        (std::mem::replace(&mut self.literal, operand as i64) == 0).then_some(())
    }
}

/// The pattern of the instruction in `dc`.
pub(crate) fn pattern(dc: &DisasContext) -> Option<Pattern> {
    if dc.mode & (mode::STEP | mode::ALIGN | mode::UNMASKED | mode::X87) != 0 {
        return None;
    }
    let mut r = Reading::new(dc.bytes)?;
    r.read()?;
    if usize::from(r.len) > dc.available {
        return None;
    }
    let next = dc.pc.wrapping_add(r.len.into());
    let (constant, value) = match (r.distance, r.operand) {
        (Some(distance), _) => (Constant::Address, next.wrapping_add(distance as u64)),
        (None, Some(operand)) => (Constant::Operand, operand),
        (None, None) => (Constant::None, 0),
    };
    let literal = r.literal as u64;
    let is_literal = |address: u64| address != 0 && (address == literal || address == literal & 0xffff_ffff);
    if constant == Constant::Address && (is_literal(value) || is_literal(next)) {
        return None;
    }
    let common = r.common | (constant as u64) << KIND | u64::from(Pattern::alike(r.words)) << 32;
    let key = u128::from(common) | u128::from(literal) << 64;
    Some(Pattern { key, value, constant, len: r.len, words: r.words })
}
