//! Cryptographic instructions, on 32-bit or 64-bit words of V registers.

pub mod field;
pub mod host;
pub mod sha;
pub mod sm;

#[cfg(test)]
mod tests;
