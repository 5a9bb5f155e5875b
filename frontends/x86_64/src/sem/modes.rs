//! What the mode of a block changes in every instruction: accesses that have to be aligned (EFLAGS.AC), and exceptions of
//! x87 that wait (`unmasked` has those of SSE).

use super::{Cx, Flow, MF, unmasked};
use crate::frontend::mode;
use crate::state;
use brolga_core::{Align, MemOp};
use brolga_ir::{Inst, IntCc, Op, RaiseKind, Ty, Value};
use iced_x86::{CpuidFeature, Instruction, Mnemonic as M};

/// Translates the instruction at hand.
pub fn translate(cx: &mut Cx) -> Flow {
    let from = cx.b.block.insts.len();
    if cx.mode & mode::X87 != 0 && waits(cx.i) {
        let status = cx.b.get(state::FPU_STATUS);
        let pending = cx.b.extract(Ty::I64, status, 7, 1);
        let pending = cx.narrow(Ty::I8, pending);
        cx.raise_if(pending, MF, &[]);
    }
    let flow = unmasked::translate(cx);
    if cx.mode & mode::ALIGN != 0 && !by_element(cx.i.mnemonic()) {
        cx.b.block.insts[from..].iter_mut().for_each(align);
    }
    flow
}

/// Instructions whose accesses, an element each, are never checked.
fn by_element(m: M) -> bool {
    let gathers = matches!(
        m,
        M::Vgatherdpd
            | M::Vgatherdps
            | M::Vgatherqpd
            | M::Vgatherqps
            | M::Vpgatherdd
            | M::Vpgatherdq
            | M::Vpgatherqd
            | M::Vpgatherqq
    );
    gathers || matches!(m, M::Vmaskmovps | M::Vmaskmovpd | M::Vpmaskmovd | M::Vpmaskmovq)
}

/// Makes an access one that has to be aligned by its size, if it has no stricter rule.
fn align(inst: &mut Inst) {
    let access = matches!(inst.op, Op::Load | Op::Store | Op::Rmw | Op::Cas);
    if access && inst.memop().align != Align::Double {
        inst.aux = inst.memop().align(Align::Natural).bits();
    }
}

/// What the operand's address has to be a multiple of for the instruction itself, without EFLAGS.AC.
pub fn wanted_alignment(insts: &[Inst]) -> u64 {
    let wanted = |op: MemOp| match op.align {
        Align::Natural => op.size.bytes(),
        Align::Double => 2 * op.size.bytes(),
        Align::None | Align::Within16 => 1,
    };
    let accesses = insts.iter().filter(|i| matches!(i.op, Op::Load | Op::Store));
    accesses.map(|i| wanted(i.memop())).max().unwrap_or(1)
}

/// Whether an exception of x87 that waits is raised at the instruction. SDM vol. 1, "x87 FPU Exception Conditions" and
/// vol. 3, "Effect of MMX Instructions on Pending x87 Floating-Point Exceptions".
fn waits(i: &Instruction) -> bool {
    let features = i.cpuid_features();
    let x87 = features
        .iter()
        .any(|f| matches!(f, CpuidFeature::FPU | CpuidFeature::FPU287 | CpuidFeature::FPU387 | CpuidFeature::CMOV))
        && i.op_code().instruction_string().starts_with('F');
    let never = matches!(
        i.mnemonic(),
        M::Fninit
            | M::Fnclex
            | M::Fnstsw
            | M::Fnstcw
            | M::Fnstenv
            | M::Fnsave
            | M::Fxsave
            | M::Fxsave64
            | M::Fneni
            | M::Fndisi
            | M::Fnsetpm
    );
    let mmx = (0..i.op_count()).any(|n| i.op_register(n).is_mm()) || i.mnemonic() == M::Emms;
    (x87 || mmx || i.mnemonic() == M::Wait || i.mnemonic() == M::Fisttp) && !never
}

impl Cx<'_> {
    /// Goes on in the run loop, behind the instruction, if `c` is not 0: the mode has changed.
    pub fn resync_if(&mut self, c: Value) -> Flow {
        let (change, same) = (self.b.new_label(), self.b.new_label());
        self.b.brif(c, (change, &[]), (same, &[]));
        self.b.bind(change);
        let (zero, next) = (self.iconst(Ty::I64, 0), self.next_pc());
        self.b.raise(RaiseKind::Resync, next, zero);
        self.b.bind(same);
        Flow::Next
    }

    /// The same if TF and AC are not those of the block.
    pub fn resync_if_flags_changed(&mut self) -> Flow {
        let (other, modes) = (self.b.get(state::EFLAGS_OTHER), self.iconst(Ty::I64, state::MODES));
        let now = self.b.and(Ty::I64, other, modes);
        let bit = |bit: u32, flag: u64| if self.mode & bit != 0 { flag } else { 0 };
        let then = self.iconst(Ty::I64, bit(mode::STEP, state::TF) | bit(mode::ALIGN, state::AC));
        let changed = self.b.icmp(Ty::I64, IntCc::Ne, now, then);
        self.resync_if(changed)
    }

    /// The same if the x87 exceptions that are masked are all, or not, other than in the block.
    pub fn resync_if_masks_changed(&mut self) -> Flow {
        let (control, all) = (self.b.get(state::FPU_CONTROL), self.iconst(Ty::I64, 0x3f));
        let masked = self.b.and(Ty::I64, control, all);
        let changed = if self.mode & mode::X87 != 0 { IntCc::Eq } else { IntCc::Ne };
        let changed = self.b.icmp(Ty::I64, changed, masked, all);
        self.resync_if(changed)
    }
}
