//! Conversions between MMX registers and floats: CVTPI2PS, CVTPS2PI and their like. SDM vol. 2, the pages of these names.

use super::fp::Prec;
use super::{Cx, Flow};
use brolga_ir::Ty;
use iced_x86::OpKind;

/// CVTPI2PS, CVTPI2PD: two signed integers of 32 bits to the low lanes.
pub fn from_mmx(cx: &mut Cx, p: Prec) -> Flow {
    let v = cx.low_half(1);
    let old = if p == Prec::Single { cx.xmm(cx.i.op0_register()) } else { cx.b.vconst(0) };
    let r = cx.lanes_from_int(p, v, old, 2);
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
    let r = cx.lanes_to_int(p, v, 2, truncate);
    cx.set_v(r);
    Flow::Next
}
