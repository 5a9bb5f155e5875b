//! The contract with the engine.

use crate::cpu::Cpu;
use crate::sem::{self, Cx};
use crate::{exec, gate, pattern, state};
use brolga_core::{Env, Exit, Fault, RegTable};
use brolga_ir::{Block, Builder, DisasContext, Flow, Frontend, Helper, Pattern};
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, Instruction};

/// The x86-64 front end.
#[derive(Clone, Copy, Debug, Default)]
pub struct X86;

/// Mode bits: MXCSR.DAZ, the rounding mode and FTZ, which are bits 6, 14..13 and 15 of MXCSR; whether all is masked; then what
/// EFLAGS and the x87 control word ask for.
pub mod mode {
    use crate::state::{self, AC, EFLAGS_OTHER, FPU_CONTROL, TF};
    use brolga_core::Env;

    /// Denormal operands count as zero.
    pub const DAZ: u32 = 1;
    /// Some exception of SSE is not masked.
    pub const UNMASKED: u32 = 1 << 4;
    /// Every instruction is followed by a debug exception: EFLAGS.TF.
    pub const STEP: u32 = 1 << 5;
    /// Accesses have to be aligned: EFLAGS.AC.
    pub const ALIGN: u32 = 1 << 6;
    /// Some exception of x87 is not masked.
    pub const X87: u32 = 1 << 7;

    /// The mode bits of a register file.
    pub fn of(env: &Env) -> u32 {
        let other = env.get(EFLAGS_OTHER);
        let x87 = env.get(FPU_CONTROL) & 0x3f != 0x3f;
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        of_mxcsr(env.get(state::MXCSR)) | bit(other & TF != 0, STEP) | bit(other & AC != 0, ALIGN) | bit(x87, X87)
    }

    /// The mode bits of an MXCSR.
    const fn of_mxcsr(mxcsr: u64) -> u32 {
        let unmasked = mxcsr >> 7 & 0x3f != 0x3f;
        (mxcsr >> 6 & 1 | mxcsr >> 12 & 0xe) as u32 | if unmasked { UNMASKED } else { 0 }
    }
}

/// CPUID.
const CPUID: [u8; 2] = [0x0f, 0xa2];

/// The instruction at the start of `bytes`; `None` if more bytes are needed.
pub(crate) fn decode(bytes: &[u8], pc: u64) -> Option<Instruction> {
    // Every program begins with some of it. The decoder makes its tables when it is first asked, which takes a tenth of the time of
    // a program that has only usual instructions else.
    if bytes.starts_with(&CPUID) {
        let mut insn = Instruction::default();
        insn.set_code(iced_x86::Code::Cpuid);
        insn.set_len(CPUID.len());
        insn.set_next_ip(pc.wrapping_add(CPUID.len() as u64));
        insn.set_code_size(iced_x86::CodeSize::Code64);
        return Some(insn);
    }
    let mut decoder = Decoder::with_ip(64, bytes, pc, DecoderOptions::NONE);
    let insn = decoder.decode();
    (decoder.last_error() != DecoderError::NoMoreBytes).then_some(insn)
}

impl Frontend for X86 {
    fn name(&self) -> &'static str {
        "x86_64"
    }

    fn regs(&self) -> &'static RegTable {
        &state::REGS
    }

    fn helpers(&self) -> &'static [Helper] {
        exec::HELPERS
    }

    fn mode(&self, env: &Env) -> u32 {
        mode::of(env)
    }

    fn code_align(&self) -> u64 {
        1
    }

    fn insn_len(&self, bytes: &[u8]) -> Option<usize> {
        if bytes.starts_with(&gate::CLOCK) {
            return Some(gate::CLOCK.len());
        }
        decode(bytes, 0).map(|insn| insn.len().max(1))
    }

    // Not for translation: the library makes the texts of all instructions at the first question.
    fn mnemonic(&self, bytes: &[u8]) -> Option<&'static str> {
        let insn = decode(bytes, 0).filter(|insn| insn.code() != Code::INVALID)?;
        let text = insn.op_code().instruction_string();
        text.split(' ').find(|word| !matches!(*word, "REP" | "REPE" | "REPNE" | "LOCK"))
    }

    fn pattern(&self, dc: &DisasContext) -> Option<Pattern> {
        pattern::pattern(dc)
    }

    fn translate_insn(&self, dc: &mut DisasContext) -> Flow {
        translate(dc, Cpu::MAX)
    }

    fn single_steps(&self, mode: u32) -> bool {
        mode & mode::STEP != 0
    }

    fn fault(&self, env: &Env, fault: Fault, read: &dyn Fn(&mut [u8]) -> usize) -> Exit {
        crate::fault::exit(env, fault, read)
    }
}

/// One instruction in a mode, as a block of its own.
pub(crate) fn translate_at(bytes: [u8; 16], available: usize, pc: u64, mode: u32) -> Block {
    let mut dc = DisasContext { b: Builder::new(pc, mode), pc, bytes, available, mode };
    translate(&mut dc, Cpu::MAX);
    dc.b.block
}

fn translate(dc: &mut DisasContext, cpu: Cpu) -> Flow {
    let bytes = &dc.bytes[..dc.available];
    let insn = decode(bytes, dc.pc).unwrap_or_default();
    let gate = bytes.starts_with(&gate::CLOCK);
    dc.b.insn_start(dc.pc, if gate { gate::CLOCK.len() } else { insn.len().max(1) } as u16);
    let word = u32::from_le_bytes([dc.bytes[0], dc.bytes[1], dc.bytes[2], dc.bytes[3]]);
    let mut cx = Cx { pc: dc.pc, mode: dc.mode, b: &mut dc.b, i: &insn, word, cpu, half: None };
    if gate {
        return gate::translate(&mut cx);
    }
    if !cpu.runs(insn.code()) {
        return cx.undefined();
    }
    sem::translate(&mut cx)
}

/// The x86-64 front end with a chosen processor: what CPUID tells, and #UD for instructions that it does not have.
#[derive(Clone, Copy, Debug)]
pub struct X86With(pub Cpu);

impl Frontend for X86With {
    fn name(&self) -> &'static str {
        X86.name()
    }

    fn regs(&self) -> &'static RegTable {
        X86.regs()
    }

    fn helpers(&self) -> &'static [Helper] {
        X86.helpers()
    }

    fn mode(&self, env: &Env) -> u32 {
        X86.mode(env)
    }

    fn code_align(&self) -> u64 {
        X86.code_align()
    }

    fn insn_len(&self, bytes: &[u8]) -> Option<usize> {
        X86.insn_len(bytes)
    }

    fn mnemonic(&self, bytes: &[u8]) -> Option<&'static str> {
        X86.mnemonic(bytes)
    }

    fn pattern(&self, dc: &DisasContext) -> Option<Pattern> {
        X86.pattern(dc)
    }

    fn translate_insn(&self, dc: &mut DisasContext) -> Flow {
        translate(dc, self.0)
    }

    fn single_steps(&self, mode: u32) -> bool {
        X86.single_steps(mode)
    }

    fn fault(&self, env: &Env, fault: Fault, read: &dyn Fn(&mut [u8]) -> usize) -> Exit {
        X86.fault(env, fault, read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuid_is_what_the_decoder_makes_of_it() {
        let bytes = [0x0f, 0xa2, 0xcc];
        let (own, decoded) = (decode(&bytes, 0x1234).unwrap(), Decoder::with_ip(64, &bytes, 0x1234, 0).decode());
        assert!(own.eq_all_bits(&decoded), "{own:?} {decoded:?}");
    }
}
