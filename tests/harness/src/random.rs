//! Random numbers that are the same in every run.

/// A linear congruential generator (Knuth's constants); the high half is what is random.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// 32 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.bits() << 32 | self.bits()
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.bits() % n == 0
    }
}
