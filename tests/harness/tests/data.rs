//! Runs every `.bir` and `.ins` file of the tree.

use brolga_harness::{bir, bless, engines, files, guest_by_name, ins, root};
use std::collections::BTreeMap;
use std::path::Path;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write_if_changed(path: &Path, old: &str, new: Option<String>) {
    if let Some(new) = new.filter(|new| new != old) {
        std::fs::write(path, new).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        println!("rewrote {}", path.display());
    }
}

#[test]
fn ir_files_hold() {
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    let all = files(&root().join("tests/ir"), "bir");
    for path in &all {
        let text = read(path);
        let report = bir::run(&text, &mut engines, bless());
        write_if_changed(path, &text, report.blessed);
        passed += report.passed;
        skipped += report.skipped;
        failures.extend(report.failures.into_iter().map(|f| format!("{}: {f}", path.display())));
    }
    println!("{} files, {passed} checks passed, {skipped} skipped", all.len());
    assert!(!all.is_empty(), "no files found");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn instruction_files_hold_on_every_engine() {
    let (mut rows, mut passed, mut skipped) = (0, BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    let mut failures = Vec::new();
    let all = files(&root().join("tests/isa"), "ins");
    for path in &all {
        let folder = path.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or("");
        let guest = guest_by_name(folder).unwrap_or_else(|| panic!("{}: no guest `{folder}`", path.display()));
        let text = read(path);
        let report = ins::run(guest, &mut engines(guest), &text, bless());
        write_if_changed(path, &text, report.blessed);
        rows += report.rows;
        report.passed.into_iter().for_each(|(name, n)| *passed.entry(name).or_default() += n);
        report.skipped.into_iter().for_each(|(name, n)| *skipped.entry(name).or_default() += n);
        failures.extend(report.failures.into_iter().map(|(line, f)| format!("{}:{line}: {f}", path.display())));
    }
    println!("{} files, {rows} rows", all.len());
    passed.iter().for_each(|(name, n)| println!("{n:6} passed on {name}"));
    skipped.iter().for_each(|(name, n)| println!("{n:6} skipped on {name}"));
    assert!(!all.is_empty(), "no files found");
    assert!(skipped.keys().all(|name| !name.starts_with("interp")), "the interpreter runs everything");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
