//! An execution tier as a test sees it.

use crate::guest::{CODE, Guest};
use crate::regions::{Form, Regions};
use crate::state::GuestState;
use crate::tier0::{ByPatterns, Tier0};
use brolga_core::Exit;
use brolga_ir::{Block, PASSES, Passes};

/// How a test ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The code ran to its end; the program counter says where execution goes on.
    Done,
    /// Someone outside must act.
    Exit(Exit),
    /// The tier does not run this, for the reason given: skipped, never passed.
    Refused(String),
}

/// One tier with its switches.
pub trait Engine {
    /// Name in reports.
    fn name(&self) -> &str;
    /// Runs the instructions in `code`, which lies at `at` and is not readable as data.
    fn run_code(&mut self, code: &[u8], at: u64, state: &mut GuestState) -> Outcome;
    /// The same at [`CODE`].
    fn run_insn(&mut self, code: &[u8], state: &mut GuestState) -> Outcome {
        self.run_code(code, CODE, state)
    }
    /// Runs a block of IR.
    fn run_block(&mut self, block: &Block, state: &mut GuestState) -> Outcome;
}

/// Every tier and choice of switches that tests run on. The first is the oracle.
pub fn engines(guest: &'static Guest) -> Vec<Box<dyn Engine>> {
    let mut all: Vec<Box<dyn Engine>> = vec![
        Box::new(Tier0::new("interp", guest, Passes::NONE)),
        Box::new(Tier0::new("interp, all passes", guest, Passes::ALL)),
        Box::new(ByPatterns(guest)),
    ];
    for pass in PASSES {
        let mut passes = Passes::NONE;
        *(pass.switch)(&mut passes) = true;
        all.push(Box::new(Tier0::new(&format!("interp, only {}", pass.name), guest, passes)));
    }
    let regions = [
        ("regions", Passes::NONE, Form::Region),
        ("regions, all passes", Passes::ALL, Form::Region),
        ("regions, no host floating point", Passes::ALL, Form::NoHostFp),
        ("blocks", Passes::NONE, Form::Block),
    ];
    for (name, passes, form) in regions {
        if let Some(regions) = Regions::new(name, guest, passes, form) {
            all.push(Box::new(regions));
        }
    }
    all
}
