//! Shuffles, unpacks and packs: bytes chosen by constants. Selectors 0..=15 are the first operand's bytes, 16..=31 the
//! second's.

use super::{Cx, Flow, vec};
use brolga_ir::{Op, Shape, Ty, VecFn};

/// Selectors of a vector of lanes of `bytes` bytes, by lane: `pick(i)` is a lane of both operands counted through.
fn lanes(bytes: usize, pick: impl Fn(usize) -> usize) -> [u8; 16] {
    std::array::from_fn(|k| (pick(k / bytes) * bytes + k % bytes) as u8)
}

/// Two bits of an immediate for lane `i`.
fn field(imm: u64, i: usize) -> usize {
    (imm >> (2 * i) & 3) as usize
}

/// Operand 0 and 1 through selectors.
fn both(cx: &mut Cx, selectors: [u8; 16]) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let r = cx.b.vshuffle(a, b, selectors);
    cx.set_v(r);
    Flow::Next
}

/// Operand 1 alone.
fn one(cx: &mut Cx, selectors: [u8; 16]) -> Flow {
    let v = cx.vsrc(1);
    let r = cx.b.vshuffle(v, v, selectors);
    cx.set_v(r);
    Flow::Next
}

/// PSHUFD.
pub fn pshufd(cx: &mut Cx) -> Flow {
    let imm = cx.i.immediate(2);
    one(cx, lanes(4, |i| field(imm, i)))
}

/// PSHUFLW, PSHUFHW: one half is shuffled, the other stays.
pub fn pshufw(cx: &mut Cx, upper: bool) -> Flow {
    let (imm, first) = (cx.i.immediate(2), if upper { 4 } else { 0 });
    one(cx, lanes(2, |i| if (i >= 4) == upper { first + field(imm, i - first) } else { i }))
}

/// SHUFPS: two lanes of each operand.
pub fn shufps(cx: &mut Cx) -> Flow {
    let imm = cx.i.immediate(2);
    both(cx, lanes(4, |i| field(imm, i) + if i >= 2 { 4 } else { 0 }))
}

/// SHUFPD.
pub fn shufpd(cx: &mut Cx) -> Flow {
    let imm = cx.i.immediate(2) as usize;
    both(cx, lanes(8, |i| (imm >> i & 1) + 2 * i))
}

/// PUNPCKLBW and its like: lanes of both operands' lower or upper halves alternate.
pub fn unpack(cx: &mut Cx, shape: Shape, upper: bool) -> Flow {
    let (bytes, n) = (shape.lane_bits() as usize / 8, shape.lanes() as usize);
    let half = n / 2 / (1 + vec::is_mmx(cx) as usize);
    let first = if upper { half } else { 0 };
    both(cx, lanes(bytes, |i| first + i / 2 % half + n * (i % 2)))
}

/// MOVHLPS (`upper` false: the second's upper half goes down), MOVLHPS.
pub fn move_half(cx: &mut Cx, to_upper: bool) -> Flow {
    both(
        cx,
        lanes(8, |i| match (i, to_upper) {
            (0, true) => 0,
            (1, true) => 2,
            (0, _) => 3,
            _ => 1,
        }),
    )
}

/// PSLLDQ, PSRLDQ: bytes, zeros coming in.
pub fn shift_bytes(cx: &mut Cx, left: bool) -> Flow {
    let n = (cx.i.immediate(1) as i32).min(16);
    let v = cx.vsrc(0);
    let selectors = std::array::from_fn(|k| {
        let from = k as i32 + if left { -n } else { n };
        if (0..16).contains(&from) { from as u8 } else { 0x80 }
    });
    let r = cx.b.vshuffle(v, v, selectors);
    cx.set_v(r);
    Flow::Next
}

/// PALIGNR: 16 bytes out of both operands side by side.
pub fn align(cx: &mut Cx) -> Flow {
    let n = cx.i.immediate(2) as usize;
    let bytes = if vec::is_mmx(cx) { 8 } else { 16 };
    // The second operand is the lower one.
    let selectors = std::array::from_fn(|k| match k + n {
        from if from < bytes => 16 + from as u8,
        from if from < 2 * bytes => (from - bytes) as u8,
        _ => 0x80,
    });
    both(cx, selectors)
}

/// PSHUFW: of MMX registers.
pub fn pshufw_mmx(cx: &mut Cx) -> Flow {
    let imm = cx.i.immediate(2);
    one(cx, lanes(2, |i| field(imm, i % 4)))
}

/// PACKSSWB and its like: of MMX registers both are halves of one vector first.
pub fn pack(cx: &mut Cx, op: Op, shape: Shape) -> Flow {
    if !vec::is_mmx(cx) {
        return vec::two(cx, op, shape);
    }
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let v = cx.b.vshuffle(a, b, lanes(8, |i| 2 * i));
    let r = cx.b.vbinary(op, shape, v, v);
    cx.set_v(r);
    Flow::Next
}

/// PSHUFB: bytes by indices, zero where an index is negative.
pub fn pshufb(cx: &mut Cx) -> Flow {
    let (b, a) = (cx.vsrc(1), cx.vsrc(0));
    let b = if vec::is_mmx(cx) {
        let mask = cx.b.vconst(u128::MAX / 0xff * 0x87);
        cx.b.and(Ty::V128, b, mask)
    } else {
        b
    };
    let r = cx.b.vec_fn(VecFn::PickBytes, &[a, b], 0);
    cx.set_v(r);
    Flow::Next
}

/// MOVDDUP, MOVSLDUP, MOVSHDUP.
pub fn duplicate(cx: &mut Cx, shape: Shape, odd: bool) -> Flow {
    let v = if shape == Shape::I64x2 { cx.low_half(1) } else { cx.vsrc(1) };
    let bytes = shape.lane_bits() as usize / 8;
    let selectors = lanes(bytes, |i| i / 2 * 2 + odd as usize);
    let r = cx.b.vshuffle(v, v, selectors);
    cx.set_v(r);
    Flow::Next
}
