//! keyctl(2): which arguments are addresses depends on the operation.

use crate::errno::SysResult;
use crate::thread::Thread;
use crate::vectors::Iovecs;

/// Operations with address arguments, by number. Manual page keyctl(2).
const ADDRESSES: &[(u64, &[usize])] = &[
    (1, &[1]),        // KEYCTL_JOIN_SESSION_KEYRING
    (2, &[2]),        // KEYCTL_UPDATE
    (6, &[2]),        // KEYCTL_DESCRIBE
    (10, &[2, 3]),    // KEYCTL_SEARCH
    (11, &[2]),       // KEYCTL_READ
    (12, &[2]),       // KEYCTL_INSTANTIATE
    (17, &[2]),       // KEYCTL_GET_SECURITY
    (23, &[1, 2, 4]), // KEYCTL_DH_COMPUTE
    (24, &[3, 4]),    // KEYCTL_PKEY_QUERY
    (29, &[2, 3]),    // KEYCTL_RESTRICT_KEYRING
    (31, &[1]),       // KEYCTL_CAPABILITIES
];
const INSTANTIATE_IOV: u64 = 20;

/// `keyctl`
pub fn keyctl(t: &mut Thread, a: &[u64; 6]) -> SysResult {
    let op = a[0] & 0xffff_ffff;
    let mut args = [a[0], a[1], a[2], a[3], a[4], 0];
    if op == INSTANTIATE_IOV {
        let iov = Iovecs::new(t.mem, a[2], a[3])?;
        args[2] = iov.at();
        return t.blocking(libc::SYS_keyctl, &args);
    }
    let pointers = ADDRESSES.iter().find(|(n, _)| *n == op).map_or(&[][..], |(_, p)| p);
    for &p in pointers {
        args[p] = t.mem.host(args[p]);
    }
    t.blocking(libc::SYS_keyctl, &args)
}
