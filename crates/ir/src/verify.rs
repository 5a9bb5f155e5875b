//! The verifier: every invariant of a [`Block`] that its types do not say.
//!
//! - *Instruction marks*: the block starts with one, at `Block::pc`; addresses ascend and ranges do
//!   not overlap; `Block::end` and `Block::guest_insns` agree with them.
//! - *Local blocks*: each starts with its label (the first has none) and its parameters, and ends
//!   with exactly one op of effect `End`; labels are bound once and within `Block::labels`.
//! - *Targets*: exist, with as many arguments as parameters, of the same types.
//! - *Operands*: present exactly where the op's text form has them, defined before the use and in
//!   the same local block (values cross by parameters only), of the type the rule below gives.
//! - *Flags*: made, selected, tested and stored, never passed as a parameter.
//! - *Immediates*: bit ranges, lanes, shift amounts and constants fit their types; fields that an
//!   op does not use are zero, so that its text says all of it.
//! - *Registers*: a row of the table starts at the word, and the value has its width.
//! - *Memory operations*: legal for the access and the type.
//! - *Precise faults*: within a local block, no register or flag write (a helper's included) of a
//!   guest instruction comes before one of its accesses that may fault.

use crate::block::{Block, Inst, Label, Value};
use crate::fp::FpOp;
use crate::layout::{Arg, Suffix, layout};
use crate::ops::{Effect, Form, Op, PrefetchKind, RaiseKind, Shape, Ty};
use crate::translate::Helper;
use crate::vecfn::VecFn;
use brolga_core::{Cond, Reg, RegTable, RegWidth, RmwOp, Size};
use std::fmt;

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// Index of the instruction in `Block::insts`; one behind the last for the end of the block.
    pub at: usize,
    /// The rule.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.at, self.message)
    }
}

impl std::error::Error for VerifyError {}

/// Checks every rule of the module's list; returns all violations in order.
pub fn verify(block: &Block, regs: &RegTable, helpers: &[Helper]) -> Result<(), Vec<VerifyError>> {
    let mut v = Verifier { block, regs, helpers, labels: Vec::new(), errors: Vec::new() };
    v.bind_labels();
    v.structure();
    v.marks();
    if v.errors.is_empty() { Ok(()) } else { Err(v.errors) }
}

struct Verifier<'a> {
    block: &'a Block,
    regs: &'a RegTable,
    helpers: &'a [Helper],
    /// Instruction that binds each label.
    labels: Vec<Option<u32>>,
    errors: Vec<VerifyError>,
}

impl Verifier<'_> {
    #[cold]
    fn error(&mut self, at: usize, message: impl Into<String>) {
        self.errors.push(VerifyError { at, message: message.into() });
    }

    fn bind_labels(&mut self) {
        self.labels = vec![None; self.block.labels as usize + 1];
        for (i, inst) in self.block.insts.iter().enumerate() {
            if inst.op != Op::Label {
                continue;
            }
            match self.labels.get_mut(inst.aux as usize).filter(|_| inst.aux != 0) {
                Some(slot @ None) => *slot = Some(i as u32),
                Some(_) => self.error(i, format!("L{} is bound twice", inst.aux)),
                None => self.error(i, format!("L{} is not among the block's labels", inst.aux)),
            }
        }
    }

    /// One pass in order, with the state of the current local block.
    fn structure(&mut self) {
        let mut start = 0; // first instruction of the local block
        let mut ended = false; // the local block has its end
        let mut params = false; // parameters may follow
        let mut wrote = false; // the guest instruction has written a register
        for (i, inst) in self.block.insts.iter().enumerate() {
            if inst.op == Op::Label {
                if !ended {
                    self.error(i, "the local block before the label has no end");
                }
                (start, ended, params, wrote) = (i, false, true, false);
                continue;
            }
            if ended {
                self.error(i, "instruction behind the end of a local block");
                ended = false;
            }
            if inst.op == Op::Param && !params {
                self.error(i, "parameter not directly behind a label");
            }
            params &= inst.op == Op::Param;
            self.inst(i, inst, start);
            match inst.op.info().effect {
                Effect::End => ended = true,
                Effect::WriteReg => wrote = true,
                Effect::Call => wrote |= self.block.calls.get(inst.imm as usize).is_some_and(|c| !c.writes.is_empty()),
                Effect::Mark if inst.op == Op::InsnStart => wrote = false,
                Effect::ReadMem | Effect::WriteMem if wrote => {
                    self.error(i, "access may fault behind a register write of the same guest instruction");
                }
                _ => {}
            }
        }
        if !ended {
            self.error(self.block.insts.len(), "the last local block has no end");
        }
    }

    fn marks(&mut self) {
        let block = self.block;
        let (mut end, mut count) = (block.pc, 0);
        for (i, inst) in block.insts.iter().enumerate().filter(|(_, inst)| inst.op == Op::InsnStart) {
            if count == 0 && (i != 0 || inst.imm != block.pc) {
                self.error(i, "the block does not start with the mark of its first instruction");
            } else if inst.imm < end {
                self.error(i, "guest instruction starts before the end of the one before it");
            }
            (end, count) = (inst.imm.saturating_add(inst.aux as u64), count + 1);
        }
        if count == 0 {
            self.error(0, "the block has no guest instruction");
        }
        if end != block.end || count != block.guest_insns {
            let (e, n) = (block.end, block.guest_insns);
            self.error(block.insts.len(), format!("end {e:#x} or count {n} disagrees with the marks"));
        }
    }

    fn inst(&mut self, i: usize, inst: &Inst, start: usize) {
        let rule = rule(inst.op);
        if !rule.ty.has(inst.ty) {
            let name = inst.op.info().name;
            return self.error(i, format!("`{name}` has no form of type {}", inst.ty.name()));
        }
        if fields(inst) & !used_fields(inst.op) != 0 {
            self.error(i, "a field that the op does not use is not zero");
        }
        let operands = [inst.a, inst.b, inst.c];
        for (v, want) in operands.into_iter().zip(rule.operands) {
            let types = match want {
                Want::Nothing => continue,
                Want::Same => TySet::of(inst.ty),
                Want::Of(types) => types,
            };
            if !self.operand(i, v, start, types) {
                return;
            }
        }
        if let Err(message) = self.details(inst) {
            self.error(i, message);
        }
        self.side_tables(i, inst, start);
    }

    /// Whether `v` may be used by instruction `i` of the local block that begins at `start`.
    fn operand(&mut self, i: usize, v: Value, start: usize, types: TySet) -> bool {
        if v.index() >= i {
            let what = if v == Value::NONE { "an operand is missing" } else { "operand is not defined yet" };
            self.error(i, what);
            return false;
        }
        let ty = self.block.ty(v);
        if ty == Ty::Void {
            self.error(i, format!("operand of type void, expected {types}"));
            return false;
        }
        if v.index() < start {
            self.error(i, "operand is defined in another local block");
            return false;
        }
        if !types.has(ty) {
            self.error(i, format!("operand of type {}, expected {types}", ty.name()));
            return false;
        }
        true
    }

    /// What an op demands beyond its typing rule; operands are present and typed.
    fn details(&self, inst: &Inst) -> Result<(), String> {
        let ty = |v: Value| self.block.ty(v);
        let need = |ok: bool, message: &str| if ok { Ok(()) } else { Err(message.to_string()) };
        let lane = || Shape::from_sub(inst.sub);
        match inst.op {
            Op::Iconst => need(inst.ty.bits() == 64 || inst.imm >> inst.ty.bits() == 0, "constant wider than its type"),
            Op::Vconst => need((inst.imm as usize) < self.block.consts.len(), "no such 128-bit constant"),
            Op::Get => self.register(inst.aux, inst.ty),
            Op::Set => self.register(inst.aux, ty(inst.a)),
            Op::Sext => need(ty(inst.a).bits() <= inst.ty.bits(), "sign extension to a narrower type"),
            Op::Bitcast => need(ty(inst.a).bits() == inst.ty.bits(), "bitcast between different widths"),
            Op::Extract | Op::Sextract | Op::Deposit => {
                let (lsb, width) = inst.bit_range();
                need(width > 0 && lsb + width <= inst.ty.bits() && inst.imm >> 16 == 0, "bit range outside the type")
            }
            Op::Icmp => need(inst.sub < 10, "no such comparison"),
            Op::Vicmp => need(inst.sub < 4 && inst.aux < 10, "no such comparison or shape"),
            Op::Cond => need((inst.sub as usize) < Cond::ALL.len(), "no such predicate"),
            Op::Vsplat => {
                need(inst.sub < 4 && ty(inst.a).bits() >= lane().lane_bits(), "scalar narrower than the lane")
            }
            Op::Lane => {
                need(inst.sub < 4 && inst.imm < lane().lanes() as u64, "no such lane")?;
                need(inst.ty.bits() >= lane().lane_bits(), "result narrower than the lane")?;
                need(inst.ty.is_int() || inst.ty.bits() == lane().lane_bits(), "float of another width than the lane")
            }
            Op::Insert => {
                need(inst.sub < 4 && inst.imm < lane().lanes() as u64, "no such lane")?;
                need(ty(inst.b).bits() >= lane().lane_bits(), "scalar narrower than the lane")
            }
            Op::Vshl | Op::Vlshr | Op::Vashr => {
                need(inst.sub < 4 && inst.imm < lane().lane_bits() as u64, "shift amount not below the lane's width")
            }
            Op::Vpopcnt | Op::Vswizzle => need(inst.sub == Shape::I8x16 as u8, "only bytes have this op"),
            Op::VmulPairs => need(inst.sub == Shape::I16x8 as u8, "only 16-bit lanes have this op"),
            Op::VmulHigh | Op::VmulHighRound => {
                need(matches!(inst.sub, 1 | 2), "only 16- and 32-bit lanes have this op")
            }
            Op::Vsext | Op::Vzext => need(inst.sub < 3 && inst.imm < 2, "no such half, or no wider lane"),
            Op::Vsnarrow | Op::Vunarrow => need(matches!(inst.sub, 1..=3), "no narrower lane"),
            Op::Vfold => need(inst.sub < 4 && inst.aux < 5, "no such shape or combining operation"),
            Op::Vshuffle => {
                let bytes = self.block.consts.get(inst.imm as usize).ok_or("no such 128-bit constant")?.to_le_bytes();
                need(bytes.iter().all(|s| *s < 32 || *s == 0x80), "no such byte")
            }
            op if op.info().form == Form::VBinary || matches!(op, Op::Vabs | Op::Vbits) => {
                need(inst.sub < 4, "no such shape")
            }
            Op::Vfn1 | Op::Vfn2 | Op::Vfn3 => {
                let f = VecFn::ALL.get(inst.sub as usize).ok_or("no such function of vectors")?;
                need(f.op() == inst.op && inst.imm <= 0xff, "another number of operands, or no byte as immediate")
            }
            Op::Load | Op::Store | Op::Rmw | Op::Cas => self.access(inst),
            Op::Prefetch => need((inst.sub as usize) < PrefetchKind::ALL.len(), "no such prefetch kind"),
            Op::Fp1 | Op::Fp2 | Op::Fp3 => self.fp(inst),
            Op::FpConvert => self.fp_convert(inst),
            Op::FpCompare => need(inst.sub < 4, "no such relation").and_then(|()| self.fp_helper(inst)),
            Op::Call => self.call(inst),
            Op::Goto | Op::GotoInd => need(inst.sub < 3, "no such jump kind"),
            Op::Raise => need((inst.sub as usize) < RaiseKind::ALL.len(), "no such raise kind"),
            _ => Ok(()),
        }
    }

    fn register(&self, word: u16, ty: Ty) -> Result<(), String> {
        let row = u8::try_from(word).ok().and_then(|w| self.regs.info(Reg(w)));
        let row = row.ok_or_else(|| format!("no register starts at word {word}"))?;
        let want = match row.width {
            RegWidth::W64 => Ty::I64,
            RegWidth::W128 => Ty::V128,
        };
        if ty == want { Ok(()) } else { Err(format!("{} is {}, not {}", row.name, want.name(), ty.name())) }
    }

    fn access(&self, inst: &Inst) -> Result<(), String> {
        let op = inst.memop();
        if op.bits() != inst.aux {
            return Err("malformed memory operation".into());
        }
        let value = if inst.op == Op::Store { self.block.ty(inst.b) } else { inst.ty };
        let bits = op.size.bytes() as u32 * 8;
        let legal = match inst.op {
            Op::Load => bits <= value.bits() && (!value.is_float() || bits == value.bits()),
            Op::Store => bits <= value.bits(),
            Op::Rmw => op.size <= Size::B8 && (inst.sub as usize) < RmwOp::ALL.len(),
            _ => (op.size == Size::B16) == (value == Ty::V128),
        };
        let sign = !op.signed || (inst.op == Op::Load && value.is_int());
        if legal && sign { Ok(()) } else { Err(format!("memory operation illegal for {}", value.name())) }
    }

    fn fp(&self, inst: &Inst) -> Result<(), String> {
        let op = FpOp::ALL.get(inst.sub as usize).ok_or("no such floating-point operation")?;
        let vector = inst.ty == Ty::V128;
        if op.operands() != inst.operands().count() || (op.converts() && !vector) || *op == FpOp::Resize {
            return Err(format!("`{}` is another form's operation", op.name()));
        }
        if inst.aux > 3 || (inst.aux != 0) != vector {
            return Err("lanes do not suit the type".into());
        }
        self.fp_helper(inst)
    }

    fn fp_convert(&self, inst: &Inst) -> Result<(), String> {
        let op = FpOp::ALL.get(inst.sub as usize).ok_or("no such floating-point operation")?;
        let (to, from) = (inst.ty, self.block.ty(inst.a));
        let fits = match op {
            FpOp::Resize => to.is_float() && from.is_float() && to != from,
            FpOp::FromSint | FpOp::FromUint => to.is_float() && from == Ty::I64,
            op => op.converts() && to.is_int() && from.is_float(),
        };
        if !fits {
            return Err(format!("`{}` does not convert {} to {}", op.name(), from.name(), to.name()));
        }
        self.fp_helper(inst)
    }

    fn fp_helper(&self, inst: &Inst) -> Result<(), String> {
        let number = inst.fp_call().helper.0;
        if number as usize >= self.helpers.len() {
            return Err(format!("no helper has number {number}"));
        }
        Ok(())
    }

    fn call(&self, inst: &Inst) -> Result<(), String> {
        let site = self.block.calls.get(inst.imm as usize).ok_or("no such call site")?;
        if site.helper.0 as usize >= self.helpers.len() {
            return Err(format!("no helper has number {}", site.helper.0));
        }
        if site.args.len() > 3 {
            return Err("more than three arguments".into());
        }
        Ok(())
    }

    /// Arguments of calls and branches.
    fn side_tables(&mut self, i: usize, inst: &Inst, start: usize) {
        let block = self.block;
        match inst.op {
            Op::Call => {
                if let Some(site) = block.calls.get(inst.imm as usize) {
                    for v in &site.args {
                        self.operand(i, *v, start, TySet::of(Ty::I64));
                    }
                }
            }
            Op::Jump => self.target(i, inst.imm as usize, start),
            Op::Brif => {
                self.target(i, inst.imm as usize, start);
                self.target(i, inst.imm as usize + 1, start);
            }
            _ => {}
        }
    }

    fn target(&mut self, i: usize, index: usize, start: usize) {
        let block = self.block;
        let Some(target) = block.targets.get(index) else {
            return self.error(i, "no such target");
        };
        let Label(label) = target.label;
        let Some(bound) = self.labels.get(label as usize).copied().flatten() else {
            return self.error(i, format!("L{label} is not bound"));
        };
        let params = block.insts[bound as usize + 1..].iter().take_while(|p| p.op == Op::Param);
        if params.clone().count() != target.args.len() {
            return self.error(i, format!("L{label} has another number of parameters"));
        }
        for (v, param) in target.args.iter().zip(params) {
            self.operand(i, *v, start, TySet::of(param.ty));
        }
    }
}

/// A set of types.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TySet(u16);

impl TySet {
    const fn of(ty: Ty) -> TySet {
        TySet(1 << ty as u16)
    }

    const fn or(self, other: TySet) -> TySet {
        TySet(self.0 | other.0)
    }

    const fn has(self, ty: Ty) -> bool {
        self.0 >> ty as u16 & 1 != 0
    }
}

impl fmt::Display for TySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Ty::ALL.into_iter().filter(|t| self.has(*t)).map(Ty::name).collect();
        f.write_str(&names.join(" or "))
    }
}

const VOID: TySet = TySet::of(Ty::Void);
const I8: TySet = TySet::of(Ty::I8);
const I64: TySet = TySet::of(Ty::I64);
const V128: TySet = TySet::of(Ty::V128);
const FLAGS: TySet = TySet::of(Ty::Flags);
const WORD: TySet = TySet::of(Ty::I32).or(I64);
const INT: TySet = I8.or(TySet::of(Ty::I16)).or(WORD);
const FLOAT: TySet = TySet::of(Ty::F16).or(TySet::of(Ty::F32)).or(TySet::of(Ty::F64));
/// Floats with operations of their own.
const REAL: TySet = TySet::of(Ty::F32).or(TySet::of(Ty::F64));
const SCALAR: TySet = INT.or(FLOAT);
const DATA: TySet = SCALAR.or(V128);

/// What an operand must be.
#[derive(Clone, Copy)]
enum Want {
    Nothing,
    /// The instruction's type.
    Same,
    Of(TySet),
}

/// Types of the instruction and its operands.
struct Rule {
    ty: TySet,
    operands: [Want; 3],
}

fn rule(op: Op) -> Rule {
    use Want::{Nothing, Of, Same};
    let (ty, a, b, c) = match op {
        Op::InsnStart | Op::Label | Op::Fence | Op::FenceLoad | Op::FenceStore | Op::Jump | Op::Goto => {
            (VOID, Nothing, Nothing, Nothing)
        }
        Op::Param => (DATA, Nothing, Nothing, Nothing),
        Op::Iconst => (SCALAR, Nothing, Nothing, Nothing),
        Op::Vconst => (V128, Nothing, Nothing, Nothing),
        Op::Get => (I64.or(V128), Nothing, Nothing, Nothing),
        Op::Set => (VOID, Of(I64.or(V128)), Nothing, Nothing),
        Op::GetFlags => (FLAGS, Nothing, Nothing, Nothing),
        Op::SetFlags => (VOID, Of(FLAGS), Nothing, Nothing),
        Op::Iadd | Op::Isub | Op::Imul | Op::Udiv | Op::Sdiv => (INT, Same, Same, Nothing),
        Op::Umulh | Op::Smulh => (I64, Same, Same, Nothing),
        Op::And | Op::Or | Op::Xor | Op::Bic => (INT.or(V128), Same, Same, Nothing),
        Op::Not => (INT.or(V128), Same, Nothing, Nothing),
        Op::Neg | Op::Clz | Op::Ctz | Op::Cls | Op::Popcnt | Op::Bswap | Op::Bitrev => (INT, Same, Nothing, Nothing),
        Op::Shl | Op::Lshr | Op::Ashr | Op::Rotr => (INT, Same, Same, Nothing),
        Op::Smin | Op::Smax | Op::Umin | Op::Umax => (INT, Same, Same, Nothing),
        Op::Zext | Op::Sext => (INT, Of(INT), Nothing, Nothing),
        Op::Extract | Op::Sextract => (INT, Same, Nothing, Nothing),
        Op::Deposit => (INT, Same, Same, Nothing),
        Op::Bitcast => (SCALAR, Of(SCALAR), Nothing, Nothing),
        Op::Icmp => (INT, Same, Same, Nothing),
        Op::Select => (DATA, Of(I8), Same, Same),
        Op::FlagsAdd | Op::FlagsSub => (INT, Same, Same, Nothing),
        Op::FlagsAdc | Op::FlagsSbc => (INT, Same, Same, Of(I8)),
        Op::FlagsLogic => (INT, Same, Nothing, Nothing),
        Op::FlagsPack => (I64, Same, Nothing, Nothing),
        Op::FlagsUnpack => (I64, Of(FLAGS), Nothing, Nothing),
        Op::FlagsSelect => (FLAGS, Of(I8), Same, Same),
        Op::FlagsFlipC => (FLAGS, Same, Of(I8), Nothing),
        Op::Cond => (I8, Of(FLAGS), Nothing, Nothing),
        Op::Load => (DATA, Of(I64), Nothing, Nothing),
        Op::Store => (VOID, Of(I64), Of(DATA), Nothing),
        Op::Prefetch => (VOID, Of(I64), Nothing, Nothing),
        Op::Rmw => (I64, Same, Same, Nothing),
        Op::Cas => (I64.or(V128), Of(I64), Same, Same),
        Op::MemCopy => (I64, Same, Same, Same),
        Op::Vsplat => (V128, Of(SCALAR), Nothing, Nothing),
        Op::Vscalar => (V128, Of(SCALAR), Nothing, Nothing),
        Op::Lane => (SCALAR, Of(V128), Nothing, Nothing),
        Op::Insert => (V128, Same, Of(SCALAR), Nothing),
        Op::Vadd | Op::Vsub | Op::Vmul | Op::Vicmp => (V128, Same, Same, Nothing),
        Op::Vshl | Op::Vlshr | Op::Vashr => (V128, Same, Nothing, Nothing),
        Op::VshlBy | Op::VlshrBy | Op::VashrBy => (V128, Same, Same, Nothing),
        Op::Vbits | Op::Vabs | Op::Vpopcnt | Op::Vsext | Op::Vzext | Op::Vfold => (V128, Same, Nothing, Nothing),
        Op::Vsmin | Op::Vsmax | Op::Vumin | Op::Vumax => (V128, Same, Same, Nothing),
        Op::VsaddSat | Op::VuaddSat | Op::VssubSat | Op::VusubSat | Op::VavgRound => (V128, Same, Same, Nothing),
        Op::VmulHigh | Op::VmulHighRound | Op::VmulPairs => (V128, Same, Same, Nothing),
        Op::Vsnarrow | Op::Vunarrow | Op::Vswizzle | Op::Vshuffle => (V128, Same, Same, Nothing),
        Op::Bitselect => (V128, Same, Same, Same),
        Op::Vany => (I8, Of(V128), Nothing, Nothing),
        Op::Vfn1 => (V128, Same, Nothing, Nothing),
        Op::Vfn2 => (V128, Same, Same, Nothing),
        Op::Vfn3 => (V128, Same, Same, Same),
        Op::Fp1 => (REAL.or(V128), Same, Nothing, Nothing),
        Op::Fp2 => (REAL.or(V128), Same, Same, Nothing),
        Op::Fp3 => (REAL.or(V128), Same, Same, Same),
        Op::FpConvert => (REAL.or(WORD), Of(REAL.or(I64)), Nothing, Nothing),
        Op::FpCompare => (REAL, Same, Same, Nothing),
        Op::Call => (VOID.or(I64), Nothing, Nothing, Nothing),
        Op::Brif => (VOID, Of(I8), Nothing, Nothing),
        Op::GotoInd | Op::Raise => (VOID, Of(I64), Nothing, Nothing),
    };
    Rule { ty, operands: [a, b, c] }
}

const FIELD_A: u8 = 1;
const FIELD_B: u8 = 2;
const FIELD_C: u8 = 4;
const FIELD_SUB: u8 = 8;
const FIELD_AUX: u8 = 16;
const FIELD_IMM: u8 = 32;

/// Fields of `inst` that hold something.
fn fields(inst: &Inst) -> u8 {
    let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
    bit(inst.a != Value::NONE, FIELD_A)
        | bit(inst.b != Value::NONE, FIELD_B)
        | bit(inst.c != Value::NONE, FIELD_C)
        | bit(inst.sub != 0, FIELD_SUB)
        | bit(inst.aux != 0, FIELD_AUX)
        | bit(inst.imm != 0, FIELD_IMM)
}

/// Fields that the text form of `op` shows.
fn used_fields(op: Op) -> u8 {
    if op == Op::Label {
        return FIELD_AUX;
    }
    let form = layout(op);
    let suffixes = form.suffixes.iter().map(|suffix| match suffix {
        Suffix::Ty => 0,
        Suffix::VCc | Suffix::Fold | Suffix::MemOp | Suffix::FpLanes => FIELD_AUX,
        Suffix::Fp | Suffix::Relation | Suffix::VecFn => FIELD_SUB,
        Suffix::Cc | Suffix::Cond | Suffix::Shape | Suffix::Rmw | Suffix::Jump | Suffix::Raise | Suffix::Prefetch => {
            FIELD_SUB
        }
    });
    let args = form.args.iter().map(|arg| match arg {
        Arg::A => FIELD_A,
        Arg::B => FIELD_B,
        Arg::C => FIELD_C,
        Arg::Addr => FIELD_A | FIELD_IMM,
        Arg::Reg | Arg::Len => FIELD_AUX,
        Arg::Imm | Arg::Pc | Arg::Imm128 | Arg::Lsb | Arg::Width => FIELD_IMM,
        Arg::Callee | Arg::FpCall | Arg::Then | Arg::Else => FIELD_IMM,
    });
    suffixes.chain(args).fold(0, |all, field| all | field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::testing::{EVERY_OP, HELPERS, REGS};

    #[test]
    fn every_op_verifies() {
        let block = parse(EVERY_OP, &REGS, HELPERS).unwrap();
        assert_eq!(verify(&block, &REGS, HELPERS), Ok(()));
    }

    /// Verifies `body` behind a mark and before an exit, and returns the messages.
    fn errors(body: &str) -> Vec<String> {
        let text = format!("block pc=0 mode=0\ninsn 0 4\nv100 = get.i64 x0\nv101 = iconst.i8 1\n{body}\ngoto.jump 4\n");
        let block = parse(&text, &REGS, HELPERS).unwrap();
        verify(&block, &REGS, HELPERS).err().unwrap_or_default().into_iter().map(|e| e.message).collect()
    }

    #[test]
    fn broken_rules_are_named() {
        for (body, want) in [
            ("v0 = iadd.i32 v100, v100", "operand of type i64, expected i32"),
            ("v0 = iadd.v128 v100, v100", "`iadd` has no form of type v128"),
            ("v0 = umulh.i32 v100, v100", "`umulh` has no form of type i32"),
            ("v0 = bitcast.f64 v100\nv1 = flags_add.f64 v0, v0", "`flags_add` has no form of type f64"),
            ("v0 = sext.i8 v100", "sign extension to a narrower type"),
            ("v0 = bitcast.f32 v100", "bitcast between different widths"),
            ("v0 = extract.i64 v100, 60, 5", "bit range outside the type"),
            ("v0 = extract.i64 v100, 60, 0", "bit range outside the type"),
            ("v0 = get.v128 x0", "x0 is i64, not v128"),
            ("v0 = get.i64 #15", "no register starts at word 15"),
            ("v0 = get.v128 v0\nset x0, v0", "x0 is i64, not v128"),
            ("v0 = get.v128 v0\nv1 = lane.i64.64x2 v0, 2", "no such lane"),
            ("v0 = get.v128 v0\nv1 = lane.i16.32x4 v0, 2", "result narrower than the lane"),
            ("v0 = vsplat.64x2 v101", "scalar narrower than the lane"),
            ("v0 = get.v128 v0\nv1 = vshl.16x8 v0, 16", "shift amount not below the lane's width"),
            ("v0 = load.i32.b8 v100", "memory operation illegal for i32"),
            ("v0 = load.f64.b4 v100", "memory operation illegal for f64"),
            ("v0 = get.v128 v0\nv1 = vpopcnt.16x8 v0", "only bytes have this op"),
            ("v0 = get.v128 v0\nv1 = vswizzle.32x4 v0, v0", "only bytes have this op"),
            ("v0 = get.v128 v0\nv1 = vmul_pairs.32x4 v0, v0", "only 16-bit lanes have this op"),
            ("v0 = get.v128 v0\nv1 = vmul_high.64x2 v0, v0", "only 16- and 32-bit lanes have this op"),
            ("v0 = get.v128 v0\nv1 = vsext.64x2 v0, 0", "no such half, or no wider lane"),
            ("v0 = get.v128 v0\nv1 = vzext.8x16 v0, 2", "no such half, or no wider lane"),
            ("v0 = get.v128 v0\nv1 = vsnarrow.8x16 v0, v0", "no narrower lane"),
            ("v0 = get.v128 v0\nv1 = vshuffle v0, v0, 0x20", "no such byte"),
            ("v0 = get.v128 v0\nv1 = vfn1.product v0, 0", "another number of operands, or no byte as immediate"),
            ("v0 = vany.i8 v100", "operand of type i64, expected v128"),
            ("v0 = bitselect.i64 v100, v100, v100", "`bitselect` has no form of type i64"),
            ("store.b16 v100, v100", "memory operation illegal for i64"),
            ("store.b8.sx v100, v100", "memory operation illegal for i64"),
            ("v0 = rmw.i64.add.b16 v100, v100", "memory operation illegal for i64"),
            ("v0 = load.flags.b8 v100", "`load` has no form of type flags"),
            ("v0 = bitcast.f64 v100\nv1 = fp1.f64.add.1 v0, add3", "`add` is another form's operation"),
            ("v0 = bitcast.f64 v100\nv1 = fp1.f64.sqrt.4s v0, add3", "lanes do not suit the type"),
            ("v0 = bitcast.f64 v100\nv1 = fpconv.f64.resize v0, add3", "`resize` does not convert f64 to f64"),
            ("v0 = bitcast.f64 v100\nv1 = fpcmp.f64.bits v0, v0, #9", "no helper has number 9"),
            (
                "set x0, v100\nv0 = load.i64.b8 v100",
                "access may fault behind a register write of the same guest instruction",
            ),
            (
                "call add3() writes{x0}\nv0 = load.i64.b8 v100",
                "access may fault behind a register write of the same guest instruction",
            ),
            ("v0 = param.i64", "parameter not directly behind a label"),
            ("L1:", "the local block before the label has no end"),
            ("fence\njump L1()\nfence\nL1:", "instruction behind the end of a local block"),
            ("jump L1()\nL1:\nset x0, v100", "operand is defined in another local block"),
            ("jump L1(v100)\nL1:\nv0 = param.i8", "operand of type i64, expected i8"),
            ("jump L1(v100)\nL1:", "L1 has another number of parameters"),
            ("jump L2()\nL1:", "L2 is not bound"),
            ("jump L1()\nL1:\njump L1()\nL1:", "L1 is bound twice"),
            ("jump L1()\nL1:\nv0 = param.flags", "`param` has no form of type flags"),
            ("insn 2 4", "guest instruction starts before the end of the one before it"),
            ("v0 = get_flags\ncall add3(v0)", "operand of type flags, expected i64"),
            ("call add3(v100, v100, v100, v100)", "more than three arguments"),
            ("call #1()", "no helper has number 1"),
        ] {
            let all = errors(body);
            assert!(all.iter().any(|m| m == want), "{body}\n  gave {all:?}\n  not {want}");
        }
    }

    #[test]
    fn write_before_the_next_instructions_access_is_legal() {
        assert_eq!(errors("set x0, v100\ninsn 4 0\nv0 = load.i64.b8 v100"), [""; 0]);
    }

    #[test]
    fn missing_pieces_are_named() {
        let broken = |change: fn(&mut Block)| {
            let mut block = parse("block pc=0 mode=0\ninsn 0 4\ngoto.jump 4", &REGS, HELPERS).unwrap();
            change(&mut block);
            verify(&block, &REGS, HELPERS).unwrap_err().remove(0)
        };
        let error = |at, message: &str| VerifyError { at, message: message.into() };
        assert_eq!(broken(|b| b.insts.truncate(1)), error(1, "the last local block has no end"));
        assert_eq!(broken(|b| b.insts[1].a = Value(0)), error(1, "a field that the op does not use is not zero"));
        assert_eq!(broken(|b| b.insts[1].op = Op::GotoInd), error(1, "a field that the op does not use is not zero"));
        assert_eq!(broken(|b| b.pc = 8), error(0, "the block does not start with the mark of its first instruction"));
        assert_eq!(broken(|b| b.end = 8), error(2, "end 0x8 or count 1 disagrees with the marks"));
        assert_eq!(broken(|b| b.insts[1].sub = 3), error(1, "no such jump kind"));
        let missing = |b: &mut Block| b.insts[1] = Inst::new(Op::GotoInd, Ty::Void);
        assert_eq!(broken(missing), error(1, "an operand is missing"));
        let early = |b: &mut Block| b.insts[1] = Inst { a: Value(1), ..Inst::new(Op::GotoInd, Ty::Void) };
        assert_eq!(broken(early), error(1, "operand is not defined yet"));
    }
}
