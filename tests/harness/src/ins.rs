//! Instruction tests: `tests/isa/<guest>/*.ins`, one file a mnemonic.
//!
//! ```text
//! # A comment has a line of its own.
//! add x0, x1, #1   [20 04 00 91]
//!     x1=0x29                 => x0=0x2a
//!     x1=0xffffffffffffffff   => x0=0
//! ```
//!
//! An unindented line is an instruction (or several that belong together, with `;` between them)
//! and its bytes; its first word (x86: behind `lock` or `rep`) must be the decoder's name for the
//! bytes or an alias of it.
//! Indented lines are rows ([`crate::Row`]); `\` at the end continues one.

use crate::engine::{Engine, Outcome};
use crate::guest::{CODE, Guest};
use crate::row::{self, Row};
use crate::state::GuestState;
use std::collections::BTreeMap;

/// How a file went.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows passed, by engine.
    pub passed: BTreeMap<String, u32>,
    /// Rows that an engine refused, by engine.
    pub skipped: BTreeMap<String, u32>,
    /// Failures: line and text.
    pub failures: Vec<(usize, String)>,
    /// Number of instructions and rows.
    pub rows: u32,
    /// The text with expectations rewritten, if that was asked for.
    pub blessed: Option<String>,
}

/// Runs the text of a file on every engine; with `bless`, rewrites effects with the first engine's.
pub fn run(guest: &Guest, engines: &mut [Box<dyn Engine>], text: &str, bless: bool) -> Report {
    let mut report = Report::default();
    let mut blessed = String::new();
    let mut code: Option<Vec<u8>> = None;
    for (line, text) in logical_lines(text) {
        let trimmed = text.trim();
        let mut new = None;
        let result = if trimmed.is_empty() || trimmed.starts_with('#') {
            Ok(())
        } else if !text.starts_with(char::is_whitespace) {
            instruction(guest, trimmed).map(|bytes| code = Some(bytes))
        } else {
            match &code {
                None => Err("a row before any instruction".into()),
                Some(code) if bless => bless_row(guest, engines, code, text).map(|t| new = Some(t)),
                Some(code) => run_row(guest, engines, code, &one_line(text), &mut report),
            }
        };
        if let Err(message) = result {
            report.failures.push((line, message));
        }
        blessed += new.as_deref().unwrap_or(text);
        blessed.push('\n');
    }
    report.blessed = bless.then_some(blessed);
    report
}

/// The instructions that the text of a file has rows for, with what their bytes are.
pub fn instructions(guest: &Guest, text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    let is_row = |line: &str| line.starts_with(char::is_whitespace);
    let with_rows = lines.windows(2).filter(|pair| !is_row(pair[0]) && is_row(pair[1]));
    with_rows.filter_map(|pair| instruction(guest, pair[0].trim()).ok()).collect()
}

/// Lines with their numbers from 1; a line that ends in `\` is one with the next.
fn logical_lines(text: &str) -> Vec<(usize, &str)> {
    let (mut out, mut start, mut number, mut first) = (Vec::new(), 0, 1, 1);
    for (at, _) in text.match_indices('\n').chain([(text.len(), "")]) {
        if start == text.len() {
            break;
        }
        if !text[start..at].ends_with('\\') {
            out.push((first, &text[start..at]));
            start = (at + 1).min(text.len());
            first = number + 1;
        }
        number += 1;
    }
    out
}

fn one_line(text: &str) -> String {
    text.replace("\\\n", " ")
}

/// Bytes of an instruction line, which must be what its text says.
fn instruction(guest: &Guest, text: &str) -> Result<Vec<u8>, String> {
    let (text, rest) = text.rsplit_once('[').ok_or("no bytes behind the instruction")?;
    let code = row::bytes(rest.strip_suffix(']').ok_or("no `]` behind the bytes")?)?;
    let prefix = |word: &&str| !matches!(*word, "lock" | "rep" | "repe" | "repne");
    let word = text.split([' ', '.', ';']).find(prefix).unwrap_or("").to_lowercase();
    let name = guest.frontend.mnemonic(&code).unwrap_or("undefined");
    let own = name.to_lowercase();
    let own = own.split('.').next().unwrap_or("");
    let aliases = guest.aliases.iter().find(|(alias, _)| *alias == word).map_or(&[][..], |(_, names)| names);
    if own == word || is_form_of(&word, own) || aliases.contains(&name) {
        Ok(code)
    } else {
        Err(format!("the bytes are {name}, not {word}"))
    }
}

/// Whether `word` is the decoder's name with what it leaves out: `2` for the upper half of a vector, order and size of
/// an atomic (`ldaddalb`), options of a memory copy (`cpyfpwt`).
fn is_form_of(word: &str, name: &str) -> bool {
    let letters = match name {
        "swp" | "ldadd" | "ldclr" | "ldeor" | "ldset" | "ldsmax" | "ldsmin" | "ldumax" | "ldumin" => "albh",
        "bfmlal" => "bt",
        _ if name.starts_with("cpy") || name.starts_with("set") => "wrtn",
        _ => "",
    };
    word.strip_prefix(name).is_some_and(|rest| rest == "2" || rest.chars().all(|c| letters.contains(c)))
}

fn span(code: &[u8]) -> std::ops::Range<u64> {
    CODE..CODE + code.len() as u64
}

fn run_row(
    guest: &Guest,
    engines: &mut [Box<dyn Engine>],
    code: &[u8],
    text: &str,
    report: &mut Report,
) -> Result<(), String> {
    let row = Row::parse(guest, text)?;
    report.rows += 1;
    let mut failures = Vec::new();
    for engine in engines {
        let name = engine.name().to_string();
        let mut run = |engine: &mut dyn Engine, state: &mut GuestState| engine.run_insn(code, state);
        match row.check(guest, &mut **engine, span(code), &mut run) {
            Ok(true) => *report.passed.entry(name).or_default() += 1,
            Ok(false) => *report.skipped.entry(name).or_default() += 1,
            Err(message) => failures.push(format!("{name}: {message}")),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn bless_row(guest: &Guest, engines: &mut [Box<dyn Engine>], code: &[u8], text: &str) -> Result<String, String> {
    let line = one_line(text);
    let row = Row::parse(guest, &line)?;
    let mut run = |engine: &mut dyn Engine, state: &mut GuestState| -> Outcome { engine.run_insn(code, state) };
    let effects = row.bless(guest, &mut *engines[0], span(code), &mut run)?;
    // Inputs stay as they are written, over several lines or not.
    let inputs = text.split_once("=>").map_or(text, |(inputs, _)| inputs);
    Ok(format!("{inputs}=> {effects}").trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::guest_by_name;

    #[test]
    fn an_instruction_without_a_row_is_none_that_a_file_has() {
        let text = "# A comment.\nhlt   [f4]\nnop   [90]\n# Another.\n    =>\ncli   [fa]\n";
        assert_eq!(instructions(guest_by_name("x86_64").unwrap(), text), [[0x90]]);
    }
}
