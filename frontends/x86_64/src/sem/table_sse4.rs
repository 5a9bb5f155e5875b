//! The table of SSE3, SSSE3 and SSE4.

use super::fp::Prec;
use super::{Cx, Flow, shuffle, vec, vec4};
use brolga_ir::{IntCc, Op, Shape, Ty};
use iced_x86::Mnemonic as M;

const S: Prec = Prec::Single;
const D: Prec = Prec::Double;
const B: Shape = Shape::I8x16;
const W: Shape = Shape::I16x8;
const L: Shape = Shape::I32x4;
const Q: Shape = Shape::I64x2;

/// The instructions; `None` if it is none of them.
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    if matches!(cx.i.mnemonic(), M::Maskmovdqu | M::Maskmovq) {
        return Some(vec4::masked_store(cx));
    }
    let flow = sse3(cx).or_else(|| sse41(cx)).or_else(|| lanes(cx))?;
    if vec::is_mmx(cx) {
        vec::enter_mmx(cx);
    }
    Some(flow)
}

#[rustfmt::skip]
fn sse3(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Movddup => shuffle::duplicate(cx, Q, false),
        M::Movsldup => shuffle::duplicate(cx, L, false),
        M::Movshdup => shuffle::duplicate(cx, L, true),
        M::Haddps => vec4::horizontal_float(cx, true, S),
        M::Haddpd => vec4::horizontal_float(cx, true, D),
        M::Hsubps => vec4::horizontal_float(cx, false, S),
        M::Hsubpd => vec4::horizontal_float(cx, false, D),
        M::Addsubps => vec4::add_sub(cx, S),
        M::Addsubpd => vec4::add_sub(cx, D),
        M::Pshufb => shuffle::pshufb(cx),
        M::Palignr => shuffle::align(cx),
        M::Pabsb => vec4::abs(cx, B),
        M::Pabsw => vec4::abs(cx, W),
        M::Pabsd => vec4::abs(cx, L),
        M::Psignb => vec4::sign(cx, B),
        M::Psignw => vec4::sign(cx, W),
        M::Psignd => vec4::sign(cx, L),
        M::Phaddw => vec4::horizontal(cx, Op::Vadd, W),
        M::Phaddd => vec4::horizontal(cx, Op::Vadd, L),
        M::Phaddsw => vec4::horizontal(cx, Op::VsaddSat, W),
        M::Phsubw => vec4::horizontal(cx, Op::Vsub, W),
        M::Phsubd => vec4::horizontal(cx, Op::Vsub, L),
        M::Phsubsw => vec4::horizontal(cx, Op::VssubSat, W),
        M::Pmulhrsw => vec4::mul_high_round(cx),
        M::Pmaddubsw => vec4::mul_add_bytes(cx),
        _ => return None,
    })
}

#[rustfmt::skip]
fn sse41(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Pminsb => vec::two(cx, Op::Vsmin, B),
        M::Pmaxsb => vec::two(cx, Op::Vsmax, B),
        M::Pminuw => vec::two(cx, Op::Vumin, W),
        M::Pmaxuw => vec::two(cx, Op::Vumax, W),
        M::Pminsd => vec::two(cx, Op::Vsmin, L),
        M::Pmaxsd => vec::two(cx, Op::Vsmax, L),
        M::Pminud => vec::two(cx, Op::Vumin, L),
        M::Pmaxud => vec::two(cx, Op::Vumax, L),
        M::Pmulld => vec::two(cx, Op::Vmul, L),
        M::Pmuldq => vec::mul_even(cx, true),
        M::Pcmpeqq => vec::compare(cx, IntCc::Eq, Q),
        M::Pcmpgtq => vec::compare(cx, IntCc::Sgt, Q),
        M::Packusdw => vec::two(cx, Op::Vunarrow, L),
        M::Ptest => vec4::ptest(cx),
        M::Roundss => vec4::round(cx, S, false),
        M::Roundsd => vec4::round(cx, D, false),
        M::Roundps => vec4::round(cx, S, true),
        M::Roundpd => vec4::round(cx, D, true),
        M::Dpps => vec4::dot_product(cx, S),
        M::Dppd => vec4::dot_product(cx, D),
        M::Mpsadbw => vec4::sums_of_differences(cx),
        M::Pcmpestri => vec4::compare_text(cx, true, false),
        M::Pcmpestrm => vec4::compare_text(cx, true, true),
        M::Pcmpistri => vec4::compare_text(cx, false, false),
        M::Pcmpistrm => vec4::compare_text(cx, false, true),
        M::Pcmpestri64 => vec4::compare_text(cx, true, false),
        M::Pcmpestrm64 => vec4::compare_text(cx, true, true),
        M::Phminposuw => vec4::min_position(cx),
        _ => return None,
    })
}

#[rustfmt::skip]
fn lanes(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Pmovsxbw => vec4::extend(cx, B, W, true),
        M::Pmovsxbd => vec4::extend(cx, B, L, true),
        M::Pmovsxbq => vec4::extend(cx, B, Q, true),
        M::Pmovsxwd => vec4::extend(cx, W, L, true),
        M::Pmovsxwq => vec4::extend(cx, W, Q, true),
        M::Pmovsxdq => vec4::extend(cx, L, Q, true),
        M::Pmovzxbw => vec4::extend(cx, B, W, false),
        M::Pmovzxbd => vec4::extend(cx, B, L, false),
        M::Pmovzxbq => vec4::extend(cx, B, Q, false),
        M::Pmovzxwd => vec4::extend(cx, W, L, false),
        M::Pmovzxwq => vec4::extend(cx, W, Q, false),
        M::Pmovzxdq => vec4::extend(cx, L, Q, false),
        M::Pextrb => vec::extract(cx, Ty::I8),
        M::Pextrd | M::Extractps => vec::extract(cx, Ty::I32),
        M::Pextrq => vec::extract(cx, Ty::I64),
        M::Pinsrb => vec::insert(cx, Ty::I8),
        M::Pinsrd => vec::insert(cx, Ty::I32),
        M::Pinsrq => vec::insert(cx, Ty::I64),
        M::Insertps => vec4::insertps(cx),
        M::Blendps => vec4::blend(cx, L),
        M::Blendpd => vec4::blend(cx, Q),
        M::Pblendw => vec4::blend(cx, W),
        M::Blendvps => vec4::blend_variable(cx, L),
        M::Blendvpd => vec4::blend_variable(cx, Q),
        M::Pblendvb => vec4::blend_variable(cx, B),
        _ => return None,
    })
}
