//! [`GuestMemory`] over host memory.

use super::copy::copy_some;
use super::{HostFault, host};
use brolga_core::{Access, Fault, FaultKind, GuestMemory, MemOp, Order, RmwOp, Size};
use std::sync::atomic::{Ordering, fence};

/// Guest memory at `base` in the host's address space.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectMemory {
    /// Added to a guest address.
    pub base: u64,
    /// Whether the guest ignores the top byte of an address (Arm "Address tagging").
    pub tagged: bool,
}

impl DirectMemory {
    #[inline(always)]
    fn host(&self, addr: u64) -> u64 {
        addr.wrapping_add(self.base)
    }

    /// Runs `access` at `addr`; programs with tagged pointers pay for the tag only when the host faults on it.
    #[inline(always)]
    fn at<T>(
        &self,
        addr: u64,
        op: MemOp,
        kind: Access,
        access: impl Fn(u64) -> Result<T, HostFault>,
    ) -> Result<T, Fault> {
        if !op.aligned(addr) {
            return Err(Fault { addr, access: kind, kind: FaultKind::Alignment });
        }
        match access(self.host(addr)) {
            Ok(v) => Ok(v),
            Err(f) => self.retry_untagged(addr, op, kind, f, access),
        }
    }

    #[cold]
    fn retry_untagged<T>(
        &self,
        addr: u64,
        op: MemOp,
        kind: Access,
        fault: HostFault,
        access: impl Fn(u64) -> Result<T, HostFault>,
    ) -> Result<T, Fault> {
        let clean = untagged(addr);
        if self.tagged && clean != addr {
            return access(self.host(clean)).map_err(|f| f.at(clean, self.base, op.size.bytes(), kind));
        }
        Err(fault.at(addr, self.base, op.size.bytes(), kind))
    }
}

/// The address without its tag: bits 63..56 become copies of bit 55. Arm ARM, "Address tagging".
#[inline(always)]
pub fn untagged(addr: u64) -> u64 {
    ((addr << 8) as i64 >> 8) as u64
}

impl GuestMemory for DirectMemory {
    #[inline(always)]
    fn load(&self, addr: u64, op: MemOp) -> Result<u64, Fault> {
        // x86-64 loads are acquire loads, and sequentially consistent beside locked stores.
        self.at(addr, op, Access::Read, |h| match op.size {
            Size::B1 => host::load1(h),
            Size::B2 => host::load2(h),
            Size::B4 => host::load4(h),
            Size::B8 | Size::B16 => host::load8(h),
        })
    }

    #[inline(always)]
    fn store(&self, addr: u64, value: u64, op: MemOp) -> Result<(), Fault> {
        self.at(addr, op, Access::Write, |h| match op.size {
            Size::B1 => host::store1(h, value),
            Size::B2 => host::store2(h, value),
            Size::B4 => host::store4(h, value),
            Size::B8 | Size::B16 => host::store8(h, value),
        })?;
        if op.order == Order::SeqCst {
            fence(Ordering::SeqCst);
        }
        Ok(())
    }

    #[inline(always)]
    fn load128(&self, addr: u64, op: MemOp) -> Result<u128, Fault> {
        self.at(addr, op, Access::Read, host::load16)
    }

    #[inline(always)]
    fn store128(&self, addr: u64, value: u128, op: MemOp) -> Result<(), Fault> {
        self.at(addr, op, Access::Write, |h| host::store16(h, value))?;
        if op.order == Order::SeqCst {
            fence(Ordering::SeqCst);
        }
        Ok(())
    }

    fn rmw(&self, rmw: RmwOp, addr: u64, value: u64, op: MemOp) -> Result<u64, Fault> {
        match rmw {
            RmwOp::Swap => self.at(addr, op, Access::Write, |h| match op.size {
                Size::B1 => host::swap1(h, value),
                Size::B2 => host::swap2(h, value),
                Size::B4 => host::swap4(h, value),
                Size::B8 | Size::B16 => host::swap8(h, value),
            }),
            RmwOp::Add => self.at(addr, op, Access::Write, |h| match op.size {
                Size::B1 => host::add1(h, value),
                Size::B2 => host::add2(h, value),
                Size::B4 => host::add4(h, value),
                Size::B8 | Size::B16 => host::add8(h, value),
            }),
            _ => self.rmw_loop(rmw, addr, value, op),
        }
    }

    #[inline(always)]
    fn compare_exchange(&self, addr: u64, expected: u64, new: u64, op: MemOp) -> Result<u64, Fault> {
        self.at(addr, op, Access::Write, |h| match op.size {
            Size::B1 => host::cas1(h, expected, new),
            Size::B2 => host::cas2(h, expected, new),
            Size::B4 => host::cas4(h, expected, new),
            Size::B8 | Size::B16 => host::cas8(h, expected, new),
        })
    }

    fn compare_exchange128(&self, addr: u64, expected: u128, new: u128, op: MemOp) -> Result<u128, Fault> {
        self.at(addr, op, Access::Write, |h| host::cas16(h, expected, new))
    }

    fn copy(&self, to: u64, from: u64, len: u64) -> u64 {
        let clean = |addr| self.host(if self.tagged { untagged(addr) } else { addr });
        copy_some(clean(to), clean(from), len as usize) as u64
    }
}

impl DirectMemory {
    /// Operations without a host instruction that returns the old value.
    fn rmw_loop(&self, rmw: RmwOp, addr: u64, value: u64, op: MemOp) -> Result<u64, Fault> {
        let mut old = self.load(addr, MemOp { signed: false, ..op }).map_err(as_write)?;
        loop {
            let new = rmw_value(rmw, old, value, op.size);
            let seen = self.compare_exchange(addr, old, new, op)?;
            if seen == old {
                return Ok(old);
            }
            old = seen;
        }
    }
}

fn as_write(f: Fault) -> Fault {
    Fault { access: Access::Write, ..f }
}

/// The value a read-modify-write stores, at the width of the access.
pub fn rmw_value(rmw: RmwOp, old: u64, value: u64, size: Size) -> u64 {
    let shift = 64 - 8 * size.bytes().min(8);
    let signed = |x: u64| (x << shift) as i64;
    let unsigned = |x: u64| x << shift;
    match rmw {
        RmwOp::Swap => value,
        RmwOp::Add => old.wrapping_add(value),
        RmwOp::And => old & value,
        RmwOp::Or => old | value,
        RmwOp::Xor => old ^ value,
        RmwOp::Smax => {
            if signed(old) >= signed(value) {
                old
            } else {
                value
            }
        }
        RmwOp::Smin => {
            if signed(old) <= signed(value) {
                old
            } else {
                value
            }
        }
        RmwOp::Umax => {
            if unsigned(old) >= unsigned(value) {
                old
            } else {
                value
            }
        }
        RmwOp::Umin => {
            if unsigned(old) <= unsigned(value) {
                old
            } else {
                value
            }
        }
    }
}
