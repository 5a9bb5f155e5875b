//! Instructions decoded ahead.
//!
//! *Requirement.* To begin decoding takes the library as long as two instructions do.
//! *How.* What is about to be translated is decoded at once, as far as control runs on. Each instruction is taken when its turn
//! comes, if address and bytes are those that it was decoded from, on which alone it depends.

use iced_x86::{Decoder, DecoderError, DecoderOptions, FlowControl, Instruction};
use std::cell::RefCell;

/// Bytes of code at most.
const ROOM: usize = 64;
/// Bytes of an instruction at most, and one.
const LONGEST: usize = 16;

struct Ahead {
    /// Of these bytes.
    code: [u8; ROOM + LONGEST],
    insns: Vec<Instruction>,
    /// The one whose turn it is, and where it is in the code.
    next: usize,
    at: usize,
}

thread_local! {
    static AHEAD: RefCell<Ahead> =
        const { RefCell::new(Ahead { code: [0; ROOM + LONGEST], insns: Vec::new(), next: 0, at: 0 }) };
}

/// Decodes what is at `pc`.
pub(crate) fn look(pc: u64, code: &[u8]) {
    AHEAD.with_borrow_mut(|ahead| ahead.fill(pc, &code[..code.len().min(ROOM)]));
}

/// The instruction at `pc`, at the start of `bytes`, if it was decoded.
#[inline]
pub(crate) fn take(pc: u64, bytes: &[u8; LONGEST]) -> Option<Instruction> {
    AHEAD.with_borrow_mut(|ahead| ahead.take(pc, bytes))
}

impl Ahead {
    fn fill(&mut self, pc: u64, code: &[u8]) {
        self.code[..code.len()].copy_from_slice(code);
        (self.next, self.at) = (0, 0);
        self.insns.clear();
        let mut decoder = Decoder::with_ip(64, &self.code[..code.len()], pc, DecoderOptions::NONE);
        while decoder.can_decode() {
            let insn = decoder.decode();
            // What is wrong, or cut, is decoded by itself.
            if decoder.last_error() != DecoderError::None {
                break;
            }
            self.insns.push(insn);
            if insn.flow_control() != FlowControl::Next {
                break;
            }
        }
    }

    fn take(&mut self, pc: u64, bytes: &[u8; LONGEST]) -> Option<Instruction> {
        let insn = self.insns.get(self.next).filter(|insn| insn.ip() == pc)?;
        let own = self.code[self.at..].first_chunk()?;
        let different = u128::from_le_bytes(*own) ^ u128::from_le_bytes(*bytes);
        if different << (8 * (LONGEST - insn.len())) != 0 {
            return None;
        }
        self.at += insn.len();
        self.next += 1;
        Some(*insn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::Code;

    const PC: u64 = 0x1000;

    /// `nop; mov eax, 0x11223344; jmp short; nop`
    const PROGRAM: [u8; 9] = [0x90, 0xb8, 0x44, 0x33, 0x22, 0x11, 0xeb, 0x02, 0x90];

    fn bytes(from: usize) -> [u8; LONGEST] {
        let mut bytes = [0xcc; LONGEST];
        bytes[..PROGRAM.len() - from].copy_from_slice(&PROGRAM[from..]);
        bytes
    }

    #[test]
    fn instructions_come_in_turn_up_to_a_jump() {
        look(PC, &PROGRAM);
        let codes: Vec<_> = [0, 1, 6, 8].map(|at| take(PC + at as u64, &bytes(at)).map(|insn| insn.code())).into();
        assert_eq!(codes, [Some(Code::Nopd), Some(Code::Mov_r32_imm32), Some(Code::Jmp_rel8_64), None]);
    }

    #[test]
    fn other_bytes_and_other_places_are_not_what_was_decoded() {
        look(PC, &PROGRAM);
        assert_eq!(take(PC + 1, &bytes(1)), None, "not its turn");
        let mut changed = bytes(0);
        changed[1] = 7;
        assert!(take(PC, &changed).is_some(), "what is behind it does not matter");
        changed = bytes(1);
        changed[4] ^= 1;
        assert_eq!(take(PC + 1, &changed), None);
        assert!(take(PC + 1, &bytes(1)).is_some());
    }

    #[test]
    fn what_is_cut_is_left_out() {
        look(PC, &PROGRAM[..4]);
        assert!(take(PC, &bytes(0)).is_some());
        assert_eq!(take(PC + 1, &bytes(1)), None);
    }
}
