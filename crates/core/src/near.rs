//! Where memory goes that is written around every system call.
//!
//! *Requirement.* Behind a fork the first write to a page, of the parent and of the child, costs a page fault and a copy. What both
//! write at once should be in few pages.
//! *How.* Who makes such a value says so, and an allocator may put it beside others ([`is_wanted`]).
//! *Limits.* Without such an allocator it is a hint without effect.

use std::cell::Cell;

thread_local! {
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

/// What `make` allocates is written around every system call, and lives as long as the process.
pub fn near<T>(make: impl FnOnce() -> T) -> T {
    let before = WANTED.replace(true);
    let made = make();
    WANTED.set(before);
    made
}

/// For an allocator: whether an allocation of this thread is of that kind.
#[inline]
pub fn is_wanted() -> bool {
    WANTED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_is_what_is_made_inside() {
        assert!(!is_wanted());
        assert!(near(|| near(is_wanted) && is_wanted()));
        assert!(!is_wanted());
    }
}
