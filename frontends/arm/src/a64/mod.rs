//! A64 instructions: rows, fields and decoder, made from `a64.decode`.

// Shapes that are natural in generated code only.
#![allow(unused_parens, clippy::collapsible_match, clippy::nonminimal_bool, clippy::unreadable_literal)]

include!(concat!(env!("OUT_DIR"), "/a64.rs"));
