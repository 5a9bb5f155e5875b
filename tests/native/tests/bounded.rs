//! The bounded run: a fixed seed, every form, a few cases each.
#![cfg(target_arch = "x86_64")]

use brolga_native::run::{Plan, compare};

/// Forms that the front end is known to have; only ever raised.
const LEAST_FORMS: usize = 1860;

/// Differences that are known, by mnemonic or kind, each with its reason; not a place for new ones.
const KNOWN: &[(&str, &str)] = &[
    ("Maskmovq", "a store that fails leaves x87 as it was; AMD's processors have begun to use MMX"),
    (
        "Vdpps",
        "of 256 bits: processors do a step for both halves at once, ours all steps of one half first; under unmasked exceptions",
    ),
    ("sequences", "may contain them"),
];

#[test]
fn tiers_agree_with_the_host() {
    let plan = Plan { seed: 20, each: 6, sequences: 300, longest: 6, only: vec![], every_tier: false };
    let summary = match compare(&plan, |_, _| {}) {
        Ok(summary) => summary,
        Err(error) => {
            println!("skipped: no ptrace here: {error}");
            return;
        }
    };
    println!("{} forms, {:?}", summary.forms, summary.compared);
    let known = |name: &str| KNOWN.iter().any(|(k, _)| *k == name);
    let new: Vec<_> = summary.failures.iter().filter(|(name, _)| !known(name)).collect();
    assert!(new.is_empty(), "{}", new.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n"));
    assert!(summary.forms >= LEAST_FORMS, "{} forms", summary.forms);
    assert!(summary.compared.len() > 3 && summary.compared.values().all(|n| *n > 50), "{:?}", summary.compared);
}
