//! Patterns: which instructions are alike but for registers and constants.

use crate::a64::{self, Row};
use crate::sem::sign_extend;
use crate::state;
use brolga_ir::Pattern;

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
enum Constant {
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
    registers: u32,
    bits: u32,
    constant: Constant,
}

const fn own(registers: u32, bits: u32, constant: Constant) -> Option<Own> {
    Some(Own { registers, bits, constant })
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
        own(registers, mask(lsb, width), Constant::Ahead(sign_extend(field(word, lsb, width), width) << 2))
    };
    let operand = |registers: u32, bits: u32, operand: u64| own(registers, bits, Constant::Operand(operand));
    match row {
        Row::Adr => {
            let imm = sign_extend(field(word, 5, 19) << 2 | field(word, 29, 2), 21);
            let constant = if word >> 31 != 0 { Constant::Page(imm << 12) } else { Constant::Ahead(imm) };
            own(D, mask(5, 19) | mask(29, 2), constant)
        }
        Row::AddsubImm => operand(D | N, mask(10, 13), u64::from(field(word, 10, 12)) << (12 * field(word, 22, 1))),
        Row::Movewide if field(word, 29, 2) != 3 => {
            let value = u64::from(field(word, 5, 16)) << (16 * field(word, 21, 2));
            let value = if field(word, 29, 2) == 0 { !value } else { value };
            operand(D, mask(5, 18), if word >> 31 == 0 { value & 0xffff_ffff } else { value })
        }
        Row::Movewide => own(D, 0, Constant::Common),
        Row::LogicalImm | Row::Bitfield | Row::Rbit | Row::Rev | Row::Clz => own(D | N, 0, Constant::Common),
        Row::LogicalShift
        | Row::AddsubShift
        | Row::AddsubExt
        | Row::AddsubCarry
        | Row::Csel
        | Row::Div
        | Row::Shiftv
        | Row::Extr
        | Row::Mulh
        | Row::LdstReg => own(D | N | M, 0, Constant::Common),
        Row::CcmpReg => own(N | M, 0, Constant::Common),
        Row::CcmpImm | Row::Ret | Row::Br => own(N, 0, Constant::Common),
        Row::Madd | Row::Maddl => own(D | N | A | M, 0, Constant::Common),
        Row::BImm => branch(0, 0, 26),
        Row::BCond => branch(0, 5, 19),
        Row::Cbz | Row::LdrLit => branch(D, 5, 19),
        Row::Tbz => branch(D, 5, 14),
        // It writes the link register, too.
        Row::Blr if field(word, 5, 5) != 30 => own(N, 0, Constant::Ahead(4)),
        Row::LdstUimm => operand(D | N, mask(10, 12), u64::from(field(word, 10, 12)) << field(word, 30, 2)),
        Row::LdstUnscaled | Row::LdstPre => operand(D | N, mask(12, 9), sign_extend(field(word, 12, 9), 9) as u64),
        Row::LdstPost => own(D | N, 0, Constant::Common),
        Row::LdstPairOff | Row::LdstPairPre => {
            let scale = 2 + field(word, 31, 1);
            operand(D | N | A, mask(15, 7), (sign_extend(field(word, 15, 7), 7) << scale) as u64)
        }
        Row::LdstPairPost => own(D | N | A, 0, Constant::Common),
        Row::LdstUimmV => {
            let scale = field(word, 30, 2) | field(word, 23, 1) << 2;
            operand(N, mask(10, 12), u64::from(field(word, 10, 12)) << scale)
        }
        Row::LdstPairOffV | Row::LdstPairPreV => {
            let scale = 2 + field(word, 30, 2);
            operand(N, mask(15, 7), (sign_extend(field(word, 15, 7), 7) << scale) as u64)
        }
        Row::LdstUnscaledV | Row::LdstPostV | Row::LdstPairPostV => own(N, 0, Constant::Common),
        Row::Nop | Row::Bti => own(0, 0, Constant::Common),
        _ => None,
    }
}

/// The pattern of the instruction `word` at `pc`.
pub(crate) fn pattern(word: u32, pc: u64) -> Option<Pattern> {
    let row = a64::decode(word)?;
    let own = own_of(row, word)?;
    let common = word & !(own.bits | own.registers);
    let register = |lsb: u32| {
        let known = WORDS[(word >> lsb & 31) as usize];
        if own.registers >> lsb & 31 != 0 { known } else { Pattern::NO_WORD }
    };
    let words = [register(0), register(5), register(10), register(16)];
    let ahead = |distance: i64| pc.wrapping_add(distance as u64);
    let (address, operand) = match own.constant {
        Constant::Common => (None, None),
        Constant::Ahead(distance) => (Some(ahead(distance)), None),
        Constant::Page(distance) => (Some((pc & !0xfff).wrapping_add(distance as u64)), None),
        // Nothing can be told from where there is a 0.
        Constant::Operand(operand) => (None, Some(operand).filter(|&operand| operand != 0)),
    };
    // By chance, and not as for a call, whose link it is.
    if address == Some(ahead(4)) && row != Row::Blr {
        return None;
    }
    let zero = matches!(own.constant, Constant::Operand(0));
    let key = u64::from(common) | alike(words) << 32 | u64::from(zero) << 47 | (row as u64) << 48;
    Some(Pattern { key: key.into(), len: 4, words, address, operand })
}

/// Which registers are the same, and which are number 31: 10 bits.
fn alike([d, n, a, m]: [u8; 4]) -> u64 {
    let pairs = [(d, n), (d, a), (d, m), (n, a), (n, m), (a, m)];
    let same = pairs.iter().fold(0, |bits, (x, y)| bits << 1 | u64::from(x == y));
    [d, n, a, m].iter().fold(same, |bits, &word| bits << 1 | u64::from(word == Pattern::NO_WORD))
}
