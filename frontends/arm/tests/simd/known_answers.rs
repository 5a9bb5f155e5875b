//! Published examples of each standard, computed with its instructions.

use crate::machine::{State, run};
use brolga_arm::a64::ROWS;

/// A machine that is given instructions by row name and registers.
struct Machine(State);

impl Machine {
    fn new() -> Machine {
        Machine(State { x: [0; 31], v: [0; 32], qc: false })
    }

    /// `extra` holds the bits of further fields.
    fn step(&mut self, row: &str, [rd, rn, rm]: [u32; 3], extra: u32) {
        let value = ROWS.iter().find(|r| r.name == row).expect("a row").value;
        self.0 = run(&[value | rm << 16 | rn << 5 | rd | extra], &self.0);
    }

    fn op(&mut self, row: &str, registers: [u32; 3]) {
        self.step(row, registers, 0);
    }

    fn add(&mut self, size: u32, registers: [u32; 3]) {
        self.step("add_v", registers, 1 << 30 | size << 22);
    }

    fn ext(&mut self, registers: [u32; 3], bytes: u32) {
        self.step("ext_v", registers, 1 << 30 | bytes << 11);
    }

    fn set(&mut self, n: u32, words: [u32; 4]) {
        self.0.v[n as usize] = words.iter().rev().fold(0, |v, &w| v << 32 | w as u128);
    }

    fn words(&self, n: u32) -> [u32; 4] {
        std::array::from_fn(|i| (self.0.v[n as usize] >> (32 * i)) as u32)
    }

    fn copy(&mut self, rd: u32, rn: u32) {
        self.0.v[rd as usize] = self.0.v[rn as usize];
    }
}

/// Big-endian words.
fn be32(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks(4).map(|c| u32::from_be_bytes(c.try_into().unwrap())).collect()
}

/// "abc" padded to a block of `size` bytes.
fn abc(size: usize) -> Vec<u8> {
    let mut block = vec![0; size];
    block[..4].copy_from_slice(b"abc\x80");
    block[size - 1] = 24;
    block
}

/// Numbers of 256 bits, the lowest part first; products are cut.
fn product(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut r = [0; 4];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 - i {
            let t = a[i] as u128 * b[j] as u128 + r[i + j] as u128 + carry;
            r[i + j] = t as u64;
            carry = t >> 64;
        }
    }
    r
}

/// The first 64 bits behind the binary point of the square or cube root of `x`: FIPS 180-4's constants.
fn root_fraction(x: u64, degree: usize) -> u64 {
    let mut target = [0; 4];
    target[degree] = x;
    let power = |r: u128| {
        let r = [r as u64, (r >> 64) as u64, 0, 0];
        (1..degree).fold(r, |p, _| product(p, r))
    };
    let at_most = |a: [u64; 4], b: [u64; 4]| a.iter().rev().le(b.iter().rev());
    (0..70).rev().fold(0u128, |r, bit| if at_most(power(r | 1 << bit), target) { r | 1 << bit } else { r }) as u64
}

fn primes() -> impl Iterator<Item = u64> {
    (2..).filter(|n| (2..*n).all(|d| n % d != 0))
}

#[test]
fn aes128_fips197_example() {
    let mut m = Machine::new();
    // The key schedule: AESE with a zero key substitutes; equal columns make its row shift void.
    let mut key: Vec<u32> = (0..4u8).map(|i| u32::from_le_bytes([4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3])).collect();
    let mut constant = 1u8;
    while key.len() < 44 {
        let mut t = key[key.len() - 1];
        if key.len().is_multiple_of(4) {
            m.set(1, [t; 4]);
            m.set(2, [0; 4]);
            m.op("aese", [1, 2, 0]);
            t = m.words(1)[0].rotate_right(8) ^ constant as u32;
            constant = constant << 1 ^ if constant & 0x80 != 0 { 0x1b } else { 0 };
        }
        key.push(key[key.len() - 4] ^ t);
    }
    let plain = 0xffee_ddcc_bbaa_9988_7766_5544_3322_1100;
    m.0.v[0] = plain;
    let round_key = |round: usize| -> [u32; 4] { key[4 * round..4 * round + 4].try_into().unwrap() };
    for round in 0..10 {
        m.set(1, round_key(round));
        m.op("aese", [0, 1, 0]);
        if round < 9 {
            m.op("aesmc", [0, 0, 0]);
        }
    }
    m.set(1, round_key(10));
    m.step("eor_v", [0, 0, 1], 1 << 30);
    assert_eq!(m.0.v[0].to_le_bytes(), 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes());

    for round in (1..11).rev() {
        m.set(1, round_key(round));
        if round < 10 {
            m.op("aesimc", [1, 1, 0]);
        }
        m.op("aesd", [0, 1, 0]);
        if round > 1 {
            m.op("aesimc", [0, 0, 0]);
        }
    }
    m.set(1, round_key(0));
    m.step("eor_v", [0, 0, 1], 1 << 30);
    assert_eq!(m.0.v[0], plain);
}

#[test]
fn sha1_fips180_example() {
    let mut m = Machine::new();
    let initial = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    m.set(0, initial[..4].try_into().unwrap());
    m.set(1, [initial[4], 0, 0, 0]);
    for (n, w) in (4..).zip(be32(&abc(64)).chunks(4)) {
        m.set(n, w.try_into().unwrap());
    }
    for i in 0..20 {
        let w = |k: u32| 4 + (i + k) % 4;
        let constant = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6][i as usize / 5];
        m.set(16, [constant; 4]);
        m.add(2, [17, w(0), 16]);
        m.op("sha1h", [2, 0, 0]);
        m.op(["sha1c", "sha1p", "sha1m", "sha1p"][i as usize / 5], [0, 1, 17]);
        m.copy(1, 2);
        m.op("sha1su0", [w(0), w(1), w(2)]);
        m.op("sha1su1", [w(0), w(3), 0]);
    }
    let mut digest = m.words(0).to_vec();
    digest.push(m.words(1)[0]);
    let digest: Vec<u32> = digest.iter().zip(initial).map(|(a, b)| a.wrapping_add(b)).collect();
    assert_eq!(digest, [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d]);
}

#[test]
fn sha256_fips180_example() {
    let mut m = Machine::new();
    let initial: Vec<u32> = primes().take(8).map(|p| (root_fraction(p, 2) >> 32) as u32).collect();
    let constants: Vec<u32> = primes().take(64).map(|p| (root_fraction(p, 3) >> 32) as u32).collect();
    m.set(0, initial[..4].try_into().unwrap());
    m.set(1, initial[4..].try_into().unwrap());
    for (n, w) in (4..).zip(be32(&abc(64)).chunks(4)) {
        m.set(n, w.try_into().unwrap());
    }
    for i in 0..16 {
        let w = |k: u32| 4 + (i + k) % 4;
        m.set(16, constants[4 * i as usize..4 * i as usize + 4].try_into().unwrap());
        m.add(2, [17, w(0), 16]);
        m.copy(2, 0);
        m.op("sha256h", [0, 1, 17]);
        m.op("sha256h2", [1, 2, 17]);
        m.op("sha256su0", [w(0), w(1), 0]);
        m.op("sha256su1", [w(0), w(2), w(3)]);
    }
    let digest: Vec<u32> =
        m.words(0).into_iter().chain(m.words(1)).zip(&initial).map(|(a, b)| a.wrapping_add(*b)).collect();
    let known =
        [0xba78_16bf, 0x8f01_cfea, 0x4141_40de, 0x5dae_2223, 0xb003_61a3, 0x9617_7a9c, 0xb410_ff61, 0xf200_15ad];
    assert_eq!(digest, known);
}

#[test]
fn sha512_fips180_example() {
    let mut m = Machine::new();
    let initial: Vec<u64> = primes().take(8).map(|p| root_fraction(p, 2)).collect();
    let constants: Vec<u64> = primes().take(80).map(|p| root_fraction(p, 3)).collect();
    let pair = |low: u64, high: u64| low as u128 | (high as u128) << 64;
    let message = abc(128);
    for i in 0..4 {
        m.0.v[i] = pair(initial[2 * i], initial[2 * i + 1]);
    }
    for i in 0..8 {
        let word = |k: usize| u64::from_be_bytes(message[16 * i + 8 * k..][..8].try_into().unwrap());
        m.0.v[12 + i] = pair(word(0), word(1));
    }
    // Two rounds a turn. The five registers are ab, cd, ef, gh and the new ef.
    let mut r = [0, 1, 2, 3, 4];
    for i in 0..40 {
        let w = |k: u32| 12 + (i + k) % 8;
        let [ab, cd, ef, gh, new_ef] = r;
        m.0.v[8] = pair(constants[2 * i as usize], constants[2 * i as usize + 1]);
        m.add(3, [5, 8, w(0)]);
        m.ext([5, 5, 5], 8);
        m.ext([6, ef, gh], 8);
        m.ext([7, cd, ef], 8);
        m.add(3, [gh, gh, 5]);
        m.op("sha512h", [gh, 6, 7]);
        m.add(3, [new_ef, cd, gh]);
        m.op("sha512h2", [gh, cd, ab]);
        m.ext([5, w(4), w(5)], 8);
        m.op("sha512su0", [w(0), w(1), 0]);
        m.op("sha512su1", [w(0), w(7), 5]);
        r = [gh, ab, new_ef, ef, cd];
    }
    let digest: Vec<u64> = (0..8)
        .map(|i| (m.0.v[r[i / 2] as usize] >> (64 * (i % 2))) as u64)
        .zip(&initial)
        .map(|(a, b)| a.wrapping_add(*b))
        .collect();
    let known = [
        0xddaf_35a1_9361_7aba,
        0xcc41_7349_ae20_4131,
        0x12e6_fa4e_89a9_7ea2,
        0x0a9e_eee6_4b55_d39a,
        0x2192_992a_274f_c1a8,
        0x36ba_3c23_a3fe_ebbd,
        0x454d_4423_643c_e80e,
        0x2a9a_c94f_a54c_a49f,
    ];
    assert_eq!(digest, known);
}

#[test]
fn sm3_standard_example() {
    let mut m = Machine::new();
    let initial =
        [0x7380_166f, 0x4914_b2b9, 0x1724_42d7, 0xda8a_0600, 0xa96f_30bc, 0x1631_38aa, 0xe38d_ee4d, 0xb0fb_0e4e];
    let reversed = |w: &[u32]| [w[3], w[2], w[1], w[0]];
    m.set(8, reversed(&initial[..4]));
    m.set(9, reversed(&initial[4..]));
    let (abcd, efgh, ss1, constant, mixed) = (8, 9, 5, 6, 7);
    for (n, w) in (16..).zip(be32(&abc(64)).chunks(4)) {
        m.set(n, w.try_into().unwrap());
    }
    for group in 0..16 {
        let w = |k: u32| 16 + (group + k) % 5;
        // The next four words: from those 16, 9, 3, 13 and 6 before them.
        m.ext([w(4), w(1), w(2)], 12);
        m.ext([10, w(0), w(1)], 12);
        m.ext([11, w(2), w(3)], 8);
        m.op("sm3partw1", [w(4), w(0), w(3)]);
        m.op("sm3partw2", [w(4), 11, 10]);
        m.step("eor_v", [mixed, w(0), w(1)], 1 << 30);
        for lane in 0..4 {
            let round = 4 * group + lane;
            let t: u32 = if round < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
            m.set(constant, [0, 0, 0, t.rotate_left(round)]);
            m.step("sm3ss1", [ss1, abcd, constant], efgh << 10);
            let (tt1, tt2) = if round < 16 { ("sm3tt1a", "sm3tt2a") } else { ("sm3tt1b", "sm3tt2b") };
            m.step(tt1, [abcd, ss1, mixed], lane << 12);
            m.step(tt2, [efgh, ss1, w(0)], lane << 12);
        }
    }
    let digest: Vec<u32> =
        reversed(&m.words(abcd)).into_iter().chain(reversed(&m.words(efgh))).zip(initial).map(|(a, b)| a ^ b).collect();
    let known =
        [0x66c7_f0f4, 0x62ee_edd9, 0xd1f2_d46b, 0xdc10_e4e2, 0x4167_c487, 0x5cf2_f7a2, 0x297d_a02b, 0x8f4b_a8e0];
    assert_eq!(digest, known);
}

#[test]
fn sm4_standard_example() {
    let mut m = Machine::new();
    let block = [0x0123_4567, 0x89ab_cdef, 0xfedc_ba98, 0x7654_3210];
    let family: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];
    m.set(1, std::array::from_fn(|i| block[i] ^ family[i]));
    m.set(0, block);
    for group in 0..8 {
        let constant = |i: usize| u32::from_be_bytes(std::array::from_fn(|j| ((4 * (4 * group + i) + j) * 7) as u8));
        m.set(2, std::array::from_fn(constant));
        m.op("sm4ekey", [1, 1, 2]);
        m.op("sm4e", [0, 1, 0]);
    }
    let [a, b, c, d] = m.words(0);
    assert_eq!([d, c, b, a], [0x681e_df34, 0xd206_965e, 0x86b3_e94f, 0x536e_4246]);
}

#[test]
fn polynomial_product() {
    let mut m = Machine::new();
    for (x, y, want) in [
        (u64::MAX, u64::MAX, 0x5555_5555_5555_5555_5555_5555_5555_5555),
        (1 << 63, 1 << 63, 1 << 126),
        (3, u64::MAX, 0x1_0000_0000_0000_0001),
        (0x87, 0x87, 0x4015),
    ] {
        (m.0.v[1], m.0.v[2]) = (x as u128, y as u128);
        m.op("pmull64_v", [0, 1, 2]);
        assert_eq!(m.0.v[0], want);
        // PMULL2
        (m.0.v[1], m.0.v[2]) = ((x as u128) << 64, (y as u128) << 64);
        m.step("pmull64_v", [0, 1, 2], 1 << 30);
        assert_eq!(m.0.v[0], want);
    }
}
