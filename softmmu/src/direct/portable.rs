//! Accessors for hosts without assembly of their own: correct for valid guest addresses, but a guest
//! fault ends the process, since nothing can be recovered. Kept so that the workspace type-checks.

use super::HostFault;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// No accessor can be recovered on this host.
pub fn recover(_signal: i32, _info: &libc::siginfo_t, _context: &mut libc::ucontext_t) -> bool {
    false
}

macro_rules! plain {
    ($($load:ident $store:ident $swap:ident $add:ident $cas:ident $ty:ty, $atomic:ty;)*) => {$(
        pub(super) fn $load(addr: u64) -> Result<u64, HostFault> {
            // SAFETY: the guest's address is valid on this path, see the module's limits.
            Ok(unsafe { (addr as *const $ty).read_unaligned() } as u64)
        }
        pub(super) fn $store(addr: u64, value: u64) -> Result<(), HostFault> {
            // SAFETY: as above.
            unsafe { (addr as *mut $ty).write_unaligned(value as $ty) };
            Ok(())
        }
        pub(super) fn $swap(addr: u64, value: u64) -> Result<u64, HostFault> {
            // SAFETY: as above; alignment was checked by the caller.
            Ok(unsafe { &*(addr as *const $atomic) }.swap(value as $ty, Ordering::SeqCst) as u64)
        }
        pub(super) fn $add(addr: u64, value: u64) -> Result<u64, HostFault> {
            // SAFETY: as above.
            Ok(unsafe { &*(addr as *const $atomic) }.fetch_add(value as $ty, Ordering::SeqCst) as u64)
        }
        pub(super) fn $cas(addr: u64, expected: u64, new: u64) -> Result<u64, HostFault> {
            // SAFETY: as above.
            let cell = unsafe { &*(addr as *const $atomic) };
            let r = cell.compare_exchange(expected as $ty, new as $ty, Ordering::SeqCst, Ordering::SeqCst);
            Ok(r.unwrap_or_else(|old| old) as u64)
        }
    )*};
}

plain! {
    load1 store1 swap1 add1 cas1 u8, AtomicU8;
    load2 store2 swap2 add2 cas2 u16, AtomicU16;
    load4 store4 swap4 add4 cas4 u32, AtomicU32;
    load8 store8 swap8 add8 cas8 u64, AtomicU64;
}

pub(super) fn load16(addr: u64) -> Result<u128, HostFault> {
    // SAFETY: as above.
    Ok(unsafe { (addr as *const u128).read_unaligned() })
}

pub(super) fn store16(addr: u64, value: u128) -> Result<(), HostFault> {
    // SAFETY: as above.
    unsafe { (addr as *mut u128).write_unaligned(value) };
    Ok(())
}

/// Serialises 16-byte exchanges against each other only.
pub(super) fn cas16(addr: u64, expected: u128, new: u128) -> Result<u128, HostFault> {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = LOCK.lock();
    let old = load16(addr)?;
    if old == expected {
        store16(addr, new)?;
    }
    Ok(old)
}

pub(super) fn copy(dst: u64, src: u64, len: usize) -> Result<(), (HostFault, usize)> {
    // SAFETY: as above.
    unsafe { std::ptr::copy(src as *const u8, dst as *mut u8, len) };
    Ok(())
}

pub(super) fn zero(dst: u64, len: usize) -> Result<(), HostFault> {
    // SAFETY: as above.
    unsafe { std::ptr::write_bytes(dst as *mut u8, 0, len) };
    Ok(())
}
