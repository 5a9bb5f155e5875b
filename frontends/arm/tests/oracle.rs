//! The table against Arm's machine-readable instruction list, as the crate `aarchmrs-instructions`
//! carries it. That list gives fixed bits only: what a page's pseudocode makes UNDEFINED, and which
//! feature brings an encoding, it does not say.
//!
//! The crate's constants cannot be enumerated, so its source is read as text.

use brolga_arm::a64::{ALL, Row, decode, mnemonic, random_word};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// One encoding of the list.
struct Encoding {
    /// Arm's identifier: the mnemonic, `_`, the variant.
    name: String,
    mask: u32,
    value: u32,
    /// Bits of `mask` that are only recommended, printed as (0) or (1).
    should_be: u32,
}

impl Encoding {
    fn mnemonic(&self) -> &str {
        self.name.split('_').next().unwrap_or_default()
    }

    /// Whether `word` is this encoding, or constrained-unpredictably so.
    fn accepts(&self, word: u32) -> bool {
        (word ^ self.value) & self.mask & !self.should_be == 0
    }
}

/// Rows whose mnemonic is that of a family, to which Arm's adds letters for order, size or options.
const FAMILIES: [Row; 25] = [
    Row::Ldop,
    Row::Swp,
    Row::Ldfop,
    Row::Stfop,
    Row::Ldop128,
    Row::Swpp,
    Row::Rcwop,
    Row::Rcwop128,
    Row::Rcwcas,
    Row::Ldtop,
    Row::Swpt,
    Row::Cpyfp,
    Row::Cpyfm,
    Row::Cpyfe,
    Row::Cpyp,
    Row::Cpym,
    Row::Cpye,
    Row::Setp,
    Row::Setm,
    Row::Sete,
    Row::Setg,
    Row::Setgo,
    Row::Sve,
    Row::Sme,
    Row::Hint,
];

/// Why a row that claims an encoding need not bear its name.
fn other_name(row: Row) -> bool {
    match row {
        // Claimed whole.
        Row::Sve | Row::Sme => true,
        // Hints that do nothing here.
        Row::Hint => true,
        _ => false,
    }
}

fn names_agree(row: Row, ours: &str, arms: &str) -> bool {
    ours == arms || other_name(row) || (FAMILIES.contains(&row) && arms.starts_with(ours))
}

/// Where cargo unpacked the list: the dependency file that rustc left beside this test names its root.
fn source_of_the_list() -> PathBuf {
    let test = env::current_exe().expect("a test knows its path");
    let beside = fs::read_dir(test.parent().expect("it lies in a folder")).expect("which can be read");
    let is_dependency_file = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("aarchmrs_instructions-") && name.ends_with(".d")
    };
    let file = beside.flatten().map(|entry| entry.path()).find(is_dependency_file).expect("the list was compiled");
    let text = fs::read_to_string(file).expect("a dependency file is text");
    let root = text.lines().find_map(|line| line.strip_suffix("src/lib.rs:")).expect("it names the crate's root");
    Path::new(&root.replace("\\ ", " ")).join("src/A64")
}

fn read_list(folder: &Path, into: &mut Vec<Encoding>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            read_list(&path, into);
        } else {
            let text = fs::read_to_string(&path).expect("the source is text");
            into.extend(text.split("\npub mod ").skip(1).filter_map(encoding));
        }
    }
}

/// Reads the constants of one encoding's module; `None` for a module of another kind.
fn encoding(module: &str) -> Option<Encoding> {
    let constant = |name: &str| {
        let (_, rest) = module.split_once(&format!("pub const {name}: "))?;
        rest.split_once('=').and_then(|(_, value)| value.split_once(';')).map(|(value, _)| value.trim())
    };
    let bits = |name: &str| {
        let digits = constant(name)?.strip_prefix("0b")?.strip_suffix("u32")?;
        u32::from_str_radix(digits, 2).ok()
    };
    Some(Encoding {
        name: constant("NAME")?.trim_matches('"').to_owned(),
        mask: bits("OPCODE_MASK")?,
        value: bits("OPCODE")?,
        should_be: bits("SHOULD_BE_MASK")?,
    })
}

fn list() -> Vec<Encoding> {
    let mut list = Vec::new();
    read_list(&source_of_the_list(), &mut list);
    assert!(list.len() > 4000, "only {} encodings read", list.len());
    list
}

/// splitmix64 from a fixed seed.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[test]
fn every_encoding_of_the_list_is_claimed_under_its_name() {
    let list = list();
    let mut next = random(3);
    let mut wrong = Vec::new();
    for encoding in &list {
        let mut claimed = false;
        for _ in 0..300 {
            let word = encoding.value | (next() as u32 & !encoding.mask);
            let Some(row) = decode(word) else { continue };
            let ours = mnemonic(word).unwrap_or("nameless");
            if names_agree(row, ours, encoding.mnemonic()) {
                claimed = true;
            } else if !list.iter().any(|e| e.accepts(word) && names_agree(row, ours, e.mnemonic())) {
                // Not even an exception that the list itself makes, such as RETAA inside RETAASPPCR.
                wrong.push(format!("{word:#010x} is {} to Arm, {ours} of {row:?} to us", encoding.name));
                break;
            }
        }
        if !claimed {
            wrong.push(format!("{} {:#010x}/{:#010x} is not claimed", encoding.name, encoding.value, encoding.mask));
        }
    }
    assert!(wrong.is_empty(), "{} encodings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_row_claims_only_what_the_list_knows() {
    let list = list();
    let mut next = random(4);
    let mut wrong = Vec::new();
    for &row in ALL.iter().filter(|&&row| !matches!(row, Row::Sve | Row::Sme)) {
        for _ in 0..200 {
            let word = random_word(row, &mut next);
            let ours = mnemonic(word).unwrap_or("nameless");
            if !list.iter().any(|e| e.accepts(word) && names_agree(row, ours, e.mnemonic())) {
                wrong.push(format!("{word:#010x}, {ours} of {row:?}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows claim too much:\n{}", wrong.len(), wrong.join("\n"));
}
