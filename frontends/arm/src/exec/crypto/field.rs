//! GF(2^8) at compile time: substitution boxes are inverses between affine maps.

/// Product modulo `polynomial`.
const fn product(mut a: u32, mut b: u32, polynomial: u32) -> u32 {
    let mut r = 0;
    while b != 0 {
        if b & 1 != 0 {
            r ^= a;
        }
        a <<= 1;
        if a & 0x100 != 0 {
            a ^= polynomial;
        }
        b >>= 1;
    }
    r
}

/// The inverse of each element modulo `polynomial`, 0 for 0: its power 254.
pub const fn inverses(polynomial: u32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut x = 1;
    while x < 256 {
        let mut power = x;
        let mut r = 1;
        let mut bit = 0;
        while bit < 7 {
            power = product(power, power, polynomial);
            r = product(r, power, polynomial);
            bit += 1;
        }
        table[x as usize] = r as u8;
        x += 1;
    }
    table
}
