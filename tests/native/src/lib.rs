#![doc = include_str!("../README.md")]
#![cfg(target_arch = "x86_64")]
#![deny(unsafe_code)]

pub mod case;
pub mod coverage;
pub mod generate;
pub mod host;
pub mod judge;
pub mod makers;
pub mod random;
pub mod rows;
pub mod run;
