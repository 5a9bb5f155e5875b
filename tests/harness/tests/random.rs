//! Random instructions of every translated row: the front end's blocks are legal, and every
//! choice of passes does what the plain interpreter does.

use brolga_arm::a64;
use brolga_harness::{Engine, GuestState, Outcome, Random, engines, guest_by_name};
use std::collections::BTreeMap;

/// Words a row, and states a word.
const WORDS: usize = 6;
const STATES: usize = 2;
/// Sequences, and instructions in each.
const SEQUENCES: usize = 10_000;
const LENGTH: usize = 6;

/// Runs of which one goes through the region tier too, where compiling takes longer than all the rest.
const REGIONS: u32 = 2;

/// A value of the kinds that find mistakes: small, near a power of two, an address, anything.
fn interesting(random: &mut Random) -> u64 {
    match random.bits() % 5 {
        0 => random.bits() % 16,
        1 => (1u64 << (random.bits() % 64)).wrapping_sub(random.bits() % 3),
        2 | 3 => DATA + random.bits() % 4096 / 16 * 16,
        _ => random.word(),
    }
}

/// A mapped page between unmapped ones.
const DATA: u64 = 0x10000;

fn state(random: &mut Random) -> GuestState {
    let guest = guest_by_name("a64").unwrap();
    let mut state = GuestState::new(guest);
    for row in guest.frontend.regs().regs {
        if !guest.control.iter().any(|(name, _)| *name == row.name) {
            let (low, high) = (interesting(random), interesting(random));
            state.set(row, low as u128 | (high as u128) << 64);
        }
    }
    state.set_flags(guest, random.word() & 0xf000_0000);
    let bytes: Vec<u8> = (0..4096).map(|_| random.bits() as u8).collect();
    state.memory.put(DATA, &bytes);
    state
}

/// What is compared: the flags by meaning, everything else as it is.
fn result(outcome: Outcome, mut state: GuestState) -> (Outcome, GuestState) {
    let guest = guest_by_name("a64").unwrap();
    let flags = state.flags(guest);
    state.set_flags(guest, flags);
    (outcome, state)
}

/// A random instruction of `row`. With `few`, its registers are among the first four, so that
/// instructions have to do with each other.
fn word(row: a64::Row, few: bool, random: &mut Random) -> u32 {
    loop {
        let mut word = a64::random_word(row, &mut || random.word());
        for field in row.info().fields.iter().filter(|f| few && f.width == 5 && f.name.starts_with('r')) {
            word &= !(0b11100 << field.lsb);
        }
        if a64::decode(word) == Some(row) {
            return word;
        }
    }
}

/// Rows whose effects are the same in two runs: not those that read host time or identity.
fn rows() -> Vec<a64::Row> {
    let translated = |row: &a64::Row| row.info().implemented && row.info().section != "system";
    a64::ALL.iter().copied().filter(translated).collect()
}

/// Engines, and what they were found to do.
struct Comparison {
    engines: Vec<Box<dyn Engine>>,
    random: Random,
    runs: u32,
    refused: BTreeMap<String, u32>,
    /// What the region tier ran, and what it refused, by reason.
    regions: u32,
    skipped: BTreeMap<String, u32>,
    wrong: Vec<String>,
}

impl Comparison {
    fn new(seed: u64) -> Comparison {
        Comparison {
            engines: engines(guest_by_name("a64").unwrap()),
            random: Random(seed),
            runs: 0,
            refused: BTreeMap::new(),
            regions: 0,
            skipped: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Runs `words` on a random state on every engine.
    fn run(&mut self, words: &[u32]) {
        let code: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let before = state(&mut self.random);
        let run = |engine: &mut dyn Engine| {
            let mut after = before.clone();
            let outcome = engine.run_insn(&code, &mut after);
            result(outcome, after)
        };
        let oracle = run(&mut *self.engines[0]);
        if let Outcome::Refused(why) = &oracle.0 {
            *self.refused.entry(why.clone()).or_default() += 1;
            return;
        }
        self.runs += 1;
        let regions = self.runs.is_multiple_of(REGIONS);
        for engine in self.engines[1..].iter_mut().filter(|e| regions || !e.name().starts_with("regions")) {
            let got = run(&mut **engine);
            if let Outcome::Refused(why) = got.0 {
                *self.skipped.entry(why).or_default() += 1;
                continue;
            }
            self.regions += u32::from(engine.name().starts_with("regions"));
            if got == oracle {
                continue;
            }
            let words: Vec<String> = words.iter().map(|w| format!("{w:#010x}")).collect();
            let registers = (0..got.1.file.len()).filter(|i| got.1.file[*i] != oracle.1.file[*i]);
            let registers: Vec<String> =
                registers.map(|i| format!("word {i} is {:#x}, not {:#x}", got.1.file[i], oracle.1.file[i])).collect();
            self.wrong.push(format!(
                "{} on {}: {:?} for {:?}; {}",
                words.join(" "),
                engine.name(),
                got.0,
                oracle.0,
                registers.join(", ")
            ));
        }
    }

    fn finish(self, at_least: u32) {
        let Comparison { engines, runs, refused, regions, skipped, wrong, .. } = self;
        println!("{runs} runs on {} engines; refused: {refused:?}", engines.len());
        println!("{regions} runs in regions; skipped: {skipped:?}");
        assert!(wrong.is_empty(), "{} differ, such as\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
        assert!(runs >= at_least, "hardly any code ran");
        if engines.iter().any(|e| e.name().starts_with("regions")) {
            assert!(regions >= 2 * at_least / REGIONS / 2, "hardly any code ran in regions");
        }
    }
}

#[test]
fn every_row_does_the_same_behind_every_pass() {
    let mut all = Comparison::new(1);
    for row in rows() {
        for _ in 0..WORDS {
            // Two of a kind, so that passes have something to do.
            let words = [0; 2].map(|_| word(row, false, &mut all.random));
            (0..STATES).for_each(|_| all.run(&words));
        }
    }
    assert!(all.refused.is_empty(), "{:?}", all.refused);
    all.finish(1000);
}

#[test]
fn sequences_do_the_same_behind_every_pass() {
    let mut all = Comparison::new(2);
    let rows = rows();
    let scalar: Vec<_> = rows.iter().copied().filter(|r| r.info().section.starts_with("dp_")).collect();
    for _ in 0..SEQUENCES {
        let words = [0; LENGTH].map(|_| {
            let pool = if all.random.bits().is_multiple_of(4) { &rows } else { &scalar };
            let row = pool[all.random.bits() as usize % pool.len()];
            word(row, true, &mut all.random)
        });
        all.run(&words);
    }
    all.finish(SEQUENCES as u32 * 9 / 10);
}
