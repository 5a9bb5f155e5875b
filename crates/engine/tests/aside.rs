//! Code whose page was written to and that comes back if its bytes are the same.

mod fake;

use brolga_core::{Exit, Vcpu};
use brolga_engine::Config;
use fake::{Event, Fate, PC, THRESHOLD, World};

fn run(vcpu: &mut dyn Vcpu, pc: u64) {
    vcpu.env_mut().set(PC, pc);
    let mut exit = vcpu.run();
    // Others are asked to leave code that goes, and the processor itself is one of those.
    if exit == Exit::Interrupted {
        exit = vcpu.run();
    }
    assert_eq!(exit, Exit::Syscall(1));
}

fn heat(vcpu: &mut dyn Vcpu, pc: u64) {
    (0..THRESHOLD).for_each(|_| run(vcpu, pc));
}

fn config() -> Config {
    Config { aside: Some(|_| true), ..Config::default() }
}

/// `0x1000` jumps to `0x1100`: a region each, on one page.
fn two_regions(world: &World, config: Config) -> Box<dyn Vcpu> {
    world.jump(0x1000, 0x1100);
    world.syscall(0x1100, 1);
    let mut vcpu = world.vcpu_with(config);
    heat(&mut *vcpu, 0x1100);
    heat(&mut *vcpu, 0x1000);
    run(&mut *vcpu, 0x1000);
    assert_eq!(world.units(), 2);
    world.take_events();
    vcpu
}

/// What a run from `0x1000` enters, and whether anything was made or interpreted.
fn entered(world: &World, vcpu: &mut dyn Vcpu) -> (Vec<u64>, bool) {
    world.take_events();
    run(vcpu, 0x1000);
    let events = world.take_events();
    let unit = |e: &Event| if let Event::Entered { unit, .. } = e { Some(*unit) } else { None };
    let made = events.iter().any(|e| matches!(e, Event::Compiled(_) | Event::Block(_) | Event::Interpreted(_)));
    (events.iter().filter_map(unit).collect(), made)
}

#[test]
fn same_bytes_run_the_same_code_again() {
    let world = World::default();
    let mut vcpu = two_regions(&world, config());
    for _ in 0..3 {
        vcpu.invalidate(0x1000, 0x1000);
        assert!(world.take_events().contains(&Event::Unlinked { from: 0x1000 }));
        assert_eq!(entered(&world, &mut *vcpu), (vec![2, 1], false));
        assert_eq!(entered(&world, &mut *vcpu.sibling()), (vec![2, 1], false));
    }
    assert!(!world.take_events().iter().any(|e| matches!(e, Event::Removed(_) | Event::Released(_))));
}

#[test]
fn other_bytes_are_translated_and_the_rest_comes_back() {
    let world = World::default();
    let mut vcpu = two_regions(&world, config());
    world.jump(0x1000, 0x1200);
    world.jump(0x1200, 0x1100);
    vcpu.invalidate(0x1000, 0x1000);
    run(&mut *vcpu, 0x1000);
    let events = world.take_events();
    let expected = [
        Event::Removed(2),
        Event::Interpreted(0x1000),
        Event::Interpreted(0x1200),
        Event::Released(2),
        Event::Entered { unit: 1, pc: 0x1100 },
    ];
    let others = |e: &Event| !matches!(e, Event::Unlinked { .. } | Event::Linked { .. });
    assert_eq!(events.into_iter().filter(others).collect::<Vec<_>>(), expected);
    // What was given up does not come back when its bytes do.
    world.jump(0x1000, 0x1100);
    vcpu.invalidate(0x1000, 0x1000);
    assert_eq!(entered(&world, &mut *vcpu), (vec![1], true));
}

#[test]
fn blocks_of_tier_1_come_back() {
    let world = World::default();
    world.jump(0x1000, 0x1100);
    world.syscall(0x1100, 1);
    let mut vcpu = world.vcpu_with(Config { block_threshold: 1, region_threshold: 1000, ..config() });
    (0..3).for_each(|_| run(&mut *vcpu, 0x1000));
    let before = entered(&world, &mut *vcpu);
    assert!(!before.1 && before.0.len() == 2);
    vcpu.invalidate(0x1000, 0x1000);
    assert_eq!(entered(&world, &mut *vcpu), before);
    // As before they count, and get a region.
    (0..1000).for_each(|_| run(&mut *vcpu, 0x1000));
    assert!(world.take_events().iter().any(|e| matches!(e, Event::Compiled(_))));
}

#[test]
fn blocks_of_tier_0_get_hot_over_invalidations() {
    let (same, other) = (2, 3);
    for number in [same, other] {
        let world = World::default();
        world.syscall(0x1000, same);
        let mut vcpu = world.vcpu_with(config());
        let mut enter = || {
            vcpu.env_mut().set(PC, 0x1000);
            vcpu.run()
        };
        (1..THRESHOLD).for_each(|_| assert_eq!(enter(), Exit::Syscall(same)));
        world.syscall(0x1000, number);
        vcpu.invalidate(0x1000, 0x1000);
        vcpu.env_mut().set(PC, 0x1000);
        assert_eq!(vcpu.run(), Exit::Syscall(number));
        assert_eq!(world.units(), u64::from(number == same));
    }
}

#[test]
fn bytes_that_change_while_they_are_read_are_not_trusted() {
    let world = World::default();
    let mut vcpu = two_regions(&world, config());
    let other = vcpu.sibling();
    vcpu.invalidate(0x1000, 0x1000);
    world.when_read(move || other.invalidate(0x1000, 0x1000));
    assert_eq!(entered(&world, &mut *vcpu).0, [1], "the second one alone is there at once");
    world.take_events();
}

#[test]
fn nothing_comes_back_where_writes_are_not_noticed_or_that_is_off() {
    for aside in [None, Some((|range| range.start > 0x1fff) as brolga_engine::Watched)] {
        let world = World::default();
        let mut vcpu = two_regions(&world, Config { aside, ..Config::default() });
        vcpu.invalidate(0x1000, 0x1000);
        assert_eq!(entered(&world, &mut *vcpu), (vec![], true));
    }
}

#[test]
fn new_code_takes_the_room_of_what_is_set_aside() {
    let world = World::default();
    let mut vcpu = two_regions(&world, config());
    vcpu.invalidate(0x1000, 0x1000);
    world.set_fate(Fate::RoomFor(2));
    world.syscall(0x3000, 1);
    heat(&mut *vcpu, 0x3000);
    heat(&mut *vcpu, 0x3000);
    let events = world.take_events();
    assert!(events.contains(&Event::Entered { unit: 3, pc: 0x3000 }), "{events:?}");
    assert!(events.contains(&Event::Released(1)), "the older one went");
    assert_eq!(entered(&world, &mut *vcpu), (vec![2], true));
}

#[test]
fn relaxed_code_does_not_come_back_once_it_must_be_precise() {
    let world = World::default();
    let mut vcpu = two_regions(&world, Config { precise: false, ..config() });
    vcpu.invalidate(0x1000, 0x1000);
    vcpu.require_precise();
    assert_eq!(entered(&world, &mut *vcpu), (vec![], true));
}

#[test]
fn what_is_to_be_made_anew_does_not_come_back() {
    let world = World::default();
    let mut vcpu = two_regions(&world, config());
    world.syscall(0x3000, 1);
    vcpu.invalidate(0x1000, 0x1000);
    world.set_outdated();
    vcpu.env().request_exit();
    vcpu.env_mut().set(PC, 0x3000);
    assert_eq!(vcpu.run(), Exit::Interrupted);
    assert_eq!(entered(&world, &mut *vcpu), (vec![], true));
}
