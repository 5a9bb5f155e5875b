//! Blocks of tier 1 in the place of regions: same memory, same slots, same convention.

use crate::compile::{Compiled, Options, Reloc, SlotForm};
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
    /// Whether the guest's floating point is the host's.
    pub like_sse: bool,
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
        like_sse: with.like_sse && !with.options.no_host_fp,
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
    })
}

fn reloc(of: SlotUse, exits: u32) -> Reloc {
    let slot = match of.slot {
        Slot::Exit(index) => index,
        Slot::Counter => exits,
    };
    let form = match of.form {
        brolga_baseline::SlotForm::Number => SlotForm::Number,
        brolga_baseline::SlotForm::Offset => SlotForm::Offset,
    };
    Reloc { at: of.at, slot, form }
}

/// Where a block begins in code of several; host code runs best from there.
const ALIGN: usize = 16;

/// One piece of code of several blocks that were compiled in the same way; `None` if they were not.
pub(crate) fn join(blocks: &[Compiled]) -> Option<Compiled> {
    let first = blocks.first()?;
    let mut whole = Compiled {
        code: Vec::with_capacity(blocks.iter().map(|b| b.code.len().next_multiple_of(ALIGN)).sum()),
        patience: first.patience,
        precise: first.precise,
        removes_tags: first.removes_tags,
        ..Compiled::default()
    };
    let exits: Vec<u64> = sorted(blocks.iter().flat_map(|b| b.exits.iter().copied()));
    let mut traps = Vec::new();
    for block in blocks {
        if (block.precise, block.removes_tags) != (first.precise, first.removes_tags) {
            return None;
        }
        whole.code.resize(whole.code.len().next_multiple_of(ALIGN), TRAP);
        let start = whole.code.len() as u32;
        whole.code.extend(&block.code);
        whole.entries.extend(block.entries.iter().map(|&(pc, at)| (pc, start + at)));
        traps.extend(block.traps.iter().map(|&(at, access)| (start + at, access)));
        let counters = (exits.len() + whole.counters.len()) as u32;
        whole.counters.extend(&block.counters);
        whole.relocs.extend(block.relocs.iter().map(|r| {
            let slot = match block.exits.get(r.slot as usize) {
                Some(pc) => exits.binary_search(pc).expect("it is one of them") as u32,
                None => counters + r.slot - block.exits.len() as u32,
            };
            Reloc { at: start + r.at, slot, ..*r }
        }));
    }
    (whole.exits, whole.traps) = (exits, traps.into());
    Some(whole)
}

/// INT3, between blocks.
const TRAP: u8 = 0xcc;

fn sorted(items: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut items: Vec<u64> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}
