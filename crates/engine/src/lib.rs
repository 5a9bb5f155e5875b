#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod cache;
mod config;
mod kick;
mod no_regions;
mod regions;
mod tb;
mod translate;
mod vcpu;

pub use config::{Config, Log};
pub use no_regions::NoRegions;
pub use tb::{TbKey, TranslationBlock};
pub use translate::translate;
pub use vcpu::{Engine, EngineVcpu};
