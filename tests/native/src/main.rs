//! `brolga-native`: see the crate's README.
#![forbid(unsafe_code)]

use brolga_native::coverage;
use brolga_native::generate::forms;
use brolga_native::host::Host;
use brolga_native::random::Random;
use brolga_native::rows;
use brolga_native::run::{Plan, compare};
use clap::Parser;
use iced_x86::Code;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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
    /// Instead of comparing, list every form that CPUID promises: whether it is there, judged, in an instruction file
    #[arg(long)]
    missing: bool,
    /// Instead of comparing, write an instruction file with the host's results for each mnemonic of the chosen forms here
    #[arg(long)]
    rows: Option<PathBuf>,
}

/// Rows for each form in a file.
const ROWS: u32 = 2;

/// Writes files of rows; those that are there stay as they are.
fn write_rows(cli: &Cli, folder: &Path) -> std::io::Result<()> {
    let mut host = Host::new()?;
    let mut by_name: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    let chosen = |code: &Code| {
        let name = format!("{code:?}").to_lowercase();
        cli.only.iter().any(|o| name.contains(&o.to_lowercase()))
    };
    for form in forms().into_iter().filter(chosen) {
        by_name.entry(format!("{:?}", form.mnemonic()).to_lowercase()).or_default().push(form);
    }
    for (name, forms) in by_name {
        let path = folder.join(format!("{name}.ins"));
        if !path.exists() {
            let mut random = Random(cli.seed ^ (forms[0] as u64) << 32);
            std::fs::write(path, rows::file(&mut host, &forms, ROWS, &mut random)?)?;
        }
    }
    Ok(())
}

/// Prints every form, those that are not there or not tested first.
fn list_forms() -> std::io::Result<()> {
    let mut all = coverage::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../isa/x86_64"))?;
    all.sort_by_key(|f| (f.there == Some(true), f.judged || f.listed));
    for f in &all {
        let there = if f.there == Some(true) { "there" } else { "missing" };
        let judged = if f.judged { "judged" } else { "-" };
        let listed = if f.listed { "listed" } else { "-" };
        println!("{there:<8}{judged:<8}{listed:<8}{:?}", f.code);
    }
    let count = |what: fn(&coverage::Form) -> bool| all.iter().filter(|f| what(f)).count();
    let tested = count(|f| f.judged || f.listed);
    println!("{} forms, {} there, {tested} tested", all.len(), count(|f| f.there == Some(true)));
    Ok(())
}

fn ended(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("brolga-native: {error}");
            ExitCode::from(2)
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(folder) = &cli.rows {
        return ended(write_rows(&cli, folder));
    }
    if cli.missing {
        return ended(list_forms());
    }
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
    if !summary.missing.is_empty() {
        println!("missing: {:?}", summary.missing);
    }
    if !summary.not_here.is_empty() {
        println!("not on this host: {:?}", summary.not_here);
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
