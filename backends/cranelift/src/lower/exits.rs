//! The ends of nodes, and the ways out of the region.

use super::Lower;
use crate::stand_in::StandIn;
use crate::status;
use crate::words::Rows;
use brolga_core::{Env, JUMP_CACHE, JumpEntry, RETURN_STACK, ReturnEntry};
use brolga_ir::{Block, Inst, JumpKind, Op};
use cranelift_codegen::ir::{self, InstBuilder, condcodes::IntCC, types};
use cranelift_frontend::Variable;
use std::mem::{offset_of, size_of};

/// Namespace of the symbols that stand for link slots; the index is that of the exit.
pub(crate) const EXITS: u32 = 1;
/// The same for counters of entries.
pub(crate) const COUNTERS: u32 = 2;

impl Lower<'_, '_> {
    /// Ends node `n`.
    pub(super) fn end(&mut self, n: usize, block: &Block, inst: &Inst) {
        let node = &self.u.cfg.nodes[n];
        match inst.op {
            Op::Jump => {
                let (to, args) = self.local(block, inst.imm, node.succs[0]);
                self.fb.ins().jump(to, &args);
                self.edge_made(node.succs[0]);
            }
            Op::Brif => {
                let c = self.data(inst.a);
                let (then, then_args) = self.local(block, inst.imm, node.succs[0]);
                let (other, other_args) = self.local(block, inst.imm + 1, node.succs[1]);
                self.fb.ins().brif(c, then, &then_args, other, &other_args);
                self.edge_made(node.succs[0]);
                self.edge_made(node.succs[1]);
            }
            Op::Goto => {
                if JumpKind::from_sub(inst.sub) == JumpKind::Call {
                    self.push_return(node.next_pc);
                }
                match node.succs.first() {
                    Some(&to) => self.goto_inside(n, to),
                    None => self.goto_outside(inst.imm),
                }
            }
            Op::GotoInd => {
                let target = self.data(inst.a);
                match JumpKind::from_sub(inst.sub) {
                    JumpKind::Call => {
                        self.push_return(node.next_pc);
                        self.stay(n, target);
                        self.store_rows(self.dirty);
                    }
                    JumpKind::Jump => {
                        self.stay(n, target);
                        self.store_rows(self.dirty);
                    }
                    JumpKind::Ret => self.pop_return(n, target),
                }
                self.probe(target);
            }
            _ => {
                let arg = self.data(inst.a);
                self.store_rows(self.dirty);
                let kind = self.const64(u64::from(inst.sub));
                self.store_env(kind, offset_of!(Env, exit_slot));
                self.store_env(arg, offset_of!(Env, exit_arg));
                let pc = self.const64(inst.imm);
                self.leave(pc, status::RAISE);
            }
        }
    }

    fn local(&mut self, block: &Block, target: u64, node: usize) -> (ir::Block, Vec<ir::BlockArg>) {
        let args = &block.targets[target as usize].args;
        (self.block(node), args.iter().map(|&v| ir::BlockArg::Value(self.data(v))).collect())
    }

    fn goto_inside(&mut self, from: usize, to: usize) {
        if self.u.cfg.syncs_edge(self.u.region.precise, from, to) {
            self.store_rows(self.dirty);
        }
        let block = self.block(to);
        self.fb.ins().jump(block, &[]);
        self.edge_made(to);
    }

    /// Address of the slot that leads to guest address `pc`; one for each address. Where it is, is known when the code is
    /// put in place: until then it is the symbol of the exit.
    fn slot(&mut self, pc: u64) -> ir::Value {
        let exit = self.out.exits.iter().position(|&to| to == pc).unwrap_or_else(|| {
            self.out.exits.push(pc);
            self.out.exits.len() - 1
        });
        self.symbol(EXITS, exit)
    }

    fn symbol(&mut self, namespace: u32, index: usize) -> ir::Value {
        let name = ir::UserExternalName { namespace, index: index as u32 };
        let name = ir::ExternalName::user(self.fb.func.declare_imported_user_function(name));
        // Slots are within reach of the code.
        let symbol = ir::GlobalValueData::Symbol { name, offset: 0.into(), colocated: true, tls: false };
        let symbol = self.fb.create_global_value(symbol);
        self.fb.ins().symbol_value(types::I64, symbol)
    }

    /// Counts an entry at `pc` in a slot of its own; leaves when the count is at its end.
    pub(super) fn count(&mut self, pc: u64) {
        self.out.counters.push(pc);
        let slot = self.symbol(COUNTERS, self.out.counters.len() - 1);
        let left = self.fb.ins().load(types::I64, self.env_flags, slot, 0);
        let left = self.fb.ins().iadd_imm_s(left, -1);
        self.fb.ins().store(self.env_flags, left, slot, 0);
        let (out, on) = (self.fb.create_block(), self.fb.create_block());
        self.fb.set_cold_block(out);
        self.fb.ins().brif(left, on, &[], out, &[]);
        self.fb.seal_block(out);
        self.fb.seal_block(on);
        self.fb.switch_to_block(out);
        self.store_env(slot, offset_of!(Env, exit_slot));
        let pc = self.const64(pc);
        self.leave(pc, status::BUSY);
        self.fb.switch_to_block(on);
    }

    fn goto_outside(&mut self, pc: u64) {
        self.store_rows(self.dirty);
        let slot = self.slot(pc);
        self.go_by(slot);
    }

    /// Goes where the slot at an address leads.
    fn go_by(&mut self, slot: ir::Value) {
        let host = self.fb.ins().load(types::I64, self.env_flags, slot, 0);
        self.tail_call(host, slot);
    }

    /// Goes to host code at `host`, with a word for it.
    fn tail_call(&mut self, host: ir::Value, word: ir::Value) {
        self.store_top();
        self.fb.set_srcloc(super::tail_call_mark());
        self.fb.ins().return_call_indirect(self.tail_sig, host, &[self.env, word]);
        self.end_mark();
    }

    /// Returns to the run loop at `pc`. Registers are stored.
    fn leave(&mut self, pc: ir::Value, status: u64) {
        self.store_env(pc, super::row_offset(self.u.regs.pc.0));
        self.store_top();
        let status = self.const64(status);
        self.fb.ins().return_(&[status]);
    }

    /// Leaves with `status` at `pc` if `c` is not 0, storing `rows`. Goes on in a new block.
    pub(super) fn leave_if(&mut self, c: ir::Value, pc: u64, rows: Rows, status: u64) {
        let (out, on) = (self.fb.create_block(), self.fb.create_block());
        self.fb.set_cold_block(out);
        self.fb.ins().brif(c, out, &[], on, &[]);
        self.fb.seal_block(out);
        self.fb.seal_block(on);
        self.fb.switch_to_block(out);
        self.store_rows(rows);
        let pc = self.const64(pc);
        self.leave(pc, status);
        self.fb.switch_to_block(on);
    }

    /// Leaves at `pc` if somebody asked the processor to stop.
    pub(super) fn poll(&mut self, pc: u64, rows: Rows) {
        let offset = offset_of!(Env, exit_request);
        let asked = if self.u.atomic_poll {
            // Alias analysis must not take the value from an earlier poll.
            let at = self.fb.ins().iadd_imm_s(self.env, offset as i64 - i64::from(Env::BIAS));
            self.fb.ins().atomic_load(types::I32, self.env_flags, at)
        } else if self.u.features.moves {
            self.begin_stand_in();
            let asked = self.load_env(types::I32, offset);
            self.end_stand_in(StandIn::Compared);
            asked
        } else {
            self.load_env(types::I32, offset)
        };
        // Above the low half of any address of an `Env`, or 0: the host compares a register with memory and branches in one
        // operation.
        let low = self.fb.ins().ireduce(types::I32, self.env);
        let asked = self.fb.ins().icmp(IntCC::UnsignedLessThan, low, asked);
        self.leave_if(asked, pc, rows, status::POLLED);
    }

    /// Looks `target` up in the jump cache; leaves to the run loop if it is not there.
    fn probe(&mut self, target: ir::Value) {
        let cache = self.load_env(types::I64, offset_of!(Env, jump_cache));
        // Entries are 16 bytes for 4-byte units of address.
        let index = self.fb.ins().ishl_imm_u(target, 2);
        let index = self.fb.ins().band_imm_u(index, ((JUMP_CACHE - 1) * size_of::<JumpEntry>()) as i64);
        let entry = self.fb.ins().iadd(cache, index);
        let guest = self.fb.ins().load(types::I64, self.env_flags, entry, offset_of!(JumpEntry, guest) as i32);
        let hit = self.fb.ins().icmp(IntCC::Equal, guest, target);
        let (go, miss) = (self.fb.create_block(), self.fb.create_block());
        self.fb.set_cold_block(miss);
        self.fb.ins().brif(hit, go, &[], miss, &[]);
        self.fb.seal_block(go);
        self.fb.seal_block(miss);
        self.fb.switch_to_block(miss);
        self.leave(target, status::GOTO);
        self.fb.switch_to_block(go);
        let host = self.fb.ins().load(types::I64, self.env_flags, entry, offset_of!(JumpEntry, host) as i32);
        let zero = self.const64(0);
        self.tail_call(host, zero);
    }

    /// Remembers that a call will return to `pc`.
    fn push_return(&mut self, pc: u64) {
        let slot = self.slot(pc);
        let Some(var) = self.top else { return };
        let top = self.fb.use_var(var);
        let entry = self.fb.ins().iadd(self.env, top);
        let stack = offset_of!(Env, return_stack) - Env::BIAS as usize;
        let pc = self.const64(pc);
        let at = |field: usize| (stack + field) as i32;
        self.fb.ins().store(self.env_flags, pc, entry, at(offset_of!(ReturnEntry, guest)));
        self.fb.ins().store(self.env_flags, slot, entry, at(offset_of!(ReturnEntry, slot)));
        self.move_top(var, size_of::<ReturnEntry>() as i64);
    }

    /// Moves the top of the return stack; the new one.
    fn move_top(&mut self, var: Variable, by: i64) -> ir::Value {
        let top = self.fb.use_var(var);
        let top = self.fb.ins().iadd_imm_s(top, by);
        let top = self.fb.ins().band_imm_u(top, ((RETURN_STACK - 1) * size_of::<ReturnEntry>()) as i64);
        self.fb.def_var(var, top);
        top
    }

    /// The top of the return stack is a variable between entry and exit: in memory, each call and return would wait for
    /// the one before. A fault leaves the one of the entry there, which predicts worse and does no harm.
    pub(super) fn load_top(&mut self) {
        if let Some(var) = self.top {
            let top = self.load_env(types::I64, offset_of!(Env, return_top));
            self.fb.def_var(var, top);
        }
    }

    fn store_top(&mut self) {
        if let Some(var) = self.top {
            let top = self.fb.use_var(var);
            self.store_env(top, offset_of!(Env, return_top));
        }
    }

    /// Goes on inside the region if `target` is one of the node's successors, the most frequent one first. Hosts predict
    /// the outcomes of such a row of comparisons better than the target of one jump through a table.
    fn stay(&mut self, n: usize, target: ir::Value) {
        for k in 0..self.u.cfg.nodes[n].succs.len() {
            let to = self.u.cfg.nodes[n].succs[k];
            let pc = self.const64(self.u.cfg.nodes[to].pc);
            let same = self.fb.ins().icmp(IntCC::Equal, target, pc);
            let (inside, on) = (self.block(to), self.fb.create_block());
            self.fb.ins().brif(same, inside, &[], on, &[]);
            self.edge_made(to);
            self.fb.seal_block(on);
            self.fb.switch_to_block(on);
        }
    }

    /// A return: inside the region if the address is one of its own calls', else where the newest
    /// pushed entry says. Falls through where neither knows, with registers stored.
    fn pop_return(&mut self, n: usize, target: ir::Value) {
        let stack = offset_of!(Env, return_stack) as i32 - Env::BIAS;
        let back = self.top.map(|var| self.move_top(var, -(size_of::<ReturnEntry>() as i64)));
        self.stay(n, target);
        self.store_rows(self.dirty);
        let Some(back) = back else { return };
        let entry = self.fb.ins().iadd(self.env, back);
        let guest =
            self.fb.ins().load(types::I64, self.env_flags, entry, stack + offset_of!(ReturnEntry, guest) as i32);
        let hit = self.fb.ins().icmp(IntCC::Equal, guest, target);
        let (go, on) = (self.fb.create_block(), self.fb.create_block());
        self.fb.ins().brif(hit, go, &[], on, &[]);
        self.fb.seal_block(go);
        self.fb.seal_block(on);
        self.fb.switch_to_block(go);
        let slot = self.fb.ins().load(types::I64, self.env_flags, entry, stack + offset_of!(ReturnEntry, slot) as i32);
        self.go_by(slot);
        self.fb.switch_to_block(on);
    }
}
