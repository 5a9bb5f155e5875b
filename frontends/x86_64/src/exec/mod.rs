//! Helpers: what instructions do that the IR cannot say in a few ops.
//!
//! Each works on the register file alone; its call site declares the registers. One row a helper: the
//! row makes the id and the table entry.

use brolga_ir::{Helper, HelperId};

pub mod cpuid;
pub mod flags;
pub mod int;
pub mod system;

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
    COUNTER "counter" system::counter;
    RANDOM "random" system::random;
    GET_MXCSR "get_mxcsr" system::get_mxcsr;
    SET_MXCSR "set_mxcsr" system::set_mxcsr;
}
