//! Commands on IR text.

use crate::switches::Switches;
use anyhow::{Context, Result, anyhow};
use brolga_harness::{Guest, bir};
use brolga_ir::{Block, Passes, optimise, parse::parse_with_lines, print, verify};
use std::path::{Path, PathBuf};

/// A parsed file.
struct File {
    guest: &'static Guest,
    passes: Passes,
    block: Block,
    /// Line of each instruction, from 1.
    lines: Vec<usize>,
}

fn open(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let in_file = |message: String| anyhow!("{}: {message}", path.display());
    let (guest, passes) = bir::guest_and_passes(&text).map_err(in_file)?;
    let parsed = parse_with_lines(&text, guest.frontend.regs(), guest.frontend.helpers());
    let (block, lines) = parsed.map_err(|e| in_file(e.to_string()))?;
    Ok(File { guest, passes, block, lines })
}

/// The text of a block of `guest`.
pub fn text(guest: &Guest, block: &Block) -> String {
    print(block, guest.frontend.regs(), guest.frontend.helpers())
}

/// Prints a file's block.
pub fn cat(path: &Path) -> Result<()> {
    let file = open(path)?;
    print!("{}", text(file.guest, &file.block));
    Ok(())
}

/// Prints the broken rules; tells whether there are none.
pub fn verify_files(paths: &[PathBuf]) -> Result<bool> {
    let mut sound = true;
    for path in paths {
        let file = open(path)?;
        let errors = verify(&file.block, file.guest.frontend.regs(), file.guest.frontend.helpers());
        for error in errors.err().unwrap_or_default() {
            sound = false;
            let line = file.lines.get(error.at).or(file.lines.last()).copied().unwrap_or(1);
            println!("{}:{line}: {}", path.display(), error.message);
        }
    }
    Ok(sound)
}

/// Prints a file's block after the passes. A block that breaks a rule is an error.
pub fn opt(path: &Path, switches: &Switches) -> Result<()> {
    let file = open(path)?;
    let regs = file.guest.frontend.regs();
    if let Err(errors) = verify(&file.block, regs, file.guest.frontend.helpers()) {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(anyhow!("{}: {}", path.display(), list.join("; ")));
    }
    print!("{}", text(file.guest, &optimise(&file.block, &switches.passes(file.passes), regs)));
    Ok(())
}
