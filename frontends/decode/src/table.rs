//! A parsed table: what each row claims and what becomes of it.

use crate::expr::Expr;

/// A named run of bits of an instruction word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, a Rust identifier in lower case.
    pub name: String,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits, 1 to 32.
    pub width: u32,
}

impl Field {
    /// The bits of the word the field covers.
    pub fn mask(&self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.lsb
    }

    /// The field's value in `word`.
    pub fn get(&self, word: u32) -> u32 {
        (word & self.mask()) >> self.lsb
    }
}

/// One encoding, or one class of encodings.
#[derive(Clone, Debug)]
pub struct Row {
    /// Line of the table, from 1.
    pub line: usize,
    /// Name, unique in the table.
    pub name: String,
    /// The module of its semantic function.
    pub section: String,
    /// The manual's page title; empty if the table gives none.
    pub title: String,
    /// False for encodings that are listed but not translated.
    pub implemented: bool,
    /// Bits the row fixes.
    pub mask: u32,
    /// Their values.
    pub value: u32,
    /// Fields, from the highest bit down.
    pub fields: Vec<Field>,
    /// Assembler names; empty strings are holes of the index.
    pub mnemonics: Vec<String>,
    /// Positions in `fields` whose values, concatenated, index `mnemonics`; empty if one name serves all.
    pub index: Vec<usize>,
    /// Holds for every word the row claims.
    pub constraint: Option<Expr>,
    /// Name of the semantic function.
    pub function: String,
    /// A constant passed to it, a path below its module.
    pub constant: Option<String>,
    /// Architectural feature; `None` for the base.
    pub feature: Option<String>,
    /// The group, if any, inside which earlier rows win.
    pub group: Option<usize>,
}

impl Row {
    /// Whether the row's bits and constraint accept `word` (a group's earlier row may still win it).
    pub fn accepts(&self, word: u32) -> bool {
        word & self.mask == self.value && self.constraint.as_ref().is_none_or(|c| c.eval(&self.fields, word) != 0)
    }

    /// The bits the constraint reads.
    pub fn constraint_mask(&self) -> u32 {
        self.constraint.as_ref().map_or(0, |c| c.mask(&self.fields))
    }
}

/// All rows, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// The row that claims `word`, by trying all of them: what the decision tree must agree with.
    pub fn scan(&self, word: u32) -> Option<usize> {
        self.rows.iter().position(|r| r.accepts(word))
    }
}
