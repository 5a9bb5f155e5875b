#![doc = include_str!("../README.md")]

pub mod cpu;
pub mod exec;
mod fault;
mod frontend;
pub mod gate;
mod pattern;
pub mod sem;
pub mod state;

pub use frontend::{X86, X86With};
