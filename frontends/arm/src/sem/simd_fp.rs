//! Vector floating point, and the scalar forms of Advanced SIMD.
//!
//! Scalar forms are those of `sem::fp` on lanes; vectors are IR operations (`fp_ops`) or go through helpers on registers.

use super::fp::{self, Precision};
use super::fp_ops::{Sign, Two};
use super::{Cx, Flow};
use crate::exec::fp_convert::Conversion;
use crate::exec::fp_vector::Element;
use crate::{a64, exec};
use brolga_core::RegSet;
use brolga_ir::{FpLanes, FpOp, HelperId, Shape, Ty, Value};

// The constants of the decode table.
pub use crate::exec::fp_lane::{FpMiscOp, FpThreeOp, FpThreeOp as FpElemOp};
pub use crate::exec::fp_vector::{Estimate, FpAcrossOp};
pub use crate::exec::fp_wide::FmlalOp;
use crate::exec::fp_wide::Narrow;

impl Cx<'_> {
    /// Calls a helper on V registers that rounds; `detail` is its third argument.
    fn fp_vector(&mut self, helper: HelperId, op: u64, detail: u64, reads: &[u32], rd: u32) -> Flow {
        use crate::state::{FPCR, FPSR, v};
        let reads = reads.iter().fold(RegSet::EMPTY, |s, &n| s.with128(v(n))).with(FPCR).with(FPSR);
        let args = [self.word as u64, op, detail].map(|word| self.iconst(Ty::I64, word));
        self.b.call_void(helper, &args, reads, RegSet::EMPTY.with128(v(rd)).with(FPSR));
        Flow::Next
    }
}

/// Operand `m`: the register, or one lane of another in all lanes.
fn vector_m(cx: &mut Cx, p: Precision, m: u32, element: Option<Element>) -> Value {
    match element {
        None => cx.vreg(m),
        Some(e) => {
            let lane = cx.float(p, (e.reg, e.index), Sign::Keep);
            cx.b.vsplat(p.shape(), lane)
        }
    }
}

/// The vector operation as IR, where that has it.
fn three_inline(cx: &mut Cx, p: Precision, op: FpThreeOp, regs: [u32; 3], element: Option<Element>) -> Option<Value> {
    let [d, n, m] = regs;
    let lanes = p.lanes(cx.word >> 30 & 1 != 0);
    if matches!(op, FpThreeOp::Fmla | FpThreeOp::Fmls) {
        let call = cx.mul_add_op(p)?;
        let (n, m, d) = (cx.vreg(n), vector_m(cx, p, m, element), cx.vreg(d));
        let n = cx.with_signs(p, n, if op == FpThreeOp::Fmls { Sign::Flip } else { Sign::Keep });
        return Some(cx.b.fp(FpOp::MulAdd, Ty::V128, lanes, &[n, m, d], call));
    }
    let two = cx.two_op(p, op)?;
    if op.is_pairwise() {
        return pairs(cx, p, lanes, two, n, m);
    }
    let (n, m) = (cx.vreg(n), vector_m(cx, p, m, element));
    let (n, m) = (cx.with_signs(p, n, two.operands), cx.with_signs(p, m, two.operands));
    let r = cx.b.fp(two.op, Ty::V128, lanes, &[n, m], two.call);
    Some(match two.result {
        Sign::Keep => r,
        sign => cx.with_signs(p, r, sign),
    })
}

/// Pairs of neighbours, where there are two of them.
fn pairs(cx: &mut Cx, p: Precision, lanes: FpLanes, two: Two, n: u32, m: u32) -> Option<Value> {
    if lanes == FpLanes::S4 {
        return None;
    }
    let [low, high] = [n, m].map(|reg| {
        let (a, b) = (cx.float(p, (reg, 0), Sign::Keep), cx.float(p, (reg, 1), Sign::Keep));
        cx.b.fp(two.op, p.ty(), FpLanes::One, &[a, b], two.call)
    });
    let v = cx.b.vscalar(low);
    Some(cx.b.insert(p.shape(), v, high, 1))
}

fn three(cx: &mut Cx, p: Precision, op: FpThreeOp, [d, n, m]: [u32; 3], element: Option<Element>) -> Flow {
    if let Some(v) = three_inline(cx, p, op, [d, n, m], element) {
        cx.set_vreg(d, v);
        return Flow::Next;
    }
    let helper = p.pick([exec::FP_THREE_H, exec::FP_THREE_S, exec::FP_THREE_D]);
    let m = element.map_or(m, |e| e.reg);
    let detail = element.map_or(0, Element::to_arg);
    match op {
        FpThreeOp::Fmla | FpThreeOp::Fmls => cx.fp_vector(helper, op as u64, detail, &[d, n, m], d),
        _ => cx.fp_vector(helper, op as u64, detail, &[n, m], d),
    }
}

/// ThreeOp registers of single or double precision.
pub fn fp_three_same(cx: &mut Cx, i: a64::FpThreeSame, op: FpThreeOp) -> Flow {
    three(cx, Precision::of_sz(i.sz), op, [i.rd, i.rn, i.rm], None)
}

/// ThreeOp registers of half precision.
pub fn fp_three_same_half(cx: &mut Cx, i: a64::FpThreeSameHalf, op: FpThreeOp) -> Flow {
    three(cx, Precision::Half, op, [i.rd, i.rn, i.rm], None)
}

fn three_scalar(cx: &mut Cx, p: Precision, op: FpThreeOp, [d, n, m]: [u32; 3]) -> Flow {
    let v = fp::two(cx, p, op, (n, 0), (m, 0));
    cx.set_vreg(d, v);
    Flow::Next
}

/// ThreeOp scalars of single or double precision.
pub fn fp_three_same_scalar(cx: &mut Cx, i: a64::FpThreeSameScalar, op: FpThreeOp) -> Flow {
    three_scalar(cx, Precision::of_sz(i.sz), op, [i.rd, i.rn, i.rm])
}

/// ThreeOp scalars of half precision.
pub fn fp_three_same_scalar_half(cx: &mut Cx, i: a64::FpThreeSameScalarHalf, op: FpThreeOp) -> Flow {
    three_scalar(cx, Precision::Half, op, [i.rd, i.rn, i.rm])
}

/// Register and lane of an indexed form with elements of half (index H:L:M), single (H:L) or double (H)
/// precision.
fn element(p: Precision, h: bool, l: bool, m: bool, rm: u32) -> Element {
    let (h, l, m) = (h as u32, l as u32, m as u32);
    match p {
        Precision::Half => Element { reg: rm, index: h << 2 | l << 1 | m },
        Precision::Single => Element { reg: m << 4 | rm, index: h << 1 | l },
        Precision::Double => Element { reg: m << 4 | rm, index: h },
    }
}

/// Field size of the indexed forms.
fn of_size(size: u32) -> Precision {
    match size {
        0 => Precision::Half,
        2 => Precision::Single,
        _ => Precision::Double,
    }
}

/// FMLA, FMLS, FMUL, FMULX (by element).
pub fn fp_elem(cx: &mut Cx, i: a64::FpElem, op: FpElemOp) -> Flow {
    let p = of_size(i.size);
    three(cx, p, op, [i.rd, i.rn, i.rm], Some(element(p, i.h, i.l, i.m, i.rm)))
}

/// FMLA, FMLS, FMUL, FMULX (by element, scalar).
pub fn fp_elem_scalar(cx: &mut Cx, i: a64::FpElemScalar, op: FpElemOp) -> Flow {
    let p = of_size(i.size);
    let e = element(p, i.h, i.l, i.m, i.rm);
    let (n, m) = ((i.rn, 0), (e.reg, e.index));
    let v = match op {
        FpElemOp::Fmla | FpElemOp::Fmls => fp::mul_add(cx, p, [n, m, (i.rd, 0)], [op == FpElemOp::Fmls, false]),
        _ => fp::two(cx, p, op, n, m),
    };
    cx.set_vreg(i.rd, v);
    Flow::Next
}

/// Signs of all lanes cleared (FABS) or flipped (FNEG).
fn signs(cx: &mut Cx, p: Precision, flip: bool, q: bool, rn: u32) -> Value {
    let signs = p.signs();
    let change = |cx: &mut Cx, ty, a, mask| if flip { cx.b.xor(ty, a, mask) } else { cx.b.bic(ty, a, mask) };
    if q {
        let (a, mask) = (cx.vreg(rn), cx.b.vconst(signs));
        change(cx, Ty::V128, a, mask)
    } else {
        let (a, mask) = (cx.scalar(Precision::Double, rn), cx.iconst(Ty::I64, signs as u64));
        let low = change(cx, Ty::I64, a, mask);
        cx.b.vscalar(low)
    }
}

/// The vector operation as IR, where that has it.
fn misc_inline(cx: &mut Cx, p: Precision, op: FpMiscOp, q: bool, rn: u32) -> Option<Value> {
    let lanes = p.lanes(q);
    if let Some((two, swapped)) = cx.zero_op(p, op) {
        let (n, zero) = (cx.vreg(rn), cx.b.vconst(0));
        let operands = if swapped { [zero, n] } else { [n, zero] };
        return Some(cx.b.fp(two.op, Ty::V128, lanes, &operands, two.call));
    }
    let convert = Conversion { op, bits: p.bits(), fbits: 0 };
    let (op, call) = cx.one_op(p, op).or_else(|| cx.convert_op(p, convert))?;
    let n = cx.vreg(rn);
    Some(cx.b.fp(op, Ty::V128, lanes, &[n], call))
}

fn misc(cx: &mut Cx, p: Precision, op: FpMiscOp, q: bool, rn: u32, rd: u32) -> Flow {
    if let Some(v) = misc_inline(cx, p, op, q, rn) {
        cx.set_vreg(rd, v);
        return Flow::Next;
    }
    if matches!(op, FpMiscOp::Fabs | FpMiscOp::Fneg) {
        let v = signs(cx, p, op == FpMiscOp::Fneg, q, rn);
        cx.set_vreg(rd, v);
        return Flow::Next;
    }
    cx.fp_vector(p.pick([exec::FP_MISC_H, exec::FP_MISC_S, exec::FP_MISC_D]), op as u64, 0, &[rn], rd)
}

/// One register of single or double precision.
pub fn fp_misc(cx: &mut Cx, i: a64::FpMisc, op: FpMiscOp) -> Flow {
    misc(cx, Precision::of_sz(i.sz), op, i.q, i.rn, i.rd)
}

/// One register of half precision.
pub fn fp_misc_half(cx: &mut Cx, i: a64::FpMiscHalf, op: FpMiscOp) -> Flow {
    misc(cx, Precision::Half, op, i.q, i.rn, i.rd)
}

/// One scalar; integers are as wide as the format.
fn misc_scalar(cx: &mut Cx, p: Precision, op: FpMiscOp, fbits: u32, rn: u32, rd: u32) -> Flow {
    use FpMiscOp::*;
    if let Some((two, swapped)) = cx.zero_op(p, op) {
        let (a, zero) = (cx.float(p, (rn, 0), Sign::Keep), cx.iconst(p.ty(), 0));
        let operands = if swapped { [zero, a] } else { [a, zero] };
        let r = cx.b.fp(two.op, p.ty(), FpLanes::One, &operands, two.call);
        cx.set_scalar(rd, r);
        return Flow::Next;
    }
    let how = Conversion { op, bits: p.bits(), fbits };
    let r = match op {
        Scvtf | Ucvtf => {
            let a = cx.scalar(p, rn);
            fp::from_int(cx, p, how, a)
        }
        Fcvtns | Fcvtnu | Fcvtps | Fcvtpu | Fcvtms | Fcvtmu | Fcvtzs | Fcvtzu | Fcvtas | Fcvtau => {
            fp::to_int(cx, p, how, rn)
        }
        _ => {
            let a = cx.scalar(p, rn);
            let op = cx.iconst(Ty::I64, op as u64);
            cx.fp_value(p.pick([exec::FP_ONE_H, exec::FP_ONE_S, exec::FP_ONE_D]), &[a, op])
        }
    };
    cx.set_scalar(rd, r);
    Flow::Next
}

/// One scalar of single or double precision.
pub fn fp_misc_scalar(cx: &mut Cx, i: a64::FpMiscScalar, op: FpMiscOp) -> Flow {
    misc_scalar(cx, Precision::of_sz(i.sz), op, 0, i.rn, i.rd)
}

/// One scalar of half precision.
pub fn fp_misc_scalar_half(cx: &mut Cx, i: a64::FpMiscScalarHalf, op: FpMiscOp) -> Flow {
    misc_scalar(cx, Precision::Half, op, 0, i.rn, i.rd)
}

/// Lanes and fraction bits of a fixed-point form: the highest bit set in immh gives the lane size.
fn fixed_point(immh: u32, immb: u32) -> (Precision, u32) {
    let p = match immh {
        8.. => Precision::Double,
        4.. => Precision::Single,
        _ => Precision::Half,
    };
    (p, 2 * p.bits() - (immh << 3 | immb))
}

/// SCVTF, UCVTF, FCVTZS, FCVTZU (vector, fixed-point).
pub fn fp_fixed(cx: &mut Cx, i: a64::FpFixed, op: FpMiscOp) -> Flow {
    let (p, fbits) = fixed_point(i.immh, i.immb);
    let helper = p.pick([exec::FP_FIXED_H, exec::FP_FIXED_S, exec::FP_FIXED_D]);
    cx.fp_vector(helper, op as u64, fbits.into(), &[i.rn], i.rd)
}

/// SCVTF, UCVTF, FCVTZS, FCVTZU (vector, fixed-point), scalar.
pub fn fp_fixed_scalar(cx: &mut Cx, i: a64::FpFixedScalar, op: FpMiscOp) -> Flow {
    let (p, fbits) = fixed_point(i.immh, i.immb);
    misc_scalar(cx, p, op, fbits, i.rn, i.rd)
}

/// FMAXNMV, FMAXV, FMINNMV, FMINV of single precision.
pub fn fp_across(cx: &mut Cx, i: a64::FpAcross, op: FpAcrossOp) -> Flow {
    cx.fp_vector(exec::FP_ACROSS_S, op as u64, 0, &[i.rn], i.rd)
}

/// FMAXNMV, FMAXV, FMINNMV, FMINV of half precision.
pub fn fp_across_half(cx: &mut Cx, i: a64::FpAcrossHalf, op: FpAcrossOp) -> Flow {
    cx.fp_vector(exec::FP_ACROSS_H, op as u64, 0, &[i.rn], i.rd)
}

fn pair(cx: &mut Cx, p: Precision, op: FpThreeOp, rn: u32, rd: u32) -> Flow {
    let v = fp::two(cx, p, op, (rn, 0), (rn, 1));
    cx.set_vreg(rd, v);
    Flow::Next
}

/// FADDP, FMAXP, FMINP, FMAXNMP, FMINNMP (scalar).
pub fn fp_pair(cx: &mut Cx, i: a64::FpPair, op: FpThreeOp) -> Flow {
    pair(cx, Precision::of_sz(i.sz), op, i.rn, i.rd)
}

/// The same of half precision.
pub fn fp_pair_half(cx: &mut Cx, i: a64::FpPairHalf, op: FpThreeOp) -> Flow {
    pair(cx, Precision::Half, op, i.rn, i.rd)
}

/// URECPE, URSQRTE.
pub fn int_estimate(cx: &mut Cx, i: a64::IntEstimate, op: Estimate) -> Flow {
    cx.vector_call(exec::INT_ESTIMATE, op as u64, &[i.rn], &[i.rd]);
    Flow::Next
}

/// With Q the lower half of the destination stays, so it is read.
fn narrow(cx: &mut Cx, op: Narrow, q: bool, rn: u32, rd: u32) -> Flow {
    let reads: &[u32] = if q { &[rn, rd] } else { &[rn] };
    cx.fp_vector(exec::FCVTN, op as u64, 0, reads, rd)
}

/// FCVTN, FCVTN2.
pub fn fcvtn_v(cx: &mut Cx, i: a64::FcvtnV) -> Flow {
    if i.sz
        && let Some(low) = fp::resized(cx, Precision::Single, (i.rn, 0))
        && let Some(high) = fp::resized(cx, Precision::Single, (i.rn, 1))
    {
        let first = if i.q { 2 } else { 0 };
        let v = if i.q {
            let v = cx.vreg(i.rd);
            cx.b.insert(Shape::I32x4, v, low, first)
        } else {
            cx.b.vscalar(low)
        };
        let v = cx.b.insert(Shape::I32x4, v, high, first + 1);
        cx.set_vreg(i.rd, v);
        return Flow::Next;
    }
    narrow(cx, if i.sz { Narrow::DoubleToSingle } else { Narrow::SingleToHalf }, i.q, i.rn, i.rd)
}

/// FCVTXN, FCVTXN2.
pub fn fcvtxn_v(cx: &mut Cx, i: a64::FcvtxnV) -> Flow {
    narrow(cx, Narrow::DoubleToSingleOdd, i.q, i.rn, i.rd)
}

/// FCVTXN (scalar).
pub fn fcvtxn_s(cx: &mut Cx, i: a64::FcvtxnS) -> Flow {
    let a = cx.scalar(Precision::Double, i.rn);
    let r = cx.fp_value(exec::FCVTXN_S_D, &[a]);
    cx.set_scalar(i.rd, r);
    Flow::Next
}

/// BFCVTN, BFCVTN2.
pub fn bfcvtn_v(cx: &mut Cx, i: a64::BfcvtnV) -> Flow {
    narrow(cx, Narrow::SingleToBfloat, i.q, i.rn, i.rd)
}

/// FCVTL, FCVTL2.
pub fn fcvtl_v(cx: &mut Cx, i: a64::FcvtlV) -> Flow {
    let first = if i.q { 2 } else { 0 };
    if i.sz
        && let Some(low) = fp::resized(cx, Precision::Double, (i.rn, first))
        && let Some(high) = fp::resized(cx, Precision::Double, (i.rn, first + 1))
    {
        let v = cx.b.vscalar(low);
        let v = cx.b.insert(Shape::I64x2, v, high, 1);
        cx.set_vreg(i.rd, v);
        return Flow::Next;
    }
    cx.fp_vector(exec::FCVTL, i.sz as u64, 0, &[i.rn], i.rd)
}

/// FMLAL, FMLAL2, FMLSL, FMLSL2.
pub fn fmlal(cx: &mut Cx, i: a64::Fmlal, op: FmlalOp) -> Flow {
    cx.fp_vector(exec::FMLAL, op as u64, 0, &[i.rd, i.rn, i.rm], i.rd)
}

/// FMLAL, FMLAL2, FMLSL, FMLSL2 (by element).
pub fn fmlal_elem(cx: &mut Cx, i: a64::FmlalElem, op: FmlalOp) -> Flow {
    let e = element(Precision::Half, i.h, i.l, i.m, i.rm);
    cx.fp_vector(exec::FMLAL, op as u64, e.to_arg(), &[i.rd, i.rn, e.reg], i.rd)
}

/// Field size of the complex forms.
fn of_complex_size(size: u32) -> Precision {
    [Precision::Half, Precision::Half, Precision::Single, Precision::Double][size as usize & 3]
}

/// FCMLA.
pub fn fcmla_v(cx: &mut Cx, i: a64::FcmlaV) -> Flow {
    let helper = of_complex_size(i.size).pick([exec::FCMLA_H, exec::FCMLA_S, exec::FCMLA_D]);
    cx.fp_vector(helper, i.rot.into(), 0, &[i.rd, i.rn, i.rm], i.rd)
}

/// FCMLA (by element): the element is a pair, so its index is that of the format twice as wide.
pub fn fcmla_e(cx: &mut Cx, i: a64::FcmlaE) -> Flow {
    let (helper, pair) = match of_complex_size(i.size) {
        Precision::Half => (exec::FCMLA_H, Precision::Single),
        _ => (exec::FCMLA_S, Precision::Double),
    };
    let e = element(pair, i.h, i.l, i.m, i.rm);
    cx.fp_vector(helper, i.rot.into(), e.to_arg(), &[i.rd, i.rn, e.reg], i.rd)
}

/// FCADD.
pub fn fcadd_v(cx: &mut Cx, i: a64::FcaddV) -> Flow {
    let helper = of_complex_size(i.size).pick([exec::FCADD_H, exec::FCADD_S, exec::FCADD_D]);
    cx.fp_vector(helper, i.rot.into(), 0, &[i.rn, i.rm], i.rd)
}

/// BFDOT.
pub fn bfdot_v(cx: &mut Cx, i: a64::BfdotV) -> Flow {
    cx.fp_vector(exec::BFDOT, 0, 0, &[i.rd, i.rn, i.rm], i.rd)
}

/// BFDOT (by element).
pub fn bfdot_e(cx: &mut Cx, i: a64::BfdotE) -> Flow {
    let e = element(Precision::Single, i.h, i.l, i.m, i.rm);
    cx.fp_vector(exec::BFDOT, 0, e.to_arg(), &[i.rd, i.rn, e.reg], i.rd)
}

/// BFMMLA.
pub fn bfmmla_v(cx: &mut Cx, i: a64::BfmmlaV) -> Flow {
    cx.vector_call(exec::BFMMLA, 0, &[i.rd, i.rn, i.rm], &[i.rd]);
    Flow::Next
}

/// BFMLALB, BFMLALT.
pub fn bfmlal_v(cx: &mut Cx, i: a64::BfmlalV) -> Flow {
    cx.fp_vector(exec::BFMLAL, 0, 0, &[i.rd, i.rn, i.rm], i.rd)
}

/// BFMLALB, BFMLALT (by element).
pub fn bfmlal_e(cx: &mut Cx, i: a64::BfmlalE) -> Flow {
    let e = element(Precision::Half, i.h, i.l, i.m, i.rm);
    cx.fp_vector(exec::BFMLAL, 0, e.to_arg(), &[i.rd, i.rn, e.reg], i.rd)
}

#[cfg(test)]
mod tests {
    use crate::a64::{ALL, random_word};
    use crate::sem::{Cx, Flow, translate};
    use crate::state;
    use brolga_ir::{Block, Builder, DisasContext, Op};

    fn translated(word: u32) -> (Option<Flow>, Block) {
        let b = Builder::new(0x1000, 0);
        let mut dc = DisasContext { b, pc: 0x1000, bytes: [0; 16], available: 4, mode: 0 };
        let flow = translate(word, &mut Cx::new(&mut dc, word));
        (flow, dc.b.block)
    }

    #[test]
    fn every_row_translates_and_calls_declare_their_result() {
        let mut state = 3u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 32
        };
        let ours = |row: &&crate::a64::Row| {
            let info = row.info();
            info.implemented && matches!(info.section, "fp" | "simd_fp")
        };
        assert!(ALL.iter().filter(ours).count() > 250);
        for &row in ALL.iter().filter(ours) {
            for _ in 0..20 {
                let word = random_word(row, &mut next);
                let (flow, block) = translated(word);
                assert_eq!(flow, Some(Flow::Next), "{row:?} {word:08x}");
                let rd = state::v(word & 31).0;
                let writes_vector = |site: &brolga_ir::CallSite| site.writes.iter().any(|reg| reg >= state::v(0).0);
                for site in block.calls.iter().filter(|site| writes_vector(site)) {
                    assert!(site.writes.contains(rd) && site.args.len() <= 3, "{row:?} {word:08x}");
                }
            }
        }
    }

    #[test]
    fn scalar_results_clear_the_rest_of_the_register() {
        // FADD d0, d1, d2; FADDP d0, v1.2d; SCVTF s0, s1; FMLA h0, h1, v2.h[0].
        for word in [0x1e62_2820, 0x7e70_d820, 0x5e21_d820, 0x5f02_1020] {
            let (_, block) = translated(word);
            let set = block.insts.iter().find(|inst| inst.op == Op::Set).unwrap();
            assert_eq!(block.def(set.a).op, Op::Vscalar, "{word:08x}");
        }
    }
}
