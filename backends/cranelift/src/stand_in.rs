//! Host instructions that Cranelift does not know, by others in their places.
//!
//! *Requirement.* A round of a cipher is one instruction of the host. A call in its place costs ten times as much: the
//! vector registers that hold blocks and keys would go to memory and back.
//! *How.* Lowering writes an instruction of the same operands, the stand-in, and marks it by a source location. In the
//! finished code its opcode and immediate are changed, where both have the same encoding but for these. Instructions that
//! have no VEX form stand behind a fused multiply-add, whose first operand is its result, too: they take its place if they
//! are not longer, else a call does of a piece of code behind the region, which is made for these very registers.
//! *Limits.* What does not look as expected is refused. No pass may merge instructions or use what it knows of a stand-in:
//! with `optimize` there are none.

use brolga_baseline::{HostFn, Map};
use brolga_ir::PrefetchKind;
use cranelift_codegen::ir::SourceLoc;
use cranelift_codegen::{Final, MachSrcLoc};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};

/// The first mark, above those of tail calls and pages of accesses. Cranelift keeps marks as distances from the first one that it meets, and -1 is
/// its word for none: two marks of which the smaller may come later must not be neighbours.
pub(crate) const FIRST: u32 = 64;
/// First bytes of VEX encodings, of two and three bytes.
const VEX2: u8 = 0xc5;
const VEX3: u8 = 0xc4;
/// Opcodes of loads; those of stores follow them.
const MOVUPS: u8 = 0x10;
const MOVAPS: u8 = 0x28;
/// Opcodes of four bytes from memory to a register and of their comparison with one.
const MOV_LOAD: u8 = 0x8b;
const CMP_LOAD: u8 = 0x3b;
const NOP: u8 = 0x90;
/// Predicate of `cmpps`.
const EQ_UQ: u8 = 8;
/// W in the last byte of the latter.
const VEX_W: u8 = 0x80;

/// What the place of a stand-in is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StandIn {
    Function(Function),
    /// A prefetch, in the place of `movzx` of a byte in memory, whose register nobody reads. AMD64 Architecture Programmer's
    /// Manual volume 3, "PREFETCHlevel" and "PREFETCHW".
    Prefetch(PrefetchKind),
    /// `movaps` from or to memory, which faults unless its address is a multiple of 16, in the place of `movups`.
    Aligned,
    /// A move from memory to the low lane, or an operation on it, in the place of that of packed floats: of the same encoding
    /// but for two bits.
    LowLane,
    /// A comparison of packed floats that holds for unordered ones, too, in the place of that for equality; with a VEX form
    /// alone. SDM volume 2, "CMPPD": EQ_UQ.
    EqualOrUnordered,
    /// The comparison of a register with memory, in the place of a load and what compares its result with the register next
    /// and is its only use. Cranelift merges no load into a branch. If something is between, all stays as it is.
    Compared,
}

/// A function of vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    /// The instruction that belongs there.
    pub form: HostFn,
    /// Its immediate, if it has one.
    pub imm: u8,
    /// What stands in for it.
    pub by: By,
}

/// The instruction that stands in for a function of vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// `pmaddubsw`: map 0F 38, two operands.
    Pairs,
    /// `pabsb`: map 0F 38, one operand.
    Magnitude,
    /// `palignr`: map 0F 3A, two operands.
    Align,
    /// `roundps` and its like: map 0F 3A, one operand.
    Round,
    /// `pavgb`: map 0F, two operands.
    Average,
    /// `vfmadd213ps` on registers, for what has no VEX form; the third operand counts if so said, and is that in XMM0.
    Fused {
        /// Whether there are three operands.
        third: bool,
    },
}

impl StandIn {
    fn is(self, mnemonic: Mnemonic) -> bool {
        use Mnemonic::*;
        match self {
            StandIn::Function(function) => function.by.is(mnemonic),
            StandIn::Prefetch(_) => mnemonic == Movzx,
            StandIn::Aligned => matches!(mnemonic, Movups | Vmovups),
            StandIn::LowLane => matches!(
                mnemonic,
                Vmovups | Vmovupd | Vaddps | Vaddpd | Vsubps | Vsubpd | Vmulps | Vmulpd | Vdivps | Vdivpd
            ),
            StandIn::EqualOrUnordered => matches!(mnemonic, Vcmpps | Vcmppd),
            StandIn::Compared => mnemonic == Mov,
        }
    }
}

impl By {
    fn is(self, mnemonic: Mnemonic) -> bool {
        use Mnemonic::*;
        match self {
            By::Pairs => matches!(mnemonic, Pmaddubsw | Vpmaddubsw),
            By::Magnitude => matches!(mnemonic, Pabsb | Vpabsb),
            By::Align => matches!(mnemonic, Palignr | Vpalignr),
            By::Round => {
                matches!(mnemonic, Roundss | Vroundss | Roundsd | Vroundsd | Roundps | Vroundps | Roundpd | Vroundpd)
            }
            By::Average => matches!(mnemonic, Pavgb | Vpavgb),
            By::Fused { .. } => mnemonic == Vfmadd213ps,
        }
    }
}

/// The mark of stand-in number `index`.
pub(crate) fn mark(index: usize) -> SourceLoc {
    SourceLoc::new(FIRST + index as u32)
}

/// The number of the stand-in that has this mark.
pub(crate) fn index(mark: SourceLoc) -> Option<usize> {
    if mark.is_default() { None } else { mark.bits().checked_sub(FIRST).map(|index| index as usize) }
}

/// Puts what belongs there in the place of every stand-in; `None` if one does not look as expected.
pub(crate) fn replace(code: &mut Vec<u8>, marks: &[MachSrcLoc<Final>], stand_ins: &[StandIn]) -> Option<()> {
    for at in marks {
        let Some(stand_in) = index(at.loc).and_then(|index| stand_ins.get(index)) else { continue };
        if *stand_in == StandIn::Compared {
            merge(code, at.start as usize);
            continue;
        }
        let range = at.start as usize..at.end as usize;
        let decoder = Decoder::with_ip(64, code.get(range)?, at.start.into(), DecoderOptions::NONE);
        let mut found = decoder.into_iter().filter(|i| stand_in.is(i.mnemonic()));
        let (Some(instruction), None) = (found.next(), found.next()) else { return None };
        match *stand_in {
            StandIn::Function(function) => match function.by {
                By::Fused { third } => without_vex(code, &instruction, function, third)?,
                _ => change(code, &instruction, function)?,
            },
            StandIn::Prefetch(kind) => hint(code, &instruction, kind)?,
            StandIn::Aligned => align(code, &instruction)?,
            StandIn::LowLane => narrow(code, &instruction)?,
            StandIn::EqualOrUnordered => compare(code, &instruction)?,
            StandIn::Compared => {}
        }
    }
    Some(())
}

/// Where the byte with the map's prefix bits of a VEX encoding is; the opcode is the next one.
fn last_of_vex(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        VEX2 => Some(1),
        VEX3 => Some(2),
        _ => None,
    }
}

/// Changes opcode and immediate.
fn change(code: &mut [u8], i: &Instruction, to: Function) -> Option<()> {
    let bytes = code.get_mut(i.ip() as usize..i.next_ip() as usize)?;
    let opcode = match (last_of_vex(bytes), bytes.first()) {
        (Some(last), _) => {
            if last == 2 && to.form.wide {
                bytes[last] |= VEX_W;
            }
            last + 1
        }
        (None, Some(0x66)) => bytes.iter().position(|&byte| byte == 0x0f)? + to.form.map.bytes().len(),
        _ => return None,
    };
    *bytes.get_mut(opcode)? = to.form.opcode;
    if to.form.map == Map::Immediate {
        *bytes.last_mut()? = to.imm;
    }
    Some(())
}

/// Changes `movups` to `movaps`.
fn align(code: &mut [u8], i: &Instruction) -> Option<()> {
    let bytes = code.get_mut(i.ip() as usize..i.next_ip() as usize)?;
    let without_vex = 1 + usize::from(bytes.first()? & 0xf0 == 0x40);
    let opcode = last_of_vex(bytes).map_or(without_vex, |last| last + 1);
    let in_memory = [i.op0_kind(), i.op1_kind()].contains(&OpKind::Memory);
    let opcode = bytes.get_mut(opcode).filter(|byte| in_memory && **byte & !1 == MOVUPS)?;
    *opcode += MOVAPS - MOVUPS;
    Some(())
}

/// Changes the form for packed floats to that for one: prefixes F3 and F2 in the place of none and 66.
fn narrow(code: &mut [u8], i: &Instruction) -> Option<()> {
    let bytes = code.get_mut(i.ip() as usize..i.next_ip() as usize)?;
    let at = last_of_vex(bytes)?;
    let move_of_registers = matches!(i.mnemonic(), Mnemonic::Vmovups | Mnemonic::Vmovupd)
        && i.op0_kind() == OpKind::Register
        && i.op1_kind() == OpKind::Register;
    let prefix = bytes.get_mut(at).filter(|byte| **byte & 2 == 0 && !move_of_registers)?;
    *prefix |= 2;
    Some(())
}

/// Opcode of a prefetch behind 0F, and what is in the place of a register.
fn prefetch(kind: PrefetchKind) -> (u8, u8) {
    match kind {
        PrefetchKind::L1 => (0x18, 1),
        PrefetchKind::L2 => (0x18, 2),
        PrefetchKind::L3 => (0x18, 3),
        PrefetchKind::Once => (0x18, 0),
        PrefetchKind::Write => (0x0d, 1),
    }
}

/// Changes a load of a byte to what has no result.
fn hint(code: &mut [u8], i: &Instruction, kind: PrefetchKind) -> Option<()> {
    let (to, number) = prefetch(kind);
    let bytes = code.get_mut(i.ip() as usize..i.next_ip() as usize)?;
    let prefix = usize::from(bytes.first()? & 0xf0 == 0x40);
    let (rex, [0x0f, opcode @ 0xb6, modrm, ..]) = bytes.split_at_mut(prefix) else { return None };
    if i.op1_kind() != OpKind::Memory {
        return None;
    }
    *opcode = to;
    *modrm = *modrm & !0x38 | number << 3;
    // REX.W and REX.R speak of a register that is not there any more.
    rex.iter_mut().for_each(|rex| *rex &= !0xc);
    Some(())
}

/// Changes the predicate of a comparison.
fn compare(code: &mut [u8], i: &Instruction) -> Option<()> {
    let bytes = code.get_mut(i.ip() as usize..i.next_ip() as usize)?;
    *bytes.last_mut().filter(|predicate| **predicate == 0)? = EQ_UQ;
    Some(())
}

/// Merges the load of four bytes at offset `at` into the comparison behind it. What is left are NOPs of one byte. Other code,
/// as where the register is loaded in between, stays as it is.
fn merge(code: &mut [u8], at: usize) -> Option<()> {
    let mut decoder = Decoder::new(64, code.get(at..)?, DecoderOptions::NONE);
    let (load, compare) = (decoder.decode(), decoder.decode());
    let to = compare.op0_register();
    let merges = (load.mnemonic(), compare.mnemonic()) == (Mnemonic::Mov, Mnemonic::Cmp)
        && load.op1_kind() == OpKind::Memory
        && load.op0_register() == compare.op1_register()
        && load.op0_register() != to
        && to.is_gpr32()
        && to.number() < 8;
    let end = at + decoder.position();
    let (load, compare) = code[at..end].split_at_mut(load.len());
    let prefix = usize::from(load[0] & 0xf0 == 0x40);
    let (rex, [opcode @ MOV_LOAD, modrm, ..]) = load.split_at_mut(prefix) else { return None };
    if !merges {
        return None;
    }
    *opcode = CMP_LOAD;
    *modrm = *modrm & !0x38 | (to.number() as u8) << 3;
    compare.fill(NOP);
    // REX.R speaks of the register that was loaded.
    rex.iter_mut().for_each(|rex| *rex &= !4);
    if *rex == [0x40] {
        load.rotate_left(1);
        *load.last_mut()? = NOP;
    }
    Some(())
}

/// Registers of an instruction by number.
#[derive(Clone, Copy)]
struct Registers {
    /// First operand and result.
    to: u8,
    from: u8,
    third: u8,
}

/// Replaces the fused multiply-add `i`.
fn without_vex(code: &mut Vec<u8>, i: &Instruction, to: Function, third: bool) -> Option<()> {
    let at = i.ip() as usize..i.next_ip() as usize;
    if (0..3).any(|n| i.op_kind(n) != OpKind::Register) || code.get(at.start) != Some(&VEX3) {
        return None;
    }
    let number = |n: u32| i.op_register(n).number() as u8;
    let r = Registers { to: number(0), from: number(1), third: number(2) };
    let direct = legacy(to, r.to, r.from);
    if direct.len() <= at.len() && (!third || r.third == 0) {
        // Of a shorter one, what is left is a NOP of one byte each.
        let len = direct.len();
        code[at.clone()].fill(NOP);
        code[at.start..at.start + len].copy_from_slice(&direct);
        return Some(());
    }
    let body = if third { with_third(to, r) } else { direct };
    // call rel32
    let distance = i32::try_from(code.len() - at.end).ok()?;
    code[at.start] = 0xe8;
    code[at.start + 1..at.end].copy_from_slice(&distance.to_le_bytes());
    code.extend(body);
    code.push(0xc3); // ret
    Some(())
}

/// The REX prefix for registers in the places of ModR/M, if they need one.
fn rex(reg: u8, rm: u8) -> Option<u8> {
    let bits = reg >> 3 << 2 | rm >> 3;
    (bits != 0).then_some(0x40 | bits)
}

/// The instruction on two registers in its form without VEX.
fn legacy(to: Function, reg: u8, rm: u8) -> Vec<u8> {
    let mut out: Vec<u8> = to.form.prefix.then_some(0x66).into_iter().chain(rex(reg, rm)).collect();
    out.extend(to.form.map.bytes());
    out.extend([to.form.opcode, 0xc0 | (reg & 7) << 3 | rm & 7]);
    out.extend((to.form.map == Map::Immediate).then_some(to.imm));
    out
}

/// movaps to, from
fn copy(out: &mut Vec<u8>, to: u8, from: u8) {
    out.extend(rex(to, from));
    out.extend([0x0f, 0x28, 0xc0 | (to & 7) << 3 | from & 7]);
}

/// movups [rsp - 24], register, or back: the place below what a call has pushed is nobody's, and no handler touches it.
fn spill(out: &mut Vec<u8>, register: u8, back: bool) {
    out.extend(rex(register, 0));
    out.extend([0x0f, if back { 0x10 } else { 0x11 }, 0x44 | (register & 7) << 3, 0x24, 0xe8]);
}

/// The instruction whose third operand is in XMM0, with every other register as it was.
fn with_third(form: Function, r: Registers) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    if r.to != 0 && r.from != 0 {
        spill(&mut out, 0, false);
        copy(&mut out, 0, r.third);
        out.extend(legacy(form, r.to, r.from));
        spill(&mut out, 0, true);
        return out;
    }
    // What is in XMM0 is an operand: it moves to another register for the time.
    let spare = (1..16).find(|n| ![r.to, r.from, r.third].contains(n)).unwrap_or(1);
    let moved = |n: u8| if n == 0 { spare } else { n };
    spill(&mut out, spare, false);
    copy(&mut out, spare, 0);
    copy(&mut out, 0, moved(r.third));
    out.extend(legacy(form, moved(r.to), moved(r.from)));
    copy(&mut out, 0, spare);
    spill(&mut out, spare, true);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga_baseline::host_fn;
    use brolga_ir::VecFn;

    fn text(code: &[u8]) -> Vec<String> {
        use iced_x86::{Formatter, IntelFormatter};
        let mut formatter = IntelFormatter::new();
        let mut lines = Vec::new();
        for i in Decoder::new(64, code, DecoderOptions::NONE) {
            let mut line = String::new();
            formatter.format(&i, &mut line);
            lines.push(line);
        }
        lines
    }

    fn replaced(code: &[u8], f: VecFn, imm: u8, by: By) -> Option<Vec<u8>> {
        let mut code = code.to_vec();
        let marks = [MachSrcLoc::<Final> { start: 0, end: code.len() as u32, loc: mark(0) }];
        replace(&mut code, &marks, &[StandIn::Function(Function { form: host_fn(f), imm, by })])?;
        Some(code)
    }

    #[test]
    fn opcodes_change_in_both_encodings() {
        // vpmaddubsw xmm9, xmm2, [rdi + r9]; pmaddubsw xmm9, xmm2
        let code = replaced(&[0xc4, 0x22, 0x69, 0x04, 0x0c, 0x0f], VecFn::AesEncrypt, 0, By::Pairs).unwrap();
        assert_eq!(text(&code), ["vaesenc xmm9,xmm2,[rdi+r9]"]);
        let code = replaced(&[0x66, 0x44, 0x0f, 0x38, 0x04, 0xca], VecFn::AesDecryptLast, 0, By::Pairs).unwrap();
        assert_eq!(text(&code), ["aesdeclast xmm9,xmm2"]);
        // vpalignr xmm1, xmm2, xmm3, 5
        let code = replaced(&[0xc4, 0xe3, 0x69, 0x0f, 0xcb, 5], VecFn::Product, 0x11, By::Align).unwrap();
        assert_eq!(text(&code), ["vpclmulhqhqdq xmm1,xmm2,xmm3"]);
        let code = replaced(&[0xc4, 0xe3, 0x69, 0x0f, 0xcb, 5], VecFn::Affine, 0x63, By::Align).unwrap();
        assert_eq!(text(&code), ["vgf2p8affineqb xmm1,xmm2,xmm3,63h"]);
        // vroundps xmm1, xmm2, 1; vpavgb xmm1, xmm2, xmm3
        let code = replaced(&[0xc4, 0xe3, 0x79, 0x08, 0xca, 1], VecFn::AesKey, 0x1b, By::Round).unwrap();
        assert_eq!(text(&code), ["vaeskeygenassist xmm1,xmm2,1Bh"]);
        let code = replaced(&[0xc5, 0xe9, 0xe0, 0xcb], VecFn::SumDifferences, 0, By::Average).unwrap();
        assert_eq!(text(&code), ["vpsadbw xmm1,xmm2,xmm3"]);
    }

    #[test]
    fn comparisons_get_another_predicate() {
        // vcmpeqpd xmm1, xmm9, xmm3; vcmpeqps xmm1, xmm2, [rdi]; vcmpltps xmm1, xmm2, [rdi]
        for (old, new) in [
            (&[0xc5, 0xb1, 0xc2, 0xcb, 0], Some("vcmpeq_uqpd xmm1,xmm9,xmm3")),
            (&[0xc5, 0xe8, 0xc2, 0x0f, 0], Some("vcmpeq_uqps xmm1,xmm2,[rdi]")),
            (&[0xc5, 0xe8, 0xc2, 0x0f, 1], None),
        ] {
            let mut code = old.to_vec();
            let marks = [MachSrcLoc::<Final> { start: 0, end: code.len() as u32, loc: mark(0) }];
            let done = replace(&mut code, &marks, &[StandIn::EqualOrUnordered]);
            assert_eq!(done.map(|()| text(&code).concat()), new.map(String::from));
        }
    }

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
                let mut code = load.to_vec();
                let marks = [MachSrcLoc::<Final> { start: 0, end: code.len() as u32, loc: mark(0) }];
                replace(&mut code, &marks, &[StandIn::Prefetch(kind)]).unwrap();
                assert_eq!(text(&code), [format!("{name} {address}")]);
            }
        }
        // movzx eax, word ptr [rsi]; movzx eax, cl
        for other in [[0x0f, 0xb7, 0x06], [0x0f, 0xb6, 0xc1]] {
            let marks = [MachSrcLoc::<Final> { start: 0, end: 3, loc: mark(0) }];
            assert_eq!(replace(&mut other.to_vec(), &marks, &[StandIn::Prefetch(PrefetchKind::L1)]), None);
        }
    }

    #[test]
    fn packed_floats_become_one() {
        let forms: [(&[u8], &str); 5] = [
            (&[0xc5, 0xf8, 0x10, 0x0e], "vmovss xmm1,[rsi]"),
            (&[0xc4, 0x21, 0x79, 0x10, 0x4c, 0x06, 0x10], "vmovsd xmm9,[rsi+r8+10h]"),
            (&[0xc5, 0xe9, 0x58, 0xcb], "vaddsd xmm1,xmm2,xmm3"),
            (&[0xc5, 0xe8, 0x5e, 0x0e], "vdivss xmm1,xmm2,[rsi]"),
            (&[0xc4, 0xc1, 0x69, 0x59, 0xc9], "vmulsd xmm1,xmm2,xmm9"),
        ];
        let marks = |code: &[u8]| [MachSrcLoc::<Final> { start: 0, end: code.len() as u32, loc: mark(0) }];
        for (old, new) in forms {
            let mut code = old.to_vec();
            replace(&mut code, &marks(old), &[StandIn::LowLane]).unwrap();
            assert_eq!(text(&code), [new]);
        }
        // vaddsd xmm1, xmm2, xmm3; vmovups xmm1, xmm2; addpd xmm1, xmm2
        for other in [&[0xc5, 0xeb, 0x58, 0xcb][..], &[0xc5, 0xf8, 0x10, 0xca], &[0x66, 0x0f, 0x58, 0xca]] {
            assert_eq!(replace(&mut other.to_vec(), &marks(other), &[StandIn::LowLane]), None);
        }
    }

    #[test]
    fn moves_become_aligned_ones() {
        let moves: [(&[u8], &str); 4] = [
            (&[0xc5, 0xf8, 0x10, 0x0e], "vmovaps xmm1,[rsi]"),
            (&[0xc4, 0x21, 0x78, 0x11, 0x4c, 0x06, 0x10], "vmovaps [rsi+r8+10h],xmm9"),
            (&[0x0f, 0x11, 0x0e], "movaps [rsi],xmm1"),
            (&[0x44, 0x0f, 0x10, 0x0e], "movaps xmm9,[rsi]"),
        ];
        let marks = |code: &[u8]| [MachSrcLoc::<Final> { start: 0, end: code.len() as u32, loc: mark(0) }];
        for (old, new) in moves {
            let mut code = old.to_vec();
            replace(&mut code, &marks(old), &[StandIn::Aligned]).unwrap();
            assert_eq!(text(&code), [new]);
        }
        // movups xmm1, xmm2; movdqu xmm1, [rsi]
        for other in [&[0x0f, 0x10, 0xca][..], &[0xf3, 0x0f, 0x6f, 0x0e]] {
            assert_eq!(replace(&mut other.to_vec(), &marks(other), &[StandIn::Aligned]), None);
        }
    }

    #[test]
    fn loads_are_merged_into_comparisons() {
        let merged = |code: &[u8]| {
            let mut code = code.to_vec();
            let marks = [MachSrcLoc::<Final> { start: 0, end: 6, loc: mark(0) }];
            replace(&mut code, &marks, &[StandIn::Compared]).unwrap();
            text(&code)
        };
        // mov edx, [rdi + 780h]; cmp edi, edx; jb
        let code = merged(&[0x8b, 0x97, 0x80, 7, 0, 0, 0x39, 0xd7, 0x72, 0]);
        assert_eq!(code, ["cmp edi,[rdi+780h]", "nop", "nop", "jb short 000000000000000Ah"]);
        // mov r9d, [rdi + 780h]; cmp edi, r9d
        let code = merged(&[0x44, 0x8b, 0x8f, 0x80, 7, 0, 0, 0x44, 0x39, 0xcf]);
        assert_eq!(code, ["cmp edi,[rdi+780h]", "nop", "nop", "nop", "nop"]);
        // mov r9d, [r8 + 780h]; cmp edi, r9d
        let code = merged(&[0x45, 0x8b, 0x88, 0x80, 7, 0, 0, 0x44, 0x39, 0xcf]);
        assert_eq!(code, ["cmp edi,[r8+780h]", "nop", "nop", "nop"]);
        // Something between, another register, a load that is not of four bytes, none.
        for other in [
            &[0x8b, 0x97, 0x80, 7, 0, 0, 0x89, 0xd8, 0x39, 0xd7][..],
            &[0x8b, 0x97, 0x80, 7, 0, 0, 0x39, 0xcf],
            &[0x66, 0x8b, 0x17, 0x39, 0xd7],
            &[0x0f, 0xb6, 0x17, 0x39, 0xd7],
            &[0x8b, 0x17],
        ] {
            assert_eq!(merged(other), text(other));
        }
    }

    #[test]
    fn what_looks_otherwise_is_refused() {
        // vpabsb xmm1, xmm2, twice; another instruction; none.
        let one = [0xc4, 0xe2, 0x79, 0x1c, 0xca];
        assert_eq!(replaced(&[one, one].concat(), VecFn::AesMixInverse, 0, By::Magnitude), None);
        assert_eq!(replaced(&one, VecFn::AesEncrypt, 0, By::Pairs), None);
        assert_eq!(replaced(&[], VecFn::AesEncrypt, 0, By::Pairs), None);
    }

    /// vfmadd213ps to, from, third
    fn fused(to: u8, from: u8, third: u8) -> [u8; 5] {
        let high = (!to >> 3 & 1) << 7 | 1 << 6 | (!third >> 3 & 1) << 5;
        [0xc4, high | 2, (!from & 15) << 3 | 1, 0xa8, 0xc0 | (to & 7) << 3 | third & 7]
    }

    #[test]
    fn what_has_no_vex_form_takes_the_place_or_is_called() {
        let rounds = By::Fused { third: true };
        let code = replaced(&fused(9, 2, 2), VecFn::Sha256Message1, 0, By::Fused { third: false }).unwrap();
        assert_eq!(text(&code), ["sha256msg1 xmm9,xmm2"]);
        let code = replaced(&fused(3, 2, 2), VecFn::Sha1Rounds, 2, By::Fused { third: false }).unwrap();
        assert_eq!(text(&code), ["sha1rnds4 xmm3,xmm2,2"]);
        let code = replaced(&fused(13, 2, 2), VecFn::Sha1Rounds, 2, By::Fused { third: false }).unwrap();
        assert_eq!(text(&code), ["call 5", "sha1rnds4 xmm13,xmm2,2", "ret"]);
        let code = replaced(&fused(1, 2, 0), VecFn::Sha256Rounds, 0, rounds).unwrap();
        assert_eq!(text(&code), ["sha256rnds2 xmm1,xmm2", "nop"]);
        let code = replaced(&fused(1, 12, 4), VecFn::Sha256Rounds, 0, rounds).unwrap();
        let around = ["movups [rsp-18h],xmm0", "movaps xmm0,xmm4", "sha256rnds2 xmm1,xmm12", "movups xmm0,[rsp-18h]"];
        assert_eq!(text(&code)[1..5], around);
        let code = replaced(&fused(0, 1, 14), VecFn::Sha256Rounds, 0, rounds).unwrap();
        let moved = ["movaps xmm2,xmm0", "movaps xmm0,xmm14", "sha256rnds2 xmm2,xmm1", "movaps xmm0,xmm2"];
        assert_eq!(text(&code)[2..6], moved);
    }
}
