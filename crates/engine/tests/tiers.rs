//! When the engine makes, links, enters and drops regions, seen by tiers that only take notes.

mod fake;

use brolga_core::{Exit, Vcpu};
use brolga_engine::Config;
use fake::{Event, Fate, PC, THRESHOLD, World};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Runs from `pc` until something is to be done outside.
fn run(vcpu: &mut dyn Vcpu, pc: u64) -> Exit {
    vcpu.env_mut().set(PC, pc);
    vcpu.run()
}

/// Runs from `pc` as often as a block needs to become a region.
fn heat(vcpu: &mut dyn Vcpu, pc: u64) {
    (0..THRESHOLD).for_each(|_| assert_eq!(run(vcpu, pc), Exit::Syscall(1)));
}

fn compilations(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e, Event::Compiled(_))).count()
}

#[test]
fn block_becomes_a_region_once_at_the_threshold() {
    let world = World::default();
    world.syscall(0x1000, 1);
    let mut vcpu = world.vcpu();
    for _ in 1..THRESHOLD {
        assert_eq!(run(&mut *vcpu, 0x1000), Exit::Syscall(1));
    }
    assert_eq!(world.take_events(), vec![Event::Interpreted(0x1000); THRESHOLD as usize - 1]);
    assert_eq!(run(&mut *vcpu, 0x1000), Exit::Syscall(1));
    let entered = Event::Entered { unit: 1, pc: 0x1000 };
    assert_eq!(world.take_events(), [Event::Compiled(vec![0x1000]), entered.clone()]);
    for _ in 0..10 {
        run(&mut *vcpu, 0x1000);
    }
    // Another processor finds it too.
    assert_eq!(run(&mut *vcpu.sibling(), 0x1000), Exit::Syscall(1));
    assert_eq!(world.take_events(), vec![entered; 11]);
}

#[test]
fn what_must_not_be_begun_again_is_in_no_region() {
    let world = World::default();
    world.jump(0x1000, 0x2000);
    world.jump_once(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    let mut vcpu = world.vcpu();
    heat(&mut *vcpu, 0x1000);
    heat(&mut *vcpu, 0x1000);
    let events = world.take_events();
    assert_eq!(compiled(&events).concat(), [0x1000, 0x3000]);
    assert_eq!(events.iter().filter(|e| **e == Event::Interpreted(0x2000)).count(), 2 * THRESHOLD as usize);
}

/// `0x1000` calls `0x2000`, which jumps behind the call.
fn caller(patience: u32) -> (World, Box<dyn Vcpu>) {
    let world = World::default();
    world.call(0x1000, 0x2000);
    world.jump(0x2000, 0x1004);
    world.syscall(0x1004, 1);
    let vcpu = world.vcpu_with(Config { patience, ..Config::default() });
    (world, vcpu)
}

/// Runs from `pc` to the system call; code that a larger region replaces is left on the way.
fn call(vcpu: &mut dyn Vcpu, pc: u64) {
    let mut exit = run(vcpu, pc);
    if exit == Exit::Interrupted {
        exit = vcpu.run();
    }
    assert_eq!(exit, Exit::Syscall(1));
}

fn compiled(events: &[Event]) -> Vec<Vec<u64>> {
    let blocks = |e: &Event| if let Event::Compiled(blocks) = e { Some(blocks.clone()) } else { None };
    events.iter().filter_map(blocks).collect()
}

#[test]
fn region_that_is_entered_often_grows_over_calls() {
    let (world, mut vcpu) = caller(10);
    heat(&mut *vcpu, 0x1000);
    let small = compiled(&world.take_events());
    assert_eq!(small, [vec![0x1000, 0x1004], vec![0x2000]], "each function by itself");
    (0..20).for_each(|_| call(&mut *vcpu, 0x1000));
    let events = world.take_events();
    assert_eq!(compiled(&events), [vec![0x1000, 0x1004, 0x2000]]);
    call(&mut *vcpu, 0x1000);
    let inside = [0x1000, 0x2000, 0x1004].map(|pc| Event::Entered { unit: 3, pc });
    assert_eq!(world.take_events(), inside, "the larger one has taken its place");
}

#[test]
fn callee_that_went_into_a_larger_region_grows_only_if_it_stays_hot() {
    let (world, mut vcpu) = caller(10);
    heat(&mut *vcpu, 0x1000);
    (0..20).for_each(|_| call(&mut *vcpu, 0x1000));
    world.take_events();
    // Its own entries were counted while it was called from outside.
    (0..10).for_each(|_| call(&mut *vcpu, 0x2000));
    assert_eq!(compilations(&world.take_events()), 0);
}

#[test]
fn code_of_no_file_runs_longer_before_it_gets_a_region() {
    let (soon, late) = (20, 60);
    for (is_file, threshold) in [((|_| true) as brolga_engine::IsFile, soon), (|_| false, late)] {
        let world = World::default();
        world.syscall(0x1000, 1);
        let thresholds =
            Config { block_threshold: 1, region_threshold: soon, passing_threshold: late, ..Config::default() };
        let mut vcpu = world.vcpu_with(Config { is_file, ..thresholds });
        let entries = (1..200).find(|_| {
            run(&mut *vcpu, 0x1000);
            compilations(&world.take_events()) > 0
        });
        let entries = entries.expect("it is hot");
        assert!((threshold..threshold + 5).contains(&entries), "{entries} of {threshold}");
    }
}

#[test]
fn region_never_grows_without_patience() {
    let (world, mut vcpu) = caller(0);
    heat(&mut *vcpu, 0x1000);
    world.take_events();
    (0..1000).for_each(|_| assert_eq!(run(&mut *vcpu, 0x1000), Exit::Syscall(1)));
    assert_eq!(compilations(&world.take_events()), 0);
}

#[test]
fn refused_region_is_not_tried_again() {
    for fate in [Fate::Refused, Fate::NoRoom] {
        let world = World::default();
        world.syscall(0x1000, 1);
        world.set_fate(fate);
        let mut vcpu = world.vcpu();
        for _ in 0..10 * THRESHOLD {
            assert_eq!(run(&mut *vcpu, 0x1000), Exit::Syscall(1));
        }
        let events = world.take_events();
        assert_eq!(compilations(&events), 1, "{fate:?}");
        let interpreted = events.iter().filter(|e| **e == Event::Interpreted(0x1000)).count();
        assert_eq!(interpreted, 10 * THRESHOLD as usize, "{fate:?}");
    }
}

/// `0x3000` is a region, `0x2000` is one that jumps to it, and `0x5000` is one by itself.
fn three_regions(world: &World) -> Box<dyn Vcpu> {
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    world.syscall(0x5000, 1);
    let mut vcpu = world.vcpu();
    heat(&mut *vcpu, 0x3000);
    heat(&mut *vcpu, 0x5000);
    for _ in 1..THRESHOLD {
        run(&mut *vcpu, 0x2000);
    }
    world.interrupt_in(0x2000);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Interrupted);
    let events = world.take_events();
    assert_eq!(compilations(&events), 3, "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Linked { .. })), "{events:?}");
    assert_eq!(vcpu.env().get(PC), 0x3000, "the exit is taken and waits to be linked");
    vcpu
}

#[test]
fn exit_is_linked_to_the_block_it_leads_to() {
    let world = World::default();
    let mut vcpu = three_regions(&world);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let ran = [Event::Entered { unit: 3, pc: 0x2000 }, Event::Entered { unit: 1, pc: 0x3000 }];
    let linked = Event::Linked { from: 0x2000, to: 0x3000 };
    assert_eq!(world.take_events(), [ran[0].clone(), linked, ran[1].clone()]);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    assert_eq!(world.take_events(), ran, "linked once, then followed without the engine");
}

#[test]
fn exit_is_not_linked_to_where_the_owner_moved_the_program_counter() {
    let world = World::default();
    let mut vcpu = three_regions(&world);
    // As at the delivery of a signal whose handler is hot.
    assert_eq!(run(&mut *vcpu, 0x5000), Exit::Syscall(1));
    assert_eq!(world.take_events(), [Event::Entered { unit: 2, pc: 0x5000 }]);
    // The exit still leads to where the guest's jump does.
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let linked: Vec<_> = world.take_events().into_iter().filter(|e| matches!(e, Event::Linked { .. })).collect();
    assert_eq!(linked, [Event::Linked { from: 0x2000, to: 0x3000 }]);
}

#[test]
fn invalidation_unlinks_and_drops_a_region_and_kicks_every_processor() {
    let world = World::default();
    let mut vcpu = three_regions(&world);
    let mut other = vcpu.sibling();
    // Linked, and followed once by each.
    for vcpu in [&mut vcpu, &mut other] {
        assert_eq!(run(&mut **vcpu, 0x2000), Exit::Syscall(1));
    }
    world.take_events();

    world.syscall(0x3000, 2);
    other.invalidate(0x3000, 4);
    assert_eq!(world.take_events(), [Event::Unlinked { from: 0x2000 }, Event::Removed(1)]);
    for vcpu in [&mut vcpu, &mut other] {
        assert_eq!(run(&mut **vcpu, 0x2000), Exit::Interrupted, "every processor is kicked");
        assert_eq!(vcpu.run(), Exit::Syscall(2), "the new bytes run");
    }
    let ran = [Event::Entered { unit: 3, pc: 0x2000 }, Event::Interpreted(0x3000)];
    assert_eq!(
        world.take_events(),
        [ran.clone(), ran].concat(),
        "the caller's region stays, the dropped one is not run"
    );
}

#[test]
fn block_of_a_dropped_region_must_become_hot_again() {
    let world = World::default();
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    let mut vcpu = world.vcpu();
    heat(&mut *vcpu, 0x2000);
    let events = world.take_events();
    assert!(events.contains(&Event::Compiled(vec![0x2000, 0x3000])), "one region of both: {events:?}");

    // The bytes of its second block alone: the first stays in the cache.
    world.syscall(0x3000, 2);
    vcpu.invalidate(0x3000, 4);
    assert_eq!(world.take_events(), [Event::Removed(1)]);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Interrupted);
    for _ in 1..THRESHOLD {
        assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(2));
        assert_eq!(world.take_events(), [Event::Interpreted(0x2000), Event::Interpreted(0x3000)]);
    }
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(2));
    let entered = |pc| Event::Entered { unit: 2, pc };
    let again = [Event::Compiled(vec![0x2000, 0x3000]), Event::Released(1), entered(0x2000), entered(0x3000)];
    assert_eq!(world.take_events(), again);
}

#[test]
fn invalidation_of_other_bytes_changes_nothing() {
    let world = World::default();
    let mut vcpu = three_regions(&world);
    vcpu.invalidate(0x4000, 0x1000);
    assert_eq!(world.take_events(), []);
    assert_eq!(run(&mut *vcpu, 0x5000), Exit::Syscall(1), "no kick");
    assert_eq!(world.take_events(), [Event::Entered { unit: 2, pc: 0x5000 }]);
}

#[test]
fn oldest_region_makes_room_and_its_memory_is_released() {
    let world = World::default();
    for pc in [0x1000, 0x2000, 0x3000] {
        world.syscall(pc, 1);
    }
    world.set_fate(Fate::RoomFor(2));
    let mut vcpu = world.vcpu();
    heat(&mut *vcpu, 0x1000);
    heat(&mut *vcpu, 0x2000);
    world.take_events();
    for _ in 1..THRESHOLD {
        run(&mut *vcpu, 0x3000);
    }
    world.take_events();
    assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1));
    let entered = |unit, pc| Event::Entered { unit, pc };
    let want = [Event::Compiled(vec![0x3000]), Event::Removed(1), Event::Released(1), entered(3, 0x3000)];
    assert_eq!(world.take_events(), want);
    run(&mut *vcpu, 0x2000);
    run(&mut *vcpu, 0x1000);
    assert_eq!(world.take_events(), [entered(2, 0x2000), Event::Interpreted(0x1000)]);
}

#[test]
fn precise_form_is_asked_for_once_and_relaxed_regions_go() {
    let world = World::default();
    world.syscall(0x1000, 1);
    let mut vcpu = world.vcpu_with(Config { precise: false, ..Config::default() });
    heat(&mut *vcpu, 0x1000);
    assert!(!world.precise());
    world.take_events();
    vcpu.require_precise();
    assert_eq!(world.take_events(), [Event::Removed(1)]);
    vcpu.require_precise();
    heat(&mut *vcpu, 0x1000);
    assert!(world.precise());
    assert!(!world.take_events().contains(&Event::Removed(2)));
}

#[test]
fn regions_are_made_anew_when_the_back_end_asks() {
    let world = World::default();
    world.syscall(0x1000, 1);
    let mut vcpu = world.vcpu();
    heat(&mut *vcpu, 0x1000);
    world.take_events();
    world.set_outdated();
    vcpu.env().request_exit();
    assert_eq!(run(&mut *vcpu, 0x1000), Exit::Interrupted);
    assert_eq!(world.take_events(), [Event::Removed(1)]);
}

#[test]
fn worker_compiles_while_the_processor_runs_on() {
    let world = World::default();
    world.syscall(0x1000, 1);
    let mut vcpu = world.vcpu_with(Config { workers: Some(1), ..Config::default() });
    let start = Instant::now();
    let entered = Event::Entered { unit: 1, pc: 0x1000 };
    let mut events = Vec::new();
    while !events.contains(&entered) {
        assert_eq!(run(&mut *vcpu, 0x1000), Exit::Syscall(1));
        events.extend(world.take_events());
        assert!(start.elapsed() < Duration::from_secs(60), "never entered: {events:?}");
    }
    assert_eq!(compilations(&events), 1);
}

#[test]
fn other_threads_find_the_locks_free_while_quiet() {
    let world = World::default();
    world.syscall(0x1000, 1);
    let mut vcpu = world.vcpu_with(Config { workers: Some(1), ..Config::default() });
    for _ in 0..50 {
        heat(&mut *vcpu, 0x1000);
        let mut ran = false;
        vcpu.quiesce(&mut || {
            ran = true;
            None
        });
        assert!(ran);
        vcpu.invalidate(0x1000, 4);
        while run(&mut *vcpu, 0x1000) == Exit::Interrupted {}
    }
}

#[test]
fn block_gets_code_of_its_own_then_a_region_that_takes_its_links_over() {
    let world = World::default();
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    let mut vcpu = world.vcpu_with(Config { block_threshold: 2, ..Config::default() });
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let interpreted = [Event::Interpreted(0x2000), Event::Interpreted(0x3000)];
    assert_eq!(world.take_events(), interpreted);

    // The second entry: it gets code of its own, with what it leads to.
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let entered = |unit, pc| Event::Entered { unit, pc };
    let blocks = [Event::Block(0x2000), Event::Block(0x3000)];
    assert_eq!(world.take_events(), [&blocks[..], &[entered(1, 0x2000), entered(1, 0x3000)]].concat());

    // Its count is used up: the region that begins there takes the place of the block's own code.
    assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1));
    let region = entered(2, 0x3000);
    assert_eq!(world.take_events(), [Event::Compiled(vec![0x3000]), region.clone()]);
    assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1));
    assert_eq!(world.take_events(), [region]);

    // Changed bytes end both.
    vcpu.invalidate(0x3000, 4);
    assert_eq!(run(&mut *vcpu, 0x3000), Exit::Interrupted);
    assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1));
    let events = world.take_events();
    assert!(events.contains(&Event::Removed(1)) && events.contains(&Event::Removed(2)), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Interpreted(0x3000)));
}

#[test]
fn first_blocks_get_code_after_more_entries() {
    let world = World::default();
    world.syscall(0x2000, 1);
    world.syscall(0x3000, 1);
    let config = Config { block_threshold: 2, slow_start: 1, region_threshold: 20, ..Config::default() };
    let mut vcpu = world.vcpu_with(config);
    let mut entries = |pc| {
        let emitted = |_: &usize| {
            run(&mut *vcpu, pc);
            world.take_events().contains(&Event::Block(pc))
        };
        (1..10).find(emitted)
    };
    assert_eq!([0x2000, 0x3000].map(&mut entries), [Some(8), Some(2)]);
}

#[test]
fn region_of_a_block_of_tier_1_goes_on_where_its_indirect_jump_was_seen_to_lead() {
    for (watch, expected) in [(2, vec![0x2000, 0x3000]), (0, vec![0x2000])] {
        let world = World::default();
        world.jump_indirectly(0x2000, 0x3000);
        world.syscall(0x3000, 1);
        // Tier 0 never runs the jump by itself.
        let mut vcpu = world.vcpu_with(Config { block_threshold: 1, watch, ..Config::default() });
        for _ in 0..10 {
            assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
        }
        let events = world.take_events();
        let blocks: Vec<_> = events.iter().filter(|e| matches!(e, Event::Compiled(b) if b[0] == 0x2000)).collect();
        assert_eq!(blocks, [&Event::Compiled(expected)], "{events:?}");
    }
}

#[test]
fn jump_between_blocks_of_one_piece_leads_to_the_region_of_the_second() {
    let world = World::default();
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    let mut vcpu = world.vcpu_with(Config { block_threshold: 2, region_threshold: 10, ..Config::default() });
    (0..2).for_each(|_| assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1)));
    (0..8).for_each(|_| assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1)));
    world.take_events();
    let entered = |unit, pc| Event::Entered { unit, pc };
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    assert_eq!(world.take_events(), [entered(1, 0x2000), entered(2, 0x3000)]);
    // When the region goes, and the block with it, the jump leads nowhere.
    vcpu.invalidate(0x3000, 4);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Interrupted);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let events = world.take_events();
    assert_eq!(events[events.len() - 2..], [Event::Interpreted(0x2000), Event::Interpreted(0x3000)]);
}

#[test]
fn exits_of_released_code_are_not_linked_again() {
    let world = World::default();
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    world.syscall(0x5000, 1);
    let mut vcpu = world.vcpu_with(Config { block_threshold: 2, region_threshold: 8, ..Config::default() });
    for pc in [0x3000, 0x2000] {
        (0..2).for_each(|_| assert_eq!(run(&mut *vcpu, pc), Exit::Syscall(1)));
    }
    let linked = Event::Linked { from: 0x2000, to: 0x3000 };
    assert!(world.take_events().contains(&linked));
    vcpu.invalidate(0x2000, 4);
    assert_eq!(run(&mut *vcpu, 0x5000), Exit::Interrupted);
    // Code that is put in place lets what was dropped go; the slots of that may be anybody's from then on.
    (0..2).for_each(|_| assert_eq!(run(&mut *vcpu, 0x5000), Exit::Syscall(1)));
    assert!(world.take_events().contains(&Event::Released(2)));
    (0..8).for_each(|_| assert_eq!(run(&mut *vcpu, 0x3000), Exit::Syscall(1)));
    let events = world.take_events();
    assert!(events.contains(&Event::Compiled(vec![0x3000])) && !events.contains(&linked), "{events:?}");
}

#[test]
fn block_whose_region_is_refused_runs_on_in_tier_1() {
    let world = World::default();
    world.syscall(0x2000, 1);
    world.set_fate(Fate::Refused);
    let mut vcpu = world.vcpu_with(Config { block_threshold: 1, ..Config::default() });
    (0..10).for_each(|_| assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1)));
    // A region was asked for once, and refused.
    assert_eq!(compilations(&world.take_events()), 1);
}

type Shared = Arc<Mutex<Box<dyn Vcpu>>>;

/// `0x2000` jumps to `0x3000`. That is emitted by two processors at once: by the second, alone, which runs it `runs` times, and
/// by the first, which has joined both already. Both processors.
fn emitted_twice(runs: usize) -> (World, Box<dyn Vcpu>, Shared) {
    let world = World::default();
    world.jump(0x2000, 0x3000);
    world.syscall(0x3000, 1);
    let config = Config { block_threshold: 2, region_threshold: 10, precise: false, ..Config::default() };
    let mut vcpu = world.vcpu_with(config);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    let second = Arc::new(Mutex::new(vcpu.sibling()));
    let other = Arc::clone(&second);
    let work = move || (0..runs).for_each(|_| assert_eq!(run(&mut **other.lock().unwrap(), 0x3000), Exit::Syscall(1)));
    world.meanwhile(work);
    assert_eq!(run(&mut *vcpu, 0x2000), Exit::Syscall(1));
    (world, vcpu, second)
}

#[test]
fn no_copy_of_a_block_leads_to_a_region_that_went() {
    // The region is made between the two copies.
    let (world, vcpu, _) = emitted_twice(12);
    assert!(world.take_events().contains(&Event::Compiled(vec![0x3000])));
    vcpu.require_precise();
    assert!(world.take_events().contains(&Event::Removed(2)));
    // The first processor's copy came too late: the block had parted from the second's. The rest goes with its bytes.
    let (world, vcpu, _) = emitted_twice(12);
    vcpu.invalidate(0x3000, 4);
    let gone = world.take_events().iter().filter(|e| matches!(e, Event::Removed(_))).count();
    assert_eq!(gone, 2);
}

#[test]
fn copy_of_a_block_that_is_hot_asks_once() {
    let (world, _first, second) = emitted_twice(1);
    world.set_fate(Fate::Refused);
    world.take_events();
    // It still finds the copy that is not known any more.
    (0..100).for_each(|_| assert_eq!(run(&mut **second.lock().unwrap(), 0x3000), Exit::Syscall(1)));
    let events = world.take_events();
    assert!(events.iter().all(|e| !matches!(e, Event::Entered { unit, .. } if *unit != 1)), "{events:?}");
    assert_eq!(compilations(&events), 1, "{events:?}");
}
