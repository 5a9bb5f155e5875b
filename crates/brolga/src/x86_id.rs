//! What programs are told of an x86-64 processor beside CPUID itself: all from its leaves.

use brolga_user::CpuId;
use brolga_x86::cpu::Cpu;
use brolga_x86::exec::cpuid::leaf;

/// EDX among the registers of a leaf.
const EDX: usize = 3;

/// The characters in registers, without what ends them.
fn text(words: impl IntoIterator<Item = u32>) -> String {
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).take_while(|&b| b != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The processor as linux-user shows it.
pub fn id(cpu: &Cpu) -> CpuId {
    // HWCAP2_FSGSBASE
    const FSGSBASE: u64 = 2;
    let [_, b, c, d] = leaf(cpu, 0, 0);
    let first = leaf(cpu, 1, 0);
    CpuId {
        hwcap: [first[EDX].into(), if cpu.has("fsgsbase") { FSGSBASE } else { 0 }],
        id: first[0],
        features: cpu.present().map(|f| f.linux).collect(),
        vendor: text([b, d, c]),
        model: text((0x8000_0002..=0x8000_0004).flat_map(|number| leaf(cpu, number, 0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_tells_what_cpuid_tells() {
        let id = id(&Cpu::MAX);
        assert_eq!(id.hwcap[0], u64::from(leaf(&Cpu::MAX, 1, 0)[EDX]));
        assert!(id.vendor.len() == 12 && !id.model.is_empty() && !id.model.contains('\0'));
        assert!(["fpu", "sse2", "lm", "avx2"].iter().all(|name| id.features.contains(name)), "{:?}", id.features);
    }
}
