//! Templates of usual instructions, learnt when the program is built.
//!
//! *Requirement.* A short program's time went, for an eighth, to learning what any other program has, too.
//! *How.* A build script has a draft learn instructions, and writes what that knows as Rust: tables without pointers, of which a
//! run reads what it needs.

use crate::draft;
use crate::flat::{Flat, FlatOp};
use crate::templates::{self, Piece};
use brolga_ir::{Flow, Pattern};
use std::fmt::Write as _;

pub use crate::templates::{Base, FlagUse, Own, Template};

/// What is known of instructions, by their patterns.
#[derive(Clone, Copy, Debug)]
pub struct Learnt<'a> {
    /// Keys of patterns, and what is known of each.
    pub known: &'a [(u128, Template)],
    /// One more than the place of a key in `known`, where the key hashes to or in the first place behind that was free; 0 is free. A
    /// power of two of places, half of which are taken at most.
    pub index: &'a [u32],
    /// Ops of all templates.
    pub ops: &'a [FlatOp],
    /// What in each op is not the template's.
    pub owns: &'a [Own],
    /// Vectors of all templates.
    pub wide: &'a [u128],
}

/// The same for the life of the process.
pub type Usual = Learnt<'static>;

impl Default for &Usual {
    fn default() -> Self {
        &Learnt { known: &[], index: &[], ops: &[], owns: &[], wide: &[] }
    }
}

impl Learnt<'_> {
    pub(crate) fn find(&self, key: u128) -> Option<Template> {
        templates::find(self.known, self.index, key)
    }

    /// As an item of Rust. What uses it has all of this module, [`crate::Code`], [`FlatOp`] and [`brolga_ir::Flow`] in scope.
    fn source(&self, name: &str) -> String {
        let mut out = format!("pub static {name}: Usual = Learnt {{\n    known: &[\n");
        for (key, Template { start, len, wide, wides, flow, flags }) in self.known {
            let ops = format!("start: {start}, len: {len}, wide: {wide}, wides: {wides}");
            let _ = writeln!(
                out,
                "        ({key:#x}, Template {{ {ops}, flow: Flow::{flow:?}, flags: FlagUse::{flags:?} }}),"
            );
        }
        let _ = writeln!(out, "    ],\n    index: &{:?},\n    ops: &[", self.index);
        for FlatOp { code, advance, dst, a, b, c, aux, imm } in self.ops {
            let fields = format!("advance: {advance}, dst: {dst}, a: {a}, b: {b}, c: {c}, aux: {aux}, imm: {imm:#x}");
            let _ = writeln!(out, "        FlatOp {{ code: Code::{code:?}, {fields} }},");
        }
        out += "    ],\n    owns: &[\n";
        for Own { places, base } in self.owns {
            let _ = writeln!(out, "        Own {{ places: {places:?}, base: Base::{base:?} }},");
        }
        let _ = writeln!(out, "    ],\n    wide: &{:?},\n}};", self.wide);
        out
    }
}

/// Learns an instruction by its [`Pattern::exact`] from what it is at two addresses, if it depends on no more than these.
pub fn learn_exact(pattern: &Pattern, places: [(u64, &Flat); 2], flow: Flow) {
    if places.iter().any(|(_, flat)| flat.once || !flat.consts.is_empty()) {
        return;
    }
    let pieces = places.map(|(pc, flat)| {
        let Flat { ops, wide, .. } = flat;
        (pc, Piece { ops, wide, start: 0, wide_start: 0 })
    });
    draft::with_learnt(|templates| templates.learn_exact(pieces, pattern, flow));
}

/// Rust for what this thread's drafts have learnt, as a static called `name`.
pub fn source(name: &str) -> String {
    draft::with_learnt(|templates| templates.learnt().source(name))
}
