//! Condition flags in their border form: an operation and two operands, evaluated when read.
//!
//! The carry of a subtraction is the adder's carry out ("not borrow"), as Arm defines it. A guest of the other
//! convention keeps the inverse of its carry: subtractions then need nothing, and sums flip theirs.

/// Operand width of a flag-setting operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Width {
    /// 32 bits; operands are the low halves of the words.
    W32 = 0,
    /// 64 bits.
    W64 = 1,
    /// 8 bits; operands are the low bytes.
    W8 = 2,
    /// 16 bits.
    W16 = 3,
}

impl Width {
    /// Number of bits.
    pub const fn bits(self) -> u32 {
        match self {
            Width::W8 => 8,
            Width::W16 => 16,
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }
}

/// What produced the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CcKind {
    /// First operand holds N Z C V in bits 31..28.
    Packed = 0,
    /// `a + b`
    Add = 1,
    /// `a - b`
    Sub = 2,
    /// `a + b + 1`
    AddCarry = 3,
    /// `a - b - 1`
    SubBorrow = 4,
    /// N and Z of `a`; C and V clear.
    Logic = 5,
    /// A comparison of the floats whose bits are `a` and `b`, of 32 or 64 bits: Z if they are equal or unordered, C if `a` is
    /// greater or equal, N and V clear. x86's comparisons, whose carry is the inverse, are of this kind.
    Floats = 6,
}

/// The first of the three flag words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CcOp {
    /// Operation.
    pub kind: CcKind,
    /// Operand width.
    pub width: Width,
    /// Whether C is the inverse of what the operation gives.
    pub flip: bool,
}

impl CcOp {
    /// The bit of the word that flips C.
    pub const FLIP: u64 = 1 << 5;

    /// An operation with the C that it gives.
    pub const fn new(kind: CcKind, width: Width) -> CcOp {
        CcOp { kind, width, flip: false }
    }

    /// As stored in the register file: kind in bits 2..0, width in bits 4..3, the flip in bit 5.
    pub const fn word(self) -> u64 {
        self.kind as u64 | (self.width as u64) << 3 | if self.flip { CcOp::FLIP } else { 0 }
    }

    /// Inverse of [`CcOp::word`]; bits above the field are ignored.
    #[inline(always)]
    pub const fn from_word(word: u64) -> CcOp {
        let kind = match word & 7 {
            1 => CcKind::Add,
            2 => CcKind::Sub,
            3 => CcKind::AddCarry,
            4 => CcKind::SubBorrow,
            5 => CcKind::Logic,
            6 => CcKind::Floats,
            _ => CcKind::Packed,
        };
        let width = match word >> 3 & 3 {
            0 => Width::W32,
            1 => Width::W64,
            2 => Width::W8,
            _ => Width::W16,
        };
        CcOp { kind, width, flip: word & CcOp::FLIP != 0 }
    }

    /// What the operation makes of `a` and `b`, and the carry or borrow into bit 4, which is clear behind logic. Floats
    /// give 1, and 0 if they are unordered. `None` for flags that no operation made.
    pub const fn result(self, a: u64, b: u64) -> Option<(u64, bool)> {
        let result = match self.kind {
            CcKind::Packed => return None,
            CcKind::Logic => return Some((a, false)),
            CcKind::Floats => return Some((compare_floats(self.width, a, b).is_some() as u64, false)),
            CcKind::Add => a.wrapping_add(b),
            CcKind::AddCarry => a.wrapping_add(b).wrapping_add(1),
            CcKind::Sub => a.wrapping_sub(b),
            CcKind::SubBorrow => a.wrapping_sub(b).wrapping_sub(1),
        };
        // The carry is where the operands and the result disagree.
        Some((result, (a ^ b ^ result) >> 4 & 1 != 0))
    }
}

/// Evaluated flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nzcv {
    /// Negative.
    pub n: bool,
    /// Zero.
    pub z: bool,
    /// Carry out of the adder.
    pub c: bool,
    /// Signed overflow.
    pub v: bool,
}

impl Nzcv {
    /// From bits 31..28 of a word, as in the Arm NZCV register.
    #[inline(always)]
    pub const fn from_bits(w: u64) -> Nzcv {
        Nzcv { n: w >> 31 & 1 != 0, z: w >> 30 & 1 != 0, c: w >> 29 & 1 != 0, v: w >> 28 & 1 != 0 }
    }

    /// To bits 31..28.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        (self.n as u64) << 31 | (self.z as u64) << 30 | (self.c as u64) << 29 | (self.v as u64) << 28
    }

    /// Evaluates the border form.
    #[inline(always)]
    pub const fn eval(op: u64, a: u64, b: u64) -> Nzcv {
        let op = CcOp::from_word(op);
        let mut f = Nzcv::unflipped(op, a, b);
        f.c ^= op.flip;
        f
    }

    #[inline(always)]
    const fn unflipped(op: CcOp, a: u64, b: u64) -> Nzcv {
        match op.kind {
            CcKind::Packed => Nzcv::from_bits(a),
            CcKind::Logic => {
                let a = a << (64 - op.width.bits());
                Nzcv { n: (a as i64) < 0, z: a == 0, c: false, v: false }
            }
            CcKind::Add => add(op.width, a, b, false),
            CcKind::AddCarry => add(op.width, a, b, true),
            CcKind::Sub => add(op.width, a, !b, true),
            CcKind::SubBorrow => add(op.width, a, !b, false),
            CcKind::Floats => match compare_floats(op.width, a, b) {
                None => Nzcv { n: false, z: true, c: false, v: false },
                Some(order) => Nzcv { n: false, z: order == 0, c: order >= 0, v: false },
            },
        }
    }
}

/// Below 0, 0 or above it as float `a` is less than, equal to or greater than `b`; `None` if one is a NaN. In integers: the
/// host's comparison would leave a trace in its status word.
const fn compare_floats(width: Width, a: u64, b: u64) -> Option<i32> {
    let wide = matches!(width, Width::W64);
    let (a, b) = if wide { (a, b) } else { (a << 32, b << 32) };
    let infinity = if wide { 0x7ff << 52 } else { 0xff << 55 };
    let (x, y) = (a << 1, b << 1);
    if x > infinity << 1 || y > infinity << 1 {
        return None;
    }
    // As numbers whose order is that of the floats; both zeros are 0.
    let (x, y) = ((x >> 1) as i64, (y >> 1) as i64);
    let (x, y) = (if (a as i64) < 0 { -x } else { x }, if (b as i64) < 0 { -y } else { y });
    Some((x > y) as i32 - (x < y) as i32)
}

/// `a + b + carry` and its flags. Arm ARM, shared pseudocode "AddWithCarry".
#[inline(always)]
const fn add(width: Width, a: u64, b: u64, carry: bool) -> Nzcv {
    match width {
        Width::W32 => {
            let (a, b) = (a as u32, b as u32);
            let wide = a as u64 + b as u64 + carry as u64;
            let r = wide as u32;
            Nzcv { n: (r as i32) < 0, z: r == 0, c: wide >> 32 != 0, v: ((a ^ r) & (b ^ r)) >> 31 != 0 }
        }
        Width::W8 | Width::W16 => {
            let bits = width.bits();
            let mask = (1u64 << bits) - 1;
            let (a, b) = (a & mask, b & mask);
            let wide = a + b + carry as u64;
            let (r, top) = (wide & mask, bits - 1);
            Nzcv { n: r >> top != 0, z: r == 0, c: wide >> bits != 0, v: ((a ^ r) & (b ^ r)) >> top != 0 }
        }
        Width::W64 => {
            let wide = a as u128 + b as u128 + carry as u128;
            let r = wide as u64;
            Nzcv { n: (r as i64) < 0, z: r == 0, c: wide >> 64 != 0, v: ((a ^ r) & (b ^ r)) >> 63 != 0 }
        }
    }
}

/// A predicate over the flags; the low bit inverts, as in the Arm encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cond {
    /// Z
    Eq = 0,
    /// not Z
    Ne = 1,
    /// C
    Cs = 2,
    /// not C
    Cc = 3,
    /// N
    Mi = 4,
    /// not N
    Pl = 5,
    /// V
    Vs = 6,
    /// not V
    Vc = 7,
    /// C and not Z
    Hi = 8,
    /// not C, or Z
    Ls = 9,
    /// N equals V
    Ge = 10,
    /// N differs from V
    Lt = 11,
    /// Not Z, and N equals V
    Gt = 12,
    /// Z, or N differs from V
    Le = 13,
}

impl Cond {
    /// All predicates, in encoding order.
    pub const ALL: [Cond; 14] = {
        let mut all = [Cond::Eq; 14];
        let mut bits = 0;
        while let Some(cond) = Cond::from_bits(bits as u32) {
            all[bits] = cond;
            bits += 1;
        }
        assert!(bits == all.len());
        all
    };

    /// From the four-bit encoding; `None` for the two "always" codes.
    pub const fn from_bits(bits: u32) -> Option<Cond> {
        // No table: each child of a fork would map it.
        Some(match bits {
            0 => Cond::Eq,
            1 => Cond::Ne,
            2 => Cond::Cs,
            3 => Cond::Cc,
            4 => Cond::Mi,
            5 => Cond::Pl,
            6 => Cond::Vs,
            7 => Cond::Vc,
            8 => Cond::Hi,
            9 => Cond::Ls,
            10 => Cond::Ge,
            11 => Cond::Lt,
            12 => Cond::Gt,
            13 => Cond::Le,
            _ => return None,
        })
    }

    /// The opposite predicate.
    #[must_use]
    pub fn invert(self) -> Cond {
        Self::ALL[self as usize ^ 1]
    }

    /// Name in IR text.
    pub fn name(self) -> &'static str {
        ["eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"][self as usize]
    }

    /// Whether the flags satisfy the predicate.
    #[inline(always)]
    pub const fn holds(self, f: Nzcv) -> bool {
        match self {
            Cond::Eq => f.z,
            Cond::Ne => !f.z,
            Cond::Cs => f.c,
            Cond::Cc => !f.c,
            Cond::Mi => f.n,
            Cond::Pl => !f.n,
            Cond::Vs => f.v,
            Cond::Vc => !f.v,
            Cond::Hi => f.c && !f.z,
            Cond::Ls => !(f.c && !f.z),
            Cond::Ge => f.n == f.v,
            Cond::Lt => f.n != f.v,
            Cond::Gt => !f.z && f.n == f.v,
            Cond::Le => !(!f.z && f.n == f.v),
        }
    }

    /// The predicate on flags in their border form: what [`Cond::holds`] says of [`Nzcv::eval`], fast for what code has most.
    #[inline(always)]
    pub const fn holds_border(self, op: u64, a: u64, b: u64) -> bool {
        // 64 less the width.
        let shift = 0x3038_0020u32 >> (8 * (op >> 3 & 3)) & 0xff;
        let (x, y) = (a << shift, b << shift);
        let unflipped = match op & 7 {
            1 => add_number(x, y),
            2 => sub_number(x, y),
            5 => (x >> 63) << 3 | ((x == 0) as u64) << 2,
            _ => return self.holds_rare(op, a, b),
        };
        self.holds_number(unflipped ^ (op & CcOp::FLIP) >> 4)
    }

    #[cold]
    #[inline(never)]
    const fn holds_rare(self, op: u64, a: u64, b: u64) -> bool {
        self.holds(Nzcv::eval(op, a, b))
    }

    /// The predicate directly on the operands of a subtraction `a - b`, for fused compares.
    #[inline(always)]
    pub const fn holds_sub(self, width: Width, a: u64, b: u64) -> bool {
        let shift = 64 - width.bits();
        self.holds_number(sub_number(a << shift, b << shift))
    }

    #[inline(always)]
    const fn holds_number(self, number: u64) -> bool {
        HOLDS[self as usize] >> number & 1 != 0
    }
}

/// For each predicate, by its encoding, a bit for each number that flags can be: N Z C V as bits 3..0.
static HOLDS: [u16; Cond::ALL.len()] = {
    let mut holds = [0; Cond::ALL.len()];
    let mut at = 0;
    while at < 16 * holds.len() {
        let (cond, number) = (at / 16, at % 16);
        holds[cond] |= (Cond::ALL[cond].holds(Nzcv::from_bits((number as u64) << 28)) as u16) << number;
        at += 1;
    }
    holds
};

/// The number of the flags of `a - b`.
#[inline(always)]
const fn sub_number(a: u64, b: u64) -> u64 {
    let r = a.wrapping_sub(b);
    (r >> 63) << 3 | ((r == 0) as u64) << 2 | ((a >= b) as u64) << 1 | ((a ^ b) & (a ^ r)) >> 63
}

/// The number of the flags of `a + b`.
#[inline(always)]
const fn add_number(a: u64, b: u64) -> u64 {
    let r = a.wrapping_add(b);
    (r >> 63) << 3 | ((r == 0) as u64) << 2 | ((r < a) as u64) << 1 | ((a ^ r) & (b ^ r)) >> 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eval_sub_boundaries() {
        let sub = CcOp::new(CcKind::Sub, Width::W64).word();
        assert_eq!(Nzcv::eval(sub, 0, 1), Nzcv { n: true, z: false, c: false, v: false });
        assert_eq!(Nzcv::eval(sub, 5, 5), Nzcv { n: false, z: true, c: true, v: false });
        assert_eq!(Nzcv::eval(sub, 1 << 63, 1), Nzcv { n: false, z: false, c: true, v: true });
    }

    #[test]
    fn predicates_of_operands_agree_with_flags() {
        let edge = [0u64, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX];
        let edge = edge.into_iter().chain([0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x1234_5678_9abc_def0]);
        let pairs: Vec<_> = edge.clone().flat_map(|a| edge.clone().map(move |b| (a, b))).collect();
        // All kinds, widths and flips.
        for op in 0..CcOp::FLIP << 1 {
            for &(a, b) in &pairs {
                for c in Cond::ALL {
                    let holds = c.holds(Nzcv::eval(op, a, b));
                    assert_eq!(c.holds_border(op, a, b), holds, "{c:?} {op:#x} {a:#x} {b:#x}");
                    let width = CcOp::from_word(op).width;
                    if op == CcOp::new(CcKind::Sub, width).word() {
                        assert_eq!(c.holds_sub(width, a, b), holds, "{c:?} {width:?} {a:#x} {b:#x}");
                    }
                }
            }
        }
    }

    #[test]
    fn result_and_its_carry_into_bit_4() {
        let of = |kind, a, b| CcOp::new(kind, Width::W32).result(a, b);
        assert_eq!(of(CcKind::Packed, 1, 2), None);
        assert_eq!(of(CcKind::Logic, 0x1f, 0), Some((0x1f, false)));
        assert_eq!(of(CcKind::Add, 0xf, 1), Some((0x10, true)));
        assert_eq!(of(CcKind::AddCarry, 7, 7), Some((15, false)));
        assert_eq!(of(CcKind::Sub, 0x10, 1), Some((0xf, true)));
        assert_eq!(of(CcKind::SubBorrow, 0x1f, 0xe), Some((0x10, false)));
        assert_eq!(of(CcKind::SubBorrow, 0x1f, 0xf), Some((0xf, true)));
    }

    #[test]
    fn cc_word_round_trips() {
        for kind in [
            CcKind::Packed,
            CcKind::Add,
            CcKind::Sub,
            CcKind::AddCarry,
            CcKind::SubBorrow,
            CcKind::Logic,
            CcKind::Floats,
        ] {
            for width in [Width::W8, Width::W16, Width::W32, Width::W64] {
                let op = CcOp::new(kind, width);
                assert_eq!(CcOp::from_word(op.word()), op);
            }
        }
    }
}
