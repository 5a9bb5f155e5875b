//! Progress on standard error: one rewritten line on a terminal, a line each tenth elsewhere.

use std::io::{IsTerminal, Write};

/// One counted piece of work.
#[derive(Debug)]
pub struct Progress {
    verb: &'static str,
    total: usize,
    terminal: bool,
    shown: Option<usize>,
}

impl Progress {
    /// Starts counting to `total`; `verb` leads each line.
    pub fn new(verb: &'static str, total: usize) -> Self {
        Self { verb, total, terminal: std::io::stderr().is_terminal(), shown: None }
    }

    /// Says that `done` are done; `note` follows in brackets.
    pub fn at(&mut self, done: usize, note: &str) {
        let tenth = done * 10 / self.total.max(1);
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        let line = format!("{} {done}/{}{note}", self.verb, self.total);
        let mut err = std::io::stderr().lock();
        // A message that cannot be shown is no reason to stop the work.
        if self.terminal {
            let end = if done >= self.total { "\n" } else { "" };
            if self.shown != Some(self.total) {
                let _ = write!(err, "\r\x1b[K{line}{end}");
            }
            self.shown = Some(done);
        } else if self.shown != Some(tenth) {
            let _ = writeln!(err, "{line}");
            self.shown = Some(tenth);
        }
    }
}

/// A number of bytes for people: `30.3 MB`.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
