//! One host instruction on its way into the code: bytes that are put one by one into a growing vector each ask for room.

use cranelift_assembler_x64::{CodeSink, DeferredTarget, KnownOffset, TrapCode};

/// Longest instruction, and a mask for places in one. Intel SDM volume 2, "Instruction Prefixes".
const LONGEST: usize = 15;

/// Up to [`LONGEST`] bytes.
#[derive(Default)]
pub(crate) struct One {
    // What is put at the last place, eight bytes at most, has room.
    bytes: [u8; 24],
    len: usize,
}

impl One {
    /// Adds `bytes`, eight at most.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        const { assert!(LONGEST + N <= 24) };
        let at = self.len & LONGEST;
        self.bytes[at..at + N].copy_from_slice(&bytes);
        self.len += N;
    }

    /// The same if `wanted`.
    #[inline(always)]
    pub(crate) fn put_if(&mut self, wanted: bool, byte: u8) {
        self.bytes[self.len & LONGEST] = byte;
        self.len += usize::from(wanted);
    }

    /// Adds it to `code`.
    #[inline(always)]
    pub(crate) fn end(self, code: &mut Vec<u8>) {
        debug_assert!(self.len <= LONGEST);
        let len = code.len() + self.len;
        // All of them first: to copy a number that is not known is a call.
        code.extend_from_slice(&self.bytes);
        code.truncate(len);
    }
}

impl CodeSink for One {
    #[inline(always)]
    fn put1(&mut self, v: u8) {
        self.put([v]);
    }

    #[inline(always)]
    fn put2(&mut self, v: u16) {
        self.put(v.to_le_bytes());
    }

    #[inline(always)]
    fn put4(&mut self, v: u32) {
        self.put(v.to_le_bytes());
    }

    #[inline(always)]
    fn put8(&mut self, v: u64) {
        self.put(v.to_le_bytes());
    }

    fn add_trap(&mut self, _: TrapCode) {}

    fn use_target(&mut self, _: DeferredTarget) {}

    fn known_offset(&self, offset: KnownOffset) -> i32 {
        unreachable!("no operand has the offset {offset:?}")
    }
}
