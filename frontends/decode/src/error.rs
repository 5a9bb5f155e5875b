//! What is wrong with a table, and where.

use std::fmt;

/// A fault in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Name of the table, as the caller gave it.
    pub file: String,
    /// Line of the row, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for Error {}
