//! Counts calls of the guest's helpers by name, in every tier.
//!
//! Tiers know helpers as functions of one type. Each helper of a counting table is a function that counts and calls the
//! real one: there is one for each number, made by the compiler, since a function pointer carries no data.

use brolga_core::Env;
use brolga_ir::{Helper, HelperFn};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Helpers that can be counted; those behind are called uncounted.
const MAX: usize = 1024;

static CALLS: [AtomicU64; MAX] = [const { AtomicU64::new(0) }; MAX];
static REAL: OnceLock<&'static [Helper]> = OnceLock::new();

extern "C" fn counted<const I: usize>(env: &mut Env, a: u64, b: u64, c: u64) -> u64 {
    CALLS[I].fetch_add(1, Ordering::Relaxed);
    let real = REAL.get().expect("set before this function is in any table");
    (real[I].func)(env, a, b, c)
}

macro_rules! sixteen {
    ($first:expr, $($n:literal)*) => { [$(counted::<{ $first + $n }>),*] };
}

macro_rules! rows {
    ($($row:literal)*) => { [$(sixteen!($row * 16, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)),*] };
}

static COUNTED: [[HelperFn; 16]; MAX / 16] = rows!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
    26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);

/// `helpers` with functions that count. One table a process: another's is given back as it is.
pub fn count_helpers(helpers: &'static [Helper]) -> &'static [Helper] {
    if !std::ptr::eq(*REAL.get_or_init(|| helpers), helpers) {
        return helpers;
    }
    let counted = COUNTED.as_flattened().iter().zip(helpers).map(|(&func, real)| Helper { func, ..*real });
    let rest = helpers.iter().skip(MAX).copied();
    Vec::leak(counted.chain(rest).collect())
}

/// Names and numbers of calls since the start, the most called first.
pub fn helper_calls() -> Vec<(&'static str, u64)> {
    let helpers = REAL.get().copied().unwrap_or_default();
    let mut calls: Vec<_> = helpers.iter().zip(&CALLS).map(|(h, n)| (h.name, n.load(Ordering::Relaxed))).collect();
    calls.retain(|call| call.1 != 0);
    calls.sort_by_key(|call| std::cmp::Reverse(call.1));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn sum(_: &mut Env, a: u64, b: u64, c: u64) -> u64 {
        a + b + c
    }

    extern "C" fn first(_: &mut Env, a: u64, _: u64, _: u64) -> u64 {
        a
    }

    #[test]
    fn counted_helpers_do_the_same_and_are_counted() {
        static HELPERS: &[Helper] = &[Helper { name: "sum", func: sum }, Helper { name: "first", func: first }];
        let table = count_helpers(HELPERS);
        let mut env = Env::default();
        for _ in 0..3 {
            assert_eq!((table[1].func)(&mut env, 4, 5, 6), 4);
        }
        assert_eq!(((table[0].func)(&mut env, 4, 5, 6), table[0].name), (15, "sum"));
        assert_eq!(helper_calls(), [("first", 3), ("sum", 1)]);
        static OTHER: &[Helper] = &[Helper { name: "other", func: first }];
        assert!(std::ptr::eq(count_helpers(OTHER), OTHER));
    }
}
