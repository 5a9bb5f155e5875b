//! Switches, read in one place, and the `-d` log.

use crate::aside::Watched;
use crate::family::SharedWords;
use crate::pace::Times;
use crate::stats::Stats;
use brolga_cache::Store;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Starts a thread that runs the function; tells whether it could.
pub type Spawn = fn(Box<dyn FnOnce() + Send>) -> bool;

/// Tells where else the bytes of a range of guest addresses can be executed.
pub type Aliases = fn(std::ops::Range<u64>) -> Vec<std::ops::Range<u64>>;

/// Tells whether the code in these ranges of guest addresses is one file's, as it is there.
pub type IsFile = fn(&[(u64, u64)]) -> bool;

/// Switches of the engine.
#[derive(Debug)]
pub struct Config {
    /// Guest instructions in a block at most, at least 1. `-one-insn-per-tb` sets 1.
    pub max_insns: u32,
    /// Entries of a block in tier 0 before it gets code of its own in tier 1; 0 does without tier 1.
    pub block_threshold: u32,
    /// So many blocks get code of their own only after four times as many entries: most programs end before that pays.
    pub slow_start: usize,
    /// Entries of a block in lower tiers before its region is compiled; 0 keeps everything in tier 0.
    pub region_threshold: u32,
    /// The same of code that is not kept between runs, as [`Config::is_file`] says; not below `region_threshold`.
    pub passing_threshold: u32,
    /// Entries of a region from outside after which a larger one is compiled in its place; 0 for never.
    pub patience: u32,
    /// Blocks that run in tier 0 before a region is made of what is hot in a higher tier: only tier 0 sees where
    /// indirect jumps go.
    pub watch: u32,
    /// Whether exits of regions are linked to each other.
    pub link: bool,
    /// Whether regions go through the IR's passes.
    pub passes: bool,
    /// Whether regions show exact state at faults from the start; [`brolga_core::Vcpu::require_precise`] says so later.
    pub precise: bool,
    /// Threads at most that compile regions while the guest goes on; `None` for as many as the host can spare.
    pub workers: Option<usize>,
    /// Time that they may take, in percent of the guest's; 0 for all they need. Needs `times`.
    pub share: u32,
    /// Tells what was used.
    pub times: Times,
    /// How one is started. The guest's signals must not reach it.
    pub spawn: Spawn,
    /// Where else changed code is: several mappings of one object.
    pub aliases: Aliases,
    /// Code that was written to may come back if its bytes did not change, where this says that writes to it are noticed;
    /// `None` if none does.
    pub aside: Option<Watched>,
    /// Where regions are kept between runs.
    pub store: Option<Arc<Store>>,
    /// Entries of a block in tier 0 before it is looked up there.
    pub load_threshold: u32,
    /// Which code may be kept.
    pub is_file: IsFile,
    /// Memory that children of forks share, if what they translate is to be told to their parents.
    pub shared_words: Option<SharedWords>,
    /// What is counted, if anything.
    pub stats: Option<Arc<Stats>>,
    /// What to log.
    pub log: Log,
}

impl Config {
    /// Entries of a block before its region is compiled, whatever code it is.
    pub(crate) fn most_entries(&self) -> u32 {
        self.region_threshold.max(self.passing_threshold)
    }

    /// Entries of a block in tier 1 before its region is compiled: of code that is kept between runs, and of other code.
    pub(crate) fn tier1_entries(&self) -> (u32, u32) {
        let entries = |threshold: u32| threshold.saturating_sub(self.block_threshold);
        (entries(self.region_threshold), entries(self.most_entries()))
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_insns: 64,
            block_threshold: 0,
            slow_start: 0,
            region_threshold: 120_000,
            passing_threshold: 0,
            patience: 50_000,
            watch: 0,
            link: true,
            passes: true,
            precise: true,
            workers: Some(0),
            share: 0,
            times: Default::default,
            spawn: |body| std::thread::Builder::new().name("translator".into()).spawn(body).is_ok(),
            aliases: |_| Vec::new(),
            aside: None,
            store: None,
            load_threshold: 8,
            is_file: |_| true,
            shared_words: None,
            stats: None,
            log: Log::default(),
        }
    }
}

/// The `-d` log of translation and execution.
#[derive(Default)]
pub struct Log {
    /// `in_asm`: guest instructions as they are translated.
    pub in_asm: bool,
    /// `op`: IR of each block as it is translated.
    pub op: bool,
    /// `op_opt`: IR of each region after the passes.
    pub op_opt: bool,
    /// `out_asm`: host code of each region.
    pub out_asm: bool,
    /// `exec`: each block as it is entered.
    pub exec: bool,
    /// `cpu`: registers before each block.
    pub cpu: bool,
    /// `unimp`: instructions that the guest's CPU does not have.
    pub unimp: bool,
    /// Guest addresses to log (`-dfilter`); empty means all.
    pub ranges: Vec<std::ops::Range<u64>>,
    /// Where to write; standard error if none.
    pub sink: Option<Mutex<Box<dyn Write + Send>>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("in_asm", &self.in_asm).field("exec", &self.exec).finish_non_exhaustive()
    }
}

impl Log {
    /// Whether `pc` is to be logged.
    pub fn wants(&self, pc: u64) -> bool {
        self.ranges.is_empty() || self.ranges.iter().any(|r| r.contains(&pc))
    }

    /// Writes text. A log that cannot be written is not worth ending the guest for.
    pub fn write(&self, text: &str) {
        match &self.sink {
            Some(sink) => _ = sink.lock().expect("no panic under the lock").write_all(text.as_bytes()),
            None => _ = std::io::stderr().write_all(text.as_bytes()),
        }
    }
}
