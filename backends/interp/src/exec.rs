//! The interpreter's loop over flat ops.

use crate::eval;
use crate::flat::{Code, Flat, FlatOp, NONE};
use crate::fp;
use crate::vector;
use brolga_core::{Cond, Env, FILE_WORDS, Fault, GuestMemory, MemOp, Nzcv, RmwOp, Size, Width};
use brolga_ir::ops::ALL_OPS;
use brolga_ir::{Helper, JumpKind, Leave, Op, RaiseKind, Shape, VecFn, eval_vec_fn};
use std::sync::atomic::{AtomicU32, Ordering, fence};

const B1: MemOp = MemOp::plain(Size::B1);
const B2: MemOp = MemOp::plain(Size::B2);
const B4: MemOp = MemOp::plain(Size::B4);
const B8: MemOp = MemOp::plain(Size::B8);
const B16: MemOp = MemOp::plain(Size::B16);

/// A full barrier. An exchange is one, and several times as fast as the fence instruction that `fence` becomes on x86.
#[inline(always)]
fn full_fence() {
    if cfg!(target_arch = "x86_64") {
        std::hint::black_box(&AtomicU32::new(0)).swap(1, Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// Runs a block to its end.
pub fn run<M: GuestMemory>(code: &Flat, env: &mut Env, mem: &M, helpers: &[Helper]) -> Leave {
    run_on(code, env, mem, helpers, |_| None)
}

/// Runs a block to its end, and behind a jump the block that `next` tells, if it tells one.
pub(crate) fn run_on<'a, M: GuestMemory>(
    mut code: &'a Flat,
    env: &mut Env,
    mem: &M,
    helpers: &[Helper],
    mut next: impl FnMut(&Env) -> Option<&'a Flat>,
) -> Leave {
    loop {
        let leave = run_one(code, env, mem, helpers);
        if leave != Leave::Jump {
            return leave;
        }
        match next(env) {
            Some(next) => code = next,
            None => return leave,
        }
    }
}

#[inline(always)]
fn run_one<M: GuestMemory>(code: &Flat, env: &mut Env, mem: &M, helpers: &[Helper]) -> Leave {
    let mut ops = code.ops.iter();
    loop {
        let Some(op) = ops.next() else { unreachable!("a block ends with an op that leaves it") };
        macro_rules! r {
            ($w:expr) => {
                env.file[$w as usize]
            };
        }
        macro_rules! set {
            ($v:expr) => {
                env.file[op.dst as usize] = $v
            };
        }
        macro_rules! go_to {
            ($n:expr) => {
                ops = code.ops[$n as usize..].iter()
            };
        }
        macro_rules! try_mem {
            ($e:expr) => {
                match $e {
                    Ok(v) => v,
                    Err(f) => return fault(code, env, op, f),
                }
            };
        }
        match op.code {
            Code::Mov => set!(r!(op.a)),
            Code::Mov128 => write128(env, op.dst, read128(env, op.a)),
            Code::Const => set!(op.imm),
            Code::Const128 => write128(env, op.dst, code.wide[op.imm as usize]),
            Code::Add64R => set!(r!(op.a).wrapping_add(r!(op.b))),
            Code::Add64I => set!(r!(op.a).wrapping_add(op.imm)),
            Code::Add32R => set!((r!(op.a) as u32).wrapping_add(r!(op.b) as u32) as u64),
            Code::Add32I => set!((r!(op.a) as u32).wrapping_add(op.imm as u32) as u64),
            Code::Sub64R => set!(r!(op.a).wrapping_sub(r!(op.b))),
            Code::Sub64I => set!(r!(op.a).wrapping_sub(op.imm)),
            Code::Sub32R => set!((r!(op.a) as u32).wrapping_sub(r!(op.b) as u32) as u64),
            Code::Sub32I => set!((r!(op.a) as u32).wrapping_sub(op.imm as u32) as u64),
            Code::Mul64 => set!(r!(op.a).wrapping_mul(r!(op.b))),
            Code::Mul32 => set!((r!(op.a) as u32).wrapping_mul(r!(op.b) as u32) as u64),
            Code::And64R => set!(r!(op.a) & r!(op.b)),
            Code::And64I => set!(r!(op.a) & op.imm),
            Code::Or64R => set!(r!(op.a) | r!(op.b)),
            Code::Or64I => set!(r!(op.a) | op.imm),
            Code::Xor64R => set!(r!(op.a) ^ r!(op.b)),
            Code::Xor64I => set!(r!(op.a) ^ op.imm),
            Code::Bic64 => set!(r!(op.a) & !r!(op.b)),
            Code::And32R => set!((r!(op.a) & r!(op.b)) as u32 as u64),
            Code::Or32R => set!((r!(op.a) | r!(op.b)) as u32 as u64),
            Code::Or32I => set!((r!(op.a) | op.imm) as u32 as u64),
            Code::Xor32R => set!((r!(op.a) ^ r!(op.b)) as u32 as u64),
            Code::Xor32I => set!((r!(op.a) ^ op.imm) as u32 as u64),
            Code::Bic32 => set!((r!(op.a) & !r!(op.b)) as u32 as u64),
            Code::Shl64R => set!(r!(op.a) << (r!(op.b) & 63)),
            Code::Shl64I => set!(r!(op.a) << (op.imm & 63)),
            Code::Shl32R => set!(((r!(op.a) as u32) << (r!(op.b) & 31)) as u64),
            Code::Shl32I => set!(((r!(op.a) as u32) << (op.imm & 31)) as u64),
            Code::Lshr64R => set!(r!(op.a) >> (r!(op.b) & 63)),
            Code::Lshr64I => set!(r!(op.a) >> (op.imm & 63)),
            Code::Lshr32R => set!(((r!(op.a) as u32) >> (r!(op.b) & 31)) as u64),
            Code::Lshr32I => set!(((r!(op.a) as u32) >> (op.imm & 31)) as u64),
            Code::Ashr64R => set!(((r!(op.a) as i64) >> (r!(op.b) & 63)) as u64),
            Code::Ashr64I => set!(((r!(op.a) as i64) >> (op.imm & 63)) as u64),
            Code::Ashr32R => set!(((r!(op.a) as i32) >> (r!(op.b) & 31)) as u32 as u64),
            Code::Ashr32I => set!(((r!(op.a) as i32) >> (op.imm & 31)) as u32 as u64),
            Code::Rotr64R => set!(r!(op.a).rotate_right((r!(op.b) & 63) as u32)),
            Code::Rotr64I => set!(r!(op.a).rotate_right(op.imm as u32 & 63)),
            Code::Rotr32R => set!((r!(op.a) as u32).rotate_right((r!(op.b) & 31) as u32) as u64),
            Code::Rotr32I => set!((r!(op.a) as u32).rotate_right(op.imm as u32 & 31) as u64),
            Code::AddShl64 => set!(r!(op.a).wrapping_add(r!(op.b) << (op.aux & 63))),
            Code::And128 => write128(env, op.dst, read128(env, op.a) & read128(env, op.b)),
            Code::Or128 => write128(env, op.dst, read128(env, op.a) | read128(env, op.b)),
            Code::Xor128 => write128(env, op.dst, read128(env, op.a) ^ read128(env, op.b)),
            Code::Bic128 => write128(env, op.dst, read128(env, op.a) & !read128(env, op.b)),
            Code::Not128 => write128(env, op.dst, !read128(env, op.a)),
            Code::Binary => set!(eval::binary(op.aux as u8, op.imm as u32, r!(op.a), r!(op.b))),
            Code::Unary => set!(eval::unary(op.aux as u8, op.imm as u32, r!(op.a))),
            Code::Sext => set!((((r!(op.a) << (op.aux & 63)) as i64) >> (op.aux & 63)) as u64 & op.imm),
            Code::Extract => set!((r!(op.a) >> (op.aux & 63)) & op.imm),
            Code::Sextract => {
                set!((((r!(op.a) << (op.aux & 63)) as i64) >> (op.aux >> 8 & 63)) as u64 & op.imm)
            }
            Code::Deposit => {
                let lsb = op.aux & 63;
                set!((r!(op.a) & !(op.imm << lsb)) | (r!(op.b) & op.imm) << lsb)
            }
            Code::IcmpR => set!(eval::compare(op.aux, r!(op.a), r!(op.b)) as u64),
            Code::IcmpI => set!(eval::compare(op.aux, r!(op.a), op.imm) as u64),
            Code::Select => set!(if r!(op.a) != 0 { r!(op.b) } else { r!(op.c) }),
            Code::Select128 => {
                let v = if r!(op.a) != 0 { read128(env, op.b) } else { read128(env, op.c) };
                write128(env, op.dst, v);
            }
            Code::SetCcR => set_cc(env, op.dst, op.aux as u64, r!(op.a), r!(op.b)),
            Code::SetCcI => set_cc(env, op.dst, op.aux as u64, r!(op.a), op.imm),
            Code::SelectCc => {
                let from = if r!(op.b) != 0 { op.a } else { op.c };
                let (k, a, b) = (r!(from), r!(from + 1), r!(from + 2));
                set_cc(env, op.dst, k, a, b);
            }
            Code::SetCcCarry => {
                let kind = if r!(op.c) != 0 { op.imm >> 32 } else { op.imm as u32 as u64 };
                set_cc(env, op.dst, kind, r!(op.a), r!(op.b));
            }
            Code::Cond => set!(holds(env, op.aux, op.a) as u64),
            Code::CondSub64R => set!(cond(op.aux).holds_sub(Width::W64, r!(op.a), r!(op.b)) as u64),
            Code::CondSub64I => set!(cond(op.aux).holds_sub(Width::W64, r!(op.a), op.imm) as u64),
            Code::CondSub32R => set!(cond(op.aux).holds_sub(Width::W32, r!(op.a), r!(op.b)) as u64),
            Code::CondSub32I => set!(cond(op.aux).holds_sub(Width::W32, r!(op.a), op.imm) as u64),
            Code::Unpack => set!(flags(env, op.a).bits()),
            Code::Load8 => set!(try_mem!(mem.load(r!(op.a).wrapping_add(op.imm), B1))),
            Code::Load16 => set!(try_mem!(mem.load(r!(op.a).wrapping_add(op.imm), B2))),
            Code::Load32 => set!(try_mem!(mem.load(r!(op.a).wrapping_add(op.imm), B4))),
            Code::Load64 => set!(try_mem!(mem.load(r!(op.a).wrapping_add(op.imm), B8))),
            Code::LoadAny => {
                let m = MemOp::from_bits(op.aux);
                let v = try_mem!(mem.load(r!(op.a).wrapping_add(op.imm), m));
                set!(extend(v, m, op.c))
            }
            Code::Load128 => {
                let m = MemOp::from_bits(op.aux);
                let v = try_mem!(mem.load128(r!(op.a).wrapping_add(op.imm), m));
                write128(env, op.dst, v);
            }
            Code::Store8 => try_mem!(mem.store(r!(op.a).wrapping_add(op.imm), r!(op.b), B1)),
            Code::Store16 => try_mem!(mem.store(r!(op.a).wrapping_add(op.imm), r!(op.b), B2)),
            Code::Store32 => try_mem!(mem.store(r!(op.a).wrapping_add(op.imm), r!(op.b), B4)),
            Code::Store64 => try_mem!(mem.store(r!(op.a).wrapping_add(op.imm), r!(op.b), B8)),
            Code::StoreAny => {
                try_mem!(mem.store(r!(op.a).wrapping_add(op.imm), r!(op.b), MemOp::from_bits(op.aux)))
            }
            Code::Store128 => {
                let m = if op.aux == 0 { B16 } else { MemOp::from_bits(op.aux) };
                try_mem!(mem.store128(r!(op.a).wrapping_add(op.imm), read128(env, op.b), m))
            }
            Code::Rmw => {
                let rmw = RmwOp::ALL[op.c as usize % RmwOp::ALL.len()];
                set!(try_mem!(mem.rmw(rmw, r!(op.a), r!(op.b), MemOp::from_bits(op.aux))))
            }
            Code::Cas => {
                set!(try_mem!(mem.compare_exchange(r!(op.a), r!(op.b), r!(op.c), MemOp::from_bits(op.aux))))
            }
            Code::Cas128 => {
                let (expected, new) = (read128(env, op.b), read128(env, op.c));
                let m = MemOp::from_bits(op.aux);
                let old = try_mem!(mem.compare_exchange128(r!(op.a), expected, new, m));
                write128(env, op.dst, old);
            }
            Code::MemCopy => set!(mem.copy(r!(op.a), r!(op.b), r!(op.c))),
            Code::Fence => full_fence(),
            Code::LightFence => fence(Ordering::AcqRel),
            Code::Vector => vector(env, op),
            Code::Shuffle => {
                let (a, b) = (read128(env, op.a), read128(env, op.b));
                write128(env, op.dst, vector::shuffle(a, b, code.wide[op.imm as usize]));
            }
            Code::Bitselect => {
                let (mask, a, b) = (read128(env, op.a), read128(env, op.b), read128(env, op.c));
                write128(env, op.dst, mask & a | !mask & b);
            }
            Code::Call => {
                let (a, b, c) = (arg(env, op.a), arg(env, op.b), arg(env, op.c));
                let v = (helpers[op.aux as usize].func)(env, a, b, c);
                // NONE is a word that nothing reads.
                set!(v);
            }
            Code::FpLanes => fp::lanes(env, op, helpers[op.aux as usize].func),
            Code::Jump => go_to!(op.imm),
            Code::JumpBack => {
                go_to!(op.imm);
                if env.exit_request.load(Ordering::Relaxed) != 0 {
                    env.file[code.pc as usize] = code.pc_of(op.imm as usize);
                    return Leave::Polled;
                }
            }
            Code::Brif => go_to!(either(op, r!(op.a) != 0)),
            Code::BrifSub => {
                let b = if op.aux & 16 != 0 { code.consts[op.aux as usize >> 5] } else { r!(op.b) };
                let width = if op.c == 0 { Width::W32 } else { Width::W64 };
                let taken = cond(op.aux & 15).holds_sub(width, r!(op.a), b);
                go_to!(either(op, taken));
            }
            Code::BrifCc => go_to!(either(op, holds(env, op.aux, op.b))),
            Code::Goto => {
                env.file[code.pc as usize] = op.imm;
                return Leave::Jump;
            }
            Code::GotoInd => {
                env.file[code.pc as usize] = r!(op.a);
                let _ = JumpKind::from_sub(op.aux as u8);
                return Leave::Jump;
            }
            Code::Raise => {
                let value = r!(op.a);
                env.file[code.pc as usize] = op.imm;
                return Leave::Raise(RaiseKind::from_sub(op.aux as u8), value);
            }
        }
    }
}

/// Number of the op behind a branch.
#[inline(always)]
fn either(op: &FlatOp, taken: bool) -> u32 {
    if taken { op.imm as u32 } else { (op.imm >> 32) as u32 }
}

#[cold]
fn fault(code: &Flat, env: &mut Env, op: &FlatOp, fault: Fault) -> Leave {
    let index = code.ops.element_offset(op);
    env.file[code.pc as usize] = code.pc_of(index.unwrap_or_default());
    Leave::Fault(fault)
}

#[inline(always)]
fn arg(env: &Env, word: u8) -> u64 {
    if word == NONE { 0 } else { env.file[word as usize] }
}

/// The two words from even `word` on, in one access: a host cannot forward two stores to one load.
#[inline(always)]
pub(crate) fn read128(env: &Env, word: u8) -> u128 {
    let rows: &[[u8; 16]; FILE_WORDS / 2] = zerocopy::transmute_ref!(&env.file);
    u128::from_le_bytes(rows[word as usize / 2])
}

#[inline(always)]
pub(crate) fn write128(env: &mut Env, word: u8, value: u128) {
    let rows: &mut [[u8; 16]; FILE_WORDS / 2] = zerocopy::transmute_mut!(&mut env.file);
    rows[word as usize / 2] = value.to_le_bytes();
}

#[inline(always)]
fn set_cc(env: &mut Env, dst: u8, kind: u64, a: u64, b: u64) {
    env.file[dst as usize] = kind;
    env.file[dst.wrapping_add(1) as usize] = a;
    env.file[dst.wrapping_add(2) as usize] = b;
}

#[inline(always)]
fn flags(env: &Env, word: u8) -> Nzcv {
    Nzcv::eval(
        env.file[word as usize],
        env.file[word.wrapping_add(1) as usize],
        env.file[word.wrapping_add(2) as usize],
    )
}

/// Whether flags, which begin with `word`, satisfy a predicate.
#[inline(always)]
fn holds(env: &Env, bits: u16, word: u8) -> bool {
    let [op, a, b] = [0, 1, 2].map(|k| env.file[word.wrapping_add(k) as usize]);
    cond(bits).holds_border(op, a, b)
}

#[inline(always)]
fn cond(bits: u16) -> Cond {
    // There is no other.
    Cond::from_bits(u32::from(bits & 15)).unwrap_or(Cond::Eq)
}

/// Extends a loaded value to `bits`, as its memory operation says.
#[inline(always)]
fn extend(value: u64, op: MemOp, bits: u8) -> u64 {
    if !op.signed {
        return value;
    }
    let shift = 64 - 8 * op.size.bytes() as u32;
    let wide = (((value << shift) as i64) >> shift) as u64;
    if bits >= 64 { wide } else { wide & ((1 << bits) - 1) }
}

#[inline(never)]
pub(crate) fn vector(env: &mut Env, op: &FlatOp) {
    let (ir, shape) = (ALL_OPS[op.aux as usize & 0xff], Shape::from_sub((op.aux >> 8) as u8));
    // A missing operand reads the word that nothing uses, a scalar one is a word that need not be even.
    let a = match ir {
        Op::Vsplat | Op::Vscalar => env.file[op.a as usize] as u128,
        _ => read128(env, op.a),
    };
    let b = if ir == Op::Insert { env.file[op.b as usize] as u128 } else { read128(env, op.b) };
    match ir {
        Op::Vfn1 | Op::Vfn2 | Op::Vfn3 => {
            let f = VecFn::from_sub((op.aux >> 8) as u8);
            write128(env, op.dst, eval_vec_fn(f, [a, b, read128(env, op.c)], op.imm as u8));
        }
        Op::Lane => env.file[op.dst as usize] = vector::lane(shape, a, op.imm),
        Op::Vany => env.file[op.dst as usize] = (a != 0) as u64,
        _ => write128(env, op.dst, vector::eval(ir, shape, a, b, op.imm)),
    }
}
