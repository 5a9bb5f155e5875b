//! CPUID: what the chosen processor has, of what this front end implements, so that no library picks what is missing.
//! SDM vol. 2, "CPUID—CPU Identification".

use crate::cpu::{Cpu, Vendor};
use crate::sem::xsave::{AREA, AVX_AREA, XCR0};
use crate::state;
use brolga_core::Env;

/// Leaf 1, ECX: XSAVE is switched on.
const OSXSAVE: u32 = 1 << 27;

/// Four characters as a register.
fn word(text: &[u8], at: usize) -> u32 {
    (0..4).rev().fold(0, |w, k| w << 8 | u32::from(text.get(at + k).copied().unwrap_or(0)))
}

/// A level of cache for leaf 4: what it holds (1 data, 2 instructions, 3 both), level, KiB, ways; 64 bytes a line.
const CACHES: [(u32, u32, u32, u32); 4] = [(1, 1, 32, 8), (2, 1, 32, 8), (3, 2, 1024, 16), (3, 3, 16384, 16)];

fn cache(sub: u32) -> [u32; 4] {
    let Some((kind, level, kib, ways)) = CACHES.get(sub as usize) else { return [0; 4] };
    let sets = kib * 1024 / 64 / ways;
    [kind | level << 5 | 1 << 8, (ways - 1) << 22 | 63, sets - 1, 0]
}

/// Bytes of an area for XSAVE: AVX's part comes last.
fn area(cpu: &Cpu) -> u32 {
    if cpu.has("avx") { AREA } else { AVX_AREA as u32 }
}

/// Leaf 0xd: components and their sizes.
fn components(cpu: &Cpu, sub: u32) -> [u32; 4] {
    match sub {
        _ if !cpu.has("xsave") => [0; 4],
        0 => [xcr0(cpu), area(cpu), area(cpu), 0],
        1 => [cpu.register((0xd, 1, 0)), area(cpu), 0, 0],
        2 if cpu.has("avx") => [AREA - AVX_AREA as u32, AVX_AREA as u32, 0, 0],
        _ => [0; 4],
    }
}

/// XCR0 as CPUID and XGETBV show it.
pub fn xcr0(cpu: &Cpu) -> u32 {
    if cpu.has("avx") { XCR0 as u32 } else { XCR0 as u32 & 3 }
}

/// EAX, EBX, ECX, EDX of a leaf.
pub fn leaf(cpu: &Cpu, leaf: u32, sub: u32) -> [u32; 4] {
    let model = cpu.model();
    let vendor: &[u8; 12] = if model.vendor == Vendor::Intel { b"GenuineIntel" } else { b"AuthenticAMD" };
    let vendor = |max: u32| [max, word(vendor, 0), word(vendor, 8), word(vendor, 4)];
    let made = |register: usize| cpu.register((leaf, 0, register));
    match leaf {
        0 => vendor(0xd),
        // CLFLUSH of 64 bytes, one processor.
        1 => {
            let on = if cpu.has("xsave") { OSXSAVE } else { 0 };
            [model.signature, 8 << 8 | 1 << 16, made(2) | on, made(3)]
        }
        // Caches are in leaf 4.
        2 if model.vendor == Vendor::Intel => [0x00ff_0001, 0, 0, 0],
        4 if model.vendor == Vendor::Intel => cache(sub),
        7 if sub == 0 => [0, made(1), made(2), made(3)],
        0xd => components(cpu, sub),
        0x8000_0000 => vendor(0x8000_0008),
        0x8000_0001 => [if model.vendor == Vendor::Amd { model.signature } else { 0 }, 0, made(2), made(3)],
        0x8000_0002..=0x8000_0004 => {
            let (text, at) = (model.brand.as_bytes(), (leaf - 0x8000_0002) as usize * 16);
            [word(text, at), word(text, at + 4), word(text, at + 8), word(text, at + 12)]
        }
        // First level: KiB, ways, a line a tag, bytes of a line.
        0x8000_0005 if model.vendor == Vendor::Amd => {
            [0, 0, 32 << 24 | 8 << 16 | 1 << 8 | 64, 32 << 24 | 8 << 16 | 1 << 8 | 64]
        }
        // Second level of 1 MiB, 16 ways (8); third of 16 MiB in units of 512 KiB.
        0x8000_0006 => [
            0,
            0,
            1024 << 16 | 8 << 12 | 1 << 8 | 64,
            if model.vendor == Vendor::Amd { 32 << 18 | 8 << 12 | 1 << 8 | 64 } else { 0 },
        ],
        0x8000_0007 => [0, 0, 0, made(3)],
        0x8000_0008 => [48 << 8 | 39, 0, 0, 0],
        _ => [0; 4],
    }
}

/// CPUID of the processor with these features, bits of [`crate::cpu::FEATURES`], and this model.
pub extern "C" fn cpuid(env: &mut Env, features: u64, model: u64, _: u64) -> u64 {
    let cpu = Cpu { model: model as u8, features };
    let [a, b, c, d] = leaf(&cpu, env.get(state::RAX) as u32, env.get(state::RCX) as u32);
    for (reg, v) in [(state::RAX, a), (state::RBX, b), (state::RCX, c), (state::RDX, d)] {
        env.set(reg, v as u64);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_of_a_few_models() {
        let cpu = |text| Cpu::parse(text).unwrap();
        let haswell = cpu("Haswell");
        // OSXSAVE, XSAVE and AVX; AVX2 and both BMI; the area has room for the high halves.
        assert_eq!(leaf(&haswell, 1, 0)[2] >> 26 & 7, 7);
        assert_eq!(leaf(&haswell, 7, 0)[1] & 0x128, 0x128);
        assert_eq!(leaf(&haswell, 0xd, 0), [7, 832, 832, 0]);
        assert_eq!(leaf(&haswell, 0xd, 2), [256, 576, 0, 0]);
        let plain = cpu("Nehalem");
        assert_eq!((leaf(&plain, 1, 0)[2] >> 26 & 7, leaf(&plain, 0xd, 0)), (0, [0; 4]));
        assert_eq!(leaf(&cpu("Denverton"), 0xd, 0), [3, 576, 576, 0]);
        assert_eq!(leaf(&cpu("EPYC"), 0, 0)[1], u32::from_le_bytes(*b"Auth"));
    }
}
