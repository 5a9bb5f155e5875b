//! What the engine did, for people who wonder why something is slow (`--stats`).
//!
//! Counters are shared by all processors and locked, which is slow: they exist only if asked for.

use brolga_ir::{HostExit, RaiseKind};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// A number of things and the time they took.
#[derive(Debug, Default)]
struct Work {
    count: AtomicU64,
    insns: AtomicU64,
    bytes: AtomicU64,
    nanos: AtomicU64,
}

impl Work {
    fn add(&self, insns: u32, bytes: usize, time: Duration) {
        self.add_several(1, insns, bytes, time);
    }

    fn add_several(&self, count: usize, insns: u32, bytes: usize, time: Duration) {
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        self.insns.fetch_add(insns.into(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn clear(&self) {
        [&self.count, &self.insns, &self.bytes, &self.nanos].iter().for_each(|n| n.store(0, Ordering::Relaxed));
    }

    fn millis(&self) -> f64 {
        self.nanos.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// Why generated code was left, in the order of [`Stats::exits`].
const EXITS: [&str; 8] = [
    "exits not linked",
    "jumps not predicted",
    "system calls",
    "other exceptions",
    "polls",
    "heat",
    "faults",
    "crashes",
];

/// Counters of one process.
#[derive(Debug, Default)]
pub struct Stats {
    translated: Work,
    emitted: Work,
    compiled: Work,
    loaded: Work,
    unpacked: Work,
    interpreted: AtomicU64,
    interpreted_insns: AtomicU64,
    exits: [AtomicU64; EXITS.len()],
    dropped: AtomicU64,
    put_back: AtomicU64,
    untouched: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
}

fn get(n: &AtomicU64) -> u64 {
    n.load(Ordering::Relaxed)
}

impl Stats {
    pub(crate) fn translated(&self, insns: u32, time: Duration) {
        self.translated.add(insns, 0, time);
    }

    pub(crate) fn emitted(&self, blocks: usize, insns: u32, bytes: usize, time: Duration) {
        self.emitted.add_several(blocks, insns, bytes, time);
    }

    pub(crate) fn compiled(&self, insns: u32, bytes: usize, time: Duration) {
        self.compiled.add(insns, bytes, time);
    }

    pub(crate) fn refused(&self, why: &str) {
        *self.reasons().entry(why.into()).or_default() += 1;
    }

    /// Why regions were refused, and how often. A fork must not happen while another thread has this.
    pub(crate) fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.refused.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn loaded(&self, bytes: usize, time: Duration) {
        self.loaded.add(0, bytes, time);
    }

    /// Blocks of tier 1 of an earlier run.
    pub(crate) fn unpacked(&self, blocks: usize, bytes: usize, time: Duration) {
        self.unpacked.add(blocks as u32, bytes, time);
    }

    pub(crate) fn dropped(&self, regions: usize) {
        self.dropped.fetch_add(regions as u64, Ordering::Relaxed);
    }

    /// What was dropped and set aside.
    pub(crate) fn put_back(&self, regions: usize) {
        self.put_back.fetch_add(regions as u64, Ordering::Relaxed);
    }

    /// A block that was invalidated and is the same.
    pub(crate) fn untouched(&self) {
        self.untouched.fetch_add(1, Ordering::Relaxed);
    }

    /// A run of a block in tier 0, to its end.
    #[inline]
    pub(crate) fn interpreted(&self, insns: u32) {
        self.interpreted.fetch_add(1, Ordering::Relaxed);
        self.interpreted_insns.fetch_add(insns.into(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn left(&self, exit: &HostExit) {
        let index = match exit {
            HostExit::Goto(Some(_)) => 0,
            HostExit::Goto(None) => 1,
            HostExit::Raise(RaiseKind::Syscall, _) => 2,
            HostExit::Raise(..) => 3,
            HostExit::Polled => 4,
            HostExit::Hot(_) | HostExit::Busy => 5,
            HostExit::Fault => 6,
            HostExit::Crash(_) => 7,
        };
        self.exits[index].fetch_add(1, Ordering::Relaxed);
    }

    /// Begins anew, in the child of a fork.
    pub(crate) fn clear(&self) {
        [&self.translated, &self.emitted, &self.compiled, &self.loaded, &self.unpacked]
            .iter()
            .for_each(|work| work.clear());
        let single = [&self.interpreted, &self.interpreted_insns, &self.dropped, &self.put_back, &self.untouched];
        single.into_iter().chain(&self.exits).for_each(|n| n.store(0, Ordering::Relaxed));
        self.reasons().clear();
    }

    /// The counters in words, a line each.
    pub fn report(&self) -> String {
        let mut out = String::new();
        let Stats { translated, emitted, compiled, loaded, unpacked, .. } = self;
        let _ = writeln!(
            out,
            "tier 0: {} blocks of {} instructions translated in {:.1} ms, {} put back, {} runs of a block, {} instructions",
            get(&translated.count),
            get(&translated.insns),
            translated.millis(),
            get(&self.untouched),
            get(&self.interpreted),
            get(&self.interpreted_insns),
        );
        let _ = writeln!(
            out,
            "tier 1: {} blocks of {} instructions to {} bytes in {:.1} ms, {} of {} pages loaded ({} bytes) in {:.1} ms",
            get(&emitted.count),
            get(&emitted.insns),
            get(&emitted.bytes),
            emitted.millis(),
            get(&unpacked.insns),
            get(&unpacked.count),
            get(&unpacked.bytes),
            unpacked.millis(),
        );
        let _ = writeln!(
            out,
            "regions: {} of {} instructions compiled to {} bytes in {:.1} ms, {} loaded ({} bytes) in {:.1} ms, {} dropped, {} put back",
            get(&compiled.count),
            get(&compiled.insns),
            get(&compiled.bytes),
            compiled.millis(),
            get(&loaded.count),
            get(&loaded.bytes),
            loaded.millis(),
            get(&self.dropped),
            get(&self.put_back),
        );
        for (why, count) in &*self.reasons() {
            let _ = writeln!(out, "regions refused: {count}: {why}");
        }
        let total: u64 = self.exits.iter().map(get).sum();
        let _ = write!(out, "host code entered: {total}, left by");
        for (i, (name, count)) in EXITS.iter().zip(&self.exits).enumerate() {
            let _ = write!(out, "{} {} {name}", if i == 0 { "" } else { "," }, get(count));
        }
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_names_what_was_counted_and_a_child_begins_anew() {
        let stats = Stats::default();
        let empty = stats.report();
        stats.translated(7, Duration::from_millis(3));
        stats.interpreted(7);
        stats.interpreted(2);
        stats.compiled(41, 900, Duration::from_millis(20));
        stats.refused("too long");
        stats.left(&HostExit::Polled);
        stats.left(&HostExit::Goto(Some(4)));
        let report = stats.report();
        for part in [
            "1 blocks of 7 ",
            "2 runs of a block, 9 instructions",
            "41 instructions compiled to 900 bytes in 20.0 ms",
            "1: too long",
            "entered: 2",
            " 1 polls",
        ] {
            assert!(report.contains(part), "{part} is missing in\n{report}");
        }
        stats.clear();
        assert_eq!(stats.report(), empty);
    }
}
