//! A small guest for this crate's tests: its registers and helpers.

use crate::translate::Helper;
use brolga_core::{Env, Reg, RegInfo, RegTable, RegWidth};

const fn row(name: &'static str, reg: u8, width: RegWidth) -> RegInfo {
    RegInfo { name, reg: Reg(reg), width }
}

/// `x0..x3`, `pc`, the flag words and `v0`, `v1`.
pub(crate) const REGS: RegTable = RegTable {
    regs: &[
        row("x0", 0, RegWidth::W64),
        row("x1", 1, RegWidth::W64),
        row("x2", 2, RegWidth::W64),
        row("x3", 3, RegWidth::W64),
        row("pc", 4, RegWidth::W64),
        row("cc_op", 5, RegWidth::W64),
        row("cc_a", 6, RegWidth::W64),
        row("cc_b", 7, RegWidth::W64),
        row("v0", 8, RegWidth::W128),
        row("v1", 10, RegWidth::W128),
    ],
    pc: Reg(4),
    cc: Reg(5),
    scratch: 16,
    fp: None,
};

extern "C" fn add3(_: &mut Env, a: u64, b: u64, c: u64) -> u64 {
    a.wrapping_add(b).wrapping_add(c)
}

/// One helper.
pub(crate) const HELPERS: &[Helper] = &[Helper { name: "add3", func: add3 }];

/// Every op and every suffix once, verified.
pub(crate) const EVERY_OP: &str = include_str!("../tests/every_op.bir");

#[test]
fn testing_table_is_sound() {
    REGS.check().unwrap();
}
