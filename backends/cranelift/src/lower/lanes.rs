//! Ops of equal lanes of two vectors, by sequences where no instruction does one.

use super::Lower;
use super::vector::shape_ty;
use crate::lower::int::compare;
use brolga_ir::{Inst, IntCc, Op, Shape};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};

impl Lower<'_, '_> {
    pub(super) fn lanewise(&mut self, inst: &Inst, a: ir::Value, b: ir::Value) -> ir::Value {
        let ty = shape_ty(Shape::from_sub(inst.sub));
        let (a, b) = (self.as_ty(ty, a), self.as_ty(ty, b));
        let short = ty.lane_bits() <= 16;
        match inst.op {
            Op::Vadd => self.fb.ins().iadd(a, b),
            Op::Vsub => self.fb.ins().isub(a, b),
            Op::Vmul if ty == types::I8X16 => self.multiply_bytes(a, b),
            Op::Vmul => self.fb.ins().imul(a, b),
            Op::Vicmp => self.fb.ins().icmp(compare(IntCc::from_sub(inst.aux as u8)), a, b),
            Op::Vsmin => self.fb.ins().smin(a, b),
            Op::Vsmax => self.fb.ins().smax(a, b),
            Op::Vumin => self.fb.ins().umin(a, b),
            Op::Vumax => self.fb.ins().umax(a, b),
            Op::VsaddSat if short => self.fb.ins().sadd_sat(a, b),
            Op::VuaddSat if short => self.fb.ins().uadd_sat(a, b),
            Op::VssubSat if short => self.fb.ins().ssub_sat(a, b),
            Op::VusubSat if short => self.fb.ins().usub_sat(a, b),
            Op::VavgRound if short => self.fb.ins().avg_round(a, b),
            Op::VsaddSat | Op::VssubSat => self.saturate_signed(inst.op, ty, a, b),
            Op::VuaddSat => {
                let room = self.fb.ins().bnot(a);
                let b = self.fb.ins().umin(b, room);
                self.fb.ins().iadd(a, b)
            }
            Op::VusubSat => {
                let a = self.fb.ins().umax(a, b);
                self.fb.ins().isub(a, b)
            }
            Op::VavgRound => {
                let (any, one) = (self.fb.ins().bor(a, b), self.fb.ins().bxor(a, b));
                let amount = self.fb.ins().iconst(types::I32, 1);
                let half = self.fb.ins().ushr(one, amount);
                self.fb.ins().isub(any, half)
            }
            Op::VmulHighRound if short => self.fb.ins().sqmul_round_sat(a, b),
            Op::VmulHigh if short => {
                let (low, high) = self.products(a, b);
                let amount = self.fb.ins().iconst(types::I32, 15);
                let (low, high) = (self.fb.ins().sshr(low, amount), self.fb.ins().sshr(high, amount));
                self.fb.ins().snarrow(low, high)
            }
            Op::VmulHigh | Op::VmulHighRound => self.high_words(inst.op == Op::VmulHighRound, a, b),
            Op::VshlBy | Op::VlshrBy | Op::VashrBy => self.shift_by(inst.op, ty, a, b),
            Op::VmulPairs => {
                let (low, high) = self.products(a, b);
                self.fb.ins().iadd_pairwise(low, high)
            }
            Op::Vsnarrow | Op::Vunarrow => self.narrow(inst.op, ty, a, b),
            op => unreachable!("{op:?} is no lanewise op"),
        }
    }

    /// Shifts by the low half of `b`. Cranelift counts amounts modulo the width.
    fn shift_by(&mut self, op: Op, ty: ir::Type, a: ir::Value, b: ir::Value) -> ir::Value {
        let b = self.as_ty(types::I64X2, b);
        let amount = self.fb.ins().extractlane(b, 0);
        let last = i64::from(ty.lane_bits()) - 1;
        let beyond = self.fb.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, amount, last);
        if op == Op::VashrBy {
            let last = self.fb.ins().iconst(types::I64, last);
            let amount = self.fb.ins().select(beyond, last, amount);
            return self.fb.ins().sshr(a, amount);
        }
        let r = if op == Op::VshlBy { self.fb.ins().ishl(a, amount) } else { self.fb.ins().ushr(a, amount) };
        let none = self.lanes_const(ty, 0);
        self.fb.ins().select(beyond, none, r)
    }

    /// No host has a product of bytes: multiply them as halfwords, even and odd apart.
    fn multiply_bytes(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let (a, b) = (self.as_ty(types::I16X8, a), self.as_ty(types::I16X8, b));
        let even = self.fb.ins().imul(a, b);
        let eight = self.fb.ins().iconst(types::I32, 8);
        let even = self.fb.ins().ishl(even, eight);
        let even = self.fb.ins().ushr(even, eight);
        let (a, b) = (self.fb.ins().ushr(a, eight), self.fb.ins().ushr(b, eight));
        let odd = self.fb.ins().imul(a, b);
        let odd = self.fb.ins().ishl(odd, eight);
        self.fb.ins().bor(even, odd)
    }

    /// Signed products of the lower and of the upper lanes, twice as wide.
    fn products(&mut self, a: ir::Value, b: ir::Value) -> (ir::Value, ir::Value) {
        let mut half = |upper| {
            let (a, b) = (self.widen_half(true, upper, a), self.widen_half(true, upper, b));
            self.fb.ins().imul(a, b)
        };
        (half(false), half(true))
    }

    /// A sum overflowed where its sign is not that of equal signs of the operands, and then saturates to
    /// the side opposite to its own.
    fn saturate_signed(&mut self, op: Op, ty: ir::Type, a: ir::Value, b: ir::Value) -> ir::Value {
        let (r, wrong) = if op == Op::VsaddSat {
            let r = self.fb.ins().iadd(a, b);
            let (x, y) = (self.fb.ins().bxor(r, a), self.fb.ins().bxor(r, b));
            (r, self.fb.ins().band(x, y))
        } else {
            let r = self.fb.ins().isub(a, b);
            let (x, y) = (self.fb.ins().bxor(a, b), self.fb.ins().bxor(a, r));
            (r, self.fb.ins().band(x, y))
        };
        let zero = self.lanes_const(ty, 0);
        let overflow = self.fb.ins().icmp(IntCC::SignedLessThan, wrong, zero);
        let negative = self.fb.ins().icmp(IntCC::SignedLessThan, r, zero);
        let lowest = self.lanes_const(ty, 1 << (ty.lane_bits() - 1));
        let limit = self.fb.ins().bxor(negative, lowest);
        self.fb.ins().bitselect(overflow, limit, r)
    }

    /// High words of doubled products. Only the square of the lowest number overflows, and it alone gives
    /// the lowest number.
    fn high_words(&mut self, round: bool, a: ir::Value, b: ir::Value) -> ir::Value {
        let (mut low, mut high) = self.products(a, b);
        if round {
            let half = self.lanes_const(types::I64X2, 1 << 30);
            (low, high) = (self.fb.ins().iadd(low, half), self.fb.ins().iadd(high, half));
        }
        let amount = self.fb.ins().iconst(types::I32, 31);
        let (low, high) = (self.fb.ins().ushr(low, amount), self.fb.ins().ushr(high, amount));
        let words = self.low_words(low, high);
        let lowest = self.lanes_const(types::I32X4, 1 << 31);
        let overflow = self.fb.ins().icmp(IntCC::Equal, words, lowest);
        self.fb.ins().bxor(words, overflow)
    }

    /// The low words of four doublewords.
    fn low_words(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let (a, b) = (self.as_ty(types::I8X16, a), self.as_ty(types::I8X16, b));
        let words = self.clif_shuffle(a, b, std::array::from_fn(|i| i as u8 / 4 * 8 + i as u8 % 4));
        self.as_ty(types::I32X4, words)
    }

    fn narrow(&mut self, op: Op, ty: ir::Type, a: ir::Value, b: ir::Value) -> ir::Value {
        if ty != types::I64X2 {
            return if op == Op::Vsnarrow { self.fb.ins().snarrow(a, b) } else { self.fb.ins().unarrow(a, b) };
        }
        let (lowest, highest) =
            if op == Op::Vsnarrow { (i32::MIN as i64, i32::MAX as i64) } else { (0, u32::MAX as i64) };
        let (lowest, highest) = (self.lanes_const(ty, lowest as u64), self.lanes_const(ty, highest as u64));
        let [a, b] = [a, b].map(|v| {
            let v = self.fb.ins().smax(v, lowest);
            self.fb.ins().smin(v, highest)
        });
        self.low_words(a, b)
    }
}
