//! `brolga-native`: see the crate's README.
#![forbid(unsafe_code)]

use brolga_native::run::{Plan, compare};
use clap::Parser;
use std::process::ExitCode;

/// Compares random x86-64 instructions on every tier with the host's processor
#[derive(Parser)]
#[command(name = "brolga-native", version)]
struct Cli {
    /// Everything follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cases a form
    #[arg(long, default_value_t = 100)]
    each: u32,
    /// Sequences of instructions
    #[arg(long, default_value_t = 1000)]
    sequences: u32,
    /// Most instructions of a sequence
    #[arg(long, default_value_t = 8)]
    longest: u64,
    /// Only forms whose name contains this, as in Add_rm64_r64; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Every case on every tier, instead of tier 0 and another in turn
    #[arg(long)]
    every_tier: bool,
    /// List the forms that the front end lacks
    #[arg(long)]
    missing: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let only = cli.only.iter().map(|o| o.to_lowercase()).collect();
    let Cli { seed, each, sequences, longest, every_tier, .. } = cli;
    let plan = Plan { seed, each, sequences, longest, only, every_tier };
    let found = compare(&plan, |done, all| {
        if done % 200 == 0 {
            eprintln!("{done} of {all} forms");
        }
    });
    let summary = match found {
        Ok(summary) => summary,
        Err(error) => {
            eprintln!("brolga-native: the host cannot judge: {error}");
            return ExitCode::from(2);
        }
    };
    for text in summary.failures.values() {
        println!("{text}");
    }
    if cli.missing {
        println!("missing: {:?}", summary.missing);
    }
    println!("compared: {:?}", summary.compared);
    println!("without comparison: {:?}", summary.skipped);
    println!(
        "{} forms compared, {} missing, {} cases differ in {} mnemonics",
        summary.forms,
        summary.missing.len(),
        summary.wrong,
        summary.failures.len()
    );
    if summary.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
