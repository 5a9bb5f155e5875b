//! The table of AVX, AVX2, FMA and F16C instructions that extend none of SSE.

use super::fma::{self, Sign};
use super::fp::Prec;
use super::{Cx, Flow, avx, avx_float, avx_memory, fma::Order};
use brolga_ir::{Op, Shape};
use iced_x86::{Mnemonic as M, OpKind};

const S: Prec = Prec::Single;
const D: Prec = Prec::Double;
const B: Shape = Shape::I8x16;
const W: Shape = Shape::I16x8;
const L: Shape = Shape::I32x4;
const Q: Shape = Shape::I64x2;

/// The instructions; `None` if it is none of them.
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    moves(cx).or_else(|| lanes(cx)).or_else(|| float(cx)).or_else(|| fused(cx))
}

#[rustfmt::skip]
fn moves(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Vmovups | M::Vmovupd | M::Vmovdqu | M::Vlddqu => avx_memory::mov(cx, false),
        M::Vmovaps | M::Vmovapd | M::Vmovdqa | M::Vmovntps | M::Vmovntpd | M::Vmovntdq | M::Vmovntdqa => avx_memory::mov(cx, true),
        M::Vmaskmovps | M::Vpmaskmovd => avx_memory::masked(cx, L),
        M::Vmaskmovpd | M::Vpmaskmovq => avx_memory::masked(cx, Q),
        M::Vgatherdps | M::Vgatherqps | M::Vpgatherdd | M::Vpgatherqd => avx_memory::gather(cx, L),
        M::Vgatherdpd | M::Vgatherqpd | M::Vpgatherdq | M::Vpgatherqq => avx_memory::gather(cx, Q),
        M::Vbroadcastss | M::Vpbroadcastd => avx::broadcast(cx, L),
        M::Vbroadcastsd | M::Vpbroadcastq => avx::broadcast(cx, Q),
        M::Vpbroadcastb => avx::broadcast(cx, B),
        M::Vpbroadcastw => avx::broadcast(cx, W),
        M::Vbroadcastf128 | M::Vbroadcasti128 => avx::broadcast_half(cx),
        M::Vzeroupper => avx::zero(cx, false),
        M::Vzeroall => avx::zero(cx, true),
        _ => return None,
    })
}

#[rustfmt::skip]
fn lanes(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Vextractf128 | M::Vextracti128 => avx::extract_half(cx),
        M::Vinsertf128 | M::Vinserti128 => avx::insert_half(cx),
        M::Vperm2f128 | M::Vperm2i128 => avx::permute_halves(cx),
        M::Vpermq | M::Vpermpd => avx::permute_quads(cx),
        M::Vpermd | M::Vpermps => avx::permute_words(cx),
        M::Vpermilps if cx.i.op2_kind() != OpKind::Immediate8 => avx::permute_in_half(cx, L),
        M::Vpermilpd if cx.i.op2_kind() != OpKind::Immediate8 => avx::permute_in_half(cx, Q),
        M::Vpermilpd => avx::permute_pair(cx),
        M::Vblendvps => avx::blend_variable(cx, L),
        M::Vblendvpd => avx::blend_variable(cx, Q),
        M::Vpblendvb => avx::blend_variable(cx, B),
        M::Vpmovmskb => avx::mask(cx, B),
        M::Vmovmskps => avx::mask(cx, L),
        M::Vmovmskpd => avx::mask(cx, Q),
        M::Vptest => avx::test(cx, None),
        M::Vtestps => avx::test(cx, Some(L)),
        M::Vtestpd => avx::test(cx, Some(Q)),
        M::Vpsllw => avx::shift(cx, Op::Vshl, W),
        M::Vpslld => avx::shift(cx, Op::Vshl, L),
        M::Vpsllq => avx::shift(cx, Op::Vshl, Q),
        M::Vpsrlw => avx::shift(cx, Op::Vlshr, W),
        M::Vpsrld => avx::shift(cx, Op::Vlshr, L),
        M::Vpsrlq => avx::shift(cx, Op::Vlshr, Q),
        M::Vpsraw => avx::shift(cx, Op::Vashr, W),
        M::Vpsrad => avx::shift(cx, Op::Vashr, L),
        M::Vpsllvd => avx::shift_lanes(cx, Op::Vshl, L),
        M::Vpsllvq => avx::shift_lanes(cx, Op::Vshl, Q),
        M::Vpsrlvd => avx::shift_lanes(cx, Op::Vlshr, L),
        M::Vpsrlvq => avx::shift_lanes(cx, Op::Vlshr, Q),
        M::Vpsravd => avx::shift_lanes(cx, Op::Vashr, L),
        M::Vpcmpestri | M::Vpcmpestri64 => avx::compare_text(cx, true, false),
        M::Vpcmpestrm | M::Vpcmpestrm64 => avx::compare_text(cx, true, true),
        M::Vpcmpistri => avx::compare_text(cx, false, false),
        M::Vpcmpistrm => avx::compare_text(cx, false, true),
        _ => return None,
    })
}

#[rustfmt::skip]
fn float(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Vcmpps => avx_float::compare(cx, S, true),
        M::Vcmppd => avx_float::compare(cx, D, true),
        M::Vcmpss => avx_float::compare(cx, S, false),
        M::Vcmpsd => avx_float::compare(cx, D, false),
        M::Vdpps if cx.i.op0_register().is_ymm() => avx_float::dot_product(cx),
        M::Vcvtph2ps => avx_float::from_half(cx),
        M::Vcvtps2ph => avx_float::to_half(cx),
        _ => return None,
    })
}

const PLUS: [Sign; 2] = [Sign::Plus; 2];
const MINUS: [Sign; 2] = [Sign::Minus; 2];

#[rustfmt::skip]
fn fused(cx: &mut Cx) -> Option<Flow> {
    use Order::{O132, O213, O231};
    Some(match cx.i.mnemonic() {
        M::Vfmadd132ps => fma::packed(cx, S, O132, Sign::Plus, PLUS),
        M::Vfmadd213ps => fma::packed(cx, S, O213, Sign::Plus, PLUS),
        M::Vfmadd231ps => fma::packed(cx, S, O231, Sign::Plus, PLUS),
        M::Vfmadd132pd => fma::packed(cx, D, O132, Sign::Plus, PLUS),
        M::Vfmadd213pd => fma::packed(cx, D, O213, Sign::Plus, PLUS),
        M::Vfmadd231pd => fma::packed(cx, D, O231, Sign::Plus, PLUS),
        M::Vfmsub132ps => fma::packed(cx, S, O132, Sign::Plus, MINUS),
        M::Vfmsub213ps => fma::packed(cx, S, O213, Sign::Plus, MINUS),
        M::Vfmsub231ps => fma::packed(cx, S, O231, Sign::Plus, MINUS),
        M::Vfmsub132pd => fma::packed(cx, D, O132, Sign::Plus, MINUS),
        M::Vfmsub213pd => fma::packed(cx, D, O213, Sign::Plus, MINUS),
        M::Vfmsub231pd => fma::packed(cx, D, O231, Sign::Plus, MINUS),
        M::Vfnmadd132ps => fma::packed(cx, S, O132, Sign::Minus, PLUS),
        M::Vfnmadd213ps => fma::packed(cx, S, O213, Sign::Minus, PLUS),
        M::Vfnmadd231ps => fma::packed(cx, S, O231, Sign::Minus, PLUS),
        M::Vfnmadd132pd => fma::packed(cx, D, O132, Sign::Minus, PLUS),
        M::Vfnmadd213pd => fma::packed(cx, D, O213, Sign::Minus, PLUS),
        M::Vfnmadd231pd => fma::packed(cx, D, O231, Sign::Minus, PLUS),
        M::Vfnmsub132ps => fma::packed(cx, S, O132, Sign::Minus, MINUS),
        M::Vfnmsub213ps => fma::packed(cx, S, O213, Sign::Minus, MINUS),
        M::Vfnmsub231ps => fma::packed(cx, S, O231, Sign::Minus, MINUS),
        M::Vfnmsub132pd => fma::packed(cx, D, O132, Sign::Minus, MINUS),
        M::Vfnmsub213pd => fma::packed(cx, D, O213, Sign::Minus, MINUS),
        M::Vfnmsub231pd => fma::packed(cx, D, O231, Sign::Minus, MINUS),
        M::Vfmaddsub132ps => fma::packed(cx, S, O132, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmaddsub213ps => fma::packed(cx, S, O213, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmaddsub231ps => fma::packed(cx, S, O231, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmaddsub132pd => fma::packed(cx, D, O132, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmaddsub213pd => fma::packed(cx, D, O213, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmaddsub231pd => fma::packed(cx, D, O231, Sign::Plus, [Sign::Minus, Sign::Plus]),
        M::Vfmsubadd132ps => fma::packed(cx, S, O132, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmsubadd213ps => fma::packed(cx, S, O213, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmsubadd231ps => fma::packed(cx, S, O231, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmsubadd132pd => fma::packed(cx, D, O132, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmsubadd213pd => fma::packed(cx, D, O213, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmsubadd231pd => fma::packed(cx, D, O231, Sign::Plus, [Sign::Plus, Sign::Minus]),
        M::Vfmadd132ss => fma::scalar(cx, S, O132, Sign::Plus, Sign::Plus),
        M::Vfmadd213ss => fma::scalar(cx, S, O213, Sign::Plus, Sign::Plus),
        M::Vfmadd231ss => fma::scalar(cx, S, O231, Sign::Plus, Sign::Plus),
        M::Vfmadd132sd => fma::scalar(cx, D, O132, Sign::Plus, Sign::Plus),
        M::Vfmadd213sd => fma::scalar(cx, D, O213, Sign::Plus, Sign::Plus),
        M::Vfmadd231sd => fma::scalar(cx, D, O231, Sign::Plus, Sign::Plus),
        M::Vfmsub132ss => fma::scalar(cx, S, O132, Sign::Plus, Sign::Minus),
        M::Vfmsub213ss => fma::scalar(cx, S, O213, Sign::Plus, Sign::Minus),
        M::Vfmsub231ss => fma::scalar(cx, S, O231, Sign::Plus, Sign::Minus),
        M::Vfmsub132sd => fma::scalar(cx, D, O132, Sign::Plus, Sign::Minus),
        M::Vfmsub213sd => fma::scalar(cx, D, O213, Sign::Plus, Sign::Minus),
        M::Vfmsub231sd => fma::scalar(cx, D, O231, Sign::Plus, Sign::Minus),
        M::Vfnmadd132ss => fma::scalar(cx, S, O132, Sign::Minus, Sign::Plus),
        M::Vfnmadd213ss => fma::scalar(cx, S, O213, Sign::Minus, Sign::Plus),
        M::Vfnmadd231ss => fma::scalar(cx, S, O231, Sign::Minus, Sign::Plus),
        M::Vfnmadd132sd => fma::scalar(cx, D, O132, Sign::Minus, Sign::Plus),
        M::Vfnmadd213sd => fma::scalar(cx, D, O213, Sign::Minus, Sign::Plus),
        M::Vfnmadd231sd => fma::scalar(cx, D, O231, Sign::Minus, Sign::Plus),
        M::Vfnmsub132ss => fma::scalar(cx, S, O132, Sign::Minus, Sign::Minus),
        M::Vfnmsub213ss => fma::scalar(cx, S, O213, Sign::Minus, Sign::Minus),
        M::Vfnmsub231ss => fma::scalar(cx, S, O231, Sign::Minus, Sign::Minus),
        M::Vfnmsub132sd => fma::scalar(cx, D, O132, Sign::Minus, Sign::Minus),
        M::Vfnmsub213sd => fma::scalar(cx, D, O213, Sign::Minus, Sign::Minus),
        M::Vfnmsub231sd => fma::scalar(cx, D, O231, Sign::Minus, Sign::Minus),
        _ => return None,
    })
}
