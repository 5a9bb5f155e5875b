//! The interpreter as an engine, behind any choice of passes. Every block is verified before and
//! after them.

use crate::engine::{Engine, Outcome};
use crate::guest::Guest;
use crate::state::GuestState;
use brolga_core::{Env, Exit};
use brolga_interp::{Draft, Flat};
use brolga_ir::{
    Block, Builder, Composer, DisasContext, Flow, JumpKind, Leave, Passes, RaiseKind, Unfit, optimise, print, verify,
};

/// Tier 0 with passes.
pub struct Tier0 {
    name: String,
    guest: &'static Guest,
    passes: Passes,
}

impl Tier0 {
    /// An interpreter of blocks that went through `passes`.
    pub fn new(name: &str, guest: &'static Guest, passes: Passes) -> Tier0 {
        Tier0 { name: name.into(), guest, passes }
    }
}

/// The block behind `passes`, verified before and after them.
pub(crate) fn prepared(guest: &Guest, block: &Block, passes: &Passes) -> Block {
    checked(guest, block, "the front end");
    let out = optimise(block, passes, guest.frontend.regs());
    checked(guest, &out, "a pass");
    out
}

/// Panics with the block's text if it breaks a rule.
fn checked(guest: &Guest, block: &Block, author: &str) {
    if let Err(errors) = verify(block, guest.frontend.regs(), guest.frontend.helpers()) {
        let text = print(block, guest.frontend.regs(), guest.frontend.helpers());
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        panic!("{author} made an illegal block: {}\n{text}", errors.join("; "));
    }
}

/// Guest bytes at `pc` to IR: every instruction, or as many as there are before one ends the block.
pub fn lift(guest: &Guest, code: &[u8], pc: u64, mode: u32) -> Block {
    walk(guest, code, pc, mode, &mut |cx| guest.frontend.translate_insn(cx))
}

/// The block that `step` makes of the instructions in `code`, which is at `pc`, one by one: of every one, or of as many as there
/// are before one ends it.
fn walk(guest: &Guest, code: &[u8], pc: u64, mode: u32, step: &mut dyn FnMut(&mut DisasContext) -> Flow) -> Block {
    let mut cx = DisasContext { b: Builder::new(pc, mode), pc, bytes: [0; 16], available: 0, mode };
    let mut rest = code;
    loop {
        cx.available = rest.len().min(cx.bytes.len());
        cx.bytes = [0; 16];
        cx.bytes[..cx.available].copy_from_slice(&rest[..cx.available]);
        let len = match guest.frontend.insn_len(&cx.bytes[..cx.available]) {
            Some(len) if !rest.is_empty() => len,
            _ => {
                cx.b.goto(JumpKind::Jump, cx.pc);
                return cx.b.block;
            }
        };
        let flow = step(&mut cx);
        (rest, cx.pc) = (&rest[len..], cx.pc.wrapping_add(len as u64));
        if flow == Flow::EndTb {
            return cx.b.block;
        }
    }
}

/// The same as tier 0's code, where instructions are like others that were lowered.
fn composed(guest: &Guest, code: &[u8], pc: u64, mode: u32) -> Result<Flat, Unfit> {
    let mut composer = Composer::new(guest.frontend, Draft::begin(pc, guest.frontend.regs()));
    let last = walk(guest, code, pc, mode, &mut |cx| composer.step(cx));
    composer.finish(&last).map(|draft| draft.finish())
}

/// Tier 0 as the product makes its code: by patterns.
pub struct ByPatterns(pub &'static Guest);

impl Engine for ByPatterns {
    fn name(&self) -> &str {
        "interp, by patterns"
    }

    fn run_code(&mut self, code: &[u8], at: u64, state: &mut GuestState) -> Outcome {
        let mode = state.env(self.0).mode;
        run(self.0, composed(self.0, code, at, mode), state)
    }

    fn run_block(&mut self, block: &Block, state: &mut GuestState) -> Outcome {
        run(self.0, brolga_interp::lower(block, self.0.frontend.regs()), state)
    }
}

/// Runs tier 0's code, if there is any.
fn run(guest: &Guest, flat: Result<Flat, Unfit>, state: &mut GuestState) -> Outcome {
    let flat = match flat {
        Ok(flat) => flat,
        Err(Unfit::TooManyValues) => return Outcome::Refused("too many values for tier 0".into()),
        Err(Unfit::Unsupported(op, ty)) => {
            return Outcome::Refused(format!("tier 0 has no {}.{}", op.info().name, ty.name()));
        }
    };
    let mut env: Box<Env> = state.env(guest);
    let leave = brolga_interp::run(&flat, &mut env, &state.memory, guest.frontend.helpers());
    state.take_env(guest, &env);
    outcome(leave)
}

impl Engine for Tier0 {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_code(&mut self, code: &[u8], at: u64, state: &mut GuestState) -> Outcome {
        let mode = state.env(self.guest).mode;
        let block = lift(self.guest, code, at, mode);
        self.run_block(&block, state)
    }

    fn run_block(&mut self, block: &Block, state: &mut GuestState) -> Outcome {
        let block = prepared(self.guest, block, &self.passes);
        run(self.guest, brolga_interp::lower(&block, self.guest.frontend.regs()), state)
    }
}

/// How code that left like this ended.
pub(crate) fn outcome(leave: Leave) -> Outcome {
    let (kind, arg) = match leave {
        Leave::Jump => return Outcome::Done,
        Leave::Fault(fault) => return Outcome::Exit(Exit::Fault(fault)),
        Leave::Polled => return Outcome::Exit(Exit::Interrupted),
        Leave::Raise(kind, arg) => (kind, arg),
    };
    Outcome::Exit(match kind {
        RaiseKind::Syscall => Exit::Syscall(arg as u32),
        RaiseKind::Undefined => Exit::Undefined(arg as u32),
        RaiseKind::Breakpoint => Exit::Breakpoint(arg as u32),
        RaiseKind::GuestException => Exit::GuestException(arg as u32),
        RaiseKind::Resync | RaiseKind::Invalidate => return Outcome::Done,
    })
}
