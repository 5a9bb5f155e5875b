//! A 128-bit hash for keys and checksums: against accidents, not against people.
//!
//! Who can write the files can as well replace the code in them; ownership keeps others out.

/// A hash.
pub type Hash = u128;

const K: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9];

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Takes 16 bytes in: both words go into both halves, so that neither half alone can lose them.
fn step((x, y): (u64, u64), a: u64, b: u64) -> (u64, u64) {
    (fold(x ^ a ^ K[2], b ^ K[1]) ^ x.rotate_left(23), fold(y ^ b ^ K[0], a ^ K[2]).wrapping_add(y.rotate_left(41)))
}

fn step_pair(state: (u64, u64), bytes: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*bytes);
    step(state, both as u64, (both >> 64) as u64)
}

/// Up to eight bytes, filled up with zeros.
fn word(bytes: &[u8]) -> u64 {
    // To copy a number that is not known is a call: the first and the last ones, which may be the same.
    let beyond = |width: usize| 8 * (bytes.len() - width);
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << beyond(4);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u16::from_le_bytes(*first)) | u64::from(u16::from_le_bytes(*last)) << beyond(2);
    }
    bytes.first().map_or(0, |&byte| byte.into())
}

/// A hash of 64 bits of few bytes, for as long as a process runs: quick where there are few.
pub fn short_hash(bytes: &[u8]) -> u64 {
    let step = |state: u64, word: u64| fold(state ^ word, K[1]) ^ state.rotate_left(23);
    let (words, rest) = bytes.as_chunks();
    let state = words.iter().fold(K[0] ^ bytes.len() as u64, |state, bytes| step(state, u64::from_le_bytes(*bytes)));
    step(state, word(rest))
}

/// Hash of `bytes`; `seed` tells uses apart.
pub fn hash(seed: u64, bytes: &[u8]) -> Hash {
    let first = (seed ^ K[0], seed.rotate_left(32) ^ K[1]);
    // Four states side by side: a multiplication takes longer than the host needs to begin the next ones.
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut all = first;
    if !blocks.is_empty() {
        let mut states = [first, (first.1, first.0), (!first.0, first.1), (first.0, !first.1)];
        for block in blocks {
            states.iter_mut().zip(block.as_chunks().0).for_each(|(state, pair)| *state = step_pair(*state, pair));
        }
        all = states[1..].iter().fold(states[0], |all, &(x, y)| step(all, x, y));
    }
    let (pairs, rest) = rest.as_chunks();
    all = pairs.iter().fold(all, step_pair);
    if !rest.is_empty() {
        let (a, b) = rest.split_at(rest.len().min(8));
        all = step(all, word(a), word(b));
    }
    let ((x, y), len) = (all, bytes.len() as u64);
    let (x, y) = (fold(x ^ len, y ^ K[0]), fold(y ^ len.rotate_left(17), x ^ K[2]));
    u128::from(x) << 64 | u128::from(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_word_is_its_bytes_and_zeros() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        for len in 0..=8 {
            let mut whole = [0; 8];
            whole[..len].copy_from_slice(&bytes[..len]);
            assert_eq!(word(&bytes[..len]), u64::from_le_bytes(whole), "{len}");
        }
    }

    #[test]
    fn every_bit_and_length_counts_in_a_short_hash() {
        let base: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(37)).collect();
        let bits = (0..320).map(|bit| {
            let mut other = base.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            short_hash(&other)
        });
        let cut = (0..=40).map(|len| short_hash(&base[..len]));
        assert_eq!(bits.chain(cut).collect::<HashSet<_>>().len(), 320 + 41);
        assert_ne!(short_hash(&[0]), short_hash(&[0, 0]));
    }

    #[test]
    fn every_byte_bit_and_length_counts() {
        let base: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(37)).collect();
        let mut seen = HashSet::from([hash(0, &base), hash(1, &base)]);
        for i in 0..base.len() {
            seen.insert(hash(0, &base[..i]));
            for bit in 0..8 {
                let mut other = base.clone();
                other[i] ^= 1 << bit;
                seen.insert(hash(0, &other));
            }
        }
        assert_eq!(seen.len(), 2 + 200 + 1600);
        assert_ne!(hash(0, &[0]), hash(0, &[0, 0]));
        let halves: HashSet<u64> = seen.iter().flat_map(|&h| [h as u64, (h >> 64) as u64]).collect();
        assert_eq!(halves.len(), 2 * seen.len(), "each half is a hash of its own");
    }
}
