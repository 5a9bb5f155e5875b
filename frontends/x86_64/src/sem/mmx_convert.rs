//! Conversions between MMX registers and floats: CVTPI2PS, CVTPS2PI and their like. SDM vol. 2, the pages of these names.

use super::fp::Prec;
use super::vec::shape;
use super::{Cx, Flow};
use brolga_ir::{Shape, Ty};
use iced_x86::OpKind;

/// CVTPI2PS, CVTPI2PD: two signed integers of 32 bits to the low lanes.
pub fn from_mmx(cx: &mut Cx, p: Prec) -> Flow {
    let v = cx.low_half(1);
    let old = if p == Prec::Single { cx.xmm(cx.i.op0_register()) } else { cx.b.vconst(0) };
    let mut r = old;
    for k in 0..2 {
        let x = cx.b.lane(Ty::I32, Shape::I32x4, v, k);
        let x = cx.b.sext(Ty::I64, x);
        let x = cx.convert_int(p, x);
        r = cx.b.insert(shape(p.ty()), r, x, k);
    }
    cx.set_v(r);
    Flow::Next
}

/// CVTPS2PI, CVTPD2PI and their truncating forms: the low two lanes to signed integers of 32 bits.
pub fn to_mmx(cx: &mut Cx, p: Prec, truncate: bool) -> Flow {
    let v = if cx.i.op1_kind() == OpKind::Register {
        cx.xmm(cx.i.op1_register())
    } else if p == Prec::Single {
        cx.low_half(1)
    } else {
        let (addr, offset) = cx.address();
        cx.b.load(Ty::V128, cx.whole(), addr, offset)
    };
    let mut r = cx.b.vconst(0);
    for k in 0..2 {
        let x = cx.b.lane(p.ty(), shape(p.ty()), v, k);
        let x = cx.to_int(p, x, Ty::I32, truncate);
        r = cx.b.insert(Shape::I32x4, r, x, k);
    }
    cx.set_v(r);
    Flow::Next
}
