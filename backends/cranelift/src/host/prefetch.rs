//! Prefetches, which Cranelift has not: loads of a byte are made to be ones in the finished code.
//!
//! `movzx reg, byte ptr [m]` is `0F B6 /r` and `prefetcht0 [m]` is `0F 18 /1`: one is the other but for two bytes.
//! AMD64 Architecture Programmer's Manual volume 3, "PREFETCHlevel" and "PREFETCHW".

use brolga_ir::PrefetchKind;

/// Whether there are any.
pub(crate) const PREFETCHES: bool = true;

/// Makes the zero-extending load of a byte at offset `at` a prefetch; `None` if it is another instruction.
pub(crate) fn make_prefetch(code: &mut [u8], at: usize, kind: PrefetchKind) -> Option<()> {
    let insn = code.get_mut(at..)?;
    let rex = usize::from(insn.first()? & 0xf0 == 0x40);
    let (prefix, insn) = insn.split_at_mut(rex);
    let [0x0f, opcode @ 0xb6, modrm, ..] = insn else { return None };
    let (byte, reg) = match kind {
        PrefetchKind::L1 => (0x18, 1),
        PrefetchKind::L2 => (0x18, 2),
        PrefetchKind::L3 => (0x18, 3),
        PrefetchKind::Once => (0x18, 0),
        PrefetchKind::Write => (0x0d, 1),
    };
    *opcode = byte;
    *modrm = *modrm & !0x38 | reg << 3;
    // REX.W and REX.R speak of a register that is not there any more.
    prefix.iter_mut().for_each(|rex| *rex &= !0xc);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};

    #[test]
    fn loads_become_prefetches_of_the_same_address() {
        let loads: [(&[u8], &str); 3] = [
            (&[0x0f, 0xb6, 0x04, 0x0e], "[rsi+rcx]"),
            (&[0x46, 0x0f, 0xb6, 0x7c, 0x06, 0x40], "[rsi+r8+40h]"),
            (&[0x4d, 0x0f, 0xb6, 0x95, 0, 1, 0, 0], "[r13+100h]"),
        ];
        let names = ["prefetcht0", "prefetcht1", "prefetcht2", "prefetchnta", "prefetchw"];
        for (load, address) in loads {
            for (kind, name) in PrefetchKind::ALL.into_iter().zip(names) {
                let mut code = [&[0x90], load].concat();
                make_prefetch(&mut code, 1, kind).unwrap();
                let made = Decoder::with_ip(64, &code[1..], 0, DecoderOptions::NONE).decode();
                assert_eq!((made.to_string(), made.len()), (format!("{name} {address}"), load.len()));
            }
        }
        let mut other = [0x8b, 0x04, 0x0e];
        assert_eq!(make_prefetch(&mut other, 0, PrefetchKind::L1), None);
    }
}
