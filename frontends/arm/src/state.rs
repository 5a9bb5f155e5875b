//! The A64 register table: one row a register. Arm ARM, "Registers in AArch64 state".

use brolga_core::{FpRounding, FpRows, Reg, RegInfo, RegTable, RegWidth};

/// General-purpose register `n`, 0..=30.
pub const fn x(n: u32) -> Reg {
    assert!(n < 31);
    match n {
        // Generated code reaches the first 32 words by short displacements. It reads flags more often than these.
        16..=18 => Reg(n as u8 + 17),
        _ => Reg(n as u8),
    }
}

/// SIMD&FP register `n`, 0..=31; 128 bits.
pub const fn v(n: u32) -> Reg {
    assert!(n < 32);
    Reg(48 + 2 * n as u8)
}

/// Stack pointer.
pub const SP: Reg = Reg(31);
/// Program counter.
pub const PC: Reg = Reg(32);
/// First of the three flag words.
pub const CC: Reg = Reg(16);
/// Floating-point control register.
pub const FPCR: Reg = Reg(36);
/// Floating-point status register: cumulative flags.
pub const FPSR: Reg = Reg(37);
/// EL0 read/write software thread id.
pub const TPIDR_EL0: Reg = Reg(38);
/// EL0 second thread id; also carries TPIDRRO_EL0.
pub const TPIDRRO_EL0: Reg = Reg(39);
/// Address of the local exclusive monitor; all ones when it is open.
pub const EXCL_ADDR: Reg = Reg(40);
/// Size in bytes of the monitored access.
pub const EXCL_SIZE: Reg = Reg(41);
/// Low half of the value that the monitored load read.
pub const EXCL_LO: Reg = Reg(42);
/// High half of a monitored pair.
pub const EXCL_HI: Reg = Reg(43);
/// PSTATE.BTYPE.
pub const BTYPE: Reg = Reg(44);
/// PSTATE.DIT, in its place in the system register of that name (bit 24).
pub const DIT: Reg = Reg(45);
/// PSTATE.SSBS, in its place in the system register of that name (bit 12).
pub const SSBS: Reg = Reg(46);
/// First scratch word.
pub const SCRATCH: u8 = 112;

const fn row(name: &'static str, reg: Reg) -> RegInfo {
    RegInfo { name, reg, width: RegWidth::W64 }
}

const fn vrow(name: &'static str, n: u32) -> RegInfo {
    RegInfo { name, reg: v(n), width: RegWidth::W128 }
}

/// The rows.
pub static REGS: RegTable = RegTable { regs: &ROWS, pc: PC, cc: CC, scratch: SCRATCH, fp: Some(FP) };

/// FPCR.RMode is bits 23..22; IOC, DZC, OFC, UFC and IXC of FPSR are bits 0 to 4.
/// Arm ARM, "FPCR, Floating-point Control Register", "FPSR, Floating-point Status Register".
const FP: FpRows = FpRows {
    control: FPCR,
    rounding_lsb: 22,
    rounding: [FpRounding::Nearest, FpRounding::Up, FpRounding::Down, FpRounding::Zero],
    status: FPSR,
    flags: [0, 1, 2, 3, 4],
    denormal: None,
    like_sse: false,
    flush: 0,
};

static ROWS: [RegInfo; 79] = [
    row("x0", x(0)),
    row("x1", x(1)),
    row("x2", x(2)),
    row("x3", x(3)),
    row("x4", x(4)),
    row("x5", x(5)),
    row("x6", x(6)),
    row("x7", x(7)),
    row("x8", x(8)),
    row("x9", x(9)),
    row("x10", x(10)),
    row("x11", x(11)),
    row("x12", x(12)),
    row("x13", x(13)),
    row("x14", x(14)),
    row("x15", x(15)),
    row("x16", x(16)),
    row("x17", x(17)),
    row("x18", x(18)),
    row("x19", x(19)),
    row("x20", x(20)),
    row("x21", x(21)),
    row("x22", x(22)),
    row("x23", x(23)),
    row("x24", x(24)),
    row("x25", x(25)),
    row("x26", x(26)),
    row("x27", x(27)),
    row("x28", x(28)),
    row("x29", x(29)),
    row("x30", x(30)),
    row("sp", SP),
    row("pc", PC),
    row("cc_op", CC),
    row("cc_a", Reg(CC.0 + 1)),
    row("cc_b", Reg(CC.0 + 2)),
    row("fpcr", FPCR),
    row("fpsr", FPSR),
    row("tpidr_el0", TPIDR_EL0),
    row("tpidrro_el0", TPIDRRO_EL0),
    row("excl_addr", EXCL_ADDR),
    row("excl_size", EXCL_SIZE),
    row("excl_lo", EXCL_LO),
    row("excl_hi", EXCL_HI),
    row("btype", BTYPE),
    row("dit", DIT),
    row("ssbs", SSBS),
    vrow("v0", 0),
    vrow("v1", 1),
    vrow("v2", 2),
    vrow("v3", 3),
    vrow("v4", 4),
    vrow("v5", 5),
    vrow("v6", 6),
    vrow("v7", 7),
    vrow("v8", 8),
    vrow("v9", 9),
    vrow("v10", 10),
    vrow("v11", 11),
    vrow("v12", 12),
    vrow("v13", 13),
    vrow("v14", 14),
    vrow("v15", 15),
    vrow("v16", 16),
    vrow("v17", 17),
    vrow("v18", 18),
    vrow("v19", 19),
    vrow("v20", 20),
    vrow("v21", 21),
    vrow("v22", 22),
    vrow("v23", 23),
    vrow("v24", 24),
    vrow("v25", 25),
    vrow("v26", 26),
    vrow("v27", 27),
    vrow("v28", 28),
    vrow("v29", 29),
    vrow("v30", 30),
    vrow("v31", 31),
];

#[cfg(test)]
mod tests {
    #[test]
    fn table_keeps_the_invariants() {
        super::REGS.check().unwrap();
    }
}
