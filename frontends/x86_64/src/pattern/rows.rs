//! What follows an opcode, for instructions that have a pattern.

/// A ModRM byte follows.
pub const MODRM: u32 = 1;
/// A byte of immediate.
pub const IMM8: u32 = 1 << 1;
/// Four bytes of immediate.
pub const IMM32: u32 = 1 << 2;
/// As many bytes of immediate as the operand has.
pub const IMM: u32 = 1 << 3;
/// A distance of one byte.
pub const REL8: u32 = 1 << 4;
/// A distance of four bytes.
pub const REL32: u32 = 1 << 5;
/// The low bits of the opcode are a register.
pub const IN_OPCODE: u32 = 1 << 6;
/// ModRM.reg is a byte register.
pub const BYTE_REG: u32 = 1 << 7;
/// What ModRM.rm tells, and an immediate, are bytes.
pub const BYTE_RM: u32 = 1 << 8;
/// ModRM.reg is a vector register.
pub const XMM_REG: u32 = 1 << 9;
/// ModRM.rm is one, where it is a register.
pub const XMM_RM: u32 = 1 << 10;
/// ModRM.reg belongs to the opcode.
pub const GROUP: u32 = 1 << 11;
/// RSP takes part, too.
pub const STACK: u32 = 1 << 12;
/// ModRM.rm is to be a register, or an address that depends on the instruction's.
pub const NO_BASE: u32 = 1 << 13;
/// The immediate is an operand like others, if there is no other constant.
pub const OPERAND: u32 = 1 << 14;
/// No address that depends on the instruction's: there is another constant that could be one.
pub const NO_RIP: u32 = 1 << 15;
/// ModRM.rm is to be memory.
pub const NO_REGISTER: u32 = 1 << 16;
/// RCX takes part, too.
pub const COUNT: u32 = 1 << 17;
/// Nothing is done with what is named.
pub const UNUSED: u32 = 1 << 18;
/// CALL, which writes the address behind it, is in the group.
pub const LINK: u32 = 1 << 19;
/// The group has NOT and NEG.
pub const NEGATES: u32 = 1 << 20;
/// From here on a bit for each prefix that may stand before: none, 66, F3, F2. None of them is a row of its own.
pub const PREFIXES: u32 = 24;
/// No prefix.
const PLAIN: u32 = 1 << PREFIXES;
/// Prefix 66.
const P66: u32 = 2 << PREFIXES;
/// Prefix F3.
const PF3: u32 = 4 << PREFIXES;
/// Prefix F2.
const PF2: u32 = 8 << PREFIXES;

/// Operands of 16 bits, too.
const WORDS: u32 = MODRM | PLAIN | P66;
/// Bytes.
const BYTES: u32 = MODRM | PLAIN | BYTE_REG | BYTE_RM;
/// Vectors.
const VECTORS: u32 = MODRM | XMM_REG | XMM_RM;

/// The opcode map that starts with the first byte.
pub static ONE_BYTE: [u32; 256] = {
    let mut rows = [0; 256];
    // ADD, OR, AND, SUB, XOR, CMP: with registers and memory, in both directions, and the accumulator with an immediate.
    let mut op = 0;
    while op < 0x40 {
        if op != 0x10 && op != 0x18 {
            rows[op] = BYTES;
            rows[op + 1] = WORDS;
            rows[op + 2] = BYTES;
            rows[op + 3] = WORDS;
            rows[op + 4] = PLAIN | IMM8 | BYTE_RM | OPERAND;
            rows[op + 5] = PLAIN | IMM32 | OPERAND;
        }
        op += 8;
    }
    let mut n = 0;
    while n < 16 {
        // PUSH, POP; Jcc, but of parity, which asks what has set it.
        rows[0x50 + n] = PLAIN | IN_OPCODE | STACK;
        if n >> 1 != 5 {
            rows[0x70 + n] = PLAIN | REL8;
        }
        n += 1;
    }
    // MOVSXD, PUSH, the group of ADD with an immediate, TEST, MOV, LEA, NOP
    rows[0x63] = MODRM | PLAIN;
    rows[0x68] = PLAIN | IMM32 | STACK;
    rows[0x6a] = PLAIN | IMM8 | STACK;
    rows[0x80] = MODRM | PLAIN | GROUP | BYTE_RM | IMM8 | OPERAND;
    rows[0x81] = MODRM | PLAIN | GROUP | IMM32 | OPERAND;
    rows[0x83] = WORDS | GROUP | IMM8 | OPERAND;
    rows[0x84] = BYTES;
    rows[0x85] = WORDS;
    rows[0x88] = BYTES;
    rows[0x89] = WORDS;
    rows[0x8a] = BYTES;
    rows[0x8b] = WORDS;
    rows[0x8d] = MODRM | PLAIN | NO_REGISTER;
    rows[0x90] = PLAIN;
    // CDQE, CQO, TEST, MOV, shifts, RET, MOV, LEAVE, CALL, JMP
    rows[0x98] = PLAIN;
    rows[0x99] = PLAIN;
    rows[0xa8] = PLAIN | IMM8 | BYTE_RM | OPERAND;
    rows[0xa9] = PLAIN | IMM32 | OPERAND;
    let mut n = 0;
    while n < 8 {
        rows[0xb8 + n] = PLAIN | IN_OPCODE | IMM | OPERAND;
        n += 1;
    }
    rows[0xc1] = MODRM | PLAIN | GROUP | IMM8 | NO_BASE | NO_RIP;
    rows[0xc3] = PLAIN;
    rows[0xc6] = MODRM | PLAIN | GROUP | BYTE_RM | IMM8 | OPERAND;
    rows[0xc7] = MODRM | PLAIN | GROUP | IMM32 | OPERAND;
    rows[0xc9] = PLAIN;
    rows[0xd1] = MODRM | PLAIN | GROUP | NO_BASE | NO_RIP;
    rows[0xd3] = MODRM | PLAIN | GROUP | NO_BASE | NO_RIP | COUNT;
    rows[0xe8] = PLAIN | REL32;
    rows[0xe9] = PLAIN | REL32;
    rows[0xeb] = PLAIN | REL8;
    // TEST with an immediate, NOT, NEG; CALL and JMP to what is in a register or memory
    rows[0xf6] = MODRM | PLAIN | GROUP | BYTE_RM | IMM8 | OPERAND | NEGATES;
    rows[0xf7] = MODRM | PLAIN | GROUP | IMM32 | OPERAND | NEGATES;
    rows[0xff] = MODRM | PLAIN | GROUP | STACK | NO_BASE | LINK;
    rows
};

/// The opcode map behind 0F.
pub static TWO_BYTES: [u32; 256] = {
    let mut rows = [0; 256];
    // MOVUPS and its like, MOVAPS, XORPS, MOVD, MOVDQA, MOVQ
    rows[0x10] = VECTORS | PLAIN | P66 | PF3 | PF2;
    rows[0x11] = VECTORS | PLAIN | P66 | PF3 | PF2;
    rows[0x28] = VECTORS | PLAIN | P66;
    rows[0x29] = VECTORS | PLAIN | P66;
    rows[0x57] = VECTORS | PLAIN | P66;
    rows[0x6e] = MODRM | XMM_REG | P66;
    rows[0x6f] = VECTORS | P66 | PF3;
    rows[0x7e] = MODRM | XMM_REG | P66;
    rows[0x7f] = VECTORS | P66 | PF3;
    rows[0xd6] = VECTORS | P66;
    // PUNPCK*, PCMP*, PADD*, PSUB*, PMINUB, PMAXUB, PAND, PANDN, POR, PXOR, PMOVMSKB
    let integer = [
        0x60, 0x61, 0x62, 0x64, 0x65, 0x66, 0x6c, 0x6d, 0x74, 0x75, 0x76, 0xd4, 0xd8, 0xda, 0xdb, 0xde, 0xdf, 0xeb,
        0xef, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe,
    ];
    let mut n = 0;
    while n < integer.len() {
        rows[integer[n]] = VECTORS | P66;
        n += 1;
    }
    rows[0xd7] = MODRM | XMM_RM | P66 | NO_BASE | NO_RIP;
    // NOP; CMOVcc, Jcc, SETcc
    rows[0x1f] = WORDS | GROUP | UNUSED;
    let mut n = 0;
    while n < 16 {
        if n >> 1 != 5 {
            rows[0x40 + n] = MODRM | PLAIN;
            rows[0x80 + n] = PLAIN | REL32;
            rows[0x90 + n] = MODRM | PLAIN | GROUP | BYTE_RM;
        }
        n += 1;
    }
    // MOVZX, MOVSX
    rows[0xb6] = MODRM | PLAIN | BYTE_RM;
    rows[0xb7] = MODRM | PLAIN;
    rows[0xbe] = MODRM | PLAIN | BYTE_RM;
    rows[0xbf] = MODRM | PLAIN;
    rows
};

/// Which of a group have a pattern, a bit each.
pub fn of_group(opcode: u8) -> u8 {
    match opcode {
        // Not ADC and SBB.
        0x80 | 0x81 | 0x83 => 0b1111_0011,
        // SHL, SHR, SAR
        0xc1 | 0xd1 | 0xd3 => 0b1011_0000,
        0xff => 0b0001_0100,
        // MOV, NOP
        0xc6 | 0xc7 | 0x1f => 1,
        // TEST, NOT, NEG
        0xf6 | 0xf7 => 0b1101,
        // SETcc does not look.
        _ => 0xff,
    }
}
