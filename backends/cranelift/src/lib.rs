#![doc = include_str!("../README.md")]

mod arena;
mod baseline;
mod cfg;
mod compile;
mod counts;
mod cranelift;
mod fault;
mod fp;
mod helpers;
mod host;
mod jit_dump;
mod lower;
mod numbers;
mod perf_map;
mod portable;
mod slots;
mod stand_in;
mod status;
mod tables;
mod tier;
mod words;

pub use baseline::Piece;
pub use compile::{Compiled, Options, Refused};
pub use cranelift::{ArenaFull, Cranelift, HostExit, Installed, NewError};
pub use fault::{HostFault, on_fault};
pub use helpers::helper_table;
pub use portable::host_key;
pub use slots::Slot;
pub use tier::RegionTier;
