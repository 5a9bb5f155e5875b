//! From `main` to a running guest or a finished tool: the whole of the control flow, on one screen.

use std::ffi::OsString;
use std::io::Write;

use clap::error::ErrorKind;
use clap::{Command, FromArgMatches, Subcommand};

use crate::command_line::{self, CommandLine};
use crate::config::{Binfmt, RunConfig};
use crate::guest::Guest;
use crate::invocation::Invocation;
use crate::launch::{launch, reenter};
use crate::options::Show;
use crate::show;
use crate::tools::{self, Tool};
use crate::trouble::{Trouble, say};

/// The process, given its argv. Returns its exit status.
pub fn run(argv: Vec<OsString>) -> u8 {
    if let Some(status) = reenter(&argv) {
        return status;
    }
    let mut words = argv.into_iter();
    let own_name = words.next().unwrap_or_else(|| "brolga".into());
    let rest: Vec<OsString> = words.collect();
    let done = Invocation::of_process(&own_name).and_then(|invocation| match invocation {
        Invocation::Emulator(guest) => emulate(rest, Some(guest)),
        Invocation::Binfmt(guest) => start_for_kernel(rest, guest),
        Invocation::Tool => tool(rest),
    });
    done.unwrap_or_else(|trouble| {
        say(format_args!("brolga: {trouble}"));
        trouble.status
    })
}

fn variables(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// `qemu-aarch64 [options] PROGRAM ...` and `brolga run [options] PROGRAM ...`.
fn emulate(words: Vec<OsString>, guest: Option<&'static Guest>) -> Result<u8, Trouble> {
    let line = command_line::parse(words, variables).map_err(Trouble::usage)?;
    if let Some(what) = line.options.show {
        print(&show::text(what, guest));
        // The lists end with status 1, as scripts written for the established emulator expect.
        return Ok(match what {
            Show::Help | Show::Version | Show::TraceEvents => 0,
            Show::LogItems | Show::Cpus if guest.is_some() => 1,
            Show::LogItems | Show::Cpus => 0,
        });
    }
    RunConfig::new(line, guest, Binfmt::default(), std::env::vars_os().collect()).map(launch)
}

/// `INTERPRETER PATH ARGV0 ARGUMENTS...` from binfmt_misc flag P; options come from the environment only.
fn start_for_kernel(words: Vec<OsString>, guest: Option<&'static Guest>) -> Result<u8, Trouble> {
    let options = command_line::parse([], variables).map_err(Trouble::usage)?.options;
    let mut words = words.into_iter();
    let (Some(path), Some(argv0)) = (words.next(), words.next()) else {
        return Err(Trouble::usage("started under a name of binfmt_misc flag P, but without program and argv[0]"));
    };
    let command = std::iter::once(path).chain(words).collect();
    let binfmt = Binfmt { argv0: Some(argv0), inherit: true };
    RunConfig::new(CommandLine { options, command }, guest, binfmt, std::env::vars_os().collect()).map(launch)
}

/// `brolga SUBCOMMAND ...`.
fn tool(words: Vec<OsString>) -> Result<u8, Trouble> {
    if words.first().is_some_and(|word| word == "run") {
        return emulate(words[1..].to_vec(), None);
    }
    if words.first().is_some_and(|word| word == "-version" || word == "-V") {
        print(&show::version(None));
        return Ok(0);
    }
    let parsed = command().try_get_matches_from(std::iter::once("brolga".into()).chain(words.iter().cloned()));
    let matches = match parsed {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            print(&error.render().to_string());
            return Ok(0);
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            say(error.render());
            return Ok(1);
        }
        Err(error) => return Err(Trouble::usage(tool_message(&error, &words))),
    };
    let tool = Tool::from_arg_matches(&matches).map_err(|error| Trouble::usage(error.to_string()))?;
    tools::run(tool).map_err(|error| Trouble::usage(format!("{error:#}")))?;
    Ok(0)
}

fn command() -> Command {
    let run = Command::new("run")
        .about("Run a guest program; its architecture is found from the file")
        .override_help(show::help(None))
        .disable_help_flag(true);
    let brolga = Command::new("brolga")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(run);
    // The derive puts its own doc comment there.
    Tool::augment_subcommands(brolga).about("Runs programs of one processor architecture on another")
}

/// clap's message without its colours and its leading "error: ".
fn tool_message(error: &clap::Error, words: &[OsString]) -> String {
    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    match words.first() {
        Some(file) if error.kind() == ErrorKind::InvalidSubcommand && std::path::Path::new(file).is_file() => {
            format!("no subcommand '{0}'; to run that file: brolga run {0}", file.to_string_lossy())
        }
        _ => text.to_owned(),
    }
}

/// A reader that closes early (`| head`) is no failure.
fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
