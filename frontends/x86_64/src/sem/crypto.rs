//! AES, PCLMULQDQ, SHA and GFNI: helpers that work on the destination in place, half by half in their VEX forms.

use super::vex::by_halves;
use super::{Cx, Flow};
use crate::exec::{self, crypto::Op};
use crate::state;
use brolga_ir::HelperId;
use iced_x86::Mnemonic as M;

/// The instructions; `None` if it is none of them.
#[rustfmt::skip]
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Aesenc => legacy(cx, Op::AesEncrypt),
        M::Aesenclast => legacy(cx, Op::AesEncryptLast),
        M::Aesdec => legacy(cx, Op::AesDecrypt),
        M::Aesdeclast => legacy(cx, Op::AesDecryptLast),
        M::Aesimc => legacy(cx, Op::AesMixInverse),
        M::Aeskeygenassist => legacy(cx, Op::AesKey),
        M::Pclmulqdq => legacy(cx, Op::Product),
        M::Sha1rnds4 => legacy(cx, Op::Sha1Rounds),
        M::Sha1nexte => legacy(cx, Op::Sha1NextE),
        M::Sha1msg1 => legacy(cx, Op::Sha1Message1),
        M::Sha1msg2 => legacy(cx, Op::Sha1Message2),
        M::Sha256rnds2 => legacy(cx, Op::Sha256Rounds),
        M::Sha256msg1 => legacy(cx, Op::Sha256Message1),
        M::Sha256msg2 => legacy(cx, Op::Sha256Message2),
        M::Gf2p8mulb => legacy(cx, Op::FieldProduct),
        M::Gf2p8affineqb => legacy(cx, Op::Affine),
        M::Gf2p8affineinvqb => legacy(cx, Op::AffineInverse),
        M::Vaesenc => halves(cx, Op::AesEncrypt),
        M::Vaesenclast => halves(cx, Op::AesEncryptLast),
        M::Vaesdec => halves(cx, Op::AesDecrypt),
        M::Vaesdeclast => halves(cx, Op::AesDecryptLast),
        M::Vaesimc => halves(cx, Op::AesMixInverse),
        M::Vaeskeygenassist => halves(cx, Op::AesKey),
        M::Vpclmulqdq => halves(cx, Op::Product),
        M::Vgf2p8mulb => halves(cx, Op::FieldProduct),
        M::Vgf2p8affineqb => halves(cx, Op::Affine),
        M::Vgf2p8affineinvqb => halves(cx, Op::AffineInverse),
        _ => return None,
    })
}

fn helper(op: Op) -> HelperId {
    exec::CRYPTO[op as usize]
}

/// The form whose first operand is the destination; SHA256RNDS2 has XMM0 as a third one.
fn legacy(cx: &mut Cx, op: Op) -> Flow {
    let (v, first) = (cx.vsrc(1), cx.vsrc(0));
    let imm = immediate(cx);
    cx.in_place(helper(op), first, v, imm, &[state::xmm(0)]);
    Flow::Next
}

/// The form with a destination of its own; those of one operand take it for both.
fn halves(cx: &mut Cx, op: Op) -> Flow {
    let imm = immediate(cx);
    let last = if matches!(op, Op::AesMixInverse | Op::AesKey) { 1 } else { 2 };
    by_halves(cx, |cx| {
        let (v, first) = (cx.vsrc(last), cx.vsrc(1));
        cx.in_place(helper(op), first, v, imm, &[state::xmm(0)]);
        Flow::Next
    })
}

/// The immediate, which is the last operand where there is one.
fn immediate(cx: &Cx) -> u64 {
    let last = cx.i.op_count() - 1;
    if cx.i.op_kind(last) == iced_x86::OpKind::Immediate8 { cx.i.immediate(last) & 0xff } else { 0 }
}
