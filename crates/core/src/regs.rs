//! Guest registers as rows of a table. IR text, debuggers, snapshots and tracing read this table.

use crate::env::FILE_WORDS;

/// A guest register: the index of its first word in [`crate::Env::file`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reg(pub u8);

/// Width of a register row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegWidth {
    /// One word.
    W64,
    /// Two words, 16-byte aligned.
    W128,
}

/// One row of a guest's register table.
#[derive(Clone, Copy, Debug)]
pub struct RegInfo {
    /// Name in IR text and logs.
    pub name: &'static str,
    /// First word in the file.
    pub reg: Reg,
    /// Row width.
    pub width: RegWidth,
}

/// A guest's registers and the roles that the engine needs to know.
#[derive(Debug)]
pub struct RegTable {
    /// Rows, none overlapping.
    pub regs: &'static [RegInfo],
    /// The program counter; current whenever translated code is left.
    pub pc: Reg,
    /// First of the three words of the flags' border form: operation, first and second operand.
    pub cc: Reg,
    /// First word that belongs to tier 0's temporaries.
    pub scratch: u8,
    /// Where floating-point modes and flags are, if the guest's arithmetic can be the host's.
    pub fp: Option<FpRows>,
}

/// How an inexact result is rounded by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FpRounding {
    /// To nearest, ties to even.
    Nearest,
    /// Towards plus infinity.
    Up,
    /// Towards minus infinity.
    Down,
    /// Towards zero.
    Zero,
}

/// Where a guest keeps its floating-point rounding mode and its cumulative exception flags: what a back
/// end must know to compute with the host's arithmetic.
#[derive(Debug)]
pub struct FpRows {
    /// The word with the rounding mode. It does not change inside a block.
    pub control: Reg,
    /// Lowest bit of the two-bit rounding mode.
    pub rounding_lsb: u8,
    /// What each rounding mode means.
    pub rounding: [FpRounding; 4],
    /// The word with the cumulative flags. Back ends may keep flags back until it is read by a helper that
    /// declares it, or until translated code is left; a plain write of the row may only set bits.
    pub status: Reg,
    /// Bit number of each flag: invalid operation, division by zero, overflow, underflow, inexact.
    pub flags: [u8; 5],
    /// Bit number of the flag for a denormal operand that is used as it is, if the guest has one.
    pub denormal: Option<u8>,
    /// Whether the guest's rules are those of SSE, bit for bit: which NaN a result is, and that a result is tiny as it is
    /// after rounding. Hosts with SSE need not look at results then.
    pub like_sse: bool,
    /// Bits of the control word that mean what those of MXCSR in the same places do: that denormal operands are zeros, and
    /// tiny results become zeros. Helpers know them, too. None where `like_sse` does not hold.
    pub flush: u32,
}

impl RegTable {
    /// The row that starts at `reg`.
    pub fn info(&self, reg: Reg) -> Option<&'static RegInfo> {
        self.regs.iter().find(|r| r.reg == reg)
    }

    /// Whether `word` has the cumulative floating-point flags.
    #[inline(always)]
    pub fn is_fp_status(&self, word: u8) -> bool {
        matches!(&self.fp, Some(fp) if fp.status.0 == word)
    }

    /// The row called `name`.
    pub fn by_name(&self, name: &str) -> Option<&'static RegInfo> {
        self.regs.iter().find(|r| r.name == name)
    }

    /// Checks the invariants that this crate's README states; returns the first violation.
    pub fn check(&self) -> Result<(), String> {
        let mut owner: [Option<&str>; FILE_WORDS] = [None; FILE_WORDS];
        for r in self.regs {
            let words = match r.width {
                RegWidth::W64 => 1,
                RegWidth::W128 => 2,
            };
            if words == 2 && r.reg.0 % 2 != 0 {
                return Err(format!("{} is not 16-byte aligned", r.name));
            }
            for w in r.reg.0 as usize..r.reg.0 as usize + words {
                if w >= self.scratch as usize {
                    return Err(format!("{} reaches into the scratch words", r.name));
                }
                if let Some(other) = owner[w].replace(r.name) {
                    return Err(format!("{} overlaps {other}", r.name));
                }
            }
        }
        Ok(())
    }
}

/// A set of words of the register file: what a helper call reads or writes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RegSet([u64; FILE_WORDS / 64]);

impl RegSet {
    /// The empty set.
    pub const EMPTY: RegSet = RegSet([0; FILE_WORDS / 64]);

    /// Adds one word.
    pub fn insert(&mut self, word: u8) {
        self.0[word as usize / 64] |= 1 << (word % 64);
    }

    /// The set with a 64-bit row added.
    #[must_use]
    pub fn with(mut self, reg: Reg) -> Self {
        self.insert(reg.0);
        self
    }

    /// The set with a 128-bit row added.
    #[must_use]
    pub fn with128(mut self, reg: Reg) -> Self {
        self.insert(reg.0);
        self.insert(reg.0 | 1);
        self
    }

    /// Whether the word is in the set.
    pub fn contains(&self, word: u8) -> bool {
        self.0[word as usize / 64] >> (word % 64) & 1 != 0
    }

    /// The set as bits: word `w` is bit `w % 64` of element `w / 64`.
    pub const fn bits(self) -> [u64; FILE_WORDS / 64] {
        self.0
    }

    /// Words of the set in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let (k, bits) = left.iter_mut().enumerate().find(|(_, bits)| **bits != 0)?;
            let bit = bits.trailing_zeros();
            *bits &= *bits - 1;
            Some((64 * k as u32 + bit) as u8)
        })
    }

    /// Whether the set has no word.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(regs: &'static [RegInfo]) -> RegTable {
        RegTable { regs, pc: Reg(0), cc: Reg(1), scratch: 8, fp: None }
    }

    #[test]
    fn check_overlap_refused() {
        const A: RegInfo = RegInfo { name: "v0", reg: Reg(2), width: RegWidth::W128 };
        const B: RegInfo = RegInfo { name: "x3", reg: Reg(3), width: RegWidth::W64 };
        assert!(table(&[A]).check().is_ok());
        assert_eq!(table(&[A, B]).check(), Err("x3 overlaps v0".into()));
    }

    #[test]
    fn check_unaligned_row_refused() {
        const A: RegInfo = RegInfo { name: "v0", reg: Reg(3), width: RegWidth::W128 };
        assert!(table(&[A]).check().is_err());
    }

    #[test]
    fn regset_iterates_in_order() {
        let s = RegSet::EMPTY.with(Reg(200)).with128(Reg(6));
        assert_eq!(s.iter().collect::<Vec<_>>(), [6, 7, 200]);
    }
}
