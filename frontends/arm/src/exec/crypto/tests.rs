//! The host's instructions against the software forms.

use super::{aes, host, sha};
use crate::exec::simd_lanes::vectors;
use crate::exec::{set_v, simd_three, v};
use crate::sem::crypto::{AesOp, CryptoOp};
use brolga_core::Env;
use std::fmt::Debug;

/// Numbers from a linear congruential generator (Knuth's constants).
fn random(seed: &mut u64) -> u128 {
    let mut half = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed ^ *seed >> 29) as u128
    };
    half() << 64 | half()
}

/// Vd, Vn and Vm are registers 0, 1 and 2; bit 30 is Q.
const WORD: u64 = 2 << 16 | 1 << 5;

#[test]
fn the_host_agrees_with_the_software() {
    use CryptoOp::{Sha1c, Sha1m, Sha1p, Sha256h, Sha256h2, Sha256su0, Sha256su1};
    let mut seed = 1;
    for round in 0..2000 {
        let regs = [(); 3].map(|()| if round == 0 { 0 } else { random(&mut seed) });
        let run = |f: &dyn Fn(&mut Env) -> bool| {
            let mut env = Env::default();
            regs.into_iter().enumerate().for_each(|(k, x)| set_v(&mut env, k as u32, x));
            f(&mut env).then(|| v(&env, 0))
        };
        let agree = |what: &dyn Debug, host: &dyn Fn(&mut Env) -> bool, software: &dyn Fn(&mut Env)| {
            let want = run(&|env| {
                software(env);
                true
            });
            // A host without the instruction has nothing to compare.
            assert!([None, want].contains(&run(host)), "{what:?} of {regs:#x?}");
        };
        let w = vectors(WORD);
        for op in [AesOp::Aese, AesOp::Aesd, AesOp::Aesmc, AesOp::Aesimc] {
            agree(&op, &|env| host::aes(env, w, op), &|env| aes::software(env, w, op));
        }
        for op in [Sha1c, Sha1p, Sha1m, Sha256h, Sha256h2, Sha256su0, Sha256su1] {
            agree(&op, &|env| host::sha(env, w, op), &|env| sha::software(env, w, op));
        }
        for word in [WORD, WORD | 1 << 30] {
            let w = vectors(word);
            agree(&word, &|env| host::carryless(env, w), &|env| simd_three::pmull64_software(env, w));
        }
    }
}

/// A checksum bit by bit.
fn crc(poly: u32, acc: u32, value: u64, bytes: u32) -> u32 {
    let fold = |r: u32| if r & 1 != 0 { r >> 1 ^ poly } else { r >> 1 };
    let byte = |r: u32, k: u32| (0..8).fold(r ^ (value >> (8 * k)) as u8 as u32, |r, _| fold(r));
    (0..bytes).fold(acc, byte)
}

#[test]
fn checksums_are_as_bit_by_bit() {
    let mut seed = 2;
    for _ in 0..2000 {
        let x = random(&mut seed);
        let (acc, value) = (x as u32, (x >> 64) as u64);
        for bytes in [1, 2, 4, 8] {
            for (poly, how) in [(0xedb8_8320, 0), (0x82f6_3b78, 0x100)] {
                let got = crate::exec::int::crc32(&mut Env::default(), acc as u64, value, how | bytes as u64);
                assert_eq!(got, crc(poly, acc, value, bytes) as u64, "{poly:#x} {acc:#x} {value:#x} {bytes}");
            }
            let want = crc(0x82f6_3b78, acc, value, bytes);
            let software = crate::exec::int::crc32c_software(acc, value, bytes);
            assert_eq!(software, want, "{acc:#x} {value:#x} {bytes}");
        }
    }
}
