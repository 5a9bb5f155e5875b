//! A region as a graph of local blocks, and what flows along its edges.
//!
//! Solved before any code is made: which rows are live, which may differ from the register file in
//! memory ("dirty"), where the memory form is a point that tier 0 can resume at ("sync"), and what
//! kind of operation made the flags.

use crate::lower::is_taker;
use crate::words::{RowMap, Rows};
use brolga_core::{Align, CcKind, CcOp, MemOp, Order, RegTable, Size, Width};
use brolga_ir::{Block, Effect, FpRelation, Inst, JumpKind, Op, Region, Ty, Value, eval::flags_width};
use std::collections::{HashMap, HashSet};

/// Return addresses inside the region that a return is compared with before it leaves.
const MAX_RETURNS: usize = 6;

/// A local block.
#[derive(Debug)]
pub(crate) struct Node {
    /// Index into `Region::blocks`.
    pub block: usize,
    /// Its instructions, label and parameters included.
    pub insts: std::ops::Range<usize>,
    /// Guest address to resume at for the state at its start.
    pub pc: u64,
    /// Address behind the guest instruction that its end belongs to.
    pub next_pc: u64,
    /// Successors inside the region, in order of the end's targets.
    pub succs: Vec<usize>,
    /// Predecessors inside the region, one entry an edge.
    pub preds: Vec<usize>,
    /// Whether it ends in a direct jump of the guest.
    pub direct: bool,
    /// Whether a retreating edge leads here.
    pub header: bool,
    /// Whether it can be entered from outside.
    pub entry: bool,
    /// Rows live at its start.
    pub live_in: Rows,
    /// Rows whose variable is read behind its start: by the guest, or to store it.
    pub needed_in: Rows,
    /// Rows whose value behind its end some way through the region stores, or hands to an op that is computed in any case.
    pub kept_out: Rows,
    /// Rows that may be dirty at its start.
    pub dirty_in: Rows,
    /// Where tier 0 can resume at its start, if memory holds such a state.
    pub sync_in: Option<u64>,
    /// What made the flags that it starts with, if that is always the same.
    pub flags_in: Option<CcOp>,
}

/// The graph.
#[derive(Debug)]
pub(crate) struct Cfg {
    /// Local blocks.
    pub nodes: Vec<Node>,
    /// Nodes reachable from the entries, in reverse postorder.
    pub order: Vec<usize>,
    /// First node of each block.
    pub heads: Vec<usize>,
    /// Block that starts at an address.
    pub by_pc: HashMap<u64, usize>,
    /// Rows that are stored where they are set, and have no variable: see [`Flow::written_through`].
    pub through: Rows,
    /// Position of each node in `order`; `usize::MAX` if unreachable.
    rank: Vec<usize>,
}

/// How an access takes part in precise faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sync {
    /// The access is a point of its own: memory is synchronised right before it.
    pub own: bool,
    /// Nothing before it may run again.
    pub effect: bool,
}

/// The access that `inst` makes, if it makes one.
pub(crate) fn access(inst: &Inst) -> Option<Sync> {
    match inst.op.info().effect {
        Effect::WriteMem => Some(Sync { own: false, effect: true }),
        Effect::ReadMem => {
            let ordered = inst.memop().order != Order::Plain;
            Some(Sync { own: ordered, effect: ordered })
        }
        _ => None,
    }
}

/// Whether an access that is not aligned faults on the host, as x86's vector operands do: such an access need not look.
pub(crate) fn misalignment_is_a_fault(op: MemOp, regs: &RegTable) -> bool {
    let sse = regs.fp.as_ref().is_some_and(|fp| fp.like_sse);
    let whole = matches!(op.align, Align::Natural | Align::Double);
    sse && whole && op.order == Order::Plain && op.size == Size::B16
}

/// The subtraction that has the flags of a float comparison.
pub(crate) const RELATION: CcOp = CcOp::new(CcKind::Sub, Width::W32);

/// What made flags value `v`, where the block says so.
pub(crate) fn flags_kind(block: &Block, v: Value) -> Option<CcOp> {
    let inst = block.def(v);
    let kind = match inst.op {
        Op::FlagsAdd => CcKind::Add,
        Op::FlagsSub => CcKind::Sub,
        Op::FlagsLogic => CcKind::Logic,
        Op::FlagsPack => CcKind::Packed,
        Op::FpCompare if FpRelation::from_sub(inst.sub).is_floats() => {
            let width = if inst.ty == Ty::F32 { Width::W32 } else { Width::W64 };
            return Some(CcOp::new(CcKind::Floats, width));
        }
        Op::FpCompare => return Some(RELATION),
        Op::FlagsFlipC => {
            let of = flags_kind(block, inst.a)?;
            return Some(CcOp { flip: of.flip ^ (block.as_const(inst.b)? != 0), ..of });
        }
        _ => return None,
    };
    Some(CcOp::new(kind, flags_width(inst.ty)))
}

impl Cfg {
    /// The graph of `region`, solved.
    pub(crate) fn new(region: &Region, regs: &RegTable, rows: &RowMap) -> Cfg {
        let mut cfg = Cfg {
            nodes: Vec::new(),
            order: Vec::new(),
            heads: Vec::new(),
            by_pc: HashMap::new(),
            through: Rows::EMPTY,
            rank: Vec::new(),
        };
        for (i, block) in region.blocks.iter().enumerate() {
            cfg.by_pc.entry(block.pc).or_insert(i);
        }
        for (i, block) in region.blocks.iter().enumerate() {
            cfg.split(i, block);
        }
        for &e in &region.entries {
            let head = cfg.heads[e];
            cfg.nodes[head].entry = true;
        }
        cfg.connect(region);
        cfg.connect_returns(region);
        cfg.number(region);
        cfg.find_syncs(region);
        let flow = Flow { region, regs, rows };
        flow.liveness(&mut cfg);
        flow.dirtiness(&mut cfg);
        flow.needs(&mut cfg);
        cfg.through = flow.written_through(&cfg);
        if !cfg.through.is_empty() {
            flow.dirtiness(&mut cfg);
            flow.needs(&mut cfg);
        }
        flow.keeps(&mut cfg);
        flow.flag_kinds(&mut cfg);
        cfg
    }

    /// Rows that a poll at the start of a loop header stores. The relaxed form leaves out what the
    /// guest will not read again.
    pub(crate) fn polled(&self, precise: bool, header: usize) -> Rows {
        let node = &self.nodes[header];
        if precise { node.dirty_in } else { node.dirty_in.and(node.live_in) }
    }

    /// Whether the edge goes back to a loop header.
    pub(crate) fn retreats(&self, from: usize, to: usize) -> bool {
        self.rank[to] <= self.rank[from]
    }

    /// Whether dirty rows are stored on the edge, so that the loop keeps only its own dirty.
    pub(crate) fn syncs_edge(&self, precise: bool, from: usize, to: usize) -> bool {
        precise && self.nodes[to].header && !self.retreats(from, to) && self.nodes[from].direct
    }

    fn split(&mut self, index: usize, block: &Block) {
        self.heads.push(self.nodes.len());
        let mut start = 0;
        let (mut pc, mut next_pc) = (block.pc, block.pc);
        let mut start_pc = pc;
        for (i, inst) in block.insts.iter().enumerate() {
            if inst.op == Op::InsnStart {
                (pc, next_pc) = (inst.imm, inst.imm.wrapping_add(inst.aux as u64));
                let fresh = block.insts[start..i].iter().all(|x| matches!(x.op, Op::Label | Op::Param));
                if fresh {
                    start_pc = pc;
                }
            }
            if inst.is_end() {
                self.nodes.push(Node {
                    block: index,
                    insts: start..i + 1,
                    pc: start_pc,
                    next_pc,
                    succs: Vec::new(),
                    preds: Vec::new(),
                    direct: inst.op == Op::Goto,
                    header: false,
                    entry: false,
                    live_in: Rows::EMPTY,
                    needed_in: Rows::EMPTY,
                    kept_out: Rows::EMPTY,
                    dirty_in: Rows::EMPTY,
                    sync_in: None,
                    flags_in: None,
                });
                start = i + 1;
                start_pc = pc;
            }
        }
    }

    /// The end of a node.
    pub(crate) fn end<'r>(&self, region: &'r Region, node: usize) -> &'r Inst {
        let n = &self.nodes[node];
        &region.blocks[n.block].insts[n.insts.end - 1]
    }

    fn connect(&mut self, region: &Region) {
        for n in 0..self.nodes.len() {
            let block = &region.blocks[self.nodes[n].block];
            let head = self.heads[self.nodes[n].block];
            let end = self.end(region, n);
            let local = |target: u64| {
                let label = block.targets[target as usize].label.0;
                let mut m = head;
                while m < self.nodes.len() {
                    let first = &block.insts[self.nodes[m].insts.start];
                    if first.op == Op::Label && first.aux == label {
                        break;
                    }
                    m += 1;
                }
                m
            };
            let succs = match end.op {
                Op::Jump => vec![local(end.imm)],
                Op::Brif => vec![local(end.imm), local(end.imm + 1)],
                Op::Goto => self.by_pc.get(&end.imm).map(|&b| self.heads[b]).into_iter().collect(),
                Op::GotoInd => {
                    let seen = region.likely.iter().filter(|l| l.0 == self.nodes[n].block);
                    seen.filter_map(|(_, pc)| self.by_pc.get(pc)).map(|&b| self.heads[b]).collect()
                }
                _ => Vec::new(),
            };
            for &s in &succs {
                self.nodes[s].preds.push(n);
            }
            self.nodes[n].succs = succs;
        }
    }

    /// Returns lead to behind the calls inside the region that lead to them.
    fn connect_returns(&mut self, region: &Region) {
        let calls: Vec<Option<usize>> = (0..self.nodes.len()).map(|n| self.behind_call(region, n)).collect();
        for n in 0..self.nodes.len() {
            let Some(back) = calls[n] else { continue };
            for k in 0..self.nodes[n].succs.len() {
                for ret in self.returns_of(region, &calls, self.nodes[n].succs[k]) {
                    let succs = &mut self.nodes[ret].succs;
                    if !succs.contains(&back) && succs.len() < MAX_RETURNS {
                        succs.push(back);
                        self.nodes[back].preds.push(ret);
                    }
                }
            }
        }
    }

    /// For a call, the node that it returns to, if it is in the region.
    fn behind_call(&self, region: &Region, n: usize) -> Option<usize> {
        let end = self.end(region, n);
        let call = matches!(end.op, Op::Goto | Op::GotoInd) && JumpKind::from_sub(end.sub) == JumpKind::Call;
        self.by_pc.get(&self.nodes[n].next_pc).filter(|_| call).map(|&b| self.heads[b])
    }

    /// Returns of the function that starts at `head`.
    fn returns_of(&self, region: &Region, calls: &[Option<usize>], head: usize) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut todo = vec![head];
        let mut found = Vec::new();
        while let Some(n) = todo.pop() {
            if std::mem::replace(&mut seen[n], true) {
                continue;
            }
            let end = self.end(region, n);
            let kind = JumpKind::from_sub(end.sub);
            match end.op {
                Op::GotoInd if kind == JumpKind::Ret => found.push(n),
                Op::Goto | Op::GotoInd if kind == JumpKind::Call => todo.extend(calls[n]),
                _ => todo.extend(&self.nodes[n].succs),
            }
        }
        found.sort_unstable();
        found
    }

    /// Reverse postorder, reachability and loop headers.
    fn number(&mut self, region: &Region) {
        let n = self.nodes.len();
        let mut state = vec![0u8; n]; // 1 on the path, 2 done
        let mut post = Vec::with_capacity(n);
        for &e in region.entries.iter().rev() {
            let root = self.heads[e];
            if state[root] != 0 {
                continue;
            }
            let mut stack = vec![(root, 0)];
            state[root] = 1;
            while let Some((node, next)) = stack.last_mut() {
                let (node, k) = (*node, *next);
                *next += 1;
                match self.nodes[node].succs.get(k).copied() {
                    Some(s) if state[s] == 0 => {
                        state[s] = 1;
                        stack.push((s, 0));
                    }
                    Some(s) if state[s] == 1 => self.nodes[s].header = true,
                    Some(_) => {}
                    None => {
                        state[node] = 2;
                        post.push(node);
                        stack.pop();
                    }
                }
            }
        }
        post.reverse();
        self.rank = vec![usize::MAX; n];
        for (i, &node) in post.iter().enumerate() {
            self.rank[node] = i;
        }
        let rank = &self.rank;
        for node in &mut self.nodes {
            node.preds.retain(|&p| rank[p] != usize::MAX);
        }
        self.order = post;
    }

    /// Where memory holds a state to resume at: handed on where there is one way in.
    fn find_syncs(&mut self, region: &Region) {
        if !region.precise {
            return;
        }
        let mut out = vec![None; self.nodes.len()];
        for &n in &self.order {
            let node = &self.nodes[n];
            let single = !node.entry && !node.header && node.preds.len() == 1;
            let sync_in = if single { out[node.preds[0]] } else { None };
            let mut sync = sync_in;
            walk_syncs(&region.blocks[node.block], node, sync_in, |_, after| sync = after);
            out[n] = sync;
            self.nodes[n].sync_in = sync_in;
        }
    }
}

/// Follows the sync point through a node. Calls `at(access instruction that stores first, point after)`
/// for every change.
fn walk_syncs(block: &Block, node: &Node, start: Option<u64>, mut at: impl FnMut(Option<usize>, Option<u64>)) {
    let (mut sync, mut pc) = (start, node.pc);
    for i in node.insts.clone() {
        let inst = &block.insts[i];
        match inst.op {
            Op::InsnStart => pc = inst.imm,
            Op::Call => {
                let site = &block.calls[inst.imm as usize];
                if !site.reads.is_empty() || !site.writes.is_empty() {
                    sync = None;
                    at(None, None);
                }
            }
            _ => {
                let Some(access) = access(inst) else { continue };
                if access.own || sync.is_none() {
                    sync = Some(pc);
                    at(Some(i), sync);
                }
                if access.effect {
                    sync = None;
                    at(None, None);
                }
            }
        }
    }
}

/// The data-flow problems.
struct Flow<'a> {
    region: &'a Region,
    regs: &'a RegTable,
    rows: &'a RowMap,
}

impl Flow<'_> {
    fn cc_rows(&self) -> Rows {
        let mut rows = Rows::EMPTY;
        (0..3).for_each(|k| rows.insert(self.regs.cc.0 + k));
        rows
    }

    fn leaves(&self, cfg: &Cfg, node: usize) -> bool {
        match cfg.end(self.region, node).op {
            Op::GotoInd | Op::Raise => true,
            Op::Goto => cfg.nodes[node].succs.is_empty(),
            _ => false,
        }
    }

    /// Backward: rows that may be read before they are written. An exit reads all, and in the
    /// precise form an access does, since its fault shows them.
    fn liveness(&self, cfg: &mut Cfg) {
        let live = self.backward(cfg, |i| self.uses(cfg, i, self.rows.all));
        cfg.nodes.iter_mut().zip(live).for_each(|(node, live)| node.live_in = live);
    }

    /// Backward: rows whose variable generated code reads. An exit or a sync point reads what is dirty.
    fn needs(&self, cfg: &mut Cfg) {
        let needed = self.backward(cfg, |i| {
            let node = &cfg.nodes[i];
            let (mut uses, kills) = self.uses(cfg, i, node.dirty_in);
            if node.header {
                uses = uses.union(cfg.polled(self.region.precise, i));
            }
            if node.succs.iter().any(|&s| cfg.syncs_edge(self.region.precise, i, s)) {
                uses = uses.union(node.dirty_in);
            }
            (uses, kills)
        });
        cfg.nodes.iter_mut().zip(needed).for_each(|(node, needed)| node.needed_in = needed);
    }

    /// Backward: rows of which host code surely has the value. Where rows are dirty, ways out store them; what was stored
    /// before was used then.
    fn keeps(&self, cfg: &mut Cfg) {
        let kept = self.backward(cfg, |i| {
            let node = &cfg.nodes[i];
            let block = &self.region.blocks[node.block];
            let mut uses = if self.leaves(cfg, i) { self.rows.all } else { Rows::EMPTY };
            let (mut kills, mut taken) = (Rows::EMPTY, HashSet::new());
            for at in node.insts.clone().rev() {
                let inst = &block.insts[at];
                match inst.op {
                    Op::Set => {
                        uses.remove(inst.aux as u8);
                        kills.insert(inst.aux as u8);
                    }
                    Op::Get if taken.contains(&at) => uses.insert(inst.aux as u8),
                    _ if is_taker(inst) => taken.extend(inst.operands().map(Value::index)),
                    _ => {}
                }
            }
            (uses, kills)
        });
        for i in 0..cfg.nodes.len() {
            let out = cfg.nodes[i].succs.iter().fold(Rows::EMPTY, |rows, &s| rows.union(kept[s]));
            cfg.nodes[i].kept_out = if self.leaves(cfg, i) { self.rows.all } else { out };
        }
    }

    /// Solves "in = uses + (out - kills)".
    fn backward(&self, cfg: &Cfg, transfer: impl Fn(usize) -> (Rows, Rows)) -> Vec<Rows> {
        let n = cfg.nodes.len();
        let (mut uses, mut kills) = (vec![Rows::EMPTY; n], vec![Rows::EMPTY; n]);
        for &i in &cfg.order {
            (uses[i], kills[i]) = transfer(i);
        }
        let mut result = uses.clone();
        let mut changed = true;
        while changed {
            changed = false;
            for &i in cfg.order.iter().rev() {
                let out = cfg.nodes[i].succs.iter().fold(Rows::EMPTY, |s, &k| s.union(result[k]));
                let rows = uses[i].union(out.minus(kills[i]));
                changed |= rows != result[i];
                result[i] = rows;
            }
        }
        result
    }

    /// Rows a node reads before it writes them, and rows it writes; leaving the region and showing
    /// state at a fault read `observed`.
    fn uses(&self, cfg: &Cfg, node: usize, observed: Rows) -> (Rows, Rows) {
        let block = &self.region.blocks[cfg.nodes[node].block];
        let mut uses = if self.leaves(cfg, node) { observed } else { Rows::EMPTY };
        let mut kills = Rows::EMPTY;
        for i in cfg.nodes[node].insts.clone().rev() {
            let inst = &block.insts[i];
            match inst.op {
                Op::Get | Op::Set if self.regs.is_fp_status(inst.aux as u8) => {}
                Op::Get => uses.insert(inst.aux as u8),
                Op::GetFlags => uses = uses.union(self.cc_rows()),
                Op::Set => {
                    let mut row = Rows::EMPTY;
                    row.insert(inst.aux as u8);
                    (uses, kills) = (uses.minus(row), kills.union(row));
                }
                Op::SetFlags => (uses, kills) = (uses.minus(self.cc_rows()), kills.union(self.cc_rows())),
                Op::Call => {
                    let site = &block.calls[inst.imm as usize];
                    let touched = self.rows.touched(&site.reads).union(self.rows.touched(&site.writes));
                    uses = uses.union(touched);
                }
                _ if access(inst).is_some() && (self.region.precise || self.leaves_misaligned(inst)) => {
                    uses = uses.union(observed);
                }
                _ => {}
            }
        }
        (uses, kills)
    }

    /// Whether the access leaves by itself where it is not aligned.
    fn leaves_misaligned(&self, inst: &Inst) -> bool {
        inst.memop().align != Align::None && !misalignment_is_a_fault(inst.memop(), self.regs)
    }

    /// Rows that are set to constants only and never read, and would be loaded at an entry only because some way through
    /// the region sets them and another does not: without a variable they take no host register all the way. The upper
    /// halves of vectors are such, where a function clears them.
    fn written_through(&self, cfg: &Cfg) -> Rows {
        let (mut set, mut read) = (Rows::EMPTY, self.cc_rows());
        for &n in &cfg.order {
            let node = &cfg.nodes[n];
            let block = &self.region.blocks[node.block];
            for inst in &block.insts[node.insts.clone()] {
                match inst.op {
                    Op::Set if matches!(block.def(inst.a).op, Op::Iconst | Op::Vconst) => set.insert(inst.aux as u8),
                    Op::Get | Op::Set => read.insert(inst.aux as u8),
                    _ => {}
                }
            }
        }
        let entries = cfg.nodes.iter().filter(|node| node.entry);
        set.minus(read).and(entries.fold(Rows::EMPTY, |rows, node| rows.union(node.needed_in)))
    }

    /// Forward: rows whose value may not be in memory.
    fn dirtiness(&self, cfg: &mut Cfg) {
        let n = cfg.nodes.len();
        cfg.nodes.iter_mut().for_each(|node| node.dirty_in = Rows::EMPTY);
        let (mut makes, mut cleans) = (vec![Rows::EMPTY; n], vec![Rows::EMPTY; n]);
        for &i in &cfg.order {
            (makes[i], cleans[i]) = self.writes(&cfg.nodes[i]);
            makes[i] = makes[i].minus(cfg.through);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for k in 0..cfg.order.len() {
                let i = cfg.order[k];
                let out = makes[i].union(cfg.nodes[i].dirty_in.minus(cleans[i]));
                for s in 0..cfg.nodes[i].succs.len() {
                    let to = cfg.nodes[i].succs[s];
                    if cfg.syncs_edge(self.region.precise, i, to) {
                        continue;
                    }
                    let dirty = cfg.nodes[to].dirty_in.union(out);
                    if dirty != cfg.nodes[to].dirty_in {
                        cfg.nodes[to].dirty_in = dirty;
                        changed = true;
                    }
                }
            }
        }
    }

    fn writes(&self, node: &Node) -> (Rows, Rows) {
        let block = &self.region.blocks[node.block];
        let mut stores = Vec::new();
        if self.region.precise {
            walk_syncs(block, node, node.sync_in, |at, _| stores.extend(at));
        }
        let (mut makes, mut cleans) = (Rows::EMPTY, Rows::EMPTY);
        for i in node.insts.clone() {
            let inst = &block.insts[i];
            match inst.op {
                Op::Set if self.regs.is_fp_status(inst.aux as u8) => {}
                Op::Set => makes.insert(inst.aux as u8),
                Op::SetFlags => makes = makes.union(self.cc_rows()),
                Op::Call => {
                    let site = &block.calls[inst.imm as usize];
                    let touched = self.rows.touched(&site.reads).union(self.rows.touched(&site.writes));
                    (makes, cleans) = (makes.minus(touched), cleans.union(touched));
                }
                _ if stores.contains(&i) => (makes, cleans) = (Rows::EMPTY, self.rows.all),
                _ => {}
            }
        }
        (makes, cleans)
    }

    /// Forward: what made the flags, where every way in agrees.
    fn flag_kinds(&self, cfg: &mut Cfg) {
        // Outer option: not reached yet.
        let mut known: Vec<Option<Option<CcOp>>> = vec![None; cfg.nodes.len()];
        for (i, node) in cfg.nodes.iter().enumerate() {
            if node.entry {
                known[i] = Some(None);
            }
        }
        let mut changed = true;
        while changed {
            changed = false;
            for &i in &cfg.order {
                let Some(start) = known[i] else { continue };
                let out = self.flags_after(&cfg.nodes[i], start);
                for &s in &cfg.nodes[i].succs {
                    let met = match known[s] {
                        None => out,
                        Some(k) if k == out => k,
                        Some(_) => None,
                    };
                    if known[s] != Some(met) {
                        known[s] = Some(met);
                        changed = true;
                    }
                }
            }
        }
        for (node, k) in cfg.nodes.iter_mut().zip(known) {
            node.flags_in = k.flatten();
        }
    }

    fn flags_after(&self, node: &Node, start: Option<CcOp>) -> Option<CcOp> {
        let block = &self.region.blocks[node.block];
        let cc = self.cc_rows();
        let mut kind = start;
        let mut read = HashMap::new();
        for i in node.insts.clone() {
            let inst = &block.insts[i];
            match inst.op {
                Op::GetFlags => {
                    read.insert(i, kind);
                }
                Op::SetFlags if block.def(inst.a).op == Op::GetFlags => {
                    kind = read.get(&inst.a.index()).copied().flatten();
                }
                Op::SetFlags => kind = flags_kind(block, inst.a),
                Op::Set if cc.contains(inst.aux as u8) => kind = None,
                Op::Call => {
                    let writes = self.rows.touched(&block.calls[inst.imm as usize].writes);
                    if !writes.and(cc).is_empty() {
                        kind = None;
                    }
                }
                _ => {}
            }
        }
        kind
    }
}
