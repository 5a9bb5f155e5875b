//! `--no-PASS` and `--only PASS`, made from the pass table.

use brolga_ir::{PASSES, Passes};
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

/// Which passes run, as the command line says.
#[derive(Clone, Debug)]
pub struct Switches {
    off: Vec<&'static str>,
    only: Vec<String>,
}

impl Switches {
    /// The passes, starting from `default` unless `--only` was given.
    pub fn passes(&self, default: Passes) -> Passes {
        let mut passes = if self.only.is_empty() { default } else { Passes::NONE };
        for pass in PASSES {
            if self.only.iter().any(|name| name == pass.name) {
                *(pass.switch)(&mut passes) = true;
            }
            if self.off.contains(&pass.name) {
                *(pass.switch)(&mut passes) = false;
            }
        }
        passes
    }
}

fn id(name: &str) -> String {
    format!("no-{name}")
}

impl clap::Args for Switches {
    fn augment_args(command: Command) -> Command {
        let names: Vec<&'static str> = PASSES.iter().map(|p| p.name).collect();
        let only = Arg::new("only").long("only").value_name("PASS").action(ArgAction::Append);
        let only = only.value_parser(names).help("Run this pass and no other; may be repeated");
        PASSES.iter().fold(command.arg(only), |command, pass| {
            let off = Arg::new(id(pass.name)).long(id(pass.name)).action(ArgAction::SetTrue);
            command.arg(off.help(format!("Do not {}", pass.about)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Switches, Error> {
        Ok(Switches {
            off: PASSES.iter().map(|p| p.name).filter(|name| matches.get_flag(&id(name))).collect(),
            only: matches.get_many::<String>("only").into_iter().flatten().cloned().collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Switches::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn passes(line: &str) -> Passes {
        let command = Switches::augment_args(Command::new("opt"));
        let matches = command.try_get_matches_from(line.split(' ')).unwrap();
        Switches::from_arg_matches(&matches).unwrap().passes(Passes::ALL)
    }

    #[test]
    fn switches_choose_passes() {
        assert_eq!(passes("opt"), Passes::ALL);
        assert_eq!(passes("opt --no-cse --no-dead-sets"), Passes { cse: false, dead_sets: false, ..Passes::ALL });
        assert_eq!(passes("opt --only fold --only dce"), Passes { fold: true, dce: true, ..Passes::NONE });
    }
}
