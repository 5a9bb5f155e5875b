//! The contract with the engine.

use crate::cpu::Cpu;
use crate::sem::{self, Cx};
use crate::{a64, exec, pattern, state};
use brolga_core::{Env, RegTable};
use brolga_ir::{DisasContext, Flow, Frontend, Helper, Pattern};

/// The A64 front end.
#[derive(Clone, Copy, Debug, Default)]
pub struct A64;

impl Frontend for A64 {
    fn name(&self) -> &'static str {
        "aarch64"
    }

    fn regs(&self) -> &'static RegTable {
        &state::REGS
    }

    fn helpers(&self) -> &'static [Helper] {
        exec::HELPERS
    }

    fn mode(&self, env: &Env) -> u32 {
        // FPCR: AHP, DN, FZ, RMode and FZ16 are bits 26..22 and 19.
        (env.get(state::FPCR) >> 19) as u32 & 0xf9
    }

    fn code_align(&self) -> u64 {
        4
    }

    fn insn_len(&self, bytes: &[u8]) -> Option<usize> {
        (bytes.len() >= 4).then_some(4)
    }

    fn mnemonic(&self, bytes: &[u8]) -> Option<&'static str> {
        a64::mnemonic(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
    }

    fn pattern(&self, dc: &DisasContext) -> Option<Pattern> {
        pattern::pattern(word(dc), dc.pc)
    }

    fn translate_insn(&self, dc: &mut DisasContext) -> Flow {
        translate(dc, Cpu::default())
    }
}

fn word(dc: &DisasContext) -> u32 {
    let [b0, b1, b2, b3, ..] = dc.bytes;
    u32::from_le_bytes([b0, b1, b2, b3])
}

fn translate(dc: &mut DisasContext, cpu: Cpu) -> Flow {
    let word = word(dc);
    dc.b.insn_start(dc.pc, 4);
    let mut cx = Cx { cpu, ..Cx::new(dc, word) };
    match sem::translate(word, &mut cx) {
        Some(flow) => flow,
        None => cx.undefined(),
    }
}

/// The A64 front end with the identification registers of a chosen processor.
#[derive(Clone, Copy, Debug)]
pub struct A64With(pub Cpu);

impl Frontend for A64With {
    fn name(&self) -> &'static str {
        A64.name()
    }

    fn regs(&self) -> &'static RegTable {
        A64.regs()
    }

    fn helpers(&self) -> &'static [Helper] {
        A64.helpers()
    }

    fn mode(&self, env: &Env) -> u32 {
        A64.mode(env)
    }

    fn code_align(&self) -> u64 {
        A64.code_align()
    }

    fn insn_len(&self, bytes: &[u8]) -> Option<usize> {
        A64.insn_len(bytes)
    }

    fn mnemonic(&self, bytes: &[u8]) -> Option<&'static str> {
        A64.mnemonic(bytes)
    }

    fn pattern(&self, dc: &DisasContext) -> Option<Pattern> {
        A64.pattern(dc)
    }

    fn translate_insn(&self, dc: &mut DisasContext) -> Flow {
        translate(dc, self.0)
    }
}
