//! Random numbers and values of the kinds that find mistakes.

/// Splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.word() % n
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// For a general register: small, near a power of two, the same byte often, anything.
    pub fn general(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(20),
            1 => self.below(20).wrapping_neg(),
            2 => (1u64 << self.below(64)).wrapping_sub(self.below(3)),
            3 => self.below(256) * 0x0101_0101_0101_0101,
            _ => self.word(),
        }
    }

    /// Single precision: special, near 1, anything.
    fn single(&mut self) -> u32 {
        const SPECIAL: [u32; 14] = [
            0,
            0x8000_0000,
            1,
            0x007f_ffff,
            0x0080_0000,
            0x3f80_0000,
            0xbf80_0000,
            0x7f7f_ffff,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0x7f80_0001,
            0xffc1_2345,
            0x4f00_0000,
        ];
        match self.below(4) {
            0 => self.pick(&SPECIAL),
            1 => self.word() as u32,
            // Exponents that meet each other, and integers.
            _ => (self.below(2) << 31 | (110 + self.below(50)) << 23) as u32 | self.word() as u32 & 0x7f_ffff,
        }
    }

    /// Double precision, likewise.
    fn double(&mut self) -> u64 {
        const SPECIAL: [u64; 14] = [
            0,
            1 << 63,
            1,
            0x000f_ffff_ffff_ffff,
            0x0010_0000_0000_0000,
            0x3ff0_0000_0000_0000,
            0xbff0_0000_0000_0000,
            0x7fef_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0xfff8_1234_5678_9abc,
            0x43e0_0000_0000_0000,
        ];
        match self.below(4) {
            0 => self.pick(&SPECIAL),
            1 => self.word(),
            _ => self.below(2) << 63 | (990 + self.below(100)) << 52 | self.word() & 0xf_ffff_ffff_ffff,
        }
    }

    /// For half a vector register.
    pub fn vector(&mut self) -> u128 {
        let pair = |low: u64, high: u64| low as u128 | (high as u128) << 64;
        match self.below(4) {
            0 => {
                let mut lane = || u64::from(self.single()) | u64::from(self.single()) << 32;
                pair(lane(), lane())
            }
            1 => pair(self.double(), self.double()),
            2 => pair(self.general(), self.general()),
            _ => pair(self.word(), self.word()),
        }
    }

    /// For an x87 register: zero, infinity, NaNs, denormals, unnormals, and numbers.
    pub fn extended(&mut self) -> u128 {
        const SPECIAL: [u128; 12] = [
            0,
            0x8000 << 64,
            0x7fff_8000_0000_0000_0000,
            0xffff_8000_0000_0000_0000,
            0x7fff_c000_0000_0000_0000,
            0x7fff_8000_0000_0000_0001,
            0x0000_0000_0000_0000_0001,
            0x0000_8000_0000_0000_0000,
            0x0001_8000_0000_0000_0000,
            0x7ffe_ffff_ffff_ffff_ffff,
            0x3fff_8000_0000_0000_0000,
            0xc000_c000_0000_0000_0000,
        ];
        let integer = 1u64 << 63;
        match self.below(8) {
            0 | 1 => self.pick(&SPECIAL),
            2 => (self.below(0x1_0000) as u128) << 64 | self.word() as u128,
            _ => {
                let exponent = self.below(2) << 15 | (0x3fff - 70 + self.below(140));
                let few = if self.once_in(2) { u64::MAX << self.below(60) } else { u64::MAX };
                (exponent as u128) << 64 | ((self.word() & few) | integer) as u128
            }
        }
    }
}
