//! Which words of the register file host registers hold, too.
//!
//! Every write of a guest register goes to memory at once, so its copy is never the only place of the value, and state is
//! complete at every access. A temporary that is read again soon is in its copy alone: it goes to memory when the register is
//! wanted for another, and before what leads elsewhere or reads words in memory. Nobody misses it at a fault, behind which
//! tier 0 begins the instruction anew.

use brolga_interp::NONE;
use cranelift_assembler_x64::gpr::enc;

/// Registers that hold copies: what no op uses for itself.
const HOLDERS: [u8; 8] = [enc::R9, enc::R10, enc::R11, enc::R12, enc::R13, enc::R14, enc::R15, enc::RBX];

/// Words that a register may hold at once.
const SHARED: usize = 4;

/// No holder.
const NOWHERE: u8 = u8::MAX;

/// Words of one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    words: [u8; SHARED],
    /// Bits of those that memory does not have.
    alone: u8,
}

impl Held {
    const NOTHING: Held = Held { words: [NONE; SHARED], alone: 0 };

    /// Words that memory does not have.
    pub(crate) fn alone(self) -> impl Iterator<Item = u8> {
        (0..SHARED).filter(move |i| self.alone >> i & 1 != 0).map(move |i| self.words[i])
    }
}

/// Copies at one point of the code.
#[derive(Debug)]
pub(crate) struct Copies {
    held: [Held; HOLDERS.len()],
    /// The holder of each word.
    home: [u8; 256],
    /// Bits of holders that the current op uses.
    busy: u8,
    /// The holder to be used next if none is free.
    next: usize,
}

impl Default for Copies {
    fn default() -> Copies {
        Copies { held: [Held::NOTHING; HOLDERS.len()], home: [NOWHERE; 256], busy: 0, next: 0 }
    }
}

impl Copies {
    /// Another op begins: nothing is in use.
    pub(crate) fn begin(&mut self) {
        self.busy = 0;
    }

    /// The register that holds word `w`, which no other word gets during this op.
    pub(crate) fn find(&mut self, w: u8) -> Option<u8> {
        let i = self.home[usize::from(w)];
        let register = *HOLDERS.get(usize::from(i))?;
        self.busy |= 1 << i;
        Some(register)
    }

    /// The same of `register`, if it is one of those.
    pub(crate) fn reserve(&mut self, register: u8) {
        if let Some(i) = HOLDERS.iter().position(|&holder| holder == register) {
            self.busy |= 1 << i;
        }
    }

    /// The register that holds word `w` and none but it and `other`.
    pub(crate) fn only(&mut self, w: u8, other: u8) -> Option<u8> {
        let held = self.held.get(usize::from(self.home[usize::from(w)]))?;
        let own = held.words.iter().all(|&word| word == w || word == other || word == NONE);
        if own { self.find(w) } else { None }
    }

    /// Whether a register holds word `w`.
    pub(crate) fn holds(&self, w: u8) -> bool {
        usize::from(self.home[usize::from(w)]) < self.held.len()
    }

    /// Whether memory has word `w`.
    pub(crate) fn in_memory(&self, w: u8) -> bool {
        let held = self.held.get(usize::from(self.home[usize::from(w)]));
        held.is_none_or(|held| held.alone().all(|word| word != w))
    }

    /// A register for the current op, and the words that it held until now: those it held alone go to memory first.
    pub(crate) fn take(&mut self) -> (u8, Held) {
        let n = HOLDERS.len();
        let in_turn = || (0..n).map(|k| (self.next + k) % n).filter(|i| self.busy >> i & 1 == 0);
        let free = in_turn().find(|&i| self.held[i] == Held::NOTHING);
        let i = free.or_else(|| in_turn().next()).expect("an op has fewer operands than there are holders");
        self.next = (i + 1) % n;
        self.busy |= 1 << i;
        let old = self.held[i];
        self.clear(i);
        (HOLDERS[i], old)
    }

    fn clear(&mut self, i: usize) {
        for w in std::mem::replace(&mut self.held[i], Held::NOTHING).words {
            self.home[usize::from(w)] = NOWHERE;
        }
    }

    /// `register`, if it is a holder, has no word that is known.
    pub(crate) fn drop(&mut self, register: u8) {
        if let Some(i) = HOLDERS.iter().position(|&holder| holder == register) {
            self.clear(i);
        }
    }

    /// `register` holds word `w` and nothing else, `alone` or as memory does.
    pub(crate) fn hold(&mut self, register: u8, w: u8, alone: bool) {
        self.drop(register);
        self.share(register, w, alone);
    }

    /// `register` holds word `w`, too. It is not told if there is no room; false then.
    pub(crate) fn share(&mut self, register: u8, w: u8, alone: bool) -> bool {
        let Some(i) = HOLDERS.iter().position(|&holder| holder == register) else { return false };
        let Some(place) = self.held[i].words.iter().position(|&word| word == NONE) else { return false };
        self.changed(w, 1);
        self.held[i].words[place] = w;
        self.held[i].alone |= u8::from(alone) << place;
        self.home[usize::from(w)] = i as u8;
        true
    }

    /// Words were written in memory, or are read no more.
    pub(crate) fn changed(&mut self, w: u8, count: u8) {
        for w in w..=w.saturating_add(count - 1) {
            let i = std::mem::replace(&mut self.home[usize::from(w)], NOWHERE);
            if let Some(held) = self.held.get_mut(usize::from(i)) {
                let place = held.words.iter().position(|&word| word == w).expect("it is its home");
                held.words[place] = NONE;
                held.alone &= !(1 << place);
            }
        }
    }

    /// What is to go to memory, which has all words then: registers and the words they alone hold.
    pub(crate) fn settle(&mut self) -> impl Iterator<Item = (u8, u8)> {
        let copies = HOLDERS.iter().zip(&mut self.held);
        copies.flat_map(|(&register, held)| {
            let old = *held;
            held.alone = 0;
            old.alone().map(move |w| (register, w))
        })
    }

    pub(crate) fn forget(&mut self) {
        (0..HOLDERS.len()).for_each(|i| self.clear(i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a register for word `w` as an op of its own.
    fn take(copies: &mut Copies, w: u8, alone: bool) -> (u8, Vec<u8>) {
        copies.begin();
        let (register, old) = copies.take();
        copies.hold(register, w, alone);
        (register, old.alone().collect())
    }

    #[test]
    fn copies_are_found_until_their_word_changes() {
        let mut copies = Copies::default();
        let first = take(&mut copies, 5, false).0;
        assert_eq!((copies.find(5), copies.find(6)), (Some(first), None));
        copies.changed(4, 2);
        assert_eq!(copies.find(5), None);
        for w in 10..19 {
            take(&mut copies, w, false);
        }
        assert_eq!(copies.find(10), None, "its register holds another");
        assert!(copies.find(18).is_some());
        copies.changed(255, 2);
        assert!(copies.find(18).is_some());
    }

    #[test]
    fn what_an_op_uses_stays() {
        let mut copies = Copies::default();
        let used = take(&mut copies, 5, false).0;
        copies.begin();
        assert_eq!(copies.find(5), Some(used));
        assert!((1..HOLDERS.len()).all(|_| copies.take().0 != used));
    }

    #[test]
    fn what_a_register_alone_holds_goes_to_memory_before_it_is_another() {
        let mut copies = Copies::default();
        let first = take(&mut copies, 200, true).0;
        assert!((1..HOLDERS.len() as u8).all(|w| take(&mut copies, w, false).1.is_empty()));
        assert!(!copies.in_memory(200) && copies.in_memory(1));
        assert_eq!(take(&mut copies, 20, false), (first, vec![200]));
        let (register, none) = take(&mut copies, 201, true);
        assert!(none.is_empty(), "memory has what was there");
        assert_eq!(copies.settle().collect::<Vec<_>>(), [(register, 201)]);
        assert_eq!((copies.settle().count(), copies.find(201)), (0, Some(register)));
        copies.changed(201, 1);
        assert_eq!(take(&mut copies, 202, true), (register, vec![]), "a free one goes first");
    }

    #[test]
    fn words_of_one_value_share_a_register() {
        let mut copies = Copies::default();
        let register = take(&mut copies, 5, false).0;
        assert_eq!(copies.only(5, 6), Some(register));
        assert!(copies.share(register, 7, true) && copies.share(register, 8, true));
        assert_eq!((copies.find(7), copies.only(5, 7)), (Some(register), None));
        copies.changed(8, 1);
        assert_eq!(copies.only(5, 7), Some(register));
        copies.changed(5, 1);
        assert_eq!((copies.find(5), copies.find(7)), (None, Some(register)));
        assert_eq!(copies.settle().collect::<Vec<_>>(), [(register, 7)]);
        assert!((9..12).all(|w| copies.share(register, w, false)));
        assert!(!copies.share(register, 12, false), "no room");
        copies.hold(register, 13, false);
        assert_eq!((copies.find(7), copies.find(11), copies.find(13)), (None, None, Some(register)));
    }
}
