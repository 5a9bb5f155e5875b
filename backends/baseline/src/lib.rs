#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod asm;
mod checked;
mod code;
mod copies;
mod emit;
mod encode;
mod exits;
mod flags;
mod float;
mod futures;
mod host_fns;
mod integer;
mod link;
mod memory;
mod narrow;
mod one;
mod places;
mod shuffle;
mod vector;

pub use code::{Code, Plan, Status};
pub use emit::emit;
pub use host_fns::{HostFn, HostFns, Map, host_fn};
pub use link::{Form, Reloc, Whole, link};
