//! Blocks of tier 1 in the place of regions: same memory, same slots, same convention.

use crate::compile::{Compiled, Options, Parts, Reloc, SlotForm};
use crate::helpers;
use crate::lower::Access;
use crate::status;
use brolga_baseline::{Plan, Slot, SlotUse, Status, emit};
use brolga_interp::Flat;
use std::ops::Range;

const STATUS: Status = Status {
    goto: status::GOTO as u32,
    raise: status::RAISE as u32,
    polled: status::POLLED as u32,
    resume: status::RESUME as u32,
    hot: status::HOT as u32,
};

/// Whether the host has LZCNT.
fn has_lzcnt() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("lzcnt");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// What does not change between blocks.
pub(crate) struct Emitter<'a> {
    pub options: &'a Options,
    pub remove_tags: bool,
}

/// Compiles the block that the guest has at `range`; it leaves after `count` entries.
pub(crate) fn compile(with: &Emitter<'_>, flat: &Flat, range: Range<u64>, count: u32) -> Result<Compiled, String> {
    let pc = range.start;
    let plan = Plan {
        pc,
        end: range.end,
        guest_base: with.options.guest_base,
        remove_tags: with.remove_tags,
        lzcnt: has_lzcnt() && !with.options.baseline,
        status: STATUS,
        op: helpers::OP as u32,
        holds: helpers::HOLDS as u32,
        call: helpers::FP_CALL as u32,
        first_guest: helpers::FIRST_GUEST_HELPER as u32,
    };
    let code = emit(flat, &plan)?;
    let exits = code.exits.len() as u32;
    Ok(Compiled {
        relocs: code.uses.into_iter().map(|slot| reloc(slot, exits)).collect(),
        code: code.bytes,
        entries: vec![(pc, 0)],
        exits: code.exits,
        counters: vec![pc],
        patience: count,
        traps: code.accesses.into_iter().map(|(at, pc)| (at, Access { resume: pc, pc })).collect(),
        // Every register is in memory at every access.
        precise: true,
        removes_tags: with.remove_tags,
        parts: Parts { cold: code.cold, crossings: code.crossings },
    })
}

fn reloc(of: SlotUse, exits: u32) -> Reloc {
    let slot = match of.slot {
        Slot::Exit(index) => index,
        Slot::Counter => exits,
    };
    let form = match of.form {
        brolga_baseline::SlotForm::Number => SlotForm::Number,
        brolga_baseline::SlotForm::Near => SlotForm::Near,
        brolga_baseline::SlotForm::NearByte => SlotForm::NearByte,
    };
    Reloc { at: of.at, slot, form }
}

/// Where a block begins in code of several; host code runs best from there.
const ALIGN: usize = 16;

/// INT3, between blocks.
const TRAP: u8 = 0xcc;

/// One piece of code of several blocks that were compiled in the same way; `None` if they were not. What is rarely run
/// is behind all the rest: the host's caches of code hold more blocks.
pub(crate) fn join(blocks: &[Compiled]) -> Option<Compiled> {
    let first = blocks.first()?;
    if blocks.iter().any(|b| (b.precise, b.removes_tags) != (first.precise, first.removes_tags)) {
        return None;
    }
    let mut whole = Compiled {
        code: Vec::with_capacity(blocks.iter().map(|b| b.code.len() + ALIGN).sum()),
        patience: first.patience,
        precise: first.precise,
        removes_tags: first.removes_tags,
        exits: sorted(blocks.iter().flat_map(|b| b.exits.iter().copied())),
        ..Compiled::default()
    };
    let starts = place(blocks, &mut whole.code);
    let mut traps = Vec::new();
    for (block, start) in blocks.iter().zip(&starts) {
        whole.entries.extend(block.entries.iter().map(|&(pc, at)| (pc, start.of(block, at))));
        // Accesses are not rare.
        traps.extend(block.traps.iter().map(|&(at, access)| (start.of(block, at), access)));
        let counters = (whole.exits.len() + whole.counters.len()) as u32;
        whole.counters.extend(&block.counters);
        whole.relocs.extend(block.relocs.iter().map(|r| {
            let slot = match block.exits.get(r.slot as usize) {
                Some(pc) => whole.exits.binary_search(pc).expect("it is one of them") as u32,
                None => counters + r.slot - block.exits.len() as u32,
            };
            Reloc { at: start.of(block, r.at), slot, ..*r }
        }));
    }
    whole.traps = traps.into();
    Some(whole)
}

/// Where the parts of a block are in code of several.
struct Start {
    hot: u32,
    cold: u32,
}

impl Start {
    /// The offset in the whole of offset `at` of a block.
    fn of(&self, block: &Compiled, at: u32) -> u32 {
        match at.checked_sub(block.parts.cold) {
            Some(behind) => self.cold + behind,
            None => self.hot + at,
        }
    }
}

/// Puts the blocks' code behind each other, then their rare ways out.
fn place(blocks: &[Compiled], code: &mut Vec<u8>) -> Vec<Start> {
    let mut starts = Vec::with_capacity(blocks.len());
    for block in blocks {
        code.resize(code.len().next_multiple_of(ALIGN), TRAP);
        starts.push(Start { hot: code.len() as u32, cold: 0 });
        code.extend(&block.code[..block.parts.cold as usize]);
    }
    for (block, start) in blocks.iter().zip(&mut starts) {
        start.cold = code.len() as u32;
        code.extend(&block.code[block.parts.cold as usize..]);
        let apart = start.cold - start.hot - block.parts.cold;
        for end in &block.parts.crossings {
            let at = (start.hot + end) as usize;
            let displacement = code[at - 4..at].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            code[at - 4..at].copy_from_slice(&displacement.wrapping_add(apart).to_le_bytes());
        }
    }
    starts
}

fn sorted(items: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut items: Vec<u64> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}
