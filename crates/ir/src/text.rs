//! IR text: the printer.
//!
//! ```text
//! block pc=0x1000 mode=0
//!   insn 0x1000 4
//!   v0 = get.i64 x1
//!   v1 = load.i64.b8.acq v0 + 16
//!   set x0, v1
//!   v2 = call sqrt(v1) reads{fpcr} writes{v0}
//!   goto.jump 0x1004
//! ```
//!
//! Values are numbered in order of definition. A register without a row in the table is written
//! as its word, `#12`.

use crate::block::{Block, HelperId, Inst, Target, Value};
use crate::fp::{FpLanes, FpOp, FpRelation};
use crate::layout::{ALIGNS, Arg, ORDERS, Suffix, layout};
use crate::ops::{FoldOp, IntCc, JumpKind, Op, PrefetchKind, RaiseKind, Shape, Ty};
use crate::translate::Helper;
use crate::vecfn::VecFn;
use brolga_core::{Cond, MemOp, Reg, RegSet, RegTable, RegWidth, RmwOp};
use std::fmt::{self, Display, Formatter, Write};

/// The text of `block`, one line an instruction.
pub fn print(block: &Block, regs: &RegTable, helpers: &[Helper]) -> String {
    Printer::new(block, regs, helpers).to_string()
}

/// A block with what its text needs; displays as the whole block.
#[derive(Debug)]
pub struct Printer<'a> {
    block: &'a Block,
    regs: &'a RegTable,
    helpers: &'a [Helper],
    /// Number in the text, by instruction; meaningful where a value is defined.
    numbers: Vec<u32>,
}

impl<'a> Printer<'a> {
    /// Numbers the values of `block`.
    pub fn new(block: &'a Block, regs: &'a RegTable, helpers: &'a [Helper]) -> Printer<'a> {
        let mut next = 0;
        let number = |i: usize| {
            next += (block.ty(Value(i as u32)) != Ty::Void) as u32;
            next.wrapping_sub(1)
        };
        Printer { block, regs, helpers, numbers: (0..block.insts.len()).map(number).collect() }
    }

    /// The line of instruction `index`, without indent.
    pub fn line(&self, index: usize) -> String {
        let mut out = String::new();
        self.inst(&mut out, index).expect("writing to a string");
        out
    }

    fn inst(&self, out: &mut dyn Write, index: usize) -> fmt::Result {
        let inst = &self.block.insts[index];
        if inst.op == Op::Label {
            return write!(out, "L{}:", inst.aux);
        }
        if self.block.ty(Value(index as u32)) != Ty::Void {
            write!(out, "v{} = ", self.numbers[index])?;
        }
        out.write_str(inst.op.info().name)?;
        let form = layout(inst.op);
        for suffix in form.suffixes {
            write!(out, ".{}", suffix_text(*suffix, inst))?;
        }
        for (i, arg) in form.args.iter().enumerate() {
            out.write_str(if i == 0 || *arg == Arg::Len { " " } else { ", " })?;
            self.arg(out, *arg, inst)?;
        }
        Ok(())
    }

    fn arg(&self, out: &mut dyn Write, arg: Arg, inst: &Inst) -> fmt::Result {
        match arg {
            Arg::A => self.value(out, inst.a),
            Arg::B => self.value(out, inst.b),
            Arg::C => self.value(out, inst.c),
            Arg::Addr => {
                self.value(out, inst.a)?;
                match inst.imm as i64 {
                    0 => Ok(()),
                    off if off < 0 => write!(out, " - {}", off.unsigned_abs()),
                    off => write!(out, " + {off}"),
                }
            }
            Arg::Reg => out.write_str(&reg_name(self.regs, inst.aux)),
            Arg::Imm if inst.imm < 1024 => write!(out, "{}", inst.imm),
            Arg::Imm | Arg::Pc => write!(out, "{:#x}", inst.imm),
            Arg::Len => write!(out, "{}", inst.aux),
            Arg::Imm128 => match self.block.consts.get(inst.imm as usize) {
                Some(value) => write!(out, "{value:#x}"),
                None => write!(out, "?{}", inst.imm),
            },
            Arg::Lsb => write!(out, "{}", inst.bit_range().0),
            Arg::Width => write!(out, "{}", inst.bit_range().1),
            Arg::Callee => self.call(out, inst.imm as usize),
            Arg::FpCall => {
                self.helper(out, inst.fp_call().helper)?;
                match inst.fp_call().extra {
                    0 => Ok(()),
                    extra => write!(out, ":{extra}"),
                }
            }
            Arg::Then => self.target(out, self.block.targets.get(inst.imm as usize)),
            Arg::Else => self.target(out, self.block.targets.get(inst.imm as usize + 1)),
        }
    }

    fn value(&self, out: &mut dyn Write, v: Value) -> fmt::Result {
        match self.numbers.get(v.index()) {
            Some(n) => write!(out, "v{n}"),
            None => out.write_str("v?"),
        }
    }

    fn values(&self, out: &mut dyn Write, args: &[Value]) -> fmt::Result {
        out.write_char('(')?;
        for (i, v) in args.iter().enumerate() {
            out.write_str(if i == 0 { "" } else { ", " })?;
            self.value(out, *v)?;
        }
        out.write_char(')')
    }

    fn target(&self, out: &mut dyn Write, target: Option<&Target>) -> fmt::Result {
        match target {
            Some(t) => {
                write!(out, "L{}", t.label.0)?;
                self.values(out, &t.args)
            }
            None => out.write_str("L?()"),
        }
    }

    fn helper(&self, out: &mut dyn Write, helper: HelperId) -> fmt::Result {
        match self.helpers.get(helper.0 as usize) {
            Some(h) => out.write_str(h.name),
            None => write!(out, "#{}", helper.0),
        }
    }

    fn call(&self, out: &mut dyn Write, site: usize) -> fmt::Result {
        let Some(site) = self.block.calls.get(site) else { return out.write_str("?()") };
        self.helper(out, site.helper)?;
        self.values(out, &site.args)?;
        for (word, set) in [("reads", site.reads), ("writes", site.writes)] {
            if !set.is_empty() {
                write!(out, " {word}{{{}}}", set_names(self.regs, set).join(", "))?;
            }
        }
        Ok(())
    }
}

impl Display for Printer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let b = self.block;
        write!(f, "block pc={:#x} mode={:#x}{}", b.pc, b.mode, if b.once { " once" } else { "" })?;
        if b.labels != mentioned_labels(b) {
            write!(f, " labels={}", b.labels)?;
        }
        f.write_char('\n')?;
        for (i, inst) in b.insts.iter().enumerate() {
            f.write_str(if inst.op == Op::Label { "" } else { "  " })?;
            self.inst(f, i)?;
            f.write_char('\n')?;
        }
        Ok(())
    }
}

/// The highest label that the block binds or branches to.
pub(crate) fn mentioned_labels(block: &Block) -> u16 {
    let bound = block.insts.iter().filter(|i| i.op == Op::Label).map(|i| i.aux);
    bound.chain(block.targets.iter().map(|t| t.label.0)).max().unwrap_or(0)
}

fn suffix_text(suffix: Suffix, inst: &Inst) -> String {
    match suffix {
        Suffix::Ty => inst.ty.name().into(),
        Suffix::Cc => IntCc::from_sub(inst.sub).name().into(),
        Suffix::VCc => IntCc::from_sub(inst.aux as u8).name().into(),
        Suffix::Cond => Cond::ALL.get(inst.sub as usize).map_or("?", |c| c.name()).into(),
        Suffix::Shape => Shape::from_sub(inst.sub).name().into(),
        Suffix::Fold => FoldOp::from_aux(inst.aux).name().into(),
        Suffix::MemOp => memop_text(inst.memop()),
        Suffix::Rmw => RmwOp::ALL.get(inst.sub as usize).map_or("?", |r| r.name()).into(),
        Suffix::Jump => JumpKind::from_sub(inst.sub).name().into(),
        Suffix::Raise => RaiseKind::from_sub(inst.sub).name().into(),
        Suffix::Prefetch => PrefetchKind::from_sub(inst.sub).name().into(),
        Suffix::VecFn => VecFn::from_sub(inst.sub).name().into(),
        Suffix::Fp => FpOp::from_sub(inst.sub).name().into(),
        Suffix::Relation => FpRelation::from_sub(inst.sub).name().into(),
        Suffix::FpLanes => FpLanes::from_aux(inst.aux).name().into(),
    }
}

fn memop_text(op: MemOp) -> String {
    let sign = if op.signed { "sx" } else { "" };
    let rest = [sign, ORDERS[op.order as usize], ALIGNS[op.align as usize]];
    let mut out = format!("b{}", op.size.bytes());
    for word in rest.into_iter().filter(|w| !w.is_empty()) {
        out.push('.');
        out.push_str(word);
    }
    out
}

fn reg_name(regs: &RegTable, word: u16) -> String {
    match u8::try_from(word).ok().and_then(|w| regs.info(Reg(w))) {
        Some(row) => row.name.into(),
        None => format!("#{word}"),
    }
}

/// Rows that are wholly in `set`, in table order, then the words that are left.
fn set_names(regs: &RegTable, set: RegSet) -> Vec<String> {
    let mut names = Vec::new();
    let mut named = RegSet::EMPTY;
    for row in regs.regs {
        let whole = match row.width {
            RegWidth::W64 => set.contains(row.reg.0),
            RegWidth::W128 => set.contains(row.reg.0) && set.contains(row.reg.0 | 1),
        };
        if whole {
            names.push(row.name.to_string());
            named = match row.width {
                RegWidth::W64 => named.with(row.reg),
                RegWidth::W128 => named.with128(row.reg),
            };
        }
    }
    names.extend(set.iter().filter(|w| !named.contains(*w)).map(|w| format!("#{w}")));
    names
}
