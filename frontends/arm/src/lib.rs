#![doc = include_str!("../README.md")]

pub mod a64;
pub mod cpu;
pub mod exec;
mod frontend;
mod pattern;
pub mod sem;
pub mod state;

pub use cpu::Cpu;
pub use frontend::{A64, A64With};
