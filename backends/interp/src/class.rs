//! What lowering asks of every instruction.

use brolga_ir::ops::{ALL_OPS, OPS};
use brolga_ir::{Effect, Op, Typing};

/// A few truths about an op, in one byte.
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    /// Not needed unless its value is.
    pub(crate) const PURE: u8 = 1;
    /// Makes flags, which stay symbolic.
    pub(crate) const FLAGS: u8 = 2;
    /// A hint that is not taken.
    pub(crate) const HINT: u8 = 4;
    /// May look at the flags in the register file.
    pub(crate) const LOOKS: u8 = 8;
    /// Hands values to a call or another local block.
    pub(crate) const ARGUMENTS: u8 = 16;

    const ALL: [Class; OPS.len()] = {
        let mut all = [Class(0); OPS.len()];
        let mut i = 0;
        while i < OPS.len() {
            let (row, op) = (&OPS[i], ALL_OPS[i]);
            let pure = matches!(row.effect, Effect::Pure | Effect::ReadReg);
            let flags = matches!(row.typing, Typing::Flags) || matches!(op, Op::FlagsSelect | Op::FlagsFlipC);
            let hint = matches!(op, Op::Prefetch);
            let looks =
                matches!(row.effect, Effect::ReadReg | Effect::ReadMem | Effect::WriteMem | Effect::End | Effect::Call);
            let arguments = matches!(op, Op::Call | Op::Jump | Op::Brif);
            let kind = Self::PURE * pure as u8 | Self::FLAGS * flags as u8 | Self::ARGUMENTS * arguments as u8;
            all[i] = Class(kind | Self::HINT * hint as u8 | Self::LOOKS * looks as u8);
            i += 1;
        }
        all
    };

    #[inline(always)]
    pub(crate) fn of(op: Op) -> Class {
        Self::ALL[op as usize]
    }

    #[inline(always)]
    pub(crate) fn is(self, what: u8) -> bool {
        self.0 & what != 0
    }
}
