//! Lanes as wide integers, and the manual's arithmetic on them: slow and obvious.

/// An instruction's fields, decoded the way every class lays them out.
#[derive(Clone, Copy)]
pub struct Fields(pub u32);

impl Fields {
    pub fn bits(self, lsb: u32, width: u32) -> usize {
        (self.0 >> lsb & ((1 << width) - 1)) as usize
    }
    pub fn rd(self) -> usize {
        self.bits(0, 5)
    }
    pub fn rn(self) -> usize {
        self.bits(5, 5)
    }
    pub fn rm(self) -> usize {
        self.bits(16, 5)
    }
    pub fn q(self) -> bool {
        self.bits(30, 1) != 0
    }
    pub fn size(self) -> usize {
        self.bits(22, 2)
    }
    pub fn scalar(self) -> bool {
        self.bits(28, 1) != 0
    }
}

/// Lane `e` of `bits` bits, zero-extended.
pub fn lane(v: u128, e: usize, bits: usize) -> i128 {
    (v >> (e * bits) & mask(bits)) as i128
}

/// Ones in the low `bits` bits.
pub fn mask(bits: usize) -> u128 {
    if bits == 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// A lane's value as a signed number.
pub fn signed(x: i128, bits: usize) -> i128 {
    x << (128 - bits) >> (128 - bits)
}

/// A vector of lanes, cut to `bits` bits each, the first lowest.
pub fn pack(lanes: impl IntoIterator<Item = i128>, bits: usize) -> u128 {
    lanes.into_iter().enumerate().fold(0, |v, (e, x)| v | (x as u128 & mask(bits)) << (e * bits))
}

/// Arm ARM, shared pseudocode "SatQ": the number in range, and QC set if it was not.
pub fn saturate(x: i128, bits: usize, unsigned: bool, qc: &mut bool) -> i128 {
    let (low, high) = if unsigned { (0, (1 << bits) - 1) } else { (-1 << (bits - 1), (1 << (bits - 1)) - 1) };
    let r = x.clamp(low, high);
    *qc |= r != x;
    r
}

/// Arm ARM, shared pseudocode "RShr" and its neighbours: (x + half if rounding) >> n, of any n > 0.
pub fn shift_right(x: i128, n: usize, round: bool) -> i128 {
    let n = n.min(100);
    (x + if round { 1 << (n - 1) } else { 0 }) >> n
}

/// x by the signed amount n, of lanes of 8 to 64 bits; far shifts left keep what saturation needs to see.
pub fn shift(x: i128, n: i128, bits: usize, round: bool) -> i128 {
    if n < 0 {
        shift_right(x, -n as usize, round)
    } else if n as usize >= bits {
        x.signum() << 100
    } else {
        x << n
    }
}
