//! From text to `Table`.

use crate::error::Error;
use crate::expr::Expr;
use crate::table::{Field, Row, Table};
use std::collections::HashMap;

/// Parses a table; the README of this crate has the syntax.
///
/// # Errors
/// Every malformed line.
pub fn parse(file: &str, text: &str) -> Result<Table, Vec<Error>> {
    let mut parser = Parser::default();
    let mut errors = Vec::new();
    for (line, text) in logical_lines(text) {
        if let Err(message) = parser.line(line, &text) {
            errors.push(Error { file: file.to_owned(), line, message });
        }
    }
    if let Some(line) = parser.group_line {
        errors.push(Error { file: file.to_owned(), line, message: "this group is never closed".into() });
    }
    if errors.is_empty() { Ok(parser.table) } else { Err(errors) }
}

/// Lines with `\` continuations joined, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (i, line) in text.lines().enumerate() {
        let (body, continues) = match line.trim_end().strip_suffix('\\') {
            Some(body) => (body, true),
            None => (line, false),
        };
        match out.last_mut().filter(|_| open) {
            Some((_, joined)) => joined.push_str(body),
            None => out.push((i + 1, body.to_owned())),
        }
        open = continues;
    }
    out
}

#[derive(Default)]
struct Parser {
    table: Table,
    section: String,
    title: String,
    groups: usize,
    /// Line of the open group.
    group_line: Option<usize>,
    names: HashMap<String, usize>,
}

impl Parser {
    fn line(&mut self, line: usize, text: &str) -> Result<(), String> {
        let text = text.trim();
        if let Some(comment) = text.strip_prefix('#') {
            if let Some(title) = comment.split('"').nth(1) {
                title.clone_into(&mut self.title);
            }
            return Ok(());
        }
        match text {
            "" => Ok(()),
            "group {" if self.group_line.is_some() => Err("groups do not nest".into()),
            "group {" => {
                self.group_line = Some(line);
                self.groups += 1;
                Ok(())
            }
            "}" => self.group_line.take().map(|_| ()).ok_or_else(|| "no group is open".into()),
            _ if text.starts_with('[') => self.section(text),
            _ => self.row(line, text),
        }
    }

    fn section(&mut self, text: &str) -> Result<(), String> {
        let name = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or("a section is written [name]")?;
        identifier(name, "section")?;
        name.clone_into(&mut self.section);
        self.title.clear();
        Ok(())
    }

    fn row(&mut self, line: usize, text: &str) -> Result<(), String> {
        let (implemented, text) = match text.strip_prefix("- ") {
            Some(rest) => (false, rest.trim_start()),
            None => (true, text),
        };
        if self.section.is_empty() {
            return Err("a row before the first [section]".into());
        }
        let (name, rest) = split_word(text);
        identifier(name, "row")?;
        if let Some(first) = self.names.insert(name.to_owned(), line) {
            return Err(format!("row `{name}` exists already, on line {first}"));
        }
        let (pattern, rest) = pattern(rest)?;
        let parts = Parts::parse(rest)?;
        let constraint = parts.constraint.map(|c| Expr::parse(c, &pattern.fields)).transpose()?;
        let mut row = Row {
            line,
            name: name.to_owned(),
            section: self.section.clone(),
            title: self.title.clone(),
            implemented,
            mask: pattern.mask,
            value: pattern.value,
            fields: pattern.fields,
            mnemonics: parts.mnemonics,
            index: Vec::new(),
            constraint,
            function: parts.function.unwrap_or(name).to_owned(),
            constant: parts.constant.map(str::to_owned),
            feature: parts.feature.map(str::to_owned),
            group: self.group_line.map(|_| self.groups),
        };
        identifier(&row.function, "function")?;
        row.index = index(&row, parts.index)?;
        self.table.rows.push(row);
        Ok(())
    }
}

fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

/// Words a generated item may not be called.
const KEYWORDS: [&str; 38] = [
    "as", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct",
    "super", "trait", "true", "type", "unsafe", "use", "where", "while", "word", "yield",
];

fn identifier(name: &str, what: &str) -> Result<(), String> {
    let shape = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match (shape, KEYWORDS.contains(&name)) {
        (true, false) => Ok(()),
        (true, true) => Err(format!("`{name}` is reserved and cannot name a {what}")),
        (false, _) => Err(format!("`{name}` cannot name a {what}: lower-case letters, digits and `_`, please")),
    }
}

struct Pattern {
    mask: u32,
    value: u32,
    fields: Vec<Field>,
}

/// Reads bits and fields up to the first word that is neither; gives what follows too.
fn pattern(mut text: &str) -> Result<(Pattern, &str), String> {
    let mut pattern = Pattern { mask: 0, value: 0, fields: Vec::new() };
    let mut bits = 0;
    loop {
        let (word, rest) = split_word(text);
        if !word.is_empty() && word.chars().all(|c| matches!(c, '0' | '1' | '.')) {
            for c in word.chars() {
                bits += 1;
                fixed_bit(&mut pattern, bits, c);
            }
        } else if let Some((name, width)) = word.split_once(':').filter(|_| !word.starts_with('[')) {
            bits += field(&mut pattern, bits, name, width)?;
        } else {
            break;
        }
        text = rest;
    }
    if bits == 32 { Ok((pattern, text)) } else { Err(format!("the row has {bits} bits instead of 32")) }
}

/// Sets the bit that is the `position`th from the top, counted from 1.
fn fixed_bit(pattern: &mut Pattern, position: u32, c: char) {
    if let ('0' | '1', Some(lsb)) = (c, 32u32.checked_sub(position)) {
        pattern.mask |= 1 << lsb;
        pattern.value |= u32::from(c == '1') << lsb;
    }
}

/// Adds a field below the `bits` bits read so far; gives its width.
fn field(pattern: &mut Pattern, bits: u32, name: &str, width: &str) -> Result<u32, String> {
    identifier(name, "field")?;
    let width: u32 = width.parse().map_err(|_| format!("field `{name}` has no proper width"))?;
    if width == 0 || bits + width > 32 {
        return Err(format!("field `{name}` of {width} bits does not fit after {bits} bits"));
    }
    if pattern.fields.iter().any(|f| f.name == name) {
        return Err(format!("field `{name}` appears twice"));
    }
    pattern.fields.push(Field { name: name.to_owned(), lsb: 32 - bits - width, width });
    Ok(width)
}

/// What follows the bits of a row.
#[derive(Default)]
struct Parts<'a> {
    mnemonics: Vec<String>,
    index: Option<&'a str>,
    constraint: Option<&'a str>,
    function: Option<&'a str>,
    constant: Option<&'a str>,
    feature: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let mut parts = Self::default();
        let (text, feature) = cut(text, "@");
        parts.feature = feature.map(str::trim);
        if parts.feature.is_some_and(|f| f.is_empty() || f.contains(char::is_whitespace)) {
            return Err("@ is followed by one feature name and ends the row".into());
        }
        let (text, function) = cut(text, "->");
        if let Some(function) = function {
            parts.call(function.trim())?;
        }
        let (text, constraint) = cut(text, " where ");
        parts.constraint = constraint;
        for word in text.split_whitespace() {
            parts.name(word)?;
        }
        if parts.mnemonics.is_empty() { Err("the row has no mnemonic".into()) } else { Ok(parts) }
    }

    fn call(&mut self, text: &'a str) -> Result<(), String> {
        self.function = Some(text);
        if let Some((function, constant)) = text.split_once('(') {
            self.function = Some(function.trim());
            self.constant = Some(constant.strip_suffix(')').ok_or("`)` is missing after the constant")?.trim());
        }
        Ok(())
    }

    fn name(&mut self, word: &'a str) -> Result<(), String> {
        if self.index.is_some() {
            return Err(format!("`{word}` after the index"));
        }
        if let Some(index) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
            self.index = Some(index);
        } else if word == "_" {
            self.mnemonics.push(String::new());
        } else if word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.') {
            self.mnemonics.push(word.to_owned());
        } else {
            return Err(format!("`{word}` is neither a bit pattern nor a mnemonic"));
        }
        Ok(())
    }
}

fn cut<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Positions of the fields that select a mnemonic.
fn index(row: &Row, names: Option<&str>) -> Result<Vec<usize>, String> {
    let Some(names) = names else {
        return if row.mnemonics.len() == 1 { Ok(Vec::new()) } else { Err("several mnemonics need an [index]".into()) };
    };
    let position = |name: &str| {
        row.fields
            .iter()
            .position(|f| f.name == name)
            .ok_or_else(|| format!("the index names `{name}`, no field of the row"))
    };
    let index: Vec<usize> = names.split(':').map(position).collect::<Result<_, _>>()?;
    let bits: u32 = index.iter().map(|&i| row.fields[i].width).sum();
    if bits <= 8 && row.mnemonics.len() == 1 << bits {
        Ok(index)
    } else {
        Err(format!("an index of {bits} bits does not fit {} mnemonics", row.mnemonics.len()))
    }
}
