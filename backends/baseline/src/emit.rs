//! One arm an op: the pass over the flat form.

use crate::asm::{Asm, Cc, Label, R8, RAX, RBP, RCX, RDI, RDX, RSI, at, field, near, put, word};
use crate::code::{Code, Plan, SlotUse, Use, Way};
use crate::copies::{Copies, Future, branches, futures, reads_memory};
use brolga_core::Env;
use brolga_interp::{Code as Op, Flat, FlatOp, NONE, pack};
use brolga_ir::ops::ALL_OPS;
use brolga_ir::{JumpKind, Op as IrOp};
use cranelift_assembler_x64::GprMem;
use std::mem::offset_of;

pub(crate) struct Emitter<'a> {
    pub(crate) asm: Asm,
    pub(crate) flat: &'a Flat,
    pub(crate) plan: &'a Plan,
    exits: Vec<u64>,
    uses: Vec<SlotUse>,
    /// Labels of flat ops that jumps lead to.
    targets: Vec<Option<Label>>,
    /// Word whose value is in RAX when the current op begins.
    pub(crate) held: Option<u8>,
    /// The same when it ends.
    pub(crate) cached: Option<u8>,
    pub(crate) copies: Copies,
    futures: Vec<Future>,
    /// Of the current op.
    pub(crate) future: Future,
    /// The host's condition that the last op left for the branch behind it.
    pub(crate) decided: Option<Cc>,
    /// First of three flag words, and the operation that they hold for sure.
    pub(crate) kind: Option<(u8, u64)>,
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
        exits: Vec::new(),
        uses: Vec::new(),
        targets: vec![None; flat.ops.len()],
        held: None,
        cached: None,
        copies: Copies::default(),
        futures: Vec::new(),
        future: Future::default(),
        decided: None,
        kind: None,
        open: true,
        accesses: Vec::new(),
        pc,
    };
    let loops = e.find_targets();
    e.futures = futures(&flat.ops, |index| e.targets[index].is_some(), loops, flat.scratch);
    e.poll(pc);
    let entered = e.asm.here();
    e.count();
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
            (e.cached, e.kind) = (None, None);
            e.copies.forget();
        }
        if !e.open {
            continue;
        }
        e.held = e.cached.take();
        e.future = e.futures[index];
        e.settle_for(op);
        e.op(index, op)?;
        e.last_reads(op).into_iter().for_each(|w| e.copies.changed(w, 1));
    }
    let (bytes, jumps, tail) = e.asm.finish();
    Ok(Code { pc, bytes, entered, jumps, tail, exits: e.exits, uses: e.uses, accesses: e.accesses })
}

/// `with_constant!(e, value, addq_mi_sxb, addq_mi_sxb, addq_mi_sxl, addq_rm)`: RAX and a constant of 64 bits.
macro_rules! with_constant {
    ($e:expr, $value:expr, $byte:ident, $short:ident, $long:ident) => {
        match $value as i64 {
            byte @ -0x80..0x80 => put!($e.asm, $byte(RAX, byte as i8)),
            short @ -0x8000_0000..0x8000_0000 => put!($e.asm, $short(RAX, short as i32)),
            _ => {
                $e.asm.constant(RCX, $value);
                put!($e.asm, $long(RAX, RCX));
            }
        }
    };
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

    /// Counts the entry.
    fn count(&mut self) {
        put!(self.asm, subl_mi_sxb(near(), 1));
        self.uses.push(SlotUse { at: self.asm.here() - 5, what: Use::Count });
        let hot = self.asm.out(Way::Hot);
        self.asm.jump_if(Cc::S, hot);
    }

    /// Notes that the last instruction ends in the number of the slot that leads to guest address `pc`.
    pub(crate) fn uses_slot(&mut self, pc: u64) {
        let what = Use::Number(self.exit(pc));
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
        put!(self.asm, cmpl_mi_sxb(field(offset_of!(Env, exit_request)), 0));
        let out = self.asm.out(Way::Leave { pc, status: self.plan.status.polled });
        self.asm.jump_if(Cc::Ne, out);
    }

    /// Returns to the run loop; the program counter is stored.
    pub(crate) fn leave(&mut self, status: u32) {
        self.asm.leave(status);
        self.open = false;
    }

    /// RAX becomes word `w`, the op's first operand.
    pub(crate) fn first(&mut self, w: u8) {
        if self.held == Some(w) {
            return;
        }
        match self.copy(w, self.future.a) {
            Some(copy) => put!(self.asm, movq_mr(RAX, copy)),
            None => put!(self.asm, movq_rm(RAX, word(w))),
        }
    }

    /// A register that holds word `w` and stays as it is: RAX, or a copy if there is one or it is to be read `again`.
    pub(crate) fn place(&mut self, w: u8, again: bool) -> Option<u8> {
        if self.held == Some(w) { Some(RAX) } else { self.copy(w, again) }
    }

    fn copy(&mut self, w: u8, again: bool) -> Option<u8> {
        let found = self.copies.find(w);
        if found.is_some() || !again {
            return found;
        }
        let copy = self.take(w, false);
        put!(self.asm, movq_rm(copy, word(w)));
        Some(copy)
    }

    /// A register that will hold word `w`, alone or as memory does.
    fn take(&mut self, w: u8, alone: bool) -> u8 {
        let (register, displaced) = self.copies.take(w, alone);
        if let Some(old) = displaced {
            put!(self.asm, movq_mr(word(old), register));
        }
        register
    }

    /// Memory gets what registers alone hold, except for these words. The host's flags stay.
    fn settle(&mut self, except: &[u8]) {
        for (register, w) in self.copies.settle().filter(|(_, w)| !except.contains(w)) {
            put!(self.asm, movq_mr(word(w), register));
        }
    }

    /// Before an op that reads memory, or behind which others go on.
    fn settle_for(&mut self, op: &FlatOp) {
        if reads_memory(op) {
            self.settle(&[]);
        } else if branches(op) {
            self.settle(&self.last_reads(op));
        }
    }

    /// Temporaries that `op` is the last to read.
    fn last_reads(&self, op: &FlatOp) -> [u8; 3] {
        let dead = self.future.dead;
        std::array::from_fn(|i| if dead[i] { [op.a, op.b, op.c][i] } else { NONE })
    }

    /// Word `w` as an operand: a copy, or in memory.
    pub(crate) fn operand(&self, w: u8) -> GprMem<u8, u8> {
        self.copies.find(w).map_or(GprMem::Mem(word(w)), GprMem::Gpr)
    }

    pub(crate) fn load(&mut self, reg: u8, w: u8) {
        put!(self.asm, movq_rm(reg, self.operand(w)));
    }

    /// Word `w` becomes RAX.
    pub(crate) fn done(&mut self, w: u8) {
        if w == NONE {
            return;
        }
        self.changed(w, 1);
        self.cached = Some(w);
        let Future { next_only, unread, result, .. } = self.future;
        if next_only || unread {
            return;
        }
        let alone = result && w >= self.flat.scratch;
        if !alone {
            put!(self.asm, movq_mr(word(w), RAX));
        }
        if result {
            let copy = self.take(w, alone);
            put!(self.asm, movq_mr(copy, RAX));
        }
    }

    /// RAX has not changed in this op.
    pub(crate) fn keep_first(&mut self) {
        self.cached = self.held;
    }

    /// Words were written: what is known of them is not so any more.
    pub(crate) fn changed(&mut self, w: u8, words: u8) {
        self.copies.changed(w, words);
        if let Some((first, _)) = self.kind
            && u16::from(w) < u16::from(first) + 3
            && u16::from(w) + u16::from(words) > u16::from(first)
        {
            self.kind = None;
        }
    }

    fn op(&mut self, index: usize, op: &FlatOp) -> Result<(), &'static str> {
        match op.code {
            Op::Mov | Op::Add64R | Op::Sub64R | Op::Mul64 | Op::And64R | Op::Or64R | Op::Xor64R | Op::Bic64 => {
                self.words64(op)
            }
            Op::Add32R | Op::Sub32R | Op::Mul32 | Op::And32R | Op::Or32R | Op::Xor32R | Op::Bic32 => self.words32(op),
            Op::Const => {
                self.asm.constant(RAX, op.imm);
                self.done(op.dst);
            }
            Op::Add64I | Op::Sub64I | Op::And64I | Op::Or64I | Op::Xor64I => self.constants64(op),
            Op::Add32I | Op::Sub32I | Op::Or32I | Op::Xor32I => self.constants32(op),
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
            Op::AddShl64 => {
                self.first(op.a);
                self.load(RCX, op.b);
                put!(self.asm, shlq_mi(RCX, op.aux as u8 & 63));
                put!(self.asm, addq_rm(RAX, RCX));
                self.done(op.dst);
            }
            Op::Sext | Op::Extract | Op::Sextract | Op::Deposit => self.bits(op),
            Op::IcmpR | Op::IcmpI => self.compare_to_truth(op),
            Op::Select => {
                put!(self.asm, cmpq_mi_sxb(self.operand(op.a), 0));
                self.load(RAX, op.c);
                put!(self.asm, cmovneq_rm(RAX, self.operand(op.b)));
                self.done(op.dst);
            }
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

    /// 64-bit arithmetic on two words, and the move of one.
    fn words64(&mut self, op: &FlatOp) {
        self.first(op.a);
        match op.code {
            Op::Add64R => put!(self.asm, addq_rm(RAX, self.operand(op.b))),
            Op::Sub64R => put!(self.asm, subq_rm(RAX, self.operand(op.b))),
            Op::Mul64 => put!(self.asm, imulq_rm(RAX, self.operand(op.b))),
            Op::And64R => put!(self.asm, andq_rm(RAX, self.operand(op.b))),
            Op::Or64R => put!(self.asm, orq_rm(RAX, self.operand(op.b))),
            Op::Xor64R => put!(self.asm, xorq_rm(RAX, self.operand(op.b))),
            Op::Bic64 => {
                self.load(RCX, op.b);
                put!(self.asm, notq_m(RCX));
                put!(self.asm, andq_rm(RAX, RCX));
            }
            _ => {}
        }
        self.done(op.dst);
    }

    /// 32-bit arithmetic on two words.
    fn words32(&mut self, op: &FlatOp) {
        self.first(op.a);
        match op.code {
            Op::Add32R => put!(self.asm, addl_rm(RAX, self.operand(op.b))),
            Op::Sub32R => put!(self.asm, subl_rm(RAX, self.operand(op.b))),
            Op::Mul32 => put!(self.asm, imull_rm(RAX, self.operand(op.b))),
            Op::And32R => put!(self.asm, andl_rm(RAX, self.operand(op.b))),
            Op::Or32R => put!(self.asm, orl_rm(RAX, self.operand(op.b))),
            Op::Xor32R => put!(self.asm, xorl_rm(RAX, self.operand(op.b))),
            _ => {
                self.load(RCX, op.b);
                put!(self.asm, notl_m(RCX));
                put!(self.asm, andl_rm(RAX, RCX));
            }
        }
        self.done(op.dst);
    }

    /// 64-bit arithmetic on a word and a constant.
    fn constants64(&mut self, op: &FlatOp) {
        self.first(op.a);
        match op.code {
            Op::Add64I | Op::Sub64I if op.imm == 0 => {}
            Op::Add64I => with_constant!(self, op.imm, addq_mi_sxb, addq_mi_sxl, addq_rm),
            Op::Sub64I => with_constant!(self, op.imm, subq_mi_sxb, subq_mi_sxl, subq_rm),
            Op::And64I => self.mask(op.imm),
            Op::Or64I => with_constant!(self, op.imm, orq_mi_sxb, orq_mi_sxl, orq_rm),
            _ => with_constant!(self, op.imm, xorq_mi_sxb, xorq_mi_sxl, xorq_rm),
        }
        self.done(op.dst);
    }

    /// 32-bit arithmetic on a word and a constant.
    fn constants32(&mut self, op: &FlatOp) {
        self.first(op.a);
        let imm = op.imm as u32;
        match op.code {
            Op::Add32I => put!(self.asm, addl_mi(RAX, imm)),
            Op::Sub32I => put!(self.asm, subl_mi(RAX, imm)),
            Op::Or32I => put!(self.asm, orl_mi(RAX, imm)),
            _ => put!(self.asm, xorl_mi(RAX, imm)),
        }
        self.done(op.dst);
    }

    /// Shifts by a word.
    fn shift_by_word(&mut self, op: &FlatOp) {
        self.first(op.a);
        self.load(RCX, op.b);
        match op.code {
            Op::Shl64R => put!(self.asm, shlq_mc(RAX, RCX)),
            Op::Shl32R => put!(self.asm, shll_mc(RAX, RCX)),
            Op::Lshr64R => put!(self.asm, shrq_mc(RAX, RCX)),
            Op::Lshr32R => put!(self.asm, shrl_mc(RAX, RCX)),
            Op::Ashr64R => put!(self.asm, sarq_mc(RAX, RCX)),
            Op::Ashr32R => put!(self.asm, sarl_mc(RAX, RCX)),
            Op::Rotr64R => put!(self.asm, rorq_mc(RAX, RCX)),
            _ => put!(self.asm, rorl_mc(RAX, RCX)),
        }
        self.low_half_if(matches!(op.code, Op::Shl32R | Op::Lshr32R | Op::Ashr32R | Op::Rotr32R));
        self.done(op.dst);
    }

    /// Shifts by a constant.
    fn shift_by_constant(&mut self, op: &FlatOp) {
        self.first(op.a);
        let amount = op.imm as u8;
        match op.code {
            Op::Shl64I => put!(self.asm, shlq_mi(RAX, amount & 63)),
            Op::Shl32I => put!(self.asm, shll_mi(RAX, amount & 31)),
            Op::Lshr64I => put!(self.asm, shrq_mi(RAX, amount & 63)),
            Op::Lshr32I => put!(self.asm, shrl_mi(RAX, amount & 31)),
            Op::Ashr64I => put!(self.asm, sarq_mi(RAX, amount & 63)),
            Op::Ashr32I => put!(self.asm, sarl_mi(RAX, amount & 31)),
            Op::Rotr64I => put!(self.asm, rorq_mi(RAX, amount & 63)),
            _ => put!(self.asm, rorl_mi(RAX, amount & 31)),
        }
        self.low_half_if(matches!(op.code, Op::Shl32I | Op::Lshr32I | Op::Ashr32I | Op::Rotr32I));
        self.done(op.dst);
    }

    /// A shift by nothing leaves the high half as it was.
    fn low_half_if(&mut self, narrow: bool) {
        if narrow {
            put!(self.asm, movl_rm(RAX, RAX));
        }
    }

    /// RAX keeps the bits of `mask`.
    fn mask(&mut self, mask: u64) {
        match mask {
            u64::MAX => {}
            0xffff_ffff => put!(self.asm, movl_rm(RAX, RAX)),
            0xff => put!(self.asm, movzbl_rm(RAX, RAX)),
            0xffff => put!(self.asm, movzwl_rm(RAX, RAX)),
            _ => match u32::try_from(mask) {
                Ok(low) => put!(self.asm, andl_mi(RAX, low)),
                Err(_) => with_constant!(self, mask, andq_mi_sxb, andq_mi_sxl, andq_rm),
            },
        }
    }

    /// Bit fields.
    fn bits(&mut self, op: &FlatOp) {
        let amount = op.aux as u8 & 63;
        self.first(op.a);
        match op.code {
            Op::Sext => {
                match amount {
                    0 => {}
                    32 => put!(self.asm, movslq_rm(RAX, RAX)),
                    48 => put!(self.asm, movswq_rm(RAX, RAX)),
                    56 => put!(self.asm, movsbq_rm(RAX, RAX)),
                    _ => {
                        put!(self.asm, shlq_mi(RAX, amount));
                        put!(self.asm, sarq_mi(RAX, amount));
                    }
                }
                self.mask(op.imm);
            }
            Op::Extract => {
                if amount != 0 {
                    put!(self.asm, shrq_mi(RAX, amount));
                }
                if op.imm != u64::MAX >> amount {
                    self.mask(op.imm);
                }
            }
            Op::Sextract => {
                put!(self.asm, shlq_mi(RAX, amount));
                put!(self.asm, sarq_mi(RAX, (op.aux >> 8) as u8 & 63));
                self.mask(op.imm);
            }
            _ => {
                self.load(RDX, op.b);
                if op.imm != u64::MAX {
                    self.asm.constant(RCX, op.imm);
                    put!(self.asm, andq_rm(RDX, RCX));
                }
                put!(self.asm, shlq_mi(RDX, amount));
                self.asm.constant(RCX, !(op.imm << amount));
                put!(self.asm, andq_rm(RAX, RCX));
                put!(self.asm, orq_rm(RAX, RDX));
            }
        }
        self.done(op.dst);
    }

    /// Divisions and high halves of products; false for what has no short form.
    fn binary(&mut self, op: &FlatOp) -> bool {
        let wide = op.imm == 64;
        match ALL_OPS[op.aux as usize & 0xff] {
            _ if !wide && op.imm != 32 => return self.narrow_binary(op),
            IrOp::Udiv => self.divide(op, |e| {
                put!(e.asm, xorl_rm(RDX, RDX));
                // Operands are zero-extended: the wide form is right for both widths.
                put!(e.asm, divq_m(RAX, RDX, RCX, NEVER));
            }),
            IrOp::Sdiv if wide => self.divide(op, |e| {
                let (ordinary, done) = (e.asm.label(), e.asm.label());
                put!(e.asm, cmpq_mi_sxb(RCX, -1));
                e.asm.jump_if(Cc::Ne, ordinary);
                put!(e.asm, negq_m(RAX));
                e.asm.jump(done);
                e.asm.bind(ordinary);
                put!(e.asm, cqto_zo(RDX, RAX));
                put!(e.asm, idivq_m(RAX, RDX, RCX, NEVER));
                e.asm.bind(done);
            }),
            IrOp::Sdiv => self.divide(op, |e| {
                put!(e.asm, movslq_rm(RAX, RAX));
                put!(e.asm, movslq_rm(RCX, RCX));
                put!(e.asm, cqto_zo(RDX, RAX));
                put!(e.asm, idivq_m(RAX, RDX, RCX, NEVER));
                put!(e.asm, movl_rm(RAX, RAX));
            }),
            IrOp::Umulh if wide => {
                self.first(op.a);
                put!(self.asm, mulq_m(RAX, RDX, self.operand(op.b)));
                put!(self.asm, movq_rm(RAX, RDX));
            }
            IrOp::Smulh if wide => {
                self.first(op.a);
                put!(self.asm, imulq_m(RAX, RDX, self.operand(op.b)));
                put!(self.asm, movq_rm(RAX, RDX));
            }
            _ => return false,
        }
        self.done(op.dst);
        true
    }

    /// RAX divided by RCX as `quotient` does; by 0 it is 0.
    fn divide(&mut self, op: &FlatOp, quotient: impl FnOnce(&mut Self)) {
        let (zero, done) = (self.asm.label(), self.asm.label());
        self.first(op.a);
        self.load(RCX, op.b);
        put!(self.asm, testq_mr(RCX, RCX));
        self.asm.jump_if(Cc::E, zero);
        quotient(self);
        self.asm.jump(done);
        self.asm.bind(zero);
        put!(self.asm, xorl_rm(RAX, RAX));
        self.asm.bind(done);
    }

    fn unary(&mut self, op: &FlatOp) -> bool {
        let wide = op.imm == 64;
        if !wide && op.imm != 32 {
            return self.narrow_unary(op);
        }
        let ir = ALL_OPS[op.aux as usize & 0xff];
        if !matches!(ir, IrOp::Not | IrOp::Neg | IrOp::Bswap) && !(ir == IrOp::Clz && self.plan.functions.lzcnt) {
            return self.narrow_unary(op);
        }
        self.first(op.a);
        match (ir, wide) {
            (IrOp::Not, true) => put!(self.asm, notq_m(RAX)),
            (IrOp::Not, false) => put!(self.asm, notl_m(RAX)),
            (IrOp::Neg, true) => put!(self.asm, negq_m(RAX)),
            (IrOp::Neg, false) => put!(self.asm, negl_m(RAX)),
            (IrOp::Bswap, true) => put!(self.asm, bswapq_o(RAX)),
            (IrOp::Bswap, false) => put!(self.asm, bswapl_o(RAX)),
            (_, true) => put!(self.asm, lzcntq_rm(RAX, RAX)),
            (_, false) => put!(self.asm, lzcntl_rm(RAX, RAX)),
        }
        self.done(op.dst);
        true
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

    /// RAX becomes what the op's helper makes of its operands.
    pub(crate) fn ask_helper(&mut self, op: &FlatOp) {
        for (reg, w) in [(RSI, op.a), (RDX, op.b), (RCX, op.c)] {
            if w == brolga_interp::NONE {
                put!(self.asm, xorl_rm(reg, reg));
            } else {
                self.load(reg, w);
            }
        }
        put!(self.asm, movq_rm(RAX, field(offset_of!(Env, helpers))));
        put!(self.asm, movq_rm(R8, at(RAX, 8 * (self.plan.first_guest as i32 + i32::from(op.aux)))));
        self.call(self.plan.call);
        // A helper may write any row that its call site declares, the flags among them.
        self.kind = None;
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
    }

    /// Label of a flat op.
    pub(crate) fn target(&self, index: usize) -> Label {
        self.targets[index].expect("found before")
    }
}

/// Divisions are guarded: their trap code is never looked at.
const NEVER: cranelift_assembler_x64::TrapCode = cranelift_assembler_x64::TrapCode(std::num::NonZeroU8::MIN);
