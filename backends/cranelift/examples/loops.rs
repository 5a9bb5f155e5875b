//! Times small guest loops as one region, and prints what they become with `-l`.
#![allow(unsafe_code, reason = "none needed; examples share the test harness")]

#[path = "../tests/common/mod.rs"]
mod common;

use brolga_arm::state;
use brolga_core::Reg;
use brolga_cranelift::{HostExit, Options};
use common::program::{BASE, Program};
use common::*;
use std::time::Instant;

/// A loop: its name, its words (it leaves at the end), and how often x0 counts.
const LOOPS: &[(&str, &[u32])] = &[
    // subs x0, x0, #1; b.ne .
    ("count", &[0xf100_0400, 0x54ff_ffe1]),
    // ldrb w3, [x1], #1; eor w2, w2, w3; add w2, w2, w2, ror #5... as a byte hash; subs; b.ne
    ("hash", &[0x3940_0023, 0x4a03_0042, 0x0b42_1442, 0xf100_0400, 0x54ff_ff81]),
    // ldr x3, [x1]; ldr x4, [x1, #8]; add x2, x2, x3; eor x2, x2, x4; str x2, [x1, #16]; subs; b.ne
    ("memory", &[0xf940_0023, 0xf940_0424, 0x8b03_0042, 0xca04_0042, 0xf900_0822, 0xf100_0400, 0x54ff_ff41]),
    // bl f; subs x0, x0, #1; b.ne .-8; b end; f: add x2, x2, #1; ret; end
    ("call", &[0x9400_0004, 0xf100_0400, 0x54ff_ffc1, 0x1400_0003, 0x9100_0442, 0xd65f_03c0]),
];

fn main() {
    let list = std::env::args().any(|a| a == "-l");
    let mut data = [1u64; 8];
    for optimize in [false, true] {
        let rig = Rig::new(Options { optimize, ..Options::default() });
        for (name, words) in LOOPS {
            for precise in [false, true] {
                let mut program = Program::new(words.to_vec());
                let blocks = program.reachable(BASE, 20);
                let mut region = region(blocks, precise);
                if *name == "call" {
                    region.entries.push(1);
                }
                if list {
                    let l = rig.tier.listing(&region).unwrap();
                    println!("== {name} precise={precise} optimize={optimize}\n{}\n{}", l.middle, l.host);
                }
                let began = Instant::now();
                let compiled = rig.tier.compile(&region).unwrap();
                let compile = began.elapsed();
                let code = rig.tier.install(compiled).unwrap();
                for &(slot, pc) in &code.exits {
                    if let Some(e) = code.entries.iter().find(|e| e.0 == pc) {
                        rig.tier.link(slot, e.1);
                    }
                }
                let mut env = brolga_core::Env::default();
                const N: u64 = 50_000_000;
                env.set(Reg(0), N);
                env.set(Reg(1), data.as_mut_ptr() as u64);
                env.set(state::PC, BASE);
                let mut cpu = Cpu::new(&rig, &env);
                let began = Instant::now();
                let exit = rig.tier.enter(code.entries[0].1, &mut cpu.env);
                let ns = began.elapsed().as_nanos() as f64 / N as f64;
                assert!(matches!(exit, HostExit::Goto { .. }), "{exit:?}");
                println!(
                    "{name:8} precise={precise:5} optimize={optimize:5} {ns:.2} ns/iteration, compiled in {compile:?}, {} bytes",
                    code.host_bytes()
                );
            }
        }
    }
}
