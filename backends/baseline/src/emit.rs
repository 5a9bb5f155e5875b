//! One arm an op: the pass over the flat form.

use crate::asm::{Asm, Cc, Label, R8, RAX, RBP, RCX, RDI, RDX, RSI, at, field, near, put, word};
use crate::code::{Code, Plan, SlotUse, Use, Way};
use crate::copies::Copies;
use crate::flags::Known;
use crate::futures::{Future, futures, is_scalar};
use crate::memory::Folded;
use brolga_core::Env;
use brolga_interp::{Code as Op, Flat, FlatOp, pack};
use brolga_ir::JumpKind;
use std::mem::offset_of;

pub(crate) struct Emitter<'a> {
    pub(crate) asm: Asm,
    pub(crate) flat: &'a Flat,
    pub(crate) plan: &'a Plan,
    exits: Vec<u64>,
    uses: Vec<SlotUse>,
    /// Labels of flat ops that jumps lead to.
    targets: Vec<Option<Label>>,
    pub(crate) copies: Copies,
    futures: Vec<Future>,
    /// Of the current op.
    pub(crate) future: Future,
    /// The host's condition that the last op left for the branch or selection behind it.
    pub(crate) decided: Option<Cc>,
    pub(crate) known: Option<Known>,
    /// The address that the last op left to this one.
    pub(crate) folded: Option<Folded>,
    /// Temporaries that are constants and in no place: what is to be stored.
    pub(crate) constants: Vec<(u8, u64)>,
    /// The constant that R8 has: those that are stored and not short are mostly stored again.
    pub(crate) long: Option<u64>,
    /// Index of the current op.
    index: usize,
    /// Whether control may run on into the current op.
    pub(crate) open: bool,
    pub(crate) accesses: Vec<(u32, u64)>,
    /// Guest address of the current instruction.
    pub(crate) pc: u64,
}

/// Emits a block. The error says why it stays in tier 0.
pub fn emit(flat: &Flat, plan: &Plan) -> Result<Code, &'static str> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the host is not an x86-64");
    }
    if plan.guest_base % 16 != 0 {
        return Err("the guest base is not a multiple of 16");
    }
    if flat.once {
        return Err("no instruction of it may be begun again");
    }
    let pc = plan.pc;
    let mut e = Emitter {
        asm: Asm::with_room(32 * flat.ops.len() + 64),
        flat,
        plan,
        exits: Vec::with_capacity(4),
        uses: Vec::with_capacity(8),
        targets: vec![None; flat.ops.len()],
        copies: Copies::default(),
        futures: Vec::new(),
        future: Future::default(),
        decided: None,
        known: None,
        folded: None,
        constants: Vec::new(),
        long: None,
        index: 0,
        open: true,
        accesses: Vec::with_capacity(8),
        pc,
    };
    let loops = e.find_targets();
    e.futures = futures(&flat.ops, |index| e.targets[index].is_some(), loops, flat.scratch);
    e.poll(pc);
    let entered = e.asm.here();
    e.enter();
    for ((index, op), pc) in flat.ops.iter().enumerate().zip(flat.addresses()) {
        e.pc = pc;
        if let Some(label) = e.targets[index] {
            if e.open {
                e.settle(&[]);
            }
            if e.is_plain_goto(index) {
                let way = e.way_to(op.imm);
                e.asm.bind_out(label, way);
            } else {
                e.asm.bind(label);
                e.open = true;
            }
            (e.known, e.long) = (None, None);
            e.constants.clear();
            e.copies.forget();
        }
        if !e.open {
            continue;
        }
        (e.index, e.future) = (index, e.futures[index]);
        e.reserve(op);
        if !(e.future.unread && is_scalar(op)) {
            e.settle_for(op);
            e.op(index, op)?;
        }
        e.release(op);
    }
    let (bytes, jumps, tail) = e.asm.finish();
    Ok(Code { pc, bytes, entered, jumps, tail, exits: e.exits, uses: e.uses, accesses: e.accesses })
}

impl Emitter<'_> {
    /// Labels what jumps lead to; tells whether one leads back.
    fn find_targets(&mut self) -> bool {
        let mut loops = false;
        for (from, op) in self.flat.ops.iter().enumerate() {
            let [a, b] = match op.code {
                Op::Jump | Op::JumpBack => [op.imm, op.imm],
                Op::Brif | Op::BrifSub | Op::BrifCc => [u64::from(op.imm as u32), op.imm >> 32],
                _ => continue,
            };
            for index in [a as usize, b as usize] {
                loops |= index <= from;
                if self.targets[index].is_none() {
                    self.targets[index] = Some(self.asm.label());
                }
            }
        }
        loops
    }

    /// Counts an entry, or another round within the block.
    pub(crate) fn count(&mut self) {
        put!(self.asm, subl_mi_sxb(near(), 1));
        self.uses.push(SlotUse { at: self.asm.here() - 5, what: Use::Count });
    }

    /// Counts the entry and leaves if the count is used up.
    fn enter(&mut self) {
        self.count();
        let hot = self.asm.out(Way::Hot);
        self.asm.jump_if(Cc::S, hot);
    }

    /// Notes that the last instruction ends in the distance of the slot that leads to guest address `pc`.
    pub(crate) fn uses_slot(&mut self, pc: u64) {
        let what = Use::Slot(self.exit(pc));
        self.uses.push(SlotUse { at: self.asm.here() - 4, what });
    }

    /// The way out to guest address `pc`.
    pub(crate) fn way_to(&mut self, pc: u64) -> Way {
        Way::Exit(self.exit(pc))
    }

    /// Whether the op does nothing but leave for an address.
    pub(crate) fn is_plain_goto(&self, index: usize) -> bool {
        let op = &self.flat.ops[index];
        op.code == Op::Goto && JumpKind::from_sub(op.aux as u8) != JumpKind::Call
    }

    /// Index of the exit to guest address `pc`.
    fn exit(&mut self, pc: u64) -> u32 {
        let index = self.exits.iter().position(|&exit| exit == pc).unwrap_or_else(|| {
            self.exits.push(pc);
            self.exits.len() - 1
        });
        index as u32
    }

    /// Leaves at `pc`, the start of an instruction, if somebody asked the processor to stop.
    pub(crate) fn poll(&mut self, pc: u64) {
        // Above the low half of any address of an `Env`, or 0: a comparison with a register and a branch are one operation.
        put!(self.asm, cmpl_rm(RDI, field(offset_of!(Env, exit_request))));
        let out = self.asm.out(Way::Leave { pc, status: self.plan.status.polled });
        self.asm.jump_if(Cc::B, out);
    }

    /// Returns to the run loop; the program counter is stored.
    pub(crate) fn leave(&mut self, status: u32) {
        self.asm.leave(status);
        self.open = false;
    }

    fn op(&mut self, index: usize, op: &FlatOp) -> Result<(), &'static str> {
        match op.code {
            Op::Mov => self.mov(op),
            Op::Add64R | Op::Sub64R | Op::And64R | Op::Or64R | Op::Xor64R => self.words(op),
            Op::Add32R | Op::Sub32R | Op::And32R | Op::Or32R | Op::Xor32R => self.words(op),
            Op::Mul64 | Op::Mul32 => self.product(op),
            Op::Bic64 | Op::Bic32 => self.without(op),
            Op::Const => self.constant(op),
            Op::Add64I | Op::Sub64I | Op::And64I | Op::Or64I | Op::Xor64I => self.constants(op),
            Op::Add32I | Op::Sub32I | Op::Or32I | Op::Xor32I => self.constants(op),
            Op::Shl64R
            | Op::Shl32R
            | Op::Lshr64R
            | Op::Lshr32R
            | Op::Ashr64R
            | Op::Ashr32R
            | Op::Rotr64R
            | Op::Rotr32R => self.shift_by_word(op),
            Op::Shl64I
            | Op::Shl32I
            | Op::Lshr64I
            | Op::Lshr32I
            | Op::Ashr64I
            | Op::Ashr32I
            | Op::Rotr64I
            | Op::Rotr32I => self.shift_by_constant(op),
            Op::AddShl64 => self.add_shifted(op),
            Op::Sext | Op::Extract | Op::Sextract | Op::Deposit => self.bits(op),
            Op::IcmpR | Op::IcmpI => self.compare_to_truth(op),
            Op::Select => self.select(op),
            Op::Shuffle if self.shuffle(op) => {}
            Op::Vector if self.vector(op) => {}
            Op::Binary if self.binary(op) => {}
            Op::Unary if self.unary(op) => {}
            Op::Mov128
            | Op::Const128
            | Op::And128
            | Op::Or128
            | Op::Xor128
            | Op::Bic128
            | Op::Select128
            | Op::Bitselect => self.wide(op),
            Op::SetCcR | Op::SetCcI | Op::SelectCc | Op::SetCcCarry => self.set_flags(op),
            Op::Cond | Op::CondSub64R | Op::CondSub64I | Op::CondSub32R | Op::CondSub32I => self.cond_to_truth(op),
            Op::Load8 | Op::Load16 | Op::Load32 | Op::Load64 | Op::LoadAny | Op::Load128 => self.load_memory(op)?,
            Op::Store8 | Op::Store16 | Op::Store32 | Op::Store64 | Op::StoreAny | Op::Store128 => self.store_memory(op),
            Op::Rmw => self.rmw(op),
            Op::Cas => self.compare_exchange(op),
            Op::Cas128 => self.compare_exchange128(op),
            Op::MemCopy => self.copy_memory(op),
            Op::Fence => self.full_fence(),
            // x86-64 keeps these orders by itself. Intel SDM volume 3, "Memory Ordering".
            Op::LightFence => {}
            Op::Call if self.scalar_float(op) => {}
            Op::FpLanes if self.lanes_float(op) => {}
            Op::Call => self.call_helper(op),
            Op::Jump | Op::JumpBack | Op::Brif | Op::BrifSub | Op::BrifCc => self.branch(index, op),
            Op::Goto => self.goto(op),
            Op::GotoInd => self.goto_indirect(op),
            Op::Raise => self.raise(op),
            Op::Not128 | Op::Binary | Op::Unary | Op::Unpack | Op::Vector | Op::Shuffle | Op::FpLanes => {
                self.by_interpreter(op)?;
            }
        }
        Ok(())
    }

    /// Moves and bitwise logic of 128 bits.
    fn wide(&mut self, op: &FlatOp) {
        const X0: u8 = 0;
        const X1: u8 = 1;
        match op.code {
            Op::Const128 => {
                let value = self.flat.wide[op.imm as usize];
                self.asm.store_constant(word(op.dst), value as u64, RAX);
                self.asm.store_constant(word(op.dst + 1), (value >> 64) as u64, RAX);
                self.changed(op.dst, 2);
                return;
            }
            Op::Select128 => {
                let done = self.asm.label();
                put!(self.asm, cmpq_mi_sxb(word(op.a), 0));
                put!(self.asm, movups_a(X0, word(op.b)));
                self.asm.jump_if(Cc::Ne, done);
                put!(self.asm, movups_a(X0, word(op.c)));
                self.asm.bind(done);
            }
            Op::Bic128 => {
                put!(self.asm, movups_a(X0, word(op.b)));
                put!(self.asm, pandn_a(X0, word(op.a)));
            }
            Op::Bitselect => {
                put!(self.asm, movups_a(X0, word(op.a)));
                put!(self.asm, movups_a(X1, word(op.b)));
                put!(self.asm, pand_a(X1, X0));
                put!(self.asm, pandn_a(X0, word(op.c)));
                put!(self.asm, por_a(X0, X1));
            }
            code => {
                put!(self.asm, movups_a(X0, word(op.a)));
                match code {
                    Op::And128 => put!(self.asm, pand_a(X0, word(op.b))),
                    Op::Or128 => put!(self.asm, por_a(X0, word(op.b))),
                    Op::Xor128 => put!(self.asm, pxor_a(X0, word(op.b))),
                    _ => {}
                }
            }
        }
        put!(self.asm, movups_b(word(op.dst), X0));
        self.changed(op.dst, 2);
    }

    /// The interpreter's own function for an op that touches the register file alone.
    fn by_interpreter(&mut self, op: &FlatOp) -> Result<(), &'static str> {
        let args = pack(op, &self.flat.wide).ok_or("an op with no form of its own")?;
        self.settle(&[]);
        for (reg, value) in [RSI, RDX, RCX, R8].into_iter().zip(args) {
            self.asm.constant(reg, value);
        }
        self.call(self.plan.op);
        self.changed(op.dst, 2);
        Ok(())
    }

    fn call_helper(&mut self, op: &FlatOp) {
        self.ask_helper(op);
        self.done(op.dst);
    }

    fn copy_memory(&mut self, op: &FlatOp) {
        self.load_arguments(op);
        self.call(self.plan.copy);
        self.done(op.dst);
    }

    /// The op's operands as arguments of a function of the helper table.
    fn load_arguments(&mut self, op: &FlatOp) {
        for (reg, w) in [(RSI, op.a), (RDX, op.b), (RCX, op.c)] {
            if w == brolga_interp::NONE {
                put!(self.asm, xorl_rm(reg, reg));
            } else {
                self.load(reg, w);
            }
        }
    }

    /// RAX becomes what the op's helper makes of its operands.
    pub(crate) fn ask_helper(&mut self, op: &FlatOp) {
        self.load_arguments(op);
        put!(self.asm, movq_rm(RAX, field(offset_of!(Env, helpers))));
        put!(self.asm, movq_rm(R8, at(RAX, 8 * (self.plan.first_guest as i32 + i32::from(op.aux)))));
        self.call(self.plan.call);
        // A helper may write any row that its call site declares, the flags among them.
        self.known = None;
    }

    /// Calls a function of the helper table, its arguments in place; the result is in RAX.
    pub(crate) fn call(&mut self, helper: u32) {
        put!(self.asm, movq_rm(RAX, field(offset_of!(Env, helpers))));
        put!(self.asm, addq_mi_sxb(RDI, -Env::BIAS as i8));
        put!(self.asm, callq_m(at(RAX, 8 * helper as i32)));
        // What is behind the saved frame pointer, the address that the frame returns to, and the address of `Env`.
        put!(self.asm, movq_rm(RDI, at(RBP, 24)));
        debug_assert!(self.copies.settle().next().is_none(), "settled before");
        self.copies.forget();
        self.long = None;
    }

    /// Whether the next op takes this one's result, at a distance more, for an address that may have the form of the host's.
    pub(crate) fn folds(&self, distance: i64) -> bool {
        let next = self.flat.ops.get(self.index + 1).filter(|_| self.future.address_next && !self.plan.remove_tags);
        next.is_some_and(|next| {
            let own = (next.imm as i64).wrapping_add(self.plan.guest_base as i64);
            [own, own.wrapping_add(distance)].into_iter().all(|disp| i32::try_from(disp).is_ok())
        })
    }

    /// Label of a flat op.
    pub(crate) fn target(&self, index: usize) -> Label {
        self.targets[index].expect("found before")
    }
}
