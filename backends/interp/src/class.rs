//! What lowering asks of every instruction.

use brolga_ir::ops::{ALL_OPS, OPS};
use brolga_ir::{Effect, Form, Op, Typing};

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
    /// Looks at the register file, or others may while it runs. A call tells what it reads.
    pub(crate) const LOOKS: u8 = 8;
    /// Hands values to a call or another local block.
    pub(crate) const ARGUMENTS: u8 = 16;
    /// May have operands.
    pub(crate) const OPERANDS: u8 = 32;
    /// May have a third one.
    pub(crate) const THREE: u8 = 64;
    /// Its value has the instruction's type.
    pub(crate) const TYPED: u8 = 128;

    const ALL: [Class; OPS.len()] = {
        let mut all = [Class(0); OPS.len()];
        let mut i = 0;
        while i < OPS.len() {
            let (row, op) = (&OPS[i], ALL_OPS[i]);
            let pure = matches!(row.effect, Effect::Pure | Effect::ReadReg);
            let flags = matches!(row.typing, Typing::Flags) || matches!(op, Op::FlagsSelect | Op::FlagsFlipC);
            let hint = matches!(op, Op::Prefetch);
            // What Get reads is known.
            let looks = !matches!(op, Op::Get)
                && matches!(row.effect, Effect::ReadReg | Effect::ReadMem | Effect::WriteMem | Effect::End);
            let arguments = matches!(op, Op::Call | Op::Jump | Op::Brif);
            let typed = matches!(row.typing, Typing::Same | Typing::Result);
            let kind = Self::PURE * pure as u8 | Self::FLAGS * flags as u8 | Self::ARGUMENTS * arguments as u8;
            let looks = Self::LOOKS * looks as u8 | Self::HINT * hint as u8;
            let three = matches!(row.form, Form::Ternary | Form::Cas | Form::Fp3 | Form::VFn3);
            let none = matches!(row.form, Form::InsnStart | Form::Label | Form::Param | Form::Const | Form::Get);
            let shape = Self::OPERANDS * !none as u8 | Self::THREE * three as u8;
            all[i] = Class(kind | looks | shape | Self::TYPED * typed as u8);
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
