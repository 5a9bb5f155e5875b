//! What tier 0 knows of usual instructions beforehand: `build.rs` had it learn those in `usual`.

use brolga_interp::usual::{Base, FlagUse, Learnt, Own, Template, Usual};
use brolga_interp::{Code, FlatOp};
use brolga_ir::Flow;

include!(concat!(env!("OUT_DIR"), "/usual.rs"));

#[cfg(test)]
mod tests {
    use crate::processor::Processor;
    use brolga_interp::{Draft, Flat, Interp};
    use brolga_ir::{Builder, Composer, DisasContext, Draft as _, Interpreter as _};
    use brolga_softmmu::direct::DirectMemory;
    use brolga_user::Guest;

    /// The instruction in hexadecimal, at a place.
    fn context(hex: &str, pc: u64) -> DisasContext {
        let mut bytes = [0xcc; 16];
        for (at, byte) in bytes[..hex.len() / 2].iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        }
        DisasContext { b: Builder::new(pc, 0), pc, bytes, available: 16, mode: 0 }
    }

    /// Compares what is known of each instruction of `list` with what lowering makes of it, wherever it is; returns how many are
    /// known and how many there are.
    fn known(guest: Guest, list: &str) -> (usize, usize) {
        let processor = Processor::usual(guest);
        let (frontend, usual) = (processor.frontend(), processor.usual_instructions());
        let (regs, memory) = (frontend.regs(), DirectMemory { base: 0, tagged: false });
        let tier0 = Interp { memory, helpers: frontend.helpers(), fetch: |_, _, _| unreachable!(), usual };
        let code = |flat: &Flat| (flat.ops.clone(), flat.wide.clone());
        let (mut known, mut all, mut pc) = (0, 0, 0x5555_0000_1000u64);
        for hex in list.split_whitespace() {
            pc = pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17 & !3;
            let mut plain = context(hex, pc);
            let flow = frontend.translate_insn(&mut plain);
            let mut draft = Draft::begin(pc, regs);
            draft.add(&plain.b.block, regs).unwrap();
            let lowered = code(&draft.finish());
            let mut dc = context(hex, pc);
            let mut draft = tier0.begin(pc, regs);
            // What it learns only now does not count.
            let usual = frontend.pattern(&dc).is_none_or(|pattern| draft.knows(&pattern));
            let mut composer = Composer::new(&*frontend, draft);
            assert_eq!(composer.step(&mut dc), flow, "{hex}");
            assert_eq!(dc.b.block.end, plain.b.block.end, "{hex}");
            known += usize::from(usual && dc.b.block.insts.is_empty());
            all += 1;
            assert_eq!(code(&composer.finish(&dc.b.block).unwrap().finish()), lowered, "{hex} at {pc:#x}");
        }
        (known, all)
    }

    #[test]
    fn usual_instructions_are_what_lowering_makes_of_them() {
        for (guest, list) in [
            (Guest::Aarch64, include_str!("../usual/aarch64.txt")),
            (Guest::X86_64, include_str!("../usual/x86_64.txt")),
        ] {
            // What a place makes unlike others, as a jump to the next instruction, is not.
            let (known, all) = known(guest, list);
            assert!(known * 10 > all * 9, "{guest:?}: {known} of {all}");
        }
    }
}
