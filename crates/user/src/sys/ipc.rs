//! Interprocess communication where layouts differ or structures hold pointers.
//!
//! System V semaphores: `struct semid64_ds` has two more words on x86-64 than in the generic layout.
//! Message queues and shared memory have one layout.

use crate::errno::SysResult;
use crate::thread::Thread;

const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const SEM_STAT: i32 = 18;
const SEM_STAT_ANY: i32 = 20;
const SETVAL: i32 = 16;

/// Words of `struct ipc64_perm`.
const PERM: usize = 6;

/// `semctl`
pub fn semctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let cmd = a[2] as i32;
    let stat = matches!(cmd, IPC_STAT | SEM_STAT | SEM_STAT_ANY);
    let same_layout = !cfg!(target_arch = "x86_64") || t.abi.epoll_packed;
    if same_layout || !(stat || cmd == IPC_SET) {
        let arg = if cmd == SETVAL { a[3] } else { t.mem.host(a[3]) };
        return t.blocking(libc::SYS_semctl, &[a[0], a[1], a[2], arg, 0, 0]);
    }
    // Host: perm, otime, unused, ctime, unused, nsems, 2 unused. Guest: perm, otime, ctime, nsems, 2 unused.
    let mut host = [0u64; PERM + 7];
    if cmd == IPC_SET {
        host[..PERM].copy_from_slice(&t.mem.words::<PERM>(a[3])?);
    }
    let r = t.blocking(libc::SYS_semctl, &[a[0], a[1], a[2], host.as_mut_ptr() as u64, 0, 0])?;
    if stat {
        let mut guest = [0u64; PERM + 5];
        guest[..PERM].copy_from_slice(&host[..PERM]);
        guest[PERM..PERM + 3].copy_from_slice(&[host[PERM], host[PERM + 2], host[PERM + 4]]);
        t.mem.write_words(a[3], &guest)?;
    }
    Ok(r)
}

/// `mq_notify`: with SIGEV_THREAD the value is the address of the bytes that the notice carries.
pub fn mq_notify(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SIGEV_THREAD: u32 = 2;
    const WORDS: usize = 8;
    if t.mem.base == 0 || a[1] == 0 {
        return t.blocking(libc::SYS_mq_notify, &[a[0], t.mem.host(a[1]), 0, 0, 0, 0]);
    }
    let mut event = t.mem.words::<WORDS>(a[1])?;
    if (event[1] >> 32) as u32 == SIGEV_THREAD {
        event[0] = t.mem.host(event[0]);
    }
    t.blocking(libc::SYS_mq_notify, &[a[0], event.as_ptr() as u64, 0, 0, 0, 0])
}
