//! Helpers: what instructions do that the IR cannot say in a few ops.
//!
//! Each works on the register file alone; its call site declares the registers. One row a helper: the
//! row makes the id and the table entry.

use brolga_softfloat::{F32, F64};

pub mod cpuid;
pub mod crypto;
pub mod flags;
pub mod fp;
pub mod int;
pub mod system;
pub mod text;
pub mod vector;
pub mod x87;
mod x87_host;

pub use x87_host::{PRESENT as X87, f as x87_function, kind as x87_kind, op as x87_op};

brolga_ir::helper_table! {
    PARITY "parity" flags::parity;
    EFLAGS "eflags" flags::eflags;
    SET_FLAGS "set_flags" flags::set_low;
    POPF "popf" flags::popf;
    SET_OF "set_of" flags::set_of;
    SET_OF_IF "set_of_if" flags::set_of_if;
    SET_NOT_ZF "set_not_zf" flags::set_not_zf;
    ROTATE_FLAGS "rotate_flags" flags::rotate;
    ROTATE_CARRY "rotate_carry" int::rotate_carry;
    ROTATE_CARRY_FLAGS "rotate_carry_flags" int::rotate_carry_flags;
    DIVIDE "divide" int::divide;
    PDEP "pdep" int::pdep;
    PEXT "pext" int::pext;
    CRC32C "crc32c" int::crc32c;
    CPUID "cpuid" cpuid::cpuid;
    COUNTER "counter" brolga_ir::inputs::counter;
    RANDOM "random" brolga_ir::inputs::random;
    GET_MXCSR "get_mxcsr" system::get_mxcsr;
    SET_MXCSR "set_mxcsr" system::set_mxcsr;
    END_FLOAT "end_float" fp::end;
    ADD_S "add_s" fp::add::<F32>;
    ADD_D "add_d" fp::add::<F64>;
    SUB_S "sub_s" fp::sub::<F32>;
    SUB_D "sub_d" fp::sub::<F64>;
    MUL_S "mul_s" fp::mul::<F32>;
    MUL_D "mul_d" fp::mul::<F64>;
    DIV_S "div_s" fp::div::<F32>;
    DIV_D "div_d" fp::div::<F64>;
    SQRT_S "sqrt_s" fp::sqrt::<F32>;
    SQRT_D "sqrt_d" fp::sqrt::<F64>;
    EQUAL_S "equal_s" fp::equal::<F32>;
    EQUAL_D "equal_d" fp::equal::<F64>;
    GREATER_EQUAL_S "greater_equal_s" fp::greater_equal::<F32>;
    GREATER_EQUAL_D "greater_equal_d" fp::greater_equal::<F64>;
    GREATER_S "greater_s" fp::greater::<F32>;
    GREATER_D "greater_d" fp::greater::<F64>;
    SMALLER_S "smaller_s" fp::smaller::<F32>;
    SMALLER_D "smaller_d" fp::smaller::<F64>;
    LARGER_S "larger_s" fp::larger::<F32>;
    LARGER_D "larger_d" fp::larger::<F64>;
    COMPARE_S "compare_s" fp::compare::<F32>;
    COMPARE_D "compare_d" fp::compare::<F64>;
    COMPARE_SIGNALLING_S "compare_signalling_s" fp::compare_signalling::<F32>;
    COMPARE_SIGNALLING_D "compare_signalling_d" fp::compare_signalling::<F64>;
    TO_INT_S "to_int_s" fp::to_int::<F32>;
    TO_INT_D "to_int_d" fp::to_int::<F64>;
    FROM_INT_S "from_int_s" fp::from_int::<F32>;
    FROM_INT_D "from_int_d" fp::from_int::<F64>;
    ROUND_S "round_s" fp::round::<F32>;
    ROUND_D "round_d" fp::round::<F64>;
    TO_DOUBLE "to_double" fp::to_double;
    TO_SINGLE "to_single" fp::to_single;
    RECIPROCAL "reciprocal" fp::reciprocal;
    RECIPROCAL_ROOT "reciprocal_root" fp::reciprocal_root;
    X87_POP "x87_pop" x87::pop;
    X87_LOAD "x87_load" x87::load;
    X87_LOAD_REGISTER "x87_load_register" x87::load_register;
    X87_LOAD_CONSTANT "x87_load_constant" x87::load_constant;
    X87_STORE "x87_store" x87::store;
    X87_STORED "x87_stored" x87::stored;
    X87_STORE_REGISTER "x87_store_register" x87::store_register;
    X87_ARITH "x87_arith" x87::arith;
    X87_ARITH_MEMORY "x87_arith_memory" x87::arith_memory;
    X87_COMPARE "x87_compare" x87::compare;
    X87_COMPARE_FLAGS "x87_compare_flags" x87::compare_flags;
    X87_COMPARE_MEMORY "x87_compare_memory" x87::compare_memory;
    X87_FUNCTION "x87_function" x87::function;
    X87_EXAMINE "x87_examine" x87::examine;
    X87_EXCHANGE "x87_exchange" x87::exchange;
    X87_MOVE_IF "x87_move_if" x87::move_if;
    X87_FREE "x87_free" x87::free;
    X87_ROTATE "x87_rotate" x87::rotate;
    X87_INIT "x87_init" x87::init;
    X87_CLEAR "x87_clear" x87::clear;
    X87_SET_CONTROL "x87_set_control" x87::set_control;
    X87_SAVE_HEADER "x87_save_header" x87::save_header;
    X87_RESTORE_HEADER "x87_restore_header" x87::restore_header;
    X87_SAVE_REGISTER "x87_save_register" x87::save_register;
    X87_RESTORE_REGISTER "x87_restore_register" x87::restore_register;
    X87_ENVIRONMENT "x87_environment" x87::environment;
    X87_RESTORE_ENVIRONMENT "x87_restore_environment" x87::restore_environment;
    MIN_POSITION "min_position" vector::min_position;
    MPSADBW "mpsadbw" vector::mpsadbw;
    COMPARE_TEXT "compare_text" text::compare;
    FMADD_S "fmadd_s" fp::mul_add::<F32, 0>;
    FMADD_D "fmadd_d" fp::mul_add::<F64, 0>;
    FMSUB_S "fmsub_s" fp::mul_add::<F32, 2>;
    FMSUB_D "fmsub_d" fp::mul_add::<F64, 2>;
    FNMADD_S "fnmadd_s" fp::mul_add::<F32, 1>;
    FNMADD_D "fnmadd_d" fp::mul_add::<F64, 1>;
    FNMSUB_S "fnmsub_s" fp::mul_add::<F32, 3>;
    FNMSUB_D "fnmsub_d" fp::mul_add::<F64, 3>;
    HALF_TO_SINGLE "half_to_single" fp::half_to_single;
    SINGLE_TO_HALF "single_to_half" fp::single_to_half;
    AES_ENCRYPT "aes_encrypt" crypto::in_place::<0>;
    AES_ENCRYPT_LAST "aes_encrypt_last" crypto::in_place::<1>;
    AES_DECRYPT "aes_decrypt" crypto::in_place::<2>;
    AES_DECRYPT_LAST "aes_decrypt_last" crypto::in_place::<3>;
    AES_MIX_INVERSE "aes_mix_inverse" crypto::in_place::<4>;
    AES_KEY "aes_key" crypto::in_place::<5>;
    PRODUCT "product" crypto::in_place::<6>;
    SHA1_ROUNDS "sha1_rounds" crypto::in_place::<7>;
    SHA1_NEXT_E "sha1_next_e" crypto::in_place::<8>;
    SHA1_MESSAGE1 "sha1_message1" crypto::in_place::<9>;
    SHA1_MESSAGE2 "sha1_message2" crypto::in_place::<10>;
    SHA256_ROUNDS "sha256_rounds" crypto::in_place::<11>;
    SHA256_MESSAGE1 "sha256_message1" crypto::in_place::<12>;
    SHA256_MESSAGE2 "sha256_message2" crypto::in_place::<13>;
    FIELD_PRODUCT "field_product" crypto::in_place::<14>;
    AFFINE "affine" crypto::in_place::<15>;
    AFFINE_INVERSE "affine_inverse" crypto::in_place::<16>;
}

/// Helpers of cryptography, by [`crypto::Op`].
pub const CRYPTO: [brolga_ir::HelperId; 17] = [
    AES_ENCRYPT,
    AES_ENCRYPT_LAST,
    AES_DECRYPT,
    AES_DECRYPT_LAST,
    AES_MIX_INVERSE,
    AES_KEY,
    PRODUCT,
    SHA1_ROUNDS,
    SHA1_NEXT_E,
    SHA1_MESSAGE1,
    SHA1_MESSAGE2,
    SHA256_ROUNDS,
    SHA256_MESSAGE1,
    SHA256_MESSAGE2,
    FIELD_PRODUCT,
    AFFINE,
    AFFINE_INVERSE,
];
