//! Helpers: what instructions do that the IR cannot say in a few ops.
//!
//! Each works on the register file alone; its call site declares the registers. One row a helper: the
//! row makes the id and the table entry.

use brolga_core::Env;
use brolga_ir::{Helper, HelperId};

pub mod clock;
pub mod crypto;
pub mod int;
pub mod simd_lanes;
pub mod simd_misc;
pub mod simd_perm;
pub mod simd_shift;
pub mod simd_three;

macro_rules! helpers {
    ($($id:ident $name:literal $func:path;)*) => {
        /// The helper table.
        pub static HELPERS: &[Helper] = &[$(Helper { name: $name, func: $func },)*];

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the rows")]
        enum Number { $($id,)* }

        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: HelperId = HelperId(Number::$id as u16);
        )*
    };
}

helpers! {
    CRC32 "crc32" int::crc32;
    PAC_ADD "pac_add" int::pac_add;
    PAC_AUTH "pac_auth" int::pac_auth;
    PAC_GENERIC "pac_generic" int::pac_generic;
    XAFLAG "xaflag" int::xaflag;
    AXFLAG "axflag" int::axflag;
    COUNTER "counter" clock::counter;
    RANDOM "random" clock::random;
    THREE_SAME "three_same" simd_three::three_same;
    THREE_DIFF "three_diff" simd_three::three_diff;
    THREE_ELEM "three_elem" simd_three::three_elem;
    DIFF_ELEM "diff_elem" simd_three::diff_elem;
    DOT "dot" simd_three::dot::<false>;
    DOT_ELEM "dot_elem" simd_three::dot::<true>;
    MATRIX "matrix" simd_three::matrix;
    PMULL64 "pmull64" simd_three::pmull64;
    TWO_MISC "two_misc" simd_misc::two_misc;
    ACROSS "across" simd_misc::across;
    PERMUTE "permute" simd_perm::permute;
    TABLE "table_lookup" simd_perm::table;
    SHIFT_SATURATE "shift_saturate" simd_shift::shift_saturate_imm;
    SHIFT_NARROW "shift_narrow" simd_shift::shift_narrow;
    SHIFT_LONG "shift_long" simd_shift::shift_long;
    AES "aes" crypto::aes::aes;
    SHA "sha" crypto::sha::sha;
    SM "sm" crypto::sm::sm;
}

/// Reads V register `n` of an instruction field.
#[inline(always)]
pub fn v(env: &Env, n: u32) -> u128 {
    env.get128(crate::state::v(n & 31))
}

/// Writes V register `n` of an instruction field.
#[inline(always)]
pub fn set_v(env: &mut Env, n: u32, value: u128) {
    env.set128(crate::state::v(n & 31), value);
}
