//! The one place where a settled [`RunConfig`] meets the machinery that runs it.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::RunConfig;
use crate::options::RunOptions;
use crate::trouble::{USAGE, say};

/// Runs the guest. Its exit status is returned; a guest ended by a signal ends this process by the same signal.
pub fn launch(config: RunConfig) -> ExitCode {
    if let Some((option, _)) = UNSUPPORTED.iter().find(|(_, asked)| asked(&config.options)) {
        say(format_args!("brolga: option '{option}' is not supported yet"));
        return ExitCode::from(USAGE);
    }
    say(format_args!(
        "brolga: {}: this build cannot run {} programs yet",
        config.program.host.display(),
        config.guest.name
    ));
    ExitCode::from(USAGE)
}

/// Goes on with a run that a guest's `execve` started, when `argv` says it is one.
pub fn reenter(_argv: &[OsString]) -> Option<ExitCode> {
    None
}

type Asked = fn(&RunOptions) -> bool;

/// Options that are understood and have nothing behind them, with the test for each.
const UNSUPPORTED: &[(&str, Asked)] = &[
    ("-g", |o| o.gdb.is_some()),
    ("-plugin", |o| !o.plugins.is_empty()),
    ("-trace", |o| !o.trace.is_empty()),
    ("-jitdump", |o| o.jitdump),
];
