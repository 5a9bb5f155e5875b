//! The x86-64 register table: one row a register. Intel SDM vol. 1, "Basic Program Execution Registers".
//!
//! Status flags are the IR's: SF, ZF and OF are N, Z and V, and C is the *inverse* of CF, so that a comparison is
//! the subtraction that every tier fuses with its branch. PF and AF have no words of their own: both follow
//! from the border form (the operation and its operands); flags that no operation made are packed, with PF and AF in
//! their EFLAGS places of the packed word.

use brolga_core::{CcKind, CcOp, Env, FpRounding, FpRows, Nzcv, Reg, RegInfo, RegTable, RegWidth, Width};

/// General-purpose register `n`, 0..=15, in order of the encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15.
pub const fn gpr(n: u32) -> Reg {
    assert!(n < 16);
    Reg(n as u8)
}

/// XMM register `n`, 0..=15: the low half of YMM register `n`.
pub const fn xmm(n: u32) -> Reg {
    assert!(n < 16);
    Reg(32 + 2 * n as u8)
}

/// The high half of YMM register `n`, 0..=15.
pub const fn ymm_high(n: u32) -> Reg {
    assert!(n < 16);
    Reg(64 + 2 * n as u8)
}

/// x87 data register `n`, 0..=7, counted physically and not from the top of the stack: 80 bits, the rest zero. Its low 64
/// bits are MMX register `n`.
pub const fn fpr(n: u32) -> Reg {
    assert!(n < 8);
    Reg(96 + 2 * n as u8)
}

/// Result of many helpers and instructions.
pub const RAX: Reg = gpr(0);
/// Count of shifts and string instructions.
pub const RCX: Reg = gpr(1);
/// High half of double-width operands.
pub const RDX: Reg = gpr(2);
/// New value of CMPXCHG16B.
pub const RBX: Reg = gpr(3);
/// Stack pointer.
pub const RSP: Reg = gpr(4);
/// Frame pointer.
pub const RBP: Reg = gpr(5);
/// Source of string instructions.
pub const RSI: Reg = gpr(6);
/// Destination of string instructions.
pub const RDI: Reg = gpr(7);
/// Instruction pointer.
pub const RIP: Reg = Reg(16);
/// Base of segment FS.
pub const FS_BASE: Reg = Reg(17);
/// Base of segment GS.
pub const GS_BASE: Reg = Reg(18);
/// First of the three flag words: operation.
pub const CC: Reg = Reg(19);
/// First operand of the flags' operation.
pub const CC_A: Reg = Reg(20);
/// Second operand.
pub const CC_B: Reg = Reg(21);
/// EFLAGS.DF, in its place there: 0 or 0x400.
pub const DF: Reg = Reg(22);
/// What user code may change of EFLAGS beside status flags and DF, in place: TF, NT, AC, ID.
pub const EFLAGS_OTHER: Reg = Reg(23);
/// Control bits of MXCSR, in place: DAZ, masks, rounding, FTZ. Read and write both parts by [`mxcsr`], [`set_mxcsr`].
pub const MXCSR: Reg = Reg(24);
/// Exception flags of MXCSR, bits 5..0. A row of its own: back ends may keep flags back. Bits 13..8 are what the current
/// step of an instruction has raised, bits 21..16 those before it, where exceptions are not masked.
pub const MXCSR_FLAGS: Reg = Reg(31);
/// x87 control word.
pub const FPU_CONTROL: Reg = Reg(25);
/// x87 status word; TOP is bits 13..11.
pub const FPU_STATUS: Reg = Reg(26);
/// Which x87 registers are in use, a bit each, physically: the abridged tag word of FXSAVE.
pub const FPU_TAGS: Reg = Reg(27);
/// Opcode of the last x87 instruction.
pub const FPU_OPCODE: Reg = Reg(28);
/// Address of the last x87 instruction.
pub const FPU_IP: Reg = Reg(29);
/// Address of its operand.
pub const FPU_DP: Reg = Reg(30);
/// Selectors that programs may change: DS, ES, FS, GS, 16 bits each from the bottom. CS and SS are always those of 64-bit
/// user code.
pub const SEGMENTS: Reg = Reg(112);
/// First scratch word.
pub const SCRATCH: u8 = 114;

/// MXCSR of a new process: all exceptions masked. SDM vol. 1, "MXCSR Control and Status Register".
pub const MXCSR_START: u64 = 0x1f80;
/// x87 control word of a new process. SDM vol. 1, "x87 FPU Control Word".
pub const FPU_CONTROL_START: u64 = 0x37f;

/// Carry.
pub const CF: u64 = 1;
/// Even number of ones in the result's low byte.
pub const PF: u64 = 1 << 2;
/// Carry out of bit 3.
pub const AF: u64 = 1 << 4;
/// Zero.
pub const ZF: u64 = 1 << 6;
/// Sign.
pub const SF: u64 = 1 << 7;
/// Interrupts enabled: always, as user code sees it.
pub const IF: u64 = 1 << 9;
/// Direction of string instructions.
pub const DF_BIT: u64 = 1 << 10;
/// Overflow.
pub const OF: u64 = 1 << 11;
/// The six status flags.
pub const STATUS: u64 = CF | PF | AF | ZF | SF | OF;
/// Bit 1 is always set.
const ALWAYS: u64 = 2;
/// Single step, and alignment check: blocks are translated for what they are.
pub const TF: u64 = 1 << 8;
/// See [`TF`].
pub const AC: u64 = 1 << 18;
/// Bits of EFLAGS that are part of the mode.
pub const MODES: u64 = TF | AC;
/// What [`EFLAGS_OTHER`] may hold: TF, NT, AC, ID.
pub const OTHER: u64 = TF | 1 << 14 | AC | 1 << 21;

const fn row(name: &'static str, reg: Reg) -> RegInfo {
    RegInfo { name, reg, width: RegWidth::W64 }
}

const fn wide(name: &'static str, reg: Reg) -> RegInfo {
    RegInfo { name, reg, width: RegWidth::W128 }
}

/// The rows.
pub static REGS: RegTable = RegTable { regs: &ROWS, pc: RIP, cc: CC, scratch: SCRATCH, fp: Some(FP) };

/// MXCSR.RC is bits 14..13; IE, DE, ZE, OE, UE and PE are bits 0 to 5. SDM vol. 1, "MXCSR Control and Status Register".
const FP: FpRows = FpRows {
    control: MXCSR,
    rounding_lsb: 13,
    rounding: [FpRounding::Nearest, FpRounding::Down, FpRounding::Up, FpRounding::Zero],
    status: MXCSR_FLAGS,
    flags: [0, 2, 3, 4, 5],
    denormal: Some(1),
    like_sse: true,
    flush: 0x8040,
};

static ROWS: [RegInfo; 73] = [
    row("rax", gpr(0)),
    row("rcx", gpr(1)),
    row("rdx", gpr(2)),
    row("rbx", gpr(3)),
    row("rsp", gpr(4)),
    row("rbp", gpr(5)),
    row("rsi", gpr(6)),
    row("rdi", gpr(7)),
    row("r8", gpr(8)),
    row("r9", gpr(9)),
    row("r10", gpr(10)),
    row("r11", gpr(11)),
    row("r12", gpr(12)),
    row("r13", gpr(13)),
    row("r14", gpr(14)),
    row("r15", gpr(15)),
    row("rip", RIP),
    row("fs_base", FS_BASE),
    row("gs_base", GS_BASE),
    row("cc_op", CC),
    row("cc_a", CC_A),
    row("cc_b", CC_B),
    row("df", DF),
    row("eflags_other", EFLAGS_OTHER),
    row("mxcsr", MXCSR),
    row("mxcsr_flags", MXCSR_FLAGS),
    row("fpu_control", FPU_CONTROL),
    row("fpu_status", FPU_STATUS),
    row("fpu_tags", FPU_TAGS),
    row("fpu_opcode", FPU_OPCODE),
    row("fpu_ip", FPU_IP),
    row("fpu_dp", FPU_DP),
    row("segments", SEGMENTS),
    wide("xmm0", xmm(0)),
    wide("xmm1", xmm(1)),
    wide("xmm2", xmm(2)),
    wide("xmm3", xmm(3)),
    wide("xmm4", xmm(4)),
    wide("xmm5", xmm(5)),
    wide("xmm6", xmm(6)),
    wide("xmm7", xmm(7)),
    wide("xmm8", xmm(8)),
    wide("xmm9", xmm(9)),
    wide("xmm10", xmm(10)),
    wide("xmm11", xmm(11)),
    wide("xmm12", xmm(12)),
    wide("xmm13", xmm(13)),
    wide("xmm14", xmm(14)),
    wide("xmm15", xmm(15)),
    wide("ymmh0", ymm_high(0)),
    wide("ymmh1", ymm_high(1)),
    wide("ymmh2", ymm_high(2)),
    wide("ymmh3", ymm_high(3)),
    wide("ymmh4", ymm_high(4)),
    wide("ymmh5", ymm_high(5)),
    wide("ymmh6", ymm_high(6)),
    wide("ymmh7", ymm_high(7)),
    wide("ymmh8", ymm_high(8)),
    wide("ymmh9", ymm_high(9)),
    wide("ymmh10", ymm_high(10)),
    wide("ymmh11", ymm_high(11)),
    wide("ymmh12", ymm_high(12)),
    wide("ymmh13", ymm_high(13)),
    wide("ymmh14", ymm_high(14)),
    wide("ymmh15", ymm_high(15)),
    wide("fpr0", fpr(0)),
    wide("fpr1", fpr(1)),
    wide("fpr2", fpr(2)),
    wide("fpr3", fpr(3)),
    wide("fpr4", fpr(4)),
    wide("fpr5", fpr(5)),
    wide("fpr6", fpr(6)),
    wide("fpr7", fpr(7)),
];

/// Makes the registers those of a new process, all zero but the control words.
pub fn reset(env: &mut Env) {
    env.file = [0; brolga_core::FILE_WORDS];
    env.set(MXCSR, MXCSR_START);
    env.set(FPU_CONTROL, FPU_CONTROL_START);
    set_eflags(env, 0);
}

/// PF and AF of the border form, in their EFLAGS places.
pub fn parity_adjust(op: u64, a: u64, b: u64) -> u64 {
    let Some((result, adjust)) = CcOp::from_word(op).result(a, b) else { return a & (PF | AF) };
    let even = (result as u8).count_ones() % 2 == 0;
    u64::from(even) * PF | u64::from(adjust) * AF
}

/// MXCSR's exception flags.
pub const MXCSR_FLAG_BITS: u64 = 0x3f;

/// MXCSR, control and flags.
pub fn mxcsr(env: &Env) -> u64 {
    env.get(MXCSR) | env.get(MXCSR_FLAGS) & MXCSR_FLAG_BITS
}

/// Sets MXCSR, control and flags.
pub fn set_mxcsr(env: &mut Env, value: u64) {
    env.set(MXCSR, value & 0xffff & !MXCSR_FLAG_BITS);
    env.set(MXCSR_FLAGS, value & MXCSR_FLAG_BITS);
}

/// EFLAGS as user code sees it.
pub fn eflags(env: &Env) -> u64 {
    let (op, a, b) = (env.get(CC), env.get(CC_A), env.get(CC_B));
    status(op, a, b) | env.get(DF) & DF_BIT | env.get(EFLAGS_OTHER) & OTHER | IF | ALWAYS
}

/// The status flags of the border form, in their EFLAGS places.
pub fn status(op: u64, a: u64, b: u64) -> u64 {
    let f = Nzcv::eval(op, a, b);
    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
    bit(f.n, SF) | bit(f.z, ZF) | bit(!f.c, CF) | bit(f.v, OF) | parity_adjust(op, a, b)
}

/// The packed flags that hold the status flags of `eflags`.
pub const fn packed(eflags: u64) -> u64 {
    let f = Nzcv { n: eflags & SF != 0, z: eflags & ZF != 0, c: eflags & CF == 0, v: eflags & OF != 0 };
    f.bits() | eflags & (PF | AF)
}

/// Sets EFLAGS from all bits that user code may change; the others of `value` do not count.
pub fn set_eflags(env: &mut Env, value: u64) {
    env.set(CC, CcOp::new(CcKind::Packed, Width::W64).word());
    env.set(CC_A, packed(value));
    env.set(CC_B, 0);
    env.set(DF, value & DF_BIT);
    env.set(EFLAGS_OTHER, value & OTHER);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_keeps_the_invariants() {
        REGS.check().unwrap();
    }

    #[test]
    fn eflags_come_back() {
        let env = &mut Env::default();
        for value in [0, 0x246, CF | OF, PF | AF, ZF | DF_BIT, SF | 1 << 18 | 1 << 21, u64::MAX] {
            set_eflags(env, value);
            assert_eq!(eflags(env), value & (STATUS | DF_BIT | OTHER) | IF | ALWAYS, "{value:#x}");
        }
    }

    #[test]
    fn flags_of_a_comparison() {
        let env = &mut Env::default();
        env.set(CC, CcOp::new(CcKind::Sub, Width::W64).word());
        for (a, b, want) in [(0x10, 1, AF | PF), (1, 2, CF | SF | AF | PF), (5, 5, ZF | PF), (1 << 63, 1, OF | AF | PF)]
        {
            env.set(CC_A, a);
            env.set(CC_B, b);
            assert_eq!(eflags(env) & STATUS, want, "{a:#x} - {b:#x}");
        }
    }
}
