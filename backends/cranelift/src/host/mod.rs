//! What depends on the host's instruction set beside Cranelift: the way in, the ways out, the
//! signal context.
#![allow(unsafe_code, reason = "enters and leaves generated code, and reads signal contexts")]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod bare;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod compact;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod step;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) use {bare::*, step::*, x86_64::*};

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod none;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(crate) use none::*;
