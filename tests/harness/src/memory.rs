//! Guest memory of a test: pages in a map, everything else unmapped.

use brolga_core::{Access, Fault, FaultKind, GuestMemory, MemOp, RmwOp};
use brolga_softmmu::direct::{rmw_value, untagged};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// Mapped pages by address. A test runs on one thread, so accesses are atomic as they are.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Memory {
    pages: RefCell<BTreeMap<u64, Vec<u8>>>,
    /// Whether the top byte of an address is ignored.
    tagged: bool,
}

impl Memory {
    /// Nothing mapped. With `tagged`, the top byte of an address is ignored.
    pub fn new(tagged: bool) -> Memory {
        Memory { tagged, ..Memory::default() }
    }

    /// Maps the pages around `bytes` and puts them at `addr`; fresh pages are zero.
    pub fn put(&mut self, addr: u64, bytes: &[u8]) {
        let mut pages = self.pages.borrow_mut();
        for (i, byte) in bytes.iter().enumerate() {
            let at = addr.wrapping_add(i as u64);
            let page = pages.entry(at & !(PAGE - 1)).or_insert_with(|| vec![0; PAGE as usize]);
            page[(at % PAGE) as usize] = *byte;
        }
    }

    /// Mapped pages with their addresses, in order.
    pub fn pages(&self) -> Vec<(u64, Vec<u8>)> {
        self.pages.borrow().iter().map(|(addr, bytes)| (*addr, bytes.clone())).collect()
    }

    /// Maps the page at `addr` with these bytes.
    pub(crate) fn set_page(&mut self, addr: u64, bytes: &[u8]) {
        assert_eq!((addr % PAGE, bytes.len() as u64), (0, PAGE));
        self.pages.borrow_mut().insert(addr, bytes.to_vec());
    }

    /// Runs of bytes in which `self` differs from `before`, as they are in `self`; runs less than
    /// eight bytes apart count as one.
    pub fn changes(&self, before: &Memory) -> Vec<(u64, Vec<u8>)> {
        let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
        let before = before.pages.borrow();
        for (base, page) in self.pages.borrow().iter() {
            let old = before.get(base);
            for (i, byte) in page.iter().enumerate() {
                if old.is_some_and(|old| old[i] == *byte) {
                    continue;
                }
                let at = base + i as u64;
                match runs.last_mut() {
                    Some((start, bytes)) if at - (*start + bytes.len() as u64) < 8 && *start >= *base => {
                        let from = (*start + bytes.len() as u64 - base) as usize;
                        bytes.extend_from_slice(&page[from..=i]);
                    }
                    _ => runs.push((at, vec![*byte])),
                }
            }
        }
        runs
    }

    /// Checks alignment and mapping of a whole access; returns its untagged address.
    fn check(&self, addr: u64, op: MemOp, access: Access) -> Result<u64, Fault> {
        if !op.aligned(addr) {
            return Err(Fault { addr, access, kind: FaultKind::Alignment });
        }
        let addr = if self.tagged { untagged(addr) } else { addr };
        let pages = self.pages.borrow();
        for i in 0..op.size.bytes() {
            let at = addr.wrapping_add(i);
            if !pages.contains_key(&(at & !(PAGE - 1))) {
                return Err(Fault { addr: at, access, kind: FaultKind::Unmapped });
            }
        }
        Ok(addr)
    }

    fn read(&self, addr: u64, count: u64) -> u128 {
        let pages = self.pages.borrow();
        (0..count).rev().fold(0, |value, i| {
            let at = addr.wrapping_add(i);
            value << 8 | pages[&(at & !(PAGE - 1))][(at % PAGE) as usize] as u128
        })
    }

    fn write(&self, addr: u64, count: u64, value: u128) {
        let mut pages = self.pages.borrow_mut();
        for i in 0..count {
            let at = addr.wrapping_add(i);
            if let Some(page) = pages.get_mut(&(at & !(PAGE - 1))) {
                page[(at % PAGE) as usize] = (value >> (8 * i)) as u8;
            }
        }
    }
}

impl GuestMemory for Memory {
    fn load(&self, addr: u64, op: MemOp) -> Result<u64, Fault> {
        self.load128(addr, op).map(|v| v as u64)
    }

    fn store(&self, addr: u64, value: u64, op: MemOp) -> Result<(), Fault> {
        self.store128(addr, value as u128, op)
    }

    fn load128(&self, addr: u64, op: MemOp) -> Result<u128, Fault> {
        let at = self.check(addr, op, Access::Read)?;
        Ok(self.read(at, op.size.bytes()))
    }

    fn store128(&self, addr: u64, value: u128, op: MemOp) -> Result<(), Fault> {
        let at = self.check(addr, op, Access::Write)?;
        self.write(at, op.size.bytes(), value);
        Ok(())
    }

    fn rmw(&self, rmw: RmwOp, addr: u64, value: u64, op: MemOp) -> Result<u64, Fault> {
        let at = self.check(addr, op, Access::Write)?;
        let old = self.read(at, op.size.bytes()) as u64;
        self.write(at, op.size.bytes(), rmw_value(rmw, old, value, op.size) as u128);
        Ok(old)
    }

    fn compare_exchange(&self, addr: u64, expected: u64, new: u64, op: MemOp) -> Result<u64, Fault> {
        let mask = if op.size.bytes() >= 8 { u64::MAX } else { (1 << (8 * op.size.bytes())) - 1 };
        self.compare_exchange128(addr, (expected & mask) as u128, new as u128, op).map(|v| v as u64)
    }

    fn compare_exchange128(&self, addr: u64, expected: u128, new: u128, op: MemOp) -> Result<u128, Fault> {
        let at = self.check(addr, op, Access::Write)?;
        let old = self.read(at, op.size.bytes());
        if old == expected {
            self.write(at, op.size.bytes(), new);
        }
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga_core::Size;

    #[test]
    fn crossing_into_nothing_faults_there_and_writes_nothing() {
        let mut m = Memory::default();
        m.put(0x1000, &[0]);
        let before = m.clone();
        let fault = m.store(0x1ffc, u64::MAX, MemOp::plain(Size::B8)).unwrap_err();
        assert_eq!(fault, Fault { addr: 0x2000, access: Access::Write, kind: FaultKind::Unmapped });
        assert_eq!(m, before);
    }

    #[test]
    fn changes_are_runs() {
        let mut m = Memory::default();
        m.put(0x1000, &[0]);
        let before = m.clone();
        m.store(0x1010, 0x0100_0000_0000_0002, MemOp::plain(Size::B8)).unwrap();
        m.store(0x1100, 3, MemOp::plain(Size::B1)).unwrap();
        assert_eq!(m.changes(&before), [(0x1010, vec![2, 0, 0, 0, 0, 0, 0, 1]), (0x1100, vec![3])]);
    }
}
