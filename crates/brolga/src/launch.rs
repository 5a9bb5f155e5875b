//! The one place where a settled [`RunConfig`] meets the machinery that runs it.

use std::process::ExitCode;

use crate::config::RunConfig;
use crate::options::RunOptions;
use crate::trouble::USAGE;

/// Runs the guest. Its exit status is returned; a guest ended by a signal ends this process by the same signal.
pub fn launch(config: RunConfig) -> ExitCode {
    for (option, _) in UNSUPPORTED.iter().filter(|(_, asked)| asked(&config.options)) {
        eprintln!("brolga: option '{option}' is not supported yet");
        return ExitCode::from(USAGE);
    }
    eprintln!("brolga: {}: this build cannot run {} programs yet", config.program.host.display(), config.guest.name);
    ExitCode::from(USAGE)
}

/// Options that are understood and have nothing behind them, with the test for each.
const UNSUPPORTED: &[(&str, fn(&RunOptions) -> bool)] = &[
    ("-g", |o| o.gdb.is_some()),
    ("-plugin", |o| !o.plugins.is_empty()),
    ("-trace", |o| !o.trace.is_empty()),
    ("-jitdump", |o| o.jitdump),
];
