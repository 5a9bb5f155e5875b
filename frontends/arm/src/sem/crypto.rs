//! Cryptographic instructions.

use super::*;
use crate::exec::{self, simd_lanes::operations};
use brolga_ir::{Inst, Shape, VecFn};

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

/// AESE, AESD, AESMC, AESIMC: rounds of `VecFn` whose key is zero. MixColumns alone is a round behind the inverse of all
/// else in it, which vanishes behind AESE.
pub fn aes(cx: &mut Cx, i: Aes, op: AesOp) -> Flow {
    let (n, zero) = (cx.vreg(i.rn), cx.b.vconst(0));
    let v = match op {
        AesOp::Aese | AesOp::Aesd => {
            let d = cx.vreg(i.rd);
            let state = cx.b.xor(Ty::V128, d, n);
            let round = if op == AesOp::Aese { VecFn::AesEncryptLast } else { VecFn::AesDecryptLast };
            cx.b.vec_fn(round, &[state, zero], 0)
        }
        AesOp::Aesmc => {
            let state = match round_before(cx, i.rn) {
                Some(state) => state,
                None => cx.b.vec_fn(VecFn::AesDecryptLast, &[n, zero], 0),
            };
            cx.b.vec_fn(VecFn::AesEncrypt, &[state, zero], 0)
        }
        AesOp::Aesimc => cx.b.vec_fn(VecFn::AesMixInverse, &[n], 0),
    };
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// What AESE made V register `n` of, if it wrote it last in this local block.
fn round_before(cx: &Cx, n: u32) -> Option<Value> {
    let block = &cx.b.block;
    let row = u16::from(state::v(n).0);
    let writes = |i: &&Inst| matches!(i.op, Op::Label | Op::Call) || i.op == Op::Set && i.aux == row;
    let last = block.insts.iter().rev().find(writes).filter(|i| i.op == Op::Set)?;
    let round = block.def(last.a);
    (round.op == Op::Vfn2 && VecFn::from_sub(round.sub) == VecFn::AesEncryptLast).then_some(round.a)
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
        CryptoOp::Sha1c | CryptoOp::Sha1p | CryptoOp::Sha1m => sha1_rounds(cx, i, op),
        CryptoOp::Sha256h | CryptoOp::Sha256h2 => sha256_rounds(cx, i, op),
        CryptoOp::Sha256su1 => {
            let (d, n, m) = (cx.vreg(i.rd), cx.vreg(i.rn), cx.vreg(i.rm));
            let t = cx.b.vshuffle(n, m, std::array::from_fn(|k| k as u8 + 4));
            let sum = cx.b.vbinary(Op::Vadd, Shape::I32x4, d, t);
            let v = cx.b.vec_fn(VecFn::Sha256Message2, &[sum, m], 0);
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
    } else if op == CryptoOp::Sha1su1 {
        let (d, n) = (cx.vreg(i.rd), cx.vreg(i.rn));
        let [d, n] = [d, n].map(|v| words(cx, v, v, [3, 2, 1, 0]));
        let v = cx.b.vec_fn(VecFn::Sha1Message2, &[d, n], 0);
        let v = words(cx, v, v, [3, 2, 1, 0]);
        cx.set_vreg(i.rd, v);
    } else if op == CryptoOp::Sha256su0 {
        let (d, n) = (cx.vreg(i.rd), cx.vreg(i.rn));
        let v = cx.b.vec_fn(VecFn::Sha256Message1, &[d, n], 0);
        cx.set_vreg(i.rd, v);
    } else {
        cx.vector_call(op.helper(), op as u64, &[i.rd, i.rn], &[i.rd]);
    }
    Flow::Next
}

/// Words of two vectors by number: 0 to 3 of `a`, 4 to 7 of `b`.
fn words(cx: &mut Cx, a: Value, b: Value, from: [u8; 4]) -> Value {
    cx.b.vshuffle(a, b, std::array::from_fn(|k| from[k / 4] * 4 + k as u8 % 4))
}

/// SHA1C, SHA1P, SHA1M. `VecFn` has words the other way round, adds the round constants itself, and takes E with the first
/// word of the message.
fn sha1_rounds(cx: &mut Cx, i: CryptoThree, op: CryptoOp) {
    const CONSTANTS: [u32; 3] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc];
    let which = [CryptoOp::Sha1c, CryptoOp::Sha1p, CryptoOp::Sha1m].iter().position(|&o| o == op).unwrap_or(0);
    let (d, n, m) = (cx.vreg(i.rd), cx.vreg(i.rn), cx.vreg(i.rm));
    let state = words(cx, d, d, [3, 2, 1, 0]);
    let constants = cx.b.vconst(u128::MAX / u128::from(u32::MAX) * u128::from(CONSTANTS[which]));
    let message = cx.b.vbinary(Op::Vsub, Shape::I32x4, m, constants);
    let e = cx.b.lane(Ty::I32, Shape::I32x4, n, 0);
    let e = cx.b.vscalar(e);
    let message = cx.b.vbinary(Op::Vadd, Shape::I32x4, message, e);
    let message = words(cx, message, message, [3, 2, 1, 0]);
    let r = cx.b.vec_fn(VecFn::Sha1Rounds, &[state, message], which as u8);
    let v = words(cx, r, r, [3, 2, 1, 0]);
    cx.set_vreg(i.rd, v);
}

/// SHA256H, SHA256H2: four rounds on A B C D and E F G H, of which `VecFn` makes two at a time on C D G H and A B E F. Both
/// instructions of a pair make the same rounds, of which one is left.
fn sha256_rounds(cx: &mut Cx, i: CryptoThree, op: CryptoOp) {
    let (d, n, m) = (cx.vreg(i.rd), cx.vreg(i.rn), cx.vreg(i.rm));
    let (first, second) = if op == CryptoOp::Sha256h { (d, n) } else { (n, d) };
    let cdgh = words(cx, first, second, [7, 6, 3, 2]);
    let abef = words(cx, first, second, [5, 4, 1, 0]);
    let rest = words(cx, m, m, [2, 3, 2, 3]);
    let middle = cx.b.vec_fn(VecFn::Sha256Rounds, &[cdgh, abef, m], 0);
    let last = cx.b.vec_fn(VecFn::Sha256Rounds, &[abef, middle, rest], 0);
    let v = if op == CryptoOp::Sha256h { [3, 2, 7, 6] } else { [1, 0, 5, 4] };
    let v = words(cx, last, middle, v);
    cx.set_vreg(i.rd, v);
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
