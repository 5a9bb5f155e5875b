//! FMA: products and a third operand, rounded once. SDM vol. 1, "Fused-Multiply-ADD (FMA) Numeric Behavior".

use super::fp::Prec;
use super::vec::shape;
use super::vex::by_halves;
use super::{Cx, Flow};
use crate::exec;
use brolga_ir::{FpOp, HelperId, Ty, Value};

/// Which operands are the factors, which the addend, by the digits of the mnemonic. A NaN among several comes from the first
/// factor, else the second, else the addend; processors take as the first factor what is first here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// First times third plus second.
    O132,
    /// Second times first plus third.
    O213,
    /// Second times third plus first.
    O231,
}

impl Order {
    /// Operand numbers of factors and addend.
    fn operands(self) -> [u32; 3] {
        [[0, 2, 1], [1, 0, 2], [1, 2, 0]][self as usize]
    }
}

/// Sign of the product or the addend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// As it is.
    Plus,
    /// Negated. NaNs keep their signs.
    Minus,
}

/// Which of the four operations, and its helper.
fn operation(p: Prec, product: Sign, addend: Sign) -> (FpOp, HelperId) {
    const OPERATIONS: [(FpOp, [HelperId; 2]); 4] = [
        (FpOp::MulAdd, [exec::FMADD_S, exec::FMADD_D]),
        (FpOp::MulSub, [exec::FMSUB_S, exec::FMSUB_D]),
        (FpOp::NegMulAdd, [exec::FNMADD_S, exec::FNMADD_D]),
        (FpOp::NegMulSub, [exec::FNMSUB_S, exec::FNMSUB_D]),
    ];
    let (op, helpers) = OPERATIONS[product as usize * 2 + addend as usize];
    (op, helpers[p as usize])
}

impl Cx<'_> {
    /// The operation on all lanes.
    fn multiply_add(&mut self, p: Prec, operands: [Value; 3], product: Sign, addend: Sign) -> Value {
        let (op, helper) = operation(p, product, addend);
        self.fp_by(op, p, &operands, helper)
    }
}

/// VFMADD132PS and its like; `addends` are the signs in even and odd lanes.
pub fn packed(cx: &mut Cx, p: Prec, order: Order, product: Sign, addends: [Sign; 2]) -> Flow {
    by_halves(cx, |cx| {
        let operands = order.operands().map(|n| cx.vsrc(n));
        if addends[0] != addends[1] {
            return alternate(cx, p, operands, product, addends);
        }
        let r = cx.multiply_add(p, operands, product, addends[0]);
        cx.set_v(r);
        Flow::Next
    })
}

/// VFMADDSUB132PS and its like: lanes of both kinds apart, the others of each are zero, which raises nothing.
fn alternate(cx: &mut Cx, p: Prec, operands: [Value; 3], product: Sign, addends: [Sign; 2]) -> Flow {
    let bits = shape(p.ty()).lane_bits();
    let even = match p {
        Prec::Single => u128::MAX / u128::from(u64::MAX) * 0xffff_ffff,
        Prec::Double => u128::from(u64::MAX),
    };
    let both = [even, even << bits].map(|lanes| cx.b.vconst(lanes));
    let [even, odd] = [0, 1].map(|k| {
        let operands = operands.map(|v| cx.b.and(Ty::V128, v, both[k]));
        let r = cx.multiply_add(p, operands, product, addends[k]);
        cx.b.and(Ty::V128, r, both[k])
    });
    let r = cx.b.or(Ty::V128, even, odd);
    cx.set_v(r);
    Flow::Next
}

/// VFMADD132SS and its like.
pub fn scalar(cx: &mut Cx, p: Prec, order: Order, product: Sign, addend: Sign) -> Flow {
    by_halves(cx, |cx| {
        let operands = order.operands().map(|n| cx.scalar(n, p.ty()));
        let (op, helper) = operation(p, product, addend);
        let r = cx.fp_scalar_by(op, p, &operands, helper);
        cx.set_lowest(p, r);
        Flow::Next
    })
}
