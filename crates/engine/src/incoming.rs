//! Which link slots lead to a block.
//!
//! A run that takes over what earlier ones kept links tens of thousands of slots at once: the lists need no memory of
//! their own, each slot names the next one.

use crate::page_map::PageMap;
use crate::tb::TbKey;

/// What a slot has as next one that is in no list.
const NONE: u32 = u32::MAX;
/// What the last slot of a list has as next one.
const END: u32 = u32::MAX - 1;

/// Linked slots by what they lead to. A slot is in one list at most.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    first: PageMap<u32>,
    /// For each slot the next one of its list.
    next: Vec<u32>,
}

impl Incoming {
    /// Enters `slot` for `key`. It may be there already; it is nowhere else.
    pub(crate) fn add(&mut self, key: TbKey, slot: u32) {
        if self.next.len() <= slot as usize {
            self.next.resize(slot as usize + 1, NONE);
        }
        if self.next[slot as usize] == NONE {
            self.next[slot as usize] = self.first.insert(key, slot).unwrap_or(END);
        }
    }

    /// The slots that lead to `key`.
    pub(crate) fn of(&self, key: TbKey) -> impl Iterator<Item = u32> + '_ {
        let slot = |word: u32| (word != END).then_some(word);
        let first = self.first.get(key);
        std::iter::successors(first, move |&before| slot(self.next[before as usize]))
    }

    /// The same; they are in no list then.
    pub(crate) fn take(&mut self, key: TbKey) -> Vec<u32> {
        let slots: Vec<_> = self.of(key).collect();
        self.first.remove(key);
        slots.iter().for_each(|&slot| self.next[slot as usize] = NONE);
        slots
    }

    /// Takes `slot`, which leads to `key` if it is in a list, out of it.
    pub(crate) fn forget(&mut self, key: TbKey, slot: u32) {
        if self.next.get(slot as usize).is_none_or(|&next| next == NONE) {
            return;
        }
        let before = self.of(key).find(|&other| self.next[other as usize] == slot);
        let next = std::mem::replace(&mut self.next[slot as usize], NONE);
        match before {
            Some(before) => self.next[before as usize] = next,
            None if next == END => _ = self.first.remove(key),
            None => _ = self.first.insert(key, next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TbKey = TbKey { pc: 0x1000, mode: 0 };
    const B: TbKey = TbKey { pc: 0x1000, mode: 1 };

    fn of(incoming: &Incoming, key: TbKey) -> Vec<u32> {
        incoming.of(key).collect()
    }

    #[test]
    fn lists_are_apart_and_a_slot_is_in_one_once() {
        let mut incoming = Incoming::default();
        assert!(of(&incoming, A).is_empty());
        for (key, slot) in [(A, 2), (B, 7), (A, 3), (A, 2), (A, 9)] {
            incoming.add(key, slot);
        }
        assert_eq!(of(&incoming, A), [9, 3, 2]);
        assert_eq!(incoming.take(A), [9, 3, 2]);
        assert!(of(&incoming, A).is_empty());
        incoming.add(A, 3);
        assert_eq!((of(&incoming, A), of(&incoming, B)), (vec![3], vec![7]));
    }

    #[test]
    fn forgotten_slots_leave_the_others() {
        for gone in [2, 3, 4] {
            let mut incoming = Incoming::default();
            [2, 3, 4].into_iter().for_each(|slot| incoming.add(A, slot));
            incoming.forget(A, gone);
            incoming.forget(A, gone);
            incoming.forget(A, 100);
            assert_eq!(of(&incoming, A), [4, 3, 2].into_iter().filter(|&s| s != gone).collect::<Vec<_>>());
        }
        let mut incoming = Incoming::default();
        incoming.add(A, 2);
        incoming.forget(A, 2);
        assert!(of(&incoming, A).is_empty());
        incoming.add(B, 2);
        assert_eq!(of(&incoming, B), [2]);
    }
}
