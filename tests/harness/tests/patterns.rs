//! Instructions of one pattern: what tier 0 makes of one by what it learnt from another is what lowering makes of it.

use brolga_harness::{Random, guest_by_name};
use brolga_interp::{Code, Draft, Flat, FlatOp};
use brolga_ir::{Builder, DisasContext, Draft as _, Frontend, Pattern};
use std::collections::BTreeMap;

/// Instructions to learn from, and changes of each.
const SEEDS: usize = 200_000;
const CHANGES: usize = 12;

/// A constant of the kinds that find mistakes: none, small, a mask, anything.
fn constant(random: &mut Random) -> u32 {
    const KNOWN: [u32; 12] = [0, 1, 2, 8, 16, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x8000_0000, u32::MAX];
    match random.bits() % 3 {
        0 => KNOWN[random.bits() as usize % KNOWN.len()],
        1 => KNOWN[random.bits() as usize % KNOWN.len()].wrapping_neg(),
        _ => random.bits() as u32,
    }
}

/// Puts as much of a constant at `at` as there is room for.
fn put(bytes: &mut [u8; 16], at: usize, constant: u32) {
    bytes[at..].iter_mut().zip(constant.to_le_bytes()).for_each(|(byte, new)| *byte = new);
}

fn context(bytes: [u8; 16], pc: u64) -> DisasContext {
    DisasContext { b: Builder::new(pc, 0), pc, bytes, available: 16, mode: 0 }
}

/// A place for an instruction: anywhere, but not so low that operands are addresses.
fn place(random: &mut Random) -> u64 {
    (random.bits() << 16 | 0x40_0000) & !3
}

/// Ops and the vectors that they name.
type Ops = (Box<[FlatOp]>, Box<[u128]>);

fn ops(flat: Flat) -> Ops {
    (flat.ops, flat.wide)
}

struct Bench {
    frontend: &'static dyn Frontend,
}

impl Bench {
    fn of(guest: &str) -> Bench {
        Bench { frontend: guest_by_name(guest).unwrap().frontend }
    }

    fn pattern(&self, bytes: [u8; 16], pc: u64) -> Option<Pattern> {
        self.frontend.pattern(&context(bytes, pc))
    }

    /// The instruction by way of its IR; `learning` of its pattern.
    fn lowered(&self, bytes: [u8; 16], pc: u64, learning: Option<&Pattern>) -> Ops {
        let mut dc = context(bytes, pc);
        let flow = self.frontend.translate_insn(&mut dc);
        let regs = self.frontend.regs();
        let mut draft = Draft::begin(pc, regs);
        draft.add(&dc.b.block, regs).unwrap();
        if let Some(pattern) = learning {
            draft.learn(pc, pattern, flow);
        }
        ops(draft.finish())
    }

    /// The same by its pattern, if that is known.
    fn repeated(&self, pc: u64, pattern: &Pattern) -> Option<Ops> {
        let mut draft = Draft::begin(pc, self.frontend.regs());
        let known = draft.repeat(pc, pattern).is_some();
        let ops = ops(draft.finish());
        known.then_some(ops)
    }

    /// Learns from `bytes` and looks at changes of it; how many were known, by the name of the instruction.
    fn check(&self, bytes: [u8; 16], random: &mut Random, known: &mut BTreeMap<&'static str, usize>) {
        let pc = place(random);
        let Some(seed) = self.pattern(bytes, pc) else { return };
        let len = usize::from(seed.len);
        assert_eq!(seed.key >> 32 & 1, 0, "{bytes:02x?}");
        assert_eq!(self.frontend.insn_len(&bytes), Some(len), "{bytes:02x?}");
        self.lowered(bytes, pc, Some(&seed));
        for _ in 0..CHANGES {
            let (mut changed, pc) = (bytes, place(random));
            for _ in 0..random.bits() % 5 {
                let at = random.bits() as usize % len;
                match random.bits() % 4 {
                    0 => put(&mut changed, at, constant(random)),
                    _ => changed[at] ^= 1 << (random.bits() % 8),
                }
            }
            let Some(pattern) = self.pattern(changed, pc) else { continue };
            let Some(ops) = self.repeated(pc, &pattern) else { continue };
            assert_eq!(ops, self.lowered(changed, pc, None), "{changed:02x?} at {pc:#x} as {bytes:02x?}: {pattern:?}");
            *known.entry(self.frontend.mnemonic(&changed).unwrap()).or_default() += 1;
        }
    }
}

/// What is learnt is the thread's own: a new one begins with nothing.
fn afresh(check: impl FnOnce() -> BTreeMap<&'static str, usize> + Send) -> BTreeMap<&'static str, usize> {
    std::thread::scope(|scope| scope.spawn(check).join().unwrap())
}

fn check(
    guest: &'static str,
    seed: u64,
    mut instruction: impl FnMut(&mut Random) -> [u8; 16] + Send,
) -> BTreeMap<&'static str, usize> {
    let mut random = Random(seed);
    let mut known = BTreeMap::new();
    for _ in 0..SEEDS / 1000 {
        let seen = afresh(|| {
            let (bench, mut known) = (Bench::of(guest), BTreeMap::new());
            for _ in 0..1000 {
                bench.check(instruction(&mut random), &mut random, &mut known);
            }
            known
        });
        seen.into_iter().for_each(|(name, n)| *known.entry(name).or_default() += n);
    }
    println!("{guest}: {known:?}");
    known
}

/// All of `names` were known at least so often.
fn assert_known(known: &BTreeMap<&'static str, usize>, names: &[&str]) {
    for name in names {
        assert!(known.get(name).is_some_and(|&n| n >= 20), "{name}: {:?}", known.get(name));
    }
}

#[test]
fn a64() {
    use brolga_arm::a64::{ALL, random_word};
    let mut rows = ALL.iter().filter(|row| row.info().implemented).cycle();
    let known = check("a64", 1, |random| {
        let word = random_word(*rows.next().unwrap(), &mut || random.bits());
        (word as u128).to_le_bytes()
    });
    assert_known(
        &known,
        &[
            "ADRP", "ADR", "ADD", "SUBS", "AND", "ORR", "MOVZ", "MOVN", "UBFM", "SBFM", "CSEL", "CSINC", "CCMP",
            "MADD", "B", "BL", "CBZ", "TBNZ", "BR", "RET", "LDR", "STR", "LDRB", "LDRSW", "LDP", "STP", "LDUR",
        ],
    );
}

#[test]
fn x86_64() {
    let known = check("x86_64", 2, |random| {
        let mut bytes = Vec::new();
        if random.one_in(3) {
            bytes.push([0x66, 0xf2, 0xf3, 0x64, 0x65][random.bits() as usize % 5]);
        }
        if random.one_in(2) {
            bytes.push(0x40 | random.bits() as u8 & 15);
        }
        // Groups, and what has a prefix, are few among the opcodes.
        let (one, two): (&[u8], &[u8]) = (
            &[0x80, 0x81, 0x83, 0xc1, 0xc6, 0xc7, 0xd1, 0xf6, 0xf7, 0xff],
            &[0x10, 0x11, 0x28, 0x29, 0x57, 0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xef],
        );
        match random.bits() % 4 {
            0 => bytes.extend([0x0f, two[random.bits() as usize % two.len()]]),
            1 => bytes.extend([0x0f, random.bits() as u8]),
            2 => bytes.push(one[random.bits() as usize % one.len()]),
            _ => bytes.push(random.bits() as u8),
        }
        // ModRM, SIB in half of all, and constants in the place of displacement and immediate.
        bytes.push(random.bits() as u8);
        if random.one_in(2) {
            bytes.push(if random.one_in(4) { 0x25 } else { random.bits() as u8 });
        }
        while bytes.len() < 16 {
            bytes.extend(constant(random).to_le_bytes());
        }
        bytes.truncate(16);
        bytes.try_into().unwrap()
    });
    assert_known(
        &known,
        &[
            "ADD", "SUB", "AND", "OR", "XOR", "CMP", "TEST", "MOV", "LEA", "PUSH", "POP", "CALL", "JMP", "JE", "JA",
            "CMOVE", "SETE", "MOVZX", "MOVSX", "MOVSXD", "SHL", "SAR", "MOVUPS", "MOVAPS", "PXOR", "MOVD", "MOVQ",
            "MOVDQA",
        ],
    );
}

/// How many writes of the flags are in the code of A64 `words`, all of patterns.
fn flag_writes(words: &[u32]) -> usize {
    let (bench, pc) = (Bench::of("a64"), 0x40_0000);
    let at = |k: usize| pc + 4 * k as u64;
    let bytes = |word: u32| u128::from(word).to_le_bytes();
    let pattern = |k: usize| bench.pattern(bytes(words[k]), at(k)).unwrap();
    (0..words.len()).for_each(|k| drop(bench.lowered(bytes(words[k]), at(k), Some(&pattern(k)))));
    let mut draft = Draft::begin(pc, bench.frontend.regs());
    (0..words.len()).for_each(|k| assert!(draft.repeat(at(k), &pattern(k)).is_some()));
    let flat = draft.finish();
    let addresses: Vec<_> = flat.addresses().collect();
    assert!(addresses.is_sorted() && addresses.last() == Some(&at(words.len() - 1)), "{addresses:x?}");
    flat.ops.iter().filter(|op| op.code == Code::SetCcR).count()
}

#[test]
fn flags_that_are_written_again_unseen_are_not_written() {
    // CMP X1, X2; CMP X3, X4; ADD X5, X6, X7; LDR X8, [X9]; CSEL X0, X1, X2, EQ; B.EQ
    let [compare, other, add, load, select, branch] =
        [0xeb02_003f, 0xeb04_007f, 0x8b07_00c5, 0xf940_0128, 0x9a82_0020, 0x5400_0080];
    assert_eq!(flag_writes(&[compare, other, branch]), 1);
    assert_eq!(flag_writes(&[compare, add, other, compare, branch]), 1);
    assert_eq!(flag_writes(&[compare, load, other, branch]), 2, "the load may fail");
    assert_eq!(flag_writes(&[compare, select, other, branch]), 2, "they are looked at");
    assert_eq!(flag_writes(&[add, compare, branch]), 1);
}
