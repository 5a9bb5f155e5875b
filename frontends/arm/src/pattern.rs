//! Patterns: which instructions are alike but for registers and constants.

use crate::a64::{self, Row};
use crate::sem::sign_extend;
use crate::state;
use brolga_ir::{Constant, Pattern};

/// Fields that number general registers.
const D: u32 = mask(0, 5);
const N: u32 = mask(5, 5);
const A: u32 = mask(10, 5);
const M: u32 = mask(16, 5);

/// Words of the general registers by number; none of number 31.
const WORDS: [u8; 32] = {
    let mut words = [Pattern::NO_WORD; 32];
    let mut n = 0;
    while n < 31 {
        words[n] = state::x(n as u32).0;
        n += 1;
    }
    words
};

/// What a row's constant is.
#[derive(Clone, Copy)]
enum OwnConstant {
    /// Part of what is common.
    Common,
    /// An address so many bytes further on, or before.
    Ahead(i64),
    /// The page so many bytes further on, or before.
    Page(i64),
    /// An operand or a distance.
    Operand(u64),
}

/// What in an instruction is its own: fields of registers, other bits, and what these say.
struct Own {
    /// Bits of all of them.
    bits: u32,
    /// Bytes of [`Pattern::words`] that are no register's.
    absent: u32,
    constant: OwnConstant,
}

#[inline(always)]
fn own(registers: u32, bits: u32, constant: OwnConstant) -> Option<Own> {
    let absent = |field: u32, byte: u32| if registers & field == 0 { 0xff << (8 * byte) } else { 0 };
    let absent = absent(D, 0) | absent(N, 1) | absent(A, 2) | absent(M, 3);
    Some(Own { bits: registers | bits, absent, constant })
}

/// Bits `lsb..lsb + width` of a word.
const fn mask(lsb: u32, width: u32) -> u32 {
    ((1 << width) - 1) << lsb
}

/// The bits of a field.
const fn field(word: u32, lsb: u32, width: u32) -> u32 {
    word >> lsb & ((1 << width) - 1)
}

/// Those of rows that short programs have much of, and whose semantics depend on no address but their constant.
fn own_of(row: Row, word: u32) -> Option<Own> {
    let branch = |registers: u32, lsb: u32, width: u32| {
        own(registers, mask(lsb, width), OwnConstant::Ahead(sign_extend(field(word, lsb, width), width) << 2))
    };
    let operand = |registers: u32, bits: u32, operand: u64| own(registers, bits, OwnConstant::Operand(operand));
    match row {
        Row::Adr => {
            let imm = sign_extend(field(word, 5, 19) << 2 | field(word, 29, 2), 21);
            let constant = if word >> 31 != 0 { OwnConstant::Page(imm << 12) } else { OwnConstant::Ahead(imm) };
            own(D, mask(5, 19) | mask(29, 2), constant)
        }
        Row::AddsubImm => operand(D | N, mask(10, 13), u64::from(field(word, 10, 12)) << (12 * field(word, 22, 1))),
        Row::Movewide if field(word, 29, 2) != 3 => {
            let value = u64::from(field(word, 5, 16)) << (16 * field(word, 21, 2));
            let value = if field(word, 29, 2) == 0 { !value } else { value };
            operand(D, mask(5, 18), if word >> 31 == 0 { value & 0xffff_ffff } else { value })
        }
        Row::Movewide => own(D, 0, OwnConstant::Common),
        Row::LogicalImm | Row::Bitfield | Row::Rbit | Row::Rev | Row::Clz => own(D | N, 0, OwnConstant::Common),
        Row::LogicalShift
        | Row::AddsubShift
        | Row::AddsubExt
        | Row::AddsubCarry
        | Row::Csel
        | Row::Div
        | Row::Shiftv
        | Row::Extr
        | Row::Mulh
        | Row::LdstReg => own(D | N | M, 0, OwnConstant::Common),
        Row::CcmpReg => own(N | M, 0, OwnConstant::Common),
        Row::CcmpImm | Row::Ret | Row::Br => own(N, 0, OwnConstant::Common),
        Row::Madd | Row::Maddl => own(D | N | A | M, 0, OwnConstant::Common),
        Row::BImm => branch(0, 0, 26),
        Row::BCond => branch(0, 5, 19),
        Row::Cbz | Row::LdrLit => branch(D, 5, 19),
        Row::Tbz => branch(D, 5, 14),
        // It writes the link register, too.
        Row::Blr if field(word, 5, 5) != 30 => own(N, 0, OwnConstant::Ahead(4)),
        Row::LdstUimm => operand(D | N, mask(10, 12), u64::from(field(word, 10, 12)) << field(word, 30, 2)),
        Row::LdstUnscaled | Row::LdstPre => operand(D | N, mask(12, 9), sign_extend(field(word, 12, 9), 9) as u64),
        Row::LdstPost => own(D | N, 0, OwnConstant::Common),
        Row::LdstPairOff | Row::LdstPairPre => {
            let scale = 2 + field(word, 31, 1);
            operand(D | N | A, mask(15, 7), (sign_extend(field(word, 15, 7), 7) << scale) as u64)
        }
        Row::LdstPairPost => own(D | N | A, 0, OwnConstant::Common),
        Row::LdstUimmV => {
            let scale = field(word, 30, 2) | field(word, 23, 1) << 2;
            operand(N, mask(10, 12), u64::from(field(word, 10, 12)) << scale)
        }
        Row::LdstPairOffV | Row::LdstPairPreV => {
            let scale = 2 + field(word, 30, 2);
            operand(N, mask(15, 7), (sign_extend(field(word, 15, 7), 7) << scale) as u64)
        }
        Row::LdstUnscaledV | Row::LdstPostV | Row::LdstPairPostV => own(N, 0, OwnConstant::Common),
        Row::Nop | Row::Bti => own(0, 0, OwnConstant::Common),
        _ => None,
    }
}

/// The pattern of the instruction `word` at `pc`.
pub(crate) fn pattern(word: u32, pc: u64) -> Option<Pattern> {
    let row = a64::decode(word)?;
    let own = own_of(row, word)?;
    let register = |lsb: u32| u32::from(WORDS[(word >> lsb & 31) as usize]);
    let words = register(0) | register(5) << 8 | register(10) << 16 | register(16) << 24 | own.absent;
    let words = words.to_le_bytes();
    let ahead = |distance: i64| pc.wrapping_add(distance as u64);
    let (constant, value) = match own.constant {
        OwnConstant::Common => (Constant::None, 0),
        OwnConstant::Ahead(distance) => (Constant::Address, ahead(distance)),
        OwnConstant::Page(distance) => (Constant::Address, (pc & !0xfff).wrapping_add(distance as u64)),
        OwnConstant::Operand(operand) if Constant::is_operand(operand) => (Constant::Operand, operand),
        OwnConstant::Operand(_) => (Constant::None, 0),
    };
    // By chance, and not as for a call, whose link it is.
    if constant == Constant::Address && value == ahead(4) && row != Row::Blr {
        return None;
    }
    let literal = match own.constant {
        OwnConstant::Operand(operand) if constant == Constant::None => operand,
        _ => 0,
    };
    let row = (row as u64) | u64::from(constant == Constant::Operand) << 16 | literal << 32;
    let key = u64::from(word & !own.bits) | u64::from(Pattern::alike(words)) << 32;
    Some(Pattern { key: u128::from(key) | u128::from(row) << 64, value, constant, len: 4, words })
}
