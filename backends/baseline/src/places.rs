//! Where operands are and results go.
//!
//! An op's result is made in the register that is to hold it: that of the first operand if nothing else wants that, another
//! holder if the result is read again, and RAX if not.

use crate::asm::{RAX, put, word};
use crate::copies::Held;
use crate::emit::Emitter;
use crate::encode::Operand;
use crate::futures::branches;
use crate::futures::reads_memory;
use brolga_core::Width;
use brolga_interp::{FlatOp, NONE};
use cranelift_assembler_x64::GprMem;

impl Emitter<'_> {
    /// Nothing that the op reads leaves its register before the op is done.
    pub(crate) fn reserve(&mut self, op: &FlatOp) {
        self.copies.begin();
        for w in [op.a, op.b, op.c] {
            self.copies.find(w);
        }
        if let Some(folded) = self.folded {
            self.copies.reserve(folded.place.base);
            self.copies.reserve(folded.place.index.map_or(RAX, |(index, _)| index));
        }
    }

    /// Forgets what the op was the last to read.
    pub(crate) fn release(&mut self, op: &FlatOp) {
        let future = self.future;
        for (i, w) in [op.a, op.b, op.c].into_iter().enumerate() {
            let over = || future.dead[i] || !future.again[i] && self.copies.in_memory(w);
            if w != op.dst && self.copies.holds(w) && over() {
                self.copies.changed(w, 1);
            }
        }
    }

    /// RAX becomes word `w`, the op's first operand.
    pub(crate) fn first(&mut self, w: u8) {
        let register = self.source(w, self.future.again[0], RAX);
        if register != RAX {
            self.asm.fetch(Width::W64, RAX, Operand::Register(register));
        }
    }

    /// A register that holds word `w` and stays as it is: a copy if there is one or it is to be read `again`, or else `spare`.
    pub(crate) fn source(&mut self, w: u8, again: bool, spare: u8) -> u8 {
        if let Some(register) = self.copies.find(w) {
            return register;
        }
        let register = if again { self.take() } else { spare };
        self.asm.fetch(Width::W64, register, Operand::Word(w));
        if again {
            self.copies.hold(register, w, false);
        }
        register
    }

    /// A register that will hold something.
    pub(crate) fn take(&mut self) -> u8 {
        let (register, old) = self.copies.take();
        self.save(register, old);
        register
    }

    fn save(&mut self, register: u8, held: Held) {
        held.alone().for_each(|w| self.asm.keep(w, register));
    }

    /// Memory gets what registers alone hold, except for these words. The host's flags stay.
    pub(crate) fn settle(&mut self, except: &[u8]) {
        for (register, w) in self.copies.settle().filter(|(_, w)| !except.contains(w)) {
            self.asm.keep(w, register);
        }
    }

    /// Before an op that reads memory, or behind which others go on.
    pub(crate) fn settle_for(&mut self, op: &FlatOp) {
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

    /// Where word `w` is.
    pub(crate) fn at(&mut self, w: u8) -> Operand {
        self.copies.find(w).map_or(Operand::Word(w), Operand::Register)
    }

    /// The same for the library's instructions.
    pub(crate) fn operand(&mut self, w: u8) -> GprMem<u8, u8> {
        self.copies.find(w).map_or(GprMem::Mem(word(w)), GprMem::Gpr)
    }

    pub(crate) fn load(&mut self, reg: u8, w: u8) {
        let from = self.at(w);
        self.asm.fetch(Width::W64, reg, from);
    }

    /// The register of operand `k` if the result may take its place.
    pub(crate) fn in_place(&mut self, op: &FlatOp, k: usize) -> Option<u8> {
        let words = [op.a, op.b, op.c];
        let (w, future) = (words[k], self.future);
        let once = (0..3).all(|i| i == k || words[i] != w);
        let over = w == op.dst || future.dead[k] || !future.again[k] && self.copies.in_memory(w);
        if once && over { self.copies.only(w, op.dst) } else { None }
    }

    /// A register for the result that has nothing that is needed.
    pub(crate) fn goal(&mut self) -> u8 {
        if self.future.result { self.take() } else { RAX }
    }

    /// The same, that of operand `k` if it may be, for results that are made in one instruction.
    pub(crate) fn goal_over(&mut self, op: &FlatOp, k: usize) -> u8 {
        if !self.future.result {
            return RAX;
        }
        self.in_place(op, k).unwrap_or_else(|| self.take())
    }

    /// A register that holds operand `k` and becomes the result.
    pub(crate) fn start(&mut self, op: &FlatOp, k: usize) -> u8 {
        if let Some(register) = self.in_place(op, k) {
            return register;
        }
        let w = [op.a, op.b, op.c][k];
        let from = if self.future.again[k] { Operand::Register(self.source(w, true, RAX)) } else { self.at(w) };
        let goal = self.goal();
        self.asm.fetch(Width::W64, goal, from);
        goal
    }

    /// Word `w` becomes what is in RAX.
    pub(crate) fn done(&mut self, w: u8) {
        self.finish(w, RAX);
    }

    /// Word `w` becomes what is in `register`, which is RAX or a holder of the op.
    pub(crate) fn finish(&mut self, w: u8, register: u8) {
        if w == NONE {
            return;
        }
        self.changed(w, 1);
        self.copies.drop(register);
        if self.future.unread {
            return;
        }
        let alone = self.future.alone;
        if !alone {
            self.asm.keep(w, register);
        }
        if self.future.result {
            let holder = if register == RAX { self.take() } else { register };
            if holder != register {
                put!(self.asm, movq_mr(holder, register));
            }
            self.copies.hold(holder, w, alone);
        }
    }

    /// Word `w` becomes what is in `register`, which stays what it was, too.
    pub(crate) fn finish_shared(&mut self, w: u8, register: u8) {
        self.changed(w, 1);
        if self.future.unread {
            return;
        }
        let alone = self.future.alone;
        if !alone {
            self.asm.keep(w, register);
        }
        if self.future.result && !self.copies.share(register, w, alone) {
            let holder = self.take();
            self.asm.fetch(Width::W64, holder, Operand::Register(register));
            self.copies.hold(holder, w, alone);
        }
    }

    /// Words were written: what is known of them is not so any more.
    pub(crate) fn changed(&mut self, w: u8, words: u8) {
        self.copies.changed(w, words);
        if let Some(known) = self.known
            && u16::from(w) < u16::from(known.first) + 3
            && u16::from(w) + u16::from(words) > u16::from(known.first)
        {
            self.known = None;
        }
    }
}
