//! A region becomes one Cranelift function.
//!
//! Guest registers are variables: loaded where the region is entered, stored where it is left if they
//! may have changed. The order of emission is reverse postorder, so that Cranelift's SSA construction
//! meets most blocks with their predecessors done.

mod accesses;
pub(crate) mod exits;
mod flags;
mod float;
mod float_convert;
mod int;
mod lanes;
mod low_lane;
mod memory;

mod shuffle;
mod vec_fn;
mod vector;

use crate::cfg::{Cfg, access};
use crate::compile::{Features, Refused};
use crate::fp::HostFloat;
use crate::stand_in::StandIn;
use crate::words::{RowMap, Rows};
use accesses::Accesses;
use brolga_core::{CcOp, Env, RegTable};
use brolga_ir::{Block, Inst, JumpKind, Op, Region, Ty, Value};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};
use flags::{FlagVal, Known};
pub(crate) use float::is_taker;
use std::collections::HashMap;
use std::mem::offset_of;

/// What marks the tail calls of a function.
pub(crate) fn tail_call_mark() -> ir::SourceLoc {
    ir::SourceLoc::new(1)
}

/// What lowering reads.
pub(crate) struct Unit<'a> {
    pub region: &'a Region,
    pub cfg: &'a Cfg,
    pub regs: &'static RegTable,
    pub rows: &'a RowMap,
    /// Added to a guest address.
    pub guest_base: u64,
    /// Accesses clear the top byte of addresses.
    pub remove_tags: bool,
    /// The loop poll must not be merged with another load.
    pub atomic_poll: bool,
    pub frontend: TargetFrontendConfig,
    pub features: Features,
    /// What of floating point the host does inline.
    pub float: HostFloat,
}

/// What a host fault at an access means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Access {
    /// Where tier 0 resumes: state in memory is that before this guest instruction.
    pub resume: u64,
    /// Guest instruction that makes the access.
    pub pc: u64,
}

/// What lowering finds out beside the function.
#[derive(Default)]
pub(crate) struct Output {
    /// Accesses by number.
    pub accesses: Accesses,
    /// Guest addresses that exits lead to; the index is that of the exit's symbol.
    pub exits: Vec<u64>,
    /// Guest addresses of entries that are counted; the index is that of the counter's symbol.
    pub counters: Vec<u64>,
    /// What stands for an instruction that Cranelift does not know, by the number of its mark.
    pub stand_ins: Vec<StandIn>,
}

/// An IR value in the function.
#[derive(Clone, Copy)]
enum Val {
    /// Not reached.
    None,
    /// Half-precision floats are integers, vectors I8X16.
    Data(ir::Value),
    Flags(FlagVal),
}

struct Lower<'a, 'f> {
    u: &'a Unit<'a>,
    fb: FunctionBuilder<'f>,
    out: &'a mut Output,
    env: ir::Value,
    /// Variable of each row that the region names.
    vars: Vec<Option<Variable>>,
    /// Top of the return stack, where the region calls or returns.
    top: Option<Variable>,
    /// Rows with a variable.
    used: Rows,
    /// Cranelift block of each node.
    blocks: Vec<Option<ir::Block>>,
    /// Edges not yet made into each node.
    waiting: Vec<usize>,
    /// Values of the current block.
    values: Vec<Val>,
    /// Rows whose value may not be in memory.
    dirty: Rows,
    /// Where tier 0 can resume with what is in memory.
    sync: Option<u64>,
    /// Current guest instruction.
    pc: u64,
    /// The current flags, as far as the node knows.
    flags: Known,
    env_flags: MemFlagsData,
    guest_flags: MemFlagsData,
    tail_sig: ir::SigRef,
    helper_sig: ir::SigRef,
    flags_sig: ir::SigRef,
    /// Values of the current node that code is made for in any case: memory or another floating-point op takes them.
    taken: Vec<bool>,
    /// Bases and offsets that accesses of the current node have shown to have none of the bits of a mask.
    aligned: Vec<(ir::Value, i64, i64)>,
    /// Values of rows that the current node has moved on by a constant, what they became, and the constant.
    moved: Vec<(ir::Value, ir::Value, i64)>,
    /// Values that were widened to a type, and where.
    widened: HashMap<(ir::Value, ir::Type), (ir::Block, ir::Value)>,
    /// What is made of the current node's instructions.
    plans: Vec<low_lane::Plan>,
    /// Scalars of the current node by vectors that they are in.
    lows: HashMap<ir::Value, low_lane::Low>,
    /// Signature of the exact way by number of operands, once it is needed.
    exact_sigs: [Option<ir::SigRef>; 3],
}

/// `fn(env, word) -> status`, as every generated entry and exit stub has it.
pub(crate) fn tail_signature() -> ir::Signature {
    let mut sig = ir::Signature::new(CallConv::Tail);
    sig.params.extend([ir::AbiParam::new(types::I64); 2]);
    sig.returns.push(ir::AbiParam::new(types::I64));
    sig
}

fn helper_signature(params: usize) -> ir::Signature {
    let mut sig = ir::Signature::new(CallConv::SystemV);
    sig.params.extend(vec![ir::AbiParam::new(types::I64); params]);
    sig.returns.push(ir::AbiParam::new(types::I64));
    sig
}

/// Fills `fb`'s function with the region.
pub(crate) fn lower(u: &Unit<'_>, mut fb: FunctionBuilder<'_>, out: &mut Output) -> Result<(), Refused> {
    let region = |id, description: &'static str| ir::AliasRegionData { user_id: id, description: description.into() };
    let env_region = fb.func.dfg.alias_regions.insert(region(1, "env"));
    let guest_region = fb.func.dfg.alias_regions.insert(region(2, "guest"));
    let little = MemFlagsData::new().with_endianness(ir::Endianness::Little);
    let start = fb.create_block();
    fb.append_block_params_for_function_params(start);
    fb.switch_to_block(start);
    fb.seal_block(start);
    let (env, which) = (fb.block_params(start)[0], fb.block_params(start)[1]);
    let tail_sig = fb.import_signature(tail_signature());
    let helper_sig = fb.import_signature(helper_signature(4));
    let flags_sig = fb.import_signature(helper_signature(5));
    let longest = u.region.blocks.iter().map(|b| b.insts.len()).max().unwrap_or(0);
    let mut l = Lower {
        u,
        fb,
        out,
        env,
        vars: vec![None; brolga_core::FILE_WORDS],
        top: None,
        used: Rows::EMPTY,
        blocks: vec![None; u.cfg.nodes.len()],
        waiting: vec![0; u.cfg.nodes.len()],
        values: vec![Val::None; longest],
        dirty: Rows::EMPTY,
        sync: None,
        pc: 0,
        flags: Known::Nothing,
        env_flags: little.with_notrap().with_alias_region(Some(env_region)),
        guest_flags: little.with_alias_region(Some(guest_region)),
        tail_sig,
        helper_sig,
        flags_sig,
        taken: Vec::new(),
        aligned: Vec::new(),
        moved: Vec::new(),
        widened: HashMap::new(),
        plans: Vec::new(),
        lows: HashMap::new(),
        exact_sigs: [None; 3],
    };
    l.declare_rows();
    l.make_blocks();
    l.entries(which);
    for &n in &u.cfg.order {
        l.node(n)?;
    }
    l.fb.seal_all_blocks();
    l.fb.finalize(u.frontend);
    Ok(())
}

impl<'a> Lower<'a, '_> {
    fn declare_rows(&mut self) {
        for &n in &self.u.cfg.order {
            let node = &self.u.cfg.nodes[n];
            for inst in &self.u.region.blocks[node.block].insts[node.insts.clone()] {
                match inst.op {
                    Op::Get | Op::Set if self.is_status(inst) || self.u.cfg.through.contains(inst.aux as u8) => {}
                    Op::Get | Op::Set => self.used.insert(inst.aux as u8),
                    Op::GetFlags | Op::SetFlags => (0..3).for_each(|k| self.used.insert(self.u.regs.cc.0 + k)),
                    _ => {}
                }
            }
        }
        let ends = self.u.cfg.order.iter().map(|&n| self.u.cfg.end(self.u.region, n));
        let mut jumps = ends.filter(|end| matches!(end.op, Op::Goto | Op::GotoInd));
        if jumps.any(|end| JumpKind::from_sub(end.sub) != JumpKind::Jump) {
            self.top = Some(self.fb.declare_var(types::I64));
        }
        for row in self.used.iter() {
            let ty = self.row_ty(row);
            self.vars[row as usize] = Some(self.fb.declare_var(ty));
        }
    }

    /// Whether the register is the one with the floating-point flags: it stays in memory, where flags are added to it.
    fn is_status(&self, inst: &Inst) -> bool {
        self.u.regs.is_fp_status(inst.aux as u8)
    }

    fn row_ty(&self, row: u8) -> ir::Type {
        if self.u.rows.is_wide(row) { types::I8X16 } else { types::I64 }
    }

    fn make_blocks(&mut self) {
        let region = self.u.region;
        for &n in &self.u.cfg.order {
            let node = &self.u.cfg.nodes[n];
            let block = self.fb.create_block();
            for inst in &region.blocks[node.block].insts[node.insts.clone()] {
                match inst.op {
                    Op::Label => {}
                    Op::Param => {
                        self.fb.append_block_param(block, clif_ty(inst.ty));
                    }
                    _ => break,
                }
            }
            if self.is_side_exit(n) {
                self.fb.set_cold_block(block);
            }
            self.blocks[n] = Some(block);
            self.waiting[n] = node.preds.len() + usize::from(node.entry);
        }
    }

    /// Whether node `n` does nothing but leave the region: what is often run beside it was taken into the region.
    fn is_side_exit(&self, n: usize) -> bool {
        let node = &self.u.cfg.nodes[n];
        let end = self.u.cfg.end(self.u.region, n);
        node.insts.len() <= 2 && end.op == Op::Goto && node.succs.is_empty() && !node.entry
    }

    /// The code in front of the nodes: picks the entry, polls, loads registers.
    fn entries(&mut self, which: ir::Value) {
        let mut doors = Vec::new();
        for &e in &self.u.region.entries {
            doors.push((self.u.cfg.heads[e], self.fb.create_block()));
        }
        if let [(_, only)] = doors[..] {
            self.fb.ins().jump(only, &[]);
        } else {
            let calls: Vec<_> =
                doors.iter().map(|&(_, d)| self.fb.func.dfg.block_call(d, &[] as &[ir::BlockArg])).collect();
            let first = calls[0];
            let table = self.fb.create_jump_table(ir::JumpTableData::new(first, &calls));
            let which = self.fb.ins().ireduce(types::I32, which);
            self.fb.ins().br_table(which, table);
        }
        for (node, door) in doors {
            self.fb.switch_to_block(door);
            self.fb.seal_block(door);
            self.load_top();
            if !self.u.cfg.nodes[node].header {
                let pc = self.u.cfg.nodes[node].pc;
                self.poll(pc, Rows::EMPTY);
            }
            if self.u.region.patience != 0 {
                self.count(self.u.cfg.nodes[node].pc);
            }
            let needed = self.u.cfg.nodes[node].needed_in;
            for row in self.used.and(needed).iter() {
                self.load_row(row);
            }
            let block = self.block(node);
            self.fb.ins().jump(block, &[]);
            self.edge_made(node);
        }
    }

    fn block(&self, node: usize) -> ir::Block {
        self.blocks[node].expect("an edge leads to a node that is reachable")
    }

    /// Notes one more edge into `node`; the last one seals its block.
    fn edge_made(&mut self, node: usize) {
        self.waiting[node] -= 1;
        if self.waiting[node] == 0 {
            let block = self.block(node);
            self.fb.seal_block(block);
        }
    }

    fn node(&mut self, n: usize) -> Result<(), Refused> {
        let node = &self.u.cfg.nodes[n];
        let block: &'a Block = &self.u.region.blocks[node.block];
        let at = self.block(n);
        self.fb.switch_to_block(at);
        (self.dirty, self.sync, self.pc, self.flags) = (node.dirty_in, node.sync_in, node.pc, Known::Nothing);
        let mut params = 0;
        self.turn_page(block.insts[node.insts.clone()].iter().filter(|inst| access(inst).is_some()).count());
        self.aligned.clear();
        self.moved.clear();
        self.note_taken(n, block, node.insts.clone());
        self.plan_low_lanes(block, node.insts.clone());
        for i in node.insts.clone() {
            let inst = &block.insts[i];
            if inst.op == Op::Param {
                self.values[i] = Val::Data(self.fb.block_params(at)[params]);
                params += 1;
                continue;
            }
            if inst.op == Op::Label {
                continue;
            }
            if params != usize::MAX {
                // Behind label and parameters.
                params = usize::MAX;
                if node.header {
                    self.poll(node.pc, self.u.cfg.polled(self.u.region.precise, n));
                }
                self.flags_at_start(node.flags_in);
            }
            self.inst(n, block, i, inst)?;
        }
        Ok(())
    }

    fn flags_at_start(&mut self, known: Option<CcOp>) {
        let cc = self.u.regs.cc.0;
        if let Some(op) = known.filter(|_| self.used.contains(cc)) {
            // A constant costs nothing where the merged variable would.
            let word = self.const64(op.word());
            self.write_row(cc, word);
            self.flags = Known::Kind(op);
        }
    }

    fn inst(&mut self, n: usize, block: &'a Block, i: usize, inst: &'a Inst) -> Result<(), Refused> {
        let result = match inst.op {
            Op::InsnStart => {
                self.pc = inst.imm;
                return Ok(());
            }
            Op::Label | Op::Param => return Ok(()),
            Op::Iconst if inst.ty == Ty::F32 => self.fb.ins().f32const(f32::from_bits(inst.imm as u32)),
            Op::Iconst if inst.ty == Ty::F64 => self.fb.ins().f64const(f64::from_bits(inst.imm)),
            Op::Iconst => self.fb.ins().iconst(clif_ty(inst.ty), inst.imm as i64),
            Op::Vconst => {
                let data = block.consts[inst.imm as usize].to_le_bytes();
                let handle = self.fb.func.dfg.constants.insert(data[..].into());
                self.fb.ins().vconst(types::I8X16, handle)
            }
            Op::Get if self.is_status(inst) => self.load_env(types::I64, row_offset(inst.aux as u8)),
            Op::Set if self.is_status(inst) || self.u.cfg.through.contains(inst.aux as u8) => {
                let v = self.data(inst.a);
                self.store_env(v, row_offset(inst.aux as u8));
                return Ok(());
            }
            Op::Get => self.read_row(inst.aux as u8),
            Op::Set => {
                let row = inst.aux as u8;
                let v = self.data(inst.a);
                let v = self.moved_on(block, i..self.u.cfg.nodes[n].insts.end, v);
                self.write_row(row, v);
                self.dirty.insert(row);
                if row.wrapping_sub(self.u.regs.cc.0) < 3 {
                    self.flags = Known::Nothing;
                }
                return Ok(());
            }
            Op::GetFlags | Op::SetFlags => {
                self.flag_access(i, inst);
                return Ok(());
            }
            Op::FlagsAdd
            | Op::FlagsSub
            | Op::FlagsAdc
            | Op::FlagsSbc
            | Op::FlagsLogic
            | Op::FlagsPack
            | Op::FlagsSelect
            | Op::FlagsFlipC => {
                let f = self.flags_of(block, inst);
                self.values[i] = Val::Flags(f);
                return Ok(());
            }
            Op::FlagsUnpack => self.unpack(inst.a),
            Op::Cond => self.cond(brolga_core::Cond::ALL[inst.sub as usize], inst.a),
            Op::Load | Op::Store | Op::Rmw | Op::Cas => match self.memory(block, i, inst)? {
                Some(v) => v,
                None => return Ok(()),
            },
            Op::MemCopy => self.mem_copy(inst),
            Op::Fence | Op::FenceLoad | Op::FenceStore => {
                self.fence(inst.op);
                return Ok(());
            }
            Op::Prefetch => {
                self.prefetch(inst);
                return Ok(());
            }
            Op::Fp2 if self.plans[i] == low_lane::Plan::Vectors => self.low_arith(inst, self.taken[i]),
            Op::Fp1 | Op::Fp2 | Op::Fp3 | Op::FpConvert | Op::FpCompare => {
                self.values[i] = self.float(block, inst, self.taken[i]);
                return Ok(());
            }
            Op::Call => self.call(block, inst),
            op if op.is_vector() => self.vector(block, inst),
            Op::Jump | Op::Brif | Op::Goto | Op::GotoInd | Op::Raise => {
                self.end(n, block, inst);
                return Ok(());
            }
            _ => self.int(block, inst),
        };
        self.values[i] = Val::Data(result);
        Ok(())
    }

    fn data(&self, v: Value) -> ir::Value {
        match self.values[v.index()] {
            Val::Data(v) => v,
            _ => unreachable!("the verifier lets data be used as data only"),
        }
    }

    fn flag_val(&self, v: Value) -> FlagVal {
        match self.values[v.index()] {
            Val::Flags(f) => f,
            _ => unreachable!("the verifier lets flags be used as flags only"),
        }
    }

    fn var(&self, row: u8) -> Variable {
        self.vars[row as usize].expect("declared for every row that the region names")
    }

    fn read_row(&mut self, row: u8) -> ir::Value {
        let var = self.var(row);
        self.fb.use_var(var)
    }

    fn write_row(&mut self, row: u8, v: ir::Value) {
        let var = self.var(row);
        self.fb.def_var(var, v);
    }

    fn load_row(&mut self, row: u8) {
        let ty = self.row_ty(row);
        let v = self.load_env(ty, row_offset(row));
        self.write_row(row, v);
    }

    /// Stores the variables of `rows`.
    fn store_rows(&mut self, rows: Rows) {
        for row in rows.and(self.used).iter() {
            let v = self.read_row(row);
            self.store_env(v, row_offset(row));
        }
    }

    fn load_env(&mut self, ty: ir::Type, offset: usize) -> ir::Value {
        self.fb.ins().load(ty, self.env_flags, self.env, offset as i32 - Env::BIAS)
    }

    fn store_env(&mut self, v: ir::Value, offset: usize) {
        self.fb.ins().store(self.env_flags, v, self.env, offset as i32 - Env::BIAS);
    }

    fn const64(&mut self, v: u64) -> ir::Value {
        self.fb.ins().iconst(types::I64, v as i64)
    }

    /// Calls entry `index` of the helper table.
    fn call_table(&mut self, index: usize, args: [ir::Value; 3]) -> ir::Value {
        let table = self.load_env(types::I64, offset_of!(Env, helpers));
        let callee = self.fb.ins().load(types::I64, self.env_flags, table, 8 * index as i32);
        let [a, b, c] = args;
        let env = self.fb.ins().iadd_imm_s(self.env, -i64::from(Env::BIAS));
        let call = self.fb.ins().call_indirect(self.helper_sig, callee, &[env, a, b, c]);
        self.fb.inst_results(call)[0]
    }

    /// The same through code that hands over the flags raised so far.
    fn call_with_flags(&mut self, index: usize, args: [ir::Value; 3]) -> ir::Value {
        let table = self.load_env(types::I64, offset_of!(Env, helpers));
        let [through, callee] = [crate::helpers::FP_CALL, index]
            .map(|index| self.fb.ins().load(types::I64, self.env_flags, table, 8 * index as i32));
        let [a, b, c] = args;
        let env = self.fb.ins().iadd_imm_s(self.env, -i64::from(Env::BIAS));
        let call = self.fb.ins().call_indirect(self.flags_sig, through, &[env, a, b, c, callee]);
        self.fb.inst_results(call)[0]
    }

    fn call(&mut self, block: &Block, inst: &Inst) -> ir::Value {
        let site = &block.calls[inst.imm as usize];
        let writes = self.u.rows.touched(&site.writes);
        // What it may write must be current before, for it may leave it as it is.
        let touched = writes.union(self.u.rows.touched(&site.reads));
        self.store_rows(self.dirty.and(touched));
        self.dirty = self.dirty.minus(touched);
        if !touched.is_empty() {
            self.sync = None;
        }
        let mut args = [None; 3];
        for (to, &v) in args.iter_mut().zip(&site.args) {
            *to = Some(self.data(v));
        }
        let args = args.map(|v| v.unwrap_or_else(|| self.const64(0)));
        let index = crate::helpers::FIRST_GUEST_HELPER + site.helper.0 as usize;
        let result = match &self.u.regs.fp {
            Some(fp) if touched.contains(fp.status.0) => self.call_with_flags(index, args),
            _ => self.call_table(index, args),
        };
        for row in writes.and(self.used).iter() {
            self.load_row(row);
            if row.wrapping_sub(self.u.regs.cc.0) < 3 {
                self.flags = Known::Nothing;
            }
        }
        result
    }
}

fn row_offset(row: u8) -> usize {
    offset_of!(Env, file) + 8 * row as usize
}

/// Cranelift's type for a value.
fn clif_ty(ty: Ty) -> ir::Type {
    match ty {
        Ty::I8 => types::I8,
        Ty::I16 | Ty::F16 => types::I16,
        Ty::I32 => types::I32,
        Ty::F32 => types::F32,
        Ty::F64 => types::F64,
        Ty::V128 => types::I8X16,
        _ => types::I64,
    }
}
