//! Condition flags: how instructions set them and what asks for them. See `state` for their form.

use super::{Cx, Flow};
use crate::state::{AF, PF};
use crate::{exec, state};
use brolga_core::{Cond, RegSet};
use brolga_ir::{FpRelation, HelperId, Inst, IntCc, Op, Ty, Value};
use iced_x86::{ConditionCode, Mnemonic};

/// The words of the border form.
pub fn flag_words() -> RegSet {
    RegSet::EMPTY.with(state::CC).with(state::CC_A).with(state::CC_B)
}

/// All words that EFLAGS is made of.
pub fn eflags_words() -> RegSet {
    flag_words().with(state::DF).with(state::EFLAGS_OTHER)
}

impl Cx<'_> {
    /// Flags of `a - b`.
    pub fn flags_sub(&mut self, ty: Ty, a: Value, b: Value) {
        let f = self.b.flags_sub(ty, a, b);
        self.b.set_flags(f);
    }

    /// Flags of `a + b`.
    pub fn flags_add(&mut self, ty: Ty, a: Value, b: Value) {
        let f = self.b.flags_add(ty, a, b);
        let one = self.iconst(Ty::I8, 1);
        let f = self.b.flags_flip_c(f, one);
        self.b.set_flags(f);
    }

    /// Flags of a result, with CF and OF clear.
    pub fn flags_result(&mut self, ty: Ty, r: Value) {
        let zero = self.iconst(ty, 0);
        self.flags_sub(ty, r, zero);
    }

    /// Flags of a result with the carry `cf`, a truth value, and OF clear.
    pub fn flags_carry(&mut self, ty: Ty, r: Value, cf: Value) -> Value {
        let zero = self.iconst(ty, 0);
        let f = self.b.flags_sub(ty, r, zero);
        self.b.flags_flip_c(f, cf)
    }

    /// Changes CF alone.
    pub fn set_cf(&mut self, cf: Value) {
        let old = self.b.get_flags();
        let carry = self.b.cond(Cond::Cc, old);
        let differs = self.b.xor(Ty::I8, carry, cf);
        let f = self.b.flags_flip_c(old, differs);
        self.b.set_flags(f);
    }

    /// Sets the flags to N Z C V, PF and AF in the form of `state::packed`.
    pub fn set_packed(&mut self, bits: Value) {
        let f = self.b.flags_pack(bits);
        self.b.set_flags(f);
    }

    /// CF and OF are `overflow`, a truth value; the others, which are undefined then, are clear.
    pub fn flags_overflow(&mut self, overflow: Value) {
        let wide = self.b.zext(Ty::I64, overflow);
        let both = self.iconst(Ty::I64, 0x3000_0000);
        let none = self.iconst(Ty::I64, 0x2000_0000);
        let bits = self.b.imul(Ty::I64, wide, both);
        let bits = self.b.xor(Ty::I64, bits, none);
        self.set_packed(bits);
    }

    /// CF as a truth value.
    pub fn cf(&mut self) -> Value {
        let f = self.b.get_flags();
        self.b.cond(Cond::Cc, f)
    }

    /// PF as a truth value: of the instruction that set the flags, where this block says which.
    fn parity(&mut self) -> Value {
        if let Some((ty, r)) = self.last_result() {
            let low = self.b.extract(ty, r, 0, 8);
            let ones = self.b.popcnt(ty, low);
            let odd = self.b.extract(ty, ones, 0, 1);
            let zero = self.iconst(ty, 0);
            return self.b.icmp(ty, IntCc::Eq, odd, zero);
        }
        if let Some(p) = self.unordered() {
            return p;
        }
        if let Some(bits) = self.last_packed() {
            let bit = self.b.extract(Ty::I64, bits, 2, 1);
            return self.b.zext(Ty::I8, bit);
        }
        let pf = self.b.call(exec::PARITY, &[], flag_words(), RegSet::EMPTY);
        self.b.zext(Ty::I8, pf)
    }

    /// What the last write of the flags in this local block writes.
    fn last_flags(&self) -> Option<Value> {
        let insts = &self.b.block.insts;
        let stops = |op: Op| matches!(op, Op::SetFlags | Op::Label | Op::Call);
        let last = insts.iter().rev().find(|inst| stops(inst.op))?;
        (last.op == Op::SetFlags).then_some(last.a)
    }

    /// The value whose low byte PF is of, if it is known and flags are of `value - 0`.
    fn last_result(&self) -> Option<(Ty, Value)> {
        let def = self.b.block.def(self.last_flags()?);
        (def.op == Op::FlagsSub && self.b.block.as_const(def.b) == Some(0)).then_some((def.ty, def.a))
    }

    /// Whether the operands of the last instruction are unordered, if that was a comparison of floats.
    fn unordered(&mut self) -> Option<Value> {
        let def = *self.b.block.def(self.last_flags()?);
        if def.op != Op::FpCompare {
            return None;
        }
        let f = self.b.fp_compare(def.ty, FpRelation::Again, def.a, def.b, def.fp_call());
        Some(self.b.cond(Cond::Vs, f))
    }

    fn last_packed(&self) -> Option<Value> {
        let def = self.b.block.def(self.last_flags()?);
        (def.op == Op::FlagsPack).then_some(def.a)
    }

    /// All flags in the form of [`state::packed`]: computed, where this block says of what they are.
    pub fn packed_flags(&mut self) -> Value {
        if let Some(bits) = self.last_packed() {
            return bits;
        }
        let computed = self.last_flags().and_then(|f| self.packed_from(f));
        computed.unwrap_or_else(|| self.b.call(exec::PACKED_FLAGS, &[], flag_words(), RegSet::EMPTY))
    }

    /// The same of flags of a sum or difference, their carry inverted or not.
    fn packed_from(&mut self, f: Value) -> Option<Value> {
        let mut def = *self.b.block.def(f);
        if def.op == Op::FlagsFlipC {
            def = *self.b.block.def(def.a);
        }
        let r = match def.op {
            Op::FlagsSub => self.b.isub(def.ty, def.a, def.b),
            Op::FlagsAdd => self.b.iadd(def.ty, def.a, def.b),
            _ => return None,
        };
        let carries = self.b.xor(def.ty, def.a, def.b);
        let carries = self.b.xor(def.ty, carries, r);
        let adjust = self.b.extract(def.ty, carries, 4, 1);
        let low = self.b.extract(def.ty, r, 0, 8);
        let ones = self.b.popcnt(def.ty, low);
        let even = self.b.not(def.ty, ones);
        let (adjust, even) = (self.widen(adjust), self.widen(even));
        let bits = self.b.push(Inst { a: f, ..Inst::new(Op::FlagsUnpack, Ty::I64) });
        let bits = self.b.deposit(Ty::I64, bits, even, PF.trailing_zeros(), 1);
        Some(self.b.deposit(Ty::I64, bits, adjust, AF.trailing_zeros(), 1))
    }

    /// Truth of a condition of Jcc, SETcc, CMOVcc. SDM vol. 1, "EFLAGS Condition Codes".
    pub fn condition(&mut self, code: ConditionCode) -> Value {
        let cond = match code {
            ConditionCode::o => Cond::Vs,
            ConditionCode::no => Cond::Vc,
            ConditionCode::b => Cond::Cc,
            ConditionCode::ae => Cond::Cs,
            ConditionCode::e => Cond::Eq,
            ConditionCode::ne => Cond::Ne,
            ConditionCode::be => Cond::Ls,
            ConditionCode::a => Cond::Hi,
            ConditionCode::s => Cond::Mi,
            ConditionCode::ns => Cond::Pl,
            ConditionCode::l => Cond::Lt,
            ConditionCode::ge => Cond::Ge,
            ConditionCode::le => Cond::Le,
            ConditionCode::g => Cond::Gt,
            ConditionCode::p => return self.parity(),
            ConditionCode::np => {
                let p = self.parity();
                let one = self.iconst(Ty::I8, 1);
                return self.b.xor(Ty::I8, p, one);
            }
            ConditionCode::None => return self.iconst(Ty::I8, 1),
        };
        let f = self.b.get_flags();
        self.b.cond(cond, f)
    }

    /// EFLAGS as PUSHF stores it.
    pub fn eflags(&mut self) -> Value {
        self.b.call(exec::EFLAGS, &[], eflags_words(), RegSet::EMPTY)
    }

    /// Calls a helper that makes new flags of old ones.
    pub fn flags_call(&mut self, helper: HelperId, args: &[Value]) -> Value {
        self.b.call(helper, args, flag_words(), flag_words())
    }
}

/// Places of the inverted CF and of OF in packed flags.
pub const PACKED_CF: u32 = 29;
/// See there.
pub const PACKED_OF: u32 = 28;

/// CLC, STC, CMC, CLD, STD. SDM vol. 2, the pages of these names.
pub fn one_flag(cx: &mut Cx) -> Flow {
    match cx.i.mnemonic() {
        Mnemonic::Cld | Mnemonic::Std => {
            let std = cx.i.mnemonic() == Mnemonic::Std;
            let df = cx.iconst(Ty::I64, if std { state::DF_BIT } else { 0 });
            cx.b.set(state::DF, df);
        }
        Mnemonic::Cmc => {
            let (old, one) = (cx.b.get_flags(), cx.iconst(Ty::I8, 1));
            let f = cx.b.flags_flip_c(old, one);
            cx.b.set_flags(f);
        }
        other => {
            let cf = cx.iconst(Ty::I8, (other == Mnemonic::Stc) as u64);
            cx.set_cf(cf);
        }
    }
    Flow::Next
}

/// LAHF: the low byte of EFLAGS to AH.
pub fn lahf(cx: &mut Cx) -> Flow {
    let f = cx.eflags();
    let f = cx.b.zext(Ty::I8, f);
    cx.set_reg(iced_x86::Register::AH, f);
    Flow::Next
}

/// SAHF: AH to SF, ZF, AF, PF and CF.
pub fn sahf(cx: &mut Cx) -> Flow {
    let ah = cx.reg(iced_x86::Register::AH);
    let ah = cx.widen(ah);
    cx.b.call_void(exec::SET_FLAGS, &[ah], flag_words(), flag_words());
    Flow::Next
}

/// PUSHF, PUSHFQ.
pub fn pushf(cx: &mut Cx) -> Flow {
    let f = cx.eflags();
    let ty = super::stack::push_ty(cx);
    let f = cx.narrow(ty, f);
    cx.push(f);
    Flow::Next
}

/// POPF, POPFQ: user code changes the status flags, DF and a few others.
pub fn popf(cx: &mut Cx) -> Flow {
    let ty = super::stack::push_ty(cx);
    let (v, top) = cx.pop(ty);
    cx.b.set(state::RSP, top);
    let (v, wide) = (cx.widen(v), cx.iconst(Ty::I64, (ty == Ty::I64) as u64));
    cx.b.call_void(exec::POPF, &[v, wide], eflags_words(), eflags_words());
    cx.resync_if_flags_changed()
}

/// SETcc.
pub fn setcc(cx: &mut Cx) -> Flow {
    let c = cx.condition(cx.i.condition_code());
    cx.set_op(0, c);
    Flow::Next
}

/// CMOVcc: the source is read, and a 32-bit destination's upper half cleared, whatever the condition.
pub fn cmov(cx: &mut Cx) -> Flow {
    let ty = cx.ty(0);
    let new = cx.src_as(1, ty);
    let old = cx.src(0);
    let c = cx.condition(cx.i.condition_code());
    let r = cx.b.select(ty, c, new, old);
    cx.set_op(0, r);
    Flow::Next
}
