#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod cache;
mod config;
mod engine;
mod grow;
mod no_regions;
mod processors;
mod regions;
mod tb;
mod translate;
mod vcpu;
mod worker;

pub use config::{Aliases, Config, Log, Spawn};
pub use engine::Engine;
pub use no_regions::NoRegions;
pub use tb::{TbKey, TranslationBlock};
pub use translate::translate;
pub use vcpu::EngineVcpu;
