//! A case: instructions and the state that they start from, as the host and as the harness hold it.

use crate::host::Registers;
use brolga_core::Env;
use brolga_harness::{Guest, GuestState};
use brolga_x86::state;
use iced_x86::{Decoder, DecoderOptions, Formatter as _, Instruction, IntelFormatter};

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// The only executable page.
pub const CODE_PAGE: u64 = 0x40_0000;
/// Where the code under test begins: short branches stay in the page.
pub const CODE: u64 = CODE_PAGE + PAGE / 2;
/// The only pages with data; nothing is mapped around them.
pub const DATA: u64 = 0x50_0000;
/// Bytes there.
pub const DATA_LEN: u64 = 2 * PAGE;

/// Instructions and what they start from.
#[derive(Clone, Debug)]
pub struct Case {
    /// Bytes at [`CODE`].
    pub code: Vec<u8>,
    /// The same, decoded.
    pub instructions: Vec<Instruction>,
    /// Registers; RIP is [`CODE`].
    pub before: Registers,
    /// Bytes at [`DATA`].
    pub data: Vec<u8>,
}

/// The instructions of `code` at [`CODE`].
pub fn decode(code: &[u8]) -> Vec<Instruction> {
    Decoder::with_ip(64, code, CODE, DecoderOptions::NONE).into_iter().collect()
}

impl Case {
    /// Address behind the last instruction.
    pub fn end(&self) -> u64 {
        CODE + self.code.len() as u64
    }

    /// The state in the harness's form.
    pub fn state(&self, guest: &'static Guest) -> GuestState {
        let mut out = GuestState::new(guest);
        let mut env = Env { file: out.file, ..Env::default() };
        put(&mut env, &self.before);
        out.file = env.file;
        out.memory.put(DATA, &self.data);
        // The host's code can be read.
        out.memory.put(CODE_PAGE, &[0xcc; PAGE as usize]);
        out.memory.put(CODE, &self.code);
        out
    }

    /// One line an instruction, with its bytes.
    pub fn listing(&self) -> String {
        let mut out = String::new();
        let mut formatter = IntelFormatter::new();
        for i in &self.instructions {
            let from = (i.ip() - CODE) as usize;
            let bytes: Vec<String> = self.code[from..from + i.len()].iter().map(|b| format!("{b:02x}")).collect();
            let mut text = String::new();
            formatter.format(i, &mut text);
            out += &format!("  {:<36} {text}\n", bytes.join(" "));
        }
        out
    }
}

/// Puts `r` into a register file.
fn put(env: &mut Env, r: &Registers) {
    state::reset(env);
    for (n, v) in r.gpr.iter().enumerate() {
        env.set(state::gpr(n as u32), *v);
    }
    env.set(state::RIP, r.rip);
    env.set(state::FS_BASE, r.bases[0]);
    env.set(state::GS_BASE, r.bases[1]);
    state::set_eflags(env, r.eflags);
    state::set_mxcsr(env, r.mxcsr.into());
    env.set(state::FPU_CONTROL, r.x87[0].into());
    env.set(state::FPU_STATUS, r.x87[1].into());
    env.set(state::FPU_TAGS, r.x87[2].into());
    let top = u32::from(r.x87[1] >> 11 & 7);
    for n in 0..8 {
        env.set128(state::fpr((top + n) % 8), r.st[n as usize]);
    }
    for n in 0..16 {
        env.set128(state::xmm(n), r.xmm[n as usize]);
        env.set128(state::ymm_high(n), r.ymm_high[n as usize]);
    }
}

/// What a register file holds.
pub fn registers(env: &Env) -> Registers {
    let status = env.get(state::FPU_STATUS) as u16;
    let top = u32::from(status >> 11 & 7);
    Registers {
        gpr: std::array::from_fn(|n| env.get(state::gpr(n as u32))),
        rip: env.get(state::RIP),
        eflags: state::eflags(env),
        bases: [env.get(state::FS_BASE), env.get(state::GS_BASE)],
        segments: [0, 16, 32, 48].map(|at| (env.get(state::SEGMENTS) >> at) as u16),
        mxcsr: state::mxcsr(env) as u32,
        x87: [env.get(state::FPU_CONTROL) as u16, status, env.get(state::FPU_TAGS) as u16],
        st: std::array::from_fn(|n| env.get128(state::fpr((top + n as u32) % 8))),
        xmm: std::array::from_fn(|n| env.get128(state::xmm(n as u32))),
        ymm_high: std::array::from_fn(|n| env.get128(state::ymm_high(n as u32))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn registers_survive_the_file() {
        let mut random = Random(1);
        let mut r = Registers {
            rip: CODE,
            eflags: 0x202 | 0x8d5,
            bases: [DATA, 5],
            mxcsr: 0x1fa5,
            x87: [0x27f, 5 << 11 | 3, 0x81],
            ..Registers::default()
        };
        r.gpr = std::array::from_fn(|_| random.general());
        r.st = std::array::from_fn(|_| random.extended());
        r.xmm = std::array::from_fn(|_| random.vector());
        r.ymm_high = std::array::from_fn(|_| random.vector());
        let mut env = Env::default();
        put(&mut env, &r);
        assert_eq!(registers(&env), r);
        assert_eq!(env.get128(state::fpr(5)), r.st[0]);
    }
}
