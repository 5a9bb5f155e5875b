//! Every op of the table at every type, against the interpreter.

mod common;

use brolga_arm::state;
use brolga_core::{CcKind, CcOp, Cond, Env, Width};
use brolga_cranelift::Options;
use brolga_ir::ops::ALL_OPS;
use brolga_ir::{Block, Builder, FoldOp, Form, Inst, IntCc, JumpKind, Op, Shape, Ty, Value, VecFn};
use common::*;

const INTS: [Ty; 4] = [Ty::I8, Ty::I16, Ty::I32, Ty::I64];

/// A block at 0x1000 with the body that `f` writes, leaving to 0x2000.
fn block(f: impl FnOnce(&mut Builder)) -> Block {
    let mut b = Builder::new(0x1000, 0);
    b.insn_start(0x1000, 4);
    f(&mut b);
    b.goto(JumpKind::Jump, 0x2000);
    b.block
}

/// Runs `block` both ways on many states.
fn check(rig: &Rig, what: &str, block: Block) {
    brolga_ir::verify(&block, &state::REGS, brolga_arm::exec::HELPERS).unwrap_or_else(|e| panic!("{what}: {e:?}"));
    let code = rig.install(&region(vec![block.clone()], true)).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut random = Random(what.len() as u64);
    for round in 0..200 {
        let mut env = random_env(&mut random);
        if round < 20 {
            env.file[1] = env.file[0]; // equal operands
        }
        compare(rig, what, &block, code.entries[0].1, &env);
    }
}

fn compare(rig: &Rig, what: &str, block: &Block, host: u64, env: &Env) {
    let mut want = copy(env);
    want.set(state::PC, 0x1000);
    let leave = interpret(std::slice::from_ref(block), &mut want, 1);
    let mut cpu = Cpu::new(rig, env);
    let got = rig.tier.enter(host, &mut cpu.env);
    assert!(same_leave(got, leave), "{what}: {got:?} and {leave:?}");
    if let Some(d) = difference(&cpu.env, &want) {
        panic!("{what}: {d}\nx0={:#x} x1={:#x} x2={:#x}\n{block:#?}", env.file[0], env.file[1], env.file[2]);
    }
}

/// Operand `n` at `ty`.
fn operand(b: &mut Builder, ty: Ty, n: u32) -> Value {
    match ty {
        Ty::V128 => b.get_v(state::v(n)),
        Ty::I64 => b.get(state::x(n)),
        Ty::F16 | Ty::F32 | Ty::F64 => {
            let bits = INTS.into_iter().find(|t| t.bits() == ty.bits()).unwrap();
            let v = operand(b, bits, n);
            b.push(Inst { a: v, ..Inst::new(Op::Bitcast, ty) })
        }
        _ => {
            let v = b.get(state::x(n));
            b.zext(ty, v)
        }
    }
}

/// Keeps a result.
fn keep(b: &mut Builder, v: Value) {
    match b.block.ty(v) {
        Ty::V128 => b.set(state::v(3), v),
        Ty::I64 => b.set(state::x(3), v),
        ty if ty.is_float() => {
            let bits = INTS.into_iter().find(|t| t.bits() == ty.bits()).unwrap();
            let v = b.push(Inst { a: v, ..Inst::new(Op::Bitcast, bits) });
            keep(b, v);
        }
        _ => {
            let v = b.zext(Ty::I64, v);
            b.set(state::x(3), v);
        }
    }
}

fn truth(b: &mut Builder, n: u32) -> Value {
    let v = b.get(state::x(n));
    let one = b.iconst(Ty::I64, 1);
    let v = b.and(Ty::I64, v, one);
    b.zext(Ty::I8, v)
}

#[test]
fn unary_and_binary_at_every_type() {
    let rig = Rig::new(Options::default());
    let mut seen = 0;
    for &op in ALL_OPS {
        let (form, typing) = (op.info().form, op.info().typing);
        if typing != brolga_ir::Typing::Same || !matches!(form, Form::Unary | Form::Binary) {
            continue;
        }
        for ty in INTS.into_iter().chain([Ty::V128]) {
            let make = |b: &mut Builder| {
                let a = operand(b, ty, 0);
                let second = if form == Form::Binary { operand(b, ty, 1) } else { Value::NONE };
                let v = b.push(Inst { a, b: second, ..Inst::new(op, ty) });
                keep(b, v);
            };
            let candidate = block(make);
            if brolga_ir::verify(&candidate, &state::REGS, &[]).is_err() {
                continue; // no such form
            }
            check(&rig, &format!("{op:?} {ty:?}"), candidate);
            seen += 1;
        }
    }
    assert!(seen > 90, "{seen} forms");
}

#[test]
fn conversions() {
    let rig = Rig::new(Options::default());
    for from in INTS {
        for to in INTS {
            for op in [Op::Zext, Op::Sext] {
                if op == Op::Sext && to.bits() < from.bits() {
                    continue;
                }
                check(
                    &rig,
                    &format!("{op:?} {from:?} {to:?}"),
                    block(|b| {
                        let a = operand(b, from, 0);
                        let v = b.push(Inst { a, ..Inst::new(op, to) });
                        keep(b, v);
                    }),
                );
            }
        }
    }
}

#[test]
fn bit_fields() {
    let rig = Rig::new(Options::default());
    let mut random = Random(5);
    for ty in INTS {
        for op in [Op::Extract, Op::Sextract, Op::Deposit] {
            for k in 0..14 {
                let width = if k < 3 { [1, 8, ty.bits()][k] } else { 1 + random.below(ty.bits() as u64) as u32 };
                let lsb = random.below((ty.bits() - width + 1) as u64) as u32;
                check(
                    &rig,
                    &format!("{op:?} {ty:?} {lsb} {width}"),
                    block(|b| {
                        let a = operand(b, ty, 0);
                        let second = if op == Op::Deposit { operand(b, ty, 1) } else { Value::NONE };
                        let imm = u64::from(lsb | width << 8);
                        let v = b.push(Inst { a, b: second, imm, ..Inst::new(op, ty) });
                        keep(b, v);
                        if op == Op::Extract {
                            let zero = b.iconst(ty, 0);
                            let c = b.icmp(ty, IntCc::Ne, v, zero);
                            let c = b.zext(Ty::I64, c);
                            b.set(state::x(4), c);
                        }
                    }),
                );
            }
        }
    }
}

#[test]
fn comparisons_and_selects() {
    let rig = Rig::new(Options::default());
    for ty in INTS {
        for cc in IntCc::ALL {
            check(
                &rig,
                &format!("icmp {ty:?} {cc:?}"),
                block(|b| {
                    let (x, y) = (operand(b, ty, 0), operand(b, ty, 1));
                    let v = b.icmp(ty, cc, x, y);
                    keep(b, v);
                }),
            );
        }
    }
    for ty in [Ty::I8, Ty::I16, Ty::I32, Ty::I64, Ty::F16, Ty::F32, Ty::F64, Ty::V128] {
        check(
            &rig,
            &format!("select {ty:?}"),
            block(|b| {
                let c = truth(b, 2);
                let (x, y) = (operand(b, ty, 0), operand(b, ty, 1));
                let v = b.select(ty, c, x, y);
                keep(b, v);
            }),
        );
    }
}

/// The flags ops, and what reads flags that this block has not made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    Made(Op, Ty),
    Border,
    /// Made, and C flipped by a constant or by a truth value.
    Flipped(Op, Ty, bool),
    FlippedBorder,
}

fn flags(b: &mut Builder, source: Source) -> Value {
    let (op, ty) = match source {
        Source::Made(op, ty) => (op, ty),
        Source::Border => return b.get_flags(),
        Source::Flipped(op, ty, constant) => {
            let f = flags(b, Source::Made(op, ty));
            let c = if constant { b.iconst(Ty::I8, 1) } else { truth(b, 3) };
            return b.flags_flip_c(f, c);
        }
        Source::FlippedBorder => {
            let (f, c) = (b.get_flags(), truth(b, 3));
            return b.flags_flip_c(f, c);
        }
    };
    let a = operand(b, ty, 0);
    let (second, third) = match op {
        Op::FlagsAdd | Op::FlagsSub => (operand(b, ty, 1), Value::NONE),
        Op::FlagsAdc | Op::FlagsSbc => (operand(b, ty, 1), truth(b, 2)),
        _ => (Value::NONE, Value::NONE),
    };
    b.push(Inst { a, b: second, c: third, ..Inst::new(op, ty) })
}

#[test]
fn flags_and_conditions() {
    let rig = Rig::new(Options::default());
    let mut sources = vec![Source::Border, Source::Made(Op::FlagsPack, Ty::I64), Source::FlippedBorder];
    for op in [Op::FlagsAdd, Op::FlagsSub, Op::FlagsAdc, Op::FlagsSbc, Op::FlagsLogic] {
        sources.extend([Ty::I32, Ty::I64].map(|ty| Source::Made(op, ty)));
        sources.extend([Source::Made(op, Ty::I8), Source::Flipped(op, Ty::I16, true)]);
        sources.extend([Source::Flipped(op, Ty::I32, false), Source::Flipped(op, Ty::I64, true)]);
    }
    for &source in &sources {
        check(
            &rig,
            &format!("{source:?}"),
            block(|b| {
                let f = flags(b, source);
                for c in Cond::ALL {
                    let v = b.cond(c, f);
                    let v = b.zext(Ty::I64, v);
                    b.set(state::x(4 + c as u32), v);
                }
                let bits = b.push(Inst { a: f, ..Inst::new(Op::FlagsUnpack, Ty::I64) });
                keep(b, bits);
                b.set_flags(f);
            }),
        );
        for &other in &sources {
            check(
                &rig,
                &format!("select {source:?} {other:?}"),
                block(|b| {
                    let (x, y) = (flags(b, source), flags(b, other));
                    let c = truth(b, 3);
                    let f = b.flags_select(c, x, y);
                    for c in [Cond::Ne, Cond::Hi, Cond::Gt, Cond::Vs] {
                        let v = b.cond(c, f);
                        let v = b.zext(Ty::I64, v);
                        b.set(state::x(4 + c as u32), v);
                    }
                    let bits = b.push(Inst { a: f, ..Inst::new(Op::FlagsUnpack, Ty::I64) });
                    keep(b, bits);
                    b.set_flags(f);
                }),
            );
        }
    }
}

#[test]
fn border_form_of_every_kind() {
    let rig = Rig::new(Options::default());
    let b = block(|b| {
        let f = b.get_flags();
        let v = b.cond(Cond::Gt, f);
        keep(b, v);
    });
    let code = rig.install(&region(vec![b.clone()], true)).unwrap();
    let mut random = Random(3);
    for kind in [CcKind::Packed, CcKind::Add, CcKind::Sub, CcKind::AddCarry, CcKind::SubBorrow, CcKind::Logic] {
        for width in [Width::W8, Width::W16, Width::W32, Width::W64] {
            for k in 0..50 {
                let mut env = random_env(&mut random);
                env.file[state::CC.0 as usize] = CcOp { kind, width, flip: k % 2 == 0 }.word();
                compare(&rig, "border form", &b, code.entries[0].1, &env);
            }
        }
    }
}

/// The host as it is, and as poor as a host can be.
fn rigs() -> [Rig; 2] {
    [false, true].map(|baseline| Rig::new(Options { baseline, ..Options::default() }))
}

#[test]
fn lanewise_ops_of_every_shape() {
    for rig in rigs() {
        let mut seen = 0;
        for &op in ALL_OPS {
            let form = op.info().form;
            if op == Op::Vsplat
                || !matches!(form, Form::VUnary | Form::VBinary | Form::VCompare | Form::VImm | Form::VFold)
            {
                continue;
            }
            for shape in Shape::ALL {
                let bits = u64::from(shape.lane_bits());
                let (auxes, immediates) = match form {
                    Form::VCompare => (IntCc::ALL.len() as u16, vec![0]),
                    Form::VFold => (FoldOp::ALL.len() as u16, vec![0]),
                    Form::VImm => (1, vec![0, 1, 3, bits / 2, bits - 1]),
                    _ => (1, vec![0]),
                };
                for (aux, imm) in (0..auxes).flat_map(|aux| immediates.iter().map(move |imm| (aux, *imm))) {
                    let candidate = block(|b| {
                        let a = b.get_v(state::v(0));
                        let two = matches!(form, Form::VBinary | Form::VCompare);
                        let second = if two { b.get_v(state::v(1)) } else { Value::NONE };
                        let v = b.push(Inst { a, b: second, sub: shape as u8, aux, imm, ..Inst::new(op, Ty::V128) });
                        keep(b, v);
                    });
                    if brolga_ir::verify(&candidate, &state::REGS, &[]).is_err() {
                        continue; // no such form
                    }
                    check(&rig, &format!("{op:?} {shape:?} {aux} {imm}"), candidate);
                    seen += 1;
                }
            }
        }
        assert!(seen > 190, "{seen} forms");
    }
}

#[test]
fn functions_of_vectors() {
    let optimized = Rig::new(Options { optimize: true, ..Options::default() });
    for rig in rigs().into_iter().chain([optimized]) {
        for &f in VecFn::ALL {
            for imm in [0, 1, 2, 3, 4, 0x10, 0x11, 0x63, 0xff] {
                let all = [0, 1, 2, 0, 1, 1, 0];
                for from in 0..all.len() - 2 {
                    let make = |b: &mut Builder| {
                        let operands = [0, 1, 2].map(|k| b.get_v(state::v(all[from + k])));
                        let v = b.vec_fn(f, &operands[..f.operands()], imm);
                        // Another one of the same operands, and the operands again: registers are not free.
                        let w = b.vec_fn(VecFn::AesDecrypt, &[operands[0], v], 0);
                        let w = b.vbinary(Op::Vadd, Shape::I8x16, w, operands[1]);
                        b.set(state::v(4), w);
                        keep(b, v);
                    };
                    check(&rig, &format!("{f:?} {imm} {from}"), block(make));
                }
            }
        }
    }
}

/// More vectors than registers are alive around a function, so that its operands are in any of them.
#[test]
fn functions_of_vectors_in_any_register() {
    let rig = Rig::new(Options::default());
    for f in [VecFn::Sha256Rounds, VecFn::Sha1Rounds, VecFn::Sha256Message1, VecFn::AesEncrypt, VecFn::Product] {
        let make = |b: &mut Builder| {
            let mut v: Vec<Value> = (0..20).map(|n| b.get_v(state::v(n))).collect();
            for k in 0..60 {
                let operands = [v[k * 7 % 20], v[k * 3 % 20], v[(k * 5 + 1) % 20]];
                v[k % 20] = b.vec_fn(f, &operands[..f.operands()], 1);
            }
            (0..20).for_each(|n| b.set(state::v(n), v[n as usize]));
        };
        check(&rig, &format!("{f:?} in any register"), block(make));
    }
}

#[test]
fn vectors_as_a_whole() {
    for rig in rigs() {
        let three = |b: &mut Builder| [0, 1, 2].map(|n| b.get_v(state::v(n)));
        let make = |b: &mut Builder| {
            let [x, y, z] = three(b);
            let v = b.bitselect(x, y, z);
            keep(b, v);
        };
        check(&rig, "bitselect", block(make));
        for shape in Shape::ALL {
            let make = |b: &mut Builder| {
                let [x, y, z] = three(b);
                let mask = b.vicmp(IntCc::Ult, shape, x, y);
                let v = b.bitselect(mask, y, z);
                keep(b, v);
                let any = b.vany(mask);
                keep(b, any);
            };
            check(&rig, &format!("blend {shape:?}"), block(make));
        }
        for zero in [false, true] {
            let make = |b: &mut Builder| {
                let [x, y, _] = three(b);
                let v = if zero { b.xor(Ty::V128, x, x) } else { b.and(Ty::V128, x, y) };
                let any = b.vany(v);
                keep(b, any);
            };
            check(&rig, &format!("vany {zero}"), block(make));
        }
    }
}

/// Selectors with and without zeros, of one vector, of both, of halves, of wider units.
#[test]
fn shuffles() {
    let mut random = Random(11);
    for rig in rigs() {
        for round in 0..200 {
            let unit = 1 << (round % 4);
            let limit = [16, 32, 8, 32][round / 4 % 4] / unit;
            let mut selectors = [0; 16];
            for chunk in selectors.chunks_mut(unit) {
                let mut first = random.below(limit as u64) as usize * unit;
                if limit * unit == 8 && random.below(2) == 0 {
                    first += 16;
                }
                let zero = round % 3 == 0 && random.below(3) == 0;
                chunk.iter_mut().enumerate().for_each(|(k, s)| *s = if zero { 0x80 } else { (first + k) as u8 });
            }
            shuffle(&rig, selectors);
        }
        let interleaved = |n: u8, first: u8| {
            std::array::from_fn(|i| {
                let i = i as u8;
                first + i / (2 * n) * n + i % n + 16 * (i / n % 2)
            })
        };
        for n in [1, 2, 4, 8] {
            shuffle(&rig, interleaved(n, 0));
            shuffle(&rig, interleaved(n, 8));
        }
        for first in 0..=16 {
            shuffle(&rig, std::array::from_fn(|i| first + i as u8));
        }
    }
}

fn shuffle(rig: &Rig, selectors: [u8; 16]) {
    for second in [0, 1] {
        let make = |b: &mut Builder| {
            let (x, y) = (b.get_v(state::v(0)), b.get_v(state::v(second)));
            let v = b.vshuffle(x, y, selectors);
            keep(b, v);
        };
        check(rig, &format!("shuffle {second} {selectors:?}"), block(make));
    }
}

#[test]
fn scalars_and_vectors() {
    for rig in rigs() {
        moves(&rig);
    }
}

fn moves(rig: &Rig) {
    for shape in Shape::ALL {
        let sub = shape as u8;
        let name = |what: &str| format!("{what} {shape:?}");
        for lane in 0..shape.lanes() {
            for ty in INTS.into_iter().filter(|t| t.bits() >= shape.lane_bits()) {
                let make = |b: &mut Builder| {
                    let x = b.get_v(state::v(0));
                    let v = b.lane(ty, shape, x, lane);
                    keep(b, v);
                    let first = b.vscalar(v);
                    b.set(state::v(4), first);
                    let y = operand(b, ty, 1);
                    let v = b.insert(shape, x, y, lane);
                    keep(b, v);
                };
                check(rig, &name(&format!("lane {lane} {ty:?}")), block(make));
            }
        }
        for ty in INTS.into_iter().filter(|t| t.bits() >= shape.lane_bits()) {
            let make = |b: &mut Builder| {
                let a = operand(b, ty, 0);
                let v = b.push(Inst { a, sub, ..Inst::new(Op::Vsplat, Ty::V128) });
                keep(b, v);
            };
            check(rig, &name(&format!("vsplat {ty:?}")), block(make));
        }
    }
    for ty in [Ty::I8, Ty::I16, Ty::I32, Ty::I64, Ty::F16, Ty::F32, Ty::F64] {
        let make = |b: &mut Builder| {
            let a = operand(b, ty, 0);
            let v = b.vscalar(a);
            keep(b, v);
        };
        check(rig, &format!("vscalar {ty:?}"), block(make));
    }
    let make = |b: &mut Builder| {
        let v = b.vconst(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        keep(b, v);
    };
    check(rig, "vconst", block(make));
}
