//! Sockets: calls whose structures hold pointers.

use crate::errno::SysResult;
use crate::thread::Thread;
use crate::vectors;

/// `sendmsg`
pub fn sendmsg(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    vectors::message(t, libc::SYS_sendmsg, a)
}

/// `recvmsg`
pub fn recvmsg(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    vectors::message(t, libc::SYS_recvmsg, a)
}

/// `sendmmsg`
pub fn sendmmsg(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    vectors::messages(t, libc::SYS_sendmmsg, a)
}

/// `recvmmsg`
pub fn recvmmsg(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    vectors::messages(t, libc::SYS_recvmmsg, a)
}

/// `setsockopt`: a filter is a length and a pointer.
pub fn setsockopt(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    const SO_ATTACH_REUSEPORT_CBPF: i32 = 51;
    const FPROG: u64 = 16;
    let filter = a[1] as i32 == libc::SOL_SOCKET
        && matches!(a[2] as i32, libc::SO_ATTACH_FILTER | SO_ATTACH_REUSEPORT_CBPF)
        && a[4] & 0xffff_ffff >= FPROG;
    let program = if filter { vectors::array::<2>(t.mem, a[3], 1, &[1])? } else { Vec::new() };
    let value = if filter { program.as_ptr() as u64 } else { t.mem.host(a[3]) };
    t.blocking(libc::SYS_setsockopt, &[a[0], a[1], a[2], value, a[4], 0])
}
