//! The pipeline: guest bytes to IR to tier 0's code.

use crate::config::{Config, Log};
use crate::packs;
use crate::tb::{TbKey, TranslationBlock};
use brolga_core::{Access, Fault, FaultKind};
use brolga_ir::{Block, Builder, Composer, DisasContext, Flow, Frontend, Interpreter, JumpKind, Unfit};
use std::cell::Cell;

const PAGE: u64 = 4096;
/// Bytes that hold any instruction.
const INSN: usize = 16;

/// What a translation needs.
struct Desk {
    /// What a front end works on.
    dc: DisasContext,
    /// The guest's bytes, where they are wanted.
    guest: Vec<u8>,
}

thread_local! {
    /// That of the last translation, whose memory the next one takes.
    static SPARE: Cell<Option<Box<Desk>>> = const { Cell::new(None) };
}

/// A desk for the block at `key`.
fn desk(key: TbKey) -> Box<Desk> {
    SPARE.take().unwrap_or_else(|| {
        let b = Builder::new(key.pc, key.mode);
        let dc = DisasContext { b, pc: key.pc, bytes: [0; 16], available: 0, mode: key.mode };
        Box::new(Desk { dc, guest: Vec::with_capacity(128) })
    })
}

/// Translates the block at `key`. A fault is that of fetching its first instruction.
pub fn translate<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    config: &Config,
    key: TbKey,
) -> Result<TranslationBlock<T::Code>, Fault> {
    let mut limit = if frontend.single_steps(key.mode) { 1 } else { config.max_insns.max(1) };
    let mut desk = desk(key);
    let Desk { dc, guest } = &mut *desk;
    let (hashed, log) = (config.store.is_some() || config.aside.is_some(), &config.log);
    loop {
        guest.clear();
        let seen = if hashed { Some(&mut *guest) } else { None };
        let mut composer = Composer::new(frontend, tier0.begin(key.pc, frontend.regs()));
        // The log shows the IR of all instructions.
        let step = &mut |dc: &mut DisasContext| if log.op { frontend.translate_insn(dc) } else { composer.step(dc) };
        walk(frontend, tier0, key, limit, log, seen, dc, step)?;
        let block = &dc.b.block;
        if log.op && log.wants(key.pc) {
            log.write(&format!("OP:\n{}\n", brolga_ir::print(block, frontend.regs(), frontend.helpers())));
        }
        match composer.finish(block) {
            Ok(draft) => {
                let code = tier0.finish(draft);
                let varies = tier0.varies(&code);
                let mut tb = TranslationBlock::new(key, block.end, block.guest_insns, code);
                tb.targets = varies.then(Box::default);
                tb.sum = if hashed { packs::sum(guest) } else { 0 };
                SPARE.set(Some(desk));
                return Ok(tb);
            }
            // A shorter block needs fewer values.
            Err(Unfit::TooManyValues) if limit > 1 => limit = (block.guest_insns / 2).max(1),
            Err(unfit) => panic!("tier 0 cannot hold the block at {:#x}: {unfit:?}\n{block:?}", key.pc),
        }
    }
}

/// Guest bytes to IR: instructions until one ends the block, the page ends or the limit is reached. The bytes are added
/// to `seen`.
pub(crate) fn lift<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    key: TbKey,
    limit: u32,
    log: &Log,
    seen: Option<&mut Vec<u8>>,
) -> Result<Block, Fault> {
    let mut desk = desk(key);
    walk(frontend, tier0, key, limit, log, seen, &mut desk.dc, &mut |dc| frontend.translate_insn(dc))?;
    let block = std::mem::take(&mut desk.dc.b.block);
    SPARE.set(Some(desk));
    Ok(block)
}

/// Reads instructions from `key` on, until one ends the block, the page ends or the limit is reached, and has `step` do something
/// with each. The bytes are added to `seen`. The block in `dc` has no instructions but those that `step` has left there, and its
/// end.
#[allow(clippy::too_many_arguments, reason = "the parts of the pipeline, each of another owner")]
#[inline]
fn walk<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    key: TbKey,
    limit: u32,
    log: &Log,
    mut seen: Option<&mut Vec<u8>>,
    dc: &mut DisasContext,
    step: &mut impl FnMut(&mut DisasContext) -> Flow,
) -> Result<(), Fault> {
    if key.pc & (frontend.code_align() - 1) != 0 {
        return Err(Fault { addr: key.pc, access: Access::Fetch, kind: FaultKind::Alignment });
    }
    dc.b.begin(key.pc, key.mode);
    (dc.pc, dc.mode) = (key.pc, key.mode);
    dc.b.block.insts.reserve(128);
    let mut window = Window::default();
    loop {
        match fetch(frontend, tier0, &mut window, seen.as_deref_mut(), dc) {
            Ok(()) => {}
            Err(fault) if dc.pc == key.pc => return Err(fault),
            // Let the guest run up to the fault: it may never get there.
            Err(_) => {
                dc.b.goto(JumpKind::Jump, dc.pc);
                break;
            }
        }
        let flow = step(dc);
        if log.in_asm && log.wants(dc.pc) {
            log_insn(frontend, dc, (dc.b.block.end - dc.pc) as usize, log);
        }
        dc.pc = dc.b.block.end;
        let full = dc.b.block.guest_insns >= limit || dc.pc / PAGE != key.pc / PAGE;
        match flow {
            Flow::EndTb => break,
            Flow::Next if full => {
                dc.b.goto(JumpKind::Jump, dc.pc);
                break;
            }
            Flow::Next => {}
        }
    }
    window.note(dc.pc, seen);
    Ok(())
}

/// Guest code read ahead: to look an address up costs more than to read what is there.
struct Window {
    bytes: [u8; 64],
    start: u64,
    len: usize,
}

impl Default for Window {
    fn default() -> Self {
        Window { bytes: [0; 64], start: 0, len: 0 }
    }
}

impl Window {
    /// Bytes at hand from `pc` on.
    #[inline(always)]
    fn from(&self, pc: u64) -> &[u8] {
        self.bytes[..self.len].get(pc.wrapping_sub(self.start) as usize..).unwrap_or_default()
    }

    /// Adds the bytes before `pc` to `seen`.
    fn note(&self, pc: u64, seen: Option<&mut Vec<u8>>) {
        if let Some(seen) = seen {
            let used = self.len.min(pc.wrapping_sub(self.start) as usize);
            seen.extend_from_slice(&self.bytes[..used]);
        }
    }

    /// Reads on from `pc`.
    fn read<T: Interpreter>(&mut self, tier0: &T, pc: u64) -> Result<(), Fault> {
        // Not beyond the page unless an instruction may reach there: it may be another's, or nobody's.
        let wanted = ((PAGE - pc % PAGE) as usize).clamp(INSN, self.bytes.len());
        self.len = 0; // stands if the read fails
        self.len = tier0.fetch(pc, &mut self.bytes[..wanted])?;
        self.start = pc;
        Ok(())
    }
}

/// Reads the instruction at `dc.pc`.
fn fetch<T: Interpreter>(
    frontend: &dyn Frontend,
    tier0: &T,
    window: &mut Window,
    seen: Option<&mut Vec<u8>>,
    dc: &mut DisasContext,
) -> Result<(), Fault> {
    if window.from(dc.pc).len() < INSN {
        window.note(dc.pc, seen);
        window.read(tier0, dc.pc)?;
    }
    let code = window.from(dc.pc);
    if let Some(bytes) = code.first_chunk() {
        (dc.bytes, dc.available) = (*bytes, INSN);
        return Ok(()); // none is longer
    }
    dc.bytes[..code.len()].copy_from_slice(code);
    dc.available = code.len();
    let fault = || Fault { addr: dc.pc + dc.available as u64, access: Access::Fetch, kind: FaultKind::Unmapped };
    frontend.insn_len(code).map(|_| ()).ok_or_else(fault)
}

fn log_insn(frontend: &dyn Frontend, dc: &DisasContext, len: usize, log: &Log) {
    let bytes: String = dc.bytes[..len].iter().rev().map(|b| format!("{b:02x}")).collect();
    let name = frontend.mnemonic(&dc.bytes[..len]).unwrap_or("(undefined)");
    log.write(&format!("{:#018x}:  {bytes}  {name}\n", dc.pc));
}
