//! The options of user mode: **one table row an option**. The row feeds both command lines (`qemu-aarch64`-style and
//! `brolga run`), the environment variables and the help texts.
//!
//! A new option: a field in [`RunOptions`], a row in [`OPTIONS`]. Rows are sorted as the help prints them.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::log_items::{LogItems, parse_log_items};
use crate::switches::Switches;
use crate::values::{assignment, integer, pieces, ranges, signal_map, size, text};

/// What the options and variables asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Print something and end instead of running.
    pub show: Option<Show>,
    /// `-L`: the tree looked in first for absolute guest paths, the ELF interpreter's among them.
    pub prefix: Option<PathBuf>,
    /// `--sysroot`: a tree made by `brolga sysroot create`, or a path with a slash in it.
    pub sysroot: Option<OsString>,
    /// `-E` and `-U` in the order given; the last word on a variable stands.
    pub env: Vec<EnvEdit>,
    /// `-0`: the guest's `argv[0]`.
    pub argv0: Option<OsString>,
    /// `-cpu`: model and its comma-separated properties, unparsed.
    pub cpu: Option<String>,
    /// `-s`: bytes of guest stack.
    pub stack_size: u64,
    /// `-B`: host address of guest address 0.
    pub guest_base: Option<u64>,
    /// `-R`: bytes of guest address space; 0 and `None` leave the choice to Brolga.
    pub reserved_va: Option<u64>,
    /// `-r`: the release `uname` reports.
    pub uname_release: Option<String>,
    /// `-d`; see [`RunOptions::log_items`].
    pub log: LogItems,
    /// `-strace`.
    pub strace: bool,
    /// `-D`: log file, `%d` standing for the process id; standard error without.
    pub log_file: Option<PathBuf>,
    /// `-dfilter`: guest addresses whose code `-d` items speak of; empty means all.
    pub log_ranges: Vec<RangeInclusive<u64>>,
    /// `--strace=NAME,...`: the only system calls to log; empty means all.
    pub strace_only: Vec<String>,
    /// `-seed`: start of the guest's random numbers (AT_RANDOM, getrandom).
    pub seed: Option<u64>,
    /// `-one-insn-per-tb`.
    pub one_insn_per_tb: bool,
    /// `-x`: switches of the translator.
    pub switches: Switches,
    /// `-tb-size`: MiB of translated code kept.
    pub tb_size_mib: Option<u64>,
    /// `--jit-threads`: threads that compile hot code; 0 for the guest's own.
    pub jit_threads: Option<usize>,
    /// `--cache`: where translated code is kept between runs.
    pub cache: Cache,
    /// `--cache-size`: MiB of that at most.
    pub cache_mib: Option<u64>,
    /// `--stats`.
    pub stats: bool,
    /// `-g`: port or socket path a debugger connects to.
    pub gdb: Option<String>,
    /// `-trace` values and `-d trace:` patterns.
    pub trace: Vec<String>,
    /// `-plugin` values.
    pub plugins: Vec<OsString>,
    /// `-perfmap`.
    pub perfmap: bool,
    /// `-jitdump`.
    pub jitdump: bool,
    /// The options of rows marked `carried`, in GNU form, for the emulator that a guest's `execve` starts.
    pub carried: Vec<OsString>,
}

impl RunOptions {
    /// The log items in force: those of `-d`, and `strace` by either option.
    pub fn log_items(&self) -> LogItems {
        if self.strace { self.log.union(LogItems::STRACE) } else { self.log }
    }
}

/// Default of `-s`.
pub const STACK_SIZE: u64 = 8 << 20;

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            show: None,
            prefix: None,
            sysroot: None,
            env: Vec::new(),
            argv0: None,
            cpu: None,
            stack_size: STACK_SIZE,
            guest_base: None,
            reserved_va: None,
            uname_release: None,
            log: LogItems::NONE,
            strace: false,
            log_file: None,
            log_ranges: Vec::new(),
            strace_only: Vec::new(),
            seed: None,
            one_insn_per_tb: false,
            switches: Switches::default(),
            tb_size_mib: None,
            jit_threads: None,
            cache: Cache::Usual,
            cache_mib: None,
            stats: false,
            gdb: None,
            trace: Vec::new(),
            plugins: Vec::new(),
            perfmap: false,
            jitdump: false,
            carried: Vec::new(),
        }
    }
}

/// Where translated code is kept between runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// In the user's cache folder.
    Usual,
    /// Nowhere.
    Off,
    /// In this folder.
    Folder(PathBuf),
}

/// One change of the guest's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvEdit {
    /// Set a variable.
    Set(OsString, OsString),
    /// Remove a variable.
    Unset(OsString),
}

/// What to print instead of running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// `-h`.
    Help,
    /// `-version`.
    Version,
    /// `-d help`.
    LogItems,
    /// `-cpu help`.
    Cpus,
    /// `-trace help`.
    TraceEvents,
}

/// What follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// One value, named so in help.
    Value(&'static str),
    /// A value only behind `=`, named so in help.
    Optional(&'static str),
}

/// One option under all its names.
#[derive(Debug)]
pub struct OptionRow {
    /// The GNU name: `--prefix`. Also the key of the parsed command line.
    pub long: &'static str,
    /// The established single-dash names: `-L`; empty when Brolga alone has the option.
    pub qemu: &'static [&'static str],
    /// What follows.
    pub takes: Takes,
    /// The variables behind `QEMU_` and `BROLGA_`, older spellings last.
    pub variables: &'static [&'static str],
    /// Under its single-dash name the value is a comma list, each piece a value of its own (getsubopt(3)).
    pub comma_list: bool,
    /// A guest's `execve` passes the option on as a word of ours: it concerns translation and logging, which the
    /// configuration of user mode does not hold.
    pub carried: bool,
    /// One line of help.
    pub help: &'static str,
    /// Enters a value ("" for none) into the options.
    pub set: fn(&mut RunOptions, &OsStr) -> Result<(), String>,
}

/// The row most options start from.
const ROW: OptionRow = OptionRow {
    long: "",
    qemu: &[],
    takes: Takes::Nothing,
    variables: &[],
    comma_list: false,
    carried: false,
    help: "",
    set: |_, _| Ok(()),
};

/// Every option of user mode.
pub const OPTIONS: &[OptionRow] = &[
    OptionRow {
        long: "help",
        qemu: &["h", "help"],
        help: "print this help and end",
        set: |o, _| show(o, Show::Help),
        ..ROW
    },
    OptionRow {
        long: "gdb",
        qemu: &["g"],
        takes: Takes::Value("PORT"),
        variables: &["GDB"],
        help: "wait for a debugger on this port or socket path",
        set: |o, v| put(&mut o.gdb, text(v)?.to_owned()),
        ..ROW
    },
    OptionRow {
        long: "prefix",
        qemu: &["L"],
        takes: Takes::Value("PATH"),
        variables: &["LD_PREFIX"],
        help: "look for absolute guest paths under PATH first",
        set: |o, v| put(&mut o.prefix, PathBuf::from(v)),
        ..ROW
    },
    OptionRow {
        long: "sysroot",
        takes: Takes::Value("NAME"),
        variables: &["SYSROOT"],
        help: "run from a tree of 'brolga sysroot create NAME'",
        set: |o, v| put(&mut o.sysroot, v.to_owned()),
        ..ROW
    },
    OptionRow {
        long: "stack-size",
        qemu: &["s"],
        takes: Takes::Value("SIZE"),
        variables: &["STACK_SIZE"],
        help: "bytes of guest stack (K, M, G allowed)",
        set: |o, v| assign(&mut o.stack_size, size(v)?),
        ..ROW
    },
    OptionRow {
        long: "cpu",
        qemu: &["cpu"],
        takes: Takes::Value("MODEL"),
        variables: &["CPU"],
        carried: true,
        help: "processor the guest sees ('help' lists them)",
        set: cpu,
        ..ROW
    },
    OptionRow {
        long: "env",
        qemu: &["E"],
        takes: Takes::Value("NAME=VALUE"),
        variables: &["SET_ENV"],
        comma_list: true,
        help: "set a variable for the guest (repeatable)",
        set: |o, v| {
            let (name, value) = assignment(v)?;
            o.env.push(EnvEdit::Set(name, value));
            Ok(())
        },
        ..ROW
    },
    OptionRow {
        long: "unset",
        qemu: &["U"],
        takes: Takes::Value("NAME"),
        variables: &["UNSET_ENV"],
        comma_list: true,
        help: "remove a variable for the guest (repeatable)",
        set: |o, v| {
            if v.as_encoded_bytes().contains(&b'=') {
                return Err(format!("'{}' is not a variable's name", v.to_string_lossy()));
            }
            o.env.push(EnvEdit::Unset(v.to_owned()));
            Ok(())
        },
        ..ROW
    },
    OptionRow {
        long: "argv0",
        qemu: &["0"],
        takes: Takes::Value("ARGV0"),
        variables: &["ARGV0"],
        help: "what the guest finds in argv[0]",
        set: |o, v| put(&mut o.argv0, v.to_owned()),
        ..ROW
    },
    OptionRow {
        long: "uname",
        qemu: &["r"],
        takes: Takes::Value("RELEASE"),
        variables: &["UNAME"],
        help: "kernel release that uname reports",
        set: |o, v| put(&mut o.uname_release, text(v)?.to_owned()),
        ..ROW
    },
    OptionRow {
        long: "guest-base",
        qemu: &["B"],
        takes: Takes::Value("ADDRESS"),
        variables: &["GUEST_BASE"],
        help: "host address of guest address 0",
        set: |o, v| put(&mut o.guest_base, integer(v)?),
        ..ROW
    },
    OptionRow {
        long: "reserved-va",
        qemu: &["R"],
        takes: Takes::Value("SIZE"),
        variables: &["RESERVED_VA"],
        carried: true,
        help: "bytes of guest address space",
        set: |o, v| put(&mut o.reserved_va, size(v)?),
        ..ROW
    },
    OptionRow {
        long: "rtsig-map",
        qemu: &["t"],
        takes: Takes::Value("T H N[,...]"),
        variables: &["RTSIG_MAP"],
        help: "checked, then ignored: all 64 signals are the guest's",
        set: |_, v| signal_map(v),
        ..ROW
    },
    OptionRow {
        long: "log",
        qemu: &["d"],
        takes: Takes::Value("ITEM[,...]"),
        variables: &["LOG"],
        carried: true,
        help: "log these items ('help' lists them)",
        set: log,
        ..ROW
    },
    OptionRow {
        long: "dfilter",
        qemu: &["dfilter"],
        takes: Takes::Value("RANGE[,...]"),
        variables: &["DFILTER"],
        carried: true,
        help: "log only code in these guest addresses",
        set: |o, v| assign(&mut o.log_ranges, ranges(v)?),
        ..ROW
    },
    OptionRow {
        long: "log-file",
        qemu: &["D"],
        takes: Takes::Value("FILE"),
        variables: &["LOG_FILENAME"],
        carried: true,
        help: "write the log there (%d: process id)",
        set: |o, v| put(&mut o.log_file, PathBuf::from(v)),
        ..ROW
    },
    OptionRow {
        long: "page-size",
        qemu: &["p"],
        takes: Takes::Value("SIZE"),
        variables: &["PAGESIZE"],
        help: "checked, then ignored: the host's page size stands",
        set: |_, v| size(v).map(drop),
        ..ROW
    },
    OptionRow {
        long: "one-insn-per-tb",
        qemu: &["one-insn-per-tb", "singlestep"],
        variables: &["ONE_INSN_PER_TB", "SINGLESTEP"],
        carried: true,
        help: "translate one guest instruction at a time",
        set: |o, _| assign(&mut o.one_insn_per_tb, true),
        ..ROW
    },
    OptionRow {
        long: "switch",
        qemu: &["x"],
        takes: Takes::Value("NAME[=N]"),
        variables: &["SWITCH"],
        comma_list: true,
        carried: true,
        help: crate::switches::WORDS,
        set: |o, v| o.switches.set(&text(v)?),
        ..ROW
    },
    OptionRow {
        long: "tb-size",
        qemu: &["tb-size"],
        takes: Takes::Value("MIB"),
        variables: &["TB_SIZE"],
        carried: true,
        help: "MiB of translated code kept",
        set: |o, v| put(&mut o.tb_size_mib, integer(v)?),
        ..ROW
    },
    OptionRow {
        long: "jit-threads",
        takes: Takes::Value("N"),
        variables: &["JIT_THREADS"],
        carried: true,
        help: "threads that compile hot code; 0: the guest's own [what the host can spare, 4 at most]",
        set: |o, v| put(&mut o.jit_threads, integer(v)? as usize),
        ..ROW
    },
    OptionRow {
        long: "cache",
        takes: Takes::Value("FOLDER"),
        variables: &["CACHE"],
        carried: true,
        help: "keep translated code there; 0: nowhere [~/.cache/brolga]",
        set: cache,
        ..ROW
    },
    OptionRow {
        long: "no-cache",
        carried: true,
        help: "keep no translated code between runs, use none",
        set: |o, _| assign(&mut o.cache, Cache::Off),
        ..ROW
    },
    OptionRow {
        long: "cache-size",
        takes: Takes::Value("MIB"),
        variables: &["CACHE_SIZE"],
        carried: true,
        help: "MiB of translated code kept between runs at most",
        set: |o, v| put(&mut o.cache_mib, integer(v)?),
        ..ROW
    },
    OptionRow {
        long: "stats",
        variables: &["STATS"],
        carried: true,
        help: "log what the translator did when the program ends",
        set: |o, _| assign(&mut o.stats, true),
        ..ROW
    },
    OptionRow {
        long: "strace",
        qemu: &["strace"],
        takes: Takes::Optional("CALL[,...]"),
        variables: &["STRACE"],
        help: "log system calls, all or the named ones",
        set: |o, v| {
            o.strace = true;
            o.strace_only = text(v)?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Ok(())
        },
        ..ROW
    },
    OptionRow {
        long: "seed",
        qemu: &["seed"],
        takes: Takes::Value("NUMBER"),
        variables: &["RAND_SEED"],
        help: "start of the guest's random numbers",
        set: |o, v| put(&mut o.seed, integer(v)?),
        ..ROW
    },
    OptionRow {
        long: "trace",
        qemu: &["trace"],
        takes: Takes::Value("SPEC"),
        variables: &["TRACE"],
        carried: true,
        help: "[[enable=]PATTERN][,events=FILE][,file=FILE]",
        set: |o, v| match text(v)? {
            "help" | "?" => show(o, Show::TraceEvents),
            spec => push(&mut o.trace, spec.to_owned()),
        },
        ..ROW
    },
    OptionRow {
        long: "plugin",
        qemu: &["plugin"],
        takes: Takes::Value("FILE[,...]"),
        variables: &["PLUGIN"],
        carried: true,
        help: "load an instrumentation plugin",
        set: |o, v| push(&mut o.plugins, v.to_owned()),
        ..ROW
    },
    OptionRow {
        long: "version",
        qemu: &["version"],
        variables: &["VERSION"],
        help: "print the version and end",
        set: |o, _| show(o, Show::Version),
        ..ROW
    },
    OptionRow {
        long: "perfmap",
        qemu: &["perfmap"],
        variables: &["PERFMAP"],
        carried: true,
        help: "write /tmp/perf-PID.map for perf",
        set: |o, _| assign(&mut o.perfmap, true),
        ..ROW
    },
    OptionRow {
        long: "jitdump",
        qemu: &["jitdump"],
        variables: &["JITDUMP"],
        carried: true,
        help: "write jit-PID.dump for perf",
        set: |o, _| assign(&mut o.jitdump, true),
        ..ROW
    },
];

impl OptionRow {
    /// The row with this name, without its dashes.
    pub fn named(name: &str) -> Option<&'static OptionRow> {
        OPTIONS.iter().find(|row| row.long == name || row.qemu.contains(&name))
    }

    /// How messages call the option: `-L`, or `--sysroot` for one with no single-dash name.
    pub fn shown(&self) -> String {
        self.qemu.first().map_or_else(|| format!("--{}", self.long), |name| format!("-{name}"))
    }

    /// Enters `value`, cutting comma lists; what is wrong comes back as a whole sentence about `said`.
    pub fn enter(&self, options: &mut RunOptions, said: &str, value: &OsStr, cut: bool) -> Result<(), String> {
        let values = if cut && self.comma_list { pieces(value).collect() } else { vec![value.to_owned()] };
        let entered = values.iter().try_for_each(|v| (self.set)(options, v));
        entered.map_err(|why| format!("{said}: {why}"))?;
        if self.carried {
            let mut word = OsString::from(format!("--{}", self.long));
            if matches!(self.takes, Takes::Value(_)) {
                word.push("=");
                word.push(value);
            }
            options.carried.push(word);
        }
        Ok(())
    }
}

/// `0` is the variable's way to say no, `1` to say yes; a folder must not depend on where the guest goes.
fn cache(options: &mut RunOptions, value: &OsStr) -> Result<(), String> {
    options.cache = match value.as_encoded_bytes() {
        b"0" => Cache::Off,
        b"1" => Cache::Usual,
        b"" => return Err("a folder's name is missing".into()),
        _ => Cache::Folder(std::path::absolute(value).map_err(|error| error.to_string())?),
    };
    Ok(())
}

fn assign<T>(place: &mut T, value: T) -> Result<(), String> {
    *place = value;
    Ok(())
}

fn push<T>(list: &mut Vec<T>, value: T) -> Result<(), String> {
    list.push(value);
    Ok(())
}

fn put<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    *place = Some(value);
    Ok(())
}

/// The first request to print stands.
fn show(options: &mut RunOptions, what: Show) -> Result<(), String> {
    options.show.get_or_insert(what);
    Ok(())
}

fn cpu(options: &mut RunOptions, value: &OsStr) -> Result<(), String> {
    match text(value)? {
        "help" | "?" => show(options, Show::Cpus),
        model => put(&mut options.cpu, model.to_owned()),
    }
}

fn log(options: &mut RunOptions, value: &OsStr) -> Result<(), String> {
    let value = text(value)?;
    if value == "help" || value == "?" {
        return show(options, Show::LogItems);
    }
    if value == "trace:help" {
        return show(options, Show::TraceEvents);
    }
    let (items, patterns) = parse_log_items(value)?;
    options.log = items;
    options.trace.extend(patterns);
    Ok(())
}
