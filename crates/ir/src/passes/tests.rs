//! Each pass alone on text, and all of them on the file with every op.

use super::*;
use crate::parse::parse;
use crate::testing::{EVERY_OP, HELPERS, REGS};
use crate::text::print;
use crate::verify::verify;

fn pass(name: &str) -> &'static Pass {
    PASSES.iter().find(|p| p.name == name).unwrap()
}

/// Runs pass `name` on `body` (of one guest instruction, before an exit); returns the new body.
fn run(name: &str, body: &str) -> String {
    let text = format!("block pc=0 mode=0\ninsn 0 4\n{body}\ngoto.jump 4");
    let block = parse(&text, &REGS, HELPERS).unwrap();
    verify(&block, &REGS, HELPERS).unwrap();
    let once = (pass(name).run)(&block, &REGS);
    let text = print(&once, &REGS, HELPERS);
    verify(&once, &REGS, HELPERS).unwrap_or_else(|e| panic!("{e:?} in\n{text}"));
    assert_eq!((pass(name).run)(&once, &REGS), once, "{name} twice");
    let lines: Vec<_> = text.lines().skip(2).map(str::trim).collect();
    lines[..lines.len() - 1].join("; ")
}

#[test]
fn fold_computes_and_decides() {
    assert_eq!(
        run("fold", "v0 = iconst.i32 -1\nv1 = sext.i64 v0\nset x0, v1"),
        "v0 = iconst.i32 0xffffffff; v1 = iconst.i64 0xffffffffffffffff; set x0, v1"
    );
    assert_eq!(
        run("fold", "v0 = get.i64 x0\nv1 = xor.i64 v0, v0\nset x0, v1"),
        "v0 = get.i64 x0; v1 = iconst.i64 0; set x0, v1"
    );
    let flags = "v0 = iconst.i64 5\nv1 = flags_sub.i64 v0, v0\nv2 = cond.eq v1\nv3 = get.i64 x1\nv4 = select.i64 v2, v3, v0\nset x0, v4";
    assert_eq!(
        run("fold", flags),
        "v0 = iconst.i64 5; v1 = flags_sub.i64 v0, v0; v2 = iconst.i8 1; v3 = get.i64 x1; set x0, v3"
    );
    let branch = "v0 = iconst.i8 0\nv1 = get.i64 x1\nbrif v0, L1(v1), L2()\nL1:\nv2 = param.i64\ngoto_ind.ret v2\nL2:";
    assert_eq!(
        run("fold", branch),
        "v0 = iconst.i8 0; v1 = get.i64 x1; jump L2(); L1:; v2 = param.i64; goto_ind.ret v2; L2:"
    );
    let wide = "v0 = vconst 0xff\nv1 = not.v128 v0\nv2 = lane.i64.8x16 v1, 1\nset x0, v2\nset v0, v1";
    assert_eq!(
        run("fold", wide),
        "v0 = vconst 0xff; v1 = vconst 0xffffffffffffffffffffffffffffff00; v2 = iconst.i64 255; set x0, v2; set v0, v1"
    );
}

#[test]
fn fold_makes_known_jumps_direct() {
    let text = "block pc=0 mode=0\ninsn 0 4\nv0 = iconst.i64 0x40\ngoto_ind.call v0";
    let out = fold::run(&parse(text, &REGS, HELPERS).unwrap(), &REGS);
    assert!(print(&out, &REGS, HELPERS).ends_with("  goto.call 0x40\n"));
}

#[test]
fn copies_look_through_moved_bits() {
    let get = "v0 = get.i64 x0; v1 = get.i64 x1";
    let through = |ops: &str| {
        let out = run("copies", &format!("{}\n{ops}", get.replace("; ", "\n")));
        out.strip_prefix(get).unwrap().trim_start_matches("; ").to_string()
    };
    assert_eq!(
        through("v2 = deposit.i64 v0, v1, 8, 8\nv3 = extract.i64 v2, 10, 2\nset x2, v3"),
        "v2 = deposit.i64 v0, v1, 8, 8; v3 = extract.i64 v1, 2, 2; set x2, v3"
    );
    assert_eq!(
        through("v2 = deposit.i64 v0, v1, 8, 8\nv3 = extract.i64 v2, 16, 2\nset x2, v3"),
        "v2 = deposit.i64 v0, v1, 8, 8; v3 = extract.i64 v0, 16, 2; set x2, v3"
    );
    assert_eq!(
        through("v2 = deposit.i64 v0, v1, 8, 8\nv3 = extract.i64 v2, 15, 2\nset x2, v3"),
        "v2 = deposit.i64 v0, v1, 8, 8; v3 = extract.i64 v2, 15, 2; set x2, v3"
    );
    assert_eq!(
        through("v2 = zext.i32 v0\nv3 = zext.i64 v2\nv4 = zext.i32 v3\nset x2, v3\nv5 = zext.i64 v4\nset x3, v5"),
        "v2 = zext.i32 v0; v3 = zext.i64 v2; set x2, v3; v4 = zext.i64 v2; set x3, v4"
    );
    assert_eq!(
        through("v2 = iconst.i64 0\nv3 = iadd.i64 v2, v0\nv4 = or.i64 v3, v2\nv5 = and.i64 v4, v4\nset x2, v5"),
        "v2 = iconst.i64 0; set x2, v0"
    );
    assert_eq!(through("v2 = not.i64 v0\nv3 = not.i64 v2\nset x2, v3"), "v2 = not.i64 v0; set x2, v0");
    assert_eq!(
        through(
            "v2 = vsplat.64x2 v0\nv3 = insert.64x2 v2, v1, 1\nv4 = lane.i64.64x2 v3, 0\nv5 = lane.i64.64x2 v3, 1\nset x2, v4\nset x3, v5"
        ),
        "v2 = vsplat.64x2 v0; v3 = insert.64x2 v2, v1, 1; set x2, v0; set x3, v1"
    );
    assert_eq!(
        through("v2 = vsplat.64x2 v0\nv3 = insert.64x2 v2, v1, 1\nv4 = insert.64x2 v3, v0, 1\nset v0, v4"),
        "v2 = vsplat.64x2 v0; v3 = insert.64x2 v2, v1, 1; v4 = insert.64x2 v2, v0, 1; set v0, v4"
    );
    assert_eq!(
        through("v2 = vscalar.v128 v0\nv3 = insert.64x2 v2, v1, 0\nset v0, v3"),
        "v2 = vscalar.v128 v0; v3 = vscalar.v128 v1; set v0, v3"
    );
}

#[test]
fn copies_widen_upper_lanes_where_they_are() {
    let get = "v0 = get.v128 v0\nv1 = get.v128 v1\n";
    let widened = |selectors: &str, op: &str| {
        run("copies", &format!("{get}v2 = vshuffle v0, v1, {selectors}\nv3 = {op}\nset v1, v3"))
    };
    let down = "0x80808080808080800f0e0d0c0b0a0908";
    assert!(widened(down, "vzext.8x16 v2, 0").ends_with("v3 = vzext.8x16 v0, 1; set v1, v3"));
    assert!(widened("0x1f1e1d1c1b1a1918", "vsext.32x4 v2, 0").ends_with("vsext.32x4 v1, 1; set v1, v3"));
    for (selectors, op) in [(down, "vzext.8x16 v2, 1"), ("0x0f0e0d0c0b0a0907", "vzext.8x16 v2, 0")] {
        assert!(widened(selectors, op).ends_with(&format!("v3 = {op}; set v1, v3")));
    }
}

#[test]
fn copies_know_bits_that_are_clear() {
    let flags = "v0 = get_flags\nv1 = cond.eq v0\nv2 = zext.i64 v1\n";
    assert_eq!(
        run("copies", &format!("{flags}v3 = iconst.i64 0\nv4 = deposit.i64 v3, v2, 0, 8\nset x0, v4")),
        "v0 = get_flags; v1 = cond.eq v0; v2 = zext.i64 v1; v3 = iconst.i64 0; set x0, v2"
    );
    let load = "v0 = get.i64 x0\nv1 = load.i64.b2 v0\n";
    assert_eq!(
        run("copies", &format!("{load}v2 = extract.i64 v1, 0, 16\nset x0, v2")),
        "v0 = get.i64 x0; v1 = load.i64.b2 v0; set x0, v1"
    );
    let narrow = run("copies", &format!("{load}v2 = extract.i64 v1, 0, 15\nset x0, v2"));
    assert!(narrow.contains("extract"), "{narrow}");
    let signed = run("copies", "v0 = get.i64 x0\nv1 = load.i64.b2.sx v0\nv2 = extract.i64 v1, 0, 16\nset x0, v2");
    assert!(signed.contains("extract"), "{signed}");
}

#[test]
fn copies_join_constants_of_sums_and_addresses() {
    let two = "v0 = get.i64 x0\nv1 = iconst.i64 -8\nv2 = iadd.i64 v0, v1\nv3 = iconst.i64 16\nv4 = isub.i64 v2, v3\n";
    let kept = "v0 = get.i64 x0; v1 = iconst.i64 0xfffffffffffffff8; v2 = iadd.i64 v0, v1; v3 = iconst.i64 16; ";
    assert_eq!(
        run("copies", &format!("{two}set x0, v4")),
        format!("{kept}v4 = iconst.i64 0xffffffffffffffe8; v5 = iadd.i64 v0, v4; set x0, v5")
    );
    assert_eq!(
        run("copies", &format!("{two}v5 = load.i64.b8 v4 + 32\nset x0, v5")),
        format!("{kept}v4 = iconst.i64 0xffffffffffffffe8; v5 = iadd.i64 v0, v4; v6 = load.i64.b8 v0 + 8; set x0, v6")
    );
    // Back where it began; and beyond what a displacement holds.
    let back = "v0 = get.i64 x0\nv1 = iconst.i64 0x7fffffff\nv2 = iadd.i64 v0, v1\nv3 = isub.i64 v2, v1\n";
    let there = "v0 = get.i64 x0; v1 = iconst.i64 0x7fffffff; v2 = iadd.i64 v0, v1; ";
    assert_eq!(
        run("copies", &format!("{back}v4 = load.i64.b8 v2 + 1\nset x1, v3\nset x0, v4")),
        format!("{there}v3 = load.i64.b8 v2 + 1; set x1, v0; set x0, v3")
    );
}

#[test]
fn conds_compare_operands() {
    let body =
        "v0 = get.i64 x0\nv1 = get.i64 x1\nv2 = flags_sub.i64 v0, v1\nv3 = cond.hi v2\nv4 = zext.i64 v3\nset x2, v4";
    assert_eq!(
        run("conds", body),
        "v0 = get.i64 x0; v1 = get.i64 x1; v2 = flags_sub.i64 v0, v1; v3 = icmp.i64.ugt v0, v1; v4 = zext.i64 v3; set x2, v4"
    );
    let body = "v0 = get.i64 x0\nv1 = flags_sub.i64 v0, v0\nv2 = cond.mi v1\nv3 = zext.i64 v2\nset x2, v3";
    assert_eq!(run("conds", body), body.replace('\n', "; "));
    let body = "v0 = get.i64 x0\nv1 = flags_logic.i64 v0\nv2 = iconst.i64 0x40000000\nv3 = flags_pack.i64 v2\n\
        v4 = icmp.i64.eq v0, v2\nv5 = flags_select.flags v4, v1, v3\nv6 = cond.ne v5\nv7 = zext.i64 v6\nset x2, v7";
    assert!(
        run("conds", body)
            .contains("v6 = iconst.i64 0; v7 = icmp.i64.ne v0, v6; v8 = iconst.i8 0; v9 = select.i8 v4, v7, v8")
    );
}

#[test]
fn gets_follow_writes() {
    assert_eq!(
        run("gets", "v0 = get.i64 x0\nset x1, v0\nv1 = get.i64 x1\nset x0, v1\nv2 = get.i64 x0\nset x2, v2"),
        "v0 = get.i64 x0; set x1, v0; set x2, v0"
    );
    let call = "v0 = get.v128 v0\ncall add3() writes{#9}\nv1 = get.v128 v0\nset v1, v1";
    assert_eq!(run("gets", call), call.replace('\n', "; "));
    let flags = "v0 = get_flags\nv1 = get.i64 x0\nset cc_a, v1\nv2 = get_flags\nv3 = flags_unpack.i64 v2\nset x0, v3";
    assert_eq!(run("gets", flags), flags.replace('\n', "; "));
    let label = "v0 = get.i64 x0\nset x1, v0\njump L1()\nL1:\nv1 = get.i64 x1\nset x2, v1";
    assert_eq!(run("gets", label), label.replace('\n', "; "));
}

#[test]
fn dead_sets_need_no_observer_between() {
    let two = |between: &str| format!("v0 = get.i64 x0\nset x1, v0\ninsn 4 0\n{between}\nset x1, v0");
    assert_eq!(run("dead-sets", &two("fence")), "v0 = get.i64 x0; insn 0x4 0; fence; set x1, v0");
    for observer in ["v1 = load.i64.b8 v0", "call add3() reads{x1}", "v1 = get.i64 x1", "store.b8 v0, v0"] {
        assert_eq!(run("dead-sets", &two(observer)).matches("set x1").count(), 2, "{observer}");
    }
    for other in ["call add3() reads{x0} writes{x1}", "v1 = get.i64 x2", "v1 = get_flags"] {
        assert_eq!(run("dead-sets", &two(other)).matches("set x1").count(), 1, "{other}");
    }
}

#[test]
fn dead_flags_count_every_reader() {
    let two = |between: &str| {
        let (first, second) = ("v9 = flags_logic.i64 v0\nset_flags v9", "v8 = flags_sub.i64 v0, v0\nset_flags v8");
        format!("v0 = get.i64 x0\n{first}\ninsn 4 0\n{between}\n{second}")
    };
    assert_eq!(run("dead-flags", &two("fence")).matches("set_flags").count(), 1);
    for observer in ["v1 = load.i64.b8 v0", "v1 = get_flags", "v1 = get.i64 cc_b", "call add3() reads{cc_op}"] {
        assert_eq!(run("dead-flags", &two(observer)).matches("set_flags").count(), 2, "{observer}");
    }
}

#[test]
fn cse_keeps_the_first() {
    let body = "v0 = get.i64 x0\nv1 = get.i64 x1\nv2 = iadd.i64 v0, v1\nv3 = iadd.i64 v1, v0\nv4 = isub.i64 v2, v3\nset x0, v4";
    assert_eq!(
        run("cse", body),
        "v0 = get.i64 x0; v1 = get.i64 x1; v2 = iadd.i64 v0, v1; v3 = isub.i64 v2, v2; set x0, v3"
    );
    let body = "v0 = vconst 0x1\nv1 = vconst 0x2\nv2 = vconst 0x1\nset v0, v1\nset v1, v2";
    assert_eq!(run("cse", body), "v0 = vconst 0x1; v1 = vconst 0x2; set v0, v1; set v1, v0");
    let body = "v0 = get.i64 x0\nv1 = load.i64.b8 v0\nv2 = load.i64.b8 v0\nv3 = isub.i64 v1, v2\nset x0, v3";
    assert_eq!(run("cse", body), body.replace('\n', "; "));
}

#[test]
fn dce_keeps_effects_and_marks() {
    let body = "v0 = get.i64 x0\nv1 = load.i64.b8 v0\nv2 = neg.i64 v1\nv3 = get.i64 x1\nv4 = get_flags";
    assert_eq!(run("dce", body), "v0 = get.i64 x0; v1 = load.i64.b8 v0");
    let body = "jump L3()\nL1:\njump L2()\nL2:\ngoto.jump 0x8\nL4:\ninsn 0x4 4\njump L5()\nL5:\ngoto.jump 0x8\nL3:";
    assert_eq!(run("dce", body), "jump L3(); L4:; insn 0x4 4; jump L5(); L5:; goto.jump 0x8; L3:");
}

#[test]
fn every_pass_and_all_passes_keep_every_op_valid() {
    let block = parse(EVERY_OP, &REGS, HELPERS).unwrap();
    for p in PASSES {
        let once = (p.run)(&block, &REGS);
        verify(&once, &REGS, HELPERS).unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
        assert_eq!((p.run)(&once, &REGS), once, "{} twice", p.name);
        assert_eq!(once.guest_insns, block.guest_insns);
    }
    let all = optimise(&block, &Passes::ALL, &REGS);
    assert_eq!(verify(&all, &REGS, HELPERS), Ok(()));
    assert_eq!(optimise(&all, &Passes::ALL, &REGS), all);
    assert_eq!(optimise(&block, &Passes::NONE, &REGS), block);
}

#[test]
fn switches_are_distinct() {
    for (i, p) in PASSES.iter().enumerate() {
        let mut passes = Passes::NONE;
        *(p.switch)(&mut passes) = true;
        let on = PASSES.iter().filter(|q| *(q.switch)(&mut passes)).count();
        assert_eq!(on, 1, "pass {i} shares a switch");
    }
}
