#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod class;
mod draft;
mod eval;
mod exec;
mod flags;
mod flat;
mod fp;
mod lower;
mod packed;
mod scalar;
mod slots;
mod templates;
mod uses;
pub mod usual;
mod vector;

pub use draft::Draft;
pub use exec::run;
pub use flat::{Code, Flat, FlatOp, NONE};
pub use fp::FpHint;
pub use packed::{apply, calls_helper, pack};

use brolga_core::{Env, Fault, GuestMemory, RegTable};
use brolga_ir::{Block, Draft as _, Helper, Interpreter, Leave, Unfit};
use usual::Usual;

/// Lowers a verified block.
pub fn lower(block: &Block, regs: &RegTable) -> Result<Flat, Unfit> {
    let mut draft = Draft::begin(block.pc, regs);
    draft.add(block, regs)?;
    Ok(draft.finish())
}

/// Reads guest code that may be executed; see [`Interpreter::fetch`].
pub type Fetch<M> = fn(&M, u64, &mut [u8]) -> Result<usize, Fault>;

/// Tier 0 over a guest memory.
#[derive(Debug)]
pub struct Interp<M> {
    /// Guest data memory.
    pub memory: M,
    /// The guest's helpers.
    pub helpers: &'static [Helper],
    /// Reads guest code.
    pub fetch: Fetch<M>,
    /// What is known of the guest's instructions beforehand.
    pub usual: &'static Usual,
}

impl<M: GuestMemory + Send + Sync> Interpreter for Interp<M> {
    type Code = Flat;
    type Draft = Box<Draft>;

    fn begin(&self, pc: u64, regs: &RegTable) -> Box<Draft> {
        let mut draft = Draft::begin(pc, regs);
        draft.know(self.usual);
        draft
    }

    fn finish(&self, draft: Box<Draft>) -> Flat {
        draft.finish()
    }

    fn varies(&self, code: &Flat) -> bool {
        code.ops.last().is_some_and(|op| op.code == Code::GotoInd)
    }

    fn run_on<'a>(&self, code: &'a Flat, env: &mut Env, next: impl FnMut(&Env) -> Option<&'a Flat>) -> Leave {
        exec::run_on(code, env, &self.memory, self.helpers, next)
    }

    fn fetch(&self, pc: u64, buf: &mut [u8]) -> Result<usize, Fault> {
        (self.fetch)(&self.memory, pc, buf)
    }
}
