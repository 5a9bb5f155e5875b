//! SHA-1 and SHA-256. FIPS 180-4; SDM vol. 2, "SHA1RNDS4" and its neighbours. Word 3 of a vector is its highest.

/// Words of a vector, lowest first.
fn words(v: u128) -> [u32; 4] {
    std::array::from_fn(|k| (v >> (32 * k)) as u32)
}

fn vector(w: [u32; 4]) -> u128 {
    w.into_iter().rev().fold(0, |r, w| r << 32 | u128::from(w))
}

/// Four rounds; the immediate is which twenty they are of.
pub fn sha1_rounds(state: u128, message: u128, imm: u8) -> u128 {
    const CONSTANTS: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];
    let k = usize::from(imm & 3);
    let [mut d, mut c, mut b, mut a] = words(state);
    let mut e = 0;
    // E of the first round is in the message already.
    for w in words(message).into_iter().rev() {
        let f = match k {
            0 => b & c ^ !b & d,
            2 => b & c ^ b & d ^ c & d,
            _ => b ^ c ^ d,
        };
        let new = f.wrapping_add(a.rotate_left(5)).wrapping_add(w).wrapping_add(e).wrapping_add(CONSTANTS[k]);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, new);
    }
    vector([d, c, b, a])
}

/// E of the next four rounds, from A of the state before, added to the message.
pub fn sha1_next_e(state: u128, message: u128) -> u128 {
    let [m0, m1, m2, m3] = words(message);
    vector([m0, m1, m2, m3.wrapping_add(words(state)[3].rotate_left(30))])
}

/// First step of the message schedule.
pub fn sha1_message1(a: u128, b: u128) -> u128 {
    a ^ (a << 64 | b >> 64)
}

/// Last step of the message schedule.
pub fn sha1_message2(a: u128, b: u128) -> u128 {
    let ([a0, a1, a2, a3], [b0, b1, b2, _]) = (words(a), words(b));
    let r3 = (a3 ^ b2).rotate_left(1);
    vector([(a0 ^ r3).rotate_left(1), (a1 ^ b0).rotate_left(1), (a2 ^ b1).rotate_left(1), r3])
}

/// Two rounds; the state is C D G H in the first operand and A B E F in the second, the message and its constants in the
/// third.
pub fn sha256_rounds(cdgh: u128, abef: u128, message: u128) -> u128 {
    let [mut h, mut g, mut d, mut c] = words(cdgh);
    let [mut f, mut e, mut b, mut a] = words(abef);
    for w in words(message).into_iter().take(2) {
        let choice = e & f ^ !e & g;
        let majority = a & b ^ a & c ^ b & c;
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t = choice.wrapping_add(s1).wrapping_add(w).wrapping_add(h);
        (h, g, f, e) = (g, f, e, t.wrapping_add(d));
        (d, c, b, a) = (c, b, a, t.wrapping_add(majority).wrapping_add(s0));
    }
    vector([f, e, b, a])
}

/// First step of the message schedule.
pub fn sha256_message1(a: u128, b: u128) -> u128 {
    let s = |w: u32| w.rotate_right(7) ^ w.rotate_right(18) ^ w >> 3;
    let [a0, a1, a2, a3] = words(a);
    let next = [a1, a2, a3, words(b)[0]];
    let sum = |x: u32, y: u32| x.wrapping_add(s(y));
    vector([sum(a0, next[0]), sum(a1, next[1]), sum(a2, next[2]), sum(a3, next[3])])
}

/// Last step of the message schedule.
pub fn sha256_message2(a: u128, b: u128) -> u128 {
    let s = |w: u32| w.rotate_right(17) ^ w.rotate_right(19) ^ w >> 10;
    let ([a0, a1, a2, a3], [_, _, b2, b3]) = (words(a), words(b));
    let (r0, r1) = (a0.wrapping_add(s(b2)), a1.wrapping_add(s(b3)));
    vector([r0, r1, a2.wrapping_add(s(r0)), a3.wrapping_add(s(r1))])
}
