//! VEX encodings. Those that extend an SSE instruction are done by its function, once for each half of the registers:
//! the function sees the instruction in SSE's form, and what it gives for its destination is kept until both halves are
//! there. SDM vol. 2, "Instructions with a VEX prefix".
//!
//! Memory is read before the first half is done, so that an access that fails finds registers and MXCSR as before.

use super::{Cx, Flow, table, table_avx, table_vex};
use crate::frontend::mode;
use crate::state;
use brolga_core::{MemOp, RmwOp, Size};
use brolga_ir::{IntCc, Ty, Value};
use iced_x86::{Code, EncodingKind, Instruction, OpKind, Register};

/// Stands in an instruction for an operand that was read already.
const READ: Register = Register::XMM31;

/// The half of the registers that is worked on, while an instruction is done by halves.
#[derive(Clone, Copy)]
pub struct Half {
    /// Whether it is the upper one.
    pub upper: bool,
    /// The half's part of the operand that was read already.
    read: Option<Value>,
    /// What is to be written to the destination.
    result: Option<Value>,
}

impl Half {
    /// The value of `r` if it is not simply a register's lower half.
    pub fn register(&self, cx: &mut Cx, r: Register) -> Option<Value> {
        match self {
            Half { read: Some(v), .. } if r == READ => Some(*v),
            Half { upper: true, .. } => Some(cx.b.get_v(state::ymm_high(r.number() as u32))),
            _ => None,
        }
    }

    /// Takes a result.
    pub fn set(&mut self, v: Value) {
        self.result = Some(v);
    }
}

impl<'a> Cx<'a> {
    /// The same translation at another form of the instruction.
    fn at<'b>(&'b mut self, i: &'b Instruction, half: Option<Half>) -> Cx<'b> {
        Cx { b: &mut *self.b, pc: self.pc, mode: self.mode, i, word: self.word, cpu: self.cpu, half }
    }

    /// A half of a vector register.
    pub fn half_of(&mut self, r: Register, upper: bool) -> Value {
        let n = r.number() as u32;
        self.b.get_v(if upper { state::ymm_high(n) } else { state::xmm(n) })
    }

    /// Writes a vector register; the upper half is zero if it is not given.
    pub fn set_halves(&mut self, r: Register, low: Value, high: Option<Value>) {
        let n = r.number() as u32;
        let high = high.unwrap_or_else(|| self.b.vconst(0));
        self.b.set(state::xmm(n), low);
        self.b.set(state::ymm_high(n), high);
    }

    /// Both halves of 32 bytes of memory, or the only one of 16.
    pub fn load_halves(&mut self, addr: Value, offset: i64, wide: bool) -> (Value, Option<Value>) {
        let op = MemOp::plain(Size::B16);
        let low = self.b.load(Ty::V128, op, addr, offset);
        (low, wide.then(|| self.b.load(Ty::V128, op, addr, offset + 16)))
    }

    /// Goes on in a new local block if no part of the `bytes` bytes from the address may be written in vain: across the end
    /// of a page, a byte of each page is written with what it holds. The address in that block.
    pub fn writable(&mut self, addr: Value, bytes: u64) -> Value {
        if self.mode & mode::ALIGN != 0 {
            // Alignment is looked at before what the pages allow.
            let ty = if bytes < 16 { Ty::I64 } else { Ty::V128 };
            self.b.load(ty, super::operand::plain(ty), addr, 0);
        }
        let place = self.b.extract(Ty::I64, addr, 0, 12);
        let last = self.iconst(Ty::I64, 4096 - bytes);
        let across = self.b.icmp(Ty::I64, IntCc::Ugt, place, last);
        let (probe, go_on) = (self.b.new_label(), self.b.new_label());
        self.b.brif(across, (probe, &[addr]), (go_on, &[addr]));
        self.b.bind(probe);
        let addr = self.b.param(Ty::I64);
        let end = self.plus(addr, bytes as i64 - 1);
        self.touch(addr);
        self.touch_page_of(end);
        self.b.jump(go_on, &[addr]);
        self.b.bind(go_on);
        self.b.param(Ty::I64)
    }

    /// Writes the first byte of a page with what it holds: where an access that goes on into the page fails.
    pub fn touch_page_of(&mut self, addr: Value) {
        let place = self.iconst(Ty::I64, 4095);
        let page = self.b.bic(Ty::I64, addr, place);
        self.touch(page);
    }

    /// Writes a byte with what it holds.
    pub fn touch(&mut self, addr: Value) {
        let zero = self.iconst(Ty::I64, 0);
        let byte = super::operand::plain(Ty::I8).order(brolga_core::Order::SeqCst);
        self.b.rmw(RmwOp::Or, byte, addr, zero);
    }

    /// The address if it is a multiple of `bytes`; otherwise the instruction is a general protection fault. What follows is
    /// in a local block of its own.
    pub fn aligned(&mut self, bytes: u64) -> Value {
        let addr = self.flat_address();
        let (low, zero) = (self.b.extract(Ty::I64, addr, 0, bytes.trailing_zeros()), self.iconst(Ty::I64, 0));
        let odd = self.b.icmp(Ty::I64, IntCc::Ne, low, zero);
        self.raise_if(odd, super::GP, &[addr])[0]
    }
}

/// Whether an operand has 256 bits.
pub fn is_wide(i: &Instruction) -> bool {
    i.op0_register().is_ymm() || i.op1_register().is_ymm() || i.memory_size().size() == 32
}

/// The instructions with VEX encodings that are not general-purpose ones; `None` if it is none of them.
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    if cx.i.code().encoding() != EncodingKind::VEX {
        return None;
    }
    if let Some(flow) = table_avx::translate(cx) {
        return Some(flow);
    }
    let (code, imm_bits) = table_vex::sse_code(cx.i)?;
    Some(by_halves(cx, |cx| {
        let skipped = if cx.half.is_some_and(|h| h.upper) { imm_bits } else { 0 };
        let i = sse_form(cx.i, code, skipped);
        let half = cx.half;
        let mut inner = cx.at(&i, half);
        let flow = table::translate(&mut inner);
        cx.half = inner.half;
        flow
    }))
}

/// The instruction as `code` of SSE: without the destination where that has a register of its own. The immediate loses its
/// lowest `skipped` bits, which are about the lower half.
fn sse_form(i: &Instruction, code: Code, skipped: u32) -> Instruction {
    let mut out = *i;
    out.set_code(code);
    let own = i.op_count() - out.op_count();
    for n in 0..out.op_count() {
        let kind = i.op_kind(n + own);
        out.set_op_kind(n, kind);
        if kind == OpKind::Register {
            out.set_op_register(n, i.op_register(n + own));
        }
    }
    if skipped > 0 {
        out.set_immediate8(i.immediate8() >> skipped);
    }
    out
}

/// Does `f` for each half and writes what it gives. Operands that memory of 16 bytes or more can be are read before; a source
/// narrower than the destination gives each half its part, and two halves that are narrower than the source make one.
pub fn by_halves(cx: &mut Cx, mut f: impl FnMut(&mut Cx) -> Flow) -> Flow {
    let (wide, mut i) = (is_wide(cx.i), *cx.i);
    let read = read(cx, &mut i);
    let mut results = [None; 2];
    let mut flow = Flow::Next;
    for (upper, result) in [false, true].into_iter().zip(&mut results).take(1 + wide as usize) {
        let half = Half { upper, read: read.map(|parts| parts[upper as usize]), result: None };
        let mut inner = cx.at(&i, Some(half));
        flow = f(&mut inner);
        *result = inner.half.and_then(|half| half.result);
    }
    let to = cx.i.op0_register();
    match results {
        [Some(low), Some(high)] if !to.is_ymm() => {
            let both = join(cx, low, high);
            cx.set_halves(to, both, None);
        }
        [Some(low), high] => cx.set_halves(to, low, high),
        _ => {}
    }
    flow
}

/// The lower halves of two vectors.
fn join(cx: &mut Cx, low: Value, high: Value) -> Value {
    cx.b.vshuffle(low, high, std::array::from_fn(|k| if k < 8 { k as u8 } else { k as u8 + 8 }))
}

/// Reads the operand that may be memory, where it is as wide as a half or parts of it belong to different halves, and puts
/// [`READ`] in its place.
fn read(cx: &mut Cx, i: &mut Instruction) -> Option<[Value; 2]> {
    let bytes = i.memory_size().size();
    let memory = (1..i.op_count()).find(|n| i.op_kind(*n) == OpKind::Memory);
    let parts = i.op0_register().is_ymm() && (4..32).contains(&bytes);
    let n = match memory {
        Some(n) if bytes >= 16 || parts => n,
        None if parts => 1,
        _ => return None,
    };
    let both = if memory.is_none() {
        let v = cx.half_of(i.op1_register(), false);
        in_parts(cx, v, bytes)
    } else {
        let (addr, offset) = cx.address();
        match bytes {
            4 | 8 => {
                let ty = super::operand::int(bytes);
                let v = cx.b.load(ty, super::operand::plain(ty), addr, offset);
                let v = cx.b.vscalar(v);
                in_parts(cx, v, bytes)
            }
            _ => {
                let (low, high) = cx.load_halves(addr, offset, bytes == 32);
                if parts { in_parts(cx, low, bytes) } else { [low, high.unwrap_or(low)] }
            }
        }
    };
    i.set_op_kind(n, OpKind::Register);
    i.set_op_register(n, READ);
    Some(both)
}

/// The first and the second half of the lowest `bytes` bytes, each at the bottom.
fn in_parts(cx: &mut Cx, v: Value, bytes: usize) -> [Value; 2] {
    let half = bytes / 2;
    let selectors = std::array::from_fn(|k| if k < half { (k + half) as u8 } else { 0x80 });
    [v, cx.b.vshuffle(v, v, selectors)]
}
