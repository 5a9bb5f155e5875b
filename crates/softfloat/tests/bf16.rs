//! bfloat16 dot products: rounding to odd at each step, flushing, and infinities on overflow.

use brolga_softfloat::{bf16_dot_add, bf16_matrix_multiply_add};

const ONE: u16 = 0x3f80;
const MAX: u16 = 0x7f7f;
const MINUS: u16 = 0x8000;

fn single(x: f32) -> u32 {
    x.to_bits()
}

fn bf16(x: f32) -> u16 {
    (x.to_bits() >> 16) as u16
}

#[test]
fn dot_of_small_integers_is_exact() {
    let a = [bf16(3.0), bf16(-4.0)];
    let b = [bf16(5.0), bf16(0.5)];
    assert_eq!(bf16_dot_add(single(100.0), a, b), single(113.0));
}

#[test]
fn sums_round_to_odd() {
    // 1 + 2^-60: truncated to 1, then marked.
    let tiny = bf16(2f32.powi(-60));
    assert_eq!(bf16_dot_add(single(0.0), [ONE, tiny], [ONE, ONE]), single(1.0) + 1);
    // 1 - 2^-60 truncates to the number under one, which is odd already.
    assert_eq!(bf16_dot_add(single(0.0), [ONE, tiny | MINUS], [ONE, ONE]), single(1.0) - 1);
    // The pair is summed before the addend: 1 - 1 cancels and the addend stays exact.
    assert_eq!(bf16_dot_add(single(2f32.powi(-60)), [ONE, ONE | MINUS], [ONE, ONE]), single(2f32.powi(-60)));
}

#[test]
fn denormals_are_zeros_and_overflow_is_infinite() {
    assert_eq!(bf16_dot_add(1, [0, 0], [0, 0]), 0);
    assert_eq!(bf16_dot_add(0, [0x0001, 0], [bf16(2f32.powi(100)), 0]), 0);
    // 2^-100 * 2^-30 is below the smallest normal number.
    assert_eq!(bf16_dot_add(0, [bf16(2f32.powi(-100)), 0], [bf16(2f32.powi(-30)), 0]), 0);
    // 1.5 - 1 of the smallest normal number.
    assert_eq!(bf16_dot_add(0x00c0_0000, [0x8080, 0], [ONE, 0]), 0);
    assert_eq!(bf16_dot_add(0, [MAX, 0], [MAX, 0]), single(f32::INFINITY));
    assert_eq!(bf16_dot_add(0, [MAX | MINUS, 0], [MAX, 0]), single(f32::NEG_INFINITY));
    assert_eq!(bf16_dot_add(single(f32::MAX), [MAX, MAX], [ONE, ONE]), single(f32::INFINITY));
}

#[test]
fn nans_and_invalid_operations_give_the_default_nan() {
    let nan = 0x7fc0_0000;
    assert_eq!(bf16_dot_add(0xffc1_2345, [ONE, ONE], [ONE, ONE]), nan);
    assert_eq!(bf16_dot_add(0, [0xffc1, 0], [ONE, 0]), nan);
    assert_eq!(bf16_dot_add(0, [bf16(f32::INFINITY), 0], [0, 0]), nan);
    assert_eq!(bf16_dot_add(single(f32::NEG_INFINITY), [bf16(f32::INFINITY), 0], [ONE, 0]), nan);
    // A zero sum is positive even of negative zeros' products that cancel.
    assert_eq!(bf16_dot_add(0x8000_0000, [ONE, ONE | MINUS], [ONE, ONE]), 0);
}

#[test]
fn matrix_multiply_uses_rows_of_both() {
    let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0].map(bf16);
    let b = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 2.0].map(bf16);
    let sums = bf16_matrix_multiply_add([0.0, 10.0, 20.0, 30.0].map(single), a, b);
    assert_eq!(sums, [4.0, 20.0, 32.0, 52.0].map(single));
}
