#![doc = include_str!("../README.md")]

pub mod command_line;
pub mod guest;
pub mod host;
pub mod log_items;
pub mod options;
pub mod values;
