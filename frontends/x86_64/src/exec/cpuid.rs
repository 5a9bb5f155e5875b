//! CPUID: exactly what this front end implements, so that no library picks what is missing.
//! SDM vol. 2, "CPUID—CPU Identification".

use crate::state;
use brolga_core::Env;

/// Leaf 1, EDX: FPU, TSC, CX8, CMOV, CLFSH, MMX, FXSR, SSE, SSE2.
const FEATURES_EDX: u32 = 1 | 1 << 4 | 1 << 8 | 1 << 15 | 1 << 19 | 1 << 23 | 1 << 24 | 1 << 25 | 1 << 26;
/// Leaf 1, ECX: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, RDRAND.
const FEATURES_ECX: u32 = 1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 22 | 1 << 23 | 1 << 30;
/// Leaf 7, EBX: FSGSBASE, REP MOVSB fast, RDSEED, ADX, CLFLUSHOPT, CLWB. The bit manipulation extensions are encoded with
/// VEX, which needs AVX's state to be announced.
const EXTENDED_EBX: u32 = 1 | 1 << 9 | 1 << 18 | 1 << 19 | 1 << 23 | 1 << 24;
/// Leaf 0x80000001: LAHF, LZCNT, PREFETCHW; SYSCALL, NX, RDTSCP, long mode.
const AMD_ECX: u32 = 1 | 1 << 5 | 1 << 8;
const AMD_EDX: u32 = 1 << 11 | 1 << 20 | 1 << 27 | 1 << 29;

const BRAND: &[u8; 48] = b"Brolga x86-64 processor\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Four characters as a register.
fn word(text: &[u8], at: usize) -> u32 {
    text[at..at + 4].iter().rev().fold(0, |w, &c| w << 8 | c as u32)
}

/// EAX, EBX, ECX, EDX of a leaf.
pub fn leaf(leaf: u32, sub: u32) -> [u32; 4] {
    let vendor = |max: u32| [max, word(b"GenuineIntel", 0), word(b"GenuineIntel", 8), word(b"GenuineIntel", 4)];
    match leaf {
        0 => vendor(7),
        // Family 6, model 15: no later one is implied by its number. CLFLUSH of 64 bytes, one processor.
        1 => [0x0006_0f01, 8 << 8 | 1 << 16, FEATURES_ECX, FEATURES_EDX],
        7 if sub == 0 => [0, EXTENDED_EBX, 0, 0],
        0x8000_0000 => [0x8000_0008, 0, 0, 0],
        0x8000_0001 => [0, 0, AMD_ECX, AMD_EDX],
        0x8000_0002..=0x8000_0004 => {
            let at = (leaf - 0x8000_0002) as usize * 16;
            [word(BRAND, at), word(BRAND, at + 4), word(BRAND, at + 8), word(BRAND, at + 12)]
        }
        // 256 KiB of second-level cache, 64 bytes a line.
        0x8000_0006 => [0, 0, 256 << 16 | 6 << 12 | 64, 0],
        // The counter runs at a constant rate.
        0x8000_0007 => [0, 0, 0, 1 << 8],
        0x8000_0008 => [48 << 8 | 39, 0, 0, 0],
        _ => [0; 4],
    }
}

/// CPUID.
pub extern "C" fn cpuid(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    let [a, b, c, d] = leaf(env.get(state::RAX) as u32, env.get(state::RCX) as u32);
    for (reg, v) in [(state::RAX, a), (state::RBX, b), (state::RCX, c), (state::RDX, d)] {
        env.set(reg, v as u64);
    }
    0
}
