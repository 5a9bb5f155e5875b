//! Patterns: which instructions are alike but for registers and constants.
//!
//! The rows here are of what compilers write most, in its usual encodings; anything else has no pattern. Beside what the decoder
//! tells of them, rows promise that the semantics have no constant that could be taken for the operand, and no register that
//! could be taken for one of the instruction's. SDM vol. 2, "Instruction Format", "Opcode Map".

use crate::frontend::mode;
use crate::state;
use brolga_ir::{Constant, DisasContext, Pattern};

/// A ModRM byte follows.
const MODRM: u32 = 1;
/// A byte of immediate.
const IMM8: u32 = 1 << 1;
/// Four bytes of immediate.
const IMM32: u32 = 1 << 2;
/// As many bytes of immediate as the operand has.
const IMM: u32 = 1 << 3;
/// A distance of one byte or four.
const REL8: u32 = 1 << 4;
const REL32: u32 = 1 << 5;
/// The low bits of the opcode are a register.
const IN_OPCODE: u32 = 1 << 6;
/// ModRM.reg, or ModRM.rm where it is a register, are byte registers.
const BYTE_REG: u32 = 1 << 7;
const BYTE_RM: u32 = 1 << 8;
/// They are vector registers.
const XMM_REG: u32 = 1 << 9;
const XMM_RM: u32 = 1 << 10;
/// ModRM.reg belongs to the opcode.
const GROUP: u32 = 1 << 11;
/// RSP takes part, too.
const STACK: u32 = 1 << 12;
/// ModRM.rm is to be a register, or an address that depends on the instruction's.
const NO_BASE: u32 = 1 << 13;
/// The immediate is an operand like others, if there is no other constant.
const OPERAND: u32 = 1 << 14;
/// No address that depends on the instruction's: there is another constant that could be one.
const NO_RIP: u32 = 1 << 15;
/// Known, with nothing behind the opcode.
const ALONE: u32 = 1 << 16;

/// The opcode map that starts with the first byte.
const ONE_BYTE: [u32; 256] = {
    let mut rows = [0; 256];
    // ADD, OR, AND, SUB, XOR, CMP: with registers and memory, in both directions, and the accumulator with an immediate.
    let mut op = 0;
    while op < 0x40 {
        if op != 0x10 && op != 0x18 {
            rows[op] = MODRM | BYTE_REG | BYTE_RM;
            rows[op + 1] = MODRM;
            rows[op + 2] = MODRM | BYTE_REG | BYTE_RM;
            rows[op + 3] = MODRM;
            rows[op + 5] = IMM32;
        }
        op += 8;
    }
    let mut n = 0;
    while n < 16 {
        // PUSH, POP; Jcc, but of parity, which asks what has set it.
        rows[0x50 + n] = IN_OPCODE | STACK;
        if n >> 1 != 5 {
            rows[0x70 + n] = REL8;
        }
        n += 1;
    }
    // MOVSXD; the group of ADD with an immediate; TEST; MOV; LEA
    rows[0x63] = MODRM;
    rows[0x80] = MODRM | GROUP | BYTE_RM | IMM8;
    rows[0x81] = MODRM | GROUP | IMM32 | OPERAND;
    rows[0x83] = MODRM | GROUP | IMM8 | OPERAND;
    rows[0x84] = MODRM | BYTE_REG | BYTE_RM;
    rows[0x85] = MODRM;
    rows[0x88] = MODRM | BYTE_REG | BYTE_RM;
    rows[0x89] = MODRM;
    rows[0x8a] = MODRM | BYTE_REG | BYTE_RM;
    rows[0x8b] = MODRM;
    rows[0x8d] = MODRM;
    // CDQE, CQO, TEST, MOV, shifts, RET, MOV, LEAVE, CALL, JMP
    rows[0x98] = ALONE;
    rows[0x99] = ALONE;
    rows[0xa8] = IMM8;
    rows[0xa9] = IMM32;
    let mut n = 0;
    while n < 8 {
        rows[0xb8 + n] = IN_OPCODE | IMM | OPERAND;
        n += 1;
    }
    rows[0xc1] = MODRM | GROUP | IMM8 | NO_BASE | NO_RIP;
    rows[0xc3] = ALONE;
    rows[0xc6] = MODRM | GROUP | BYTE_RM | IMM8 | NO_RIP;
    rows[0xc7] = MODRM | GROUP | IMM32 | OPERAND | NO_RIP;
    rows[0xc9] = ALONE;
    rows[0xd1] = MODRM | GROUP | NO_BASE | NO_RIP;
    rows[0xe8] = REL32;
    rows[0xe9] = REL32;
    rows[0xeb] = REL8;
    // TEST with an immediate; CALL and JMP to what is in a register or memory
    rows[0xf6] = MODRM | GROUP | BYTE_RM | IMM8;
    rows[0xf7] = MODRM | GROUP | IMM32;
    rows[0xff] = MODRM | GROUP | STACK | NO_BASE;
    rows
};

/// The opcode map behind 0F.
const TWO_BYTES: [u32; 256] = {
    let mut rows = [0; 256];
    // MOVUPS and its like, MOVAPS, XORPS, MOVD, MOVDQA, MOVQ, PXOR
    rows[0x10] = MODRM | XMM_REG | XMM_RM;
    rows[0x11] = MODRM | XMM_REG | XMM_RM;
    rows[0x28] = MODRM | XMM_REG | XMM_RM;
    rows[0x29] = MODRM | XMM_REG | XMM_RM;
    rows[0x57] = MODRM | XMM_REG | XMM_RM;
    rows[0x6e] = MODRM | XMM_REG;
    rows[0x6f] = MODRM | XMM_REG | XMM_RM;
    rows[0x7e] = MODRM | XMM_REG;
    rows[0x7f] = MODRM | XMM_REG | XMM_RM;
    rows[0xd6] = MODRM | XMM_REG | XMM_RM;
    rows[0xef] = MODRM | XMM_REG | XMM_RM;
    // CMOVcc, Jcc, SETcc
    let mut n = 0;
    while n < 16 {
        if n >> 1 != 5 {
            rows[0x40 + n] = MODRM;
            rows[0x80 + n] = REL32;
            rows[0x90 + n] = MODRM | GROUP | BYTE_RM;
        }
        n += 1;
    }
    // MOVZX, MOVSX
    rows[0xb6] = MODRM | BYTE_RM;
    rows[0xb7] = MODRM;
    rows[0xbe] = MODRM | BYTE_RM;
    rows[0xbf] = MODRM;
    rows
};

/// Prefixes of an instruction behind which its opcode may be: none, 66, F3, F2, a bit each.
fn prefixes(two_bytes: bool, opcode: u8) -> u8 {
    const NONE: u8 = 1;
    const P66: u8 = 2;
    const PF3: u8 = 4;
    match (two_bytes, opcode) {
        (true, 0x10 | 0x11) => 15,
        (true, 0x28 | 0x29 | 0x57) => NONE | P66,
        (true, 0x6f | 0x7f) => P66 | PF3,
        (true, 0x6e | 0x7e | 0xd6 | 0xef) => P66,
        // Of 16 bits, where a size is not the opcode's, and there is no immediate.
        (false, 0x89 | 0x8b | 0x39 | 0x3b | 0x85) => NONE | P66,
        _ => NONE,
    }
}

/// Which of a group are known, a bit each.
fn of_group(opcode: u8) -> u8 {
    match opcode {
        // not ADC and SBB
        0x80 | 0x81 | 0x83 => 0b1111_0011,
        // SHL, SHR, SAR
        0xc1 | 0xd1 => 0b1011_0000,
        0xff => 0b0001_0100,
        0xc6 | 0xc7 | 0xf6 | 0xf7 => 1,
        // SETcc does not look.
        _ => 0xff,
    }
}

/// Reads on in an instruction's bytes.
struct Reader<'a> {
    bytes: &'a [u8; 16],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes[self.at % 16];
        self.at += 1;
        byte
    }

    /// The next `n` bytes, up to 8, sign-extended.
    fn signed(&mut self, n: usize) -> i64 {
        let all = u128::from_le_bytes(*self.bytes) >> (8 * (self.at % 16));
        self.at += n;
        let unused = 64 - 8 * n as u32;
        (all as i64) << unused >> unused
    }
}

/// What the bytes say.
struct Parsed {
    row: u32,
    opcode: u8,
    /// What belongs to the opcode: prefixes, map, and the opcode without a register in it.
    kind: u64,
    wide: bool,
    rex: u8,
    has_rex: bool,
}

fn opcode(r: &mut Reader) -> Option<Parsed> {
    let mut byte = r.byte();
    let prefix = match byte {
        0x66 => 1,
        0xf3 => 2,
        0xf2 => 3,
        _ => 0,
    };
    if prefix != 0 {
        byte = r.byte();
    }
    let has_rex = byte & 0xf0 == 0x40;
    let rex = if has_rex { byte } else { 0 };
    if has_rex {
        byte = r.byte();
    }
    let two_bytes = byte == 0x0f;
    if two_bytes {
        byte = r.byte();
    }
    let row = if two_bytes { TWO_BYTES[usize::from(byte)] } else { ONE_BYTE[usize::from(byte)] };
    if row == 0 || prefixes(two_bytes, byte) >> prefix & 1 == 0 {
        return None;
    }
    let fixed = if row & IN_OPCODE != 0 { byte & 0xf8 } else { byte };
    let wide = rex & 8 != 0;
    let kind = u64::from(fixed) | u64::from(two_bytes) << 8 | prefix << 9 | u64::from(wide) << 11;
    Some(Parsed { row, opcode: byte, kind, wide, rex, has_rex })
}

/// The word of a general register.
fn word(number: u8) -> u8 {
    state::gpr(u32::from(number)).0
}

/// The pattern of the instruction in `dc`.
pub(crate) fn pattern(dc: &DisasContext) -> Option<Pattern> {
    if dc.mode & (mode::STEP | mode::ALIGN | mode::UNMASKED | mode::X87) != 0 {
        return None;
    }
    let mut r = Reader { bytes: &dc.bytes, at: 0 };
    let p = opcode(&mut r)?;
    let mut words = [Pattern::NO_WORD; 4];
    // What is common beside the opcode, and a constant that is.
    let (mut common, mut constant) = (p.kind, 0i64);
    let (mut operand, mut distance) = (None, None);
    if p.row & IN_OPCODE != 0 {
        words[1] = word(p.opcode & 7 | (p.rex & 1) << 3);
    }
    if p.row & MODRM != 0 {
        let modrm = r.byte();
        let (place, reg, rm) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        let whole = reg | (p.rex & 4) << 1;
        if p.row & GROUP != 0 {
            if of_group(p.opcode) >> reg & 1 == 0 {
                return None;
            }
            common |= u64::from(reg) << 12;
        } else if p.row & XMM_REG != 0 {
            common |= u64::from(whole) << 12;
        } else if p.row & BYTE_REG != 0 && !p.has_rex && reg >= 4 {
            return None;
        } else {
            words[0] = word(whole);
        }
        if place == 3 {
            let whole = rm | (p.rex & 1) << 3;
            common |= 1 << 16;
            if p.opcode == 0x8d {
                return None;
            }
            if p.row & XMM_RM != 0 {
                common |= u64::from(whole) << 17;
            } else if p.row & BYTE_RM != 0 && !p.has_rex && rm >= 4 {
                return None;
            } else {
                words[1] = word(whole);
            }
        } else if place == 0 && rm == 5 {
            if p.row & NO_RIP != 0 {
                return None;
            }
            common |= 1 << 21;
            distance = Some(r.signed(4));
        } else {
            let mut base = rm | (p.rex & 1) << 3;
            if rm == 4 {
                let sib = r.byte();
                base = sib & 7 | (p.rex & 1) << 3;
                let index = sib >> 3 & 7 | (p.rex & 2) << 2;
                if place == 0 && sib & 7 == 5 {
                    return None;
                }
                if index != 4 {
                    words[2] = word(index);
                    common |= u64::from(sib >> 6) << 22;
                }
            }
            words[1] = word(base);
            let displacement = match place {
                0 => 0,
                1 => r.signed(1),
                _ => r.signed(4),
            };
            if p.row & NO_BASE != 0 {
                return None;
            }
            operand = Some(displacement as u64);
        }
    }
    if p.row & (IMM8 | IMM32 | IMM) != 0 {
        let bytes = match p.row & (IMM8 | IMM32 | IMM) {
            IMM8 => 1,
            IMM if p.wide => 8,
            _ => 4,
        };
        let imm = r.signed(bytes);
        let cut = if p.wide { imm as u64 } else { imm as u64 & 0xffff_ffff };
        let sums =
            p.row & GROUP == 0 || p.opcode == 0xc7 || 0b1010_0001 >> (dc.bytes[r.at - bytes - 1] >> 3 & 7) & 1 != 0;
        if p.row & OPERAND != 0 && sums && operand.is_none() && distance.is_none() {
            operand = Some(cut);
        } else {
            constant = imm;
            // Which of the two an op has could not be told.
            let same = |operand: u64| {
                operand != 0 && (operand == cut || operand == imm as u64 || operand == imm as u64 & 0xff)
            };
            if operand.is_some_and(same) {
                return None;
            }
        }
    }
    match p.row & (REL8 | REL32) {
        0 => {}
        REL8 => distance = Some(r.signed(1)),
        _ => distance = Some(r.signed(4)),
    }
    if r.at > dc.available || p.row & STACK != 0 && words.contains(&state::RSP.0) {
        return None;
    }
    if distance == Some(0) {
        return None;
    }
    if p.opcode == 0xff && distance.is_none() {
        distance = Some(0); // which a call returns to
    }
    let (kind, value) = match (distance, operand) {
        (Some(distance), _) => (Constant::Address, dc.pc.wrapping_add(r.at as u64).wrapping_add(distance as u64)),
        // Nothing can be told from where there is a 0.
        (None, None | Some(0)) => (Constant::None, 0),
        (None, Some(operand)) => (Constant::Operand, operand),
    };
    common |= u64::from(Pattern::alike(words)) << 32 | (kind as u64) << 30;
    let key = u128::from(common) | u128::from(constant as u64) << 64;
    Some(Pattern { key, value, constant: kind, len: r.at as u8, words })
}
