//! The compiled decoder against a scan of the table, and words whose meaning is known.

use brolga_arm::a64::{ALL, Row, decode, mnemonic, random_word};

/// A fixed sequence of well-mixed words (splitmix64).
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn scan(word: u32) -> Option<Row> {
    ALL.iter().copied().find(|row| row.accepts(word))
}

#[test]
fn decoder_agrees_with_a_scan_of_the_table() {
    let mut next = random(1);
    for _ in 0..100_000 {
        let word = next() as u32;
        assert_eq!(decode(word), scan(word), "{word:#010x}");
    }
}

#[test]
fn random_words_decode_to_their_row() {
    let mut next = random(2);
    for &row in ALL {
        for _ in 0..50 {
            let word = random_word(row, &mut next);
            assert_eq!(decode(word), Some(row), "{word:#010x}");
            assert!(mnemonic(word).is_some(), "{row:?} {word:#010x} has no name");
        }
    }
}
