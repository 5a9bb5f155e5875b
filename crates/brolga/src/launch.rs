//! The one place where a settled [`RunConfig`] meets the machinery that runs it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::process::ExitCode;
use std::sync::Mutex;

use brolga_arm::A64;
use brolga_core::Vcpu;
use brolga_engine::{Config as EngineConfig, Engine, EngineVcpu, Log};
use brolga_interp::Interp;
use brolga_ir::Frontend;
use brolga_softmmu::direct::DirectMemory;
use brolga_user::{Config as UserConfig, StraceOptions};

use crate::config::RunConfig;
use crate::log_items::LogItems;
use crate::options::RunOptions;
use crate::trouble::USAGE;

/// Runs the guest. Its exit status is returned; a guest ended by a signal ends this process by the same signal.
pub fn launch(config: RunConfig) -> ExitCode {
    for (option, _) in UNSUPPORTED.iter().filter(|(_, asked)| asked(&config.options)) {
        eprintln!("brolga: option '{option}' is not supported yet");
        return ExitCode::from(USAGE);
    }
    let translation = Translation::of(&config.options);
    run(user_config(config, &translation), &translation)
}

/// Runs what a guest's `execve` asked for, in the process that it became.
pub fn relaunch(config: UserConfig) -> ExitCode {
    let translation = Translation::carried(&config.carried);
    run(config, &translation)
}

fn run(config: UserConfig, translation: &Translation) -> ExitCode {
    let base = config.guest_base;
    let status = brolga_user::run(config, &|| make_vcpu(translation, base));
    ExitCode::from(status as u8)
}

fn make_vcpu(translation: &Translation, base: u64) -> Box<dyn Vcpu> {
    let memory = DirectMemory { base, tagged: true };
    let tier0 = Interp { memory, helpers: A64.helpers(), fetch: |_, pc, buf| brolga_user::fetch(pc, buf) };
    let engine = Engine::new(Box::new(A64), tier0, translation.engine());
    Box::new(EngineVcpu::new(engine))
}

/// Options of translation; they go to the programs that the guest executes, too.
#[derive(Debug, Default)]
struct Translation {
    items: LogItems,
    ranges: Vec<std::ops::RangeInclusive<u64>>,
    file: Option<OsString>,
    one_insn_per_tb: bool,
}

impl Translation {
    fn of(options: &RunOptions) -> Self {
        Self {
            items: options.log_items(),
            ranges: options.log_ranges.clone(),
            file: options.log_file.clone().map(Into::into),
            one_insn_per_tb: options.one_insn_per_tb,
        }
    }

    /// As words for [`Translation::carried`].
    fn words(&self) -> Vec<OsString> {
        let mut words = vec![format!("log:{}", self.items.bits()).into()];
        words.extend(self.ranges.iter().map(|r| format!("range:{}:{}", r.start(), r.end()).into()));
        if let Some(file) = &self.file {
            let mut word = OsString::from("file:");
            word.push(file);
            words.push(word);
        }
        if self.one_insn_per_tb {
            words.push("one-insn".into());
        }
        words
    }

    fn carried(words: &[OsString]) -> Self {
        let mut t = Self::default();
        for word in words.iter().filter_map(|w| w.to_str()) {
            match word.split_once(':') {
                Some(("log", bits)) => t.items = LogItems::from_bits(bits.parse().unwrap_or(0)),
                Some(("range", ends)) => {
                    let ends = ends.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                    t.ranges.extend(ends.map(|(a, b): (u64, u64)| a..=b));
                }
                Some(("file", path)) => t.file = Some(path.into()),
                _ => t.one_insn_per_tb |= word == "one-insn",
            }
        }
        t
    }

    fn engine(&self) -> EngineConfig {
        let has = |item| self.items.intersects(item);
        let log = Log {
            in_asm: has(LogItems::IN_ASM),
            op: has(LogItems::OP),
            exec: has(LogItems::EXEC),
            cpu: has(LogItems::CPU),
            unimp: has(LogItems::UNIMP),
            ranges: self.ranges.iter().map(|r| *r.start()..r.end().saturating_add(1)).collect(),
            sink: self.open(),
        };
        let max_insns = if self.one_insn_per_tb { 1 } else { EngineConfig::default().max_insns };
        EngineConfig { max_insns, log }
    }

    /// The log file; `%d` stands for the process id.
    fn open(&self) -> Option<Mutex<Box<dyn std::io::Write + Send>>> {
        let name = self.file.as_ref()?.to_string_lossy().replace("%d", &std::process::id().to_string());
        match OpenOptions::new().create(true).append(true).open(&name) {
            Ok(file) => Some(Mutex::new(Box::new(file))),
            Err(error) => {
                eprintln!("brolga: log file {name}: {error}; logging to standard error");
                None
            }
        }
    }
}

fn user_config(config: RunConfig, translation: &Translation) -> UserConfig {
    let RunConfig { program, argv, env, prefix, options, .. } = config;
    let mut words = argv.into_iter();
    let argv0 = words.next();
    let pair = |(name, value): (OsString, OsString)| {
        let mut entry = name;
        entry.push("=");
        entry.push(value);
        entry
    };
    let strace = options.log_items().intersects(LogItems::STRACE).then(|| StraceOptions {
        filter: options.strace_only.clone(),
        file: options.log_file.clone(),
        string_limit: 0,
    });
    let defaults = UserConfig::new(brolga_user::Guest::Aarch64, program.host, words.collect());
    UserConfig {
        argv0,
        env: env.into_iter().map(pair).collect(),
        prefix,
        stack_size: options.stack_size,
        strace,
        uname: options.uname_release,
        guest_base: options.guest_base.unwrap_or(0),
        seed: options.seed,
        carried: translation.words(),
        ..defaults
    }
}

/// Options that are understood and have nothing behind them, with the test for each.
const UNSUPPORTED: &[(&str, fn(&RunOptions) -> bool)] = &[
    ("-g", |o| o.gdb.is_some()),
    ("-plugin", |o| !o.plugins.is_empty()),
    ("-trace", |o| !o.trace.is_empty()),
    ("-jitdump", |o| o.jitdump),
];
