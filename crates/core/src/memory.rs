//! What one guest memory access asks for, and the seam that performs it.

use crate::exit::Fault;

/// Bytes of an access, as a power of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Size {
    /// 1 byte
    B1 = 0,
    /// 2 bytes
    B2 = 1,
    /// 4 bytes
    B4 = 2,
    /// 8 bytes
    B8 = 3,
    /// 16 bytes
    B16 = 4,
}

impl Size {
    /// From log2 of the number of bytes, 0..=4.
    pub fn from_log2(n: u32) -> Option<Size> {
        [Size::B1, Size::B2, Size::B4, Size::B8, Size::B16].get(n as usize).copied()
    }

    /// Number of bytes.
    pub const fn bytes(self) -> u64 {
        1 << self as u8
    }
}

/// Memory order of an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Order {
    /// No order beyond coherence.
    Plain = 0,
    /// Later accesses stay behind (Arm LDAPR).
    Acquire = 1,
    /// Earlier accesses stay before.
    Release = 2,
    /// Acquire or release and totally ordered with its like (Arm LDAR, STLR).
    SeqCst = 3,
}

/// Alignment that the guest architecture demands of the access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Align {
    /// Any address.
    None = 0,
    /// The access may not cross a 16-byte boundary (FEAT_LSE2 ordered accesses).
    Within16 = 1,
    /// Natural alignment, else an alignment fault (exclusives).
    Natural = 2,
    /// Twice that: the first access of two that are one of the guest's.
    Double = 3,
}

/// One access: size, sign, order and alignment rule. Guests are little-endian so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemOp {
    /// Bytes.
    pub size: Size,
    /// Sign-extend a load to the result's width; zero-extend otherwise.
    pub signed: bool,
    /// Memory order.
    pub order: Order,
    /// Alignment rule.
    pub align: Align,
}

impl MemOp {
    /// A plain, zero-extending access without alignment rule.
    pub const fn plain(size: Size) -> MemOp {
        MemOp { size, signed: false, order: Order::Plain, align: Align::None }
    }

    /// The same access, sign-extending.
    #[must_use]
    pub const fn sign(mut self, signed: bool) -> MemOp {
        self.signed = signed;
        self
    }

    /// The same access with an order.
    #[must_use]
    pub const fn order(mut self, order: Order) -> MemOp {
        self.order = order;
        self
    }

    /// The same access with an alignment rule.
    #[must_use]
    pub const fn align(mut self, align: Align) -> MemOp {
        self.align = align;
        self
    }

    /// Packed into 16 bits: size 2..0, sign 3, order 5..4, alignment 7..6.
    pub const fn bits(self) -> u16 {
        self.size as u16 | (self.signed as u16) << 3 | (self.order as u16) << 4 | (self.align as u16) << 6
    }

    /// Inverse of [`MemOp::bits`].
    #[inline(always)]
    pub const fn from_bits(w: u16) -> MemOp {
        let size = match w & 7 {
            0 => Size::B1,
            1 => Size::B2,
            2 => Size::B4,
            3 => Size::B8,
            _ => Size::B16,
        };
        let order = match w >> 4 & 3 {
            0 => Order::Plain,
            1 => Order::Acquire,
            2 => Order::Release,
            _ => Order::SeqCst,
        };
        let align = match w >> 6 & 3 {
            0 => Align::None,
            1 => Align::Within16,
            2 => Align::Natural,
            _ => Align::Double,
        };
        MemOp { size, signed: w >> 3 & 1 != 0, order, align }
    }

    /// Whether the rule allows `addr`.
    #[inline(always)]
    pub const fn aligned(self, addr: u64) -> bool {
        let bytes = self.size.bytes();
        match self.align {
            Align::None => true,
            Align::Within16 => (addr & 15) + bytes <= 16,
            Align::Natural => addr & (bytes - 1) == 0,
            Align::Double => addr & (2 * bytes - 1) == 0,
        }
    }
}

/// Read-modify-write operation of an atomic access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RmwOp {
    /// Store the operand.
    Swap = 0,
    /// old + operand
    Add = 1,
    /// old & operand
    And = 2,
    /// old | operand
    Or = 3,
    /// old ^ operand
    Xor = 4,
    /// signed maximum
    Smax = 5,
    /// signed minimum
    Smin = 6,
    /// unsigned maximum
    Umax = 7,
    /// unsigned minimum
    Umin = 8,
}

impl RmwOp {
    /// All operations, in encoding order.
    pub const ALL: [RmwOp; 9] = [
        RmwOp::Swap,
        RmwOp::Add,
        RmwOp::And,
        RmwOp::Or,
        RmwOp::Xor,
        RmwOp::Smax,
        RmwOp::Smin,
        RmwOp::Umax,
        RmwOp::Umin,
    ];

    /// Name in IR text.
    pub fn name(self) -> &'static str {
        ["swap", "add", "and", "or", "xor", "smax", "smin", "umax", "umin"][self as usize]
    }
}

/// Kind of access, for faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Data read.
    Read,
    /// Data write.
    Write,
    /// Instruction fetch.
    Fetch,
}

/// Guest data memory as the interpreter reaches it: directly in user mode, through the softmmu in
/// system mode. Values are zero-extended; alignment rules are checked by the implementation.
///
/// Every method performs a whole access or none, except `load128`/`store128` of unaligned
/// addresses, which may be observed as two halves.
pub trait GuestMemory {
    /// Reads up to 8 bytes, zero-extended.
    fn load(&self, addr: u64, op: MemOp) -> Result<u64, Fault>;
    /// Writes the low `op.size` bytes.
    fn store(&self, addr: u64, value: u64, op: MemOp) -> Result<(), Fault>;
    /// Reads 16 bytes.
    fn load128(&self, addr: u64, op: MemOp) -> Result<u128, Fault>;
    /// Writes 16 bytes.
    fn store128(&self, addr: u64, value: u128, op: MemOp) -> Result<(), Fault>;
    /// Atomically applies `rmw`; returns the old value, zero-extended.
    fn rmw(&self, rmw: RmwOp, addr: u64, value: u64, op: MemOp) -> Result<u64, Fault>;
    /// Atomically stores `new` if memory equals `expected` (both at the access size); returns the old value.
    fn compare_exchange(&self, addr: u64, expected: u64, new: u64, op: MemOp) -> Result<u64, Fault>;
    /// 16-byte form of `compare_exchange`.
    fn compare_exchange128(&self, addr: u64, expected: u128, new: u128, op: MemOp) -> Result<u128, Fault>;

    /// Copies `len` bytes from `from` on to `to`, upwards and as if byte by byte; returns how many. What it has left may begin
    /// with a byte that cannot be read or written.
    fn copy(&self, to: u64, from: u64, len: u64) -> u64 {
        let byte = MemOp::plain(Size::B1);
        let one = |n: u64| self.store(to.wrapping_add(n), self.load(from.wrapping_add(n), byte)?, byte);
        (0..len).find(|&n| one(n).is_err()).unwrap_or(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memop_bits_round_trip() {
        for size in 0..5 {
            for rest in 0..32u16 {
                let w = size | rest << 3;
                if w >> 6 & 3 != 3 {
                    assert_eq!(MemOp::from_bits(w).bits(), w & 0xff);
                }
            }
        }
    }

    #[test]
    fn aligned_within16_boundary() {
        let op = MemOp::plain(Size::B8).align(Align::Within16);
        assert!(op.aligned(0x1008) && op.aligned(0x1007));
        assert!(!op.aligned(0x1009));
    }
}
