//! Vector registers: moves, logic, integer arithmetic, shifts.

use super::operand::plain;
use super::{Cx, Flow};
use crate::state;
use brolga_core::{Align, MemOp, Size};
use brolga_ir::{Inst, IntCc, Op, Shape, Ty, Value, VecFn};
use iced_x86::{EncodingKind, Mnemonic, OpKind, Register};

impl Cx<'_> {
    /// An XMM register.
    pub fn xmm(&mut self, r: Register) -> Value {
        if let Some(v) = self.half.and_then(|half| half.register(self, r)) {
            return v;
        }
        self.b.get_v(state::xmm(r.number() as u32))
    }

    /// Writes an XMM register.
    pub fn set_xmm(&mut self, r: Register, v: Value) {
        if let Some(half) = &mut self.half {
            return half.set(v);
        }
        self.b.set(state::xmm(r.number() as u32), v);
    }

    /// Operand `n` of an MMX instruction with zeros above.
    fn mmx(&mut self, n: u32) -> Value {
        let v = if self.i.op_kind(n) == OpKind::Register {
            let row = self.b.get_v(state::fpr(self.i.op_register(n).number() as u32));
            self.b.lane(Ty::I64, Shape::I64x2, row, 0)
        } else {
            // PUNPCKLBW and its like read no more than they use.
            let ty = if self.i.memory_size().size() == 4 { Ty::I32 } else { Ty::I64 };
            let (addr, offset) = self.address();
            let v = self.b.load(ty, plain(ty), addr, offset);
            self.widen(v)
        };
        self.b.vscalar(v)
    }

    /// Operand `n`, a register or 16 bytes of memory; of MMX instructions 8 bytes, with zeros above.
    pub fn vsrc(&mut self, n: u32) -> Value {
        if is_mmx(self) {
            return self.mmx(n);
        }
        if self.i.op_kind(n) == OpKind::Register {
            return self.xmm(self.i.op_register(n));
        }
        let (addr, offset) = self.address();
        self.b.load(Ty::V128, self.whole(), addr, offset)
    }

    /// The access of an operand of 16 bytes, which has to be aligned but for a few instructions and VEX encodings.
    /// SDM vol. 1, "Memory Alignment Requirements of SSE Instructions" and vol. 2, "Exceptions Type 4".
    pub(super) fn whole(&self) -> MemOp {
        use Mnemonic as M;
        let anywhere = match self.i.mnemonic() {
            M::Lddqu | M::Movdqu | M::Movupd | M::Movups => true,
            M::Pcmpestri | M::Pcmpestri64 | M::Pcmpestrm | M::Pcmpestrm64 | M::Pcmpistri | M::Pcmpistrm => true,
            // Processors of some makers look at their alignment, others do not.
            M::Sha1msg1 | M::Sha1msg2 | M::Sha1nexte | M::Sha1rnds4 => true,
            M::Sha256msg1 | M::Sha256msg2 | M::Sha256rnds2 => true,
            _ => self.i.code().encoding() != EncodingKind::Legacy,
        };
        let access = MemOp::plain(Size::B16);
        if anywhere { access } else { access.align(Align::Natural) }
    }

    /// The lowest scalar of operand `n`: of a register, or of as much memory.
    pub fn scalar(&mut self, n: u32, ty: Ty) -> Value {
        if self.i.op_kind(n) == OpKind::Register {
            let r = self.i.op_register(n);
            let v = if r.is_mm() { self.mmx(n) } else { self.xmm(r) };
            return self.b.lane(ty, shape(ty), v, 0);
        }
        let (addr, offset) = self.address();
        self.b.load(ty, plain(ty), addr, offset)
    }

    /// The lowest 8 bytes of operand `n` with zeros above.
    pub fn low_half(&mut self, n: u32) -> Value {
        let v = self.scalar(n, Ty::I64);
        self.b.vscalar(v)
    }

    /// Writes the whole register of operand 0: of an MMX register the low 64 bits, and ones to the 16 above.
    pub fn set_v(&mut self, v: Value) {
        let r = self.i.op0_register();
        if !r.is_mm() {
            return self.set_xmm(r, v);
        }
        let exponent = self.iconst(Ty::I64, 0xffff);
        let v = self.b.insert(Shape::I64x2, v, exponent, 1);
        self.b.set(state::fpr(r.number() as u32), v);
    }
}

/// Lanes of the width of `ty`.
pub fn shape(ty: Ty) -> Shape {
    match ty.bits() {
        8 => Shape::I8x16,
        16 => Shape::I16x8,
        32 => Shape::I32x4,
        _ => Shape::I64x2,
    }
}

/// MOVAPS, MOVUPS, MOVDQA, MOVDQU, LDDQU, MOVNTDQ and their like: 16 bytes.
pub fn mov(cx: &mut Cx) -> Flow {
    let v = cx.vsrc(1);
    if cx.i.op0_kind() == OpKind::Register {
        cx.set_v(v);
    } else {
        let (addr, offset) = cx.address();
        cx.b.store(cx.whole(), addr, offset, v);
    }
    Flow::Next
}

/// MOVNTQ.
pub fn store_low(cx: &mut Cx) -> Flow {
    let v = cx.scalar(1, Ty::I64);
    cx.set_op(0, v);
    Flow::Next
}

/// MOVD, MOVQ: a scalar to or from the bottom of a register, zeros above.
pub fn mov_scalar(cx: &mut Cx, ty: Ty) -> Flow {
    // MOVQ moves 64 bits whatever its operands, MOVD those of its general register.
    let from = cx.i.op1_register();
    let v = if from.is_gpr() { cx.reg(from) } else { cx.scalar(1, ty) };
    let to = cx.i.op0_register();
    if to.is_xmm() || to.is_mm() {
        let v = cx.b.vscalar(v);
        cx.set_v(v);
    } else {
        cx.set_op(0, v);
    }
    Flow::Next
}

/// MOVSS, MOVSD: from memory with zeros above, between registers into the bottom.
pub fn mov_float(cx: &mut Cx, ty: Ty) -> Flow {
    let v = cx.scalar(1, ty);
    if cx.i.op0_kind() != OpKind::Register {
        cx.set_op(0, v);
        return Flow::Next;
    }
    let r = if cx.i.op1_kind() == OpKind::Register {
        let old = cx.vsrc(0);
        cx.b.insert(shape(ty), old, v, 0)
    } else {
        cx.b.vscalar(v)
    };
    cx.set_v(r);
    Flow::Next
}

/// MOVLPS, MOVHPS, MOVLPD, MOVHPD: half `half` of a register and memory.
pub fn mov_half(cx: &mut Cx, half: u32) -> Flow {
    if cx.i.op0_kind() == OpKind::Register {
        let v = cx.scalar(1, Ty::I64);
        let old = cx.vsrc(0);
        let r = cx.b.insert(Shape::I64x2, old, v, half);
        cx.set_v(r);
    } else {
        let v = cx.vsrc(1);
        let v = cx.b.lane(Ty::I64, Shape::I64x2, v, half);
        cx.set_op(0, v);
    }
    Flow::Next
}

/// An op of two vectors that the IR has.
pub fn two(cx: &mut Cx, op: Op, shape: Shape) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vbinary(op, shape, a, b);
    cx.set_v(r);
    Flow::Next
}

/// PCMPEQB and its like.
pub fn compare(cx: &mut Cx, cc: IntCc, shape: Shape) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vicmp(cc, shape, a, b);
    cx.set_v(r);
    Flow::Next
}

/// PAND, POR, PXOR, PANDN and those of floats.
pub fn logic(cx: &mut Cx, op: Op) -> Flow {
    if op == Op::Xor && cx.i.op0_register() == cx.i.op1_register() {
        let zero = cx.b.vconst(0);
        cx.set_v(zero);
        return Flow::Next;
    }
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    // PANDN complements the first operand.
    let (x, y) = if op == Op::Bic { (b, a) } else { (a, b) };
    let r = cx.b.push(Inst { a: x, b: y, ..Inst::new(op, Ty::V128) });
    cx.set_v(r);
    Flow::Next
}

/// PSLLW and its like, by an immediate or a value.
pub fn shift(cx: &mut Cx, op: Op, shape: Shape) -> Flow {
    let bits = shape.lane_bits();
    if cx.i.op1_kind() == OpKind::Immediate8 {
        let n = cx.i.immediate(1) as u32;
        let v = cx.vsrc(0);
        let r = match op {
            Op::Vashr => cx.b.vshift(op, shape, v, n.min(bits - 1)),
            _ if n >= bits => cx.b.vconst(0),
            _ => cx.b.vshift(op, shape, v, n),
        };
        cx.set_v(r);
        return Flow::Next;
    }
    let (count, v) = (cx.vsrc(1), cx.vsrc(0));
    let by = match op {
        Op::Vshl => Op::VshlBy,
        Op::Vlshr => Op::VlshrBy,
        _ => Op::VashrBy,
    };
    let r = cx.b.vbinary(by, shape, v, count);
    cx.set_v(r);
    Flow::Next
}

/// PMULHW, PMULHUW: the high halves of products of 16 bits.
pub fn mul_high(cx: &mut Cx, signed: bool) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let (widen, down, narrow) =
        if signed { (Op::Vsext, Op::Vashr, Op::Vsnarrow) } else { (Op::Vzext, Op::Vlshr, Op::Vunarrow) };
    let halves = [false, true].map(|upper| {
        let (x, y) = (cx.b.vwiden(widen, Shape::I16x8, a, upper), cx.b.vwiden(widen, Shape::I16x8, b, upper));
        let p = cx.b.vbinary(Op::Vmul, Shape::I32x4, x, y);
        cx.b.vshift(down, Shape::I32x4, p, 16)
    });
    let r = cx.b.vbinary(narrow, Shape::I32x4, halves[0], halves[1]);
    cx.set_v(r);
    Flow::Next
}

/// PMULUDQ, PMULDQ: products of the even lanes of 32 bits.
pub fn mul_even(cx: &mut Cx, signed: bool) -> Flow {
    let operands = [0, 1].map(|n| {
        let v = cx.vsrc(n);
        if signed {
            let v = cx.b.vshift(Op::Vshl, Shape::I64x2, v, 32);
            cx.b.vshift(Op::Vashr, Shape::I64x2, v, 32)
        } else {
            let mask = cx.b.vconst(0xffff_ffff << 64 | 0xffff_ffff);
            cx.b.and(Ty::V128, v, mask)
        }
    });
    let r = cx.b.vbinary(Op::Vmul, Shape::I64x2, operands[0], operands[1]);
    cx.set_v(r);
    Flow::Next
}

/// PSADBW: sums of eight absolute differences of bytes.
pub fn sum_differences(cx: &mut Cx) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vec_fn(VecFn::SumDifferences, &[a, b], 0);
    cx.set_v(r);
    Flow::Next
}

/// PMOVMSKB, MOVMSKPS, MOVMSKPD: the top bits of all lanes.
pub fn mask(cx: &mut Cx, shape: Shape) -> Flow {
    let v = cx.vsrc(1);
    let r = top_bits(cx, shape, v);
    let to = cx.i.op0_register().full_register();
    cx.set_reg(to, r);
    Flow::Next
}

/// The top bits of all lanes as an I64.
pub fn top_bits(cx: &mut Cx, shape: Shape, v: Value) -> Value {
    let r = cx.b.vunary(Op::Vbits, shape, v);
    cx.b.lane(Ty::I64, Shape::I64x2, r, 0)
}

/// PEXTRW and its like: a lane to a general register, zero-extended, or to memory.
pub fn extract(cx: &mut Cx, ty: Ty) -> Flow {
    let v = cx.vsrc(1);
    let lane = cx.i.immediate(2) as u32 % lanes(cx, ty);
    let x = cx.b.lane(ty, shape(ty), v, lane);
    if cx.i.op0_kind() == OpKind::Register {
        let x = cx.widen(x);
        cx.set_reg(cx.i.op0_register().full_register(), x);
    } else {
        cx.set_op(0, x);
    }
    Flow::Next
}

/// PINSRW and its like: a lane from the bottom of a general register or from memory.
pub fn insert(cx: &mut Cx, ty: Ty) -> Flow {
    let x = if cx.i.op1_kind() == OpKind::Register {
        let x = cx.reg(cx.i.op1_register());
        cx.zext(ty, x)
    } else {
        cx.scalar(1, ty)
    };
    let v = cx.vsrc(0);
    let lane = cx.i.immediate(2) as u32 % lanes(cx, ty);
    let r = cx.b.insert(shape(ty), v, x, lane);
    cx.set_v(r);
    Flow::Next
}

/// Number of lanes of the operands' registers.
pub fn lanes(cx: &Cx, ty: Ty) -> u32 {
    shape(ty).lanes() >> is_mmx(cx) as u32
}

/// Whether the instruction has an MMX register and none of the XMM registers.
pub fn is_mmx(cx: &Cx) -> bool {
    let has = |of: fn(Register) -> bool| {
        (0..cx.i.op_count()).any(|n| cx.i.op_kind(n) == OpKind::Register && of(cx.i.op_register(n)))
    };
    has(Register::is_mm) && !has(Register::is_xmm)
}

/// What every MMX instruction does: all x87 registers are in use, and the stack begins at the first.
pub fn enter_mmx(cx: &mut Cx) {
    let all = cx.iconst(Ty::I64, 0xff);
    cx.b.set(state::FPU_TAGS, all);
    let status = cx.b.get(state::FPU_STATUS);
    let top = cx.iconst(Ty::I64, 7 << 11);
    let status = cx.b.bic(Ty::I64, status, top);
    cx.b.set(state::FPU_STATUS, status);
}

/// EMMS: all x87 registers are empty.
pub fn emms(cx: &mut Cx) -> Flow {
    enter_mmx(cx);
    let none = cx.iconst(Ty::I64, 0);
    cx.b.set(state::FPU_TAGS, none);
    Flow::Next
}
