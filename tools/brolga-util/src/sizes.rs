//! Host code of each instruction by itself: what a change of a front end or a back end costs or saves, as a diff of two
//! listings.
//!
//! Instructions are those of `tests/isa`, the first one of each row of the A64 table or of each form of x86-64. Sizes are
//! what a block has more than one of a NOP.

use anyhow::{Context, Result, anyhow};
use brolga_cranelift::{Compiled, Cranelift, Options};
use brolga_harness::{Guest, GuestState, files, guest_by_name, root, row, tier0};
use brolga_ir::{Block, Passes, Region, optimise};
use iced_x86::{Code, Decoder, DecoderOptions, Mnemonic, OpKind};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;

/// Arguments of `sizes`.
#[derive(clap::Args)]
pub struct Args {
    /// Guest
    #[arg(long, default_value = "a64")]
    guest: String,
    /// Rows or forms whose name contains this
    filter: Option<String>,
}

const CODE_MEMORY: usize = 1 << 20;
const PC: u64 = 0x1000;

/// An instruction: text and bytes.
struct Example {
    text: String,
    code: Vec<u8>,
}

/// Bytes and calls in one tier.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Size {
    bytes: i64,
    /// On the usual way.
    calls: usize,
    /// Behind it: what is done seldom.
    cold_calls: usize,
}

impl Size {
    fn text(self) -> String {
        let mut out = self.bytes.to_string();
        if self.calls + self.cold_calls != 0 {
            let _ = write!(out, " {}", self.calls);
        }
        if self.cold_calls != 0 {
            let _ = write!(out, "+{}", self.cold_calls);
        }
        out
    }
}

/// Prints a line for each row or form.
pub fn run(args: &Args) -> Result<()> {
    let guest = guest_by_name(&args.guest).ok_or_else(|| anyhow!("no guest `{}`", args.guest))?;
    let measure = Measure::new(guest)?;
    println!(
        "# Bytes of one {} instruction: tier 0's form, tier 1, region, each with calls (+ cold ones).",
        guest.name
    );
    println!("{:<34} {:>6} {:>10} {:>10}  example", "# row", "tier 0", "tier 1", "region");
    for (name, example) in examples(guest)? {
        if args.filter.as_ref().is_some_and(|part| !name.contains(part.as_str())) {
            continue;
        }
        let [flat, block, region] = measure.of(&example.code);
        println!("{name:<34} {flat:>6} {block:>10} {region:>10}  {}", example.text);
    }
    Ok(())
}

/// The first instruction of each row or form, by its name; one that writes the zero register may be nothing at all, and is
/// taken only if there is no other.
fn examples(guest: &Guest) -> Result<BTreeMap<String, Example>> {
    let mut found = BTreeMap::new();
    for path in files(&root().join("tests/isa").join(guest.name), "ins") {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#'])) {
            let Some((text, code)) = line.rsplit_once('[') else { continue };
            let code = row::bytes(code.trim_end_matches(']')).map_err(|e| anyhow!("{}: {e}", path.display()))?;
            if guest.frontend.insn_len(&code) == Some(code.len())
                && let Some(name) = name_of(guest, &code)
            {
                let example = Example { text: text.trim().into(), code };
                match found.entry(name) {
                    Entry::Vacant(place) => _ = place.insert(example),
                    Entry::Occupied(mut old) if is_idle(old.get()) && !is_idle(&example) => _ = old.insert(example),
                    Entry::Occupied(_) => {}
                }
            }
        }
    }
    Ok(found)
}

fn is_idle(example: &Example) -> bool {
    example.text.contains("zr")
}

/// Name of the row of A64's table, or of the form of x86-64.
fn name_of(guest: &Guest, code: &[u8]) -> Option<String> {
    if guest.name == "a64" {
        let word = u32::from_le_bytes(code.try_into().ok()?);
        return brolga_arm::a64::decode(word).map(|row| row.info().name.to_string());
    }
    let instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
    (instruction.code() != Code::INVALID).then(|| format!("{:?}", instruction.code()))
}

/// Measures instructions against a NOP.
struct Measure {
    guest: &'static Guest,
    mode: u32,
    tier: Cranelift,
    nop: [i64; 3],
}

impl Measure {
    fn new(guest: &'static Guest) -> Result<Measure> {
        let tier = Cranelift::new(CODE_MEMORY, guest.frontend.regs(), Options::default())?;
        let mode = GuestState::new(guest).env(guest).mode;
        let mut measure = Measure { guest, mode, tier, nop: [0; 3] };
        let nop: &[u8] = if guest.name == "a64" { &[0x1f, 0x20, 0x03, 0xd5] } else { &[0x90] };
        let block = measure.block(nop);
        let sizes = [measure.flat(&block), measure.emitted(&block), measure.compiled(&block)];
        for (nop, size) in measure.nop.iter_mut().zip(sizes) {
            *nop = size.map_err(|why| anyhow!("a NOP has no size: {why}"))?.bytes;
        }
        Ok(measure)
    }

    /// Tier 0, tier 1 and region as text; a word where a tier refuses the instruction.
    fn of(&self, code: &[u8]) -> [String; 3] {
        let block = self.block(code);
        let sizes = [self.flat(&block), self.emitted(&block), self.compiled(&block)];
        let text = |size: Result<Size, String>| size.map_or_else(|_| "refused".into(), Size::text);
        sizes.map(text)
    }

    fn block(&self, code: &[u8]) -> Block {
        tier0::lift(self.guest, code, PC, self.mode)
    }

    fn flat(&self, block: &Block) -> Result<Size, String> {
        let flat = brolga_interp::lower(block, self.guest.frontend.regs()).map_err(|unfit| format!("{unfit:?}"))?;
        let bytes = std::mem::size_of_val(&*flat.ops) as i64 - self.nop[0];
        let calls = flat.ops.iter().filter(|op| op.code == brolga_interp::Code::Call).count();
        Ok(Size { bytes, calls, cold_calls: 0 })
    }

    fn emitted(&self, block: &Block) -> Result<Size, String> {
        let flat = brolga_interp::lower(block, self.guest.frontend.regs()).map_err(|unfit| format!("{unfit:?}"))?;
        let piece = self.tier.compile_block(&flat, block.pc..block.end)?;
        let code = self.tier.join(&[piece]).ok_or("the block cannot be put in place")?;
        Ok(size(&code, self.nop[1]))
    }

    fn compiled(&self, block: &Block) -> Result<Size, String> {
        let block = optimise(block, &Passes::ALL, self.guest.frontend.regs());
        let region = Region { blocks: vec![block], entries: vec![0], likely: vec![], patience: 0, precise: true };
        let code = self.tier.compile(&region).map_err(|refused| refused.to_string())?;
        Ok(size(&code, self.nop[2]))
    }
}

/// Size of code beyond `nop` bytes. What is behind the first way out is rarely run.
fn size(code: &Compiled, nop: i64) -> Size {
    let mut size = Size { bytes: code.host_bytes() as i64 - nop, ..Size::default() };
    let mut left = false;
    for i in Decoder::new(64, code.code(), DecoderOptions::NONE) {
        let near = matches!(i.op0_kind(), OpKind::NearBranch64);
        match i.mnemonic() {
            Mnemonic::Call if left => size.cold_calls += 1,
            Mnemonic::Call => size.calls += 1,
            Mnemonic::Jmp if !near => left = true,
            Mnemonic::Ret => left = true,
            _ => {}
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(guest: &str, code: &[u8]) -> [String; 3] {
        Measure::new(guest_by_name(guest).unwrap()).unwrap().of(code)
    }

    #[test]
    fn a_nop_is_nothing_and_calls_are_told() {
        assert_eq!(sizes("a64", &[0x1f, 0x20, 0x03, 0xd5]), ["0", "0", "0"]);
        assert_eq!(sizes("x86_64", &[0x0f, 0x1f, 0x00]), ["0", "0", "0"]);
        // CPUID is a helper's in every tier.
        let calls = sizes("x86_64", &[0x0f, 0xa2]).map(|size| size.contains(' '));
        assert_eq!(calls, [true; 3]);
        // ADD of registers is none's.
        let calls = sizes("x86_64", &[0x48, 0x01, 0xc8]).map(|size| size.contains(' '));
        assert_eq!(calls, [false; 3]);
    }

    #[test]
    fn most_rows_have_an_example() {
        let a64 = examples(guest_by_name("a64").unwrap()).unwrap();
        assert!(a64.len() > 600, "{}", a64.len());
        let x86 = examples(guest_by_name("x86_64").unwrap()).unwrap();
        assert!(x86.len() > 1000, "{}", x86.len());
    }
}
