#![doc = include_str!("../README.md")]
// Guest memory is raw host memory: this is one of the crates where `unsafe` belongs.
#![allow(unsafe_code, reason = "guest memory is host memory outside Rust's knowledge")]

pub mod direct;
