//! Random cases: every form of every instruction that a processor of the guest's kind has, with random registers, memory
//! operands in and at the ends of the data pages, and prefixes.
//!
//! An encoding is the fixed part of its form (prefixes, opcode, group) and random bytes behind it; the decoder tells
//! whether they are that form. Its memory operands, the silent ones among them, then give registers their values.

use crate::case::{CODE, Case, DATA, DATA_LEN, PAGE, decode};
use crate::host::Registers;
use crate::random::Random;
use brolga_x86::cpu::announced;
use iced_x86::{
    Code, Decoder, DecoderOptions, EncodingKind, FlowControl, Instruction, InstructionInfoFactory, MandatoryPrefix,
    Mnemonic, OpCodeInfo, OpCodeTableKind, OpKind, Register, UsedMemory,
};
use std::collections::HashSet;

/// What processors without shadow stacks take for no operation, and libraries execute on all.
const NOTHING: &[Code] = &[Code::Rdsspd_r32, Code::Rdsspq_r64, Code::Endbr64, Code::Endbr32];

/// Instructions without a result that the host could judge, by reason.
fn excluded(m: Mnemonic) -> bool {
    use Mnemonic as M;
    let system = matches!(
        m,
        M::Syscall
            | M::Sysenter
            | M::Sysexit
            | M::Sysret
            | M::Int
            | M::Into
            | M::Hlt
            | M::Sgdt
            | M::Sidt
            | M::Sldt
            | M::Smsw
            | M::Str
            | M::Int1
            | M::Ud0
            | M::Cli
            | M::Sti
            | M::In
            | M::Out
            | M::Insb
            | M::Insw
            | M::Insd
            | M::Outsb
            | M::Outsw
            | M::Outsd
    );
    let own = matches!(m, M::Cpuid | M::Rdtsc | M::Rdtscp | M::Rdrand | M::Rdseed | M::Rdpid | M::Lsl | M::Xgetbv);
    // Approximations: each maker has its own.
    let rough = matches!(
        m,
        M::Rcpps
            | M::Rcpss
            | M::Rsqrtps
            | M::Rsqrtss
            | M::Vrcpps
            | M::Vrcpss
            | M::Vrsqrtps
            | M::Vrsqrtss
            | M::F2xm1
            | M::Fsin
            | M::Fcos
            | M::Fsincos
            | M::Fptan
            | M::Fpatan
            | M::Fyl2x
            | M::Fyl2xp1
    );
    // Areas with the addresses of the last x87 instruction, which some makers keep and others do not.
    let areas = matches!(
        m,
        M::Fnsave
            | M::Fsave
            | M::Frstor
            | M::Fnstenv
            | M::Fstenv
            | M::Fldenv
            | M::Fxsave
            | M::Fxsave64
            | M::Fxrstor
            | M::Fxrstor64
            | M::Xsave
            | M::Xsave64
            | M::Xrstor
            | M::Xrstor64
    );
    system || own || rough || areas
}

/// Whether 64-bit code may have the form, by features that are announced: by legacy and VEX encodings.
pub fn promised(code: Code) -> bool {
    let op = code.op_code();
    op.is_instruction()
        && op.mode64()
        && op.intel_decoder64()
        && op.decoder_option() == DecoderOptions::NONE
        && matches!(op.encoding(), EncodingKind::Legacy | EncodingKind::VEX)
        && !op.fwait()
        && code.cpuid_features().iter().all(|f| announced(*f))
}

fn wanted(code: Code) -> bool {
    let op = code.op_code();
    let kinds = |part: &str| op.op_kinds().iter().any(|k| format!("{k:?}").contains(part));
    // Makers disagree on branches with an operand-size prefix.
    let narrow_branch = op.operand_size() == 16 && code.flow_control() != FlowControl::Next;
    (promised(code) || NOTHING.contains(&code))
        && !(op.is_privileged()
            || op.must_be_cpl0()
            || op.is_input_output()
            || op.fwait()
            || op.is_save_restore()
            || op.is_reserved_nop())
        && !by_maker(code)
        && !(narrow_branch || kinds("far") || excluded(code.mnemonic()))
}

/// Forms that AMD's processors take for others: with 32 bits, and no offsets of 64 bits in far pointers.
fn by_maker(code: Code) -> bool {
    use Code as C;
    let far = matches!(code, C::Jmp_m1664 | C::Call_m1664 | C::Lss_r64_m1664 | C::Lfs_r64_m1664 | C::Lgs_r64_m1664);
    far || code == C::Movsxd_r16_rm16
}

/// Every form that is generated, in order.
pub fn forms() -> Vec<Code> {
    Code::values().filter(|c| wanted(*c)).collect()
}

/// Tries before a form is given up.
const TRIES: u32 = 200;

/// Random bytes that are `code` when they lie at `ip`.
pub fn encode(code: Code, ip: u64, random: &mut Random) -> Option<Vec<u8>> {
    for _ in 0..TRIES {
        let mut bytes = match code.op_code().encoding() {
            EncodingKind::VEX => vex(code.op_code(), random),
            _ => legacy(code.op_code(), random),
        };
        bytes.truncate(15);
        let mut decoder = Decoder::with_ip(64, &bytes, ip, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.is_invalid() || instruction.code() != code {
            continue;
        }
        let displacement = decoder.get_constant_offsets(&instruction);
        bytes.truncate(instruction.len());
        if displacement.has_displacement() {
            aim_displacement(&mut bytes, &instruction, displacement.displacement_offset(), random);
        }
        if leads_into(&bytes, ip) || exchanges(&bytes, code) {
            continue;
        }
        return Some(bytes);
    }
    None
}

/// PAUSE with REX.B: the processor exchanges R8 with RAX, the decoder does not know.
fn exchanges(bytes: &[u8], code: Code) -> bool {
    code == Code::Pause && bytes.iter().any(|b| b & 0xf1 == 0x41)
}

/// Whether the last bytes are a branch to one of themselves or before, which would not end.
fn leads_into(bytes: &[u8], ip: u64) -> bool {
    let i = Decoder::with_ip(64, bytes, ip, DecoderOptions::NONE).decode();
    let near = matches!(i.op0_kind(), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64);
    near && (CODE - 16..ip + bytes.len() as u64).contains(&i.near_branch_target())
}

fn opcode(op: &OpCodeInfo, random: &mut Random) -> Vec<u8> {
    let mut bytes = op.op_code().to_be_bytes()[4 - op.op_code_len() as usize..].to_vec();
    if op.op_kinds().iter().any(|k| format!("{k:?}").ends_with("_opcode")) {
        *bytes.last_mut().expect("an opcode") |= random.below(8) as u8;
    }
    bytes
}

/// ModRM and what may follow it.
fn tail(op: &OpCodeInfo, random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..14).map(|_| random.word() as u8).collect();
    if random.once_in(3) {
        bytes[0] |= 0xc0;
    }
    if op.group_index() >= 0 {
        bytes[0] = bytes[0] & 0xc7 | (op.group_index() as u8) << 3;
    }
    if op.rm_group_index() >= 0 {
        bytes[0] = bytes[0] & 0xf8 | op.rm_group_index() as u8;
    }
    bytes
}

fn legacy(op: &OpCodeInfo, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    if random.once_in(16) {
        bytes.push(random.pick(&[0x64, 0x65, 0x2e, 0x3e]));
    }
    if random.once_in(24) {
        bytes.push(0x67);
    }
    if op.can_use_lock_prefix() && random.once_in(4) {
        bytes.push(0xf0);
    }
    if (op.can_use_rep_prefix() || op.can_use_repne_prefix()) && random.once_in(2) {
        bytes.push(random.pick(&[0xf2, 0xf3]));
    }
    match op.mandatory_prefix() {
        MandatoryPrefix::P66 => bytes.push(0x66),
        MandatoryPrefix::PF3 => bytes.push(0xf3),
        MandatoryPrefix::PF2 => bytes.push(0xf2),
        _ => {}
    }
    if op.operand_size() == 16 && op.mandatory_prefix() != MandatoryPrefix::P66 {
        bytes.push(0x66);
    }
    let wide = op.w() == 1 || op.operand_size() == 64 && !op.default_op_size64() && !op.force_op_size64();
    if wide || random.once_in(2) {
        bytes.push(0x40 | u8::from(wide) << 3 | random.below(8) as u8);
    }
    match op.table() {
        OpCodeTableKind::T0F => bytes.push(0x0f),
        OpCodeTableKind::T0F38 => bytes.extend([0x0f, 0x38]),
        OpCodeTableKind::T0F3A => bytes.extend([0x0f, 0x3a]),
        _ => {}
    }
    bytes.extend(opcode(op, random));
    bytes.extend(tail(op, random));
    bytes
}

/// SDM vol. 2, "The VEX Prefix".
fn vex(op: &OpCodeInfo, random: &mut Random) -> Vec<u8> {
    let map = match op.table() {
        OpCodeTableKind::T0F => 1,
        OpCodeTableKind::T0F38 => 2,
        _ => 3,
    };
    let pp = match op.mandatory_prefix() {
        MandatoryPrefix::P66 => 1,
        MandatoryPrefix::PF3 => 2,
        MandatoryPrefix::PF2 => 3,
        _ => 0,
    };
    let vvvv = if random.once_in(2) { 15 } else { random.below(16) as u8 };
    let l = if op.is_lig() { random.below(2) as u8 } else { op.l() as u8 };
    let w = if op.is_wig() { random.below(2) as u8 } else { op.w() as u8 };
    let last = vvvv << 3 | l << 2 | pp;
    let mut bytes = if map == 1 && w == 0 && random.once_in(2) {
        vec![0xc5, (random.below(2) as u8) << 7 | last]
    } else {
        vec![0xc4, (random.below(8) as u8) << 5 | map, w << 7 | last]
    };
    bytes.extend(opcode(op, random));
    bytes.extend(tail(op, random));
    bytes
}

/// An address for an access: mostly in the data, aligned or not, sometimes across its pages or its end.
fn target(random: &mut Random) -> u64 {
    let inside = random.below(DATA_LEN - 256);
    match random.below(16) {
        0 => DATA + DATA_LEN - random.below(40),
        1 => DATA - random.below(40),
        2 => DATA + PAGE - random.below(40),
        3..=6 => DATA + inside,
        7 => random.general(),
        _ => DATA + inside / 64 * 64,
    }
}

/// Lets a displacement without registers lead to the data.
fn aim_displacement(bytes: &mut [u8], i: &Instruction, offset: usize, random: &mut Random) {
    let none = i.memory_base() == Register::None && i.memory_index() == Register::None;
    let relative = i.is_ip_rel_memory_operand();
    if !none && !relative || random.once_in(8) {
        return;
    }
    let goal = DATA + random.below(DATA_LEN);
    let value = if relative { goal.wrapping_sub(i.next_ip()) } else { goal };
    let size = i.memory_displ_size().min(8) as usize;
    let size = if relative { 4 } else { size };
    if size >= 4 && offset + size <= bytes.len() {
        bytes[offset..offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
}

/// Registers that nothing depends on yet.
fn registers(random: &mut Random) -> Registers {
    let mut r = Registers { rip: CODE, ..Registers::default() };
    r.gpr = std::array::from_fn(|_| random.general());
    r.gpr[4] = DATA + PAGE + random.below(PAGE / 16) * 8;
    const STATUS: u64 = 0x8d5;
    r.eflags = 0x202 | random.word() & STATUS | if random.once_in(4) { 0x400 } else { 0 };
    if random.once_in(24) {
        r.eflags |= 1 << 18; // AC
    }
    r.bases = [random.below(64), random.below(64)];
    r.mxcsr = 0x1f80;
    if random.once_in(3) {
        // Rounding, flush to zero, denormals are zero, flags that stand already.
        r.mxcsr |= (random.word() as u32) & 0xe07f;
    }
    if random.once_in(16) {
        r.mxcsr &= !((random.word() as u32) & 0x1f80);
    }
    let top = random.below(8) as u16;
    let control =
        0x7f | random.pick(&[0u16, 2, 3, 3, 3]) << 8 | if random.once_in(3) { random.below(4) as u16 } else { 0 } << 10;
    let tags = match random.below(4) {
        0 => 0,
        1 => random.word() as u16 & 0xff,
        _ => 0xff,
    };
    r.x87 = [control, top << 11 | random.word() as u16 & 0x4700, tags];
    if random.once_in(16) {
        unmask_x87(&mut r, random);
    }
    r.st = std::array::from_fn(|_| random.extended());
    r.xmm = std::array::from_fn(|_| random.vector());
    r.ymm_high = std::array::from_fn(|_| random.vector());
    r
}

/// Exceptions of x87 that are not masked; rarely one that waits already.
fn unmask_x87(r: &mut Registers, random: &mut Random) {
    r.x87[0] &= !(random.word() as u16 & 0x3f);
    if random.once_in(8) {
        let raised = random.word() as u16 & 0x3f;
        r.x87[1] |= raised | if raised & !r.x87[0] != 0 { 0x8080 } else { 0 };
    }
}

fn data(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(DATA_LEN as usize);
    while bytes.len() < DATA_LEN as usize {
        match random.below(4) {
            0 => bytes.extend(&random.extended().to_le_bytes()[..10]),
            1 => bytes.extend(random.general().to_le_bytes()),
            _ => bytes.extend(random.vector().to_le_bytes()),
        }
    }
    bytes.truncate(DATA_LEN as usize);
    bytes
}

/// Number of the 64-bit register that `r` is part of.
fn number(r: Register) -> Option<usize> {
    r.is_gpr().then(|| r.full_register().number())
}

/// Gives the registers of a memory operand values that lead to the data, but for those in `fixed`.
fn aim(r: &mut Registers, m: &UsedMemory, fixed: &mut HashSet<usize>, random: &mut Random) {
    let segment = match m.segment() {
        Register::FS => r.bases[0],
        Register::GS => r.bases[1],
        _ => 0,
    };
    let mut scale = 0;
    let mut index = 0;
    if m.index().is_vector_register() {
        let n = m.index().number();
        r.xmm[n] = random.word() as u128 & 0x00ff_0000_00ff | (random.word() as u128 & 0x00ff_0000_00ff) << 64;
        r.ymm_high[n] = r.xmm[n] ^ 0x3c;
    } else if let Some(n) = number(m.index()) {
        if m.index() == m.base() {
            scale = u64::from(m.scale());
        } else {
            if fixed.insert(n) {
                r.gpr[n] = random.below(64).wrapping_sub(if random.once_in(4) { 64 } else { 0 });
            }
            let narrow = if m.index().size() == 1 { 0xff } else { u64::MAX };
            index = (r.gpr[n] & narrow).wrapping_mul(m.scale() as u64);
        }
    }
    if let Some(n) = number(m.base())
        && fixed.insert(n)
    {
        let goal = target(random).wrapping_sub(m.displacement()).wrapping_sub(index).wrapping_sub(segment);
        let goal = goal / (1 + scale);
        r.gpr[n] = if m.base().size() == 4 { goal & 0xffff_ffff | random.word() << 32 } else { goal };
    }
}

/// A selector, mostly one that user code may have; not that of 32-bit code.
fn selector(random: &mut Random) -> u16 {
    match random.below(8) {
        0 => random.word() as u16 | 4,
        1 => random.pick(&[0x10, 0x1b, 0x43, 0x50, 0x63, 0x80, 0xf8]),
        2 => random.below(4) as u16,
        3 => random.pick(&[0x28, 0x29, 0x2a, 0x30, 0x31, 0x7b, 0x78]),
        4 | 5 => 0x2b,
        _ => 0x33,
    }
}

/// Whether the last operand is a selector.
fn of_selector(i: &Instruction) -> bool {
    i.mnemonic() != Mnemonic::Mov || i.op0_register().is_segment_register()
}

/// What makes a random operand a likely one.
fn suit(r: &mut Registers, i: &Instruction, fixed: &HashSet<usize>, random: &mut Random) {
    let mut set = |n: usize, value: u64| {
        if !fixed.contains(&n) {
            r.gpr[n] = value;
        }
    };
    match i.mnemonic() {
        // Bits far from the operand would be bytes far from it.
        Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc => {
            if let (OpKind::Memory, Some(n)) = (i.op0_kind(), number(i.op1_register())) {
                set(n, random.below(1024).wrapping_sub(if random.once_in(3) { 512 } else { 0 }));
            }
        }
        Mnemonic::Div if !random.once_in(4) => set(2, random.below(3)),
        Mnemonic::Idiv if !random.once_in(4) => set(2, random.below(2).wrapping_neg()),
        Mnemonic::Mov | Mnemonic::Lar | Mnemonic::Verr | Mnemonic::Verw if of_selector(i) => {
            if let Some(n) = number(i.op_register(i.op_count() - 1)) {
                let high = random.word() << 16;
                set(n, high | u64::from(selector(random)));
            }
        }
        // A frame in or around the one to be made: its links are read while they are written. Now and then the data ends
        // midway.
        Mnemonic::Enter => {
            if random.once_in(4) {
                r.gpr[4] = DATA + random.below(300);
            }
            let step = random.pick(&[1, 8, 8, 8]);
            r.gpr[5] = r.gpr[4].wrapping_add(step * random.below(64)).wrapping_sub(step * random.below(64));
        }
        _ if i.has_rep_prefix() || i.has_repne_prefix() => set(1, random.below(9)),
        _ => {}
    }
}

/// A case of one instruction of each of these forms; `None` if one could not be made.
pub fn case(forms: &[Code], random: &mut Random) -> Option<Case> {
    let mut code = Vec::new();
    for form in forms {
        code.extend(encode(*form, CODE + code.len() as u64, random)?);
    }
    Some(case_of(code, random))
}

/// A case of this code.
pub fn case_of(code: Vec<u8>, random: &mut Random) -> Case {
    let instructions = decode(&code);
    let mut before = registers(random);
    let mut data = data(random);
    let mut fixed = HashSet::new();
    let mut factory = InstructionInfoFactory::new();
    for i in &instructions {
        for m in factory.info(i).used_memory() {
            aim(&mut before, m, &mut fixed, random);
        }
        suit(&mut before, i, &fixed, random);
    }
    meet(&before, &instructions, &mut data, random);
    far(&before, &instructions, &mut data, random);
    Case { code, instructions, before, data }
}

/// Address of an instruction's memory operand.
fn address(r: &Registers, i: &Instruction) -> Option<u64> {
    i.virtual_address(0, 0, |register, _, _| match register {
        Register::FS => Some(r.bases[0]),
        Register::GS => Some(r.bases[1]),
        Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
        other => number(other).map(|n| if other.size() == 4 { r.gpr[n] & 0xffff_ffff } else { r.gpr[n] }),
    })
}

/// Far pointers and returns with likely selectors, that lead into the code page.
fn far(r: &Registers, instructions: &[Instruction], data: &mut [u8], random: &mut Random) {
    let Some(i) = instructions.first() else { return };
    let memory = i.op_count() > 0 && i.op_kind(i.op_count() - 1) == OpKind::Memory;
    let (at, bytes, words) = match i.mnemonic() {
        Mnemonic::Pop if i.op0_register().is_segment_register() => (Some(r.gpr[4]), 8, 1),
        Mnemonic::Mov if memory && i.op0_register().is_segment_register() => (address(r, i), 2, 1),
        Mnemonic::Lss | Mnemonic::Lfs | Mnemonic::Lgs => (address(r, i), i.op0_register().size(), 2),
        Mnemonic::Jmp | Mnemonic::Call if i.is_jmp_far_indirect() || i.is_call_far_indirect() => {
            (address(r, i), i.memory_size().size() - 2, 2)
        }
        Mnemonic::Retf | Mnemonic::Iretd | Mnemonic::Iretq => {
            let words = if i.mnemonic() == Mnemonic::Retf { 2 } else { 5 };
            (Some(r.gpr[4]), (i.op_code().operand_size() as usize / 8).clamp(2, 8), words)
        }
        _ => return,
    };
    let Some(at) = at.and_then(|a| a.checked_sub(DATA)) else { return };
    const FLAGS: u64 = 0x602 | 0x8d5;
    let values = [CODE + 64, selector(random).into(), random.word() & FLAGS, r.gpr[4], selector(random).into()];
    let values = if words == 1 { &values[1..2] } else { &values[..words] };
    for (k, v) in values.iter().enumerate() {
        let from = at as usize + k * bytes;
        let bytes = if words == 2 && k == 1 && memory { 2 } else { bytes };
        if let Some(to) = data.get_mut(from..from + bytes) {
            to.copy_from_slice(&v.to_le_bytes()[..bytes]);
        }
    }
}

/// Half of the comparisons with memory are of equals.
fn meet(r: &Registers, instructions: &[Instruction], data: &mut [u8], random: &mut Random) {
    let is = |m| matches!(m, Mnemonic::Cmpxchg | Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b);
    let Some(i) = instructions.first().filter(|i| is(i.mnemonic()) && i.op0_kind() == OpKind::Memory) else { return };
    let Some(at) = address(r, i).and_then(|a| a.checked_sub(DATA)) else { return };
    let mut both = r.gpr[0].to_le_bytes().to_vec();
    if i.mnemonic() == Mnemonic::Cmpxchg8b {
        both.truncate(4);
        both.extend(&r.gpr[2].to_le_bytes()[..4]);
    }
    both.extend(r.gpr[2].to_le_bytes());
    if at + 16 <= DATA_LEN && random.once_in(2) {
        data[at as usize..at as usize + both.len().min(16)].copy_from_slice(&both[..both.len().min(16)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_can_be_made() {
        let (forms, mut random) = (forms(), Random(7));
        assert!(forms.len() > 1500, "{}", forms.len());
        let without: Vec<_> = forms.iter().filter(|c| encode(**c, CODE, &mut random).is_none()).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn most_accesses_reach_the_data() {
        let mut random = Random(3);
        let mut inside = 0;
        for _ in 0..1000 {
            inside += u32::from((DATA..DATA + DATA_LEN).contains(&target(&mut random)));
        }
        assert!((700..990).contains(&inside), "{inside}");
    }
}
