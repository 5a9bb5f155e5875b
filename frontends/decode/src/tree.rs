//! The decision tree: which bits to look at, in which order, until few rows remain.

use crate::table::Table;

/// At most this many bits are looked at by one switch.
const MAX_SWITCH_BITS: u32 = 9;

/// One step of decoding.
#[derive(Clone, Debug)]
pub enum Node {
    /// Try these rows in order, testing bits of `untested` only.
    Leaf {
        /// Positions of rows in the table, ascending.
        rows: Vec<usize>,
        /// Bits no switch above has looked at.
        untested: u32,
    },
    /// Go by the value of a run of bits.
    Switch {
        /// Lowest bit.
        lsb: u32,
        /// Number of bits.
        width: u32,
        /// The node for each value.
        arms: Vec<Node>,
    },
}

/// The decision tree of a table.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Where decoding starts.
    pub root: Node,
}

impl Tree {
    /// Chooses the switches greedily.
    pub fn build(table: &Table) -> Self {
        let rows: Vec<usize> = (0..table.rows.len()).collect();
        Self { root: node(table, rows, u32::MAX) }
    }

    /// The row that claims `word`; agrees with `Table::scan`.
    pub fn decode(&self, table: &Table, word: u32) -> Option<usize> {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf { rows, .. } => return rows.iter().copied().find(|&r| table.rows[r].accepts(word)),
                Node::Switch { lsb, width, arms } => node = &arms[(word >> lsb & ((1 << width) - 1)) as usize],
            }
        }
    }
}

fn node(table: &Table, rows: Vec<usize>, untested: u32) -> Node {
    let Some((lsb, width)) = best_switch(table, &rows, untested).filter(|_| rows.len() > 1) else {
        return Node::Leaf { rows, untested };
    };
    let run = ((1u32 << width) - 1) << lsb;
    let arms = (0..1u32 << width)
        .map(|value| node(table, rows_with(table, &rows, run, value << lsb), untested & !run))
        .collect();
    Node::Switch { lsb, width, arms }
}

/// The rows that may claim a word whose bits `run` are `value`.
fn rows_with(table: &Table, rows: &[usize], run: u32, value: u32) -> Vec<usize> {
    rows.iter().copied().filter(|&r| table.rows[r].mask & run & (table.rows[r].value ^ value) == 0).collect()
}

/// The run of untested bits that separates the rows best; none if no run separates them at all.
fn best_switch(table: &Table, rows: &[usize], untested: u32) -> Option<(u32, u32)> {
    let mut best: Option<(f64, (u32, u32))> = None;
    for width in 1..=MAX_SWITCH_BITS {
        for lsb in 0..=32 - width {
            let run = ((1u32 << width) - 1) << lsb;
            if run & !untested != 0 || rows.iter().all(|&r| table.rows[r].mask & run == 0) {
                continue;
            }
            let cost = cost(table, rows, lsb, width);
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, (lsb, width)));
            }
        }
    }
    best.filter(|&(cost, _)| cost < rows.len() as f64).map(|(_, run)| run)
}

/// Rows left, on average over the rows, after a switch on a run; repeated rows and width cost a little.
fn cost(table: &Table, rows: &[usize], lsb: u32, width: u32) -> f64 {
    let run = ((1u32 << width) - 1) << lsb;
    let mut left = 0.0;
    let mut total = 0.0;
    for value in 0..1u32 << width {
        let n = rows.iter().filter(|&&r| table.rows[r].mask & run & (table.rows[r].value ^ (value << lsb)) == 0).count()
            as f64;
        left += n * n;
        total += n;
    }
    let repeated = total / rows.len() as f64;
    left / total * repeated.sqrt() + 0.05 * f64::from(width)
}
