//! IR text: the parser. The grammar is the printer's, see [`crate::text`].
//!
//! A `;` starts a comment. Numbers are decimal or `0x` hexadecimal; a constant may be negative.
//! Value numbers are names: any may be used, once each.

use crate::block::{Block, CallSite, HelperId, Inst, Label, Target, Value};
use crate::fp::{FpCall, FpLanes, FpOp, FpRelation};
use crate::layout::{ALIGNS, Arg, ORDERS, Suffix, implied_ty, layout};
use crate::ops::{FoldOp, IntCc, JumpKind, Op, PrefetchKind, RaiseKind, Shape, Ty};
use crate::text::mentioned_labels;
use crate::translate::{Helper, helper_by_name};
use crate::vecfn::VecFn;
use brolga_core::{Align, Cond, MemOp, Order, RegSet, RegTable, RegWidth, RmwOp, Size};
use std::collections::HashMap;
use std::fmt;

/// Why text is not a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// The block that `text` describes. Its structure is not checked; [`crate::verify()`] does that.
pub fn parse(text: &str, regs: &RegTable, helpers: &[Helper]) -> Result<Block, ParseError> {
    parse_with_lines(text, regs, helpers).map(|(block, _)| block)
}

/// The same, with the line number (from 1) of each instruction.
pub fn parse_with_lines(text: &str, regs: &RegTable, helpers: &[Helper]) -> Result<(Block, Vec<usize>), ParseError> {
    let mut parser = Parser { block: Block::default(), regs, helpers, names: HashMap::new() };
    let mut lines = Vec::new();
    let mut header = None;
    for (i, text) in text.lines().enumerate() {
        let text = text.split(';').next().unwrap_or("").trim();
        if text.is_empty() {
            continue;
        }
        let error = |message| ParseError { line: i + 1, message };
        let mut line = Line { rest: text };
        if header.is_none() {
            header = Some(parser.header(&mut line).map_err(error)?);
        } else {
            parser.inst(&mut line).map_err(error)?;
            lines.push(i + 1);
        }
        line.end().map_err(error)?;
    }
    match header {
        Some(labels) => {
            parser.block.labels = labels.unwrap_or_else(|| mentioned_labels(&parser.block));
            Ok((parser.block, lines))
        }
        None => Err(ParseError { line: 1, message: "no `block` line".into() }),
    }
}

type Result1<T> = Result<T, String>;

struct Parser<'a> {
    block: Block,
    regs: &'a RegTable,
    helpers: &'a [Helper],
    names: HashMap<u64, Value>,
}

impl Parser<'_> {
    /// `block pc=PC mode=MODE [once] [labels=N]`; returns the number of labels if it is given.
    fn header(&mut self, line: &mut Line) -> Result1<Option<u16>> {
        line.keyword("block")?;
        line.keyword("pc")?;
        line.expect('=')?;
        self.block.pc = line.number()?;
        self.block.end = self.block.pc;
        line.keyword("mode")?;
        line.expect('=')?;
        self.block.mode = narrow(line.number()?, "mode")?;
        if line.peek_word() == "once" {
            self.block.once = true;
            line.keyword("once")?;
        }
        if line.at_end() {
            return Ok(None);
        }
        line.keyword("labels")?;
        line.expect('=')?;
        Ok(Some(narrow(line.number()?, "number of labels")?))
    }

    fn inst(&mut self, line: &mut Line) -> Result1<()> {
        let mut word = line.word()?;
        if line.eat(':') {
            self.block.insts.push(Inst { aux: label(word)?.0, ..Inst::new(Op::Label, Ty::Void) });
            return Ok(());
        }
        let mut result = None;
        if line.eat('=') {
            result = Some(value_number(word)?);
            word = line.word()?;
        }
        let op = Op::by_name(word).filter(|op| *op != Op::Label).ok_or_else(|| format!("unknown op `{word}`"))?;
        let mut inst = Inst::new(op, implied_ty(op).unwrap_or(Ty::Void));
        if op == Op::Call && result.is_some() {
            inst.ty = Ty::I64;
        }
        let form = layout(op);
        for suffix in form.suffixes {
            parse_suffix(*suffix, line, &mut inst)?;
        }
        for (i, arg) in form.args.iter().enumerate() {
            if i > 0 && *arg != Arg::Len {
                line.expect(',')?;
            }
            self.arg(*arg, line, &mut inst)?;
        }
        self.push(inst, result)
    }

    fn push(&mut self, inst: Inst, result: Option<u64>) -> Result1<()> {
        let v = Value(self.block.insts.len() as u32);
        if inst.op == Op::InsnStart {
            self.block.guest_insns += 1;
            self.block.end = inst.imm.wrapping_add(inst.aux as u64);
        }
        self.block.insts.push(inst);
        match (result, self.block.ty(v) != Ty::Void) {
            (Some(name), true) => match self.names.insert(name, v) {
                Some(_) => Err(format!("v{name} is defined twice")),
                None => Ok(()),
            },
            (None, false) => Ok(()),
            (Some(_), false) => Err(format!("`{}` has no result", inst.op.info().name)),
            (None, true) => Err(format!("`{}` has a result", inst.op.info().name)),
        }
    }

    fn arg(&mut self, arg: Arg, line: &mut Line, inst: &mut Inst) -> Result1<()> {
        match arg {
            Arg::A => inst.a = self.value(line)?,
            Arg::B => inst.b = self.value(line)?,
            Arg::C => inst.c = self.value(line)?,
            Arg::Addr => {
                inst.a = self.value(line)?;
                if line.eat('+') {
                    inst.imm = line.number()?;
                } else if line.eat('-') {
                    inst.imm = line.number()?.wrapping_neg();
                }
            }
            Arg::Reg => inst.aux = self.reg(line)?.0 as u16,
            Arg::Imm => inst.imm = line.constant(inst.ty)?,
            Arg::Pc => inst.imm = line.number()?,
            Arg::Len => inst.aux = narrow(line.number()?, "length")?,
            Arg::Imm128 => {
                inst.imm = self.block.consts.len() as u64;
                self.block.consts.push(line.number128()?);
            }
            Arg::Lsb => inst.imm |= narrow::<u8>(line.number()?, "bit number")? as u64,
            Arg::Width => inst.imm |= (narrow::<u8>(line.number()?, "width")? as u64) << 8,
            Arg::Callee => inst.imm = self.call(line)?,
            Arg::FpCall => {
                let helper = self.helper(line)?;
                let extra = if line.eat(':') { narrow(line.number()?, "extra argument")? } else { 0 };
                inst.imm = FpCall { helper, extra }.to_imm();
            }
            Arg::Then => inst.imm = self.target(line)?,
            Arg::Else => {
                self.target(line)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, line: &mut Line) -> Result1<Value> {
        let word = line.word()?;
        let number = value_number(word)?;
        self.names.get(&number).copied().ok_or_else(|| format!("{word} is not defined"))
    }

    /// `(v1, v2)`
    fn values(&mut self, line: &mut Line) -> Result1<Vec<Value>> {
        line.list('(', ')', |line| self.value(line))
    }

    fn target(&mut self, line: &mut Line) -> Result1<u64> {
        let target = Target { label: label(line.word()?)?, args: self.values(line)? };
        self.block.targets.push(target);
        Ok(self.block.targets.len() as u64 - 1)
    }

    fn helper(&self, line: &mut Line) -> Result1<HelperId> {
        if line.eat('#') {
            return Ok(HelperId(narrow(line.number()?, "helper number")?));
        }
        let name = line.word()?;
        helper_by_name(self.helpers, name).ok_or_else(|| format!("unknown helper `{name}`"))
    }

    fn call(&mut self, line: &mut Line) -> Result1<u64> {
        let helper = self.helper(line)?;
        let args = self.values(line)?;
        let mut sets = [RegSet::EMPTY; 2];
        for (word, set) in ["reads", "writes"].into_iter().zip(&mut sets) {
            if line.peek_word() == word {
                line.word()?;
                for (first, width) in line.list('{', '}', |line| self.row(line))? {
                    *set = match width {
                        RegWidth::W64 => set.with(first),
                        RegWidth::W128 => set.with128(first),
                    };
                }
            }
        }
        self.block.calls.push(CallSite { helper, args, reads: sets[0], writes: sets[1] });
        Ok(self.block.calls.len() as u64 - 1)
    }

    /// A register: its name, or `#` and the number of its first word.
    fn reg(&self, line: &mut Line) -> Result1<brolga_core::Reg> {
        self.row(line).map(|(reg, _)| reg)
    }

    fn row(&self, line: &mut Line) -> Result1<(brolga_core::Reg, RegWidth)> {
        if line.eat('#') {
            return Ok((brolga_core::Reg(narrow(line.number()?, "word")?), RegWidth::W64));
        }
        let name = line.word()?;
        let row = self.regs.by_name(name).ok_or_else(|| format!("unknown register `{name}`"))?;
        Ok((row.reg, row.width))
    }
}

fn parse_suffix(suffix: Suffix, line: &mut Line, inst: &mut Inst) -> Result1<()> {
    line.expect('.')?;
    let word = line.word()?;
    match suffix {
        Suffix::Ty => inst.ty = *by_name(&Ty::ALL, word, "type", |t| t.name())?.1,
        Suffix::Cc => inst.sub = by_name(&IntCc::ALL, word, "comparison", |c| c.name())?.0 as u8,
        Suffix::VCc => inst.aux = by_name(&IntCc::ALL, word, "comparison", |c| c.name())?.0 as u16,
        Suffix::Cond => inst.sub = by_name(&Cond::ALL, word, "predicate", |c| c.name())?.0 as u8,
        Suffix::Shape => inst.sub = by_name(&Shape::ALL, word, "lane shape", |s| s.name())?.0 as u8,
        Suffix::Fold => inst.aux = by_name(&FoldOp::ALL, word, "combining operation", |f| f.name())?.0 as u16,
        Suffix::Rmw => inst.sub = by_name(&RmwOp::ALL, word, "read-modify-write operation", |r| r.name())?.0 as u8,
        Suffix::Jump => inst.sub = by_name(&JumpKind::ALL, word, "jump kind", |j| j.name())?.0 as u8,
        Suffix::Raise => inst.sub = by_name(&RaiseKind::ALL, word, "raise kind", |r| r.name())?.0 as u8,
        Suffix::Prefetch => inst.sub = by_name(&PrefetchKind::ALL, word, "prefetch kind", |p| p.name())?.0 as u8,
        Suffix::VecFn => inst.sub = by_name(VecFn::ALL, word, "function of vectors", |f| f.name())?.0 as u8,
        Suffix::Fp => inst.sub = by_name(&FpOp::ALL, word, "floating-point operation", |f| f.name())?.0 as u8,
        Suffix::FpLanes => inst.aux = by_name(&FpLanes::ALL, word, "floating-point lanes", |l| l.name())?.0 as u16,
        Suffix::Relation => inst.sub = by_name(&FpRelation::ALL, word, "relation", |r| r.name())?.0 as u8,
        Suffix::MemOp => inst.aux = parse_memop(word, line)?.bits(),
    }
    Ok(())
}

/// The memory operation whose size is `word`; further suffixes follow on the line.
fn parse_memop(word: &str, line: &mut Line) -> Result1<MemOp> {
    let bytes = word.strip_prefix('b').and_then(|n| n.parse::<u32>().ok()).filter(|n| n.is_power_of_two());
    let size = bytes.and_then(|n| Size::from_log2(n.trailing_zeros()));
    let mut op = MemOp::plain(size.ok_or_else(|| format!("unknown access size `{word}`"))?);
    while line.eat('.') {
        op = match line.word()? {
            "sx" => op.sign(true),
            w if w == ORDERS[1] => op.order(Order::Acquire),
            w if w == ORDERS[2] => op.order(Order::Release),
            w if w == ORDERS[3] => op.order(Order::SeqCst),
            w if w == ALIGNS[1] => op.align(Align::Within16),
            w if w == ALIGNS[2] => op.align(Align::Natural),
            w if w == ALIGNS[3] => op.align(Align::Double),
            w => return Err(format!("unknown access property `{w}`")),
        };
    }
    Ok(op)
}

/// The entry of `all` called `word`, with its index.
fn by_name<'t, T>(all: &'t [T], word: &str, what: &str, name: fn(&T) -> &'static str) -> Result1<(usize, &'t T)> {
    all.iter().enumerate().find(|(_, t)| name(t) == word).ok_or_else(|| format!("unknown {what} `{word}`"))
}

fn value_number(word: &str) -> Result1<u64> {
    word.strip_prefix('v').and_then(|n| n.parse().ok()).ok_or_else(|| format!("expected a value, found `{word}`"))
}

fn label(word: &str) -> Result1<Label> {
    word.strip_prefix('L')
        .and_then(|n| n.parse().ok())
        .map(Label)
        .ok_or_else(|| format!("expected a label, found `{word}`"))
}

fn narrow<T: TryFrom<u64>>(n: u64, what: &str) -> Result1<T> {
    T::try_from(n).map_err(|_| format!("{what} {n} is too large"))
}

/// What is left of a line.
struct Line<'t> {
    rest: &'t str,
}

impl<'t> Line<'t> {
    fn at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    fn end(&mut self) -> Result1<()> {
        if self.at_end() { Ok(()) } else { Err(format!("unexpected `{}`", self.rest)) }
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result1<()> {
        if self.eat(c) { Ok(()) } else { Err(format!("expected `{c}` before `{}`", self.rest)) }
    }

    /// Letters, digits and underscores; may be empty.
    fn peek_word(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    fn word(&mut self) -> Result1<&'t str> {
        let word = self.peek_word();
        if word.is_empty() {
            return Err(format!("expected a word before `{}`", self.rest));
        }
        self.rest = &self.rest[word.len()..];
        Ok(word)
    }

    fn keyword(&mut self, want: &str) -> Result1<()> {
        match self.word()? {
            w if w == want => Ok(()),
            w => Err(format!("expected `{want}`, found `{w}`")),
        }
    }

    fn number128(&mut self) -> Result1<u128> {
        let word = self.word()?;
        let number = match word.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16),
            None => word.parse(),
        };
        number.map_err(|_| format!("expected a number, found `{word}`"))
    }

    fn number(&mut self) -> Result1<u64> {
        narrow(self.number128()?.try_into().map_err(|_| "number above 64 bits".to_string())?, "number")
    }

    /// A constant of type `ty`, perhaps negative.
    fn constant(&mut self, ty: Ty) -> Result1<u64> {
        let bits = ty.bits().min(64);
        let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        if self.eat('-') {
            return Ok(self.number()?.wrapping_neg() & mask);
        }
        match self.number()? {
            n if n & !mask == 0 => Ok(n),
            n => Err(format!("{n:#x} does not fit in {}", ty.name())),
        }
    }

    /// `open item, item close`
    fn list<T>(&mut self, open: char, close: char, mut item: impl FnMut(&mut Self) -> Result1<T>) -> Result1<Vec<T>> {
        self.expect(open)?;
        let mut out = Vec::new();
        if self.eat(close) {
            return Ok(out);
        }
        loop {
            out.push(item(self)?);
            if self.eat(close) {
                return Ok(out);
            }
            self.expect(',')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::ALL_OPS;
    use crate::testing::{EVERY_OP, HELPERS, REGS};
    use crate::text::print;

    #[test]
    fn every_op_round_trips() {
        let block = parse(EVERY_OP, &REGS, HELPERS).unwrap();
        assert_eq!(print(&block, &REGS, HELPERS), EVERY_OP);
        for op in ALL_OPS {
            assert!(block.insts.iter().any(|i| i.op == *op), "{op:?} is missing from every_op.bir");
        }
    }

    #[test]
    fn headers_round_trip() {
        for header in ["block pc=0x0 mode=0x5", "block pc=0x0 mode=0x0 once", "block pc=0x0 mode=0x0 once labels=3"] {
            let text = format!("{header}\n  insn 0x0 4\n  goto.jump 0x4\n");
            let block = parse(&text, &REGS, HELPERS).unwrap();
            assert_eq!((print(&block, &REGS, HELPERS), block.once), (text, header.contains("once")));
        }
    }

    #[test]
    fn values_are_renumbered_in_order_of_definition() {
        let text = "block pc=0 mode=0\n insn 0 4 ; nop\n v9 = get.i64 x1\n set x0, v9\n goto.jump 4";
        let block = parse(text, &REGS, HELPERS).unwrap();
        let want = "block pc=0x0 mode=0x0\n  insn 0x0 4\n  v0 = get.i64 x1\n  set x0, v0\n  goto.jump 0x4\n";
        assert_eq!(print(&block, &REGS, HELPERS), want);
        assert_eq!((block.end, block.guest_insns), (4, 1));
    }

    #[test]
    fn negative_constant_is_masked_to_its_type() {
        let block = parse("block pc=0 mode=0\nv0 = iconst.i16 -2", &REGS, HELPERS).unwrap();
        assert_eq!(block.insts[0].imm, 0xfffe);
    }

    #[test]
    fn bad_lines_are_named() {
        for (line, want) in [
            ("v0 = frob.i64 v1", "unknown op `frob`"),
            ("v0 = neg.i64 v1", "v1 is not defined"),
            ("v0 = neg.i63 v1", "unknown type `i63`"),
            ("v0 = get.i64 x9", "unknown register `x9`"),
            ("v0 = fence", "`fence` has no result"),
            ("get_flags", "`get_flags` has a result"),
            ("fence fence", "unexpected `fence`"),
            ("goto.jump", "expected a word before ``"),
            ("call nothing()", "unknown helper `nothing`"),
            ("v0 = iconst.i8 256", "0x100 does not fit in i8"),
            ("goto.jump 0x10000000000000000", "number above 64 bits"),
            ("jump L1(", "expected a word before ``"),
            ("label", "unknown op `label`"),
        ] {
            let error = parse(&format!("block pc=0 mode=0\n\n{line}"), &REGS, HELPERS).unwrap_err();
            assert_eq!(error, ParseError { line: 3, message: want.into() });
        }
        assert!(parse("", &REGS, HELPERS).is_err());
    }
}
