//! Vector ops that every x86-64 has one instruction for (SSE2), and those that are moves. The rest is the interpreter's.

use crate::asm::{Cc, RAX, RCX, RDI, displacement, field, put, word};
use crate::emit::Emitter;
use crate::host_fns::{Map, host_fn};
use brolga_interp::FlatOp;
use brolga_ir::ops::ALL_OPS;
use brolga_ir::{IntCc, Op, Shape, VecFn};

pub(crate) const X0: u8 = 0;
pub(crate) const X1: u8 = 1;

impl Emitter<'_> {
    /// False if the op has no form here.
    pub(crate) fn vector(&mut self, op: &FlatOp) -> bool {
        let (ir, shape) = (ALL_OPS[op.aux as usize & 0xff], Shape::from_sub((op.aux >> 8) as u8));
        match ir {
            Op::Vscalar => {
                // One store: a load of the vector would wait long for two of its parts.
                put!(self.asm, movq_a(X0, self.operand(op.a)));
            }
            Op::Lane => {
                self.lane(op, shape);
                return true;
            }
            Op::Vany => {
                self.first(op.a);
                put!(self.asm, orq_rm(RAX, word(op.a + 1)));
                self.asm.set_if(Cc::Ne, RAX);
                self.done(op.dst);
                return true;
            }
            Op::Vbits if shape != Shape::I16x8 => {
                put!(self.asm, movups_a(X0, word(op.a)));
                match shape {
                    Shape::I8x16 => put!(self.asm, pmovmskb_rm(RAX, X0)),
                    Shape::I32x4 => put!(self.asm, movmskps_rm(RAX, X0)),
                    _ => put!(self.asm, movmskpd_rm(RAX, X0)),
                }
                put!(self.asm, movq_mr(word(op.dst), RAX));
                put!(self.asm, movq_mi_sxl(word(op.dst + 1), 0));
                self.changed(op.dst, 2);
                return true;
            }
            Op::Vfn1 | Op::Vfn2 | Op::Vfn3 => {
                let f = VecFn::from_sub((op.aux >> 8) as u8);
                if !self.plan.functions.has(f) {
                    return false;
                }
                self.function(f, op);
                return true;
            }
            Op::Vsplat => self.splat(op.a, shape),
            Op::Vsext | Op::Vzext => self.widen(ir == Op::Vsext, op.imm != 0, shape, op.a),
            Op::Insert => {
                self.insert(op, shape);
                return true;
            }
            Op::Vshl | Op::Vlshr | Op::Vashr => {
                if !self.shift(ir, shape, op) {
                    return false;
                }
            }
            _ => {
                let place = self.asm.bytes.len();
                put!(self.asm, movups_a(X0, word(op.a)));
                if !self.lanewise(ir, shape, op) {
                    self.asm.bytes.truncate(place);
                    return false;
                }
            }
        }
        put!(self.asm, movups_b(word(op.dst), X0));
        self.changed(op.dst, 2);
        true
    }

    /// A function of vectors by the host's instruction, its last operand in memory. The third of three is in XMM0.
    fn function(&mut self, f: VecFn, op: &FlatOp) {
        let to = if f.operands() == 3 { X1 } else { X0 };
        if to == X1 {
            put!(self.asm, movups_a(X0, word(op.c)));
        }
        let from = if f.operands() == 1 {
            op.a
        } else {
            put!(self.asm, movups_a(to, word(op.a)));
            op.b
        };
        let form = host_fn(f);
        self.asm.bytes.extend(form.prefix.then_some(0x66));
        self.asm.bytes.extend(form.map.bytes());
        // ModR/M: register `to`, and a displacement of 32 bits from RDI.
        self.asm.bytes.extend([form.opcode, 0x80 | to << 3 | RDI]);
        self.asm.bytes.extend(displacement(8 * usize::from(from)).to_le_bytes());
        self.asm.bytes.extend((form.map == Map::Immediate).then_some(op.imm as u8));
        put!(self.asm, movups_b(word(op.dst), to));
        self.changed(op.dst, 2);
    }

    fn lane(&mut self, op: &FlatOp, shape: Shape) {
        let from = field(lane_offset(op.a, shape, op.imm));
        match shape {
            Shape::I8x16 => put!(self.asm, movzbl_rm(RAX, from)),
            Shape::I16x8 => put!(self.asm, movzwl_rm(RAX, from)),
            Shape::I32x4 => put!(self.asm, movl_rm(RAX, from)),
            Shape::I64x2 => put!(self.asm, movq_rm(RAX, from)),
        }
        self.done(op.dst);
    }

    fn insert(&mut self, op: &FlatOp, shape: Shape) {
        self.load(RCX, op.b);
        put!(self.asm, movups_a(X0, word(op.a)));
        if self.insert_in_register(shape, op.imm) {
            put!(self.asm, movups_b(word(op.dst), X0));
            self.changed(op.dst, 2);
            return;
        }
        put!(self.asm, movups_b(word(op.dst), X0));
        let to = field(lane_offset(op.dst, shape, op.imm));
        match shape {
            Shape::I8x16 => put!(self.asm, movb_mr(to, RCX)),
            Shape::I16x8 => put!(self.asm, movw_mr(to, RCX)),
            Shape::I32x4 => put!(self.asm, movl_mr(to, RCX)),
            Shape::I64x2 => put!(self.asm, movq_mr(to, RCX)),
        }
        self.changed(op.dst, 2);
    }

    /// RCX into lane 0 of XMM0, or into its upper half, so that all of it is one store: a load of a vector waits long for
    /// stores of its parts.
    fn insert_in_register(&mut self, shape: Shape, lane: u64) -> bool {
        match (shape, lane) {
            (Shape::I32x4, 0) => {
                put!(self.asm, movd_a(X1, RCX));
                put!(self.asm, movss_a_r(X0, X1));
            }
            (Shape::I64x2, lane) => {
                put!(self.asm, movq_a(X1, RCX));
                if lane == 0 {
                    put!(self.asm, movsd_a_r(X0, X1));
                } else {
                    put!(self.asm, punpcklqdq_a(X0, X1));
                }
            }
            _ => return false,
        }
        true
    }

    fn splat(&mut self, a: u8, shape: Shape) {
        self.load(RCX, a);
        put!(self.asm, movq_a(X0, RCX));
        match shape {
            Shape::I64x2 => return put!(self.asm, punpcklqdq_a(X0, X0)),
            Shape::I32x4 => {}
            Shape::I16x8 => put!(self.asm, punpcklwd_a(X0, X0)),
            Shape::I8x16 => {
                put!(self.asm, punpcklbw_a(X0, X0));
                put!(self.asm, punpcklwd_a(X0, X0));
            }
        }
        put!(self.asm, pshufd_a(X0, X0, 0u8));
    }

    /// Half of the lanes at twice their width: between them come zeros, or their signs.
    fn widen(&mut self, signed: bool, upper: bool, shape: Shape, a: u8) {
        put!(self.asm, movups_a(X0, word(a)));
        put!(self.asm, pxor_a(X1, X1));
        match shape {
            Shape::I8x16 if signed => put!(self.asm, pcmpgtb_a(X1, X0)),
            Shape::I16x8 if signed => put!(self.asm, pcmpgtw_a(X1, X0)),
            _ if signed => put!(self.asm, pcmpgtd_a(X1, X0)),
            _ => {}
        }
        match (shape, upper) {
            (Shape::I8x16, false) => put!(self.asm, punpcklbw_a(X0, X1)),
            (Shape::I8x16, true) => put!(self.asm, punpckhbw_a(X0, X1)),
            (Shape::I16x8, false) => put!(self.asm, punpcklwd_a(X0, X1)),
            (Shape::I16x8, true) => put!(self.asm, punpckhwd_a(X0, X1)),
            (_, false) => put!(self.asm, punpckldq_a(X0, X1)),
            (_, true) => put!(self.asm, punpckhdq_a(X0, X1)),
        }
    }

    /// Shifts by a constant.
    fn shift(&mut self, ir: Op, shape: Shape, op: &FlatOp) -> bool {
        let n = op.imm as u8;
        if shape == Shape::I8x16 || (ir, shape) == (Op::Vashr, Shape::I64x2) {
            return false;
        }
        put!(self.asm, movups_a(X0, word(op.a)));
        match (ir, shape) {
            (Op::Vshl, Shape::I16x8) => put!(self.asm, psllw_b(X0, n)),
            (Op::Vshl, Shape::I32x4) => put!(self.asm, pslld_b(X0, n)),
            (Op::Vshl, _) => put!(self.asm, psllq_b(X0, n)),
            (Op::Vlshr, Shape::I16x8) => put!(self.asm, psrlw_b(X0, n)),
            (Op::Vlshr, Shape::I32x4) => put!(self.asm, psrld_b(X0, n)),
            (Op::Vlshr, _) => put!(self.asm, psrlq_b(X0, n)),
            (_, Shape::I16x8) => put!(self.asm, psraw_b(X0, n)),
            (_, _) => put!(self.asm, psrad_b(X0, n)),
        }
        true
    }

    /// XMM0 and a vector in the file.
    fn lanewise(&mut self, ir: Op, shape: Shape, op: &FlatOp) -> bool {
        use Shape::{I8x16, I16x8, I32x4, I64x2};
        let b = word(op.b);
        if op.b == brolga_interp::NONE {
            return false;
        }
        match (ir, shape) {
            (Op::Vadd, I8x16) => put!(self.asm, paddb_a(X0, b)),
            (Op::Vadd, I16x8) => put!(self.asm, paddw_a(X0, b)),
            (Op::Vadd, I32x4) => put!(self.asm, paddd_a(X0, b)),
            (Op::Vadd, I64x2) => put!(self.asm, paddq_a(X0, b)),
            (Op::Vsub, I8x16) => put!(self.asm, psubb_a(X0, b)),
            (Op::Vsub, I16x8) => put!(self.asm, psubw_a(X0, b)),
            (Op::Vsub, I32x4) => put!(self.asm, psubd_a(X0, b)),
            (Op::Vsub, I64x2) => put!(self.asm, psubq_a(X0, b)),
            (Op::VshlBy, I16x8) => put!(self.asm, psllw_a(X0, b)),
            (Op::VshlBy, I32x4) => put!(self.asm, pslld_a(X0, b)),
            (Op::VshlBy, I64x2) => put!(self.asm, psllq_a(X0, b)),
            (Op::VlshrBy, I16x8) => put!(self.asm, psrlw_a(X0, b)),
            (Op::VlshrBy, I32x4) => put!(self.asm, psrld_a(X0, b)),
            (Op::VlshrBy, I64x2) => put!(self.asm, psrlq_a(X0, b)),
            (Op::VashrBy, I16x8) => put!(self.asm, psraw_a(X0, b)),
            (Op::VashrBy, I32x4) => put!(self.asm, psrad_a(X0, b)),
            (Op::VmulPairs, I16x8) => put!(self.asm, pmaddwd_a(X0, b)),
            (Op::Vsnarrow, I16x8) => put!(self.asm, packsswb_a(X0, b)),
            (Op::Vsnarrow, I32x4) => put!(self.asm, packssdw_a(X0, b)),
            (Op::Vunarrow, I16x8) => put!(self.asm, packuswb_a(X0, b)),
            (Op::Vmul, I16x8) => put!(self.asm, pmullw_a(X0, b)),
            (Op::Vumin, I8x16) => put!(self.asm, pminub_a(X0, b)),
            (Op::Vumax, I8x16) => put!(self.asm, pmaxub_a(X0, b)),
            (Op::Vsmin, I16x8) => put!(self.asm, pminsw_a(X0, b)),
            (Op::Vsmax, I16x8) => put!(self.asm, pmaxsw_a(X0, b)),
            (Op::VsaddSat, I8x16) => put!(self.asm, paddsb_a(X0, b)),
            (Op::VsaddSat, I16x8) => put!(self.asm, paddsw_a(X0, b)),
            (Op::VuaddSat, I8x16) => put!(self.asm, paddusb_a(X0, b)),
            (Op::VuaddSat, I16x8) => put!(self.asm, paddusw_a(X0, b)),
            (Op::VssubSat, I8x16) => put!(self.asm, psubsb_a(X0, b)),
            (Op::VssubSat, I16x8) => put!(self.asm, psubsw_a(X0, b)),
            (Op::VusubSat, I8x16) => put!(self.asm, psubusb_a(X0, b)),
            (Op::VusubSat, I16x8) => put!(self.asm, psubusw_a(X0, b)),
            (Op::VavgRound, I8x16) => put!(self.asm, pavgb_a(X0, b)),
            (Op::VavgRound, I16x8) => put!(self.asm, pavgw_a(X0, b)),
            (ir, shape) if self.lanewise_sse41(ir, shape, op) => {}
            (Op::Vicmp, _) => match (IntCc::from_sub(op.imm as u8), shape) {
                (IntCc::Eq, I8x16) => put!(self.asm, pcmpeqb_a(X0, b)),
                (IntCc::Eq, I16x8) => put!(self.asm, pcmpeqw_a(X0, b)),
                (IntCc::Eq, I32x4) => put!(self.asm, pcmpeqd_a(X0, b)),
                (IntCc::Sgt, I8x16) => put!(self.asm, pcmpgtb_a(X0, b)),
                (IntCc::Sgt, I16x8) => put!(self.asm, pcmpgtw_a(X0, b)),
                (IntCc::Sgt, I32x4) => put!(self.asm, pcmpgtd_a(X0, b)),
                _ => return false,
            },
            _ => return false,
        }
        true
    }
}

impl Emitter<'_> {
    /// The same of hosts with SSE4.1.
    fn lanewise_sse41(&mut self, ir: Op, shape: Shape, op: &FlatOp) -> bool {
        use Shape::{I8x16, I16x8, I32x4, I64x2};
        let b = word(op.b);
        if !self.plan.functions.sse41 {
            return false;
        }
        match (ir, shape) {
            (Op::Vmul, I32x4) => put!(self.asm, pmulld_a(X0, b)),
            (Op::Vsmin, I8x16) => put!(self.asm, pminsb_a(X0, b)),
            (Op::Vsmin, I32x4) => put!(self.asm, pminsd_a(X0, b)),
            (Op::Vsmax, I8x16) => put!(self.asm, pmaxsb_a(X0, b)),
            (Op::Vsmax, I32x4) => put!(self.asm, pmaxsd_a(X0, b)),
            (Op::Vumin, I16x8) => put!(self.asm, pminuw_a(X0, b)),
            (Op::Vumin, I32x4) => put!(self.asm, pminud_a(X0, b)),
            (Op::Vumax, I16x8) => put!(self.asm, pmaxuw_a(X0, b)),
            (Op::Vumax, I32x4) => put!(self.asm, pmaxud_a(X0, b)),
            (Op::Vunarrow, I32x4) => put!(self.asm, packusdw_a(X0, b)),
            (Op::Vicmp, I64x2) if IntCc::from_sub(op.imm as u8) == IntCc::Eq => put!(self.asm, pcmpeqq_a(X0, b)),
            _ => return false,
        }
        true
    }
}

/// Offset in `Env` of a lane of the vector at word `w`.
fn lane_offset(w: u8, shape: Shape, lane: u64) -> usize {
    8 * usize::from(w) + lane as usize % shape.lanes() as usize * (shape.lane_bits() as usize / 8)
}
