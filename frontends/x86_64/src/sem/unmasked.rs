//! Floating-point exceptions of SSE that a program asked for: blocks of the mode `UNMASKED`.
//!
//! There every operation is a helper call, and helpers keep what they raise apart. Behind the instruction one of them
//! decides; if it says so, what the instruction wrote is put back and the exception leaves at the instruction. SDM vol. 1,
//! "SSE, SSE2, SSE3, SSSE3, SSE4 and AVX SIMD Floating-Point Exceptions".

use super::system::mxcsr_words;
use super::{Cx, Flow, XM, operand, table};
use crate::frontend::mode;
use crate::{exec, state};
use brolga_core::{Reg, RegSet};
use brolga_ir::{IntCc, JumpKind, Ty, Value};
use iced_x86::OpKind;

/// Translates the instruction at hand.
pub fn translate(cx: &mut Cx) -> Flow {
    if cx.mode & mode::UNMASKED == 0 {
        return table::translate(cx);
    }
    let written = written(cx);
    let old: Vec<_> =
        written.iter().map(|&(reg, ty)| if ty == Ty::V128 { cx.b.get_v(reg) } else { cx.b.get(reg) }).collect();
    let calls = cx.b.block.calls.len();
    let flow = table::translate(cx);
    let raises = cx.b.block.calls[calls..].iter().any(|call| call.writes.contains(state::MXCSR_FLAGS.0));
    if !raises || flow == Flow::EndTb {
        return flow;
    }
    let stop = cx.b.call(exec::END_FLOAT, &[], mxcsr_words(), flags_row());
    let zero = cx.iconst(Ty::I64, 0);
    let stop = cx.b.icmp(Ty::I64, IntCc::Ne, stop, zero);
    let (bad, good) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(stop, (bad, &old), (good, &[]));
    cx.b.bind(bad);
    let old: Vec<_> = written.iter().map(|&(_, ty)| cx.b.param(ty)).collect();
    for (&(reg, _), v) in written.iter().zip(old) {
        cx.b.set(reg, v);
    }
    cx.exception(XM);
    cx.b.bind(good);
    let next = cx.next_pc();
    cx.goto(JumpKind::Jump, next)
}

/// Between the steps of an instruction that has several.
pub fn next_step(cx: &mut Cx) {
    if cx.mode & mode::UNMASKED != 0 {
        cx.b.call_void(exec::NEXT_STEP, &[], mxcsr_words(), flags_row());
    }
}

fn flags_row() -> RegSet {
    RegSet::EMPTY.with(state::MXCSR_FLAGS)
}

/// Decides before a result goes to memory; the values, which are needed further on.
pub fn before_store(cx: &mut Cx, values: &[Value]) -> Vec<Value> {
    if cx.mode & mode::UNMASKED == 0 {
        return values.to_vec();
    }
    let stop = cx.b.call(exec::END_FLOAT, &[], mxcsr_words(), flags_row());
    let zero = cx.iconst(Ty::I64, 0);
    let stop = cx.b.icmp(Ty::I64, IntCc::Ne, stop, zero);
    cx.raise_if(stop, XM, values)
}

/// The registers that the instruction may write: operand 0's, or the flags. None if it stores: VCVTPS2PH asks
/// [`before_store`] itself.
fn written(cx: &Cx) -> Vec<(Reg, Ty)> {
    if cx.i.op0_kind() == OpKind::Memory {
        return Vec::new();
    }
    let r = cx.i.op0_register();
    let n = r.number() as u32;
    let mut rows = vec![(state::CC, Ty::I64), (state::CC_A, Ty::I64), (state::CC_B, Ty::I64)];
    if r.is_gpr() {
        rows.push((operand::row(r), Ty::I64));
    } else if r.is_mm() {
        // The x87 stack becomes MMX's all the same.
        rows.push((state::fpr(n), Ty::V128));
    } else if r.is_xmm() || r.is_ymm() {
        rows.extend([(state::xmm(n), Ty::V128), (state::ymm_high(n), Ty::V128)]);
    }
    rows
}
