#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod aside;
mod cache;
mod config;
mod engine;
mod family;
mod grow;
mod helper_counts;
mod incoming;
mod kept;
mod no_regions;
mod pace;
mod packs;
mod page_map;
mod processors;
mod regions;
mod stale;
mod stats;
mod targets;
mod tb;
mod translate;
mod vcpu;
mod worker;

pub use aside::Watched;
pub use brolga_cache::Store;
pub use config::{Aliases, Config, IsFile, Log, Spawn};
pub use engine::Engine;
pub use family::SharedWords;
pub use helper_counts::{count_helpers, helper_calls};
pub use no_regions::NoRegions;
pub use pace::Times;
pub use stats::Stats;
pub use tb::{TbKey, TranslationBlock};
pub use translate::translate;
pub use vcpu::EngineVcpu;
