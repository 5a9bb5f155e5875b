//! Vector floating point whose lanes have one format. Each operation has its own loop.
//!
//! A helper's first argument is the instruction word, the second the operation.

use super::fp_env::with_control as with;
use super::fp_host::{self, HostOp, is_settled};
use super::fp_lane::{self, FpMiscOp, FpThreeOp, Lane, operations, width};
use super::{set_v, v};
use brolga_core::Env;
use brolga_softfloat::{FpEnv, IntType, Rounding, Word};
use brolga_softfloat::{abs, neg, recip_estimate, recip_exponent, recip_sqrt_estimate};
use brolga_softfloat::{mul_extended, recip_sqrt_step, recip_step, zero};
use brolga_softfloat::{unsigned_recip_estimate, unsigned_recip_sqrt_estimate};

operations! {
    /// Reductions.
    FpAcrossOp: Fmaxnmv Fmaxv Fminnmv Fminv
}

operations! {
    /// Estimates on unsigned fixed-point numbers.
    Estimate: Recip Rsqrt
}

/// Field Rd.
pub fn rd(word: u64) -> u32 {
    word as u32 & 31
}

/// Field Rn.
pub fn rn(word: u64) -> u32 {
    word as u32 >> 5 & 31
}

/// Field Rm.
pub fn rm(word: u64) -> u32 {
    word as u32 >> 16 & 31
}

/// Field Q: the whole register.
pub fn q(word: u64) -> bool {
    word >> 30 & 1 != 0
}

/// Lanes of an operation on the lower half or the whole of the registers.
#[inline(always)]
pub fn lanes<F: Lane>(word: u64) -> usize {
    (if q(word) { 128 } else { 64 }) / width::<F>() as usize
}

/// The second operand of an indexed form: which register and lane. An argument of 0 means all of Rm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    /// V register.
    pub reg: u32,
    /// Lane.
    pub index: u32,
}

impl Element {
    /// One argument word: register in bits 7..0, lane in 15..8, bit 16 set.
    pub fn to_arg(self) -> u64 {
        u64::from(self.reg | self.index << 8 | 1 << 16)
    }
}

/// The second operand: Rm, or a lane of `bits` bits in every place.
#[inline(always)]
pub fn operand_m(env: &Env, word: u64, element: u64, bits: u32) -> u128 {
    if element == 0 {
        return v(env, rm(word));
    }
    let index = element as u32 >> 8 & 0xff;
    let lane = (v(env, element as u32 & 31) >> (index * bits & 127)) & (u128::MAX >> (128 - bits));
    // Multiplying by ones at the lanes' places repeats the lane.
    lane.wrapping_mul(u128::MAX / (u128::MAX >> (128 - bits)))
}

/// `count` results from bit 0 up; the rest is zero.
#[inline(always)]
fn collect<F: Lane>(count: usize, mut lane: impl FnMut(usize) -> F::Bits) -> u128 {
    let mut r = F::split(0);
    for (i, result) in r.as_mut().iter_mut().take(count).enumerate() {
        *result = lane(i);
    }
    F::join(&r)
}

/// One operation on each of `count` lanes.
#[inline(always)]
pub fn map<F: Lane>(fp: &mut FpEnv, count: usize, n: u128, f: impl Fn(&mut FpEnv, F::Bits) -> F::Bits) -> u128 {
    let n = F::split(n);
    collect::<F>(count, |i| f(fp, n.as_ref()[i]))
}

/// The same with two operands.
#[inline(always)]
pub fn zip<F: Lane>(
    fp: &mut FpEnv,
    count: usize,
    n: u128,
    m: u128,
    f: impl Fn(&mut FpEnv, F::Bits, F::Bits) -> F::Bits,
) -> u128 {
    let (n, m) = (F::split(n), F::split(m));
    collect::<F>(count, |i| f(fp, n.as_ref()[i], m.as_ref()[i]))
}

/// Pairs of neighbours of the operands side by side, `n` below `m`; one scalar pair is `n`, `m`.
#[inline(always)]
fn pairs<F: Lane>(
    fp: &mut FpEnv,
    count: usize,
    n: u128,
    m: u128,
    f: impl Fn(&mut FpEnv, F::Bits, F::Bits) -> F::Bits,
) -> u128 {
    let (n, m) = (F::split(n), F::split(m));
    let (n, m) = (n.as_ref(), m.as_ref());
    if count == 1 {
        return f(fp, n[0], m[0]).widen();
    }
    let half = count / 2;
    collect::<F>(count, |i| {
        let (source, i) = if i < half { (n, i) } else { (m, i - half) };
        f(fp, source[2 * i], source[2 * i + 1])
    })
}

/// `op` on `count` lanes; `d` is the addend of those that accumulate.
pub fn three<F: Lane>(fp: &mut FpEnv, op: FpThreeOp, count: usize, d: u128, n: u128, m: u128) -> u128 {
    use FpThreeOp::*;
    match op {
        Fadd => zip::<F>(fp, count, n, m, F::add),
        Fsub => zip::<F>(fp, count, n, m, F::sub),
        Fmul => zip::<F>(fp, count, n, m, F::mul),
        Fnmul => zip::<F>(fp, count, n, m, fp_lane::neg_mul::<F>),
        Fdiv => zip::<F>(fp, count, n, m, F::div),
        Fmulx => zip::<F>(fp, count, n, m, mul_extended::<F>),
        Fmax => zip::<F>(fp, count, n, m, fp_lane::max::<F>),
        Fmin => zip::<F>(fp, count, n, m, fp_lane::min::<F>),
        Fmaxnm => zip::<F>(fp, count, n, m, fp_lane::max_num::<F>),
        Fminnm => zip::<F>(fp, count, n, m, fp_lane::min_num::<F>),
        Fabd => zip::<F>(fp, count, n, m, fp_lane::abs_diff::<F>),
        Frecps => zip::<F>(fp, count, n, m, recip_step::<F>),
        Frsqrts => zip::<F>(fp, count, n, m, recip_sqrt_step::<F>),
        Fmla => accumulate::<F>(fp, count, d, n, m, |n| n),
        Fmls => accumulate::<F>(fp, count, d, n, m, neg::<F>),
        Fcmeq => zip::<F>(fp, count, n, m, fp_lane::equal::<F>),
        Fcmge => zip::<F>(fp, count, n, m, fp_lane::greater_equal::<F>),
        Fcmgt => zip::<F>(fp, count, n, m, fp_lane::greater::<F>),
        Facge => zip::<F>(fp, count, n, m, |fp, a, b| fp_lane::greater_equal::<F>(fp, abs::<F>(a), abs::<F>(b))),
        Facgt => zip::<F>(fp, count, n, m, |fp, a, b| fp_lane::greater::<F>(fp, abs::<F>(a), abs::<F>(b))),
        Faddp => pairs::<F>(fp, count, n, m, F::add),
        Fmaxp => pairs::<F>(fp, count, n, m, fp_lane::max::<F>),
        Fminp => pairs::<F>(fp, count, n, m, fp_lane::min::<F>),
        Fmaxnmp => pairs::<F>(fp, count, n, m, fp_lane::max_num::<F>),
        Fminnmp => pairs::<F>(fp, count, n, m, fp_lane::min_num::<F>),
    }
}

/// d + n * m, with `n` changed by `sign` first.
#[inline(always)]
fn accumulate<F: Lane>(
    fp: &mut FpEnv,
    count: usize,
    d: u128,
    n: u128,
    m: u128,
    sign: impl Fn(F::Bits) -> F::Bits,
) -> u128 {
    let (d, n, m) = (F::split(d), F::split(n), F::split(m));
    collect::<F>(count, |i| F::mul_add(fp, sign(n.as_ref()[i]), m.as_ref()[i], d.as_ref()[i]))
}

/// `op` by the host's arithmetic, where that has it and may be taken.
#[inline(always)]
fn three_by_host<F: Lane>(op: FpThreeOp, count: usize, d: u128, n: u128, m: u128) -> Option<u128> {
    match op {
        FpThreeOp::Fadd => fp_host::vector::<F>(HostOp::Add, count, n, m, 0),
        FpThreeOp::Fsub => fp_host::vector::<F>(HostOp::Sub, count, n, m, 0),
        FpThreeOp::Fmul => fp_host::vector::<F>(HostOp::Mul, count, n, m, 0),
        FpThreeOp::Fdiv => fp_host::vector::<F>(HostOp::Div, count, n, m, 0),
        FpThreeOp::Fmla => fp_host::vector::<F>(HostOp::Fused, count, n, m, d),
        FpThreeOp::Fmls => fp_host::vector::<F>(HostOp::Fused, count, n ^ sign_bits::<F>(), m, d),
        _ => None,
    }
}

/// The sign bits of all lanes.
const fn sign_bits<F: Lane>() -> u128 {
    (u128::MAX / (u128::MAX >> (128 - width::<F>()))) << (width::<F>() - 1)
}

/// The [`FpThreeOp`] `op` on Vn and Vm, or on Vn and an [`Element`].
pub extern "C" fn three_same<F: Lane>(env: &mut Env, word: u64, op: u64, element: u64) -> u64 {
    let (d, n) = (v(env, rd(word)), v(env, rn(word)));
    let m = operand_m(env, word, element, width::<F>());
    let (op, count) = (FpThreeOp::from_arg(op), lanes::<F>(word));
    let host = if is_settled(env) { three_by_host::<F>(op, count, d, n, m) } else { None };
    let r = match host {
        Some(r) => r,
        None => with(env, |fp| three::<F>(fp, op, count, d, n, m)),
    };
    set_v(env, rd(word), r);
    0
}

/// The integer type of a lane.
fn lane_int<F: Lane>(op: FpMiscOp) -> IntType {
    IntType { bits: width::<F>(), signed: op.signed() }
}

/// Conversion of lanes to integers or fixed-point numbers of the same width.
#[inline(always)]
fn to_int<F: Lane>(fp: &mut FpEnv, op: FpMiscOp, count: usize, n: u128, fbits: u32) -> u128 {
    let (int, rounding) = (lane_int::<F>(op), op.rounding().unwrap_or(Rounding::Zero));
    map::<F>(fp, count, n, |fp, a| F::Bits::narrow(F::to_int(fp, a, int, fbits, rounding).into()))
}

/// The other way, by FPCR's rounding.
#[inline(always)]
fn from_int<F: Lane>(fp: &mut FpEnv, op: FpMiscOp, count: usize, n: u128, fbits: u32) -> u128 {
    let int = lane_int::<F>(op);
    map::<F>(fp, count, n, |fp, a| F::from_int(fp, a.widen() as u64, int, fbits))
}

/// `op` on `count` lanes.
pub fn misc<F: Lane>(fp: &mut FpEnv, op: FpMiscOp, count: usize, n: u128) -> u128 {
    use FpMiscOp::*;
    let zero = zero::<F>(false);
    match op {
        Fmov => map::<F>(fp, count, n, |_, a| a),
        Fabs => map::<F>(fp, count, n, |_, a| abs::<F>(a)),
        Fneg => map::<F>(fp, count, n, |_, a| neg::<F>(a)),
        Fsqrt => map::<F>(fp, count, n, F::sqrt),
        Frintn | Frintp | Frintm | Frintz | Frinta | Frintx | Frinti | Frint32z | Frint32x | Frint64z | Frint64x => {
            map::<F>(fp, count, n, |fp, a| fp_lane::round::<F>(fp, op, a))
        }
        Fcvtns | Fcvtnu | Fcvtps | Fcvtpu | Fcvtms | Fcvtmu | Fcvtzs | Fcvtzu | Fcvtas | Fcvtau => {
            to_int::<F>(fp, op, count, n, 0)
        }
        Scvtf | Ucvtf => from_int::<F>(fp, op, count, n, 0),
        Fcmeq0 => map::<F>(fp, count, n, |fp, a| fp_lane::equal::<F>(fp, a, zero)),
        Fcmge0 => map::<F>(fp, count, n, |fp, a| fp_lane::greater_equal::<F>(fp, a, zero)),
        Fcmgt0 => map::<F>(fp, count, n, |fp, a| fp_lane::greater::<F>(fp, a, zero)),
        Fcmle0 => map::<F>(fp, count, n, |fp, a| fp_lane::greater_equal::<F>(fp, zero, a)),
        Fcmlt0 => map::<F>(fp, count, n, |fp, a| fp_lane::greater::<F>(fp, zero, a)),
        Frecpe => map::<F>(fp, count, n, recip_estimate::<F>),
        Frsqrte => map::<F>(fp, count, n, recip_sqrt_estimate::<F>),
        Frecpx => map::<F>(fp, count, n, recip_exponent::<F>),
    }
}

/// The [`FpMiscOp`] `op` on Vn.
pub extern "C" fn two_misc<F: Lane>(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let n = v(env, rn(word));
    let r = with(env, |fp| misc::<F>(fp, FpMiscOp::from_arg(op), lanes::<F>(word), n));
    set_v(env, rd(word), r);
    0
}

/// SCVTF, UCVTF, FCVTZS, FCVTZU between floating and fixed point: `fbits` fraction bits.
pub extern "C" fn fixed<F: Lane>(env: &mut Env, word: u64, op: u64, fbits: u64) -> u64 {
    let (n, op, count) = (v(env, rn(word)), FpMiscOp::from_arg(op), lanes::<F>(word));
    let r = with(env, |fp| match op {
        FpMiscOp::Scvtf | FpMiscOp::Ucvtf => from_int::<F>(fp, op, count, n, fbits as u32),
        _ => to_int::<F>(fp, op, count, n, fbits as u32),
    });
    set_v(env, rd(word), r);
    0
}

/// Folds the lanes by halves, as "Reduce" does: neighbours first.
fn reduce<F: Lane>(
    fp: &mut FpEnv,
    count: usize,
    n: u128,
    f: impl Fn(&mut FpEnv, F::Bits, F::Bits) -> F::Bits,
) -> F::Bits {
    let mut lanes = F::split(n);
    let lanes = lanes.as_mut();
    let mut count = count;
    while count > 1 {
        count /= 2;
        for i in 0..count {
            lanes[i] = f(fp, lanes[2 * i], lanes[2 * i + 1]);
        }
    }
    lanes[0]
}

/// FMAXNMV, FMAXV, FMINNMV, FMINV.
pub extern "C" fn across<F: Lane>(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let (n, count) = (v(env, rn(word)), lanes::<F>(word));
    let r = with(env, |fp| match FpAcrossOp::from_arg(op) {
        FpAcrossOp::Fmaxnmv => reduce::<F>(fp, count, n, fp_lane::max_num::<F>),
        FpAcrossOp::Fmaxv => reduce::<F>(fp, count, n, fp_lane::max::<F>),
        FpAcrossOp::Fminnmv => reduce::<F>(fp, count, n, fp_lane::min_num::<F>),
        FpAcrossOp::Fminv => reduce::<F>(fp, count, n, fp_lane::min::<F>),
    });
    set_v(env, rd(word), r.widen());
    0
}

/// URECPE, URSQRTE: no flags, no rounding.
pub extern "C" fn int_estimate(env: &mut Env, word: u64, op: u64, _: u64) -> u64 {
    let (n, count) = (v(env, rn(word)), if q(word) { 4 } else { 2 });
    let estimate = match Estimate::from_arg(op) {
        Estimate::Recip => unsigned_recip_estimate,
        Estimate::Rsqrt => unsigned_recip_sqrt_estimate,
    };
    let r = (0..count).fold(0, |r, i| r | u128::from(estimate((n >> (32 * i)) as u32)) << (32 * i));
    set_v(env, rd(word), r);
    0
}
