//! What children of forks need not do again.
#![cfg(target_arch = "x86_64")]

mod elf;

use elf::told;

/// Forks twelve times; each child takes a few jumps and ends, the parent waits for it, and ends with status 7.
const FORKS: [u32; 24] = [
    0xd280_0193, // mov x19, #12
    0xd280_0220, // 1: mov x0, #SIGCHLD
    0xd280_0001, // mov x1, #0
    0xd280_0002, // mov x2, #0
    0xd280_0003, // mov x3, #0
    0xd280_0004, // mov x4, #0
    0xd280_1b88, // mov x8, #220 (clone)
    0xd400_0001, // svc #0
    0xb400_0140, // cbz x0, 18
    0xd280_0001, // mov x1, #0
    0x9280_0000, // mov x0, #-1
    0xd280_0002, // mov x2, #0
    0xd280_0003, // mov x3, #0
    0xd280_2088, // mov x8, #260 (wait4)
    0xd400_0001, // svc #0
    0xd100_0673, // sub x19, x19, #1
    0xb5ff_fe33, // cbnz x19, 1
    0x1400_0004, // b 21
    0x1400_0001, // 18: b 19
    0xd280_0060, // 19: mov x0, #3
    0x1400_0002, // b 22
    0xd280_00e0, // 21: mov x0, #7
    0xd280_0bc8, // 22: mov x8, #94 (exit_group)
    0xd400_0001, // svc #0
];

/// The number in front of `what` in each line that has it.
fn numbers(text: &str, what: &str) -> Vec<u32> {
    let before = |line: &str| line.split(what).next()?.rsplit(' ').next()?.parse().ok();
    text.lines().filter(|line| line.contains(what)).map(|line| before(line).unwrap()).collect()
}

#[test]
fn later_children_find_what_the_first_one_translated_and_code_in_the_end() {
    let told = told(&FORKS, "block-threshold=4");
    // Those of the children, in their order, then those of the parent.
    let (translated, interpreted) = (numbers(&told, " blocks of "), numbers(&told, " runs of a block"));
    let translated: Vec<_> = translated.into_iter().step_by(2).collect();
    assert_eq!((translated.len(), interpreted.len()), (13, 13), "{told}");
    assert_eq!((translated[0], &translated[1..12]), (4, &[0; 11][..]), "{told}");
    assert_eq!((interpreted[0], interpreted[11]), (4, 0), "{told}");
}
