#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod class;
mod eval;
mod exec;
mod flags;
mod flat;
mod fp;
mod lower;
mod packed;
mod scalar;
mod slots;
mod uses;
mod vector;

pub use exec::run;
pub use flat::{Code, Flat, FlatOp, NONE};
pub use fp::FpHint;
pub use lower::lower;
pub use packed::{apply, calls_helper, pack};

use brolga_core::{Env, Fault, GuestMemory, RegTable};
use brolga_ir::{Block, Helper, Interpreter, Leave, Unfit};

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
}

impl<M: GuestMemory + Send + Sync> Interpreter for Interp<M> {
    type Code = Flat;

    fn prepare(&self, block: &Block, regs: &RegTable) -> Result<Flat, Unfit> {
        lower(block, regs)
    }

    fn run(&self, code: &Flat, env: &mut Env) -> Leave {
        run(code, env, &self.memory, self.helpers)
    }

    fn fetch(&self, pc: u64, buf: &mut [u8]) -> Result<usize, Fault> {
        (self.fetch)(&self.memory, pc, buf)
    }
}
