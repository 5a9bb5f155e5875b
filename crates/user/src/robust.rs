//! Robust futexes of a thread that ends. Linux Documentation/locking/robust-futexes and
//! kernel/futex/core.c, `exit_robust_list`.

use crate::guest::GuestMem;
use crate::host;

const FUTEX_WAITERS: u32 = 0x8000_0000;
const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
/// As the kernel: a list longer than this is taken to be a circle.
const LIMIT: usize = 2048;

/// Marks every lock on the list at `head` that thread `tid` holds, and wakes a waiter of each.
pub fn release_all(mem: GuestMem, head: u64, tid: u32) {
    let Ok([first, offset, pending]) = mem.words::<3>(head) else { return };
    let lock_of = |entry: u64| (entry & !1).wrapping_add(offset);
    let mut entry = first;
    for _ in 0..LIMIT {
        if entry & !1 == head {
            break;
        }
        // Read the link first: the entry may be reused as soon as it is released.
        let next = mem.u64(entry & !1);
        if entry & !1 != pending & !1 && !release(mem, lock_of(entry), tid, false) {
            return;
        }
        let Ok(n) = next else { return };
        entry = n;
    }
    if pending & !1 != 0 {
        release(mem, lock_of(pending), tid, true);
    }
}

/// Returns false if the lock's memory is gone.
fn release(mem: GuestMem, lock: u64, tid: u32, pending: bool) -> bool {
    use brolga_core::{GuestMemory as _, MemOp, Size};
    let memory = brolga_softmmu::direct::DirectMemory { base: mem.base, tagged: false };
    let op = MemOp::plain(Size::B4);
    loop {
        let Ok(old) = mem.u32(lock) else { return false };
        // The word may already be free while its waiter was not woken yet.
        if pending && old == 0 {
            wake(mem, lock);
            return true;
        }
        if old & FUTEX_TID_MASK != tid {
            return true;
        }
        let new = old & FUTEX_WAITERS | FUTEX_OWNER_DIED;
        match memory.compare_exchange(lock, old.into(), new.into(), op) {
            Ok(seen) if seen as u32 == old => {
                if old & FUTEX_WAITERS != 0 {
                    wake(mem, lock);
                }
                return true;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn wake(mem: GuestMem, lock: u64) {
    const FUTEX_WAKE: u64 = 1;
    let _ = host::call(libc::SYS_futex, &[mem.host(lock), FUTEX_WAKE, 1, 0, 0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_all_marks_held_locks_only() {
        // Two entries, each {next, lock}; the head points back at itself through them.
        let mut memory = Box::new([0u64; 16]);
        let base = memory.as_ptr() as u64;
        let at = |i: u64| base + 8 * i;
        memory[0] = at(4);
        memory[1] = 8;
        memory[4] = at(6);
        memory[5] = u64::from(77 | FUTEX_WAITERS);
        memory[6] = base;
        memory[7] = 78;
        release_all(GuestMem::default(), base, 77);
        let seen = GuestMem::default().words::<8>(base).unwrap();
        assert_eq!(seen[5], u64::from(FUTEX_WAITERS | FUTEX_OWNER_DIED));
        assert_eq!(seen[7], 78);
    }
}
