//! A guest of four instructions, and tiers that note what the engine asks of them.
//!
//! No host code is made: a "host address" is a number, and entering it walks the region's blocks and the links
//! between regions as generated code would.
#![allow(dead_code, reason = "each test file uses a part of it")]

use brolga_core::{Access, Env, Fault, FaultKind, Reg, RegInfo, RegTable, RegWidth, Vcpu};
use brolga_engine::{Config, Engine, EngineVcpu};
use brolga_ir::{
    Block, Builder, DisasContext, Draft, Flow, Frontend, Helper, HostExit, Inst, Installed, Interpreter, JumpKind,
    Leave, Op, RaiseKind, Region, RegionBackend, Ty, Unfit,
};
use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

pub const PC: Reg = Reg(0);
/// Runs of a block before it becomes a region.
pub const THRESHOLD: u32 = 3;

/// What the engine had a tier do. Blocks are named by their guest addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Tier 0 ran a block.
    Interpreted(u64),
    /// A region of these blocks was handed over to be compiled.
    Compiled(Vec<u64>),
    /// A block was compiled by itself, to be entered that often.
    Block(u64),
    /// A block of the region with this number ran.
    Entered { unit: u64, pc: u64 },
    /// The exit of one block was made to lead to another's region.
    Linked { from: u64, to: u64 },
    /// An exit was made to lead to the run loop.
    Unlinked { from: u64 },
    /// The region was dropped.
    Removed(u64),
    /// The memory of a dropped region was given back.
    Released(u64),
}

struct Exit {
    unit: u64,
    from: u64,
    target: u64,
    /// Host address; 0 while unlinked.
    to: u64,
}

/// How compiling a region ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Fate {
    #[default]
    Installed,
    Refused,
    NoRoom,
    /// Regions that fit at once.
    RoomFor(usize),
}

#[derive(Default)]
struct State {
    code: HashMap<u64, u32>,
    events: Vec<Event>,
    fate: Fate,
    /// Asks the processor that enters this block's region to leave.
    interrupt_in: Option<u64>,
    units: u64,
    /// Regions whose memory is not released.
    held: Vec<u64>,
    /// Whether the latest region to be compiled was precise.
    precise: bool,
    outdated: bool,
    hosts: HashMap<u64, (u64, Block)>,
    /// Entries that are left until a region says that it is hot.
    patience: HashMap<u64, u32>,
    /// Entries left of blocks of tier 1, by [`counter`].
    counters: HashMap<u64, i64>,
    leads: HashMap<u64, u64>,
    exits: Vec<Exit>,
    /// What happens while blocks are joined next.
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
    /// What happens when code was read next.
    when_read: Option<Box<dyn FnOnce() + Send>>,
}

impl State {
    /// Counts an entry of a region, unless it is not counted; whether that was the last one.
    fn is_busy(&mut self, host: u64) -> bool {
        let Some(left) = self.patience.get_mut(&host) else { return false };
        *left -= 1;
        let busy = *left == 0;
        if busy {
            self.patience.remove(&host);
        }
        busy
    }
}

/// Guest code and everything that happened, shared by test, front end and tiers.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

impl World {
    /// Puts a jump to `target` at `pc`.
    pub fn jump(&self, pc: u64, target: u64) {
        self.0.lock().unwrap().code.insert(pc, 1 << 24 | target as u32);
    }

    /// Puts a call of `target` at `pc`.
    pub fn call(&self, pc: u64, target: u64) {
        self.0.lock().unwrap().code.insert(pc, 3 << 24 | target as u32);
    }

    /// Puts an indirect jump that leads to `target` at `pc`.
    pub fn jump_indirectly(&self, pc: u64, target: u64) {
        self.0.lock().unwrap().code.insert(pc, 4 << 24 | target as u32);
    }

    /// Puts a jump to `target` at `pc` that runs in tier 0 alone.
    pub fn jump_once(&self, pc: u64, target: u64) {
        self.0.lock().unwrap().code.insert(pc, 5 << 24 | target as u32);
    }

    /// Puts a system call at `pc`.
    pub fn syscall(&self, pc: u64, number: u32) {
        self.0.lock().unwrap().code.insert(pc, 2 << 24 | number);
    }

    pub fn set_fate(&self, fate: Fate) {
        self.0.lock().unwrap().fate = fate;
    }

    /// Lets the next processor that runs `pc` in a region find an exit request.
    pub fn interrupt_in(&self, pc: u64) {
        self.0.lock().unwrap().interrupt_in = Some(pc);
    }

    /// Has something happen while a processor joins blocks next: before they are in place.
    pub fn meanwhile(&self, action: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().meanwhile = Some(Box::new(action));
    }

    /// Has something happen when a processor has read code next.
    pub fn when_read(&self, action: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().when_read = Some(Box::new(action));
    }

    /// What happened since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }

    /// Whether the latest region to be compiled was precise.
    pub fn precise(&self) -> bool {
        self.0.lock().unwrap().precise
    }

    /// Regions put in place so far; the number of the latest.
    pub fn units(&self) -> u64 {
        self.0.lock().unwrap().units
    }

    /// Has the back end ask once for regions to be made anew.
    pub fn set_outdated(&self) {
        self.0.lock().unwrap().outdated = true;
    }

    /// A processor of a new engine.
    pub fn vcpu(&self) -> Box<dyn Vcpu> {
        self.vcpu_with(Config::default())
    }

    /// A processor of a new engine with switches beyond the usual.
    pub fn vcpu_with(&self, config: Config) -> Box<dyn Vcpu> {
        self.process_with(config).0
    }

    /// The same, and what hands the engine's new blocks to the store.
    pub fn process_with(&self, config: Config) -> (Box<dyn Vcpu>, Box<dyn Fn()>) {
        let own = Some(config.region_threshold).filter(|&own| own != Config::default().region_threshold);
        let config = Config { region_threshold: own.unwrap_or(THRESHOLD), passes: false, ..config };
        let engine = Engine::new(Box::new(Guest), Tier0(self.clone()), Some(Regions(self.clone())), config);
        let vcpu = Box::new(EngineVcpu::new(engine.clone()));
        (vcpu, Box::new(move || engine.keep_blocks()))
    }

    fn note(&self, event: Event) {
        self.0.lock().unwrap().events.push(event);
    }
}

static REGS: RegTable = RegTable {
    regs: &[
        RegInfo { name: "pc", reg: PC, width: RegWidth::W64 },
        RegInfo { name: "cc_op", reg: Reg(1), width: RegWidth::W64 },
        RegInfo { name: "cc_a", reg: Reg(2), width: RegWidth::W64 },
        RegInfo { name: "cc_b", reg: Reg(3), width: RegWidth::W64 },
    ],
    pc: PC,
    cc: Reg(1),
    scratch: 4,
    fp: None,
};

/// Four-byte instructions: `01 target` jumps, `02 number` calls the system, `03 target` calls,
/// `04 target` jumps indirectly, `05 target` jumps and must not be begun again.
struct Guest;

impl Frontend for Guest {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn regs(&self) -> &'static RegTable {
        &REGS
    }

    fn helpers(&self) -> &'static [Helper] {
        &[]
    }

    fn mode(&self, _: &Env) -> u32 {
        0
    }

    fn translate_insn(&self, cx: &mut DisasContext) -> Flow {
        emit(&mut cx.b, cx.pc, u32::from_le_bytes([cx.bytes[0], cx.bytes[1], cx.bytes[2], cx.bytes[3]]));
        Flow::EndTb
    }

    fn code_align(&self) -> u64 {
        4
    }

    fn insn_len(&self, bytes: &[u8]) -> Option<usize> {
        (bytes.len() >= 4).then_some(4)
    }

    fn mnemonic(&self, _: &[u8]) -> Option<&'static str> {
        None
    }
}

fn emit(b: &mut Builder, pc: u64, word: u32) {
    let operand = u64::from(word & 0xff_ffff);
    b.insn_start(pc, 4);
    b.block.once = word >> 24 == 5;
    if word >> 24 == 4 {
        let target = b.iconst(Ty::I64, operand);
        b.goto_ind(JumpKind::Jump, target);
    } else if word >> 24 != 2 {
        b.goto(if word >> 24 == 3 { JumpKind::Call } else { JumpKind::Jump }, operand);
    } else {
        let number = b.iconst(Ty::I64, operand);
        b.raise(RaiseKind::Syscall, pc + 4, number);
    }
}

/// The block of one instruction.
fn block(pc: u64, word: u32) -> Block {
    let mut b = Builder::new(pc, 0);
    emit(&mut b, pc, word);
    b.block
}

/// The op that ends a block of this guest.
fn end(block: &Block) -> Inst {
    *block.insts.last().unwrap()
}

/// Runs a block; `Some` is what it raised.
fn run(block: &Block, env: &mut Env) -> Option<(RaiseKind, u64)> {
    let end = end(block);
    env.set(PC, if end.op == Op::GotoInd { block.as_const(end.a).unwrap() } else { end.imm });
    (end.op == Op::Raise).then(|| (RaiseKind::from_sub(end.sub), block.as_const(end.a).unwrap()))
}

struct Tier0(World);

/// A block that is its only piece.
struct Whole(Option<Block>);

impl Draft for Whole {
    fn add(&mut self, piece: &Block, _: &RegTable) -> Result<(), Unfit> {
        self.0 = Some(piece.clone());
        Ok(())
    }
}

impl Interpreter for Tier0 {
    type Code = Block;
    type Draft = Whole;

    fn begin(&self, _: u64, _: &RegTable) -> Whole {
        Whole(None)
    }

    fn finish(&self, draft: Whole) -> Block {
        draft.0.unwrap()
    }

    fn varies(&self, block: &Block) -> bool {
        end(block).op == Op::GotoInd
    }

    fn run_on<'a>(
        &self,
        mut block: &'a Block,
        env: &mut Env,
        mut next: impl FnMut(&Env) -> Option<&'a Block>,
    ) -> Leave {
        loop {
            self.0.note(Event::Interpreted(block.pc));
            if let Some((kind, arg)) = run(block, env) {
                return Leave::Raise(kind, arg);
            }
            match next(env) {
                Some(next) => block = next,
                None => return Leave::Jump,
            }
        }
    }

    fn fetch(&self, pc: u64, buf: &mut [u8]) -> Result<usize, Fault> {
        let mut state = self.0.0.lock().unwrap();
        let action = state.when_read.take();
        // Pages that have code are there as a whole.
        if !state.code.keys().any(|at| at >> 12 == pc >> 12) {
            return Err(Fault { addr: pc, access: Access::Fetch, kind: FaultKind::Unmapped });
        }
        for (i, word) in buf.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&state.code.get(&(pc + 4 * i as u64)).copied().unwrap_or(0).to_le_bytes());
        }
        drop(state);
        action.into_iter().for_each(|action| action());
        Ok(buf.len().min((0x1000 - pc % 0x1000) as usize) & !3)
    }
}

/// Number of the counter of the block with this host address.
fn counter(host: u64) -> u64 {
    host >> 16 << 8 | host & 0xff
}

struct Regions(World);

impl RegionBackend for Regions {
    /// A region, or blocks whose entries are counted.
    type Compiled = (Region, bool);
    type Block = (Block, Vec<u64>);

    fn compile_block(&self, prepared: &dyn Any, _: Range<u64>) -> Result<Self::Block, String> {
        let block = prepared.downcast_ref::<Block>().unwrap();
        self.0.note(Event::Block(block.pc));
        let leads_to = Some(end(block)).filter(|end| end.op == Op::Goto).map(|end| end.imm);
        Ok((block.clone(), leads_to.into_iter().collect()))
    }

    fn leads_to(block: &Self::Block) -> &[u64] {
        &block.1
    }

    fn join(&self, blocks: &[Self::Block]) -> Option<Self::Compiled> {
        let meanwhile = self.0.0.lock().unwrap().meanwhile.take();
        meanwhile.into_iter().for_each(|action| action());
        let entries = (0..blocks.len()).collect();
        let blocks = blocks.iter().map(|block| block.0.clone()).collect();
        Some((Region { blocks, entries, likely: vec![], patience: 0, precise: true }, true))
    }

    fn set_count(&self, counter: u32, count: u32) {
        self.0.0.lock().unwrap().counters.insert(counter.into(), count.into());
    }

    fn count(&self, counter: u32) -> u32 {
        self.0.0.lock().unwrap().counters.get(&counter.into()).map_or(0, |&left| left.max(0) as u32)
    }

    fn lead(&self, counter: u32, host: u64) {
        self.0.0.lock().unwrap().leads.insert(counter.into(), host);
    }

    fn compile(&self, region: &Region) -> Result<Self::Compiled, String> {
        self.0.note(Event::Compiled(region.blocks.iter().map(|b| b.pc).collect()));
        self.0.0.lock().unwrap().precise = region.precise;
        if self.0.0.lock().unwrap().fate == Fate::Refused { Err("refused".into()) } else { Ok((region.clone(), false)) }
    }

    fn listing(&self, _: &Region) -> Result<brolga_ir::Listing, String> {
        Ok(brolga_ir::Listing::default())
    }

    fn install(&self, (region, counted): Self::Compiled) -> Result<Installed, Self::Compiled> {
        let mut state = self.0.0.lock().unwrap();
        let full = match state.fate {
            Fate::NoRoom => true,
            Fate::RoomFor(n) => state.held.len() >= n,
            _ => false,
        };
        if full {
            return Err((region, counted));
        }
        state.units += 1;
        let unit = state.units;
        let mut told = Installed { unit, bytes: 100, ..Installed::default() };
        state.held.push(told.unit);
        let host = |index: usize| told.unit << 16 | index as u64;
        let entries: Vec<_> = region.entries.iter().map(|&i| (region.blocks[i].pc, host(i))).collect();
        for (i, block) in region.blocks.iter().enumerate() {
            state.hosts.insert(host(i), (told.unit, block.clone()));
            if counted {
                told.counts.push(counter(host(i)) as u32);
            }
            if region.patience != 0 {
                state.patience.insert(host(i), region.patience);
            }
            if end(block).op == Op::Goto {
                let target = end(block).imm;
                let inside = region.blocks.iter().position(|b| b.pc == target);
                state.exits.push(Exit { unit, from: block.pc, target, to: inside.map_or(0, host) });
                if inside.is_none() {
                    told.exits.push((state.exits.len() as u32, target));
                }
            }
        }
        told.entries = entries;
        Ok(told)
    }

    fn prepare(&self, _: &mut Env) {}

    fn enter(&self, host: u64, env: &mut Env) -> HostExit {
        let mut state = self.0.0.lock().unwrap();
        let mut at = host;
        if state.is_busy(host) {
            return HostExit::Busy;
        }
        loop {
            let (unit, block) = state.hosts[&at].clone();
            if let Some(left) = state.counters.get_mut(&counter(at)) {
                *left -= 1;
                if *left < 0 {
                    match state.leads.get(&counter(at)) {
                        None | Some(0) => return HostExit::Hot(counter(at) as u32),
                        Some(&host) => at = host,
                    }
                    if state.is_busy(at) {
                        return HostExit::Busy;
                    }
                    continue;
                }
            }
            state.events.push(Event::Entered { unit, pc: block.pc });
            if state.interrupt_in == Some(block.pc) {
                state.interrupt_in = None;
                env.request_exit();
            }
            if let Some((kind, arg)) = run(&block, env) {
                return HostExit::Raise(kind, arg);
            }
            if end(&block).op == Op::GotoInd {
                return HostExit::Goto(None);
            }
            let exit = state.exits.iter().position(|e| (e.unit, e.from) == (unit, block.pc)).unwrap();
            assert_eq!(state.exits[exit].target, env.get(PC));
            at = state.exits[exit].to;
            if at == 0 {
                return HostExit::Goto(Some(exit as u32 + 1));
            }
        }
    }

    fn link(&self, slot: u32, host: u64) {
        let mut state = self.0.0.lock().unwrap();
        let to = state.hosts[&host].1.pc;
        let exit = &mut state.exits[slot as usize - 1];
        exit.to = host;
        let from = exit.from;
        state.events.push(Event::Linked { from, to });
    }

    fn unlink(&self, slot: u32) {
        let mut state = self.0.0.lock().unwrap();
        let exit = &mut state.exits[slot as usize - 1];
        exit.to = 0;
        let from = exit.from;
        state.events.push(Event::Unlinked { from });
    }

    fn remove(&self, unit: u64) {
        let leads_here = self.0.0.lock().unwrap().leads.values().any(|host| host >> 16 == unit);
        assert!(!leads_here, "a hot block leads to what goes");
        self.0.note(Event::Removed(unit));
    }

    fn release(&self, unit: u64) {
        self.0.note(Event::Released(unit));
        self.0.0.lock().unwrap().held.retain(|&u| u != unit);
    }

    fn outdated(&self) -> bool {
        std::mem::take(&mut self.0.0.lock().unwrap().outdated)
    }

    fn forked(&self) {}

    fn has_child(&self) {}

    /// For each block its address, its bytes and whether it is an entry: what the region is made of again.
    fn export(&self, (region, counted): &Self::Compiled) -> Option<(u32, Vec<u8>)> {
        let words = region.blocks.iter().enumerate().map(|(i, b)| {
            let end = end(b);
            let kind = if JumpKind::from_sub(end.sub) == JumpKind::Call { 3 } else { 1 };
            let word = if end.op == Op::Goto { kind << 24 | end.imm } else { 2 << 24 | b.as_const(end.a).unwrap() };
            [b.pc, word, region.entries.contains(&i).into()].map(u64::to_le_bytes).concat()
        });
        let kind = [u8::from(region.precise), u8::from(*counted), region.patience as u8];
        Some((self.form(region.precise), words.flatten().chain(kind).collect()))
    }

    fn import(&self, bytes: Vec<u8>) -> Option<Self::Compiled> {
        let word = |b: &[u8], at: usize| u64::from_le_bytes(b[at..at + 8].try_into().unwrap());
        let (bytes, &[precise, apart, patience]) = bytes.split_last_chunk()?;
        let all = || bytes.chunks_exact(24);
        let blocks = all().map(|b| block(word(b, 0), word(b, 8) as u32)).collect();
        let entries = all().enumerate().filter(|(_, b)| word(b, 16) == 1).map(|(i, _)| i).collect();
        Some((Region { blocks, entries, likely: vec![], patience: patience.into(), precise: precise == 1 }, apart == 1))
    }
}
