//! IR tests: `tests/ir/*.bir`.
//!
//! ```text
//! ;! test = ["roundtrip", "verify", "opt", "interp"]
//! ;! guest = "a64"
//! block pc=0x1000 mode=0x0
//!   insn 0x1000 4
//!   ...
//! ; opt:
//! ;   block pc=0x1000 mode=0x0
//! ;   ...
//! ; run: x1=41 => x0=42, pc=0x2000
//! ```
//!
//! Headers are TOML: `test` lists what is done, `guest` names the register table, `passes` the
//! passes of `opt` (all if it is missing). Kinds:
//!
//! - `roundtrip`: text, block, text gives the same block and text;
//! - `verify`: the block is legal, or its errors are those behind `; error:` on their lines;
//! - `opt`: the passes give the block under `; opt:`;
//! - `interp`, `run`: each `; run:` row ([`crate::Row`]) holds on tier 0, on every other tier.

use crate::engine::{Engine, Outcome};
use crate::guest::{Guest, guest_by_name};
use crate::row::Row;
use crate::state::GuestState;
use brolga_ir::{Block, PASSES, Passes, optimise, parse::parse_with_lines, print, verify};

/// How a file went.
#[derive(Debug, Default)]
pub struct Report {
    /// Checks passed.
    pub passed: u32,
    /// Checks that an engine refused.
    pub skipped: u32,
    /// What failed.
    pub failures: Vec<String>,
    /// The text with expectations rewritten, if that was asked for.
    pub blessed: Option<String>,
}

impl Report {
    fn note(&mut self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(message) => self.failures.push(format!("{what}: {message}")),
        }
    }
}

/// Headers of a file.
struct Header {
    kinds: Vec<String>,
    guest: &'static Guest,
    passes: Passes,
}

/// The guest and the passes that a file's header names.
pub fn guest_and_passes(text: &str) -> Result<(&'static Guest, Passes), String> {
    header(text).map(|h| (h.guest, h.passes))
}

/// Runs the text of a file; with `bless`, rewrites what `opt` and `interp` expect.
pub fn run(text: &str, engines: &mut dyn FnMut(&'static Guest) -> Vec<Box<dyn Engine>>, bless: bool) -> Report {
    let mut report = Report::default();
    let header = match header(text) {
        Ok(header) => header,
        Err(message) => return Report { failures: vec![message], ..report },
    };
    let (regs, helpers) = (header.guest.frontend.regs(), header.guest.frontend.helpers());
    let (block, lines) = match parse_with_lines(text, regs, helpers) {
        Ok(parsed) => parsed,
        Err(error) => return Report { failures: vec![error.to_string()], ..report },
    };
    let optimised = |block: &Block| optimise(block, &header.passes, regs);
    let mut engines = engines(header.guest);
    if bless {
        report.blessed = Some(blessed(text, &header, &block, &mut *engines[0], &mut report.failures));
        return report;
    }
    for kind in &header.kinds {
        match kind.as_str() {
            "roundtrip" => report.note(kind, round_trip(header.guest, &block)),
            "verify" => report.note(kind, check_errors(header.guest, text, &block, &lines)),
            "opt" => report.note(kind, check_opt(text, &print(&optimised(&block), regs, helpers))),
            "interp" | "run" => {
                for engine in engines.iter_mut().filter(|e| e.name().starts_with("interp") == (kind == "interp")) {
                    check_rows(&header, text, &block, &mut **engine, &mut report);
                }
            }
            other => report.failures.push(format!("unknown kind of test `{other}`")),
        }
    }
    report
}

fn header(text: &str) -> Result<Header, String> {
    let toml: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(";!")).collect();
    let table: toml::Table = toml.join("\n").parse().map_err(|e| format!("header: {e}"))?;
    let words = |key: &str| {
        let list = table.get(key)?.as_array()?;
        Some(list.iter().filter_map(|v| v.as_str().map(String::from)).collect::<Vec<_>>())
    };
    let guest = table.get("guest").and_then(|g| g.as_str()).ok_or("no `guest` in the header")?;
    let mut passes = Passes::ALL;
    if let Some(names) = words("passes") {
        passes = Passes::NONE;
        for name in names {
            let pass = PASSES.iter().find(|p| p.name == name).ok_or_else(|| format!("no pass `{name}`"))?;
            *(pass.switch)(&mut passes) = true;
        }
    }
    Ok(Header {
        kinds: words("test").unwrap_or_default(),
        guest: guest_by_name(guest).ok_or_else(|| format!("no guest `{guest}`"))?,
        passes,
    })
}

fn round_trip(guest: &Guest, block: &Block) -> Result<(), String> {
    let (regs, helpers) = (guest.frontend.regs(), guest.frontend.helpers());
    let text = print(block, regs, helpers);
    let (again, _) = parse_with_lines(&text, regs, helpers).map_err(|e| format!("{e} of\n{text}"))?;
    if again != *block {
        return Err(format!("another block comes back from\n{text}"));
    }
    if print(&again, regs, helpers) == text { Ok(()) } else { Err(format!("other text comes back from\n{text}")) }
}

/// Compares the verifier's messages with the `; error:` comments; what is wrong with the end of
/// the block belongs to its last line.
fn check_errors(guest: &Guest, text: &str, block: &Block, lines: &[usize]) -> Result<(), String> {
    let errors = verify(block, guest.frontend.regs(), guest.frontend.helpers()).err().unwrap_or_default();
    let line_of = |at: usize| lines.get(at).or(lines.last()).copied().unwrap_or(1);
    let mut got: Vec<(usize, String)> = errors.into_iter().map(|e| (line_of(e.at), e.message)).collect();
    let mut want: Vec<(usize, String)> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if let Some((_, message)) = line.split_once("; error:") {
            want.push((i + 1, message.trim().into()));
        }
    }
    got.sort();
    want.sort();
    if got == want { Ok(()) } else { Err(format!("errors by line are {got:?}, not {want:?}")) }
}

const OPT: &str = "; opt:";
const OPT_LINE: &str = ";   ";
const RUN: &str = "; run:";

fn check_opt(text: &str, got: &str) -> Result<(), String> {
    let section = text.lines().skip_while(|line| line.trim_end() != OPT).skip(1);
    let want: String = section.map_while(|line| line.strip_prefix(OPT_LINE)).map(|line| format!("{line}\n")).collect();
    if want == got { Ok(()) } else { Err(format!("the block is\n{got}not\n{want}")) }
}

fn check_rows(header: &Header, text: &str, block: &Block, engine: &mut dyn Engine, report: &mut Report) {
    for row in text.lines().filter_map(|line| line.strip_prefix(RUN)) {
        let mut run = |engine: &mut dyn Engine, state: &mut GuestState| engine.run_block(block, state);
        let name = engine.name().to_string();
        let result = Row::parse(header.guest, row)
            .and_then(|parsed| parsed.check(header.guest, engine, block.pc..block.end, &mut run));
        match result {
            Ok(true) => report.passed += 1,
            Ok(false) => report.skipped += 1,
            Err(message) => report.failures.push(format!("{name}:{row}: {message}")),
        }
    }
}

/// The text with the section of `opt` and the effects of the rows as they are.
fn blessed(text: &str, header: &Header, block: &Block, oracle: &mut dyn Engine, failures: &mut Vec<String>) -> String {
    let (regs, helpers) = (header.guest.frontend.regs(), header.guest.frontend.helpers());
    let mut out = String::new();
    let mut in_opt = false;
    for line in text.lines() {
        in_opt &= line.starts_with(OPT_LINE);
        if in_opt {
            continue;
        }
        out += &match line.strip_prefix(RUN) {
            Some(row) => blessed_row(header.guest, row, block, oracle).unwrap_or_else(|message| {
                failures.push(format!("{row}: {message}"));
                line.into()
            }),
            None => line.into(),
        };
        out.push('\n');
        if line.trim_end() == OPT {
            in_opt = true;
            for line in print(&optimise(block, &header.passes, regs), regs, helpers).lines() {
                out += &format!("{OPT_LINE}{line}\n");
            }
        }
    }
    out
}

fn blessed_row(guest: &Guest, row: &str, block: &Block, oracle: &mut dyn Engine) -> Result<String, String> {
    let mut run = |engine: &mut dyn Engine, state: &mut GuestState| -> Outcome { engine.run_block(block, state) };
    let effects = Row::parse(guest, row)?.bless(guest, oracle, block.pc..block.end, &mut run)?;
    let inputs = row.split("=>").next().unwrap_or("").trim();
    Ok(format!("{RUN} {inputs} => {effects}").trim_end().to_string())
}
