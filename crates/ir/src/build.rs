//! Builder: what a front end's semantic functions write with.

use crate::block::{Block, CallSite, HelperId, Inst, Label, Target, Value};
use crate::fp::{FpCall, FpLanes, FpOp, FpRelation};
use crate::ops::{FoldOp, Form, IntCc, JumpKind, Op, PrefetchKind, RaiseKind, Shape, Ty};
use crate::vecfn::VecFn;
use brolga_core::{Cond, MemOp, Reg, RegSet, RmwOp};

/// Appends instructions to a [`Block`].
#[derive(Debug, Default)]
pub struct Builder {
    /// The block so far.
    pub block: Block,
}

macro_rules! binary {
    ($($(#[doc = $doc:literal])* $name:ident $op:ident;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&mut self, ty: Ty, a: Value, b: Value) -> Value {
            self.push(Inst { a, b, ..Inst::new(Op::$op, ty) })
        }
    )*};
}

macro_rules! unary {
    ($($(#[doc = $doc:literal])* $name:ident $op:ident;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&mut self, ty: Ty, a: Value) -> Value {
            self.push(Inst { a, ..Inst::new(Op::$op, ty) })
        }
    )*};
}

impl Builder {
    /// A builder for the block at `pc`.
    pub fn new(pc: u64, mode: u32) -> Builder {
        Builder { block: Block { pc, end: pc, mode, ..Block::default() } }
    }

    /// Begins the block at `pc` in the memory of the last one.
    pub fn begin(&mut self, pc: u64, mode: u32) {
        self.go_on();
        let block = &mut self.block;
        (block.pc, block.end, block.mode) = (pc, pc, mode);
        (block.guest_insns, block.once) = (0, false);
    }

    /// Drops the instructions so far, which are in another form by now: the block goes on behind them.
    pub fn go_on(&mut self) {
        let block = &mut self.block;
        block.insts.clear();
        block.targets.clear();
        block.calls.clear();
        block.consts.clear();
        block.labels = 0;
    }

    /// Appends an instruction and returns its value.
    #[inline]
    pub fn push(&mut self, inst: Inst) -> Value {
        let v = Value(self.block.insts.len() as u32);
        self.block.insts.push(inst);
        v
    }

    /// Starts the guest instruction at `pc`, `len` bytes long.
    pub fn insn_start(&mut self, pc: u64, len: u16) {
        self.block.guest_insns += 1;
        self.block.end = pc + len as u64;
        self.push(Inst { imm: pc, aux: len, ..Inst::new(Op::InsnStart, Ty::Void) });
    }

    /// A fresh label.
    pub fn new_label(&mut self) -> Label {
        self.block.labels += 1;
        Label(self.block.labels)
    }

    /// Starts local block `label`; the one before must have ended.
    pub fn bind(&mut self, label: Label) {
        self.push(Inst { aux: label.0, ..Inst::new(Op::Label, Ty::Void) });
    }

    /// The next parameter of the local block just bound.
    pub fn param(&mut self, ty: Ty) -> Value {
        self.push(Inst::new(Op::Param, ty))
    }

    /// A constant; bits above the type's width must be zero, and are cleared here.
    pub fn iconst(&mut self, ty: Ty, imm: u64) -> Value {
        let mask = if ty.bits() >= 64 { u64::MAX } else { (1 << ty.bits()) - 1 };
        self.push(Inst { imm: imm & mask, ..Inst::new(Op::Iconst, ty) })
    }

    /// A 128-bit constant.
    pub fn vconst(&mut self, value: u128) -> Value {
        let imm = self.block.consts.len() as u64;
        self.block.consts.push(value);
        self.push(Inst { imm, ..Inst::new(Op::Vconst, Ty::V128) })
    }

    /// Reads a one-word register.
    pub fn get(&mut self, reg: Reg) -> Value {
        self.push(Inst { aux: reg.0 as u16, ..Inst::new(Op::Get, Ty::I64) })
    }

    /// Reads a two-word register.
    pub fn get_v(&mut self, reg: Reg) -> Value {
        self.push(Inst { aux: reg.0 as u16, ..Inst::new(Op::Get, Ty::V128) })
    }

    /// Writes a register.
    pub fn set(&mut self, reg: Reg, a: Value) {
        self.push(Inst { a, aux: reg.0 as u16, ..Inst::new(Op::Set, Ty::Void) });
    }

    /// Reads the flags.
    pub fn get_flags(&mut self) -> Value {
        self.push(Inst::new(Op::GetFlags, Ty::Flags))
    }

    /// Writes the flags.
    pub fn set_flags(&mut self, a: Value) {
        self.push(Inst { a, ..Inst::new(Op::SetFlags, Ty::Void) });
    }

    binary! {
        /// Sum.
        iadd Iadd;
        /// Difference.
        isub Isub;
        /// Low half of the product.
        imul Imul;
        /// High half of the unsigned product.
        umulh Umulh;
        /// High half of the signed product.
        smulh Smulh;
        /// Unsigned quotient, 0 for a zero divisor.
        udiv Udiv;
        /// Signed quotient, 0 for a zero divisor.
        sdiv Sdiv;
        /// Bitwise and.
        and And;
        /// Bitwise or.
        or Or;
        /// Bitwise exclusive or.
        xor Xor;
        /// `a & !b`
        bic Bic;
        /// Shift left, amount modulo the width.
        shl Shl;
        /// Logical shift right, amount modulo the width.
        lshr Lshr;
        /// Arithmetic shift right, amount modulo the width.
        ashr Ashr;
        /// Rotate right, amount modulo the width.
        rotr Rotr;
        /// Signed minimum.
        smin Smin;
        /// Signed maximum.
        smax Smax;
        /// Unsigned minimum.
        umin Umin;
        /// Unsigned maximum.
        umax Umax;
        /// Flags of the sum.
        flags_add FlagsAdd;
        /// Flags of the difference.
        flags_sub FlagsSub;
    }

    unary! {
        /// Complement.
        not Not;
        /// Negation.
        neg Neg;
        /// Leading zeros.
        clz Clz;
        /// Trailing zeros.
        ctz Ctz;
        /// Leading sign bits less one.
        cls Cls;
        /// One bits.
        popcnt Popcnt;
        /// Bytes reversed.
        bswap Bswap;
        /// Bits reversed.
        bitrev Bitrev;
        /// Zero-extends or truncates to `ty`.
        zext Zext;
        /// Sign-extends to `ty`.
        sext Sext;
        /// Reinterprets bits as `ty`.
        bitcast Bitcast;
        /// N and Z of the operand.
        flags_logic FlagsLogic;
    }

    /// Bits `lsb..lsb + width`, zero-extended.
    pub fn extract(&mut self, ty: Ty, a: Value, lsb: u32, width: u32) -> Value {
        self.push(Inst { a, imm: (lsb | width << 8) as u64, ..Inst::new(Op::Extract, ty) })
    }

    /// Bits `lsb..lsb + width`, sign-extended.
    pub fn sextract(&mut self, ty: Ty, a: Value, lsb: u32, width: u32) -> Value {
        self.push(Inst { a, imm: (lsb | width << 8) as u64, ..Inst::new(Op::Sextract, ty) })
    }

    /// `a` with bits `lsb..lsb + width` replaced by the low bits of `b`.
    pub fn deposit(&mut self, ty: Ty, a: Value, b: Value, lsb: u32, width: u32) -> Value {
        self.push(Inst { a, b, imm: (lsb | width << 8) as u64, ..Inst::new(Op::Deposit, ty) })
    }

    /// 1 if the comparison holds, as I8; `ty` is the operands' type.
    pub fn icmp(&mut self, ty: Ty, cc: IntCc, a: Value, b: Value) -> Value {
        self.push(Inst { a, b, sub: cc as u8, ..Inst::new(Op::Icmp, ty) })
    }

    /// `a` if `c` is not 0, else `b`.
    pub fn select(&mut self, ty: Ty, c: Value, a: Value, b: Value) -> Value {
        self.push(Inst { a: c, b: a, c: b, ..Inst::new(Op::Select, ty) })
    }

    /// Flags of `a + b + c`.
    pub fn flags_adc(&mut self, ty: Ty, a: Value, b: Value, c: Value) -> Value {
        self.push(Inst { a, b, c, ..Inst::new(Op::FlagsAdc, ty) })
    }

    /// Flags of `a - b - (1 - c)`.
    pub fn flags_sbc(&mut self, ty: Ty, a: Value, b: Value, c: Value) -> Value {
        self.push(Inst { a, b, c, ..Inst::new(Op::FlagsSbc, ty) })
    }

    /// Flags from bits 31..28.
    pub fn flags_pack(&mut self, a: Value) -> Value {
        self.push(Inst { a, ..Inst::new(Op::FlagsPack, Ty::I64) })
    }

    /// Flags to bits 31..28.
    pub fn flags_unpack(&mut self, a: Value) -> Value {
        self.push(Inst { a, ..Inst::new(Op::FlagsUnpack, Ty::I64) })
    }

    /// `a` if `c` is not 0, else `b`.
    pub fn flags_select(&mut self, c: Value, a: Value, b: Value) -> Value {
        self.push(Inst { a: c, b: a, c: b, ..Inst::new(Op::FlagsSelect, Ty::Flags) })
    }

    /// The flags with C inverted if `c` is 1.
    pub fn flags_flip_c(&mut self, flags: Value, c: Value) -> Value {
        self.push(Inst { a: flags, b: c, ..Inst::new(Op::FlagsFlipC, Ty::Flags) })
    }

    /// 1 if the flags satisfy the predicate.
    pub fn cond(&mut self, cond: Cond, flags: Value) -> Value {
        self.push(Inst { a: flags, sub: cond as u8, ..Inst::new(Op::Cond, Ty::I8) })
    }

    /// Reads `addr + offset`.
    pub fn load(&mut self, ty: Ty, op: MemOp, addr: Value, offset: i64) -> Value {
        self.push(Inst { a: addr, aux: op.bits(), imm: offset as u64, ..Inst::new(Op::Load, ty) })
    }

    /// Writes to `addr + offset`.
    pub fn store(&mut self, op: MemOp, addr: Value, offset: i64, value: Value) {
        self.push(Inst { a: addr, b: value, aux: op.bits(), imm: offset as u64, ..Inst::new(Op::Store, Ty::Void) });
    }

    /// Atomic read-modify-write; the old value as I64.
    pub fn rmw(&mut self, rmw: RmwOp, op: MemOp, addr: Value, value: Value) -> Value {
        self.push(Inst { a: addr, b: value, sub: rmw as u8, aux: op.bits(), ..Inst::new(Op::Rmw, Ty::I64) })
    }

    /// Atomic compare-and-exchange; the old value. `ty` is I64 or V128.
    pub fn cas(&mut self, ty: Ty, op: MemOp, addr: Value, expected: Value, new: Value) -> Value {
        self.push(Inst { a: addr, b: expected, c: new, aux: op.bits(), ..Inst::new(Op::Cas, ty) })
    }

    /// Copies up to `len` bytes from `from` on to `to`; how many, less if memory cannot be accessed.
    pub fn mem_copy(&mut self, to: Value, from: Value, len: Value) -> Value {
        self.push(Inst { a: to, b: from, c: len, ..Inst::new(Op::MemCopy, Ty::I64) })
    }

    /// A floating-point operation on scalars of type `ty`, or on `lanes` of V128.
    pub fn fp(&mut self, op: FpOp, ty: Ty, lanes: FpLanes, operands: &[Value], call: FpCall) -> Value {
        let inst = match op.operands() {
            1 => Op::Fp1,
            2 => Op::Fp2,
            _ => Op::Fp3,
        };
        let operand = |n: usize| operands.get(n).copied().unwrap_or(Value::NONE);
        let (a, b, c) = (operand(0), operand(1), operand(2));
        self.push(Inst { a, b, c, sub: op as u8, aux: lanes as u16, imm: call.to_imm(), ..Inst::new(inst, ty) })
    }

    /// A conversion of a scalar to `ty`.
    pub fn fp_convert(&mut self, op: FpOp, ty: Ty, a: Value, call: FpCall) -> Value {
        self.push(Inst { a, sub: op as u8, imm: call.to_imm(), ..Inst::new(Op::FpConvert, ty) })
    }

    /// Flags of a comparison of scalars of type `ty`.
    pub fn fp_compare(&mut self, ty: Ty, relation: FpRelation, a: Value, b: Value, call: FpCall) -> Value {
        self.push(Inst { a, b, sub: relation as u8, imm: call.to_imm(), ..Inst::new(Op::FpCompare, ty) })
    }

    /// A barrier: [`Op::Fence`], [`Op::FenceLoad`] or [`Op::FenceStore`].
    pub fn fence(&mut self, op: Op) {
        debug_assert!(op.info().form == Form::Fence);
        self.push(Inst::new(op, Ty::Void));
    }

    /// A hint that `addr + offset` will be accessed.
    pub fn prefetch(&mut self, kind: PrefetchKind, addr: Value, offset: i64) {
        self.push(Inst { a: addr, sub: kind as u8, imm: offset as u64, ..Inst::new(Op::Prefetch, Ty::Void) });
    }

    /// All lanes equal to the low bits of `a`.
    pub fn vsplat(&mut self, shape: Shape, a: Value) -> Value {
        self.push(Inst { a, sub: shape as u8, ..Inst::new(Op::Vsplat, Ty::V128) })
    }

    /// A scalar in lane 0, the rest zero.
    pub fn vscalar(&mut self, a: Value) -> Value {
        self.push(Inst { a, ..Inst::new(Op::Vscalar, Ty::V128) })
    }

    /// A lane, zero-extended to `ty`.
    pub fn lane(&mut self, ty: Ty, shape: Shape, a: Value, lane: u32) -> Value {
        self.push(Inst { a, sub: shape as u8, imm: lane as u64, ..Inst::new(Op::Lane, ty) })
    }

    /// The vector `a` with a lane replaced by the low bits of `b`.
    pub fn insert(&mut self, shape: Shape, a: Value, b: Value, lane: u32) -> Value {
        self.push(Inst { a, b, sub: shape as u8, imm: lane as u64, ..Inst::new(Op::Insert, Ty::V128) })
    }

    /// A lanewise op of two vectors.
    pub fn vbinary(&mut self, op: Op, shape: Shape, a: Value, b: Value) -> Value {
        self.push(Inst { a, b, sub: shape as u8, ..Inst::new(op, Ty::V128) })
    }

    /// A lanewise op of one vector.
    pub fn vunary(&mut self, op: Op, shape: Shape, a: Value) -> Value {
        self.push(Inst { a, sub: shape as u8, ..Inst::new(op, Ty::V128) })
    }

    /// The lower or upper half of the lanes, extended by [`Op::Vsext`] or [`Op::Vzext`].
    pub fn vwiden(&mut self, op: Op, shape: Shape, a: Value, upper: bool) -> Value {
        self.vshift(op, shape, a, upper as u32)
    }

    /// Bytes of `a` (0 to 15) and `b` (16 to 31) by constant selectors; 0x80 gives zero.
    pub fn vshuffle(&mut self, a: Value, b: Value, selectors: [u8; 16]) -> Value {
        let imm = self.block.consts.len() as u64;
        self.block.consts.push(u128::from_le_bytes(selectors));
        self.push(Inst { a, b, imm, ..Inst::new(Op::Vshuffle, Ty::V128) })
    }

    /// All lanes combined, in lane 0.
    pub fn vfold(&mut self, fold: FoldOp, shape: Shape, a: Value) -> Value {
        self.push(Inst { a, sub: shape as u8, aux: fold as u16, ..Inst::new(Op::Vfold, Ty::V128) })
    }

    /// Bits of `a` where `mask` is 1, else of `b`.
    pub fn bitselect(&mut self, mask: Value, a: Value, b: Value) -> Value {
        self.push(Inst { a: mask, b: a, c: b, ..Inst::new(Op::Bitselect, Ty::V128) })
    }

    /// A function of vectors with its immediate.
    pub fn vec_fn(&mut self, f: VecFn, operands: &[Value], imm: u8) -> Value {
        let operand = |k: usize| operands.get(k).copied().unwrap_or(Value::NONE);
        let (a, b, c) = (operand(0), operand(1), operand(2));
        self.push(Inst { a, b, c, sub: f as u8, imm: imm.into(), ..Inst::new(f.op(), Ty::V128) })
    }

    /// 1 if any bit of a vector is 1, as I8.
    pub fn vany(&mut self, a: Value) -> Value {
        self.push(Inst { a, ..Inst::new(Op::Vany, Ty::I8) })
    }

    /// A lanewise comparison.
    pub fn vicmp(&mut self, cc: IntCc, shape: Shape, a: Value, b: Value) -> Value {
        self.push(Inst { a, b, sub: shape as u8, aux: cc as u16, ..Inst::new(Op::Vicmp, Ty::V128) })
    }

    /// A lanewise shift by an immediate.
    pub fn vshift(&mut self, op: Op, shape: Shape, a: Value, amount: u32) -> Value {
        self.push(Inst { a, sub: shape as u8, imm: amount as u64, ..Inst::new(op, Ty::V128) })
    }

    /// A helper call with an I64 result.
    pub fn call(&mut self, helper: HelperId, args: &[Value], reads: RegSet, writes: RegSet) -> Value {
        self.call_ty(Ty::I64, helper, args, reads, writes)
    }

    /// A helper call without a result.
    pub fn call_void(&mut self, helper: HelperId, args: &[Value], reads: RegSet, writes: RegSet) {
        self.call_ty(Ty::Void, helper, args, reads, writes);
    }

    fn call_ty(&mut self, ty: Ty, helper: HelperId, args: &[Value], reads: RegSet, writes: RegSet) -> Value {
        let imm = self.block.calls.len() as u64;
        self.block.calls.push(CallSite { helper, args: args.to_vec(), reads, writes });
        self.push(Inst { imm, ..Inst::new(Op::Call, ty) })
    }

    fn target(&mut self, label: Label, args: &[Value]) -> u64 {
        self.block.targets.push(Target { label, args: args.to_vec() });
        self.block.targets.len() as u64 - 1
    }

    /// Ends the local block with a jump.
    pub fn jump(&mut self, label: Label, args: &[Value]) {
        let imm = self.target(label, args);
        self.push(Inst { imm, ..Inst::new(Op::Jump, Ty::Void) });
    }

    /// Ends the local block with a branch: `then` if `c` is not 0.
    pub fn brif(&mut self, c: Value, then: (Label, &[Value]), other: (Label, &[Value])) {
        let imm = self.target(then.0, then.1);
        self.target(other.0, other.1);
        self.push(Inst { a: c, imm, ..Inst::new(Op::Brif, Ty::Void) });
    }

    /// Ends with a jump to guest address `pc`.
    pub fn goto(&mut self, kind: JumpKind, pc: u64) {
        self.push(Inst { imm: pc, sub: kind as u8, ..Inst::new(Op::Goto, Ty::Void) });
    }

    /// Ends with a jump to the guest address in `a`.
    pub fn goto_ind(&mut self, kind: JumpKind, a: Value) {
        self.push(Inst { a, sub: kind as u8, ..Inst::new(Op::GotoInd, Ty::Void) });
    }

    /// Leaves by a jump to `target` if `c` is not 0, else to `next`.
    pub fn goto_if(&mut self, c: Value, target: u64, next: u64) {
        let (taken, not_taken) = (self.new_label(), self.new_label());
        self.brif(c, (taken, &[]), (not_taken, &[]));
        self.bind(taken);
        self.goto(JumpKind::Jump, target);
        self.bind(not_taken);
        self.goto(JumpKind::Jump, next);
    }

    /// Ends by leaving to the run loop at `pc`.
    pub fn raise(&mut self, kind: RaiseKind, pc: u64, arg: Value) {
        self.push(Inst { a: arg, imm: pc, sub: kind as u8, ..Inst::new(Op::Raise, Ty::Void) });
    }
}
