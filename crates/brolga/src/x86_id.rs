//! What programs are told of the x86-64 processor beside CPUID itself: all from its leaves.

use brolga_user::CpuId;
use brolga_x86::exec::cpuid::leaf;

/// Registers of a leaf.
const EBX: usize = 1;
const ECX: usize = 2;
const EDX: usize = 3;

/// Names of the line "flags" of `/proc/cpuinfo`: leaf, register, bit. Linux arch/x86/include/asm/cpufeatures.h.
const FLAGS: &[(u32, usize, u32, &str)] = &[
    (1, EDX, 0, "fpu"),
    (1, EDX, 4, "tsc"),
    (1, EDX, 8, "cx8"),
    (1, EDX, 15, "cmov"),
    (1, EDX, 19, "clflush"),
    (1, EDX, 23, "mmx"),
    (1, EDX, 24, "fxsr"),
    (1, EDX, 25, "sse"),
    (1, EDX, 26, "sse2"),
    (0x8000_0001, EDX, 11, "syscall"),
    (0x8000_0001, EDX, 20, "nx"),
    (0x8000_0001, EDX, 27, "rdtscp"),
    (0x8000_0001, EDX, 29, "lm"),
    (0x8000_0007, EDX, 8, "constant_tsc"),
    (1, ECX, 0, "pni"),
    (1, ECX, 1, "pclmulqdq"),
    (1, ECX, 9, "ssse3"),
    (1, ECX, 12, "fma"),
    (1, ECX, 13, "cx16"),
    (1, ECX, 19, "sse4_1"),
    (1, ECX, 20, "sse4_2"),
    (1, ECX, 22, "movbe"),
    (1, ECX, 23, "popcnt"),
    (1, ECX, 25, "aes"),
    (1, ECX, 26, "xsave"),
    (1, ECX, 28, "avx"),
    (1, ECX, 29, "f16c"),
    (1, ECX, 30, "rdrand"),
    (0x8000_0001, ECX, 0, "lahf_lm"),
    (0x8000_0001, ECX, 5, "abm"),
    (0x8000_0001, ECX, 8, "3dnowprefetch"),
    (7, EBX, 0, "fsgsbase"),
    (7, EBX, 3, "bmi1"),
    (7, EBX, 5, "avx2"),
    (7, EBX, 8, "bmi2"),
    (7, EBX, 9, "erms"),
    (7, EBX, 18, "rdseed"),
    (7, EBX, 19, "adx"),
    (7, EBX, 23, "clflushopt"),
    (7, EBX, 24, "clwb"),
    (7, EBX, 29, "sha_ni"),
];

fn has(number: u32, register: usize, bit: u32) -> bool {
    leaf(number, 0)[register] >> bit & 1 != 0
}

/// The characters in registers, without what ends them.
fn text(words: impl IntoIterator<Item = u32>) -> String {
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).take_while(|&b| b != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The processor as linux-user shows it.
pub fn id() -> CpuId {
    // HWCAP2_FSGSBASE
    const FSGSBASE: u64 = 2;
    let [_, b, c, d] = leaf(0, 0);
    let [signature, _, _, features] = leaf(1, 0);
    CpuId {
        hwcap: [features.into(), if has(7, EBX, 0) { FSGSBASE } else { 0 }],
        id: signature,
        features: FLAGS.iter().filter(|(number, r, bit, _)| has(*number, *r, *bit)).map(|(.., name)| *name).collect(),
        vendor: text([b, d, c]),
        model: text((0x8000_0002..=0x8000_0004).flat_map(|number| leaf(number, 0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_tells_what_cpuid_tells() {
        let id = id();
        assert_eq!(id.hwcap[0], u64::from(leaf(1, 0)[EDX]));
        assert!(id.vendor.len() == 12 && !id.model.is_empty() && !id.model.contains('\0'));
        assert!(["fpu", "sse2", "lm"].iter().all(|name| id.features.contains(name)), "{:?}", id.features);
    }
}
