//! String instructions. A repeated one is a loop within the instruction that a fault or an interrupt can leave at any
//! iteration, with the registers current. SDM vol. 2, "REP/REPE/REPZ/REPNE/REPNZ".

use super::operand::{int, plain};
use super::{Cx, Flow};
use crate::frontend::mode;
use crate::state;
use brolga_core::{MemOp, Reg, Size};
use brolga_ir::{IntCc, JumpKind, Label, Shape, Ty, Value};
use iced_x86::{OpKind, Register};

/// Which instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// MOVS
    Move,
    /// STOS
    Store,
    /// LODS
    Load,
    /// CMPS
    Compare,
    /// SCAS
    Scan,
}

impl Kind {
    fn reads(self) -> bool {
        matches!(self, Kind::Move | Kind::Load | Kind::Compare)
    }

    fn uses_destination(self) -> bool {
        self != Kind::Load
    }

    fn compares(self) -> bool {
        matches!(self, Kind::Compare | Kind::Scan)
    }
}

/// What one instruction works with.
struct String {
    kind: Kind,
    ty: Ty,
    /// Whether addresses are 32 bits wide.
    narrow: bool,
}

fn element(bytes: u32) -> Ty {
    int(bytes as usize)
}

/// Moves one of the address registers or the counter by `delta`.
fn advance(cx: &mut Cx, s: &String, reg: Reg, delta: Value) {
    let v = cx.b.get(reg);
    let v = cx.b.iadd(Ty::I64, v, delta);
    let v = if s.narrow { cx.b.extract(Ty::I64, v, 0, 32) } else { v };
    cx.b.set(reg, v);
}

fn register(cx: &mut Cx, s: &String, reg: Reg) -> Value {
    let v = cx.b.get(reg);
    if s.narrow { cx.b.extract(Ty::I64, v, 0, 32) } else { v }
}

fn source(cx: &mut Cx, s: &String) -> Value {
    let v = register(cx, s, state::RSI);
    match cx.segment() {
        Some(base) => cx.b.iadd(Ty::I64, base, v),
        None => v,
    }
}

/// Bytes to the next element: negative if DF is set.
fn step(cx: &mut Cx, ty: Ty) -> Value {
    let bytes = ty.bits() as u64 / 8;
    let df = cx.b.get(state::DF);
    // DF is 0 or 0x400: twice the size back.
    let shift = cx.iconst(Ty::I64, (state::DF_BIT / (2 * bytes)).trailing_zeros() as u64);
    let back = cx.b.lshr(Ty::I64, df, shift);
    let bytes = cx.iconst(Ty::I64, bytes);
    cx.b.isub(Ty::I64, bytes, back)
}

/// CMPS reads at RDI first, but for REPE CMPSB on AMD's processors.
fn reads_source_first(cx: &Cx, s: &String) -> bool {
    s.kind != Kind::Compare || s.ty == Ty::I8 && cx.i.has_repe_prefix()
}

/// One element: accesses, then registers, then flags.
fn one(cx: &mut Cx, s: &String) {
    let op = plain(s.ty);
    let acc = match s.ty {
        Ty::I8 => Register::AL,
        Ty::I16 => Register::AX,
        Ty::I32 => Register::EAX,
        _ => Register::RAX,
    };
    let read_source = |cx: &mut Cx| {
        let at = source(cx, s);
        cx.b.load(s.ty, op, at, 0)
    };
    let mut from = (s.kind.reads() && reads_source_first(cx, s)).then(|| read_source(cx));
    let compared = s.kind.compares().then(|| {
        let at = register(cx, s, state::RDI);
        cx.b.load(s.ty, op, at, 0)
    });
    if s.kind.reads() && from.is_none() {
        from = Some(read_source(cx));
    }
    let a = from.unwrap_or_else(|| cx.reg(acc));
    if s.kind.uses_destination() && !s.kind.compares() {
        let to = register(cx, s, state::RDI);
        cx.b.store(op, to, 0, a);
    }
    let delta = step(cx, s.ty);
    if s.kind.reads() {
        advance(cx, s, state::RSI, delta);
    }
    if s.kind.uses_destination() {
        advance(cx, s, state::RDI, delta);
    }
    match compared {
        Some(b) => cx.flags_sub(s.ty, a, b),
        None if s.kind == Kind::Load => cx.set_reg(acc, a),
        None => {}
    }
}

/// MOVS, STOS, LODS, CMPS, SCAS with elements of `bytes`.
pub fn string(cx: &mut Cx, kind: Kind, bytes: u32) -> Flow {
    let narrow = (0..cx.i.op_count()).any(|n| matches!(cx.i.op_kind(n), OpKind::MemoryESEDI | OpKind::MemorySegESI));
    let s = String { kind, ty: element(bytes), narrow };
    if !cx.i.has_rep_prefix() && !cx.i.has_repne_prefix() {
        one(cx, &s);
        return Flow::Next;
    }
    repeated(cx, &s)
}

fn repeated(cx: &mut Cx, s: &String) -> Flow {
    let next = cx.next_pc();
    let (head, body, done) = (cx.b.new_label(), cx.b.new_label(), cx.b.new_label());
    // Where it is looked first how much may be done at once.
    let mut again = head;
    let single = cx.mode & mode::STEP != 0;
    let plain = cx.mode & (mode::STEP | mode::ALIGN) == 0;
    if matches!(s.kind, Kind::Move | Kind::Store) && !s.narrow && plain {
        again = cx.b.new_label();
        cx.b.jump(again, &[]);
        cx.b.bind(again);
        if s.kind == Kind::Move && s.ty == Ty::I8 {
            in_bulk(cx, s, again);
        }
        let few = cx.b.new_label();
        wide(cx, s, again, few, 64);
        cx.b.bind(few);
        wide(cx, s, again, head, 16);
    } else {
        cx.b.jump(head, &[]);
    }
    cx.b.bind(head);
    let n = register(cx, s, state::RCX);
    let zero = cx.iconst(Ty::I64, 0);
    let left = cx.b.icmp(Ty::I64, IntCc::Ne, n, zero);
    cx.b.brif(left, (body, &[]), (done, &[]));
    cx.b.bind(body);
    one(cx, s);
    let minus_one = cx.iconst(Ty::I64, u64::MAX);
    advance(cx, s, state::RCX, minus_one);
    let goes_on = s.kind.compares().then(|| {
        let f = cx.b.get_flags();
        let cond = if cx.i.has_repne_prefix() { brolga_core::Cond::Ne } else { brolga_core::Cond::Eq };
        cx.b.cond(cond, f)
    });
    match goes_on {
        _ if single => once_more(cx, s, goes_on, done),
        Some(c) => cx.b.brif(c, (head, &[]), (done, &[])),
        None if again != head => on_from(cx, s, head, again),
        None => cx.b.jump(head, &[]),
    }
    cx.b.bind(done);
    cx.goto(JumpKind::Jump, next)
}

/// Ends the block behind one element, for a single step: at the instruction itself if elements are left and `goes_on`.
fn once_more(cx: &mut Cx, s: &String, goes_on: Option<Value>, done: Label) {
    let (n, zero, again) = (register(cx, s, state::RCX), cx.iconst(Ty::I64, 0), cx.b.new_label());
    let mut c = cx.b.icmp(Ty::I64, IntCc::Ne, n, zero);
    if let Some(goes_on) = goes_on {
        c = cx.b.and(Ty::I8, c, goes_on);
    }
    cx.b.brif(c, (again, &[]), (done, &[]));
    cx.b.bind(again);
    cx.goto(JumpKind::Jump, cx.pc);
}

/// Bytes from `addr` to the end of its page: 1 to 4096.
fn left_in_page(cx: &mut Cx, addr: Value) -> Value {
    let at = cx.b.extract(Ty::I64, addr, 0, 12);
    let page = cx.iconst(Ty::I64, 4096);
    cx.b.isub(Ty::I64, page, at)
}

/// 1 if the element before `addr` was the last that began in its page.
fn in_next_page(cx: &mut Cx, s: &String, addr: Value) -> Value {
    let at = cx.b.extract(Ty::I64, addr, 0, 12);
    let bytes = cx.iconst(Ty::I64, s.ty.bits() as u64 / 8);
    cx.b.icmp(Ty::I64, IntCc::Ult, at, bytes)
}

/// Goes on behind an element: at `again` where a page begins, for what can be done at once there, else at `head`.
fn on_from(cx: &mut Cx, s: &String, head: Label, again: Label) {
    let to = cx.b.get(state::RDI);
    let mut begins = in_next_page(cx, s, to);
    if s.kind == Kind::Move {
        let from = source(cx, s);
        let of_source = in_next_page(cx, s, from);
        begins = cx.b.or(Ty::I8, begins, of_source);
    }
    cx.b.brif(begins, (again, &[]), (head, &[]));
}

/// 1 if addresses go up.
fn forwards(cx: &mut Cx) -> Value {
    let (df, zero) = (cx.b.get(state::DF), cx.iconst(Ty::I64, 0));
    cx.b.icmp(Ty::I64, IntCc::Eq, df, zero)
}

/// MOVSB forwards by the host's own, as far as memory can be accessed: while all of that is, again at `again`. An element of
/// more bytes might be left in its middle.
fn in_bulk(cx: &mut Cx, s: &String, again: Label) {
    /// So many bytes make good what a call costs.
    const LEAST: u64 = 512;
    /// A signal waits for so many.
    const MOST: u64 = 0x10000;
    let ty = Ty::I64;
    let (bulk, rest) = (cx.b.new_label(), cx.b.new_label());
    let ok = forwards(cx);
    let (n, least) = (cx.b.get(state::RCX), cx.iconst(ty, LEAST));
    let many = cx.b.icmp(ty, IntCc::Uge, n, least);
    let ok = cx.b.and(Ty::I8, ok, many);
    cx.b.brif(ok, (bulk, &[]), (rest, &[]));
    cx.b.bind(bulk);
    let (n, most) = (cx.b.get(state::RCX), cx.iconst(ty, MOST));
    let most = cx.b.umin(ty, n, most);
    let (to, from) = (cx.b.get(state::RDI), source(cx, s));
    let done = cx.b.mem_copy(to, from, most);
    advance(cx, s, state::RSI, done);
    advance(cx, s, state::RDI, done);
    let back = cx.b.neg(ty, done);
    advance(cx, s, state::RCX, back);
    let all = cx.b.icmp(ty, IntCc::Eq, done, most);
    cx.b.brif(all, (again, &[]), (rest, &[]));
    cx.b.bind(rest);
}

/// So many bytes, a multiple of 16, at a time while they are left, forwards, not onto what is still to be read, and not
/// across pages: an element that faults must find those before it done. Then to `again`, or to `rest` if it is too few.
fn wide(cx: &mut Cx, s: &String, again: Label, rest: Label, bytes: u64) {
    let ty = Ty::I64;
    let per = 8 * bytes / s.ty.bits() as u64;
    let (count, body) = (cx.b.new_label(), cx.b.new_label());
    let mut ok = forwards(cx);
    if s.kind == Kind::Move {
        let (to, from) = (cx.b.get(state::RDI), source(cx, s));
        let distance = cx.b.isub(ty, to, from);
        let whole = cx.iconst(ty, bytes);
        let apart = cx.b.icmp(ty, IntCc::Uge, distance, whole);
        ok = cx.b.and(Ty::I8, ok, apart);
    }
    cx.b.brif(ok, (count, &[]), (rest, &[]));
    cx.b.bind(count);
    let whole = whole_in_page(cx, s, per);
    let n = cx.b.get(state::RCX);
    let last = cx.b.isub(ty, n, whole);
    let zero = cx.iconst(ty, 0);
    let any = cx.b.icmp(ty, IntCc::Ne, whole, zero);
    cx.b.brif(any, (body, &[last]), (rest, &[]));
    cx.b.bind(body);
    let last = cx.b.param(ty);
    at_once(cx, s, bytes);
    let fewer = cx.iconst(ty, per.wrapping_neg());
    advance(cx, s, state::RCX, fewer);
    let n = cx.b.get(state::RCX);
    let done = cx.b.icmp(ty, IntCc::Eq, n, last);
    cx.b.brif(done, (again, &[]), (body, &[last]));
}

/// How many elements, a multiple of `per`, are left in the pages of both addresses.
fn whole_in_page(cx: &mut Cx, s: &String, per: u64) -> Value {
    let ty = Ty::I64;
    let to = cx.b.get(state::RDI);
    let mut room = left_in_page(cx, to);
    if s.kind == Kind::Move {
        let from = source(cx, s);
        let of_source = left_in_page(cx, from);
        room = cx.b.umin(ty, room, of_source);
    }
    let shift = cx.iconst(ty, (s.ty.bits() / 8).trailing_zeros().into());
    let room = cx.b.lshr(ty, room, shift);
    let n = cx.b.get(state::RCX);
    let n = cx.b.umin(ty, n, room);
    let mask = cx.iconst(ty, per.wrapping_neg());
    cx.b.and(ty, n, mask)
}

/// Moves or stores so many bytes, and the addresses on.
fn at_once(cx: &mut Cx, s: &String, bytes: u64) {
    let op = MemOp::plain(Size::B16);
    let to = cx.b.get(state::RDI);
    let places = (0..bytes as i64).step_by(16);
    if s.kind == Kind::Move {
        let from = source(cx, s);
        // All loads first: a load behind a store to the same offset in another page waits on many hosts.
        let v: Vec<_> = places.map(|at| (at, cx.b.load(Ty::V128, op, from, at))).collect();
        v.into_iter().for_each(|(at, v)| cx.b.store(op, to, at, v));
    } else {
        let acc = cx.b.get(state::RAX);
        let acc = cx.zext(s.ty, acc);
        let v = cx.b.vsplat(Shape::ALL[s.ty.bits().trailing_zeros() as usize - 3], acc);
        places.for_each(|at| cx.b.store(op, to, at, v));
    }
    let bytes = cx.iconst(Ty::I64, bytes);
    if s.kind == Kind::Move {
        advance(cx, s, state::RSI, bytes);
    }
    advance(cx, s, state::RDI, bytes);
}
