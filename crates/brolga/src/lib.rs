#![doc = include_str!("../README.md")]

pub mod binfmt;
pub mod command_line;
pub mod config;
pub mod elf;
pub mod entry;
pub mod finish;
pub mod guest;
pub mod host;
pub mod in_root;
pub mod invocation;
pub mod kept;
pub mod launch;
pub mod links;
pub mod log_items;
pub mod options;
pub mod prefix;
pub mod processor;
pub mod program;
pub mod show;
pub mod switches;
pub mod sysroot;
pub mod tools;
pub mod trouble;
pub mod values;
mod x86_id;
