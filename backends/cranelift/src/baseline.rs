//! Blocks of tier 1 in the place of regions: same memory, same slots, same convention.

use crate::compile::{Compiled, Options, Reloc, SlotForm};
use crate::helpers;
use crate::lower::Access;
use crate::status;
use brolga_baseline::{Code, Form, HostFns, Plan, Status, emit, link};
use brolga_interp::Flat;
use std::ops::Range;

const STATUS: Status = Status {
    goto: status::GOTO as u32,
    raise: status::RAISE as u32,
    polled: status::POLLED as u32,
    resume: status::RESUME as u32,
};

/// What does not change between blocks.
pub(crate) struct Emitter<'a> {
    pub options: &'a Options,
    pub remove_tags: bool,
    /// Whether the guest's floating point is the host's.
    pub like_sse: bool,
    /// Whether the guest has floating point in rows that the host's flags go to.
    pub has_fp: bool,
}

/// Code of one block of tier 1, to be joined with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    // Moved more often than looked at.
    code: Box<Code>,
    removes_tags: bool,
    /// Word of the program counter.
    pc_word: u8,
}

impl Piece {
    /// Guest addresses that it leads to.
    pub fn exits(&self) -> &[u64] {
        &self.code.exits
    }
}

/// Compiles the block that the guest has at `range`.
pub(crate) fn compile(with: &Emitter<'_>, flat: &Flat, range: Range<u64>) -> Result<Piece, String> {
    let plan = Plan {
        pc: range.start,
        end: range.end,
        guest_base: with.options.guest_base,
        remove_tags: with.remove_tags,
        functions: if with.options.baseline { HostFns::default() } else { HostFns::detect() },
        like_sse: with.like_sse && !with.options.no_host_fp,
        host_fp: with.has_fp && !with.options.no_host_fp,
        status: STATUS,
        op: helpers::OP as u32,
        holds: helpers::HOLDS as u32,
        call: helpers::FP_CALL as u32,
        copy: helpers::COPY as u32,
        first_guest: helpers::FIRST_GUEST_HELPER as u32,
    };
    Ok(Piece { code: Box::new(emit(flat, &plan)?), removes_tags: with.remove_tags, pc_word: flat.pc })
}

/// One piece of code of several blocks, sorted by guest address; `None` if they do not go together.
pub(crate) fn join(pieces: &[Piece]) -> Option<Compiled> {
    let first = pieces.first()?;
    let removes_tags = first.removes_tags;
    if pieces.iter().any(|piece| piece.removes_tags != removes_tags) {
        return None;
    }
    let blocks: Vec<_> = pieces.iter().map(|piece| &*piece.code).collect();
    let whole = link(&blocks, first.pc_word, STATUS.goto);
    Some(Compiled {
        code: whole.bytes,
        entries: blocks.iter().map(|block| block.pc).zip(whole.starts).collect(),
        exits: whole.exits,
        relocs: whole.relocs.into_iter().map(|reloc| of(reloc.at, reloc.form)).collect(),
        counted: true,
        traps: whole.accesses.into_iter().map(|(at, pc)| (at, Access { resume: pc, pc })).collect(),
        // Every register is in memory at every access.
        precise: true,
        removes_tags,
        ..Compiled::default()
    })
}

fn of(at: u32, form: Form) -> Reloc {
    let (index, form) = match form {
        Form::Slot(exit) => (exit, SlotForm::Slot),
        Form::Count(block) => (block, SlotForm::Count),
        Form::CountNumber(block) => (block, SlotForm::CountNumber),
        Form::Hot => (0, SlotForm::Hot),
    };
    Reloc { at, index, form }
}
