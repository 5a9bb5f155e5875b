//! One row of expectations: `inputs => effects`.
//!
//! ```text
//! x1=41, [0x10000]=ff00 => x0=42, nzcv=nZCv, [0x10008]=2a
//! x1=0x123              => fault read 0x123
//! ```
//!
//! A register is named as in the guest's table; its value is decimal, or hexadecimal up to 128
//! bits. `nzcv` (x86: `flags=oSzaPc`) has a letter for each flag, a capital for one that is set; an effect may have `?` for one
//! that is undefined. `[addr]=` is followed by bytes
//! in hexadecimal, in order of address; the pages around an input are mapped, all others are not.
//!
//! An effect is a register's or byte's new value, or how the code left:
//! `fault read|write|fetch ADDR [permission|bus|alignment]`, `syscall N`, `undefined`,
//! `breakpoint N`, `exception N`. Without an effect on `pc`, it is expected behind the code after
//! `syscall` or no exit at all, at the start of the code otherwise.

use crate::engine::{Engine, Outcome};
use crate::guest::Guest;
use crate::state::GuestState;
use brolga_core::{Access, Exit, Fault, FaultKind, RegInfo, RegWidth};
use std::fmt::Write;
use std::ops::Range;

/// A register, the flags, or bytes of memory.
#[derive(Clone, Debug)]
enum Item {
    Reg(&'static RegInfo, u128),
    /// Flags that are known, and their values.
    Flags {
        known: u64,
        set: u64,
    },
    Mem(u64, Vec<u8>),
}

/// A parsed row.
#[derive(Clone, Debug)]
pub struct Row {
    inputs: Vec<Item>,
    effects: Vec<Item>,
    outcome: Outcome,
}

/// What is run on a row's inputs.
pub type Run<'a> = &'a mut dyn FnMut(&mut dyn Engine, &mut GuestState) -> Outcome;

impl Row {
    /// Parses `inputs => effects`; the effects may be missing (to be blessed).
    pub fn parse(guest: &Guest, text: &str) -> Result<Row, String> {
        let (inputs, effects) = text.split_once("=>").ok_or("no `=>` in the row")?;
        let mut row = Row { inputs: Vec::new(), effects: Vec::new(), outcome: Outcome::Done };
        for part in parts(inputs) {
            row.inputs.push(item(guest, part)?);
        }
        for part in parts(effects) {
            match exit(part)? {
                Some(exit) => row.outcome = Outcome::Exit(exit),
                None => row.effects.push(item(guest, part)?),
            }
        }
        Ok(row)
    }

    /// The state before, with the program counter at `pc`.
    pub fn before(&self, guest: &Guest, pc: u64) -> GuestState {
        let mut state = GuestState::new(guest);
        state.set_pc(guest, pc);
        self.inputs.iter().for_each(|item| apply(guest, item, &mut state));
        state
    }

    /// Runs the row on one engine; `code` is where the code lies. `Ok` tells whether it ran
    /// (`false`: the engine refused). An undefined instruction's word is not compared.
    pub fn check(&self, guest: &Guest, engine: &mut dyn Engine, code: Range<u64>, run: Run) -> Result<bool, String> {
        let before = self.before(guest, code.start);
        let mut after = before.clone();
        let outcome = run(engine, &mut after);
        if let Outcome::Refused(_) = outcome {
            return Ok(false);
        }
        let mut want = before.clone();
        want.set_pc(guest, default_pc(&self.outcome, &code));
        self.effects.iter().for_each(|item| apply(guest, item, &mut want));
        let mut wrong = differences(guest, &want, &after, self.undefined_flags());
        if !same_outcome(&outcome, &self.outcome) {
            wrong.insert(0, format!("left by {outcome:?}, not {:?}", self.outcome));
        }
        if wrong.is_empty() { Ok(true) } else { Err(wrong.join("\n")) }
    }

    /// Flags that no engine need agree on.
    fn undefined_flags(&self) -> u64 {
        let known = |item: &Item| if let Item::Flags { known, .. } = item { !known } else { 0 };
        self.effects.iter().map(known).fold(0, |all, one| all | one)
    }

    /// The effects that `engine` finds, as text.
    pub fn bless(&self, guest: &Guest, engine: &mut dyn Engine, code: Range<u64>, run: Run) -> Result<String, String> {
        let before = self.before(guest, code.start);
        let mut after = before.clone();
        let outcome = run(engine, &mut after);
        let mut effects = match &outcome {
            Outcome::Refused(why) => return Err(why.clone()),
            Outcome::Done => Vec::new(),
            Outcome::Exit(exit) => vec![exit_text(exit)],
        };
        for row in guest.frontend.regs().regs {
            if !is_special(guest, row) && before.get(row) != after.get(row) {
                effects.push(format!("{}={:#x}", row.name, after.get(row)));
            }
        }
        if after.flags(guest) != before.flags(guest) {
            effects.push(format!("{}={}", guest.flags.name, letters(guest, after.flags(guest))));
        }
        if after.pc(guest) != default_pc(&outcome, &code) {
            effects.push(format!("pc={:#x}", after.pc(guest)));
        }
        for (addr, bytes) in after.memory.changes(&before.memory) {
            effects.push(format!("[{addr:#x}]={}", hex(&bytes)));
        }
        Ok(effects.join(", "))
    }
}

/// Comma-separated parts without their spaces.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The program counter and the flag words, which have rows but are compared by meaning.
fn is_special(guest: &Guest, row: &RegInfo) -> bool {
    let regs = guest.frontend.regs();
    row.reg == regs.pc || (regs.cc.0..regs.cc.0 + 3).contains(&row.reg.0)
}

fn default_pc(outcome: &Outcome, code: &Range<u64>) -> u64 {
    match outcome {
        Outcome::Exit(Exit::Syscall(_)) | Outcome::Done | Outcome::Refused(_) => code.end,
        Outcome::Exit(_) => code.start,
    }
}

fn apply(guest: &Guest, item: &Item, state: &mut GuestState) {
    match item {
        Item::Reg(row, value) => state.set(row, *value),
        Item::Flags { known, set } => {
            let old = state.flags(guest);
            state.set_flags(guest, old & !known | set);
        }
        Item::Mem(addr, bytes) => state.memory.put(*addr, bytes),
    }
}

/// Lines that tell what is different in `got`.
fn differences(guest: &Guest, want: &GuestState, got: &GuestState, undefined: u64) -> Vec<String> {
    let mut out = Vec::new();
    for row in guest.frontend.regs().regs {
        let special = is_special(guest, row) && row.reg != guest.frontend.regs().pc;
        let (w, g) = (want.get(row), got.get(row));
        if !special && w != g {
            out.push(format!("{} is {g:#x}, not {w:#x}", row.name));
        }
    }
    let (w, g) = (want.flags(guest), got.flags(guest));
    if (w ^ g) & !undefined != 0 {
        out.push(format!("{} is {}, not {}", guest.flags.name, letters(guest, g), letters(guest, w)));
    }
    for (addr, bytes) in got.memory.changes(&want.memory) {
        out.push(format!("memory at {addr:#x} is {}", hex(&bytes)));
    }
    for (addr, bytes) in want.memory.changes(&got.memory) {
        out.push(format!("memory at {addr:#x} should be {}", hex(&bytes)));
    }
    out
}

fn same_outcome(got: &Outcome, want: &Outcome) -> bool {
    match (got, want) {
        (Outcome::Exit(Exit::Undefined(_)), Outcome::Exit(Exit::Undefined(_))) => true,
        _ => got == want,
    }
}

fn item(guest: &Guest, text: &str) -> Result<Item, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, found `{text}`"))?;
    let (name, value) = (name.trim(), value.trim());
    if let Some(addr) = name.strip_prefix('[') {
        let addr = number(addr.strip_suffix(']').ok_or_else(|| format!("no `]` in `{text}`"))?)?;
        return Ok(Item::Mem(addr as u64, bytes(value)?));
    }
    if name == guest.flags.name {
        return flags(guest, value);
    }
    let row = guest.frontend.regs().by_name(name).ok_or_else(|| format!("no register `{name}`"))?;
    let value = number(value)?;
    match row.width {
        RegWidth::W64 if value >> 64 != 0 => Err(format!("{name} has 64 bits")),
        _ => Ok(Item::Reg(row, value)),
    }
}

/// How the code left, if `text` says so.
fn exit(text: &str) -> Result<Option<Exit>, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let code = |word: &str| number(word).map(|n| n as u32);
    Ok(Some(match words[..] {
        ["fault", access, addr] => Exit::Fault(fault(access, addr, "unmapped")?),
        ["fault", access, addr, kind] => Exit::Fault(fault(access, addr, kind)?),
        ["syscall", n] => Exit::Syscall(code(n)?),
        ["undefined"] => Exit::Undefined(0),
        ["breakpoint", n] => Exit::Breakpoint(code(n)?),
        ["exception", n] => Exit::GuestException(code(n)?),
        _ => return Ok(None),
    }))
}

const ACCESSES: [(&str, Access); 3] = [("read", Access::Read), ("write", Access::Write), ("fetch", Access::Fetch)];

const KINDS: [(&str, FaultKind); 4] = [
    ("unmapped", FaultKind::Unmapped),
    ("permission", FaultKind::Permission),
    ("bus", FaultKind::Bus),
    ("alignment", FaultKind::Alignment),
];

fn fault(access: &str, addr: &str, kind: &str) -> Result<Fault, String> {
    let find = |word: &str| format!("unknown kind of fault `{word}`");
    Ok(Fault {
        addr: number(addr)? as u64,
        access: ACCESSES.iter().find(|a| a.0 == access).ok_or_else(|| find(access))?.1,
        kind: KINDS.iter().find(|k| k.0 == kind).ok_or_else(|| find(kind))?.1,
    })
}

fn exit_text(exit: &Exit) -> String {
    match exit {
        Exit::Fault(f) => {
            let access = ACCESSES.iter().find(|a| a.1 == f.access).map_or("?", |a| a.0);
            let kind = KINDS.iter().find(|k| k.1 == f.kind && k.1 != FaultKind::Unmapped);
            format!("fault {access} {:#x}{}", f.addr, kind.map_or(String::new(), |k| format!(" {}", k.0)))
        }
        Exit::Syscall(n) => format!("syscall {n}"),
        Exit::Undefined(_) => "undefined".into(),
        Exit::Breakpoint(n) => format!("breakpoint {n}"),
        Exit::GuestException(n) => format!("exception {n}"),
        Exit::Interrupted | Exit::Step => format!("{exit:?}"),
    }
}

fn flags(guest: &Guest, text: &str) -> Result<Item, String> {
    let letters = guest.flags.letters;
    let (mut known, mut set) = (0, 0);
    for (k, c) in text.chars().enumerate() {
        let (letter, bit) = *letters.get(k).ok_or_else(|| format!("too many flags in `{text}`"))?;
        match c {
            '?' => {}
            c if c.to_ascii_lowercase() == letter => {
                known |= 1 << bit;
                set |= (c.is_ascii_uppercase() as u64) << bit;
            }
            _ => return Err(format!("expected `{letter}`, `{}` or `?` in `{text}`", letter.to_ascii_uppercase())),
        }
    }
    if text.len() == letters.len() { Ok(Item::Flags { known, set }) } else { Err(format!("too few flags in `{text}`")) }
}

fn letters(guest: &Guest, flags: u64) -> String {
    let letter = |&(l, bit): &(char, u32)| if flags >> bit & 1 != 0 { l.to_ascii_uppercase() } else { l };
    guest.flags.letters.iter().map(letter).collect()
}

/// A number, decimal or `0x` hexadecimal; underscores may group the digits of the latter.
pub fn number(text: &str) -> Result<u128, String> {
    let text = text.trim();
    let value = match text.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(&hex.replace('_', ""), 16),
        None => text.parse(),
    };
    value.map_err(|_| format!("expected a number, found `{text}`"))
}

/// Bytes from hexadecimal digits, two a byte, perhaps with spaces between.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(|pair| (pair.len() == 2).then(|| byte(pair)).flatten()).collect();
    bytes.filter(|b| !b.is_empty()).ok_or_else(|| format!("expected bytes in hexadecimal, found `{text}`"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
