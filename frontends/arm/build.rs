//! Compiles the decode table.

use std::{env, fs, path::Path, process};

fn main() {
    let table = "a64.decode";
    println!("cargo::rerun-if-changed={table}");
    println!("cargo::rerun-if-changed=src/sem");
    let text = fs::read_to_string(table).expect("a64.decode is beside build.rs");
    let output = brolga_decode::compile(table, &text).unwrap_or_else(|errors| {
        for error in errors {
            eprintln!("{error}");
        }
        process::exit(1);
    });
    let directory = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let directory = Path::new(&directory);
    fs::write(directory.join("a64.rs"), output.decoder).expect("OUT_DIR is writable");
    fs::write(directory.join("a64_translate.rs"), only_present(&output.translator)).expect("OUT_DIR is writable");
}

/// Leaves out rows of sections whose module is not written yet.
fn only_present(translator: &str) -> String {
    let present = |section: &str| {
        Path::new(&format!("src/sem/{section}.rs")).exists() || Path::new(&format!("src/sem/{section}/mod.rs")).exists()
    };
    translator
        .lines()
        .filter(|line| {
            let section = line.split("crate::sem::").nth(1).and_then(|rest| rest.split_once("::"));
            !line.contains("Row::") || section.is_none_or(|(name, _)| present(name))
        })
        .map(|line| format!("{line}\n"))
        .collect()
}
