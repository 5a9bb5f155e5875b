//! What `-h`, `-version`, `-d help`, `-cpu help` and `-trace help` print: all from the tables.

use crate::guest::{GUESTS, Guest};
use crate::log_items::LOG_ITEMS;
use crate::options::{OPTIONS, STACK_SIZE, Show, Takes};

/// The text for `what`; `guest` is the one in the name Brolga was started under.
pub fn text(what: Show, guest: Option<&Guest>) -> String {
    match what {
        Show::Help => help(guest),
        Show::Version => version(guest),
        Show::LogItems => log_items(),
        Show::Cpus => guest.map_or_else(|| GUESTS.iter().map(cpus).collect(), cpus),
        Show::TraceEvents => "Brolga has no trace events yet.\n".to_owned(),
    }
}

/// `brolga-aarch64 version 0.1.0`, in the form scripts look for in such names.
pub fn version(guest: Option<&Guest>) -> String {
    let name = guest.map_or_else(|| "brolga".to_owned(), |guest| format!("brolga-{}", guest.name));
    format!("{name} version {}\n", env!("CARGO_PKG_VERSION"))
}

/// The options of user mode.
pub fn help(guest: Option<&Guest>) -> String {
    let mut text = match guest {
        Some(guest) => format!(
            "usage: brolga-{0} [options] PROGRAM [ARGUMENTS...]\nRuns Linux programs built for {0}.\n",
            guest.name
        ),
        None => format!(
            "usage: brolga run [options] PROGRAM [ARGUMENTS...]\nRuns Linux programs built for another processor ({}).\n",
            Guest::names()
        ),
    };
    text += "\nEvery option may be written -x VALUE, --x VALUE or --name=VALUE; all behind PROGRAM is the guest's.\n\n";
    for row in OPTIONS {
        let value = match row.takes {
            Takes::Nothing => String::new(),
            Takes::Value(name) => format!(" {name}"),
            Takes::Optional(name) => format!("[={name}]"),
        };
        let long = format!("--{}", row.long);
        let names = match row.qemu.first() {
            Some(name) if *name == row.long => format!("-{name}"),
            Some(name) => format!("-{name}, {long}"),
            None => long,
        };
        let variable = row.variables.first().map_or_else(String::new, |variable| format!(" [{variable}]"));
        text += &format!("  {:<42} {}{variable}\n", names + &value, row.help);
    }
    text += &format!(
        "\n[NAME] is read from the variables QEMU_NAME and BROLGA_NAME; BROLGA_NAME goes before QEMU_NAME, the command\n\
         line before both. BROLGA_NAME=0 turns a switch off.\n\n\
         -E and -U take comma lists and may be repeated; the last word on a variable stands:\n\
         \x20   -E A=1 -E B=2 -U C -U D  is  -E A=1,B=2 -U C,D  is  QEMU_SET_ENV=A=1,B=2 QEMU_UNSET_ENV=C,D\n\
         --env takes one variable, commas and all.\n\n\
         Default stack: {STACK_SIZE} bytes. Without -L and --sysroot a dynamic program's libraries are looked for on this\n\
         system, under /usr/TRIPLET and /usr/gnemul/qemu-ARCH, then in the only sysroot of its architecture.\n\n\
         Exit status: the guest's, or its signal; 126 cannot run, 127 not found, 1 a wrong command line.\n"
    );
    text
}

fn log_items() -> String {
    let mut text = "Log items (comma separated):\n".to_owned();
    for item in LOG_ITEMS {
        text += &format!("{:<15} {}\n", item.name, item.help);
    }
    text + "trace:PATTERN   trace events\n"
}

fn cpus(guest: &Guest) -> String {
    let mut text = format!("Available CPUs ({}):\n", guest.name);
    for (name, words) in guest.cpus {
        text += &format!("  {name:<15} {words}\n");
    }
    text
}
