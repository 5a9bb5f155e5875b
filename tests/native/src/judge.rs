//! What a case does on the host and on a tier of ours, in one form, and what of it must agree.

use crate::case::{CODE, CODE_PAGE, Case, DATA, DATA_LEN, registers};
use crate::host::{Host, Registers};
use brolga_core::{Env, Exit};
use brolga_harness::{Engine, Guest, Outcome};
use brolga_user::abi::x86_64::X86_64;
use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register, RflagsBits};
use std::fmt::Write as _;

/// How a case ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// Signal, `si_code` and `si_addr`; `None` if the code ran to its end or left by a branch.
    pub raised: Option<(i32, i32, u64)>,
    /// Registers then.
    pub after: Registers,
    /// The data pages then.
    pub data: Vec<u8>,
}

/// What became of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// It ran.
    Ended(Box<End>),
    /// It has no result to compare, for the reason given.
    Nothing(String),
}

/// `si_code` of general protection.
pub(crate) const SI_KERNEL: i32 = 0x80;
const TRAP_TRACE: i32 = 2;

/// Runs `case` on the host.
pub fn native(host: &mut Host, case: &Case) -> std::io::Result<Run> {
    host.set_code((CODE % 4096) as usize, &case.code);
    host.data().copy_from_slice(&case.data);
    let (stop, mut after) = host.run(&case.before)?;
    let inside = |at: u64| (CODE..case.end()).contains(&at);
    let canonical = |at: u64| ((at << 16) as i64 >> 16) as u64 == at;
    let raised = Some((stop.signal, stop.code, stop.addr));
    let raised = match (stop.signal, stop.code) {
        // The INT3 around the code: a byte behind where the code left to.
        (libc::SIGTRAP, SI_KERNEL) if !inside(after.rip.wrapping_sub(1)) => {
            after.rip = after.rip.wrapping_sub(1);
            None
        }
        (libc::SIGTRAP, TRAP_TRACE) => return Ok(Run::Nothing("single steps".into())),
        (libc::SIGTRAP, _) => Some((stop.signal, stop.code, 0)),
        // A branch to where nothing can be executed: ours tells the address and goes on.
        (libc::SIGSEGV, 1 | 2) if stop.addr == after.rip && !inside(after.rip) => None,
        (libc::SIGSEGV, SI_KERNEL) if !canonical(after.rip) => None,
        (libc::SIGSEGV, SI_KERNEL) if leaves_far(case, after.rip) => {
            return Ok(Run::Nothing("a branch to what is no address faults where it is, ours where it leads".into()));
        }
        (libc::SIGSEGV, 2) if stop.addr & !0xfff == CODE_PAGE => return Ok(Run::Nothing("a write to code".into())),
        _ => raised,
    };
    Ok(Run::Ended(Box::new(End { raised, after, data: host.data().to_vec() })))
}

/// Whether the instruction at `rip` is a branch through a register or memory.
fn leaves_far(case: &Case, rip: u64) -> bool {
    case.instructions.iter().any(|i| {
        i.ip() == rip
            && matches!(i.mnemonic(), Mnemonic::Jmp | Mnemonic::Call | Mnemonic::Ret)
            && i.op0_kind() != OpKind::NearBranch64
    })
}

/// Blocks that a case may take: a repeated instruction goes at most through all of the data.
const MOST_BLOCKS: u64 = 2 * DATA_LEN;

/// Runs `case` on a tier.
pub fn ours(engine: &mut dyn Engine, guest: &'static Guest, case: &Case) -> Run {
    let mut state = case.state(guest);
    let mut outcome = engine.run_code(&case.code, CODE, &mut state);
    // A block may end before the code does; a repeated instruction may be a block that leads to itself.
    for _ in 0..MOST_BLOCKS {
        let pc = state.pc(guest);
        if outcome != Outcome::Done || !(CODE..case.end()).contains(&pc) {
            break;
        }
        outcome = engine.run_code(&case.code[(pc - CODE) as usize..], pc, &mut state);
    }
    let env = Env { file: state.file, ..Env::default() };
    let outcome = match outcome {
        Outcome::Exit(Exit::Fault(fault)) => Outcome::Exit(guest.frontend.fault(&env, fault, &|bytes| {
            let from = case.code.get((env.get(guest.frontend.regs().pc) - CODE) as usize..).unwrap_or_default();
            let count = from.len().min(bytes.len());
            bytes[..count].copy_from_slice(&from[..count]);
            count
        })),
        other => other,
    };
    let raised = match outcome {
        Outcome::Done => None,
        Outcome::Refused(why) => return Run::Nothing(why),
        Outcome::Exit(exit) => match ((X86_64.raised)(&env, exit), exit) {
            (Some(r), _) => Some((r.signal, r.code, r.addr)),
            (None, Exit::Syscall(_)) => return Run::Nothing("a system call".into()),
            (None, other) => return Run::Nothing(format!("{other:?}")),
        },
    };
    let mut data = vec![0; DATA_LEN as usize];
    for (at, page) in state.memory.pages() {
        if let Some(offset) = at.checked_sub(DATA).filter(|o| *o < DATA_LEN) {
            data[offset as usize..offset as usize + page.len()].copy_from_slice(&page);
        }
    }
    Run::Ended(Box::new(End { raised, after: registers(&env), data }))
}

/// Bits of EFLAGS by iced's.
const FLAGS: [(u32, u64); 6] = [
    (RflagsBits::CF, 1),
    (RflagsBits::PF, 4),
    (RflagsBits::AF, 0x10),
    (RflagsBits::ZF, 0x40),
    (RflagsBits::SF, 0x80),
    (RflagsBits::OF, 0x800),
];

/// Bits of EFLAGS that are compared: not RF, which the host sets on faults, nor those that ptrace does not set.
const COMPARED: u64 = 0x4_0cd5;
/// C0, C2 and C3 of the x87 status word.
const CONDITIONS: u16 = 0x4500;
/// C1.
const ROUNDED: u16 = 0x200;

/// What instructions leave undefined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Undefined {
    flags: u32,
    /// C0, C2 and C3.
    conditions: bool,
    /// C1.
    rounded: bool,
}

/// x87 instructions that define C0, C2 and C3, or keep them.
fn defines_conditions(m: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        m,
        M::Fcom
            | M::Fcomp
            | M::Fcompp
            | M::Fucom
            | M::Fucomp
            | M::Fucompp
            | M::Ficom
            | M::Ficomp
            | M::Ftst
            | M::Fxam
            | M::Fprem
            | M::Fprem1
            | M::Fnstsw
            | M::Fnstcw
            | M::Fninit
            | M::Fnclex
            | M::Emms
            | M::Fnop
            | M::Wait
    )
}

/// What the instructions before `rip` leave undefined; an error if one of them depends on it or has no defined result.
pub fn undefined(case: &Case, rip: u64) -> Result<Undefined, &'static str> {
    let mut u = Undefined::default();
    let done = |i: &&Instruction| !(CODE..case.end()).contains(&rip) || i.ip() < rip;
    for (n, i) in case.instructions.iter().filter(done).enumerate() {
        if i.rflags_read() & u.flags != 0 {
            return Err("an undefined flag is used");
        }
        if i.mnemonic() == Mnemonic::Fnstsw && (u.conditions || u.rounded) {
            return Err("an undefined flag is used");
        }
        if result_undefined(i, (n == 0).then_some(&case.before)) {
            return Err("its result is undefined");
        }
        if !may_keep_flags(i) {
            u.flags &= !(i.rflags_written() | i.rflags_cleared() | i.rflags_set());
        }
        u.flags |= i.rflags_undefined();
        // SDM vol. 2, "RCL/RCR/ROL/ROR": OF is defined for counts of 1 alone, whatever they are of the width.
        if matches!(i.mnemonic(), Mnemonic::Rcl | Mnemonic::Rcr) && !once(i) {
            u.flags |= RflagsBits::OF;
        }
        // SDM vol. 2, "FFREE": all four. Comparisons into EFLAGS clear C1 there, AMD's keep it.
        u.rounded |= matches!(
            i.mnemonic(),
            Mnemonic::Ffree
                | Mnemonic::Ffreep
                | Mnemonic::Fcomi
                | Mnemonic::Fcomip
                | Mnemonic::Fucomi
                | Mnemonic::Fucomip
        );
        let m = format!("{:?}", i.mnemonic());
        if m.starts_with('F') && !defines_conditions(i.mnemonic()) && !m.starts_with("Fx") {
            u.conditions = true;
        } else if defines_conditions(i.mnemonic()) && !m.starts_with("Fn") {
            u.conditions = false;
        }
    }
    Ok(u)
}

/// Bits of EFLAGS that an instruction leaves undefined.
pub fn undefined_flags(i: &Instruction) -> u64 {
    FLAGS.iter().filter(|(bit, _)| i.rflags_undefined() & bit != 0).fold(0, |all, (_, bit)| all | bit)
}

/// Whether a count of zero keeps the flags.
fn may_keep_flags(i: &Instruction) -> bool {
    let by_register = i.op_count() > 1 && i.op_register(i.op_count() - 1) == Register::CL;
    by_register || i.has_rep_prefix() || i.has_repne_prefix()
}

/// Whether a rotate is by one, as its form says.
fn once(i: &Instruction) -> bool {
    i.op1_kind() == OpKind::Immediate8 && i.immediate8() & 31 == 1
}

/// SDM vol. 2, "SHLD", "SHRD", "BSWAP": shifts by more than 16 of 16 bits, and 16-bit swaps.
fn result_undefined(i: &Instruction, before: Option<&Registers>) -> bool {
    match i.mnemonic() {
        Mnemonic::Bswap => i.code() == Code::Bswap_r16,
        Mnemonic::Shld | Mnemonic::Shrd => {
            let words = i.op1_register().size() == 2;
            let count = match i.op2_kind() {
                OpKind::Register if i.op2_register() == Register::CL => before.map_or(31, |r| r.gpr[1] & 31),
                _ => u64::from(i.immediate8() & 31),
            };
            words && count > 16
        }
        _ => false,
    }
}

/// Where two ends differ in what is defined, a line each; empty if they agree.
pub fn differences(host: &End, own: &End, u: Undefined) -> String {
    let mut out = String::new();
    if host.raised != own.raised {
        let text = |r: Option<(i32, i32, u64)>| {
            r.map_or("none".to_string(), |(s, c, a)| format!("{} code {c} at {a:#x}", brolga_user::signal::name(s)))
        };
        let _ = writeln!(out, "  signal: host {}, ours {}", text(host.raised), text(own.raised));
    }
    let mut line = |name: String, host: u128, own: u128| {
        if host != own {
            let _ = writeln!(out, "  {name}: host {host:#x}, ours {own:#x}");
        }
    };
    let (h, o) = (&host.after, &own.after);
    let flags = COMPARED & !FLAGS.iter().filter(|(bit, _)| u.flags & bit != 0).fold(0, |m, (_, bit)| m | bit);
    let conditions = if u.conditions { CONDITIONS } else { 0 };
    let status = !(conditions | if u.rounded { ROUNDED } else { 0 });
    for (n, name) in GENERAL.iter().enumerate() {
        line((*name).into(), h.gpr[n].into(), o.gpr[n].into());
    }
    line("rip".into(), h.rip.into(), o.rip.into());
    line("eflags".into(), (h.eflags & flags).into(), (o.eflags & flags).into());
    line("fs_base".into(), h.bases[0].into(), o.bases[0].into());
    line("gs_base".into(), h.bases[1].into(), o.bases[1].into());
    for (n, name) in ["ds", "es", "fs", "gs"].iter().enumerate() {
        line((*name).into(), h.segments[n].into(), o.segments[n].into());
    }
    line("mxcsr".into(), h.mxcsr.into(), o.mxcsr.into());
    line("fpu control".into(), h.x87[0].into(), o.x87[0].into());
    line("fpu status".into(), (h.x87[1] & status).into(), (o.x87[1] & status).into());
    line("fpu tags".into(), h.x87[2].into(), o.x87[2].into());
    for n in 0..8 {
        line(format!("st({n})"), h.st[n], o.st[n]);
    }
    for n in 0..16 {
        line(format!("xmm{n}"), h.xmm[n], o.xmm[n]);
        line(format!("ymm{n} high"), h.ymm_high[n], o.ymm_high[n]);
    }
    let differ: Vec<usize> = (0..host.data.len()).filter(|&i| host.data[i] != own.data[i]).collect();
    for at in differ.iter().take(16) {
        line(format!("byte {:#x}", DATA + *at as u64), host.data[*at].into(), own.data[*at].into());
    }
    out
}

/// Names of general registers in order of the encoding.
pub const GENERAL: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::decode;
    use crate::generate;
    use crate::random::Random;

    fn case(code: &[u8]) -> Case {
        let mut random = Random(5);
        let mut case = generate::case(&[Code::Nopd], &mut random).unwrap();
        (case.code, case.instructions) = (code.to_vec(), decode(code));
        case
    }

    fn end(host: &mut Host, case: &Case) -> End {
        match native(host, case).unwrap() {
            Run::Ended(end) => *end,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn branches_end_where_they_lead() {
        let mut host = Host::new().unwrap();
        let case = case(&[0xeb, 0x10]); // jmp $+18
        let jump = end(&mut host, &case);
        assert_eq!((jump.raised, jump.after.rip), (None, CODE + 18));
        let mut case = self::case(&[0xff, 0xe0]); // jmp rax
        case.before.gpr[0] = 0x1234_5000;
        let jump = end(&mut host, &case);
        assert_eq!((jump.raised, jump.after.rip), (None, 0x1234_5000));
        case.before.gpr[0] = 1 << 55;
        assert!(matches!(native(&mut host, &case).unwrap(), Run::Nothing(_)));
    }

    #[test]
    fn exceptions_are_told_apart_from_the_end() {
        let mut host = Host::new().unwrap();
        let trap = end(&mut host, &case(&[0xcc, 0x90]));
        assert_eq!((trap.raised, trap.after.rip), (Some((libc::SIGTRAP, SI_KERNEL, 0)), CODE + 1));
        let undefined = end(&mut host, &case(&[0x0f, 0x0b]));
        assert_eq!(undefined.raised, Some((libc::SIGILL, 2, CODE)));
    }

    #[test]
    fn undefined_flags_follow_the_instructions() {
        // mul rcx ; adc rax, rax: CF is defined. imul eax, ecx ; setz al: ZF is not.
        assert_eq!(undefined(&case(&[0x48, 0xf7, 0xe1, 0x48, 0x11, 0xc0]), 0).unwrap().flags, 0);
        assert!(undefined(&case(&[0x0f, 0xaf, 0xc1, 0x0f, 0x94, 0xc0]), 0).is_err());
        // fucomip st, st(3) ; fnstsw ax: C1 is not. fnstsw ax alone: all are.
        assert!(undefined(&case(&[0xdf, 0xeb, 0xdf, 0xe0]), 0).is_err());
        assert!(undefined(&case(&[0xdf, 0xe0]), 0).is_ok());
        // shld ax, cx, 20
        assert!(undefined(&case(&[0x66, 0x0f, 0xa4, 0xc8, 20]), 0).is_err());
    }

    #[test]
    fn a_difference_is_found_and_an_undefined_one_is_not() {
        let mut host = Host::new().unwrap();
        let case = case(&[0x48, 0xf7, 0xe1]);
        let theirs = end(&mut host, &case);
        let mut own = theirs.clone();
        own.after.eflags ^= 0x40;
        let u = undefined(&case, theirs.after.rip).unwrap();
        assert_eq!(differences(&theirs, &own, u), "");
        own.after.gpr[3] ^= 1;
        assert!(differences(&theirs, &own, u).contains("rbx"));
        own.after.gpr[3] ^= 1;
        own.data[9] ^= 1;
        assert!(differences(&theirs, &own, u).contains("byte 0x500009"));
    }
}
