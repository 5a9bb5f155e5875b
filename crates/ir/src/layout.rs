//! How each op is written: one table that the printer, the parser and the verifier read.

use crate::ops::{Form, Op, Ty, Typing};

/// A suffix of an op's name, behind a dot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Suffix {
    /// `Inst::ty`
    Ty,
    /// An `IntCc` in `Inst::sub`
    Cc,
    /// An `IntCc` in `Inst::aux`
    VCc,
    /// A flag predicate in `Inst::sub`
    Cond,
    /// A lane shape in `Inst::sub`
    Shape,
    /// A `FoldOp` in `Inst::aux`
    Fold,
    /// A memory operation in `Inst::aux`: `b8`, then `sx`, an order and an alignment rule where they are not plain
    MemOp,
    /// A read-modify-write operation in `Inst::sub`
    Rmw,
    /// A jump kind in `Inst::sub`
    Jump,
    /// A raise kind in `Inst::sub`
    Raise,
    /// A prefetch kind in `Inst::sub`
    Prefetch,
    /// A floating-point operation in `Inst::sub`
    Fp,
    /// Floating-point lanes in `Inst::aux`
    FpLanes,
    /// A function of vectors in `Inst::sub`
    VecFn,
    /// A relation of floats in `Inst::sub`
    Relation,
}

/// An operand behind the op's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    /// `Inst::a`
    A,
    /// `Inst::b`
    B,
    /// `Inst::c`
    C,
    /// `Inst::a` plus the signed byte offset in `Inst::imm`
    Addr,
    /// A register in `Inst::aux`
    Reg,
    /// A number in `Inst::imm`
    Imm,
    /// A guest address in `Inst::imm`
    Pc,
    /// A number in `Inst::aux`, written without a comma before it
    Len,
    /// A constant in `Block::consts`
    Imm128,
    /// The low byte of `Inst::imm`
    Lsb,
    /// The second byte of `Inst::imm`
    Width,
    /// A call site in `Block::calls`
    Callee,
    /// A floating-point helper in `Inst::imm`, with `:` and its extra argument unless that is 0
    FpCall,
    /// The target at `Inst::imm`
    Then,
    /// The target behind it
    Else,
}

/// The text form of an op.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Suffixes in order.
    pub suffixes: &'static [Suffix],
    /// Operands in order.
    pub args: &'static [Arg],
}

/// The text form of `op`. Labels are written `L1:` and have no operands here.
pub(crate) fn layout(op: Op) -> Layout {
    use Arg::{A, Addr, B, C, Callee, Else, FpCall, Imm, Imm128, Len, Lsb, Pc, Reg, Then, Width};
    use Suffix as S;
    let (suffixes, args): (&[Suffix], &[Arg]) = match op.info().form {
        Form::InsnStart => (&[], &[Pc, Len]),
        Form::Label | Form::Fence => (&[], &[]),
        Form::Param => (&[S::Ty], &[]),
        Form::Const => (&[S::Ty], &[Imm]),
        Form::VConst => (&[], &[Imm128]),
        Form::Get => (&[S::Ty], &[Reg]),
        Form::Set => (&[], &[Reg, A]),
        Form::Unary => (&[S::Ty], &[A]),
        Form::Binary => (&[S::Ty], &[A, B]),
        Form::Ternary => (&[S::Ty], &[A, B, C]),
        Form::Compare => (&[S::Ty, S::Cc], &[A, B]),
        Form::Extract => (&[S::Ty], &[A, Lsb, Width]),
        Form::Deposit => (&[S::Ty], &[A, B, Lsb, Width]),
        Form::Cond => (&[S::Cond], &[A]),
        Form::Flags if op == Op::GetFlags => (&[], &[]),
        Form::Flags => (&[], &[A]),
        Form::Load => (&[S::Ty, S::MemOp], &[Addr]),
        Form::Store => (&[S::MemOp], &[Addr, B]),
        Form::Prefetch => (&[S::Prefetch], &[Addr]),
        Form::Rmw => (&[S::Ty, S::Rmw, S::MemOp], &[A, B]),
        Form::Cas => (&[S::Ty, S::MemOp], &[A, B, C]),
        Form::VUnary => (&[S::Shape], &[A]),
        Form::VBinary => (&[S::Shape], &[A, B]),
        Form::VCompare => (&[S::Shape, S::VCc], &[A, B]),
        Form::VImm => (&[S::Shape], &[A, Imm]),
        Form::Lane => (&[S::Ty, S::Shape], &[A, Imm]),
        Form::Insert => (&[S::Shape], &[A, B, Imm]),
        Form::VShuffle => (&[], &[A, B, Imm128]),
        Form::VFold => (&[S::Shape, S::Fold], &[A]),
        Form::VFn1 => (&[S::VecFn], &[A, Imm]),
        Form::VFn2 => (&[S::VecFn], &[A, B, Imm]),
        Form::VFn3 => (&[S::VecFn], &[A, B, C, Imm]),
        Form::Fp1 => (&[S::Ty, S::Fp, S::FpLanes], &[A, FpCall]),
        Form::Fp2 => (&[S::Ty, S::Fp, S::FpLanes], &[A, B, FpCall]),
        Form::Fp3 => (&[S::Ty, S::Fp, S::FpLanes], &[A, B, C, FpCall]),
        Form::FpConvert => (&[S::Ty, S::Fp], &[A, FpCall]),
        Form::FpCompare => (&[S::Ty, S::Relation], &[A, B, FpCall]),
        Form::Call => (&[], &[Callee]),
        Form::Jump => (&[], &[Then]),
        Form::Brif => (&[], &[A, Then, Else]),
        Form::Goto => (&[S::Jump], &[Pc]),
        Form::GotoInd => (&[S::Jump], &[A]),
        Form::Raise => (&[S::Raise], &[Pc, A]),
    };
    Layout { suffixes, args }
}

/// The type that `op` has without saying so; `None` where the text names it (or, for a call,
/// where the presence of a result does).
pub(crate) fn implied_ty(op: Op) -> Option<Ty> {
    let info = op.info();
    match info.form {
        Form::VConst | Form::VUnary | Form::VBinary | Form::VCompare | Form::VImm | Form::Insert => Some(Ty::V128),
        Form::VShuffle | Form::VFold | Form::VFn1 | Form::VFn2 | Form::VFn3 => Some(Ty::V128),
        Form::Cond => Some(Ty::I8),
        Form::Flags if op == Op::GetFlags => Some(Ty::Flags),
        Form::Call => None,
        _ if info.typing == Typing::None => Some(Ty::Void),
        _ => None,
    }
}

/// Names of the memory orders; the plain one is not written.
pub(crate) const ORDERS: [&str; 4] = ["", "acq", "rel", "sc"];

/// Names of the alignment rules; "any address" is not written.
pub(crate) const ALIGNS: [&str; 4] = ["", "in16", "nat", "dbl"];
