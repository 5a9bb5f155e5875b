//! SSE3, SSSE3 and SSE4.1 on XMM registers.

use super::fp::{ADD, MUL, Prec, SUB, SUM};
use super::unmasked::next_step;
use super::vec::shape;
use super::{Cx, Flow};
use crate::frontend::mode;
use crate::{exec, state};
use brolga_core::{MemOp, RegSet};
use brolga_ir::{FpCall, FpLanes, FpOp, IntCc, Op, Shape, Ty, Value, VecFn};
use iced_x86::{Mnemonic, OpKind};

/// Even and odd lanes of both operands side by side.
fn pairs(cx: &mut Cx, shape: Shape) -> [Value; 2] {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let bytes = shape.lane_bits() as usize / 8;
    // Of MMX registers the second operand's lanes follow behind half as many.
    let gap = if super::vec::is_mmx(cx) { 8 } else { 0 };
    [0, 1].map(|odd| {
        let selectors = std::array::from_fn(|k| {
            let at = (k / bytes * 2 + odd) * bytes + k % bytes;
            (if gap != 0 && at >= gap { (at + gap) % 32 } else { at }) as u8
        });
        cx.b.vshuffle(a, b, selectors)
    })
}

/// PHADDW, PHSUBW and their like: neighbours combined.
pub fn horizontal(cx: &mut Cx, op: Op, shape: Shape) -> Flow {
    let [even, odd] = pairs(cx, shape);
    let r = cx.b.vbinary(op, shape, even, odd);
    cx.set_v(r);
    Flow::Next
}

/// HADDPS, HSUBPS and their like.
pub fn horizontal_float(cx: &mut Cx, add: bool, p: Prec) -> Flow {
    let [even, odd] = pairs(cx, shape(p.ty()));
    let r = cx.fp_vector(if add { ADD } else { SUB }, p, &[even, odd]);
    cx.set_v(r);
    Flow::Next
}

/// ADDSUBPS, ADDSUBPD: even lanes are subtracted.
pub fn add_sub(cx: &mut Cx, p: Prec) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let (ty, shape) = (p.ty(), shape(p.ty()));
    let mut r = a;
    for k in 0..shape.lanes() {
        let (x, y) = (cx.b.lane(ty, shape, a, k), cx.b.lane(ty, shape, b, k));
        let v = cx.fp_scalar(if k % 2 == 0 { SUB } else { ADD }, p, &[x, y]);
        r = cx.b.insert(shape, r, v, k);
    }
    cx.set_v(r);
    Flow::Next
}

/// PABSB and its like.
pub fn abs(cx: &mut Cx, shape: Shape) -> Flow {
    let v = cx.vsrc(1);
    let r = cx.b.vunary(Op::Vabs, shape, v);
    cx.set_v(r);
    Flow::Next
}

/// PSIGNB and its like: negated where the second operand is negative, zero where it is zero.
pub fn sign(cx: &mut Cx, shape: Shape) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let zero = cx.b.vconst(0);
    let negative = cx.b.vicmp(IntCc::Slt, shape, b, zero);
    let none = cx.b.vicmp(IntCc::Eq, shape, b, zero);
    let flipped = cx.b.xor(Ty::V128, a, negative);
    let r = cx.b.vbinary(Op::Vsub, shape, flipped, negative);
    let r = cx.b.bic(Ty::V128, r, none);
    cx.set_v(r);
    Flow::Next
}

/// PMULHRSW: as the IR's rounded high product, but the one that saturates wraps.
pub fn mul_high_round(cx: &mut Cx) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vbinary(Op::VmulHighRound, Shape::I16x8, a, b);
    let lowest = cx.b.vconst(u128::MAX / 0xffff * 0x8000);
    let x = cx.b.vicmp(IntCc::Eq, Shape::I16x8, a, lowest);
    let y = cx.b.vicmp(IntCc::Eq, Shape::I16x8, b, lowest);
    let both = cx.b.and(Ty::V128, x, y);
    let r = cx.b.xor(Ty::V128, r, both);
    cx.set_v(r);
    Flow::Next
}

/// PMADDUBSW: products of unsigned and signed bytes, neighbours added with saturation.
pub fn mul_add_bytes(cx: &mut Cx) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vec_fn(VecFn::MultiplyAddBytes, &[a, b], 0);
    cx.set_v(r);
    Flow::Next
}

/// PMOVSXBW, PMOVZXBW and their like: lanes of `from` extended to lanes of `to`.
pub fn extend(cx: &mut Cx, from: Shape, to: Shape, signed: bool) -> Flow {
    let mut v = if cx.i.op1_kind() == OpKind::Register {
        cx.vsrc(1)
    } else {
        // As much memory as the lanes take.
        let bits = 128 / (to.lane_bits() / from.lane_bits());
        let v = cx.scalar(1, [Ty::I16, Ty::I32, Ty::I64][bits.trailing_zeros() as usize - 4]);
        cx.b.vscalar(v)
    };
    for k in from as u8..to as u8 {
        v = cx.b.vwiden(if signed { Op::Vsext } else { Op::Vzext }, Shape::from_sub(k), v, false);
    }
    cx.set_v(v);
    Flow::Next
}

/// PTEST: ZF if no bit of the second operand is in the first, CF if none is outside it.
pub fn ptest(cx: &mut Cx) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let (inside, outside) = (cx.b.and(Ty::V128, a, b), cx.b.bic(Ty::V128, b, a));
    set_test_flags(cx, inside, outside);
    Flow::Next
}

/// ZF if there is nothing inside, CF if there is nothing outside; the other flags are clear.
pub fn set_test_flags(cx: &mut Cx, inside: Value, outside: Value) {
    let mut bits = cx.iconst(Ty::I64, state::packed(state::ZF | state::CF));
    for (v, flag) in [(inside, 1 << 30), (outside, 1 << 29)] {
        let any = cx.b.vany(v);
        let any = cx.widen(any);
        let flag = cx.iconst(Ty::I64, flag);
        let change = cx.b.imul(Ty::I64, any, flag);
        bits = cx.b.xor(Ty::I64, bits, change);
    }
    cx.set_packed(bits);
}

/// BLENDPS, BLENDPD, PBLENDW: lanes of the second operand where the immediate has a bit.
pub fn blend(cx: &mut Cx, shape: Shape) -> Flow {
    let (b, a, imm) = (cx.vsrc(1), cx.vsrc(0), cx.i.immediate(2));
    let lane = u128::MAX >> (128 - shape.lane_bits());
    let chosen = |k: &u32| imm >> k & 1 != 0;
    let mask = (0..shape.lanes()).filter(chosen).fold(0, |m, k| m | lane << (k * shape.lane_bits()));
    let mask = cx.b.vconst(mask);
    let r = cx.b.bitselect(mask, b, a);
    cx.set_v(r);
    Flow::Next
}

/// BLENDVPS, BLENDVPD, PBLENDVB: by the signs of the lanes of XMM0.
pub fn blend_variable(cx: &mut Cx, shape: Shape) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let (signs, zero) = (cx.b.get_v(state::xmm(0)), cx.b.vconst(0));
    let mask = cx.b.vicmp(IntCc::Slt, shape, signs, zero);
    let r = cx.b.bitselect(mask, b, a);
    cx.set_v(r);
    Flow::Next
}

/// INSERTPS: a lane of a register or a single of memory into a lane; lanes of the immediate's mask become zero.
pub fn insertps(cx: &mut Cx) -> Flow {
    let imm = cx.i.immediate(2) as u32;
    let x = if cx.i.op1_kind() == OpKind::Register {
        let v = cx.vsrc(1);
        cx.b.lane(Ty::I32, Shape::I32x4, v, imm >> 6 & 3)
    } else {
        cx.scalar(1, Ty::I32)
    };
    let v = cx.vsrc(0);
    let r = cx.b.insert(Shape::I32x4, v, x, imm >> 4 & 3);
    let cleared = (0..4).filter(|k| imm >> k & 1 != 0).fold(0u128, |m, k| m | 0xffff_ffff << (32 * k));
    let cleared = cx.b.vconst(cleared);
    let r = cx.b.bic(Ty::V128, r, cleared);
    cx.set_v(r);
    Flow::Next
}

/// The operation of a rounding immediate: bits 1..0 the mode, bit 2 for MXCSR's instead, bit 3 never inexact.
fn round_op(cx: &Cx, imm: u64) -> FpOp {
    let mode = if imm & 4 != 0 { cx.rounding() } else { imm as usize & 3 };
    if imm & 8 != 0 {
        [FpOp::RintN, FpOp::RintM, FpOp::RintP, FpOp::RintZ][mode]
    } else {
        [FpOp::RintX, FpOp::RintXM, FpOp::RintXP, FpOp::RintXZ][mode]
    }
}

/// ROUNDSS, ROUNDPS and their like: the immediate's low four bits are the helper's argument.
pub fn round(cx: &mut Cx, p: Prec, vector: bool) -> Flow {
    let imm = cx.i.immediate(2) & 15;
    let helper = [exec::ROUND_S, exec::ROUND_D][p as usize];
    if !cx.by_helpers() {
        let (op, call) = (round_op(cx, imm), FpCall { helper, extra: imm as u32 });
        if vector {
            let (v, lanes) = (cx.vsrc(1), [FpLanes::S4, FpLanes::D2][p as usize]);
            let r = cx.b.fp(op, Ty::V128, lanes, &[v], call);
            cx.set_v(r);
        } else {
            let v = cx.scalar(1, p.ty());
            let r = cx.b.fp(op, p.ty(), FpLanes::One, &[v], call);
            cx.set_lowest(p, r);
        }
        return Flow::Next;
    }
    let how = cx.iconst(Ty::I64, imm);
    if vector {
        let v = cx.vsrc(1);
        let r = cx.each_lane(p.int(), &[v], |cx, lane| cx.fp_call(helper, &[lane[0], how]));
        cx.set_v(r);
    } else {
        let v = cx.scalar(1, p.int());
        let v = cx.widen(v);
        let r = cx.fp_call(helper, &[v, how]);
        let r = cx.narrow(p.int(), r);
        let old = cx.vsrc(0);
        let r = cx.b.insert(shape(p.ty()), old, r, 0);
        cx.set_v(r);
    }
    Flow::Next
}

/// DPPS, DPPD: the sum of the products chosen by the upper half of the immediate, in the lanes chosen by the lower.
pub fn dot_product(cx: &mut Cx, p: Prec) -> Flow {
    let operands = [cx.vsrc(0), cx.vsrc(1)];
    let r = dot_products(cx, p, cx.i.immediate(2), &[operands])[0];
    cx.set_v(r);
    Flow::Next
}

/// The same of several pairs of vectors, a step of all of them at a time: what one raises keeps all others from the next.
pub fn dot_products(cx: &mut Cx, p: Prec, imm: u64, pairs: &[[Value; 2]]) -> Vec<Value> {
    let (shape, ty) = (shape(p.ty()), p.ty());
    let lane = u128::MAX >> (128 - shape.lane_bits());
    let mask = |bits: u64| {
        (0..shape.lanes()).filter(|k| bits >> k & 1 != 0).fold(0, |m, k| m | lane << (k * shape.lane_bits()))
    };
    let chosen = cx.b.vconst(mask(imm >> 4));
    let mut terms: Vec<Value> = Vec::new();
    for pair in pairs {
        let operands = pair.map(|v| cx.b.and(Ty::V128, v, chosen));
        let products = cx.fp_vector(MUL, p, &operands);
        terms.extend((0..shape.lanes()).map(|k| cx.b.lane(ty, shape, products, k)));
    }
    while terms.len() > pairs.len() {
        next_step(cx);
        terms = terms.chunks(2).map(|two| cx.fp_scalar(SUM, p, two)).collect();
    }
    let kept = cx.b.vconst(mask(imm));
    let spread = |sum| {
        let sum = cx.b.bitcast(p.int(), sum);
        let r = cx.b.vsplat(shape, sum);
        cx.b.and(Ty::V128, r, kept)
    };
    terms.into_iter().map(spread).collect()
}

/// PHMINPOSUW: the least of eight lanes, and where it is.
pub fn min_position(cx: &mut Cx) -> Flow {
    let v = cx.vsrc(1);
    let r = cx.b.vec_fn(VecFn::MinPosition, &[v], 0);
    cx.set_v(r);
    Flow::Next
}

/// MPSADBW.
pub fn sums_of_differences(cx: &mut Cx) -> Flow {
    let (v, first) = (cx.vsrc(1), cx.vsrc(0));
    let imm = cx.i.immediate(2) as u8;
    let r = cx.b.vec_fn(VecFn::PlacedDifferences, &[first, v], imm);
    cx.set_v(r);
    Flow::Next
}

/// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
pub fn compare_text(cx: &mut Cx, explicit: bool, mask: bool) -> Flow {
    use exec::text::which;
    let v = cx.vsrc(1);
    let [low, high] = [0, 1].map(|k| cx.b.lane(Ty::I64, Shape::I64x2, v, k));
    let n = cx.i.op0_register().number() as u32;
    let wide = matches!(
        cx.i.mnemonic(),
        Mnemonic::Pcmpestri64 | Mnemonic::Pcmpestrm64 | Mnemonic::Vpcmpestri64 | Mnemonic::Vpcmpestrm64
    );
    let bits = [(explicit, which::EXPLICIT), (mask, which::MASK), (wide, which::WIDE)];
    let bits = bits.iter().filter(|(set, _)| *set).fold(n as u64 | (cx.i.immediate(2) & 0xff) << 8, |w, (_, b)| w | b);
    let which = cx.iconst(Ty::I64, bits);
    let reads = RegSet::EMPTY.with128(state::xmm(n)).with(state::RAX).with(state::RDX);
    let flags = super::flags::flag_words();
    let writes = if mask { flags.with128(state::xmm(0)) } else { flags.with(state::RCX) };
    cx.b.call_void(exec::COMPARE_TEXT, &[which, low, high], reads, writes);
    Flow::Next
}

/// MASKMOVDQU, MASKMOVQ: bytes whose mask is negative, each by itself, to RDI. MASKMOVQ begins to use MMX before it stores:
/// processors do so even if an access fails.
pub fn masked_store(cx: &mut Cx) -> Flow {
    let count = 16 >> super::vec::is_mmx(cx) as u32;
    if super::vec::is_mmx(cx) {
        super::vec::enter_mmx(cx);
        // A local block ends with all it wrote in place.
        let entered = cx.b.new_label();
        cx.b.jump(entered, &[]);
        cx.b.bind(entered);
    }
    let mut to = cx.b.get(state::RDI);
    if cx.i.op0_kind() == OpKind::MemorySegEDI {
        to = cx.b.extract(Ty::I64, to, 0, 32);
    }
    if let Some(base) = cx.segment() {
        to = cx.b.iadd(Ty::I64, base, to);
    }
    if cx.mode & mode::ALIGN != 0 {
        cx.b.load(Ty::I64, MemOp::plain(brolga_core::Size::B8), to, 0);
    }
    // All of them have to be writable, even if none is chosen.
    cx.touch(to);
    let last = cx.plus(to, count as i64 - 1);
    cx.touch_page_of(last);
    for k in 0..count {
        let mask = cx.vsrc(2);
        let byte = cx.b.lane(Ty::I8, Shape::I8x16, mask, k);
        let zero = cx.iconst(Ty::I8, 0);
        let chosen = cx.b.icmp(Ty::I8, IntCc::Slt, byte, zero);
        let (store, next) = (cx.b.new_label(), cx.b.new_label());
        cx.b.brif(chosen, (store, &[to]), (next, &[to]));
        cx.b.bind(store);
        let at = cx.b.param(Ty::I64);
        let v = cx.vsrc(1);
        let x = cx.b.lane(Ty::I8, Shape::I8x16, v, k);
        cx.b.store(MemOp::plain(brolga_core::Size::B1), at, k as i64, x);
        cx.b.jump(next, &[at]);
        cx.b.bind(next);
        to = cx.b.param(Ty::I64);
    }
    let next = cx.next_pc();
    cx.goto(brolga_ir::JumpKind::Jump, next)
}
