//! What lowering asks of every instruction.

use brolga_ir::ops::{ALL_OPS, OPS};
use brolga_ir::{Effect, Form, Op, Typing};

/// A few truths about an op.
#[derive(Clone, Copy)]
pub(crate) struct Class(u16);

impl Class {
    /// Not needed unless its value is.
    pub(crate) const PURE: u16 = 1;
    /// Makes flags, which stay symbolic.
    pub(crate) const FLAGS: u16 = 2;
    /// A hint that is not taken.
    pub(crate) const HINT: u16 = 4;
    /// Looks at the register file, or others may while it runs. A call tells what it reads.
    pub(crate) const LOOKS: u16 = 8;
    /// Hands values to a call or another local block.
    pub(crate) const ARGUMENTS: u16 = 16;
    /// Reads a register.
    pub(crate) const READS: u16 = 32;
    /// May have a third operand.
    pub(crate) const THREE: u16 = 64;
    /// Its value has the instruction's type.
    pub(crate) const TYPED: u16 = 128;
    /// A local block's parameter.
    pub(crate) const PARAM: u16 = 256;
    /// May have operands.
    pub(crate) const OPERANDS: u16 = 512;

    const ALL: [Class; OPS.len()] = {
        let mut all = [Class(0); OPS.len()];
        let mut i = 0;
        while i < OPS.len() {
            let (row, op) = (&OPS[i], ALL_OPS[i]);
            let pure = matches!(row.effect, Effect::Pure | Effect::ReadReg);
            let flags = matches!(row.typing, Typing::Flags) || matches!(op, Op::FlagsSelect | Op::FlagsFlipC);
            let hint = matches!(op, Op::Prefetch);
            let reads = matches!(op, Op::Get);
            let looks =
                !reads && matches!(row.effect, Effect::ReadReg | Effect::ReadMem | Effect::WriteMem | Effect::End);
            let arguments = matches!(op, Op::Call | Op::Jump | Op::Brif);
            let typed = matches!(row.typing, Typing::Same | Typing::Result);
            let kind = Self::PURE * pure as u16 | Self::FLAGS * flags as u16 | Self::ARGUMENTS * arguments as u16;
            let looks = Self::LOOKS * looks as u16 | Self::READS * reads as u16 | Self::HINT * hint as u16;
            let three = matches!(row.form, Form::Ternary | Form::Cas | Form::Fp3 | Form::VFn3);
            let none = matches!(row.form, Form::InsnStart | Form::Label | Form::Param | Form::Const | Form::Get);
            let shape = Self::OPERANDS * !none as u16
                | Self::THREE * three as u16
                | Self::PARAM * matches!(op, Op::Param) as u16;
            all[i] = Class(kind | looks | shape | Self::TYPED * typed as u16);
            i += 1;
        }
        all
    };

    #[inline(always)]
    pub(crate) fn of(op: Op) -> Class {
        Self::ALL[op as usize]
    }

    #[inline(always)]
    pub(crate) fn is(self, what: u16) -> bool {
        self.0 & what != 0
    }
}
