//! Instructions that programs have most, one of each pattern and each that has none, from logs of what programs ran
//! (`-d in_asm`).

use anyhow::{Context, Result, anyhow};
use brolga_harness::guest_by_name;
use brolga_ir::{Builder, DisasContext, Pattern};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Arguments of `usual`.
#[derive(clap::Args)]
pub struct Args {
    /// Guest
    #[arg(long, default_value = "a64")]
    guest: String,
    /// In how many of the programs an instruction is at least
    #[arg(long, default_value_t = 2)]
    programs: usize,
    /// Or at how many places
    #[arg(long, default_value_t = 8)]
    places: usize,
    /// Logs, one of each program
    #[arg(required = true)]
    logs: Vec<PathBuf>,
}

/// One pattern: how many programs have it, at how many addresses in all, and the first instruction that had it.
#[derive(Default)]
struct Seen {
    programs: usize,
    addresses: usize,
    hex: String,
}

/// Prints the list.
pub fn run(args: &Args) -> Result<()> {
    let guest = guest_by_name(&args.guest).ok_or_else(|| anyhow!("no guest `{}`", args.guest))?;
    let mut patterns = BTreeMap::<u128, Seen>::new();
    for log in &args.logs {
        let text = std::fs::read_to_string(log).with_context(|| log.display().to_string())?;
        let insns: BTreeSet<_> = text.lines().filter_map(instruction).collect();
        let mut here = BTreeSet::new();
        for (pc, bytes, len) in insns {
            let dc = DisasContext { b: Builder::new(pc, 0), pc, bytes, available: bytes.len(), mode: 0 };
            let pattern = guest.frontend.pattern(&dc).unwrap_or_else(|| Pattern::exact(bytes, len as u8));
            let seen = patterns.entry(pattern.key).or_default();
            seen.programs += usize::from(here.insert(pattern.key));
            seen.addresses += 1;
            if seen.hex.is_empty() {
                seen.hex = bytes[..len].iter().map(|byte| format!("{byte:02x}")).collect();
            }
        }
    }
    let mut all: Vec<_> = patterns.into_values().collect();
    all.sort_by_key(|seen| Reverse((seen.programs, seen.addresses)));
    all.retain(|seen| seen.programs >= args.programs || seen.addresses >= args.places);
    for line in all.chunks(12) {
        println!("{}", line.iter().map(|seen| seen.hex.as_str()).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

/// Address, bytes and length of the instruction on a line of a log, where its bytes stand last first.
fn instruction(line: &str) -> Option<(u64, [u8; 16], usize)> {
    let (pc, rest) = line.strip_prefix("0x")?.split_once(':')?;
    let hex = rest.split_whitespace().next()?;
    let (mut bytes, len) = ([0; 16], hex.len() / 2);
    for at in 0..len.min(bytes.len()) {
        let from = 2 * (len - 1 - at);
        bytes[at] = u8::from_str_radix(hex.get(from..from + 2)?, 16).ok()?;
    }
    Some((u64::from_str_radix(pc, 16).ok()?, bytes, len))
}
