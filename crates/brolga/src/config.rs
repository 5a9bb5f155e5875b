//! [`RunConfig`]: everything decided before a guest starts.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::command_line::CommandLine;
use crate::guest::Guest;
use crate::host;
use crate::options::{EnvEdit, RunOptions};
use crate::prefix;
use crate::processor::Processor;
use crate::program::{self, Program, Search};
use crate::sysroot::store::Store;
use crate::trouble::Trouble;

/// What [`crate::launch::launch`] runs.
#[derive(Debug)]
pub struct RunConfig {
    /// The guest architecture.
    pub guest: &'static Guest,
    /// The program: paths, open file, ELF headers.
    pub program: Program,
    /// The guest's whole argv, `argv[0]` first.
    pub argv: Vec<OsString>,
    /// The guest's environment.
    pub env: Vec<(OsString, OsString)>,
    /// The tree looked in first for absolute guest paths, from `-L`, `--sysroot` or the usual places.
    pub prefix: Option<PathBuf>,
    /// All other options.
    pub options: RunOptions,
}

/// How binfmt_misc started this process.
#[derive(Debug, Default)]
pub struct Binfmt {
    /// The program's own `argv[0]` (flag P).
    pub argv0: Option<OsString>,
    /// Look for an inherited descriptor of the program (flags O, C).
    pub inherit: bool,
}

impl RunConfig {
    /// Finds the program of `line` and settles everything about it. `guest` is the architecture in the name Brolga was
    /// started under, `env` the host's environment.
    pub fn new(
        line: CommandLine,
        guest: Option<&'static Guest>,
        binfmt: Binfmt,
        env: Vec<(OsString, OsString)>,
    ) -> Result<Self, Trouble> {
        let CommandLine { options, command } = line;
        let Some((name, arguments)) = command.split_first() else {
            return Err(Trouble::usage("no program given ('-h' prints the options)"));
        };
        let asked = match &options.sysroot {
            Some(sysroot) => Some(Store::locate()?.find(sysroot)?),
            None => options.prefix.clone(),
        };
        let inherited = if binfmt.inherit { host::exec_fd() } else { None };
        let search = Search {
            guest,
            root: asked.as_deref(),
            sysroot: options.sysroot.is_some(),
            path: env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_os_str()),
            open: inherited.map(host::take_over),
        };
        let program = program::find(name, search)?;
        Processor::parse(program.guest.user, options.cpu.as_deref()).map_err(Trouble::usage)?;
        let prefix = prefix::choose(program.guest, program.elf.interpreter.as_deref(), asked)
            .map_err(|trouble| Trouble { message: format!("{}: {trouble}", program.host.display()), ..trouble })?;
        let argv = argv(&program, name, arguments, options.argv0.clone().or(binfmt.argv0));
        let env = edited(env, &options.env);
        Ok(Self { guest: program.guest, program, argv, env, prefix, options })
    }
}

/// A program found by its bare name in a sysroot is told its whole path: one that looks itself up in PATH (Python does)
/// would otherwise find the host's namesake.
fn argv(program: &Program, name: &OsStr, arguments: &[OsString], argv0: Option<OsString>) -> Vec<OsString> {
    let own = if program.guest_path.is_absolute() { program.guest_path.clone().into() } else { name.to_owned() };
    let head = match argv0 {
        _ if !program.script_words.is_empty() => program.script_words.clone(),
        Some(argv0) => vec![argv0],
        None => vec![own],
    };
    head.into_iter().chain(arguments.iter().cloned()).collect()
}

fn edited(mut env: Vec<(OsString, OsString)>, edits: &[EnvEdit]) -> Vec<(OsString, OsString)> {
    for edit in edits {
        match edit {
            EnvEdit::Unset(name) => env.retain(|(known, _)| known != name),
            EnvEdit::Set(name, value) => match env.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value.clone(),
                None => env.push((name.clone(), value.clone())),
            },
        }
    }
    env
}
