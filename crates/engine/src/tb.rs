//! Translated blocks.

use std::sync::atomic::{AtomicU32, AtomicU64};

/// All that a translation depends on beside the guest's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TbKey {
    /// Guest address of the first instruction.
    pub pc: u64,
    /// The front end's mode bits.
    pub mode: u32,
}

/// A guest block and its code in tier 0.
#[derive(Debug)]
pub struct TranslationBlock<C> {
    /// Key.
    pub key: TbKey,
    /// Guest address behind the last byte that the translation read.
    pub end: u64,
    /// Number of guest instructions.
    pub guest_insns: u32,
    /// Code.
    pub code: C,
    /// Times entered in tier 0.
    pub heat: AtomicU32,
    /// Entry of the block in region code; 0 if there is none.
    pub host: AtomicU64,
}

impl<C> TranslationBlock<C> {
    /// A cold block.
    pub fn new(key: TbKey, end: u64, guest_insns: u32, code: C) -> Self {
        TranslationBlock { key, end, guest_insns, code, heat: AtomicU32::new(0), host: AtomicU64::new(0) }
    }
}
