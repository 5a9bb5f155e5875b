//! What is done when a run ends, or becomes another program: kept code is written, `--stats` are told.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use brolga_engine::{Stats, Store, helper_calls};
use brolga_user::LogFile;

/// Helpers named by `--stats` at most.
const HELPERS: usize = 20;

/// What a process has that wants an end.
struct Open {
    store: Option<Arc<Store>>,
    stats: Option<(Arc<Stats>, String, LogFile)>,
}

static OPEN: OnceLock<Open> = OnceLock::new();

/// Hands the engine's new blocks to the store.
type KeepBlocks = Box<dyn Fn() + Send + Sync>;

static BLOCKS: OnceLock<KeepBlocks> = OnceLock::new();

/// Remembers how blocks get into the store.
pub fn remember_blocks(keep: KeepBlocks) {
    let _ = BLOCKS.set(keep);
}

/// Remembers what [`finish`] is about. Statistics go to `log`, under the program's name.
pub fn remember(store: Option<Arc<Store>>, stats: Option<Arc<Stats>>, name: String, log: LogFile) {
    let stats = stats.map(|stats| (stats, name, log));
    // One engine a process.
    let _ = OPEN.set(Open { store, stats });
}

/// Called by the thread that ends the process.
pub fn finish() {
    let Some(Open { store, stats }) = OPEN.get() else { return };
    if let Some((stats, name, log)) = stats {
        log.write(&report(name, stats, store.as_deref()));
    }
    if let Some(store) = store {
        if let Some(keep) = BLOCKS.get() {
            keep();
        }
        store.flush();
    }
}

fn report(name: &str, stats: &Stats, store: Option<&Store>) -> String {
    let mut out = format!("statistics of {name}, process {}\n{}", std::process::id(), stats.report());
    if let Some(store) = store {
        let figures = store.figures();
        let _ = writeln!(
            out,
            "cache: {} entries known, {} regions found ({} bytes), {} wait to be written",
            figures.known, figures.found, figures.bytes, figures.waiting
        );
    }
    let calls = helper_calls();
    let total: u64 = calls.iter().map(|call| call.1).sum();
    let _ = write!(out, "helper calls: {total}");
    for (i, (name, count)) in calls.iter().take(HELPERS).enumerate() {
        let _ = write!(out, "{} {count} {name}", if i == 0 { ":" } else { "," });
    }
    out.push('\n');
    out
}
