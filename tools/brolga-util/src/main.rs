#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod coverage;
mod ir;
mod lift;
mod sizes;
mod switches;
mod test;
mod usual;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use switches::Switches;

#[derive(Parser)]
#[command(name = "brolga-util", version, about = "Shows, checks and tests what lies between guest bytes and host code")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print IR text in its canonical form
    Cat {
        /// IR file, with a `;! guest = "..."` header
        file: PathBuf,
    },
    /// Tell which rules blocks break, and on which line
    Verify {
        /// IR files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run passes on a block and print the result
    Opt {
        /// IR file
        file: PathBuf,
        #[command(flatten)]
        switches: Switches,
    },
    /// Run .bir and .ins files
    Test {
        /// Test files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Rewrite expectations with what the interpreter does
        #[arg(long)]
        bless: bool,
    },
    /// Show guest code as bytes, IR and optimised IR
    Lift(lift::Args),
    /// List the host code of each instruction by itself: bytes and calls in each tier
    Sizes(sizes::Args),
    /// Tell which rows of the decode table are translated, tested and fuzzed
    Coverage {
        /// List the translated rows without a test instead of counting
        #[arg(long)]
        untested: bool,
    },
    /// List the instructions that programs have most, one of each pattern
    Usual(usual::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Cat { file } => ir::cat(&file).map(|()| true),
        Command::Verify { files } => ir::verify_files(&files),
        Command::Opt { file, switches } => ir::opt(&file, &switches).map(|()| true),
        Command::Test { files, bless } => test::run(&files, bless),
        Command::Lift(args) => lift::run(&args).map(|()| true),
        Command::Sizes(args) => sizes::run(&args).map(|()| true),
        Command::Coverage { untested } => coverage::run(untested).map(|()| true),
        Command::Usual(args) => usual::run(&args).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("brolga-util: {error:#}");
            ExitCode::from(2)
        }
    }
}
