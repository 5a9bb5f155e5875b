//! Loads and stores of SIMD&FP registers.

pub use super::ldst::Mode;
use super::ldst::{Addr, reg_offset, size};
use super::{Cx, Flow, sign_extend};
use crate::a64::*;
use brolga_core::{Align, MemOp, Order, Size};
use brolga_ir::{Shape, Ty, Value};

/// log2 of the bytes of `size` with `opc`'s high bit.
fn log2(sz: u32, opc: u32) -> u32 {
    sz | (opc & 2) << 1
}

/// Type of a scalar on its way between memory and a vector register: a float's, which need not pass through a general
/// register of the host, where there is one of that size.
fn scalar_ty(size: Size) -> Ty {
    match size {
        Size::B4 => Ty::F32,
        Size::B8 => Ty::F64,
        _ => Ty::I64,
    }
}

/// Reads 1 to 16 bytes into a vector, the rest zero.
fn load(cx: &mut Cx, addr: &Addr, op: MemOp, plus: i64) -> Value {
    if op.size == Size::B16 {
        addr.load(cx, Ty::V128, op, plus)
    } else {
        let v = addr.load(cx, scalar_ty(op.size), op, plus);
        cx.b.vscalar(v)
    }
}

/// Writes the low 1 to 16 bytes of a vector.
fn store(cx: &mut Cx, addr: &Addr, op: MemOp, plus: i64, v: Value) {
    if op.size == Size::B16 {
        addr.store(cx, op, plus, v);
    } else {
        let ty = scalar_ty(op.size);
        let shape = if ty == Ty::F32 { Shape::I32x4 } else { Shape::I64x2 };
        let v = cx.b.lane(ty, shape, v, 0);
        addr.store(cx, op, plus, v);
    }
}

fn transfer(cx: &mut Cx, load_it: bool, op: MemOp, rt: u32, addr: &Addr) -> Flow {
    if load_it {
        let v = load(cx, addr, op, 0);
        addr.finish(cx);
        cx.set_vreg(rt, v);
    } else {
        let v = cx.vreg(rt);
        store(cx, addr, op, 0, v);
        addr.finish(cx);
    }
    Flow::Next
}

/// LDR, STR (immediate, SIMD&FP, unsigned offset).
pub fn ldst_uimm_v(cx: &mut Cx, i: LdstUimmV) -> Flow {
    let n = log2(i.size, i.opc);
    let addr = Addr::new(cx, Mode::Offset, i.rn, (i.imm12 as i64) << n);
    transfer(cx, i.opc & 1 != 0, MemOp::plain(size(n)), i.rt, &addr)
}

/// LDR, STR, LDUR, STUR (SIMD&FP, 9-bit immediate).
pub fn ldst_imm9_v(cx: &mut Cx, i: LdstImm9V, mode: Mode) -> Flow {
    let n = log2(i.size, i.opc);
    let addr = Addr::new(cx, mode, i.rn, sign_extend(i.imm9, 9));
    transfer(cx, i.opc & 1 != 0, MemOp::plain(size(n)), i.rt, &addr)
}

/// LDR, STR (register, SIMD&FP).
pub fn ldst_reg_v(cx: &mut Cx, i: LdstRegV) -> Flow {
    let n = log2(i.size, i.opc);
    let addr = reg_offset(cx, i.rn, i.rm, i.option, if i.s { n } else { 0 });
    transfer(cx, i.opc & 1 != 0, MemOp::plain(size(n)), i.rt, &addr)
}

/// LDR (literal, SIMD&FP).
pub fn ldr_lit_v(cx: &mut Cx, i: LdrLitV) -> Flow {
    let base = cx.iconst(Ty::I64, cx.pc.wrapping_add((sign_extend(i.imm19, 19) << 2) as u64));
    transfer(cx, true, MemOp::plain(size(2 + i.opc)), i.rt, &Addr::at(base))
}

/// LDP, STP, LDNP, STNP (SIMD&FP).
pub fn ldst_pair_v(cx: &mut Cx, i: LdstPairV, mode: Mode) -> Flow {
    let n = 2 + i.opc;
    let bytes = 1i64 << n;
    let addr = Addr::new(cx, mode, i.rn, sign_extend(i.imm7, 7) << n);
    let op = MemOp::plain(size(n));
    if i.l {
        let a = load(cx, &addr, op, 0);
        let b = load(cx, &addr, op, bytes);
        addr.finish(cx);
        cx.set_vreg(i.rt, a);
        cx.set_vreg(i.rt2, b);
    } else {
        let (a, b) = (cx.vreg(i.rt), cx.vreg(i.rt2));
        store(cx, &addr, op, 0, a);
        store(cx, &addr, op, bytes, b);
        addr.finish(cx);
    }
    Flow::Next
}

/// LDAPUR, STLUR (SIMD&FP).
pub fn ldapur_stlur_v(cx: &mut Cx, i: LdapurStlurV) -> Flow {
    let n = log2(i.size, i.opc);
    let addr = Addr::new(cx, Mode::Offset, i.rn, sign_extend(i.imm9, 9));
    let is_load = i.opc & 1 != 0;
    let order = if is_load { Order::Acquire } else { Order::SeqCst };
    let op = MemOp::plain(size(n)).order(order).align(Align::Within16);
    transfer(cx, is_load, op, i.rt, &addr)
}

/// Multiple-structure forms: registers and interleave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Multiple {
    /// LD1, ST1 with one register
    X1,
    /// two registers
    X2,
    /// three registers
    X3,
    /// four registers
    X4,
    /// LD2, ST2
    S2,
    /// LD3, ST3
    S3,
    /// LD4, ST4
    S4,
}

impl Multiple {
    /// Number of registers, and elements a structure.
    fn shape(self) -> (u32, u32) {
        match self {
            Multiple::X1 => (1, 1),
            Multiple::X2 => (2, 1),
            Multiple::X3 => (3, 1),
            Multiple::X4 => (4, 1),
            Multiple::S2 => (2, 2),
            Multiple::S3 => (3, 3),
            Multiple::S4 => (4, 4),
        }
    }
}

fn lane_shape(size: u32) -> Shape {
    Shape::ALL[size as usize & 3]
}

fn multiple(cx: &mut Cx, m: Multiple, q: bool, l: bool, sz: u32, rt: u32, addr: &Addr) {
    let (regs, elements) = m.shape();
    let reg = |k: u32| (rt + k) % 32;
    let bytes = if q { 16 } else { 8 };
    if elements == 1 {
        let op = MemOp::plain(if q { Size::B16 } else { Size::B8 });
        if l {
            let vs: Vec<Value> = (0..regs).map(|k| load(cx, addr, op, k as i64 * bytes)).collect();
            addr.finish(cx);
            (0..regs).for_each(|k| cx.set_vreg(reg(k), vs[k as usize]));
        } else {
            for k in 0..regs {
                let v = cx.vreg(reg(k));
                store(cx, addr, op, k as i64 * bytes, v);
            }
            addr.finish(cx);
        }
        return;
    }
    interleaved(cx, regs, q, l, sz, rt, addr);
}

/// Structures of `regs` elements: element `e` of structure `s` is lane `s` of register `e`. Memory is
/// read and written in pieces of 16 bytes, or of the 8 that are left.
fn interleaved(cx: &mut Cx, regs: u32, q: bool, l: bool, sz: u32, rt: u32, addr: &Addr) {
    let reg = |k: u32| (rt + k) % 32;
    let size = if q { 16 } else { 8 };
    let bytes = regs * size;
    let piece = |k: u32| MemOp::plain(if bytes - 16 * k < 16 { Size::B8 } else { Size::B16 });
    let pieces = bytes.div_ceil(16);
    // Where byte `k` of register `e` is in memory.
    let place = |e: u32, k: u32| ((k >> sz) * regs + e) << sz | k & ((1 << sz) - 1);
    if l {
        let memory: Vec<Value> = (0..pieces).map(|k| load(cx, addr, piece(k), 16 * k as i64)).collect();
        let registers: Vec<Value> = if memory.len() == 4 {
            deal_in_fours(cx, lane_shape(sz), &memory)
        } else {
            (0..regs).map(|e| gather(cx, &memory, |k| if k < size { place(e, k) } else { u32::MAX })).collect()
        };
        addr.finish(cx);
        (0..regs).for_each(|k| cx.set_vreg(reg(k), registers[k as usize]));
    } else {
        let registers: Vec<Value> = (0..regs).map(|k| cx.vreg(reg(k))).collect();
        let memory: Vec<Value> = if pieces == 4 {
            zip_of_fours(cx, lane_shape(sz), &registers)
        } else {
            (0..pieces)
                .map(|p| {
                    gather(cx, &registers, |k| {
                        let (element, at) = ((16 * p + k) >> sz, k & ((1 << sz) - 1));
                        let e = element % regs;
                        let lane = (element / regs) << sz | at;
                        if lane < size { 16 * e + lane } else { u32::MAX }
                    })
                })
                .collect()
        };
        for (k, v) in (0..pieces).zip(memory) {
            store(cx, addr, piece(k), 16 * k as i64, v);
        }
        addr.finish(cx);
    }
}

/// Bytes of up to four vectors: `from(k)` counts the bytes of all of them; past them is zero.
fn gather(cx: &mut Cx, vectors: &[Value], from: impl Fn(u32) -> u32) -> Value {
    let mut v = None;
    for (first, two) in (0u32..).step_by(32).zip(vectors.chunks(2)) {
        let selectors: [u8; 16] = std::array::from_fn(|k| match from(k as u32).checked_sub(first) {
            Some(at) if at < 16 * two.len() as u32 => at as u8,
            _ => 0x80,
        });
        if selectors.iter().all(|s| *s == 0x80) {
            continue;
        }
        let part = cx.b.vshuffle(two[0], two[two.len() - 1], selectors);
        v = Some(match v {
            None => part,
            Some(others) => cx.b.or(Ty::V128, others, part),
        });
    }
    v.unwrap_or_else(|| cx.b.vconst(0))
}

/// Every fourth lane of four vectors, from lane 0, 1, 2 and 3 on: every second of every second.
fn deal_in_fours(cx: &mut Cx, s: Shape, memory: &[Value]) -> Vec<Value> {
    let (even, odd) = (cx.deal(s, true, memory[0], memory[1]), cx.deal(s, true, memory[2], memory[3]));
    let (first, third) = cx.deal(s, true, even.0, odd.0);
    let (second, fourth) = cx.deal(s, true, even.1, odd.1);
    vec![first, second, third, fourth]
}

/// Lanes of four vectors in turn: every second place from one pair, the others from the other.
fn zip_of_fours(cx: &mut Cx, s: Shape, registers: &[Value]) -> Vec<Value> {
    let mut zip = |a, b| {
        let n = s.lanes();
        [0, n / 2].map(|first| cx.pick_lanes(s, a, b, |k| first + k / 2 + k % 2 * n))
    };
    let (even, odd) = (zip(registers[0], registers[2]), zip(registers[1], registers[3]));
    let (low, high) = (zip(even[0], odd[0]), zip(even[1], odd[1]));
    [low, high].concat()
}

/// Write-back of the post-indexed forms: by the bytes transferred if `rm` is 31, else by a register.
fn write_back(cx: &mut Cx, rn: u32, rm: u32, bytes: u64) {
    let base = cx.reg_sp(Ty::I64, rn);
    let step = if rm == 31 { cx.iconst(Ty::I64, bytes) } else { cx.reg(Ty::I64, rm) };
    let back = cx.b.iadd(Ty::I64, base, step);
    cx.set_reg_sp(rn, back);
}

/// LD1..LD4, ST1..ST4 (multiple structures).
pub fn ldst_multiple(cx: &mut Cx, i: LdstMultiple, m: Multiple) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    multiple(cx, m, i.q, i.l, i.size, i.rt, &addr);
    Flow::Next
}

/// LD1..LD4, ST1..ST4 (multiple structures, post-indexed).
pub fn ldst_multiple_post(cx: &mut Cx, i: LdstMultiplePost, m: Multiple) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    multiple(cx, m, i.q, i.l, i.size, i.rt, &addr);
    let bytes = m.shape().0 as u64 * if i.q { 16 } else { 8 };
    write_back(cx, i.rn, i.rm, bytes);
    Flow::Next
}

/// Fields of a single-structure form.
struct Single {
    q: bool,
    s: bool,
    scale: u32,
    size: u32,
    /// Elements a structure.
    elements: u32,
    rt: u32,
}

impl Single {
    /// log2 of the element's bytes, and the lane.
    fn element(&self) -> (u32, u32) {
        let index = (self.q as u32) << 3 | (self.s as u32) << 2 | self.size;
        match self.scale {
            0 => (0, index),
            1 => (1, index >> 1),
            _ if self.size & 1 == 0 => (2, index >> 2),
            _ => (3, index >> 3),
        }
    }
}

fn single(cx: &mut Cx, i: &Single, l: bool, addr: &Addr) -> u64 {
    let (sz, lane) = i.element();
    let (shape, op) = (lane_shape(sz), MemOp::plain(size(sz)));
    let reg = |k: u32| (i.rt + k) % 32;
    if l {
        let xs: Vec<Value> = (0..i.elements).map(|e| addr.load(cx, Ty::I64, op, (e << sz) as i64)).collect();
        for e in 0..i.elements {
            let v = cx.vreg(reg(e));
            let v = cx.b.insert(shape, v, xs[e as usize], lane);
            cx.set_vreg(reg(e), v);
        }
    } else {
        for e in 0..i.elements {
            let v = cx.vreg(reg(e));
            let x = cx.b.lane(Ty::I64, shape, v, lane);
            addr.store(cx, op, (e << sz) as i64, x);
        }
    }
    (i.elements << sz) as u64
}

fn replicate(cx: &mut Cx, q: bool, sz: u32, elements: u32, rt: u32, addr: &Addr) -> u64 {
    let op = MemOp::plain(size(sz));
    let xs: Vec<Value> = (0..elements).map(|e| addr.load(cx, Ty::I64, op, (e << sz) as i64)).collect();
    for e in 0..elements {
        let v = cx.b.vsplat(lane_shape(sz), xs[e as usize]);
        cx.set_vector(q, (rt + e) % 32, v);
    }
    (elements << sz) as u64
}

/// Elements a structure: `o0` and `r` hold the number less one, the high bit in `o0`.
fn elements(o0: bool, r: bool) -> u32 {
    ((o0 as u32) << 1 | r as u32) + 1
}

/// LD1..LD4, ST1..ST4 (single structure).
pub fn ldst_single(cx: &mut Cx, i: LdstSingle) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    let s = Single { q: i.q, s: i.s, scale: i.scale, size: i.size, elements: elements(i.o0, i.r), rt: i.rt };
    single(cx, &s, i.l, &addr);
    Flow::Next
}

/// LD1..LD4, ST1..ST4 (single structure, post-indexed).
pub fn ldst_single_post(cx: &mut Cx, i: LdstSinglePost) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    let s = Single { q: i.q, s: i.s, scale: i.scale, size: i.size, elements: elements(i.o0, i.r), rt: i.rt };
    let bytes = single(cx, &s, i.l, &addr);
    write_back(cx, i.rn, i.rm, bytes);
    Flow::Next
}

/// LD1R..LD4R.
pub fn ld_replicate(cx: &mut Cx, i: LdReplicate) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    replicate(cx, i.q, i.size, elements(i.o0, i.r), i.rt, &addr);
    Flow::Next
}

/// LD1R..LD4R (post-indexed).
pub fn ld_replicate_post(cx: &mut Cx, i: LdReplicatePost) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    let bytes = replicate(cx, i.q, i.size, elements(i.o0, i.r), i.rt, &addr);
    write_back(cx, i.rn, i.rm, bytes);
    Flow::Next
}

/// LDAP1, STL1: a doubleword lane, acquired or released.
pub fn ldap1_stl1(cx: &mut Cx, i: Ldap1Stl1) -> Flow {
    let addr = Addr::new(cx, Mode::Offset, i.rn, 0);
    let order = if i.l { Order::Acquire } else { Order::SeqCst };
    let op = MemOp::plain(Size::B8).order(order).align(Align::Within16);
    let lane = i.q as u32;
    let v = cx.vreg(i.rt);
    if i.l {
        let x = addr.load(cx, Ty::I64, op, 0);
        let v = cx.b.insert(Shape::I64x2, v, x, lane);
        cx.set_vreg(i.rt, v);
    } else {
        let x = cx.b.lane(Ty::I64, Shape::I64x2, v, lane);
        addr.store(cx, op, 0, x);
    }
    Flow::Next
}
