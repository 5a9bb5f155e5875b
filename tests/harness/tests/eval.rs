//! Every pure op on random operands: constant folding computes what tier 0 computes.
//!
//! Which types and fields an op takes is not written here again: all are tried, and those that
//! the verifier accepts are run.

use brolga_harness::{Engine, Guest, GuestState, Outcome, Tier0, guest_by_name};
use brolga_ir::{Block, Builder, Effect, Inst, JumpKind, Op, Passes, Ty, Value, ops::ALL_OPS, optimise, print, verify};
use std::collections::BTreeSet;

const TYPES: [Ty; 6] = [Ty::I8, Ty::I16, Ty::I32, Ty::I64, Ty::V128, Ty::Flags];

/// A linear congruential generator (Knuth's constants); the high half is what is random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    /// Zero, one, all ones, the sign bit of some width and its neighbours, anything.
    fn operand(&mut self) -> u64 {
        match self.next() % 6 {
            0 => self.next() % 3,
            1 => u64::MAX - self.next() % 3,
            2 | 3 => (1u64 << [7, 15, 31, 63][self.next() as usize % 4]).wrapping_sub(1).wrapping_add(self.next() % 3),
            _ => self.next() << 32 | self.next(),
        }
    }
}

/// Where operands come from.
#[derive(Clone, Copy)]
enum Source {
    Registers,
    Constants([u128; 3]),
}

/// Registers that hold the operands: low and whole.
const X: [&str; 3] = ["x1", "x2", "x3"];
const V: [&str; 3] = ["v1", "v2", "v3"];

/// Operand `k` at type `ty`.
fn operand(b: &mut Builder, guest: &Guest, source: Source, k: usize, ty: Ty) -> Value {
    let reg = |name| guest.frontend.regs().by_name(name).unwrap().reg;
    let word = |b: &mut Builder| match source {
        Source::Registers => b.get(reg(X[k])),
        Source::Constants(c) => b.iconst(Ty::I64, c[k] as u64),
    };
    match (ty, source) {
        (Ty::V128, Source::Registers) => b.get_v(reg(V[k])),
        (Ty::V128, Source::Constants(c)) => b.vconst(c[k]),
        (Ty::Flags, _) => {
            let word = word(b);
            b.flags_pack(word)
        }
        (Ty::I64, _) => word(b),
        _ => {
            let word = word(b);
            b.zext(ty, word)
        }
    }
}

/// A block that puts the result of `inst` on operands of `types` into `x0` or `v0`.
fn block(guest: &Guest, inst: Inst, types: &[Ty], source: Source) -> Block {
    let mut b = Builder::new(0x1000, 0);
    b.insn_start(0x1000, 4);
    let operands: Vec<Value> = (0..types.len()).map(|k| operand(&mut b, guest, source, k, types[k])).collect();
    let of = |k: usize| operands.get(k).copied().unwrap_or(Value::NONE);
    let mut imm = inst.imm;
    if inst.op == Op::Vshuffle {
        // The immediate stands for selectors.
        let selectors = std::array::from_fn(|k| match (imm as usize + 7 * k) % 33 {
            32 => 0x80,
            selector => selector as u8,
        });
        imm = b.block.consts.len() as u64;
        b.block.consts.push(u128::from_le_bytes(selectors));
    }
    let result = b.push(Inst { a: of(0), b: of(1), c: of(2), imm, ..inst });
    let reg = |name| guest.frontend.regs().by_name(name).unwrap().reg;
    match b.block.ty(result) {
        Ty::V128 => b.set(reg("v0"), result),
        Ty::Flags => {
            let bits = b.flags_unpack(result);
            b.set(reg("x0"), bits);
        }
        Ty::I64 => b.set(reg("x0"), result),
        _ => {
            let wide = b.zext(Ty::I64, result);
            b.set(reg("x0"), wide);
        }
    }
    b.goto(JumpKind::Jump, 0x1004);
    b.block
}

/// Instructions of `op` with operand types that the verifier accepts, with random fields.
fn legal_forms(guest: &Guest, op: Op, random: &mut Random) -> Vec<(Inst, Vec<Ty>)> {
    let mut out = Vec::new();
    for ty in TYPES {
        for types in operand_types(ty) {
            let mut found = 0;
            for _ in 0..300 {
                let inst = Inst {
                    sub: (random.next() % 14) as u8 * (random.next() % 2) as u8,
                    aux: (random.next() % 10) as u16 * (random.next() % 2) as u16,
                    imm: [0, random.next() % 64, (random.next() % 64) | (random.next() % 65) << 8]
                        [random.next() as usize % 3],
                    ..Inst::new(op, ty)
                };
                let block = block(guest, inst, &types, Source::Registers);
                if found < 6 && verify(&block, guest.frontend.regs(), guest.frontend.helpers()).is_ok() {
                    out.push((inst, types.clone()));
                    found += 1;
                }
            }
        }
    }
    out
}

/// Types of one to three operands of an instruction of type `ty`, the later ones as the rules have them.
fn operand_types(ty: Ty) -> Vec<Vec<Ty>> {
    let one = TYPES.map(|a| vec![a]);
    let two = [vec![ty, ty], vec![ty, Ty::I8], vec![ty, Ty::I32], vec![ty, Ty::I64]];
    let three = [vec![Ty::I8, ty, ty], vec![ty, ty, Ty::I8], vec![ty, ty, ty]];
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut out: Vec<Vec<Ty>> = one.into_iter().chain(two).chain(three).collect();
    out.retain(|types| seen.insert(types.iter().map(|t| *t as u8).collect()));
    out
}

#[test]
fn folding_computes_what_tier_0_computes() {
    let guest = guest_by_name("a64").unwrap();
    let regs = guest.frontend.regs();
    let mut engine = Tier0::new("interp", guest, Passes::NONE);
    let fold = Passes { fold: true, ..Passes::NONE };
    let mut random = Random(3);
    let (mut compared, mut unfolded, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let pure = |op: &&Op| op.info().effect == Effect::Pure && !matches!(op, Op::Iconst | Op::Vconst);
    for op in ALL_OPS.iter().filter(pure) {
        for (inst, types) in legal_forms(guest, *op, &mut random) {
            for _ in 0..8 {
                let mut c = [0u128; 3].map(|_| random.operand() as u128 | (random.operand() as u128) << 64);
                // Truth values are 0 or 1.
                let truth = |k: &usize| types[*k] == Ty::I8 && (types.len() == 3 || types[0] == Ty::Flags);
                (0..types.len()).filter(truth).for_each(|k| c[k] &= 1);
                let mut state = GuestState::new(guest);
                for k in 0..3 {
                    state.set(regs.by_name(X[k]).unwrap(), c[k] as u64 as u128);
                    state.set(regs.by_name(V[k]).unwrap(), c[k]);
                }
                let interpreted = block(guest, inst, &types, Source::Registers);
                let name = op.info().name;
                if let Outcome::Refused(why) = engine.run_block(&interpreted, &mut state) {
                    wrong.push(format!("{name}: {why}"));
                    break;
                }
                let folded = optimise(&block(guest, inst, &types, Source::Constants(c)), &fold, regs);
                let set = folded.insts.iter().find(|i| i.op == Op::Set).unwrap();
                let def = folded.def(set.a);
                let row = if def.ty == Ty::V128 { "v0" } else { "x0" };
                let want = state.get(regs.by_name(row).unwrap());
                let got = match def.op {
                    Op::Iconst => def.imm as u128,
                    Op::Vconst => folded.consts[def.imm as usize],
                    _ => {
                        unfolded.insert(name);
                        continue;
                    }
                };
                compared.insert(name);
                if got != want {
                    let text = print(&interpreted, regs, guest.frontend.helpers());
                    wrong.push(format!("{name} of {c:#x?} folds to {got:#x}, runs to {want:#x}:\n{text}"));
                }
            }
        }
    }
    println!("{} ops agree: {compared:?}; not folded: {unfolded:?}", compared.len());
    assert!(wrong.is_empty(), "{} differ, such as\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
    let missing: Vec<_> =
        ALL_OPS.iter().filter(pure).map(|op| op.info().name).filter(|n| !compared.contains(n)).collect();
    assert!(missing.is_empty(), "never compared: {missing:?}");
}
