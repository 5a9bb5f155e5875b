//! Compiles `abi/*.tbl` into constant tables. Every inconsistency of a table is a build error that
//! names its line.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=abi");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let sets = read("abi/flags.tbl");
    std::fs::write(Path::new(&out).join("flags.rs"), flag_sets(&sets)).expect("OUT_DIR is writable");
    let calls = read("abi/aarch64.tbl");
    std::fs::write(Path::new(&out).join("aarch64.rs"), syscalls(&calls)).expect("OUT_DIR is writable");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Lines that are neither empty nor comments, with their numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    text.lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'))
        .map(|(i, l)| (i + 1, l.split_whitespace().collect()))
}

fn flag_sets(text: &str) -> String {
    let mut out = String::new();
    for (line, words) in rows(text) {
        let [kind, name, values @ ..] = &words[..] else { panic!("flags.tbl:{line}: set without a name") };
        let bits = match *kind {
            "bits" => true,
            "enum" => false,
            other => panic!("flags.tbl:{line}: {other} is neither bits nor enum"),
        };
        let _ = write!(out, "pub static {}: FlagSet = FlagSet {{ bits: {bits}, names: &[", name.to_uppercase());
        for v in values {
            let (number, word) = v.split_once('=').unwrap_or_else(|| panic!("flags.tbl:{line}: {v}"));
            let _ = write!(out, "({number}, \"{word}\"), ");
        }
        out.push_str("] };\n");
    }
    out
}

fn syscalls(text: &str) -> String {
    let mut by_number: HashMap<usize, String> = HashMap::new();
    let mut last = 0;
    for (line, words) in rows(text) {
        let [number, name, how, result, args @ ..] = &words[..] else {
            panic!("aarch64.tbl:{line}: fewer than four columns")
        };
        let nr: usize = number.parse().unwrap_or_else(|_| panic!("aarch64.tbl:{line}: number {number}"));
        assert!(nr >= last, "aarch64.tbl:{line}: out of order");
        last = nr;
        // Calls from 424 on have one number on every architecture.
        let how = match *how {
            "=" if nr >= 424 => format!("How::Pass({nr})"),
            "=" => format!("How::Pass(libc::SYS_{name})"),
            "-" => "How::Missing".to_string(),
            call => {
                let path = call.replace('.', "::");
                let path = path.strip_prefix("@::").map_or_else(|| format!("sys::{path}"), str::to_string);
                format!("How::Call(crate::{path})")
            }
        };
        let result = capital(result);
        let names: Vec<&str> = args.iter().map(|a| a.split_once(':').map_or(*a, |p| p.0)).collect();
        let mut arg_text = String::new();
        for a in args {
            let (name, kind) = a.split_once(':').unwrap_or_else(|| panic!("aarch64.tbl:{line}: argument {a}"));
            let kind = arg_kind(kind, &names, line);
            let _ = write!(arg_text, "Arg {{ name: \"{name}\", kind: {kind} }}, ");
        }
        let row = format!("Row {{ name: \"{name}\", how: {how}, ret: Ret::{result}, args: &[{arg_text}] }}");
        assert!(by_number.insert(nr, row).is_none(), "aarch64.tbl:{line}: number {nr} twice");
    }
    let mut out = format!("/// Rows by number.\npub static TABLE: [Option<Row>; {}] = [\n", last + 1);
    for nr in 0..=last {
        match by_number.get(&nr) {
            Some(row) => writeln!(out, "    Some({row}),"),
            None => writeln!(out, "    None,"),
        }
        .expect("writing to a string");
    }
    out.push_str("];\n");
    out
}

/// Rust text of an argument kind.
fn arg_kind(kind: &str, names: &[&str], line: usize) -> String {
    let index = |n: &str| {
        names.iter().position(|x| *x == n).unwrap_or_else(|| panic!("aarch64.tbl:{line}: no argument called {n}"))
    };
    let scalars = [
        "int", "uint", "long", "hex", "oct", "size", "off", "fd", "atfd", "pid", "uid", "sig", "path", "str", "ptr",
        "strv",
    ];
    if scalars.contains(&kind) {
        return format!("Kind::{}", capital(kind));
    }
    if let Some(set) = kind.strip_prefix('@') {
        return format!("Kind::Flags(&flags::{})", set.to_uppercase());
    }
    if let Some((base, rest)) = kind.split_once('[') {
        let len = index(rest.trim_end_matches(']'));
        return match base {
            "in" => format!("Kind::In({len})"),
            "out" => format!("Kind::Out({len})"),
            "iov" => format!("Kind::Iov({len})"),
            "riov" => format!("Kind::Riov({len})"),
            "oiov" => format!("Kind::Oiov({len})"),
            "in.sockaddr" => format!("Kind::Sockaddr({len})"),
            _ => panic!("aarch64.tbl:{line}: kind {kind}"),
        };
    }
    match kind.split_once('.') {
        Some(("in", s)) => format!("Kind::InStruct(Struct::{})", capital(s)),
        Some(("out", s)) => format!("Kind::OutStruct(Struct::{})", capital(s)),
        _ => panic!("aarch64.tbl:{line}: kind {kind}"),
    }
}

/// `epoll_event` to `EpollEvent`.
fn capital(word: &str) -> String {
    word.split('_')
        .map(|w| {
            let mut c = w.chars();
            c.next().map_or(String::new(), |f| f.to_uppercase().collect::<String>() + c.as_str())
        })
        .collect()
}
