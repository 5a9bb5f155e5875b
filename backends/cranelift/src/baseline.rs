//! Blocks of tier 1 in the place of regions: same memory, same slots, same convention.

use crate::compile::{Compiled, Options};
use crate::helpers;
use crate::lower::Access;
use crate::slots::LinkSlots;
use crate::status;
use brolga_baseline::{Plan, Status, emit};
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
    pub slots: &'a LinkSlots,
    pub remove_tags: bool,
}

/// Compiles the block that the guest has at `range`; it leaves after `count` entries.
pub(crate) fn compile(with: &Emitter<'_>, flat: &Flat, range: Range<u64>, count: u32) -> Result<Compiled, String> {
    let Range { start: pc, end } = range;
    let counter = with.slots.allocate(pc).ok_or("no link slots left")?;
    with.slots.set_count(counter, count);
    let mut exits = Vec::new();
    let mut slot = |pc| {
        if let Some(&(slot, _)) = exits.iter().find(|(_, to)| *to == pc) {
            return Some(slot);
        }
        let slot = with.slots.allocate(pc)?;
        exits.push((slot, pc));
        Some(slot)
    };
    let mut plan = Plan {
        pc,
        end,
        guest_base: with.options.guest_base,
        remove_tags: with.remove_tags,
        lzcnt: has_lzcnt() && !with.options.baseline,
        counter,
        slot: &mut slot,
        status: STATUS,
        op: helpers::OP as u32,
        holds: helpers::HOLDS as u32,
        call: helpers::FP_CALL as u32,
        first_guest: helpers::FIRST_GUEST_HELPER as u32,
    };
    match emit(flat, &mut plan) {
        Ok(code) => Ok(Compiled {
            code: code.bytes,
            entries: vec![(pc, 0)],
            exits: Vec::new(),
            relocs: Vec::new(),
            taken: exits,
            counters: Vec::new(),
            patience: 0,
            traps: code.accesses.into_iter().map(|(at, pc)| (at, Access { resume: pc, pc })).collect(),
            // Every register is in memory at every access.
            precise: true,
            removes_tags: with.remove_tags,
            counter: Some(counter),
        }),
        Err(why) => {
            exits.iter().map(|e| e.0).chain([counter]).for_each(|slot| with.slots.free(slot));
            Err(why.into())
        }
    }
}
