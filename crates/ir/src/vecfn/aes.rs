//! AES rounds. FIPS 197; SDM vol. 1, "AES Instructions". Byte `4 * c + r` of a state is row `r` of column `c`.

use super::field::{inverse, multiply};

/// FIPS 197, "SubBytes": the inverse, then an affine map.
const fn substitute(x: u8) -> u8 {
    let i = inverse(x);
    i ^ i.rotate_left(1) ^ i.rotate_left(2) ^ i.rotate_left(3) ^ i.rotate_left(4) ^ 0x63
}

const BOXES: [[u8; 256]; 2] = {
    let mut boxes = [[0; 256]; 2];
    let mut x = 0;
    while x < 256 {
        let y = substitute(x as u8);
        boxes[0][x] = y;
        boxes[1][y as usize] = x as u8;
        x += 1;
    }
    boxes
};

/// SubBytes and ShiftRows, or both inverted: row `r` goes `r` columns to the left, or to the right.
fn shifted(state: u128, inverted: bool) -> [u8; 16] {
    let from = state.to_le_bytes();
    std::array::from_fn(|k| {
        let (column, row) = (k / 4, k % 4);
        let column = if inverted { column + 4 - row } else { column + row } % 4;
        BOXES[inverted as usize][usize::from(from[4 * column + row])]
    })
}

/// Every column times the polynomial with these coefficients. FIPS 197, "MixColumns".
fn mixed(state: [u8; 16], factors: [u8; 4]) -> u128 {
    let byte = |k: usize| (0..4).fold(0, |sum, j| sum ^ multiply(factors[(j + 4 - k % 4) % 4], state[k / 4 * 4 + j]));
    u128::from_le_bytes(std::array::from_fn(byte))
}

/// One round of encryption; the last one does not mix.
pub fn encrypt(state: u128, key: u128, last: bool) -> u128 {
    let s = shifted(state, false);
    (if last { u128::from_le_bytes(s) } else { mixed(s, [2, 3, 1, 1]) }) ^ key
}

/// One round of decryption by the equivalent inverse cipher.
pub fn decrypt(state: u128, key: u128, last: bool) -> u128 {
    let s = shifted(state, true);
    (if last { u128::from_le_bytes(s) } else { mixed(s, [14, 11, 13, 9]) }) ^ key
}

/// InvMixColumns.
pub fn mix_inverse(v: u128) -> u128 {
    mixed(v.to_le_bytes(), [14, 11, 13, 9])
}

/// AESKEYGENASSIST: words 1 and 3 substituted, and the same rotated with the round constant.
pub fn key(v: u128, constant: u8) -> u128 {
    let word = |k: u32| {
        let w = (v >> (32 * k)) as u32;
        u32::from_le_bytes(w.to_le_bytes().map(|b| BOXES[0][usize::from(b)]))
    };
    let [x1, x3] = [word(1), word(3)];
    let turned = |w: u32| w.rotate_right(8) ^ u32::from(constant);
    [x1, turned(x1), x3, turned(x3)].into_iter().rev().fold(0, |r, w| r << 32 | u128::from(w))
}
