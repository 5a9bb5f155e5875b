//! A64 instructions: rows, fields and decoder, made from `a64.decode`.

// Made, not written: judged by its table.
#![allow(unused_parens, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/a64.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_put_back_give_the_word() {
        let mut state = 9u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 32
        };
        for &row in ALL.iter().filter(|row| row.info().implemented) {
            for _ in 0..20 {
                let word = random_word(row, &mut next);
                assert_eq!(reencode(word), Some(word), "{row:?}");
            }
        }
    }

    #[test]
    fn a_changed_field_changes_its_bits_only() {
        let add = AddsubImm { rd: 31, sh: true, ..AddsubImm::from_word(0x9100_4020) };
        assert_eq!(add.encode(), 0x9140_403f);
        let add = AddsubImm { word: 0, ..add };
        assert_eq!(add.encode(), 0x9140_403f, "fixed bits are the row's own");
    }
}
