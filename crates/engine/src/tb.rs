//! Translated blocks.

use crate::cache::PAGE_SHIFT;
use crate::targets::Targets;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// All that a translation depends on beside the guest's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TbKey {
    /// Guest address of the first instruction.
    pub pc: u64,
    /// The front end's mode bits.
    pub mode: u32,
}

/// Numbers of entries in tier 0 at which there may be more to do than to run a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    all: [u32; 4],
    /// A bit for each that is below 64.
    early: u64,
}

impl Marks {
    pub(crate) fn new(all: [u32; 4]) -> Marks {
        Marks { all, early: all.iter().filter(|&&mark| mark < u64::BITS).fold(0, |bits, mark| bits | 1 << mark) }
    }

    #[inline(always)]
    fn has(&self, heat: u32) -> bool {
        if heat < u64::BITS { self.early >> heat & 1 != 0 } else { self.all.contains(&heat) }
    }
}

/// A guest block and its code in tier 0.
///
/// What every run of the block reads comes first, so that it is in one line of the host's cache with the head of `code`.
#[derive(Debug)]
#[repr(C)]
pub struct TranslationBlock<C> {
    /// Entry of the block in region code; 0 if there is none.
    pub host: AtomicU64,
    /// Entry of the block's own code, of tier 1; 0 if there is none.
    pub own_host: AtomicU64,
    /// Key.
    pub key: TbKey,
    /// Times entered in tier 0.
    pub heat: AtomicU32,
    /// Set when the block's bytes have changed: nothing enters it from then on.
    pub dead: AtomicBool,
    /// Code.
    pub code: C,
    /// Guest address behind the last byte that the translation read.
    pub end: u64,
    /// Number of guest instructions.
    pub guest_insns: u32,
    /// Hash of the guest's bytes; 0 where nothing is kept between runs or set aside.
    pub sum: u64,
    /// Where its end goes, if that is an indirect jump, call or return.
    pub targets: Option<Box<Targets>>,
    /// Whether a large region was asked for in place of its own.
    pub grown: AtomicBool,
}

impl<C> TranslationBlock<C> {
    /// A cold block.
    pub fn new(key: TbKey, end: u64, guest_insns: u32, code: C) -> Self {
        TranslationBlock {
            host: AtomicU64::new(0),
            own_host: AtomicU64::new(0),
            key,
            heat: AtomicU32::new(0),
            dead: AtomicBool::new(false),
            code,
            end,
            guest_insns,
            sum: 0,
            targets: None,
            grown: AtomicBool::new(false),
        }
    }

    /// Whether the block's bytes have changed since it was made.
    #[inline(always)]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Whether tier 0 is what runs the block, and the block is good for `key`.
    #[inline(always)]
    pub(crate) fn is_cold(&self, key: TbKey) -> bool {
        !self.is_dead() && self.key.mode == key.mode && self.entry() == 0
    }

    /// Counts an entry in tier 0; its number, uncounted, if that is one of `marks`.
    #[inline(always)]
    pub(crate) fn count(&self, marks: &Marks) -> Option<u32> {
        // Not one atomic step, which would cost more than most blocks. Whoever finds the count one below a mark makes it
        // reach the mark, so the block gets hot, if twice at the worst.
        let heat = self.heat.load(Ordering::Relaxed).wrapping_add(1);
        if marks.has(heat) {
            return Some(heat);
        }
        self.heat.store(heat, Ordering::Relaxed);
        None
    }

    /// Numbers of the guest pages that it has bytes of.
    pub(crate) fn pages(&self) -> RangeInclusive<u64> {
        self.key.pc >> PAGE_SHIFT..=self.end.saturating_sub(1).max(self.key.pc) >> PAGE_SHIFT
    }

    /// Entry of the best host code there is; 0 if there is none.
    pub fn entry(&self) -> u64 {
        match self.host.load(Ordering::Acquire) {
            0 => self.own_host.load(Ordering::Acquire),
            host => host,
        }
    }
}
