//! prctl(2): by a table of which options pass, with an address or without, and which are ours.

use super::fail;
use crate::errno::SysResult;
use crate::host;
use crate::thread::Thread;

/// How an option is treated.
#[derive(Clone, Copy)]
enum How {
    /// The host's answer.
    Pass,
    /// The host's answer; the second argument is an address.
    PassAddress,
}

/// Options by number: include/uapi/linux/prctl.h. Those that are not here are refused with EINVAL.
const OPTIONS: &[(i32, How)] = &[
    (1, How::Pass),           // PR_SET_PDEATHSIG
    (2, How::PassAddress),    // PR_GET_PDEATHSIG
    (3, How::Pass),           // PR_GET_DUMPABLE
    (4, How::Pass),           // PR_SET_DUMPABLE
    (7, How::Pass),           // PR_GET_KEEPCAPS
    (8, How::Pass),           // PR_SET_KEEPCAPS
    (13, How::Pass),          // PR_GET_TIMING
    (15, How::PassAddress),   // PR_SET_NAME
    (16, How::PassAddress),   // PR_GET_NAME
    (23, How::Pass),          // PR_CAPBSET_READ
    (24, How::Pass),          // PR_CAPBSET_DROP
    (27, How::Pass),          // PR_GET_SECUREBITS
    (28, How::Pass),          // PR_SET_SECUREBITS
    (29, How::Pass),          // PR_SET_TIMERSLACK
    (30, How::Pass),          // PR_GET_TIMERSLACK
    (33, How::Pass),          // PR_MCE_KILL
    (34, How::Pass),          // PR_MCE_KILL_GET
    (36, How::Pass),          // PR_SET_CHILD_SUBREAPER
    (37, How::PassAddress),   // PR_GET_CHILD_SUBREAPER
    (38, How::Pass),          // PR_SET_NO_NEW_PRIVS
    (39, How::Pass),          // PR_GET_NO_NEW_PRIVS
    (41, How::Pass),          // PR_SET_THP_DISABLE
    (42, How::Pass),          // PR_GET_THP_DISABLE
    (47, How::Pass),          // PR_CAP_AMBIENT
    (52, How::Pass),          // PR_GET_SPECULATION_CTRL
    (53, How::Pass),          // PR_SET_SPECULATION_CTRL
    (57, How::Pass),          // PR_SET_IO_FLUSHER
    (58, How::Pass),          // PR_GET_IO_FLUSHER
    (62, How::Pass),          // PR_SCHED_CORE
    (0x5961_6d61, How::Pass), // PR_SET_PTRACER
];

const PR_GET_SECCOMP: i32 = 21;
const PR_SET_SECCOMP: i32 = 22;
const PR_GET_TID_ADDRESS: i32 = 40;
const PR_SET_MDWE: i32 = 65;
const PR_GET_MDWE: i32 = 66;
const PR_SET_VMA: i32 = 0x5356_4d41;

/// `prctl`
pub fn prctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let option = a[0] as i32;
    if let Some(result) = (t.abi.prctl)(t, a) {
        return result;
    }
    match option {
        PR_GET_SECCOMP => return Ok(t.seccomp.get().mode()),
        PR_SET_SECCOMP => return crate::seccomp::prctl(t, a[1], a[2]),
        PR_GET_TID_ADDRESS => {
            t.mem.write_words(a[1], &[t.clear_child_tid])?;
            return Ok(0);
        }
        PR_SET_MDWE => return fail(libc::EINVAL),
        PR_GET_MDWE => return Ok(0),
        // Names of anonymous memory: an aid to whoever reads the host's maps.
        PR_SET_VMA => {
            let (addr, name) = (t.mem.host(a[2]), t.mem.host(a[4]));
            return host::call(libc::SYS_prctl, &[a[0], a[1], addr, a[3], name]);
        }
        _ => {}
    }
    match OPTIONS.iter().find(|(n, _)| *n == option) {
        Some((_, How::Pass)) => t.blocking(libc::SYS_prctl, &[a[0], a[1], a[2], a[3], a[4], 0]),
        Some((_, How::PassAddress)) => t.blocking(libc::SYS_prctl, &[a[0], t.mem.host(a[1]), a[2], a[3], a[4], 0]),
        None => {
            tracing::debug!(option, "prctl option is not offered");
            fail(libc::EINVAL)
        }
    }
}
