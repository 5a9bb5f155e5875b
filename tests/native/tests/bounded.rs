//! The bounded run: a fixed seed, every form, a few cases each.
#![cfg(target_arch = "x86_64")]

use brolga_native::run::{Plan, compare};

/// Forms that the front end is known to have; only ever raised.
const LEAST_FORMS: usize = 1860;

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
    println!("{} forms, {:?}; not on this host: {:?}", summary.forms, summary.compared, summary.not_here);
    let differences: Vec<_> = summary.failures.values().map(String::as_str).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(summary.forms + summary.not_here.len() >= LEAST_FORMS, "{} forms", summary.forms);
    assert!(summary.compared.len() > 3 && summary.compared.values().all(|n| *n > 50), "{:?}", summary.compared);
}
