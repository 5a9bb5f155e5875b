//! What ends Brolga before a guest runs: a message and an exit status.

use std::fmt;
use std::io::Write;

/// Status of a command line that says nothing sensible, and of any failure with no better number.
pub const USAGE: u8 = 1;
/// Status of a program that is there but cannot run, as shells give it (POSIX, "Exit Status for Commands").
pub const CANNOT_RUN: u8 = 126;
/// Status of a program that is not there, as shells give it.
pub const NOT_FOUND: u8 = 127;

/// A message for standard error and the exit status that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One sentence without the leading `brolga: `.
    pub message: String,
    /// Exit status.
    pub status: u8,
}

impl Trouble {
    /// A trouble with the given status.
    pub fn new(status: u8, message: impl Into<String>) -> Self {
        Self { message: message.into(), status }
    }

    /// A trouble with status 1.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trouble {}

/// Writes a line to standard error. A reader that has gone away is no failure of ours.
pub fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
