//! Rows of the decode table by what is done about them.

use anyhow::{Context, Result};
use brolga_arm::a64;
use brolga_harness::{files, guest_by_name, ins, root};
use std::collections::{BTreeMap, BTreeSet};

/// Counts of one section of the table.
#[derive(Default)]
struct Section {
    rows: u32,
    translated: u32,
    tested: u32,
    fuzzed: u32,
}

/// Rows that the differential test has compared, by name, one a line; `tools/difftest/ci` keeps it true.
const FUZZED: &str = "tools/difftest/reached.txt";

/// Prints the counts by section, or the names of translated rows without a test.
pub fn run(untested: bool) -> Result<()> {
    let tested = tested_rows()?;
    let reached = std::fs::read_to_string(root().join(FUZZED)).context(FUZZED)?;
    let fuzzed: BTreeSet<&str> = reached.lines().collect();
    let mut sections: BTreeMap<&str, Section> = BTreeMap::new();
    for row in a64::ROWS {
        let section = sections.entry(row.section).or_default();
        let has_test = tested.contains(row.name);
        section.rows += 1;
        section.translated += row.implemented as u32;
        section.tested += has_test as u32;
        section.fuzzed += fuzzed.contains(row.name) as u32;
        if untested && row.implemented && !has_test {
            println!("{}: {} ({})", row.section, row.name, row.mnemonics.join(" "));
        }
    }
    if untested {
        return Ok(());
    }
    println!("{:<16}{:>8}{:>12}{:>8}{:>8}", "section", "rows", "translated", "tested", "fuzzed");
    let mut sum = Section::default();
    for (name, s) in &sections {
        println!("{name:<16}{:>8}{:>12}{:>8}{:>8}", s.rows, s.translated, s.tested, s.fuzzed);
        sum = Section {
            rows: sum.rows + s.rows,
            translated: sum.translated + s.translated,
            tested: sum.tested + s.tested,
            fuzzed: sum.fuzzed + s.fuzzed,
        };
    }
    println!("{:<16}{:>8}{:>12}{:>8}{:>8}", "all", sum.rows, sum.translated, sum.tested, sum.fuzzed);
    Ok(())
}

/// Names of the rows that some instruction of `tests/isa/a64` is of.
fn tested_rows() -> Result<BTreeSet<&'static str>> {
    let guest = guest_by_name("a64").context("the harness knows a64")?;
    let mut names = BTreeSet::new();
    for path in files(&root().join("tests/isa/a64"), "ins") {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for code in ins::instructions(guest, &text) {
            for word in code.chunks_exact(4).filter_map(|w| w.try_into().ok()).map(u32::from_le_bytes) {
                names.extend(a64::decode(word).map(|row| row.info().name));
            }
        }
    }
    Ok(names)
}
