//! Allocation of the register file's scratch words.

use crate::flat::NONE;

/// Free scratch words as a bit set. Words that are taken together are of one element of it.
#[derive(Debug)]
pub(crate) struct Slots {
    first: u8,
    free: [u64; 4],
}

impl Slots {
    pub(crate) fn new(first: u8) -> Slots {
        let from = |k: usize| match (first as usize).saturating_sub(64 * k) {
            0 => u64::MAX,
            gone @ 1..64 => u64::MAX << gone,
            _ => 0,
        };
        let mut free = [from(0), from(1), from(2), from(3)];
        free[NONE as usize / 64] &= !(1 << (NONE % 64));
        Slots { first, free }
    }

    /// Takes `words` words where `starts`, given an element, has its lowest bit.
    #[inline(always)]
    fn take(&mut self, words: u32, starts: impl Fn(u64) -> u64) -> Option<u8> {
        let k = self.free.iter().position(|&free| starts(free) != 0)?;
        let bit = starts(self.free[k]).trailing_zeros();
        self.free[k] &= !(((1 << words) - 1) << bit);
        Some((64 * k as u32 + bit) as u8)
    }

    pub(crate) fn single(&mut self) -> Option<u8> {
        self.take(1, |free| free)
    }

    /// Two words, 16-byte aligned.
    pub(crate) fn pair(&mut self) -> Option<u8> {
        self.take(2, |free| free & free >> 1 & 0x5555_5555_5555_5555)
    }

    pub(crate) fn triple(&mut self) -> Option<u8> {
        self.take(3, |free| free & free >> 1 & free >> 2)
    }

    /// Frees temporaries; words of guest registers are left alone.
    pub(crate) fn free(&mut self, word: u8, words: u8) {
        for w in word..word.saturating_add(words) {
            if w >= self.first && w != NONE {
                self.free[w as usize / 64] |= 1 << (w % 64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exhausted_returns_none_and_freed_words_return() {
        let mut s = Slots::new(250);
        assert_eq!((s.single(), s.pair()), (Some(250), Some(252)));
        assert_eq!(s.pair(), None);
        s.free(252, 2);
        s.free(3, 1);
        assert_eq!(s.triple(), Some(251));
        assert_eq!(s.single(), Some(254));
        assert_eq!(s.single(), None);
    }
}
