//! Floating-point operations on the host's arithmetic, with a cold way to the helper that defines them.
//!
//! *Requirement.* Result and flags are the helper's, in every rounding mode, where nothing is flushed to zero.
//! *How.* Both sides follow IEEE 754, which leaves two things open. Which NaN an operation gives: a NaN result
//! goes the cold way. Whether a result is tiny: the host looks after rounding, the helper may look before it, and
//! the two differ only where the result has been rounded to the smallest normal number: so does that one. What the
//! host has raised by then the helper raises too. Where the host's way of computing would raise more, the
//! operands are looked at first.
//! *Limits.* Cranelift takes these instructions for pure. Results are used: by the branch to the cold way, or by a
//! store to `HostFp::sink`, or by another such instruction; and a region with them is not optimised further.
//! *Guests whose rules are SSE's* (`FpRows::like_sse`) need no look at results. Only which of two NaNs a sum or product is
//! depends on the order of the operands, which Cranelift changes to read the first one from memory.

use super::flags::FlagVal;
use super::{Lower, Val};
use crate::fp::Request;
use crate::stand_in::StandIn;
use brolga_core::{Env, HostFp};
use brolga_ir::{Block, FpLanes, FpOp, FpRelation, Inst, Op, Ty, Value};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_codegen::isa::CallConv;
use std::mem::offset_of;

/// The smallest normal numbers.
const SMALLEST_F32: u32 = 0x0080_0000;
const SMALLEST_F64: u64 = 0x0010_0000_0000_0000;

/// Whether the host makes code for the op, and with it for its operands, in any case.
pub(crate) fn is_taker(inst: &Inst) -> bool {
    match inst.op {
        Op::Fp1 | Op::Fp2 | Op::Fp3 | Op::FpConvert | Op::Store => true,
        Op::FpCompare => FpRelation::from_sub(inst.sub) != FpRelation::Again,
        _ => false,
    }
}

/// A way around an operation: the cold block, and the block where both ways meet.
pub(super) struct Detour {
    cold: ir::Block,
    join: ir::Block,
}

/// Type of the operands on the host, and whether the upper half of them counts.
#[derive(Clone, Copy)]
pub(super) struct HostTy {
    pub ty: ir::Type,
    half: bool,
}

pub(super) fn host_ty(inst: &Inst) -> HostTy {
    match (inst.ty, FpLanes::from_aux(inst.aux)) {
        (Ty::V128, FpLanes::S4) => HostTy { ty: types::F32X4, half: false },
        (Ty::V128, FpLanes::S2) => HostTy { ty: types::F32X4, half: true },
        (Ty::V128, _) => HostTy { ty: types::F64X2, half: false },
        (Ty::F32, _) => HostTy { ty: types::F32, half: false },
        _ => HostTy { ty: types::F64, half: false },
    }
}

pub(super) fn fp_offset(field: usize) -> usize {
    offset_of!(Env, fp) + field
}

impl Lower<'_, '_> {
    /// A floating-point op.
    /// `taken` if the result is used in any case, so that the host's instruction stays.
    pub(super) fn float(&mut self, block: &Block, inst: &Inst, taken: bool) -> Val {
        if inst.op == Op::FpCompare {
            return Val::Flags(self.float_compare(block, inst));
        }
        if !self.host_has(inst) {
            return Val::Data(self.exactly(block, inst));
        }
        let op = FpOp::from_sub(inst.sub);
        Val::Data(match op {
            _ if op.converts() => self.float_convert(block, inst, op, taken),
            FpOp::Eq | FpOp::Ge | FpOp::Gt => self.float_mask(block, inst, op, taken),
            FpOp::Lesser | FpOp::Greater => self.first_if(block, inst, op == FpOp::Lesser, taken),
            FpOp::Min | FpOp::Max | FpOp::MinNum | FpOp::MaxNum => self.extreme(block, inst, op),
            _ if let Some(imm) = op.round_immediate() => self.float_round(block, inst, imm, taken),
            _ => self.float_arith(block, inst, op, taken),
        })
    }

    /// Notes which values of node `n`'s `insts` are operands of stores and of floating-point ops, here or, through a
    /// register, further on.
    pub(super) fn note_taken(&mut self, n: usize, block: &Block, insts: std::ops::Range<usize>) {
        self.taken.clear();
        self.taken.resize(block.insts.len(), false);
        let mut kept = self.u.cfg.nodes[n].kept_out;
        for i in insts.rev() {
            let inst = &block.insts[i];
            match inst.op {
                Op::Set => {
                    let row = inst.aux as u8;
                    self.taken[inst.a.index()] |= kept.contains(row);
                    kept.remove(row);
                }
                Op::Insert if self.taken[i] => self.taken[inst.b.index()] = true,
                Op::Vscalar | Op::Bitcast if self.taken[i] => self.taken[inst.a.index()] = true,
                _ if is_taker(inst) => inst.operands().for_each(|v| self.taken[v.index()] = true),
                _ => {}
            }
        }
    }

    /// Whether the host's results are the guest's.
    pub(super) fn like_host(&self) -> bool {
        self.u.regs.fp.as_ref().is_some_and(|fp| fp.like_sse)
    }

    /// `r`, which the host computes even if nothing uses it.
    pub(super) fn anchored(&mut self, r: ir::Value, taken: bool) -> ir::Value {
        if !taken {
            self.sink(r);
        }
        r
    }

    /// A scalar that is read to a register first if memory has it.
    fn in_register(&mut self, v: ir::Value) -> ir::Value {
        let dfg = &self.fb.func.dfg;
        let load = |inst| dfg.insts[inst].opcode() == ir::Opcode::Load;
        if !dfg.value_def(v).inst().is_some_and(load) {
            return v;
        }
        let vector = match self.fb.func.dfg.value_type(v) {
            types::F32 => types::F32X4,
            types::F64 => types::F64X2,
            _ => return v,
        };
        let v = self.fb.ins().scalar_to_vector(vector, v);
        self.fb.ins().extractlane(v, 0)
    }

    /// Whether the host computes the operation.
    fn host_has(&self, inst: &Inst) -> bool {
        let host = self.u.float;
        host.arithmetic
            && match FpOp::from_sub(inst.sub) {
                op if op.operands() == 3 => host.fused,
                op if op.round_immediate().is_some() => host.round,
                FpOp::RintA => false,
                FpOp::ToSintN | FpOp::ToSintP | FpOp::ToSintM => host.round && inst.op == Op::FpConvert,
                FpOp::ToIntN | FpOp::ToIntP | FpOp::ToIntM => host.round,
                FpOp::ToUintN | FpOp::ToUintP | FpOp::ToUintM => host.round && inst.op == Op::FpConvert,
                FpOp::ToUintZ => inst.op == Op::FpConvert,
                _ => true,
            }
    }

    /// Operand `v` as the host's type; what a half operation must not look at is zero.
    pub(super) fn operand(&mut self, block: &Block, v: Value, host: HostTy) -> ir::Value {
        let raw = self.data(v);
        if !host.ty.is_vector() {
            return raw;
        }
        let v = if host.half && !upper_is_zero(block, v) { self.lower_half(raw) } else { raw };
        self.as_ty(host.ty, v)
    }

    /// The vector with its upper half cleared.
    pub(super) fn lower_half(&mut self, v: ir::Value) -> ir::Value {
        let v = self.as_ty(types::F64X2, v);
        let low = self.fb.ins().extractlane(v, 0);
        self.fb.ins().scalar_to_vector(types::F64X2, low)
    }

    /// The result as the IR's type has it; `clean` if the upper half of a half operation is zero.
    pub(super) fn float_result(&mut self, r: ir::Value, host: HostTy, clean: bool) -> ir::Value {
        if !host.ty.is_vector() {
            return r;
        }
        let r = if host.half && !clean { self.lower_half(r) } else { r };
        self.as_ty(types::I8X16, r)
    }

    fn float_arith(&mut self, block: &Block, inst: &Inst, op: FpOp, taken: bool) -> ir::Value {
        let host = host_ty(inst);
        let mut a = self.operand(block, inst.a, host);
        let b = if inst.b == Value::NONE { a } else { self.operand(block, inst.b, host) };
        if self.like_host() && (matches!(op, FpOp::Add | FpOp::Mul) || op.operands() == 3) {
            a = self.in_register(a);
        }
        let r = match op {
            FpOp::Add => self.fb.ins().fadd(a, b),
            FpOp::Sub => self.fb.ins().fsub(a, b),
            FpOp::Mul => self.fb.ins().fmul(a, b),
            FpOp::Div => {
                let b = if host.half { self.upper_ones(b) } else { b };
                self.fb.ins().fdiv(a, b)
            }
            FpOp::Sqrt => self.fb.ins().sqrt(a),
            FpOp::MulAdd | FpOp::MulSub | FpOp::NegMulAdd | FpOp::NegMulSub => {
                let c = self.operand(block, inst.c, host);
                self.fused(op, [a, b, c])
            }
            op => unreachable!("{op:?} is lowered elsewhere"),
        };
        // Zero minus zero is -0 where rounding is downwards.
        let r = self.float_result(r, host, op != FpOp::Sub);
        if self.like_host() {
            return self.anchored(r, taken);
        }
        let tiny = matches!(op, FpOp::Mul | FpOp::Div) || op.operands() == 3;
        let detour = self.detour();
        let bad = self.doubtful(r, host.ty, tiny);
        self.meet(detour, bad, r, block, inst)
    }

    /// A product and a third operand. Cranelift's form takes the second factor for the one whose NaN comes first, and
    /// makes negations, which NaNs do not see, part of the instruction.
    fn fused(&mut self, op: FpOp, [mut a, b, mut c]: [ir::Value; 3]) -> ir::Value {
        if matches!(op, FpOp::NegMulAdd | FpOp::NegMulSub) {
            a = self.fb.ins().fneg(a);
        }
        if matches!(op, FpOp::MulSub | FpOp::NegMulSub) {
            c = self.fb.ins().fneg(c);
        }
        self.fb.ins().fma(b, a, c)
    }

    /// A divisor whose upper half is ones, for a dividend whose upper half is zero.
    fn upper_ones(&mut self, v: ir::Value) -> ir::Value {
        let ones = self.vector_const(0x3f80_0000_3f80_0000_u128 << 64);
        let v = self.as_ty(types::I8X16, v);
        let v = self.fb.ins().bor(v, ones);
        self.as_ty(types::F32X4, v)
    }

    pub(super) fn vector_const(&mut self, value: u128) -> ir::Value {
        let handle = self.fb.func.dfg.constants.insert(value.to_le_bytes()[..].into());
        self.fb.ins().vconst(types::I8X16, handle)
    }

    /// Not 0 where a lane of `r`, whose lanes are those of `ty`, is a NaN or, if `tiny`, the smallest normal number.
    pub(super) fn doubtful(&mut self, r: ir::Value, ty: ir::Type, tiny: bool) -> ir::Value {
        if self.u.regs.fp.as_ref().is_some_and(|fp| fp.denormal.is_some()) {
            return self.doubtful_bits(r, ty, tiny);
        }
        if !ty.is_vector() {
            if !tiny {
                return self.fb.ins().fcmp(FloatCC::Unordered, r, r);
            }
            let (vector, ones, smallest) = if ty == types::F32 {
                let smallest = self.fb.ins().f32const(f32::from_bits(SMALLEST_F32));
                (types::F32X4, i32::MAX as u128, smallest)
            } else {
                let smallest = self.fb.ins().f64const(f64::from_bits(SMALLEST_F64));
                (types::F64X2, i64::MAX as u128, smallest)
            };
            // Not `fabs`, nor a scalar constant: those are made in general registers, this one is loaded.
            let magnitude = self.vector_const(ones);
            let magnitude = self.as_ty(vector, magnitude);
            let magnitude = self.fb.ins().extractlane(magnitude, 0);
            let size = self.fb.ins().band(r, magnitude);
            return self.fb.ins().fcmp(FloatCC::UnorderedOrEqual, size, smallest);
        }
        let r = self.as_ty(ty, r);
        if !tiny {
            let bad = self.fb.ins().fcmp(FloatCC::Unordered, r, r);
            return self.fb.ins().vhigh_bits(types::I32, bad);
        }
        let (sign, smallest) = if ty == types::F32X4 {
            (u128::MAX / u128::from(u32::MAX) << 31, u128::MAX / u128::from(u32::MAX) * u128::from(SMALLEST_F32))
        } else {
            (u128::MAX / u128::from(u64::MAX) << 63, u128::MAX / u128::from(u64::MAX) * u128::from(SMALLEST_F64))
        };
        let (magnitude, smallest) = (self.vector_const(!sign), self.vector_const(smallest));
        let (magnitude, smallest) = (self.as_ty(ty, magnitude), self.as_ty(ty, smallest));
        let size = self.fb.ins().band(r, magnitude);
        let bad = if self.u.features.vex {
            self.begin_stand_in();
            let bad = self.fb.ins().fcmp(FloatCC::Equal, size, smallest);
            self.end_stand_in(StandIn::EqualOrUnordered);
            bad
        } else {
            let same = self.fb.ins().fcmp(FloatCC::Equal, size, smallest);
            let unordered = self.fb.ins().fcmp(FloatCC::Unordered, r, r);
            self.fb.ins().bor(unordered, same)
        };
        self.fb.ins().vhigh_bits(types::I32, bad)
    }

    /// The same by integer comparisons: those of floats would note denormal results as operands.
    fn doubtful_bits(&mut self, r: ir::Value, ty: ir::Type, tiny: bool) -> ir::Value {
        let single = matches!(ty, types::F32 | types::F32X4);
        let (floats, ints, bits) =
            if single { (types::F32X4, types::I32X4, 32) } else { (types::F64X2, types::I64X2, 64) };
        let each = |low: u64| u128::MAX / (u128::MAX >> (128 - bits)) * u128::from(low);
        let (magnitude, infinity, smallest) = if single {
            (each(0x7fff_ffff), each(0x7f80_0000), each(SMALLEST_F32.into()))
        } else {
            (each(i64::MAX as u64), each(0x7ff0 << 48), each(SMALLEST_F64))
        };
        let v = if ty.is_vector() { r } else { self.fb.ins().scalar_to_vector(floats, r) };
        let v = self.as_ty(ints, v);
        let [magnitude, infinity, smallest] = [magnitude, infinity, smallest].map(|value| {
            let v = self.vector_const(value);
            self.as_ty(ints, v)
        });
        let size = self.fb.ins().band(v, magnitude);
        let mut bad = self.fb.ins().icmp(IntCC::SignedGreaterThan, size, infinity);
        if tiny {
            let same = self.fb.ins().icmp(IntCC::Equal, size, smallest);
            bad = self.fb.ins().bor(bad, same);
        }
        let bad = self.fb.ins().vhigh_bits(types::I32, bad);
        if ty.is_vector() { bad } else { self.fb.ins().band_imm_u(bad, 1) }
    }

    fn extreme(&mut self, block: &Block, inst: &Inst, op: FpOp) -> ir::Value {
        let host = host_ty(inst);
        let (a, b) = (self.operand(block, inst.a, host), self.operand(block, inst.b, host));
        let detour = self.detour();
        if host.ty.is_vector() {
            // The host's vector forms take any NaN for invalid.
            let unordered = self.fb.ins().fcmp(FloatCC::Unordered, a, b);
            let unordered = self.fb.ins().vhigh_bits(types::I32, unordered);
            self.leave_by(&detour, unordered);
        }
        let least = matches!(op, FpOp::Min | FpOp::MinNum);
        if host.ty.is_vector() {
            let r = self.extreme_lanes(a, b, least);
            let r = self.float_result(r, host, true);
            return self.meet_always(detour, r, block, inst);
        }
        let r = if least { self.fb.ins().fmin(a, b) } else { self.fb.ins().fmax(a, b) };
        let bad = self.doubtful(r, host.ty, false);
        self.meet(detour, bad, r, block, inst)
    }

    /// The first operand if it is less (greater) than the second, else the second: in this form one instruction of the host.
    fn first_if(&mut self, block: &Block, inst: &Inst, less: bool, taken: bool) -> ir::Value {
        let host = host_ty(inst);
        let (a, b) = (self.operand(block, inst.a, host), self.operand(block, inst.b, host));
        let (x, y) = if less { (a, b) } else { (b, a) };
        let first = self.fb.ins().fcmp(FloatCC::LessThan, x, y);
        let r = if host.ty.is_vector() {
            let mask = self.as_ty(host.ty, first);
            self.fb.ins().bitselect(mask, a, b)
        } else {
            self.fb.ins().select(first, a, b)
        };
        let r = self.float_result(r, host, true);
        self.anchored(r, taken)
    }

    /// The smaller or larger lanes, where no lane is a NaN. Of two zeros the host takes the second one: both ways
    /// round differ in the sign alone. (`fmax` of vectors subtracts, so its zeros depend on the rounding mode.)
    fn extreme_lanes(&mut self, a: ir::Value, b: ir::Value, least: bool) -> ir::Value {
        let ty = self.fb.func.dfg.value_type(a);
        let [first, second] = [(a, b), (b, a)].map(|(x, y)| {
            let (l, r) = if least { (x, y) } else { (y, x) };
            let mask = self.fb.ins().fcmp(FloatCC::LessThan, l, r);
            let mask = self.as_ty(ty, mask);
            self.fb.ins().bitselect(mask, x, y)
        });
        if least { self.fb.ins().bor(first, second) } else { self.fb.ins().band(first, second) }
    }

    /// Comparisons that give masks. The host's forms are quiet and signalling as ours are.
    fn float_mask(&mut self, block: &Block, inst: &Inst, op: FpOp, taken: bool) -> ir::Value {
        let host = host_ty(inst);
        let scalar = !host.ty.is_vector();
        let ty = match host.ty {
            types::F32 => types::F32X4,
            types::F64 => types::F64X2,
            ty => ty,
        };
        let mut operands = [inst.a, inst.b].map(|v| self.operand(block, v, host));
        if scalar {
            operands = operands.map(|v| self.fb.ins().scalar_to_vector(ty, v));
        }
        let cc = match op {
            FpOp::Eq => FloatCC::Equal,
            FpOp::Ge => FloatCC::GreaterThanOrEqual,
            _ => FloatCC::GreaterThan,
        };
        let mask = self.fb.ins().fcmp(cc, operands[0], operands[1]);
        let mask = self.anchored(mask, taken);
        if scalar {
            let mask = self.as_ty(ty, mask);
            return self.fb.ins().extractlane(mask, 0);
        }
        self.float_result(mask, host, false)
    }

    /// Flags of a comparison. The branch makes the host compare now: later uses compare again.
    fn float_compare(&mut self, block: &Block, inst: &Inst) -> FlagVal {
        let relation = FpRelation::from_sub(inst.sub);
        let (a, b) = (self.data(inst.a), self.data(inst.b));
        if !self.u.float.arithmetic {
            let bits = self.exactly(block, inst);
            return if relation.is_floats() { FlagVal::Floats { a, b } } else { self.flags_of_relation(bits) };
        }
        if relation == FpRelation::Again {
            return FlagVal::Float { a, b };
        }
        let unordered = self.fb.ins().fcmp(FloatCC::Unordered, a, b);
        let detour = self.detour();
        self.fb.ins().brif(unordered, detour.cold, &[], detour.join, &[]);
        self.begin_cold(&detour);
        self.exactly(block, inst);
        self.fb.ins().jump(detour.join, &[]);
        self.fb.seal_block(detour.join);
        self.fb.switch_to_block(detour.join);
        if relation.is_floats() { FlagVal::Floats { a, b } } else { FlagVal::Float { a, b } }
    }

    /// Has `v` computed, whether or not it is used.
    pub(super) fn sink(&mut self, v: ir::Value) {
        self.store_env(v, fp_offset(offset_of!(HostFp, sink)));
    }

    pub(super) fn detour(&mut self) -> Detour {
        let (cold, join) = (self.fb.create_block(), self.fb.create_block());
        self.fb.set_cold_block(cold);
        Detour { cold, join }
    }

    /// Takes the cold way if `bad` is not 0.
    pub(super) fn leave_by(&mut self, detour: &Detour, bad: ir::Value) {
        let on = self.fb.create_block();
        self.fb.ins().brif(bad, detour.cold, &[], on, &[]);
        self.fb.seal_block(on);
        self.fb.switch_to_block(on);
    }

    /// The value of `inst`: by its helper if `bad` is not 0, else `r`.
    pub(super) fn meet(
        &mut self,
        detour: Detour,
        bad: ir::Value,
        r: ir::Value,
        block: &Block,
        inst: &Inst,
    ) -> ir::Value {
        let ty = self.fb.func.dfg.value_type(r);
        let result = self.fb.append_block_param(detour.join, ty);
        self.fb.ins().brif(bad, detour.cold, &[], detour.join, &[ir::BlockArg::Value(r)]);
        self.come_back(detour, result, block, inst)
    }

    /// The same behind checks that were made before `r`.
    pub(super) fn meet_always(&mut self, detour: Detour, r: ir::Value, block: &Block, inst: &Inst) -> ir::Value {
        let ty = self.fb.func.dfg.value_type(r);
        let result = self.fb.append_block_param(detour.join, ty);
        self.fb.ins().jump(detour.join, &[ir::BlockArg::Value(r)]);
        self.come_back(detour, result, block, inst)
    }

    fn come_back(&mut self, detour: Detour, result: ir::Value, block: &Block, inst: &Inst) -> ir::Value {
        self.begin_cold(&detour);
        let exact = self.exactly(block, inst);
        self.fb.ins().jump(detour.join, &[ir::BlockArg::Value(exact)]);
        self.fb.seal_block(detour.join);
        self.fb.switch_to_block(detour.join);
        result
    }

    fn begin_cold(&mut self, detour: &Detour) {
        self.fb.seal_block(detour.cold);
        self.fb.switch_to_block(detour.cold);
    }

    /// The value of `inst` by its helper, wherever the code is now. No register is disturbed.
    fn exactly(&mut self, block: &Block, inst: &Inst) -> ir::Value {
        let lanes = FpLanes::from_aux(inst.aux);
        let (from, to) = match lanes {
            FpLanes::One => (block.ty(inst.a).bits(), if inst.op == Op::FpCompare { 64 } else { inst.ty.bits() }),
            _ => (lanes.bits(), lanes.bits()),
        };
        let call = inst.fp_call();
        let operands: Vec<ir::Value> = inst.operands().map(|v| self.as_vector(v)).collect();
        let request = Request {
            helper: call.helper,
            extra: call.extra,
            lanes: lanes.count(),
            operands: operands.len() as u32,
            from,
            to,
        };
        let ty = if inst.op == Op::FpCompare { types::I64 } else { super::clif_ty(inst.ty) };
        self.ask(request.word(), &operands, ty)
    }

    /// What [`crate::fp::exact`] makes of `word` and vectors, as type `ty`. No register is disturbed.
    pub(super) fn ask(&mut self, word: u64, operands: &[ir::Value], ty: ir::Type) -> ir::Value {
        let mut sig = ir::Signature::new(CallConv::PreserveAll);
        sig.params.extend([ir::AbiParam::new(types::I64); 2]);
        sig.params.extend(operands.iter().map(|_| ir::AbiParam::new(types::I8X16)));
        let sig = *self.exact_sigs[operands.len() - 1].get_or_insert_with(|| self.fb.import_signature(sig));
        let word = self.const64(word);
        let callee = self.load_env(types::I64, fp_offset(offset_of!(HostFp, exact)));
        let args: Vec<ir::Value> = [self.env, word].into_iter().chain(operands.iter().copied()).collect();
        self.fb.ins().call_indirect(sig, callee, &args);
        self.load_env(ty, fp_offset(offset_of!(HostFp, result)))
    }

    /// Any data as a vector with its bits at the bottom.
    fn as_vector(&mut self, v: Value) -> ir::Value {
        let v = self.data(v);
        let v = match self.fb.func.dfg.value_type(v) {
            types::F32 => self.fb.ins().scalar_to_vector(types::F32X4, v),
            types::F64 => self.fb.ins().scalar_to_vector(types::F64X2, v),
            types::I64 => self.fb.ins().scalar_to_vector(types::I64X2, v),
            _ => v,
        };
        self.as_ty(types::I8X16, v)
    }

    /// Flags from the N Z C V of one of the four relations.
    fn flags_of_relation(&mut self, bits: ir::Value) -> FlagVal {
        let bit = |l: &mut Self, at: i64| {
            let v = l.fb.ins().ushr_imm_u(bits, at);
            let v = l.fb.ins().ireduce(types::I32, v);
            l.fb.ins().band_imm_u(v, 1)
        };
        let (n, z, c, v) = (bit(self, 31), bit(self, 30), bit(self, 29), bit(self, 28));
        let greater = self.fb.ins().icmp(IntCC::UnsignedGreaterThan, c, z);
        let greater = self.fb.ins().uextend(types::I32, greater);
        let greater = self.fb.ins().band_not(greater, v);
        let less = self.fb.ins().bor(n, v);
        self.relation(greater, less, v)
    }

    /// The flags of a float comparison as those of an integer subtraction: 1 - 0 for greater, 0 - 1 for less, 0 - 0
    /// for equal, and smallest - 1, which overflows to a positive number, for unordered. All are I32, 0 or 1;
    /// `less` is 1 for unordered too.
    pub(super) fn relation(&mut self, greater: ir::Value, less: ir::Value, unordered: ir::Value) -> FlagVal {
        let top = self.fb.ins().ishl_imm_u(unordered, 31);
        let a = self.fb.ins().bor(greater, top);
        FlagVal::Op { op: crate::cfg::RELATION, a, b: less }
    }
}

/// Whether the upper half of a vector is known to be zero.
fn upper_is_zero(block: &Block, v: Value) -> bool {
    let inst = block.def(v);
    match inst.op {
        Op::Vscalar => true,
        Op::Fp1 | Op::Fp2 | Op::Fp3 => FpLanes::from_aux(inst.aux) == FpLanes::S2,
        Op::Load => inst.memop().size != brolga_core::Size::B16,
        _ => false,
    }
}
