//! A loop that runs already moves to the code that is made for it: all of the guest's state is in the register file
//! between blocks, so there is no frame to replace.
#![cfg(target_arch = "x86_64")]

mod elf;

use elf::told;

/// Counts down from two million, once, and ends with status 7.
const COUNTDOWN: [u32; 6] = [
    0xd2a0_0400, // mov x0, #0x200000
    0xf100_0400, // 1: subs x0, x0, #1
    0x54ff_ffe1, // b.ne 1
    0xd280_00e0, // mov x0, #7
    0xd280_0bc8, // mov x8, #94 (exit_group)
    0xd400_0001, // svc #0
];

/// The number behind `what` in the text.
fn number(text: &str, what: &str) -> u32 {
    let behind = text.split(what).nth(1).unwrap_or_else(|| panic!("no '{what}' in {text}"));
    let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    behind[..end].parse().unwrap()
}

#[test]
fn running_loop_moves_through_the_tiers() {
    let told = told(&COUNTDOWN, "block-threshold=4,region-threshold=1000,no-worker");
    // A thousand times around in tier 1, and some in tier 0 before and between, where a processor watches where jumps go;
    // two million in the region, without leaving it.
    let interpreted = told.split(" runs of a block").next().and_then(|line| line.rsplit(' ').next()).unwrap();
    assert!((4..500).contains(&interpreted.parse().unwrap()), "{told}");
    assert_eq!(number(&told, "tier 1: "), 1, "{told}");
    assert_eq!(number(&told, "regions: "), 1, "{told}");
    assert!(number(&told, "host code entered: ") < 16, "{told}");
}
