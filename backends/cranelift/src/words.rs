//! Sets of register-file words, and the rows they belong to.

use brolga_core::{FILE_WORDS, RegSet, RegTable, RegWidth};

/// A set of rows of the register table, each named by its first word.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Rows([u64; 4]);

impl Rows {
    pub(crate) const EMPTY: Rows = Rows([0; 4]);

    pub(crate) fn insert(&mut self, row: u8) {
        self.0[row as usize / 64] |= 1 << (row % 64);
    }

    pub(crate) fn remove(&mut self, row: u8) {
        self.0[row as usize / 64] &= !(1 << (row % 64));
    }

    pub(crate) fn contains(&self, row: u8) -> bool {
        self.0[row as usize / 64] >> (row % 64) & 1 != 0
    }

    fn zip(self, other: Rows, f: impl Fn(u64, u64) -> u64) -> Rows {
        let mut out = Rows::EMPTY;
        for (o, (a, b)) in out.0.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            *o = f(a, b);
        }
        out
    }

    pub(crate) fn union(self, other: Rows) -> Rows {
        self.zip(other, |a, b| a | b)
    }

    pub(crate) fn minus(self, other: Rows) -> Rows {
        self.zip(other, |a, b| a & !b)
    }

    pub(crate) fn and(self, other: Rows) -> Rows {
        self.zip(other, |a, b| a & b)
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Rows::EMPTY
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().enumerate().flat_map(|(i, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.checked_ilog2()?;
                bits &= !(1 << bit);
                Some(i as u8 * 64 + bit as u8)
            })
        })
    }
}

/// The register table by word.
#[derive(Debug)]
pub(crate) struct RowMap {
    /// First word of the row that a word belongs to; the word itself where there is none.
    first: [u8; FILE_WORDS],
    /// Rows of two words.
    wide: Rows,
    /// Every row.
    pub(crate) all: Rows,
}

impl RowMap {
    pub(crate) fn new(regs: &RegTable) -> RowMap {
        let mut map = RowMap { first: std::array::from_fn(|w| w as u8), wide: Rows::EMPTY, all: Rows::EMPTY };
        for row in regs.regs {
            map.all.insert(row.reg.0);
            if row.width == RegWidth::W128 {
                map.first[row.reg.0 as usize | 1] = row.reg.0;
                map.wide.insert(row.reg.0);
            }
        }
        map
    }

    pub(crate) fn is_wide(&self, row: u8) -> bool {
        self.wide.contains(row)
    }

    /// Rows with a word in `set`.
    pub(crate) fn touched(&self, set: &RegSet) -> Rows {
        let mut rows = Rows::EMPTY;
        for w in Rows(set.bits()).iter() {
            rows.insert(self.first[w as usize]);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iter_yields_what_was_inserted() {
        let mut rows = Rows::EMPTY;
        let want = [0, 1, 63, 64, 130, 255];
        want.iter().for_each(|&w| rows.insert(w));
        let mut got: Vec<u8> = rows.iter().collect();
        got.sort_unstable();
        assert_eq!(got, want);
    }
}
