//! Tables that must be refused, with the words and lines of the refusal, and tables that must not.

use brolga_decode::{Tree, compile, parse};

/// The messages for a table, each with its line.
fn errors(table: &str) -> Vec<(usize, String)> {
    match compile("t", table) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|e| (e.line, e.message)).collect(),
    }
}

/// Asserts that a table of one section has exactly one fault, on `line`, whose message contains `part`.
#[track_caller]
fn refuse(rows: &str, line: usize, part: &str) {
    let found = errors(&format!("[s]\n{rows}"));
    assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(part), "{found:?}");
}

#[track_caller]
fn accept(rows: &str) {
    assert_eq!(errors(&format!("[s]\n{rows}")), []);
}

const ZEROS_27: &str = "000000000000000000000000000";

#[test]
fn a_row_has_32_bits() {
    refuse(&format!("a {ZEROS_27} 0000 A"), 2, "31 bits");
    refuse(&format!("a {ZEROS_27} 000000 A"), 2, "33 bits");
    refuse(&format!("a {ZEROS_27} x:6 A"), 2, "does not fit after 27");
    refuse("a x:33 A", 2, "does not fit");
    refuse("a x:0 x:32 A", 2, "does not fit");
    refuse("a x:many A", 2, "no proper width");
    accept(&format!("a {ZEROS_27} .0 x:3 A"));
}

#[test]
fn names_are_unique_and_well_formed() {
    refuse(&format!("a {ZEROS_27} x:2 x:3 A"), 2, "`x` appears twice");
    refuse(&format!("a {ZEROS_27} 00000 A\na {ZEROS_27} 00001 B"), 3, "already, on line 2");
    refuse(&format!("Add {ZEROS_27} 00000 A"), 2, "lower-case");
    refuse(&format!("yield {ZEROS_27} 00000 A"), 2, "reserved");
    refuse(&format!("a {ZEROS_27} type:5 A"), 2, "reserved");
    refuse(&format!("a {ZEROS_27} x:5 add"), 2, "neither a bit pattern nor a mnemonic");
    refuse(&format!("a {ZEROS_27} x:5"), 2, "no mnemonic");
    assert!(errors(&format!("a {ZEROS_27} x:5 A"))[0].1.contains("before the first [section]"));
}

#[test]
fn fields_named_later_exist() {
    refuse(&format!("a {ZEROS_27} x:5 A where y == 1"), 2, "`y`");
    refuse(&format!("a {ZEROS_27} x:5 A B [y]"), 2, "`y`");
    refuse(&format!("a {ZEROS_27} x:2 y:3 A B [x]"), 2, "index of 2 bits does not fit 2 mnemonics");
    refuse(&format!("a {ZEROS_27} x:5 A B"), 2, "need an [index]");
    accept(&format!("a {ZEROS_27} x:1 y:1 000 A B C D [y:x]"));
}

#[test]
fn the_tail_of_a_row_is_well_formed() {
    refuse(&format!("a {ZEROS_27} x:5 A @"), 2, "one feature");
    refuse(&format!("a {ZEROS_27} x:5 A @ONE @TWO"), 2, "one feature");
    refuse(&format!("a {ZEROS_27} x:5 A -> f(C"), 2, "`)` is missing");
    refuse(&format!("a {ZEROS_27} x:5 A where x ="), 2, "no meaning");
    accept(&format!("a {ZEROS_27} x:5 A where x != 3 -> f(C::D) @ONE"));
}

#[test]
fn lines_continue_after_a_backslash() {
    accept(&format!("a {ZEROS_27} x:5 A B \\\n C D E F G H \\\n [x] \\\n").replace("x:5", "x:3 00"));
    refuse(&format!("a {ZEROS_27} \\\n x:5 \\\n A where y\nb {ZEROS_27} 00001 B"), 2, "`y`");
}

#[test]
fn a_row_claims_something() {
    refuse(&format!("a {ZEROS_27} x:5 A where x > 31"), 2, "never holds");
    refuse("a 0000000000000000 x:16 A where x == 7", 2, "fewer than one word in 1024");
    refuse("a x:24 00000000 A where x > 7", 2, "reads more than 20 bits");
}

#[test]
fn overlaps_are_found_exactly() {
    refuse(&format!("a {ZEROS_27} x:5 A\nb {ZEROS_27} 00 y:3 B"), 3, "`b` overlaps `a` of line 2");
    accept(&format!("a {ZEROS_27} x:5 A where x & 24\nb {ZEROS_27} 00 y:3 B"));
    refuse(&format!("a {ZEROS_27} x:5 A where x > 5\nb {ZEROS_27} 00 y:3 B where y < 7"), 3, "0x00000006");
    accept(&format!("a {ZEROS_27} x:5 A where x > 5\nb {ZEROS_27} 00 y:3 B where y < 6"));
    refuse(&format!("a {ZEROS_27} x:5 A where x > 3\nb {ZEROS_27} y:5 B where y == 4 && !(y & 1)"), 3, "0x00000004");
    refuse(
        "a x:16 0000000000000000 A where x\nb 1 0000000000 y:5 z:12 0000 B where y & 1 && z < 2048",
        3,
        "0x80010000",
    );
}

#[test]
fn a_group_settles_overlaps_within_itself_only() {
    accept(&format!("group {{\na {ZEROS_27} 00000 A\nb {ZEROS_27} x:5 B\n}}"));
    refuse(&format!("group {{\na {ZEROS_27} 00000 A\nb {ZEROS_27} x:5 B\n}}\nc {ZEROS_27} 00001 C"), 6, "overlaps `b`");
    let two = format!("group {{\na {ZEROS_27} 00000 A\n}}\ngroup {{\nb {ZEROS_27} x:5 B\n}}");
    refuse(&two, 6, "overlaps `a`");
    refuse(&format!("group {{\na {ZEROS_27} 00000 A"), 2, "never closed");
    refuse("}", 2, "no group");
    refuse("group {\ngroup {\n}", 3, "do not nest");
}

#[test]
fn rows_that_share_a_function_share_its_arguments() {
    let row = |name: &str, bits: &str, tail: &str| format!("{name} {ZEROS_27} {bits} A -> f{tail}\n");
    accept(&(row("a", "x:3 00", "(C::A)") + &row("b", "x:3 01", "(C::B)")));
    refuse(&(row("a", "x:3 00", "") + &row("b", "y:3 01", "")), 3, "their fields differ");
    refuse(&(row("a", "0 x:3 0", "") + &row("b", "10 x:3", "")), 3, "their fields differ");
    refuse(&(row("a", "x:3 00", "") + &row("b", "x:3 01", "(C::B)")), 3, "only one of them passes a constant");
    let sections = format!("{}[t]\n{}", row("a", "x:3 00", ""), row("b", "x:3 01", ""));
    refuse(&sections, 4, "their sections differ");
    refuse(&row("a", "x:3 00", "(F::A)"), 2, "`F` has the name of an argument struct");
    // Rows that are not implemented have no arguments.
    accept(&(row("a", "x:3 00", "") + &row("- b", "y:3 01", "")));
}

/// A table with constraints, groups, don't-care bits and rows of very different widths.
const MIXED: &str = "
[s]
a     0000 x:4 ........ y:16       A   where x != 5
b     0000 0101 z:24              B   where z & 3
group {
c     0001 1111 0000 .... y:16     C
- d   0001 x:12 y:16               D   where x != y
e     0001 x:4 q:8 11 y:14         E   where x != 0x10
}
f     1 s:1 1 00 11 w:25           F G [s]
g     1 1 0 00 11 w:25             H
h     0 1 w:28 01                  I
";

#[test]
fn the_tree_decides_as_a_scan_does() {
    let table = parse("mixed", MIXED).expect("a proper table");
    let tree = Tree::build(&table);
    let mut state = 7u64;
    let mut claimed = 0;
    for _ in 0..200_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = (state >> 32) as u32;
        // Half of the words start with 000, where the rows are crowded.
        let word = if word & 1 == 0 { word >> 3 } else { word };
        assert_eq!(tree.decode(&table, word), table.scan(word), "{word:#010x}");
        claimed += u32::from(table.scan(word).is_some());
    }
    assert!(claimed > 50_000, "only {claimed} words tried a row");
}

#[test]
fn the_sources_name_what_the_table_names() {
    let table = "[s]\n# Manual, \"Title\"\nadd_v 0 q:1 000000000000000000 rn:12 ADD SUB [q] where rn < 9 -> three(Op::Add) @F\n- no 1 x:31 NO\n";
    let output = compile("t", table).map_err(|e| e[0].to_string()).expect("a proper table");
    for part in [
        "pub struct Three {",
        "pub q: bool,",
        "pub rn: u32,",
        "Row::AddV => ((word & 0xfff) < 9),",
        "title: \"Title\"",
        "feature: Some(\"F\"), implemented: true",
        "mask: 0xbffff000, value: 0x00000000",
    ] {
        assert!(output.decoder.contains(part), "no `{part}` in\n{}", output.decoder);
    }
    assert!(!output.decoder.contains("pub struct No "));
    assert!(
        output
            .translator
            .contains("Row::AddV => crate::sem::s::three(cx, Three::from_word(word), crate::sem::s::Op::Add),")
    );
    assert!(output.translator.contains("_ => return None,"));
}
