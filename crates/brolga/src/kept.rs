//! Where translated code is kept between runs, and what has to be the same for it to be used again.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brolga_cache::{Folder, Store, Summary};
use brolga_engine::Config as EngineConfig;

use crate::log_items::LogItems;
use crate::options::{Cache, RunOptions};
use crate::switches::Switches;

/// MiB kept unless `--cache-size` says otherwise.
const LIMIT_MIB: u64 = 1024;

/// The folder that is asked for, or the usual one; none if it is turned off or nothing says where the user's files are.
pub fn folder(choice: &Cache) -> Option<PathBuf> {
    match choice {
        Cache::Off => None,
        Cache::Folder(path) => Some(path.clone()),
        Cache::Usual => Folder::usual(|name| std::env::var_os(name)),
    }
}

/// The choice settled as a word for programs that the guest executes: it may change the variables that say where.
pub fn word(options: &RunOptions) -> std::ffi::OsString {
    let mut word = std::ffi::OsString::from("--cache=");
    word.push(folder(&options.cache).unwrap_or_else(|| "0".into()));
    word
}

/// Opens what is kept for `program` on the processor `guest`, if that may be used at all. The reason why not goes to the debug log only: the
/// program runs just as well. The folder is made by the `first` program of a run only: others may be in another tree.
pub fn open(options: &RunOptions, program: &Path, guest: &str, base: u64, first: bool) -> Option<Arc<Store>> {
    let logged = options.log.intersects(LogItems::OP_OPT.union(LogItems::OUT_ASM));
    let compiles = options.switches.region_threshold != 0 && !options.one_insn_per_tb;
    // Code is found by its address.
    if brolga_user::is_secure() || !compiles || logged || options.switches.aslr {
        return None;
    }
    let path = folder(&options.cache)?;
    let key = key(options, program, guest, base)?;
    let limit = options.cache_mib.unwrap_or(LIMIT_MIB).saturating_mul(1 << 20);
    match if first { Folder::open(&path, limit) } else { Folder::existing(&path, limit) } {
        Ok(folder) => Some(Arc::new(Store::open(folder, key.as_bytes(), brolga_user::hide))),
        Err(error) => {
            tracing::debug!("{}: {error}", path.display());
            None
        }
    }
}

/// Entries of a block before it gets code, and before its region is compiled, and the time that may take. What is compiled in
/// one run serves all later ones, so a program that is run again and again has ever more of its code compiled: what pays
/// at once in its first run, what is hot in later ones.
pub fn with_thresholds(config: EngineConfig, options: &RunOptions, store: Option<&Store>) -> EngineConfig {
    const QUARTERS: u64 = 2;
    /// Entries after which a region of code that no later run has is worth what it takes to compile.
    const PASSING: u32 = 300_000;
    /// Blocks that wait longer in a first run.
    const SLOW: usize = 512;
    let (asked, usual) = (&options.switches, Switches::default());
    let age = store.map_or(0, Store::age);
    let lower = |asked: u32, usual: u32, shift: u64| if asked == usual { (asked >> shift).max(1) } else { asked };
    let slow = age == 0 && asked.block_threshold == usual.block_threshold;
    EngineConfig {
        slow_start: if slow { SLOW } else { 0 },
        // Who runs a program twice will run it again: the sooner its code is compiled, the better.
        share: if age == 0 { asked.share } else { 0 },
        block_threshold: lower(asked.block_threshold, usual.block_threshold, 2 * age.min(QUARTERS)),
        passing_threshold: if asked.region_threshold == usual.region_threshold { PASSING } else { 0 },
        region_threshold: lower(asked.region_threshold, usual.region_threshold, 2 * age.min(1)),
        ..config
    }
}

/// All that code depends on beside the guest's bytes, and the program, so that each has a file of its own.
fn key(options: &RunOptions, program: &Path, guest: &str, base: u64) -> Option<String> {
    let build: String = brolga_user::build_id()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let data = std::fs::metadata(program).ok().filter(|_| !program.starts_with("/proc"))?;
    let program = std::fs::canonicalize(program).ok()?;
    // When code is made does not matter, but a switch that is new may.
    let times = Switches { block_threshold: 0, region_threshold: 0, share: 0, ..options.switches };
    let switches = Switches { worker: true, link: true, ..times };
    Some(format!(
        "{build}\n{}\n{guest} {base:#x} {switches:?}\n{} {} {}.{}\n",
        brolga_cranelift::host_key(),
        program.display(),
        data.size(),
        data.mtime(),
        data.mtime_nsec(),
    ))
}

/// `brolga cache info`: the folder and what is in it.
pub fn info() -> anyhow::Result<(PathBuf, Summary)> {
    with_folder(Folder::summary)
}

/// `brolga cache clear`: the folder and what was in it.
pub fn clear() -> anyhow::Result<(PathBuf, Summary)> {
    with_folder(Folder::clear)
}

fn with_folder(action: fn(&Folder) -> Summary) -> anyhow::Result<(PathBuf, Summary)> {
    let mut options = RunOptions::default();
    for variable in ["QEMU_CACHE", "BROLGA_CACHE"] {
        // Only a folder matters here: what is kept can be looked at where nothing is added.
        if let Some(value) = std::env::var_os(variable).filter(|value| value != "0" && value != "1") {
            options.cache = Cache::Folder(value.into());
        }
    }
    let path = folder(&options.cache).ok_or_else(|| anyhow::anyhow!("neither XDG_CACHE_HOME nor HOME is set"))?;
    if !path.exists() {
        return Ok((path, Summary::default()));
    }
    let folder = Folder::open(&path, u64::MAX).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok((path, action(&folder)))
}
