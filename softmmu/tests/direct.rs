//! Accessors on mapped, unmapped and protected memory, with the handler that a process installs.
#![allow(unsafe_code, reason = "installs a signal handler and maps pages")]

use brolga_core::{Access, Align, FaultKind, GuestMemory, MemOp, RmwOp, Size};
use brolga_softmmu::direct::{self, DirectMemory};

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers.
    let recovered = unsafe { direct::recover(signal, &*info, &mut *(context as *mut libc::ucontext_t)) };
    if !recovered {
        // SAFETY: plain libc call.
        unsafe { libc::abort() }
    }
}

/// Two pages: the first readable and writable, the second without access.
fn pages() -> u64 {
    // SAFETY: a zeroed sigaction is valid; the handler has the three-argument form it is installed with.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(std::ptr::null_mut(), 8192, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        libc::mprotect(at.add(4096), 4096, libc::PROT_NONE);
        at as u64
    }
}

const MEM: DirectMemory = DirectMemory { base: 0, tagged: true };

#[test]
fn load_store_every_size() {
    let p = pages();
    for (size, mask) in [(Size::B1, 0xff), (Size::B2, 0xffff), (Size::B4, 0xffff_ffff), (Size::B8, u64::MAX)] {
        let op = MemOp::plain(size);
        MEM.store(p + 3, 0x8877_6655_4433_2211, op).unwrap();
        assert_eq!(MEM.load(p + 3, op).unwrap(), 0x8877_6655_4433_2211 & mask);
    }
    MEM.store128(p + 5, 7 << 100 | 9, MemOp::plain(Size::B16)).unwrap();
    assert_eq!(MEM.load128(p + 5, MemOp::plain(Size::B16)).unwrap(), 7 << 100 | 9);
}

#[test]
fn protected_page_faults_with_first_bad_byte() {
    let p = pages();
    let f = MEM.load(p + 4092, MemOp::plain(Size::B8)).unwrap_err();
    assert_eq!((f.addr, f.kind, f.access), (p + 4096, FaultKind::Permission, Access::Read));
    let f = MEM.store(p + 4096, 1, MemOp::plain(Size::B1)).unwrap_err();
    assert_eq!((f.addr, f.kind, f.access), (p + 4096, FaultKind::Permission, Access::Write));
    let f = MEM.compare_exchange128(p + 4096, 0, 0, MemOp::plain(Size::B16)).unwrap_err();
    assert_eq!((f.addr, f.kind), (p + 4096, FaultKind::Permission));
}

#[test]
fn unmapped_and_non_canonical_fault() {
    pages();
    assert_eq!(MEM.load(8, MemOp::plain(Size::B8)).unwrap_err().kind, FaultKind::Unmapped);
    let f = MEM.load(1 << 54, MemOp::plain(Size::B4)).unwrap_err();
    assert_eq!((f.addr, f.kind), (1 << 54, FaultKind::Unmapped));
}

#[test]
fn tagged_address_reaches_memory() {
    let p = pages();
    MEM.store(p | 0xa5 << 56, 42, MemOp::plain(Size::B8)).unwrap();
    assert_eq!(MEM.load(p, MemOp::plain(Size::B8)).unwrap(), 42);
    let untagging = DirectMemory { base: 0, tagged: false };
    assert!(untagging.load(p | 0xa5 << 56, MemOp::plain(Size::B8)).is_err());
}

#[test]
fn misaligned_exclusive_faults() {
    let p = pages();
    let op = MemOp::plain(Size::B4).align(Align::Natural);
    assert_eq!(MEM.load(p + 2, op).unwrap_err().kind, FaultKind::Alignment);
}

#[test]
fn atomics_return_old_value() {
    let p = pages();
    for size in [Size::B1, Size::B2, Size::B4, Size::B8] {
        let op = MemOp::plain(size);
        for (rmw, operand, expect) in [
            (RmwOp::Swap, 0x80, 0x80),
            (RmwOp::Add, 3, 0x83),
            (RmwOp::And, 0xf0, 0x80),
            (RmwOp::Or, 1, 0x81),
            (RmwOp::Xor, 0xff, 0x7e),
            (RmwOp::Umax, 0x7f, 0x7f),
            (RmwOp::Smin, 5, 5),
        ] {
            let before = MEM.load(p, op).unwrap();
            assert_eq!(MEM.rmw(rmw, p, operand, op).unwrap(), before);
            assert_eq!(MEM.load(p, op).unwrap(), expect, "{rmw:?} {size:?}");
        }
        assert_eq!(MEM.compare_exchange(p, 4, 9, op).unwrap(), 5);
        assert_eq!(MEM.compare_exchange(p, 5, 0, op).unwrap(), 5);
        assert_eq!(MEM.load(p, op).unwrap(), 0);
    }
    MEM.store128(p, 1 << 90, MemOp::plain(Size::B16)).unwrap();
    assert_eq!(MEM.compare_exchange128(p, 1 << 90, 3, MemOp::plain(Size::B16)).unwrap(), 1 << 90);
    assert_eq!(MEM.load128(p, MemOp::plain(Size::B16)).unwrap(), 3);
}

#[test]
fn copies_stop_at_the_fault() {
    let p = pages();
    let mut buf = [0u8; 64];
    direct::copy_out(p + 4096 - 32, &[7; 32]).unwrap();
    assert_eq!(direct::copy_in(&mut buf, p + 4096 - 32).unwrap_err().addr, p + 4096);
    assert_eq!(direct::copy_in_some(&mut buf, p + 4096 - 32), 32);
    assert_eq!(direct::copy_out(p + 4090, &[1; 10]).unwrap_err().addr, p + 4096);
    direct::copy_out(p + 4090, b"abcde\0").unwrap();
    assert_eq!(direct::read_cstr(p + 4090, 100).unwrap(), Some(b"abcde".to_vec()));
    direct::copy_out(p + 4095, b"x").unwrap();
    assert!(direct::read_cstr(p + 4090, 100).is_err());
    assert_eq!(direct::read_cstr(p + 4090, 4).unwrap(), None);
}
