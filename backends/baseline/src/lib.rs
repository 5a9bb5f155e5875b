#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod asm;
mod copies;
mod emit;
mod exits;
mod flags;
mod float;
mod memory;
mod vector;

pub use emit::{Code, Plan, Slot, SlotForm, SlotUse, Status, emit};
