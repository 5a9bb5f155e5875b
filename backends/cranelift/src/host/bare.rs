//! Takes frames out of Cranelift's functions: all regions run in one frame, which `enter` makes.
//!
//! *Requirement.* A region is entered and left every few dozen instructions. Cranelift's `tail` functions set up a frame
//! and save registers at each entry and undo both at each tail call, though the code that entered the first region
//! has saved everything and nothing needs the values in between.
//! *How.* Entries point behind the prologue, and of several entries each at its own block, behind the jump table that
//! would lead there. At a tail call the jump is moved to the front of the epilogue. A return stays as it is: what it
//! reloads means nothing to `enter`, and its frame pointer is that of the common frame. What nothing leads to any more is
//! taken out.
//! *Limits.* Code that does not look exactly as expected is refused; an entry block that does more than choose keeps
//! its jump table. A region's frame must fit into the common one.

use super::compact::{Moved, compact};
use super::{FRAME, THUNK, thunk};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::ops::Range;

/// `mov rsp, rbp; pop rbp`
const UNFRAME: [u8; 4] = [0x48, 0x89, 0xec, 0x5d];
/// `int3`
const FILL: u8 = 0xcc;

/// What a function does before its body.
struct Prologue {
    len: usize,
    /// The bytes that undo it, before a jump or return.
    undo: Vec<u8>,
}

fn instructions(code: &[u8], from: usize) -> impl Iterator<Item = Instruction> + '_ {
    let mut decoder = Decoder::with_ip(64, &code[from..], from as u64, DecoderOptions::NONE);
    std::iter::from_fn(move || decoder.can_decode().then(|| decoder.decode()))
}

fn bytes<'c>(code: &'c [u8], i: &Instruction) -> &'c [u8] {
    &code[i.ip() as usize..i.next_ip() as usize]
}

fn is(i: &Instruction, mnemonic: Mnemonic, operands: [Register; 2]) -> bool {
    let [a, b] = operands;
    i.mnemonic() == mnemonic && (i.op0_register(), i.op1_register()) == (a, b)
}

/// Whether the instruction stores a register that callees save, on the stack.
fn saves(i: &Instruction) -> bool {
    use Register::{R12, R13, R14, R15, RBX, RSP};
    i.mnemonic() == Mnemonic::Mov
        && i.op0_kind() == OpKind::Memory
        && (i.memory_base(), i.memory_index()) == (RSP, Register::None)
        && matches!(i.op1_register(), RBX | R12 | R13 | R14 | R15)
}

/// The beginning of `code`; `None` if it is not the expected one or the frame is too large.
fn prologue(code: &[u8]) -> Option<Prologue> {
    use Register::{None, RBP, RSP};
    let mut all = instructions(code, 0).peekable();
    all.next().filter(|i| is(i, Mnemonic::Push, [RBP, None]))?;
    all.next().filter(|i| is(i, Mnemonic::Mov, [RBP, RSP]))?;
    let mut undo = Vec::new();
    let mut raise = Vec::new();
    if let Some(sub) = all.next_if(|i| is(i, Mnemonic::Sub, [RSP, None])) {
        if sub.immediate(1) > FRAME as u64 {
            return Option::None;
        }
        raise.extend(bytes(code, &sub));
        raise[2] = 0xc4; // add rsp
    }
    while let Some(save) = all.next_if(saves) {
        let at = undo.len();
        undo.extend(bytes(code, &save));
        undo[at + 1] = 0x8b; // the load of the same form
    }
    undo.extend(raise);
    undo.extend(UNFRAME);
    Some(Prologue { len: all.peek()?.ip() as usize, undo })
}

/// Puts the jump that ends the tail call in `site` in front of what it need not do.
fn shorten(code: &mut [u8], site: &Range<u32>, undo: &[u8]) -> Option<()> {
    let end = site.end as usize;
    // jmp reg: FF E0+r, with REX.B for r8 and up.
    let jump = match code.get(..end)? {
        [.., 0x41, 0xff, 0xe0..=0xe7] => end - 3,
        [.., 0xff, 0xe0..=0xe7] => end - 2,
        _ => return None,
    };
    let start = jump.checked_sub(undo.len()).filter(|&start| start >= site.start as usize)?;
    if &code[start..jump] != undo {
        return None;
    }
    code.copy_within(jump..end, start);
    code[start + end - jump..end].fill(FILL);
    Some(())
}

/// Offsets of the blocks that the jump table at the start of the body leads to, if the code does nothing but choose, and
/// that of what is behind the table.
fn doors(code: &[u8], body: usize, count: usize) -> Option<(Vec<u32>, u32)> {
    use Mnemonic::{Add, Cmovb, Cmp, Jmp, Lea, Mov, Movsxd};
    let mut table = 0;
    let mut all = instructions(code, body);
    for want in [Mov, Mov, Cmp, Cmovb, Lea, Movsxd, Add, Jmp] {
        let i = all.next()?;
        let plain = i.op0_kind() == OpKind::Register && (i.op1_kind() != OpKind::Memory || want == Movsxd);
        let address = want == Lea && i.is_ip_rel_memory_operand();
        if i.mnemonic() != want || !(plain || address) {
            return None;
        }
        if want == Lea {
            table = i.ip_rel_memory_address() as usize;
        }
        if want == Jmp && i.next_ip() as usize != table {
            return None;
        }
    }
    let entry = |k: usize| {
        let word = code.get(table + 4 * k..table + 4 * k + 4)?;
        let to = table as i64 + i64::from(i32::from_le_bytes(word.try_into().ok()?));
        u32::try_from(to).ok().filter(|&to| (to as usize) < code.len())
    };
    let entries: Vec<_> = (0..count).map(entry).collect::<Option<_>>()?;
    // The last place is that of all other numbers, which is the first entry's.
    (entry(count)? == entries[0]).then_some((entries, (table + 4 * count + 4) as u32))
}

/// A function without its frame.
#[derive(Debug)]
pub(crate) struct Bare {
    /// Offsets of its entries.
    pub entries: Vec<u32>,
    moved: Option<Moved>,
}

impl Bare {
    /// The offset of what was at `old`.
    pub(crate) fn at(&self, old: u32) -> u32 {
        self.moved.as_ref().map_or(old, |moved| moved.at(old))
    }

    /// Code that is left as it is but for what is before `body`.
    fn dense(code: &mut Vec<u8>, entries: &[u32], body: u32, filled: &[u32]) -> Bare {
        let moved = compact(code, body, filled);
        let at = |&old: &u32| moved.as_ref().map_or(old, |moved| moved.at(old));
        Bare { entries: entries.iter().map(at).collect(), moved }
    }
}

/// Makes a function with `count` entries and tail calls that end the ranges `tails` keep the convention of regions:
/// `Env` in rdi, the common frame, no register preserved. `None` if it cannot. `filled`, ascending, are the offsets of fields
/// that are filled in later.
pub(crate) fn strip(code: &mut Vec<u8>, count: usize, tails: &[Range<u32>], filled: &[u32]) -> Option<Bare> {
    let prologue = prologue(code)?;
    for site in tails {
        shorten(code, site, &prologue.undo)?;
    }
    if count == 1 {
        let body = prologue.len as u32;
        return Some(Bare::dense(code, &[body], body, filled));
    }
    if let Some((entries, behind)) = doors(code, prologue.len, count) {
        return Some(Bare::dense(code, &entries, behind, filled));
    }
    let thunks = (0..count).map(|k| {
        let at = code.len();
        code.extend(thunk(k as u32, (at + THUNK - prologue.len) as u32));
        at as u32
    });
    Some(Bare { entries: thunks.collect(), moved: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// push rbp; mov rbp, rsp; sub rsp, 16; mov [rsp], rbx
    const START: [u8; 12] = [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x1c, 0x24];
    /// mov rbx, [rsp]; add rsp, 16
    const UNDO: [u8; 8] = [0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 0x10];
    /// jmp r10
    const JUMP: [u8; 3] = [0x41, 0xff, 0xe2];

    fn function(frame: u32) -> Vec<u8> {
        let mut code = START.to_vec();
        if frame != 16 {
            code.splice(4..8, [0x48, 0x81, 0xec]);
            code.splice(7..7, frame.to_le_bytes());
        }
        code.push(0x99);
        code
    }

    #[test]
    fn jump_moves_before_the_epilogue() {
        let mut code = function(16);
        code.extend(UNDO);
        code.extend(UNFRAME);
        code.extend(JUMP);
        let site = 12..code.len() as u32;
        assert_eq!(strip(&mut code, 1, std::slice::from_ref(&site), &[]).unwrap().entries, [0]);
        assert_eq!(code, [&[0x99][..], &JUMP].concat(), "nothing is left of the frame");
    }

    #[test]
    fn what_looks_otherwise_is_refused() {
        let mut code = function(16);
        code.extend(UNFRAME);
        code.extend(JUMP);
        let site = 12..code.len() as u32;
        assert!(strip(&mut code, 1, &[site], &[]).is_none(), "an epilogue that does not undo all");
        assert!(strip(&mut vec![0x99; 20], 1, &[], &[]).is_none(), "no prologue");
        assert!(strip(&mut function(FRAME as u32 + 16), 1, &[], &[]).is_none(), "too large a frame");
    }

    #[test]
    fn entries_are_the_blocks_behind_the_table() {
        let mut code = function(16);
        code.pop();
        // mov ecx, 2; mov eax, esi; cmp eax, ecx; cmovb ecx, eax; lea r11, [rip + 10]; movsxd rcx, [r11 + 4 * rcx]
        code.extend([0xb9, 2, 0, 0, 0, 0x89, 0xf0, 0x39, 0xc8, 0x0f, 0x42, 0xc8, 0x4c, 0x8d, 0x1d, 10, 0, 0, 0]);
        code.extend([0x49, 0x63, 0x0c, 0x8b]);
        // add r11, rcx; jmp r11
        code.extend([0x49, 0x01, 0xcb, 0x41, 0xff, 0xe3]);
        // Two entries, and that for all other numbers.
        code.extend([15u32, 12, 15].iter().flat_map(|to| to.to_le_bytes()));
        let blocks = [0x99, 0x99, 0x99, 0xc3]; // cdq, thrice; ret
        code.extend(blocks);
        assert_eq!(strip(&mut code, 2, &[], &[]).unwrap().entries, [3, 0]);
        assert_eq!(code, blocks, "the table is gone");
    }

    #[test]
    fn entries_that_cannot_be_found_get_thunks() {
        let mut code = function(16);
        let len = code.len() as u32;
        assert_eq!(strip(&mut code, 2, &[], &[]).unwrap().entries, [len, len + THUNK as u32]);
        // mov esi, 1; jmp to the body
        assert_eq!(code[len as usize + THUNK..][..6], [0xbe, 1, 0, 0, 0, 0xe9]);
        let distance = i32::from_le_bytes(code[len as usize + THUNK + 6..].try_into().unwrap());
        assert_eq!(code.len() as i32 + distance, 12);
    }
}
