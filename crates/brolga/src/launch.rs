//! The one place where a settled [`RunConfig`] meets the machinery that runs it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::IntoRawFd as _;
use std::sync::{Arc, Mutex};

use brolga_core::Vcpu;
use brolga_core::near::near;
use brolga_cranelift::RegionTier;
use brolga_engine::{
    Config as EngineConfig, Engine, EngineVcpu, IsFile, Log, NoRegions, SharedWords, Spawn, Stats, Watched,
    count_helpers,
};
use brolga_interp::Interp;
use brolga_ir::Helper;
use brolga_softmmu::direct::DirectMemory;
use brolga_user::{Config as UserConfig, Guest, LogFile, LogOptions, StraceOptions};

use crate::command_line;
use crate::config::RunConfig;
use crate::finish::{finish, remember, remember_blocks};
use crate::kept;
use crate::log_items::LogItems;
use crate::options::RunOptions;
use crate::processor::Processor;
use crate::switches::Switches;
use crate::trouble::{USAGE, say};

/// Runs the guest. Its exit status is returned; a guest ended by a signal ends this process by the same signal.
pub fn launch(config: RunConfig) -> u8 {
    if let Some((option, _)) = UNSUPPORTED.iter().find(|(_, asked)| asked(&config.options)) {
        say(format_args!("brolga: option '{option}' is not supported yet"));
        return USAGE;
    }
    let options = config.options.clone();
    if options.log.intersects(LogItems::TID)
        && !options.log_file.as_ref().is_some_and(|name| name.to_string_lossy().contains("%d"))
    {
        say(format_args!("brolga: '-d tid' needs a log file with %d in its name ('-D FILE')"));
        return USAGE;
    }
    if let Some(size) = options.reserved_va.filter(|&size| size != 0 && !RESERVED.contains(&size)) {
        say(format_args!("brolga: option '-R': {size:#x} is not between 256M and 4T"));
        return USAGE;
    }
    // A log starts anew with each run; what the guest executes adds to it.
    if let Some(name) = log_name(&options)
        && let Err(error) = File::create(&name)
    {
        say(format_args!("brolga: log file {name}: {error}"));
        return USAGE;
    }
    let mut user = user_config(config);
    user.carried.push(kept::word(&options));
    run(user, &options, true)
}

/// Sizes of address space that `-R` takes.
const RESERVED: std::ops::RangeInclusive<u64> = 256 << 20..=1 << 42;

/// Goes on with a run that a guest's `execve` started, when `argv` says it is one. Variables are not read again: the
/// guest may have changed them, and what they said then is in the carried words.
pub fn reenter(argv: &[OsString]) -> Option<u8> {
    let config = brolga_user::reexec::decode(argv)?;
    Some(match command_line::parse(config.carried.iter().cloned(), |_| None) {
        Ok(line) => run(config, &line.options, false),
        Err(message) => {
            say(format_args!("brolga: options of the program's parent: {message}"));
            USAGE
        }
    })
}

/// `first` tells a run from what its guest executes.
fn run(mut config: UserConfig, options: &RunOptions, first: bool) -> u8 {
    let (base, program, guest) = (config.guest_base, config.program.clone(), config.guest);
    config.on_exit = Some(finish);
    let cpu = Processor::parse(guest, options.cpu.as_deref()).unwrap_or_else(|_| Processor::usual(guest));
    config.log = user_log(options);
    config.aslr = options.switches.aslr;
    config.reserved = options.reserved_va.filter(|&size| size != 0);
    config.cpu = cpu.id();
    let status = brolga_user::run(config, &|| {
        let store = kept::open(options, &program, &format!("{guest:?} {cpu:?}"), base, first);
        let stats = options.stats.then(|| Arc::new(Stats::default()));
        remember(store.clone(), stats.clone(), program.display().to_string(), log_file(options));
        let usual = engine_config(options);
        let usual = match usual.region_threshold {
            0 => usual,
            _ => kept::with_thresholds(usual, options, store.as_deref()),
        };
        // Other guests' processors are told of code that changes, and by the line.
        let aside = (guest == Guest::X86_64 && options.switches.aside).then_some(brolga_user::will_watch as Watched);
        make_vcpu(options, cpu, base, EngineConfig { store, stats, aside, ..usual })
    });
    status as u8
}

fn make_vcpu(options: &RunOptions, cpu: Processor, base: u64, config: EngineConfig) -> Box<dyn Vcpu> {
    let memory = DirectMemory { base, tagged: cpu.ignores_top_byte() };
    let helpers = cpu.tables().helpers();
    let helpers = if options.stats { count_helpers(helpers) } else { helpers };
    let usual = cpu.usual_instructions();
    let tier0 = Interp { memory, helpers, fetch: |_, pc, buf| brolga_user::fetch(pc, buf), usual };
    let regions = if config.region_threshold == 0 { None } else { region_tier(options, cpu, base, helpers) };
    match regions {
        Some(tier) => {
            let engine = Engine::new(cpu.frontend(), tier0, Some(tier), config);
            let kept = Arc::clone(&engine);
            remember_blocks(Box::new(move || kept.keep_blocks()));
            let vcpu = EngineVcpu::new(engine);
            near(|| Box::new(vcpu))
        }
        None => Box::new(EngineVcpu::new(Engine::new(cpu.frontend(), tier0, None::<NoRegions>, config))),
    }
}

/// Blocks that are watched in tier 0 before a region is made of tier 1's: some turns of an interpreter's loop, and nothing
/// beside the time that compiling takes.
const WATCH: u32 = 256;

/// MiB of host code kept unless `-tb-size` says otherwise.
const CODE_MIB: u64 = 64;
/// MiB of host code at most: code is addressed within 2 GiB.
const MAX_CODE_MIB: u64 = 1024;

/// The region tier, where the host has one.
fn region_tier(options: &RunOptions, cpu: Processor, base: u64, helpers: &[Helper]) -> Option<RegionTier> {
    let mib = options.tb_size_mib.filter(|&mib| mib != 0).unwrap_or(CODE_MIB).min(MAX_CODE_MIB);
    let (perf_map, jit_dump, no_host_fp) = (options.perfmap, options.jitdump, !options.switches.host_fp);
    let tagged = cpu.ignores_top_byte();
    let options =
        brolga_cranelift::Options { guest_base: base, tagged, perf_map, jit_dump, no_host_fp, ..Default::default() };
    match RegionTier::new((mib as usize) << 20, cpu.tables().regs(), helpers, options) {
        Ok(tier) => {
            brolga_user::set_fault_hook(brolga_cranelift::on_fault);
            Some(tier)
        }
        Err(error) => {
            tracing::warn!("no code generation: {error}");
            None
        }
    }
}

fn engine_config(options: &RunOptions) -> EngineConfig {
    let has = |item| options.log.intersects(item);
    let log = Log {
        in_asm: has(LogItems::IN_ASM),
        op: has(LogItems::OP),
        op_opt: has(LogItems::OP_OPT),
        out_asm: has(LogItems::OUT_ASM),
        exec: has(LogItems::EXEC),
        cpu: has(LogItems::CPU),
        unimp: has(LogItems::UNIMP),
        ranges: options.log_ranges.iter().map(|r| *r.start()..r.end().saturating_add(1)).collect(),
        sink: open_log(options),
    };
    let max_insns = if options.one_insn_per_tb { 1 } else { EngineConfig::default().max_insns };
    let Switches { block_threshold, region_threshold, patience, share, .. } = options.switches;
    let Switches { link, passes, worker, precise, .. } = options.switches;
    let link = link && !has(LogItems::NOCHAIN);
    let region_threshold = if options.one_insn_per_tb { 0 } else { region_threshold };
    let workers = if worker { options.jit_threads } else { Some(0) };
    let (spawn, aliases) = (brolga_user::spawn_hidden as Spawn, brolga_user::aliases);
    let (is_file, shared_words) = (brolga_user::is_file as IsFile, Some(brolga_user::shared_words as SharedWords));
    let rest = EngineConfig { is_file, shared_words, ..EngineConfig::default() };
    EngineConfig {
        max_insns,
        block_threshold,
        region_threshold,
        patience,
        watch: WATCH,
        link,
        passes,
        precise,
        workers,
        share,
        times: brolga_user::processor_times,
        spawn,
        aliases,
        log,
        ..rest
    }
}

/// The name of the log file; `%d` stands for the process id.
fn log_name(options: &RunOptions) -> Option<String> {
    Some(options.log_file.as_ref()?.to_string_lossy().replace("%d", &std::process::id().to_string()))
}

fn log_file(options: &RunOptions) -> LogFile {
    LogFile { path: options.log_file.clone(), per_thread: options.log.intersects(LogItems::TID) }
}

/// The engine's log lines go where all others do.
struct Sink(LogFile);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn open_log(options: &RunOptions) -> Option<Mutex<Box<dyn Write + Send>>> {
    options.log_file.as_ref()?;
    Some(Mutex::new(Box::new(Sink(log_file(options)))))
}

/// The `-d` items that user mode sees to.
fn user_log(options: &RunOptions) -> LogOptions {
    let has = |item| options.log.intersects(item);
    LogOptions {
        int: has(LogItems::INT),
        page: has(LogItems::PAGE),
        mmu: has(LogItems::MMU),
        cpu_reset: has(LogItems::CPU_RESET),
        unimp: has(LogItems::UNIMP),
        guest_errors: has(LogItems::GUEST_ERRORS),
        invalid_mem: has(LogItems::INVALID_MEM),
        file: log_file(options),
    }
}

fn user_config(config: RunConfig) -> UserConfig {
    let RunConfig { guest, program, argv, env, prefix, options } = config;
    let mut words = argv.into_iter();
    let argv0 = words.next();
    let pair = |(name, value): (OsString, OsString)| {
        let mut entry = name;
        entry.push("=");
        entry.push(value);
        entry
    };
    let strace = options
        .log_items()
        .intersects(LogItems::STRACE)
        .then(|| StraceOptions { filter: options.strace_only.clone(), string_limit: 0 });
    let exec_name = program.executed();
    let defaults = UserConfig::new(guest.user, program.host, words.collect());
    UserConfig {
        argv0,
        exec_name: Some(exec_name),
        // The very file that was judged; with binfmt_misc flags O and C its path may not be readable.
        program_fd: Some(program.file.into_raw_fd()),
        env: env.into_iter().map(pair).collect(),
        prefix,
        stack_size: options.stack_size,
        strace,
        uname: options.uname_release,
        guest_base: options.guest_base.unwrap_or(0),
        seed: options.seed,
        carried: options.carried,
        ..defaults
    }
}

type Asked = fn(&RunOptions) -> bool;

/// Options that are understood and have nothing behind them, with the test for each.
const UNSUPPORTED: &[(&str, Asked)] =
    &[("-g", |o| o.gdb.is_some()), ("-plugin", |o| !o.plugins.is_empty()), ("-trace", |o| !o.trace.is_empty())];
