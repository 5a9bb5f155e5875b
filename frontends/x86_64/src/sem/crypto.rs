//! AES, PCLMULQDQ, SHA and GFNI: functions of vectors, half by half in their VEX forms.

use super::vex::by_halves;
use super::{Cx, Flow};
use crate::state;
use brolga_ir::{Value, VecFn};
use iced_x86::Mnemonic as M;

/// The instructions; `None` if it is none of them.
#[rustfmt::skip]
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Aesenc => legacy(cx, VecFn::AesEncrypt),
        M::Aesenclast => legacy(cx, VecFn::AesEncryptLast),
        M::Aesdec => legacy(cx, VecFn::AesDecrypt),
        M::Aesdeclast => legacy(cx, VecFn::AesDecryptLast),
        M::Aesimc => legacy(cx, VecFn::AesMixInverse),
        M::Aeskeygenassist => legacy(cx, VecFn::AesKey),
        M::Pclmulqdq => legacy(cx, VecFn::Product),
        M::Sha1rnds4 => legacy(cx, VecFn::Sha1Rounds),
        M::Sha1nexte => legacy(cx, VecFn::Sha1NextE),
        M::Sha1msg1 => legacy(cx, VecFn::Sha1Message1),
        M::Sha1msg2 => legacy(cx, VecFn::Sha1Message2),
        M::Sha256rnds2 => legacy(cx, VecFn::Sha256Rounds),
        M::Sha256msg1 => legacy(cx, VecFn::Sha256Message1),
        M::Sha256msg2 => legacy(cx, VecFn::Sha256Message2),
        M::Gf2p8mulb => legacy(cx, VecFn::FieldProduct),
        M::Gf2p8affineqb => legacy(cx, VecFn::Affine),
        M::Gf2p8affineinvqb => legacy(cx, VecFn::AffineInverse),
        M::Vaesenc => halves(cx, VecFn::AesEncrypt),
        M::Vaesenclast => halves(cx, VecFn::AesEncryptLast),
        M::Vaesdec => halves(cx, VecFn::AesDecrypt),
        M::Vaesdeclast => halves(cx, VecFn::AesDecryptLast),
        M::Vaesimc => halves(cx, VecFn::AesMixInverse),
        M::Vaeskeygenassist => halves(cx, VecFn::AesKey),
        M::Vpclmulqdq => halves(cx, VecFn::Product),
        M::Vgf2p8mulb => halves(cx, VecFn::FieldProduct),
        M::Vgf2p8affineqb => halves(cx, VecFn::Affine),
        M::Vgf2p8affineinvqb => halves(cx, VecFn::AffineInverse),
        _ => return None,
    })
}

/// The form whose first operand is the destination; SHA256RNDS2 has XMM0 as a third one.
fn legacy(cx: &mut Cx, f: VecFn) -> Flow {
    let (v, first) = (cx.vsrc(1), cx.vsrc(0));
    result(cx, f, first, v)
}

/// The form with a destination of its own.
fn halves(cx: &mut Cx, f: VecFn) -> Flow {
    let last = if f.operands() == 1 { 1 } else { 2 };
    by_halves(cx, |cx| {
        let (v, first) = (cx.vsrc(last), cx.vsrc(1));
        result(cx, f, first, v)
    })
}

/// Writes `f` of the two operands; those of one operand take the second.
fn result(cx: &mut Cx, f: VecFn, first: Value, second: Value) -> Flow {
    let imm = immediate(cx);
    let r = match f.operands() {
        1 => cx.b.vec_fn(f, &[second], imm),
        2 => cx.b.vec_fn(f, &[first, second], imm),
        _ => {
            let third = cx.b.get_v(state::xmm(0));
            cx.b.vec_fn(f, &[first, second, third], imm)
        }
    };
    cx.set_v(r);
    Flow::Next
}

/// The immediate, which is the last operand where there is one.
fn immediate(cx: &Cx) -> u8 {
    let last = cx.i.op_count() - 1;
    if cx.i.op_kind(last) == iced_x86::OpKind::Immediate8 { cx.i.immediate(last) as u8 } else { 0 }
}
