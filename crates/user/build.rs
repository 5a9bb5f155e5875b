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
    for guest in ["aarch64", "x86_64"] {
        let table = Table { file: format!("{guest}.tbl"), text: read(&format!("abi/{guest}.tbl")) };
        std::fs::write(Path::new(&out).join(format!("{guest}.rs")), table.syscalls()).expect("OUT_DIR is writable");
    }
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

/// A table of system calls.
struct Table {
    file: String,
    text: String,
}

impl Table {
    fn bad(&self, line: usize, what: &str) -> ! {
        panic!("{}:{line}: {what}", self.file)
    }

    fn syscalls(&self) -> String {
        let mut by_number: HashMap<usize, String> = HashMap::new();
        let mut last = 0;
        for (line, words) in rows(&self.text) {
            let [number, name, how, result, args @ ..] = &words[..] else { self.bad(line, "fewer than four columns") };
            let nr: usize = number.parse().unwrap_or_else(|_| self.bad(line, number));
            if nr < last {
                self.bad(line, "out of order");
            }
            last = nr;
            let how = self.how(how, nr, name, line);
            let result = capital(result);
            let names: Vec<&str> = args.iter().map(|a| a.split_once(':').map_or(*a, |p| p.0)).collect();
            let mut arg_text = String::new();
            for a in args {
                let (name, kind) = a.split_once(':').unwrap_or_else(|| self.bad(line, a));
                let kind = self.arg_kind(kind, &names, line);
                let _ = write!(arg_text, "Arg {{ name: \"{name}\", kind: {kind} }}, ");
            }
            let row = format!("Row {{ name: \"{name}\", how: {how}, ret: Ret::{result}, args: &[{arg_text}] }}");
            if by_number.insert(nr, row).is_some() {
                self.bad(line, "number twice");
            }
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

    /// Rust text of how a call is performed.
    fn how(&self, how: &str, nr: usize, name: &str, line: usize) -> String {
        // Calls from 424 on have one number on every architecture.
        match how {
            "=" if nr >= 424 => format!("How::Pass({nr})"),
            "=" => format!("How::Pass(libc::SYS_{name})"),
            "-" => "How::Missing".to_string(),
            other => match other.strip_suffix(')').and_then(|o| o.split_once('(')) {
                Some((modern, words)) => self.contained(modern, words, line),
                None => {
                    let path = other.replace('.', "::");
                    let path = path.strip_prefix("@::").map_or_else(|| format!("sys::{path}"), str::to_string);
                    format!("How::Call(crate::{path})")
                }
            },
        }
    }

    /// A call that the row called `modern` contains.
    fn contained(&self, modern: &str, words: &str, line: usize) -> String {
        let found = rows(&self.text).find(|(_, r)| r.get(1) == Some(&modern));
        let Some((_, row)) = found else { self.bad(line, modern) };
        if row[2].ends_with(')') {
            self.bad(line, "the other row stands for a third one");
        }
        let mut out = Vec::new();
        for word in words.split(',') {
            let number = word.strip_prefix("0x").map_or_else(|| word.parse(), |w| u64::from_str_radix(w, 16));
            out.push(match (word, word.strip_prefix('a'), number) {
                ("cwd", ..) => "Word::Is(libc::AT_FDCWD as u64)".to_string(),
                (_, Some(index), _) => format!("Word::Arg({index})"),
                (_, _, Ok(n)) => format!("Word::Is({n})"),
                _ => self.bad(line, word),
            });
        }
        if out.len() > 6 {
            self.bad(line, "more than six words");
        }
        format!("How::As({}, &[{}])", row[0], out.join(", "))
    }

    /// Rust text of an argument kind.
    fn arg_kind(&self, kind: &str, names: &[&str], line: usize) -> String {
        let index = |n: &str| names.iter().position(|x| *x == n).unwrap_or_else(|| self.bad(line, n));
        let scalars = [
            "int", "uint", "long", "hex", "oct", "size", "off", "fd", "atfd", "pid", "uid", "sig", "path", "str",
            "ptr", "strv",
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
                _ => self.bad(line, kind),
            };
        }
        match kind.split_once('.') {
            Some(("in", s)) => format!("Kind::InStruct(Struct::{})", capital(s)),
            Some(("out", s)) => format!("Kind::OutStruct(Struct::{})", capital(s)),
            _ => self.bad(line, kind),
        }
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
