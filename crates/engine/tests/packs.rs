//! Blocks of tier 1 that are kept between runs.

mod fake;

use brolga_cache::{Folder, Store};
use brolga_core::{Exit, Vcpu};
use brolga_engine::Config;
use fake::{Event, PC, THRESHOLD, World};
use std::path::Path;
use std::sync::Arc;

const ONE: u64 = 0x1000;
const TWO: u64 = 0x1100;
const THREE: u64 = 0x1200;

/// A process whose blocks get code at once.
struct Process {
    vcpu: Box<dyn Vcpu>,
    keep: Box<dyn Fn()>,
    store: Arc<Store>,
}

impl Process {
    fn new(world: &World, path: &Path) -> Process {
        Process::with(world, path, Config::default())
    }

    fn with(world: &World, path: &Path, config: Config) -> Process {
        let store = Arc::new(Store::open(Folder::open(path, 1 << 30).unwrap(), b"fake", |file| file));
        let config = Config { store: Some(Arc::clone(&store)), block_threshold: 1, ..config };
        let (vcpu, keep) = world.process_with(config);
        Process { vcpu, keep, store }
    }

    /// Runs the block at `pc` so many times; what the tiers did.
    fn runs(&mut self, world: &World, pc: u64, times: u32) -> Vec<Event> {
        world.take_events();
        for _ in 0..times {
            self.vcpu.env_mut().set(PC, pc);
            assert!(matches!(self.vcpu.run(), Exit::Syscall(_)));
        }
        world.take_events()
    }

    fn end(self) {
        (self.keep)();
        self.store.flush();
    }
}

/// `ONE` jumps to a system call at `TWO`.
fn world() -> World {
    let world = World::default();
    world.jump(ONE, TWO);
    world.syscall(TWO, 1);
    world
}

/// What a first run of both blocks keeps.
fn first_run(world: &World, path: &Path) {
    let mut process = Process::new(world, path);
    let events = process.runs(world, ONE, 1);
    assert!(events.iter().any(|e| matches!(e, Event::Block(TWO))), "{events:?}");
    process.end();
}

fn entered(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e, Event::Entered { .. })).count()
}

/// Whether nothing but kept code ran, and what is there was linked.
fn all_kept(events: &[Event]) -> bool {
    events
        .iter()
        .all(|e| matches!(e, Event::Entered { .. } | Event::Linked { from: ONE, to: TWO } | Event::Released(_)))
}

#[test]
fn second_run_neither_interprets_nor_emits() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    first_run(&world, temp.path());
    let events = Process::new(&world, temp.path()).runs(&world, ONE, 1);
    assert!(all_kept(&events) && entered(&events) == 2, "{events:?}");
    let units = events.iter().filter_map(|e| if let Event::Entered { unit, .. } = e { Some(unit) } else { None });
    assert!(units.collect::<Vec<_>>().windows(2).all(|two| two[0] == two[1]), "both came at once: {events:?}");
}

#[test]
fn runs_add_to_what_others_kept_of_a_page() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    let mut process = Process::new(&world, temp.path());
    process.runs(&world, TWO, 1);
    process.end();
    let mut process = Process::new(&world, temp.path());
    let events = process.runs(&world, ONE, 1);
    assert!(events.contains(&Event::Block(ONE)), "{events:?}");
    process.end();
    let mut process = Process::new(&world, temp.path());
    let events = process.runs(&world, ONE, 1);
    assert!(all_kept(&events) && entered(&events) == 2, "{events:?}");
    assert_eq!(process.store.figures().found, 2);
}

#[test]
fn other_bytes_are_not_taken_for_the_kept_ones() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    first_run(&world, temp.path());
    world.syscall(TWO, 2);
    let mut process = Process::new(&world, temp.path());
    let events = process.runs(&world, TWO, 1);
    assert!(events.contains(&Event::Block(TWO)), "{events:?}");
    process.end();
    let events = Process::new(&world, temp.path()).runs(&world, TWO, 1);
    assert!(all_kept(&events), "the other bytes are kept too: {events:?}");
}

#[test]
fn block_whose_bytes_changed_since_is_not_kept() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    let mut process = Process::new(&world, temp.path());
    process.runs(&world, ONE, 1);
    // Nobody has told the engine yet.
    world.syscall(TWO, 2);
    process.end();
    let mut process = Process::new(&world, temp.path());
    assert!(process.runs(&world, TWO, 1).contains(&Event::Block(TWO)));
    assert_eq!(process.vcpu.env().get(PC), TWO + 4);
}

#[test]
fn invalidation_drops_kept_blocks_that_no_block_stands_for() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    first_run(&world, temp.path());
    let mut process = Process::new(&world, temp.path());
    process.runs(&world, ONE, 1);
    world.syscall(TWO, 9);
    process.vcpu.invalidate(TWO, 4);
    process.vcpu.env_mut().set(PC, ONE);
    assert_eq!(process.vcpu.run(), Exit::Interrupted, "it may have been inside");
    assert_eq!(process.vcpu.run(), Exit::Syscall(9));
    // What was there before comes back, as when a library is mapped again.
    world.syscall(TWO, 1);
    process.vcpu.invalidate(TWO, 4);
    process.vcpu.env_mut().set(PC, ONE);
    assert_eq!(process.vcpu.run(), Exit::Interrupted);
    let events = process.runs(&world, ONE, 1);
    assert!(all_kept(&events) && entered(&events) == 2, "{events:?}");
}

#[test]
fn kept_blocks_get_hot() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    first_run(&world, temp.path());
    let mut process = Process::new(&world, temp.path());
    let events = process.runs(&world, ONE, THRESHOLD + 1);
    let compiled = |events: &[Event]| events.contains(&Event::Compiled(vec![ONE, TWO]));
    assert!(compiled(&events), "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Interpreted(_))), "{events:?}");
    process.end();
    // Of the next run, both the region and the blocks are old.
    let events = Process::new(&world, temp.path()).runs(&world, ONE, THRESHOLD + 1);
    assert!(all_kept(&events), "{events:?}");
}

#[test]
fn code_of_no_file_is_neither_kept_nor_taken() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    let none = || Config { is_file: |_| false, ..Config::default() };
    let mut process = Process::with(&world, temp.path(), none());
    process.runs(&world, ONE, 1);
    process.end();
    let emitted = Event::Block(ONE);
    assert!(Process::new(&world, temp.path()).runs(&world, ONE, 1).contains(&emitted));
    first_run(&world, temp.path());
    assert!(Process::with(&world, temp.path(), none()).runs(&world, ONE, 1).contains(&emitted));
}

#[test]
fn full_code_memory_leaves_blocks_to_tier_0() {
    let temp = tempfile::tempdir().unwrap();
    let world = world();
    first_run(&world, temp.path());
    world.set_fate(fake::Fate::NoRoom);
    let events = Process::new(&world, temp.path()).runs(&world, ONE, 2);
    assert_eq!(entered(&events), 0, "{events:?}");
}

/// `ONE` calls `TWO`, which goes on at `THREE` and returns to a system call.
fn caller() -> World {
    let world = World::default();
    world.call(ONE, TWO);
    world.jump(TWO, THREE);
    world.jump(THREE, ONE + 4);
    world.syscall(ONE + 4, 1);
    world
}

impl Process {
    /// Runs from `ONE` to the system call, so often; the regions that were compiled.
    fn calls(&mut self, world: &World, times: u32) -> Vec<Vec<u64>> {
        world.take_events();
        for _ in 0..times {
            self.vcpu.env_mut().set(PC, ONE);
            // Code that a larger region replaces is left on the way.
            while self.vcpu.run() == Exit::Interrupted {}
        }
        let blocks = |event| if let Event::Compiled(blocks) = event { Some(blocks) } else { None };
        world.take_events().into_iter().filter_map(blocks).collect()
    }
}

#[test]
fn larger_region_of_an_earlier_run_is_taken_before_the_smaller_ones_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let (world, config) = (caller(), || Config { patience: 10, ..Config::default() });
    let mut process = Process::with(&world, temp.path(), config());
    let made = process.calls(&world, 200);
    assert!(made.contains(&vec![ONE, ONE + 4, TWO, THREE]) && made.contains(&vec![ONE, ONE + 4]), "{made:?}");
    process.end();
    let mut process = Process::with(&world, temp.path(), config());
    assert!(process.calls(&world, 10).is_empty());
    let events = process.runs(&world, ONE, 1);
    let units: Vec<_> = events.iter().map(|e| if let Event::Entered { unit, .. } = e { *unit } else { 0 }).collect();
    assert!(units[0] != 0 && units.iter().all(|unit| *unit == units[0]), "{events:?}");
}

#[test]
fn region_that_grows_has_what_was_hot_in_an_earlier_run() {
    let temp = tempfile::tempdir().unwrap();
    let (world, config) = (caller(), || Config { patience: 100, ..Config::default() });
    let mut process = Process::with(&world, temp.path(), config());
    let made = process.calls(&world, 4 * THRESHOLD + 20);
    assert_eq!(made, [vec![ONE, ONE + 4], vec![TWO, THREE]]);
    process.end();
    let mut process = Process::with(&world, temp.path(), config());
    assert_eq!(process.calls(&world, 110)[0], [ONE, ONE + 4, TWO, THREE]);
}
