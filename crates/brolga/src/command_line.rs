//! From words to [`RunOptions`]: a normaliser that turns every spelling into GNU form, clap behind it, and the
//! environment beneath both. Later layers win: `QEMU_*`, then `BROLGA_*`, then the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::options::{OPTIONS, OptionRow, RunOptions, Takes};

/// Where the words after the options end up in clap's matches.
const COMMAND: &str = "COMMAND";

/// A parsed command line: what was asked for, and the guest's program with its arguments.
#[derive(Debug)]
pub struct CommandLine {
    /// Every layer merged.
    pub options: RunOptions,
    /// PROGRAM and everything after it; empty when there was none.
    pub command: Vec<OsString>,
}

/// Parses the words after `brolga run` or after a `qemu-aarch64`-like name. Both take every spelling of every option.
/// `variables` is the host environment.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
    variables: impl Fn(&str) -> Option<OsString>,
) -> Result<CommandLine, String> {
    let mut options = RunOptions::default();
    from_environment(&mut options, variables)?;
    let (words, stranger) = normalise(words)?;
    let matches = command().try_get_matches_from(words).map_err(|error| usage_message(&error, stranger.as_deref()))?;
    for (row, value) in in_order(&matches) {
        row.enter(&mut options, &format!("option '{}'", row.shown()), &value, false)?;
    }
    let command = matches.get_many::<OsString>(COMMAND).into_iter().flatten().cloned().collect();
    Ok(CommandLine { options, command })
}

/// Rewrites `-x value`, `--x value`, `-long`, `--long value` into `--long=value`, cuts the comma lists of `-E` and `-U`,
/// and puts `--` before PROGRAM so that nothing behind it can be taken for an option. The first word out is clap's
/// program name. Unknown options pass through for clap to find what they resemble; the first comes back as it was typed.
fn normalise(words: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Option<OsString>), String> {
    let mut words = words.into_iter();
    let mut out = vec![OsString::from("run")];
    let mut stranger = None;
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(body) = word.as_bytes().strip_prefix(b"-") else {
            out.push("--".into());
            out.push(word);
            out.extend(words);
            return Ok((out, stranger));
        };
        let body = body.strip_prefix(b"-").unwrap_or(body);
        let (name, inline) = match body.iter().position(|byte| *byte == b'=') {
            Some(at) => (&body[..at], Some(OsStr::from_bytes(&body[at + 1..]).to_owned())),
            None => (body, None),
        };
        let row = std::str::from_utf8(name).ok().and_then(OptionRow::named);
        let Some(row) = row else {
            out.push(joined("--", body));
            stranger.get_or_insert(word);
            continue;
        };
        let value = match (row.takes, inline) {
            (Takes::Value(_), Some(value)) => Some(value),
            (Takes::Value(_), None) => {
                Some(words.next().ok_or_else(|| format!("option '{}' needs a value", word.to_string_lossy()))?)
            }
            (_, inline) => inline,
        };
        let option = format!("--{}", row.long);
        match value {
            None => out.push(option.into()),
            Some(value) if row.comma_list && name != row.long.as_bytes() => {
                out.extend(crate::values::pieces(&value).map(|piece| joined(&format!("{option}="), piece.as_bytes())));
            }
            Some(value) => out.push(joined(&format!("{option}="), value.as_bytes())),
        }
    }
    out.push("--".into());
    out.extend(words);
    Ok((out, stranger))
}

fn joined(head: &str, tail: &[u8]) -> OsString {
    OsString::from_vec([head.as_bytes(), tail].concat())
}

/// clap's view of the option table.
fn command() -> Command {
    let options = OPTIONS.iter().map(|row| {
        let arg = Arg::new(row.long).long(row.long).value_parser(value_parser!(OsString));
        match row.takes {
            Takes::Nothing => Arg::new(row.long).long(row.long).action(ArgAction::Count),
            Takes::Value(name) => arg.value_name(name).action(ArgAction::Append).allow_hyphen_values(true),
            Takes::Optional(name) => arg
                .value_name(name)
                .action(ArgAction::Append)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(""),
        }
        // The single-dash names again, for the sake of clap's suggestions.
        .aliases(row.qemu.iter().filter(|name| name.len() > 1 && **name != row.long))
    });
    let rest = Arg::new(COMMAND).num_args(0..).last(true).value_parser(value_parser!(OsString));
    Command::new("run").disable_help_flag(true).disable_version_flag(true).args(options).arg(rest)
}

/// The options given, in the order given: that of `-E` and `-U` matters.
fn in_order(matches: &ArgMatches) -> Vec<(&'static OptionRow, OsString)> {
    let mut given = Vec::new();
    for row in OPTIONS {
        if row.takes == Takes::Nothing {
            if matches.get_count(row.long) > 0 {
                given.push((0, row, OsString::new()));
            }
        } else if let (Some(indices), Some(values)) =
            (matches.indices_of(row.long), matches.get_many::<OsString>(row.long))
        {
            given.extend(indices.zip(values).map(|(index, value)| (index, row, value.clone())));
        }
    }
    given.sort_by_key(|(index, ..)| *index);
    given.into_iter().map(|(_, row, value)| (row, value)).collect()
}

/// Enters `QEMU_*`, then `BROLGA_*`. A switch is on when its `QEMU_` variable is there at all, whatever it holds, as
/// that emulator does; `BROLGA_X=0` turns the switch off, its `QEMU_` variable included.
fn from_environment(options: &mut RunOptions, variables: impl Fn(&str) -> Option<OsString>) -> Result<(), String> {
    for row in OPTIONS {
        let find = |brand: &str| {
            row.variables.iter().map(|tail| format!("{brand}_{tail}")).find_map(|name| Some((variables(&name)?, name)))
        };
        let ours = find("BROLGA");
        let theirs = if row.qemu.is_empty() { None } else { find("QEMU") };
        if !matches!(row.takes, Takes::Value(_)) {
            let on = match (&ours, &theirs) {
                (Some((value, _)), _) if value == "0" => None,
                (Some((value, name)), _) if row.takes == Takes::Nothing || value == "1" => {
                    Some((OsString::new(), name))
                }
                (Some((value, name)), _) => Some((value.clone(), name)),
                (None, Some((_, name))) => Some((OsString::new(), name)),
                (None, None) => None,
            };
            if let Some((value, name)) = on {
                row.enter(options, name, &value, false)?;
            }
        } else {
            for (value, name) in theirs.iter().chain(&ours) {
                row.enter(options, name, value, true)?;
            }
        }
    }
    Ok(())
}

/// One line of what clap found wrong, with the option it thinks was meant. `typed` is the unknown option before the
/// normaliser, where there was one.
pub fn usage_message(error: &clap::Error, typed: Option<&OsStr>) -> String {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        Some(ContextValue::Strings(words)) => words.first().cloned(),
        _ => None,
    };
    if let (ErrorKind::UnknownArgument, Some(said)) = (error.kind(), word(ContextKind::InvalidArg)) {
        let said = typed.map_or(said, |typed| typed.to_string_lossy().into_owned());
        let meant =
            word(ContextKind::SuggestedArg).map(|meant| match OptionRow::named(meant.trim_start_matches('-')) {
                Some(row) if row.qemu.iter().any(|name| name.len() > 1) => row.shown(),
                _ => meant,
            });
        return match meant {
            Some(meant) => format!("unknown option '{said}'; did you mean '{meant}'?"),
            None => format!("unknown option '{said}'"),
        };
    }
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_items::LogItems;
    use crate::options::{Cache, EnvEdit, Show};

    fn parse_words(words: &str, variables: &[(&str, &str)]) -> Result<CommandLine, String> {
        let variables = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        parse(words.split_whitespace().map(OsString::from), variables)
    }

    fn options(words: &str) -> RunOptions {
        parse_words(words, &[]).unwrap().options
    }

    #[test]
    fn every_spelling_of_an_option_is_the_same_option() {
        for words in ["-L /r p", "--L /r p", "--prefix /r p", "--prefix=/r p", "-prefix /r p", "-L=/r p"] {
            assert_eq!(options(words).prefix, Some("/r".into()), "{words}");
        }
        for words in ["-one-insn-per-tb p", "--one-insn-per-tb p", "-singlestep p"] {
            assert!(options(words).one_insn_per_tb, "{words}");
        }
    }

    #[test]
    fn words_behind_the_program_are_the_guests() {
        let line = parse_words("-strace ./p -strace --help -- -x", &[]).unwrap();
        assert!(line.options.strace && line.options.show.is_none());
        assert_eq!(line.command, ["./p", "-strace", "--help", "--", "-x"]);
        assert_eq!(parse_words("-s 1M -- -p x", &[]).unwrap().command, ["-p", "x"]);
    }

    #[test]
    fn values_may_look_like_options() {
        assert_eq!(options("-0 -bash p").argv0, Some("-bash".into()));
        assert_eq!(options("-0 --help p").argv0, Some("--help".into()));
    }

    #[test]
    fn environment_edits_keep_their_order_and_cut_commas_under_the_short_name_only() {
        let set = |name: &str, value: &str| EnvEdit::Set(name.into(), value.into());
        let unset = |name: &str| EnvEdit::Unset(name.into());
        assert_eq!(options("-E A=1,B=2 -U A -E A=3 p").env, [set("A", "1"), set("B", "2"), unset("A"), set("A", "3")]);
        assert_eq!(options("--env A=1,2 --unset B p").env, [set("A", "1,2"), unset("B")]);
        assert!(parse_words("-E A p", &[]).unwrap_err().contains("not NAME=VALUE"));
    }

    #[test]
    fn command_line_beats_brolga_variables_beat_qemu_variables() {
        let both = [("QEMU_LD_PREFIX", "/q"), ("BROLGA_LD_PREFIX", "/b")];
        assert_eq!(parse_words("p", &both[..1]).unwrap().options.prefix, Some("/q".into()));
        assert_eq!(parse_words("p", &both).unwrap().options.prefix, Some("/b".into()));
        assert_eq!(parse_words("-L /c p", &both).unwrap().options.prefix, Some("/c".into()));
        let logs = [("QEMU_LOG", "in_asm"), ("QEMU_SET_ENV", "A=1,B=2"), ("BROLGA_UNSET_ENV", "C")];
        let line = parse_words("-d exec,cpu p", &logs).unwrap();
        assert_eq!(line.options.log, LogItems::EXEC.union(LogItems::CPU));
        assert_eq!(line.options.env.len(), 3);
    }

    #[test]
    fn switches_in_the_environment_follow_their_brand() {
        let on = |variables: &[_]| parse_words("p", variables).unwrap().options;
        assert!(on(&[("QEMU_STRACE", "")]).strace);
        assert!(on(&[("QEMU_STRACE", "0")]).strace);
        assert!(!on(&[("QEMU_STRACE", "1"), ("BROLGA_STRACE", "0")]).strace);
        assert_eq!(on(&[("BROLGA_STRACE", "open,read")]).strace_only, ["open", "read"]);
        assert!(on(&[("BROLGA_STRACE", "1")]).strace_only.is_empty());
        assert!(on(&[("QEMU_SINGLESTEP", "1")]).one_insn_per_tb);
        assert_eq!(on(&[("QEMU_SYSROOT", "x")]).sysroot, None);
    }

    #[test]
    fn cache_is_a_folder_or_nothing() {
        let said = |words, variables: &[_]| parse_words(words, variables).unwrap().options.cache;
        assert_eq!(said("p", &[]), Cache::Usual);
        assert_eq!(said("--cache /c p", &[("BROLGA_CACHE", "0")]), Cache::Folder("/c".into()));
        assert_eq!(said("p", &[("QEMU_CACHE", "/q"), ("BROLGA_CACHE", "0")]), Cache::Off);
        assert_eq!(said("--cache=1 p", &[("BROLGA_CACHE", "0")]), Cache::Usual);
        assert_eq!(said("--no-cache p", &[("BROLGA_CACHE", "1")]), Cache::Off);
        assert_eq!(options("--cache-size 9 p").cache_mib, Some(9));
        assert!(options("--stats p").stats && parse_words("p", &[("BROLGA_STATS", "1")]).unwrap().options.stats);
        assert!(parse_words("--cache= p", &[]).is_err());
    }

    #[test]
    fn strace_takes_calls_only_behind_an_equal_sign() {
        let line = parse_words("--strace=openat,read ./p", &[]).unwrap();
        assert_eq!(
            (line.options.strace_only, line.command),
            (vec!["openat".into(), "read".into()], vec!["./p".into()])
        );
    }

    #[test]
    fn unknown_options_are_named_with_the_nearest_one() {
        for (words, message) in [
            ("-strase p", "unknown option '-strase'; did you mean '-strace'?"),
            ("--prefiks /r p", "unknown option '--prefiks'; did you mean '--prefix'?"),
            ("-one-insn-per-bt p", "unknown option '-one-insn-per-bt'; did you mean '-one-insn-per-tb'?"),
            ("-qqqq p", "unknown option '-qqqq'"),
            ("-z p", "unknown option '-z'"),
        ] {
            assert_eq!(parse_words(words, &[]).unwrap_err(), message, "{words}");
        }
    }

    #[test]
    fn missing_and_wrong_values_are_named() {
        for (words, part) in [
            ("-L", "option '-L' needs a value"),
            ("-s foo p", "option '-s': 'foo' is not a size"),
            ("-seed foo p", "option '-seed': 'foo' is not a number"),
            ("-d foo p", "option '-d': unknown log item 'foo'"),
            ("-dfilter x p", "option '-dfilter': 'x' is not a range"),
            ("-U A=1 p", "option '-U': 'A=1' is not a variable's name"),
            ("-t 1 p", "option '-t': '1' is not three numbers"),
        ] {
            let message = parse_words(words, &[]).unwrap_err();
            assert!(message.starts_with(part), "{words}: {message}");
        }
        assert!(parse_words("p", &[("QEMU_LOG", "foo")]).unwrap_err().starts_with("QEMU_LOG: unknown log item"));
    }

    #[test]
    fn lists_are_asked_for_by_help() {
        assert_eq!(options("-d help").show, Some(Show::LogItems));
        assert_eq!(options("-cpu help").show, Some(Show::Cpus));
        assert_eq!(options("--version").show, Some(Show::Version));
        assert_eq!(options("-h").show, Some(Show::Help));
        assert_eq!(options("-trace help").show, Some(Show::TraceEvents));
    }

    #[test]
    fn carried_words_say_the_same_again() {
        let said = [("QEMU_LOG", "exec"), ("BROLGA_PERFMAP", "1")];
        let first = parse_words("-cpu max -L /r -D f%d -dfilter 1+2 -strace p", &said).unwrap().options;
        assert_eq!(
            first.carried,
            ["--log=exec", "--perfmap", "--cpu=max", "--log-file=f%d", "--dfilter=1+2"].map(OsString::from)
        );
        let again = parse(first.carried.clone(), |_| None).unwrap().options;
        let carried = again.carried.clone();
        assert_eq!(RunOptions { prefix: None, strace: false, carried, ..first }, again);
    }

    #[test]
    fn no_name_is_used_twice() {
        let mut names: Vec<_> = OPTIONS
            .iter()
            .flat_map(|row| row.qemu.iter().copied().chain((!row.qemu.contains(&row.long)).then_some(row.long)))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        command().debug_assert();
    }
}
