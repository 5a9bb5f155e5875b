//! Where processors that the host may be differ from each other: in what they have, and in what their manuals leave open.

use crate::case::Case;
use crate::judge::{End, SI_KERNEL};
use iced_x86::{Code, CpuidFeature as Iced, Instruction, Mnemonic, OpKind};
use std::arch::is_x86_feature_detected as has;

/// Features that the guest's processor has and not every host does.
fn on_host(feature: Iced) -> bool {
    match feature {
        Iced::SHA => has!("sha"),
        Iced::GFNI => has!("gfni"),
        Iced::VAES => has!("vaes"),
        Iced::VPCLMULQDQ => has!("vpclmulqdq"),
        Iced::ADX => has!("adx"),
        Iced::RDSEED => has!("rdseed"),
        Iced::RDRAND => has!("rdrand"),
        Iced::F16C => has!("f16c"),
        Iced::FMA => has!("fma"),
        Iced::MOVBE => has!("movbe"),
        Iced::AVX2 => has!("avx2"),
        Iced::BMI1 => has!("bmi1"),
        Iced::BMI2 => has!("bmi2"),
        Iced::LZCNT => has!("lzcnt"),
        _ => true,
    }
}

/// Whether the host's processor can judge the form.
pub fn judged_here(code: Code) -> bool {
    code.cpuid_features().iter().all(|feature| on_host(*feature))
}

/// Takes what makers disagree on out of both ends of `case`; an error with the reason if nothing can be compared then.
pub fn settle(case: &Case, host: &mut End, own: &mut End) -> Result<(), &'static str> {
    let at = |rip: u64| case.instructions.iter().find(|i| i.ip() == rip);
    [&mut *host, &mut *own].into_iter().for_each(settle_null_selectors);
    let differ = host.raised != own.raised || host.after.rip != own.after.rip;
    let ends = [(&*host, at(host.after.rip)), (&*own, at(own.after.rip))];
    for (end, i) in ends.into_iter().filter(|_| differ) {
        let Some(i) = i else { continue };
        let misaligned = matches!(end.raised, Some((libc::SIGBUS, libc::BUS_ADRALN, _)));
        if misaligned && checked_by_some(i) {
            return Err("alignment checks that only some makers have");
        }
        if misaligned && [&*host, &*own].iter().any(|end| matches!(end.raised, Some((libc::SIGSEGV, SI_KERNEL, _)))) {
            return Err("whether alignment or the form of an address is checked first");
        }
        if i.mnemonic() == Mnemonic::Cmpsb && i.has_repe_prefix() && host.raised.is_some() && own.raised.is_some() {
            return Err("which of its two reads REPE CMPSB makes first");
        }
        if end.raised.is_some()
            && let Some(why) = order(i)
        {
            return Err(why);
        }
    }
    for i in &case.instructions {
        if is_dot_product(i) && host.after != own.after && case.instructions.len() > 1 {
            return Err("which NaN of several is a sum's");
        }
        settle_result(i, host, own);
        let others = case.instructions.len() > 1;
        if others && is_repeated(i) && is_narrow(i) && (host.after != own.after || host.raised != own.raised) {
            return Err(
                "what others make of registers that a repetition of no element has cleared the upper halves of",
            );
        }
    }
    match at(host.after.rip).filter(|_| host.raised.is_some() && own.raised.is_some()) {
        Some(i) if matches!(i.mnemonic(), Mnemonic::Fstp | Mnemonic::Fbstp) && i.memory_size().size() == 10 => {
            Err("what a store of 80 bits leaves that faults")
        }
        Some(i) => {
            settle_fault(i, host, own);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Why an instruction that raises one thing may have raised another.
fn order(i: &Instruction) -> Option<&'static str> {
    Some(match i.mnemonic() {
        Mnemonic::Retf | Mnemonic::Iretd | Mnemonic::Iretq => "the order of a far return's checks",
        Mnemonic::Pop if i.op0_register().is_segment_register() => "how many bytes a selector is popped from",
        Mnemonic::Vcvtps2ph
        | Mnemonic::Fbstp
        | Mnemonic::Fst
        | Mnemonic::Fstp
        | Mnemonic::Fist
        | Mnemonic::Fistp
        | Mnemonic::Fisttp => "whether a result is stored before its exceptions are raised",
        _ => return None,
    })
}

/// Settles what an instruction leaves that has run or may have.
fn settle_result(i: &Instruction, host: &mut End, own: &mut End) {
    match i.mnemonic() {
        // Which NaN of several is a sum's.
        _ if is_dot_product(i) => {
            let (a, b) = (&mut host.after, &own.after);
            let n = i.op0_register().number();
            let bits = if matches!(i.mnemonic(), Mnemonic::Dppd | Mnemonic::Vdppd) { 64 } else { 32 };
            a.xmm[n] = with_nans_of(bits, a.xmm[n], b.xmm[n]);
            a.ymm_high[n] = with_nans_of(bits, a.ymm_high[n], b.ymm_high[n]);
        }
        // With a count of 0 some write the registers though nothing is done.
        _ if is_repeated(i) && is_narrow(i) => {
            for end in [host, own] {
                [1, 6, 7].into_iter().for_each(|n| end.after.gpr[n] &= 0xffff_ffff);
            }
        }
        _ => {}
    }
}

fn is_repeated(i: &Instruction) -> bool {
    i.is_string_instruction() && (i.has_rep_prefix() || i.has_repne_prefix())
}

/// Whether the operands in memory have addresses of 32 bits.
fn is_narrow(i: &Instruction) -> bool {
    use OpKind as K;
    let narrow = |kind| matches!(kind, K::MemoryESEDI | K::MemorySegEDI | K::MemorySegESI);
    i.op_kinds().any(narrow)
}

fn is_dot_product(i: &Instruction) -> bool {
    matches!(i.mnemonic(), Mnemonic::Dpps | Mnemonic::Vdpps | Mnemonic::Dppd | Mnemonic::Vdppd)
}

/// `theirs`, and of elements of `bits` that are NaNs in both that of `ours`. SDM vol. 2, "DPPS".
fn with_nans_of(bits: usize, theirs: u128, ours: u128) -> u128 {
    let is_nan =
        |v: u128| if bits == 64 { f64::from_bits(v as u64).is_nan() } else { f32::from_bits(v as u32).is_nan() };
    let mask = u128::MAX >> (128 - bits);
    (0..128).step_by(bits).fold(0, |all, at| {
        let element = if is_nan(theirs >> at) && is_nan(ours >> at) { ours } else { theirs };
        all | element & mask << at
    })
}

/// An interrupt may have come: IRET leaves 0 of a null selector whose low bits are set. SDM vol. 2, "IRET/IRETD/IRETQ".
fn settle_null_selectors(end: &mut End) {
    end.after.segments.iter_mut().filter(|selector| **selector < 4).for_each(|selector| *selector = 0);
}

/// Settles what an instruction leaves that has raised something.
fn settle_fault(i: &Instruction, host: &mut End, own: &mut End) {
    match i.mnemonic() {
        _ if i.is_vsib() => [host, own].into_iter().for_each(|end| settle_gather(end, i)),
        // Flags of the conversion, whose result could not be stored.
        Mnemonic::Vcvtps2ph => [host, own].into_iter().for_each(|end| end.after.mxcsr &= !0x3f),
        // The address is any of the access.
        Mnemonic::Vmaskmovps | Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovd | Mnemonic::Vpmaskmovq => {
            same_access(host, own, 32);
        }
        Mnemonic::Maskmovq | Mnemonic::Maskmovdqu | Mnemonic::Vmaskmovdqu => same_access(host, own, 16),
        // Flags of the elements that were compared, or those of before; and which of two is read first. SDM vol. 2, "REP".
        _ if is_repeated(i) => {
            [&mut *host, &mut *own].into_iter().for_each(|end| end.after.eflags &= !0x8d5);
            either_operand(i, host, own);
        }
        // The x87 registers are MMX registers by then, or not yet.
        _ if is_mmx(i) => [host, own].into_iter().for_each(forget_top),
        _ => {}
    }
}

/// Lets faults agree if each may be of an operand of a comparison: where one begins, or of one without an address.
fn either_operand(i: &Instruction, host: &mut End, own: &End) {
    let begins = |addr: u64| [6, 7].iter().any(|&n| addr.wrapping_sub(own.after.gpr[n]) < 8);
    let may_be = |(_, code, addr): (i32, i32, u64)| code == SI_KERNEL || begins(addr);
    if let (Some(theirs), Some(ours)) = (host.raised, own.raised)
        && i.op_count() == 2
        && theirs.0 == ours.0
        && may_be(theirs)
        && may_be(ours)
    {
        host.raised = own.raised;
    }
}

/// Lets addresses of faults agree that are of the same `size` bytes.
fn same_access(host: &mut End, own: &End, size: u32) {
    if let (Some(theirs), Some(ours)) = (&mut host.raised, own.raised)
        && (theirs.2.wrapping_sub(ours.2) as i32).unsigned_abs() < size
    {
        theirs.2 = ours.2;
    }
}

/// Whether an instruction accesses more than 8 bytes, or parts of 8. SDM vol. 2, "Exceptions Type 4"
/// and "POP", has no alignment check of those; AMD64 APM vol. 2, "#AC - Alignment-Check Exception", excepts none.
fn checked_by_some(i: &Instruction) -> bool {
    let selector = i.mnemonic() == Mnemonic::Pop && i.op0_register().is_segment_register();
    i.memory_size().size() > 8 || selector || i.mnemonic() == Mnemonic::Vcvtph2ps
}

/// Orders the x87 registers as MMX does, without what says which are in use.
fn forget_top(end: &mut End) {
    let after = &mut end.after;
    after.st.rotate_right(usize::from(after.x87[1] >> 11 & 7));
    (after.x87[1], after.x87[2]) = (0, 0);
}

/// Whether an operand is an MMX register.
fn is_mmx(i: &Instruction) -> bool {
    (0..i.op_count()).any(|n| i.op_register(n).is_mm())
}

/// Fills each element of a gather's mask with its highest bit, which is all of it that counts. What is above 128 bits some clear as
/// at the end of a gather of 128 bits.
fn settle_gather(end: &mut End, i: &Instruction) {
    let (result, mask) = (i.op0_register(), i.op2_register());
    let bits = 8 * i.memory_size().element_size();
    let spread = |value: u128| -> u128 {
        let element = u128::MAX >> (128 - bits);
        (0..128 / bits).filter(|k| value >> (bits * (k + 1) - 1) & 1 == 1).fold(0, |all, k| all | element << (bits * k))
    };
    let (low, high) = (&mut end.after.xmm, &mut end.after.ymm_high);
    low[mask.number()] = spread(low[mask.number()]);
    high[mask.number()] = spread(high[mask.number()]);
    for register in [result, mask].into_iter().filter(|r| r.is_xmm()) {
        high[register.number()] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::case_of;
    use crate::random::Random;

    fn ends(code: &[u8], theirs: (i32, i32, u64), ours: Option<(i32, i32, u64)>) -> (Case, End, End) {
        let case = case_of(code.to_vec(), &mut Random(3));
        let end = |raised| End { raised, after: case.before.clone(), data: case.data.clone() };
        let (host, own) = (end(Some(theirs)), end(ours));
        (case, host, own)
    }

    #[test]
    fn masks_of_gathers_count_by_their_signs() {
        // vpgatherdd xmm1, [rax+xmm2], xmm3
        let fault = (libc::SIGSEGV, 1, 8);
        let (case, mut host, mut own) = ends(&[0xc4, 0xe2, 0x61, 0x90, 0x0c, 0x10], fault, Some(fault));
        host.after.xmm[3] = 0xffff_ffff_0000_0000;
        own.after.xmm[3] = 0x8000_0001_7000_0000;
        settle(&case, &mut host, &mut own).unwrap();
        assert_eq!(host, own);
        own.after.xmm[3] = 0x8000_0001_8000_0000;
        settle(&case, &mut host, &mut own).unwrap();
        assert_ne!(host, own);
    }

    #[test]
    fn null_selectors_are_the_same_behind_an_interrupt() {
        let trap = (libc::SIGTRAP, 1, 8);
        let (case, mut host, mut own) = ends(&[0x0f, 0xa9], trap, Some(trap)); // pop gs
        (host.after.segments[3], own.after.segments[3]) = (0, 3);
        settle(&case, &mut host, &mut own).unwrap();
        assert_eq!(host, own);
        own.after.segments[3] = 0x2b;
        settle(&case, &mut host, &mut own).unwrap();
        assert_ne!(host, own);
    }

    #[test]
    fn what_follows_a_narrow_repetition_may_see_cleared_halves() {
        let fault = (libc::SIGSEGV, 1, 8);
        // rep movsb [edi], [esi]; mov al, [rsi]
        let (case, mut host, mut own) = ends(&[0x67, 0xf3, 0xa4, 0x8a, 0x06], fault, None);
        assert!(settle(&case, &mut host, &mut own).is_err());
        // The same with wide addresses, and alone.
        for code in [&[0xf3, 0xa4, 0x8a, 0x06][..], &[0x67, 0xf3, 0xa4]] {
            let (case, mut host, mut own) = ends(code, fault, None);
            assert!(settle(&case, &mut host, &mut own).is_ok());
            assert_ne!(host, own);
        }
    }

    #[test]
    fn a_repeated_comparison_may_read_either_first() {
        let (source, destination) = ((libc::SIGSEGV, 1, 0x1000), (libc::SIGSEGV, 1, 0x2000));
        let (case, mut host, mut own) = ends(&[0xf3, 0xa6], destination, Some(source));
        assert!(settle(&case, &mut host, &mut own).is_err());
        // One that does not fault, and REPNE CMPSB.
        for (code, own) in [(&[0xf3, 0xa6], None), (&[0xf2, 0xa6], Some(source))] {
            let (case, mut host, mut own) = ends(code, destination, own);
            assert!(settle(&case, &mut host, &mut own).is_ok());
            assert_ne!(host, own);
        }
    }

    #[test]
    fn only_wide_accesses_may_be_checked_by_one() {
        let fault = (libc::SIGBUS, libc::BUS_ADRALN, 0);
        // vpaddw ymm0, ymm0, [rax]
        let (case, mut host, mut own) = ends(&[0xc5, 0xfd, 0xfd, 0x00], fault, None);
        assert!(settle(&case, &mut host, &mut own).is_err());
        // vmovq xmm0, [rax]
        let (case, mut host, mut own) = ends(&[0xc5, 0xfa, 0x7e, 0x00], fault, None);
        assert!(settle(&case, &mut host, &mut own).is_ok());
    }

    #[test]
    fn an_access_has_many_addresses() {
        // vmaskmovpd [rax], xmm1, xmm2
        let code = [0xc4, 0xe2, 0x71, 0x2f, 0x10];
        let (case, mut host, mut own) = ends(&code, (libc::SIGSEGV, 1, 0x1007), Some((libc::SIGSEGV, 1, 0x1000)));
        settle(&case, &mut host, &mut own).unwrap();
        assert_eq!(host.raised, own.raised);
        let (case, mut host, mut own) = ends(&code, (libc::SIGSEGV, 1, 0x1020), Some((libc::SIGSEGV, 1, 0x1000)));
        settle(&case, &mut host, &mut own).unwrap();
        assert_ne!(host.raised, own.raised);
    }
}
