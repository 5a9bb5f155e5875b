//! Reference for the sections of lane arithmetic: each mnemonic as its page's pseudocode, one lane at a time.

use crate::lanes::*;
use crate::machine::State;

/// Expected state after one instruction of the sections `simd_three`, `simd_misc`, `simd_shift`, `simd_elem`.
pub fn expected(section: &str, mnemonic: &str, word: u32, s: &State) -> State {
    let f = Fields(word);
    let mut r = s.clone();
    let qc = &mut r.qc;
    let v = match section {
        "simd_three" => match mnemonic {
            "AND" | "BIC" | "ORR" | "ORN" | "EOR" | "BSL" | "BIT" | "BIF" => {
                cut(f, bitwise(mnemonic, s.v[f.rd()], s.v[f.rn()], s.v[f.rm()]))
            }
            "SDOT" | "UDOT" | "USDOT" => cut(f, dot(mnemonic, s.v[f.rd()], s.v[f.rn()], s.v[f.rm()])),
            "SMMLA" | "UMMLA" | "USMMLA" => matrix(mnemonic, s.v[f.rd()], s.v[f.rn()], s.v[f.rm()]),
            "SMAXP" | "SMINP" | "UMAXP" | "UMINP" | "ADDP" => pairwise(mnemonic, f, s),
            _ if f.bits(10, 2) == 0 => different(mnemonic, f, s, s.v[f.rm()], qc),
            _ => same(mnemonic, f, s, s.v[f.rm()], qc),
        },
        "simd_elem" => {
            let (h, l, m) = (f.bits(11, 1), f.bits(21, 1), f.bits(20, 1));
            let wide = mnemonic.ends_with("DOT") || f.size() == 2;
            let bits = if wide { 32 } else { 16 };
            let x =
                if wide { lane(s.v[f.rm()], h << 1 | l, 32) } else { lane(s.v[f.rm() & 15], h << 2 | l << 1 | m, 16) };
            let splat = pack(vec![x; 128 / bits], bits);
            match mnemonic {
                _ if mnemonic.ends_with("DOT") => cut(f, dot(mnemonic, s.v[f.rd()], s.v[f.rn()], splat)),
                "MUL" | "MLA" | "MLS" => same(mnemonic, f, s, splat, qc),
                _ if mnemonic.ends_with('H') => same(mnemonic, f, s, splat, qc),
                _ => different(mnemonic, f, s, splat, qc),
            }
        }
        "simd_misc" => misc(mnemonic, f, s, qc),
        _ => shifts(mnemonic, f, s, qc),
    };
    r.v[f.rd()] = v;
    r
}

/// The low half only, unless the instruction has Q set.
fn cut(f: Fields, v: u128) -> u128 {
    if f.q() { v } else { v & mask(64) }
}

/// Lanes of the result.
fn elements(f: Fields, bits: usize) -> usize {
    if f.scalar() { 1 } else { (if f.q() { 128 } else { 64 }) / bits }
}

fn bitwise(mnemonic: &str, d: u128, n: u128, m: u128) -> u128 {
    match mnemonic {
        "AND" => n & m,
        "BIC" => n & !m,
        "ORR" => n | m,
        "ORN" => n | !m,
        "EOR" => n ^ m,
        "BSL" => n & d | m & !d,
        "BIT" => n & m | d & !m,
        _ => n & !m | d & m,
    }
}

fn dot(mnemonic: &str, d: u128, n: u128, m: u128) -> u128 {
    let byte = |v, e, s: bool| if s { signed(lane(v, e, 8), 8) } else { lane(v, e, 8) };
    let (sn, sm) = (matches!(mnemonic, "SDOT" | "SUDOT"), matches!(mnemonic, "SDOT" | "USDOT"));
    let product = |e| byte(n, e, sn) * byte(m, e, sm);
    pack((0..4).map(|w| lane(d, w, 32) + (4 * w..4 * w + 4).map(product).sum::<i128>()), 32)
}

fn matrix(mnemonic: &str, d: u128, n: u128, m: u128) -> u128 {
    let byte = |v, e, s: bool| if s { signed(lane(v, e, 8), 8) } else { lane(v, e, 8) };
    let (sn, sm) = (mnemonic == "SMMLA", mnemonic != "UMMLA");
    let cell = |i: usize, j: usize| (0..8).map(|k| byte(n, 8 * i + k, sn) * byte(m, 8 * j + k, sm)).sum::<i128>();
    pack((0..4).map(|c| lane(d, c, 32) + cell(c / 2, c % 2)), 32)
}

fn pairwise(mnemonic: &str, f: Fields, s: &State) -> u128 {
    let bits = 8 << f.size();
    let count = elements(f, bits);
    let all: Vec<i128> =
        [f.rn(), f.rm()].iter().flat_map(|&r| (0..count).map(move |e| lane(s.v[r], e, bits))).collect();
    pack(all.chunks(2).map(|p| combine(mnemonic.trim_end_matches('P'), p[0], p[1], bits)), bits)
}

/// ADD and the four extremes.
fn combine(mnemonic: &str, x: i128, y: i128, bits: usize) -> i128 {
    let (sx, sy) = (signed(x, bits), signed(y, bits));
    match mnemonic {
        "ADD" => x + y,
        "SMAX" => sx.max(sy),
        "SMIN" => sx.min(sy),
        "UMAX" => x.max(y),
        _ => x.min(y),
    }
}

fn carryless(x: i128, y: i128, bits: usize) -> i128 {
    (0..bits).filter(|i| y >> i & 1 != 0).fold(0, |r, i| r ^ x << i)
}

/// "Three same", with the second operand given.
fn same(mnemonic: &str, f: Fields, s: &State, second: u128, qc: &mut bool) -> u128 {
    let bits = 8 << f.size();
    let r: Vec<i128> = (0..elements(f, bits))
        .map(|e| {
            let u = [s.v[f.rd()], s.v[f.rn()], second].map(|v| lane(v, e, bits));
            same_lane(mnemonic, bits, u, u.map(|x| signed(x, bits)), qc)
        })
        .collect();
    pack(r, bits)
}

/// Operands d, n and m, unsigned and signed.
fn same_lane(mnemonic: &str, bits: usize, [ud, un, um]: [i128; 3], [sd, sn, sm]: [i128; 3], qc: &mut bool) -> i128 {
    let ones = |yes: bool| -(yes as i128);
    let by = signed(um & 0xff, 8);
    let half = 1 << (bits - 1);
    match mnemonic {
        "ADD" => un + um,
        "SUB" => un - um,
        "MUL" => un.wrapping_mul(um),
        "MLA" => ud + un * um,
        "MLS" => ud - un * um,
        "PMUL" => carryless(un, um, bits),
        "CMGT" => ones(sn > sm),
        "CMGE" => ones(sn >= sm),
        "CMHI" => ones(un > um),
        "CMHS" => ones(un >= um),
        "CMEQ" => ones(un == um),
        "CMTST" => ones(un & um != 0),
        "SHADD" => (sn + sm) >> 1,
        "UHADD" => (un + um) >> 1,
        "SRHADD" => (sn + sm + 1) >> 1,
        "URHADD" => (un + um + 1) >> 1,
        "SHSUB" => (sn - sm) >> 1,
        "UHSUB" => (un - um) >> 1,
        "SMAX" | "SMIN" | "UMAX" | "UMIN" => combine(mnemonic, un, um, bits),
        "SABD" => (sn - sm).abs(),
        "UABD" => (un - um).abs(),
        "SABA" => sd + (sn - sm).abs(),
        "UABA" => ud + (un - um).abs(),
        "SQADD" => saturate(sn + sm, bits, false, qc),
        "UQADD" => saturate(un + um, bits, true, qc),
        "SQSUB" => saturate(sn - sm, bits, false, qc),
        "UQSUB" => saturate(un - um, bits, true, qc),
        "SSHL" => shift(sn, by, bits, false),
        "USHL" => shift(un, by, bits, false),
        "SRSHL" => shift(sn, by, bits, true),
        "URSHL" => shift(un, by, bits, true),
        "SQSHL" => saturate(shift(sn, by, bits, false), bits, false, qc),
        "UQSHL" => saturate(shift(un, by, bits, false), bits, true, qc),
        "SQRSHL" => saturate(shift(sn, by, bits, true), bits, false, qc),
        "UQRSHL" => saturate(shift(un, by, bits, true), bits, true, qc),
        "SQDMULH" => saturate((2 * sn * sm) >> bits, bits, false, qc),
        "SQRDMULH" => saturate((2 * sn * sm + half) >> bits, bits, false, qc),
        "SQRDMLAH" => saturate(((sd << bits) + 2 * sn * sm + half) >> bits, bits, false, qc),
        "SQRDMLSH" => saturate(((sd << bits) - 2 * sn * sm + half) >> bits, bits, false, qc),
        _ => panic!("no reference for {mnemonic}"),
    }
}

/// "Three different": long, wide and narrow, with the second operand given.
fn different(mnemonic: &str, f: Fields, s: &State, second: u128, qc: &mut bool) -> u128 {
    if mnemonic == "PMULL" && f.size() == 3 {
        let e = f.q() as usize;
        return (0..64)
            .filter(|&i| lane(second, e, 64) >> i & 1 != 0)
            .fold(0, |r, i| r ^ (lane(s.v[f.rn()], e, 64) as u128) << i);
    }
    let bits = 8 << f.size();
    let upper = f.q() && !f.scalar();
    let count = if f.scalar() { 1 } else { 64 / bits };
    let part = if upper { count } else { 0 };
    let [d, n] = [s.v[f.rd()], s.v[f.rn()]];
    if mnemonic.ends_with("HN") {
        let round = if mnemonic.starts_with('R') { 1 << (bits - 1) } else { 0 };
        let high = |e| {
            let (x, y) = (lane(n, e, 2 * bits), lane(second, e, 2 * bits));
            (if mnemonic.contains("ADD") { x + y } else { x - y } + round) >> bits
        };
        return place(upper, d, pack((0..count).map(high), bits));
    }
    let unsigned = mnemonic.starts_with('U');
    let value = |x, bits| if unsigned { x } else { signed(x, bits) };
    let r: Vec<i128> = (0..count)
        .map(|e| {
            let (ud, wn) = (lane(d, e, 2 * bits), value(lane(n, e, 2 * bits), 2 * bits));
            let (x, y) = (value(lane(n, part + e, bits), bits), value(lane(second, part + e, bits), bits));
            let mut doubled = || saturate(2 * x * y, 2 * bits, false, qc);
            match mnemonic.trim_start_matches(['S', 'U']) {
                "ADDL" => x + y,
                "BL" => x - y,
                "ADDW" => wn + y,
                "BW" => wn - y,
                "ABDL" => (x - y).abs(),
                "ABAL" => ud + (x - y).abs(),
                "MULL" => x * y,
                "MLAL" => ud + x * y,
                "MLSL" => ud - x * y,
                "PMULL" => carryless(x & 0xff, y & 0xff, 8),
                "QDMULL" => doubled(),
                "QDMLAL" => {
                    let p = doubled();
                    saturate(signed(ud, 2 * bits) + p, 2 * bits, false, qc)
                }
                "QDMLSL" => {
                    let p = doubled();
                    saturate(signed(ud, 2 * bits) - p, 2 * bits, false, qc)
                }
                _ => panic!("no reference for {mnemonic}"),
            }
        })
        .collect();
    pack(r, 2 * bits)
}

/// A narrow result in the lower half, or above the kept lower half of the destination.
fn place(upper: bool, d: u128, r: u128) -> u128 {
    if upper { d & mask(64) | r << 64 } else { r }
}

/// "Two-register miscellaneous", "across lanes", "scalar pairwise".
fn misc(mnemonic: &str, f: Fields, s: &State, qc: &mut bool) -> u128 {
    let bits = 8 << f.size();
    let [d, n] = [s.v[f.rd()], s.v[f.rn()]];
    let total = if f.q() { 128 } else { 64 };
    let all = || (0..total / bits).map(|e| lane(n, e, bits));
    match mnemonic {
        "REV64" | "REV32" | "REV16" => {
            let group = mnemonic[3..].parse::<usize>().unwrap() / bits;
            return pack((0..total / bits).map(|e| lane(n, e / group * group + group - 1 - e % group, bits)), bits);
        }
        "SADDLP" | "UADDLP" | "SADALP" | "UADALP" => {
            let value = |e| if mnemonic.starts_with('S') { signed(lane(n, e, bits), bits) } else { lane(n, e, bits) };
            let base = |e| if mnemonic.contains("ADAL") { lane(d, e, 2 * bits) } else { 0 };
            return pack((0..total / bits / 2).map(|e| base(e) + value(2 * e) + value(2 * e + 1)), 2 * bits);
        }
        "SADDLV" => return pack([all().map(|x| signed(x, bits)).sum()], 2 * bits),
        "UADDLV" => return pack([all().sum()], 2 * bits),
        "ADDV" | "SMAXV" | "SMINV" | "UMAXV" | "UMINV" => {
            let mnemonic = mnemonic.trim_end_matches('V');
            return pack(all().reduce(|x, y| combine(mnemonic, x & mask(bits) as i128, y, bits)), bits);
        }
        "ADDP" => return pack([lane(n, 0, 64) + lane(n, 1, 64)], 64),
        "SHLL" => {
            let first = if f.q() { 64 / bits } else { 0 };
            return pack((0..64 / bits).map(|e| lane(n, first + e, bits) << bits), 2 * bits);
        }
        "XTN" | "SQXTN" | "UQXTN" | "SQXTUN" => {
            let count = if f.scalar() { 1 } else { 64 / bits };
            let r: Vec<i128> = (0..count).map(|e| extract_narrow(mnemonic, lane(n, e, 2 * bits), bits, qc)).collect();
            return place(f.q() && !f.scalar(), d, pack(r, bits));
        }
        _ => {}
    }
    let bits = if matches!(mnemonic, "NOT" | "RBIT") { 8 } else { bits };
    let r: Vec<i128> =
        (0..elements(f, bits)).map(|e| misc_lane(mnemonic, bits, lane(d, e, bits), lane(n, e, bits), qc)).collect();
    pack(r, bits)
}

fn extract_narrow(mnemonic: &str, x: i128, bits: usize, qc: &mut bool) -> i128 {
    match mnemonic {
        "XTN" => x,
        "SQXTN" => saturate(signed(x, 2 * bits), bits, false, qc),
        "UQXTN" => saturate(x, bits, true, qc),
        _ => saturate(signed(x, 2 * bits), bits, true, qc),
    }
}

fn misc_lane(mnemonic: &str, bits: usize, d: i128, n: i128, qc: &mut bool) -> i128 {
    let ones = |yes: bool| -(yes as i128);
    let (sd, sn) = (signed(d, bits), signed(n, bits));
    let bit = |i: usize| n >> i & 1;
    match mnemonic {
        "NOT" => !n,
        "RBIT" => (0..8).fold(0, |r, i| r | bit(i) << (7 - i)),
        "CNT" => (0..bits).map(bit).sum(),
        "CLZ" => (0..bits).rev().take_while(|&i| bit(i) == 0).count() as i128,
        "CLS" => (0..bits - 1).rev().take_while(|&i| bit(i) == bit(bits - 1)).count() as i128,
        "ABS" => sn.abs(),
        "NEG" => -sn,
        "SQABS" => saturate(sn.abs(), bits, false, qc),
        "SQNEG" => saturate(-sn, bits, false, qc),
        "SUQADD" => saturate(sd + n, bits, false, qc),
        "USQADD" => saturate(d + sn, bits, true, qc),
        "CMGT" => ones(sn > 0),
        "CMGE" => ones(sn >= 0),
        "CMEQ" => ones(sn == 0),
        "CMLE" => ones(sn <= 0),
        "CMLT" => ones(sn < 0),
        _ => panic!("no reference for {mnemonic}"),
    }
}

/// "Shift by immediate".
fn shifts(mnemonic: &str, f: Fields, s: &State, qc: &mut bool) -> u128 {
    let [d, n] = [s.v[f.rd()], s.v[f.rn()]];
    let imm = f.bits(16, 7);
    let bits = 8 << (imm >> 3).ilog2();
    let unsigned = mnemonic.starts_with('U');
    if mnemonic.ends_with('N') {
        let (round, amount) = (mnemonic.contains("RSHR"), 2 * bits - imm);
        let count = if f.scalar() { 1 } else { 64 / bits };
        let r: Vec<i128> = (0..count)
            .map(|e| {
                let x = lane(n, e, 2 * bits);
                let x = shift_right(if unsigned { x } else { signed(x, 2 * bits) }, amount, round);
                let saturates = mnemonic.contains('Q');
                if saturates { saturate(x, bits, unsigned || mnemonic.ends_with("UN"), qc) } else { x }
            })
            .collect();
        return place(f.q() && !f.scalar(), d, pack(r, bits));
    }
    if mnemonic.ends_with("LL") {
        let first = if f.q() { 64 / bits } else { 0 };
        let value = |x| if unsigned { x } else { signed(x, bits) };
        return pack((0..64 / bits).map(|e| value(lane(n, first + e, bits)) << (imm - bits)), 2 * bits);
    }
    let (left, right) = (imm - bits, 2 * bits - imm);
    let r: Vec<i128> = (0..elements(f, bits))
        .map(|e| {
            let (d, n) = (lane(d, e, bits), lane(n, e, bits));
            let x = if unsigned { n } else { signed(n, bits) };
            match mnemonic {
                "SHL" => n << left,
                "SLI" => n << left | d & mask(left) as i128,
                "SRI" => n >> right | d & !(mask(bits) as i128 >> right),
                "SQSHL" | "UQSHL" => saturate(x << left, bits, unsigned, qc),
                "SQSHLU" => saturate(x << left, bits, true, qc),
                "SSHR" | "USHR" => shift_right(x, right, false),
                "SRSHR" | "URSHR" => shift_right(x, right, true),
                "SSRA" | "USRA" => d + shift_right(x, right, false),
                "SRSRA" | "URSRA" => d + shift_right(x, right, true),
                _ => panic!("no reference for {mnemonic}"),
            }
        })
        .collect();
    pack(r, bits)
}
