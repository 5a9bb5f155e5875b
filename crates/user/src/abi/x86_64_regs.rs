//! Words of the register file as the x86-64 front end assigns them, and EFLAGS. `tests/native` compares both with the
//! front end's own.

use brolga_core::{CcOp, Env, Nzcv};

/// rax; the others follow in order of the encoding.
pub const RAX: usize = 0;
#[allow(missing_docs, reason = "named as in the manual")]
mod general {
    pub const RCX: usize = 1;
    pub const RDX: usize = 2;
    pub const RBX: usize = 3;
    pub const RSP: usize = 4;
    pub const RBP: usize = 5;
    pub const RSI: usize = 6;
    pub const RDI: usize = 7;
    pub const R8: usize = 8;
    pub const R9: usize = 9;
    pub const R10: usize = 10;
    pub const R11: usize = 11;
    pub const R12: usize = 12;
    pub const R13: usize = 13;
    pub const R14: usize = 14;
    pub const R15: usize = 15;
    pub const RIP: usize = 16;
}
pub use general::*;
/// Base of segment FS.
pub const FS_BASE: usize = 17;
/// Base of segment GS.
pub const GS_BASE: usize = 18;
/// Flags' border form: operation, first operand, second operand. Its C is the inverse of CF.
pub const CC: usize = 19;
/// EFLAGS.DF in place.
pub const DF: usize = 22;
/// TF, NT, AC, ID in place.
pub const EFLAGS_OTHER: usize = 23;
/// MXCSR without its exception flags.
const MXCSR: usize = 24;
/// Its exception flags, bits 5..0.
const MXCSR_FLAGS: usize = 31;
const MXCSR_FLAG_BITS: u64 = 0x3f;
/// First word of x87, SSE and AVX.
pub const VECTOR: usize = MXCSR;
/// x87 control word.
pub const FPU_CONTROL: usize = 25;
/// x87 status word.
pub const FPU_STATUS: usize = 26;
/// x87 registers in use, a bit each, physically.
pub const FPU_TAGS: usize = 27;
/// Opcode of the last x87 instruction.
pub const FPU_OPCODE: usize = 28;
/// Its address.
pub const FPU_IP: usize = 29;
/// Address of its operand.
pub const FPU_DP: usize = 30;
/// Low word of xmm0; the others follow, two words each.
pub const XMM: usize = 32;
/// Low word of the high half of ymm0; the others follow, two words each.
pub const YMM_HIGH: usize = 64;
/// Low word of the first x87 register, counted physically; the others follow, two words each.
pub const FPR: usize = 96;
/// Selectors in DS, ES, FS and GS, 16 bits each.
pub const SEGMENTS: usize = 112;
/// Place of FS there.
pub const FS_SELECTOR: u64 = 0xffff << 32;
/// Place of GS there.
pub const GS_SELECTOR: u64 = 0xffff << 48;
/// First word that is none of the guest's.
pub const END: usize = 114;

const CF: u64 = 1;
const PF: u64 = 1 << 2;
const AF: u64 = 1 << 4;
const ZF: u64 = 1 << 6;
const SF: u64 = 1 << 7;
/// EFLAGS.TF
pub const TF_BIT: u64 = 1 << 8;
/// EFLAGS.DF
pub const DF_BIT: u64 = 1 << 10;
const OF: u64 = 1 << 11;
const OTHER: u64 = TF_BIT | 1 << 14 | 1 << 18 | 1 << 21;
/// IF and bit 1, which user code always sees set.
const ALWAYS: u64 = 1 << 9 | 2;

/// EFLAGS as user code sees it. SDM vol. 1, "EFLAGS Register".
pub fn eflags(env: &Env) -> u64 {
    let [op, a, b] = [env.file[CC], env.file[CC + 1], env.file[CC + 2]];
    let f = Nzcv::eval(op, a, b);
    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
    let status = bit(f.n, SF) | bit(f.z, ZF) | bit(!f.c, CF) | bit(f.v, OF) | parity_adjust(op, a, b);
    status | env.file[DF] & DF_BIT | env.file[EFLAGS_OTHER] & OTHER | ALWAYS
}

/// PF and AF: those of packed flags stand in the packed word, others follow from the operation.
fn parity_adjust(op: u64, a: u64, b: u64) -> u64 {
    let Some((result, adjust)) = CcOp::from_word(op).result(a, b) else { return a & (PF | AF) };
    let even = (result as u8).count_ones() % 2 == 0;
    u64::from(even) * PF | u64::from(adjust) * AF
}

/// Sets the bits of EFLAGS that user code may change.
pub fn set_eflags(env: &mut Env, value: u64) {
    let f = Nzcv { n: value & SF != 0, z: value & ZF != 0, c: value & CF == 0, v: value & OF != 0 };
    env.file[CC] = 0; // packed in the first operand
    env.file[CC + 1] = f.bits() | value & (PF | AF);
    env.file[CC + 2] = 0;
    env.file[DF] = value & DF_BIT;
    env.file[EFLAGS_OTHER] = value & OTHER;
}

/// MXCSR, control and flags.
pub fn mxcsr(env: &Env) -> u64 {
    env.file[MXCSR] | env.file[MXCSR_FLAGS] & MXCSR_FLAG_BITS
}

/// Sets MXCSR, control and flags.
pub fn set_mxcsr(env: &mut Env, value: u64) {
    env.file[MXCSR] = value & 0xffff & !MXCSR_FLAG_BITS;
    env.file[MXCSR_FLAGS] = value & MXCSR_FLAG_BITS;
}

/// Makes x87, SSE and AVX those of a new process.
pub fn reset_vector(env: &mut Env) {
    env.file[VECTOR..SEGMENTS].fill(0);
    set_mxcsr(env, 0x1f80);
    env.file[FPU_CONTROL] = 0x37f;
}

/// Makes all registers those of a new process.
pub fn reset(env: &mut Env) {
    env.file[..END].fill(0);
    reset_vector(env);
    set_eflags(env, 0);
}
