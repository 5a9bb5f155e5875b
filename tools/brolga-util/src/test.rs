//! Runs test files by name.

use anyhow::{Context, Result, bail};
use brolga_harness::{bir, engines, guest_by_name, ins};
use std::path::{Path, PathBuf};

/// Runs the files and prints what fails; tells whether nothing does.
pub fn run(paths: &[PathBuf], bless: bool) -> Result<bool> {
    let (mut failed, mut passed) = (0, 0);
    for path in paths {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let (ran, failures, blessed) = match path.extension().and_then(|e| e.to_str()) {
            Some("bir") => {
                let report = bir::run(&text, &mut engines, bless);
                (report.passed, report.failures, report.blessed)
            }
            Some("ins") => instructions(path, &text, bless)?,
            _ => bail!("{}: neither .bir nor .ins", path.display()),
        };
        if let Some(new) = blessed.filter(|new| *new != text) {
            std::fs::write(path, new).with_context(|| path.display().to_string())?;
            println!("rewrote {}", path.display());
        }
        passed += ran;
        failed += failures.len();
        failures.iter().for_each(|failure| println!("{}: {failure}", path.display()));
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

type Outcome = (u32, Vec<String>, Option<String>);

fn instructions(path: &Path, text: &str, bless: bool) -> Result<Outcome> {
    let absolute = std::path::absolute(path)?;
    let folder = absolute.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or("");
    let Some(guest) = guest_by_name(folder) else { bail!("{}: no guest `{folder}`", path.display()) };
    let report = ins::run(guest, &mut engines(guest), text, bless);
    for (name, rows) in &report.skipped {
        println!("{}: {rows} rows skipped on {name}", path.display());
    }
    let failures = report.failures.into_iter().map(|(line, message)| format!("line {line}: {message}"));
    Ok((report.passed.values().sum(), failures.collect(), report.blessed))
}
