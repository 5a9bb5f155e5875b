//! Passes over a block: each is one function from a verified block to an equivalent verified one.
//!
//! Every pass keeps the instruction marks, every access in order and with its faults, and the
//! register file as it is at each place that may observe it: an access that may fault, a helper
//! call that reads it, a local branch, an exit. Running a pass twice is running it once.

mod conds;
pub use conds::difference;
mod copies;
mod cse;
mod dce;
mod dead_flags;
mod dead_sets;
mod fold;
mod gets;
mod rewrite;

use crate::block::Block;
use brolga_core::RegTable;

/// Which passes run. All are safe to switch off, alone or together: no pass relies on another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passes {
    /// Constant folding.
    pub fold: bool,
    /// Copy propagation.
    pub copies: bool,
    /// Flag predicates as comparisons.
    pub conds: bool,
    /// Redundant register reads.
    pub gets: bool,
    /// Common subexpressions.
    pub cse: bool,
    /// Overwritten register writes. Relies on registers being observed only where the module says.
    pub dead_sets: bool,
    /// Overwritten flag writes; likewise.
    pub dead_flags: bool,
    /// Dead code.
    pub dce: bool,
}

impl Passes {
    /// Every pass.
    pub const ALL: Passes = Passes {
        fold: true,
        copies: true,
        conds: true,
        gets: true,
        cse: true,
        dead_sets: true,
        dead_flags: true,
        dce: true,
    };

    /// No pass.
    pub const NONE: Passes = Passes {
        fold: false,
        copies: false,
        conds: false,
        gets: false,
        cse: false,
        dead_sets: false,
        dead_flags: false,
        dce: false,
    };
}

/// One row of the pass table.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Name on command lines: `--no-NAME`.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Its switch.
    pub switch: fn(&mut Passes) -> &mut bool,
    /// The pass. The block must be verified.
    pub run: fn(&Block, &RegTable) -> Block,
}

/// The passes in the order in which they run.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "gets",
        about: "reuse the value a register is known to hold",
        switch: |p| &mut p.gets,
        run: gets::run,
    },
    Pass { name: "fold", about: "compute what is constant", switch: |p| &mut p.fold, run: fold::run },
    Pass {
        name: "copies",
        about: "use the origin of a value that is only moved",
        switch: |p| &mut p.copies,
        run: copies::run,
    },
    Pass { name: "conds", about: "compare operands instead of their flags", switch: |p| &mut p.conds, run: conds::run },
    Pass { name: "cse", about: "compute equal values once", switch: |p| &mut p.cse, run: cse::run },
    Pass {
        name: "dead-sets",
        about: "drop overwritten register writes",
        switch: |p| &mut p.dead_sets,
        run: dead_sets::run,
    },
    Pass {
        name: "dead-flags",
        about: "drop overwritten flag writes",
        switch: |p| &mut p.dead_flags,
        run: dead_flags::run,
    },
    Pass {
        name: "dce",
        about: "drop values nobody uses and code nobody reaches",
        switch: |p| &mut p.dce,
        run: dce::run,
    },
];

/// How often the table is run at most; two rounds nearly always find all.
const ROUNDS: usize = 4;

/// Runs the chosen passes in order until the block stays as it is.
pub fn optimise(block: &Block, passes: &Passes, regs: &RegTable) -> Block {
    let mut passes = *passes;
    let mut block = block.clone();
    for _ in 0..ROUNDS {
        let before = block.clone();
        for pass in PASSES {
            if *(pass.switch)(&mut passes) {
                block = (pass.run)(&block, regs);
            }
        }
        if block == before {
            break;
        }
    }
    block
}

#[cfg(test)]
mod tests;
