//! Rules that concern more than one row, or all words a row may claim.

use crate::emit::camel;
use crate::error::Error;
use crate::table::{Row, Table};
use std::collections::{HashMap, HashSet};

/// Constraints that read more free bits than this are not decided but refused.
const MAX_ENUMERATED_BITS: u32 = 20;
/// A constraint must accept one word in this many: the random encoder works by trial.
const MIN_DENSITY: u32 = 1024;

/// Checks a parsed table.
///
/// # Errors
/// Every broken rule.
pub fn check(file: &str, table: &Table) -> Result<(), Vec<Error>> {
    let mut errors: Vec<(usize, String)> = Vec::new();
    errors.extend(table.rows.iter().filter_map(|row| density(row).map(|m| (row.line, m))));
    if errors.is_empty() {
        errors.extend(overlaps(table));
    }
    errors.extend(shared_functions(table));
    errors.extend(ambiguous_constants(table));
    errors.sort();
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.into_iter().map(|(line, message)| Error { file: file.to_owned(), line, message }).collect())
}

/// A complaint if the row claims no word, or hardly any.
fn density(row: &Row) -> Option<String> {
    let free = row.constraint_mask();
    if free.count_ones() > MAX_ENUMERATED_BITS {
        return Some(format!("the constraint reads more than {MAX_ENUMERATED_BITS} bits"));
    }
    let accepted = fills(free).filter(|fill| row.accepts(row.value | fill)).count() as u64;
    match accepted {
        0 => Some("the constraint never holds".into()),
        n if n * u64::from(MIN_DENSITY) < 1 << free.count_ones() => {
            Some(format!("the constraint holds for fewer than one word in {MIN_DENSITY}: fix bits instead"))
        }
        _ => None,
    }
}

/// All words with only bits of `mask` set.
fn fills(mask: u32) -> impl Iterator<Item = u32> {
    let mut next = Some(0u32);
    std::iter::from_fn(move || {
        let fill = next?;
        let following = (fill | !mask).wrapping_add(1) & mask;
        next = (following != 0).then_some(following);
        Some(fill)
    })
}

fn overlaps(table: &Table) -> Vec<(usize, String)> {
    let mut errors = Vec::new();
    for (i, later) in table.rows.iter().enumerate() {
        for earlier in &table.rows[..i] {
            if earlier.mask & later.mask & (earlier.value ^ later.value) != 0 {
                continue;
            }
            if earlier.group.is_some() && earlier.group == later.group {
                continue;
            }
            match common_word(earlier, later) {
                Ok(None) => {}
                Ok(Some(word)) => errors.push((
                    later.line,
                    format!(
                        "`{}` overlaps `{}` of line {}: both claim {word:#010x}",
                        later.name, earlier.name, earlier.line
                    ),
                )),
                Err(bits) => errors.push((
                    later.line,
                    format!(
                        "whether `{}` overlaps `{}` of line {} hangs on {bits} bits, too many",
                        later.name, earlier.name, earlier.line
                    ),
                )),
            }
        }
    }
    errors
}

/// A word both rows accept, given that their fixed bits agree; the number of bits to try if too many.
fn common_word(a: &Row, b: &Row) -> Result<Option<u32>, u32> {
    let free = (a.constraint_mask() | b.constraint_mask()) & !(a.mask | b.mask);
    if free.count_ones() > MAX_ENUMERATED_BITS {
        return Err(free.count_ones());
    }
    Ok(fills(free).map(|fill| a.value | b.value | fill).find(|&word| a.accepts(word) && b.accepts(word)))
}

/// Rows that share a semantic function share its argument struct, so their fields must agree, and
/// either all or none of them pass a constant.
fn shared_functions(table: &Table) -> Vec<(usize, String)> {
    let mut first: HashMap<&str, &Row> = HashMap::new();
    let mut errors = Vec::new();
    for row in table.rows.iter().filter(|r| r.implemented) {
        let other = *first.entry(&row.function).or_insert(row);
        let message = |what: &str| {
            format!("`{}` shares function `{}` with line {}, but {what}", row.name, row.function, other.line)
        };
        if other.section != row.section {
            errors.push((row.line, message("their sections differ")));
        } else if other.fields != row.fields {
            errors.push((row.line, message("their fields differ")));
        } else if other.constant.is_some() != row.constant.is_some() {
            errors.push((row.line, message("only one of them passes a constant")));
        }
    }
    errors
}

/// A constant's type may not bear the name of an argument struct: with both in scope, a semantic
/// function could not say which it takes.
fn ambiguous_constants(table: &Table) -> Vec<(usize, String)> {
    let structs: HashSet<String> = table.rows.iter().filter(|r| r.implemented).map(|r| camel(&r.function)).collect();
    let mut errors = Vec::new();
    for row in &table.rows {
        let owner = row.constant.as_deref().and_then(|c| c.split("::").next());
        if let Some(owner) = owner.filter(|&owner| structs.contains(owner)) {
            errors.push((row.line, format!("the constant's type `{owner}` has the name of an argument struct")));
        }
    }
    errors
}
