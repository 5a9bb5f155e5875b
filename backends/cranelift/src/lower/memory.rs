//! Guest memory: an address plus the base is a host address, and the host's MMU checks it.

use super::{Lower, Val, clif_ty};
use crate::cfg;
use crate::compile::Refused;
use crate::stand_in::StandIn;
use crate::status;
use brolga_core::{Align, Env, MemOp, Order, RmwOp, Size};
use brolga_ir::{Block, Inst, Op, PrefetchKind, Value};
use cranelift_codegen::ir::{self, AtomicRmwOp, InstBuilder, MemFlagsData, condcodes::IntCC, types};
use std::mem::offset_of;
use std::ops::Range;

fn size_ty(size: Size) -> ir::Type {
    match size {
        Size::B1 => types::I8,
        Size::B2 => types::I16,
        Size::B4 => types::I32,
        Size::B8 => types::I64,
        Size::B16 => types::I8X16,
    }
}

fn takes_displacement(op: Op) -> bool {
    matches!(op, Op::Load | Op::Store | Op::Prefetch)
}

fn rmw_op(op: RmwOp) -> AtomicRmwOp {
    match op {
        RmwOp::Swap => AtomicRmwOp::Xchg,
        RmwOp::Add => AtomicRmwOp::Add,
        RmwOp::And => AtomicRmwOp::And,
        RmwOp::Or => AtomicRmwOp::Or,
        RmwOp::Xor => AtomicRmwOp::Xor,
        RmwOp::Smax => AtomicRmwOp::Smax,
        RmwOp::Smin => AtomicRmwOp::Smin,
        RmwOp::Umax => AtomicRmwOp::Umax,
        RmwOp::Umin => AtomicRmwOp::Umin,
    }
}

impl Lower<'_, '_> {
    /// The access of instruction `i`; its result if it has one.
    pub(super) fn memory(&mut self, block: &Block, i: usize, inst: &Inst) -> Result<Option<ir::Value>, Refused> {
        let sync = self.sync_before(inst);
        let op = inst.memop();
        let base = self.data(inst.a);
        let (addr, offset) = self.address(base, inst);
        let by_fault = cfg::misalignment_is_a_fault(op, self.u.regs);
        if op.align != Align::None && op.size != Size::B1 && !by_fault {
            self.check_alignment(op, addr, offset);
        }
        let flags = self.numbered()?;
        let unproven = by_fault && self.prove_aligned(op, addr, offset);
        let by_move = unproven && op.align == Align::Natural && self.u.features.moves;
        if unproven && !by_move {
            self.fault_unless_aligned(op, flags, addr, offset);
        }
        let result = match inst.op {
            Op::Load if by_move => Some(self.load_aligned(flags, addr, offset)),
            Op::Store if by_move => {
                self.store_aligned(inst, flags, addr, offset);
                None
            }
            Op::Load => Some(self.load(i, inst, op, flags, addr, offset)),
            Op::Store => {
                self.store(block, inst, op, flags, addr, offset);
                None
            }
            Op::Rmw => {
                let v = self.data(inst.b);
                let v = self.resize(v, size_ty(op.size), false);
                let rmw = rmw_op(RmwOp::ALL[inst.sub as usize]);
                let old = self.fb.ins().atomic_rmw(size_ty(op.size), flags, rmw, addr, v);
                Some(self.resize(old, types::I64, false))
            }
            _ => Some(self.compare_exchange(inst, op, flags, addr)),
        };
        if sync.effect {
            self.sync = None;
        }
        Ok(result)
    }

    /// Has memory hold what tier 0 needs to begin at access `inst`; tells what the access is to those behind it.
    fn sync_before(&mut self, inst: &Inst) -> cfg::Sync {
        let sync = cfg::access(inst).unwrap_or(cfg::Sync { own: true, effect: true });
        if self.u.region.precise && (sync.own || self.sync.is_none()) {
            self.store_rows(self.dirty);
            self.dirty = crate::words::Rows::EMPTY;
            self.sync = Some(self.pc);
        }
        sync
    }

    /// By code that catches faults.
    pub(super) fn mem_copy(&mut self, inst: &Inst) -> ir::Value {
        self.sync_before(inst);
        let args = [inst.a, inst.b, inst.c].map(|v| self.data(v));
        self.sync = None;
        self.call_table(crate::helpers::COPY, args)
    }

    /// By a load whose result nobody reads, and that cannot fault.
    pub(super) fn prefetch(&mut self, inst: &Inst) {
        if !self.u.features.moves {
            return;
        }
        let base = self.data(inst.a);
        let (addr, offset) = self.address(base, inst);
        self.begin_stand_in();
        self.fb.ins().uload8(types::I32, self.guest_flags, addr, offset);
        self.end_stand_in(StandIn::Prefetch(PrefetchKind::from_sub(inst.sub)));
    }

    /// What the set of a row that `insts` begins with, the rest of the node, is to write for `new`. If that is what the row
    /// held, moved on by a constant, and accesses by the old value follow, they go by the new one from here on: in a loop
    /// both would have a register, and one be copied to the other each time. Where another set of the row follows, the old
    /// one it is: the new one need not be computed.
    pub(super) fn moved_on(&mut self, block: &Block, insts: Range<usize>, new: ir::Value) -> ir::Value {
        let Some((old, by)) = self.sum_with_constant(new) else { return new };
        let set = &block.insts[insts.start];
        let before = self.read_row(set.aux as u8);
        if self.fb.func.dfg.resolve_aliases(before) != old {
            return new;
        }
        let later = &block.insts[insts.start + 1..insts.end];
        let again = later.iter().any(|inst| inst.op == Op::Set && inst.aux == set.aux);
        let goes_by_old = |inst: &Inst| takes_displacement(inst.op) && self.is(inst.a, old);
        if again || !later.iter().any(goes_by_old) {
            return new;
        }
        // As a difference: Cranelift takes addresses from further back than a sum.
        let by_less = self.const64(by.wrapping_neg() as u64);
        let new = self.fb.ins().isub(old, by_less);
        self.values[set.a.index()] = Val::Data(new);
        self.moved.push((old, new, by));
        new
    }

    /// Whether an IR value has been lowered to `other`.
    fn is(&self, v: Value, other: ir::Value) -> bool {
        matches!(self.values[v.index()], Val::Data(v) if self.fb.func.dfg.resolve_aliases(v) == other)
    }

    /// `base` plus the displacement of `inst`, from what the base became where there is such a value.
    fn moved(&self, base: ir::Value, inst: &Inst) -> (ir::Value, i64) {
        let old = self.fb.func.dfg.resolve_aliases(base);
        let displacement = inst.imm as i64;
        let found = self.moved.iter().find(|(from, ..)| *from == old && takes_displacement(inst.op));
        found.map_or((base, displacement), |&(_, new, by)| (new, displacement.wrapping_sub(by)))
    }

    /// Host address as a value and a displacement; atomics have no displacement.
    fn address(&mut self, base: ir::Value, inst: &Inst) -> (ir::Value, i32) {
        let (base, displacement) = self.moved(base, inst);
        if self.u.remove_tags {
            let tagged = if displacement == 0 { base } else { self.fb.ins().iadd_imm_s(base, displacement) };
            let address = self.fb.ins().band_imm_u(tagged, i64::MAX >> 7);
            return match i32::try_from(self.u.guest_base as i64) {
                Ok(short) if takes_displacement(inst.op) => (address, short),
                _ => (self.fb.ins().iadd_imm_s(address, self.u.guest_base as i64), 0),
            };
        }
        let full = displacement.wrapping_add(self.u.guest_base as i64);
        match i32::try_from(full) {
            Ok(0) => (base, 0),
            Ok(short) if takes_displacement(inst.op) => (base, short),
            _ => {
                let offset = self.const64(full as u64);
                (self.fb.ins().iadd(base, offset), 0)
            }
        }
    }

    /// Leaves to tier 0, which reports the fault, where the alignment rule is broken.
    fn check_alignment(&mut self, op: MemOp, addr: ir::Value, offset: i32) {
        let base = self.u.guest_base as i64;
        // The rule is about guest addresses; a base that is a multiple of 16 does not matter.
        let offset = if base % 16 == 0 { i64::from(offset) } else { i64::from(offset) - base };
        let addr = if offset == 0 { addr } else { self.fb.ins().iadd_imm_s(addr, offset) };
        let bytes = op.size.bytes() as i64;
        let bad = if op.align == Align::Double {
            let low = self.fb.ins().band_imm_u(addr, 2 * bytes - 1);
            self.fb.ins().icmp_imm_s(IntCC::NotEqual, low, 0)
        } else if op.align == Align::Natural || op.size == Size::B16 {
            let low = self.fb.ins().band_imm_u(addr, bytes - 1);
            self.fb.ins().icmp_imm_s(IntCC::NotEqual, low, 0)
        } else {
            let low = self.fb.ins().band_imm_u(addr, 15);
            self.fb.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, low, 16 - bytes)
        };
        let pc = self.pc;
        self.leave_if(bad, pc, self.dirty, status::RESUME);
    }

    /// Bits that are clear in the address of an aligned access.
    fn alignment_mask(op: MemOp) -> i64 {
        op.size.bytes() as i64 * if op.align == Align::Double { 2 } else { 1 } - 1
    }

    /// Whether it is not known yet that the access is aligned. It is from now on: an access to the same base in the same
    /// node speaks for the next one.
    fn prove_aligned(&mut self, op: MemOp, addr: ir::Value, offset: i32) -> bool {
        let mask = Lower::alignment_mask(op);
        let (root, more) = self.base_and_offset(addr);
        let known = (root, more.wrapping_add(offset.into()), mask);
        // What is aligned more is aligned less.
        let says = |&(other, at, of): &(ir::Value, i64, i64)| other == root && of >= mask && (at ^ known.1) & mask == 0;
        let proven = self.aligned.iter().any(says);
        if !proven {
            self.aligned.push(known);
        }
        !proven
    }

    /// The host's aligned move, which faults by itself where the address is not aligned: what has to be done for it is then
    /// done by the way that faults take, and costs nothing here. It is no operand of another instruction, which would take
    /// any address: [`Lower::as_ty`] stops at its type.
    fn load_aligned(&mut self, flags: MemFlagsData, addr: ir::Value, offset: i32) -> ir::Value {
        self.begin_stand_in();
        let v = self.fb.ins().load(types::F32X4, flags, addr, offset);
        self.end_stand_in(StandIn::Aligned);
        self.fb.ins().bitcast(types::I8X16, MemFlagsData::new().with_endianness(ir::Endianness::Little), v)
    }

    fn store_aligned(&mut self, inst: &Inst, flags: MemFlagsData, addr: ir::Value, offset: i32) {
        let v = self.data(inst.b);
        let v = self.as_ty(types::F32X4, v);
        self.begin_stand_in();
        self.fb.ins().store(flags, v, addr, offset);
        self.end_stand_in(StandIn::Aligned);
    }

    /// The same by a look at the address.
    fn fault_unless_aligned(&mut self, op: MemOp, flags: MemFlagsData, addr: ir::Value, offset: i32) {
        let (mask, offset) = (Lower::alignment_mask(op), i64::from(offset));
        let whole = if offset & mask == 0 { addr } else { self.fb.ins().iadd_imm_s(addr, offset) };
        let low = self.fb.ins().band_imm_u(whole, mask);
        let (bad, on) = (self.fb.create_block(), self.fb.create_block());
        self.fb.set_cold_block(bad);
        self.fb.ins().brif(low, bad, &[], on, &[]);
        self.fb.seal_block(bad);
        self.fb.switch_to_block(bad);
        // Nobody has the first page. The number is the access's.
        let nowhere = self.const64(0);
        self.fb.ins().load(types::I8, flags, nowhere, 8);
        self.fb.ins().jump(on, &[]);
        self.fb.seal_block(on);
        self.fb.switch_to_block(on);
    }

    /// `v` as another value and a constant, as far as sums with constants go.
    fn base_and_offset(&self, v: ir::Value) -> (ir::Value, i64) {
        let dfg = &self.fb.func.dfg;
        let (mut v, mut offset) = (dfg.resolve_aliases(v), 0i64);
        while let Some((addend, constant)) = self.sum_with_constant(v) {
            (v, offset) = (addend, offset.wrapping_add(constant));
        }
        (v, offset)
    }

    /// The addend of a sum with a constant, or what it is taken away from, and what that adds.
    fn sum_with_constant(&self, v: ir::Value) -> Option<(ir::Value, i64)> {
        let dfg = &self.fb.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(v)).inst()?;
        let ir::InstructionData::Binary { opcode, args } = dfg.insts[inst] else { return None };
        let constant = self.constant(args[1])?;
        let by = match opcode {
            ir::Opcode::Iadd => constant,
            ir::Opcode::Isub => constant.wrapping_neg(),
            _ => return None,
        };
        Some((dfg.resolve_aliases(args[0]), by))
    }

    /// What `v` is, if it is a constant integer.
    pub(super) fn constant(&self, v: ir::Value) -> Option<i64> {
        let dfg = &self.fb.func.dfg;
        match dfg.insts[dfg.value_def(v).inst()?] {
            ir::InstructionData::UnaryImm { opcode: ir::Opcode::Iconst, imm } => Some(imm.into()),
            _ => None,
        }
    }

    fn load(
        &mut self,
        i: usize,
        inst: &Inst,
        op: MemOp,
        flags: MemFlagsData,
        addr: ir::Value,
        offset: i32,
    ) -> ir::Value {
        let ty = clif_ty(inst.ty);
        if ty.is_float() {
            if let Some(v) = self.load_planned(self.plans[i], inst.ty, flags, addr, offset) {
                return v;
            }
            return self.fb.ins().load(ty, flags, addr, offset);
        }
        if ty.is_int() && ty.bytes() > op.size.bytes() as u32 {
            return self.load_extended(op, ty, flags, addr, offset);
        }
        if ty == types::I8X16
            && self.u.features.vex
            && let Some(lanes) = match op.size {
                Size::B4 => Some(types::F32X4),
                Size::B8 => Some(types::F64X2),
                _ => None,
            }
        {
            return self.load_low(lanes, flags, addr, offset);
        }
        let v = self.fb.ins().load(size_ty(op.size), flags, addr, offset);
        if ty != types::I8X16 {
            return self.resize(v, ty, op.signed);
        }
        if op.size == Size::B16 {
            return v;
        }
        let v = self.zero_extended(v);
        self.as_ty(types::I8X16, v)
    }

    /// Loads less than `ty` has: the host extends as it loads.
    fn load_extended(
        &mut self,
        op: MemOp,
        ty: ir::Type,
        flags: MemFlagsData,
        addr: ir::Value,
        offset: i32,
    ) -> ir::Value {
        let ins = self.fb.ins();
        match (op.size, op.signed) {
            (Size::B1, false) => ins.uload8(ty, flags, addr, offset),
            (Size::B1, true) => ins.sload8(ty, flags, addr, offset),
            (Size::B2, false) => ins.uload16(ty, flags, addr, offset),
            (Size::B2, true) => ins.sload16(ty, flags, addr, offset),
            (_, false) => ins.uload32(flags, addr, offset),
            (_, true) => ins.sload32(flags, addr, offset),
        }
    }

    fn store(&mut self, block: &Block, inst: &Inst, op: MemOp, flags: MemFlagsData, addr: ir::Value, offset: i32) {
        let mut v = self.data(inst.b);
        let ty = size_ty(op.size);
        let ordered = op.order == Order::SeqCst;
        if block.ty(inst.b) != brolga_ir::Ty::V128 {
            if ordered || self.fb.func.dfg.value_type(v).bits() != ty.bits() {
                v = self.resize(v, ty, false);
            }
        } else if op.size != Size::B16 {
            // A float's lane goes to memory without a detour through a general register.
            let ty = match ty {
                types::I32 if !ordered => types::F32,
                types::I64 if !ordered => types::F64,
                ty => ty,
            };
            let lanes = ty.by(128 / ty.bits()).unwrap_or(types::I64X2);
            let lanes = self.as_ty(lanes, v);
            v = self.fb.ins().extractlane(lanes, 0);
        }
        if ordered && op.align != Align::None && op.size != Size::B16 {
            // An exchange is a store and a full barrier, and cheaper than both.
            let addr = if offset == 0 { addr } else { self.fb.ins().iadd_imm_s(addr, i64::from(offset)) };
            self.fb.ins().atomic_rmw(ty, flags, AtomicRmwOp::Xchg, addr, v);
            return;
        }
        self.fb.ins().store(flags, v, addr, offset);
        if ordered {
            self.fence(Op::Fence);
        }
    }

    /// A barrier.
    pub(super) fn fence(&mut self, op: Op) {
        if !crate::host::TOTAL_STORE_ORDER {
            self.fb.ins().fence();
            return;
        }
        // What is left to keep is that a load does not overtake a store, and, where Cranelift optimises, that it
        // moves nothing across. Any locked instruction does both, several times as fast as the host's fence.
        if op == Op::Fence || self.u.atomic_poll {
            let word = self.fb.ins().iadd_imm_s(self.env, offset_of!(Env, exit_slot) as i64 - i64::from(Env::BIAS));
            let nothing = self.fb.ins().iconst(types::I32, 0);
            self.fb.ins().atomic_rmw(types::I32, self.env_flags, AtomicRmwOp::Or, word, nothing);
        }
    }

    fn compare_exchange(&mut self, inst: &Inst, op: MemOp, flags: MemFlagsData, addr: ir::Value) -> ir::Value {
        let (expected, new) = (self.data(inst.b), self.data(inst.c));
        if op.size == Size::B16 {
            let (expected, new) = (self.as_ty(types::I128, expected), self.as_ty(types::I128, new));
            let old = self.fb.ins().atomic_cas(flags, addr, expected, new);
            return self.as_ty(types::I8X16, old);
        }
        let ty = size_ty(op.size);
        let (expected, new) = (self.resize(expected, ty, false), self.resize(new, ty, false));
        let old = self.fb.ins().atomic_cas(flags, addr, expected, new);
        self.resize(old, types::I64, false)
    }
}
