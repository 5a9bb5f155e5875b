//! Cryptographic instructions.

use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::Shape;

operations! {
    /// "Cryptographic AES".
    AesOp: Aese Aesd Aesmc Aesimc
}

operations! {
    /// The other cryptographic instructions.
    CryptoOp: Sha1c Sha1p Sha1m Sha1h Sha1su0 Sha1su1 Sha256h Sha256h2 Sha256su0 Sha256su1
        Sha512h Sha512h2 Sha512su0 Sha512su1 Rax1 Eor3 Bcax
        Sm3partw1 Sm3partw2 Sm3ss1 Sm3tt1a Sm3tt1b Sm3tt2a Sm3tt2b Sm4e Sm4ekey
}

impl CryptoOp {
    /// Helper of the operation's standard.
    fn helper(self) -> HelperId {
        use CryptoOp::*;
        match self {
            Sm3partw1 | Sm3partw2 | Sm3ss1 | Sm3tt1a | Sm3tt1b | Sm3tt2a | Sm3tt2b | Sm4e | Sm4ekey => exec::SM,
            _ => exec::SHA,
        }
    }
}

/// AESE, AESD, AESMC, AESIMC.
pub fn aes(cx: &mut Cx, i: Aes, op: AesOp) -> Flow {
    let reads: &[u32] = if matches!(op, AesOp::Aese | AesOp::Aesd) { &[i.rd, i.rn] } else { &[i.rn] };
    cx.vector_call(exec::AES, op as u64, reads, &[i.rd]);
    Flow::Next
}

/// Instructions of three registers.
pub fn crypto_three(cx: &mut Cx, i: CryptoThree, op: CryptoOp) -> Flow {
    match op {
        CryptoOp::Rax1 => {
            let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
            let m = rotated_right(cx, m, 63);
            let v = cx.b.xor(Ty::V128, n, m);
            cx.set_vreg(i.rd, v);
        }
        CryptoOp::Sha1su0 => {
            let (d, n, m) = (cx.vreg(i.rd), cx.vreg(i.rn), cx.vreg(i.rm));
            let middle = cx.b.vshuffle(d, n, std::array::from_fn(|k| k as u8 + 8));
            let v = cx.b.xor(Ty::V128, d, middle);
            let v = cx.b.xor(Ty::V128, v, m);
            cx.set_vreg(i.rd, v);
        }
        CryptoOp::Sm4ekey => cx.vector_call(op.helper(), op as u64, &[i.rn, i.rm], &[i.rd]),
        _ => cx.vector_call(op.helper(), op as u64, &[i.rd, i.rn, i.rm], &[i.rd]),
    }
    Flow::Next
}

/// Instructions of two registers.
pub fn crypto_two(cx: &mut Cx, i: CryptoTwo, op: CryptoOp) -> Flow {
    if op == CryptoOp::Sha1h {
        let n = cx.vreg(i.rn);
        let x = cx.b.lane(Ty::I32, Shape::I32x4, n, 0);
        let x = cx.shift(Ty::I32, x, 3, 2);
        let v = cx.b.vscalar(x);
        cx.set_vreg(i.rd, v);
    } else {
        cx.vector_call(op.helper(), op as u64, &[i.rd, i.rn], &[i.rd]);
    }
    Flow::Next
}

/// "Cryptographic four-register".
pub fn crypto_four(cx: &mut Cx, i: CryptoFour, op: CryptoOp) -> Flow {
    if op == CryptoOp::Sm3ss1 {
        cx.vector_call(op.helper(), op as u64, &[i.rn, i.rm, i.ra], &[i.rd]);
        return Flow::Next;
    }
    let (n, m, a) = (cx.vreg(i.rn), cx.vreg(i.rm), cx.vreg(i.ra));
    let inner = if op == CryptoOp::Eor3 { cx.b.xor(Ty::V128, m, a) } else { cx.b.bic(Ty::V128, m, a) };
    let v = cx.b.xor(Ty::V128, n, inner);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// XAR.
pub fn xar(cx: &mut Cx, i: Xar) -> Flow {
    let (n, m) = (cx.vreg(i.rn), cx.vreg(i.rm));
    let x = cx.b.xor(Ty::V128, n, m);
    let v = rotated_right(cx, x, i.imm6);
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// Doublewords rotated right by 0 to 63.
fn rotated_right(cx: &mut Cx, v: Value, amount: u32) -> Value {
    if amount == 0 {
        return v;
    }
    let low = cx.b.vshift(Op::Vlshr, Shape::I64x2, v, amount);
    let high = cx.b.vshift(Op::Vshl, Shape::I64x2, v, 64 - amount);
    cx.b.or(Ty::V128, low, high)
}

/// SM3TT1A, SM3TT1B, SM3TT2A, SM3TT2B.
pub fn sm3tt(cx: &mut Cx, i: Sm3tt, op: CryptoOp) -> Flow {
    cx.vector_call(op.helper(), op as u64, &[i.rd, i.rn, i.rm], &[i.rd]);
    Flow::Next
}
