//! Drives the host's apt-get with private state: it resolves dependencies against the sysroot's own package database,
//! verifies signatures and hashes, and downloads. Nothing of the host's package state is read or changed.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::progress::{Progress, megabytes};

/// apt-get with the state of one sysroot.
#[derive(Debug)]
pub struct Apt {
    config: PathBuf,
    archives: PathBuf,
    /// An archive folder that stays empty.
    empty: PathBuf,
}

/// A package to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The `.deb` file once fetched.
    pub file: PathBuf,
    /// Its bytes.
    pub size: u64,
}

/// What an install would take.
#[derive(Debug, Default)]
pub struct Plan {
    /// The packages, in apt's order.
    pub archives: Vec<Archive>,
    /// Bytes the tree grows by, as apt estimates.
    pub unpacked: Option<u64>,
}

impl Apt {
    /// Writes the private configuration: `state` is the sysroot's own apt folder, `cache` the shared one, `status` the
    /// sysroot's dpkg status file, `sources` deb822 text.
    pub fn set_up(state: &Path, cache: &Path, status: &Path, sources: &str, arch: &str) -> anyhow::Result<Self> {
        let (lists, archives, empty) = (cache.join("lists"), cache.join("archives"), state.join("empty"));
        for folder in [&lists.join("partial"), &archives.join("partial"), &empty.join("partial")] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let list = state.join("archive.sources");
        fs::write(&list, sources).with_context(|| format!("cannot write {}", list.display()))?;
        let text =
            configuration(&Paths { state, cache, lists: &lists, archives: &archives, status, list: &list }, arch)?;
        let config = state.join("apt.conf");
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        Ok(Self { config, archives, empty })
    }

    /// Fetches the package lists; apt checks their signatures.
    pub fn update(&self, arch: &str) -> anyhow::Result<()> {
        self.run(&["update"], |_| ()).map_err(|error| {
            let elsewhere = format!("{error:#}").contains(&format!("binary-{arch}"));
            let hint = match elsewhere {
                true => format!(" (an archive without {arch}? '--mirror URL' names one that has it)"),
                false => String::new(),
            };
            error.context(format!("the package lists could not be fetched{hint}"))
        })
    }

    /// What installing `packages` takes, fetched before or not: apt prints only what its archive folder lacks, so it is
    /// shown the empty one.
    pub fn plan(&self, packages: &[String]) -> anyhow::Result<Plan> {
        let nowhere = format!("Dir::Cache::archives={}", self.empty.display());
        let mut arguments = vec!["install", "--print-uris", "-y", "-o", &nowhere];
        arguments.extend(packages.iter().map(String::as_str));
        let mut plan = Plan::default();
        self.run(&arguments, |line| {
            plan.archives.extend(archive_line(line, &self.archives));
            plan.unpacked = plan.unpacked.or_else(|| unpacked_line(line));
        })
        .context("the packages cannot be installed together")?;
        Ok(plan)
    }

    /// Downloads what `plan` lacks; files already there are checked by apt and kept.
    pub fn download(&self, packages: &[String], plan: &Plan) -> anyhow::Result<()> {
        let mut arguments = vec!["install", "--download-only", "-y", "-o", "APT::Status-Fd=1"];
        arguments.extend(packages.iter().map(String::as_str));
        let sum = |archives: &mut dyn Iterator<Item = &Archive>| archives.map(|archive| archive.size).sum::<u64>();
        let total = sum(&mut plan.archives.iter());
        let there = || plan.archives.iter().filter(|a| a.file.metadata().is_ok_and(|m| m.len() == a.size));
        let mut progress = Progress::new("downloaded", plan.archives.len());
        let report = |progress: &mut Progress| {
            let note = format!("{} of {}", megabytes(sum(&mut there())), megabytes(total));
            progress.at(there().count(), &note);
        };
        self.run(&arguments, |line| {
            if line.starts_with("dlstatus:") {
                report(&mut progress);
            }
        })
        .context("download failed; what was fetched is kept, the same command goes on from there")?;
        report(&mut progress);
        match plan.archives.iter().find(|archive| !archive.file.is_file()) {
            Some(missing) => bail!("apt-get left out {}", missing.file.display()),
            None => Ok(()),
        }
    }

    /// Runs apt-get, handing each line of its output to `line`; a failure carries apt's own error lines.
    fn run(&self, arguments: &[&str], mut line: impl FnMut(&str)) -> anyhow::Result<()> {
        let mut child = Command::new("apt-get")
            .args(["-q", "-c"])
            .arg(&self.config)
            .args(arguments)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start apt-get")?;
        let stderr = child.stderr.take().context("apt-get's standard error is a pipe")?;
        let errors = std::thread::spawn(move || last_lines(BufReader::new(stderr)));
        for text in BufReader::new(child.stdout.take().context("apt-get's standard output is a pipe")?).lines() {
            line(&text?);
        }
        let status = child.wait()?;
        let errors = errors.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let told: Vec<_> = errors.iter().filter(|line| line.starts_with("E: ")).map(|line| &line[3..]).collect();
        match told.is_empty() {
            true => bail!("apt-get {}: {status}", arguments[0]),
            false => bail!("apt-get: {}", told.join("; ")),
        }
    }
}

/// The last lines of a stream: enough for any message, little enough for any flood.
fn last_lines(stream: impl BufRead) -> VecDeque<String> {
    let mut kept = VecDeque::new();
    for line in stream.lines().map_while(Result::ok) {
        if kept.len() == 40 {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    kept
}

struct Paths<'a> {
    state: &'a Path,
    cache: &'a Path,
    lists: &'a Path,
    archives: &'a Path,
    status: &'a Path,
    list: &'a Path,
}

/// apt.conf(5) text read after the host's own, whose proxies, trusted keys and certificates stay in force. Hooks are
/// cleared because they act on the host; `Sandbox::User` because the folders are the caller's own.
fn configuration(paths: &Paths<'_>, arch: &str) -> anyhow::Result<String> {
    let mut text = String::from(
        "#clear APT::Architectures;\n\
         #clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear DPkg::Pre-Invoke;\n\
         #clear DPkg::Pre-Install-Pkgs;\n\
         #clear DPkg::Post-Invoke;\n\
         #clear Acquire::Languages;\n\
         Acquire::Languages \"none\";\n\
         Acquire::AllowInsecureRepositories \"false\";\n\
         Acquire::AllowWeakRepositories \"false\";\n\
         Acquire::AllowDowngradeToInsecureRepositories \"false\";\n\
         Acquire::Retries \"3\";\n\
         APT::Get::AllowUnauthenticated \"false\";\n\
         APT::Get::List-Cleanup \"false\";\n\
         APT::Install-Recommends \"false\";\n\
         APT::Install-Suggests \"false\";\n\
         APT::Sandbox::User \"root\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n",
    );
    text += &format!("APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\n");
    for (key, path) in [
        ("Dir::State", paths.state),
        ("Dir::State::lists", paths.lists),
        ("Dir::State::status", paths.status),
        ("Dir::Cache", paths.cache),
        ("Dir::Cache::archives", paths.archives),
        ("Dir::Etc::sourcelist", paths.list),
    ] {
        let path = path.to_str().filter(|path| !path.contains(['"', '\n', ';', '{', '}']));
        let path =
            path.with_context(|| format!("{key}: apt cannot take this path; set BROLGA_SYSROOT_DIR to a plain one"))?;
        text += &format!("{key} \"{path}\";\n");
    }
    Ok(text)
}

/// A line of `--print-uris`: `'URI' FILE SIZE HASH`.
fn archive_line(line: &str, archives: &Path) -> Option<Archive> {
    let (_, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split(' ');
    Some(Archive { file: archives.join(words.next()?), size: words.next()?.parse().ok()? })
}

/// `After this operation, 105 MB of additional disk space will be used.`
fn unpacked_line(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("After this operation, ")?.strip_suffix(" of additional disk space will be used.")?;
    let (number, unit) = rest.split_once(' ')?;
    let unit = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    Some((number.replace(',', "").parse::<f64>().ok()? * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_apt_is_understood() {
        let line = "'http://x.example/pool/libssl3_3.0.20-1%7edeb12u2_arm64.deb' libssl3_3.0.20-1~deb12u2_arm64.deb 1823624 MD5Sum:c0";
        let archive = archive_line(line, Path::new("/a")).unwrap();
        assert_eq!(archive, Archive { file: "/a/libssl3_3.0.20-1~deb12u2_arm64.deb".into(), size: 1_823_624 });
        assert_eq!(archive_line("Reading package lists...", Path::new("/a")), None);
        let line = "After this operation, 1,105 kB of additional disk space will be used.";
        assert_eq!(unpacked_line(line), Some(1_105_000));
        assert_eq!(unpacked_line("After this operation, 3 MB disk space will be freed."), None);
    }

    #[test]
    fn paths_that_would_end_a_string_are_refused() {
        let bad = Path::new("/tmp/a\"; x");
        let paths = Paths { state: bad, cache: bad, lists: bad, archives: bad, status: bad, list: bad };
        assert!(configuration(&paths, "arm64").is_err());
    }
}
