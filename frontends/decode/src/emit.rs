//! Prints the Rust sources.

use crate::expr::rust_field;
use crate::table::{Field, Row, Table};
use crate::tree::{Node, Tree};
use std::collections::HashSet;
use std::fmt::Write;

/// The part of a decoder that is the same for every table.
const SUPPORT: &str = include_str!("support.rs.txt");

/// Source of rows, decoder, argument structs.
pub fn decoder(file: &str, table: &Table, tree: &Tree) -> String {
    let mut out = format!("// Made by brolga-decode from {file}.\n\n{SUPPORT}\n");
    row_enum(&mut out, table);
    row_infos(&mut out, table);
    constraints(&mut out, table);
    decode(&mut out, table, tree);
    structs(&mut out, table);
    reencode(&mut out, table);
    out
}

/// Source of `translate`.
pub fn translator(file: &str, table: &Table) -> String {
    let mut out = format!("// Made by brolga-decode from {file}.\n\n");
    out.push_str(
        "/// Translates one instruction; `None` if it is undefined or listed as not implemented.\n\
         pub fn translate(word: u32, cx: &mut crate::sem::Cx) -> Option<crate::sem::Flow> {\n    Some(match decode(word)? {\n",
    );
    for row in table.rows.iter().filter(|r| r.implemented) {
        let constant = row.constant.as_ref().map_or(String::new(), |c| format!(", crate::sem::{}::{c}", row.section));
        let (section, function, variant, args) = (&row.section, &row.function, camel(&row.name), camel(&row.function));
        _ = writeln!(
            out,
            "        Row::{variant} => crate::sem::{section}::{function}(cx, {args}::from_word(word){constant}),"
        );
    }
    if table.rows.iter().any(|r| !r.implemented) {
        out.push_str("        _ => return None,\n");
    }
    out.push_str("    })\n}\n");
    out
}

/// `addsub_imm` to `AddsubImm`.
pub(crate) fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|part| part.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }))
        .collect()
}

fn row_enum(out: &mut String, table: &Table) {
    out.push_str(
        "/// A row of the table.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(u16)]\npub enum Row {\n",
    );
    for row in &table.rows {
        _ = writeln!(out, "    /// {}\n    {},", names(row), camel(&row.name));
    }
    out.push_str("}\n\n/// Every row, in table order.\npub const ALL: &[Row] = &[\n");
    for row in &table.rows {
        _ = writeln!(out, "    Row::{},", camel(&row.name));
    }
    out.push_str("];\n\n");
}

/// The distinct mnemonics of a row, for documentation.
fn names(row: &Row) -> String {
    let mut seen = HashSet::new();
    let names: Vec<&str> =
        row.mnemonics.iter().map(String::as_str).filter(|m| !m.is_empty() && seen.insert(*m)).collect();
    names.join(", ")
}

fn row_infos(out: &mut String, table: &Table) {
    out.push_str("/// What the table says of each row, in the order of `Row`.\npub const ROWS: &[RowInfo] = &[\n");
    for row in &table.rows {
        let Row { name, section, title, implemented, mask, value, .. } = row;
        _ = writeln!(out, "    RowInfo {{\n        name: {name:?}, section: {section:?}, title: {title:?},");
        _ = writeln!(out, "        mnemonics: &{:?}, index: &{:?},", row.mnemonics, row.index);
        _ = writeln!(out, "        feature: {:?}, implemented: {implemented},", row.feature);
        _ = writeln!(out, "        mask: {mask:#010x}, value: {value:#010x},\n        fields: &[");
        for Field { name, lsb, width } in &row.fields {
            _ = writeln!(out, "            FieldInfo {{ name: {name:?}, lsb: {lsb}, width: {width} }},");
        }
        out.push_str("        ],\n    },\n");
    }
    out.push_str("];\n\n");
}

fn constraints(out: &mut String, table: &Table) {
    out.push_str(
        "/// Whether the constraint of `row` holds for `word`, whose fixed bits are not looked at.\n\
         pub fn constraint(row: Row, word: u32) -> bool {\n    match row {\n",
    );
    for row in &table.rows {
        if let Some(constraint) = &row.constraint {
            _ = writeln!(out, "        Row::{} => {},", camel(&row.name), constraint.rust_bool(&row.fields));
        }
    }
    out.push_str("        _ => true,\n    }\n}\n\n");
}

fn decode(out: &mut String, table: &Table, tree: &Tree) {
    out.push_str("/// The row that claims `word`, if any.\npub fn decode(word: u32) -> Option<Row> {\n");
    decode_node(out, table, &tree.root, 1);
    out.push_str("}\n\n");
}

fn decode_node(out: &mut String, table: &Table, node: &Node, depth: usize) {
    match node {
        Node::Leaf { rows, untested } => decode_leaf(out, table, rows, *untested, depth),
        Node::Switch { lsb, width, arms } => decode_switch(out, table, *lsb, *width, arms, depth),
    }
}

fn decode_leaf(out: &mut String, table: &Table, rows: &[usize], untested: u32, depth: usize) {
    let indent = "    ".repeat(depth);
    for &r in rows {
        let row = &table.rows[r];
        let variant = camel(&row.name);
        match leaf_test(row, untested) {
            Some(test) => _ = writeln!(out, "{indent}if {test} {{ return Some(Row::{variant}); }}"),
            None => {
                _ = writeln!(out, "{indent}Some(Row::{variant})");
                return;
            }
        }
    }
    _ = writeln!(out, "{indent}None");
}

/// What is left to test of a row; `None` if nothing.
fn leaf_test(row: &Row, untested: u32) -> Option<String> {
    let mask = row.mask & untested;
    let bits = (mask != 0).then(|| format!("word & {mask:#010x} == {:#010x}", row.value & mask));
    let constraint = row.constraint.as_ref().map(|c| c.rust_bool(&row.fields));
    match (bits, constraint) {
        (Some(b), Some(c)) => Some(format!("{b} && {c}")),
        (b, c) => b.or(c),
    }
}

fn decode_switch(out: &mut String, table: &Table, lsb: u32, width: u32, arms: &[Node], depth: usize) {
    let indent = "    ".repeat(depth);
    let selector = rust_field(&Field { name: String::new(), lsb, width });
    _ = writeln!(out, "{indent}match {} {{", &selector[1..selector.len() - 1]);
    // Values with the same code share an arm; the empty ones fall to the last.
    let mut bodies: Vec<(String, Vec<usize>)> = Vec::new();
    for (value, arm) in arms.iter().enumerate().filter(|(_, arm)| !is_empty(arm)) {
        let mut body = String::new();
        decode_node(&mut body, table, arm, depth + 2);
        match bodies.iter_mut().find(|(b, _)| *b == body) {
            Some((_, values)) => values.push(value),
            None => bodies.push((body, vec![value])),
        }
    }
    for (body, values) in bodies {
        let values: Vec<String> = values.iter().map(usize::to_string).collect();
        _ = write!(out, "{indent}    {} => {{\n{body}{indent}    }}\n", values.join(" | "));
    }
    _ = writeln!(out, "{indent}    _ => None,\n{indent}}}");
}

fn is_empty(node: &Node) -> bool {
    matches!(node, Node::Leaf { rows, .. } if rows.is_empty())
}

fn structs(out: &mut String, table: &Table) {
    let mut done = HashSet::new();
    for row in table.rows.iter().filter(|r| r.implemented) {
        if done.insert(row.function.as_str()) {
            let sharers: Vec<&Row> =
                table.rows.iter().filter(|r| r.implemented && r.function == row.function).collect();
            argument_struct(out, row, &sharers);
        }
    }
}

fn argument_struct(out: &mut String, row: &Row, sharers: &[&Row]) {
    let name = camel(&row.function);
    let described: Vec<String> = sharers.iter().take(4).map(|r| names(r)).collect();
    let more = if sharers.len() > 4 { ", ..." } else { "" };
    _ = writeln!(out, "/// Fields of {}{more}. {:?}.", described.join(", "), row.title);
    _ = writeln!(
        out,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub struct {name} {{\n    /// The instruction.\n    pub word: u32,"
    );
    for f in &row.fields {
        _ = writeln!(
            out,
            "    /// Bits {}.\n    pub {}: {},",
            bit_range(f),
            f.name,
            if f.width == 1 { "bool" } else { "u32" }
        );
    }
    _ = writeln!(
        out,
        "}}\n\nimpl {name} {{\n    /// Takes the fields out of an instruction of such a row.\n    #[inline]"
    );
    _ = writeln!(out, "    pub const fn from_word(word: u32) -> Self {{\n        Self {{\n            word,");
    for f in &row.fields {
        let value = rust_field(f);
        let value = &value[1..value.len() - 1];
        _ = writeln!(out, "            {}: {value}{},", f.name, if f.width == 1 { " != 0" } else { "" });
    }
    out.push_str("        }\n    }\n\n");
    encode(out, row, sharers.len() > 1);
    out.push_str("}\n\n");
}

fn encode(out: &mut String, row: &Row, shared: bool) {
    let fields: u32 = row.fields.iter().map(Field::mask).sum();
    let (about, fixed) = if shared {
        (
            "The instruction with these fields; bits outside them come from `word`.",
            format!("(self.word & {:#010x})", !fields),
        )
    } else {
        (
            "The instruction with these fields.",
            format!("({:#010x} | (self.word & {:#010x}))", row.value, !fields & !row.mask),
        )
    };
    _ = write!(out, "    /// {about}\n    pub const fn encode(&self) -> u32 {{\n        {fixed}");
    for f in &row.fields {
        let low = u32::MAX >> (32 - f.width);
        let value =
            if f.width == 1 { format!("(self.{} as u32)", f.name) } else { format!("(self.{} & {low:#x})", f.name) };
        _ = write!(out, "\n            | {value} << {}", f.lsb);
    }
    out.push_str("\n    }\n");
}

/// For the tests of whoever includes the decoder: fields taken out and put back.
fn reencode(out: &mut String, table: &Table) {
    out.push_str("/// `word` with its fields taken out and put back.\n#[cfg(test)]\n");
    out.push_str("fn reencode(word: u32) -> Option<u32> {\n    Some(match decode(word)? {\n");
    for row in table.rows.iter().filter(|r| r.implemented) {
        _ = writeln!(out, "        Row::{} => {}::from_word(word).encode(),", camel(&row.name), camel(&row.function));
    }
    if table.rows.iter().any(|r| !r.implemented) {
        out.push_str("        _ => return None,\n");
    }
    out.push_str("    })\n}\n");
}

fn bit_range(f: &Field) -> String {
    if f.width == 1 { f.lsb.to_string() } else { format!("{} to {}", f.lsb, f.lsb + f.width - 1) }
}
