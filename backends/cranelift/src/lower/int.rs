//! Integer ops.

use super::{Lower, clif_ty};
use brolga_ir::{Block, Inst, IntCc, Op, Ty, Value};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, condcodes::IntCC, types};

/// Cranelift's comparison.
pub(super) fn compare(cc: IntCc) -> IntCC {
    match cc {
        IntCc::Eq => IntCC::Equal,
        IntCc::Ne => IntCC::NotEqual,
        IntCc::Ult => IntCC::UnsignedLessThan,
        IntCc::Ule => IntCC::UnsignedLessThanOrEqual,
        IntCc::Ugt => IntCC::UnsignedGreaterThan,
        IntCc::Uge => IntCC::UnsignedGreaterThanOrEqual,
        IntCc::Slt => IntCC::SignedLessThan,
        IntCc::Sle => IntCC::SignedLessThanOrEqual,
        IntCc::Sgt => IntCC::SignedGreaterThan,
        IntCc::Sge => IntCC::SignedGreaterThanOrEqual,
    }
}

impl Lower<'_, '_> {
    /// Scalar integer ops, and bitwise ops and selects of any type.
    pub(super) fn int(&mut self, block: &Block, inst: &Inst) -> ir::Value {
        let ty = clif_ty(inst.ty);
        let a = self.data(inst.a);
        let b = if inst.b == Value::NONE { a } else { self.data(inst.b) };
        match inst.op {
            Op::Iadd => self.fb.ins().iadd(a, b),
            Op::Isub => self.fb.ins().isub(a, b),
            Op::Imul => self.fb.ins().imul(a, b),
            Op::Umulh => self.fb.ins().umulhi(a, b),
            Op::Smulh => self.fb.ins().smulhi(a, b),
            Op::Udiv => self.udiv(a, b),
            Op::Sdiv => self.sdiv(a, b),
            Op::And => self.fb.ins().band(a, b),
            Op::Or => self.fb.ins().bor(a, b),
            Op::Xor => self.fb.ins().bxor(a, b),
            Op::Bic => self.fb.ins().band_not(a, b),
            Op::Not => self.fb.ins().bnot(a),
            Op::Neg => self.fb.ins().ineg(a),
            Op::Shl => self.fb.ins().ishl(a, b),
            Op::Lshr => self.fb.ins().ushr(a, b),
            Op::Ashr => self.fb.ins().sshr(a, b),
            Op::Rotr => self.fb.ins().rotr(a, b),
            Op::Clz => self.fb.ins().clz(a),
            Op::Ctz => self.fb.ins().ctz(a),
            Op::Cls => self.fb.ins().cls(a),
            Op::Popcnt => self.fb.ins().popcnt(a),
            Op::Bswap if inst.ty == Ty::I8 => a,
            Op::Bswap => self.fb.ins().bswap(a),
            Op::Bitrev => self.fb.ins().bitrev(a),
            Op::Smin => self.pick(IntCC::SignedLessThan, a, b),
            Op::Smax => self.pick(IntCC::SignedGreaterThan, a, b),
            Op::Umin => self.pick(IntCC::UnsignedLessThan, a, b),
            Op::Umax => self.pick(IntCC::UnsignedGreaterThan, a, b),
            Op::Zext => self.resize(a, ty, false),
            Op::Sext => self.resize(a, ty, true),
            Op::Bitcast => self.resize(a, ty, false),
            Op::Extract | Op::Sextract => self.extract(inst, ty, a),
            Op::Deposit => self.deposit(inst, ty, a, b),
            Op::Icmp => self.icmp(block, inst, a, b),
            Op::Select => {
                let c = self.data(inst.c);
                self.fb.ins().select(a, b, c)
            }
            op => unreachable!("{op:?} is lowered elsewhere"),
        }
    }

    fn pick(&mut self, cc: IntCC, a: ir::Value, b: ir::Value) -> ir::Value {
        let first = self.fb.ins().icmp(cc, a, b);
        self.fb.ins().select(first, a, b)
    }

    /// Zero- or sign-extends or truncates. Floats count as the integers of their bits.
    pub(super) fn resize(&mut self, v: ir::Value, ty: ir::Type, signed: bool) -> ir::Value {
        let from = self.fb.func.dfg.value_type(v);
        if from != ty && from.is_float() {
            let bits = self.fb.ins().bitcast(from.as_int(), MemFlagsData::new(), v);
            return self.resize(bits, ty, signed);
        }
        if from != ty && ty.is_float() {
            let bits = self.resize(v, ty.as_int(), signed);
            return self.fb.ins().bitcast(ty, MemFlagsData::new(), bits);
        }
        if from != ty
            && let Some(constant) = self.constant(v)
        {
            // Cranelift would compute it.
            let spare = 64 - from.bits();
            let unsigned = (constant as u64) << spare >> spare;
            let value = if signed { constant << spare >> spare } else { unsigned as i64 };
            let spare = 64 - ty.bits();
            return self.fb.ins().iconst(ty, ((value as u64) << spare >> spare) as i64);
        }
        match from.bits().cmp(&ty.bits()) {
            std::cmp::Ordering::Equal => v,
            std::cmp::Ordering::Greater => self.fb.ins().ireduce(ty, v),
            std::cmp::Ordering::Less if signed => self.fb.ins().sextend(ty, v),
            std::cmp::Ordering::Less => self.zero_extend(v, ty),
        }
    }

    /// Widens; once for all places of a block that ask for the same.
    fn zero_extend(&mut self, v: ir::Value, ty: ir::Type) -> ir::Value {
        let block = self.fb.current_block();
        match self.widened.get(&(v, ty)) {
            Some(&(at, wide)) if Some(at) == block => wide,
            _ => {
                let wide = self.fb.ins().uextend(ty, v);
                self.widened.extend(block.map(|block| ((v, ty), (block, wide))));
                wide
            }
        }
    }

    /// A zero divisor gives 0. The divisor handed to the host is never 0.
    fn udiv(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let ty = self.fb.func.dfg.value_type(a);
        let zero = self.fb.ins().iconst(ty, 0);
        let one = self.fb.ins().iconst(ty, 1);
        let none = self.fb.ins().icmp(IntCC::Equal, b, zero);
        let safe = self.fb.ins().select(none, one, b);
        let q = self.fb.ins().udiv(a, safe);
        self.fb.ins().select(none, zero, q)
    }

    /// As `udiv`; dividing by -1 is negating, which wraps where the host would trap.
    fn sdiv(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let ty = self.fb.func.dfg.value_type(a);
        let zero = self.fb.ins().iconst(ty, 0);
        let one = self.fb.ins().iconst(ty, 1);
        let none = self.fb.ins().icmp(IntCC::Equal, b, zero);
        let above = self.fb.ins().iadd(b, one);
        let special = self.fb.ins().icmp(IntCC::UnsignedLessThanOrEqual, above, one); // -1 and 0
        let safe = self.fb.ins().select(special, one, b);
        let q = self.fb.ins().sdiv(a, safe);
        let negated = self.fb.ins().ineg(a);
        let q = self.fb.ins().select(special, negated, q);
        self.fb.ins().select(none, zero, q)
    }

    fn extract(&mut self, inst: &Inst, ty: ir::Type, a: ir::Value) -> ir::Value {
        let (lsb, width) = inst.bit_range();
        let signed = inst.op == Op::Sextract;
        let whole = match width {
            8 => Some(types::I8),
            16 => Some(types::I16),
            32 => Some(types::I32),
            _ => None,
        };
        if width == ty.bits() {
            return a;
        }
        let (lsb, width) = (i64::from(lsb), i64::from(width));
        if let Some(part) = whole {
            let v = if lsb == 0 { a } else { self.fb.ins().ushr_imm_u(a, lsb) };
            let v = self.resize(v, part, false);
            return self.resize(v, ty, signed);
        }
        let spare = i64::from(ty.bits()) - width;
        if signed {
            let v = self.fb.ins().ishl_imm_u(a, spare - lsb);
            return self.fb.ins().sshr_imm_u(v, spare);
        }
        if lsb == spare {
            return self.fb.ins().ushr_imm_u(a, lsb);
        }
        let v = if lsb == 0 { a } else { self.fb.ins().ushr_imm_u(a, lsb) };
        self.fb.ins().band_imm_u(v, ((1u64 << width) - 1) as i64)
    }

    fn deposit(&mut self, inst: &Inst, ty: ir::Type, a: ir::Value, b: ir::Value) -> ir::Value {
        let (lsb, width) = inst.bit_range();
        if width == ty.bits() {
            return b;
        }
        let ones = if ty.bits() == 64 { u64::MAX } else { (1 << ty.bits()) - 1 };
        let mask = (1u64 << width) - 1;
        let kept = match self.constant(a).map(|a| a as u64 & !(mask << lsb) & ones) {
            Some(0) => None,
            Some(kept) => Some(self.fb.ins().iconst(ty, kept as i64)),
            None => {
                let keep = self.fb.ins().iconst(ty, (!(mask << lsb) & ones) as i64);
                Some(self.fb.ins().band(a, keep))
            }
        };
        let v = if lsb + width == ty.bits() {
            b // the shift drops the rest
        } else {
            self.fb.ins().band_imm_u(b, mask as i64)
        };
        let v = if lsb == 0 { v } else { self.fb.ins().ishl_imm_u(v, i64::from(lsb)) };
        kept.map_or(v, |kept| self.fb.ins().bor(kept, v))
    }

    fn icmp(&mut self, block: &Block, inst: &Inst, a: ir::Value, b: ir::Value) -> ir::Value {
        let cc = IntCc::from_sub(inst.sub);
        if matches!(cc, IntCc::Eq | IntCc::Ne)
            && block.as_const(inst.b) == Some(0)
            && let Some(v) = self.bit_test(block, inst.a, cc)
        {
            return v;
        }
        self.fb.ins().icmp(compare(cc), a, b)
    }

    /// A comparison of extracted bits with zero, as a test under a mask.
    fn bit_test(&mut self, block: &Block, bits: Value, cc: IntCc) -> Option<ir::Value> {
        let extract = block.def(bits);
        if extract.op != Op::Extract {
            return None;
        }
        let (lsb, width) = extract.bit_range();
        let v = self.data(extract.a);
        if width == 1 && lsb + 1 == extract.ty.bits() {
            let cc = if cc == IntCc::Eq { IntCC::SignedGreaterThanOrEqual } else { IntCC::SignedLessThan };
            return Some(self.fb.ins().icmp_imm_s(cc, v, 0));
        }
        if (lsb, width) == (31, 1) {
            let cc = if cc == IntCc::Eq { IntCC::SignedGreaterThanOrEqual } else { IntCC::SignedLessThan };
            let low = self.resize(v, types::I32, false);
            return Some(self.fb.ins().icmp_imm_s(cc, low, 0));
        }
        if lsb + width >= 32 {
            return None; // no immediate form
        }
        let masked = self.fb.ins().band_imm_u(v, ((1i64 << width) - 1) << lsb);
        Some(self.fb.ins().icmp_imm_s(compare(cc), masked, 0))
    }
}
