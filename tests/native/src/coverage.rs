//! Which forms of instructions the guest's processor promises, by what CPUID announces, and whether each is there and tested.

use crate::case::CODE;
use crate::generate::{encode, forms, promised};
use crate::makers::judged_here;
use crate::random::Random;
use brolga_harness::{guest_by_name, ins};
use brolga_ir::{Builder, DisasContext, Frontend, Op, RaiseKind};
use brolga_x86::X86;
use iced_x86::{Code, Decoder, DecoderOptions};
use std::collections::HashSet;
use std::path::Path;

/// What is known of a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// The form.
    pub code: Code,
    /// Whether the front end has it; `None` if no example of it could be made.
    pub there: Option<bool>,
    /// Whether this host judges it.
    pub judged: bool,
    /// Whether an instruction file has it.
    pub listed: bool,
}

/// Every form that is promised; `folder` has the instruction files.
pub fn all(folder: &Path) -> std::io::Result<Vec<Form>> {
    let judged: HashSet<_> = forms().into_iter().filter(|code| judged_here(*code)).collect();
    let listed = listed(folder)?;
    let form = |code| Form { code, there: there(code), judged: judged.contains(&code), listed: listed.contains(&code) };
    Ok(Code::values().filter(|code| promised(*code)).map(form).collect())
}

/// Whether the front end translates an example to anything but an undefined instruction.
fn there(code: Code) -> Option<bool> {
    let bytes = encode(code, CODE, &mut Random(code as u64 + 1))?;
    let mut dc = DisasContext { b: Builder::new(CODE, 0), pc: CODE, bytes: [0; 16], available: bytes.len(), mode: 0 };
    dc.bytes[..bytes.len()].copy_from_slice(&bytes);
    X86.translate_insn(&mut dc);
    let undefined = |i: &brolga_ir::Inst| i.op == Op::Raise && RaiseKind::from_sub(i.sub) == RaiseKind::Undefined;
    Some(!dc.b.block.insts.iter().any(undefined))
}

/// Forms in instruction files.
fn listed(folder: &Path) -> std::io::Result<HashSet<Code>> {
    let guest = guest_by_name("x86_64").ok_or_else(|| std::io::Error::other("the harness has no x86-64 guest"))?;
    let mut all = HashSet::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        for bytes in ins::instructions(guest, &text) {
            all.extend(Decoder::with_ip(64, &bytes, CODE, DecoderOptions::NONE).into_iter().map(|i| i.code()));
        }
    }
    Ok(all)
}
