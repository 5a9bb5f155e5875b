//! System registers as Linux lets EL0 read and write them: one row a register.
//!
//! Identification registers that depend on the model come from [`crate::cpu`]. Arm ARM, "AArch64 System Registers";
//! what EL0 sees of the ID registers follows Linux,
//! Documentation/arch/arm64/cpu-feature-registers.

use super::{Cx, Flow};
use crate::{exec, state};
use brolga_core::{Reg, RegSet};
use brolga_ir::{HelperId, JumpKind, Ty};

/// How a register is read.
enum Read {
    /// Always this value.
    Const(u64),
    /// A word of the register file.
    Word(Reg),
    /// N Z C V.
    Flags,
    /// FPSR.
    FpStatus,
    /// A helper's result.
    Helper(HelperId),
    /// A helper's result and N Z C V from its success. Arm ARM, "RNDR".
    Random,
}

/// How a register is written.
enum Write {
    /// Not by EL0.
    No,
    /// The bits of the mask, into a word.
    Word(Reg, u64),
    /// The same, and the block's mode depends on it.
    Mode(Reg, u64),
    /// The bits of the mask, into FPSR.
    FpStatus(u64),
    /// N Z C V.
    Flags,
}

/// op0, op1, CRn, CRm, op2.
type Encoding = [u32; 5];

struct Row {
    encoding: Encoding,
    read: Read,
    write: Write,
}

/// Writable bits of FPCR: AHP, DN, FZ, RMode, FZ16.
pub const FPCR_MASK: u64 = 0x07c8_0000;
/// Bits of FPSR: QC and the cumulative exceptions.
pub const FPSR_MASK: u64 = 0x0800_009f;

/// The bit of register DIT.
pub const DIT_MASK: u64 = 1 << 24;
/// The bit of register SSBS.
pub const SSBS_MASK: u64 = 1 << 12;

const fn constant(encoding: Encoding, value: u64) -> Row {
    Row { encoding, read: Read::Const(value), write: Write::No }
}

static ROWS: &[Row] = &[
    Row { encoding: [3, 3, 4, 2, 0], read: Read::Flags, write: Write::Flags },
    Row { encoding: [3, 3, 4, 4, 0], read: Read::Word(state::FPCR), write: Write::Mode(state::FPCR, FPCR_MASK) },
    Row { encoding: [3, 3, 4, 4, 1], read: Read::FpStatus, write: Write::FpStatus(FPSR_MASK) },
    // DIT, SSBS: bits that change timing only.
    Row { encoding: [3, 3, 4, 2, 5], read: Read::Word(state::DIT), write: Write::Word(state::DIT, DIT_MASK) },
    Row { encoding: [3, 3, 4, 2, 6], read: Read::Word(state::SSBS), write: Write::Word(state::SSBS, SSBS_MASK) },
    Row {
        encoding: [3, 3, 13, 0, 2],
        read: Read::Word(state::TPIDR_EL0),
        write: Write::Word(state::TPIDR_EL0, u64::MAX),
    },
    Row { encoding: [3, 3, 13, 0, 3], read: Read::Word(state::TPIDRRO_EL0), write: Write::No },
    // CNTFRQ, CNTPCT, CNTVCT, CNTPCTSS, CNTVCTSS.
    constant([3, 3, 14, 0, 0], brolga_ir::inputs::COUNTER_HZ),
    Row { encoding: [3, 3, 14, 0, 1], read: Read::Helper(exec::COUNTER), write: Write::No },
    Row { encoding: [3, 3, 14, 0, 2], read: Read::Helper(exec::COUNTER), write: Write::No },
    Row { encoding: [3, 3, 14, 0, 5], read: Read::Helper(exec::COUNTER), write: Write::No },
    Row { encoding: [3, 3, 14, 0, 6], read: Read::Helper(exec::COUNTER), write: Write::No },
    // RNDR, RNDRRS.
    Row { encoding: [3, 3, 2, 4, 0], read: Read::Random, write: Write::No },
    Row { encoding: [3, 3, 2, 4, 1], read: Read::Random, write: Write::No },
    // CTR: 64-byte lines, no need to clean data to the point of unification (IDC), but a need to
    // invalidate instructions (DIC clear): that is how we learn of changed code.
    constant([3, 3, 0, 0, 1], 0x9444_c004),
    // DCZID: blocks of 64 bytes.
    constant([3, 3, 0, 0, 7], 4),
    // MPIDR, REVIDR.
    constant([3, 0, 0, 0, 5], 0x8000_0000),
    constant([3, 0, 0, 0, 6], 0),
];

/// ID registers without a row read as zero.
fn is_id_space(e: &Encoding) -> bool {
    matches!(e, [3, 0, 0, 2..=7, _])
}

fn find(e: &Encoding) -> Option<&'static Row> {
    ROWS.iter().find(|r| r.encoding == *e)
}

/// MRS.
pub fn read(cx: &mut Cx, e: Encoding, rt: u32) -> Flow {
    if let Some(id) = cx.cpu.register(e) {
        let v = cx.iconst(Ty::I64, id);
        cx.set_reg(rt, v);
        return Flow::Next;
    }
    let v = match find(&e).map(|r| &r.read) {
        None if is_id_space(&e) => cx.iconst(Ty::I64, 0),
        None => return cx.undefined(),
        Some(Read::Const(c)) => cx.iconst(Ty::I64, *c),
        Some(Read::Word(reg)) => cx.b.get(*reg),
        Some(Read::Flags) => {
            let f = cx.b.get_flags();
            cx.b.flags_unpack(f)
        }
        Some(Read::FpStatus) => {
            let reads = RegSet::EMPTY.with(state::FPSR);
            cx.b.call(exec::READ_FPSR, &[], reads, RegSet::EMPTY)
        }
        Some(Read::Helper(h)) => cx.b.call(*h, &[], RegSet::EMPTY, RegSet::EMPTY),
        Some(Read::Random) => {
            let v = cx.b.call(exec::RANDOM, &[], RegSet::EMPTY, RegSet::EMPTY);
            let ok = cx.iconst(Ty::I64, 0);
            let f = cx.b.flags_pack(ok);
            cx.b.set_flags(f);
            v
        }
    };
    cx.set_reg(rt, v);
    Flow::Next
}

/// MSR (register).
pub fn write(cx: &mut Cx, e: Encoding, rt: u32) -> Flow {
    let v = cx.reg(Ty::I64, rt);
    match find(&e).map(|r| &r.write) {
        None | Some(Write::No) => cx.undefined(),
        Some(Write::Flags) => {
            let f = cx.b.flags_pack(v);
            cx.b.set_flags(f);
            Flow::Next
        }
        Some(Write::Word(reg, mask)) => {
            set_masked(cx, *reg, *mask, v);
            Flow::Next
        }
        Some(Write::FpStatus(mask)) => {
            let m = cx.iconst(Ty::I64, *mask);
            let v = cx.b.and(Ty::I64, v, m);
            cx.b.call_void(exec::WRITE_FPSR, &[v], RegSet::EMPTY, RegSet::EMPTY.with(state::FPSR));
            // A comparison made before must not be made again behind this: its flags cross blocks as words.
            let next = cx.next_pc();
            cx.goto(JumpKind::Jump, next)
        }
        Some(Write::Mode(reg, mask)) => {
            set_masked(cx, *reg, *mask, v);
            cx.resync()
        }
    }
}

fn set_masked(cx: &mut Cx, reg: Reg, mask: u64, v: brolga_ir::Value) {
    let v = if mask == u64::MAX {
        v
    } else {
        let m = cx.iconst(Ty::I64, mask);
        cx.b.and(Ty::I64, v, m)
    };
    cx.b.set(reg, v);
}
