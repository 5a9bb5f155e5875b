//! Functions of the shared object that the kernel maps. vdso(7), "x86-64 functions".

use crate::vdso::Function;

/// What the front end takes for an instruction that reads a clock: EDI which one, then RAX seconds and RDX nanoseconds, or
/// RCX 1. `tests/native` compares it with the front end's own.
pub const CLOCK: [u8; 8] = *b"\x0f\x0aclock\0";

/// The functions, each under its name and with `__vdso_` before it.
pub static FUNCTIONS: [Function; 5] = [
    Function { name: "clock_gettime", code: &[&CLOCK, CLOCK_GETTIME] },
    Function { name: "gettimeofday", code: &[GETTIMEOFDAY, &CLOCK, GETTIMEOFDAY_REST] },
    Function { name: "time", code: &[TIME, &CLOCK, TIME_REST] },
    Function { name: "clock_getres", code: &[CLOCK_GETRES] },
    Function { name: "getcpu", code: &[GETCPU] },
];

#[rustfmt::skip]
const CLOCK_GETTIME: &[u8] = &[
    0x85, 0xc9,                         // test ecx, ecx
    0x75, 0x0a,                         // jnz other
    0x48, 0x89, 0x06,                   // mov [rsi], rax
    0x48, 0x89, 0x56, 0x08,             // mov [rsi + 8], rdx
    0x31, 0xc0,                         // xor eax, eax
    0xc3,                               // ret
    0xb8, 0xe4, 0x00, 0x00, 0x00,       // other: mov eax, 228
    0x0f, 0x05,                         // syscall
    0xc3,                               // ret
];

#[rustfmt::skip]
const GETTIMEOFDAY: &[u8] = &[
    0x48, 0x85, 0xf6,                   // test rsi, rsi
    0x75, 0x27,                         // jnz zone
    0x48, 0x85, 0xff,                   // test rdi, rdi
    0x74, 0x1f,                         // jz done
    0x49, 0x89, 0xf8,                   // mov r8, rdi
    0x31, 0xff,                         // xor edi, edi
];

#[rustfmt::skip]
const GETTIMEOFDAY_REST: &[u8] = &[
    0x49, 0x89, 0x00,                   // mov [r8], rax
    0x89, 0xd0,                         // mov eax, edx
    0x31, 0xd2,                         // xor edx, edx
    0xb9, 0xe8, 0x03, 0x00, 0x00,       // mov ecx, 1000
    0xf7, 0xf1,                         // div ecx
    0x49, 0x89, 0x40, 0x08,             // mov [r8 + 8], rax
    0x31, 0xc0,                         // done: xor eax, eax
    0xc3,                               // ret
    0xb8, 0x60, 0x00, 0x00, 0x00,       // zone: mov eax, 96
    0x0f, 0x05,                         // syscall
    0xc3,                               // ret
];

#[rustfmt::skip]
const TIME: &[u8] = &[
    0x49, 0x89, 0xf8,                   // mov r8, rdi
    0xbf, 0x05, 0x00, 0x00, 0x00,       // mov edi, 5: coarse real time
];

#[rustfmt::skip]
const TIME_REST: &[u8] = &[
    0x4d, 0x85, 0xc0,                   // test r8, r8
    0x74, 0x03,                         // jz done
    0x49, 0x89, 0x00,                   // mov [r8], rax
    0xc3,                               // done: ret
];

/// mov eax, 229; syscall; ret
const CLOCK_GETRES: &[u8] = &[0xb8, 0xe5, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xc3];

/// mov eax, 309; syscall; ret
const GETCPU: &[u8] = &[0xb8, 0x35, 0x01, 0x00, 0x00, 0x0f, 0x05, 0xc3];
