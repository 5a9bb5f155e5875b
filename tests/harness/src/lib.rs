#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod bir;
mod engine;
mod guest;
pub mod ins;
mod memory;
mod random;
mod regions;
pub mod row;
mod state;
pub mod tier0;

pub use engine::{Engine, Outcome, engines};
pub use guest::{CODE, Guest, guest_by_name};
pub use memory::Memory;
pub use random::Random;
pub use regions::Regions;
pub use row::Row;
pub use state::GuestState;
pub use tier0::Tier0;

use std::path::{Path, PathBuf};

/// The root of the source tree.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Files under `folder` whose name ends in `.extension`, in order of their paths.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether expectations are to be rewritten.
pub fn bless() -> bool {
    std::env::var_os("BROLGA_BLESS").is_some_and(|v| v == "1")
}
