#![doc = include_str!("../README.md")]

mod folder;
mod format;
mod hash;
mod lock;
mod store;

pub use folder::{Folder, Summary};
pub use hash::{Hash, short_hash};
pub use store::{Figures, Found, Hide, ReadGuest, Region, Store};
