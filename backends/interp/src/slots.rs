//! Allocation of the register file's scratch words.

use crate::flat::NONE;

/// Free scratch words as a bit set.
#[derive(Debug)]
pub(crate) struct Slots {
    first: u8,
    free: [bool; 256],
}

impl Slots {
    pub(crate) fn new(first: u8) -> Slots {
        let mut free = [false; 256];
        for w in first..NONE {
            free[w as usize] = true;
        }
        Slots { first, free }
    }

    fn run(&mut self, words: usize, step: usize) -> Option<u8> {
        let mut w = (self.first as usize).next_multiple_of(step);
        while w + words <= NONE as usize {
            if self.free[w..w + words].iter().all(|&f| f) {
                self.free[w..w + words].fill(false);
                return Some(w as u8);
            }
            w += step;
        }
        None
    }

    pub(crate) fn single(&mut self) -> Option<u8> {
        self.run(1, 1)
    }

    /// Two words, 16-byte aligned.
    pub(crate) fn pair(&mut self) -> Option<u8> {
        self.run(2, 2)
    }

    pub(crate) fn triple(&mut self) -> Option<u8> {
        self.run(3, 1)
    }

    /// Frees temporaries; words of guest registers are left alone.
    pub(crate) fn free(&mut self, word: u8, words: u8) {
        for w in word..word.saturating_add(words) {
            if w >= self.first && w != NONE {
                self.free[w as usize] = true;
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
