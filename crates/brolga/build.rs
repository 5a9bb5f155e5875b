//! Has tier 0 learn usual instructions of each guest: what it knows then is part of the program.

use brolga_interp::{Draft, Flat, usual};
use brolga_ir::{Builder, DisasContext, Draft as _, Flow, Frontend, Pattern};
use std::path::Path;

/// Two places that instructions may have.
const PLACES: [u64; 2] = [0x10_0000, 0x7654_3210_fed0];

/// A guest's front ends: the first for what it learns, the others for what is then to be the same.
struct Guest {
    frontends: Vec<Box<dyn Frontend>>,
}

fn main() {
    println!("cargo::rerun-if-changed=usual");
    // Some hosts' usual processor lacks these.
    let fewer = brolga_x86::cpu::Cpu::parse("max,-sha-ni,-gfni").expect("they are features");
    let a64 = Guest { frontends: vec![Box::new(brolga_arm::A64)] };
    let x86 = Guest { frontends: vec![Box::new(brolga_x86::X86), Box::new(brolga_x86::X86With(fewer))] };
    let source =
        [a64.learn("A64", include_str!("usual/aarch64.txt")), x86.learn("X86_64", include_str!("usual/x86_64.txt"))];
    let folder = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("usual.rs"), source.concat()).expect("the folder is cargo's");
}

/// The bytes of an instruction in hexadecimal.
fn bytes(hex: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (at, byte) in bytes[..hex.len() / 2].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits");
    }
    bytes
}

impl Guest {
    /// Learns the instructions of `list`; returns Rust for what is known then.
    fn learn(&self, name: &str, list: &str) -> String {
        for hex in list.lines().flat_map(str::split_whitespace) {
            let (bytes, len) = (bytes(hex), hex.len() / 2);
            self.learn_pattern(bytes);
            self.learn_exact(bytes, len as u8);
        }
        usual::source(name)
    }

    /// The instruction by way of its IR, if that is for drafts. Its pattern is learnt if it has one.
    fn lower(
        &self,
        frontend: &dyn Frontend,
        bytes: [u8; 16],
        pc: u64,
        learning: Option<&Pattern>,
    ) -> Option<(Flat, Flow)> {
        let mut dc = context(bytes, pc);
        let flow = frontend.translate_insn(&mut dc);
        let mut draft = Draft::begin(pc, self.frontends[0].regs());
        let fits = draft.add(&dc.b.block, frontend.regs()).is_ok();
        if let Some(pattern) = learning.filter(|_| fits) {
            draft.learn(pc, pattern, flow);
        }
        let flat = draft.finish();
        fits.then_some((flat, flow))
    }

    fn learn_pattern(&self, bytes: [u8; 16]) {
        let [pc, _] = PLACES;
        if let Some(pattern) = self.frontends[0].pattern(&context(bytes, pc)) {
            self.lower(&*self.frontends[0], bytes, pc, Some(&pattern));
        }
    }

    /// Learns an instruction that has no pattern for itself.
    fn learn_exact(&self, bytes: [u8; 16], len: u8) {
        let [pc, other_pc] = PLACES;
        if self.frontends[0].pattern(&context(bytes, pc)).is_some() {
            return;
        }
        let at = |pc| {
            self.frontends.iter().map(|frontend| self.lower(&**frontend, bytes, pc, None)).collect::<Option<Vec<_>>>()
        };
        let (Some(here), Some(there)) = (at(pc), at(other_pc)) else { return };
        let same =
            |all: &[(Flat, Flow)]| all.iter().all(|(flat, _)| flat.ops == all[0].0.ops && flat.wide == all[0].0.wide);
        if same(&here) && same(&there) {
            usual::learn_exact(&Pattern::exact(bytes, len), [(pc, &here[0].0), (other_pc, &there[0].0)], here[0].1);
        }
    }
}

fn context(bytes: [u8; 16], pc: u64) -> DisasContext {
    DisasContext { b: Builder::new(pc, 0), pc, bytes, available: bytes.len(), mode: 0 }
}
