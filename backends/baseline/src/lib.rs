#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod asm;
mod emit;
mod exits;
mod flags;
mod memory;
mod vector;

pub use emit::{Code, Plan, Slot, SlotForm, SlotUse, Status, emit};
