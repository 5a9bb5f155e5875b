//! `-strace`: one line a call, `pid name(arguments) = result <seconds>`, decoded by the call's row.
//!
//! Input arguments are printed as they were at the call, output arguments as they are after it. A thread
//! writes whole lines, so threads do not mix.

mod print;

use crate::errno::SysResult;
use crate::signal;
use crate::table::{Kind, Ret, Row};
use crate::thread::Thread;
use std::fmt::Write as _;
use std::time::Instant;

/// A call between its entry and its return.
#[derive(Debug)]
pub struct Entered {
    shown: bool,
    name: String,
    inputs: Vec<Option<String>>,
    start: Instant,
}

fn wanted(t: &Thread, name: &str) -> bool {
    let Some(options) = &t.process.config.strace else { return false };
    let listed = |list: &[String]| list.iter().any(|n| n.trim_start_matches('!') == name);
    match options.filter.first() {
        None => true,
        Some(first) if first.starts_with('!') => !listed(&options.filter),
        Some(_) => listed(&options.filter),
    }
}

/// Notes a call that begins.
pub fn enter(t: &Thread, nr: u64, row: Option<&Row>, args: &[u64; 6]) -> Entered {
    let name = row.map_or_else(|| format!("syscall_{nr}"), |r| r.name.to_string());
    let shown = wanted(t, &name);
    let mut inputs = Vec::new();
    if shown {
        let kinds = row.map_or(&[][..], |r| r.args);
        inputs = kinds.iter().zip(args).map(|(a, &v)| print::input(t, a.kind, v, args)).collect();
        // A call that may not come back is shown before it is made.
        if row.is_some_and(|r| r.ret == Ret::Never || r.name.starts_with("execve")) {
            let text = inputs.iter().map(|i| i.as_deref().unwrap_or("?")).collect::<Vec<_>>().join(", ");
            emit(t, &format!("{} {name}({text}) = ?\n", t.tid));
        }
    }
    Entered { shown, name, inputs, start: Instant::now() }
}

/// Prints a call that returned.
pub fn leave(t: &Thread, e: Entered, row: Option<&Row>, args: &[u64; 6], result: SysResult) {
    if !e.shown || row.is_some_and(|r| r.ret == Ret::Never) {
        return;
    }
    let seconds = e.start.elapsed().as_secs_f64();
    let mut line = format!("{} {}(", t.tid, e.name);
    match row {
        Some(row) => {
            for (i, (arg, input)) in row.args.iter().zip(e.inputs).enumerate() {
                let text = input.unwrap_or_else(|| print::output(t, arg.kind, args[i], args, result));
                let _ = write!(line, "{}{text}", if i == 0 { "" } else { ", " });
            }
        }
        None => {
            let words: Vec<String> = args.iter().map(|a| format!("{a:#x}")).collect();
            line.push_str(&words.join(", "));
        }
    }
    let ret = row.map_or(Ret::Hex, |r| r.ret);
    let _ = writeln!(line, ") = {} <{seconds:.6}>", print::result(ret, result));
    emit(t, &line);
}

/// Prints a signal that is about to be delivered.
pub fn signal(t: &Thread, info: &[u8; 128]) {
    if t.process.config.strace.is_none() {
        return;
    }
    let word = |at: usize| i32::from_le_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let (number, code) = (word(0), word(8));
    let detail = if code > 0 && signal::bit(number) & signal::SYNCHRONOUS != 0 {
        let addr = u64::from_le_bytes(info[16..24].try_into().expect("eight bytes"));
        format!("si_addr={addr:#x}")
    } else {
        format!("si_pid={}, si_uid={}", word(16), word(20))
    };
    emit(t, &format!("{} --- {} {{si_code={code}, {detail}}} ---\n", t.tid, signal::name(number)));
}

/// Prints how the process ended.
pub fn ended_by(t: &Thread, number: i32) {
    if t.process.config.strace.is_some() {
        emit(t, &format!("{} +++ killed by {} +++\n", t.tid, signal::name(number)));
    }
}

/// Prints that the process ended by itself.
pub fn exited(t: &Thread, status: i32) {
    if t.process.config.strace.is_some() {
        emit(t, &format!("{} +++ exited with {} +++\n", t.tid, status & 0xff));
    }
}

fn emit(t: &Thread, line: &str) {
    t.process.config.log.file.write(line);
}

/// Whether an argument of this kind is known only after the call.
fn is_output(kind: Kind) -> bool {
    matches!(kind, Kind::Out(_) | Kind::Oiov(_) | Kind::OutStruct(_))
}
