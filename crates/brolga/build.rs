//! Has tier 0 learn usual instructions of each guest: what it knows then is part of the program.

use brolga_interp::{Draft, Flat, usual};
use brolga_ir::{Builder, DisasContext, Draft as _, Flow, Frontend, Pattern};
use std::path::Path;

/// Two places that instructions may have.
const PLACES: [u64; 2] = [0x10_0000, 0x7654_3210_fed0];

fn main() {
    println!("cargo::rerun-if-changed=usual");
    // Some hosts' usual processor lacks these.
    let fewer = brolga_x86::cpu::Cpu::parse("max,-sha-ni,-gfni").expect("they are features");
    let source = [
        learn("A64", include_str!("usual/aarch64.txt"), &[&brolga_arm::A64]),
        learn("X86_64", include_str!("usual/x86_64.txt"), &[&brolga_x86::X86, &brolga_x86::X86With(fewer)]),
    ];
    let folder = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("usual.rs"), source.concat()).expect("the folder is cargo's");
}

/// Learns the instructions of `list` by the first front end; returns Rust for what is known then. Those that have no pattern are to be
/// the same by all front ends.
fn learn(name: &str, list: &str, frontends: &[&dyn Frontend]) -> String {
    for hex in list.split_whitespace() {
        let bytes = bytes(hex);
        match frontends[0].pattern(&context(bytes, PLACES[0])) {
            Some(pattern) => _ = lower(frontends[0], bytes, PLACES[0], Some(&pattern)),
            None => learn_exact(frontends, bytes, (hex.len() / 2) as u8),
        }
    }
    usual::source(name)
}

/// The bytes of an instruction in hexadecimal.
fn bytes(hex: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (at, byte) in bytes[..hex.len() / 2].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits");
    }
    bytes
}

/// The instruction by way of its IR, if that is for drafts; `learning` its pattern.
fn lower(frontend: &dyn Frontend, bytes: [u8; 16], pc: u64, learning: Option<&Pattern>) -> Option<(Flat, Flow)> {
    let mut dc = context(bytes, pc);
    let flow = frontend.translate_insn(&mut dc);
    let mut draft = Draft::begin(pc, frontend.regs());
    let fits = draft.add(&dc.b.block, frontend.regs()).is_ok();
    if let Some(pattern) = learning.filter(|_| fits) {
        draft.learn(pc, pattern, flow);
    }
    let flat = draft.finish();
    fits.then_some((flat, flow))
}

fn learn_exact(frontends: &[&dyn Frontend], bytes: [u8; 16], len: u8) {
    let at = |pc| frontends.iter().map(|frontend| lower(*frontend, bytes, pc, None)).collect::<Option<Vec<_>>>();
    let (Some(here), Some(there)) = (at(PLACES[0]), at(PLACES[1])) else { return };
    let same =
        |all: &[(Flat, Flow)]| all.iter().all(|(flat, _)| flat.ops == all[0].0.ops && flat.wide == all[0].0.wide);
    if same(&here) && same(&there) {
        let places = [(PLACES[0], &here[0].0), (PLACES[1], &there[0].0)];
        usual::learn_exact(&Pattern::exact(bytes, len), places, here[0].1);
    }
}

fn context(bytes: [u8; 16], pc: u64) -> DisasContext {
    DisasContext { b: Builder::new(pc, 0), pc, bytes, available: bytes.len(), mode: 0 }
}
