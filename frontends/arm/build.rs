//! Compiles the decode table.

use std::{env, fs, path::Path, process};

fn main() {
    let table = "a64.decode";
    println!("cargo::rerun-if-changed={table}");
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
    fs::write(directory.join("a64_translate.rs"), output.translator).expect("OUT_DIR is writable");
}
