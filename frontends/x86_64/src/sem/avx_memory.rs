//! AVX's moves, masked moves and gathers.

use super::operand::{int, plain, row};
use super::vec::{shape, top_bits};
use super::vex::is_wide;
use super::{Cx, Flow};
use crate::state;
use brolga_core::{Align, Reg};
use brolga_ir::{IntCc, Shape, Ty, Value};
use iced_x86::{OpKind, Register};

/// VMOVUPS and its like: 16 or 32 bytes, which `aligned` ones may only have at a multiple of their size.
pub fn mov(cx: &mut Cx, aligned: bool) -> Flow {
    let wide = is_wide(cx.i);
    let (to, from) = (cx.i.op0_register(), cx.i.op1_register());
    if cx.i.op_kinds().all(|kind| kind == OpKind::Register) {
        let low = cx.half_of(from, false);
        let high = wide.then(|| cx.half_of(from, true));
        cx.set_halves(to, low, high);
        return Flow::Next;
    }
    let (addr, offset) = cx.address();
    let half = plain(Ty::V128);
    let first = match (aligned, wide) {
        (false, _) => half,
        (true, false) => half.align(Align::Natural),
        (true, true) => half.align(Align::Double),
    };
    if cx.i.op0_kind() == OpKind::Register {
        let low = cx.b.load(Ty::V128, first, addr, offset);
        let high = wide.then(|| cx.b.load(Ty::V128, half, addr, offset + 16));
        cx.set_halves(to, low, high);
        return Flow::Next;
    }
    let (addr, offset) = if wide && !aligned {
        let addr = cx.plus(addr, offset);
        (cx.writable(addr, 32), 0)
    } else {
        (addr, offset)
    };
    for upper in [false, true].into_iter().take(1 + wide as usize) {
        let v = cx.half_of(from, upper);
        cx.b.store(if upper { half } else { first }, addr, offset + 16 * upper as i64, v);
    }
    Flow::Next
}

/// Lanes of memory chosen by the signs of a register's lanes.
struct Masked {
    /// Lanes of a half.
    lanes: Shape,
    /// The register with the mask.
    mask: Register,
    wide: bool,
}

impl Masked {
    fn lane_bytes(&self) -> u64 {
        u64::from(self.lanes.lane_bits() / 8)
    }

    /// Number of all lanes.
    fn count(&self) -> u32 {
        self.lanes.lanes() << self.wide as u32
    }

    /// A bit for each lane that is chosen.
    fn bits(&self, cx: &mut Cx) -> Value {
        let low = cx.half_of(self.mask, false);
        let bits = top_bits(cx, self.lanes, low);
        if !self.wide {
            return bits;
        }
        let high = cx.half_of(self.mask, true);
        let high = top_bits(cx, self.lanes, high);
        let up = cx.iconst(Ty::I64, self.lanes.lanes().into());
        let high = cx.b.shl(Ty::I64, high, up);
        cx.b.or(Ty::I64, bits, high)
    }

    /// Address of the first lane that is chosen.
    fn first(&self, cx: &mut Cx, addr: Value, bits: Value) -> Value {
        let scale = cx.iconst(Ty::I64, self.lane_bytes().trailing_zeros().into());
        let first = cx.b.ctz(Ty::I64, bits);
        let first = cx.b.shl(Ty::I64, first, scale);
        cx.b.iadd(Ty::I64, addr, first)
    }

    /// Address of lane `k` if it is chosen, else of `first`.
    fn lane_or(&self, cx: &mut Cx, first: Value, addr: Value, bits: Value, k: u32) -> Value {
        let bit = cx.b.extract(Ty::I64, bits, k, 1);
        let bit = cx.b.zext(Ty::I8, bit);
        let lane = cx.plus(addr, self.at(k));
        cx.b.select(Ty::I64, bit, lane, first)
    }

    /// The lanes of a half that are chosen.
    fn chosen(&self, cx: &mut Cx, v: Value, upper: bool) -> Value {
        let (signs, zero) = (cx.half_of(self.mask, upper), cx.b.vconst(0));
        let mask = cx.b.vicmp(IntCc::Slt, self.lanes, signs, zero);
        cx.b.and(Ty::V128, v, mask)
    }

    /// Place of lane `k` among all.
    fn at(&self, k: u32) -> i64 {
        (u64::from(k) * self.lane_bytes()) as i64
    }
}

/// VMASKMOVPS, VPMASKMOVD and their like: lanes that are not chosen are not accessed, and zero in a register.
pub fn masked(cx: &mut Cx, lanes: Shape) -> Flow {
    let m = Masked { lanes, mask: cx.i.op1_register(), wide: is_wide(cx.i) };
    let addr = cx.flat_address();
    let bits = m.bits(cx);
    let (any, none) = (cx.b.new_label(), cx.b.new_label());
    let is_any = {
        let zero = cx.iconst(Ty::I64, 0);
        cx.b.icmp(Ty::I64, IntCc::Ne, bits, zero)
    };
    if cx.i.op0_kind() == OpKind::Memory {
        cx.b.brif(is_any, (any, &[addr, bits]), (none, &[]));
        cx.b.bind(any);
        masked_store(cx, &m);
        cx.b.jump(none, &[]);
        cx.b.bind(none);
        return Flow::Next;
    }
    let zero = cx.b.vconst(0);
    cx.b.brif(is_any, (any, &[addr, bits]), (none, &[zero, zero]));
    cx.b.bind(any);
    let [low, high] = masked_load(cx, &m);
    cx.b.jump(none, &[low, high]);
    cx.b.bind(none);
    let (low, high) = (cx.b.param(Ty::V128), cx.b.param(Ty::V128));
    cx.set_halves(cx.i.op0_register(), low, Some(high));
    Flow::Next
}

/// Whether the lanes at `addr` lie across the end of a page.
fn across(cx: &mut Cx, m: &Masked, addr: Value) -> Value {
    let place = cx.b.extract(Ty::I64, addr, 0, 12);
    let last = cx.iconst(Ty::I64, 4096 - m.lane_bytes() * u64::from(m.count()));
    cx.b.icmp(Ty::I64, IntCc::Ugt, place, last)
}

/// The chosen lanes at the address and by the bits that the local block begins with. Within a page the first one tells whether
/// they can be read; then all are, those that are not chosen in vain.
fn masked_load(cx: &mut Cx, m: &Masked) -> [Value; 2] {
    let (addr, bits) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let across = across(cx, m, addr);
    let (slow, fast, done) = (cx.b.new_label(), cx.b.new_label(), cx.b.new_label());
    cx.b.brif(across, (slow, &[addr, bits]), (fast, &[addr, bits]));

    cx.b.bind(fast);
    let (addr, bits) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let first = m.first(cx, addr, bits);
    let lane = int(m.lane_bytes() as usize);
    cx.b.load(lane, plain(lane), first, 0);
    let (low, high) = cx.load_halves(addr, 0, m.wide);
    let zero = cx.b.vconst(0);
    let low = m.chosen(cx, low, false);
    let high = high.map_or(zero, |high| m.chosen(cx, high, true));
    cx.b.jump(done, &[low, high]);

    // Lanes that are not chosen read the first one.
    cx.b.bind(slow);
    let (addr, bits) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let first = m.first(cx, addr, bits);
    let mut halves = [cx.b.vconst(0); 2];
    for k in 0..m.count() {
        let at = m.lane_or(cx, first, addr, bits, k);
        let x = cx.b.load(lane, plain(lane), at, 0);
        let half = (k / m.lanes.lanes()) as usize;
        halves[half] = cx.b.insert(m.lanes, halves[half], x, k % m.lanes.lanes());
    }
    let [low, high] = [m.chosen(cx, halves[0], false), m.chosen(cx, halves[1], true)];
    cx.b.jump(done, &[low, high]);
    cx.b.bind(done);
    [cx.b.param(Ty::V128), cx.b.param(Ty::V128)]
}

/// The same to memory. Across the end of a page every lane is written with what it holds before one is, so that a store that
/// fails leaves nothing.
fn masked_store(cx: &mut Cx, m: &Masked) {
    let (addr, bits) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let across = across(cx, m, addr);
    let (probe, go_on) = (cx.b.new_label(), cx.b.new_label());
    cx.b.brif(across, (probe, &[addr, bits]), (go_on, &[]));
    cx.b.bind(probe);
    let (addr, bits) = (cx.b.param(Ty::I64), cx.b.param(Ty::I64));
    let first = m.first(cx, addr, bits);
    for k in 0..m.count() {
        let at = m.lane_or(cx, first, addr, bits, k);
        let last = cx.plus(at, m.lane_bytes() as i64 - 1);
        cx.touch(at);
        cx.touch_page_of(last);
    }
    cx.b.jump(go_on, &[]);
    cx.b.bind(go_on);
    let (from, ty) = (cx.i.op2_register(), int(m.lane_bytes() as usize));
    // Everything is computed anew for each lane: little would be gained by keeping it.
    for k in 0..m.count() {
        let (upper, lane) = (k >= m.lanes.lanes(), k % m.lanes.lanes());
        let signs = cx.half_of(m.mask, upper);
        let (sign, zero) = (cx.b.lane(ty, m.lanes, signs, lane), cx.iconst(ty, 0));
        let chosen = cx.b.icmp(ty, IntCc::Slt, sign, zero);
        let (store, next) = (cx.b.new_label(), cx.b.new_label());
        cx.b.brif(chosen, (store, &[]), (next, &[]));
        cx.b.bind(store);
        let (addr, v) = (cx.flat_address(), cx.half_of(from, upper));
        let x = cx.b.lane(ty, m.lanes, v, lane);
        cx.b.store(plain(ty), addr, m.at(k), x);
        cx.b.jump(next, &[]);
        cx.b.bind(next);
    }
}

/// The row of a half of a vector register.
fn half_row(r: Register, upper: bool) -> Reg {
    let n = r.number() as u32;
    if upper { state::ymm_high(n) } else { state::xmm(n) }
}

/// Writes lane `k` of a vector register.
fn replace_lane(cx: &mut Cx, r: Register, k: u32, x: Value) {
    let lanes = shape(cx.b.block.ty(x));
    let upper = k >= lanes.lanes();
    let v = cx.half_of(r, upper);
    let v = cx.b.insert(lanes, v, x, k % lanes.lanes());
    cx.b.set(half_row(r, upper), v);
}

/// VGATHERDPS, VPGATHERDD and their like: lane by lane; behind each the mask's lane is cleared, chosen or not. One that cannot be read
/// leaves those before it, and what is left of the mask; run again, the instruction goes on. SDM vol. 2, "VPGATHERDD".
pub fn gather(cx: &mut Cx, lanes: Shape) -> Flow {
    let (to, mask, index) = (cx.i.op0_register(), cx.i.op2_register(), cx.i.memory_index());
    let bits = |r: Register| if r.is_ymm() { 256 } else { 128 };
    let index_shape = index_lanes(cx);
    let count = (bits(to) / lanes.lane_bits()).min(bits(index) / index_shape.lane_bits());
    for k in 0..count {
        let (upper, lane) = (k >= lanes.lanes(), k % lanes.lanes());
        let v = cx.half_of(mask, upper);
        let ty = int(lanes.lane_bits() as usize / 8);
        let chosen = cx.b.lane(ty, lanes, v, lane);
        let zero = cx.iconst(ty, 0);
        let chosen = cx.b.icmp(ty, IntCc::Slt, chosen, zero);
        let (load, next) = (cx.b.new_label(), cx.b.new_label());
        cx.b.brif(chosen, (load, &[]), (next, &[]));
        cx.b.bind(load);
        let addr = element_address(cx, index_shape, k);
        let x = cx.b.load(ty, plain(ty), addr, 0);
        replace_lane(cx, to, k, x);
        cx.b.jump(next, &[]);
        cx.b.bind(next);
        let zero = cx.iconst(ty, 0);
        replace_lane(cx, mask, k, zero);
    }
    finish_gather(cx, to, mask, count * lanes.lane_bits());
    Flow::Next
}

/// Clears the whole mask, and what of the destination is above `bits`.
fn finish_gather(cx: &mut Cx, to: Register, mask: Register, bits: u32) {
    let zero = cx.b.vconst(0);
    cx.set_halves(mask, zero, None);
    if bits == 64 {
        let v = cx.half_of(to, false);
        let low = cx.b.lane(Ty::I64, Shape::I64x2, v, 0);
        let low = cx.b.vscalar(low);
        cx.b.set(half_row(to, false), low);
    }
    if bits <= 128 {
        cx.b.set(half_row(to, true), zero);
    }
}

/// Lanes of the vector of indices.
fn index_lanes(cx: &Cx) -> Shape {
    use iced_x86::Mnemonic as M;
    match cx.i.mnemonic() {
        M::Vgatherqps | M::Vgatherqpd | M::Vpgatherqd | M::Vpgatherqq => Shape::I64x2,
        _ => Shape::I32x4,
    }
}

/// Address of element `k`. SDM vol. 2, "Vector SIB (VSIB) Memory Addressing".
fn element_address(cx: &mut Cx, lanes: Shape, k: u32) -> Value {
    let v = cx.half_of(cx.i.memory_index(), k >= lanes.lanes());
    let x = cx.b.lane(int(lanes.lane_bits() as usize / 8), lanes, v, k % lanes.lanes());
    let x = cx.sext(Ty::I64, x);
    let scale = cx.iconst(Ty::I64, cx.i.memory_index_scale().trailing_zeros().into());
    let x = cx.b.shl(Ty::I64, x, scale);
    let mut sum = cx.plus(x, cx.i.memory_displacement64() as i64);
    let base = cx.i.memory_base();
    if base != Register::None {
        let base = cx.b.get(row(base));
        sum = cx.b.iadd(Ty::I64, sum, base);
    }
    if base.size() == 4 || cx.i.memory_displ_size() == 4 {
        sum = cx.b.extract(Ty::I64, sum, 0, 32);
    }
    match cx.segment() {
        Some(segment) => cx.b.iadd(Ty::I64, segment, sum),
        None => sum,
    }
}
