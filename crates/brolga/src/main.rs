//! The binary; everything is in the library so that tests reach it.
#![no_main]
#![allow(unsafe_code, reason = "the function that the C library starts")]

#[global_allocator]
static ALLOCATOR: brolga::memory::Allocator = brolga::memory::Allocator;

// SAFETY: no other function has this name, and it is of the type that the C library calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    brolga::runtime::main()
}
