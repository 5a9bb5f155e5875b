//! Guest code as bytes, IR and optimised IR.

use crate::ir::text;
use crate::switches::Switches;
use anyhow::{Context, Result, anyhow, bail};
use brolga_cranelift::{Cranelift, Options};
use brolga_harness::{Guest, guest_by_name, row, tier0};
use brolga_ir::{Block, Passes, Region, optimise, verify};
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter};
use object::read::{Object, ObjectSection, ObjectSymbol};
use std::path::{Path, PathBuf};

/// Arguments of `lift`.
#[derive(clap::Args)]
pub struct Args {
    /// Code: bytes in hexadecimal in order of address, or instruction words with `0x` before each
    #[arg(required_unless_present = "elf")]
    code: Vec<String>,
    /// Take the code from this ELF file
    #[arg(long, requires = "symbol", conflicts_with = "code")]
    elf: Option<PathBuf>,
    /// The function to show
    #[arg(long, requires = "elf")]
    symbol: Option<String>,
    /// Guest
    #[arg(long, default_value = "a64")]
    guest: String,
    /// Address of the code
    #[arg(long, default_value = "0x1000", value_parser = address)]
    pc: u64,
    /// Mode bits of the translation
    #[arg(long, default_value = "0", value_parser = address)]
    mode: u64,
    /// Take all of the code as one region and show what Cranelift makes of it, too
    #[arg(long)]
    host: bool,
    /// Show what tier 1 makes of each block, too
    #[arg(long)]
    tier1: bool,
    /// With --host: the form whose state is not exact at faults
    #[arg(long, requires = "host")]
    relaxed: bool,
    /// With --host: Cranelift's own optimisations
    #[arg(long, requires = "host")]
    optimize: bool,
    #[command(flatten)]
    switches: Switches,
}

fn address(text: &str) -> Result<u64, String> {
    row::number(text)?.try_into().map_err(|_| "number above 64 bits".to_string())
}

/// Prints every block of the code.
pub fn run(args: &Args) -> Result<()> {
    let guest = guest_by_name(&args.guest).ok_or_else(|| anyhow!("no guest `{}`", args.guest))?;
    let (mut pc, code) = match (&args.elf, &args.symbol) {
        (Some(elf), Some(symbol)) => function(elf, symbol)?,
        _ => (args.pc, given(&args.code)?),
    };
    let mut rest = &code[..];
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (len, lifted, optimised) = block(guest, pc, u32::try_from(args.mode)?, rest, &args.switches)?;
        if args.tier1 {
            tier1(guest, &lifted)?;
        }
        (rest, pc) = (&rest[len..], pc.wrapping_add(len as u64));
        blocks.push(optimised);
    }
    if args.host { host(guest, blocks, args) } else { Ok(()) }
}

/// Prints tier 1's code of a block, which it makes of what no pass has touched.
fn tier1(guest: &Guest, block: &Block) -> Result<()> {
    let tier = Cranelift::new(1 << 20, guest.frontend.regs(), Options::default())?;
    let flat = brolga_interp::lower(block, guest.frontend.regs()).map_err(|unfit| anyhow!("{unfit:?}"))?;
    let piece = tier.compile_block(&flat, block.pc..block.end).map_err(|why| anyhow!(why))?;
    let code = tier.join(&[piece]).ok_or_else(|| anyhow!("the block cannot be put in place"))?;
    println!("; {} bytes for {} instructions", code.host_bytes(), block.guest_insns);
    let mut decoder = Decoder::new(64, code.code(), DecoderOptions::NONE);
    let mut formatter = GasFormatter::new();
    while decoder.can_decode() {
        let (at, instruction) = (decoder.position(), decoder.decode());
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        println!("{at:4x}: {text}");
    }
    println!();
    Ok(())
}

/// Prints what the region of `blocks` becomes.
fn host(guest: &Guest, blocks: Vec<Block>, args: &Args) -> Result<()> {
    let options = Options { optimize: args.optimize, ..Options::default() };
    let tier = Cranelift::new(1 << 20, guest.frontend.regs(), options)?;
    let listing =
        tier.listing(&Region { blocks, entries: vec![0], likely: vec![], patience: 0, precise: !args.relaxed })?;
    println!("{}\n{}", listing.middle, listing.host);
    Ok(())
}

/// Prints the block at the start of `code`; returns its length, and the block before and after the passes.
fn block(guest: &Guest, pc: u64, mode: u32, code: &[u8], switches: &Switches) -> Result<(usize, Block, Block)> {
    let frontend = guest.frontend;
    let lifted = tier0::lift(guest, code, pc, mode);
    let len = lifted.end.wrapping_sub(pc) as usize;
    if len == 0 || len > code.len() {
        bail!("{} bytes at {pc:#x} are no whole instruction", code.len());
    }
    let mut at = 0;
    while at < len {
        let size = frontend.insn_len(&code[at..]).unwrap_or(len - at);
        let bytes: Vec<String> = code[at..at + size].iter().map(|b| format!("{b:02x}")).collect();
        let name = frontend.mnemonic(&code[at..]).unwrap_or("(undefined)");
        println!("{:#012x}  {:<24}{name}", pc + at as u64, bytes.join(" "));
        at += size;
    }
    println!("\n{}", text(guest, &lifted));
    if let Err(errors) = verify(&lifted, frontend.regs(), frontend.helpers()) {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        bail!("the front end made an illegal block: {}", list.join("; "));
    }
    let optimised = optimise(&lifted, &switches.passes(Passes::ALL), frontend.regs());
    println!("; {} instructions, after the passes {}", lifted.insts.len(), optimised.insts.len());
    println!("{}", text(guest, &optimised));
    Ok((len, lifted, optimised))
}

fn given(parts: &[String]) -> Result<Vec<u8>> {
    let mut code = Vec::new();
    for part in parts {
        match part.strip_prefix("0x") {
            Some(word) => code.extend(u32::from_str_radix(word, 16).with_context(|| part.clone())?.to_le_bytes()),
            None => code.extend(row::bytes(part).map_err(|e| anyhow!(e))?),
        }
    }
    Ok(code)
}

/// Address and bytes of a function in an ELF file.
fn function(path: &Path, name: &str) -> Result<(u64, Vec<u8>)> {
    let data = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*data).with_context(|| path.display().to_string())?;
    let mut symbols = file.symbols().chain(file.dynamic_symbols());
    let symbol = symbols.find(|s| s.name() == Ok(name) && s.section_index().is_some());
    let symbol = symbol.ok_or_else(|| anyhow!("{}: no function `{name}`", path.display()))?;
    let section = file.section_by_index(symbol.section_index().context("the symbol has no section")?)?;
    let code = section.data_range(symbol.address(), symbol.size())?;
    match code {
        Some(code) if !code.is_empty() => Ok((symbol.address(), code.to_vec())),
        _ => bail!("{}: `{name}` has no size", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_words_are_the_same_code() {
        let bytes = given(&["20040091".into()]).unwrap();
        assert_eq!(bytes, given(&["20".into(), "04".into(), "00 91".into()]).unwrap());
        assert_eq!(bytes, given(&["0x91000420".into()]).unwrap());
        assert!(given(&["2".into()]).is_err());
    }
}
