//! Bytes moved by constant selectors or by indices.

use super::Lower;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

/// Selector of a zero byte.
const ZERO: u8 = 0x80;

impl Lower<'_, '_> {
    /// Cranelift's own shuffle; selectors 0 to 31.
    pub(super) fn clif_shuffle(&mut self, a: ir::Value, b: ir::Value, selectors: [u8; 16]) -> ir::Value {
        let imm = self.fb.func.dfg.immediates.push(selectors[..].into());
        self.fb.ins().shuffle(a, b, imm)
    }

    /// Bytes of `a` (0 to 15) and `b` (16 to 31), or zeros.
    pub(super) fn shuffle(&mut self, a: ir::Value, b: ir::Value, mut selectors: [u8; 16]) -> ir::Value {
        if a == b {
            selectors = selectors.map(|s| if s < 32 { s & 15 } else { s });
        }
        let uses_a = selectors.iter().any(|s| *s < 16);
        let uses_b = selectors.iter().any(|s| (16..32).contains(s));
        match (uses_a, uses_b) {
            (false, false) => self.wide_const(0),
            (true, false) => self.shuffle1(a, selectors),
            (false, true) => self.shuffle1(b, selectors.map(|s| if s < 32 { s & 15 } else { s })),
            (true, true) => self.shuffle2(a, b, selectors),
        }
    }

    /// Bytes of one vector.
    fn shuffle1(&mut self, a: ir::Value, selectors: [u8; 16]) -> ir::Value {
        let zeros = selectors.contains(&ZERO);
        if (0..16).all(|i| selectors[i] == ZERO || selectors[i] == i as u8) {
            return if zeros { self.kept(a, selectors) } else { a };
        }
        if !zeros && (self.u.features.bytes || in_sse2(&selectors)) {
            return self.clif_shuffle(a, a, selectors);
        }
        if self.u.features.pshufb {
            let mask = self.wide_const(u128::from_le_bytes(selectors));
            return self.fb.ins().x86_pshufb(a, mask);
        }
        if self.u.features.bytes {
            let v = self.clif_shuffle(a, a, selectors.map(|s| s & 31));
            return self.kept(v, selectors);
        }
        self.through_stack(a, a, selectors)
    }

    /// Bytes of both vectors.
    fn shuffle2(&mut self, a: ir::Value, b: ir::Value, selectors: [u8; 16]) -> ir::Value {
        if let Some(first) = [0, 1].into_iter().find(|first| (0..16).all(|i| selectors[i] == 2 * i as u8 + first)) {
            return self.every_other_byte(a, b, first == 1);
        }
        let zeros = selectors.contains(&ZERO);
        if !zeros && (self.u.features.bytes || in_sse2(&selectors)) {
            return self.clif_shuffle(a, b, selectors);
        }
        if !self.u.features.bytes {
            return self.through_stack(a, b, selectors);
        }
        if selectors.iter().all(|s| s & 0x88 != 0x08) {
            // Both lower halves in one vector, then bytes of that.
            let both = self.clif_shuffle(a, b, std::array::from_fn(|i| if i < 8 { i as u8 } else { i as u8 + 8 }));
            return self.shuffle1(both, selectors.map(|s| if s & 0x90 == 0x10 { s - 8 } else { s }));
        }
        if self.u.features.shuffle2 || !self.u.features.pshufb {
            let v = self.clif_shuffle(a, b, selectors.map(|s| s & 31));
            return self.kept(v, selectors);
        }
        let of_a = self.shuffle1(a, selectors.map(|s| if s < 16 { s } else { ZERO }));
        let of_b = self.shuffle1(b, selectors.map(|s| if (16..32).contains(&s) { s - 16 } else { ZERO }));
        self.fb.ins().bor(of_a, of_b)
    }

    /// The bytes of both with even numbers, or with odd ones: alone in their words, which are then cut to bytes in one instruction. Of
    /// shuffles it would be two, and some hosts have one unit for those.
    fn every_other_byte(&mut self, a: ir::Value, b: ir::Value, odd: bool) -> ir::Value {
        let [a, b] = [a, b].map(|v| {
            if odd {
                let words = self.as_ty(types::I16X8, v);
                return self.fb.ins().ushr_imm_u(words, 8);
            }
            let low = self.wide_const(u128::from_le_bytes([0xff, 0].repeat(8).try_into().expect("16 bytes")));
            let even = self.fb.ins().band(v, low);
            self.as_ty(types::I16X8, even)
        });
        self.fb.ins().unarrow(a, b)
    }

    /// `v` with the bytes of selector `ZERO` made zero.
    fn kept(&mut self, v: ir::Value, selectors: [u8; 16]) -> ir::Value {
        let mask = self.wide_const(u128::from_le_bytes(selectors.map(|s| if s == ZERO { 0 } else { 0xff })));
        self.fb.ins().band(v, mask)
    }

    /// Bytes of `a` by the indices, 0 for an index above 15.
    pub(super) fn swizzle(&mut self, a: ir::Value, indices: ir::Value) -> ir::Value {
        if self.u.features.bytes {
            return self.fb.ins().swizzle(a, indices);
        }
        let (flags, table) = self.stack_bytes(32);
        self.fb.ins().store(flags, a, table, 0);
        for i in 0..16 {
            let index = self.fb.ins().extractlane(indices, i);
            let index = self.fb.ins().uextend(types::I64, index);
            let outside = self.fb.ins().icmp_imm_u(ir::condcodes::IntCC::UnsignedGreaterThan, index, 15);
            let inside = self.fb.ins().band_imm_u(index, 15);
            let at = self.fb.ins().iadd(table, inside);
            let byte = self.fb.ins().load(types::I8, flags, at, 0);
            let zero = self.fb.ins().iconst(types::I8, 0);
            let byte = self.fb.ins().select(outside, zero, byte);
            self.fb.ins().store(flags, byte, table, 16 + i32::from(i));
        }
        self.fb.ins().load(types::I8X16, flags, table, 16)
    }

    /// A shuffle byte by byte, for hosts without an instruction.
    fn through_stack(&mut self, a: ir::Value, b: ir::Value, selectors: [u8; 16]) -> ir::Value {
        let (flags, bytes) = self.stack_bytes(48);
        self.fb.ins().store(flags, a, bytes, 0);
        self.fb.ins().store(flags, b, bytes, 16);
        for (i, s) in selectors.into_iter().enumerate() {
            let byte = match s {
                ZERO => self.fb.ins().iconst(types::I8, 0),
                s => self.fb.ins().load(types::I8, flags, bytes, i32::from(s)),
            };
            self.fb.ins().store(flags, byte, bytes, 32 + i as i32);
        }
        self.fb.ins().load(types::I8X16, flags, bytes, 32)
    }

    /// Fresh stack memory, and the flags of accesses to it.
    fn stack_bytes(&mut self, size: u32) -> (MemFlagsData, ir::Value) {
        let slot = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, size, 4);
        let slot = self.fb.create_sized_stack_slot(slot);
        let flags = MemFlagsData::new().with_notrap().with_endianness(ir::Endianness::Little);
        (flags, self.fb.ins().stack_addr(types::I64, slot, 0))
    }
}

/// Whether Cranelift has a rule for these selectors that needs SSE2 alone.
fn in_sse2(selectors: &[u8; 16]) -> bool {
    let unpacks = [1usize, 2, 4, 8].into_iter().any(|n| {
        [0usize, 8].into_iter().any(|first| {
            (0..16)
                .all(|i| selectors[i] as usize == first + i / (2 * n) * n + i % n + if i / n % 2 == 1 { 16 } else { 0 })
        })
    });
    let words = selectors.as_chunks::<4>().0;
    let whole = words.iter().all(|w| w[0] % 4 == 0 && (1..4).all(|k| w[k] == w[0] + k as u8));
    let from_a: Vec<bool> = words.iter().map(|w| w[0] < 16).collect();
    let one = from_a.iter().all(|a| *a == from_a[0]);
    let halves = from_a[0] == from_a[1] && from_a[2] == from_a[3];
    unpacks || whole && (one || halves)
}
