//! The table of x87.

use super::{Cx, Flow};
use super::{x87, xsave};
use crate::exec::{self, x87_function as f, x87_op as op};
use iced_x86::{ConditionCode, Mnemonic as M};

/// The x87 instructions, if the host can do their arithmetic; `None` if it is none of them.
pub fn translate(cx: &mut Cx) -> Option<Flow> {
    state(cx).or_else(|| if exec::X87 { stack(cx).or_else(|| arithmetic(cx)) } else { None })
}

#[rustfmt::skip]
fn state(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Fxsave | M::Fxsave64 => x87::fxsave(cx),
        M::Fxrstor | M::Fxrstor64 => x87::fxrstor(cx),
        M::Xsave | M::Xsave64 | M::Xsaveopt | M::Xsaveopt64 => xsave::save(cx, false),
        M::Xsavec | M::Xsavec64 => xsave::save(cx, true),
        M::Xrstor | M::Xrstor64 => xsave::restore(cx),
        M::Xgetbv => xsave::xgetbv(cx),
        M::Fnstcw | M::Fstcw => x87::store_control(cx),
        M::Fnstsw | M::Fstsw => x87::store_status(cx),
        M::Fldcw => x87::load_control(cx),
        M::Fnstenv | M::Fstenv => x87::store_environment(cx),
        M::Fldenv => x87::load_environment(cx),
        M::Fnsave | M::Fsave => x87::save(cx),
        M::Frstor => x87::restore(cx),
        M::Fninit | M::Finit => x87::init(cx),
        M::Fnclex | M::Fclex => x87::plain_call(cx, exec::X87_CLEAR, 0),
        _ => return None,
    })
}

#[rustfmt::skip]
fn stack(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Fld | M::Fild | M::Fbld => x87::load(cx),
        M::Fld1 => x87::constant(cx, 0),
        M::Fldl2t => x87::constant(cx, 1),
        M::Fldl2e => x87::constant(cx, 2),
        M::Fldpi => x87::constant(cx, 3),
        M::Fldlg2 => x87::constant(cx, 4),
        M::Fldln2 => x87::constant(cx, 5),
        M::Fldz => x87::constant(cx, 6),
        M::Fst | M::Fist => x87::store(cx, false, false),
        M::Fstp | M::Fistp | M::Fbstp => x87::store(cx, true, false),
        M::Fstpnce => x87::store_unchecked(cx),
        M::Fisttp => x87::store(cx, true, true),
        M::Fxch => x87::exchange(cx),
        M::Ffree => x87::free(cx, 0),
        M::Ffreep => x87::free(cx, 1),
        M::Fincstp => x87::plain_call(cx, exec::X87_ROTATE, 1),
        M::Fdecstp => x87::plain_call(cx, exec::X87_ROTATE, 7),
        M::Fcmovb => x87::move_if(cx, ConditionCode::b),
        M::Fcmove => x87::move_if(cx, ConditionCode::e),
        M::Fcmovbe => x87::move_if(cx, ConditionCode::be),
        M::Fcmovu => x87::move_if(cx, ConditionCode::p),
        M::Fcmovnb => x87::move_if(cx, ConditionCode::ae),
        M::Fcmovne => x87::move_if(cx, ConditionCode::ne),
        M::Fcmovnbe => x87::move_if(cx, ConditionCode::a),
        M::Fcmovnu => x87::move_if(cx, ConditionCode::np),
        _ => return None,
    })
}

#[rustfmt::skip]
fn arithmetic(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Fadd | M::Fiadd => x87::arith(cx, op::ADD, false),
        M::Faddp => x87::arith(cx, op::ADD, true),
        M::Fmul | M::Fimul => x87::arith(cx, op::MUL, false),
        M::Fmulp => x87::arith(cx, op::MUL, true),
        M::Fsub | M::Fisub => x87::arith(cx, op::SUB, false),
        M::Fsubp => x87::arith(cx, op::SUB, true),
        M::Fsubr | M::Fisubr => x87::arith(cx, op::SUBR, false),
        M::Fsubrp => x87::arith(cx, op::SUBR, true),
        M::Fdiv | M::Fidiv => x87::arith(cx, op::DIV, false),
        M::Fdivp => x87::arith(cx, op::DIV, true),
        M::Fdivr | M::Fidivr => x87::arith(cx, op::DIVR, false),
        M::Fdivrp => x87::arith(cx, op::DIVR, true),
        M::Fcom | M::Ficom => x87::compare(cx, false, 0),
        M::Fcomp | M::Ficomp => x87::compare(cx, false, 1),
        M::Fcompp => x87::compare(cx, false, 2),
        M::Fucom => x87::compare(cx, true, 0),
        M::Fucomp => x87::compare(cx, true, 1),
        M::Fucompp => x87::compare(cx, true, 2),
        M::Fcomi => x87::compare_flags(cx, false, false),
        M::Fcomip => x87::compare_flags(cx, false, true),
        M::Fucomi => x87::compare_flags(cx, true, false),
        M::Fucomip => x87::compare_flags(cx, true, true),
        M::Fxam => x87::plain_call(cx, exec::X87_EXAMINE, 0),
        M::Fchs => x87::function(cx, f::CHS),
        M::Fabs => x87::function(cx, f::ABS),
        M::Fsqrt => x87::function(cx, f::SQRT),
        M::Frndint => x87::function(cx, f::RNDINT),
        M::F2xm1 => x87::function(cx, f::F2XM1),
        M::Fsin => x87::function(cx, f::SIN),
        M::Fcos => x87::function(cx, f::COS),
        M::Fscale => x87::function(cx, f::SCALE),
        M::Fprem => x87::function(cx, f::PREM),
        M::Fprem1 => x87::function(cx, f::PREM1),
        M::Fyl2x => x87::function(cx, f::YL2X),
        M::Fyl2xp1 => x87::function(cx, f::YL2XP1),
        M::Fpatan => x87::function(cx, f::PATAN),
        M::Fptan => x87::function(cx, f::PTAN),
        M::Fsincos => x87::function(cx, f::SINCOS),
        M::Fxtract => x87::function(cx, f::XTRACT),
        M::Ftst => x87::function(cx, f::TST),
        _ => return None,
    })
}
