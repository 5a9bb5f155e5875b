//! Overwritten flag writes. Guests set flags far more often than they test them; what computed
//! them then dies as well.

use super::dead_sets::drop_overwritten;
use crate::block::Block;
use crate::ops::Op;
use brolga_core::RegTable;

/// The pass.
pub(super) fn run(block: &Block, regs: &RegTable) -> Block {
    drop_overwritten(block, regs, Op::SetFlags)
}
