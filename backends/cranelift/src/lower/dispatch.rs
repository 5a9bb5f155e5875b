//! Indirect jumps that stay inside the region.

use super::Lower;
use cranelift_codegen::ir::{self, InstBuilder, condcodes::IntCC, types};

/// Targets that are compared one after the other.
const FEW: usize = 3;
/// A table has room for so many times as many targets at most, by logarithm.
const SPARE_BITS: u32 = 3;

/// Tells targets apart: each has a place of its own in a table of `1 << bits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Places {
    /// Bits of an address below those that count.
    shift: u32,
    /// Bits that count.
    bits: u32,
}

impl Places {
    /// The smallest table that bits of the address are an index of.
    fn find(targets: &[u64]) -> Option<Places> {
        let least = targets.len().next_power_of_two().trailing_zeros();
        let sizes = least..=least + SPARE_BITS;
        let mut all = sizes.flat_map(|bits| (0..16).map(move |shift| Places { shift, bits }));
        all.find(|places| {
            let mut seen = vec![false; 1 << places.bits];
            targets.iter().all(|&pc| !std::mem::replace(&mut seen[places.of(pc)], true))
        })
    }

    fn of(self, pc: u64) -> usize {
        (pc >> self.shift) as usize & ((1 << self.bits) - 1)
    }
}

impl Lower<'_, '_> {
    /// Goes on inside the region if `target` is one of the node's successors: those of a switch are many, and found
    /// by a jump table of our own.
    pub(super) fn stay(&mut self, n: usize, target: ir::Value) {
        let cfg = self.u.cfg;
        let succs = &cfg.nodes[n].succs;
        let pcs: Vec<u64> = succs.iter().map(|&to| cfg.nodes[to].pc).collect();
        match Places::find(&pcs).filter(|_| succs.len() > FEW) {
            Some(places) => self.by_table(succs, &pcs, places, target),
            None => {
                for &to in succs {
                    let on = self.fb.create_block();
                    self.go_if(target, to, on);
                    self.fb.seal_block(on);
                    self.fb.switch_to_block(on);
                }
            }
        }
    }

    /// Ends a block: to `node` if `target` is its address, otherwise to `on`.
    fn go_if(&mut self, target: ir::Value, node: usize, on: ir::Block) {
        let pc = self.const64(self.u.cfg.nodes[node].pc);
        let same = self.fb.ins().icmp(IntCC::Equal, target, pc);
        let inside = self.block(node);
        self.fb.ins().brif(same, inside, &[], on, &[]);
        self.edge_made(node);
    }

    fn by_table(&mut self, succs: &[usize], pcs: &[u64], places: Places, target: ir::Value) {
        let on = self.fb.create_block();
        let mut rows = vec![on; 1 << places.bits];
        let checks: Vec<_> = succs.iter().map(|_| self.fb.create_block()).collect();
        for (&pc, &check) in pcs.iter().zip(&checks) {
            rows[places.of(pc)] = check;
        }
        let index = self.fb.ins().ushr_imm_u(target, i64::from(places.shift));
        let index = self.fb.ins().ireduce(types::I32, index);
        let index = self.fb.ins().band_imm_u(index, (1 << places.bits) - 1);
        let calls: Vec<_> = rows.iter().map(|&row| self.fb.func.dfg.block_call(row, &[] as &[ir::BlockArg])).collect();
        let other = self.fb.func.dfg.block_call(on, &[] as &[ir::BlockArg]);
        let table = self.fb.create_jump_table(ir::JumpTableData::new(other, &calls));
        self.fb.ins().br_table(index, table);
        for (&to, &check) in succs.iter().zip(&checks) {
            self.fb.switch_to_block(check);
            self.fb.seal_block(check);
            self.go_if(target, to, on);
        }
        self.fb.seal_block(on);
        self.fb.switch_to_block(on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_place_of_its_own() {
        let places = Places::find(&[0x1000, 0x1040, 0x1080, 0x10c0, 0x1100]);
        assert_eq!(places, Some(Places { shift: 6, bits: 3 }));
        // Two that no bits of the size tell apart.
        assert_eq!(Places::find(&[0x1000, 0x1000 + (1 << 40)]), None);
    }
}
