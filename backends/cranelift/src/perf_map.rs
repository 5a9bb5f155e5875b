//! Names of generated code for profilers. Linux tools/perf/Documentation/jit-interface.txt: lines "START SIZE name"
//! in `/tmp/perf-PID.map`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::sync::Mutex;

/// The file of this process, once something was compiled.
#[derive(Debug, Default)]
pub(crate) struct PerfMap(Mutex<Option<(u32, File)>>);

impl PerfMap {
    /// Gives code at `host` a name. A profile without names is not worth ending the guest for.
    pub(crate) fn add(&self, host: Range<u64>, name: &str) {
        let mut file = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let pid = std::process::id();
        if file.as_ref().is_none_or(|(of, _)| *of != pid) {
            let name = format!("/tmp/perf-{pid}.map");
            *file = OpenOptions::new().create(true).append(true).open(name).ok().map(|f| (pid, f));
        }
        if let Some((_, file)) = &mut *file {
            // One write: formatting to a file makes one of each part.
            let line = format!("{:x} {:x} {name}\n", host.start, host.end - host.start);
            let _ = file.write_all(line.as_bytes());
        }
    }
}
