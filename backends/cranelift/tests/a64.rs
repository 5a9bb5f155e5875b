//! Random A64 programs as regions, against the interpreter.
#![allow(unsafe_code, reason = "makes guest memory")]

mod common;

use brolga_arm::a64::Row;
use brolga_cranelift::{Options, Refused};
use brolga_ir::{Block, Op};
use common::program::*;
use common::*;
use std::collections::HashMap;

/// Data memory of the guest: a few pages.
struct Pages {
    at: *mut u8,
}

const LEN: usize = 3 * 4096;

impl Pages {
    /// Always at the same address for a number, so that a failing seed fails again.
    fn new(number: u64) -> Pages {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let want = (0x2fed_0123_0000 + (number << 20)) as *mut libc::c_void;
        // SAFETY: a fresh mapping, which replaces none.
        let at = unsafe { libc::mmap(want, LEN, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_eq!(at, want);
        Pages { at: at.cast() }
    }

    fn fill(&self, random: &mut Random) {
        for i in 0..LEN / 8 {
            // SAFETY: inside the mapping, which nothing else uses now.
            unsafe { self.at.cast::<u64>().add(i).write(random.operand()) };
        }
    }

    fn contents(&self) -> Vec<u8> {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.at, LEN) }.to_vec()
    }

    fn protect(&self, page: usize, protection: i32) {
        // SAFETY: a page of our own mapping.
        assert_eq!(unsafe { libc::mprotect(self.at.add(page * 4096).cast(), 4096, protection) }, 0);
    }
}

/// How programs are made and run.
struct Plan<'a> {
    rows: &'a [Row],
    seeds: std::ops::Range<u64>,
    blocks: u64,
    longest: u64,
    precise: bool,
    link: bool,
    /// Makes a page inaccessible while the program runs.
    protect: bool,
    options: Options,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            rows: &[],
            seeds: 0..60,
            blocks: 6,
            longest: 12,
            precise: true,
            link: true,
            protect: false,
            options: Options::default(),
        }
    }
}

/// Members that an indirect jump or call of another may lead to: one, or many as behind a switch.
fn guesses(blocks: &[Block], random: &mut Random) -> Vec<(usize, u64)> {
    let mut guesses = Vec::new();
    for (i, _) in blocks.iter().enumerate().filter(|(_, b)| b.insts.iter().any(|i| i.op == Op::GotoInd)) {
        let first = random.below(blocks.len() as u64) as usize;
        let count = [1, 1, 5, 12][random.below(4) as usize].min(blocks.len());
        guesses.extend(blocks.iter().cycle().skip(first).take(count).map(|b| (i, b.pc)));
    }
    guesses
}

/// Compiles what can be reached from `pc`, in smaller pieces if it is refused.
fn compile(rig: &Rig, program: &mut Program, precise: bool, random: &mut Random, entries: &mut HashMap<u64, u64>) {
    let mut todo = vec![BASE];
    while let Some(pc) = todo.pop() {
        if entries.contains_key(&pc) {
            continue;
        }
        let mut limit = 1 + random.below(20) as usize;
        loop {
            let blocks = program.reachable(pc, limit);
            if blocks.is_empty() {
                break;
            }
            let mut region = region(blocks, precise);
            for k in 1..region.blocks.len() {
                if random.below(3) == 0 {
                    region.entries.push(k);
                }
            }
            region.likely = guesses(&region.blocks, random);
            region.patience = [0, 3][random.below(2) as usize];
            match rig.install(&region) {
                Ok(code) => {
                    entries.extend(code.entries.iter().copied());
                    todo.extend(code.exits.iter().map(|e| e.1));
                    break;
                }
                Err(Refused::TooManyAccesses) if limit > 1 => limit /= 2,
                Err(e) => panic!("{e}"),
            }
        }
    }
}

fn run(plan: &Plan<'_>) -> Counts {
    let rig = Rig::new(plan.options);
    let pages = Pages::new(plan.seeds.start);
    let mut totals = Counts::default();
    for seed in plan.seeds.clone() {
        let mut random = Random(seed);
        let mut program = random_program(plan.rows, plan.blocks, plan.longest, &mut random);
        let mut entries = HashMap::new();
        compile(&rig, &mut program, plan.precise, &mut random, &mut entries);
        for round in 0..6 {
            let branches = [0, 3, 20, 100, 300, 300][round];
            let middle = pages.at as u64 + LEN as u64 / 2 + 16 * random.below(8);
            let env = start(&mut random, middle, branches);
            let data = random.next();
            let page = random.below(3) as usize;
            let protection = [libc::PROT_NONE, libc::PROT_READ][random.below(2) as usize];
            // Runs one way: until the end, or the fault and from there.
            let both = |go: &mut dyn FnMut(bool) -> Stop, file: &mut dyn FnMut() -> Box<brolga_core::Env>| {
                pages.fill(&mut Random(data));
                if plan.protect {
                    pages.protect(page, protection);
                }
                let stop = go(true);
                pages.protect(page, libc::PROT_READ | libc::PROT_WRITE);
                let (state, memory) = (file(), pages.contents());
                let last = if matches!(stop, Stop::Fault(_)) { go(false) } else { stop };
                (stop, state, memory, last, pages.contents())
            };
            let cell = std::cell::RefCell::new((copy(&env), &mut program));
            let want = both(
                &mut |_| {
                    let (env, program) = &mut *cell.borrow_mut();
                    program.interpret(env)
                },
                &mut || copy(&cell.borrow().0),
            );
            let want_env = cell.into_inner().0;
            let mut counts = Counts { link: plan.link, ..Counts::default() };
            let cell = std::cell::RefCell::new((Cpu::new(&rig, &env), &mut program));
            let got = both(
                &mut |_| {
                    let (cpu, program) = &mut *cell.borrow_mut();
                    program.run(&rig, cpu, &entries, &mut counts)
                },
                &mut || copy(&cell.borrow().0.env),
            );
            let got_env = cell.into_inner().0.env;
            let what = format!("seed {seed} round {round}, {:?} and {:?}", got.0, want.0);
            assert_eq!(got.0, want.0, "{what}");
            if let Some(d) = difference(&got.1, &want.1) {
                panic!("{what}: at the stop: {d}");
            }
            assert!(got.2 == want.2, "{what}: memory differs at the stop");
            assert_eq!(got.3, want.3, "{what}: behind the fault");
            if let Some(d) = difference(&got_env, &want_env) {
                panic!("{what}: at the end: {d}");
            }
            assert!(got.4 == want.4, "{what}: memory differs at the end");
            totals.entered += counts.entered;
            totals.hot += counts.hot;
            totals.unlinked += counts.unlinked;
            totals.faults += counts.faults;
            totals.replayed += counts.replayed;
        }
    }
    totals
}

#[test]
fn integer_programs() {
    let counts = run(&Plan { rows: &rows(INTEGER), seeds: 0..150, ..Plan::default() });
    assert!(counts.entered > 1000 && counts.unlinked > 100 && counts.hot > 10, "{counts:?}");
}

#[test]
fn integer_programs_optimized() {
    let options = Options { optimize: true, ..Options::default() };
    run(&Plan { rows: &rows(INTEGER), seeds: 1000..1040, options, ..Plan::default() });
}

#[test]
fn computing_programs() {
    let counts = run(&Plan { rows: &rows(COMPUTING), seeds: 2000..2150, ..Plan::default() });
    assert!(counts.entered > 1000, "{counts:?}");
}

#[test]
fn computing_programs_unlinked_and_relaxed() {
    run(&Plan { rows: &rows(COMPUTING), seeds: 3000..3060, link: false, precise: false, ..Plan::default() });
}

/// Integer rows thrice, so that state changes between accesses.
fn mixed() -> Vec<Row> {
    [rows(MEMORY), rows(INTEGER), rows(INTEGER), rows(INTEGER)].concat()
}

#[test]
fn programs_with_memory() {
    let all = [mixed(), rows(&["simd_three", "fp"])].concat();
    run(&Plan { rows: &all, seeds: 4000..4100, ..Plan::default() });
}

#[test]
fn faults_find_exact_state() {
    let counts = run(&Plan { rows: &mixed(), seeds: 5000..5300, protect: true, ..Plan::default() });
    assert!(counts.faults > 300 && counts.replayed > 20, "{counts:?}");
}

#[test]
fn faults_find_exact_state_optimized() {
    let options = Options { optimize: true, ..Options::default() };
    let counts = run(&Plan { rows: &mixed(), seeds: 6000..6080, protect: true, options, ..Plan::default() });
    assert!(counts.faults > 50, "{counts:?}");
}
