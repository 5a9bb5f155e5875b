//! What the children of forks translate, told to their parents.
//!
//! *Requirement.* Each child of a shell runs the same few hundred blocks, which the parent never comes to. A child that
//! translates them does so for itself alone; one of a few milliseconds spends most of them on it.
//! *How.* Memory that is shared by a process and its descendants holds the keys of blocks that children translated. Before
//! a process forks again it translates them itself, and every later child finds them. Some children, ever fewer, tell
//! of all that they interpret: after some forks the parent has code of tier 1 for it.
//! *Limits.* Keys are hints: what a child overwrites, or reads while it is written, is lost or names no code. A child tells
//! of its first blocks only, since a child that lives long goes its own way.

use crate::tb::TbKey;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Gives zeros that children of later forks share, for the life of the process.
pub type SharedWords = fn(usize) -> Option<&'static [AtomicU64]>;

/// Keys that are held, and that one child tells at most.
const KEYS: usize = 2048;
/// The ring's words: how many keys were ever told, then two for each.
const WORDS: usize = 1 + 2 * KEYS;

/// What a process knows of its children, and they of it.
#[derive(Debug, Default)]
pub(crate) struct Family {
    ring: OnceLock<Option<&'static [AtomicU64]>>,
    /// Whether this process is somebody's child.
    child: AtomicBool,
    /// Whether it is one that tells of all that it interprets.
    open: AtomicBool,
    /// Keys that it told.
    told: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Keys of the ring that were looked at.
    seen: u64,
    /// Forks of this process.
    forks: u32,
    /// What was learnt from children and has no code of tier 1 yet.
    learnt: Vec<TbKey>,
}

/// What is to be done before a fork.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Errands {
    /// Blocks that children translated.
    pub translate: Vec<TbKey>,
    /// Blocks that enough children ran.
    pub emit: Vec<TbKey>,
}

impl Family {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }

    /// Notes that this process translated a block.
    #[inline]
    pub(crate) fn translated(&self, key: TbKey) {
        if self.child.load(Ordering::Relaxed) && !self.open.load(Ordering::Relaxed) {
            self.tell(key);
        }
    }

    /// Notes that this process interprets a block, one of a few, which may be new.
    #[inline]
    pub(crate) fn interprets(&self, key: TbKey) {
        if self.open.load(Ordering::Relaxed) {
            self.tell(key);
        }
    }

    #[cold]
    fn tell(&self, key: TbKey) {
        let Some(Some(ring)) = self.ring.get() else { return };
        if self.told.fetch_add(1, Ordering::Relaxed) < KEYS as u64 {
            let at = 1 + 2 * (ring[0].fetch_add(1, Ordering::Relaxed) as usize % KEYS);
            ring[at].store(key.pc, Ordering::Relaxed);
            ring[at + 1].store(key.mode.into(), Ordering::Relaxed);
        }
    }

    /// What to do before a fork. What children ran in `entries` forks is to be emitted, if that is not 0.
    pub(crate) fn before_fork(&self, words: SharedWords, entries: u32) -> Errands {
        let Some(ring) = self.ring.get_or_init(|| words(WORDS)) else { return Errands::default() };
        let mut state = self.state();
        let told = ring[0].load(Ordering::Relaxed);
        let first = state.seen.max(told.saturating_sub(KEYS as u64));
        state.seen = told;
        state.forks = state.forks.saturating_add(1);
        let key = |number: u64| {
            let at = 1 + 2 * (number as usize % KEYS);
            TbKey { pc: ring[at].load(Ordering::Relaxed), mode: ring[at + 1].load(Ordering::Relaxed) as u32 }
        };
        let translate: Vec<_> = (first..told).map(key).collect();
        if state.learnt.len() < 4 * KEYS {
            state.learnt.extend(&translate);
        }
        let enough = entries != 0 && state.forks > entries;
        let emit = if enough { std::mem::take(&mut state.learnt) } else { Vec::new() };
        Errands { translate, emit }
    }

    /// Runs `action` with the lock held.
    pub(crate) fn locked(&self, action: &mut dyn FnMut()) {
        let _state = self.state();
        action();
    }

    /// In the child of a fork.
    #[inline]
    pub(crate) fn forked(&self) {
        self.child.store(true, Ordering::Relaxed);
        self.told.store(0, Ordering::Relaxed);
        let mut state = self.state();
        self.open.store(state.forks.is_power_of_two(), Ordering::Relaxed);
        state.forks = 0;
        // Its memory stays: to free it would be to write to one more page.
        state.learnt.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pc: u64) -> TbKey {
        TbKey { pc, mode: 3 }
    }

    fn leaked(words: usize) -> Option<&'static [AtomicU64]> {
        Some(Box::leak((0..words).map(|_| AtomicU64::new(0)).collect()))
    }

    /// A process that has forked once, and its child.
    fn family() -> (Family, Family) {
        let (parent, child) = (Family::default(), Family::default());
        assert_eq!(parent.before_fork(leaked, 2), Errands::default());
        child.ring.set(*parent.ring.get().unwrap()).unwrap();
        child.forked();
        (parent, child)
    }

    #[test]
    fn first_child_and_ever_fewer_later_ones_tell_what_they_interpret() {
        let (parent, child) = family();
        let mut open = Vec::new();
        for number in 1..20 {
            child.state().forks = number;
            child.forked();
            child.interprets(key(number.into()));
            open.extend(parent.before_fork(leaked, 0).translate);
        }
        assert_eq!(open, [1, 2, 4, 8, 16].map(key));
    }

    #[test]
    fn children_tell_once_and_what_they_ran_often_is_emitted() {
        let (parent, child) = family();
        parent.translated(key(4));
        child.translated(key(8));
        child.translated(key(12));
        let keys = vec![key(8), key(12)];
        assert_eq!(parent.before_fork(leaked, 2), Errands { translate: keys.clone(), emit: vec![] });
        assert_eq!(parent.before_fork(leaked, 2), Errands { translate: vec![], emit: keys });
        assert_eq!(parent.before_fork(leaked, 2), Errands::default());
    }

    #[test]
    fn child_tells_of_its_first_blocks_and_the_ring_of_the_last() {
        let (parent, child) = family();
        (0..3 * KEYS as u64).for_each(|pc| child.translated(key(pc)));
        let told = parent.before_fork(leaked, 0).translate;
        assert_eq!((told.len(), told[0]), (KEYS, key(0)));
        child.forked();
        (0..10).for_each(|pc| child.translated(key(pc)));
        child.forked();
        (0..KEYS as u64).for_each(|pc| child.translated(key(100 + pc)));
        assert_eq!(parent.before_fork(leaked, 0).translate[0], key(100));
    }

    #[test]
    fn without_shared_memory_nothing_is_told() {
        let family = Family::default();
        assert_eq!(family.before_fork(|_| None, 1), Errands::default());
        family.forked();
        family.translated(key(4));
        assert_eq!(family.before_fork(|_| None, 1), Errands::default());
    }
}
