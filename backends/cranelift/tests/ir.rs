//! Random IR: local blocks with parameters, loops, flags and registers, against the interpreter.

mod common;

use brolga_arm::state;
use brolga_core::{Cond, Env, Reg, RegSet};
use brolga_cranelift::Options;
use brolga_ir::{Block, Builder, HelperId, Inst, IntCc, JumpKind, Label, Op, Shape, Ty, Value};
use common::*;

const TYPES: [Ty; 5] = [Ty::I8, Ty::I16, Ty::I32, Ty::I64, Ty::V128];

/// Counts the branches left, so that every loop ends.
const LEFT: Reg = Reg(28);

/// What a local block can use.
struct Pool<'a> {
    b: &'a mut Builder,
    random: &'a mut Random,
    values: Vec<Value>,
    flags: Vec<Value>,
}

impl Pool<'_> {
    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// A value of type `ty`.
    fn value(&mut self, ty: Ty) -> Value {
        let same: Vec<Value> = self.values.iter().copied().filter(|&v| self.b.block.ty(v) == ty).collect();
        if !same.is_empty() && self.below(5) != 0 {
            return same[self.below(same.len() as u64) as usize];
        }
        let v = match ty {
            Ty::V128 if self.below(3) == 0 => {
                let bits = u128::from(self.random.next()) << 64 | u128::from(self.random.operand());
                self.b.vconst(bits)
            }
            Ty::V128 => {
                let n = self.below(6) as u32;
                self.b.get_v(state::v(n))
            }
            _ if self.below(3) == 0 => {
                let bits = self.random.operand();
                self.b.iconst(ty, bits)
            }
            _ => {
                let n = self.below(8) as u32;
                let v = self.b.get(state::x(n));
                if ty == Ty::I64 { v } else { self.b.zext(ty, v) }
            }
        };
        self.values.push(v);
        v
    }

    fn flag(&mut self) -> Value {
        if !self.flags.is_empty() && self.below(3) != 0 {
            let i = self.below(self.flags.len() as u64) as usize;
            return self.flags[i];
        }
        let ty = [Ty::I32, Ty::I64][self.below(2) as usize];
        let (x, y) = (self.value(ty), self.value(ty));
        let f = match self.below(5) {
            0 => self.b.get_flags(),
            1 => self.b.flags_add(ty, x, y),
            2 => self.b.push(Inst { a: x, ..Inst::new(Op::FlagsLogic, ty) }),
            3 if !self.flags.is_empty() => {
                let c = self.truth();
                let (f, g) = (self.flag(), self.flag());
                self.b.flags_select(c, f, g)
            }
            _ => self.b.flags_sub(ty, x, y),
        };
        self.flags.push(f);
        f
    }

    fn truth(&mut self) -> Value {
        if self.below(2) == 0 {
            let f = self.flag();
            let c = Cond::ALL[self.below(14) as usize];
            return self.b.cond(c, f);
        }
        let ty = TYPES[self.below(4) as usize];
        let (x, y) = (self.value(ty), self.value(ty));
        let cc = IntCc::ALL[self.below(10) as usize];
        self.b.icmp(ty, cc, x, y)
    }

    fn op(&mut self) {
        const INT: [Op; 12] = [
            Op::Iadd,
            Op::Isub,
            Op::Imul,
            Op::And,
            Op::Or,
            Op::Xor,
            Op::Bic,
            Op::Shl,
            Op::Lshr,
            Op::Ashr,
            Op::Rotr,
            Op::Udiv,
        ];
        let ty = TYPES[self.below(4) as usize];
        let v = match self.below(12) {
            0..=3 => {
                let (a, b) = (self.value(ty), self.value(ty));
                let op = INT[self.below(12) as usize];
                self.b.push(Inst { a, b, ..Inst::new(op, ty) })
            }
            4 => {
                let from = TYPES[self.below(4) as usize];
                let a = self.value(from);
                let signed = from.bits() <= ty.bits() && self.below(2) == 0;
                self.b.push(Inst { a, ..Inst::new(if signed { Op::Sext } else { Op::Zext }, ty) })
            }
            5 => {
                let (a, b) = (self.value(ty), self.value(ty));
                let width = 1 + self.below(ty.bits() as u64);
                let lsb = self.below(ty.bits() as u64 - width + 1);
                self.b.push(Inst { a, b, imm: lsb | width << 8, ..Inst::new(Op::Deposit, ty) })
            }
            6 => {
                let c = self.truth();
                let ty = TYPES[self.below(5) as usize];
                let (x, y) = (self.value(ty), self.value(ty));
                self.b.select(ty, c, x, y)
            }
            7 => {
                let shape = Shape::ALL[self.below(4) as usize];
                let (x, y) = (self.value(Ty::V128), self.value(Ty::V128));
                let op = [Op::Vadd, Op::Vsub, Op::Vmul][self.below(3) as usize];
                self.b.vbinary(op, shape, x, y)
            }
            8 => {
                let f = self.flag();
                self.b.set_flags(f);
                return;
            }
            9 => {
                let (n, v) = (self.below(6) as u32, self.value(Ty::V128));
                self.b.set(state::v(n), v);
                return;
            }
            10 if self.below(3) == 0 => return self.call(),
            _ => {
                let (n, v) = (self.below(8) as u32, self.value(Ty::I64));
                self.b.set(state::x(n), v);
                return;
            }
        };
        self.values.push(v);
    }

    /// A helper that counts its calls in x7 and mixes x0 into the flags' words.
    fn call(&mut self) {
        let reads = RegSet::EMPTY.with(state::x(0)).with(state::x(7));
        let cc = state::CC.0;
        let flags = RegSet::EMPTY.with(Reg(cc)).with(Reg(cc + 1)).with(Reg(cc + 2));
        let args = [self.value(Ty::I64), self.value(Ty::I64)];
        let mut writes = flags.with(state::x(7));
        writes.insert(state::v(2).0 | 1); // half a row
        let v = self.b.call(HelperId(0), &args, reads, writes);
        self.values.push(v);
    }
}

extern "C" fn mix(env: &mut Env, a: u64, b: u64, _: u64) -> u64 {
    let n = env.get(state::x(7)).wrapping_add(1);
    env.set(state::x(7), n);
    if !n.is_multiple_of(3) {
        let cc = state::CC.0 as usize;
        env.file[cc] = n % 6;
        env.file[cc + 1] = env.get(state::x(0)) ^ a;
        env.file[cc + 2] = b;
        env.file[state::v(2).0 as usize | 1] = a;
    }
    a.wrapping_mul(b) ^ n
}

const MIX: &[brolga_ir::Helper] = &[brolga_ir::Helper { name: "mix", func: mix }];

/// One block at `pc` with local blocks; gotos lead to `targets`.
fn block(pc: u64, targets: &[u64], random: &mut Random) -> Block {
    let mut b = Builder::new(pc, 0);
    b.insn_start(pc, 4);
    let count = 1 + random.below(4) as usize;
    let labels: Vec<Label> = (1..count).map(|_| b.new_label()).collect();
    let params: Vec<Vec<Ty>> =
        labels.iter().map(|_| (0..random.below(4)).map(|_| TYPES[random.below(5) as usize]).collect()).collect();
    let out = b.new_label();
    for k in 0..count {
        let mut values = Vec::new();
        if k > 0 {
            b.bind(labels[k - 1]);
            values.extend(params[k - 1].iter().map(|&ty| b.param(ty)));
        }
        let mut p = Pool { b: &mut b, random, values, flags: Vec::new() };
        for _ in 0..1 + p.below(8) {
            p.op();
        }
        if p.below(3) == 0 {
            // Rows that nothing reads, on some ways through the region.
            let (word, vector) = (p.b.iconst(Ty::I64, 0), p.b.vconst(1));
            let (x, v) = (state::x(20 + p.random.below(3) as u32), state::v(20 + p.random.below(3) as u32));
            p.b.set(x, word);
            p.b.set(v, vector);
        }
        let left = p.b.get(LEFT);
        let one = p.b.iconst(Ty::I64, 1);
        let left = p.b.isub(Ty::I64, left, one);
        p.b.set(LEFT, left);
        let pick = |p: &mut Pool<'_>| -> Option<(Label, Vec<Value>)> {
            if labels.is_empty() {
                return None;
            }
            let i = p.below(labels.len() as u64) as usize;
            let args = params[i].iter().map(|&ty| p.value(ty)).collect();
            Some((labels[i], args))
        };
        if p.below(4) == 0 {
            let c = p.truth();
            if let Some((then, args)) = pick(&mut p) {
                let zero = p.b.iconst(Ty::I64, 0);
                let some = p.b.icmp(Ty::I64, IntCc::Sgt, left, zero);
                let c = p.b.and(Ty::I8, c, some);
                p.b.brif(c, (then, &args), (out, &[]));
            } else {
                p.b.jump(out, &[]);
            }
            continue;
        }
        match pick(&mut p) {
            Some((then, args)) => {
                let zero = p.b.iconst(Ty::I64, 0);
                let some = p.b.icmp(Ty::I64, IntCc::Sgt, left, zero);
                p.b.brif(some, (then, &args), (out, &[]));
            }
            None => p.b.jump(out, &[]),
        }
    }
    b.bind(out);
    let left = b.get(LEFT);
    let zero = b.iconst(Ty::I64, 0);
    let some = b.icmp(Ty::I64, IntCc::Sgt, left, zero);
    let (go, stop) = (b.new_label(), b.new_label());
    b.brif(some, (go, &[]), (stop, &[]));
    b.bind(go);
    b.goto(JumpKind::Jump, targets[random.below(targets.len() as u64) as usize]);
    b.bind(stop);
    b.goto(JumpKind::Jump, 0);
    b.block
}

fn programs(options: Options, seeds: std::ops::Range<u64>) -> (u64, u64) {
    let mut rig = Rig::new(options);
    rig.table = brolga_cranelift::helper_table(MIX);
    let (mut entered, mut unfit) = (0, 0);
    for seed in seeds {
        let mut random = Random(seed);
        let targets: Vec<u64> = (0..1 + random.below(4)).map(|k| 0x1000 + 0x10 * k).collect();
        let blocks: Vec<Block> = targets.iter().map(|&pc| block(pc, &targets, &mut random)).collect();
        for b in &blocks {
            brolga_ir::verify(b, &state::REGS, MIX).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        }
        let Ok(flat) = blocks.iter().map(|b| brolga_interp::lower(b, &state::REGS)).collect::<Result<Vec<_>, _>>()
        else {
            unfit += 1;
            continue;
        };
        let precise = random.below(2) == 0;
        let code = rig.install(&region(blocks.clone(), precise)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        for _ in 0..8 {
            let mut env = random_env(&mut random);
            env.set(LEFT, random.below(200));
            env.set(state::PC, 0x1000);
            let mut want = copy(&env);
            while let Some(i) = targets.iter().position(|&pc| pc == want.get(state::PC)) {
                brolga_interp::run(&flat[i], &mut want, &MEM, MIX);
            }
            let mut cpu = Cpu::new(&rig, &env);
            rig.tier.enter(code.entries[0].1, &mut cpu.env);
            entered += 1;
            if let Some(d) = difference(&cpu.env, &want) {
                panic!("seed {seed}: {d}\n{}", blocks.iter().map(|b| format!("{b:?}\n")).collect::<String>());
            }
        }
    }
    (entered, unfit)
}

#[test]
fn random_blocks() {
    let (entered, unfit) = programs(Options::default(), 0..400);
    assert!(entered > 2000, "{entered} runs, {unfit} blocks that tier 0 cannot hold");
}

#[test]
fn random_blocks_optimized() {
    let (entered, _) = programs(Options { optimize: true, ..Options::default() }, 1000..1200);
    assert!(entered > 1000);
}
