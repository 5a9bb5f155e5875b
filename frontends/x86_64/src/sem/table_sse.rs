//! The table of SSE, SSE2 and MMX.

use super::fp::{self, Prec};
use super::{Cx, Flow, mmx_convert, shuffle, vec};
use crate::exec;
use brolga_ir::{IntCc, Op, Shape, Ty};
use iced_x86::{Mnemonic as M, OpKind};

const S: Prec = Prec::Single;
const D: Prec = Prec::Double;
const B: Shape = Shape::I8x16;
const W: Shape = Shape::I16x8;
const L: Shape = Shape::I32x4;
const Q: Shape = Shape::I64x2;

/// The instructions on XMM registers; `None` if it is none of them.
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    let flow = moves(cx).or_else(|| integer(cx)).or_else(|| shuffles(cx)).or_else(|| float(cx))?;
    let mmx = (0..cx.i.op_count()).any(|n| cx.i.op_kind(n) == OpKind::Register && cx.i.op_register(n).is_mm());
    if mmx && flow == Flow::Next {
        vec::enter_mmx(cx);
    }
    Some(flow)
}

#[rustfmt::skip]
fn moves(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Movaps | M::Movups | M::Movapd | M::Movupd | M::Movdqa | M::Movdqu | M::Lddqu | M::Movntps | M::Movntpd
        | M::Movntdq | M::Movntdqa => vec::mov(cx),
        M::Movntq => vec::store_low(cx),
        M::Movq2dq | M::Movdq2q => vec::mov_scalar(cx, Ty::I64),
        M::Emms => vec::emms(cx),
        M::Movd => vec::mov_scalar(cx, Ty::I32),
        M::Movq => vec::mov_scalar(cx, Ty::I64),
        M::Movss => vec::mov_float(cx, Ty::F32),
        M::Movsd => vec::mov_float(cx, Ty::F64),
        M::Movlps | M::Movlpd => vec::mov_half(cx, 0),
        M::Movhps | M::Movhpd => vec::mov_half(cx, 1),
        M::Movhlps => shuffle::move_half(cx, false),
        M::Movlhps => shuffle::move_half(cx, true),
        M::Pmovmskb => vec::mask(cx, B),
        M::Movmskps => vec::mask(cx, L),
        M::Movmskpd => vec::mask(cx, Q),
        M::Pextrw => vec::extract(cx, Ty::I16),
        M::Pinsrw => vec::insert(cx, Ty::I16),
        _ => return None,
    })
}

#[rustfmt::skip]
fn integer(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Pand | M::Andps | M::Andpd => vec::logic(cx, Op::And),
        M::Por | M::Orps | M::Orpd => vec::logic(cx, Op::Or),
        M::Pxor | M::Xorps | M::Xorpd => vec::logic(cx, Op::Xor),
        M::Pandn | M::Andnps | M::Andnpd => vec::logic(cx, Op::Bic),
        M::Paddb => vec::two(cx, Op::Vadd, B),
        M::Paddw => vec::two(cx, Op::Vadd, W),
        M::Paddd => vec::two(cx, Op::Vadd, L),
        M::Paddq => vec::two(cx, Op::Vadd, Q),
        M::Psubb => vec::two(cx, Op::Vsub, B),
        M::Psubw => vec::two(cx, Op::Vsub, W),
        M::Psubd => vec::two(cx, Op::Vsub, L),
        M::Psubq => vec::two(cx, Op::Vsub, Q),
        M::Paddsb => vec::two(cx, Op::VsaddSat, B),
        M::Paddsw => vec::two(cx, Op::VsaddSat, W),
        M::Paddusb => vec::two(cx, Op::VuaddSat, B),
        M::Paddusw => vec::two(cx, Op::VuaddSat, W),
        M::Psubsb => vec::two(cx, Op::VssubSat, B),
        M::Psubsw => vec::two(cx, Op::VssubSat, W),
        M::Psubusb => vec::two(cx, Op::VusubSat, B),
        M::Psubusw => vec::two(cx, Op::VusubSat, W),
        M::Pmullw => vec::two(cx, Op::Vmul, W),
        M::Pmulhw => vec::mul_high(cx, true),
        M::Pmulhuw => vec::mul_high(cx, false),
        M::Pmuludq => vec::mul_even(cx, false),
        M::Pmaddwd => vec::two(cx, Op::VmulPairs, W),
        M::Pavgb => vec::two(cx, Op::VavgRound, B),
        M::Pavgw => vec::two(cx, Op::VavgRound, W),
        M::Pminub => vec::two(cx, Op::Vumin, B),
        M::Pmaxub => vec::two(cx, Op::Vumax, B),
        M::Pminsw => vec::two(cx, Op::Vsmin, W),
        M::Pmaxsw => vec::two(cx, Op::Vsmax, W),
        M::Psadbw => vec::sum_differences(cx),
        M::Pcmpeqb => vec::compare(cx, IntCc::Eq, B),
        M::Pcmpeqw => vec::compare(cx, IntCc::Eq, W),
        M::Pcmpeqd => vec::compare(cx, IntCc::Eq, L),
        M::Pcmpgtb => vec::compare(cx, IntCc::Sgt, B),
        M::Pcmpgtw => vec::compare(cx, IntCc::Sgt, W),
        M::Pcmpgtd => vec::compare(cx, IntCc::Sgt, L),
        M::Psllw => vec::shift(cx, Op::Vshl, W),
        M::Pslld => vec::shift(cx, Op::Vshl, L),
        M::Psllq => vec::shift(cx, Op::Vshl, Q),
        M::Psrlw => vec::shift(cx, Op::Vlshr, W),
        M::Psrld => vec::shift(cx, Op::Vlshr, L),
        M::Psrlq => vec::shift(cx, Op::Vlshr, Q),
        M::Psraw => vec::shift(cx, Op::Vashr, W),
        M::Psrad => vec::shift(cx, Op::Vashr, L),
        _ => return None,
    })
}

#[rustfmt::skip]
fn shuffles(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Pshufw => shuffle::pshufw_mmx(cx),
        M::Pshufd => shuffle::pshufd(cx),
        M::Pshuflw => shuffle::pshufw(cx, false),
        M::Pshufhw => shuffle::pshufw(cx, true),
        M::Shufps => shuffle::shufps(cx),
        M::Shufpd => shuffle::shufpd(cx),
        M::Punpcklbw => shuffle::unpack(cx, B, false),
        M::Punpcklwd => shuffle::unpack(cx, W, false),
        M::Punpckldq | M::Unpcklps => shuffle::unpack(cx, L, false),
        M::Punpcklqdq | M::Unpcklpd => shuffle::unpack(cx, Q, false),
        M::Punpckhbw => shuffle::unpack(cx, B, true),
        M::Punpckhwd => shuffle::unpack(cx, W, true),
        M::Punpckhdq | M::Unpckhps => shuffle::unpack(cx, L, true),
        M::Punpckhqdq | M::Unpckhpd => shuffle::unpack(cx, Q, true),
        M::Packsswb => shuffle::pack(cx, Op::Vsnarrow, W),
        M::Packssdw => shuffle::pack(cx, Op::Vsnarrow, L),
        M::Packuswb => shuffle::pack(cx, Op::Vunarrow, W),
        M::Pslldq => shuffle::shift_bytes(cx, true),
        M::Psrldq => shuffle::shift_bytes(cx, false),
        _ => return None,
    })
}

#[rustfmt::skip]
fn float(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Addps => fp::packed(cx, fp::ADD, S),
        M::Addpd => fp::packed(cx, fp::ADD, D),
        M::Addss => fp::scalar(cx, fp::ADD, S),
        M::Addsd => fp::scalar(cx, fp::ADD, D),
        M::Subps => fp::packed(cx, fp::SUB, S),
        M::Subpd => fp::packed(cx, fp::SUB, D),
        M::Subss => fp::scalar(cx, fp::SUB, S),
        M::Subsd => fp::scalar(cx, fp::SUB, D),
        M::Mulps => fp::packed(cx, fp::MUL, S),
        M::Mulpd => fp::packed(cx, fp::MUL, D),
        M::Mulss => fp::scalar(cx, fp::MUL, S),
        M::Mulsd => fp::scalar(cx, fp::MUL, D),
        M::Divps => fp::packed(cx, fp::DIV, S),
        M::Divpd => fp::packed(cx, fp::DIV, D),
        M::Divss => fp::scalar(cx, fp::DIV, S),
        M::Divsd => fp::scalar(cx, fp::DIV, D),
        M::Sqrtps => fp::packed(cx, fp::SQRT, S),
        M::Sqrtpd => fp::packed(cx, fp::SQRT, D),
        M::Sqrtss => fp::scalar(cx, fp::SQRT, S),
        M::Sqrtsd => fp::scalar(cx, fp::SQRT, D),
        M::Minps => fp::extreme(cx, S, true, true),
        M::Minpd => fp::extreme(cx, D, true, true),
        M::Minss => fp::extreme(cx, S, true, false),
        M::Minsd => fp::extreme(cx, D, true, false),
        M::Maxps => fp::extreme(cx, S, false, true),
        M::Maxpd => fp::extreme(cx, D, false, true),
        M::Maxss => fp::extreme(cx, S, false, false),
        M::Maxsd => fp::extreme(cx, D, false, false),
        M::Cmpps => fp::compare(cx, S, true),
        M::Cmppd => fp::compare(cx, D, true),
        M::Cmpss => fp::compare(cx, S, false),
        M::Cmpsd => fp::compare(cx, D, false),
        M::Ucomiss => fp::compare_flags(cx, S, false),
        M::Ucomisd => fp::compare_flags(cx, D, false),
        M::Comiss => fp::compare_flags(cx, S, true),
        M::Comisd => fp::compare_flags(cx, D, true),
        M::Cvtsi2ss => fp::from_int(cx, S),
        M::Cvtsi2sd => fp::from_int(cx, D),
        M::Cvtss2si => fp::to_int(cx, S, false),
        M::Cvttss2si => fp::to_int(cx, S, true),
        M::Cvtsd2si => fp::to_int(cx, D, false),
        M::Cvttsd2si => fp::to_int(cx, D, true),
        M::Cvtss2sd => fp::resize(cx, S),
        M::Cvtsd2ss => fp::resize(cx, D),
        M::Cvtpi2ps => mmx_convert::from_mmx(cx, S),
        M::Cvtpi2pd => mmx_convert::from_mmx(cx, D),
        M::Cvtps2pi => mmx_convert::to_mmx(cx, S, false),
        M::Cvttps2pi => mmx_convert::to_mmx(cx, S, true),
        M::Cvtpd2pi => mmx_convert::to_mmx(cx, D, false),
        M::Cvttpd2pi => mmx_convert::to_mmx(cx, D, true),
        M::Cvtps2pd => fp::resize_packed(cx, S),
        M::Cvtpd2ps => fp::resize_packed(cx, D),
        M::Cvtdq2ps => fp::from_int_packed(cx, S),
        M::Cvtdq2pd => fp::from_int_packed(cx, D),
        M::Cvtps2dq => fp::to_int_packed(cx, S, false),
        M::Cvttps2dq => fp::to_int_packed(cx, S, true),
        M::Cvtpd2dq => fp::to_int_packed(cx, D, false),
        M::Cvttpd2dq => fp::to_int_packed(cx, D, true),
        M::Rcpps => fp::estimate(cx, exec::RECIPROCAL, true),
        M::Rcpss => fp::estimate(cx, exec::RECIPROCAL, false),
        M::Rsqrtps => fp::estimate(cx, exec::RECIPROCAL_ROOT, true),
        M::Rsqrtss => fp::estimate(cx, exec::RECIPROCAL_ROOT, false),
        _ => return None,
    })
}
