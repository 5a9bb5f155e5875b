//! Polynomials over GF(2): carry-less products, and the field of 256 elements modulo x^8 + x^4 + x^3 + x + 1.

/// The product of two polynomials, by integer products of every fifth bit: at most 13 bits meet
/// in one place of a product, so that carries end in the gap and the lowest bit of a place is its parity.
pub fn product(x: u64, y: u64) -> u128 {
    const FIFTHS: u128 = 0x2108_4210_8421_0842_1084_2108_4210_8421;
    let part = |v: u64, i: usize| v & (FIFTHS << i) as u64;
    let xs: [u64; 5] = std::array::from_fn(|i| part(x, i));
    let ys: [u64; 5] = std::array::from_fn(|i| part(y, i));
    (0..5).fold(0, |r, k| {
        let sum = (0..5).fold(0, |s, i| s ^ (xs[i] as u128 * ys[(k + 5 - i) % 5] as u128));
        r | sum & (FIFTHS << k)
    })
}

/// The product in the field.
pub const fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut r, mut k) = (a, 0, 0);
    while k < 8 {
        if b >> k & 1 != 0 {
            r ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        k += 1;
    }
    r
}

/// The inverse in the field, that of 0 being 0: the 254th power.
pub const fn inverse(x: u8) -> u8 {
    let (mut r, mut power, mut k) = (1, x, 1);
    while k < 8 {
        power = multiply(power, power);
        r = multiply(r, power);
        k += 1;
    }
    r
}

/// Every byte by its number and value.
pub fn bytes(v: u128, f: impl Fn(usize, u8) -> u8) -> u128 {
    let from = v.to_le_bytes();
    u128::from_le_bytes(std::array::from_fn(|k| f(k, from[k])))
}

/// GF2P8AFFINEQB: the matrix for a byte is the quadword of the second operand in its place; row 0 is its top byte.
pub fn affine(a: u128, matrices: u128, constant: u8) -> u128 {
    bytes(a, |k, x| {
        let matrix = ((matrices >> (64 * (k / 8))) as u64).to_be_bytes();
        (0..8).fold(constant, |r, i| r ^ (((matrix[i] & x).count_ones() as u8 & 1) << i))
    })
}
