//! XSAVE, XSAVEC, XSAVEOPT, XRSTOR and XGETBV. SDM vol. 1, "Managing State Using the XSAVE Feature Set".
//!
//! Components are x87, SSE and AVX; all count as in use always, which is a processor's choice. In the compacted form AVX's
//! component is where the standard form has it.

use super::operand::plain;
use super::x87::{X87Area, XMM_AREA, load_vectors, save_mxcsr, save_vectors, save_x87};
use super::{Cx, Flow, GP};
use crate::exec::{self, cpuid};
use crate::state;
use brolga_core::Reg;
use brolga_ir::{IntCc, Ty, Value};

/// XCR0 of a processor with AVX: x87, SSE, AVX.
pub const XCR0: u64 = 7;
/// Where the high halves of YMM registers are in an area.
pub const AVX_AREA: i64 = 576;
/// Bytes of an area.
pub const AREA: u32 = 832;
/// XSTATE_BV, XCOMP_BV and what must be zero behind them, in the header.
const XSTATE_BV: i64 = 512;
const XCOMP_BV: i64 = 520;
const RESERVED: i64 = 528;
/// XCOMP_BV of the compacted form.
const COMPACTED: u64 = 1 << 63;

impl Cx<'_> {
    fn xcr0(&mut self) -> Value {
        let components = cpuid::xcr0(&self.cpu);
        self.iconst(Ty::I64, components.into())
    }

    /// Components that EDX:EAX asks for.
    fn requested(&mut self) -> Value {
        let (a, all) = (self.b.get(state::RAX), self.xcr0());
        self.b.and(Ty::I64, a, all)
    }

    /// Does `f` if one of `bits` is set in `v`. The address goes along, as what follows is in local blocks of its own; `f` gives
    /// it as it stands in the last of its own.
    fn if_any(&mut self, v: Value, bits: u64, addr: Value, f: impl FnOnce(&mut Self, Value) -> Value) -> Value {
        let (bits, zero) = (self.iconst(Ty::I64, bits), self.iconst(Ty::I64, 0));
        let v = self.b.and(Ty::I64, v, bits);
        let any = self.b.icmp(Ty::I64, IntCc::Ne, v, zero);
        let (then, next) = (self.b.new_label(), self.b.new_label());
        self.b.brif(any, (then, &[addr]), (next, &[addr]));
        self.b.bind(then);
        let addr = self.b.param(Ty::I64);
        let addr = f(self, addr);
        self.b.jump(next, &[addr]);
        self.b.bind(next);
        self.b.param(Ty::I64)
    }
}

/// XSAVE and XSAVEOPT, or XSAVEC if `compacted`.
pub fn save(cx: &mut Cx, compacted: bool) -> Flow {
    let word = plain(Ty::I64);
    let addr = cx.aligned(64);
    let wanted = cx.requested();
    let addr = cx.if_any(wanted, 1, addr, |cx, addr| {
        save_x87(cx, addr);
        addr
    });
    let wanted = cx.requested();
    // The compacted form keeps MXCSR with SSE alone.
    let addr = cx.if_any(wanted, if compacted { 2 } else { 6 }, addr, |cx, addr| {
        save_mxcsr(cx, addr);
        addr
    });
    let wanted = cx.requested();
    let addr = cx.if_any(wanted, 2, addr, |cx, addr| {
        save_vectors(cx, addr, XMM_AREA, state::xmm);
        addr
    });
    let wanted = cx.requested();
    let addr = cx.if_any(wanted, 4, addr, |cx, addr| {
        save_vectors(cx, addr, AVX_AREA, state::ymm_high);
        addr
    });
    let wanted = cx.requested();
    if compacted {
        let form = cx.iconst(Ty::I64, COMPACTED);
        let form = cx.b.or(Ty::I64, wanted, form);
        cx.b.store(word, addr, XSTATE_BV, wanted);
        cx.b.store(word, addr, XCOMP_BV, form);
    } else {
        let old = cx.b.load(Ty::I64, word, addr, XSTATE_BV);
        let kept = cx.b.bic(Ty::I64, old, wanted);
        let new = cx.b.or(Ty::I64, kept, wanted);
        cx.b.store(word, addr, XSTATE_BV, new);
    }
    Flow::Next
}

/// Whether a header is one that XRSTOR takes: nothing that is not announced, zeros where it says so.
fn header_is_bad(cx: &mut Cx, addr: Value) -> Value {
    let word = plain(Ty::I64);
    let (present, form) = (cx.b.load(Ty::I64, word, addr, XSTATE_BV), cx.b.load(Ty::I64, word, addr, XCOMP_BV));
    let known = cx.xcr0();
    // What of XSTATE_BV is not known; in the compacted form what XCOMP_BV does not have.
    let strange = cx.b.bic(Ty::I64, present, known);
    let compacted = cx.iconst(Ty::I64, COMPACTED);
    let zero = cx.iconst(Ty::I64, 0);
    let is_compacted = cx.b.icmp(Ty::I64, IntCc::Slt, form, zero);
    let missing = cx.b.bic(Ty::I64, present, form);
    let missing = cx.b.select(Ty::I64, is_compacted, missing, zero);
    let extra = cx.b.or(Ty::I64, known, compacted);
    let extra = cx.b.bic(Ty::I64, form, extra);
    let standard = cx.b.select(Ty::I64, is_compacted, extra, form);
    let mut bad = cx.b.or(Ty::I64, strange, missing);
    bad = cx.b.or(Ty::I64, bad, standard);
    for at in 0..6 {
        let v = cx.b.load(Ty::I64, word, addr, RESERVED + 8 * at);
        // The standard form needs zeros in two words, the compacted one in all.
        let v = if at < 1 { v } else { cx.b.select(Ty::I64, is_compacted, v, zero) };
        bad = cx.b.or(Ty::I64, bad, v);
    }
    cx.b.icmp(Ty::I64, IntCc::Ne, bad, zero)
}

/// XRSTOR: a component that is asked for is taken from the area, or reset if the header leaves it out. A fault in the middle
/// leaves those before it, and the instruction can run again. The mode may change, so the block ends.
pub fn restore(cx: &mut Cx) -> Flow {
    let addr = cx.aligned(64);
    let bad = header_is_bad(cx, addr);
    let addr = cx.raise_if(bad, GP, &[addr])[0];
    let wanted = mxcsr_wanted(cx, addr);
    let addr = cx.if_any(wanted, 6, addr, check_mxcsr);
    let addr = component(cx, 1, addr, restore_x87);
    let addr = component(cx, 2, addr, |cx, from| restore_vectors(cx, from, XMM_AREA, state::xmm));
    let addr = component(cx, 4, addr, |cx, from| restore_vectors(cx, from, AVX_AREA, state::ymm_high));
    let wanted = mxcsr_wanted(cx, addr);
    cx.if_any(wanted, 6, addr, restore_mxcsr);
    cx.resync()
}

/// Does `f` with the address, or with none if the header leaves the component out, if it is asked for.
fn component(cx: &mut Cx, bit: u64, addr: Value, f: impl Fn(&mut Cx, Option<Value>)) -> Value {
    let wanted = cx.requested();
    cx.if_any(wanted, bit, addr, |cx, addr| {
        let present = cx.b.load(Ty::I64, plain(Ty::I64), addr, XSTATE_BV);
        let (bits, zero) = (cx.iconst(Ty::I64, bit), cx.iconst(Ty::I64, 0));
        let present = cx.b.and(Ty::I64, present, bits);
        let any = cx.b.icmp(Ty::I64, IntCc::Ne, present, zero);
        let (there, absent, done) = (cx.b.new_label(), cx.b.new_label(), cx.b.new_label());
        cx.b.brif(any, (there, &[addr]), (absent, &[addr]));
        cx.b.bind(there);
        let at = cx.b.param(Ty::I64);
        f(cx, Some(at));
        cx.b.jump(done, &[at]);
        cx.b.bind(absent);
        let at = cx.b.param(Ty::I64);
        f(cx, None);
        cx.b.jump(done, &[at]);
        cx.b.bind(done);
        // The caller's address: the parameter stands for it.
        cx.b.param(Ty::I64)
    })
}

fn restore_x87(cx: &mut Cx, from: Option<Value>) {
    let x87 = match from {
        Some(addr) => X87Area::load(cx, addr),
        None => X87Area::initial(cx),
    };
    x87.restore(cx);
}

fn restore_vectors(cx: &mut Cx, from: Option<Value>, at: i64, row: fn(u32) -> Reg) {
    let values = match from {
        Some(addr) => load_vectors(cx, addr, at),
        None => vec![cx.b.vconst(0); 16],
    };
    for (n, v) in (0..).zip(values) {
        cx.b.set(row(n), v);
    }
}

/// What is asked for of SSE and AVX, with which MXCSR goes; in the compacted form of SSE alone.
fn mxcsr_wanted(cx: &mut Cx, addr: Value) -> Value {
    let (wanted, form) = (cx.requested(), cx.b.load(Ty::I64, plain(Ty::I64), addr, XCOMP_BV));
    let (zero, sse) = (cx.iconst(Ty::I64, 0), cx.iconst(Ty::I64, 2));
    let is_compacted = cx.b.icmp(Ty::I64, IntCc::Slt, form, zero);
    let of_sse = cx.b.and(Ty::I64, wanted, sse);
    cx.b.select(Ty::I64, is_compacted, of_sse, wanted)
}

/// MXCSR of the area, or that of a new process where a compacted area leaves SSE out.
fn mxcsr(cx: &mut Cx, addr: Value) -> Value {
    let v = cx.b.load(Ty::I32, plain(Ty::I32), addr, 24);
    let v = cx.widen(v);
    let [present, form] = [XSTATE_BV, XCOMP_BV].map(|at| cx.b.load(Ty::I64, plain(Ty::I64), addr, at));
    let (zero, start) = (cx.iconst(Ty::I64, 0), cx.iconst(Ty::I64, state::MXCSR_START));
    let is_compacted = cx.b.icmp(Ty::I64, IntCc::Slt, form, zero);
    let sse = cx.b.extract(Ty::I64, present, 1, 1);
    let absent = cx.b.icmp(Ty::I64, IntCc::Eq, sse, zero);
    let reset = cx.b.and(Ty::I8, is_compacted, absent);
    cx.b.select(Ty::I64, reset, start, v)
}

fn check_mxcsr(cx: &mut Cx, addr: Value) -> Value {
    let v = mxcsr(cx, addr);
    let (high, zero) = (cx.b.extract(Ty::I64, v, 16, 16), cx.iconst(Ty::I64, 0));
    let reserved = cx.b.icmp(Ty::I64, IntCc::Ne, high, zero);
    cx.raise_if(reserved, GP, &[addr])[0]
}

fn restore_mxcsr(cx: &mut Cx, addr: Value) -> Value {
    let v = mxcsr(cx, addr);
    let words = super::system::mxcsr_words();
    cx.b.call_void(exec::SET_MXCSR, &[v], words, words);
    addr
}

/// XGETBV of XCR0, the only register.
pub fn xgetbv(cx: &mut Cx) -> Flow {
    let (which, zero) = (cx.b.get(state::RCX), cx.iconst(Ty::I64, 0));
    let which = cx.b.extract(Ty::I64, which, 0, 32);
    let other = cx.b.icmp(Ty::I64, IntCc::Ne, which, zero);
    cx.raise_if(other, GP, &[]);
    let (low, high) = (cx.xcr0(), cx.iconst(Ty::I64, 0));
    cx.b.set(state::RAX, low);
    cx.b.set(state::RDX, high);
    Flow::Next
}
