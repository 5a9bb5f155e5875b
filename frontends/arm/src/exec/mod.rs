//! Helpers: what instructions do that the IR cannot say in a few ops.
//!
//! Each works on the register file alone; its call site declares the registers. One row a helper: the
//! row makes the id and the table entry.

use brolga_core::Env;
use brolga_softfloat::{F16, F32, F64};

pub mod crypto;
pub mod fp_convert;
pub mod fp_env;
pub mod fp_host;
pub mod fp_lane;
pub mod fp_scalar;
#[cfg(test)]
mod fp_tests;
pub mod fp_vector;
pub mod fp_wide;
pub mod int;
pub mod simd_lanes;
pub mod simd_misc;
pub mod simd_three;

brolga_ir::helper_table! {
    CRC32 "crc32" int::crc32;
    PAC_ADD "pac_add" int::pac_add;
    PAC_AUTH "pac_auth" int::pac_auth;
    PAC_GENERIC "pac_generic" int::pac_generic;
    XAFLAG "xaflag" int::xaflag;
    AXFLAG "axflag" int::axflag;
    COUNTER "counter" brolga_ir::inputs::counter;
    RANDOM "random" brolga_ir::inputs::random;
    THREE_SAME "three_same" simd_three::three_same;
    PMULL8 "pmull8" simd_three::pmull8;
    THREE_ELEM "three_elem" simd_three::three_elem;
    MATRIX "matrix" simd_three::matrix;
    TWO_MISC "two_misc" simd_misc::two_misc;
    FADD_H "fadd_h" fp_scalar::add::<F16>;
    FADD_S "fadd_s" fp_scalar::add::<F32>;
    FADD_D "fadd_d" fp_scalar::add::<F64>;
    FSUB_H "fsub_h" fp_scalar::sub::<F16>;
    FSUB_S "fsub_s" fp_scalar::sub::<F32>;
    FSUB_D "fsub_d" fp_scalar::sub::<F64>;
    FMUL_H "fmul_h" fp_scalar::mul::<F16>;
    FMUL_S "fmul_s" fp_scalar::mul::<F32>;
    FMUL_D "fmul_d" fp_scalar::mul::<F64>;
    FNMUL_H "fnmul_h" fp_scalar::neg_mul::<F16>;
    FNMUL_S "fnmul_s" fp_scalar::neg_mul::<F32>;
    FNMUL_D "fnmul_d" fp_scalar::neg_mul::<F64>;
    FDIV_H "fdiv_h" fp_scalar::div::<F16>;
    FDIV_S "fdiv_s" fp_scalar::div::<F32>;
    FDIV_D "fdiv_d" fp_scalar::div::<F64>;
    FMAX_H "fmax_h" fp_scalar::max::<F16>;
    FMAX_S "fmax_s" fp_scalar::max::<F32>;
    FMAX_D "fmax_d" fp_scalar::max::<F64>;
    FMIN_H "fmin_h" fp_scalar::min::<F16>;
    FMIN_S "fmin_s" fp_scalar::min::<F32>;
    FMIN_D "fmin_d" fp_scalar::min::<F64>;
    FMAXNM_H "fmaxnm_h" fp_scalar::max_num::<F16>;
    FMAXNM_S "fmaxnm_s" fp_scalar::max_num::<F32>;
    FMAXNM_D "fmaxnm_d" fp_scalar::max_num::<F64>;
    FMINNM_H "fminnm_h" fp_scalar::min_num::<F16>;
    FMINNM_S "fminnm_s" fp_scalar::min_num::<F32>;
    FMINNM_D "fminnm_d" fp_scalar::min_num::<F64>;
    FABD_H "fabd_h" fp_scalar::abs_diff::<F16>;
    FABD_S "fabd_s" fp_scalar::abs_diff::<F32>;
    FABD_D "fabd_d" fp_scalar::abs_diff::<F64>;
    FP_TWO_H "fp_two_h" fp_scalar::any_two::<F16>;
    FP_TWO_S "fp_two_s" fp_scalar::any_two::<F32>;
    FP_TWO_D "fp_two_d" fp_scalar::any_two::<F64>;
    FMADD_H "fmadd_h" fp_scalar::mul_add::<F16>;
    FMADD_S "fmadd_s" fp_scalar::mul_add::<F32>;
    FMADD_D "fmadd_d" fp_scalar::mul_add::<F64>;
    FSQRT_H "fsqrt_h" fp_scalar::sqrt::<F16>;
    FSQRT_S "fsqrt_s" fp_scalar::sqrt::<F32>;
    FSQRT_D "fsqrt_d" fp_scalar::sqrt::<F64>;
    FRINT_H "frint_h" fp_scalar::round::<F16>;
    FRINT_S "frint_s" fp_scalar::round::<F32>;
    FRINT_D "frint_d" fp_scalar::round::<F64>;
    FP_ONE_H "fp_one_h" fp_scalar::any_one::<F16>;
    FP_ONE_S "fp_one_s" fp_scalar::any_one::<F32>;
    FP_ONE_D "fp_one_d" fp_scalar::any_one::<F64>;
    FCMP_H "fcmp_h" fp_scalar::compare::<F16>;
    FCMP_S "fcmp_s" fp_scalar::compare::<F32>;
    FCMP_D "fcmp_d" fp_scalar::compare::<F64>;
    FP_TO_INT_H "fp_to_int_h" fp_convert::to_int::<F16>;
    FP_TO_INT_S "fp_to_int_s" fp_convert::to_int::<F32>;
    FP_TO_INT_D "fp_to_int_d" fp_convert::to_int::<F64>;
    FCVTZS_W_S "fcvtzs_w_s" fp_convert::to_signed::<F32, 32>;
    FCVTZS_W_D "fcvtzs_w_d" fp_convert::to_signed::<F64, 32>;
    FCVTZS_X_S "fcvtzs_x_s" fp_convert::to_signed::<F32, 64>;
    FCVTZS_X_D "fcvtzs_x_d" fp_convert::to_signed::<F64, 64>;
    INT_TO_FP_H "int_to_fp_h" fp_convert::from_int::<F16>;
    INT_TO_FP_S "int_to_fp_s" fp_convert::from_int::<F32>;
    INT_TO_FP_D "int_to_fp_d" fp_convert::from_int::<F64>;
    SCVTF_H "scvtf_h" fp_convert::from_i64::<F16>;
    SCVTF_S "scvtf_s" fp_convert::from_i64::<F32>;
    SCVTF_D "scvtf_d" fp_convert::from_i64::<F64>;
    UCVTF_H "ucvtf_h" fp_convert::from_u64::<F16>;
    UCVTF_S "ucvtf_s" fp_convert::from_u64::<F32>;
    UCVTF_D "ucvtf_d" fp_convert::from_u64::<F64>;
    FCVT_S_H "fcvt_s_h" fp_convert::widen_half::<F32>;
    FCVT_D_H "fcvt_d_h" fp_convert::widen_half::<F64>;
    FCVT_H_S "fcvt_h_s" fp_convert::narrow_to_half::<F32>;
    FCVT_H_D "fcvt_h_d" fp_convert::narrow_to_half::<F64>;
    FCVT_D_S "fcvt_d_s" fp_convert::single_to_double;
    FCVT_S_D "fcvt_s_d" fp_convert::double_to_single;
    FCVTXN_S_D "fcvtxn_s_d" fp_convert::double_to_single_odd;
    BFCVT "bfcvt" fp_convert::single_to_bfloat;
    FJCVTZS "fjcvtzs" fp_convert::javascript;
    FP_THREE_H "fp_three_h" fp_vector::three_same::<F16>;
    FP_THREE_S "fp_three_s" fp_vector::three_same::<F32>;
    FP_THREE_D "fp_three_d" fp_vector::three_same::<F64>;
    FP_MISC_H "fp_misc_h" fp_vector::two_misc::<F16>;
    FP_MISC_S "fp_misc_s" fp_vector::two_misc::<F32>;
    FP_MISC_D "fp_misc_d" fp_vector::two_misc::<F64>;
    FP_FIXED_H "fp_fixed_h" fp_vector::fixed::<F16>;
    FP_FIXED_S "fp_fixed_s" fp_vector::fixed::<F32>;
    FP_FIXED_D "fp_fixed_d" fp_vector::fixed::<F64>;
    FP_ACROSS_H "fp_across_h" fp_vector::across::<F16>;
    FP_ACROSS_S "fp_across_s" fp_vector::across::<F32>;
    FCMLA_H "fcmla_h" fp_wide::complex_mul_add::<F16>;
    FCMLA_S "fcmla_s" fp_wide::complex_mul_add::<F32>;
    FCMLA_D "fcmla_d" fp_wide::complex_mul_add::<F64>;
    FCADD_H "fcadd_h" fp_wide::complex_add::<F16>;
    FCADD_S "fcadd_s" fp_wide::complex_add::<F32>;
    FCADD_D "fcadd_d" fp_wide::complex_add::<F64>;
    INT_ESTIMATE "int_estimate" fp_vector::int_estimate;
    FCVTN "fcvtn" fp_wide::narrow;
    FCVTL "fcvtl" fp_wide::long;
    FMLAL "fmlal" fp_wide::mul_add_long;
    BFDOT "bfdot" fp_wide::bf16_dot;
    BFMMLA "bfmmla" fp_wide::bf16_matrix;
    BFMLAL "bfmlal" fp_wide::bf16_mul_add_long;
    READ_FPSR "read_fpsr" fp_env::read_status;
    WRITE_FPSR "write_fpsr" fp_env::write_status;
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
