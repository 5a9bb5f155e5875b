//! The subcommands beside `run`: said in clap, meant by the module of each.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::guest::{GUESTS, Guest};
use crate::sysroot::{self, Create, store::Store};
use crate::{binfmt, kept, links};

/// Every subcommand but `run`.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Make the names qemu-ARCH, brolga-ARCH and their -static forms in a folder
    Links {
        /// Folder for the links
        dir: PathBuf,
        /// Replace what is there under these names
        #[arg(long)]
        force: bool,
    },
    /// Let the kernel start guest programs through Brolga (binfmt_misc)
    #[command(subcommand)]
    Binfmt(Binfmt),
    /// Translated code that is kept between runs
    #[command(subcommand)]
    Cache(Cache),
    /// Guest file trees made without root from the distribution's packages
    #[command(subcommand)]
    Sysroot(Sysroot),
}

/// Options of the binfmt subcommands.
#[derive(Debug, Args)]
pub struct Entry {
    /// Guest architecture
    #[arg(long, default_value = GUESTS[0].name)]
    arch: String,
    /// F: works in containers; P: keeps argv[0]; C: set-user-id works; O: passes an open file
    #[arg(long, default_value = "FP")]
    flags: String,
    /// Program to start (the brolga-ARCH link beside this binary, or this binary)
    #[arg(long)]
    interpreter: Option<PathBuf>,
    /// A file for systemd-binfmt in /etc/binfmt.d instead of the running kernel
    #[arg(long)]
    systemd: bool,
}

/// `brolga binfmt`.
#[derive(Debug, Subcommand)]
pub enum Binfmt {
    /// Print the entry
    Print(Entry),
    /// Register the entry (root)
    Install(Entry),
    /// Remove the entry (root)
    Remove(Entry),
    /// Show what is registered for an architecture
    Status(Entry),
}

/// `brolga cache`.
#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Print where it is and how much it holds
    Info,
    /// Remove all of it
    Clear,
}

/// `brolga sysroot`.
#[derive(Debug, Subcommand)]
pub enum Sysroot {
    /// Make a sysroot; repeated after an interruption, it goes on
    Create {
        /// Its name
        name: String,
        /// Release, as in 'bookworm' [default: this system's]
        #[arg(long)]
        suite: Option<String>,
        /// Architecture [default: the first guest's]
        #[arg(long)]
        arch: Option<String>,
        /// Packages beside the essential ones
        #[arg(long, value_delimiter = ',', value_name = "PACKAGE,...")]
        packages: Vec<String>,
        /// Only base-files, --packages and what they depend on
        #[arg(long)]
        bare: bool,
        /// Archive to use instead of this system's apt sources
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Key file the mirror's lists are signed with
        #[arg(long, value_name = "FILE", requires = "mirror")]
        keyring: Option<String>,
    },
    /// Add packages to a sysroot
    Add {
        /// The sysroot
        name: String,
        /// Packages
        #[arg(required = true)]
        packages: Vec<String>,
    },
    /// List the sysroots
    List,
    /// Remove a sysroot
    Remove {
        /// The sysroot
        name: String,
    },
    /// Print where a sysroot's tree is
    Path {
        /// The sysroot
        name: String,
    },
}

/// Does what `tool` asks.
pub fn run(tool: Tool) -> anyhow::Result<()> {
    match tool {
        Tool::Links { dir, force } => make_links(&dir, force),
        Tool::Binfmt(command) => run_binfmt(&command),
        Tool::Cache(command) => run_cache(&command),
        Tool::Sysroot(command) => run_sysroot(command),
    }
}

fn own_binary() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot tell where this binary is")
}

fn make_links(dir: &Path, force: bool) -> anyhow::Result<()> {
    let made = links::make(dir, &own_binary()?, force)?;
    made.iter().for_each(|path| println!("{}", path.display()));
    if made.is_empty() {
        println!("all links are there");
    }
    Ok(())
}

fn run_binfmt(command: &Binfmt) -> anyhow::Result<()> {
    let (Binfmt::Print(entry) | Binfmt::Install(entry) | Binfmt::Remove(entry) | Binfmt::Status(entry)) = command;
    let guest = Guest::by_name(&entry.arch);
    let guest = guest.with_context(|| format!("no guest '{}'; there is: {}", entry.arch, Guest::names()))?;
    let mount = Path::new(binfmt::MOUNT);
    let file = Path::new(binfmt::SYSTEMD_DIR).join(format!("{}.conf", binfmt::entry_name(guest)));
    let line = || {
        let interpreter = match &entry.interpreter {
            Some(path) => std::path::absolute(path)?,
            None => binfmt::interpreter(guest, &own_binary()?),
        };
        binfmt::line(guest, &interpreter, &entry.flags)
    };
    match command {
        Binfmt::Print(_) => println!("{}", line()?),
        Binfmt::Install(_) if entry.systemd => {
            std::fs::create_dir_all(binfmt::SYSTEMD_DIR)
                .and_then(|()| std::fs::write(&file, line().map_err(std::io::Error::other)? + "\n"))
                .with_context(|| format!("cannot write {}", file.display()))?;
            println!("{}\nsystemctl restart systemd-binfmt  makes it known to the running kernel", file.display());
        }
        Binfmt::Install(_) => {
            binfmt::install(mount, guest, &line()?)?;
            println!("{}: registered until the next boot ('--systemd' makes it last)", binfmt::entry_name(guest));
        }
        Binfmt::Remove(_) if entry.systemd => {
            std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Binfmt::Remove(_) => match binfmt::remove(mount, guest)? {
            true => println!("{}: removed", binfmt::entry_name(guest)),
            false => println!("{}: was not registered", binfmt::entry_name(guest)),
        },
        Binfmt::Status(_) => {
            let found = binfmt::registered(mount, guest).with_context(|| format!("cannot read {}", mount.display()))?;
            for (name, enabled, interpreter) in &found {
                println!("{name}: {} {interpreter}", if *enabled { "enabled" } else { "disabled" });
            }
            if found.is_empty() {
                println!("{}: nothing registered", guest.name);
            }
        }
    }
    Ok(())
}

fn run_cache(command: &Cache) -> anyhow::Result<()> {
    let (what, (path, held)) = match command {
        Cache::Info => ("", kept::info()?),
        Cache::Clear => ("removed ", kept::clear()?),
    };
    println!("{}\n{what}{} files, {:.1} MiB", path.display(), held.files, held.bytes as f64 / f64::from(1 << 20));
    Ok(())
}

fn run_sysroot(command: Sysroot) -> anyhow::Result<()> {
    let store = Store::locate()?;
    match command {
        Sysroot::Create { name, suite, arch, packages, bare, mirror, keyring } => {
            sysroot::create(&store, &Create { name, suite, arch, packages, bare, mirror, keyring })
        }
        Sysroot::Add { name, packages } => sysroot::add(&store, &name, &packages),
        Sysroot::Remove { name } => sysroot::remove(&store, &name),
        Sysroot::Path { name } => {
            println!("{}", store.find(name.as_ref())?.display());
            Ok(())
        }
        Sysroot::List => {
            for sysroot in store.list()? {
                let unfinished = if sysroot.pending.is_empty() { "" } else { " (an add was interrupted)" };
                let packages = if sysroot.packages.is_empty() { "-".to_owned() } else { sysroot.packages.join(",") };
                println!("{}\t{}\t{}\t{packages}{unfinished}", sysroot.name, sysroot.suite, sysroot.arch);
            }
            Ok(())
        }
    }
}
