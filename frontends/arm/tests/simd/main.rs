//! Integer Advanced SIMD and cryptographic instructions, through the front end and tier 0, against a
//! per-lane reference written from the manual's pseudocode and against the standards' examples.

mod arithmetic;
mod known_answers;
mod lanes;
mod machine;
mod moves;

use brolga_arm::a64::{self, ROWS, RowInfo};
use machine::{State, run};

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A doubleword of lanes that are mostly at the edges of their range, or small shift amounts.
    fn doubleword(&mut self) -> u64 {
        let bits = 8 << (self.next() % 4);
        (0..64 / bits).fold(0, |v, e| v | self.edge(bits) << (e * bits))
    }

    fn edge(&mut self, bits: u64) -> u64 {
        let (sign, small) = (1u64 << (bits - 1), self.next() % 70);
        let x = match self.next() % 12 {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => sign,
            4 => sign - 1,
            5 => sign + 1,
            6 => small,
            7 => small.wrapping_neg(),
            8 => 1 << (small % bits),
            _ => self.next(),
        };
        x & u64::MAX >> (64 - bits)
    }

    fn state(&mut self) -> State {
        State {
            x: std::array::from_fn(|_| self.doubleword()),
            v: std::array::from_fn(|_| self.doubleword() as u128 | (self.doubleword() as u128) << 64),
            qc: self.next().is_multiple_of(4),
        }
    }

    /// An instruction of a row.
    fn word(&mut self, row: &RowInfo) -> u32 {
        loop {
            let word = row.value | self.next() as u32 & !row.mask;
            if a64::decode(word).is_some_and(|r| r.info().name == row.name) {
                return word;
            }
        }
    }
}

/// Compares `cases` random instructions of each row of a section with the reference.
fn check(section: &str, cases: u32, expected: fn(&str, &str, u32, &State) -> State) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut rows = 0;
    for row in ROWS.iter().filter(|r| r.section == section && r.implemented) {
        rows += 1;
        for _ in 0..cases {
            let (word, before) = (random.word(row), random.state());
            let name = a64::mnemonic(word).expect("the row has a name");
            let (want, got) = (expected(section, name, word, &before), run(&[word], &before));
            let at = |r: u32| before.v[(word >> r & 31) as usize];
            assert!(
                got == want,
                "{} {word:#010x} d={:032x} n={:032x} m={:032x}\n got {:032x} qc {}\nwant {:032x} qc {}",
                row.name,
                at(0),
                at(5),
                at(16),
                got.v[(word & 31) as usize],
                got.qc,
                want.v[(word & 31) as usize],
                want.qc,
            );
        }
    }
    assert!(rows > 5, "{section} has rows");
}

#[test]
fn three_registers() {
    check("simd_three", 300, arithmetic::expected);
}

#[test]
fn by_element() {
    check("simd_elem", 300, arithmetic::expected);
}

#[test]
fn one_register() {
    check("simd_misc", 300, arithmetic::expected);
}

#[test]
fn shifts_by_immediate() {
    check("simd_shift", 300, arithmetic::expected);
}

#[test]
fn permutations_and_copies() {
    check("simd_perm", 300, moves::expected);
}

#[test]
fn immediates() {
    check("simd_imm", 600, moves::expected);
}
