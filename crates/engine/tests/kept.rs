//! When regions are kept between runs, found again, and not.

mod fake;

use brolga_cache::{Folder, Store};
use brolga_core::{Exit, Vcpu};
use brolga_engine::Config;
use fake::{Event, PC, THRESHOLD, World};
use std::path::Path;
use std::sync::Arc;

/// Runs of a block before what is kept of it is looked for: fewer than it takes to compile it.
const LOOK: u32 = 2;

fn store(path: &Path) -> Option<Arc<Store>> {
    Some(Arc::new(Store::open(Folder::open(path, 1 << 30).unwrap(), b"fake", |file| file)))
}

/// A process with what is kept at `path`.
fn process(world: &World, path: &Path, config: Config) -> (Box<dyn Vcpu>, Arc<Store>) {
    let store = store(path);
    let vcpu = world.vcpu_with(Config { store: store.clone(), load_threshold: LOOK, ..config });
    (vcpu, store.unwrap())
}

/// Runs the block at `pc` so many times; what the tiers did.
fn runs(world: &World, vcpu: &mut dyn Vcpu, pc: u64, times: u32) -> Vec<Event> {
    world.take_events();
    for _ in 0..times {
        vcpu.env_mut().set(PC, pc);
        assert!(matches!(vcpu.run(), Exit::Syscall(_)));
    }
    world.take_events()
}

fn compiled(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(e, Event::Compiled(_)))
}

fn entered(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(e, Event::Entered { .. }))
}

/// A world where `0x1000` jumps to a system call at `0x2000`, and a first run that keeps the region of both.
fn first_run(path: &Path, config: Config) -> World {
    let world = World::default();
    world.jump(0x1000, 0x2000);
    world.syscall(0x2000, 1);
    let (mut vcpu, store) = process(&world, path, config);
    let events = runs(&world, &mut *vcpu, 0x1000, THRESHOLD);
    assert!(events.contains(&Event::Compiled(vec![0x1000, 0x2000])), "{events:?}");
    store.flush();
    world
}

#[test]
fn second_run_takes_what_the_first_compiled() {
    let temp = tempfile::tempdir().unwrap();
    let world = first_run(temp.path(), Config::default());
    let (mut vcpu, store) = process(&world, temp.path(), Config::default());
    let events = runs(&world, &mut *vcpu, 0x1000, LOOK - 1);
    assert!(!entered(&events), "it has not run often enough: {events:?}");
    let events = runs(&world, &mut *vcpu, 0x1000, 2);
    assert!(entered(&events) && !compiled(&events), "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Interpreted(_))), "{events:?}");
    assert_eq!(store.figures().found, 1);
}

#[test]
fn other_bytes_are_compiled_anew_and_kept_beside() {
    let temp = tempfile::tempdir().unwrap();
    let world = first_run(temp.path(), Config::default());
    for _ in 0..2 {
        world.syscall(0x2000, 2);
        let (mut vcpu, store) = process(&world, temp.path(), Config::default());
        let events = runs(&world, &mut *vcpu, 0x1000, THRESHOLD);
        let found = store.figures().found == 1;
        assert_eq!(compiled(&events), !found, "{events:?}");
        assert_eq!(vcpu.env().get(PC), 0x2004);
        store.flush();
    }
    world.syscall(0x2000, 1);
    let (mut vcpu, store) = process(&world, temp.path(), Config::default());
    assert!(!compiled(&runs(&world, &mut *vcpu, 0x1000, THRESHOLD)));
    assert_eq!(store.figures().found, 1);
}

#[test]
fn kept_region_is_dropped_by_an_invalidation() {
    let temp = tempfile::tempdir().unwrap();
    let world = first_run(temp.path(), Config::default());
    let (mut vcpu, _) = process(&world, temp.path(), Config::default());
    assert!(entered(&runs(&world, &mut *vcpu, 0x1000, LOOK)));
    world.syscall(0x2000, 9);
    // No block of it was ever translated here: the region alone holds these bytes.
    vcpu.invalidate(0x2000, 4);
    vcpu.env_mut().set(PC, 0x1000);
    assert_eq!(vcpu.run(), Exit::Interrupted, "it may have been in the region");
    assert_eq!(vcpu.run(), Exit::Syscall(9));
}

#[test]
fn code_of_no_file_is_neither_kept_nor_taken() {
    let temp = tempfile::tempdir().unwrap();
    let none = || Config { is_file: |_| false, ..Config::default() };
    let world = first_run(temp.path(), none());
    assert_eq!(store(temp.path()).unwrap().figures().known, 0, "nothing was kept");
    first_run(temp.path(), Config::default());
    let (mut vcpu, _) = process(&world, temp.path(), none());
    assert!(compiled(&runs(&world, &mut *vcpu, 0x1000, THRESHOLD)));
}

#[test]
fn forms_are_kept_apart() {
    let temp = tempfile::tempdir().unwrap();
    let relaxed = || Config { precise: false, ..Config::default() };
    let world = first_run(temp.path(), relaxed());
    let (mut vcpu, store) = process(&world, temp.path(), Config { precise: true, ..Config::default() });
    assert!(compiled(&runs(&world, &mut *vcpu, 0x1000, THRESHOLD)));
    store.flush();
    let (mut vcpu, _) = process(&world, temp.path(), relaxed());
    assert!(entered(&runs(&world, &mut *vcpu, 0x1000, LOOK)));
    vcpu.require_precise();
    assert!(world.take_events().contains(&Event::Removed(world.units())));
    let events = runs(&world, &mut *vcpu, 0x1000, LOOK + 1);
    assert!(entered(&events) && !compiled(&events), "the other form is there too: {events:?}");
}

#[test]
fn full_code_memory_leaves_the_block_to_tier_0() {
    let temp = tempfile::tempdir().unwrap();
    let world = first_run(temp.path(), Config::default());
    world.set_fate(fake::Fate::NoRoom);
    let (mut vcpu, _) = process(&world, temp.path(), Config::default());
    assert!(!entered(&runs(&world, &mut *vcpu, 0x1000, 3 * THRESHOLD)));
}

#[test]
fn for_a_kept_region_nobody_looks_where_jumps_lead() {
    const WATCH: u32 = 5;
    let temp = tempfile::tempdir().unwrap();
    let world = World::default();
    world.jump_indirectly(0x1000, 0x2000);
    world.syscall(0x2000, 1);
    let run = || {
        let config = Config { block_threshold: 1, watch: WATCH, ..Config::default() };
        let (mut vcpu, store) = process(&world, temp.path(), config);
        let events = runs(&world, &mut *vcpu, 0x1000, 3 * THRESHOLD);
        store.flush();
        let interpreted = events.iter().filter(|e| matches!(e, Event::Interpreted(_))).count() as u32;
        (compiled(&events), interpreted >= WATCH)
    };
    assert_eq!([run(), run()], [(true, true), (false, false)]);
}
