//! User-mode guest memory: a guest address plus a base is a host address, and the host's MMU checks it.

#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod host;
#[cfg(not(target_arch = "x86_64"))]
#[path = "portable.rs"]
mod host;

mod copy;
mod memory;

pub use copy::{copy_in, copy_in_some, copy_out, read_cstr, zero_out};
pub use host::recover;
pub use memory::{DirectMemory, rmw_value, untagged};

use brolga_core::{Access, Fault, FaultKind};

/// What an accessor learned from the signal handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostFault {
    /// Host address that faulted; 0 where the host does not tell (non-canonical addresses).
    addr: u64,
    /// Signal number in the high half, `si_code` in the low half.
    cause: u64,
}

impl HostFault {
    /// As the guest sees it: `addr` is what the guest asked for.
    #[cold]
    fn at(self, addr: u64, base: u64, len: u64, access: Access) -> Fault {
        let guest = self.addr.wrapping_sub(base);
        // The host reports the first byte it could not reach; keep it where it lies in the access.
        let addr = if guest.wrapping_sub(addr) < len { guest } else { addr };
        let (signal, code) = ((self.cause >> 32) as i32, self.cause as u32 as i32);
        let kind = match (signal, code) {
            (libc::SIGBUS, _) => FaultKind::Bus,
            (_, 2) => FaultKind::Permission, // SEGV_ACCERR
            _ => FaultKind::Unmapped,
        };
        Fault { addr, access, kind }
    }
}
