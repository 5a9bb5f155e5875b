//! Several blocks to one piece of code.
//!
//! Blocks stand in the order of their guest addresses, so that control mostly runs on from one into the next. Jumps to
//! another block of the piece are direct. What is rarely run is behind all of them: the host's caches of code hold more.
//!
//! *Invariant.* Every way round in a piece polls: who jumps to a block behind its poll jumps to one that stands further on.

use crate::asm::{Asm, RAX, RCX, RSI, at, near, put, put_plain, word};
use crate::code::{Code, SlotUse, Use, Way};
use rustc_hash::FxHashMap;

/// What bytes of a piece are to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The distance of this exit's slot from behind the bytes.
    Slot(u32),
    /// The distance of this block's count from one byte behind them.
    Count(u32),
    /// The number of this block's count.
    CountNumber(u32),
    /// The distance of the word that leads to where hot blocks go.
    Hot,
}

/// Four bytes of code that depend on the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reloc {
    /// Offset in the code.
    pub at: u32,
    /// What to put there.
    pub form: Form,
}

/// Code of several blocks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whole {
    /// Instructions.
    pub bytes: Vec<u8>,
    /// Offset of each block, in order.
    pub starts: Vec<u32>,
    /// Guest addresses that have a slot.
    pub exits: Vec<u64>,
    /// What depends on the place.
    pub relocs: Vec<Reloc>,
    /// Offset of each host instruction that may fault, and its guest instruction's address; ascending.
    pub accesses: Vec<(u32, u64)>,
}

/// Where jumps lead that leave the piece, from several blocks to the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stub {
    /// To what has no code here.
    Exit(u64),
    /// It ends in the next.
    Lookup,
    Miss,
}

struct Linker<'a> {
    blocks: &'a [&'a Code],
    asm: Asm,
    whole: Whole,
    /// Jumps to fill in: end of the displacement, and what is behind all blocks.
    waiting: Vec<(u32, Stub)>,
    /// The same of blocks that are hot, each its own.
    hot: Vec<(u32, u32)>,
    /// The same of those that leave, with address and status, each its own, but the same in a row.
    leaves: Vec<(u32, u64, u32)>,
    /// The same for those between blocks: whether they lead on, where the poll is left out, and to which block.
    between: Vec<(u32, bool, usize)>,
    /// Index of each exit.
    exits: FxHashMap<u64, u32>,
}

/// Joins blocks, sorted by guest address, no two at the same. `pc` is the word of the program counter, `goto` the status of
/// a lookup that found nothing.
pub fn link(blocks: &[&Code], pc: u8, goto: u32) -> Whole {
    let total = |count: fn(&Code) -> usize| blocks.iter().map(|block| count(block)).sum::<usize>();
    let (jumps, exits) = (total(|block| block.jumps.len() + 1), total(|block| block.exits.len()));
    // A way out has a place that depends on where it is, and a block has its count besides.
    let relocs = total(|block| block.uses.len() + 2) + exits;
    let whole = Whole {
        starts: Vec::with_capacity(blocks.len()),
        exits: Vec::with_capacity(exits),
        relocs: Vec::with_capacity(relocs),
        accesses: Vec::with_capacity(total(|block| block.accesses.len())),
        ..Whole::default()
    };
    let mut l = Linker {
        blocks,
        asm: Asm::with_room(total(|block| block.bytes.len() + 48)),
        whole,
        waiting: Vec::with_capacity(jumps),
        hot: Vec::with_capacity(blocks.len()),
        leaves: Vec::with_capacity(blocks.len()),
        between: Vec::with_capacity(jumps),
        exits: FxHashMap::with_capacity_and_hasher(exits, Default::default()),
    };
    (0..blocks.len()).for_each(|index| l.place(index));
    l.connect();
    l.stubs(pc, goto);
    Whole { bytes: l.asm.bytes, ..l.whole }
}

impl Linker<'_> {
    /// The block at guest address `pc`.
    fn find(&self, pc: u64) -> Option<usize> {
        self.blocks.binary_search_by_key(&pc, |block| block.pc).ok()
    }

    /// Index of the exit to `pc`.
    fn exit(&mut self, pc: u64) -> u32 {
        *self.exits.entry(pc).or_insert_with(|| {
            self.whole.exits.push(pc);
            self.whole.exits.len() as u32 - 1
        })
    }

    fn reloc(&mut self, at: u32, form: Form) {
        self.whole.relocs.push(Reloc { at, form });
    }

    /// Puts a block behind those before.
    fn place(&mut self, index: usize) {
        let block = self.blocks[index];
        let start = self.asm.here();
        self.whole.starts.push(start);
        self.asm.bytes.extend(&block.bytes);
        self.whole.accesses.extend(block.accesses.iter().map(|&(at, pc)| (start + at, pc)));
        for &SlotUse { at, what } in &block.uses {
            let form = match what {
                Use::Count => Form::Count(index as u32),
                Use::Slot(exit) => Form::Slot(self.exit(block.exits[exit as usize])),
            };
            self.reloc(start + at, form);
        }
        for jump in &block.jumps {
            self.lead(start + jump.end, index, jump.to);
        }
        match block.tail {
            Some(Way::Exit(exit)) => self.run_on(index, block.exits[exit as usize]),
            Some(way) => self.jump(index, way),
            None => {}
        }
    }

    /// Control leaves the end of a block for guest address `pc`.
    fn run_on(&mut self, index: usize, pc: u64) {
        match self.find(pc) {
            Some(to) if to == index + 1 => {}
            Some(_) => {
                let exit = self.blocks[index].exits.iter().position(|&exit| exit == pc);
                self.jump(index, Way::Exit(exit.map_or(0, |exit| exit as u32)));
            }
            None => self.leave_for(pc),
        }
    }

    fn jump(&mut self, index: usize, way: Way) {
        put_plain!(self.asm, jmp_d32(0));
        self.lead(self.asm.here(), index, way);
    }

    /// Notes where the jump leads whose displacement ends at `end`.
    fn lead(&mut self, end: u32, from: usize, way: Way) {
        let stub = match way {
            Way::Exit(exit) => {
                let pc = self.blocks[from].exits[exit as usize];
                match self.find(pc) {
                    Some(to) => return self.between.push((end, to > from, to)),
                    None => Stub::Exit(pc),
                }
            }
            Way::Lookup => Stub::Lookup,
            Way::Miss => Stub::Miss,
            Way::Leave { pc, status } => return self.leaves.push((end, pc, status)),
            Way::Hot => return self.hot.push((end, from as u32)),
        };
        self.waiting.push((end, stub));
    }

    /// Leaves by the slot for `pc`.
    fn leave_for(&mut self, pc: u64) {
        let exit = self.exit(pc);
        // What an unlinked slot leads to wants its address.
        put!(self.asm, leaq_rm(RSI, near()));
        self.reloc(self.asm.here() - 4, Form::Slot(exit));
        put!(self.asm, jmpq_m(at(RSI, 0)));
    }

    fn fill(&mut self, end: u32, to: u32) {
        let end = end as usize;
        self.asm.bytes[end - 4..end].copy_from_slice(&to.wrapping_sub(end as u32).to_le_bytes());
    }

    /// Fills in what leads from block to block.
    fn connect(&mut self) {
        for (end, on, to) in std::mem::take(&mut self.between) {
            let behind = if on { self.blocks[to].entered } else { 0 };
            self.fill(end, self.whole.starts[to] + behind);
        }
    }

    /// Leaves for the address in RAX, which has no code.
    fn miss(&mut self, pc_word: u8, goto: u32) {
        put!(self.asm, movq_mr(word(pc_word), RAX));
        self.asm.leave(goto);
    }

    /// Puts what is rarely run behind the blocks, each way once.
    fn stubs(&mut self, pc_word: u8, goto: u32) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable_by_key(|jump| jump.1);
        let mut ways = waiting.chunk_by(|a, b| a.1 == b.1).peekable();
        while let Some(jumps) = ways.next() {
            let here = self.asm.here();
            jumps.iter().for_each(|&(end, _)| self.fill(end, here));
            match jumps[0].1 {
                Stub::Exit(pc) => self.leave_for(pc),
                Stub::Lookup => {
                    self.asm.find_jump();
                    put_plain!(self.asm, jne_d32(0));
                    let miss = self.asm.here();
                    self.asm.jump_found();
                    let next = self.asm.here();
                    self.fill(miss, next);
                    if ways.peek().is_none_or(|jumps| jumps[0].1 != Stub::Miss) {
                        self.miss(pc_word, goto);
                    }
                }
                Stub::Miss => self.miss(pc_word, goto),
            }
        }
        self.hot_stubs();
        self.leave_stubs(pc_word);
    }

    fn hot_stubs(&mut self) {
        for (end, block) in std::mem::take(&mut self.hot) {
            self.fill(end, self.asm.here());
            put!(self.asm, movl_oi(RSI, 0));
            self.reloc(self.asm.here() - 4, Form::CountNumber(block));
            put!(self.asm, jmpq_m(near()));
            self.reloc(self.asm.here() - 4, Form::Hot);
        }
    }

    /// They are last, and share their end.
    fn leave_stubs(&mut self, pc_word: u8) {
        let leaves = std::mem::take(&mut self.leaves);
        let mut to_end = Vec::with_capacity(leaves.len());
        let mut ways = leaves.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)).peekable();
        while let Some(jumps) = ways.next() {
            let (here, (_, pc, status)) = (self.asm.here(), jumps[0]);
            jumps.iter().for_each(|&(end, ..)| self.fill(end, here));
            put!(self.asm, movl_oi(RAX, status));
            self.asm.constant(RCX, pc);
            if ways.peek().is_some() {
                put_plain!(self.asm, jmp_d32(0));
                to_end.push(self.asm.here());
            }
        }
        let end = self.asm.here();
        to_end.into_iter().for_each(|jump| self.fill(jump, end));
        put!(self.asm, movq_mr(word(pc_word), RCX));
        self.asm.unwind();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Jump;

    /// A block of a poll, a conditional jump to `taken` and an end that runs on to `next`; NOPs stand for the rest.
    fn block(pc: u64, taken: u64, next: u64) -> Code {
        let (poll, bytes) = ([0x90; 6], vec![0x90; 14]);
        let jumps =
            vec![Jump { end: poll.len() as u32, to: Way::Leave { pc, status: 9 } }, Jump { end: 14, to: Way::Exit(0) }];
        let tail = Some(Way::Exit(1));
        let (exits, uses, accesses) = (vec![taken, next], vec![], vec![(7, pc)]);
        Code { pc, bytes, entered: 6, jumps, tail, exits, uses, accesses }
    }

    fn target(whole: &Whole, end: u32) -> u32 {
        let bytes = whole.bytes[end as usize - 4..end as usize].try_into().unwrap();
        end.wrapping_add(u32::from_le_bytes(bytes))
    }

    #[test]
    fn on_jumps_leave_the_poll_out_and_back_jumps_do_not() {
        let blocks = [block(0x10, 0x30, 0x20), block(0x20, 0x10, 0x30), block(0x30, 0x30, 0x10)];
        let whole = link(&blocks.each_ref(), 32, 1);
        // Each runs on into the next without a jump.
        assert_eq!(whole.starts, [0, 14, 28]);
        assert_eq!(target(&whole, 14), 28 + 6);
        assert_eq!(target(&whole, 28), 0);
        assert_eq!(target(&whole, 42), 28, "a loop of one block");
        assert_eq!(target(&whole, 47), 0, "the last one jumps");
        assert!(whole.exits.is_empty());
        assert_eq!(whole.accesses, [(7, 0x10), (21, 0x20), (35, 0x30)]);
    }

    #[test]
    fn ways_out_of_the_piece_are_shared() {
        let blocks = [block(0x10, 0x80, 0x80), block(0x20, 0x80, 0x10)];
        let whole = link(&blocks.each_ref(), 32, 1);
        assert_eq!(whole.exits, [0x80]);
        // The first one's end is in place, both jumps lead to one behind the blocks.
        assert_eq!(whole.starts, [0, 14 + 9]);
        assert_eq!(target(&whole, 14), target(&whole, 23 + 14));
        let slots = whole.relocs.iter().filter(|reloc| reloc.form == Form::Slot(0)).count();
        assert_eq!(slots, 2);
        assert_ne!(target(&whole, 6), target(&whole, 29), "each poll leaves at its own address");
    }
}
