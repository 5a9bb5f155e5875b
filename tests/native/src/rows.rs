//! Instruction files (`tests/isa/x86_64/*.ins`) with the host's results: for each form of a mnemonic an encoding and a few
//! rows. They are data of a processor: nothing of ours is run.

use crate::case::{CODE, Case, DATA, DATA_LEN, PAGE};
use crate::generate::{case_of, encode};
use crate::host::{Host, Registers};
use crate::judge::{GENERAL, Run, native, undefined_flags};
use crate::random::Random;
use iced_x86::{
    Code, Formatter as _, Instruction, InstructionInfoFactory, IntelFormatter, OpKind, Register, UsedMemory,
};
use std::fmt::Write as _;

/// Flags in the order of their letters in a row, with their bits of EFLAGS.
const FLAGS: [(char, u64); 6] = [('o', 0x800), ('s', 0x80), ('z', 0x40), ('a', 0x10), ('p', 4), ('c', 1)];
/// Encodings and cases that are tried for a row.
const TRIES: u32 = 200;
/// MXCSR with all exceptions masked.
const MASKED: u32 = 0x1f80;

/// The file of the mnemonic that these forms have, with `rows` rows for each.
pub fn file(host: &mut Host, forms: &[Code], rows: u32, random: &mut Random) -> std::io::Result<String> {
    let mut out = String::from("# Results of a processor (tests/native). SDM vol. 2, by the mnemonic without its V.\n");
    for form in forms {
        let mut done = 0;
        // All rows are of the first encoding that has one.
        let mut shown = None;
        for _ in 0..TRIES {
            if done == rows {
                break;
            }
            let Some(code) = shown.clone().or_else(|| encode(*form, CODE, random)) else { continue };
            let case = plain(case_of(code, random));
            let Some(row) = row(host, &case)? else { continue };
            if shown.is_none() {
                let _ = writeln!(out, "{}", heading(&case));
                shown = Some(case.code.clone());
            }
            let _ = writeln!(out, "    {row}");
            done += 1;
        }
    }
    Ok(out)
}

/// The case with exceptions masked, no flag raised yet, and no alignment check.
fn plain(mut case: Case) -> Case {
    case.before.eflags &= !(1 << 18);
    case.before.x87[0] |= 0x3f;
    case.before.x87[1] &= 0x7f00;
    case.before.mxcsr = case.before.mxcsr & 0xe040 | MASKED;
    case
}

fn heading(case: &Case) -> String {
    let bytes: Vec<String> = case.code.iter().map(|b| format!("{b:02x}")).collect();
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_use_pseudo_ops(false);
    let mut text = String::new();
    formatter.format(&case.instructions[0], &mut text);
    format!("{}   [{}]", text.to_lowercase(), bytes.join(" "))
}

/// What a case is on the host, if it can be told in a row: not where an address depends on that of the code or on a segment,
/// nor where it fails but for its alignment.
fn row(host: &mut Host, case: &Case) -> std::io::Result<Option<String>> {
    let i = &case.instructions[0];
    let segment = matches!(i.segment_prefix(), Register::FS | Register::GS);
    if i.is_ip_rel_memory_operand() || segment {
        return Ok(None);
    }
    let Run::Ended(end) = native(host, case)? else { return Ok(None) };
    let misaligned = matches!(end.raised, Some((libc::SIGSEGV, 0x80, _)));
    if end.raised.is_some() && !misaligned || end.after.mxcsr > 0xffff {
        return Ok(None);
    }
    let Some(places) = places(case) else { return Ok(None) };
    let mut inputs = registers(case);
    for (at, len) in &places {
        inputs.push(format!("[{at:#x}]={}", hex(&case.data[(at - DATA) as usize..][..*len])));
    }
    let mut effects = effects(case, &end.after);
    match places[..] {
        // One access of 16 bytes looks at its alignment itself, and linux-user makes the same signal of it.
        [(at, 16)] if misaligned => {
            let access = if i.op0_kind() == OpKind::Memory { "write" } else { "read" };
            effects.push(format!("fault {access} {at:#x} alignment"));
        }
        _ if misaligned => effects.push("exception 13".into()),
        _ => {}
    }
    for (at, len) in &places {
        let from = (at - DATA) as usize;
        let changed = |k: &usize| case.data[*k] != end.data[*k];
        let all = from..from + len;
        if let (Some(first), Some(last)) = (all.clone().find(changed), all.rev().find(changed)) {
            let memory = format!("[{:#x}]={}", DATA + first as u64, hex(&end.data[first..=last]));
            if !effects.contains(&memory) {
                effects.push(memory);
            }
        }
    }
    Ok(Some(format!("{} => {}", inputs.join(", "), effects.join(", ")).trim().to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Address and length of every access, all inside the data; `None` if one is not.
fn places(case: &Case) -> Option<Vec<(u64, usize)>> {
    let mut factory = InstructionInfoFactory::new();
    let mut out = Vec::new();
    for m in factory.info(&case.instructions[0]).used_memory() {
        let len = m.memory_size().size();
        for k in 0..elements(&case.instructions[0], m) {
            let at = address(&case.before, &case.instructions[0], m, k)?;
            let inside = at >= DATA && at + len as u64 <= DATA + DATA_LEN;
            // Pages around what a row names are there, so an access must lie in one.
            if !inside || at / PAGE != (at + len as u64 - 1) / PAGE || len == 0 {
                return None;
            }
            out.push((at, len));
        }
    }
    out.sort_unstable();
    out.dedup();
    // Overlapping ones would be two inputs for a byte.
    out.windows(2).all(|w| w[0].0 + w[0].1 as u64 <= w[1].0).then_some(out)
}

/// Lanes that have an address of their own.
fn elements(i: &Instruction, m: &UsedMemory) -> usize {
    if !m.index().is_vector_register() {
        return 1;
    }
    let lanes = m.index().size() / index_bytes(i);
    lanes.min(i.op0_register().size() / m.memory_size().size().max(1))
}

/// Bytes of a lane of a gather's index.
fn index_bytes(i: &Instruction) -> usize {
    let name = format!("{:?}", i.mnemonic());
    if name.contains("gatherq") { 8 } else { 4 }
}

fn address(r: &Registers, i: &Instruction, m: &UsedMemory, lane: usize) -> Option<u64> {
    m.virtual_address(lane, |register, lane, _| {
        if register.is_vector_register() {
            let n = register.number();
            let mut bytes = r.xmm[n].to_le_bytes().to_vec();
            bytes.extend(r.ymm_high[n].to_le_bytes());
            let len = index_bytes(i);
            let word = &bytes[lane * len..][..len];
            let mut whole = if word[len - 1] & 0x80 != 0 { [0xff; 8] } else { [0; 8] };
            whole[..len].copy_from_slice(word);
            return Some(u64::from_le_bytes(whole));
        }
        match register {
            Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
            other if other.is_gpr() => {
                let v = r.gpr[other.full_register().number()];
                Some(if other.size() == 4 { v & 0xffff_ffff } else { v })
            }
            _ => None,
        }
    })
}

/// Inputs: every register that the instruction names, flags if it has to do with them, MXCSR where it is not the usual one.
fn registers(case: &Case) -> Vec<String> {
    let (i, r) = (&case.instructions[0], &case.before);
    let mut factory = InstructionInfoFactory::new();
    let mut out = Vec::new();
    for used in factory.info(i).used_registers() {
        let register = used.register();
        if register.is_gpr() {
            let n = register.full_register().number();
            out.push(format!("{}={:#x}", GENERAL[n], r.gpr[n]));
        } else if register.is_vector_register() {
            let n = register.number();
            out.push(format!("xmm{n}={:#x}", r.xmm[n]));
            out.push(format!("ymmh{n}={:#x}", r.ymm_high[n]));
        }
    }
    out.sort();
    out.dedup();
    if r.mxcsr != MASKED {
        out.push(format!("mxcsr={:#x}", r.mxcsr));
    }
    if i.rflags_read() | i.rflags_modified() != 0 {
        out.push(format!("flags={}", letters(r.eflags, 0)));
    }
    out
}

/// Effects on registers.
fn effects(case: &Case, after: &Registers) -> Vec<String> {
    let (i, before) = (&case.instructions[0], &case.before);
    let mut out = Vec::new();
    for (n, name) in GENERAL.iter().enumerate() {
        if before.gpr[n] != after.gpr[n] {
            out.push(format!("{name}={:#x}", after.gpr[n]));
        }
        if before.xmm[n] != after.xmm[n] {
            out.push(format!("xmm{n}={:#x}", after.xmm[n]));
        }
        if before.ymm_high[n] != after.ymm_high[n] {
            out.push(format!("ymmh{n}={:#x}", after.ymm_high[n]));
        }
    }
    if after.mxcsr & 0x3f != before.mxcsr & 0x3f {
        out.push(format!("mxcsr_flags={:#x}", after.mxcsr & 0x3f));
    }
    if after.mxcsr & !0x3f != before.mxcsr & !0x3f {
        out.push(format!("mxcsr={:#x}", after.mxcsr & !0x3f));
    }
    if i.rflags_modified() != 0 {
        out.push(format!("flags={}", letters(after.eflags, undefined_flags(i))));
    }
    out
}

/// Flags as letters, capitals for those that are set, `?` for those that are undefined.
fn letters(eflags: u64, undefined: u64) -> String {
    let letter = |&(letter, bit): &(char, u64)| match (undefined & bit != 0, eflags & bit != 0) {
        (true, _) => '?',
        (_, true) => letter.to_ascii_uppercase(),
        _ => letter,
    };
    FLAGS.iter().map(letter).collect()
}
