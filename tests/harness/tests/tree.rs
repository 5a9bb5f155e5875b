//! Rules of the source tree.

use brolga_harness::{files, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Our sources with an extension; folders of build output are passed over.
fn sources(extension: &str) -> Vec<PathBuf> {
    let top = ["crates", "frontends", "backends", "softmmu", "tests", "tools"];
    let built = |path: &PathBuf| path.components().any(|c| c.as_os_str() == "target");
    top.iter().flat_map(|folder| files(&root().join(folder), extension)).filter(|p| !built(p)).collect()
}

/// One package of the workspace: its folder, and the packages it names by kind of dependency.
struct Package {
    name: String,
    folder: String,
    /// `normal`, `build` or `dev`, and the name.
    uses: Vec<(String, String)>,
}

fn packages() -> Vec<Package> {
    let output = cargo().args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let base = metadata["workspace_root"].as_str().unwrap();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let package = |p: &Value| Package {
        name: text(&p["name"]),
        folder: text(&p["manifest_path"])
            .trim_start_matches(base)
            .trim_start_matches('/')
            .trim_end_matches("/Cargo.toml")
            .to_string(),
        uses: p["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| (d["kind"].as_str().unwrap_or("normal").to_string(), text(&d["name"])))
            .collect(),
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

/// The last part of a folder, which is what the table calls a crate.
fn short(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Who may import whom, by folder: pairs of kind and crate, from the code map of ARCHITECTURE.md.
fn allowed() -> BTreeMap<String, BTreeSet<(String, String)>> {
    let map = read(&root().join("ARCHITECTURE.md"));
    let rows = map.lines().skip_while(|l| *l != "## Code map").skip(1).take_while(|l| !l.starts_with("## "));
    let mut table: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for row in rows.filter(|l| l.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (folder, imports) = (cells[1].trim_matches('`').to_string(), cells[3]);
        let above: Vec<String> = table.keys().map(|k| short(k).to_string()).collect();
        let normal = |name: &str| ("normal".to_string(), name.to_string());
        let set = match imports {
            "nothing" => BTreeSet::new(),
            "all" | "all above" => {
                let kinds = |name: &String| ["normal", "build"].map(|kind| (kind.to_string(), name.clone()));
                above.iter().flat_map(kinds).collect()
            }
            list => list
                .split([',', ';'])
                .map(|part| match part.trim().strip_suffix(" at build") {
                    Some(name) => ("build".to_string(), name.to_string()),
                    None => normal(part.trim()),
                })
                .collect(),
        };
        table.insert(folder, set);
    }
    table
}

#[test]
fn imports_follow_the_code_map() {
    let table = allowed();
    assert!(table.len() >= 10, "the code map of ARCHITECTURE.md has another form now");
    let mut wrong = Vec::new();
    let packages = packages();
    let folder_of = |name: &str| packages.iter().find(|p| p.name == name).map_or("", |p| short(&p.folder)).to_string();
    for package in &packages {
        // Tools and tests may see everything.
        if package.folder.starts_with("tools/") || package.folder.starts_with("tests/") {
            continue;
        }
        let Some(may) = table.get(&package.folder) else {
            wrong.push(format!("{} has no row in the code map of ARCHITECTURE.md", package.folder));
            continue;
        };
        for (kind, used) in package.uses.iter().filter(|(kind, _)| kind != "dev") {
            if !used.starts_with("brolga-") {
                continue;
            }
            let name = folder_of(used);
            if !may.contains(&(kind.clone(), name.clone())) {
                wrong.push(format!("{} imports {name} ({kind}), which its row does not allow", package.folder));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn one_crate_alone_names_the_code_generator() {
    let mut wrong = Vec::new();
    for package in packages() {
        // Its encoder is a library of its own, and tier 1's.
        let allowed = |name: &str| package.folder == "backends/baseline" && name == "cranelift-assembler-x64";
        let names = package.uses.iter().any(|(_, name)| name.starts_with("cranelift-") && !allowed(name));
        if names && package.folder != "backends/cranelift" {
            wrong.push(package.name);
        }
    }
    let pattern = format!("{}_", "cranelift");
    let encoder = format!("{pattern}assembler_x64");
    for path in sources("rs") {
        let ours = path.strip_prefix(root()).unwrap();
        let mut text = read(&path);
        if ours.starts_with("backends/baseline") {
            text = text.replace(&encoder, "");
        }
        if !ours.starts_with("backends/cranelift") && text.contains(&pattern) {
            wrong.push(ours.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_source_file_is_longer_than_900_lines() {
    let long = |p: &PathBuf| read(p).lines().count() > 900;
    let wrong: Vec<_> = sources("rs").into_iter().filter(long).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_crate_has_a_short_readme_and_the_common_lints() {
    let mut wrong = Vec::new();
    for package in packages() {
        let folder = root().join(&package.folder);
        match std::fs::read_to_string(folder.join("README.md")) {
            Ok(text) if text.lines().count() <= 40 => {}
            Ok(_) => wrong.push(format!("{}: README.md is longer than 40 lines", package.folder)),
            Err(_) => wrong.push(format!("{}: no README.md", package.folder)),
        }
        let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
        if manifest.get("lints").and_then(|l| l.get("workspace")) != Some(&toml::Value::Boolean(true)) {
            wrong.push(format!("{}: the workspace's lints are not in force", package.folder));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn sources_are_formatted() {
    let output = cargo().args(["fmt", "--all", "--check", "--", "-l"]).output().unwrap();
    let files = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo fmt would change\n{files}{errors}");
}
