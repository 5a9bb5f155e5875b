//! AVX and AVX2 on registers: broadcasts, permutations across halves, variable shifts and blends, masks.

use super::vec::{shape, top_bits};
use super::vex::{by_halves, is_wide};
use super::{Cx, Flow, vec4};
use crate::state;
use brolga_ir::{IntCc, Op, Shape, Ty, Value};
use iced_x86::OpKind;

/// VBROADCASTSS, VPBROADCASTB and their like.
pub fn broadcast(cx: &mut Cx, lanes: Shape) -> Flow {
    let ty = [Ty::I8, Ty::I16, Ty::I32, Ty::I64][lanes as usize];
    let v = cx.scalar(1, ty);
    let v = cx.b.vsplat(lanes, v);
    let to = cx.i.op0_register();
    cx.set_halves(to, v, to.is_ymm().then_some(v));
    Flow::Next
}

/// VBROADCASTF128, VBROADCASTI128.
pub fn broadcast_half(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    let (v, _) = cx.load_halves(addr, offset, false);
    cx.set_halves(cx.i.op0_register(), v, Some(v));
    Flow::Next
}

/// VZEROUPPER, and VZEROALL if `all`.
pub fn zero(cx: &mut Cx, all: bool) -> Flow {
    let zero = cx.b.vconst(0);
    for n in 0..16 {
        if all {
            cx.b.set(state::xmm(n), zero);
        }
        cx.b.set(state::ymm_high(n), zero);
    }
    Flow::Next
}

/// VEXTRACTF128, VEXTRACTI128.
pub fn extract_half(cx: &mut Cx) -> Flow {
    let v = cx.half_of(cx.i.op1_register(), cx.i.immediate(2) & 1 != 0);
    if cx.i.op0_kind() == OpKind::Register {
        cx.set_halves(cx.i.op0_register(), v, None);
    } else {
        let (addr, offset) = cx.address();
        cx.b.store(super::operand::plain(Ty::V128), addr, offset, v);
    }
    Flow::Next
}

/// VINSERTF128, VINSERTI128.
pub fn insert_half(cx: &mut Cx) -> Flow {
    let v = cx.vsrc(2);
    let [low, high] = [false, true].map(|upper| cx.half_of(cx.i.op1_register(), upper));
    let (low, high) = if cx.i.immediate(3) & 1 != 0 { (low, v) } else { (v, high) };
    cx.set_halves(cx.i.op0_register(), low, Some(high));
    Flow::Next
}

/// Both halves of operand `n`, a register or 32 bytes of memory.
pub(super) fn both(cx: &mut Cx, n: u32) -> [Value; 2] {
    if cx.i.op_kind(n) == OpKind::Register {
        return [false, true].map(|upper| cx.half_of(cx.i.op_register(n), upper));
    }
    let (addr, offset) = cx.address();
    let (low, high) = cx.load_halves(addr, offset, true);
    [low, high.unwrap_or(low)]
}

/// VPERM2F128, VPERM2I128: each half is one of four or zero.
pub fn permute_halves(cx: &mut Cx) -> Flow {
    let (imm, b, a) = (cx.i.immediate(3), both(cx, 2), both(cx, 1));
    let [low, high] = [imm, imm >> 4].map(|choice| match choice & 0xf {
        choice if choice & 8 != 0 => cx.b.vconst(0),
        choice => [a[0], a[1], b[0], b[1]][choice as usize & 3],
    });
    cx.set_halves(cx.i.op0_register(), low, Some(high));
    Flow::Next
}

/// VPERMQ, VPERMPD: lanes of 64 bits by two bits of the immediate each.
pub fn permute_quads(cx: &mut Cx) -> Flow {
    let (imm, v) = (cx.i.immediate(2), both(cx, 1));
    let [low, high] = [imm, imm >> 4].map(|imm| {
        let byte = |k: usize| ((imm >> (2 * (k / 8)) & 3) * 8) as u8 + k as u8 % 8;
        cx.b.vshuffle(v[0], v[1], std::array::from_fn(byte))
    });
    cx.set_halves(cx.i.op0_register(), low, Some(high));
    Flow::Next
}

/// Indices of bytes for [`Op::Vswizzle`] from those of lanes in the lanes' low bits; only as many bits of them count as
/// `count` lanes need.
fn byte_indices(cx: &mut Cx, lanes: Shape, indices: Value, count: u64) -> Value {
    let bytes = u64::from(lanes.lane_bits() / 8);
    let mask = cx.b.vconst(u128::from(count - 1) * (1 << 64 | 1) * if lanes == Shape::I32x4 { 1 << 32 | 1 } else { 1 });
    let lane = cx.b.and(Ty::V128, indices, mask);
    let first = cx.b.vshift(Op::Vshl, lanes, lane, bytes.trailing_zeros());
    let spread = std::array::from_fn(|k| k as u8 / bytes as u8 * bytes as u8);
    let first = cx.b.vshuffle(first, first, spread);
    let within = (0..16).fold(0, |w, k| w | u128::from(k % bytes) << (8 * k));
    let within = cx.b.vconst(within);
    cx.b.or(Ty::V128, first, within)
}

/// VPERMD, VPERMPS: lanes of 32 bits of both halves by indices in a register.
pub fn permute_words(cx: &mut Cx) -> Flow {
    let (v, indices) = (both(cx, 2), both(cx, 1));
    let [low, high] = indices.map(|half| {
        let at = byte_indices(cx, Shape::I32x4, half, 8);
        // An index beyond a half gives zero there; those of the lower half wrap to such ones.
        let sixteen = cx.b.vconst(u128::MAX / 0xff * 16);
        let above = cx.b.vbinary(Op::Vsub, Shape::I8x16, at, sixteen);
        let x = cx.b.vbinary(Op::Vswizzle, Shape::I8x16, v[0], at);
        let y = cx.b.vbinary(Op::Vswizzle, Shape::I8x16, v[1], above);
        cx.b.or(Ty::V128, x, y)
    });
    cx.set_halves(cx.i.op0_register(), low, Some(high));
    Flow::Next
}

/// VPERMILPS, VPERMILPD by indices in a register, in memory: those of doubles are bit 1.
pub fn permute_in_half(cx: &mut Cx, lanes: Shape) -> Flow {
    by_halves(cx, |cx| {
        let (mut indices, v) = (cx.vsrc(2), cx.vsrc(1));
        if lanes == Shape::I64x2 {
            indices = cx.b.vshift(Op::Vlshr, lanes, indices, 1);
        }
        let at = byte_indices(cx, lanes, indices, lanes.lanes().into());
        let r = cx.b.vbinary(Op::Vswizzle, Shape::I8x16, v, at);
        cx.set_v(r);
        Flow::Next
    })
}

/// VPERMILPD by a bit of the immediate for each lane.
pub fn permute_pair(cx: &mut Cx) -> Flow {
    by_halves(cx, |cx| {
        let imm = cx.i.immediate(2) >> if cx.half.is_some_and(|half| half.upper) { 2 } else { 0 };
        let v = cx.vsrc(1);
        let r = cx.b.vshuffle(v, v, std::array::from_fn(|k| (imm >> (k / 8) & 1) as u8 * 8 + k as u8 % 8));
        cx.set_v(r);
        Flow::Next
    })
}

/// Ones in the lanes whose top bit is set.
fn negative(cx: &mut Cx, lanes: Shape, v: Value) -> Value {
    let zero = cx.b.vconst(0);
    cx.b.vicmp(IntCc::Slt, lanes, v, zero)
}

/// VBLENDVPS, VBLENDVPD, VPBLENDVB: by the signs of the fourth operand's lanes.
pub fn blend_variable(cx: &mut Cx, lanes: Shape) -> Flow {
    by_halves(cx, |cx| {
        let (b, a) = (cx.vsrc(2), cx.vsrc(1));
        let signs = cx.xmm(cx.i.op3_register());
        let mask = negative(cx, lanes, signs);
        let r = cx.b.bitselect(mask, b, a);
        cx.set_v(r);
        Flow::Next
    })
}

/// VPMOVMSKB, VMOVMSKPS, VMOVMSKPD.
pub fn mask(cx: &mut Cx, lanes: Shape) -> Flow {
    let v = cx.half_of(cx.i.op1_register(), false);
    let mut r = top_bits(cx, lanes, v);
    if is_wide(cx.i) {
        let v = cx.half_of(cx.i.op1_register(), true);
        let (high, up) = (top_bits(cx, lanes, v), cx.iconst(Ty::I64, lanes.lanes().into()));
        let high = cx.b.shl(Ty::I64, high, up);
        r = cx.b.or(Ty::I64, r, high);
    }
    cx.set_reg(cx.i.op0_register().full_register(), r);
    Flow::Next
}

/// VPTEST, and of the signs of lanes VTESTPS, VTESTPD.
pub fn test(cx: &mut Cx, lanes: Option<Shape>) -> Flow {
    let [mut b, mut a] = if is_wide(cx.i) { [both(cx, 1), both(cx, 0)] } else { [[cx.vsrc(1); 2], [cx.vsrc(0); 2]] };
    if let Some(lanes) = lanes {
        let signs = cx.b.vconst(u128::MAX / (u128::MAX >> (128 - lanes.lane_bits())) << (lanes.lane_bits() - 1));
        [b, a] = [b, a].map(|v| v.map(|v| cx.b.and(Ty::V128, v, signs)));
    }
    let inside = [0, 1].map(|k| cx.b.and(Ty::V128, a[k], b[k]));
    let outside = [0, 1].map(|k| cx.b.bic(Ty::V128, b[k], a[k]));
    let [inside, outside] = [inside, outside].map(|[low, high]| cx.b.or(Ty::V128, low, high));
    vec4::set_test_flags(cx, inside, outside);
    Flow::Next
}

/// VPSLLW and its like, by an immediate or the lowest 64 bits of a register or of memory.
pub fn shift(cx: &mut Cx, op: Op, lanes: Shape) -> Flow {
    if cx.i.op2_kind() == OpKind::Immediate8 {
        let n = cx.i.immediate(2);
        return by_halves(cx, |cx| {
            let v = cx.vsrc(1);
            let r = by_constant(cx, op, lanes, v, n as u32);
            cx.set_v(r);
            Flow::Next
        });
    }
    let count = cx.vsrc(2);
    let by = match op {
        Op::Vshl => Op::VshlBy,
        Op::Vlshr => Op::VlshrBy,
        _ => Op::VashrBy,
    };
    let wide = is_wide(cx.i);
    let [low, high] = [false, true].map(|upper| {
        let v = cx.half_of(cx.i.op1_register(), upper);
        cx.b.vbinary(by, lanes, v, count)
    });
    cx.set_halves(cx.i.op0_register(), low, wide.then_some(high));
    Flow::Next
}

fn by_constant(cx: &mut Cx, op: Op, lanes: Shape, v: Value, n: u32) -> Value {
    let bits = lanes.lane_bits();
    match op {
        Op::Vashr => cx.b.vshift(op, lanes, v, n.min(bits - 1)),
        _ if n >= bits => cx.b.vconst(0),
        _ => cx.b.vshift(op, lanes, v, n),
    }
}

/// VPSLLVD and its like: each lane by its own count.
pub fn shift_lanes(cx: &mut Cx, op: Op, lanes: Shape) -> Flow {
    by_halves(cx, |cx| {
        let (counts, v) = (cx.vsrc(2), cx.vsrc(1));
        let ty = if lanes == Shape::I32x4 { Ty::I32 } else { Ty::I64 };
        let bits = u64::from(lanes.lane_bits());
        let mut r = v;
        for k in 0..lanes.lanes() {
            let (x, n) = (cx.b.lane(ty, lanes, v, k), cx.b.lane(ty, lanes, counts, k));
            let x = if op == Op::Vashr {
                let most = cx.iconst(ty, bits - 1);
                let n = cx.b.umin(ty, n, most);
                cx.b.ashr(ty, x, n)
            } else {
                let x = if op == Op::Vshl { cx.b.shl(ty, x, n) } else { cx.b.lshr(ty, x, n) };
                let (limit, zero) = (cx.iconst(ty, bits), cx.iconst(ty, 0));
                let within = cx.b.icmp(ty, IntCc::Ult, n, limit);
                cx.b.select(ty, within, x, zero)
            };
            r = cx.b.insert(shape(ty), r, x, k);
        }
        cx.set_v(r);
        Flow::Next
    })
}

/// VPCMPESTRI and its like; the mask forms write the whole of YMM0.
pub fn compare_text(cx: &mut Cx, explicit: bool, mask: bool) -> Flow {
    let flow = by_halves(cx, |cx| vec4::compare_text(cx, explicit, mask));
    if mask {
        let zero = cx.b.vconst(0);
        cx.b.set(state::ymm_high(0), zero);
    }
    flow
}
